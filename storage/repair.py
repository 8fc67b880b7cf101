"""Makes rows and files agree again after a kill.

Never touches a memory whose lock a live process holds, and never hashes: `verification` and opening find files that are broken
inside.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from storage import originals
from storage.database import DOCUMENTS_FOLDER, MEMORIES_FOLDER
from storage.documents import Documents
from storage.errors import StorageFull, translating
from storage.files import is_temporary, publish
from storage.manifests import DOCUMENT_SUFFIX, MANIFEST_FILE, StoredMemory, checked_key
from storage.memories import LOCK_SUFFIX, SEALED_FILE, Memories


def sweep(documents: Documents, memories: Memories) -> None:
    """Repair every document and memory whose files and rows differ, unless a live process is writing it."""
    tidy_documents(documents)
    originals.tidy_originals(documents.database)
    expected: dict[str, set[str]] = {}
    for row in memories.database.read(
        "SELECT memories.key, state, file FROM memories LEFT JOIN segments ON segments.memory_key = memories.key"
    ):
        files = {SEALED_FILE, MANIFEST_FILE} if row["state"] == "ready" else {row["file"]} - {None}
        expected.setdefault(row["key"], set()).update(files)
    with translating(memories.folder):
        names = [path.name for path in (memories.folder / MEMORIES_FOLDER).iterdir()]
    found = {name.removesuffix(LOCK_SUFFIX) for name in names}
    locked = {name.removesuffix(LOCK_SUFFIX) for name in names if name.endswith(LOCK_SUFFIX)}
    for key in sorted(found | expected.keys()):
        with suppress(ValueError):  # a name that is no key is not the library's
            folder = memories.memory_folder(key)
            if key in locked or not expected.get(key) or folder.names() != expected[key]:
                with folder.lock(timeout_seconds=0) as held:
                    if held:
                        tidy_memory(memories, key)


def tidy_documents(documents: Documents) -> None:
    """Make the documents' rows and files agree."""
    folder = documents.folder / DOCUMENTS_FOLDER

    def compare() -> tuple[set[Path], set[str]]:
        """Return the files without a row, and the ids of the documents without a file."""
        ids = {row["id"] for row in documents.database.read("SELECT id FROM documents")}
        found: set[str] = set()
        extra: set[Path] = set()
        for path in folder.iterdir():
            with suppress(ValueError):  # not the library's file
                if is_temporary(path.name):
                    extra.add(path)
                elif path.suffix == DOCUMENT_SUFFIX:
                    found.add(checked_key(path.stem))
        extra |= {documents.document_file(document_id) for document_id in found - ids}
        return extra, ids - found

    with translating(folder):
        if not any(compare()):
            return
        with documents.database.transaction(), suppress(StorageFull):
            extra, missing = compare()  # again, now that no other process adds or removes documents
            for path in extra:
                path.unlink(missing_ok=True)
            for document_id in missing:
                publish(documents.document_file(document_id), documents.stored(document_id).encode())


def tidy_memory(memories: Memories, key: str) -> None:
    """Make rows and files of one memory agree; the caller holds the memory's lock."""
    folder = memories.memory_folder(key)
    names = folder.names()
    memory = memories.memory(key)
    keep: set[str] = set()
    if memory is not None and memory.state == "ready":
        if SEALED_FILE in names:
            keep = {SEALED_FILE, MANIFEST_FILE}
    elif memory is not None:
        segments = memories.segments(key)
        for number, segment in enumerate(segments):
            if segment.number != number or segment.file is None or segment.file not in names:
                break
            keep.add(segment.file)
        if keep and len(keep) < len(segments):
            _drop_segments(memories, key, len(keep))
    if memory is not None and not keep:
        with memories.database.transaction() as db:
            db.execute("DELETE FROM memories WHERE key = ?", (key,))
    folder.keep_only(keep)
    if memory is not None and MANIFEST_FILE in keep - names:
        with suppress(StorageFull):  # the manifest is only a precaution, and a full disk must not stop the repair
            publish(folder.path / MANIFEST_FILE, StoredMemory(memory, memories.segments(key)).encode())


def _drop_segments(memories: Memories, key: str, first_number: int) -> None:
    with memories.database.transaction() as db:
        db.execute("DELETE FROM segments WHERE memory_key = ? AND number >= ?", (key, first_number))
        db.execute(
            "UPDATE memories SET (slots, bytes) = (SELECT SUM(slots), SUM(bytes) FROM segments"
            " WHERE memory_key = :key) WHERE key = :key",
            {"key": key},
        )
