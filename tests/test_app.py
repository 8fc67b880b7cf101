"""The page without a browser: what it shows, what it hides, and its front door."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import make_document

import app
from app import (
    LISTED_DOCUMENTS,
    Exchange,
    badge,
    build,
    decoder_html,
    document_html,
    library_choice,
    main,
    messages,
    reading_html,
)
from reader.answering import Answer
from reader.documents import Document, Page
from reader.errors import ModelError
from reader.jobs import JobSettings, enqueue
from reader.service import Reply, Service, state_of
from storage import JobRecord, Store, new_owner, text_id
from storage.manifests import StoredDocument

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "library") as store:
        yield store


@pytest.fixture
def service(store: Store) -> Service:
    """A service that was not started: nothing is loaded, and nothing is read."""
    return Service(store, "m")


@pytest.fixture
def job(store: Store) -> JobRecord:
    """A queued job of a document on ten pages."""
    return enqueue(make_document(500), JobSettings("m"), store)


def told_of(store: Store, job: JobRecord, **options: object) -> str:
    return reading_html(store.document(job.document_id), job, state_of(job, None), **options)  # type: ignore[arg-type]


def test_a_reading_is_told_in_every_state(store: Store, job: JobRecord) -> None:
    owner = "elsewhere/1/x"
    running = replace(
        job,
        state="running",
        owner=owner,
        pages_done=3,
        tokens=100,
        tokens_done=30,
        tokens_per_second=1234.0,
        seconds_left=90.0,
    )
    assert "Waiting for its turn" in told_of(store, job)
    assert "Read to page 3 of 10, waiting to go on" in told_of(store, replace(running, state="queued"))
    assert "Page 3 of 10 · 1,234 tokens/s · 1 min 30 s left" in told_of(store, running)
    assert 'value="0.300"' in told_of(store, running)
    assert "Another program is reading it" in told_of(store, running, is_here=False)
    assert "Opening the document" in told_of(store, replace(running, tokens=0))
    assert "Pausing …" in told_of(store, replace(running, wanted="pause"))
    assert "Stopping …" in told_of(store, replace(running, wanted="cancel"))
    assert "Paused at page 3 of 10" in told_of(store, replace(running, state="paused"))
    assert "Read to page 3 of 10. What was read is kept" in told_of(store, replace(running, state="cancelled"))
    assert "the disk is full" in told_of(store, replace(running, state="failed", reason="the disk is full"))
    unread = store.document(job.document_id)
    assert "not read yet" in reading_html(unread, None, "not read")
    assert "must be read again" in reading_html(replace(unread, read_at=1.0), replace(job, state="ready"), "not read")


@pytest.mark.parametrize(
    ("pages_read", "is_being_read", "told"),
    [
        (10, False, "Attached in 0.25 s"),
        (4, True, "From pages 1 to 4 of 10, still being read · Attached in 0.25 s"),
        (4, False, "From pages 1 to 4 of 10, the rest is not read · Attached in 0.25 s"),
        (0, True, "From the beginning of page 1 of 10, still being read · Attached in 0.25 s"),
    ],
)
def test_a_badge_tells_what_an_answer_cost_and_rests_on(pages_read: int, is_being_read: bool, told: str) -> None:
    answer = Answer("Yes.", "Is it?", 9547, 0, 0.0, 0.5, 2, 1.0, pages_read, 10, "finished")
    assert badge(Reply("Yes")) == ""
    assert (
        badge(Reply("Yes.", answer, 0.25, is_being_read))
        == f"{told} · 0 of 9,547 document tokens read again · first token 0.50 s"
    )
    assert badge(Reply("Yes.", replace(answer, ended="stopped"), 0.25)).endswith(" · stopped")


def test_the_decoder_is_told_while_it_loads_and_when_it_cannot(service: Service) -> None:
    service.loading = ("download", 0.42)
    assert "Downloading the decoder, once (42%)" in decoder_html(service)
    service.load_error = ModelError(f"There is no decoder at {SCRIPT!r}.")
    assert "There is no decoder at" in decoder_html(service)
    assert "<script>" not in decoder_html(service)


def test_a_library_of_a_thousand_documents_is_shown_quickly_and_in_part(service: Service, store: Store) -> None:
    with store.database.transaction() as db:  # as `add_document` does, without a thousand synced files
        for number in range(1000):
            pages = [("1", f"Hello {number}.")]
            StoredDocument.new(text_id(pages[0][1].encode()), f"Book {number}", "a.txt", "text", pages).insert(db)
    oldest = store.documents()[-1]
    store.jobs.add(oldest.id, vars(JobSettings("m")))
    assert store.jobs.claim(new_owner()) is not None
    refresh = next(fn.fn for fn in build(service).fns.values() if fn.name == "refresh")
    assert refresh is not None

    def rows(updates: tuple[object, ...]) -> list[tuple[str, str]]:
        return next(u["choices"] for u in updates[1:] if isinstance(u, dict) and "choices" in u)

    started = time.perf_counter()
    updates = refresh(None, LISTED_DOCUMENTS, None)
    seconds = time.perf_counter() - started
    listed = rows(updates)
    assert len(listed) == LISTED_DOCUMENTS + 1
    assert listed[-1][1] == oldest.id  # it is being read
    assert len(rows(refresh(None, 1000, None))) == 1000
    unchanged = refresh(None, LISTED_DOCUMENTS, updates[0])[1:]
    assert all(update == app.gr.skip() for update in unchanged)
    assert seconds < 0.5


def test_strangers_words_are_shown_as_text(service: Service, store: Store) -> None:
    text = f"{SCRIPT} said the keeper. " * 40
    document = Document(text, (Page(1, SCRIPT, 0, len(text)),), SCRIPT, f"{SCRIPT}.txt", "text", 0)
    service.add(document)
    record = store.document(document.id)
    failed = replace(service.jobs()[document.id], state="failed", reason=f"{SCRIPT} cannot be read.")
    shown = [
        document_html(record, None, "failed"),
        reading_html(record, failed, "failed"),
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
