"""The OpenAI API's refusals: a status by which a program knows what to do next, and a sentence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.documents import make_document
from helpers.waiting import wait_for
from starlette.applications import Starlette
from starlette.testclient import TestClient

from reader import models
from reader.app import talks
from reader.app.accounts import LOCAL_USER, USER_HEADER
from reader.app.answer_queue import MAX_WAITING
from reader.app.openai_api.routes import Api
from reader.app.pages import Pictures
from reader.app.service import Service
from reader.app.uploads import Uploads
from reader.app.workspace import Workspace
from reader.errors import ModelError, NotReady
from reader.reading.jobs import JobSettings, enqueue
from storage import NotWritable, OverBudget, Store, StoreBusy

CHAT = "/v1/chat/completions"


@pytest.fixture
def folder(tiny_folder: Callable[..., Path]) -> Path:
    return tiny_folder("llama", max_positions=8192)


@pytest.fixture
def document_id(store: Store, folder: Path, tmp_path: Path) -> str:
    """A document that was read by a service that has ended."""
    service = Service(store, str(folder), tmp_path / "cache")
    document = make_document(300)
    enqueue(document, JobSettings(service.model_name), store)
    service.start()
    wait_for(lambda: (memory := service.memory(document.id)) and memory.state == "ready")
    service.close()
    return document.id


@pytest.fixture
def service(store: Store, folder: Path, tmp_path: Path) -> Iterator[Service]:
    """A service that loads no decoder until it is started."""
    service = Service(store, str(folder), tmp_path / "cache")
    yield service
    service.close()


@pytest.fixture
def client(service: Service, tmp_path: Path) -> TestClient:
    app = Starlette(routes=[*Api(service, Pictures(), Uploads(tmp_path / "uploads")).routes])
    return TestClient(app, headers={USER_HEADER.decode(): LOCAL_USER}, raise_server_exceptions=False)


def asked(client: TestClient, document_id: str, **options: Any) -> Any:
    body = {"model": document_id, "messages": [{"role": "user", "content": "Who came?"}], **options}
    return client.post(CHAT, json=body)


def asked_meanwhile(client: TestClient, document_id: str, store: Store, then: Callable[[], object]) -> Any:
    """The response to a question; `then` is called once it waits for its answer."""
    responses: list[Any] = []
    asking = threading.Thread(target=lambda: responses.append(asked(client, document_id)))
    asking.start()
    wait_for(lambda: store.questions.waiting(LOCAL_USER))
    then()
    asking.join(60)
    return responses[0]


@pytest.mark.parametrize("stream", [False, True])
def test_a_document_that_waits_to_be_read_can_be_asked_later(
    client: TestClient, service: Service, store: Store, stream: bool
) -> None:
    document = make_document(300)
    enqueue(document, JobSettings(service.model_name), store)
    refused = asked(client, document.id, stream=stream)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not_ready")
    assert int(refused.headers["retry-after"]) > 0
    (job,) = store.jobs.all(document.id)
    store.jobs.stop(job.id, "cancel")
    stopped = asked(client, document.id, stream=stream)
    assert stopped.status_code == 400  # asking again does not help
    assert "continue it first" in stopped.json()["error"]["message"]


def test_nobody_waits_for_a_decoder_that_cannot_be_loaded(
    client: TestClient, service: Service, store: Store, document_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*arguments: Any, **options: Any) -> None:
        raise ModelError("The decoder is torn; fetch it again.")

    monkeypatch.setattr(models, "load_model", load)
    refused = asked_meanwhile(client, document_id, store, service.start)
    assert refused.status_code == 503
    assert "The decoder is torn; fetch it again." in refused.json()["error"]["message"]
    assert not store.questions.waiting(LOCAL_USER)


def test_a_question_that_is_stopped_or_left_by_the_app_may_be_asked_again(
    client: TestClient, service: Service, store: Store, document_id: str
) -> None:
    def stop() -> None:
        (question,) = store.questions.waiting(LOCAL_USER)
        assert Workspace(service).stop(question.id)

    stopped = asked_meanwhile(client, document_id, store, stop)
    assert (stopped.status_code, stopped.json()["error"]["code"]) == (409, "conflict")
    closed = asked_meanwhile(client, document_id, store, service.close)
    assert closed.status_code == 503
    assert closed.headers["retry-after"]


def test_a_question_whose_document_goes_meanwhile_is_answered_by_not_found(
    client: TestClient, service: Service, store: Store, document_id: str
) -> None:
    def remove() -> None:
        Workspace(service).remove(document_id)
        service.start()

    assert asked_meanwhile(client, document_id, store, remove).status_code in (404, 409)
    assert asked(client, document_id).status_code == 404


def test_a_question_of_which_nothing_comes_is_given_up(
    client: TestClient, store: Store, document_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talks, "_BEGIN_SECONDS", 0.2)
    assert asked(client, document_id).status_code == 503
    assert not store.questions.waiting(LOCAL_USER)


def test_one_question_too_many_is_told_so(client: TestClient, store: Store, document_id: str) -> None:
    record = store.conversations.add([document_id])
    for _ in range(MAX_WAITING):
        store.questions.add(LOCAL_USER, document_id, record.id, "Who?", {}, None)
    refused = asked(client, document_id)
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "rate_limit_error")
    assert refused.headers["retry-after"]


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (StoreBusy("It is being read."), 409, "invalid_request_error"),
        (OverBudget("There is no room."), 507, "server_error"),
        (NotWritable("It cannot be written."), 403, "invalid_request_error"),
        (NotReady("It comes."), 503, "server_error"),
        (RuntimeError("A fault."), 500, "server_error"),
    ],
)
def test_each_fault_has_its_status(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, kind: str
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(Workspace, "held", fail)
    refused = client.get("/v1/models")
    assert (refused.status_code, refused.json()["error"]["type"]) == (status, kind)
    assert str(error).rstrip(".") in refused.json()["error"]["message"]


def test_another_decoder_that_is_chosen_between_a_question_and_its_answer_loses_no_question(
    service: Service, store: Store, document_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, model, tries = service.answer, None, []

    def answer_late(*arguments: Any, **options: Any) -> Any:
        tries.append(service.model)
        if len(tries) == 1:
            service.model = None  # as choosing does between the look and the answer
        return answer(*arguments, **options)

    monkeypatch.setattr(service, "answer", answer_late)
    service.start()
    wait_for(lambda: service.model)
    model = service.model
    question = Workspace(service).ask(document_id, "Who came?")
    wait_for(lambda: tries)
    stream = service.answerer.stream(question.id)
    assert stream is not None
    wait_for(lambda: not stream.is_running)
    assert not stream.is_done
    service.model = model
    service.answerer.wake()
    wait_for(lambda: stream.is_done)
    assert stream.error is None
    assert store.conversations.get(question.conversation_id).turns


@pytest.mark.parametrize(
    "sent",
    [
        {"content": b"--x\r\ngarbage", "headers": {"content-type": "multipart/form-data"}},
        {"files": {"file": ("a.txt", b"abc")}, "data": {f"field{number}": "x" for number in range(30)}},
        {"files": {"file": ("a.txt", b"abc")}, "data": {"purpose": "x" * 3_000_000}},
        {"content": b"[" * 100_000},
    ],
    ids=["no form", "many fields", "a large field", "no form at all"],
)
def test_what_is_no_upload_is_refused(client: TestClient, sent: dict[str, Any]) -> None:
    refused = client.post("/v1/files", **sent)
    assert refused.status_code in (400, 413)
    assert refused.json()["error"]["message"].endswith(".")


def test_a_long_name_a_large_limit_and_a_deep_line_are_no_faults_of_the_server(client: TestClient) -> None:
    sent = client.post("/v1/files", files={"file": ("😀" * 200 + ".txt", b"A text.")}, data={"purpose": "user_data"})
    assert sent.status_code == 200
    assert sent.json()["filename"].endswith("😀.txt")
    assert len(client.get(f"/v1/files?limit={'9' * 5000}").json()["data"]) == 1
    deep = b'{"custom_id": "a", "body": ' + b"[" * 100_000 + b"\n"
    questions = client.post("/v1/files", files={"file": ("deep.jsonl", deep)}, data={"purpose": "batch"}).json()
    batch = client.post("/v1/batches", json={"input_file_id": questions["id"], "endpoint": CHAT})
    assert batch.status_code == 400
    assert "Line 1: " in batch.json()["error"]["message"]
