"""Estimates a document's tokens and reading time before the decoder is loaded.

Tokens are counted with a tiktoken encoding of the decoder's own vocabulary. The time is that of the last reading with the same
decoder in this library. Without one, it is the number of operations that a window needs (arXiv 2401.03462 v3, section 3.4)
at the speed of a bundled decoder on this machine, for other decoders at that of a matrix product. An estimate says which it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from reader.beacon import BeaconConfig, adapt_ratio
from reader.condensing import CHOOSERS, ROW_METHODS
from reader.documents import Document
from reader.models import count_tokens, is_bundled, load_tokenizer, pass_rate, reading_speed
from reader.reading.plan import row_ratio
from storage import MemoryRecord, Store


@dataclass(frozen=True)
class Estimate:
    """The estimated cost of reading a document."""

    document_tokens: int
    seconds: float
    basis: str
    """`measured` in an earlier reading of this library, or `calculated`."""


def estimate_reading(
    document: Document,
    model_name: str,
    store: Store,
    *,
    window: int,
    ratio: int | None,
    condenser: str | None = None,
    cache_folder: Path | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Estimate:
    """Estimate tokens and seconds without the decoder's weights.

    Args:
        condenser: how windows are condensed, as for `load_model`; one that runs each window twice takes as long again.

    Raises:
        ModelError: the model does not exist.
    """
    tokenizer = load_tokenizer(model_name, cache_folder=cache_folder, progress=progress)
    tokens = count_tokens(tokenizer)(document.text)
    config = AutoConfig.from_pretrained(tokenizer.name_or_path)
    positions = config.max_position_embeddings
    if ratio is None:
        settings = BeaconConfig(window=window)
        is_of_rows = condenser in ROW_METHODS
        ratio = (row_ratio if is_of_rows else adapt_ratio)(settings, tokens, positions)
    passes = _passes(condenser, ratio)
    speeds = [
        record.tokens / record.seconds * _passes_of(record) / passes
        for record in store.memories()
        if record.state == "ready"
        and not record.imported
        and record.settings.get("model") == model_name
        and record.seconds > 1
    ]
    if speeds:
        return Estimate(tokens, tokens / speeds[0], "measured")
    beacons_per_token = 1 / ratio if ratio else 0.0
    slots = tokens * (beacons_per_token or 1.0)
    if passes == 1:
        beacons = 0.0 if condenser in ROW_METHODS else beacons_per_token  # a row is one of the window's own
        per_token = (1 + beacons) * _token_operations(config, window / 2 + slots / 2)
    else:  # no beacons; the second time, the tokens attend to the whole window and themselves, and to no slots
        per_token = _token_operations(config, window / 2 + slots / 2) + _token_operations(config, window * 1.5)
    if is_bundled(model_name):
        alone = reading_speed(model_name, cache_folder=cache_folder).seconds / 1000
        per_token /= _token_operations(config, window / 2)
        return Estimate(tokens, tokens * alone * per_token, "calculated")
    return Estimate(tokens, tokens * per_token / pass_rate(cache_folder=cache_folder), "calculated")


def _passes(condenser: str | None, ratio: int | None) -> int:
    """How often each window is run; where all rows are kept, none has to be chosen."""
    return 2 if condenser in CHOOSERS and CHOOSERS[condenser]().replays and ratio != 0 else 1


def _passes_of(record: MemoryRecord) -> int:
    """How often each window was run for a memory."""
    names = [name for name, chooser in CHOOSERS.items() if chooser().fingerprint == record.settings.get("plugin")]
    return _passes(names[0], record.settings["ratio"]) if names else 1


def _token_operations(config: Any, attended: float) -> float:
    """Floating-point operations to run one token that attends to `attended` others, without the logits."""
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    heads, kv_heads = config.num_attention_heads, getattr(config, "num_key_value_heads", config.num_attention_heads)
    projections = (
        config.hidden_size * head_dim * (2 * heads + 2 * kv_heads) + 3 * config.hidden_size * config.intermediate_size
    )
    return float(config.num_hidden_layers * (2 * projections + 4 * attended * heads * head_dim))
