"""The app as a program of its own and a headless Chromium, for the benchmarks that measure what a person sees."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def app(options: Sequence[str]) -> Iterator[str]:
    """Start `app.py` with these options; yield its address, and end it afterwards."""
    command = [sys.executable, str(ROOT / "app.py"), "--no-browser", *options]
    server = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        yield next(line.split()[1] for line in server.stdout if line.startswith("Open "))
    finally:
        server.kill()
        server.communicate()


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()
