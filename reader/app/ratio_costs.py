"""What a document's memory would take at each ratio, about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage import Store

if TYPE_CHECKING:  # torch takes seconds to import: a page opens without it
    from reader.models import Model


@dataclass(frozen=True)
class RatioCost:
    """What reading a document at one ratio takes."""

    ratio: int
    """Tokens condensed into one beacon; 0 keeps all."""
    slots: int
    bytes: int
    fits: bool
    """Whether memory, question and answer fit the decoder's positions."""


def ratio_costs(store: Store, model: Model, document_id: str, tokens: int, memory_dtype: str | None) -> list[RatioCost]:
    """The costs of a document of so many tokens, by ratio, kept in this dtype or in the usual one."""
    from reader.reading import fits, memory_slots, usual_dtype

    memory_dtype = memory_dtype or usual_dtype(model)
    memories = [
        memory
        for memory in store.memories(document_id)
        if memory.state == "ready" and memory.slots and memory.settings.get("memory_dtype") == memory_dtype
    ]
    slot_bytes = memories[0].bytes / memories[0].slots if memories else _slot_bytes(model, memory_dtype)
    costs = []
    for ratio in sorted({0, *model.plugin.config.ratios}):
        slots = memory_slots(model, tokens, ratio)
        costs.append(RatioCost(ratio, slots, round(slots * slot_bytes), fits(model, slots)))
    return costs


def _slot_bytes(model: Model, memory_dtype: str) -> float:
    config = model.decoder.model.config
    heads = getattr(config, "num_key_value_heads", config.num_attention_heads)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    # int8 has a scale of four bytes for each key and each value; int4 keys in 4 bits, values in 3, and two to four bytes a group.
    rounded_bytes = {"int8": 1 + 4 / head_dim, "int4": 7 / 16 + 2 / head_dim}
    value_bytes = rounded_bytes.get(memory_dtype, model.decoder.dtype.itemsize)
    return float(2 * config.num_hidden_layers * heads * head_dim * value_bytes)
