"""Fits the scorer of a decoder that keeps rows: which tokens of a text would questions about it attend to?

Passages are read as one text, uncondensed, and their questions are asked of it one after another, each with its answer. A token's
target is the logarithm of the largest attention weight that it gets from any token of a question or an answer, for each KV head.
A network for each layer learns it from the token's query. The output folder keeps what was measured until the scorer is fitted,
so the same call continues an interrupted run.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import dropout, gelu

from reader.answering import make_prompt
from reader.beacon import largest_weights, recording, rotation
from reader.condensing import Fitted, LayerScorer, query_features
from reader.corpora import Question
from reader.errors import ConfigError
from reader.models import Model

_TEXT_TOKENS = 1536
_LEAST_TEXT_TOKENS = 64
_PASSAGE_TOKENS = 900
"""Longer passages are cut."""
_ANSWER_TOKENS = 24
_MOST_QUESTIONS = 22
_MOST_PER_PASSAGE = 6
_KEPT_SHARE = 0.5
"""The share of a text's tokens from which the networks learn: neighbours are alike."""

_HIDDEN = 64
_BATCH = 512
_EPOCHS = 6
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 0.05
_DROPOUT = 0.1
_SMALLEST = 1e-4
"""Added to a weight before its logarithm is taken: below it, differences do not matter."""

_SETTINGS = "settings.json"
"""Beside what was measured, says for what."""

_HELD_OUT = 10
"""Of so many texts, one is kept out of the fit, and says what the scorer is worth."""
_JUDGED_RATIO = 8

Progress = Callable[[str, int, int], None]
"""Called with what is done, `ask` or `fit`, and how many of the texts or layers are done, of how many."""


@dataclass(frozen=True)
class Report:
    """What a scorer is worth on texts that it was not fitted to, at ratio 8."""

    fitted: float
    """Of the attention that the best rows get, the share that the scorer's rows get: mean over layers and heads."""
    chance: float
    """The same for evenly spaced rows."""
    questions: int
    """On all texts together."""


def fit_scorer(
    model: Model,
    questions: Sequence[Question],
    folder: Path,
    *,
    texts: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Fitted, Report]:
    """Measure the attention of questions, and fit a scorer to it.

    Args:
        model: keeps rows.
        questions: with their passages as context; those without an answer are left out.
        folder: what is measured is kept here, and removed in the end.
        texts: how many to make of the passages, 3 or more; each takes as long as reading it and about 20 questions and answers.
        seed: for the passages, and the networks' start.

    Raises:
        ConfigError: the decoder keeps no rows, or there are too few questions or texts.
    """
    show = progress or (lambda stage, done, total: None)
    if model.plugin.rows is None:
        raise ConfigError("A memory of beacons chooses no rows: fit a decoder that keeps rows (--condenser).")
    if texts < 3:
        raise ConfigError(f"A scorer cannot be fitted to {texts} texts; give 3 or more.")
    by_passage: dict[str, list[Question]] = {}
    for question in questions:
        if question.context and question.question.strip() and question.answer:
            by_passage.setdefault(question.context, []).append(question)
    if not by_passage:
        raise ConfigError("None of the questions has a passage and an answer; give others (--questions).")
    folder.mkdir(parents=True, exist_ok=True)
    own = {
        "decoder": model.decoder.fingerprint,
        "precision": model.decoder.precision,
        "opening": model.opening.tolist(),
    }
    _continue(folder, {**own, "questions": len(questions), "seed": seed})
    passages, files = [*by_passage.items()], []
    for number in range(texts):
        file = folder / f"{number:04}.safetensors"
        if not file.exists():
            found, part = _measure(model, passages, random.Random(f"{seed} {number}")), file.with_suffix(".part")
            try:
                save_file(found, part)
            except (OSError, SafetensorError) as error:
                raise ConfigError(
                    f"What text {number + 1} shows cannot be written to {str(part)!r} ({error}); a run needs about "
                    f"{texts * sum(tensor.nbytes for tensor in found.values()) / 1e9:.1f} GB."
                ) from error
            part.replace(file)
        files.append(file)
        show("ask", number + 1, texts)
    held_out = files[::_HELD_OUT]
    fitted_to = [file for file in files if file not in held_out]
    layers, worth = [], []
    total = len(model.plugin.new_memory().layers)
    for number in range(total):
        layers.append(_fit(number, fitted_to, seed))
        worth.append(_judge(layers[-1], number, held_out))
        show("fit", number + 1, total)
    asked = 0
    for file in files:
        with safe_open(file, framework="pt") as tensors:
            asked += int(tensors.get_tensor("questions"))
    for file in (*folder.glob("[0-9]*.safetensors"), *folder.glob("[0-9]*.part"), folder / _SETTINGS):
        file.unlink()
    with suppress(OSError):  # somebody else's files are in it
        folder.rmdir()
    fitted, chance = torch.tensor(worth).mean(dim=0).tolist()
    return Fitted(tuple(layers)), Report(fitted, chance, asked)


def _continue(folder: Path, settings: dict[str, object]) -> None:
    """Keep what an earlier run with these settings measured; refuse what one with others left."""
    file = folder / _SETTINGS
    if file.exists() and json.loads(file.read_text(encoding="utf-8")) != settings:
        raise ConfigError(
            f"{str(folder)!r} holds what a run with other questions, decoder or seed measured; remove it, or choose another."
        )
    file.write_text(json.dumps(settings), encoding="utf-8")


def _measure(model: Model, passages: Sequence[tuple[str, list[Question]]], draw: random.Random) -> dict[str, Tensor]:
    """A text's queries (layers, tokens, heads * head_dim) and largest weights (layers, kv_heads, tokens), of half its tokens."""
    plugin = model.plugin
    ids, asked = _text(model, passages, draw)
    memory = plugin.new_memory(len(model.opening) + len(ids))
    queries: dict[int, list[Tensor]] = {}
    with torch.inference_mode():
        plugin.open(memory, model.opening)
        first, end = memory.slots, memory.slots + len(ids)
        with recording(queries):
            for window in ids.split(plugin.config.window):
                plugin.run(memory, window, logits="none")
        unrotate = rotation(plugin.decoder, -memory.positions[first:end])
        own = [query_features(unrotate(torch.cat(parts, dim=2))[0]) for _, parts in sorted(queries.items())]
        mark, weights = memory.mark(), torch.tensor(0.0)
        for question in asked:
            ids_asked = [
                make_prompt(question.question, model).question_ids,
                model.encode(question.answer)[0][:_ANSWER_TOKENS],
            ]
            found: dict[int, list[Tensor]] = {}
            with recording(found):
                plugin.run(memory, torch.cat(ids_asked), logits="none", answering=True)
            peaks = [largest_weights(one[0][0], memory.keys(layer)) for layer, one in sorted(found.items())]
            weights = torch.maximum(weights, torch.stack(peaks)[..., first:end].cpu())
            memory.back_to(mark)
    kept = sorted(draw.sample(range(len(ids)), int(len(ids) * _KEPT_SHARE)))
    return {
        "queries": torch.stack(own)[:, kept].half().cpu(),
        "weights": weights[..., kept],
        "questions": torch.tensor(len(asked)),
    }


def _text(
    model: Model, passages: Sequence[tuple[str, list[Question]]], draw: random.Random
) -> tuple[Tensor, list[Question]]:
    """Token ids of passages behind one another, and questions about them."""
    room = min(_TEXT_TOKENS, (model.plugin.max_positions - len(model.opening)) // 2)
    if room < _LEAST_TEXT_TOKENS:
        raise ConfigError(
            f"{model.name} has {model.plugin.max_positions:,} positions, too few for a text and questions about it; use another."
        )
    ids: list[Tensor] = []
    asked: list[Question] = []
    while True:
        context, own = draw.choice(passages)
        part = model.encode(f"{context}\n\n")[0][:_PASSAGE_TOKENS]
        if ids and sum(map(len, ids)) + len(part) > room:
            break
        ids.append(part[:room])
        asked += draw.sample(own, min(len(own), _MOST_PER_PASSAGE))
    draw.shuffle(asked)
    return torch.cat(ids), asked[:_MOST_QUESTIONS]


def _fit(layer: int, files: Sequence[Path], seed: int) -> LayerScorer:
    """The network of one layer, with the mean and the deviation of the queries in its first map."""
    queries, weights = _load(layer, files)
    mean, deviation = queries.mean(dim=0), queries.std(dim=0) + _SMALLEST
    queries, targets = (queries - mean) / deviation, torch.log(weights + _SMALLEST)
    generator = torch.Generator().manual_seed(seed)
    size, heads = queries.shape[1], targets.shape[1]
    first = torch.randn(_HIDDEN, size, generator=generator) / size**0.5
    second = torch.randn(heads, _HIDDEN, generator=generator) / _HIDDEN**0.5 / 10
    parameters = [first, torch.zeros(_HIDDEN), second, targets.mean(dim=0)]
    for parameter in parameters:
        parameter.requires_grad_()
    optimiser = torch.optim.AdamW(parameters, lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    steps = max(_EPOCHS * len(queries) // _BATCH, 10)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(steps):
            rows = torch.randint(len(queries), (_BATCH,))
            hidden = dropout(gelu(queries[rows] @ first.T + parameters[1]), _DROPOUT)
            loss = (hidden @ second.T + parameters[3] - targets[rows]).pow(2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        scaled = first / deviation
        return LayerScorer(scaled, parameters[1] - scaled @ mean, second.detach(), parameters[3].detach())


def _judge(scorer: LayerScorer, layer: int, files: Sequence[Path]) -> tuple[float, float]:
    """The shares of the best rows' attention that the scorer's rows and evenly spaced ones get."""
    shares = []
    for file in files:
        queries, weights = _load(layer, [file])
        keep = max(len(queries) // _JUDGED_RATIO, 1)
        best = weights.topk(keep, dim=0).values.sum(dim=0)
        with torch.no_grad():
            chosen = scorer(queries).T.topk(keep, dim=0).indices
        spaced = weights[_JUDGED_RATIO - 1 :: _JUDGED_RATIO].sum(dim=0)
        shares.append(torch.stack([(weights.gather(0, chosen).sum(dim=0) / best).mean(), (spaced / best).mean()]))
    fitted, chance = torch.stack(shares).mean(dim=0).tolist()
    return fitted, chance


def _load(layer: int, files: Sequence[Path]) -> tuple[Tensor, Tensor]:
    """A layer's queries (tokens, heads * head_dim) and weights (tokens, kv_heads) of some texts."""
    queries, weights = [], []
    for file in files:
        with safe_open(file, framework="pt") as tensors:
            queries.append(tensors.get_slice("queries")[layer].float())
            weights.append(tensors.get_slice("weights")[layer].T.float())
    return torch.cat(queries), torch.cat(weights)
