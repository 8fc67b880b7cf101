"""CSV and TSV as documents: the rows as lines, their cells apart by " | "."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from reader.documents.encodings import read_text
from reader.documents.text import Parsed, readable_stem, split_pages
from reader.documents.xlsx import row_text

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 50
_MOST_CELL_CHARS = 1_000_000


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is no text.
    """
    text = read_text(path)
    delimiter, text = delimiter_of(text)
    csv.field_size_limit(_MOST_CELL_CHARS)
    try:
        rows = [row_text(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]
    except csv.Error:
        return readable_stem(path), split_pages(text)
    return readable_stem(path), split_pages("\n".join(row for row in rows if row) + "\n")


def delimiter_of(text: str) -> tuple[str, str]:
    """Return what parts the cells, and the text without Excel's line that says so ("sep=;")."""
    first, _, rest = text.partition("\n")
    if first.strip().strip('"').lower().startswith("sep=") and len(first.strip().strip('"')) == 5:
        return first.strip().strip('"')[4], rest
    lines = [line for line in text.split("\n", _SAMPLE_LINES)[:_SAMPLE_LINES] if line.strip()]
    if first.strip().lower() == "sep=":
        return "\t", rest
    return max(
        _DELIMITERS, key=lambda sign: (min((line.count(sign) for line in lines[:5]), default=0), first.count(sign))
    ), text
