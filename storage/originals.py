"""Original files of documents, if they have more to show than text, and pictures of their covers.

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
from storage.files import is_temporary, make_folder, private_opener, publish, publishing, write_whole
from storage.manifests import checked_key
from storage.records import Fault

KINDS = ("pdf", "docx", "epub", "html")
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


def original_file(library: Path, original: str, kind: str | None = None) -> Path:
    """Return the path of an original, if it is kept, from its name by `keep_original`.

    Args:
        library: the library's folder.
        original: the name.
        kind: the file's; None for the kind of which there is a file, else "pdf".

    Raises:
        ValueError: `original` is no such name.
    """
    if not _STEM.fullmatch(original):
        raise ValueError(f"{original!r} is not the name of an original")
    paths = [library / ORIGINALS_FOLDER / f"{original}.{one}" for one in ([kind] if kind is not None else KINDS)]
    return next((path for path in paths if path.exists()), paths[0])


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


def keep_original(library: Path, document_id: str, source: Path, cover: bytes | None, kind: str = "pdf") -> str:
    """Copy a document's file and the picture of its cover, durably; return the copy's name without the kind.

    Call it in the transaction of `Store.adding_document`: outside, another process may remove a file that no row names yet. A copy
    that is there already and is broken is written anew.

    Raises:
        StorageFull: the disk has no room; NotWritable: the folder cannot be written.
    """
    digest = hash_of(source)
    original = f"{checked_key(document_id)}-{digest}"
    target = original_file(library, original, kind)
    if not target.exists() or hash_of(target) != digest:
        with open(source, "rb") as reading, publishing(target, needed_bytes=source.stat().st_size) as writing:
            while chunk := reading.read(_CHUNK_BYTES):
                write_whole(writing, memoryview(chunk))
    picture = cover_file(library, original)
    if cover is not None and not (picture.exists() and picture.read_bytes() == cover):
        publish(picture, cover)
    return original


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file, with a domain prefix."""
    hasher = hashlib.sha256(b"reader-original-1\0")
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()


def hashes(library: Path, original: str | None) -> dict[str, str | None]:
    """Return the hashes of an original and of its cover for a user's row; None for a missing file."""
    if original is None:
        return {"original_hash": None, "cover_hash": None}
    noted = original.partition("-")[2] or _hash_if_there(original_file(library, original))
    return {"original_hash": noted, "cover_hash": _hash_if_there(cover_file(library, original))}


def note_hashes(database: Database) -> None:
    """Record the hashes of originals and covers from versions that did not record them."""
    rows = database.read(
        "SELECT DISTINCT original FROM holdings WHERE original IS NOT NULL AND original_hash IS NULL AND cover_hash IS NULL"
    )
    found = [{"original": row["original"], **hashes(database.folder, row["original"])} for row in rows]
    found = [row for row in found if row["original_hash"] or row["cover_hash"]]
    if found:
        with database.transaction() as db:
            db.conn.executemany(
                "UPDATE holdings SET original_hash = :original_hash, cover_hash = :cover_hash WHERE original = :original"
                " AND original_hash IS NULL AND cover_hash IS NULL",
                found,
            )


def expected(database: Database) -> list[tuple[str, str]]:
    """Return (file name, hash) of each original and cover that users' rows name."""
    rows = database.read(
        "SELECT DISTINCT original, original_hash, cover_hash, format FROM holdings WHERE original IS NOT NULL"
    )
    found: set[tuple[str, str]] = set()
    for row in rows:
        original = row["original"]
        # The name contains the hash of the kept file, also if the file was broken before its hash was recorded.
        digest = original.partition("-")[2] or row["original_hash"]
        path = original_file(database.folder, original)
        if row["format"] in KINDS and not path.exists():
            path = path.with_suffix(f".{row['format']}")
        if digest:
            found.add((path.name, digest))
        if row["cover_hash"]:
            found.add((cover_file(database.folder, original).name, row["cover_hash"]))
    return sorted(found)


def faults(database: Database) -> list[Fault]:
    """Compare all originals and covers with their names and the users' rows; return the faults."""
    return [
        Fault(f"{ORIGINALS_FOLDER}/{name}", f"{reason} Add the file to the library again.")
        for name, digest in expected(database)
        if (reason := _reason(database.folder / ORIGINALS_FOLDER / name, digest))
    ]


def _hash_if_there(path: Path) -> str | None:
    try:
        return hash_of(path)
    except FileNotFoundError:
        return None


def _reason(path: Path, digest: str) -> str:
    try:
        return "" if digest == hash_of(path) else "Its bytes are not those that were kept."
    except FileNotFoundError:
        return "It is missing."
    except OSError as error:
        return f"It cannot be read ({error.strerror})."


def copy(database: Database, place: Path) -> list[Fault]:
    """Copy all whole originals and covers to the library in `place`; return the faults of those that were left out."""
    target_folder = place / ORIGINALS_FOLDER
    make_folder(target_folder)
    left_out = faults(database)
    broken = {Path(fault.file).name for fault in left_out}
    for path in sorted((database.folder / ORIGINALS_FOLDER).glob("*")):
        if is_original(path.name) and path.name not in broken:
            with (
                suppress(FileNotFoundError),  # the document was removed meanwhile
                open(path, "rb") as source,
                open(target_folder / path.name, "xb", opener=private_opener) as target,
            ):
                shutil.copyfileobj(source, target, _CHUNK_BYTES)
                target.flush()
                os.fsync(target.fileno())
    return left_out


def forget_missing(database: Database) -> None:
    """Remove missing originals and covers from the users' rows of a copy."""
    for name, _ in expected(database):
        if not (database.folder / ORIGINALS_FOLDER / name).exists():
            stem, _, kind = name.partition(".")
            columns = (
                "cover_hash = NULL"
                if kind == COVER_KIND
                else "original = NULL, original_hash = NULL, cover_hash = NULL"
            )
            with database.transaction() as db:
                db.execute(f"UPDATE holdings SET {columns} WHERE original = ?", (stem,))
