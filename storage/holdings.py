"""Who has which document: each person's own shelf over the one library, with a title, tags and a pin of their own.

The same text added by two people is one document with two holdings. What was read in a shell, by nobody in
particular, belongs to the person who uses the app without a password, `LOCAL_USER`. Every question here is put for one
user, and what is not theirs is answered like what is not there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import sqlite_utils

from storage.database import Row
from storage.errors import NotFound
from storage.manifests import StoredDocument, clean
from storage.records import DocumentRecord, Hit

if TYPE_CHECKING:
    from storage.store import Store

LOCAL_USER = ""
"""Whoever uses the app on their own computer without a password."""

MAX_TAGS = 12
MAX_TAG_CHARS = 40
MAX_TITLE_CHARS = 200

_MAX_QUERY_WORDS = 16
_MAX_RANKED_PAGES = 10_000
# Held by the user; or, for the local user, by nobody, as what a shell has read.
_HELD = """
    SELECT documents.id AS document_id, COALESCE(holdings.title, documents.title) AS own_title,
        COALESCE(holdings.pinned, documents.pinned) AS own_pin, COALESCE(holdings.tags, '[]') AS own_tags,
        COALESCE(holdings.added_at, documents.added_at) AS held_at
    FROM documents LEFT JOIN holdings ON holdings.document_id = documents.id AND holdings.user = :user
    WHERE (holdings.user IS NOT NULL OR (:user = '' AND documents.id NOT IN (SELECT document_id FROM holdings)))
"""
_ORDER = "own_pin DESC, held_at DESC, document_id"


@dataclass(frozen=True)
class Holding:
    """A document as one user has it; the record's title and pin are the user's own."""

    document: DocumentRecord
    tags: tuple[str, ...]
    held_at: float


class Holdings:
    """The documents of all users of one library."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._database = store.database

    def hold(self, db: sqlite_utils.Database, user: str, document: StoredDocument, *, was_here: bool) -> None:
        """Give a document to a user, in the transaction that adds it; a title of their own stays.

        Args:
            was_here: whether the document was in the library before; what was nobody's becomes the local user's too.
        """
        if was_here and not db.execute("SELECT 1 FROM holdings WHERE document_id = ?", (document.id,)).fetchone():
            db.execute(
                "INSERT INTO holdings (user, document_id, title, pinned, added_at)"
                " SELECT ?, id, title, pinned, added_at FROM documents WHERE id = ?",
                (LOCAL_USER, document.id),
            )
        db.execute(
            "INSERT OR IGNORE INTO holdings (user, document_id, title, added_at) VALUES (?, ?, ?, ?)",
            (user, document.id, document.title, document.added_at),
        )

    def count(self, user: str) -> int:
        """How many documents a user has."""
        return int(self._database.read(f"SELECT COUNT(*) AS count FROM ({_HELD})", {"user": user})[0]["count"])

    def page(self, user: str, query: str = "", *, limit: int, kept: Sequence[str] = ()) -> list[Holding]:
        """Return a user's documents that have all words of `query` in title or tags: pinned ones first, then the newest.

        Args:
            limit: how many at most.
            kept: ids that are returned whatever their place.
        """
        words = clean(query).casefold().split()
        conditions = "".join(
            f" AND instr(lower(own_title || ' ' || own_tags), :word{number}) > 0"
            for number in range(min(len(words), _MAX_QUERY_WORDS))
        )
        parameters: dict[str, object] = {
            f"word{number}": json.dumps(word, ensure_ascii=False)[1:-1] for number, word in enumerate(words)
        }
        rows = self._database.read(
            f"SELECT * FROM (SELECT * FROM ({_HELD}) WHERE 1 {conditions} ORDER BY {_ORDER} LIMIT :limit)"
            f" UNION SELECT * FROM ({_HELD} AND documents.id IN (SELECT value FROM json_each(:kept))) WHERE 1 {conditions}"
            f" ORDER BY {_ORDER}",
            {**parameters, "user": user, "limit": limit, "kept": json.dumps(list(kept))},
        )
        records = {record.id: record for record in self._store.documents_of([row["document_id"] for row in rows])}
        return [_holding(row, records[row["document_id"]]) for row in rows if row["document_id"] in records]

    def get(self, user: str, document_id: str) -> Holding:
        """Return one of a user's documents by its whole id.

        Raises:
            NotFound: there is none, or it is not theirs; the two cannot be told apart.
        """
        rows = self._database.read(f"{_HELD} AND documents.id = :id", {"user": user, "id": document_id})
        records = self._store.documents_of([document_id]) if rows else []
        if not records:
            raise NotFound("There is no such document in your library. Choose one from the list.")
        return _holding(rows[0], records[0])

    def active(self, user: str) -> list[str]:
        """Return the ids of a user's documents that are being read or wait for it."""
        rows = self._database.read(
            "SELECT DISTINCT document_id FROM jobs WHERE state IN ('queued', 'running')"
            f" AND document_id IN (SELECT document_id FROM ({_HELD}))",
            {"user": user},
        )
        return [row["document_id"] for row in rows]

    def tags(self, user: str) -> list[str]:
        """Return all tags that a user has given, sorted."""
        rows = self._database.read(
            f"SELECT DISTINCT tag.value AS tag FROM ({_HELD}) JOIN json_each(own_tags) AS tag ORDER BY tag.value",
            {"user": user},
        )
        return [row["tag"] for row in rows]

    def search(self, user: str, query: str, *, limit: int) -> list[Hit]:
        """Return the pages of a user's documents that hold all words of a query, the best first.

        Of more than 10,000 such pages only those added last are compared.
        """
        words = [word for word in clean(query).split() if any(map(str.isalnum, word))]
        quoted = " ".join('"' + word.replace('"', '""') + '"' for word in islice(words, _MAX_QUERY_WORDS))
        if not quoted:
            return []
        rows = self._database.read(
            f"""
            WITH held AS ({_HELD})
            SELECT pages.document_id, own_title AS title, number AS page, label,
                snippet(pages_fts, 0, '', '', '…', 24) AS snippet
            FROM pages_fts JOIN pages ON pages.id = pages_fts.rowid JOIN held ON held.document_id = pages.document_id
            WHERE pages_fts MATCH :words AND pages_fts.rowid >= COALESCE((
                SELECT pages_fts.rowid
                FROM pages_fts JOIN pages ON pages.id = pages_fts.rowid JOIN held ON held.document_id = pages.document_id
                WHERE pages_fts MATCH :words ORDER BY pages_fts.rowid DESC LIMIT 1 OFFSET :most
            ), 0) ORDER BY pages_fts.rank LIMIT :limit
            """,
            {"user": user, "words": quoted, "most": _MAX_RANKED_PAGES, "limit": limit},
        )
        return [Hit(**row) for row in rows]

    def rename(self, user: str, document_id: str, title: str) -> None:
        """Give a document a title that only this user sees; an empty one brings the document's own back."""
        title = clean(" ".join(title.split()))[:MAX_TITLE_CHARS] or self._store.documents_of([document_id])[0].title
        self._change(user, document_id, "title", title)

    def set_tags(self, user: str, document_id: str, tags: Sequence[str]) -> None:
        """Replace a user's tags of a document; they are trimmed, sorted and counted to `MAX_TAGS`."""
        cleaned = {clean(" ".join(tag.split()))[:MAX_TAG_CHARS].casefold() for tag in tags} - {""}
        self._change(user, document_id, "tags", json.dumps(sorted(cleaned)[:MAX_TAGS], ensure_ascii=False))

    def pin(self, user: str, document_id: str, pinned: bool) -> None:
        """Put a document first for a user; what anybody has pinned is never evicted."""
        self._change(user, document_id, "pinned", pinned)
        with self._database.transaction() as db:
            db.execute(
                "UPDATE documents SET pinned = EXISTS (SELECT 1 FROM holdings WHERE document_id = ?1 AND pinned)"
                " WHERE id = ?1",
                (document_id,),
            )

    def let_go(self, user: str, document_id: str) -> bool:
        """Take a document from a user; return whether anybody else still has it.

        Raises:
            NotFound: it is not theirs.
        """
        self.get(user, document_id)
        with self._database.transaction() as db:
            others = db.execute(
                "SELECT 1 FROM holdings WHERE document_id = ? AND user <> ?", (document_id, user)
            ).fetchone()
            if others is not None:  # the last one's goes with the document, which may be refused while it is read
                db.execute("DELETE FROM holdings WHERE document_id = ? AND user = ?", (document_id, user))
        return others is not None

    def _change(self, user: str, document_id: str, column: str, value: object) -> None:
        self.get(user, document_id)
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO holdings (user, document_id, title, pinned, added_at)"
                " SELECT ?, id, title, pinned, added_at FROM documents WHERE id = ?",
                (user, document_id),
            )
            db.execute(
                f"UPDATE holdings SET {column} = ? WHERE user = ? AND document_id = ?", (value, user, document_id)
            )


def _holding(row: Row, record: DocumentRecord) -> Holding:
    own = replace(record, title=row["own_title"], pinned=bool(row["own_pin"]))
    return Holding(own, tuple(json.loads(row["own_tags"])), row["held_at"])
