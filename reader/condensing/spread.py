"""Every r-th row, whatever it holds: what a choice must beat."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Spread:
    """Chooses evenly spaced rows, the last of each interval; the same for all heads."""

    @property
    def name(self) -> str:
        """What people call this way of choosing."""
        return "spread"

    @property
    def fingerprint(self) -> str:
        """Changes with what is chosen; part of a memory's key."""
        return f"{self.name}-1"

    def choose(self, queries: Tensor, keys: Tensor, values: Tensor, keep: int) -> Tensor:
        """The rows that each head keeps: (kv_heads, keep), ascending; shapes as for `ExpectedAttention.choose`."""
        tokens = keys.shape[1]
        rows = torch.arange(1, keep + 1, device=keys.device) * tokens // keep - 1
        return rows.expand(keys.shape[0], -1)
