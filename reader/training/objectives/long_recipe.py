"""LongRecipe: short excerpts of the sentences that profit from a long context, at positions spread over a long text.

Source: arXiv 2409.00509, section 3. Impactful tokens are those whose probability changes most when the decoder sees the text before
their piece; there, a decoder that is lengthened already is compared with the original. Sentences with the largest share of
impactful tokens make the excerpt. Sentences keep their order and stay whole; their positions have gaps between them. A part of the
excerpts replays ordinary text at its own positions, and the trained weights are merged with the first ones, so that the decoder
keeps what it could before. This module trains nothing.
"""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor

from reader.training.losses import BLOCK_TOKENS

REPLAY_SHARE = 0.25
"""The share of excerpts that keep the positions of ordinary text."""
MERGED_SHARE = 0.5
"""The share of the trained weights in the saved ones; the rest are the first weights."""

_KEPT_SHARE = 0.5  # of an excerpt's tokens; the rest cost one pass without gradients
_IMPACTFUL_SHARE = 0.2
_PIECES = 8  # an excerpt is cut into so many to see each without the text before it


def recipe(decoder: Any, ids: Tensor, ends: Tensor, target_tokens: int, draw: random.Random) -> tuple[Tensor, Tensor]:
    """An excerpt (kept,) of ids (tokens,), half as long, and its strictly increasing positions (kept,) below target_tokens.

    Args:
        ends: (vocab,) bool, True for tokens that end a sentence.
    """
    count = max(2, int(_KEPT_SHARE * len(ids)))
    if draw.random() < REPLAY_SHARE:
        return ids[:count], torch.arange(count)
    sentences = sentence_numbers(ids.cpu(), ends)
    kept = impactful_sentences(token_impact(decoder, ids).cpu(), sentences, count)
    return ids[kept.to(ids.device)], spread_positions(sentences[kept], target_tokens, draw)


def sentence_numbers(ids: Tensor, ends: Tensor) -> Tensor:
    """The number of the sentence (tokens,) to which each token belongs, from 0."""
    is_end = ends[ids]
    return is_end.cumsum(0) - is_end.long()


@torch.no_grad()
def token_impact(decoder: Any, ids: Tensor) -> Tensor:
    """How much the text before its piece changes the log-probability of each token (tokens,), whether up or down."""
    head = decoder.get_output_embeddings().weight
    size = max(2, -(-len(ids) // _PIECES))

    def log_probabilities(part: Tensor) -> Tensor:
        """Of each token of part (tokens,), given those before it; 0 for the first."""
        states = decoder.base_model(part[None], use_cache=False).last_hidden_state[0, :-1].to(head.dtype)
        found = [torch.zeros(1, device=ids.device)]
        for block, targets in zip(states.split(BLOCK_TOKENS), part[1:].split(BLOCK_TOKENS), strict=True):
            logits = (block @ head.T).float()
            found.append(logits.gather(1, targets[:, None])[:, 0] - logits.logsumexp(-1))
        return torch.cat(found)

    alone = torch.cat([log_probabilities(piece) for piece in ids.split(size)])
    impact = (log_probabilities(ids) - alone).abs()
    impact[::size] = 0  # a piece's first token has nothing before it
    return impact


def impactful_sentences(impact: Tensor, sentences: Tensor, count: int) -> Tensor:
    """Which tokens (tokens,) stay: `count` of them, in the sentences with the largest share of impactful tokens.

    The last of these sentences may be cut.
    """
    impactful = torch.zeros_like(impact)
    impactful[impact.topk(max(1, int(_IMPACTFUL_SHARE * len(impact)))).indices] = 1
    lengths = sentences.bincount().clamp(min=1)
    shares = torch.zeros(len(lengths)).index_add(0, sentences, impactful) / lengths
    order = shares.argsort(descending=True, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    kept = torch.zeros_like(sentences, dtype=torch.bool)
    kept[rank[sentences].argsort(stable=True)[:count]] = True
    return kept


def spread_positions(sentences: Tensor, target_tokens: int, draw: random.Random) -> Tensor:
    """Strictly increasing positions (tokens,) below target_tokens: consecutive within a sentence, with random gaps between them."""
    first = torch.cat([torch.ones(1, dtype=torch.bool), sentences[1:] != sentences[:-1]])
    free = target_tokens - len(sentences)
    gaps = [0, *sorted(draw.randint(0, free) for _ in range(int(first.sum()) - 1))]
    return torch.arange(len(sentences)) + torch.tensor(gaps)[first.cumsum(0) - 1]
