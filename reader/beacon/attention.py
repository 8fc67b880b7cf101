"""Attention over a memory and the tokens after it. Builds a mask only where one is needed.

Registered with transformers under the name `ATTENTION`, and used only while the plug-in runs the decoder. Without a mask,
attention is causal and aligned at the bottom right: the L queries are the last L of the S keys. This module does not rotate,
cache or condense.

On a CPU, compiled loops attend to slots in int8 as they are, and to others where that is faster: `one_query` for a single query and
many keys, `many_queries` for many queries. Otherwise a single query folds the query heads of each group into the query length, so
that keys are never repeated in memory, and many queries attend in two parts: to the memory (all of it, no mask, groups folded) and
to the window (causal). The two outputs are merged by their log-sum-exp, as in FlashAttention (arXiv 2205.14135, section 3.1). On
CUDA one bottom-right causal kernel computes both.

Inside `recording`, the queries are kept, so that the caller can compute later what they attended to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.backends.cuda import SDPAParams, can_use_flash_attention
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from reader.beacon.many_queries import attend_in_blocks
from reader.beacon.memory import SlotLayer
from reader.beacon.one_query import attend_alone
from reader.beacon.rounding import RoundedSlots

ATTENTION = "activation_beacon"

_KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""Without cuDNN's: with torch 2.11 on an H100 it made NaN in masked bfloat16 batches, and it plans anew for each number of keys."""

_QUERIES = 64
"""Whose shares are worked out at a time: all of a long question's would take hundreds of megabytes, and three times as long."""

_recorded: ContextVar[dict[int, list[Tensor]] | None] = ContextVar("recorded", default=None)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    *,
    slots: Sequence[SlotLayer] = (),
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention output (batch, queries, heads, head_dim) for the query (batch, heads, queries, head_dim).

    key and value are (batch, kv_heads, keys, head_dim). attention_mask is None (bottom-right causal) or broadcasts to
    (batch, heads, queries, keys): True or 0 where a query sees a key. The rounded slots of `slots`, the memory's layers, stand
    before the keys.
    """
    if (recorded := _recorded.get()) is not None:
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        recorded.setdefault(int(module.layer_idx), []).append(query * scale)  # type: ignore[arg-type]
    rounded = slots[int(module.layer_idx)].rounded_seen if slots else None  # type: ignore[arg-type]
    output = None if attention_mask is not None else _attend_by_loops(query, key, value, scaling, rounded)
    if output is None and rounded is not None:
        key = torch.cat([rounded.float_keys()[None], key], dim=2)
        value = torch.cat([rounded.float_values()[None], value], dim=2)
    groups = query.shape[1] // key.shape[1]
    queries, keys = query.shape[2], key.shape[2]
    if output is not None:
        pass
    elif attention_mask is not None:
        output = scaled_dot_product_attention(
            query, _repeat(key, groups), _repeat(value, groups), attn_mask=attention_mask, scale=scaling
        )
    elif queries == 1:
        output = scaled_dot_product_attention(fold(query, groups), key, value, scale=scaling).reshape(query.shape)
    elif keys == queries:
        output = scaled_dot_product_attention(
            query, _repeat(key, groups), _repeat(value, groups), is_causal=True, scale=scaling
        )
    elif query.device.type == "cpu" and not torch.is_grad_enabled():
        output = _attend_in_two_parts(query, key, value, keys - queries, scaling)
    else:
        takes_groups = _flash_takes_groups(query, key, value)
        output = scaled_dot_product_attention(
            query,
            key if takes_groups else _repeat(key, groups),
            value if takes_groups else _repeat(value, groups),
            attn_mask=causal_lower_right(queries, keys),
            scale=scaling,
            enable_gqa=takes_groups,
        )
    return output.transpose(1, 2).contiguous(), None


@contextmanager
def recording(queries: dict[int, list[Tensor]]) -> Iterator[None]:
    """Until the block ends, add each layer's scaled queries (batch, heads, queries, head_dim) to its list in `queries`.

    Records only the passes of this thread, and only those that use this module's attention.
    """
    token = _recorded.set(queries)
    try:
        yield
    finally:
        _recorded.reset(token)


def shares(queries: Tensor, keys: Tensor) -> Tensor:
    """Each key's share of each head's attention to these keys, averaged over the queries: (heads, keys) in float32.

    queries (heads, queries, head_dim) are scaled and rotated, keys (kv_heads, keys, head_dim) rotated. The shares of these keys
    add up to 1, whatever other keys the queries have seen.
    """
    groups = queries.shape[0] // keys.shape[0]
    parts = [
        torch.stack([(some.float() @ key.float().T).softmax(dim=-1).sum(dim=1) for some in own.split(_QUERIES, dim=1)])
        for own, key in zip(queries.split(groups), keys, strict=True)
    ]
    return torch.cat(parts, dim=1).sum(dim=0) / queries.shape[1]


def largest_weights(queries: Tensor, keys: Tensor) -> Tensor:
    """The largest attention weight that each key gets from any query of any head that it serves: (kv_heads, keys) in float32.

    queries (heads, queries, head_dim) are scaled and rotated, keys (kv_heads, keys, head_dim) rotated. The queries are the last
    of the keys' tokens, and none sees a later one. One head at a time, so that long texts fit.
    """
    groups, (count, total) = queries.shape[0] // keys.shape[0], (queries.shape[1], keys.shape[1])
    hidden = torch.ones(count, total, dtype=torch.bool, device=keys.device).triu(total - count + 1)
    parts = [
        torch.stack(
            [(one.float() @ key.float().T).masked_fill(hidden, -torch.inf).softmax(dim=-1).amax(dim=0) for one in own]
        ).amax(dim=0)
        for own, key in zip(queries.split(groups), keys, strict=True)
    ]
    return torch.stack(parts)


@contextmanager
def attending(decoder: Any, attention: str) -> Iterator[None]:
    """Inside the block, the decoder uses the attention function that is registered with transformers under this name."""
    config = decoder.config
    usual, config._attn_implementation = config._attn_implementation, attention
    try:
        with sdpa_kernel(_KERNELS) if decoder.device.type == "cuda" else nullcontext():
            yield
    finally:
        config._attn_implementation = usual


def attend_with_lse(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float | None, *, is_causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Attention output (batch, heads, queries, head_dim) and the float32 log-sum-exp (batch, heads, queries) of its scores.

    Args:
        is_causal: replaces the mask; needs as many keys as queries.
    """
    if query.device.type == "cpu":
        if mask is None and (blocks := attend_in_blocks(query, key, value, scaling, is_causal=is_causal)) is not None:
            return blocks
        kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        output, lse = kernel(query, key, value, 0.0, is_causal, attn_mask=mask, scale=scaling)
        return output, lse
    if query.device.type == "cuda" and mask is None:
        kernel = torch.ops.aten._scaled_dot_product_efficient_attention
        output, lse, *_ = kernel(query, key, value, None, True, 0.0, is_causal, scale=scaling)
        return output, lse[..., : query.shape[2]]  # the kernel pads the log-sum-exp
    scores = (query @ key.mT).float() * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if is_causal:
        mask = torch.full(scores.shape[-2:], float("-inf"), device=scores.device).triu(1)
    scores = scores if mask is None else scores + mask
    return scores.softmax(dim=-1).to(value.dtype) @ value, scores.logsumexp(dim=-1)


def merge(own: Tensor, own_lse: Tensor, shared: Tensor, shared_lse: Tensor) -> Tensor:
    """Merge two attention outputs (…, queries, head_dim) over different keys into that of one softmax over all keys.

    own_lse and shared_lse (…, queries) are the log-sum-exp of their scores.
    """
    share = torch.sigmoid(shared_lse - own_lse).unsqueeze(-1)
    return torch.lerp(own, shared, share.to(own.dtype))


def _attend_by_loops(
    query: Tensor, key: Tensor, value: Tensor, scaling: float | None, rounded: RoundedSlots | None
) -> Tensor | None:
    """Attention output (batch, heads, queries, head_dim) of the compiled loops; None where they are not for this."""
    if query.shape[2] == 1:
        return attend_alone(query, key, value, scaling, rounded)
    found = attend_in_blocks(query, key, value, scaling, is_causal=True, rounded=rounded)
    return None if found is None else found[0]


def _attend_in_two_parts(query: Tensor, key: Tensor, value: Tensor, slots: int, scaling: float | None) -> Tensor:
    """Attention to the first `slots` keys in full and to the rest causally."""
    groups = query.shape[1] // key.shape[1]
    window_key, window_value = _repeat(key[:, :, slots:], groups), _repeat(value[:, :, slots:], groups)
    window, window_lse = attend_with_lse(query, window_key, window_value, None, scaling, is_causal=True)
    memory, memory_lse = attend_with_lse(fold(query, groups), key[:, :, :slots], value[:, :, :slots], None, scaling)
    return merge(window, window_lse, memory.reshape(window.shape), memory_lse.reshape(window_lse.shape))


def fold(query: Tensor, groups: int) -> Tensor:
    """(batch, kv_heads * groups, queries, head_dim) as (batch, kv_heads, groups * queries, head_dim)."""
    batch, heads, queries, head_dim = query.shape
    return query.reshape(batch, heads // groups, groups * queries, head_dim)


def _flash_takes_groups(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether CUDA's flash kernel takes these, which needs no repeated keys: not in float32, nor on every GPU."""
    return query.is_cuda and can_use_flash_attention(SDPAParams(query, key, value, None, 0.0, False, True))


def _repeat(states: Tensor, groups: int) -> Tensor:
    return states if groups == 1 else states.repeat_interleave(groups, dim=1)


AttentionInterface.register(ATTENTION, attend)
