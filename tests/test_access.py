"""Who may call which address of a running server, what requests may carry, and what proxies and other sites can do."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from helpers.documents import WORDS, make_document
from helpers.server import Server

from reader.app.access import API, MAX_BODY_BYTES, RULES
from reader.app.accounts import MAX_FAILURES, add_account
from reader.reading import add_document
from storage import Store

PASSWORDS = {"ann": "first password", "bob": "second password"}
EVIL = "http://evil.example"
PROXY = "127.0.0.9"
FILE = {"orig_name": "both.txt", "meta": {"_type": "gradio.FileData"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Callable[..., Path]) -> Iterator[Server]:
    """A server with two users, behind a named proxy that others reach it beside."""
    folder = tmp_path_factory.mktemp("server")
    for name, password in PASSWORDS.items():
        add_account(folder / "users", name, password)
    model = str(tiny_folder("llama", max_positions=32_768))
    flags = ("--auth", str(folder / "users"), "--mcp", "--openai", "--proxy", PROXY)
    server = Server(folder / "library", model, folder / "cache", flags=flags)
    server.start()
    yield server
    server.kill()


def client(server: Server, address: str = "127.0.0.1", **options: Any) -> httpx.Client:
    """A client at one of this computer's own addresses."""
    transport = httpx.HTTPTransport(local_address=address)
    return httpx.Client(base_url=server.address, timeout=60, transport=transport, **options)


def signed_in(server: Server, name: str, address: str = "127.0.0.1") -> httpx.Client:
    visitor = client(server, address)
    assert visitor.post("/login", data={"username": name, "password": PASSWORDS[name]}).status_code == 200
    return visitor


@pytest.fixture(scope="module")
def ann(server: Server) -> Iterator[httpx.Client]:
    with closing(signed_in(server, "ann")) as ann:
        yield ann


@pytest.fixture(scope="module")
def bob(server: Server) -> Iterator[httpx.Client]:
    with closing(signed_in(server, "bob", "127.0.0.2")) as bob:
        yield bob


# The table


def listed(routes: Any, before: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every address that a server lists, with its methods."""
    for route in routes:
        if hasattr(route, "effective_candidates"):
            yield from listed(route.effective_candidates(), before)
        elif getattr(route, "routes", None):
            yield from listed(route.routes, before + route.path)
        else:
            yield before + route.path, set(getattr(route, "methods", None) or {"GET"})


def test_every_address_that_the_server_lists_is_in_the_table(tmp_path: Path, tiny_folder: Callable[..., Path]) -> None:
    from gradio.routes import App

    from reader.app.openai_api.routes import Api
    from reader.app.page.blocks import build
    from reader.app.pages import Pictures
    from reader.app.routes import routes
    from reader.app.service import Service
    from reader.app.uploads import Uploads

    with Store(tmp_path / "library") as store:
        service = Service(store, "tiny")
        uploads = Uploads(tmp_path)
        own = [*routes(service, Pictures(), uploads), *Api(service, Pictures(), uploads).routes]
        app = App.create_app(build(service), app_kwargs={"routes": own}, mcp_server=True)
        found = list(listed(app.routes))
    assert len(found) > 80
    for path, methods in found:
        allowed = {method for rule in RULES if rule.path == path for method in rule.methods}
        assert methods - {"HEAD", "OPTIONS"} <= allowed, f"{path} is not in the table of who may call what"


def example(path: str) -> str:
    """An address of a kind, about nothing that is there."""
    return re.sub(
        r"{page:int}",
        "1",
        re.sub(r"{\w+(:\w+)?}", "0" * 8, re.sub(r"{(document|conversation)_id:str}", "0" * 64, path)),
    )


@pytest.mark.parametrize("who", sorted({rule.who for rule in RULES}))
def test_each_address_is_answered_to_those_in_the_table_and_to_nobody_else(
    server: Server, ann: httpx.Client, who: str
) -> None:
    with client(server) as stranger:
        for rule in (rule for rule in RULES if rule.who == who):
            method, address = rule.methods[-1] if rule.methods[0] == "POST" else "GET", example(rule.path)
            for headers in ({}, {"origin": EVIL}, {"x-reader-user": "ann"}):
                with stranger.stream(method, address, headers=headers) as answer:
                    status = answer.status_code
                if headers == {"origin": EVIL} and method == "POST":
                    assert status == 403, address
                elif who not in ("anyone", "gate"):
                    assert status == 401, address
            if who == "nobody":
                assert ann.request(method, address).status_code == 404, address
            if who in ("holder", "uploader"):
                assert ann.request(method, address).status_code in (403, 404), address
            if who == "user" and method == "GET" and "{" not in rule.path and "mcp" not in address:
                assert ann.get(address).status_code in (200, 307), address
        assert stranger.get("/no/such/address").status_code == 401
    assert ann.get("/no/such/address").status_code == 404
    assert ann.delete("/config").status_code == 405


# Signing in


def rss(server: Server) -> int:
    assert server.process is not None
    return int(psutil.Process(server.process.pid).memory_info().rss)


def peak_while(server: Server, act: Callable[[], Any]) -> int:
    """How many bytes more the server takes at most while something is done."""
    before, most, done = rss(server), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], rss(server))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        act()
    finally:
        done.set()
        watching.join()
    return most[0] - before


@pytest.mark.parametrize("way", ["form", "basic"])
def test_of_thirty_guesses_at_once_five_are_looked_at_and_memory_stays(server: Server, way: str) -> None:
    address = {"form": "127.0.1.1", "basic": "127.0.1.2"}[way]

    def guess(number: int) -> int:
        with client(server, address) as guessing:
            if way == "basic":
                return guessing.get("/config", auth=("ann", f"guess {number}")).status_code
            return guessing.post("/login", data={"username": "ann", "password": f"guess {number}"}).status_code

    found: list[int] = []
    with ThreadPoolExecutor(30) as pool:
        grown = peak_while(server, lambda: found.extend(pool.map(guess, range(30))))
    assert found.count(401) == MAX_FAILURES  # those that were hashed
    assert found.count(429) == 30 - MAX_FAILURES
    assert grown < 200 << 20
    with client(server, address) as guessing:
        late = guessing.post("/login", data={"username": "ann", "password": PASSWORDS["ann"]})
    assert (late.status_code, late.headers["retry-after"]) == (429, "60")
    with client(server, address) as other:
        assert other.post("/login", data={"username": "bob", "password": PASSWORDS["bob"]}).status_code == 200


def test_nobody_locks_another_out(server: Server) -> None:
    for number in range(3 * MAX_FAILURES):
        with client(server, "127.0.2.1") as mallory:
            mallory.post("/login", data={"username": "bob", "password": f"guess {number}"})
    with closing(signed_in(server, "bob", "127.0.2.2")) as bob:
        assert bob.get("/config").status_code == 200


def test_who_guesses_for_many_names_has_to_wait_as_well(server: Server) -> None:
    with client(server, "127.0.3.1") as mallory:
        found = [
            mallory.post("/login", data={"username": f"user{number}", "password": "guess"}).status_code
            for number in range(25)
        ]
    assert found == [401] * 20 + [429] * 5


def test_who_has_the_password_is_let_in_however_many_requests_come_at_once(server: Server) -> None:
    def ask(_: int) -> int:
        with client(server, "127.0.4.1") as program:
            return program.get("/config", auth=("ann", PASSWORDS["ann"])).status_code

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(ask, range(12))) == [200] * 12


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"files": {"username": ("a.txt", b"x")}}, 415),
        ({"data": {"username": "ann", "password": "x"}, "files": {"file": ("a", b"x")}}, 415),
        ({"json": {"username": "ann"}}, 415),
        ({"data": {"username": "ann", "password": "x" * 5000}}, 413),
        ({"content": b"\xff\xfe%00%ff&&&==", "headers": {"content-type": "application/x-www-form-urlencoded"}}, 401),
        ({}, 415),
    ],
    ids=["a file", "a file beside the form", "JSON", "too long", "bytes", "nothing"],
)
def test_a_form_of_another_kind_is_refused_in_a_sentence(server: Server, request_: dict[str, Any], status: int) -> None:
    with client(server, "127.0.5.1") as visitor:
        answer = visitor.post("/login", **request_)
    assert answer.status_code == status
    assert 'role="alert"' in answer.text


def test_a_picture_is_not_shown_from_the_cache_to_the_next_person(ann: httpx.Client, server: Server) -> None:
    for path in ("/cover/" + "0" * 64, "/export/" + "0" * 64):
        assert ann.get(path).headers["cache-control"] == "no-store"


# What requests carry


@pytest.mark.parametrize(
    "address", [rule.path for rule in RULES if "POST" in rule.methods and rule.who in ("user", "session")]
)
def test_the_body_of_every_request_is_bounded(ann: httpx.Client, address: str) -> None:
    if address == f"{API}/upload":
        pytest.skip("has a quota of its own")
    too_long = b'{"data": ["' + b"x" * MAX_BODY_BYTES + b'"]}'
    for content in (too_long, iter([too_long[:9], too_long[9:]])):
        answer = ann.post(example(address), content=content, headers={"content-type": "application/json"})
        assert (answer.status_code, "send less" in answer.text) == (413, True)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("run/nothing", {"data": []}, "there are library, read_status, ask."),
        ("run/ask", {"data": ["an id", "Who?"]}, "document_id, question, conversation_id, look_again."),
        ("call/read_status", {}, "`data` is a list of all arguments of read_status: document_id."),
        ("call/v2/ask", {"document_id": "an id"}, "ask needs 'question'; "),
        ("call/v2/library", {"words": "x"}, "library does not take 'words'; "),
        ("call/v2/ask", {"document_id": 1, "question": "Who?"}, "The document_id of ask is 1: give the id"),
        ("run/ask", {"data": ["an id", "Who?", "", 3.5]}, 'The look_again of ask is 3.5: give "auto", "off"'),
        ("call/library", {"data": [["x"]]}, "The query of library is ['x']: give words to look for"),
    ],
)
def test_a_call_that_does_not_fit_its_function_is_a_sentence(
    ann: httpx.Client, path: str, body: dict[str, object], words: str
) -> None:
    refused = ann.post(f"/gradio_api/{path}", json=body)
    assert refused.status_code in (400, 404)
    assert words in refused.json()["error"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 200_000, "nested too deeply"),
        (b'{"data": ["\\ud800", ""]}', "half a character"),
        (b'{"\\udfff": 1}', "half a character"),
        (b'{"data": ["\xff"]}', "not valid JSON"),
        (b"session_hash=x", "not valid JSON"),
    ],
)
def test_a_body_that_cannot_be_is_a_sentence(ann: httpx.Client, content: bytes, words: str) -> None:
    for address in (f"{API}/run/library", f"{API}/queue/join", f"{API}/call/ask", f"{API}/mcp/"):
        answer = ann.post(address, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert words in answer.json()["error"]


# Sessions and uploads


def upload(visitor: httpx.Client, content: bytes, name: str = "a.txt", **options: Any) -> httpx.Response:
    return visitor.post(f"{API}/upload", files={"files": (name, content)}, **options)


def test_an_upload_is_read_and_used_by_its_uploader_alone(ann: httpx.Client, bob: httpx.Client) -> None:
    (path,) = upload(ann, b"<svg>mine</svg>", "mine.svg").json()
    assert ann.get(f"{API}/file={path}").content == b"<svg>mine</svg>"
    for address in (f"{API}/file={path}", f"{API}/file/{path}", f"{API}/file={path.replace('/run-', '/./run-')}"):
        assert bob.get(address).status_code == 403
    own = upload(bob, b"his").json()[0]
    around = f"{own}/../../../../{Path(path).relative_to(Path(own).parents[3])}"
    for said in (path, f"http://127.0.0.1{API}/file={path}", around):
        told = bob.post(f"{API}/run/library", json={"data": [said]})
        assert (told.status_code, told.json()["error"]) == (403, "There is no such file of yours.")
    assert bob.get(f"{API}/file={around}").status_code == 403
    # The same file twice is two files: to add one of them leaves the other.
    assert upload(bob, b"<svg>mine</svg>", "mine.svg").json() != [path]


def test_an_address_that_nobody_can_mean_is_no_fault_of_the_server(ann: httpx.Client) -> None:
    for address in ("/picture/x/" + "9" * 5000, f"{API}/call/library/an-event-that-never-began"):
        assert ann.get(address).status_code in (404, 414)
    assert ann.get("/", params={"document": "x", "page": "2", "deep_link": "x"}).status_code == 200


def test_anothers_session_event_and_upload_are_as_if_they_were_not_there(ann: httpx.Client, bob: httpx.Client) -> None:
    begun = ann.post(f"{API}/call/library", json={"data": [""]}).json()["event_id"]
    for address in (f"{API}/call/library/{begun}", f"{API}/call/v2/library/{begun}"):
        assert bob.get(address).status_code == 404
    assert bob.post(f"{API}/cancel", json={"session_hash": "x", "fn_index": 0, "event_id": begun}).status_code == 404
    assert "event: complete" in ann.get(f"{API}/call/library/{begun}").text

    with ann.stream("GET", f"{API}/heartbeat/annssession") as beating:
        assert beating.status_code == 200
        assert bob.get(f"{API}/queue/data", params={"session_hash": "annssession"}).status_code == 404
        assert bob.get(f"{API}/heartbeat/annssession").status_code == 404
        joined = {"data": [], "fn_index": 0, "session_hash": "annssession"}
        for address in (f"{API}/queue/join", f"{API}/reset", f"{API}/cancel"):
            assert bob.post(address, json=joined).status_code == 404
    assert upload(ann, b"x", params={"upload_id": "annsupload"}).status_code == 200
    assert bob.get(f"{API}/upload_progress", params={"upload_id": "annsupload"}).status_code == 404
    assert upload(bob, b"x", params={"upload_id": "annsupload"}).status_code == 404


def temporary(server: Server) -> list[Path]:
    """The temporary files of a server, which may go while they are listed."""
    walk = os.walk(server.library.parent / "temp")
    return sorted(Path(folder) / name for folder, _, names in walk for name in names)


def test_a_temporary_folder_is_this_accounts_alone(ann: httpx.Client, server: Server) -> None:
    (path,) = upload(ann, b"x").json()
    for folder in Path(path).parents:
        if folder == server.library.parent / "temp":
            break
        if folder.parent == server.library.parent / "temp" or folder.name.startswith("run-"):
            assert folder.stat().st_mode & 0o077 == 0
    else:
        pytest.fail(f"{path} is not in the folder for temporary files")


def begun(server: Server, ann: httpx.Client, path: str, length: int, body: bytes) -> socket.socket:
    """An upload that has said how long it is, and sent so much."""
    host, port = server.address.rstrip("/").removeprefix("http://").split(":")
    cookie = "; ".join(f"{name}={value}" for name, value in ann.cookies.items())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookie}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="files"; filename="half.txt"\r\n\r\n'
    )
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall(head.encode() + body)
    return connection


def test_what_programs_send_is_bounded_before_it_is_read(ann: httpx.Client, server: Server) -> None:
    for path, length in (("/v1/files", 600 << 20), ("/v1/chat/completions", 10**30)):
        with begun(server, ann, path, length, b"") as refused:
            assert refused.recv(100).split()[1] in (b"413", b"400"), path
    unsaid = ann.post("/v1/files", content=iter([b"x"]), headers={"content-type": "multipart/form-data; boundary=b"})
    assert unsaid.status_code == 411


def test_half_an_upload_leaves_nothing(ann: httpx.Client, server: Server) -> None:
    before = temporary(server)
    with begun(server, ann, f"{API}/upload", 9_000_000, bytes(3 << 20)):
        until = time.monotonic() + 60
        while temporary(server) == before and time.monotonic() < until:
            time.sleep(0.02)
        assert temporary(server) != before
        assert ann.get("/config").status_code == 200  # a slow one keeps nobody waiting
    until = time.monotonic() + 60
    while temporary(server) != before and time.monotonic() < until:
        time.sleep(0.05)
    assert temporary(server) == before


# Assistants and other programs


def call_tool(server: Server, name: str, password: str, tool: str, arguments: dict[str, str]) -> str:
    """What a tool answers an assistant that signs in so."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def call() -> str:
        address, credentials = f"{server.address.rstrip('/')}{API}/mcp/", httpx.BasicAuth(name, password)
        async with (
            streamablehttp_client(address, auth=credentials) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            names = [found.name for found in (await session.list_tools()).tools if found.name.endswith(tool)]
            return str(await session.call_tool(names[0], arguments))

    return asyncio.run(call())


def test_an_assistant_signs_in_and_sees_its_users_documents_alone(server: Server, ann: httpx.Client) -> None:
    with Store(server.library) as store:
        document = make_document(60, title="The zephyrwort papers")
        add_document(document, store, lambda db, stored: store.user_documents.hold(db, "ann", stored, None))
    assert "zephyrwort" in call_tool(server, "ann", PASSWORDS["ann"], "library", {"query": ""})
    assert "zephyrwort" not in call_tool(server, "bob", PASSWORDS["bob"], "library", {"query": ""})
    told = call_tool(server, "bob", PASSWORDS["bob"], "read_status", {"document_id": document.id})
    assert f"text='There is no document {document.id!r}" in told.replace('"', "'")
    assert "zephyrwort" not in told
    with pytest.raises(BaseException) as refused:  # noqa: PT011 -- a group of whatever the client's tasks raise
        call_tool(server, "ann", "a wrong password", "library", {"query": ""})
    assert "401" in repr(refused.value.exceptions if isinstance(refused.value, BaseExceptionGroup) else refused.value)


def test_two_apps_on_one_library_answer_each_others_users_and_nobody_twice(
    server: Server, ann: httpx.Client, tiny_folder: Callable[..., Path]
) -> None:
    flags = ("--auth", str(server.library.parent / "users"))
    other = Server(server.library, server.model, server.cache, flags=flags)
    other.start()
    try:
        with closing(signed_in(other, "ann", "127.0.0.3")) as elsewhere:
            (path,) = upload(ann, (WORDS * 20).encode(), "both.txt").json()
            config = ann.get("/config").json()
            (adding,) = [one for one in config["dependencies"] if one["api_name"] == "add_files"]
            sent = [[FILE | {"path": path}], *[None] * (len(adding["inputs"]) - 1)]  # the rest is kept by the server
            joined = {"fn_index": adding["id"], "session_hash": "twoapps", "data": sent}
            assert ann.post(f"{API}/queue/join", json=joined).status_code == 200
            assert "process_completed" in ann.get(f"{API}/queue/data", params={"session_hash": "twoapps"}).text

            def library(visitor: httpx.Client) -> dict[str, Any]:
                (found,) = visitor.post(f"{API}/run/library", json={"data": ["both"]}).json()["data"][0]
                return dict(found)

            until = time.monotonic() + 120
            while library(elsewhere)["state"] != "ready" and time.monotonic() < until:
                time.sleep(0.2)
            document_id = library(ann)["document_id"]
            asking = {"data": [document_id, "What was calm?", "", "off"]}
            with ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(lambda v: v.post(f"{API}/run/ask", json=asking).json(), [ann, elsewhere] * 2))
            assert ["data" in answer for answer in answers] == [True] * 4
            assert library(elsewhere)["document_id"] == document_id
        with Store(server.library) as store:
            asked = store.conversations.all("ann", document_id)
            assert [len(talk.turns) for talk in asked] == [1] * 4
            assert not store.questions.waiting("ann")
            assert [job.state for job in store.jobs.all(document_id, "ann")] == ["ready"]
    finally:
        other.kill()


# Proxies and other sites


def test_what_a_proxy_says_is_believed_of_those_that_are_named(server: Server) -> None:
    lies = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "x-forwarded-for": "127.0.7.7"}
    signing = {"data": {"username": "ann", "password": PASSWORDS["ann"]}}
    with client(server, "127.0.6.1") as anyone:
        assert anyone.post("/login", headers={**lies, "origin": EVIL}, **signing).status_code == 403
        assert "secure" not in anyone.post("/login", headers=lies, **signing).headers["set-cookie"].lower()
        assert "evil.example" not in anyone.get("/config", headers=lies).text
    with client(server, PROXY) as proxy:
        behind = proxy.post("/login", headers={**lies, "origin": "https://evil.example"}, **signing)
        assert behind.status_code == 200
        assert "secure" in behind.headers["set-cookie"].lower()
        wrong = {"data": {"username": "bob", "password": "guess"}}
        visitors = {"x-forwarded-for": "10.1.1.1"}, {"x-forwarded-for": "10.1.1.2"}
        assert [proxy.post("/login", headers=visitors[0], **wrong).status_code for _ in range(6)] == [401] * 5 + [429]
        right = {"data": {"username": "bob", "password": PASSWORDS["bob"]}}
        assert proxy.post("/login", headers=visitors[1], **right).status_code == 200


def test_no_other_site_may_read_an_answer(ann: httpx.Client) -> None:
    for headers in ({"origin": EVIL}, {"origin": EVIL, "host": "lan.example"}):
        told = ann.get("/config", headers=headers)
        asked = ann.options(f"{API}/run/library", headers={**headers, "access-control-request-method": "POST"})
        for answer in (told, asked):
            assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_proxy_that_is_no_address_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from reader.app.main import main

    assert main(["--proxy", "the proxy", "--library", str(tmp_path / "library")]) == 2
    assert "--proxy 'the proxy' is neither an address nor a network" in capsys.readouterr().err
    assert not (tmp_path / "library").exists()


# The run's own folder; the last test of this module, as it ends the server


def test_what_a_killed_app_left_goes_at_the_next_start_and_the_rest_at_the_end(
    tmp_path: Path, tiny_folder: Callable[..., Path]
) -> None:
    server = Server(tmp_path / "library", str(tiny_folder("llama")), tmp_path / "cache")
    for end in (signal.SIGKILL, signal.SIGTERM):
        server.start()
        assert server.process is not None
        assert server.process.stdout is not None
        with client(server) as local:
            (path,) = upload(local, b"left").json()
        assert len([one for one in temporary(server) if one.name == "a.txt"]) == 1
        os.kill(server.process.pid, end)
        server.process.wait(60)
        server.process.stdout.close()
        assert Path(path).exists() == (end == signal.SIGKILL)
    assert temporary(server) == []
