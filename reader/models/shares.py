"""The layer shares of decoders that came with none: each decoder's are measured once and kept in the cache folder.

They are measured again only if their file is damaged or missing. This module measures nothing itself.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from reader.errors import ModelError
from reader.models.cache import publish
from reader.models.decoder import Decoder
from reader.models.reporting import Progress

LayerShares = Mapping[int, tuple[float, ...]]
"""By ratio, the share of its rows that each layer keeps."""

_RECIPE = "layer-shares-2"
"""Raise this number if the shares are measured in another way. Documents are then read again instead of found in the library."""
_FILE = "shares.json"


def kept_shares(decoder: Decoder, measure: Callable[[], LayerShares], cache: Path, report: Progress) -> LayerShares:
    """A decoder's shares from the cache folder, or those that `measure` returns, which are kept there.

    Of several processes, one measures and the others wait.
    """
    measured = functools.cache(measure)

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
