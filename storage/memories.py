"""The memories of a library: their rows, and each memory's files in its own folder, which are verified before use.

A file is published before its row is written, and a row is removed before its file. A kill in between leaves a file without a
row, which `repair` removes. Deliberately not here: writing a memory (`memory_writer`), and the tensors' meaning.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import sqlite_utils

from storage.database import MEMORIES_FOLDER, Database, Row
from storage.errors import CorruptMemory, NotFound, StorageFull, StoreBusy, StoreError, translating
from storage.files import file_lock, make_folder, sync_folder
from storage.manifests import checked_key
from storage.records import MemoryRecord, SegmentRecord
from storage.tensors import MappedTensors

SEALED_FILE = "memory.safetensors"
LOCK_SUFFIX = ".lock"

_WAIT_SECONDS = 1.0
_MOMENT_SECONDS = 1e-6


class Memories:
    """The memories of one library."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.folder = database.folder

    def memory(self, key: str) -> MemoryRecord | None:
        """Return the memory with this key, ready or still being read; None if there is none."""
        rows = self.database.read("SELECT * FROM memories WHERE key = ?", (key,))
        return memory_of(rows[0]) if rows else None

    def memories(self, document_id: str | None = None) -> list[MemoryRecord]:
        """Return the memories of a document, or of all, the last used first."""
        which = "" if document_id is None else "WHERE document_id = :id"  # told apart here, for the index to be used
        rows = self.database.read(
            f"SELECT * FROM memories {which} ORDER BY last_used_at DESC, rowid DESC", {"id": document_id}
        )
        return [memory_of(row) for row in rows]

    def next_moment(self) -> float:
        """Return the time, but later than all times of memories, so that their order of use survives a clock that is set back."""
        (row,) = self.database.read(
            "SELECT MAX(MAX(created_at, last_used_at, COALESCE(ready_at, 0))) AS latest FROM memories"
        )
        return max(time.time(), (row["latest"] or 0.0) + _MOMENT_SECONDS)

    def segments(self, memory_key: str) -> list[SegmentRecord]:
        """Return the finished segments of a memory in order."""
        rows = self.database.read("SELECT * FROM segments WHERE memory_key = ? ORDER BY number", (memory_key,))
        return [SegmentRecord(**row) for row in rows]

    def find_prefix(self, chain_keys: Sequence[str]) -> tuple[str, int] | None:
        """Return (memory key, n) for the longest n such that a memory's first n segments have chain_keys[:n].

        Unfinished memories count, too. Among equals, ready memories come first, then the one used last.
        """
        rows = self.database.read(
            """
            SELECT found.memory_key, COUNT(*) AS count FROM (
                SELECT segments.memory_key, segments.number,
                    ROW_NUMBER() OVER (PARTITION BY segments.memory_key ORDER BY segments.number) - 1 AS place
                FROM json_each(?) AS chain CROSS JOIN segments
                    ON segments.key = chain.value AND segments.number = chain.key
            ) AS found JOIN memories ON memories.key = found.memory_key
            WHERE found.number = found.place
            GROUP BY found.memory_key
            ORDER BY count DESC, memories.state = 'ready' DESC, memories.last_used_at DESC LIMIT 1
            """,
            (json.dumps(list(chain_keys)),),
        )
        return (rows[0]["memory_key"], rows[0]["count"]) if rows else None

    def open_memory(self, key: str) -> MappedTensors:
        """Compare a ready memory's size, hash and key with its row, map the file, and record the use.

        Raises:
            NotFound: there is no such memory, or it is not ready.
            CorruptMemory: the file has changed since it was sealed.
        """
        tensors = self.map_memory(key)
        with (
            suppress(StoreError),
            self.database.transaction(durable=False) as db,
        ):  # a read-only library can still be asked
            db.execute("UPDATE memories SET last_used_at = ? WHERE key = ?", (self.next_moment(), key))
        return tensors

    def open_segment(self, memory_key: str, number: int) -> MappedTensors:
        """Verify and map one segment of an unfinished memory.

        Raises:
            NotFound: there is no such segment, or it was sealed into its memory.
            CorruptMemory: the file has changed since it was written.
        """
        rows = self.database.read(
            "SELECT * FROM segments WHERE memory_key = ? AND number = ? AND file IS NOT NULL", (memory_key, number)
        )
        if not rows:
            raise NotFound(f"Memory {memory_key[:12]!r} has no segment {number} of its own. Open the memory instead.")
        segment = SegmentRecord(**rows[0])
        assert segment.file is not None
        names = {"memory_key": memory_key, "segment_key": segment.key, "segment": str(number)}
        return self._open(memory_key, segment.file, segment.hash, segment.bytes, names)

    def map_memory(self, key: str) -> MappedTensors:
        """Verify and map a ready memory without recording a use."""
        memory = self._ready_memory(key)
        while True:
            assert memory.hash is not None  # held by a constraint of the table
            try:
                return self._open(key, SEALED_FILE, memory.hash, memory.bytes, {"memory_key": key})
            except CorruptMemory:
                # Another process may have evicted or rewritten the memory since its row was read.
                before, memory = memory, self._ready_memory(key)
                if memory.ready_at == before.ready_at:
                    raise

    def memory_folder(self, key: str) -> MemoryFolder:
        """Return the folder of a memory, which may not exist yet."""
        return MemoryFolder(self.folder / MEMORIES_FOLDER, key)

    @contextmanager
    def locked(self, keys: Iterable[str], what: str) -> Iterator[None]:
        """Hold the locks of memories, all of them or none.

        Raises:
            StoreBusy: another process or thread holds one; the message begins with `what`.
        """
        with ExitStack() as stack:
            for key in sorted(keys):
                # Wait a moment: another process that is opening the library may hold the lock briefly.
                if not stack.enter_context(self.memory_folder(key).lock(timeout_seconds=_WAIT_SECONDS)):
                    raise being_read(what)
            yield

    @contextmanager
    def _waiting_lock(self, key: str, on_wait: Callable[[], None] | None) -> Iterator[None]:
        folder = self.memory_folder(key)
        while True:
            with folder.lock(timeout_seconds=_WAIT_SECONDS) as held:
                if held:
                    yield
                    return
            if on_wait is not None:
                on_wait()

    def _begin(self, key: str, document_id: str, settings: Mapping[str, Any], windows: int, tokens: int) -> None:
        with self.database.transaction() as db:
            now = self.next_moment()
            if not db.execute("SELECT 1 FROM documents WHERE id = ?", (document_id,)).fetchone():
                raise NotFound(f"There is no document {document_id[:12]!r} in {self.folder}. Add it first.")
            db.table("memories").insert(
                {
                    "key": key,
                    "document_id": document_id,
                    "state": "reading",
                    "settings": json.dumps(dict(settings), sort_keys=True),
                    "windows": windows,
                    "tokens": tokens,
                    "created_at": now,
                    "last_used_at": now,
                },
                ignore=True,
            )

    def _drop_corrupt_files(self, key: str) -> None:
        memory = self.memory(key)
        if memory is None:
            return
        files: list[tuple[str, Callable[[], MappedTensors]]]
        if memory.state == "ready":
            files = [(SEALED_FILE, partial(self.open_memory, key))]
        else:
            files = [(s.file, partial(self.open_segment, key, s.number)) for s in self.segments(key) if s.file]
        for file, open_file in files:
            try:
                open_file().close()
            except CorruptMemory:
                with translating(self.folder):
                    (self.memory_folder(key).path / file).unlink(missing_ok=True)
                return  # the segments after it cannot be used either

    def _open(
        self, key: str, file: str, expected_hash: str, expected_bytes: int, names: Mapping[str, str]
    ) -> MappedTensors:
        path = self.memory_folder(key).path / file
        tensors = MappedTensors(path, expected_hash=expected_hash, expected_bytes=expected_bytes)
        if names.items() <= tensors.metadata.items():
            return tensors
        tensors.close()
        raise CorruptMemory(f"The memory file {path} belongs to another memory. Read the document again.")

    def _remove_memories(self, keys: Sequence[str], remove_rows: Callable[[sqlite_utils.Database], None]) -> int:
        """Remove rows, then files; return the files' bytes. On a full disk, where rows cannot go first, remove them last."""
        try:
            with self.database.transaction() as db:
                remove_rows(db)
        except StorageFull:
            freed_bytes = sum(self.memory_folder(key).remove() for key in keys)
            try:
                with self.database.transaction() as db:
                    remove_rows(db)
            except StorageFull:  # removing the memories made too little room
                with self.database.transaction_without_journal() as db:
                    remove_rows(db)
            return freed_bytes
        return sum(self.memory_folder(key).remove() for key in keys)

    def _ready_memory(self, key: str) -> MemoryRecord:
        memory = self.memory(key)
        if memory is None or memory.state != "ready":
            raise NotFound(f"There is no finished memory {key[:12]!r} in {self.folder}. Read the document first.")
        return memory


class MemoryFolder:
    """The files of the memory `key` below `root`."""

    def __init__(self, root: Path, key: str) -> None:
        self.path = root / checked_key(key)

    def lock(self, *, timeout_seconds: float) -> AbstractContextManager[bool]:
        """Hold the memory's lock across processes, if it can be acquired in time; see `file_lock`."""
        return file_lock(self.path.with_name(self.path.name + LOCK_SUFFIX), timeout_seconds=timeout_seconds)

    def names(self) -> set[str]:
        """Return the names of the files in the folder."""
        try:
            with translating(self.path.parent):
                return {path.name for path in self.path.iterdir()}
        except Exception as error:
            if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
                return set()
            raise

    def size_bytes(self) -> int:
        """Return the bytes of all files."""
        size_bytes = 0
        for name in self.names():
            with suppress(FileNotFoundError):
                size_bytes += (self.path / name).stat().st_size
        return size_bytes

    def make(self) -> None:
        """Create the folder, durably."""
        with translating(self.path.parent):
            if not self.path.is_dir():
                make_folder(self.path)
                sync_folder(self.path.parent)

    def keep_only(self, names: set[str]) -> None:
        """Remove all other files, and the folder too if `names` is empty."""
        with translating(self.path.parent):
            for name in self.names() - names:
                (self.path / name).unlink(missing_ok=True)
            if not names and self.path.is_dir():
                self.path.rmdir()

    def remove(self) -> int:
        """Remove all files and the folder; return the bytes that the files had."""
        size_bytes = self.size_bytes()
        self.keep_only(set())
        return size_bytes


def memory_of(row: Row) -> MemoryRecord:
    """The record of a row of `memories`."""
    return MemoryRecord(**{**row, "settings": json.loads(row["settings"]), "imported": bool(row["imported"])})


def being_read(what: str) -> StoreBusy:
    return StoreBusy(f"{what} is being read by another process. Wait for it or stop it, then try again.")
