"""Files that appear under their names only when complete and synced, and locks that the system frees after a kill.

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
    """Yield a temporary file beside `path`. If the block ends without an error, rename it to `path`, durably.

    After an error no new file is left, and an old file of this name is unchanged.

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
    """Write all bytes of a flat view: a single unbuffered write may be incomplete."""
    while chunk:
        chunk = chunk[file.write(chunk) :]


def publish(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a small file at once; see `publishing`."""
    with publishing(path, needed_bytes=len(content), mode=mode) as file:
        write_whole(file, memoryview(content))


def is_temporary(name: str) -> bool:
    """Whether a file's name is a temporary name of `publishing`."""
    return name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, if the system can open a folder."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def mark_used(descriptor: int) -> None:
    """Mark a file as in use, for `unused` in every process, while its descriptor or a map of it is open."""
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks can still be read
            fcntl.flock(descriptor, fcntl.LOCK_SH)


@contextmanager
def unused(path: Path) -> Iterator[bool]:
    """Yield whether no process uses the file, and keep others from using it inside the block. A missing file is unused."""
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
    """Hold the exclusive lock file `path` inside the block, and remove it afterwards.

    Yields whether the lock was acquired in time. The operating system frees the lock of a killed process.

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
        # Remove the file while still holding the lock. A process that waits on the removed file notices (filelock compares
        # the two) and tries again with a new file.
        with suppress(OSError):
            path.unlink()
        lock.release()
