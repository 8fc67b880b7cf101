"""Strategies: what each lets the decoder see, and that attaching does not change a strategy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.decoders import FAMILIES, randomise_plugin
from helpers.documents import WORDS
from torch import Tensor

from reader.beacon import RatioChooser
from reader.errors import ConfigError, ContextOverflow
from reader.models.model import Model, load_model
from reader.strategies import Beacon, FullAttention, LeanContext, Retrieval, SelfExtend, SlidingWindow, Strategy
from reader.strategies.lean_context import thinned

WINDOW = 32


@pytest.fixture(params=FAMILIES)
def family_model(request: pytest.FixtureRequest, tiny_folder: Callable[..., Path], tmp_path: Path) -> Model:
    model = load_model(str(tiny_folder(request.param)), window=WINDOW, cache_folder=tmp_path, device="cpu")
    randomise_plugin(model)
    return model


def tokens(model: Model, count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, model.decoder.model.config.vocab_size, (count,), generator=generator)


def plain_logits(model: Model, ids: Tensor) -> Tensor:
    """All logits (tokens, vocab) of the unchanged decoder."""
    with torch.inference_mode():
        return model.decoder.model(ids[None]).logits[0]


def logits(strategy: Strategy, ids: Tensor, question: str = "") -> Tensor:
    with strategy.attach(question) as context:
        return context.run(ids, logits="all")


def all_strategies(model: Model) -> list[Strategy]:
    return [
        Beacon(model, 4),
        Beacon(model, 0),
        Beacon(model, 8, horizon=4),
        SlidingWindow(model, 0),
        SlidingWindow(model, WINDOW),
        FullAttention(model),
        SelfExtend(model, group=4, neighbour_tokens=16),
        Retrieval(model, 40),
        LeanContext(model, 40),
    ]


def test_full_attention_is_the_plain_decoder_however_the_text_is_cut(family_model: Model) -> None:
    model, ids = family_model, tokens(family_model, 150)
    expected = plain_logits(model, torch.cat([model.opening, ids]))[-50:]
    for parts in ([100], [1, 99], [33, 34, 33]):
        strategy = FullAttention(model)
        for part in ids[:100].split(parts):
            strategy.read(part)
        torch.testing.assert_close(logits(strategy, ids[100:]), expected, atol=2e-5, rtol=1e-4)


def test_beacon_at_ratio_none_is_full_attention(family_model: Model) -> None:
    model, ids = family_model, tokens(family_model, 150)
    full, memory = FullAttention(model), Beacon(model, 0)
    for strategy in (full, memory):
        strategy.read(ids[:100])
    torch.testing.assert_close(logits(memory, ids[100:]), logits(full, ids[100:]), atol=2e-5, rtol=1e-4)


def test_beacon_is_the_plugin_reading_whole_windows_with_the_tail_raw(family_model: Model) -> None:
    model, ids = family_model, tokens(family_model, 150)
    plugin = model.plugin
    with torch.inference_mode():
        memory = plugin.new_memory()
        plugin.open(memory, model.opening)
        chooser = RatioChooser(_of_ratio(model, 4), 0, plugin.max_positions)
        plugin.read(memory, ids[:96], chooser=chooser)
        expected = plugin.run(memory, ids[96:], logits="all")
    assert expected is not None
    strategy = Beacon(model, 4)
    for part in ids[:100].split([10, 60, 30]):
        strategy.read(part)
    torch.testing.assert_close(logits(strategy, ids[100:]), expected[4:], atol=2e-5, rtol=1e-4)
    assert strategy.slots == len(model.opening) + 96 // 4


def test_a_horizon_belongs_to_the_strategy_and_not_to_the_model(tiny_model: Model) -> None:
    randomise_plugin(tiny_model)
    ids = tokens(tiny_model, 200)
    usual = tiny_model.plugin.config
    found = {}
    for horizon in (None, 4, 1000):
        strategy = Beacon(tiny_model, 4, horizon)
        strategy.read(ids[:160])
        found[horizon] = logits(strategy, ids[160:])
        assert tiny_model.plugin.config is usual
    torch.testing.assert_close(found[None], found[1000])
    assert not torch.allclose(found[None], found[4], atol=1e-3)


def test_text_attends_within_the_horizon_and_a_question_beyond_it(tiny_model: Model) -> None:
    randomise_plugin(tiny_model)
    plugin, ids = tiny_model.plugin, tokens(tiny_model, 200)
    strategy = Beacon(tiny_model, 4, horizon=8)
    strategy.read(ids[:160])
    memory = plugin.new_memory()
    config = replace(plugin.config, ratios=(4,), ratio_choice="sequence", horizon=8)
    with torch.inference_mode(), plugin.configured(config):
        plugin.open(memory, tiny_model.opening)
        plugin.read(memory, ids[:160], chooser=RatioChooser(config, 160, 2048))
        mark = memory.mark()
        of_question = plugin.run(memory, ids[160:180], logits="all")
        memory.back_to(mark)
        of_text = plugin.read(
            memory, ids[160:180], chooser=RatioChooser(config, 160, 2048), logits="all", beacons_in_tail=False
        )
    assert of_text is not None
    assert of_question is not None
    torch.testing.assert_close(logits(strategy, ids[160:180]), of_text)
    torch.testing.assert_close(logits(strategy, ids[160:180], "Why?"), of_question)
    assert not torch.allclose(of_text, of_question, atol=1e-3)


def test_the_sliding_window_sees_the_opening_and_the_newest_tokens_alone(family_model: Model) -> None:
    model, ids = family_model, tokens(family_model, 150)
    for kept in (0, 7, 32, 500):
        strategy = SlidingWindow(model, kept)
        for part in ids[:100].split(13):
            strategy.read(part)
        newest = ids[:100][100 - min(kept, 100) :]
        expected = plain_logits(model, torch.cat([model.opening, newest, ids[100:]]))[-50:]
        torch.testing.assert_close(logits(strategy, ids[100:]), expected, atol=2e-5, rtol=1e-4)


def test_self_extend_is_the_plain_decoder_within_its_neighbours_and_with_groups_of_one(family_model: Model) -> None:
    model, ids = family_model, tokens(family_model, 150)
    expected = plain_logits(model, torch.cat([model.opening, ids]))[-50:]
    for group, neighbours in ((8, 1000), (1, 16)):
        strategy = SelfExtend(model, group, neighbours)
        strategy.read(ids[:100])
        torch.testing.assert_close(logits(strategy, ids[100:]), expected, atol=5e-5, rtol=1e-3)
    strategy = SelfExtend(model, 8, 16)
    strategy.read(ids[:100])
    assert not torch.allclose(logits(strategy, ids[100:]), expected, atol=1e-3)


def test_self_extend_sees_each_key_at_its_near_or_grouped_distance(tiny_model: Model) -> None:
    """Compares with attention computed token by token in the first layer, whose inputs do not depend on attention."""
    group, near, ids = 4, 8, tokens(tiny_model, 40)
    captured: list[Tensor] = []
    decoder = tiny_model.decoder.model
    first = decoder.base_model.layers[0]
    handles = [
        first.self_attn.register_forward_pre_hook(
            lambda _, args, kwargs: captured.append(kwargs["hidden_states"]), with_kwargs=True
        ),
        first.self_attn.o_proj.register_forward_pre_hook(lambda _, args: captured.append(args[0])),
    ]
    strategy = SelfExtend(tiny_model, group, near)
    before = strategy.tokens
    strategy.read(ids[:24])
    captured.clear()
    with strategy.attach() as context:
        context.run(ids[24:], logits="all")
    for handle in handles:
        handle.remove()
    states, found = captured[0][0], captured[1][0]

    all_ids = torch.cat([tiny_model.opening, ids])
    assert before == len(tiny_model.opening)
    attention, heads = first.self_attn, decoder.config.num_attention_heads
    with torch.inference_mode():
        inputs = first.input_layernorm(decoder.get_input_embeddings()(all_ids))
        assert torch.allclose(states, inputs[-16:], atol=1e-5)
        query, key, value = (
            getattr(attention, f"{name}_proj")(inputs).view(len(all_ids), -1, attention.head_dim) for name in "qkv"
        )
        key, value = (part.repeat_interleave(heads // key.shape[1], dim=1) for part in (key, value))
        for at in range(len(all_ids) - 16, len(all_ids)):
            distances = []
            for other in range(at + 1):
                distance = at - other
                distances.append(distance if distance < near else at // group + near - near // group - other // group)
            cos, sin = decoder.base_model.rotary_emb(inputs, torch.tensor([distances]))
            from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

            # Rotating the query forward by the distance equals rotating the key back by it.
            rotated = torch.stack(
                [apply_rotary_pos_emb(query[at][None, :, None], query[at][None, :, None], cos[:, [o]], sin[:, [o]])[0][0, :, 0]
                 for o in range(at + 1)]
            )  # fmt: skip
            weights = ((rotated * key[: at + 1]).sum(-1) * attention.head_dim**-0.5).softmax(dim=0)
            expected = (weights[..., None] * value[: at + 1]).sum(dim=0).flatten()
            torch.testing.assert_close(found[at - len(all_ids)], expected, atol=2e-5, rtol=1e-4)


def test_attaching_changes_nothing(family_model: Model) -> None:
    model, ids = family_model, tokens(family_model, 150)
    for strategy in all_strategies(model):
        strategy.read(ids[:100])
        first = logits(strategy, ids[100:120])
        logits(strategy, tokens(model, 30, seed=1))
        with strategy.attach() as context:
            for token in ids[130:134]:
                context.run(token[None])
        assert torch.equal(logits(strategy, ids[100:120]), first), strategy.name


def test_asking_in_between_does_not_change_what_is_read(family_model: Model) -> None:
    model, ids = family_model, tokens(family_model, 150)
    for asked, unasked in zip(all_strategies(model), all_strategies(model), strict=True):
        for part in ids[:100].split([50, 50]):
            asked.read(part)
            unasked.read(part)
            logits(asked, ids[100:])
        torch.testing.assert_close(logits(asked, ids[100:]), logits(unasked, ids[100:]), atol=2e-5, rtol=1e-4)


def test_every_strategy_leaves_the_decoder_as_it_was(family_model: Model) -> None:
    model, ids = family_model, tokens(family_model, 100)
    expected = plain_logits(model, ids)
    usual = model.decoder.model.config._attn_implementation
    for strategy in all_strategies(model):
        strategy.read(ids)
        logits(strategy, ids[:20])
        assert model.decoder.model.config._attn_implementation == usual
        assert torch.equal(plain_logits(model, ids), expected), strategy.name


def test_full_attention_ends_with_the_positions_unless_asked_to_continue(
    tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    model = load_model(str(tiny_folder(max_positions=128)), window=WINDOW, cache_folder=tmp_path, device="cpu")
    ids = tokens(model, 200)
    strategy = FullAttention(model)
    with pytest.raises(ContextOverflow, match="128 positions"):
        strategy.read(ids)
    beyond = FullAttention(model, beyond_positions=True)
    beyond.read(ids)
    expected = plain_logits(model, torch.cat([model.opening, ids, ids[:5]]))[-5:]
    torch.testing.assert_close(logits(beyond, ids[:5]), expected, atol=2e-5, rtol=1e-4)
    with FullAttention(model).attach() as context:
        assert context.room_tokens == 128 - len(model.opening)


def test_self_extend_goes_beyond_the_positions_and_says_where_it_ends(
    tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    model = load_model(str(tiny_folder(max_positions=128)), window=WINDOW, cache_folder=tmp_path, device="cpu")
    strategy = SelfExtend(model, group=4, neighbour_tokens=32)
    assert strategy.max_tokens == (128 - 32) * 4 + 32
    strategy.read(tokens(model, 300))
    assert torch.isfinite(logits(strategy, tokens(model, 10))).all()
    with pytest.raises(ContextOverflow):
        strategy.read(tokens(model, 200))
    with pytest.raises(ConfigError, match="groups of 0"):
        SelfExtend(model, group=0)


def test_retrieval_puts_the_passage_that_shares_words_in_front_within_its_budget(tiny_model: Model) -> None:
    hidden = "The treasure of Captain Brandt lies under the crooked elm behind the chapel."
    text = WORDS * 40 + "\n\n" + hidden + "\n\n" + WORDS * 40
    ids = tiny_model.encode(text)[0]
    strategy = Retrieval(tiny_model, 1200)
    for part in ids.split(100):
        strategy.read(part)
    start, end = strategy.search("Where is the treasure of Captain Brandt?")[0]
    assert hidden in text[start:end]
    with strategy.attach("Where is the treasure of Captain Brandt?") as context:
        seen = 2048 - context.room_tokens - len(tiny_model.opening)
        assert 0 < seen <= 1200
    with strategy.attach("xylophone zebra") as context:
        assert 2048 - context.room_tokens == len(tiny_model.opening)
    with Retrieval(tiny_model, 100).attach("anything") as context:
        assert 2048 - context.room_tokens == len(tiny_model.opening)


def test_lean_context_keeps_the_nearest_sentences_whole_and_thins_out_the_rest(tiny_model: Model) -> None:
    near = "The treasure of Captain Brandt lies under the crooked elm."
    far = "It was at this hour of the night that the bells of 3 villages rang."
    shown = LeanContext(tiny_model, 100).showing("Where is the treasure of Captain Brandt?", [f"{far} {near}"])
    assert shown(f"{far} {near}") == f"hour night bells 3 villages rang. {near}"


def test_lean_context_adapts_how_many_sentences_stay_to_the_question(tiny_model: Model) -> None:
    both = "The ship of Anna Moir was red in the spring. The ship of Anna Moir was sold in the end."
    strategy = LeanContext(tiny_model, 100)
    assert strategy.showing("Whose ship was it, Anna Moir's?", [both])(both) == both
    assert strategy.showing("In which spring was the ship red?", [both])(both).endswith(
        "spring. ship Anna Moir sold end."
    )


@pytest.mark.parametrize("question", ["", "xyzzy", "the of and"])
def test_lean_context_without_a_near_sentence_keeps_all_whole(tiny_model: Model, question: str) -> None:
    text = "The cat is on the mat. It is so."
    assert LeanContext(tiny_model, 100).showing(question, [text])(text) == text


def test_thinning_never_empties_a_sentence() -> None:
    assert thinned("So it is.") == "So it is."
    assert thinned("The king's crown was at 12 o'clock — gone!") == "king's crown 12 o'clock gone!"


def test_lean_context_needs_fewer_tokens_for_a_passage_and_stays_within_its_budget(tiny_model: Model) -> None:
    facts = [f"On that day it was at the inn of the town of Brandt that they were given {n} coins." for n in range(30)]
    filler = "And so it was that he would have been there with them all, if only it could have been so. " * 8
    question, strategy = "Who was given 7 coins in Brandt?", LeanContext(tiny_model, 700)
    strategy.read(tiny_model.encode("\n\n".join(f"{fact} {filler}" for fact in facts))[0])
    passages = [strategy._text[start:end] for start, end in strategy.search(question)]
    shown = strategy.showing(question, passages)
    assert all(len(tiny_model.encode(shown(one))[0]) < len(tiny_model.encode(one)[0]) for one in passages)
    with strategy.attach(question) as context:
        assert 0 < 2048 - context.room_tokens - len(tiny_model.opening) <= 700


def test_a_ratio_that_does_not_divide_the_window_is_refused(tiny_model: Model) -> None:
    with pytest.raises(ConfigError, match="ratio is 5"):
        Beacon(tiny_model, 5)


def _of_ratio(model: Model, ratio: int):
    import dataclasses

    return dataclasses.replace(model.plugin.config, ratios=(ratio,), ratio_choice="sequence")
