"""Errors in the shape that OpenAI's clients read."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from reader.app.page.html import sentence
from reader.errors import ConfigError, ContextOverflow, DocumentError
from storage import NotFound


class ApiError(Exception):
    """A request that is refused, with what OpenAI's API says of it."""

    def __init__(self, message: str, status: int = 400, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code


def fields(error: Exception) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of any error."""
    if isinstance(error, ApiError):
        status, param, code = error.status, error.param, error.code
    elif isinstance(error, NotFound):
        status, param, code = 404, None, "not_found"
    elif isinstance(error, ContextOverflow):
        status, param, code = 400, "messages", "context_length_exceeded"
    elif isinstance(error, (ConfigError, DocumentError)):
        status, param, code = 400, None, None
    else:
        status, param, code = 500, None, None
    kind = {401: "authentication_error", 429: "rate_limit_error", 500: "server_error"}.get(
        status, "invalid_request_error"
    )
    return status, {
        "error": {
            "message": str(error) if isinstance(error, ApiError) else sentence(error),
            "type": kind,
            "param": param,
            "code": code,
        }
    }


def response(error: Exception) -> JSONResponse:
    """The response to a request that failed."""
    status, content = fields(error)
    return JSONResponse(content, status)
