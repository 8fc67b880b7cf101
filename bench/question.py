"""A question's way through the page, in a browser: `python -m bench.question`.

The sample is read by the bundled decoder, then asked. Measured from Enter to the first sign that something is done and to the
answer's first words, and from *Stop* until another question can be sent, each as someone at the page sees it.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent
MODEL = "smollm2-135m-instruct"
QUESTIONS = (
    "What does the red key lock?",
    "Which sea gate replaced Charity?",
    "What wood are the gear cogs made of?",
    "Who sharpens the mill bills?",
    "How many floats does the water wheel carry?",
)
CHAT = "document.querySelector('#chat').innerText"


def main() -> None:
    """Print the medians and the slowest of each."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("Not measured: Chromium is missing.")
        return
    from playwright import sync_api

    with ExitStack() as ending:
        library = ending.enter_context(tempfile.TemporaryDirectory())
        options = ["--library", library, "--model", MODEL]
        sample = str(ROOT / "static" / "sample.md")
        subprocess.run(
            [sys.executable, "-m", "reader", "read", sample, *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )
        command = [sys.executable, str(ROOT / "app.py"), *options, "--port", "0"]
        server = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)
        ending.callback(server.wait)
        ending.callback(server.kill)
        assert server.stdout is not None
        address = server.stdout.readline().split()[1]
        browser = ending.enter_context(sync_api.sync_playwright()).chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.set_default_timeout(180_000)
        page.goto(address)
        page.locator("#app[data-part]").wait_for()
        page.locator("#library .entry").first.click()
        page.locator(".state.ready").wait_for()
        ask(page, "Who wrote the handbook?")  # loads what the first answer needs
        seconds: dict[str, list[float]] = {}
        for question in QUESTIONS:
            for name, taken in ask(page, question).items():
                seconds.setdefault(name, []).append(taken)
        for question in QUESTIONS:
            seconds.setdefault("Stop to the next question's turn", []).append(stop(page, f"{question} Please explain."))
        browser.close()
    print("| from … to … | median ms | slowest ms |\n| --- | --- | --- |")
    for name, times in seconds.items():
        print(f"| {name} | {statistics.median(times) * 1000:.0f} | {max(times) * 1000:.0f} |")


def ask(page: Page, question: str) -> dict[str, float]:
    """Ask, wait for the end of the answer, and return the seconds until each thing was visible."""
    badges = page.locator("#chat .badge").count()
    started = _enter(page, question)
    seconds = {}
    for name, shown in {
        "Enter to the question in the chat": f"{CHAT}.includes({question!r})",
        "Enter to what is being done": f"/Looking for|Re-reading|Thinking/.test({CHAT})",
        "Enter to the end of the answer": f"document.querySelectorAll('#chat .badge').length > {badges}",
    }.items():
        page.wait_for_function(shown, polling=10)
        seconds[name] = time.perf_counter() - started
    return seconds


def stop(page: Page, question: str) -> float:
    """Ask, stop as soon as something is being done, and return the seconds until another can be asked."""
    _enter(page, question)
    page.wait_for_function(f"/Looking for|Re-reading|Thinking/.test({CHAT})", polling=10)
    started = time.perf_counter()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Send").wait_for()
    return time.perf_counter() - started


def _enter(page: Page, question: str) -> float:
    box = page.locator("#question textarea")
    box.fill(question)
    started = time.perf_counter()
    box.press("Enter")
    return started


if __name__ == "__main__":
    main()
