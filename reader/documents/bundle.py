"""A folder or a ZIP of files: those of them that can become documents, one after another.

Nothing is unpacked but files of a kind that is read, each under its bare name in a folder of its own, within the limits of
`archive`. Hidden files and what links lead to are left out.
"""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from reader.documents.archive import Archive
from reader.errors import DocumentError

MOST_FILES = 2_000
_LEFT_OUT = ("__MACOSX",)


@contextmanager
def unpacked(
    path: Path, suffixes: Collection[str], leaves_out: Callable[[Path], bool] = lambda _: False
) -> Iterator[list[Path]]:
    """Give the files of a folder or a ZIP whose suffixes are among `suffixes`, in the order of their names.

    Args:
        leaves_out: whether a folder is left out, with all that is in it.

    Raises:
        DocumentError: it holds none, too many, or is no ZIP that can be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = _in_folder(path, suffixes, leaves_out) if path.is_dir() else _in_archive(path, Path(folder), suffixes)
        if not files:
            raise DocumentError(
                f"{path.name!r} holds no file that can be read: add files of one of {', '.join(suffixes)}."
            )
        yield files


def _in_folder(path: Path, suffixes: Collection[str], leaves_out: Callable[[Path], bool]) -> list[Path]:
    found: list[Path] = []
    for folder, folders, names in os.walk(path):  # which follows no links
        shown = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in shown if not leaves_out(Path(folder) / name)]
        for name in sorted(names):
            file = Path(folder) / name
            if not name.startswith((".", "~$")) and file.suffix.lower() in suffixes and file.is_file():
                found.append(file)
        if len(found) > MOST_FILES:
            raise DocumentError(f"{path.name!r} holds more than {MOST_FILES:,} files: add it in parts.")
    return found


def _in_archive(path: Path, folder: Path, suffixes: Collection[str]) -> list[Path]:
    archive = Archive(path)
    names = [
        name
        for name in sorted(archive.names)
        if posixpath.splitext(name)[1].lower() in suffixes
        and not posixpath.basename(name).startswith((".", "~$"))
        and name.split("/")[0] not in _LEFT_OUT
    ]
    if len(names) > MOST_FILES:
        raise DocumentError(f"{path.name!r} holds more than {MOST_FILES:,} files: add it in parts.")
    found = []
    for number, name in enumerate(names):
        # Two folders of the archive may hold files of the same name.
        file = folder / str(number) / (Path(name.replace("\\", "/")).name or "file")
        file.parent.mkdir()
        file.write_bytes(archive.read(name))
        found.append(file)
    return found
