"""Signs of formulas that are drawn after the letters between which they stand, as equation editors do that draw font by font.

Each is put where it stands, if it fits between two glyphs of its line.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

import pypdfium2

from reader.documents.pdf.glyphs import Glyph, gap, lines_of, origins_of, read_glyphs

_SIGNS = r"+=<>|()\[\]{}/±×÷·∙⋅−–≤≥≠≈→∈∪∩°*\ue000-\uf8ff-"
_LATE = re.compile(rf"(?:\S ?)?[{_SIGNS}](?: ?[{_SIGNS}])*(?: ?\S)?")
"""Signs with what stands on both sides of them."""
_MAY_BE_LATE = re.compile(rf"[{_SIGNS}] ?[{_SIGNS}\r\n]|[{_SIGNS}] ?\Z")
"""A sign before another one or at its line's end."""
_LEVEL = 0.12
"""In ems, how far the baselines of a sign and its neighbour are apart at most."""
_OVERLAP = 0.12
"""In ems, how far a sign reaches over its neighbours at most."""
_WHITE = 0.1
"""In ems, between two words at least."""


def sign_lines(text: pypdfium2.PdfTextPage, string: str, turn: int) -> Iterator[tuple[int, int]]:
    """Yield the lines of PDFium's text in which signs are out of place; it is asked about signs alone.

    Args:
        turn: the direction in which the page's lines run.
    """
    origin = origins_of(text, turn)
    done = 0
    for sign in _MAY_BE_LATE.finditer(string):
        if sign.start() < done:
            continue
        start = string.rfind("\n", 0, sign.start()) + 1
        done = string.find("\n", sign.end() - 1) + 1 or len(string)
        if any(_are_late(string, signs, origin) for signs in _LATE.finditer(string, start, done)):
            line = read_glyphs(text, string[start:done], start)
            if _in_place(line) is not line:
                yield start, done


def _are_late(string: str, signs: re.Match[str], origin: Callable[[int], tuple[float, float]]) -> bool:
    if not _MAY_BE_LATE.search(string, signs.start(), signs.end() + 2):
        return False
    places = [origin(at)[0] for at in range(*signs.span()) if string[at] != " "]
    return any(after < before for before, after in itertools.pairwise(places))


def put_between(glyphs: list[Glyph]) -> list[Glyph]:
    """Return glyphs with each one that is drawn late in the gap of its line that it fills."""
    out: list[Glyph] = []
    for line in lines_of(glyphs):
        may_be_late = _MAY_BE_LATE.search("".join(glyph.text for glyph in line))  # nearly all lines have no such signs
        out += _in_place(line) if may_be_late else line
    return out


def _in_place(line: list[Glyph]) -> list[Glyph]:
    placed: list[Glyph] = []
    for glyph in line:
        at = None if glyph.made or glyph.text.isspace() else _gap_for(glyph, placed)
        placed.insert(len(placed) if at is None else at, glyph)
    return line if placed == line else list(_spaced(placed, line))


def _gap_for(glyph: Glyph, placed: list[Glyph]) -> int | None:
    """Where among the glyphs before it a glyph belongs; None where it follows them or fits nowhere."""
    after: Glyph | None = None
    for at in range(len(placed) - 1, -1, -1):
        before = placed[at]
        if before.made or before.text.isspace():
            continue
        if before.x + _OVERLAP * before.em < glyph.x or (after is None and before.x <= glyph.x):
            if after is None:
                return None
            fits = before.right - _OVERLAP * before.em <= glyph.x and glyph.right <= after.x + _OVERLAP * glyph.em
            is_level = any(abs(near.y - glyph.y) <= _LEVEL * glyph.size for near in (before, after))
            return at + 1 if fits and is_level and before.turn == glyph.turn and glyph.right > glyph.x else None
        after = before
    return None


def _spaced(line: list[Glyph], before: list[Glyph]) -> Iterator[Glyph]:
    """The line's glyphs, with PDFium's spaces between new neighbours only where there is white."""
    inked = [glyph.index for glyph in before if glyph.text != " "]
    pairs = set(itertools.pairwise(inked))
    drawn: Glyph | None = None
    waiting: list[Glyph] = []
    for glyph in line:
        if glyph.text == " ":
            waiting.append(glyph)
            continue
        is_as_before = drawn is None or glyph.made or (drawn.index, glyph.index) in pairs
        if drawn is None or is_as_before or not all(space.made for space in waiting):
            yield from waiting
        elif gap(drawn, glyph) >= _WHITE:
            yield Glyph(-1, " ")
        waiting = []
        yield glyph
        drawn = None if glyph.made else glyph
    yield from waiting
