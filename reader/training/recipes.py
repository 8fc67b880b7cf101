"""Turns a run's settings into its objective, its samples and the way to save the result.

This module combines parts of `reader.training` and computes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from reader.beacon import BeaconConfig, BeaconPlugin
from reader.corpora import load_questions
from reader.errors import ConfigError
from reader.models import DEFAULT_MODEL, Model, PluginWeights, load_decoder, load_model
from reader.settings import DEFAULT_WINDOW
from reader.training.config import LengtheningSettings, PluginSettings
from reader.training.data import Books, Sample
from reader.training.loop import Objective
from reader.training.mixture import Mixture
from reader.training.objectives.beacon import BeaconObjective
from reader.training.objectives.positions import PositionsObjective

_RATIOS = (2, 4, 8, 16, 32, 64)

_LONG_TEXTS = 3
"""The number of long texts for training answer weights, if any are used."""

_QUESTION_SHARES = {"beacon": 0.2, "both": 0.2, "answers": 1.0}
"""The share of samples with questions, by method."""

_AGAIN_SHARE = 0.8
"""Of the questions on hidden passages, the share whose passage is looked at again; 0 unless answer weights are trained."""

_BEHIND_SHARE = 0.9
"""Of the samples whose passage is not the whole document, the share asked after a long text, if there are long texts."""


@dataclass(frozen=True)
class Recipe:
    """All arguments of `train` beside the run's own settings."""

    objective: Objective
    draw_sample: Callable[[random.Random], Sample]
    save: Callable[[Path], None]
    """Writes the trained weights into a folder."""


def plugin_recipe(settings: PluginSettings, seed: int, cache_folder: Path | None = None) -> Recipe:
    """The recipe to train a new or an existing plug-in, its answer weights, or both.

    Args:
        seed: the seed for the long texts.
        cache_folder: the folder of the decoders; None: the user's cache folder.

    Raises:
        ConfigError: books or questions cannot be read, or a setting is impossible.
        ModelError: the decoder or the plug-in cannot be loaded.
    """
    decoder = load_decoder(
        settings.model or DEFAULT_MODEL, cache_folder=cache_folder, device=settings.device, dtype=_dtype(settings)
    )
    ratios = settings.ratios or _RATIOS
    plugin = _begin(decoder, settings, ratios)
    model = Model(decoder, plugin, "training", False)
    books = Books(settings.books)
    chance = random.Random(f"{seed} long texts")
    long_texts = [
        books.excerpt(settings.long_text_tokens, lambda text: model.encode(text)[0], chance)
        for _ in range(_LONG_TEXTS if settings.long_text_tokens else 0)
    ]
    objective = BeaconObjective(
        model,
        ratios=[ratio for ratio in ratios if ratio in plugin.config.ratios],
        windows=settings.windows,
        loss=settings.loss,
        recompute=settings.recompute,
        train_reading=settings.method != "answers",
        train_answering=settings.is_answering,
        long_texts=long_texts,
    )
    share = settings.question_share
    mixture = Mixture(
        model,
        books,
        [question for file in settings.questions for question in load_questions(file)],
        settings.excerpt_tokens,
        _QUESTION_SHARES[settings.method] if share is None else share,
        settings.unanswerable_share,
        settings.recall_share,
        settings.alone_share,
        again_share=_AGAIN_SHARE if settings.is_answering else 0.0,
        behind_share=_BEHIND_SHARE if long_texts else 0.0,
    )
    return Recipe(
        objective, mixture.draw, lambda folder: model.plugin_weights.save_pretrained(folder, settings.save_dtype)
    )


def _begin(decoder: Any, settings: PluginSettings, ratios: tuple[int, ...]) -> BeaconPlugin:
    """The plug-in to train, initialised with trained weights or with the decoder's own projections."""
    if settings.plugin is not None:
        weights = PluginWeights.from_pretrained(settings.plugin)
        changes: dict[str, Any] = {}
        if settings.window:
            changes["window"] = settings.window
        if settings.intervals:
            changes["intervals"] = settings.intervals
        if settings.is_answering and weights.config.answer_rank is None:
            changes["answer_rank"] = settings.answer_rank
        return weights.onto(decoder, **changes)
    window = settings.window or DEFAULT_WINDOW
    config = BeaconConfig(
        window=window,
        rank=settings.rank,
        answer_rank=settings.answer_rank if settings.is_answering else None,
        embedding_from=settings.embedding_from,
        intervals=settings.intervals or "figures",
        ratios=tuple(ratio for ratio in sorted({*ratios}) if window % ratio == 0) or (1,),
    )
    return BeaconPlugin(decoder.model, config, decoder.is_figure)


def lengthening_recipe(settings: LengtheningSettings, cache_folder: Path | None = None) -> Recipe:
    """The recipe to lengthen a decoder.

    Args:
        cache_folder: the folder of the decoders; None: the user's cache folder.

    Raises:
        ConfigError: books cannot be read, or a setting is impossible.
        ModelError: the decoder cannot be loaded.
    """
    if settings.dtype == "int8":
        raise ConfigError("A decoder cannot be lengthened in int8: give --dtype float32 or bfloat16.")
    model = load_model(
        settings.model or DEFAULT_MODEL,
        cache_folder=cache_folder,
        condenser="beacons",
        device=settings.device,
        dtype=_dtype(settings),
    )
    mixture = Mixture(model, Books(settings.books), excerpt_tokens=settings.excerpt_tokens)
    objective = PositionsObjective(
        model, method=settings.method, target_tokens=settings.target_tokens, rank=settings.rank
    )
    return Recipe(objective, mixture.draw, objective.save)


def _dtype(settings: PluginSettings | LengtheningSettings) -> str | None:
    """The decoder's type in training: on a CPU float32, also where it would run in int8, which rounds gradients, too."""
    on_gpu = torch.cuda.is_available() if settings.device is None else settings.device != "cpu"
    return settings.dtype or (None if on_gpu else "float32")
