"""Things with named values: rows of tables, lines such as "Serves: 6" under several headings, what a sentence gives for two things.

Each kind is read as a grid of things and fields, tables both by rows and by columns. It does not know what a question asks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from reader.answering.text.lists import ITEM_MARK
from reader.answering.text.tables import Table
from reader.answering.text.values import Value, decimal_sign, is_missing, value, values_said
from reader.answering.text.words import STOP_WORDS, stem
from storage import PageRecord

_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+")
LINE = re.compile(r"[^\n]*(?:\n|\Z)")
_NAMED = re.compile(
    r"[ \t>*•–-]{0,9}(?P<name>[^\W\d_][^\n:|.!?]{0,59}?)\*{0,2}[ \t]?:\*{0,2}[ \t]+(?P<value>[^\n]{1,120}?)\s*"
)
_HEADING = re.compile(r"[#*\s]*(?:\d[\d.]*\s+)?(?P<text>[^\W_][^\n|]{1,79}?)[\s*#]*")
_ITEM = re.compile(rf"\s*{ITEM_MARK}\s")
_IN_NAME = re.compile(r"\s\((?P<unit>[^()\d\s][^()]{0,11})\)|\s(?:in|en)\s(?P<last>[^\d()]{1,15})\Z", re.I)
BRACKETS = re.compile(r"\([^()]*\)")
SUMMARY = re.compile(
    r"\W*(?:(?:grand |sub-?)?totals?|sum|overall|average|mean|summe|gesamt|insgesamt|durchschnitt|moyenne|suma)\b", re.I
)
_GENERIC = frozenset(map(stem, "model type name modell typ bezeichnung modèle nom nombre modelo tipo".split()))  # noqa: SIM905
_NUMBERED = re.compile(
    r"(?:\b(?:no|nr|num|id|code|ref|sku)\b|n[°º]|num(?:ber|mer|éro|ero)|reference|référence|referencia)\W*\Z", re.I
)
_NAME = re.compile(r"[^\W\d_]{3}")
_GROUPED = re.compile(r"\D{0,3}(?:\d{1,3}\.\d{3}|[1-9]\d\d)(?!\d)[^\d.]{0,12}")
_PLURALS = {"children": "child", "men": "man", "women": "woman", "feet": "foot"}
_UMLAUTS = str.maketrans("äöü", "aou")
"""A German plural may have one: *Plätze*."""
_SENTENCE = re.compile(r"[.!?]\s")
_EACH = re.compile(r"\s(?:an?|per|pro|am|par|por|al)\s\w+", re.I)
_LEAST_LETTERS = 4
_HEADING_CHARS = 1500
"""So far above a table or list its heading is looked for."""
_BEHIND = re.compile(r"\s*(?:for|per|to|für|pour|para)\b(?P<what>[^,;.]*?)(?=[,;.]|\s(?:and|or|und|et|y)\s|\Z)", re.I)


def stems(text: str) -> frozenset[str]:
    """The words of a text without their endings, and without those that say nothing."""
    words = (word for word in _WORD.findall(text.lower()) if word not in STOP_WORDS)
    return frozenset(
        stem(_PLURALS.get(word) or re.sub(r"(?<=\w{3})ies$", "y", word)).translate(_UMLAUTS) for word in words
    )


def is_alike(word: str, other: str) -> bool:
    """Whether two words without endings are the same or begin alike: *borrow* and *Borrower*, but not *Stunden*, *Stundensatz*."""
    shorter, longer = sorted((len(word), len(other)))
    least = max(_LEAST_LETTERS, shorter - 1)
    return word == other or (least <= shorter and longer < 2 * shorter and word[:least] == other[:least])


def has_alike(words: Iterable[str], known: Collection[str]) -> bool:
    """Whether each of some words without endings has one that is alike among others."""
    return all(any(is_alike(word, other) for other in known) for word in words)


@dataclass(frozen=True)
class Thing:
    """A row of a table, or whatever else has values."""

    label: str
    spans: tuple[tuple[int, int], ...]
    """Where its values stand in the document."""

    @cached_property
    def stems(self) -> frozenset[str]:
        """Those of its label, without what stands in brackets."""
        return stems(BRACKETS.sub("", self.label)) or stems(self.label)


@dataclass(frozen=True)
class Grid:
    """Things and their values by fields."""

    things: tuple[Thing, ...]
    fields: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    """Of each thing, by fields; "" without."""
    noun: str
    """What the things are called; "" where nothing says so."""
    about: str
    """The heading above, and where the things have no name of their own, the document's title."""
    decimal: str
    field_spans: tuple[tuple[int, int], ...] = ()
    """Where the fields stand in the document, if they are rows."""
    is_sentence: bool = False

    def values(self, field: int, things: Sequence[int]) -> list[Value | None]:
        """The values that things have in a field, None where one is missing; nothing where some are no values of one dimension."""
        cells = [self.cells[thing][field] for thing in things]
        name = _IN_NAME.search(self.fields[field])
        unit = (name["unit"] or name["last"] or "").strip() if name else ""
        # Where nothing else tells, numbers that are all like 1.480 are in the same order, whatever the sign means; beside 900, too.
        decimal = self.decimal or ("," if all(_GROUPED.fullmatch(cell) for cell in cells) else "")
        found = [value(cell, decimal, unit) for cell in cells]
        is_read = all(one or is_missing(cell) for one, cell in zip(found, cells, strict=True))
        return found if is_read and len({one.dimension for one in found if one}) == 1 else []


def grids(pages: Sequence[PageRecord], tables: Sequence[Table], title: str) -> Iterator[Grid]:
    """The grids of a document's pages."""
    for table in tables:
        if not table.is_list:
            yield from _of_table(table, heading_of(table, pages), title)
    yield from _of_lines(pages, title)


def _of_table(table: Table, heading: str, title: str) -> Iterator[Grid]:
    names = [text for text, _ in table.first.cells]
    rows = [row for row in table.rows if len(row.cells) <= len(names) and not SUMMARY.match(row.cell(0))]
    if len(names) == 2 and not any(sign.isdigit() for sign in table.first.text) and all(names):
        is_named = any(sign.isdigit() for row in rows for sign in row.cell(1))
    else:
        is_named = bool(table.names)
    if not is_named or len(rows) < 2 or len(rows) < len(table.rows) - 1:
        return
    decimal = decimal_sign(row.text for row in rows)
    if len(names) > 2 and _NUMBERED.search(names[0]) and all(_NAME.search(row.cell(1)) for row in rows):
        names = names[1:]  # what number A-101 is called says more
        rows = [replace(row, cells=row.cells[1:]) for row in rows]
    noun = names[0]
    about = f"{heading} {title}" if not noun or stems(noun) <= _GENERIC else heading
    things = [Thing(_label(row.cell(0), noun), ((row.start_char, row.end_char),)) for row in rows]
    cells = [tuple(row.cell(column) for column in range(1, len(names))) for row in rows]
    if all(thing.label for thing in things) and len({thing.label for thing in things}) == len(things):
        yield Grid(tuple(things), tuple(names[1:]), tuple(cells), noun, about, decimal)
    first = ((table.first.start_char, table.first.end_char),)
    if not all(names[1:]) or any(map(SUMMARY.match, names[1:])):
        return
    fields, spans = tuple(row.cell(0) for row in rows), tuple((row.start_char, row.end_char) for row in rows)
    by_column, kinds = tuple(zip(*cells, strict=True)), [*map(_unit_in, names[1:])]
    for kind in dict.fromkeys(kinds):  # a price and how many are no things of a kind
        own = [column for column, one in enumerate(kinds) if one == kind]
        across = tuple(Thing(names[column + 1], first) for column in own)
        values = tuple(by_column[column] for column in own)
        if len(own) > 1:
            yield Grid(across, fields, values, "", f"{heading} {title}", decimal, spans)


def _unit_in(name: str) -> str:
    """The dimension of a column whose name has a unit in brackets; "" for others."""
    unit = _IN_NAME.search(name)
    read = value(f"1 {unit['unit']}", ".") if unit and unit["unit"] else None
    return read.dimension if read and read.dimension != read.printed[2:].casefold() else ""


def _label(cell: str, noun: str) -> str:
    return cell if not cell.isdigit() else f"{noun} {cell}"


class _Line(NamedTuple):
    name: str
    value: str
    start: int
    end: int


def _of_lines(pages: Sequence[PageRecord], title: str) -> Iterator[Grid]:
    """The grids of lines such as "Serves: 6": of each run, and of several under headings of their own."""
    runs = [(heading, run) for heading, run in _runs(pages) if len({line.name for line in run}) == len(run) > 1]
    for heading, run in runs:
        things = tuple(Thing(line.name, ((line.start, line.end),)) for line in run)
        values = tuple((line.value,) for line in run)
        yield Grid(things, ("",), values, "", heading, decimal_sign(line.value for line in run))
    uses = Counter(line.name for _, run in runs for line in run)
    alike = [(heading, run) for heading, run in runs if any(uses[line.name] > 1 for line in run)]
    if len({heading for heading, _ in alike if heading}) == len(alike) > 1:
        lines = [line for _, run in alike for line in run]
        fields = tuple(dict.fromkeys(line.name for line in lines))
        named = [{line.name: line.value for line in run} for _, run in alike]
        things = tuple(Thing(heading, ((run[0].start, run[-1].end),)) for heading, run in alike)
        cells = tuple(tuple(one.get(field, "") for field in fields) for one in named)
        yield Grid(things, fields, cells, "", title, decimal_sign(line.value for line in lines))


def _runs(pages: Sequence[PageRecord]) -> Iterator[tuple[str, list[_Line]]]:
    """Lines such as "Serves: 6" below one another, with what stands above them."""
    for page in pages:
        run: list[_Line] = []
        for line in LINE.finditer(page.text) if ":" in page.text else ():
            if found := _NAMED.fullmatch(line[0]):
                start = page.start_char + line.start()
                run.append(_Line(found["name"].strip(), found["value"], start, start + len(line[0].rstrip())))
            elif run:
                yield " ".join(heading_above(page, run[0].start)).strip(), run
                run = []


def heading_of(table: Table, pages: Sequence[PageRecord]) -> str:
    """The heading above a table, and what leads to it."""
    start = table.first.start_char
    page = next((one for one in pages if one.start_char <= start < one.end_char), None)
    return " ".join(heading_above(page, start)) if page else ""


def heading_above(page: PageRecord, char: int) -> tuple[str, str]:
    """The heading above a character of a page, and what leads to it, as in "Please carry:", if the line before says that."""
    lines = page.text[max(0, char - page.start_char - _HEADING_CHARS) : char - page.start_char].splitlines()
    above = [line for line in lines if line.strip()]
    lead = _SENTENCE.split(above[-1].strip())[-1] if above and above[-1].rstrip().endswith(":") else ""
    is_alone = False
    for line in reversed(lines):
        found = _HEADING.fullmatch(line)
        is_other = " | " in line or line.rstrip()[-1:] in (*".:;,!?",) or bool(_NAMED.fullmatch(line))
        if found and not is_other and (is_alone or not _ITEM.match(line)):
            return found["text"], lead
        is_alone = not line.strip()
    return "", lead


def of_sentence(text: str, start_char: int, about: str) -> Iterator[Grid]:
    """What a sentence gives for several things, each before its value, or behind it with a word such as *for*.

    Args:
        about: what stands before it.
    """
    decimal = decimal_sign([text])
    found = list(values_said(text, decimal))
    for dimension in {one.dimension for *_, one in found}:
        own = [one for one in found if one[2].dimension == dimension]
        each = {said[0].split()[-1] for _, end, _ in own if (said := _EACH.match(text, end))}
        if len(own) < 2 or len(each) > 1:  # £2 an hour and £15 a day
            continue
        span = ((start_char, start_char + len(text)),)
        cells = tuple((one.printed,) for *_, one in own)
        ends = [0, *(end for _, end, _ in own)]
        before = tuple(Thing(text[end:start], span) for end, (start, *_) in zip(ends, own, strict=False))
        behind = tuple(Thing(said["what"] if (said := _BEHIND.match(text, end)) else "", span) for _, end, _ in own)
        things = behind if all(thing.label for thing in behind) else before
        yield Grid(things, ("",), cells, text, about, decimal, is_sentence=True)
