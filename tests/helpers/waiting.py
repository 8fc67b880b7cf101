"""Waiting for what happens in another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_for(happened: Callable[[], object], seconds: float = 60.0) -> None:
    """Until it has happened; fail where that takes too long."""
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.005)
