"""Files that appear under their names only when they are whole and synced, who may read them, and locks.

Of a library only its owner may read anything. A library is shared with a group on purpose where its folder has the setgid bit:
what rights the group has there stay as they are.

Deliberately not here: what is in a file, and any SQL.
"""

from __future__ import annotations

import os
import secrets
import stat
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
def publishing(path: Path, *, needed_bytes: int | None = None, mode: int | None = None) -> Iterator[FileIO]:
    """Hand out a temporary file beside `path` that takes its name, durably, when the block ends without an error.

    After any error nothing new is there, and an old file of this name is as it was.

    Args:
        mode: who may read it; None: those who may read the folder.

    Raises:
        StorageFull: the disk has no room; NotWritable: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
    try:
        with translating(path.parent, needed_bytes=needed_bytes):
            opener = private_opener if mode is None else partial(os.open, mode=mode)
            with open(temporary, "xb", buffering=0, opener=opener) as file:
                yield file
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def private_opener(path: str, flags: int) -> int:
    """Open a file for `open`; a new one can be read by those who may read its folder, and by nobody else."""
    return os.open(path, flags, 0o666 & stat.S_IMODE(os.stat(os.path.dirname(path) or ".").st_mode))


def make_folder(folder: Path) -> None:
    """Make a folder of a library, unless it is there; only the owner may enter it."""
    shared = folder.parent.exists() and folder.parent.stat().st_mode & stat.S_ISGID
    folder.mkdir(mode=0o770 if shared else 0o700, parents=True, exist_ok=True)


def make_private(folder: Path) -> None:
    """Take the rights of all others from a folder with everything in it, if they have any; the folder itself comes last."""
    allowed = _allowed(folder)
    if os.name != "posix" or not stat.S_IMODE(folder.stat().st_mode) & ~allowed & 0o777:
        return
    for place, _, names in os.walk(folder, topdown=False):
        for path in (*(os.path.join(place, name) for name in names), place):
            with suppress(FileNotFoundError, PermissionError):  # gone meanwhile, or another user's
                mode = os.lstat(path).st_mode
                if not stat.S_ISLNK(mode) and mode & 0o777 & ~allowed:
                    os.chmod(path, stat.S_IMODE(mode) & ~(0o777 & ~allowed))


def _allowed(folder: Path) -> int:
    return 0o770 if folder.stat().st_mode & stat.S_ISGID else 0o700


def write_whole(file: FileIO, chunk: memoryview) -> None:
    """Write all bytes of a flat view, as an unbuffered write may take less than it was given."""
    while chunk:
        chunk = chunk[file.write(chunk) :]


def publish(path: Path, content: bytes, *, mode: int | None = None) -> None:
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
    lock = FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False)
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
