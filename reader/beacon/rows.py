"""Rows: each head keeps some of a window's own keys and values in place of beacons.

A chooser (`reader.condensing`) scores the rows. A kept row is rotated once, by the difference, to its new position, and keeps
the source span of each head's token. Layers may keep different numbers of rows (`BeaconConfig.layer_shares`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from reader.beacon.attention import largest_weights
from reader.beacon.config import BeaconConfig
from reader.beacon.layout import WindowTokens
from reader.beacon.memory import Mark, Memory
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

    @property
    def spread(self) -> float:
        """The share of the kept rows that is evenly spaced among the others; 1 if the method scores no row above another."""

    def at(self, ratio: int) -> RowChooser:
        """The method at this ratio: itself, or the one that it leaves this ratio to."""

    def scores(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor, peaks: Tensor | None = None) -> Tensor:
        """How much each head needs each row: (kv_heads, tokens).

        Args:
            layer: the layer's number.
            queries: (heads, queries, head_dim), scaled, before rotation, of the window's last tokens: of all, unless the window was
                read in parts.
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
    config: BeaconConfig,
    peaks: Mapping[int, Tensor],
) -> None:
    """Keep each head's chosen rows of the full window and drop the rest.

    If all layers keep as many rows, these move to consecutive positions. Else a row moves to the position of the slot for its
    place in the window, so that what follows has the same position in all layers.

    Args:
        queries: (heads, tokens, head_dim) by layer, scaled and rotated, of the window's last tokens.
        config: says how many rows each layer keeps at the memory's ratio.
        peaks: by layer, as for `RowChooser.scores`; empty unless the chooser replays.
    """
    assert memory.ratio
    keep, base = config.window // memory.ratio, memory.sink + memory.beacons
    more = [config.extra_rows(memory.ratio, number) for number in range(len(memory.layers))]
    is_even = memory.ratio not in config.layer_shares
    # With the layers' own shares, evenly spaced rows beside the best ones made answers worse.
    chooser = chooser.at(memory.ratio)
    spread = chooser.spread if is_even or chooser.spread == 1 else 0.0
    window = slice(base, memory.slots)
    positions, slots = memory.positions[window], torch.arange(base, base + keep)
    read_at, kept_at = positions.to(decoder.device), slots.to(decoder.device)
    spans = memory.spans[window]
    unrotate = rotation(decoder, -positions[-next(iter(queries.values())).shape[1] :])
    turn_back = mean_rotation(decoder, positions[-1] + 1 + torch.arange(FUTURE_TOKENS))
    if memory.row_spans is None:
        memory.row_spans = [memory.of_all_heads(memory.spans)] * len(memory.layers)
    kept = []
    for number, layer in enumerate(memory.layers):
        first = base + memory.extra[number]
        keys, values = memory.keys(number, first), memory.values(number, first)
        own = queries[number][None]
        scores = chooser.scores(number, unrotate(own)[0], turn_back(keys), values, peaks.get(number))
        rows = choose_rows(scores, keep + more[number], spread)
        moves = (kept_at if is_even else base + rows // memory.ratio) - read_at[rows]
        layer.keep(rows + first, first, rotation(decoder, moves))
        kept.append(rows)
    # All layers' rows in one copy: on a GPU, a copy for each layer would wait for that layer.
    chosen = spans.int()[torch.cat([rows.flatten() for rows in kept]).cpu()].split([rows.numel() for rows in kept])
    heads = len(kept[0])
    memory.row_spans = [
        torch.cat([own[:, : base + extra], found.view(heads, -1, 2)], dim=1)
        for own, extra, found in zip(memory.row_spans, memory.extra, chosen, strict=True)
    ]
    # A slot's own span covers the tokens that all heads keep in it, or those whose place it has.
    covered = (
        torch.stack([own.view(heads, keep, 2) for own in chosen]).flatten(0, 1)
        if is_even
        else spans.view(keep, -1, 2).transpose(0, 1)
    )
    widest = torch.stack([covered[..., 0].amin(dim=0), covered[..., 1].amax(dim=0)], dim=1)
    memory.spans = torch.cat([memory.spans[:base], widest.long()])
    memory.positions = torch.cat([memory.positions[:base], slots])
    memory.extra = tuple(extra + rows for extra, rows in zip(memory.extra, more, strict=True))
    memory.tail, memory.ratio = WindowTokens.raw(0, 0), None
    memory.beacons += keep
    memory.windows += 1


def choose_rows(scores: Tensor, keep: int, spread: float) -> Tensor:
    """The rows that each head keeps: (kv_heads, keep), ascending.

    Args:
        scores: (kv_heads, tokens), how much each head needs each row.
        keep: how many rows.
        spread: the share of them that is evenly spaced among the others, whatever their scores.
    """
    spaced = round(keep * spread)
    best = scores.topk(keep - spaced, dim=1).indices
    if spaced:
        # How many of the others there are up to each row. A search in these counts, unlike `nonzero`, does not wait for a GPU.
        others = torch.ones_like(scores, dtype=torch.int64).scatter(1, best, 0).cumsum(dim=1)
        left = scores.shape[1] - best.shape[1]
        places = (torch.arange(1, spaced + 1, device=scores.device) * left) // spaced
        best = torch.cat([best, torch.searchsorted(others, places.expand(len(scores), -1).contiguous())], dim=1)
    return best.sort(dim=1).values


def window_peaks(memory: Memory, queries: Mapping[int, Tensor], end: Mark) -> dict[int, Tensor]:
    """The largest attention weight (kv_heads, tokens), by layer, that each of the window's rows gets from these queries.

    Args:
        queries: (heads, queries, head_dim) by layer, scaled and rotated, of the memory's last tokens; they have seen the sink, the
            window and themselves.
        end: the end of the window.
    """
    sink, found = memory.sink, {}
    tokens = end.slots - sink - memory.beacons
    for layer, own in queries.items():
        keys = memory.keys(layer)
        seen = torch.cat([keys[:, :sink], keys[:, sink + memory.beacons + memory.extra[layer] :]], dim=1)
        found[layer] = largest_weights(own, seen)[:, sink : sink + tokens]
    return found
