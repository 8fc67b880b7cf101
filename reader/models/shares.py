"""The layer shares of a decoder that came with none: measured when it is loaded for the first time, and kept in the cache folder.

The text is the beginning of the sample document, so that the shares depend on nothing but the decoder. They are measured again
only if their file is damaged or missing.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from reader.beacon import BeaconPlugin
from reader.condensing import measure_shares
from reader.errors import ModelError
from reader.models.cache import publish
from reader.models.decoder import Decoder
from reader.models.reporting import Progress
from reader.settings import DEFAULT_WINDOW, STATIC

_RECIPE = "layer-shares-1"
"""Raise this number if the shares are measured in another way. Documents are then read again instead of found in the library."""
_WINDOWS = 2
_LEAST_WINDOW = 64
"""Tokens. A decoder with fewer positions keeps the same number of rows in each layer."""
_FILE = "shares.json"


def kept_shares(
    decoder: Decoder,
    plugin: BeaconPlugin,
    opening: Tensor,
    encode: Callable[[str], Tensor],
    cache: Path,
    report: Progress,
) -> Mapping[int, tuple[float, ...]]:
    """By ratio, the share of its rows that each layer keeps: from the cache folder, or measured now and kept there.

    Of several processes, one measures and the others wait. Empty if the decoder has too few positions to measure them.

    Args:
        plugin: keeps rows, on this decoder.
        opening: token ids (tokens,) that begin every memory.
        encode: a text's token ids (tokens,).
        report: called with the stage "fit" while they are measured.
    """
    measured = functools.cache(lambda: _measure(plugin, opening, encode, report))

    def make(folder: Path, report: Progress) -> None:
        (folder / _FILE).write_text(json.dumps(measured()), encoding="utf-8")

    # The precision counts, too: who measures first on a machine must not decide about another precision's memory keys.
    identity = "\0".join((_RECIPE, decoder.fingerprint, decoder.tokenizer_fingerprint, decoder.precision))
    folder = cache / "shares" / hashlib.sha256(identity.encode()).hexdigest()[:32]
    try:
        publish(folder, make, report)
    except ModelError:  # the cache cannot be written: the next start only takes longer
        return measured()
    found = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    return {int(ratio): tuple(shares) for ratio, shares in found.items()}


def _measure(
    plugin: BeaconPlugin, opening: Tensor, encode: Callable[[str], Tensor], report: Progress
) -> dict[int, tuple[float, ...]]:
    size, room = DEFAULT_WINDOW, plugin.max_positions - len(opening)
    if room < _LEAST_WINDOW:
        return {}
    while size > room:
        size //= 2
    ids = encode((STATIC / "sample.md").read_text(encoding="utf-8"))[: _WINDOWS * size]
    report("fit", 0.0)
    with plugin.configured(plugin.config.changed(window=size)):
        return measure_shares(plugin, opening, ids, progress=lambda done, windows: report("fit", done / windows))
