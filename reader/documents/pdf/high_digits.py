"""Digits that a font draws small and high, on the line and in the size of its others: only their outlines tell."""

from __future__ import annotations

import ctypes
import re

import pypdfium2
import pypdfium2.raw as pdfium

from reader.documents.pdf.calls import direct, references
from reader.documents.pdf.glyphs import handle_of, height_of, known, origins_of
from reader.documents.pdf.strings import figures_of, is_counted_alike

_MAY_BE_HIGH = re.compile(r"\s?\d+\w|[^\s\d]\d")
"""What is before a figure and the figure, where its last digit may be such a one."""
_LEAST_HIGH, _LEAST_TALL, _MOST_TALL = 0.2, 0.25, 0.55
"""In ems, how high such a digit begins at least, and how tall it is."""
_DIGIT_HEIGHT = 0.7
"""In ems, of other digits."""

_char_box = direct(pdfium.FPDFText_GetCharBox)
_box = (ctypes.c_double * 4)()
_BOX = references(_box)


def find(text: pypdfium2.PdfTextPage, string: str) -> None:
    """Let `read_glyphs` know the digits of a page whose font raises them; PDFium is asked about the last ones of figures."""
    high = known(text)[2]
    for figure in figures_of(string) if is_counted_alike(string) else ():
        at = figure.end() - 1
        if not _MAY_BE_HIGH.match(string, max(figure.start() - 1, 0)):
            continue
        while at >= figure.start() and (place := _raised(text, at)):
            high[at] = place
            at -= 1


def _raised(text: pypdfium2.PdfTextPage, index: int) -> tuple[float, float] | None:
    """The height and the size of a digit as if it were raised by its place; None where its font does not raise it."""
    if not _char_box(handle_of(text), index, *_BOX):
        return None
    _, _, bottom, top = _box
    rise, size = bottom - origins_of(text)(index)[1], height_of(text, index)
    is_high = _LEAST_HIGH * size <= rise and _LEAST_TALL * size <= top - bottom <= min(_MOST_TALL * size, size - rise)
    return (bottom, (top - bottom) / _DIGIT_HEIGHT) if is_high else None
