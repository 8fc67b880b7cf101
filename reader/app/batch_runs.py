"""Batches that the server runs in the background: many questions about documents of one user, kept until they are removed.

Each run is a folder of the library with its questions, its answers and its state, so that a restart continues it. `reader.batching`
answers; this module queues, watches, cancels and shows. It takes document ids that its callers have checked, never paths.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reader.app.answer_queue import check_whole
from reader.errors import ConfigError, ReaderError, unexpected
from reader.wording import guarded, in_columns
from storage import NotFound, Store, StoreError, is_active, publish

if TYPE_CHECKING:  # torch takes seconds to import
    from reader.batching import BatchProgress
    from reader.models import Model

MAX_QUESTIONS = 10_000
MAX_RUNS = 100
"""Batches that one user may keep."""

_FOLDER = "batches"
_QUESTIONS, _ANSWERS, _STATE = "questions.jsonl", "answers.jsonl", "run.json"
_POLL_SECONDS = 2.0
_SHOW_SECONDS = 0.5
"""How often the state on the disk follows a run."""
_SHOWN_COLUMNS = ("custom_id", "document", "question", "answer", "pages", "quotes", "error")


@dataclass(frozen=True)
class Asked:
    """One question of a batch."""

    custom_id: str
    document_id: str
    """A document's id, or the name of a shelf of the run."""
    question: str
    model: str = ""
    """What the program that asks calls the document."""


@dataclass(frozen=True)
class Run:
    """A batch and how far it is."""

    id: str
    user: str
    name: str
    questions: int
    created_at: float
    state: Literal["waiting", "running", "done", "cancelled", "failed"] = "waiting"
    done: int = 0
    errors: int = 0
    reason: str = ""
    """Why it failed."""
    began_at: float | None = None
    ended_at: float | None = None
    look_again: str = "auto"
    asked_by: str = ""
    """Empty for a person on the page, else the kind of program that asks."""
    shelves: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The ids of the documents that are asked together, by the shelf's name."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the program that asks wants to find again."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.state in ("done", "cancelled", "failed")


class _Ended(Exception):
    """The run was cancelled, or the program ends."""


class BatchRuns:
    """The batches of all users, answered one after another."""

    def __init__(self, store: Store, model: Callable[[], Model | None]) -> None:
        """Take the library, and what gives the decoder as soon as it is loaded."""
        self._store, self._model = store, model
        self._folder = store.folder / _FOLDER
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="batches", daemon=True)

    def start(self) -> None:
        """Answer what waits, and what a lost program left."""
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Stop after the answers at hand; the next program continues."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def add(self, user: str, name: str, asked: Sequence[Asked], **options: Any) -> Run:
        """Queue a batch.

        Args:
            options: `look_again`, `asked_by`, `shelves` and `details`, see `Run`.

        Raises:
            ConfigError: there is no question, or one too many.
            StoreError: the library cannot be written.
        """
        if not asked:
            raise ConfigError("There are no questions; write one a line.")
        for one in asked:
            check_whole(question=one.question, custom_id=one.custom_id)
        if len(asked) > MAX_QUESTIONS:
            raise ConfigError(f"There are {len(asked):,} questions; ask {MAX_QUESTIONS:,} at most.")
        if len(self.all(user)) >= MAX_RUNS:
            raise ConfigError(f"You have {MAX_RUNS} question tables, the most that are kept; delete one first.")
        run = Run(uuid.uuid4().hex, user, name, len(asked), time.time(), **options)
        folder = self._folder / run.id
        lines = [
            {"custom_id": one.custom_id, "document": one.document_id, "question": one.question, "model": one.model}
            for one in asked
        ]
        folder.mkdir(parents=True)
        publish(folder / _QUESTIONS, "".join(f"{json.dumps(line)}\n" for line in lines).encode())
        self._save(run)
        with self._changed:
            self._changed.notify_all()
        return run

    def all(self, user: str) -> list[Run]:
        """A user's batches, the newest first."""
        return [run for run in self._runs() if run.user == user][::-1]

    def get(self, user: str, run_id: str) -> Run:
        """One of a user's batches.

        Raises:
            NotFound: there is none of this id, or it is not theirs.
        """
        found = next((run for run in self.all(user) if run.id == run_id), None)
        if found is None:
            raise NotFound("There is no such batch of yours. Choose one from the list.")
        return found

    def cancel(self, user: str, run_id: str) -> Run:
        """End a batch; the answers that have come are kept."""
        with self._changed:
            run = self.get(user, run_id)
            if not run.is_over:
                run = replace(run, state="cancelled", ended_at=time.time())
                self._save(run)
        return run

    def remove(self, user: str, run_id: str) -> None:
        """Cancel a batch and forget its questions and answers."""
        self.cancel(user, run_id)
        shutil.rmtree(self._folder / run_id, ignore_errors=True)

    def rows(self, run: Run) -> list[dict[str, Any]]:
        """The questions in their order, each with the fields of its result as soon as there is one."""
        asked = _lines(self._folder / run.id / _QUESTIONS)
        results = {row["custom_id"]: row for row in _lines(self._folder / run.id / _ANSWERS)}
        return [{**one, **results.get(one["custom_id"], {})} for one in asked]

    def as_csv(self, run: Run, titles: Mapping[str, str]) -> str:
        """The questions and results as a spreadsheet's CSV.

        Args:
            titles: what the documents are called, by id.
        """
        sheet = io.StringIO(newline="")
        writer = csv.writer(sheet)
        writer.writerow(_SHOWN_COLUMNS)
        for row in self.rows(run):
            shown = {
                **row,
                "document": titles.get(row["document"], row["document"]),
                **in_columns(row.get("evidence", ())),
            }
            writer.writerow([guarded(str(shown.get(name) or "")) for name in _SHOWN_COLUMNS])
        return "\ufeff" + sheet.getvalue()  # by the mark Excel knows UTF-8

    def _runs(self) -> list[Run]:
        runs = [run for path in self._folder.glob("*") if (run := _run_in(path)) is not None]
        return sorted(runs, key=lambda run: run.created_at)

    def _save(self, run: Run) -> None:
        publish(self._folder / run.id / _STATE, json.dumps(asdict(run)).encode())

    # In the background

    def _work(self) -> None:
        while not self._ended:
            run = None
            with suppress(StoreError, OSError):  # a full or busy disk; the next look may find it mended
                run = next((run for run in self._runs() if not run.is_over and self._can_run(run)), None)
            if run is not None:
                self._answer(run)
            else:
                with self._changed:
                    if not self._ended:
                        self._changed.wait(_POLL_SECONDS)

    def _can_run(self, run: Run) -> bool:
        """Whether the decoder is there, and no document of the run is being read just now."""
        named = {row["document"] for row in _lines(self._folder / run.id / _QUESTIONS)}
        documents = {document_id for name in named for document_id in run.shelves.get(name, [name])}
        return self._model() is not None and not any(
            is_active(job) for document_id in documents for job in self._store.jobs.all(document_id)
        )

    def _answer(self, run: Run) -> None:
        from reader.batching import LocalEngine, batch

        model = self._model()
        assert model is not None
        folder = self._folder / run.id
        last = 0.0

        def follow(now: BatchProgress) -> None:
            nonlocal run, last
            with self._changed:
                kept = _run_in(folder)
                if self._ended or kept is None or kept.state == "cancelled":
                    raise _Ended
                run = replace(run, state="running", done=now.done, errors=now.errors)
                if time.monotonic() > last + _SHOW_SECONDS:
                    last = time.monotonic()
                    self._save(run)

        run = replace(run, state="running", began_at=run.began_at or time.time())
        try:
            engine = LocalEngine(model, look_again=run.look_again)
            summary = batch(
                folder / _QUESTIONS, folder / _ANSWERS, self._store, engine, shelves=run.shelves, progress=follow
            )
            run = replace(run, state="done", done=summary.questions, errors=summary.errors)
        except _Ended:
            return
        except (ReaderError, StoreError) as error:
            run = replace(run, state="failed", reason=str(error))
        except Exception as error:  # shown where the batch is
            run = replace(run, state="failed", reason=unexpected(error))
        with self._changed, suppress(StoreError, OSError):
            if folder.exists():
                self._save(replace(run, ended_at=time.time()))


def _run_in(folder: Path) -> Run | None:
    """The run of a folder; None where there is none, or it was removed just now."""
    with suppress(OSError, ValueError, TypeError):
        return Run(**json.loads((folder / _STATE).read_text()))
    return None


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file of JSON lines; none where it is not there."""
    with suppress(FileNotFoundError):
        return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1] if line.strip()]
    return []
