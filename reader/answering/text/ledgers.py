"""Tables whose rows are records, such as payments or loans: which of their columns are days, values and texts.

It does not know what a question asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from reader.answering.text.days import Day, as_day
from reader.answering.text.records import SUMMARY, Grid, Thing, heading_of, stems
from reader.answering.text.tables import Row, Table
from reader.answering.text.values import Value, decimal_sign, is_missing
from storage import PageRecord

_MOST_TURNED = 40
"""A table with more rows or columns compares no things that stand side by side."""
_COUNTED = re.compile(r"\d{1,9}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_UNITS = stems("unit einheit unité unidad currency währung devise moneda")
"""What a column may be called that says what the numbers of a row are."""
_LONG_WORD = re.compile(r"[^\W\d_]{4}")
_YES = re.compile(r"(?:yes|y|ja|oui|sí|✓|✔)", re.I)
_NO = re.compile(r"(?:n|nein|none|✗|✘|(?:not?|nicht|non)(?: \S.*)?)", re.I)
_CODE = re.compile(r"\W*(?:[^\W\d_]{0,3}[-. /]?\d[\w./:-]*)?\W*")
_CLOCK = re.compile(r"\W*\d{1,2}[:.h]\d\d\b.*")
_MONEY = re.compile(r"[£$€¥]")


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
        others = [column for column in range(len(self.fields)) if column not in self.days and not self.is_name(column)]
        read = {column: self.values(column, rows) for column in others}
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

    def typed_share(self) -> float:
        """How many of the columns behind the first have days, values of a kind, or yes and no."""
        own = range(1, len(self.fields))
        typed = [one for one in own if one in {*self.days, *self.amounts} or self.is_yes_or_no(one)]
        return len(typed) / len(own)

    def is_name(self, column: int) -> bool:
        """Whether the numbers of a column name its rows: years, or whole numbers in order in the first column."""
        cells = [row[column].strip() for row in self.cells]
        if all(map(_YEAR.fullmatch, cells)):
            return True
        return not column and all(map(_COUNTED.fullmatch, cells)) and [*map(int, cells)] == sorted(map(int, cells))

    def is_mixed(self, rows: Sequence[int]) -> bool:
        """Whether a column says that the numbers of some rows are of different units."""
        return any(len({self.cells[row][column] for row in rows}) > 1 for column in self.units)

    @cached_property
    def units(self) -> list[int]:
        """The columns that say what the numbers of a row are."""
        return [column for column in self.texts if stems(self.fields[column]) & _UNITS]

    def is_yes_or_no(self, column: int) -> bool:
        """Whether the cells of a column say yes or no."""
        return all(self.has_yes(row, column) or self.lacks(row, column) for row in range(len(self.cells)))

    def has_yes(self, row: int, column: int) -> bool:
        """Whether a cell says yes."""
        return bool(_YES.fullmatch(self.cells[row][column].strip()))

    def is_clock(self, column: int) -> bool:
        """Whether a column has times of day."""
        return all(_CLOCK.fullmatch(row[column]) for row in self.cells)

    def has_money(self, column: int) -> bool:
        """Whether a column has some amounts of money, be it beside other cells."""
        return any(_MONEY.search(row[column]) for row in self.cells)

    def is_unique(self, column: int, rows: Sequence[int] = ()) -> bool:
        """Whether all cells of a column are different, in some rows or in all."""
        cells = [self.cells[row][column] for row in rows or range(len(self.cells))]
        return len({*cells}) == len(cells)

    def lacks(self, row: int, column: int) -> bool:
        """Whether a row has nothing in a column, or 0 or no."""
        amount = self.amounts[column][row] if column in self.amounts else None
        cell = self.cells[row][column].strip()
        return is_missing(cell) or bool(_NO.fullmatch(cell)) or (amount is not None and not amount.number)

    def is_code(self, column: int) -> bool:
        """Whether a column has numbers or codes, such as A-101."""
        return all(_CODE.fullmatch(row[column]) for row in self.cells)


def ledgers(pages: Sequence[PageRecord], tables: Sequence[Table], title: str) -> Iterator[Ledger]:
    """The tables of a document whose columns have names, without the rows that sum up others."""
    for table in tables:
        rows = [row for row in table.rows if not _sums_up(row)]
        if not table.names or not all(table.names[1:]) or len(rows) < 2 or table.is_prose:
            continue
        spans = tuple((row.start_char, row.end_char) for row in rows)
        things = tuple(Thing(row.text, (span,)) for row, span in zip(rows, spans, strict=True))
        cells = tuple(tuple(row.cell(column) for column in range(len(table.names))) for row in rows)
        about, decimal = f"{heading_of(table, pages)} {title}", decimal_sign(row.text for row in rows)
        ledger = Ledger(things, table.names, cells, "", about, decimal)
        if max(len(rows), len(table.names)) <= _MOST_TURNED and all(row[0] for row in cells):
            first = (table.first.start_char, table.first.end_char)
            across = tuple(Thing(name, (first,)) for name in table.names[1:])
            columns = tuple(zip(table.names, *cells, strict=True))[1:]
            turned = Ledger(
                across,
                ("", *(row[0] for row in cells)),
                tuple((name, *own) for name, *own in columns),
                "",
                about,
                decimal,
                (first, *spans),
            )
            ledger = max(ledger, turned, key=Ledger.typed_share)
        yield ledger


def _sums_up(row: Row) -> bool:
    """Whether a row sums up others: it begins with a word such as *Total*, and no other cell has words, as that of a club may."""
    cells = [text for text, _ in row.cells if text.strip()]
    return bool(cells and SUMMARY.match(cells[0])) and not any(map(_LONG_WORD.search, cells[1:]))
