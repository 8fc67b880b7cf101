"""Expected Attention: keep the rows to which later tokens are expected to attend most.

The window's unrotated queries are modelled as a normal distribution. Turned by the mean rotation of the next positions, it gives
the attention weight that a later token is expected to put on each key. This needs neither training nor another pass. Source:
arXiv 2510.00636, section 3. This module knows no decoder: the caller rotates the keys.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_SINK_QUERIES = 4  # the first queries of a window have another distribution than the rest


@dataclass(frozen=True)
class ExpectedAttention:
    """Scores each head's rows by their expected attention."""

    spread: float = 0.5
    """The share of the kept rows that is evenly spaced among the others, to represent the text that gets little attention."""

    replays = False

    @property
    def name(self) -> str:
        """The name of this method, as users write it."""
        return "expected-attention"

    @property
    def fingerprint(self) -> str:
        """Part of a memory's key; changes when the method would choose other rows."""
        return f"{self.name}-1-{self.spread:g}"

    def at(self, ratio: int) -> ExpectedAttention:
        """The method at this ratio: itself."""
        return self

    def scores(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor, peaks: Tensor | None = None) -> Tensor:
        """How much each head needs each row: (kv_heads, tokens); shapes as for `reader.beacon.rows.RowChooser.scores`."""
        queries = (queries[:, _SINK_QUERIES:] if queries.shape[1] > _SINK_QUERIES else queries).float()
        keys, kv_heads = keys.float(), keys.shape[0]
        mean = queries.mean(dim=1, keepdim=True)
        centred = queries - mean
        covariance = (centred.transpose(1, 2) @ centred / centred.shape[1]).unflatten(0, (kv_heads, -1))
        # kᵀΣk of all query heads of a key head in one product: their covariances stand side by side.
        turned = (keys @ covariance.transpose(1, 2).flatten(2)).unflatten(2, (covariance.shape[1], -1))
        variance = (turned * keys[:, :, None]).sum(dim=-1)
        logits = keys @ mean.view(kv_heads, -1, keys.shape[2]).transpose(1, 2) + variance / 2
        weights = torch.softmax(logits, dim=1).mean(dim=2)
        scores: Tensor = weights * values.float().norm(dim=-1)
        return scores
