"""The addresses of the API. The gate before them says who asks."""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio.to_thread
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reader.app.accounts import user_of
from reader.app.bodies import BODY_SECONDS, MAX_BODY_BYTES, BadBody, parse, read_body
from reader.app.openai_api import chat, errors
from reader.app.openai_api.batches import Batches
from reader.app.openai_api.errors import ApiError
from reader.app.openai_api.files import MAX_LISTED, Files, QuestionFiles
from reader.app.openai_api.names import find, models
from reader.app.pages import Pictures
from reader.app.service import Service
from reader.app.uploads import Uploads
from reader.app.workspace import Workspace
from reader.documents import MAX_SENT_BYTES

MAX_NAME_BYTES = 200
"""Of a file's name; file systems take 255."""

_Endpoint = Callable[[Workspace, Request], Any]


class Api:
    """The API of one service."""

    def __init__(self, service: Service, pictures: Pictures, uploads: Uploads) -> None:
        self._service, self._pictures = service, pictures
        questions = QuestionFiles(service.store.folder)
        self._batches = Batches(service.batches, questions)
        self._files = Files(questions, self._batches.results, uploads)
        self._threads = chat.Threads()

    @property
    def routes(self) -> Sequence[Route]:
        """Every address of the API."""
        files, batches = self._files, self._batches
        listed: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("GET", "/v1/models", self._plain(lambda workspace, _: _list([one.fields for one in models(workspace)]))),
            ("GET", "/v1/models/{name:path}", self._plain(lambda w, r: find(w, r.path_params["name"]).fields)),
            ("POST", "/v1/chat/completions", self._checked(self._chat)),
            ("GET", "/v1/files", self._plain(self._list_files)),
            ("POST", "/v1/files", self._checked(self._add_file)),
            ("GET", "/v1/files/{file}", self._plain(lambda w, r: files.get(w, r.path_params["file"]))),
            ("DELETE", "/v1/files/{file}", self._plain(lambda w, r: files.remove(w, r.path_params["file"]))),
            ("GET", "/v1/files/{file}/content", self._plain(self._content)),
            ("GET", "/v1/batches", self._plain(lambda workspace, r: _page(batches.all(workspace), r))),
            ("POST", "/v1/batches", self._checked(self._add_batch)),
            ("GET", "/v1/batches/{batch}", self._plain(lambda w, r: batches.get(w, r.path_params["batch"]))),
            ("POST", "/v1/batches/{batch}/cancel", self._plain(lambda w, r: batches.cancel(w, r.path_params["batch"]))),
            ("GET", "/v1/{rest:path}", self._checked(_unknown)),
            ("POST", "/v1/{rest:path}", self._checked(_unknown)),
        ]
        return [Route(path, endpoint, methods=[method]) for method, path, endpoint in listed]

    def _checked(self, answer: Callable[[Workspace, Request], Awaitable[Response]]) -> Any:
        """An endpoint that answers an error in OpenAI's shape."""

        async def endpoint(request: Request) -> Response:
            try:
                return await answer(Workspace(self._service, user_of(request), self._pictures), request)
            except Exception as error:
                return errors.response(error)

        return endpoint

    def _plain(self, answer: _Endpoint) -> Any:
        """An endpoint that runs in a thread and returns JSON, or a response of its own."""

        async def run(workspace: Workspace, request: Request) -> Response:
            found = await anyio.to_thread.run_sync(answer, workspace, request)
            return found if isinstance(found, Response) else JSONResponse(found)

        return self._checked(run)

    async def _chat(self, workspace: Workspace, request: Request) -> Response:
        return await chat.answer(request, await _body(request), workspace, self._threads)

    async def _add_batch(self, workspace: Workspace, request: Request) -> Response:
        body = await _body(request)
        return JSONResponse(await anyio.to_thread.run_sync(self._batches.add, workspace, body))

    async def _add_file(self, workspace: Workspace, request: Request) -> Response:
        if request.headers.get("content-type", "").startswith("application/json"):
            body = await _body(request)
            return JSONResponse(await anyio.to_thread.run_sync(self._files.add_address, workspace, body))
        async with request.form(max_files=1, max_fields=10) as form:
            sent, purpose = form.get("file"), str(form.get("purpose") or "")
            if not isinstance(sent, UploadFile):
                raise ApiError("The request has no `file`; send one, or JSON with a `file_url`.", param="file")
            name = re.sub(r"[\x00-\x1f]|.*[/\\]", "", sent.filename or "").strip(" .")
            name = name.encode()[-MAX_NAME_BYTES:].decode(errors="ignore") or "file"
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / name
                size = 0
                with path.open("wb") as file:
                    while chunk := await sent.read(1 << 20):
                        size += len(chunk)
                        if size > MAX_SENT_BYTES:
                            raise ApiError(f"The file has more than {MAX_SENT_BYTES:,} bytes.", 413, param="file")
                        file.write(chunk)
                add = functools.partial(self._files.add, workspace, path, name, purpose)
                return JSONResponse(await anyio.to_thread.run_sync(add))

    def _list_files(self, workspace: Workspace, request: Request) -> Mapping[str, Any]:
        return _page(self._files.all(workspace, request.query_params.get("purpose")), request)

    def _content(self, workspace: Workspace, request: Request) -> Response:
        content = self._files.content(workspace, request.path_params["file"])
        return Response(content, media_type="application/octet-stream")


async def _unknown(workspace: Workspace, request: Request) -> Response:
    raise ApiError(f"{request.method} {request.url.path} is not part of this API.", 404, code="unknown_url")


async def _body(request: Request) -> Mapping[str, Any]:
    """The JSON object of a request.

    Raises:
        ApiError: it is none, is too large, or takes too long.
    """
    try:
        body = parse(await read_body(request.receive, MAX_BODY_BYTES, seconds=BODY_SECONDS))
    except BadBody as error:
        raise ApiError(str(error), error.status) from error
    if not isinstance(body, Mapping):
        raise ApiError("The request is not a JSON object; send one.")
    return body


def _page(data: Sequence[Mapping[str, Any]], request: Request) -> dict[str, Any]:
    """As many objects of a list as `limit` says, behind the one of the id `after`: clients ask for the next ones by themselves.

    The newest comes first, or with the `order` asc the oldest.

    Raises:
        ApiError: one of the three cannot be.
    """
    if (order := request.query_params.get("order", "desc")) not in ("asc", "desc"):
        raise ApiError(f"`order` is {order[:40]!r}; it is asc or desc.", param="order")
    newest = sorted(data, key=lambda one: -int(one["created_at"]))
    data = newest if order == "desc" else newest[::-1]
    given, after = request.query_params.get("limit", str(MAX_LISTED)), request.query_params.get("after", "")
    if not (given.isascii() and given.isdecimal() and given.strip("0")):
        raise ApiError(f"`limit` is {given[:40]!r}; it is a whole number from 1 on.", param="limit")
    ids = [str(one["id"]) for one in data]
    if after and after not in ids:
        raise ApiError(f"`after` is {after[:100]!r}, which the list does not have.", 404, param="after")
    rest = data[ids.index(after) + 1 :] if after else data
    limit = min(int(given[:9]), MAX_LISTED)
    return _list(rest[:limit], has_more=len(rest) > limit)


def _list(data: Sequence[Mapping[str, Any]], *, has_more: bool = False) -> dict[str, Any]:
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": list(data), "has_more": has_more, **ends}
