"""library.db as a place to read rows and to run transactions: connections, set-up, and nothing of what the rows mean.

Every thread has its own connection (a SQLite connection belongs to one thread). Writers begin with BEGIN IMMEDIATE: a
deferred transaction that reads and then writes can fail at once with SQLITE_BUSY_SNAPSHOT, whatever the timeout.
A folder that may not be written is opened for reading only. A Database does not survive fork(): open one a process.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlite_utils
from filelock import FileLock, Timeout

from storage.errors import NotWritable, StoreBusy, StoreError, translating
from storage.schema import LATEST, migrations

BUSY_TIMEOUT_SECONDS = 30.0

Row = dict[str, Any]
Parameters = Sequence[Any] | dict[str, Any]


class Database:
    """The SQLite database of the library in `folder`, made and migrated as needed.

    Raises:
        NotWritable: the folder cannot be made, or it has no library yet and cannot be written.
        StoreError: the database is damaged, or was written by a newer program.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "library.db"
        self._local = threading.local()
        self._connections: weakref.WeakSet[sqlite_utils.Database] = weakref.WeakSet()
        self._closed = False
        with translating(folder):
            if not folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
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
        with translating(self.folder):
            return list(self._connection().query(sql, parameters))

    @contextmanager
    def transaction(self) -> Iterator[sqlite_utils.Database]:
        """Run the block as one transaction: all of it is in the database afterwards, or, after an error, none.

        Raises:
            StoreBusy: another process kept on writing for BUSY_TIMEOUT_SECONDS.
            StorageFull: the disk has no room; NotWritable: the library is open for reading only.
        """
        with translating(self.folder):
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                db.rollback()
                raise

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
        with file_lock(self.folder / "library.lock", timeout_seconds=BUSY_TIMEOUT_SECONDS) as locked:
            if not locked:
                raise StoreBusy(f"Another process has been opening the library in {self.folder} for too long.")
            self._check_version()
            with translating(self.folder):
                db = self._connection()
                if migrations.pending(db):
                    with self.transaction():
                        migrations.apply(db)

    def _check_version(self) -> None:
        with translating(self.folder):
            db = self._connection()
            version = max((migration.name for migration in migrations.applied(db)), default="")
            outdated = bool(migrations.pending(db))
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

    def _connection(self) -> sqlite_utils.Database:
        if self._closed:
            raise StoreError(f"The library in {self.folder} is closed. Open it again.")
        db: sqlite_utils.Database | None = getattr(self._local, "db", None)
        if db is None:
            db = self._connect_read_only() if self.read_only else self._connect(str(self.path))
            self._local.db = db
            self._connections.add(db)
        return db

    def _connect(self, address: str) -> sqlite_utils.Database:
        # Autocommit mode: transactions begin and end where transaction() says so. close() may run in another thread.
        connection = sqlite3.connect(
            address,
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            uri=address.startswith("file:"),
        )
        try:
            if not self.read_only:
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


@contextmanager
def file_lock(path: Path, *, timeout_seconds: float) -> Iterator[bool]:
    """Hold the exclusive lock file `path` in the block, if it can be had in time, and remove it afterwards.

    The operating system frees the lock of a killed process. Yields whether the lock is held.

    Raises:
        NotWritable: the lock file cannot be made; StorageFull: there is no room for it.
    """
    # thread_local off: a web server may run one generator's steps in different threads. No soft lock: it would
    # outlive a killed process.
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    with translating(path.parent):
        try:
            lock.acquire(timeout=timeout_seconds)
        except Timeout:
            pass
    if not lock.is_locked:
        yield False
        return
    try:
        yield True
    finally:
        # Removed while still held, as the last act: who waits on the removed file notices (filelock compares) and
        # starts over with the new one.
        with suppress(OSError):
            path.unlink()
        lock.release()
