"""The `merge` command: the mean of trained plug-ins, with the answer weights of one of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from reader.shell import flags
from reader.shell.terminal import console


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add what `merge` takes."""
    parser.description = (
        "Take the mean of plug-ins trained apart from the same beginning, which is often better than each."
    )
    parser.add_argument("plugins", nargs="+", metavar="PLUGIN", help="folders or Hugging Face names, the same settings")
    parser.add_argument(
        "--answers", metavar="PLUGIN", help="take the answer weights of this one; default: the mean, too"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="a folder for the weights")
    flags.add_save_dtype(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Merge the plug-ins and save what comes out."""
    from reader.models import PluginWeights

    first, *others = [PluginWeights.from_pretrained(name) for name in options.plugins]
    merged = first.mean(*others)
    if options.answers is not None:
        merged = merged.answering_as(PluginWeights.from_pretrained(options.answers))
    merged.save_pretrained(options.output, options.save_dtype)
    console.print(f"Saved to {options.output}.", markup=False)
