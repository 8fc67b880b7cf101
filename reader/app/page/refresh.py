"""Keeps an open page up to date: on every tick of its timer it is sent the parts that have changed, and only those."""

from __future__ import annotations

from typing import Any

import gradio as gr

from reader.app.page import html as views
from reader.app.page.events import Site, found_or_none, on
from reader.app.page.layout import BUSY_POLL_SECONDS
from reader.app.service import is_active
from reader.app.workspace import Shown, Workspace

IDLE_POLL_SECONDS = 3.0


class Refresh:
    """The updates that follow the library, the decoder and the readings."""

    def __init__(self, site: Site) -> None:
        """Take the page; `connect` starts its timer."""
        self._site = site
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
            *(document.column, document.head, document.details.memory),
            *(reading.row, reading.status, reading.pause, reading.cancel, reading.resume),
            site.parts.conversation.question,
        ]
        self._inputs = [kept.selected, kept.listed, library.search, kept.shown]
        self._outputs = [kept.shown, *self._view]

    def connect(self) -> None:
        """Refresh at every tick."""
        on(self._site.parts.kept.timer.tick, self.refresh, self._inputs, self._outputs)

    def after(self, event: Any) -> Any:
        """Refresh when an event is through, too."""
        return on(event.then, self.refresh, self._inputs, self._outputs)

    def refresh(
        self, document_id: str | None, rows: int, query: str, before: list[dict[str, Any]] | None, request: gr.Request
    ) -> tuple[Any, ...]:
        """Send what has changed since the last update."""
        try:
            now = self._look(self._site.workspace(request), document_id, rows, query)
        except Exception as error:  # shown in place, as this runs again and again
            decoder = self._site.parts.notices.decoder
            line = gr.update(value=views.error_line(error))
            now = [line if part is decoder else gr.skip() for part in self._view]
        return now, *(now if before is None else map(_changed, before, now))

    def _look(self, workspace: Workspace, document_id: str | None, rows: int, query: str) -> list[dict[str, Any]]:
        """An update for each part of the view, as things stand."""
        service, parts = self._site.service, self._site.parts
        kept, library, notices = parts.kept, parts.library, parts.notices
        count = workspace.count()
        query = query or ""  # of a box that was never shown
        documents = workspace.documents(query, limit=rows, selected=document_id)
        record = next((entry for entry in documents if entry.id == document_id), None)
        if record is None:
            record = found_or_none(workspace.get, document_id)
        is_busy = service.load_error is None and (service.model is None or bool(workspace.active()))
        room = views.room_line(count, *workspace.room(), is_shared=self._site.has_accounts) if count else ""
        updates = {
            kept.timer: gr.update(value=BUSY_POLL_SECONDS if is_busy else IDLE_POLL_SECONDS),
            library.search: gr.update(visible=bool(count)),
            library.rows: gr.update(value=views.library(documents, document_id) if count else ""),
            library.more: gr.update(visible=not query and len(documents) < count, value=f"Show more of {count:,}"),
            library.room: gr.update(value=room),
            notices.decoder: gr.update(value=views.decoder_line(service)),
            notices.load_again: gr.update(visible=service.load_error is not None),
            notices.use_fetched: self._use_fetched_button(),
            notices.empty: gr.update(visible=record is None),
            notices.welcome: gr.update(value=views.NONE_OPEN if count else views.WELCOME),
            notices.first_sample: gr.update(visible=not count),
            parts.document.column: gr.update(visible=record is not None),
        }
        if record is not None:
            updates |= self._document_updates(record)
        return [updates.get(part, gr.skip()) for part in self._view]

    def _use_fetched_button(self) -> dict[str, Any]:
        fetching = self._site.service.fetching
        has_ended = fetching is not None and (fetching.is_here or fetching.error is not None)
        value = "Use it" if fetching is None or fetching.error is None else "Try again"
        is_own = not self._site.has_accounts and self._site.service.model is not None
        update: dict[str, Any] = gr.update(visible=has_ended and is_own, value=value)
        return update

    def _document_updates(self, record: Shown) -> dict[Any, Any]:
        document = self._site.parts.document
        reading = document.reading
        job, state = record.job, record.state
        is_going = job is not None and is_active(job)
        is_stopping = is_going and job is not None and job.wanted is not None
        again = "Try again" if state == "failed" else "Read" if state == "not read" else "Continue"
        is_loaded = self._site.service.model is not None
        return {
            document.head: gr.update(value=views.document_head(record)),
            document.details.memory: gr.update(value=views.memory_facts(record)),
            reading.row: gr.update(visible=state != "ready"),
            reading.status: gr.update(value=views.reading(record)),
            reading.pause: gr.update(visible=is_going, interactive=not is_stopping),
            reading.cancel: gr.update(visible=is_going, interactive=not is_stopping),
            reading.resume: gr.update(visible=not is_going, value=again),
            self._site.parts.conversation.question: gr.update(
                interactive=record.memory is not None and is_loaded,
                placeholder=views.invitation(record, is_loaded=is_loaded),
            ),
        }


def _changed(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    return gr.skip() if before == now else now
