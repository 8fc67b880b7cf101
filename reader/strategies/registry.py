"""The methods by name: how to make each for a document, and the longest document that each accepts.

To add a method, write one function under `_method`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reader.answering import LOOK_AGAIN_TOKENS
from reader.errors import ConfigError
from reader.models import Model
from reader.reading import memory_slots, smallest_ratio
from reader.strategies.beacon import Beacon
from reader.strategies.full_attention import FullAttention
from reader.strategies.lean_context import LeanContext
from reader.strategies.retrieval import Retrieval
from reader.strategies.self_extend import SelfExtend
from reader.strategies.sliding_window import SlidingWindow
from reader.strategies.strategy import Strategy


@dataclass(frozen=True)
class Entry:
    """One strategy with its settings."""

    name: str
    make: Callable[[int], Strategy]
    """Makes the strategy for a document of this many tokens."""
    ratio: int | None = None
    """None: the method condenses nothing, or adapts the ratio to the document."""
    horizon: int | None = None
    max_tokens: int | None = None
    """The most tokens that the method accepts, document and question together; None: no limit."""

    @property
    def key(self) -> tuple[str, int | None, int | None]:
        """Identifies the entry."""
        return self.name, self.ratio, self.horizon

    def __str__(self) -> str:
        return self.name if self.ratio is None else f"{self.name}, ratio {self.ratio}"


@dataclass(frozen=True)
class Setup:
    """The settings with which a task's methods are made."""

    model: Model
    ratios: Sequence[int | None] = (None,)
    """The beacon's ratios; None adapts the ratio to the document."""
    horizons: Sequence[int | None] = (None,)
    """The beacon's horizons, each combined with each ratio."""
    lengthened: Model | None = None
    """The decoder of the method `lengthened`."""
    full_tokens: int | None = None
    """The longest context for full attention; None: the decoder's positions."""
    kept_tokens: int = 0
    """How many of the newest tokens the sliding window keeps before the question."""

    @property
    def positions(self) -> int:
        """The number of positions that the decoder has after its opening."""
        return self.model.plugin.max_positions - len(self.model.opening)


_METHODS: dict[str, Callable[[Setup], list[Entry]]] = {}
"""Name -> the function that makes the method's entries."""


def _method(name: str) -> Callable[[Callable[[Setup], list[Entry]]], Callable[[Setup], list[Entry]]]:
    """Register a method under the name that users write."""

    def register(make: Callable[[Setup], list[Entry]]) -> Callable[[Setup], list[Entry]]:
        _METHODS[name] = make
        return make

    return register


def line_up(setup: Setup, strategies: Sequence[str], choices: Sequence[str]) -> list[Entry]:
    """Entries for the strategies, in the order of `choices`, which holds the names that the task allows.

    An unregistered name is one of the task's own controls and makes no entry.

    Raises:
        ConfigError: an unknown strategy, an impossible ratio, or no decoder for `lengthened`.
    """
    check_names(strategies, choices)
    chosen = [name for name in choices if name in strategies and name in _METHODS]
    return [entry for name in chosen for entry in _METHODS[name](setup)]


def check_names(strategies: Sequence[str], choices: Sequence[str]) -> None:
    """Check that the task allows these strategies.

    Raises:
        ConfigError: a strategy is unknown; the message names it.
    """
    for name in strategies:
        if name not in choices:
            raise ConfigError(f"The strategy {name!r} is unknown here; choose from {', '.join(choices)}.")


@_method("sliding-window")
def _sliding_window(setup: Setup) -> list[Entry]:
    return [Entry("sliding-window", lambda _: SlidingWindow(setup.model, setup.kept_tokens))]


@_method("sliding-window-2")
def _two_windows(setup: Setup) -> list[Entry]:
    kept_tokens = setup.kept_tokens + setup.model.plugin.config.window
    return [Entry("sliding-window-2", lambda _: SlidingWindow(setup.model, kept_tokens))]


@_method("full")
def _full(setup: Setup) -> list[Entry]:
    full = setup.full_tokens or setup.positions
    # If the settings ask for a context beyond the decoder's positions, the method runs it.
    is_beyond = full > setup.positions
    return [Entry("full", lambda _: FullAttention(setup.model, beyond_positions=is_beyond), max_tokens=full)]


@_method("self-extend")
def _self_extend(setup: Setup) -> list[Entry]:
    limit = SelfExtend(setup.model).max_tokens - len(setup.model.opening)
    return [Entry("self-extend", lambda _: SelfExtend(setup.model), max_tokens=limit)]


@_method("retrieval")
def _retrieval(setup: Setup) -> list[Entry]:
    return [Entry("retrieval", lambda _: Retrieval(setup.model, LOOK_AGAIN_TOKENS))]


@_method("lean-context")
def _lean_context(setup: Setup) -> list[Entry]:
    return [Entry("lean-context", lambda _: LeanContext(setup.model, LOOK_AGAIN_TOKENS))]


@_method("lengthened")
def _lengthened(setup: Setup) -> list[Entry]:
    model, other = setup.model, setup.lengthened
    if other is None:
        raise ConfigError("The strategy 'lengthened' needs a lengthened decoder; give its folder with --lengthened.")
    if other.decoder.tokenizer_fingerprint != model.decoder.tokenizer_fingerprint:
        raise ConfigError(f"{other.name!r} has another tokenizer than {model.name!r}; lengthen the same decoder.")
    limit = other.plugin.max_positions - len(model.opening)
    return [Entry("lengthened", lambda _: FullAttention(other), max_tokens=limit)]


@_method("beacon")
def _beacon(setup: Setup) -> list[Entry]:
    model = setup.model
    for ratio in setup.ratios:
        if ratio is not None:
            model.plugin.config.check_ratio(ratio)

    def entry(ratio: int | None, horizon: int | None) -> Entry:
        def make(tokens: int) -> Strategy:
            return Beacon(model, fitting_ratio(model, tokens, ratio), horizon)

        return Entry("beacon", make, ratio, horizon)

    return [entry(ratio, horizon) for ratio in setup.ratios for horizon in setup.horizons]


def fitting_ratio(model: Model, tokens: int, ratio: int | None = None) -> int:
    """`ratio`, or the smallest ratio whose memory of this many tokens leaves room for question and answer."""
    return smallest_ratio(model, tokens) if ratio is None else ratio


def misfit(entry: Entry, model: Model, tokens: int, behind: int) -> str | None:
    """Why the method cannot read a document of `tokens` tokens with `behind` raw tokens after it; None if it can."""
    if entry.max_tokens is not None and tokens + behind > entry.max_tokens:
        return f"it ends at {entry.max_tokens:,} tokens"
    if entry.name == "beacon":
        ratio = fitting_ratio(model, tokens, entry.ratio)
        needed = memory_slots(model, tokens, ratio) + behind
        if needed > model.plugin.max_positions:
            return f"ratio {ratio} needs {needed:,} of the decoder's {model.plugin.max_positions:,} positions"
    return None
