"""A single row of a decoder's float32 linear layers on a CPU, in a compiled loop that is as fast as the memory.

Some matrix libraries read the weights at half of that speed. Whether this machine's does is measured once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reader.compiled import compiled
from reader.models.machine import Notes, best_seconds

_SMALL_WEIGHTS = 1 << 16
"""With fewer weights the loop gains nothing."""
_NONE = np.empty(0, np.float32)


def use_one_row(decoder: Any, cache: Path) -> None:
    """Let a decoder's float32 linear layers project single rows by the loop, in place, if that is faster here."""
    large = [one for one in decoder.modules() if type(one) is nn.Linear and one.weight.numel() >= _SMALL_WEIGHTS]
    if not large:
        return
    loop = compiled(_project_row, "(float32[:, ::1], float32[::1], float32[::1], float32[::1])", reorders=True)
    if loop is None or not _is_faster(loop, cache):
        return
    for module in large:
        module.__class__ = OneRowLinear
        vars(module)["loop"] = loop


class OneRowLinear(nn.Linear):
    """A linear layer that projects a single row by the loop."""

    loop: Callable[..., Any]

    def forward(self, states: Tensor) -> Tensor:
        """Project states (…, in) to (…, out)."""
        is_alone = states.numel() == self.in_features and states.dtype == self.weight.dtype == torch.float32
        if not is_alone or torch.is_grad_enabled() or states.device.type != "cpu" or not self.weight.is_contiguous():
            return super().forward(states)
        bias = _NONE if self.bias is None else self.bias.detach().numpy()
        result = states.new_empty(*states.shape[:-1], self.out_features)
        self.loop(
            self.weight.detach().numpy(),
            bias,
            states.detach().reshape(-1).contiguous().numpy(),
            result.view(-1).numpy(),
        )
        return result


def _project_row(weights: Any, bias: Any, states: Any, result: Any) -> None:
    for out in range(len(weights)):
        projected = np.float32(0)
        for column in range(len(states)):
            projected += weights[out, column] * states[column]
        if len(bias):
            projected += bias[out]
        result[out] = projected


def _is_faster(loop: Callable[..., Any], cache: Path) -> bool:
    """Whether the loop is faster than the library, for weights that do not fit the processor's cache."""
    notes = Notes(cache)

    def seconds(project: Callable[[Tensor, Tensor], object]) -> float:
        weights, states = torch.ones(1 << 16, 576), torch.ones(576)
        return best_seconds(lambda: project(weights, states))

    def by_loop(weights: Tensor, states: Tensor) -> None:
        loop(weights.numpy(), _NONE, states.numpy(), np.empty(len(weights), np.float32))

    # The loop runs in one thread, and the seconds are divided by the number of threads.
    of_loop = notes.measured("float32 loop, 1 row", lambda: seconds(by_loop) * torch.get_num_threads())
    return of_loop < notes.measured("float32 library, 1 row", lambda: seconds(torch.mv))
