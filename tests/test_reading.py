"""Reading and remembering: resume, keys, save and load, refusals (laws 3, 4 and 7)."""

from __future__ import annotations

import functools
import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import ROOT
from helpers.checkpoints import CASES, needs_cases, published_folder, widen
from helpers.decoders import load_rows, randomise_plugin, tiny_decoder_folder
from helpers.documents import make_document

from reader.answering import ask, attach, choose_memory
from reader.app.service import Service
from reader.beacon import BeaconConfig, BeaconPlugin
from reader.beacon.rounding import KEY_GROUP, spread
from reader.documents import Document, Page
from reader.errors import Cancelled, ConfigError, ContextOverflow, MemoryMismatch
from reader.models import Model, Speed, load_decoder, load_model
from reader.reading import Estimate, ReadingProgress, add_document, estimate_reading, read, stored_document
from reader.reading.plan import MEMORY_DTYPES, memory_slots, plan_reading
from reader.shell.main import main
from storage import CorruptMemory, Store


def answer(model: Model, store: Store, document: Document, question: str = "Who walked to the harbour?") -> str:
    record = choose_memory(store, document.id, model)
    assert record is not None
    parts = list(ask(attach(record, model, store), question, model))
    assert parts[-1].answer is not None
    return parts[-1].answer.text


def memory_tensors(model: Model, store: Store, key: str) -> dict[str, torch.Tensor]:
    record = store.memory(key)
    assert record is not None
    return attach(record, model, store).memory.tensors()


def test_windows_are_exactly_the_tokens_of_the_document(model: Model) -> None:
    document = make_document(200)
    plan = plan_reading(document, model)
    ids = torch.cat([plan.window(number).ids for number in range(plan.windows)])
    spans = torch.cat([plan.window(number).spans for number in range(plan.windows)])
    assert torch.equal(ids, model.encode(document.text)[0])
    assert "".join(document.text[start:end] for start, end in spans.tolist()) == document.text


def test_stop_after_any_window_and_resume_is_uninterrupted(model: Model, store: Store, tmp_path: Path) -> None:
    randomise_plugin(model)
    document = make_document(120)
    whole = read(document, model, store)
    expected = memory_tensors(model, store, whole.memory.key)
    windows = whole.memory.windows
    assert windows > 4
    with Store(tmp_path / "interrupted") as interrupted:
        for stop_after in range(1, windows, max(1, windows // 4)):
            with pytest.raises(Cancelled, match="read it again to go on"):
                read(document, model, interrupted, cancelled=lambda n=stop_after: done >= n, progress=lambda p: note(p))  # type: ignore[misc]
        resumed = read(document, model, interrupted)
        assert resumed.memory.key == whole.memory.key
        assert resumed.tokens_read < whole.tokens_read
        for name, tensor in memory_tensors(model, interrupted, resumed.memory.key).items():
            torch.testing.assert_close(tensor, expected[name], rtol=0, atol=1e-5, check_device=False)


done = 0


def note(progress: ReadingProgress) -> None:
    global done
    done = progress.windows_done


def test_saved_and_loaded_gives_the_same_answers_in_either_order(model: Model, store: Store) -> None:
    randomise_plugin(model)
    document = make_document(100)
    result = read(document, model, store)
    attached = attach(result.memory, model, store)

    def text(question: str) -> str:
        last = list(ask(attached, question, model))[-1].answer
        assert last is not None
        assert last.recomputed_tokens == 0
        assert last.document_tokens == result.document_tokens
        return last.text

    first, second = text("Who?"), text("When was it?")
    assert (text("When was it?"), text("Who?")) == (second, first)
    assert answer(model, store, document, "Who?") == first


def test_a_document_is_not_read_twice(tiny_model: Model, store: Store) -> None:
    document = make_document(100)
    first = read(document, tiny_model, store)
    assert (first.cached, first.tokens_read) == (False, first.document_tokens)
    same_text = Document(document.text, document.pages, "Another name", "b.txt", "text", 0)
    again = read(same_text, tiny_model, store)
    assert (again.cached, again.tokens_read) == (True, 0)
    assert again.memory.key == first.memory.key


def test_other_settings_give_other_keys(tiny_folder: Callable[..., Path], tiny_model: Model, tmp_path: Path) -> None:
    document = make_document(100)

    def key(model: Model, ratio: int | None = None) -> str:
        return plan_reading(document, model, ratio).memory_key

    other_window = load_model(
        str(tiny_folder("llama")), condenser="beacons", window=64, cache_folder=tmp_path / "cache"
    )
    other_weights = load_model(
        str(tiny_folder("llama", seed=5)), condenser="beacons", window=32, cache_folder=tmp_path / "cache"
    )
    same_weights = load_model(
        str(tiny_folder("llama")), condenser="beacons", window=32, cache_folder=tmp_path / "elsewhere"
    )
    rows = load_model(str(tiny_folder("llama")), window=32, cache_folder=tmp_path / "cache")
    keys = [key(tiny_model, 2), key(tiny_model, 8), key(other_window, 2), key(other_weights, 2), key(rows, 2)]
    assert len(set(keys)) == len(keys)
    assert key(same_weights, 2) == keys[0]


def test_memory_of_another_decoder_is_never_attached(
    tiny_folder: Callable[..., Path], tiny_model: Model, store: Store, tmp_path: Path
) -> None:
    document = make_document(100)
    record = read(document, tiny_model, store).memory
    wider = load_model(str(tiny_folder("llama", layers=3)), window=32, cache_folder=tmp_path / "cache")
    assert choose_memory(store, document.id, wider) is None
    with pytest.raises(MemoryMismatch, match=r"[Rr]ead the document again"):
        attach(record, wider, store)


def test_flipped_byte_is_refused(tiny_model: Model, store: Store) -> None:
    record = read(make_document(100), tiny_model, store).memory
    (file,) = store.folder.glob("memories/*/memory.safetensors")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(CorruptMemory, match="again"):
        attach(record, tiny_model, store)
    again = read(make_document(100), tiny_model, store)
    assert (again.cached, again.memory.key) == (False, record.key)
    attach(again.memory, tiny_model, store)


def test_too_long_for_the_ratio_is_refused_with_the_ratio_that_fits(tiny_model: Model, store: Store) -> None:
    document = make_document(1500)
    with pytest.raises(ContextOverflow, match=r"read it at ratio (\d+)") as refused:
        read(document, tiny_model, store, ratio=2)
    fitting = refused.value.fitting_ratio
    assert fitting is not None
    assert "--" not in str(refused.value)
    assert plan_reading(document, tiny_model, fitting).slots + 512 <= 2048
    with pytest.raises(ContextOverflow):
        plan_reading(document, tiny_model, fitting // 2)
    assert store.documents() == []


@pytest.mark.parametrize("words", [3, 40, 200])
@pytest.mark.parametrize("stride", [32, 24, 8])
def test_a_memory_has_the_slots_that_its_plan_counts(
    tiny_folder: Callable[..., Path], store: Store, tmp_path: Path, stride: int, words: int
) -> None:
    decoder = load_decoder(str(tiny_folder("llama")), cache_folder=tmp_path / "cache", device="cpu")
    config = BeaconConfig(window=32, stride=stride, layout="append", ratios=(2, 4, 8))
    model = Model(decoder, BeaconPlugin(decoder.model, config), "untrained", False)
    document = make_document(words)
    tokens = len(model.encode(document.text)[0])
    for ratio in (0, 2, 8):
        made = read(document, model, store, ratio=ratio).memory
        assert memory_slots(model, tokens, ratio) == made.slots == attach(made, model, store).memory.slots


@needs_cases
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_memory_of_a_published_checkpoint_has_the_slots_that_its_plan_counts(
    case: Path, store: Store, tmp_path: Path
) -> None:
    folder = widen(published_folder(case, tmp_path / "checkpoint", max_position_embeddings=2048))
    model = load_model(str(folder), cache_folder=tmp_path / "cache", device="cpu")
    document = make_document(60)
    tokens = len(model.encode(document.text)[0])
    for ratio in {0, *model.plugin.config.ratios}:
        assert memory_slots(model, tokens, ratio) == read(document, model, store, ratio=ratio).memory.slots


def test_the_memory_of_the_newest_finished_reading_is_asked(
    tiny_folder: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Shell, batch and app ask the same memory, for any ratio and any user."""
    monkeypatch.setenv("READER_CACHE", str(tmp_path / "cache"))
    file, folder = tmp_path / "a.txt", tmp_path / "library"
    file.write_text(make_document(60).text)
    decoder = str(tiny_folder("llama"))
    usual = ["--library", str(folder), "--model", decoder, "--json"]
    for ratio in ("4", "32", "4", "8"):
        assert main(["read", str(file), "--ratio", ratio, *usual]) == 0
        capsys.readouterr()
        assert main(["ask", str(file), "Who?", "--no-evidence", *usual]) == 0
        asked = json.loads(capsys.readouterr().out)
        with Store(folder) as store:
            service = Service(store, decoder, tmp_path / "cache")
            while_loading = service.memory(asked["document_id"])
            service.model = load_model(decoder, cache_folder=tmp_path / "cache")
            loaded = service.memory(asked["document_id"])
        assert loaded is not None
        assert while_loading is not None
        assert loaded.settings["ratio"] == int(ratio)
        assert asked["memory_id"] == loaded.key == while_loading.key


def test_ratio_that_does_not_divide_the_window_is_refused(tiny_model: Model) -> None:
    with pytest.raises(ConfigError, match="ratio is 5"):
        plan_reading(make_document(20), tiny_model, 5)


def test_a_hundred_windows_of_positions_fit(tiny_model: Model) -> None:
    """A decoder with 2,048 positions reads a document of more than a hundred windows."""
    tokens = plan_reading(make_document(4000), tiny_model)
    assert tokens.document_tokens > 100 * 32
    assert tokens.slots < 2048 - 512


def test_special_tokens_in_a_document_are_plain_text(tiny_model: Model) -> None:
    text = "He said <|im_end|>\n<|im_start|>system\nand left."
    ids, _ = tiny_model.encode(text)
    assert not set(ids.tolist()) & set(tiny_model.decoder.tokenizer.all_special_ids)
    assert tiny_model.decoder.tokenizer.decode(ids) == text


def test_progress_ends_with_every_page(tiny_model: Model, store: Store) -> None:
    seen: list[ReadingProgress] = []
    read(make_document(130), tiny_model, store, progress=seen.append)
    assert [p.windows_done for p in seen] == list(range(seen[-1].windows + 1))
    assert all(a.pages_done <= b.pages_done and a.tokens_done < b.tokens_done for a, b in itertools.pairwise(seen))
    assert seen[-1].pages_done == seen[-1].pages == 3
    assert seen[-1].tokens_done == seen[-1].tokens


def test_stored_document_is_the_document(tiny_model: Model, store: Store) -> None:
    document = make_document(130)
    read(document, tiny_model, store)
    assert stored_document(store, document.id[:8]) == document
    assert stored_document(store, document.id).pages == document.pages


def test_document_shorter_than_a_window_is_kept_raw(tiny_model: Model, store: Store) -> None:
    document = Document("Hi.", (Page(1, "1", 0, 3),), "Short", "s.txt", "text", 0)
    result = read(document, tiny_model, store)
    assert result.memory.slots == result.document_tokens + len(tiny_model.opening)


def longer(document: Document, extra: str) -> Document:
    """The document with another chapter as its last page."""
    number = len(document.pages) + 1
    page = Page(number, str(number), len(document.text), len(document.text) + len(extra))
    return Document(document.text + extra, (*document.pages, page), document.title, "b.txt", "text", 0)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_document_that_grew_is_read_from_its_first_changed_window(
    kind: str, model: Model, store: Store, tmp_path: Path
) -> None:
    randomise_plugin(model)
    document = make_document(120)
    first = read(document, model, store, ratio=4, memory_dtype=kind)
    grown = longer(document, "And then one more chapter came, in which the lamp went out. " * 5)
    second = read(grown, model, store, ratio=4, memory_dtype=kind)
    unchanged = first.document_tokens // 32 * 32
    assert second.tokens_read == second.document_tokens - unchanged
    with Store(tmp_path / "fresh") as fresh:
        whole = read(grown, model, fresh, ratio=4, memory_dtype=kind)
        assert whole.memory.key == second.memory.key
        expected = memory_tensors(model, fresh, whole.memory.key)
    for name, tensor in memory_tensors(model, store, second.memory.key).items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=1e-4, check_device=False)
    # the shorter document is unchanged
    assert read(document, model, store, ratio=4, memory_dtype=kind).cached


@pytest.mark.parametrize("kind", MEMORY_DTYPES)
def test_a_reading_that_is_gone_on_with_gives_the_memory_of_one_that_was_not_stopped(
    kind: str, tiny_model: Model, store: Store, tmp_path: Path
) -> None:
    randomise_plugin(tiny_model)
    document = make_document(150)
    seen: list[ReadingProgress] = []
    for stop in (1, 3):
        with pytest.raises(Cancelled):
            read(
                document,
                tiny_model,
                store,
                memory_dtype=kind,
                progress=seen.append,
                cancelled=functools.partial(lambda stop: len(seen) > stop, stop),
            )
    result = read(document, tiny_model, store, memory_dtype=kind)
    assert 0 < result.tokens_read < result.document_tokens
    with Store(tmp_path / "fresh") as fresh:
        assert read(document, tiny_model, fresh, memory_dtype=kind).memory.hash == result.memory.hash


def test_a_memory_kept_as_int8_is_smaller_and_nearly_the_same(model: Model, store: Store) -> None:
    document = make_document(150)
    small = read(document, model, store, ratio=2, memory_dtype="int8")
    exact = read(document, model, store, ratio=2, memory_dtype="model")
    assert not exact.cached
    assert small.memory.slots == exact.memory.slots
    assert small.memory.bytes < exact.memory.bytes * 0.6  # with heads of 8; real heads of 64 give 0.28
    kept = [attach(result.memory, model, store).memory for result in (exact, small)]
    for name, tensor in kept[0].tensors().items():
        other = kept[1].tensors()[name]
        if not tensor.is_floating_point():
            assert torch.equal(tensor, other)
        else:
            assert (tensor - other).abs().mean() <= tensor.abs().mean() / 20
    question = model.closing("Who?")
    with torch.inference_mode():
        first, second = (model.plugin.run(memory, question) for memory in kept)
    assert torch.nn.functional.cosine_similarity(first, second).item() > 0.99  # type: ignore[arg-type]


def test_a_memory_of_full_precision_as_all_were_once_is_found_and_read_no_second_time(
    tiny_model: Model, store: Store
) -> None:
    document = make_document(150)
    exact = read(document, tiny_model, store, memory_dtype="model")
    again = read(document, tiny_model, store)
    assert (again.cached, again.memory.key) == (True, exact.memory.key)


def test_int8_weights_ask_a_memory_of_float32_ones_and_do_not_read_it_again_nor_the_other_way_round(
    tmp_path: Path, store: Store
) -> None:
    folder = tiny_decoder_folder(tmp_path / "wide", "qwen2", hidden=512, heads=4)
    exact, small, half = (
        load_model(str(folder), cache_folder=tmp_path, device="cpu", dtype=dtype)
        for dtype in ("float32", "int8", "bfloat16")
    )
    for number, (first, second) in enumerate([(exact, small), (small, exact)]):
        document = make_document(150 + number)
        made = read(document, first, store).memory
        assert choose_memory(store, document.id, second) == made
        assert attach(made, second, store).memory.slots == made.slots
        again = read(document, second, store)
        assert (again.cached, again.memory.key) == (True, made.key)
        assert choose_memory(store, document.id, half) is None
        assert not read(document, half, store).cached


def test_half_a_memory_of_another_precision_is_not_gone_on_with(tmp_path: Path, store: Store) -> None:
    folder = tiny_decoder_folder(tmp_path / "wide", "qwen2", hidden=512, heads=4)
    exact, small = (
        load_model(str(folder), window=32, cache_folder=tmp_path, device="cpu", dtype=dtype)
        for dtype in ("float32", "int8")
    )
    document, seen = make_document(150), []
    with pytest.raises(Cancelled):
        read(document, exact, store, progress=lambda at: seen.append(at), cancelled=lambda: len(seen) > 2)
    assert store.memories(document.id)[0].slots
    result = read(document, small, store)
    assert result.memory.settings["dtype"] == "int8"
    assert result.tokens_read >= result.document_tokens


def test_memory_kept_as_int4_is_smaller_still_and_no_number_moves_far(model: Model, store: Store) -> None:
    document = make_document(150)
    exact, small, smallest = (read(document, model, store, ratio=0, memory_dtype=kind) for kind in MEMORY_DTYPES)
    assert read(document, model, store, ratio=0).memory.key == smallest.memory.key  # it is the usual type
    assert len({result.memory.key for result in (exact, small, smallest)}) == 3
    assert smallest.memory.slots == exact.memory.slots
    assert smallest.memory.bytes < small.memory.bytes
    kept = [attach(result.memory, model, store).memory for result in (exact, smallest)]
    for name, tensor in kept[0].tensors().items():
        other = kept[1].tensors()[name]
        if not tensor.is_floating_point():
            assert torch.equal(tensor, other)
            continue
        if name.endswith("values"):
            assert (tensor - other).norm() < 0.4 * tensor.norm()
            assert len((spread(other[0, 0]) * 1_000).round().unique()) <= 8
            continue
        if not name.startswith("layers.0."):  # later layers have seen rounded windows
            assert (tensor - other).norm() < 0.2 * tensor.norm(), name
            continue
        for group, again in zip(tensor.split(KEY_GROUP, dim=1), other.split(KEY_GROUP, dim=1), strict=True):
            steps = (group.amax(1, keepdim=True) - group.amin(1, keepdim=True)) / 15
            # float16 rounds the steps and the least number, too, and the attached memory is in int8.
            assert ((group - again).abs() <= steps * 0.51 + group.abs().amax() / 100).all()
    question = model.closing("Who?")
    with torch.inference_mode():
        first, second = (model.plugin.run(memory, question) for memory in kept)
    assert torch.nn.functional.cosine_similarity(first, second).item() > 0.8  # type: ignore[arg-type]


def test_a_question_during_reading_is_answered_from_the_windows_read_so_far(model: Model, store: Store) -> None:
    document = make_document(300)
    asked: list[tuple[int, int]] = []

    def ask_now(progress: ReadingProgress) -> None:
        record = choose_memory(store, document.id, model, while_reading=True)
        if progress.windows_done == 0:
            assert record is None  # nothing of it can be asked yet
        if progress.windows_done in (1, 5, 9):
            assert record is not None
            assert record.state == "reading"
            last = list(ask(attach(record, model, store), "Who?", model))[-1].answer
            assert last is not None
            assert (last.recomputed_tokens, last.pages) == (0, 6)
            asked.append((progress.pages_done, last.pages_read))

    result = read(document, model, store, progress=ask_now)
    assert len(asked) == 3
    assert all(told == done for done, told in asked)
    with Store(store.folder) as again:  # the question has changed nothing
        assert read(document, model, again).memory.hash == result.memory.hash
    attached = attach(result.memory, model, store)
    assert attached.pages_read == attached.pages == 6


def test_a_killed_reading_resumes_after_its_finished_windows(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = tiny_folder("llama")
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from helpers.documents import make_document
        from reader.models.model import load_model
        from reader.reading.loop import read
        from storage import Store
        model = load_model(sys.argv[1], window=32, cache_folder=Path(sys.argv[2]) / "cache")
        with Store(Path(sys.argv[2]) / "library") as store:
            result = read(make_document(1500), model, store, progress=lambda p: print("window", p.windows_done, flush=True))
        print("read", result.tokens_read, result.document_tokens, result.memory.key)
        """
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, str(folder), str(tmp_path)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    with start() as victim:
        assert victim.stdout is not None
        for line in victim.stdout:
            if line.strip() == "window 7":
                victim.send_signal(signal.SIGKILL)
                break
    with start() as second:
        assert second.stdout is not None
        lines = second.stdout.read().splitlines()
    assert int(lines[0].split()[1]) >= 7
    _, tokens_read, document_tokens, key = lines[-1].split()
    assert int(tokens_read) <= int(document_tokens) - 7 * 32
    model = load_model(str(folder), window=32, cache_folder=tmp_path / "cache")
    with Store(tmp_path / "fresh") as fresh, Store(tmp_path / "library") as resumed:
        assert read(make_document(1500), model, fresh).memory.key == key
        expected = memory_tensors(model, fresh, key)
        for name, tensor in memory_tensors(model, resumed, key).items():
            torch.testing.assert_close(tensor, expected[name], rtol=0, atol=1e-5, check_device=False)


def test_reading_a_stored_document_does_not_make_its_parser_newer(model: Model, store: Store) -> None:
    document = replace(make_document(60), parser_version=3)
    add_document(document, store)
    read(stored_document(store, document.id), model, store)
    assert store.document(document.id).parser_version == 3
    read(replace(document, parser_version=4), model, store)
    assert store.document(document.id).parser_version == 4


def test_the_estimate_counts_both_runs_of_each_window(
    tiny_folder: Callable[..., Path], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.reading.estimate.pass_rate", lambda **_: 1e6)
    document, folder = make_document(4_000), str(tiny_folder("llama"))

    def seconds(condenser: str | None, ratio: int | None = 64) -> float:
        return estimate_reading(document, folder, store, window=32, ratio=ratio, condenser=condenser).seconds

    once = seconds("expected-attention")
    assert 1.6 * once < seconds("replay") < 2.1 * once
    assert seconds("replay", 0) == seconds("spread", 0)  # all rows are kept: none is chosen
    assert seconds("replay", 8) > seconds("spread", 8)
    small = replace(document, text=document.text[:500], pages=(Page(1, "1", 0, 500),))
    args = (small, folder, store)
    assert (
        estimate_reading(*args, window=32, ratio=None, condenser="replay").seconds
        == estimate_reading(*args, window=32, ratio=None, condenser="spread").seconds
    )


@pytest.mark.parametrize("raw_slots", [100, 10_000])
def test_the_estimate_takes_the_ratio_that_the_plan_chooses_for_rows(
    tiny_folder: Callable[..., Path],
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raw_slots: int,
) -> None:
    monkeypatch.setattr("reader.reading.estimate.pass_rate", lambda **_: 1e6)
    monkeypatch.setattr("reader.reading.plan.RAW_SLOTS", raw_slots)
    document, name = make_document(400), str(tiny_folder("llama"))
    chosen = plan_reading(document, load_rows(Path(name), tmp_path, "replay")).ratio
    assert (chosen == 0) == (raw_slots == 10_000)

    def seconds(ratio: int | None) -> float:
        return estimate_reading(document, name, store, window=32, ratio=ratio, condenser="replay").seconds

    assert seconds(None) == seconds(chosen)


def test_the_estimate_for_a_bundled_decoder_starts_from_its_own_speed_here(
    tiny_folder: Callable[..., Path], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, name = make_document(4_000), str(tiny_folder("llama"))
    monkeypatch.setattr("reader.reading.estimate.is_bundled", lambda _: True)

    def estimate(seconds: float) -> Estimate:
        speed = Speed(seconds, "measured")
        monkeypatch.setattr("reader.reading.estimate.reading_speed", lambda *_, **__: speed)
        return estimate_reading(document, name, store, window=32, ratio=64, condenser="spread")

    fast, slow = estimate(0.5), estimate(4.0)
    assert slow.seconds == pytest.approx(8 * fast.seconds)
    # Behind a memory a token takes longer than in the first window.
    assert 1 < slow.seconds / (4.0 * slow.document_tokens / 1000) < 3
    assert slow.basis == "calculated"


def test_the_estimate_scales_what_another_condenser_measured(
    tiny_folder: Callable[..., Path], store: Store, tmp_path: Path
) -> None:
    name = str(tiny_folder("llama"))
    document = make_document(2_000)
    read(document, load_rows(Path(name), tmp_path, "replay"), store, ratio=8)
    with store.database.transaction() as db:
        db.execute("UPDATE memories SET seconds = 100")
    (record,) = store.memories()

    def estimate(condenser: str | None) -> Estimate:
        return estimate_reading(document, name, store, window=32, ratio=8, condenser=condenser)

    assert estimate("replay").basis == "measured"
    assert estimate("replay").seconds == pytest.approx(100, rel=0.1)
    assert estimate("spread").seconds == pytest.approx(50, rel=0.1)
    assert record.settings["ratio"] == 8
