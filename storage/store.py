"""The library: documents with their pages, and the memories that were read from them, in one folder.

`library.db` holds the rows, `memories/<key>/` the tensors, `documents/` the texts once more, so that the rows can be
made again, `originals/` the files whose pages can be shown as they were. Several processes may share the folder, and
several threads one Store. Opening it repairs what a killed process left. Deliberately not here: parsing, tensors' meaning, models.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlite_utils

from storage import eviction, originals, repair
from storage.conversations import Conversations
from storage.database import DOCUMENTS_FOLDER, MEMORIES_FOLDER, ORIGINALS_FOLDER, Database, Row
from storage.errors import CorruptMemory, NotFound, StorageFull, StoreBusy, StoreError, translating
from storage.files import publish, sync_folder
from storage.holdings import LOCAL_USER, Holdings
from storage.jobs import Jobs
from storage.manifests import DOCUMENT_SUFFIX, StoredDocument, checked_key, clean
from storage.memories import SEALED_FILE, MemoryFolder, MemoryWriter
from storage.questions import Questions
from storage.records import DocumentRecord, Hit, MemoryRecord, PageRecord, SegmentRecord
from storage.tensors import MappedTensors

_WAIT_SECONDS = 1.0
_DOCUMENTS = """
    SELECT documents.*, COUNT(memories.hash) AS memories,
        COALESCE(SUM(memories.bytes) FILTER (WHERE memories.state = 'ready'), 0) AS memory_bytes,
        CASE WHEN COUNT(memories.hash) THEN 'ready' WHEN COUNT(memories.key) THEN 'reading' ELSE 'unread' END AS state
    FROM documents LEFT JOIN memories ON memories.document_id = documents.id
"""
_LOCAL_TITLE = f"""
    COALESCE((SELECT title FROM holdings WHERE user = '{LOCAL_USER}' AND document_id = documents.id), documents.title)
"""
"""A document's title as the local user named it: what the app shows without accounts is what the shell lists and finds."""
_LOCAL_DOCUMENTS = _DOCUMENTS.replace("documents.*,", f"documents.*, {_LOCAL_TITLE} AS local_title,")
_MAX_QUERY_WORDS = 32
_MAX_RANKED_PAGES = 10_000
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
        self.jobs = Jobs(self.database)
        self.conversations = Conversations(self.database)
        self.holdings = Holdings(self)
        self.questions = Questions(self.database)
        if not self.database.read_only:
            try:
                with translating(self.folder):
                    for name in (DOCUMENTS_FOLDER, MEMORIES_FOLDER, ORIGINALS_FOLDER):
                        if not (self.folder / name).is_dir():
                            (self.folder / name).mkdir(exist_ok=True)
                            sync_folder(self.folder)
                repair.sweep(self)
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

        A new one is the local user's.

        Raises:
            ValueError: the id is no key, or a page's text cannot be encoded as UTF-8.
        """
        checked_key(document_id)
        document = StoredDocument.new(document_id, title, file_name, format, pages)
        was_here = bool(self.documents_of([document_id]))
        with self.adding_document(document) as db:
            if not was_here:
                self.holdings.hold(db, LOCAL_USER, document, None)
        return self._document(document_id)

    def documents(self) -> list[DocumentRecord]:
        """Return all documents, newest first."""
        return [_document(row) for row in self.database.read(f"{_LOCAL_DOCUMENTS} {_NEWEST_FIRST}")]

    def documents_of(self, ids: Sequence[str]) -> list[DocumentRecord]:
        """Return the documents with these ids, as far as they are there."""
        rows = self.database.read(
            f"{_DOCUMENTS} WHERE documents.id IN (SELECT value FROM json_each(?)) {_NEWEST_FIRST}",
            (json.dumps(list(ids)),),
        )
        return [_document(row) for row in rows]

    def document(self, reference: str) -> DocumentRecord:
        """Return the one document with this id, beginning of an id (4 digits or more), title or file name.

        Raises:
            NotFound: there is none, or more than one.
        """
        reference = clean(reference)
        prefix = reference.lower()
        # A range, not LIKE, so that the primary key's index is used; "g" follows the last hexadecimal digit.
        low, high = (prefix, prefix + "g") if _PREFIX_ID.fullmatch(prefix) else ("", "")
        rows = self.database.read(
            f"{_LOCAL_DOCUMENTS} WHERE (documents.id >= :low AND documents.id < :high)"
            f" OR documents.title = :name OR {_LOCAL_TITLE} = :name OR documents.file_name = :name {_NEWEST_FIRST}",
            {"low": low, "high": high, "name": reference},
        )
        found = [_document(row) for row in rows]
        exact = [document for document in found if document.id == prefix] or found
        if len(exact) == 1:
            return exact[0]
        if exact:
            raise NotFound(f"{reference!r} may be any of {_listed(exact)}. Give more of the id.")
        raise NotFound(f"There is no document {reference!r} in {self.folder}. {self._suggestion(reference)}")

    def pages(self, document_id: str, division: str = "") -> list[PageRecord]:
        """Return the pages of a document in order; together their texts are the document's text.

        Args:
            division: that of a user's own file (see `Holding`), where it is not the document's.

        Raises:
            NotFound: there is no document with this id.
        """
        self._document(document_id)
        rows = self.database.read(
            "SELECT document_id, number, label, start_char, end_char, text FROM pages"
            " WHERE document_id = ? AND division = ? ORDER BY number",
            (document_id, division),
        )
        return [PageRecord(**row) for row in rows]

    def page(self, document_id: str, number: int, division: str = "") -> PageRecord | None:
        """Return one page of a document, counted from 1, if it is there."""
        rows = self.database.read(
            "SELECT document_id, number, label, start_char, end_char, text FROM pages"
            " WHERE document_id = ? AND division = ? AND number = ?",
            (document_id, division, number),
        )
        return PageRecord(**rows[0]) if rows else None

    def text(self, document_id: str) -> str:
        """Return the whole text of a document.

        Raises:
            NotFound: there is no document with this id.
        """
        return "".join(page.text for page in self.pages(document_id))

    def remove_document(self, document_id: str, title: str | None = None) -> int:
        """Remove a document with its pages and memories; return the bytes of the files removed.

        Args:
            title: what to call it in an error; None: its own title.

        Raises:
            NotFound: there is no document with this id.
            StoreBusy: a memory of it is being written.
        """
        what = f"The document {title or self._document(document_id).title!r}"
        keys = [memory.key for memory in self.memories(document_id)]
        files = [self.document_file(document_id)]
        for original in self.holdings.originals_of(document_id):
            files += originals.files(self.folder, original)
        file_bytes = sum(file.stat().st_size for file in files if file.exists())

        def remove_rows() -> None:
            with self.database.transaction() as db:
                rows = db.execute("SELECT key FROM memories WHERE document_id = ?", (document_id,)).fetchall()
                if not {key for (key,) in rows} <= set(keys):
                    raise _busy(what)
                db.execute("DELETE FROM documents WHERE id = ?", (document_id,))
                for file in files:
                    file.unlink(missing_ok=True)

        with self.locked(keys, what):
            return file_bytes + self._remove_memories(keys, remove_rows)

    def search(self, query: str, *, limit: int = 20) -> list[Hit]:
        """Return the pages that hold all words of a query, whatever else is typed in it, the best first.

        Of more than 10,000 such pages only those added last are compared.
        """
        # Quoted, a word of the query is text to the index, whatever signs it holds; without a letter or digit it is empty.
        quoted = ('"' + word.replace('"', '""') + '"' for word in clean(query).split() if any(map(str.isalnum, word)))
        words = " ".join(islice(quoted, _MAX_QUERY_WORDS))
        if not words:
            return []
        rows = self.database.read(
            f"""
            SELECT document_id, {_LOCAL_TITLE} AS title, number AS page, label, found.snippet FROM (
                SELECT pages_fts.rowid, rank, snippet(pages_fts, 0, '', '', '…', 24) AS snippet
                FROM pages_fts JOIN pages ON pages.id = pages_fts.rowid AND division = ''
                WHERE pages_fts MATCH :words AND pages_fts.rowid >= COALESCE(
                    (SELECT rowid FROM pages_fts WHERE pages_fts MATCH :words ORDER BY rowid DESC LIMIT 1 OFFSET :most), 0
                ) ORDER BY rank LIMIT :limit
            ) AS found JOIN pages ON pages.id = found.rowid JOIN documents ON documents.id = pages.document_id
            ORDER BY found.rank
            """,
            {"words": words, "most": _MAX_RANKED_PAGES, "limit": limit},
        )
        return [Hit(**row) for row in rows]

    # Room

    def budget(self) -> int | None:
        """Return the most bytes that the files of all memories may take together, or None where there is no limit."""
        rows = self.database.read("SELECT value FROM settings WHERE name = 'max_bytes'")
        return rows[0]["value"] if rows else None

    def set_budget(self, max_bytes: int | None) -> list[MemoryRecord]:
        """Set or, with None, lift the limit on the bytes of all memories; return those evicted to keep to it.

        Raises:
            OverBudget: what is pinned or in use takes more; the limit stays as it was.
        """
        evicted = [] if max_bytes is None else self.make_room(0, max_bytes)
        with self.database.transaction() as db:
            if max_bytes is None:
                db.execute("DELETE FROM settings WHERE name = 'max_bytes'")
            else:
                db.table("settings").insert({"name": "max_bytes", "value": max_bytes}, pk="name", replace=True)
        return evicted

    def make_room(self, needed_bytes: int, max_bytes: int | None = None) -> list[MemoryRecord]:
        """Evict the memories used longest ago until `needed_bytes` more fit the limit; return the evicted.

        Finished memories go, except those of pinned documents and those in use by any process. Their documents stay,
        unread. The limit is `max_bytes`, or the library's own budget; with neither nothing is evicted. Other processes
        may take the room again before the caller does: each write of a `MemoryWriter` asks for its own.

        Raises:
            OverBudget: even without all of these there would not be room; nothing is evicted then.
        """
        limit_bytes = self.budget() if max_bytes is None else max_bytes
        return [] if limit_bytes is None else eviction.make_room(self, needed_bytes, limit_bytes)

    def pin(self, document_id: str, pinned: bool = True) -> None:
        """Keep the memories of a document, those to come too, from being evicted, or let them be.

        Raises:
            NotFound: there is no document with this id.
        """
        self._document(document_id)
        with self.database.transaction() as db:
            db.execute("UPDATE documents SET pinned = ? WHERE id = ?", (pinned, document_id))
            db.execute(
                "UPDATE holdings SET pinned = ? WHERE document_id = ? AND user = ?", (pinned, document_id, LOCAL_USER)
            )

    # Memories

    def memory(self, key: str) -> MemoryRecord | None:
        """Return the memory with this key, whether it is being read or ready."""
        rows = self.database.read("SELECT * FROM memories WHERE key = ?", (key,))
        return _memory(rows[0]) if rows else None

    def memories(self, document_id: str | None = None) -> list[MemoryRecord]:
        """Return the memories of a document, or of all, the last used first."""
        which = "" if document_id is None else "WHERE document_id = :id"  # told apart here, for the index to be used
        rows = self.database.read(
            f"SELECT * FROM memories {which} ORDER BY last_used_at DESC, rowid DESC", {"id": document_id}
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
        tensors = self.map_memory(key)
        with suppress(StoreError), self.database.transaction(durable=False) as db:  # read-only can still be asked
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
        max_bytes: int | None = None,
        on_wait: Callable[[], None] | None = None,
    ) -> Iterator[MemoryWriter]:
        """Hold the memory's lock across processes and hand out its writer; make the row if there is none.

        While another process or thread holds the lock, `on_wait` is called about once a second; it may raise to give
        up. Files that fail their hash are dropped first, so a corrupt memory starts again from what is whole. Leaving
        the block without `seal` keeps the finished segments for the next time. For each write room is made within
        `max_bytes`, or the library's own budget; see `make_room`.

        Raises:
            NotFound: there is no document with this id.
            NotWritable: the library is open for reading only.
            ValueError: the key is not 64 hexadecimal digits.
        """
        with self._waiting_lock(key, on_wait):
            self._drop_corrupt_files(key)
            repair.tidy_memory(self, key)
            self._begin(key, document_id, settings, windows, tokens)
            writer = MemoryWriter(self, key, max_bytes)
            try:
                yield writer
            finally:
                writer.close()
                with suppress(StoreError):  # the next opening tidies, too; the block's own error matters more
                    repair.tidy_memory(self, key)

    def remove_memory(self, key: str) -> int:
        """Remove a memory, ready or half-read; return the bytes of the files removed.

        Raises:
            NotFound: there is no memory with this key.
            StoreBusy: it is being written.
        """
        if self.memory(key) is None:
            raise NotFound(f"There is no memory {key[:12]!r} in {self.folder}.")

        def remove_row() -> None:
            with self.database.transaction() as db:
                db.execute("DELETE FROM memories WHERE key = ?", (key,))

        with self.locked([key], f"The memory {key[:12]!r}"):
            return self._remove_memories([key], remove_row)

    # What the other modules of storage/ share

    def memory_folder(self, key: str) -> MemoryFolder:
        """Return the folder of a memory, which may not be there yet."""
        return MemoryFolder(self.folder / MEMORIES_FOLDER, key)

    def document_file(self, document_id: str) -> Path:
        """Return the path of a document's file, which may not be there yet."""
        return self.folder / DOCUMENTS_FOLDER / (checked_key(document_id) + DOCUMENT_SUFFIX)

    def map_memory(self, key: str) -> MappedTensors:
        """Map a ready memory as `open_memory` does, for another purpose than to use it."""
        memory = self._ready_memory(key)
        while True:
            assert memory.hash is not None  # held by a constraint of the table
            try:
                return self._open(key, SEALED_FILE, memory.hash, memory.bytes, {"memory_key": key})
            except CorruptMemory:
                # Another process may have evicted it, or written it anew, since its row was read.
                before, memory = memory, self._ready_memory(key)
                if memory.ready_at == before.ready_at:
                    raise

    @contextmanager
    def adding_document(self, document: StoredDocument) -> Iterator[sqlite_utils.Database]:
        """Add a document, unless it is there, in one transaction with whatever the block does."""
        content = document.encode()
        try:
            # Whoever removes a document's file does so in a transaction, too, so that none removes another's.
            with self.database.transaction() as db:
                if not db.execute("SELECT 1 FROM documents WHERE id = ?", (document.id,)).fetchone():
                    document.insert(db)
                    publish(self.document_file(document.id), content)
                yield db
        except BaseException:
            with suppress(StoreError):  # the next opening tidies, too
                repair.tidy_documents(self)
                repair.tidy_originals(self)
            raise

    @contextmanager
    def locked(self, keys: Iterable[str], what: str) -> Iterator[None]:
        """Hold the locks of memories, all of them or none.

        Raises:
            StoreBusy: another process or thread holds one; the message begins with `what`.
        """
        with ExitStack() as stack:
            for key in sorted(keys):
                # Not at once: another process that is just opening the library may hold the lock for a moment.
                if not stack.enter_context(self.memory_folder(key).lock(timeout_seconds=_WAIT_SECONDS)):
                    raise _busy(what)
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

    def _open(
        self, key: str, file: str, expected_hash: str, expected_bytes: int, names: Mapping[str, str]
    ) -> MappedTensors:
        path = self.memory_folder(key).path / file
        tensors = MappedTensors(path, expected_hash=expected_hash, expected_bytes=expected_bytes)
        if names.items() <= tensors.metadata.items():
            return tensors
        tensors.close()
        raise CorruptMemory(f"The memory file {path} belongs to another memory. Read the document again.")

    def _remove_memories(self, keys: Sequence[str], remove_rows: Callable[[], None]) -> int:
        """Remove rows, then files; return the files' bytes. On a full disk, where rows cannot go first, they go last."""
        try:
            remove_rows()
        except StorageFull:
            freed_bytes = sum(self.memory_folder(key).remove() for key in keys)
            remove_rows()
            return freed_bytes
        return sum(self.memory_folder(key).remove() for key in keys)

    def _ready_memory(self, key: str) -> MemoryRecord:
        memory = self.memory(key)
        if memory is None or memory.state != "ready":
            raise NotFound(f"There is no finished memory {key[:12]!r} in {self.folder}. Read the document first.")
        return memory

    def _document(self, document_id: str) -> DocumentRecord:
        rows = self.database.read(f"{_DOCUMENTS} WHERE documents.id = ? GROUP BY documents.id", (document_id,))
        if not rows:
            raise NotFound(f"There is no document {document_id[:12]!r} in {self.folder}.")
        return _document(rows[0])

    def _suggestion(self, reference: str) -> str:
        rows = self.database.read(
            f"{_DOCUMENTS} GROUP BY documents.id"
            " ORDER BY instr(lower(title), lower(?)) > 0 DESC, documents.added_at DESC LIMIT 5",
            (reference,),
        )
        if not rows:
            return "The library is empty: read a document first."
        return f"It holds, among others, {_listed([_document(row) for row in rows])}."


def _listed(documents: Sequence[DocumentRecord]) -> str:
    names = [f"{document.id[:12]} ({document.title})" for document in documents[:5]]
    return ", ".join(names) + (", …" if len(documents) > len(names) else "")


def _document(row: Row) -> DocumentRecord:
    fields = {name: value for name, value in row.items() if name != "local_title"}
    return DocumentRecord(**{**fields, "title": row.get("local_title", row["title"]), "pinned": bool(row["pinned"])})


def _memory(row: Row) -> MemoryRecord:
    return MemoryRecord(**{**row, "settings": json.loads(row["settings"]), "imported": bool(row["imported"])})


def _busy(what: str) -> StoreBusy:
    return StoreBusy(f"{what} is being read by another process. Wait for it or stop it, then try again.")
