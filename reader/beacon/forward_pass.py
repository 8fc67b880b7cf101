"""One forward pass: which tokens stand behind which memories, what they see, and how several sequences share a pass.

A batch's memories have different lengths: they are padded on the left, their tokens on the right, and a mask hides the padding.
It runs no decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reader.beacon.layout import WindowTokens
from reader.beacon.memory import Memory, SlotLayer


@dataclass(frozen=True)
class Pass:
    """The tokens that one sequence puts behind its memory."""

    memory: Memory
    ids: Tensor
    """(tokens,); anything at the beacons."""
    tokens: WindowTokens
    positions: Tensor
    """(tokens,)"""
    spans: Tensor
    """(tokens, 2)"""
    sees: Tensor | None = None
    """(tokens, tail + tokens): what each sees of its own window; None: plain causal."""

    def mask(self, horizon: int | None) -> Tensor:
        """What each token sees of all slots and tokens: bool (tokens, slots + tokens).

        Args:
            horizon: of the beacon slots, how many of the newest are seen; None: all.
        """
        memory, count = self.memory, len(self.tokens)
        before = memory.sink + memory.beacons
        seen = torch.ones(count, before, dtype=torch.bool)
        if horizon is not None:
            seen[:, memory.sink : max(memory.sink, before - horizon)] = False
        sees = self.sees
        if sees is None:
            sees = torch.ones(count, memory.raw + count, dtype=torch.bool).tril(memory.raw)
        return torch.cat([seen, sees], dim=1)


def stack(passes: Sequence[Pass], horizon: int | None) -> tuple[list[SlotLayer], Tensor]:
    """Layers that hold every memory, padded on the left, and the mask (batch, 1, tokens, slots + tokens) over them."""
    slots = max(one.memory.slots for one in passes)
    tokens = max(len(one.tokens) for one in passes)
    first = passes[0].memory.layers
    layers: list[SlotLayer] = []
    for number, like in enumerate(first):
        shape = (len(passes), like.keys.shape[1], slots + tokens, like.keys.shape[3])
        # Zeros, not whatever memory held: a hidden value still counts as 0 times itself, and 0 times NaN is NaN.
        layer = SlotLayer(like.keys.new_zeros(shape), like.values.new_zeros(shape))
        for row, one in enumerate(passes):
            layer.keys[row, :, slots - one.memory.slots : slots] = one.memory.keys(number)
            layer.values[row, :, slots - one.memory.slots : slots] = one.memory.values(number)
        layer.length = slots
        layers.append(layer)
    mask = torch.zeros(len(passes), 1, tokens, slots + tokens, dtype=torch.bool)
    padding = torch.arange(tokens)
    mask[:, 0, padding, slots + padding] = True  # a row that sees nothing would be NaN
    for row, one in enumerate(passes):
        mask[row, 0, : len(one.tokens), slots - one.memory.slots : slots + len(one.tokens)] = one.mask(horizon)
    return layers, mask


def unstack(passes: Sequence[Pass], layers: Sequence[SlotLayer]) -> None:
    """Write each sequence's new keys and values behind its own memory."""
    slots = max(one.memory.slots for one in passes)
    for row, one in enumerate(passes):
        start, count = one.memory.slots, len(one.tokens)
        for own, layer in zip(one.memory.layers, layers, strict=True):
            own.keys[0, :, start : start + count] = layer.keys[row, :, slots : slots + count]
            own.values[0, :, start : start + count] = layer.values[row, :, slots : slots + count]
            own.length = start + count
