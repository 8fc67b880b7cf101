"""White text on white paper: what is drawn, but nobody sees."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pypdfium2
import pypdfium2.raw as pdfium

from reader.documents.pdf.glyphs import Rect, address_of, text_objects

WHITE = (b"1 g", b"1 1 1 rg", b"0 0 0 0 k", b"1 1 1 sc", b"1 sc")
"""How a page's content says that it goes on in white; what looks like it does no harm."""
_WHITE_LEVEL = 250
_MOST_OBJECTS = 5_000
_PIXELS_A_POINT = 1.5


def unseen(page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, string: str, box: Rect) -> set[int]:
    """Return the characters of PDFium's text that are white on white within the page's box.

    The page is drawn only where it has white text.
    """
    white = list(_white_texts(page, box))
    if not white:
        return set()
    picture = page.render(scale=_PIXELS_A_POINT, grayscale=True)
    levels = picture.to_numpy().reshape(picture.height, picture.width, -1)[:, :, 0]
    place = picture.get_posconv(page)
    addresses = set()
    for address, (left, bottom, right, top) in white:
        corners = zip(place.to_bitmap(left, bottom), place.to_bitmap(right, top), strict=True)
        (x0, x1), (y0, y1) = (sorted(axis) for axis in corners)
        under = levels[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1]
        if under.size and under.min() >= _WHITE_LEVEL:
            addresses.add(address)
    return {index for index, address in text_objects(text, string) if address in addresses} if addresses else set()


def _white_texts(page: pypdfium2.PdfPage, box: Rect) -> Iterator[tuple[int, Rect]]:
    """The text objects that are drawn in white, by their address, and where they are; those of a scan are not drawn."""
    colours = [ctypes.c_uint() for _ in range(4)]
    sides = [ctypes.c_float() for _ in range(4)]
    for number in range(min(pdfium.FPDFPage_CountObjects(page.raw), _MOST_OBJECTS)):
        thing = pdfium.FPDFPage_GetObject(page.raw, number)
        if pdfium.FPDFPageObj_GetType(thing) != pdfium.FPDF_PAGEOBJ_TEXT:
            continue
        if not pdfium.FPDFPageObj_GetFillColor(thing, *colours) or min(c.value for c in colours[:3]) < _WHITE_LEVEL:
            continue
        if pdfium.FPDFTextObj_GetTextRenderMode(thing) != pdfium.FPDF_TEXTRENDERMODE_FILL:
            continue
        if not pdfium.FPDFPageObj_GetBounds(thing, *sides):
            continue
        left, bottom, right, top = (side.value for side in sides)
        if left < box[2] and right > box[0] and bottom < box[3] and top > box[1]:
            yield address_of(thing), (left, bottom, right, top)
