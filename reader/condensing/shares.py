"""Shares: how many rows each layer keeps, measured once for a decoder.

Layers differ in how many of their rows are needed: what some of them lose is never missed, what others lose are the facts. Each
window of a text is run once more behind itself (as in KVzip, arXiv 2505.23416, section 3). The rows that get the largest
attention weights in all layers and heads together are counted layer by layer. Which rows stay, a chooser decides later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from reader.beacon import BeaconPlugin
from reader.errors import ConfigError

FITTED_RATIOS = {2: 1.0, 4: 1.0, 8: 0.5}
"""By ratio for which shares are measured, the weight of the measured share; the rest is the same for all layers.

At ratio 8 the measured shares alone keep as few facts as with this weight, and lose the text's thread."""


def measure_shares(
    plugin: BeaconPlugin,
    opening: Tensor,
    ids: Tensor,
    ratios: Mapping[int, float] = FITTED_RATIOS,
    progress: Callable[[int, int], None] | None = None,
) -> dict[int, tuple[float, ...]]:
    """By ratio, the share of a window's rows that each layer should keep; the mean over layers is 1 / ratio.

    Args:
        plugin: keeps rows; its config says how many tokens a window has.
        opening: (tokens,), the memory's sink.
        ids: (tokens,), any text. The unfinished last window is left out.
        ratios: for which shares are measured, with the weight of what is measured.
        progress: called with the number of windows done and of all windows.

    Raises:
        ConfigError: the plug-in keeps no rows, or the text is shorter than a window.
    """
    size = plugin.config.window
    if plugin.rows is None:
        raise ConfigError("A memory of beacons has as many in all layers; fit a decoder that keeps rows (--condenser).")
    if len(ids) < size:
        raise ConfigError(f"The text has {len(ids):,} tokens, less than a window of {size:,}; give a longer text.")
    windows = ids[: len(ids) // size * size].split(size)
    memory = plugin.new_memory(len(opening) + 2 * size)
    found = []
    with torch.inference_mode():
        plugin.open(memory, opening)
        mark = memory.mark()
        for number, window in enumerate(windows):
            plugin.run(memory, window, logits="none")
            peaks = plugin.replay(memory, window)
            memory.back_to(mark)
            found.append(torch.stack([own.flatten() for _, own in sorted(peaks.items())]).cpu())
            if progress is not None:
                progress(number + 1, len(windows))
    scores = torch.cat(found, dim=1)
    return {ratio: shares_of(scores, ratio, size, weight) for ratio, weight in ratios.items() if size % ratio == 0}


def shares_of(scores: Tensor, ratio: int, window: int, weight: float = 1.0) -> tuple[float, ...]:
    """Each layer's share of the rows with the highest scores (layers, rows), at least one row of a window.

    A weight below 1 draws the shares towards their mean.
    """
    best = torch.zeros(scores.numel()).scatter(0, scores.flatten().topk(scores.numel() // ratio).indices, 1.0)
    shares = best.view(scores.shape).mean(dim=1).lerp(torch.tensor(1 / ratio), 1 - weight)
    # One row for each layer, and the rest by shares: the mean stays 1 / ratio.
    return tuple(round(share * (1 - ratio / window) + 1 / window, 4) for share in shares.tolist())
