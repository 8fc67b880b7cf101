"""Tables without lines between their columns: fills or lines across separate the rows, white space the columns.

The missing lines are supplied, so that `tables` reads these tables like others. It is done only where white strips go
through all rows and no part between two rules can be several rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reader.documents.pdf.glyphs import Glyph, Rect

_THIN = 2.5
_LEAST_WIDTH = 60.0
_NEAR = 3.0
"""In points: rules whose ends are no farther apart have the same ends, or touch."""
_LEAST_LEVELS = 3
_MOST_LEVELS = 200
_MOST_GROUPS = 20
_STRIP = 0.5
"""In ems, the white between two columns at least; between words it is less."""
_MOST_COLUMNS = 12
_LEAST_FILLED = 0.5
"""Of a column's cells."""
_LEAST_CELLS = 2
"""Of a row beyond the outermost rule, how many have text."""
_NEXT_ROW, _NEXT_LINE = 2.2, 2.0
"""In ems, from the outermost rule to the baseline of a row beyond it, and from line to line within that row."""
_ASCENT, _DESCENT = 1.0, 0.35
"""In ems, how far letters reach above and below their baselines."""
_SAME_LINE = 0.3
_LEAST_SINGLE = 0.6
"""Of the rows, how many have one line in their first column: between few rules there may be many rows."""
_PROSE_WORDS = 3
"""A line that continues in the next line of its cell has at least so many words; separate rows have fewer."""
_SPACE, _ROOM = 0.25, 0.5
"""In ems: a space between two words, and the white that may stay at a line's end where the next word did not fit."""


@dataclass(frozen=True)
class _Word:
    text: str
    left: float
    right: float
    y: float
    size: float


def missing_rules(rules: list[Rect], glyphs: Callable[[], list[Glyph]]) -> Iterator[list[Rect]]:
    """Yield for each such table the rules that it would have as a grid.

    Args:
        rules: the page's rules and the edges of its boxes, as where its lines run to the right.
        glyphs: returns the page's glyphs; few pages need them.
    """
    groups = list(itertools.islice(_levels(rules), _MOST_GROUPS))
    every = list(_words(glyphs())) if groups else []
    for left, right, shared in groups:
        words = [word for word in every if left - _NEAR <= word.left and word.right <= right + _NEAR]
        for levels in _tables(shared, words):
            for outer in (_outer_levels(words, levels), levels):
                shown = [word for word in words if outer[-1] < word.y < outer[0]]
                strips = _strips(shown)
                cells = _cells(shown, strips)
                rows = [
                    [[word for word in cell if low < word.y <= high] for cell in cells]
                    for high, low in itertools.pairwise(outer)
                ]
                if 0 < len(strips) < _MOST_COLUMNS and _are_single([row for row in rows if any(row)]):
                    sides = [left, *((strip[0] + strip[1]) / 2 for strip in strips), right]
                    across = [(left, level, right, level) for level in outer]
                    yield across + [(side, outer[-1], side, outer[0]) for side in sides]
                    break


def _levels(rules: list[Rect]) -> Iterator[tuple[float, float, list[float]]]:
    """Left and right ends that several rules share, and the heights of these rules from the top."""
    across = sorted(
        (rule for rule in rules if rule[3] - rule[1] <= _THIN and rule[2] > rule[0]),
        key=lambda rule: (rule[1], rule[0]),
    )
    whole: list[Rect] = []
    for rule in across:  # a row's cells may have a rule or a fill each
        last = whole[-1] if whole else rule
        if whole and rule[1] - last[1] <= 1.0 and rule[0] <= last[2] + _NEAR:
            whole[-1] = last[0], last[1], max(last[2], rule[2]), last[3]
        else:
            whole.append(rule)
    groups: list[tuple[float, float, list[float]]] = []
    for left, bottom, right, _ in whole:
        if right - left < _LEAST_WIDTH:
            continue
        group = next((one for one in groups if abs(one[0] - left) <= _NEAR and abs(one[1] - right) <= _NEAR), None)
        if group is None:
            groups.append((left, right, [bottom]))
        elif bottom - group[2][-1] > _NEAR:
            group[2].append(bottom)
    for left, right, levels in groups:
        if _LEAST_LEVELS <= len(levels) <= _MOST_LEVELS:
            yield left, right, levels[::-1]


def _tables(levels: list[float], words: list[_Word]) -> Iterator[list[float]]:
    """The levels of each of several tables below one another, which text or white parts."""
    start = 0
    for at, (high, low) in enumerate(itertools.pairwise(levels), 1):
        lines = sorted((word for word in words if low < word.y <= high), key=lambda word: -word.y)
        if any(a.y - b.y > _NEXT_LINE * max(a.size, b.size) for a, b in itertools.pairwise(lines)) or not lines:
            yield levels[start:at]
            start = at
    yield levels[start:]


def _words(glyphs: list[Glyph]) -> Iterator[_Word]:
    word: list[Glyph] = []
    for glyph in [*glyphs, Glyph(-1, "\n")]:
        is_letter = not (glyph.made or glyph.text.isspace())
        goes_on = bool(word) and is_letter and abs(glyph.y - word[-1].y) < glyph.size and glyph.x >= word[-1].x
        if word and not (goes_on and glyph.x - word[-1].right <= _STRIP * glyph.size):
            yield _Word("".join(one.text for one in word), word[0].x, word[-1].right, word[0].y, word[0].size or 1.0)
            word = []
        if is_letter:
            word.append(glyph)


def _strips(words: list[_Word]) -> list[tuple[float, float]]:
    """The white strips that go through all words' lines."""
    strips: list[tuple[float, float]] = []
    reached: float | None = None
    least = _STRIP * max((word.size for word in words), default=0.0)
    for word in sorted(words, key=lambda word: word.left):
        if reached is not None and word.left - reached >= least:
            strips.append((reached, word.left))
        reached = word.right if reached is None else max(reached, word.right)
    return strips


def _cells(words: list[_Word], strips: list[tuple[float, float]]) -> list[list[_Word]]:
    cells: list[list[_Word]] = [[] for _ in range(len(strips) + 1)]
    for word in words:
        cells[sum(word.left >= strip[1] - _NEAR for strip in strips)].append(word)
    return cells


def _outer_levels(words: list[_Word], levels: list[float]) -> list[float]:
    """The levels with those around a row above the first rule and one below the last, which often have none of their own."""
    inside = [word for word in words if levels[-1] < word.y < levels[0]]
    columns = len(_strips(inside))
    above = _next_lines([word for word in words if word.y >= levels[0]], levels[0])[:1]
    below = _next_lines([word for word in words if word.y <= levels[-1]], levels[-1])
    for lines in (above, below):
        row = [word for line in lines for word in line]
        strips = _strips(inside + row)
        filled = [bool(cell) for cell in _cells(lines[0], strips)] if lines else []
        # The first column may have no name.
        if sum(filled) < _LEAST_CELLS or len(strips) != columns or not (filled[0] or lines is above):
            continue
        top, bottom = row[0].y + _ASCENT * row[0].size, row[-1].y - _DESCENT * row[-1].size
        levels = [top, *levels] if lines is above else [*levels, bottom]
    return levels


def _next_lines(words: list[_Word], level: float) -> list[list[_Word]]:
    """The lines that follow closely beyond a rule, the nearest first."""
    lines: list[list[_Word]] = []
    for word in sorted(words, key=lambda word: abs(word.y - level)):
        far = abs(word.y - (lines[-1][0].y if lines else level))
        if lines and far <= _SAME_LINE * word.size:
            lines[-1].append(word)
        elif far > (_NEXT_LINE if lines else _NEXT_ROW) * word.size:
            break
        else:
            lines.append([word])
    return lines


def _are_single(rows: list[list[list[_Word]]]) -> bool:
    """Whether what is between two rules is one row each time, and the columns are those of a table."""
    columns = list(zip(*rows, strict=True))
    if len(rows) < _LEAST_LEVELS or any(sum(map(bool, column)) < _LEAST_FILLED * len(rows) for column in columns):
        return False
    rights = [max(word.right for cell in column for word in cell) for column in columns]
    for row in rows:
        lines = [_lines(cell) for cell in row]
        if len(lines[0]) == 1 and sum(len(cell) > 1 for cell in lines) == 1:
            continue  # an address, or a list, in a row of its own
        for cell, right in zip(lines, rights, strict=True):
            if any(_has_room(above, below, right) for above, below in itertools.pairwise(cell)):
                return False
    single = 0
    for row in rows:
        first, *others = map(_lines, row)
        single += len(first) <= 1
        continues = all(line[0].text[0].islower() for line in first[1:])
        if (
            len(first) > 1
            and not continues
            and any(len(first) == len(other) and not _is_prose(other) for other in others)
        ):
            return False
    return single >= _LEAST_SINGLE * len(rows)


def _is_prose(lines: list[list[_Word]]) -> bool:
    return all(len(line) >= _PROSE_WORDS for line in lines[:-1])


def _lines(cell: list[_Word]) -> list[list[_Word]]:
    """The words of each of a cell's lines, from the top."""
    lines: list[list[_Word]] = []
    for word in sorted(cell, key=lambda word: -word.y):
        if lines and lines[-1][0].y - word.y <= _SAME_LINE * word.size:
            lines[-1].append(word)
        else:
            lines.append([word])
    return [sorted(line, key=lambda word: word.left) for line in lines]


def _has_room(above: list[_Word], below: list[_Word], right: float) -> bool:
    """Whether the first word of a line would be on the line above if both were of one text."""
    first = below[0]
    return above[-1].right + _SPACE * first.size + first.right - first.left < right - _ROOM * first.size
