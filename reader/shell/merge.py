"""The `merge` command: averages trained plug-ins, and takes the answer weights of one of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from reader.shell import flags
from reader.shell.terminal import console


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `merge`."""
    parser.description = (
        "Average plug-ins that were trained separately from the same weights; the average is often better than each."
    )
    parser.add_argument(
        "plugins",
        type=flags.plugin,
        nargs="+",
        metavar="PLUGIN",
        help="folders or Hugging Face names with the same settings",
    )
    parser.add_argument(
        "--answers",
        type=flags.plugin,
        metavar="PLUGIN",
        help="take the answer weights of this plug-in; default: average them, too",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="a folder for the weights")
    flags.add_save_dtype(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Merge the plug-ins and save the result."""
    from reader.models import PluginWeights

    first, *others = [PluginWeights.from_pretrained(name) for name in options.plugins]
    merged = first.mean(*others)
    if options.answers is not None:
        merged = merged.answering_as(PluginWeights.from_pretrained(options.answers))
    merged.save_pretrained(options.output, options.save_dtype)
    console.print(f"Saved to {options.output}.", markup=False)
