"""Conversations about documents: each user's turns of question, answer and evidence.

Every method takes the user: another user's conversation is reported as missing. Removing a document removes its conversations, so
that no conversation quotes a removed document. This module knows no models and answers nothing.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import sqlite_utils

from storage.database import Database, Row
from storage.errors import NotFound, StoreBusy


@dataclass(frozen=True)
class TurnRecord:
    """One question with its answer."""

    number: int
    """Counted from 0."""
    question: str
    answer: str
    evidence: Sequence[Mapping[str, Any]]
    """The reader's fields for each place of the evidence."""
    counts: Mapping[str, Any]
    """The cost of the answer: tokens, seconds."""
    asked_at: float


@dataclass(frozen=True)
class ConversationRecord:
    """A user's conversation about documents."""

    id: str
    user: str
    """Empty for the local user."""
    document_ids: tuple[str, ...]
    created_at: float
    turns: tuple[TurnRecord, ...]
    asked_by: str = ""
    """Empty for a person in the app, else the kind of program that asks."""


class Conversations:
    """The conversations of all users of one library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, document_ids: Sequence[str], user: str = "", *, asked_by: str = "") -> ConversationRecord:
        """Begin a conversation about one document or several, in this order.

        Args:
            asked_by: the kind of program that asks; empty for a person in the app.

        Raises:
            NotFound: a document does not exist.
            ValueError: no document, or the same document twice.
        """
        if not document_ids or len(set(document_ids)) < len(document_ids):
            raise ValueError(f"A conversation is about one document or several different ones, not {document_ids!r}.")
        conversation_id = uuid.uuid4().hex
        with self._database.transaction() as db:
            for document_id in document_ids:
                if not db.execute("SELECT 1 FROM documents WHERE id = ?", (document_id,)).fetchone():
                    raise NotFound(f"There is no document {document_id!r} in this library; add it first.")
            row = (conversation_id, user, time.time(), asked_by)
            db.execute("INSERT INTO conversations VALUES (?, ?, ?, ?)", row)
            for place, document_id in enumerate(document_ids):
                db.execute("INSERT INTO conversation_documents VALUES (?, ?, ?)", (conversation_id, place, document_id))
        return self.get(conversation_id, user)

    def get(self, conversation_id: str, user: str = "") -> ConversationRecord:
        """Return a user's conversation.

        Raises:
            NotFound: this user has no conversation with this id.
        """
        found = self._read("id = :id", {"id": conversation_id, "user": user})
        if not found:
            raise NotFound(f"There is no conversation {conversation_id!r}; it may have gone with its document.")
        return found[0]

    def all(
        self, user: str = "", document_id: str | None = None, *, asked_by: str | None = None
    ) -> list[ConversationRecord]:
        """Return a user's conversations, or those about one document, newest first.

        Args:
            asked_by: only conversations of people (""), or of one kind of program; None: all.
        """
        return self._read(
            "(:asked_by IS NULL OR asked_by = :asked_by) AND (:document IS NULL OR id IN"
            " (SELECT conversation_id FROM conversation_documents WHERE document_id = :document))",
            {"document": document_id, "user": user, "asked_by": asked_by},
        )

    def add_turn(
        self,
        conversation: ConversationRecord,
        question: str,
        answer: str,
        *,
        number: int | None = None,
        evidence: Sequence[Mapping[str, Any]] = (),
        counts: Mapping[str, Any] | None = None,
    ) -> ConversationRecord:
        """Add a turn after the record's turns, or replace the turns from `number`; return the changed conversation.

        Raises:
            NotFound: the conversation is gone.
            StoreBusy: another program added turns since the record was read.
        """
        place = len(conversation.turns) if number is None else number
        turn = (conversation.id, place, question, answer, json.dumps(list(evidence)), json.dumps(dict(counts or {})))
        with self._database.transaction() as db:
            self._check_unchanged(db, conversation)
            db.execute("DELETE FROM turns WHERE conversation_id = ? AND number >= ?", (conversation.id, place))
            db.execute("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?)", (*turn, time.time()))
        return self.get(conversation.id, conversation.user)

    def branch(self, conversation: ConversationRecord, turns: int) -> ConversationRecord:
        """Begin another conversation with copies of the first `turns` turns of this one; return it.

        Raises:
            NotFound: the conversation is gone.
            StoreBusy: another program added turns since the record was read.
        """
        branch_id = uuid.uuid4().hex
        with self._database.transaction() as db:
            self._check_unchanged(db, conversation)
            row = (branch_id, conversation.user, time.time(), conversation.asked_by)
            db.execute("INSERT INTO conversations VALUES (?, ?, ?, ?)", row)
            db.execute(
                "INSERT INTO conversation_documents"
                " SELECT ?, place, document_id FROM conversation_documents WHERE conversation_id = ?",
                (branch_id, conversation.id),
            )
            db.execute(
                "INSERT INTO turns SELECT ?, number, question, answer, evidence, counts, asked_at FROM turns"
                " WHERE conversation_id = ? AND number < ?",
                (branch_id, conversation.id, turns),
            )
        return self.get(branch_id, conversation.user)

    def remove(self, conversation_id: str, user: str = "") -> None:
        """Remove a user's conversation.

        Raises:
            NotFound: this user has no conversation with this id.
        """
        self.get(conversation_id, user)
        with self._database.transaction() as db:
            db.execute("DELETE FROM conversations WHERE id = ? AND user = ?", (conversation_id, user))
        self._database.forget()

    def _read(self, condition: str, parameters: Row) -> list[ConversationRecord]:
        # One statement, so that a conversation and its turns are those of one moment.
        rows = self._database.read(
            f"""
            SELECT conversations.*,
                (SELECT json_group_array(json_array(place, document_id)) FROM conversation_documents
                    WHERE conversation_id = conversations.id) AS document_ids,
                (SELECT json_group_array(json_object('number', number, 'question', question, 'answer', answer,
                    'evidence', json(evidence), 'counts', json(counts), 'asked_at', asked_at))
                    FROM turns WHERE conversation_id = conversations.id) AS turns
            FROM conversations WHERE user = :user AND ({condition}) ORDER BY rowid DESC
            """,
            parameters,
        )
        return [
            ConversationRecord(
                row["id"],
                row["user"],
                tuple(document_id for _, document_id in sorted(json.loads(row["document_ids"]))),
                row["created_at"],
                tuple(TurnRecord(**turn) for turn in sorted(json.loads(row["turns"]), key=itemgetter("number"))),
                row["asked_by"],
            )
            for row in rows
        ]

    def _check_unchanged(self, db: sqlite_utils.Database, conversation: ConversationRecord) -> None:
        known = db.execute(
            "SELECT 1 FROM conversations WHERE id = ? AND user = ?", (conversation.id, conversation.user)
        ).fetchone()
        if known is None:
            raise NotFound(f"There is no conversation {conversation.id!r}; it may have gone with its document.")
        turns = db.execute(
            "SELECT question, answer FROM turns WHERE conversation_id = ? ORDER BY number", (conversation.id,)
        ).fetchall()
        if turns != [(turn.question, turn.answer) for turn in conversation.turns]:
            raise StoreBusy("This conversation changed in another window. Reload it.")
