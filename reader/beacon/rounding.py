"""Rounding the keys and values of a memory: to int8 and to 4 bits, and back.

Tensors are named as in `Memory.tensors`; what rounding adds to one is named behind it: `.scale`, `.factor`, `.step`, `.least`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

KEY_GROUP = 64
"""Consecutive slots whose keys share the steps of an int4 memory, one for each channel."""

_LEAST_STEP = 2.0**-14
"""The smallest step of an int4 memory: float16's smallest number of full precision, so that no step is 0."""


@dataclass(frozen=True)
class RoundedSlots:
    """The keys and values of some slots in int8, as `quantise_to_int8` makes them."""

    keys: Tensor
    """(kv_heads, slots, head_dim)"""
    key_scales: Tensor
    """(kv_heads, slots, 1) in float32"""
    key_factors: Tensor
    """(kv_heads, 1, head_dim) in float32"""
    values: Tensor
    """(kv_heads, slots, head_dim)"""
    value_scales: Tensor
    """(kv_heads, slots, 1) in float32"""

    @classmethod
    def copied(cls, tensors: Mapping[str, Tensor], layer: str) -> RoundedSlots | None:
        """Those of a layer (`layers.N`) of a saved memory; None where it is saved in another type."""
        names = ("keys", "keys.scale", "keys.factor", "values", "values.scale")
        found = [tensors.get(f"{layer}.{name}") for name in names]
        return None if any(one is None for one in found) else cls(*(one.clone() for one in found if one is not None))

    @property
    def count(self) -> int:
        """How many slots they are."""
        return self.keys.shape[1]

    def at(self, places: Sequence[slice]) -> RoundedSlots:
        """The slots in these places, one after another."""
        if [range(self.count)[place] for place in places] == [range(self.count)]:
            return self

        def picked(tensor: Tensor) -> Tensor:
            return torch.cat([tensor[:, place] for place in places], dim=1)

        scales = picked(self.key_scales), self.key_factors
        return RoundedSlots(picked(self.keys), *scales, picked(self.values), picked(self.value_scales))

    def of_head(self, head: int) -> tuple[Any, ...]:
        """Those of one head as arrays: keys, their scales (slots,) and factors (head_dim,), values and their scales (slots,)."""
        scales = self.key_scales[head, :, 0], self.key_factors[head, 0]
        own = self.keys[head], *scales, self.values[head], self.value_scales[head, :, 0]
        return tuple(each.numpy() for each in own)

    def float_keys(self) -> Tensor:
        """(kv_heads, slots, head_dim) in float32."""
        return (self.keys * self.key_scales).mul_(self.key_factors)

    def float_values(self) -> Tensor:
        """(kv_heads, slots, head_dim) in float32."""
        return self.values * self.value_scales


def quantise(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of floating-point numbers in int8, with the `.scale` of each row (…, 1) in float32; all others as they are.

    A row's scale is its largest absolute value divided by 127, rounded up to 16 binary digits. So the product of a scale and an
    int8 number is exact in float32, and rounding a rounded row again changes nothing.
    """
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            result[name] = tensor
            continue
        scale = tensor.float().abs().amax(dim=-1, keepdim=True).clamp(min=1e-12) / 127
        scale = ((scale.view(torch.int32) + 255) & ~255).view(torch.float32)
        result[f"{name}.scale"] = scale
        result[name] = (tensor / scale).round().to(torch.int8)
    return result


def quantise_to_int8(tensors: Mapping[str, Tensor], key_factors: Sequence[Tensor]) -> dict[str, Tensor]:
    """A memory's tensors with keys and values in int8: a quarter of float32's bytes. `Memory.restore` accepts it.

    A few channels of the keys are much larger than the others, and would leave these only a few of a slot's 255 steps. So keys
    are divided by a factor for each channel first.

    Args:
        key_factors: by layer (kv_heads, 1, head_dim) float32, powers of two.

    Returns:
        Keys and values (kv_heads, slots, head_dim) in int8, with their `.scale` (kv_heads, slots, 1) in float32 and the keys'
        `.factor`; everything else as it was.
    """
    factors = {f"layers.{number}.keys": factor for number, factor in enumerate(key_factors)}
    divided = {name: tensor / factors[name] if name in factors else tensor for name, tensor in tensors.items()}
    return quantise(divided) | {f"{name}.factor": factor for name, factor in factors.items()}


def key_factors(keys: Tensor) -> Tensor:
    """The power of two near each channel's largest key, (kv_heads, 1, head_dim) of rotated keys (kv_heads, slots, head_dim).

    Rotation turns two channels into each other, half of the channels apart; their length stays, whatever the position.
    """
    lengths = torch.hypot(*keys.float().chunk(2, dim=-1)).amax(dim=1, keepdim=True)
    powers = lengths.clamp(min=1e-6).log2().round().exp2()
    return torch.cat([powers, powers], dim=-1)


def quantise_to_int4(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A memory's tensors with keys and values in 4 bits: a seventh of float32's bytes. `Memory.restore` accepts it.

    Each group of numbers is rounded to 16 steps from its smallest to its largest. A few channels of the keys are much larger
    than the others, so a group of keys is one channel of `KEY_GROUP` slots, and a group of values is a slot (KIVI, arXiv
    2402.02750, section 3).

    Returns:
        Keys and values (kv_heads, slots, head_dim / 2) in int8, two numbers in each; their `.step` and `.least` in float16,
        (kv_heads, groups, head_dim) of keys and (kv_heads, slots, 1) of values; everything else as it was.
    """
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            result[name] = tensor
            continue
        numbers = tensor.float()
        if name.endswith(".keys"):
            # A last group with fewer slots repeats its last one.
            filled = torch.cat([numbers, numbers[:, -1:].expand(-1, -numbers.shape[1] % KEY_GROUP, -1)], dim=1)
            least, most = torch.aminmax(filled.unflatten(1, (-1, KEY_GROUP)), dim=2)
        else:
            least, most = torch.aminmax(numbers, dim=-1, keepdim=True)
        # Rounded to float16 first, so that the numbers are rounded to the steps that are read again.
        least = least.half()
        step = ((most - least.float()) / 15).clamp(min=_LEAST_STEP).half()
        parts = [_of_slots(part.float(), numbers.shape[1]) for part in (least, step)]
        nibbles = ((numbers - parts[0]) / parts[1]).round_().clamp_(0, 15).to(torch.uint8)
        result[f"{name}.least"], result[f"{name}.step"] = least, step
        result[name] = (nibbles[..., ::2] | nibbles[..., 1::2] << 4).view(torch.int8)
    return result


def _from_int4(packed: Tensor, step: Tensor, least: Tensor) -> Tensor:
    """The numbers (kv_heads, slots, head_dim) in float32 of `quantise_to_int4`."""
    numbers = packed.view(torch.uint8)
    nibbles = torch.stack([numbers & 15, numbers >> 4], dim=-1).flatten(-2).float()
    return nibbles.mul_(_of_slots(step.float(), packed.shape[1])).add_(_of_slots(least.float(), packed.shape[1]))


def _of_slots(groups: Tensor, slots: int) -> Tensor:
    """What each slot has of (kv_heads, groups, …): its group's, or its own where there are as many groups as slots."""
    if groups.shape[1] == slots:
        return groups
    return groups.repeat_interleave(KEY_GROUP, dim=1)[:, :slots]


def saved_as(
    tensors: Mapping[str, Tensor], name: str, shape: tuple[int, int, int], dtype: torch.dtype
) -> Mapping[str, tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of each saved tensor that keys or values (kv_heads, slots, head_dim) of a decoder's `dtype` are made of."""
    heads, slots, head_dim = shape
    if f"{name}.step" in tensors:
        groups = (heads, -(-slots // KEY_GROUP), head_dim) if name.endswith(".keys") else (heads, slots, 1)
        numbers = {name: ((heads, slots, head_dim // 2), torch.int8)}
        return numbers | {f"{name}.{part}": (groups, torch.float16) for part in ("step", "least")}
    if f"{name}.scale" not in tensors:
        return {name: (shape, dtype)}
    parts = {name: (shape, torch.int8), f"{name}.scale": ((heads, slots, 1), torch.float32)}
    if f"{name}.factor" in tensors:  # older int8 memories have none
        parts[f"{name}.factor"] = (heads, 1, head_dim), torch.float32
    return parts


def put(tensors: Mapping[str, Tensor], name: str, place: Tensor) -> None:
    """Copy a tensor to the decoder's device. For a GPU, stage it in pinned memory, so that staging and sending overlap."""

    def sent(tensor: Tensor) -> Tensor:
        return (
            tensor.pin_memory().to(place.device, non_blocking=True) if place.is_cuda and not tensor.is_cuda else tensor
        )

    if f"{name}.step" in tensors:
        place.copy_(_from_int4(*(sent(tensors[part]) for part in (name, f"{name}.step", f"{name}.least"))))
    elif f"{name}.scale" in tensors:
        torch.mul(sent(tensors[name]), sent(tensors[f"{name}.scale"]), out=place)
        if f"{name}.factor" in tensors:
            place.mul_(sent(tensors[f"{name}.factor"]))
    else:
        place.copy_(sent(tensors[name]), non_blocking=True)
