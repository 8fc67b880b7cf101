"""The plug-in's settings: window, ratios, layout, attention, sink, projections.

Defines the allowed values and refuses all others. Reads no files and knows no decoder. The terms are those of "Soaring from 4K
to 400K" (arXiv 2401.03462, sections 3.1 to 3.3). `from_published` translates the names that published checkpoints use
(`beacon_*` in `config.json`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

from reader.errors import ConfigError

LAYOUTS = ("interleave", "append")
ATTENTIONS = ("full-coverage", "step-expansion", "segmentation")
INTERVALS = ("even", "figures")
RATIO_CHOICES = ("adapt-R", "sequence", "step-random", "instance-random")
EMBEDDINGS = ("eos", "bos", "last")
PROJECTIONS = ("q", "k", "v", "o")
_MAX_WINDOW = 1 << 20
"""Rows of a whole window are set aside at once."""


@dataclass(frozen=True)
class BeaconConfig:
    """How windows are condensed."""

    REFUSALS: ClassVar[tuple[str, ...]] = ("refusal_threshold", "memory_refusal_threshold")
    """The settings of refusals. They shape no memory, so they are in no key and change no fingerprint."""

    window: int = 512
    """Raw tokens in a window."""
    stride: int | None = None
    """Raw tokens condensed per window; the rest stay raw for the next one. None: the whole window."""
    ratios: tuple[int, ...] = ()
    """The ratios to choose from (raw tokens per beacon); 0 keeps raw activations. Empty: powers of 2 to 128 that fit the stride."""
    ratio_choice: str = "adapt-1024"
    """How a ratio is chosen: `adapt-R` (keeps R positions free), `sequence`, `step-random`, `instance-random`."""
    layout: str = "interleave"
    """Beacons between the raw tokens (`interleave`) or after each window (`append`)."""
    intervals: str = "even"
    """Which tokens a beacon condenses. `even` (the paper's): `ratio` tokens each. `figures`: as many beacons, but one after each
    digit and one after the token that follows a number, so that the memory keeps figures exactly."""
    attention: str = "full-coverage"
    """What a beacon sees of its window: all before it, its first i+1 intervals, or its own interval."""
    attend_previous: bool = True
    """Whether later tokens of a window see its earlier beacons."""
    sink_tokens: int = 0
    """How many of the first window's first positions stay raw at the front of the memory."""
    projections: tuple[str, ...] = ("q", "k", "v")
    """The attention projections (of q, k, v, o) for which beacons have their own weights."""
    rank: int | None = None
    """The rank of the projections' differences from the decoder's; None: projections of full rank."""
    horizon: int | None = None
    """How many of the newest beacon slots a window attends to while reading, beside the sink; None: all. Answers attend to all."""
    answer_rank: int | None = None
    """The rank of the answer weights, which are active only while the decoder answers; None: no answer weights."""
    refusal_threshold: float = 0.0
    """The least probability with which the answer weights must say that the document does not answer; otherwise the likeliest
    other answer is given. 0: whenever it is the decoder's first choice."""
    memory_refusal_threshold: float = 0.0
    """Where the decoder refuses behind all passages that it looks at again, the memory alone answers if it refuses with less
    probability than this, and the document prints the answer. 0: the memory alone is not asked."""
    layer_shares: Mapping[int, tuple[float, ...]] = field(default_factory=dict, hash=False)
    """By ratio, the share of a window's rows that each layer keeps, 1 / ratio on average. Ratios that are not listed: all layers
    keep as many. Has no effect on beacons."""
    embedding_from: str = "eos"
    """What a beacon's embedding starts as. `eos` or `bos` (the paper's): that token's embedding. `last`: the embedding of the last
    token that the beacon condenses, plus a trained one that starts at zero."""

    def __post_init__(self) -> None:
        if self.stride is None:
            object.__setattr__(self, "stride", self.window)
        powers = tuple(2**power for power in range(1, 8) if self.condensed_tokens % 2**power == 0)
        object.__setattr__(self, "ratios", tuple(self.ratios) or powers or (1,))
        object.__setattr__(self, "projections", tuple(self.projections))
        by_ratio = {int(ratio): tuple(shares) for ratio, shares in dict(self.layer_shares).items()}
        object.__setattr__(self, "layer_shares", by_ratio)
        _check(1 <= self.window <= _MAX_WINDOW, "window", self.window, f"from 1 to {_MAX_WINDOW:,} tokens")
        _check(
            1 <= self.condensed_tokens <= self.window, "stride", self.stride, f"from 1 to the window ({self.window})"
        )
        _check(self.layout in LAYOUTS, "layout", self.layout, f"one of {', '.join(LAYOUTS)}")
        _check(self.intervals in INTERVALS, "intervals", self.intervals, f"one of {', '.join(INTERVALS)}")
        _check(
            self.layout == "interleave" or self.intervals == "even",
            "intervals",
            self.intervals,
            "even in the append layout, whose windows may overlap",
        )
        _check(self.attention in ATTENTIONS, "attention", self.attention, f"one of {', '.join(ATTENTIONS)}")
        _check(
            self.layout == "append" or self.stride == self.window,
            "stride",
            self.stride,
            f"the window ({self.window}) in the interleave layout",
        )
        _check(self.sink_tokens >= 0, "sink_tokens", self.sink_tokens, "0 or more")
        _check(self.rank is None or self.rank >= 1, "rank", self.rank, "1 or more, or none")
        _check(self.answer_rank is None or self.answer_rank >= 1, "answer_rank", self.answer_rank, "1 or more, or none")
        for name in self.REFUSALS:
            _check(0 <= getattr(self, name) < 1, name, getattr(self, name), "0 or more, less than 1")
        _check(self.horizon is None or self.horizon >= 1, "horizon", self.horizon, "1 or more, or none")
        _check(
            self.embedding_from in EMBEDDINGS, "embedding_from", self.embedding_from, f"one of {', '.join(EMBEDDINGS)}"
        )
        _check(
            self.layout == "interleave" or self.embedding_from != "last",
            "embedding_from",
            self.embedding_from,
            "eos or bos in the append layout, where a beacon does not directly follow the tokens that it condenses",
        )
        for projection in self.projections:
            _check(projection in PROJECTIONS, "projections", projection, f"any of {', '.join(PROJECTIONS)}")
        for ratio in self.ratios:
            self.check_ratio(ratio)
        for ratio, shares in self.layer_shares.items():
            mean = sum(shares) / max(1, len(shares))
            _check(
                ratio > 1 and all(0 < share <= 1 for share in shares) and 0.95 <= mean * ratio <= 1.05,
                f"layer_shares of ratio {ratio}",
                shares,
                "a share above 0 and up to 1 for each layer, and their mean 1 / ratio",
            )
        adaptive = re.fullmatch(r"adapt-(\d+)", self.ratio_choice)
        _check(
            adaptive is not None or self.ratio_choice in RATIO_CHOICES[1:],
            "ratio_choice",
            self.ratio_choice,
            f"one of {', '.join(RATIO_CHOICES)}",
        )

    @property
    def condensed_tokens(self) -> int:
        """Raw tokens condensed per window (the stride)."""
        return self.window if self.stride is None else self.stride

    @property
    def room_tokens(self) -> int:
        """The R of `adapt-R`: positions kept free for the question and the answer; 0 for the other choices."""
        return int(self.ratio_choice.removeprefix("adapt-")) if self.ratio_choice.startswith("adapt-") else 0

    def check_ratio(self, ratio: int) -> None:
        """Accept a ratio that divides the stride, or 0.

        Raises:
            ConfigError: it is negative, or does not divide the stride.
        """
        fits = ratio == 0 or (ratio > 0 and self.condensed_tokens % ratio == 0)
        _check(fits, "ratio", ratio, f"0 or a divisor of the {self.condensed_tokens} tokens condensed per window")

    def check_layers(self, layers: int) -> None:
        """Accept a decoder of so many layers.

        Raises:
            ConfigError: the shares are for another number of layers.
        """
        for ratio, shares in self.layer_shares.items():
            _check(
                len(shares) == layers, f"layer_shares of ratio {ratio}", shares, f"{layers} shares, one for each layer"
            )

    def extra_rows(self, ratio: int, layer: int) -> int:
        """How many rows more of each full window a layer keeps than all layers on average, or fewer if negative."""
        shares = self.layer_shares.get(ratio)
        return 0 if shares is None else max(1, round(shares[layer] * self.window)) - self.window // ratio

    def changed(self, **changes: Any) -> BeaconConfig:
        """A copy with changes. A changed window resets stride and ratios to their defaults unless `changes` names them, too.

        Raises:
            ConfigError: a bad value.
        """
        if changes.get("window") is not None:
            changes = {"stride": None, "ratios": (), **changes}
        return replace(self, **changes)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BeaconConfig:
        """A config from its own field names.

        Raises:
            ConfigError: an unknown field or a bad value.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f"The plug-in setting {unknown[0]!r} is unknown; known are {', '.join(sorted(known))}.")
        return cls(**values)

    @classmethod
    def from_published(cls, values: Mapping[str, Any]) -> BeaconConfig:
        """A config from a published checkpoint's `config.json`, whose settings start with `beacon_`.

        Raises:
            ConfigError: no such settings, or a bad value.
        """
        if "beacon_window" not in values:
            raise ConfigError(
                "The checkpoint's config.json has no beacon_window: it is not an Activation Beacon checkpoint."
            )
        ratios = values.get("beacon_ratio", [2, 4, 8, 16, 32])
        projections = values.get("beacon_param", ["q", "k", "v"])
        return cls(
            window=values["beacon_window"],
            stride=values.get("beacon_stride", values["beacon_window"]),
            ratios=tuple(ratios) if isinstance(ratios, list) else (ratios,),
            ratio_choice=values.get("beacon_ratio_mix") or "sequence",
            layout=values.get("beacon_pos", "interleave"),
            attention=values.get("beacon_attn", "full-coverage"),
            attend_previous=values.get("beacon_attend_prev", True),
            sink_tokens=values.get("beacon_sink_size", 0),
            projections=tuple(projections),
            embedding_from=values.get("beacon_embed_init", "eos"),
        )


def _check(holds: bool, field: str, value: object, allowed: str) -> None:
    if not holds:
        raise ConfigError(f"The plug-in setting {field} is {value!r}; it must be {allowed}.")
