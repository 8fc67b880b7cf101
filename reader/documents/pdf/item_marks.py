"""Numbers of clauses and items that a page draws as a column of their own: each belongs before the line beside it.

Programs that set numbers in a frame or a table column draw all of them before or after all texts, and PDFium keeps that
order. They are moved only where each number of a column has a line of its own beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pypdfium2

from reader.documents.pdf.glyphs import height_of, origins_of
from reader.documents.pdf.strings import line_spans

_MARK = re.compile(
    r"(?:§ ?)?(?:\((?:\d{1,3}|[A-Za-z]|[ivxlc]{1,6})\)|(?:\d{1,3}|[A-Za-z]|[IVXLCivxlc]{1,6})[.)]"
    r"|\d{1,3}(?:\.\d{1,3}){1,4}\.?(?:\([A-Za-z\d]{1,3}\)){0,3})"
)
_MOST_CHARS = 40
"""Of such a number."""
_LEAST = 2
"""Numbers in a column."""
_LEVEL = 0.15
"""In ems, how far the baselines of a number and its line are apart at most."""
_FARTHEST = 8.0
"""In ems, from a number's last sign to its line."""

Edit = tuple[int, int, str]
"""Where in PDFium's text something else belongs, and what."""


def mark_edits(text: pypdfium2.PdfTextPage, string: str) -> Iterator[Edit]:
    """Yield the numbers moved to their lines; places are asked for only where numbers stand below one another."""
    lines = line_spans(string)
    at = 0
    while at < len(lines):
        end = at
        while (
            end < len(lines) and lines[end][1] - lines[end][0] <= _MOST_CHARS and _MARK.fullmatch(string, *lines[end])
        ):
            end += 1
        if end - at >= _LEAST:
            yield from _moved(text, string, lines, at, end)
        at = end + 1


def _moved(text: pypdfium2.PdfTextPage, string: str, lines: list[tuple[int, int]], first: int, last: int) -> list[Edit]:
    """The edits for a column of numbers; none where one of them has no line beside it."""
    origin = origins_of(text)
    others = [(*origin(start), start) for start, _ in lines[:first] + lines[last:]]
    taken: set[int] = set()
    edits: list[Edit] = []
    for at in range(first, last):
        start, end = lines[at]
        size, (x, y) = height_of(text, start) or 1.0, origin(end - 1)
        beside = [
            (left, place)
            for left, level, place in others
            if abs(level - y) <= _LEVEL * size and x < left <= x + _FARTHEST * size
        ]
        _, nearest = min(beside, default=(0.0, -1))
        if nearest < 0 or nearest in taken:
            return []
        taken.add(nearest)
        edits.append((nearest, nearest, f"{string[start:end]} "))
        follows = lines[at + 1][0] if at + 1 < len(lines) else len(string)
        edits.append((start, follows, ""))
    return edits
