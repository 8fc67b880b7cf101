"""The app with many documents compared with few, and its first paint: `python -m bench.app`.

Makes the same views for libraries of 10 and of 1,000 documents in alternation, so that a busy machine slows both alike; the ratio
is the result. First come the server's views, then whole views in a browser, from the click to the visible result. The first
paint is the browser's own `first-contentful-paint`. Without Chromium, the browser's part is skipped.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.browser import CHROMIUM, app, browser
from reader.app.page import html as views
from reader.app.page.layout import LISTED_DOCUMENTS
from reader.app.page.viewer import viewer
from reader.app.service import Service
from reader.app.workspace import Workspace
from reader.reading import JobSettings
from storage import LOCAL_USER, Store, StoredDocument, text_id

if TYPE_CHECKING:
    from playwright.sync_api import Page

FEW, MANY = 10, 1000
PAGES = 20
ROUNDS = 15
BROWSER_ROUNDS = 5
HEAD = f"| {{}} | {FEW} documents | {MANY:,} documents | ratio |\n| --- | --- | --- | --- |"


def filled(folder: Path, documents: int) -> Workspace:
    """A library of `documents` documents, half of them with a finished reading."""
    store = Store(folder)
    with store.database.transaction() as db:  # like `add_document`, but without syncing a thousand files
        for number in range(documents):
            pages = [
                (str(page), f"Page {page} of book {number}: the keeper lit the lamp. ") for page in range(1, PAGES + 1)
            ]
            document_id = text_id("".join(text for _, text in pages).encode())
            document = StoredDocument.new(document_id, f"Book {number}", "a.txt", "text", pages)
            document.insert(db)
            store.user_documents.hold(db, LOCAL_USER, document, None)
    for record in store.documents()[::2]:
        store.jobs.stop(store.jobs.add(record.id, vars(JobSettings("m"))).id, "cancel")
    return Workspace(Service(store, "m"))


def main() -> None:
    """Print the seconds of each view and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = filled(Path(folder) / "few", FEW), filled(Path(folder) / "many", MANY)

        def listing(workspace: Workspace) -> str:
            return views.library(workspace.documents(limit=LISTED_DOCUMENTS), None)[:1]

        def ten_rows(workspace: Workspace) -> str:
            return views.library(workspace.documents(limit=FEW), None)[:1]

        def filtering(workspace: Workspace) -> str:
            return views.library(workspace.documents("book 7", limit=FEW), None)[:1]

        def searching(workspace: Workspace) -> str:
            return views.hits(workspace.search("keeper 7"))[:1]

        def opening(workspace: Workspace) -> str:
            shown = workspace.get(workspace.documents(limit=1)[0].id)
            return views.document_head(shown) + viewer(workspace.page(shown.id, 7))

        def room(workspace: Workspace) -> str:
            return views.room_line(workspace.count(), *workspace.room(), is_shared=False)

        acts: dict[str, Callable[[Workspace], str]] = {
            "ten rows of the library": ten_rows,
            f"the library's first {LISTED_DOCUMENTS} rows": listing,
            "filtering by title": filtering,
            "searching the pages": searching,
            "a document and a page": opening,
            "how full the disk is": room,
        }
        print(HEAD.format("made by the server, ms"))
        for name, act in acts.items():
            seconds: dict[int, list[float]] = {FEW: [], MANY: []}
            for _ in range(ROUNDS):
                for count, workspace in ((FEW, few), (MANY, many)):
                    started = time.perf_counter()
                    act(workspace)
                    seconds[count].append(time.perf_counter() - started)
            print(row(name, seconds))
        print_browser_views({FEW: Path(folder) / "few", MANY: Path(folder) / "many"})


def row(name: str, seconds: dict[int, list[float]]) -> str:
    """A line of the table: the medians and their ratio."""
    low, high = (statistics.median(seconds[count]) for count in (FEW, MANY))
    return f"| {name} | {low * 1000:.1f} | {high * 1000:.1f} | {high / low:.1f} |"


def print_browser_views(libraries: dict[int, Path]) -> None:
    """Print how long whole views take in a browser. Each library has its own server."""
    if CHROMIUM is None:
        print("\nIn the browser: not measured, Chromium is missing.")
        return
    with ExitStack() as ending:
        chromium = ending.enter_context(browser())
        pages, addresses = {}, {}
        for count, library in libraries.items():
            addresses[count] = ending.enter_context(app(["--library", str(library), "--model", str(library)]))
            pages[count] = chromium.new_page()
            pages[count].goto(addresses[count])  # fills the browser's cache
            pages[count].locator("#library button").first.wait_for()
        views_seconds: dict[str, dict[int, list[float]]] = {}
        for _ in range(BROWSER_ROUNDS):
            for count, page in pages.items():
                for name, taken in visit(page, addresses[count]).items():
                    views_seconds.setdefault(name, {FEW: [], MANY: []})[count].append(taken)
    print("\n" + HEAD.format("whole views in the browser, ms"))
    for name, seconds in views_seconds.items():
        print(row(name, seconds))


def visit(page: Page, address: str) -> dict[str, float]:
    """Open the app, filter, search, look at a page and open a document; return the seconds until each is visible."""
    seconds: dict[str, float] = {}

    def timed(name: str, act: Callable[[], object], shown: str) -> None:
        started = time.perf_counter()
        act()
        page.wait_for_function(shown)
        seconds[name] = time.perf_counter() - started

    page.goto(address)
    page.locator("#library button").first.wait_for()
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    seconds["first paint"] = page.evaluate(paint) / 1000
    seconds["the library listed"] = page.evaluate("performance.now()") / 1000
    search = page.locator("#search :is(input, textarea)")
    titles = "[...document.querySelectorAll('#library .title')].map(title => title.textContent)"
    timed("filtered by title", lambda: search.fill("book 7"), f"{titles}.every(title => title.includes('7'))")
    found = "document.querySelector('#hits .snippet')?.textContent.includes('13')"
    timed("pages searched", lambda: search.fill("keeper 13"), found)
    timed("a page", page.locator("#hits button").first.click, "document.querySelector('#viewer .text')")
    timed("all listed again", lambda: search.fill(""), f"{titles}.length >= {FEW}")
    title = page.locator("#library .title").nth(1).inner_text()
    timed(
        "a document",
        page.locator("#library button").nth(1).click,
        f"document.querySelector('.document h2')?.textContent === {title!r}",
    )
    return seconds


if __name__ == "__main__":
    main()
