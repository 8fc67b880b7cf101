"""The rows of the library as frozen records. Times are seconds since the epoch (UTC)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

LOCAL_USER = ""
"""The user of the app without sign-in. Documents added in a shell belong to this user, too."""


@dataclass(frozen=True)
class DocumentRecord:
    """A document of the library, with the number of its ready memories and the bytes of all."""

    id: str
    title: str
    file_name: str
    format: str
    pages: int
    chars: int
    added_at: float
    pinned: bool
    """Its memories are never evicted."""
    read_at: float | None
    """When a memory of the document was last finished, even if that memory was removed since."""
    parser_version: int | None
    """The newest version of the parsers that is known to give this text; None: unknown."""
    authors: tuple[str, ...]
    """The authors' names in the file's properties; empty if there are none, or if the library did not keep them yet."""
    memories: int
    memory_bytes: int
    state: Literal["ready", "reading", "unread"]
    """`ready`: has a finished memory; `reading`: an unfinished one; `unread`: none. With a `read_at`, it must be read again."""


@dataclass(frozen=True)
class PageRecord:
    """A page and its text; it spans the characters start_char to end_char (exclusive) of the document's text."""

    document_id: str
    number: int
    label: str
    start_char: int
    end_char: int
    text: str


@dataclass(frozen=True)
class MemoryRecord:
    """A memory. Slots and bytes count its finished segments while it is 'reading', and its file when it is 'ready'."""

    key: str
    document_id: str
    state: Literal["reading", "ready"]
    settings: Mapping[str, Any]
    windows: int
    tokens: int
    slots: int
    bytes: int
    hash: str | None
    seconds: float
    created_at: float
    ready_at: float | None
    last_used_at: float
    imported: bool
    """Whether the memory was read elsewhere, so that this library cannot vouch for it."""


@dataclass(frozen=True)
class SegmentRecord:
    """One finished window of a memory; `key` chains all windows up to it, `file` is None once the memory is sealed."""

    memory_key: str
    number: int
    key: str
    first_slot: int
    slots: int
    tokens: int
    file: str | None
    bytes: int
    hash: str


@dataclass(frozen=True)
class Hit:
    """A page in a search result, with the words around the first match."""

    document_id: str
    title: str
    page: int
    label: str
    snippet: str


@dataclass(frozen=True)
class Fault:
    """A fault of one file of the library (a path below its folder), and what to do."""

    file: str
    reason: str
