"""A training run's settings. It says what a setting may be and refuses what it may not; it reads no files."""

from __future__ import annotations

from dataclasses import dataclass

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


def _check(holds: bool, field: str, value: object, allowed: str) -> None:
    if not holds:
        raise ConfigError(f"The training setting --{field} is {value!r}; it must be {allowed}.")
