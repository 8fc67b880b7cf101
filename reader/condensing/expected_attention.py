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
        heads, tokens = queries.shape[0], keys.shape[1]
        queries = queries[:, _SINK_QUERIES:] if queries.shape[1] > _SINK_QUERIES else queries
        queries = queries.float()
        groups = heads // keys.shape[0]
        of_head = keys.float().repeat_interleave(groups, dim=0)
        mean = queries.mean(dim=1, keepdim=True)
        # A GPU is several times as fast by the covariance. On a CPU, the rounding of the products chose the rows of saved memories.
        variances = by_covariance if keys.is_cuda else by_products
        logits = (mean @ of_head.transpose(1, 2))[:, 0] + variances(queries - mean, of_head) / 2
        weights = torch.softmax(logits, dim=-1).view(-1, groups, tokens).mean(dim=1)
        scores: Tensor = weights * values.float().norm(dim=-1)
        return scores


def by_products(centred: Tensor, keys: Tensor) -> Tensor:
    """kᵀΣk (heads, keys) for keys (heads, keys, head_dim): the variance of the products of queries with each key.

    Σ is the covariance of the queries; `centred` (heads, queries, head_dim) are the queries without their mean.
    """
    return (centred @ keys.transpose(1, 2)).pow(2).mean(dim=1)


def by_covariance(centred: Tensor, keys: Tensor) -> Tensor:
    """As `by_products`, without a product for each pair: fewer operations if there are more queries than 2 · head_dim."""
    covariance = centred.transpose(1, 2) @ centred / centred.shape[1]
    return ((keys @ covariance) * keys).sum(dim=-1)
