"""One person's conversations: begin one about a document or several, ask, follow the answer, stop it.

The part of a workspace that asks. Whose a document is, the workspace knows.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from reader.app.answer_queue import Stream
from reader.app.service import Service
from reader.app.unread import is_unread, may_be_read, why_unread
from reader.errors import ConfigError, NotReady, ReaderError, unexpected
from reader.wording import MARKDOWN, plain_markdown, quoted, told_apart
from storage import ConversationRecord, NotFound, QuestionRecord, StoreBusy, StoreError, UserDocument

MAX_LOOK_AGAIN_TOKENS = 8_000
"""What one question may have read again, as others wait for the decoder meanwhile."""

MAX_SHELF = 500
"""Documents that are asked together. As many as fit the decoder answer; the question chooses them."""
TAG = "tag:"

_BEGIN_SECONDS = 600.0
"""How long nothing may come of an answer before nobody waits for it any more."""


_NAMED = 3
"""A place of several documents names no more of them in its title."""

_LIST_SIGN = re.compile(r"\A\s*[-*+]\s+")


@dataclass(frozen=True)
class Place:
    """What a conversation is about: a document, or several that are asked together."""

    reference: str
    title: str
    titles: Mapping[str, str]
    """The documents' titles, by id."""
    markdown: frozenset[str] = frozenset()
    """The ids of those whose text is Markdown."""

    @property
    def document_ids(self) -> list[str]:
        """The documents, in the order in which their memories stand."""
        return list(self.titles)

    @property
    def heading(self) -> str:
        """The titles of the first documents, for an export."""
        titles = list(self.titles.values())
        return ", ".join(titles[:3]) + (f" and {len(titles) - 3:,} more" if len(titles) > 3 else "")

    def plain(self, evidence: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Evidence with its quotes as a reader sees them."""

        def plain(item: Mapping[str, Any], name: str) -> str:
            text = str(item.get(name, ""))
            return _LIST_SIGN.sub("", plain_markdown(text)) if item.get("document_id") in self.markdown else text

        return [{**item, "quote": quoted(plain(item, "quote"), plain(item, "header"))} for item in evidence]

    def plain_answer(self, answer: str) -> str:
        """An answer, which often is a document's own words, as a reader sees it. Of documents of other formats 2*3 is no mark."""
        if len(self.markdown) < len(self.titles):
            return answer
        words = plain_markdown(answer)
        return words if "\n" in words.strip() else _LIST_SIGN.sub("", words)

    def is_of(self, conversation: ConversationRecord) -> bool:
        """Whether a conversation is about exactly these documents."""
        return set(conversation.document_ids) == self.titles.keys()

    @property
    def is_shelf(self) -> bool:
        """Whether several documents can be asked here."""
        return len(self.titles) > 1 or self.reference.startswith(TAG)


class Talks:
    """One user's conversations and answers."""

    def __init__(self, service: Service, user: str) -> None:
        self.user = user
        self._service, self._store = service, service.store

    def _held(self, document_id: str) -> UserDocument:
        return self._store.user_documents.get(self.user, document_id)

    def place(self, reference: str) -> Place:
        """The documents that are asked together: one by its id, several by theirs with "+" between, or a tag as "tag:law".

        Raises:
            NotFound: there is none of them, or one is not theirs.
        """
        if reference.startswith(TAG):
            tag = reference.removeprefix(TAG)
            found = [one for one in self._store.user_documents.page(self.user, limit=MAX_SHELF) if one.has_tag(tag)]
            if not found:
                raise NotFound(f"No document has the tag {tag[:60]!r}. Choose one from the list.")
            return _place(reference, tag, found)
        held = [self._held(document_id) for document_id in dict.fromkeys(reference.split("+")[:MAX_SHELF])]
        titles = [one.document.title for one in held]
        if len(titles) > _NAMED:
            titles[_NAMED - 1 :] = [f"{len(titles) - _NAMED + 1:,} more documents"]
        return _place(reference, " and ".join(filter(None, [", ".join(titles[:-1]), titles[-1]])), held)

    def conversations_at(self, place: Place) -> Sequence[ConversationRecord]:
        """Those of the person about exactly the documents of a place, the newest first."""
        found = self._store.conversations.all(self.user, place.document_ids[0], asked_by="")
        return [conversation for conversation in found if place.is_of(conversation)]

    def asked_last(self) -> str | None:
        """The place of the person's newest conversation, if it is still there."""
        newest = next(iter(self._store.conversations.all(self.user, asked_by="")), None)
        return "+".join(newest.document_ids) if newest is not None else None

    def conversation(self, conversation_id: str) -> ConversationRecord:
        """One of this user's conversations.

        Raises:
            NotFound: it is not there, or not theirs.
        """
        return self._store.conversations.get(conversation_id, self.user)

    def standing(self, conversation_id: str) -> tuple[ConversationRecord, Sequence[QuestionRecord]]:
        """A conversation and its unanswered questions, the oldest first; each question is in one of the two.

        An answer is saved a moment before its question is removed, so the questions are looked up first.

        Raises:
            NotFound: it is not there, or not theirs.
        """
        waiting = self._store.questions.waiting(self.user, conversation_id)
        conversation = self.conversation(conversation_id)
        answered = {turn.counts.get("question_id") for turn in conversation.turns}
        return conversation, [question for question in waiting if question.id not in answered]

    def remove_conversation(self, conversation_id: str) -> None:
        """Delete a conversation, and stop the answers that it waits for."""
        for question in self.waiting(conversation_id):
            self.stop(question.id)
        self._store.conversations.remove(conversation_id, self.user)

    def forget_conversation(self, conversation_id: str) -> None:
        """Remove a conversation if it is there."""
        with suppress(NotFound):
            self.remove_conversation(conversation_id)

    def forget_all(self, asked_by: str) -> None:
        """Remove the conversations of one kind of program that nothing waits for."""
        for conversation in self._store.conversations.all(self.user, asked_by=asked_by):
            if not self.waiting(conversation.id):
                self.forget_conversation(conversation.id)

    # Answers

    def begin(
        self, document_ids: Sequence[str], said: Sequence[tuple[str, str]] = (), *, asked_by: str = ""
    ) -> ConversationRecord:
        """Begin a conversation about documents, with (question, answer) turns that were said before.

        Raises:
            ReaderError, StoreError: a document is not theirs, or the library cannot be written.
        """
        for document_id in document_ids:
            self._held(document_id)
        conversation = self._store.conversations.add(document_ids, self.user, asked_by=asked_by)
        for question, answer in said:
            conversation = self._store.conversations.add_turn(conversation, question, answer)
        return conversation

    def ask(
        self,
        document_ids: str | Sequence[str],
        text: str,
        conversation_id: str | None = None,
        *,
        asked_by: str = "",
        may_wait: bool = False,
        **settings: Any,
    ) -> QuestionRecord:
        """Note a question about a document or several to be answered in a conversation, by default in a new one.

        Args:
            asked_by: the kind of program that asks; empty for a person on the page.
            may_wait: whether the question may come before the first page is read, and wait for it: a page shows that it does.
            settings: `look_again`, see `Service.answer`, and `number`, the turn that the new one replaces. Where other turns
                follow that turn, the question is asked in a new conversation with the turns before it, and nothing is lost.

        Raises:
            ReaderError, StoreError: the document is not theirs or cannot be asked, or there is no question.
        """
        ids = [document_ids] if isinstance(document_ids, str) else list(document_ids)
        for document_id in ids:
            self._held(document_id)
        if settings.get("look_again", "auto") not in ("auto", "off"):
            settings["look_again"] = _token_count(settings["look_again"])
        if is_unread(self._service, ids, self.user) and not (may_wait and may_be_read(self._service, ids, self.user)):
            raise why_unread(self._service, ids, self.user)
        self._service.answerer.check(self.user, text)  # before a conversation is begun for it
        if conversation_id is None:
            conversation_id = self.begin(ids, asked_by=asked_by).id
        elif set(ids) != set(self.conversation(conversation_id).document_ids):
            raise NotFound("That conversation is about another document. Begin a new one.")
        elif (number := settings.get("number")) is not None:
            conversation = self.conversation(conversation_id)
            if number < len(conversation.turns) - 1:
                conversation_id = self._store.conversations.branch(conversation, number).id
                settings = {name: value for name, value in settings.items() if name != "number"}
        return self._service.answerer.ask(self.user, ids[0], conversation_id, text, settings)

    def waits_for(self, document_ids: Sequence[str]) -> str:
        """What an unanswered question about these documents waits for."""
        if self._service.model is None:
            return "the language model"
        return "the first page to be read" if is_unread(self._service, document_ids, self.user) else "its turn"

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has; 0 while the decoder loads."""
        return len(self._service.model.encode(text)[0]) if self._service.model is not None else 0

    def first_tokens(self, text: str, tokens: int) -> str:
        """The beginning of a text that has so many tokens at most."""
        if self._service.model is None:
            return text
        spans = self._service.model.encode(text)[1]
        return text[: int(spans[tokens - 1, 1])] if len(spans) > tokens else text

    def waiting(self, conversation_id: str) -> Sequence[QuestionRecord]:
        """The unanswered questions of a conversation, the oldest first."""
        return self._store.questions.waiting(self.user, self.conversation(conversation_id).id)

    def stream(self, question_id: str) -> Stream | None:
        """What there is of an answer, if it was begun here."""
        stream = self._service.answerer.stream(question_id)
        return stream if stream is not None and stream.question.user == self.user else None

    def follow(
        self, question_id: str, seconds: float = 0.05, *, is_left: Callable[[], bool] = lambda: False
    ) -> Iterator[Stream]:
        """Yield an answer as it grows, at most every so many seconds, and at its end; nothing if it is not theirs.

        Args:
            is_left: asked between updates; True, once the page shows something else, ends this.
        """
        seen: tuple[int, bool] | None = None
        until = time.monotonic() + _BEGIN_SECONDS
        while self._service.is_open and time.monotonic() < until and not is_left():
            stream = self.stream(question_id)
            if stream is not None and (stream.is_done or (stream.parts, stream.is_begun) != seen):
                seen, until = (stream.parts, stream.is_begun), time.monotonic() + _BEGIN_SECONDS
                yield stream
            if stream is not None and stream.is_done:
                return
            waits = (stream is not None and stream.is_begun) or question_id in self._waiting_ids()
            if not waits and (stream is None or not stream.is_begun):  # nor just now: it went with its document
                return
            time.sleep(seconds)

    def _waiting_ids(self) -> set[str]:
        return {question.id for question in self._store.questions.waiting(self.user)}

    def follow_to_end(self, question_id: str) -> Iterator[Stream]:
        """Yield an answer as it grows until it is whole, for a program, which does not see what keeps it waiting.

        Raises:
            NotReady: the decoder cannot be loaded, the app is being closed, or nothing came for ten minutes.
            NotFound, StoreBusy: it was stopped, with its document or by somebody.
            ReaderError, StoreError: it cannot be answered.
        """
        service, last = self._service, None
        for last in self.follow(question_id, is_left=lambda: service.load_error is not None):
            if last.error is not None:
                raise last.error
            yield last
        if last is not None and last.answer is not None:
            return
        is_stopped = last is not None and last.is_done
        self.stop(question_id)  # the program gets an error now and does not wait for an answer
        error = service.load_error
        if error is not None:
            told = str(error) if isinstance(error, (ReaderError, StoreError)) else unexpected(error)
            raise NotReady(f"The language model cannot be loaded. {told}") from error
        if not service.is_open:
            raise NotReady("The app is being closed; ask again when it runs.")
        if (stream := self.stream(question_id)) is not None:
            self.conversation(stream.question.conversation_id)  # it may have gone with its document
        if is_stopped:
            raise StoreBusy("The question was stopped before its answer; ask again.")
        raise NotReady("The answer has not begun for too long; ask again later.")

    def stop(self, question_id: str) -> bool:
        """Stop an answer. Return whether the question was withdrawn, because no word of its answer had come."""
        return self.stream(question_id) is not None and self._service.answerer.stop(question_id)

    def prepare(self, document_id: str) -> None:
        """Attach a document's finished memory, so that the first question need not wait for it."""
        self._held(document_id)
        memory = self._service.memory(document_id, self.user)
        if self._service.model is not None and memory is not None and memory.state == "ready":
            self._service.attach(document_id, self.user)


def _place(reference: str, title: str, held: Sequence[UserDocument]) -> Place:
    documents = [one.document for one in held]
    markdown = frozenset(document.id for document in documents if document.format == MARKDOWN)
    titles = told_apart((document.title, document.file_name) for document in documents)
    return Place(reference, title, dict(zip((document.id for document in documents), titles, strict=True)), markdown)


def _token_count(look_again: Any) -> int:
    """How many tokens may be looked at again.

    Raises:
        ConfigError: it is no number of them.
    """
    try:
        tokens = 0 if isinstance(look_again, bool) else int(look_again)
    except (TypeError, ValueError, OverflowError):
        tokens = 0
    if not 0 < tokens <= MAX_LOOK_AGAIN_TOKENS:
        raise ConfigError(
            f"look_again is {str(look_again)[:40]!r}; it is auto, off, or 1 to {MAX_LOOK_AGAIN_TOKENS:,} tokens."
        )
    return tokens
