"""library.db as a place to read rows and to run transactions: connections, set-up, and nothing of what the rows mean.

Every thread has its own connection (a SQLite connection belongs to one thread). Writers begin with BEGIN IMMEDIATE: a
deferred transaction that reads and then writes can fail at once with SQLITE_BUSY_SNAPSHOT, whatever the timeout.
A folder that may not be written is opened for reading only. On a full disk, where SQLite cannot make the files that it needs
beside a database even to read it, the library is read without them until there is room.
A Database does not survive fork(): open one a process.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlite_utils

from storage.errors import NotWritable, StorageFull, StoreBusy, StoreError, translating
from storage.files import file_lock, make_folder, make_private, private_opener
from storage.schema import LATEST, migrations

BUSY_TIMEOUT_SECONDS = 30.0
DATABASE_FILE = "library.db"
DOCUMENTS_FOLDER = "documents"
MEMORIES_FOLDER = "memories"
ORIGINALS_FOLDER = "originals"
DAMAGED_FOLDER = "damaged"
"""Where a rebuild puts what it cannot use."""
LIBRARY_LOCK = "library.lock"

Row = dict[str, Any]
Parameters = Sequence[Any] | dict[str, Any]


class Database:
    """The SQLite database of the library in `folder`, made and migrated as needed.

    Raises:
        NotWritable: the folder cannot be made, or it has no library yet and cannot be written.
        StoreError: the database is damaged, is gone from beside its files, or was written by a newer program.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / DATABASE_FILE
        self._local = threading.local()
        self._connections: weakref.WeakSet[sqlite_utils.Database] = weakref.WeakSet()
        self._closed = False
        with translating(folder):
            if not folder.exists():
                make_folder(folder)
            elif not folder.is_dir():
                raise NotWritable(f"The library cannot be in {folder}: it is a file. Choose a folder.")
        self.read_only = not os.access(folder, os.W_OK) or (self.path.exists() and not os.access(self.path, os.W_OK))
        if self.read_only and not self.path.exists():
            raise NotWritable(f"There is no library in {folder}, and it cannot be written. Choose another folder.")
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise

    def read(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows of one query."""
        with translating(self.folder), self._reading() as db:
            return list(db.query(sql, parameters))

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite_utils.Database]:
        """Run the block as one transaction: all of it is in the database afterwards, or, after an error, none.

        Without `durable` nobody waits for the disk, and a power failure may take it back, nothing else.

        Raises:
            StoreBusy: another process kept on writing for BUSY_TIMEOUT_SECONDS.
            StorageFull: the disk has no room; NotWritable: the library is open for reading only.
        """
        with translating(self.folder):
            db = self._connection()
            if not durable:
                db.execute("PRAGMA synchronous = NORMAL")
            try:
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    db.rollback()
                    raise
            finally:
                if not durable:
                    db.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def transaction_without_journal(self) -> Iterator[sqlite_utils.Database]:
        """Run the block as one transaction that needs no room on the disk, for removing on one that is full to the last byte.

        SQLite keeps its journal in memory. A kill in just this moment may damage the database, and then a rebuild brings back
        what can be read.

        Raises:
            StoreBusy: another process, or another thread, has the library open.
            StorageFull: the block needs more room than it gives.
        """
        self._drop_connection()
        with translating(self.folder), closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for name, value in (("locking_mode", "EXCLUSIVE"), ("journal_mode", "MEMORY"), ("foreign_keys", "ON")):
                connection.execute(f"PRAGMA {name} = {value}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield sqlite_utils.Database(connection, execute_plugins=False)
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise

    def complaints(self) -> list[str]:
        """Return what SQLite finds wrong with the database, its references and its full text index."""
        found = [row["integrity_check"] for row in self.read("PRAGMA integrity_check")]
        broken = [
            f"{row['table']} refers to a missing {row['parent']}" for row in self.read("PRAGMA foreign_key_check")
        ]
        complaints = [line for line in found if line != "ok"] + broken
        if not self.read_only:  # the index checks itself through a statement that counts as writing
            try:
                with self.transaction() as db:
                    db.execute("INSERT INTO pages_fts (pages_fts, rank) VALUES ('integrity-check', 1)")
            except StoreError as error:
                if isinstance(error, StoreBusy) or not isinstance(error.__cause__, sqlite3.DatabaseError):
                    raise
                if not isinstance(error, StorageFull):  # without room for a journal the index cannot be checked
                    complaints.append("the full text index does not fit the pages")
        return complaints

    def snapshot(self, path: Path) -> None:
        """Copy the database, as its last finished transaction left it, into the new file `path`."""
        # A connection of its own: the copying waits, forever, for a transaction that is open in the one it reads from.
        with (
            translating(path.parent),
            closing(self._connect(str(self.path))) as source,
            open(path, "xb", opener=private_opener),
            closing(sqlite3.connect(path)) as copy,
        ):
            source.conn.backup(copy)

    def compact(self) -> None:
        """Give the room that removed rows left in the database back to the disk, unless another process is writing."""
        with translating(self.folder), suppress(sqlite3.OperationalError):
            db = self._connection()
            if db.execute("PRAGMA freelist_count").fetchone()[0]:
                db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connections of all threads."""
        self._closed = True
        for db in list(self._connections):
            with suppress(sqlite3.Error):
                db.close()

    def _set_up(self) -> None:
        if self.read_only:
            self._check_version()
            return
        # Two processes must not turn on WAL or migrate at once: SQLite's busy timeout does not cover the former.
        with file_lock(self.folder / LIBRARY_LOCK, timeout_seconds=BUSY_TIMEOUT_SECONDS) as locked:
            if not locked:
                raise StoreBusy(f"Another process has been opening the library in {self.folder} for too long.")
            with translating(self.folder):
                make_private(self.folder)
                if not self.path.exists():
                    open(self.path, "xb", opener=private_opener).close()  # SQLite's own would be everybody's to read
            self._check_version()
            with translating(self.folder):
                with self._reading() as db:
                    is_outdated = bool(migrations.pending(db))
                if is_outdated:
                    with self.transaction() as db:
                        migrations.apply(db)

    def _check_version(self) -> None:
        with translating(self.folder), self._reading() as db:
            version = max((migration.name for migration in migrations.applied(db)), default="")
            outdated = bool(migrations.pending(db))
        if not version and _holds_files(self.folder):
            raise StoreError(
                f"{self.path} is missing or empty, but the documents and memories that it listed are there."
                " Make it again from them with `library rebuild`."
            )
        if version > LATEST:
            raise StoreError(
                f"{self.path} has the schema {version!r} of a newer program; this one knows {LATEST!r}."
                " Update this program, or choose another library folder."
            )
        if self.read_only and outdated:
            raise NotWritable(
                f"{self.path} has the schema {version!r} and cannot be brought up to {LATEST!r}, as it cannot be"
                " written. Open it once with write permission."
            )

    @contextmanager
    def _reading(self) -> Iterator[sqlite_utils.Database]:
        """Hand out this thread's connection, or, on a full disk, one that is closed again: later there may be room."""
        try:
            db = self._connection()
        except StorageFull:
            if self.read_only:
                raise
            with translating(self.folder), closing(self._connect_on_full_disk()) as db:
                yield db
        else:
            yield db

    def _connection(self) -> sqlite_utils.Database:
        if self._closed:
            raise StoreError(f"The library in {self.folder} is closed. Open it again.")
        db: sqlite_utils.Database | None = getattr(self._local, "db", None)
        if db is None:
            with translating(self.folder):
                db = self._connect_read_only() if self.read_only else self._connect(str(self.path))
            self._local.db = db
            self._connections.add(db)
        return db

    def _connect(self, address: str, *, is_written: bool = True, locking_mode: str = "NORMAL") -> sqlite_utils.Database:
        # Autocommit mode: transactions begin and end where transaction() says so. close() may run in another thread.
        connection = sqlite3.connect(
            address,
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            uri=address.startswith("file:"),
        )
        try:
            connection.execute(f"PRAGMA locking_mode = {locking_mode}")
            if is_written and not self.read_only:
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            return sqlite_utils.Database(connection, execute_plugins=False)
        except BaseException:
            connection.close()
            raise

    def _connect_read_only(self) -> sqlite_utils.Database:
        uri = self.path.absolute().as_uri()
        try:
            return self._connect(f"{uri}?mode=ro")
        except sqlite3.OperationalError:
            # WAL needs files beside the database that cannot be made here. Without a log to replay the database file
            # alone is the whole library; with one it is not, and the error stands.
            log = self.path.with_name(self.path.name + "-wal")
            if log.exists() and log.stat().st_size:
                raise
            return self._connect(f"{uri}?immutable=1")

    def _connect_on_full_disk(self) -> sqlite_utils.Database:
        """Open the database to be read without any other file, as it had to be made."""
        log = self.path.with_name(self.path.name + "-wal")
        if not (log.exists() and log.stat().st_size):
            return self._connect(f"{self.path.absolute().as_uri()}?immutable=1", is_written=False)
        # With a log to replay its index is kept in this process's memory, which takes being the only one.
        return self._connect(str(self.path), is_written=False, locking_mode="EXCLUSIVE")

    def _drop_connection(self) -> None:
        """Close this thread's own connection, if it has one."""
        db: sqlite_utils.Database | None = getattr(self._local, "db", None)
        if db is not None:
            self._local.db = None
            self._connections.discard(db)
            db.close()


def _holds_files(folder: Path) -> bool:
    """Whether documents or finished memories are there, which an empty database would have swept away."""
    any_key = "[0-9a-f]" * 64
    patterns = (f"{DOCUMENTS_FOLDER}/{any_key}.txt", f"{MEMORIES_FOLDER}/{any_key}/memory.safetensors")
    return any(True for pattern in patterns for _ in folder.glob(pattern))
