"""The events of several documents at once: ask them together, tag or remove them, and ask a table of questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from reader.app.batch_runs import Asked
from reader.app.page.events import EVERY, Site, on, tolerant
from reader.app.page.layout import discard
from reader.app.page.refresh import Refresh
from reader.app.page.shelf import ORDERS
from reader.app.talks import Place
from reader.batching import is_unnamed, questions_in, rows_in
from reader.documents import decode_bytes, spreadsheet_rows
from reader.errors import ConfigError


class ShelfEvents:
    """What is done with several documents."""

    def __init__(self, site: Site, refresh: Refresh) -> None:
        """Take the page; `connect` ties the events."""
        self._site, self._refresh = site, refresh

    def connect(self) -> None:
        """Tie the events."""
        parts, after = self._site.parts, self._refresh.after
        kept, viewer, table = parts.kept, parts.viewer, parts.table
        after(on(viewer.option_select, self.sort, None, kept.order, **EVERY))
        after(on(viewer.apply, self.act_on_many, kept.chosen, kept.chosen, **EVERY))
        asking = [kept.selected, table.questions, parts.settings.look_again]
        after(on(table.ask.click, self.ask_table, asking, table.questions))
        uploading = [kept.selected, table.upload, parts.settings.look_again]
        after(on(table.upload.upload, self.ask_file, uploading, **EVERY))
        after(on(viewer.delete, self.end_run, **EVERY))

    @tolerant
    def sort(self, event: gr.EventData) -> str:
        """List the rows in another order."""
        return str(event.order) if event.order in dict(ORDERS) else ORDERS[0][0]

    @tolerant
    def act_on_many(self, chosen: str | None, event: gr.EventData, request: gr.Request) -> Any:
        """Open several documents together, tag them, or remove them."""
        workspace, ids = self._site.workspace(request), [str(one) for one in event.documents]
        if not ids:
            raise ConfigError("No document is selected; choose some from the list first.")
        if event.act == "together":
            return workspace.place("+".join(ids)).reference
        if event.act == "tag":
            for document_id in ids:
                workspace.tag(document_id, [*workspace.get(document_id).holding.tags, str(event.value)])
            return gr.skip()
        for document_id in ids:
            workspace.remove(document_id)
        return None if chosen in ids else gr.skip()

    @tolerant
    def ask_table(self, reference: str | None, text: str, looked: str, request: gr.Request) -> Any:
        """Ask the questions that were pasted."""
        self._ask(reference, rows_in(text), "Pasted questions", looked, request)
        return ""

    @tolerant
    def ask_file(self, reference: str | None, path: str, looked: str, request: gr.Request) -> None:
        """Ask the questions of a file."""
        try:
            file = Path(path)
            if file.read_bytes()[:2] == b"PK":
                rows = [list(map(str, row)) for row in spreadsheet_rows(file)]
            else:
                text = decode_bytes(file.read_bytes())
                if text is None:
                    raise ConfigError(f"{file.name!r} is not a text file; save the table as CSV.")
                rows = rows_in(text, is_table=file.suffix.lower() != ".txt")
            if is_unnamed(rows):
                raise ConfigError(
                    f"No column of {file.name!r} is called “question”: name the one with the questions so."
                )
            self._ask(reference, rows, file.name, looked, request)
        finally:
            discard([path])

    @tolerant
    def end_run(self, event: gr.EventData, request: gr.Request) -> None:
        """Stop a table, or delete it."""
        workspace = self._site.workspace(request)
        batches = self._site.service.batches
        (batches.remove if event.act == "remove" else batches.cancel)(workspace.user, str(event.run))

    def _ask(
        self, reference: str | None, rows: Sequence[Sequence[str]], name: str, looked: str, request: gr.Request
    ) -> None:
        workspace = self._site.workspace(request)
        place = workspace.place(reference or "")
        asked = [
            Asked(f"{number}-{place.document_ids.index(document_id) + 1}", document_id, question)
            for number, (question, documents) in enumerate(questions_of(rows, place), start=1)
            for document_id in documents
        ]
        look_again = looked if looked in ("auto", "off") else int(looked)
        self._site.service.batches.add(
            workspace.user, name, asked, look_again=look_again, details={"place": place.reference}
        )


def questions_of(rows: Sequence[Sequence[str]], place: Place) -> list[tuple[str, list[str]]]:
    """The questions of a table, each with the documents that it is asked of: all of the place, or the one in its row.

    Raises:
        ConfigError: there is none, or a row names a document that is not at the place.
    """
    known: Mapping[str, str] = {name: id for id, title in place.titles.items() for name in (id, title.casefold())}
    found = []
    for number, question, document in questions_in(rows):
        if document and document.casefold() not in known:
            raise ConfigError(f"Row {number} names the document {document[:80]!r}, which is not here; open it first.")
        found.append((question, [known[document.casefold()]] if document else place.document_ids))
    if not found:
        raise ConfigError("There is no question; write one a line, or a table with a column “question”.")
    return found
