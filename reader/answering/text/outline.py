"""The sections of a document, known without a model: its parser's page labels, or the lines that look like headings.

In the text of a PDF no blank line stands around a heading; there headings are numbered in order, and one of them names a usual part
of a paper or a contract. In a novel a number alone may head a chapter. A section reaches to the next one. Chapters are found by the
number in their heading, else by their place in the list.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import NamedTuple

from reader.answering.passages import Source
from reader.answering.text.numerals import SMALL_NUMBERS
from reader.answering.text.words import content_words, stem
from reader.wording import QUOTES
from storage import PageRecord

CHAPTER = r"chapters?|sections?|kapiteln?s?|abschnitte?s?|chapitres?|cap[ií]tulos?|capitol[oi]|hoofdstuk(?:ken)?"
"""The word for a chapter, in the languages that questions are understood in."""

_WORDS = SMALL_NUMBERS[1:13]
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
NUMBER = rf"\d+|[ivxlc]+|{'|'.join(_WORDS)}"
ORDINAL = (
    "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth"
    "|seventeenth|eighteenth|nineteenth|twentieth"
)
_ORDINALS = ORDINAL.split("|")
_COUNT = rf"{NUMBER}|the[ \t]+(?:{ORDINAL})"
_PART = rf"{CHAPTER}|part|teil|book|buch|act|stave|canto"
_HEADING = re.compile(
    rf"^[ \t]*(?P<marks>#{{1,6}}[ \t]+)?(?P<title>(?:(?P<kind>{_PART})[ \t]+(?P<number>{_COUNT})\b.{{0,90}}"
    r"|第[\d一二三四五六七八九十]+章.{0,60}|\d+(?:\.\d+)*\.?[ \t]+\w.{0,80}|(?(marks).{1,100}|(?!))))[ \t]*$",
    re.I | re.M,
)
_ONLY_NUMBERED = re.compile(rf"(?:(?:{_PART})[ \t]+)?(?:{_COUNT})\W*", re.I)
_NUMBER_ALONE = re.compile(
    rf"^[ \t]*(?P<title>(?P<number>[IVXLC]{{1,7}}|\d{{1,3}}|{'|'.join(map(str.upper, _WORDS))})\.?)[ \t]*$", re.M
)
_TITLE_BELOW = re.compile(r"\s*\n[ \t]*(?P<title>[^\n]{2,160}?)[ \t]*(?:\n|$)")
"""The line below a heading that is only a number; a chapter's title where it is in capitals."""
_NUMBERED = re.compile(rf"^(?:(?:{CHAPTER})\s+)?(?P<number>{_COUNT})(?=[\s.:)—–-]|$)|^第(?P<cjk>\d+)章", re.I)

_PAGE_NUMBER = re.compile(r"\W*(\d+|[ivxlcdm]+|[a-z]?[\d.-]+)\W*", re.I)
_PAGE_AND_CHAPTER = re.compile(r"\S{1,20}(?: — (?P<chapters>.+))?")
"""The labels of a PDF with an outline: each page as printed, from the first chapter on with its chapters. No heading of another
format is taken for a page number, as all labels of a document must look like this."""

_CONTINUED = re.compile(r" · \d+$")
"""What follows a section's name in the labels of its second page and the next ones, see `reader.documents`."""

_FRONT_MATTER = re.compile(
    r"\b(?:contents|index|copyright|acknowledge?ments?|references|bibliography|notes|licen[cs]e|title ?page|cover|imprint|colophon"
    r"|uncopyright|endnotes|inhalt(?:sverzeichnis)?|impressum|danksagung)\b",
    re.I,
)

_REFERENCES = re.compile(
    r"\W*(?:[\dIVX.]+\W+)?(?:references(?: cited)?|bibliograph(?:y|ie)|(?:works|literature) cited|literatur(?:verzeichnis)?"
    r"|einzelnachweise|weblinks|external links|further reading|see also)\W*",
    re.I,
)

_ABSTRACT = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+)?(?:abstract|(?:executive[ \t]+)?summary|zusammenfassung|kurzfassung|r[ée]sum[ée]|resumen|riassunto"
    r"|resumo|samenvatting|要約|要旨|概要|抄録)[ \t]*(?:[:.—–-]+[ \t]*|$)",
    re.I | re.M,
)
_BEHIND_ABSTRACT = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]|(?:\d+|[IVX]+)\.?[ \t]+[A-ZÄÖÜÉ][^.\n]{2,60}$|[A-Z]{4,}(?: [A-Z]+)*:"
    r"|(?i:introduction|keywords?|key words|index terms|contents|general terms|categories and subject|einleitung|inhalt"
    r"|schl[üu]sselw[öo]rter|introducción|mots[ -]cl[ée]s|palabras clave)\b)",
    re.M,
)
_ABSTRACT_CHARS = 6000
"""An abstract begins within a document's first characters; a later one belongs to a part of it."""

_LEADING_NUMBER = re.compile(rf"^(?:(?:{CHAPTER})\s+)?(?:\d+(?:\.\d+)*|[ivxlc]+)[.:)]?\s+", re.I)
_NUMBERED_LINE = re.compile(
    r"^[ \t]*(?P<line>(?P<number>\d{1,2}|[IVX]{1,5})(?:\.(?P<sub>\d{1,2}))?(?P<dot>\.?)[ \t]+(?![a-zß-ÿ])[^\W\d_][^\n]{1,70}?"
    r"|(?=[A-Z])(?i:references(?: cited)?|bibliography|works cited|acknowledge?ments?|literatur(?:verzeichnis)?|bibliographie))"
    r"[ \t]*$(?=\s*(?:\Z|[^a-zß-ÿ\s]))",
    re.M,
)
_USUAL_PART = re.compile(
    r"\b(?:introduction|background|overview|motivation|conclusions?|summary|discussion|results|methods?|methodology|evaluation"
    r"|experiments?|related work|definitions?|scope|purpose|term|einleitung|einführung|hintergrund|fazit|zusammenfassung"
    r"|ergebnisse|definitionen|introducci[oó]n|conclusi[oó]n(?:es)?|résultats|resultados|begriffsbestimmungen)\b",
    re.I,
)
_HEADING_WORDS = 10
_LEAST_HEADINGS = 3
_APART_CHARS = 120
"""Less text than this between two numbers is a list."""

_CHAPTER_PAGES = 3
"""Numbers with fewer pages between them, on average, may be those of pages."""
_MUCH_LONGER = 10
"""A heading with so many times less text than a later one of the same number is of a list of contents."""

_LOOK_CHARS = 20  # before a heading, for a blank line or the start of the page


@dataclass(frozen=True)
class Section:
    """A stretch of a document under one heading."""

    title: str
    pages: tuple[PageRecord, ...]
    """The pages that it touches."""
    start_char: int
    """Among the document's characters, heading included."""
    end_char: int

    @property
    def number(self) -> int | None:
        """The number in its heading."""
        found = _NUMBERED.match(self.title)
        return number_of(found["number"] or found["cjk"]) if found else None

    def part_of(self, page: PageRecord) -> str:
        """What of a page's text belongs to it."""
        return page.text[max(0, self.start_char - page.start_char) : self.end_char - page.start_char]

    @property
    def body_char(self) -> int:
        """Where its text begins, behind a file's settings and the headings at its start."""
        page = self.pages[0]
        text = self.part_of(page)
        heading = r"\s+".join(map(re.escape, self.title.split())) or "(?!)"
        front = re.compile(rf"\s*(?:---\n(?:.*\n)*?---\n|\s*(?:#{{1,6}}[ \t].*|{heading}[ \t]*)(?:\n|$))*\s*").match(
            text
        )
        return max(self.start_char, page.start_char) + (front.end() if front else 0)


def sections(source: Source) -> list[Section]:
    """The sections of a document in order; empty where it shows none."""
    headed = _headed(source.pages)
    starts = list(_labelled(source.pages)) or (headed if len(headed) > 1 else _counted(source.pages)) or headed
    starts = starts or _numbered(source.pages)
    # Two chapters of a page that does not show where the second begins have the same text.
    places = [*(start for _, start in starts), source.chars]
    ends = [places[min(bisect_right(places, start), len(starts))] for start in places[:-1]]
    return [
        Section(title, tuple(p for p in source.pages if p.start_char < end and p.end_char > start), start, end)
        for (title, start), end in zip(starts, ends, strict=True)
        if end > start
    ]


def titled(found: Sequence[Section], title: str) -> Section | None:
    """The section with that heading, its parts included, else one with all of its words; the number before it may be left out."""
    asked, words = _names(title), _stems(title)
    named = [at for at, section in enumerate(found) if asked & _names(section.title)]
    named += [at for at, section in enumerate(found) if words and words <= _stems(section.title)]
    return _with_parts(found, named[0]) if named else None


def chapter(found: Sequence[Section], number: int, printed: str = "") -> Section | None:
    """The section of that number, its parts included: by its heading, else by its place in the list.

    Args:
        printed: the number of a part as its heading has it, such as 3.2.
    """
    for at, section in enumerate(found):
        if section.number == number and (not printed or re.match(rf"\D*{re.escape(printed)}(?![.\d])", section.title)):
            return _with_parts(found, at)
    if printed:
        return chapter(found, number)
    return found[number - 1] if 0 < number <= len(found) and not any(s.number for s in found) else None


def _with_parts(found: Sequence[Section], at: int) -> Section:
    """A section together with those behind it that are its parts."""
    parts = [found[at], *takewhile(partial(_is_part, of=found[at]), found[at + 1 :])]
    pages = dict.fromkeys(page for part in parts for page in part.pages)
    return replace(found[at], pages=tuple(pages), end_char=parts[-1].end_char)


def _names(title: str) -> set[str]:
    """A heading with and without the number before it, in small letters and without quotation marks around it."""
    return {" ".join(name.casefold().split()).strip(QUOTES) for name in (title, _LEADING_NUMBER.sub("", title))}


def _stems(title: str) -> set[str]:
    """The words of a heading that say what it is about, without their endings."""
    return {stem(word) for word in content_words(_LEADING_NUMBER.sub("", title))}


def _is_part(part: Section, of: Section) -> bool:
    """Whether a section's number is another's with one more behind it: 3.1 and 3."""
    printed = re.match(r"\D*[\d.]*\d", of.title)
    return printed is not None and bool(re.match(rf"{re.escape(printed[0])}\.\d", part.title))


def abstract(source: Source) -> Section | None:
    """What a document says of itself under a heading such as *Abstract* or *Summary* at its beginning; None where it does not."""
    for page in source.pages:
        if page.start_char >= min(_ABSTRACT_CHARS, source.chars_read):
            break
        if found := _ABSTRACT.search(page.text):
            end = _BEHIND_ABSTRACT.search(page.text, found.end() + 1)
            end_char = page.start_char + (end.start() if end else len(page.text))
            return Section("", (page,), page.start_char + found.end(), end_char)
    return None


def number_of(text: str) -> int:
    """A number in figures, Roman figures or an English word; 0 where it is none."""
    text = text.casefold().split()[-1]
    if text.isdecimal():
        return int(text)
    if text in _ORDINALS:
        return _ORDINALS.index(text) + 1
    if text in _WORDS:
        return _WORDS.index(text) + 1
    values = [_ROMAN.get(letter, 0) for letter in text]
    return sum(-one if one < other else one for one, other in zip(values, [*values[1:], 0], strict=True))


def is_front_matter(title: str) -> bool:
    """Whether a section of that title says nothing of the document's subject, such as its contents or its references."""
    return bool(_FRONT_MATTER.search(title))


def references(source: Source) -> list[Section]:
    """The sections that only list what others wrote, and links."""
    return [section for section in sections(source) if _REFERENCES.fullmatch(section.title)]


def printed_number(label: str) -> str:
    """A page's label without the chapter that follows it in a PDF with an outline."""
    return label.partition(" — ")[0]


def _labelled(pages: Sequence[PageRecord]) -> Iterator[tuple[str, int]]:
    """(title, start) where the pages' labels name another section than before."""
    last = ""
    for page, titles in zip(pages, _titles([page.label for page in pages]), strict=True):
        at = 0
        for title in titles:
            if title != last:
                if len(titles) > 1:
                    heading = re.compile(r"\s+".join(map(re.escape, title.split())), re.I).search(page.text, at)
                    at = heading.start() if heading else at
                yield title, page.start_char + at
            last = title


def _titles(labels: Sequence[str]) -> list[list[str]]:
    """The sections that each label names; none where a label is only a page number."""
    found = [_PAGE_AND_CHAPTER.fullmatch(label) for label in labels]
    if all(found) and any(one and one["chapters"] for one in found):
        return [one["chapters"].split(" · ") if one and one["chapters"] else [] for one in found]
    titles = [_CONTINUED.sub("", label) for label in labels]
    return [[] if not title or _PAGE_NUMBER.fullmatch(title) else [title] for title in titles]


class _Line(NamedTuple):
    """A line that stands alone and looks like a heading."""

    page: PageRecord
    match: re.Match[str]

    @property
    def start(self) -> int:
        return self.page.start_char + self.match.start()

    @property
    def title(self) -> str:
        """The line, and the one below it in capitals where it is only a number."""
        title = self.match["title"].strip()
        below = _TITLE_BELOW.match(self.page.text, self.match.end()) if _ONLY_NUMBERED.fullmatch(title) else None
        if below and below["title"].isupper() and not _ONLY_NUMBERED.fullmatch(below["title"]):
            return f"{title} {below['title']}"
        return title


def _headed(pages: Sequence[PageRecord]) -> list[tuple[str, int]]:
    """(title, start) of the lines that look like headings, without those of a list of contents."""
    lines = list(_alone(_HEADING, pages))
    ends = [*(line.start for line in lines[1:]), pages[-1].end_char if pages else 0]
    longest: dict[tuple[str, int], int] = {}
    contents = set[int]()
    for line, end in reversed(list(zip(lines, ends, strict=False))):
        if line.match["kind"]:
            name = line.match["kind"].casefold(), number_of(line.match["number"])
            if _MUCH_LONGER * (end - line.start) < longest.get(name, 0):
                contents.add(line.start)
            else:
                longest[name] = max(end - line.start, longest.get(name, 0))
    # A list of contents stands before the first chapter; a later heading with little text is that of a short chapter.
    first = next((line.start for line in lines if line.match["kind"] and line.start not in contents), 0)
    return [(line.title, line.start) for line in lines if line.start not in contents or line.start > first]


def _counted(pages: Sequence[PageRecord]) -> list[tuple[str, int]]:
    """(title, start) of the numbers that stand alone and count a document's chapters; none where they may be those of pages."""
    runs: list[list[_Line]] = []
    last = 0
    for line in _alone(_NUMBER_ALONE, pages):
        number = number_of(line.match["number"])
        if number == 1:
            runs.append([])
        elif not runs or number != last + 1:
            continue
        last = number
        runs[-1].append(line)
    lines = [line for run in runs if len(run) > 1 for line in run]
    ends = [*(line.start for line in lines[1:]), math.inf]
    far = [line for line, end in zip(lines, ends, strict=False) if end - line.start >= _APART_CHARS]
    begins_soon = bool(far) and far[0].start < pages[-1].end_char / 3
    if not begins_soon or not _LEAST_HEADINGS <= len(far) <= len(pages) / _CHAPTER_PAGES:
        return []
    return [(line.title, line.start) for line in far]


def _alone(heading: re.Pattern[str], pages: Sequence[PageRecord]) -> Iterator[_Line]:
    """The lines that a pattern matches, and that have a blank line before and behind them."""
    for page in pages:
        for found in heading.finditer(page.text):
            before = page.text[max(0, found.start() - _LOOK_CHARS) : found.start()]
            behind = page.text[found.end() : found.end() + _LOOK_CHARS]
            is_first = found.start() < _LOOK_CHARS and not before.strip()
            is_apart = is_first or found.groupdict().get("marks") or re.search(r"\n[ \t]*\n$", before)
            is_above = is_apart and re.match(r"\n[ \t]*(?:\n|\Z)|\Z", behind)
            if is_above and not found["title"].rstrip().endswith((",", ";")):
                yield _Line(page, found)


class _Numbered(NamedTuple):
    """A line that may be the heading of a numbered part; `References` and the like have the number 0."""

    title: str
    start_char: int
    number: int
    sub: int
    """Its second number; 0 for a main part."""
    style: tuple[bool, str]
    """Whether the number is Roman, and what follows it."""


def _numbered(pages: Sequence[PageRecord]) -> list[tuple[str, int]]:
    """(title, start) of the lines that number a document's parts 1, 2, 3 and so on; none where they may be those of a list."""
    taken: list[_Numbered] = []
    main: list[_Numbered] = []
    before = 0  # where the main line before begins, taken or not
    for line in _numbered_lines(pages):
        if not main:
            belongs = line.number == 1 and not line.sub
        elif line.sub:
            belongs = line.number == main[-1].number and line.sub == taken[-1].sub + 1
        elif line.number and line.title.casefold() == main[-1].title.casefold():
            # It stood in a list of contents before.
            taken = taken[: taken.index(main.pop())]
            belongs = True
        else:
            is_next = line.number == main[-1].number + 1 and line.style == main[-1].style
            belongs = not line.number or (is_next and line.start_char - before >= _APART_CHARS)
        if belongs:
            taken.append(line)
            main += [line] if line.number and not line.sub else []
        if not line.sub:
            before = line.start_char
    is_paper = len(main) >= _LEAST_HEADINGS and any(_USUAL_PART.search(line.title) for line in main)
    return [(line.title, line.start_char) for line in taken] if is_paper else []


def _numbered_lines(pages: Sequence[PageRecord]) -> Iterator[_Numbered]:
    for page in pages:
        for found in _NUMBERED_LINE.finditer(page.text):
            title = " ".join(found["line"].split())
            if len(title.split()) <= _HEADING_WORDS and not title.endswith((".", ",", ";", ":", "-")):
                number = number_of(found["number"]) if found["number"] else 0
                style = bool(found["number"]) and found["number"].isalpha(), found["dot"] or ""
                yield _Numbered(title, page.start_char + found.start("line"), number, int(found["sub"] or 0), style)
