"""The reference cases, and checkpoints as their authors publish them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers import ROOT
from helpers.decoders import tiny_tokenizer

FOLDER = Path(os.environ.get("BEACON_REFERENCE", ROOT.parent / "shared" / "fixtures" / "beacon-reference"))


CASES = [file.parent for file in sorted(FOLDER.glob("*/config.json"))]


def published_folder(
    case: Path,
    folder: Path,
    *,
    shards: int = 1,
    dtype: torch.dtype = torch.float32,
    leave_out: str | None = None,
    **config: Any,
) -> Path:
    """A reference case written as its authors publish checkpoints: sharded with an index, code beside it, half precision."""
    folder.mkdir()
    tensors = {
        name: tensor.to(dtype) for name, tensor in load_file(case / "model.safetensors").items() if name != leave_out
    }
    names = sorted(tensors)
    index = {}
    for shard in range(shards):
        file = "model.safetensors" if shards == 1 else f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        save_file({name: tensors[name] for name in names[shard::shards]}, folder / file, metadata={"format": "pt"})
        index |= dict.fromkeys(names[shard::shards], file)
    if shards > 1:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    settings = json.loads((case / "config.json").read_text())
    architecture = {"llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM"}
    settings |= {
        "architectures": [architecture[settings["model_type"]]],
        "auto_map": {"AutoModelForCausalLM": "modeling_beacon.BeaconForCausalLM"},
        "torch_dtype": str(dtype).removeprefix("torch."),
    } | config
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "modeling_beacon.py").write_text("raise SystemExit('code of a checkpoint was run')\n")
    # The reference's vocabulary is too small for a byte-level tokenizer; its ids are what is compared.
    tiny_tokenizer().save_pretrained(folder)
    return folder


def widen(folder: Path) -> Path:
    """Give the reference's decoder room for the tiny tokenizer's 300 tokens."""
    for file in folder.glob("*.safetensors"):
        tensors = load_file(file)
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            if name in tensors:
                extra = torch.zeros(300 - tensors[name].shape[0], tensors[name].shape[1], dtype=tensors[name].dtype)
                tensors[name] = torch.cat([tensors[name], extra])
        save_file(tensors, file, metadata={"format": "pt"})
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"vocab_size": 300}))
    return folder


needs_cases = pytest.mark.skipif(not CASES, reason="no reference cases; set BEACON_REFERENCE")
