"""A better decoder is fetched while the present one answers, and takes its place when nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.documents import make_document
from helpers.waiting import wait_for

from reader.app.page.html import decoder_line
from reader.app.service import Service
from reader.models import DEFAULT_MODEL
from reader.reading.jobs import JobSettings, enqueue
from storage import Store


@pytest.fixture
def start(store: Store, tiny_folder: Callable[..., Path]) -> Iterator[Callable[[Path], Service]]:
    """Starts a service with a tiny decoder that fetches the bundled one into a cache."""
    started: list[Service] = []

    def start(cache: Path) -> Service:
        service = Service(store, str(tiny_folder("llama")), cache, better=DEFAULT_MODEL)
        started.append(service)
        service.start()
        return service

    yield start
    for service in started:
        service.close()


def test_in_an_empty_library_the_better_decoder_takes_over(
    start: Callable[[Path], Service], default_model: object, cache_folder: Path
) -> None:
    service = start(cache_folder)
    wait_for(lambda: service.model is not None and service.model.name == DEFAULT_MODEL)
    assert service.fetching is None
    assert decoder_line(service) == ""


def test_where_something_was_read_the_better_decoder_is_offered(
    start: Callable[[Path], Service],
    store: Store,
    default_model: object,
    cache_folder: Path,
    tiny_folder: Callable[..., Path],
) -> None:
    document = make_document(60)
    enqueue(document, JobSettings(str(tiny_folder("llama"))), store)
    service = start(cache_folder)
    wait_for(lambda: service.model is not None and service.fetching is not None and service.fetching.is_here)
    assert service.model is not None
    assert service.model.name == str(tiny_folder("llama"))
    assert "have to be read again" in decoder_line(service)
    service.use_fetched()
    wait_for(lambda: service.model is not None and service.model.name == DEFAULT_MODEL)
    assert service.fetching is None


def test_a_decoder_that_cannot_be_fetched_is_said_and_the_present_one_stays(
    start: Callable[[Path], Service], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "models").write_text("in the way")
    service = start(cache)
    wait_for(lambda: service.model is not None and service.fetching is not None and service.fetching.error is not None)
    line = decoder_line(service)
    assert "could not be downloaded" in line
    assert "still answers" in line
    assert "Traceback" not in line
    (cache / "models").unlink()
