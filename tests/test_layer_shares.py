"""Layers that keep different numbers of rows: everything that holds for equal layers holds for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.answers import answered, attached_to, find_evidence
from helpers.decoders import FAMILIES, load_rows
from helpers.documents import FACT, FACT_PAGE, QUESTION_ABOUT_FACT, hide, make_document

from reader.answering import Answer, ask, attach, attach_shelf
from reader.answering.attention import Attention, Heat
from reader.answering.conversations import Conversation
from reader.batching import answer_together
from reader.beacon import BeaconConfig, BeaconPlugin, Memory, RatioChooser
from reader.condensing import ExpectedAttention
from reader.condensing.shares import shares_of
from reader.errors import Cancelled, ConfigError, MemoryMismatch
from reader.models import Model, PluginWeights, load_model
from reader.reading import read
from reader.reading.plan import plan_reading
from reader.shell.main import main
from storage import Store

SHARES = {4: (0.375, 0.125), 2: (0.25, 0.75)}
"""At ratio 4, windows of 32 keep 12 and 4 rows, 8 on average."""


@pytest.fixture(autouse=True)
def _short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reader.answering.decoding.MAX_ANSWER_TOKENS", 12)


@pytest.fixture
def make_model(tiny_folder: Callable[..., Path], tmp_path: Path) -> Callable[..., Model]:
    def make(family: str = "llama", condenser: str = "expected-attention", **changes: object) -> Model:
        return load_rows(tiny_folder(family), tmp_path / "cache", condenser, **changes)

    return make


@pytest.fixture(params=FAMILIES)
def shared(request: pytest.FixtureRequest, make_model: Callable[..., Model]) -> Model:
    return make_model(request.param, layer_shares=SHARES)


@pytest.fixture
def llama(make_model: Callable[..., Model]) -> Model:
    return make_model(layer_shares=SHARES)


def memory_of(model: Model, tokens: int = 150, ratio: int = 4, at_once: int = 1024) -> Memory:
    """A memory of so many tokens, some of them at a time, with an unfinished last window."""
    plugin = model.plugin
    ids, spans = model.encode(
        "The keeper of the lighthouse walked to the harbour, and the lamp was lit at 19:45. " * 20
    )
    config = plugin.config.changed(ratios=(ratio,), ratio_choice="sequence")
    memory = plugin.new_memory()
    with torch.inference_mode(), plugin.configured(config):
        plugin.open(memory, model.opening)
        for first in range(0, tokens, at_once):
            part = slice(first, min(first + at_once, tokens))
            plugin.read(memory, ids[part], spans[part], chooser=RatioChooser(config, tokens, plugin.max_positions))
    return memory


def logits(model: Model, memory: Memory) -> torch.Tensor:
    mark = memory.mark()
    with torch.inference_mode():
        result = model.plugin.run(memory, model.encode("Who walked to the harbour?")[0], logits="all", answering=True)
    memory.back_to(mark)
    return result


def copies(memory: Memory) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in memory.tensors().items()}


def assert_same_bits(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert [name for name in found if not torch.equal(found[name], expected[name])] == []


def test_equal_shares_are_the_memory_without_shares(make_model: Callable[..., Model]) -> None:
    """Evenly spaced rows: the only ones that stand at the same positions either way."""
    plain = memory_of(make_model(condenser="spread"))
    equal = memory_of(make_model(condenser="spread", layer_shares={4: (0.25, 0.25)}))
    spans = equal.spans
    assert (spans[plain.sink :, 0] <= plain.spans[plain.sink :, 0]).all(), "a slot's span is the whole interval"
    assert (spans[plain.sink :, 1] == plain.spans[plain.sink :, 1]).all()
    equal.spans = plain.spans
    assert_same_bits(equal.tensors(), plain.tensors())


def test_the_best_rows_alone_are_kept(make_model: Callable[..., Model]) -> None:
    model = make_model()
    model.plugin.rows = ExpectedAttention(spread=0)
    expected = memory_of(model, 32)
    found = memory_of(make_model(layer_shares={4: (0.25, 0.25)}), 32)
    for layer in range(2):
        assert torch.equal(found.row_spans[layer], expected.row_spans[layer])  # type: ignore[index]
        assert torch.equal(found.values(layer), expected.values(layer))


def test_each_layer_keeps_its_share_of_each_window(shared: Model) -> None:
    memory = memory_of(shared, 150)
    sink, tail = len(shared.opening), 150 % 32
    assert memory.slots == sink + 4 * 8 + tail
    assert memory.positions.tolist() == list(range(memory.slots))
    assert memory.extra == (16, -16)
    for layer, rows in enumerate((12, 4)):
        assert memory.keys(layer).shape[1] == memory.layers[layer].length == sink + 4 * rows + tail
        starts = memory.row_spans[layer][:, sink : sink + 4 * rows, 0]  # type: ignore[index]
        assert (starts.diff(dim=1) > 0).all(), "each head's rows are in the order of the text"
    text = memory.spans[sink:]
    assert (text[1:, 0] == text[:-1, 1]).all(), "the slots' spans together are the text"


def test_a_row_stands_at_the_slot_of_its_place(llama: Model) -> None:
    """Keys of the first layer depend on the token and its position alone."""
    memory, raw = memory_of(llama, 32), memory_of(llama, 32, ratio=0)
    first, sink = raw.spans[raw.sink :, 0], memory.sink
    rotate = llama.plugin.decoder.base_model.rotary_emb
    for head, rows in enumerate(memory.row_spans[0][:, sink:, 0]):  # type: ignore[index]
        places = torch.searchsorted(first.contiguous(), rows.long())
        read = raw.keys(0)[head, sink + places]
        found = memory.keys(0)[head, sink:]
        angles = [rotate(found[None], (sink + at)[None]) for at in (places, places // 4)]
        unrotated = [
            key * cos[0] - torch.cat([-key[:, 4:], key[:, :4]], dim=1) * sin[0]
            for key, (cos, sin) in zip((read, found), angles, strict=True)
        ]
        torch.testing.assert_close(unrotated[1], unrotated[0], rtol=0, atol=1e-4)


def test_reading_window_by_window_is_reading_at_once(shared: Model) -> None:
    at_once, by_window = memory_of(shared).tensors(), memory_of(shared, at_once=32).tensors()
    for name, tensor in at_once.items():
        torch.testing.assert_close(by_window[name], tensor, rtol=0, atol=1e-4)


def test_saved_and_restored_it_gives_the_same_logits_and_asking_leaves_it_alone(shared: Model) -> None:
    memory = memory_of(shared)
    before, expected = copies(memory), logits(shared, memory)
    assert_same_bits(memory.tensors(), before)
    restored = shared.plugin.new_memory()
    restored.restore(before, memory.counts())
    assert restored.extra == memory.extra
    assert torch.equal(logits(shared, restored), expected)


def test_going_back_behind_a_window_forgets_its_rows(llama: Model) -> None:
    plugin, memory = llama.plugin, memory_of(llama, 64)
    before, mark = copies(memory), memory.mark()
    config = plugin.config.changed(ratios=(4,), ratio_choice="sequence")
    with torch.inference_mode(), plugin.configured(config):
        plugin.read(memory, torch.arange(10, 80), chooser=RatioChooser(config, 70, plugin.max_positions))
    assert memory.extra != mark.extra
    memory.back_to(mark)
    assert_same_bits(memory.tensors(), before)


def test_memories_of_unequal_layers_stand_one_behind_the_other(shared: Model) -> None:
    plugin, one, other = shared.plugin, memory_of(shared, 70), memory_of(shared, 100, ratio=2)
    before, joined = copies(other), plugin.new_memory()
    with torch.inference_mode():
        plugin.put_behind(joined, one)
        plugin.put_behind(joined, other, 1000)
    assert_same_bits(other.tensors(), before)
    assert joined.extra == tuple(map(sum, zip(one.extra, other.extra, strict=True)))
    for layer in range(2):
        length = one.keys(layer).shape[1]
        torch.testing.assert_close(joined.keys(layer)[:, :length], one.keys(layer), rtol=0, atol=1e-5)
        assert torch.equal(joined.values(layer)[:, length:], other.values(layer)[:, other.sink :])
        assert torch.equal(joined.row_spans[layer][:, length:], other.row_spans[layer][:, other.sink :] + 1000)  # type: ignore[index]
    assert torch.isfinite(logits(shared, joined)).all()


def test_a_batch_of_memories_gives_each_its_own_logits(shared: Model) -> None:
    memories = [memory_of(shared, 70), memory_of(shared, 150), memory_of(shared, 40, ratio=0)]
    ids = [torch.arange(10, 10 + count) for count in (5, 40, 12)]
    marks, expected = [memory.mark() for memory in memories], []
    with torch.inference_mode():
        for memory, own in zip(memories, ids, strict=True):
            expected.append(shared.plugin.run(memory, own, logits="all"))
        for memory, mark in zip(memories, marks, strict=True):
            memory.back_to(mark)
        found = shared.plugin.run_batch(memories, ids, logits="all")
    for own, alone in zip(found, expected, strict=True):
        torch.testing.assert_close(own, alone, rtol=0, atol=1e-4)


def test_windows_read_together_keep_what_they_keep_alone(llama: Model) -> None:
    plugin, config = llama.plugin, llama.plugin.config.changed(ratios=(4,), ratio_choice="sequence")
    texts = [torch.arange(10, 106), torch.arange(50, 130)]
    memories = [plugin.new_memory() for _ in texts]
    alone = [plugin.new_memory() for _ in texts]
    choosers = [RatioChooser(config, len(text), plugin.max_positions) for text in texts]
    with torch.inference_mode(), plugin.configured(config):
        plugin.read_batch(memories, texts, choosers=choosers)
        for memory, text, chooser in zip(alone, texts, choosers, strict=True):
            plugin.read(memory, text, chooser=chooser)
    for together, one in zip(memories, alone, strict=True):
        for name, tensor in one.tensors().items():
            torch.testing.assert_close(together.tensors()[name], tensor, rtol=0, atol=1e-4)


@pytest.mark.parametrize("horizon", [None, 40])
def test_answers_together_are_the_answers_alone(llama: Model, store: Store, horizon: int | None) -> None:
    vars(llama)["passage_horizon"] = horizon
    attached = attached_to(make_document(150), llama, store, ratio=4)
    before, questions = copies(attached.memory), ["Who?", "What happened on page 3?", "Where did the keeper walk to?"]
    for look_again in ("off", "auto"):
        together = dict(answer_together(attached, questions, llama, look_again=look_again, batch_size=3))
        for number, answer in together.items():
            assert isinstance(answer, Answer)
            alone = list(ask(attached, questions[number], llama, look_again=look_again))[-1].answer
            assert alone is not None
            assert answer.text == alone.text
            torch.testing.assert_close(
                torch.tensor(answer.reading_map), torch.tensor(alone.reading_map), rtol=0, atol=1e-4
            )
    assert_same_bits(attached.memory.tensors(), before)


def test_evidence_names_the_right_page(shared: Model, store: Store) -> None:
    document = hide()
    attached = attached_to(document, shared, store, ratio=4)
    evidence, shares = find_evidence(attached, QUESTION_ABOUT_FACT, "Zebedee", shared)
    assert (evidence[0].page, evidence[0].quote) == (FACT_PAGE, FACT)
    assert sum(shares) == pytest.approx(1)
    assert answered(attached, shared, look_again=250).evidence


@pytest.mark.parametrize("layer", [0, 1])
def test_attention_finds_the_place_of_the_row_that_a_question_looks_at(llama: Model, store: Store, layer: int) -> None:
    """In a layer with many rows and in one with few, one row is made the key that the queries of its heads like best."""
    document = make_document(200)
    attached = attached_to(document, llama, store, ratio=4)
    memory, place = attached.memory, attached.passages.all[-1]
    spans = memory.row_spans[layer][0]  # type: ignore[index]
    row = int(torch.nonzero((spans[:, 0] >= place.start_char) & (spans[:, 1] <= place.end_char))[0])
    memory.layers[layer].unround()  # so that they can be changed
    keys = memory.keys(layer)[0]
    keys *= 0.01
    keys[row] *= 10_000
    queries = {number: [torch.zeros(1, 4, 3, 8)] for number in range(2)}
    queries[layer][0][:, :2] = 100 * keys[row] / keys[row].norm()
    found = Attention.of(memory, queries, 3)
    heads = slice(4 * layer, 4 * layer + 2)
    heat = Heat(found.spans[2 * layer].expand(2, -1, 2), found.shares[heads], len(document.text))
    assert heat.of([place.start_char], [place.end_char])[0] > 0.99 * 2


def test_stopped_and_resumed_it_is_the_same_and_a_longer_document_goes_on_from_it(
    llama: Model, store: Store, tmp_path: Path
) -> None:
    document, longer = make_document(120), make_document(160)
    whole = read(document, llama, store, ratio=4)
    expected = attach(whole.memory, llama, store).memory.tensors()
    with Store(tmp_path / "interrupted") as interrupted:
        done: list[int] = []
        with pytest.raises(Cancelled):
            read(
                document,
                llama,
                interrupted,
                ratio=4,
                cancelled=lambda: bool(done) and done[-1] >= 3,
                progress=lambda p: done.append(p.windows_done),
            )
        resumed = read(document, llama, interrupted, ratio=4)
        assert resumed.memory.key == whole.memory.key
        found = attach(resumed.memory, llama, interrupted).memory.tensors()
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-5)
        anew = attach(read(longer, llama, interrupted, ratio=2).memory, llama, interrupted)
        assert anew.memory.extra[0] < 0
    with Store(tmp_path / "other") as other:
        read_anew = attach(read(longer, llama, other, ratio=4).memory, llama, other).memory.tensors()
    grown = read(longer, llama, store, ratio=4)
    assert grown.tokens_read < grown.document_tokens / 2
    for name, tensor in attach(grown.memory, llama, store).memory.tensors().items():
        torch.testing.assert_close(tensor, read_anew[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize("memory_dtype", ["model", "int8"])
def test_a_shelf_of_saved_memories_answers(llama: Model, store: Store, memory_dtype: str) -> None:
    records = [
        read(make_document(words, title), llama, store, ratio=ratio, memory_dtype=memory_dtype).memory
        for words, title, ratio in ((80, "One", 4), (90, "Two", 2), (20, "Raw", 0))
    ]
    shelf = attach_shelf(records, llama, store)
    assert shelf.memory.extra != (0, 0)
    assert answered(shelf, llama, look_again=100).evidence


def test_a_conversation_condenses_by_shares_and_leaves_the_document_alone(llama: Model, store: Store) -> None:
    attached = attached_to(make_document(150), llama, store, ratio=4)
    before = copies(attached.memory)
    conversation = Conversation(store.conversations.add([attached.record.document_id]), attached, llama, store)
    for number in range(4):
        list(conversation.ask(f"What happened on page {number}, and who saw it?"))
    said = conversation._said.memory
    assert said.extra != attached.memory.extra, "what was said is condensed by the shares, too"
    unasked = answered(attached_to(make_document(150), llama, store, ratio=4), llama).text
    assert answered(attached, llama).text == unasked
    attached.memory.back_to(attached.memory.mark())
    assert_same_bits(attached.memory.tensors(), before)
    held = attach(attached.record, llama, store)
    restarted = Conversation(store.conversations.get(conversation.record.id), held, llama, store)
    turns = [(turn.question, turn.answer) for turn in conversation.record.turns]
    conversation._said.put(turns)
    restarted._said.put(turns)
    assert_same_bits(restarted._said.memory.tensors(), said.tensors())


def test_memories_that_were_saved_before_layers_could_differ_open_and_join(make_model: Callable[..., Model]) -> None:
    model = make_model()
    memory = memory_of(model)
    expected, saved = logits(model, memory), copies(memory)
    saved["row_spans"] = torch.stack([saved.pop(f"layers.{layer}.row_spans") for layer in range(2)])
    old = model.plugin.new_memory()
    old.restore(saved, memory.counts())
    assert torch.equal(logits(model, old), expected)
    assert_same_bits(old.tensors(), memory.tensors())
    shelf, unequal = model.plugin.new_memory(), memory_of(make_model(layer_shares=SHARES))
    with torch.inference_mode():
        model.plugin.put_behind(shelf, old)
        model.plugin.put_behind(shelf, unequal)
    assert shelf.extra == unequal.extra
    assert torch.isfinite(logits(model, shelf)).all()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("layers.1.row_spans", None),
        ("layers.0.row_spans", lambda spans: spans[:, 1:]),
        ("layers.1.row_spans", lambda spans: spans[:, :3]),
        ("layers.1.row_spans", lambda spans: spans.long()),
        ("layers.0.keys", lambda keys: keys[:, :-1]),
        ("layers.1.values", None),
        ("row_spans", lambda _: torch.zeros(3, 2, 60, 2, dtype=torch.int32)),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_change_nothing(
    llama: Model, name: str, change: Callable[[torch.Tensor], torch.Tensor] | None
) -> None:
    memory = memory_of(llama)
    saved = copies(memory)
    if change is None:
        del saved[name]
    else:
        saved[name] = change(saved.get(name, torch.empty(0)))
    target = memory_of(llama, 64)
    before = copies(target)
    target.sink, target.beacons = 0, 0
    with pytest.raises(MemoryMismatch, match="ead the document again"):
        target.restore(saved, memory.counts())
    target.sink, target.beacons = len(llama.opening), 16
    assert_same_bits(target.tensors(), before)


def test_shares_are_part_of_the_key_only_where_they_are_used(make_model: Callable[..., Model]) -> None:
    document = make_document(150)
    plain, shared, other = (
        make_model(layer_shares=shares) for shares in ({}, SHARES, SHARES | {4: (0.125, 0.375), 8: (0.125, 0.125)})
    )
    keys = [
        [plan_reading(document, model, ratio).memory_key for model in (plain, shared, other)] for ratio in (0, 2, 4, 16)
    ]
    assert [len({*own}) for own in keys] == [1, 2, 3, 1]
    assert shared.plugin_fingerprint == plain.plugin_fingerprint, "memories from before the shares can be asked"


def test_plug_ins_keep_their_shares_on_disk_and_their_fingerprint_without_them(
    make_model: Callable[..., Model], tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    model = make_model(layer_shares=SHARES)
    weights = PluginWeights.of(model.decoder, model.plugin)
    weights.save_pretrained(tmp_path / "plugin")
    loaded = load_model(str(tiny_folder("llama")), plugin=str(tmp_path / "plugin"), cache_folder=tmp_path / "cache")
    assert loaded.plugin.config.layer_shares == SHARES
    assert loaded.plugin_fingerprint == model.plugin_fingerprint
    saved = json.loads((tmp_path / "plugin" / "beacon_config.json").read_text())
    del saved["beacon"]["layer_shares"]
    (tmp_path / "plugin" / "beacon_config.json").write_text(json.dumps(saved))
    old = PluginWeights.from_pretrained(tmp_path / "plugin")
    assert old.config.layer_shares == {}
    beacons = load_model(str(tiny_folder("llama")), condenser="beacons", window=32, cache_folder=tmp_path / "cache")
    assert (
        PluginWeights.of(beacons.decoder, beacons.plugin).fingerprint
        == PluginWeights.of(
            beacons.decoder, BeaconPlugin(beacons.decoder.model, beacons.plugin.config.changed(layer_shares=SHARES))
        ).fingerprint
    )


@pytest.mark.parametrize(
    "shares", [{4: (0.5, 0.5)}, {4: (0.5, 0.0)}, {2: (-0.5, 1.5)}, {0: (1.0, 1.0)}, {2: ()}, {2: (float("nan"), 0.5)}]
)
def test_shares_that_cannot_be_are_refused(shares: dict[int, tuple[float, ...]]) -> None:
    with pytest.raises(ConfigError, match="layer_shares of ratio"):
        BeaconConfig(window=32, layer_shares=shares)


def test_shares_of_another_decoder_are_refused(make_model: Callable[..., Model]) -> None:
    model = make_model()
    config = model.plugin.config.changed(layer_shares={4: (0.25, 0.25, 0.25)})
    with pytest.raises(ConfigError, match=r"layer_shares of ratio 4 is \(0.25, 0.25, 0.25\); it must be 2 shares"):
        BeaconPlugin(model.decoder.model, config, rows=ExpectedAttention())


def test_shares_are_those_of_the_best_rows_of_all_layers() -> None:
    scores = torch.tensor(
        [[9.0, 8, 7, 6, 1, 1, 1, 1], [5.0, 1, 1, 1, 1, 1, 1, 1], [1.0] * 8, [4.0, 3, 2, 1, 1, 1, 1, 1]]
    )
    found = shares_of(scores, 4, 512)
    assert found == pytest.approx(
        [4 / 8 * 127 / 128 + 1 / 512, 1 / 8 * 127 / 128 + 1 / 512, 1 / 512, 3 / 8 * 127 / 128 + 1 / 512], abs=1e-4
    )
    assert shares_of(scores, 4, 512, 0.5) == pytest.approx([(share + 1 / 4) / 2 for share in found], abs=1e-3)
    for ratio in (2, 4, 8):
        scores = torch.rand(24, 2 * 512) ** torch.arange(1, 25)[:, None]
        BeaconConfig(layer_shares={ratio: shares_of(scores, ratio, 512)}).check_layers(24)


def test_a_fitted_plug_in_reads_and_answers(
    tiny_folder: Callable[..., Path],
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("READER_CACHE", str(tmp_path / "cache"))
    decoder, output = str(tiny_folder("qwen2", layers=3)), str(tmp_path / "fitted")
    assert main(["fit", "--model", decoder, "--output", output]) == 0
    assert "layers keep from" in capsys.readouterr().err
    model = load_model(decoder, plugin=output, cache_folder=tmp_path / "cache")
    assert sorted(model.plugin.config.layer_shares) == [2, 4, 8]
    assert len({*model.plugin.config.layer_shares[2]}) == 3
    attached = attached_to(make_document(500), model, store, ratio=2)
    assert len({*attached.memory.extra}) == 3
    assert abs(sum(attached.memory.extra)) <= 3, "the layers together keep what they would keep with equal shares"
    assert answered(attached, model, look_again="off").text


def test_what_cannot_be_fitted_is_one_sentence(
    tiny_folder: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("READER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "short.txt").write_text("The keeper lit the lamp. " * 5)
    command = ["fit", "--model", str(tiny_folder("llama")), "--output", str(tmp_path / "fitted")]
    assert main([*command, "--text", str(tmp_path / "none.txt")]) == 2
    assert "none.txt" in capsys.readouterr().err
    for more, sentence in (
        (["--text", str(tmp_path / "short.txt")], "less than a window of 512; give a longer text."),
        (["--condenser", "beacons"], "A memory of beacons has as many in all layers"),
    ):
        assert main([*command, *more]) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert sentence in said
        assert "Traceback" not in said
    assert not (tmp_path / "fitted").exists()
