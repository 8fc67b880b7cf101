"""Tables of questions as people keep them: which line names the columns, which column is which, and what parts the cells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

CUSTOM_ID, DOCUMENT, QUESTION = "custom_id", "document", "question"
NAMES = {
    CUSTOM_ID: ("custom_id", "id", "no", "nr", "number", "nummer", "#"),
    DOCUMENT: ("document", "documents", "doc", "file", "file_name", "filename", "book", "dokument", "datei", "buch"),
    QUESTION: (
        "question",
        "questions",
        "question(s)",
        "query",
        "prompt",
        "frage",
        "fragen",
        "frage(n)",
        "pregunta",
        "domanda",
    ),
}
"""Column -> what it may be called, the surest name first."""
_DELIMITERS = ",;\t|"
_LINES_ABOVE = 20
"""Titles and empty lines that may stand above the columns' names."""


def columns_of(cells: Sequence[str]) -> dict[str, list[int]]:
    """Return where each column is that a row of cells names; in two places where the row names it twice."""
    names = [re.sub(r"[\s-]+", "_", cell.strip().strip(".:").strip()).casefold() for cell in cells]
    found = {}
    for column, known in NAMES.items():
        if said := next((name for name in known if name in names), None):
            found[column] = [at for at, name in enumerate(names) if name == said]
    return found


def header_of(rows: Sequence[Sequence[str]]) -> int | None:
    """Return which of a table's first rows names the most columns; None where none names the questions."""
    counts = [len(found) if QUESTION in (found := columns_of(row)) else 0 for row in rows[:_LINES_ABOVE]]
    return counts.index(max(counts)) if any(counts) else None


def delimited(text: str) -> tuple[str, str, int]:
    """Return what parts the cells, the text without Excel's line that says so ("sep=;"), and how many lines that is."""
    first, _, rest = text.partition("\n")
    if said := re.fullmatch(r"\"?sep=(.)\"?", first.strip("\r "), re.IGNORECASE):
        return said[1], rest, 1
    head = [line[:10_000] for line in text[:100_000].splitlines()[:_LINES_ABOVE] if line.strip()]

    def told(delimiter: str) -> tuple[int, int]:
        named = [(len(columns_of(cells_in(line, delimiter))), line.count(delimiter)) for line in head]
        return max(named, default=(0, 0))

    # Spreadsheets write what their language has.
    return max(_DELIMITERS, key=told), text, 0


def cells_in(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line."""
    return next(csv.reader([line], delimiter=delimiter), [])


def table_rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table with the line on which each begins, counted from 1.

    Raises csv.Error where a row cannot be read.
    """
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    for row in table:
        yield line, row
        line = table.line_num + 1


def rows_in(text: str, *, is_table: bool = False) -> list[list[str]]:
    """Return the rows of a text: of a table where a line at its top names a column of questions, else a question a line.

    With `is_table`, lines with the same number of several cells are rows in any case.
    """
    delimiter, rest, _ = delimited(text.lstrip("\ufeff"))
    rows: list[list[str]] = []
    with suppress(csv.Error):  # then it is no table
        rows = [row for _, row in table_rows(rest, delimiter)]
    header = header_of(rows)
    if header is None:
        if is_table and is_unnamed(rows):
            return rows
        return [[line] for line in text.splitlines() if line.strip()]
    # Of one column, what looks like more cells is the question's own commas.
    return rows if len(rows[header]) > 1 else [[delimiter.join(row)] for row in rows]


def is_unnamed(rows: Sequence[Sequence[str]]) -> bool:
    """Whether rows are a table of several columns of which none is named as that of the questions."""
    counts = {len(row) for row in rows if row}
    return header_of(rows) is None and len(rows) > 1 and len(counts) == 1 and counts.pop() > 1


def questions_in(rows: Sequence[Sequence[str]]) -> list[tuple[int, str, str]]:
    """Return each question of a table with its row's number and the document that the row names; "" where it names none."""
    header = header_of(rows)
    columns = columns_of(rows[header]) if header is not None else {}
    places = (columns.get(QUESTION, [0])[0], *columns.get(DOCUMENT, [])[:1])
    first = 0 if header is None else header + 1
    found = []
    for number, row in enumerate(rows[first:], start=first + 1):
        question, document = (*(row[at].strip() if at < len(row) else "" for at in places), "")[:2]
        if question:
            found.append((number, question, document))
    return found
