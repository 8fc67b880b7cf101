"""The `fit` command: measures how many rows each layer of a decoder should keep, fits what chooses them, and saves a plug-in."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from reader.settings import STATIC
from reader.shell import flags
from reader.shell.loading import load_model
from reader.shell.terminal import console, progress_bar

if TYPE_CHECKING:
    from reader.models import Model

_TOKENS = 4096
"""Of the text. Shares from 1,536 tokens of a book differed from those of 3,072 by 0.015 at most."""

_TEXTS = 120
_STAGES = {"ask": "Asking", "fit": "Fitting"}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `fit`."""
    parser.description = (
        "Measure how many rows each layer of a decoder should keep, in minutes and without training, and save a plug-in that "
        "keeps as many. A decoder that comes without these numbers is measured anyway when it is first loaded, on 1,024 tokens of "
        "the sample document. This command measures 4,096 tokens of a text that you choose; its plug-in serves several machines. "
        "With questions it also fits a scorer, which keeps the rows to which questions would attend: about 12 seconds for each "
        "text on one core with 0.5 billion parameters, and about 30 MB of disk until it is done. The same command continues an "
        "interrupted run."
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="a folder for the plug-in")
    parser.add_argument(
        "--text",
        type=flags.existing,
        metavar="FILE",
        help="any text; default: what the plug-in says, or the sample document",
    )
    parser.add_argument(
        "--questions",
        type=flags.existing,
        nargs="+",
        default=[],
        metavar="FILE",
        help=".jsonl[.gz]: context, question, answers; fit a scorer to the attention that they pay",
    )
    parser.add_argument(
        "--texts", type=flags.count, default=_TEXTS, metavar="N", help=f"texts to ask about; default: {_TEXTS}"
    )
    parser.add_argument("--seed", type=flags.number, default=0, metavar="N", help="seed of the texts; default: 0")
    flags.add_model_name(parser)
    flags.add_condenser(parser)
    flags.add_device(parser)
    flags.add_save_dtype(parser)
    parser.set_defaults(run=run, window=None, measures_shares=False)


def run(options: argparse.Namespace) -> None:
    """Measure the shares, fit the scorer, and save the plug-in with both."""
    from reader.models import PluginWeights

    model = load_model(options)
    plugin = model.plugin
    if options.text is not None or not plugin.config.layer_shares:
        plugin.config = plugin.config.changed(layer_shares=_shares(model, options.text or STATIC / "sample.md"))
        least, most = min(plugin.config.layer_shares[2]), max(plugin.config.layer_shares[2])
        console.print(f"At ratio 2, layers keep from {least:.0%} to {most:.0%} of their rows.", markup=False)
    if options.questions:
        _fit_scorer(model, options)
    PluginWeights.of(model.decoder, plugin).save_pretrained(options.output, options.save_dtype)
    console.print(f"Saved to {options.output}; read and ask with --plugin {options.output}.", markup=False)


def _shares(model: Model, text: Path) -> dict[int, tuple[float, ...]]:
    from reader.condensing import measure_shares
    from reader.documents import load

    ids = model.encode(load(text).text)[0][:_TOKENS]
    with progress_bar("Measuring", has_time_left=True) as show:
        return measure_shares(model.plugin, model.opening, ids, progress=show)


def _fit_scorer(model: Model, options: argparse.Namespace) -> None:
    from reader.corpora import load_questions
    from reader.training import fit_scorer

    questions = [question for file in options.questions for question in load_questions(file)]
    with progress_bar(_STAGES["ask"], has_time_left=True) as bar:

        def show(stage: str, done: int, total: int) -> None:
            bar(done, total, doing=_STAGES[stage])

        scorer, report = fit_scorer(
            model, questions, options.output / "texts", texts=options.texts, seed=options.seed, progress=show
        )
    model.plugin.rows = scorer
    console.print(
        f"{report.questions:,} questions. At ratio 8, texts that were held out keep {report.fitted:.0%} of the attention of "
        f"the best rows; evenly spaced rows keep {report.chance:.0%}.",
        markup=False,
    )
