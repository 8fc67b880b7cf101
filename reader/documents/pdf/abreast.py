"""Columns of prose that a file draws line by line across the page: they are read one after the other.

Most programs draw a column to its end before the next one, and PDFium keeps that order. Text layers of scanners and programs
that sort lines by height go across instead. It is undone only where the lines on both sides of a white strip are prose.
"""

from __future__ import annotations

import bisect
import itertools
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pypdfium2

from reader.documents.pdf.glyphs import height_of, origins_of

_LINE = re.compile(r"[^\s\ufffe](?:[^\r\n\ufffe]*[^\s\ufffe])?")
_SPACE = re.compile(r"(?<=\S)\s+(?=\S)")
_LEAST_STEP, _SAMPLES = 5, 5
"""Of each so many lines one is looked at to find a page where lines may go across, and of a page so many."""
_EDGE = 0.2
"""Of a line's letters, at its ends, between which no columns are parted."""
_WIDE = 1.7
"""In ems, from the origin of the letter before a gap between columns to that of the letter after it."""
_CUT = 1.25
"""The same where lines are known to go across: in a column hardly any gap is as wide, and none is in each line."""
_STRIP = 1.2
"""In ems, from the origin of a column's last letters to the next column at least."""
_MOST_RISE = 1.5
"""In ems, from a part of a line up to the next one; columns that are drawn one after the other go up farther."""
_LEAST_SWITCHES = 7
"""From one column to the other, in the order of the file; columns that are drawn one after the other have one."""
_LEAST_WORDS = 3.5
_FILLED, _LEAST_FILLED = 0.75, 0.5
"""Of a column's width, and of its lines that reach so far."""
_ALIGNED, _LEAST_ALIGNED = 0.15, 0.6
"""In ems, how far the left ends of a column's lines are apart, and how many of them are no farther."""
_LEAST_SMALL = 0.4
"""Of a column's lines, how many begin with a small letter, as those within a sentence do."""
_LEADING = 1.4
"""Of the usual distance between lines, how far one that ends a column is from the line before it at most."""

_STEPS = 16
"""Of lines that are no columns of prose, from where else they are looked at again."""
_FOOT = 1.6
"""In ems, how far a page's foot is below its columns at least."""

Span = tuple[int, int, str]
"""Where in PDFium's text a part begins and ends, and what ends it there in place of what PDFium has."""


@dataclass(frozen=True)
class _Cell:
    """A part of a line that wide gaps set apart."""

    start: int
    end: int
    left: float
    right: float
    y: float
    size: float


def reading_order(text: pypdfium2.PdfTextPage, string: str, turn: int) -> list[Span]:
    """Return the parts of PDFium's text in the order in which they are read; nothing where the text is in order.

    Args:
        turn: the direction in which the page's lines run.
    """
    lines = [line.span() for line in _LINE.finditer(string)]
    origin = origins_of(text, turn)
    step = max(_LEAST_STEP, len(lines) // _SAMPLES)
    if not any(_goes_across(text, string, lines, at, origin) for at in range(step // 2, len(lines), step)):
        return []
    cells = [cell for line in lines for cell in _cells(text, string, line, origin)]
    spans: list[Span] = []
    position = 0
    for columns in _columns(string, cells):
        run = sorted(itertools.chain.from_iterable(columns), key=lambda cell: cell.start)
        spans.append((position, run[0].start, ""))
        for cell, following in _with_next(columns):
            is_cut = cell.end - cell.start > 1 and string[cell.end - 1] == "-" and string[cell.end - 2].isalpha()
            if following is not None and not string[cell.end : following.start].strip(" "):
                spans.append((cell.start, cell.end, " "))
            elif string[cell.end : cell.end + 1] == "\ufffe":
                spans.append((cell.start, cell.end, "\ufffe"))
            else:
                spans.append((cell.start, cell.end - is_cut, "\ufffe" if is_cut else "\r\n"))
        position = run[-1].end + len(string[run[-1].end :]) - len(string[run[-1].end :].lstrip("\r\n\ufffe "))
    return [*spans, (position, len(string), "")] if spans else []


def _with_next(columns: list[list[_Cell]]) -> Iterator[tuple[_Cell, _Cell | None]]:
    """Each cell of columns with the one after it in its column."""
    for column in columns:
        yield from zip(column, [*column[1:], None], strict=True)


def _goes_across(
    text: pypdfium2.PdfTextPage,
    string: str,
    lines: list[tuple[int, int]],
    at: int,
    origin: Callable[[int], tuple[float, float]],
) -> bool:
    """Whether a line has a gap that may part columns, or PDFium ended it at one."""
    start, end = lines[at]
    size = height_of(text, start)
    if at + 1 < len(lines):
        last, following = origin(end - 1), origin(lines[at + 1][0])
        if abs(following[1] - last[1]) < size and following[0] - last[0] > _WIDE * size:
            return True
    edge = int(_EDGE * (end - start))
    return any(
        abs(origin(space.end())[0] - origin(space.start() - 1)[0]) > _WIDE * size
        for space in _SPACE.finditer(string, start + edge, end - edge)
    )


def _cells(
    text: pypdfium2.PdfTextPage,
    string: str,
    line: tuple[int, int],
    origin: Callable[[int], tuple[float, float]],
) -> Iterator[_Cell]:
    start, end = line
    size = height_of(text, start) or 1.0
    for space in _SPACE.finditer(string, start, end):
        before = origin(space.start() - 1)
        if not -_CUT * size < origin(space.end())[0] - before[0] <= _CUT * size:
            x, y = origin(start)
            yield _Cell(start, space.start(), x, before[0], y, size)
            start = space.end()
            size = height_of(text, start) or 1.0
    x, y = origin(start)
    yield _Cell(start, end, x, origin(end - 1)[0], y, size)


def _columns(string: str, cells: list[_Cell]) -> Iterator[list[list[_Cell]]]:
    """Yield the columns, from left to right, of each part of the page that goes across."""
    at = 0
    while at + _LEAST_SWITCHES < len(cells):
        places = _places(cells, at)
        columns = [
            [cell for cell, place in zip(cells[at:], places, strict=False) if place == column]
            for column in sorted(set(places))
        ]
        switches = sum(before != after for before, after in itertools.pairwise(places))
        if switches < _LEAST_SWITCHES:
            at += 1
        elif all(_is_prose(string, column) for column in columns):
            yield columns
            at += len(places)
        else:
            at += max(len(places) // _STEPS, 1)


def _places(cells: list[_Cell], at: int) -> list[float]:
    """For a cell and those after it the left edge of its column, as long as white strips go through all of them."""
    columns: list[tuple[float, float]] = []
    end = at
    while end < len(cells):
        cell = cells[end]
        if end > at and cell.y > cells[end - 1].y + _MOST_RISE * cell.size:
            break
        apart = _STRIP * cell.size
        touched = [column for column in columns if cell.left < column[1] + apart and column[0] < cell.right + apart]
        if len(touched) > 1:
            break
        left, right = touched[0] if touched else (cell.left, cell.right)
        columns = [column for column in columns if column not in touched]
        columns.append((min(left, cell.left), max(right, cell.right)))
        end += 1
    if end == len(cells):
        end = at + _without_foot(cells[at:])
    places = [max(left for left, _ in columns if left <= cell.left) for cell in cells[at:end]]
    return places[: _without_tail(cells[at:end], places)]


def _without_tail(cells: list[_Cell], places: list[float]) -> int:
    """How many cells the columns have: those below the last change of column belong to them where they follow closely."""
    last = next((at for at in range(len(places) - 1, 0, -1) if places[at] != places[at - 1]), 0)
    leadings = [before.y - after.y for before, after in itertools.pairwise(cells)]
    usual = statistics.median([leading for leading in leadings if leading > 1.0] or [0.0])
    kept = last + 1
    while kept < len(cells) and leadings[kept - 1] <= _LEADING * usual and cells[kept].size == cells[kept - 1].size:
        kept += 1
    return kept


def _without_foot(cells: list[_Cell]) -> int:
    """How many of a page's last cells are above its foot, which is no line of the columns though it may have a part below each."""
    level = min(cell.y for cell in cells)
    foot = next(at + 1 for at in range(len(cells) - 1, -2, -1) if at < 0 or cells[at].y > level + 1.0)
    is_apart = min((cell.y for cell in cells[:foot]), default=level) - level >= _FOOT * cells[-1].size
    return foot if is_apart else len(cells)


def _is_prose(string: str, column: Sequence[_Cell]) -> bool:
    """Whether the lines of a column are those of running text."""
    said = [string[cell.start : cell.end] for cell in column]
    small = sum(line[0].islower() for line in said)
    words = sum(len(line.split()) for line in said)
    left = min(cell.left for cell in column)
    reach = max(cell.right for cell in column) - left
    filled = sum(cell.right - left >= _FILLED * reach for cell in column)
    count = len(column)
    lefts = sorted(cell.left for cell in column)
    aligned = max(bisect.bisect_right(lefts, at + _ALIGNED * column[0].size) - rank for rank, at in enumerate(lefts))
    if aligned < _LEAST_ALIGNED * count:
        return False  # lines of one column with a hole in them
    return small >= _LEAST_SMALL * count and words >= _LEAST_WORDS * count and filled >= _LEAST_FILLED * count
