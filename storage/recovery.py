"""Rebuilds a lost or damaged `library.db` from its readable rows and from the files beside it.

A rebuild copies every readable row of the old database, and restores every document and finished memory whose file or row passes
its checks. It sets unusable files aside in a new folder below `damaged/`, with the old database. Without a readable database,
users, conversations, jobs, pins, settings and segments of unfinished memories are lost. A document whose owner is not known any
more belongs to no user, as it could be any user's.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

import sqlite_utils

from storage import originals
from storage.database import (
    DAMAGED_FOLDER,
    DATABASE_FILE,
    DOCUMENTS_FOLDER,
    LIBRARY_LOCK,
    MEMORIES_FOLDER,
    ORIGINALS_FOLDER,
)
from storage.errors import CorruptMemory, NotWritable, StoreBusy, StoreError, translating
from storage.files import TEMPORARY_SUFFIX, file_lock, make_folder, sync_folder
from storage.manifests import (
    DOCUMENT_SUFFIX,
    MANIFEST_FILE,
    MAX_JSON_BYTES,
    StoredDocument,
    StoredMemory,
    checked_key,
    text_id,
)
from storage.memories import SEALED_FILE, memory_of
from storage.records import LOCAL_USER, Fault, SegmentRecord
from storage.salvage import TABLES, applied_version, salvage
from storage.schema import LATEST
from storage.tensors import MappedTensors

_DATABASE_FILES = (DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm")
_IN_FILES = ("documents", "pages", "memories", "segments")
"""Tables whose rows can be rebuilt from files."""

# Rows to remove if the row that they refer to is gone, in this order.
_DANGLING = (
    ("pages", "document_id", "documents", "id"),
    ("memories", "document_id", "documents", "id"),
    ("segments", "memory_key", "memories", "key"),
    ("jobs", "document_id", "documents", "id"),
    ("conversation_documents", "document_id", "documents", "id"),
    ("conversation_documents", "conversation_id", "conversations", "id"),
    ("conversations", "id", "conversation_documents", "conversation_id"),
    ("turns", "conversation_id", "conversations", "id"),
    ("holdings", "document_id", "documents", "id"),
    ("questions", "document_id", "documents", "id"),
    ("questions", "conversation_id", "conversations", "id"),
)


@dataclass(frozen=True)
class Rebuild:
    """The result of a rebuild: what was restored, lost and set aside."""

    documents: int
    memories: int
    kept: Mapping[str, int]
    """Number of rows copied from the old database, by table."""
    lost: Mapping[str, int | None]
    """Number of rows lost, by table; None if their number is unknown."""
    unowned: int
    """Number of documents without a known owner, which only the shell lists."""
    put_aside: tuple[Fault, ...]
    aside: Path | None
    """The folder with the old database and the unusable files; None if there are neither."""


def rebuild(folder: Path, *, force: bool = False, mine: bool = False) -> Rebuild:
    """Rebuild the database of the library in `folder` from its readable rows and the files beside it.

    Args:
        force: rebuild even if the database is whole, or was written by a newer program.
        mine: give the documents without a known owner to the local user.

    Raises:
        NotWritable: the folder does not exist or cannot be written.
        StoreBusy: another process has the library open.
        StoreError: the database is whole or newer, and `force` is false.
    """
    if not folder.is_dir():
        raise NotWritable(f"There is no library in {folder}: it is no folder. Name the folder of a library.")
    path = folder / DATABASE_FILE
    with file_lock(folder / LIBRARY_LOCK, timeout_seconds=1) as held, translating(folder):
        if not held or _is_open_elsewhere(path):
            raise StoreBusy(f"Another process has the library in {folder} open. Stop it, then rebuild.")
        if path.exists() and not force:
            _check_is_broken(path)
        with _new_folder(folder) as place:
            found = salvage(path, place / DATABASE_FILE)
            with closing(sqlite_utils.Database(sqlite3.connect(place / DATABASE_FILE, isolation_level=None))) as db:
                db.execute("BEGIN")
                before = _counts(db)
                faults = _add_documents(db, folder / DOCUMENTS_FOLDER) + _add_memories(db, folder / MEMORIES_FOLDER)
                _remove_dangling(db)
                after = _counts(db)
                if mine:
                    _adopt(db, folder)
                memories = db.execute("SELECT COUNT(*) FROM memories WHERE state = 'ready'").fetchone()[0]
                unowned = (
                    after["documents"] - db.execute("SELECT COUNT(DISTINCT document_id) FROM holdings").fetchone()[0]
                )
                needed = {name for (name,) in db.execute(originals.NEEDED)}
                db.execute("COMMIT")
            aside = _new_aside(folder)
            names = [f"{ORIGINALS_FOLDER}/{name}" for name in originals.unneeded(folder, needed)]
            for name in _DATABASE_FILES:
                _keep_a_copy(folder, aside, name)
            for name in (*(fault.file for fault in faults), *names):
                _put_aside(folder, aside, name)
            # A kill before this line leaves the old database in place, and a kill after it the new one. The log is removed
            # first, because SQLite would replay it into the database beside it.
            for name in _DATABASE_FILES[1:]:
                (folder / name).unlink(missing_ok=True)
            os.chmod(place / DATABASE_FILE, 0o666 & place.stat().st_mode)
            os.replace(place / DATABASE_FILE, path)
            sync_folder(folder)
    lost = dict(found.lost)
    for table in TABLES:
        known = lost.get(table, 0)
        if known is not None:  # rows restored from a file are not lost; dropped rows are
            lost[table] = max(0, before[table] + known - after[table])
        elif table in _IN_FILES:
            lost[table] = 0
    return Rebuild(
        after["documents"],
        memories,
        {table: min(number, after[table]) for table, number in found.kept.items() if min(number, after[table])},
        {table: number for table, number in lost.items() if number != 0},
        unowned,
        tuple(faults),
        aside if aside.exists() else None,
    )


def _check_is_broken(path: Path) -> None:
    """Refuse a database that is whole, or one of a newer program, which a rebuild would strip of data."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        try:
            version = applied_version(db)
            if version > LATEST:
                raise StoreError(
                    f"{path} has the schema {version!r} of a newer program; this one knows {LATEST!r} and would lose"
                    " newer data. Update this program, or rebuild with --force."
                )
            if not version or [row[0] for row in db.execute("PRAGMA integrity_check")] != ["ok"]:
                return
            if db.execute("PRAGMA foreign_key_check").fetchone():
                return
            db.execute("INSERT INTO pages_fts (pages_fts, rank) VALUES ('integrity-check', 1)")  # writes nothing
            ids = [document_id for (document_id,) in db.execute("SELECT id FROM documents")]
            if any(text_id(_text(db, document_id)) != document_id for document_id in ids):
                return
        except sqlite3.Error:
            return
    raise StoreError(
        f"{path} is whole, so there is nothing to rebuild. `library verify` compares the files with it; use --force"
        " to rebuild it anyway."
    )


def _text(db: sqlite3.Connection, document_id: str, division: str = "") -> bytes:
    """Return the text of a document's pages; in a schema without divisions, of all its pages."""
    has_divisions = any(row[1] == "division" for row in db.execute("PRAGMA table_info(pages)"))
    where, values = ("AND division = ?", (document_id, division)) if has_divisions else ("", (document_id,))
    rows = db.execute(f"SELECT text FROM pages WHERE document_id = ? {where} ORDER BY number", values)
    return "".join(text for (text,) in rows).encode("utf-8", "surrogatepass")


def _is_open_elsewhere(path: Path) -> bool:
    """Whether another connection is open, which would continue to write into the database that is set aside."""
    if not path.exists():
        return False
    with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")  # only the sole connection can leave WAL mode
        except sqlite3.DatabaseError as error:
            return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return False


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Make an empty folder in the library and remove it at the end."""
    place = folder / f".rebuild.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    make_folder(place)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _add_documents(db: sqlite_utils.Database, folder: Path) -> list[Fault]:
    """Keep the documents whose rows or file have the text of their id; return the files to set aside."""
    faults: list[Fault] = []
    known = {document_id for (document_id,) in db.execute("SELECT id FROM documents")}
    whole = {document_id for document_id in known if text_id(_text(db.conn, document_id)) == document_id}
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
        if document.id not in whole:
            db.execute("DELETE FROM pages WHERE document_id = ? AND division = ''", (document.id,))
            if document.id in known:
                document.insert_pages(db, "")
                db.execute("UPDATE documents SET pages = ? WHERE id = ?", (len(document.pages), document.id))
            else:
                document.insert(db)
            whole.add(document.id)
    for document_id in known - whole:
        db.execute("DELETE FROM documents WHERE id = ?", (document_id,))
    for document_id, division in db.execute(
        "SELECT DISTINCT document_id, division FROM pages WHERE division <> ''"
    ).fetchall():
        if text_id(_text(db.conn, document_id, division)) != document_id:
            db.execute("DELETE FROM pages WHERE document_id = ? AND division = ?", (document_id, division))
    # A user whose own pages are lost, or whose row is older than users' own pages, gets the document's pages.
    db.execute(
        """
        UPDATE holdings SET division = '', pages = documents.pages,
            format = CASE holdings.format WHEN '' THEN documents.format ELSE holdings.format END,
            file_title = CASE file_title WHEN '' THEN holdings.title ELSE file_title END
        FROM documents WHERE documents.id = holdings.document_id AND (holdings.pages = 0 OR NOT EXISTS (
            SELECT 1 FROM pages WHERE pages.document_id = holdings.document_id AND pages.division = holdings.division
        ))
        """
    )
    return faults


def _add_memories(db: sqlite_utils.Database, folder: Path) -> list[Fault]:
    """Keep the finished memories whose file matches their manifest or their row; return the files to set aside."""
    faults: list[Fault] = []
    whole: set[str] = set()
    for path in sorted(folder.glob(f"*/{SEALED_FILE}")):
        key = path.parent.name
        if not _is_key(key):
            continue
        row, reason = _memory_row(db, key), "its manifest is missing"
        memory = None
        try:
            memory = _checked(path, key, _read_manifest(path.with_name(MANIFEST_FILE)))
        except (ValueError, RecursionError, CorruptMemory) as error:
            reason = str(error)
            if row is not None:
                with suppress(ValueError, CorruptMemory):
                    memory = _checked(path, key, row)
                    if path.with_name(MANIFEST_FILE).exists():
                        faults.append(Fault(f"{MEMORIES_FOLDER}/{key}/{MANIFEST_FILE}", f"It cannot be used: {error}."))
        if memory is not None and not _has(db, "documents", "id", memory.record.document_id):
            memory, reason = None, "its document is missing"
        if memory is None:
            faults.append(Fault(f"{MEMORIES_FOLDER}/{key}", f"It cannot be used: {reason}."))
            continue
        whole.add(key)
        if row is None or row.encode() != memory.encode():
            db.execute("DELETE FROM memories WHERE key = ?", (key,))
            db.execute("DELETE FROM segments WHERE memory_key = ?", (key,))
            memory.insert(db)
    for (key,) in db.execute("SELECT key FROM memories WHERE state = 'ready'").fetchall():
        if key not in whole:
            db.execute("DELETE FROM memories WHERE key = ?", (key,))
    return faults


def _checked(path: Path, key: str, memory: StoredMemory) -> StoredMemory:
    check_memory(path, key, memory)
    return memory


def _memory_row(db: sqlite_utils.Database, key: str) -> StoredMemory | None:
    """Return the finished memory of the rows, if they are complete."""
    for row in db.query("SELECT * FROM memories WHERE key = ? AND state = 'ready'", (key,)):
        rows = db.query("SELECT * FROM segments WHERE memory_key = ? ORDER BY number", (key,))
        return StoredMemory(memory_of(row), [SegmentRecord(**segment) for segment in rows])
    return None


def _has(db: sqlite_utils.Database, table: str, column: str, value: str) -> bool:
    return db.execute(f"SELECT 1 FROM {table} WHERE {column} = ?", (value,)).fetchone() is not None


def _counts(db: sqlite_utils.Database) -> dict[str, int]:
    return {table: int(db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]) for table in TABLES}


def _remove_dangling(db: sqlite_utils.Database) -> None:
    """Remove the rows that refer to missing rows."""
    for table, column, other, key in _DANGLING:
        db.execute(f"DELETE FROM {table} WHERE {column} NOT IN (SELECT {key} FROM {other})")


def _adopt(db: sqlite_utils.Database, folder: Path) -> None:
    """Give the documents of no user to the local user, with their originals."""
    db.execute(
        "INSERT INTO holdings (user, document_id, title, file_title, file_name, format, authors, pages, pinned, added_at)"
        " SELECT ?, id, title, title, file_name, format, authors, pages, pinned, added_at FROM documents"
        " WHERE id NOT IN (SELECT document_id FROM holdings)",
        (LOCAL_USER,),
    )
    for document_id, original in originals.by_document(folder).items():
        db.execute(
            "UPDATE holdings SET original = ? WHERE document_id = ? AND user = ? AND original IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM holdings AS other WHERE other.original = ?1)",
            (original, document_id, LOCAL_USER),
        )


def _new_aside(folder: Path) -> Path:
    """Return the path of a new folder below `damaged/`."""
    name = time.strftime("%Y%m%d-%H%M%S")
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(place for place in (folder / DAMAGED_FOLDER / name for name in names) if not place.exists())


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
        ValueError: file and manifest are of different memories; CorruptMemory: the file has changed since it was sealed.
    """
    if memory.record.key != key:
        raise ValueError("its manifest is that of another memory")
    assert memory.record.hash is not None  # the manifest's decoding checks it
    with MappedTensors(path, expected_hash=memory.record.hash, expected_bytes=memory.record.bytes) as tensors:
        if tensors.metadata.get("memory_key") != key:
            raise ValueError("its tensors are those of another memory")


def _keep_a_copy(folder: Path, aside: Path, name: str) -> None:
    """Link a file into the folder of unusable files, or copy it if the file system has no links."""
    source, target = folder / name, aside / name
    if source.exists():
        make_folder(aside.parent)
        make_folder(aside)
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
        sync_folder(aside)


def _put_aside(folder: Path, aside: Path, name: str) -> None:
    """Move a file or folder of the library into the folder of unusable files."""
    source, target = folder / name, aside / name
    if source.exists():
        make_folder(aside.parent)
        make_folder(aside)
        make_folder(target.parent)
        os.replace(source, target)
