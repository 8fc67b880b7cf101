"""Every r-th row, whatever its content: the baseline for the other methods."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Spread:
    """Scores no row above another: all that are kept are evenly spaced, the last of each interval, the same for all heads."""

    spread = 1.0
    replays = False

    @property
    def name(self) -> str:
        """The name of this method, as users write it."""
        return "spread"

    @property
    def fingerprint(self) -> str:
        """Part of a memory's key; changes when the method would choose other rows."""
        return f"{self.name}-1"

    def at(self, ratio: int) -> Spread:
        """The method at this ratio: itself."""
        return self

    def scores(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor, peaks: Tensor | None = None) -> Tensor:
        """Zeros (kv_heads, tokens); shapes as for `reader.beacon.rows.RowChooser.scores`."""
        return torch.zeros(keys.shape[:2], device=keys.device)
