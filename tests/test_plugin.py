"""What plug-and-play means: the decoder is untouched, memory is exact where nothing is condensed, and it stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.decoders import randomise_plugin, unrotated_keys
from helpers.documents import make_document
from transformers import AutoConfig, AutoModelForCausalLM

from reader.beacon import BeaconConfig, BeaconPlugin, Memory, RatioChooser, quantise_to_int4
from reader.errors import ConfigError, ContextOverflow, MemoryMismatch, ModelError
from reader.models.model import Model


def chooser(model: Model, ratio: int, tokens: int = 1000) -> RatioChooser:
    config = BeaconConfig(window=model.plugin.config.window, ratios=(ratio,))
    return RatioChooser(config, tokens, model.plugin.max_positions)


def test_idle_and_detached_plugin_leaves_the_logits_bit_for_bit_alone(model: Model) -> None:
    randomise_plugin(model)
    ids = model.encode(make_document(30).text)[0][:40]
    decoder, plugin = model.decoder.model, model.plugin
    with torch.inference_mode():
        idle = decoder(ids[None].to(decoder.device)).logits
        plugin.read(plugin.new_memory(), ids, chooser=chooser(model, 4))
        after_reading = decoder(ids[None].to(decoder.device)).logits
        plugin.detach()
        detached = decoder(ids[None].to(decoder.device)).logits
        plugin.attach()
    assert torch.equal(idle, detached)
    assert torch.equal(after_reading, detached)


def test_windows_kept_raw_are_one_full_pass(model: Model) -> None:
    ids = model.encode(make_document(120).text)[0][:150]
    with torch.inference_mode():
        full = model.decoder.model(ids[None].to(model.decoder.device)).logits[0]
        memory = model.plugin.new_memory()
        windows = model.plugin.read(memory, ids, chooser=chooser(model, 0), logits="all", beacons_in_tail=False)
    assert memory.slots == len(ids)
    torch.testing.assert_close(windows, full, rtol=0, atol=1e-4)


def test_a_memory_moved_away_is_seen_over_a_gap_in_the_positions(model: Model) -> None:
    ids = model.encode(make_document(120).text)[0][:96]
    first, gap = 64, 300
    positions = torch.cat([torch.arange(first), torch.arange(first, len(ids)) + gap])[None].to(model.decoder.device)
    with torch.inference_mode():
        # Without a mask, a gap would be taken for the beginning of another text.
        all_ids = ids[None].to(model.decoder.device)
        whole = model.decoder.model(all_ids, torch.ones_like(positions), position_ids=positions, use_cache=False)
        expected = whole.logits[0, first:]
        memory = model.plugin.new_memory()
        model.plugin.read(memory, ids[:first], chooser=chooser(model, 0))
        model.plugin.move_away(memory, gap)
        actual = model.plugin.run(memory, ids[first:], logits="all")
    # Keys that are rotated twice lose a few more bits; a gap of one position less differs by two thousand times this.
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-3)


def test_slots_know_their_source(tiny_model: Model) -> None:
    document = make_document(200)
    ids, spans = tiny_model.encode(document.text)
    with torch.inference_mode():
        memory = tiny_model.plugin.new_memory()
        tiny_model.plugin.open(memory, tiny_model.opening)
        tiny_model.plugin.read(memory, ids, spans, chooser=chooser(tiny_model, 8), beacons_in_tail=False)
    sources = memory.spans[memory.sink :]
    assert (memory.spans[: memory.sink] == -1).all()
    # Beacons and raw tail together tile the text: no character is lost, none stands twice.
    assert sources[0, 0] == 0
    assert sources[-1, 1] == len(document.text)
    assert torch.equal(sources[1:, 0], sources[:-1, 1])


def test_asking_leaves_the_memory_as_it_was(model: Model) -> None:
    randomise_plugin(model)
    ids, spans = model.encode(make_document(150).text)
    question, other = model.closing("Who walked to the harbour?"), model.closing("When?")
    plugin = model.plugin
    with torch.inference_mode():
        memory = plugin.new_memory()
        plugin.open(memory, model.opening)
        plugin.read(memory, ids, spans, chooser=chooser(model, 4), beacons_in_tail=False)
        before = {name: tensor.clone() for name, tensor in memory.tensors().items()}
        mark = memory.mark()
        first = plugin.run(memory, question)
        memory.back_to(mark)
        plugin.run(memory, other)
        memory.back_to(mark)
        again = plugin.run(memory, question)
        memory.back_to(mark)
    assert torch.equal(first, again)
    for name, tensor in memory.tensors().items():
        assert torch.equal(tensor, before[name]), name


def test_a_memory_in_front_of_the_last_token_decodes_like_a_full_pass_over_question_and_all(model: Model) -> None:
    """Token by token behind a memory = all at once behind it."""
    randomise_plugin(model)
    ids, _ = model.encode(make_document(100).text)
    question = model.closing("Who?")
    plugin = model.plugin
    with torch.inference_mode():
        memory = plugin.new_memory()
        plugin.read(memory, ids, chooser=chooser(model, 8), beacons_in_tail=False)
        mark = memory.mark()
        at_once = plugin.run(memory, question, logits="all")
        memory.back_to(mark)
        one_by_one = torch.cat([plugin.run(memory, token[None]) for token in question])  # type: ignore[misc]
    torch.testing.assert_close(one_by_one, at_once, rtol=0, atol=1e-4)


def test_beacons_use_their_own_projections(tiny_model: Model) -> None:
    randomise_plugin(tiny_model)
    ids, _ = tiny_model.encode(make_document(50).text)
    plugin = tiny_model.plugin

    def read() -> torch.Tensor:
        with torch.inference_mode():
            memory = plugin.new_memory()
            plugin.read(memory, ids[:64], chooser=chooser(tiny_model, 8), beacons_in_tail=False)
            return memory.keys(0).clone()

    untrained = read()
    plugin.projections[0]["k"].weight.data.mul_(2)  # type: ignore[index]
    assert not torch.allclose(read(), untrained)


def test_a_beacon_that_starts_as_the_last_token_it_condenses_is_that_token_below_all_attention(
    tiny_model: Model,
) -> None:
    ids, _ = tiny_model.encode(make_document(50).text)
    decoder = tiny_model.decoder.model
    tiny_model.plugin.detach()
    plugin = BeaconPlugin(decoder, BeaconConfig(window=32, embedding_from="last"))

    def read(pieces: int) -> Memory:
        memory = plugin.new_memory()
        for piece in ids[:64].split(pieces):
            plugin.read(memory, piece, chooser=RatioChooser(BeaconConfig(window=32, ratios=(8,)), 64, 2048))
        return memory

    with torch.inference_mode():
        memory, layer = read(64), decoder.base_model.layers[0]
        states = layer.input_layernorm(decoder.get_input_embeddings()(ids[:64][7::8]))
        for kept, projection in (
            (unrotated_keys(plugin, memory, 0), layer.self_attn.k_proj),
            (memory.values(0), layer.self_attn.v_proj),
        ):
            heads = projection(states).view(8, kept.shape[0], -1).transpose(0, 1)
            torch.testing.assert_close(kept[:, memory.sink :], heads, rtol=0, atol=1e-5)
        in_pieces = read(5)
        for number in range(len(memory.layers)):
            torch.testing.assert_close(in_pieces.keys(number), memory.keys(number), rtol=0, atol=1e-5)
            torch.testing.assert_close(in_pieces.values(number), memory.values(number), rtol=0, atol=1e-5)


def test_beacons_behind_the_window_cannot_start_as_what_they_condense() -> None:
    with pytest.raises(ConfigError, match="append layout"):
        BeaconConfig(window=32, layout="append", embedding_from="last")


def test_what_does_not_fit_the_positions_is_refused(tiny_model: Model) -> None:
    plugin = tiny_model.plugin
    with pytest.raises(ContextOverflow, match="2,048 positions"):
        plugin.run(plugin.new_memory(), torch.zeros(2049, dtype=torch.int64))


def test_positions_that_change_with_length_are_refused_by_name(tiny_folder: Callable[..., Path]) -> None:
    config = AutoConfig.from_pretrained(tiny_folder("llama"))
    config.rope_parameters = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    decoder = AutoModelForCausalLM.from_config(config)
    with pytest.raises(ModelError, match=r"LlamaForCausalLM .*'dynamic'.*change with the length"):
        BeaconPlugin(decoder, BeaconConfig(window=32))


def test_decoder_without_the_projections_is_refused_by_name() -> None:
    config = AutoConfig.for_model("gpt2", n_embd=32, n_layer=1, n_head=2, vocab_size=64)
    with pytest.raises(ModelError, match="GPT2LMHeadModel cannot take"):
        BeaconPlugin(AutoModelForCausalLM.from_config(config), BeaconConfig(window=32))


@pytest.mark.parametrize(
    ("field", "value"),
    [("window", 0), ("window", 10**14), ("ratios", (3,)), ("layout", "middle"), ("attention", "x"), ("projections", ("z",)),
     ("ratio_choice", "adapt-x"), ("stride", 16), ("sink_tokens", -1), ("embedding_from", "pad")],
)  # fmt: skip
def test_bad_setting_is_named_with_its_value(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=field.rstrip("s")):
        BeaconConfig.from_dict({"window": 32, field: value})


def test_unknown_setting_is_an_error() -> None:
    with pytest.raises(ConfigError, match="windw"):
        BeaconConfig.from_dict({"windw": 32})


def test_rounding_to_int8_keeps_small_channels_beside_large_ones_and_twice_is_once(model: Model) -> None:
    ids, _ = model.encode(make_document(60).text)
    plugin = model.plugin
    with torch.inference_mode():
        memory = plugin.new_memory()
        plugin.open(memory, model.opening)
        plugin.read(memory, ids, chooser=chooser(model, 4), beacons_in_tail=False)
        memory.keys(0)[..., 3] *= 1000
        before = {name: tensor.clone() for name, tensor in memory.tensors().items()}
        rounded = memory.round()
        after = {name: tensor.clone() for name, tensor in memory.tensors().items()}
        for name, tensor in before.items():
            if not tensor.is_floating_point():
                assert torch.equal(tensor, after[name])
                continue
            step = rounded[f"{name}.scale"] * rounded.get(f"{name}.factor", torch.ones(1, device=tensor.device))
            assert ((tensor - after[name]).abs() <= 0.501 * step).all()
        other = before["layers.0.keys"][..., :3]
        assert ((other - after["layers.0.keys"][..., :3]).abs() <= other.abs().amax() / 60).all()
        again = memory.round()
        restored = plugin.new_memory()
        restored.restore(rounded, memory.counts())
        for name, tensor in rounded.items():
            assert torch.equal(tensor, again[name])
            assert torch.equal(tensor, restored.round()[name])
        for name, tensor in after.items():
            assert torch.equal(tensor, memory.tensors()[name])
            assert torch.equal(tensor, restored.tensors()[name])


def test_saved_slots_that_do_not_fit_are_refused_before_anything_is_touched(tiny_model: Model) -> None:
    ids, _ = tiny_model.encode(make_document(60).text)
    plugin = tiny_model.plugin
    with torch.inference_mode():
        memory = plugin.new_memory()
        plugin.read(memory, ids, chooser=chooser(tiny_model, 4), beacons_in_tail=False)
    tensors, counts = memory.tensors(), memory.counts()
    wrong: list[tuple[dict[str, torch.Tensor], dict[str, int]]] = [
        ({**tensors, "spans": tensors["spans"][:, :1]}, counts),
        ({**tensors, "positions": tensors["positions"].float()}, counts),
        ({**tensors, "layers.1.keys": tensors["layers.1.keys"][:, 1:]}, counts),
        ({**tensors, "layers.0.values": tensors["layers.0.values"].half()}, counts),
        ({**tensors, "layers.0.values": tensors["layers.0.values"].to(torch.int8)}, counts),
        ({**tensors, "layers.2.keys": tensors["layers.1.keys"]}, counts),
        ({name: tensor for name, tensor in tensors.items() if name != "tail"}, counts),
        (tensors, {**counts, "beacons": counts["beacons"] + 1}),
        (tensors, {**counts, "sink": -5, "beacons": counts["beacons"] + 5 + counts["sink"]}),
    ]
    with torch.inference_mode():
        in_int8 = memory.round()
    without_factors = {name: tensor for name, tensor in in_int8.items() if not name.endswith(".factor")}  # as once
    for rounded in (without_factors, in_int8, quantise_to_int4(tensors)):
        for name, tensor in rounded.items():
            if name not in tensors and "layers.1." in name:
                wrong.append(({**rounded, name: tensor[:, 1:]}, counts))
                wrong.append(({**rounded, name: tensor.double()}, counts))
        wrong.append(({**rounded, "layers.1.keys": rounded["layers.1.keys"][..., 1:]}, counts))
    without_least = {
        name: tensor for name, tensor in quantise_to_int4(tensors).items() if name != "layers.0.keys.least"
    }
    wrong.append((without_least, counts))
    fresh = plugin.new_memory()
    for saved, told in wrong:
        with pytest.raises(MemoryMismatch, match=r"[Rr]ead the document again"):
            fresh.restore(saved, told)
        assert fresh.slots == 0
    fresh.restore(tensors, counts)
    assert fresh.slots == memory.slots
    # Groups were all alike, and values were as keys, with steps for each slot.
    once = {name: tensor for name, tensor in quantise_to_int4(tensors).items() if not name.endswith(".slots")}
    for name in [name for name in tensors if name.endswith(".values")]:
        least, most = torch.aminmax(tensors[name], dim=-1, keepdim=True)
        once[f"{name}.least"], once[f"{name}.step"] = least.half(), ((most - least) / 15).half()
        steps = ((tensors[name] - least) / (most - least) * 15).round().to(torch.uint8)
        once[name] = (steps[..., ::2] | steps[..., 1::2] << 4).view(torch.int8)
        del once[f"{name}.spread"]
    fresh = plugin.new_memory()
    fresh.restore(once, counts)
    assert (fresh.values(0) - memory.values(0)).abs().max() < (memory.values(0).amax() - memory.values(0).amin()) / 25
