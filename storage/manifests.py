"""Files with all fields of a document's or a memory's rows, so that the rows can be rebuilt from files alone.

`documents/<id>.txt` is one line of JSON (title, file name, pages) followed by the text, byte for byte. `memory.json` beside the
tensors has the rows of a memory and of its segments. The files leave out values that change with use: time of last use, pins,
budget, the version of the parsers. Decoding checks everything, because the bytes may come from an import.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NoReturn, TypeVar

import sqlite_utils

from storage.records import DocumentRecord, MemoryRecord, PageRecord, SegmentRecord

MANIFEST_FILE = "memory.json"
DOCUMENT_SUFFIX = ".txt"

MAX_JSON_BYTES = 16 << 20
"""The largest JSON that is decoded: small values take about 25 times their bytes after parsing."""

MAX_PAGES = 20_000
MAX_CHARS = 50_000_000
MAX_NAME_CHARS = 200
"""Limits of an imported document, the same as for parsed ones: pages, text, and the length of each name and label."""

_FORMAT = 1
_KEY = re.compile(r"[0-9a-f]{64}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
T = TypeVar("T")
_MAX_DEPTH = 20
_MAX_INTEGER = (1 << 63) - 1
_MAX_SETTINGS_BYTES = 64 << 10


def checked_key(key: str) -> str:
    """Return `key` if it is 64 lower-case hexadecimal digits, which are safe in a file's name.

    Raises:
        ValueError: `key` is anything else.
    """
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not a key of 64 hexadecimal digits")
    return key


def text_id(text: bytes) -> str:
    """Return the id of the document with this text in UTF-8: a SHA-256 with a domain prefix."""
    return hashlib.sha256(b"reader-document-1\0" + text).hexdigest()


def clean(name: str) -> str:
    """Return a name with "?" in place of characters that UTF-8 cannot encode and of control characters."""
    return _CONTROLS.sub("?", name).encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True)
class StoredDocument:
    """A document with its text, as (label, text) of each page."""

    id: str
    title: str
    file_name: str
    format: str
    added_at: float
    pages: Sequence[tuple[str, str]]
    parser_version: int | None = None
    """The version of the parsers that made the text; None: unknown, as for an imported document."""
    authors: Sequence[str] = ()
    """Whom the file's properties name; not part of the document's file, as they are no part of its text."""

    @classmethod
    def of(cls, record: DocumentRecord, pages: Iterable[PageRecord]) -> StoredDocument:
        """Return the document of these rows."""
        texts = [(page.label, page.text) for page in pages]
        return cls(record.id, record.title, record.file_name, record.format, record.added_at, texts)

    @classmethod
    def new(
        cls,
        document_id: str,
        title: str,
        file_name: str,
        document_format: str,
        pages: Iterable[tuple[str, str]],
        parser_version: int | None = None,
        authors: Sequence[str] = (),
    ) -> StoredDocument:
        """Return a document that is added now, with names that are safe to display and unchanged text."""
        labelled = [(clean(label), text) for label, text in pages]
        names = (clean(title), clean(file_name), clean(document_format))
        return cls(document_id, *names, time.time(), labelled, parser_version, [clean(name) for name in authors])

    def as_imported(self) -> StoredDocument:
        """Return a copy that is added now, with names and labels cut to the limits of a parsed file.

        Raises:
            ValueError: the document has too many pages or too much text.
        """
        chars = sum(len(text) for _, text in self.pages)
        if len(self.pages) > MAX_PAGES or chars > MAX_CHARS:
            raise ValueError(
                f"its document has {len(self.pages):,} pages and {chars:,} characters, more than {MAX_PAGES:,} and"
                f" {MAX_CHARS:,}"
            )
        title, file_name, kind = (name[:MAX_NAME_CHARS] for name in (self.title, self.file_name, self.format))
        pages = [(label[:MAX_NAME_CHARS], text) for label, text in self.pages]
        return self.new(self.id, title or file_name or self.id[:12], file_name, kind, pages)

    def encode(self) -> bytes:
        """Return the content of its file.

        Raises:
            UnicodeEncodeError: a page's text cannot be encoded as UTF-8.
        """
        text = "".join(text for _, text in self.pages).encode()
        head = {
            "format": _FORMAT,
            "title": self.title,
            "file_name": self.file_name,
            "document_format": self.format,
            "added_at": self.added_at,
            "pages": [[label, len(text)] for label, text in self.pages],
        }
        return _json(head) + b"\n" + text

    @classmethod
    def decode(cls, content: bytes) -> StoredDocument:
        """Return the document of a file. Its id is computed from the text.

        Raises:
            ValueError: the content is not that of such a file; the message gives the reason.
        """
        line, newline, text_bytes = content.partition(b"\n")
        if not newline:
            raise ValueError("it does not begin with a line of JSON")
        fields = _Fields(_table(line), "its first line")
        if fields.integer("format") != _FORMAT:
            raise ValueError(f"it has the format {fields['format']!r}, this program knows {_FORMAT}")
        try:
            text = text_bytes.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"its text is not UTF-8 ({error})") from error
        pages: list[tuple[str, str]] = []
        position = 0
        for page in fields.of_type("pages", list):
            match page:
                case [str(label), int(chars)] if type(chars) is int and 0 <= chars <= len(text) - position:
                    pages.append((label, text[position : position + chars]))
                    position += chars
                case _:
                    raise ValueError(f"page {len(pages) + 1} does not fit its text")
        if position != len(text):
            raise ValueError(f"its pages end at character {position} of {len(text)}")
        title, file_name, kind = (fields.of_type(name, str) for name in ("title", "file_name", "document_format"))
        return cls(text_id(text_bytes), title, file_name, kind, fields.number("added_at"), pages)

    @property
    def division(self) -> str:
        """A name for the text's division into pages: the same labels and lengths give the same name."""
        pages = [[label, len(text)] for label, text in self.pages]
        return hashlib.sha256(b"reader-division-1\0" + _json({"pages": pages})).hexdigest()

    def insert(self, db: sqlite_utils.Database) -> None:
        """Insert the rows of the document and of its pages."""
        db.table("documents").insert(
            {
                "id": self.id,
                "title": self.title,
                "file_name": self.file_name,
                "format": self.format,
                "pages": len(self.pages),
                "chars": sum(len(text) for _, text in self.pages),
                "added_at": self.added_at,
                "parser_version": self.parser_version,
                "authors": json.dumps(list(self.authors)),
            }
        )
        self.insert_pages(db, "")

    def note(self, db: sqlite_utils.Database) -> None:
        """Note a newer parser version, and authors where none are known, in the row of the same document."""
        db.execute(
            "UPDATE documents SET parser_version = ?2 WHERE id = ?1 AND ?2 > COALESCE(parser_version, 0)",
            (self.id, self.parser_version),
        )
        db.execute(
            "UPDATE documents SET authors = ?2 WHERE id = ?1 AND authors = '[]'", (self.id, json.dumps([*self.authors]))
        )

    def insert_pages(self, db: sqlite_utils.Database, division: str) -> None:
        """Insert the rows of the pages as one division of the document's text; "" is the document's own division."""
        ends = [0]
        for _, text in self.pages:
            ends.append(ends[-1] + len(text))
        spans = zip(self.pages, pairwise(ends), strict=True)
        db.table("pages").insert_all(
            {**vars(PageRecord(self.id, number, label, start, end, text)), "division": division}
            for number, ((label, text), (start, end)) in enumerate(spans, start=1)
        )


@dataclass(frozen=True)
class StoredMemory:
    """The rows of a finished memory and of its segments."""

    record: MemoryRecord
    segments: Sequence[SegmentRecord]

    def encode(self) -> bytes:
        """Return the content of its manifest."""
        record = self.record
        return _json(
            {
                "format": _FORMAT,
                "key": record.key,
                "document_id": record.document_id,
                "settings": dict(record.settings),
                "windows": record.windows,
                "tokens": record.tokens,
                "slots": record.slots,
                "bytes": record.bytes,
                "hash": record.hash,
                "seconds": record.seconds,
                "created_at": record.created_at,
                "ready_at": record.ready_at,
                "imported": record.imported,
                "segments": [[s.key, s.first_slot, s.slots, s.tokens, s.bytes, s.hash] for s in self.segments],
            }
        )

    @classmethod
    def decode(cls, content: bytes) -> StoredMemory:
        """Return the memory of a manifest. Its last use is the time when it was finished.

        Raises:
            ValueError: the content is not that of a manifest; the message gives the reason.
        """
        fields = _Fields(_table(content), "the manifest")
        if fields.integer("format") != _FORMAT:
            raise ValueError(f"the manifest has the format {fields['format']!r}, this program knows {_FORMAT}")
        key, ready_at = fields.key("key"), fields.number("ready_at")
        record = MemoryRecord(
            key=key,
            document_id=fields.key("document_id"),
            state="ready",
            settings=fields.of_type("settings", dict),
            windows=fields.integer("windows"),
            tokens=fields.integer("tokens"),
            slots=fields.integer("slots"),
            bytes=fields.integer("bytes"),
            hash=fields.key("hash"),
            seconds=fields.number("seconds"),
            created_at=fields.number("created_at"),
            ready_at=ready_at,
            last_used_at=ready_at,
            imported=fields.of_type("imported", bool),
        )
        segments = []
        for number, entry in enumerate(fields.of_type("segments", list)):
            if not isinstance(entry, list) or len(entry) != 6:
                raise ValueError(f"segment {number} of the manifest has not six values")
            names = ("key", "first_slot", "slots", "tokens", "bytes", "hash")
            segment = _Fields(dict(zip(names, entry, strict=True)), f"segment {number} of the manifest")
            counts = {name: segment.integer(name) for name in names[1:5]}
            segments.append(
                SegmentRecord(key, number, segment.key("key"), **counts, file=None, hash=segment.key("hash"))
            )
        return cls(record, segments)

    def as_imported(self) -> StoredMemory:
        """Return a copy that is marked as imported. It has no segments, because their keys cannot be checked.

        Raises:
            ValueError: the settings contain impossible values, or the counts do not fit the bytes.
        """
        record = self.record
        _check_plain(record.settings)
        settings_bytes = len(json.dumps(dict(record.settings)))
        if settings_bytes > _MAX_SETTINGS_BYTES:
            raise ValueError(f"its settings have {settings_bytes:,} bytes, more than {_MAX_SETTINGS_BYTES:,}")
        if not (record.windows <= record.tokens + 1 and record.slots <= record.bytes):
            raise ValueError(
                f"memory {record.key[:12]} cannot have {record.windows:,} windows, {record.tokens:,} tokens and"
                f" {record.slots:,} slots in {record.bytes:,} bytes"
            )
        now = time.time()  # no later time is accepted, so that the memory is evicted in its turn
        record = replace(
            self.record,
            imported=True,
            created_at=min(self.record.created_at, now),
            ready_at=min(self.record.ready_at or now, now),
            last_used_at=now,
        )
        return StoredMemory(record, [])

    def insert(self, db: sqlite_utils.Database) -> None:
        """Insert the rows of the memory and of its segments."""
        record = self.record
        db.table("memories").insert({**vars(record), "settings": json.dumps(dict(record.settings), sort_keys=True)})
        db.table("segments").insert_all(vars(segment) for segment in self.segments)
        db.execute(
            "UPDATE documents SET read_at = MAX(COALESCE(read_at, 0), ?) WHERE id = ?",
            (record.ready_at, record.document_id),
        )


class _Fields:
    """A JSON object from a file, read value by value with a type for each. Errors name the value that does not fit."""

    def __init__(self, table: Mapping[str, Any], where: str) -> None:
        self._table = table
        self._where = where

    def __getitem__(self, name: str) -> Any:
        return self._table.get(name)

    def of_type(self, name: str, kind: type[T]) -> T:
        value = self._table.get(name)
        if type(value) is not kind:  # a bool is no int here
            self._refuse(name)
        return value

    def integer(self, name: str) -> int:
        value = self.of_type(name, int)
        return value if 0 <= value <= _MAX_INTEGER else self._refuse(name)

    def number(self, name: str) -> float:
        value = self._table.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_INTEGER:
            self._refuse(name)
        return float(value)

    def key(self, name: str) -> str:
        value = self.of_type(name, str)
        return value if _KEY.fullmatch(value) else self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        raise ValueError(f"{self._where} has no fitting {name!r}")


def _json(table: Mapping[str, Any]) -> bytes:
    # Escaped, because a file name in the settings may be invalid text; sorted, so that the same rows give the same bytes.
    return json.dumps(table, separators=(",", ":"), sort_keys=True).encode()


def _table(content: bytes) -> Mapping[str, Any]:
    if len(content) > MAX_JSON_BYTES:
        raise ValueError(f"its JSON has {len(content):,} bytes, more than {MAX_JSON_BYTES:,}")
    try:
        table = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its JSON is not readable ({error})") from error
    if not isinstance(table, dict):
        raise ValueError("its JSON is no table")
    return table


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _check_plain(value: Any, depth: int = 0) -> None:
    """Refuse strings with invalid text or control characters, numbers out of range, and values nested too deeply."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"the settings are nested more than {_MAX_DEPTH} deep")
    match value:
        case int() | float() if not -_MAX_INTEGER <= value <= _MAX_INTEGER:  # also refuses infinite numbers
            raise ValueError("the settings hold a number that is none of a setting's")
        case str():
            if clean(value) != value:
                raise ValueError(f"the settings hold {value[:100]!r}, which is not plain text")
        case dict():
            for item in (*value.keys(), *value.values()):
                _check_plain(item, depth + 1)
        case list():
            for item in value:
                _check_plain(item, depth + 1)
