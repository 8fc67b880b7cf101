"""Language modelling: the next-token loss in a context's last window, given what each strategy kept of the rest.

All strategies score exactly the same tokens of the same books: the last window without its first token, which only full
attention could predict. If one window is too few to compare contexts, the windows after it are scored, too. Every strategy
starts with the model's opening. Two controls separate remembering from other effects: `sliding-window` sees only the window,
and `beacon-swapped` sees another book's memory.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from reader.corpora import Book, BookTokens
from reader.errors import ConfigError
from reader.evaluation.report import Progress, Report
from reader.models import Model
from reader.strategies import Entry, Setup, Strategy, line_up, misfit

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
"""The number of equal parts of the scored window for which losses by position are reported."""


@dataclass(frozen=True)
class LmSettings:
    """The contexts to score, and how to score them."""

    contexts: Sequence[int]
    """Lengths in tokens, each at least the plug-in's window, which is the scored part."""
    ratios: Sequence[int]
    horizons: Sequence[int | None] = (None,)
    """How many of the newest beacon slots a window attends to, read or scored; None: the plug-in's horizon."""
    full_tokens: int | None = None
    """The longest context for full attention; None: the decoder's positions."""
    limit: int | None = None
    """The number of contexts of each length, each from different books; None: as many as the books allow."""
    same_target: bool = False
    """Whether all contexts end with the longest one's window, so that all losses are of the same tokens.

    Otherwise all contexts begin where the longest one begins, and one reading serves them all.
    """
    scored_windows: int = 1
    """How many windows are scored: the context's last window and those after it, each given all tokens before it."""

    def check(self, window: int) -> None:
        """Check the settings against a plug-in's window.

        Raises:
            ConfigError: a context is shorter than the window, or no window is scored.
        """
        for context in self.contexts:
            if context < window:
                raise ConfigError(f"The context is {context:,} tokens; it must be at least one window ({window:,}).")
        if self.scored_windows < 1:
            raise ConfigError(f"The number of scored windows is {self.scored_windows}; it must be at least 1.")


@dataclass
class _Losses:
    """Token losses (tokens,) by book, of each scored window."""

    of_book: dict[int, list[Tensor]] = field(default_factory=lambda: defaultdict(list))

    @property
    def means(self) -> dict[int, float]:
        return {book: float(torch.stack(losses).mean()) for book, losses in self.of_book.items()}


Key = tuple[str, int | None, int | None]
"""A strategy, its ratio and its horizon."""
Results = dict[tuple[Key, int], _Losses]
"""Losses by strategy and context."""


class _Texts:
    """The token ids from which contexts are cut."""

    def __init__(self, books: Sequence[Book], model: Model, settings: LmSettings) -> None:
        self._tokens = BookTokens(books, model)
        self.window = model.plugin.config.window
        self.contexts = sorted(set(settings.contexts))
        self.behind = (settings.scored_windows - 1) * self.window
        """Tokens that are scored after a context."""
        self._same_target, self._longest = settings.same_target, self.contexts[-1]
        self.groups = {
            context: self._tokens.groups(self._read_tokens(context))[: settings.limit] for context in self.contexts
        }
        """Context -> the first book of each of its texts."""
        for context, starts in self.groups.items():
            if not starts:
                raise ConfigError(
                    f"The books have fewer than {context + self.behind:,} tokens together; give more, or a smaller context."
                )

    def _read_tokens(self, context: int) -> int:
        return (self._longest if self._same_target else context) + self.behind

    def text(self, start: int, context: int) -> Tensor:
        """A context that starts with the book `start`, and the windows scored after it."""
        return self._tokens.joined(start, self._read_tokens(context))[0][-context - self.behind :]

    def readings(self) -> list[tuple[int, list[int]]]:
        """(book, contexts): one reading that starts with a book serves every context that begins there."""
        starts = sorted({start for starts in self.groups.values() for start in starts})
        if self._same_target:
            return [(start, [context]) for start in starts for context in self.contexts]
        return [(start, [one for one in self.contexts if start in self.groups[one]]) for start in starts]

    def names(self, context: int) -> list[str]:
        """The names of the books with which a context's texts begin."""
        return [self._tokens.books[start].name for start in self.groups[context]]

    def after(self, start: int, context: int) -> int | None:
        """The first book of the context's next text; None if the context has only one text."""
        starts = self.groups[context]
        return starts[(starts.index(start) + 1) % len(starts)] if len(starts) > 1 else None


def evaluate_lm(
    model: Model,
    books: Sequence[Book],
    settings: LmSettings,
    *,
    strategies: Sequence[str] = LM_STRATEGIES,
    lengthened: Model | None = None,
    progress: Progress = lambda doing, fraction: None,
) -> Report:
    """Losses of the last window of each context, or of the last and some that follow.

    Args:
        strategies: names from `KNOWN_STRATEGIES`.
        lengthened: the decoder of the strategy `lengthened`, with the same tokenizer.

    Returns:
        `rows`, one for each strategy, ratio, horizon and context; `skipped`, the combinations that do not fit, with the reason.

    Raises:
        ConfigError: an impossible context, ratio or strategy, or books that are too short.
    """
    settings.check(model.plugin.config.window)
    is_swapping = "beacon-swapped" in strategies
    entries = line_up(
        Setup(model, settings.ratios, settings.horizons, lengthened, settings.full_tokens),
        [*strategies, "beacon"] if is_swapping else strategies,
        KNOWN_STRATEGIES,
    )
    texts = _Texts(books, model, settings)
    results: Results = defaultdict(_Losses)
    skipped: dict[tuple[str, int | None, int], str] = {}
    readings = [(entry, start, served) for entry in entries for start, served in texts.readings()]
    total, done = sum(served[-1] + texts.behind for _, _, served in readings), 0
    for entry, start, served in readings:
        fitting = []
        for context in served:
            reason = misfit(entry, model, context - texts.window + texts.behind, texts.window)
            if reason is None:
                fitting.append(context)
            else:
                skipped[entry.name, entry.ratio, context] = reason
        before = done

        def on_reading(read: int, entry: Entry = entry, before: int = before) -> None:
            progress(str(entry), (before + read) / total)

        strategy = entry.make(served[-1] - texts.window + texts.behind)
        _score_reading(strategy, entry, start, fitting, texts, results, is_swapping, on_reading)
        done += served[-1] + texts.behind
        progress(str(entry), done / total)
    rows = [
        _row(key, context, texts, losses, results)
        for (key, context), losses in sorted(results.items(), key=lambda item: (item[0][1], _order(item[0][0])))
    ]
    return Report.of("lm", model, rows, skipped)


def _score_reading(
    strategy: Strategy,
    entry: Entry,
    start: int,
    contexts: Sequence[int],
    texts: _Texts,
    results: Results,
    is_swapping: bool,
    on_reading: Callable[[int], None],
) -> None:
    """Read one text once and score every window of its contexts on the way, also with swapped memories."""
    window = texts.window
    # Maps the number of tokens read when a window is scored to the contexts that the window belongs to.
    places: dict[int, list[int]] = defaultdict(list)
    for context in contexts:
        for place in range(context - window, context + texts.behind, window):
            places[place].append(context)
    read = 0
    for place in sorted(places):
        ids = texts.text(start, places[place][-1])
        while read < place:
            end = min(read + 16 * window, place)
            strategy.read(ids[read:end])
            read = end
            on_reading(read)
        scored = score(strategy, ids[place : place + window])
        for context in places[place]:
            results[entry.key, context].of_book[start].append(scored)
            other = texts.after(start, context) if entry.name == "beacon" and is_swapping else None
            if other is not None:
                swapped = score(strategy, texts.text(other, context)[place : place + window])
                results[("beacon-swapped", entry.ratio, entry.horizon), context].of_book[other].append(swapped)


def score(strategy: Strategy, ids: Tensor) -> Tensor:
    """Losses (tokens - 1,) of all tokens but the first, given what the strategy kept. Leaves the strategy unchanged."""
    with strategy.attach() as context:
        logits = context.run(ids, logits="all")
    with torch.inference_mode():
        return cross_entropy(logits[:-1].float(), ids[1:].to(logits.device), reduction="none").cpu()


def _order(key: Key) -> tuple[int, int, int]:
    name, ratio, horizon = key
    return KNOWN_STRATEGIES.index(name), ratio or 0, horizon or 10**9


def _row(key: Key, context: int, texts: _Texts, losses: _Losses, results: Results) -> dict[str, Any]:
    groups, names, window = texts.groups, texts.names(context), texts.window
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
