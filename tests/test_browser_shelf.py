"""Several documents in the browser: tags as places, one conversation about all, a table of questions, and many rows at once."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from helpers.browser import DESKTOP, PHONE, chromium, pytestmark, sync_api, visit
from helpers.documents import write_pdf
from helpers.server import Server

__all__ = ["chromium", "pytestmark", "visit"]  # fixtures and marks of the browser tests, for these too
expect = sync_api.expect
TEXTS = {
    "Sailors": "The sailor Ambrose lost a silver whistle in the well. ",
    "Bakers": "The baker Berta sold a golden loaf to the mayor of Hallin. ",
    "Kings": "King Osric buried the crown under an elm. ",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Callable[..., Path]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("shelf")
    model = str(tiny_folder("llama", max_positions=8192))
    server = Server(folder / "library", model, folder / "cache", flags=("--openai",))
    server.start()
    for title, text in TEXTS.items():
        sent = {"file": (f"{title}.txt", (text * 8).encode())}
        assert httpx.post(f"{server.address}v1/files", files=sent, data={"purpose": "user_data"}, timeout=60).is_success
    yield server
    server.kill()


def row(window, title: str):
    return window.page.locator("#library .entry").filter(has_text=title)


def pick(window, *titles: str) -> None:
    window.page.get_by_role("button", name="Select", exact=True).click()
    for title in titles:
        row(window, title).click()
        expect(row(window, title)).to_have_attribute("aria-pressed", "true")


def test_rows_are_chosen_tagged_sorted_and_removed(visit: Callable[..., object], server: Server) -> None:
    with visit(server) as window:
        page = window.page
        for title in TEXTS:
            expect(row(window, title)).to_contain_text("ready")
        page.locator("#order").select_option("title")
        expect(page.locator("#library .title")).to_have_text(sorted(TEXTS))
        window.reload()
        expect(page.locator("#library .title")).to_have_text(sorted(TEXTS))
        expect(page.locator("#order")).to_have_value("title")
        pick(window, "Sailors", "Bakers")
        page.locator("#tag-many").fill("Trades")
        page.locator("#tag-many").press("Enter")
        expect(row(window, "Sailors").locator(".tag")).to_have_text("Trades")
        expect(page.get_by_role("status").filter(has_text="2 tagged “Trades”")).to_be_visible()
        window.check_access()
        page.get_by_role("button", name="Select", exact=True).click()
        expect(row(window, "Sailors")).not_to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="Select", exact=True).click()
        for number, line in ((len(TEXTS), f"{len(TEXTS)} selected"), (0, "Choose documents from the list.")):
            page.get_by_role("button", name="Select all").click()
            expect(page.locator("#library .entry[aria-pressed=true]")).to_have_count(number)
            expect(page.get_by_role("status").filter(has_text=line)).to_be_visible()
        page.get_by_role("button", name="Select", exact=True).click()

        sent = {"file": ("Spare.txt", b"A spare text.")}
        httpx.post(f"{server.address}v1/files", files=sent, data={"purpose": "user_data"}, timeout=60)
        expect(row(window, "Spare")).to_contain_text("ready")
        pick(window, "Spare")
        page.get_by_role("button", name="Remove", exact=True).first.click()
        expect(row(window, "Spare")).to_be_visible()  # it asks first
        page.get_by_role("button", name="Remove 1 for good?").click()
        expect(row(window, "Spare")).to_have_count(0)


def test_documents_are_asked_together_and_the_evidence_names_each(visit: Callable[..., object], server: Server) -> None:
    with visit(server) as window:
        page = window.page
        expect(row(window, "Kings")).to_contain_text("ready")
        pick(window, "Sailors", "Kings")
        page.get_by_role("button", name="Ask together").click()
        expect(page.locator("#head h2")).to_have_text("Sailors and Kings")
        window.ask("Who lost a silver whistle?")
        where = page.locator("#chat .card .where")
        assert {text.split(",")[0].strip("123 ") for text in where.all_text_contents()} <= {"Sailors", "Kings"}
        expect(where.filter(has_text="Sailors").first).to_be_visible()
        where.first.click()
        page.locator("#viewer header").wait_for()
        expect(page.locator("#head h2")).to_have_text("Sailors and Kings")  # the conversation stays
        for address in (None, server.address):  # the same page, and a visit that begins anew
            window.reload(address)
            expect(page.locator("#chat .answer")).to_have_count(1)
            expect(page.locator("#head h2")).to_have_text("Sailors and Kings")
            if address is None:
                page.locator("#viewer header").wait_for()
                window.step(-1)
                expect(page.locator("#viewer header")).to_have_count(0)
                expect(page.locator("#head h2")).to_have_text("Sailors and Kings")


def test_a_tag_is_a_place_with_a_table_of_questions(visit: Callable[..., object], server: Server) -> None:
    with visit(server) as window:
        page = window.page
        for title in ("Sailors", "Bakers"):
            expect(row(window, title)).to_contain_text("ready")
        pick(window, "Sailors", "Bakers")
        page.locator("#tag-many").fill("trades")
        page.locator("#tag-many").press("Enter")
        page.get_by_role("button", name="Select", exact=True).click()
        row(window, "Sailors").click()
        page.locator("#head button.tag").click()  # the tag of an open document leads to its place, too
        expect(page.locator("#head h2")).to_have_text(re.compile("^trades$", re.I))
        expect(page.locator("#tags-list button")).to_have_attribute("aria-current", "true")
        page.locator("#table button.label-wrap").click()
        questions = page.locator("#table-questions textarea")
        questions.fill("question,document\nWho sold a loaf?,Bakers\n=Who lost a whistle?,\n")
        page.locator("#table-ask").click()
        cells = page.locator("#runs tbody tr")
        expect(cells).to_have_count(3)
        expect(page.locator("#runs .run")).to_contain_text("3 of 3 answered")
        expect(cells.first).to_contain_text("Bakers")
        window.check_access()
        page.set_viewport_size(PHONE)  # rows become blocks, whole within the screen, and are a table still
        window.check_size()
        window.check_access()
        window.shoot("table-390")
        for part in page.locator("#runs :is(td, .cite)").all():
            box = part.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= PHONE["width"]
        expect(page.get_by_role("table").get_by_role("row")).to_have_count(4)
        expect(page.get_by_role("row", name=re.compile("Who sold a loaf")).get_by_role("cell")).to_have_count(4)
        page.set_viewport_size(DESKTOP)
        with page.expect_download() as begun:
            page.get_by_role("link", name="Download CSV").click()
        rows = list(csv.DictReader(io.StringIO(Path(begun.value.path()).read_text("utf-8-sig"))))
        assert [(one["question"], one["document"]) for one in rows] == [
            ("Who sold a loaf?", "Bakers"),
            *(("'=Who lost a whistle?", one["document"]) for one in rows[1:]),
        ]
        assert {one["document"] for one in rows[1:]} == {"Sailors", "Bakers"}
        assert all(one["answer"] for one in rows)
        cells.first.locator(".cite").first.click()
        page.locator("#viewer header").wait_for()
        page.keyboard.press("Escape")
        questions.fill("question,document\nWho?,Atlantis\n")
        page.locator("#table-ask").click()
        expect(page.get_by_text("names the document 'Atlantis'")).to_be_visible()
        page.locator("#runs").get_by_role("button", name="Delete").first.click()  # asks first
        expect(page.locator("#runs .run")).to_have_count(1)
        page.locator("#runs").get_by_role("button", name="Delete for good?").click()
        expect(page.locator("#runs .run")).to_have_count(0)


def test_what_programs_ask_is_not_listed_among_peoples_conversations(
    visit: Callable[..., object], server: Server
) -> None:
    body = {"model": "Kings", "messages": [{"role": "user", "content": "Who asked this?"}]}
    answered = httpx.post(f"{server.address}v1/chat/completions", json=body, timeout=120)
    assert answered.is_success, answered.text
    with visit(server) as window:
        row(window, "Kings").click()
        expect(window.page.locator("#head h2")).to_have_text("Kings")
        window.ask("What did the king bury?")
        window.page.locator("#choice input").click()
        options = window.page.get_by_role("listbox").get_by_role("option")
        expect(options).to_have_count(1)
        expect(options).to_contain_text("What did the king bury?")


def test_a_shelf_fits_a_phone(visit: Callable[..., object], server: Server) -> None:
    with visit(server, viewport=PHONE) as window:
        window.go("library")
        expect(row(window, "Kings")).to_be_visible()
        pick(window, "Sailors", "Kings")
        window.check_size()
        window.check_access()
        window.shoot("shelf-390-light")


def test_a_table_names_pages_as_they_are_printed(visit: Callable[..., object], server: Server, tmp_path: Path) -> None:
    pages = ["The sea was calm.", "A letter came.", "Nobody read it."]
    content = write_pdf(tmp_path / "Tide.pdf", pages, labels="/r").read_bytes()
    sent = {"file": ("Tide.pdf", content)}
    added = httpx.post(f"{server.address}v1/files", files=sent, data={"purpose": "user_data"}, timeout=60)
    with visit(server, path=f"?document={added.json()['id'].removeprefix('file-')}") as window:
        page = window.page
        expect(page.locator("#head h2")).to_have_text("Tide")
        window.wait_until_ready()
        page.locator("#table button.label-wrap").click()
        page.locator("#table-questions textarea").fill("When did a letter come?")
        page.locator("#table-ask").click()
        expect(page.locator("#runs .run")).to_contain_text("1 of 1 answered")
        shown = page.locator("#runs tbody .cite").all_text_contents()
        assert shown
        assert set(shown) <= {"i", "ii", "iii"}
        with page.expect_download() as begun:
            page.get_by_role("link", name="Download CSV").click()
        rows = list(csv.DictReader(io.StringIO(Path(begun.value.path()).read_text("utf-8-sig"))))
        assert rows[0]["pages"].split("; ")[: len(shown)] == shown
