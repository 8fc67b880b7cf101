"""The inputs of one forward pass: tokens, memories and masks, for one sequence or several.

The memories of a batch differ in length. They are padded on the left, their tokens on the right, and a mask hides the padding.
This module runs no decoder.
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
    """The tokens that one sequence runs after its memory."""

    memory: Memory
    ids: Tensor
    """(tokens,); the values at beacons are not used."""
    tokens: WindowTokens
    positions: Tensor
    """(tokens,)"""
    spans: Tensor
    """(tokens, 2)"""
    sees: Tensor | None = None
    """(tokens, tail + tokens): what each token sees of its own window; None: plain causal."""

    def mask(self, horizon: int | None) -> Tensor:
        """What each token sees of all slots and tokens: bool (tokens, slots + tokens).

        Args:
            horizon: how many of the newest beacon slots the tokens see; None: all.
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
        # Zeros, not uninitialised memory: a hidden value is still multiplied by 0, and 0 times NaN is NaN.
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
    """Write each sequence's new keys and values after its own memory."""
    slots = max(one.memory.slots for one in passes)
    for row, one in enumerate(passes):
        start, count = one.memory.slots, len(one.tokens)
        for own, layer in zip(one.memory.layers, layers, strict=True):
            keys, values = layer.part(slots, slots + count)
            own.write(keys[row, None], values[row, None], start)
            own.length = start + count
