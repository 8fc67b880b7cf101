"""Which places of a document an answer rests on: the attention paid to its slots, and the words it shares with the text.

Summed as it comes, attention is a weak witness: most of it goes to the sink and to the newest tokens, and most heads look at
the same slots whatever is asked. So each head's attention is shared out among the slots of the documents alone, what a question
about nothing in particular attends to is taken off, and a head counts by the square of how far the question has moved it (the
divergence of the two): few heads look things up, and those move most. The **reading map** is what is left, page by page.

**Evidence** is ranked by that and by BM25, over the words of the question and over those of question and answer (a wrong answer has
words that lead away), fused by reciprocal rank (Cormack, Clarke and Büttcher, 2009), words counting a little more: they find a
place by themselves where attention to a condensed memory may not.
It says where the decoder looked and where the words are; it does not prove that the answer follows from there.

Quotes are cut out of the text. Nothing here runs the decoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reader.answering.passages import Passage, Passages, Source, content_words, sentences, shortened
from reader.beacon import NO_SPAN, Memory, shares
from storage import TextIndex

EVIDENCE_PAGES = 3
"""How many pages are named."""

QUOTE_CHARS = 300
"""The longest quote."""

ATTENTION_WEIGHT = 0.98
"""What a rank by attention counts where one by words counts 1: alone, its first comes behind the second by words."""

_RRF_RANKS = 60  # the constant of the paper, which nobody needs to tune
_TINY = 1e-9
_MOST_RANKED = 3  # further down, attention is spread thin and most places share some word: they would meet by chance


@dataclass(frozen=True)
class Evidence:
    """Where in a document an answer comes from; the quote is cut out of its text, never generated."""

    document_id: str
    page: int
    """The page's number, counted from 1."""
    label: str
    """What is printed on the page."""
    start_char: int
    """Where the quote begins in the document's text."""
    end_char: int
    score: float
    """From 0 to 1; 1 where attention and words both put the page first."""
    quote: str


@dataclass(frozen=True)
class Attention:
    """How some tokens' attention was shared out among the slots that stand for source text."""

    spans: Tensor
    """(slots, 2), the slots' source spans in characters."""
    shares: Tensor
    """(layers * heads, slots); each row sums to 1."""

    @classmethod
    def of(cls, memory: Memory, queries: Mapping[int, Sequence[Tensor]], last: int) -> Attention:
        """Work out the attention of the last recorded queries, while the keys are there.

        queries are each layer's parts (1, heads, queries, head_dim).
        """
        is_source = memory.spans[:, 1] != NO_SPAN
        index = torch.nonzero(is_source)[:, 0].to(memory.layers[0].keys.device)
        parts = [
            shares(torch.cat([*own], dim=2)[0, :, -last:], memory.keys(layer)[:, index])
            for layer, own in sorted(queries.items())
        ]
        return cls(memory.spans[is_source], torch.cat(parts).cpu())

    def beyond(self, neutral: Attention | None) -> Tensor:
        """What of it goes to each slot (slots,) beyond what goes there anyway, as a share of 1.

        `neutral` is of the same memory, None where there is nothing to compare with. Slots put behind it since, such as
        passages, have nothing taken off, and do not tell which heads were moved: many heads see what is newest, whatever it is.
        """
        weights = self.shares.sum(dim=0)
        if neutral is not None:
            slots = neutral.shares.shape[1]
            memory, behind = self.shares[:, :slots], self.shares[:, slots:]
            part = memory.sum(dim=1, keepdim=True)
            own = memory / part.clamp(min=_TINY)
            moved = (own * ((own + _TINY) / (neutral.shares + _TINY)).log()).sum(dim=1, keepdim=True).clamp(min=0)
            beyond = torch.cat([(memory - neutral.shares * part).clamp(min=0), behind], dim=1)
            weights = (moved**2 * beyond).sum(dim=0)
        total = weights.sum()
        return weights / total if total > 0 else torch.full_like(weights, 1 / max(1, len(weights)))


class Heat:
    """Attention by character: each slot's weight is spread evenly over its source span."""

    def __init__(self, spans: Tensor, weights: Tensor, chars: int) -> None:
        """spans (slots, 2) and weights (slots,) over a text of that many characters."""
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


def fuse(*rankings: Sequence[int], weights: Sequence[float]) -> list[tuple[int, float]]:
    """Numbers with their scores from the first of each ranking, fused by reciprocal rank, the best first; 1 is first in all."""
    scores: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, number in enumerate(ranking[:_MOST_RANKED], start=1):
            scores[number] = scores.get(number, 0.0) + weight * (_RRF_RANKS + 1) / (_RRF_RANKS + rank) / sum(weights)
    return sorted(scores.items(), key=lambda item: -item[1])


def best(weights: Sequence[float], limit: int) -> list[int]:
    """Numbers of the greatest weights above 0, the greatest first."""
    order = sorted(range(len(weights)), key=lambda number: -weights[number])[:limit]
    return [number for number in order if weights[number] > 0]


def rank_passages(passages: Passages, question: str, heat: Heat) -> list[Passage]:
    """The passages that matter to a question, the best first."""
    starts = [passages.first_char[passage.document_id] + passage.start_char for passage in passages.all]
    ends = [start + len(passage.text) for start, passage in zip(starts, passages.all, strict=True)]
    by_attention = best(heat.of(starts, ends), _MOST_RANKED) if starts else []
    by_words = passages.search(content_words(question))
    fused = [number for number, _ in fuse(by_words, by_attention, weights=(1, ATTENTION_WEIGHT))]
    # What the words alone found further down fills what room is left.
    return [passages.all[number] for number in dict.fromkeys([*fused, *by_words])]


def reading_map(sources: Sequence[Source], heat: Heat) -> tuple[float, ...]:
    """The share of the attention to each page, of all documents one after another; they sum to 1."""
    pages = [
        (source.first_char + page.start_char, source.first_char + page.end_char)
        for source in sources
        for page in source.pages
    ]
    weights = heat.of(*map(list, zip(*pages, strict=True)))
    total = sum(weights)
    return tuple(weight / total for weight in weights) if total else tuple(weights)


def name_evidence(
    sources: Sequence[Source], passages: Passages, question: str, answer: str, heat: Heat
) -> tuple[Evidence, ...]:
    """The pages that an answer rests on, the best first, each with the sentence that says most of it."""
    pages = [(source, page) for source in sources for page in source.pages]
    numbers = {(page.document_id, page.number): number for number, (_, page) in enumerate(pages)}
    words = content_words(f"{question} {answer}")

    def search(own: Sequence[str]) -> list[int]:
        found = [passages.all[number] for number in passages.search(own)]
        return list(dict.fromkeys(numbers[passage.document_id, passage.page] for passage in found))

    by_question, by_words = search(content_words(question)), search(words)
    by_attention = best(reading_map(sources, heat), _MOST_RANKED)
    evidence = []
    for number, score in fuse(by_question, by_words, by_attention, weights=(1, 1, ATTENTION_WEIGHT)):
        source, page = pages[number]
        spans = [part for sentence in sentences(page.text) for part in shortened(page.text, sentence, QUOTE_CHARS)]
        if not spans:
            continue
        offset = source.first_char + page.start_char
        warmth = heat.of([offset + start for start, _ in spans], [offset + end for _, end in spans])
        said = TextIndex(page.text[start:end] for start, end in spans).search(words, len(spans))
        ranked = fuse(said, best(warmth, _MOST_RANKED), weights=(1, ATTENTION_WEIGHT))
        start, end = spans[ranked[0][0]] if ranked else spans[0]
        quote = page.text[start:end]
        evidence.append(
            Evidence(
                page.document_id, page.number, page.label, page.start_char + start, page.start_char + end, score, quote
            )
        )
        if len(evidence) == EVIDENCE_PAGES:
            break
    return tuple(evidence)
