"""The plug-in reproduces the authors' code (law 2): logits, memory and generated tokens of every reference case.

The folder of cases is ../shared/fixtures/beacon-reference, or the folder in BEACON_REFERENCE.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers.checkpoints import CASES, FOLDER
from helpers.decoders import unrotated_keys
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from reader.beacon import BeaconConfig, BeaconPlugin, Memory, RatioChooser
from reader.models.plugin_files import load_published_weights

TOLERANCE = 1e-4


def load_case(folder: Path, device: str = "cpu") -> BeaconPlugin:
    decoder = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval().to(device)
    plugin = BeaconPlugin(decoder, BeaconConfig.from_published(json.loads((folder / "config.json").read_text())))
    load_published_weights(plugin, folder)
    return plugin


def assert_memory_is(plugin: BeaconPlugin, memory: Memory, expected: dict[str, torch.Tensor]) -> None:
    ends = {"sink": memory.sink, "beacon": memory.sink + memory.beacons, "raw": memory.slots}
    for layer in range(len(memory.layers)):
        start = 0
        for part, end in ends.items():
            for kind, states in (("key", unrotated_keys(plugin, memory, layer)), ("value", memory.values(layer))):
                wanted = expected.get(f"memory.{layer}.{part}.{kind}", states[:, :0])
                torch.testing.assert_close(states[:, start:end], wanted, rtol=0, atol=TOLERANCE, check_device=False)
            start = end


@pytest.mark.skipif(not CASES, reason=f"no reference cases at {FOLDER}; set BEACON_REFERENCE")
@pytest.mark.parametrize("ending", ["expected", "expected_raw_tail"])
@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_reference_is_reproduced(folder: Path, ending: str, device: str) -> None:
    file = folder / f"{ending}.safetensors"
    if not file.exists():
        pytest.skip("the reference has no such ending for this layout")
    expected = load_file(file)
    plugin = load_case(folder, device)
    ids = expected["input_ids"]
    chooser = RatioChooser(plugin.config, len(ids), plugin.max_positions)
    beacons_in_tail = ending == "expected"
    with torch.inference_mode():
        memory = plugin.new_memory()
        logits = plugin.read(memory, ids, chooser=chooser, logits="all", beacons_in_tail=beacons_in_tail)
        torch.testing.assert_close(logits, expected["logits"], rtol=0, atol=TOLERANCE, check_device=False)
        assert_memory_is(plugin, memory, expected)
        for token, wanted in zip(expected.get("generated_ids", []), expected.get("generated_logits", []), strict=True):
            assert logits is not None
            assert logits[-1].argmax().cpu() == token
            if beacons_in_tail:
                logits = plugin.read(memory, token[None], chooser=chooser, logits="last")
            else:
                logits = plugin.run(memory, token[None])
            torch.testing.assert_close(logits[-1], wanted, rtol=0, atol=TOLERANCE, check_device=False)


@pytest.mark.skipif(not CASES, reason=f"no reference cases at {FOLDER}; set BEACON_REFERENCE")
def test_reading_in_any_pieces_gives_the_same_memory() -> None:
    """The count of raw tokens since the last beacon carries over: 173 tokens at once, one by one, or in odd pieces."""
    for folder in CASES:
        plugin = load_case(folder)
        expected = load_file(folder / "expected.safetensors")
        with torch.inference_mode():
            memory = plugin.new_memory()
            chooser = RatioChooser(plugin.config, len(expected["input_ids"]), plugin.max_positions)
            if plugin.config.layout == "interleave" and not plugin.config.attend_previous:
                continue  # its mask depends on where a pass starts
            for piece in expected["input_ids"].split(7):
                plugin.read(memory, piece, chooser=chooser)
            assert_memory_is(plugin, memory, expected)
