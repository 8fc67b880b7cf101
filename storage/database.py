"""Connections to library.db: set-up, reading rows, running transactions. Knows nothing of the rows' meaning.

Every thread has its own connection (a SQLite connection belongs to one thread). Writers begin with BEGIN IMMEDIATE: a
deferred transaction that reads and then writes can fail at once with SQLITE_BUSY_SNAPSHOT, whatever the timeout.
A folder without write permission is opened for reading only. To read a database, SQLite needs files beside it. On a full disk,
where it cannot make them, the library is read without these files until there is room.
A Database does not survive fork(): open one in each process.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Collection, Iterator, Sequence
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
"""The folder for files that a rebuild cannot use."""
LIBRARY_LOCK = "library.lock"
_OWN_NAMES = (
    DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm", DOCUMENTS_FOLDER, MEMORIES_FOLDER, ORIGINALS_FOLDER,
    DAMAGED_FOLDER,
)  # fmt: skip
"""The names in a library's folder. Other files in the folder do not belong to the library."""


def is_library(names: Collection[str]) -> bool:
    """Whether a folder that has files of these names is a library's."""
    return DATABASE_FILE in names


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
        """Run the block as one transaction: afterwards the database has all changes, or, after an error, none.

        Without `durable` the transaction does not wait for the disk. A power failure may undo it, but cannot damage the database.

        Raises:
            StoreBusy: another process wrote for BUSY_TIMEOUT_SECONDS.
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
        """Run the block as one transaction that needs no room on the disk, to remove rows when the disk is completely full.

        SQLite keeps its journal in memory. A kill at this moment may damage the database; a rebuild then restores the readable
        rows.

        Raises:
            StoreBusy: another process, or another thread, has the library open.
            StorageFull: the block needs more room than it gives.
        """
        self._drop_connection()
        with translating(self.folder), closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for name, value in (
                ("locking_mode", "EXCLUSIVE"),
                ("journal_mode", "MEMORY"),
                ("foreign_keys", "ON"),
                ("secure_delete", "ON"),
            ):
                connection.execute(f"PRAGMA {name} = {value}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield sqlite_utils.Database(connection, execute_plugins=False)
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise

    def complaints(self) -> list[str]:
        """Return the faults that SQLite finds in the database, its references and its full text index."""
        found = [row["integrity_check"] for row in self.read("PRAGMA integrity_check")]
        broken = [
            f"{row['table']} refers to a missing {row['parent']}" for row in self.read("PRAGMA foreign_key_check")
        ]
        complaints = [line for line in found if line != "ok"] + broken
        if not self.read_only:  # the index checks itself with a statement that counts as a write
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
        """Copy the database, in the state after its last finished transaction, into the new file `path`."""
        # Copy through a separate connection: the copy would wait forever for an open transaction in its source connection.
        with (
            translating(path.parent),
            closing(self._connect(str(self.path))) as source,
            open(path, "xb", opener=private_opener),
            closing(sqlite3.connect(path)) as copy,
        ):
            source.conn.backup(copy)

    def compact(self) -> None:
        """Return the room of removed rows to the disk, unless another process is writing."""
        with translating(self.folder), suppress(sqlite3.OperationalError):
            db = self._connection()
            if db.execute("PRAGMA freelist_count").fetchone()[0]:
                db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def forget(self) -> None:
        """Empty SQLite's journal, which keeps the words of what was removed; it stays while others read, or on a full disk."""
        with suppress(sqlite3.Error, StoreError):
            db = self._connection()
            db.execute("PRAGMA busy_timeout = 1000")
            try:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000:.0f}")

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
        with translating(self.folder):
            others = _others(self.folder) if not self.path.exists() and not _holds_files(self.folder) else []
        if others:  # opening it would take other people's permissions on the folder away
            raise NotWritable(
                f"{self.folder} is no library, and has other files in it, such as {others[0]!r}. Name a library, or a new or empty"
                " folder."
            )
        # Two processes must not turn on WAL or migrate at once: SQLite's busy timeout does not cover turning on WAL.
        with file_lock(self.folder / LIBRARY_LOCK, timeout_seconds=BUSY_TIMEOUT_SECONDS) as locked:
            if not locked:
                raise StoreBusy(f"Another process has been opening the library in {self.folder} for too long.")
            with translating(self.folder):
                make_private(self.folder, _OWN_NAMES)
                if not self.path.exists():
                    open(
                        self.path, "xb", opener=private_opener
                    ).close()  # SQLite would make a file that every user can read
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
        """Yield this thread's connection. On a full disk, yield one that is closed afterwards, as there may be room later."""
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
            # Removed rows are overwritten. Some builds of SQLite do this only when asked.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            # SQLite's own lower() and NOCASE know the letters of ASCII alone.
            connection.create_function("casefold", 1, str.casefold, deterministic=True)
            return sqlite_utils.Database(connection, execute_plugins=False)
        except BaseException:
            connection.close()
            raise

    def _connect_read_only(self) -> sqlite_utils.Database:
        uri = self.path.absolute().as_uri()
        try:
            return self._connect(f"{uri}?mode=ro")
        except sqlite3.OperationalError:
            # WAL needs files beside the database that cannot be made here. Without a log to replay, the database file alone
            # is complete. With a log it is not, and the error is raised.
            log = self.path.with_name(self.path.name + "-wal")
            if log.exists() and log.stat().st_size:
                raise
            return self._connect(f"{uri}?immutable=1")

    def _connect_on_full_disk(self) -> sqlite_utils.Database:
        """Open the database for reading without the files that SQLite would have to make."""
        log = self.path.with_name(self.path.name + "-wal")
        if not (log.exists() and log.stat().st_size):
            return self._connect(f"{self.path.absolute().as_uri()}?immutable=1", is_written=False)
        # To replay a log, SQLite keeps the log's index in this process's memory, which needs exclusive access.
        return self._connect(str(self.path), is_written=False, locking_mode="EXCLUSIVE")

    def _drop_connection(self) -> None:
        """Close this thread's own connection, if it has one."""
        db: sqlite_utils.Database | None = getattr(self._local, "db", None)
        if db is not None:
            self._local.db = None
            self._connections.discard(db)
            db.close()


def _others(folder: Path) -> list[str]:
    """Names in a folder that no library gives, hidden ones aside; another process may be making one, with SQLite's own files."""
    own = {*_OWN_NAMES, LIBRARY_LOCK, "lost+found"}
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.name not in own and not path.name.startswith((".", DATABASE_FILE))
    )


def _holds_files(folder: Path) -> bool:
    """Whether the folder has documents or finished memories, which the sweep after an empty database would remove."""
    any_key = "[0-9a-f]" * 64
    patterns = (f"{DOCUMENTS_FOLDER}/{any_key}.txt", f"{MEMORIES_FOLDER}/{any_key}/memory.safetensors")
    return any(True for pattern in patterns for _ in folder.glob(pattern))
