"""Lets the first page be drawn before the decoder is loaded: the two would share the interpreter, and a person sees the page."""

from __future__ import annotations

import threading

_DRAW_SECONDS = 8.0
"""How long the decoder waits for a page that was asked for."""


class FirstPage:
    """How far the first page of this run is."""

    def __init__(self) -> None:
        self._asked, self._drawn = threading.Event(), threading.Event()

    def ask(self) -> None:
        """Note that a browser has asked for a page."""
        self._asked.set()

    def draw(self) -> None:
        """Note that a page shows the library."""
        self._drawn.set()

    def wait(self, seconds: float) -> None:
        """Wait until a page is drawn; no longer than so many seconds where none is asked for."""
        if self._asked.wait(seconds):
            self._drawn.wait(_DRAW_SECONDS)
