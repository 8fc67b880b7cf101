"""Expected Attention: keep the rows that the next tokens will attend to most, as far as this window's queries tell.

A window's queries, before their rotation, are taken for a normal distribution; turned by the mean rotation of the positions to
come, they say how much weight a later token is expected to give to each key. Nothing is trained and nothing is run again.
Source: arXiv 2510.00636, section 3. It knows no decoder: rotations come from its caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_SINK_QUERIES = 4  # the first queries of a window are unlike the others


@dataclass(frozen=True)
class ExpectedAttention:
    """Chooses each head's rows by the attention that they can expect; part of them evenly spaced."""

    spread: float = 0.5
    """The share of the rows that are evenly spaced among those left: they keep what attention spreads over the rest."""

    @property
    def name(self) -> str:
        """What people call this way of choosing."""
        return "expected-attention"

    @property
    def fingerprint(self) -> str:
        """Changes with what is chosen; part of a memory's key."""
        return f"{self.name}-1-{self.spread:g}"

    def choose(self, queries: Tensor, keys: Tensor, values: Tensor, keep: int) -> Tensor:
        """The rows that each head keeps: (kv_heads, keep), ascending.

        Args:
            queries: (heads, queries, head_dim), scaled, before rotation.
            keys: (kv_heads, tokens, head_dim), turned back by the mean rotation of the positions to come, so that their
                product with unrotated queries is what a later token would see.
            values: (kv_heads, tokens, head_dim).
        """
        heads, tokens = queries.shape[0], keys.shape[1]
        queries = queries[:, _SINK_QUERIES:] if queries.shape[1] > _SINK_QUERIES else queries
        queries = queries.float()
        groups = heads // keys.shape[0]
        of_head = keys.float().repeat_interleave(groups, dim=0)
        mean = queries.mean(dim=1, keepdim=True)
        # kᵀΣk is the variance of the queries' products with k.
        products = (queries - mean) @ of_head.transpose(1, 2)
        logits = (mean @ of_head.transpose(1, 2))[:, 0] + products.pow(2).mean(dim=1) / 2
        weights = torch.softmax(logits, dim=-1).view(-1, groups, tokens).mean(dim=1)
        scores = weights * values.float().norm(dim=-1)
        return with_spread(scores, keep, round(keep * self.spread))


def with_spread(scores: Tensor, keep: int, spread: int) -> Tensor:
    """The rows of the highest scores (kv_heads, tokens), and `spread` of them evenly spaced among the others: (kv_heads, keep)."""
    best = scores.topk(keep - spread, dim=1).indices
    if spread:
        others = torch.ones_like(scores, dtype=torch.bool).scatter(1, best, False)
        left = others.nonzero()[:, 1].view(len(scores), -1)  # each head leaves out as many
        places = (torch.arange(1, spread + 1, device=scores.device) * left.shape[1]) // spread - 1
        best = torch.cat([best, left[:, places]], dim=1)
    return best.sort(dim=1).values
