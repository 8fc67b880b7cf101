"""Keeps an open page up to date: on every tick of its timer it is sent the parts that have changed, and only those.

Each change is sent twice, as a page may lose an update of a part that it is just drawing. Where two refreshes of a page run side by
side, the one that looked first sends nothing if the other one has ended: it may have looked before another document was opened.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import gradio as gr

from reader.app.page import html as views, shelf
from reader.app.page.events import EVERY, Site, found_or_none, on
from reader.app.page.layout import BUSY_POLL_SECONDS, Sent
from reader.app.talks import Place
from reader.app.workspace import Shown, Workspace
from storage import DocumentOrder, is_active

IDLE_POLL_SECONDS = 3.0
TIMES_SENT = 2
"""How often each change is sent."""


class Refresh:
    """The updates that follow the library, the decoder and the readings."""

    def __init__(self, site: Site) -> None:
        """Take the page; `connect` starts its timer."""
        self._site = site
        self._looking = Lock()
        kept, library = site.parts.kept, site.parts.library
        notices, document = site.parts.notices, site.parts.document
        reading = document.reading
        self._view = [
            *(kept.timer, library.search, library.rows, library.more, library.room),
            *(
                notices.decoder,
                notices.load_again,
                notices.use_fetched,
                notices.empty,
                notices.welcome,
                notices.first_sample,
            ),
            *(
                document.column,
                document.head,
                document.details.memory,
                document.details.newer,
                document.details.parse_again,
            ),
            *(reading.row, reading.status, reading.pause, reading.resume),
            site.parts.conversation.question,
            *(library.tags, library.pick, document.details.fold, site.parts.table.runs),
        ]
        self._inputs = [kept.sent, kept.listed, library.search, kept.order]

    def connect(self) -> None:
        """Refresh at every tick."""
        on(self._site.parts.kept.timer.tick, self.refresh, self._inputs, self._view, queue=False)

    def after(self, event: Any) -> Any:
        """Refresh when an event is through, too."""
        return on(event.then, self.refresh, self._inputs, self._view, **EVERY)

    def refresh(
        self, sent: Sent, rows: int, query: str, order: DocumentOrder, request: gr.Request
    ) -> tuple[dict[str, Any], ...]:
        """Send what has changed since the update before the last one."""
        with self._looking:
            sent.looks += 1
            own = sent.looks
            reference = self._site.now(self._site.parts.kept.selected, request)
        now = self._look_safely(request, reference, rows, query, order)
        with self._looking:
            if own < sent.newest:
                return (gr.skip(),) * len(now)
            sent.newest = own
            before = sent.views
            sent.views = [now, *before[: TIMES_SENT - 1]]
        if before:  # the page has what it was sent first
            self._site.service.first_page.draw()
        return tuple(
            part if len(before) < TIMES_SENT or any(part != view[number] for view in before) else gr.skip()
            for number, part in enumerate(now)
        )

    def _look_safely(
        self, request: gr.Request, reference: str | None, rows: int, query: str, order: DocumentOrder
    ) -> list[dict[str, Any]]:
        """`_look`, or the line of its error: shown in place, as this runs again and again."""
        try:
            return self._look(self._site.workspace(request), reference, rows, query, order)
        except Exception as error:
            line = gr.update(value=views.error_line(error))
            return [line if part is self._site.parts.notices.decoder else gr.skip() for part in self._view]

    def _look(
        self, workspace: Workspace, reference: str | None, rows: int, query: str, order: DocumentOrder
    ) -> list[dict[str, Any]]:
        """An update for each part of the view, as things stand."""
        service, parts = self._site.service, self._site.parts
        kept, library, notices = parts.kept, parts.library, parts.notices
        count = workspace.count()
        query = query or ""  # of a box that was never shown
        place = found_or_none(workspace.place, reference)
        record = found_or_none(workspace.get, None if place is None or place.is_shelf else reference)
        documents = workspace.documents(query, limit=rows, selected=record and record.id, order=order)
        runs = [
            run for run in service.batches.all(workspace.user) if place and run.details.get("place") == place.reference
        ]
        is_at_work = bool(workspace.active()) or any(not run.is_over for run in runs)
        is_busy = service.load_error is None and (service.model is None or is_at_work)
        room = views.room_line(count, *workspace.room(), is_shared=self._site.has_accounts) if count else ""
        updates = {
            kept.timer: gr.update(value=BUSY_POLL_SECONDS if is_busy else IDLE_POLL_SECONDS),
            library.search: gr.update(visible=bool(count)),
            library.rows: gr.update(value=views.library(documents, reference) if count else ""),
            library.more: gr.update(visible=not query and len(documents) < count, value=f"Show more of {count:,}"),
            library.room: gr.update(value=room),
            notices.decoder: gr.update(value=views.decoder_line(service)),
            notices.load_again: gr.update(visible=service.load_error is not None),
            notices.use_fetched: self._use_fetched_button(),
            notices.empty: gr.update(visible=place is None),
            notices.welcome: gr.update(value=views.NONE_OPEN if count else views.WELCOME),
            notices.first_sample: gr.update(visible=not count),
            parts.document.column: gr.update(visible=place is not None),
            library.tags: gr.update(value=shelf.tags(workspace.tags(), reference)),
            library.pick: gr.update(visible=count > 1),
            parts.document.details.fold: gr.update(visible=record is not None),
        }
        if record is not None:
            updates |= self._document_updates(record)
        elif place is not None:
            updates |= self._shelf_updates(workspace, place)
        if place is not None:
            rows_shown = service.batches.rows(runs[0]) if runs else []
            updates[parts.table.runs] = gr.update(value=shelf.runs(runs, rows_shown, place))
        return [updates.get(part, gr.skip()) for part in self._view]

    def _use_fetched_button(self) -> dict[str, Any]:
        fetching = self._site.service.fetching
        has_ended = fetching is not None and (fetching.is_here or fetching.error is not None)
        value = "Use it" if fetching is None or fetching.error is None else "Try again"
        is_own = not self._site.has_accounts and self._site.service.model is not None
        update: dict[str, Any] = gr.update(visible=has_ended and is_own, value=value)
        return update

    def _shelf_updates(self, workspace: Workspace, place: Place) -> dict[Any, Any]:
        document = self._site.parts.document
        shown = [workspace.get(document_id) for document_id in place.document_ids[: shelf.SHOWN_DOCUMENTS]]
        can_ask = any(map(views.can_ask, shown))
        return {
            document.head: gr.update(value=shelf.head(place, shown)),
            document.reading.row: gr.update(visible=False),
            self._site.parts.conversation.question: gr.update(
                interactive=can_ask,
                placeholder="Ask all of these documents …" if can_ask else "Read one of them first, to ask.",
            ),
        }

    def _document_updates(self, record: Shown) -> dict[Any, Any]:
        document = self._site.parts.document
        reading = document.reading
        job, state = record.job, record.state
        is_going = job is not None and is_active(job)
        is_stopping = is_going and job is not None and job.wanted is not None
        again = "Try again" if state == "failed" else "Read" if state == "not read" else "Continue"
        return {
            document.head: gr.update(value=views.document_head(record)),
            document.details.memory: gr.update(value=views.memory_facts(record)),
            document.details.newer: gr.update(value=views.newer_parser(record)),
            document.details.parse_again: gr.update(visible=record.is_outdated and record.original is not None),
            reading.row: gr.update(visible=state != "ready"),
            reading.status: gr.update(value=views.reading(record)),
            reading.pause: gr.update(visible=is_going, interactive=not is_stopping),
            reading.resume: gr.update(visible=not is_going, value=again),
            self._site.parts.conversation.question: gr.update(
                interactive=views.can_ask(record), placeholder=views.invitation(record)
            ),
        }
