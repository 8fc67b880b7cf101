"""The Activation Beacon plug-in: trainable projections beside a frozen decoder's own, and the condensing of windows.

Works on any Hugging Face decoder whose layers have `self_attn.{q,k,v,o}_proj` and rotary positions, without forking its
code: forward hooks replace the projections' output at beacon positions, the memory is handed over as the decoder's cache, and
keys are rotated by the difference when a beacon moves to its slot. Idle, and after `detach`, the decoder is bit for bit
itself. It sees tensors, never files, text or SQL. Source: arXiv 2401.03462 v3, sections 3.1 to 3.3.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from reader.beacon.attention import ATTENTION
from reader.beacon.config import BeaconConfig
from reader.beacon.layout import WindowTokens, is_plain_causal, lay_out, place, visibility
from reader.beacon.memory import Memory, SlotLayer
from reader.beacon.ratio import RatioChooser
from reader.errors import ContextOverflow, ModelError

NO_SPAN = -1
"""Start and end of a token that stands for no source text."""


class _KeysWritten(Exception):
    """The last layer's keys and values are written: nothing after them is needed."""


class _LastLayer(SlotLayer):
    """The last layer's slots, which can end the forward pass as soon as they are written."""

    keys_suffice = False

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        states = super().update(key_states, value_states)
        if self.keys_suffice:
            raise _KeysWritten
        return states


class BeaconPlugin(nn.Module):
    """Activation Beacon for one decoder; its parameters are the only ones that train.

    Attributes:
        embedding: (hidden,), what every beacon starts as.
        projections: per layer, `q`, `k`, `v`, `o` (those in the config) as Linear layers, starting as copies of the decoder's.
        trained: False while the weights are still those copies.
    """

    def __init__(self, decoder: PreTrainedModel, config: BeaconConfig) -> None:
        """Make an untrained plug-in for the decoder and attach it.

        Raises:
            ModelError: the decoder cannot take the plug-in; names it and says why.
        """
        super().__init__()
        check_decoder(decoder)
        self.config = config
        self.trained = False
        # In a tuple, so that the decoder's parameters do not become the plug-in's.
        self._decoder: tuple[Any] = (decoder,)
        self._layers: list[Any] = [layer.self_attn for layer in self.decoder.base_model.layers]
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._beacon_index: Tensor | None = None

        source = decoder.config.eos_token_id if config.embedding_from == "eos" else decoder.config.bos_token_id
        token = source[0] if isinstance(source, list) else source
        weight = self.decoder.get_input_embeddings().weight
        self.embedding = nn.Parameter(weight[token if token is not None else 0].detach().clone())
        self.projections = nn.ModuleList(
            nn.ModuleDict({name: _copy(getattr(attention, f"{name}_proj")) for name in config.projections})
            for attention in self._layers
        )
        self.attach()

    @property
    def decoder(self) -> Any:
        """The `PreTrainedModel` that the plug-in is for."""
        return self._decoder[0]

    @property
    def max_positions(self) -> int:
        """Positions that the decoder was made for, its sliding window where that is smaller."""
        return max_positions(self.decoder)

    def attach(self) -> None:
        """Hook the beacon projections into the decoder. Does nothing when attached."""
        if self._handles:
            return
        for attention, own in zip(self._layers, self.projections, strict=True):
            for name, projection in own.items():  # type: ignore[operator]
                hook = _projection_hook(self, projection)
                self._handles.append(getattr(attention, f"{name}_proj").register_forward_hook(hook))

    def detach(self) -> None:
        """Take every hook out of the decoder again."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def new_memory(self, capacity: int = 0) -> Memory:
        """An empty memory with room for `capacity` slots."""
        parameter = self.decoder.get_input_embeddings().weight
        layers: list[SlotLayer] = []
        for number, attention in enumerate(self._layers):
            head_dim = attention.head_dim
            kv_heads = attention.k_proj.out_features // head_dim
            kind = _LastLayer if number == len(self._layers) - 1 else SlotLayer
            shape = (1, kv_heads, capacity, head_dim)
            layers.append(kind(parameter.new_empty(shape), parameter.new_empty(shape)))
        return Memory(layers)

    def open(self, memory: Memory, input_ids: Tensor) -> None:
        """Read (tokens,) raw and keep them in front of the memory as its sink.

        Raises:
            ValueError: the memory has been read into already.
        """
        if memory.slots:
            raise ValueError("A memory is opened once, before anything is read into it.")
        self.run(memory, input_ids, logits="none")
        memory.sink = memory.slots
        memory.tail = WindowTokens.raw(0, 0)

    def run(
        self, memory: Memory, input_ids: Tensor, spans: Tensor | None = None, *, logits: str = "last"
    ) -> Tensor | None:
        """Put (tokens,) raw behind the memory, as a question or an answer or the document's unfinished last window.

        Args:
            spans: (tokens, 2) source spans; None: tokens that stand for no source.
            logits: "none", "last" or "all".

        Returns:
            None, (1, vocab) or (tokens, vocab).

        Raises:
            ContextOverflow: they would stand behind the decoder's last position.
        """
        count = len(input_ids)
        positions = torch.arange(memory.next_position, memory.next_position + count)
        if count and int(positions[-1]) >= self.max_positions:
            raise ContextOverflow(
                f"The memory's {memory.slots:,} slots and {count:,} more tokens do not fit the decoder's {self.max_positions:,} "
                "positions; ask something shorter or read with a larger ratio."
            )
        tokens = WindowTokens.raw(memory.raw_tokens, count)
        # Question and answer see all of the tail, its beacons too: what stands behind the memory is plain causal.
        return self._forward(memory, input_ids, tokens, positions, spans, None, logits)

    def read(
        self,
        memory: Memory,
        input_ids: Tensor,
        spans: Tensor | None = None,
        *,
        chooser: RatioChooser,
        logits: str = "none",
        beacons_in_tail: bool = True,
    ) -> Tensor | None:
        """Read (tokens,) window by window into the memory, condensing each window as it gets full.

        Args:
            spans: (tokens, 2) source spans of the tokens; a beacon gets the span of the tokens that it condenses.
            chooser: chooses the ratio when a window starts.
            logits: "none", "last" or "all".
            beacons_in_tail: whether an unfinished last window has beacons (as in the authors' inference) or stays raw (as in their
                training; then nothing more can be read behind it).

        Returns:
            None, (1, vocab) or (tokens, vocab) at the raw tokens.

        Raises:
            ValueError: the unfinished window was kept raw, so it cannot be condensed any more.
        """
        if memory.ratio and len(lay_out(self.config, memory.ratio, 0, memory.raw_tokens)) != memory.raw:
            raise ValueError("The memory ends in raw tokens without beacons: nothing more can be read behind them.")
        spans = _no_spans(len(input_ids)) if spans is None else spans
        parts: list[Tensor] = []
        start = 0
        while start < len(input_ids):
            if memory.ratio is None:
                memory.ratio = chooser.choose(memory.windows)
                self.config.check_ratio(memory.ratio)
            end = min(start + self.config.window - memory.raw_tokens, len(input_ids))
            wanted = logits if logits == "all" or end == len(input_ids) else "none"
            part = self._read_part(memory, input_ids[start:end], spans[start:end], wanted, beacons_in_tail)
            if part is not None:
                parts.append(part)
            start = end
        return torch.cat(parts) if parts else None

    def _read_part(
        self, memory: Memory, input_ids: Tensor, spans: Tensor, logits: str, beacons_in_tail: bool
    ) -> Tensor | None:
        """Read raw tokens that fit into the unfinished window; condense it when they fill it."""
        ratio = memory.ratio or 0
        raw_before = memory.raw_tokens
        full = raw_before + len(input_ids) == self.config.window
        laid_out_ratio = ratio if full or beacons_in_tail else 0
        tokens = lay_out(self.config, laid_out_ratio, raw_before, len(input_ids))
        positions = memory.sink + memory.beacons + place(self.config, laid_out_ratio, tokens)
        ids = torch.full((len(tokens),), -1)
        ids[~tokens.is_beacon] = input_ids.cpu()
        window_spans = self._spans(memory, tokens, spans, ratio)
        mask = None
        if not is_plain_causal(self.config) and (tokens.is_beacon.any() or memory.tail.is_beacon.any()):
            own = visibility(self.config, ratio, tokens, memory.tail)
            seen = torch.ones(len(tokens), memory.sink + memory.beacons, dtype=torch.bool)
            mask = torch.cat([seen, own], dim=1)[None, None]
        output = self._forward(memory, ids, tokens, positions, window_spans, mask, logits)
        if full:
            self._condense(memory)
        return output

    def _spans(self, memory: Memory, tokens: WindowTokens, raw_spans: Tensor, ratio: int) -> Tensor:
        """Source spans (tokens, 2): a raw token's own, a beacon's from the first to the last of the raw tokens it condenses."""
        earlier = memory.spans[memory.slots - memory.raw :][~memory.tail.is_beacon]
        of_raw = torch.cat([earlier, raw_spans])
        starts = torch.where(tokens.is_beacon, tokens.raw_number - ratio + 1, tokens.raw_number)
        return torch.stack([of_raw[starts, 0], of_raw[tokens.raw_number, 1]], dim=1)

    def _forward(
        self,
        memory: Memory,
        input_ids: Tensor,
        tokens: WindowTokens,
        positions: Tensor,
        spans: Tensor | None,
        mask: Tensor | None,
        logits: str,
    ) -> Tensor | None:
        """Run the decoder once over tokens behind the memory, which takes note of them. The one place where it is run."""
        decoder, device = self.decoder, self.decoder.device
        is_beacon = tokens.is_beacon.to(device)
        embeddings = decoder.get_input_embeddings()(input_ids.to(device).clamp(min=0))
        embeddings = torch.where(is_beacon[:, None], self.embedding.to(embeddings.dtype), embeddings)
        memory.reserve(memory.slots + len(tokens))
        arguments: dict[str, Any] = {
            "inputs_embeds": embeddings[None],
            "position_ids": positions[None].to(device),
            "past_key_values": memory.cache,
            "use_cache": True,
            "attention_mask": None if mask is None else mask.to(device),
        }
        last_layer = memory.layers[-1]
        output = None
        with self._running(tokens.is_beacon):
            if logits == "none":
                assert isinstance(last_layer, _LastLayer)
                last_layer.keys_suffice = True
                try:
                    decoder.base_model(**arguments)
                except _KeysWritten:
                    pass
                finally:
                    last_layer.keys_suffice = False
            else:
                raw = torch.nonzero(~is_beacon)[:, 0]
                keep = raw if logits == "all" else raw[-1:]
                output = decoder(**arguments, logits_to_keep=keep).logits[0]
        spans = _no_spans(len(tokens)) if spans is None else spans
        memory.append(tokens, positions, spans)
        memory.source_tokens_run += int(((spans[:, 0] != NO_SPAN) & ~tokens.is_beacon).sum())
        return output

    def _condense(self, memory: Memory) -> None:
        """Keep the beacons of the full window (and the sink of the first), move them to their slots, drop the rest.

        Raw tokens behind the stride stay raw for the next window.
        """
        config, tail = self.config, memory.tail
        base = memory.sink + memory.beacons
        order = torch.arange(len(tail))
        condensed = tail.raw_number < config.condensed_tokens
        is_kept = tail.is_beacon if memory.ratio else condensed
        sink = order[: config.sink_tokens] if memory.windows == 0 and memory.sink == 0 else order[:0]
        kept = order[is_kept]
        if not memory.ratio:
            kept = kept[len(sink) :]  # kept raw, the sink's tokens are in the memory once
        carried = order[~tail.is_beacon & ~condensed]
        carried_tokens = WindowTokens.raw(0, len(carried))

        index = torch.cat([sink, kept, carried])
        first = base + len(sink) + len(kept)
        positions = torch.cat([torch.arange(base, first), first + place(config, 0, carried_tokens)])
        self._move(memory, base + index, base, positions)
        memory.spans = torch.cat([memory.spans[:base], memory.spans[base + index]])
        memory.positions = torch.cat([memory.positions[:base], positions])
        memory.tail = carried_tokens
        memory.sink += len(sink)
        memory.beacons += len(kept)
        memory.windows += 1
        memory.ratio = None

    def _move(self, memory: Memory, slots: Tensor, first: int, positions: Tensor) -> None:
        """Move slots to consecutive ones from `first` on, rotating their keys to the new positions by the difference."""
        end = first + len(slots)
        index = slots.to(self.decoder.device)
        rotate = rotation(self.decoder, positions - memory.positions[slots])
        for layer in memory.layers:
            layer.keys[:, :, first:end] = rotate(layer.keys[:, :, index])
            layer.values[:, :, first:end] = layer.values[:, :, index]
            layer.length = end

    def unrotated_keys(self, memory: Memory, layer: int) -> Tensor:
        """A layer's keys (kv_heads, slots, head_dim) as they were before any rotation."""
        return rotation(self.decoder, -memory.positions)(memory.keys(layer)[None])[0]

    @contextmanager
    def _running(self, is_beacon: Tensor) -> Iterator[None]:
        """The decoder attends as the memory needs it, and beacons take their own projections, until the block ends."""
        config = self.decoder.config
        usual = config._attn_implementation
        if is_beacon.any():
            self._beacon_index = torch.nonzero(is_beacon)[:, 0].to(self.decoder.device)
        config._attn_implementation = ATTENTION
        try:
            yield
        finally:
            config._attn_implementation = usual
            self._beacon_index = None


def _projection_hook(plugin: BeaconPlugin, projection: nn.Module) -> Any:
    def replace_at_beacons(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        index = plugin._beacon_index
        if index is None:
            return output
        return output.index_copy(1, index, projection(inputs[0][:, index]))

    return replace_at_beacons


def _copy(linear: nn.Linear) -> nn.Linear:
    """A trainable layer with the same weights."""
    copy = nn.Linear(linear.in_features, linear.out_features, bias=linear.bias is not None).to(linear.weight)
    copy.load_state_dict(linear.state_dict())
    return copy


def _no_spans(count: int) -> Tensor:
    return torch.full((count, 2), NO_SPAN)


def max_positions(decoder: Any) -> int:
    """Positions that the decoder was made for, its sliding window where that is smaller."""
    config = decoder.config
    positions = int(config.max_position_embeddings)
    window = int(getattr(config, "sliding_window", None) or 0)
    return min(positions, window) if window and getattr(config, "use_sliding_window", True) else positions


def rotation(decoder: Any, difference: Tensor) -> Any:
    """A function that rotates keys (batch, kv_heads, slots, head_dim) by `difference` positions (slots,), in float32."""
    rotary = decoder.base_model.rotary_emb
    apply = sys.modules[type(decoder).__module__].apply_rotary_pos_emb
    device = decoder.device
    cos, sin = rotary(torch.empty(0, device=device), difference[None].to(device))
    scaling = getattr(rotary, "attention_scaling", 1.0)  # once applied to the keys, it must not be applied again
    cos, sin = cos / scaling, sin / scaling

    def rotate(keys: Tensor) -> Tensor:
        return apply(keys[:, :0].float(), keys.float(), cos, sin)[1].to(keys.dtype)

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
