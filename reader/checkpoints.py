"""A model ready to read and answer: decoder, tokenizer and plug-in, put together from what is on disk.

Published Activation Beacon checkpoints carry the plug-in's weights beside the decoder's (`beacon_*` in `config.json` and in
the safetensors files) and are read by them, without `trust_remote_code`. Any other decoder gets an untrained plug-in whose
projections are copies of its own. It does not read documents or talk to the store.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from reader.beacon import BeaconConfig, BeaconPlugin
from reader.errors import ModelError
from reader.models import DEFAULT_MODEL, Decoder, load_decoder

_CONTENT = "\ue000"  # a private character that no chat template contains


@dataclass(frozen=True)
class Model:
    """A decoder with its tokenizer and plug-in."""

    decoder: Decoder
    plugin: BeaconPlugin
    plugin_fingerprint: str
    """`untrained`, or a hash of the plug-in's weights."""
    is_published: bool
    """Whether the plug-in came with the decoder, so that its own sink setting holds instead of our opening."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held for each forward pass: one decoder does one thing at a time."""

    @property
    def name(self) -> str:
        return self.decoder.name

    @cached_property
    def opening(self) -> Tensor:
        """Token ids (tokens,) of the chat template up to where the user's words start; may be empty."""
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
    def _template(self) -> tuple[str, str]:
        tokenizer = self.decoder.tokenizer
        if not tokenizer.chat_template:
            return tokenizer.bos_token or "", ""
        message = [{"role": "user", "content": _CONTENT}]
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
    window: int | None = None,
    cache_folder: Path | None = None,
    device: str | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Model:
    """Load a decoder by name or folder and put the plug-in on it.

    Args:
        window: tokens read at once; None: what the plug-in was trained with, or 512 on a CPU and 2,048 on a GPU.
        progress: called with a stage and the fraction of it that is done.

    Raises:
        ModelError: it cannot be found, loaded, or cannot take the plug-in.
        ConfigError: a setting that cannot be.
    """
    decoder = load_decoder(name, cache_folder=cache_folder, device=device, progress=progress)
    folder = decoder.folder
    published = _published_settings(folder)
    if published is not None and folder is not None:
        plugin = BeaconPlugin(decoder.model, BeaconConfig.from_published(published))
        fingerprint = load_published_weights(plugin, folder)
        return Model(decoder, plugin, fingerprint, True)
    size = window or (512 if decoder.device.type == "cpu" else 2048)
    return Model(decoder, BeaconPlugin(decoder.model, BeaconConfig(window=size)), "untrained", False)


def load_published_weights(plugin: BeaconPlugin, folder: Path) -> str:
    """Load the `beacon_*` tensors of a published checkpoint's safetensors files, sharded or not; return their hash.

    Raises:
        ModelError: a tensor is missing, or has another shape than the decoder's projection.
    """
    parameters = {"model.beacon_embed_tokens.weight": plugin.embedding}
    for number, layer in enumerate(plugin.projections):
        for name, projection in layer.items():  # type: ignore[operator]
            for part, parameter in projection.named_parameters():
                parameters[f"model.layers.{number}.self_attn.beacon_{name}_proj.{part}"] = parameter
    digest = hashlib.sha256()
    missing = set(parameters)
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in sorted(missing & set(tensors.keys())):
                saved = tensors.get_tensor(name)
                parameter = parameters[name]
                if saved.numel() != parameter.numel():
                    raise ModelError(
                        f"The checkpoint {str(folder)!r} has {name} of shape {tuple(saved.shape)}, "
                        f"the decoder needs {tuple(parameter.shape)}; its files do not belong together."
                    )
                parameter.data.copy_(saved.view(parameter.shape))
                digest.update(name.encode() + b"\0" + saved.contiguous().flatten().view(torch.uint8).numpy().tobytes())
                missing.discard(name)
    if missing:
        raise ModelError(
            f"The checkpoint {str(folder)!r} lacks {sorted(missing)[0]} ({len(missing)} tensors in all); "
            "fetch it again, or use the plain decoder."
        )
    plugin.trained = True
    return digest.hexdigest()


def _published_settings(folder: Path | None) -> dict[str, Any] | None:
    file = folder / "config.json" if folder is not None else None
    if file is None or not file.is_file():
        return None
    settings: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return settings if "beacon_window" in settings else None
