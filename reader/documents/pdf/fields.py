"""What was filled in or typed onto a page: form values, ticked boxes, signatures, typed-on text and stamps.

Sticky notes, links and buttons are not text of the page.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium
from lxml import etree

from reader.documents.forms import tick
from reader.documents.pdf.glyphs import Glyph, Rect, upright, upright_rect

_HIDDEN = 2 | 32
"""The flags of annotations that no viewer shows."""
_MOST_PARENTS = 32
_PUSH_BUTTON, _RADIO, _PASSWORD, _COMB, _DROP_DOWN = 1 << 16, 1 << 15, 1 << 13, 1 << 24, 1 << 17
_OFF_WORDS = ("", "0", "off", "false", "no")
_LEAST_LETTERS = 0.5
"""Of what an appearance draws, so much is letters and digits where its font says rightly which they are."""
_STORED_NUMBER = re.compile(r"[-+]?[\d.,]*\d")
_STAMPS = frozenset(
    (
        "Approved", "AsIs", "Confidential", "Departmental", "Draft", "Experimental", "Expired", "Final", "ForComment",
        "ForPublicRelease", "NotApproved", "NotForPublicRelease", "Sold", "TopSecret",
    )
)  # fmt: skip
"""Stamps that viewers draw by their name."""
_WORD_STARTS = re.compile(r"(?<=[a-z])(?=[A-Z])")


_KINDS = {
    pdfium.FPDF_ANNOT_WIDGET: "/Widget",
    pdfium.FPDF_ANNOT_FREETEXT: "/FreeText",
    pdfium.FPDF_ANNOT_STAMP: "/Stamp",
    pdfium.FPDF_ANNOT_LINE: "/Line",
    pdfium.FPDF_ANNOT_WATERMARK: "/Watermark",
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


def page_values(
    page: Any, root: Any, hidden: Callable[[Any], bool], drawn: Callable[[Rect], str], kept: Callable[[str], str]
) -> list[Value]:
    """Return what is filled in on a page.

    Args:
        page: The page's objects.
        root: The file's catalogue.
        hidden: Whether the layer of an annotation is switched off.
        drawn: The text that is drawn in a rectangle, asked for where an annotation has no text itself.
        kept: The value that the form's XFA data has under a field's whole name; "" where there is none.
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
            text = _field_text(annotation, fresh, functools.partial(drawn, rect)) or _kept_text(annotation, kept)
            text = text or (tick(False) if _is_box(annotation) else "")
        elif kind == "/FreeText":
            text = str(annotation.get("/Contents", "")).strip() or _rich_text(annotation.get("/RC"))
            text = _as_shown(text, drawn(rect))
        else:
            text = drawn(rect) or (_stamp(annotation) if kind == "/Stamp" else "")
        if text := "\n".join(
            line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        ).strip():
            values.append(Value(text, rect))
    # Where nothing is filled in, boxes say nothing; without them a scan is offered text recognition, and tables keep rows.
    return values if any(value.text != tick(False) for value in values) else []


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
        return tick(True) if _is_box(field) and _is_on(field, value, fresh) else ""
    if kind == "/Sig":
        return drawn() or (_signed(value) if isinstance(value, pikepdf.Dictionary) else "")
    if kind == "/Tx" and flags & _PASSWORD:
        return ""
    if kind == "/Ch":
        text = ", ".join(_chosen(field, value))
    elif isinstance(value, pikepdf.Stream):
        text = _decoded(value.read_bytes())
    else:
        text = "" if value is None else str(value)
    text = text if text.strip() else _rich_text(_inherited(field, "/RV"))
    is_list = kind == "/Ch" and not flags & _DROP_DOWN  # which draws what is not chosen, too
    if is_list or (text.strip() and (fresh or flags & _COMB)):
        return text
    return _as_shown(text, drawn())


def _is_box(field: Any) -> bool:
    """Whether a field is ticked, alone or as one of several choices."""
    return _inherited(field, "/FT") == "/Btn" and not int(_inherited(field, "/Ff") or 0) & _PUSH_BUTTON


def _kept_text(field: Any, kept: Callable[[str], str]) -> str:
    """The value of a field that only the form's XFA data has."""
    kind, flags = _inherited(field, "/FT"), int(_inherited(field, "/Ff") or 0)
    if kind == "/Sig" or (kind == "/Btn" and flags & _PUSH_BUTTON) or (kind == "/Tx" and flags & _PASSWORD):
        return ""
    if str(_inherited(field, "/V") or ""):
        return ""  # it says itself that nothing is to be shown
    value = kept(_whole_name(field))
    if kind == "/Btn":
        is_on = f"/{value}" in _states(field) if flags & _RADIO else value.lower() not in _OFF_WORDS
        return tick(True) if is_on else ""
    return value


def _whole_name(field: Any) -> str:
    names: list[str] = []
    for _ in range(_MOST_PARENTS):
        if "/T" in field:
            names.append(str(field["/T"]))
        field = field.get("/Parent")
        if not isinstance(field, pikepdf.Dictionary):
            break
    return ".".join(reversed(names))


def _as_shown(stored: str, shown: str) -> str:
    """A value as its page shows it, 302,80 for 302.8.

    What the appearance cuts off, sets apart or cannot name is taken from the value itself.
    """
    letters, seen = ("".join(filter(str.isalnum, unicodedata.normalize("NFKC", text))) for text in (stored, shown))
    if not letters or not seen or len(seen) < _LEAST_LETTERS * len("".join(shown.split())):
        return stored if letters else shown
    if _STORED_NUMBER.fullmatch(stored.strip()):
        is_apart = len(shown.split()) >= len(seen) > 1
        return stored if is_apart else shown
    return stored if seen in letters or sorted(seen) == sorted(letters) else shown  # from right to left


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf")):
        return str(pikepdf.String(data))
    return data.decode("utf-8", errors="replace")


def _rich_text(value: Any) -> str:
    """The words of formatted text, a line for each paragraph."""
    data = value.read_bytes() if isinstance(value, pikepdf.Stream) else str(value or "").encode()
    if not data.strip():
        return ""
    root = etree.fromstring(data, etree.HTMLParser(encoding="utf-8", no_network=True))
    paragraphs = root.findall(".//p") if root is not None else []
    return "\n".join(" ".join("".join(part.itertext()).split()) for part in paragraphs or [root] if part is not None)


def _signed(signature: Any) -> str:
    """What a signature without an appearance says: who signed, when and why."""
    by, reason, place = (str(signature.get(key, "")).strip() for key in ("/Name", "/Reason", "/Location"))
    date = re.match(r"(?:D:)?(\d{4})(\d\d)(\d\d)", str(signature.get("/M", "")))
    return ", ".join(
        filter(None, (f"Signed by {by}" if by else "Signed", "-".join(date.groups()) if date else "", reason, place))
    )


def _stamp(annotation: Any) -> str:
    name = str(annotation.get("/Name", "")).lstrip("/#").removeprefix("SB")
    return _WORD_STARTS.sub(" ", name) if name in _STAMPS else ""


def _chosen(field: Any, value: Any) -> list[str]:
    """The chosen options of a list as it shows them."""
    options = [
        [str(part) for part in option] if isinstance(option, pikepdf.Array) else [str(option)]
        for option in _inherited(field, "/Opt") or []
    ]
    if value is None:
        chosen = [int(index) for index in _inherited(field, "/I") or []]
        return [options[index][-1] for index in chosen if 0 <= index < len(options)]
    shown = {option[0]: option[-1] for option in options if option}
    values = value if isinstance(value, pikepdf.Array) else [value]
    return [shown.get(str(item), str(item)) for item in values]


def _is_on(field: Any, value: Any, fresh: bool) -> bool:
    """Whether a box is ticked: its state, or its value where the state is missing or to be drawn afresh."""
    states = _states(field)
    state = field.get("/AS")
    if state is not None and not (fresh and state == "/Off"):
        return str(state) not in ("/Off", "Off", "")
    if value is None or str(value) in ("/Off", "Off", ""):
        return False
    return str(value) in states or not states


def _states(field: Any) -> set[str]:
    """The states in which a box is ticked."""
    looks = field.get("/AP")
    normal = looks.get("/N") if isinstance(looks, pikepdf.Dictionary) else None
    return set(normal.keys()) - {"/Off"} if isinstance(normal, pikepdf.Dictionary) else set()


def place(glyphs: list[Glyph], values: list[Value]) -> list[Glyph]:
    """Put each value after what stands left of it on its line, else before what is right of it, else on its own line.

    Values side by side on a line of their own are parted by bars.
    """
    if not values:
        return glyphs
    turns = Counter(glyph.turn for glyph in glyphs if not glyph.made)
    turn = next((turn for turn, _ in turns.most_common(1) if turn % 90 == 0), 0)
    lines = _lines(glyphs, turn)
    inserts: list[tuple[int, str]] = []
    for row in _rows([Value(value.text, upright_rect(value.rect, turn)) for value in values]):
        alone: list[tuple[int, str]] = []
        for value in row:
            left, bottom, right, top = value.rect
            same = [line for line in lines if bottom - 2 <= line.baseline + line.size / 3 <= top + 2]
            before = [max((at for at, x in line.drawn if x < left + 1), default=-1) for line in same]
            before = [at for at in before if at >= 0]
            after = [(x, at) for line in same for at, x in line.drawn if x >= right - 2]
            if before:
                # Of tall fields' lines the top one holds the label.
                places = {at: upright(glyphs[at].place, turn) for at in before}
                at = max(before, key=lambda at: (places[at][0] // 12, places[at][1]))
                inserts.append((at + 1, f" {value.text}"))
            elif after:
                inserts.append((min(after)[1], f"{value.text} "))
            else:
                above = [line for line in lines if line.baseline > top - 2]
                over = [line for line in above if line.left < right and line.right > left]
                if over:
                    end = min(over, key=lambda line: (round(line.baseline), -line.end)).end
                else:
                    end = max((line.end for line in above), default=0)
                alone.append((end, value.text))
        if alone:
            end, text = max(end for end, _ in alone), " | ".join(text for _, text in alone)
            inserts.append((end, f"\n{text}" if end else f"{text}\n"))
    out: list[Glyph] = []
    position = 0
    for at, text in sorted(inserts, key=lambda insert: insert[0]):
        out += glyphs[position:at]
        position = at
        out += [Glyph(-1, char) for char in text]
    return out + glyphs[position:]


def _rows(values: list[Value]) -> list[list[Value]]:
    """Values by the rows in which they stand, from the top and in a row from the left."""
    rows: list[list[Value]] = []
    for value in sorted(values, key=lambda value: -(value.rect[1] + value.rect[3])):
        first = rows[-1][0].rect if rows else value.rect
        middle = (value.rect[1] + value.rect[3]) / 2
        if rows and first[1] <= middle <= first[3] and value.rect[1] <= (first[1] + first[3]) / 2 <= value.rect[3]:
            rows[-1].append(value)
        else:
            rows.append([value])
    return [sorted(row, key=lambda value: value.rect[0]) for row in rows]


@dataclass
class _Line:
    drawn: list[tuple[int, float]]
    """The glyphs and where they begin."""
    baseline: float
    size: float
    left: float
    right: float
    end: int


def _lines(glyphs: list[Glyph], turn: int) -> list[_Line]:
    lines: list[_Line] = []
    for at, glyph in enumerate(glyphs):
        if glyph.made or glyph.text.isspace():
            continue
        x, y = upright(glyph.place, turn)
        last = lines[-1] if lines else None
        if (
            last
            and abs(last.baseline - y) < 0.5 * (glyph.size or 1)
            and not any(between.text == "\n" for between in glyphs[last.end : at])
        ):
            last.drawn.append((at, x))
            last.left, last.right, last.end = min(last.left, x), max(last.right, x + glyph.em / 2), at + 1
        else:
            lines.append(_Line([(at, x)], y, glyph.size or 10.0, x, x + glyph.em / 2, at + 1))
    return lines
