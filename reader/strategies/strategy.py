"""What every long-context method does: read a document's tokens, then stand in front of a question.

A strategy sees token ids and a question's text; it touches neither disk nor UI, and keeps no answer.
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
    """What stands in front of a question or of more text, ready to run tokens behind it."""

    @property
    @abstractmethod
    def room_tokens(self) -> int:
        """Tokens that fit behind it before the decoder runs out of positions."""

    @abstractmethod
    def run(self, ids: Tensor, logits: Output = "last") -> Tensor:
        """Put (tokens,) behind what is there; logits (1, vocab) of the last or (tokens, vocab) of all of them.

        Raises:
            ContextOverflow: they would stand behind the decoder's last position.
        """


class Strategy(ABC):
    """One long-context method at work on one document."""

    name: ClassVar[str]
    """As it is called in tables."""
    ratio: int | None = None
    """Tokens condensed into one slot; None where nothing is condensed."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @abstractmethod
    def read(self, ids: Tensor) -> None:
        """Read the document's next (tokens,); may be called again with those that follow."""

    @abstractmethod
    @contextmanager
    def attach(self, question: str = "") -> Iterator[Context]:
        """What it kept of the document, for this question, or for more of its text where there is none.

        What is put behind it is forgotten when the block ends.
        """


class MemoryContext(Context):
    """Tokens behind a memory, through the plug-in."""

    def __init__(self, model: Model, memory: Memory, horizon: int | None = None) -> None:
        """What runs behind it attends to the `horizon` newest beacon slots; None: to all."""
        self.model, self.memory, self.horizon = model, memory, horizon

    @property
    def room_tokens(self) -> int:
        return self.model.plugin.max_positions - self.memory.next_position

    def run(self, ids: Tensor, logits: Output = "last") -> Tensor:
        make_room(self.memory, self.memory.slots + len(ids))
        with torch.inference_mode(), self.model.lock:
            return self.model.plugin.run(self.memory, ids, logits=logits, horizon=self.horizon)


def make_room(memory: Memory, slots: int) -> None:
    """Reserve at least twice as much at a time, so that a growing memory is copied seldom."""
    capacity = memory.layers[0].get_max_length()
    if slots > capacity:
        memory.reserve(max(slots, 2 * capacity))
