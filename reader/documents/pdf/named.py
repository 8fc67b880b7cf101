"""Words that a page draws as pictures or outlines, and that the file says beside them (`/ActualText`).

PDFium takes such text where letters are drawn, and drops it where none are.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import pikepdf
import pypdfium2.raw as pdfium

from reader.documents.pdf.fields import Value
from reader.documents.pdf.glyphs import Rect

MARK = b"/ActualText"
_MOST_CHARS = 2_000


def says_more(contents: bytes, resources: Any) -> bool:
    """Return whether a page's contents, or the properties that they name, say what something on it reads."""
    if MARK in contents:
        return True
    properties = resources.get("/Properties") if isinstance(resources, pikepdf.Dictionary) else None
    if not isinstance(properties, pikepdf.Dictionary):
        return False
    return any(isinstance(said, pikepdf.Dictionary) and MARK.decode() in said for _, said in properties.items())


def named_pictures(things: list[int], page: Rect) -> list[Value]:
    """Return the words of pictures and where they are; `things` are the addresses of a page's objects, `page` is its box."""
    rects: dict[int, Rect] = {}
    said: dict[int, str] = {}
    has_letters: set[int] = set()
    for address in things:
        thing = ctypes.cast(address, pdfium.FPDF_PAGEOBJECT)
        for mark, text in _marks(thing):
            if pdfium.FPDFPageObj_GetType(thing) == pdfium.FPDF_PAGEOBJ_TEXT:
                has_letters.add(mark)
                continue
            said[mark] = text
            sides = [ctypes.c_float() for _ in range(4)]
            if pdfium.FPDFPageObj_GetBounds(thing, *sides):
                left, bottom, right, top = (side.value for side in sides)
                before = rects.get(mark, (left, bottom, right, top))
                rects[mark] = min(before[0], left), min(before[1], bottom), max(before[2], right), max(before[3], top)
    return [
        Value(said[mark], rect)
        for mark, rect in rects.items()
        if mark not in has_letters
        and any(map(str.isalnum, said[mark]))
        and rect[0] < page[2]
        and rect[2] > page[0]
        and rect[1] < page[3]
        and rect[3] > page[1]
    ]


def _marks(thing: Any) -> Iterator[tuple[int, str]]:
    """The marks around an object that say what it reads, by their addresses, which objects share."""
    for number in range(pdfium.FPDFPageObj_CountMarks(thing)):
        mark = pdfium.FPDFPageObj_GetMark(thing, number)
        length, key = ctypes.c_ulong(), MARK[1:]
        if not pdfium.FPDFPageObjMark_GetParamBlobValue(mark, key, None, 0, length) or not length.value:
            continue
        blob = (ctypes.c_ubyte * length.value)()
        pdfium.FPDFPageObjMark_GetParamBlobValue(mark, key, blob, length.value, length)
        if text := str(pikepdf.String(bytes(blob))).strip():
            yield ctypes.cast(mark, ctypes.c_void_p).value or 0, text[:_MOST_CHARS]
