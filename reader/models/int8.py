"""int8 weights for a decoder's linear layers on a CPU: a quarter of float32's bytes, and integer instead of float products.

Each row of a matrix is rounded to int8 with its own scale when the decoder is loaded. Each token's activations are rounded in the
same way when they are computed (dynamic quantisation), so a token's result does not depend on the other tokens of the pass.
Where outliers leave little of the scale to a token's other inputs (those of the MLP's last projection), they are rounded twice: the
second rounding takes the remainder of the first.
A single row, and two that are rounded once, have a compiled loop that reads the weights once and is as fast as the memory. The
fastest kernels are measured once on each machine, for many rows and for one apart. Where they are exact only for smaller weights,
the weights are rounded to 7 of the 8 bits. The weights are frozen, but gradients pass through them, rounded in the same way:
training what surrounds them takes half of float32's time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reader.compiled import compiled
from reader.errors import ConfigError
from reader.models.machine import Notes, best_seconds

_SMALL_WEIGHTS = 1 << 18
"""A matrix with fewer weights stays in float32, which is faster for it."""
_TWICE_ROUNDED = ("mlp.down_proj",)
"""The layers whose inputs are rounded twice where they are coarse."""
_COARSE = 4.0
"""A row is rounded twice if its rounded values are smaller than this on average: a few outliers took most of the scale."""
_LARGEST = 127
"""The largest absolute value of rounded activations, and of rounded weights where the kernels are exact for it."""
_LARGEST_IN_16_BITS = 63
"""That of rounded weights without VNNI: kernels add two products in 16 bits there, and 2 * 255 * 63 fits."""
_NEVER = 1e9
_MANY_ROWS, _DECODED = 512, 64
"""A kernel is chosen for reading this many rows together, and decoding this many one after another."""
_ROWS_AT_ONCE = 64
"""Rows that are rounded together: few enough to fit the processor's cache."""


def use_int8(decoder: Any, cache: Path) -> None:
    """Replace a decoder's large linear layers and its output matrix by int8 ones, in place.

    Raises:
        ConfigError: no kernel of this machine multiplies int8 exactly.
    """
    best = _choose(cache)
    for place, module in list(decoder.named_modules()):
        if isinstance(module, nn.Linear) and module.weight.numel() >= _SMALL_WEIGHTS:
            parent, _, own = place.rpartition(".")
            roundings = 2 if place.endswith(_TWICE_ROUNDED) else 1
            int8 = Int8Linear(module, _KERNELS[best.kernel], roundings, best.loop, best.largest_weight)
            setattr(decoder.get_submodule(parent), own, int8)


class Int8Linear(nn.Module):
    """A linear layer with int8 weights."""

    def __init__(
        self,
        own: nn.Linear,
        kernel: Kernel,
        roundings: int = 1,
        loop: Loop | None = None,
        largest_weight: int = _LARGEST,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = own.in_features, own.out_features
        self.bias = own.bias
        weight = own.weight.detach()
        scale = _scale(weight, largest_weight)
        self._rounded: Tensor
        self._row_scale: Tensor
        self.register_buffer("_rounded", (weight / scale).round_().to(torch.int8).contiguous(), persistent=False)
        self.register_buffer("_row_scale", scale[:, 0].contiguous(), persistent=False)
        self._roundings = roundings
        self._multiply = kernel(self._rounded, self._row_scale)
        self._loop = loop
        bias = np.empty(0, np.float32) if self.bias is None else self.bias.detach().numpy()
        self._arrays = self._rounded.numpy(), self._row_scale.numpy(), bias

    @property
    def weight(self) -> Tensor:
        """The rounded weights (out, in) in float32, computed at each call."""
        return self._rounded * self._row_scale[:, None]

    def forward(self, states: Tensor) -> Tensor:
        """Project states (…, in) to (…, out)."""
        if states.requires_grad and torch.is_grad_enabled():
            projected: Tensor = _WithGradient.apply(states, self)
            return projected
        return self.project(states)

    def project(self, states: Tensor) -> Tensor:
        """`forward` without a gradient."""
        rows = states.reshape(-1, self.in_features)
        if self._loop is not None and (len(rows) == 1 or self._roundings * len(rows) == 2):
            result = torch.empty(len(rows), self.out_features)
            self._loop(*self._arrays, rows.detach().contiguous().numpy(), self._roundings, result.numpy())
            return result.view(*states.shape[:-1], self.out_features)
        rounded, scale, coarse = _round(rows, self._roundings)
        # One row has a much faster kernel than two.
        parts = rounded.split(1) if len(rows) == 1 else (rounded,)
        products = torch.cat([self._multiply(part) for part in parts]) if len(parts) > 1 else self._multiply(rounded)
        products.mul_(scale)
        result = products[: len(rows)]
        if len(coarse):
            result[coarse] += products[len(rows) :]
        if self.bias is not None:
            result += self.bias
        return result.view(*states.shape[:-1], self.out_features)

    def project_back(self, gradient: Tensor) -> Tensor:
        """The gradient (…, in) with respect to the states, of one (…, out) with respect to their projection."""
        rounded, scale, _ = _round(gradient.reshape(-1, self.out_features) * self._row_scale, 1)
        return (torch._int_mm(rounded, self._rounded) * scale).view(*gradient.shape[:-1], self.in_features)


class _WithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, layer: Int8Linear) -> Tensor:
        ctx.layer = layer
        return layer.project(states)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return ctx.layer.project_back(gradients[0]), None


def _round(rows: Tensor, roundings: int) -> tuple[Tensor, Tensor, Tensor]:
    """Round rows (rows, in) to int8, and with two roundings also what that leaves of each coarse row.

    Returns:
        (rows + coarse, in) int8, the scale of each, (rows + coarse, 1), and the coarse rows' numbers (coarse,).
    """
    rounded, scales = torch.empty_like(rows, dtype=torch.int8), rows.new_empty(len(rows), 1)
    rest, coarse = [rows[:0]], [torch.empty(0, dtype=torch.int64)]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        own = rows[start : start + _ROWS_AT_ONCE]
        scale = _scale(own)
        whole = torch.div(own, scale).round_()
        place = slice(start, start + len(own))
        rounded[place], scales[place] = whole, scale
        if roundings > 1:
            # Sums of whole numbers, which are the same in any order.
            (found,) = torch.nonzero(whole.abs().sum(1) < _COARSE * rows.shape[1], as_tuple=True)
            rest.append(own[found] - whole[found] * scale[found])
            coarse.append(start + found)
    if sum(map(len, coarse)):
        again, scale, _ = _round(torch.cat(rest), 1)
        rounded, scales = torch.cat([rounded, again]), torch.cat([scales, scale])
    return rounded, scales, torch.cat(coarse)


def _scale(rows: Tensor, largest: int = _LARGEST) -> Tensor:
    """The divisor (rows, 1) that makes the largest absolute value of each row (rows, in) `largest`."""
    return torch.maximum(rows.amax(1, keepdim=True), -rows.amin(1, keepdim=True)).div_(largest).clamp_min_(1e-30)


# --- kernels ------------------------------------------------------------------------------------------------

Kernel = Callable[[Tensor, Tensor], Callable[[Tensor], Tensor]]
"""Takes int8 weights (out, in) and their scales (out,); returns a function from int8 rows (rows, in) to the product (rows, out)."""
Loop = Callable[..., Any]
"""`_project_rows`, compiled."""
_ARGUMENTS = "(int8[:, ::1], float32[::1], float32[::1], float32[:, ::1], int64, float32[:, ::1])"


def _int_mm(weights: Tensor, row_scale: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda rows: torch._int_mm(rows, weights.t()) * row_scale


def _onednn(weights: Tensor, row_scale: Tensor) -> Callable[[Tensor], Tensor]:
    packed = torch.ops.onednn.qlinear_prepack(weights, None)
    zeros = torch.zeros(len(weights), dtype=torch.int64)

    def multiply(rows: Tensor) -> Tensor:
        raised = torch.bitwise_xor(rows.view(torch.uint8), 128)  # every number plus 128
        product: Tensor = torch.ops.onednn.qlinear_pointwise(
            raised, 1.0, 128, packed, row_scale, zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return product

    return multiply


_KERNELS: dict[str, Kernel] = {"int_mm": _int_mm, "onednn": _onednn}


def _project_rows(weights: Any, row_scale: Any, bias: Any, states: Any, roundings: int, result: Any) -> None:
    """`Int8Linear.project` for NumPy arrays, equal to it in every bit. Reads the weights once, so it is for few rows."""
    out_features, in_features = weights.shape
    count = len(states)
    rounded = np.empty((roundings * count, in_features), np.int8)
    scales = np.empty(roundings * count, np.float32)
    times = np.full(count, roundings)
    rest = np.empty(in_features, np.float32)
    for row in range(count):
        rest[:] = states[row]
        for number in range(roundings):
            largest, size = np.float32(0), np.int64(0)
            for column in range(in_features):
                largest = max(largest, abs(rest[column]))
            scale = max(largest / np.float32(127), np.float32(1e-30))
            scales[number * count + row] = scale
            for column in range(in_features):
                whole = np.rint(rest[column] / scale)
                rounded[number * count + row, column] = np.int8(whole)
                rest[column] -= whole * scale
                size += np.int64(abs(whole))
            if size >= _COARSE * in_features:
                times[row] = number + 1
                break
    for out in range(out_features):
        for row in range(count):
            projected = np.float32(0)
            for number in range(times[row]):
                total = np.int32(0)
                for column in range(in_features):
                    total += np.int32(weights[out, column]) * np.int32(rounded[number * count + row, column])
                # numba adds in 64 bits; the processor's fast instructions add in 32.
                projected += np.float32(np.int32(total)) * row_scale[out] * scales[number * count + row]
            if len(bias):
                projected += bias[out]
            result[row, out] = projected


def _loop_kernel(loop: Loop) -> Kernel:
    """A compiled loop as a kernel, to measure and to check it beside the others."""

    def kernel(weights: Tensor, row_scale: Tensor) -> Callable[[Tensor], Tensor]:
        no_bias = np.empty(0, np.float32)

        def multiply(rows: Tensor) -> Tensor:
            result = torch.empty(len(rows), len(weights))
            loop(weights.numpy(), row_scale.numpy(), no_bias, rows.float().numpy(), 1, result.numpy())
            return result

        return multiply

    return kernel


@dataclass(frozen=True)
class _Choice:
    """What this machine multiplies int8 with."""

    kernel: str
    loop: Loop | None
    """The compiled loop, if it is faster for one row."""
    largest_weight: int


def best_kernel(cache: Path) -> str:
    """The name of this machine's fastest kernel and its bits of a weight, measured once and kept in the cache folder.

    Raises:
        ConfigError: no kernel multiplies exactly.
    """
    best = _choose(cache)
    return f"{best.kernel}, {best.largest_weight.bit_length() + 1}-bit weights"


def _choose(cache: Path) -> _Choice:
    """The fastest kernel of those that are exact for 8-bit weights or, if there are none, for 7-bit weights.

    Raises:
        ConfigError: no kernel multiplies exactly.
    """
    notes = Notes(cache)
    loop = compiled(_project_rows, _ARGUMENTS)
    # The loop runs in one thread, and the seconds are divided by the number of threads.
    of_loop = _NEVER
    if loop is not None:
        kernel, threads = _loop_kernel(loop), torch.get_num_threads()
        of_loop = notes.measured("int8 loop, 1 rows", lambda: _measure(kernel, 1, _LARGEST) * threads)

    def seconds(name: str, rows: int, largest: int) -> float:
        weights = "" if largest == _LARGEST else ", 7-bit weights"
        return notes.measured(f"int8 {name}, {rows} rows{weights}", lambda: _measure(_KERNELS[name], rows, largest))

    for largest in (_LARGEST, _LARGEST_IN_16_BITS):
        of_row = {name: seconds(name, 1, largest) for name in _KERNELS}
        # A token is read with hundreds of others, and decoded alone.
        of_both = {
            name: seconds(name, _MANY_ROWS, largest) + _DECODED * min(of_row[name], of_loop) for name in _KERNELS
        }
        best = min(of_both, key=lambda name: of_both[name])
        if of_both[best] < _NEVER:
            return _Choice(best, loop if of_loop < of_row[best] else None, largest)
    raise ConfigError("This processor does not multiply int8 exactly: give --dtype float32.")


def _measure(kernel: Kernel, count: int, largest_weight: int) -> float:
    """A kernel's seconds for so many rows at once; `_NEVER` if its products are wrong."""
    # A decoder's weights do not fit the processor's cache: for one row, these do not either.
    out_features = 4864 if count > 1 else 1 << 17
    weights = torch.full((out_features, 896), largest_weight, dtype=torch.int8)
    weights[::2] *= -1
    rows = torch.full((count, 896), _LARGEST, dtype=torch.int8)
    expected = torch.full((out_features,), float(largest_weight * _LARGEST * 896))
    expected[::2] *= -1
    try:
        multiply = kernel(weights, torch.ones(out_features))
        # Sums of two products that overflow 16 bits are far from these.
        if not torch.allclose(multiply(rows)[-1], expected, rtol=1e-5):
            return _NEVER
        return best_seconds(lambda: multiply(rows)) * 4864 / out_features
    except (RuntimeError, AttributeError, NotImplementedError):  # this build of torch lacks the kernel
        return _NEVER
