"""XLSX: a page of the document for each sheet, its rows as lines, its values as the sheet shows them.

Values that formulas gave are those that were saved. Hidden sheets, charts, comments and formulas are left out.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reader.documents.archive import Archive
from reader.documents.text import Parsed, chosen_title, split_sections

_DECIMALS = re.compile(r"\.(0+)")


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is damaged, protected or a bomb.
    """
    import openpyxl

    archive = Archive(path)
    for name in archive.names:
        if name.endswith(".xml"):
            archive.read(name)  # within the limits of what an archive may expand to
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        title = book.properties.title or ""
        sections = list(_sections(book))
    except MemoryError:
        raise
    except Exception as error:  # damaged files raise nearly every error there is
        raise archive.damaged() from error
    return chosen_title(title, path), split_sections(sections)


def first_sheet(path: Path) -> list[list[str]]:
    """Return the rows of the first sheet that is shown.

    Raises DocumentError where the file is damaged or a bomb.
    """
    import openpyxl

    archive = Archive(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheet = next(sheet for sheet in book.worksheets if sheet.sheet_state == "visible")
        return [
            [shown(cell.value, cell.number_format) if cell.value is not None else "" for cell in row]
            for row in sheet.iter_rows()
        ]
    except MemoryError:
        raise
    except Exception as error:  # damaged files raise nearly every error there is
        raise archive.damaged() from error


def _sections(book: Any) -> Iterator[tuple[str, str]]:
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        lines = []
        for row in sheet.iter_rows():
            cells = [shown(cell.value, cell.number_format) if cell.value is not None else "" for cell in row]
            line = row_text(cells)
            if line:
                lines.append(line)
        yield sheet.title, "\n".join(lines) + "\n\n"


def row_text(cells: list[str]) -> str:
    """Return the cells of a row on one line."""
    texts = [" ".join(cell.split()) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return re.sub(r" {2,}", " ", " | ".join(texts)).strip(" ") if any(texts) else ""


def shown(value: Any, number_format: str) -> str:
    """Return a cell's value as its format shows it: dates as dates, shares as percent, sums with their decimals."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if not isinstance(value, (int, float)):
        return str(value)
    main = re.sub(r"\[[^\]]*\]|\"[^\"]*\"|\\.|_.", "", number_format.split(";")[0])
    decimals = _DECIMALS.search(main)
    places = len(decimals[1]) if decimals else 0
    if "%" in main:
        return f"{value * 100:.{places}f}%"
    if re.search(r"[0#]", main) and "E" not in main and "/" not in main and "?" not in main:
        number = f"{value:,.{places}f}" if "," in main else f"{value:.{places}f}"
        width = len(re.match(r"0*", main)[0]) if re.match(r"0{2,}", main) else 0  # type: ignore[index]
        currency = next((sign for sign in "$€£¥" if sign in number_format), "")
        return currency + number.zfill(width)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else repr(value)
