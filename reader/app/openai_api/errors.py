"""Errors in the shape that OpenAI's clients read."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from reader.app.answer_queue import TooManyQuestions
from reader.app.page.html import sentence
from reader.errors import ConfigError, ContextOverflow, DocumentError, NotReady
from storage import BadImport, NotFound, NotWritable, OverBudget, StorageFull, StoreBusy

RETRY_SECONDS = 2
"""After how long a program should ask again for what is not there yet."""

_STATUSES: tuple[tuple[tuple[type[Exception], ...], int, str | None], ...] = (
    ((NotFound,), 404, "not_found"),
    ((ContextOverflow,), 400, "context_length_exceeded"),
    ((NotReady,), 503, "not_ready"),
    ((TooManyQuestions,), 429, "too_many_questions"),
    ((StoreBusy,), 409, "conflict"),
    ((StorageFull, OverBudget), 507, "no_room"),
    ((NotWritable,), 403, "read_only"),
    ((ConfigError, DocumentError, BadImport, ClientDisconnect), 400, None),
)
"""The status and the code of each kind of error, special kinds before the kinds that they are of. All others are 500."""


class ApiError(Exception):
    """A request that is refused, with what OpenAI's API says of it."""

    def __init__(self, message: str, status: int = 400, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code


def fields(error: Exception) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of any error."""
    if isinstance(error, ApiError):
        status, param, code = error.status, error.param, error.code
    elif isinstance(error, HTTPException):  # a form that is none
        status, param, code = error.status_code, None, None
    else:
        found = ((status, code) for kinds, status, code in _STATUSES if isinstance(error, kinds))
        status, code = next(found, (500, None))
        param = "messages" if isinstance(error, ContextOverflow) else None
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(
        status, "server_error" if status >= 500 else "invalid_request_error"
    )
    return status, {
        "error": {
            "message": _message(error),
            "type": kind,
            "param": param,
            "code": code,
        }
    }


def _message(error: Exception) -> str:
    if isinstance(error, HTTPException):
        return f"{error.detail.rstrip('.')}."
    return str(error) if isinstance(error, ApiError) else sentence(error)


def response(error: Exception) -> JSONResponse:
    """The response to a request that failed."""
    status, content = fields(error)
    return JSONResponse(content, status, {"Retry-After": str(RETRY_SECONDS)} if status in (429, 503) else None)
