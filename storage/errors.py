"""What can go wrong with the library on disk, as a person is told it: one sentence and what to do.

    StoreError             the root; the front doors catch it once (a library of a newer program is one, too)
    ├── NotFound           no document or memory of that name, or more than one
    ├── StorageFull        the disk, the quota or the file size limit is reached
    ├── NotWritable        the library's folder cannot be written, or is no folder
    ├── OverBudget         the memories would take more than the library's own limit
    ├── CorruptMemory      a file of a memory is not what was once written
    ├── BadImport          a file from elsewhere is no export, is damaged, or does not go with what is here
    └── StoreBusy          another process works on the same thing

`exit_status` is the shell's: 2 for the user's mistake, 1 for ours. This module also translates the errors of the
operating system and of SQLite into these, once, where storage/ touches either.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StoreError(Exception):
    """The library on disk failed."""

    exit_status = 1


class NotFound(StoreError):
    """No document or memory goes by this name, or more than one does."""

    exit_status = 2


class StorageFull(StoreError):
    """There is no room left for what was to be written."""


class NotWritable(StoreError):
    """The library's folder cannot be written."""

    exit_status = 2


class OverBudget(StoreError):
    """The memories would take more bytes than the library may have."""

    exit_status = 2


class CorruptMemory(StoreError):
    """A memory's file is not the one that was written."""


class BadImport(StoreError):
    """A file from elsewhere cannot be taken into the library."""

    exit_status = 2


class StoreBusy(StoreError):
    """Another process or thread is at work on the same thing."""


_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE_ERRNOS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
# SQLite reports a full disk as a plain I/O error where it grows its shared-memory file; then the free space tells.
_HARDLY_FREE_BYTES = 1 << 20


@contextmanager
def translating(folder: Path, *, needed_bytes: int | None = None) -> Iterator[None]:
    """Turn errors of the operating system and of SQLite inside the block into StoreErrors about `folder`.

    Raises:
        StoreError: or one of its kinds, from the error that was caught; any other exception passes unchanged.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_ERRNOS:
            raise _full(folder, needed_bytes) from error
        if error.errno in _NOT_WRITABLE_ERRNOS:
            raise _not_writable(folder, error.strerror) from error
        raise StoreError(f"{folder} cannot be used: {error}. Check the disk and try again.") from error
    except sqlite3.Error as error:
        raise _from_sqlite(folder, needed_bytes, error) from error


def _from_sqlite(folder: Path, needed_bytes: int | None, error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return _full(folder, needed_bytes)
    if code == sqlite3.SQLITE_IOERR and _free_bytes(folder) < _HARDLY_FREE_BYTES:
        return _full(folder, needed_bytes)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH):
        return _not_writable(folder, str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"The library in {folder} is in use by another process. Try again when it is done.")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StoreError(
            f"{folder / 'library.db'} is damaged or is no library ({error}). Make it again from its files with `library"
            " rebuild`, or restore a backup."
        )
    return StoreError(f"The library in {folder} failed: {error}. Check the disk and try again.")


def _full(folder: Path, needed_bytes: int | None) -> StorageFull:
    needed = "" if needed_bytes is None else f" for {needed_bytes:,} bytes"
    return StorageFull(
        f"There is no room{needed} in {folder} ({_free_bytes(folder):,} bytes free)."
        " Free some space or use a larger disk, then try again."
    )


def _not_writable(folder: Path, reason: str | None) -> NotWritable:
    return NotWritable(f"{folder} cannot be written ({reason}). Choose a folder that you may write to.")


def _free_bytes(folder: Path) -> int:
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    try:
        return shutil.disk_usage(existing).free
    except OSError:
        return 0
