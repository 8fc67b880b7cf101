"""Unanswered questions: the app adds them, a server process answers them, and they are kept until the answer is saved.

A question belongs to one owner at a time. If the owner's process has ended, the next owner that asks takes the question over, so
neither a closed page nor a killed server loses a question. This module answers nothing.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.database import Database, Row
from storage.errors import NotFound
from storage.jobs import is_earlier, is_gone


@dataclass(frozen=True)
class QuestionRecord:
    """A question that has no answer yet."""

    id: str
    user: str
    document_id: str
    conversation_id: str
    text: str
    settings: Mapping[str, Any]
    """The settings for its answer."""
    owner: str | None
    asked_at: float


class Questions:
    """The unanswered questions of one library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, user: str, document_id: str, conversation_id: str, text: str, settings: Mapping[str, Any], owner: str
    ) -> QuestionRecord:
        """Record a question for `owner` to answer.

        Raises:
            NotFound: the document is gone.
        """
        record = QuestionRecord(
            uuid.uuid4().hex, user, document_id, conversation_id, text, settings, owner, time.time()
        )
        with self._database.transaction() as db:
            if not db.execute("SELECT 1 FROM documents WHERE id = ?", (document_id,)).fetchone():
                raise NotFound("The document was removed. Choose another one.")
            db.table("questions").insert({**vars(record), "settings": json.dumps(dict(settings))})
        return record

    def waiting(self, user: str, conversation_id: str | None = None) -> list[QuestionRecord]:
        """Return a user's unanswered questions, or those of one conversation, the oldest first."""
        rows = self._database.read(
            "SELECT * FROM questions WHERE user = :user AND (:id IS NULL OR conversation_id = :id)"
            " ORDER BY rowid",  # not by time: clocks are set
            {"user": user, "id": conversation_id},
        )
        return [_question(row) for row in rows]

    def claim(self, owner: str) -> list[QuestionRecord]:
        """Take over the questions whose owners have ended; return all of `owner`'s questions, the oldest first."""
        rows = self._database.read("SELECT * FROM questions WHERE owner IS NOT :owner", {"owner": owner})
        lost = [(row["id"], row["owner"]) for row in rows if _is_lost(row["owner"])]
        if lost:
            with self._database.transaction() as db:
                for question_id, previous in lost:  # unless another process took it over first
                    db.execute(
                        "UPDATE questions SET owner = ? WHERE id = ? AND owner IS ?", (owner, question_id, previous)
                    )
        rows = self._database.read("SELECT * FROM questions WHERE owner = ? ORDER BY rowid", (owner,))
        return [_question(row) for row in rows]

    def remove(self, question_id: str) -> None:
        """Remove a question that is answered or abandoned."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM questions WHERE id = ?", (question_id,))


def _is_lost(owner: str | None) -> bool:
    return owner is None or is_gone(owner) or is_earlier(owner)


def _question(row: Row) -> QuestionRecord:
    return QuestionRecord(**{**row, "settings": json.loads(row["settings"])})
