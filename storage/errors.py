"""Errors of the library on disk. Each message is one sentence with the fault and what to do.

    StoreError             the root, which shell and app catch; also raised for a library of a newer program
    ├── NotFound           no document or memory of that name, or more than one
    ├── StorageFull        the disk, the quota or the file size limit is reached
    ├── NotWritable        the library's folder cannot be written, or is no folder
    ├── OverBudget         the memories would exceed the library's own limit
    ├── CorruptMemory      a memory's file has changed since it was written
    ├── BadImport          a file from elsewhere is no export, is damaged, or conflicts with the library
    └── StoreBusy          another process uses the same document or memory

`exit_status` is the shell's: 2 for the user's mistake, 1 for a fault of the program. This module also translates errors of the
operating system and of SQLite into these.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StoreError(Exception):
    """The library on disk failed."""

    exit_status = 1


class NotFound(StoreError):
    """No document or memory has this name, or several have it."""

    exit_status = 2


class StorageFull(StoreError):
    """There is no room left to write."""


class NotWritable(StoreError):
    """The library's folder cannot be written."""

    exit_status = 2


class OverBudget(StoreError):
    """The memories would take more bytes than the library may have."""

    exit_status = 2


class CorruptMemory(StoreError):
    """A memory's file has changed since it was written."""


class BadImport(StoreError):
    """A file from elsewhere cannot be imported."""

    exit_status = 2


class StoreBusy(StoreError):
    """Another process or thread uses the same document or memory."""


_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE_ERRNOS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
# SQLite reports a full disk as a plain I/O error when it grows its shared-memory file. The free space shows the cause.
_HARDLY_FREE_BYTES = 1 << 20


@contextmanager
def translating(folder: Path, *, needed_bytes: int | None = None) -> Iterator[None]:
    """Turn errors of the operating system and of SQLite inside the block into StoreErrors about `folder`.

    Raises:
        StoreError: or a subclass, from the caught error; any other exception passes unchanged.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_ERRNOS:
            raise _full(folder, needed_bytes) from error
        if error.errno in _NOT_WRITABLE_ERRNOS:
            raise _not_writable(folder, error.strerror) from error
        if not os.path.exists(folder):  # which takes a name that is too long, too
            raise NotWritable(f"{folder} cannot be made ({error.strerror}). Choose another folder.") from error
        raise StoreError(f"{folder} cannot be used ({error.strerror}). Check the disk and try again.") from error
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
