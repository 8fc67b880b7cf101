"""What a question attends to in a memory, beyond what any question attends to.

The plain sum of attention says little: most of it goes to the sink and to the newest tokens, and most heads look at the same slots
whatever is asked. So each head's attention is shared out among the slots of the documents alone, and what a question about nothing
in particular attends to (the `Baseline`) is subtracted. A head counts by the square of the divergence between the two: few heads
look things up, and the question moves those most. The **reading map** is the rest, page by page.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from reader.answering.prompt import Prompt, make_prompt
from reader.beacon import NO_SPAN, Mark, Memory, recording, shares
from reader.models import Model

Queries = dict[int, list[Tensor]]
"""Recorded queries by layer."""

_NEUTRAL = "What does the text say?"
_TINY = 1e-9
_MOST_QUERIES = 128
"""Of longer questions and answers every second, third … token stands for all: each costs a product with every key of the memory."""


@dataclass(frozen=True)
class Attention:
    """How some tokens' attention was shared out among the slots that stand for source text."""

    spans: Tensor
    """(1, slots, 2), the slots' source spans in characters; (layers * kv_heads, slots, 2) where heads keep rows of their own.
    Layers with fewer rows than others are filled up at the front, without a span."""
    shares: Tensor
    """(layers * heads, slots); each row sums to 1."""

    @classmethod
    def of(cls, memory: Memory, queries: Mapping[int, Sequence[Tensor]], last: int) -> Attention:
        """Work out the attention of the last recorded queries, while the keys are there.

        queries are each layer's parts (1, heads, queries, head_dim).
        """
        found, spans = [], []
        for layer, own in sorted(queries.items()):
            rows = None if memory.row_spans is None else memory.row_spans[layer]
            is_source = (memory.spans if rows is None else rows.amax(dim=0))[:, 1] != NO_SPAN
            asked = torch.cat([*own], dim=2)[0, :, -last:]
            some = asked[:, :: -(-asked.shape[1] // _MOST_QUERIES)]
            found.append(shares(some, _picked(memory.keys(layer), is_source)))
            if rows is not None:
                spans.append(rows[:, is_source].long())
        # Layers with fewer rows begin later, so that what was put behind the memory ends in the same columns in all.
        longest = max(part.shape[1] for part in found)
        every = torch.cat([pad(part, (longest - part.shape[1], 0)) for part in found]).cpu()
        if memory.row_spans is None:
            return cls(memory.spans[None, memory.spans[:, 1] != NO_SPAN], every)
        return cls(torch.cat([pad(own, (0, 0, longest - own.shape[1], 0), value=NO_SPAN) for own in spans]), every)

    def beyond(self, neutral: Attention | None) -> Tensor:
        """What of it goes to each slot beyond what goes there anyway, as a share of 1: (1 or layers * kv_heads, slots), as `spans`.

        `neutral` is of the same memory, None where there is nothing to compare with. Slots put behind it since, such as
        passages, have nothing taken off, and do not tell which heads were moved: many heads see what is newest, whatever it is.
        """
        weights = self.shares
        if neutral is not None:
            slots = neutral.shares.shape[1]
            memory, behind = self.shares[:, :slots], self.shares[:, slots:]
            part = memory.sum(dim=1, keepdim=True)
            own = memory / part.clamp(min=_TINY)
            moved = (own * ((own + _TINY) / (neutral.shares + _TINY)).log()).sum(dim=1, keepdim=True).clamp(min=0)
            beyond = torch.cat([(memory - neutral.shares * part).clamp(min=0), behind], dim=1)
            weights = moved**2 * beyond
        # Heads that look at the same slots are neighbours.
        weights = weights.unflatten(0, (len(self.spans), -1)).sum(dim=1)
        total = weights.sum()
        return weights / total if total > 0 else torch.full_like(weights, 1 / max(1, weights.numel()))


class Heat:
    """Attention by character: each slot's weight is spread evenly over its source span."""

    def __init__(self, spans: Tensor, weights: Tensor, chars: int) -> None:
        """spans (…, slots, 2) and weights (…, slots) over a text of that many characters."""
        spans, weights = spans.reshape(-1, 2), weights.flatten()
        starts = spans[:, 0].clamp(0, max(0, chars - 1))
        ends = torch.maximum(spans[:, 1].clamp(max=chars), starts + 1)
        rates = weights.double() / (ends - starts)
        steps = torch.zeros(chars + 2, dtype=torch.float64)
        steps.index_add_(0, starts, rates).index_add_(0, ends, -rates)
        self._before = torch.cat([torch.zeros(1, dtype=torch.float64), steps.cumsum(0).cumsum(0)])

    def of(self, starts: Sequence[int], ends: Sequence[int]) -> list[float]:
        """The weight of each stretch of text."""
        before = self._before
        found: list[float] = (before[torch.tensor(ends)] - before[torch.tensor(starts)]).clamp(min=0).tolist()
        return found


class Baseline:
    """What a question about nothing in particular attends to in one memory, measured when it is first needed, and once.

    Whatever stands behind the memory then, such as a conversation or another question, is put aside and put back.
    """

    def __init__(self, memory: Memory, model: Model) -> None:
        self._memory, self._model = memory, model
        self._end = memory.mark()

    def move_behind(self, memory: Memory) -> None:
        """Measure anew, behind all that stands in the memory now: what was said in a conversation moves attention, too."""
        self._memory, self._end = memory, memory.mark()
        vars(self).pop("attention", None)

    @functools.cached_property
    def attention(self) -> Attention | None:
        """None where the decoder's positions leave no room to ask."""
        prompt = make_prompt(_NEUTRAL, self._model)
        with torch.inference_mode(), self._model.lock, _alone(self._memory, self._end):
            if prompt.tokens > self._model.plugin.max_positions - self._memory.next_position:
                return None
            return attend(self._memory, prompt, self._model)


def attend(memory: Memory, prompt: Prompt, model: Model, answer_ids: Tensor | None = None) -> Attention:
    """What a question, and its answer (tokens,), attend to; the memory stays as it was.

    Raises:
        ContextOverflow: they do not fit the decoder's positions.
    """
    answer_ids = prompt.question_ids[:0] if answer_ids is None else answer_ids
    queries: Queries = {}
    mark = memory.mark()
    with torch.inference_mode(), model.lock:
        try:
            if len(prompt.passage_ids):
                model.plugin.run(memory, prompt.passage_ids, prompt.passage_spans, logits="none")
            with recording(queries):
                model.plugin.run(memory, torch.cat([prompt.question_ids, answer_ids]), answering=True)
            return Attention.of(memory, queries, prompt.asked_tokens + len(answer_ids))
        finally:
            memory.back_to(mark)


def _picked(keys: Tensor, is_source: Tensor) -> Tensor:
    """The keys (kv_heads, keys, head_dim) of these slots; a view where the slots follow each other, as copying takes longer."""
    index = torch.nonzero(is_source)[:, 0]
    if len(index) and len(index) == index[-1] - index[0] + 1:
        return keys[:, int(index[0]) : int(index[-1]) + 1]
    return keys[:, index.to(keys.device)]


@contextmanager
def _alone(memory: Memory, end: Mark) -> Iterator[None]:
    """Until the block ends, the memory ends at the mark; then what stood behind it is back, other memories' slots included."""
    before = copy.copy(memory)
    lengths, ends = [layer.length for layer in memory.layers], [end.slots + extra for extra in end.extra]
    aside = [
        [part.clone() for part in layer.part(first, layer.length)]
        for layer, first in zip(memory.layers, ends, strict=True)
    ]
    memory.back_to(end)
    try:
        yield
    finally:
        vars(memory).update(vars(before))
        for layer, first, length, (keys, values) in zip(memory.layers, ends, lengths, aside, strict=True):
            layer.reserve(length)
            layer.write(keys, values, first)
            layer.length = length
