"""The app by keyboard alone, from a file to an exported conversation, and what Chromium tells a screen reader meanwhile.

The same steps are written down in docs/app.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.browser import DESKTOP, chromium, pytestmark, sync_api, visit
from helpers.documents import write_pdf
from helpers.server import Server

expect = sync_api.expect
__all__ = ["chromium", "pytestmark", "visit"]

ZOOMED = {"width": 640, "height": 400}
"""A window of 1280 by 800 pixels at 200 %."""
NAMED = {
    "button",
    "link",
    "textbox",
    "searchbox",
    "combobox",
    "checkbox",
    "radio",
    "slider",
    "DisclosureTriangle",
}
"""Roles that say nothing without a name."""
OUTLINED = """() => {
    const style = getComputedStyle(document.activeElement);
    return style.outlineStyle !== "none" || style.boxShadow !== "none";
}"""

SEEN = """() => {
    const place = document.activeElement.getBoundingClientRect();
    const top = document.elementFromPoint(place.x + place.width / 2, place.y + place.height / 2);
    return document.activeElement.contains(top);
}"""
"""Whether what has the focus is within the window, and nothing lies over its middle."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Callable[..., Path]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("reader")
    server = Server(folder / "library", str(tiny_folder("llama", max_positions=8192)), folder / "cache")
    server.start()
    yield server
    server.kill()


def tab_to(page: sync_api.Page, selector: str, key: str = "Tab") -> None:
    """Press Tab until the focus is on an element; fail where it never comes, or cannot be seen there."""
    for _ in range(120):
        page.keyboard.press(key)
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            assert page.evaluate(OUTLINED), f"{selector} shows no focus"
            page.wait_for_function(SEEN)  # it is scrolled into view softly
            return
    raise AssertionError(f"{selector} cannot be reached by {key}")


def told(page: sync_api.Page) -> dict[tuple[str, str], dict[str, object]]:
    """What Chromium tells a screen reader: the states of each element, by its role and name; fail where a name is missing."""
    chrome = page.context.new_cdp_session(page)
    nodes = chrome.send("Accessibility.getFullAXTree")["nodes"]
    found = {}
    for node in nodes:
        role, name = str(node.get("role", {}).get("value")), str(node.get("name", {}).get("value", "")).strip()
        states = {one["name"]: one["value"].get("value") for one in node.get("properties", [])}
        if node.get("ignored"):
            continue
        if role in NAMED and not name:
            nameless = chrome.send("DOM.getOuterHTML", {"backendNodeId": node["backendDOMNodeId"]})["outerHTML"]
            pytest.fail(f"a {role} has no name: {nameless[:300]}")
        found[role, name] = states
    return found


def states(page: sync_api.Page, role: str, name: str) -> dict[str, object]:
    """The states of the first element of a role whose name begins so."""
    return next(states for (one, called), states in told(page).items() if one == role and called.startswith(name))


@pytest.mark.parametrize("viewport", [pytest.param(DESKTOP, marks=pytest.mark.slow), ZOOMED], ids=["desktop", "zoomed"])
def test_from_a_file_to_an_exported_conversation_by_keyboard_alone(
    server: Server, visit: Callable[..., object], tmp_path: Path, viewport: dict[str, int]
) -> None:
    server.clear()
    paper = write_pdf(tmp_path / "a.pdf", ["The sea was calm.", "The keeper wrote it in the book."], title="The Log")
    with visit(server, viewport=viewport) as window:
        page, keyboard = window.page, window.page.keyboard
        page.on("filechooser", lambda _: None)  # from now on a dialog is caught
        page.locator("#first-sample").wait_for()
        expect(page.locator("#decoder .notice")).to_have_count(0)  # the page is not drawn anew under the key
        tab_to(page, "#upload button")
        with page.expect_file_chooser() as choosing:
            keyboard.press("Enter")
        choosing.value.set_files(paper)  # in the system's own dialog
        expect(page.locator(".document h2")).to_have_text("The Log")
        window.wait_until_ready()

        tab_to(page, "button.read")
        keyboard.press("Enter")
        expect(page.locator("#viewer header")).to_have_attribute("data-page", "1")
        keyboard.press("ArrowRight")
        expect(page.locator("#viewer header")).to_have_attribute("data-page", "2")
        assert states(page, "button", "Next page")["disabled"] is True
        keyboard.press("Escape")
        expect(page.locator("#viewer header")).to_have_count(0)
        assert page.evaluate("document.activeElement.matches('button.read')"), "the focus went astray"

        keyboard.press("q")
        assert told(page)["textbox", "Question"]["focused"] is True
        keyboard.type("What did the keeper write?")
        keyboard.press("Enter")
        page.locator("#chat .badge").wait_for(state="attached")
        tree = told(page)
        assert ("group", "You asked") in tree
        assert ("group", "Answer") in tree

        tab_to(page, "#chat .card", "Shift+Tab")
        keyboard.press("Enter")
        page.locator("#viewer :is(.box, mark)").first.wait_for()
        expect(page.locator("#viewer header")).to_contain_text(re.compile("Page [12] of 2"))
        keyboard.press("Escape")
        expect(page.locator("#viewer header")).to_have_count(0)
        assert page.evaluate("document.activeElement.matches('#chat .card')"), "the focus went astray"

        assert told(page)["button", "Details"]["expanded"] is False
        tab_to(page, "#details button", "Shift+Tab")
        keyboard.press("Enter")
        page.locator("#save").wait_for()
        assert states(page, "button", "Details")["expanded"] is True

        tab_to(page, "#download summary", "Shift+Tab")
        assert states(page, "DisclosureTriangle", "Export")["expanded"] is False
        keyboard.press("Enter")
        tab_to(page, "#download a")
        assert states(page, "DisclosureTriangle", "Export")["expanded"] is True
        with page.expect_download() as begun:
            keyboard.press("Enter")
        assert "What did the keeper write?" in Path(begun.value.path()).read_text()
        assert page.evaluate("document.activeElement.matches('#download summary')"), "the focus went with the menu"

        tab_to(page, "#choice input", "Shift+Tab")
        expect(page.get_by_role("listbox")).to_be_visible()
        keyboard.press("Tab")
        expect(page.get_by_role("listbox")).to_have_count(0)  # it would lie over the answers

        tab_to(page, "#forget")
        keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Delete this conversation?")
        tab_to(page, "#confirm-forget button.stop")
        keyboard.press("Enter")
        expect(page.locator("#question textarea")).to_be_focused()  # the button is gone
