"""Vertical writing: its columns in the order in which they are read; and lines that PDFium takes for it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pypdfium2

from reader.documents.pdf.glyphs import Glyph, height_of, origins_of
from reader.documents.pdf.strings import line_spans

UPRIGHT_SCRIPTS = re.compile(r"[\u1800-\u18af\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f]")
_LEFT_TO_RIGHT = re.compile(r"[\u1800-\u18af\ua840-\ua87f]")

_FEW_CHARS, _LEAST_LINES, _LEAST_SHORT = 8, 4, 0.6
_LEVEL = 0.5
"""In ems, how far the baselines of two letters of a line are apart at most."""


def are_lines_cut(text: pypdfium2.PdfTextPage, string: str) -> bool:
    """Return whether PDFium took a page's lines for vertical writing, and put each letter or word on a line of its own.

    It does so with short pages whose letters are drawn one by one, or whose words run to the left.
    """
    if len(string) > (_FEW_CHARS + 3) * string.count("\n"):
        return False
    starts = line_spans(string)
    short = sum(end - start <= _FEW_CHARS for start, end in starts)
    if len(starts) < _LEAST_LINES or short < _LEAST_SHORT * len(starts):
        return False
    origin = origins_of(text)
    places = [(*origin(start), height_of(text, start)) for start, _ in starts]
    level = sum(a[0] < b[0] and abs(a[1] - b[1]) < _LEVEL * a[2] for a, b in itertools.pairwise(places))
    return 2 * level > len(places)


def as_lines(page: pypdfium2.PdfPage) -> pypdfium2.PdfTextPage:
    """Return a page's characters by lines: PDFium judges the direction of writing only by what is on the page's area."""
    box = page.get_bbox()  # the others are not inherited
    page.set_mediabox(0, 0, 1, 1)
    text = page.get_textpage()
    page.set_mediabox(*box)
    return text


def in_reading_order(glyphs: list[Glyph]) -> list[Glyph]:
    """Order the columns of vertical writing: by tiers from the top, in a tier from the right.

    Mongolian goes from the left. Lines that are written across stay before the columns below them.
    """
    pairs = [(first, second) for first, second in itertools.pairwise(glyphs) if not (first.made or second.made)]
    down = sum(_goes_down(first, second) for first, second in pairs)
    if down * 2 <= len(pairs) or not pairs:
        return glyphs
    columns = [column for column in _columns(glyphs) if any(not glyph.made for glyph in column)]
    letters = "".join(glyph.text for glyph in glyphs)
    from_left = 2 * len(_LEFT_TO_RIGHT.findall(letters)) > len(letters)
    return [glyph for column in _tiers(columns, from_left) for glyph in (*column, Glyph(-1, "\n"))]


def _goes_down(first: Glyph, second: Glyph) -> bool:
    (x0, y0), (x1, y1) = first.place, second.place
    return abs(x1 - x0) < 0.6 * first.size and 0.2 * first.size < y0 - y1 < 3 * first.size


def _columns(glyphs: list[Glyph]) -> Iterator[list[Glyph]]:
    """Runs of glyphs that go down, or across in lines that are not vertical."""
    column: list[Glyph] = []
    drawn: Glyph | None = None
    ended = False
    for glyph in glyphs:
        if glyph.made:
            ended = ended or glyph.text in "\r\n"
            if not ended:
                column.append(glyph)
            continue
        if drawn and (glyph.place[1] > drawn.place[1] + 0.5 * drawn.size or (ended and not _goes_down(drawn, glyph))):
            yield column
            column = []
        column.append(glyph)
        drawn, ended = glyph, False
    if column:
        yield column


def _span(column: list[Glyph], axis: int) -> tuple[float, float]:
    drawn = [glyph for glyph in column if not glyph.made]
    return min(g.place[axis] for g in drawn), max(g.place[axis] + (g.size if axis else 0) for g in drawn)


def _tiers(columns: list[list[Glyph]], from_left: bool) -> list[list[Glyph]]:
    """Cut where an empty strip goes across the page, and order what lies between two strips."""
    tiers: list[tuple[float, list[list[Glyph]]]] = []
    for column in sorted(columns, key=lambda column: -_span(column, 1)[1]):
        low, high = _span(column, 1)
        if tiers and high > tiers[-1][0]:
            tiers[-1] = (min(tiers[-1][0], low), [*tiers[-1][1], column])
        else:
            tiers.append((low, [column]))
    sign = 1 if from_left else -1
    return [column for _, tier in tiers for column in sorted(tier, key=lambda column: sign * _span(column, 0)[0])]
