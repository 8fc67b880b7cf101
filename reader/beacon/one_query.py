"""Attention of a single token to many slots on a CPU, in compiled loops.

A matrix library multiplies so few rows at a quarter of the memory's speed. These loops read each key and each value once for all
query heads that share it. Slots in int8 are a quarter of the bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from reader.beacon.rounding import RoundedSlots, spread
from reader.compiled import compiled

_LEAST_SLOTS = 1024
"""With fewer slots the matrix library is as fast."""
_LIBRARY_THREADS = 2
"""The library gives each head of the keys to a thread, and the loops run in one. With more threads than these it is preferred."""


def attend_alone(
    query: Tensor, key: Tensor, value: Tensor, scaling: float | None, rounded: RoundedSlots | None = None
) -> Tensor | None:
    """Attention output (1, heads, 1, head_dim) of the query (1, heads, 1, head_dim) to all keys (1, kv_heads, keys, head_dim).

    Args:
        rounded: slots that stand before the keys.

    Returns:
        None where the loops gain nothing or cannot be used.
    """
    if len(key) > 1 or torch.is_grad_enabled() or (rounded is None and key.shape[2] < _LEAST_SLOTS):
        return None
    if rounded is None and not loops_preferred(key.shape[1]):
        return None
    if any(own.device.type != "cpu" or own.dtype != torch.float32 for own in (query, key, value)):
        return None
    behind, behind_values = (own.detach()[0] for own in (key, value))
    if not all(head.is_contiguous() for own in (behind, behind_values) for head in own):
        return None
    loops = row_loops()
    if loops is None:
        return None
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    queries = query.detach().reshape(key.shape[1], -1, query.shape[3]) * scale
    first = 0 if rounded is None else rounded.count
    scores, output = queries.new_empty(*queries.shape[:2], first + key.shape[2]), torch.zeros_like(queries)
    for head in range(len(queries)):
        if rounded is not None:
            factored = queries[head] * rounded.key_factors[head]
            loops.of_rounded_keys(factored.numpy(), rounded.keys[head].numpy(), scores[head, :, :first].numpy())
        loops.of_keys(queries[head].numpy(), behind[head].numpy(), scores[head, :, first:].numpy())
    if rounded is not None:
        scores[..., :first] *= rounded.key_scales.mT
    weights = scores.softmax(dim=-1)
    if rounded is not None:
        weights[..., :first] *= rounded.value_scales.mT
    for head in range(len(queries)):
        if rounded is not None:
            loops.of_rounded_values(
                weights[head, :, :first].numpy(), rounded.values[head].numpy(), output[head].numpy()
            )
            if rounded.are_spread:
                output[head] = spread(output[head])
        loops.of_values(weights[head, :, first:].numpy(), behind_values[head].numpy(), output[head].numpy())
    return output.view(query.shape)


def loops_preferred(kv_heads: int) -> bool:
    """Whether the loops are preferred to the library for so many heads of the keys."""
    return min(torch.get_num_threads(), kv_heads) <= _LIBRARY_THREADS


class RowLoops(NamedTuple):
    """The compiled loops `_scores` and `_sums`, for floats and for int8."""

    of_keys: Callable[..., Any]
    of_values: Callable[..., Any]
    of_rounded_keys: Callable[..., Any]
    of_rounded_values: Callable[..., Any]


def row_loops() -> RowLoops | None:
    """All loops; None where one cannot be compiled."""
    found = [
        compiled(loop, arguments.format(kind), reorders=True)
        for kind in ("float32", "int8")
        for loop, arguments in ((_scores, _SCORES_ARGUMENTS), (_sums, _SUMS_ARGUMENTS))
    ]
    return None if None in found else RowLoops(*(each for each in found if each is not None))


_SCORES_ARGUMENTS = "(float32[:, ::1], {}[:, ::1], float32[:, :])"
_SUMS_ARGUMENTS = "(float32[:, :], {}[:, ::1], float32[:, ::1])"


def _scores(queries: Any, keys: Any, scores: Any) -> None:
    """Write the products of queries (groups, head_dim) and keys (keys, head_dim) to scores (groups, keys)."""
    fours = len(keys) - len(keys) % 4
    # Four slots at once: the queries are read a quarter as often.
    for slot in range(0, fours, 4):
        for group in range(len(queries)):
            first, second, third, fourth = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for number in range(keys.shape[1]):
                own = queries[group, number]
                first += own * np.float32(keys[slot, number])
                second += own * np.float32(keys[slot + 1, number])
                third += own * np.float32(keys[slot + 2, number])
                fourth += own * np.float32(keys[slot + 3, number])
            scores[group, slot], scores[group, slot + 1] = first, second
            scores[group, slot + 2], scores[group, slot + 3] = third, fourth
    for slot in range(fours, len(keys)):
        for group in range(len(queries)):
            product = np.float32(0)
            for number in range(keys.shape[1]):
                product += queries[group, number] * np.float32(keys[slot, number])
            scores[group, slot] = product


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
                    first * np.float32(values[slot, number])
                    + second * np.float32(values[slot + 1, number])
                    + third * np.float32(values[slot + 2, number])
                    + fourth * np.float32(values[slot + 3, number])
                )
    for slot in range(fours, slots):
        for group in range(len(sums)):
            for number in range(head_dim):
                sums[group, number] += weights[group, slot] * np.float32(values[slot, number])
