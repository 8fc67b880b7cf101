"""Activation Beacon: condenses the document window by window (arXiv 2401.03462).

This is the project's own method. The other strategies are compared with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from reader.beacon import RatioChooser
from reader.models import Model
from reader.strategies.strategy import Context, MemoryContext, Strategy, make_room


class Beacon(Strategy):
    """A memory at one ratio. The unfinished last window and everything after it stay raw."""

    name = "beacon"

    def __init__(self, model: Model, ratio: int, horizon: int | None = None) -> None:
        """Start with the model's opening, raw (a published checkpoint reads the opening as in its training).

        Args:
            horizon: how many of the newest beacon slots text attends to; questions attend to all. None: the plug-in's horizon.

        Raises:
            ConfigError: the ratio does not divide the window.
        """
        super().__init__(model)
        config = model.plugin.config
        config.check_ratio(ratio)
        self.ratio = ratio
        self.horizon = config.horizon if horizon is None else horizon
        self._config = dataclasses.replace(config, ratios=(ratio,), ratio_choice="sequence", horizon=self.horizon)
        self._chooser = RatioChooser(self._config, 0, model.plugin.max_positions)
        self._memory = model.plugin.new_memory(4 * config.window)
        self._unread = torch.empty(0, dtype=torch.int64)
        if model.is_published:
            self._unread = model.opening
        else:
            with torch.inference_mode(), model.lock:
                model.plugin.open(self._memory, model.opening)
        self._finished = self._memory.mark()

    @property
    def slots(self) -> int:
        """Slots of the finished windows."""
        return self._finished.slots

    def read(self, ids: Tensor) -> None:
        memory, plugin, window = self._memory, self.model.plugin, self._config.window
        memory.back_to(self._finished)
        self._unread = torch.cat([self._unread, ids])
        while len(self._unread) >= (missing := window - memory.raw_tokens):
            make_room(memory, memory.slots + 3 * window)
            with torch.inference_mode(), self.model.lock, plugin.configured(self._config):
                plugin.read(memory, self._unread[:missing], chooser=self._chooser)
            self._unread = self._unread[missing:]
            self._finished = memory.mark()

    @contextmanager
    def attach(self, question: str = "") -> Iterator[Context]:
        # A question attends beyond the horizon; continued text attends as it would while being read.
        context = MemoryContext(self.model, self._memory, None if question else self.horizon)
        if len(self._unread) and self._memory.slots == self._finished.slots:
            context.run(self._unread)
        mark = self._memory.mark()
        try:
            yield context
        finally:
            self._memory.back_to(mark)
