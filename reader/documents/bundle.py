"""A folder or a ZIP of files: those of them that can become documents, one after another.

Nothing is unpacked but files of a kind that is read, each under its bare name in a folder of its own, within the limits of
`archive`. Hidden files and what links lead to are left out.
"""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath

from reader.documents.archive import Archive
from reader.errors import DocumentError

MOST_FILES = 2_000

_Folder = tuple[PurePath, dict[str, str]]
"""A folder within what is added, and its files: how each is called -> its path there, or its name in the ZIP."""


@contextmanager
def unpacked(
    path: Path, suffixes: Collection[str], leaves_out: Callable[[Collection[str]], bool] = lambda _: False
) -> Iterator[tuple[list[Path], list[Path]]]:
    """Give the files of a folder or a ZIP whose suffixes are among `suffixes`, and the folders that were left out.

    Args:
        leaves_out: whether a folder with files of these names is left out, with all that is in it.

    Raises:
        DocumentError: it holds none, too many, or is no ZIP that can be read.
    """
    archive = None if path.is_dir() else Archive(path)
    names: list[str] = []
    left_out: list[PurePath] = []
    for folder, files in _folders_in(path) if archive is None else _folders_of(archive):
        if any(map(_is_hidden, folder.parts)) or {folder, *folder.parents} & set(left_out):
            continue
        if leaves_out(files):
            left_out.append(folder)
            continue
        names += [files[name] for name in sorted(files) if not _is_hidden(name) and _suffix(name) in suffixes]
        if len(names) > MOST_FILES:
            raise DocumentError(f"{path.name!r} holds more than {MOST_FILES:,} files: add it in parts.")
    if not names and not left_out:
        raise DocumentError(f"{path.name!r} holds no file that can be read: add files of one of {', '.join(suffixes)}.")
    with tempfile.TemporaryDirectory() as place:
        yield (
            [Path(name) for name in names] if archive is None else _written(archive, names, Path(place)),
            [path / folder for folder in left_out],
        )


def _folders_in(path: Path) -> Iterator[_Folder]:
    for folder, folders, names in os.walk(path):  # which follows no links
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        yield (
            Path(folder).relative_to(path),
            {name: file for name in names if os.path.isfile(file := os.path.join(folder, name))},
        )


def _folders_of(archive: Archive) -> Iterable[_Folder]:
    found: dict[PurePath, dict[str, str]] = defaultdict(dict)
    for name in archive.names:
        if not name.endswith("/"):
            file = PurePosixPath(name.replace("\\", "/"))
            found[file.parent][file.name] = name
    return sorted(found.items())


def _is_hidden(name: str) -> bool:
    """Whether a file or a folder is hidden, or is what Office or macOS puts beside files."""
    return name.startswith(("~$", "__MACOSX")) or (name.startswith(".") and bool(name.strip(".")))


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()


def _written(archive: Archive, names: Sequence[str], folder: Path) -> list[Path]:
    """Members of an archive as files, each in a folder of its own: two may have the same name."""
    found = []
    for number, name in enumerate(names):
        file = folder / str(number) / PurePosixPath(name.replace("\\", "/")).name
        file.parent.mkdir()
        file.write_bytes(archive.read(name))
        found.append(file)
    return found
