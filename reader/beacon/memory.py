"""The memory of one sequence, layer by layer: sink, beacon slots and raw tail.

Keys are stored rotated, each at its slot's position, so decoding after a memory costs as much as decoding after the same number
of cached tokens. The buffers have spare room after the slots, for the tokens of a window or of a question and its answer.
Resetting the length drops those tokens, so asking never changes the memory. This module knows nothing of files or text: the
caller chooses the unit of the spans.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import CacheLayerMixin

from reader.beacon.layout import WindowTokens
from reader.beacon.many_queries import block_loop, has_block_loop
from reader.beacon.one_query import loops_preferred, row_loops
from reader.beacon.rounding import (
    RoundedSlots,
    key_factors,
    put,
    quantise_to_int4,
    quantise_to_int8,
    saved_as,
    unpacking_loops,
)
from reader.beacon.row_spans import saved_row_spans
from reader.errors import MemoryMismatch

_LEAST_ROUNDED = 1024
"""Fewer slots are not worth compiling the loops for."""


class KeysWritten(Exception):
    """Ends a forward pass early: the last layer's keys and values are written, and the rest of the pass is not needed."""


def load_loops() -> None:
    """Load the compiled loops of attention, if they were compiled before: the first question need not wait for that."""
    if has_block_loop():
        block_loop()
        row_loops()
        unpacking_loops()


class SlotLayer(CacheLayerMixin):
    """One layer's keys and values (batch, kv_heads, capacity, head_dim). The first `length` slots are in use.

    The first slots may stay in int8 (`rounded`). `keys` and `values` then hold only those behind them.
    """

    keys: Tensor
    values: Tensor

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self.keys, self.values = keys, values
        self.is_initialized = True
        self.length = 0
        self.rounded: RoundedSlots | None = None
        self.rounded_seen: RoundedSlots | None = None
        """Those that the tokens of the last pass may attend to."""
        self.horizon: tuple[int, int] | None = None
        """(sink slots, newest slots) that tokens may attend to; None: all."""
        self.keys_suffice = False
        """Whether to end the forward pass here, as the last layer of a pass without logits may."""

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing to do: the buffers exist from the start."""

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write (batch, kv_heads, tokens, head_dim) after the slots; return the keys and values that the tokens may attend to.

        They also attend to `rounded_seen`.
        """
        start, end = self.length, self.length + key_states.shape[2]
        self.write(key_states, value_states, start)
        self.length = end
        if self.keys_suffice:
            raise KeysWritten
        seen = [slice(0, end)]
        if self.horizon is not None and sum(self.horizon) < start:
            sink, newest = self.horizon
            seen = [slice(0, sink), slice(start - newest, end)] if sink else [slice(start - newest, end)]
        self.rounded_seen = None if self.rounded is None else self.rounded.at(seen)
        places = [self._place(own.start, own.stop) for own in seen if own.stop > self.first]
        keys, values = ([own[:, :, place] for place in places] for own in (self.keys, self.values))
        return (keys[0], values[0]) if len(places) == 1 else (torch.cat(keys, dim=2), torch.cat(values, dim=2))

    @property
    def first(self) -> int:
        """The first slot that `keys` and `values` hold."""
        return 0 if self.rounded is None else self.rounded.count

    def _place(self, start: int, end: int) -> slice:
        """Where slots stand in `keys` and `values`, as far as they do."""
        return slice(max(0, start - self.first), end - self.first)

    def part(self, start: int, end: int) -> tuple[Tensor, Tensor]:
        """Keys and values (batch, kv_heads, slots, head_dim) of some slots; views, if none of them are rounded."""
        return self.keys_of(start, end), self.values_of(start, end)

    def keys_of(self, start: int, end: int) -> Tensor:
        """The first of `part`."""
        return self._behind_rounded(RoundedSlots.float_keys, self.keys, start, end)

    def values_of(self, start: int, end: int) -> Tensor:
        """The second of `part`."""
        return self._behind_rounded(RoundedSlots.float_values, self.values, start, end)

    def _behind_rounded(self, floats: Callable[[RoundedSlots], Tensor], own: Tensor, start: int, end: int) -> Tensor:
        own = own[:, :, self._place(start, end)]
        if self.rounded is None or start >= self.first:
            return own
        return torch.cat([floats(self.rounded.at([slice(start, self.first)]))[None], own], dim=2)

    def write(self, keys: Tensor, values: Tensor, start: int) -> None:
        """Write keys and values (batch, kv_heads, tokens, head_dim) into the slots from `start`."""
        if start < self.first:
            self.unround()
        place = self._place(start, start + keys.shape[2])
        self.keys[:, :, place] = keys
        self.values[:, :, place] = values

    def keep_rounded(self, tensors: Mapping[str, Tensor], layer: str) -> None:
        """Begin with these saved slots, if the compiled loops attend to them as fast as the library to floats, on a CPU."""
        _, kv_heads, _, head_dim = self.keys.shape
        is_plain = self.keys.device.type == "cpu" and self.keys.dtype == torch.float32
        is_plain = is_plain and not head_dim % 4 and loops_preferred(kv_heads)
        if not is_plain or None in (block_loop(), row_loops()):
            return
        self.rounded = RoundedSlots.copied(tensors, layer)
        self.length = 0 if self.rounded is None else self.rounded.count

    def unround(self) -> None:
        """Keep all slots as numbers of the decoder's type again."""
        if self.rounded is None:
            return
        self.keys, self.values = self.part(0, self.get_max_length())
        self.rounded = None

    def move(self, index: Tensor, first: int, rotate: Callable[[Tensor], Tensor]) -> None:
        """Move the slots at index (slots,) to the slots from `first`, rotate their keys, and drop every slot after them."""
        if first < self.first:
            self.unround()
        index = index - self.first
        self.write(rotate(self.keys[:, :, index]), self.values[:, :, index], first)
        self.length = first + len(index)

    def keep(self, index: Tensor, first: int, turn: Callable[[Tensor], Tensor]) -> None:
        """Move each head's slots at index (kv_heads, slots) to the slots from `first`, and drop every slot after them.

        Args:
            turn: rotates the keys (1, kv_heads, slots, head_dim) of those slots to their new positions.
        """
        if first < self.first:
            self.unround()
        rows = (index - self.first)[None, ..., None].expand(1, -1, -1, self.keys.shape[3])
        self.write(turn(self.keys.gather(2, rows)), self.values.gather(2, rows), first)
        self.length = first + index.shape[1]

    def reserve(self, capacity: int) -> None:
        """Make room for `capacity` slots and keep those in use."""
        if capacity <= self.get_max_length():
            return
        shape = (*self.keys.shape[:2], capacity - self.first, self.keys.shape[3])
        used = self._place(0, self.length)
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = old.new_empty(shape)
            new[:, :, used] = old[:, :, used]
            setattr(self, name, new)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        return self.length

    def get_max_length(self) -> int:
        return self.first + self.keys.shape[2]


class TracedLayer(SlotLayer):
    """A layer that gradients flow through: each write makes new tensors and never overwrites the old ones."""

    def write(self, keys: Tensor, values: Tensor, start: int) -> None:
        self.keys = torch.cat([self.keys[:, :, :start], keys], dim=2)
        self.values = torch.cat([self.values[:, :, :start], values], dim=2)

    def reserve(self, capacity: int) -> None:
        """Nothing to do: each write makes its own room."""


@dataclass(frozen=True)
class Mark:
    """The state of a memory that `Memory.back_to` restores."""

    slots: int
    tail: WindowTokens
    extra: tuple[int, ...]


class Memory:
    """The memory of one sequence: sink | beacons | raw tail.

    A slot's position is its number. The exception is an unfinished window whose token positions skip its beacons (`positions`).
    Where each head keeps rows, a layer may hold more or fewer of them than the memory has slots (`extra`); its rows then stand
    between the slots' positions. Sink and raw tail are the same tokens in all layers.
    """

    def __init__(self, layers: Sequence[SlotLayer]) -> None:
        self.layers = list(layers)
        self.sink = 0
        """Sink slots."""
        self.beacons = 0
        """Beacon slots (with ratio 0: raw tokens kept as they are)."""
        self.spans = torch.empty(0, 2, dtype=torch.int64)
        """(slots, 2): start and end of each slot's source, -1 if it has none."""
        self.positions = torch.empty(0, dtype=torch.int64)
        """(slots,): the position that each slot's keys are rotated to."""
        self.extra: tuple[int, ...] = (0,) * len(self.layers)
        """By layer: how many slots more than `slots` it holds, or fewer if negative."""
        self._row_spans: list[Tensor] | None = None
        """`row_spans`, maybe without the last slots, whose spans all heads share."""
        self.tail = WindowTokens.raw(0, 0)
        """The tokens of the raw tail, the unfinished window."""
        self.ratio: int | None = None
        """The unfinished window's ratio; None between windows."""
        self.windows = 0
        """Finished windows."""
        self.source_tokens_run = 0
        """Tokens with a source span that the decoder has run since this memory was made or restored."""
        self.key_factors: list[Tensor] | None = None
        """By layer (kv_heads, 1, head_dim) float32: see `quantise_to_int8`; None before the first slots were rounded."""

    @property
    def slots(self) -> int:
        """All slots: sink + beacons + raw tail."""
        return len(self.positions)

    @property
    def raw(self) -> int:
        """Slots of the raw tail, its unfinished window's beacons included."""
        return len(self.tail)

    @property
    def raw_tokens(self) -> int:
        """Raw tokens of the unfinished window."""
        return int((~self.tail.is_beacon).sum())

    @property
    def next_position(self) -> int:
        """The position of the next raw token after the memory."""
        return int(self.positions.max()) + 1 if self.slots else 0

    @property
    def capacity(self) -> int:
        """The slots that fit without new buffers."""
        return min(layer.get_max_length() - extra for layer, extra in zip(self.layers, self.extra, strict=True))

    def length(self, layer: int) -> int:
        """The slots of one layer."""
        return self.slots + self.extra[layer]

    @property
    def slot_bytes(self) -> int:
        """Bytes of one slot over all layers."""
        return sum(
            2 * layer.keys.shape[0] * layer.keys.shape[1] * layer.keys.shape[3] * layer.keys.element_size()
            for layer in self.layers
        )

    def reserve(self, capacity: int) -> None:
        """Make room for `capacity` slots, and for each layer's extra ones."""
        for layer, extra in zip(self.layers, self.extra, strict=True):
            if capacity + extra > layer.get_max_length():
                # Each window adds to the extra slots: a quarter more, so that a long reading seldom copies the layer.
                layer.reserve(capacity + extra + max(0, extra) // 4)

    def append(self, tokens: WindowTokens, positions: Tensor, spans: Tensor) -> None:
        """Record tokens whose keys and values the decoder has just written after the slots."""
        self.tail = self.tail + tokens
        self.positions = torch.cat([self.positions, positions])
        self.spans = torch.cat([self.spans, spans])

    @property
    def row_spans(self) -> list[Tensor] | None:
        """By layer (kv_heads, the layer's slots, 2) int32: the source span of each head's slots; None if no rows are kept."""
        if self._row_spans is not None:
            # Decoding a token needs none of them: they are added only here.
            missing = self.length(0) - self._row_spans[0].shape[1]
            if missing:
                added = self.of_all_heads(self.spans[-missing:])
                self._row_spans = [torch.cat([own, added], dim=1) for own in self._row_spans]
        return self._row_spans

    @row_spans.setter
    def row_spans(self, spans: list[Tensor] | None) -> None:
        self._row_spans = spans

    def of_all_heads(self, spans: Tensor) -> Tensor:
        """Expand spans (slots, 2) that all heads share to the shape of a layer's `row_spans`."""
        return spans.int().expand(self.layers[0].keys.shape[1], -1, -1)

    def mark(self) -> Mark:
        """The current end of the memory."""
        return Mark(self.slots, self.tail, self.extra)

    def tail_mark(self) -> Mark:
        """The end of sink and beacons, where the raw tail begins."""
        return Mark(self.sink + self.beacons, self.tail[:0], self.extra)

    def back_to(self, mark: Mark) -> None:
        """Drop every slot after the mark. The slots before it are unchanged."""
        self.tail = mark.tail
        self.positions = self.positions[: mark.slots]
        self.spans = self.spans[: mark.slots]
        self.extra = mark.extra
        if self._row_spans is not None:
            self._row_spans = [own[:, : self.length(number)] for number, own in enumerate(self._row_spans)]
        for number, layer in enumerate(self.layers):
            layer.length = self.length(number)
            if layer.length < layer.first:
                layer.unround()

    def traced(self) -> Memory:
        """A copy of this memory that gradients flow through. Neither memory changes the other."""
        twin = copy.copy(self)
        twin.layers = []
        for layer in self.layers:
            layer.unround()
            twin.layers.append(TracedLayer(layer.keys, layer.values))
            twin.layers[-1].length = layer.length
        return twin

    def keys(self, layer: int, start: int = 0) -> Tensor:
        """Rotated keys of a layer (kv_heads, its slots from `start`, head_dim); a view, if none of them are rounded."""
        return self.layers[layer].keys_of(start, self.length(layer))[0]

    def values(self, layer: int, start: int = 0) -> Tensor:
        """Values of a layer (kv_heads, its slots from `start`, head_dim); a view, if none of them are rounded."""
        return self.layers[layer].values_of(start, self.length(layer))[0]

    def counts(self) -> dict[str, int]:
        """The counts that `restore` needs beside the tensors."""
        return {
            "sink": self.sink,
            "beacons": self.beacons,
            "raw": self.raw,
            "windows": self.windows,
            "ratio": -1 if self.ratio is None else self.ratio,
        }

    def tensors(self, after: Mark | None = None) -> dict[str, Tensor]:
        """Views of all slots, or of those after a mark.

        They are `spans`, `positions`, `tail`, and for each layer N `layers.N.keys`, `layers.N.values`, `layers.N.row_spans`.
        """
        after = after or Mark(0, self.tail[:0], (0,) * len(self.layers))
        tail = torch.stack([self.tail.is_beacon.long(), self.tail.raw_number, self.tail.beacon_number])
        parts: dict[str, Tensor] = {
            "spans": self.spans[after.slots :],
            "positions": self.positions[after.slots :],
            "tail": tail,
        }
        for number in range(len(self.layers)):
            first = after.slots + after.extra[number]
            parts[f"layers.{number}.keys"] = self.keys(number, first)
            parts[f"layers.{number}.values"] = self.values(number, first)
            if self.row_spans is not None:
                parts[f"layers.{number}.row_spans"] = self.row_spans[number][:, first:]
        return parts

    def round(self, after: Mark | None = None, *, to_int4: bool = False) -> dict[str, Tensor]:
        """Round all slots, or those after a mark, to what int8 or int4 holds of them; return `tensors` in that type.

        In float32, rounding them to int8 again changes nothing. To int4 each slot is to be rounded once.
        """
        views = self.tensors(after)
        sink = self.sink if after is None else 0
        rounded = quantise_to_int4(views, sink) if to_int4 else self._in_int8(views)
        for name, view in views.items():
            if view.is_floating_point():
                put(rounded, name, view)
        return rounded

    def _in_int8(self, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if self.key_factors is None:
            self.key_factors = [key_factors(self.keys(number)) for number in range(len(self.layers))]
        return quantise_to_int8(views, self.key_factors)

    def restore(
        self,
        tensors: Mapping[str, Tensor],
        counts: Mapping[str, int],
        room: int = 0,
        *,
        stays_rounded: bool = False,
    ) -> None:
        """Copy saved slots after the sink and beacons of this memory, in place of its raw tail.

        Copies once per layer. Checks all tensors before it changes any.

        Args:
            room: slots to make room for behind the memory.
            stays_rounded: of a memory without slots, whether those saved in int8 or int4 are kept in int8, if they are many and
                the decoder can attend to them.

        Raises:
            MemoryMismatch: a tensor is missing, or has another shape or type than this decoder's.
        """
        before = self.sink + self.beacons
        slots = counts["sink"] + counts["beacons"] + counts["raw"] - before
        shapes = {"positions": (slots,), "spans": (slots, 2), "tail": (3, counts["raw"])}
        for name, shape in shapes.items():
            saved = tensors.get(name)
            if saved is None or tuple(saved.shape) != shape or saved.dtype != torch.int64 or min(counts.values()) < -1:
                raise MemoryMismatch(
                    f"The saved memory's {name} do not fit its {slots:,} slots. Read the document again."
                )
        tail = tensors["tail"]
        least = counts["sink"] - self.sink + counts["raw"]  # all layers hold sink and raw tail
        row_spans = saved_row_spans(tensors, len(self.layers), self.layers[0].keys.shape[1], least)
        nominal, starts = slots, [before + extra for extra in self.extra]
        held = [slots] * len(self.layers) if row_spans is None else [own.shape[1] for own in row_spans]
        for number, layer in enumerate(self.layers):
            slots = held[number]
            for name, buffer in (("keys", layer.keys), ("values", layer.values)):
                shape = (buffer.shape[1], slots, buffer.shape[3])
                for part, expected in saved_as(tensors, f"layers.{number}.{name}", shape, buffer.dtype).items():
                    saved = tensors.get(part)
                    if saved is not None and (tuple(saved.shape), saved.dtype) == expected:
                        continue
                    found = "missing" if saved is None else f"{tuple(saved.shape)} of {saved.dtype}"
                    raise MemoryMismatch(
                        f"The saved memory's layer {number} {name} are {found}, the decoder needs {shape} of {buffer.dtype}. "
                        "Ask it with the model that read it, or read the document again."
                    )
        if f"layers.{len(self.layers)}.keys" in tensors:
            raise MemoryMismatch(
                f"The saved memory has more layers than the decoder's {len(self.layers)}. "
                "Ask it with the model that read it, or read the document again."
            )
        self.back_to(self.tail_mark())
        own_row_spans = self.row_spans
        if stays_rounded and not before and nominal >= _LEAST_ROUNDED:
            for number, layer in enumerate(self.layers):
                layer.keep_rounded(tensors, f"layers.{number}")
        self.extra = tuple(extra + own - nominal for extra, own in zip(self.extra, held, strict=True))
        self.reserve(before + nominal + room)
        for number, layer in enumerate(self.layers):
            layer.length = starts[number] + held[number]
            if starts[number] >= layer.first:
                keys, values = layer.part(starts[number], layer.length)
                put(tensors, f"layers.{number}.keys", keys[0])
                put(tensors, f"layers.{number}.values", values[0])
        if row_spans is not None or own_row_spans is not None:
            earlier = own_row_spans or [self.of_all_heads(self.spans)] * len(self.layers)
            added = row_spans or [self.of_all_heads(tensors["spans"])] * len(self.layers)
            self.row_spans = [torch.cat(parts, dim=1) for parts in zip(earlier, added, strict=True)]
        names = [f"layers.{number}.keys.factor" for number in range(len(self.layers))]
        if self.key_factors is None and all(name in tensors for name in names):
            device = self.layers[0].keys.device
            self.key_factors = [tensors[name].to(device, copy=True) for name in names]
        self.spans = torch.cat([self.spans, tensors["spans"]])
        self.positions = torch.cat([self.positions, tensors["positions"]])
        self.tail = WindowTokens(tail[0].bool(), tail[1], tail[2])
        self.sink, self.beacons, self.windows = counts["sink"], counts["beacons"], counts["windows"]
        self.ratio = None if counts["ratio"] < 0 else counts["ratio"]
