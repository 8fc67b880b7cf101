"""SelfExtend: near tokens keep their exact positions, groups of far tokens share one; no training (arXiv 2401.01325).

A key nearer than `neighbour_tokens` has its own distance. A farther key has the distance between groups of `group` tokens,
shifted so that the two ranges meet: i // g - j // g + n - n // g (the paper's equations 3 and 4). The cache holds unrotated keys.
This module's attention function rotates queries and keys for both ranges and takes one softmax over both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from reader.beacon import rotation
from reader.errors import ConfigError
from reader.models import Model
from reader.strategies.full_attention import FullAttention

ATTENTION = "self_extend"
_QUERIES = 128  # queries per block, so that the scores of a long context stay small


class SelfExtend(FullAttention):
    """The whole document in the decoder's cache, with grouped far positions."""

    name = "self-extend"
    attention = ATTENTION

    def __init__(self, model: Model, group: int = 8, neighbour_tokens: int = 1024) -> None:
        """Start with the model's opening.

        Args:
            group: far tokens that share one position.
            neighbour_tokens: the range within which distances are exact.

        Raises:
            ConfigError: the neighbours leave no positions for groups.
        """
        positions = model.plugin.max_positions
        neighbour_tokens = min(neighbour_tokens, positions // 2)
        if group < 1 or neighbour_tokens < 1:
            raise ConfigError(
                f"SelfExtend got groups of {group} and {neighbour_tokens} neighbours; give 1 or more of each."
            )
        self.group, self.neighbour_tokens = group, neighbour_tokens
        super().__init__(model)

    @property
    def max_tokens(self) -> int:
        """(L - n) * g + n, as in the paper: the context at which the largest grouped distance is L."""
        far = self.model.plugin.max_positions - self.neighbour_tokens
        return far * self.group + self.neighbour_tokens

    def _positions(self, first: int, count: int) -> Tensor:
        """All zero: the decoder does not rotate queries and keys; the attention function does."""
        return torch.zeros(count, dtype=torch.int64)

    def _attention_arguments(self) -> dict[str, Any]:
        return {"self_extend": self}


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    *,
    self_extend: SelfExtend,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention output (batch, queries, heads, head_dim) for unrotated queries at the positions of the last keys.

    query is (batch, heads, queries, head_dim); key and value are (batch, kv_heads, keys, head_dim), key unrotated, too.
    """
    decoder, group, near = self_extend.model.decoder.model, self_extend.group, self_extend.neighbour_tokens
    heads, kv_heads, keys = query.shape[1], key.shape[1], key.shape[2]
    first = keys - query.shape[2]
    positions = torch.arange(keys)
    near_keys = rotation(decoder, positions)(key)
    far_keys = rotation(decoder, positions // group)(key)
    scale = query.shape[3] ** -0.5 if scaling is None else scaling
    outputs = []
    for start in range(0, query.shape[2], _QUERIES):
        part = query[:, :, start : start + _QUERIES]
        at = positions[first + start : first + start + part.shape[2]]
        distance = (at[:, None] - positions[None]).to(query.device)
        exact = _scores(rotation(decoder, at)(part), near_keys)
        grouped = _scores(rotation(decoder, at // group + near - near // group)(part), far_keys)
        scores = torch.where(distance < near, exact, grouped) * scale
        weights = scores.masked_fill(distance < 0, float("-inf")).softmax(dim=-1, dtype=torch.float32).to(value.dtype)
        seen = weights.view(*weights.shape[:1], kv_heads, -1, keys) @ value
        outputs.append(seen.view(*weights.shape[:1], heads, part.shape[2], -1))
    return torch.cat(outputs, dim=2).transpose(1, 2).contiguous(), None


def _scores(query: Tensor, key: Tensor) -> Tensor:
    """(batch, heads, queries, keys); the heads of a group share their key."""
    batch, heads, queries, head_dim = query.shape
    folded = query.reshape(batch, key.shape[1], -1, head_dim) @ key.transpose(-1, -2)
    return folded.view(batch, heads, queries, -1)


AttentionInterface.register(ATTENTION, attend)
