"""Answering as jobs: a question is noted in the library, answered in the background, and kept until its answer is saved.

So neither a closed tab nor a killed server loses one: whoever starts next on the library answers what was left. Pages look
on. It neither attaches memories nor runs the decoder itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from reader.errors import ConfigError
from storage import QuestionRecord, Store, StoreError, new_owner

ANSWERS_AT_ONCE = 2
"""Answers that stream side by side; they take turns with the decoder, token by token."""

MAX_WAITING = 8
"""Unanswered questions that one user may have."""

MAX_QUESTION_CHARS = 4000

_KEPT_STREAMS = 200
_POLL_SECONDS = 1.0

Reply = TypeVar("Reply")


@dataclass
class Stream(Generic[Reply]):
    """What there is of an answer so far."""

    question: QuestionRecord
    reply: Reply | None = None
    is_begun: bool = False
    error: Exception | None = None
    is_done: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)


class Answerer(Generic[Reply]):
    """Answers a library's questions in the background, `ANSWERS_AT_ONCE` of them side by side."""

    def __init__(
        self,
        store: Store,
        respond: Callable[[QuestionRecord, Callable[[], bool]], Generator[Reply]],
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take the library, what yields an answer so far, piece by piece, and saves it at its end, and whether it can.

        `respond` is given a question and whether it is to stop.
        """
        self.owner = new_owner()
        self._store, self._respond, self._is_ready = store, respond, is_ready
        self._streams: dict[str, Stream[Reply]] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._threads = [
            threading.Thread(target=self._run, name="answering", daemon=True) for _ in range(ANSWERS_AT_ONCE)
        ]

    def start(self) -> None:
        """Answer what is asked from now on, and what a lost program left behind."""
        for thread in self._threads:
            thread.start()

    def close(self, seconds: float) -> None:
        """Stop after the tokens at hand; what is not answered is left for the next program."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(seconds)

    def ask(
        self, user: str, document_id: str, conversation_id: str, text: str, settings: Mapping[str, Any]
    ) -> QuestionRecord:
        """Note a question to be answered as soon as its turn comes.

        Raises:
            ConfigError: it is empty, too long, or one too many.
            StoreError: the library cannot be written.
        """
        if not text.strip():
            raise ConfigError("The question is empty; ask something.")
        if len(text) > MAX_QUESTION_CHARS:
            raise ConfigError(f"The question has {len(text):,} characters; ask in {MAX_QUESTION_CHARS:,} at most.")
        if len(self._store.questions.waiting(user)) >= MAX_WAITING:
            raise ConfigError(
                f"{MAX_WAITING} of your questions wait for their answers; ask again when one is answered."
            )
        question = self._store.questions.add(user, document_id, conversation_id, text.strip(), settings, self.owner)
        with self._changed:
            self._streams[question.id] = Stream(question)
            for oldest in list(self._streams)[:-_KEPT_STREAMS]:
                if self._streams[oldest].is_done:
                    del self._streams[oldest]
            self._changed.notify_all()
        return question

    def stream(self, question_id: str) -> Stream[Reply] | None:
        """What there is of an answer, if this program has begun or ended it."""
        return self._streams.get(question_id)

    def stop(self, question_id: str) -> None:
        """End an answer where it is; what is there of it is saved."""
        with self._changed:
            if stream := self._streams.get(question_id):
                stream.stopped.set()

    def _run(self) -> None:
        while not self._ended:
            try:
                stream = self._next()
            except StoreError:  # a full or busy disk; the next look may find it mended
                stream = None
            if stream is not None:
                self._answer(stream)
            else:
                with self._changed:
                    if not self._ended:
                        self._changed.wait(_POLL_SECONDS)

    def _next(self) -> Stream[Reply] | None:
        """Begin the oldest question that can be; within a conversation an answer rests on the one before."""
        if not self._is_ready():
            return None
        with self._changed:
            going = [stream for stream in self._streams.values() if stream.is_begun and not stream.is_done]
            busy = {stream.question.conversation_id for stream in going}
            for question in self._store.questions.claim(self.owner):
                stream = self._streams.setdefault(question.id, Stream(question))
                if stream.is_done:  # it could not be forgotten then
                    self._store.questions.remove(question.id)
                    continue
                if not stream.is_begun and question.conversation_id not in busy:
                    stream.is_begun = True
                    return stream
                busy.add(question.conversation_id)
        return None

    def _answer(self, stream: Stream[Reply]) -> None:
        error: Exception | None = None
        try:
            with closing(self._respond(stream.question, stream.stopped.is_set)) as replies:
                for reply in replies:
                    with self._changed:
                        stream.reply = reply
                        self._changed.notify_all()
                        if self._ended:
                            return  # it is left for the next program
        except Exception as caught:  # told to whoever looks on
            error = caught
        with suppress(StoreError):  # at worst it is asked again at the next start
            self._store.questions.remove(stream.question.id)
        with self._changed:
            stream.error, stream.is_done = error, True
            self._changed.notify_all()
