"""What requests carry: read whole, but no more than so many bytes, and none that trickle in for ever; texts in JSON; refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import anyio
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import Receive

MAX_BODY_BYTES = 4 << 20
"""Of a request in JSON."""
BODY_SECONDS = 60.0


class BadBody(Exception):
    """A body that is not taken; the message says why in a sentence, and the status is what HTTP calls it."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def refusal(path: str, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A refusal before any route, as JSON; at the OpenAI API's addresses in the shape that its clients read."""
    error: Any = sentence
    if path == "/v1" or path.startswith("/v1/"):
        kind = "rate_limit_error" if status == 429 else "invalid_request_error"
        error = {"message": sentence, "type": kind, "param": None, "code": None}
    return JSONResponse({"error": error}, status, headers)


async def read_body(receive: Receive, max_bytes: int, *, seconds: float) -> bytes:
    """Return a whole body.

    Args:
        seconds: how long all of it may take.

    Raises:
        BadBody: it is longer, or takes longer.
        ClientDisconnect: the sender is gone.
    """
    body, more = bytearray(), True
    try:
        with anyio.fail_after(seconds):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                more = message.get("more_body", False)
                body += message.get("body", b"")
                if len(body) > max_bytes:
                    raise BadBody(413, f"The request has more than {max_bytes:,} bytes; send less.")
    except TimeoutError as error:
        raise BadBody(408, f"The request took more than {seconds:g} seconds; send it again.") from error
    return bytes(body)


def parse(body: bytes) -> Any:
    """Return what a body of JSON says.

    Raises:
        BadBody: it is no JSON, nested too deeply, or holds half a character, which no file and no decoder can take.
    """
    try:
        value = json.loads(body) if body.strip() else None
        for text in texts(value):
            text.encode()
    except RecursionError as error:
        raise BadBody(400, "The request is nested too deeply; send it flat.") from error
    except UnicodeEncodeError as error:
        raise BadBody(
            400, f"The request holds half a character (\\u{ord(error.object[error.start]):04x}); send whole ones."
        ) from error
    except ValueError as error:
        raise BadBody(400, "The request is not valid JSON; send JSON.") from error
    return value


def texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value, names of fields among them."""
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            rest += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            rest += one
