"""What all open pages of the app share: a library, a decoder, the readings of the library, and the memories asked last.

Readings are the library's jobs: what is read here, in a shell or by another server is seen alike, and what a killed server
was reading goes on when the next one starts. It parses no files, reads no flags, and knows nothing of pages or HTML.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reader.documents import Document
from reader.errors import ConfigError
from reader.models import DEFAULT_MODEL
from storage import JobRecord, MemoryRecord, Store, is_running

if TYPE_CHECKING:  # torch and transformers take seconds to import: a page opens without them
    from reader.answering import Answer, AttachedMemory
    from reader.checkpoints import Model
    from reader.estimate import Estimate
    from reader.jobs import Worker
    from reader.reading import ReadingProgress

ATTACHED_MEMORIES = 2
"""Memories kept attached; each one costs as many bytes as its file."""

_CLOSE_SECONDS = 5.0
"""How long closing waits for the window at hand; a job that is left behind is taken over at the next start."""

_RATIO_ADVICE = re.compile(r"read it with --ratio \d+")
_STOPPED_STATES = {"paused": "paused", "cancelled": "stopped", "failed": "failed"}


@dataclass(frozen=True)
class Reply:
    """An answer so far; the last one carries what it cost."""

    text: str
    answer: Answer | None = None
    attach_seconds: float = 0.0
    """What attaching its memory took, for this question or for one before."""
    is_being_read: bool = False
    """Whether its document was still being read, or waited to be."""


class Service:
    """One library and one decoder behind any number of pages."""

    def __init__(self, store: Store, model_name: str = DEFAULT_MODEL, cache_folder: Path | None = None) -> None:
        self.store = store
        self.model_name = model_name
        self.model: Model | None = None
        self.loading: tuple[str, float] = ("load", 0.0)
        """The stage of loading the decoder, and how much of it is done."""
        self.load_error: Exception | None = None
        self.estimates: dict[str, Estimate] = {}
        """What the readings that were begun here were estimated to take, by job id."""
        self._cache_folder = cache_folder
        self._load_again = threading.Event()
        self._closed = False
        self._worker: Worker | None = None
        self._attached: dict[tuple[str, str, int], AttachedMemory] = {}
        self._attaching = threading.Lock()
        self._answering = threading.Lock()

    def start(self) -> None:
        """Load the decoder in the background, then read whatever the library has queued or a lost program left behind."""
        threading.Thread(target=self._load_and_work, name="loading", daemon=True).start()

    def close(self) -> None:
        """Stop reading after the window at hand; the job is queued again, for the next start or another program."""
        self._closed = True
        self._load_again.set()
        if self._worker is not None:
            self._worker.stop()
            self._worker.join(_CLOSE_SECONDS)

    def load_again(self) -> None:
        """Try once more to load the decoder after an error."""
        self.load_error, self.loading = None, ("load", 0.0)
        self._load_again.set()

    # Readings

    def add(self, document: Document) -> None:
        """Put a document into the library and read it when its turn comes.

        Raises:
            StoreError: the library cannot be written.
        """
        from reader.jobs import JobSettings, enqueue

        enqueue(document, JobSettings(self.model_name), self.store)
        self._wake()

    def read(self, document_id: str) -> None:
        """Read a document of the library when its turn comes, from behind its last finished window.

        A reading that failed at a ratio of somebody's choice is followed by one that adapts it.

        Raises:
            StoreError: it is not there, or the library cannot be written.
        """
        from reader.jobs import JobSettings

        job = self.jobs(document_id).get(document_id)
        can_go_on = job is not None and (
            job.state in ("queued", "running", "paused", "cancelled")
            or (job.state == "failed" and job.settings.get("ratio") is None)
        )
        if job is not None and can_go_on:
            self.store.jobs.go_on(job.id)
        else:
            self.store.jobs.add(document_id, vars(JobSettings(self.model_name)))
        self._wake()

    def pause(self, document_id: str) -> None:
        """Stop a reading after the window at hand until it is asked for again, wherever it runs."""
        self._stop(document_id, "pause")

    def cancel(self, document_id: str) -> None:
        """Give a reading up after the window at hand, wherever it runs; finished windows are kept."""
        self._stop(document_id, "cancel")

    def jobs(self, document_id: str | None = None) -> dict[str, JobRecord]:
        """The reading that counts for each document, or for one: what runs before what waits, else the newest."""
        jobs: dict[str, JobRecord] = {}
        for job in self.store.jobs.all(document_id):
            known = jobs.get(job.document_id)
            if job.settings.get("model") == self.model_name and (known is None or _urgency(job) > _urgency(known)):
                jobs[job.document_id] = job
        return jobs

    def reads(self, job: JobRecord) -> bool:
        """Whether it is here that a running job is read, not in another program."""
        return self._worker is not None and job.owner == self._worker.owner

    def remove(self, document_id: str) -> None:
        """Remove a document, its jobs and its memories.

        Raises:
            StoreError: it is being read, or is not there.
        """
        self.store.remove_document(document_id)
        with self._attaching:
            self._attached = {
                place: attached
                for place, attached in self._attached.items()
                if attached.record.document_id != document_id
            }

    # Answers

    def memory(self, document_id: str) -> MemoryRecord | None:
        """The memory that can be asked: a ready one, or a half-read one that has a finished window.

        While the decoder loads, it is the one that a decoder of this name made.
        """
        if self.model is not None:
            from reader.answering import choose_memory

            record = choose_memory(self.store, document_id, self.model, while_reading=True)
        else:
            named = [m for m in self.store.memories(document_id) if m.settings.get("model") == self.model_name]
            record = min(named, key=lambda memory: memory.state != "ready", default=None)
        return record if record is not None and (record.state == "ready" or record.slots) else None

    def attach(self, document_id: str) -> tuple[AttachedMemory, bool]:
        """Attach the memory of a document, unless it is, and tell whether that had to be done now.

        Raises:
            ReaderError, StoreError: there is none, or it cannot be used.
        """
        from reader.answering import attach

        record = self.memory(document_id)
        if self.model is None or record is None:
            raise ConfigError("The document is not read yet; wait until its first pages are.")
        with self._attaching:
            # What was attached of a memory that has grown since, or is finished by now, is another memory's.
            windows = record.windows if record.state == "ready" else len(self.store.segments(record.key))
            place = (record.key, record.state, windows)
            known = self._attached.get(place)
            attached = known or attach(record, self.model, self.store)
            self._attached = {other: kept for other, kept in self._attached.items() if other[0] != record.key}
            self._attached[place] = attached  # the last used comes last
            for oldest in list(self._attached)[:-ATTACHED_MEMORIES]:
                del self._attached[oldest]
        return attached, known is None

    def answer(self, document_id: str, question: str, stopped: Callable[[], bool]) -> Generator[Reply]:
        """Yield the answer so far, piece by piece; what is read here waits before its next window until it is done.

        Raises:
            ReaderError, StoreError: see `attach` and `reader.answering.ask`.
        """
        from reader.answering import ask

        with self._answering:
            job = self.jobs(document_id).get(document_id)
            attached, is_new = self.attach(document_id)
            assert self.model is not None
            text = ""
            for part in ask(attached, question, self.model, stopped=stopped, first_question=is_new):
                text += part.text
                yield Reply(text, part.answer, attached.attach_seconds, job is not None and is_active(job))

    # In the background

    def _load_and_work(self) -> None:
        while self.model is None and not self._closed:
            self._load()
            if self.load_error is not None:
                self._load_again.wait()
                self._load_again.clear()
        if self.model is not None and not self._closed:
            from reader.jobs import JobSettings, Worker

            settings = JobSettings(self.model_name)
            self._worker = Worker(self.store, self.model, settings, progress=self._before_window)
            self._worker.start()

    def _load(self) -> None:
        try:
            from reader.checkpoints import load_model

            def show(stage: str, fraction: float) -> None:
                self.loading = (stage, fraction)

            self.model = load_model(self.model_name, cache_folder=self._cache_folder, progress=show)
        except Exception as error:  # told on the page, where it can be tried again
            self.load_error = error

    def _before_window(self, job: JobRecord, progress: ReadingProgress) -> None:
        if job.id not in self.estimates and not progress.waiting:
            self._estimate(job)
        with self._answering:  # answers go first: nobody likes to wait for one
            pass

    def _estimate(self, job: JobRecord) -> None:
        from reader.estimate import estimate_reading
        from reader.reading import stored_document

        assert self.model is not None
        self.estimates[job.id] = estimate_reading(
            stored_document(self.store, job.document_id),
            self.model_name,
            self.store,
            window=self.model.plugin.config.window,
            ratio=job.settings.get("ratio"),
            cache_folder=self._cache_folder,
        )

    def _stop(self, document_id: str, wanted: Literal["pause", "cancel"]) -> None:
        job = self.jobs(document_id).get(document_id)
        if job is not None:
            self.store.jobs.stop(job.id, wanted)

    def _wake(self) -> None:
        if self._worker is not None:
            self._worker.wake()


def is_active(job: JobRecord) -> bool:
    """Whether a job runs, or will without anybody's doing."""
    return job.state in ("queued", "running")


def state_of(job: JobRecord | None, memory: MemoryRecord | None) -> str:
    """What to call the state of a document, from its reading and the memory that can be asked."""
    if job is not None and is_active(job):
        return "reading" if is_running(job) else "waiting"
    if memory is not None and memory.state == "ready":
        return "ready"
    if job is not None and job.state in _STOPPED_STATES:
        return _STOPPED_STATES[job.state]
    return "not read" if memory is None else "part read"


def reason(job: JobRecord) -> str:
    """Why a job failed, for those who have no flags at hand."""
    adapts = job.settings.get("ratio") is None
    advice = "split it, or use a decoder with more positions" if adapts else "try again to read it at a ratio that fits"
    return _RATIO_ADVICE.sub(advice, job.reason or "")


def _urgency(job: JobRecord) -> int:
    return {"running": 2, "queued": 1}.get(job.state, 0)
