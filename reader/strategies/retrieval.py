"""Retrieval: the prompt contains the passages that share most words with the question, and nothing else of the document.

BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009). The passages overlap as they do in looking again, and
the token budget is the same. So the two methods differ only in the memory and in the search for passages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from reader.answering import content_words, cut
from reader.models import Model
from reader.strategies.strategy import Context, MemoryContext, Strategy
from storage import TextIndex


class Retrieval(Strategy):
    """The best passages within `budget_tokens`, the best one last, after the model's opening."""

    name = "retrieval"

    def __init__(self, model: Model, budget_tokens: int) -> None:
        super().__init__(model)
        self.budget_tokens = budget_tokens
        self._ids: list[Tensor] = []
        self._text = ""
        self._spans: list[tuple[int, int]] = []
        self._index: TextIndex | None = None

    def read(self, ids: Tensor) -> None:
        self._ids.append(ids)
        self._index = None

    def search(self, question: str, limit: int = 50) -> list[tuple[int, int]]:
        """Character spans of the passages that share words with the question, the best first."""
        if self._index is None:
            tokenizer = self.model.decoder.tokenizer
            self._text = str(tokenizer.decode(torch.cat(self._ids)) if self._ids else "")
            self._spans = list(cut(self._text))
            self._index = TextIndex(self._text[start:end] for start, end in self._spans)
        return [self._spans[number] for number in self._index.search(content_words(question), limit)]

    def showing(self, question: str, passages: Sequence[str]) -> Callable[[str], str]:
        """A function that turns a passage into what the prompt shows of it: here all of it.

        Args:
            passages: all passages that `search` finds for the question, the best first.
        """
        return lambda passage: passage

    @contextmanager
    def attach(self, question: str = "") -> Iterator[Context]:
        taken: dict[tuple[int, int], Tensor] = {}
        left = self.budget_tokens
        found = self.search(question)
        shown = self.showing(question, [self._text[start:end] for start, end in found])
        for start, end in found:
            if any(start < other_end and other_start < end for other_start, other_end in taken):
                continue  # passages overlap by half: do not show the same words twice
            ids = self.model.encode(shown(self._text[start:end]) + "\n\n")[0]
            if len(ids) <= left:
                taken[start, end] = ids
                left -= len(ids)
        memory = self.model.plugin.new_memory(len(self.model.opening) + 2 * self.budget_tokens)
        context = MemoryContext(self.model, memory)
        before = torch.cat([self.model.opening, *reversed(taken.values())])
        if len(before):
            context.run(before)
        yield context
