"""The refreshes of a page that no browser has open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.routes import App
from starlette.requests import Request

from reader.app.accounts import LOCAL_USER, USER_HEADER
from reader.app.page.blocks import build
from reader.app.page.layout import Sent
from reader.app.service import Service


def refreshes(service: Service, document_id: str | None = None) -> Callable[[], tuple[dict[str, Any], ...]]:
    """What a page with this document is sent at each refresh, and at the next one when it is called again."""
    page = build(service)
    page.app = App.create_app(page)
    functions = {fn.name: fn for fn in page.fns.values()}
    selected = functions["offer_export"].inputs[0]
    page.app.state_holder["page"][selected._id] = document_id
    headers = [(USER_HEADER, LOCAL_USER.encode())]
    request = gr.Request(Request({"type": "http", "headers": headers}), session_hash="page")
    refresh, sent = functions["refresh"].fn, Sent()
    assert refresh is not None
    return lambda: tuple(refresh(sent, 50, "", "newest", request))
