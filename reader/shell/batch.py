"""The `batch` command: answers a file of questions and writes a file of answers.

Reads the flags, shows progress on standard error and prints a summary to standard output. `reader.batching` does the work.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reader.errors import ConfigError
from reader.settings import cache_folder, dtype_name
from reader.shell import flags
from reader.shell.loading import load_document, load_model, model_of
from reader.shell.terminal import print_json, print_warning, progress_bar
from reader.wording import counted
from storage import Store

if TYPE_CHECKING:  # torch and transformers take seconds to import
    from reader.batching import BatchProgress, Engine

_OF_RAY = ("workers", "address")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `batch`."""
    flags.add_library(parser)
    flags.add_model(parser)
    add = parser.add_argument
    add("questions", type=Path, metavar="QUESTIONS", help="JSON lines (also OpenAI batches) or CSV")
    add("--output", type=Path, required=True, metavar="FILE", help="JSON lines or CSV; a second run continues the file")
    add(
        "--document",
        metavar="FILE_OR_ID",
        help="the document of questions that name none: a file, its web address, or an id or title",
    )
    add("--retry-errors", action="store_true", help="ask failed questions again")
    flags.add_ocr(parser)
    flags.add_answering(parser)
    add("--batch-size", type=flags.count, metavar="N", help="questions answered together; default: 16")
    add("--engine", choices=("local", "ray"), default="local", help="where to run; default: in this process")
    add("--workers", type=flags.count, metavar="N", help="Ray: decoders; default: one per GPU, else per machine")
    add("--address", metavar="ADDRESS", help="Ray: a running cluster; default: this machine")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Answer the questions that have no answer in the output file yet."""
    from reader.batching import batch

    for name in _OF_RAY:
        if options.engine != "ray" and getattr(options, name) is not None:
            raise ConfigError(f"--{name} is a flag of the Ray engine; add --engine ray.")
    with Store(options.library) as store, _batch_bar() as show:
        summary = batch(
            options.questions,
            options.output,
            store,
            lambda: _engine(options),
            document=options.document,
            retry_errors=options.retry_errors,
            progress=show,
            open_document=lambda source: load_document(source, ocr=options.ocr, asks_password=False),
        )
    if options.json:
        print_json({"output": str(options.output), **vars(summary)})
        return
    print(
        f"{counted(summary.answered, 'question', of=summary.questions)} answered now; {options.output} has all answers."
    )
    if summary.errors:
        print_warning(f"{summary.errors:,} failed; the file says why. --retry-errors asks again.")


def _engine(options: argparse.Namespace) -> Engine:
    from reader.batching import BATCH_SIZE, LocalEngine, RayEngine

    how = {
        "ratio": options.ratio,
        "look_again": options.look_again,
        "evidence": not options.no_evidence,
        "batch_size": options.batch_size or BATCH_SIZE,
    }
    if options.engine == "local":
        return LocalEngine(load_model(options), **how)
    model = {
        "name": model_of(options),
        "plugin": options.plugin,
        "condenser": options.condenser,
        "window": options.window,
        "horizon": options.horizon,
        "dtype": options.dtype or dtype_name(),
        "cache_folder": cache_folder().absolute(),
    }
    return RayEngine(model, how, workers=options.workers, address=options.address)


@contextmanager
def _batch_bar() -> Iterator[Callable[[BatchProgress], None]]:
    with progress_bar("Checking the questions", has_time_left=True) as bar:

        def show(now: BatchProgress) -> None:
            failed = f", {now.errors:,} failed" if now.errors else ""
            bar(now.done, now.questions, doing=now.doing, note=f"{now.done:,}/{now.questions:,}{failed}")

        yield show
