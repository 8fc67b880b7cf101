"""Reading jobs: the documents to read, their owners and their progress. Jobs belong to the library, not to a program.

One owner at a time runs a job and shows with every beat that it is alive. If the owner is silent or its process has ended, the
next owner that asks takes the job over. This module reads nothing and knows no models.
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
"""An owner without a beat for this time loses its job."""

_OWNERS: set[str] = set()
"""All that this process has named."""
_UNFINISHED = ("queued", "running", "paused")
_OUTCOMES = {"pause": "paused", "cancel": "cancelled"}


@dataclass(frozen=True)
class JobRecord:
    """A reading of one document with some settings, and its progress."""

    id: str
    user: str
    """The user who asked for it; empty for the local user."""
    document_id: str
    settings: Mapping[str, Any]
    """The reader's settings: model, ratio and so on."""
    state: JobState
    wanted: Literal["pause", "cancel"] | None
    """A request to the owner of a running job."""
    owner: str | None
    beat_at: float
    pages_done: int
    pages: int
    tokens_done: int
    tokens: int
    tokens_per_second: float
    seconds_left: float | None
    reason: str | None
    """The reason of a failure, in words for the user."""
    memory_key: str | None
    created_at: float


def new_owner() -> str:
    """A new name for an owner of jobs: host, process, and a random number."""
    owner = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
    _OWNERS.add(owner)
    return owner


class Jobs:
    """The jobs of one library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, document_id: str, settings: Mapping[str, Any], user: str = "", owner: str | None = None) -> JobRecord:
        """Queue a document for a user. If the same job is unfinished, return that job, and resume it if it was paused.

        Each user has their own job: if one user pauses or cancels, the document is still read for the others.

        Args:
            owner: who runs the job if it is new; nobody else can claim it then.

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
                # The library keeps only the latest job of a document with the same settings.
                db.execute(
                    "DELETE FROM jobs WHERE document_id = ? AND settings = ? AND user = ?", (document_id, text, user)
                )
                job_id = uuid.uuid4().hex
                now = time.time()
                db.execute(
                    "INSERT INTO jobs (id, user, document_id, settings, state, owner, beat_at, created_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (job_id, user, document_id, text, "running" if owner else "queued", owner, now, now),
                )
        return self.get(job_id)

    def get(self, job_id: str) -> JobRecord:
        """Return a job by its id or a unique start of its id.

        Raises:
            NotFound: no job matches, or several do.
        """
        rows = self._database.read("SELECT * FROM jobs WHERE substr(id, 1, length(?1)) = ?1", (job_id,))
        if len(rows) != 1 or not job_id:
            found = "no job" if not rows else f"{len(rows)} jobs"
            raise NotFound(f"There is {found} {job_id!r} in this library; list them to see their ids.")
        return _job(rows[0])

    def all(self, document_id: str | None = None, user: str | None = None) -> list[JobRecord]:
        """Return all jobs, or those of one document, or of one user, newest first."""
        which = "1" if document_id is None else "document_id = :id"  # chosen here, so that SQLite uses the index
        rows = self._database.read(
            f"SELECT * FROM jobs WHERE {which} AND (:user IS NULL OR user = :user) ORDER BY rowid DESC",
            {"id": document_id, "user": user},
        )
        return [_job(row) for row in rows]

    def claim(
        self, owner: str, *, job_id: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> JobRecord | None:
        """Claim a queued job or a job of a lost owner; None if there is none.

        The document with the fewest pages comes first, so that a letter does not wait for books; of as many pages the oldest job.

        Args:
            job_id: claim only this job.
            settings: claim only jobs whose settings include these.
        """
        with self._database.transaction() as db:
            rows = db.execute(
                "SELECT jobs.id, state, owner, beat_at, document_id, settings"
                " FROM jobs JOIN documents ON documents.id = document_id"
                " WHERE state IN ('queued', 'running') ORDER BY documents.pages, jobs.rowid"
            ).fetchall()
            at_work = {
                claimed: (document_id, text)
                for claimed, state, previous, beat_at, document_id, text in rows
                if state == "running" and not _is_lost(previous, beat_at)
            }
            for claimed, _, _, _, document_id, text in rows:
                if claimed in at_work or job_id not in (None, claimed):
                    continue
                # Do not start a reading that runs for another user already: its memory will serve both.
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
        """Show that the owner is alive, record its progress (fields of `JobRecord`), and return the request to it, if any.

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
            raise StoreBusy(
                f"The job {job_id[:8]} was taken over or ended by another program; list the jobs to see its state."
            )
        wanted: Literal["pause", "cancel"] | None = found[0]
        return wanted

    def end(
        self, job_id: str, owner: str, state: JobState, *, reason: str | None = None, memory_key: str | None = None
    ) -> None:
        """End a job with its last state. Does nothing if another owner has it."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE jobs SET state = ?, wanted = NULL, reason = ?, memory_key = COALESCE(?, memory_key), owner = NULL,"
                " seconds_left = NULL"
                " WHERE id = ? AND owner = ?",
                (state, reason, memory_key, job_id, owner),
            )
            if state == "ready":  # the reading that ended last is asked, even if the clock was set back
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
        """Pause or cancel a job: at once if it waits or its owner is lost, else at its owner's next beat."""
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
        """Queue a paused, cancelled or failed job again."""
        job = self.get(job_id)
        with self._database.transaction() as db:
            db.execute("UPDATE jobs SET wanted = NULL WHERE id = ? AND state = 'running'", (job.id,))
            db.execute(
                "UPDATE jobs SET state = 'queued', reason = NULL WHERE id = ? AND state IN ('paused', 'cancelled', 'failed')",
                (job.id,),
            )
        return self.get(job.id)


def is_active(job: JobRecord) -> bool:
    """Whether the job runs, or will without anybody's doing."""
    return job.state in ("queued", "running")


def is_running(job: JobRecord) -> bool:
    """Whether a living owner runs the job."""
    return job.state == "running" and not _is_lost(job.owner, job.beat_at)


def is_unfinished(job: JobRecord) -> bool:
    """Whether the job waits, runs or is paused."""
    return job.state in _UNFINISHED


def _is_lost(owner: str | None, beat_at: float) -> bool:
    # A beat in the future is from before the clock was set back. A living owner beats again at once.
    return owner is None or abs(time.time() - beat_at) > SILENT_SECONDS or is_gone(owner)


def is_gone(owner: str) -> bool:
    """Whether the process of an owner (a name from `new_owner`) has certainly ended."""
    host, process, _ = owner.rsplit("/", 2)
    if host != socket.gethostname() or int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def is_earlier(owner: str) -> bool:
    """Whether an owner is a process of before that had this process's number, as in a container that was started again."""
    host, process, _ = owner.rsplit("/", 2)
    return host == socket.gethostname() and int(process) == os.getpid() and owner not in _OWNERS


def _job(row: Row) -> JobRecord:
    return JobRecord(**{**row, "settings": json.loads(row["settings"])})
