"""Rows that PDFium ends at a sign that is drawn alone, or does not end before one, as at figures of one digit in a table."""

from __future__ import annotations

import re

import pypdfium2

from reader.documents.pdf.glyphs import height_of, origins_of, turn_of
from reader.documents.pdf.strings import is_counted_alike

_ENDED = re.compile(r"\r\n(?=[^\s\ufffe](?:\s|\Z))|(?<=\n[^\s\ufffe])\r\n(?=\S)")
_NOT_ENDED = re.compile(r"(?<=[^\s\ufffe]) (?=(?:\d|[^\W\d_a-z]|[^\w\s])(?:\s|\Z))")
_LEVEL = 0.1
"""In ems, how far the baselines of two signs of a row are apart at most."""
_LIKE = 0.8
"""Of one sign's size, the other's at least."""
_BELOW = 0.7
"""In ems, from a row to the next one at least."""


def in_rows(text: pypdfium2.PdfTextPage, string: str) -> str:
    """Return PDFium's text, as long as it is, with its line ends where rows end; only signs that stand alone are asked for."""
    joins, cuts = list(_ENDED.finditer(string)), list(_NOT_ENDED.finditer(string))
    if not (joins or cuts) or not is_counted_alike(string):
        return string
    origin = origins_of(text, turn_of(text, string))
    signs = list(string)
    for match in joins:
        before, after = match.start() - 1, match.end()
        (x, y), (next_x, next_y) = origin(before), origin(after)
        if before >= 0 and x < next_x and abs(y - next_y) <= _LEVEL * height_of(text, before):
            signs[match.start() : after] = "  " if _are_alike(text, before, after) else match[0]
    for match in cuts:
        at = match.start()
        (x, y), (next_x, next_y) = origin(at - 1), origin(at + 1)
        if next_x < x and y - next_y >= _BELOW * height_of(text, at - 1):
            signs[at] = "\n"
    return "".join(signs)


def _are_alike(text: pypdfium2.PdfTextPage, first: int, second: int) -> bool:
    """Whether two signs are about as large."""
    sizes = height_of(text, first), height_of(text, second)
    return min(sizes) >= _LIKE * max(sizes)
