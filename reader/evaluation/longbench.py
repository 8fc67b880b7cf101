"""LongBench, InfiniteBench and L-Eval files: each question follows its own document.

Scores are LongBench's for its data sets (arXiv 2308.14508), and the letter for multiple choice. The prompts are this project's
own, so the figures compare strategies with each other, not with published figures. A document that is too long for full
attention loses its middle, as is usual with these sets.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from reader.corpora import Question
from reader.evaluation.generation import reply
from reader.evaluation.metrics import choice_score, longbench_score
from reader.evaluation.report import Progress, Report
from reader.models import Model
from reader.strategies import Entry, Setup, fitting_ratio, line_up, misfit

KNOWN_STRATEGIES = ("sliding-window", "full", "self-extend", "retrieval", "lean-context", "beacon", "lengthened")
LONGBENCH_STRATEGIES = ("sliding-window", "full", "retrieval", "beacon")

_LONG_REPLIES = ("gov_report", "qmsum", "multi_news", "vcsum", "longbook_sum")
_SHORT_TOKENS, _LONG_TOKENS = 64, 512


def evaluate_longbench(
    model: Model,
    questions: Sequence[Question],
    *,
    ratios: Sequence[int | None] = (None,),
    strategies: Sequence[str] = LONGBENCH_STRATEGIES,
    lengthened: Model | None = None,
    limit: int | None = None,
    progress: Progress = lambda doing, fraction: None,
) -> Report:
    """Scores by data set and strategy.

    Args:
        ratios: the beacon's ratios; None adapts the ratio to the document.
        limit: how many questions of each data set are asked, the first ones; None: all.

    Returns:
        `rows`, one for each data set, strategy and ratio; `replies`, each with its text.

    Raises:
        ConfigError: an unknown strategy or an impossible ratio.
    """
    window = model.plugin.config.window
    entries = line_up(Setup(model, ratios, lengthened=lengthened, kept_tokens=window), strategies, KNOWN_STRATEGIES)
    of_dataset: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        of_dataset[question.dataset].append(question)
    by_context: dict[str, list[Question]] = defaultdict(list)
    for own in of_dataset.values():
        for question in own[:limit]:
            by_context[question.context].append(question)
    total, done = len(entries) * sum(map(len, by_context.values())), 0
    scores: dict[tuple[str, Entry], list[float]] = defaultdict(list)
    cut: dict[tuple[str, Entry], int] = defaultdict(int)
    metrics: dict[str, str] = {}
    replies: list[dict[str, Any]] = []
    for context, asked in by_context.items():
        ids = model.encode(context)[0]
        for entry in entries:
            behind = max(len(model.closing(_prompt(question))) + _reply_tokens(question) for question in asked)
            own_ids = _fitted(ids, entry, model, behind)
            strategy = entry.make(len(own_ids))
            strategy.read(own_ids)
            for question in asked:
                progress(f"{entry}, {question.dataset}", done / total)
                said = reply(
                    strategy, _prompt(question), model, max_tokens=_reply_tokens(question), searched=question.question
                )
                if question.is_choice:
                    metric, score = "accuracy", choice_score(said, question.answers)
                else:
                    metric, score = longbench_score(question.dataset, said, question.answers, question.classes)
                metrics[question.dataset] = metric
                scores[question.dataset, entry].append(score)
                cut[question.dataset, entry] += len(own_ids) < len(ids)
                replies.append(
                    {
                        "id": question.id,
                        "dataset": question.dataset,
                        "strategy": entry.name,
                        "ratio": entry.ratio,
                        "question": question.question,
                        "answers": question.answers,
                        "reply": said,
                        "score": score,
                    }
                )
                done += 1
    rows = [
        {
            "dataset": dataset,
            "strategy": entry.name,
            "ratio": entry.ratio,
            "metric": metrics[dataset],
            "score": statistics.mean(found),
            "questions": len(found),
            "truncated": cut[dataset, entry],
        }
        for (dataset, entry), found in scores.items()
    ]
    return Report.of("longbench", model, rows, replies=replies)


def _fitted(ids: Tensor, entry: Entry, model: Model, behind: int) -> Tensor:
    """The document's tokens, without the middle if they do not fit."""
    if misfit(entry, model, len(ids), behind) is None:
        return ids
    if entry.max_tokens is not None:
        room = max(0, entry.max_tokens - behind)
    else:
        ratio = fitting_ratio(model, len(ids), entry.ratio) or 1
        positions = model.plugin.max_positions - len(model.opening) - behind - model.plugin.config.window
        room = max(0, positions * ratio)
    return torch.cat([ids[: room // 2], ids[len(ids) - (room - room // 2) :]])


def _prompt(question: Question) -> str:
    """The prompt that follows the document."""
    if not question.question.strip():
        return "\n\nSummarise the text above."
    if question.dataset.removesuffix("_e") in ("lcc", "repobench-p", "trec", "triviaqa", "samsum", "lsht"):
        return f"\n\n{question.question}"  # the document's examples show the task
    if question.is_choice:
        return f"\n\nAnswer the question about the text above with the letter of the right choice.\n{question.question}"
    return f"\n\nAnswer the question about the text above, in a few words.\n{question.question}"


def _reply_tokens(question: Question) -> int:
    is_long = not question.question.strip() or question.dataset.removesuffix("_e") in _LONG_REPLIES
    return _LONG_TOKENS if is_long else _SHORT_TOKENS
