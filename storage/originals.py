"""Original files of documents, if their pages can be shown as pictures, and pictures of their covers.

An original is `originals/<document id>-<hash of the file>.<kind>`; its cover has the same name with `.jpg`. Two files with the same
text are two originals, and each user's row names their own. Names from version 0.1 lack the hash. An original is published before
its row is written, and removed when no row names it. Deliberately not here: the files' contents.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from storage.database import ORIGINALS_FOLDER, Database
from storage.errors import translating
from storage.files import is_temporary, publish, publishing, write_whole
from storage.manifests import checked_key

KINDS = ("pdf",)
"""Formats whose files are kept."""

COVER_KIND = "jpg"

NEEDED = """
    SELECT original AS name FROM holdings WHERE original IS NOT NULL
    UNION SELECT id FROM documents
    UNION SELECT id || '-' FROM documents WHERE id NOT IN (SELECT document_id FROM holdings)
"""
"""Names, or starts of names, of the originals to keep: those that a user's row names, those that version 0.1 named after their
document, and those of documents without a known owner."""

_STEM = re.compile(r"[0-9a-f]{64}(-[0-9a-f]{64})?")
_NAME = re.compile(rf"{_STEM.pattern}\.({'|'.join((*KINDS, COVER_KIND))})")
_CHUNK_BYTES = 1 << 20


def is_original(name: str) -> bool:
    """Whether a file's name is that of an original or a cover."""
    return _NAME.fullmatch(name) is not None


def original_file(library: Path, original: str, kind: str = "pdf") -> Path:
    """Return the path of an original, if it is kept, from its name by `keep_original`.

    Raises:
        ValueError: `original` is no such name.
    """
    if not _STEM.fullmatch(original):
        raise ValueError(f"{original!r} is not the name of an original")
    return library / ORIGINALS_FOLDER / f"{original}.{kind}"


def cover_file(library: Path, original: str) -> Path:
    """Return the path of the picture of an original's first page, if there is one."""
    return original_file(library, original, COVER_KIND)


def files(library: Path, original: str) -> list[Path]:
    """Return the paths of all files that an original may have."""
    return [original_file(library, original, kind) for kind in (*KINDS, COVER_KIND)]


def unneeded(library: Path, needed: set[str]) -> list[str]:
    """Return the names of the files that no row needs; see `NEEDED`."""
    names = sorted(path.name for path in (library / ORIGINALS_FOLDER).glob("*") if is_original(path.name))
    return [name for name in names if not {(stem := name.partition(".")[0]), stem[:65]} & needed]


def tidy_originals(database: Database) -> None:
    """Remove the originals and covers that no user's row names, and those from version 0.1 whose document was removed."""
    folder = database.folder / ORIGINALS_FOLDER

    def extra() -> list[Path]:
        needed = {row["name"] for row in database.read(NEEDED)}
        temporary = [path for path in folder.iterdir() if is_temporary(path.name)]
        return temporary + [folder / name for name in unneeded(database.folder, needed)]

    with translating(folder):
        if extra():
            with database.transaction():  # keeps other processes from adding a document meanwhile
                for path in extra():
                    path.unlink(missing_ok=True)


def by_document(library: Path) -> dict[str, str]:
    """Return the name of one original for each document that has any."""
    names = sorted(path.stem for path in (library / ORIGINALS_FOLDER).glob("*") if is_original(path.name))
    return {name.partition("-")[0]: name for name in names}


def keep_original(library: Path, document_id: str, source: Path, cover: bytes | None) -> str:
    """Copy a document's file and the picture of its cover, durably; return the copy's name without the kind.

    Raises:
        StorageFull: the disk has no room; NotWritable: the folder cannot be written.
    """
    original = f"{checked_key(document_id)}-{_hash(source)}"
    target = original_file(library, original)
    if not target.exists():
        with open(source, "rb") as reading, publishing(target, needed_bytes=source.stat().st_size) as writing:
            while chunk := reading.read(_CHUNK_BYTES):
                write_whole(writing, memoryview(chunk))
    if cover is not None and not cover_file(library, original).exists():
        publish(cover_file(library, original), cover)
    return original


def _hash(path: Path) -> str:
    hasher = hashlib.sha256(b"reader-original-1\0")
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()


def copy(library: Path, place: Path) -> None:
    """Copy all originals to the library in `place`. When that library is opened, it drops those that it does not need."""
    (place / ORIGINALS_FOLDER).mkdir(exist_ok=True)
    for path in sorted((library / ORIGINALS_FOLDER).glob("*")):
        if is_original(path.name):
            with suppress(FileNotFoundError):  # its document was removed meanwhile
                target = place / ORIGINALS_FOLDER / path.name
                shutil.copyfile(path, target)
                with open(target, "rb") as copied:
                    os.fsync(copied.fileno())
