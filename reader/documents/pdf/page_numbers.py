"""Numbers of pages that the file draws before the end of their page's text, as below the first of several columns.

They are read first where they stand above all text, and last where they stand below it. So a sentence that continues in the next
column stays whole, and what `running` knows of a page's edges holds for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pypdfium2

from reader.documents.pdf.abreast import Span
from reader.documents.pdf.glyphs import height_of, origins_of
from reader.documents.pdf.strings import line_spans

_NUMBER = re.compile(r"[-–—•·\[|]? ?(?:\d{1,4}|[ivxlc]{1,7}) ?[-–—•·\]|]?")
_MOST_CHARS = 11
"""Of such a line."""
_WHITE = 1.3
"""In ems, from the baseline of a number to those of the text at least."""
_LEVEL = 1.0
"""In points, how far the baselines of two numbers beside each other are apart at most."""
_MOST_NUMBERS = 2
"""Beside each other on one sheet."""


def at_the_edges(text: pypdfium2.PdfTextPage, string: str, turn: int, order: list[Span]) -> list[Span]:
    """Return the parts of PDFium's text in the order in which they are read, with numbers above or below all text at its ends.

    Of nearly all pages no place is asked for.

    Args:
        text: PDFium's characters of the page.
        string: PDFium's text of them.
        turn: the direction in which the page's lines run.
        order: the parts in order as they are without that; nothing where the text is in order.
    """
    lines = line_spans(string)
    numbers = list(_numbers(string, lines)) if len(lines) > _MOST_NUMBERS else []
    taken = {end for _, end in numbers}
    if not order:  # what is first or last in the file stays there, as on the other pages
        numbers = [span for span in numbers if lines[0][1] < span[0] and span[1] < lines[-1][0]]
    if not numbers:
        return order
    origin = origins_of(text, turn)
    own = [origin(start)[1] for start, _ in numbers]
    beside = {start for start, end in lines if end in taken and any(abs(origin(start)[1] - y) < _LEVEL for y in own)}
    levels = [(origin(start)[1], start) for start, _ in lines if start not in beside]
    if not levels:
        return order
    (lowest, foot), (highest, head) = min(levels), max(levels)
    above, below = [], []
    for span in numbers:
        y = origin(span[0])[1]
        if y - highest >= _WHITE * max(height_of(text, span[0]), height_of(text, head)):
            above.append((y, span))
        elif lowest - y >= _WHITE * max(height_of(text, span[0]), height_of(text, foot)):
            below.append((y, span))
    first, last = ([span for _, span in found] if _are_beside(found) else [] for found in (above, below))
    if not (first or last):
        return order
    parts = [*first, *last]
    kept = [part for span in order or [(0, len(string), "")] for part in _without(span, parts, string)]
    at_end = [part for start, end in last for part in ((*_line_end(string, end), ""), (start, end, "\r\n"))]
    return [*((start, end, "\r\n") for start, end in first), *kept, *at_end]


def _numbers(string: str, lines: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where nothing but a number is on a line, or behind a hyphen that PDFium has put in place of its line's end."""
    for start, end in lines:
        start = max(start, string.rfind("\ufffe", start, end) + 1)
        if end - start <= _MOST_CHARS and _NUMBER.fullmatch(string, start, end):
            yield start, end


def _without(span: Span, numbers: list[tuple[int, int]], string: str) -> Iterator[Span]:
    """What is left of a part without numbers and the line's ends behind them."""
    position, stop, ending = span
    for start, end in sorted(numbers):
        if position <= start < stop:
            if string[position:start].strip(" \r\n"):
                yield position, start, ""
            position = min(_line_end(string, end)[1], stop)
    if string[position:stop].strip(" \r\n") or span[0] == position:
        yield position, stop, ending


def _line_end(string: str, end: int) -> tuple[int, int]:
    """Where the white and the line's end behind a place begin and end."""
    following = string.find("\n", end) + 1
    return end, following or len(string)


def _are_beside(found: list[tuple[float, tuple[int, int]]]) -> bool:
    """Whether numbers stand on one level, and are no more than a sheet has: a row of figures has more."""
    levels = [y for y, _ in found]
    return len(found) <= _MOST_NUMBERS and (not levels or max(levels) - min(levels) < _LEVEL)
