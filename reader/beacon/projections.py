"""The beacons' own weights: an initial embedding, and projections that replace the decoder's at beacon positions.

This module knows neither memories nor windows: the plug-in marks the beacons.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from reader.beacon.low_rank import Difference


class Projection(nn.Module):
    """A beacon projection of full rank, initially a copy of the decoder's."""

    def __init__(self, own: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(own.weight.detach().clone())
        self.bias = None if own.bias is None else nn.Parameter(own.bias.detach().clone())

    def forward(self, states: Tensor, projected: Tensor) -> Tensor:
        """Project states (beacons, in). Ignores `projected` (beacons, out), the output of the decoder's own projection."""
        # In training the projection is in float32, and the decoder may be in bfloat16.
        return linear(states, self.weight.to(states), None if self.bias is None else self.bias.to(states))


def first_embedding(decoder: Any, source: str) -> Tensor:
    """The initial beacon embedding (hidden,) of a new plug-in: that of `eos` or `bos`, or zero for `last`."""
    weight: Tensor = decoder.get_input_embeddings().weight.detach()
    if source == "last":
        return torch.zeros_like(weight[0])
    token = decoder.config.eos_token_id if source == "eos" else decoder.config.bos_token_id
    token = token[0] if isinstance(token, list) else token
    return weight[token if token is not None else 0].clone()


def new_projection(own: nn.Linear, rank: int | None) -> nn.Module:
    """The beacons' projection: a full one, or (with a rank) a low-rank difference from the decoder's."""
    return Projection(own) if rank is None else Difference(own, rank)


def replacing_hook(projection: nn.Module, beacon_index: Callable[[], Tensor | None]) -> Any:
    """A forward hook that computes the output with `projection` at the tokens (beacons,) that `beacon_index` returns.

    The index counts through the flattened batch; None: the decoder's own output everywhere.
    """

    def replace_at_beacons(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        index = beacon_index()
        if index is None:
            return output
        at_beacons = projection(inputs[0].flatten(0, 1)[index], output.flatten(0, 1)[index])
        return output.flatten(0, 1).index_copy(0, index, at_beacons).view_as(output)

    return replace_at_beacons
