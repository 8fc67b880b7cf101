"""Who is asking: accounts with hashed passwords, sessions, and the gate that every request of every kind goes through.

The gate writes the user's name into a header of the request, whatever the sender put there; callbacks, routes and tools read
it with `user_of`, which refuses a request that did not come through the gate. It also sets the content policy: scripts are
those of this page, known by their hashes, and nothing is loaded from or sent to elsewhere. Gradio compiles templates and
event functions in the browser, so that `unsafe-eval` must stay; inline handlers and injected scripts do not run.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reader.app.bodies import BadBody, read_body, refusal
from reader.app.keys import Keys, change_lines
from reader.app.sessions import MAX_FAILURES, SESSION_SECONDS, WAIT_SECONDS, Sessions, TooManyGuesses
from reader.errors import ConfigError, cause
from storage import LOCAL_USER

__all__ = ["MAX_FAILURES", "Accounts", "Gate", "add_account", "user_of"]

USER_HEADER = b"x-reader-user"
SESSION_COOKIE = "reader_session"

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_MIN_PASSWORD_CHARS = 8
_MAX_FORM_BYTES = 4096
_FORM_SECONDS = 10.0
_SCRIPT = re.compile(rb"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL | re.IGNORECASE)
OPEN_PATHS = ("/gradio_api/startup-events", "/favicon.ico")
"""What the server calls on itself before anybody can have a session, and the page's icon; they tell nothing."""
_LATER = {"retry-after": str(int(WAIT_SECONDS))}


class Accounts:
    """Names and Argon2 hashes of those who may come in.

    Raises:
        ConfigError: the file cannot be read, or a line of it is not `name:hash`.
    """

    def __init__(self, file: Path) -> None:
        self._hasher = PasswordHasher()
        self._hashes: dict[str, str] = {}
        try:
            lines = file.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"--auth {str(file)!r} cannot be read ({cause(error)}); make it with --add-user NAME."
            ) from error
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            name, _, hashed = line.strip().partition(":")
            try:
                self._hasher.check_needs_rehash(hashed)
            except InvalidHashError as error:
                raise ConfigError(
                    f"--auth {str(file)!r}: line {number} is not NAME:HASH with an Argon2 hash; write it with --add-user NAME."
                ) from error
            if not _NAME.fullmatch(name):
                raise ConfigError(f"--auth {str(file)!r}: {name!r} in line {number} is no user name.")
            self._hashes[name] = hashed
        if not self._hashes:
            raise ConfigError(f"--auth {str(file)!r} names nobody; add somebody with --add-user NAME.")
        # Compared with for names that are not there, so that they take as long as those that are.
        self._nobody = self._hasher.hash(secrets.token_hex(16))

    @property
    def names(self) -> Collection[str]:
        """Who may come in."""
        return self._hashes.keys()

    def check(self, name: str, password: str) -> bool:
        """Whether this is the password of that name; takes as long for names that are not there."""
        try:
            return self._hasher.verify(self._hashes.get(name, self._nobody), password) and name in self._hashes
        except VerificationError:
            return False


def add_account(file: Path, name: str, password: str) -> None:
    """Add a user to the file, made if it is not there, or give them another password.

    Raises:
        ConfigError: the name or the password cannot be, another name differs in capitals only, or the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"--add-user {name!r}: a name has up to 64 letters, digits and any of . _ @ -")
    if len(password) < _MIN_PASSWORD_CHARS:
        raise ConfigError(f"The password has {len(password)} characters; choose one of {_MIN_PASSWORD_CHARS} or more.")
    line = f"{name}:{PasswordHasher().hash(password)}"

    def changed(lines: Sequence[str]) -> Sequence[str]:
        names = [one.partition(":")[0] for one in lines]
        for other in set(names) - {name}:
            if other.lower() == name.lower() and name not in names:  # two libraries that people would mix up
                raise ConfigError(
                    f"--add-user {name!r}: there is {other!r}, who differs in capitals only; choose another."
                )
        return [*(one for one, known in zip(lines, names, strict=True) if known != name), line]

    change_lines(file.resolve(), changed)  # of a link, what it points to


def user_of(request: Any) -> str:
    """The user that the gate let through, of a request of Gradio's or Starlette's.

    Raises:
        ConfigError: the request did not come through the gate.
    """
    name: str | None = request.headers.get(USER_HEADER.decode()) if request is not None else None
    if name is None:
        raise ConfigError("Sign in first.")
    return name


class Gate:
    """The outermost of our own layers: nobody comes in without a session where there are accounts."""

    def __init__(
        self,
        app: ASGIApp,
        accounts: Accounts | None,
        sign_in_page: str,
        root_path: str = "",
        keys: Keys | None = None,
    ) -> None:
        """Take the app behind the gate, who may come in, the page to sign in, and the path that a proxy serves all under.

        Args:
            keys: those of programs; they open the OpenAI API and nothing else.
        """
        self.app = app
        self._keys = keys
        self._root_path = root_path
        self._sessions = None if accounts is None else Sessions(accounts.check)
        self._sign_in_page = sign_in_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for the gate itself, refuse it, or hand it on with the user's name and, back, with a policy."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no part of the page speaks anything else
        if self._root_path and scope["path"].startswith(
            f"{self._root_path}/"
        ):  # a proxy may leave the prefix on or take it off
            scope = {**scope, "path": scope["path"].removeprefix(self._root_path)}
        request = Request(scope, receive)
        answer = _Answer(send)
        if _comes_from_elsewhere(request.headers, request.method):
            sentence = "Requests from other sites are refused."
            await refusal(str(scope["path"]), 403, sentence)(scope, receive, answer)
            return
        user: str | None = LOCAL_USER
        if self._sessions is not None:
            token = request.cookies.get(SESSION_COOKIE)
            path = str(scope["path"])
            if path.rstrip("/") == "/login":
                await (await self._sign_in(request))(scope, receive, answer)
                return
            if path.rstrip("/") == "/logout":
                await self._sign_out(request)(scope, receive, answer)
                return
            try:
                user = self._sessions.user(token) or self._bearer(request) or await self._basic(request)
            except TooManyGuesses as error:
                await PlainTextResponse(str(error), 429, _LATER)(scope, receive, answer)
                return
            if user is None and path not in OPEN_PATHS:
                asks_for_page = "text/html" in request.headers.get("accept", "") and request.method == "GET"
                sign_in = RedirectResponse(f"{self._root_path}/login{_document(request) if path == '/' else ''}", 303)
                refused = sign_in if asks_for_page else _unknown(path)
                await refused(scope, receive, answer)
                return
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != USER_HEADER]
        if user is not None:
            headers.append((USER_HEADER, user.encode()))
        await self.app({**scope, "headers": headers}, receive, answer)

    def _sign_out(self, request: Request) -> Response:
        assert self._sessions is not None
        if request.method != "POST":  # an address that signs out would work from a picture on any page
            return PlainTextResponse("Sign out with the button on the page.", 405, {"allow": "POST"})
        self._sessions.close(request.cookies.get(SESSION_COOKIE))
        gone = RedirectResponse(f"{self._root_path}/login", 303)
        gone.delete_cookie(SESSION_COOKIE)
        return gone

    async def _sign_in(self, request: Request) -> Response:
        assert self._sessions is not None
        if request.method in ("GET", "HEAD"):
            return self._form(request)
        if request.method != "POST":
            return PlainTextResponse("Sign in by POST.", 405, {"allow": "GET, POST"})
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            return self._form(request, "Sign in with this form.", 415)
        try:
            body = await read_body(request.receive, _MAX_FORM_BYTES, seconds=_FORM_SECONDS)
        except BadBody as error:
            return self._form(request, str(error), error.status)
        form = dict(parse_qsl(body.decode(errors="replace")))
        try:
            token = await self._sessions.open(form.get("username", ""), form.get("password", ""), _address(request))
        except TooManyGuesses as error:
            return self._form(request, str(error), 429, _LATER)
        if token is None:
            return self._form(request, "The name or the password is wrong.", 401)
        # No redirect: programs take any other status for a refusal.
        home = escape(f"{self._root_path}/{_document(request)}")
        inside = HTMLResponse(
            f'<!doctype html><meta http-equiv="refresh" content="0;url={home}"><a href="{home}">Open your library</a>'
        )
        inside.set_cookie(
            SESSION_COOKIE,
            token,
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return inside

    def _form(
        self, request: Request, told: str = "", status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        line = f'<p class="error" role="alert">{escape(told)}</p>' if told else ""
        page = self._sign_in_page.replace("<!-- told -->", line)
        return HTMLResponse(
            page.replace('action="login"', f'action="login{escape(_document(request))}"'), status, headers
        )

    def _bearer(self, request: Request) -> str | None:
        """The user of a program that sends a key with each request to the OpenAI API."""
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if self._keys is None or kind.lower() != "bearer" or not str(request.scope["path"]).startswith("/v1/"):
            return None
        return self._keys.user(key.strip())

    async def _basic(self, request: Request) -> str | None:
        """The user of programs that send name and password with each request, as MCP clients do.

        Raises:
            TooManyGuesses: see `Sessions.open`.
        """
        assert self._sessions is not None
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        known = self._sessions.user(encoded)
        if known is not None:
            return known
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return None
        return name if await self._sessions.open(name, password, _address(request), encoded) else None


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _document(request: Request) -> str:
    """The part of the page's address that names a document: who follows a link and signs in is led there."""
    return "?" + urlencode({"document": name}) if (name := request.query_params.get("document")) else ""


def _unknown(path: str) -> Response:
    """What a program is answered that does not say who it is; to one that speaks the OpenAI API, in its shape."""
    if not path.startswith("/v1/"):
        return PlainTextResponse("Sign in first.", 401)
    message = "The API key is missing or wrong; `serve --auth FILE --add-key NAME` prints a new one."
    error = {"message": message, "type": "authentication_error", "param": None, "code": "invalid_api_key"}
    return JSONResponse({"error": error}, 401)


def _comes_from_elsewhere(headers: Headers, method: str) -> bool:
    """Whether a page of another site has sent a request that changes something."""
    if method in ("GET", "HEAD", "OPTIONS"):
        return False
    origin = headers.get("origin")
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return True
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


class _Answer:
    """Sends a response with the policy; a page is held back until the hashes of its scripts are known."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["x-content-type-options"] = "nosniff"
            headers["referrer-policy"] = "same-origin"
            headers["x-frame-options"] = "DENY"
            if headers.get("content-type", "").startswith("text/html"):
                self._start = message
                return
            headers["content-security-policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
        elif self._start is not None:
            self._body += message.get("body", b"")
            if message.get("more_body", False):
                return
            headers = MutableHeaders(scope=self._start)
            headers["content-security-policy"] = _policy(self._body)
            headers["cache-control"] = "no-store"
            headers["content-length"] = str(len(self._body))
            await self._send(self._start)
            message = {"type": "http.response.body", "body": self._body}
            self._start = None
        await self._send(message)


def _policy(page: bytes) -> str:
    hashes = {
        base64.b64encode(hashlib.sha256(found["body"]).digest()).decode()
        for found in _SCRIPT.finditer(page)
        if b"src=" not in found["attributes"]
    }
    scripts = " ".join(f"'sha256-{digest}'" for digest in sorted(hashes))
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'unsafe-eval' {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'self'",
            "frame-ancestors 'none'",
        )
    )
