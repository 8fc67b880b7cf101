"""Rounding the keys and values of a memory: to int8 and to 4 and 3 bits, and back.

Tensors are named as in `Memory.tensors`; what rounding adds to one is named behind it: `.scale`, `.factor`, `.step`, `.least`,
`.most`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reader.compiled import compiled

KEY_GROUP = 128
"""Consecutive slots whose keys share the steps of an int4 memory, one for each channel."""

_KEY_GROUPS = KEY_GROUP, 64
"""64 slots did at first."""

_SIZES = (14, 45, 79, 127)
"""Of int8's numbers, those that an int4 memory's values are rounded to, and their negatives: the eight that leave the least error
of normally distributed numbers (Lloyd and Max)."""

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
        """Those of a layer (`layers.N`) of a saved memory; None where it is saved in another type or as int4 once was."""
        if f"{layer}.values.most" in tensors:
            return cls._unpacked(tensors, layer)
        names = ("keys", "keys.scale", "keys.factor", "values", "values.scale")
        found = [tensors.get(f"{layer}.{name}") for name in names]
        return None if any(one is None for one in found) else cls(*(one.clone() for one in found if one is not None))

    @classmethod
    def _unpacked(cls, tensors: Mapping[str, Tensor], layer: str) -> RoundedSlots | None:
        if (loops := unpacking_loops()) is None:
            return None
        of_keys, of_values = loops
        keys, values = tensors[f"{layer}.keys"], tensors[f"{layer}.values"]
        step, least = (tensors[f"{layer}.keys.{part}"].float() for part in ("step", "least"))
        factors = key_factors(torch.cat([least, least + 15 * step], dim=1))
        shape = *keys.shape[:2], factors.shape[2]
        new_keys, new_values = torch.empty(2, *shape, dtype=torch.int8)
        scales, room = torch.empty(*shape[:2], 1), np.empty(shape[2], np.float32)
        own = keys.view(torch.uint8), step / factors, least / factors, new_keys, scales[..., 0]
        for packed, *parts in zip(*(each.numpy() for each in own), strict=True):
            of_keys(packed, *parts, _slots_together(step.shape[1], shape[1]), room, room.view(np.int32))
        for packed, into in zip(values.view(torch.uint8).numpy(), new_values.numpy(), strict=True):
            of_values(packed, into)
        return cls(new_keys, scales, factors, new_values, tensors[f"{layer}.values.most"].float() / 127)

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
    """A memory's tensors with keys in 4 and values in 3 bits: an eighth of float32's bytes. `Memory.restore` accepts it.

    A few channels of the keys are much larger than the others, so a group of keys is one channel of `KEY_GROUP` slots, rounded to
    16 steps from its smallest to its largest (KIVI, arXiv 2402.02750, section 3). A slot's values have one scale.

    Returns:
        Keys (kv_heads, slots, head_dim / 2) in int8, two numbers in each, with their `.step` and `.least` (kv_heads, groups,
        head_dim) in float16; values (kv_heads, slots, head_dim * 3 / 8) in int8, with the `.most` (kv_heads, slots, 1) that the
        largest of `_SIZES` stands for, in float16; everything else as it was. head_dim is a multiple of 8.
    """
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            result[name] = tensor
        elif name.endswith(".values"):
            result[name], result[f"{name}.most"] = _to_3_bits(tensor.float())
        else:
            numbers = tensor.float()
            # A last group with fewer slots repeats its last one.
            filled = torch.cat([numbers, numbers[:, -1:].expand(-1, -numbers.shape[1] % KEY_GROUP, -1)], dim=1)
            least, most = torch.aminmax(filled.unflatten(1, (-1, KEY_GROUP)), dim=2)
            # Rounded to float16 first, so that the numbers are rounded to the steps that are read again.
            least = least.half()
            step = ((most - least.float()) / 15).clamp(min=_LEAST_STEP).half()
            parts = [_of_slots(part.float(), numbers.shape[1]) for part in (least, step)]
            nibbles = ((numbers - parts[0]) / parts[1]).round_().clamp_(0, 15).to(torch.uint8)
            result[f"{name}.least"], result[f"{name}.step"] = least, step
            result[name] = (nibbles[..., ::2] | nibbles[..., 1::2] << 4).view(torch.int8)
    return result


def _to_3_bits(values: Tensor) -> tuple[Tensor, Tensor]:
    """Packed values (kv_heads, slots, head_dim * 3 / 8), and the size of the largest (kv_heads, slots, 1) in float16.

    First come two bits of each size, a quarter of the numbers after another, then the signs, an eighth after another.
    """
    sizes = torch.tensor(_SIZES, dtype=torch.float32, device=values.device)
    magnitudes = values.abs()
    # The largest size is 2.152 times the root of the mean square of such numbers. Another scale fits better beside outliers.
    usual = 2.152 * values.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-6)
    largest = magnitudes.amax(-1, keepdim=True).clamp(min=1e-6)
    tried = []
    for most in (usual, (usual * largest).sqrt(), largest):
        number = torch.bucketize(magnitudes * (127 / most), (sizes[1:] + sizes[:-1]) / 2)
        found = sizes[number]
        fitting = (magnitudes * found).sum(-1, keepdim=True) / found.square().sum(-1, keepdim=True)
        tried.append(((magnitudes - fitting * found).square().sum(-1, keepdim=True), number, fitting))
    errors, numbers, scales = (torch.stack(own) for own in zip(*tried, strict=True))
    best = errors.argmin(0, keepdim=True)
    number, fitting = numbers.gather(0, best.expand_as(numbers[:1]))[0], scales.gather(0, best)[0]
    number, is_positive = number.to(torch.uint8), (values >= 0).to(torch.uint8)
    parts = zip((number, is_positive), (4, 8), strict=True)
    packed = [sum(one << 8 // count * place for place, one in enumerate(own.chunk(count, -1))) for own, count in parts]
    return torch.cat(packed, dim=-1).view(torch.int8), (fitting * 127).half()  # type: ignore[arg-type]


def _from_3_bits(packed: Tensor, most: Tensor) -> Tensor:
    """The numbers (kv_heads, slots, head_dim) in float32 of `_to_3_bits`."""
    numbers, signs = packed.view(torch.uint8).split([packed.shape[-1] // 3 * 2, packed.shape[-1] // 3], dim=-1)
    sizes = torch.tensor(_SIZES, dtype=torch.float32, device=packed.device)
    size = sizes[torch.cat([numbers >> 2 * place & 3 for place in range(4)], dim=-1).int()]
    is_positive = torch.cat([signs >> place & 1 for place in range(8)], dim=-1).bool()
    return torch.where(is_positive, size, -size).mul_(most.float() / 127)


def _from_int4(packed: Tensor, step: Tensor, least: Tensor) -> Tensor:
    """The numbers (kv_heads, slots, head_dim) in float32 of keys in 4 bits, or of values as they were once."""
    numbers = packed.view(torch.uint8)
    nibbles = torch.stack([numbers & 15, numbers >> 4], dim=-1).flatten(-2).float()
    return nibbles.mul_(_of_slots(step.float(), packed.shape[1])).add_(_of_slots(least.float(), packed.shape[1]))


def _of_slots(groups: Tensor, slots: int) -> Tensor:
    """What each slot has of (kv_heads, groups, …): its group's, or its own where there are as many groups as slots."""
    if groups.shape[1] == slots:
        return groups
    return groups.repeat_interleave(_slots_together(groups.shape[1], slots), dim=1)[:, :slots]


def _slots_together(groups: int, slots: int) -> int:
    """How many slots are in each group of an int4 memory's keys."""
    return next((size for size in _KEY_GROUPS if groups == -(-slots // size)), KEY_GROUP)


def unpacking_loops() -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """The compiled loops `_round_keys` and `_unpack_values`; None where they cannot be compiled."""
    of_keys = compiled(_round_keys, _KEYS_ARGUMENTS, reorders=True)
    of_values = compiled(_unpack_values, "(uint8[:, ::1], int8[:, ::1])")
    return None if of_keys is None or of_values is None else (of_keys, of_values)


_KEYS_ARGUMENTS = (
    "(uint8[:, ::1], float32[:, ::1], float32[:, ::1], int8[:, ::1], float32[::1], int64, float32[::1], int32[::1])"
)


def _round_keys(
    packed: Any, step: Any, least: Any, rounded: Any, scales: Any, together: int, room: Any, bits: Any
) -> None:
    """Round a head's keys in 4 bits to int8 with a scale for each slot. `room` and `bits` are the same head_dim numbers."""
    for slot in range(len(packed)):
        group = slot // together
        for pair in range(packed.shape[1]):
            both, first = packed[slot, pair], 2 * pair
            room[first] = np.float32(both & 15) * step[group, first] + least[group, first]
            room[first + 1] = np.float32(both >> 4) * step[group, first + 1] + least[group, first + 1]
        # Without their signs, floats have the order of the whole numbers with the same bits, which are compared faster.
        most = np.int32(0)
        for number in range(len(bits)):
            most = max(most, np.int32(bits[number] & 0x7FFFFFFF))
        largest = max(np.int32(most).view(np.float32), np.float32(1e-12))
        scales[slot] = largest / np.float32(127)
        for number in range(len(room)):
            rounded[slot, number] = np.int8(np.rint(room[number] * (np.float32(127) / largest)))


def _unpack_values(packed: Any, values: Any) -> None:
    """Write a head's values in 3 bits in int8, as in `_to_3_bits`."""
    eighth = np.uint64(values.shape[1] // 8)
    for slot in range(len(packed)):
        for part in range(np.uint64(8)):
            first, start, shift = (
                part * eighth,
                part % np.uint64(2) * eighth,
                np.uint8(part // np.uint64(2) * np.uint64(2)),
            )
            for place in range(eighth):
                two = np.uint8(packed[slot, start + place] >> shift) & np.uint8(3)
                size = np.int8(14 if two == 0 else 45 if two == 1 else 79 if two == 2 else 127)
                is_positive = packed[slot, np.uint64(2) * eighth + place] >> np.uint8(part) & np.uint8(1)
                values[slot, first + place] = size if is_positive else np.int8(-size)


def saved_as(
    tensors: Mapping[str, Tensor], name: str, shape: tuple[int, int, int], dtype: torch.dtype
) -> Mapping[str, tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of each saved tensor that keys or values (kv_heads, slots, head_dim) of a decoder's `dtype` are made of."""
    heads, slots, head_dim = shape
    if f"{name}.step" in tensors:
        found = tensors[f"{name}.step"].shape
        together = _slots_together(found[1], slots) if len(found) == 3 else KEY_GROUP
        groups = (heads, -(-slots // together), head_dim) if name.endswith(".keys") else (heads, slots, 1)
        numbers = {name: ((heads, slots, head_dim // 2), torch.int8)}
        return numbers | {f"{name}.{part}": (groups, torch.float16) for part in ("step", "least")}
    if f"{name}.most" in tensors:
        return {
            name: ((heads, slots, head_dim * 3 // 8), torch.int8),
            f"{name}.most": ((heads, slots, 1), torch.float16),
        }
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
    elif f"{name}.most" in tensors:
        place.copy_(_from_3_bits(sent(tensors[name]), sent(tensors[f"{name}.most"])))
    elif f"{name}.scale" in tensors:
        torch.mul(sent(tensors[name]), sent(tensors[f"{name}.scale"]), out=place)
        if f"{name}.factor" in tensors:
            place.mul_(sent(tensors[f"{name}.factor"]))
    else:
        place.copy_(sent(tensors[name]), non_blocking=True)
