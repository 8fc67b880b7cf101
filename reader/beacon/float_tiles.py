"""The compiled loop of attention of many tokens: queries in the columns of a matrix, keys and values tile by tile.

No function of Python runs in it: `many_queries` prepares its arrays and compiles it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_HIDDEN = np.float32(-3e38)
_LOG2_E = np.float32(1.4426950408889634)


def attend_to_tiles(
    query: Any,
    rounded_key: Any,
    key_scale: Any,
    key_factor: Any,
    rounded_value: Any,
    value_scale: Any,
    spread: Any,
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

    Rounded slots, with the arrays of `RoundedSlots.of_head`, come first; all queries see them. If their values are spread, `spread`
    is the matrix (head_dim, head_dim) that does so and undoes it, else empty; head_dim is at most a tile. key and value are
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
    slots = np.uint64(len(rounded_key))
    attend_to_rounded(
        *(query, rounded_key, key_scale, key_factor, rounded_value, value_scale, unrounded, room, notes, output, lse)
    )
    if len(spread):
        spread_back(spread, output, room)
    for first in range(slots, most, tile):
        count = min(tile, most - first)
        write_scores(query, key, first - slots, count, room)
        if np.int64(first + count) > fewest:
            for row in range(count):
                slot = np.int64(first + row)
                for column in range(columns):
                    if slot >= seen[column]:
                        room[row, column] = _HIDDEN
        write_weights(count, room, highest, factor, lse)
        add_values(value, first - slots, count, room, factor, output)
    for number in range(len(output)):
        for column in range(columns):
            output[number, column] /= lse[column]
    for column in range(columns):
        lse[column] = np.log(lse[column]) + highest[column]


def spread_back(spread: Any, output: Any, room: Any) -> None:
    """Multiply sums (head_dim, queries) of spread values by the matrix that undoes it."""
    columns, numbers = np.uint64(output.shape[1]), np.uint64(len(output))
    for number in range(numbers):
        for column in range(columns):
            room[number, column] = np.float32(0)
        for other in range(numbers):
            factor = spread[number, other]
            for column in range(columns):
                room[number, column] += factor * output[other, column]
    for number in range(numbers):
        for column in range(columns):
            output[number, column] = room[number, column]


def attend_to_rounded(
    query: Any,
    rounded_key: Any,
    key_scale: Any,
    key_factor: Any,
    rounded_value: Any,
    value_scale: Any,
    unrounded: Any,
    room: Any,
    notes: Any,
    output: Any,
    lse: Any,
) -> None:
    """Begin `attend_to_tiles` with the rounded slots: each tile of them becomes floats.

    `output` becomes the sum of the values, each with its weight, `lse` the sum of the weights, and `notes[0]` each query's highest
    score.
    """
    zero, tile, slots = np.uint64(0), np.uint64(len(room)), np.uint64(len(rounded_key))
    for first in range(zero, slots, tile):
        count = min(tile, slots - first)
        unround(rounded_key, key_scale, first, count, unrounded)
        for row in range(count):
            for number in range(len(key_factor)):
                unrounded[row, number] *= key_factor[number]
        write_scores(query, unrounded, zero, count, room)
        write_weights(count, room, notes[0], notes[1], lse)
        unround(rounded_value, value_scale, first, count, unrounded)
        add_values(unrounded, zero, count, room, notes[1], output)


def unround(rounded: Any, scale: Any, first: Any, count: Any, unrounded: Any) -> None:
    """Write the numbers of `count` rounded slots from the `first` to `unrounded`."""
    for row in range(count):
        for number in range(rounded.shape[1]):
            unrounded[row, number] = np.float32(rounded[first + row, number]) * scale[first + row]


def write_scores(query: Any, key: Any, first: Any, count: Any, room: Any) -> None:
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


def write_weights(count: Any, room: Any, highest: Any, factor: Any, sums: Any) -> None:
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
        factor[column] = power_of_e(factor[column] - highest[column])
        sums[column] *= factor[column]
    for row in range(count):
        for column in range(columns):
            weight = power_of_e(room[row, column] - highest[column])
            room[row, column] = weight
            sums[column] += weight


def power_of_e(exponent: Any) -> Any:
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


def add_values(value: Any, first: Any, count: Any, room: Any, factor: Any, output: Any) -> None:
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
