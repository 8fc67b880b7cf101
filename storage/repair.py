"""What makes rows and files agree again after a kill, and removes what no row needs.

Never touches a memory whose lock a live process holds, and never hashes: what is only broken inside is found by
`verification` and when it is opened.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from storage import originals
from storage.database import DOCUMENTS_FOLDER, LIBRARY_LOCK, MEMORIES_FOLDER, ORIGINALS_FOLDER
from storage.errors import StorageFull, translating
from storage.files import file_lock, is_temporary, publish
from storage.manifests import DOCUMENT_SUFFIX, MANIFEST_FILE, StoredDocument, StoredMemory, checked_key
from storage.memories import LOCK_SUFFIX, SEALED_FILE

if TYPE_CHECKING:
    from storage.store import Store

DAMAGED_FOLDER = "damaged"
"""Where `rebuild` puts what it cannot use."""


def sweep(store: Store) -> None:
    """Repair every document and memory whose files are not those of its rows, unless a live process is at work on it."""
    tidy_documents(store)
    tidy_originals(store)
    expected: dict[str, set[str]] = {}
    for row in store.database.read(
        "SELECT memories.key, state, file FROM memories LEFT JOIN segments ON segments.memory_key = memories.key"
    ):
        files = {SEALED_FILE, MANIFEST_FILE} if row["state"] == "ready" else {row["file"]} - {None}
        expected.setdefault(row["key"], set()).update(files)
    with translating(store.folder):
        names = [path.name for path in (store.folder / MEMORIES_FOLDER).iterdir()]
    found = {name.removesuffix(LOCK_SUFFIX) for name in names}
    locked = {name.removesuffix(LOCK_SUFFIX) for name in names if name.endswith(LOCK_SUFFIX)}
    for key in sorted(found | expected.keys()):
        with suppress(ValueError):  # what has no key for a name was put there by somebody else
            folder = store.memory_folder(key)
            if key in locked or not expected.get(key) or folder.names() != expected[key]:
                with folder.lock(timeout_seconds=0) as held:
                    if held:
                        tidy_memory(store, key)


def tidy_documents(store: Store) -> None:
    """Make the documents' rows and files agree."""
    folder = store.folder / DOCUMENTS_FOLDER

    def compare() -> tuple[set[Path], set[str]]:
        """Return the files without a row, and the ids of the documents without a file."""
        ids = {row["id"] for row in store.database.read("SELECT id FROM documents")}
        found: set[str] = set()
        extra: set[Path] = set()
        for path in folder.iterdir():
            with suppress(ValueError):  # somebody else's file
                if is_temporary(path.name):
                    extra.add(path)
                elif path.suffix == DOCUMENT_SUFFIX:
                    found.add(checked_key(path.stem))
        extra |= {store.document_file(document_id) for document_id in found - ids}
        return extra, ids - found

    with translating(folder):
        if not any(compare()):
            return
        with store.database.transaction(), suppress(StorageFull):
            extra, missing = compare()  # again, now that nobody else adds or removes documents
            for path in extra:
                path.unlink(missing_ok=True)
            for document_id in missing:
                document = StoredDocument.of(store.document(document_id), store.pages(document_id))
                publish(store.document_file(document_id), document.encode())


def tidy_originals(store: Store) -> None:
    """Remove the originals and covers that no user's row names; those named after a document, by version 0.1, go with it."""
    folder = store.folder / ORIGINALS_FOLDER

    def extra() -> list[Path]:
        needed = {row["name"] for row in store.database.read(originals.NEEDED)}
        temporary = [path for path in folder.iterdir() if is_temporary(path.name)]
        return temporary + [folder / name for name in originals.unneeded(store.folder, needed)]

    with translating(folder):
        if extra():
            with store.database.transaction():  # nobody adds a document meanwhile
                for path in extra():
                    path.unlink(missing_ok=True)


def tidy_memory(store: Store, key: str) -> None:
    """Make rows and files of one memory agree; the caller holds the memory's lock."""
    folder = store.memory_folder(key)
    names = folder.names()
    memory = store.memory(key)
    keep: set[str] = set()
    if memory is not None and memory.state == "ready":
        if SEALED_FILE in names:
            keep = {SEALED_FILE, MANIFEST_FILE}
    elif memory is not None:
        segments = store.segments(key)
        for number, segment in enumerate(segments):
            if segment.number != number or segment.file is None or segment.file not in names:
                break
            keep.add(segment.file)
        if keep and len(keep) < len(segments):
            _drop_segments(store, key, len(keep))
    if memory is not None and not keep:
        with store.database.transaction() as db:
            db.execute("DELETE FROM memories WHERE key = ?", (key,))
    folder.keep_only(keep)
    if memory is not None and MANIFEST_FILE in keep - names:
        with suppress(StorageFull):  # it is for the day that the database is lost; a full disk is not that day
            publish(folder.path / MANIFEST_FILE, StoredMemory(memory, store.segments(key)).encode())


def collect_garbage(store: Store) -> int:
    """Remove every file that no row needs, give unused room in the database back, and return the bytes freed.

    Files that never were the library's own stay, and so do the databases and texts that a rebuild has put aside.

    Raises:
        NotWritable: the library is open for reading only.
    """
    before_bytes = store.size_bytes()
    sweep(store)
    with file_lock(store.folder / LIBRARY_LOCK, timeout_seconds=0) as held, translating(store.folder):
        # Without the lock a rebuild or an opening is under way, and what it has in hand is not garbage.
        for path in list(store.folder.iterdir()) if held else []:
            if is_temporary(path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        # Of what a rebuild has put aside a memory can be read again; a database or a text may be the only one there is.
        for path in (store.folder / DAMAGED_FOLDER).glob(f"*/{MEMORIES_FOLDER}") if held else ():
            shutil.rmtree(path)
            with suppress(OSError):
                path.parent.rmdir()
    store.database.compact()
    return max(0, before_bytes - store.size_bytes())


def _drop_segments(store: Store, key: str, first_number: int) -> None:
    with store.database.transaction() as db:
        db.execute("DELETE FROM segments WHERE memory_key = ? AND number >= ?", (key, first_number))
        db.execute(
            "UPDATE memories SET (slots, bytes) = (SELECT SUM(slots), SUM(bytes) FROM segments"
            " WHERE memory_key = :key) WHERE key = :key",
            {"key": key},
        )
