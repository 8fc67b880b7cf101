"""Rows: each head keeps some of a window's own keys and values in place of beacons.

A chooser (`reader.condensing`) picks the rows. A kept row is rotated once, by the difference, to its slot's position, and keeps
the source span of each head's token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from reader.beacon.attention import largest_weights
from reader.beacon.layout import WindowTokens
from reader.beacon.memory import Memory
from reader.beacon.rotary import mean_rotation, rotation

FUTURE_TOKENS = 512
"""Rows are chosen for the attention of this many positions after their window."""


class RowChooser(Protocol):
    """Chooses which rows of a window stay, one layer at a time."""

    @property
    def name(self) -> str:
        """The name of this method, as users write it."""

    @property
    def fingerprint(self) -> str:
        """Part of a memory's key; changes when the method would choose other rows."""

    @property
    def replays(self) -> bool:
        """Whether each window is run once more behind itself, to see which rows are needed to repeat it."""

    def choose(self, queries: Tensor, keys: Tensor, values: Tensor, keep: int, peaks: Tensor | None = None) -> Tensor:
        """The rows that each head keeps: (kv_heads, keep), ascending.

        Args:
            queries: (heads, queries, head_dim), scaled, before rotation.
            keys: (kv_heads, tokens, head_dim), turned back by the mean rotation of the next positions, so that their product
                with unrotated queries is the expected attention score of a later token.
            values: (kv_heads, tokens, head_dim).
            peaks: (kv_heads, tokens), the largest attention weight that each row gets when the window is run once more;
                None unless `replays`.
        """


def keep_rows(
    decoder: Any,
    memory: Memory,
    queries: Mapping[int, Tensor],
    chooser: RowChooser,
    keep: int,
    peaks: Mapping[int, Tensor],
) -> None:
    """Keep each head's chosen rows of the full window, rotated to consecutive positions, and drop the rest.

    Args:
        queries: (heads, tokens, head_dim) by layer, scaled and rotated, of the window's last tokens.
        peaks: by layer, as for `RowChooser.choose`; empty unless the chooser replays.
    """
    base, window = memory.sink + memory.beacons, slice(memory.slots - len(memory.tail), memory.slots)
    positions, slots = memory.positions[window], torch.arange(base, base + keep)
    read_at, kept_at = positions.to(decoder.device), slots.to(decoder.device)
    spans = memory.spans[window].int()
    unrotate = rotation(decoder, -positions[-next(iter(queries.values())).shape[1] :])
    turn_back = mean_rotation(decoder, positions[-1] + 1 + torch.arange(FUTURE_TOKENS))
    if memory.row_spans is None:
        memory.row_spans = memory.of_all_heads(memory.spans)
    kept = []
    for number, layer in enumerate(memory.layers):
        keys, values = layer.keys[0, :, window], layer.values[0, :, window]
        rows = chooser.choose(unrotate(queries[number][None])[0], turn_back(keys), values, keep, peaks.get(number))
        layer.keep(rows + base, base, rotation(decoder, kept_at - read_at[rows]))
        kept.append(rows)
    # All layers' rows in one copy: on a GPU, a copy for each layer would wait for that layer.
    chosen = spans[torch.stack(kept).cpu()]
    memory.row_spans = torch.cat([memory.row_spans[:, :, :base], chosen], dim=2)
    # A slot's own span covers the tokens that all heads keep in it.
    widest = torch.stack([chosen[..., 0].amin(dim=(0, 1)), chosen[..., 1].amax(dim=(0, 1))], dim=1)
    memory.spans = torch.cat([memory.spans[:base], widest.long()])
    memory.positions = torch.cat([memory.positions[:base], slots])
    memory.tail, memory.ratio = WindowTokens.raw(0, 0), None
    memory.beacons += keep
    memory.windows += 1


def window_peaks(memory: Memory, queries: Mapping[int, Tensor], end: int) -> dict[int, Tensor]:
    """The largest attention weight (kv_heads, tokens), by layer, that each of the window's rows gets from these queries.

    Args:
        queries: (heads, queries, head_dim) by layer, scaled and rotated, of the memory's last tokens; they have seen the sink, the
            window and themselves.
        end: the slot behind the window's last.
    """
    base, found = memory.sink + memory.beacons, {}
    for layer, own in queries.items():
        keys = memory.keys(layer)
        seen = torch.cat([keys[:, : memory.sink], keys[:, base:]], dim=1)
        found[layer] = largest_weights(own, seen)[:, memory.sink : memory.sink + end - base]
    return found


def joined_row_spans(memory: Memory, other: Memory, start: int, source_offset: int) -> Tensor | None:
    """The joined `row_spans` of a memory and the other's slots from `start`; None if neither keeps rows.

    The other's spans move by `source_offset`.
    """
    if memory.row_spans is None and other.row_spans is None:
        return None
    own, others = (one.of_all_heads(one.spans) if one.row_spans is None else one.row_spans for one in (memory, other))
    added = others[:, :, start:]
    return torch.cat([own, torch.where(added < 0, added, added + source_offset)], dim=2)
