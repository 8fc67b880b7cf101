"""A strategy's greedy reply to a question. All strategies use the same prompt around the question."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor

from reader.answering import greedy_token
from reader.models import Model
from reader.strategies import Context, Strategy


def reply(
    strategy: Strategy,
    question: str,
    model: Model,
    *,
    max_tokens: int,
    begin: str = "",
    searched: str = "",
    tuned: bool = True,
) -> str:
    """The decoder's reply to a question after the strategy's context.

    Args:
        question: the whole prompt.
        begin: the first words of the reply.
        searched: the question without the prompt, for a strategy that searches; empty: the same as `question`.
        tuned: whether the plug-in's answer weights, if any, are active, as they are when the reader answers.

    Raises:
        ContextOverflow: the question does not fit after the context.
    """
    prompt = torch.cat([model.closing(question), model.encode(begin)[0]])
    with strategy.attach(searched or question) as context, model.plugin.answering() if tuned else nullcontext():
        return generate(context, prompt, model, max_tokens)


def generate(context: Context, prompt: Tensor, model: Model, max_tokens: int) -> str:
    """Decode greedily after a prompt (tokens,)."""
    logits = context.run(prompt)
    tokens: list[int] = []
    for _ in range(min(max_tokens, context.room_tokens)):
        token = greedy_token(tokens, logits)
        if token in model.end_ids:
            break
        tokens.append(token)
        logits = context.run(torch.tensor([token]))
    return str(model.decoder.tokenizer.decode(tokens, skip_special_tokens=True)).strip()
