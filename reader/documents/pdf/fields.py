"""What was filled in or typed onto a page: form values, ticked boxes, signatures, typed-on text and stamps.

Sticky notes, links and buttons are not text of the page.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium

from reader.documents.pdf.glyphs import Glyph, Rect

_HIDDEN = 2 | 32
"""The flags of annotations that no viewer shows."""
_MOST_PARENTS = 32
_PUSH_BUTTON, _PASSWORD = 1 << 16, 1 << 13


_KINDS = {
    pdfium.FPDF_ANNOT_WIDGET: "/Widget",
    pdfium.FPDF_ANNOT_FREETEXT: "/FreeText",
    pdfium.FPDF_ANNOT_STAMP: "/Stamp",
}
"""Annotations whose text is the page's; nearly all others are links."""


def has_values(page: pypdfium2.PdfPage) -> bool:
    """Whether a page has annotations that may hold text of it."""
    found = False
    for number in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, number)
        found = found or pdfium.FPDFAnnot_GetSubtype(annotation) in _KINDS
        pdfium.FPDFPage_CloseAnnot(annotation)
    return found


@dataclass(frozen=True)
class Value:
    """A value and where it is on the page."""

    text: str
    rect: Rect


def page_values(page: Any, root: Any, hidden: Callable[[Any], bool], drawn: Callable[[Rect], str]) -> list[Value]:
    """Return what is filled in on a page.

    Args:
        page: The page's objects.
        root: The file's catalogue.
        hidden: Whether the layer of an annotation is switched off.
        drawn: The text that is drawn in a rectangle, asked for where an annotation has no text itself.
    """
    form = root.get("/AcroForm")
    fresh = isinstance(form, pikepdf.Dictionary) and bool(form.get("/NeedAppearances", False))
    values = []
    for annotation in page.get("/Annots", []):
        if not isinstance(annotation, pikepdf.Dictionary):
            continue
        kind = annotation.get("/Subtype")
        if kind not in _KINDS.values() or int(annotation.get("/F", 0)) & _HIDDEN:
            continue
        corners = [float(corner) for corner in annotation.get("/Rect", [])]
        if len(corners) != 4 or hidden(annotation.get("/OC")):
            continue
        (left, right), (bottom, top) = sorted(corners[::2]), sorted(corners[1::2])
        rect = (left, bottom, right, top)
        if kind == "/Widget":
            text = _field_text(annotation, fresh, functools.partial(drawn, rect))
        elif kind == "/FreeText":
            text = str(annotation.get("/Contents", "")) or drawn(rect)
        else:
            text = drawn(rect)
        if text := "\n".join(
            line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        ).strip():
            values.append(Value(text, rect))
    return values


def _inherited(field: Any, key: str) -> Any:
    for _ in range(_MOST_PARENTS):
        if key in field:
            return field[key]
        parent = field.get("/Parent")
        if not isinstance(parent, pikepdf.Dictionary):
            return None
        field = parent
    return None


def _field_text(field: Any, fresh: bool, drawn: Callable[[], str]) -> str:
    kind, value = _inherited(field, "/FT"), _inherited(field, "/V")
    flags = int(_inherited(field, "/Ff") or 0)
    if kind == "/Btn":
        return "" if flags & _PUSH_BUTTON or not _is_on(field, value, fresh) else "[x]"
    if kind == "/Sig":
        if not isinstance(value, pikepdf.Dictionary):
            return drawn()
        name = str(value.get("/Name", "")).strip()
        return drawn() or (f"Signed by {name}" if name else "Signed")
    if kind == "/Tx" and flags & _PASSWORD:
        return ""
    if kind == "/Ch":
        chosen = value if isinstance(value, pikepdf.Array) else [value] if value is not None else []
        shown = _shown_options(field)
        text = ", ".join(shown.get(str(item), str(item)) for item in chosen)
    elif isinstance(value, pikepdf.Stream):
        text = value.read_bytes().decode("utf-8", errors="replace")
    else:
        text = "" if value is None else str(value)
    return text if text.strip() else drawn()


def _shown_options(field: Any) -> dict[str, str]:
    """What a list shows for the values that it exports."""
    shown = {}
    for option in _inherited(field, "/Opt") or []:
        if isinstance(option, pikepdf.Array) and len(option) == 2:
            shown[str(option[0])] = str(option[1])
    return shown


def _is_on(field: Any, value: Any, fresh: bool) -> bool:
    """Whether a box is ticked: its state, or its value where the state is missing or to be drawn afresh."""
    looks = field.get("/AP")
    normal = looks.get("/N") if isinstance(looks, pikepdf.Dictionary) else None
    states = set(normal.keys()) - {"/Off"} if isinstance(normal, pikepdf.Dictionary) else set()
    state = field.get("/AS")
    if state is not None and not (fresh and state == "/Off"):
        return str(state) not in ("/Off", "Off", "")
    if value is None or str(value) in ("/Off", "Off", ""):
        return False
    return str(value) in states or not states


def place(glyphs: list[Glyph], values: list[Value]) -> list[Glyph]:
    """Put each value after what stands left of it on its line, else before what is right of it, else on its own line."""
    if not values:
        return glyphs
    lines = _lines(glyphs)
    inserts: list[tuple[int, float, str]] = []
    for value in sorted(values, key=lambda value: (-value.rect[3], value.rect[0])):
        left, bottom, right, top = value.rect
        same = [line for line in lines if bottom - 2 <= line.baseline + line.size / 3 <= top + 2]
        before = [max((at for at in line.drawn if glyphs[at].place[0] < left + 1), default=-1) for line in same]
        before = [at for at in before if at >= 0]
        after = [at for line in same for at in line.drawn if glyphs[at].place[0] >= right - 2]
        if before:
            # Of tall fields' lines the top one holds the label.
            at = max(before, key=lambda at: (glyphs[at].place[0] // 12, glyphs[at].place[1]))
            inserts.append((at + 1, left, f" {value.text}"))
        elif after:
            at = min(after, key=lambda at: glyphs[at].place[0])
            inserts.append((at, left, f"{value.text} "))
        else:
            above = [line for line in lines if line.baseline > top - 2]
            end = max((line.end for line in above if line.left < right and line.right > left), default=None)
            end = end if end is not None else max((line.end for line in above), default=0)
            inserts.append((end, left, f"\n{value.text}" if end else f"{value.text}\n"))
    out: list[Glyph] = []
    position = 0
    for at, _, text in sorted(inserts, key=lambda insert: insert[0]):
        out += glyphs[position:at]
        position = at
        out += [Glyph(-1, char) for char in text]
    return out + glyphs[position:]


@dataclass
class _Line:
    drawn: list[int]
    baseline: float
    size: float
    left: float
    right: float
    end: int


def _lines(glyphs: list[Glyph]) -> list[_Line]:
    lines: list[_Line] = []
    for at, glyph in enumerate(glyphs):
        if glyph.made or glyph.text.isspace():
            continue
        x, y = glyph.place
        last = lines[-1] if lines else None
        if (
            last
            and abs(last.baseline - y) < 0.5 * (glyph.size or 1)
            and not any(between.text == "\n" for between in glyphs[last.end : at])
        ):
            last.drawn.append(at)
            last.left, last.right, last.end = min(last.left, x), max(last.right, x + glyph.em / 2), at + 1
        else:
            lines.append(_Line([at], y, glyph.size or 10.0, x, x + glyph.em / 2, at + 1))
    return lines
