"""The library: documents with their pages, and the documents' memories, in one folder.

`library.db` holds the rows, `memories/<key>/` the tensors, `documents/` second copies of the texts to rebuild the rows from, and
`originals/` the files that have more to show than text. Several processes may share the folder, and several threads one Store.
Opening the library repairs it after a kill. Deliberately not here: parsing, tensors' meaning, models.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlite_utils

from storage import eviction, originals, repair
from storage.conversations import Conversations
from storage.database import DOCUMENTS_FOLDER, MEMORIES_FOLDER, ORIGINALS_FOLDER, Database
from storage.documents import Documents
from storage.errors import NotFound, StorageFull, StoreError, translating
from storage.files import make_folder, publish, sync_folder
from storage.jobs import Jobs
from storage.manifests import StoredDocument, checked_key
from storage.memories import Memories, being_read
from storage.memory_writer import MemoryWriter
from storage.questions import Questions
from storage.records import LOCAL_USER, DocumentRecord, MemoryRecord
from storage.user_documents import UserDocuments
from storage.vectors import Vectors


class Store(Documents, Memories):
    """The library in `folder`. Made if it does not exist, repaired if a process was killed in it.

    It has the methods of `Documents` and of `Memories`, and those that change both.

    A folder without write permission is opened for reading: its memories can be listed and asked.

    Raises:
        NotWritable: the folder cannot be made, is a file, or is empty and cannot be written.
        StoreError: the database is damaged, or was written by a newer program.
    """

    def __init__(self, folder: Path) -> None:
        database = Database(Path(folder))
        Documents.__init__(self, database)
        Memories.__init__(self, database)
        self.jobs = Jobs(self.database)
        self.conversations = Conversations(self.database)
        self.user_documents = UserDocuments(self)
        self.questions = Questions(self.database)
        self.vectors = Vectors(self.database)
        if not self.database.read_only:
            try:
                with suppress(StorageFull):  # the library can still be read and shrunk; the next opening repairs
                    self._make_folders()
                    repair.sweep(self, self)
                    originals.note_hashes(self.database)
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the database in all threads. Open maps stay valid."""
        self.database.close()

    def _make_folders(self) -> None:
        with translating(self.folder):
            for name in (DOCUMENTS_FOLDER, MEMORIES_FOLDER, ORIGINALS_FOLDER):
                if not (self.folder / name).is_dir():
                    make_folder(self.folder / name)
                    sync_folder(self.folder)

    def size_bytes(self) -> int:
        """Return the bytes of all files of the library."""
        size_bytes = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with suppress(FileNotFoundError):  # another process may just have removed it
                    size_bytes += os.stat(os.path.join(folder, name)).st_size
        return size_bytes

    def add_document(
        self,
        document_id: str,
        *,
        title: str,
        file_name: str,
        format: str,
        pages: Iterable[tuple[str, str]],
        parser_version: int | None = None,
        authors: Sequence[str] = (),
    ) -> DocumentRecord:
        """Add a document from one (label, text) pair per page; all texts together are the document's text.

        A document that exists stays unchanged, except that a newer parser version is noted, and authors where none are known. A new
        one belongs to the local user.

        Args:
            parser_version: the version of the parsers that made the text; None: unknown.
            authors: whom the file's properties name.

        Raises:
            ValueError: the id is no key, or a page's text cannot be encoded as UTF-8.
        """
        checked_key(document_id)
        document = StoredDocument.new(document_id, title, file_name, format, pages, parser_version, authors)
        was_here = bool(self.documents_of([document_id]))
        with self.adding_document(document) as db:
            if not was_here:
                self.user_documents.hold(db, LOCAL_USER, document, None)
        return self._document(document_id)

    @contextmanager
    def adding_document(self, document: StoredDocument) -> Iterator[sqlite_utils.Database]:
        """Add a document, unless it exists, in one transaction with the block.

        If it exists, a newer version of the parsers that gave the same text again is noted, and authors where none are known.
        """
        content = document.encode()
        try:
            # Removing a document's file needs a transaction, too, so that no process removes another's file.
            with self.database.transaction() as db:
                known = db.execute("SELECT parser_version FROM documents WHERE id = ?", (document.id,)).fetchone()
                if known is None:
                    document.insert(db)
                    publish(self.document_file(document.id), content)
                elif not self.database.read_only:
                    document.note(db)
                yield db
        except BaseException:
            with suppress(StoreError):  # the next opening repairs, too
                repair.tidy_documents(self)
                originals.tidy_originals(self.database)
            raise

    def remove_document(self, document_id: str, title: str | None = None) -> int:
        """Remove a document with its pages and memories; return the bytes of the files removed.

        Args:
            title: the title to use in errors; None: the document's own.

        Raises:
            NotFound: there is no document with this id.
            StoreBusy: a memory of it is being written.
        """
        what = f"The document {title or self._document(document_id).title!r}"
        keys = [memory.key for memory in self.memories(document_id)]
        files = [self.document_file(document_id)]
        for original in self.user_documents.originals_of(document_id):
            files += originals.files(self.folder, original)
        file_bytes = sum(file.stat().st_size for file in files if file.exists())

        def remove_rows(db: sqlite_utils.Database) -> None:
            rows = db.execute("SELECT key FROM memories WHERE document_id = ?", (document_id,)).fetchall()
            if not {key for (key,) in rows} <= set(keys):
                raise being_read(what)
            db.execute("DELETE FROM documents WHERE id = ?", (document_id,))
            for file in files:
                file.unlink(missing_ok=True)

        with self.locked(keys, what):
            freed_bytes = file_bytes + self._remove_memories(keys, remove_rows)
        self.database.forget()
        return freed_bytes

    def pin(self, document_id: str, pinned: bool = True) -> None:
        """Protect a document's present and future memories from eviction, or (`pinned` false) stop protecting them.

        Raises:
            NotFound: there is no document with this id.
        """
        self._document(document_id)
        with self.database.transaction() as db:
            db.execute("UPDATE documents SET pinned = ? WHERE id = ?", (pinned, document_id))
            db.execute(
                "UPDATE holdings SET pinned = ? WHERE document_id = ? AND user = ?", (pinned, document_id, LOCAL_USER)
            )

    def remove_memory(self, key: str) -> int:
        """Remove a memory, ready or unfinished; return the bytes of the files removed.

        Raises:
            NotFound: there is no memory with this key.
            StoreBusy: it is being written.
        """
        if self.memory(key) is None:
            raise NotFound(f"There is no memory {key[:12]!r} in {self.folder}.")

        def remove_row(db: sqlite_utils.Database) -> None:
            db.execute("DELETE FROM memories WHERE key = ?", (key,))

        with self.locked([key], f"The memory {key[:12]!r}"):
            return self._remove_memories([key], remove_row)

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
        """Hold the memory's lock across processes and yield its writer. Make the row if it does not exist.

        While another process or thread holds the lock, `on_wait` is called about once a second; it may raise to stop waiting.
        Files with a wrong hash are dropped first, so a corrupt memory continues from its last valid segment. If the block ends
        without `seal`, the finished segments stay for the next time. Each write makes room within `max_bytes`, or within the
        library's own budget; see `make_room`.

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
                with suppress(StoreError):  # the next opening repairs, too; the block's own error matters more
                    repair.tidy_memory(self, key)

    def budget(self) -> int | None:
        """Return the limit on the bytes of all memories' files, or None if there is no limit."""
        return eviction.budget(self.database)

    def set_budget(self, max_bytes: int | None) -> list[MemoryRecord]:
        """Set the limit on the bytes of all memories (None: no limit); return the memories evicted to stay within it.

        Raises:
            OverBudget: pinned memories and those in use take more; the limit does not change.
        """
        evicted = [] if max_bytes is None else self.make_room(0, max_bytes)
        with self.database.transaction() as db:
            if max_bytes is None:
                db.execute("DELETE FROM settings WHERE name = 'max_bytes'")
            else:
                db.table("settings").insert({"name": "max_bytes", "value": max_bytes}, pk="name", replace=True)
        return evicted

    def make_room(self, needed_bytes: int, max_bytes: int | None = None) -> list[MemoryRecord]:
        """Evict the memories used longest ago until `needed_bytes` more fit the limit; return the evicted memories.

        Only finished memories are evicted, never those of pinned documents or those in use by any process. Their documents stay,
        unread. The limit is `max_bytes`, or the library's own budget; without a limit nothing is evicted. Other processes may fill
        the room before the caller does, so each write of a `MemoryWriter` makes room again.

        Raises:
            OverBudget: evicting all of these would not make enough room; nothing is evicted.
        """
        return eviction.make_room(self, needed_bytes, max_bytes)
