"""The `batch` command: a file of questions in, a file of answers out.

Reads its flags, shows progress on standard error and a summary on standard output. What is asked and how lives in
`reader.batching`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from reader.errors import ConfigError
from reader.shell.library import print_json
from storage import Store

if TYPE_CHECKING:  # torch and transformers take seconds to import
    from reader.batching import BatchProgress, Engine
    from reader.models import Model

console = Console(stderr=True, highlight=False)

_OF_RAY = ("workers", "address")


def add_batch_command(
    commands: Any,
    parents: Sequence[argparse.ArgumentParser],
    look_again: Callable[[str], str | int],
    load: Callable[[argparse.Namespace], Model],
    cache_folder: Callable[[], Path],
) -> None:
    """Add `batch` to the parser's commands; `load` makes the model that the flags name, `look_again` reads that flag."""
    batch = commands.add_parser("batch", parents=list(parents), help="answer a file of questions about any documents")
    batch.add_argument("questions", type=Path, metavar="QUESTIONS", help="JSON lines (also OpenAI batches) or CSV")
    batch.add_argument("--output", type=Path, required=True, metavar="FILE", help="JSON lines or CSV; gone on with")
    batch.add_argument("--document", metavar="FILE_OR_ID", help="what questions that name no document are about")
    batch.add_argument("--retry-errors", action="store_true", help="ask again what failed before")
    batch.add_argument(
        "--look-again",
        type=look_again,
        default="auto",
        metavar="off|auto|N",
        help="read passages that matter again, N tokens of them at most; default: when a question asks for detail",
    )
    batch.add_argument("--no-evidence", action="store_true", help="do not work out where answers come from")
    batch.add_argument("--batch-size", type=_count, metavar="N", help="questions answered together; default: 16")
    batch.add_argument("--engine", choices=("local", "ray"), default="local", help="where; default: in this process")
    batch.add_argument("--workers", type=_count, metavar="N", help="Ray: decoders; default: one a GPU, else a machine")
    batch.add_argument("--address", metavar="ADDRESS", help="Ray: a cluster that runs already; default: this machine")
    batch.set_defaults(run=_batch, load=load, cache_folder=cache_folder)


def _batch(options: argparse.Namespace) -> None:
    for name in _OF_RAY:
        if options.engine != "ray" and getattr(options, name) is not None:
            raise ConfigError(f"--{name} is of the Ray engine; add --engine ray.")
    with Store(options.library) as store:
        from reader.batching import batch

        engine = _LateEngine(options)
        with _bar() as show:
            summary = batch(
                options.questions,
                options.output,
                store,
                engine,
                document=options.document,
                retry_errors=options.retry_errors,
                progress=show,
            )
    if options.json:
        print_json({"output": str(options.output), **vars(summary)})
        return
    print(f"{summary.answered:,} of {summary.questions:,} questions answered now; {options.output} has them all.")
    if summary.errors:
        console.print(f"[yellow]{summary.errors:,} failed; their lines say why. --retry-errors asks them again.[/]")


class _LateEngine:
    """The engine that the flags name, whose decoder is loaded only when the questions are found to be in order."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    def answer(self, *arguments: Any) -> Iterator[Any]:
        return _engine(self._options).answer(*arguments)


def _engine(options: argparse.Namespace) -> Engine:
    from reader.batching import BATCH_SIZE, LocalEngine

    how = {
        "ratio": options.ratio,
        "look_again": options.look_again,
        "evidence": not options.no_evidence,
        "batch_size": options.batch_size or BATCH_SIZE,
    }
    if options.engine == "local":
        return LocalEngine(options.load(options), **how)
    from reader.batching import RayEngine
    from reader.models import DEFAULT_MODEL

    model = {
        "name": options.model or DEFAULT_MODEL,
        "plugin": options.plugin,
        "window": options.window,
        "horizon": options.horizon,
        "cache_folder": options.cache_folder().absolute(),
    }
    return RayEngine(model, how, workers=options.workers, address=options.address)


@contextmanager
def _bar() -> Iterator[Callable[[BatchProgress], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Checking the questions", total=None)

        def show(now: BatchProgress) -> None:
            failed = f" [yellow]({now.errors:,} failed)[/]" if now.errors else ""
            bar.update(task, description=escape(now.doing) + failed, total=now.questions, completed=now.done)

        yield show


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
