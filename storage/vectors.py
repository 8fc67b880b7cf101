"""What a sentence encoder made of documents: one row for each document and encoder, removed with the document.

A row that is damaged reads as missing, because a later reading can make it again. For the same reason no export and no rebuilt
library has the rows. This module does not know what the bytes mean.
"""

from __future__ import annotations

import hashlib

from storage.database import Database


class Vectors:
    """The sentence vectors of one library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, document_id: str, encoder: str, content: bytes) -> None:
        """Keep a document's vectors in place of earlier ones by the same encoder. Nothing is kept of a document that is gone.

        Args:
            encoder: the fingerprint of the encoder.
        """
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO sentence_vectors (document_id, encoder, hash, content)"
                " SELECT id, ?, ?, ? FROM documents WHERE id = ?",
                (encoder, hashlib.sha256(content).hexdigest(), content, document_id),
            )

    def get(self, document_id: str, encoder: str) -> bytes | None:
        """Return a document's vectors by an encoder; None if there are none, or they are damaged."""
        rows = self._database.read(
            "SELECT hash, content FROM sentence_vectors WHERE document_id = ? AND encoder = ?", (document_id, encoder)
        )
        if not rows or hashlib.sha256(rows[0]["content"]).hexdigest() != rows[0]["hash"]:
            return None
        return bytes(rows[0]["content"])

    def missing(self, encoder: str) -> list[str]:
        """The ids of documents that have a finished memory and no vectors by an encoder, those used last first."""
        rows = self._database.read(
            "SELECT document_id FROM memories WHERE state = 'ready' AND document_id NOT IN"
            " (SELECT document_id FROM sentence_vectors WHERE encoder = ?)"
            " GROUP BY document_id ORDER BY max(last_used_at) DESC, document_id",
            (encoder,),
        )
        return [row["document_id"] for row in rows]
