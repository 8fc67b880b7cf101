"""The app as a person meets it: the real server in a process of its own, in a real Chromium.

Fast tests run a tiny random decoder; the one marked slow runs the bundled default on the sample. Screenshots of the main
views are left in test-artifacts/ to be looked at.
"""

from __future__ import annotations

import functools
import html
import json
import re
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pypdf
import pytest
import uvicorn
from helpers.browser import DESKTOP, PHONE, START_SECONDS, WATCH_ANSWER, Visit, chromium, pytestmark, sync_api, visit
from helpers.documents import WORDS, write_pdf
from helpers.server import Server, free_port
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from reader.app.answer_queue import ANSWERS_AT_ONCE
from reader.documents import MAX_SENT_BYTES, load
from storage import MemoryRecord, Store, new_owner

__all__ = ["chromium", "pytestmark", "visit"]  # fixtures and marks of the browser tests, for these too
TITLE = '<img src=x onerror="window.hacked=1"> & the keeper'
QUESTION = "Who wrote <b>in the book</b> & what?"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Callable[..., Path]) -> Iterator[Server]:
    """One server with a tiny decoder for all tests here; a test that kills it starts it again.

    It has more layers than other tests' decoders: an answer must take long enough to be seen streaming and to be stopped.
    """
    folder, place = tiny_folder("llama", max_positions=32_768, layers=8), tmp_path_factory.mktemp("served")
    server = Server(place / "library", str(folder), place / "cache")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """A running server with a tiny decoder and an empty library."""
    yield running
    running.clear()


def write_book(file: Path, paragraphs: int, title: str = TITLE) -> Path:
    """A document of some hundred characters a paragraph, no two of them alike; marks in its title are written as Markdown asks."""
    file.write_text(
        f"# {html.escape(title, quote=False)}\n\n" + "".join(f"[{number}] {WORDS}\n\n" for number in range(paragraphs))
    )
    return file


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A document that takes some seconds to read, with a hostile title."""
    return write_book(tmp_path / "book.md", 800)


@pytest.fixture
def long_book(tmp_path: Path) -> Path:
    """A document that is still being read when a test has done with it."""
    return write_book(tmp_path / "long.md", 3000)


WATCH_READING = """() => {
    window.progress = [];
    new MutationObserver(() => {
        const bar = document.querySelector("#reading progress");
        if (bar) window.progress.push(bar.value);
    }).observe(document.getElementById("main"), {subtree: true, childList: true, attributes: true});
}"""
"""Records the value of the progress bar each time that the page changes."""


def the_memory(library: Path) -> MemoryRecord:
    with Store(library) as store:
        (memory,) = store.memories()
    return replace(memory, last_used_at=0)


def wait_until_asked(store: Store, questions: int) -> None:
    """Until so many questions are kept in the library, answered or waiting."""
    end = time.monotonic() + 60
    while sum(len(one.turns) for one in store.conversations.all()) + len(store.questions.waiting("")) < questions:
        assert time.monotonic() < end, f"{questions} questions are not kept after a minute"
        time.sleep(0.002)


# The app as it is, but that one private address counts as public: that of the site of this test.
WITH_A_SITE = """
import sys
from reader.documents import web
is_public = web._is_public
web._is_public = lambda address: address == "127.0.0.1" or is_public(address)
from reader.app.main import main
raise SystemExit(main())
"""


@pytest.mark.parametrize("viewport", [pytest.param(DESKTOP, marks=pytest.mark.slow), PHONE], ids=["desktop", "phone"])
def test_an_address_that_is_pasted_is_fetched_and_read(
    server: Server, visit: Callable[..., object], tmp_path: Path, viewport: dict[str, int]
) -> None:
    program = tmp_path / "with_a_site.py"
    program.write_text(WITH_A_SITE)
    server = replace(server, program=program, library=tmp_path / "library", process=None)
    server.start()
    (tmp_path / "site").mkdir()
    page_file = tmp_path / "site" / "ship.html"
    page_file.write_text(f"<title>The Ship</title><p>{'The ship left the harbour. ' * 200}")
    write_pdf(tmp_path / "site" / "locked.pdf", ["The lamp was lit."], password="open")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site, visit(server, viewport=viewport) as window:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        page, address = window.page, f"http://127.0.0.1:{site.server_address[1]}"
        window.go("library")
        box = page.locator("#address input, #address textarea")
        box.fill("http://192.168.0.1/secret.pdf")
        box.press("Enter")
        notice = page.locator("p.notice.error")
        window.go("chat")
        sync_api.expect(notice).to_contain_text("leads into a private network")
        window.shoot(f"address-refused-{viewport['width']}")
        window.check_size()
        window.go("library")
        sync_api.expect(box).to_have_value("http://192.168.0.1/secret.pdf")  # to be mended
        window.shoot(f"address-{viewport['width']}")
        box.fill(f"  {address}/ship.html ")
        box.press("Enter")
        window.go("chat")
        sync_api.expect(page.locator(".document h2")).to_have_text("The Ship")
        window.go("library")
        sync_api.expect(box).to_have_value("")
        box.fill(f"{address}/locked.pdf")
        box.press("Enter")
        window.go("chat")
        page.locator("#password input").fill("open")
        page.locator("#password input").press("Enter")
        sync_api.expect(page.locator(".document h2")).to_have_text("locked")
        window.check_access()
        site.shutdown()
    server.kill()
    with Store(server.library) as store:
        names = {document.file_name for document in store.documents()}
    assert names == {f"{address}/ship.html", f"{address}/locked.pdf"}


def test_upload_read_ask_restart_and_ask_again_without_reading(
    server: Server, visit: Callable[..., object], book: Path
) -> None:
    with visit(server) as window:
        page = window.page
        sync_api.expect(page.locator("#empty")).to_contain_text("It is read once")
        sync_api.expect(page.locator("p.notice")).to_have_count(0, timeout=START_SECONDS * 1000)
        window.shoot("empty")
        page.evaluate(WATCH_READING)
        page.set_input_files("#upload input[type=file]", book)
        reading = page.locator("#reading")
        sync_api.expect(reading).to_contain_text(
            re.compile(r"Page \d+ of \d+ · [\d,]+ tokens/s · .+ left"), timeout=180_000
        )
        window.shoot("reading")
        window.check_size()
        window.wait_until_ready()
        progress = page.evaluate("window.progress")
        assert len(set(progress)) > 1, "the reading was not seen growing"
        assert progress == sorted(progress)
        sync_api.expect(page.locator(".document h2")).to_have_text(TITLE)
        assert page.evaluate("window.hacked") is None

        window.look_again("Never")
        page.evaluate(WATCH_ANSWER)
        note = window.ask(QUESTION)
        assert re.fullmatch(
            r"Memory attached in .+ s · 0 of [\d,]+ document tokens read again · first word after .+ s", note
        )
        sync_api.expect(page.locator("#chat .cost summary")).to_have_text(
            re.compile(r"^From memory · (under 1|\d+) s$")
        )
        lengths = page.evaluate("window.lengths")
        growing = sorted(set(lengths))
        assert len(growing) >= 3, f"the answer did not stream: {lengths}"
        assert page.locator("#chat .user.message").inner_text().strip() == QUESTION
        answer = page.locator("#chat .answer").inner_text()
        window.shoot("answer")
        window.check_size()
        page.set_viewport_size(PHONE)
        window.check_size()
        window.shoot("answer-390")
        shown = urlsplit(page.url).query
    memory = the_memory(server.library)
    assert not [file for file in (server.library.parent / "temp").rglob("*") if file.is_file() and file.stat().st_size]

    server.kill()
    server.start()
    with visit(server, viewport=PHONE) as window:
        page = window.page
        window.check_size()
        window.go("library")
        page.locator("#library button").first.click()
        window.wait_until_ready()
        page.wait_for_function(f"location.search === '?{shown}'")
        # What was asked before is there, and goes on.
        sync_api.expect(page.locator("#chat .answer")).to_have_text(answer)
        page.locator("#new-talk").click()
        sync_api.expect(page.locator("#chat .message-row")).to_have_count(0)
        window.look_again("Never")
        again = window.ask(QUESTION)
        assert f"0 of {memory.tokens:,} document tokens read again" in again
        assert page.locator("#chat .answer").inner_text() == answer
        window.reload()
        sync_api.expect(page.locator(".document h2")).to_have_text(TITLE)
    assert the_memory(server.library) == memory


def pages_told(told: sync_api.Locator) -> int:
    told.wait_for(timeout=60_000)
    return int(re.findall(r"[\d,]+", told.inner_text())[0].replace(",", ""))


def test_a_reading_goes_on_without_its_page_and_can_be_paused_cancelled_continued_and_removed(
    server: Server, visit: Callable[..., object], long_book: Path
) -> None:
    with visit(server) as window:
        window.page.set_input_files("#upload input[type=file]", long_book)
        window.page.get_by_text("tokens/s").wait_for(timeout=180_000)
    with visit(server) as window:
        page = window.page
        page.get_by_text("tokens/s").wait_for()  # found again though the address does not name it
        page.locator("#pause").click()
        paused = page.get_by_text(re.compile(r"Paused at page \d+ of \d+"))
        pages_done = pages_told(paused)
        assert pages_done > 0
        window.shoot("paused")
        page.set_viewport_size(PHONE)
        window.check_size()
        window.shoot("paused-390")
        page.set_viewport_size(DESKTOP)

        listing = server.shell("jobs", "list")
        (job,) = json.loads(listing.communicate(timeout=60)[0])["jobs"]
        assert (job["state"], job["pages_done"]) == ("paused", pages_done)
        assert server.shell("jobs", "resume", job["job_id"][:8]).wait(60) == 0

        page.get_by_text("tokens/s").wait_for(timeout=60_000)
        assert server.shell("jobs", "cancel", job["job_id"][:8]).wait(60) == 0
        told = page.get_by_text(re.compile(r"Stopped at page \d+ of \d+"))
        assert pages_told(told) >= pages_done
        window.reload()
        told.wait_for()
        page.locator("#resume").click()
        page.get_by_text("tokens/s").wait_for(timeout=60_000)
        page.locator("#pause").click()
        assert pages_told(paused) > pages_done
        window.open_details()
        page.locator("#remove").click()
        page.locator("#confirm").get_by_role("button", name="Keep").click()
        sync_api.expect(page.locator("#confirm")).to_be_hidden()
        page.locator("#remove").click()
        window.shoot("remove")
        page.locator("#confirm").get_by_role("button", name="Remove").click()
        sync_api.expect(page.locator("#empty")).to_be_visible()
        sync_api.expect(page.locator("#library")).to_be_hidden()
    with Store(server.library) as store:
        assert (store.documents(), store.memories(), store.jobs.all()) == ([], [], [])


PAGE_BEHIND = """(number) => {
    const told = document.querySelector("#reading")?.textContent.match(/Page ([\\d,]+)/);
    return told && Number(told[1].replaceAll(",", "")) > number;
}"""
"""Whether the page says that the reading is behind a page."""


def test_a_document_is_asked_while_it_is_read(server: Server, visit: Callable[..., object], long_book: Path) -> None:
    with visit(server) as window:
        page = window.page
        page.set_input_files("#upload input[type=file]", long_book)
        page.get_by_text("tokens/s").wait_for(timeout=180_000)
        window.look_again("Never")
        found = []
        for _ in range(2):
            note = window.ask(QUESTION)
            pattern = r"Based on pages? (?:1–)?(\d+) of (\d+), read by then · Memory attached.* · 0 of .+ tokens read again .+"
            found.append(re.fullmatch(pattern, note))
            assert found[-1], note
            page.wait_for_function(PAGE_BEHIND, arg=int(found[-1][1]))
        assert 0 < int(found[0][1]) < int(found[1][1]) < int(found[1][2])
        window.shoot("asked-while-reading")
        sync_api.expect(page.locator(".state.reading")).to_be_visible()
        page.locator("#pause").click()
        page.locator(".state.paused").wait_for(timeout=60_000)
        assert re.match(r"Based on pages? (?:1–)?\d+ of \d+, read by then · ", window.ask(QUESTION))
        page.set_viewport_size(PHONE)
        window.check_size()
        window.shoot("asked-while-reading-390")


def test_what_the_shell_reads_is_seen_on_the_page_and_can_be_taken_from_it(
    server: Server, visit: Callable[..., object], long_book: Path
) -> None:
    with visit(server, color_scheme="dark") as window:
        page = window.page
        sync_api.expect(page.locator("p.notice")).to_have_count(0, timeout=START_SECONDS * 1000)
        reading = server.shell("read", long_book, "--model", server.model)
        page.locator("#library button").first.click(timeout=180_000)
        page.get_by_text("Another program is reading it.").wait_for(timeout=180_000)
        page.get_by_text(re.compile(r"Page \d+ of \d+ · [\d,]+ tokens/s")).wait_for(timeout=60_000)
        window.shoot("read-by-the-shell")
        page.locator("#pause").click()
        page.get_by_text(re.compile(r"Paused at page \d+ of \d+")).wait_for(timeout=60_000)
        assert reading.wait(120) == 130
        reading.communicate()
        page.locator("#resume").click()
        page.get_by_text("tokens/s").wait_for(timeout=60_000)
        sync_api.expect(page.get_by_text("Another program is reading it.")).to_have_count(0)
        page.locator("#pause").click()
        page.locator(".state.paused").wait_for(timeout=60_000)


def test_a_locked_file_is_opened_with_its_password_which_is_kept_nowhere(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    secret = "Hester-7781"
    files = [
        write_pdf(tmp_path / f"{name}.pdf", [f"{name} {WORDS}"] * 3, title=f"The {name}", password=secret)
        for name in ("<b>letter", "log")
    ]
    with visit(server) as window:
        page = window.page
        page.set_input_files("#upload input[type=file]", files)
        ask, field = page.locator("#locked"), page.locator("#password input")
        sync_api.expect(ask).to_contain_text("letter.pdf is password-protected", timeout=60_000)
        assert field.get_attribute("type") == "password"
        window.shoot("password")
        page.set_viewport_size(PHONE)
        window.check_size()
        window.shoot("password-390")
        page.set_viewport_size(DESKTOP)
        field.fill("wrong")
        field.press("Enter")
        page.locator(".toast-body", has_text="does not open").wait_for()
        sync_api.expect(field).to_have_value("")
        field.fill(secret)
        ask.get_by_role("button", name="Open").click()
        sync_api.expect(page.locator(".document h2")).to_have_text("The <b>letter")
        sync_api.expect(ask).to_contain_text("log.pdf is password-protected")
        sync_api.expect(field).to_have_value("")
        ask.get_by_role("button", name="Skip this file").click()
        sync_api.expect(ask).to_be_hidden()
        window.wait_until_ready()
        sync_api.expect(page.locator("#library button")).to_have_count(1)
    for file in server.library.parent.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):  # it was temporary, or is a folder
            assert secret.encode() not in file.read_bytes(), file
            assert file.suffix != ".pdf", file


def test_a_bad_file_is_refused_in_one_sentence_and_the_library_stays_empty(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    binary, empty, scan = tmp_path / "binary.txt", tmp_path / "empty.md", tmp_path / "scan.pdf"
    binary.write_bytes(bytes(range(256)) * 8)
    empty.touch()
    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 200)
    writer.write(scan)
    with visit(server) as window:
        page = window.page
        for file, reason in ((binary, "is not text"), (empty, "empty"), (scan, "has no text")):
            page.set_input_files("#upload input[type=file]", file)
            message = page.locator("#added .error", has_text=reason)
            message.wait_for()
            assert file.name in message.inner_text()
            assert "Traceback" not in message.inner_text()
        page.locator("#added").get_by_label("Close these messages").click()
        sync_api.expect(page.locator("#added")).to_be_hidden()
        sync_api.expect(page.locator("#empty")).to_be_visible()
    with Store(server.library) as store:
        assert store.documents() == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_file_that_is_not_sent_is_named_and_those_beside_it_are_added(
    server: Server, visit: Callable[..., object], tmp_path: Path, viewport: dict[str, int]
) -> None:
    good, song, huge, broken = (tmp_path / name for name in ("good.txt", "song.MP3", "huge.txt", "broken.epub"))
    good.write_text(WORDS * 60)
    song.write_bytes(b"ID3")
    broken.write_bytes(b"PK")
    with huge.open("wb") as file:
        file.truncate(MAX_SENT_BYTES + 1)
    with visit(server, viewport=viewport) as window:
        page = window.page
        refused = page.locator("#refused .error")
        page.set_input_files("#upload input[type=file]", [song, huge, good])
        window.wait_until_ready()
        sync_api.expect(refused).to_contain_text(["'song.MP3' is of a kind", "'huge.txt' has more than"])
        window.go("library")
        sync_api.expect(refused.first).to_be_in_viewport()
        page.locator("#refused").get_by_label("Close these messages").click()
        sync_api.expect(page.locator("#refused")).to_be_hidden()
        # What is refused alone is said where the person is: on a phone beside the library.
        page.set_input_files("#upload input[type=file]", song)
        sync_api.expect(refused).to_be_in_viewport()
        sync_api.expect(page.locator("#sending")).to_be_empty()
        page.set_input_files("#upload input[type=file]", broken)
        sync_api.expect(page.locator("#added .error")).to_be_in_viewport()
        sync_api.expect(refused).to_have_count(0)
        assert page.locator(".toast-body").count() == 0
        window.check_access()
        window.check_size()
    with Store(server.library) as store:
        assert [document.title for document in store.documents()] == ["good"]


def test_an_answer_can_be_copied_asked_again_edited_and_left(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text(WORDS * 100)
    two.write_text(WORDS * 120)
    with visit(server, color_scheme="dark", permissions=["clipboard-read", "clipboard-write"]) as window:
        page = window.page
        page.set_input_files("#upload input[type=file]", [one, two])
        rows = page.locator("#library button")
        sync_api.expect(rows).to_have_count(2)
        sync_api.expect(rows.filter(has_text="ready")).to_have_count(2, timeout=180_000)
        window.wait_until_ready()
        window.look_again("Never")
        window.ask("What was calm?")
        answers = page.locator("#chat .answer")
        expected = answers.last.get_attribute("data-text")  # without the numbers of its sources
        window.shoot("answer-dark")

        page.evaluate(WATCH_COPIED)
        page.locator("#chat .act", has_text="Copy").last.click()
        page.wait_for_function("window.isCopied")  # said for a moment only
        assert page.evaluate("navigator.clipboard.readText()") == expected

        # "Look harder" answers the last question again, in its place.
        page.locator("#chat .act", has_text="Look harder").last.click()
        sync_api.expect(page.locator("#chat .cost summary")).to_have_text(re.compile("^Checked "), timeout=60_000)
        sync_api.expect(page.locator("#chat .user-row")).to_have_count(1)
        window.ask("And the baker?")

        # Editing is seen, can be left, and keeps every turn: an earlier question is asked again in another conversation.
        page.locator("#chat .act", has_text="Edit").first.click()
        sync_api.expect(window.box()).to_have_value("What was calm?")
        sync_api.expect(window.box()).to_be_focused()
        sync_api.expect(page.locator("#editing")).to_contain_text(
            "editing question 1. It is asked in a new conversation"
        )
        window.box().press("Escape")
        sync_api.expect(page.locator("#editing")).to_be_hidden()
        sync_api.expect(window.box()).to_have_value("")
        page.locator("#chat .act", has_text="Edit").first.click()
        sync_api.expect(window.box()).to_have_value("What was calm?")
        window.box().fill("What was <b>lit</b>?")
        window.box().press("Enter")
        sync_api.expect(page.locator("#chat .user-row")).to_have_count(1, timeout=60_000)
        sync_api.expect(page.locator("#chat .user-row")).to_have_text("What was <b>lit</b>?")
        sync_api.expect(page.locator("#editing")).to_be_hidden()
        sync_api.expect(page.locator("#chat .badge")).to_have_count(1, timeout=60_000)
        with Store(server.library) as store:
            asked = sorted([turn.question for turn in one.turns] for one in store.conversations.all())
        assert asked == [["What was <b>lit</b>?"], ["What was calm?", "And the baker?"]]

        # An answer that is left goes on without anybody looking.
        window.box().fill("And the harbour?")
        window.box().press("Enter")
        sync_api.expect(page.locator("#chat .user-row")).to_have_count(2)
        rows.filter(has_text="two").click()
        sync_api.expect(page.locator("#chat .message-row")).to_have_count(0)
        rows.filter(has_text="one").click()
        sync_api.expect(page.locator("#chat .badge")).to_have_count(2, timeout=60_000)
        assert window.page.locator("#chat .user-row").last.inner_text().strip() == "And the harbour?"


def test_a_document_has_several_conversations_which_can_be_exported_and_deleted(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text(WORDS * 60)
    with visit(server) as window:
        page = window.page
        page.set_input_files("#upload input[type=file]", tmp_path / "one.txt")
        window.wait_until_ready()
        window.ask("What was <i>calm</i>?")
        page.locator("#new-talk").click()
        sync_api.expect(page.locator("#chat .message-row")).to_have_count(0)
        sync_api.expect(page.locator("#choice input")).to_have_value("New conversation")
        sync_api.expect(page.locator("#forget")).to_be_hidden()
        sync_api.expect(window.box()).to_be_focused()
        window.ask("Who is the baker?")
        window.ask("And the keeper?")
        sync_api.expect(page.locator("#whole-map .map")).to_be_hidden()
        page.locator("#whole-map summary").click()
        sync_api.expect(page.locator("#whole-map .map")).to_be_visible()
        sync_api.expect(page.locator("#whole-map .legend")).to_contain_text("darker")
        with page.expect_download() as begun:
            page.locator("#download summary").click()
            page.locator("#download a").first.click()
        exported = Path(begun.value.path()).read_text()
        assert begun.value.suggested_filename == "one.md"
        assert [line for line in exported.splitlines() if line.startswith("## ")] == [
            "## Who is the baker?",
            "## And the keeper?",
        ]
        assert "> Page 1" in exported
        # In a tab of its own, where a refusal can be read: a random decoder may say what no font can show.
        sync_api.expect(page.locator("#download a").last).to_have_attribute(
            "href", re.compile(r"^conversation/\w+\?form=pdf$")
        )
        page.locator("#choice input").click()
        page.get_by_role("option", name="What was <i>calm</i>?").click()
        sync_api.expect(page.locator("#chat .user-row")).to_have_count(1)
        page.locator("#forget").click()
        page.locator("#confirm-forget").get_by_role("button", name="Keep").click()
        sync_api.expect(page.locator("#confirm-forget")).to_be_hidden()
        page.locator("#forget").click()
        page.locator("#confirm-forget").get_by_role("button", name="Delete").click()
        sync_api.expect(page.locator("#chat .user-row")).to_have_count(2)
        window.reload()
        sync_api.expect(page.locator("#chat .user-row")).to_have_count(2, timeout=60_000)
    with Store(server.library) as store:
        (talk,) = store.conversations.all()
        store.user_documents.rename("", talk.document_ids[0], "Über / die Flut")
        said = store.conversations.add(talk.document_ids)
        store.conversations.add_turn(said, "And the keeper?", "He wrote it in the book.")
    answer = httpx.get(f"{server.address}conversation/{said.id}?form=pdf")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%9Cber-die-Flut.pdf"
    (tmp_path / "one.pdf").write_bytes(answer.content)
    text = load(tmp_path / "one.pdf").text
    assert "And the keeper?" in text
    assert "He wrote it in the book." in text


def test_evidence_opens_its_page_with_the_quote_marked_on_a_picture_or_in_the_text(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    hostile = '<img src=x onerror="window.hacked=1"> '
    pdf = write_pdf(tmp_path / "a.pdf", [f"Page {n}. {WORDS} {hostile}" for n in range(1, 8)], title="Drawn " + hostile)
    text = tmp_path / "b.txt"
    text.write_text((hostile + WORDS) * 40)
    with visit(server) as window:
        page = window.page
        for file, shown in ((text, "#viewer mark"), (pdf, "#viewer .box")):
            page.set_input_files("#upload input[type=file]", file)
            sync_api.expect(page.locator("#head")).to_contain_text(file.stem if file == text else "Drawn")
            sync_api.expect(page.locator("#chat .message-row")).to_have_count(0)
            window.wait_until_ready()
            window.ask("What did the keeper write in the book?")
            card = page.locator("#chat .card").first
            place = re.search(r"Page (\d+)", card.inner_text())
            assert place
            card.click()
            page.locator(shown).first.wait_for()
            sync_api.expect(page.locator("#viewer header")).to_contain_text(f"Page {place[1]} of")
        page.wait_for_function("document.querySelector('#viewer img').naturalWidth === 1000")
        window.shoot("evidence")
        window.check_size()
        window.check_access()
        # Where the words are on the picture, and in sight.
        inside = page.evaluate(
            """() => { const mark = document.querySelector("#viewer .box"), box = mark.getBoundingClientRect();
                const paper = document.querySelector("#viewer img").getBoundingClientRect();
                const sheet = document.querySelector("#viewer .sheet").getBoundingClientRect();
                const shares = [(box.top - paper.top) / paper.height, (box.left - paper.left) / paper.width];
                const said = [parseFloat(mark.style.top) / 100, parseFloat(mark.style.left) / 100];
                return shares.every((share, axis) => Math.abs(share - said[axis]) < 0.005)
                    && box.top >= sheet.top - 1 && box.bottom <= sheet.bottom + 1 && box.width > 20 && box.height > 4; }"""
        )
        assert inside
        page.locator("#chat .cost summary").click()
        page.locator("#chat .cell").nth(2).click()
        sync_api.expect(page.locator("#viewer header")).to_contain_text("Page 3 of 7")
        page.get_by_label("Next page").click()
        sync_api.expect(page.locator("#viewer header")).to_contain_text("Page 4 of 7")
        page.keyboard.press("Escape")
        sync_api.expect(page.locator("#viewer header")).to_have_count(0)

        # By keyboard alone: an arrow along the map, Enter, and back to where one was.
        page.locator("#chat .cell").first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        sync_api.expect(page.locator("#viewer header")).to_contain_text("Page 2 of 7")
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.dataset.page") == "2"

        page.set_viewport_size(PHONE)
        sync_api.expect(page.locator("#viewer")).to_be_hidden()
        page.locator("#chat .card").first.click()
        page.locator("#viewer .box").first.wait_for()
        window.check_size()
        window.check_access()
        window.shoot("evidence-390")
        page.get_by_label("Close the page").click()
        sync_api.expect(page.locator("#viewer")).to_be_hidden()
        assert page.evaluate("window.hacked") is None


def test_a_library_is_searched_named_tagged_pinned_exported_and_imported(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.txt").write_text(f"The {name}fold way. " + WORDS * 20)
    with visit(server) as window:
        page = window.page
        page.set_input_files("#upload input[type=file]", [tmp_path / f"{name}.txt" for name in ("one", "two", "three")])
        rows = page.locator("#library button")
        sync_api.expect(rows).to_have_count(3, timeout=180_000)
        sync_api.expect(rows.filter(has_text="ready")).to_have_count(3, timeout=180_000)
        sync_api.expect(page.locator("#room")).to_contain_text(re.compile(r"3 documents · .+ free on the disk"))
        rows.filter(has_text="one").click()
        sync_api.expect(page.locator(".document h2")).to_have_text("one")
        window.open_details()
        title = page.locator("#title :is(input, textarea)")
        assert title.input_value() == "one", "a document is shown with its own details from the start"
        title.fill(TITLE)
        page.locator("#tags :is(input, textarea)").fill("Law, to read")
        page.locator("#pinned input").check()
        window.check_access()
        window.shoot("details")
        page.locator("#save").click()
        sync_api.expect(rows.first).to_contain_text(TITLE)
        sync_api.expect(rows.first.locator(".tag")).to_have_text(["Law", "to read"])
        sync_api.expect(page.locator(".document h2")).to_have_text(TITLE)
        with page.expect_download() as begun:
            page.locator("#export a").click()
        exported = tmp_path / "one.beacon"
        begun.value.save_as(exported)

        search = page.locator("#search :is(input, textarea)")
        search.fill("LAW")
        sync_api.expect(rows).to_have_count(1)
        search.fill("twofold")
        sync_api.expect(page.locator("#library")).to_contain_text("No matching title or tag")
        hit = page.locator("#hits button")
        sync_api.expect(hit).to_have_count(1)
        window.shoot("search")
        hit.click()
        sync_api.expect(page.locator("#viewer header")).to_contain_text("two")
        sync_api.expect(page.locator("#viewer mark")).to_have_text("twofold")
        sync_api.expect(page.locator(".document h2")).to_have_text("two")
        window.open_details()
        assert title.input_value() == "two", "a document opened by one of its pages, too"
        search.fill("")
        sync_api.expect(rows).to_have_count(3)

        page.keyboard.press("Escape")
        rows.first.click()
        sync_api.expect(page.locator(".document h2")).to_have_text(TITLE)
        window.open_details()
        page.locator("#remove").click()
        page.locator("#confirm").get_by_role("button", name="Remove").click()
        sync_api.expect(rows).to_have_count(2)
        with page.expect_file_chooser() as chosen:
            page.locator("#import").click()
        chosen.value.set_files(exported)
        sync_api.expect(rows).to_have_count(3, timeout=60_000)
        window.wait_until_ready()
        sync_api.expect(page.locator("#head")).to_contain_text("imported")
        assert "document tokens read again" in window.ask("What was calm?")
        assert page.evaluate("window.hacked") is None

        # Dropped together with a text and with what is none: each is taken in, or said to be broken.
        window.open_details()
        page.locator("#remove").click()
        page.locator("#confirm").get_by_role("button", name="Remove").click()
        sync_api.expect(rows).to_have_count(2)
        broken = ["broken.beacon", "no memory"]
        page.evaluate(DROP, [["one.beacon", list(exported.read_bytes())], broken, ["four.txt", WORDS * 20]])
        sync_api.expect(rows).to_have_count(4)
        sync_api.expect(page.locator("#added .error")).to_contain_text(
            "'broken.beacon'"
        )  # and stays, as other bad files do

        # What is there already is opened, and said to be there.
        with page.expect_file_chooser() as chosen:
            page.locator("#import").click()
        chosen.value.set_files(exported)
        sync_api.expect(page.locator("#added")).to_contain_text("one.beacon is in your library already")
        sync_api.expect(page.locator(".document h2")).to_have_text(TITLE)
        sync_api.expect(rows).to_have_count(4)
        sync_api.expect(page.locator("#sending")).to_be_hidden()


def test_a_document_is_read_again_at_another_ratio_and_type_which_say_what_they_cost(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text(WORDS * 100)
    with visit(server) as window:
        page = window.page
        page.set_input_files("#upload input[type=file]", tmp_path / "one.txt")
        window.wait_until_ready()
        window.open_details()
        before = page.locator("#memory").inner_text()
        window.reload()
        window.wait_until_ready()
        window.open_details()
        page.locator("#ratio input").click()
        offered = page.get_by_role("option", name=re.compile(r"^\W*8× · about .+B$"))
        offered.click()
        page.locator("#memory-type").get_by_label("Very compact").check()
        page.locator("#read-again").click()
        sync_api.expect(page.locator("#memory")).to_contain_text("compression 8×", timeout=180_000)
        sync_api.expect(page.locator("#memory")).to_contain_text("very compact")
        assert "compression 8×" not in before
        assert "attached" in window.ask("What was calm?")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_for_everybody_at_any_width_in_light_and_dark(
    server: Server, visit: Callable[..., object], tmp_path: Path, scheme: str
) -> None:
    (tmp_path / "one.txt").write_text(WORDS * 60)
    with visit(server, color_scheme=scheme) as window:
        page = window.page
        sync_api.expect(page.locator("p.notice")).to_have_count(0, timeout=START_SECONDS * 1000)
        window.check_access()
        page.set_input_files("#upload input[type=file]", tmp_path / "one.txt")
        window.wait_until_ready()
        window.ask("What was calm?")
        for name, viewport in (("", DESKTOP), ("-390", PHONE)):
            page.set_viewport_size(viewport)
            window.check_access()
            window.check_size()
            window.shoot(f"main-{scheme}{name}")
        page.set_viewport_size(DESKTOP)
        page.locator("#settings button").first.click()
        page.get_by_label("Language model").wait_for()
        window.check_access()
        window.shoot(f"settings-{scheme}")
        is_dark = "document.body.classList.contains('dark')"
        before = page.evaluate(is_dark)
        page.get_by_role("button", name="Light or dark").click()
        assert page.evaluate(is_dark) != before
        window.reload()
        page.wait_for_function(f"{is_dark} !== {str(before).lower()}")


WATCH_COPIED = """() => {
    new MutationObserver(() => {
        window.isCopied ||= [...document.querySelectorAll("#chat .act")].some((one) => one.textContent === "Copied");
    }).observe(document.getElementById("chat"), {subtree: true, childList: true, characterData: true});
}"""


DROP = """(files) => {
    const dropped = new DataTransfer();
    for (const [name, content] of files) {
        dropped.items.add(new File([Array.isArray(content) ? new Uint8Array(content) : content], name));
    }
    const target = document.querySelector("#main");
    for (const kind of ["dragenter", "dragover", "drop"]) {
        const event = new DragEvent(kind, { dataTransfer: dropped, bubbles: true, cancelable: true });
        target.dispatchEvent(event);
        if (kind === "dragover") {
            window.isTaken = event.defaultPrevented;
            window.isShown = document.querySelector("#app").hasAttribute("data-dropping");
        }
    }
}"""


PASTE = """([place, text]) => {
    const pasted = new DataTransfer();
    pasted.setData("text/plain", text);
    const options = { clipboardData: pasted, bubbles: true, cancelable: true };
    return !document.querySelector(place).dispatchEvent(new ClipboardEvent("paste", options));
}"""
"""Pastes a text; returns whether the page took it, and the browser does nothing more."""


def test_a_text_that_is_pasted_becomes_a_document_but_not_in_the_boxes(
    server: Server, visit: Callable[..., object]
) -> None:
    first = f"# A note: on tides, and on everything else that comes and goes in a harbour\n\n{WORDS}"
    with visit(server, viewport=PHONE) as window:
        page = window.page
        assert page.evaluate(PASTE, ["#address :is(input, textarea)", first])
        sync_api.expect(page.locator(".document h2")).to_have_text(
            "A note on tides, and on everything else that comes and"
        )
        window.wait_until_ready()
        sync_api.expect(window.box()).to_be_enabled()
        for place, text in (
            ("#question textarea", first),
            ("#address :is(input, textarea)", "example.org/a.pdf"),
            ("body", "tides"),
        ):
            assert not page.evaluate(PASTE, [place, text])
        assert page.evaluate(PASTE, ["body", f"/..\n{WORDS}"])
        sync_api.expect(page.locator(".document h2")).to_have_text("Pasted text")
        window.wait_until_ready()


def test_files_dropped_anywhere_are_added_the_first_is_opened_and_a_return_leads_back_to_what_was_asked(
    server: Server, visit: Callable[..., object]
) -> None:
    files = [(f"{name}.txt", f"{name} " + WORDS * count) for name, count in (("one", 400), ("two", 60), ("three", 50))]
    with visit(server) as window:
        page = window.page
        told: list[str] = []

        def send_once_told(route: sync_api.Route) -> None:
            sync_api.expect(page.locator("#sending")).to_be_visible()
            told.append(page.locator("#sending").inner_text())
            route.continue_()

        page.route("**/gradio_api/upload*", send_once_told, times=1)
        page.evaluate(DROP, files)
        assert page.evaluate("window.isTaken && window.isShown")
        sync_api.expect(page.locator(".document h2")).to_have_text("one")
        assert told == ["Sending 3 files …"]
        sync_api.expect(page.locator("#sending")).to_be_hidden()
        rows = page.locator("#library button")
        sync_api.expect(rows.filter(has_text="three")).to_contain_text(
            re.compile("waiting, [12] before it|reading|ready")
        )
        sync_api.expect(rows.filter(has_text="ready")).to_have_count(3, timeout=180_000)
        page.evaluate(DROP, files[1:2])
        sync_api.expect(page.locator("#added")).to_contain_text("two.txt is in your library already")
        sync_api.expect(page.locator(".document h2")).to_have_text("two")
        window.look_again("Never")
        window.ask("What was calm?")
        window.reload(server.address)
        sync_api.expect(page.locator(".document h2")).to_have_text("two")
        sync_api.expect(page.locator("#chat .answer")).to_have_count(1)
        page.locator("#settings button").first.click()
        sync_api.expect(page.locator("#look-again").get_by_label("Never")).to_be_checked()


def test_a_question_that_waits_says_so_and_is_given_back_when_it_is_stopped(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text(WORDS * 100)
    with visit(server) as window:
        page = window.page
        page.set_input_files("#upload input[type=file]", tmp_path / "one.txt")
        window.wait_until_ready()
        sync_api.expect(window.box()).to_be_enabled()
        with Store(server.library) as store:
            (document,) = store.documents()
            busy = [store.conversations.add([document.id], "ann") for _ in range(ANSWERS_AT_ONCE)]
            for number in range(400):  # somebody else's, in as many conversations as are answered at once
                talk = busy[number % len(busy)]
                store.questions.add("ann", document.id, talk.id, f"{number}: {QUESTION}", {"look_again": 2000}, None)
            window.box().fill("What was calm?")
            window.box().press("Enter")
            sync_api.expect(page.locator("#chat .pending")).to_have_text(
                re.compile("^(Waiting|Looking|Re-reading) .+ …$")
            )
            sync_api.expect(page.locator("#choice input")).to_have_value(re.compile(r"^What was calm\?"))
            page.get_by_role("button", name="Stop", exact=True).click()
            sync_api.expect(window.box()).to_have_value("What was calm?")
            sync_api.expect(page.get_by_role("button", name="Send")).to_be_visible()
            sync_api.expect(page.locator("#chat .message-row")).to_have_count(0)
            assert store.conversations.all() == []
            assert store.questions.waiting("") == []
            assert store.questions.waiting("ann"), "the question was next before it was stopped"
            for question in store.questions.waiting("ann"):
                store.questions.remove(question.id)
        assert window.ask("What was calm?")  # and the decoder is free for the next


WATCH_QUESTIONS = """() => {
    window.questions = [];
    new MutationObserver(() => {
        for (const row of document.querySelectorAll("#chat .user-row")) window.questions.push(row.textContent.trim());
    }).observe(document.getElementById("chat"), {subtree: true, childList: true, characterData: true});
}"""


def ask_from_memory(window: Visit, file: Path) -> None:
    """Add a file and begin a conversation about it, whose answers come soon: nothing is looked at again."""
    window.page.set_input_files("#upload input[type=file]", file)
    window.wait_until_ready()
    window.look_again("Never")
    window.ask("What was calm?")


@pytest.mark.parametrize("to", [pytest.param("a new conversation", marks=pytest.mark.slow), "another conversation"])
def test_a_conversation_that_was_left_while_it_was_answered_is_not_shown_again(
    server: Server, visit: Callable[..., object], tmp_path: Path, to: str
) -> None:
    (tmp_path / "one.txt").write_text(WORDS * 100)
    with visit(server) as window, Store(server.library) as store:
        page, asked = window.page, page_questions(window.page)
        ask_from_memory(window, tmp_path / "one.txt")
        page.locator("#new-talk").click()
        sync_api.expect(asked).to_have_count(0)
        # Its answer takes a while: older questions come before it, and their answers are long.
        (document,) = store.documents()
        for number in range(2 * ANSWERS_AT_ONCE):
            talk = store.conversations.add([document.id], asked_by="test")
            store.questions.add("", document.id, talk.id, f"{number}: {QUESTION}", {"look_again": 2000}, None)
        window.box().fill("Who is left?")
        window.box().press("Enter")
        sync_api.expect(asked).to_have_text(["Who is left?"])
        sync_api.expect(page.locator("#choice input")).to_have_value(re.compile(r"^Who is left\?"))
        if to == "a new conversation":
            page.locator("#new-talk").click()
            sync_api.expect(asked).to_have_count(0)
        else:
            page.locator("#choice input").click()
            page.get_by_role("option", name=re.compile(r"^What was calm\?")).click()
            sync_api.expect(asked).to_have_text(["What was calm?"])
        page.evaluate(WATCH_QUESTIONS)
        end = time.monotonic() + 300
        while store.questions.waiting(""):
            assert time.monotonic() < end, "the answers have not come"
            time.sleep(0.05)
        window.ask("And the sea?")  # whatever was sent before has come by then
        assert "Who is left?" not in page.evaluate("window.questions")
        sync_api.expect(asked).to_have_text(["And the sea?"] if "new" in to else ["What was calm?", "And the sea?"])


def test_another_document_shows_its_own_conversation_however_often_it_is_opened_meanwhile(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text(f"The {name}fold way. " + WORDS * 20)
    with visit(server) as window, Store(server.library) as store:
        page, asked = window.page, page_questions(window.page)
        page.set_input_files("#upload input[type=file]", [tmp_path / "one.txt", tmp_path / "two.txt"])
        rows = page.locator("#library button")
        sync_api.expect(rows.filter(has_text="ready")).to_have_count(2, timeout=180_000)
        sync_api.expect(page.locator(".document h2")).to_have_text("one")
        document = next(document for document in store.documents() if document.title == "one")
        talk = store.conversations.add([document.id])
        # This process is alive, so the server leaves the question to it: the answer does not come before the test ends.
        store.questions.add("", document.id, talk.id, "Who is left?", {}, new_owner())
        for name, questions in (("two", 0), ("one", 1), ("two", 0), ("one", 1), ("two", 0)):
            rows.filter(has_text=name).click()
            sync_api.expect(page.locator(".document h2")).to_have_text(name)
            sync_api.expect(asked).to_have_count(questions)
        assert store.questions.waiting("")


def test_a_conversation_can_be_deleted_while_it_is_answered(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text(WORDS * 20)
    with visit(server) as window, Store(server.library) as store:
        page, asked = window.page, page_questions(window.page)
        ask_from_memory(window, tmp_path / "one.txt")
        (talk,) = store.conversations.all()
        store.questions.add("", talk.document_ids[0], talk.id, "Who is left?", {}, new_owner())  # answered nowhere
        window.reload()
        sync_api.expect(asked).to_have_text(["What was calm?", "Who is left?"])
        page.locator("#forget").click()
        page.locator("#confirm-forget").get_by_role("button", name="Delete").click()
        sync_api.expect(asked).to_have_count(0)
        sync_api.expect(page.locator("#talks")).to_be_hidden()
        assert store.conversations.all() == []
        window.ask("And the sea?")  # whatever was sent before has come by then
        sync_api.expect(asked).to_have_text(["And the sea?"])
        sync_api.expect(page.locator(".toast-body")).to_have_count(0)


MAIN_COMES_LATE = """
    const find = Document.prototype.getElementById;
    let asked = 0;
    Document.prototype.getElementById = function (id) { return id === "main" && ++asked < 4 ? null : find.call(this, id); };
"""
"""The middle column is missed three times, as on a line where its code comes after that of other parts."""


def test_the_page_works_though_a_part_of_it_comes_late(server: Server, visit: Callable[..., object]) -> None:
    with visit(server) as window:
        window.page.add_init_script(MAIN_COMES_LATE)
        window.reload()
        window.page.keyboard.press("?")
        window.page.locator("#keys").wait_for()


def page_questions(page: sync_api.Page) -> sync_api.Locator:
    return page.locator("#chat .user-row")


def test_on_a_narrow_or_low_screen_one_part_is_shown_at_a_time_and_each_can_be_reached(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    for number in range(7):
        (tmp_path / f"book {number}.txt").write_text(f"{number} " + WORDS * 12)
    with visit(server, viewport=PHONE) as window:
        page = window.page
        sync_api.expect(page.locator("#side")).to_be_visible()  # nothing is open: the way in and the welcome
        sync_api.expect(page.locator("#empty")).to_be_visible()
        page.set_input_files("#upload input[type=file]", sorted(tmp_path.glob("book *.txt")))
        sync_api.expect(page.locator(".document h2")).to_be_visible()
        sync_api.expect(page.locator("#side")).to_be_hidden()
        rows = page.locator("#library button")
        sync_api.expect(rows.filter(has_text="ready")).to_have_count(7, timeout=180_000)
        for width, height in ((390, 844), (640, 400)):  # the second is a window of 1280 by 800 at 200 %
            page.set_viewport_size({"width": width, "height": height})
            window.go("library")
            name = rows.last.locator(".title").inner_text()
            rows.last.click()
            sync_api.expect(page.locator(".document h2")).to_have_text(name)
            window.check_size()
            window.check_access()
            sync_api.expect(page.locator("#question")).to_be_in_viewport()
            page.locator("#details button").first.click()
            page.locator("#save").wait_for()
            sync_api.expect(page.locator("#question")).to_be_in_viewport()
            page.locator("#details button").first.click()
        sync_api.expect(page.locator("#glance")).to_be_visible()  # until something is asked
        window.ask("What was calm?")
        sync_api.expect(page.locator("#glance")).to_be_hidden()
        assert page.locator("#chat").bounding_box()["height"] >= 150  # type: ignore[index]
        window.shoot("phone-low")
        window.go("library")
        window.shoot("library-low")


def test_names_states_and_sizes_are_there_for_people_who_do_not_see_or_use_a_mouse(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text(WORDS * 60)
    with visit(server) as window:
        page = window.page
        page.set_input_files("#upload input[type=file]", tmp_path / "one.txt")
        window.wait_until_ready()
        window.ask("What was calm?")
        sync_api.expect(page.get_by_role("button", name="Send")).to_be_visible()
        for name in ("Details", "Settings"):
            fold = page.get_by_role("button", name=re.compile(f"^{name}"), expanded=False)
            fold.click()
            sync_api.expect(page.get_by_role("button", name=re.compile(f"^{name}"), expanded=True)).to_be_visible()
        sync_api.expect(page.get_by_label("Language model")).to_be_in_viewport(
            ratio=1
        )  # at the bottom of the left column
        sync_api.expect(page.get_by_role("group", name="You asked")).to_contain_text("What was calm?")
        sync_api.expect(page.get_by_role("group", name="Answer")).to_be_visible()
        sync_api.expect(page.get_by_role("list", name=re.compile("Sources|Closest passages"))).to_be_visible()
        low = page.evaluate(
            """() => [...document.querySelectorAll("button, a.button, summary")].filter((one) => one.offsetParent
                && !one.matches(".cell, .cite") && one.getBoundingClientRect().height < 24).map((one) => one.outerHTML)"""
        )
        assert low == []
        sync_api.expect(page.locator("#question")).to_be_in_viewport()  # with all folds open, on 1280 by 800
        for target in ("#search :is(input, textarea)", "#choice input", "#save"):
            page.locator(target).focus()
            page.keyboard.press("Shift+Tab")
            page.keyboard.press("Tab")
            shown = page.evaluate("""() => { const style = getComputedStyle(document.activeElement);
                return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2; }""")
            assert shown, f"{target} does not show that it has the focus"


@pytest.mark.slow
def test_a_killed_server_goes_on_with_three_books_and_two_answers(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text(f"{name} " + WORDS * 100)
    # Long enough that one still waits when two questions were asked on a busy machine.
    books = [
        write_book(tmp_path / f"book-{number}.md", pages, f"Book {number}")
        for number, pages in enumerate((300, 900, 901))
    ]
    with visit(server) as first, visit(server) as second:
        first.page.set_input_files("#upload input[type=file]", [tmp_path / "one.txt", tmp_path / "two.txt"])
        rows = first.page.locator("#library button")
        sync_api.expect(rows.filter(has_text="ready")).to_have_count(2, timeout=180_000)
        first.page.set_input_files("#upload input[type=file]", books)
        for window in (first, second):  # rows move while some are added
            sync_api.expect(window.page.locator("#library button")).to_have_count(5, timeout=180_000)
        for window, name in ((first, "one"), (second, "two")):
            window.page.locator("#library button", has_text=name).click()
            sync_api.expect(window.page.locator(".document h2")).to_have_text(name)
            sync_api.expect(window.box()).to_be_enabled()
        for window in (first, second):
            window.box().fill("What did the keeper write?")
        with Store(server.library) as store:
            # Somebody else's come before, so that the answers are not there before the server is killed.
            document = next(document for document in store.documents() if document.title == "one")
            for number in range(20 * ANSWERS_AT_ONCE):
                talk = store.conversations.add([document.id], "ann")
                store.questions.add("ann", document.id, talk.id, f"{number}: {QUESTION}", {"look_again": 2000}, None)
            for number, window in enumerate((first, second), 1):
                window.box().press("Enter")
                # Where it is kept is looked at, not the page: a tiny decoder answers before a page shows the question.
                wait_until_asked(store, number)
            # Between two books there is a moment without one.
            while {job.state for job in store.jobs.all()} & {"queued", "running"} == {"queued"}:
                time.sleep(0.01)
        first.is_orphaned = second.is_orphaned = True
        server.kill()
    with Store(server.library) as store:
        states = [job.state for job in store.jobs.all() if job.state != "ready"]
        assert states.count("running") == 1
        assert "queued" in states
        (begun,) = (memory for memory in store.memories() if memory.state == "reading")
        read = store.document(begun.document_id)
        assert store.questions.waiting(""), "both answers were there before the server was killed"
        for question in store.questions.waiting("ann"):  # they have done what they were there for
            store.questions.remove(question.id)
    server.start()
    with visit(server) as window:
        rows = window.page.locator("#library button")
        for name in ("one", "two"):
            rows.filter(has_text=name).click()
            sync_api.expect(window.page.locator(".document h2")).to_have_text(name)
            sync_api.expect(window.page.locator("#chat .badge")).to_have_count(1, timeout=180_000)
        sync_api.expect(rows.filter(has_text=read.title)).to_contain_text("ready", timeout=300_000)
    with Store(server.library) as store:
        assert store.memory(begun.key).created_at == begun.created_at  # it went on behind its windows
        assert store.questions.waiting("") == []
        assert [len(conversation.turns) for conversation in store.conversations.all()] == [1, 1]


@contextmanager
def proxy(target: str, prefix: str) -> Iterator[str]:
    """A proxy that serves another server under a path and takes the path off, as nginx does with `location /reader/`."""
    client = httpx.AsyncClient(base_url=target, timeout=None)

    async def forward(request: Request) -> StreamingResponse:
        headers = {
            **{name: value for name, value in request.headers.items() if name != "content-length"},
            "x-forwarded-host": request.headers["host"],
            "x-forwarded-proto": "http",
        }
        path = request.url.path.removeprefix(prefix) + (f"?{request.url.query}" if request.url.query else "")
        sent = client.build_request(request.method, path, headers=headers, content=await request.body())
        answer = await client.send(sent, stream=True)
        kept = {
            name: value for name, value in answer.headers.items() if name not in ("connection", "transfer-encoding")
        }
        close = BackgroundTask(answer.aclose)
        return StreamingResponse(answer.aiter_raw(), answer.status_code, kept, background=close)

    methods = ["GET", "POST", "HEAD", "OPTIONS", "DELETE"]
    application = Starlette(routes=[Route(f"{prefix}/{{path:path}}", forward, methods=methods)])
    port = free_port()
    running = uvicorn.Server(uvicorn.Config(application, port=port, log_level="error"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}{prefix}/"
    running.should_exit = running.force_exit = True
    thread.join(30)


def test_everything_works_under_the_path_of_a_proxy(
    tmp_path: Path, tiny_folder: Callable[..., Path], visit: Callable[..., object]
) -> None:
    pdf = write_pdf(tmp_path / "a.pdf", [f"Page {n}. {WORDS}" for n in range(1, 4)], title="Drawn")
    flags = ("--root-path", "/reader")
    server = Server(tmp_path / "library", str(tiny_folder("llama")), tmp_path / "cache", flags)
    server.start()
    try:
        with proxy(server.address.removesuffix("/reader").rstrip("/"), "/reader") as address:
            server.address = address
            with visit(server) as window:
                page, failed = window.page, list[str]()
                page.on("response", lambda answer: answer.status >= 400 and failed.append(answer.url))
                page.set_input_files("#upload input[type=file]", pdf)
                window.wait_until_ready()
                page.wait_for_function("document.querySelector('.cover img')?.naturalWidth > 0")
                window.ask("What was calm?")
                page.locator("#chat .card").first.click()
                page.wait_for_function("document.querySelector('#viewer img')?.naturalWidth === 1000")
                window.download_all()
                assert failed == []
                # The browser asks the root of the host for an icon, too; that is not the app's.
                window.complaints = [text for text in window.complaints if not text.endswith("/favicon.ico")]
    finally:
        server.kill()


def test_a_decoder_that_is_not_there_is_told_on_the_page(tmp_path: Path, visit: Callable[..., object]) -> None:
    server = Server(tmp_path / "library", str(tmp_path / "nothing"), tmp_path / "cache")
    server.start()
    try:
        with visit(server) as window:
            window.page.get_by_text("There is no decoder at").wait_for(timeout=START_SECONDS * 1000)
            window.page.locator("#load-again").click()
            window.page.get_by_text("There is no decoder at").wait_for()
            window.shoot("no-decoder")
    finally:
        server.kill()


@pytest.mark.slow
def test_the_sample_is_read_and_asked_with_the_bundled_decoder(
    tmp_path: Path, cache_folder: Path, visit: Callable[..., object]
) -> None:
    server = Server(tmp_path / "library", None, cache_folder)
    server.start()
    try:
        with visit(server) as window:
            window.page.locator("#first-sample").click()
            window.page.get_by_text("tokens/s").wait_for(timeout=300_000)
            window.shoot("sample-reading")
            window.wait_until_ready(300)
            started = time.monotonic()
            window.look_again("Never")
            note = window.ask("On what date did Hester Quill begin writing the handbook?")
            assert "0 of 9,547 document tokens read again" in note
            assert time.monotonic() - started < 60
            window.shoot("sample-answer")
            window.page.set_viewport_size(PHONE)
            window.check_size()
            window.shoot("sample-answer-390")
    finally:
        server.kill()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pdf", "novel"])
def test_a_long_document_from_drop_to_answer_to_page(
    kind: str, tmp_path: Path, cache_folder: Path, data_folder: Path, visit: Callable[..., object]
) -> None:
    if kind == "pdf":
        file, question, shown = data_folder / "docs" / "pdf" / "freeculture.pdf", "Who wrote this book?", ".sheet img"
    else:
        with tarfile.open(data_folder / "books-eval.tar.xz") as books:
            novel = min((book for book in books if book.name.endswith(".txt")), key=lambda book: book.size)
            books.extract(novel, tmp_path, filter="data")
        file, question, shown = tmp_path / novel.name, "Where does the story begin?", ".text"
    server = Server(tmp_path / "library", None, cache_folder)
    server.start()
    try:
        with visit(server) as window:
            page = window.page
            dropped = time.monotonic()
            page.set_input_files("#upload input[type=file]", file)
            page.get_by_text(re.compile(r"Page \d+ of \d+ · [\d,]+ tokens/s")).wait_for(timeout=300_000)
            sync_api.expect(window.box()).to_be_enabled(timeout=300_000)
            window.ask(question)
            print(f"{file.name}: {time.monotonic() - dropped:.0f} s from drop to first answer")
            page.locator("#chat .card").first.click()
            page.locator(f"#viewer {shown}").wait_for()
            window.shoot(f"trial-{kind}")
    finally:
        server.kill()
