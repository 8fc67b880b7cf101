"""Tables with ruling lines: a row of the page becomes a line of text, its cells parted by bars.

Only what the rules make plain is changed: where a cell's letters are not exactly those of the lines that they replace,
PDFium's text stays.
"""

from __future__ import annotations

import ctypes
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pypdfium2
import pypdfium2.raw as pdfium

from reader.documents.pdf import bands
from reader.documents.pdf.calls import POINTER, bounds, count_segments, direct, references, segment_point
from reader.documents.pdf.glyphs import Glyph, Rect, gap, origins_of, read_glyphs, upright_rect
from reader.documents.pdf.mathematical import SECOND_HALF, plain

_THIN = 2.5
_SHORTEST = 2.0
_LEAST_LENGTH = 6.0
_LEAST_PIECES, _MOST_PIECES = 5, 20_000
"""Dots or dashes of a rule, and of a page."""
_HOLE = 4.0
"""Between two of them at most."""
_LEAST_JOINED = 12.0
_MOST_JOINED = 200
_NEAR = 3.0
_INSET = 1.0
_MOST_DESCENT = 2.5
"""How far letters of the row above reach below its rule."""
_LEVEL = 0.2
_BOX_SEGMENTS = 5
_MOST_SEGMENTS = 5_000
"""Of paths that are more than a line or a box, so many on a page are followed."""
_SAMPLES = 5
_MOST_RULES = 2_000
_MOST_CELLS = 2_000
_MOST_CELL_CHARS = 600
_LEAST_FILLED = 0.4
_MOST_BACK = 0.55
"""Cells that come before the one on their left; a table that is drawn column by column has half of its cells so."""
_CLOSE = 0.1
"""In ems, between two glyphs of one word."""
_SAME_LINE = 0.8
"""In ems, how far the baselines of glyphs of one line in a cell are apart."""
_COMPARED = 12
ROW_HYPHEN = "\ufdd0"
"""A hyphen at the end of a cell's line, of which the page's other words tell whether it is the word's own."""
_PLAIN = str.maketrans({"\ufffe": ROW_HYPHEN, "\x02": ROW_HYPHEN, "|": "/"})
"""PDFium's signs for a hyphen at a line's end, in a page and in a part of it, and what would look like a cell's end."""
_WRAPPED = re.compile(rf"(?:(?<=\w)-[\r\n]|{ROW_HYPHEN})\s*(?=\w)(?!(?:and|or|und|oder|bzw|sowie)\b)")
"""A hyphen at which a cell's line ends, but for that of "pre- and post-war"."""
_LINE = re.compile(r"[^\r\n]+(?:\r\n|\n|\r|$)")

Edit = tuple[int, int, str]
"""Where in PDFium's text something else belongs, and what."""


@dataclass
class _Grid:
    """Rules that touch one another."""

    box: Rect
    across: list[Rect] = field(default_factory=list)
    down: list[Rect] = field(default_factory=list)


def table_edits(
    drawn: list[Rect],
    text: pypdfium2.PdfTextPage,
    string: str,
    turn: int,
    moved: list[tuple[int, int]],
    mended: Callable[[list[Glyph]], list[Glyph]],
) -> Iterator[list[Edit]]:
    """Yield for each table its lines with what to put in their place.

    Args:
        drawn: the page's rules, as where its lines run to the right.
        text: PDFium's characters of the page.
        string: PDFium's text of them.
        turn: the direction in which the page's lines run.
        moved: spans of the string with raised digits and the like.
        mended: returns the glyphs of a cell as they are read.
    """
    found: list[Rect] = []
    long = [rule for rule in drawn if _length(rule) >= _LEAST_LENGTH]
    whole = (_grids(supplied)[0] for supplied in bands.missing_rules(long, lambda: read_glyphs(text, string)))
    for grid in itertools.chain(_grids(long), whole):
        if any(_touch(grid.box, box) for box in found):
            continue  # its rows are read already
        columns = _places([(rule[0] + rule[2]) / 2 for rule in grid.down] + [grid.box[0], grid.box[2]])
        heights = [end for rule in grid.down for end in (rule[1], rule[3])] + [rule[1] for rule in grid.across]
        levels = _places(heights)[::-1]
        if len(columns) < 3 or len(levels) < 3 or len(columns) * len(levels) > _MOST_CELLS:
            continue
        inner = list(_levels_within(grid, columns, levels, text, string, turn))
        # Cells over several rows only where letters would be cut without them.
        for all_levels, spans in [(sorted(levels + inner, reverse=True), False)] * bool(inner) + [
            (levels, False),
            (levels, True),
        ]:
            boxes = [_row(grid, columns, all_levels[at:], spans) for at in range(len(all_levels) - 1)]
            rows = [[_said(text, cell, turn) for cell in row] for row in boxes]
            boxes = [row for row, said in zip(boxes, rows, strict=True) if any(said)]
            rows = [row for row in rows if any(row)]
            lines = _lines(text, string, grid.box, rows, turn) if _is_table(rows) else []
            if lines:
                if any(start < lines[-1].end() and lines[0].start() < end for start, end in moved):
                    rows = _mended_rows(text, string, lines, boxes, rows, mended)
                found.append(grid.box)
                yield list(_edits(lines, rows))
                break


_VALUE = re.compile(r"[-–−+(]?[$€£]?\d[\d.,]*\s?[%)*]?|[-–−]")
_LEAST_VALUED = 0.5
"""The share of a row's cells whose lines are all figures, where its lines are rows."""
_LEAST_CELLS = 3


def _levels_within(
    grid: _Grid, columns: list[float], levels: list[float], text: pypdfium2.PdfTextPage, string: str, turn: int
) -> Iterator[float]:
    """Yield levels between rows that share their rules.

    All cells of such rows have the same number of lines. Most lines are figures alone, or no line continues the one above it.
    """
    glyphs: list[Glyph] = []
    for at in range(len(levels) - 1):
        cells = [cell for cell in _row(grid, columns, levels[at:], False) if cell]
        if sum("\n" in _raw(text, cell, turn).strip() for cell in cells) < _LEAST_VALUED * len(cells):
            continue  # as in nearly all rows
        glyphs = glyphs or [glyph for glyph in read_glyphs(text, string) if not (glyph.made or glyph.text.isspace())]
        filled = [lines for cell in cells if (lines := _lines_of_cell(glyphs, cell))]
        values = [lines for lines in filled if all(_VALUE.fullmatch("".join(g.text for g in line)) for line in lines)]
        is_even = len({len(lines) for lines in filled}) == 1 and len(filled[0]) > 1
        are_rows = len(values) >= _LEAST_VALUED * len(filled) or (is_even and _begin_anew(filled))
        if is_even and len(filled) >= _LEAST_CELLS and are_rows:
            for (upper, *_), (lower, *_) in itertools.pairwise((values or filled)[0]):
                yield (upper.y - _DESCENDS * upper.size + lower.y + _ASCENDS * lower.size) / 2


def _begin_anew(cells: list[list[list[Glyph]]]) -> bool:
    """Whether the lines of neighbouring cells stand at the same heights, and no line continues the one above it."""
    lines = zip(*cells, strict=True)
    levels = ([line[0] for line in row] for row in lines)
    return len(cells[0]) >= _LEAST_LINES and all(
        abs(first.y - row[0].y) < _SAME_LINE * first.size and not first.text.islower()
        for row in levels
        for first in row
    )


_LEAST_LINES = 3
"""Of words in each cell of a row that is several; two may be one text in each cell."""


def _lines_of_cell(glyphs: list[Glyph], cell: Rect) -> list[list[Glyph]]:
    """What a cell shows, line by line from the top."""
    left, bottom, right, top = cell
    lines: list[list[Glyph]] = []
    inside = [glyph for glyph in glyphs if left <= glyph.x <= right and bottom <= glyph.y <= top]
    for glyph in sorted(inside, key=lambda glyph: -glyph.y):
        if lines and lines[-1][0].y - glyph.y < _SAME_LINE * glyph.size:
            lines[-1].append(glyph)
        else:
            lines.append([glyph])
    return lines


_DESCENDS, _ASCENDS = 0.2, 0.72
"""In ems, how far letters reach below and above their baseline."""


def rules(paths: list[int], page: Rect) -> list[Rect]:
    """Return the thin lines and the edges of boxes among the paths, given by their addresses, that a page with this box shows."""
    found: list[Rect] = []
    pieces: list[Rect] = []
    walked = 0
    sides = (ctypes.c_float * 4)()
    at = references(sides)
    for thing in paths:
        if not bounds(thing, *at):
            continue
        left, bottom, right, top = sides
        if left > page[2] or right < page[0] or bottom > page[3] or top < page[1]:
            continue  # a printer's mark
        if left < page[0] and right > page[2] and bottom < page[1] and top > page[3]:
            continue  # printers' marks on all sides of the page
        width, height = right - left, top - bottom
        if min(width, height) <= _THIN:
            (found if max(width, height) >= _LEAST_LENGTH else pieces).append((left, bottom, right, top))
            continue
        count = count_segments(thing)
        edges = [
            (left, bottom, left, top),
            (right, bottom, right, top),
            (left, bottom, right, bottom),
            (left, top, right, top),
        ]
        if count <= _BOX_SEGMENTS:
            found += edges if min(width, height) >= _LEAST_LENGTH else []
        elif walked + count <= _MOST_SEGMENTS:
            walked += count
            straight = list(_straight_parts(thing, count, page))
            parts = [part for part in straight if _length(part) >= _LEAST_LENGTH]
            pieces += [part for part in straight if _length(part) < _LEAST_LENGTH]
            is_box = len(parts) == len(edges) and all(any(_is_part(part, edge) for edge in edges) for part in parts)
            found += edges if is_box else parts
        if len(found) > _MOST_RULES:
            return []
    found += _joined(pieces)
    short = [piece for piece in pieces if _length(piece) >= _SHORTEST]  # these may be the bars of fractions
    return found + short if len(found) + len(short) <= _MOST_RULES else found


def _length(rule: Rect) -> float:
    return max(rule[2] - rule[0], rule[3] - rule[1])


def _joined(pieces: list[Rect]) -> list[Rect]:
    """The rules that many dots or dashes in a row draw."""
    if not _LEAST_PIECES <= len(pieces) <= _MOST_PIECES:
        return []
    found: list[Rect] = []
    for along, across in ((0, 1), (1, 0)):
        rows: dict[int, list[Rect]] = {}
        for piece in pieces:
            if piece[along + 2] - piece[along] >= 0.8 * (piece[across + 2] - piece[across]):
                rows.setdefault(round(piece[across] + piece[across + 2]), []).append(piece)
        for row in rows.values():
            row.sort(key=lambda piece: piece[along])
            start = 0
            for end in range(1, len(row) + 1):
                if end < len(row) and row[end][along] - row[end - 1][along + 2] <= _HOLE:
                    continue
                run = row[start:end]
                lefts, bottoms, rights, tops = zip(*run, strict=True)
                rule = min(lefts), min(bottoms), max(rights), max(tops)
                if len(run) >= _LEAST_PIECES and _length(rule) >= _LEAST_JOINED:
                    found.append(rule)
                start = end
    return found if len(found) <= _MOST_JOINED else []  # dots that fill an area are no rules


_matrix_of = direct(pdfium.FPDFPageObj_GetMatrix)
_segment = direct(pdfium.FPDFPath_GetPathSegment, POINTER)
_segment_type = direct(pdfium.FPDFPathSegment_GetType)
_is_closed = direct(pdfium.FPDFPathSegment_GetClose)


def _straight_parts(path: int, count: int, page: Rect) -> Iterator[Rect]:
    """The parts of a path that go along the page's edges: the rules of a table in one path, a box with round corners."""
    matrix, x, y = pdfium.FS_MATRIX(), ctypes.c_float(), ctypes.c_float()
    _matrix_of(path, ctypes.byref(matrix))
    at = ctypes.byref(x), ctypes.byref(y)

    def place(segment: int) -> tuple[float, float]:
        segment_point(segment, *at)
        return (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )

    sampled = (place(_segment(path, number)) for number in range(0, count, max(count // _SAMPLES, 1)))
    if not any(page[0] <= point[0] <= page[2] and page[1] <= point[1] <= page[3] for point in sampled):
        return  # printers' marks around the page
    start = end = (0.0, 0.0)
    bent: list[tuple[float, float]] = []
    for number in range(count):
        segment = _segment(path, number)
        point = place(segment)
        kind = _segment_type(segment)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            start = end = point
            continue
        bent = [*bent, point] if kind == pdfium.FPDF_SEGMENT_BEZIERTO else []
        if not bent or len(bent) == 3:  # two points that bend a curve, and its end
            yield from _rule([end, *bent, point])
            end, bent = point, []
        if _is_closed(segment):
            yield from _rule([end, start])
            end = start


def _rule(points: list[tuple[float, float]]) -> Iterator[Rect]:
    """The rule, or a piece of one, through points that lie on one line along the page's edges."""
    (left, *_, right), (bottom, *_, top) = (sorted(axis) for axis in zip(*points, strict=True))
    if min(right - left, top - bottom) <= _LEVEL:
        yield left, bottom, right, top


def _is_part(part: Rect, edge: Rect) -> bool:
    return edge[0] - 1 <= part[0] and part[2] <= edge[2] + 1 and edge[1] - 1 <= part[1] and part[3] <= edge[3] + 1


def _grids(rules: list[Rect]) -> list[_Grid]:
    grids: list[_Grid] = []
    for rule in rules:
        grid = _Grid(rule)
        (grid.down if rule[2] - rule[0] < rule[3] - rule[1] else grid.across).append(rule)
        apart = []
        for other in grids:
            if _touch(grid.box, other.box):
                a, b = grid.box, other.box
                grid.box = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
                grid.across += other.across
                grid.down += other.down
            else:
                apart.append(other)
        grids = [*apart, grid]
    return grids


def _touch(a: Rect, b: Rect) -> bool:
    return a[0] <= b[2] + _NEAR and b[0] <= a[2] + _NEAR and a[1] <= b[3] + _NEAR and b[1] <= a[3] + _NEAR


def _places(values: list[float]) -> list[float]:
    """Values in order, of those that nearly agree one."""
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > _NEAR:
            found.append(value)
    return found


def _row(grid: _Grid, columns: list[float], levels: list[float], spans: bool) -> list[Rect | None]:
    """The cells below the first level; what no rule parts is one cell, with `spans` also downwards."""
    top, bottom = levels[:2]
    middle = (top + bottom) / 2
    edges = [columns[0]]
    for x in columns[1:-1]:
        if any(abs((rule[0] + rule[2]) / 2 - x) <= _NEAR and rule[1] <= middle <= rule[3] for rule in grid.down):
            edges.append(x)
    edges.append(columns[-1])
    descent = min(_MOST_DESCENT, (top - bottom) / 5)
    cells: list[Rect | None] = []
    for left, right in itertools.pairwise(edges):
        low = (
            next((level for level in levels[1:] if _is_ruled(grid, left, right, level)), levels[-1])
            if spans
            else bottom
        )
        if spans and top < grid.box[3] - _NEAR and not _is_ruled(grid, left, right, top):
            cells.append(None)  # it belongs to the cell above
            continue
        cells.append((left + _INSET, low + _INSET, right - _INSET, top - descent))
    return cells


def _said(text: pypdfium2.PdfTextPage, cell: Rect | None, turn: int) -> str:
    return _one_line(_raw(text, cell, turn)) if cell else ""


def _raw(text: pypdfium2.PdfTextPage, cell: Rect, turn: int) -> str:
    return plain(str(text.get_text_bounded(*upright_rect(cell, -turn % 360))))


def _mended_rows(
    text: pypdfium2.PdfTextPage,
    string: str,
    lines: list[re.Match[str]],
    boxes: list[list[Rect | None]],
    rows: list[list[str]],
    mended: Callable[[list[Glyph]], list[Glyph]],
) -> list[list[str]]:
    """The rows with their raised digits apart; a cell whose letters would change otherwise stays as it is."""
    glyphs = [glyph for line in lines for glyph in read_glyphs(text, line[0], line.start())]

    def cell_text(said: str, cell: Rect | None) -> str:
        own = "".join(glyph.text for glyph in mended(_inside(glyphs, cell))) if cell and said else ""
        return _one_line(own) if _signs(own) == _signs(said) else said

    return [list(map(cell_text, row, cells)) for row, cells in zip(rows, boxes, strict=True)]


def _inside(glyphs: list[Glyph], cell: Rect) -> list[Glyph]:
    """The glyphs of a cell, with a space or a line's end where PDFium has one between two of them."""
    left, bottom, right, top = cell
    found: list[Glyph] = []
    is_apart = is_ended = False
    for glyph in glyphs:
        if glyph.text == "\ufffe" and found and found[-1].index == glyph.index - 1:
            found.append(glyph)
            continue
        if glyph.made or not (left <= glyph.x <= right and bottom - _NEAR <= glyph.y <= top):
            is_apart, is_ended = True, is_ended or glyph.text in "\r\n"
            continue
        is_close = bool(found) and abs(gap(found[-1], glyph)) < _CLOSE
        if found and is_apart and not (is_close and glyph.y == found[-1].y):
            is_level = abs(found[-1].y - glyph.y) < _SAME_LINE * glyph.size
            found.append(Glyph(-1, " " if is_level and not (is_close and is_ended) else "\n"))
        found.append(glyph)
        is_apart = is_ended = False
    return found


def _signs(text: str) -> Counter[str]:
    return Counter(sign for sign in text if not (sign.isspace() or sign in _MENDING))


_MENDING = f"^_[]()/-\r\n\x02\ufffe{ROW_HYPHEN}"
"""What parts raised digits from others."""


def _is_ruled(grid: _Grid, left: float, right: float, level: float) -> bool:
    """Whether a rule goes along a level in the middle of a cell."""
    middle = (left + right) / 2
    return any(abs(rule[1] - level) <= _NEAR and rule[0] <= middle <= rule[2] for rule in grid.across)


def _one_line(cell: str) -> str:
    cell = _WRAPPED.sub(lambda hyphen: hyphen[0].rstrip(), cell.translate(_PLAIN))
    return " ".join(cell.split())


def _is_table(rows: list[list[str]]) -> bool:
    cells = [cell for row in rows for cell in row]
    wide = sum(len(row) > 1 for row in rows)
    filled = sum(map(bool, cells))
    return wide >= 2 and filled >= _LEAST_FILLED * len(cells) and max(map(len, cells)) <= _MOST_CELL_CHARS


def _lines(
    text: pypdfium2.PdfTextPage, string: str, box: Rect, rows: list[list[str]], turn: int
) -> list[re.Match[str]]:
    """The lines within the box; none where their letters are not those of the rows."""
    lines, origin = [], origins_of(text, turn)
    for line in _LINE.finditer(string):
        shown = line[0].rstrip()
        if not shown:
            continue
        first = line.start() + len(shown) - len(shown.lstrip())
        ends = [_is_in(origin(at), box) for at in (first, line.start() + len(shown) - 1)]
        if ends[0] != ends[1]:
            return []
        if ends[0]:
            lines.append(line)
    before = _letters(line[0] for line in lines)
    after = _letters(cell for row in rows for cell in row)
    is_whole = before == after and _in_order("".join("".join(line[0].split()) for line in lines), rows)
    return lines if is_whole else []


def _letters(texts: Iterable[str]) -> Counter[str]:
    texts = (text.translate(_PLAIN).replace(ROW_HYPHEN, "-").replace(SECOND_HALF, "") for text in texts)
    return Counter(sign for text in texts for sign in text if not sign.isspace())


def _edits(lines: list[re.Match[str]], rows: list[list[str]]) -> Iterator[Edit]:
    table = "".join(" ".join(" | ".join(row).split()).rstrip(" |") + "\n" for row in rows)
    for line in lines:
        yield line.start(), line.end(), "\n" + table + "\n" if line is lines[0] else ""


def _in_order(letters: str, rows: list[list[str]]) -> bool:
    """Whether the rows are in the order of the page's text, as far as tables are: words with a box each are no table."""
    starts = [letters.find("".join(cell.split())[:_COMPARED]) for row in rows for cell in row if cell]
    back = sum(second < first for first, second in itertools.pairwise(starts))
    return back <= _MOST_BACK * len(starts)


def _is_in(at: tuple[float, float], box: Rect) -> bool:
    return box[0] - _NEAR <= at[0] <= box[2] + _NEAR and box[1] - _NEAR <= at[1] <= box[3]
