"""The page as a whole: its layout, tied to a service, and the endpoints that programs call."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction

from reader.app.endpoints import add_endpoints
from reader.app.page.conversation import ConversationEvents
from reader.app.page.document import DocumentEvents
from reader.app.page.events import Site
from reader.app.page.layout import lay_out
from reader.app.page.library import LibraryEvents
from reader.app.page.refresh import Refresh
from reader.app.page.shelf_events import ShelfEvents
from reader.app.page.theme import NAME
from reader.app.pages import Pictures
from reader.app.service import Service
from reader.app.uploads import Uploads

DELETE_CACHE = (600, 6 * 3600)
"""How often Gradio looks for files of its own that are too old, and how old those are, in seconds."""


class Page(gr.Blocks):
    """Blocks whose streams of updates reach the page whole, however slow it is, and whose ends change nothing."""

    def handle_streaming_diffs(
        self,
        block_fn: BlockFunction,
        data: list[Any],
        session_hash: str | None,
        run: str | None,
        final: bool,
        simple_format: bool = False,
    ) -> list[Any]:
        """What is sent of a stream's next values: of most of them how they differ from the last.

        A page that is slow applies the differences to values that it has taken, but not shown yet. A text or a list is then shown
        as it is later, which is right. But of an update of properties ("be visible") nothing would be left when a stream's next
        one changes nothing, so each is sent whole. The end sends the last values once more, when the page may show something
        else, or a person may be typing there.
        """
        is_first = session_hash is None or run not in self.pending_diff_streams[session_hash]
        whole = list(data)
        sent: list[Any] = super().handle_streaming_diffs(block_fn, data, session_hash, run, final, simple_format)
        if block_fn.api_visibility != "private":  # of a program, which gets the last values at the end
            return sent
        if final:
            return [gr.skip()] * len(sent)
        if is_first:
            return sent
        return [
            [["replace", [], one]] if isinstance(one, dict) else edits for one, edits in zip(whole, sent, strict=True)
        ]


def build(
    service: Service,
    pictures: Pictures | None = None,
    uploads: Uploads | None = None,
    *,
    has_accounts: bool = False,
    model_names: Sequence[str] = (),
) -> gr.Blocks:
    """Lay out the page and tie it to the service.

    Args:
        service: what the page shows and sets going.
        pictures: those that the routes send, so that none is drawn twice.
        uploads: where files wait that are fetched; without it, a folder that stays.
        has_accounts: whether people sign in, and share what there is only one of.
        model_names: decoders to choose from, where it is one person's to choose.
    """
    uploads = uploads or Uploads(Path(tempfile.mkdtemp()))
    page = Page(title=NAME, analytics_enabled=False, fill_width=True, delete_cache=DELETE_CACHE)
    with page:
        parts = lay_out(service.model_name, model_names, service.condenser, has_accounts=has_accounts)
        site = Site(page, parts, service, pictures or Pictures(), uploads, has_accounts, model_names)
        refresh, conversation = Refresh(site), ConversationEvents(site)
        conversation.connect()
        LibraryEvents(site, refresh).connect()
        ShelfEvents(site, refresh).connect()
        DocumentEvents(site, refresh, conversation).connect()
        refresh.connect()
        add_endpoints(site.workspace)
    return page
