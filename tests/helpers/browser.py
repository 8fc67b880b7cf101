"""A real Chromium on a running app; tests that import `visit` are skipped without one."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from helpers import ROOT
from helpers.server import Server

Axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
PATIENCE_MS = 150_000
"""Three servers that start at the same time, beside other work, take a minute until a decoder answers."""
sync_api.expect.set_options(timeout=PATIENCE_MS)
BROWSERS = "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"
"""The first is without windows of its own, and takes least of the processor."""
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason=f"none of {', '.join(BROWSERS)} on the PATH"),
]
ARTIFACTS = ROOT / "test-artifacts"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 180.0
QUESTION = "Who wrote <b>in the book</b> & what?"
READY = "#app[data-part]"
"""The page once its own script has run: what is pressed earlier is not heard."""


SETTLED = """async () => {
    const ends = document.getAnimations().filter(
        (one) => one.playState === "running" && one.effect?.getComputedTiming().endTime < Infinity
    );
    const late = new Promise((resolve) => setTimeout(resolve, 5000));
    await Promise.race([late, Promise.allSettled(ends.map((one) => one.finished))]);
}"""
"""Waits, 5 seconds at most, until nothing on the page is on its way to another colour or place.

What turns for ever is not waited for.
"""


WATCH_ANSWER = """() => {
    window.lengths = [];
    new MutationObserver(() => {
        const answers = document.querySelectorAll("#chat .bot.message :is(.md, .answer)");
        if (answers.length) window.lengths.push(answers[answers.length - 1].textContent.length);
    }).observe(document.getElementById("chat"), {subtree: true, childList: true, characterData: true});
}"""
"""Keeps how long the last answer is each time that it grows."""


ANSWERED = """(question) => {
    const rows = [...document.querySelectorAll("#chat .message-row")];
    return rows.filter((row, number) => row.matches(".user-row") && row.textContent.trim() === question
        && rows[number + 1]?.querySelector(".badge")).length;
}"""
"""How often a question was asked and answered, in the conversation that is shown."""


# Written by Gradio itself, on a browser with a dark colour scheme.
BENIGN = re.compile(r"Method not implemented")


# Of what a page was asking when it was left.
LEFT = re.compile(r"AbortError: (signal is aborted|BodyStreamBuffer was aborted)|Connection errored out")


@dataclass
class Visit:
    """A browser window on the app, with what it complained about and whom it asked."""

    page: sync_api.Page
    complaints: list[str] = field(default_factory=list)
    is_orphaned: bool = False
    """Whether its server was killed, of which it may complain."""
    hosts: set[str] = field(default_factory=set)

    def reload(self, address: str | None = None) -> None:
        """Load the page again, or another one."""
        self.page.goto(address or self.page.url)
        self.page.locator(READY).wait_for()
        self._forget_leaving()

    def reload_in_place(self) -> None:
        """Load the page again as its person does, with what the browser's history says of it."""
        self.page.reload()
        self.page.locator(READY).wait_for()
        self._forget_leaving()

    def step(self, delta: int) -> None:
        """Go a step back or forward, once the browser's own process has heard of the step before, where the page is."""
        browser = self.page.context.new_cdp_session(self.page)
        is_noted, started, history, address, length = False, time.monotonic(), {}, "", 0
        while not is_noted:
            assert time.monotonic() < started + 60, (
                f"the browser's history is not the page's: {history}, {address}, {length}"
            )
            history = browser.send("Page.getNavigationHistory")
            address, length = self.page.evaluate("[location.href, history.length]")
            is_noted = (history["entries"][history["currentIndex"]]["url"], len(history["entries"])) == (
                address,
                length,
            )
        browser.detach()
        self.page.evaluate("(delta) => history.go(delta)", delta)

    def sign_out(self) -> None:
        """Sign out, and wait for the page that asks who is there."""
        self.page.get_by_role("button", name="Sign out").click()
        self.page.locator("form").wait_for()
        self._forget_leaving()

    def _forget_leaving(self) -> None:
        self.complaints = [text for text in self.complaints if not LEFT.search(text)]

    def go(self, part: str) -> None:
        """On a narrow screen, change to the library, the questions or the page; a wide one shows all of them."""
        button = self.page.locator(f'#places button[data-go="{part}"]')
        if button.is_visible():
            button.click()

    def box(self) -> sync_api.Locator:
        return self.page.locator("#question textarea")

    def ask(self, question: str) -> str:
        """Ask, wait for the end of the answer, and return what it says about its cost."""
        sync_api.expect(self.box()).to_be_enabled()
        sync_api.expect(self.page.get_by_role("button", name="Send", exact=True)).to_be_visible()
        before = self.page.evaluate(ANSWERED, question)
        self.box().fill(question)
        self.box().press("Enter")
        answered = f"({ANSWERED})({json.dumps(question)}) === {before + 1}"
        self.page.wait_for_function(answered, timeout=180_000)
        # The answer has ended: nothing of the page is drawn anew any more.
        sync_api.expect(self.page.get_by_role("button", name="Send", exact=True)).to_be_visible()
        return str(self.page.locator("#chat .badge").last.text_content())

    def look_again(self, name: str) -> None:
        """Choose in the settings whether pages are looked up again before an answer."""
        self.go("library")
        choice = self.page.locator("#settings").get_by_label(name)
        if not choice.is_visible():
            self.page.locator("#settings button").first.click()
        choice.check()
        self.go("chat")

    def press_in_bar(self, name: str) -> None:
        """Press a button of the conversation's bar, which on a phone is in its menu."""
        button = self.page.locator("#bar").get_by_role("button", name=name, exact=True)
        if not button.is_visible():
            self.page.locator("#bar details.menu summary").click()
        button.click()

    def open_details(self) -> None:
        if not self.page.locator("#save").is_visible():
            self.press_in_bar("Details")
        self.page.locator("#save").wait_for()

    def download_all(self) -> None:
        """Download the conversation and the document; neither is empty."""
        for link in ("#download a", "#export a"):
            if link == "#export a":
                self.open_details()
            else:
                self.page.locator("#download summary").click()
            with self.page.expect_download() as begun:
                self.page.locator(link).first.click()
            assert Path(begun.value.path()).stat().st_size

    def wait_until_ready(self, seconds: float = 180) -> None:
        self.page.locator(".state.ready").wait_for(timeout=seconds * 1000)

    def shoot(self, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.wait_for_timeout(300)  # transitions
        self.page.screenshot(path=ARTIFACTS / f"{name}.png")

    def check_access(self) -> None:
        """Fail on what axe-core finds wrong for people who read or steer the page by other means."""
        self.page.evaluate(SETTLED)  # contrast is judged only once no colour is changing any more
        found = Axe().run(self.page).response["violations"]
        serious = [
            f"{violation['id']}: {violation['help']}: {violation['nodes'][0]['html'][:200]}"
            for violation in found
            if violation["impact"] in ("serious", "critical")
        ]
        assert serious == [], "\n".join(serious)  # pytest shows no values of a helper's assertion

    def check_size(self) -> None:
        """Fail where the page as a whole can be moved: its parts scroll, each within its own place."""
        size = (
            "const all = document.documentElement; return [all.scrollWidth, innerWidth, all.scrollHeight, innerHeight]"
        )
        width, window_width, height, window_height = self.page.evaluate(f"() => {{ {size} }}")
        assert width <= window_width, f"the page is {width} pixels wide in a window of {window_width}"
        assert height <= window_height, f"the page is {height} pixels high in a window of {window_height}"


def page_questions(page: sync_api.Page) -> sync_api.Locator:
    """The questions of the conversation that is shown."""
    return page.locator("#chat .user-row")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Callable[..., Path]) -> Iterator[Server]:
    """One server with a tiny decoder for all tests of a file; a test that kills it starts it again.

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


@pytest.fixture(scope="module")
def chromium() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        _idle.clear()
        browser.close()


_idle: dict[str, list[sync_api.BrowserContext]] = defaultdict(list)
"""Contexts that no visit uses, by their options: they keep the scripts of the page, which take seconds to load anew."""


@pytest.fixture
def visit(chromium: sync_api.Browser) -> Callable[..., object]:
    @contextmanager
    def visit(
        server: Server, path: str = "", viewport: dict[str, int] = DESKTOP, ready: str = READY, **options: object
    ) -> Iterator[Visit]:
        idle = _idle[repr((viewport, sorted(options.items())))]
        context = idle.pop() if idle else chromium.new_context(viewport=viewport, **options)
        context.set_default_timeout(PATIENCE_MS)
        visit = Visit(context.new_page())
        visit.page.on(
            "console",
            lambda message: (
                message.type == "error" and visit.complaints.append(f"{message.text} {message.location.get('url', '')}")
            ),
        )
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("request", lambda request: visit.hosts.add(urlsplit(request.url).hostname or "none"))
        visit.page.goto(server.address + path)
        visit.page.locator(ready).wait_for(timeout=START_SECONDS * 1000)
        try:
            yield visit
        except Exception as error:  # what a failure that cannot be repeated leaves to look at
            error.add_note(f"The page is at {visit.page.url}.")
            with suppress(sync_api.Error):  # of a page that does not answer
                error.add_note(visit.page.locator("body").inner_text(timeout=5000))
            raise
        visit.page.evaluate("localStorage.clear()")
        visit.page.close()
        context.clear_cookies()
        idle.append(context)
        assert visit.hosts <= {"127.0.0.1", "none"}  # none: data within the page
        complaints = [text for text in visit.complaints if not BENIGN.search(text)]
        assert visit.is_orphaned or not complaints, complaints

    return visit
