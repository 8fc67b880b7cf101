"""The files that documents were made from, where their pages can be shown as they were, and pictures of their covers.

`originals/<document id>-<hash of the file>.<kind>` and the same name with `.jpg`: two files with the same text are two
originals, and each user's row names their own. Version 0.1 left the hash out. They are published before the row and removed
when no row names them. Deliberately not here: what is in them.
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
"""Names, or their beginnings, of the originals that stay: those that a user's row names, those that version 0.1 named after
their document, and those of documents that are nobody's until their owner is known."""

_STEM = re.compile(r"[0-9a-f]{64}(-[0-9a-f]{64})?")
_NAME = re.compile(rf"{_STEM.pattern}\.({'|'.join((*KINDS, COVER_KIND))})")
_CHUNK_BYTES = 1 << 20


def is_original(name: str) -> bool:
    """Whether a file of the folder has a name of those that are given here."""
    return _NAME.fullmatch(name) is not None


def original_file(library: Path, original: str, kind: str = "pdf") -> Path:
    """Return where an original is, if it is kept, by the name that `keep_original` gave.

    Raises:
        ValueError: it is no such name.
    """
    if not _STEM.fullmatch(original):
        raise ValueError(f"{original!r} is not the name of an original")
    return library / ORIGINALS_FOLDER / f"{original}.{kind}"


def cover_file(library: Path, original: str) -> Path:
    """Return where the picture of an original's first page is, if there is one."""
    return original_file(library, original, COVER_KIND)


def files(library: Path, original: str) -> list[Path]:
    """Return where all that is kept of an original may be."""
    return [original_file(library, original, kind) for kind in (*KINDS, COVER_KIND)]


def unneeded(library: Path, needed: set[str]) -> list[str]:
    """Return the names of the files that no row needs; see `NEEDED`."""
    names = sorted(path.name for path in (library / ORIGINALS_FOLDER).glob("*") if is_original(path.name))
    return [name for name in names if not {(stem := name.partition(".")[0]), stem[:65]} & needed]


def tidy_originals(database: Database) -> None:
    """Remove the originals and covers that no user's row names; those named after a document, by version 0.1, go with it."""
    folder = database.folder / ORIGINALS_FOLDER

    def extra() -> list[Path]:
        needed = {row["name"] for row in database.read(NEEDED)}
        temporary = [path for path in folder.iterdir() if is_temporary(path.name)]
        return temporary + [folder / name for name in unneeded(database.folder, needed)]

    with translating(folder):
        if extra():
            with database.transaction():  # nobody adds a document meanwhile
                for path in extra():
                    path.unlink(missing_ok=True)


def by_document(library: Path) -> dict[str, str]:
    """Return for each document that has kept originals the name of one."""
    names = sorted(path.stem for path in (library / ORIGINALS_FOLDER).glob("*") if is_original(path.name))
    return {name.partition("-")[0]: name for name in names}


def keep_original(library: Path, document_id: str, source: Path, cover: bytes | None) -> str:
    """Copy a document's file, durably, with the picture of its cover; return the name that it gets, without the kind.

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
    """Copy all of them to the library in `place`, which drops at its opening what no document of its own needs."""
    (place / ORIGINALS_FOLDER).mkdir(exist_ok=True)
    for path in sorted((library / ORIGINALS_FOLDER).glob("*")):
        if is_original(path.name):
            with suppress(FileNotFoundError):  # its document was removed meanwhile
                target = place / ORIGINALS_FOLDER / path.name
                shutil.copyfile(path, target)
                with open(target, "rb") as copied:
                    os.fsync(copied.fileno())
