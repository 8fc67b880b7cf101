"""The documents of a library: their rows, their pages, and their texts in files beside the database.

Deliberately not here: which user has which document (`user_documents`), and documents' memories (`memories`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from storage.database import DOCUMENTS_FOLDER, Database, Row
from storage.errors import NotFound
from storage.full_text import MAX_RANKED_PAGES, all_words
from storage.manifests import DOCUMENT_SUFFIX, StoredDocument, checked_key, clean
from storage.records import LOCAL_USER, DocumentRecord, Hit, PageRecord

_DOCUMENTS = """
    SELECT documents.*, COUNT(memories.hash) AS memories,
        COALESCE(SUM(memories.bytes), 0) AS memory_bytes,
        CASE WHEN COUNT(memories.hash) THEN 'ready' WHEN COUNT(memories.key) THEN 'reading' ELSE 'unread' END AS state
    FROM documents LEFT JOIN memories ON memories.document_id = documents.id
"""
_LOCAL_TITLE = f"""
    COALESCE((SELECT title FROM holdings WHERE user = '{LOCAL_USER}' AND document_id = documents.id), documents.title)
"""
"""A document's title for the local user, so that the shell lists and finds the titles that the app shows without accounts."""
_LOCAL_DOCUMENTS = _DOCUMENTS.replace("documents.*,", f"documents.*, {_LOCAL_TITLE} AS local_title,")
_NEWEST_FIRST = "GROUP BY documents.id ORDER BY documents.added_at DESC, documents.rowid DESC"
_PREFIX_ID = re.compile(r"[0-9a-f]{4,64}")


class Documents:
    """The documents of one library."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.folder = database.folder

    def documents(self) -> list[DocumentRecord]:
        """Return all documents, newest first."""
        return [_document(row) for row in self.database.read(f"{_LOCAL_DOCUMENTS} {_NEWEST_FIRST}")]

    def documents_of(self, ids: Sequence[str]) -> list[DocumentRecord]:
        """Return those documents with these ids that exist."""
        rows = self.database.read(
            f"{_DOCUMENTS} WHERE documents.id IN (SELECT value FROM json_each(?)) {_NEWEST_FIRST}",
            (json.dumps(list(ids)),),
        )
        return [_document(row) for row in rows]

    def document(self, reference: str) -> DocumentRecord:
        """Return the one document with this id, beginning of an id (4 digits or more), title or file name.

        Raises:
            NotFound: no document matches, or several do.
        """
        reference = clean(reference)
        prefix = reference.lower()
        # A range, not LIKE, so that the primary key's index is used; "g" follows the last hexadecimal digit.
        low, high = (prefix, prefix + "g") if _PREFIX_ID.fullmatch(prefix) else ("", "")
        rows = self.database.read(
            f"{_LOCAL_DOCUMENTS} WHERE (documents.id >= :low AND documents.id < :high)"
            f" OR documents.title = :name OR {_LOCAL_TITLE} = :name OR documents.file_name = :name {_NEWEST_FIRST}",
            {"low": low, "high": high, "name": reference},
        )
        found = [_document(row) for row in rows]
        exact = [document for document in found if document.id == prefix] or found
        if len(exact) == 1:
            return exact[0]
        if exact:
            raise NotFound(f"{reference!r} may be any of {_listed(exact)}. Give more of the id.")
        raise NotFound(f"There is no document {reference!r} in {self.folder}. {self._suggestion(reference)}")

    def pages(self, document_id: str, division: str = "") -> list[PageRecord]:
        """Return the pages of a document in order; together their texts are the document's text.

        Args:
            division: the division of a user's own file (see `UserDocument`), if it differs from the document's.

        Raises:
            NotFound: there is no document with this id.
        """
        self._document(document_id)
        rows = self.database.read(
            "SELECT document_id, number, label, start_char, end_char, text FROM pages"
            " WHERE document_id = ? AND division = ? ORDER BY number",
            (document_id, division),
        )
        return [PageRecord(**row) for row in rows]

    def page(self, document_id: str, number: int, division: str = "") -> PageRecord | None:
        """Return one page of a document, counted from 1; None if there is no such page."""
        rows = self.database.read(
            "SELECT document_id, number, label, start_char, end_char, text FROM pages"
            " WHERE document_id = ? AND division = ? AND number = ?",
            (document_id, division, number),
        )
        return PageRecord(**rows[0]) if rows else None

    def text(self, document_id: str) -> str:
        """Return the whole text of a document.

        Raises:
            NotFound: there is no document with this id.
        """
        return "".join(page.text for page in self.pages(document_id))

    def search(self, query: str, *, limit: int = 20) -> list[Hit]:
        """Return the pages that contain all words of a query, the best first. Signs in the query are ignored.

        If more than 10,000 pages match, only the 10,000 added last are compared.
        """
        words = all_words(query)
        if not words:
            return []
        rows = self.database.read(
            f"""
            SELECT document_id, {_LOCAL_TITLE} AS title, number AS page, label, found.snippet FROM (
                SELECT pages_fts.rowid, rank, snippet(pages_fts, 0, '', '', '…', 24) AS snippet
                FROM pages_fts JOIN pages ON pages.id = pages_fts.rowid AND division = ''
                WHERE pages_fts MATCH :words AND pages_fts.rowid >= COALESCE(
                    (SELECT rowid FROM pages_fts WHERE pages_fts MATCH :words ORDER BY rowid DESC LIMIT 1 OFFSET :most), 0
                ) ORDER BY rank LIMIT :limit
            ) AS found JOIN pages ON pages.id = found.rowid JOIN documents ON documents.id = pages.document_id
            ORDER BY found.rank
            """,
            {"words": words, "most": MAX_RANKED_PAGES, "limit": limit},
        )
        return [Hit(**row) for row in rows]

    def document_file(self, document_id: str) -> Path:
        """Return the path of a document's file, which may not exist yet."""
        return self.folder / DOCUMENTS_FOLDER / (checked_key(document_id) + DOCUMENT_SUFFIX)

    def stored(self, document_id: str) -> StoredDocument:
        """Return what a document's file holds: its own title, which no user's renaming changes, and all its pages.

        Raises:
            NotFound: there is no document with this id.
        """
        return StoredDocument.of(self._document(document_id), self.pages(document_id))

    def _document(self, document_id: str) -> DocumentRecord:
        rows = self.database.read(f"{_DOCUMENTS} WHERE documents.id = ? GROUP BY documents.id", (document_id,))
        if not rows:
            raise NotFound(f"There is no document {document_id[:12]!r} in {self.folder}.")
        return _document(rows[0])

    def _suggestion(self, reference: str) -> str:
        rows = self.database.read(
            f"{_DOCUMENTS} GROUP BY documents.id"
            " ORDER BY instr(lower(title), lower(?)) > 0 DESC, documents.added_at DESC LIMIT 5",
            (reference,),
        )
        if not rows:
            return "The library is empty: read a document first."
        return f"The library has, among others, {_listed([_document(row) for row in rows])}."


def _listed(documents: Sequence[DocumentRecord]) -> str:
    names = [f"{document.id[:12]} ({document.title})" for document in documents[:5]]
    return ", ".join(names) + (", …" if len(documents) > len(names) else "")


def _document(row: Row) -> DocumentRecord:
    fields = {name: value for name, value in row.items() if name != "local_title"}
    read = {"pinned": bool(row["pinned"]), "authors": tuple(json.loads(row["authors"]))}
    return DocumentRecord(**{**fields, **read, "title": row.get("local_title", row["title"])})
