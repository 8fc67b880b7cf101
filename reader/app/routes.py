"""Pictures of pages, exports and conversations by plain addresses, each one checked like everything else: ids, never paths."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import anyio.to_thread
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from reader.app.access import API
from reader.app.accounts import user_of
from reader.app.page import html as views
from reader.app.page.export import as_html, as_markdown, as_pdf
from reader.app.pages import Pictures
from reader.app.service import Service
from reader.app.uploads import Uploads
from reader.app.workspace import Workspace
from reader.errors import ReaderError
from storage import StoreError

# With another cookie, or none, a browser asks again: who has signed out is not shown what the last one saw.
_KEEP = {"cache-control": "private, max-age=86400", "vary": "cookie"}
_FORGET = {"cache-control": "no-store"}
_NAME_CHARS = 60
"""Of a file name without its suffix; file systems take 255 bytes."""


def routes(service: Service, pictures: Pictures, uploads: Uploads | None = None) -> Sequence[Route]:
    """The addresses, for the workspace of whoever asks; with uploads, Gradio's own one is not used."""

    def answering(answer: Callable[[Workspace, Request], Response]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                return await anyio.to_thread.run_sync(answer, Workspace(service, user_of(request), pictures), request)
            except (ReaderError, StoreError) as error:
                return PlainTextResponse(views.sentence(error), 404, _FORGET)

        return endpoint

    def cover(workspace: Workspace, request: Request) -> Response:
        jpeg = workspace.cover(request.path_params["document_id"])
        return (
            Response(jpeg, media_type="image/jpeg", headers=_KEEP) if jpeg else Response(status_code=204, headers=_KEEP)
        )

    def picture(workspace: Workspace, request: Request) -> Response:
        jpeg = workspace.picture(request.path_params["document_id"], request.path_params["page"])
        return Response(jpeg, media_type="image/jpeg", headers=_KEEP)

    def illustration(workspace: Workspace, request: Request) -> Response:
        kind, data = workspace.illustration(request.path_params["document_id"], request.path_params["number"])
        return Response(data, media_type=kind, headers=_KEEP)

    def export(workspace: Workspace, request: Request) -> Response:
        shown = workspace.get(request.path_params["document_id"])
        path = workspace.export(shown.id)
        gone = BackgroundTask(shutil.rmtree, path.parent, ignore_errors=True)
        name = _name(shown.holding.document.title, "beacon")
        return FileResponse(path, filename=name, background=gone, headers=_FORGET)

    def conversation(workspace: Workspace, request: Request) -> Response:
        found = workspace.conversation(request.path_params["conversation_id"])
        place = workspace.place("+".join(found.document_ids))
        title = place.heading

        def picture(document_id: str, page: int) -> bytes | None:
            try:
                return workspace.picture(document_id, page)
            except (ReaderError, StoreError):  # a text, or a page that cannot be drawn
                return None

        content: str | bytes
        match request.query_params.get("form"):
            case "html":
                # Not as HTML: the gate would hold it back and give it the page's policy.
                content, suffix, kind = as_html(found, title, place, picture), "html", "application/octet-stream"
            case "pdf":
                content, suffix, kind = as_pdf(found, title, place, picture), "pdf", "application/pdf"
            case _:
                content, suffix, kind = as_markdown(found, title, place), "md", "text/markdown"
        return Response(content, media_type=kind, headers=_attached(_name(title, suffix)))

    def table(workspace: Workspace, request: Request) -> Response:
        run = service.batches.get(workspace.user, request.path_params["run_id"])
        titles = {one.document.id: one.document.title for one in workspace.held()}
        rows = service.batches.as_csv(run, titles)
        return Response(rows, media_type="text/csv; charset=utf-8", headers=_attached(_name(run.name, "csv")))

    uploading = [Route(f"{API}/upload", uploads.receive, methods=["POST"])] if uploads is not None else []
    return [
        *uploading,
        Route("/cover/{document_id:str}", answering(cover)),
        Route("/picture/{document_id:str}/{page:int}", answering(picture)),
        Route("/illustration/{document_id:str}/{number:int}", answering(illustration)),
        Route("/export/{document_id:str}", answering(export)),
        Route("/conversation/{conversation_id:str}", answering(conversation)),
        Route("/batch/{run_id:str}", answering(table)),
    ]


def _name(title: str, suffix: str) -> str:
    """A file name of letters and figures of any script, which no system takes for anything else."""
    signs = (sign if unicodedata.category(sign)[0] in "LMN" else "-" for sign in unicodedata.normalize("NFC", title))
    plain = re.sub("-+", "-", "".join(signs)).strip("-")[:_NAME_CHARS]
    return f"{plain or 'document'}.{suffix}"


def _attached(name: str) -> dict[str, str]:
    """The headers of a file that is downloaded under a name; see RFC 6266."""
    named = f'filename="{name}"' if name.isascii() else f"filename*=UTF-8''{quote(name)}"
    return {**_FORGET, "content-disposition": f"attachment; {named}"}
