"""Reading as jobs: a program with a decoder runs them one by one, and any program can watch their progress.

The library holds the jobs (`storage.jobs`), so closing a browser tab, a shell or the program loses nothing. Another program, or
the same one after a restart, continues a job after its last finished window. This module neither plans nor reads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from reader.documents import Document
from reader.errors import Cancelled, ReaderError, unexpected
from reader.reading.intake import add_document, stored_document
from storage import JobRecord, Store, StoreBusy, StoreError, is_running, new_owner

if TYPE_CHECKING:  # torch takes seconds to import: a job is queued without it
    from reader.models import Model
    from reader.reading.loop import ReadingProgress, ReadingResult

BEAT_SECONDS = 2.0
"""How often a job's owner reports that it is alive, however long a window takes."""

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class JobSettings:
    """The settings of a job's reading."""

    model: str
    plugin: str | None = None
    window: int | None = None
    horizon: int | None = None
    ratio: int | None = None
    """None: adapt the ratio to the document's length."""
    memory_dtype: str | None = None
    condenser: str | None = None

    @property
    def of_model(self) -> dict[str, str | int | None]:
        """The settings with which a model is loaded. A model reads only jobs with the same ones."""
        names = ("model", "plugin", "condenser", "window", "horizon")
        return {name: getattr(self, name) for name in names}


def enqueue(document: Document, settings: JobSettings, store: Store, owner: str | None = None) -> JobRecord:
    """Add a document to the library and queue it for reading.

    Args:
        owner: who reads the document if its job is new; None: the first who claims it.

    Raises:
        StoreError: the library cannot be written.
    """
    add_document(document, store)
    return store.jobs.add(document.id, vars(settings), owner=owner)


def run(
    job: JobRecord,
    model: Model,
    store: Store,
    owner: str,
    *,
    max_bytes: int | None = None,
    progress: Callable[[ReadingProgress], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> ReadingResult:
    """Read a claimed job's document to its end and report the progress to the library.

    The job's last state says how the reading ended: `ready`; `paused` or `cancelled` on request, `paused` on an interrupt;
    `queued` again after `stopped()` returned true; `failed` with the reason.

    Raises:
        Cancelled: the job was paused or cancelled, or `stopped()` returned true.
        ReaderError, StoreError: the job failed.
    """
    from reader.reading.loop import read

    beat = _Beat(job, store, owner)

    def note(now: ReadingProgress) -> None:
        beat.note(now)
        progress(now)

    settings = JobSettings(**job.settings)
    state, reason, key = "paused", None, None
    try:
        with beat:
            result = read(
                stored_document(store, job.document_id, job.user),
                model,
                store,
                ratio=settings.ratio,
                memory_dtype=settings.memory_dtype,
                max_bytes=max_bytes,
                progress=note,
                cancelled=lambda: beat.wanted is not None or beat.is_lost or stopped(),
                is_stored=True,
            )
        state, key = "ready", result.memory.key
    except Cancelled:
        state = {"cancel": "cancelled", "pause": "paused"}.get(beat.wanted or "", "queued")
        raise
    except (ReaderError, StoreError) as error:
        state, reason = "failed", str(error)
        raise
    except Exception as error:
        state, reason = "failed", unexpected(error)
        raise
    finally:
        store.jobs.end(job.id, owner, state, reason=reason, memory_key=key)  # type: ignore[arg-type]
    return result


def watch(job: JobRecord, store: Store, progress: Callable[[JobRecord], None]) -> JobRecord:
    """Watch a job that another program runs; return it when no living program runs it."""
    while is_running(job := store.jobs.get(job.id)):
        progress(job)
        time.sleep(_POLL_SECONDS)
    return job


class Worker(threading.Thread):
    """Runs a library's jobs one by one with one decoder, in the background, until it is stopped."""

    def __init__(
        self,
        store: Store,
        model: Model,
        settings: JobSettings,
        progress: Callable[[JobRecord, ReadingProgress], None] = lambda *_: None,
        while_idle: Callable[[Callable[[], bool]], bool] = lambda _: False,
    ) -> None:
        """Take the model and the settings with which it was loaded. Other workers run the jobs with other settings.

        Args:
            progress: called before the first window and after each one; reading continues when it returns.
            while_idle: called while no job waits; does a piece of other work and returns whether there was one. It ends early when
                the function that it is given returns true.
        """
        super().__init__(name="reading", daemon=True)
        self.owner = new_owner()
        self._store, self._model, self._settings, self._progress = store, model, settings, progress
        self._while_idle = while_idle
        self._ended = threading.Event()
        self._something_new = threading.Event()

    def wake(self) -> None:
        """Look for jobs now instead of at the next interval."""
        self._something_new.set()

    def stop(self) -> None:
        """End after the current window and queue its job again for another worker."""
        self._ended.set()
        self.wake()

    def run(self) -> None:
        """Claim and run jobs until stopped. A failed job records its reason in the library and does not end the worker."""
        while not self._ended.is_set():
            self._something_new.clear()
            try:
                job = self._store.jobs.claim(self.owner, settings=self._settings.of_model)
                if job is not None:
                    run(
                        job,
                        self._model,
                        self._store,
                        self.owner,
                        progress=partial(self._progress, job),
                        stopped=self._ended.is_set,
                    )
                    continue
                if self._while_idle(self._something_new.is_set):
                    continue
            except Exception:  # the job holds the reason, and the worker must survive every job
                pass
            self._something_new.wait(_POLL_SECONDS)


class _Beat:
    """Reports every BEAT_SECONDS that the owner is alive, and receives requests to pause or cancel."""

    def __init__(self, job: JobRecord, store: Store, owner: str) -> None:
        self._job, self._store, self._owner = job, store, owner
        self._fields: dict[str, float | str | None] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beat", daemon=True)
        self.wanted: str | None = None
        self.is_lost = False

    def __enter__(self) -> _Beat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._send()

    def note(self, progress: ReadingProgress) -> None:
        self._fields = {
            "pages_done": progress.pages_done,
            "pages": progress.pages,
            "tokens_done": progress.tokens_done,
            "tokens": progress.tokens,
            "tokens_per_second": progress.tokens_per_second,
            "seconds_left": progress.seconds_left,
            "memory_key": progress.memory_key,
        }
        self._send()

    def _run(self) -> None:
        while not self._done.wait(BEAT_SECONDS):
            self._send()

    def _send(self) -> None:
        try:
            self.wanted = self._store.jobs.beat(self._job.id, self._owner, **self._fields) or self.wanted
        except StoreBusy:
            self.is_lost = True
        except StoreError:
            pass  # on a full disk the reading itself fails, as it writes more than this
