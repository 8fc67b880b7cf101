"""The library: documents with their pages, and the memories that were read from them, in one folder.

`library.db` holds the rows, `memories/<key>/` the tensors. Several processes may share the folder, and several threads
one Store. Opening it repairs what a killed process left. Deliberately not here: parsing, tensors' meaning, models.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from storage.database import Database, Row
from storage.errors import CorruptMemory, NotFound, StoreBusy, StoreError, translating
from storage.memories import LOCK_SUFFIX, SEALED_FILE, MemoryFolder, MemoryWriter, checked_key
from storage.records import DocumentRecord, MemoryRecord, PageRecord, SegmentRecord
from storage.tensors import MappedTensors, sync_folder

_WAIT_SECONDS = 1.0
_DOCUMENTS = """
    SELECT documents.*, COUNT(memories.key) AS memories, COALESCE(SUM(memories.bytes), 0) AS memory_bytes
    FROM documents LEFT JOIN memories ON memories.document_id = documents.id AND memories.state = 'ready'
"""
_NEWEST_FIRST = "GROUP BY documents.id ORDER BY documents.added_at DESC, documents.rowid DESC"
_PREFIX_ID = re.compile(r"[0-9a-f]{4,64}")


class Store:
    """The library in `folder`, made if it is not there, repaired if a process was killed in it.

    A folder that may not be written is opened for reading: its memories can be listed and asked.

    Raises:
        NotWritable: the folder cannot be made, is a file, or is empty and cannot be written.
        StoreError: the database is damaged, or was written by a newer program.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.database = Database(self.folder)
        self._memories = self.folder / "memories"
        if not self.database.read_only:
            try:
                with translating(self.folder):
                    if not self._memories.is_dir():
                        self._memories.mkdir(exist_ok=True)
                        sync_folder(self.folder)
                self._sweep()
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the database in all threads; maps that were opened stay valid."""
        self.database.close()

    def size_bytes(self) -> int:
        """Return the bytes of all files of the library."""
        size_bytes = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with suppress(FileNotFoundError):  # another process may just have removed it
                    size_bytes += os.stat(os.path.join(folder, name)).st_size
        return size_bytes

    # Documents

    def add_document(
        self, document_id: str, *, title: str, file_name: str, format: str, pages: Iterable[tuple[str, str]]
    ) -> DocumentRecord:
        """Add a document from (label, text) pairs, one a page, which together are its text; keep it if it is there.

        Raises:
            ValueError: the id is no key, or a page's text cannot be encoded as UTF-8.
        """
        checked_key(document_id)
        rows: list[Row] = []
        position = 0
        for number, (label, text) in enumerate(pages, start=1):
            end = position + len(text)
            page = PageRecord(document_id, number, _encodable(label), position, end, text)
            rows.append(vars(page))
            position = end
        with self.database.transaction() as db:
            known = db.execute("SELECT 1 FROM documents WHERE id = ?", (document_id,)).fetchone()
            if not known:
                db.table("documents").insert(
                    {
                        "id": document_id,
                        "title": _encodable(title),
                        "file_name": _encodable(file_name),
                        "format": format,
                        "pages": len(rows),
                        "chars": position,
                        "added_at": time.time(),
                    }
                )
                db.table("pages").insert_all(rows)
        return self._document(document_id)

    def documents(self) -> list[DocumentRecord]:
        """Return all documents, newest first."""
        return [DocumentRecord(**row) for row in self.database.read(f"{_DOCUMENTS} {_NEWEST_FIRST}")]

    def document(self, reference: str) -> DocumentRecord:
        """Return the one document with this id, beginning of an id (4 digits or more), title or file name.

        Raises:
            NotFound: there is none, or more than one.
        """
        reference = _encodable(reference)
        prefix = reference.lower()
        # A range, not LIKE, so that the primary key's index is used; "g" follows the last hexadecimal digit.
        low, high = (prefix, prefix + "g") if _PREFIX_ID.fullmatch(prefix) else ("", "")
        rows = self.database.read(
            f"{_DOCUMENTS} WHERE (documents.id >= :low AND documents.id < :high) OR title = :name OR file_name = :name"
            f" {_NEWEST_FIRST}",
            {"low": low, "high": high, "name": reference},
        )
        found = [DocumentRecord(**row) for row in rows]
        exact = [document for document in found if document.id == prefix] or found
        if len(exact) == 1:
            return exact[0]
        if exact:
            raise NotFound(f"{reference!r} may be any of {_listed(exact)}. Give more of the id.")
        raise NotFound(f"There is no document {reference!r} in {self.folder}. {self._suggestion(reference)}")

    def pages(self, document_id: str) -> list[PageRecord]:
        """Return the pages of a document in order; together their texts are the document's text.

        Raises:
            NotFound: there is no document with this id.
        """
        self._document(document_id)
        rows = self.database.read(
            "SELECT document_id, number, label, start_char, end_char, text FROM pages"
            " WHERE document_id = ? ORDER BY number",
            (document_id,),
        )
        return [PageRecord(**row) for row in rows]

    def text(self, document_id: str) -> str:
        """Return the whole text of a document.

        Raises:
            NotFound: there is no document with this id.
        """
        return "".join(page.text for page in self.pages(document_id))

    def remove_document(self, document_id: str) -> int:
        """Remove a document with its pages and memories; return the bytes of the files removed.

        Raises:
            NotFound: there is no document with this id.
            StoreBusy: a memory of it is being written.
        """
        document = self._document(document_id)
        keys = [memory.key for memory in self.memories(document_id)]
        with self._locked(keys, f"The document {document.title!r}"):
            with self.database.transaction() as db:
                rows = db.execute("SELECT key FROM memories WHERE document_id = ?", (document_id,)).fetchall()
                if not {key for (key,) in rows} <= set(keys):
                    raise _busy(f"The document {document.title!r}")
                db.execute("DELETE FROM documents WHERE id = ?", (document_id,))
            return sum(self._remove_files(key) for key in keys)

    # Memories

    def memory(self, key: str) -> MemoryRecord | None:
        """Return the memory with this key, whether it is being read or ready."""
        rows = self.database.read("SELECT * FROM memories WHERE key = ?", (key,))
        return _memory(rows[0]) if rows else None

    def memories(self, document_id: str | None = None) -> list[MemoryRecord]:
        """Return the memories of a document, or of all, the last used first."""
        rows = self.database.read(
            "SELECT * FROM memories WHERE :id IS NULL OR document_id = :id ORDER BY last_used_at DESC, rowid DESC",
            {"id": document_id},
        )
        return [_memory(row) for row in rows]

    def segments(self, memory_key: str) -> list[SegmentRecord]:
        """Return the finished segments of a memory in order."""
        rows = self.database.read("SELECT * FROM segments WHERE memory_key = ? ORDER BY number", (memory_key,))
        return [SegmentRecord(**row) for row in rows]

    def find_prefix(self, chain_keys: Sequence[str]) -> tuple[str, int] | None:
        """Return (memory key, n) for the longest n such that a memory's first n segments have chain_keys[:n].

        Half-read memories count, too; among equals a ready one is preferred, then the one used last.
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
        """Map a ready memory after its size, hash and key were compared with the row; note that it was used.

        Raises:
            NotFound: there is no such memory, or it is not ready.
            CorruptMemory: the file is not the one that was sealed.
        """
        memory = self.memory(key)
        if memory is None or memory.state != "ready":
            raise NotFound(f"There is no finished memory {key[:12]!r} in {self.folder}. Read the document first.")
        assert memory.hash is not None  # held by a constraint of the table
        tensors = self._open(key, SEALED_FILE, memory.hash, memory.bytes, {"memory_key": key})
        with suppress(StoreError), self.database.transaction() as db:  # a read-only library can still be asked
            db.execute("UPDATE memories SET last_used_at = ? WHERE key = ?", (time.time(), key))
        return tensors

    def open_segment(self, memory_key: str, number: int) -> MappedTensors:
        """Map one segment of a memory that is being read, verified like a memory.

        Raises:
            NotFound: there is no such segment, or it was sealed into its memory.
            CorruptMemory: the file is not the one that was written.
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

    @contextmanager
    def writing(
        self,
        key: str,
        document_id: str,
        *,
        settings: Mapping[str, Any],
        windows: int,
        tokens: int,
        on_wait: Callable[[], None] | None = None,
    ) -> Iterator[MemoryWriter]:
        """Hold the memory's lock across processes and hand out its writer; make the row if there is none.

        While another process or thread holds the lock, `on_wait` is called about once a second; it may raise to give
        up. Files that fail their hash are dropped first, so a corrupt memory starts again from what is whole. Leaving
        the block without `seal` keeps the finished segments for the next time.

        Raises:
            NotFound: there is no document with this id.
            NotWritable: the library is open for reading only.
            ValueError: the key is not 64 hexadecimal digits.
        """
        with self._waiting_lock(key, on_wait):
            self._drop_corrupt_files(key)
            self.tidy_memory(key)
            self._begin(key, document_id, settings, windows, tokens)
            writer = MemoryWriter(self, key)
            try:
                yield writer
            finally:
                writer.close()
                with suppress(StoreError):  # the next opening tidies, too; the block's own error matters more
                    self.tidy_memory(key)

    def remove_memory(self, key: str) -> int:
        """Remove a memory, ready or half-read; return the bytes of the files removed.

        Raises:
            NotFound: there is no memory with this key.
            StoreBusy: it is being written.
        """
        if self.memory(key) is None:
            raise NotFound(f"There is no memory {key[:12]!r} in {self.folder}.")
        with self._locked([key], f"The memory {key[:12]!r}"):
            with self.database.transaction() as db:
                db.execute("DELETE FROM memories WHERE key = ?", (key,))
            return self._remove_files(key)

    # What the writer and the sweep share

    def memory_folder(self, key: str) -> MemoryFolder:
        """Return the folder of a memory, which may not be there yet."""
        return MemoryFolder(self._memories, key)

    def tidy_memory(self, key: str) -> None:
        """Make rows and files of one memory agree, without hashing; the caller holds the memory's lock."""
        folder = self.memory_folder(key)
        names = folder.names()
        memory = self.memory(key)
        keep: set[str] = set()
        if memory is not None and memory.state == "ready":
            keep = names & {SEALED_FILE}
        elif memory is not None:
            segments = self.segments(key)
            for number, segment in enumerate(segments):
                if segment.number != number or segment.file is None or segment.file not in names:
                    break
                keep.add(segment.file)
            if keep and len(keep) < len(segments):
                self._drop_segments(key, len(keep))
        if memory is not None and not keep:
            with self.database.transaction() as db:
                db.execute("DELETE FROM memories WHERE key = ?", (key,))
        folder.keep_only(keep)

    def _sweep(self) -> None:
        """Repair every memory whose files are not those of its rows, unless a live process holds its lock."""
        expected: dict[str, set[str]] = {}
        for row in self.database.read(
            "SELECT memories.key, state, file FROM memories LEFT JOIN segments ON segments.memory_key = memories.key"
        ):
            file = SEALED_FILE if row["state"] == "ready" else row["file"]
            expected.setdefault(row["key"], set()).update({file} if file else ())
        with translating(self.folder):
            found = {path.name.removesuffix(LOCK_SUFFIX) for path in self._memories.iterdir()}
            locked = {path.name.removesuffix(LOCK_SUFFIX) for path in self._memories.glob("*" + LOCK_SUFFIX)}
        for key in sorted(found | expected.keys()):
            with suppress(ValueError):  # what has no key for a name was put there by somebody else
                folder = self.memory_folder(key)
                if key in locked or not expected.get(key) or folder.names() != expected[key]:
                    with folder.lock(timeout_seconds=0) as held:
                        if held:
                            self.tidy_memory(key)

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

    @contextmanager
    def _locked(self, keys: Iterable[str], what: str) -> Iterator[None]:
        with ExitStack() as stack:
            for key in keys:
                # Not at once: another process that is just opening the library may hold the lock for a moment.
                if not stack.enter_context(self.memory_folder(key).lock(timeout_seconds=_WAIT_SECONDS)):
                    raise _busy(what)
            yield

    def _begin(self, key: str, document_id: str, settings: Mapping[str, Any], windows: int, tokens: int) -> None:
        now = time.time()
        with self.database.transaction() as db:
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
                return  # what comes after it cannot be used either

    def _drop_segments(self, key: str, first_number: int) -> None:
        with self.database.transaction() as db:
            db.execute("DELETE FROM segments WHERE memory_key = ? AND number >= ?", (key, first_number))
            db.execute(
                "UPDATE memories SET (slots, bytes) = (SELECT SUM(slots), SUM(bytes) FROM segments"
                " WHERE memory_key = :key) WHERE key = :key",
                {"key": key},
            )

    def _open(
        self, key: str, file: str, expected_hash: str, expected_bytes: int, names: Mapping[str, str]
    ) -> MappedTensors:
        path = self.memory_folder(key).path / file
        tensors = MappedTensors(path, expected_hash=expected_hash, expected_bytes=expected_bytes)
        if names.items() <= tensors.metadata.items():
            return tensors
        tensors.close()
        raise CorruptMemory(f"The memory file {path} belongs to another memory. Read the document again.")

    def _remove_files(self, key: str) -> int:
        folder = self.memory_folder(key)
        size_bytes = folder.size_bytes()
        folder.keep_only(set())
        return size_bytes

    def _document(self, document_id: str) -> DocumentRecord:
        rows = self.database.read(f"{_DOCUMENTS} WHERE documents.id = ? GROUP BY documents.id", (document_id,))
        if not rows:
            raise NotFound(f"There is no document {document_id[:12]!r} in {self.folder}.")
        return DocumentRecord(**rows[0])

    def _suggestion(self, reference: str) -> str:
        rows = self.database.read(
            f"{_DOCUMENTS} GROUP BY documents.id"
            " ORDER BY instr(lower(title), lower(?)) > 0 DESC, documents.added_at DESC LIMIT 5",
            (reference,),
        )
        if not rows:
            return "The library is empty: read a document first."
        return f"It holds, among others, {_listed([DocumentRecord(**row) for row in rows])}."


def _listed(documents: Sequence[DocumentRecord]) -> str:
    names = [f"{document.id[:12]} ({document.title})" for document in documents[:5]]
    return ", ".join(names) + (", …" if len(documents) > len(names) else "")


def _memory(row: Row) -> MemoryRecord:
    return MemoryRecord(**{**row, "settings": json.loads(row["settings"])})


def _encodable(name: str) -> str:
    """Return a name with whatever UTF-8 cannot carry (bytes of a file name that are no text) replaced by "?"."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _busy(what: str) -> StoreBusy:
    return StoreBusy(f"{what} is being read by another process. Wait for it or stop it, then try again.")
