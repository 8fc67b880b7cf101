"""What programs and tools may call by name: the library, a question, and how far a reading is.

The same three are endpoints for `gradio_client` and, with --mcp, tools for assistants; everything else of the page is private.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

from reader.app.tools import ARGUMENTS, ASK, ERRORS, LIBRARY, READ_STATUS, answered, listed, status
from reader.app.workspace import Workspace

_TOOLS = "/gradio_api/mcp"
_T = TypeVar("_T")


def add_endpoints(workspace_of: Callable[[gr.Request], Workspace]) -> None:
    """Add the endpoints to the Blocks that are being built; each one works on the workspace of whoever calls."""

    def library(request: gr.Request, query: str = "") -> list[dict[str, Any]]:
        with _plain_errors():
            return _given(listed(workspace_of(request), query), request)

    def read_status(document_id: str, request: gr.Request) -> dict[str, Any]:
        with _plain_errors():
            return _given(status(workspace_of(request), document_id), request)

    def ask(
        document_id: str, question: str, request: gr.Request, conversation_id: str = "", look_again: str | int = "auto"
    ) -> dict[str, Any]:
        with _plain_errors():
            told = answered(workspace_of(request), document_id, question, conversation_id, look_again)
            return _given(told, request)

    # Not queued: a tool call has to reach its function as itself, with the caller's own headers.
    for function, about in ((library, LIBRARY), (read_status, READ_STATUS), (ask, ASK)):
        meanings = [f"    {name}: {ARGUMENTS[name]}" for name in function.__annotations__ if name in ARGUMENTS]
        function.__doc__ = "\n".join([about, "", "Args:", *meanings])  # Gradio tells callers what it says
        gr.api(function, api_name=function.__name__, queue=False)  # type: ignore[attr-defined]


def _given(value: _T, request: gr.Request) -> _T:
    """A result as its caller reads it: a tool's is text, for which Gradio would write Python's own notation in place of JSON."""
    return json.dumps(value, ensure_ascii=False) if _TOOLS in request.url.path else value  # type: ignore[return-value]


class _plain_errors:
    """Turns our own errors into ones that the caller is told as they are."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, at: Any) -> None:
        if isinstance(error, ERRORS):
            raise _Told(str(error), print_exception=False) from error


class _Told(gr.Error):
    """An error whose text is its message; Gradio's has quotation marks around it, which tools would be told."""

    def __str__(self) -> str:
        return str(self.message)
