"""Lengthens a decoder's context: trains it on short excerpts at the positions of a long text.

CREAM (arXiv 2406.07138, section 3) splits the excerpt into head, middle and tail. Head and tail keep the first and last positions
of the long text. With equal probability they are short (continuity) or a third of the excerpt each (relativity). The end of the
middle is drawn from a truncated Gaussian around the long text's middle. PoSE (arXiv 2309.10400) uses two chunks and one skip.
LongRecipe (arXiv 2409.00509) is in `reader.training.objectives.long_recipe`. The rotary positions are interpolated linearly to the
new length. The result is an ordinary decoder. This module draws no data.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from reader.beacon import AnswerWeights
from reader.errors import ConfigError, ModelError
from reader.models import Model
from reader.training.config import LENGTHENING_METHODS
from reader.training.data import Sample
from reader.training.losses import next_token
from reader.training.objectives.long_recipe import MERGED_SHARE, recipe

_DEVIATION = 3.0


def draw_positions(method: str, tokens: int, target_tokens: int, draw: random.Random) -> Tensor:
    """Draw strictly increasing positions (tokens,) below target_tokens, in three pieces (`cream`) or two (`pose`).

    Raises:
        ConfigError: another method (`longrecipe` has its own, see `recipe`), a target of less than twice the excerpt, or an
            excerpt that is too short to cut.
    """
    if method not in ("cream", "pose"):
        raise ConfigError(f"Positions are drawn for cream and pose, not for {method!r}.")
    scale = target_tokens // max(1, tokens)
    if scale < 2:
        raise ConfigError(
            f"--target-tokens {target_tokens:,} is less than twice the excerpts' {tokens:,}; make it longer or them shorter."
        )
    if method == "pose":
        first = draw.randint(1, tokens - 1)
        skip = draw.randint(0, target_tokens - tokens)
        return torch.cat([torch.arange(first), torch.arange(first + skip, tokens + skip)])
    if 8 * scale >= tokens:
        raise ConfigError(
            f"Excerpts of {tokens:,} tokens are too short for heads and tails of {4 * scale} tokens; give longer ones, "
            "or a shorter --target-tokens."
        )
    end_tokens = draw.choice((4 * scale, tokens // 3))
    middle_tokens = tokens - 2 * end_tokens
    # The end of the middle, in halves of the excerpt's length: from one excerpt (2) to the whole target (2 * scale).
    halves = draw.gauss(1 + scale, _DEVIATION)
    while not 2 <= halves <= 2 * scale:
        halves = draw.gauss(1 + scale, _DEVIATION)
    middle_end = round(draw.uniform(halves - 1, halves) * tokens / 2)
    middle_end = min(max(middle_end, end_tokens + middle_tokens), target_tokens - end_tokens)
    return torch.cat(
        [
            torch.arange(end_tokens),
            torch.arange(middle_end - middle_tokens, middle_end),
            torch.arange(target_tokens - end_tokens, target_tokens),
        ]
    )


class PositionsObjective:
    """The loss of a decoder that is being lengthened: cross entropy of the next token, at drawn positions.

    Args:
        model: its decoder is changed: the rotary positions are interpolated and the weights trained.
        method: one of `LENGTHENING_METHODS`.
        target_tokens: the new length.
        rank: the rank of trained low-rank differences; None: train the layers' weights themselves (not embeddings and head).

    Raises:
        ConfigError: an unknown method, see `draw_positions`, or the decoder's positions are scaled already.
    """

    def __init__(self, model: Model, *, method: str, target_tokens: int, rank: int | None) -> None:
        if method not in LENGTHENING_METHODS:
            allowed = ", ".join(LENGTHENING_METHODS)
            raise ConfigError(f"The training setting --method is {method!r}; it must be one of {allowed}.")
        self.model, self.method, self.target_tokens = model, method, target_tokens
        decoder = model.decoder.model
        decoder.requires_grad_(False)
        _interpolate(decoder, target_tokens)
        self._differences: AnswerWeights | None = None
        if rank is None:
            decoder.base_model.layers.float()
            self.parameters = {
                name: part for name, part in decoder.base_model.named_parameters() if name.startswith("layers.")
            }
        else:
            self._differences = AnswerWeights(decoder, rank).float()
            self._handles = self._differences.hook(decoder, lambda: True)
            self.parameters = dict(self._differences.named_parameters())
        self._first_weights: dict[str, Tensor] = {}
        if method == "longrecipe":
            self._ends = model.decoder.tokens_that(_ends_sentence)
            if rank is None:
                self._first_weights = {name: part.detach().clone() for name, part in self.parameters.items()}
        for parameter in self.parameters.values():
            parameter.requires_grad_()

    def losses(self, sample: Sample, draw: random.Random) -> list[Tensor]:
        """The mean loss per token, in one part."""
        decoder, ids = self.model.decoder.model, sample.document.to(self.model.decoder.device)
        if self.method == "longrecipe":
            ids, positions = recipe(decoder, ids, self._ends, self.target_tokens, draw)
        else:
            positions = draw_positions(self.method, len(ids), self.target_tokens, draw)
        positions = positions.to(ids.device)
        # The pieces are one text. Without an explicit causal mask, the library would infer separate texts from the positions.
        states = decoder.base_model(
            ids[None], position_ids=positions[None], attention_mask=torch.ones_like(ids)[None], use_cache=False
        ).last_hidden_state[0]
        head = decoder.get_output_embeddings().weight
        return [next_token(states[:-1].to(head.dtype), ids[1:], head) / (len(ids) - 1)]

    def save(self, folder: Path) -> None:
        """Write the lengthened decoder, its differences merged in, with its tokenizer, as a model folder.

        `longrecipe` writes the mean of the trained weights and the first ones.

        Raises:
            ModelError: the folder cannot be written.
        """
        decoder = self.model.decoder.model
        state = {name: tensor.detach() for name, tensor in decoder.state_dict().items()}
        share = MERGED_SHARE if self.method == "longrecipe" else 1.0
        for name, first in self._first_weights.items():
            key = f"{decoder.base_model_prefix}.{name}"
            state[key] = torch.lerp(first, state[key], share)
        if self._differences is not None:
            for number, own in enumerate(self._differences.layers):
                for name, difference in own.items():  # type: ignore[operator]
                    key = f"model.layers.{number}.{name.replace('-', '.')}.weight"
                    weight = state[key].float() + share * difference.up.detach() @ difference.down.detach()
                    state[key] = weight.to(state[key].dtype)
        try:
            decoder.save_pretrained(folder, state_dict=state)
            self.model.decoder.tokenizer.save_pretrained(folder)
        except OSError as error:
            raise ModelError(f"The lengthened decoder cannot be written to {str(folder)!r}: {error}.") from error


def _ends_sentence(word: str) -> bool:
    """Whether a token ends a sentence or a line."""
    return "\n" in word or word.rstrip("\"'”’) ").endswith((".", "!", "?", "。"))


def _interpolate(decoder: PreTrainedModel, target_tokens: int) -> None:
    """Scale the rotary positions of a text of target_tokens to those for which the decoder was made."""
    config = decoder.config
    rope = dict(config.rope_parameters or {})
    if rope.get("rope_type", "default") != "default":
        raise ConfigError(
            f"The decoder's rotary positions are scaled already ({rope['rope_type']}); lengthen an unscaled one."
        )
    factor = target_tokens / config.max_position_embeddings
    if factor > 1:
        config.rope_parameters = {**rope, "rope_type": "linear", "factor": factor}
    config.max_position_embeddings = max(target_tokens, config.max_position_embeddings)
    base: Any = decoder.base_model
    base.rotary_emb = type(base.rotary_emb)(config).to(decoder.device)
