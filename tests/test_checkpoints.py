"""Plug-in weights on disk: published checkpoints as they are published, and our own folders, tied to their decoder."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.checkpoints import CASES, needs_cases, published_folder, widen
from helpers.decoders import FAMILIES, randomise_plugin
from helpers.documents import make_document
from safetensors.torch import load_file, save_file

from reader.beacon import BeaconConfig, BeaconPlugin, RatioChooser
from reader.errors import ConfigError, ModelError
from reader.models.model import Model, PluginWeights, load_model
from reader.reading.plan import plan_reading
from reader.shell.main import main


@needs_cases
@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(
    "case", [CASES[number] for number in (1, 3, 6, 11)] if len(CASES) > 11 else CASES, ids=lambda c: c.name
)
def test_published_checkpoint_loads_without_its_code(
    case: Path, dtype: torch.dtype, shards: int, tmp_path: Path
) -> None:
    folder = widen(published_folder(case, tmp_path / "checkpoint", shards=shards, dtype=dtype))
    model = load_model(str(folder), cache_folder=tmp_path / "cache")
    assert model.plugin.trained
    assert model.is_published
    expected = load_file(case / "expected.safetensors")
    with torch.inference_mode():
        memory = model.plugin.new_memory()
        chooser = RatioChooser(model.plugin.config, len(expected["input_ids"]), model.plugin.max_positions)
        logits = model.plugin.read(memory, expected["input_ids"], chooser=chooser, logits="all")
    assert logits is not None
    # Half-precision weights are rounded on disk; what is computed from them is still float32.
    tolerance = 1e-4 if dtype == torch.float32 else 0.5
    torch.testing.assert_close(logits[:, :97], expected["logits"], rtol=0, atol=tolerance)


@needs_cases
def test_published_checkpoint_reads_a_document_with_its_own_sink(tmp_path: Path) -> None:
    case = next(folder for folder in CASES if "sink1" in folder.name)
    folder = widen(published_folder(case, tmp_path / "checkpoint", max_position_embeddings=1024))
    model = load_model(str(folder), cache_folder=tmp_path / "cache")
    plan = plan_reading(make_document(200), model)
    assert plan.sink == 1
    assert torch.equal(plan.ids[: len(model.opening)], model.opening)


@needs_cases
def test_published_checkpoint_that_lacks_a_tensor_is_refused(tmp_path: Path) -> None:
    name = "model.layers.1.self_attn.beacon_k_proj.weight"
    folder = widen(published_folder(CASES[0], tmp_path / "checkpoint", leave_out=name))
    with pytest.raises(ModelError, match=r"lacks model\.layers\.1\.self_attn\.beacon_k_proj\.weight"):
        load_model(str(folder), cache_folder=tmp_path / "cache")


def trained(model: Model, rank: int | None) -> Model:
    """The model with a plug-in that differs from its decoder everywhere."""
    plugin = BeaconPlugin(model.decoder.model, BeaconConfig(window=32, rank=rank, projections=("q", "k", "v", "o")))
    model.plugin.detach()
    result = Model(model.decoder, plugin, "random", False)
    randomise_plugin(result)
    return result


def logits_behind_memory(model: Model) -> torch.Tensor:
    ids, _ = model.encode(make_document(60).text)
    with torch.inference_mode():
        memory = model.plugin.new_memory()
        config = BeaconConfig(window=32, ratios=(4,), ratio_choice="sequence")
        model.plugin.read(memory, ids[:128], chooser=RatioChooser(config, 128, 2048))
        logits = model.plugin.run(memory, ids[128:140])
    assert logits is not None
    return logits


@pytest.mark.parametrize("rank", [None, 4], ids=["dense", "low-rank"])
@pytest.mark.parametrize("family", FAMILIES)
def test_saved_plugin_comes_back_as_it_was(
    family: str, rank: int | None, tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    decoder = str(tiny_folder(family))
    model = trained(load_model(decoder, window=32, cache_folder=tmp_path / "cache"), rank)
    before = logits_behind_memory(model)
    weights = model.plugin_weights
    weights.save_pretrained(tmp_path / "plugin")
    assert sorted(file.name for file in (tmp_path / "plugin").iterdir()) == ["beacon.safetensors", "beacon_config.json"]
    again = load_model(decoder, plugin=str(tmp_path / "plugin"), cache_folder=tmp_path / "cache")
    assert again.plugin.trained
    assert again.plugin_fingerprint == weights.fingerprint
    assert torch.equal(logits_behind_memory(again), before)
    untrained = load_model(decoder, window=32, cache_folder=tmp_path / "cache")
    assert not torch.allclose(logits_behind_memory(untrained), before)


def test_merged_plugins_are_their_mean_with_the_answer_weights_that_were_asked_for(
    tiny_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decoder = tiny_folder("llama")
    folders = {name: str(tmp_path / name) for name in ("one", "two", "tuned", "even", "other", "merged")}
    found = {}
    for number, name in enumerate(("one", "two", "tuned", "even", "other")):
        folder = tiny_folder("llama", seed=7) if name == "other" else decoder
        changes: dict[str, Any] = (
            {"answer_rank": 2} if name == "tuned" else {"intervals": "even"} if name == "even" else {}
        )
        loaded = load_model(str(folder), window=32, cache_folder=tmp_path / "cache").decoder
        config = BeaconConfig(window=32, ratios=(4,), rank=4, **{"intervals": "figures", **changes})
        plugin = BeaconPlugin(loaded.model, config, loaded.is_figure)
        model = Model(loaded, plugin, "training", False)
        randomise_plugin(model, seed=number)
        found[name] = model.plugin_weights
        found[name].save_pretrained(folders[name])
        plugin.detach()
    assert (
        main(["merge", folders["one"], folders["two"], "--answers", folders["tuned"], "--output", folders["merged"]])
        == 0
    )
    merged = PluginWeights.from_pretrained(folders["merged"])
    assert merged.config == dataclasses.replace(found["one"].config, answer_rank=2)
    for name, tensor in merged.tensors.items():
        if name.startswith("answers."):
            assert torch.equal(tensor, found["tuned"].tensors[name])
        else:
            torch.testing.assert_close(tensor, (found["one"].tensors[name] + found["two"].tensors[name]) / 2)
    assert load_model(str(decoder), plugin=folders["merged"], cache_folder=tmp_path / "cache").plugin.trained
    capsys.readouterr()
    for second, told in (("even", "intervals 'figures' and 'even'"), ("other", "their decoders differ")):
        assert main(["merge", folders["one"], folders[second], "--output", str(tmp_path / "none")]) == 2
        assert told in capsys.readouterr().err
        assert not (tmp_path / "none").exists()


def test_plugin_of_another_decoder_is_refused(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    model = trained(load_model(str(tiny_folder("llama")), window=32, cache_folder=tmp_path / "cache"), 4)
    model.plugin_weights.save_pretrained(tmp_path / "plugin")
    with pytest.raises(ModelError, match=r"trained for .* other weights"):
        load_model(str(tiny_folder("llama", seed=7)), plugin=str(tmp_path / "plugin"), cache_folder=tmp_path / "cache")


def with_trained_norms(folder: Path, change: Callable[[str, torch.Tensor], torch.Tensor], to: Path) -> Path:
    """A copy of a tiny decoder whose norms look trained, its tensors changed."""
    shutil.copytree(folder, to)
    generator = torch.Generator().manual_seed(7)
    tensors = {
        name: tensor + torch.randn(tensor.shape, generator=generator).bfloat16() if tensor.dim() == 1 else tensor
        for name, tensor in sorted(load_file(folder / "model.safetensors").items())
    }
    changed = {name: change(name, tensor) for name, tensor in tensors.items()}
    save_file(changed, to / "model.safetensors", metadata={"format": "pt"})
    return to


def test_a_plugin_also_fits_other_quantisations_of_its_decoder(
    tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    def quantised(_: str, tensor: torch.Tensor) -> torch.Tensor:
        return tensor if tensor.dim() == 1 else (tensor * 64).round() / 64

    def trained_on(name: str, tensor: torch.Tensor) -> torch.Tensor:
        return tensor * 1.01 if "layernorm" in name else tensor

    original, quantised_folder, other = (
        with_trained_norms(tiny_folder("qwen2"), change, tmp_path / name)
        for name, change in (("a", lambda _, tensor: tensor), ("b", quantised), ("c", trained_on))
    )
    model = trained(load_model(str(original), window=32, cache_folder=tmp_path / "cache"), 4)
    model.plugin_weights.save_pretrained(tmp_path / "plugin")
    fitting = load_model(str(quantised_folder), plugin=str(tmp_path / "plugin"), cache_folder=tmp_path / "cache")
    assert fitting.plugin.trained
    assert fitting.decoder.fingerprint != model.decoder.fingerprint  # so their memories are kept apart
    with pytest.raises(ModelError, match="other weights"):
        load_model(str(other), plugin=str(tmp_path / "plugin"), cache_folder=tmp_path / "cache")


def test_another_quantisation_of_a_bundled_decoder_gets_our_plugin_for_it(
    tiny_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = with_trained_norms(tiny_folder("qwen2"), lambda _, tensor: tensor, tmp_path / "a")
    model = trained(load_model(str(folder), window=32, cache_folder=tmp_path / "cache"), 4)
    model.plugin_weights.save_pretrained(tmp_path / "plugins" / "a")
    monkeypatch.setattr("reader.models.model._PLUGINS", tmp_path / "plugins")
    own = load_model(str(folder), cache_folder=tmp_path / "cache")
    assert own.plugin_fingerprint == model.plugin_weights.fingerprint
    assert own.trained_for == str(folder)
    assert load_model(str(tiny_folder("qwen2")), cache_folder=tmp_path / "cache").trained_for is None


def test_broken_plugin_folders_are_refused_in_one_sentence(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    decoder = str(tiny_folder("llama"))
    model = trained(load_model(decoder, window=32, cache_folder=tmp_path / "cache"), 4)

    def refused(name: str, error: type[Exception], told: str) -> None:
        with pytest.raises(error, match=told) as refusal:
            load_model(decoder, plugin=str(tmp_path / name), cache_folder=tmp_path / "cache")
        assert "\n" not in str(refusal.value)

    for name in ("torn", "garbled", "unknown", "short", "format"):
        model.plugin_weights.save_pretrained(tmp_path / name)
    weights = tmp_path / "torn" / "beacon.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    refused("torn", ModelError, "is not a plug-in")
    refused("absent", ModelError, r"neither a folder nor downloaded|is not a plug-in")
    (tmp_path / "garbled" / "beacon_config.json").write_text("{")
    refused("garbled", ModelError, "is not a plug-in")
    config = tmp_path / "unknown" / "beacon_config.json"
    config.write_text(config.read_text().replace('"window"', '"widow"'))
    refused("unknown", ConfigError, "'widow' is unknown")
    config = tmp_path / "format" / "beacon_config.json"
    config.write_text(config.read_text().replace("beacon-plugin-1", "beacon-plugin-9"))
    refused("format", ModelError, "beacon-plugin-9")
    tensors = load_file(tmp_path / "short" / "beacon.safetensors")
    tensors.pop("projections.0.q.down")
    save_file(tensors, tmp_path / "short" / "beacon.safetensors")
    refused("short", ModelError, r"lack 'projections\.0\.q\.down'")
    (tmp_path / "empty").mkdir()
    refused("empty", ModelError, "is not a plug-in")


def test_plugins_tell_their_memories_apart(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    decoder = str(tiny_folder("llama"))
    document = make_document(60)
    model = trained(load_model(decoder, window=32, cache_folder=tmp_path / "cache"), 4)
    model.plugin_weights.save_pretrained(tmp_path / "one")
    model.plugin.embedding.data.add_(0.01)
    model.plugin_weights.save_pretrained(tmp_path / "two")
    keys = {
        plan_reading(
            document, load_model(decoder, plugin=plugin, window=32, cache_folder=tmp_path / "cache")
        ).memory_key
        for plugin in (None, str(tmp_path / "one"), str(tmp_path / "two"))
    }
    assert len(keys) == 3
