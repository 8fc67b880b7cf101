"""Loads a decoder and its tokenizer by name: a bundled one, a local folder, or a name on the Hugging Face hub.

This module knows neither beacons nor documents, never runs code from a checkpoint, and does not read the environment: the
caller passes the cache folder.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reader.compiled import keep_compiled
from reader.errors import ConfigError, ModelError
from reader.models.bundled import is_bundled
from reader.models.cache import cache_path
from reader.models.catalogue import DEFAULT_MODEL
from reader.models.fingerprints import fingerprint_family, fingerprint_tokenizer, fingerprint_weights
from reader.models.reporting import Progress, first_line, no_report, quiet
from reader.models.sources import CHOICES, find

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")


@dataclass(frozen=True)
class Decoder:
    """A frozen decoder, ready to run, and its tokenizer."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    fingerprint: str
    """Changes with the weights or the configuration, not with the dtype."""
    family_fingerprint: str
    """The same for all quantisations of the same weights."""
    tokenizer_fingerprint: str
    """Changes with the token ids of any text or with the chat template."""
    folder: Path | None = None
    has_int8_weights: bool = False
    """Whether the linear layers are int8; the other weights are in `dtype`."""

    @property
    def precision(self) -> str:
        """The precision of the weights, "int8" or the name of a dtype: part of a memory's key."""
        return "int8" if self.has_int8_weights else str(self.dtype).removeprefix("torch.")

    @property
    def alike(self) -> tuple[str, ...]:
        """The precisions whose memories it attaches, its own first: with int8 weights, too, states are float32."""
        of_float32 = {"float32": ("float32", "int8"), "int8": ("int8", "float32")}
        return of_float32.get(self.precision, (self.precision,))

    @property
    def max_positions(self) -> int:
        """The number of positions for which the decoder was made."""
        return int(self.model.config.get_text_config().max_position_embeddings)

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        return self.model.dtype

    @functools.cached_property
    def is_figure(self) -> torch.Tensor:
        """(vocab,) bool: True for tokens that contain a decimal digit."""
        return self.tokens_that(lambda word: any(map(str.isdecimal, word)))

    def tokens_that(self, test: Callable[[str], bool]) -> torch.Tensor:
        """(vocab,) bool: True for tokens whose text passes a test."""
        import torch

        words = self.tokenizer.backend_tokenizer.decode_batch([[token] for token in range(len(self.tokenizer))])
        found = torch.zeros(int(self.model.config.get_text_config().vocab_size), dtype=torch.bool)
        found[: len(words)] = torch.tensor([test(word) for word in words])
        return found


def load_decoder(
    name: str = DEFAULT_MODEL,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    cache_folder: Path | None = None,
    progress: Progress | None = None,
) -> Decoder:
    """Load the decoder `name`. Fetch and convert it first if it is not in the cache.

    Args:
        name: a bundled decoder, a local folder, or a name on the Hugging Face hub.
        device: None: a GPU if there is one, else the CPU.
        dtype: None: float32 on a CPU (int8 for bundled decoders) and bfloat16 on a GPU that supports it; "int8": linear
            layers in int8, for CPUs.

    Raises:
        ModelError: `name` is not a decoder with a tokenizer.
        ConfigError: an impossible device or dtype.
    """
    import torch

    cache, report = cache_path(cache_folder), progress or no_report
    keep_compiled(cache / "compiled")
    device = _device(device)
    is_int8 = _is_int8(dtype, device) or (dtype is None and device.type == "cpu" and _prefers_int8(name, cache))
    dtype = torch.float32 if is_int8 else _dtype(dtype, device)
    # transformers 5.24 renames it; both names work until 5.40, below which pyproject.toml stays.
    warnings.filterwarnings("ignore", message="`past_key_values` is deprecated", category=FutureWarning)
    source = find(name, cache, report, weights=True)
    report("load", 0.0)
    tokenizer = _read_tokenizer(name, source.folder)
    model = _read_model(name, source.folder, dtype)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:  # type: ignore[operator]
        raise ModelError(f"The tokenizer of {name!r} has more tokens than its decoder: the folder mixes two models.")
    fingerprint = source.fingerprint or fingerprint_weights(source.folder, cache)
    family = fingerprint_family(model)
    try:
        model.to(device)  # type: ignore[arg-type]
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{name!r} does not fit into the memory of {device}: choose a smaller one or the CPU."
        ) from error
    model.eval().requires_grad_(False)
    if is_int8:
        from reader.models.int8 import use_int8

        use_int8(model, cache)
    if device.type == "cpu" and dtype == torch.float32:
        from reader.models.one_row import use_one_row

        use_one_row(model, cache)
    report("load", 1.0)
    tokens = fingerprint_tokenizer(tokenizer)
    return Decoder(name, model, tokenizer, fingerprint, family, tokens, source.folder, is_int8)


def load_tokenizer(
    name: str = DEFAULT_MODEL, *, cache_folder: Path | None = None, progress: Progress | None = None
) -> PreTrainedTokenizerFast:
    """Load the tokenizer of the decoder `name`, without the weights.

    Raises:
        ModelError: `name` has no tokenizer.
    """
    source = find(name, cache_path(cache_folder), progress or no_report, weights=False)
    return _read_tokenizer(name, source.folder)


def _read_tokenizer(name: str, folder: Path) -> PreTrainedTokenizerFast:
    from transformers import AutoTokenizer

    # Without this check the library would make an empty tokenizer from the decoder's type alone.
    if not any((folder / file).exists() for file in _TOKENIZER_FILES):
        raise ModelError(f"{name!r} has no tokenizer ({', '.join(_TOKENIZER_FILES)}): save it beside the weights.")
    try:
        with quiet():
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # an unknown folder can make the library raise anything
        raise ModelError(f"The tokenizer of {name!r} cannot be loaded ({first_line(error)}): {CHOICES}.") from error
    if not tokenizer.is_fast:
        raise ModelError(
            f"The tokenizer of {name!r} does not say where its tokens lie in the text: save a tokenizer.json."
        )
    # Documents are longer than a context by design: turn the library's warning off.
    tokenizer.model_max_length = sys.maxsize
    return tokenizer


def _read_model(name: str, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    try:
        with quiet():
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
            classes = config.architectures or []
            if config.is_encoder_decoder or (
                classes and not {*classes} & {*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()}
            ):
                raise ModelError(f"{name!r} is not a decoder language model ({', '.join(classes)}): {CHOICES}.")
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=dtype,
                trust_remote_code=False,
                local_files_only=True,
                # The error below names the mismatched weights in one sentence.
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
            model, info = loaded
    except ModelError:
        raise
    except Exception as error:  # an unknown folder can make the library raise anything
        if "trust_remote_code" in str(error):
            raise ModelError(
                f"{name!r} needs the program code in its folder, which the reader never runs: {CHOICES}."
            ) from error
        raise ModelError(f"{name!r} cannot be loaded as a decoder ({first_line(error)}): {CHOICES}.") from error
    missing = sorted(info["missing_keys"]) + [key for key, *_ in info["mismatched_keys"]]
    if missing:
        # The library would continue with random numbers in these weights.
        raise ModelError(
            f"{name!r} lacks {len(missing)} of its weights or has them in another shape (such as {missing[0]}): "
            "copy or download it again."
        )
    if getattr(model.config.get_text_config(), "max_position_embeddings", None) is None:
        raise ModelError(f"{name!r} does not say how many positions it has (max_position_embeddings): {CHOICES}.")
    return model


def _device(device: str | torch.device | None) -> torch.device:
    import torch

    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        # Only placing a tensor on a device shows that the device exists.
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"device {str(device)!r} is not there ({first_line(error)}): use 'cpu' or a GPU's name."
        ) from error


def _prefers_int8(name: str, cache: Path) -> bool:
    """Whether a decoder runs in int8 by default, as the bundled ones do, and this processor multiplies int8 exactly."""
    if not is_bundled(name):
        return False
    from reader.models.int8 import best_kernel

    try:
        best_kernel(cache)
    except ConfigError:
        return False
    return True


def _is_int8(dtype: str | torch.dtype | None, device: torch.device) -> bool:
    if dtype != "int8":
        return False
    if device.type != "cpu":
        raise ConfigError(f"dtype 'int8' is for a CPU, not for {device}: use bfloat16 there, or --device cpu.")
    return True


def _dtype(dtype: str | torch.dtype | None, device: torch.device) -> torch.dtype:
    import torch

    if dtype is None:
        bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if bfloat16 else torch.float32
    chosen = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if chosen not in (torch.float32, torch.bfloat16, torch.float16):
        raise ConfigError(f"dtype {str(dtype)!r} is not one of float32, bfloat16, float16, int8.")
    return chosen
