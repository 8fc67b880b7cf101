"""The bundled sentence encoder: fetched, removed and loaded. It says which sentences mean something similar to a question.

all-MiniLM-L6-v2 (Reimers and Gurevych, "Sentence-BERT", 2019; Wang et al., "MiniLM", 2020): BERT with six layers, whose mean last
hidden state is a sentence's vector. It comes from the hub or out of a wheel, of which nothing is imported or run. Without it the
reader finds passages by words and attention alone. It knows neither documents nor the library.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reader.errors import ModelError
from reader.models.cache import cache_path, delete, is_whole, looks_whole, publish
from reader.models.catalogue import ENCODER, BundledEncoder
from reader.models.fetching import fetch_files
from reader.models.reporting import Progress, first_line, no_report, quiet

if TYPE_CHECKING:
    import torch

MAX_TOKENS = 256
"""The longest text that the encoder was trained on; the rest of a longer one is cut off."""

_BATCH = 32
_CONFIG = {
    "architectures": ["BertModel"],
    "hidden_act": "gelu",
    "hidden_size": 384,
    "intermediate_size": 1536,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "model_type": "bert",
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 30522,
}


class SentenceEncoder:
    """A BERT encoder that turns sentences into vectors; any thread may use it."""

    def __init__(self, folder: Path, fingerprint: str, device: torch.device | str = "cpu") -> None:
        """Load it from a folder with `config.json`, `model.safetensors` and `tokenizer.json`.

        Args:
            fingerprint: changes with the weights; vectors of another encoder are not compared with this one's.

        Raises:
            ModelError: the folder is not that of a BERT encoder.
        """
        from tokenizers import Tokenizer
        from transformers import BertModel

        self.fingerprint = fingerprint
        try:
            with quiet():
                loaded: Any = BertModel.from_pretrained(
                    folder, add_pooling_layer=False, local_files_only=True, output_loading_info=True
                )
            self._model, info = loaded
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # a broken folder can make the libraries raise anything
            raise ModelError(
                f"The sentence encoder in {str(folder)!r} cannot be loaded ({first_line(error)})."
            ) from error
        if info["missing_keys"]:  # the library would continue with random numbers
            raise ModelError(f"The sentence encoder in {str(folder)!r} lacks weights: fetch it again.")
        self._model.to(device).eval().requires_grad_(False)
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding(pad_id=self._tokenizer.token_to_id("[PAD]") or 0)

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """The unit vectors of texts, (texts, dimensions) in float32 on the CPU; the product of two is their similarity."""
        import torch

        device = self._model.device
        vectors = torch.zeros(len(texts), self._model.config.hidden_size)
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))  # little padding
        with torch.inference_mode():
            for first in range(0, len(order), _BATCH):
                numbers = order[first : first + _BATCH]
                batch = self._tokenizer.encode_batch([texts[number] for number in numbers])
                mask = torch.tensor([one.attention_mask for one in batch], device=device)
                ids = torch.tensor([one.ids for one in batch], device=device)
                hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
                mean = (hidden * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
                vectors[numbers] = torch.nn.functional.normalize(mean, dim=1).cpu()
        return vectors


def fetch_encoder(progress: Progress | None = None, *, cache_folder: Path | None = None) -> Path:
    """Fetch the sentence encoder unless it is in the cache; return its folder.

    Args:
        progress: called with a stage ("download", "wait") and the fraction of the stage that is done.

    Raises:
        ModelError: no source has it, or the disk is full.
    """
    cache = cache_path(cache_folder)
    downloads = cache / "downloads" / ENCODER.name

    def make(folder: Path, report: Progress) -> None:
        fetch_files(ENCODER, downloads, folder, report)
        (folder / "config.json").write_text(json.dumps(_CONFIG))

    folder = publish(_folder(ENCODER, cache), make, progress or no_report, needed_bytes=ENCODER.disk_bytes)
    shutil.rmtree(downloads, ignore_errors=True)
    return folder


def is_encoder_fetched(cache_folder: Path | None = None) -> bool:
    """Whether the sentence encoder is in the cache. Checks its files' sizes, not their contents."""
    return looks_whole(_folder(ENCODER, cache_path(cache_folder)))


def remove_encoder(*, cache_folder: Path | None = None) -> int:
    """Delete the sentence encoder; return the number of bytes freed.

    Raises:
        ModelError: its files cannot be deleted.
    """
    cache = cache_path(cache_folder)
    return delete("sentence encoder", _folder(ENCODER, cache), cache / "downloads" / ENCODER.name)


def load_encoder(device: torch.device | str = "cpu", *, cache_folder: Path | None = None) -> SentenceEncoder | None:
    """The sentence encoder, if it is in the cache and whole. Nothing is fetched."""
    folder = _folder(ENCODER, cache_path(cache_folder))
    if not is_whole(folder):
        return None
    with contextlib.suppress(ModelError):  # its files are whole: the memory is short, or it was just removed
        return SentenceEncoder(folder, ENCODER.fingerprint, device)
    return None


def _folder(encoder: BundledEncoder, cache: Path) -> Path:
    return cache / "models" / f"{encoder.name}-{encoder.conversion}"
