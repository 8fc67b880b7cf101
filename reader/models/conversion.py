"""Converts a GGUF file to a folder with float32 safetensors and a tokenizer, which load in seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reader.models.catalogue import BundledDecoder
from reader.models.reporting import Progress, quiet

_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def convert(decoder: BundledDecoder, gguf: Path, folder: Path, report: Progress) -> None:
    """Write the decoder and the tokenizer in `gguf` to `folder` as float32 safetensors and tokenizer.json.

    Args:
        report: called with "convert" and the fraction that is done.
    """
    report("convert", 0.0)
    with quiet():
        tokenizer = _tokenizer(decoder, gguf)
        report("convert", 0.25)
        model = _decoder(gguf, report)
        if not model.config.tie_word_embeddings:
            _tie(model, gguf)
        report("convert", 0.9)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    report("convert", 1.0)


def _tokenizer(decoder: BundledDecoder, gguf: Path) -> Any:
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    converted = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    pipeline = json.loads(converted.backend_tokenizer.to_str())
    if decoder.splits_digits:
        # GGUF names its pre-tokenizer ("smollm") but does not describe it, and the conversion loses the splitting of digits.
        digits = {"type": "Digits", "individual_digits": True}
        pipeline["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [digits, _BYTE_LEVEL]}
    pipeline["decoder"] = _BYTE_LEVEL
    pipeline["post_processor"] = None
    tokenizer_class: Any = PreTrainedTokenizerFast
    return tokenizer_class(
        tokenizer_object=Tokenizer.from_str(json.dumps(pipeline)),
        chat_template=converted.chat_template,
        model_max_length=decoder.positions,
        clean_up_tokenization_spaces=False,
        **converted.special_tokens_map,
    )


def _decoder(gguf: Path, report: Progress) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, modeling_gguf_pytorch_utils
    from transformers.utils.quantization_config import GgufConfig

    def watch(tensors: list[Any], **_: object) -> Iterator[Any]:
        for index, tensor in enumerate(tensors):
            report("convert", 0.25 + 0.5 * index / len(tensors))
            yield tensor

    # Only this patch gives access to the library's progress and hides its own bar.
    gguf_reading: Any = modeling_gguf_pytorch_utils
    bar, gguf_reading.tqdm = gguf_reading.tqdm, watch
    try:
        return AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            dtype=torch.float32,
            # Without this option a machine with GPU kernels for GGUF would keep the weights packed.
            quantization_config=GgufConfig(dequantize=True),
        )
    finally:
        gguf_reading.tqdm = bar


def _tie(model: Any, gguf: Path) -> None:
    """Tie the embedding and the output matrix, which were one matrix before quantisation. Keeps the finer of the two."""
    from gguf import GGUFReader

    bits = {tensor.name: tensor.n_bytes / tensor.n_elements for tensor in GGUFReader(gguf).tensors}
    if bits["output.weight"] > bits["token_embd.weight"]:
        model.get_input_embeddings().weight.data.copy_(model.get_output_embeddings().weight.data)
    model.config.tie_word_embeddings = True
    model.tie_weights()
