"""Reading every row that can still be read out of a damaged database into a new one, table by table.

A damaged page costs the rows on it, not those behind it: where a table cannot be read in one go, its keys are halved until
only the broken ones are left. Values are compared with the type of their column, JSON is parsed. Deliberately not here:
what rows mean to each other, and any file beside the database.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlite_utils

from storage.schema import migrations

Row = tuple[Any, ...]

TABLES = (
    "documents", "pages", "memories", "segments", "settings", "jobs", "conversations", "conversation_documents", "turns",
    "holdings", "questions",
)  # fmt: skip
"""In the order in which they are read: those that name others come after them."""

_JSON_COLUMNS = {"settings", "tags", "evidence", "counts"}
_TYPES: Mapping[str, tuple[type, ...]] = {"TEXT": (str,), "INTEGER": (int,), "REAL": (float, int)}
# What the first column of a table's key may hold, for where the table itself cannot be walked through.
_FIRST_KEYS = {
    "segments": (("memories", "key"),),
    "conversation_documents": (("conversations", "id"),),
    "turns": (("conversations", "id"),),
    "holdings": (("conversations", "user"), ("questions", "user"), ("jobs", "user")),
}
_MAX_PROBES = 50_000
_UNKNOWN_ROWS = 1 << 16


@dataclass
class Salvage:
    """How many rows of each table were read, and how many could not be; None where nobody can tell how many there were."""

    kept: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int | None] = field(default_factory=dict)
    version: str = ""
    """The schema of the old database; empty where it cannot be read."""

    @property
    def knows_owners(self) -> bool:
        """Whether a document that no user holds was held by none."""
        return "" < self.version < "m005" or ("holdings" in self.kept and "holdings" not in self.lost)


def salvage(old: Path, new: Path) -> Salvage:
    """Copy all rows that can be read from the database `old` into the new database `new`, which gets the same schema.

    `old` is read from a copy beside `new`, and stays as it is.
    """
    copy = new.with_name("old.db")
    for suffix in ("", "-wal"):
        if old.with_name(old.name + suffix).exists():
            shutil.copyfile(old.with_name(old.name + suffix), copy.with_name(copy.name + suffix))
    done = Salvage()
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as source:
            source.execute("PRAGMA writable_schema = ON")  # or a file that is cut off is not read at all
            columns = _columns(source)
            done.version = applied_version(source)
            with closing(_with_schema_of(new, columns)) as target:
                target.execute("BEGIN")
                for table in TABLES:
                    if table in columns:
                        _copy_table(source, target.conn, table, columns[table], done)
                target.execute("COMMIT")
                if not done.knows_owners:
                    unheld = _read(
                        target.conn, "SELECT id FROM documents WHERE id NOT IN (SELECT document_id FROM holdings)"
                    )
                migrations.apply(target)
                if not done.knows_owners:  # the migration gives to the local user what nobody is known to hold
                    target.conn.executemany("DELETE FROM holdings WHERE user = '' AND document_id = ?", unheld)
    finally:
        for path in copy.parent.glob(f"{copy.name}*"):
            path.unlink()
    return done


def applied_version(db: sqlite3.Connection) -> str:
    """Return the name of the last migration of a database; empty where it cannot be read or is not there."""
    rows = _read(db, "SELECT MAX(name) FROM _sqlite_migrations WHERE migration_set = 'storage'")
    return str(rows[0][0] or "") if rows else ""


def _columns(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the columns of each of our tables that the schema names; empty where it cannot be read."""
    found: dict[str, list[str]] = {}
    for table in TABLES:
        with suppress(sqlite3.Error):
            if columns := [row[1] for row in db.execute(f"PRAGMA table_info({table})")]:
                found[table] = columns
    return found


def _with_schema_of(path: Path, columns: Mapping[str, Sequence[str]]) -> sqlite_utils.Database:
    """Make a database with the newest schema of ours whose tables and columns the old one has, all of them."""
    names = [migration.name for migration in migrations.pending(sqlite_utils.Database(memory=True))]
    for stop_before in [None, *reversed(names[1:])]:
        path.unlink(missing_ok=True)
        db = sqlite_utils.Database(sqlite3.connect(path, isolation_level=None))
        migrations.apply(db, stop_before=stop_before)
        here = _columns(db.conn)
        if not columns or all(set(own) <= set(columns.get(table, ())) for table, own in here.items()):
            return db
        db.close()
    path.unlink(missing_ok=True)
    db = sqlite_utils.Database(sqlite3.connect(path, isolation_level=None))
    migrations.apply(db)  # parts of the schema itself are lost
    return db


def _copy_table(
    source: sqlite3.Connection, target: sqlite3.Connection, table: str, old_columns: Sequence[str], done: Salvage
) -> None:
    info = target.execute(f"PRAGMA table_info({table})").fetchall()
    columns = [(name, kind, bool(not_null or pk)) for _, name, kind, not_null, _, pk in info if name in old_columns]
    names = [name for name, _, _ in columns]
    keys = [name for _, name, _, _, _, pk in sorted(info, key=lambda row: row[5]) if pk]
    has_rowid = (
        "WITHOUT ROWID"
        not in target.execute("SELECT sql FROM sqlite_master WHERE name = ? AND type = 'table'", (table,)).fetchone()[0]
    )
    reader = _Reader(source, table, names)
    if has_rowid:
        rows: Iterable[Row] = reader.by_rowid()
    else:
        firsts = [
            value
            for other, column in _FIRST_KEYS[table]
            for (value,) in _read(target, f"SELECT DISTINCT {column} FROM {other}")
        ]
        documents = [value for (value,) in _read(target, "SELECT id FROM documents")]
        rows = reader.by_key(keys, firsts, documents if table == "holdings" else [])
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    kept = broken = 0
    for row in rows:
        if all(_fits(value, *column) for value, column in zip(row, columns, strict=True)):
            with suppress(sqlite3.Error):
                target.execute(insert, row)
                kept += 1
                continue
        broken += 1
    done.kept[table] = kept
    count = _count(source, table)
    if count is not None:
        lost: int | None = max(count - kept, broken)
    else:
        lost = None if reader.is_torn else broken
    if lost != 0:
        done.lost[table] = lost


def _fits(value: Any, name: str, kind: str, is_needed: bool) -> bool:
    """Whether a value is one that its column may hold."""
    if value is None:
        return not is_needed
    if type(value) not in _TYPES.get(kind, (type(value),)):
        return False
    if name in _JSON_COLUMNS:
        try:
            return isinstance(json.loads(value), dict | list)
        except (ValueError, RecursionError):
            return False
    return True


def _count(db: sqlite3.Connection, table: str) -> int | None:
    try:
        return int(db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # by an index, which may be whole
    except sqlite3.Error:
        return None


def _read(db: sqlite3.Connection, sql: str) -> list[Row]:
    try:
        return db.execute(sql).fetchall()
    except sqlite3.Error:  # of an older schema, which has no such table
        return []


class _Reader:
    """Reads one table of a database that may be damaged."""

    def __init__(self, db: sqlite3.Connection, table: str, columns: Sequence[str]) -> None:
        self.is_torn = False
        """Whether a part could not be read."""
        self._db, self._table, self._columns = db, table, ", ".join(columns)
        self._names = list(columns)
        self._probes = 0

    def by_rowid(self) -> Iterator[Row]:
        """Yield the rows of a table that has rowids, in their order."""
        last, is_whole = 0, True
        for rowid, *row in self._walk("rowid, ", "ORDER BY rowid", ()):
            last = rowid
            yield tuple(row)
        is_whole = not self._failed
        if is_whole:
            return
        self.is_torn = True
        ends = list(self._walk("", "ORDER BY rowid DESC LIMIT 1", (), "rowid"))
        ranges = [(last + 1, ends[0][0] if ends else last + _UNKNOWN_ROWS)]
        while ranges and self._probes < _MAX_PROBES:
            first, end = ranges.pop()
            for rowid, *row in self._walk("rowid, ", "WHERE rowid BETWEEN ? AND ? ORDER BY rowid", (first, end)):
                first = rowid + 1
                yield tuple(row)
            if self._failed and first < end:
                middle = (first + end) // 2
                ranges += [(middle + 1, end), (first, middle)]

    def by_key(self, keys: Sequence[str], firsts: Iterable[Any], seconds: Sequence[Any]) -> Iterator[Row]:
        """Yield the rows of a table that has no rowids: from both ends, then for each first key, then for each pair."""
        places = [self._names.index(key) for key in keys]
        seen: set[Row] = set()

        def new(rows: Iterable[Row]) -> Iterator[Row]:
            for row in rows:
                key = tuple(row[place] for place in places)
                if key in seen:
                    return
                seen.add(key)
                yield row

        def both_ways(condition: str, values: Row) -> Iterator[Row]:
            yield from new(self._walk("", f"{condition} ORDER BY {', '.join(keys)}", values))
            if self._failed:
                self.is_torn = True
                yield from new(
                    self._walk("", f"{condition} ORDER BY {', '.join(f'{key} DESC' for key in keys)}", values)
                )

        yield from both_ways("", ())
        if not self.is_torn:
            return
        for first in sorted({*firsts, *(key[0] for key in seen)}, key=repr):
            # Those that were seen would end the walk at once.
            known, seen = seen, set()
            found = list(both_ways(f"WHERE {keys[0]} = ?", (first,)))
            if self._failed:
                for second in seconds:
                    found += new(self._walk("", f"WHERE {keys[0]} = ? AND {keys[1]} = ?", (first, second)))
            seen = known
            yield from (row for row in found if not {tuple(row[place] for place in places)} & known)
            seen |= {tuple(row[place] for place in places) for row in found}

    def _walk(self, before: str, rest: str, values: Sequence[Any], columns: str | None = None) -> Iterator[Row]:
        """Yield rows until they end or cannot be read; `_failed` says which."""
        self._failed = False
        self._probes += 1
        try:
            yield from self._db.execute(f"SELECT {before}{columns or self._columns} FROM {self._table} {rest}", values)
        except sqlite3.Error:
            self._failed = True
