"""A plug-in's weights on disk: our own folders, and published Activation Beacon checkpoints.

Our own plug-ins are folders with two files, `beacon_config.json` and `beacon.safetensors`. Fingerprints tie a plug-in to its
decoder: to the weights that it was trained on, and to other quantisations of them. Published checkpoints hold the plug-in's weights
beside the decoder's (`beacon_*` in `config.json` and in the safetensors files) and are read without `trust_remote_code`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from reader.beacon import BeaconConfig, BeaconPlugin, RowChooser, quantise
from reader.condensing import CHOOSERS, Fitted
from reader.errors import ModelError
from reader.models.decoder import Decoder

PLUGIN_FORMAT = "beacon-plugin-1"
PLUGIN_CONFIG = "beacon_config.json"
PLUGIN_WEIGHTS = "beacon.safetensors"
_SCORER = "scorer."
"""Begins the names of the tensors that choose rows (`reader.condensing.Fitted`); the others are the plug-in's own state."""


@dataclass(frozen=True)
class PluginWeights:
    """A plug-in's weights and settings, apart from its decoder."""

    config: BeaconConfig
    tensors: Mapping[str, Tensor]
    """The plug-in's state: `embedding`, `projections.N.q.weight` and so on."""
    decoder_name: str
    decoder_fingerprint: str
    decoder_family: str = ""
    """The family fingerprint of its decoder; "": the plug-in fits the very weights that it was trained on alone."""
    rows: RowChooser | None = None
    """Chooses which of a window's own rows the memory keeps in place of beacons; None: beacons."""

    @classmethod
    def of(cls, decoder: Decoder, plugin: BeaconPlugin) -> PluginWeights:
        """The weights of a decoder's plug-in, in memory."""
        dtype = decoder.dtype  # in training, the plug-in is in float32 for any dtype of the decoder
        tensors = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in plugin.state_dict().items()}
        return cls(plugin.config, tensors, decoder.name, decoder.fingerprint, decoder.family_fingerprint, plugin.rows)

    @property
    def fingerprint(self) -> str:
        """A hash of the settings and weights that shape a memory, without the answer weights: 64 hexadecimal digits."""
        if self.rows is not None:
            return self.rows.at(1).fingerprint  # a method of larger ratios is part of the keys of memories at these
        settings = dataclasses.asdict(self.config)
        for later in ("answer_rank", *self.config.REFUSALS, "layer_shares"):
            del settings[later]
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for name in sorted(name for name in self.tensors if not name.startswith("answers.")):
            digest.update(name.encode() + b"\0" + _bytes(self.tensors[name]))
        return digest.hexdigest()

    def save_pretrained(self, folder: Path | str, dtype: str = "model") -> None:
        """Write `beacon_config.json` and `beacon.safetensors` into a folder. Make the folder if it is missing.

        Args:
            dtype: `model`: unchanged; `int8`: the matrices in int8 with a scale for each row, which loses precision.

        Raises:
            ModelError: the folder cannot be written.
        """
        path = Path(folder)
        settings = {
            "format": PLUGIN_FORMAT,
            "decoder": self.decoder_name,
            "decoder_fingerprint": self.decoder_fingerprint,
            "decoder_family": self.decoder_family,
            "beacon": dataclasses.asdict(self.config),
        }
        if self.rows is not None:
            settings["condenser"] = self.rows.name
        tensors = {**self.tensors}
        if isinstance(self.rows, Fitted):
            tensors |= {f"{_SCORER}{name}": tensor.cpu().contiguous() for name, tensor in self.rows.tensors().items()}
        try:
            path.mkdir(parents=True, exist_ok=True)
            matrices = {name: tensor for name, tensor in tensors.items() if tensor.dim() > 1 and dtype == "int8"}
            save_file({**tensors, **quantise(matrices)}, path / PLUGIN_WEIGHTS)
            (path / PLUGIN_CONFIG).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        except (OSError, SafetensorError) as error:
            raise ModelError(f"The plug-in cannot be written to {str(path)!r}: {error}.") from error

    @classmethod
    def from_pretrained(cls, name: Path | str) -> PluginWeights:
        """Read a plug-in from a folder, or from the Hugging Face hub by name.

        Raises:
            ModelError: there is no such plug-in, or its files are broken.
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
            scorer = {name.removeprefix(_SCORER): tensors.pop(name) for name in [*tensors] if name.startswith(_SCORER)}
            rows: RowChooser | None = Fitted.from_tensors(scorer) if scorer else None
            if rows is None and "condenser" in settings:
                rows = CHOOSERS[settings["condenser"]]()
            family = settings.get("decoder_family", "")
            return cls(config, tensors, settings["decoder"], settings["decoder_fingerprint"], family, rows)
        except LocalEntryNotFoundError as error:
            raise ModelError(
                f"{str(name)!r} is neither a folder nor downloaded, and the Hugging Face hub cannot be reached: check the "
                f"connection, or give a folder with {PLUGIN_CONFIG} and {PLUGIN_WEIGHTS}."
            ) from error
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, HFValidationError, httpx.HTTPError) as error:
            raise ModelError(
                f"{str(name)!r} is not a plug-in ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}); "
                f"give a folder with {PLUGIN_CONFIG} and {PLUGIN_WEIGHTS}, or a hub name."
            ) from error

    def mean(self, *others: PluginWeights) -> PluginWeights:
        """The mean of these and other weights, often better than each if all runs had the same start (arXiv 2203.05482).

        Raises:
            ModelError: the plug-ins are for different decoders, or differ in a setting.
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
        """These weights with the answer weights of another plug-in. Existing memories stay valid.

        Raises:
            ModelError: the plug-ins are for different decoders.
        """
        self._check_same_decoder(other)
        kept = {name: tensor for name, tensor in self.tensors.items() if not name.startswith("answers.")}
        taken = {name: tensor for name, tensor in other.tensors.items() if name.startswith("answers.")}
        names = "answer_rank", *self.config.REFUSALS
        config = dataclasses.replace(self.config, **{name: getattr(other.config, name) for name in names})
        return dataclasses.replace(self, config=config, tensors={**kept, **taken})

    def _check_same_decoder(self, other: PluginWeights) -> None:
        if self.decoder_fingerprint != other.decoder_fingerprint:
            raise ModelError(
                f"Plug-ins for {self.decoder_name!r} and {other.decoder_name!r} cannot be merged: their decoders differ."
            )

    def fits(self, decoder: Decoder) -> bool:
        """Whether a decoder has the weights that these were trained on, or another quantisation of them."""
        is_family = bool(self.decoder_family) and decoder.family_fingerprint == self.decoder_family
        return is_family or decoder.fingerprint == self.decoder_fingerprint

    def onto(self, decoder: Decoder, **changes: Any) -> BeaconPlugin:
        """Put the weights on their decoder, with `changes` to the config.

        Raises:
            ModelError: the weights were trained for another decoder, or do not fit this one.
        """
        if not self.fits(decoder):
            raise ModelError(
                f"The plug-in was trained for {self.decoder_name!r} with other weights than those of {decoder.name!r}; "
                "use it with its own decoder, or train one for this."
            )
        config = self.config.changed(**changes)
        is_figure = decoder.is_figure if config.intervals == "figures" else None
        rows = self.rows
        if isinstance(rows, Fitted):
            try:
                rows.check_shapes(_query_sizes(decoder))
            except ValueError as error:
                raise ModelError(
                    f"The plug-in's scorer does not fit {decoder.name!r}: {error}; fetch it again."
                ) from error
            rows = rows.to(decoder.device)
        plugin = BeaconPlugin(decoder.model, config, is_figure, rows)
        expected = plugin.state_dict()
        if self.config.answer_rank is None:  # a change that adds answer weights starts with new ones
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


def load_published_weights(plugin: BeaconPlugin, folder: Path) -> str:
    """Load the `beacon_*` tensors of a published checkpoint's safetensors files, sharded or not; return the tensors' hash.

    Raises:
        ModelError: a tensor is missing, or its shape differs from the decoder's projection.
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


def published_settings(folder: Path | None) -> dict[str, Any] | None:
    """The configuration of a checkpoint that was published with its own plug-in; None where there is none."""
    file = folder / "config.json" if folder is not None else None
    if file is None or not file.is_file():
        return None
    settings: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return settings if "beacon_window" in settings else None


def _query_sizes(decoder: Decoder) -> list[tuple[int, int]]:
    """By layer, the size of a token's query (heads * head_dim) and the number of KV heads."""
    base: Any = decoder.model.base_model
    layers = [layer.self_attn for layer in base.layers]
    return [(layer.q_proj.out_features, layer.k_proj.out_features // layer.head_dim) for layer in layers]


def _bytes(tensor: Tensor) -> bytes:
    return tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
