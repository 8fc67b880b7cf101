"""The glyphs of a page with their places, and what only their places tell.

Cells that are set apart by character spacing, accents that are drawn over their letter, and text that lies outside the
page. It changes PDFium's text at those places and nowhere else.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import math
import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import pypdfium2
import pypdfium2.raw as pdfium

from reader.documents.pdf.calls import POINTER, address_of, direct
from reader.documents.pdf.mathematical import SECOND_HALF
from reader.documents.pdf.strings import letters_of

_HYPHEN = "\ufffe"
"""What PDFium puts in place of a hyphen and the line's end after it."""

Rect = tuple[float, float, float, float]
"""Left, bottom, right and top in points."""


@dataclass(slots=True)
class Glyph:
    """A character, and where it is along its line and across it."""

    index: int
    """In PDFium's text page; -1 for what is not in it."""
    text: str
    made: bool = True
    """PDFium or we put it in: a space, a line's end, a hyphen at a line's end, a form's value."""
    x: float = 0.0
    """Its origin in points along its line."""
    y: float = 0.0
    """Its baseline in points across its line, upwards."""
    right: float = 0.0
    """Where the next glyph is expected."""
    size: float = 0.0
    """Its em in points across the line."""
    em: float = 0.0
    """Its em in points along the line."""
    place: tuple[float, float] = (0.0, 0.0)
    """Its origin on the page."""
    turn: int = 0
    """The direction of its line in degrees."""


@dataclass(frozen=True, slots=True)
class _Style:
    """What the glyphs of one text object share."""

    font: int
    """Its address."""
    em: float
    size: float
    along: tuple[float, float]
    turn: int


@functools.lru_cache(maxsize=4)
def handle_of(page: pypdfium2.PdfTextPage) -> int:
    """Return the address of an open page's characters."""
    return address_of(page.raw)


_page_object = direct(pdfium.FPDFPage_GetObject, POINTER)
_kind = direct(pdfium.FPDFPageObj_GetType)
_text_object = direct(pdfium.FPDFText_GetTextObject, POINTER)
_char_origin = direct(pdfium.FPDFText_GetCharOrigin)
_char_matrix = direct(pdfium.FPDFText_GetMatrix)
_font_size = direct(pdfium.FPDFText_GetFontSize, ctypes.c_double)
_is_generated = direct(pdfium.FPDFText_IsGenerated)
_font_of = direct(pdfium.FPDFTextObj_GetFont, POINTER)
_glyph_width = direct(pdfium.FPDFFont_GetGlyphWidth)
_bounded_text = direct(pdfium.FPDFText_GetBoundedText)
_x, _y = ctypes.c_double(), ctypes.c_double()
_X, _Y = ctypes.byref(_x), ctypes.byref(_y)
_matrix = pdfium.FS_MATRIX()
_MATRIX = ctypes.byref(_matrix)
_advance = ctypes.c_float()
_ADVANCE = ctypes.addressof(_advance)


def read_glyphs(text: pypdfium2.PdfTextPage, string: str, start: int = 0) -> list[Glyph]:
    """Return characters of a page in PDFium's order; `string` is PDFium's text from index `start` on."""
    address = handle_of(text)
    styles, widths, high = known(text)
    glyphs: list[Glyph] = []
    next_index = start
    for char in string:
        index, next_index = next_index, next_index + (2 if char > "\uffff" else 1)  # PDFium counts in UTF-16
        if char == SECOND_HALF:
            glyphs[-1:] = (replace(glyph, right=glyph.x + _FAR_WIDTH * glyph.em) for glyph in glyphs[-1:])
            continue
        if char in _MAY_BE_MADE and (char == _HYPHEN or _is_generated(address, index) == 1):
            glyphs.append(Glyph(index, char))
            continue
        key = _text_object(address, index) or 0
        style = styles.get(key)
        if style is None:
            style = styles[key] = _style(address, index, key)
        _char_origin(address, index, _X, _Y)
        width = widths.get((style.font, char))
        if width is None:
            width = widths[style.font, char] = _width(style.font, ord(char)) if char <= "\uffff" else _FAR_WIDTH
        at = _x.value, _y.value
        along, across = _turned(at, style.along) if style.along != (1.0, 0.0) else at
        glyph = Glyph(index, char, False, along, across, along + width * style.em, style.size, style.em, at, style.turn)
        glyphs.append(replace(glyph, y=high[index][0], size=high[index][1]) if index in high else glyph)
    return glyphs


_FAR_WIDTH = 0.53
"""In ems, of letters beyond U+FFFF, such as those of formulas, whose widths PDFium does not know."""


@functools.lru_cache(maxsize=1)
def known(
    _text: pypdfium2.PdfTextPage,
) -> tuple[dict[int, _Style], dict[tuple[int, str], float], dict[int, tuple[float, float]]]:
    """Return what is known of a page: its text objects' styles, its fonts' widths, and the heights and sizes of some digits."""
    return {}, {}, {}


def page_objects(page: pypdfium2.PdfPage) -> dict[int, list[int]]:
    """Return the addresses of a page's paths and texts by PDFium's kinds, and of all objects under `ALL_OBJECTS`.

    Of very many objects only the first are looked at.
    """
    address = address_of(page.raw)
    count = min(pdfium.FPDFPage_CountObjects(page.raw), _MOST_OBJECTS)
    things = list(map(functools.partial(_page_object, address), range(count)))
    kinds = list(map(_kind, things))
    found = {ALL_OBJECTS: things}
    for kind in (pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_TEXT):
        found[kind] = [thing for own, thing in zip(kinds, things, strict=True) if own == kind]
    return found


_MOST_OBJECTS = 5_000
ALL_OBJECTS = -1


def text_objects(text: pypdfium2.PdfTextPage, string: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield each character's index in PDFium's text, and the address of the object that draws it; 0 where none does.

    `string` is PDFium's text from index `start` on.
    """
    address, index = handle_of(text), start
    for char in string:
        yield index, _text_object(address, index) or 0
        index += 2 if char > "\uffff" else 1


_MAY_BE_MADE = frozenset(f" \r\n{_HYPHEN}")


def _turned(at: tuple[float, float], along: tuple[float, float]) -> tuple[float, float]:
    return at[0] * along[0] + at[1] * along[1], at[1] * along[0] - at[0] * along[1]


def _style(address: int, index: int, shown: int) -> _Style:
    if not _char_matrix(address, index, _MATRIX):
        _matrix.a, _matrix.b, _matrix.c, _matrix.d = 1.0, 0.0, 0.0, 1.0
    size = _font_size(address, index) or 1.0
    wide, high = math.hypot(_matrix.a, _matrix.b), math.hypot(_matrix.c, _matrix.d)
    along = (_matrix.a / wide, _matrix.b / wide) if wide else (1.0, 0.0)
    font = (_font_of(shown) or 0) if shown else 0
    turn = round(math.degrees(math.atan2(along[1], along[0]))) % 360
    return _Style(font, size * wide, size * high, along, turn)


def _width(font: int, code: int) -> float:
    """A glyph's advance in ems; 0 where the font does not say."""
    return max(_advance.value, 0.0) if font and _glyph_width(font, code, 1.0, _ADVANCE) else 0.0


@functools.lru_cache(maxsize=1)
def turn_of(text: pypdfium2.PdfTextPage, string: str) -> int:
    """Return in which direction most lines of a page run: 0, 90, 180 or 270 degrees; three letters are asked."""
    turns: list[int] = []
    address = handle_of(text)
    for quarter in (1, 2, 3):
        letter = _LETTER.search(string, quarter * len(string) // 4)
        if letter:
            if not _char_matrix(address, letter.start(), _MATRIX):
                _matrix.a = _matrix.b = _matrix.c = _matrix.d = 0.0
            is_mirrored = _matrix.a * _matrix.d <= _matrix.b * _matrix.c
            sign = -1 if _font_size(address, letter.start()) < 0 else 1
            turn = 0 if is_mirrored else round(math.degrees(math.atan2(sign * _matrix.b, sign * _matrix.a)) / 90) * 90
            turns.append(turn % 360)
    return next((turn for turn in turns if turns.count(turn) >= 2), 0)


_LETTER = re.compile(r"\w")


def upright(at: tuple[float, float], turn: int) -> tuple[float, float]:
    """Return a place on the page as it is where lines that run in the direction `turn` run to the right."""
    x, y = at
    return {0: (x, y), 90: (y, -x), 180: (-x, -y), 270: (-y, x)}[turn]


def upright_rect(rect: Rect, turn: int) -> Rect:
    """Return a rectangle of the page as `upright` returns places."""
    (x0, y0), (x1, y1) = upright((rect[0], rect[1]), turn), upright((rect[2], rect[3]), turn)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def hidden_spans(text: pypdfium2.PdfTextPage, string: str, page: Rect) -> list[tuple[int, int]] | None:
    """Return the spans of PDFium's text that lie outside the page; None where only all glyphs tell."""
    if not string.isascii() and max(letters_of(string)) > "\uffff":
        return None  # PDFium counts in UTF-16
    address = handle_of(text)
    strips = [stripped for strip in _outside(text, page) if (stripped := strip.strip())]
    if not strips:
        return []
    # Most printers' marks are drawn one after another in the order of the edges.
    marks = "\r\n".join(strips)
    start = string.rfind(marks)
    end = start + len(marks)
    is_whole = start >= 0 and string[start - 1 : start] in ("", "\n") and string[end : end + 1] in ("", "\r")
    is_last = is_whole and string.count("\n", end) <= _LINES_AFTER_MARKS
    if is_last and not _is_inside(_origin(address, start), 0.0, page):
        return [(start, end)]
    outside = Counter(line[0] for strip in strips for line in _LINE.finditer(strip))
    lines = list(_LINE.finditer(string))
    # Printers' marks come last in the file, or nearly: then only the first of them is asked where it is.
    end = len(lines)
    while end > max(len(lines) - _LINES_AFTER_MARKS, 0) and not outside[lines[end - 1][0]]:
        end -= 1
    tail = end
    while tail and outside[lines[tail - 1][0]] > 0:
        tail -= 1
        outside[lines[tail][0]] -= 1
    if tail < end and _is_inside(_origin(address, lines[tail].start()), 0.0, page):
        outside.update(line[0] for line in lines[tail:end])
        tail = end
    spans = [line.span() for line in lines[tail:end]]
    left = [piece for piece, count in outside.items() if count > 0]
    for line in _holding([*lines[:tail], *lines[end:]], left):
        ends = [_is_inside(_origin(address, index), 0.0, page) for index in (line.start(), line.end() - 1)]
        if ends[0] != ends[1]:
            return None
        if not ends[0]:
            spans.append(line.span())
    # Lines that follow one another are one span: a page may have fifty marks.
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and string[merged[-1][1] : start].isspace():
            merged[-1] = merged[-1][0], end
        else:
            merged.append((start, end))
    return merged


_LINES_AFTER_MARKS = 4


def _holding(lines: list[re.Match[str]], pieces: list[str]) -> list[re.Match[str]]:
    """The lines in which pieces are, all lines where a piece is in none."""
    found = [[line for line in lines if piece in line[0]] for piece in pieces]
    return list(dict.fromkeys(itertools.chain.from_iterable(found))) if all(found) else lines


def _outside(text: pypdfium2.PdfTextPage, page: Rect) -> Iterator[str]:
    """What is drawn beyond each edge of the page."""
    address, buffer = handle_of(text), ctypes.create_string_buffer(2 * _STRIP_CHARS)
    left, bottom, right, top = page[0] - _EDGE, page[1] - _EDGE, page[2] + _EDGE, page[3] + _EDGE
    for strip in (
        (-_FAR, -_FAR, left, _FAR),
        (right, -_FAR, _FAR, _FAR),
        (left, -_FAR, right, bottom),
        (left, top, right, _FAR),
    ):
        x0, y0, x1, y1 = strip
        count = _bounded_text(address, x0, y1, x1, y0, buffer, _STRIP_CHARS)
        if count >= _STRIP_CHARS - 1:
            yield text.get_text_bounded(*strip)
        elif count > 0:
            yield buffer.raw[: count * 2].decode("utf-16-le", errors="ignore").rstrip("\0")


_FAR = 1e6
_STRIP_CHARS = 1000
"""Of what is drawn beyond an edge, so many are fetched at once; asking for their number first costs as much again."""
_EDGE = 2.0
"""How many points beyond the page's edge a glyph may begin."""

_LINE = re.compile(rf"[^\s{_HYPHEN}](?:[^\r\n{_HYPHEN}]*[^\s{_HYPHEN}])?")


def _is_inside(at: tuple[float, float], size: float, page: Rect) -> bool:
    left, bottom, right, top = page
    return left - _EDGE <= at[0] <= right + _EDGE and bottom - _EDGE <= at[1] + size / 4 <= top + _EDGE


def seen(glyphs: list[Glyph], page: Rect) -> list[Glyph]:
    """Leave out glyphs outside the page, and the spaces and line ends that then have nothing before them."""
    kept: list[Glyph] = []
    for line in lines_of(glyphs):
        inside = [glyph.made or _is_inside(glyph.place, glyph.size, page) for glyph in line]
        if any(shown and not glyph.made for glyph, shown in zip(line, inside, strict=True)):
            kept += [glyph for glyph, shown in zip(line, inside, strict=True) if shown]
    return kept


# --- accents ---------------------------------------------------------------------------------------------------------

COMBINING = {
    "´": "\u0301",
    "`": "\u0300",
    "¨": "\u0308",
    "˘": "\u0306",
    "ˆ": "\u0302",
    "^": "\u0302",
    "˜": "\u0303",
    "~": "\u0303",
    "¸": "\u0327",
    "ˇ": "\u030c",
    "˚": "\u030a",
    "°": "\u030a",
    "˙": "\u0307",
    "¯": "\u0304",
    "˛": "\u0328",
    "˝": "\u030b",
}
_ACCENT_SIGNS = re.compile(r"[´`¨˘ˆ˜¸ˇ˚˙¯˛˝\u0300-\u036f\^~°]")
_LONE_ACCENTS = re.compile(r"[´`¨˘ˆ˜¸ˇ˚˙¯˛˝\u0300-\u036f]|(?<=\w)[\^~°]|[\^~°](?=\w)")
_NEAR_LETTERS = 24
_DOTLESS = {"ı": "i", "ȷ": "j"}


def has_lone_accents(string: str) -> bool:
    """Whether accents stand apart from their letters."""
    return bool(_ACCENT_SIGNS.search(letters_of(string)) and _LONE_ACCENTS.search(string))


def compose(glyphs: list[Glyph]) -> list[Glyph]:
    """Join an accent that is drawn over or under a letter with the letter, whichever of them comes first."""
    dropped: set[int] = set()
    for at, glyph in enumerate(glyphs):
        mark = COMBINING.get(glyph.text) or (glyph.text if unicodedata.combining(glyph.text[:1] or " ") else None)
        if mark is None or glyph.made:
            continue
        base = max(_neighbours(glyphs, at), key=lambda near: _overlap(glyph, glyphs[near]), default=None)
        if base is None or _overlap(glyph, glyphs[base]) < 0.3:
            continue
        letter = glyphs[base].text
        joined = unicodedata.normalize("NFC", _DOTLESS.get(letter, letter) + mark)
        if len(joined) > len(letter):
            continue
        glyphs[base] = replace(glyphs[base], text=joined)
        dropped.add(at)
        low, high = sorted((at, base))
        if all(between.made for between in glyphs[low + 1 : high]):  # PDFium's space between accent and letter
            dropped |= set(range(low + 1, high))
        elif at and glyphs[at - 1].made and glyphs[at - 1].text == " ":
            dropped.add(at - 1)
        # PDFium ends the word where the accent takes it back to the left.
        after = at + 1
        while after < len(glyphs) and glyphs[after].made:
            after += 1
        goes_on = base == at - 1 and after < len(glyphs) and glyphs[after].text.isalpha()
        if goes_on and -0.5 < gap(glyphs[base], glyphs[after]) < 0.1:
            dropped |= set(range(at + 1, after))
    return [glyph for at, glyph in enumerate(glyphs) if at not in dropped]


def _neighbours(glyphs: list[Glyph], at: int) -> Iterator[int]:
    """The letters near by, the nearest first."""
    for distance in range(1, _NEAR_LETTERS):
        for near in (at - distance, at + distance):
            if 0 <= near < len(glyphs) and not glyphs[near].made and glyphs[near].text.isalpha():
                yield near


def _overlap(mark: Glyph, letter: Glyph) -> float:
    """How much of the mark's width lies over the letter, 0 on another line."""
    if abs(mark.y - letter.y) > letter.size or mark.turn != letter.turn:
        return 0.0
    if mark.right <= mark.x:  # a combining mark without a width
        return 1.0 if letter.x - 0.1 * letter.em <= mark.x <= letter.right + 0.1 * letter.em else 0.0
    return (min(mark.right, letter.right) - max(mark.x, letter.x)) / (mark.right - mark.x)


# --- spacing ---------------------------------------------------------------------------------------------------------

_WORD_GAP = 0.115
_CELL_GAP = 0.5
_WIDE_GAP = 1.0


def part(glyphs: list[Glyph], text: pypdfium2.PdfTextPage) -> list[Glyph]:
    """Put a space where a gap parts words or cells."""
    parted: list[Glyph] = []
    for line in lines_of(glyphs):
        gaps = {at: gap(line[at - 1], line[at]) for at in range(1, len(line)) if _joined(line[at - 1], line[at])}
        usual = max(statistics.median_low(gaps.values()), 0.0) if len(gaps) > 2 else 0.0
        wide = {at for at, gap in gaps.items() if gap >= min(usual + _WORD_GAP, _least(line[at - 1], line[at]))}
        if wide:
            # Widths that a font gets wrong must not part words, so what is drawn has to be apart, too.
            drawn = {at: _ink_gap(text, line[at - 1], line[at]) for at in gaps}
            usual = statistics.median_low(drawn.values()) if len(gaps) > 2 else 0.0
            wide = {at for at in wide if drawn[at] >= usual + _WORD_GAP * 0.8 or gaps[at] >= _WIDE_GAP}
        for at, glyph in enumerate(line):
            parted += [Glyph(-1, " "), glyph] if at in wide else [glyph]
    return parted


def _least(before: Glyph, after: Glyph) -> float:
    return _CELL_GAP if before.text.isdigit() and after.text.isdigit() else _WIDE_GAP


def lines_of(glyphs: Iterable[Glyph]) -> Iterator[list[Glyph]]:
    """The glyphs of each line with its end."""
    line: list[Glyph] = []
    for glyph in glyphs:
        line.append(glyph)
        if glyph.text == "\n":
            yield line
            line = []
    if line:
        yield line


def gap(before: Glyph, after: Glyph) -> float:
    """The white between two glyphs of a line, in ems."""
    return (after.x - before.right) / (before.em or 1.0)


def _joined(before: Glyph, after: Glyph) -> bool:
    """Two glyphs of one line with nothing between them."""
    if before.made or after.made or before.text.isspace() or after.text.isspace() or before.turn != after.turn:
        return False
    if before.right <= before.x or abs(before.y - after.y) > 0.3 * before.size or after.x < before.x:
        return False
    return before.text < "\u0300" and after.text < "\u0300" and bool(_PARTED.match(before.text + after.text))


_PARTED = re.compile(r"[\w.,;:!?)%][\w$€£]|\w-\d")


def _ink_gap(text: pypdfium2.PdfTextPage, before: Glyph, after: Glyph) -> float:
    """The gap between what is drawn, in ems."""
    if before.turn or not before.em:
        return math.inf
    return (text.get_charbox(after.index)[0] - text.get_charbox(before.index)[2]) / before.em


# --- places ----------------------------------------------------------------------------------------------------------


def _origin(address: int, index: int) -> tuple[float, float]:
    _char_origin(address, index, _X, _Y)
    return _x.value, _y.value


def origins_of(text: pypdfium2.PdfTextPage, turn: int = 0) -> Callable[[int], tuple[float, float]]:
    """Return the function that says where on the page a character of PDFium's text begins; see `upright`."""
    origin = functools.partial(_origin, handle_of(text))
    return (lambda index: upright(origin(index), turn)) if turn else origin


def height_of(text: pypdfium2.PdfTextPage, index: int) -> float:
    """The size of a glyph in points."""
    address = handle_of(text)
    if not _char_matrix(address, index, _MATRIX):
        return 0.0
    return math.hypot(_matrix.c, _matrix.d) * float(_font_size(address, index))
