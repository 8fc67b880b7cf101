"""Copies the whole library as it is at one moment, while other processes read and write it.

Most tensors are copied without a lock. Only the tensors added meanwhile and the database are copied under the writers' lock. The
copy is itself a library: a folder to open, or a .tar of one.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from storage import originals
from storage.database import DATABASE_FILE, MEMORIES_FOLDER
from storage.errors import NotWritable, translating
from storage.files import TEMPORARY_SUFFIX, make_folder, private_opener, sync_folder, write_whole
from storage.memories import SEALED_FILE
from storage.records import Fault
from storage.store import Store

_BRIEF_BYTES = 64 << 20
"""The most bytes to copy while writers wait; more only if writers keep adding more."""
_MAX_PASSES = 5
_CHUNK_BYTES = 8 << 20


@dataclass(frozen=True)
class Backup:
    """The content of the copy, and the files that were broken already and were left out."""

    documents: int
    memories: int
    bytes: int
    left_out: tuple[Fault, ...]


def backup(store: Store, target: Path) -> Backup:
    """Copy the library to the folder `target`, or into the file if its name ends in .tar.

    Raises:
        NotWritable: `target` exists, or cannot be written.
        StorageFull: there is no room; no partial copy is left.
    """
    if target.exists():
        raise NotWritable(f"{target} is there already. Name a folder or a .tar file that is not.")
    place = target.with_name(f".{target.name}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
    packed = place.with_name(f"{place.name}.tar")
    try:
        with translating(target.parent):
            make_folder(place)
            make_folder(place / MEMORIES_FOLDER)
            left_out = _copy(store, place)
            left_out += originals.copy(store.database, place)
            # Opening the copy writes the texts and manifests from its rows, and drops rows without files.
            with Store(place) as copy:
                originals.forget_missing(copy.database)
                documents = copy.documents()
                copy.database.compact()
            size_bytes = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
            if target.suffix == ".tar":
                _pack(place, packed, target.stem)
                os.replace(packed, target)
            else:
                os.replace(place, target)
            sync_folder(target.parent)
    finally:
        packed.unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)
    memories = sum(document.memories for document in documents)
    return Backup(len(documents), memories, size_bytes, tuple(left_out))


def _copy(store: Store, place: Path) -> list[Fault]:
    """Copy most tensors; then, while writers wait, copy the rest and the database."""
    copied: dict[str, str] = {}
    faults: dict[str, Fault] = {}
    for turn in range(_MAX_PASSES + 1):
        _copy_tensors(store, place, copied, faults)
        with store.database.transaction():
            missing_bytes = sum(size for name, size, digest in _tensor_files(store) if copied.get(name) != digest)
            if missing_bytes <= _BRIEF_BYTES or turn == _MAX_PASSES:
                _copy_tensors(store, place, copied, faults)
                present = {name for name, _, _ in _tensor_files(store)}
                store.database.snapshot(place / DATABASE_FILE)
                break
    return [fault for name, fault in sorted(faults.items()) if name in present]


def _tensor_files(store: Store) -> list[tuple[str, int, str]]:
    """Return (name below the library's folder, bytes, hash) of every file of tensors."""
    rows = store.database.read(
        "SELECT key, :sealed AS file, bytes, hash FROM memories WHERE state = 'ready'"
        " UNION ALL SELECT memory_key, file, bytes, hash FROM segments WHERE file IS NOT NULL",
        {"sealed": SEALED_FILE},
    )
    return [(f"{MEMORIES_FOLDER}/{row['key']}/{row['file']}", row["bytes"], row["hash"]) for row in rows]


def _copy_tensors(store: Store, place: Path, copied: dict[str, str], faults: dict[str, Fault]) -> None:
    for name, _, digest in _tensor_files(store):
        if copied.get(name) == digest:
            continue
        faults.pop(name, None)
        try:
            found = _copy_file(store.folder / name, place / name)
        except FileNotFoundError:
            faults[name] = Fault(name, "It is missing.")
            continue
        copied[name] = digest
        if found != digest:
            faults[name] = Fault(name, "Its bytes are not those that were written. Read the document again.")
            (place / name).unlink()  # opening the copy removes its row


def _copy_file(source: Path, target: Path) -> str:
    """Copy a file, durably, and return its BLAKE3 hash (hex)."""
    hasher = blake3(max_threads=blake3.AUTO)
    with open(source, "rb", buffering=0) as reading:
        make_folder(target.parent)
        with open(target, "wb", buffering=0, opener=private_opener) as writing:
            while chunk := reading.read(_CHUNK_BYTES):
                hasher.update(chunk)
                write_whole(writing, memoryview(chunk))
            os.fsync(writing.fileno())
    return hasher.hexdigest()


def _pack(place: Path, packed: Path, name: str) -> None:
    """Move all files into one uncompressed archive, one by one, so that the disk needs little more than one copy's room."""
    with open(packed, "xb", opener=_owner_only) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for path in sorted(place.rglob("*")):
            archive.add(path, f"{name}/{path.relative_to(place)}", recursive=False)
            if path.is_file():
                path.unlink()
        archive.close()
        file.flush()
        os.fsync(file.fileno())


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
