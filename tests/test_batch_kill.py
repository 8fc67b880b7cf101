"""A batch that is killed at any moment, or loses its workers, ends with the file that an unbroken one ends with."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from helpers import ROOT
from helpers.documents import make_document

from reader.batching import BatchProgress, LocalEngine, RayEngine, batch
from reader.errors import ConfigError, ModelError
from reader.models.model import load_model
from reader.reading.loop import read
from storage import Store

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install -r requirements-ray.txt")


def write_questions(path: Path, questions: int, documents: int) -> Path:
    """A library of small documents, all read but the last, and questions about them in turn."""
    rows = [
        {"custom_id": f"q{n}", "document": f"Document {n % documents}", "question": f"Who wrote line {n}, and when?"}
        for n in range(questions)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def settings(tiny_folder: Callable[..., Path], tmp_path: Path) -> dict[str, object]:
    """How the tiny decoder is loaded, by whichever process."""
    return {"name": str(tiny_folder("llama")), "window": 32, "cache_folder": tmp_path / "cache", "device": "cpu"}


@pytest.fixture
def make_library(settings: dict[str, object], tmp_path: Path) -> Callable[[int], Path]:
    def make(documents: int) -> Path:
        model = load_model(**settings)  # type: ignore[arg-type]
        with Store(tmp_path / "library") as store:
            for number in range(documents):
                # In int8: this process and the programs that it starts attach the same numbers, though only one keeps them rounded.
                document = make_document(60 + 20 * number, f"Document {number}")
                read(document, model, store, memory_dtype="int8")
        return tmp_path / "library"

    return make


def lines(path: Path) -> list[str]:
    return sorted(path.read_text().splitlines())


def count(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.parametrize(
    ("questions", "documents", "kills"), [(12, 3, 1), pytest.param(200, 10, 3, marks=pytest.mark.slow)]
)
def test_killed_at_random_and_resumed_each_question_has_its_one_answer(
    settings: dict[str, object],
    make_library: Callable[[int], Path],
    tmp_path: Path,
    questions: int,
    documents: int,
    kills: int,
) -> None:
    library, asked = make_library(documents), write_questions(tmp_path / "q.jsonl", questions, documents)
    with Store(library) as store:
        batch(asked, tmp_path / "unbroken.jsonl", store, LocalEngine(load_model(**settings)))  # type: ignore[arg-type]
    output = tmp_path / "broken.jsonl"
    command = [sys.executable, "-m", "reader", "batch", str(asked), "--output", str(output), "--look-again", "off"]
    command += ["--model", str(settings["name"]), "--window", "32"]
    environment = {**os.environ, "READER_LIBRARY": str(library), "READER_CACHE": str(tmp_path / "cache")}
    at = sorted(random.Random(questions).sample(range(1, questions), kills))
    for number in at:
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as victim:
            while count(output) < number:
                assert victim.poll() is None, "it ended before it was killed"
                time.sleep(0.001)
            victim.send_signal(signal.SIGKILL)
        assert count(output) < questions
    last = subprocess.run([*command, "--json"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    told = json.loads(last.stdout)
    assert (told["questions"], told["errors"]) == (questions, 0)
    assert 0 < told["answered"] <= questions - at[-1]
    ids = [json.loads(line)["custom_id"] for line in output.read_text().splitlines()]
    assert sorted(ids) == sorted(f"q{number}" for number in range(questions))
    assert lines(output) == lines(tmp_path / "unbroken.jsonl")


def workers() -> list[int]:
    """The processes of our own Ray's workers that hold a decoder."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            names[int(folder.name)] = (folder / "cmdline").read_text()
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue

    def is_ours(process: int) -> bool:
        while process in parents:
            process = parents[process]
            if process == os.getpid():
                return True
        return False

    return [process for process, name in names.items() if name.startswith("ray::_Worker") and is_ours(process)]


def addresses() -> set[str]:
    """Where our own Ray's processes listen."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            found |= {one.laddr.ip for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN}
    return found


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("is_one_lost", [False, True])
def test_ray_gives_the_same_file_up_to_order(
    settings: dict[str, object], make_library: Callable[[int], Path], tmp_path: Path, is_one_lost: bool
) -> None:
    library, asked = make_library(3), write_questions(tmp_path / "q.jsonl", 45, 3)
    with Store(library) as store:
        batch(asked, tmp_path / "local.jsonl", store, LocalEngine(load_model(**settings)))  # type: ignore[arg-type]
        killed: list[int] = []
        listening: set[str] = set()

        def kill_one(now: BatchProgress) -> None:
            if now.done == 1:
                listening.update(addresses())
            if is_one_lost and not killed and now.done >= 2:
                killed.append(workers()[0])
                os.kill(killed[0], signal.SIGKILL)

        output = tmp_path / "ray.jsonl"
        summary = batch(asked, output, store, RayEngine(settings, workers=2), progress=kill_one)
    assert len(killed) == is_one_lost
    assert listening
    assert {one for one in listening if not one.removeprefix("::ffff:").startswith("127.")} <= {"::1"}
    assert (summary.answered, summary.errors) == (45, 0)
    assert lines(output) == lines(tmp_path / "local.jsonl")


@needs_ray
@pytest.mark.slow
def test_ray_says_what_is_wrong(
    settings: dict[str, object], make_library: Callable[[int], Path], tmp_path: Path
) -> None:
    library, asked = make_library(1), write_questions(tmp_path / "q.jsonl", 2, 1)
    with Store(library) as store:
        with pytest.raises(ModelError, match="nowhere"):
            batch(asked, tmp_path / "a.jsonl", store, RayEngine({**settings, "name": str(tmp_path / "nowhere")}))
        with pytest.raises(ConfigError, match="address"):
            batch(asked, tmp_path / "a.jsonl", store, RayEngine(settings, address="127.0.0.1:1"))
    assert count(tmp_path / "a.jsonl") == 0
