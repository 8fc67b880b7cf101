"""Words that a page draws last though they stand within one of its lines, as programs do that correct or fill in a text.

They are put where they stand. It is done only where they fill a gap in a line or end it as the next word would, so columns,
heads and notes stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pypdfium2

from reader.documents.pdf.glyphs import Glyph, height_of, origins_of, read_glyphs

_LINE = re.compile(r"[^\s\ufffe](?:[^\r\n]*[^\s\ufffe])?")
_MOST_LATE = 12
"""Lines at the page's end that may be such words."""
_MOST_CHARS = 40
_RISE = 0.5
"""In ems, from a line up to the next one that is drawn."""
_LEVEL = 0.12
"""In ems, how far the baselines of a word and its line are apart at most."""
_END_GAP, _FARTHEST = 0.5, 30.0
"""In ems, from a word to what stands beside it at most: where it ends its line, and where it fills a gap."""
_CLOSE, _TOUCHING = 0.1, -0.05
_BLANK = "_"
"""What lines to write on are made of."""

Edit = tuple[int, int, str]
"""Where in PDFium's text something else belongs, and what."""


def late_edits(text: pypdfium2.PdfTextPage, string: str) -> Iterator[Edit]:
    """Yield the words moved into their lines; of nearly all pages only the last lines' places are asked for."""
    lines = [line.span() for line in _LINE.finditer(string)]
    first = _first_late(text, lines)
    if first is None:
        return
    origin = origins_of(text)
    levels = [origin(start)[1] for start, _ in lines[:first]]
    taken: set[int] = set()
    for start, end in lines[first:]:
        if end - start > _MOST_CHARS:
            continue
        word = [glyph for glyph in read_glyphs(text, string[start:end], start) if not glyph.made]
        if not word or word[0].turn:
            continue
        near = [at for at, level in enumerate(levels) if abs(level - word[0].y) <= _LEVEL * word[0].size]
        for at in near:
            place = _place(text, string, lines[at], word)
            if place is None or place[0] in taken:
                continue
            taken.add(place[0])
            yield place[0], place[1], place[2].format(string[start:end])
            yield len(string[:start].rstrip()), end, ""
            break


def _first_late(text: pypdfium2.PdfTextPage, lines: list[tuple[int, int]]) -> int | None:
    """The first of the last lines that is drawn higher up than the line before it."""
    origin = origins_of(text)
    for at in range(max(len(lines) - _MOST_LATE, 1), len(lines)):
        start = lines[at][0]
        rise = origin(start)[1] - origin(lines[at - 1][0])[1]
        if rise > 1.0 and rise > _RISE * height_of(text, start):
            return at
    return None


def _place(
    text: pypdfium2.PdfTextPage, string: str, line: tuple[int, int], word: list[Glyph]
) -> tuple[int, int, str] | None:
    """Where a word belongs in a line, with the white around it; None where it does not fit there."""
    glyphs = read_glyphs(text, string[slice(*line)], line[0])
    drawn = [glyph for glyph in glyphs if not (glyph.made or glyph.text.isspace() or glyph.text == _BLANK)]
    left, right, em = word[0].x, word[-1].right, word[0].em or 1.0
    before = max((glyph for glyph in drawn if glyph.x < left), key=lambda glyph: glyph.x, default=None)
    after = min((glyph for glyph in drawn if glyph.x >= left), key=lambda glyph: glyph.x, default=None)
    if before is None or abs(before.y - word[0].y) > _LEVEL * word[0].size:
        return None
    start, end = before.index + 1, line[1] if after is None else after.index
    between = string[start:end]
    if end < start or between.strip(f" {_BLANK}"):
        return None
    gap, following = (left - before.right) / em, 0.0 if after is None else (after.x - right) / em
    most = _END_GAP if after is None and _BLANK not in between else _FARTHEST
    if not min(gap, following) >= _TOUCHING or max(gap, following) > most:
        return None
    if after is None and gap < _CLOSE:
        return None
    return start, end, (" {}" if gap > _CLOSE else "{}") + (" " if following > _CLOSE else "")
