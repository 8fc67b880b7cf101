"""Marks over and under letters, as in Thai: PDFium ends the line at some of them, which cuts words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import pypdfium2

from reader.documents.pdf.glyphs import gap, letters_of, read_glyphs

_LEVEL = 0.12
"""In ems, how far the baselines of a mark and its letter are apart at most."""
_BESIDE = 0.3
"""In ems, how far a letter begins from where the one before it ends at most."""


def cut_at_marks(text: pypdfium2.PdfTextPage, string: str) -> Iterator[tuple[int, int]]:
    """Yield the line ends of PDFium's text that stand before or behind a mark within a line."""
    marks = "".join(sign for sign in letters_of(string) if unicodedata.category(sign) in ("Mn", "Mc"))
    if not marks:
        return
    for end in re.finditer(f"(?<=[{marks}])\r\n(?=[^\\s])|(?<=[^\\s])\r\n(?=[{marks}])", string):
        before, after = (read_glyphs(text, string[at], at)[0] for at in (end.start() - 1, end.end()))
        is_level = abs(before.y - after.y) <= _LEVEL * before.size and before.turn == after.turn
        if is_level and abs(gap(before, after)) <= _BESIDE:
            yield end.span()
