"""The page as a whole: its layout, tied to a service, and the endpoints that programs call."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

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

MAX_FILE_SIZE = "512mb"
DELETE_CACHE = (600, 6 * 3600)
"""How often Gradio looks for files of its own that are too old, and how old those are, in seconds."""


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
    page = gr.Blocks(title=NAME, analytics_enabled=False, fill_width=True, delete_cache=DELETE_CACHE)
    with page:
        parts = lay_out(service.model_name, model_names, has_accounts=has_accounts)
        site = Site(page, parts, service, pictures or Pictures(), uploads, has_accounts, model_names)
        refresh, conversation = Refresh(site), ConversationEvents(site)
        conversation.connect()
        LibraryEvents(site, refresh).connect()
        ShelfEvents(site, refresh).connect()
        DocumentEvents(site, refresh, conversation).connect()
        refresh.connect()
        add_endpoints(site.workspace)
    return page
