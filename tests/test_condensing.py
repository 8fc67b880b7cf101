"""Rows in place of beacons: what is kept, where it comes from, and that everything that holds for beacons holds for rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.decoders import FAMILIES, load_rows
from helpers.documents import make_document

from reader.answering import ask, attach, attach_shelf, choose_memory
from reader.answering.attention import Attention, Heat
from reader.beacon import NO_SPAN, RatioChooser, pack_row_spans, recording
from reader.beacon.attention import largest_weights
from reader.beacon.rows import choose_rows
from reader.condensing import CHOOSERS, ExpectedAttention, Spread
from reader.errors import Cancelled, ConfigError
from reader.models import Model, load_model
from reader.reading import read
from reader.reading.plan import plan_reading
from storage import Store


@pytest.fixture(params=FAMILIES)
def rows_model(request: pytest.FixtureRequest, tiny_folder: Callable[..., Path], tmp_path: Path) -> Model:
    return load_rows(tiny_folder(request.param), tmp_path)


@pytest.fixture
def llama(tiny_folder: Callable[..., Path], tmp_path: Path) -> Model:
    return load_rows(tiny_folder("llama"), tmp_path)


@pytest.fixture(params=FAMILIES)
def replaying(request: pytest.FixtureRequest, tiny_folder: Callable[..., Path], tmp_path: Path) -> Model:
    return load_rows(tiny_folder(request.param), tmp_path, "replay")


def logits(model: Model, ratio: int, tokens: int = 150) -> torch.Tensor:
    ids = model.encode("The keeper walked to the harbour, and the lamp was lit at 19:45. " * 20)[0][:tokens]
    memory = model.plugin.new_memory()
    with torch.inference_mode(), model.plugin.configured(model.plugin.config.changed(ratio_choice="sequence")):
        config = model.plugin.config.changed(ratios=(ratio,))
        with model.plugin.configured(config):
            model.plugin.open(memory, model.opening)
            chooser = RatioChooser(config, len(ids), model.plugin.max_positions)
            model.plugin.read(memory, ids[:-10], chooser=chooser)
        result = model.plugin.run(memory, ids[-10:], logits="all")
    assert result is not None
    return result


def test_a_decoder_without_a_plug_in_can_keep_rows_and_needs_no_training(rows_model: Model) -> None:
    assert rows_model.plugin.rows == ExpectedAttention()
    assert rows_model.plugin.trained
    assert not list(rows_model.plugin.projections.parameters())
    assert "expected-attention" in rows_model.plugin_fingerprint


def test_all_rows_kept_are_full_attention(rows_model: Model) -> None:
    torch.testing.assert_close(logits(rows_model, 1), logits(rows_model, 0), rtol=0, atol=1e-4)


def test_fewer_rows_kept_are_another_memory(llama: Model) -> None:
    assert (logits(llama, 4) - logits(llama, 0)).abs().max() > 1e-2


@pytest.mark.parametrize("name", CHOOSERS)
def test_each_head_keeps_as_many_rows_of_its_own_in_order(name: str) -> None:
    torch.manual_seed(0)
    queries, keys, values = torch.randn(4, 32, 8), torch.randn(2, 32, 8), torch.randn(2, 32, 8)
    chooser = CHOOSERS[name]()
    rows = choose_rows(chooser.scores(0, queries, keys, values, torch.rand(2, 32)), 8, chooser.spread)
    assert rows.shape == (2, 8)
    assert (rows.diff(dim=1) > 0).all()
    assert 0 <= int(rows.min()) <= int(rows.max()) < 32


def test_the_rows_that_queries_point_at_are_kept() -> None:
    torch.manual_seed(0)
    keys, values = 0.1 * torch.randn(2, 32, 8), torch.ones(2, 32, 8)
    wanted = torch.tensor([[3, 17], [5, 30]])
    for head, rows in enumerate(wanted.tolist()):
        keys[head, rows] = torch.eye(8)[:2]
    queries = 3 * torch.eye(8)[:2].sum(0).expand(2, -1)
    rows = choose_rows(ExpectedAttention().scores(0, queries[:, None].expand(2, 20, 8), keys, values), 4, 0)
    for head in range(2):
        assert set(wanted[head].tolist()) <= set(rows[head].tolist())


def test_the_largest_weights_are_those_of_causal_attention() -> None:
    torch.manual_seed(0)
    queries, keys = torch.randn(4, 6, 8), torch.randn(2, 10, 8)
    scores = queries @ keys.repeat_interleave(2, dim=0).mT
    scores[:, torch.ones(6, 10).triu(5).bool()] = -torch.inf
    expected = scores.softmax(-1).amax(1).view(2, 2, 10).amax(1)
    torch.testing.assert_close(largest_weights(queries, keys), expected)


def test_replay_keeps_what_repeating_the_window_attends_to_and_leaves_nothing_else_behind(replaying: Model) -> None:
    """The same rows as when the window is run twice by hand, and a memory that knows nothing of the second time."""
    plugin = replaying.plugin
    ids, spans = replaying.encode("The keeper of the lighthouse wrote that the lamp was lit at 19:45. " * 8)
    config = plugin.config.changed(ratios=(4,), ratio_choice="sequence")
    memory, by_hand, queries = plugin.new_memory(), plugin.new_memory(), {}
    with torch.inference_mode(), plugin.configured(config):
        plugin.open(memory, replaying.opening)
        plugin.read(memory, ids[:32], spans[:32], chooser=RatioChooser(config, 32, plugin.max_positions))
        plugin.open(by_hand, replaying.opening)
        plugin.run(by_hand, ids[:32], spans[:32], logits="none")
        with recording(queries):
            plugin.run(by_hand, ids[:32], logits="none")
    assert memory.slots == memory.sink + 8
    assert memory.source_tokens_run == 32
    assert memory.row_spans is not None
    starts = spans[:, 0].tolist()
    for layer, (own,) in queries.items():
        weights = largest_weights(own[0], by_hand.keys(layer))[:, memory.sink : memory.sink + 32]
        for head, rows in enumerate(choose_rows(weights, 8, 0.5).tolist()):
            assert memory.row_spans[layer][head, memory.sink :, 0].tolist() == [starts[row] for row in rows]


def test_replay_fits_where_a_window_ends_at_the_decoders_last_position(replaying: Model) -> None:
    plugin, size = replaying.plugin, 32
    ids = replaying.encode("The keeper walked to the harbour, and the lamp was lit. " * 10)[0].repeat(50)
    config = plugin.config.changed(ratios=(4,), ratio_choice="sequence")
    with torch.inference_mode(), plugin.configured(config):
        room = plugin.max_positions - len(replaying.opening) - size  # the last window begins where its end just fits
        count = (room // 8 + 1) * size
        assert count <= len(ids)
        memory = plugin.new_memory()
        plugin.open(memory, replaying.opening)
        plugin.read(memory, ids[:count], chooser=RatioChooser(config, count, plugin.max_positions))
    assert memory.slots == memory.sink + count // 4
    assert torch.isfinite(memory.keys(0)).all()


def test_expected_attention_is_that_of_normally_distributed_queries() -> None:
    torch.manual_seed(0)
    queries, keys, values = torch.randn(4, 300, 8), torch.randn(2, 20, 8), torch.randn(2, 20, 8)
    found = ExpectedAttention().scores(0, queries, keys, values)
    for head in range(2):
        of_queries = []
        for own in queries[2 * head : 2 * head + 2, 4:]:  # without the first four, which differ from the rest
            products = own @ keys[head].T
            of_queries.append(torch.softmax(products.mean(0) + products.var(0, correction=0) / 2, dim=0))
        torch.testing.assert_close(found[head], torch.stack(of_queries).mean(0) * values[head].norm(dim=1))


def test_half_of_the_rows_are_spread_over_what_the_best_leave() -> None:
    scores = torch.arange(32.0).flip(0)[None]  # the first rows are the best
    rows = choose_rows(scores, 8, 0.5)[0].tolist()
    assert rows[:4] == [0, 1, 2, 3]
    assert rows[4:] == [10, 17, 24, 31]
    assert choose_rows(scores, 8, 1)[0].tolist() == list(range(3, 32, 4))
    assert choose_rows(scores, 8, 0)[0].tolist() == list(range(8))


def test_each_heads_slot_knows_the_token_that_it_is(rows_model: Model) -> None:
    text = "The keeper of the lighthouse wrote in the book that the lamp was lit at 19:45. " * 4
    ids, spans = rows_model.encode(text)
    plugin, memory = rows_model.plugin, rows_model.plugin.new_memory()
    raw = plugin.new_memory()
    with torch.inference_mode(), plugin.configured(plugin.config.changed(ratios=(4,), ratio_choice="sequence")):
        chooser = RatioChooser(plugin.config, len(ids), plugin.max_positions)
        plugin.open(memory, rows_model.opening)
        plugin.read(memory, ids[:32], spans[:32], chooser=chooser)
    with torch.inference_mode():
        plugin.open(raw, rows_model.opening)
        plugin.run(raw, ids[:32], spans[:32], logits="none")
    assert memory.row_spans is not None
    assert memory.slots == len(rows_model.opening) + 8
    assert all((own[:, : memory.sink] == NO_SPAN).all() for own in memory.row_spans)
    starts = spans[:, 0].tolist()
    for layer in range(len(memory.layers)):
        for head in range(memory.values(layer).shape[0]):
            tokens = [starts.index(start) for start in memory.row_spans[layer][head, memory.sink :, 0].tolist()]
            own = raw.values(layer)[head, [memory.sink + token for token in tokens]]
            torch.testing.assert_close(memory.values(layer)[head, memory.sink :], own, rtol=0, atol=1e-5)


def test_stop_after_any_window_and_resume_is_uninterrupted(llama: Model, store: Store, tmp_path: Path) -> None:
    document = make_document(120)
    whole = read(document, llama, store, ratio=4)
    expected = attach(whole.memory, llama, store).memory.tensors()
    with Store(tmp_path / "interrupted") as interrupted:
        for stop_after in range(1, whole.memory.windows, 3):
            done: list[int] = []
            with pytest.raises(Cancelled):
                read(
                    document,
                    llama,
                    interrupted,
                    ratio=4,
                    cancelled=lambda n=stop_after, d=done: bool(d) and d[-1] >= n,  # type: ignore[misc]
                    progress=lambda p, d=done: d.append(p.windows_done),  # type: ignore[misc]
                )
        resumed = read(document, llama, interrupted, ratio=4)
        assert resumed.memory.key == whole.memory.key
        found = attach(resumed.memory, llama, interrupted).memory.tensors()
        assert found.keys() == expected.keys()
        assert "layers.0.row_spans" in found
        for name, tensor in found.items():
            torch.testing.assert_close(tensor, expected[name], rtol=0, atol=1e-5)
        assert "layers.0.row_bits" in pack_row_spans(found)
        found["layers.0.row_spans"] = found["layers.0.row_spans"].clone()
        found["layers.0.row_spans"][0, -2] = found["layers.0.row_spans"][0, -1]  # two tokens of one character
        assert pack_row_spans(found) == found


def test_a_document_that_grew_is_read_from_its_first_changed_window(llama: Model, store: Store) -> None:
    short, long = make_document(100), make_document(140)
    read(short, llama, store, ratio=4)
    grown = read(long, llama, store, ratio=4)
    assert grown.tokens_read < grown.document_tokens / 2
    assert attach(grown.memory, llama, store).memory.row_spans is not None


def test_questions_leave_the_memory_as_it_was_and_evidence_uses_each_heads_places(llama: Model, store: Store) -> None:
    document = make_document(120)
    result = read(document, llama, store, ratio=4)
    attached = attach(result.memory, llama, store)
    before = {name: tensor.clone() for name, tensor in attached.memory.tensors().items()}
    first = [part.text for part in ask(attached, "Who walked?", llama, look_again="auto")]
    for name, tensor in attached.memory.tensors().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    list(ask(attached, "What was calm?", llama, look_again="off"))
    assert [part.text for part in ask(attached, "Who walked?", llama, look_again="auto")] == first
    queries: dict[int, list[torch.Tensor]] = {}
    mark = attached.memory.mark()
    with torch.inference_mode(), recording(queries):
        llama.plugin.run(attached.memory, llama.encode("Who walked?")[0], answering=True)
        attention = Attention.of(attached.memory, queries, 3)
    attached.memory.back_to(mark)
    heads, slots = attention.shares.shape
    assert attention.spans.shape == (heads // 2, slots, 2), "two heads look at the rows of one"
    heat = Heat(attention.spans, attention.beyond(None), len(document.text))
    assert heat.of([0], [len(document.text)])[0] == pytest.approx(1)


def test_two_memories_of_rows_stand_one_behind_the_other(llama: Model, store: Store) -> None:
    documents = [make_document(80, "One"), make_document(90, "Two")]
    records = [read(document, llama, store, ratio=4).memory for document in documents]
    shelf = attach_shelf(records, llama, store)
    assert shelf.memory.row_spans is not None
    for own in shelf.memory.row_spans:
        assert own.shape[1] == shelf.memory.slots
        assert int(own[:, -3:, 0].min()) > len(documents[0].text)


def test_rows_are_kept_as_int8_too(llama: Model, store: Store) -> None:
    result = read(make_document(120), llama, store, ratio=4, memory_dtype="int8")
    assert attach(result.memory, llama, store).memory.row_spans is not None


def test_a_short_document_stays_raw_and_a_long_one_makes_no_more_slots_than_fit(llama: Model) -> None:
    assert plan_reading(make_document(100), llama).ratio == 0
    plan = plan_reading(make_document(3000), llama)
    assert plan.ratio > 0
    assert plan.slots <= llama.plugin.max_positions


def test_memories_of_another_condenser_are_not_asked(tiny_folder: Callable[..., Path], store: Store) -> None:
    folder, cache = tiny_folder("llama"), Path(store.folder) / "cache"
    rows, spread = load_rows(folder, cache), load_rows(folder, cache, "spread")
    assert spread.plugin.rows == Spread()
    document = make_document(100)
    key = read(document, rows, store, ratio=4).memory.key
    assert choose_memory(store, document.id, spread) is None
    assert read(document, spread, store, ratio=4).memory.key != key


def test_an_unknown_condenser_is_one_sentence(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="The condenser is 'magic'; it must be one of beacons"):
        load_model(str(tiny_folder("llama")), cache_folder=tmp_path, condenser="magic")
