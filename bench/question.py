"""A question's way through the page, in a browser: `python -m bench.question`.

The beginning of the sample is read by the bundled decoder and asked. The page's own clock measures from Enter to the first sign of
what is being done and to the end of the answer, and from *Stop* until the next question can be sent.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.browser import CHROMIUM, ROOT, app, browser

if TYPE_CHECKING:
    from playwright.sync_api import Page

MODEL = "smollm2-135m-instruct"
READ_CHARS = 9_000
GOALS_MS = {"Enter to what is being done": 200, "Stop to the next question": 500}
QUESTIONS = (
    "Where does Wenlow Quay lie?",
    "Who built the mill?",
    "How far is the nearest town?",
    "Who surveyed the piles in 1988?",
    "What came out of a wreck?",
)
# Notes the time of what a person does and of what the page shows for it, each at the change itself.
WATCH = """() => {
    window.noted = {};
    const note = (name) => { noted[name] ??= performance.now(); };
    const shows = (selector) => document.querySelector(selector)?.checkVisibility();
    addEventListener("keydown", (event) => {
        if (event.key === "Enter" && event.target.matches("#question textarea")) { noted = {}; note("enter"); }
    }, true);
    addEventListener("click", (event) => { if (event.target.closest("#question .stop-button")) note("stop"); }, true);
    new MutationObserver(() => {
        if ("enter" in noted && (shows(".pending") || shows("#question[data-told]"))) note("doing");
        if ("enter" in noted && shows(".pending")) note("heard");
        if ("stop" in noted && shows("#question[data-told]")) note("stopping");
        const isIdle = !shows(".pending, #question[data-told]") && shows("#question .submit-button");
        if ("heard" in noted && isIdle) note("end");
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
}"""


def main() -> None:
    """Print the median and the slowest of each."""
    if CHROMIUM is None:
        print("Not measured: Chromium is missing.")
        return
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        sample = folder / "sample.md"
        sample.write_text((ROOT / "static" / "sample.md").read_text()[:READ_CHARS])
        options = ["--library", str(folder / "library"), "--model", MODEL]
        reading = [sys.executable, "-m", "reader", "read", str(sample), *options]
        subprocess.run(reading, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        address = ending.enter_context(app(options))
        page = ending.enter_context(browser()).new_page()
        page.set_default_timeout(180_000)
        page.goto(address)
        page.locator("#app[data-part]").wait_for()
        page.locator("#library .entry").first.click()
        page.locator(".state.ready").wait_for()
        page.locator("#question textarea:enabled").wait_for()
        page.evaluate(WATCH)
        ask(page, "What is the red key for?")  # loads what the first answer needs
        taken: dict[str, list[float]] = {}
        for question in QUESTIONS:
            for name, milliseconds in {**ask(page, question), **stop(page, f"{question} Please explain.")}.items():
                taken.setdefault(name, []).append(milliseconds)
    print("| from … to … | median ms | slowest ms | goal |\n| --- | --- | --- | --- |")
    for name, times in taken.items():
        print(f"| {name} | {statistics.median(times):,.0f} | {max(times):,.0f} | {GOALS_MS.get(name, '')} |")


def ask(page: Page, question: str) -> dict[str, float]:
    """Ask, wait for the end of the answer, and return the milliseconds until each thing was shown."""
    page.locator("#question textarea").fill(question)
    page.locator("#question textarea").press("Enter")
    page.wait_for_function("'end' in noted")
    noted = page.evaluate("noted")
    return {
        "Enter to what is being done": noted["doing"] - noted["enter"],
        "Enter to the server's word of it": noted["heard"] - noted["enter"],
        "Enter to the end of the answer": noted["end"] - noted["enter"],
    }


def stop(page: Page, question: str) -> dict[str, float]:
    """Ask, stop as soon as something is being done, and return the milliseconds until the next question can be sent."""
    page.locator("#question textarea").fill(question)
    page.locator("#question textarea").press("Enter")
    page.wait_for_function("'heard' in noted")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_function("'end' in noted")
    noted = page.evaluate("noted")
    return {
        "Stop to a sign of it": noted["stopping"] - noted["stop"],
        "Stop to the next question": noted["end"] - noted["stop"],
    }


if __name__ == "__main__":
    main()
