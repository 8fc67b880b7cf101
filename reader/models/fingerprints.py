"""Fingerprints of weights, tokenizers and files. Equal fingerprints mean equal results."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

_COMPARED = 16  # norms and biases that are not trained are all one or nought

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


def fingerprint_weights(folder: Path, cache: Path) -> str:
    """A hash of the configuration and the weights files in a folder; `cache` remembers the hashes of files."""
    config = json.loads((folder / "config.json").read_text())
    # These fields record who wrote the file and do not change the results.
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
    known = blake3_of(path)
    # If the cache cannot be written, the next start only takes longer.
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        partial = note.with_suffix(f".{os.getpid()}")
        partial.write_text(known)
        partial.replace(note)
    return known


def fingerprint_family(model: PreTrainedModel) -> str:
    """A hash of the norms and biases of a decoder: the same for all quantisations of the same weights.

    Quantised files keep these vectors in full, as they take few bytes. They are compared in bfloat16, in which most decoders are
    published. A decoder that was trained further differs, unless only its matrices were. So does a file whose scales were moved
    into the norms (AWQ), as its activations differ. "" for a decoder that was never trained: its norms tell nothing.
    """
    import torch

    digest = hashlib.sha256()
    values: set[float] = set()
    for name, tensor in sorted(model.named_parameters()):
        if tensor.dim() == 1:
            rounded = tensor.detach().to("cpu", torch.bfloat16).contiguous()
            values.update(rounded[:_COMPARED].tolist())
            digest.update(name.encode() + b"\0" + rounded.view(torch.uint8).numpy().tobytes())
    return f"family-{digest.hexdigest()}" if len(values) > _COMPARED else ""


def fingerprint_tokenizer(tokenizer: PreTrainedTokenizerFast) -> str:
    """A hash of everything that determines a text's token ids, and of the chat template."""
    content = f"{tokenizer.backend_tokenizer.to_str()}\0{tokenizer.chat_template}"
    return f"tokenizer-{hashlib.sha256(content.encode()).hexdigest()}"


def blake3_of(path: Path) -> str:
    """A file's BLAKE3 hash, 64 hexadecimal digits."""
    from blake3 import blake3

    digest = blake3(max_threads=blake3.AUTO)
    digest.update_mmap(path)
    return digest.hexdigest()
