"""Attention Matching: the kept rows attend as the whole window did.

Expected Attention chooses each head's rows. Then their keys and values change so that the window's own queries, asked once more
after the window, get from the kept rows what they got from all rows: first the mass of the attention (a weight per row, by
non-negative least squares), then its output (the values, by least squares). The logarithm of a row's weight is added to its scores
by a change of its key, as all queries of a head share a direction. So the memory stays plain keys and values. This needs neither
training nor another pass. Source: arXiv 2602.16284, section 3; unlike there, the reference queries are the window's own, and
a weight is no bias beside the key. This module knows no decoder: the caller rotates queries and keys.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from reader.condensing.expected_attention import ExpectedAttention

_ITERATIONS = 60  # of the weights; more change nothing that can be measured
_RIDGE = (
    0.01  # relative to the mean of the diagonal: how strongly weights stay near 1, and keys and values near their own
)
_SMALLEST_WEIGHT, _LARGEST_WEIGHT = 0.05, 50.0
_TINY = 1e-30  # so that rows without any mass are no division by zero
_LARGEST_MASS = 10.0  # of one kept row, relative to the whole window


@dataclass(frozen=True)
class AttentionMatching:
    """Chooses each head's rows by their expected attention, and fits their keys and values to the attention of the whole window."""

    replays = False

    @property
    def name(self) -> str:
        """The name of this method, as users write it."""
        return "attention-matching"

    @property
    def fingerprint(self) -> str:
        """Part of a memory's key; changes when the method would keep other rows or fit them differently."""
        return f"{self.name}-1"

    def choose(self, queries: Tensor, keys: Tensor, values: Tensor, keep: int, peaks: Tensor | None = None) -> Tensor:
        """The rows that each head keeps: (kv_heads, keep), ascending; shapes as for `ExpectedAttention.choose`."""
        # Rows between the best ones are not needed: the fitted rows stand for them.
        return ExpectedAttention(spread=0).choose(queries, keys, values, keep)

    def fit(
        self, asked: Tensor, keys: Tensor, values: Tensor, asked_slots: Tensor, kept_keys: Tensor, kept_values: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The kept rows' new keys and values (kv_heads, keep, head_dim), in float32.

        Args:
            asked: (heads, queries, head_dim), scaled, rotated to positions after the window.
            keys: (kv_heads, tokens, head_dim) of the whole window, rotated.
            values: (kv_heads, tokens, head_dim).
            asked_slots: the same queries, rotated to the positions after the kept rows' slots.
            kept_keys: (kv_heads, keep, head_dim), rotated to the slots' positions.
            kept_values: (kv_heads, keep, head_dim).
        """
        keys, values, kept_keys, kept_values = (part.float() for part in (keys, values, kept_keys, kept_values))
        asked, asked_slots = (part.float().reshape(len(keys), -1, keys.shape[2]) for part in (asked, asked_slots))
        scores = asked @ keys.mT
        mass = scores.logsumexp(dim=-1, keepdim=True)
        wanted = (scores - mass).exp() @ values
        weights = _weights((asked_slots @ kept_keys.mT - mass).exp().clamp(max=_LARGEST_MASS))
        kept_keys = kept_keys + weights.log()[..., None] * _shared_direction(asked_slots)[:, None]
        shares = (asked_slots @ kept_keys.mT).softmax(dim=-1)
        return kept_keys, kept_values + _least_squares(shares, wanted - shares @ kept_values)


def _weights(masses: Tensor) -> Tensor:
    """The weight of each row (kv_heads, keep) with which the masses (kv_heads, queries, keep) of each query add up to about 1.

    Multiplicative updates from 1 keep the weights positive (Lee and Seung, "Algorithms for non-negative matrix factorization",
    2000).
    """
    products = masses.mT @ masses
    pull = _RIDGE * products.diagonal(dim1=1, dim2=2).mean(dim=1, keepdim=True)
    wanted = masses.sum(dim=1) + pull
    weights = torch.ones_like(wanted)
    for _ in range(_ITERATIONS):
        found = (products @ weights[..., None])[..., 0] + pull * weights
        weights = (weights * wanted / found.clamp(min=_TINY)).clamp(_SMALLEST_WEIGHT, _LARGEST_WEIGHT)
    return weights


def _shared_direction(queries: Tensor) -> Tensor:
    """The direction (kv_heads, head_dim) whose product with each of the queries (kv_heads, queries, head_dim) is nearest to 1."""
    return _least_squares(queries, queries.new_ones(*queries.shape[:2], 1))[..., 0]


def _least_squares(inputs: Tensor, wanted: Tensor) -> Tensor:
    """The ridge solution (kv_heads, columns, outputs) of inputs (kv_heads, rows, columns) @ solution = wanted."""
    products = inputs.mT @ inputs
    diagonal = products.diagonal(dim1=1, dim2=2)
    diagonal += (_RIDGE * diagonal.mean(dim=1, keepdim=True)).clamp(min=_TINY)
    solution: Tensor = torch.linalg.solve(products, inputs.mT @ wanted)
    return solution
