"""Attention of many tokens to many keys on a CPU, in a compiled loop.

Torch multiplies with MKL there, which uses half of the width of some processors (AMD's with AVX-512). This loop is compiled for
the whole width: a block of queries stands in the columns of a matrix, and each key is multiplied with all of them at once. The
keys come tile by tile, so that nothing has the size of queries times keys (FlashAttention, arXiv 2205.14135, section 3.1).
Those of the first slots may be in int8: each tile of them becomes floats when its turn comes. Where there are none, the loop is
used only if it is faster here than torch, which is measured when it is first needed.
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

from reader.beacon.rounding import RoundedSlots
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
    if is_small or query.shape[3] % 4 or torch.is_grad_enabled():
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
    heads_rounded = [_NONE_ROUNDED if rounded is None else rounded.of_head(head) for head in range(kv_heads)]
    arrays = [own.detach().numpy() for own in (columns, sums, lse, seen, room, notes, unrounded)]

    def attend_blocks(thread: int) -> None:
        columns, sums, lse, seen, room, notes, unrounded = arrays
        for place in list(product(*map(range, blocks)))[thread::threads]:
            own = columns[place], *heads_rounded[place[1]], *heads_seen[place[0], place[1]], seen[place[2]]
            loop(*own, unrounded[thread], room[thread], notes[thread], sums[place], lse[place])

    run_together([partial(attend_blocks, thread) for thread in range(threads)])
    rows = sums[..., :used].unflatten(-1, (groups, count)).permute(0, 1, 4, 2, 5, 3).reshape(batch, heads, -1, head_dim)
    own_lse = lse[..., :used].unflatten(-1, (groups, count)).transpose(2, 3).reshape(batch, heads, -1)
    return rows[:, :, :queries], own_lse[:, :, :queries]


def block_loop() -> Callable[..., Any] | None:
    """The compiled loop; None where it cannot be compiled."""
    parts = _write_scores, _write_weights, _power_of_e, _add_values, _unround
    return compiled(_attend_to_tiles, _ARGUMENTS, reorders=True, calls=parts)


def has_block_loop() -> bool:
    """Whether it was compiled before and kept."""
    return was_compiled(_attend_to_tiles)


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
    "(float32[:, ::1], int8[:, ::1], float32[::1], float32[::1], int8[:, ::1], float32[::1], float32[:, ::1], "
    "float32[:, ::1], int64[::1], float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[::1])"
)
_NO_NUMBERS = np.empty(0, np.float32)
_NO_SLOTS = np.empty((0, 0), np.int8)
_NONE_ROUNDED = _NO_SLOTS, _NO_NUMBERS, _NO_NUMBERS, _NO_SLOTS, _NO_NUMBERS
"""The arrays of `RoundedSlots.of_head` for no slots."""
_HIDDEN = np.float32(-3e38)
_LOG2_E = np.float32(1.4426950408889634)


def _attend_to_tiles(
    query: Any,
    rounded_key: Any,
    key_scale: Any,
    key_factor: Any,
    rounded_value: Any,
    value_scale: Any,
    key: Any,
    value: Any,
    seen: Any,
    unrounded: Any,
    room: Any,
    notes: Any,
    output: Any,
    lse: Any,
) -> None:
    """Write the attention output (head_dim, queries) of scaled queries (head_dim, queries), and the log-sum-exp (queries,).

    Rounded slots, with the arrays of `RoundedSlots.of_head`, come first; all queries see them. key and value are
    (keys, head_dim), with a head_dim that is a multiple of 4. A query sees the first `seen` (queries,) of slots and keys together,
    at least one. `unrounded` (tile, head_dim), `room` (tile, queries) and `notes` (2, queries) are overwritten.
    """
    # Unsigned indices cannot count from an array's end: nothing is checked, and the processor multiplies several numbers at once.
    columns, tile, most = np.uint64(query.shape[1]), np.uint64(len(room)), np.uint64(seen.max())
    fewest, highest, factor = seen.min(), notes[0], notes[1]
    for column in range(columns):
        highest[column] = _HIDDEN
        lse[column] = np.float32(0)
    output[:] = np.float32(0)
    zero, slots = np.uint64(0), np.uint64(len(rounded_key))
    for first in range(zero, slots, tile):
        count = min(tile, slots - first)
        _unround(rounded_key, key_scale, first, count, unrounded)
        for row in range(count):
            for number in range(len(key_factor)):
                unrounded[row, number] *= key_factor[number]
        _write_scores(query, unrounded, zero, count, room)
        _write_weights(count, room, highest, factor, lse)
        _unround(rounded_value, value_scale, first, count, unrounded)
        _add_values(unrounded, zero, count, room, factor, output)
    for first in range(slots, most, tile):
        count = min(tile, most - first)
        _write_scores(query, key, first - slots, count, room)
        if np.int64(first + count) > fewest:
            for row in range(count):
                slot = np.int64(first + row)
                for column in range(columns):
                    if slot >= seen[column]:
                        room[row, column] = _HIDDEN
        _write_weights(count, room, highest, factor, lse)
        _add_values(value, first - slots, count, room, factor, output)
    for number in range(len(output)):
        for column in range(columns):
            output[number, column] /= lse[column]
    for column in range(columns):
        lse[column] = np.log(lse[column]) + highest[column]


def _unround(rounded: Any, scale: Any, first: Any, count: Any, unrounded: Any) -> None:
    """Write the numbers of `count` rounded slots from the `first` to `unrounded`."""
    for row in range(count):
        for number in range(rounded.shape[1]):
            unrounded[row, number] = np.float32(rounded[first + row, number]) * scale[first + row]


def _write_scores(query: Any, key: Any, first: Any, count: Any, room: Any) -> None:
    """Write the products of `count` keys from the `first` with all queries to `room`."""
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    head_dim, columns, fours = np.uint64(len(query)), np.uint64(query.shape[1]), count - count % np.uint64(4)
    # Four keys and four of their numbers at once: the sums are read and written a quarter as often.
    for row in range(np.uint64(0), fours, four):
        row_1, row_2, row_3 = row + one, row + two, row + three
        slot = first + row
        slot_1, slot_2, slot_3 = slot + one, slot + two, slot + three
        for column in range(columns):
            room[row, column] = room[row_1, column] = room[row_2, column] = room[row_3, column] = np.float32(0)
        for number in range(np.uint64(0), head_dim, four):
            number_1, number_2, number_3 = number + one, number + two, number + three
            a, a_1, a_2, a_3 = key[slot, number], key[slot, number_1], key[slot, number_2], key[slot, number_3]
            b, b_1, b_2, b_3 = key[slot_1, number], key[slot_1, number_1], key[slot_1, number_2], key[slot_1, number_3]
            c, c_1, c_2, c_3 = key[slot_2, number], key[slot_2, number_1], key[slot_2, number_2], key[slot_2, number_3]
            d, d_1, d_2, d_3 = key[slot_3, number], key[slot_3, number_1], key[slot_3, number_2], key[slot_3, number_3]
            for column in range(columns):
                q, q_1, q_2, q_3 = (
                    query[number, column],
                    query[number_1, column],
                    query[number_2, column],
                    query[number_3, column],
                )
                room[row, column] += a * q + a_1 * q_1 + a_2 * q_2 + a_3 * q_3
                room[row_1, column] += b * q + b_1 * q_1 + b_2 * q_2 + b_3 * q_3
                room[row_2, column] += c * q + c_1 * q_1 + c_2 * q_2 + c_3 * q_3
                room[row_3, column] += d * q + d_1 * q_1 + d_2 * q_2 + d_3 * q_3
    for row in range(fours, count):
        for column in range(columns):
            room[row, column] = np.float32(0)
        for number in range(head_dim):
            a = key[first + row, number]
            for column in range(columns):
                room[row, column] += a * query[number, column]


def _write_weights(count: Any, room: Any, highest: Any, factor: Any, sums: Any) -> None:
    """Replace the scores in `room` by powers of e of what they are above each query's highest score until now, and add these up.

    `factor` becomes what sums over earlier keys are to be multiplied by.
    """
    columns = np.uint64(room.shape[1])
    for column in range(columns):
        factor[column] = highest[column]
    for row in range(count):
        for column in range(columns):
            if room[row, column] > highest[column]:
                highest[column] = room[row, column]
    for column in range(columns):
        factor[column] = _power_of_e(factor[column] - highest[column])
        sums[column] *= factor[column]
    for row in range(count):
        for column in range(columns):
            weight = _power_of_e(room[row, column] - highest[column])
            room[row, column] = weight
            sums[column] += weight


def _power_of_e(exponent: Any) -> Any:
    """Of a number of at most 0, with a relative error of 2e-7, and never below 1e-38."""
    scaled = exponent * _LOG2_E
    scaled = np.float32(-126) if scaled < np.float32(-126) else scaled  # what is no number stays so
    whole = np.floor(scaled + np.float32(0.5))
    rest = scaled - whole
    # 2 ** rest by its Taylor series: rest is between -0.5 and 0.5.
    power = np.float32(1.5403530e-4)
    power = power * rest + np.float32(1.3333558e-3)
    power = power * rest + np.float32(9.6181291e-3)
    power = power * rest + np.float32(5.5504109e-2)
    power = power * rest + np.float32(2.4022651e-1)
    power = power * rest + np.float32(6.9314718e-1)
    power = power * rest + np.float32(1)
    # 2 ** whole is a float whose bits are its exponent.
    return power * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


def _add_values(value: Any, first: Any, count: Any, room: Any, factor: Any, output: Any) -> None:
    """Multiply `output` by `factor`, and add `count` values from the `first`, each with its weights in `room`."""
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    head_dim, columns, fours = np.uint64(len(output)), np.uint64(output.shape[1]), count - count % np.uint64(4)
    for number in range(np.uint64(0), head_dim, four):
        number_1, number_2, number_3 = number + one, number + two, number + three
        for column in range(columns):
            output[number, column] *= factor[column]
            output[number_1, column] *= factor[column]
            output[number_2, column] *= factor[column]
            output[number_3, column] *= factor[column]
        for row in range(np.uint64(0), fours, four):
            row_1, row_2, row_3 = row + one, row + two, row + three
            slot = first + row
            slot_1, slot_2, slot_3 = slot + one, slot + two, slot + three
            a, a_1, a_2, a_3 = value[slot, number], value[slot, number_1], value[slot, number_2], value[slot, number_3]
            b, b_1, b_2, b_3 = (
                value[slot_1, number],
                value[slot_1, number_1],
                value[slot_1, number_2],
                value[slot_1, number_3],
            )
            c, c_1, c_2, c_3 = (
                value[slot_2, number],
                value[slot_2, number_1],
                value[slot_2, number_2],
                value[slot_2, number_3],
            )
            d, d_1, d_2, d_3 = (
                value[slot_3, number],
                value[slot_3, number_1],
                value[slot_3, number_2],
                value[slot_3, number_3],
            )
            for column in range(columns):
                w, w_1, w_2, w_3 = room[row, column], room[row_1, column], room[row_2, column], room[row_3, column]
                output[number, column] += a * w + b * w_1 + c * w_2 + d * w_3
                output[number_1, column] += a_1 * w + b_1 * w_1 + c_1 * w_2 + d_1 * w_3
                output[number_2, column] += a_2 * w + b_2 * w_1 + c_2 * w_2 + d_2 * w_3
                output[number_3, column] += a_3 * w + b_3 * w_1 + c_3 * w_2 + d_3 * w_3
        for row in range(fours, count):
            slot = first + row
            for column in range(columns):
                w = room[row, column]
                output[number, column] += value[slot, number] * w
                output[number_1, column] += value[slot, number_1] * w
                output[number_2, column] += value[slot, number_2] * w
                output[number_3, column] += value[slot, number_3] * w
