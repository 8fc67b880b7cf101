"""What all open pages of the app share: a library, a decoder, its readings and answers, and the memories asked last.

Readings and questions live in the library: what is read here, in a shell or by another server is seen alike, and what a
killed server was reading or answering goes on when the next one starts. Whose a document is, it does not ask: that is
`reader.app.workspace`'s. It parses no files, reads no flags, and knows nothing of pages or HTML.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reader.answering import choose_memory
from reader.app.answer_queue import Answerer
from reader.app.batch_runs import BatchRuns
from reader.app.decoder_fetch import DecoderFetch
from reader.app.first_page import FirstPage
from reader.app.late_vectors import LateVectors
from reader.app.ratio_costs import RatioCost, ratio_costs
from reader.app.unread import waits_for_reading, why_unread
from reader.errors import ConfigError, NotReady
from reader.models import DEFAULT_MODEL
from storage import (
    LOCAL_USER,
    ConversationRecord,
    JobRecord,
    MemoryRecord,
    QuestionRecord,
    Store,
    is_active,
    is_running,
)

if TYPE_CHECKING:  # torch and transformers take seconds to import: a page opens without them
    from reader.answering import AnswerPart, AttachedMemory, Conversation
    from reader.models import Model
    from reader.reading import Estimate, ReadingProgress, Worker

ATTACHED_MEMORIES = 2
"""Memories kept attached; each one costs as many bytes as its file."""

KEPT_CONVERSATIONS = 8
"""Conversations whose turns are kept as they stand behind their memories; others are put there again when they go on."""

_CLOSE_SECONDS = 5.0
"""How long closing waits for the window at hand; a job that is left behind is taken over at the next start."""

_LOADING_POLL_SECONDS = 0.1

_SIZE_SECONDS = 10.0
"""How long the counted size of the library is good for; counting takes longer the more files there are."""

_Place = tuple[str, str, int, str]
"""Key, state and finished windows of a memory that is attached, and the user as whose it is shown."""

_STOPPED_STATES = {"paused": "paused", "cancelled": "stopped", "failed": "failed"}


class Service:
    """One library and one decoder behind any number of pages."""

    def __init__(
        self,
        store: Store,
        model_name: str = DEFAULT_MODEL,
        cache_folder: Path | None = None,
        dtype: str | None = None,
        better: str | None = None,
        condenser: str | None = None,
    ) -> None:
        """Take the library, the decoder and how it condenses windows (None: as usual); `better` is a decoder to fetch meanwhile."""
        self.store = store
        self.model_name, self.condenser = model_name, condenser
        self.model: Model | None = None
        self.loading: tuple[str, float] = ("load", 0.0)
        """The stage of loading the decoder, and how much of it is done."""
        self.load_error: Exception | None = None
        self.fetching = DecoderFetch(better, cache_folder, self._use_if_new) if better else None
        """A better decoder on its way here, while this one answers."""
        self.first_page = FirstPage()
        self.estimates: dict[str, Estimate] = {}
        """What the readings that were begun here were estimated to take, by job id."""
        self.answerer = Answerer(
            store, self._respond, lambda: self.model is not None, lambda asked: waits_for_reading(self, asked)
        )
        self.batches = BatchRuns(store, lambda: self.model)
        self._cache_folder, self._dtype = cache_folder, dtype
        self._load_again = threading.Event()
        self._closed = False
        self._worker: Worker | None = None
        self._attached: dict[_Place, AttachedMemory] = {}
        self._shelf: tuple[tuple[_Place, ...], str, AttachedMemory] | None = None
        self._conversations: dict[str, tuple[AttachedMemory, Conversation]] = {}
        self._in_use: dict[str, threading.Lock] = {}
        # Attached again, a document has the vectors that it got.
        self._late_vectors = LateVectors(store, self._let_answers_go_first, self.forget)
        self._attaching = threading.Lock()
        self._answering = threading.Condition()
        self._answers = 0
        self._size_bytes, self._size_until = 0, 0.0

    def start(self, page_seconds: float = 0.0) -> None:
        """Load the decoder in the background; then read and answer what the library has waiting or a lost program left.

        Args:
            page_seconds: how long loading waits for somebody to ask for a page; one that is asked for is drawn first.
        """
        self.answerer.start()
        self.batches.start()
        self._start_loading(page_seconds)
        if self.fetching is not None:
            self.fetching.start()

    def close(self) -> None:
        """Stop reading and answering where they are; both go on at the next start or in another program."""
        self._closed = True
        self._load_again.set()
        self.batches.close(_CLOSE_SECONDS)
        self.answerer.close(_CLOSE_SECONDS)
        self._end_worker()

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            if self._worker.is_alive():  # else it has not begun, and ends where it begins
                self._worker.join(_CLOSE_SECONDS)

    @property
    def is_open(self) -> bool:
        """Whether it still reads and answers."""
        return not self._closed

    def load_again(self) -> None:
        """Try once more to load the decoder after an error."""
        self.load_error, self.loading = None, ("load", 0.0)
        self._load_again.set()

    def choose_model(self, model_name: str, condenser: str | None) -> None:
        """Load another decoder, or the same to condense windows in another way, for all; readings and questions wait for it.

        Raises:
            ConfigError: the present one is still being loaded.
        """
        if self.model is None and self.load_error is None:
            raise ConfigError("A decoder is being loaded; choose another one when it is there.")
        if (model_name, condenser) == (self.model_name, self.condenser) and self.model is not None:
            return
        self._end_worker()
        self._worker = None
        with self._answering:
            while self._answers:
                self._answering.wait()
            is_loading = self.model is None  # the loading thread waits for another try
            self.model_name, self.condenser, self.model = model_name, condenser, None
            self._attached.clear()
            self._shelf = None
            self._conversations.clear()
        self.load_again()
        if not is_loading:
            self._start_loading()

    def size_bytes(self) -> int:
        """The bytes of all files of the library, as they were up to ten seconds ago."""
        if time.monotonic() > self._size_until:
            self._size_bytes = self.store.size_bytes()
            self._size_until = time.monotonic() + _SIZE_SECONDS
        return self._size_bytes

    # Readings

    def read(
        self,
        document_id: str,
        ratio: int | None = None,
        memory_dtype: str | None = None,
        user: str = LOCAL_USER,
    ) -> None:
        """Read a document of the library for a user when its turn comes, from behind its last finished window.

        Without settings of somebody's choice, what was begun goes on; a reading that failed at a chosen ratio is followed
        by one that adapts it.

        Raises:
            StoreError: it is not there, or the library cannot be written.
        """
        from reader.reading import JobSettings

        job = self.jobs([document_id], user).get(document_id)
        can_go_on = job is not None and (
            job.state in ("queued", "running", "paused", "cancelled")
            or (job.state == "failed" and job.settings.get("ratio") is None)
        )
        if ratio is None and memory_dtype is None and job is not None and can_go_on:
            self.store.jobs.go_on(job.id)
        else:
            settings = JobSettings(self.model_name, condenser=self.condenser, ratio=ratio, memory_dtype=memory_dtype)
            self.store.jobs.add(document_id, vars(settings), user)
        if self._worker is not None:
            self._worker.wake()

    def stop(self, document_id: str, wanted: Literal["pause", "cancel"], user: str = LOCAL_USER) -> None:
        """Pause a user's reading or give it up after the window at hand, wherever it runs; finished windows are kept."""
        job = self.jobs([document_id], user).get(document_id)
        if job is not None:
            self.store.jobs.stop(job.id, wanted)

    def jobs(self, document_ids: Sequence[str], user: str = LOCAL_USER) -> dict[str, JobRecord]:
        """A user's reading that counts for each of these documents: what runs before what waits, else the newest."""
        jobs: dict[str, JobRecord] = {}
        for document_id in document_ids:
            for job in self.store.jobs.all(document_id, user):
                known = jobs.get(document_id)
                if self._is_for_this(job) and (known is None or _urgency(job) > _urgency(known)):
                    jobs[document_id] = job
        return jobs

    def _is_for_this(self, job: JobRecord) -> bool:
        asked = (job.settings.get("model"), job.settings.get("condenser"))
        return asked == (self.model_name, self.condenser)

    def reads(self, job: JobRecord) -> bool:
        """Whether it is here that a running job is read, not in another program."""
        return self._worker is not None and job.owner == self._worker.owner

    def ratio_costs(self, document_id: str, memory_dtype: str | None, user: str = LOCAL_USER) -> Sequence[RatioCost]:
        """What each ratio would make of a document, about; empty while its tokens are not counted or the decoder loads."""
        model, tokens = self.model, self.tokens(document_id, user)
        return ratio_costs(self.store, model, document_id, tokens, memory_dtype) if model is not None and tokens else []

    def tokens(self, document_id: str, user: str = LOCAL_USER) -> int:
        """How many tokens a document has for the present decoder; 0 until they were counted."""
        named = [m.tokens for m in self.store.memories(document_id) if m.settings.get("model") == self.model_name]
        job = self.jobs([document_id], user).get(document_id)
        return max([*named, job.tokens if job is not None else 0])

    def forget(self, document_id: str) -> None:
        """Let go of what is attached of a document, because it was removed, or has more to attach now."""
        with self._attaching:
            kept = [(place, one) for place, one in self._attached.items() if one.record.document_id != document_id]
            self._attached = dict(kept)
            self._shelf = None

    # Answers

    def memory(self, document_id: str, user: str = LOCAL_USER) -> MemoryRecord | None:
        """The memory that a user can ask, ready or part read; while the decoder loads, one that a decoder of its name made."""
        model = self.model or self.model_name
        return choose_memory(self.store, document_id, model, user=user, while_reading=True)

    def attach(self, document_id: str, user: str = LOCAL_USER) -> tuple[AttachedMemory, bool]:
        """Attach the memory that a user can ask, unless it is, and tell whether that had to be done now.

        Raises:
            ReaderError, StoreError: there is none, or it cannot be used.
        """
        from reader.answering import attach, source_of

        model, record = self.model, self.memory(document_id, user)
        if model is None:
            raise NotReady("The language model is not loaded yet.")
        if record is None:
            raise why_unread(self, [document_id], user)
        with self._attaching:
            place = self._place(record, user)
            same = {other: kept for other, kept in self._attached.items() if other[:3] == place[:3]}
            attached = same.get(place) or next(iter(same.values()), None)
            is_new = attached is None
            if attached is None:
                attached = attach(record, model, self.store, user)
            source = source_of(record, attached.memory, self.store, user=user)
            if attached.sources != (source,):  # another's, or their own before they added another file of the same text
                attached = replace(attached, sources=(source,))
            others = {other: kept for other, kept in self._attached.items() if other[0] != record.key}
            self._attached = {**others, **same, place: attached}  # the last used comes last
            kept_keys = list(dict.fromkeys(other[0] for other in self._attached))[-ATTACHED_MEMORIES:]
            self._attached = {other: kept for other, kept in self._attached.items() if other[0] in kept_keys}
        return attached, is_new

    def attach_several(
        self, document_ids: Sequence[str], question: str, user: str = LOCAL_USER
    ) -> tuple[AttachedMemory, bool]:
        """Attach the memories of several documents one behind another, and tell whether that had to be done now.

        Documents without a memory are left out, as are those that do not fit; the answer names them.

        Raises:
            ReaderError, StoreError: no document has a memory, or one cannot be used.
        """
        from reader.answering import attach_shelf

        found = [(document_id, self.memory(document_id, user)) for document_id in document_ids]
        records = [record for _, record in found if record is not None]
        model = self.model
        if model is None:
            raise NotReady("The language model is not loaded yet.")
        if not records:
            raise why_unread(self, document_ids, user)
        with self._attaching:
            places = tuple(self._place(record, user) for record in records)
            if self._shelf is not None and self._shelf[0] == places and self._shelf[1] in ("", question):
                return self._shelf[2], False
            attached = attach_shelf(records, model, self.store, question, user)
            # Where not all fit, the question chooses.
            chosen_by = question if attached.left_out else ""
            unread = [self.store.document(document_id).title for document_id, record in found if record is None]
            attached = replace(attached, left_out=(*attached.left_out, *unread))
            self._shelf = (places, chosen_by, attached)
        return attached, True

    def _place(self, record: MemoryRecord, user: str) -> _Place:
        # What was attached of a memory that has grown since, or is finished by now, is another memory's.
        windows = record.windows if record.state == "ready" else len(self.store.segments(record.key))
        return (record.key, record.state, windows, user)

    def answer(
        self,
        record: ConversationRecord,
        question: str,
        stopped: Callable[[], bool] = lambda: False,
        *,
        number: int | None = None,
        look_again: str | int = "off",
        question_id: str = "",
    ) -> Generator[AnswerPart]:
        """Yield an answer, part by part, and save it as a turn; readings here wait before their next window.

        Args:
            number: the turn that the new one takes the place of, with those behind it; None puts it behind all.
            look_again: see `reader.answering.ask`.
            question_id: see `reader.answering.conversations.Conversation.ask`.

        Raises:
            ReaderError, StoreError: see `attach` and `reader.answering.conversations.Conversation.ask`.
        """
        from reader.answering import Conversation

        with self._using_decoder(" ".join(record.document_ids)):
            if len(record.document_ids) == 1:
                attached, is_new = self.attach(record.document_ids[0], record.user)
            else:
                attached, is_new = self.attach_several(record.document_ids, question, record.user)
            assert self.model is not None
            known, conversation = self._conversations.pop(record.id, (None, None))
            if conversation is None or known is not attached:
                conversation = Conversation(record, attached, self.model, self.store)
            conversation.record = record
            self._conversations[record.id] = (attached, conversation)  # the last used comes last
            for oldest in list(self._conversations)[:-KEPT_CONVERSATIONS]:
                self._conversations.pop(oldest, None)  # another answer may just have let go of it
            yield from conversation.ask(
                question,
                number=number,
                stopped=stopped,
                look_again=look_again,
                first_question=is_new,
                question_id=question_id,
            )

    @contextmanager
    def _using_decoder(self, documents: str) -> Iterator[None]:
        """Keep readings waiting, and other answers from the same attached memory."""
        with self._answering:
            in_use = self._in_use.setdefault(documents, threading.Lock())
            self._answers += 1
        try:
            with in_use:
                yield
        finally:
            with self._answering:
                self._answers -= 1
                self._answering.notify_all()

    def _respond(self, question: QuestionRecord, stopped: Callable[[], bool]) -> Generator[AnswerPart]:
        """Answer a question that somebody has noted."""
        record = self.store.conversations.get(question.conversation_id, question.user)
        if any(turn.counts.get("question_id") == question.id for turn in record.turns):
            return  # the turn was saved, and then the program was killed
        yield from self.answer(record, question.text, stopped, question_id=question.id, **question.settings)

    # In the background

    def fetch(self, model_name: str) -> None:
        """Fetch a bundled decoder while the present one answers."""
        if self.fetching is None or self.fetching.is_here or self.fetching.error is not None:
            self.fetching = DecoderFetch(model_name, self._cache_folder, self._use_if_new)
            self.fetching.start()

    def use_fetched(self) -> None:
        """Put the decoder that was fetched in the place of the present one; after an error, try once more to fetch it.

        Raises:
            ConfigError: the present one is still being loaded.
        """
        if self.fetching is None:
            return
        if self.fetching.error is not None:
            self.fetching.start()
        elif self.fetching.is_here:
            self.choose_model(self.fetching.decoder.name, self.condenser)
            self.fetching = None

    def _use_if_new(self) -> None:
        """Use a better decoder at once where nothing was read yet, so that nothing is to be read again."""
        while self.model is None and self.load_error is None and not self._closed:
            time.sleep(_LOADING_POLL_SECONDS)  # it came before the present one was loaded
        if not self._closed and not self.store.documents():
            with suppress(ConfigError):  # it is offered instead
                self.use_fetched()

    def _start_loading(self, page_seconds: float = 0.0) -> None:
        threading.Thread(target=self._load_and_work, args=(page_seconds,), name="loading", daemon=True).start()

    def _load_and_work(self, page_seconds: float) -> None:
        self.first_page.wait(page_seconds)
        while self.model is None and not self._closed:
            self._load()
            if self.load_error is not None:
                self._load_again.wait()
                self._load_again.clear()
        self.answerer.wake()
        if self.model is not None and not self._closed:
            from reader.reading import JobSettings, Worker

            settings = JobSettings(self.model_name, condenser=self.condenser)
            self._worker = Worker(
                self.store, self.model, settings, progress=self._before_window, while_idle=self._add_vectors
            )
            self._worker.start()

    def _load(self) -> None:
        try:
            from reader.models import load_model

            def show(stage: str, fraction: float) -> None:
                self.loading = (stage, fraction)

            self.model = load_model(
                self.model_name,
                condenser=self.condenser,
                cache_folder=self._cache_folder,
                dtype=self._dtype,
                progress=show,
            )
        except Exception as error:  # told on the page, where it can be tried again
            self.load_error = error

    def _before_window(self, job: JobRecord, progress: ReadingProgress) -> None:
        if job.id not in self.estimates and not progress.waiting:
            self._estimate(job)
        self._let_answers_go_first()

    def _let_answers_go_first(self) -> None:
        with self._answering:  # somebody waits for each answer
            while self._answers and not self._closed:
                self._answering.wait()

    def _add_vectors(self, stopped: Callable[[], bool]) -> bool:
        encoder = self.model.encoder if self.model is not None else None
        return self._late_vectors.add(encoder, stopped)

    def _estimate(self, job: JobRecord) -> None:
        from reader.reading import estimate_reading, stored_document

        assert self.model is not None
        self.estimates[job.id] = estimate_reading(
            stored_document(self.store, job.document_id, job.user),
            self.model_name,
            self.store,
            window=self.model.plugin.config.window,
            ratio=job.settings.get("ratio"),
            condenser=job.settings.get("condenser"),
            cache_folder=self._cache_folder,
        )


def state_of(job: JobRecord | None, memory: MemoryRecord | None) -> str:
    """What to call the state of a document, from its reading and the memory that can be asked."""
    if job is not None and is_active(job):
        return "reading" if is_running(job) else "waiting"
    if memory is not None and memory.state == "ready":
        return "ready"
    if job is not None and job.state in _STOPPED_STATES:
        return _STOPPED_STATES[job.state]
    return "not read" if memory is None else "part read"


def _urgency(job: JobRecord) -> int:
    return {"running": 2, "queued": 1}.get(job.state, 0)
