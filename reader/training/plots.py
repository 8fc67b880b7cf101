"""Plots a run's loss from its log."""

from __future__ import annotations

import csv
from pathlib import Path

from reader.training.loop import LOG

_WINDOW_STEPS = 25


def plot_losses(folder: Path) -> Path:
    """Draw `log.csv` as `loss.png` beside it: each step's loss, and a running mean for texts and for questions."""
    from matplotlib.figure import Figure

    with (folder / LOG).open(newline="", encoding="utf-8") as log:
        rows = list(csv.DictReader(log))
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for kind, colour in (("text", "tab:blue"), ("question", "tab:orange")):
        steps = [int(row["step"]) for row in rows if row["kind"] == kind]
        losses = [float(row["loss"]) for row in rows if row["kind"] == kind]
        if not steps:
            continue
        means = [
            sum(losses[max(0, end - _WINDOW_STEPS) : end]) / min(end, _WINDOW_STEPS)
            for end in range(1, len(losses) + 1)
        ]
        axes.plot(steps, losses, ".", color=colour, alpha=0.25)
        axes.plot(steps, means, color=colour, label=f"{kind}, mean of {_WINDOW_STEPS} steps")
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    if rows:
        axes.legend()
    picture = folder / "loss.png"
    figure.savefig(picture, dpi=120)
    return picture
