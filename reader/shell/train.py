"""The `train` command: a plug-in, its answer weights, or a longer decoder, from books and questions; and `merge` of plug-ins.

Reads flags, shows progress, draws the loss. How training goes is in `reader/training`.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from reader.errors import ConfigError

if TYPE_CHECKING:
    from reader.training import TrainingProgress

console = Console(stderr=True, highlight=False)

_LONG_TEXTS = 3

METHODS = {
    "beacon": "the plug-in's weights that condense",
    "answers": "low-rank weights that the decoder has only while it answers behind a memory",
    "both": "the plug-in's weights and the answer weights together",
    "cream": "the decoder, lengthened by CREAM",
    "pose": "the decoder, lengthened by PoSE",
}


def add_train_commands(commands: Any, cache_folder: Callable[[], Path]) -> None:
    """Add `train` and `merge` to the parser's commands; `cache_folder` says where decoders are kept."""
    train = commands.add_parser(
        "train",
        help="train the plug-in, its answer weights, or a longer decoder",
        description="Train from plain text books and questions; the same command again goes on where a run ended.",
    )
    add = train.add_argument
    add(
        "--output", type=Path, required=True, metavar="DIR", help="a folder for the weights, the log and the checkpoint"
    )
    add("--books", type=Path, nargs="+", required=True, metavar="DIR|ARCHIVE", help="plain text books")
    add("--questions", type=Path, nargs="*", default=[], metavar="FILE", help=".jsonl[.gz]: context, question, answers")
    add(
        "--method",
        choices=METHODS,
        default="beacon",
        help="; ".join(f"{name}: {told}" for name, told in METHODS.items()),
    )
    add("--model", metavar="NAME", help="a Hugging Face name or a folder; default: the bundled decoder")
    add("--plugin", metavar="NAME", help="begin with this plug-in's weights; default: the decoder's own projections")
    add("--device", metavar="NAME", help="cpu or a GPU; default: a GPU where there is one")
    add(
        "--dtype",
        metavar="TYPE",
        help="the frozen decoder's: bfloat16, float32; default: bfloat16 on a GPU, else float32",
    )
    add("--window", type=int, default=None, metavar="N", help="tokens read at once; default: 512, or the plug-in's")
    add(
        "--rank", type=int, metavar="N", help="low-rank projections (or differences, for cream and pose); default: full"
    )
    add(
        "--embedding-from",
        metavar="TOKEN",
        default="last",
        help="what a new plug-in's beacons start as: eos or bos (the paper), or last, the last token that they condense; "
        "default: last",
    )
    add(
        "--intervals",
        metavar="KIND",
        help="what a beacon condenses: even (the paper's) or figures (one behind each digit); default: the plug-in's, or figures",
    )
    add(
        "--windows",
        type=int,
        nargs="+",
        default=[],
        metavar="N",
        help="draw from these while training; default: --window",
    )
    add("--answer-rank", type=int, default=12, metavar="N", help="of the answer weights; default: 12")
    add("--ratios", type=int, nargs="+", metavar="N", help="drawn for each window; default: 2 4 8 16 32 64")
    add("--loss", default="distillation", help="next-token, distillation or both; default: distillation")
    add("--excerpt-tokens", type=int, nargs="+", default=[2048], metavar="N", help="lengths drawn; default: 2048")
    add(
        "--target-tokens",
        type=int,
        default=32768,
        metavar="N",
        help="the new context, for cream and pose; default: 32768",
    )
    add("--question-share", type=float, default=None, metavar="X", help="of the samples; default: 0.2, for answers 1")
    add(
        "--recall-share", type=float, default=0.3, metavar="X", help="made-up numbers among the questions; default: 0.3"
    )
    add(
        "--unanswerable-share",
        type=float,
        default=0.3,
        metavar="X",
        help="questions whose passage does not say; default: 0.3",
    )
    add(
        "--alone-share",
        type=float,
        default=0.5,
        metavar="X",
        help="questions with nothing but their passage; default: 0.5",
    )
    add(
        "--long-text-tokens",
        type=int,
        default=0,
        metavar="N",
        help="for answers: read three texts of so many tokens first, and look at passages again behind their memories; default: 0",
    )
    _add_save_dtype(train)
    add("--recompute", action="store_true", help="keep one window's activations at a time: slower, in less memory")
    from reader.training import TrainingConfig

    for field in fields(TrainingConfig):
        kind = float if isinstance(field.default, float) else int
        flag = f"--{field.name.replace('_', '-')}"
        add(
            flag,
            type=kind,
            default=field.default,
            metavar="X" if kind is float else "N",
            help=f"default: {field.default}",
        )
    train.set_defaults(run=_train, cache_folder=cache_folder)

    merge = commands.add_parser(
        "merge",
        help="the mean of trained plug-ins, with answer weights of one of them",
        description="Take the mean of plug-ins trained apart from the same beginning, which is often better than each.",
    )
    merge.add_argument("plugins", nargs="+", metavar="PLUGIN", help="folders or Hugging Face names, the same settings")
    merge.add_argument(
        "--answers", metavar="PLUGIN", help="take the answer weights of this one; default: the mean, too"
    )
    merge.add_argument("--output", type=Path, required=True, metavar="DIR", help="a folder for the weights")
    _add_save_dtype(merge)
    merge.set_defaults(run=_merge)


def _add_save_dtype(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--save-dtype",
        choices=("model", "int8"),
        default="model",
        help="of the plug-in's file; int8 takes half of bfloat16",
    )


def _merge(options: argparse.Namespace) -> None:
    from reader.models import PluginWeights

    first, *others = [PluginWeights.from_pretrained(name) for name in options.plugins]
    merged = first.mean(*others)
    if options.answers is not None:
        merged = merged.answering_as(PluginWeights.from_pretrained(options.answers))
    merged.save_pretrained(options.output, options.save_dtype)
    console.print(f"Saved to {options.output}.")


def _train(options: argparse.Namespace) -> None:
    import torch

    from reader.training import TrainingConfig, plot_losses, train

    config = TrainingConfig(**{field.name: getattr(options, field.name) for field in fields(TrainingConfig)})
    torch.manual_seed(config.seed)
    objective, draw_sample, save = _lengthening(options) if options.method in ("cream", "pose") else _plugin(options)
    told = {
        name: value
        for name, value in sorted(vars(options).items())
        if name not in {"run", "cache_folder", "output", "device", "library", *vars(config)}
    }
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Training", total=config.steps, told="")

        def show(now: TrainingProgress) -> None:
            minutes, seconds = divmod(int(now.seconds_left), 60)
            parts = " ".join(f"{part:.2f}" for part in now.parts)
            line = f"loss {now.loss:.3f} ({parts}), {now.tokens_per_second:,.0f} tokens/s, {minutes}:{seconds:02} left"
            bar.update(task, completed=now.step, told=line)

        train(objective, draw_sample, config, options.output, save=save, settings=told, progress=show)
    picture = plot_losses(options.output)
    console.print(f"Saved to {options.output}; the losses are drawn in {picture.name}.")


def _plugin(options: argparse.Namespace) -> tuple[Any, Any, Any]:
    from reader.beacon import BeaconConfig, BeaconPlugin
    from reader.models import DEFAULT_MODEL, Model, PluginWeights, load_decoder
    from reader.training import BeaconObjective, Books, Mixture, read_questions

    decoder = load_decoder(
        options.model or DEFAULT_MODEL, cache_folder=options.cache_folder(), device=options.device, dtype=options.dtype
    )
    answering = options.method in ("answers", "both")
    ratios = tuple(options.ratios or (2, 4, 8, 16, 32, 64))
    if options.plugin is not None:
        weights = PluginWeights.from_pretrained(options.plugin)
        changes: dict[str, Any] = {"window": options.window} if options.window else {}
        if options.intervals:
            changes["intervals"] = options.intervals
        if answering and weights.config.answer_rank is None:
            changes["answer_rank"] = options.answer_rank
        plugin = weights.onto(decoder, **changes)
    else:
        window = options.window or 512
        config = BeaconConfig(
            window=window,
            rank=options.rank,
            answer_rank=options.answer_rank if answering else None,
            embedding_from=options.embedding_from,
            intervals=options.intervals or "figures",
            ratios=tuple(ratio for ratio in sorted({*ratios}) if window % ratio == 0) or (1,),
        )
        plugin = BeaconPlugin(decoder.model, config, decoder.is_figure)
    model = Model(decoder, plugin, "training", False)
    books = Books(options.books)
    chance = random.Random(f"{options.seed} long texts")
    long_texts = [
        books.excerpt(options.long_text_tokens, lambda text: model.encode(text)[0], chance)
        for _ in range(_LONG_TEXTS if options.long_text_tokens else 0)
    ]
    objective = BeaconObjective(
        model,
        ratios=[ratio for ratio in ratios if ratio in plugin.config.ratios],
        windows=options.windows,
        loss=options.loss,
        recompute=options.recompute,
        train_reading=options.method != "answers",
        train_answering=answering,
        long_texts=long_texts,
    )
    share = options.question_share
    mixture = Mixture(
        model,
        books,
        [question for file in options.questions for question in read_questions(file)],
        tuple(options.excerpt_tokens),
        (1.0 if options.method == "answers" else 0.2) if share is None else share,
        options.unanswerable_share,
        options.recall_share,
        options.alone_share,
        again_share=0.8 if answering else 0.0,
        behind_share=0.9 if long_texts else 0.0,
    )
    return objective, mixture.draw, lambda folder: PluginWeights.of(model).save_pretrained(folder, options.save_dtype)


def _lengthening(options: argparse.Namespace) -> tuple[Any, Any, Any]:
    from reader.models import DEFAULT_MODEL, load_model
    from reader.training import Books, Mixture, PositionsObjective

    if options.target_tokens < 2 * max(options.excerpt_tokens):
        raise ConfigError(
            f"--target-tokens {options.target_tokens:,} is less than twice --excerpt-tokens {max(options.excerpt_tokens):,}."
        )
    model = load_model(
        options.model or DEFAULT_MODEL, cache_folder=options.cache_folder(), device=options.device, dtype=options.dtype
    )
    mixture = Mixture(model, Books(options.books), excerpt_tokens=tuple(options.excerpt_tokens))
    objective = PositionsObjective(model, method=options.method, target_tokens=options.target_tokens, rank=options.rank)
    return objective, mixture.draw, objective.save
