"""Documents of which no page is read yet: whether a question waits for one, and why they cannot be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reader.errors import ConfigError, NotReady
from storage import LOCAL_USER, JobRecord, MemoryRecord, NotFound, QuestionRecord, Store, is_unfinished


class Readings(Protocol):
    """What a service knows of a library's documents."""

    store: Store

    def memory(self, document_id: str, user: str) -> MemoryRecord | None:
        """The memory that a user can ask."""

    def jobs(self, document_ids: Sequence[str], user: str) -> Mapping[str, JobRecord]:
        """A user's reading that counts for each of these documents."""


def is_unread(service: Readings, document_ids: Sequence[str], user: str = LOCAL_USER) -> bool:
    """Whether none of some documents has a page that was read."""
    return all(service.memory(document_id, user) is None for document_id in document_ids)


def may_be_read(service: Readings, document_ids: Sequence[str], user: str = LOCAL_USER) -> bool:
    """Whether one of some documents waits, is being read, or paused."""
    return any(map(is_unfinished, service.jobs(document_ids, user).values()))


def waits_for_reading(service: Readings, question: QuestionRecord) -> bool:
    """Whether no page of a question's documents is read yet, and one may still be."""
    try:
        ids = service.store.conversations.get(question.conversation_id, question.user).document_ids
    except NotFound:
        return False
    return is_unread(service, ids, question.user) and may_be_read(service, ids, question.user)


def why_unread(service: Readings, document_ids: Sequence[str], user: str = LOCAL_USER) -> ConfigError:
    """Why documents of which nothing was read cannot be asked."""
    jobs = service.jobs(document_ids, user).values()
    if any(map(is_unfinished, jobs)):
        return NotReady("The document is not read yet; wait until its first pages are.")
    if reasons := [job.reason for job in jobs if job.state == "failed" and job.reason]:
        return ConfigError(f"The document could not be read: {reasons[0]}")
    return ConfigError("The document is not read yet; begin its reading, or continue it first.")
