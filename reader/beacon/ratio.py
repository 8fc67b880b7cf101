"""Which condensing ratio a window gets (paper section 3.3; `adapt-R` as in the authors' code).

A chooser belongs to one document. It uses the document's length, the window's number and, for the random choices, a seed. It
does not use the text.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from reader.beacon.config import BeaconConfig


def adapt_ratio(config: BeaconConfig, document_tokens: int, max_positions: int) -> int:
    """The smallest of the config's ratios whose memory fits the decoder's positions; the largest when none does.

    A ratio a fits when (max_positions - window) * a + window >= document_tokens + room.
    """
    needed_tokens = document_tokens + config.room_tokens
    for ratio in sorted(config.ratios):
        if (max_positions - config.window) * ratio + config.window >= needed_tokens:
            return ratio
    return max(config.ratios)


@dataclass
class RatioChooser:
    """Chooses the ratio of each window of one document in turn."""

    config: BeaconConfig
    document_tokens: int
    max_positions: int
    seed: int = 0
    _random: random.Random = field(init=False)
    _of_document: int = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._of_document = self._random.choice(self.config.ratios)

    def choose(self, window_number: int) -> int:
        """The ratio of window `window_number` (counted from 0). Call it once for each window, in order."""
        config = self.config
        if config.ratio_choice == "sequence":
            return config.ratios[window_number % len(config.ratios)]
        if config.ratio_choice == "step-random":
            return self._random.choice(config.ratios)
        if config.ratio_choice == "instance-random":
            return self._of_document
        return adapt_ratio(config, self.document_tokens, self.max_positions)
