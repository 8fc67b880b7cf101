"""Tiny random decoders of every supported family, written as ordinary Hugging Face folders.

They have the shape of the real thing (byte-level BPE with digits one by one, ChatML, grouped key/value heads, rotary
positions), cost a few milliseconds, and say nothing that makes sense.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, BertConfig, BertModel, PreTrainedTokenizerFast

from reader.beacon import BeaconConfig, BeaconPlugin, Memory, RatioChooser, rotation
from reader.models import Model, load_model

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
    ),
]

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
every_family = pytest.mark.parametrize(
    "model", [*FAMILIES, pytest.param("default", marks=pytest.mark.slow)], indirect=True
)
"""For a test that takes the bundled decoder long and tells nothing of it that shorter ones do not."""

SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

_TRAINING_TEXT = (
    "The keeper of the lighthouse wrote in the book that the lamp was lit at 19:45 and the sea was calm. "
    "In the morning the keeper and the baker walked to the harbour, and there they found the letter. "
    "The system asks the user, and the assistant answers what the user wants to know."
)


def tiny_decoder_folder(
    path: Path,
    family: str = "llama",
    *,
    vocab: int = 300,
    layers: int = 2,
    hidden: int = 32,
    heads: int = 4,
    kv_heads: int = 2,
    max_positions: int = 2048,
    seed: int = 0,
    **config_overrides: Any,
) -> Path:
    """Write config, random float32 weights and a byte-level tokenizer into `path` and return it.

    The same arguments give the same bytes. `vocab` is between 259 (256 bytes and three special
    tokens) and 372 (all merges that the training text gives).
    """
    if family not in FAMILIES:
        raise ValueError(f"family {family!r} is not one of {', '.join(FAMILIES)}")
    settings: dict[str, Any] = {
        "vocab_size": vocab,
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": hidden // heads,
        "max_position_embeddings": max_positions,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "tie_word_embeddings": True,
        # Ten times the usual: with 0.02 a model this small hardly attends, and tests would not see a wrong memory.
        "initializer_range": 0.2,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
    if family == "mistral":
        settings["sliding_window"] = None
    config = AutoConfig.for_model(family, **(settings | config_overrides))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        for name, parameter in model.named_parameters():
            # Qwen2's biases start at zero, where a lost bias would go unnoticed.
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(path)
    tiny_tokenizer(vocab, model_max_length=max_positions).save_pretrained(path)
    return path


def tiny_tokenizer(vocab: int = 300, *, model_max_length: int = 2048) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer of exactly `vocab` tokens that encodes any text and decodes it unchanged."""
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_tokenizer_json(vocab)),
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=model_max_length,
    )


@functools.cache
def _tokenizer_json(vocab: int) -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([_TRAINING_TEXT] * 2, trainer)
    if tokenizer.get_vocab_size() != vocab:
        raise ValueError(f"vocab {vocab} is not possible: the training text gives {tokenizer.get_vocab_size()}")
    return tokenizer.to_str()


def tiny_encoder_folder(path: Path, *, hidden: int = 32, seed: int = 0) -> Path:
    """Write a random BERT encoder with the byte-level tokenizer into `path` and return it."""
    config = BertConfig(
        vocab_size=300, hidden_size=hidden, num_hidden_layers=2, num_attention_heads=4, intermediate_size=2 * hidden
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        BertModel(config, add_pooling_layer=False).save_pretrained(path)
    tokenizer = Tokenizer.from_str(_tokenizer_json(300))
    first, last = ("<|im_start|>", 1), ("<|im_end|>", 2)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first[0]} $A {last[0]}", special_tokens=[first, last]
    )
    tokenizer.save(str(path / "tokenizer.json"))
    return path


def randomise_plugin(model: Model, seed: int = 1) -> None:
    """Give the plug-in weights of its own, so that a beacon projection that is not used shows."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.plugin.parameters():
        noise = torch.randn(parameter.shape, generator=generator).to(parameter)
        parameter.data.add_(noise * (0.02 + 0.3 * parameter.data.std()))


def load_rows(folder: Path, cache: Path, condenser: str = "expected-attention", **changes: Any) -> Model:
    """The decoder in a folder with windows of 32, of which each layer keeps as many rows; `changes` are of the config."""
    model = load_model(str(folder), condenser=condenser, window=32, cache_folder=cache, measures_shares=False)
    model.plugin.config = model.plugin.config.changed(**changes)
    return model


def unrotated_keys(plugin: BeaconPlugin, memory: Memory, layer: int) -> torch.Tensor:
    """A layer's keys (kv_heads, slots, head_dim) as they were before any rotation."""
    return rotation(plugin.decoder, -memory.positions)(memory.keys(layer)[None])[0]


def read_at_ratio(model: Model, ids: torch.Tensor, ratio: int, **changes: Any) -> Memory:
    """The memory of token ids (tokens,) read in windows of 32, the unfinished window raw; `changes` are of the config."""
    model.plugin.config = BeaconConfig(window=32, ratios=(ratio,), ratio_choice="sequence", **changes)
    memory = model.plugin.new_memory()
    with torch.inference_mode():
        chooser = RatioChooser(model.plugin.config, len(ids), model.plugin.max_positions)
        model.plugin.read(memory, ids, chooser=chooser, beacons_in_tail=False)
    return memory
