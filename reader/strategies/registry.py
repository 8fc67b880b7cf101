"""Which strategies stand for a task, how each is made for a document, and how long a document it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reader.answering import LOOK_AGAIN_TOKENS
from reader.errors import ConfigError
from reader.models import Model
from reader.reading import adapted_ratio, memory_slots
from reader.strategies import Beacon, FullAttention, Retrieval, SelfExtend, SlidingWindow, Strategy

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction of all that is done."""


@dataclass(frozen=True)
class Entry:
    """One strategy with its settings."""

    name: str
    make: Callable[[int], Strategy]
    """For a document of that many tokens."""
    ratio: int | None = None
    """None: nothing is condensed, or it is adapted to the document."""
    horizon: int | None = None
    max_tokens: int | None = None
    """The longest document that it takes, with what is put behind it; None: any."""

    @property
    def key(self) -> tuple[str, int | None, int | None]:
        """Tells entries apart."""
        return self.name, self.ratio, self.horizon

    def __str__(self) -> str:
        return self.name if self.ratio is None else f"{self.name}, ratio {self.ratio}"


def line_up(
    model: Model,
    strategies: Sequence[str],
    choices: Sequence[str],
    ratios: Sequence[int | None],
    *,
    horizons: Sequence[int | None] = (None,),
    lengthened: Model | None = None,
    full_tokens: int | None = None,
    kept_tokens: int = 0,
) -> list[Entry]:
    """Entries for the strategies, in the order of `choices`.

    Args:
        choices: the names that the task knows.
        ratios: of the beacon; None adapts it to the document.
        horizons: of the beacon, each with each ratio.
        lengthened: the decoder of the strategy of that name.
        full_tokens: how far full attention is run; None: to the end of the decoder's positions.
        kept_tokens: newest tokens that the sliding window keeps in front of what is put behind it.

    Raises:
        ConfigError: an unknown strategy, a ratio that cannot be, or no lengthened decoder where one is wanted.
    """
    for name in strategies:
        if name not in choices:
            raise ConfigError(f"The strategy {name!r} is unknown here; choose from {', '.join(choices)}.")
    if "lengthened" in strategies and lengthened is None:
        raise ConfigError("The strategy 'lengthened' needs a lengthened decoder; give its folder with --lengthened.")
    window, opening = model.plugin.config.window, len(model.opening)
    positions = model.plugin.max_positions - opening
    full = full_tokens or positions
    entries: list[Entry] = []
    for name in choices:
        if name not in strategies:
            continue
        if name == "sliding-window":
            entries.append(Entry(name, lambda _: SlidingWindow(model, kept_tokens)))
        elif name == "sliding-window-2":
            entries.append(Entry(name, lambda _: SlidingWindow(model, kept_tokens + window)))
        elif name == "full":
            # Where it is asked to go beyond the decoder's positions, it does.
            entries.append(
                Entry(name, lambda _: FullAttention(model, beyond_positions=full > positions), max_tokens=full)
            )
        elif name == "self-extend":
            limit = SelfExtend(model).max_tokens - opening
            entries.append(Entry(name, lambda _: SelfExtend(model), max_tokens=limit))
        elif name == "retrieval":
            entries.append(Entry(name, lambda _: Retrieval(model, LOOK_AGAIN_TOKENS)))
        elif name == "lengthened" and lengthened is not None:
            entries.append(_lengthened(model, lengthened))
        elif name == "beacon":
            entries += [_beacon(model, ratio, horizon) for ratio in ratios for horizon in horizons]
    return entries


def make_report(
    task: str,
    model: Model,
    rows: Sequence[dict[str, Any]],
    skipped: Mapping[tuple[str, int | None, int], str] | None = None,
    replies: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """What a task gives back; `skipped` says for a strategy, ratio and number of tokens why it was left out."""
    told = [
        {"strategy": name, "ratio": ratio, "context": tokens, "reason": reason}
        for (name, ratio, tokens), reason in (skipped or {}).items()
    ]
    return {
        "task": task,
        "model": model.name,
        "plugin": model.plugin_fingerprint,
        "dtype": str(model.decoder.dtype).removeprefix("torch."),
        "rows": list(rows),
        "skipped": told,
        "replies": list(replies),
    }


def _beacon(model: Model, ratio: int | None, horizon: int | None) -> Entry:
    if ratio is not None:
        model.plugin.config.check_ratio(ratio)
    return Entry("beacon", lambda tokens: Beacon(model, fitting_ratio(model, tokens, ratio), horizon), ratio, horizon)


def _lengthened(model: Model, other: Model) -> Entry:
    if other.decoder.tokenizer_fingerprint != model.decoder.tokenizer_fingerprint:
        raise ConfigError(f"{other.name!r} has another tokenizer than {model.name!r}; lengthen the same decoder.")
    return Entry(
        "lengthened", lambda _: FullAttention(other), max_tokens=other.plugin.max_positions - len(model.opening)
    )


def fitting_ratio(model: Model, tokens: int, ratio: int | None = None) -> int:
    """The ratio that is given, or the one that reading a document of that many tokens would choose."""
    return adapted_ratio(model, tokens) if ratio is None else ratio


def misfit(entry: Entry, model: Model, tokens: int, behind: int) -> str | None:
    """Why a document of that many tokens cannot be read with `behind` more tokens raw behind it; None where it can."""
    if entry.max_tokens is not None and tokens + behind > entry.max_tokens:
        return f"it ends at {entry.max_tokens:,} tokens"
    if entry.name == "beacon":
        ratio = fitting_ratio(model, tokens, entry.ratio)
        needed = memory_slots(model, tokens, ratio) + behind
        if needed > model.plugin.max_positions:
            return f"ratio {ratio} needs {needed:,} of the decoder's {model.plugin.max_positions:,} positions"
    return None
