"""What the events of all regions share: the page as they see it, and how an error is shown.

A callback that fails shows one sentence and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from html import escape
from typing import Any

import gradio as gr

from reader.app.accounts import user_of
from reader.app.page import html as views
from reader.app.page.layout import Parts
from reader.app.pages import Pictures
from reader.app.service import Service
from reader.app.uploads import Uploads
from reader.app.workspace import Workspace
from storage import NotFound


@dataclass(frozen=True)
class Site:
    """The page, and the service that it is tied to."""

    page: gr.Blocks
    parts: Parts
    service: Service
    pictures: Pictures
    uploads: Uploads
    has_accounts: bool
    """Whether people sign in, and share what there is only one of."""
    model_names: Sequence[str]
    """Decoders to choose from, where it is one person's to choose."""

    def workspace(self, request: gr.Request) -> Workspace:
        """The workspace of the user who asks."""
        return Workspace(self.service, user_of(request), self.pictures)

    def now(self, state: gr.State, request: gr.Request) -> Any:
        """What a state of the asking page holds now. As an input it is what it was when the event began, which may be long ago."""
        return self.page.app.state_holder[request.session_hash or ""][state._id]


EVERY = {"trigger_mode": "multiple"}
"""For events of which none may be lost. Otherwise Gradio drops an event, and all that follows it, while an earlier one runs."""
LAST = {"trigger_mode": "always_last"}
"""For what a person chooses or writes. What is sent while the same event is under way is sent again after it, as it is then."""


def on(trigger: Any, function: Callable[..., Any] | None, *ends: Any, **options: Any) -> Any:
    """Tie an event that is no endpoint for other programs."""
    has_outputs = len(ends) > 1 or options.get("outputs")
    if function is not None and not has_outputs:
        function = _returning_nothing(function)
    return trigger(function, *ends, **({"api_visibility": "private", "show_progress": "hidden"} | options))


def _returning_nothing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Drop what a callback returns, such as the skip of a refusal: with no outputs, Gradio warns of every value."""

    @wraps(function)
    def wrapped(*arguments: Any) -> None:
        function(*arguments)

    return wrapped


def tolerant(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a callback so that an error becomes one sentence on the page and nothing else changes."""

    @wraps(function)
    def wrapped(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            warn(error)
            return gr.skip()

    return wrapped


def warn(error: Exception) -> None:
    """Show an error as one sentence on the page of the user who caused it."""
    gr.Warning(escape(views.sentence(error)), duration=20, title="This did not work")


def found_or_none(get: Callable[[str], Any], reference: str | None) -> Any:
    """What `get` finds, or None where it finds nothing."""
    try:
        return get(reference) if reference else None
    except NotFound:
        return None
