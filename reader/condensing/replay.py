"""Replay: keep the rows that are needed to repeat the window.

The window is run once more behind itself; a row's score is the largest attention weight that any of those tokens puts on it. This
needs no training, but reads each window twice. Source: KVzip, arXiv 2505.23416, section 3; unlike there, nothing asks the decoder
to repeat, and a part of the rows is evenly spaced.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from reader.condensing.expected_attention import with_spread


@dataclass(frozen=True)
class Replay:
    """Chooses each head's rows by the attention that they get when the window is run again, and a part of them evenly spaced."""

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

    def choose(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        keep: int,
        peaks: Tensor | None = None,
        *,
        best_only: bool = False,
    ) -> Tensor:
        """The rows that each head keeps: (kv_heads, keep), ascending; shapes as for `reader.beacon.rows.RowChooser.choose`."""
        assert peaks is not None, "choosing by replay needs the replay's attention"
        return with_spread(peaks, keep, 0 if best_only else round(keep * self.spread))
