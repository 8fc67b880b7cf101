"""Sliding window with attention sink: the beginning and the newest tokens, nothing in between.

StreamingLLM (arXiv 2309.17453) keeps the activations of the sink and of the newest tokens. This strategy runs the newest tokens
again after the sink, so that they hold no information about older ones; the paper finds this at least as good. With
`kept_tokens=0` the strategy sees exactly what a reader with the same window sees without a memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from reader.models import Model
from reader.strategies.strategy import Context, MemoryContext, Strategy


class SlidingWindow(Strategy):
    """The model's opening as sink, and the newest `kept_tokens`."""

    name = "sliding-window"

    def __init__(self, model: Model, kept_tokens: int) -> None:
        super().__init__(model)
        self.kept_tokens = kept_tokens
        self._newest = torch.empty(0, dtype=torch.int64)

    def read(self, ids: Tensor) -> None:
        seen = torch.cat([self._newest, ids])
        self._newest = seen[max(0, len(seen) - self.kept_tokens) :]

    @contextmanager
    def attach(self, question: str = "") -> Iterator[Context]:
        plugin = self.model.plugin
        memory = plugin.new_memory(2 * (len(self.model.opening) + self.kept_tokens))
        before = torch.cat([self.model.opening, self._newest])
        with torch.inference_mode(), self.model.lock:
            if len(before):
                plugin.run(memory, before, logits="none")
        yield MemoryContext(self.model, memory)
