"""The open document's events: its details, its reading, its pages, and the choice of a decoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from reader.app.accounts import user_of
from reader.app.page import html as views
from reader.app.page.conversation import ConversationEvents
from reader.app.page.events import EVERY, LAST, Site, found_or_none, on, tolerant, warn
from reader.app.page.refresh import Refresh
from reader.app.page.viewer import viewer
from reader.app.workspace import Shown
from reader.errors import ConfigError
from reader.models import is_bundled, is_fetched
from reader.settings import cache_folder

_IN_SIGHT = (
    "() => requestAnimationFrame(() => document.getElementById('confirm')?.scrollIntoView({ block: 'nearest' }))"
)
"""Beside an open question table, what asks whether to remove stands below what is shown."""


class DocumentEvents:
    """What the middle column does above the conversation, and the page beside it."""

    def __init__(self, site: Site, refresh: Refresh, conversation: ConversationEvents) -> None:
        """Take the page; `connect` ties the events."""
        self._site, self._refresh, self._conversation = site, refresh, conversation

    def connect(self) -> None:
        """Tie the events of the document, its pages and the settings."""
        parts, after = self._site.parts, self._refresh.after
        kept, viewer, notices = parts.kept, parts.viewer, parts.notices
        details, reading = parts.document.details, parts.document.reading
        chosen, selected = kept.chosen, kept.selected
        removed = on(details.confirm_remove.click, self._act("remove"), selected, chosen)
        after(removed)
        on(viewer.input, self.turn_to, chosen, [viewer, chosen], **EVERY)
        on(viewer.clear, lambda: "", None, viewer, **EVERY)

        fields = [kept.own, details.title, details.tags, details.pinned, details.export, details.confirm]
        talk = parts.conversation
        shown = [selected, kept.talk, kept.editing, *fields, details.fold, talk.editing]
        left = [talk.chat, talk.glance, talk.whole_map]
        opened = on(chosen.change, self.open_document, [chosen, selected, kept.talk], [*shown, *left])
        self._conversation.show(after(opened))

        costing = [selected, details.memory_type]
        on(opened.then, self.offer_ratios, costing, details.ratio, **EVERY)
        on(details.memory_type.input, self.offer_ratios, costing, details.ratio, **LAST)
        on(details.fold.expand, self.offer_export, selected, details.export)  # the reading may have ended since
        after(on(reading.pause.click, self._act("pause"), selected))
        after(on(reading.resume.click, self._act("read"), selected))
        own = [details.title, details.tags, details.pinned]
        after(on(details.save.click, self.save, [selected, kept.own, *own], [details.save, kept.own, *own], **LAST))
        for changed in (details.title.input, details.tags.input, details.pinned.input):
            on(changed, lambda: gr.update(value="Save"), None, details.save)
        after(on(details.read_again.click, self.read_again, [selected, details.ratio, details.memory_type]))
        after(on(details.parse_again.click, self.parse_again, selected, [chosen, parts.notices.added]))
        asked = on(details.remove.click, lambda: gr.update(visible=True), None, details.confirm)
        on(asked.then, None, js=_IN_SIGHT)
        on(details.keep.click, lambda: gr.update(visible=False), None, details.confirm)
        after(on(notices.load_again.click, self._site.service.load_again))
        after(on(notices.use_fetched.click, self.use_fetched))
        settings = parts.settings
        on(self._site.page.load, self.show_decoder, None, [settings.model, settings.condenser])
        after(on(settings.model.input, self.switch_model, settings.model, **LAST))
        after(on(settings.condenser.input, self.switch_condenser, settings.condenser, **LAST))

    @tolerant
    def open_document(
        self, document_id: str | None, opened: str | None, talk_id: str | None, request: gr.Request
    ) -> tuple[Any, ...]:
        """Show the conversation, or the newest about this document, and what can be set; attach its memory meanwhile.

        What is open already stays as it is, with what is being written in its details. What was said about the document that is
        left goes at once: it may not stand under another title until the new one's conversation comes.
        """
        if document_id == opened:
            return (gr.skip(),) * 14
        left: tuple[list[Any], str, str] = ([], "", "")
        workspace = self._site.workspace(request)
        place = found_or_none(workspace.place, document_id)
        closed = gr.update(visible=False)
        if place is None:
            return None, None, None, *(gr.skip(),) * 5, closed, gr.skip(), closed, *left
        about = [conversation.id for conversation in workspace.conversations_at(place)]
        talk = talk_id if talk_id in about else next(iter(about), None)
        if place.is_shelf:
            return place.reference, talk, None, *(gr.skip(),) * 5, closed, gr.update(open=False), closed, *left
        record = workspace.get(place.document_ids[0])
        own = _own(record)
        try:
            workspace.prepare(record.id)
        except Exception as error:
            warn(error)
        return (
            record.id,
            talk,
            None,
            own,
            *own,
            views.export_link(record),
            closed,
            gr.update(open=False),
            closed,
            *left,
        )

    @tolerant
    def offer_export(self, document_id: str | None, request: gr.Request) -> Any:
        """Show the link that exports the document."""
        record = found_or_none(self._site.workspace(request).get, document_id)  # none of several documents
        return views.export_link(record) if record is not None else gr.skip()

    @tolerant
    def offer_ratios(self, document_id: str | None, memory_dtype: str, request: gr.Request) -> Any:
        """List the ratios that fit, with what each costs."""
        workspace = self._site.workspace(request)
        if document_id is None or found_or_none(workspace.get, document_id) is None:
            return gr.skip()
        costs = workspace.ratio_costs(document_id, _chosen_type(memory_dtype))
        return gr.update(choices=views.ratio_choices(costs))

    @tolerant
    def save(
        self, document_id: str, before: Sequence[Any], title: str, tags: str, is_pinned: bool, request: gr.Request
    ) -> tuple[Any, ...]:
        """Keep the title, the tags and the pin, those that were changed here: the others may have been changed elsewhere.

        The button says that it was done.
        """
        workspace = self._site.workspace(request)
        if title != before[0]:
            workspace.rename(document_id, title)
        if tags != before[1]:
            workspace.tag(document_id, tags.split(","))
        if is_pinned != before[2]:
            workspace.pin(document_id, is_pinned)
        own = _own(workspace.get(document_id))
        return gr.update(value="Saved"), own, *own

    @tolerant
    def read_again(self, document_id: str, chosen: str, memory_dtype: str, request: gr.Request) -> None:
        """Read the document at the chosen ratio and memory type."""
        ratio = None if chosen == "fitting" else int(chosen)
        self._site.workspace(request).read(document_id, ratio, _chosen_type(memory_dtype))

    @tolerant
    def parse_again(self, document_id: str, request: gr.Request) -> tuple[str, str]:
        """Parse the kept original with today's parser, open what it gives, and say whether its text differs."""
        parsed = self._site.workspace(request).parse_again(document_id)
        if parsed.id == document_id:
            return parsed.id, views.added([views.note("The newer parser gives the same text: nothing changes.")])
        line = views.note(f"{parsed.title} was parsed again and is read now, beside the older one.")
        return parsed.id, views.added([line])

    def _act(self, name: str) -> Callable[..., None]:
        """A callback that does one thing to the selected document."""

        @tolerant
        def act(document_id: str | None, request: gr.Request) -> None:
            if document_id:
                getattr(self._site.workspace(request), name)(document_id)

        return act

    def show_decoder(self) -> tuple[str, str]:
        """The decoder and the condenser in use, which may have been chosen since the page was laid out."""
        service = self._site.service
        return service.model_name, service.condenser or "usual"

    @tolerant
    def switch_model(self, name: str, request: gr.Request) -> None:
        """Load another decoder in place of the present one."""
        _check_local(request)
        if name not in self._site.model_names:
            raise ConfigError(f"There is no language model {name!r}. Choose one from the list.")
        service = self._site.service
        if is_bundled(name) and not is_fetched(name, cache_folder()):
            service.fetch(name)
        else:
            service.choose_model(name, service.condenser)

    @tolerant
    def switch_condenser(self, chosen: str, request: gr.Request) -> None:
        """Load the present decoder again, so that its memories keep something else."""
        _check_local(request)
        service = self._site.service
        service.choose_model(service.model_name, None if chosen == "usual" else chosen)

    @tolerant
    def use_fetched(self, request: gr.Request) -> None:
        """Put the decoder that was fetched in the place of the present one."""
        _check_local(request)
        self._site.service.use_fetched()

    @tolerant
    def turn_to(self, event: gr.EventData, document_id: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Show a page beside the conversation, and open its document where that is another one."""
        workspace = self._site.workspace(request)
        page = workspace.page(
            str(event.document), event.page, event.start, event.end, find=event.find, as_text=bool(event.text)
        )
        contents = workspace.glance(page.document_id).contents
        here = found_or_none(workspace.place, document_id)
        is_here = here is not None and page.document_id in here.titles
        return viewer(page, contents), gr.skip() if is_here else page.document_id


def _check_local(request: gr.Request) -> None:
    """Refuse a person who signed in: all users share one language model.

    Raises:
        ConfigError: they signed in.
    """
    if user_of(request):
        raise ConfigError("You cannot choose the language model here. Ask the person who runs this server.")


def _own(record: Shown) -> tuple[str, str, bool]:
    """What a person may change about a document: its title, its tags and its pin."""
    document = record.holding.document
    return document.title, ", ".join(record.holding.tags), document.pinned


def _chosen_type(memory_dtype: str) -> str | None:
    """The type of a memory that is chosen on the page; None: the decoder's usual one."""
    return None if memory_dtype == "usual" else memory_dtype
