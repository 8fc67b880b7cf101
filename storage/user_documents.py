"""Which user has which document: each user's own view of the library, with their own file, title, tags and pin.

If two users add the same text, both have the same document and share its text and memories. Everything else is the user's own:
title, file name, format, division into pages, and original. A document added in a shell belongs to the user of the app without
sign-in, `LOCAL_USER`. A document that a rebuild found without a user belongs to no user, and only the shell lists it. Every method
takes a user, and reports another user's document as missing.

The SQL table keeps its old name `holdings`: renaming it would migrate every library without a benefit to users.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import sqlite_utils

from storage import originals
from storage.database import Row
from storage.documents import Documents
from storage.errors import NotFound
from storage.full_text import MAX_RANKED_PAGES, all_words
from storage.manifests import StoredDocument, clean
from storage.records import DocumentRecord, Hit, PageRecord

MAX_TAGS = 12
MAX_TAG_CHARS = 40
MAX_TITLE_CHARS = 200

_MAX_FILTER_WORDS = 16
_HELD = """
    SELECT document_id, title AS own_title, pinned AS own_pin, tags AS own_tags, added_at AS held_at, file_name, format,
        authors AS own_authors, pages, division, original
    FROM holdings WHERE user = :user
"""
_IN_HELD = "JOIN held ON held.document_id = pages.document_id AND held.division = pages.division"
DocumentOrder = Literal["newest", "title", "longest"]
"""The possible orders of a list of documents."""
_ORDERS: Mapping[DocumentOrder, str] = {
    "newest": "own_pin DESC, held_at DESC, document_id",
    "title": "own_pin DESC, casefold(own_title), document_id",
    "longest": "own_pin DESC, pages DESC, document_id",
}


@dataclass(frozen=True)
class UserDocument:
    """A user's view of a document. Title, file name, format, pages, time and pin of the record are the user's own."""

    document: DocumentRecord
    tags: tuple[str, ...]
    held_at: float
    division: str
    """The division whose pages are those of the user's file; "" for the document's own."""
    original: str | None
    """The name of the user's file, if it is kept; see `keep_original`."""

    def has_tag(self, tag: str) -> bool:
        """Whether it has a tag, in capitals or not."""
        return tag.casefold() in map(str.casefold, self.tags)


class UserDocuments:
    """The documents of all users of one library."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._database = documents.database

    def hold(self, db: sqlite_utils.Database, user: str, document: StoredDocument, original: str | None) -> None:
        """Give a document to a user, with the fields of their file, in the transaction that adds it.

        If a user adds two files with the same text, the better one is kept: first the one with an original, then the one with
        more pages, then the later one. The user's tags, pin and own title stay.

        Args:
            original: the name of the file, if it was kept; see `keep_original`.
        """
        named = {"user": user, "id": document.id}
        known = db.execute(
            "SELECT original IS NOT NULL, pages FROM holdings WHERE user = :user AND document_id = :id", named
        ).fetchone()
        if known is not None and (original is not None, len(document.pages)) < known:
            return
        own = db.execute(
            "SELECT label, length(text) FROM pages WHERE document_id = ? AND division = '' ORDER BY number",
            (document.id,),
        ).fetchall()
        division = "" if own == [(label, len(text)) for label, text in document.pages] else document.division
        shown = "document_id = :id AND division = :division"
        if not db.execute(f"SELECT 1 FROM pages WHERE {shown} LIMIT 1", {**named, "division": division}).fetchone():
            document.insert_pages(db, division)
        db.execute(
            """
            INSERT INTO holdings (user, document_id, title, file_title, file_name, format, authors, pages, division, original,
                original_hash, cover_hash, added_at)
            VALUES (:user, :id, :title, :title, :file_name, :format, :authors, :pages, :division, :original, :original_hash,
                :cover_hash, :added_at)
            ON CONFLICT DO UPDATE SET title = CASE title WHEN file_title THEN excluded.title ELSE title END,
                file_title = excluded.file_title, file_name = excluded.file_name, format = excluded.format,
                authors = excluded.authors, pages = excluded.pages, division = excluded.division, original = excluded.original,
                original_hash = excluded.original_hash, cover_hash = excluded.cover_hash
            """,
            {
                **named,
                "title": document.title,
                "file_name": document.file_name,
                "format": document.format,
                "authors": json.dumps(list(document.authors)),
                "pages": len(document.pages),
                "division": division,
                "original": original,
                **originals.hashes(self._database.folder, original),
                "added_at": document.added_at,
            },
        )
        # Of one original there is one cover, the one that was kept last.
        db.execute(
            "UPDATE holdings SET cover_hash = (SELECT cover_hash FROM holdings WHERE user = :user AND document_id = :id)"
            " WHERE document_id = :id AND original = :original",
            {**named, "original": original},
        )
        _drop_divisions(db, document.id)

    def users(self, document_id: str) -> list[str]:
        """Return the users who have a document."""
        rows = self._database.read("SELECT user FROM holdings WHERE document_id = ?", (document_id,))
        return [row["user"] for row in rows]

    def originals_of(self, document_id: str) -> list[str]:
        """Return the names of the originals to remove with a document."""
        rows = self._database.read(
            "SELECT DISTINCT original FROM holdings WHERE document_id = ? AND original IS NOT NULL", (document_id,)
        )
        return sorted({document_id, *(row["original"] for row in rows)})  # version 0.1 named it after the document

    def count(self, user: str) -> int:
        """Return the number of a user's documents."""
        return int(self._database.read(f"SELECT COUNT(*) AS count FROM ({_HELD})", {"user": user})[0]["count"])

    def page(
        self, user: str, query: str = "", *, limit: int, kept: Sequence[str] = (), order: DocumentOrder = "newest"
    ) -> list[UserDocument]:
        """Return a user's documents that have all words of `query` in title or tags, the pinned ones first.

        Args:
            limit: the most documents to return.
            kept: ids of documents that are returned beyond the limit, too.
            order: of the documents that are pinned, and of the others.
        """
        words = clean(query).casefold().split()
        conditions = "".join(
            f" AND instr(casefold(own_title || ' ' || own_tags), :word{number}) > 0"
            for number in range(min(len(words), _MAX_FILTER_WORDS))
        )
        parameters: dict[str, object] = {
            f"word{number}": json.dumps(word, ensure_ascii=False)[1:-1] for number, word in enumerate(words)
        }
        ordered = _ORDERS[order]
        rows = self._database.read(
            f"SELECT * FROM (SELECT * FROM (SELECT * FROM ({_HELD}) WHERE 1 {conditions} ORDER BY {ordered} LIMIT :limit)"
            f" UNION SELECT * FROM ({_HELD} AND document_id IN (SELECT value FROM json_each(:kept))) WHERE 1 {conditions})"
            f" ORDER BY {ordered}",
            {**parameters, "user": user, "limit": limit, "kept": json.dumps(list(kept))},
        )
        records = {record.id: record for record in self._documents.documents_of([row["document_id"] for row in rows])}
        return [_user_document(row, records[row["document_id"]]) for row in rows if row["document_id"] in records]

    def get(self, user: str, document_id: str) -> UserDocument:
        """Return one of a user's documents by its whole id.

        Raises:
            NotFound: there is no such document, or it is another user's; the message is the same.
        """
        rows = self._database.read(f"{_HELD} AND document_id = :id", {"user": user, "id": document_id})
        records = self._documents.documents_of([document_id]) if rows else []
        if not records:
            raise NotFound("There is no such document in your library. Choose one from the list.")
        return _user_document(rows[0], records[0])

    def active(self, user: str) -> list[str]:
        """Return the ids of a user's documents that are queued or being read, in the order in which they are read."""
        rows = self._database.read(
            "SELECT document_id FROM jobs JOIN documents ON documents.id = document_id"
            " WHERE user = :user AND state IN ('queued', 'running')"
            f" AND document_id IN (SELECT document_id FROM ({_HELD})) GROUP BY document_id"
            " ORDER BY max(state = 'running') DESC, documents.pages, min(jobs.rowid)",
            {"user": user},
        )
        return [row["document_id"] for row in rows]

    def tags(self, user: str) -> list[str]:
        """Return all tags that a user has given, sorted."""
        rows = self._database.read(
            f"SELECT DISTINCT tag.value AS tag FROM ({_HELD}) JOIN json_each(own_tags) AS tag ORDER BY casefold(tag.value)",
            {"user": user},
        )
        return [row["tag"] for row in rows]

    def search(self, user: str, query: str, *, limit: int) -> list[Hit]:
        """Return the pages of a user's documents that contain all words of a query, the best first.

        If more than 10,000 pages match, only the 10,000 added last are compared.
        """
        words = all_words(query)
        if not words:
            return []
        rows = self._database.read(
            f"""
            WITH held AS ({_HELD})
            SELECT pages.document_id, own_title AS title, number AS page, label,
                snippet(pages_fts, 0, '', '', '…', 24) AS snippet
            FROM pages_fts JOIN pages ON pages.id = pages_fts.rowid {_IN_HELD}
            WHERE pages_fts MATCH :words AND pages_fts.rowid >= COALESCE((
                SELECT pages_fts.rowid
                FROM pages_fts JOIN pages ON pages.id = pages_fts.rowid {_IN_HELD}
                WHERE pages_fts MATCH :words ORDER BY pages_fts.rowid DESC LIMIT 1 OFFSET :most
            ), 0) ORDER BY pages_fts.rank LIMIT :limit
            """,
            {"user": user, "words": words, "most": MAX_RANKED_PAGES, "limit": limit},
        )
        return [Hit(**row) for row in rows]

    def pages(self, user: str, document_id: str) -> list[PageRecord]:
        """Return the pages of a user's document in order, as in the user's file.

        Raises:
            NotFound: the user has no such document.
        """
        return self._documents.pages(document_id, self.get(user, document_id).division)

    def rename(self, user: str, document_id: str, title: str) -> None:
        """Set a title that only this user sees. An empty title restores the title of the user's file."""
        title = clean(" ".join(title.split()))[:MAX_TITLE_CHARS]
        self._change(user, document_id, "title = COALESCE(NULLIF(:value, ''), file_title)", title)

    def set_tags(self, user: str, document_id: str, tags: Sequence[str]) -> None:
        """Replace a user's tags of a document. Tags are trimmed, sorted and cut to `MAX_TAGS`.

        "NLP" and "nlp" are one tag: it is spelled as on the user's other documents, else as it is given first.
        """
        rows = self._database.read(
            f"SELECT DISTINCT tag.value AS tag FROM ({_HELD} AND document_id <> :id) JOIN json_each(own_tags) AS tag",
            {"user": user, "id": document_id},
        )
        known, spelled = {row["tag"].casefold(): row["tag"] for row in rows}, dict[str, str]()
        for tag in tags:
            tag = clean(" ".join(tag.split()))[:MAX_TAG_CHARS]
            if tag:
                spelled.setdefault(tag.casefold(), known.get(tag.casefold(), tag))
        cleaned = sorted(spelled.values(), key=str.casefold)[:MAX_TAGS]
        self._change(user, document_id, "tags = :value", json.dumps(cleaned, ensure_ascii=False))

    def pin(self, user: str, document_id: str, pinned: bool) -> None:
        """List a document first for a user. Memories of a document that any user has pinned are never evicted."""
        self._change(user, document_id, "pinned = :value", pinned)
        with self._database.transaction() as db:
            _pin_as_held(db, document_id)

    def let_go(self, user: str, document_id: str) -> bool:
        """Take a document and its questions from a user; return whether another user still has the document.

        Raises:
            NotFound: the user has no such document.
        """
        self.get(user, document_id)
        with self._database.transaction() as db:
            others = db.execute(
                "SELECT 1 FROM holdings WHERE document_id = ? AND user <> ?", (document_id, user)
            ).fetchone()
            if (
                others is not None
            ):  # the last user's rows are removed with the document, which may be refused while it is read
                for table in ("holdings", "jobs", "questions"):
                    db.execute(f"DELETE FROM {table} WHERE document_id = ? AND user = ?", (document_id, user))
                _drop_divisions(db, document_id)
                _pin_as_held(db, document_id)
        originals.tidy_originals(self._database)
        self._database.forget()
        return others is not None

    def _change(self, user: str, document_id: str, change: str, value: object) -> None:
        self.get(user, document_id)
        with self._database.transaction() as db:
            db.execute(
                f"UPDATE holdings SET {change} WHERE user = :user AND document_id = :id",
                {"value": value, "user": user, "id": document_id},
            )


def _drop_divisions(db: sqlite_utils.Database, document_id: str) -> None:
    """Remove the pages of a document that belong to no user's file any more."""
    db.execute(
        "DELETE FROM pages WHERE document_id = ?1 AND division NOT IN"
        " (SELECT '' UNION SELECT division FROM holdings WHERE document_id = ?1)",
        (document_id,),
    )


def _pin_as_held(db: sqlite_utils.Database, document_id: str) -> None:
    db.execute(
        "UPDATE documents SET pinned = EXISTS (SELECT 1 FROM holdings WHERE document_id = ?1 AND pinned) WHERE id = ?1",
        (document_id,),
    )


def _user_document(row: Row, record: DocumentRecord) -> UserDocument:
    own = replace(
        record,
        title=row["own_title"],
        file_name=row["file_name"],
        format=row["format"],
        authors=tuple(json.loads(row["own_authors"])),
        pages=row["pages"],
        added_at=row["held_at"],
        pinned=bool(row["own_pin"]),
    )
    return UserDocument(own, tuple(json.loads(row["own_tags"])), row["held_at"], row["division"], row["original"])
