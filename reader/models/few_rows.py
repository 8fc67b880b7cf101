"""A few rows times int8 weights in a compiled loop, by instructions of x86 processors (AVX-512 VNNI, AVX-VNNI, AVX2).

The libraries copy the weights into another order at each call, which takes twice as long as the product of a question's rows, or
prepare them once, which takes seconds. This loop reads them once, as they are. Other processors are left to the libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from reader.compiled import byte_dot, compiled, llvm_function, processor_features, run_together

MOST_ROWS = 128
"""With more rows the libraries are as fast."""
_AT_ONCE = 4
"""Rows of the weights whose products are summed at the same time."""
_TOGETHER = 64
"""Rows of the weights whose products are scaled together, while they are in the processor's cache."""
_WIDEST = 64
"""Numbers that one instruction multiplies with AVX-512; half as many without it."""

multiply_block: Any = None
rows_at_once = raise_by = 0
"""What `instructions` makes of them. The sums of so many rows fill half of the registers."""
_ARGUMENTS = "(int8[:, ::1], float32[::1], float32[::1], int8[:, ::1], float32[:, ::1], float32[:, ::1], int64, int64)"


def fits(out_features: int, in_features: int) -> bool:
    """Whether the loop multiplies weights of this shape."""
    return out_features % _AT_ONCE == 0 and in_features % _WIDEST == 0


def few_rows_loop(instructions: Callable[[], Mapping[str, Any]] | None = None) -> Callable[..., None] | None:
    """The compiled loop; None where it cannot be compiled. Torch's threads share the rows of the weights.

    It takes weights (out, in), their scales (out,), a bias (out,) or nothing, rows (rows, in) and their scales (rows, 1), and
    writes to the last argument, (rows, out).

    Args:
        instructions: others than the best that this processor has.
    """
    loop = compiled(_multiply_rows, _ARGUMENTS, instructions=instructions or best_instructions)
    if loop is None:
        return None

    def multiply(weights: Any, *arrays: Any) -> None:
        threads = torch.get_num_threads()
        part = -(-len(weights) // (threads * _AT_ONCE)) * _AT_ONCE
        starts = range(0, len(weights), part)
        run_together([partial(loop, weights, *arrays, start, min(start + part, len(weights))) for start in starts])

    return multiply


def _multiply_rows(
    weights: Any, row_scale: Any, bias: Any, rounded: Any, scales: Any, result: Any, start: int, stop: int
) -> None:
    """Project rounded rows (rows, in) to those of (rows, out) from `start` to `stop`, as the library does in every bit."""
    products, places = np.empty((len(rounded), _TOGETHER), np.int32), np.empty(rows_at_once, np.int64)
    # The weights are multiplied as unsigned numbers, each of them `raise_by` too large.
    raised = np.empty(len(rounded), np.int32)
    for row in range(len(rounded)):
        total = np.int32(0)
        for column in range(rounded.shape[1]):
            total = np.int32(total + np.int32(rounded[row, column]))
        raised[row] = np.int32(total * np.int32(raise_by))
    for place in range(start, stop, _TOGETHER):
        count = min(_TOGETHER, stop - place)
        for out in range(place, place + count, _AT_ONCE):
            for first in range(0, len(rounded), rows_at_once):
                for own in range(rows_at_once):
                    places[own] = min(first + own, len(rounded) - 1)
                # Of the next rows of the weights, one is fetched at each turn.
                ahead = min(out + _AT_ONCE + first // rows_at_once % _AT_ONCE, len(weights) - 1)
                multiply_block(weights, out, rounded, places, ahead, products, out - place)
        own_scale, own_bias = row_scale[place : place + count], bias[place : place + count]
        for row in range(len(rounded)):
            own_result, own_products = result[row, place : place + count], products[row]
            for own in range(count):
                own_result[own] = (
                    np.float32(np.int32(own_products[own] - raised[row])) * own_scale[own] * scales[row, 0]
                )
            for own in range(len(own_bias)):
                own_result[own] += own_bias[own]


def best_instructions() -> Mapping[str, Any]:
    """The fastest `instructions` that this processor has."""
    return instructions(processor_features())


def instructions(features: str) -> Mapping[str, Any]:
    """What `_multiply_rows` calls, by name, for a processor with these features, in LLVM's notation.

    With AVX2 alone, two products are added in 16 bits: weights must be from -63 to 63.

    Raises:
        NotImplementedError: it has none of the instructions.
    """
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    is_wide = "+avx512vnni" in features
    has_dot = is_wide or "+avxvnni" in features
    if not has_dot and "+avx2" not in features:
        raise NotImplementedError("The processor has neither AVX-512 VNNI nor AVX2.")
    raise_by = 128 if has_dot else 64
    width, rows_at_once = (_WIDEST, 4) if is_wide else (_WIDEST // 2, 2)
    number, byte, place = ir.IntType(32), ir.IntType(8), ir.IntType(64)
    sums, numbers = ir.VectorType(number, width // 4), ir.VectorType(byte, width)

    @intrinsic
    def multiply_block(
        typing: Any, weights: Any, out: Any, rows: Any, places: Any, ahead: Any, products: Any, column: Any
    ) -> Any:
        """Write products of the rows at `places` and the four rows of the weights from `out`, raised, from that column on."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds = dict(
                zip(("weights", "out", "rows", "places", "ahead", "products", "column"), signature.args, strict=True)
            )
            given = dict(zip(kinds, arguments, strict=True))
            arrays = {
                name: context.make_array(kinds[name])(context, builder, given[name])
                for name in ("weights", "rows", "places", "products")
            }

            def address(name: str, *index: Any) -> Any:
                return cgutils.get_item_pointer(context, builder, kinds[name], arrays[name], index, wraparound=False)

            def loaded(name: str, row: Any, column: Any) -> Any:
                found = builder.load(builder.bitcast(address(name, row, column), numbers.as_pointer()))
                found.align = 1
                return found

            dot = byte_dot(builder, width) if has_dot else _dot(builder, width)
            hints = byte.as_pointer(), number, number, number
            fetch = llvm_function(builder, "llvm.prefetch.p0", ir.VoidType(), *hints)
            outs = [builder.add(given["out"], place(own)) for own in range(_AT_ONCE)]
            read = [builder.load(address("places", place(own))) for own in range(rows_at_once)]
            totals = [[cgutils.alloca_once_value(builder, ir.Constant(sums, None)) for _ in outs] for _ in read]
            columns = builder.extract_value(arrays["rows"].shape, 1)
            with cgutils.for_range_slice(builder, place(0), columns, place(width), place) as (column, _):
                builder.call(fetch, [address("weights", given["ahead"], column), number(0), number(3), number(1)])
                raised = ir.Constant(numbers, [raise_by] * width)
                own = [builder.add(loaded("weights", out, column), raised) for out in outs]
                for row, row_totals in zip(read, totals, strict=True):
                    states = loaded("rows", row, column)
                    for one, sum_ in zip(own, row_totals, strict=True):
                        builder.store(dot(builder.load(sum_), one, states), sum_)
            total = _total(builder, [builder.load(sum_) for row_totals in totals for sum_ in row_totals])
            for row, place_of_row in enumerate(read):
                mask = ir.Constant(ir.VectorType(number, _AT_ONCE), [row * _AT_ONCE + own for own in range(_AT_ONCE)])
                four = builder.shuffle_vector(total, total, mask)
                to = builder.bitcast(address("products", place_of_row, given["column"]), four.type.as_pointer())
                builder.store(four, to).align = 4
            return context.get_dummy_value()

        return types.void(weights, out, rows, places, ahead, products, column), generate

    return {"multiply_block": multiply_block, "rows_at_once": rows_at_once, "raise_by": raise_by}


def _total(builder: Any, sums: Sequence[Any]) -> Any:
    """Add neighbours until each vector is one number: a vector of these, in the order of the vectors, which are as many."""
    from llvmlite import ir

    lanes = range(sums[0].type.count)
    sides = [
        ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), [2 * lane + side for lane in lanes]) for side in (0, 1)
    ]
    while len(sums) > 1:
        pairs = zip(sums[::2], sums[1::2], strict=True)
        sums = [builder.add(*(builder.shuffle_vector(*pair, side) for side in sides)) for pair in pairs]
    return sums[0]


def _dot(builder: Any, width: int) -> Callable[[Any, Any, Any], Any]:
    """`byte_dot` by AVX2, which adds two products in 16 bits."""
    from llvmlite import ir

    sums, halves, numbers = (ir.VectorType(ir.IntType(bits), 8 * width // bits) for bits in (32, 16, 8))
    in_16_bits = llvm_function(builder, "llvm.x86.avx2.pmadd.ub.sw", halves, numbers, numbers)
    in_32_bits = llvm_function(builder, "llvm.x86.avx2.pmadd.wd", sums, halves, halves)
    ones = ir.Constant(halves, [1] * halves.count)
    return lambda total, one, other: builder.add(
        total, builder.call(in_32_bits, [builder.call(in_16_bits, [one, other]), ones])
    )
