"""Rounding the keys and values of a memory: to int8 and to 4 and 3 bits, and back.

Tensors are named as in `Memory.tensors`; what rounding adds to one is named behind it: `.scale`, `.factor`, `.step`, `.least`,
`.slots`, `.spread` (`.most` where values were not spread before).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reader.compiled import compiled

KEY_GROUP = 256
"""Consecutive slots whose keys share the steps of an int4 memory, one for each channel."""

_KEY_GROUPS = 128, 64
"""As many did once, in all groups of a memory."""

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
    are_spread: bool = False
    """Whether the values are those of `spread`."""

    @classmethod
    def copied(cls, tensors: Mapping[str, Tensor], layer: str) -> RoundedSlots | None:
        """Those of a layer (`layers.N`) of a saved memory; None where it is saved in another type or as int4 once was."""
        if (most := _scale_of_3_bits(tensors, f"{layer}.values")) is not None:
            return cls._unpacked(tensors, layer, most)
        names = ("keys", "keys.scale", "keys.factor", "values", "values.scale")
        if any(f"{layer}.{name}" not in tensors for name in names):
            return None
        keys, key_scales, key_factors, values, value_scales = (tensors[f"{layer}.{name}"].clone() for name in names)
        return cls(keys, key_scales, key_factors, values, value_scales)

    @classmethod
    def _unpacked(cls, tensors: Mapping[str, Tensor], layer: str, most: Tensor) -> RoundedSlots | None:
        if (loops := unpacking_loops()) is None:
            return None
        of_keys, of_values, of_wide_values = loops
        keys, values = tensors[f"{layer}.keys"], tensors[f"{layer}.values"]
        step, least = (tensors[f"{layer}.keys.{part}"].float() for part in ("step", "least"))
        factors = key_factors(torch.cat([least, least + 15 * step], dim=1))
        shape = *keys.shape[:2], factors.shape[2]
        new_keys, new_values = torch.empty(2, *shape, dtype=torch.int8)
        scales, room = torch.empty(*shape[:2], 1), np.empty(shape[2], np.float32)
        own = keys.view(torch.uint8), step / factors, least / factors, new_keys, scales[..., 0]
        groups = _groups(tensors, f"{layer}.keys").numpy()
        for packed, *parts in zip(*(each.numpy() for each in own), strict=True):
            of_keys(packed, *parts, groups, room, room.view(np.int32))
        own_values = values.view(torch.uint8).numpy(), new_values.view(torch.uint8).numpy()
        if is_wide := shape[2] % 64 == 0:
            own_values = tuple(np.require(own.view(np.uint64), requirements="A") for own in own_values)  # type: ignore[assignment]
        for packed, into in zip(*own_values, strict=True):
            (of_wide_values if is_wide else of_values)(packed, into, _IN_EACH_BYTE if is_wide else np.uint64(1))
        are_spread = f"{layer}.values.spread" in tensors
        return cls(new_keys, scales, factors, new_values, most.float() / 127, are_spread)

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
        return RoundedSlots(picked(self.keys), *scales, picked(self.values), picked(self.value_scales), self.are_spread)

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
        values = self.values * self.value_scales
        return spread(values) if self.are_spread else values


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


def spread(values: Tensor) -> Tensor:
    """Values, or what attention makes of them (…, head_dim), multiplied by a Hadamard matrix: each becomes a sum of all.

    So none is much larger than the others, and all of a slot fit one scale (QuaRot, arXiv 2404.00456). Spread again they are as
    they were.
    """
    return values.matmul(hadamard(values.shape[-1]).to(values))


@functools.cache
def hadamard(size: int) -> Tensor:
    """The matrix (size, size) of `spread`, of as many numbers together as the largest power of two that divides the size."""
    together, matrix = size & -size, torch.ones(1, 1)
    while len(matrix) < together:
        matrix = torch.cat([torch.cat([matrix, matrix], dim=1), torch.cat([matrix, -matrix], dim=1)])
    blocks: Tensor = torch.block_diag(*[matrix / together**0.5] * (size // together))
    return blocks


def quantise_to_int4(tensors: Mapping[str, Tensor], sink: int = 0) -> dict[str, Tensor]:
    """A memory's tensors with keys in 4 and values in 3 bits: an eighth of float32's bytes. `Memory.restore` accepts it.

    A few channels of the keys are much larger than the others, so a group of keys is one channel of `KEY_GROUP` slots, rounded to
    16 steps from its smallest to its largest (KIVI, arXiv 2402.02750, section 3). A slot's values are spread and have one scale.
    Those of consecutive windows may be joined along the slots and groups.

    Args:
        sink: how many of the slots are the memory's first: their keys are far from all others'. Most attention goes to the first
            one, which is a group alone.

    Returns:
        Keys (kv_heads, slots, head_dim / 2) in int8, two numbers in each, with their `.step` and `.least` (kv_heads, groups,
        head_dim) in float16, and how many slots are in each group, `.slots` (1, groups) in int32; values (kv_heads, slots,
        head_dim * 3 / 8) in int8, with the `.spread` (kv_heads, slots, 1) that the largest of `_SIZES` stands for, in float16;
        everything else as it was. head_dim is a multiple of 8.
    """
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            result[name] = tensor
        elif name.endswith(".values"):
            result[name], result[f"{name}.spread"] = _to_3_bits(spread(tensor.float()))
        else:
            numbers, slots = tensor.float(), torch.arange(tensor.shape[1])
            parts = [slots[: min(sink, 1)], slots[1:sink], *slots[sink:].split(KEY_GROUP)]
            counts = [len(part) for part in parts if len(part)]
            least, most = numbers.new_empty(2, len(numbers), len(counts), numbers.shape[2])
            for number, group in enumerate(numbers.split(counts, dim=1) if counts else ()):
                least[:, number], most[:, number] = torch.aminmax(group, dim=1)
            groups = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)).to(tensor.device)
            # Rounded to float16 first, so that the numbers are rounded to the steps that are read again.
            least = least.half()
            step = ((most - least.float()) / 15).clamp(min=_LEAST_STEP).half()
            result[f"{name}.slots"] = torch.tensor([counts], dtype=torch.int32)
            parts = [part.float()[:, groups] for part in (least, step)]
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


def _scale_of_3_bits(tensors: Mapping[str, Tensor], name: str) -> Tensor | None:
    """What the largest of `_SIZES` stands for in values (kv_heads, slots, 1); None of those that are not in 3 bits."""
    return tensors.get(f"{name}.spread", tensors.get(f"{name}.most"))


def _from_int4(packed: Tensor, step: Tensor, least: Tensor, groups: Tensor) -> Tensor:
    """The numbers (kv_heads, slots, head_dim) in float32 of keys in 4 bits, or of values as they were once."""
    numbers = packed.view(torch.uint8)
    nibbles = torch.stack([numbers & 15, numbers >> 4], dim=-1).flatten(-2).float()
    return nibbles.mul_(step.float()[:, groups]).add_(least.float()[:, groups])


def _groups(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    """The number of the group (slots,) of each slot of int4's keys, or of values as they were once."""
    slots, groups = tensors[name].shape[1], tensors[f"{name}.step"].shape[1]
    counts = tensors.get(f"{name}.slots")
    if counts is None:  # as int4 memories were saved once: rounded at the end, all groups alike
        return torch.arange(slots) // (1 if groups == slots else _slots_together(groups, slots))
    return torch.arange(groups).repeat_interleave(counts[0].cpu())


def _slots_together(groups: int, slots: int) -> int:
    return next((size for size in _KEY_GROUPS if groups == -(-slots // size)), KEY_GROUP)


def unpacking_loops() -> tuple[Callable[..., Any], ...] | None:
    """The compiled loops `_round_keys`, and `_unpack_values` of bytes and of eight at once; None where one cannot be compiled."""
    of_keys = compiled(_round_keys, _KEYS_ARGUMENTS, reorders=True)
    of_values = (compiled(_unpack_values, _VALUES_ARGUMENTS.format(kind)) for kind in ("uint8", "uint64"))
    loops = (of_keys, *of_values)
    return None if None in loops else loops  # type: ignore[return-value]


_VALUES_ARGUMENTS = "({0}[:, ::1], {0}[:, ::1], uint64)"
_IN_EACH_BYTE = np.uint64(0x0101010101010101)
_KEYS_ARGUMENTS = (
    "(uint8[:, ::1], float32[:, ::1], float32[:, ::1], int8[:, ::1], float32[::1], int64[::1], float32[::1], "
    "int32[::1])"
)


def _round_keys(
    packed: Any, step: Any, least: Any, rounded: Any, scales: Any, groups: Any, room: Any, bits: Any
) -> None:
    """Round a head's keys in 4 bits to int8 with a scale for each slot. `room` and `bits` are the same head_dim numbers."""
    for slot in range(len(packed)):
        group = groups[slot]
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


def _unpack_values(packed: Any, values: Any, one: Any) -> None:
    """Write a head's values in 3 bits in int8, as in `_to_3_bits`. Both are bytes, or eight of them in each number.

    Args:
        one: 1 in each byte of a number.
    """
    eighth = np.uint64(values.shape[1] // 8)
    first, second, third, fourth = _SIZES
    least, low_adds, high_adds = np.uint64(first) * one, np.uint64(second - first), np.uint64(third - first)
    both_add = np.uint64(fourth - second - third + first)
    for slot in range(len(packed)):
        for part in range(np.uint64(8)):
            start, shift = part % np.uint64(2) * eighth, part // np.uint64(2) * np.uint64(2)
            for place in range(eighth):
                two = np.uint64(packed[slot, start + place]) >> shift
                low, high = two & one, two >> np.uint64(1) & one
                size = least + low_adds * low + high_adds * high + both_add * (low & high)
                is_negative = ~(np.uint64(packed[slot, np.uint64(2) * eighth + place]) >> part) & one
                values[slot, part * eighth + place] = (size ^ is_negative * np.uint64(255)) + is_negative


def saved_as(
    tensors: Mapping[str, Tensor], name: str, shape: tuple[int, int, int], dtype: torch.dtype
) -> Mapping[str, tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of each saved tensor that keys or values (kv_heads, slots, head_dim) of a decoder's `dtype` are made of."""
    heads, slots, head_dim = shape
    if f"{name}.step" in tensors:
        found = tensors[f"{name}.step"].shape
        together = _slots_together(found[1], slots) if len(found) == 3 else KEY_GROUP
        groups = (heads, -(-slots // together), head_dim) if name.endswith(".keys") else (heads, slots, 1)
        parts: dict[str, tuple[tuple[int, ...], torch.dtype]] = {name: ((heads, slots, head_dim // 2), torch.int8)}
        if (counts := tensors.get(f"{name}.slots")) is not None:
            is_whole = bool((counts > 0).all()) and int(counts.sum()) == slots
            count = found[1] if is_whole and len(found) == 3 else -1
            parts[f"{name}.slots"], groups = ((1, count), torch.int32), (heads, count, head_dim)
        return parts | {f"{name}.{part}": (groups, torch.float16) for part in ("step", "least")}
    for scale in (f"{name}.spread", f"{name}.most"):
        if scale in tensors:
            packed = heads, slots, head_dim * 3 // 8
            return {name: (packed, torch.int8), scale: ((heads, slots, 1), torch.float16)}
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
        groups = _groups(tensors, name).to(place.device)
        packed, step, least = (sent(tensors[part]) for part in (name, f"{name}.step", f"{name}.least"))
        place.copy_(_from_int4(packed, step, least, groups))
    elif (most := _scale_of_3_bits(tensors, name)) is not None:
        values = _from_3_bits(sent(tensors[name]), sent(most))
        place.copy_(spread(values) if f"{name}.spread" in tensors else values)
    elif f"{name}.scale" in tensors:
        torch.mul(sent(tensors[name]), sent(tensors[f"{name}.scale"]), out=place)
        if f"{name}.factor" in tensors:
            place.mul_(sent(tensors[f"{name}.factor"]))
    else:
        place.copy_(sent(tensors[name]), non_blocking=True)
