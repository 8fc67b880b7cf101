"""Finds text that a PDF draws but a reader does not see: white on white paper, outside its clipping area, under a white box, or
in the same place once more.
"""

from __future__ import annotations

import ctypes
import itertools
import re
from collections.abc import Iterator

import pypdfium2
import pypdfium2.raw as pdfium

from reader.documents.pdf.calls import POINTER, bounds, count_segments, direct, references, segment_point
from reader.documents.pdf.glyphs import Rect, height_of, origins_of, text_objects
from reader.documents.pdf.strings import figures_of

WHITE = (b"1 g", b"1 1 1 rg", b"0 0 0 0 k", b"1 1 1 sc", b"1 sc")
"""The operators that set white as the colour. A false match only costs time."""
_WHITE_LEVEL = 250
_PIXELS_A_POINT = 1.5


_CLIPS = (b"W n", b"W* n", b"W\nn", b"W\rn", b"W*\nn", b"W*\rn")
_CLIP_CHARS = 48
_LARGE = 200.0
"""In points; what is clipped to a larger rectangle is the page's content as a whole."""


def clips(data: bytes) -> bool:
    """Whether a page's content clips something to less than nearly all of the page."""
    for clip in _CLIPS:
        at = data.find(clip)
        while at >= 0:
            before = data[max(at - _CLIP_CHARS, 0) : at].split()
            if before[-1:] != [b"re"] or min(map(_length, before[-3:-1]), default=0.0) < _LARGE:
                return True
            at = data.find(clip, at + 1)
    return False


def _length(number: bytes) -> float:
    try:
        return abs(float(number))
    except ValueError:
        return 0.0


_LEAST_CHARS = 4
_LINE = re.compile(r"\S[^\r\n]{2,}\S")
_SAME = 0.12
"""In ems, how far two lines are apart at most that look like one in bold."""
_MOST_PLACES = 20
"""Of a line that stands in many places, those that are looked at."""


def drawn_again(text: pypdfium2.PdfTextPage, string: str) -> set[int]:
    """Return the characters of lines that are drawn where the same line is drawn already.

    Of nearly all pages no place is asked for.
    """
    long = [line for line in map(str.strip, string.split("\n")) if len(line) >= _LEAST_CHARS]
    if len(set(long)) == len(long):
        return set()
    origin = origins_of(text)
    starts: dict[str, list[int]] = {}
    found: set[int] = set()
    for line in _LINE.finditer(string):
        starts.setdefault(line[0], []).append(line.start())
    for said, places in starts.items():
        kept: list[tuple[float, float, float, float]] = []
        for start in places[:_MOST_PLACES] if len(places) > 1 else ():
            ends = (*origin(start), *origin(start + len(said) - 1))
            near = _SAME * height_of(text, start)
            if any(all(abs(a - b) <= near for a, b in zip(ends, other, strict=True)) for other in kept):
                found |= set(range(start, start + len(said)))
            else:
                kept.append(ends)
    return found


def clipped(texts: list[int], text: pypdfium2.PdfTextPage, string: str) -> set[int]:
    """Return the characters of PDFium's text that are outside of what their text objects are clipped to."""
    sides = (ctypes.c_float * 4)()
    sides_at = references(sides)
    addresses = set()
    boxes: dict[tuple[int, ...], Rect | None] = {}
    for thing in texts:
        path = _clip_path(thing)
        if not path or not bounds(thing, *sides_at):
            continue
        left, bottom, right, top = sides
        # Texts one after another share what they are clipped to, and so its points.
        key = tuple(_segment(path, number, 0) or 0 for number in range(max(_count_paths(path), 0)))
        if key not in boxes:
            boxes[key] = _clip_box(path)
        box = boxes[key]
        if box is not None and (left >= box[2] or right <= box[0] or bottom >= box[3] or top <= box[1]):
            addresses.add(thing)
    return {index for index, address in text_objects(text, string) if address in addresses} if addresses else set()


def run_together(text: pypdfium2.PdfTextPage, string: str) -> Iterator[tuple[int, int, str]]:
    """Yield where a space belongs in a figure: the first of two cells is clipped, and the rest of its text ends at the second."""
    origin = origins_of(text)
    for figure in figures_of(string):
        drawn = list(text_objects(text, string[slice(*figure.span())], figure.start()))
        for (at, address), (following, other) in itertools.pairwise(drawn):
            path = _clip_path(address) if address != other else None
            box = _clip_box(path) if path else None
            if box is not None and origin(at)[0] >= box[2]:
                yield following, following, " "


def _clip_box(clip: int) -> Rect | None:
    """The rectangle around what a clip leaves; None where it has no path."""
    box = None
    x, y = ctypes.c_float(), ctypes.c_float()
    for number in range(max(_count_paths(clip), 0)):
        points = []
        for at in range(max(_clip_segments(clip, number), 0)):
            segment = _segment(clip, number, at)
            if segment_point(segment, ctypes.byref(x), ctypes.byref(y)):
                points.append((x.value, y.value))
        if not points:
            continue
        (left, bottom), (right, top) = map(min, zip(*points, strict=True)), map(max, zip(*points, strict=True))
        box = box or (left, bottom, right, top)
        box = max(box[0], left), max(box[1], bottom), min(box[2], right), min(box[3], top)
    return box


def covered(objects: list[int], paths: list[int], text: pypdfium2.PdfTextPage, string: str, box: Rect) -> set[int]:
    """Return the characters of PDFium's text that a white box is drawn over, as people do who correct a price.

    Args:
        objects: the addresses of all that the page draws, in the order in which it is drawn.
        paths: the addresses of its paths.
        text: PDFium's characters of the page.
        string: PDFium's text of them.
        box: what is shown of the page.
    """
    found: set[int] = set()
    for thing, cover in _white_boxes(paths, box):
        said = text.get_text_bounded(*cover).strip()
        if not said:
            continue
        earlier = set(objects[: objects.index(thing)])
        for index, address in _drawn_at(text, string, said):
            if address in earlier and _is_text_under(address, cover):
                left, bottom, right, top = text.get_charbox(index)
                x, y = (left + right) / 2, (bottom + top) / 2
                if cover[0] <= x <= cover[2] and cover[1] <= y <= cover[3]:
                    found.add(index)
    return found


def _drawn_at(text: pypdfium2.PdfTextPage, string: str, said: str) -> Iterator[tuple[int, int]]:
    """The characters, with what draws them, where the page says something; all of the page where it is not one piece."""
    places = [match.start() for match in re.finditer(re.escape(said), string)]
    for start in places:
        yield from text_objects(text, said, start)
    if not places:
        yield from text_objects(text, string)


def _white_boxes(paths: list[int], box: Rect) -> Iterator[tuple[int, Rect]]:
    """The opaque white boxes among the paths of a page; one over most of the page is its paper."""
    colours, sides = (ctypes.c_uint * 4)(), (ctypes.c_float * 4)()
    fill, is_stroked = ctypes.c_int(), ctypes.c_int()
    colours_at, sides_at = references(colours), references(sides)
    for thing in paths:
        if not _fill_colour(thing, *colours_at) or min(colours) < _WHITE_LEVEL or not bounds(thing, *sides_at):
            continue
        left, bottom, right, top = sides
        area = (right - left) * (top - bottom)
        # White boxes outside the page belong to printers' marks. They cover nothing that is shown.
        width, height = min(right, box[2]) - max(left, box[0]), min(top, box[3]) - max(bottom, box[1])
        if min(width, height) < _LEAST_COVER or 2 * area > (box[2] - box[0]) * (box[3] - box[1]):
            continue
        if top - bottom > _MOST_BAND and right - left > _WIDE * (box[2] - box[0]):
            continue  # the head of a website that stays in place on paper hides text of the page
        is_read = _draw_mode(thing, ctypes.byref(fill), ctypes.byref(is_stroked))
        if is_read and fill.value and count_segments(thing) <= _BOX_SEGMENTS and not _has_transparency(thing):
            yield thing, (left, bottom, right, top)


_LEAST_COVER = 5.0
"""In points, of what is on the page of a box that can cover letters."""
_BOX_SEGMENTS = 5
_MOST_BAND, _WIDE = 40.0, 0.75
"""In points, the height of a box across the page, and how much of its width that is."""


_sides = (ctypes.c_float * 4)()
_SIDES = references(_sides)


def _is_text_under(thing: int, cover: Rect) -> bool:
    if not bounds(thing, *_SIDES):
        return False
    left, bottom, right, top = _sides
    # Descenders of the line above reach into many a box.
    is_under = left < cover[2] and right > cover[0] and cover[1] < (bottom + top) / 2 < cover[3]
    return is_under and _render_mode(thing) == pdfium.FPDF_TEXTRENDERMODE_FILL


def white_on_white(
    page: pypdfium2.PdfPage, texts: list[int], text: pypdfium2.PdfTextPage, string: str, box: Rect
) -> set[int]:
    """Return the characters of PDFium's text that are white on white within the page's box.

    The page is drawn only where some of its text objects are white.
    """
    white = list(_white_texts(texts, box))
    if not white:
        return set()
    picture = page.render(scale=_PIXELS_A_POINT, grayscale=True)
    levels = bytes(picture.buffer)
    rows = [levels[start : start + picture.width] for start in range(0, len(levels), picture.stride)]
    place = picture.get_posconv(page)
    addresses = set()
    for address, (left, bottom, right, top) in white:
        corners = zip(place.to_bitmap(left, bottom), place.to_bitmap(right, top), strict=True)
        (x0, x1), (y0, y1) = (sorted(axis) for axis in corners)
        under = b"".join(row[max(x0, 0) : x1 + 1] for row in rows[max(y0, 0) : y1 + 1])
        if under and min(under) >= _WHITE_LEVEL:
            addresses.add(address)
    return {index for index, address in text_objects(text, string) if address in addresses} if addresses else set()


def _white_texts(texts: list[int], box: Rect) -> Iterator[tuple[int, Rect]]:
    """The text objects that are drawn in white, by their address, and where they are; those of a scan are not drawn."""
    colours, sides = (ctypes.c_uint * 4)(), (ctypes.c_float * 4)()
    colours_at, sides_at = references(colours), references(sides)
    red, green, blue, alpha = colours_at
    for thing in [
        one for one in texts if _fill_colour(one, red, green, blue, alpha) and min(colours[:3]) >= _WHITE_LEVEL
    ]:
        if _render_mode(thing) != pdfium.FPDF_TEXTRENDERMODE_FILL or not bounds(thing, *sides_at):
            continue
        left, bottom, right, top = sides
        if left < box[2] and right > box[0] and bottom < box[3] and top > box[1]:
            yield thing, (left, bottom, right, top)


_fill_colour = direct(pdfium.FPDFPageObj_GetFillColor)
_render_mode = direct(pdfium.FPDFTextObj_GetTextRenderMode)
_draw_mode = direct(pdfium.FPDFPath_GetDrawMode)
_has_transparency = direct(pdfium.FPDFPageObj_HasTransparency)
_clip_path = direct(pdfium.FPDFPageObj_GetClipPath, POINTER)
_count_paths = direct(pdfium.FPDFClipPath_CountPaths)
_clip_segments = direct(pdfium.FPDFClipPath_CountPathSegments)
_segment = direct(pdfium.FPDFClipPath_GetPathSegment, POINTER)
