"""Full attention: in the unchanged decoder, every token attends to all tokens before it.

Within the decoder's positions this is the upper bound; beyond them it breaks down. A lengthened decoder (CREAM, arXiv
2406.07138) is this strategy with another decoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from reader.beacon import ATTENTION, KeysWritten, Logits, Output, attending
from reader.errors import ContextOverflow
from reader.models import Model
from reader.strategies.strategy import Context, Strategy, make_room

CHUNK_TOKENS = 512


class FullAttention(Strategy):
    """The whole document as the decoder's cache."""

    name = "full"
    attention = ATTENTION

    def __init__(self, model: Model, *, beyond_positions: bool = False) -> None:
        """Start with the model's opening.

        Args:
            beyond_positions: whether to continue beyond the decoder's positions, to measure the breakdown.
        """
        super().__init__(model)
        self._is_unlimited = beyond_positions
        # Only the memory's layers are used: growing buffers for the keys and values of any decoder.
        self._memory = model.plugin.new_memory(2 * CHUNK_TOKENS)
        self.read(model.opening)

    @property
    def tokens(self) -> int:
        """Tokens in the cache, with the opening's."""
        return self._memory.layers[0].length

    @property
    def max_tokens(self) -> int:
        """The most tokens that the cache may hold."""
        return 10**9 if self._is_unlimited else self.model.plugin.max_positions

    def read(self, ids: Tensor) -> None:
        for part in ids.split(CHUNK_TOKENS):
            if len(part):
                self._forward(part, "none")

    @contextmanager
    def attach(self, question: str = "") -> Iterator[Context]:
        tokens = self.tokens
        try:
            yield _CacheContext(self)
        finally:
            for layer in self._memory.layers:
                layer.length = tokens

    def _positions(self, first: int, count: int) -> Tensor:
        return torch.arange(first, first + count)

    def _attention_arguments(self) -> dict[str, Any]:
        """Arguments of the attention function beside queries, keys and values."""
        return {}

    def _forward(self, ids: Tensor, logits: Logits) -> Tensor | None:
        decoder: Any = self.model.decoder.model
        layers, first = self._memory.layers, self.tokens
        if first + len(ids) > self.max_tokens:
            raise ContextOverflow(
                f"{first + len(ids):,} tokens do not fit the {self.max_tokens:,} positions of {self.model.name!r}; "
                "use a shorter text, or a memory."
            )
        make_room(self._memory, first + len(ids))
        arguments: dict[str, Any] = {
            "input_ids": ids[None].to(decoder.device),
            "position_ids": self._positions(first, len(ids))[None].to(decoder.device),
            "past_key_values": Cache(layers=[*layers]),
            "use_cache": True,
            **self._attention_arguments(),
        }
        with torch.inference_mode(), self.model.lock, attending(decoder, self.attention):
            layers[-1].keys_suffice = logits == "none"
            try:
                if logits == "none":
                    decoder.base_model(**arguments)
                else:
                    rows: Tensor = decoder(**arguments, logits_to_keep=0 if logits == "all" else 1).logits[0]
                    return rows
            except KeysWritten:
                pass
            finally:
                layers[-1].keys_suffice = False
        return None


class _CacheContext(Context):
    def __init__(self, strategy: FullAttention) -> None:
        self.strategy = strategy

    @property
    def room_tokens(self) -> int:
        return self.strategy.max_tokens - self.strategy.tokens

    def run(self, ids: Tensor, logits: Output = "last") -> Tensor:
        output = self.strategy._forward(ids, logits)
        assert output is not None
        return output
