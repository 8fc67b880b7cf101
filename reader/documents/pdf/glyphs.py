"""The glyphs of a page with their places, and what only their places tell.

Cells that are set apart by character spacing, raised digits, accents that are drawn over their letter, and text that
lies outside the page. It changes PDFium's text at those places and nowhere else.
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
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

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

    font: Any
    font_key: int
    em: float
    size: float
    along: tuple[float, float]
    turn: int


def _address(thing: Any) -> int:
    return ctypes.cast(thing, ctypes.c_void_p).value or 0


# The same functions with addresses for arguments, which takes half the time: a page is thousands of glyphs.
_POINTER = ctypes.c_void_p
_text_object = ctypes.CFUNCTYPE(_POINTER, _POINTER, ctypes.c_int)(_address(pdfium.FPDFText_GetTextObject))
_char_origin = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_int, _POINTER, _POINTER)(
    _address(pdfium.FPDFText_GetCharOrigin)
)
_bounded_text = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, *[ctypes.c_double] * 4, _POINTER, ctypes.c_int)(
    _address(pdfium.FPDFText_GetBoundedText)
)
_x, _y = ctypes.c_double(), ctypes.c_double()
_X, _Y = ctypes.addressof(_x), ctypes.addressof(_y)


def read_glyphs(text: pypdfium2.PdfTextPage, string: str, start: int = 0) -> list[Glyph]:
    """Return characters of a page in PDFium's order; `string` is PDFium's text from index `start` on."""
    raw = text.raw
    address = _address(raw)
    styles: dict[int, _Style] = {}
    widths: dict[tuple[int, str], float] = {}
    is_generated = pdfium.FPDFText_IsGenerated
    glyphs = []
    next_index = start
    for char in string:
        index, next_index = next_index, next_index + (2 if char > "\uffff" else 1)  # PDFium counts in UTF-16
        if char in _MAY_BE_MADE and (char == _HYPHEN or is_generated(raw, index) == 1):
            glyphs.append(Glyph(index, char))
            continue
        key = _text_object(address, index) or 0
        style = styles.get(key)
        if style is None:
            style = styles[key] = _style(raw, index)
        _char_origin(address, index, _X, _Y)
        width = widths.get((style.font_key, char))
        if width is None:
            width = widths[style.font_key, char] = _width(style.font, ord(char))
        at = _x.value, _y.value
        along, across = _turned(at, style.along) if style.along != (1.0, 0.0) else at
        glyphs.append(
            Glyph(index, char, False, along, across, along + width * style.em, style.size, style.em, at, style.turn)
        )
    return glyphs


_MAY_BE_MADE = frozenset(f" \r\n{_HYPHEN}")


def _turned(at: tuple[float, float], along: tuple[float, float]) -> tuple[float, float]:
    return at[0] * along[0] + at[1] * along[1], at[1] * along[0] - at[0] * along[1]


def _style(raw: Any, index: int) -> _Style:
    matrix = pdfium.FS_MATRIX(1, 0, 0, 1, 0, 0)
    pdfium.FPDFText_GetMatrix(raw, index, matrix)
    size = pdfium.FPDFText_GetFontSize(raw, index) or 1.0
    wide, high = math.hypot(matrix.a, matrix.b), math.hypot(matrix.c, matrix.d)
    along = (matrix.a / wide, matrix.b / wide) if wide else (1.0, 0.0)
    shown = pdfium.FPDFText_GetTextObject(raw, index)
    font = pdfium.FPDFTextObj_GetFont(shown) if shown else None
    font_key = _address(font) if font else 0
    turn = round(math.degrees(math.atan2(along[1], along[0]))) % 360
    return _Style(font, font_key, size * wide, size * high, along, turn)


def _width(font: Any, code: int) -> float:
    """A glyph's advance in ems; 0 where the font does not say."""
    width = ctypes.c_float()
    if font and pdfium.FPDFFont_GetGlyphWidth(font, code, 1.0, width):
        return max(width.value, 0.0)
    return 0.0


def hidden_spans(text: pypdfium2.PdfTextPage, string: str, page: Rect) -> list[tuple[int, int]] | None:
    """Return the spans of PDFium's text that lie outside the page; None where only all glyphs tell."""
    if not string.isascii() and max(set(string)) > "\uffff":
        return None  # PDFium counts in UTF-16
    outside = Counter(line[0] for strip in _outside(text, page) for line in _LINE.finditer(strip))
    if not outside:
        return []
    address = _address(text.raw)
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
    return sorted(spans)


_LINES_AFTER_MARKS = 4


def _holding(lines: list[re.Match[str]], pieces: list[str]) -> list[re.Match[str]]:
    """The lines in which pieces are, all lines where a piece is in none."""
    found = [[line for line in lines if piece in line[0]] for piece in pieces]
    return list(dict.fromkeys(itertools.chain.from_iterable(found))) if all(found) else lines


def _outside(text: pypdfium2.PdfTextPage, page: Rect) -> Iterator[str]:
    """What is drawn beyond each edge of the page."""
    address, buffer = _address(text.raw), ctypes.create_string_buffer(2 * _STRIP_CHARS)
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
    return bool(_ACCENT_SIGNS.search("".join(set(string))) and _LONE_ACCENTS.search(string))


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
        if goes_on and -0.5 < _gap(glyphs[base], glyphs[after]) < 0.1:
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
        gaps = {at: _gap(line[at - 1], line[at]) for at in range(1, len(line)) if _joined(line[at - 1], line[at])}
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


def _gap(before: Glyph, after: Glyph) -> float:
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


# --- raised and lowered digits ---------------------------------------------------------------------------------------

_SMALLER = 0.88
_UNITS = frozenset(("m", "cm", "mm", "km", "dm", "nm", "µm", "μm", "ft", "in", "yd", "mi", "s", "h", "kg", "g", "ha"))
_NUMBER = re.compile(r"[\d.,]*\d$")
_WORD = re.compile(r"[^\W\d_]+$")
_SIGNS = frozenset("-−–+")


def raised(text: pypdfium2.PdfTextPage, string: str) -> Iterator[int]:
    """Yield where digits are smaller and higher or lower than what they follow; PDFium is asked about numbers alone."""
    address = _address(text.raw)
    for figure in _FIGURE.finditer(string):
        first, last = figure.start(), figure.end() - 1
        if first and string[first - 1] in _SIGNS:
            first -= 1
        before = first - 1
        if string[before : before + 1] == " ":  # PDFium's own space or line's end
            before -= 1
        elif string[before : before + 1] == "\n":
            before -= 2
        starts = [first] * (first < last)
        if before >= 0 and not string[before].isspace() and not string[before].isdigit():
            starts.append(before)
        if not starts:
            continue
        baseline = _origin(address, last)[1]
        for start in starts:
            rise = abs(baseline - _origin(address, start)[1])
            if rise < 0.3:
                continue  # numbers on one line, as nearly all are
            high = height_of(text, start)
            if rise < high and height_of(text, last) < 0.9 * high:
                yield start

    for note in _NOTE.finditer("\n" + string):  # so that places in it are those of the figures in the string
        after = note.end() - 1
        rise = _origin(address, note.start())[1] - _origin(address, after)[1]
        if rise > 0.3 and height_of(text, note.start()) < 0.9 * height_of(text, after):
            yield note.start()


_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
_NOTE = re.compile(r"\n\d{1,3}(?=[^\W\d_])")
"""A note's number before its first word."""


def _origin(address: int, index: int) -> tuple[float, float]:
    _char_origin(address, index, _X, _Y)
    return _x.value, _y.value


def origin_of(text: pypdfium2.PdfTextPage, index: int) -> tuple[float, float]:
    """Return where on the page a character of PDFium's text begins."""
    return _origin(_address(text.raw), index)


def origins_of(text: pypdfium2.PdfTextPage) -> Callable[[int], tuple[float, float]]:
    """Return the function for many characters of a page; see `origin_of`."""
    return functools.partial(_origin, _address(text.raw))


def height_of(text: pypdfium2.PdfTextPage, index: int) -> float:
    """The size of a glyph in points."""
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(text.raw, index, matrix)
    return float(math.hypot(matrix.c, matrix.d) * pdfium.FPDFText_GetFontSize(text.raw, index))


_RAISED_SIGNS = "-−–+,*"


def mark_raised(glyphs: list[Glyph]) -> list[Glyph]:
    """Keep raised and lowered digits apart from what they follow: 10^24, 1995[3], 10_2; H2O stays."""
    out: list[Glyph] = []
    at = 0
    while at < len(glyphs):
        if not (glyphs[at].made or glyphs[at].text.isdigit() or glyphs[at].text in _RAISED_SIGNS):
            out.append(glyphs[at])  # as nearly all: no run begins with a letter
            at += 1
            continue
        if not out or out[-1].text == "\n":
            end = _note_number(glyphs, at)
            if end > at:
                out += [Glyph(-1, "["), *glyphs[at:end], Glyph(-1, "] ")]
                at = end
                continue
        base = _last_drawn(out)
        end = _raised_run(glyphs, at, base)
        if base is None or end == at:
            out.append(glyphs[at])
            at += 1
            continue
        while out and out[-1].made and out[-1].text in "\r\n ":
            out.pop()
        run = [glyph for glyph in glyphs[at:end] if not glyph.made]
        raised = run[0].y > base.y
        at = _same_line_again(glyphs, end, base, run[-1])
        following = glyphs[at] if at < len(glyphs) else None
        before, middle = ("".join(glyph.text for glyph in part) for part in (out[-24:], run))
        opening, closing = _marks(before, middle, following.text if following else "", raised)
        out += [Glyph(-1, opening)] * bool(opening) + run + [Glyph(-1, closing)] * bool(closing)
        if following and not following.made and following.text.isdigit() and not closing:
            out.append(Glyph(-1, " "))  # log₂8 is not log28
    return out


def _note_number(glyphs: list[Glyph], at: int) -> int:
    """Where the raised number before a note's first word ends; `at` where there is none."""
    end = at
    while end < len(glyphs) and not glyphs[end].made and glyphs[end].text.isdigit():
        end += 1
    if end == at or end == len(glyphs) or glyphs[end].made or not glyphs[end].text.isalpha():
        return at
    word = glyphs[end]
    is_raised = all(glyph.y > word.y and _off_line(glyph, word) for glyph in glyphs[at:end])
    return end if is_raised and _gap(glyphs[end - 1], word) < 1.0 else at


def _last_drawn(out: list[Glyph]) -> Glyph | None:
    for glyph in reversed(out[-3:]):
        if not glyph.made:
            return None if glyph.text.isspace() else glyph
    return None


def _raised_run(glyphs: list[Glyph], at: int, base: Glyph | None) -> int:
    """Where the run of smaller digits at another height than `base` ends; `at` where there is none."""
    start = at
    while base is not None and start < len(glyphs) and glyphs[start].made and start < at + 2:
        start += 1
    if base is None or start >= len(glyphs) or not (base.text.isalnum() or base.text in ".,;:!?)]”’\"'»%"):
        return at
    first = glyphs[start]
    if not _off_line(first, base) or not -0.3 <= _gap(base, first) <= 0.35:
        return at
    end = start
    while end < len(glyphs) and not glyphs[end].made and _off_line(glyphs[end], base):
        if not (glyphs[end].text.isdigit() or glyphs[end].text in _RAISED_SIGNS):
            return at  # "2nd", "1st", "x^n": letters are not figures
        end += 1
    return end if any(glyph.text.isdigit() for glyph in glyphs[start:end]) and end - start <= 6 else at


def _off_line(glyph: Glyph, base: Glyph) -> bool:
    if glyph.made or glyph.turn != base.turn or glyph.size > _SMALLER * base.size:
        return False
    rise = (glyph.y - base.y) / (base.size or 1.0)
    return 0.15 <= rise <= 0.75 or -0.4 <= rise <= -0.06


def _marks(before: str, run: str, after: str, raised: bool) -> tuple[str, str]:
    """What to put before and after a run of raised or lowered digits."""
    number, word = _NUMBER.search(before), _WORD.search(before)
    if not raised:
        return ("_", "") if number else ("", "")
    if number:
        digits = re.sub(r"\D", "", number[0])
        power = number[0] == "10" or len(digits) <= 2 or run[0] in _SIGNS
    else:
        power = bool(word) and (len(word[0]) == 1 or word[0] in _UNITS)  # type: ignore[index]
    if number and after in ("/", "⁄"):
        return " ", ""  # 48½ is drawn as 48, a raised 1, a slash and a 2
    return ("^", "") if power and "," not in run else ("[", "]")


def _same_line_again(glyphs: list[Glyph], at: int, base: Glyph, last: Glyph) -> int:
    """Skip a line's end that PDFium put in only because the next glyph is lower again."""
    after = at
    while after < len(glyphs) and glyphs[after].made and glyphs[after].text in "\r\n":
        after += 1
    if after == at or after == len(glyphs):
        return at
    following = glyphs[after]
    near = abs(following.y - base.y) < 0.1 * base.size and -0.2 <= _gap(last, following) <= 1.0
    return after if near and not following.made else at
