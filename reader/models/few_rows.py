"""A few rows times int8 weights in a compiled loop, by an instruction of many x86 processors (AVX-512 VNNI).

The libraries copy the weights into another order at each call, which takes twice as long as the product of a question's rows, or
prepare them once, which takes seconds. This loop reads them once, as they are. Other processors are left to the libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

MOST_ROWS = 32
"""With more rows the libraries are as fast."""
_AT_ONCE = 4
"""Rows, and rows of the weights, whose products are summed at the same time: their sums fill half of the registers."""
_BYTES = 64
"""Numbers that one instruction multiplies."""

multiply_block: Any = None
"""What `instructions` makes of it."""
ARGUMENTS = "(int8[:, ::1], float32[::1], float32[::1], int8[:, ::1], float32[:, ::1], float32[:, ::1])"


def fits(out_features: int, in_features: int) -> bool:
    """Whether the loop multiplies weights of this shape."""
    return out_features % _AT_ONCE == 0 and in_features % _BYTES == 0


def multiply_rows(weights: Any, row_scale: Any, bias: Any, rounded: Any, scales: Any, result: Any) -> None:
    """Project rounded rows (rows, in) to (rows, out), as the library does in every bit."""
    products, places = np.empty(result.shape, np.int32), np.empty(4, np.int64)
    for out in range(0, len(weights), 4):
        for first in range(0, len(rounded), 4):
            for own in range(4):
                places[own] = min(first + own, len(rounded) - 1)
            # Of the next four rows of the weights, one is fetched at each turn.
            ahead = min(out + 4 + first // 4 % 4, len(weights) - 1)
            multiply_block(weights, out, rounded, places, ahead, products)
    for row in range(len(rounded)):
        # The weights were multiplied as unsigned numbers, each of them 128 too large.
        raised = np.int32(0)
        for column in range(rounded.shape[1]):
            raised = np.int32(raised + np.int32(np.int32(rounded[row, column]) * np.int32(128)))
        for out in range(len(weights)):
            result[row, out] = np.float32(np.int32(products[row, out] - raised)) * row_scale[out] * scales[row, 0]
        for out in range(len(bias)):
            result[row, out] += bias[out]


def instructions() -> Mapping[str, Any]:
    """What `multiply_rows` calls, by name.

    Raises:
        NotImplementedError: this processor does not have the instruction.
    """
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils, codegen, config
    from numba.extending import intrinsic

    features = config.CPU_FEATURES or codegen.get_host_cpu_features()  # type: ignore[attr-defined]
    if "+avx512vnni" not in features:
        raise NotImplementedError("This processor has no AVX-512 VNNI.")
    number, byte, place = ir.IntType(32), ir.IntType(8), ir.IntType(64)
    sums, numbers = ir.VectorType(number, _BYTES // 4), ir.VectorType(byte, _BYTES)

    @intrinsic
    def multiply_block(typing: Any, weights: Any, out: Any, rows: Any, places: Any, ahead: Any, products: Any) -> Any:
        """Write products of four rows at `places` and the four rows of the weights from `out`, plus 128, to `products`."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds = dict(zip(("weights", "out", "rows", "places", "ahead", "products"), signature.args, strict=True))
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

            def function(name: str, result: Any, *own: Any) -> Any:
                return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, own), name)

            dot = function("llvm.x86.avx512.vpdpbusd.512", sums, sums, sums, sums)
            total = function("llvm.vector.reduce.add.v16i32", number, sums)
            fetch = function("llvm.prefetch.p0", ir.VoidType(), byte.as_pointer(), number, number, number)
            each = range(_AT_ONCE)
            outs = [builder.add(given["out"], place(own)) for own in each]
            read = [builder.load(address("places", place(own))) for own in each]
            totals = [[cgutils.alloca_once_value(builder, ir.Constant(sums, None)) for _ in each] for _ in each]
            columns = builder.extract_value(arrays["rows"].shape, 1)
            with cgutils.for_range_slice(builder, place(0), columns, place(_BYTES), place) as (column, _):
                builder.call(fetch, [address("weights", given["ahead"], column), number(0), number(3), number(1)])
                raised = ir.Constant(numbers, [128] * _BYTES)
                own = [builder.bitcast(builder.xor(loaded("weights", out, column), raised), sums) for out in outs]
                for row, row_totals in zip(read, totals, strict=True):
                    states = builder.bitcast(loaded("rows", row, column), sums)
                    for one, sum_ in zip(own, row_totals, strict=True):
                        builder.store(builder.call(dot, [builder.load(sum_), one, states]), sum_)
            for row, row_totals in zip(read, totals, strict=True):
                for out, sum_ in zip(outs, row_totals, strict=True):
                    builder.store(builder.call(total, [builder.load(sum_)]), address("products", row, out))
            return context.get_dummy_value()

        return types.void(weights, out, rows, places, ahead, products), generate

    return {"multiply_block": multiply_block}
