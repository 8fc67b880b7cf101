"""Rotary positions: rotating keys that move, how many positions a decoder has, and which decoders can take the plug-in.

Keys are rotated once, by the difference between two positions, for every kind of rotary embedding. This module changes no memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from reader.errors import ModelError


def max_positions(decoder: Any) -> int:
    """The number of positions for which the decoder was made, or its sliding window if that is smaller."""
    config = decoder.config
    positions = int(config.max_position_embeddings)
    window = int(getattr(config, "sliding_window", None) or 0)
    return min(positions, window) if window and getattr(config, "use_sliding_window", True) else positions


def rotation(decoder: Any, difference: Tensor) -> Callable[[Tensor], Tensor]:
    """A function that rotates keys (batch, kv_heads, slots, head_dim) by `difference` positions, in float32.

    difference is (slots,); or (kv_heads, slots) if the heads' slots move by different amounts, with a batch of 1.
    """
    apply = sys.modules[type(decoder).__module__].apply_rotary_pos_emb
    is_by_head = difference.dim() > 1
    cos, sin = _cos_sin(decoder, difference if is_by_head else difference[None])

    def rotate(keys: Tensor) -> Tensor:
        states = keys.transpose(0, 1) if is_by_head else keys  # treat the heads as sequences
        rotated: Tensor = apply(states[:, :0].float(), states.float(), cos, sin)[1].to(keys.dtype)
        return rotated.transpose(0, 1) if is_by_head else rotated

    return rotate


def mean_rotation(decoder: Any, positions: Tensor) -> Callable[[Tensor], Tensor]:
    """A function that turns keys (kv_heads, slots, head_dim) back by the mean rotation of positions (positions,), in float32.

    The product of an unrotated query with the returned key is the mean, over those positions, of the rotated query's product
    with the key.
    """
    apply = sys.modules[type(decoder).__module__].apply_rotary_pos_emb
    cos, sin = (part.mean(dim=1, keepdim=True) for part in _cos_sin(decoder, positions[None]))

    def turn_back(keys: Tensor) -> Tensor:
        turned: Tensor = apply(keys[None][:, :0].float(), keys[None].float(), cos, -sin)[1][0]
        return turned

    return turn_back


def _cos_sin(decoder: Any, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines (rows, positions, head_dim) of positions (rows, positions)."""
    rotary, device = decoder.base_model.rotary_emb, decoder.device
    cos, sin = rotary(torch.empty(0, device=device), positions.to(device))
    scaling = getattr(rotary, "attention_scaling", 1.0)  # the keys have this factor already: divide it out
    return cos / scaling, sin / scaling


def check_decoder(decoder: Any) -> None:
    """Accept a decoder that can take the plug-in.

    Raises:
        ModelError: the decoder cannot take the plug-in; the message names its architecture and the reason.
    """
    name = type(decoder).__name__

    def refuse(reason: str) -> None:
        raise ModelError(
            f"{name} cannot take the Activation Beacon plug-in: {reason}. Use a Llama, Mistral or Qwen decoder."
        )

    layers = getattr(decoder.base_model, "layers", [])
    if not layers:
        refuse("it has no list of decoder layers")
    for layer in layers:
        attention = getattr(layer, "self_attn", None)
        for projection in ("q_proj", "k_proj", "v_proj", "o_proj"):
            if not isinstance(getattr(attention, projection, None), nn.Module):
                refuse(f"its layers have no self_attn.{projection}")
    rotary = getattr(decoder.base_model, "rotary_emb", None)
    module = sys.modules[type(decoder).__module__]
    if rotary is None or not hasattr(module, "apply_rotary_pos_emb"):
        refuse("its positions are not rotary")
    kind = getattr(rotary, "rope_type", "default")
    if not isinstance(kind, str):
        refuse("its layers rotate in different ways")
    if kind in ("dynamic", "longrope"):
        refuse(f"its rotary positions ({kind!r}) change with the length of the text, so saved keys would go stale")
    config = decoder.config
    if len(set(getattr(config, "layer_types", None) or ["full_attention"])) > 1:
        refuse("its layers attend in different ways")
    for field in ("attn_logit_softcapping", "no_rope_layers"):
        if getattr(config, field, None):
            refuse(f"it uses {field}")
    if not getattr(decoder, "_supports_attention_backend", False):
        refuse("transformers does not let its attention be chosen")
