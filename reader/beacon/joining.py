"""Joining memories: another memory's slots are copied behind a memory and rotated to their new positions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from reader.beacon.layout import NO_SPAN, WindowTokens
from reader.beacon.memory import Memory
from reader.beacon.rotary import rotation


def join(decoder: Any, memory: Memory, other: Memory, source_offset: int) -> None:
    """Copy another memory behind this one; see `BeaconPlugin.put_behind`."""
    start = other.sink if memory.slots else 0
    distance = memory.next_position - start
    own, end = [memory.length(number) for number in range(len(memory.layers))], memory.slots + other.slots - start
    memory.row_spans = _joined_row_spans(memory, other, start, source_offset)
    memory.extra = tuple(map(sum, zip(memory.extra, other.extra, strict=True)))
    memory.reserve(end)
    rotate = rotation(decoder, torch.tensor([distance]))
    for number, layer in enumerate(memory.layers):
        place = slice(own[number], end + memory.extra[number])
        layer.write(rotate(other.keys(number, start)[None]), other.values(number, start)[None], place.start)
        layer.length = place.stop
    memory.spans = torch.cat([memory.spans, _moved(other.spans[start:], source_offset)])
    memory.positions = torch.cat([memory.positions, other.positions[start:] + distance])
    memory.sink = memory.sink or other.sink
    memory.beacons = end - memory.sink
    memory.windows += other.windows
    memory.tail, memory.ratio = WindowTokens.raw(0, 0), None


def _moved(spans: Tensor, source_offset: int) -> Tensor:
    return torch.where(spans == NO_SPAN, spans, spans + source_offset)


def _joined_row_spans(memory: Memory, other: Memory, start: int, source_offset: int) -> list[Tensor] | None:
    """The joined `row_spans` of a memory and the other's slots from `start`; None if neither keeps rows."""
    if memory.row_spans is None and other.row_spans is None:
        return None
    own, others = (
        [one.of_all_heads(one.spans)] * len(one.layers) if one.row_spans is None else one.row_spans
        for one in (memory, other)
    )
    return [
        torch.cat([before, _moved(added[:, start:], source_offset)], dim=1)
        for before, added in zip(own, others, strict=True)
    ]
