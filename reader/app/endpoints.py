"""What programs and tools may call by name: the library, a question, and how far a reading is.

The same three are endpoints for `gradio_client` and, with --mcp, tools for assistants; everything else of the page is private.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from reader.app.tools import ERRORS, answered, listed, status
from reader.app.workspace import Workspace


def add_endpoints(workspace_of: Callable[[gr.Request], Workspace]) -> None:
    """Add the endpoints to the Blocks that are being built; each one works on the workspace of whoever calls."""

    def library(request: gr.Request, query: str = "") -> list[dict[str, Any]]:
        """List the documents of your library that have all words of the query in their title or tags.

        Args:
            query: words to look for; empty lists all.
        """
        with _plain_errors():
            return listed(workspace_of(request), query)

    def read_status(document_id: str, request: gr.Request) -> dict[str, Any]:
        """Tell how far a document of your library is read, and whether it can be asked.

        Args:
            document_id: the id that `library` gave.
        """
        with _plain_errors():
            return status(workspace_of(request), document_id)

    def ask(
        document_id: str, question: str, request: gr.Request, conversation_id: str = "", look_again: str = "auto"
    ) -> dict[str, Any]:
        """Ask a document of your library, and return the answer with the pages and quotes that it rests on.

        Args:
            document_id: the id that `library` gave.
            question: what to ask, in a sentence.
            conversation_id: a conversation to go on with, from an earlier answer; empty begins a new one.
            look_again: "auto", "off", or how many tokens of the document may be read again in full.
        """
        with _plain_errors():
            return answered(workspace_of(request), document_id, question, conversation_id, look_again)

    # Not queued: a tool call has to reach its function as itself, with the caller's own headers.
    for function in (library, read_status, ask):
        gr.api(function, api_name=function.__name__, queue=False)  # type: ignore[attr-defined]


class _plain_errors:
    """Turns our own errors into ones that the caller is told as they are."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, at: Any) -> None:
        if isinstance(error, ERRORS):
            raise gr.Error(str(error), print_exception=False) from error
