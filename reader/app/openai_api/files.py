"""Files: documents to be read (`user_data` or `assistants`), questions of batches (`batch`), and the results of batches.

A document is sent, or fetched from a public web address. Its file is the document of the library, so that it is listed until the
document is removed. Questions are kept in the library's folder; results are made of a batch whenever they are asked for.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reader.app.openai_api.errors import ApiError
from reader.app.openai_api.names import FILE
from reader.app.uploads import Uploads
from reader.app.workspace import Shown, Workspace
from reader.documents import fetch, is_address
from storage import NotFound, publish

DOCUMENT_PURPOSES = ("user_data", "assistants")
MAX_QUESTIONS_BYTES = 64 << 20
MAX_QUESTION_FILES = 200
MAX_LISTED = 10_000

_FOLDER = "api-files"


@dataclass(frozen=True)
class StoredFile:
    """A file of questions."""

    id: str
    user: str
    name: str
    bytes: int
    created_at: int

    @property
    def fields(self) -> dict[str, Any]:
        """OpenAI's file object."""
        return file_fields(FILE + self.id, self.name, self.bytes, self.created_at, "batch")


class QuestionFiles:
    """The files of questions that users have uploaded."""

    def __init__(self, library: Path) -> None:
        self._folder = library / _FOLDER

    def add(self, user: str, name: str, content: bytes) -> StoredFile:
        """Keep a file.

        Raises:
            ApiError: it is too large, or one too many.
            StoreError: the library cannot be written.
        """
        if len(content) > MAX_QUESTIONS_BYTES:
            raise ApiError(f"The file has {len(content):,} bytes; send {MAX_QUESTIONS_BYTES:,} at most.", 413)
        if len(self.all(user)) >= MAX_QUESTION_FILES:
            raise ApiError(
                f"You have {MAX_QUESTION_FILES} files of questions, the most that are kept; delete one first."
            )
        stored = StoredFile(uuid.uuid4().hex, user, name[:200], len(content), int(time.time()))
        self._folder.mkdir(exist_ok=True)
        publish(self._folder / f"{stored.id}.jsonl", content)
        publish(self._folder / f"{stored.id}.json", json.dumps(vars(stored)).encode())
        return stored

    def all(self, user: str) -> list[StoredFile]:
        """A user's files, the newest first."""
        found = []
        for path in self._folder.glob("*.json"):
            with suppress(OSError, ValueError, TypeError):
                found.append(StoredFile(**json.loads(path.read_text())))
        return sorted((one for one in found if one.user == user), key=lambda one: -one.created_at)

    def get(self, user: str, file_id: str) -> StoredFile | None:
        """One of a user's files."""
        return next((one for one in self.all(user) if FILE + one.id == file_id), None)

    def content(self, stored: StoredFile) -> bytes:
        """What is in it."""
        return (self._folder / f"{stored.id}.jsonl").read_bytes()

    def remove(self, stored: StoredFile) -> None:
        """Forget a file."""
        for suffix in (".json", ".jsonl"):
            (self._folder / f"{stored.id}{suffix}").unlink(missing_ok=True)


def file_fields(
    name: str, file_name: str, size: int, created_at: float, purpose: str, status: str = "processed", reason: str = ""
) -> dict[str, Any]:
    """OpenAI's file object."""
    return {
        "id": name,
        "object": "file",
        "bytes": size,
        "created_at": int(created_at),
        "filename": file_name,
        "purpose": purpose,
        "status": status,
        "status_details": reason or None,
    }


def document_fields(shown: Shown) -> dict[str, Any]:
    """A document as a file: `processed` once it is read, `uploaded` until then."""
    holding = shown.holding
    status = {"ready": "processed", "failed": "error"}.get(shown.state, "uploaded")
    return file_fields(
        FILE + shown.id,
        holding.document.file_name,
        holding.document.chars,
        holding.held_at,
        DOCUMENT_PURPOSES[0],
        status,
        shown.reason,
    )


def document_id(file_id: str) -> str:
    """The document of a file."""
    return file_id.removeprefix(FILE)


def _check_purpose(purpose: Any) -> None:
    if purpose not in DOCUMENT_PURPOSES:
        raise ApiError(
            f"The purpose {str(purpose)[:40]!r} is not known; use user_data for a document, or batch for questions that are sent.",
            param="purpose",
        )


class Files:
    """All files of the API."""

    def __init__(
        self,
        questions: QuestionFiles,
        results: Callable[[Workspace, str], tuple[dict[str, Any], bytes]],
        uploads: Uploads,
    ) -> None:
        """Take the files of questions, what gives the object and the content of a batch's results, and room for fetched files."""
        self.questions, self._results, self._uploads = questions, results, uploads

    def add(self, workspace: Workspace, path: Path, name: str, purpose: str) -> dict[str, Any]:
        """Take a file in.

        Raises:
            ApiError, ReaderError, StoreError: it cannot be.
        """
        if purpose == "batch":
            return self.questions.add(workspace.user, name, path.read_bytes()).fields
        _check_purpose(purpose)
        document = workspace.add(path, name=name)
        return document_fields(workspace.get(document.id))

    def add_address(self, workspace: Workspace, body: Mapping[str, Any]) -> dict[str, Any]:
        """Fetch a document from the public web address `file_url`, and take it in under that address.

        Raises:
            ApiError, ReaderError, StoreError: it cannot be.
        """
        address, purpose = body.get("file_url"), body.get("purpose")
        if not isinstance(address, str) or not is_address(address):
            raise ApiError("`file_url` is the web address of a document, such as https://…", param="file_url")
        _check_purpose(purpose)
        address = address.strip()
        with self._uploads.room(workspace.user) as folder:
            path = fetch(address, folder)
            document = workspace.add(path, name=address)
            path.unlink()  # the library has its own copy
        return document_fields(workspace.get(document.id))

    def all(self, workspace: Workspace, purpose: str | None) -> list[dict[str, Any]]:
        """The documents, `MAX_LISTED` at most, and the files of questions."""
        listed: list[dict[str, Any]] = []
        if purpose in (None, *DOCUMENT_PURPOSES):
            listed += map(document_fields, workspace.documents(limit=MAX_LISTED))
        if purpose in (None, "batch"):
            listed += [stored.fields for stored in self.questions.all(workspace.user)]
        return listed

    def get(self, workspace: Workspace, file_id: str) -> dict[str, Any]:
        """A file object.

        Raises:
            NotFound: there is none.
        """
        if (stored := self.questions.get(workspace.user, file_id)) is not None:
            return stored.fields
        with suppress(NotFound):
            return self._results(workspace, file_id)[0]
        return document_fields(self._document(workspace, file_id))

    def content(self, workspace: Workspace, file_id: str) -> bytes:
        """What is in a file; a document's text.

        Raises:
            NotFound: there is none.
        """
        if (stored := self.questions.get(workspace.user, file_id)) is not None:
            return self.questions.content(stored)
        with suppress(NotFound):
            return self._results(workspace, file_id)[1]
        return workspace.text(self._document(workspace, file_id).id).encode()

    def remove(self, workspace: Workspace, file_id: str) -> Mapping[str, Any]:
        """Delete a file, or remove a document from the library.

        Raises:
            NotFound: there is none.
            StoreError: the document is being read.
        """
        if (stored := self.questions.get(workspace.user, file_id)) is not None:
            self.questions.remove(stored)
        else:
            workspace.remove(self._document(workspace, file_id).id)
        return {"id": file_id, "object": "file", "deleted": True}

    def _document(self, workspace: Workspace, file_id: str) -> Shown:
        try:
            return workspace.get(document_id(file_id))
        except NotFound as error:
            raise NotFound(f"There is no file {file_id[:100]!r}. /v1/files lists the files.") from error
