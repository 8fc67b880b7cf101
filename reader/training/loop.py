"""The training loop: draws samples, updates the weights, and writes a log and checkpoints.

A step depends only on the seed, its number and the weights. So a run that was killed and resumed has the same losses and weights
as an unbroken run. The objective holds the parameters and computes the losses; the loop knows neither books nor beacons. Several
processes (started by `accelerate launch`) share a batch and sum their gradients.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from accelerate import PartialState
from accelerate.utils import reduce
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from reader.errors import Cancelled, ConfigError, ModelError
from reader.training.config import TrainingConfig
from reader.training.data import Sample

STATE = "training.safetensors"
LOG = "log.csv"
_COLUMNS = ["step", "kind", "loss", "parts", "learning_rate", "gradient_norm", "tokens", "tokens_per_second", "seconds"]


class Objective(Protocol):
    """Trainable parameters and their losses."""

    parameters: dict[str, nn.Parameter]
    """The trained parameters by name, in float32."""

    def losses(self, sample: Sample, draw: random.Random) -> list[Tensor]:
        """A sample's losses, one for each part. Training minimises their mean."""


@dataclass(frozen=True)
class TrainingProgress:
    """The progress of a run."""

    step: int
    steps: int
    loss: float
    """The step's loss, the mean over its samples."""
    parts: tuple[float, ...]
    """The losses of the step's last sample, window by window."""
    tokens_per_second: float
    seconds_left: float


def train(
    objective: Objective,
    draw_sample: Callable[[random.Random], Sample],
    config: TrainingConfig,
    output: Path,
    *,
    save: Callable[[Path], None],
    settings: Mapping[str, object] | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Train, or continue from the folder's last checkpoint.

    Args:
        draw_sample: draws the next sample, using only the given random numbers.
        output: the folder for `training.safetensors` (the checkpoint), `log.csv`, and the files of `save`.
        save: writes the trained weights into the folder.
        settings: further settings that must not change when a run is resumed, such as the data.

    Raises:
        ConfigError: the folder holds a run with other settings.
        ModelError: a loss or a gradient is NaN or infinite; the last checkpoint is good.
        Cancelled: `cancelled()` returned true; a checkpoint was written.
    """
    processes = PartialState()
    names = list(objective.parameters)
    parameters = [objective.parameters[name] for name in names]
    optimizer = torch.optim.AdamW(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
    )
    # Settings that may change when a run is resumed: they decide only where the run ends and how often it is saved.
    fixed = {**dataclasses.asdict(config), **(settings or {})}
    fixed.pop("checkpoint_every")
    output.mkdir(parents=True, exist_ok=True)
    done, tokens_seen = _restore(output / STATE, names, parameters, optimizer, fixed)
    _cut_log(output / LOG, done)
    for step in range(done, config.steps):
        started = time.perf_counter()
        rate = _learning_rate(config, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        total, tokens, kind = 0.0, 0, ""
        parts: tuple[float, ...] = ()
        for number in range(processes.process_index, config.batch, processes.num_processes):
            draw = random.Random(f"{config.seed}/{step * config.batch + number}")
            sample = draw_sample(draw)
            losses = objective.losses(sample, draw)
            loss = torch.stack(losses).mean() / config.batch
            loss.backward()
            total += float(loss.detach())
            parts = tuple(float(part.detach()) for part in losses)
            tokens += sample.tokens
            kind = "question" if sample.exchanges else "text"
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            if processes.num_processes > 1:
                parameter.grad = reduce(parameter.grad, "sum")
        norm = float(nn.utils.clip_grad_norm_(parameters, config.max_gradient_norm))
        if not math.isfinite(total) or not math.isfinite(norm):
            raise ModelError(
                f"Training stopped at step {step}: the loss is {total} and the gradient's norm {norm}. The checkpoint of step "
                f"{done} in {str(output)!r} is good; continue with a smaller --learning-rate."
            )
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds = time.perf_counter() - started
        tokens_seen += tokens
        if processes.is_main_process:
            row = [step, kind, f"{total:.5f}", " ".join(f"{part:.4f}" for part in parts), f"{rate:.3g}", f"{norm:.4g}"]
            _log(output / LOG, [*row, tokens_seen, f"{tokens / seconds:.1f}", f"{seconds:.2f}"])
        if progress is not None:
            left = (config.steps - step - 1) * seconds
            progress(TrainingProgress(step + 1, config.steps, total, parts, tokens / seconds, left))
        stop = cancelled()
        if processes.is_main_process and (
            (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps or stop
        ):
            _checkpoint(output / STATE, names, parameters, optimizer, fixed, step + 1, tokens_seen)
            save(output)
            done = step + 1
        if stop:
            raise Cancelled(f"Training stopped after step {step + 1}; the same command continues from there.")


def _learning_rate(config: TrainingConfig, step: int) -> float:
    """Linear warm-up, then a cosine down to a tenth of the peak."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * done)))


def _checkpoint(
    file: Path,
    names: list[str],
    parameters: list[nn.Parameter],
    optimizer: torch.optim.AdamW,
    fixed: Mapping[str, object],
    step: int,
    tokens: int,
) -> None:
    tensors: dict[str, Tensor] = {}
    for name, parameter in zip(names, parameters, strict=True):
        state = optimizer.state[parameter]
        tensors[f"weight.{name}"] = parameter.detach()
        tensors[f"mean.{name}"], tensors[f"square.{name}"] = state["exp_avg"], state["exp_avg_sq"]
    metadata = {"step": str(step), "tokens": str(tokens), "settings": json.dumps(fixed, sort_keys=True, default=str)}
    partial = file.with_suffix(".partial")
    try:
        save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, partial, metadata)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(file)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"The checkpoint {str(file)!r} cannot be written: {error}.") from error


def _restore(
    file: Path,
    names: list[str],
    parameters: list[nn.Parameter],
    optimizer: torch.optim.AdamW,
    fixed: Mapping[str, object],
) -> tuple[int, int]:
    """Restore weights and optimizer from the checkpoint; return the steps done and the tokens seen."""
    if not file.is_file():
        return 0, 0
    try:
        with safe_open(file, framework="pt") as saved:
            metadata = saved.metadata()
            before, now = json.loads(metadata["settings"]), json.loads(json.dumps(dict(fixed), default=str))
            changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
            if changed:
                name = changed[0]
                raise ConfigError(
                    f"The run in {str(file.parent)!r} has {name} {before.get(name)!r}, not {now.get(name)!r}; "
                    "continue with the same settings, or give another --output."
                )
            step = int(metadata["step"])
            for name, parameter in zip(names, parameters, strict=True):
                parameter.data.copy_(saved.get_tensor(f"weight.{name}"))
                optimizer.state[parameter] = {
                    "step": torch.tensor(float(step)),
                    "exp_avg": saved.get_tensor(f"mean.{name}").to(parameter.device),
                    "exp_avg_sq": saved.get_tensor(f"square.{name}").to(parameter.device),
                }
            return step, int(metadata["tokens"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
        raise ModelError(
            f"The checkpoint {str(file)!r} cannot be read ({type(error).__name__}: {error}); remove it to begin anew."
        ) from error


def _cut_log(file: Path, steps: int) -> None:
    """Drop the rows that a killed run logged after its last checkpoint. Start a log if there is none."""
    rows = []
    if file.is_file():
        with file.open(newline="", encoding="utf-8") as log:
            rows = [row for row in csv.reader(log) if row and row[0].isdigit() and int(row[0]) < steps]
    with file.open("w", newline="", encoding="utf-8") as log:
        csv.writer(log).writerows([_COLUMNS, *rows])


def _log(file: Path, row: list[object]) -> None:
    with file.open("a", newline="", encoding="utf-8") as log:
        csv.writer(log).writerow(row)
