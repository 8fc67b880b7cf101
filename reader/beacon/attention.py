"""Attention over a memory and the tokens behind it, without building masks that say nothing.

Registered with transformers under the name `ATTENTION`, and used only while the plug-in runs the decoder. When no mask is
given, it is causal attention aligned at the bottom right: L queries are the last L of S keys. It does not rotate, cache
or condense.

One query attends with the query heads of a group folded into the query length, so that keys are never repeated in memory.
Many queries on a CPU attend in two parts, the memory (seen whole, no mask, groups folded) and the window (causal), merged by
their log-sum-exp: the split of FlashAttention (arXiv 2205.14135, section 3.1). On CUDA the bottom-right causal kernel does
it in one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

ATTENTION = "activation_beacon"


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention output (batch, queries, heads, head_dim) for the query (batch, heads, queries, head_dim).

    key and value are (batch, kv_heads, keys, head_dim); attention_mask is None (bottom-right causal) or, broadcastable,
    (batch, heads, queries, keys), True or 0 where a query sees a key.
    """
    groups = query.shape[1] // key.shape[1]
    queries, keys = query.shape[2], key.shape[2]
    if attention_mask is not None:
        output = scaled_dot_product_attention(
            query, _repeat(key, groups), _repeat(value, groups), attn_mask=attention_mask, scale=scaling
        )
    elif queries == 1:
        output = scaled_dot_product_attention(_fold(query, groups), key, value, scale=scaling).reshape(query.shape)
    elif keys == queries:
        output = scaled_dot_product_attention(
            query, _repeat(key, groups), _repeat(value, groups), is_causal=True, scale=scaling
        )
    elif query.device.type == "cpu" and not torch.is_grad_enabled():
        output = _attend_in_two_parts(query, key, value, keys - queries, scaling)
    else:
        output = scaled_dot_product_attention(
            query,
            _repeat(key, groups),
            _repeat(value, groups),
            attn_mask=causal_lower_right(queries, keys),
            scale=scaling,
        )
    return output.transpose(1, 2).contiguous(), None


def _attend_in_two_parts(query: Tensor, key: Tensor, value: Tensor, slots: int, scaling: float | None) -> Tensor:
    """Attention to the first `slots` keys in full and to the rest causally, as one softmax over both."""
    groups = query.shape[1] // key.shape[1]
    part = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    window, window_lse = part(
        query, _repeat(key[:, :, slots:], groups), _repeat(value[:, :, slots:], groups), 0.0, True, scale=scaling
    )
    memory, memory_lse = part(_fold(query, groups), key[:, :, :slots], value[:, :, :slots], scale=scaling)
    share = torch.sigmoid(memory_lse.reshape(window_lse.shape) - window_lse).unsqueeze(-1)
    return torch.lerp(window, memory.reshape(window.shape), share.to(window.dtype))


def _fold(query: Tensor, groups: int) -> Tensor:
    """(batch, kv_heads * groups, queries, head_dim) as (batch, kv_heads, groups * queries, head_dim)."""
    batch, heads, queries, head_dim = query.shape
    return query.reshape(batch, heads // groups, groups * queries, head_dim)


def _repeat(states: Tensor, groups: int) -> Tensor:
    return states if groups == 1 else states.repeat_interleave(groups, dim=1)


AttentionInterface.register(ATTENTION, attend)
