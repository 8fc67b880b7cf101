"""Copies every readable row of a damaged database into a new one, table by table.

A damaged page loses only its own rows, not those after it: if a table cannot be read in one pass, its range of keys is halved until
only the broken keys are left. Values are checked against their column's type, and JSON is parsed. Deliberately not here: relations
between rows, and files beside the database.
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
"""The tables in reading order: a table follows those to which it refers."""

_JSON_COLUMNS = {"settings", "authors", "tags", "evidence", "counts"}
_TYPES: Mapping[str, tuple[type, ...]] = {"TEXT": (str,), "INTEGER": (int,), "REAL": (float, int)}
# Possible values of the first column of a table's key, for tables that cannot be read in order.
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
    """The numbers of rows of each table that were read and that were lost; None if the number is unknown."""

    kept: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int | None] = field(default_factory=dict)
    version: str = ""
    """The schema of the old database; empty if it cannot be read."""

    @property
    def knows_owners(self) -> bool:
        """Whether a document without a user really had none, because all users' rows were read."""
        return "" < self.version < "m005" or ("holdings" in self.kept and "holdings" not in self.lost)


def salvage(old: Path, new: Path) -> Salvage:
    """Copy all readable rows from the database `old` into the new database `new`, which gets the same schema.

    Reads a copy of `old` beside `new`; `old` does not change.
    """
    copy = new.with_name("old.db")
    for suffix in ("", "-wal"):
        if old.with_name(old.name + suffix).exists():
            shutil.copyfile(old.with_name(old.name + suffix), copy.with_name(copy.name + suffix))
    done = Salvage()
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as source:
            source.execute("PRAGMA writable_schema = ON")  # without this, a truncated file cannot be read at all
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
                if not done.knows_owners:  # the migration has given documents without a known user to the local user
                    target.conn.executemany("DELETE FROM holdings WHERE user = '' AND document_id = ?", unheld)
    finally:
        for path in copy.parent.glob(f"{copy.name}*"):
            path.unlink()
    return done


def applied_version(db: sqlite3.Connection) -> str:
    """Return the name of a database's last migration; empty if it is missing or unreadable."""
    rows = _read(db, "SELECT MAX(name) FROM _sqlite_migrations WHERE migration_set = 'storage'")
    return str(rows[0][0] or "") if rows else ""


def _columns(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the columns of each of the library's tables in the schema; empty if the schema cannot be read."""
    found: dict[str, list[str]] = {}
    for table in TABLES:
        with suppress(sqlite3.Error):
            if columns := [row[1] for row in db.execute(f"PRAGMA table_info({table})")]:
                found[table] = columns
    return found


def _with_schema_of(path: Path, columns: Mapping[str, Sequence[str]]) -> sqlite_utils.Database:
    """Make a database with the newest of the library's schemas whose tables and columns are all in the old database."""
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
    """Whether a column may hold this value."""
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
        return int(
            db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
        )  # counts through an index, which may be undamaged
    except sqlite3.Error:
        return None


def _read(db: sqlite3.Connection, sql: str) -> list[Row]:
    try:
        return db.execute(sql).fetchall()
    except sqlite3.Error:  # an older schema, without this table
        return []


class _Reader:
    """Reads one table of a database that may be damaged."""

    def __init__(self, db: sqlite3.Connection, table: str, columns: Sequence[str]) -> None:
        self.is_torn = False
        """Whether a part of the table could not be read."""
        self._db, self._table, self._columns = db, table, ", ".join(columns)
        self._names = list(columns)
        self._probes = 0

    def by_rowid(self) -> Iterator[Row]:
        """Yield the rows of a table that has rowids, in their order."""
        last = 0
        for rowid, *row in self._walk("rowid, ", "ORDER BY rowid", ()):
            last = rowid
            yield tuple(row)
        if not self._failed:
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
        """Yield the rows of a table without rowids: from both ends, then for each first key, then for each pair of keys."""
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
            rows = self._walk("", f"{condition} ORDER BY {', '.join(keys)}", values)
            yield from new(rows)
            if self._failed or next(rows, None) is not None:  # damaged pages can lead in a circle
                self.is_torn = True
                yield from new(
                    self._walk("", f"{condition} ORDER BY {', '.join(f'{key} DESC' for key in keys)}", values)
                )

        yield from both_ways("", ())
        if not self.is_torn:
            return
        for first in sorted({*firsts, *(key[0] for key in seen)}, key=repr):
            # Rows that were seen already would end the walk at once.
            known, seen = seen, set()
            found = list(both_ways(f"WHERE {keys[0]} = ?", (first,)))
            if self._failed:
                for second in seconds:
                    found += new(self._walk("", f"WHERE {keys[0]} = ? AND {keys[1]} = ?", (first, second)))
            seen = known
            yield from (row for row in found if not {tuple(row[place] for place in places)} & known)
            seen |= {tuple(row[place] for place in places) for row in found}

    def _walk(self, before: str, rest: str, values: Sequence[Any], columns: str | None = None) -> Iterator[Row]:
        """Yield rows until the end or an unreadable row; `_failed` says which."""
        self._failed = False
        self._probes += 1
        try:
            yield from self._db.execute(f"SELECT {before}{columns or self._columns} FROM {self._table} {rest}", values)
        except sqlite3.Error:
            self._failed = True
