"""Roots that are drawn as a sign and a rule over what is under it: √16, √(a + b), ∛27 on the line beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pypdfium2

from reader.documents.pdf.glyphs import Glyph, Rect, gap, read_glyphs

SIGN = "√"
_THICKEST = 2.0
"""In points, of the rule over a root."""
_BESIDE = 0.3
"""In ems, from the sign's right edge to the rule's left end at most."""
_ABOVE = (-0.3, 1.5)
"""In ems, how far the rule is above the sign's origin, which some fonts have at its foot and others at its top."""
_UNDER = (0.3, 1.3)
"""In ems, how far baselines are below the rule."""
_MOST_GLYPHS = 60
_SMALL = 0.8
_WORD_GAP, _FARTHEST = 0.15, 3.0
"""In ems, from a root to what stands beside it."""
_DEGREES = {"": "√", "2": "√", "3": "∛", "4": "∜"}
_COMPOUND = re.compile(r"(?<=.)[^\w.,]", re.DOTALL)


@dataclass
class _Root:
    sign: int
    degree: list[int]
    under: list[int]
    """Places in the list of glyphs."""
    baseline: float


def root_lines(text: pypdfium2.PdfTextPage, string: str, rules: list[Rect]) -> list[tuple[int, int]]:
    """Return the spans of PDFium's lines that hold roots and what stands beside them; rules as where lines run to the right."""
    if not rules or SIGN not in string:
        return []
    glyphs = read_glyphs(text, string)
    spans = []
    for root in _roots(glyphs, rules):
        first = len(string[: glyphs[min([root.sign, *root.degree])].index].rstrip())
        start = string.rfind("\n", 0, max(first - 1, 0)) + 1
        last = glyphs[root.under[-1]].index + 1
        beyond = len(string) - len(string[last:].lstrip())
        spans.append((start, string.find("\n", beyond) + 1 or len(string)))
    return spans


def compose_roots(glyphs: list[Glyph], rules: list[Rect]) -> list[Glyph]:
    """Put each root on the line of what stands beside it, in brackets what is more than a number or a name."""
    out = list(glyphs)
    for root in sorted(_roots(glyphs, rules), key=lambda root: -root.sign):
        start, end = min([root.sign, *root.degree]), root.under[-1] + 1
        degree = "".join(glyphs[at].text for at in root.degree)
        body = _on_one_line(glyphs[root.sign + 1 : end])
        said = "".join(glyph.text for glyph in body)
        has_power = any(not glyph.made and abs(glyph.y - root.baseline) > 0.1 * body[0].size for glyph in body)
        is_compound = has_power or bool(_COMPOUND.search(said))
        sign = _DEGREES.get(degree, f"root({degree}, ")
        marks = (sign, ")") if sign not in _DEGREES.values() else (sign + "(", ")") if is_compound else (sign, "")
        first = replace(glyphs[root.sign], text=marks[0], y=root.baseline, size=body[0].size, right=body[0].x)
        last = replace(body[-1], text=marks[1], x=body[-1].right, y=root.baseline, size=first.size)
        line = [first, *body, *([last] if marks[1] else [])]
        before, after = start, end
        while before and out[before - 1].made and out[before - 1].text in "\r\n ":
            before -= 1
        while after < len(out) and out[after].made and out[after].text in "\r\n ":
            after += 1
        if before and _is_beside(out[before - 1], first, root.baseline):
            start = before
            line = [*([Glyph(-1, " ")] if gap(out[before - 1], first) > _WORD_GAP else []), *line]
        if after < len(out) and _is_beside(body[-1], out[after], root.baseline):
            end = after
            is_apart = gap(body[-1], out[after]) > _WORD_GAP or (not marks[1] and out[after].text.isalnum())
            line += [Glyph(-1, " ")] if is_apart else []
        out[start:end] = line
    return out


def _is_beside(before: Glyph, after: Glyph, baseline: float) -> bool:
    """Whether two glyphs are on the line of a root one behind the other; raised ones are, too."""
    on_line = all(-0.4 <= (glyph.y - baseline) / (glyph.size or 1.0) <= 0.8 for glyph in (before, after))
    return on_line and not (before.made or after.made) and -0.6 <= gap(before, after) <= _FARTHEST


def _on_one_line(glyphs: list[Glyph]) -> list[Glyph]:
    body: list[Glyph] = []
    for glyph in glyphs:
        if glyph.made and glyph.text in "\r\n":
            continue
        if body and not (glyph.made or body[-1].made) and gap(body[-1], glyph) > _WORD_GAP:
            body.append(Glyph(-1, " "))
        body.append(glyph)
    while body[0].made or body[0].text.isspace():
        body.pop(0)
    return body


def _roots(glyphs: list[Glyph], rules: list[Rect]) -> Iterator[_Root]:
    for at, sign in enumerate(glyphs):
        if sign.text != SIGN or sign.made:
            continue
        size = sign.size or 1.0
        over = [
            rule
            for rule in rules
            if rule[3] - rule[1] <= _THICKEST
            and rule[2] - rule[0] > _THICKEST
            and abs(rule[0] - sign.right) <= _BESIDE * size
            and _ABOVE[0] <= (rule[1] - sign.y) / size <= _ABOVE[1]
        ]
        if not over:
            continue
        left, bottom, right, _ = min(over, key=lambda rule: abs(rule[0] - sign.right))
        under = [
            place
            for place, glyph in enumerate(glyphs)
            if not (glyph.made or glyph.text.isspace())
            and place != at
            and left - 1 <= glyph.x
            and glyph.right <= right + 1.5
            and _UNDER[0] * min(size, glyph.size) <= bottom - glyph.y <= _UNDER[1] * size
        ]
        if not under or under[0] < at or under[-1] - at > _MOST_GLYPHS:
            continue
        between = set(range(at + 1, under[-1])) - set(under)
        if all(glyphs[place].made or glyphs[place].text.isspace() for place in between):
            largest = max(glyphs[place].size for place in under)
            baseline = min(glyphs[place].y for place in under if glyphs[place].size == largest)
            yield _Root(at, _degree(glyphs, at, largest), under, baseline)


def _degree(glyphs: list[Glyph], sign: int, size: float) -> list[int]:
    """The small digits or letters in front of a root's sign."""
    places: list[int] = []
    at = sign - 1
    while at >= 0 and (glyphs[at].made or glyphs[at].text.isalnum()):
        if not glyphs[at].made:
            after = glyphs[places[-1] if places else sign]
            if glyphs[at].size > _SMALL * size or abs(after.x - glyphs[at].right) > 0.6 * size:
                break
            places.append(at)
        elif places:
            break
        at -= 1
    return places[::-1]
