"""White text on white paper: what is drawn, but nobody sees."""

from __future__ import annotations

import ctypes

import pypdfium2
import pypdfium2.raw as pdfium

from reader.documents.pdf.glyphs import address_of, text_objects

WHITE = (b"1 g", b"1 1 1 rg", b"0 0 0 0 k", b"1 1 1 sc", b"1 sc")
"""How a page's content says that it goes on in white; what looks like it does no harm."""
_WHITE_LEVEL = 250
_MOST_OBJECTS = 5_000
_PIXELS_A_POINT = 1.5


def unseen(page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, string: str) -> set[int]:
    """Return the characters of PDFium's text that are white on white; the page is drawn only where it has white text."""
    white = [thing for thing in _texts(page) if _is_white(thing)]
    if not white:
        return set()
    picture = page.render(scale=_PIXELS_A_POINT, grayscale=True)
    levels = picture.to_numpy().reshape(picture.height, picture.width, -1)[:, :, 0]
    place = picture.get_posconv(page)
    addresses = set()
    for thing in white:
        left, bottom, right, top = thing.get_bounds()
        (x0, x1), (y0, y1) = (
            sorted(axis) for axis in zip(place.to_bitmap(left, bottom), place.to_bitmap(right, top), strict=True)
        )
        under = levels[max(y0, 0) : max(y1, 0) + 1, max(x0, 0) : max(x1, 0) + 1]
        if under.size and under.min() >= _WHITE_LEVEL:
            addresses.add(address_of(thing.raw))
    return {index for index, address in text_objects(text, string) if address in addresses} if addresses else set()


def _texts(page: pypdfium2.PdfPage) -> list[pypdfium2.PdfObject]:
    found = []
    for number, thing in enumerate(page.get_objects(max_depth=1)):
        if number > _MOST_OBJECTS:
            break
        if thing.type == pdfium.FPDF_PAGEOBJ_TEXT:
            found.append(thing)
    return found


def _is_white(thing: pypdfium2.PdfObject) -> bool:
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if pdfium.FPDFTextObj_GetTextRenderMode(thing.raw) != pdfium.FPDF_TEXTRENDERMODE_FILL:
        return False  # text that is not drawn at all is that of a scan
    if not pdfium.FPDFPageObj_GetFillColor(thing.raw, red, green, blue, alpha):
        return False
    return min(red.value, green.value, blue.value) >= _WHITE_LEVEL
