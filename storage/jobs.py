"""Reading jobs: which documents are to be read, by whom, and how far they are. They belong to the library, not to a program.

A job is run by one owner at a time, who shows with every beat that it is alive. An owner that is silent or whose
process is gone has lost the job, and the next one to ask takes it over. It reads nothing and knows no models.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from storage.database import Database, Row
from storage.errors import NotFound, StoreBusy

JobState = Literal["queued", "running", "paused", "cancelled", "failed", "ready"]

SILENT_SECONDS = 20.0
"""An owner that has not been heard of for so long has lost its job."""

_OWNERS: set[str] = set()
"""All that this process has named. In a container a program that is started again may well have its old number."""
_UNFINISHED = ("queued", "running", "paused")
_OUTCOMES = {"pause": "paused", "cancel": "cancelled"}


@dataclass(frozen=True)
class JobRecord:
    """One document to be read under some settings, and how far it is."""

    id: str
    user: str
    """Who has asked for it; empty for whoever uses the library on their own computer."""
    document_id: str
    settings: Mapping[str, Any]
    """What the reader needs to know: model, ratio and so on."""
    state: JobState
    wanted: Literal["pause", "cancel"] | None
    """What the owner of a running job was asked to do."""
    owner: str | None
    beat_at: float
    pages_done: int
    pages: int
    tokens_done: int
    tokens: int
    tokens_per_second: float
    seconds_left: float | None
    reason: str | None
    """Why it failed, for a person."""
    memory_key: str | None
    created_at: float


def new_owner() -> str:
    """A name for whoever runs jobs here: host, process, and a number of its own."""
    owner = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
    _OWNERS.add(owner)
    return owner


class Jobs:
    """The jobs of one library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, document_id: str, settings: Mapping[str, Any], user: str = "") -> JobRecord:
        """Queue a document for a user; the same unfinished job is not queued twice, and goes on where it was paused.

        Users who want the same have a job each: what one of them pauses or cancels is still read for the other.

        Raises:
            NotFound: there is no such document.
        """
        text = json.dumps(dict(settings), sort_keys=True)
        with self._database.transaction() as db:
            if not db.execute("SELECT 1 FROM documents WHERE id = ?", (document_id,)).fetchone():
                raise NotFound(f"There is no document {document_id[:12]!r} in this library. Add it first.")
            known = db.execute(
                "SELECT id FROM jobs WHERE document_id = ? AND settings = ? AND user = ?"
                " AND state IN ('queued', 'running', 'paused')",
                (document_id, text, user),
            ).fetchone()
            if known:
                db.execute("UPDATE jobs SET state = 'queued' WHERE id = ? AND state = 'paused'", (known[0],))
                job_id = known[0]
            else:
                # Of a document under one setting the library remembers one job, the latest.
                db.execute(
                    "DELETE FROM jobs WHERE document_id = ? AND settings = ? AND user = ?", (document_id, text, user)
                )
                job_id = uuid.uuid4().hex
                now = time.time()
                db.execute(
                    "INSERT INTO jobs (id, user, document_id, settings, state, beat_at, created_at)"
                    " VALUES (?, ?, ?, ?, 'queued', ?, ?)",
                    (job_id, user, document_id, text, now, now),
                )
        return self.get(job_id)

    def get(self, job_id: str) -> JobRecord:
        """Return a job by its id or the unique beginning of it.

        Raises:
            NotFound: there is none, or there are several.
        """
        rows = self._database.read("SELECT * FROM jobs WHERE substr(id, 1, length(?1)) = ?1", (job_id,))
        if len(rows) != 1 or not job_id:
            found = "no job" if not rows else f"{len(rows)} jobs"
            raise NotFound(f"There is {found} {job_id!r} in this library; list them to see their ids.")
        return _job(rows[0])

    def all(self, document_id: str | None = None, user: str | None = None) -> list[JobRecord]:
        """Return all jobs, or those of one document, or of one user, newest first."""
        which = "1" if document_id is None else "document_id = :id"  # told apart here, for the index to be used
        rows = self._database.read(
            f"SELECT * FROM jobs WHERE {which} AND (:user IS NULL OR user = :user) ORDER BY rowid DESC",
            {"id": document_id, "user": user},
        )
        return [_job(row) for row in rows]

    def claim(
        self, owner: str, *, job_id: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> JobRecord | None:
        """Take the oldest job that waits, or that a lost owner left behind; None when there is nothing to do.

        Args:
            job_id: this job only.
            settings: only jobs that have these among their settings.
        """
        with self._database.transaction() as db:
            rows = db.execute(
                "SELECT id, state, owner, beat_at, document_id, settings FROM jobs"
                " WHERE state IN ('queued', 'running') ORDER BY rowid"
            ).fetchall()
            at_work = {
                claimed: (document_id, text)
                for claimed, state, previous, beat_at, document_id, text in rows
                if state == "running" and not _is_lost(previous, beat_at)
            }
            for claimed, _, _, _, document_id, text in rows:
                if claimed in at_work or job_id not in (None, claimed):
                    continue
                # What is just being read for one user is not begun for another: it is found finished afterwards.
                if job_id is None and (document_id, text) in at_work.values():
                    continue
                if (settings or {}).items() <= json.loads(text).items():
                    db.execute(
                        "UPDATE jobs SET state = 'running', wanted = NULL, reason = NULL, owner = ?, beat_at = ? WHERE id = ?",
                        (owner, time.time(), claimed),
                    )
                    break
            else:
                return None
        return self.get(claimed)

    def beat(self, job_id: str, owner: str, **progress: float | str | None) -> Literal["pause", "cancel"] | None:
        """Show that the owner is alive, note its progress (fields of `JobRecord`), and return what it is asked to do.

        Raises:
            StoreBusy: another owner has taken the job over.
        """
        fields = {"beat_at": time.time(), **progress}
        changes = ", ".join(f"{name} = :{name}" for name in fields)
        with self._database.transaction() as db:
            found = db.execute(
                f"UPDATE jobs SET {changes} WHERE id = :id AND owner = :owner AND state = 'running' RETURNING wanted",
                {**fields, "id": job_id, "owner": owner},
            ).fetchone()
        if found is None:
            raise StoreBusy(f"The job {job_id[:8]} was taken over or ended elsewhere; look at the list of jobs.")
        wanted: Literal["pause", "cancel"] | None = found[0]
        return wanted

    def end(
        self, job_id: str, owner: str, state: JobState, *, reason: str | None = None, memory_key: str | None = None
    ) -> None:
        """Give a job back in its last state. Does nothing when another owner has it."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE jobs SET state = ?, wanted = NULL, reason = ?, memory_key = COALESCE(?, memory_key), owner = NULL,"
                " seconds_left = NULL"
                " WHERE id = ? AND owner = ?",
                (state, reason, memory_key, job_id, owner),
            )
            if state == "ready":  # of two readings the one that ended last is asked, also when the clock was set back
                db.execute(
                    """
                    UPDATE jobs SET beat_at = MAX(beat_at, (
                        SELECT MAX(ready_at) FROM memories WHERE document_id = jobs.document_id
                    ) + 1e-6, (
                        SELECT MAX(beat_at) FROM jobs AS other WHERE other.document_id = jobs.document_id AND state = 'ready'
                    ) + 1e-6) WHERE id = ? AND EXISTS (SELECT 1 FROM memories WHERE document_id = jobs.document_id AND ready_at)
                    """,
                    (job_id,),
                )

    def stop(self, job_id: str, wanted: Literal["pause", "cancel"]) -> JobRecord:
        """Pause or cancel a job: at once where it waits or its owner is lost, else as soon as its owner hears of it."""
        job = self.get(job_id)
        outcome = _OUTCOMES[wanted]
        with self._database.transaction() as db:
            if job.state == "running" and not _is_lost(job.owner, job.beat_at):
                db.execute("UPDATE jobs SET wanted = ? WHERE id = ? AND state = 'running'", (wanted, job.id))
            else:
                db.execute(
                    "UPDATE jobs SET state = ?, owner = NULL WHERE id = ? AND state IN ('queued', 'running', 'paused')",
                    (outcome, job.id),
                )
        return self.get(job.id)

    def go_on(self, job_id: str) -> JobRecord:
        """Queue a job again that was paused, was cancelled or has failed."""
        job = self.get(job_id)
        with self._database.transaction() as db:
            db.execute("UPDATE jobs SET wanted = NULL WHERE id = ? AND state = 'running'", (job.id,))
            db.execute(
                "UPDATE jobs SET state = 'queued', reason = NULL WHERE id = ? AND state IN ('paused', 'cancelled', 'failed')",
                (job.id,),
            )
        return self.get(job.id)


def is_running(job: JobRecord) -> bool:
    """Whether someone who is alive runs the job."""
    return job.state == "running" and not _is_lost(job.owner, job.beat_at)


def is_unfinished(job: JobRecord) -> bool:
    """Whether the job waits, runs or is paused."""
    return job.state in _UNFINISHED


def _is_lost(owner: str | None, beat_at: float) -> bool:
    # A beat of the future is one of before the clock was set back; an owner that is alive beats again at once.
    return owner is None or abs(time.time() - beat_at) > SILENT_SECONDS or is_gone(owner)


def is_gone(owner: str) -> bool:
    """Whether the process of an owner, as `new_owner` named it, is known to be gone."""
    host, process, _ = owner.rsplit("/", 2)
    if host != socket.gethostname():
        return False
    if int(process) == os.getpid():
        return owner not in _OWNERS
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _job(row: Row) -> JobRecord:
    return JobRecord(**{**row, "settings": json.loads(row["settings"])})
