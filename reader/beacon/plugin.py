"""The Activation Beacon plug-in: trainable projections beside those of a frozen decoder, and the condensing of windows.

Works with any Hugging Face decoder whose layers have `self_attn.{q,k,v,o}_proj` and rotary positions, without forking its
code: forward hooks replace the projections' output at beacon positions, the decoder uses the memory as its cache, and a beacon's
keys are rotated by the difference when it moves to its slot. While the plug-in is idle or detached, the decoder's output is bit for
bit its own. The plug-in sees tensors, never files, text or SQL. Source: arXiv 2401.03462 v3, sections 3.1 to 3.3.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from reader.beacon.attention import ATTENTION, attending, recording
from reader.beacon.config import BeaconConfig
from reader.beacon.forward_pass import Pass, stack, unstack
from reader.beacon.joining import join
from reader.beacon.layout import (
    NO_SPAN,
    WindowTokens,
    even_ends,
    figure_ends,
    is_plain_causal,
    lay_out,
    no_spans,
    place,
    spans_of,
    visibility,
)
from reader.beacon.low_rank import AnswerWeights
from reader.beacon.memory import KeysWritten, Memory, SlotLayer
from reader.beacon.projections import first_embedding, new_projection, replacing_hook
from reader.beacon.ratio import RatioChooser
from reader.beacon.rotary import check_decoder, max_positions, rotation
from reader.beacon.rows import RowChooser, keep_rows, window_peaks
from reader.errors import ContextOverflow

Output = Literal["last", "all", "states"]
"""Logits at the last token or at all tokens, or the states (tokens, hidden) from which logits are computed."""
Logits = Literal["none", "last", "all", "states"]


class BeaconPlugin(nn.Module):
    """Activation Beacon for one decoder. Only the plug-in's parameters are trained.

    Attributes:
        embedding: (hidden,), the input embedding of every beacon, or what is added to that of the last token that it condenses.
        projections: per layer, `q`, `k`, `v`, `o` (those in the config), initially equal to the decoder's own.
        trained: False while the projections are still those copies.
        rows: chooses which of a window's own rows the memory keeps in place of beacons.
    """

    def __init__(
        self,
        decoder: PreTrainedModel,
        config: BeaconConfig,
        is_figure: Tensor | None = None,
        rows: RowChooser | None = None,
    ) -> None:
        """Make an untrained plug-in for the decoder and attach it.

        Args:
            is_figure: (vocab,) bool, True for tokens that contain a digit; needed if the config's intervals are `figures`.
            rows: chooses the rows of each window that the memory keeps in place of beacons.

        Raises:
            ModelError: the decoder cannot take the plug-in; the message names the decoder and the reason.
            ConfigError: the config's shares are for a decoder with another number of layers.
        """
        super().__init__()
        check_decoder(decoder)
        self.config = config
        self.rows = rows
        self._is_figure = is_figure
        self.trained = rows is not None  # choosing rows needs no training
        # In a tuple, so that the decoder's parameters do not become the plug-in's.
        self._decoder: tuple[Any] = (decoder,)
        self._layers: list[Any] = [layer.self_attn for layer in self.decoder.base_model.layers]
        config.check_layers(len(self._layers))
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._beacon_index: Tensor | None = None
        self._is_answering = False

        self.embedding = nn.Parameter(first_embedding(decoder, config.embedding_from))
        self.projections = nn.ModuleList(
            nn.ModuleDict(
                {name: new_projection(getattr(attention, f"{name}_proj"), config.rank) for name in config.projections}
            )
            for attention in self._layers
        ).to(self.embedding)
        self.answers = AnswerWeights(decoder, config.answer_rank) if config.answer_rank else None
        self.attach()

    @property
    def decoder(self) -> Any:
        """The `PreTrainedModel` that the plug-in is for."""
        return self._decoder[0]

    @property
    def max_positions(self) -> int:
        """The number of positions for which the decoder was made, or its sliding window if that is smaller."""
        return max_positions(self.decoder)

    def attach(self) -> None:
        """Hook the beacon projections into the decoder. Does nothing when attached."""
        if self._handles:
            return
        for attention, own in zip(self._layers, self.projections, strict=True):
            for name, projection in own.items():  # type: ignore[operator]
                hook = replacing_hook(projection, lambda: self._beacon_index)
                self._handles.append(getattr(attention, f"{name}_proj").register_forward_hook(hook))
        if self.answers is not None:
            self._handles += self.answers.hook(self.decoder, lambda: self._is_answering)

    def detach(self) -> None:
        """Remove every hook from the decoder."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def new_memory(self, capacity: int = 0) -> Memory:
        """An empty memory with room for `capacity` slots."""
        parameter = self.decoder.get_input_embeddings().weight
        layers = []
        for attention in self._layers:
            shape = (1, attention.k_proj.out_features // attention.head_dim, capacity, attention.head_dim)
            layers.append(SlotLayer(parameter.new_empty(shape), parameter.new_empty(shape)))
        return Memory(layers)

    def open(self, memory: Memory, input_ids: Tensor) -> None:
        """Read (tokens,) and keep them raw at the front of the memory, as its sink.

        Raises:
            ValueError: the memory has been read into already.
        """
        if memory.slots:
            raise ValueError("A memory is opened once, before anything is read into it.")
        self.run(memory, input_ids, logits="none")
        memory.sink = memory.slots
        memory.tail = WindowTokens.raw(0, 0)

    @overload
    def run(
        self,
        memory: Memory,
        input_ids: Tensor,
        spans: Tensor | None = None,
        *,
        logits: Output = "last",
        answering: bool = False,
        horizon: int | None = None,
    ) -> Tensor: ...

    @overload
    def run(
        self,
        memory: Memory,
        input_ids: Tensor,
        spans: Tensor | None = None,
        *,
        logits: Literal["none"],
        answering: bool = False,
        horizon: int | None = None,
    ) -> None: ...

    def run(
        self,
        memory: Memory,
        input_ids: Tensor,
        spans: Tensor | None = None,
        *,
        logits: Logits = "last",
        answering: bool = False,
        horizon: int | None = None,
    ) -> Tensor | None:
        """`run_batch` of one sequence."""
        return self.run_batch([memory], [input_ids], [spans], logits=logits, answering=answering, horizon=horizon)[0]

    def run_batch(
        self,
        memories: Sequence[Memory],
        input_ids: Sequence[Tensor],
        spans: Sequence[Tensor | None] | None = None,
        *,
        logits: Logits = "last",
        answering: bool = False,
        horizon: int | None = None,
    ) -> list[Tensor | None]:
        """Run (tokens,) raw after each memory: a question, an answer or the document's unfinished last window.

        Args:
            spans: for each sequence (tokens, 2) source spans; None: tokens without a source.
            logits: "none", "last" or "all"; "states" for the states (tokens, hidden) from which logits are computed.
            answering: whether the tokens are a question and its answer, so that the answer weights, if any, are active.
            horizon: how many of the newest beacon slots they attend to; None: all, also where the config limits reading.

        Returns:
            For each sequence None, (1, vocab) or (tokens, vocab).

        Raises:
            ContextOverflow: the tokens do not fit the decoder's positions.
        """
        passes = []
        for memory, ids, own in zip(memories, input_ids, spans or [None] * len(memories), strict=True):
            positions = torch.arange(memory.next_position, memory.next_position + len(ids))
            if len(ids) and int(positions[-1]) >= self.max_positions:
                raise ContextOverflow(
                    f"The memory's {memory.slots:,} slots and {len(ids):,} more tokens do not fit the decoder's "
                    f"{self.max_positions:,} positions; ask something shorter or read with a larger ratio."
                )
            tokens = WindowTokens.raw(memory.raw_tokens, len(ids))
            # Question and answer see all of the tail, with its beacons: attention after a memory is plain causal.
            passes.append(Pass(memory, ids, tokens, positions, no_spans(len(ids)) if own is None else own))
        with self.answering() if answering else nullcontext():
            return self._forward(passes, logits, horizon)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Inside the block, the answer weights are active if the plug-in has any."""
        self._is_answering = True
        try:
            yield
        finally:
            self._is_answering = False

    @contextmanager
    def configured(self, config: BeaconConfig) -> Iterator[None]:
        """Inside the block, windows are read with these settings: another window, other ratios, another horizon."""
        own, self.config = self.config, config
        try:
            yield
        finally:
            self.config = own

    def read(
        self,
        memory: Memory,
        input_ids: Tensor,
        spans: Tensor | None = None,
        *,
        chooser: RatioChooser,
        logits: Logits = "none",
        beacons_in_tail: bool = True,
    ) -> Tensor | None:
        """`read_batch` of one sequence."""
        return self.read_batch(
            [memory], [input_ids], [spans], choosers=[chooser], logits=logits, beacons_in_tail=beacons_in_tail
        )[0]

    def read_batch(
        self,
        memories: Sequence[Memory],
        input_ids: Sequence[Tensor],
        spans: Sequence[Tensor | None] | None = None,
        *,
        choosers: Sequence[RatioChooser],
        logits: Logits = "none",
        beacons_in_tail: bool = True,
    ) -> list[Tensor | None]:
        """Read (tokens,) of each sequence window by window into its memory, and condense each window when it is full.

        Args:
            spans: for each sequence (tokens, 2) source spans; a beacon gets the span of the tokens that it condenses.
            choosers: choose the ratio when a window starts.
            logits: "none", "last" or "all"; "states" for the states (tokens, hidden) from which logits are computed.
            beacons_in_tail: whether an unfinished last window has beacons (as in the authors' inference) or stays raw
                (as in their training, and wherever intervals depend on the whole window). After a raw tail nothing more
                can be read.

        Returns:
            For each sequence None, (1, vocab) or (tokens, vocab) at the raw tokens.

        Raises:
            ValueError: the memory ends in an unfinished window without beacons, which cannot be condensed.
        """
        is_even = self.config.intervals == "even"
        for memory in memories:
            ends = even_ends(self.config.condensed_tokens, memory.ratio or 0)
            expected = lay_out(self.config, ends, 0, memory.raw_tokens)
            if self.rows is None and memory.ratio and (len(expected) != memory.raw or (memory.raw and not is_even)):
                raise ValueError("The memory ends in raw tokens without beacons: nothing more can be read after them.")
        sources = [
            no_spans(len(ids)) if own is None else own
            for ids, own in zip(input_ids, spans or [None] * len(memories), strict=True)
        ]
        parts: list[list[Tensor]] = [[] for _ in memories]
        starts = [0] * len(memories)
        while unfinished := [number for number, ids in enumerate(input_ids) if starts[number] < len(ids)]:
            passes = []
            for number in unfinished:
                memory, start = memories[number], starts[number]
                if memory.ratio is None:
                    memory.ratio = choosers[number].choose(memory.windows)
                    self.config.check_ratio(memory.ratio)
                end = starts[number] = min(start + self.config.window - memory.raw_tokens, len(input_ids[number]))
                part = slice(start, end)
                passes.append(
                    self._window_pass(memory, input_ids[number][part], sources[number][part], beacons_in_tail)
                )
            is_end = any(starts[number] == len(input_ids[number]) for number in unfinished)
            every = logits in ("all", "states")
            queries: dict[int, list[Tensor]] = {}
            with recording(queries) if self.rows is not None else nullcontext():
                outputs = self._forward(passes, logits if every or is_end else "none", self.config.horizon)
            for row, (number, output) in enumerate(zip(unfinished, outputs, strict=True)):
                if output is not None and (every or starts[number] == len(input_ids[number])):
                    parts[number].append(output)
                if memories[number].raw_tokens == self.config.window:
                    own = {
                        layer: [*itertools.chain(*recorded)][row][:, : len(passes[row].tokens)]
                        for layer, recorded in queries.items()
                    }
                    self._condense(memories[number], own, passes[row].ids)
        return [torch.cat(part) if part else None for part in parts]

    def _window_pass(self, memory: Memory, input_ids: Tensor, spans: Tensor, beacons_in_tail: bool) -> Pass:
        """The pass for as many raw tokens as fit into the unfinished window, with the beacons among or after them."""
        config, input_ids, raw_before = self.config, input_ids.cpu(), memory.raw_tokens
        is_full = raw_before + len(input_ids) == config.window
        is_even = config.intervals == "even"
        ratio = (memory.ratio or 0) if self.rows is None and (is_full or (beacons_in_tail and is_even)) else 0
        if is_even or not ratio:
            ends = even_ends(config.condensed_tokens, ratio)
        else:
            assert self._is_figure is not None, "intervals of figures need to know which tokens are figures"
            ends = figure_ends(self._is_figure[input_ids], ratio)
        tokens = lay_out(config, ends, raw_before, len(input_ids))
        positions = memory.sink + memory.beacons + place(config, ends, tokens)
        # In the interleave layout, the last raw token before a beacon is the last one that it condenses.
        ids = input_ids[(~tokens.is_beacon).cumsum(0) - 1]
        sees = None
        if not is_plain_causal(config) and (tokens.is_beacon.any() or memory.tail.is_beacon.any()):
            sees = visibility(config, ends, tokens, memory.tail)
        earlier = memory.spans[memory.slots - memory.raw :][~memory.tail.is_beacon]
        return Pass(memory, ids, tokens, positions, spans_of(tokens, torch.cat([earlier, spans]), ends), sees)

    def _forward(self, passes: Sequence[Pass], logits: Logits, horizon: int | None = None) -> list[Tensor | None]:
        """Run the decoder once over tokens after their memories, and record the tokens there. Only this method runs the decoder."""
        if len(passes) > 1 and any(any(one.memory.extra) for one in passes):
            # A batch has one mask for all layers, but here layers differ in length.
            return [self._forward([one], logits, horizon)[0] for one in passes]
        decoder, device = self.decoder, self.decoder.device
        longest = max(len(one.tokens) for one in passes)
        ids, positions = torch.zeros(2, len(passes), longest, dtype=torch.int64)
        is_beacon, is_raw = torch.zeros(2, len(passes), longest, dtype=torch.bool)
        for row, one in enumerate(passes):
            count = len(one.tokens)
            ids[row, :count], positions[row, :count] = one.ids.clamp(min=0), one.positions
            is_beacon[row, :count], is_raw[row, :count] = one.tokens.is_beacon, ~one.tokens.is_beacon
            one.memory.reserve(one.memory.slots + count)
            for number, layer in enumerate(one.memory.layers):
                layer.length = one.memory.length(number)  # an interrupted pass may have left more
        layers, mask = passes[0].memory.layers, None
        if len(passes) > 1:
            layers, mask = stack(passes, horizon)
        elif passes[0].sees is not None:
            mask = passes[0].mask(horizon)[None, None]
        elif horizon is not None:
            for layer in layers:
                layer.horizon = (passes[0].memory.sink, horizon + passes[0].memory.raw)

        embeddings = decoder.get_input_embeddings()(ids.to(device))
        beacon = self.embedding.to(embeddings.dtype)
        if self.config.embedding_from == "last":
            beacon = beacon + embeddings
        embeddings = torch.where(is_beacon.to(device)[..., None], beacon, embeddings)
        arguments: dict[str, Any] = {
            "inputs_embeds": embeddings,
            "position_ids": positions.to(device),
            "past_key_values": Cache(layers=[*layers]),
            "use_cache": True,
            "slots": layers,
            "attention_mask": None if mask is None else mask.to(device),
        }
        outputs: list[Tensor | None] = [None] * len(passes)
        with attending(decoder, ATTENTION), self._projecting(is_beacon):
            try:
                if logits == "none":
                    layers[-1].keys_suffice = self.rows is None  # choosing rows needs the last layer's queries, too
                    decoder.base_model(**arguments)
                elif logits == "states":
                    rows = decoder.base_model(**arguments).last_hidden_state
                    outputs = [row[own.to(device)] for row, own in zip(rows, is_raw, strict=True)]
                else:
                    kept = [torch.nonzero(row)[:, 0] for row in is_raw]
                    kept = kept if logits == "all" else [row[-1:] for row in kept]
                    columns = torch.cat(kept).unique()
                    rows = decoder(**arguments, logits_to_keep=columns.to(device)).logits
                    outputs = [row[torch.isin(columns, own).to(device)] for row, own in zip(rows, kept, strict=True)]
            except KeysWritten:
                pass
            finally:
                layers[-1].keys_suffice = False
                for layer in layers:
                    layer.horizon = None
        if len(passes) > 1:
            unstack(passes, layers)
        for one in passes:
            one.memory.append(one.tokens, one.positions, one.spans)
            one.memory.source_tokens_run += int(((one.spans[:, 0] != NO_SPAN) & ~one.tokens.is_beacon).sum())
        return outputs

    def replay(self, memory: Memory, ids: Tensor) -> dict[int, Tensor]:
        """The largest attention weight (kv_heads, tokens), by layer, that the window's rows get when its ids are run once more.

        They see the sink, the window and themselves, no older slots, so that this costs the same however long the memory is.
        """
        # Near the decoder's last position they stand as far behind the window's first tokens as there is room.
        first = min(memory.next_position, self.max_positions - len(ids))
        positions, tokens = torch.arange(first, first + len(ids)), WindowTokens.raw(memory.raw_tokens, len(ids))
        mark, queries = memory.mark(), dict[int, list[Tensor]]()
        with recording(queries):
            self._forward([Pass(memory, ids, tokens, positions, no_spans(len(ids)))], "none", horizon=0)
        found = window_peaks(memory, {layer: own[0] for layer, (own,) in queries.items()}, mark)
        memory.back_to(mark)
        return found

    def _condense(self, memory: Memory, queries: Mapping[int, Tensor], ids: Tensor) -> None:
        """Keep the beacons of the full window (and the first window's sink), move them to their slots, drop the rest.

        Raw tokens after the stride stay raw for the next window. Rows are chosen by the queries, (heads, tokens, head_dim) by
        layer, of the window's last tokens and by those ids (tokens,).
        """
        if self.rows is not None and memory.ratio:
            peaks = self.replay(memory, ids) if self.rows.replays else {}
            keep_rows(self.decoder, memory, queries, self.rows, self.config, peaks)
            return
        config, tail, base = self.config, memory.tail, memory.sink + memory.beacons
        order = torch.arange(len(tail))
        condensed = tail.raw_number < config.condensed_tokens
        is_kept = tail.is_beacon if memory.ratio else condensed
        sink = order[: config.sink_tokens] if memory.windows == 0 and memory.sink == 0 else order[:0]
        kept = order[is_kept]
        if not memory.ratio:
            kept = kept[len(sink) :]  # with ratio 0 the sink's tokens are among these, too
        carried = order[~tail.is_beacon & ~condensed]
        carried_tokens = WindowTokens.raw(0, len(carried))

        index = torch.cat([sink, kept, carried])
        first = base + len(sink) + len(kept)
        positions = torch.cat([torch.arange(base, first), first + place(config, even_ends(0, 0), carried_tokens)])
        rotate = rotation(self.decoder, positions - memory.positions[base + index])
        moved = (base + index).to(self.decoder.device)
        for layer, extra in zip(memory.layers, memory.extra, strict=True):
            layer.move(moved + extra, base + extra, rotate)
        memory.spans = torch.cat([memory.spans[:base], memory.spans[base + index]])
        memory.positions = torch.cat([memory.positions[:base], positions])
        memory.tail = carried_tokens
        memory.sink += len(sink)
        memory.beacons += len(kept)
        memory.windows += 1
        memory.ratio = None

    def put_behind(self, memory: Memory, other: Memory, source_offset: int = 0) -> None:
        """Copy another memory after this one and rotate its keys to their new positions. The other memory does not change.

        If this memory has slots, the other's sink is left out: one sink is enough. The other's spans move by `source_offset`.
        Raw tails stay raw, and nothing more can be read into their unfinished windows.

        Raises:
            ContextOverflow: the two do not fit the decoder's positions.
        """
        if memory.next_position + other.next_position - (other.sink if memory.slots else 0) > self.max_positions:
            raise ContextOverflow(
                f"Memories of {memory.slots:,} and {other.slots:,} slots do not fit the decoder's {self.max_positions:,} "
                "positions together; attach fewer, or read them with a larger ratio."
            )
        join(self.decoder, memory, other, source_offset)

    def move_away(self, memory: Memory, positions: int) -> None:
        """Shift the positions after the memory, as if this many slots lay between the memory and the next tokens.

        Training and evaluation use a distant memory in this way without reading the text in between.
        """
        rotate = rotation(self.decoder, torch.tensor([-positions]))
        for number, layer in enumerate(memory.layers):
            layer.move(torch.arange(memory.length(number), device=self.decoder.device), 0, rotate)

    @contextmanager
    def _projecting(self, is_beacon: Tensor) -> Iterator[None]:
        """Inside the block, the tokens where is_beacon (batch, tokens) is true use the beacons' own projections."""
        if is_beacon.any():
            self._beacon_index = torch.nonzero(is_beacon.flatten())[:, 0].to(self.decoder.device)
        try:
            yield
        finally:
            self._beacon_index = None
