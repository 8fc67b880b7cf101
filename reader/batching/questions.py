"""The questions of a batch, from JSON (lines or an array; our own shape or the OpenAI batch one), a spreadsheet's CSV or an XLSX.

A file is checked whole: everything that is wrong with it comes out at once, a sentence for each line. It opens no documents.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reader.batching.columns import CUSTOM_ID, DOCUMENT, NAMES, QUESTION, columns_of, delimited, header_of, table_rows
from reader.documents import decode_bytes, spreadsheet_rows
from reader.errors import ConfigError, DocumentError

_SHEETS = (".csv", ".tsv", ".tab")
# XLSX is a ZIP, and XLS an OLE file.
_WORKBOOK_MARKS = (b"PK\x03\x04", bytes.fromhex("d0cf11e0a1b11ae1"))
_HALF = re.compile("[\ud800-\udfff]")
_FIRST_ROWS = 20
_LONGER = "It has more cells than the line that names the columns: put quotation marks around text with “{}” in it."
_SEPARATORS = re.compile(r"[\s,]*")
_INSTRUCTIONS = ("system", "developer")
_MOST_CHARS = {"custom_id": 1_000, "document": 4_096, "question": 100_000}
_MOST_BYTES = 1 << 30
"""Of a file, which is held in memory; more is for several files."""


@dataclass(frozen=True)
class BatchQuestion:
    """One question of a batch."""

    custom_id: str
    document: str
    """A document's id, title or file name in the library, a file's path, or its web address."""
    question: str
    line: int
    """Where it stands in its file, counted from 1."""


@dataclass(frozen=True)
class Group:
    """The questions of a batch about one document, or about the documents of one shelf."""

    document_id: str
    """The shelf's name, if it is a shelf."""
    title: str
    questions: tuple[BatchQuestion, ...]
    shelf: tuple[str, ...] = ()
    """The ids of the documents that are asked together; empty for one document."""


class BadLine(ValueError):
    """What is wrong with a line, as a sentence without its number."""


def load_questions(file: Path, document: str | None = None) -> tuple[list[BatchQuestion], list[tuple[int, str]]]:
    """Read a file of questions; return those that can be asked, in order, and each line's number that cannot with a sentence.

    Args:
        document: what questions that name no document are about.

    Raises:
        ConfigError: the file cannot be read, or is a CSV without the columns that are needed.
    """
    rows = _rows(file, document)
    questions: list[BatchQuestion] = []
    problems: list[tuple[int, str]] = []
    lines: dict[str, int] = {}
    for line, row in rows:
        try:
            if isinstance(row, BadLine):
                raise row
            question = _question(row, line, document)
            if question.custom_id in lines:
                raise BadLine(f"The custom_id {question.custom_id!r} is also that of line {lines[question.custom_id]}.")
        except BadLine as problem:
            problems.append((line, str(problem)))
        else:
            lines[question.custom_id] = line
            questions.append(question)
    return questions, problems


def csv_delimiter(file: Path) -> str:
    """Return what parts the cells of a file of questions: what results beside it should have, too."""
    with suppress(ConfigError):
        if file.suffix.lower() in _SHEETS and not _is_workbook(file):
            return delimited(_text(file))[0]
    return ","


def _rows(file: Path, document: str | None) -> Iterator[tuple[int, Mapping[str, Any] | BadLine]]:
    if _is_workbook(file):
        try:
            cells = spreadsheet_rows(file)
        except DocumentError as error:
            raise ConfigError(f"{str(file)!r} is a spreadsheet that cannot be read; save it as CSV.") from error
        sheet = io.StringIO(newline="")
        csv.writer(sheet).writerows(cells)
        return _csv_rows(sheet.getvalue(), ",", 0, file, document)
    text = _text(file)
    if file.suffix.lower() in _SHEETS:
        delimiter, rest, skipped = delimited(text)
        return _csv_rows(rest, delimiter, skipped, file, document)
    return _json_array(text) if text.lstrip().startswith("[") else _json_rows(text)


def _is_workbook(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(8).startswith(_WORKBOOK_MARKS)
    except OSError as error:
        raise ConfigError(
            f"The questions {str(file)!r} cannot be read ({error.strerror}); give another file."
        ) from error


def _text(file: Path) -> str:
    try:
        if (size := file.stat().st_size) > _MOST_BYTES:
            raise ConfigError(f"The questions {str(file)!r} have {size:,} bytes; split them into several files.")
        text = decode_bytes(file.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"The questions {str(file)!r} cannot be read ({error.strerror}); give another file."
        ) from error
    if text is None:
        raise ConfigError(f"The questions {str(file)!r} are not text; save them as CSV in UTF-8.")
    return text


class _Rows:
    """Reads the JSON object of a row, and says what is wrong with it."""

    def __init__(self) -> None:
        self._repeated: list[str] = []
        self._decoder = json.JSONDecoder(object_pairs_hook=self._object)

    def read(self, text: str, at: int) -> tuple[Mapping[str, Any] | BadLine, int | None]:
        """The object that begins at a character, and where it ends; None where that cannot be said."""
        self._repeated.clear()
        try:
            row, end = self._decoder.raw_decode(text, at)
        except RecursionError:
            return BadLine("It is nested too deeply."), None
        except ValueError as error:
            return BadLine(f"It is not valid JSON ({error})."), None
        if self._repeated:
            return BadLine(f"It names {self._repeated[0][:40]!r} twice."), end
        return row if isinstance(row, dict) else BadLine("It is not a JSON object."), end

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                self._repeated.append(name)
            found[name] = value
        return found


def _json_array(text: str) -> Iterator[tuple[int, Mapping[str, Any] | BadLine]]:
    """The objects of an array, each with the line on which it begins."""
    rows, at, line = _Rows(), text.index("[") + 1, 1 + text.count("\n", 0, text.index("["))
    counted = text.index("[")
    while True:
        at = _SEPARATORS.match(text, at).end()  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, at), at
        if text.startswith("]", at):
            return
        row, end = rows.read(text, at)
        yield line, row
        if end is None:
            return
        at = end


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any] | BadLine]]:
    rows = _Rows()
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            line = line.strip()
            row, end = rows.read(line, 0)
            is_more = end is not None and end < len(line)
            yield number, BadLine("Something follows its JSON object.") if is_more else row


def _csv_rows(
    text: str, delimiter: str, skipped: int, file: Path, document: str | None
) -> Iterator[tuple[int, Mapping[str, Any] | BadLine]]:
    rows = _numbered(text, delimiter, skipped)
    first = list(itertools.islice(rows, _FIRST_ROWS))
    head = header_of([[] if isinstance(row, BadLine) else row for _, row in first])
    row = first[head][1] if head is not None else []
    names = [] if isinstance(row, BadLine) else row
    columns = columns_of(names)
    missing = [name for name in (DOCUMENT, QUESTION) if name not in columns and (name != DOCUMENT or not document)]
    if missing:
        raise ConfigError(f"{str(file)!r} has no column {missing[-1]!r}; its first line names the columns.")
    if repeated := [name for name, places in columns.items() if len(places) > 1]:
        raise ConfigError(f"{str(file)!r} has two columns {repeated[0]!r}; rename one of them.")
    for line, row in itertools.chain(first[(head or 0) + 1 :], rows):
        if isinstance(row, BadLine):
            yield line, row
        elif any(row):
            if len(names) == 1:  # what looks like more cells is the question's own commas
                row = [delimiter.join(row)]
            is_longer = any(cell.strip() for cell in row[len(names) :])
            cells = {name: row[at] for name, (at, *_) in columns.items() if at < len(row)}
            if CUSTOM_ID not in columns:
                cells[CUSTOM_ID] = str(line)
            yield line, BadLine(_LONGER.format(delimiter)) if is_longer else cells


def _numbered(text: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str] | BadLine]]:
    line = 0
    try:
        for line, row in table_rows(text, delimiter):
            yield line + skipped, row
    except csv.Error as error:
        yield line + 1 + skipped, BadLine(f"It cannot be read ({error}).")


def _question(row: Mapping[str, Any], line: int, document: str | None) -> BatchQuestion:
    body = row.get("body")
    if isinstance(body, Mapping):
        metadata = body.get("metadata")
        named = _named(row, DOCUMENT) or (metadata.get("document") if isinstance(metadata, Mapping) else None)
        asked: object = _from_messages(row, body)
    else:
        named, asked = _named(row, DOCUMENT), _named(row, QUESTION)
    custom_id = _named(row, CUSTOM_ID)
    values = {
        "custom_id": str(custom_id) if isinstance(custom_id, int) and not isinstance(custom_id, bool) else custom_id,
        "document": named or document,
        "question": asked,
    }
    for name, value in values.items():
        if value is None or value == "":
            raise BadLine(f"It has no {name}.")
        if not isinstance(value, str):
            raise BadLine(f"Its {name} is {repr(value)[:100]}, not text.")
        if not value.strip():
            raise BadLine(f"Its {name} is empty.")
        if len(value) > _MOST_CHARS[name]:
            raise BadLine(f"Its {name} has {len(value):,} characters; {_MOST_CHARS[name]:,} are the most.")
        if half := _HALF.search(value):
            raise BadLine(f"Its {name} holds half a character (\\u{ord(half[0]):04x}); write whole ones.")
    return BatchQuestion(**{name: str(value).strip() for name, value in values.items()}, line=line)


def _named(row: Mapping[str, Any], column: str) -> Any:
    return next((row[name] for name in NAMES[column] if name in row), None)


def _from_messages(row: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """The question in an OpenAI chat request; what its system message says is left aside."""
    address = row.get("url")
    if address is not None and not str(address).rstrip("/").endswith("/chat/completions"):
        raise BadLine(f"Its url is {str(address)[:100]!r}; only /v1/chat/completions can be answered.")
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
        raise BadLine("Its body has no messages.")
    said = [message for message in messages if message.get("role") not in _INSTRUCTIONS]
    if len(said) != 1 or said[0].get("role") != "user":
        raise BadLine(f"It has {len(said)} messages beside the system's; ask one question a line, of the user.")
    content = said[0].get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [None]
    texts = [part.get("text") for part in parts if isinstance(part, Mapping) and part.get("type") == "text"]
    if len(texts) != len(parts) or not all(isinstance(text, str) for text in texts):
        raise BadLine("Its message is not only text.")
    return "\n".join(map(str, texts))
