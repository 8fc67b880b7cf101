"""A training run's settings: the run itself, and what is trained on what. It refuses impossible values and reads no files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reader.errors import ConfigError


@dataclass(frozen=True)
class TrainingConfig:
    """How a run learns; the same config, data and seed give the same weights on the same machine."""

    steps: int = 1000
    """Updates of the weights (`--steps`)."""
    batch: int = 1
    """Samples whose gradients are summed for one update, over all processes (`--batch`)."""
    learning_rate: float = 1e-3
    """AdamW's peak rate (`--learning-rate`); warmed up, then a cosine down to a tenth."""
    warmup_steps: int = 20
    """Updates until the peak rate (`--warmup-steps`)."""
    weight_decay: float = 0.0
    """AdamW's weight decay (`--weight-decay`)."""
    max_gradient_norm: float = 1.0
    """Gradients are scaled down to this norm (`--max-gradient-norm`)."""
    seed: int = 0
    """What the samples, their ratios and their order are drawn from (`--seed`)."""
    checkpoint_every: int = 50
    """Updates between two checkpoints (`--checkpoint-every`)."""

    def __post_init__(self) -> None:
        _check(self.steps >= 1, "steps", self.steps, "1 or more")
        _check(self.batch >= 1, "batch", self.batch, "1 or more")
        _check(self.learning_rate > 0, "learning-rate", self.learning_rate, "more than 0")
        _check(self.warmup_steps >= 0, "warmup-steps", self.warmup_steps, "0 or more")
        _check(self.weight_decay >= 0, "weight-decay", self.weight_decay, "0 or more")
        _check(self.max_gradient_norm > 0, "max-gradient-norm", self.max_gradient_norm, "more than 0")
        _check(self.checkpoint_every >= 1, "checkpoint-every", self.checkpoint_every, "1 or more")


@dataclass(frozen=True)
class PluginSettings:
    """What a plug-in is trained on, and which of its weights."""

    books: tuple[Path, ...]
    """Folders or archives of plain texts."""
    questions: tuple[Path, ...] = ()
    """Files of questions, each with its passage and answers."""
    method: Literal["beacon", "answers", "both"] = "beacon"
    """The weights that condense, those that the decoder has while it answers, or both."""
    model: str | None = None
    """The decoder's name or folder; None: the bundled one."""
    plugin: str | None = None
    """The plug-in to begin with; None: the decoder's own projections."""
    device: str | None = None
    dtype: str | None = None
    """Of the frozen decoder."""
    window: int | None = None
    """Tokens read at once; None: 512, or the plug-in's."""
    windows: tuple[int, ...] = ()
    """Drawn from while training; none: the window."""
    ratios: tuple[int, ...] | None = None
    """Drawn for each window; None: 2, 4, 8, 16, 32, 64."""
    rank: int | None = None
    """Of a new plug-in's projections; None: full."""
    answer_rank: int = 12
    embedding_from: str = "last"
    intervals: str | None = None
    """What a beacon condenses; None: the plug-in's, or figures."""
    loss: str = "distillation"
    recompute: bool = False
    """Whether to keep one window's activations at a time."""
    excerpt_tokens: tuple[int, ...] = (2048,)
    question_share: float | None = None
    """Of the samples; None: the method's usual."""
    recall_share: float = 0.3
    unanswerable_share: float = 0.3
    alone_share: float = 0.5
    long_text_tokens: int = 0
    """Length of the texts behind whose memories questions are asked; 0: no such texts."""
    save_dtype: Literal["model", "int8"] = "model"

    @property
    def is_answering(self) -> bool:
        """Whether answer weights learn."""
        return self.method in ("answers", "both")


@dataclass(frozen=True)
class LengtheningSettings:
    """What a decoder is lengthened on, and how far."""

    books: tuple[Path, ...]
    """Folders or archives of plain texts."""
    method: Literal["cream", "pose"] = "cream"
    model: str | None = None
    """The decoder's name or folder; None: the bundled one."""
    device: str | None = None
    dtype: str | None = None
    target_tokens: int = 32768
    """The new context (`--target-tokens`)."""
    excerpt_tokens: tuple[int, ...] = (2048,)
    """Lengths of excerpts, drawn with equal chance (`--excerpt-tokens`)."""
    rank: int | None = None
    """Of the differences that learn; None: the layers' weights themselves learn."""

    def __post_init__(self) -> None:
        longest = max(self.excerpt_tokens)
        if self.target_tokens < 2 * longest:
            raise ConfigError(
                f"--target-tokens {self.target_tokens:,} is less than twice --excerpt-tokens {longest:,}."
            )


def _check(holds: bool, field: str, value: object, allowed: str) -> None:
    if not holds:
        raise ConfigError(f"The training setting --{field} is {value!r}; it must be {allowed}.")
