"""The conversation's events: ask, watch the answer grow, stop, ask again, and choose a conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from reader.app.page import html as views
from reader.app.page.events import Site, found_or_none, on, tolerant, warn
from reader.app.workspace import Workspace
from storage import QuestionRecord

STREAM_SECONDS = 0.1
"""How often a page looks whether the answer has grown."""

MAX_STREAMS = 32
"""Pages that follow answers at once. The decoder answers one question after another, however many there are."""

IDLE_QUESTION = gr.update(submit_btn=True, stop_btn=False)
BUSY_QUESTION = gr.update(submit_btn=False, stop_btn=True)


class ConversationEvents:
    """What happens between the question box and the chat."""

    def __init__(self, site: Site) -> None:
        """Take the page; `connect` ties the events."""
        self._site = site
        self.streaming: list[Any] = []
        """The events that follow an answer. Opening another document cancels them."""

    def connect(self) -> None:
        """Tie the events of the conversation."""
        parts, kept, show = self._site.parts.conversation, self._site.parts.kept, self.show
        look_again, viewer = self._site.parts.settings.look_again, self._site.parts.viewer
        selected, talk, editing, question = kept.selected, kept.talk, kept.editing, parts.question
        show(
            on(
                question.submit,
                self.submit,
                [question, selected, talk, editing, look_again],
                [talk, question, editing],
            )
        )
        show(on(viewer.retry, self.retry, [selected, talk, look_again]))
        on(viewer.edit, self.edit, talk, [question, editing])
        on(question.stop, self.stop, talk)
        show(on(parts.choice.input, lambda talk_id: talk_id, parts.choice, talk))
        show(on(parts.new.click, lambda: (None, None), None, [talk, editing]))
        show(on(parts.forget.click, self.forget, [selected, talk], talk))

    def show(self, event: Any) -> Any:
        """Show the conversation when an event is through, and follow its answers."""
        parts, kept = self._site.parts.conversation, self._site.parts.kept
        following = on(
            event.then,
            self.show_talk,
            [kept.selected, kept.talk],
            [parts.chat, parts.whole_map, parts.bar, parts.choice, parts.download, parts.question],
            concurrency_id="decoder",
            concurrency_limit=MAX_STREAMS,
        )
        self.streaming.append(following)
        return following

    def show_talk(self, document_id: str | None, talk_id: str | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Show a conversation, and stream what is not answered of it yet; leaving stops no answer."""
        try:
            yield from self._stream(self._site.workspace(request), document_id, talk_id)
        except Exception as error:
            warn(error)
            yield *(gr.skip(),) * 5, IDLE_QUESTION

    def _stream(self, workspace: Workspace, document_id: str | None, talk_id: str | None) -> Iterator[tuple[Any, ...]]:
        if not document_id or found_or_none(workspace.get, document_id) is None:
            yield [], "", gr.update(visible=False), gr.skip(), gr.skip(), IDLE_QUESTION
            return
        talks_now = workspace.conversations(document_id)
        conversation = next((known for known in talks_now if known.id == talk_id), None)
        names = [(views.conversation_name(known), known.id) for known in talks_now]
        yield (
            views.messages(conversation, [], document_id),
            views.conversation_map(conversation, document_id),
            gr.update(visible=bool(talks_now)),
            gr.update(choices=names, value=conversation and conversation.id),
            views.download_link(conversation.id if conversation else None),
            IDLE_QUESTION,
        )
        failed: list[tuple[QuestionRecord, Any]] = []
        while conversation is not None and (waiting := workspace.waiting(conversation.id)):
            pairs = [(question, workspace.stream(question.id)) for question in waiting]
            yield views.messages(conversation, pairs, document_id), *(gr.skip(),) * 4, BUSY_QUESTION
            for grown in workspace.follow(waiting[0].id, STREAM_SECONDS):
                pairs[0] = (waiting[0], grown)
                yield views.messages(conversation, pairs, document_id), *(gr.skip(),) * 5
            ended = workspace.stream(waiting[0].id)
            if ended is not None and ended.error is not None:
                failed.append((waiting[0], ended))
            conversation = workspace.conversation(conversation.id)
            names = [(views.conversation_name(known), known.id) for known in workspace.conversations(document_id)]
            yield (
                views.messages(conversation, failed, document_id),
                views.conversation_map(conversation, document_id),
                gr.skip(),
                gr.update(choices=names),
                gr.skip(),
                IDLE_QUESTION,
            )

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
            return gr.skip(), gr.skip(), gr.skip()
        workspace = self._site.workspace(request)
        if talk_id and document_id not in workspace.conversation(talk_id).document_ids:
            talk_id = None  # the document was changed a moment ago, and its own conversation is still to come
        number = turn if talk_id else None
        asked = workspace.ask(document_id, text, talk_id, look_again=looked, number=number)
        return asked.conversation_id, gr.update(value=""), None

    @tolerant
    def retry(
        self, document_id: str, talk_id: str | None, looked: str, event: gr.EventData, request: gr.Request
    ) -> None:
        """Ask a question again."""
        workspace = self._site.workspace(request)
        turn = workspace.conversation(talk_id or "").turns[int(event.turn)]
        workspace.ask(document_id, turn.question, talk_id, look_again=looked, number=turn.number)

    @tolerant
    def edit(self, talk_id: str | None, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        """Put a question back into the box, to be changed."""
        turn = self._site.workspace(request).conversation(talk_id or "").turns[int(event.turn)]
        return gr.update(value=turn.question), turn.number

    @tolerant
    def stop(self, talk_id: str | None, request: gr.Request) -> None:
        """Stop the answers of the conversation."""
        workspace = self._site.workspace(request)
        for asked in workspace.waiting(talk_id) if talk_id else []:
            workspace.stop(asked.id)

    @tolerant
    def forget(self, document_id: str, talk_id: str | None, request: gr.Request) -> str | None:
        """Delete the conversation, and open the newest of the others."""
        workspace = self._site.workspace(request)
        if talk_id:
            workspace.remove_conversation(talk_id)
        return next((other.id for other in workspace.conversations(document_id)), None)
