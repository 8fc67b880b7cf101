"""Rotary positions: rotating keys that move, how many positions a decoder has, and which decoders can take the plug-in.

Keys are rotated by the difference between two positions, once, whatever the decoder's own rotation is. It changes no memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from reader.errors import ModelError


def max_positions(decoder: Any) -> int:
    """Positions that the decoder was made for, its sliding window where that is smaller."""
    config = decoder.config
    positions = int(config.max_position_embeddings)
    window = int(getattr(config, "sliding_window", None) or 0)
    return min(positions, window) if window and getattr(config, "use_sliding_window", True) else positions


def rotation(decoder: Any, difference: Tensor) -> Callable[[Tensor], Tensor]:
    """A function that rotates keys (batch, kv_heads, slots, head_dim) by `difference` positions (slots,), in float32."""
    rotary = decoder.base_model.rotary_emb
    apply = sys.modules[type(decoder).__module__].apply_rotary_pos_emb
    device = decoder.device
    cos, sin = rotary(torch.empty(0, device=device), difference[None].to(device))
    scaling = getattr(rotary, "attention_scaling", 1.0)  # once applied to the keys, it must not be applied again
    cos, sin = cos / scaling, sin / scaling

    def rotate(keys: Tensor) -> Tensor:
        rotated: Tensor = apply(keys[:, :0].float(), keys.float(), cos, sin)[1]
        return rotated.to(keys.dtype)

    return rotate


def check_decoder(decoder: Any) -> None:
    """Accept a decoder that can take the plug-in.

    Raises:
        ModelError: names the architecture and the reason why not.
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
