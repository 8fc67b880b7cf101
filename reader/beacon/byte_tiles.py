"""Attention of many tokens to slots in int8 by instructions that multiply bytes (AVX-512 VNNI and AVX-VNNI of x86 processors).

They multiply four pairs of bytes where one pair of floats is multiplied otherwise. Queries, and the weights of values, are rounded
to 15 binary digits, which are two bytes: that is a hundredth of the error of slots in int8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reader.beacon.float_tiles import write_weights
from reader.compiled import byte_dot, processor_features

_LARGEST, _RAISE_BY = np.float32(16383), np.int32(16384)
"""A query's numbers are rounded to whole ones up to the first, and then raised: bytes are multiplied as unsigned ones."""
_WHOLE = np.float32(32767)
"""What the largest weight of a value is rounded to."""
_LEAST, _INFINITE, _NO_NUMBER = np.float32(1e-30), np.float32(np.inf), np.float32(np.nan)

multiply_block: Any = None
rows_at_once = columns_at_once = 0
"""What `instructions` makes of them: the sums of so many rows and columns fill half of the registers."""


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
    """Do what `float_tiles.attend_to_rounded` does, without floats of the slots."""
    zero, three, four = np.uint64(0), np.uint64(3), np.uint64(4)
    head_dim, columns, slots = np.uint64(len(query)), np.uint64(query.shape[1]), np.uint64(len(rounded_key))
    if not slots:
        return
    tile, numbers = min(np.uint64(len(room)), filled_up(slots)), head_dim // four
    query_high, query_low = np.empty((numbers, columns), np.int32), np.empty((numbers, columns), np.int32)
    query_scale = np.empty(columns, np.float32)
    round_queries(query, key_factor, query_high, query_low, query_scale)
    keys, raised = np.zeros((tile, head_dim), np.int8), np.empty(tile, np.int32)
    values = np.zeros((tile // four, filled_up(head_dim)), np.int32)
    high, low = np.empty((tile // four, columns), np.int32), np.empty((tile // four, columns), np.int32)
    products = np.empty((max(tile, filled_up(head_dim)), columns), np.int32)
    for first in range(zero, slots, tile):
        count = min(tile, slots - first)
        copy_keys(rounded_key, first, count, keys, raised)
        multiply(keys.view(np.int32), filled_up(count), numbers, 1, numbers, query_high, query_low, products)
        for row in range(count):
            scale = key_scale[first + row]
            for column in range(columns):
                product = np.int32(products[row, column] - raised[row])
                room[row, column] = np.float32(product) * (scale * query_scale[column])
        write_weights(count, room, notes[0], notes[1], lse)
        largest = _LEAST
        for row in range(count):
            largest = max(largest, value_scale[first + row])
        steps = (count + three) // four
        for step in range(steps):
            round_weights(room, count, step, value_scale, first, _WHOLE / largest, high[step], low[step])
            join_values(rounded_value, first, count, step, values[step])
        multiply(values, filled_up(head_dim), 1, filled_up(head_dim), steps, high, low, products)
        for number in range(head_dim):
            for column in range(columns):
                added = np.float32(products[number, column]) * (largest / _WHOLE)
                output[number, column] = output[number, column] * notes[1, column] + added


def filled_up(count: Any) -> Any:
    """The next multiple of the rows that are multiplied together."""
    return (np.uint64(count) + np.uint64(rows_at_once - 1)) // np.uint64(rows_at_once) * np.uint64(rows_at_once)


def round_queries(query: Any, key_factor: Any, high: Any, low: Any, scale: Any) -> None:
    """Write queries (head_dim, queries), times the factors of the keys, in bytes (head_dim / 4, queries), and their scales."""
    columns, four = np.uint64(query.shape[1]), np.uint64(4)
    for column in range(columns):
        scale[column] = np.float32(0)
    for number in range(np.uint64(len(query))):
        for column in range(columns):
            size = abs(query[number, column] * key_factor[number])
            scale[column] = size if size > scale[column] or size != size else scale[column]
    for four_numbers in range(np.uint64(len(high))):
        for column in range(columns):
            high[four_numbers, column] = low[four_numbers, column] = np.int32(0)
        for place in range(4):
            own_number, shift = four_numbers * four + np.uint64(place), np.int32(8 * place)
            for column in range(columns):
                own = query[own_number, column] * key_factor[own_number] * (_LARGEST / max(scale[column], _LEAST))
                whole = np.int32(np.int32(np.floor(own + np.float32(0.5))) + _RAISE_BY)
                high[four_numbers, column] |= np.int32((whole >> np.int32(8)) << shift)
                low[four_numbers, column] |= np.int32((whole & np.int32(255)) << shift)
    for column in range(columns):
        # Where one is infinite or no number, no score of the query is a number.
        scale[column] = scale[column] / _LARGEST if scale[column] < _INFINITE else _NO_NUMBER


def copy_keys(rounded_key: Any, first: Any, count: Any, keys: Any, raised: Any) -> None:
    """Copy `count` keys from the `first`, and write by how much their products are too large."""
    for row in range(count):
        total = np.int32(0)
        for number in range(np.uint64(keys.shape[1])):
            keys[row, number] = rounded_key[first + row, number]
            total += np.int32(rounded_key[first + row, number])
        raised[row] = np.int32(total * _RAISE_BY)


def join_values(rounded_value: Any, first: Any, count: Any, step: Any, values: Any) -> None:
    """Write the numbers of four values, which one instruction multiplies: `step` counts them by fours."""
    last, one = count - np.uint64(1), np.uint64(1)
    row = step * np.uint64(4)
    row_1, row_2, row_3 = min(row + one, last), min(row + one + one, last), min(row + one + one + one, last)
    for number in range(np.uint64(rounded_value.shape[1])):
        a = np.int32(rounded_value[first + row, number]) & np.int32(255)
        b = np.int32(rounded_value[first + row_1, number]) & np.int32(255)
        c = np.int32(rounded_value[first + row_2, number]) & np.int32(255)
        d = np.int32(rounded_value[first + row_3, number])
        values[number] = a | (b << np.int32(8)) | (c << np.int32(16)) | (d << np.int32(24))


def round_weights(
    room: Any, count: Any, step: Any, value_scale: Any, first: Any, factor: Any, high: Any, low: Any
) -> None:
    """Write the weights of four values, times their scales and the factor, in bytes."""
    for column in range(np.uint64(len(high))):
        high[column] = low[column] = np.int32(0)
    for place in range(4):
        row, shift = step * np.uint64(4) + np.uint64(place), np.int32(8 * place)
        if row < count:
            own = value_scale[first + row] * factor
            for column in range(np.uint64(len(high))):
                whole = np.int32(room[row, column] * own + np.float32(0.5))
                high[column] |= np.int32((whole >> np.int32(8)) << shift)
                low[column] |= np.int32((whole & np.int32(255)) << shift)


def multiply(
    left: Any, rows: Any, row_step: Any, number_step: Any, count: Any, high: Any, low: Any, products: Any
) -> None:
    """Write the products of `rows` of bytes on the left with each column of two bytes.

    Each number on the left is four bytes. `count` of them are in a row; the next one is `number_step` further, the next row
    `row_step`.
    """
    for row in range(0, np.int64(rows), rows_at_once):
        for column in range(0, high.shape[1], columns_at_once):
            multiply_block(left, row, row_step, number_step, count, high, low, column, products)


def best_instructions() -> Mapping[str, Any]:
    """The fastest `instructions` that this processor has."""
    return instructions(processor_features())


def instructions(features: str) -> Mapping[str, Any]:
    """What `multiply` calls, by name, for a processor with these features, in LLVM's notation.

    Raises:
        NotImplementedError: it has no such instructions.
    """
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    is_wide = "+avx512vnni" in features
    if not is_wide and "+avxvnni" not in features:
        raise NotImplementedError("The processor has neither AVX-512 VNNI nor AVX-VNNI.")
    columns_at_once, rows_at_once = (16, 8) if is_wide else (8, 4)  # the sums fill half of the registers
    number, place = ir.IntType(32), ir.IntType(64)
    sums = ir.VectorType(number, columns_at_once)

    @intrinsic
    def multiply_block(
        typing: Any,
        left: Any,
        row: Any,
        row_step: Any,
        number_step: Any,
        count: Any,
        high: Any,
        low: Any,
        column: Any,
        products: Any,
    ) -> Any:
        """Write the products of a few rows and columns, from `row` and `column` on."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            left, row, row_step, number_step, count, high, low, column, products = arguments
            kinds = dict(
                zip(("left", "high", "low", "products"), (signature.args[n] for n in (0, 5, 6, 8)), strict=True)
            )
            arrays = {
                name: context.make_array(kinds[name])(context, builder, value)
                for name, value in zip(kinds, (left, high, low, products), strict=True)
            }

            def address(name: str, *parts: Any) -> Any:
                """Of the number that is so many numbers behind the first, the sum of the products of each pair."""
                index = place(0)
                for one, other in parts:
                    index = builder.add(index, builder.mul(one, other))
                return builder.gep(builder.bitcast(arrays[name].data, number.as_pointer()), [index])

            def loaded(name: str, *parts: Any) -> Any:
                found = builder.load(builder.bitcast(address(name, *parts), sums.as_pointer()))
                found.align = 4
                return found

            dot = byte_dot(builder, 4 * columns_at_once)
            none = ir.Constant(sums, None)
            totals = [[cgutils.alloca_once_value(builder, none) for _ in range(2)] for _ in range(rows_at_once)]
            columns = builder.extract_value(arrays["high"].shape, 1)
            rows = [builder.add(row, place(own)) for own in range(rows_at_once)]
            with cgutils.for_range(builder, count) as loop:
                right = [loaded(name, (loop.index, columns), (column, place(1))) for name in ("high", "low")]
                for own, row_totals in zip(rows, totals, strict=True):
                    bytes_ = builder.load(address("left", (own, row_step), (loop.index, number_step)))
                    in_all = builder.shuffle_vector(
                        builder.insert_element(ir.Constant(sums, ir.Undefined), bytes_, number(0)),
                        none,
                        ir.Constant(sums, None),
                    )
                    for total, one in zip(row_totals, right, strict=True):
                        builder.store(dot(builder.load(total), one, in_all), total)
            for own, (of_high, of_low) in zip(rows, totals, strict=True):
                eight = ir.Constant(sums, [8] * columns_at_once)
                total = builder.add(builder.shl(builder.load(of_high), eight), builder.load(of_low))
                to = address("products", (own, columns), (column, place(1)))
                builder.store(total, builder.bitcast(to, sums.as_pointer())).align = 4
            return context.get_dummy_value()

        own = left, row, row_step, number_step, count, high, low, column, products
        return types.void(*own), generate

    return {"multiply_block": multiply_block, "rows_at_once": rows_at_once, "columns_at_once": columns_at_once}
