"""The interface of all long-context methods: read a document's tokens, then attach them for a question.

A strategy sees token ids and a question's text. It touches neither disk nor UI, and keeps no answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor

from reader.beacon import Memory, Output
from reader.models import Model


class Context(ABC):
    """The context that precedes a question or more text, ready to run tokens after it."""

    @property
    @abstractmethod
    def room_tokens(self) -> int:
        """The number of tokens after the context that fit the decoder's positions."""

    @abstractmethod
    def run(self, ids: Tensor, logits: Output = "last") -> Tensor:
        """Run (tokens,) after the context; return the logits (1, vocab) of the last token or (tokens, vocab) of all.

        Raises:
            ContextOverflow: the tokens do not fit the decoder's positions.
        """


class Strategy(ABC):
    """One long-context method applied to one document."""

    name: ClassVar[str]
    """The method's name in tables."""
    ratio: int | None = None
    """Tokens condensed into one slot; None if the method condenses nothing."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @abstractmethod
    def read(self, ids: Tensor) -> None:
        """Read the document's next (tokens,). Further calls read the tokens that follow."""

    @abstractmethod
    @contextmanager
    def attach(self, question: str = "") -> Iterator[Context]:
        """The context for this question; without a question, for more of the document's text.

        When the block ends, the tokens run after the context are dropped.
        """


class MemoryContext(Context):
    """Tokens after a memory, through the plug-in."""

    def __init__(self, model: Model, memory: Memory, horizon: int | None = None) -> None:
        """Take the memory. Tokens after it attend to the `horizon` newest beacon slots; None: to all."""
        self.model, self.memory, self.horizon = model, memory, horizon

    @property
    def room_tokens(self) -> int:
        return self.model.plugin.max_positions - self.memory.next_position

    def run(self, ids: Tensor, logits: Output = "last") -> Tensor:
        make_room(self.memory, self.memory.slots + len(ids))
        with torch.inference_mode(), self.model.lock:
            return self.model.plugin.run(self.memory, ids, logits=logits, horizon=self.horizon)


def make_room(memory: Memory, slots: int) -> None:
    """Make room for `slots` slots in all. Double the capacity if it is too small, so that a growing memory is seldom copied."""
    if slots > memory.capacity:
        memory.reserve(max(slots, 2 * memory.capacity))
