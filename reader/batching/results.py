"""The results of a batch in its output file, JSON lines or CSV by suffix, each one written and synced as it comes.

At the end they are put in the questions' order. The file is the only record of what is done: what a killed batch left is mended (a
torn last line is cut off) and continued. It belongs to one process at a time. It asks nothing.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from reader.batching.questions import BatchQuestion
from reader.errors import ConfigError
from reader.wording import guarded, in_columns, unguarded
from storage import StoreBusy, file_lock, publish, sync_folder, translating, write_whole

if TYPE_CHECKING:  # torch takes seconds to import
    from reader.answering import Answer

COLUMNS = (
    "custom_id",
    "document",
    "document_id",
    "question",
    "answer",
    "pages",
    "quotes",
    "document_tokens",
    "recomputed_tokens",
    "answer_tokens",
    "ended",
    "error",
)
"""Of a CSV."""


@dataclass(frozen=True)
class Result:
    """The answer to one question, or why there is none."""

    question: BatchQuestion
    document_id: str
    answer: Answer | None
    error: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """What is written: nothing that differs from run to run, such as seconds."""
        asked = self.question
        fields: dict[str, Any] = {
            "custom_id": asked.custom_id,
            "document": asked.document,
            "document_id": self.document_id,
            "question": asked.question,
        }
        if self.answer is None:
            return {**fields, "error": self.error}
        answer = self.answer
        return {
            **fields,
            "answer": answer.text,
            "parts": list(answer.parts),
            "evidence": [asdict(evidence) for evidence in answer.evidence],
            "looked_again": [
                {"page": passage.page, "start_char": passage.start_char, "end_char": passage.end_char}
                for passage in answer.looked_again
            ],
            "document_tokens": answer.document_tokens,
            "recomputed_tokens": answer.recomputed_tokens,
            "answer_tokens": answer.answer_tokens,
            "ended": answer.ended,
        }


class Results:
    """An output file, open for as long as the `with` block lasts.

    Raises:
        StoreBusy: another process writes to it.
        ConfigError: it holds something other than the results of a batch.
        NotWritable, StorageFull: it cannot be written.
    """

    def __init__(self, path: Path, delimiter: str = ",") -> None:
        """`delimiter` parts the cells of a new CSV; a file that is there keeps its own."""
        self.path = path
        self._delimiter = delimiter
        self._is_csv = path.suffix.lower() == ".csv"
        self._closing = ExitStack()
        self._rows: dict[str, Mapping[str, Any]] = {}
        """By custom_id, as they are in the file."""
        self._descriptor = -1

    def __enter__(self) -> Self:
        if self.path.is_dir():
            raise ConfigError(f"The output {str(self.path)!r} is a folder; name a file.")
        with ExitStack() as closing:
            locked = closing.enter_context(file_lock(self.path.with_name(f"{self.path.name}.lock"), timeout_seconds=0))
            if not locked:
                raise StoreBusy(f"Another process writes to {self.path}; wait for it, or choose another output.")
            with translating(self.path.parent):
                content = self.path.read_bytes() if self.path.exists() else b""
                self._delimiter = _delimiter_of(content) or self._delimiter
                self._rows, whole_bytes = self._read(content)
                self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
                closing.callback(lambda: os.close(self._descriptor))
                if whole_bytes < len(content):
                    os.ftruncate(self._descriptor, whole_bytes)
                if not whole_bytes and self._is_csv:
                    self._write(self._header)
                os.fsync(self._descriptor)
                sync_folder(self.path.parent)
            self._closing = closing.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.close()

    @property
    def failed(self) -> list[str]:
        """The custom_ids of those that are errors."""
        return [custom_id for custom_id, row in self._rows.items() if row.get("error")]

    def question_of(self, custom_id: str) -> str | None:
        """The question that was asked under an id; None where there is no result."""
        row = self._rows.get(custom_id)
        return None if row is None else self._said(row, "question")

    def append(self, result: Result) -> None:
        """Write one result, on the disk when this returns."""
        fields = _cells(result.fields) if self._is_csv else result.fields
        line = self._line(fields)
        with translating(self.path.parent, needed_bytes=len(line)):
            self._write(line)
            os.fsync(self._descriptor)
        self._rows[result.question.custom_id] = fields

    def drop(self, custom_ids: Collection[str]) -> None:
        """Take results out of the file, all of them or, after a kill, none."""
        if custom_ids:
            self._rewrite({custom_id: row for custom_id, row in self._rows.items() if custom_id not in custom_ids})

    def put_in_order(self, custom_ids: Sequence[str]) -> None:
        """Write these results in this order, behind those of other questions; after a kill, the file is as before or in order."""
        asked = dict.fromkeys(custom_ids)
        ordered = [*(one for one in self._rows if one not in asked), *(one for one in asked if one in self._rows)]
        if ordered != list(self._rows):
            self._rewrite({custom_id: self._rows[custom_id] for custom_id in ordered})

    def _rewrite(self, rows: dict[str, Mapping[str, Any]]) -> None:
        self._rows = rows
        header = [self._header] if self._is_csv else []
        publish(self.path, "".join([*header, *map(self._line, self._rows.values())]).encode())
        with translating(self.path.parent):
            opened = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            os.dup2(opened, self._descriptor)
            os.close(opened)

    @property
    def _header(self) -> str:
        """The first line of a CSV; with the byte order mark, Excel reads the rest as UTF-8."""
        return "\ufeff" + _csv_line(COLUMNS, self._delimiter)

    def _line(self, row: Mapping[str, Any]) -> str:
        return (
            _csv_line(list(row.values()), self._delimiter)
            if self._is_csv
            else json.dumps(row, ensure_ascii=False) + "\n"
        )

    def _write(self, line: str) -> None:
        with open(self._descriptor, "wb", buffering=0, closefd=False) as file:
            write_whole(file, memoryview(line.encode()))

    def _read(self, content: bytes) -> tuple[dict[str, Mapping[str, Any]], int]:
        """The results in a file by custom_id, and how many of its bytes are whole lines."""
        lines = _whole_lines(content, b'"' if self._is_csv else b"")
        torn = content[sum(map(len, lines)) :]
        parse = self._csv_results if self._is_csv else _json_results
        try:
            rows = parse(lines)
            begins = self._header.encode() if self._is_csv else b'{"custom_id": '
            if not lines and not _is_beginning(torn, begins):
                raise ValueError
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{str(self.path)!r} holds something other than the results of a batch; choose another output."
            ) from error
        return {self._said(row, "custom_id"): row for row in rows}, len(content) - len(torn)

    def _said(self, row: Mapping[str, Any], name: str) -> str:
        """A cell as it was before it was made safe for spreadsheets."""
        return unguarded(str(row[name])) if self._is_csv else str(row[name])

    def _csv_results(self, lines: Sequence[bytes]) -> list[Mapping[str, Any]]:
        if not lines:
            return []
        text = b"".join(lines).decode("utf-8-sig")
        table = csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter)
        if tuple(next(table)) != COLUMNS:
            raise ValueError
        return [dict(zip(COLUMNS, row, strict=True)) for row in table]


def _json_results(lines: Sequence[bytes]) -> list[Mapping[str, Any]]:
    rows = [json.loads(line) for line in lines]
    for row in rows:
        row["custom_id"], row["question"], row["error" if "error" in row else "answer"]
    return rows


def _whole_lines(content: bytes, quote: bytes) -> list[bytes]:
    """The lines that have an end, quoted ends not counting; what is behind the last one was torn."""
    lines, begun = [], b""
    for line in content.splitlines(keepends=True):
        begun += line
        if begun.endswith(b"\n") and (not quote or begun.count(quote) % 2 == 0):
            lines.append(begun)
            begun = b""
    return lines


def _is_beginning(torn: bytes, begins: bytes) -> bool:
    """Whether a file without a whole line may be the beginning of results, with a byte order mark or without."""
    mark = "\ufeff".encode()
    pairs = ((begins, torn), (begins.removeprefix(mark), torn.removeprefix(mark)))
    return any(start.startswith(own) or own.startswith(start) for start, own in pairs)


def _delimiter_of(content: bytes) -> str:
    """What parts the cells of a file of results; "" where it has no whole header."""
    header = content.partition(b"\n")[0].decode("utf-8", errors="replace").lstrip("\ufeff")
    return next((sign for sign in ",;\t|" if header.rstrip("\r") == sign.join(COLUMNS)), "")


def _csv_line(cells: Sequence[object], delimiter: str) -> str:
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=delimiter).writerow(cells)
    return line.getvalue()


def _cells(fields: Mapping[str, Any]) -> dict[str, object]:
    """A result's fields as the cells of a CSV's row."""
    flat = {**fields, **in_columns(fields.get("evidence", ()))}
    safe = {name: guarded(value) if isinstance(value, str) else value for name, value in flat.items()}
    return {name: safe.get(name, "") for name in COLUMNS}
