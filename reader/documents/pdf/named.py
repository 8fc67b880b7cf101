"""What the file says that something drawn reads (`/ActualText`): words of pictures and outlines, and words that letters get wrong.

PDFium takes what stands in a page's contents where letters are drawn, and drops it where none are; what an element of the
tagged tree says it takes nowhere.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium

from reader.documents.pdf.fields import Value
from reader.documents.pdf.glyphs import Rect, text_objects
from reader.documents.pdf.mathematical import SECOND_HALF, plain

MARK = b"/ActualText"
_MOST_CHARS = 2_000
_MOST_ELEMENTS, _MOST_DEPTH = 20_000, 60
"""Of a page's part of the tagged tree."""
_FEW_SIGNS, _MOST_LONGER = 8, 2.0
"""Of what is drawn, unless it is short, the words are at least half and at most twice as long: else they describe it."""

Tagged = dict[int, tuple[int, str]]
"""Number of a page's marked content (MCID) -> the element it belongs to, and what that element reads."""


def says_more(contents: bytes, resources: Any) -> bool:
    """Return whether a page's contents, or the properties that they name, say what something on it reads."""
    if MARK in contents:
        return True
    properties = resources.get("/Properties") if isinstance(resources, pikepdf.Dictionary) else None
    if not isinstance(properties, pikepdf.Dictionary):
        return False
    return any(isinstance(said, pikepdf.Dictionary) and MARK.decode() in said for _, said in properties.items())


def tagged_texts(page: pypdfium2.PdfPage) -> Tagged:
    """Return which of a page's marked contents an element of the tagged tree says the words of."""
    tree = pdfium.FPDF_StructTree_GetForPage(page.raw)
    if not tree:
        return {}
    found: Tagged = {}
    try:
        children = (
            pdfium.FPDF_StructTree_GetChildAtIndex(tree, at) for at in range(pdfium.FPDF_StructTree_CountChildren(tree))
        )
        pending = [(child, 0, (0, "")) for child in children]
        for _ in range(_MOST_ELEMENTS):
            if not pending:
                break
            element, depth, said = pending.pop()
            if not said[1] and (text := _string(pdfium.FPDF_StructElement_GetActualText, element).strip()):
                said = ctypes.cast(element, ctypes.c_void_p).value or 0, text[:_MOST_CHARS]
            for at in range(pdfium.FPDF_StructElement_CountChildren(element)):
                number = pdfium.FPDF_StructElement_GetChildMarkedContentID(element, at)
                child = pdfium.FPDF_StructElement_GetChildAtIndex(element, at)
                if number >= 0 and said[1]:
                    found[number] = said
                elif child and depth < _MOST_DEPTH:
                    pending.append((child, depth + 1, said))
    finally:
        pdfium.FPDF_StructTree_Close(tree)
    return found


def _string(read: Callable[..., int], element: Any) -> str:
    length = read(element, None, 0)
    buffer = ctypes.create_string_buffer(length)
    read(element, buffer, length)
    return buffer.raw.decode("utf-16-le", errors="replace").rstrip("\0")


def corrections(text: pypdfium2.PdfTextPage, string: str, things: list[int], tagged: Tagged) -> dict[int, str]:
    """Return characters of PDFium's text that the tagged tree corrects, by their index; "" for those that are left out.

    Args:
        text: PDFium's characters of the page.
        string: PDFium's text of them.
        things: the addresses of the page's objects.
        tagged: what the tree says of the page's marked contents.
    """
    elements = {thing: said for thing in things if (said := tagged.get(_content_number(thing))) is not None}
    places: dict[tuple[int, str], list[int]] = {}
    signs: dict[int, str] = {}
    for (index, thing), sign in zip(text_objects(text, string), string, strict=True):
        signs[index] = sign
        if thing in elements and not sign.isspace():
            places.setdefault(elements[thing], []).append(index)
    found: dict[int, str] = {}
    for said, indices in places.items():
        span = [index for index in range(indices[0], indices[-1] + 1) if index in signs]
        drawn = "".join(signs[index] for index in span if signs[index] != SECOND_HALF)
        words = "".join(plain(said[1]).split())
        own = set(indices)
        is_whole = all(index in own or signs[index] in " \r\n\ufffe" for index in span)
        is_alike = 2 * len(words) >= len(indices) and (
            len(indices) < _FEW_SIGNS or len(words) <= _MOST_LONGER * len(indices)
        )
        if is_whole and is_alike and "".join(drawn.split()) != words:
            found |= dict.fromkeys(span, "") | {span[0]: plain(said[1])}
    return found


def _content_number(address: int) -> int:
    return int(pdfium.FPDFPageObj_GetMarkedContentID(ctypes.cast(address, pdfium.FPDF_PAGEOBJECT)))


def named_pictures(things: list[int], page: Rect, tagged: Tagged) -> list[Value]:
    """Return the words of pictures and where they are.

    Args:
        things: the addresses of a page's objects.
        page: its box.
        tagged: what the tagged tree says of its marked contents.
    """
    rects: dict[int, Rect] = {}
    said: dict[int, str] = {}
    has_letters: set[int] = set()
    for address in things:
        thing = ctypes.cast(address, pdfium.FPDF_PAGEOBJECT)
        own = tagged.get(_content_number(address)) if tagged else None
        for mark, text in [*_marks(thing), *([own] if own else [])]:
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
