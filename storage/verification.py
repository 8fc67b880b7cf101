"""Compares every file of the library, byte for byte or by its hash, with its rows.

Reports faults and what to do, and repairs nothing. Other processes may read and write meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from storage import originals
from storage.database import DATABASE_FILE, ORIGINALS_FOLDER
from storage.errors import CorruptMemory, NotFound
from storage.manifests import MANIFEST_FILE, StoredMemory, text_id
from storage.memories import SEALED_FILE
from storage.records import Fault, MemoryRecord
from storage.store import Store

_REWRITE = "Remove the file; the next start of the library writes it again."


@dataclass(frozen=True)
class Verification:
    """The number of files and bytes compared, and the faults found."""

    files: int
    bytes: int
    faults: tuple[Fault, ...]


def verify(store: Store) -> Verification:
    """Compare all documents, memories, originals and covers with their rows, and the database with itself; see `Verification`."""
    faults = [Fault(DATABASE_FILE, f"{complaint}. Run `library rebuild`.") for complaint in store.database.complaints()]
    files = size_bytes = 0
    for document in store.documents():
        file = store.document_file(document.id)
        files, size_bytes = files + 1, size_bytes + _size_bytes(file)
        faults += (Fault(_name(store, file), reason) for reason in _document_faults(store, document.id))
    for memory in store.memories():
        folder = store.memory_folder(memory.key)
        found = list(_memory_faults(store, memory))
        while found and (now := store.memory(memory.key)) and _version(now) != _version(memory):
            memory, found = now, list(_memory_faults(store, now))  # the memory changed during the comparison
        if store.memory(memory.key) is not None:
            faults += (Fault(_name(store, folder.path / name), reason) for name, reason in found)
        files, size_bytes = files + len(folder.names()), size_bytes + folder.size_bytes()
    for name, _ in originals.expected(store.database):
        files, size_bytes = files + 1, size_bytes + _size_bytes(store.folder / ORIGINALS_FOLDER / name)
    if at_first := originals.faults(store.database):
        # Again: a document may have been removed, or added anew, while its file was compared.
        still = originals.faults(store.database)
        faults += [fault for fault in at_first if fault in still]
    return Verification(files, size_bytes, tuple(faults))


def _document_faults(store: Store, document_id: str) -> Iterator[str]:
    try:
        rows = store.stored(document_id)
    except NotFound:
        return  # the document was removed meanwhile
    if text_id("".join(text for _, text in rows.pages).encode()) != document_id:
        yield "Its text in the database is not the one that its id was made from. Run `library rebuild`."
    content = _content(store.document_file(document_id))
    if content != rows.encode() and any(document.id == document_id for document in store.documents()):
        yield f"It is {'missing' if content is None else 'not what the database says'}. {_REWRITE}"


def _memory_faults(store: Store, memory: MemoryRecord) -> Iterator[tuple[str, str]]:
    """Yield (file name, reason) for each fault of this memory."""
    segments = store.segments(memory.key)
    if memory.state == "reading":
        for segment in segments:
            if segment.file is not None:
                try:
                    store.open_segment(memory.key, segment.number).close()
                except (CorruptMemory, NotFound) as error:
                    yield segment.file, str(error)
        return
    try:
        store.map_memory(memory.key).close()
    except (CorruptMemory, NotFound) as error:
        yield SEALED_FILE, str(error)
    content = _content(store.memory_folder(memory.key).path / MANIFEST_FILE)
    if content != StoredMemory(memory, segments).encode():
        yield MANIFEST_FILE, f"It is {'missing' if content is None else 'not what the database says'}. {_REWRITE}"


def _version(memory: MemoryRecord) -> tuple[object, ...]:
    return memory.state, memory.bytes, memory.ready_at


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _name(store: Store, path: Path) -> str:
    return str(path.relative_to(store.folder))
