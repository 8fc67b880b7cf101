"""The order, positions and visibility of the raw tokens and beacons of one window.

All three are derived from three values per token: whether the token is a beacon; its raw number in the window (for a beacon,
that of the last token that it condenses); its beacon number. This module touches no activations. Source: arXiv 2401.03462 v3
section 3.2 (interleave), v1 section 3.2 (append; segmentation, step-expansion, full coverage); positions as in the authors' code.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from reader.beacon.config import BeaconConfig

NO_SPAN = -1
"""Start and end of the span of a token without source text."""


@dataclass(frozen=True)
class WindowTokens:
    """Consecutive tokens of one window, raw and beacon; all tensors are (tokens,)."""

    is_beacon: Tensor
    """bool."""
    raw_number: Tensor
    """int64; a raw token's number in its window; for a beacon, the number of the last raw token that it condenses."""
    beacon_number: Tensor
    """int64; a beacon's number in its window, -1 for raw tokens."""

    def __len__(self) -> int:
        return len(self.is_beacon)

    def __getitem__(self, index: Tensor | slice) -> WindowTokens:
        return WindowTokens(self.is_beacon[index], self.raw_number[index], self.beacon_number[index])

    def __add__(self, other: WindowTokens) -> WindowTokens:
        return WindowTokens(
            torch.cat([self.is_beacon, other.is_beacon]),
            torch.cat([self.raw_number, other.raw_number]),
            torch.cat([self.beacon_number, other.beacon_number]),
        )

    @classmethod
    def raw(cls, first: int, count: int) -> WindowTokens:
        """`count` raw tokens, the first being number `first` of its window."""
        numbers = torch.arange(first, first + count)
        return cls(torch.zeros(count, dtype=torch.bool), numbers, torch.full((count,), -1))


def even_ends(tokens: int, ratio: int) -> Tensor:
    """The last raw token of each interval (beacons,), `ratio` tokens each; empty if the ratio is 0."""
    return torch.arange(ratio, tokens + 1, ratio) - 1 if ratio else torch.empty(0, dtype=torch.int64)


def figure_ends(is_figure: Tensor, ratio: int) -> Tensor:
    """The last raw token of each interval (beacons,): each digit, the token after each number, and evenly spaced others.

    The number of beacons is that of `even_ends`. is_figure (tokens,) marks the tokens that hold a digit. A reader can infer a word
    from its context, but not a digit, and a beacon passes on the last token that it condenses far better than the others. The
    token after a number marks the number's end. Figures get at most three quarters of the beacons, so that enough remain for the
    words. If that is too few, the longest numbers get them: readers seldom look up one of a table's many short numbers.
    """
    beacons = len(is_figure) // ratio
    ends = _with_next(is_figure)
    if 4 * int(ends.sum()) > 3 * beacons:
        ends = _with_next(_longest_numbers(is_figure, 3 * beacons // 4))
    left = beacons - 1 - int(ends.sum())
    others = torch.nonzero(~ends)[:-1, 0]
    ends[others[torch.arange(1, left + 1) * len(others) // (left + 1)]] = True
    ends[-1] = True  # so that every token is condensed
    return torch.nonzero(ends)[:, 0]


def _with_next(is_figure: Tensor) -> Tensor:
    """Each digit and the token after it (tokens,), except the window's last token."""
    ends = is_figure.clone()
    ends[1:] |= is_figure[:-1]
    ends[-1] = False
    return ends


def _longest_numbers(is_figure: Tensor, most: int) -> Tensor:
    """The digits (tokens,) of as many of the longest numbers as fit `most` beacons, counting the token after each number.

    Of equally long numbers, the first ones.
    """
    begins = is_figure.clone()
    begins[1:] &= ~is_figure[:-1]
    number = begins.cumsum(0)
    lengths = number[is_figure].bincount()[1:]
    longest = lengths.argsort(descending=True, stable=True)
    kept = longest[(lengths[longest] + 1).cumsum(0) <= most]
    return is_figure & torch.isin(number, kept + 1)


def interval_starts(ends: Tensor) -> Tensor:
    """The first raw token of each interval (beacons,)."""
    return torch.cat([ends.new_zeros(min(1, len(ends))), ends[:-1] + 1])


def lay_out(config: BeaconConfig, ends: Tensor, raw_before: int, raw_tokens: int) -> WindowTokens:
    """Lay out the next `raw_tokens` raw tokens of a window, of which `raw_before` are read already, with their beacons.

    Interleave puts a beacon after the last raw token of each interval (`ends`). Append puts all beacons after the last raw token
    of a full window.
    """
    tokens = WindowTokens.raw(raw_before, raw_tokens)
    end = raw_before + raw_tokens
    if config.layout == "append":
        numbers = torch.arange(len(ends) if end == config.window else 0)
    else:
        numbers = torch.nonzero((ends >= raw_before) & (ends < end))[:, 0]
    merged = tokens + WindowTokens(torch.ones(len(numbers), dtype=torch.bool), ends[numbers], numbers)
    if config.layout == "append":
        return merged
    # A beacon follows the last raw token of its interval: a stable sort by raw number, raw before beacon.
    order = torch.argsort(merged.raw_number * 2 + merged.is_beacon.long(), stable=True)
    return merged[order]


def place(config: BeaconConfig, ends: Tensor, tokens: WindowTokens) -> Tensor:
    """Each token's position (tokens,), counted from the window's first token: the raw and beacon tokens counted before it."""
    raw_before = tokens.raw_number + tokens.is_beacon.long()
    if config.layout == "append":
        if config.attention == "full-coverage":
            # The beacons' positions start at the window's end, also where they condense less than the window.
            return torch.where(tokens.is_beacon, config.window + tokens.beacon_number, raw_before)
        beacons_before = torch.where(tokens.is_beacon, tokens.beacon_number, 0)
    else:
        beacons_before = torch.searchsorted(ends, tokens.raw_number)
    return raw_before + beacons_before if config.attend_previous else raw_before


def is_plain_causal(config: BeaconConfig) -> bool:
    """Whether plain causal attention over memory and window is right, so that no mask is needed."""
    if config.layout == "interleave":
        return config.attend_previous and config.attention != "segmentation"
    return config.attention == "full-coverage"


def visibility(config: BeaconConfig, ends: Tensor, queries: WindowTokens, before: WindowTokens) -> Tensor:
    """What each query sees of its own window: bool (queries, before + queries). All queries always see the memory slots.

    `before` holds the window's tokens that were read earlier, in their order.
    """
    keys = before + queries
    key_order = torch.arange(len(keys))
    query_order = key_order[len(before) :, None]
    sees = key_order <= query_order
    if is_plain_causal(config):
        return sees
    itself = key_order == query_order
    beacon_key, beacon_query = keys.is_beacon[None], queries.is_beacon[:, None]
    if not config.attend_previous and config.layout == "append":
        sees &= ~beacon_key | itself
    elif not config.attend_previous:
        # The authors mean to hide the beacons, but index their mask by the flags (0 and 1) instead of the beacons' places.
        # So their code hides the window's first two tokens, in training and inference alike, and their weights expect this.
        hidden = keys.is_beacon.long().unique()
        sees[:, hidden] &= itself[:, hidden]
    raw_key_of_beacon = beacon_query & ~beacon_key
    if config.attention != "full-coverage":
        sees &= ~raw_key_of_beacon | (keys.raw_number <= queries.raw_number[:, None])
    if config.attention == "segmentation" and len(ends):
        first = interval_starts(ends)[queries.beacon_number.clamp(min=0)]
        sees &= ~raw_key_of_beacon | (keys.raw_number >= first[:, None])
    return sees


def spans_of(tokens: WindowTokens, raw_spans: Tensor, ends: Tensor) -> Tensor:
    """Source spans (tokens, 2): a raw token's own, a beacon's from the first to the last raw token that it condenses.

    Args:
        raw_spans: (raw tokens, 2), of the window's raw tokens up to the last of these.
    """
    first = tokens.raw_number.clone()
    first[tokens.is_beacon] = interval_starts(ends)[tokens.beacon_number[tokens.is_beacon]]
    starts, ends = raw_spans[first, 0], raw_spans[tokens.raw_number, 1]
    # A beacon may begin in the opening, which has no source: its span then starts at the document's start.
    return torch.stack([torch.where(ends == NO_SPAN, starts, starts.clamp(min=0)), ends], dim=1)


def no_spans(count: int) -> Tensor:
    """Spans (count, 2) of tokens without a source."""
    return torch.full((count, 2), NO_SPAN)
