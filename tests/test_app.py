"""The browser app without a browser: its service, what it shows, and its front door."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import make_document

import app
from app import Exchange, Service, build, decoder_html, document_html, library_choice, main, messages, reading_html
from reader.documents import Document, Page
from reader.errors import ConfigError
from storage import Store, StoreError

SCRIPT = "<script>alert(1)</script>"
WAIT_SECONDS = 60.0


def wait_for(happened: Callable[[], object]) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not happened():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.005)


def whole_answer(service: Service, document_id: str, question: str) -> tuple[str, str]:
    *_, last = service.answer(document_id, question, lambda: False)
    return last


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "library") as store:
        yield store


@pytest.fixture
def decoder_folder(tiny_folder: Callable[..., Path]) -> Path:
    return tiny_folder("llama", max_positions=8192)


@pytest.fixture
def service(store: Store, decoder_folder: Path, tmp_path: Path) -> Iterator[Service]:
    """A service with a tiny decoder; whatever it reads is stopped afterwards."""
    service = Service(store, str(decoder_folder), tmp_path / "cache")
    service.start()
    wait_for(lambda: service.model or service.load_error)
    yield service
    for document_id in service.active_ids():
        service.cancel(document_id)
    wait_for(lambda: not service.active_ids())


def read(service: Service, document: Document) -> str:
    service.add(document)
    wait_for(lambda: service.reading(document.id) is None)
    return document.id


def test_a_document_is_read_once_and_then_asked_without_reading(service: Service) -> None:
    document_id = read(service, make_document(800))
    memory = service.memory(document_id)
    assert memory is not None
    text, note = whole_answer(service, document_id, "When did the keeper walk?")
    assert f"0 of {memory.tokens:,} document tokens read again" in note
    assert whole_answer(service, document_id, "When did the keeper walk?")[0] == text
    after = service.memory(document_id)
    assert after is not None
    assert replace(after, last_used_at=0) == replace(memory, last_used_at=0)


def test_a_cancelled_reading_keeps_its_windows_and_goes_on_behind_them_after_a_restart(
    service: Service, store: Store, decoder_folder: Path, tmp_path: Path
) -> None:
    document = make_document(40_000)
    service.add(document)
    wait_for(lambda: (reading := service.reading(document.id)) and reading.pages_done > 5)
    service.cancel(document.id)
    wait_for(lambda: not service.active_ids())
    stopped = service.reading(document.id)
    assert stopped is not None
    assert stopped.state == "stopped"
    assert 0 < stopped.pages_done < len(document.pages)
    record = store.document(document.id)
    assert f"Read to page {stopped.pages_done} of {record.pages}" in reading_html(record, stopped)
    assert service.states() == {document.id: "part read"}
    key = store.memories(document.id)[0].key
    finished = store.segments(key)
    assert finished

    restarted = Service(store, str(decoder_folder), tmp_path / "cache")
    restarted.start()
    wait_for(lambda: restarted.model)
    found = restarted.reading(document.id)
    assert found is not None
    assert (found.state, found.pages_done) == ("stopped", stopped.pages_done)
    restarted.read(document.id)
    wait_for(lambda: restarted.reading(document.id) is None)
    memory = restarted.memory(document.id)
    assert memory is not None
    assert memory.key == key
    assert [segment.hash for segment in store.segments(key)[: len(finished)]] == [segment.hash for segment in finished]


def test_one_document_is_read_at_a_time_and_one_that_waits_can_be_cancelled(service: Service) -> None:
    first, second = make_document(40_000), make_document(300)
    service.add(first)
    wait_for(lambda: service.states()[first.id] == "reading")
    service.add(second)
    assert service.active_ids() == [first.id, second.id]
    assert service.states()[second.id] == "waiting"
    service.cancel(second.id)
    assert service.active_ids() == [first.id]
    service.read(second.id)
    service.cancel(first.id)
    wait_for(lambda: service.memory(second.id))
    assert service.memory(first.id) is None


def test_a_reading_waits_while_an_answer_streams(service: Service) -> None:
    asked = read(service, make_document(300))
    long = make_document(40_000)
    service.add(long)
    wait_for(lambda: (reading := service.reading(long.id)) and reading.progress)
    parts = service.answer(asked, "What was calm?", lambda: False)
    next(parts)
    time.sleep(0.2)  # the window at hand is finished
    reading = service.reading(long.id)
    assert reading is not None
    assert reading.progress is not None
    before = reading.progress.windows_done
    time.sleep(0.3)
    assert reading.progress.windows_done == before
    parts.close()
    wait_for(lambda: reading.progress is not None and reading.progress.windows_done > before)


def test_an_answer_that_is_left_halfway_changes_nothing(service: Service) -> None:
    document_id = read(service, make_document(500))
    expected, _ = whole_answer(service, document_id, "Who wrote it?")
    parts = service.answer(document_id, "Where is the baker?", lambda: False)
    next(parts)
    parts.close()
    assert whole_answer(service, document_id, "Who wrote it?")[0] == expected


def test_a_stopped_answer_says_so(service: Service) -> None:
    document_id = read(service, make_document(300))
    *_, (text, note) = service.answer(document_id, "Who wrote it?", lambda: True)
    assert note.endswith("stopped")
    assert len(text) < len(whole_answer(service, document_id, "Who wrote it?")[0])


def test_the_two_memories_asked_last_stay_attached(service: Service) -> None:
    first, second, third = (read(service, make_document(words)) for words in (300, 310, 320))
    was_new = [service.attach(document_id)[1] for document_id in (first, second, first, third, first, second)]
    assert was_new == [True, True, False, True, False, True]


def test_a_document_that_is_not_read_cannot_be_asked(service: Service, store: Store) -> None:
    document = make_document(300)
    store.add_document(document.id, title="A", file_name="a.txt", format="text", pages=[("1", document.text)])
    with pytest.raises(ConfigError, match="not read yet"):
        whole_answer(service, document.id, "Who?")


def test_a_removed_document_is_gone_and_can_be_read_again(service: Service, store: Store) -> None:
    document = make_document(300)
    read(service, document)
    service.attach(document.id)
    service.remove(document.id)
    assert (store.documents(), store.memories(), service.states()) == ([], [], {})
    read(service, document)
    assert service.attach(document.id)[1]


def test_a_document_that_is_being_read_is_not_removed(service: Service, store: Store) -> None:
    document = make_document(40_000)
    service.add(document)
    wait_for(lambda: (reading := service.reading(document.id)) and reading.progress)
    with pytest.raises(StoreError, match="being read"):
        service.remove(document.id)
    assert [record.id for record in store.documents()] == [document.id]


def test_a_decoder_that_cannot_be_loaded_is_told_and_loaded_at_the_next_try(
    store: Store, decoder_folder: Path, tmp_path: Path
) -> None:
    late = tmp_path / SCRIPT.replace("/", "")
    service = Service(store, str(late), tmp_path / "cache")
    document = make_document(300)
    service.add(document)
    service.start()
    wait_for(lambda: service.load_error)
    told = decoder_html(service)
    assert "There is no decoder at" in told
    assert "<script>" not in told
    late.symlink_to(decoder_folder)
    service.load_again()
    wait_for(lambda: service.memory(document.id))
    assert service.load_error == ""
    assert "untrained" in decoder_html(service)


def test_a_document_too_long_for_the_decoder_fails_with_one_sentence(
    store: Store, tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    service = Service(store, str(tiny_folder("llama", max_positions=700)), tmp_path / "cache")
    service.start()
    document = make_document(40_000)
    service.add(document)
    wait_for(lambda: not service.active_ids())
    failed = service.reading(document.id)
    assert failed is not None
    assert failed.state == "failed"
    assert "700 positions" in reading_html(store.document(document.id), failed)


def test_strangers_words_are_shown_as_text(service: Service, store: Store) -> None:
    text = f"{SCRIPT} said the keeper. " * 40
    document = Document(text, (Page(1, SCRIPT, 0, len(text)),), SCRIPT, f"{SCRIPT}.txt", "text", 0)
    read(service, document)
    record, memory = store.document(document.id), service.memory(document.id)
    shown = [
        document_html(record, memory, "ready"),
        *(str(message) for message in messages([Exchange(SCRIPT, SCRIPT)])),
    ]
    for html in shown:
        assert "<script>" not in html
        assert "&lt;script&gt;" in html
    # The library's rows are shown as text by the browser; a title must not break out of its line.
    lines = Document(text + "x", (Page(1, "1", 0, len(text) + 1),), "One\nTwo", "a.txt", "text", 0)
    service.add(lines)
    assert len(library_choice(store.document(lines.id), "ready")[0].splitlines()) == 2


def test_a_mistake_of_ours_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("READER_DEBUG", raising=False)
    told: list[str] = []
    monkeypatch.setattr(app.gr, "Warning", told.append)

    def fail() -> None:
        raise RuntimeError(SCRIPT)

    assert app.told(fail)() == app.gr.skip()
    assert told == [
        "This is a mistake of ours: RuntimeError: &lt;script&gt;alert(1)&lt;/script&gt;. READER_DEBUG=1 shows where."
    ]


def test_the_page_opens_no_endpoint_to_others_and_runs_one_answer_at_a_time(service: Service) -> None:
    page = build(service)
    assert page.get_api_info()["named_endpoints"] == {}
    assert page.get_api_info()["unnamed_endpoints"] == {}
    answering = [fn for fn in page.fns.values() if fn.name == "answer"]
    assert [(fn.concurrency_id, fn.concurrency_limit) for fn in answering] == [("decoder", 1)]


def test_another_host_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "0.0.0.0", "--library", str(tmp_path / "library")]) == 2
    assert "without a password" in capsys.readouterr().err
    assert not (tmp_path / "library").exists()


def test_a_port_in_use_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port), "--library", str(tmp_path / "library")]) == 2
    assert f"--port {port} cannot be used" in capsys.readouterr().err


def test_a_library_that_cannot_be_opened_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    assert main(["--library", str(tmp_path / "file")]) == 2
    assert "Choose a folder" in capsys.readouterr().err
