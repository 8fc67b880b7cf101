"""Sequences that share a pass, and windows that see no further than the reading horizon."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.decoders import FAMILIES, every_family, randomise_plugin, read_at_ratio
from helpers.documents import make_document

from reader.beacon import BeaconConfig, RatioChooser
from reader.beacon.attention import attend
from reader.models.model import Model, load_model
from reader.reading.plan import plan_reading


@every_family
@pytest.mark.parametrize(("layout", "attention"), [("interleave", "full-coverage"), ("append", "step-expansion")])
def test_a_batch_is_its_sequences_one_at_a_time(model: Model, layout: str, attention: str) -> None:
    randomise_plugin(model)
    plugin = model.plugin
    ids, _ = model.encode(make_document(400).text)
    lengths = [20, 32, 75, 200, 333]
    texts = [ids[10 * number : 10 * number + length] for number, length in enumerate(lengths)]
    questions = [ids[500 : 500 + 3 * (number + 1)] for number in range(len(lengths))]
    config = BeaconConfig(window=32, ratios=(2, 8), ratio_choice="sequence", layout=layout, attention=attention)
    plugin.config = config
    choosers = [RatioChooser(config, length, plugin.max_positions) for length in lengths]
    with torch.inference_mode():
        alone = [plugin.new_memory() for _ in texts]
        alone_logits = [
            plugin.read(memory, text, chooser=chooser, logits="all")
            for memory, text, chooser in zip(alone, texts, choosers, strict=True)
        ]
        alone_answers = [plugin.run(memory, question) for memory, question in zip(alone, questions, strict=True)]
        together = [plugin.new_memory() for _ in texts]
        logits = plugin.read_batch(together, texts, choosers=choosers, logits="all")
        answers = plugin.run_batch(together, questions)
    for number in range(len(texts)):
        expected = alone_logits[number]
        assert expected is not None
        # Alone and in a batch, sums are taken in another order: float32's rounding, at the size of the logits (36 by default).
        # Trained beacons make a few positions more sensitive than an untrained plug-in's: 4e-5 of the largest logit was seen.
        tolerance = max(1e-4, 1e-4 * expected.abs().max().item())
        close = partial(torch.testing.assert_close, rtol=0, atol=tolerance, check_device=False)
        close(logits[number], expected)
        close(answers[number], alone_answers[number])
        for name, tensor in together[number].tensors().items():
            close(tensor, alone[number].tensors()[name])


def test_a_horizon_as_long_as_the_memory_changes_nothing(model: Model) -> None:
    randomise_plugin(model)
    ids, _ = model.encode(make_document(200).text)
    everything, wide = read_at_ratio(model, ids[:300], 4), read_at_ratio(model, ids[:300], 4, horizon=1000)
    for name, tensor in wide.tensors().items():
        assert torch.equal(tensor, everything.tensors()[name])


@pytest.mark.parametrize(("layout", "attention"), [("interleave", "full-coverage"), ("append", "segmentation")])
def test_behind_the_horizon_a_window_sees_nothing_but_the_sink(
    layout: str, attention: str, tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    """A window sees the newest 8 slots, which the window before it made."""
    tiny_model = load_model(str(tiny_folder("llama", layers=3)), window=32, cache_folder=tmp_path)
    randomise_plugin(tiny_model)
    ids, _ = tiny_model.encode(make_document(300).text)
    other = ids.clone()
    other[:32] = ids[200:232]
    changes: dict[str, Any] = {"layout": layout, "attention": attention}
    for horizon, is_seen in ((8, False), (64, True)):
        memories = [read_at_ratio(tiny_model, text[:160], 4, horizon=horizon, **changes) for text in (ids, other)]
        # A slot's keys hold its own window's text from layer 1 on, and from layer 2 on that of the slots which it saw.
        first, second = (memory.keys(2)[:, -8:] for memory in memories)
        assert torch.allclose(first, second, atol=1e-6) != is_seen, horizon


def test_the_sink_is_seen_past_any_horizon(tiny_model: Model) -> None:
    randomise_plugin(tiny_model)
    plugin = tiny_model.plugin
    ids, _ = tiny_model.encode(make_document(300).text)
    kept = []
    for opening in (ids[250:254], ids[260:264]):
        plugin.config = BeaconConfig(window=32, ratios=(4,), ratio_choice="sequence", horizon=8)
        memory = plugin.new_memory()
        with torch.inference_mode():
            plugin.open(memory, opening)
            plugin.read(memory, ids[:160], chooser=RatioChooser(plugin.config, 160, 2048))
        kept.append(memory.keys(1)[:, -8:].clone())
    assert not torch.allclose(*kept, atol=1e-6)


def test_answers_see_past_the_horizon(tiny_model: Model) -> None:
    randomise_plugin(tiny_model)
    ids, _ = tiny_model.encode(make_document(300).text)
    other = ids.clone()
    other[:32] = ids[200:232]
    answers = []
    for text in (ids, other):
        memory = read_at_ratio(tiny_model, text[:160], 4, horizon=8)
        with torch.inference_mode():
            answers.append(tiny_model.plugin.run(memory, ids[170:175]))
    assert not torch.allclose(answers[0], answers[1], atol=1e-6)  # type: ignore[arg-type]


def test_the_horizon_is_part_of_the_key(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = str(tiny_folder("llama"))
    keys = {
        plan_reading(
            make_document(100), load_model(folder, window=32, horizon=horizon, cache_folder=tmp_path)
        ).memory_key
        for horizon in (None, 8, 64)
    }
    assert len(keys) == 3


@pytest.mark.parametrize("slots", [0, 1, 300])
@pytest.mark.parametrize("queries", [1, 40])
def test_grouped_heads_attend_to_a_memory_and_causally_to_each_other(slots: int, queries: int, device: str) -> None:
    torch.manual_seed(0)
    keys = slots + queries
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    query = torch.randn(1, 6, queries, 64).to(device, dtype)
    key, value = torch.randn(2, 1, 2, keys, 64).to(device, dtype)
    with torch.inference_mode():
        output = attend(torch.nn.Module(), query, key, value, None)[0].transpose(1, 2)
        every_key, every_value = (states.float().repeat_interleave(3, dim=1) for states in (key, value))
        scores = query.float() @ every_key.mT / 8
        scores.masked_fill_(torch.ones(queries, keys, device=device).triu(slots + 1).bool(), -torch.inf)
        expected = scores.softmax(-1) @ every_value
    tolerance = 1e-5 if device == "cpu" else 3e-2
    torch.testing.assert_close(output.float(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("family", FAMILIES)
def test_a_gpu_in_bfloat16_reads_and_answers_like_the_cpu(
    family: str, tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = str(tiny_folder(family, hidden=128, heads=2, kv_heads=1))
    answers = []
    for device in ("cpu", "cuda"):
        model = load_model(folder, window=32, cache_folder=tmp_path, device=device)
        ids, _ = model.encode(make_document(200).text)
        memory = read_at_ratio(model, ids[:300], 4)
        with torch.inference_mode():
            answers.append(model.plugin.run(memory, ids[310:330]).float().cpu())  # type: ignore[union-attr]
    cosine = torch.nn.functional.cosine_similarity(answers[0], answers[1])
    assert cosine > 0.99
