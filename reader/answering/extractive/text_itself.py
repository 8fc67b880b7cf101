"""Questions about the text itself, without a decoder: how often and where it has a word, how many pages, words and chapters it has,
what a chapter is called, where it begins, who is in it and which one is about something, and what the first and last sentences are.

In English, and the commonest in German, French and Spanish. Of one document at a time, once it is read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby, islice, pairwise
from operator import itemgetter

from reader import wording
from reader.answering.extractive.overview import Overview, body, section_named, spans_of
from reader.answering.passages import Passage, Source, passage_of, sentence_at
from reader.answering.refusal import NOT_SAID
from reader.answering.text.headings import CHAPTER, NUMBER, ORDINAL, number_of
from reader.answering.text.languages import language_of
from reader.answering.text.outline import Section, chapter, counted
from reader.answering.text.people import people
from reader.answering.text.words import bare, content_words, mention, stem, words_of
from reader.answering.wholes import TEXTS
from reader.reading import sentences
from reader.wording import SENTENCE_ENDS
from storage import PageRecord

_IT = (
    rf"(?:it|this|(?:the|this|that)(?: whole)? {TEXTS}|(?:das|der|dieses|dieser) (?:buch|text|dokument)"
    r"|(?:le|ce) (?:livre|texte|document)|(?:el|este) (?:libro|texto|documento))"
)
_HERE = rf"(?: (?:here|in total|altogether|anywhere|at all|(?:in|im|dans|en) (?:{_IT}|buch|text|dokument)))?"
_A = r"(?:(?:the|an?|any|der|die|das|une?|l[ae]|les|el|los|las) )?(?:(?:words?|names?|phrases?|terms?|wort|name|mot|nom|palabra) )?"
_THE_WORD = r"the (?:words?|names?|phrases?|terms?)"
_WORDS = r"(?P<words>[^?]{1,60}?)"
_SEEN = r"(?:mentioned|named|used|occurs?|appears?|erwähnt|genannt|vor|mentionnée?s?|apparaît|apparaissent)"
_FOUND = r"(?:mentioned|appears?)"
_PLACE = r"(?P<place>[^?]{1,80}?)"
_PART = rf"(?:{CHAPTER}|story|tale)"
_TEXT = (
    r"(?:(?:the|this|that)(?: whole)? (?:book|text|document|paper|article|novel|pdf|file)"
    r"|(?:das|dieses) (?:buch|dokument)|(?:der|dieser) text)"
)
_SAID = {
    "en": ("page pages", "word words", "time times", "Yes", "No, “{words}” stands nowhere in the text."),
    "de": ("Seite Seiten", "Wort Wörter", "mal mal", "Ja", "Nein, „{words}“ steht nirgends im Text."),
    "fr": ("page pages", "mot mots", "fois fois", "Oui", "Non, « {words} » n’est nulle part dans le texte."),
    "es": ("página páginas", "palabra palabras", "vez veces", "Sí", "No, «{words}» no está en el texto."),
}
_NO_TERM = re.compile(r"\b(?:who|whom|whose|what|when|where|which|why|how|that|and|or|but|if|not)\b", re.I)
_PRONOUN = re.compile(
    r"(?:he|she|it|they|him|her|them|i|me|we|us|you|(?:any|some|no|every)(?:one|body|thing| one)|one|others?)\b|.*\belse\b",
    re.I,
)
"""What is no term, unless the question calls it a word."""
_IS_WORD = re.compile(r"\b(?:words?|names?|phrases?|terms?|wort|mot|palabra) \W*\Z", re.I)
_THE = re.compile(r"\b(?:the|der|die|das|l[ae]s?|el|los) \W*\Z", re.I)
_OF = re.compile(r"\bof\b|['’]s\b|s['’](?!\w)", re.I)
_HEADED = re.compile(rf"^[ \t]*(?P<title>(?:{CHAPTER})[ \t]+(?:{NUMBER})\b)[^\n]{{0,80}}$", re.I | re.M)
_MOST_WORDS = 5
"""So many words may be looked for as they are."""
_MOST_PLACES, _MOST_OF_NAME, _LEAST_LETTERS = 6, 3, 4
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_ENDED = re.compile(rf"[.!?…{SENTENCE_ENDS}:;][\"'”’»)\]*_]*\s*\Z")
_MOST_ALIKE = 0.5
"""Chapters that have so many of the words as the one with the most are about them, too."""


class _Asked:
    """A question about a text: the match of its pattern, and the document."""

    def __init__(self, found: re.Match[str], source: Source) -> None:
        self._found, self.source = found, source
        self.pages, self.words, self.times, self.yes, self._no = _SAID[language_of(found.string)]

    def __getitem__(self, name: str) -> str:
        """What the pattern's group matched; "" without."""
        named = self._found.groupdict()
        return (named.get(name) or "").strip(wording.QUOTES)

    @property
    def term(self) -> str:
        """The words that are looked for; "" where they are more than a name or a term."""
        words = self["words"]
        is_other = _NO_TERM.search(words) or (_PRONOUN.match(words) and not _IS_WORD.search(self.before))
        return "" if len(words.split()) > _MOST_WORDS or is_other else words

    @property
    def before(self) -> str:
        """The question up to the words that are looked for."""
        return self._found.string[: self._found.start("words")]

    @property
    def is_described(self) -> bool:
        """Whether they say what something is, as *the length of the bridge* does, and are neither a name nor a term."""
        words = self["words"]
        return bool(_OF.search(words) or (_THE.search(self.before) and not words[:1].isupper()))

    @property
    def no(self) -> str:
        """That the text does not have the words."""
        return self._no.format(words=self["words"])

    def mentions(self) -> list[tuple[PageRecord, list[int]]]:
        """The pages with the term, and where each has it; where it is a name such as May, without what is in small letters."""
        pattern = mention(self.term) if self.term else re.compile("(?!)")
        found = [(page, one) for page in self.source.pages for one in pattern.finditer(page.text)]
        if not self.term.islower() and any(not one[0].islower() for _, one in found):
            found = [(page, one) for page, one in found if not one[0].islower()]
        return [(page, [one.start() for _, one in own]) for page, own in groupby(found, key=itemgetter(0))]

    def section(self) -> Section | None:
        """The chapter or page that is named; None where several have its number, or chapters have other headings."""
        if found := re.fullmatch(_NUMBERED, self["place"], re.I):
            return _numbered(found, self.source)
        section, place = section_named(self["place"], self.source), self["place"]
        # No chapter that has the words in a long heading.
        is_meant = section and 3 * len(content_words(place)) >= len(content_words(section.title))
        return section if is_meant or re.search(CHAPTER, place, re.I) else None


def _with_sentences(source: Source) -> list[Section]:
    return [section for section in body(source) if _beginning(section)]


def chapters(source: Source) -> list[Section]:
    """The sections that have sentences and count as chapters; none where chapters are headed within them."""
    told = _with_sentences(source)
    if not any(section.number for section in told):
        within = {one["title"].casefold() for page in source.pages for one in _HEADED.finditer(page.text)}
        return told if len(within) < 2 else []
    return counted(told)


def _numbered(named: re.Match[str], source: Source) -> Section | None:
    """The chapter that is named by its number or place; None where several have the number."""
    own, at = chapters(source), _place(named)
    is_clear = sum(section.number == at for section in own) < 2 and not (named["story"] and any(s.number for s in own))
    printed = f"{at}{named['parts']}" if named["parts"] else ""
    return chapter(_with_sentences(source), at, printed) if own and is_clear else None


def _place(named: re.Match[str]) -> int:
    """The number of a chapter, below zero from the last one."""
    if named["last"]:
        return -2 if named["but"] or named["but_one"] else -1
    at = number_of(named["number"] or named["nth"] or "2")
    return -at if named["to_last"] or named["from_end"] or named["before_last"] else at


def of_text(question: str, sources: Sequence[Source]) -> Overview | None:
    """What the text itself tells to a question about it; None for other questions, and where there are several documents."""
    text = bare(question)
    if len(sources) != 1 or not sources[0].is_read:
        return None
    for pattern, way in _WAYS:
        if (found := pattern.fullmatch(text)) and (said := way(_Asked(found, sources[0]))):
            return said
    return None


def _how_often(asked: _Asked) -> Overview | None:
    if not asked.term:
        return None
    named = asked.mentions()
    count = sum(len(places) for _, places in named)
    pages = [wording.place(page.label, page.number) for page, _ in named]
    shown = wording.places(pages[:_MOST_PLACES]) + (
        f" … {len(pages) - _MOST_PLACES:,} more" if len(pages) > _MOST_PLACES else ""
    )
    firsts = tuple(sentence_at(page, places[0]) for page, places in named[:_MOST_PLACES])
    return Overview(_counted(count, asked.times) + f": {shown}" * bool(shown), firsts)


def _is_mentioned(asked: _Asked) -> Overview | None:
    """Yes, with the first sentence; no to a name or a term of which a word stands nowhere, as other words may say the same."""
    if not asked.term:
        return None
    for page, places in asked.mentions():
        said = sentence_at(page, places[0])
        return Overview(f"{asked.yes}. {' '.join(said.text.split())}", (said,))
    known = {stem(word) for page in asked.source.pages for word in words_of(page.text)}
    words = {stem(word) for word in content_words(asked.term)} - known
    # "Swimming" where the text has "swim"
    is_akin = asked.term.islower() and any(_is_akin(word, other) for word in words for other in known)
    if not words or is_akin or asked.is_described or len(content_words(asked.term)) > _MOST_OF_NAME:
        return None
    return Overview(asked.no, ())


def _is_akin(word: str, other: str) -> bool:
    """Whether one of two words begins with the other."""
    return min(len(word), len(other)) >= _LEAST_LETTERS and (word.startswith(other) or other.startswith(word))


def _first_mention(asked: _Asked) -> Overview | None:
    at = -1 if asked["last"] else 0
    for page, places in asked.mentions()[:1] if at == 0 else asked.mentions()[-1:]:
        return _with_place(sentence_at(page, places[at]))
    return None


def _edge(asked: _Asked) -> Overview | None:
    """The first or last sentences, or paragraph, of the whole or of a part; headings are none."""
    told = _with_sentences(asked.source)
    parts = [asked.section()] if asked["place"] else told[:1] if asked["first"] else told[-1:]
    read = [(page, spans_of(section, page)) for section in parts if section for page in section.pages]
    if not parts:
        read = [(page, [*sentences(page.text)]) for page in asked.source.pages]
    for page, spans in read if asked["first"] else reversed(read):
        said = [span for span in spans if _is_sentence(page.text[slice(*span)])]
        said = _paragraphs(page.text, said) if asked["paragraph"] else said
        count = number_of(asked["count"]) if asked["count"] else 1
        if chosen := said[:count] if asked["first"] else said[-count:]:
            passage = passage_of(page, chosen[0][0], chosen[-1][1])
            return Overview(" ".join(passage.text.split()), (passage,))
    return None


def _is_sentence(text: str) -> bool:
    """Whether it is no heading."""
    return bool(_ENDED.search(text)) and not text.isupper()


def _paragraphs(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The sentences between two blank lines together."""
    found: list[tuple[int, int]] = []
    for start, end in spans:
        if found and "\n\n" not in text[found[-1][1] : start]:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def _size(asked: _Asked) -> Overview | None:
    if asked["chapters"]:
        told = chapters(asked.source)
        if asked["story"] and any(section.number for section in told):
            return None
        return Overview(f"{len(told):,}\n{_listed(told)}", tuple(map(_heading, told))) if told else _absent(asked)
    pages = _counted(len(asked.source.pages), asked.pages)
    words = _counted(sum(len(_WORD.findall(page.text)) for page in asked.source.pages), asked.words)
    return Overview(pages if asked["pages"] else words if asked["count"] else f"{pages}, {words}", ())


def _heading(section: Section) -> Passage:
    """The line of a section's heading."""
    page = section.pages[0]
    start = max(0, section.start_char - page.start_char)
    return passage_of(page, start, start + len(page.text[start:].partition("\n")[0]))


def _listed(told: Sequence[Section]) -> str:
    return "\n".join(f"• {section.title}" for section in told)


def _called(asked: _Asked) -> Overview | None:
    section = asked.section()
    return Overview(section.title, _beginning(section)) if section and section.title else _absent(asked)


def _absent(asked: _Asked) -> Overview | None:
    """That a document has no headings, or fewer chapters, as small decoders make some up."""
    own, named = chapters(asked.source), re.fullmatch(_NUMBERED, asked["place"], re.I)
    numbers = [section.number for section in own]
    is_all = not any(numbers) or numbers == [*range(1, len(own) + 1)]
    is_behind = named and own and is_all and not named["story"] and abs(_place(named)) > len(own)
    return Overview(NOT_SAID, ()) if is_behind or not body(asked.source) else None


def _several_called(asked: _Asked) -> Overview | None:
    """The first or last few chapters, or those from one number to another."""
    own = chapters(asked.source)
    if asked["from"]:
        numbers = range(int(asked["from"]), int(asked["to"]) + 1)
        told = [one for at, one in enumerate(own, start=1) if (one.number or at) in numbers]
    else:
        count = number_of(asked["count"]) if asked["count"] else len(own)
        told = own[:count] if asked["first"] else own[-count:]
    return Overview(_listed(told), tuple(first for one in told for first in _beginning(one))) if told else None


def _beside(asked: _Asked) -> Overview | None:
    """The chapter behind or before another."""
    own, section = chapters(asked.source), asked.section()
    at = next((at for at, one in enumerate(own) if section and one.start_char == section.start_char), None)
    if at is None:
        return None
    at += 1 if asked["after"] else -1
    return Overview(own[at].title, _beginning(own[at])) if 0 <= at < len(own) else Overview(NOT_SAID, ())


def _number(asked: _Asked) -> Overview | None:
    """A chapter's heading with its number, or its place."""
    section = asked.section()
    for at, one in enumerate(chapters(asked.source) if section else (), start=1):
        if section and one.start_char == section.start_char:
            return Overview(one.title if one.number else f"{at}: {one.title}", _beginning(one))
    return None


def _begins(asked: _Asked) -> Overview | None:
    """The page of a chapter's heading, with its first sentence."""
    section = asked.section()
    if section is None or not (first := _beginning(section)):
        return None
    page = section.pages[0]
    return Overview(f"{wording.place(page.label, page.number)}: {' '.join(first[0].text.split())}", first)


def _about(asked: _Asked) -> Overview | None:
    """The chapters whose headings have all of the words, else those that have them most often."""
    words = [stem(word) for word in content_words(asked["words"])]
    told, counted = chapters(asked.source), []
    for section in told:
        if set(words) <= {stem(word) for word in words_of(section.title)}:
            return Overview(section.title, _beginning(section))
        own = Counter(stem(word) for word in _WORD.findall(_text(section).lower()))
        counted.append((min((own[word] for word in words), default=0), section))
    most = max((count for count, _ in counted), default=0)
    best = [section for count, section in counted if most and count > _MOST_ALIKE * most]
    if not best or len(best) > len(told) // 2:
        return None
    return Overview(
        "\n".join(section.title for section in best), tuple(first for one in best for first in _beginning(one))
    )


def _told_in(asked: _Asked) -> Overview | None:
    """The only chapter in which two sentences together have all of the words, with the first such sentences."""
    words, told = {stem(word) for word in content_words(asked["words"])}, list[tuple[Section, Passage]]()
    for section in chapters(asked.source) if words else ():
        pairs = (
            passage_of(page, start, end)
            for page in section.pages
            for (start, _), (_, end) in pairwise(spans_of(section, page))
            if words <= {stem(word) for word in words_of(page.text[start:end])}
        )
        told += [(section, first) for first in islice(pairs, 1)]
    return Overview(told[0][0].title, (told[0][1],)) if len(told) == 1 else None


def _people(asked: _Asked) -> Overview | None:
    # The people in the boat need not be those of a chapter that is called *The Boat*.
    section, place = asked.section(), asked["place"]
    is_title = section and len(content_words(place)) > 1 and mention(place).search(section.title)
    is_meant = section and (is_title or re.fullmatch(_NUMBERED, place, re.I))
    names = [one.name for one in people(_text(section))] if section and is_meant else []
    return Overview(", ".join(names), _beginning(section)) if len(names) > 1 and section else None


def _longest(asked: _Asked) -> Overview | None:
    counted = [(len(_WORD.findall(_text(section))), section) for section in chapters(asked.source)]
    if len(counted) < 2:
        return None
    count, section = (max if asked["longest"] else min)(counted, key=lambda one: one[0])
    return Overview(f"{section.title} ({_counted(count, asked.words)})", _beginning(section))


def _counted(count: int, names: str) -> str:
    one, several = names.split()
    return f"{count:,} {one if count == 1 else several}"


def _text(section: Section) -> str:
    return "\n".join(map(section.part_of, section.pages))


def _beginning(section: Section) -> tuple[Passage, ...]:
    """The first sentence of a section."""
    return tuple(passage_of(page, *span) for page in section.pages for span in spans_of(section, page)[:1])[:1]


def _with_place(said: Passage) -> Overview:
    return Overview(f"{wording.place(said.label, said.page)}: {' '.join(said.text.split())}", (said,))


_EDGE = (
    r"(?:what (?:is|are|was|were)|quote|show me|give me|wie laute[nt]|was (?:ist|sind)|quelles? (?:est|sont)|cuáles? (?:es|son))"
    r" (?:the |der |die |das |la |les |el |las )?(?:very )?"
    r"(?:(?P<first>first|opening|erste[nr]?|premi(?:er|ère)s?|primer[ao]s?)"
    r"|last|final|closing|letzte[nr]?|derni(?:er|ère)s?|últim[ao]s?)(?: (?P<count>two|three|four|five|[2-9]))?"
    r" (?:sentences?|(?P<paragraph>paragraphs?|absatz|absätze|paragraphes?|párrafos?)|sätze|satz|phrases?|frases?)"
    rf"(?: (?:of|in|on|from|im|in|auf|von|der|des|du|de|dans|en|del) (?:{_IT}|{_PLACE}))?"
)
_HOW_MANY = (
    r"(?:how (?P<count>many)|wie ?(?P<viele>viele)|combien (?P<de>de)|cuánt(?P<os>[oa]s))"
    rf" (?:(?P<pages>pages?|seiten|páginas)|(?P<chapters>{CHAPTER}|(?P<story>stories|tales))|words?|wörter|mots|palabras)"
    rf" (?:(?:are|is) there{_HERE}|(?:does|do) {_IT} have|(?:has|have) {_IT}"
    rf"|(?:hat|gibt es|a|hay|tiene|y a-t-il|contient)(?: {_IT}|{_HERE})?)"
)
_SAYS = (
    rf"(?:{CHAPTER}|story|tale) (?:(?:is|are|was|deals?|talks?|tells?|speaks?|treats?) (?:about|with|of|on)"
    r"|discusses|covers|describes|explains)"
)
_IN_IT = rf"(?: (?:in|im) (?:{_IT}|buch|text|dokument))?"
_IS = r"(?:is|are|was|were)"
_WHERE = rf"(?:where|on (?:which|what) page) (?:{_IS}|does|do)"
_ASK = (
    r"(?:(?:what|which)(?: is| are| was|['’]s)|(?:(?:can|could) you )?(?:please )?(?:name|list|give(?: me)?|tell me|show me)"
    r"|wie laute[nt]|nenne(?: mir)?|quels? (?:est|sont)|donne-moi|cuál(?:es)? (?:es|son)|dime)"
    r"(?: the| der| den| die| le| les| el| los)?"
)
_NAME = r"(?:titles?|names?|headings?|titeln?|überschrift(?:en)?|titres?|noms?|títulos?|nombres?)"
_OF_PART = r" (?:(?:of|von|du|de|del|des) )?"
_COMES = r"(?:comes?|is|stands?)(?: (?:right|directly|just|immediately|next))?"
_CALLED = r"(?:called|titled|named|headed)"
_THE_PART = r"(?:(?:the|der|die|das|dem|des|den|le|la|du|el|del) |l['’])?"
_NUMBERED = (
    rf"{_THE_PART}(?:(?:{CHAPTER}) (?P<number>{NUMBER})(?P<parts>(?:\.\d+)*)"
    r"|(?:(?P<last>last|final|letzte[nrs]?|derni(?:er|ère)|[uú]ltim[oa])(?P<but> but one)?"
    r"|(?P<before_last>next[- ]to[- ]last|penultimate|vorletzte[nrs]?|avant-derni(?:er|ère)|pen[uú]ltim[oa])"
    rf"|(?P<nth>{ORDINAL}|\d{{1,4}}(?=(?:st|nd|rd|th)\b))(?:(?<=\d)(?:st|nd|rd|th))?(?P<to_last>[- ](?:to[- ])?last)?)"
    rf" (?:{CHAPTER}|(?P<story>story|tale))(?P<but_one> but one)?(?P<from_end> from the end)?)"
)
"""A chapter by its number or its place."""
_NTH = f"(?P<place>{re.sub('[?]P<[a-z_]+>', '?:', _NUMBERED)})"
_NAMED = rf"(?:{_THE_PART}{_PART} (?:(?:called|titled|named|on) )?(?!{NUMBER}))?{_PLACE}"
_WHO = (
    r"(?:who (?:is|are|appears?|speaks?)|(?:which|what) (?:people|persons|characters) (?:are|appear|act|speak|occur)"
    r"|who are the (?:people|persons|characters)|(?:name|list) (?:all )?the (?:people|persons|characters))(?: named| mentioned)?"
)
_WAYS = tuple(
    (re.compile(pattern, re.I), way)
    for pattern, way in (
        (rf"how (?:often|many times) {_IS} {_A}{_WORDS} (?:mentioned|named){_HERE}", _how_often),
        (rf"how (?:often|many times) (?:{_IS}|does|do) {_THE_WORD} {_WORDS} {_SEEN}{_HERE}", _how_often),
        (rf"how (?:often|many times) does {_IT} (?:mention|name|(?:use|contain) {_THE_WORD}) {_A}{_WORDS}", _how_often),
        (rf"wie oft (?:wird|werden|kommt|kommen) {_A}{_WORDS}{_IN_IT} {_SEEN}", _how_often),
        (rf"combien de fois (?:est|sont) {_A}{_WORDS} {_SEEN}{_HERE}", _how_often),
        (rf"cuántas veces (?:aparecen?|se mencionan?) {_A}{_WORDS}{_HERE}", _how_often),
        (rf"does {_IT} (?:ever )?(?:mention|(?:contain|use) {_THE_WORD}) {_A}{_WORDS}", _is_mentioned),
        (rf"{_IS} {_A}{_WORDS} (?:ever )?mentioned{_HERE}", _is_mentioned),
        (rf"is there (?:any|a) mention of {_A}{_WORDS}{_HERE}", _is_mentioned),
        (rf"(?:wird|werden|kommt) {_A}{_WORDS}{_IN_IT} {_SEEN}", _is_mentioned),
        (rf"{_WHERE} {_A}{_WORDS} (?:first|(?P<last>last)) {_FOUND}{_HERE}", _first_mention),
        (rf"{_WHERE} {_THE_WORD} {_WORDS} (?:first|(?P<last>last)) {_SEEN}{_HERE}", _first_mention),
        (rf"{_WHERE} {_A}{_WORDS} {_FOUND}{_HERE} for the (?:first|(?P<last>last)) time", _first_mention),
        (_EDGE, _edge),
        (rf"(?:how (?:long|big) is|wie lang ist) {_TEXT}", _size),
        (_HOW_MANY, _size),
        (rf"{_ASK} {_NAME}{_OF_PART}{_NTH}", _called),
        (
            rf"(?:(?:can you )?(?:please )?name|nenne|(?:what|which)(?: is|['’]s)(?! (?:the )?(?:{CHAPTER}) )) {_NTH}",
            _called,
        ),
        (rf"{_ASK} {_NTH}['’]s? {_NAME}", _called),
        (rf"(?:what|how)(?: is|['’]s| was) {_NTH} {_CALLED}", _called),
        (rf"(?:can you )?tell me what {_NTH} is {_CALLED}", _called),
        (rf"(?:wie heißt|comment s['’]appelle|cómo se llama) {_NTH}", _called),
        (
            rf"{_ASK}(?: {_NAME} of(?: the)?)? (?:(?P<first>first)|last) (?P<count>{NUMBER}) {_PART}(?: {_CALLED})?",
            _several_called,
        ),
        (rf"{_ASK} (?:{CHAPTER}) {_CALLED}", _several_called),
        (
            rf"{_ASK}(?: {_NAME} of(?: the)?)? {_PART} (?P<from>\d{{1,4}}) (?:to|and|bis|à|a|-) (?P<to>\d{{1,4}})(?: {_CALLED})?",
            _several_called,
        ),
        (
            rf"(?:which|what) {_PART} (?:{_COMES} )?(?:(?P<after>after|behind|follows)|before|precedes) {_NAMED}",
            _beside,
        ),
        (
            rf"{_ASK}(?: {_NAME} of the)? {_PART} (?:{_COMES} )?(?:(?P<after>after|behind|following)|before|preceding) {_NAMED}",
            _beside,
        ),
        (rf"what {_COMES} (?:(?P<after>after)|before) {_NTH}", _beside),
        (rf"what {_COMES} (?:(?P<after>after)|before) {_THE_PART}{_PART} {_PLACE}", _beside),
        (rf"welche[rs]? {_PART} (?:kommt|steht|folgt) (?:(?P<after>nach|hinter|auf)|vor) {_NAMED}", _beside),
        (rf"quel(?:le)? {_PART} (?:(?:vient|est) )?(?:(?P<after>après|suit)|avant|précède) {_NAMED}", _beside),
        (rf"qué {_PART} (?:viene|está|sigue) (?:(?P<after>después de|tras|a)|antes de) {_NAMED}", _beside),
        (rf"(?:what|which) (?:number (?:is|has)|{_PART} number is) {_NAMED}", _number),
        (rf"(?:what|which) number does {_NAMED} have", _number),
        (rf"on (?:which|what) page (?:does|do) {_NAMED} (?:begin|start)", _begins),
        (rf"where does {_NTH} (?:begin|start)", _begins),
        (rf"(?:auf welcher seite beginnt|à quelle page commence|en qué página (?:empieza|comienza)) {_PLACE}", _begins),
        (rf"(?:in )?(?:which|what) {_SAYS} (?P<words>[^?]{{2,80}})", _about),
        (rf"in (?:which|what) (?:{CHAPTER}) (?:{_IS}|does|do|did|has|have) {_WORDS}", _told_in),
        (r"in welche[mn] (?:kapiteln?|abschnitt) (?P<words>[^?]{1,60}?)", _told_in),
        (r"dans quels? chapitres? (?P<words>[^?]{1,60}?)", _told_in),
        (r"en qué capítulos? (?P<words>[^?]{1,60}?)", _told_in),
        (rf"{_WHO} (?:in|of) {_PLACE}", _people),
        (rf"(?:what|which)(?: one)? is the (?:(?P<longest>longest)|shortest) {_PART}{_HERE}", _longest),
        (rf"(?:what|which) {_PART} is (?:the )?(?:(?P<longest>longest)|shortest)", _longest),
        (rf"(?:what|which) {_PART} is {_PLACE}", _number),
    )
)
"""The first pattern that a question matches, and that finds something, answers."""
