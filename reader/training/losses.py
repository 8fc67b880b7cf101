"""Losses on a decoder's last hidden states, a block of tokens at a time.

Logits over a vocabulary of 49,152 are the largest tensors of a training step. This module holds only one block of logits at a time
and computes their gradient in the forward pass, as fused linear cross entropy does (arXiv 2410.10989). So a step costs little more
than its matrix products. This module knows neither windows nor memories.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

BLOCK_TOKENS = 64


def distillation(states: Tensor, teacher_states: Tensor, head: Tensor) -> Tensor:
    """Summed Kullback-Leibler divergence from teacher to student; states are (tokens, hidden), head (vocab, hidden)."""

    def loss(student: Tensor, block: slice) -> Tensor:
        teacher = (teacher_states[block] @ head.T).float()
        teacher -= teacher.logsumexp(-1, keepdim=True)
        wanted = teacher.exp()
        divergence = torch.dot(wanted.flatten(), teacher.sub_(student).flatten())
        student.exp_().sub_(wanted)
        return divergence

    total: Tensor = _Blockwise.apply(states, head, loss)
    return total


def next_token(states: Tensor, targets: Tensor, head: Tensor) -> Tensor:
    """Summed cross entropy of targets (tokens,); states are (tokens, hidden), head (vocab, hidden)."""

    def loss(student: Tensor, block: slice) -> Tensor:
        rows = torch.arange(len(student), device=student.device)
        entropy = -student[rows, targets[block]].sum()
        student.exp_()[rows, targets[block]] -= 1
        return entropy

    total: Tensor = _Blockwise.apply(states, head, loss)
    return total


class _Blockwise(torch.autograd.Function):
    """The sum of `loss(student, block)` over blocks. `loss` gets log-probabilities (block, vocab) in float32 and overwrites them
    with its gradient with respect to the logits."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, head: Tensor, loss: Callable[[Tensor, slice], Tensor]) -> Tensor:
        gradient = torch.empty_like(states)
        total = states.new_zeros((), dtype=torch.float32)
        for start in range(0, len(states), BLOCK_TOKENS):
            block = slice(start, start + BLOCK_TOKENS)
            student = (states[block] @ head.T).float()
            student -= student.logsumexp(-1, keepdim=True)
            total += loss(student, block)
            gradient[block] = student.to(states.dtype) @ head
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        return gradient * outer[0], None, None
