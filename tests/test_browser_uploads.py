"""What people bring to the page: files sent, dropped, pasted or locked, addresses, and what the library keeps of them."""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pypdf
import pytest
from helpers.browser import (
    DESKTOP,
    PHONE,
    chromium,
    pytestmark,
    running,
    server,
    sync_api,
    visit,
)
from helpers.documents import TITLE, WORDS, write_pdf
from helpers.server import Server
from PIL import Image

from reader.app.page.library import MAX_FILES
from reader.documents import MAX_SENT_BYTES
from storage import Store

# Fixtures and marks of the browser tests, for these too.
__all__ = ["chromium", "pytestmark", "running", "server", "visit"]

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
        sync_api.expect(ask).to_contain_text("letter.pdf is password-protected")
        assert field.get_attribute("type") == "password"
        window.shoot("password")
        page.set_viewport_size(PHONE)
        window.check_size()
        window.shoot("password-390")
        page.set_viewport_size({"width": 844, "height": 390})
        assert ask.bounding_box()["height"] < 140
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
    pictures = tmp_path / "pictures.pdf"
    Image.new("RGB", (400, 400), "white").save(pictures)
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
        page.set_input_files("#upload input[type=file]", pictures)
        page.get_by_role("button", name="Leave them out").click()
        page.locator("#added", has_text="pictures.pdf was not added: all of its pages are pictures of text.").wait_for()
        page.locator("#added").get_by_label("Close these messages").click()
        sync_api.expect(page.locator("#added")).to_be_hidden()
        sync_api.expect(page.locator("#empty")).to_be_visible()
    with Store(server.library) as store:
        assert store.documents() == []


@pytest.mark.parametrize("viewport", [pytest.param(DESKTOP, marks=pytest.mark.slow), PHONE], ids=["desktop", "phone"])
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


def test_what_became_of_many_files_leaves_room_for_the_question(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    files = [tmp_path / f"{number:02}.txt" for number in range(MAX_FILES + 20)]
    files[0] = tmp_path / "00.md"
    for file in files:
        file.write_text("" if file.suffix == ".txt" else f"# The Tide\n\n{WORDS}")
    songs = [tmp_path / f"{number}.mp3" for number in range(9)]
    for song in songs:
        song.touch()
    again = tmp_path / "again.md"
    again.write_text(files[0].read_text())
    with visit(server, viewport=PHONE) as window:
        page, lines = window.page, window.page.locator("#added .error")
        page.set_input_files("#upload input[type=file]", [*files, *songs])
        sync_api.expect(lines).to_have_count(MAX_FILES)
        sync_api.expect(lines.first).to_have_text(
            "'50.txt' and 19 more were not added: add at most 50 files at a time."
        )
        sync_api.expect(page.locator("#refused .error")).to_contain_text(
            "'0.mp3', '1.mp3', '2.mp3' and 6 more are of a kind"
        )
        window.go("chat")
        sync_api.expect(window.box()).to_be_in_viewport(ratio=1)
        sync_api.expect(page.locator(".document h2")).to_be_in_viewport(ratio=1)
        page.set_input_files("#upload input[type=file]", again)
        sync_api.expect(page.locator("#added")).to_contain_text("again.md is in your library already, as “The Tide”.")


def test_what_is_opened_while_files_are_added_stays_open(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    files = [tmp_path / f"{number:02}.txt" for number in range(16)]
    for file in files:
        file.write_text(f"{file.stem} {WORDS}")
    with visit(server) as window:
        page, title = window.page, window.page.locator(".document h2")
        page.set_input_files("#upload input[type=file]", files[0])
        sync_api.expect(title).to_have_text("00")
        page.set_input_files("#upload input[type=file]", files[1:])
        sync_api.expect(title).to_have_text("01")
        sync_api.expect(page.locator("#added")).to_contain_text("of 15")  # the others are still being added
        page.locator("#library .title").filter(has_text=re.compile("^00$")).click()
        sync_api.expect(title).to_have_text("00")
        sync_api.expect(page.locator("#library .entry")).to_have_count(16)
        sync_api.expect(page.locator("#added p")).to_have_count(0)
        sync_api.expect(title).to_have_text("00")


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
        sync_api.expect(rows).to_have_count(3)
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


def test_what_two_windows_change_of_one_document_is_kept(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text(WORDS)
    with visit(server) as window:
        window.page.set_input_files("#upload input[type=file]", tmp_path / "one.txt")
        window.wait_until_ready()
        with visit(server, f"?{urlsplit(window.page.url).query}") as other:
            for one in (window, other):
                one.wait_until_ready()
                one.open_details()
                sync_api.expect(one.page.locator("#title input")).to_have_value("one")
            window.page.locator("#title input").fill("The first")
            window.page.locator("#save").click()
            sync_api.expect(other.page.locator(".document h2")).to_have_text("The first")
            other.page.locator("#tags input").fill("sea")
            other.page.locator("#save").click()
            sync_api.expect(window.page.locator(".document .tag")).to_have_text("sea")
            sync_api.expect(window.page.locator(".document h2")).to_have_text("The first")
            sync_api.expect(other.page.locator("#title input")).to_have_value("The first")
        window.page.locator("#title input").fill("")  # the document's own comes back
        window.page.locator("#save").click()
        sync_api.expect(window.page.locator("#title input")).to_have_value("one")


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
