"""int8 weights for a decoder's linear layers on a CPU: a quarter of float32's bytes, and integer instead of float products.

Each row of a matrix is rounded to int8 with its own scale when the decoder is loaded. Each token's activations are rounded in the
same way when they are computed (dynamic quantisation), so a token's result does not depend on the other tokens of the pass.
Before that, weights and activations are rotated by the same Hadamard matrix, which leaves their products as they are and spreads
outliers, which would take the scale, over many numbers (QuaRot, arXiv 2404.00456, section 3).
Rows are rotated and rounded in a loop that is compiled for this processor, and one or a few are multiplied in others, if these are
faster here than the libraries. That, and which library is the fastest for one row and for many, is measured once. Where they
are exact only for smaller weights, the weights are rounded to 7 of the 8 bits. The weights are frozen, but gradients pass through
them, rounded in the same way: training what surrounds them takes half of float32's time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reader import huge_pages
from reader.compiled import compiled
from reader.errors import ConfigError
from reader.models.few_rows import MOST_ROWS, few_rows_loop, fits
from reader.models.machine import Notes, best_seconds

_SMALL_WEIGHTS = 1 << 18
"""A matrix with fewer weights stays in float32, which is faster for it."""
_ROTATED_TOGETHER = 64
"""So many numbers of a row are rotated together, or fewer where that does not divide its length. A power of two."""
_LARGEST = 127
"""The largest absolute value of rounded activations, and of rounded weights where the kernels are exact for it."""
_LARGEST_IN_16_BITS = 63
"""That of rounded weights without VNNI: kernels add two products in 16 bits there, and 2 * 255 * 63 fits."""
_NEVER = 1e9
_MANY_ROWS = 512
"""A kernel is chosen for reading this many rows together, and one for a single row."""
_PREPARED_AFTER = 4096
"""After so many rows, weights are prepared for the kernel of many rows. oneDNN takes as long for that as it saves with 6,000."""
_FEW_ROWS = 16
"""The loop for few rows is used if it is faster with as many."""
_ROWS_OF_A_CALL = 60
"""With few rows, too, another kernel takes as much longer than that of many as with so many rows more."""
_MUCH_SLOWER = 2
"""The kernel of one row multiplies several until then, unless it takes so many times as long."""
_ROWS_AT_ONCE = 64
"""Rows that the library rounds together: few enough to fit the processor's cache."""


def use_int8(decoder: Any, cache: Path) -> None:
    """Replace a decoder's large linear layers and its output matrix by int8 ones, in place.

    Raises:
        ConfigError: no kernel of this machine multiplies int8 exactly.
    """
    best = _choose(cache)
    of_many, of_few, of_one = (_KERNELS[name] for name in (best.of_many, best.of_few, best.of_one))
    large = {
        place: module
        for place, module in decoder.named_modules()
        if isinstance(module, nn.Linear) and module.weight.numel() >= _SMALL_WEIGHTS
    }
    sizes = [module.weight.numel() for module in large.values()]
    rooms = huge_pages.empty(sum(sizes), dtype=torch.int8).split(sizes)  # in one piece: many are smaller than a page

    def rounded(module: nn.Linear, room: Tensor) -> Int8Linear:
        kernels = of_many, best.loops, best.largest_weight, of_one, of_few
        return Int8Linear(module, *kernels, room=room.view_as(module.weight))

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for place, layer in zip(large, pool.map(rounded, large.values(), rooms), strict=True):
            parent, _, own = place.rpartition(".")
            setattr(decoder.get_submodule(parent), own, layer)


Loop = Callable[..., Any]
"""A compiled loop over NumPy arrays."""


@dataclass(frozen=True)
class Loops:
    """The compiled loops; None where there is none or the libraries are faster here."""

    rounding: Loop | None = None
    """`_round_rows`"""
    product: Loop | None = None
    """`_multiply_row`"""
    few: Loop | None = None
    """`few_rows.few_rows_loop`"""
    rounds_many: bool = True
    """Whether `rounding` is for more rows than one, too: where many threads share the library's, that is faster."""

    def round(
        self, rows: Tensor, largest: int = _LARGEST, *, rotates: bool = True, into: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Rotate rows (rows, in), or leave that out, and round them to int8 numbers of at most `largest`.

        Args:
            into: an int8 tensor (rows, in) to write them to.

        Returns:
            (rows, in) int8, and the scale of each, (rows, 1).
        """
        together = _rotated_together(rows) if rotates else 1
        rounded = torch.empty_like(rows, dtype=torch.int8) if into is None else into
        scales = rows.new_empty(len(rows), 1)
        if self.rounding is None or not (self.rounds_many or len(rows) == 1):
            _round_by_library(rows, rounded, scales, largest, together)
            return rounded, scales
        room = np.empty(rows.shape[1] + 1, np.float32)
        own = (each.numpy() for each in (rows.detach().contiguous(), rounded, scales))
        self.rounding(*own, largest, together, room, room.view(np.int32))
        return rounded, scales


class Int8Linear(nn.Module):
    """A linear layer with int8 weights."""

    def __init__(
        self,
        own: nn.Linear,
        kernel: Kernel,
        loops: Loops = Loops(),
        largest_weight: int = _LARGEST,
        of_one: Kernel | None = None,
        of_few: Kernel | None = None,
        room: Tensor | None = None,
    ) -> None:
        """Round a layer's weights to at most `largest_weight`, and multiply by `kernel`, a single row by `of_one`.

        Args:
            of_few: multiplies until `_PREPARED_AFTER` rows have been projected, as preparing weights for `kernel` takes time.
            room: an int8 tensor (out, in) to keep the weights in.
        """
        super().__init__()
        self.in_features, self.out_features = own.in_features, own.out_features
        self.bias = own.bias
        rounded, scale = loops.round(own.weight.detach(), largest_weight, into=room)
        self._rounded: Tensor
        self._row_scale: Tensor
        self.register_buffer("_rounded", rounded, persistent=False)
        # Products of what is rotated are so many times too large.
        self.register_buffer("_row_scale", scale[:, 0] / _rotated_together(own.weight), persistent=False)
        made = {each: each(self._rounded, self._row_scale) for each in {of_few or kernel, of_one or kernel}}
        self._multiply, self._multiply_one = made[of_few or kernel], made[of_one or kernel]
        self._of_many = None if kernel in made else kernel
        self._rows = 0
        """How many rows have been projected with others, and `_ROWS_OF_A_CALL` for each time, while it counts."""
        self._loops = loops
        self._few = loops.few if fits(*rounded.shape) else None
        bias = np.empty(0, np.float32) if self.bias is None else self.bias.detach().numpy()
        self._arrays = self._rounded.numpy(), self._row_scale.numpy(), bias

    @property
    def weight(self) -> Tensor:
        """The rounded weights (out, in), rotated back, in float32, computed at each call."""
        return _rotate(self._rounded * self._row_scale[:, None], _rotated_together(self._rounded))

    def forward(self, states: Tensor) -> Tensor:
        """Project states (…, in) to (…, out)."""
        if states.requires_grad and torch.is_grad_enabled():
            projected: Tensor = _WithGradient.apply(states, self)
            return projected
        return self.project(states)

    def project(self, states: Tensor) -> Tensor:
        """`forward` without a gradient."""
        rows = states.reshape(-1, self.in_features)
        rounded, scale = self._loops.round(rows)
        loop = self._loops.product if len(rows) == 1 else self._few if len(rows) <= MOST_ROWS else None
        if loop is not None:
            result = torch.empty(len(rows), self.out_features)
            loop(*self._arrays, *(each.numpy() for each in (rounded, scale, result)))
        else:
            multiply = self._multiply_one if len(rows) == 1 else self._kernel_of_many(len(rows))
            result = multiply(rounded).mul_(scale)
            if self.bias is not None:
                result += self.bias
        return result.view(*states.shape[:-1], self.out_features)

    def _kernel_of_many(self, rows: int) -> Callable[[Tensor], Tensor]:
        if self._of_many is not None:
            self._rows += rows + _ROWS_OF_A_CALL
            if self._rows > _PREPARED_AFTER:
                self._multiply, self._of_many = self._of_many(self._rounded, self._row_scale), None
        return self._multiply

    def project_back(self, gradient: Tensor) -> Tensor:
        """The gradient (…, in) with respect to the states, of one (…, out) with respect to their projection."""
        rows = gradient.reshape(-1, self.out_features) * self._row_scale
        rounded, scale = self._loops.round(rows, rotates=False)
        rotated = torch._int_mm(rounded, self._rounded) * scale
        return _rotate(rotated, _rotated_together(self._rounded)).view(*gradient.shape[:-1], self.in_features)


class _WithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, layer: Int8Linear) -> Tensor:
        ctx.layer = layer
        return layer.project(states)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return ctx.layer.project_back(gradients[0]), None


def _rotated_together(rows: Tensor) -> int:
    """How many numbers of a row (rows, in) are rotated together: a power of two."""
    return math.gcd(rows.shape[1], _ROTATED_TOGETHER)


def _rotate(rows: Tensor, together: int) -> Tensor:
    """Rotate rows (rows, in), `together` numbers at equal distances at once, without dividing by the matrix's norm.

    Rotated again, they are `together` times what they were.
    """
    columns = rows.shape[1]
    distance = columns // together
    while distance < columns:
        pairs = rows.view(len(rows), -1, 2, distance)
        one, other = pairs[:, :, 0], pairs[:, :, 1]
        rows = torch.stack([one + other, one - other], dim=2).view(rows.shape)
        distance *= 2
    return rows


def _round_by_library(rows: Tensor, rounded: Tensor, scales: Tensor, largest: int, together: int) -> None:
    """Write rounded rows (rows, in) and their scales (rows, 1) where there is no loop, or the library is faster."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        place = slice(start, start + _ROWS_AT_ONCE)
        rotated = _rotate(rows[place], together)
        scales[place] = _scale(rotated, largest)
        rounded[place] = torch.div(rotated, scales[place]).round_()


def _scale(rows: Tensor, largest: int = _LARGEST) -> Tensor:
    """The divisor (rows, 1) that makes the largest absolute value of each row (rows, in) `largest`."""
    return torch.maximum(rows.amax(1, keepdim=True), -rows.amin(1, keepdim=True)).div_(largest).clamp_min_(1e-30)


# --- kernels ------------------------------------------------------------------------------------------------

Kernel = Callable[[Tensor, Tensor], Callable[[Tensor], Tensor]]
"""Takes int8 weights (out, in) and their scales (out,); returns a function from int8 rows (rows, in) to the product (rows, out)."""


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


_ROUND_ARGUMENTS = "(float32[:, ::1], int8[:, ::1], float32[:, ::1], int64, int64, float32[::1], int32[::1])"


def _round_rows(rows: Any, rounded: Any, scales: Any, largest: int, together: int, rotated: Any, bits: Any) -> None:
    """Rotate and round as the library in every bit.

    `rotated` and `bits` are the same bytes, with room for a row and one number more.
    """
    columns = rows.shape[1]
    for row in range(len(rows)):
        for column in range(columns):
            rotated[column] = rows[row, column]
        # Unsigned indices cannot count from an array's end: nothing is checked, and the processor adds several numbers at once.
        distance = np.uint64(columns // together)
        while distance < np.uint64(columns):
            start = np.uint64(0)
            while start < np.uint64(columns):
                for place in range(start, start + distance):
                    one, other = rotated[place], rotated[place + distance]
                    rotated[place] = one + other
                    rotated[place + distance] = one - other
                start += distance + distance
            distance += distance
        # Without their signs, floats have the order of the whole numbers with the same bits, which are compared faster.
        most = np.int32(0)
        for column in range(columns):
            size = np.int32(bits[column] & 0x7FFFFFFF)
            if size > most:
                most = size
        bits[columns] = most
        scale = rotated[columns] / np.float32(largest)
        if scale < 1e-30:  # not so where a number is not one, which the products are to show
            scale = np.float32(1e-30)
        for column in range(columns):
            rounded[row, column] = np.int8(np.rint(rotated[column] / scale))
        scales[row, 0] = scale


_MULTIPLY_ARGUMENTS = "(int8[:, ::1], float32[::1], float32[::1], int8[:, ::1], float32[:, ::1], float32[:, ::1])"


def _multiply_row(weights: Any, row_scale: Any, bias: Any, rounded: Any, scales: Any, result: Any) -> None:
    """Project a rounded row (1, in) to (1, out), as the library does in every bit."""
    out_features, in_features = weights.shape
    for out in range(out_features):
        total = np.int32(0)
        for column in range(in_features):
            # numba would multiply and add in 64 bits; the processor's fast instructions do in 32.
            product = np.int32(np.int32(weights[out, column]) * np.int32(rounded[0, column]))
            total = np.int32(total + product)
        result[0, out] = np.float32(total) * row_scale[out] * scales[0, 0]
        if len(bias):
            result[0, out] += bias[out]


def _loop_kernel(loop: Loop) -> Kernel:
    """A compiled loop as a kernel, to measure and to check it beside the others."""

    def kernel(weights: Tensor, row_scale: Tensor) -> Callable[[Tensor], Tensor]:
        no_bias = np.empty(0, np.float32)

        def multiply(rows: Tensor) -> Tensor:
            result, scales = torch.empty(len(rows), len(weights)), torch.ones(len(rows), 1)
            loop(weights.numpy(), row_scale.numpy(), no_bias, rows.numpy(), scales.numpy(), result.numpy())
            return result

        return multiply

    return kernel


@dataclass(frozen=True)
class _Choice:
    """What this machine multiplies int8 with."""

    of_many: str
    """The kernel for several rows."""
    of_one: str
    of_few: str
    """The kernel for several rows as long as there were few: the one for one row, if that is not much slower."""
    loops: Loops
    largest_weight: int


def best_kernel(cache: Path) -> str:
    """The name of this machine's fastest kernel for reading and the bits of a weight, measured once and kept in the cache folder.

    Raises:
        ConfigError: no kernel multiplies exactly.
    """
    best = _choose(cache)
    return f"{best.of_many}, {best.largest_weight.bit_length() + 1}-bit weights"


def _choose(cache: Path) -> _Choice:
    """The fastest kernels of those that are exact for 8-bit weights or, if there are none, for 7-bit weights.

    Raises:
        ConfigError: no kernel multiplies exactly.
    """
    notes = Notes(cache)
    threads = torch.get_num_threads()

    def seconds(name: str, rows: int, largest: int) -> float:
        weights = "" if largest == _LARGEST else ", 7-bit weights"
        of = "a row" if rows == 1 else f"{rows} rows"
        return notes.measured(f"int8 {name}, {of}{weights}", lambda: _measure(_KERNELS[name], rows, largest))

    def of_loop(loop: Loop | None, rows: int, largest: int, threads: int = 1) -> float:
        """A loop's seconds, so many times as many where it runs in one thread: seconds are divided by the number of threads."""
        if loop is None:
            return _NEVER
        of = "a row" if rows == 1 else f"{rows} rows, weights to {largest}"
        return notes.measured(f"int8 loop, {of}", lambda: _measure(_loop_kernel(loop), rows, largest) * threads)

    product = compiled(_multiply_row, _MULTIPLY_ARGUMENTS)
    few = few_rows_loop()
    for largest in (_LARGEST, _LARGEST_IN_16_BITS):
        # A token is read with hundreds of others, and decoded alone.
        many, one = ({name: seconds(name, rows, largest) for name in _KERNELS} for rows in (_MANY_ROWS, 1))
        of_many, of_one = min(many, key=lambda name: many[name]), min(one, key=lambda name: one[name])
        if max(many[of_many], one[of_one]) < _NEVER:
            rounding = compiled(_round_rows, _ROUND_ARGUMENTS)
            rounds_many = rounding is not None and _rounds_many(rounding, notes)
            of_few = of_one if many[of_one] < _MUCH_SLOWER * many[of_many] else of_many
            few_by_library = seconds(of_few, _FEW_ROWS, largest)
            loops = Loops(
                rounding,
                product if of_loop(product, 1, _LARGEST, threads) < one[of_one] else None,
                few if of_loop(few, _FEW_ROWS, largest) < few_by_library else None,
                rounds_many,
            )
            return _Choice(of_many, of_one, of_few, loops, largest)
    raise ConfigError("This processor does not multiply int8 exactly: give --dtype float32.")


def _rounds_many(loop: Loop, notes: Notes) -> bool:
    """Whether the compiled loop rotates and rounds many rows faster than the library with this number of threads."""
    rows = torch.ones(_MANY_ROWS, 896)

    def seconds(name: str, loops: Loops) -> float:
        return notes.measured(f"int8 rotating and rounding, {name}", lambda: best_seconds(lambda: loops.round(rows)))

    return seconds("loop", Loops(loop)) * torch.get_num_threads() < seconds("library", Loops())


def _measure(kernel: Kernel, count: int, largest_weight: int) -> float:
    """A kernel's seconds for so many rows at once; `_NEVER` if its products are wrong."""
    # A decoder's weights do not fit the processor's cache: for one row, these do not either. Many calls for small matrices are what
    # kernels differ by there.
    matrices, out_features = (1, 4864) if count > 1 else (128, 896)
    weights = torch.full((matrices, out_features, 896), largest_weight, dtype=torch.int8)
    weights[:, ::2] *= -1
    rows = torch.full((count, 896), _LARGEST, dtype=torch.int8)
    expected = torch.full((out_features,), float(largest_weight * _LARGEST * 896))
    expected[::2] *= -1
    try:
        multiply = [kernel(own, torch.ones(len(own))) for own in weights]
        # Sums of two products that overflow 16 bits are far from these.
        if not torch.allclose(multiply[0](rows)[-1], expected, rtol=1e-5):
            return _NEVER
        return best_seconds(lambda: [own(rows) for own in multiply]) / matrices
    except (RuntimeError, AttributeError, NotImplementedError):  # this build of torch lacks the kernel
        return _NEVER
