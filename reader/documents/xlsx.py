"""XLSX: a page of the document for each sheet, its rows as lines, its values as the sheet shows them.

Values that formulas gave are those that were saved; where a program has saved none, they are worked out. Hidden sheets, rows and
columns, charts and comments are left out; rows that a filter or a group folds away are not.
"""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from reader.documents.archive import Archive
from reader.documents.prose import MOST_REPEATED_CHARS, Prose
from reader.documents.sheet_formulas import Formulas
from reader.documents.text import Parsed, chosen_title, split_sections

_DECIMALS = re.compile(r"\.(0+)")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*\bref=[\"']\$?([A-Z]+)\$?(\d+):\$?[A-Z]+\$?(\d+)")
_VALUELESS = re.compile(
    rb"<(?:\w+:)?c\b([^<>]*)>\s*<(?:\w+:)?f\b(?:[^<>]*/>|[^<>]*>[^<]*</(?:\w+:)?f>)\s*(?:<(?:\w+:)?v(?: ?/>|></)|</)"
)
_HIDEABLE = re.compile(rb"<(?:\w+:)?(?:row|col)\b[^<>]*\bhidden=[^<>]*>")
_ATTRIBUTE = re.compile(rb"(?<!\w)(\w+)=\"([^\"]*)\"")
_MOST_COLUMNS = 16_384
# A currency with its country, such as [$€-407].
_CURRENCY = re.compile(r"\[\$([^\]-]*)(?:-[^\]]*)?\]")
_LITERAL = re.compile(r"\"([^\"]*)\"|\\(.)")


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
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, rich_text=True)
        title = book.properties.title or ""
        sections = list(_sections(book, archive, lambda: Formulas(openpyxl.load_workbook(path, read_only=True))))
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
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, rich_text=True)
        sheet = next(sheet for sheet in book.worksheets if sheet.sheet_state == "visible")
        return [
            [shown(cell.value, cell.number_format) if cell.value is not None else "" for cell in row]
            for row in sheet.iter_rows()
        ]
    except MemoryError:
        raise
    except Exception as error:  # damaged files raise nearly every error there is
        raise archive.damaged() from error


def _valueless(data: bytes) -> set[tuple[int, int]]:
    """The rows and columns of a sheet's cells whose formulas have no value; an empty text is one."""
    from openpyxl.utils.cell import coordinate_to_tuple

    found = (dict(_ATTRIBUTE.findall(attributes)) for attributes in _VALUELESS.findall(data))
    return {coordinate_to_tuple(cell[b"r"].decode()) for cell in found if b"r" in cell and cell.get(b"t") != b"str"}


def _hidden(data: bytes) -> tuple[set[int], set[int]]:
    """The numbers of the rows and the columns of a sheet that are hidden, not by a filter or in a group."""
    rows, columns = set[int](), set[int]()
    if b"hidden=" not in data:
        return rows, columns
    for tag in _HIDEABLE.findall(data):
        values = dict(_ATTRIBUTE.findall(tag))
        if values.get(b"hidden") not in (b"1", b"true") or b"outlineLevel" in values:
            continue
        if b"min" in values:
            columns.update(range(int(values[b"min"]), min(int(values.get(b"max", b"0")), _MOST_COLUMNS) + 1))
        elif b"r" in values and b"filterColumn" not in data:
            rows.add(int(values[b"r"]))
    return rows, columns


def _sections(book: Any, archive: Archive, read_formulas: Callable[[], Formulas]) -> Iterator[tuple[str, str]]:
    formulas = None
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        name = str(getattr(sheet, "_worksheet_path", "")).lstrip(
            "/"
        )  # openpyxl reads only the cells of what is not read whole
        data = archive.read(name) if name in archive.names else b""
        spanning, (hidden_rows, hidden_columns), valueless = _spanning(data), _hidden(data), _valueless(data)
        rows = []
        kept: dict[int, tuple[int, str]] = {}
        for number, row in enumerate(sheet.iter_rows(min_row=1, min_col=1), start=1):
            cells = []
            for column, cell in enumerate(row, start=1):
                value = cell.value
                if value is None and (number, column) in valueless:
                    formulas = formulas or read_formulas()
                    value = formulas.shown((sheet.title, number, column))
                cells.append(shown(value, cell.number_format or "") if value is not None else "")
            if spanning and any(cells):
                cells = [_in_all_rows(text, number, at, spanning, kept) for at, text in enumerate(cells, start=1)]
            if any(cells) and number not in hidden_rows:
                rows.append([text for column, text in enumerate(cells, start=1) if column not in hidden_columns])
        first = min((next(map(cells.index, filter(None, cells)), len(cells)) for cells in rows), default=0)
        lines = (row_text(cells[first:]) for cells in rows)  # a table need not begin in the first column
        yield sheet.title, "\n".join(filter(None, lines)) + "\n\n"


def _spanning(data: bytes) -> dict[tuple[int, int], int]:
    """The last row of each cell that spans rows, by the row and the column where it begins."""
    from openpyxl.utils import column_index_from_string

    found = {}
    for column, first, last in _MERGED.findall(data[max(data.rfind(b"</sheetData>"), 0) :]):
        if first != last:
            found[int(first), column_index_from_string(column.decode())] = int(last)
    return found


def _in_all_rows(
    text: str, row: int, column: int, spanning: dict[tuple[int, int], int], kept: dict[int, tuple[int, str]]
) -> str:
    """What a cell says in a row, and what one above says that spans it, unless that is long."""
    if last := spanning.get((row, column)):
        kept[column] = last, text if len(text) <= MOST_REPEATED_CHARS else ""
    return kept[column][1] if column in kept and row <= kept[column][0] and not text else text


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
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
    if isinstance(value, list):
        return _rich(value)
    if not isinstance(value, (int, float)):
        return str(value)
    first = number_format.split(";")[0]
    main = re.sub(r"\[[^\]]*\]|\"[^\"]*\"|\\.|_.", "", first)
    decimals = _DECIMALS.search(main)
    places = len(decimals[1]) if decimals else 0
    if "%" in main:
        return f"{_rounded(value * 100, places)}%"
    if re.search(r"[0#]", main) and "E" not in main and "/" not in main and "?" not in main:
        number = f"{_rounded(value, places):,}" if "," in main else str(_rounded(value, places))
        width = len(re.match(r"0*", main)[0]) if re.match(r"0{2,}", main) else 0  # type: ignore[index]
        before, after = _around(first) if not re.search(r"[0#],(?![0#])", main) else ("", "")
        return before + number.zfill(width) + after
    return str(int(value)) if isinstance(value, float) and value.is_integer() else repr(value)


def _rounded(value: float, places: int) -> decimal.Decimal:
    """A number as a sheet rounds it: by its decimal digits, a half upwards."""
    with decimal.localcontext(prec=400):
        number = decimal.Decimal(repr(value)) if abs(value) < 1e300 else decimal.Decimal(value)
        return number.quantize(decimal.Decimal(1).scaleb(-places), decimal.ROUND_HALF_UP)


def _around(number_format: str) -> tuple[str, str]:
    """What a format shows before and after a number, such as a currency or a unit."""
    shown = _CURRENCY.sub(lambda match: f'"{match[1]}"', number_format)
    shown = re.sub(r"\[[^\]]*\]|_.|\*.", "", shown)
    digits = [match.start() for match in re.finditer(r"[0#?]", _LITERAL.sub(lambda match: "x" * len(match[0]), shown))]
    before, after = shown[: digits[0]], shown[digits[-1] + 1 :]
    sides = (
        _LITERAL.sub(lambda match: match[1] if match[1] is not None else match[2], side) for side in (before, after)
    )
    left, right = sides
    return left.replace("(", "").lstrip(), right.replace(")", "").rstrip()


def _rich(parts: list[Any]) -> str:
    """The text of a cell in which some letters are raised or lowered."""
    prose = Prose()
    for part in parts:
        font = getattr(part, "font", None)
        place = getattr(font, "vertAlign", None)
        text = str(getattr(part, "text", part) or "")
        if place in ("superscript", "subscript"):
            prose.write_script("raised" if place == "superscript" else "lowered", text)
        else:
            prose.write(text)
    return prose.text
