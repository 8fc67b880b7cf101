"""Tables of Word documents as rows: which rows stay on one line, and which columns their cells are in.

The elements are those of WordprocessingML. Which paragraphs are headings, and what a cell says, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from reader.documents.archive import attribute, children, local_name
from reader.documents.prose import Prose

_MOST_CELL_CHARS = 4000
_MOST_HEADING_ROW_CHARS = 400
_MOST_COLUMNS = 63
_LEAST_COLUMN_WIDTH = 200
"""In twentieths of a point."""


class Columns:
    """The columns of one table: blanks for cells that span, and what a cell above says in the rows that it spans."""

    def __init__(self, table: etree._Element) -> None:
        # Rows that are slightly out of line begin after an invisible column.
        self._is_column = [
            not 0 < (_width(column) or _LEAST_COLUMN_WIDTH) < _LEAST_COLUMN_WIDTH
            for grid in children(table, "tblgrid")
            for column in children(grid, "gridcol")
        ]
        self._at = 0
        self._next = 0
        self._start = 0
        self._said: dict[int, str] = {}

    def start_row(self, row: etree._Element, prose: Prose) -> None:
        """Add a blank for each column that the row leaves out before its first cell."""
        self._at = self._next = 0
        skipped = _skipped(row)
        known = self._is_column[:skipped]
        for _ in range(sum(known) + skipped - len(known)):
            self._start_cell(prose)

    def _start_cell(self, prose: Prose) -> None:
        prose.start_cell(first=self._next == 0)
        self._next += 1

    def start_cell(self, cell: etree._Element, prose: Prose) -> None:
        """Begin a cell in its column, with what the cell above says where both are one."""
        while self._next < self._at:
            self._start_cell(prose)
        self._at = self._next
        self._start_cell(prose)
        self._start = prose.length
        if _merge(cell, "vmerge") == "continue" and prose.is_in_row and self._said.get(self._at):
            prose.write_exactly(self._said[self._at])

    def end_cell(self, cell: etree._Element, prose: Prose) -> None:
        """Keep what the cell says for the rows that it spans."""
        merge = _merge(cell, "vmerge")
        if merge != "continue":
            self._said[self._at] = prose.said_from(self._start) if merge == "restart" else ""
        self._at += _span(cell)


def _skipped(row: etree._Element) -> int:
    """How many columns a row leaves out before its first cell."""
    for properties in children(row, "trpr"):
        for before in children(properties, "gridbefore"):
            value = attribute(before, "val")
            return min(int(value), _MOST_COLUMNS) if value.isdecimal() else 0
    return 0


def _width(column: etree._Element) -> int:
    value = attribute(column, "w")
    return int(value) if value.isdecimal() else 0


def _merge(cell: etree._Element, name: str) -> str:
    """Whether a cell begins ("restart") or continues ("continue") a cell that spans several rows; "" for neither."""
    for properties in children(cell, "tcpr"):
        for merge in children(properties, name):
            return attribute(merge, "val") or "continue"
    return ""


def flat_rows(root: etree._Element, is_heading: Callable[[etree._Element], bool]) -> set[etree._Element]:
    """Return the rows that stay on one line: those with columns, and without long texts.

    `is_heading` says whether a paragraph is a heading: a long row that holds one is a part of the text, not a line.
    """
    found: set[etree._Element] = set()
    tables: list[list[tuple[etree._Element, int]]] = []
    rows: list[list[int]] = []  # columns, longest cell, characters, headings
    cells: list[int] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        name = local_name(element)
        if event == "start":
            if name == "tbl":
                tables.append([])
            elif name == "tr" and tables:
                rows.append([0, 0, 0, 0])
            elif name == "tc" and rows:
                cells.append(0)
            elif name == "t" and cells:
                cells[-1] += len(element.text or "")
            elif name == "p" and rows and is_heading(element):
                for row in rows:
                    row[3] = 1
        elif name == "tc" and cells and rows:
            chars = cells.pop()
            row = rows[-1]
            row[0], row[1], row[2] = row[0] + _span(element), max(row[1], chars), row[2] + chars
            if cells:
                cells[-1] += chars
        elif name == "tr" and rows and tables:
            columns, longest, chars, has_heading = rows.pop()
            fits = longest <= _MOST_CELL_CHARS and not (has_heading and chars > _MOST_HEADING_ROW_CHARS)
            tables[-1].append((element, columns if fits else -columns))
        elif name == "tbl" and tables:
            own = tables.pop()
            if max((abs(columns) for _, columns in own), default=0) > 1:
                found |= {row for row, columns in own if columns > 0}
    return found


def _span(cell: etree._Element) -> int:
    for properties in children(cell, "tcpr"):
        for span in children(properties, "gridspan"):
            value = attribute(span, "val")
            return min(max(int(value), 1), _MOST_COLUMNS) if value.isdecimal() else 1
    return 1
