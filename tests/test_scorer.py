"""The fitted scorer: what it learns, that it comes back from its file, and which memories it changes."""

from __future__ import annotations

import errno
import gzip
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.decoders import load_rows
from helpers.documents import make_document
from safetensors.torch import load_file, save_file

from reader.answering import ask, attach, choose_memory
from reader.condensing import ExpectedAttention, Fitted
from reader.corpora import Question, load_questions
from reader.errors import Cancelled, ConfigError, ModelError
from reader.models import Model, PluginWeights, load_model
from reader.models.plugin_files import PLUGIN_WEIGHTS
from reader.reading import read
from reader.shell.main import main
from reader.training import fit_scorer
from storage import Store

WORDS = ["keeper", "harbour", "lamp", "ledger", "tide", "rope", "bell", "crane", "salt", "anchor", "wharf", "beacon"]


@pytest.fixture
def llama(tiny_folder: Callable[..., Path], tmp_path: Path) -> Model:
    return load_rows(tiny_folder("llama"), tmp_path)


@pytest.fixture
def questions(tmp_path: Path) -> list[Question]:
    return load_questions(question_file(tmp_path))


def question_file(folder: Path) -> Path:
    """Twelve passages with two questions each, and a question that has no answer."""
    chance, file = random.Random(0), folder / "questions.jsonl.gz"
    with gzip.open(file, "wt") as lines:
        for _ in range(12):
            context = " ".join(chance.choices(WORDS, k=8))
            for answer in (context.split()[2], context.split()[5]):
                lines.write(
                    json.dumps({"context": context, "question": f"Where is the {answer}?", "answers": [answer]}) + "\n"
                )
        lines.write(json.dumps({"context": "Salt.", "question": "Who sells it?", "answers": []}) + "\n")
    return file


def fitted_plugin(model: Model, questions: list[Question], folder: Path, dtype: str = "model") -> Path:
    """The folder of a plug-in with a scorer fitted to a few texts."""
    model.plugin.rows, _ = fit_scorer(model, questions, folder / "texts", texts=4)
    PluginWeights.of(model.decoder, model.plugin).save_pretrained(folder / "plugin", dtype)
    return folder / "plugin"


def load_fitted(model: Model, plugin: Path, cache: Path, condenser: str | None = None) -> Model:
    return load_model(
        str(model.decoder.folder), plugin=str(plugin), condenser=condenser, cache_folder=cache, measures_shares=False
    )


@pytest.mark.parametrize(
    "family", ["llama", "qwen3", *(pytest.param(one, marks=pytest.mark.slow) for one in ("mistral", "qwen2"))]
)
def test_held_out_texts_keep_more_of_the_attention_than_by_chance(
    family: str, tiny_folder: Callable[..., Path], tmp_path: Path, questions: list[Question]
) -> None:
    model = load_rows(tiny_folder(family), tmp_path)
    scorer, report = fit_scorer(model, questions, tmp_path / "texts", texts=8)
    assert report.chance < report.fitted <= 1
    assert len(scorer.layers) == len(model.plugin.new_memory().layers)
    assert not (tmp_path / "texts").exists()
    assert report.questions > 8


def test_an_interrupted_fit_goes_on_and_ends_as_if_it_had_not_been(
    llama: Model, questions: list[Question], tmp_path: Path
) -> None:
    whole, report = fit_scorer(llama, questions, tmp_path / "whole", texts=4)

    def stop(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit_scorer(llama, questions, tmp_path / "texts", texts=4, progress=stop)
    (tmp_path / "texts" / "0002.part").write_bytes(b"killed while writing")
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "texts").glob("*.safetensors")}
    assert len(kept) == 2
    resumed: list[int] = []

    def look(stage: str, done: int, total: int) -> None:
        resumed.append(done)
        if stage == "ask":
            assert {file: file.stat().st_mtime_ns for file in kept} == kept

    again, same = fit_scorer(llama, questions, tmp_path / "texts", texts=4, progress=look)
    assert again.fingerprint == whole.fingerprint
    assert same == report
    assert not (tmp_path / "texts").exists()


def test_a_full_disk_is_told_and_what_was_measured_stays(
    llama: Model, questions: list[Question], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(tensors: object, file: Path) -> None:
        if file.stem == "0001":
            raise OSError(errno.ENOSPC, "No space left on device")
        save_file(tensors, file)

    monkeypatch.setattr("reader.training.scorer.save_file", full)
    with pytest.raises(
        ConfigError, match=r"text 2 .* cannot be written .*No space left on device.*; a run needs about"
    ):
        fit_scorer(llama, questions, tmp_path / "texts", texts=4)
    assert [file.name for file in (tmp_path / "texts").glob("*.safetensors")] == ["0000.safetensors"]


def test_what_another_run_measured_is_not_mixed_in(llama: Model, questions: list[Question], tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        fit_scorer(llama, questions, tmp_path / "texts", texts=4, progress=stop)
    with pytest.raises(ConfigError, match="run with other questions"):
        fit_scorer(llama, questions, tmp_path / "texts", texts=4, seed=1)


@pytest.mark.parametrize("dtype", ["model", "int8"])
def test_a_saved_scorer_chooses_the_same_rows_each_time(
    llama: Model, questions: list[Question], tmp_path: Path, store: Store, dtype: str
) -> None:
    plugin = fitted_plugin(llama, questions, tmp_path, dtype)
    first, second = (load_fitted(llama, plugin, tmp_path) for _ in range(2))
    assert first.plugin.rows.fingerprint == second.plugin.rows.fingerprint  # type: ignore[union-attr]
    document = make_document(120)
    memory = read(document, first, store, ratio=8).memory
    assert choose_memory(store, document.id, second) == memory
    (answer,) = list(ask(attach(memory, second, store), "Where is the lamp?", second, look_again="off"))[-1:]
    assert answer.answer is not None


def test_only_memories_of_large_ratios_have_other_keys(
    llama: Model, questions: list[Question], tmp_path: Path, store: Store
) -> None:
    document, expected = make_document(120), {}
    for ratio in (0, 2, 4, 8):
        expected[ratio] = read(document, llama, store, ratio=ratio).memory.key
    fitted = load_fitted(llama, fitted_plugin(llama, questions, tmp_path), tmp_path)
    fitted.plugin.config = llama.plugin.config
    found = {ratio: read(document, fitted, store, ratio=ratio).memory.key for ratio in expected}
    assert {ratio for ratio in expected if found[ratio] != expected[ratio]} == {8}
    for record in store.memories(document.id):  # what the other method kept can still be asked
        assert attach(record, fitted, store).memory.slots


def test_a_plug_in_with_a_scorer_can_use_another_method(
    llama: Model, questions: list[Question], tmp_path: Path
) -> None:
    plugin = fitted_plugin(llama, questions, tmp_path)
    assert isinstance(load_fitted(llama, plugin, tmp_path, "fitted").plugin.rows, Fitted)
    assert load_fitted(llama, plugin, tmp_path, "expected-attention").plugin.rows == ExpectedAttention()


def test_a_window_read_in_parts_is_chosen_from_whole(llama: Model, questions: list[Question], tmp_path: Path) -> None:
    scorer, _ = fit_scorer(llama, questions, tmp_path / "texts", texts=4)
    torch.manual_seed(0)
    size = scorer.layers[0].first.shape[1]
    heads = llama.decoder.model.config.num_attention_heads
    queries = torch.randn(heads, 10, size // heads)
    keys = torch.randn(len(scorer.layers[0].second_bias), 32, size // heads)
    scores = scorer.scores(0, queries, keys, keys)
    assert scores.shape == keys.shape[:2]
    assert scores.isfinite().all()


def test_the_shell_fits_a_scorer_and_reads_with_it(
    tiny_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("READER_CACHE", str(tmp_path / "cache"))
    folder, file = tiny_folder("qwen2"), question_file(tmp_path)
    text = tmp_path / "text.md"
    text.write_text(" ".join(random.Random(1).choices(WORDS, k=2000)))
    output = tmp_path / "plugin"
    command = ["fit", "--model", str(folder), "--text", str(text), "--questions", str(file), "--texts", "4"]
    assert main([*command, "--output", str(output)]) == 0
    said = " ".join(capfd.readouterr().err.split())
    assert "keep" in said
    assert "questions. At ratio 8" in said
    assert sorted(each.name for each in output.iterdir()) == ["beacon.safetensors", "beacon_config.json"]
    assert json.loads((output / "beacon_config.json").read_text())["condenser"] == "fitted"


def test_no_scorer_is_fitted_to_what_cannot_teach_it(
    llama: Model, questions: list[Question], tmp_path: Path, tiny_folder: Callable[..., Path]
) -> None:
    with pytest.raises(ConfigError, match="3 or more"):
        fit_scorer(llama, questions, tmp_path / "texts", texts=2)
    with pytest.raises(ConfigError, match="passage and an answer"):
        fit_scorer(llama, [replace(question, answers=()) for question in questions], tmp_path / "texts", texts=3)
    beacons = load_rows(tiny_folder("llama"), tmp_path, "beacons")
    with pytest.raises(ConfigError, match="keeps rows"):
        fit_scorer(beacons, questions, tmp_path / "texts", texts=3)
    with pytest.raises(ConfigError, match="needs a plug-in with a scorer"):
        load_rows(tiny_folder("llama"), tmp_path, "fitted")


def test_a_broken_scorer_is_refused(
    llama: Model, questions: list[Question], tmp_path: Path, tiny_folder: Callable[..., Path]
) -> None:
    plugin = fitted_plugin(llama, questions, tmp_path)
    whole = load_file(plugin / PLUGIN_WEIGHTS)
    for change, message in (
        ({"scorer.0.first": None}, "lacks '0.first'"),
        ({"scorer.0.third": torch.zeros(2)}, "unknown tensor '0.third'"),
        ({"scorer.0.second": torch.zeros(3, 3)}, "layer 0 do not fit each other"),
        ({"scorer.0.first": torch.zeros(64, 5)}, "fitted for a decoder with other layers"),
    ):
        changed = {name: tensor for name, tensor in (whole | change).items() if tensor is not None}
        save_file(changed, plugin / PLUGIN_WEIGHTS)
        with pytest.raises(ModelError, match=message):
            load_fitted(llama, plugin, tmp_path)
