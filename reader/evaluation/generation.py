"""A strategy's greedy reply to a question, with the same words around the question for every strategy."""

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
    """What the decoder says to a question behind what the strategy kept.

    Args:
        question: with the words around it.
        begin: put into the decoder's mouth.
        searched: the question alone, for a strategy that searches; none: the question as it is.
        tuned: whether the plug-in's answer weights are on, where there are any, as they are when the reader answers.

    Raises:
        ContextOverflow: the question does not fit behind it.
    """
    prompt = torch.cat([model.closing(question), model.encode(begin)[0]])
    with strategy.attach(searched or question) as context, model.plugin.answering() if tuned else nullcontext():
        return generate(context, prompt, model, max_tokens)


def generate(context: Context, prompt: Tensor, model: Model, max_tokens: int) -> str:
    """Greedy text behind a prompt (tokens,)."""
    logits = context.run(prompt)
    tokens: list[int] = []
    for _ in range(min(max_tokens, context.room_tokens)):
        token = greedy_token(tokens, logits)
        if token in model.end_ids:
            break
        tokens.append(token)
        logits = context.run(torch.tensor([token]))
    return str(model.decoder.tokenizer.decode(tokens, skip_special_tokens=True)).strip()
