"""Plots reports as PNG files: losses by context and by position, heat maps by length and depth, bars of scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reader.evaluation.report import Report, Row


def plot(report: Report, folder: Path) -> list[Path]:
    """Write the plots of a task's report into a folder; return their files."""
    rows = report.rows
    if not rows:
        return []
    task = report.task
    if task == "lm":
        longest = max(row["context"] for row in rows)
        return [
            _save(folder / "lm-by-context.png", lambda axes: _by_context(axes, rows)),
            _save(folder / "lm-by-position.png", lambda axes: _by_position(axes, rows, longest)),
        ]
    if all("by_depth" in row for row in rows):
        lines = list(dict.fromkeys(map(_label, rows)))
        return [
            _save(
                folder / f"{task}-{_file_name(label)}.png", _heat(label, [row for row in rows if _label(row) == label])
            )
            for label in lines
        ]
    return [_save(folder / f"{task}.png", lambda axes: _bars(axes, rows))]


def _save(file: Path, draw: Callable[[Axes], None]) -> Path:
    # Not pyplot, which needs a display and global state.
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    draw(figure.subplots())
    figure.savefig(file, dpi=120)
    return file


def _label(row: Row) -> str:
    parts = [str(row["strategy"])]
    if row.get("ratio") is not None:
        parts.append(f"ratio {row['ratio']}")
    if row.get("horizon") is not None:
        parts.append(f"horizon {row['horizon']}")
    return ", ".join(parts)


def _file_name(label: str) -> str:
    return label.replace(", ", "-").replace(" ", "-")


def _by_context(axes: Axes, rows: Sequence[Row]) -> None:
    for label in dict.fromkeys(map(_label, rows)):
        own = [row for row in rows if _label(row) == label]
        axes.plot([row["context"] for row in own], [row["loss"] for row in own], marker="o", label=label)
    axes.set(xscale="log", xlabel="context in tokens", ylabel="loss in the last window")
    contexts = sorted({row["context"] for row in rows})
    axes.set_xticks(contexts, [f"{context:,}" for context in contexts])
    axes.minorticks_off()
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)


def _by_position(axes: Axes, rows: Sequence[Row], context: int) -> None:
    for row in rows:
        if row["context"] == context:
            losses = row["by_position"]
            width = row["window"] / len(losses)
            axes.plot([width * (part + 0.5) for part in range(len(losses))], losses, marker="o", label=_label(row))
    axes.set(xlabel=f"position in the last window of {context:,} tokens", ylabel="loss")
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)


def _heat(label: str, rows: Sequence[Row]) -> Callable[[Axes], None]:
    def draw(axes: Axes) -> None:
        lengths = [row["length"] for row in rows]
        depths = sorted({float(depth) for row in rows for depth in row["by_depth"]})
        scores = [[row["by_depth"].get(str(depth), float("nan")) for row in rows] for depth in depths]
        image = axes.imshow(scores, vmin=0, vmax=1, cmap="YlGn", aspect="auto")
        axes.set_xticks(range(len(lengths)), [f"{length:,}" for length in lengths])
        axes.set_yticks(range(len(depths)), [f"{depth:.0%}" for depth in depths])
        axes.set(xlabel="length in tokens", ylabel="depth", title=label)
        for row, own in enumerate(scores):
            for column, score in enumerate(own):
                axes.text(column, row, f"{score:.2f}", ha="center", va="center", fontsize="small")
        assert axes.figure is not None
        axes.figure.colorbar(image, ax=axes)

    return draw


def _bars(axes: Axes, rows: Sequence[Row]) -> None:
    names = [f"{_label(row)} {row.get('dataset', '')}".strip() for row in rows]
    scores = [row["score"] if "score" in row else row["f1"] for row in rows]
    axes.barh(names, scores)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="score" if "score" in rows[0] else "F1")
    for number, score in enumerate(scores):
        axes.text(score, number, f" {score:.3f}", va="center", fontsize="small")
