"""Who somebody is, in the sentences of a document that introduce them, without a decoder.

A sentence introduces somebody if it says what they are: "Peter Blood, bachelor of medicine", "the millwright Tobias Fenn", "of the
name of Hans Van Ripper", "his name is Tom Fell, now a miller", "Mara was a glazier", "Harrow Estates (the "Landlord")". Whoever is
named two or three times is introduced by these sentences. With them in sight, the bundled decoders take somebody else's trade.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from reader.answering.extractive.notes import NO_PROSE
from reader.answering.passages import Passage, Source, passage_of
from reader.answering.text.definitions import definitions
from reader.answering.text.words import mention, stem
from reader.reading import sentences
from reader.wording import SENTENCE_ENDS

_SOON_CHARS = 60_000
"""How far behind the first mention somebody may be introduced."""
_LEAST_WORDS, _MOST_CHARS, _TOO_LONG_CHARS = 5, 420, 2000
_FEW = 3
"""Sentences that are all that is said of somebody."""
_TELLING, _TELLING_MORE = 3.4, 3.0
"""A sentence that scores less does not say who they are; a second one may say a little less."""
_IS_SCORE = 4.0
_FIRST, _LATE, _SHORTER = 1.5, 1.0, 0.5
"""What the first mention scores more, one at the end of that stretch less, and one by a part of the name less."""

_A = r"(?:an?|the|one of|some|his|her|my|our|their|its|eine?|der|die|das|sein|seine|ihre?|une?|la|le|son|sa|una?|el|su)\b"
_KIN = r"(?:son|daughter|wife|widow|brother|sister|father|mother|husband|uncle|aunt|nephew|niece|cousin|friend|head|chief|master)\b"
_VAGUE = r"(?! (?:same|first|last|only|very|more|most|less|little|bit|different|good deal|great deal|speaker|matter)\b)"
_IS = re.compile(rf" (?:is|was|are|were|ist|war|est|était|es|era) {_A}{_VAGUE}", re.I)
_NOT_SUBJECT = re.compile(
    r"\b(?:of|in|at|by|with|for|to|from|on|near|beside|behind|before|after|about|von|in|bei|mit|für|zu|aus|de|à|chez|avec|pour|con|por)"
    r"(?: (?:the|an?|der|dem|den|la|le|el))? $",
    re.I,
)
"""Behind this, what *is* follows belongs to another name: the mother of Mara Fell was a glazier."""
_QUALITY = (
    r"(?:[\w-]*(?:ly|ed|able|ible|ous|ful|less|some|ive|ing|al|ic|ish)|own|little|poor|old|young|good|great|dear|gentle|fair|brave|other"
    r"|whole|late|new|for|of|to|in|at|with|and|or|from|by|on|upon|that|when|than|as|was|is|had|but|like|about|before|after|said)\b"
)
_BEHIND = (
    (4.0, re.compile(rf"(?:,| \() ?(?:(?:now|then|once|formerly|later|today) )?(?:{_A}|{_KIN}|of\b)", re.I)),
    (
        3.0,
        re.compile(
            r", (?!(?:who|which|and|but|or|as|when|where|said|I|you|he|she|it|they|we)\b)[a-z]\w+ (?:of|to|in|at)\b"
        ),
    ),
    # Where its abbreviation follows, it is mostly introduced.
    (2.0, re.compile(r", (?:who|whose)\b| ?(?:--|[–—])| \([A-Z][\w&-]{1,9}\)")),
)
_BEFORE = (
    (4.0, re.compile(rf"\b(?:{_A}) (?:\w+ )?{_KIN},? $", re.I)),
    (
        4.0,
        re.compile(
            r"\b(?:(?:nick|sur)?named|called|known as|(?:by|of) the name of|(?:nick|sur)name of|namens|nommée?|appelée?|llamad[oa])"
            r" (?:\w+ )?$",
            re.I,
        ),
    ),
    (2.0, re.compile(r"\b(?:his|her|my|whose|their) name (?:is|was) $", re.I)),
    (2.5, re.compile(rf"\b(?:{_A}|old|young) (?:[a-zäöüéè-]+ )?(?!{_QUALITY})[a-zäöüéè-]{{3,}},? $")),
)
"""Patterns for the text after a name and before it, with scores: the higher, the surer that it says who somebody is."""
_EXPLAINS = re.compile(
    r"[\"”»’'*_]{0,3}(?: \([^()]{1,60}\))?,?"
    rf"(?: (?:is|are|ist|sind|est|sont|es|son) (?:an?|any|one of|eine?|une?|un[ao]?)\b{_VAGUE}"
    r"| are (?:\w+ ){1,3}(?:that|which|who|whose|where)\b| (?:occurs|arises) (?:if|when|because)\b"
    rf"| (?:is|are) the\b{_VAGUE}(?: \w+){{1,4}} (?:that|which|who|whose|where|of|for|by|you|we)\b"
    r"| (?:(?:is|are) defined as|means?|refers? to|denotes?|consists? of|comprises?|bedeute[nt]+|bezeichne[nt]+|désigne"
    r"|significan?)\b)",
    re.I,
)
"""How a sentence continues behind a term that it explains."""
_TERM_FIRST = (
    r"\A(?:[^\W\d]\w+, )?(?:(?:an?|the|each|every|any|eine?|der|die|das|une?|l[ae]|el|un[ao]?) )?[\"“„«‘'*_]{0,3}"
)
_TERM_LAST = (
    r"\b(?:is|are) (?:what [\w ]{0,40}?)?(?:call(?:ed)?|known as|refer(?:red)? to as|termed)(?: an?| the)? [\"“„«‘']?"
)
_REST_OF_NAME = re.compile(r"(?: [^\W\d_a-zß-ÿ][\w'’-]*){1,4}(?![\w.])")
_FIRST_NAMES = re.compile(r"(?:(?<!\S)[^\W\d_a-zß-ÿ][\w'’-]*\.? ){1,4}\Z")
_FIRST_NAMES_CHARS = 60
_ENDED = re.compile(rf"[.!?…{SENTENCE_ENDS}][\"'”’»)\]*_]*$")
_QUOTE = re.compile(r"[“”\"]")


def introduced(words: str, source: Source, *, is_thing: bool = False) -> list[Passage]:
    """The sentences of a document, two at most and in its order, that say who somebody is; none where no sentence does.

    Args:
        is_thing: whether it is asked what something is. To name a thing is not to say what it is, however seldom it is named.
    """
    if definition := (is_thing and _explained(words, source)) or defined(words, source):
        return definition
    ranked = rank_introductions(words, source)
    few = 0 if is_thing else _FEW
    if not ranked or (len(ranked) > few and ranked[0][0] < _TELLING):
        return []
    chosen = [passage for score, passage in ranked[:2] if passage == ranked[0][1] or score >= _TELLING_MORE]
    return sorted(chosen, key=lambda passage: passage.start_char)


def defined(words: str, source: Source) -> list[Passage]:
    """The first sentence of a document that defines a term, as contracts do; none where no sentence does."""
    stems = [stem(word) for word in words.casefold().split()]

    def defines(text: str) -> bool:
        return any([stem(word) for word in term.casefold().split()] == stems for term, _ in definitions(text))

    pages = (page for page in source.read if defines(page.text))
    found = (
        passage_of(page, start, end)
        for page in pages
        for start, end in sentences(page.text)
        if defines(page.text[start:end])
    )
    return list(islice(found, 1))


def _explained(words: str, source: Source) -> list[Passage]:
    """The first sentence of a document that begins with a term and says what it is, or else ends with what is called so."""
    end_mark = r"(?!\w)"
    term = mention(words.removesuffix("s")).pattern.removesuffix(end_mark) + rf"s?{end_mark}"
    named, first, last = (re.compile(before + term, re.I) for before in ("", _TERM_FIRST, _TERM_LAST))
    called: list[Passage] = []
    for page in source.read:
        if not named.search(page.text):
            continue
        for start, end in sentences(page.text):
            text = " ".join(page.text[start:end].split()) if end - start <= _MOST_CHARS else ""
            if not _ENDED.search(text):
                continue
            if (found := first.match(text)) and _EXPLAINS.match(text, found.end()):
                return [passage_of(page, start, end)]
            if not called and (found := last.search(text)) and not text[found.end() :].strip(".!”\"»’')"):
                called.append(passage_of(page, start, end))
    return called


def rank_introductions(words: str, source: Source) -> list[tuple[float, Passage]]:
    """(how surely it says who they are, sentence) for the sentences that name somebody, the surest first."""
    found = list(_naming(words, source))
    late = [(passage.start_char - found[0][1].start_char) / _SOON_CHARS for _, passage in found]
    scored = [(score - _LATE * share, passage) for share, (score, passage) in zip(late, found, strict=True)]
    return sorted(scored, key=lambda one: (-one[0], one[1].start_char))


def _naming(words: str, source: Source) -> Iterator[tuple[float, Passage]]:
    """The same in document order, wherever they stand."""
    name = mention(words)
    parts = words.split()
    shorter = [mention(parts[0]), mention(parts[-1])] if len(parts) > 1 else []
    first_char: int | None = None
    for page in source.read:
        if first_char is not None and page.start_char > first_char + _SOON_CHARS:
            break
        if not name.search(page.text) and (first_char is None or not any(one.search(page.text) for one in shorter)):
            continue
        for start, end in sentences(page.text):
            if end - start > _TOO_LONG_CHARS:
                continue
            text = " ".join(page.text[start:end].split())
            if len(text.split()) < _LEAST_WORDS or not _ENDED.search(text) or NO_PROSE.search(text):
                continue
            scores = [_telling(text, found) for found in name.finditer(text) if not found[0][0].islower()]
            if scores and first_char is None:
                first_char = page.start_char + start
                scores = [score + _FIRST for score in scores]
            if first_char is not None:
                scores += [
                    _telling(text, found) - _SHORTER
                    for one in shorter
                    for found in one.finditer(text)
                    if _is_alone(text, found)
                ]
            if scores:
                yield max(scores), passage_of(page, start, end)


def _telling(text: str, name: re.Match[str]) -> float:
    """How surely a sentence says who it names, be it by a part of a longer name: Peter by Peter Blood."""
    front = text[: name.start()]
    whole = _FIRST_NAMES.search(front, max(0, len(front) - _FIRST_NAMES_CHARS))
    fronts = (front, front[: whole.start()] if whole else front)
    rest = _REST_OF_NAME.match(text, name.end())
    end = rest.end() if rest else name.end()
    behind = max((score for score, pattern in _BEHIND if pattern.match(text, end)), default=0.0)
    if _IS.match(text, end) and not any(map(_NOT_SUBJECT.search, fronts)):
        behind = max(behind, _IS_SCORE)
    before = max((score for score, pattern in _BEFORE if any(map(pattern.search, fronts))), default=0.0)
    is_said = _QUOTE.match(text) is not None or len(_QUOTE.findall(front)) % 2
    return behind + before - 0.5 * bool(is_said) - (len(text) > _MOST_CHARS)


def _is_alone(text: str, name: re.Match[str]) -> bool:
    """Whether a part of a name is not part of another's: Mrs. Pitt, Jeremy Blood."""
    before, behind = text[: name.start()].split(), text[name.end() :].split()
    return (
        name[0][0].isupper() and not (before and before[-1][:1].isupper()) and not (behind and behind[0][:1].isupper())
    )
