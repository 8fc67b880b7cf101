"""The cache folder and its subfolders. Each is made once under a lock, is complete or absent, and is made again if damaged."""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reader import settings
from reader.errors import ModelError
from reader.models.fingerprints import blake3_of
from reader.models.reporting import Progress, no_report

_MANIFEST = "manifest.json"


def cache_path(cache_folder: Path | None) -> Path:
    """The folder of the decoders: `cache_folder`, else READER_CACHE, else the user's cache folder."""
    return Path(cache_folder) if cache_folder else settings.cache_folder()


def publish(folder: Path, make: Callable[[Path, Progress], None], report: Progress, *, needed_bytes: int = 0) -> Path:
    """Return `folder`. If it is missing or broken, make it with `make(work_folder, report)` under a lock.

    Args:
        needed_bytes: the room on the disk that `make` needs.

    Raises:
        ModelError: the folder cannot be written.
    """
    if is_whole(folder):
        return folder
    try:
        with locked(folder, report):
            if is_whole(folder):
                return folder
            # Only the lock's holder writes here, so these folders belong to a process that has ended.
            for leftover in (folder, *folder.parent.glob(f".{folder.name}-*")):
                shutil.rmtree(leftover, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as work:
                result = Path(work) / "result"
                result.mkdir()
                # Check first: on a full disk, pip and safetensors fail without a clear message.
                free = shutil.disk_usage(result).free
                if free < needed_bytes:
                    raise OSError(errno.ENOSPC, f"it takes {needed_bytes >> 20:,} MiB, {free >> 20:,} MiB are free")
                make(result, report)
                _write_manifest(result)
                result.rename(folder)
    except OSError as error:
        raise ModelError(
            f"{folder.name!r} could not be written to {str(folder.parent)!r} ({error.strerror or error}): "
            "free some space there or choose another cache folder."
        ) from error
    return folder


@contextmanager
def locked(folder: Path, report: Progress) -> Iterator[None]:
    """Inside the block, no other process makes or removes `folder`. `report` gets "wait" while another process does."""
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    while True:
        try:
            lock.acquire(timeout=0.5)
            break
        except Timeout:
            report("wait", 0.0)
    try:
        yield
    finally:
        lock.release()


def delete(what: str, folder: Path, downloads: Path) -> int:
    """Delete a published folder and the files of an interrupted fetch; return the number of bytes freed.

    Args:
        what: what it is called in an error.

    Raises:
        ModelError: its files cannot be deleted.
    """
    if not (folder.exists() or downloads.exists()):
        return 0
    with locked(folder, no_report):
        freed = sum(path.stat().st_size for top in (folder, downloads) for path in top.rglob("*") if path.is_file())
        try:
            for top in (folder, downloads):
                if top.exists():
                    shutil.rmtree(top)
        except OSError as error:
            raise ModelError(
                f"The {what} could not be deleted from {str(folder)!r} ({error.strerror or error}): "
                "stop the programs that use it and try again."
            ) from error
    return freed


def looks_whole(folder: Path) -> bool:
    """Whether all files of a published folder exist and have the right sizes. Does not read their contents."""
    return _fits(folder, lambda path, file: bool(path.stat().st_size == file["bytes"]))


def _write_manifest(folder: Path) -> None:
    files = {path.name: {"bytes": path.stat().st_size, "blake3": blake3_of(path)} for path in sorted(folder.iterdir())}
    (folder / _MANIFEST).write_text(json.dumps({"files": files}, indent=1))


def is_whole(folder: Path) -> bool:
    """Whether all files of a published folder have their contents."""
    return looks_whole(folder) and _fits(folder, lambda path, file: bool(blake3_of(path) == file["blake3"]))


def _fits(folder: Path, check: Callable[[Path, dict[str, object]], bool]) -> bool:
    try:
        files = json.loads((folder / _MANIFEST).read_text())["files"]
        return all(check(folder / name, file) for name, file in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
