"""HTML tables as rows: which rows stay on one line, and which columns their cells are in.

A table that only lays a page out, with long texts in its cells, keeps its paragraphs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from reader.documents.archive import local_name
from reader.documents.prose import Prose

_MOST_CELL_CHARS = 800
"""A cell with more text is laid out, unless the table has headings for its columns."""
_MOST_HEADED_CELL_CHARS = 4000
_MOST_HEADING_ROW_CHARS = 400
_MOST_HEADER_CHARS = 2000
_MOST_COLUMNS = 200
_MOST_ROWS = 10_000
_CELLS = ("td", "th")
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


@dataclass
class _Row:
    element: etree._Element
    cells: int = 0
    longest: int = 0
    chars: int = 0
    has_heading: bool = False


@dataclass
class _Open:
    """A table while it is looked through."""

    rows: list[_Row] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    """Characters in each open cell: one at most."""
    has_headers: bool = False


def move_feet(root: etree._Element) -> None:
    """Put the feet of tables behind their bodies, where a reader sees them; files may have them before."""
    for foot in list(root.iter("tfoot", "{*}tfoot")):
        parent = foot.getparent()
        if parent is not None and foot.getnext() is not None:
            parent.append(foot)


def laid_out(row: etree._Element) -> bool:
    """Return whether a row that only its role or its style makes one holds too much text for a line."""
    return sum(len(text) for text in row.itertext()) > _MOST_CELL_CHARS


def flat_rows(root: etree._Element, headings: frozenset[str] | set[str] = _HEADINGS) -> set[etree._Element]:
    """Return the rows that stay on one line: those with columns, and without long texts."""
    found: set[etree._Element] = set()
    tables: list[_Open] = []

    def add(text: str | None) -> None:
        if text and tables and tables[-1].cells:
            tables[-1].cells[-1] += len(text)

    for event, element in etree.iterwalk(root, events=("start", "end")):
        name = local_name(element)
        if event == "start":
            if name == "table":
                tables.append(_Open())
            elif tables:
                _enter(name, element, tables, headings)
            add(element.text)
            continue
        if tables and name in _CELLS and tables[-1].cells:
            chars = tables[-1].cells.pop()
            row = tables[-1].rows[-1]
            row.longest, row.chars = max(row.longest, chars), row.chars + chars
        elif name == "table" and tables:
            table = tables.pop()
            found |= _flat(table)
            if tables and tables[-1].cells:
                tables[-1].cells[-1] += sum(row.chars for row in table.rows)
        add(element.tail)
    return found


def _enter(name: str, element: etree._Element, tables: list[_Open], headings: frozenset[str] | set[str]) -> None:
    table = tables[-1]
    if name == "tr":
        table.rows.append(_Row(element))
    elif name in _CELLS and table.rows:
        table.cells.append(0)
        table.rows[-1].cells += _span(element, "colspan", _MOST_COLUMNS)
        table.has_headers |= name == "th"
    elif name in headings:
        for outer in tables:
            if outer.rows:
                outer.rows[-1].has_heading = True
    elif name in ("thead", "caption"):
        table.has_headers = True


def _flat(table: _Open) -> set[etree._Element]:
    if max((row.cells for row in table.rows), default=0) < 2:
        return set()
    most_chars = _MOST_HEADED_CELL_CHARS if table.has_headers else _MOST_CELL_CHARS
    return {
        row.element
        for row in table.rows
        if row.longest <= most_chars and not (row.has_heading and row.chars > _MOST_HEADING_ROW_CHARS)
    }


def _span(cell: etree._Element, name: str, most: int) -> int:
    value = (cell.get(name) or "1").strip()
    if value == "0" and name == "rowspan":  # to the table's end
        return most
    return min(max(int(value), 1), most) if value.isascii() and value.isdigit() and len(value) < 6 else 1


class Columns:
    """The columns of one table: blanks for cells that span, and what a cell above says in the rows that it spans."""

    def __init__(self) -> None:
        self._column = 0
        self._blanks = 0
        self._cell: tuple[int, int, int, int] | None = None
        self._carried: dict[int, tuple[int, str]] = {}
        self._new: dict[int, tuple[int, str]] = {}
        self._is_flat = False

    def start_row(self, prose: Prose, *, is_flat: bool) -> None:
        prose.start_row(is_flat=is_flat)
        self._column, self._blanks, self._is_flat = 0, 0, is_flat

    def start_cell(self, cell: etree._Element, prose: Prose) -> None:
        first = not any(local_name(other) in _CELLS for other in cell.itersiblings(preceding=True))
        if not self._is_flat:
            prose.start_cell(first=first)
            return
        for _ in range(self._blanks):
            prose.start_cell(first=False)
        self._blanks = 0
        self._write_carried(prose)
        prose.start_cell(first=self._column == 0)
        columns, rows = _span(cell, "colspan", _MOST_COLUMNS), _span(cell, "rowspan", _MOST_ROWS)
        self._cell = (self._column, columns, rows, prose.length)
        self._column += columns
        self._blanks = columns - 1

    def end_cell(self, prose: Prose) -> None:
        if not self._is_flat or self._cell is None:
            return
        (column, columns, rows, start), self._cell = self._cell, None
        if rows > 1:
            said = prose.said_from(start)
            self._new |= {column + index: (rows - 1, said if index == 0 else "") for index in range(columns)}

    def end_row(self, prose: Prose) -> None:
        if self._is_flat and any(column >= self._column and text for column, (_, text) in self._carried.items()):
            for _ in range(self._blanks):
                prose.start_cell(first=False)
            self._write_carried(prose)
        prose.end_row()
        left = {column: (rows - 1, text) for column, (rows, text) in self._carried.items() if rows > 1}
        self._carried, self._new = left | self._new, {}

    def _write_carried(self, prose: Prose) -> None:
        while self._column in self._carried:
            prose.start_cell(first=self._column == 0)
            prose.write_exactly(self._carried[self._column][1])
            self._column += 1


def header_rows(table: etree._Element) -> list[etree._Element]:
    """Return the rows that head a table's columns where they are two or more that belong together, else nothing."""
    heads = [inner for inner in table if local_name(inner) == "thead"]
    bodies = [inner for inner in table if local_name(inner) == "tbody"]
    rows: list[etree._Element] = []
    for row in heads[0] if heads else bodies[0] if bodies else table:
        if local_name(row) != "tr":
            continue
        cells = _cells(row)
        if not heads and any(local_name(cell) != "th" for cell in cells):
            break
        if not rows and len(cells) < 2:
            continue
        rows.append(row)
    cells = [cell for row in rows for cell in _cells(row)]
    spans = any(_span(cell, name, 2) > 1 for cell in cells for name in ("colspan", "rowspan"))
    chars = sum(len(text) for cell in cells for text in cell.itertext()) if len(cells) <= _MOST_COLUMNS else 0
    nested = any(local_name(inner) in ("table", "input") for cell in cells for inner in cell.iter())
    return rows if len(rows) > 1 and spans and 0 < chars <= _MOST_HEADER_CHARS and not nested else []


def column_names(rows: list[etree._Element], texts: dict[etree._Element, str]) -> list[str]:
    """Return one name for each column of a heading in several rows, such as "Price (net)"."""
    columns: dict[int, list[str]] = {}
    taken: set[tuple[int, int]] = set()
    for at, row in enumerate(rows):
        column = 0
        for cell in _cells(row):
            while (at, column) in taken:
                column += 1
            width, height = _span(cell, "colspan", _MOST_COLUMNS), _span(cell, "rowspan", len(rows) - at)
            for over in range(column, min(column + width, _MOST_COLUMNS)):
                taken |= {(below, over) for below in range(at, at + height)}
                names = columns.setdefault(over, [])
                if texts[cell] and texts[cell] not in names:
                    names.append(texts[cell])
            column += width
    found = [columns.get(column, []) for column in range(max(columns, default=-1) + 1)]
    return [f"{parts[0]} ({', '.join(parts[1:])})" if len(parts) > 1 else "".join(parts) for parts in found]


def _cells(row: etree._Element) -> list[etree._Element]:
    return [cell for cell in row if local_name(cell) in _CELLS]
