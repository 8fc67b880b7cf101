"""The `train` command: trains a plug-in, its answer weights, or a longer decoder on books and questions.

Reads flags, shows progress and plots the loss. `reader.training` does the work.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reader.settings import cache_folder
from reader.shell import flags
from reader.shell.terminal import console, progress_bar
from reader.training import LENGTHENING_METHODS, LengtheningSettings, PluginSettings, TrainingConfig

if TYPE_CHECKING:
    from reader.training import TrainingProgress

Settings = TypeVar("Settings", PluginSettings, LengtheningSettings, TrainingConfig)

_METHODS = {
    "beacon": "the plug-in's beacon weights",
    "answers": "answer weights: low-rank weights, active only while the decoder answers after a memory",
    "both": "the beacon weights and the answer weights together",
    "cream": "the decoder, lengthened by CREAM",
    "pose": "the decoder, lengthened by PoSE",
    "longrecipe": "the decoder, lengthened by LongRecipe",
}
_RUN = {
    "steps": "updates of the weights",
    "batch": "samples per update, over all processes",
    "learning_rate": "AdamW's peak rate",
    "warmup_steps": "updates before the peak rate",
    "weight_decay": "AdamW's weight decay",
    "max_gradient_norm": "larger gradients are scaled down to this norm",
    "seed": "seed for the samples, their ratios and their order",
    "checkpoint_every": "updates between two checkpoints",
}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `train`."""
    parser.description = "Train on plain text books and questions; the same command continues an interrupted run."
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="a folder for the weights, the log and the checkpoint"
    )
    parser.add_argument(
        "--method",
        choices=_METHODS,
        default="beacon",
        help="; ".join(f"{name}: {learns}" for name, learns in _METHODS.items()),
    )
    flags.add_model_name(parser)
    flags.add_device(parser)
    flags.add_save_dtype(parser)
    _add_plugin_flags(parser.add_argument_group("the plug-in"))
    _add_sample_flags(parser.add_argument_group("training data"))
    run_flags = parser.add_argument_group("the run")
    for field in fields(TrainingConfig):
        kind, metavar = (float, "X") if isinstance(field.default, float) else (int, "N")
        flag = f"--{field.name.replace('_', '-')}"
        words = f"{_RUN[field.name]}; default: {field.default}"
        run_flags.add_argument(flag, type=kind, default=field.default, metavar=metavar, help=words)
    parser.set_defaults(run=run)


def _add_plugin_flags(group: argparse._ArgumentGroup) -> None:
    usual = PluginSettings
    add = group.add_argument
    add(
        "--plugin",
        type=flags.plugin,
        metavar="NAME",
        help="start from this plug-in's weights; default: the decoder's own projections",
    )
    add("--window", type=flags.count, metavar="N", help="tokens per window; default: 512, or the plug-in's")
    add(
        "--windows",
        type=flags.count,
        nargs="+",
        default=[],
        metavar="N",
        help="windows to draw from; default: --window",
    )
    add(
        "--ratios",
        type=flags.number,
        nargs="+",
        metavar="N",
        help="ratios to draw from for each window; default: 2 4 8 16 32 64",
    )
    add(
        "--rank",
        type=flags.count,
        metavar="N",
        help="rank of the projections (of the differences, for cream, pose and longrecipe); default: full",
    )
    add(
        "--answer-rank",
        type=flags.count,
        default=usual.answer_rank,
        metavar="N",
        help=f"rank of the answer weights; default: {usual.answer_rank}",
    )
    add(
        "--embedding-from",
        metavar="TOKEN",
        default=usual.embedding_from,
        help="initial embedding of a new plug-in's beacons: eos or bos (the paper), or last, the last token that they condense; "
        "default: last",
    )
    add(
        "--intervals",
        metavar="KIND",
        help="intervals that beacons condense: even (the paper's) or figures (a beacon after each digit); "
        "default: the plug-in's, or figures",
    )
    add("--loss", default=usual.loss, help=f"next-token, distillation or both; default: {usual.loss}")
    add("--recompute", action="store_true", help="keep one window's activations at a time: slower, less memory")
    add(
        "--target-tokens",
        type=flags.count,
        default=LengtheningSettings.target_tokens,
        metavar="N",
        help=f"the new context, for cream, pose and longrecipe; default: {LengtheningSettings.target_tokens}",
    )


def _add_sample_flags(group: argparse._ArgumentGroup) -> None:
    usual = PluginSettings
    add = group.add_argument
    add("--books", type=flags.existing, nargs="+", required=True, metavar="DIR|ARCHIVE", help="plain text books")
    add(
        "--questions",
        type=flags.existing,
        nargs="*",
        default=[],
        metavar="FILE",
        help=".jsonl[.gz]: context, question, answers",
    )
    add(
        "--excerpt-tokens",
        type=flags.count,
        nargs="+",
        default=list(usual.excerpt_tokens),
        metavar="N",
        help=f"lengths to draw from; default: {' '.join(map(str, usual.excerpt_tokens))}",
    )
    add(
        "--question-share", type=float, metavar="X", help="share of samples with questions; default: 0.2, for answers 1"
    )
    for name, words in (
        ("recall_share", "share of questions on made-up numbers"),
        ("unanswerable_share", "share of unanswerable questions"),
        ("alone_share", "share of questions whose passage is the whole document"),
    ):
        share: float = getattr(usual, name)
        flag = f"--{name.replace('_', '-')}"
        add(flag, type=float, default=share, metavar="X", help=f"{words}; default: {share}")
    add(
        "--long-text-tokens",
        type=flags.number,
        default=usual.long_text_tokens,
        metavar="N",
        help="for answers: read three texts of N tokens first, and look at passages again after their memories; default: 0",
    )


def run(options: argparse.Namespace) -> None:
    """Train, or continue the run in the output folder, and plot its losses."""
    import torch

    from reader.training import lengthening_recipe, plot_losses, plugin_recipe, train

    config = _settings(TrainingConfig, options)
    torch.manual_seed(config.seed)
    if options.method in LENGTHENING_METHODS:
        recipe = lengthening_recipe(_settings(LengtheningSettings, options), cache_folder())
    else:
        recipe = plugin_recipe(_settings(PluginSettings, options), config.seed, cache_folder())
    # A run continues only with the settings of its start, except for these.
    free = {"run", "output", "device", *vars(config)}
    settings = {name: value for name, value in sorted(vars(options).items()) if name not in free}
    with progress_bar("Training", config.steps, stays=True) as bar:

        def show(now: TrainingProgress) -> None:
            minutes, seconds = divmod(int(now.seconds_left), 60)
            parts = " ".join(f"{part:.2f}" for part in now.parts)
            bar(
                now.step,
                note=f"{now.step:,}/{now.steps:,} loss {now.loss:.3f} ({parts}), {now.tokens_per_second:,.0f} tokens/s, "
                f"{minutes}:{seconds:02} left",
            )

        train(
            recipe.objective,
            recipe.draw_sample,
            config,
            options.output,
            save=recipe.save,
            settings=settings,
            progress=show,
        )
    picture = plot_losses(options.output)
    console.print(f"Saved to {options.output}; {picture.name} shows the losses.", markup=False)


def _settings(kind: type[Settings], options: argparse.Namespace) -> Settings:
    """The settings, from the flags of the same names."""
    values: dict[str, Any] = {}
    for field in fields(kind):
        value = getattr(options, field.name)
        values[field.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)
