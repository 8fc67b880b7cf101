"""A decoder that came without layer shares gets its own when it is loaded for the first time, and keeps them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import ROOT
from helpers.answers import answered
from helpers.decoders import FAMILIES, load_rows
from helpers.documents import make_document

from reader.answering import attach, choose_memory
from reader.app.page.html import decoder_line
from reader.app.service import Service
from reader.models import Model, load_model
from reader.reading import read
from reader.reading.plan import plan_reading
from reader.shell.main import main
from storage import Store

LOAD = """
import json, os, signal, sys
from pathlib import Path
from reader.models import load_model

stages = []

def progress(stage, fraction):
    stages.append(stage)
    if (stage, fraction) == ("fit", 0.5) and sys.argv[3:] == ["die"]:
        os.kill(os.getpid(), signal.SIGKILL)

model = load_model(sys.argv[1], window=32, cache_folder=Path(sys.argv[2]), progress=progress)
print(json.dumps(["fit" in stages, model.plugin.config.layer_shares]))
"""
"""Loads a decoder, and prints whether its shares were measured and what they are; or dies after the first window."""


def loaded(folder: Path, cache: Path, **settings: object) -> tuple[Model, bool]:
    """A decoder without a plug-in, and whether its shares were measured just now."""
    stages: list[str] = []
    model = load_model(
        str(folder),
        window=32,
        cache_folder=cache,
        progress=lambda stage, _: stages.append(stage),
        **settings,  # type: ignore[arg-type]
    )
    return model, "fit" in stages


def in_another_process(folder: Path, cache: Path, *how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", LOAD, str(folder), str(cache), *how]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kept_file(cache: Path) -> Path:
    (file,) = (cache / "shares").glob("*/shares.json")
    return file


@pytest.mark.parametrize("family", FAMILIES)
def test_the_first_loading_measures_and_the_next_ones_remember(
    family: str, tiny_folder: Callable[..., Path], tmp_path: Path, store: Store
) -> None:
    folder = tiny_folder(family, layers=3)
    model, is_measured = loaded(folder, tmp_path)
    assert is_measured
    shares = model.plugin.config.layer_shares
    for ratio in (2, 4, 8):
        assert len(shares[ratio]) == 3
        assert len({*shares[ratio]}) > 1
        assert sum(shares[ratio]) / 3 == pytest.approx(1 / ratio, abs=1e-3)
    again, is_measured = loaded(folder, tmp_path)
    assert not is_measured
    assert again.plugin.config == model.plugin.config
    document = make_document(150)
    record = read(document, again, store, ratio=2).memory
    assert record.key != plan_reading(document, load_rows(folder, tmp_path), 2).memory_key
    attached = attach(record, again, store)
    assert any(attached.memory.extra)
    assert answered(attached, again, look_again="off").text


def test_memories_from_before_are_found_and_asked(
    tiny_folder: Callable[..., Path], tmp_path: Path, store: Store
) -> None:
    folder, document = tiny_folder("llama"), make_document(150)
    old = read(document, load_rows(folder, tmp_path), store, ratio=4).memory
    model, _ = loaded(folder, tmp_path)
    assert model.plugin.config.layer_shares
    assert choose_memory(store, document.id, model) == old
    attached = attach(old, model, store)
    assert not any(attached.memory.extra)
    assert answered(attached, model, look_again="off").text
    assert (
        plan_reading(document, model, 0).memory_key == plan_reading(document, load_rows(folder, tmp_path), 0).memory_key
    )


def test_of_two_processes_one_measures(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    running = [in_another_process(tiny_folder("qwen2"), tmp_path) for _ in range(2)]
    said = [json.loads(process.communicate(timeout=300)[0]) for process in running]
    assert sorted(is_measured for is_measured, _ in said) == [False, True]
    assert said[0][1] == said[1][1]
    assert said[0][1].keys() == {"2", "4", "8"}


@pytest.mark.slow
def test_a_killed_measuring_leaves_nothing_in_the_way(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = tiny_folder("qwen2")
    assert in_another_process(folder, tmp_path, "die").wait(timeout=300) == -9
    assert not list((tmp_path / "shares").glob("*/shares.json"))
    model, is_measured = loaded(folder, tmp_path)
    assert is_measured
    assert model.plugin.config.layer_shares
    assert [path for path in kept_file(tmp_path).parents[1].iterdir() if path.is_dir()] == [kept_file(tmp_path).parent]
    assert not loaded(folder, tmp_path)[1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_text("{}"),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes().replace(b"0.", b"1.", 1)),
        lambda file: file.unlink(),
        lambda file: (file.parent / "manifest.json").unlink(),
    ],
)
def test_a_damaged_file_is_measured_again(
    damage: Callable[[Path], object], tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tiny_folder("llama")
    shares = loaded(folder, tmp_path)[0].plugin.config.layer_shares
    damage(kept_file(tmp_path))
    model, is_measured = loaded(folder, tmp_path)
    assert is_measured
    assert model.plugin.config.layer_shares == shares
    assert not loaded(folder, tmp_path)[1]


def test_without_room_in_the_cache_every_start_measures(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "shares").write_text("a file where the folder should be")
    found = [loaded(tiny_folder("llama"), tmp_path) for _ in range(2)]
    assert [is_measured for _, is_measured in found] == [True, True]
    assert found[0][0].plugin.config.layer_shares == found[1][0].plugin.config.layer_shares != {}


def test_shares_belong_to_the_weights_and_their_precision(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    moved = shutil.copytree(tiny_folder("llama"), tmp_path / "elsewhere")
    for folder, settings, is_new in (
        (tiny_folder("llama"), {}, True),
        (tiny_folder("llama"), {"dtype": "bfloat16"}, True),
        (tiny_folder("llama"), {"condenser": "replay"}, False),
        (tiny_folder("llama", seed=7), {}, True),
        (moved, {}, False),
    ):
        assert loaded(folder, tmp_path / "cache", **settings)[1] == is_new


def test_who_has_shares_or_keeps_no_rows_is_not_measured(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = tiny_folder("llama")
    assert loaded(folder, tmp_path, condenser="beacons")[0].plugin.config.layer_shares == {}
    assert loaded(folder, tmp_path, measures_shares=False)[0].plugin.config.layer_shares == {}
    own = load_rows(folder, tmp_path, layer_shares={4: (0.375, 0.125)})
    own.plugin_weights.save_pretrained(tmp_path / "plugin")
    model, is_measured = loaded(folder, tmp_path, plugin=str(tmp_path / "plugin"))
    assert model.plugin.config.layer_shares == {4: (0.375, 0.125)}
    assert not is_measured
    assert not (tmp_path / "shares").exists()


def test_a_decoder_of_few_positions_is_measured_in_smaller_windows_or_not_at_all(
    tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    assert loaded(tiny_folder("llama", max_positions=128), tmp_path)[0].plugin.config.layer_shares.keys() == {2, 4, 8}
    model, is_measured = loaded(tiny_folder("llama", max_positions=60), tmp_path)
    assert model.plugin.config.layer_shares == {}
    assert not is_measured


def test_the_shell_says_what_it_measured_once(
    tiny_folder: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("READER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "story.txt").write_text("The keeper lit the lamp and went to the harbour. " * 30)
    command = ["read", str(tmp_path / "story.txt"), "--library", str(tmp_path / "library"), "--window", "32"]
    for is_first in (True, False):
        assert main([*command, "--model", str(tiny_folder("llama")), "--ratio", "2"]) == 0
        said = " ".join(capsys.readouterr().err.split())
        assert bool(re.search(r"Measured once, in \d+ s, how many rows each layer", said)) == is_first


def test_the_page_says_what_is_measured(service: Service) -> None:
    service.loading = ("fit", 0.5)
    assert "must keep (first start only) … 50%" in decoder_line(service)
