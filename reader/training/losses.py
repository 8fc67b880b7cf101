"""Losses on a decoder's last hidden states, a block of tokens at a time.

Logits over a vocabulary of 49,152 are the largest tensors of a training step; here only a block of them exists at a time, and
their gradient is made in the forward pass, while they are there. A step costs what its matrix products cost (the same idea as
fused linear cross entropy, arXiv 2410.10989). Nothing here knows of windows or memories.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

BLOCK_TOKENS = 64


class _Distillation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, teacher_states: Tensor, head: Tensor) -> Tensor:
        gradient = torch.empty_like(states)
        total = states.new_zeros((), dtype=torch.float32)
        for start in range(0, len(states), BLOCK_TOKENS):
            block = slice(start, start + BLOCK_TOKENS)
            student = (states[block] @ head.T).float()
            teacher = (teacher_states[block] @ head.T).float()
            student -= student.logsumexp(-1, keepdim=True)
            teacher -= teacher.logsumexp(-1, keepdim=True)
            wanted = teacher.exp()
            total += torch.dot(wanted.flatten(), teacher.sub_(student).flatten())
            gradient[block] = student.exp_().sub_(wanted).to(states.dtype) @ head
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        return gradient * outer[0], None, None


class _NextToken(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, targets: Tensor, head: Tensor) -> Tensor:
        gradient = torch.empty_like(states)
        total = states.new_zeros((), dtype=torch.float32)
        for start in range(0, len(states), BLOCK_TOKENS):
            block = slice(start, start + BLOCK_TOKENS)
            logits = (states[block] @ head.T).float()
            logits -= logits.logsumexp(-1, keepdim=True)
            rows = torch.arange(len(logits), device=logits.device)
            total -= logits[rows, targets[block]].sum()
            logits.exp_()[rows, targets[block]] -= 1
            gradient[block] = logits.to(states.dtype) @ head
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        return gradient * outer[0], None, None


def distillation(states: Tensor, teacher_states: Tensor, head: Tensor) -> Tensor:
    """Summed Kullback-Leibler divergence from teacher to student; states are (tokens, hidden), head (vocab, hidden)."""
    return _Distillation.apply(states, teacher_states, head)


def next_token(states: Tensor, targets: Tensor, head: Tensor) -> Tensor:
    """Summed cross entropy of targets (tokens,); states are (tokens, hidden), head (vocab, hidden)."""
    return _NextToken.apply(states, targets, head)
