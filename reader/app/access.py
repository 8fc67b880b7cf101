"""Who may call which address: one table, and nothing that it does not list is answered.

Inside the gate, which says who asks. Requests that change something come from the page's own origin (the gate holds that), are
JSON of a bounded size, and name only sessions and uploads of the user who sends them: whoever is first to use the name of a
session, an event or an upload, is the only one to use it.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reader.app.accounts import OPEN_PATHS, user_of
from reader.app.bodies import BODY_SECONDS, MAX_BODY_BYTES, BadBody, parse, read_body, refusal, texts
from reader.app.uploads import Uploads
from reader.documents import MAX_SENT_BYTES

Who = Literal["anyone", "gate", "user", "session", "uploader", "holder", "program", "nobody"]
"""anyone: also without signing in. gate: answered by the gate itself. user: who has signed in, or sits at this computer. session:
the user who began that session, event or upload. uploader: the user who sent that file. holder: the user whose document or
conversation it is. program: as user, also by a key; the OpenAI API itself reads and bounds the body. nobody: what Gradio brings
along and this app does not use."""

MAX_PROGRAM_BYTES = MAX_SENT_BYTES + (1 << 20)
"""Of a program's request, with a document in it."""
_MAX_NAMES = 2_000
"""Names of sessions, events and uploads that are kept of a user; the oldest are forgotten first."""
_MAX_NAME_CHARS = 200
_MAX_PATH_CHARS = 4_000
"""Of an address. Python refuses to read a number of more than 4,300 digits, which a longer one could hold."""
_NAMES = ("session_hash", "event_id", "upload_id")
_GET, _POST = ("GET", "HEAD"), ("POST",)
API = "/gradio_api"
_REST = "/v1/{rest:path}"
"""What the OpenAI API answers that it does not have."""


@dataclass(frozen=True)
class Rule:
    """Who may call an address, and how."""

    path: str
    """As the server lists it."""
    who: Who
    methods: tuple[str, ...] = _GET


def _rules(who: Who, methods: tuple[str, ...], *paths: str) -> list[Rule]:
    """Rules for addresses; one that ends in "/?" may end in a slash or not."""
    ends = [(path.removesuffix("/?"), ("", "/") if path.endswith("/?") else ("",)) for path in paths]
    return [Rule(path + end, who, methods) for path, both in ends for end in both]


RULES: Sequence[Rule] = (
    *_rules("anyone", _GET, *OPEN_PATHS),
    *_rules("gate", (*_GET, *_POST), "/login/?", "/logout/?"),
    *_rules("user", _GET, "/", "/config/?", "/theme.css", f"{API}/theme.css", "/robots.txt", "/manifest.json"),
    *_rules("user", _GET, f"{API}/info/?", f"{API}/openapi.json", f"{API}/app_id/?"),
    *_rules("user", _GET, "/static/{path:path}", "/assets/{path:path}", "/svelte/{path:path}"),
    *_rules("user", _POST, f"{API}/run/{{api_name}}/?", f"{API}/api/{{api_name}}/?"),
    *_rules("user", (*_GET, *_POST, "DELETE"), f"{API}/mcp/?"),
    *_rules("user", _GET, f"{API}/mcp/schema"),
    *_rules("session", _POST, f"{API}/queue/join", f"{API}/cancel", f"{API}/reset/?", f"{API}/upload"),
    *_rules("session", _POST, f"{API}/call/v2/{{api_name}}/?", f"{API}/call/{{api_name}}/?"),
    *_rules("session", _GET, f"{API}/call/v2/{{api_name}}/{{event_id}}", f"{API}/call/{{api_name}}/{{event_id}}"),
    *_rules("session", _GET, f"{API}/queue/data", f"{API}/upload_progress", f"{API}/heartbeat/{{session_hash}}"),
    *_rules("uploader", _GET, f"{API}/file={{path_or_url:path}}", f"{API}/file/{{path:path}}"),
    *_rules("holder", _GET, "/cover/{document_id:str}", "/picture/{document_id:str}/{page:int}"),
    *_rules("holder", _GET, "/illustration/{document_id:str}/{number:int}"),
    *_rules("holder", _GET, "/export/{document_id:str}", "/conversation/{conversation_id:str}", "/batch/{run_id:str}"),
    *_rules("program", _GET, "/v1/models", "/v1/models/{name:path}", "/v1/files/{file}/content", "/v1/batches/{batch}"),
    *_rules("program", (*_GET, *_POST), "/v1/files", "/v1/batches", _REST),
    *_rules("program", (*_GET, "DELETE"), "/v1/files/{file}"),
    *_rules("program", _POST, "/v1/chat/completions", "/v1/batches/{batch}/cancel"),
    *_rules(
        "nobody", _GET, "/openapi.json", f"{API}/deep_link", "/monitoring", "/monitoring/summary", "/monitoring/{key}"
    ),
    *_rules("nobody", _GET, "/pwa_icon", "/pwa_icon/{size}"),
    *_rules("nobody", _GET, f"{API}/user/?", f"{API}/login_check/?", f"{API}/token/?", f"{API}/dev/reload"),
    *_rules("nobody", _GET, f"{API}/runs/?", f"{API}/run-history/buckets", f"{API}/run-history/records"),
    *_rules("nobody", _GET, f"{API}/run-history/records/{{endpoint}}/{{record_id}}/assets/{{asset_id}}"),
    *_rules("nobody", _POST, f"{API}/run-history/connect", f"{API}/component_server/?", f"{API}/process_recording"),
    *_rules("nobody", _GET, f"{API}/custom_component/{{id}}/{{environment}}/{{type}}/{{file_name}}"),
    *_rules("nobody", _GET, f"{API}/proxy={{url_path:path}}", f"{API}/queue/status", f"{API}/mcp/sse"),
    *_rules("nobody", (*_GET, *_POST), f"{API}/mcp/messages", f"{API}/vibe-code/?"),
    *_rules("nobody", _POST, f"{API}/stream/{{event_id}}", f"{API}/stream/{{event_id}}/close"),
    *_rules("nobody", _GET, f"{API}/stream/{{session_hash}}/{{run}}/{{component_id}}/playlist.m3u8"),
    *_rules("nobody", _GET, f"{API}/stream/{{session_hash}}/{{run}}/{{component_id}}/playlist-file"),
    *_rules("nobody", _GET, f"{API}/stream/{{session_hash}}/{{run}}/{{component_id}}/{{segment_id}}.{{ext}}"),
    *_rules("nobody", _POST, f"{API}/vibe-edit/?", f"{API}/undo-vibe-edit/?", f"{API}/vibe-starter-queries/?"),
)


class _Refused(Exception):
    """A request that is not handed on; the message says why in a sentence."""

    def __init__(self, status: int, sentence: str, allowed: str = "") -> None:
        super().__init__(sentence)
        self.status, self.allowed = status, allowed


class Access:
    """Hands on what the table allows, and refuses everything else in a sentence."""

    def __init__(
        self,
        app: ASGIApp,
        uploads: Uploads,
        rules: Sequence[Rule] = RULES,
        page_asked: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the app behind, the uploads, the table, and what is called when somebody asks for the page."""
        self.app, self._page_asked = app, page_asked
        self._uploads = uploads
        self._rules = [(compile_path(rule.path)[0], rule) for rule in rules]
        self._owners = Owners()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer that it may not be made."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            rule, parameters = self._rule(scope)
            if rule.path == "/":
                self._page_asked()
                scope = {**scope, "query_string": _without_parts(scope["query_string"])}
            if rule.who == "program":
                _check_length(scope)
            elif rule.who != "anyone":
                receive, send = await self._checked(rule, parameters, scope, receive, send)
        except (_Refused, BadBody) as error:
            headers = {"allow": error.allowed} if isinstance(error, _Refused) and error.allowed else None
            await refusal(str(scope["path"]), error.status, str(error), headers)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        await self.app(scope, receive, send)

    def _rule(self, scope: Scope) -> tuple[Rule, dict[str, str]]:
        """The rule for a request, and the parameters in its address."""
        path, method = str(scope["path"]), str(scope["method"])
        if len(path) > _MAX_PATH_CHARS:
            raise _Refused(414, f"The address has more than {_MAX_PATH_CHARS:,} characters.")
        matching = [(rule, found) for pattern, rule in self._rules if (found := pattern.match(path)) is not None]
        for rule, found in matching:
            if rule.who not in ("nobody", "gate") and method in rule.methods:
                return rule, found.groupdict()
        if known := [rule for rule, _ in matching if rule.who not in ("nobody", "gate")]:
            known = [rule for rule in known if rule.path != _REST] or known
            allowed = ", ".join(sorted({name for rule in known for name in rule.methods}))
            raise _Refused(405, f"This address does not take {method}; it takes {allowed}.", allowed)
        raise _Refused(404, "There is no such address.")

    async def _checked(
        self, rule: Rule, parameters: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> tuple[Receive, Send]:
        """Refuse what names another's session or upload; return what to read the request with and to answer it with."""
        user = user_of(Request(scope))
        if rule.who == "uploader" and not self._uploads.may_read(user, next(iter(parameters.values()))):
            raise _Refused(403, "There is no such file of yours.")
        named = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        body: Any = None
        if scope["method"] not in _GET and rule.path != f"{API}/upload":
            content = await read_body(receive, MAX_BODY_BYTES, seconds=BODY_SECONDS)
            body, receive = parse(content), _replayed(content, receive)
            if any(self._uploads.is_anothers(user, text) for text in texts(body)):
                raise _Refused(403, "There is no such file of yours.")
            if "api_name" in parameters:
                _check_call(parameters["api_name"], body, by_name="/v2/" in rule.path)
        if "event_id" in parameters and not self._owners.has(user, parameters["event_id"]):
            raise _Refused(404, "There is no such event. Call the function again.")
        for names in (named, parameters, body if isinstance(body, dict) else {}):
            for name in _NAMES:
                if names.get(name) is not None and not self._owners.claim(user, names[name]):
                    raise _Refused(404, "There is no such session. Load the page again.")
        return receive, self._claiming(user, send) if rule.who == "session" and body is not None else send

    def _claiming(self, user: str, send: Send) -> Send:
        """Note the event that an answer names as the user's."""

        async def claiming(message: Message) -> None:
            content = message.get("body", b"")
            if content.startswith(b'{"event_id":'):
                self._owners.claim(user, json.loads(content)["event_id"])
            await send(message)

        return claiming


class Owners:
    """Who was first to use the name of a session, an event or an upload."""

    def __init__(self) -> None:
        self._names: dict[str, OrderedDict[str, None]] = {}

    def has(self, user: str, name: str) -> bool:
        """Whether a name is the user's already."""
        return name in self._names.get(user, ())

    def claim(self, user: str, name: Any) -> bool:
        """Whether a name is the user's, or can be from now on."""
        if not isinstance(name, str) or len(name) > _MAX_NAME_CHARS:
            return False
        if any(name in names for other, names in self._names.items() if other != user):
            return False
        own = self._names.setdefault(user, OrderedDict())
        own[name] = None
        own.move_to_end(name)
        if len(own) > _MAX_NAMES:
            own.popitem(last=False)
        return True


def _without_parts(query: bytes) -> bytes:
    """The query of the page's address without the fields that Gradio takes for parts of an app, which this one does not have."""
    fields = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return urlencode([field for field in fields if field[0] not in ("page", "deep_link")]).encode()


def _check_call(function: str, body: Any, *, by_name: bool) -> None:
    """Make sure that a call has what its function takes, as Gradio has no sentence for what is missing or of another type."""
    from reader.app.tools import TAKEN, TYPES, wrong_argument

    given = body if isinstance(body, dict) else {}
    if "fn_index" in given:  # the page's own events
        return
    if function not in TAKEN:
        raise _Refused(404, f"There is no function {function[:100]!r}; there are {', '.join(TAKEN)}.")
    taken = TAKEN[function]
    if by_name:
        wrong = [name for name in given if name not in taken]
        missing = [name for name, is_needed in taken.items() if is_needed and name not in given]
        if wrong or missing:
            what = f"does not take {wrong[0][:100]!r}" if wrong else f"needs {missing[0]!r}"
            raise _Refused(400, f"{function} {what}; its arguments are {', '.join(taken)}.")
    else:
        if not isinstance(data := given.get("data"), list) or len(data) != len(taken):
            raise _Refused(400, f"`data` is a list of all arguments of {function}: {', '.join(taken)}.")
        given = dict(zip(taken, data, strict=True))
    for name, value in given.items():
        if not isinstance(value, TYPES.get(name, str)) or isinstance(value, bool):
            raise _Refused(400, wrong_argument(function, name, value))


def _check_length(scope: Scope) -> None:
    """Make sure that a body which is not read here says how long it is, and is not too long: no server takes more than that."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0" if "transfer-encoding" not in headers else "")
    if not length.isdecimal():
        raise _Refused(411, "Say how long the request is: send its Content-Length.")
    if int(length[:20]) > MAX_PROGRAM_BYTES:
        raise _Refused(413, f"The request has more than {MAX_PROGRAM_BYTES:,} bytes; send less.")


def _replayed(content: bytes, receive: Receive) -> Receive:
    """A way to read a body again that was read whole."""
    rest: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def replayed() -> Message:
        return rest.pop() if rest else await receive()

    return replayed
