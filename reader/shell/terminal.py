"""Output of all commands: one console, one kind of progress bar, one way to print JSON, tables and errors.

Progress, warnings and errors go to standard error, results to standard output.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from reader.errors import ContextOverflow

_TABLE_WIDTH = 1000
"""Of tables that no terminal shows: nothing is cut."""

console = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())

PROGRAM = "python -m reader" if Path(sys.argv[0]).name == "__main__.py" else "beacon-reader"
"""The program's name, as the user typed it."""


class Show(Protocol):
    """Moves a progress bar."""

    def __call__(
        self, completed: float, total: float | None = None, *, doing: str | None = None, note: str | None = None
    ) -> None:
        """Show how much of the total is completed; `doing` replaces the text before the bar, `note` the text after it."""


@contextmanager
def progress_bar(
    doing: str, total: float | None = None, *, has_time_left: bool = False, stays: bool = False
) -> Iterator[Show]:
    """Show a bar until the block ends, on a terminal only; yield the function that moves it.

    Args:
        doing: the text before the bar.
        total: the value of a full bar; None: not known yet.
        has_time_left: whether to add the time left, extrapolated from the bar's own speed.
        stays: whether the full bar stays on the screen.
    """
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    ]
    if has_time_left:
        columns.append(TimeRemainingColumn())
    with Progress(*columns, console=console, transient=not stays, disable=not console.is_terminal) as progress:
        task = progress.add_task(doing, total=total, note="")

        def show(
            completed: float, total: float | None = None, *, doing: str | None = None, note: str | None = None
        ) -> None:
            fields: dict[str, Any] = {} if note is None else {"note": note}
            progress.update(task, completed=completed, total=total, description=doing, **fields)

        yield show


def print_json(fields: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(fields, ensure_ascii=not is_utf8))


def print_table(table: Table) -> None:
    """Print a table to standard output, with uncoloured numbers."""
    Console(highlight=False, width=None if sys.stdout.isatty() else _TABLE_WIDTH).print(table)


def print_error(message: object) -> None:
    """Print an error, and the flag that helps if there is one."""
    ratio = message.fitting_ratio if isinstance(message, ContextOverflow) else None
    flag = "" if ratio is None else f" Give --ratio {ratio}."
    console.print(f"[bold red]Error:[/] {escape(str(message))}{flag}", soft_wrap=True)


def print_warning(message: object) -> None:
    """Print a warning of one sentence."""
    console.print(f"[yellow]{escape(str(message))}[/]")
