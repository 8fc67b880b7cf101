"""Answers questions in the background. The library keeps each question until its answer is saved.

So neither a closed tab nor a killed server loses a question: the next program on the library answers it. Pages follow the
answer as a `Stream`. This module neither attaches memories nor runs the decoder.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reader.errors import ConfigError, NotReady
from reader.wording import place
from storage import QuestionRecord, Store, StoreError, new_owner

if TYPE_CHECKING:  # torch takes seconds to import: a page opens without it
    from reader.answering import Answer, AnswerPart

ANSWERS_AT_ONCE = 2
"""Answers that stream side by side; they take turns with the decoder, token by token."""

MAX_WAITING = 8
"""Unanswered questions that one user may have."""

MAX_QUESTION_CHARS = 4000

_KEPT_STREAMS = 200
_POLL_SECONDS = 1.0


def check_whole(**texts: str) -> None:
    """Make sure that texts are of whole characters: what is cut within one can neither be kept nor read.

    Raises:
        ConfigError: one is not; the message names it.
    """
    for name, text in texts.items():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            half = ord(text[error.start])
            raise ConfigError(f"The {name} holds half a character (\\u{half:04x}); write whole ones.") from error


class TooManyQuestions(ConfigError):
    """As many questions of one user wait as may."""


class Withdrawn(Exception):
    """The question was withdrawn before its answer began; nothing of it is kept."""


@dataclass
class Stream:
    """An answer as it grows."""

    question: QuestionRecord
    text: str = ""
    """The answer so far."""
    answer: Answer | None = None
    """The whole answer, once it has ended."""
    parts: int = 0
    """How many parts have come."""
    looking_at: tuple[str, ...] = ()
    """Names of the pages that are re-read just now."""
    is_begun: bool = False
    is_running: bool = False
    """Whether the decoder is still at work on it."""
    error: Exception | None = None
    is_done: bool = False
    """Whether nothing more comes."""
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was stopped before its first word."""
        return self.is_done and self.stopped.is_set() and not self.text

    def is_stopped(self) -> bool:
        """Whether the decoder is to end the answer here.

        Raises:
            Withdrawn: nothing of the answer was shown, so nothing of it is to be saved.
        """
        if self.is_withdrawn:
            raise Withdrawn
        return self.stopped.is_set()


class Answerer:
    """Answers a library's questions in the background, `ANSWERS_AT_ONCE` of them side by side."""

    def __init__(
        self,
        store: Store,
        respond: Callable[[QuestionRecord, Callable[[], bool]], Generator[AnswerPart]],
        is_ready: Callable[[], bool] = lambda: True,
        waits: Callable[[QuestionRecord], bool] = lambda question: False,
    ) -> None:
        """Take the library and the function that answers.

        Args:
            store: the library that keeps the questions.
            respond: takes a question, and a function that says whether to stop; yields the answer's parts, and saves the
                answer at its end.
            is_ready: whether `respond` can answer now.
            waits: whether a question cannot be answered yet, though others can.
        """
        self.owner = new_owner()
        self._store, self._respond, self._is_ready, self._waits = store, respond, is_ready, waits
        self._streams: dict[str, Stream] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._threads = [
            threading.Thread(target=self._run, name="answering", daemon=True) for _ in range(ANSWERS_AT_ONCE)
        ]

    def start(self) -> None:
        """Answer what is asked from now on, and what a lost program left behind."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look for questions now, because `respond` can answer from now on."""
        with self._changed:
            self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Stop after the tokens at hand; what is not answered is left for the next program."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(seconds)

    def check(self, user: str, text: str) -> None:
        """Make sure that a question can be asked now.

        Raises:
            ConfigError: it is empty, too long, or cut within a character.
            TooManyQuestions: others wait.
        """
        if not text.strip():
            raise ConfigError("The question is empty; ask something.")
        check_whole(question=text)
        if len(text) > MAX_QUESTION_CHARS:
            raise ConfigError(f"The question has {len(text):,} characters; ask in {MAX_QUESTION_CHARS:,} at most.")
        if len(self._store.questions.waiting(user)) >= MAX_WAITING:
            raise TooManyQuestions(
                f"{MAX_WAITING} of your questions wait for their answers; ask again when one is answered."
            )

    def ask(
        self, user: str, document_id: str, conversation_id: str, text: str, settings: Mapping[str, Any]
    ) -> QuestionRecord:
        """Note a question to be answered as soon as its turn comes.

        Raises:
            ConfigError: see `check`.
            StoreError: the library cannot be written.
        """
        self.check(user, text)
        with self._changed:  # or a thread begins the question before its stream is here, and another begins it again
            question = self._store.questions.add(user, document_id, conversation_id, text.strip(), settings, self.owner)
            self._streams[question.id] = Stream(question)
            for oldest in list(self._streams)[:-_KEPT_STREAMS]:
                if self._streams[oldest].is_done:
                    del self._streams[oldest]
            self._changed.notify_all()
        return question

    def stream(self, question_id: str) -> Stream | None:
        """What there is of an answer, if this program has begun or ended it."""
        return self._streams.get(question_id)

    def stop(self, question_id: str) -> bool:
        """Stop an answer. Return whether the question was withdrawn.

        An answer of which words were shown ends there and is saved. Before its first word the question is withdrawn at
        once: nothing is saved, and pages need not wait until the decoder notices.
        """
        with self._changed:
            stream = self._streams.get(question_id)
            if stream is None or stream.is_done:
                return False
            stream.stopped.set()
            if stream.text:
                return False
            with suppress(StoreError):  # `_next` forgets it later
                self._store.questions.remove(question_id)
            stream.is_done = True
            self._changed.notify_all()
            return True

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

    def _next(self) -> Stream | None:
        """Begin the oldest question that can be; within a conversation an answer rests on the one before."""
        if not self._is_ready():
            return None
        with self._changed:
            busy = {stream.question.conversation_id for stream in self._streams.values() if stream.is_running}
            for question in self._store.questions.claim(self.owner):
                stream = self._streams.setdefault(question.id, Stream(question))
                if stream.is_done:  # it could not be forgotten then
                    self._store.questions.remove(question.id)
                    continue
                if not stream.is_begun and question.conversation_id not in busy and not self._waits(question):
                    stream.is_begun = stream.is_running = True
                    return stream
                busy.add(question.conversation_id)
        return None

    def _answer(self, stream: Stream) -> None:
        error: Exception | None = None
        try:
            with closing(self._respond(stream.question, stream.is_stopped)) as parts:
                for part in parts:
                    with self._changed:
                        if stream.is_withdrawn:
                            raise Withdrawn
                        stream.text += part.text
                        stream.answer = part.answer
                        stream.looking_at = tuple(place(passage.label, passage.page) for passage in part.looking_at)
                        stream.parts += 1
                        self._changed.notify_all()
                        if self._ended:
                            return  # the next program answers it
        except Withdrawn:
            pass
        except Exception as caught:  # shown on the pages that follow
            # At this moment another decoder was chosen, or the last memory of the documents went.
            if isinstance(caught, NotReady) and (not self._is_ready() or self._waits(stream.question)):
                with self._changed:
                    stream.is_begun = stream.is_running = False
                return
            error = caught
        with suppress(StoreError):  # at worst it is asked again at the next start
            self._store.questions.remove(stream.question.id)
        with self._changed:
            stream.error, stream.is_done, stream.is_running = error, True, False
            self._changed.notify_all()
