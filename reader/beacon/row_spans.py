"""The source spans of each head's rows in a saved memory: a bit for each token and head.

In full they would be an eighth of a memory in int4. This module knows nothing of how rows are chosen.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from reader.beacon.layout import NO_SPAN
from reader.errors import MemoryMismatch

_TABLE, _SPANS, _KEPT = "token_spans", ".row_spans", ".row_bits"
_LOW = (1 << 32) - 1


def pack_row_spans(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A memory's tensors with bits in place of `row_spans`, and one `token_spans` (tokens, 2) that they count in.

    They stay as they are where a head has the same span twice, as where two tokens share a character.
    """
    numbers = {
        name: own[..., 0].long() << 32 | own[..., 1].long() & _LOW for name, own in tensors.items() if _SPANS in name
    }
    if not numbers:
        return dict(tensors)
    known = torch.cat([own.flatten() for own in numbers.values()]).unique()
    known = known[known >= 0]
    packed = {name: own for name, own in tensors.items() if name not in numbers}
    packed[_TABLE] = torch.stack([known >> 32, known & _LOW], dim=1).int()
    for name, own in numbers.items():
        first = int((own[0] < 0).sum())  # the sink has no spans
        behind = own[:, first:]
        if not ((own[:, :first] == NO_SPAN).all() and (behind[:, :1] >= 0).all() and (behind.diff() > 0).all()):
            return dict(tensors)
        is_kept = torch.zeros(len(own), len(known), dtype=torch.bool)
        is_kept.scatter_(1, torch.searchsorted(known, behind.contiguous()), True)
        packed[name.replace(_SPANS, _KEPT)] = torch.from_numpy(np.packbits(is_kept.numpy(), axis=1).view(np.int8))
    return packed


def unpack_row_spans(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo `pack_row_spans`; what does not fit together is left out."""
    unpacked = {name: own for name, own in tensors.items() if _KEPT not in name and name != _TABLE}
    if (known := tensors.get(_TABLE)) is None:
        return unpacked
    both = np.ascontiguousarray(known.numpy()).view(np.int64)[:, 0]  # a span in one number
    for name, own in tensors.items():
        keys = tensors.get(name.replace(_KEPT, ".keys"))
        if _KEPT in name and keys is not None and len(own) and own.shape[1] == -(-len(known) // 8):
            bits = np.unpackbits(own.numpy().view(np.uint8), axis=1, count=len(known)).view(bool)
            rows = [both[head] for head in bits]
            first = keys.shape[1] - len(rows[0])
            if first >= 0 and len({len(head) for head in rows}) == 1:
                spans = torch.full((len(own), keys.shape[1], 2), NO_SPAN, dtype=torch.int32)
                spans[:, first:] = torch.from_numpy(np.stack(rows)[..., None].view(np.int32))
                unpacked[name.replace(_KEPT, _SPANS)] = spans
    return unpacked


def saved_row_spans(tensors: Mapping[str, Tensor], layers: int, kv_heads: int, least: int) -> list[Tensor] | None:
    """The saved `row_spans` of each layer, at least so many slots; None if no heads keep rows of their own.

    Memories saved before layers could differ have one tensor (layers, kv_heads, slots, 2).

    Raises:
        MemoryMismatch: one is missing, or has another shape or type than this decoder's.
    """
    names = [f"layers.{number}.row_spans" for number in range(layers)]
    if "row_spans" in tensors:
        found = [*tensors["row_spans"]]
    elif any(name in tensors for name in names):
        found = [tensors[name] for name in names if name in tensors]
    else:
        return None
    shapes = [tuple(own.shape) for own in found]
    fits = all(
        len(shape) == 3 and (shape[0], shape[2]) == (kv_heads, 2) and shape[1] >= least and own.dtype == torch.int32
        for shape, own in zip(shapes, found, strict=True)
    )
    if len(found) != layers or not fits:
        raise MemoryMismatch(
            f"The saved memory's row_spans of {len(found)} layers do not fit the decoder's {layers} layers with {kv_heads} "
            "key heads. Read the document again."
        )
    return found
