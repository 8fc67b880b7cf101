"""Rows that PDFium ends at a sign that is drawn alone, or does not end before one, as at figures of one digit in a table."""

from __future__ import annotations

import re

import pypdfium2

from reader.documents.pdf.glyphs import height_of, origins_of, turn_of

_ENDED = re.compile(r"\r\n(?=[^\s\ufffe](?:\r\n|\Z))|(?<=\n[^\s\ufffe])\r\n(?=\S)")
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
    if not (joins or cuts):
        return string
    origin = origins_of(text, turn_of(text, string))
    signs = list(string)
    for found, is_end in ((joins, True), (cuts, False)):
        for match in found:
            before, after = match.start() - 1, match.end()
            (x, y), (next_x, next_y) = origin(before), origin(after)
            size, other = sorted((height_of(text, before), height_of(text, after)))
            is_level = abs(y - next_y) <= _LEVEL * size and x < next_x and size >= _LIKE * other
            if is_end and before >= 0 and is_level:
                signs[match.start() : after] = "  "
            elif not is_end and y - next_y >= _BELOW * other and next_x < x:
                signs[match.start()] = "\n"
    return "".join(signs)
