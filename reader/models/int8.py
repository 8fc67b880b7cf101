"""int8 weights for a decoder's linear layers on a CPU: a quarter of float32's bytes, and integer instead of float products.

Each row of a matrix is rounded to int8 with its own scale when the decoder is loaded. Each token's activations are rounded in the
same way when they are computed (dynamic quantisation), so a token's result does not depend on the other tokens of the pass.
Inputs with outliers (those of the MLP's last projection) are rounded twice: the second rounding takes the remainder of the first.
The fastest of torch's kernels is measured once on each machine. The weights are frozen, but gradients pass through them, rounded in
the same way: training what surrounds them takes half of float32's time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reader.errors import ConfigError
from reader.models.machine import Notes, processor_seconds

_SMALL_WEIGHTS = 1 << 18
"""A matrix with fewer weights stays in float32, which is faster for it."""
_TWICE_ROUNDED = ("mlp.down_proj",)
"""The layers whose inputs are rounded twice."""
_NEVER = 1e9
_ROWS_AT_ONCE = 64
"""Rows that are rounded together: few enough to fit the processor's cache."""


def use_int8(decoder: Any, cache: Path) -> None:
    """Replace a decoder's large linear layers and its output matrix by int8 ones, in place.

    Raises:
        ConfigError: no kernel of this machine multiplies int8 exactly.
    """
    kernel = _KERNELS[best_kernel(cache)]
    for name, module in list(decoder.named_modules()):
        if isinstance(module, nn.Linear) and module.weight.numel() >= _SMALL_WEIGHTS:
            parent, _, own = name.rpartition(".")
            int8 = Int8Linear(module, kernel, roundings=2 if name.endswith(_TWICE_ROUNDED) else 1)
            setattr(decoder.get_submodule(parent), own, int8)


class Int8Linear(nn.Module):
    """A linear layer with int8 weights."""

    def __init__(self, own: nn.Linear, kernel: Kernel, roundings: int = 1) -> None:
        super().__init__()
        self.in_features, self.out_features = own.in_features, own.out_features
        self.bias = own.bias
        weight = own.weight.detach()
        scale = _scale(weight)
        self._rounded: Tensor
        self._row_scale: Tensor
        self.register_buffer("_rounded", (weight / scale).round_().to(torch.int8), persistent=False)
        self.register_buffer("_row_scale", scale[:, 0].contiguous(), persistent=False)
        self._roundings = roundings
        self._multiply = kernel(self._rounded)

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
        rounded, scale = _round(rows, self._roundings)
        # One row has a much faster kernel than two.
        parts = rounded.split(1) if len(rows) == 1 else (rounded,)
        products = torch.cat([self._multiply(part) for part in parts]) if len(parts) > 1 else self._multiply(rounded)
        products = products * scale
        result = products.view(self._roundings, len(rows), self.out_features)
        result = result[0] if self._roundings == 1 else result.sum(0)
        result.mul_(self._row_scale)
        if self.bias is not None:
            result += self.bias
        return result.view(*states.shape[:-1], self.out_features)

    def project_back(self, gradient: Tensor) -> Tensor:
        """The gradient (…, in) with respect to the states, of one (…, out) with respect to their projection."""
        rounded, scale = _round(gradient.reshape(-1, self.out_features) * self._row_scale, 1)
        return (torch._int_mm(rounded, self._rounded) * scale).view(*gradient.shape[:-1], self.in_features)


class _WithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, layer: Int8Linear) -> Tensor:
        ctx.layer = layer
        return layer.project(states)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return ctx.layer.project_back(gradients[0]), None


def _round(rows: Tensor, roundings: int) -> tuple[Tensor, Tensor]:
    """Round rows (rows, in) to int8, then round the remainder, `roundings` times in all.

    Returns:
        (roundings * rows, in) int8, and the scale of each row, (roundings * rows, 1).
    """
    count = len(rows)
    rounded = torch.empty(roundings * count, rows.shape[1], dtype=torch.int8)
    scales = torch.empty(roundings * count, 1)
    for start in range(0, count, _ROWS_AT_ONCE):
        rest = rows[start : start + _ROWS_AT_ONCE]
        for number in range(roundings):
            place = slice(number * count + start, number * count + start + len(rest))
            scale = _scale(rest)
            whole = torch.div(rest, scale).round_()
            rounded[place], scales[place] = whole, scale
            if number + 1 < roundings:
                rest = rest - whole.mul_(scale)
    return rounded, scales


def _scale(rows: Tensor) -> Tensor:
    """The divisor (rows, 1) that makes the largest absolute value of each row (rows, in) 127."""
    return torch.maximum(rows.amax(1, keepdim=True), -rows.amin(1, keepdim=True)).div_(127).clamp_min_(1e-30)


# --- kernels ------------------------------------------------------------------------------------------------

Kernel = Callable[[Tensor], Callable[[Tensor], Tensor]]
"""Takes int8 weights (out, in); returns a function from int8 rows (rows, in) to the product (rows, out), int32 or float32."""


def _int_mm(weights: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda rows: torch._int_mm(rows, weights.t())


def _onednn(weights: Tensor) -> Callable[[Tensor], Tensor]:
    packed = torch.ops.onednn.qlinear_prepack(weights, None)
    ones, zeros = torch.ones(len(weights)), torch.zeros(len(weights), dtype=torch.int64)

    def multiply(rows: Tensor) -> Tensor:
        raised = torch.bitwise_xor(rows.view(torch.uint8), 128)  # every number plus 128
        product: Tensor = torch.ops.onednn.qlinear_pointwise(
            raised, 1.0, 128, packed, ones, zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return product

    return multiply


_KERNELS: dict[str, Kernel] = {"int_mm": _int_mm, "onednn": _onednn}


def best_kernel(cache: Path) -> str:
    """The name of this machine's fastest kernel for 512 rows and for one row, measured once and kept in the cache folder.

    Raises:
        ConfigError: no kernel multiplies exactly.
    """
    notes = Notes(cache)
    seconds: dict[str, float] = {}
    for name, kernel in _KERNELS.items():
        known = notes.get(f"int8 {name}")
        if known is None:
            known = _measure(kernel)
            notes.set(f"int8 {name}", known)
        seconds[name] = known
    best = min(seconds, key=lambda name: seconds[name])
    if seconds[best] >= _NEVER:
        raise ConfigError("This processor does not multiply int8 exactly (it lacks VNNI): give --dtype float32.")
    return best


def _measure(kernel: Kernel) -> float:
    """A kernel's relative time to read 512 tokens and decode 64, one after another; `_NEVER` if its products are wrong."""
    weights = torch.full((4864, 896), 127, dtype=torch.int8)
    weights[::2] = -127
    rows = torch.full((512, 896), 127, dtype=torch.int8)
    expected = torch.full((4864,), 127.0 * 127 * 896)
    expected[::2] *= -1
    try:
        multiply = kernel(weights)
        # Processors without VNNI add pairs of products in 16 bits, which overflow.
        if not torch.allclose(multiply(rows)[-1].float(), expected, rtol=1e-5):
            return _NEVER
        total = 0.0
        for part, count in ((rows, 1), (rows[:1], 64)):
            best = _NEVER
            for _ in range(4):
                started = processor_seconds()
                for _ in range(count):
                    multiply(part)
                best = min(best, processor_seconds() - started)
            total += best
        return total
    except (RuntimeError, AttributeError, NotImplementedError):  # this build of torch lacks the kernel
        return _NEVER
