"""Files on their way into the library: how much may wait, how slow they may come, and when they go."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from reader.app.accounts import USER_HEADER
from reader.app.uploads import KEPT_SECONDS, UPLOADS_AT_ONCE, Uploads, run_folder
from reader.errors import ConfigError


class As:
    """Lets every request in, as the user whom it names in its address."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user = scope.get("path", "/").strip("/").encode()
        await self.app(
            {**scope, "path": "/", "headers": [*scope.get("headers", ()), (USER_HEADER, user)]}, receive, send
        )


def app(uploads: Uploads) -> Starlette:
    return Starlette(routes=[Route("/", uploads.receive, methods=["POST"])], middleware=[Middleware(As)])


def send(uploads: Uploads, user: str, bytes_: int, name: str = "a.txt") -> Any:
    return TestClient(app(uploads)).post(f"/{user}", files={"files": (name, b"x" * bytes_)})


def test_a_user_may_have_so_many_bytes_waiting_and_has_room_again_when_they_are_added(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, user_bytes=3000, all_bytes=100_000)
    (path,) = send(uploads, "ann", 2000).json()
    refused = send(uploads, "ann", 2000)
    assert refused.status_code == 413
    assert "2 kB" in refused.text
    assert "3 kB may wait" in refused.text
    assert send(uploads, "bob", 2000).status_code == 200
    Path(path).unlink()  # as when it is in the library
    assert send(uploads, "ann", 2000).status_code == 200


def test_all_users_together_may_have_so_many(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, user_bytes=3000, all_bytes=5000)
    assert [send(uploads, user, 2000).status_code for user in ("ann", "bob", "eve")] == [200, 200, 507]


def test_a_refused_upload_leaves_nothing(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, user_bytes=3000)
    assert send(uploads, "ann", 5000).status_code == 413
    told = TestClient(app(uploads)).post("/ann", content=b"no form", headers={"content-type": "multipart/form-data"})
    assert (told.status_code, told.text) == (400, "The upload is damaged; send it again.")
    endless = TestClient(app(uploads)).post(
        "/ann", content=iter([b"x"]), headers={"content-type": "multipart/form-data"}
    )
    assert endless.status_code == 411
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def request(length: int, receive: Callable[[], Any]) -> tuple[list[Any], Any]:
    """A request that says so many bytes and brings what `receive` gives; and what it is answered."""
    answers: list[Any] = []

    async def answer(message: Any) -> None:
        answers.append(message)

    headers = [(b"content-type", b"multipart/form-data; boundary=b"), (b"content-length", str(length).encode())]
    scope = {"type": "http", "method": "POST", "path": "/ann", "query_string": b"", "headers": headers, "app": None}
    return answers, lambda uploads: app(uploads)(scope, receive, answer)


HEAD = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'


def test_an_upload_that_stops_coming_ends_and_leaves_nothing(tmp_path: Path) -> None:
    uploads, begun = Uploads(tmp_path, idle_seconds=0.3), time.monotonic()
    chunks = [{"type": "http.request", "body": HEAD + b"x" * 1000, "more_body": True}]

    async def receive() -> Any:
        if chunks:
            return chunks.pop()
        await asyncio.sleep(100)
        return None

    answers, call = request(1_000_000, receive)
    asyncio.run(call(uploads))
    assert answers[0]["status"] == 408
    assert b"Nothing came for 0.3 seconds" in answers[1]["body"]
    assert time.monotonic() < begun + 20
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert send(uploads, "ann", 10).status_code == 200


def test_an_upload_that_is_longer_than_it_says_is_refused(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, user_bytes=2000)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    answers, call = request(10, receive)
    asyncio.run(call(uploads))
    assert answers[0]["status"] == 400
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_one_user_has_few_uploads_under_way_and_others_are_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.app.uploads.MAX_SENT_BYTES", 100)
    uploads = Uploads(tmp_path)
    with ExitStack() as under_way:
        for _ in range(UPLOADS_AT_ONCE):
            under_way.enter_context(uploads.room("ann"))
        assert send(uploads, "ann", 10).status_code == 429
        assert send(uploads, "bob", 10).status_code == 200
    assert send(uploads, "ann", 10).status_code == 200


def test_what_nobody_adds_goes_after_some_hours(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    old, new = (Path(send(uploads, "ann", 10, name).json()[0]) for name in ("old.txt", "new.txt"))
    long_ago = time.time() - KEPT_SECONDS - 60
    for path in (old, *list(old.parents)[:2]):
        os.utime(path, (long_ago, long_ago))
    uploads.sweep()
    assert not old.exists()
    assert new.read_bytes() == b"x" * 10
    for _ in range(2):  # an empty folder goes once it is old as well
        os.utime(next(path for path in old.parents if path.exists()), (long_ago, long_ago))
        uploads.sweep()
    assert not old.parents[1].exists()


def test_the_folder_of_a_run_is_private_and_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with run_folder() as one, run_folder() as other:
        assert one != other
        assert one.exists()  # a second app sweeps nothing of one that runs
        assert stat.S_IMODE(one.stat().st_mode) == stat.S_IMODE(one.parent.stat().st_mode) == 0o700
        assert Path(tempfile.mkdtemp()).parent == other
    assert not one.exists()
    assert os.environ["GRADIO_TEMP_DIR"] == str(tmp_path)
    assert tempfile.gettempdir() not in (str(one), str(other))


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's")
@pytest.mark.parametrize("kind", ["open to all", "a link"])
def test_a_folder_that_others_prepared_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    prepared = tmp_path / f"activation-beacon-reader-{os.getuid()}"
    if kind == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        prepared.symlink_to(tmp_path / "elsewhere")
    else:
        prepared.mkdir()
        prepared.chmod(0o777)
    with pytest.raises(ConfigError, match="set TMPDIR"), run_folder():
        pass
