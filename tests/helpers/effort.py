"""A bound on a step's processor time that only a step which grows with the square of its input goes beyond."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

_SECONDS = 60.0
"""Far above what such a step takes beside other programs (1 to 2 s), far below the square of 100,000 characters (minutes)."""


@contextmanager
def little_effort() -> Iterator[None]:
    """Fail if what is inside takes more of this process's time than a step that grows with its input does."""
    started = time.process_time()
    yield
    assert time.process_time() - started < _SECONDS
