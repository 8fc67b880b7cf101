"""Plans a reading before the decoder runs: windows, ratio, slots, and the keys of windows and memory.

A memory's key is a hash of everything that shapes the memory: decoder, plug-in, tokenizer and settings, then the token ids
window by window. Each window's key contains the key of the window before it. The parser's version is not part of the key: a
parser that extracts another text gives other tokens and so another key. This module runs no decoder and touches no file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from reader.beacon import NO_SPAN, BeaconConfig, adapt_ratio
from reader.documents import Document
from reader.errors import ConfigError, ContextOverflow
from reader.models import Model

FORMAT = "reader-memory-1"
"""Raise this number whenever the same settings and tokens would give another memory."""

ROOM_TOKENS = 1024
"""Positions kept free after the memory for the question and the answer."""

RAW_SLOTS = 8192
"""The most slots of a memory of rows if no ratio is given: each slot costs attention time and bytes."""

MEMORY_DTYPES = ("model", "int8", "int4")
"""The type of a saved memory: the decoder's, int8 with a scale for each slot, or keys in 4 and values in 3 bits.

Each window is rounded as it is read, so that a document that begins like another can take over its windows.
"""


@dataclass(frozen=True)
class Window:
    """Consecutive token ids (tokens,) with their character spans (tokens, 2). All windows together hold the document's tokens."""

    number: int
    ids: Tensor
    spans: Tensor


@dataclass(frozen=True)
class ReadingPlan:
    """The plan of a reading, known before the decoder runs."""

    document: Document
    config: BeaconConfig
    ids: Tensor
    """(tokens,): the tokens to read window by window."""
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

    def as_good(self, model: Model) -> Iterator[ReadingPlan]:
        """The plans of memories that serve as well: by the decoder in an alike precision, or not rounded, as all were once."""
        others = {name: value for name, value in self.settings.items() if name not in _type_settings("int8")}
        for precision, memory_dtype in itertools.product(
            model.decoder.alike, (str(self.settings["memory_dtype"]), "model")
        ):
            settings = others | _type_settings(memory_dtype) | {"dtype": precision}
            segment_keys, memory_key = _chain(settings, self.document.id, self.ids, self.config.window)
            yield dataclasses.replace(self, settings=settings, segment_keys=segment_keys, memory_key=memory_key)

    @property
    def windows(self) -> int:
        """The number of windows, with the unfinished last one."""
        return -(-len(self.ids) // self.config.window)

    def window(self, number: int) -> Window:
        """Window `number`, counted from 0."""
        part = slice(number * self.config.window, (number + 1) * self.config.window)
        return Window(number, self.ids[part], self.spans[part])

    def pages_read(self, windows: int) -> int:
        """The number of pages that are fully read after `windows` windows."""
        if windows >= self.windows:
            return len(self.document.pages)
        end = int(self.spans[windows * self.config.window - 1, 1]) if windows else 0
        return sum(page.end <= end for page in self.document.pages)


def plan_reading(
    document: Document, model: Model, ratio: int | None = None, *, memory_dtype: str | None = None
) -> ReadingPlan:
    """Cut a document into windows, choose the ratio, and derive the keys.

    Args:
        ratio: raw tokens per beacon; 0 keeps raw activations; None adapts the ratio to the document's length.
        memory_dtype: one of `MEMORY_DTYPES`; None: see `usual_dtype`.

    Raises:
        ConfigError: the ratio does not divide the window, or the memory type is unknown.
        ContextOverflow: the memory does not fit the decoder's positions; the message names a ratio that fits.
    """
    config = model.plugin.config
    memory_dtype = memory_dtype or usual_dtype(model)
    if memory_dtype not in MEMORY_DTYPES:
        raise ConfigError(f"The memory type is {memory_dtype!r}; it must be one of {', '.join(MEMORY_DTYPES)}.")
    if memory_dtype == "int4" and not _takes_int4(model):
        raise ConfigError(
            f"A memory of {model.name} cannot be kept in int4, as its heads have no multiple of 8 numbers; use int8."
        )
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
    settings: dict[str, object] = {
        "format": FORMAT,
        "model": model.name,
        "decoder": model.decoder.fingerprint,
        "plugin": model.plugin_fingerprint,
        "tokenizer": model.decoder.tokenizer_fingerprint,
        "dtype": model.decoder.precision,
        **_type_settings(memory_dtype),
        "rope": model.decoder.model.config.rope_parameters,
        "opening": opening.tolist(),
        "ratio": ratios[0],
        "beacon": _settings_of_reading(config),
        **_choosers_of_large_ratios(model, ratios),
    }
    segment_keys, memory_key = _chain(settings, document.id, ids, config.window)
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


def usual_dtype(model: Model) -> str:
    """The type of a memory if none is chosen: int4 instead of float32, or int8 where that would be less exact, else the decoder's
    own."""
    if model.decoder.dtype != torch.float32:
        return "model"
    config = model.plugin.config
    # A window of which a part is read again with the next one cannot be rounded to int4 before.
    return "int4" if _takes_int4(model) and config.condensed_tokens == config.window else "int8"


def _takes_int4(model: Model) -> bool:
    """Whether the decoder's values can be packed in 3 bits, an eighth of them after another."""
    return model.plugin.new_memory().layers[0].keys.shape[-1] % 8 == 0


def _type_settings(memory_dtype: str) -> dict[str, str]:
    """What a memory's type adds to its settings."""
    # Rounded memories without the second setting are older: they were rounded at the end.
    return {"memory_dtype": memory_dtype} | ({} if memory_dtype == "model" else {"rounded": "by window"})


def _chain(settings: Mapping[str, object], document_id: str, ids: Tensor, window: int) -> tuple[tuple[str, ...], str]:
    """The chain key of each full window of token ids (tokens,), and the memory's key."""
    # The model's name is not part of the key: the same weights under another name give the same memory.
    identity = json.dumps({name: value for name, value in settings.items() if name != "model"}, sort_keys=True)
    key = hashlib.sha256(f"{FORMAT}\0settings\0{identity}".encode()).digest()
    keys = []
    for part in ids.split(window) if len(ids) else ():
        key = hashlib.sha256(f"{FORMAT}\0window\0".encode() + key + part.numpy().astype("<i4").tobytes()).digest()
        keys.append(key.hex())
    # The document's id is part of the key because slots point into its text. A tokenizer that normalises its input may give the
    # same tokens for different texts.
    return tuple(keys[: len(ids) // window]), hashlib.sha256(
        f"{FORMAT}\0memory\0{document_id}\0".encode() + key
    ).hexdigest()


# Slots


def memory_slots(model: Model, document_tokens: int, *ratios: int) -> int:
    """The number of slots in a document's memory. Its windows use the ratios in turn; ratio 0 condenses nothing."""
    config = model.plugin.config
    tokens = document_tokens + (len(model.opening) if model.is_published else 0)
    # A published checkpoint's sink is part of its first window. It adds slots to the beacons, but not to tokens kept raw.
    sink = _sink(model) if not model.is_published or (tokens >= config.window and ratios[0]) else 0
    return sink + _slots(config, tokens, *ratios)


def _slots(config: BeaconConfig, tokens: int, *ratios: int) -> int:
    """The number of slots in a memory behind its sink."""
    stride = config.condensed_tokens
    # Each window condenses its first `stride` tokens; the next window starts with the others.
    windows = 1 + (tokens - config.window) // stride if tokens >= config.window else 0
    kept = [stride // ratio if ratio else stride for ratio in ratios]
    condensed = sum(kept[number % len(kept)] for number in range(windows))
    return condensed + tokens - windows * stride


def _settings_of_reading(config: BeaconConfig) -> dict[str, object]:
    """The plug-in's settings, without those that came later and shape no memory: memories that were read before keep their keys."""
    settings = dataclasses.asdict(config)
    for later in (*config.REFUSALS, "layer_shares"):
        del settings[later]
    if used := {ratio: shares for ratio, shares in config.layer_shares.items() if ratio in config.ratios}:
        settings["layer_shares"] = used
    return settings


def _choosers_of_large_ratios(model: Model, ratios: tuple[int, ...]) -> dict[str, object]:
    """Other ways to choose rows than the plug-in's own, by ratio, where there are any."""
    if model.plugin.rows is None:
        return {}
    chosen = {ratio: model.plugin.rows.at(ratio).fingerprint for ratio in ratios if ratio}
    others = {ratio: name for ratio, name in chosen.items() if name != model.plugin_fingerprint}
    return {"choosers": others} if others else {}


def fits(model: Model, slots: int) -> bool:
    """Whether a memory leaves room for a question and its answer in the decoder's positions."""
    return slots + room_tokens(model) <= model.plugin.max_positions


def room_tokens(model: Model) -> int:
    """The number of positions kept free for the question and the answer."""
    return _room_tokens(model.plugin.max_positions)


def _room_tokens(max_positions: int) -> int:
    return min(ROOM_TOKENS, max_positions // 4)


def smallest_ratio(model: Model, document_tokens: int, least: int = 1) -> int:
    """The smallest ratio of the plug-in, from `least`, whose memory leaves room for question and answer; else the largest."""
    ratios = [ratio for ratio in sorted(model.plugin.config.ratios) if ratio >= least]
    fitting = (ratio for ratio in ratios if fits(model, memory_slots(model, document_tokens, ratio)))
    return next(fitting, max(model.plugin.config.ratios))


def row_ratio(config: BeaconConfig, document_tokens: int, max_positions: int, sink: int = 0) -> int:
    """The ratio for a memory of rows: 0, which keeps all rows, or the smallest ratio with at most `RAW_SLOTS` slots.

    Args:
        sink: slots before the rows.
    """
    room = min(RAW_SLOTS, max_positions - _room_tokens(max_positions)) - sink
    ratios = (0, *sorted(config.ratios))
    fitting = (ratio for ratio in ratios if _slots(config, document_tokens, ratio) <= room)
    return next(fitting, max(ratios))


def _sink(model: Model) -> int:
    """The number of slots before the beacons: a published checkpoint's own setting, else the opening's length."""
    return model.plugin.config.sink_tokens if model.is_published else len(model.opening)


def _resolve(model: Model, document_tokens: int, ratio: int | None) -> tuple[int, ...]:
    """The ratios that the windows use in turn."""
    if ratio is not None:
        return (ratio,)
    if model.plugin.config.ratio_choice == "sequence":
        return model.plugin.config.ratios
    if model.plugin.rows is not None:
        plugin = model.plugin
        return (row_ratio(plugin.config, document_tokens, plugin.max_positions, _sink(model)),)
    tokens = document_tokens + (len(model.opening) if model.is_published else 0)
    # adapt-R counts the free room as if it were condensed, too, but a question and its answer stay raw.
    least = adapt_ratio(model.plugin.config, tokens, model.plugin.max_positions)
    return (smallest_ratio(model, document_tokens, least),)


def _too_long(model: Model, document_tokens: int, slots: int, ratio: int | None) -> ContextOverflow:
    condensed_tokens = model.plugin.config.condensed_tokens
    divisors = [one for one in range(1, condensed_tokens + 1) if condensed_tokens % one == 0]
    fitting = next((one for one in divisors if fits(model, memory_slots(model, document_tokens, one))), None)
    chosen = "" if ratio is None else f" at ratio {ratio}"
    # Advise another ratio only to a user who gave one: the fitting ratio may be one that was not used in training.
    is_offered = ratio is not None and fitting is not None
    advice = f"read it at ratio {fitting}" if is_offered else "split it, or use a decoder with more positions"
    return ContextOverflow(
        f"The document's {document_tokens:,} tokens make {slots:,} slots{chosen}, more than the "
        f"{model.plugin.max_positions:,} positions of {model.name} less {room_tokens(model):,} for question and answer; {advice}.",
        fitting_ratio=fitting,
    )
