"""Reports to the caller while a decoder is prepared: stage and fraction, one-line errors, and no output of the libraries."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

Progress = Callable[[str, float], None]
"""Called with a stage ("download", "convert", "wait", "load", "fit") and the fraction of the stage that is done, from 0 to 1."""


def no_report(stage: str, fraction: float) -> None:
    """Ignore the report."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, without its full stop; the error's type if the message is empty."""
    return next((line.strip().rstrip(".:") for line in str(error).splitlines() if line.strip()), type(error).__name__)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries from printing. Errors are raised, and progress is reported through `progress`."""
    import transformers

    transformers_logging: Any = transformers.utils.logging
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    hub = logging.getLogger("huggingface_hub")
    hub_level = hub.level
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    hub.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
        hub.setLevel(hub_level)


def progress_bar(total_bytes: int, report: Progress) -> Any:
    """A class for the hub's `tqdm_class` that draws nothing and reports "download"."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    done_bytes = 0

    class Bar(tqdm):
        def display(self, *args: object, **options: object) -> bool:
            return True

        def close(self) -> None:
            pass

        def update(self, n: float | None = 1) -> bool:
            nonlocal done_bytes
            shown = super().update(n)
            # Two bars count the same bytes, as downloaded and as written; a third bar counts the files.
            if self.unit == "B" and self.n > done_bytes:
                done_bytes = int(self.n)
                report("download", min(1.0, done_bytes / max(1, total_bytes)))
            return bool(shown)

    return Bar
