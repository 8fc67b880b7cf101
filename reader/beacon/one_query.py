"""Attention of a single token to many slots on a CPU, in compiled loops.

A matrix library multiplies so few rows at a quarter of the memory's speed. These loops read each key and each value once for all
query heads that share it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from reader.compiled import compiled

_LEAST_SLOTS = 1024
"""With fewer slots the matrix library is as fast."""
_LIBRARY_THREADS = 2
"""The library gives each head of the keys to a thread, and the loops run in one. With more threads than these it is preferred."""


def attend_alone(query: Tensor, key: Tensor, value: Tensor, scaling: float | None) -> Tensor | None:
    """Attention output (1, heads, 1, head_dim) of the query (1, heads, 1, head_dim) to all keys (1, kv_heads, keys, head_dim).

    Returns:
        None where the loops gain nothing or cannot be used.
    """
    if key.shape[2] < _LEAST_SLOTS or len(key) > 1 or torch.is_grad_enabled():
        return None
    if min(torch.get_num_threads(), key.shape[1]) > _LIBRARY_THREADS:
        return None
    if any(own.device.type != "cpu" or own.dtype != torch.float32 for own in (query, key, value)):
        return None
    heads = [own.detach()[0] for own in (key, value)]
    if not all(head.is_contiguous() for own in heads for head in own):
        return None
    scores_loop = compiled(_scores, "(float32[:, ::1], float32[:, ::1], float32, float32[:, ::1])", reorders=True)
    sums_loop = compiled(_sums, "(float32[:, ::1], float32[:, ::1], float32[:, ::1])", reorders=True)
    if scores_loop is None or sums_loop is None:
        return None
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    grouped = query.detach().reshape(key.shape[1], -1, query.shape[3])
    scores = grouped.new_empty(*grouped.shape[:2], key.shape[2])
    for queries, keys, own in zip(grouped, heads[0], scores, strict=True):
        scores_loop(queries.numpy(), keys.numpy(), scale, own.numpy())
    weights = scores.softmax(dim=-1)
    output = torch.zeros_like(grouped)
    for own, values, sums in zip(weights, heads[1], output, strict=True):
        sums_loop(own.numpy(), values.numpy(), sums.numpy())
    return output.view(query.shape)


def _scores(queries: Any, keys: Any, scale: float, scores: Any) -> None:
    """Write the scaled products of queries (groups, head_dim) and keys (keys, head_dim) to scores (groups, keys)."""
    for slot in range(len(keys)):
        for group in range(len(queries)):
            product = np.float32(0)
            for number in range(keys.shape[1]):
                product += queries[group, number] * keys[slot, number]
            scores[group, slot] = product * scale


def _sums(weights: Any, values: Any, sums: Any) -> None:
    """Add values (keys, head_dim), each with its weights (groups, keys), to sums (groups, head_dim)."""
    slots, head_dim = values.shape
    fours = slots - slots % 4
    # Four slots at once: the sums are read and written a quarter as often.
    for slot in range(0, fours, 4):
        for group in range(len(sums)):
            first, second = weights[group, slot], weights[group, slot + 1]
            third, fourth = weights[group, slot + 2], weights[group, slot + 3]
            for number in range(head_dim):
                sums[group, number] += (
                    first * values[slot, number]
                    + second * values[slot + 1, number]
                    + third * values[slot + 2, number]
                    + fourth * values[slot + 3, number]
                )
    for slot in range(fours, slots):
        for group in range(len(sums)):
            for number in range(head_dim):
                sums[group, number] += weights[group, slot] * values[slot, number]
