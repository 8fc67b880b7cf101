"""The settings of a training run: the run itself, the weights and the data. Refuses impossible values and reads no files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from reader.errors import ConfigError

LengtheningMethod = Literal["cream", "pose", "longrecipe"]
LENGTHENING_METHODS: tuple[str, ...] = get_args(LengtheningMethod)
"""The methods that lengthen a decoder, in place of training a plug-in."""


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of the loop. The same config, data and seed give the same weights on the same machine."""

    steps: int = 1000
    """Updates of the weights (`--steps`)."""
    batch: int = 1
    """Samples whose gradients are summed for one update, over all processes (`--batch`)."""
    learning_rate: float = 1e-3
    """AdamW's peak learning rate (`--learning-rate`): linear warm-up, then a cosine down to a tenth of the peak."""
    warmup_steps: int = 20
    """Updates before the peak rate (`--warmup-steps`)."""
    weight_decay: float = 0.0
    """AdamW's weight decay (`--weight-decay`)."""
    max_gradient_norm: float = 1.0
    """Larger gradients are scaled down to this norm (`--max-gradient-norm`)."""
    seed: int = 0
    """The seed for the samples, their ratios and their order (`--seed`)."""
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
    """The data of a plug-in's training, and the weights to train."""

    books: tuple[Path, ...]
    """Folders or archives of plain texts."""
    questions: tuple[Path, ...] = ()
    """Files of questions, each with its passage and answers."""
    method: Literal["beacon", "answers", "both"] = "beacon"
    """Trains the beacon weights, the answer weights, or both."""
    model: str | None = None
    """The decoder's name or folder; None: the bundled one."""
    plugin: str | None = None
    """The plug-in to start from; None: the decoder's own projections."""
    device: str | None = None
    dtype: str | None = None
    """The type of the frozen decoder's weights."""
    window: int | None = None
    """Tokens in a window; None: 512, or the plug-in's window."""
    windows: tuple[int, ...] = ()
    """Windows to draw from in training; empty: only `window`."""
    ratios: tuple[int, ...] | None = None
    """Ratios to draw from for each window; None: 2, 4, 8, 16, 32, 64."""
    rank: int | None = None
    """The rank of a new plug-in's projections; None: full rank."""
    answer_rank: int = 12
    embedding_from: str = "last"
    intervals: str | None = None
    """The kind of intervals that beacons condense; None: the plug-in's, or `figures`."""
    loss: str = "distillation"
    recompute: bool = False
    """Whether to keep only one window's activations at a time and compute the others again."""
    excerpt_tokens: tuple[int, ...] = (2048,)
    question_share: float | None = None
    """The share of samples with questions; None: the method's default."""
    recall_share: float = 0.3
    unanswerable_share: float = 0.3
    alone_share: float = 0.5
    long_text_tokens: int = 0
    """Length of the long texts after whose memories questions are asked; 0: no long texts."""
    save_dtype: Literal["model", "int8"] = "model"

    @property
    def is_answering(self) -> bool:
        """Whether answer weights are trained."""
        return self.method in ("answers", "both")


@dataclass(frozen=True)
class LengtheningSettings:
    """The data and the target of a decoder's lengthening."""

    books: tuple[Path, ...]
    """Folders or archives of plain texts."""
    method: LengtheningMethod = "cream"
    model: str | None = None
    """The decoder's name or folder; None: the bundled one."""
    device: str | None = None
    dtype: str | None = None
    target_tokens: int = 32768
    """The new context (`--target-tokens`)."""
    excerpt_tokens: tuple[int, ...] = (2048,)
    """Lengths of excerpts, drawn with equal probability (`--excerpt-tokens`)."""
    rank: int | None = None
    """The rank of trained low-rank differences; None: train the layers' weights themselves."""

    def __post_init__(self) -> None:
        longest = max(self.excerpt_tokens)
        if self.target_tokens < 2 * longest:
            raise ConfigError(
                f"--target-tokens {self.target_tokens:,} is less than twice --excerpt-tokens {longest:,}."
            )


def _check(holds: bool, field: str, value: object, allowed: str) -> None:
    if not holds:
        raise ConfigError(f"The training setting --{field} is {value!r}; it must be {allowed}.")
