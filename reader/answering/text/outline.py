"""The sections of a document, known without a model: its parser's page labels, or the lines that look like headings.

A section reaches to the next one. Chapters are found by the number in their heading, else by their place in the list.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, takewhile

from reader.answering.passages import Source
from reader.answering.text.headings import CHAPTER, COUNT, headings, number_of
from reader.answering.text.words import content_words, stem
from reader.wording import QUOTES
from storage import PageRecord

_NUMBERED = re.compile(rf"^(?:(?:{CHAPTER})\s+)?(?P<number>{COUNT})(?=[\s.:)—–-]|$)|^第(?P<cjk>\d+)章", re.I)

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

_LEADING_NUMBER = re.compile(rf"^(?:(?:{CHAPTER})\s+(?:{COUNT})|\d+(?:\.\d+)*|[ivxlc]+)(?:[.:)]|\s+[-–—])?\s+", re.I)
_HEADED = re.compile(rf"(?:{CHAPTER})[ \t]+(?:{COUNT})\b", re.I)
_PART_OF = re.compile(rf"\W*(?:(?:{CHAPTER})[ \t]+)?\d+\.\d", re.I)
_FEW = 2
"""More chapters with their number are no headings among others."""


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
    starts = list(_labelled(source.pages))
    if not any(_HEADED.match(title) or title[:1].isdigit() for title, _ in starts):
        headed = headings(source.pages)
        # The labels of a PDF may name parts alone.
        if not starts or sum(bool(_HEADED.match(title)) for title, _ in headed) > _FEW:
            starts = headed
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
        number: below zero from the last one.
        printed: the number of a part as its heading has it, such as 3.2.
    """
    for at, section in enumerate(found if printed else ()):
        if section.number == number and re.match(rf"\D*{re.escape(printed)}(?![.\d])", section.title):
            return _with_parts(found, at)
    own = counted(found)
    is_place = number < 0 or not any(section.number for section in own)
    places = [at for at in (number, number - 1 - len(own)) if is_place and -len(own) <= at < 0]
    named = [own[at] for at in places] or [section for section in own if section.number == number]
    if named:
        return _with_parts(found, found.index(named[0]))
    # A chapter without text between its heading and that of its first part.
    parts = [at for at, section in enumerate(found) if re.match(rf"\W*{number}\.\d", section.title)]
    return _with_parts(found, parts[0], str(number)) if parts and not printed else None


def counted(found: Sequence[Section]) -> list[Section]:
    """The sections that count as chapters, without their parts: where most have numbers, or a few count from one on through most
    of the text, only these, and where they begin again, as behind an introduction in two parts, the longest row of them."""
    headed = [section for section in found if _HEADED.match(section.title)]
    own = [section for section in found if not _PART_OF.match(section.title)]
    own = headed if len(headed) > min(_FEW, len(own) // 2) else own
    numbered = [section for section in own if section.number]
    if 2 * len(numbered) <= len(own):
        return numbered if _counts_through(numbered, own) else own
    runs: list[list[Section]] = []
    for section in numbered:
        if not runs or (section.number or 0) < (runs[-1][-1].number or 0):
            runs.append([])
        runs[-1].append(section)
    longest = max(runs, key=len)
    # Of a book in parts the first one may have two thirds of the chapters, too; an introduction stands before the longest row.
    return longest if 3 * len(longest) >= 2 * len(numbered) + (longest is not runs[-1]) else numbered


def _counts_through(numbered: Sequence[Section], own: Sequence[Section]) -> bool:
    """Whether sections with numbers count 1, 2, 3 and so on through more than half of the text, with others between them."""
    at = [own.index(section) for section in numbered]
    is_row = [section.number for section in numbered] == [*range(1, len(numbered) + 1)] and len(numbered) > _FEW
    is_apart = all(second > first + 1 for first, second in pairwise(at))
    return is_row and is_apart and 2 * (numbered[-1].start_char - numbered[0].start_char) > own[-1].end_char


def _with_parts(found: Sequence[Section], at: int, number: str = "") -> Section:
    """A section together with those behind it that are its parts, or parts of the chapter of a number."""
    parts = [found[at], *takewhile(partial(_is_part, of=number or found[at].title), found[at + 1 :])]
    pages = dict.fromkeys(page for part in parts for page in part.pages)
    return replace(found[at], pages=tuple(pages), end_char=parts[-1].end_char)


def _names(title: str) -> set[str]:
    """A heading with and without the number before it, in small letters and without quotation marks around it."""
    return {" ".join(name.casefold().split()).strip(QUOTES) for name in (title, _LEADING_NUMBER.sub("", title))}


def _stems(title: str) -> set[str]:
    """The words of a heading that say what it is about, without their endings."""
    return {stem(word) for word in content_words(_LEADING_NUMBER.sub("", title))}


def _is_part(part: Section, of: str) -> bool:
    """Whether a section's number is that of another's title with one more behind it: 3.1 and 3, or Chapter 3."""
    number = re.search(r"\d(?:[\d.]*\d)?", of)
    return number is not None and bool(re.match(rf"\D*{re.escape(number[0])}\.\d", part.title))


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
