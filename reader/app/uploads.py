"""Files on their way into the library: a folder of this run, in it one of each user, with room for so many bytes.

The folder is only this account's to open. It goes when the app ends; what a killed app left goes when the next one starts.
Uploads that nobody adds go after some hours. What is in the library already is not here.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

import anyio
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Message, Receive

from reader.app.accounts import user_of
from reader.app.bodies import BadBody
from reader.documents import MAX_SENT_BYTES
from reader.errors import ConfigError
from reader.wording import size
from storage import file_lock

USER_BYTES = 2 << 30
"""What one user may have uploaded and not added yet."""
ALL_BYTES = 8 << 30
"""What all users together may."""
UPLOADS_AT_ONCE = 4
"""Of one user."""
IDLE_SECONDS = 60.0
"""How long nothing may come of an upload."""
KEPT_SECONDS = 6 * 3600
_SWEEP_SECONDS = 600.0
_LOCK = ".lock"
_VARIABLES = ("TMPDIR", "GRADIO_TEMP_DIR")
_LEFT_BYTES = 256 << 20
"""What uploads leave free on the disk."""


@contextmanager
def run_folder() -> Iterator[Path]:
    """A folder for all temporary files of this run, also Gradio's and parsers', that goes at the end.

    What killed runs left goes now.

    Raises:
        ConfigError: it cannot be made, or is another's.
    """
    home = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()) / f"activation-beacon-reader-{_account()}"
    _make_private(home)
    name = f"run-{secrets.token_hex(8)}"
    with file_lock(home / f"{name}{_LOCK}", timeout_seconds=0):
        for lock in set(home.glob(f"run-*{_LOCK}")) - {home / f"{name}{_LOCK}"}:
            with file_lock(lock, timeout_seconds=0) as is_left:
                if is_left:
                    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
        folder = home / name
        folder.mkdir(mode=0o700)
        kept = {name: os.environ.get(name) for name in _VARIABLES}
        tempfile.tempdir, default = str(folder), tempfile.tempdir
        os.environ.update(dict.fromkeys(_VARIABLES, str(folder)))
        try:
            yield folder
        finally:
            tempfile.tempdir = default
            for variable, value in kept.items():
                os.environ.pop(variable) if value is None else os.environ.update({variable: value})
            shutil.rmtree(folder, ignore_errors=True)


class Uploads:
    """What users have sent and not added yet."""

    def __init__(
        self,
        folder: Path,
        *,
        user_bytes: int = USER_BYTES,
        all_bytes: int = ALL_BYTES,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Take the folder of this run."""
        self._run_folder, self._folder = folder, folder / "uploads"
        self._user_bytes, self._all_bytes, self._idle_seconds = user_bytes, all_bytes, idle_seconds
        self._under_way: dict[Path, int] = {}
        self._lock = threading.Lock()
        self._swept_at = time.monotonic()

    def may_read(self, user: str, path: str) -> bool:
        """Whether a path is of a file that this user has uploaded."""
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._folder_of(user)))

    def is_anothers(self, user: str, text: str) -> bool:
        """Whether a text is the path or the address of a temporary file that this user has not uploaded."""
        # The folder's name is random: no path leads into it without saying it.
        if self._run_folder.name not in text:
            return False
        is_address = text.startswith(("http://", "https://"))
        return not self.may_read(user, unquote(text.partition("/file=")[2]) if is_address else text)

    async def receive(self, request: Request) -> Response:
        """Answer a request of the page's or of a program's that uploads files."""
        # Gradio takes seconds to import.
        from gradio.route_utils import upload_fn
        from gradio.routes import file_upload_statuses

        upload_id = request.query_params.get("upload_id")
        try:
            length = _length(request)
            with self._folder_for(user_of(request), length) as folder:
                paths, _, _ = await upload_fn(
                    Request(request.scope, self._bounded(request.receive, length)),
                    folder,
                    MAX_SENT_BYTES,
                    upload_id,
                    upload_progress=file_upload_statuses if upload_id else None,
                )
        except (MultiPartException, BadBody, ClientDisconnect, OSError, ValueError) as error:
            return _refusal(error)
        return JSONResponse([str(path) for path in paths])

    @contextmanager
    def room(self, user: str) -> Iterator[Path]:
        """A folder for one file that the app fetches for a user; it goes where the block fails.

        Raises:
            ConfigError: there is no room.
        """
        try:
            with self._folder_for(user, MAX_SENT_BYTES) as folder:
                yield folder
        except BadBody as error:
            raise ConfigError(str(error)) from error

    def sweep(self, older_than_seconds: float = KEPT_SECONDS) -> None:
        """Remove temporary files that nothing was done with for so long."""
        oldest = time.time() - older_than_seconds
        for parent, folders, files in os.walk(self._run_folder, topdown=False):
            for path in (Path(parent) / name for name in (*files, *folders)):
                with suppress(OSError):  # it is gone, or a folder with something in it
                    if path.stat().st_mtime < oldest:
                        path.rmdir() if path.is_dir() else path.unlink()

    def _folder_of(self, user: str) -> Path:
        return self._folder / hashlib.sha256(user.encode()).hexdigest()[:32]

    @contextmanager
    def _folder_for(self, user: str, length: int) -> Iterator[Path]:
        """Make the folder of one upload, and keep room for it; it goes where the block fails.

        Raises:
            BadBody: there is no room.
        """
        own = self._folder_of(user)
        with self._lock:
            if time.monotonic() > self._swept_at + _SWEEP_SECONDS:
                self._swept_at = time.monotonic()
                self.sweep()
            if sum(folder.parent == own for folder in self._under_way) >= UPLOADS_AT_ONCE:
                raise BadBody(429, f"{UPLOADS_AT_ONCE} of your uploads are under way; wait until one of them is done.")
            if self._taken(own) + length > self._user_bytes:
                raise BadBody(
                    413,
                    f"The upload of {size(length)} is too much: of what is not in your library yet, "
                    f"{size(self._user_bytes)} may wait. Send less, or wait until the rest is added.",
                )
            free = shutil.disk_usage(self._run_folder).free - sum(self._under_way.values()) - _LEFT_BYTES
            if self._taken(self._folder) + length > self._all_bytes or length > free:
                raise BadBody(507, f"There is no room for an upload of {size(length)} now; try again later.")
            folder = own / secrets.token_hex(16)
            folder.mkdir(parents=True, mode=0o700)
            self._under_way[folder] = length
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            with self._lock:
                del self._under_way[folder]

    def _taken(self, folder: Path) -> int:
        """The bytes of all files in a folder, and those that uploads under way may still bring."""
        taken = sum(length for other, length in self._under_way.items() if other.is_relative_to(folder))
        for parent, _, files in os.walk(folder):
            if not any(Path(parent).is_relative_to(other) for other in self._under_way):
                for name in files:
                    with suppress(OSError):
                        taken += (Path(parent) / name).stat().st_size
        return taken

    def _bounded(self, receive: Receive, length: int) -> Receive:
        """What a request brings, as long as it keeps to its length and does not stop."""
        left = length

        async def bounded() -> Message:
            nonlocal left
            try:
                with anyio.fail_after(self._idle_seconds):
                    message = await receive()
            except TimeoutError as error:
                raise BadBody(408, f"Nothing came for {self._idle_seconds:g} seconds; send it again.") from error
            left -= len(message.get("body", b""))
            if left < 0:
                raise BadBody(400, "The upload is longer than it says.")
            return message

        return bounded


def _length(request: Request) -> int:
    try:
        return max(0, int(request.headers["content-length"]))
    except (KeyError, ValueError) as error:
        raise BadBody(411, "Say how long the upload is: send its Content-Length.") from error


def _refusal(error: Exception) -> Response:
    if isinstance(error, BadBody):
        return PlainTextResponse(str(error), error.status)
    if isinstance(error, MultiPartException) and "maximum allowed size" in error.message:
        return PlainTextResponse(f"A file may have {size(MAX_SENT_BYTES)}; split it.", 413)
    if isinstance(error, OSError):
        return PlainTextResponse(f"The upload cannot be kept ({error.strerror}); try again later.", 507)
    return PlainTextResponse("The upload is damaged; send it again.", 400)


def _account() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


def _make_private(folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ConfigError(
            f"The folder for temporary files {str(folder)!r} cannot be made ({error.strerror}); set TMPDIR to another."
        ) from error
    is_own = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o077)
    if not stat.S_ISDIR(found.st_mode) or not is_own:
        raise ConfigError(
            f"The folder for temporary files {str(folder)!r} is open to others of this computer; remove it, or set TMPDIR."
        )
