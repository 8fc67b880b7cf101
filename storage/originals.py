"""The files that documents were made from, where their pages can be shown as they were, and pictures of their covers.

`originals/<document id>.<kind>` and `<document id>.jpg`: a name is made from the document's own id, so that no row is
needed, and a file whose document is gone is known to be nobody's. They are published before their document's row and
removed with it. Deliberately not here: what is in them.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from storage.database import ORIGINALS_FOLDER
from storage.files import publish, publishing, write_whole
from storage.manifests import checked_key

KINDS = ("pdf",)
"""Formats whose files are kept."""

COVER_KIND = "jpg"

_NAME = re.compile(rf"[0-9a-f]{{64}}\.({'|'.join((*KINDS, COVER_KIND))})")
_CHUNK_BYTES = 1 << 20


def is_original(name: str) -> bool:
    """Whether a file of the folder has a name of those that are given here."""
    return _NAME.fullmatch(name) is not None


def original_file(library: Path, document_id: str, kind: str = "pdf") -> Path:
    """Return where the original of a document is, if it is kept."""
    return library / ORIGINALS_FOLDER / f"{checked_key(document_id)}.{kind}"


def cover_file(library: Path, document_id: str) -> Path:
    """Return where the picture of a document's first page is, if there is one."""
    return original_file(library, document_id, COVER_KIND)


def files(library: Path, document_id: str) -> list[Path]:
    """Return where all that is kept of a document's origin may be."""
    return [original_file(library, document_id, kind) for kind in (*KINDS, COVER_KIND)]


def keep_original(library: Path, document_id: str, source: Path, cover: bytes | None) -> None:
    """Copy a document's file, durably, with the picture of its cover; the first original of a text stays.

    Raises:
        StorageFull: the disk has no room; NotWritable: the folder cannot be written.
    """
    target = original_file(library, document_id)
    if not target.exists():
        with open(source, "rb") as reading, publishing(target, needed_bytes=source.stat().st_size) as writing:
            while chunk := reading.read(_CHUNK_BYTES):
                write_whole(writing, memoryview(chunk))
    if cover is not None and not cover_file(library, document_id).exists():
        publish(cover_file(library, document_id), cover)


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
