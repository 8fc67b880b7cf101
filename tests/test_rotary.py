"""Keys that move are rotated once, by the difference, in every family and under every kind of rotary positions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.decoders import FAMILIES, read_at_ratio
from helpers.documents import make_document

from reader.beacon.plugin import rotation
from reader.models.model import load_model

ROPES: dict[str, dict[str, Any]] = {
    "default": {"rope_type": "default", "rope_theta": 10000.0},
    "linear": {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0},
    "llama3": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 512,
        "rope_theta": 500000.0,
    },
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512, "rope_theta": 10000.0},
}


@pytest.mark.parametrize("rope", ROPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_kept_keys_are_rotated_to_their_slots(
    family: str, rope: str, tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    """A beacon's key at slot j is what the decoder itself would have computed for it at position j."""
    folder = tiny_folder(family, rope_parameters=ROPES[rope])
    model = load_model(str(folder), window=32, cache_folder=tmp_path)
    assert model.decoder.model.base_model.rotary_emb.rope_type == rope
    keys = torch.randn(1, 2, 5, model.plugin._layers[0].head_dim)
    rotary = model.decoder.model.base_model.rotary_emb
    module = __import__(type(model.decoder.model).__module__, fromlist=["x"])

    def at(positions: torch.Tensor) -> torch.Tensor:
        cos, sin = rotary(keys, positions[None])
        return module.apply_rotary_pos_emb(keys, keys, cos, sin)[1]

    old, new = torch.tensor([3, 90, 17, 1000, 8]), torch.tensor([0, 1, 2, 3, 900])
    moved = rotation(model.decoder.model, new - old)(at(old))
    torch.testing.assert_close(moved, at(new), rtol=0, atol=1e-4)


@pytest.mark.parametrize("rope", ROPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_windows_kept_raw_are_one_full_pass_under_every_rope(
    family: str, rope: str, tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    model = load_model(str(tiny_folder(family, rope_parameters=ROPES[rope])), window=32, cache_folder=tmp_path)
    ids = model.encode(make_document(60).text)[0][:140]
    memory = read_at_ratio(model, ids[:-1], 0)
    with torch.inference_mode():
        full = model.decoder.model(ids[None]).logits[0, -1:]
        last = model.plugin.run(memory, ids[-1:])
    torch.testing.assert_close(last, full, rtol=0, atol=1e-4)
