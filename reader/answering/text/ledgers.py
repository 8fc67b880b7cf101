"""Tables whose rows are records, such as payments or loans: which of their columns are days, values and texts.

It does not know what a question asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from reader.answering.text.days import Day, as_day
from reader.answering.text.records import SUMMARY, Grid, Thing, heading_above, stems
from reader.answering.text.tables import Table
from reader.answering.text.values import Value, decimal_sign, is_missing
from storage import PageRecord

_CODE = re.compile(r"\W*(?:[^\W\d_]{0,3}[-. /]?\d[\w./-]*)?\W*")


class Ledger(Grid):
    """A table: its things are its rows, its fields all of its columns."""

    @cached_property
    def days(self) -> dict[int, list[Day | None]]:
        """The columns that are days, with those of all rows; None where one is missing."""
        read = {column: [as_day(row[column]) for row in self.cells] for column in range(len(self.fields))}
        return {
            column: days
            for column, days in read.items()
            if any(days) and all(day or not row[column].strip() for day, row in zip(days, self.cells, strict=True))
        }

    @cached_property
    def amounts(self) -> dict[int, list[Value | None]]:
        """The columns that are values, with those of all rows."""
        rows = range(len(self.things))
        read = {column: self.values(column, rows) for column in range(len(self.fields)) if column not in self.days}
        return {column: values for column, values in read.items() if values}

    @cached_property
    def texts(self) -> list[int]:
        """The other columns."""
        return [column for column in range(len(self.fields)) if column not in {*self.days, *self.amounts}]

    @cached_property
    def cell_stems(self) -> list[tuple[frozenset[str], ...]]:
        """The words of the cells of each row, without their endings."""
        return [tuple(map(stems, cells)) for cells in self.cells]

    @cached_property
    def labels(self) -> list[int]:
        """The columns that may say what each row is."""
        return [column for column in self.texts if not self.is_code(column)]

    def is_unique(self, column: int) -> bool:
        """Whether all cells of a column are different."""
        return len({row[column] for row in self.cells}) == len(self.cells)

    def lacks(self, row: int, column: int) -> bool:
        """Whether a row has nothing in a column, or 0."""
        amount = self.amounts[column][row] if column in self.amounts else None
        return is_missing(self.cells[row][column]) or (amount is not None and not amount.number)

    def is_code(self, column: int) -> bool:
        """Whether a column has numbers or codes, such as A-101."""
        return all(_CODE.fullmatch(row[column]) for row in self.cells)


def ledgers(pages: Sequence[PageRecord], tables: Sequence[Table], title: str) -> Iterator[Ledger]:
    """The tables of a document whose columns have names, without the rows that sum up others."""
    for table in tables:
        rows = [row for row in table.rows if not SUMMARY.match(row.cell(0))]
        if not table.names or not all(table.names) or len(rows) < 2 or table.is_prose:
            continue
        page = next((one for one in pages if one.start_char <= table.first.start_char < one.end_char), None)
        heading = " ".join(heading_above(page, table.first.start_char)) if page else ""
        things = tuple(Thing(row.text, ((row.start_char, row.end_char),)) for row in rows)
        cells = tuple(tuple(row.cell(column) for column in range(len(table.names))) for row in rows)
        yield Ledger(things, table.names, cells, "", f"{heading} {title}", decimal_sign(row.text for row in rows))
