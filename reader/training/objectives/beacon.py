"""Training the plug-in: the decoder stays frozen, gradients flow through the memory (arXiv 2401.03462 v3, section 3.3).

A document is read window by window as in use, with a random ratio for each window; the last window is raw. The loss is over all raw
tokens: the cross entropy of the next token (the paper's), the divergence from the same decoder with attention to the whole excerpt
(distillation), or the mean of both. If the sample has questions, the cross entropy of each answer after the memory is added. If
only the answer weights are trained, the answers' cross entropy is the whole loss. In half of the samples, a gap in the positions
moves everything up to some window far away (as in PoSE, arXiv 2309.10400): an excerpt has a tenth of a book's slots, and tokens
must find the memory at a book's distances, too. This module draws no data and updates no weights.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from reader.beacon import BeaconConfig, Logits, Memory, RatioChooser
from reader.errors import ConfigError
from reader.models import Model
from reader.training.data import Exchange, Sample
from reader.training.losses import distillation, next_token

LOSSES = ("next-token", "distillation", "both")

LONG_TEXT_RATIO = 8

FAR_SHARE = 0.5
"""The share of samples whose beginning moves far away: excerpts are short, but a book's memory lies at large distances."""

QUESTION_WEIGHT = 0.2
"""The weight of an answer's loss per token, which is an order of magnitude larger than a text's."""


class BeaconObjective:
    """The losses of a plug-in.

    Args:
        model: the objective freezes its decoder in its own precision and converts its plug-in to float32.
        windows: window sizes to draw from for each sample, among those that the text fills four times; (): the plug-in's own. With
            a smaller window, more of a text's tokens depend on the memory.
        ratios: drawn uniformly for each window. Samples with questions use only ratios up to 16, because at larger ratios no
            memory keeps five digits.
        loss: `next-token`, `distillation` or `both`.
        recompute: keep only one window's activations at a time and run each window again in the backward pass. Costs a third more
            operations, but activation memory does not grow with the excerpt's windows.
        train_reading, train_answering: whether to train the beacon weights and the answer weights.
        long_texts: token ids (tokens,) of the texts for samples that are asked after a long text. They are read once, at
            `LONG_TEXT_RATIO`, so the beacon weights must stay fixed.

    Raises:
        ConfigError: an unknown loss, nothing to train, or long texts while the beacon weights are trained.
    """

    def __init__(
        self,
        model: Model,
        *,
        ratios: Sequence[int],
        windows: Sequence[int] = (),
        loss: str = "distillation",
        recompute: bool = False,
        train_reading: bool = True,
        train_answering: bool = False,
        long_texts: Sequence[Tensor] = (),
    ) -> None:
        if loss not in LOSSES:
            raise ConfigError(f"The training setting --loss is {loss!r}; it must be one of {', '.join(LOSSES)}.")
        self.model, self.ratios, self.loss, self.recompute = model, tuple(ratios), loss, recompute
        self.exact_ratios = [ratio for ratio in self.ratios if ratio <= 16] or [min(self.ratios)]
        for ratio in self.ratios:
            model.plugin.config.check_ratio(ratio)
        self.train_reading = train_reading
        self.windows = tuple(windows) or (model.plugin.config.window,)
        model.decoder.model.requires_grad_(False)
        self._head: Tensor = (
            model.decoder.model.get_output_embeddings().weight
        )  # int8 layers compute theirs at each call
        plugin = model.plugin.float().requires_grad_(False)
        self.parameters: dict[str, nn.Parameter] = {
            name: parameter
            for name, parameter in plugin.named_parameters()
            if (train_answering if name.startswith("answers.") else train_reading)
        }
        if not self.parameters:
            raise ConfigError("Nothing to train: the plug-in has no answer weights; give --answer-rank.")
        for parameter in self.parameters.values():
            parameter.requires_grad_()
        with torch.no_grad():
            self._opened = plugin.new_memory(len(model.opening))
            if not model.is_published and len(model.opening):
                plugin.open(self._opened, model.opening)
        if long_texts and train_reading:
            raise ConfigError(
                "Long texts can be used only where nothing but the answer weights learns; leave --long-text-tokens out."
            )
        self._long_texts = [self._read_once(ids) for ids in long_texts]

    def losses(self, sample: Sample, draw: random.Random) -> list[Tensor]:
        """Mean losses per token: of each window in turn, then of each answer."""
        if sample.is_behind_long_text:
            memory = self._behind_long_text(draw)
            return [self._answer_loss(memory.traced(), exchange) for exchange in sample.exchanges]
        plugin, ids = self.model.plugin, sample.document
        window = draw.choice([size for size in self.windows if 4 * size <= len(ids)] or [min(self.windows)])
        memory = self._opened.traced()
        # The text of a sample with questions has a loss, too: the memory must not keep the answers at the cost of the rest.
        learns_text = self.train_reading or not sample.exchanges
        logits: Logits = "states" if learns_text else "none"
        teacher = self._teacher_states(ids) if learns_text and self.loss != "next-token" else None
        # The last window stays raw, like the end of a document. A question may directly follow a full window.
        last = (len(ids) - 1) // window * window if not sample.exchanges else len(ids) // window * window
        gap = self._draw_gap(range(window, last + 1, window), len(ids), draw)
        losses: list[Tensor] = []
        with torch.set_grad_enabled(torch.is_grad_enabled() and learns_text):
            for start in range(0, last, window):
                drawn = draw.choice(self.exact_ratios if sample.exchanges else self.ratios)
                config = replace(plugin.config, window=window, stride=None, ratios=(drawn,), ratio_choice="sequence")
                memory, states = self._window(memory, ids[start : start + window], config, logits)
                if states is not None:
                    losses.append(self._token_loss(states, ids, start, teacher))
                if gap is not None and start + window == gap[0]:
                    plugin.move_away(memory, gap[1])
            if len(ids) > last:
                states = plugin.run(memory, ids[last:], logits=logits)
                if states is not None:
                    losses.append(self._token_loss(states, ids, last, teacher))
        return [*losses, *(self._answer_loss(memory.traced(), exchange) for exchange in sample.exchanges)]

    def _draw_gap(self, ends: Sequence[int], tokens: int, draw: random.Random) -> tuple[int, int] | None:
        """The number of tokens after which the memory moves away, and the distance in free positions; or None."""
        if not self.train_reading or not ends or draw.random() >= FAR_SHARE:
            return None
        return draw.choice(ends), draw.randrange(max(1, self.model.plugin.max_positions - tokens))

    def _read_once(self, ids: Tensor) -> Memory:
        """The memory of a text's full windows."""
        config = replace(self.model.plugin.config, ratios=(LONG_TEXT_RATIO,), ratio_choice="sequence")
        memory = self._opened
        with torch.no_grad():
            for window in ids[: len(ids) // config.window * config.window].split(config.window):
                memory, _ = self._window(memory, window, config, "none")
        return memory

    def _behind_long_text(self, draw: random.Random) -> Memory:
        """The memory of the first part of a long text."""
        memory = draw.choice(self._long_texts).traced()
        slots = draw.randint(memory.sink, memory.slots)
        memory.back_to(replace(memory.mark(), slots=slots))
        return memory

    def _window(
        self, memory: Memory, ids: Tensor, config: BeaconConfig, logits: Logits
    ) -> tuple[Memory, Tensor | None]:
        """Read one window into a copy of the memory; return the copy and the window's states."""
        plugin = self.model.plugin

        def step() -> tuple[Memory, Tensor | None]:
            twin = memory.traced()
            with plugin.configured(config):
                return twin, plugin.read(twin, ids, chooser=RatioChooser(config, 0, 0), logits=logits)

        if self.recompute and torch.is_grad_enabled():
            read: tuple[Memory, Tensor | None] = checkpoint(step, use_reentrant=False, preserve_rng_state=False)
            return read
        return step()

    def _teacher_states(self, ids: Tensor) -> Tensor:
        """The frozen decoder's last hidden states (tokens, hidden) with attention to the whole excerpt."""
        model = self.model
        opening = ids[:0] if model.is_published else model.opening
        if len(opening) + len(ids) > model.plugin.max_positions:
            raise ConfigError(
                f"An excerpt of {len(ids):,} tokens is longer than the decoder can attend to in full "
                f"({model.plugin.max_positions:,} positions); take --loss next-token or a smaller --excerpt-tokens."
            )
        with torch.no_grad():
            whole = torch.cat([opening, ids])[None].to(model.decoder.device)
            states: Tensor = model.decoder.model.base_model(whole, use_cache=False).last_hidden_state
        return states[0, len(opening) :]

    def _token_loss(self, states: Tensor, ids: Tensor, start: int, teacher: Tensor | None) -> Tensor:
        parts = []
        if teacher is not None:
            parts.append(distillation(states, teacher[start : start + len(states)], self._head) / len(states))
        if self.loss != "distillation":
            targets = ids[start + 1 : start + 1 + len(states)].to(states.device)
            parts.append(next_token(states[: len(targets)], targets, self._head) / len(targets))
        return torch.stack(parts).mean()

    def _answer_loss(self, memory: Memory, exchange: Exchange) -> Tensor:
        plugin = self.model.plugin
        if len(exchange.again):
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.train_reading):
                plugin.run(memory, exchange.again, logits="none")
        states = plugin.run(memory, torch.cat([exchange.prompt, exchange.answer]), logits="states", answering=True)
        count = len(exchange.answer)
        return (
            QUESTION_WEIGHT * next_token(states[-count - 1 : -1], exchange.answer.to(states.device), self._head) / count
        )
