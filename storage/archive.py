"""Exports and imports one document with its finished memories as one file: read on one machine, ask on another.

The file is an uncompressed zip of `manifest.json`, `document.txt` (as in `documents/`) and `memories/<key>.safetensors`.

An imported file is treated as hostile. Names, sizes and counts are checked before a member is read; hashes, headers and the
document's id are checked before anything is published. All of the file appears in the library at once, or nothing does. One thing
cannot be checked: whether a memory was really made by reading its document, because its key cannot be computed without the
decoder. At worst, a stranger's file brings a memory that answers wrongly for the document in the same file. To keep it at that, an
imported memory never replaces a memory, never joins another memory of its document, and lends no segments to other readings.
"""

from __future__ import annotations

import json
import os
import re
import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import IO

from storage.errors import BadImport, CorruptMemory, NotFound, NotWritable, StoreBusy, translating
from storage.files import publish, publishing, write_whole
from storage.manifests import MANIFEST_FILE, MAX_JSON_BYTES, StoredDocument, StoredMemory
from storage.memories import SEALED_FILE
from storage.records import LOCAL_USER, DocumentRecord
from storage.recovery import check_memory
from storage.store import Store
from storage.tensors import MappedTensors, is_finite

MAX_MEMORIES = 1000
MAX_DOCUMENT_BYTES = 256 << 20
MAX_TENSOR_HEADER_BYTES = 4 << 20

_MANIFEST, _DOCUMENT = "manifest.json", "document.txt"
_MEMORY = re.compile(r"memories/([0-9a-f]{64})\.safetensors")
_CHUNK_BYTES = 8 << 20
_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_MAX_DIRECTORY_BYTES = 1 << 20
_MAX_ADDED_TOKENS = 1 << 16


@dataclass(frozen=True)
class Import:
    """The imported document, with the numbers of memories that were added and that the library had already."""

    document: DocumentRecord
    placed: int
    already_here: int


def export_document(store: Store, document_id: str, path: Path, user: str | None = None) -> int:
    """Write a document with its ready memories into the new file `path`; return the file's bytes.

    Args:
        user: write the document as this user's own file has it; None: as it was first added.

    Raises:
        NotFound: there is no such document, or it has no finished memory.
        CorruptMemory: a memory is broken; nothing is written.
        NotWritable: `path` exists, or cannot be written; StorageFull: the disk has no room.
    """
    if path.exists():
        raise NotWritable(f"{path} is there already. Name a file that is not.")
    if user is None:
        record = store.document(document_id)
        document = StoredDocument.of(record, store.pages(record.id))
    else:
        record = store.user_documents.get(user, document_id).document
        document = StoredDocument.of(record, store.user_documents.pages(user, document_id))
    memories = [memory for memory in store.memories(record.id) if memory.state == "ready"]
    if user is not None:  # leave out memories that other users had made at other ratios
        asked_for = {job.memory_key for job in store.jobs.all(record.id, user)}
        memories = [memory for memory in memories if memory.key in asked_for] or memories
    if not memories:
        raise NotFound(f"{record.title!r} has no finished memory to export. Read it first.")
    manifests = [json.loads(StoredMemory(memory, []).encode()) for memory in memories]
    with translating(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with publishing(path, needed_bytes=sum(memory.bytes for memory in memories)) as file:
        whole = BufferedWriter(file)  # zipfile expects that every write is complete
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(_MANIFEST, json.dumps({"document_id": record.id, "memories": manifests}))
            archive.writestr(_DOCUMENT, document.encode())
            for memory in memories:
                name = f"memories/{memory.key}.safetensors"
                with store.map_memory(memory.key) as tensors, archive.open(name, "w", force_zip64=True) as member:
                    for start in range(0, memory.bytes, _CHUNK_BYTES):
                        member.write(tensors.content[start : start + _CHUNK_BYTES])
        whole.flush()
        whole.detach()
    return path.stat().st_size


def import_document(store: Store, path: Path, *, max_bytes: int | None = None) -> Import:
    """Add the document and the memories of an export to the library. Do nothing if the library has them already.

    The document then belongs to the local user. Old memories are evicted as for reading; see `Store.make_room`.

    Raises:
        BadImport: the file is no export, is damaged, or its memories conflict with others.
        OverBudget, StorageFull: there is no room; the library is unchanged.
        StoreBusy: the same memory is just being read.
    """
    with _opened(path) as archive:
        document, memories = _checked(archive, path)
        placing = [memory for memory in memories if not _is_here(store, memory, path)]
        if placing:
            keys = [memory.record.key for memory in placing]
            with store.locked(keys, f"A memory of {document.title!r}"):
                _place(store, archive, document, placing, max_bytes, path)
    if LOCAL_USER not in store.user_documents.users(document.id):
        with store.adding_document(document) as db:
            store.user_documents.hold(db, LOCAL_USER, document, None)
    return Import(store.document(document.id), len(placing), len(memories) - len(placing))


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open the archive and translate its errors. Reads only the table of contents."""
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError("it is not a file")
            _check_directory_size(file)
            with zipfile.ZipFile(file) as archive:
                yield archive
    except OSError as error:  # errors of the library are translated elsewhere
        raise BadImport(
            f"{path.name!r} cannot be read ({error.strerror}). Name a file that `library export` wrote."
        ) from error
    except (ValueError, zipfile.BadZipFile, EOFError, RecursionError, NotImplementedError, struct.error) as error:
        # What the other errors say only a programmer knows.
        reason = error if type(error) is ValueError else "it is damaged"
        raise BadImport(
            f"{path.name!r} cannot be imported: {reason}. Export the document again where it was read."
        ) from error
    except CorruptMemory as error:
        raise BadImport(
            f"{path.name!r} cannot be imported: a memory in it is damaged. Export the document again."
        ) from error


def _check_directory_size(file: IO[bytes]) -> None:
    """Refuse a table of contents that is larger than an export's, before `zipfile` reads all of it."""
    size_bytes = file.seek(0, os.SEEK_END)
    tail_bytes = min(size_bytes, _END.size + _END64_LOCATOR.size + _END64.size)
    file.seek(size_bytes - tail_bytes)
    tail = file.read(tail_bytes)
    if len(tail) < _END.size or not tail[-_END.size :].startswith(b"PK\5\6"):
        raise ValueError("it is no export of a library, or only the beginning of one")
    *_, directory_bytes, start, comment_bytes = _END.unpack(tail[-_END.size :])
    end = size_bytes - _END.size
    locator = tail[-_END.size - _END64_LOCATOR.size : -_END.size]
    if locator.startswith(b"PK\6\7"):
        end -= _END64_LOCATOR.size + _END64.size
        if len(tail) < tail_bytes or end < 0 or _END64_LOCATOR.unpack(locator)[2] != end:
            raise ValueError("its table of contents is not at its end")
        signature, *_, directory_bytes, start = _END64.unpack(tail[: _END64.size])
        if signature != b"PK\6\6":
            raise ValueError("its table of contents is not at its end")
    if comment_bytes or directory_bytes > _MAX_DIRECTORY_BYTES or start + directory_bytes != end:
        raise ValueError("its table of contents is not that of an export")


def _checked(archive: zipfile.ZipFile, path: Path) -> tuple[StoredDocument, list[StoredMemory]]:
    """Check names, sizes and texts; return the document and the memories. Reads no tensors yet."""
    sizes: dict[str, int] = {}
    for member in archive.infolist():
        name = member.filename
        if name in sizes:
            raise ValueError(f"{name!r} is in it twice")
        if member.orig_filename != name or not (name in (_MANIFEST, _DOCUMENT) or _MEMORY.fullmatch(name)):
            raise ValueError(f"{name[:100]!r} does not belong in an export")
        if (
            member.compress_type != zipfile.ZIP_STORED
            or member.compress_size != member.file_size
            or member.flag_bits & 1
        ):
            raise ValueError(f"{name!r} is compressed or encrypted")
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            raise ValueError(f"{name!r} is not a plain file")
        sizes[name] = member.file_size
    if sum(sizes.values()) > path.stat().st_size:
        raise ValueError("its members overlap")
    for name, limit_bytes in ((_MANIFEST, MAX_JSON_BYTES), (_DOCUMENT, MAX_DOCUMENT_BYTES)):
        if not 0 < sizes.get(name, 0) <= limit_bytes:
            raise ValueError(f"{name!r} is missing or has more than {limit_bytes:,} bytes")
    table = json.loads(archive.read(_MANIFEST))
    match table:
        case {"document_id": str(document_id), "memories": [*entries]} if len(table) == 2:
            pass
        case _:
            raise ValueError("its manifest does not name a document and memories")
    if not 0 < len(entries) <= MAX_MEMORIES:
        raise ValueError(f"it has {len(entries):,} memories, not 1 to {MAX_MEMORIES:,}")
    document = StoredDocument.decode(archive.read(_DOCUMENT)).as_imported()
    if document.id != document_id:
        raise ValueError("its text is not the one that its id was made from")
    memories = [StoredMemory.decode(json.dumps(entry).encode()).as_imported() for entry in entries]
    expected = {_name(memory): memory.record.bytes for memory in memories}
    if len(expected) != len(memories) or expected.keys() | {_MANIFEST, _DOCUMENT} != sizes.keys():
        raise ValueError("its memories are not those of its manifest")
    # A token stands for at least one byte of text, except for the few tokens that a decoder adds around the text.
    most_tokens = sum(len(text.encode()) for _, text in document.pages) + _MAX_ADDED_TOKENS
    for memory in memories:
        if memory.record.tokens > most_tokens:
            raise ValueError(f"memory {memory.record.key[:12]} has more tokens than its document has letters")
        if memory.record.document_id != document.id or sizes[_name(memory)] != memory.record.bytes:
            raise ValueError(f"memory {memory.record.key[:12]} does not fit its manifest")
    return document, memories


def _is_here(store: Store, memory: StoredMemory, path: Path) -> bool:
    """Whether the same memory is in the library.

    Raises:
        BadImport: the library has another memory with its key or of its document.
    """
    here = store.memory(memory.record.key)
    if here is not None and (here.state, here.hash) == ("ready", memory.record.hash):
        return True
    if here is not None or store.memories(memory.record.document_id):
        title = store.document(memory.record.document_id).title
        raise BadImport(
            f"{path.name!r} cannot be imported: the library has another memory of {title!r}."
            " Remove that document first to have the imported memory instead."
        )
    return False


def _place(
    store: Store,
    archive: zipfile.ZipFile,
    document: StoredDocument,
    memories: list[StoredMemory],
    max_bytes: int | None,
    path: Path,
) -> None:
    """Copy and check all tensors under temporary names, publish them, then insert all rows at once."""
    if any(
        _is_here(store, memory, path) for memory in memories
    ):  # again, now that the lock keeps other processes from adding them
        raise StoreBusy(f"{document.title!r} has just been imported by another process. Import it again to see it.")
    folders = [store.memory_folder(memory.record.key) for memory in memories]
    try:
        with ExitStack() as published:
            for memory, folder in zip(memories, folders, strict=True):
                folder.keep_only(set())
                folder.make()
                publication = publishing(folder.path / SEALED_FILE, needed_bytes=memory.record.bytes)
                file = published.enter_context(publication)
                _copy_member(archive, memory, file)
                check_memory(Path(os.fsdecode(file.name)), memory.record.key, memory)
                _check_numbers(Path(os.fsdecode(file.name)), memory)
            store.make_room(sum(memory.record.bytes for memory in memories), max_bytes)
        for memory, folder in zip(memories, folders, strict=True):
            publish(folder.path / MANIFEST_FILE, memory.encode())
        with store.adding_document(document) as db:
            if db.execute("SELECT 1 FROM memories WHERE document_id = ?", (document.id,)).fetchone():
                raise StoreBusy(f"{document.title!r} is just being read or imported. Try again when it is done.")
            for memory in memories:
                memory.insert(db)
    except BaseException:
        for folder in folders:
            folder.remove()
        raise


def _copy_member(archive: zipfile.ZipFile, memory: StoredMemory, file: FileIO) -> None:
    with archive.open(_name(memory)) as member:
        first = member.read(8)
        if len(first) < 8 or struct.unpack("<Q", first)[0] > MAX_TENSOR_HEADER_BYTES:
            raise ValueError(f"the header of memory {memory.record.key[:12]} is not that of a memory")
        write_whole(file, memoryview(first))
        while chunk := member.read(_CHUNK_BYTES):
            write_whole(file, memoryview(chunk))


def _check_numbers(path: Path, memory: StoredMemory) -> None:
    """Refuse a memory with NaN or infinite numbers: its answers would be noise.

    Raises:
        ValueError: says in which tensor.
    """
    assert memory.record.hash is not None
    with MappedTensors(path, expected_hash=memory.record.hash, expected_bytes=memory.record.bytes) as tensors:
        for name, (dtype, _, content) in tensors.items():
            if not is_finite(dtype, content):
                raise ValueError(f"memory {memory.record.key[:12]} has numbers in {name[:100]!r} that are not finite")


def _name(memory: StoredMemory) -> str:
    return f"memories/{memory.record.key}.safetensors"
