"""Files that appear under their names only when they are whole and synced, and locks that a killed process gives back.

Deliberately not here: what is in a file, and any SQL.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import FileIO
from pathlib import Path

from filelock import FileLock, Timeout

from storage.errors import translating

try:
    import fcntl
except ImportError:  # Windows keeps an open file from being removed by itself
    fcntl = None  # type: ignore[assignment]

TEMPORARY_SUFFIX = ".tmp"


@contextmanager
def publishing(path: Path, *, needed_bytes: int | None = None, mode: int = 0o666) -> Iterator[FileIO]:
    """Hand out a temporary file beside `path` that takes its name, durably, when the block ends without an error.

    After any error nothing new is there, and an old file of this name is as it was.

    Raises:
        StorageFull: the disk has no room; NotWritable: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
    try:
        with translating(path.parent, needed_bytes=needed_bytes):
            with open(temporary, "xb", buffering=0, opener=partial(os.open, mode=mode)) as file:
                yield file
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_whole(file: FileIO, chunk: memoryview) -> None:
    """Write all bytes of a flat view, as an unbuffered write may take less than it was given."""
    while chunk:
        chunk = chunk[file.write(chunk) :]


def publish(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a small file at once; see `publishing`."""
    with publishing(path, needed_bytes=len(content), mode=mode) as file:
        write_whole(file, memoryview(content))


def is_temporary(name: str) -> bool:
    """Whether a file's name is one that `publishing` gives until the file is whole."""
    return name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def mark_used(descriptor: int) -> None:
    """Tell `unused` in every process that a file is in use, for as long as its descriptor or a map of it is open."""
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks can still be read
            fcntl.flock(descriptor, fcntl.LOCK_SH)


@contextmanager
def unused(path: Path) -> Iterator[bool]:
    """Tell whether no process has the file in use, and keep it so in the block; a missing file is not in use."""
    try:
        file = open(path, "rb")  # noqa: SIM115 -- closed below; only its opening may fail
    except FileNotFoundError:
        yield True
        return
    with file:
        free = True
        if fcntl is not None:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                free = False
            except OSError:
                pass
        yield free


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
