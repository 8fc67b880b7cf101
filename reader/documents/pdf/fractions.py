"""Fractions that are drawn with a rule between two terms: 1/2 and (a + b)/c on one line, where PDFium gives two."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pypdfium2

from reader.documents.pdf.glyphs import Glyph, Rect, read_glyphs, upright_rect

_LONGEST = 150.0
_SHORTEST = 2.0
_THICKEST = 2.5
"""In points, of the rule between the terms."""
_MOST_RULES = 60
"""Pages with more are tables and forms."""
_REACH = 11.0
"""In points, where a term is looked for above and below a rule."""
_MOST_GLYPHS = 40
_ABOVE = (0.05, 0.95)
_BELOW = (0.45, 1.35)
"""In ems, how far the baselines of the terms are above and below the rule."""
_AXIS = (0.1, 0.5)
"""In ems, how far the rule is above the baseline of what stands beside the fraction."""
_NEIGHBOUR, _OVERLAP = 3.0, 0.2
"""In ems, how far what stands beside a fraction is from its rule, and how far it may reach into it."""
_WHITE = 0.6
"""In ems, on both sides of a term: where letters follow within it, the rule underlines text."""
_LEAST_FILLED = 0.35
_STACKED = 0.9
"""In ems, how far digits are below others that they are no part of."""
_SMALL = 0.88
"""Of the largest letters, the digits of a fraction that has nothing beside it."""
_NEAR_LINES = 1.18
"""In ems, from one line to the next at most in such a fraction; a sum under its rule is farther down."""
_COMPOUND = re.compile(r"(?<=.)[+\-−–±=·×*/ ]|(?<=.)\s")


@dataclass
class _Fraction:
    over: list[int]
    under: list[int]
    """Places in the list of glyphs."""
    baseline: float
    """Of what stands beside it."""
    neighbour: int | None
    """Place of the glyph on its left, else of the one on its right, where the page draws the fraction apart from it; else None."""
    is_behind: bool
    is_parted: bool
    """The page draws something else between its terms, as where all numerators come first."""


def fraction_lines(
    text: pypdfium2.PdfTextPage,
    string: str,
    rules: list[Rect],
    turn: int,
    composed: Callable[[list[Glyph]], list[Glyph]],
) -> list[tuple[int, int]]:
    """Return the spans of PDFium's lines that hold fractions and what stands beside them; `composed` puts roots into their terms.

    Of most pages only the surroundings of their dividing rules are looked at.
    """

    def holds(*rect: float) -> bool:
        term = text.get_text_bounded(*upright_rect((rect[0], rect[1], rect[2], rect[3]), -turn % 360)).strip()
        return 0 < len(term) <= _MOST_GLYPHS

    near = [
        (left, bottom, right, top)
        for left, bottom, right, top in rules
        if holds(left, top, right, top + _REACH) and holds(left, bottom - _REACH, right, bottom)
    ]
    spans = []
    glyphs = composed(read_glyphs(text, string)) if near else []
    for fraction in _fractions(glyphs, near):
        terms = fraction.over + fraction.under
        first, last = glyphs[min(terms)].index, glyphs[max(terms)].index
        if fraction.neighbour is not None:
            first, last = min(first, at := glyphs[fraction.neighbour].index), max(last, at)
        first = len(string[:first].rstrip())
        start = string.rfind("\n", 0, max(first - 1, 0)) + 1
        beyond = len(string) - len(string[last + 1 :].lstrip())
        end = string.find("\n", beyond) + 1 or len(string)
        spans.append((start, end))
    return spans


def compose_fractions(glyphs: list[Glyph], rules: list[Rect]) -> list[Glyph]:
    """Put each fraction on the line of what stands beside it; dividing rules and glyphs as where lines run to the right."""
    out = list(glyphs)
    for fraction in sorted(_fractions(glyphs, rules), key=lambda fraction: -fraction.over[0]):
        over, under = ([glyphs[at] for at in range(term[0], term[-1] + 1)] for term in (fraction.over, fraction.under))
        line = [*_on_line(over, fraction.baseline), Glyph(-1, "/"), *_on_line(under, fraction.baseline)]
        neighbour = None if fraction.neighbour is None else glyphs[fraction.neighbour]
        if neighbour is not None and any(glyph is neighbour for glyph in out):
            for part in [over, under] if fraction.is_parted else [[*over, *under]]:
                start, end = _bounds(part, out)
                out[start:end] = [Glyph(-1, "\n")] * (start > 0 and end < len(out))
            start = end = _place_of(neighbour, out) + fraction.is_behind
        elif fraction.is_parted:
            continue
        else:
            start, end = _bounds([*over, *under], out)
        if start and not (out[start - 1].text in "([" or _starts_line(out, start, fraction.baseline)):
            line.insert(0, Glyph(-1, " "))
        elif start and _starts_line(out, start, fraction.baseline):
            line.insert(0, Glyph(-1, "\n"))
        if end < len(out) and _ends_line(out, end, fraction.baseline):
            line.append(Glyph(-1, "\n"))
        elif end < len(out) and not out[end].text.isspace() and out[end].text not in ".,;:!?)]":
            line.append(Glyph(-1, " "))
        out[start:end] = line
    return _unstacked(out, rules)


def _bounds(part: list[Glyph], out: list[Glyph]) -> tuple[int, int]:
    """Where a part begins and ends, with the white around it that PDFium has put there."""
    start, end = _place_of(part[0], out), _place_of(part[-1], out) + 1
    while start and out[start - 1].made and out[start - 1].text in "\r\n ":
        start -= 1
    while end < len(out) and out[end].made and out[end].text in "\r\n ":
        end += 1
    return start, end


def _place_of(glyph: Glyph, glyphs: list[Glyph]) -> int:
    return next(at for at, other in enumerate(glyphs) if other is glyph)


def _unstacked(glyphs: list[Glyph], rules: list[Rect]) -> list[Glyph]:
    """Part digits that are one above the other, which PDFium gives as one figure; a rule between small ones makes a fraction."""
    out: list[Glyph] = []
    for glyph in glyphs:
        if out and glyph.text.isdigit() and _is_stacked(out[-1], glyph):
            above = out[-1]
            largest = max(other.size for other in glyphs)
            is_near = glyph.size < _SMALL * largest or above.y - glyph.y <= _NEAR_LINES * glyph.size
            is_divided = is_near and any(
                rule[0] <= glyph.x + 1 and above.right <= rule[2] + 1 and glyph.y < rule[1] < above.y for rule in rules
            )
            out.append(Glyph(-1, "/" if is_divided else "\n"))
            glyph = replace(glyph, y=above.y) if is_divided else glyph
        out.append(glyph)
    return out


def _is_stacked(above: Glyph, digit: Glyph) -> bool:
    return (
        above.text.isdigit()
        and not (above.made or digit.made)
        and above.turn == digit.turn
        and above.y - digit.y >= _STACKED * digit.size
        and digit.x < above.right
    )


def dividing(rules: list[Rect]) -> list[Rect]:
    """Return the rules that may part two terms: short, thin, across, and with no other at their ends, as those of tables have."""
    short = [rule for rule in rules if rule[3] - rule[1] <= _THICKEST and _SHORTEST <= rule[2] - rule[0] <= _LONGEST]
    if len(short) > _MOST_RULES:
        return []
    return [rule for rule in short if not any(_touches(rule, other) for other in rules)]


def _touches(rule: Rect, other: Rect) -> bool:
    near = _THICKEST / 2
    is_same = abs(rule[0] - other[0]) <= near and abs(rule[2] - other[2]) <= near and other[3] - other[1] <= _THICKEST
    return not is_same and (
        rule[0] - near <= other[2]
        and other[0] <= rule[2] + near
        and rule[1] - near <= other[3]
        and other[1] <= rule[3] + near
    )


def _fractions(glyphs: list[Glyph], rules: list[Rect]) -> Iterator[_Fraction]:
    used: set[int] = set()
    for left, bottom, right, top in rules:
        middle = (bottom + top) / 2
        inside = [
            at
            for at, glyph in enumerate(glyphs)
            if not glyph.made and not glyph.text.isspace() and left - 1 <= glyph.x and glyph.right <= right + 1.5
        ]
        over = _term(glyphs, inside, {at: glyphs[at].y - middle for at in inside}, _ABOVE)
        under = _term(glyphs, inside, {at: middle - glyphs[at].y for at in inside}, _BELOW)
        if not over or not under or used & {*over, *under}:
            continue
        if not all(_is_term(glyphs, term, right - left) for term in (over, under)):
            continue
        between = glyphs[over[-1] + 1 : under[0]]
        is_parted = over[-1] > under[0] or not all(glyph.made or glyph.text.isspace() for glyph in between)
        beside = [
            at
            for at, glyph in enumerate(glyphs)
            if not (glyph.made or glyph.text.isspace() or at in over or at in under)
            and _AXIS[0] <= (middle - glyph.y) / (glyph.size or 1.0) <= _AXIS[1]
            and (_is_left(glyph, left) or _is_right(glyph, right))
        ]
        filled = max(max(glyphs[at].right for at in term) - min(glyphs[at].x for at in term) for term in (over, under))
        if beside and filled >= _LEAST_FILLED * (right - left):
            before = [at for at in beside if _is_left(glyphs[at], left)]
            neighbour = (
                max(before, key=lambda at: glyphs[at].right) if before else min(beside, key=lambda at: glyphs[at].x)
            )
            ahead, behind = _next_drawn(glyphs, over[0], -1), _next_drawn(glyphs, under[-1], 1)
            level = glyphs[neighbour].y
            is_in_place = not is_parted and (
                (ahead and _is_left(ahead, left) and abs(ahead.y - level) <= ahead.size)
                or (behind and _is_right(behind, right) and abs(behind.y - level) <= behind.size)
            )
            used |= {*over, *under}
            yield _Fraction(over, under, level, None if is_in_place else neighbour, bool(before), is_parted)


def _is_left(glyph: Glyph, left: float) -> bool:
    """Whether a glyph ends shortly before a fraction."""
    return left - _NEIGHBOUR * glyph.size <= glyph.right <= left + _OVERLAP * glyph.size


def _is_right(glyph: Glyph, right: float) -> bool:
    return right - _OVERLAP * glyph.size <= glyph.x <= right + _NEIGHBOUR * glyph.size


def _next_drawn(glyphs: list[Glyph], at: int, step: int) -> Glyph | None:
    at += step
    while 0 <= at < len(glyphs):
        if not (glyphs[at].made or glyphs[at].text.isspace()):
            return glyphs[at]
        at += step
    return None


def _term(glyphs: list[Glyph], places: list[int], heights: dict[int, float], reach: tuple[float, float]) -> list[int]:
    """The glyphs on one side of a rule that are near enough; smaller ones, such as powers, as near as the others."""
    near = [at for at in places if reach[0] <= heights[at] / glyphs[at].size <= reach[1]]
    em = max((glyphs[at].size for at in near), default=0.0)
    return [at for at in places if reach[0] * glyphs[at].size <= heights[at] <= reach[1] * em]


def _is_term(glyphs: list[Glyph], term: list[int], width: float) -> bool:
    """Whether glyphs one after another are alone on their line."""
    if term[-1] - term[0] > _MOST_GLYPHS:
        return False
    if any(
        not glyph.made and at not in term and not glyph.text.isspace()
        for at, glyph in enumerate(glyphs[term[0] : term[-1]], term[0])
    ):
        return False
    first, last = glyphs[term[0]], glyphs[term[-1]]
    return not any(
        not glyph.made
        and not glyph.text.isspace()
        and at not in term
        and abs(glyph.y - first.y) < 0.1 * first.size
        and (-0.1 < (first.x - glyph.right) / first.size < _WHITE or -0.1 < (glyph.x - last.right) / last.size < _WHITE)
        for at, glyph in enumerate(glyphs)
    )


def _on_line(term: list[Glyph], baseline: float) -> list[Glyph]:
    """A term on the line beside its fraction, in brackets where it is more than a number or a letter."""
    drawn = [glyph for glyph in term if not glyph.made]
    largest = max(glyph.size for glyph in drawn)
    own = min(glyph.y for glyph in drawn if glyph.size == largest)
    moved = [glyph if glyph.made else replace(glyph, y=glyph.y - own + baseline) for glyph in term]
    moved = [replace(glyph, text=" ") if glyph.made and glyph.text in "\r\n" else glyph for glyph in moved]
    if _COMPOUND.search("".join(glyph.text for glyph in term if not (glyph.made and glyph.text in "\r\n"))):
        return [Glyph(-1, "("), *moved, Glyph(-1, ")")]
    return moved


def _starts_line(glyphs: list[Glyph], start: int, baseline: float) -> bool:
    before = glyphs[start - 1]
    return abs(before.y - baseline) > 0.5 * (before.size or 1.0) if not before.made else False


def _ends_line(glyphs: list[Glyph], end: int, baseline: float) -> bool:
    after = glyphs[end]
    return abs(after.y - baseline) > 0.5 * (after.size or 1.0) if not after.made else False
