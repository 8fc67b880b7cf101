"""Two people, two browsers, one server: neither can see, ask, fetch or guess the other's, by page, address, program or tool."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from helpers import ROOT
from helpers.browser import READY, Visit, chromium, pytestmark, sync_api, visit
from helpers.documents import WORDS, write_pdf
from helpers.server import Server

from reader.app.accounts import add_account

__all__ = ["chromium", "pytestmark", "visit"]  # fixtures and marks of the browser tests, for these too
PASSWORDS = {"ann": "first password", "bob": "second password"}
SECRET = "zephyrwort"


@pytest.fixture
def server(tmp_path: Path, tiny_folder: Callable[..., Path]) -> Iterator[Server]:
    """A running server with two users and assistants' tools."""
    for name, password in PASSWORDS.items():
        add_account(tmp_path / "users", name, password)
    folder = tiny_folder("llama", max_positions=32_768)
    server = Server(
        tmp_path / "library", str(folder), tmp_path / "cache", flags=("--auth", str(tmp_path / "users"), "--mcp")
    )
    server.start()
    yield server
    server.kill()


def signed_in(server: Server, name: str) -> httpx.Client:
    client = httpx.Client(base_url=server.address, timeout=60)
    assert client.post("/login", data={"username": name, "password": PASSWORDS[name]}).status_code == 200
    return client


def come_in(visit: Visit, name: str) -> None:
    page = visit.page
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORDS[name])
    page.get_by_role("button", name="Sign in").click()
    page.locator(READY).wait_for()


def test_two_people_share_a_server_and_nothing_else(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    from gradio_client import Client

    file = write_pdf(tmp_path / "secret.pdf", [f"{SECRET} {WORDS}"] * 3, title=f"The {SECRET} papers")
    with visit(server, ready="form") as ann, visit(server, ready="form") as bob:
        ann.shoot("sign-in")
        come_in(ann, "ann")
        come_in(bob, "bob")
        ann.page.set_input_files("#upload input[type=file]", file)
        ann.wait_until_ready()
        ann.ask(f"What is the {SECRET}?")
        chip = ann.page.locator(".card").first
        chip.click()
        ann.page.locator("#viewer .sheet img").wait_for()
        ann.page.wait_for_function("location.search.startsWith('?document=')")
        address = ann.page.url
        document_id = re.search(r"document=([0-9a-f]{64})", address)[1]  # type: ignore[index]
        conversation = "/" + ann.page.locator("#download a").first.get_attribute("href")  # relative, for proxies
        assert conversation

        # The other's page, by its address and by search.
        bob.reload(address)
        sync_api.expect(bob.page.locator("#empty")).to_be_visible(timeout=20_000)
        assert SECRET not in bob.page.content()
        assert bob.page.locator("#library button").count() == 0

        # After a reload ann is asked again about a file that waits for its password; bob is not.
        locked = write_pdf(tmp_path / "locked.pdf", [WORDS], password=SECRET)
        ann.page.set_input_files("#upload input[type=file]", locked)
        sync_api.expect(ann.page.locator("#locked")).to_contain_text("locked.pdf")
        ann.reload()
        sync_api.expect(ann.page.locator("#locked")).to_contain_text("locked.pdf")
        bob.reload()
        sync_api.expect(bob.page.locator("#empty")).to_be_visible(timeout=20_000)
        sync_api.expect(bob.page.locator("#locked")).to_be_hidden()
        ann.page.get_by_role("button", name="Skip this file").click()

        # By the addresses of pictures, exports and conversations; and without signing in.
        paths = [f"/cover/{document_id}", f"/picture/{document_id}/1", f"/export/{document_id}", conversation]
        for path in paths:
            assert signed_in(server, "ann").get(path).status_code == 200
            refused = signed_in(server, "bob").get(path)
            assert refused.status_code == 404
            assert SECRET not in refused.text
            assert httpx.get(server.address.rstrip("/") + path).status_code == 401
        for path in (
            "/config",
            "/gradio_api/info",
            "/gradio_api/mcp/",
            f"/gradio_api/file={server.library}/library.db",
        ):
            assert httpx.get(server.address.rstrip("/") + path).status_code == 401
        reached = signed_in(server, "bob").get(f"/gradio_api/file={server.library}/library.db")
        assert reached.status_code in (403, 404)

        # By the endpoints.
        clients = {name: Client(server.address, auth=(name, PASSWORDS[name]), verbose=False) for name in PASSWORDS}
        (mine,) = clients["ann"].predict(api_name="/library")
        assert (mine["document_id"], mine["state"]) == (document_id, "ready")
        assert clients["bob"].predict(api_name="/library") == []
        told = clients["ann"].predict(document_id, "What was calm?", api_name="/ask")
        assert told["recomputed_tokens"] == told["looked_again_tokens"]
        for call in (
            lambda: clients["bob"].predict(document_id, api_name="/read_status"),
            lambda: clients["bob"].predict(document_id, "Who?", api_name="/ask"),
        ):
            with pytest.raises(Exception, match="There is no document"):
                call()
        mine_again = clients["ann"].predict(document_id, "Who?", told["conversation_id"], api_name="/ask")
        assert mine_again["conversation_id"] == told["conversation_id"]

        # As a tool of an assistant.
        tools, answers = tools_of(server, "bob", document_id)
        assert tools == {"library", "read_status", "ask"}
        assert all(SECRET not in answer for answer in answers)
        _, answers = tools_of(server, "ann", document_id)
        assert SECRET in answers[0]

        # The same file of the other's own is theirs, and stays when the first one's goes.
        bob.page.set_input_files("#upload input[type=file]", file)
        bob.wait_until_ready()
        assert bob.page.locator("#chat .message-row").count() == 0
        ann.page.keyboard.press("Escape")
        ann.page.locator("#details button").first.click()
        ann.page.locator("#remove").click()
        ann.page.locator("#confirm").get_by_role("button", name="Remove").click()
        sync_api.expect(ann.page.locator("#empty")).to_be_visible(timeout=20_000)
        assert clients["bob"].predict(document_id, api_name="/read_status")["state"] == "ready"
        look = f"fetch('/picture/{document_id}/1').then(answer => answer.status)"
        assert bob.page.evaluate(look) == 200
        bob.is_orphaned = True  # what the page asks while it is left is refused
        bob.sign_out()
        assert bob.page.evaluate(look) == 401  # not out of the browser's cache


def test_who_is_signed_out_in_another_window_is_asked_who_they_are_and_goes_on(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    with visit(server, ready="form") as ann:
        come_in(ann, "ann")
        ann.page.set_input_files("#upload input[type=file]", write_pdf(tmp_path / "sea.pdf", [WORDS]))
        ann.wait_until_ready()
        ann.page.wait_for_function("location.search.startsWith('?document=')")
        place = ann.page.url
        ann.box().fill("What was calm?")
        ann.is_orphaned = True  # of what it was refused meanwhile it complains
        other = ann.page.context.new_page()
        other.goto(server.address)
        other.get_by_role("button", name="Sign out").click()
        other.close()
        come_in(ann, "ann")
        assert ann.page.url == place
        sync_api.expect(ann.box()).to_have_value("What was calm?")


def tools_of(server: Server, name: str, document_id: str) -> tuple[set[str], list[str]]:
    """As `call_tools`, in a thread of its own, as the browser's has a loop that runs."""
    with ThreadPoolExecutor() as pool:
        return pool.submit(lambda: asyncio.run(call_tools(server, name, document_id))).result()


async def call_tools(server: Server, name: str, document_id: str) -> tuple[set[str], list[str]]:
    """The names of the tools, and what the library and a status answer."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    credentials = httpx.BasicAuth(name, PASSWORDS[name])
    address = f"{server.address.rstrip('/')}/gradio_api/mcp/"
    async with (
        streamablehttp_client(address, auth=credentials) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        tools = {
            re.sub(r"^.*?(library|read_status|ask)$", r"\1", tool.name): tool.name
            for tool in (await session.list_tools()).tools
        }
        library = await session.call_tool(tools["library"], {"query": ""})
        status = await session.call_tool(tools["read_status"], {"document_id": document_id})
        return set(tools), [str(json.loads(library.content[0].text)), str(status.content)]


@pytest.mark.slow
def test_the_example_for_programs_runs_as_it_stands_in_the_docs(
    tmp_path: Path, tiny_folder: Callable[..., Path]
) -> None:
    server = Server(tmp_path / "library", str(tiny_folder("llama", max_positions=32_768)), tmp_path / "cache")
    server.start()
    try:
        (tmp_path / "a.txt").write_text(WORDS * 50)
        assert server.shell("read", tmp_path / "a.txt", "--model", server.model).wait(120) == 0
        page = (ROOT / "docs" / "api.md").read_text()
        example = page[page.index("    from gradio_client import Client") :]
        code = "\n".join(line[4:] for line in example.split("\n\nWith")[0].splitlines() if line.startswith("    "))
        code = code.replace("http://127.0.0.1:7860", server.address)
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=os.environ)
        assert ran.returncode == 0, ran.stderr
        assert "page 1" in ran.stdout
    finally:
        server.kill()
