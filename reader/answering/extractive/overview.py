"""Answers out of a document's own words, without a decoder: a greeting, its outline, what a page, a chapter or the whole says,
how it begins and ends, whom it names most often, who somebody or what something is, what letters stand for, and on which pages
something is mentioned, what a list of amounts has for something.

Everything but the greeting is cut out of the text: headings, a note about each section, the first sentences of a page
or chapter, the last ones of the document, names, and the sentences that mention something. The bundled decoders, with these
sentences in sight, did worse: SmolLM2 135M repeats a heading, Qwen2.5 Coder 0.5B mixes up who did what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from reader import wording
from reader.answering.extractive.bylines import byline
from reader.answering.extractive.claims import claims
from reader.answering.extractive.entries import entry, leaves_out
from reader.answering.extractive.introductions import defined, introduced
from reader.answering.extractive.notes import SENTENCES, notes
from reader.answering.extractive.parties import party
from reader.answering.extractive.title_pages import FRONT_CHARS, credited, credits_nobody, dated, named_alone, signed
from reader.answering.passages import Passage, Passages, Source, passage_of, sentence_at
from reader.answering.refusal import NOT_SAID
from reader.answering.requests import DATE, LAST, Request, understand
from reader.answering.text.definitions import expansion
from reader.answering.text.excerpts import excerpt
from reader.answering.text.languages import language_of
from reader.answering.text.outline import Section, abstract, chapter, is_front_matter, printed_number, sections, titled
from reader.answering.text.people import people
from reader.answering.text.tables import amount_of, asks_for_amount
from reader.answering.text.words import mention
from reader.reading import sentences
from storage import PageRecord

OVERVIEW_CHARS = 1600
"""About as much as two passages that are looked at again."""

_LISTED = 20
"""The most sections that an overview of the whole takes a sentence of."""

_GREETINGS = {
    "hello": {
        "en": "Hello! Ask me anything about “{title}”.",
        "de": "Hallo! Fragen Sie mich etwas zu „{title}“.",
        "fr": "Bonjour ! Posez-moi une question sur « {title} ».",
        "es": "¡Hola! Pregúnteme lo que quiera sobre «{title}».",
        "ja": "こんにちは。「{title}」について何でも聞いてください。",
    },
    "thanks": {
        "en": "You are welcome. Ask me more about “{title}” whenever you like.",
        "de": "Gern geschehen. Fragen Sie mich gern mehr zu „{title}“.",
        "fr": "Je vous en prie. Posez-moi d'autres questions sur « {title} ».",
        "es": "De nada. Pregúnteme más sobre «{title}» cuando quiera.",
        "ja": "どういたしまして。「{title}」についてまた聞いてください。",
    },
}
_NAMED = {
    "en": "Named most often: {names}.",
    "de": "Am häufigsten genannt: {names}.",
    "fr": "Les noms les plus fréquents : {names}.",
    "es": "Los nombres más frecuentes: {names}.",
    "ja": "最も多く出てくる名前：{names}",
}
_TABLE = re.compile(r"\S \| \S|^\W*(?:Table|Tabelle|Tableau|Tabla|Figure|Abbildung|Abb\.|Fig\.) \d+[.:]", re.M)
_CONCLUSION = re.compile(r"(?:\d+|[IVX]+)\.?\s+(?:conclu|summary|discussion|fazit|zusammenfassung|schluss)", re.I)


@dataclass(frozen=True)
class Overview:
    """What can be said of a request without a decoder."""

    text: str
    passages: tuple[Passage, ...]
    """The passages that the text is made of, in document order."""


def overview(request: Request, question: str, sources: Sequence[Source]) -> Overview | None:
    """What the documents say to a request; None where it asks for a detail, or for a place that there is not."""
    if request.kind in ("hello", "thanks"):
        title = ", ".join(source.title for source in sources)
        return Overview(_GREETINGS[request.kind][language_of(question)].format(title=title), ())
    if request.day is not None and all(leaves_out(request.day, source) for source in sources):
        return Overview(NOT_SAID, ())
    if not request.is_overview:
        return None
    chars, language = OVERVIEW_CHARS // len(sources), language_of(question)
    found = [(source.title, one) for source in sources if (one := _of_document(request, source, chars, language))]
    if not found:
        is_nobody = all(_has_nobody(request, source) for source in sources)
        return Overview(NOT_SAID, ()) if is_nobody else None
    texts = [f"{title}\n{one.text}" if len(sources) > 1 else one.text for title, one in found]
    return Overview("\n\n".join(texts), tuple(passage for _, one in found for passage in one.passages))


def amount(passages: Passages, question: str) -> Overview | None:
    """The amount that a question asks for, if the row of a list has it, or all rows that may be meant; None where no row is."""
    rows = passages.rows_asked(question) if asks_for_amount(question) else ()
    if not rows:
        return None
    return Overview(amount_of(rows[0].text) if len(rows) == 1 else "\n".join(row.text for row in rows), tuple(rows))


def place(request: Request, sources: Sequence[Source]) -> list[tuple[str, int, int]]:
    """(document, start, end) of the page, chapter or entry that a request names; empty where it names none that there is."""
    found = []
    for source in sources:
        section = _section(request, source)
        if section is not None:
            found.append((source.document_id, section.start_char, section.end_char))
    return found


def _of_document(request: Request, source: Source, chars: int, language: str) -> Overview | None:
    if request.kind == "mentions":
        return _mentions(request.words, source, chars)
    if request.kind == "people":
        return _people(source, language)
    if request.kind == "claim":
        return _claimed(request.words, source, chars)
    if request.kind in _OF_WORDS:
        return _OF_WORDS[request.kind](request.words, source)
    if request.kind in ("page", "chapter", "day"):
        section = _section(request, source)
        if section is None and request.words == "conclusions":
            return _claimed("findings", source, chars)
        if section is None:
            return _joined([("", defined(request.words, source))])
        parts = [one for one in sections(source) if section.start_char <= one.start_char < section.end_char][:_LISTED]
        if request.kind != "chapter" or len(parts) < 2:
            return _joined([(section.title, _beginning(section, chars))])
        return _joined([(one.title, said) for one in parts if (said := _beginning(one, chars // len(parts)))])
    read = [section for section in sections(source) if section.start_char < source.chars_read]
    if request.kind == "outline":
        return Overview("\n".join(f"• {section.title}" for section in read), ()) if read else None
    if request.kind in ("beginning", "end"):
        told = [section for section in body(source) if section.start_char < source.chars_read] or _pages(source)
        if request.kind == "beginning":
            return _joined([(section.title, _beginning(section, chars // 2)) for section in told[:1]])
        if not source.is_read:
            return None
        # Behind a paper's conclusion stand its last tables.
        of_section = _beginning if told and _CONCLUSION.match(told[-1].title) else _ending
        return _joined([(section.title, of_section(section, chars // 2)) for section in told[-1:]])
    own = abstract(source)
    if own is not None and (beginning := _beginning(own, chars)):
        return _joined([("", beginning)])
    return _joined(
        _of_sections(source, chars) or [(one.title, _beginning(one, chars)) for one in (read or _pages(source))[:1]]
    )


def _mentions(words: str, source: Source, chars: int) -> Overview | None:
    """The pages that mention something, each with the first sentence that does; None where no page does."""
    pattern = mention(words)
    named: list[tuple[str, list[Passage]]] = []
    more = 0
    for page in source.read:
        said = _first_sentence(page, pattern)
        if said is None:
            continue
        if chars <= 0:
            more += 1
            continue
        named.append((wording.place(page.label), [said]))
        chars -= said.end_char - said.start_char
    made = _joined(named)
    if made is not None and more:
        made = Overview(f"{made.text}\n… {more:,} more", made.passages)
    return made


def _claimed(what: str, source: Source, chars: int) -> Overview | None:
    """The sentences of an abstract or a conclusion that say what a paper claims, or the whole abstract; None without one."""
    own = abstract(source)
    if own is None:
        return None
    for section in (own, *[one for one in body(source)[-1:] if _CONCLUSION.match(one.title)]):
        spans = [(page, *span) for page in section.pages for span in spans_of(section, page)]
        if found := claims(what, [page.text[start:end] for page, start, end in spans]):
            return _joined([("", [passage_of(*spans[number]) for number in found])])
    return _joined([("", _beginning(own, chars))])


def _expanded(words: str, source: Source) -> Overview | None:
    """What an abbreviation stands for, with the sentence that says so; None where no sentence does."""
    if " " in words or not any(sign.isupper() for sign in words[1:]):
        return None
    for page in source.read:
        if found := expansion(words, page.text):
            long, place = found
            return Overview(long, (sentence_at(page, place),))
    return None


def _credited(role: str, source: Source) -> Overview | None:
    """Who signs a letter, whom a document's first pages credit with a role, or their date; no author whom the file's properties do
    not name."""
    ends = source.pages[-1:] if role == "author" and source.is_read else ()
    found = [(page, named) for page in ends if (named := signed(page.text))]
    front = list(_front(source))
    found += [(page, named) for page, text in front if (named := dated(text) if role == DATE else credited(role, text))]
    if role == "author" and front and not found and (above := named_alone(front[0][1]) or byline(front[0][1])):
        found = [(front[0][0], above)]
    known = [name.split()[-1].casefold() for name in source.authors if role == "author"]
    for page, (names, start, end) in found:
        if not known or any(name in names.casefold() for name in known):
            return Overview(names, (passage_of(page, start, end),))
    return None


_OF_WORDS: dict[str, Callable[[str, Source], Overview | None]] = {
    "front": _credited,
    "role": lambda words, source: _joined([("", defined(words, source))]) or _party(words, source),
    "abbreviation": _expanded,
    "person": lambda words, source: _alone(introduced(words, source)),
    "thing": lambda words, source: _alone(introduced(words, source, is_thing=True)) or _expanded(words, source),
}
"""What a document says to a request whose words say all."""


def _has_nobody(request: Request, source: Source) -> bool:
    """Whether the beginning of a document names nobody in the role that is asked for. A small decoder would still name one."""
    if request.kind != "front" or request.words in ("", DATE):
        return False
    return credits_nobody(request.words, "\n".join(text for _, text in _front(source)))


def _front(source: Source) -> Iterator[tuple[PageRecord, str]]:
    """The pages that a document begins with, each with as much of its text as belongs to the beginning and is read."""
    end = min(FRONT_CHARS, source.chars_read)
    for page in source.pages:
        if page.end_char <= end:
            yield page, page.text
        elif page.start_char < end:  # up to a whole line: a name may be cut
            yield page, page.text[: end - page.start_char].rpartition("\n")[0]


def _party(role: str, source: Source) -> Overview | None:
    """Whom a page names for a role, with the lines that say so; None where none does."""
    for page in source.read:
        if found := party(role, page.text):
            name, start, end = found
            return Overview(name, (passage_of(page, start, end),))
    return None


def _people(source: Source, language: str) -> Overview | None:
    """The people that a document names most often, with the first sentence that names each; None if there are none."""
    names = [one.name for one in people("\n\n".join(page.text for page in source.read))]
    patterns = [mention(name) for name in names]
    first = {
        said
        for pattern in patterns
        if (said := next(filter(None, (_first_sentence(page, pattern) for page in source.read)), None))
    }
    ordered = sorted(first, key=lambda passage: passage.start_char)
    return Overview(_NAMED[language].format(names=", ".join(names)), tuple(ordered)) if names else None


def _first_sentence(page: PageRecord, pattern: re.Pattern[str]) -> Passage | None:
    """The first sentence of a page that a pattern matches in."""
    found = pattern.search(page.text)
    return sentence_at(page, found.start()) if found else None


def _of_sections(source: Source, chars: int) -> list[tuple[str, list[Passage]]]:
    """What each section says, in as many sentences as there is room for, one at least."""
    for most in range(SENTENCES, 0, -1):
        made = [(note.title, list(note.passages)) for note in notes(source, most) if note.passages]
        # Of many sections, every so manyth: a document's end says as much as its beginning.
        thinned = made[:: -(-len(made) // _LISTED) or 1]
        if sum(len(passage.text) for _, own in thinned for passage in own) <= chars:
            break
    return thinned


def _section(request: Request, source: Source) -> Section | None:
    """The page, the chapter or the entry that a request names."""
    if request.day is not None:
        return entry(request.day, source)
    if request.number is None:
        return titled(sections(source), request.words) if request.kind == "chapter" else None
    if request.kind == "chapter":
        return chapter(body(source), request.number, request.words)
    if request.number == LAST:
        return _page(source.pages[-1]) if source.pages else None
    named = [page for page in source.pages if printed_number(page.label) == str(request.number)]
    pages = named or [page for page in source.pages if page.number == request.number]
    return _page(pages[0]) if pages else None


def section_named(words: str, source: Source) -> Section | None:
    """The page or the chapter that words such as "chapter 3" or "The Letter" name; None where there is none."""
    request = understand(f"What is in {words}?")
    if request.kind in ("page", "chapter"):
        return _section(request, source)
    return titled(sections(source), words.strip(wording.QUOTES))


def body(source: Source) -> list[Section]:
    """The sections that say something of the document's subject."""
    return [section for section in sections(source) if not is_front_matter(section.title)]


def _pages(source: Source) -> list[Section]:
    return [_page(page) for page in source.read if page.text.strip()]


def _page(page: PageRecord) -> Section:
    return Section("", (page,), page.start_char, page.end_char)


def _beginning(section: Section, chars: int) -> list[Passage]:
    """A section's first sentences behind its heading, one at least, in passages of one page each."""
    passages: list[Passage] = []
    for page in section.pages:
        spans = spans_of(section, page)
        taken: list[tuple[int, int]] = []
        for start, end in spans:
            # Behind a paper's conclusion stand its last tables.
            is_behind = _CONCLUSION.match(section.title) and _TABLE.search(page.text, start, end)
            if (taken or passages) and (is_behind or end - spans[0][0] > chars):
                break
            taken.append((start, end))
        if taken:
            passages.append(passage_of(page, taken[0][0], taken[-1][1]))
            chars -= taken[-1][1] - taken[0][0]
        if chars <= 0 or len(taken) < len(spans):
            break
    return passages


def _ending(section: Section, chars: int) -> list[Passage]:
    """A section's last sentences, one at least, in passages of one page each."""
    passages: list[Passage] = []
    for page in reversed(section.pages):
        spans = spans_of(section, page)
        taken = [span for span in spans if spans[-1][1] - span[0] <= chars] or (spans[-1:] if not passages else [])
        if taken:
            passages.append(passage_of(page, taken[0][0], taken[-1][1]))
            chars -= taken[-1][1] - taken[0][0]
        if chars <= 0 or len(taken) < len(spans):
            break
    return passages[::-1]


def spans_of(section: Section, page: PageRecord) -> list[tuple[int, int]]:
    """Where a section's sentences behind its heading stand in the text of one of its pages."""
    first = max(0, section.body_char - page.start_char)
    text = page.text[first : section.end_char - page.start_char]
    return [(first + start, first + end) for start, end in sentences(text)]


def _joined(parts: Sequence[tuple[str, list[Passage]]]) -> Overview | None:
    passages = tuple(passage for _, own in parts for passage in own)
    if not passages:
        return None
    lines = []
    for title, own in parts:
        said = _on_lines("\n".join(passage.text for passage in own))
        lines.append(f"{title.rstrip('.:')}: {said}" if title else said)
    return Overview("\n".join(lines), passages)


def _alone(said: list[Passage]) -> Overview | None:
    """Sentences as they stand alone, one behind another."""
    return Overview(" ".join(excerpt(one.text) for one in said), tuple(said)) if said else None


def _on_lines(text: str) -> str:
    """A text on one line, but for the rows of its tables, which stay on lines of their own."""
    runs = groupby(text.split("\n"), lambda line: "|" in line)
    parts = ("\n".join(lines) if is_table else " ".join(" ".join(lines).split()) for is_table, lines in runs)
    return "\n".join(filter(None, parts))
