"""Many sequences (branches) after one memory, whose keys and values are stored once and read once per step.

The branches' tokens pass through the decoder side by side in one row without padding. Every branch sees the whole memory, so
attention to it folds the queries of all branches into one and needs no mask. Attention to a branch's own tokens is causal. The
two are merged by their log-sum-exp (as in FlashAttention, arXiv 2205.14135, section 3.1). Each step reads the weights and the
memory once for all branches. This module condenses nothing and never changes the memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.cache_utils import Cache, CacheLayerMixin

from reader.beacon.attention import attend_with_lse, attending, fold, merge
from reader.beacon.layout import NO_SPAN, WindowTokens
from reader.beacon.memory import Memory, SlotLayer
from reader.beacon.plugin import BeaconPlugin
from reader.errors import ContextOverflow

BRANCHED_ATTENTION = "activation_beacon_branches"

_ROOM_TOKENS = 256
"""The least number of tokens by which the room for the branches' own tokens grows."""


@dataclass(eq=False)
class Branch:
    """One sequence after the memory."""

    row: int
    spans: Tensor = field(default_factory=lambda: torch.empty(0, 2, dtype=torch.int64))
    """(tokens, 2): the source spans of the branch's own tokens so far."""
    source_tokens_run: int = 0
    """Tokens with a source span that ran on the branch, also those that it went back behind."""

    @property
    def tokens(self) -> int:
        """The branch's own tokens so far."""
        return len(self.spans)


@dataclass(frozen=True)
class Packing:
    """Maps the tokens of a pass to their branches, and holds what each token sees of its branch."""

    counts: list[int]
    """Tokens of each branch in the pass."""
    rows: Tensor
    """(tokens,): the row of each token's branch."""
    places: Tensor
    """(tokens,): each token's number in its branch."""
    part: slice | Tensor
    """The rows whose branches have tokens in the pass."""
    keys: int
    """Tokens of the longest branch, this pass included."""
    index: Tensor
    """(branches, longest): the number in the pass of each branch's tokens; the padding on the right is arbitrary."""
    is_token: Tensor
    """bool (branches, longest): False at the padding."""
    mask: Tensor
    """(branches, 1, longest, keys): 0 where a token sees a key of its branch, else minus infinity."""


class BranchLayer(CacheLayerMixin):
    """One layer: the memory's layer, and keys and values (rows, kv_heads, capacity, head_dim) of the branches' own tokens."""

    keys: Tensor
    values: Tensor

    def __init__(self, memory: SlotLayer) -> None:
        super().__init__()
        self.memory = memory
        shape = (0, memory.keys.shape[1], 0, memory.keys.shape[3])
        self.keys, self.values = memory.keys.new_zeros(shape), memory.values.new_zeros(shape)
        self.is_initialized = True
        self.packing: Packing | None = None

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing to do: the buffers grow with `reserve`."""

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write (1, kv_heads, tokens, head_dim) to the tokens' branches and return them. `attend` reads the rest."""
        assert self.packing is not None
        self.keys[self.packing.rows, :, self.packing.places] = key_states[0].transpose(0, 1)
        self.values[self.packing.rows, :, self.packing.places] = value_states[0].transpose(0, 1)
        return key_states, value_states

    def reserve(self, rows: int, tokens: int) -> None:
        """Make room for `rows` branches of `tokens` tokens and keep the tokens in use."""
        rows, tokens = max(rows, self.keys.shape[0]), max(tokens, self.keys.shape[2])
        if (rows, tokens) == (self.keys.shape[0], self.keys.shape[2]):
            return
        for name in ("keys", "values"):
            old = getattr(self, name)
            # Zeros, not uninitialised memory: a hidden value is still multiplied by 0, and 0 times NaN is NaN.
            new = old.new_zeros(rows, old.shape[1], tokens, old.shape[3])
            new[: old.shape[0], :, : old.shape[2]] = old
            setattr(self, name, new)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return query_length, 0

    def get_seq_length(self) -> int:
        return 0

    def get_max_length(self) -> int:
        return self.keys.shape[2]


class Branches:
    """Sequences after one memory. While they are in use, run nothing else after the memory."""

    def __init__(self, plugin: BeaconPlugin, memory: Memory) -> None:
        self._plugin, self.memory = plugin, memory
        for slots in memory.layers:
            slots.unround()  # each step reads them once for all branches
        self._layers = [BranchLayer(layer) for layer in memory.layers]
        self._branches: list[Branch] = []
        self._queries: Sequence[dict[int, list[Tensor]] | None] = ()
        self._horizon: int | None = None

    def add(self) -> Branch:
        """A new branch, empty."""
        self._branches.append(Branch(len(self._branches)))
        return self._branches[-1]

    def back_to(self, branch: Branch, tokens: int) -> None:
        """Drop all but the first `tokens` tokens of a branch."""
        branch.spans = branch.spans[:tokens]

    def drop(self, branch: Branch) -> None:
        """Remove a branch. The last branch moves to its row, so that the rows in use stay contiguous."""
        last = self._branches.pop()
        if last is branch:
            return
        for layer in self._layers:
            layer.keys[branch.row, :, : last.tokens] = layer.keys[last.row, :, : last.tokens]
            layer.values[branch.row, :, : last.tokens] = layer.values[last.row, :, : last.tokens]
        last.row = branch.row
        self._branches[last.row] = last

    def room_tokens(self, branch: Branch | None = None) -> int:
        """Free positions of the decoder after a branch, or after the memory."""
        own = 0 if branch is None else branch.tokens
        return self._plugin.max_positions - self.memory.next_position - own

    def check_room(self, tokens: int, branch: Branch | None = None) -> None:
        """Check that `tokens` more tokens fit after a branch, or after the memory.

        Raises:
            ContextOverflow: the tokens do not fit the decoder's positions.
        """
        if tokens > self.room_tokens(branch):
            raise ContextOverflow(
                f"The memory's {self.memory.slots:,} slots and {tokens:,} more tokens do not fit the "
                f"decoder's {self._plugin.max_positions:,} positions; ask something shorter or read with a larger ratio."
            )

    def run(
        self,
        branches: Sequence[Branch],
        input_ids: Sequence[Tensor],
        spans: Sequence[Tensor | None] | None = None,
        *,
        queries: Sequence[dict[int, list[Tensor]] | None] | None = None,
        answering: bool = False,
        horizon: int | None = None,
    ) -> Tensor:
        """Run (tokens,) raw after each branch; return the logits (branches, vocab) at each branch's last token.

        Args:
            input_ids: for each branch one token or more.
            spans: for each branch (tokens, 2) source spans; None: tokens without a source.
            queries: for each branch the dictionary that records its queries by layer, as in `recording`; None: not recorded.
            answering, horizon: as for `BeaconPlugin.run_batch`.

        Raises:
            ContextOverflow: the tokens do not fit the decoder's positions.
        """
        for branch, ids in zip(branches, input_ids, strict=True):
            self.check_room(len(ids), branch)
        decoder, device = self._plugin.decoder, self._plugin.decoder.device
        packing = self._pack(branches, input_ids)
        for layer in self._layers:
            layer.reserve(len(self._branches), -(-packing.keys // _ROOM_TOKENS) * _ROOM_TOKENS)
            layer.packing = packing
        counts = torch.tensor([len(ids) for ids in input_ids])
        self._queries = queries or [None] * len(branches)
        self._horizon = horizon
        usual_or_answering = self._plugin.answering() if answering else nullcontext()
        with attending(decoder, BRANCHED_ATTENTION), usual_or_answering:
            logits: Tensor = decoder(
                input_ids=torch.cat([ids.cpu() for ids in input_ids])[None].to(device),
                position_ids=(self.memory.next_position + packing.places)[None],
                past_key_values=Cache(layers=[*self._layers]),
                use_cache=True,
                logits_to_keep=(counts.cumsum(0) - 1).to(device),
                branches=self,
            ).logits[0]
        for branch, ids, own in zip(branches, input_ids, spans or [None] * len(branches), strict=True):
            own = torch.full((len(ids), 2), NO_SPAN) if own is None else own
            branch.spans = torch.cat([branch.spans, own])
            branch.source_tokens_run += int((own[:, 0] != NO_SPAN).sum())
        return logits

    @contextmanager
    def placed(self, branch: Branch) -> Iterator[Memory]:
        """Inside the block, the branch's tokens are in the memory, as if they had been run after it."""
        memory = self.memory
        mark, slots = memory.mark(), memory.slots
        positions = torch.arange(memory.next_position, memory.next_position + branch.tokens)
        memory.reserve(slots + branch.tokens)
        for number, layer in enumerate(self._layers):
            first, end = memory.length(number), memory.length(number) + branch.tokens
            keys, values = (own[branch.row, None, :, : branch.tokens] for own in (layer.keys, layer.values))
            layer.memory.write(keys, values, first)
            layer.memory.length = end
        memory.append(WindowTokens.raw(memory.raw_tokens, branch.tokens), positions, branch.spans)
        try:
            yield memory
        finally:
            memory.back_to(mark)

    def attend(self, layer_number: int, query: Tensor, scaling: float | None) -> Tensor:
        """Attention output (1, heads, tokens, head_dim) of a pass's query (1, heads, tokens, head_dim) in one layer."""
        layer = self._layers[layer_number]
        packing = layer.packing
        assert packing is not None
        groups, tokens = query.shape[1] // layer.keys.shape[1], query.shape[2]
        longest = packing.index.shape[1]
        self._record(layer_number, query, query.shape[-1] ** -0.5 if scaling is None else scaling)

        padded = query[0].transpose(0, 1)[packing.index].transpose(1, 2)
        keys, values = layer.keys[packing.part, :, : packing.keys], layer.values[packing.part, :, : packing.keys]
        mask = packing.mask if longest == 1 else packing.mask.repeat(1, 1, groups, 1)
        own, own_lse = attend_with_lse(fold(padded, groups), keys, values, mask, scaling)
        own = own.reshape(padded.shape).transpose(1, 2)[packing.is_token]
        own_lse = own_lse.reshape(-1, query.shape[1], longest).transpose(1, 2)[packing.is_token]

        if not self.memory.slots:
            return own.transpose(0, 1)[None]
        seen_slots = self._slots_seen(layer_number)
        seen_keys, seen_values = (
            parts[0] if len(parts := [tensor[:, :, seen] for seen in seen_slots]) == 1 else torch.cat(parts, dim=2)
            for tensor in (layer.memory.keys, layer.memory.values)
        )
        shared, shared_lse = attend_with_lse(fold(query, groups), seen_keys, seen_values, None, scaling)
        shared, shared_lse = shared.reshape(query.shape), shared_lse.reshape(1, -1, tokens)
        return merge(own.transpose(0, 1)[None], own_lse.transpose(0, 1)[None], shared, shared_lse)

    def _slots_seen(self, layer_number: int) -> list[slice]:
        """The slots of the memory that a pass sees in one layer, as one slice or two."""
        memory, length = self.memory, self.memory.length(layer_number)
        newest = length if self._horizon is None else self._horizon + memory.raw
        if memory.sink + newest >= length:
            return [slice(0, length)]
        return [slice(0, memory.sink), slice(length - newest, length)]

    def _record(self, layer_number: int, query: Tensor, scaling: float) -> None:
        packing = self._layers[layer_number].packing
        assert packing is not None
        for queries, part in zip(self._queries, query.split(packing.counts, dim=2), strict=True):
            if queries is not None:
                queries.setdefault(layer_number, []).append(part * scaling)

    def _pack(self, branches: Sequence[Branch], input_ids: Sequence[Tensor]) -> Packing:
        device, dtype = self._plugin.decoder.device, self._layers[0].keys.dtype
        counts = torch.tensor([len(ids) for ids in input_ids])
        before = torch.tensor([branch.tokens for branch in branches])
        rows = torch.tensor([branch.row for branch in branches])
        longest, keys = int(counts.max()), int((before + counts).max())
        number = torch.arange(longest)
        is_token = number < counts[:, None]
        index = (counts.cumsum(0) - counts)[:, None] + torch.where(is_token, number, 0)
        places = before[:, None] + number
        # The padding sees the same keys as the first token: a row that sees nothing would be NaN.
        sees = torch.arange(keys) <= torch.where(is_token, places, before[:, None])[..., None]
        mask = torch.zeros(sees.shape, dtype=dtype).masked_fill(~sees, float("-inf"))[:, None]
        are_neighbours = bool((rows == rows[0] + torch.arange(len(rows))).all())
        return Packing(
            counts.tolist(),
            rows.repeat_interleave(counts).to(device),
            places[is_token].to(device),
            slice(int(rows[0]), int(rows[0]) + len(rows)) if are_neighbours else rows.to(device),
            keys,
            index.to(device),
            is_token.to(device),
            mask.to(device),
        )


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    *,
    branches: Branches,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    return branches.attend(int(module.layer_idx), query, scaling).transpose(1, 2).contiguous(), None  # type: ignore[arg-type]


AttentionInterface.register(BRANCHED_ATTENTION, _attend)
