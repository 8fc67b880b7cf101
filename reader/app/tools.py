"""What programs and assistants do with a library: list it, see how far a reading is, and ask a document.

The endpoints of the app and the tools of the shell's `mcp` call these. It knows no Gradio and no protocol.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from reader.app.workspace import Shown, Workspace
from reader.errors import ReaderError
from storage import NotFound, StoreError

MAX_LISTED = 200
PROGRAM = "endpoint"
"""Who asks in the conversations that are begun here; pages do not list them."""


LIBRARY = "List the documents of your library that have all words of the query in their title or tags; empty lists all."
READ_STATUS = "Tell how far a document of your library is read, and whether it can be asked."
ASK = "Ask a document of your library, and return the answer with the pages and quotes that it rests on."
ARGUMENTS = {
    "query": "words to look for; empty lists all.",
    "document_id": "the id that `library` gave.",
    "question": "what to ask, in a sentence.",
    "conversation_id": "a conversation to go on with, from an earlier answer; empty begins a new one.",
    "look_again": '"auto", "off", or how many tokens of the document may be read again in full.',
}
"""What the tools' arguments mean."""
TAKEN = {
    "library": {"query": False},
    "read_status": {"document_id": True},
    "ask": {"document_id": True, "question": True, "conversation_id": False, "look_again": False},
}
"""What each tool takes, and whether it must be given."""
TYPES: dict[str, tuple[type, ...]] = {"look_again": (str, int), "conversation_id": (str, type(None))}
"""The types of arguments that need not be texts."""
ERRORS = (ReaderError, StoreError)
"""What callers are told as it is."""


def listed(workspace: Workspace, query: str = "") -> list[dict[str, Any]]:
    """The documents of a library."""
    return [_fields(shown) for shown in workspace.documents(query, limit=MAX_LISTED)]


def status(workspace: Workspace, document_id: str) -> dict[str, Any]:
    """How far a document is read."""
    return _fields(_named(workspace, document_id))


def answered(
    workspace: Workspace, document_id: str, question: str, conversation_id: str = "", look_again: str | int = "auto"
) -> dict[str, Any]:
    """Ask a document, and wait for the answer.

    Raises:
        ReaderError, StoreError: there is none.
    """
    document_id = _named(workspace, document_id).id
    asked = workspace.ask(document_id, question, conversation_id or None, look_again=look_again, asked_by=PROGRAM)
    *_, last = workspace.follow_to_end(asked.id)
    assert last.answer is not None
    fields = asdict(last.answer)
    return {"answer": fields.pop("text"), "conversation_id": asked.conversation_id, **fields}


def wrong_argument(tool: str, argument: str, value: Any) -> str:
    """The sentence for an argument of another type."""
    return f"The {argument} of {tool} is {repr(value)[:40]}: give {ARGUMENTS[argument].rstrip('.')}."


def _named(workspace: Workspace, document_id: str) -> Shown:
    try:
        return workspace.get(document_id)
    except NotFound as error:
        raise NotFound(
            f"There is no document {document_id[:100]!r} in your library; give a document_id that `library` lists."
        ) from error


def _fields(shown: Shown) -> dict[str, Any]:
    document, job = shown.holding.document, shown.job
    return {
        "document_id": document.id,
        "title": document.title,
        "tags": list(shown.holding.tags),
        "pages": document.pages,
        "pages_read": document.pages if shown.state == "ready" else job.pages_done if job is not None else 0,
        "state": shown.state,
        "reason": shown.reason,
        "can_be_asked": shown.memory is not None,
        "tokens_per_second": job.tokens_per_second if job is not None and shown.state == "reading" else 0.0,
        "seconds_left": job.seconds_left if job is not None else None,
    }
