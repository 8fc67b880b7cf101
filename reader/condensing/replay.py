"""Replay: keep the rows that are needed to repeat the window.

The window is run once more behind itself; a row's score is the largest attention weight that any of those tokens puts on it. This
needs no training, but reads each window twice. Source: KVzip, arXiv 2505.23416, section 3; unlike there, nothing asks the decoder
to repeat, and a part of the rows is evenly spaced.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Replay:
    """Scores each head's rows by the attention that they get when the window is run again."""

    spread: float = 0.5
    """The share of the kept rows that is evenly spaced among the others, to represent the text that gets little attention."""

    replays = True

    @property
    def name(self) -> str:
        """The name of this method, as users write it."""
        return "replay"

    @property
    def fingerprint(self) -> str:
        """Part of a memory's key; changes when the method would choose other rows."""
        return f"{self.name}-1-{self.spread:g}"

    def at(self, ratio: int) -> Replay:
        """The method at this ratio: itself."""
        return self

    def scores(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor, peaks: Tensor | None = None) -> Tensor:
        """How much each head needs each row: (kv_heads, tokens); shapes as for `reader.beacon.rows.RowChooser.scores`."""
        assert peaks is not None, "choosing by replay needs the replay's attention"
        return peaks
