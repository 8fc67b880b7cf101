"""Conversations: questions one after another behind one memory, of which nothing is run again.

What the decoder holds before a question depends on the memory and the texts of the turns alone: after an answer, the turn is run
once more, raw, without the passages that were looked at for it. So after a restart a conversation continues as if there had been
none, bit for bit. The newest turns stay raw, a window of them at most; older ones are condensed like a document. A question that
stands alone, or is written out so that it does, is asked of the memory without the turns: its answer is that outside of a
conversation. This module keeps turns in the library and leaves answering to `reader.answering.ask`.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from reader.answering.answer import AnswerPart, ask
from reader.answering.attached import AttachedMemory, InUse
from reader.answering.decoding import keep_behind
from reader.answering.follow_ups import written_out
from reader.answering.prompt import MAX_ANSWER_TOKENS
from reader.beacon import BeaconConfig, Memory, RatioChooser
from reader.errors import ConfigError
from reader.models import Model
from reader.wording import counted
from storage import ConversationRecord, Store

TURN = "\n\n{question}"
"""How an earlier question stands before its answer: without the words around a new question that say how to answer it."""


class Conversation:
    """One user's conversation about what is attached; others may ask the same memory in between, and wait for its answers."""

    def __init__(self, record: ConversationRecord, attached: AttachedMemory, model: Model, store: Store) -> None:
        self.record = record
        self._model, self._store = model, store
        self._said = _Said(attached.memory, model)
        baseline = copy.copy(attached.baseline)
        self._in_use = attached.in_use
        self._alone = dataclasses.replace(attached, in_use=InUse())
        self._behind = dataclasses.replace(
            attached, memory=self._said.memory, baseline=baseline, in_use=InUse()
        )  # behind the memory that `ask` keeps to itself

    def ask(
        self,
        question: str,
        *,
        number: int | None = None,
        stopped: Callable[[], bool] = lambda: False,
        question_id: str = "",
        **options: Any,
    ) -> Iterator[AnswerPart]:
        """Answer a question after what was said, piece by piece, and keep both as a turn once the answer has ended.

        Args:
            number: the turn that the new one takes the place of; those behind it go, too, once the answer has ended. None: a
                turn behind all others.
            question_id: of the question in the library, kept with the turn; it says which question a turn answers.
            stopped, options: as for `reader.answering.ask`.

        Raises:
            ConfigError: there is no question, no turn of this number, or this thread has begun another answer.
            ContextOverflow: the memory and what was said leave no room for it.
            StoreBusy: the conversation went on elsewhere in the meantime.
        """
        turns = self.record.turns
        if number is not None and not 0 <= number < len(turns):
            raise ConfigError(
                f"The conversation has {counted(len(turns), 'turn')}, so there is no number {number} to ask again."
            )
        with self._in_use.by_one():
            before = [(turn.question, turn.answer) for turn in turns[:number]]
            attached = self._behind if written_out(question, before)[1] else self._alone
            if attached is self._behind:
                self._said.put(before)
                self._behind.baseline.move_behind(self._said.memory)
            for part in ask(attached, question, self._model, stopped=stopped, earlier=before[:], **options):
                if (answer := part.answer) is not None:
                    counts = dataclasses.asdict(answer)
                    evidence = counts.pop("evidence")
                    text, question = counts.pop("text"), counts.pop("question")
                    if question_id:
                        counts["question_id"] = question_id
                    self.record = self._store.conversations.add_turn(
                        self.record, question, text, number=number, evidence=evidence, counts=counts
                    )
                    before.append((question, text))
                yield part
            self._said.put(before)  # now, so that the next question does not wait for it


class _Said:
    """What was said, as slots behind a memory: condensed windows, then raw turns.

    The slots are kept aside and put back before each use, as whoever asks the memory in between writes over them.
    """

    def __init__(self, base: Memory, model: Model) -> None:
        self._base, self._model = base, model
        self.memory = Memory(base.layers)
        """Shares the base's keys and values, and has what was said behind them."""
        self._config = _window_config(model, base.slots)
        self._windows: list[Tensor] = []
        """The condensed tokens (window,) of each window."""
        self._parts: list[Tensor] = []
        """The raw tokens (tokens,), a pass each."""
        self._kept: tuple[dict[str, Tensor], dict[str, int]] | None = None

    def put(self, turns: Sequence[tuple[str, str]]) -> None:
        """Put these (question, answer) turns behind the memory, running only what is new."""
        windows, parts = self._cut([self._tokens(*turn) for turn in turns])
        memory = self.memory
        with torch.inference_mode(), self._model.lock:
            self._put_back(windows)
            if len(windows) > len(self._windows):
                _forget_tail(memory, 0)
                self._parts = []
                for window in windows[len(self._windows) :]:
                    self._condense(window)
            same = _common(self._parts, parts)
            _forget_tail(memory, sum(len(part) for part in parts[:same]))
            for part in parts[same:]:
                self._model.plugin.run(memory, part, logits="none", answering=True)
            self._windows, self._parts = windows, parts
            kept = {name: tensor.clone() for name, tensor in memory.tensors(self._base.mark()).items()}
            self._kept = (kept, memory.counts())

    def _tokens(self, question: str, answer: str) -> Tensor:
        model = self._model
        return torch.cat([model.closing(TURN.format(question=question)), model.encode(answer)[0], model.between])

    def _cut(self, turns: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """The tokens of all turns as full windows to be condensed, the oldest first, and the rest, at most a window, by turns."""
        size = self._config.window
        tokens = sum(len(turn) for turn in turns)
        condensed = max(0, -(-tokens // size) - 1) * size
        windows = list(torch.cat([*turns])[:condensed].split(size)) if condensed else []
        parts = []
        for turn in turns:
            skipped = min(condensed, len(turn))
            condensed -= skipped
            if skipped < len(turn):
                parts.append(turn[skipped:])
        return windows, parts

    def _put_back(self, windows: Sequence[Tensor]) -> None:
        """Put the kept slots behind the base memory where they begin with some of these windows, else nothing."""
        base, memory = self._base, self.memory
        # Its raw tail counts as condensed: what is read behind it is a window of its own.
        memory.sink, memory.beacons = base.sink, base.slots - base.sink
        memory.spans, memory.positions, memory.row_spans = base.spans, base.positions, base.row_spans
        memory.extra = base.extra
        memory.windows = base.windows + 1  # not the first window, which would give a sink
        memory.back_to(base.mark())
        _forget_tail(memory, 0)
        if self._kept is not None and _common(self._windows, windows) == len(self._windows):
            memory.restore(*self._kept)
        else:
            self._windows, self._parts, self._kept = [], [], None

    def _condense(self, window: Tensor) -> None:
        plugin, config = self._model.plugin, self._config
        # Each window takes at most half of what is left, so that a long conversation gets coarser and does not end.
        left = plugin.max_positions - self.memory.slots - config.window - MAX_ANSWER_TOKENS
        fitting = [ratio for ratio in sorted(config.ratios) if 2 * config.window // ratio <= left]
        ratio = fitting[0] if fitting else max(config.ratios)
        chooser = RatioChooser(dataclasses.replace(config, ratios=(ratio,)), 0, 0)
        with plugin.configured(config):
            plugin.read(self.memory, window, chooser=chooser)


def _common(one: Sequence[Tensor], other: Sequence[Tensor]) -> int:
    """With how many of the same tensors both begin."""
    pairs = zip(one, other, strict=False)
    return next((number for number, pair in enumerate(pairs) if not torch.equal(*pair)), min(len(one), len(other)))


def _window_config(model: Model, slots: int) -> BeaconConfig:
    """The plug-in's settings with a window that takes half of the positions behind so many slots at most."""
    config = model.plugin.config
    size = config.window
    while size % 2 == 0 and 2 * size > model.plugin.max_positions - slots:
        size //= 2
    ratios = tuple(ratio for ratio in config.ratios if ratio and size % ratio == 0) or (size,)
    return dataclasses.replace(config, window=size, stride=size, ratios=ratios, ratio_choice="sequence")


def _forget_tail(memory: Memory, tokens: int) -> None:
    """Keep the first tokens of the raw tail only."""
    keep_behind(memory, memory.tail_mark(), tokens)
