"""Answer weights: low-rank weights, active only while the decoder answers after a memory (as in LLoCO, arXiv 2404.07979).

Only the tokens of questions and answers pass through them, not the document's tokens: memories are the same with and without.
Without active answer weights, the decoder's output is bit for bit its own. This module knows nothing of questions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

PLACES = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
)
"""The projections of the decoder to which a difference is added, in each layer that has them."""


class AnswerWeights(nn.Module):
    """A low-rank difference for each layer and projection."""

    def __init__(self, decoder: Any, rank: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for layer in decoder.base_model.layers:
            own = {}
            for place in PLACES:
                try:
                    projection = layer.get_submodule(place)
                except AttributeError:
                    continue
                own[place.replace(".", "-")] = Difference(projection, rank)
            self.layers.append(nn.ModuleDict(own))
        self.to(decoder.get_input_embeddings().weight)

    def hook(self, decoder: Any, is_active: Any) -> list[torch.utils.hooks.RemovableHandle]:
        """Add the differences to the decoder's projections while `is_active()`."""
        handles = []
        for layer, own in zip(decoder.base_model.layers, self.layers, strict=True):
            for name, difference in own.items():  # type: ignore[operator]
                projection = layer.get_submodule(name.replace("-", "."))

                def add(
                    module: nn.Module, inputs: tuple[Tensor], output: Tensor, difference: nn.Module = difference
                ) -> Tensor:
                    return difference(inputs[0], output) if is_active() else output

                handles.append(projection.register_forward_hook(add))
        return handles


class Difference(nn.Module):
    """The difference added to a projection: `up @ down`, (out, rank) by (rank, in), initially zero (arXiv 2106.09685)."""

    def __init__(self, own: nn.Linear, rank: int) -> None:
        super().__init__()
        # Not from the projection's weights, which an int8 decoder computes when they are asked for.
        self.down = nn.Parameter(torch.randn(rank, own.in_features) * own.in_features**-0.5)
        self.up = nn.Parameter(torch.zeros(own.out_features, rank))

    def forward(self, states: Tensor, projected: Tensor) -> Tensor:
        """Add the difference for states (…, in) to `projected` (…, out), the output of the decoder's own projection."""
        # In training the difference is in float32, and the decoder may be in bfloat16.
        return projected + linear(linear(states, self.down.to(states)), self.up.to(states))
