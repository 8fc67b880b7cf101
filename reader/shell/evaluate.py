"""The `evaluate` command: measures how much of a document a long-context method remembers.

Reads the flags of its tasks, shows progress on standard error, prints a table or JSON, and writes results into a folder.
`reader.evaluation` does the work.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from reader.errors import ConfigError
from reader.shell import flags
from reader.shell.loading import load_model
from reader.shell.terminal import console, print_json, progress_bar

if TYPE_CHECKING:
    from reader.evaluation import Report
    from reader.models import Model


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the tasks of `evaluate`."""
    tasks = parser.add_subparsers(required=True, metavar="TASK")
    _add_lm(tasks)
    for task, help_text, depths in (
        ("passkey", "five digits hidden in a long text", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("needle", "a fact hidden in a long text", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("topic", "the first topic of a long talk", [0.0]),
    ):
        _add_synthetic(tasks, task, help_text, depths)
    _add_qa(tasks)
    _add_longbench(tasks)


def _add_task(tasks: Any, name: str, run: Callable[[argparse.Namespace], None], help_text: str) -> Any:
    """Add a task with the flags that all tasks have."""
    task: argparse.ArgumentParser = tasks.add_parser(name, help=help_text)
    flags.add_json(task)
    task.add_argument(
        "--output", type=Path, metavar="DIR", help="write JSON, a Markdown table and plots to this folder"
    )
    flags.add_model_name(task)
    flags.add_condenser(task)
    task.add_argument("--window", type=flags.count, metavar="N", help="tokens per window; default: the plug-in's")
    flags.add_device(task)
    task.add_argument("--lengthened", metavar="NAME", help="a lengthened decoder (CREAM), as one more strategy")
    task.add_argument("--limit", type=flags.count, metavar="N", help="books or questions; default: all")
    task.add_argument(
        "--strategies", nargs="+", metavar="NAME", help="methods to compare; default: the task's own list"
    )
    task.set_defaults(run=run)
    return task


def _add_ratios(task: argparse.ArgumentParser) -> None:
    task.add_argument(
        "--ratio", type=flags.ratio, nargs="+", metavar="N|adapt", help="tokens per beacon; default: adapt"
    )


def _add_lm(tasks: Any) -> None:
    lm = _add_task(tasks, "lm", _lm, "next-token loss in the last window of whole books")
    lm.add_argument("--books", type=flags.existing, required=True, metavar="DIR|ARCHIVE", help="plain text books")
    lm.add_argument(
        "--context", type=flags.count, nargs="+", required=True, metavar="N", help="tokens, with the scored ones"
    )
    lm.add_argument(
        "--ratio", type=flags.number, nargs="+", default=[4], metavar="N", help="tokens per beacon; default: 4"
    )
    lm.add_argument(
        "--horizon",
        type=flags.count,
        nargs="+",
        metavar="N",
        help="newest slots to which a window attends; default: all",
    )
    lm.add_argument(
        "--full-tokens",
        type=flags.count,
        metavar="N",
        help="longest context for full attention; default: the decoder's positions",
    )
    lm.add_argument(
        "--same-target",
        action="store_true",
        help="let all contexts end with the same window, to compare their losses; needs one reading per context",
    )
    lm.add_argument(
        "--scored-windows",
        type=flags.count,
        default=1,
        metavar="N",
        help="score N windows: the context's last one and those after it; default: 1",
    )


def _add_synthetic(tasks: Any, task: str, help_text: str, depths: list[float]) -> None:
    hidden = _add_task(tasks, task, _synthetic, help_text)
    hidden.add_argument(
        "--books", type=flags.existing, metavar="DIR|ARCHIVE", help="texts to hide it in; default: filler sentences"
    )
    hidden.add_argument(
        "--context",
        type=flags.count,
        nargs="+",
        default=[2048, 4096, 8192],
        metavar="N",
        help="lengths of the texts in tokens",
    )
    hidden.add_argument("--depth", type=float, nargs="+", default=depths, metavar="D", help="depths, from 0 to 1")
    hidden.add_argument(
        "--ratio", type=flags.number, nargs="+", default=[8], metavar="N", help="tokens per beacon; default: 8"
    )
    hidden.add_argument("--seed", type=int, default=0, metavar="N", help="seed for keys and fillers; default: 0")
    hidden.set_defaults(task=task)


def _add_qa(tasks: Any) -> None:
    qa = _add_task(tasks, "qa", _qa, "questions whose passages are hidden in books")
    _add_ratios(qa)
    qa.add_argument("--questions", type=flags.existing, required=True, metavar="FILE", help=".jsonl or .jsonl.gz")
    qa.add_argument("--books", type=flags.existing, required=True, metavar="DIR|ARCHIVE", help="plain text books")
    qa.add_argument(
        "--book-tokens",
        type=flags.count,
        nargs=2,
        default=[50_000, 200_000],
        metavar=("MIN", "MAX"),
        help="least and greatest length of the books; longer books are cut; default: 50000 200000",
    )
    qa.add_argument(
        "--per-book", type=flags.count, default=20, metavar="N", help="passages hidden in one book; default: 20"
    )
    qa.add_argument("--seed", type=int, default=0, metavar="N", help="seed for questions and places; default: 0")


def _add_longbench(tasks: Any) -> None:
    longbench = _add_task(tasks, "longbench", _longbench, "LongBench, InfiniteBench and L-Eval files")
    _add_ratios(longbench)
    longbench.add_argument(
        "--questions", type=flags.existing, nargs="+", required=True, metavar="FILE", help=".jsonl or .jsonl.gz"
    )


def _lm(options: argparse.Namespace) -> None:
    from reader.corpora import load_books
    from reader.evaluation import LM_STRATEGIES, LmSettings, evaluate_lm

    settings = LmSettings(
        options.context,
        options.ratio,
        horizons=options.horizon or [None],
        full_tokens=options.full_tokens,
        limit=options.limit,
        same_target=options.same_target,
        scored_windows=options.scored_windows,
    )
    books = load_books(options.books)
    model, lengthened = _models(options)
    with _progress() as progress:
        report = evaluate_lm(
            model,
            books,
            settings,
            strategies=_strategies(options, LM_STRATEGIES),
            lengthened=lengthened,
            progress=progress,
        )
    columns = [
        "strategy",
        "ratio",
        "horizon",
        "context",
        "loss",
        "perplexity",
        "median",
        "worst",
        "gap_closed",
        "remembered",
        "books",
        "worse_than_none",
    ]
    _show(report, columns, options)


def _synthetic(options: argparse.Namespace) -> None:
    from reader.corpora import load_books
    from reader.evaluation import SYNTHETIC_STRATEGIES, SyntheticSettings, evaluate_synthetic

    settings = SyntheticSettings(
        options.task, options.context, options.depth, options.ratio, repeats=options.limit or 1, seed=options.seed
    )
    books = load_books(options.books) if options.books is not None else []
    model, lengthened = _models(options)
    with _progress() as progress:
        report = evaluate_synthetic(
            model,
            settings,
            books,
            strategies=_strategies(options, SYNTHETIC_STRATEGIES),
            lengthened=lengthened,
            progress=progress,
        )
    # The table is a heat map, too: it has a column for each depth.
    rows = [
        {**row, **{f"{float(depth):.0%}": score for depth, score in row["by_depth"].items()}} for row in report.rows
    ]
    report = replace(report, rows=tuple(rows))
    columns = ["strategy", "ratio", "length", "score", *(f"{depth:.0%}" for depth in options.depth)]
    _show(report, columns, options)


def _qa(options: argparse.Namespace) -> None:
    from reader.corpora import load_books, load_questions
    from reader.evaluation import QA_STRATEGIES, QaSettings, evaluate_qa

    settings = QaSettings(
        options.ratio or [None],
        options.limit,
        book_tokens=(options.book_tokens[0], options.book_tokens[1]),
        per_book=options.per_book,
        seed=options.seed,
    )
    questions, books = load_questions(options.questions), load_books(options.books)
    model, _ = _models(options)
    with _progress() as progress:
        report = evaluate_qa(
            model, questions, books, settings, strategies=_strategies(options, QA_STRATEGIES), progress=progress
        )
    columns = [
        "strategy",
        "ratio",
        "book_tokens",
        "questions",
        "f1",
        "of_gold",
        "exact_match",
        "rougeL",
        "page_recall_at_3",
        "answerable_f1",
        "unanswerable_f1",
    ]
    _show(report, columns, options)


def _longbench(options: argparse.Namespace) -> None:
    from reader.corpora import load_questions
    from reader.evaluation import LONGBENCH_STRATEGIES, evaluate_longbench

    questions = [question for file in options.questions for question in load_questions(file)]
    model, lengthened = _models(options)
    with _progress() as progress:
        report = evaluate_longbench(
            model,
            questions,
            ratios=options.ratio or [None],
            strategies=_strategies(options, LONGBENCH_STRATEGIES),
            lengthened=lengthened,
            limit=options.limit,
            progress=progress,
        )
    columns = ["dataset", "strategy", "ratio", "metric", "score", "questions", "truncated"]
    _show(report, columns, options)


def _strategies(options: argparse.Namespace, usual: Sequence[str]) -> Sequence[str]:
    if options.strategies:
        return list(options.strategies)
    return usual if options.lengthened is None else (*usual, "lengthened")


def _models(options: argparse.Namespace) -> tuple[Model, Model | None]:
    """The model that the flags name, and the lengthened decoder if there is one. Fails at once if results cannot be written."""
    if options.output is not None:
        try:
            options.output.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=options.output).close()
        except OSError as error:
            raise ConfigError(
                f"Results cannot be written to {str(options.output)!r} ({error.strerror}); give --output another folder."
            ) from error
    # In evaluation the horizon is a setting of the strategy, not of the model.
    usual = argparse.Namespace(**vars(options) | {"horizon": None})
    model: Model = load_model(usual)
    if options.lengthened is None:
        return model, None
    return model, load_model(
        argparse.Namespace(**vars(usual) | {"model": options.lengthened, "plugin": None, "condenser": None})
    )


def _show(report: Report, columns: Sequence[str], options: argparse.Namespace) -> None:
    """Print a report as JSON or as a table, and write it into the output folder."""
    table = report.table(columns)
    if options.output is not None:
        from reader.evaluation import plot

        as_json = json.dumps(report.as_json(), indent=2)
        (options.output / f"{report.task}.json").write_text(as_json + "\n", encoding="utf-8")
        (options.output / f"{report.task}.md").write_text(table + "\n", encoding="utf-8")
        for file in plot(report, options.output):
            console.print(f"[dim]{escape(str(file))}[/]")
    if options.json:
        print_json(report.as_json(has_replies=False))
        return
    print(table)
    for one in report.skipped:
        ratio = "" if one.ratio is None else f" at ratio {one.ratio}"
        print(f"{one.strategy}{ratio}, {one.context:,} tokens: {one.reason}.")


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    with progress_bar("Evaluating", 1.0, has_time_left=True) as show:
        yield lambda doing, fraction: show(fraction, doing=doing, note=f"{fraction:.0%}")
