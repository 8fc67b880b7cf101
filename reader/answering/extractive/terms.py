"""What terms mean, an example of one, and what two of them differ in: the sentences that say so, without a decoder.

Small decoders name one of two things, or take a figure of one for the difference, and refuse "Define osmosis". In English, German,
French and Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reader.answering.extractive.introductions import introduced
from reader.answering.extractive.overview import Overview
from reader.answering.passages import Passage, Source, passage_of
from reader.answering.text.excerpts import excerpt
from reader.answering.text.words import bare, mention, stem, subject_words, words_of
from reader.reading import sentences

_DIFFERENCE = re.compile(
    r"(?:and )?(?:(?:what(?: is|['’]s)|explain|describe) (?:the )?(?:main )?(?:difference|distinction) between"
    r"|what distinguishes|how (?:do|does|is|are)(?= .+ differ)|compare|was ist der unterschied zwischen|worin unterscheiden sich"
    r"|quelle est la différence entre|cuál es la diferencia entre|en qué se diferencian) (?P<one>.{1,60}?)"
    r",? (?:and|from|with|to|und|von|et|y|e) (?P<other>.{1,60}?)(?: differ(?:ent)?)?(?: from each other)?",
    re.I,
)
_DEFINE = re.compile(
    r"(?:please )?(?:define|explain|definiere|erkläre|définis(?:sez)?|explique[zr]?|defin[ae]|explica)"
    r"(?: (?:what|was|ce qu['’]est|qué) (?:is|are|ist|sind|es|son)?)?(?: (?:the )?(?:term|word|concept)(?: of)?)? "
    r"(?P<term>.{2,60}?)(?:(?: is| are)? (?:in|with|mit|en) (?:\w+ ){0,2}(?:words?|terms|language|sentences?|worten|mots|palabras)"
    r"| briefly| simply)?",
    re.I,
)
_EXAMPLE = re.compile(
    r"(?:(?:please )?(?:give|name|show)(?: me)?|what (?:is|would be|are)|nenne?|gib(?: mir)?|donnez?(?:-moi)?|da(?:me)?|cita)"
    r" (?:an?|some|one|ein(?:ige)?|un|des|algunos)? ?(?:examples?|instances?|beispiele?|exemples?|ejemplos?)"
    r" (?:of|for|für|von|d['’]|de) ?(?P<term>.{2,60})",
    re.I,
)
_IS_EXAMPLE = re.compile(
    r"\b(?:examples?|for instance|such as|e\.g|beispiel\w*|z\. ?B|etwa|exemple|comme|ejemplo|como)\b", re.I
)
_ARTICLE = re.compile(r"(?:an?|the|der|die|das|de[mn]|eine?[mnr]?|l[ae]s?|une?|el|los|un[ao]?) |l['’]", re.I)
_FIRST = (
    r"[\s\W]*(?:(?:(?:in|bei|dans|en) )?(?:an?|the|der|die|das|eine[rm]?|ein|les?|la|une?|el|los|las|una?) \W*|l['’])?"
)
_ENDED = re.compile(r"[.!?…][\"'”’»)\]*_]*\Z")
_MOST_CHARS, _SENTENCE_CHARS = 160, 400
_NEAR_CHARS = 80
_APART = 3
"""A sentence that has at least so many words between two things says something of each; with fewer it only names both."""


def of_terms(question: str, sources: Sequence[Source]) -> Overview | None:
    """What a document says a term means, an example of it, or what it says of both things whose difference a question asks for;
    None where it does not say so in such words."""
    asked = bare(question)
    if len(asked) > _MOST_CHARS:
        return None
    if found := _DIFFERENCE.fullmatch(asked):
        one, other = (_ARTICLE.sub("", found[part], count=1) for part in ("one", "other"))
        ways = [_difference(one, other, source) for source in sources]
    elif found := _EXAMPLE.fullmatch(asked):
        ways = [_example(found["term"], source) for source in sources]
    elif found := _DEFINE.fullmatch(asked):
        ways = [_told(_ARTICLE.sub("", found["term"], count=1), source) for source in sources]
    else:
        return None
    chosen = sorted(next(filter(None, ways), ()), key=lambda passage: passage.start_char)
    return Overview(" ".join(excerpt(passage.text) for passage in chosen), tuple(chosen)) if chosen else None


def _difference(one: str, other: str, source: Source) -> Sequence[Passage]:
    last = other.split()[-1]
    if " " in other and " " not in one and any(_named(f"{one} {last}").search(page.text) for page in source.read):
        one = f"{one} {last}"  # active and passive transport
    told = [_told(name, source) for name in (one, other)]
    both = list(_of_both(one, other, source))
    return list({*told[0], *told[1], *both[:1]} if all(told) else dict.fromkeys(both[:2]))


def _named(name: str) -> re.Pattern[str]:
    """What matches a name in the singular and in the plural."""
    words = mention(name if " " in name else stem(name)).pattern.removesuffix(r"(?!\w)")
    return re.compile(rf"{words}\w{{0,3}}(?!\w)", re.I)


def _told(name: str, source: Source) -> Sequence[Passage]:
    """The sentence that says what something is, or else the first one that begins with it."""
    if found := introduced(name, source, is_thing=True):
        return found[:1]
    begins = re.compile(_FIRST + _named(name).pattern, re.I)
    return [passage for passage, text in _sentences(source) if begins.match(text)][:1]


def _of_both(one: str, other: str, source: Source) -> Iterator[Passage]:
    """The sentences that name both things, apart from each other."""
    first, second = _named(one), _named(other)
    for passage, text in _sentences(source):
        places = sorted(found.span() for found in (first.search(text), second.search(text)) if found)
        if len(places) == 2 and len(words_of(text[places[0][1] : places[1][0]])) >= _APART:
            yield passage


def _example(term: str, source: Source) -> Sequence[Passage]:
    """The first sentence that gives an example and has all words of a term, be it with the one before it."""
    words = {stem(word) for word in subject_words(term)}
    before: tuple[Passage, ...] = ()
    known: set[str] = set()
    for passage, text in _sentences(source):
        own = {stem(word) for word in words_of(text)}
        if found := _IS_EXAMPLE.search(text):
            near = text[max(0, found.start() - _NEAR_CHARS) : found.end() + _NEAR_CHARS]
            if words <= {stem(word) for word in words_of(near)}:
                return (passage,)
            if words & known and words <= own | known:
                return (*before, passage)
        before, known = (passage,), own
    return ()


def _sentences(source: Source) -> Iterator[tuple[Passage, str]]:
    for page in source.read:
        for start, end in sentences(page.text):
            text = page.text[start:end]
            if len(text) <= _SENTENCE_CHARS and _ENDED.search(text) and not text.rstrip().endswith("?"):
                yield passage_of(page, start, end), text
