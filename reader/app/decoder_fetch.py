"""Fetching a better decoder in the background, while the present one answers. It loads no decoder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from reader.errors import ModelError
from reader.models import bundled_decoder, fetch, fits


class DecoderFetch:
    """A bundled decoder on its way into the cache.

    Attributes:
        decoder: which one.
        stage, fraction: how far it is, as `reader.models.fetch` reports it.
        error: why it is not here, None while that may still come.
        is_here: whether it can be loaded now.
    """

    def __init__(self, name: str, cache_folder: Path | None, done: Callable[[], None]) -> None:
        """Take its name; `done` is called in the background once it is here."""
        self.decoder = bundled_decoder(name)
        self.stage, self.fraction = "download", 0.0
        self.error: Exception | None = None
        self.is_here = False
        self._cache_folder, self._done = cache_folder, done

    def start(self) -> None:
        """Fetch it, or try once more after an error."""
        self.error = None
        threading.Thread(target=self._run, name="fetching", daemon=True).start()

    def _run(self) -> None:
        try:
            if not fits(self.decoder):
                raise ModelError(
                    f"Preparing {self.decoder.title} takes {self.decoder.convert_ram_bytes / (1 << 30):.1f} GiB of free memory; "
                    "close other programs and try again."
                )
            fetch(self.decoder.name, self._report, cache_folder=self._cache_folder)
        except Exception as error:  # shown on the page, where it can be tried again
            self.error = error
            return
        self.is_here = True
        self._done()

    def _report(self, stage: str, fraction: float) -> None:
        self.stage, self.fraction = stage, fraction
