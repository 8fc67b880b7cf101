"""A task's report: the rows of a table, what did not fit and why, and every reply."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reader.models import Model

Progress = Callable[[str, float], None]
"""Called with a description of the current step and the fraction of the task that is done."""

Row = Mapping[str, Any]
"""One strategy's figures by name. Each task has its own figures, and every row has a strategy and a ratio."""


@dataclass(frozen=True)
class Skipped:
    """A strategy that was left out."""

    strategy: str
    ratio: int | None
    context: int
    """Tokens of the document."""
    reason: str


@dataclass(frozen=True)
class Report:
    """A task's results, with the decoder and the plug-in that it measured."""

    task: str
    model: str
    plugin: str
    """The fingerprint of the plug-in's weights."""
    dtype: str
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...] = ()
    replies: tuple[Row, ...] = ()
    """The reply to each question, with its score."""

    @classmethod
    def of(
        cls,
        task: str,
        model: Model,
        rows: Sequence[Row],
        skipped: Mapping[tuple[str, int | None, int], str] | None = None,
        replies: Sequence[Row] = (),
    ) -> Report:
        """The report of a task. `skipped` maps a strategy, ratio and number of tokens to the reason why it was left out."""
        left_out = [Skipped(*key, reason) for key, reason in (skipped or {}).items()]
        dtype = model.decoder.precision
        return cls(task, model.name, model.plugin_fingerprint, dtype, tuple(rows), tuple(left_out), tuple(replies))

    def as_json(self, *, has_replies: bool = True) -> dict[str, Any]:
        """The report as values for JSON."""
        fields: dict[str, Any] = dataclasses.asdict(self)
        if not has_replies:
            del fields["replies"]
        return fields

    def table(self, columns: Sequence[str]) -> str:
        """A Markdown table of those columns in which any row has a figure."""
        used = [column for column in columns if any(row.get(column) is not None for row in self.rows)]
        lines = [f"| {' | '.join(used)} |", f"|{' --- |' * len(used)}"]
        lines += [f"| {' | '.join(_cell(row.get(column)) for column in used)} |" for row in self.rows]
        return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
