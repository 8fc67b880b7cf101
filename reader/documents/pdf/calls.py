"""PDFium's functions without pypdfium2's conversion of every argument: such calls take half the time, and a page has thousands."""

from __future__ import annotations

import ctypes
from typing import Any

import pypdfium2.raw as pdfium

POINTER = ctypes.c_void_p


def address_of(thing: Any) -> int:
    """Return where a pointer or a function of PDFium's lies, for functions that take addresses."""
    return ctypes.cast(thing, POINTER).value or 0


def direct(function: Any, result: Any = ctypes.c_int) -> Any:
    """Return one of PDFium's functions that takes addresses, or references to values, for pointers."""
    kinds = [kind if issubclass(kind, _NUMBERS) else POINTER for kind in function.argtypes]
    return ctypes.PYFUNCTYPE(result, *kinds)(address_of(function))


def references(values: Any) -> list[Any]:
    """Return a reference to each value of an array, for functions that fill in several values."""
    return [ctypes.byref(values, number * ctypes.sizeof(values._type_)) for number in range(len(values))]


_NUMBERS = (ctypes.c_int, ctypes.c_uint, ctypes.c_long, ctypes.c_ulong, ctypes.c_float, ctypes.c_double)

bounds = direct(pdfium.FPDFPageObj_GetBounds)
count_segments = direct(pdfium.FPDFPath_CountSegments)
segment_point = direct(pdfium.FPDFPathSegment_GetPoint)
