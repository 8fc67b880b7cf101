"""A reading in the browser: seen growing, paused, left, taken over, killed, asked meanwhile, and never done twice.

The tests marked slow run the bundled decoder on the sample and on long documents. Screenshots of the main views are left in
test-artifacts/ to be looked at.
"""

from __future__ import annotations

import json
import re
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from helpers.browser import (
    DESKTOP,
    PHONE,
    QUESTION,
    START_SECONDS,
    WATCH_ANSWER,
    chromium,
    pytestmark,
    running,
    server,
    sync_api,
    visit,
)
from helpers.documents import TITLE, WORDS, write_book
from helpers.server import Server

from reader.app.answer_queue import ANSWERS_AT_ONCE
from storage import MemoryRecord, Store

# Fixtures and marks of the browser tests, for these too.
__all__ = ["chromium", "pytestmark", "running", "server", "visit"]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A document that takes some seconds to read, with a hostile title."""
    return write_book(tmp_path / "book.md", 400)


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


def pages_told(told: sync_api.Locator) -> int:
    told.wait_for()
    return int(re.findall(r"[\d,]+", told.inner_text())[0].replace(",", ""))


PAGE_BEHIND = """(number) => {
    const told = document.querySelector("#reading")?.textContent.match(/Page ([\\d,]+)/);
    return told && Number(told[1].replaceAll(",", "")) > number;
}"""
"""Whether the page says that the reading is behind a page."""


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

        page.get_by_text("tokens/s").wait_for()
        assert server.shell("jobs", "cancel", job["job_id"][:8]).wait(60) == 0
        told = page.get_by_text(re.compile(r"Stopped at page \d+ of \d+"))
        assert pages_told(told) >= pages_done
        window.reload()
        told.wait_for()
        page.locator("#resume").click()
        page.get_by_text("tokens/s").wait_for()
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
        page.locator(".state.paused").wait_for()
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
        page.get_by_text(re.compile(r"Page \d+ of \d+ · [\d,]+ tokens/s")).wait_for()
        window.shoot("read-by-the-shell")
        page.locator("#pause").click()
        page.get_by_text(re.compile(r"Paused at page \d+ of \d+")).wait_for()
        assert reading.wait(120) == 130
        reading.communicate()
        page.locator("#resume").click()
        page.get_by_text("tokens/s").wait_for()
        sync_api.expect(page.get_by_text("Another program is reading it.")).to_have_count(0)
        page.locator("#pause").click()
        page.locator(".state.paused").wait_for()


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
        page.locator("#memory-type").get_by_label("Rounded less").check()
        page.locator("#read-again").click()
        sync_api.expect(page.locator("#memory")).to_contain_text("compression 8×", timeout=180_000)
        sync_api.expect(page.locator("#memory")).to_contain_text("rounded to 8 bits")
        assert "compression 8×" not in before
        assert "attached" in window.ask("What was calm?")


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
            window.look_again("Never")
            note = window.ask("On what date did Hester Quill begin writing the handbook?")
            assert "0 of 9,547 document tokens read again" in note
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
