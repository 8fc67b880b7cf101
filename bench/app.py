"""The app with many documents beside few, and its first paint: `python -m bench.app`.

The same views are made for a library of 10 and of 1,000 documents, turn by turn, so that a busy machine slows them alike; what
counts is the ratio. The first paint is the browser's own `first-contentful-paint` of a server with 1,000 documents; it is
left out where there is no Chromium.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from page import views
from page.blocks import LISTED_DOCUMENTS
from reader.jobs import JobSettings
from reader.service import Service
from reader.workspace import Workspace
from storage import Store, text_id
from storage.manifests import StoredDocument

ROOT = Path(__file__).resolve().parent.parent
FEW, MANY = 10, 1000
PAGES = 20
ROUNDS = 15


def filled(folder: Path, documents: int) -> Workspace:
    """A library of so many documents, half of them with a reading that has ended."""
    store = Store(folder)
    with store.database.transaction() as db:  # as `add_document` does, without a thousand synced files
        for number in range(documents):
            pages = [
                (str(page), f"Page {page} of book {number}: the keeper lit the lamp. ") for page in range(1, PAGES + 1)
            ]
            document_id = text_id("".join(text for _, text in pages).encode())
            StoredDocument.new(document_id, f"Book {number}", "a.txt", "text", pages).insert(db)
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
            return views.document_head(shown) + views.viewer(workspace.page(shown.id, 7))

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
        print(f"| view | {FEW} documents, ms | {MANY:,} documents, ms | ratio |\n| --- | --- | --- | --- |")
        for name, act in acts.items():
            seconds: dict[int, list[float]] = {FEW: [], MANY: []}
            for _ in range(ROUNDS):
                for count, workspace in ((FEW, few), (MANY, many)):
                    started = time.perf_counter()
                    act(workspace)
                    seconds[count].append(time.perf_counter() - started)
            low, high = (statistics.median(seconds[count]) for count in (FEW, MANY))
            print(f"| {name} | {low * 1000:.1f} | {high * 1000:.1f} | {high / low:.1f} |")
        print(f"\nFirst paint with {MANY:,} documents: {first_paint(Path(folder) / 'many')}")


def first_paint(library: Path) -> str:
    """How long the browser takes to show something, as it says itself."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        return "not measured, there is no Chromium"
    from playwright import sync_api

    command = [sys.executable, str(ROOT / "app.py"), "--library", str(library), "--model", str(library)]
    server = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split()[1]
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            paints = []
            for _ in range(3):
                page.goto(address)
                page.locator("#library button").first.wait_for()
                paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
                paints.append((page.evaluate(paint) / 1000, page.evaluate("performance.now()") / 1000))
            browser.close()
        first, listed = (statistics.median(column) for column in zip(*paints, strict=True))
        return f"{first:.2f} s; the library is listed after {listed:.2f} s"
    finally:
        server.kill()


if __name__ == "__main__":
    main()
