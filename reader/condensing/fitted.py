"""Fitted: keep the rows to which questions would attend.

A small network for each layer was fitted to the attention that a text's tokens get from questions about it and from their answers
(`reader.training.scorer`). It sees a token's own query, so it runs nothing again. Half of the logarithm of the expected attention
is added, because that depends on the whole window. KVzap (arXiv 2601.07891, section 3) learns scores from states, too;
here the target is the attention of questions, not that of repeating the text.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear

from reader.condensing.expected_attention import ExpectedAttention

_EXPECTED = ExpectedAttention()
_EXPECTED_SHARE = 0.5
"""What the logarithm of the expected attention counts beside the network's logarithm of the weight that questions give."""

_LEAST_RATIO = 8
"""Below it, a scorer's rows answered one or two of 40 questions more than those of expected attention, at no smaller loss."""

_SMALLEST = 1e-9
_PARTS = ("first", "first_bias", "second", "second_bias")
_NAME = re.compile(rf"(\d+)\.({'|'.join(_PARTS)})")


@dataclass(frozen=True)
class LayerScorer:
    """One layer's network: two linear maps with a GELU between them."""

    first: Tensor
    """(hidden, heads * head_dim)"""
    first_bias: Tensor
    """(hidden,)"""
    second: Tensor
    """(kv_heads, hidden)"""
    second_bias: Tensor
    """(kv_heads,)"""

    def __call__(self, queries: Tensor) -> Tensor:
        """The logarithm (kv_heads, tokens) of the weight that questions give to tokens.

        queries (tokens, heads * head_dim) are scaled, before rotation.
        """
        hidden = gelu(linear(queries, self.first, self.first_bias))
        return linear(hidden, self.second, self.second_bias).T


@dataclass(frozen=True, eq=False)
class Fitted:
    """Scores each head's rows by the attention that questions about the text would pay to them."""

    layers: tuple[LayerScorer, ...]
    spread: float = 0.5
    """The share of the kept rows that is evenly spaced among the others, to represent the text that gets little attention."""

    replays = False

    @property
    def name(self) -> str:
        """The name of this method, as users write it."""
        return "fitted"

    @cached_property
    def fingerprint(self) -> str:
        """Part of a memory's key; changes when the method would choose other rows."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.tensors().items()):
            digest.update(name.encode() + b"\0" + tensor.float().cpu().contiguous().numpy().tobytes())
        return f"{self.name}-1-{self.spread:g}-{digest.hexdigest()[:32]}"

    def at(self, ratio: int) -> Fitted | ExpectedAttention:
        """The method at this ratio: expected attention where most rows stay, as a scorer finds nothing more there."""
        return self if ratio >= _LEAST_RATIO else _EXPECTED

    def scores(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor, peaks: Tensor | None = None) -> Tensor:
        """How much each head needs each row: (kv_heads, tokens); shapes as for `reader.beacon.rows.RowChooser.scores`."""
        expected = _EXPECTED.scores(layer, queries, keys, values)
        scores = _EXPECTED_SHARE * torch.log(expected + _SMALLEST)
        known = self.layers[layer](query_features(queries))
        # Without their queries, the window's first tokens get the mean of the others.
        before = known.mean(dim=1, keepdim=True).expand(-1, keys.shape[1] - known.shape[1])
        return scores + torch.cat([before, known], dim=1)

    def to(self, device: torch.device | str) -> Fitted:
        """The same on another device, in float32."""
        moved = [LayerScorer(*(getattr(one, part).to(device).float() for part in _PARTS)) for one in self.layers]
        return dataclasses.replace(self, layers=tuple(moved))

    def tensors(self) -> dict[str, Tensor]:
        """The weights by name, for a file."""
        return {f"{number}.{part}": getattr(one, part) for number, one in enumerate(self.layers) for part in _PARTS}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Fitted:
        """The scorer with these weights.

        Raises:
            ValueError: a tensor is missing, unknown, or its shape does not fit the others'.
        """
        found = {name: _NAME.fullmatch(name) for name in tensors}
        for name in sorted(name for name, match in found.items() if match is None):
            raise ValueError(f"the scorer has an unknown tensor {name!r}")
        layers = 1 + max((int(match[1]) for match in found.values() if match), default=-1)
        for name in sorted({f"{number}.{part}" for number in range(layers) for part in _PARTS} - {*tensors}):
            raise ValueError(f"the scorer lacks {name!r}")
        if not layers:
            raise ValueError("the scorer has no layers")
        made = [LayerScorer(*(tensors[f"{number}.{part}"].float() for part in _PARTS)) for number in range(layers)]
        for number, one in enumerate(made):
            hidden, heads = len(one.first_bias), len(one.second_bias)
            if one.first.shape[:1] != (hidden,) or one.second.shape != (heads, hidden):
                raise ValueError(f"the scorer's tensors of layer {number} do not fit each other")
        return cls(tuple(made))

    def check_shapes(self, sizes: Sequence[tuple[int, int]]) -> None:
        """Refuse a decoder for which the scorer was not made.

        Args:
            sizes: by layer, the size of a token's query (heads * head_dim) and the number of KV heads.

        Raises:
            ValueError: the decoder has another number of layers, or a layer has other sizes.
        """
        own = [(one.first.shape[1], len(one.second_bias)) for one in self.layers]
        if own != [*sizes]:
            raise ValueError("the scorer was fitted for a decoder with other layers")


def query_features(queries: Tensor) -> Tensor:
    """Queries (heads, tokens, head_dim) as the networks take them: (tokens, heads * head_dim) in float32."""
    return queries.transpose(0, 1).flatten(1).float()
