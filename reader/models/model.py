"""A model ready to read and answer: decoder, tokenizer and plug-in, put together from what is on disk.

Published Activation Beacon checkpoints carry the plug-in's weights beside the decoder's (`beacon_*` in `config.json` and in
the safetensors files) and are read by them, without `trust_remote_code`. Our own plug-ins are folders of two files,
`beacon_config.json` and `beacon.safetensors`, tied to their decoder by a fingerprint of its weights. A decoder without either
gets an untrained plug-in whose projections are copies of its own. It does not read documents or talk to the store.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HFValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from reader.beacon import BeaconConfig, BeaconPlugin, quantise
from reader.errors import ModelError
from reader.models.decoder import DEFAULT_MODEL, Decoder, load_decoder

PLUGIN_FORMAT = "beacon-plugin-1"
PLUGIN_CONFIG = "beacon_config.json"
PLUGIN_WEIGHTS = "beacon.safetensors"

BUNDLED_PLUGIN = Path(__file__).parents[1] / "plugins" / "smollm2-135m-instruct"
"""Our plug-in for the bundled default decoder; its card says how it was trained and what it was measured to do."""

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


@dataclass(frozen=True)
class PluginWeights:
    """A plug-in as it is kept, apart from its decoder."""

    config: BeaconConfig
    tensors: Mapping[str, Tensor]
    """The plug-in's state: `embedding`, `projections.N.q.weight` and so on."""
    decoder_name: str
    decoder_fingerprint: str

    @classmethod
    def of(cls, model: Model) -> PluginWeights:
        """The weights of a model's plug-in, in memory."""
        dtype = model.decoder.dtype  # while it trains, the plug-in is in float32 whatever the decoder is in
        tensors = {
            name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in model.plugin.state_dict().items()
        }
        return cls(model.plugin.config, tensors, model.decoder.name, model.decoder.fingerprint)

    @property
    def fingerprint(self) -> str:
        """A hash of the settings and weights that make a memory, 64 hexadecimal digits; not of those that answer behind it."""
        settings = dataclasses.asdict(self.config)
        del settings["answer_rank"]
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for name in sorted(name for name in self.tensors if not name.startswith("answers.")):
            digest.update(name.encode() + b"\0" + _bytes(self.tensors[name]))
        return digest.hexdigest()

    def save_pretrained(self, folder: Path | str, dtype: str = "model") -> None:
        """Write `beacon_config.json` and `beacon.safetensors` into a folder, made where it is missing.

        Args:
            dtype: `model`: as they are; `int8`: the matrices as int8 beside a scale for each row, rounded for good.

        Raises:
            ModelError: the folder cannot be written.
        """
        path = Path(folder)
        settings = {
            "format": PLUGIN_FORMAT,
            "decoder": self.decoder_name,
            "decoder_fingerprint": self.decoder_fingerprint,
            "beacon": dataclasses.asdict(self.config),
        }
        try:
            path.mkdir(parents=True, exist_ok=True)
            matrices = {name: tensor for name, tensor in self.tensors.items() if tensor.dim() > 1 and dtype == "int8"}
            save_file({**self.tensors, **quantise(matrices)}, path / PLUGIN_WEIGHTS)
            (path / PLUGIN_CONFIG).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        except (OSError, SafetensorError) as error:
            raise ModelError(f"The plug-in cannot be written to {str(path)!r}: {error}.") from error

    @classmethod
    def from_pretrained(cls, name: Path | str) -> PluginWeights:
        """Read a plug-in from a folder, or from the Hugging Face hub by name.

        Raises:
            ModelError: there is none, or its files are not what they should be.
        """
        folder = Path(name)
        try:
            if not folder.is_dir():
                folder = Path(snapshot_download(str(name), allow_patterns=[PLUGIN_CONFIG, PLUGIN_WEIGHTS]))
            settings = json.loads((folder / PLUGIN_CONFIG).read_text(encoding="utf-8"))
            if settings["format"] != PLUGIN_FORMAT:
                raise ModelError(
                    f"The plug-in {str(name)!r} has the format {settings['format']!r}, not {PLUGIN_FORMAT!r}."
                )
            config = BeaconConfig.from_dict(settings["beacon"])
            saved = load_file(folder / PLUGIN_WEIGHTS)
            tensors = {
                name: tensor * saved[f"{name}.scale"] if f"{name}.scale" in saved else tensor
                for name, tensor in saved.items()
                if not name.endswith(".scale")
            }
            return cls(config, tensors, settings["decoder"], settings["decoder_fingerprint"])
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, HFValidationError, httpx.HTTPError) as error:
            raise ModelError(
                f"{str(name)!r} is no plug-in ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}); "
                f"give a folder with {PLUGIN_CONFIG} and {PLUGIN_WEIGHTS}, or a hub name."
            ) from error

    def mean(self, *others: PluginWeights) -> PluginWeights:
        """The mean of these weights and others': of runs that began alike, often better than each (arXiv 2203.05482).

        Raises:
            ModelError: they are for different decoders, or differ in a setting.
        """
        for other in others:
            self._check_same_decoder(other)
            own, theirs = dataclasses.asdict(self.config), dataclasses.asdict(other.config)
            for name in sorted(name for name in own if own[name] != theirs[name]):
                raise ModelError(
                    f"Plug-ins with {name} {own[name]!r} and {theirs[name]!r} have no mean; give plug-ins of the same settings."
                )
        of_all = {name: [one.tensors[name].float() for one in (self, *others)] for name in self.tensors}
        tensors = {name: torch.stack(each).mean(0).to(self.tensors[name].dtype) for name, each in of_all.items()}
        return dataclasses.replace(self, tensors=tensors)

    def answering_as(self, other: PluginWeights) -> PluginWeights:
        """These weights with another plug-in's answer weights in place of their own; memories stay good.

        Raises:
            ModelError: they are for different decoders.
        """
        self._check_same_decoder(other)
        kept = {name: tensor for name, tensor in self.tensors.items() if not name.startswith("answers.")}
        taken = {name: tensor for name, tensor in other.tensors.items() if name.startswith("answers.")}
        config = dataclasses.replace(self.config, answer_rank=other.config.answer_rank)
        return dataclasses.replace(self, config=config, tensors={**kept, **taken})

    def _check_same_decoder(self, other: PluginWeights) -> None:
        if self.decoder_fingerprint != other.decoder_fingerprint:
            raise ModelError(
                f"Plug-ins for {self.decoder_name!r} and {other.decoder_name!r} cannot be merged: their decoders differ."
            )

    def push_to_hub(self, name: str, *, private: bool = False) -> str:
        """Upload to the Hugging Face hub under `owner/name`; return the address of the commit.

        Raises:
            ModelError: the hub does not take it.
        """
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            try:
                hub = HfApi()
                hub.create_repo(name, private=private, exist_ok=True)
                return str(hub.upload_folder(repo_id=name, folder_path=folder))
            except (OSError, ValueError, httpx.HTTPError) as error:
                raise ModelError(f"The hub does not take the plug-in {name!r}: {error}.") from error

    def onto(self, decoder: Decoder, **changes: Any) -> BeaconPlugin:
        """Put the weights on their decoder; `changes` are to the config.

        Raises:
            ModelError: they were trained for another decoder, or do not fit it.
        """
        if self.decoder_fingerprint != decoder.fingerprint:
            raise ModelError(
                f"The plug-in was trained for {self.decoder_name!r} with other weights than those of {decoder.name!r}; "
                "use it with its own decoder, or train one for this."
            )
        config = self.config.changed(**changes)
        plugin = BeaconPlugin(decoder.model, config, decoder.is_figure if config.intervals == "figures" else None)
        expected = plugin.state_dict()
        if self.config.answer_rank is None:  # answer weights that a change asks for begin as they are made
            expected = {name: tensor for name, tensor in expected.items() if not name.startswith("answers.")}
        for name in sorted(set(expected) ^ set(self.tensors)):
            raise ModelError(
                f"The plug-in's weights {'have' if name in self.tensors else 'lack'} {name!r}, against its config."
            )
        for name, tensor in expected.items():
            if tensor.shape != self.tensors[name].shape:
                raise ModelError(
                    f"The plug-in's {name} has the shape {tuple(self.tensors[name].shape)}, "
                    f"the decoder needs {tuple(tensor.shape)}; fetch it again."
                )
            tensor.copy_(self.tensors[name])
        plugin.trained = True
        return plugin


def load_model(
    name: str = DEFAULT_MODEL,
    *,
    plugin: str | None = None,
    window: int | None = None,
    horizon: int | None = None,
    cache_folder: Path | None = None,
    device: str | None = None,
    dtype: str | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Model:
    """Load a decoder by name or folder and put the plug-in on it.

    Args:
        plugin: our own plug-in's folder or hub name; None: the one that comes with the decoder (the bundled default has ours),
            else an untrained one.
        window: tokens read at once; None: what the plug-in was trained with, or 512 on a CPU and 2,048 on a GPU.
        horizon: newest beacon slots that a window attends to while reading; None: as the plug-in says, usually all.
        device, dtype: None: a GPU where there is one, in bfloat16 where it can; else the CPU in float32.
        progress: called with a stage and the fraction of it that is done.

    Raises:
        ModelError: it cannot be found, loaded, or cannot take the plug-in.
        ConfigError: a setting that cannot be.
    """
    decoder = load_decoder(name, cache_folder=cache_folder, device=device, dtype=dtype, progress=progress)
    changes: dict[str, Any] = {} if horizon is None else {"horizon": horizon}
    if window is not None:
        changes["window"] = window
    if plugin is None and name == DEFAULT_MODEL:
        plugin = str(BUNDLED_PLUGIN)
    if plugin is not None:
        weights = PluginWeights.from_pretrained(plugin)
        return Model(decoder, weights.onto(decoder, **changes), weights.fingerprint, False)
    published = _published_settings(decoder.folder)
    if published is not None and decoder.folder is not None:
        config = BeaconConfig.from_published(published).changed(**changes)
        own = BeaconPlugin(decoder.model, config)
        return Model(decoder, own, load_published_weights(own, decoder.folder), True)
    size = window or (512 if decoder.device.type == "cpu" else 2048)
    return Model(decoder, BeaconPlugin(decoder.model, BeaconConfig(window=size, horizon=horizon)), "untrained", False)


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
                digest.update(name.encode() + b"\0" + _bytes(saved))
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


def _bytes(tensor: Tensor) -> bytes:
    return tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
