"""Shared fixtures: tiny random decoders, the bundled default, and where real data lies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from helpers import ROOT
from helpers.decoders import DEVICES, FAMILIES, tiny_decoder_folder

from reader.app.service import Service
from reader.models import DEFAULT_MODEL
from reader.models.model import Model, load_model
from storage import Store

# No program that a test starts fetches a larger decoder.
os.environ.setdefault("READER_MODEL", DEFAULT_MODEL)
# The test processes share the cores: a thread each, also in the programs that they start.
if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files with browser tests first. They take longest: run last, they leave the other processes without work."""
    slow_files = {item.path for item in items if item.get_closest_marker("browser")}
    items.sort(key=lambda item: item.path not in slow_files)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with real books, questions and documents; skips where it is absent."""
    folder = Path(os.environ.get("BEACON_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set BEACON_DATA")
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Folders of tiny decoders, made once a session for each set of arguments."""
    made: dict[str, Path] = {}

    def folder(family: str = "llama", **overrides: object) -> Path:
        name = repr((family, sorted(overrides.items())))
        if name not in made:
            made[name] = tiny_decoder_folder(tmp_path_factory.mktemp("decoder") / family, family, **overrides)  # type: ignore[arg-type]
        return made[name]

    return folder


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where decoders are cached in tests: the user's own cache, so that the bundled default is fetched at most once."""
    from reader.settings import cache_folder

    return cache_folder()


@pytest.fixture(scope="session")
def default_model(cache_folder: Path) -> Model:
    """The bundled default decoder with the plug-in that comes with it."""
    return load_model(cache_folder=cache_folder)


@pytest.fixture(autouse=True)
def _short_memories_in_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attached memories stay in int8 however short they are, so that all tests of tiny decoders are about such memories."""
    monkeypatch.setattr("reader.beacon.memory._LEAST_ROUNDED", 0)


@pytest.fixture
def roomy_model(tiny_folder: Callable[..., Path], tmp_path: Path) -> Model:
    """A tiny Llama with room for passages: its tokens are hardly longer than characters."""
    folder = tiny_folder("llama", max_positions=8192)
    return load_model(str(folder), condenser="beacons", window=32, cache_folder=tmp_path / "cache", device="cpu")


@pytest.fixture
def default_tokens(monkeypatch: pytest.MonkeyPatch) -> int:
    """So many tokens looked at by default that several passages of a tiny decoder, whose tokens are short, fit them."""
    monkeypatch.setattr("reader.answering.decoding.LOOK_AGAIN_TOKENS", 2500)
    return 2500


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    """Where the decoder runs."""
    return str(request.param)


@pytest.fixture(params=[*FAMILIES, "default"])
def model(
    request: pytest.FixtureRequest,
    device: str,
    tiny_folder: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Model:
    """Every supported family as a tiny decoder, then the bundled default; window 32, float32."""
    cache = tmp_path_factory.mktemp("cache")
    if request.param == "default":
        cache = request.getfixturevalue("cache_folder")
        return load_model(window=32, cache_folder=cache, device=device, dtype="float32")
    return load_model(
        str(tiny_folder(request.param)),
        condenser="beacons",
        window=32,
        cache_folder=cache,
        device=device,
        dtype="float32",
    )


@pytest.fixture
def tiny_model(tiny_folder: Callable[..., Path], tmp_path: Path) -> Model:
    """A tiny Llama with window 32 that condenses into beacons, untrained."""
    return load_model(
        str(tiny_folder("llama")), condenser="beacons", window=32, cache_folder=tmp_path / "cache", device="cpu"
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "library") as store:
        yield store


@pytest.fixture
def service(store: Store) -> Service:
    """A service that was not started: nothing is loaded, and nothing is read."""
    return Service(store, "m")
