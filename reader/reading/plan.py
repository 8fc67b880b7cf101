"""What reading a document will do, settled before the decoder runs: windows, ratio, slots, and the keys of what comes out.

A memory's key is a hash of all that shapes it: decoder, plug-in, tokenizer and settings, then the token ids window by window, each
window's key made from the one before it. The parser's version is not in it: what is read are the tokens, and where a parser gives
another text, they differ. It runs no decoder and touches no file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass

import torch
from torch import Tensor

from reader.beacon import NO_SPAN, BeaconConfig, adapt_ratio
from reader.documents import Document
from reader.errors import ConfigError, ContextOverflow
from reader.models import Model

FORMAT = "reader-memory-1"
"""Raise it whenever the same settings and tokens would give another memory."""

ROOM_TOKENS = 1024
"""Positions kept free behind the memory for the question and the answer."""

MEMORY_DTYPES = ("model", "int8")
"""How a memory is kept: in the decoder's type, or as bytes with a scale for each slot."""


@dataclass(frozen=True)
class Window:
    """Consecutive token ids (tokens,) with their character spans (tokens, 2); all windows together are the document's tokens."""

    number: int
    ids: Tensor
    spans: Tensor


@dataclass(frozen=True)
class ReadingPlan:
    """What reading a document will do, known before the decoder runs."""

    document: Document
    config: BeaconConfig
    ids: Tensor
    """(tokens,): what is read window by window."""
    spans: Tensor
    """(tokens, 2)"""
    document_tokens: int
    ratio: int
    sink: int
    slots: int
    settings: dict[str, object]
    segment_keys: tuple[str, ...]
    """The chain key of each full window."""
    memory_key: str

    @property
    def windows(self) -> int:
        """Windows, the unfinished last one included."""
        return -(-len(self.ids) // self.config.window)

    def window(self, number: int) -> Window:
        """Window `number`, counted from 0."""
        part = slice(number * self.config.window, (number + 1) * self.config.window)
        return Window(number, self.ids[part], self.spans[part])

    def pages_read(self, windows: int) -> int:
        """Pages of which every character is read after that many windows."""
        if windows >= self.windows:
            return len(self.document.pages)
        end = int(self.spans[windows * self.config.window - 1, 1]) if windows else 0
        return sum(page.end <= end for page in self.document.pages)


def plan_reading(
    document: Document, model: Model, ratio: int | None = None, *, memory_dtype: str = "model"
) -> ReadingPlan:
    """Cut a document into windows, choose the ratio, and derive the keys.

    Args:
        ratio: raw tokens per beacon, 0 to keep raw activations; None adapts it to the document's length.
        memory_dtype: one of `MEMORY_DTYPES`.

    Raises:
        ConfigError: the ratio does not divide the window, or there is no such type.
        ContextOverflow: the memory would not fit the decoder's positions; names the ratio that does.
    """
    config = model.plugin.config
    if memory_dtype not in MEMORY_DTYPES:
        raise ConfigError(f"The memory type is {memory_dtype!r}; it must be one of {', '.join(MEMORY_DTYPES)}.")
    if ratio is not None:
        config.check_ratio(ratio)
    ids, spans = model.encode(document.text)
    document_tokens = len(ids)
    opening = model.opening
    if model.is_published:
        ids = torch.cat([opening, ids])
        spans = torch.cat([torch.full((len(opening), 2), NO_SPAN), spans])

    ratios = _resolve(model, document_tokens, ratio)
    slots = memory_slots(model, document_tokens, *ratios)
    if not fits(model, slots):
        raise _too_long(model, document_tokens, slots, ratio)
    config = dataclasses.replace(config, ratios=ratios, ratio_choice="sequence")
    full_windows = len(ids) // config.window

    settings: dict[str, object] = {
        "format": FORMAT,
        "model": model.name,
        "decoder": model.decoder.fingerprint,
        "plugin": model.plugin_fingerprint,
        "tokenizer": model.decoder.tokenizer_fingerprint,
        "dtype": model.decoder.precision,
        "memory_dtype": memory_dtype,
        "rope": model.decoder.model.config.rope_parameters,
        "opening": opening.tolist(),
        "ratio": ratios[0],
        "beacon": dataclasses.asdict(config),
    }
    # The model's name is for people; the same weights under another name give the same memory.
    identity = json.dumps({name: value for name, value in settings.items() if name != "model"}, sort_keys=True)
    key = hashlib.sha256(f"{FORMAT}\0settings\0{identity}".encode()).digest()
    keys: list[bytes] = []
    for number in range(-(-len(ids) // config.window)):
        window = ids[number * config.window : (number + 1) * config.window]
        key = hashlib.sha256(f"{FORMAT}\0window\0".encode() + key + window.numpy().astype("<i4").tobytes()).digest()
        keys.append(key)
    # The document's id goes in because slots point into its text, which a tokenizer that normalises may not tell apart.
    memory_key = hashlib.sha256(f"{FORMAT}\0memory\0{document.id}\0".encode() + key).hexdigest()
    segment_keys = tuple(key.hex() for key in keys[:full_windows])
    return ReadingPlan(
        document,
        config,
        ids,
        spans,
        document_tokens,
        ratios[0],
        _sink(model),
        slots,
        settings,
        segment_keys,
        memory_key,
    )


# Slots


def memory_slots(model: Model, document_tokens: int, *ratios: int) -> int:
    """Slots of the memory of a document of that many tokens, whose windows take the ratios in turn; 0 condenses nothing."""
    config = model.plugin.config
    tokens = document_tokens + (len(model.opening) if model.is_published else 0)
    stride = config.condensed_tokens
    # Each window condenses its first `stride` tokens; the others are the next window's first.
    windows = 1 + (tokens - config.window) // stride if tokens >= config.window else 0
    kept = [stride // ratio if ratio else stride for ratio in ratios]
    condensed = sum(kept[number % len(kept)] for number in range(windows))
    # A published checkpoint's sink is of its first window: apart from the beacons, but not from what is kept raw.
    sink = _sink(model) if not model.is_published or (windows and ratios[0]) else 0
    return sink + condensed + tokens - windows * stride


def fits(model: Model, slots: int) -> bool:
    """Whether a memory leaves room for a question and its answer in the decoder's positions."""
    return slots + room_tokens(model) <= model.plugin.max_positions


def room_tokens(model: Model) -> int:
    """Positions kept free for the question and the answer."""
    return min(ROOM_TOKENS, model.plugin.max_positions // 4)


RAW_SLOTS = 8192
"""Where no ratio is given, a memory of rows has no more slots than these: each slot that is attended to costs time and bytes."""


def smallest_ratio(model: Model, document_tokens: int, least: int = 1) -> int:
    """The smallest of the plug-in's ratios, from `least` on, whose memory leaves room for question and answer; else the largest."""
    ratios = [ratio for ratio in sorted(model.plugin.config.ratios) if ratio >= least]
    fitting = (ratio for ratio in ratios if fits(model, memory_slots(model, document_tokens, ratio)))
    return next(fitting, max(model.plugin.config.ratios))


def _row_ratio(model: Model, document_tokens: int) -> int:
    """How many rows of a window become one: 0, which keeps all, or the smallest ratio that makes no more than `RAW_SLOTS`."""
    room = min(RAW_SLOTS, model.plugin.max_positions - room_tokens(model))
    ratios = (0, *sorted(model.plugin.config.ratios))
    fitting = (ratio for ratio in ratios if memory_slots(model, document_tokens, ratio) <= room)
    return next(fitting, max(ratios))


def _sink(model: Model) -> int:
    """Slots in front of the beacons: a published checkpoint's own setting, else the opening."""
    return model.plugin.config.sink_tokens if model.is_published else len(model.opening)


def _resolve(model: Model, document_tokens: int, ratio: int | None) -> tuple[int, ...]:
    """The ratios that the windows take in turn."""
    if ratio is not None:
        return (ratio,)
    if model.plugin.config.ratio_choice == "sequence":
        return model.plugin.config.ratios
    if model.plugin.rows is not None:
        return (_row_ratio(model, document_tokens),)
    tokens = document_tokens + (len(model.opening) if model.is_published else 0)
    # adapt-R counts its room as if it were condensed, too; a question and its answer stay raw.
    least = adapt_ratio(model.plugin.config, tokens, model.plugin.max_positions)
    return (smallest_ratio(model, document_tokens, least),)


def _too_long(model: Model, document_tokens: int, slots: int, ratio: int | None) -> ContextOverflow:
    condensed_tokens = model.plugin.config.condensed_tokens
    divisors = [one for one in range(1, condensed_tokens + 1) if condensed_tokens % one == 0]
    fitting = next((one for one in divisors if fits(model, memory_slots(model, document_tokens, one))), None)
    chosen = "" if ratio is None else f" at ratio {ratio}"
    # A ratio beyond those that the plug-in was trained with is for the one who asks for it by number.
    is_offered = ratio is not None and fitting is not None
    advice = f"read it at ratio {fitting}" if is_offered else "split it, or use a decoder with more positions"
    return ContextOverflow(
        f"The document's {document_tokens:,} tokens make {slots:,} slots{chosen}, more than the "
        f"{model.plugin.max_positions:,} positions of {model.name} less {room_tokens(model):,} for question and answer; {advice}.",
        fitting_ratio=fitting,
    )
