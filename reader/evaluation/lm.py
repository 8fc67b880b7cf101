"""Language modelling: the next-token loss in a context's last window, behind what each strategy kept of the rest.

Every strategy scores exactly the same tokens of the same books: those of the last window but its first, which only full
attention could predict; and of some windows behind it, too, where one is too few to tell contexts apart. In front of all of
them stands the model's opening. Two controls tell remembering from the rest: `sliding-window` sees the window alone,
`beacon-swapped` sees another book's memory.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from reader.corpora import Book, BookTokens
from reader.errors import ConfigError
from reader.models import Model
from reader.strategies import Progress, Strategy, line_up, make_report, misfit

KNOWN_STRATEGIES = (
    "sliding-window",
    "sliding-window-2",
    "full",
    "self-extend",
    "beacon",
    "beacon-swapped",
    "lengthened",
)
"""`sliding-window-2` keeps the window before the scored one, too."""
LM_STRATEGIES = ("sliding-window", "full", "beacon", "beacon-swapped")

PARTS = 8
"""Equal parts of the scored window that losses by position are given for."""


@dataclass
class _Losses:
    """Token losses (tokens,) by book, of each scored window."""

    of_book: dict[int, list[Tensor]] = field(default_factory=lambda: defaultdict(list))

    @property
    def means(self) -> dict[int, float]:
        return {book: float(torch.stack(losses).mean()) for book, losses in self.of_book.items()}


def evaluate_lm(
    model: Model,
    books: Sequence[Book],
    contexts: Sequence[int],
    ratios: Sequence[int],
    *,
    horizons: Sequence[int | None] = (None,),
    strategies: Sequence[str] = LM_STRATEGIES,
    lengthened: Model | None = None,
    full_tokens: int | None = None,
    limit: int | None = None,
    same_target: bool = False,
    scored_windows: int = 1,
    progress: Progress = lambda told, fraction: None,
) -> dict[str, Any]:
    """Losses of the last window of each context, or of several from there on.

    Args:
        contexts: tokens, at least the plug-in's window, which is the part that is scored.
        horizons: newest beacon slots that a window attends to, read or scored; None: as the plug-in says.
        strategies: out of `KNOWN_STRATEGIES`.
        lengthened: the decoder of the strategy of that name, with the same tokenizer.
        full_tokens: the longest context that full attention is run for; None: the decoder's positions.
        limit: contexts of each length, each from books of its own; None: as many as there are.
        same_target: whether all contexts end with the longest one's window, so that their losses are of the same tokens, instead
            of beginning where the longest one begins, which takes one reading for all of them.
        scored_windows: how many are scored, the context's last and those behind it, each behind all that comes before it.

    Returns:
        `rows`, one for each strategy, ratio, horizon and context; `skipped`, those that do not fit, and why.

    Raises:
        ConfigError: a context, ratio or strategy that cannot be, or books that are too short.
    """
    window = model.plugin.config.window
    contexts = sorted(set(contexts))
    for context in contexts:
        if context < window:
            raise ConfigError(f"The context is {context:,} tokens; it must be at least one window ({window:,}).")
    if scored_windows < 1:
        raise ConfigError(f"The number of scored windows is {scored_windows}; it must be at least 1.")
    behind = (scored_windows - 1) * window
    is_swapping = "beacon-swapped" in strategies
    entries = line_up(
        model,
        [*strategies, "beacon"] if is_swapping else strategies,
        KNOWN_STRATEGIES,
        ratios,
        horizons=horizons,
        lengthened=lengthened,
        full_tokens=full_tokens,
    )
    tokens = BookTokens(books, model)
    longest = contexts[-1]
    groups = {context: tokens.groups((longest if same_target else context) + behind)[:limit] for context in contexts}
    for context, starts in groups.items():
        if not starts:
            raise ConfigError(
                f"The books have fewer than {context + behind:,} tokens together; give more, or a smaller context."
            )

    def text(start: int, context: int) -> Tensor:
        return tokens.joined(start, (longest if same_target else context) + behind)[0][-context - behind :]

    results: dict[tuple[tuple[str, int | None, int | None], int], _Losses] = defaultdict(_Losses)
    skipped: dict[tuple[str, int | None, int], str] = {}
    # A reading from one book on serves every context that begins there.
    readings = [
        (entry, start, served)
        for entry in entries
        for start in sorted({start for starts in groups.values() for start in starts})
        for served in (
            [[context] for context in contexts]
            if same_target
            else [[context for context in contexts if start in groups[context]]]
        )
    ]
    total = sum(served[-1] + behind for _, _, served in readings)
    done = 0
    for entry, start, served in readings:
        strategy = entry.make(served[-1] - window + behind)
        # How much has been read when a window is scored, and for which contexts it is.
        places: dict[int, list[int]] = defaultdict(list)
        for context in served:
            reason = misfit(entry, model, context - window + behind, window)
            if reason is not None:
                skipped[entry.name, entry.ratio, context] = reason
                continue
            for place in range(context - window, context + behind, window):
                places[place].append(context)
        read = 0
        for place in sorted(places):
            ids = text(start, places[place][-1])
            while read < place:
                end = min(read + 16 * window, place)
                strategy.read(ids[read:end])
                done += end - read
                read = end
                progress(str(entry), done / total)
            scored = score(strategy, ids[place : place + window])
            for context in places[place]:
                results[entry.key, context].of_book[start].append(scored)
                starts = groups[context]
                if entry.name == "beacon" and is_swapping and len(starts) > 1:
                    other = starts[(starts.index(start) + 1) % len(starts)]
                    swapped = score(strategy, text(other, context)[place : place + window])
                    results[("beacon-swapped", entry.ratio, entry.horizon), context].of_book[other].append(swapped)
        done += served[-1] + behind - read
        progress(str(entry), done / total)

    rows = [
        _row(key, context, window, losses, results, [tokens.books[start].name for start in groups[context]], groups)
        for (key, context), losses in sorted(results.items(), key=lambda item: (item[0][1], _order(item[0][0])))
    ]
    return make_report("lm", model, rows, skipped)


def score(strategy: Strategy, ids: Tensor) -> Tensor:
    """Losses (tokens - 1,) of the tokens behind the first, in front of what the strategy keeps; it is afterwards as before."""
    with strategy.attach() as context:
        logits = context.run(ids, logits="all")
    with torch.inference_mode():
        return cross_entropy(logits[:-1].float(), ids[1:].to(logits.device), reduction="none").cpu()


def _order(key: tuple[str, int | None, int | None]) -> tuple[int, int, int]:
    name, ratio, horizon = key
    return KNOWN_STRATEGIES.index(name), ratio or 0, horizon or 10**9


def _row(
    key: tuple[str, int | None, int | None],
    context: int,
    window: int,
    losses: _Losses,
    results: dict[tuple[tuple[str, int | None, int | None], int], _Losses],
    names: Sequence[str],
    groups: dict[int, list[int]],
) -> dict[str, Any]:
    name, ratio, horizon = key
    all_losses = torch.stack([torch.stack(losses.of_book[start]) for start in groups[context]])
    means = losses.means
    loss = statistics.mean(means.values())
    worst = max(means, key=lambda start: means[start])
    row: dict[str, Any] = {
        "strategy": name,
        "ratio": ratio,
        "horizon": horizon,
        "context": context,
        "window": window,
        "loss": loss,
        "perplexity": math.exp(loss),
        "median": statistics.median(means.values()),
        "worst": means[worst],
        "worst_book": names[groups[context].index(worst)],
        "tokens": all_losses.numel(),
        "books": len(means),
        "by_position": [float(part.mean()) for part in all_losses.tensor_split(PARTS, dim=2) if part.numel()],
        "by_book": [means[start] for start in groups[context]],
        "gap": None,
        "gap_closed": None,
        "remembered": None,
        "worse_than_none": None,
    }
    window_alone = results.get((("sliding-window", None, None), context))
    full = results.get((("full", None, None), context))
    swapped = results.get((("beacon-swapped", ratio, horizon), context))
    if name == "sliding-window" or window_alone is None:
        return row
    alone = window_alone.means
    row["worse_than_none"] = sum(means[start] > alone[start] for start in groups[context])
    row["books_worse_than_none"] = [
        book for book, start in zip(names, groups[context], strict=True) if means[start] > alone[start]
    ]
    if full is not None:
        gap = statistics.mean(alone.values()) - statistics.mean(full.means.values())
        row["gap"] = gap
        if gap > 0:
            row["gap_closed"] = (statistics.mean(alone.values()) - loss) / gap
            if name == "beacon" and swapped is not None:
                row["remembered"] = (statistics.mean(swapped.means.values()) - loss) / gap
    return row
