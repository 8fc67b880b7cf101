"""Making `library.db` again from the files beside it, when it is lost or damaged.

Every document and finished memory comes back whose file is what it says it is. What cannot be used is put aside in
`damaged/`, with the old database, until `library gc`. Not in the files, and so lost: checkpoints of half-read
memories, jobs, pins, the budget, and when a memory was last used.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from storage.database import DATABASE_FILE, DOCUMENTS_FOLDER, LIBRARY_LOCK, MEMORIES_FOLDER, Database
from storage.errors import CorruptMemory, NotWritable, StoreBusy, translating
from storage.files import TEMPORARY_SUFFIX, file_lock, sync_folder
from storage.manifests import DOCUMENT_SUFFIX, MANIFEST_FILE, MAX_JSON_BYTES, StoredDocument, StoredMemory, checked_key
from storage.memories import SEALED_FILE
from storage.records import Fault
from storage.repair import DAMAGED_FOLDER
from storage.tensors import MappedTensors

_DATABASE_FILES = (DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm")


@dataclass(frozen=True)
class Rebuild:
    """What came back, and what was put aside."""

    documents: int
    memories: int
    put_aside: tuple[Fault, ...]


def rebuild(folder: Path) -> Rebuild:
    """Make the database of the library in `folder` anew from its files.

    Raises:
        NotWritable: the folder is not there or cannot be written.
        StoreBusy: another process has the library open.
    """
    if not folder.is_dir():
        raise NotWritable(f"There is no library in {folder}: it is no folder. Name the folder of a library.")
    with file_lock(folder / LIBRARY_LOCK, timeout_seconds=1) as held, translating(folder):
        if not held or _is_open_elsewhere(folder / DATABASE_FILE):
            raise StoreBusy(f"Another process has the library in {folder} open. Stop it, then rebuild.")
        with _new_database(folder) as database:
            documents, damaged_documents = _add_documents(database, folder / DOCUMENTS_FOLDER)
            memories, damaged_memories = _add_memories(database, folder / MEMORIES_FOLDER)
        faults = damaged_documents + damaged_memories
        for fault in faults:
            _put_aside(folder, fault.file)
        for name in _DATABASE_FILES:
            _put_aside(folder, name)
        os.replace(database.path, folder / DATABASE_FILE)
        sync_folder(folder)
        shutil.rmtree(database.folder)
    return Rebuild(documents, memories, tuple(faults))


def _is_open_elsewhere(path: Path) -> bool:
    """Whether another connection is open, which would go on writing into the database that is put aside."""
    if not path.exists():
        return False
    with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")  # leaving WAL takes being the only one
        except sqlite3.DatabaseError as error:
            return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return False


@contextmanager
def _new_database(folder: Path) -> Iterator[Database]:
    """Make an empty database in a folder of its own, which goes again if the block fails."""
    place = folder / f".rebuild.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    try:
        with closing(Database(place)) as database:
            yield database
            database.compact()  # nothing stays in the log: the file is moved alone
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _add_documents(database: Database, folder: Path) -> tuple[int, list[Fault]]:
    added, faults = 0, []
    with database.transaction() as db:
        for path in sorted(folder.glob(f"*{DOCUMENT_SUFFIX}")):
            if not _is_key(path.stem):
                continue
            try:
                document = StoredDocument.decode(path.read_bytes())
                if document.id != path.stem:
                    raise ValueError("its text is not the one that its name was made from")
            except (ValueError, RecursionError) as error:
                faults.append(Fault(f"{DOCUMENTS_FOLDER}/{path.name}", f"It cannot be used: {error}."))
                continue
            document.insert(db)
            added += 1
    return added, faults


def _add_memories(database: Database, folder: Path) -> tuple[int, list[Fault]]:
    added, faults = 0, []
    with database.transaction() as db:
        for path in sorted(folder.glob(f"*/{SEALED_FILE}")):
            key = path.parent.name
            if not _is_key(key):
                continue
            try:
                memory = _read_manifest(path.with_name(MANIFEST_FILE))
                check_memory(path, key, memory)
                if not database.read("SELECT 1 FROM documents WHERE id = ?", (memory.record.document_id,)):
                    raise ValueError("its document is missing")
            except (ValueError, RecursionError, CorruptMemory) as error:
                faults.append(Fault(f"{MEMORIES_FOLDER}/{key}", f"It cannot be used: {error}."))
                continue
            memory.insert(db)
            added += 1
    return added, faults


def _is_key(name: str) -> bool:
    try:
        return checked_key(name) == name
    except ValueError:
        return False


def _read_manifest(path: Path) -> StoredMemory:
    if not path.exists():
        raise ValueError("its manifest is missing")
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError("its manifest is too large")
    return StoredMemory.decode(path.read_bytes())


def check_memory(path: Path, key: str, memory: StoredMemory) -> None:
    """Compare a memory's file with its manifest.

    Raises:
        ValueError: they are of different memories; CorruptMemory: the file is not the one that was sealed.
    """
    if memory.record.key != key:
        raise ValueError("its manifest is that of another memory")
    assert memory.record.hash is not None  # the manifest's decoding checks it
    with MappedTensors(path, expected_hash=memory.record.hash, expected_bytes=memory.record.bytes) as tensors:
        if tensors.metadata.get("memory_key") != key:
            raise ValueError("its tensors are those of another memory")


def _put_aside(folder: Path, name: str) -> None:
    """Move a file or folder of the library below `damaged/`, in place of what an earlier rebuild put there."""
    source, target = folder / name, folder / DAMAGED_FOLDER / name
    if source.exists():
        if target.is_dir():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
