"""Tables without ruling lines: lines whose cells white space alone sets apart, in the same places in several lines.

The cells are parted by bars; cells of several lines are put together, and nothing else of the lines changes. It is done only where
it is certain: rows of figures under one another. Prose in columns, contents with page numbers, lists and numbered equations stay as
they are.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pypdfium2

from reader.documents.pdf.glyphs import height_of, origins_of, read_glyphs
from reader.documents.pdf.strings import figures_of

Edit = tuple[int, int, str]
"""Where in PDFium's text something else belongs, and what."""

_LINE = re.compile(r"[^\r\n]+")
_FIGURE = re.compile(r"\S\s+\S{0,3}\d")
"""A word that may be a figure, and is not the first of its line."""
_FIGURES = re.compile(r"(?<=\s)\S{0,3}\d")
_NEAR_LINES = 6
"""Lines of PDFium's text within which three have digits where a table may be."""
_SPACE = re.compile(r"(?<=\S)\s+(?=\S)")
_CELL_CHARS = 30
_LEVEL = 0.5
"""In points, how far the baselines of two cells of a row are apart at most."""
_NARROW_LETTER = 0.2
_LEADERS = re.compile(r"\.{4}|(?: \.){3}|…{2}|_{4}|\|")
_LEAST_ROWS = 3
_LEAST_ROWS_OF_TWO = 4
"""Of a table with two columns."""
_STRIP = 0.8
_STRIP_OF_TWO = 1.5
"""The least width in ems of the white strip between two columns."""
_MOST_LEADING = 3.0
"""In ems, from a row's baseline to the next."""
_SAME_LINE = 0.5
_MOST_WORDS = 6
"""In a cell, but for the first column."""
_MOST_FIRST_WORDS = 14
_PROSE_WORDS = 4
_FILLED = 0.7
"""Of a column's lines, and of its width in such a line."""
_LEAST_FIGURES = 0.5
"""Of the cells behind the first column."""
_EVEN = 0.3
"""In ems, how far the ends of a column's figures are apart at most."""
_MOST_HEADS = 3
_HEAD_GAP = 0.4
"""In ems, between the names of two columns; the words of prose are nearer together."""
_MOST_LINES = 400
_MOST_LINES_OF_CELL = 8
_MOST_WRAPPED = 24
"""Lines behind the first one of a table's last row."""
_MOST_STEP = 1.6
"""In ems, from a line of a cell to the next."""


@dataclass(frozen=True)
class _Word:
    start: int
    """In PDFium's text."""
    left: float
    right: float
    text: str


@dataclass(frozen=True)
class _Row:
    words: tuple[_Word, ...]
    baseline: float
    size: float
    turn: int
    """The direction of the line in degrees: tables are often turned, with their page or on it."""


Strip = tuple[float, float]


def column_edits(text: pypdfium2.PdfTextPage, string: str) -> Iterator[list[Edit]]:
    """Yield for each table the bars to be put between its cells."""
    digits: list[int] = []
    end = -1
    for figure in figures_of(string):
        if figure.start() > end:  # the first of its line
            digits.append(figure.start())
            end = string.find("\n", figure.end())
            if end < 0:
                break
    if not any(
        string.count("\n", first, third) <= _NEAR_LINES for first, third in zip(digits, digits[2:], strict=False)
    ):
        return  # as on nearly all pages of a book
    lines = _lines(text, string)
    has_digit = [False] * len(lines)
    for at in digits:
        has_digit[max(bisect.bisect_right(lines, (at, len(string))) - 1, 0)] = True
    wanted = [has and bool(_FIGURE.search(string, *line)) for has, line in zip(has_digit, lines, strict=True)]
    for start, stop in _runs(wanted):
        for first, last in _runs(_have_wide_gaps(text, string, lines[start:stop])):
            above = max(start + first - _MOST_HEADS, 0)
            rows = [_row(text, string, line) for line in lines[above : min(start + last, above + _MOST_LINES)]]
            yield from _tables(rows, start + first - above)


def wrapped_edits(text: pypdfium2.PdfTextPage, string: str) -> Iterator[list[Edit]]:
    """Yield what belongs in place of a table whose cells have several lines, all from their row's top on: a line for each row."""
    if len(list(itertools.islice(figures_of(string), 2 * _LEAST_ROWS))) < 2 * _LEAST_ROWS:
        return  # as on nearly all pages of a book
    if sum(map(_has_figures, string.splitlines())) < _LEAST_ROWS:
        return
    lines = _lines(text, string)
    firsts = [at for at, line in enumerate(lines) if _has_figures(string[slice(*line)])]
    firsts = [at for at in firsts if _has_wide_gap(text, string, lines[at])]
    row_at = functools.cache(lambda at: _row(text, string, lines[at]))
    # Beside those of the rows, a line at the page's head or foot may have a figure behind a wide gap.
    for skipped, left in itertools.product(range(2), range(2)):
        tops = firsts[skipped : len(firsts) - left]
        if len(tops) < _LEAST_ROWS or tops[-1] - tops[0] > _MOST_LINES:
            return
        above = max(tops[0] - _MOST_LINES_OF_CELL, 0)
        rows = [row_at(at) for at in range(above, min(tops[-1] + _MOST_WRAPPED, len(lines)))]
        if found := _wrapped(rows, [at - above for at in tops]):
            begin, end, said = found
            yield [(lines[above + begin][0], lines[above + end - 1][1], "\n" + "\n".join(said) + "\n")]
            return


def _wrapped(rows: Sequence[_Row | None], tops: Sequence[int]) -> tuple[int, int, list[str]] | None:
    """Where among lines a table begins and ends, and its rows; None where they are none.

    Args:
        tops: the lines that its rows begin with.
    """
    begin, end = tops[0], tops[-1] + 1
    inside = [row for row in rows[begin:end] if row]
    if len(inside) < end - begin or len({row.turn for row in inside}) > 1:
        return None
    levels = [row.baseline + _LEVEL for at in tops if (row := rows[at])]
    strips = _between(inside)
    while end < len(rows) and (row := rows[end]) and row.turn == inside[0].turn and row.baseline < levels[-1]:
        wider, columns = _between([*inside, row]), {_column(word, strips) for word in row.words}
        if len(wider) < len(strips) or len(columns) > 1 or 0 in columns:
            break
        strips, end, inside = wider, end + 1, [*inside, row]
    heads: list[_Row] = []
    while begin and (row := rows[begin - 1]) and row.turn == inside[0].turn and row.baseline > levels[0]:
        if len(wider := _between([row, *heads, *inside])) < len(strips):
            break
        strips, begin, heads = wider, begin - 1, [row, *heads]
    ends = [*levels[1:], -math.inf]
    cells = [
        [
            [(row, cell) for row in inside if top > row.baseline > low and (cell := _cells(row, strips)[at])]
            for at in range(len(strips) + 1)
        ]
        for top, low in zip(levels, ends, strict=True)
    ]
    # No line may stand above the first row or within two.
    if sum(len(cell) for row in cells for cell in row) < sum(
        map(bool, itertools.chain(*(_cells(row, strips) for row in inside)))
    ) or not _is_wrapped(cells):
        return None
    head = [[(row, cell) for row in heads if (cell := _cells(row, strips)[at])] for at in range(len(strips) + 1)]
    said = [
        " | ".join(" ".join(word.text for _, words in cell for word in words) for cell in row) for row in [head, *cells]
    ]
    return begin, end, [row.rstrip(" |") for row in said if row.strip(" |")]


def _has_figures(line: str) -> bool:
    """Whether two words behind the first of a line may be figures."""
    return len(_FIGURES.findall(line)) > 1


def _between(rows: Sequence[_Row]) -> list[Strip]:
    """The white strips that no word of some lines touches."""
    right, strips = math.inf, list[Strip]()
    size = max(row.size for row in rows)
    for word in sorted((word for row in rows for word in row.words), key=lambda word: word.left):
        if word.left - right > _STRIP * size:
            strips.append((right, word.left))
        right = max(word.right, right) if right < math.inf else word.right
    return strips


def _is_wrapped(rows: Sequence[Sequence[Sequence[tuple[_Row, list[_Word]]]]]) -> bool:
    """Whether all cells begin at their row's top, with a column of figures, and some have several lines."""
    for row in rows:
        # A row whose first cell has a second line may be two rows, and so may one with a figure in a lower line.
        if len(row[0]) != 1:
            return False
        for lines in row:
            levels = [line.baseline for line, _ in lines]
            steps = [before - behind for before, behind in itertools.pairwise(levels)]
            is_top = not levels or abs(levels[0] - row[0][0][0].baseline) < _LEVEL
            if not is_top or any(not 0 < step < _MOST_STEP * lines[0][0].size for step in steps):
                return False
            if any(_is_figure(words) for _, words in lines[1:]):
                return False
    columns = list(zip(*rows, strict=True))[1:]
    has_figures = any(all(len(cell) == 1 and _is_figure(cell[0][1]) for cell in column) for column in columns)
    most = max(len(cell) for row in rows for cell in row)
    return len(columns) > 1 and has_figures and 1 < most <= _MOST_LINES_OF_CELL


def _lines(text: pypdfium2.PdfTextPage, string: str) -> list[tuple[int, int]]:
    """The spans of the lines; PDFium ends some of them between two cells, and these are joined again."""
    lines: list[tuple[int, int]] = []
    origin = origins_of(text)
    for line in _LINE.finditer(string):
        start, end = line.span()
        if line[0].isspace():  # what stood there is beyond the page
            continue
        if lines and min(end - start, lines[-1][1] - lines[-1][0]) <= _CELL_CHARS:
            first, last, following = (origin(at) for at in (lines[-1][0], lines[-1][1] - 1, start))
            x, y = (last[0] - first[0], last[1] - first[1]) if first != last else (1.0, 0.0)
            ahead, aside = following[0] - last[0], following[1] - last[1]
            if x * ahead + y * aside > 0 and abs(x * aside - y * ahead) < _LEVEL * math.hypot(x, y):
                lines[-1] = (lines[-1][0], end)
                continue
        lines.append((start, end))
    return lines


def _runs(wanted: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where enough of them for a table follow one another."""
    for is_wanted, group in itertools.groupby(range(len(wanted)), wanted.__getitem__):
        places = list(group)
        if is_wanted and len(places) >= _LEAST_ROWS:
            yield places[0], places[-1] + 1


def _have_wide_gaps(text: pypdfium2.PdfTextPage, string: str, lines: list[tuple[int, int]]) -> list[bool]:
    """Which lines may be a table's rows; one of every three is looked at, and those beside it where it may."""
    found = [False] * len(lines)
    for at in range(_LEAST_ROWS - 1, len(lines), _LEAST_ROWS):
        if _has_wide_gap(text, string, lines[at]):
            for near in range(at - _LEAST_ROWS + 1, min(at + _LEAST_ROWS, len(lines))):
                found[near] = _has_wide_gap(text, string, lines[near])
    return found


def _has_wide_gap(text: pypdfium2.PdfTextPage, string: str, line: tuple[int, int]) -> bool:
    """Whether two words stand apart as two cells may; PDFium is asked about the letters around spaces alone."""
    least = (_STRIP + _NARROW_LETTER) * height_of(text, line[0])
    origin = origins_of(text)
    return any(
        math.dist(origin(space.end()), origin(space.start() - 1)) > least for space in _SPACE.finditer(string, *line)
    )


def _row(text: pypdfium2.PdfTextPage, string: str, line: tuple[int, int]) -> _Row | None:
    """The words of a line; None where it is not written in one direction on one height."""
    shown = string[slice(*line)]
    glyphs = read_glyphs(text, shown, line[0])
    words: list[_Word] = []
    drawn = [glyph for glyph in glyphs if not glyph.made and not glyph.text.isspace()]
    if not drawn or _LEADERS.search(shown) or "\ufffe" in shown:
        return None
    size = max(glyph.size for glyph in drawn)
    if any(glyph.turn != drawn[0].turn or abs(glyph.y - drawn[0].y) > _SAME_LINE * size for glyph in drawn):
        return None
    for is_space, group in itertools.groupby(glyphs, lambda glyph: glyph.made or glyph.text.isspace()):
        if not is_space:
            letters = list(group)
            word = "".join(glyph.text for glyph in letters)
            words.append(_Word(letters[0].index, letters[0].x, max(glyph.right for glyph in letters), word))
    if any(after.left < before.right - 0.1 * size for before, after in itertools.pairwise(words)):
        return None
    return _Row(tuple(words), drawn[0].y, size, drawn[0].turn)


def _tables(rows: Sequence[_Row | None], first: int) -> Iterator[list[Edit]]:
    """The tables among lines; `first` is the first that has a figure in it."""
    at = first
    while at + _LEAST_ROWS <= len(rows):
        end = at + _LEAST_ROWS
        strips = _common(rows[at:end])
        if len(_common(rows[at + 1 : end + 1])) > len(strips) > 0 and end < len(rows):
            at += 1  # a heading that goes across columns
            continue
        while strips and end < len(rows) and len(longer := _common(rows[at : end + 1])) == len(strips):
            strips, end = longer, end + 1
        table = [row for row in rows[at:end] if row is not None]
        if not strips or not _is_table(table, strips):
            at += 1
            continue
        edits = [edit for row in table for edit in _bars(row, strips)]
        head = at - 1
        while head >= max(at - _MOST_HEADS, 0) and (row := rows[head]) is not None:
            narrowed = _head_strips(row, rows[head + 1], strips)
            if not narrowed:
                break
            edits += _bars(row, narrowed)
            head -= 1
        yield edits
        at = end


def _common(rows: Sequence[_Row | None]) -> list[Strip]:
    """The white strips that go through rows, each with words on both sides in every row; none where they are no rows."""
    found: list[Strip] | None = None
    for before, row in itertools.pairwise([None, *rows]):
        if row is None or (before is not None and before.turn != row.turn):
            return []
        if before is not None:
            leading = before.baseline - row.baseline
            if not 0.5 * row.size < leading < _MOST_LEADING * max(row.size, before.size):
                return []
        white = [(a.right, b.left) for a, b in itertools.pairwise(row.words) if b.left - a.right > _STRIP * row.size]
        white = [(float("-inf"), row.words[0].left), *white, (row.words[-1].right, float("inf"))]
        if found is None:
            found = white[1:-1]
            continue
        both = [(max(a[0], b[0]), min(a[1], b[1])) for a in found for b in white]
        found = [strip for strip in both if strip[1] - strip[0] > _STRIP * row.size]
    found = found or []
    # A strip beside all words of a row parts nothing in it.
    if any(sum(bool(cell) for cell in _cells(row, found)) < 2 for row in rows if row is not None):
        return []
    return found


def _cells(row: _Row, strips: Sequence[Strip]) -> list[list[_Word]]:
    """The words in each column."""
    cells: list[list[_Word]] = [[] for _ in range(len(strips) + 1)]
    for word in row.words:
        cells[_column(word, strips)].append(word)
    return cells


def _column(word: _Word, strips: Sequence[Strip]) -> int:
    return sum(word.left >= strip[1] - 0.01 for strip in strips)


def _is_table(rows: Sequence[_Row], strips: Sequence[Strip]) -> bool:
    """Whether rows are figures under one another, and not prose in columns, contents, a list or numbered equations."""
    if len(strips) == 1:
        narrow = strips[0][1] - strips[0][0] < _STRIP_OF_TWO * max(row.size for row in rows)
        if narrow or len(rows) < _LEAST_ROWS_OF_TWO:
            return False
    cells = [_cells(row, strips) for row in rows]
    ends = [row[-1][-1].right for row in cells if row[-1]]
    is_even = len(ends) == len(cells) and max(ends) - min(ends) < _EVEN * rows[0].size
    for number, column in enumerate(zip(*cells, strict=True)):
        filled = list(filter(None, column))
        is_sparse = is_even and 0 < number < len(strips) and all(map(_is_figure, filled))  # as debits beside credits
        if 2 * len(filled) < len(cells) and not is_sparse:
            return False  # words that stand under no others
    if any(_is_prose(column, number > 0) for number, column in enumerate(zip(*cells, strict=True))):
        return False
    if any(len(row[0]) > _MOST_FIRST_WORDS or max(map(len, row[1:])) > _MOST_WORDS for row in cells):
        return False
    inner = [(row, cell) for row, columns in zip(rows, cells, strict=True) for cell in columns[1:] if cell]
    # A form prints a line's number at both of its ends.
    figures = sum(_is_figure(cell) and cell[0].text != row.words[0].text for row, cell in inner)
    if figures < _LEAST_FIGURES * len(inner):
        return False
    last = [row[-1] for row in cells]
    found = [re.fullmatch(r"\W*(\d{1,5})[a-z]?\W*", cell[0].text) for cell in last if len(cell) == 1]
    numbers = [int(number[1]) for number in found if number]
    counts_on = len(numbers) >= len(last) - 1 and numbers == sorted(numbers)
    others = [cell for row in cells for cell in row[1:-1] if cell]
    return not (counts_on and not any(map(_is_figure, others)))


def _is_prose(column: Sequence[Sequence[_Word]], is_inner: bool) -> bool:
    """Whether the cells of a column are lines of a text: many words, which in the first column also fill its width."""
    widths = [cell[-1].right - cell[0].left for cell in column if cell]
    words = sum(map(len, column)) / max(len(widths), 1)
    filled = sum(width > _FILLED * max(widths) for width in widths)
    return words >= _PROSE_WORDS and (is_inner or filled >= _FILLED * len(widths))


def _is_figure(cell: Sequence[_Word]) -> bool:
    text = "".join(word.text for word in cell)
    digits = sum(map(str.isdigit, text))
    return len(cell) <= 3 and digits > 0 and sum(map(str.isalpha, text)) <= max(digits, 2)


def _head_strips(row: _Row, below: _Row | None, strips: Sequence[Strip]) -> list[Strip]:
    """The strips between the names of columns in a line above a table, whose names may be wider than its figures."""
    if below is None or not 0.5 * row.size < row.baseline - below.baseline < _MOST_LEADING * max(row.size, below.size):
        return []
    gaps = [(a.right, b.left) for a, b in itertools.pairwise(row.words) if b.left - a.right > _HEAD_GAP * row.size]
    gaps = [(float("-inf"), row.words[0].left), *gaps, (row.words[-1].right, float("inf"))]
    narrowed = []
    for left, right in strips:
        shared = [gap for gap in gaps if min(gap[1], right) - max(gap[0], left) > 0]
        if len(shared) != 1:
            return []
        narrowed.append(shared[0])
    cells = _cells(row, narrowed)
    filled = [cell for cell in cells if cell]
    is_named = len(filled) >= max(2, len(cells) - 1) and max(map(len, filled)) <= _MOST_WORDS
    return narrowed if is_named else []


def _bars(row: _Row, strips: Sequence[Strip]) -> Iterator[Edit]:
    """The bars between the cells of a row, one more for each empty cell between two."""
    column = 0
    end = row.words[0].start
    for word in row.words:
        now = _column(word, strips)
        if now > column:
            yield end, word.start, ("" if end == word.start else " ") + "| " * (now - column)
        column, end = now, word.start + len(word.text)
