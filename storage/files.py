"""Files that appear under their names only when complete and synced, their permissions, and locks.

Only its owner may read a library. A setgid bit on the library's folder means that it is shared with a group on purpose: the
group's permissions then stay unchanged.

Deliberately not here: what is in a file, and any SQL.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Iterator
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
    """Yield a temporary file beside `path`. If the block ends without an error, rename it to `path`, durably.

    After an error no new file is left, and an old file of this name is unchanged.

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
    """Open a file for `open`. Only users who may read the folder may read a new file."""
    return os.open(path, flags, 0o666 & stat.S_IMODE(os.stat(os.path.dirname(path) or ".").st_mode))


def make_folder(folder: Path) -> None:
    """Make a folder of a library, unless it exists. Only the owner may enter it."""
    shared = folder.parent.exists() and folder.parent.stat().st_mode & stat.S_ISGID
    folder.mkdir(mode=0o770 if shared else 0o700, parents=True, exist_ok=True)


def make_private(folder: Path, names: Iterable[str]) -> None:
    """Remove other users' permissions from a folder and from its parts with these names, the folder itself last."""
    allowed = _allowed(folder)
    if os.name != "posix" or not folder.stat().st_mode & 0o777 & ~allowed:
        return
    parts = [folder / name for name in names]
    inside = (path for part in parts if part.is_dir() and not part.is_symlink() for path in part.rglob("*"))
    for path in (*inside, *parts, folder):
        with suppress(FileNotFoundError, PermissionError):  # removed meanwhile, or another user's
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & 0o777 & ~allowed:
                path.chmod(stat.S_IMODE(mode) & ~(0o777 & ~allowed))


def _allowed(folder: Path) -> int:
    return 0o770 if folder.stat().st_mode & stat.S_ISGID else 0o700


def write_whole(file: FileIO, chunk: memoryview) -> None:
    """Write all bytes of a flat view: a single unbuffered write may be incomplete."""
    while chunk:
        chunk = chunk[file.write(chunk) :]


def publish(path: Path, content: bytes, *, mode: int | None = None) -> None:
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
        # Remove the file while still holding the lock. A process that waits on the removed file notices (filelock compares
        # the two) and tries again with a new file.
        with suppress(OSError):
            path.unlink()
        lock.release()
