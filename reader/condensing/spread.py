"""Every r-th row, whatever its content: the baseline for the other methods."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Spread:
    """Chooses evenly spaced rows, the last of each interval, the same for all heads."""

    replays = False

    @property
    def name(self) -> str:
        """The name of this method, as users write it."""
        return "spread"

    @property
    def fingerprint(self) -> str:
        """Part of a memory's key; changes when the method would choose other rows."""
        return f"{self.name}-1"

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
        """The rows that each head keeps: (kv_heads, keep), ascending; shapes as for `ExpectedAttention.choose`."""
        tokens = keys.shape[1]
        rows = torch.arange(1, keep + 1, device=keys.device) * tokens // keep - 1
        return rows.expand(keys.shape[0], -1)
