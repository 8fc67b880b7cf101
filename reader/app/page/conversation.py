"""The conversation's events: ask, watch the answer grow, stop, ask again, and choose a conversation."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import gradio as gr

from reader.app.page import turns
from reader.app.page.events import EVERY, LAST, Site, found_or_none, on, tolerant, warn
from reader.app.page.glance import glance
from reader.app.page.settings import HARDER_TOKENS
from reader.app.talks import Place
from reader.app.workspace import Workspace, whole_number
from reader.errors import ConfigError
from storage import ConversationRecord, NotFound, QuestionRecord, TurnRecord

STREAM_SECONDS = 0.1
"""How often a page looks whether the answer has grown."""

MAX_STREAMS = 32
"""Pages that follow answers at once. The decoder answers one question after another, however many there are."""
_FOLLOWING: Mapping[str, Any] = MappingProxyType({"concurrency_id": "decoder", "concurrency_limit": MAX_STREAMS})

IDLE_QUESTION = gr.update(submit_btn=True, stop_btn=False)
BUSY_QUESTION = gr.update(submit_btn=False, stop_btn=True)


MAX_PAGES = 1_000
"""Of so many pages it is known what of a conversation they show; one of the others does not follow what other windows ask."""

MAX_WAIT_SECONDS = 20.0
"""How long a page waits for its earlier follower to end. On a busy machine it takes a while to send what it has."""


class _Follower:
    """One run of `show_talk`. A page has one at a time."""

    def __init__(self) -> None:
        self.is_left, self.has_ended = threading.Event(), threading.Event()


class ConversationEvents:
    """What happens between the question box and the chat."""

    def __init__(self, site: Site) -> None:
        """Take the page; `connect` ties the events."""
        self._site = site
        self._followers: dict[str, _Follower] = {}
        """By the page's session."""
        self._told: OrderedDict[str, tuple[Any, ...]] = OrderedDict()
        """What a page shows of its conversation, by its session."""
        self._changing = threading.Lock()

    def connect(self) -> None:
        """Tie the events of the conversation."""
        parts, kept, show = self._site.parts.conversation, self._site.parts.kept, self.show
        talks, viewer = self._site.parts.document.talks, self._site.parts.viewer
        look_again = self._site.parts.settings.look_again
        selected, talk, question = kept.selected, kept.talk, parts.question
        editing = [kept.editing, parts.editing, parts.editing_line]
        asking = [question, selected, talk, kept.editing, look_again]
        show(on(question.submit, self.submit, asking, [talk, question, *editing]))
        show(on(viewer.retry, self.retry, [selected, talk], talk))
        on(viewer.edit, self.edit, talk, [question, *editing], **EVERY)
        on(parts.cancel_edit.click, self.cancel_edit, None, [question, *editing])
        stopping = [talk, question, *editing, parts.chat]
        show(on(question.stop, self.stop, [selected, talk], stopping))
        show(on(talks.choice.input, lambda talk_id: talk_id, talks.choice, talk, **LAST))
        show(on(talks.new.click, lambda: (None, *_not_editing()), None, [talk, *editing]))
        on(talks.forget.click, lambda: gr.update(visible=True), None, talks.confirm)
        on(talks.keep.click, lambda: gr.update(visible=False), None, talks.confirm)
        forgetting = [talk, talks.confirm, *editing]
        show(on(talks.confirm_forget.click, self.forget, [selected, talk], forgetting))
        on(kept.timer.tick, self.show_others, None, self._shown, **_FOLLOWING)

    @property
    def _shown(self) -> list[Any]:
        parts, talks = self._site.parts.conversation, self._site.parts.document.talks
        return [parts.chat, parts.whole_map, talks.row, talks.choice, talks.download, parts.glance, parts.question]

    def show(self, event: Any) -> Any:
        """Show the conversation when an event is through, and follow its answers."""
        return on(event.then, self.show_talk, None, self._shown, **_FOLLOWING, **EVERY)

    def show_others(self, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Show what another window has asked in the open conversation, and follow its answer."""
        session, workspace, kept = request.session_hash or "", self._site.workspace(request), self._site.parts.kept
        told = None if session in self._followers else self._told.get(session)
        if told is not None:
            place = found_or_none(workspace.place, self._site.now(kept.selected, request))
            talk_id = self._site.now(kept.talk, request)
            if place is not None and _told(*_standing(workspace, place, talk_id)) != told:
                yield from self.show_talk(request)
                return
        yield (gr.skip(),) * len(self._shown)

    def show_talk(self, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Show the open conversation, and stream what is not answered of it yet; leaving stops no answer."""
        session, workspace, kept = request.session_hash or "", self._site.workspace(request), self._site.parts.kept
        with self._only_follower(session) as follower:
            document_id, talk_id = self._site.now(kept.selected, request), self._site.now(kept.talk, request)
            try:
                yield from self._stream(workspace, document_id, talk_id, follower, session)
            except NotFound:  # it was deleted meanwhile, here or in another window
                yield from self._stream(workspace, document_id, None, follower, session)
            except Exception as error:
                warn(error)
                yield *(gr.skip(),) * 6, IDLE_QUESTION

    @contextmanager
    def _only_follower(self, session: str) -> Iterator[_Follower]:
        """End the page's earlier follower before the block begins, so that it sends nothing about a conversation that was left."""
        follower = _Follower()
        with self._changing:
            earlier, self._followers[session] = self._followers.get(session), follower
        if earlier is not None:
            earlier.is_left.set()
            earlier.has_ended.wait(MAX_WAIT_SECONDS)
        try:
            yield follower
        finally:
            follower.has_ended.set()
            with self._changing:
                if self._followers.get(session) is follower:
                    del self._followers[session]

    def _stream(
        self, workspace: Workspace, document_id: str | None, talk_id: str | None, follower: _Follower, session: str
    ) -> Iterator[tuple[Any, ...]]:
        place = found_or_none(workspace.place, document_id)
        if place is None:
            yield [], "", gr.update(visible=False), gr.skip(), gr.skip(), "", IDLE_QUESTION
            return
        conversation, waiting = _standing(workspace, place, talk_id)
        self._note(session, conversation, waiting)
        whole = self._whole(workspace, place, conversation, waiting)
        yield whole if not follower.is_left.is_set() else (gr.skip(),) * len(whole)
        failed: list[tuple[QuestionRecord, Any]] = []
        while conversation is not None and waiting:
            waits_for = workspace.waits_for(place.document_ids)
            pairs = [(question, workspace.stream(question.id)) for question in waiting]
            for grown in workspace.follow(waiting[0].id, STREAM_SECONDS, is_left=follower.is_left.is_set):
                pairs[0] = (waiting[0], grown)
                shown = turns.messages(conversation, [*failed, *pairs], place, waits_for=waits_for)
                yield shown, *(gr.skip(),) * 5, BUSY_QUESTION
            ended = workspace.stream(waiting[0].id)
            if ended is not None and ended.error is not None:
                failed.append((waiting[0], ended))
            conversation, waiting = workspace.standing(conversation.id)
            self._note(session, conversation, waiting)
            whole = self._whole(workspace, place, conversation, waiting, failed)
            if follower.is_left.is_set():
                return
            yield whole

    def _note(self, session: str, *standing: Any) -> None:
        """Note what a page shows."""
        with self._changing:
            self._told[session] = _told(*standing)
            self._told.move_to_end(session)
            if len(self._told) > MAX_PAGES:
                self._told.popitem(last=False)

    def _whole(
        self,
        workspace: Workspace,
        place: Place,
        conversation: ConversationRecord | None,
        waiting: Sequence[QuestionRecord],
        failed: list[tuple[QuestionRecord, Any]] | None = None,
    ) -> tuple[Any, ...]:
        """An update for each part that shows the conversation."""
        waits_for = workspace.waits_for(place.document_ids)
        pairs = [*(failed or []), *((question, workspace.stream(question.id)) for question in waiting)]
        first = waiting[0].text if waiting else ""
        names = [
            (turns.conversation_name(known, first if conversation and known.id == conversation.id else ""), known.id)
            for known in workspace.conversations_at(place)
        ]
        chosen = conversation.id if conversation is not None else None
        if names and chosen is None:
            chosen = ""
            names.insert(0, ("New conversation", chosen))
        return (
            turns.messages(conversation, pairs, place, waits_for=waits_for),
            turns.conversation_map(conversation, place),
            gr.update(visible=bool(names)),
            gr.update(choices=names, value=chosen),
            turns.talk_menu(conversation.id if conversation and conversation.turns else None),
            "" if pairs or (conversation and conversation.turns) or place.is_shelf else self._glance(workspace, place),
            BUSY_QUESTION if waiting else IDLE_QUESTION,
        )

    def _glance(self, workspace: Workspace, place: Place) -> str:
        document_id = place.document_ids[0]
        return glance(document_id, workspace.glance(document_id))

    @tolerant
    def submit(
        self,
        text: str,
        document_id: str | None,
        talk_id: str | None,
        turn: int | None,
        looked: str,
        request: gr.Request,
    ) -> tuple[Any, ...]:
        """Ask the question in the box."""
        if not document_id or not text.strip():
            return (gr.skip(),) * 5
        workspace = self._site.workspace(request)
        place = workspace.place(document_id)
        known = found_or_none(workspace.conversation, talk_id)
        if known is None or set(place.document_ids) != set(known.document_ids):
            # It was deleted elsewhere; or the document was changed a moment ago, and its own conversation is to come.
            talk_id = None
        number = turn if talk_id else None
        asked = workspace.ask(place.document_ids, text, talk_id, may_wait=True, look_again=looked, number=number)
        return asked.conversation_id, gr.update(value=""), *_not_editing()

    @tolerant
    def retry(self, document_id: str, talk_id: str | None, event: gr.EventData, request: gr.Request) -> str:
        """Ask a question again, and have more pages re-read for it; an earlier one in a conversation of its own."""
        workspace = self._site.workspace(request)
        turn = _turn(workspace.conversation(talk_id or ""), event)
        ids = workspace.place(document_id).document_ids
        asked = workspace.ask(ids, turn.question, talk_id, look_again=HARDER_TOKENS, number=turn.number)
        return asked.conversation_id

    @tolerant
    def edit(self, talk_id: str | None, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        """Put a question back into the box, to be changed."""
        known = self._site.workspace(request).conversation(talk_id or "")
        turn = _turn(known, event)
        return gr.update(value=turn.question), *_editing(turn.number, len(known.turns))

    def cancel_edit(self) -> tuple[Any, ...]:
        """Leave the question as it was."""
        return gr.update(value=""), *_not_editing()

    @tolerant
    def stop(self, document_id: str | None, talk_id: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Stop the answers of the conversation; give the question back where no word of its answer had come.

        All of it in one step: what follows on the page may take as long again.
        """
        workspace = self._site.workspace(request)
        withdrawn = [asked for asked in workspace.waiting(talk_id) if workspace.stop(asked.id)] if talk_id else []
        if not withdrawn or not document_id:
            return (gr.skip(),) * 6
        first = withdrawn[0]
        conversation = workspace.conversation(first.conversation_id)
        number = first.settings.get("number")
        editing = _editing(number, len(conversation.turns)) if number is not None else _not_editing()
        given_back = gr.update(value=first.text, submit_btn=True, stop_btn=False)
        left = turns.messages(conversation, [], workspace.place(document_id))
        if conversation.turns:
            return conversation.id, given_back, *editing, left
        workspace.remove_conversation(conversation.id)  # it was begun for this question
        return None, given_back, *editing, left

    @tolerant
    def forget(self, document_id: str, talk_id: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Delete the conversation, and open the newest of the others."""
        workspace = self._site.workspace(request)
        if talk_id:
            workspace.remove_conversation(talk_id)
        other = next((other.id for other in workspace.conversations_at(workspace.place(document_id))), None)
        return other, gr.update(visible=False), *_not_editing()


def _standing(
    workspace: Workspace, place: Place, talk_id: str | None
) -> tuple[ConversationRecord | None, Sequence[QuestionRecord]]:
    """A conversation about a place, and what waits for an answer in it; None where there is no such conversation."""
    standing = found_or_none(workspace.standing, talk_id)
    return standing if standing is not None and place.is_of(standing[0]) else (None, [])


def _told(conversation: ConversationRecord | None, waiting: Sequence[QuestionRecord]) -> tuple[Any, ...]:
    """What tells a conversation from itself at another time."""
    asked = () if conversation is None else (conversation.id, *(turn.asked_at for turn in conversation.turns))
    return asked, tuple(question.id for question in waiting)


def _turn(conversation: ConversationRecord, event: gr.EventData) -> TurnRecord:
    number = whole_number(event.turn, "question")
    if not 0 <= number < len(conversation.turns):
        raise ConfigError("The conversation has no such question. Load the page again.")
    return conversation.turns[number]


def _editing(number: int, count: int) -> tuple[Any, ...]:
    """The number of the turn that is edited, and the row that says so."""
    return number, gr.update(visible=True), gr.update(value=turns.editing_line(number, count))


def _not_editing() -> tuple[Any, ...]:
    return None, gr.update(visible=False), gr.update(value="")
