"""The `fit` command: measures how many rows each layer of a decoder should keep, and saves a plug-in that keeps as many."""

from __future__ import annotations

import argparse
from pathlib import Path

from reader.settings import STATIC
from reader.shell import flags
from reader.shell.loading import load_model
from reader.shell.terminal import console, progress_bar

_TOKENS = 4096
"""Of the text. Shares from 1,536 tokens of a book differed from those of 3,072 by 0.015 at most."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `fit`."""
    parser.description = (
        "Measure how many rows each layer of a decoder should keep, in minutes and without training, and save a plug-in that "
        "keeps as many. A decoder that comes without these numbers is measured anyway when it is first loaded, on 1,024 tokens of "
        "the sample document. This command measures 4,096 tokens of a text that you choose; its plug-in serves several machines."
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="a folder for the plug-in")
    parser.add_argument(
        "--text", type=Path, default=STATIC / "sample.md", metavar="FILE", help="any text; default: the sample document"
    )
    flags.add_model_name(parser)
    flags.add_condenser(parser)
    flags.add_device(parser)
    flags.add_save_dtype(parser)
    parser.set_defaults(run=run, window=None, measures_shares=False)


def run(options: argparse.Namespace) -> None:
    """Measure the shares, and save the plug-in with them."""
    from reader.condensing import measure_shares
    from reader.documents import load
    from reader.models import PluginWeights

    text = load(options.text).text
    model = load_model(options)
    ids = model.encode(text)[0][:_TOKENS]
    with progress_bar("Measuring", has_time_left=True) as show:
        shares = measure_shares(model.plugin, model.opening, ids, progress=show)
    model.plugin.config = model.plugin.config.changed(layer_shares=shares)
    PluginWeights.of(model.decoder, model.plugin).save_pretrained(options.output, options.save_dtype)
    least, most = min(shares[2]), max(shares[2])
    console.print(f"At ratio 2, layers keep from {least:.0%} to {most:.0%} of their rows.", markup=False)
    console.print(f"Saved to {options.output}; read and ask with --plugin {options.output}.", markup=False)
