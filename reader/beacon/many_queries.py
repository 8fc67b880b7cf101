"""Attention of many tokens to many keys on a CPU, in a compiled loop.

Torch multiplies with MKL there, which uses half of the width of some processors (AMD's with AVX-512). This loop is compiled for
the whole width: a block of queries stands in the columns of a matrix, and each key is multiplied with all of them at once. The
keys come tile by tile, so that nothing has the size of queries times keys (FlashAttention, arXiv 2205.14135, section 3.1).
Those of the first slots may be in int8: their bytes are multiplied, or each tile of them becomes floats when its turn comes. Where
there are none, the loop is used only if it is faster here than torch, which is measured when it is first needed.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from reader.beacon import byte_tiles, float_tiles
from reader.beacon.rounding import RoundedSlots, hadamard
from reader.compiled import compiled, run_together, was_compiled

_COLUMNS = 448
"""At most so many queries are in a block. With a power of two, its rows would compete for the same places of the cache."""
_TILE = 256
"""Keys that a block is multiplied with together: with the block they take 690 KB, which fits a core's cache."""
_LANES = 16
"""The columns are filled up to a multiple of the numbers that a processor multiplies at once."""
_LEAST_COLUMNS, _LEAST_SCORES = 64, 1 << 16
"""With fewer queries or scores for each head of the keys, torch is as fast."""
_GAIN = 1.15
"""The loop must be so many times as fast as torch. Without a margin, two processes could choose differently."""


def attend_in_blocks(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scaling: float | None,
    *,
    is_causal: bool,
    rounded: RoundedSlots | None = None,
) -> tuple[Tensor, Tensor] | None:
    """Attention output (batch, heads, queries, head_dim) and the log-sum-exp (batch, heads, queries) of its scores.

    query is (batch, heads, queries, head_dim), key and value are (batch, kv_heads, keys, head_dim).

    Args:
        is_causal: whether the queries are the last of the keys, and none sees a later key.
        rounded: slots that stand before the keys, and that all queries see.

    Returns:
        None where the loop gains nothing or cannot be used.
    """
    columns, keys = query.shape[1] // key.shape[1] * query.shape[2], key.shape[2]
    is_small = rounded is None and (columns < _LEAST_COLUMNS or columns * keys < _LEAST_SCORES)
    if is_small or query.shape[3] % 4 or query.shape[3] > _TILE or torch.is_grad_enabled():
        return None
    if any(own.device.type != "cpu" or own.dtype != torch.float32 for own in (query, key, value)):
        return None
    loop = _loop(torch.get_num_threads()) if rounded is None else block_loop()
    return None if loop is None else _attend(loop, query, key, value, scaling, is_causal, rounded)


def _attend(
    loop: Callable[..., Any],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scaling: float | None,
    is_causal: bool,
    rounded: RoundedSlots | None,
) -> tuple[Tensor, Tensor]:
    batch, heads, queries, head_dim = query.shape
    kv_heads, groups = key.shape[1], heads // key.shape[1]
    keys = key.shape[2] + (0 if rounded is None else rounded.count)
    scale = head_dim**-0.5 if scaling is None else scaling
    # As few blocks as fit the cache, but one for each thread.
    places = max(-(-queries * groups // _COLUMNS), -(-torch.get_num_threads() // (batch * kv_heads)))
    count = -(-queries // places)  # queries in a block
    places = -(-queries // count)
    used = groups * count
    blocks = batch, kv_heads, places
    # A block's columns are the queries of all heads that share its keys, filled up with zeros.
    columns = query.new_zeros(*blocks, head_dim, -(-used // _LANES) * _LANES)
    padded = pad(query * scale, (0, 0, 0, places * count - queries))
    apart = padded.view(batch, kv_heads, groups, places, count, head_dim).permute(0, 1, 3, 5, 2, 4)
    columns[..., :used].unflatten(-1, (groups, count)).copy_(apart)
    seen = torch.full((places, columns.shape[-1]), keys)
    if is_causal:
        last = (torch.arange(places * count).view(places, count) + (keys - queries + 1)).clamp(max=keys)
        seen[:, :used], seen[:, used:] = last.repeat(1, groups), last[:, -1:]
    sums, lse = torch.empty_like(columns), query.new_empty(*blocks, columns.shape[-1])
    threads = min(torch.get_num_threads(), math.prod(blocks))
    room, notes = query.new_empty(threads, _TILE, columns.shape[-1]), query.new_empty(threads, 2, columns.shape[-1])
    unrounded = query.new_empty(threads, _TILE, head_dim)
    heads_seen = {
        (one, head): [own[one, head].contiguous().detach().numpy() for own in (key, value)]
        for one, head in product(range(batch), range(kv_heads))
    }
    spread = (hadamard(head_dim) if rounded is not None and rounded.are_spread else query.new_empty(0, 0)).numpy()
    heads_rounded = [_NONE_ROUNDED if rounded is None else rounded.of_head(head) for head in range(kv_heads)]
    arrays = [own.detach().numpy() for own in (columns, sums, lse, seen, room, notes, unrounded)]

    def attend_blocks(thread: int) -> None:
        columns, sums, lse, seen, room, notes, unrounded = arrays
        for place in list(product(*map(range, blocks)))[thread::threads]:
            own = columns[place], *heads_rounded[place[1]], spread, *heads_seen[place[0], place[1]], seen[place[2]]
            loop(*own, unrounded[thread], room[thread], notes[thread], sums[place], lse[place])

    run_together([partial(attend_blocks, thread) for thread in range(threads)])
    rows = sums[..., :used].unflatten(-1, (groups, count)).permute(0, 1, 4, 2, 5, 3).reshape(batch, heads, -1, head_dim)
    own_lse = lse[..., :used].unflatten(-1, (groups, count)).transpose(2, 3).reshape(batch, heads, -1)
    return rows[:, :, :queries], own_lse[:, :, :queries]


def block_loop() -> Callable[..., Any] | None:
    """The compiled loop, which multiplies the bytes of rounded slots where the processor can; None where it cannot be compiled."""
    loop = partial(compiled, float_tiles.attend_to_tiles, _ARGUMENTS, reorders=True)
    by_bytes = loop(calls=(*_FLOAT_PARTS, *_BYTE_PARTS), instructions=byte_tiles.best_instructions)
    return by_bytes or loop(calls=(*_FLOAT_PARTS, float_tiles.attend_to_rounded, float_tiles.unround))


def has_block_loop() -> bool:
    """Whether it was compiled before and kept."""
    return was_compiled(float_tiles.attend_to_tiles)


@functools.cache
def _loop(threads: int) -> Callable[..., Any] | None:
    """The compiled loop; None where it cannot be compiled, or is not faster than torch with this number of threads."""
    loop = block_loop()
    if loop is None:
        return None
    query, key = torch.ones(1, threads, _COLUMNS, 64), torch.ones(1, threads, 16 * _TILE, 64)

    def seconds(attend: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            attend()
            times.append(time.perf_counter() - started)
        return min(times)

    of_torch = seconds(lambda: torch.nn.functional.scaled_dot_product_attention(query, key, key))
    of_loop = seconds(lambda: _attend(loop, query, key, key, None, False, None))
    return loop if of_loop * _GAIN < of_torch else None


_ARGUMENTS = (
    "(float32[:, ::1], int8[:, ::1], float32[::1], float32[::1], int8[:, ::1], float32[::1], float32[:, ::1], float32[:, ::1], "
    "float32[:, ::1], int64[::1], float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[::1])"
)
_FLOAT_PARTS = (
    float_tiles.write_scores,
    float_tiles.write_weights,
    float_tiles.power_of_e,
    float_tiles.add_values,
    float_tiles.spread_back,
)
_BYTE_PARTS = (
    byte_tiles.filled_up,
    byte_tiles.round_queries,
    byte_tiles.copy_keys,
    byte_tiles.join_values,
    byte_tiles.round_weights,
    byte_tiles.multiply,
    byte_tiles.attend_to_rounded,
)
_NO_NUMBERS = np.empty(0, np.float32)
_NO_SLOTS = np.empty((0, 0), np.int8)
_NONE_ROUNDED = _NO_SLOTS, _NO_NUMBERS, _NO_NUMBERS, _NO_SLOTS, _NO_NUMBERS
"""The arrays of `RoundedSlots.of_head` for no slots."""
