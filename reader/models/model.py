"""A model ready to read and answer: decoder, tokenizer and plug-in, put together from what is on disk.

A decoder without a plug-in of its own keeps rows, which need no training, unless beacons are asked for. How many rows each layer
keeps is measured once. Nothing here reads documents or talks to the store.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reader.beacon import BeaconConfig, BeaconPlugin, RowChooser, load_loops
from reader.condensing import CHOOSERS, DEFAULT_CHOOSER, ROW_METHODS, measure_shares
from reader.errors import ConfigError, ModelError
from reader.models.bundled import is_bundled
from reader.models.cache import cache_path
from reader.models.catalogue import DEFAULT_MODEL
from reader.models.decoder import Decoder, load_decoder
from reader.models.encoder import SentenceEncoder, load_encoder
from reader.models.examples import Examples, examples_for
from reader.models.plugin_files import PluginWeights, load_published_weights, published_settings
from reader.models.reporting import Progress, no_report
from reader.models.shares import LayerShares, kept_shares
from reader.settings import DEFAULT_WINDOW, STATIC

_PLUGINS = Path(__file__).parents[1] / "plugins"
"""Our plug-ins for bundled decoders, a folder by the decoder's name; their cards say how they were trained and what they do."""

_MEASURED_WINDOWS = 2
"""More would change the shares less than another text does (docs/log.md)."""
_LEAST_MEASURED_TOKENS = 64
"""A decoder with fewer positions behind its opening keeps the same number of rows in each layer."""

_CONTENT = "\ue000"  # a private character that no chat template contains


@dataclass(frozen=True)
class Model:
    """A decoder with its tokenizer and plug-in."""

    decoder: Decoder
    plugin: BeaconPlugin
    plugin_fingerprint: str
    """A hash of the plug-in's weights, or what chooses rows in place of beacons; part of each memory's key."""
    is_published: bool
    """Whether the plug-in came with the decoder, so that its own sink setting holds instead of our opening."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held for each forward pass: one decoder does one thing at a time."""
    trained_for: str | None = None
    """The decoder that the plug-in was trained for, by name: this one, or another quantisation of it; None: it was not trained."""
    encoder: SentenceEncoder | None = None
    """Finds sentences by their meaning; None where it was not fetched."""

    @property
    def name(self) -> str:
        return self.decoder.name

    @cached_property
    def examples(self) -> Examples | None:
        """Worked examples that stand in the opening; None where the plug-in has answer weights, or is published."""
        has_answers = self.is_published or self.plugin.config.answer_rank is not None
        return None if has_answers or not self.decoder.tokenizer.chat_template else self._known

    @cached_property
    def question(self) -> str | None:
        """How a question follows its text, for decoders that have worked examples, shown or not; None for others."""
        return None if self._known is None else self._known.question

    @cached_property
    def passage_horizon(self) -> int | None:
        """How many of a memory's newest slots are seen beside its sink where a passage is looked at again; None: all.

        A decoder that was not trained to answer behind a memory reads a passage better without one in front of it.
        """
        return None if self._known is None else self._known.horizon

    @cached_property
    def _known(self) -> Examples | None:
        return None if self.is_published else examples_for(self.trained_for or self.name)

    @property
    def plugin_weights(self) -> PluginWeights:
        """The plug-in's weights as they are now, apart from the decoder."""
        return PluginWeights.of(self.decoder, self.plugin)

    @cached_property
    def opening(self) -> Tensor:
        """Token ids (tokens,) of the chat template up to where the user's words start, examples included; may be empty."""
        return self._ids(self._template[0])

    def closing(self, question: str) -> Tensor:
        """Token ids (tokens,) of the question and of the chat template from there to the answer's first token.

        Special tokens in the question are plain text.
        """
        after = self._template[1] or "\n"
        return torch.cat([self.encode(question)[0], self._ids(after)])

    def encode(self, text: str) -> tuple[Tensor, Tensor]:
        """Token ids (tokens,) and character spans (tokens, 2) of plain text; the spans tile the text.

        Special tokens written in the text are plain text: a document cannot speak as the system.
        """
        backend = self.decoder.tokenizer.backend_tokenizer
        with self.lock:
            usual, backend.encode_special_tokens = backend.encode_special_tokens, True
            try:
                encoding = backend.encode(text, add_special_tokens=False)
            finally:
                backend.encode_special_tokens = usual
        ends = (
            torch.tensor([end for _, end in encoding.offsets], dtype=torch.int64).cummax(0).values
            if encoding.ids
            else None
        )
        if ends is None:
            return torch.empty(0, dtype=torch.int64), torch.empty(0, 2, dtype=torch.int64)
        starts = torch.cat([torch.zeros(1, dtype=torch.int64), ends[:-1]])
        return torch.tensor(encoding.ids), torch.stack([starts, ends], dim=1)

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end an answer."""
        ends = self.decoder.model.generation_config.eos_token_id
        ids = ends if isinstance(ends, list) else [ends]
        return frozenset(int(token) for token in (*ids, self.decoder.tokenizer.eos_token_id) if token is not None)

    @cached_property
    def between(self) -> Tensor:
        """Token ids (tokens,) of the chat template from the end of an answer up to where the user's next words start."""
        tokenizer = self.decoder.tokenizer
        if not tokenizer.chat_template:
            return self._ids("\n")
        roles = ("user", "assistant", "user")
        try:
            rendered = tokenizer.apply_chat_template(
                [{"role": role, "content": _CONTENT} for role in roles], tokenize=False
            )
        except Exception as error:
            raise ModelError(f"The chat template of {self.name!r} takes one message only: {error}.") from error
        parts = str(rendered).split(_CONTENT)
        return self._ids(parts[2] if len(parts) == 4 else "\n")

    @cached_property
    def _template(self) -> tuple[str, str]:
        tokenizer = self.decoder.tokenizer
        if not tokenizer.chat_template:
            return tokenizer.bos_token or "", ""
        before_it = self.examples.messages() if self.examples else ()
        message = [*before_it, {"role": "user", "content": _CONTENT}]
        try:
            rendered = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
        except Exception as error:
            raise ModelError(f"The chat template of {self.name!r} does not take a user's message: {error}.") from error
        before, found, after = str(rendered).partition(_CONTENT)
        if not found:
            raise ModelError(f"The chat template of {self.name!r} leaves out the user's message; use another model.")
        return before, after

    def _ids(self, template: str) -> Tensor:
        return torch.tensor(
            self.decoder.tokenizer.backend_tokenizer.encode(template, add_special_tokens=False).ids, dtype=torch.int64
        )


def load_model(
    name: str = DEFAULT_MODEL,
    *,
    plugin: str | None = None,
    condenser: str | None = None,
    window: int | None = None,
    horizon: int | None = None,
    cache_folder: Path | None = None,
    device: str | None = None,
    dtype: str | None = None,
    measures_shares: bool = True,
    progress: Callable[[str, float], None] | None = None,
) -> Model:
    """Load a decoder by name or folder and put the plug-in on it, with the sentence encoder beside it where that was fetched.

    Args:
        plugin: our own plug-in's folder or hub name; None: the one that comes with the decoder (bundled ones may have ours),
            else none.
        condenser: `beacons`, or one of `reader.condensing.CHOOSERS` to keep rows in place of beacons; None: as the plug-in says, or
            `DEFAULT_CHOOSER` without one.
        window: tokens read at once; None: what the plug-in was trained with, or 512 on a CPU and 2,048 on a GPU.
        horizon: newest beacon slots that a window attends to while reading; None: as the plug-in says, usually all.
        device, dtype: see `load_decoder`.
        measures_shares: whether a decoder that keeps rows, and whose plug-in does not say how many each layer keeps, gets layer
            shares. They are measured the first time, which takes as long as reading 2,000 tokens, and kept in the cache folder.
        progress: called with a stage and the fraction of it that is done.

    Raises:
        ModelError: it cannot be found, loaded, or cannot take the plug-in.
        ConfigError: a setting that cannot be.
    """
    decoder = load_decoder(name, cache_folder=cache_folder, device=device, dtype=dtype, progress=progress)
    model = _with_plugin(decoder, name, plugin, condenser, window, horizon)
    own = model.plugin
    if decoder.device.type == "cpu" and decoder.model.dtype == torch.float32:
        load_loops()
    if measures_shares and own.rows is not None and not own.config.layer_shares:
        report = progress or no_report
        measure = partial(_measure_shares, model, report)
        shares = kept_shares(decoder, measure, cache_path(cache_folder), report)
        own.config = own.config.changed(layer_shares=shares)
    return dataclasses.replace(model, encoder=load_encoder(decoder.device, cache_folder=cache_folder))


def _with_plugin(
    decoder: Decoder, name: str, plugin: str | None, condenser: str | None, window: int | None, horizon: int | None
) -> Model:
    changes: dict[str, Any] = {} if horizon is None else {"horizon": horizon}
    if window is not None:
        changes["window"] = window
    weights = _shipped(decoder, name) if plugin is None else PluginWeights.from_pretrained(plugin)
    if weights is not None:
        if condenser is not None and not (weights.rows is not None and weights.rows.name == condenser):
            weights = dataclasses.replace(weights, rows=_chooser(condenser))
        own = weights.onto(decoder, **changes)
        return Model(decoder, own, weights.fingerprint, False, trained_for=weights.decoder_name)
    published = published_settings(decoder.folder)
    if published is not None and decoder.folder is not None:
        config = BeaconConfig.from_published(published).changed(**changes)
        own = BeaconPlugin(decoder.model, config)
        return Model(decoder, own, load_published_weights(own, decoder.folder), True)
    size = window or (DEFAULT_WINDOW if decoder.device.type == "cpu" else 2048)
    config = BeaconConfig(window=size, horizon=horizon)
    rows = _chooser(condenser or DEFAULT_CHOOSER)
    if rows is None:  # beacons that are not trained: where training and measuring begin
        return Model(decoder, BeaconPlugin(decoder.model, config), "untrained", False)
    return Model(
        decoder, BeaconPlugin(decoder.model, config.changed(projections=()), rows=rows), rows.at(1).fingerprint, False
    )


def _measure_shares(model: Model, report: Progress) -> LayerShares:
    """The layer shares of the first windows of the sample document; none if the decoder has too few positions."""
    plugin, opening = model.plugin, model.opening
    size, room = DEFAULT_WINDOW, plugin.max_positions - len(opening)
    if room < _LEAST_MEASURED_TOKENS:
        return {}
    while size > room:
        size //= 2
    # The same text for all: the shares, which are in the keys of memories, then depend on the decoder alone.
    ids = model.encode((STATIC / "sample.md").read_text(encoding="utf-8"))[0][: _MEASURED_WINDOWS * size]
    report("fit", 0.0)
    with plugin.configured(plugin.config.changed(window=size)):
        return measure_shares(plugin, opening, ids, progress=lambda done, windows: report("fit", done / windows))


def _shipped(decoder: Decoder, name: str) -> PluginWeights | None:
    """Our plug-in for a bundled decoder, or for another quantisation of one; None where there is none."""
    if is_bundled(name):
        return PluginWeights.from_pretrained(_PLUGINS / name) if (_PLUGINS / name).is_dir() else None
    if not decoder.family_fingerprint or published_settings(decoder.folder) is not None:
        return None
    for folder in sorted(_PLUGINS.iterdir()):
        weights = PluginWeights.from_pretrained(folder)
        if weights.fits(decoder):
            return weights
    return None


def _chooser(name: str) -> RowChooser | None:
    if name == "beacons":
        return None
    if name in ROW_METHODS and name not in CHOOSERS:
        raise ConfigError(
            "The condenser is 'fitted', which needs a plug-in with a scorer: make one with `beacon-reader fit`."
        )
    if name not in CHOOSERS:
        raise ConfigError(f"The condenser is {name!r}; it must be one of beacons, {', '.join(ROW_METHODS)}.")
    return CHOOSERS[name]()
