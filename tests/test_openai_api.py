"""The OpenAI API of a running app, by OpenAI's own client."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from helpers import ROOT
from helpers.server import Server
from openai import OpenAI

from storage import Store

SEA = "The keeper wrote in the book that the sea was calm. The lamp was lit at 19:45 by Ambrose Quill. " * 12
HILL = "The baker walked to the hill with a letter for the mayor. The mayor never read the letter. " * 12


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Callable[..., Path]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("api")
    model = str(tiny_folder("llama", max_positions=8192))
    server = Server(folder / "library", model, folder / "cache", flags=("--openai",))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def client(server: Server) -> OpenAI:
    """A client, in a library with two documents that are read, of one tag."""
    client = OpenAI(base_url=f"{server.address}v1", api_key="any", max_retries=0)
    for name, text in (("sea.txt", SEA), ("hill.txt", HILL)):
        client.files.create(file=(name, text.encode()), purpose="user_data")
    until = time.monotonic() + 120
    while {file.status for file in client.files.list()} != {"processed"}:
        assert time.monotonic() < until, "the documents were not read"
        time.sleep(0.2)
    with Store(server.library) as store:
        for document in store.documents():
            store.user_documents.set_tags("", document.id, ["tales"])
    return client


def ask(client: OpenAI, *messages: str, model: str = "beacon/sea", **options: object):
    said = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(messages)]
    return client.chat.completions.create(model=model, messages=said, **options)  # type: ignore[call-overload]


def test_documents_and_tags_are_models(client: OpenAI) -> None:
    names = {model.id for model in client.models.list()}
    assert names == {"beacon/sea", "beacon/hill", "beacon/tag:tales"}
    assert client.models.retrieve("beacon/tag:tales").owned_by == "library"
    (by_id,) = [file.id.removeprefix("file-") for file in client.files.list() if file.filename == "sea.txt"]
    for name in (by_id, by_id[:12]):
        assert client.models.retrieve(f"beacon/{name}").object == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(f"beacon/{by_id[:7]}")
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("beacon/nothing")
    assert caught.value.code == "model_not_found"


def test_an_answer_cites_pages_and_counts_what_the_memory_gave(client: OpenAI, server: Server) -> None:
    done = ask(client, "Who lit the lamp?")
    choice = done.choices[0]
    assert choice.message.content
    assert choice.finish_reason in ("stop", "length")
    cited = choice.message.annotations[0].url_citation
    assert cited.url.startswith(f"{server.address}?document=")
    assert cited.title == "sea, page 1"
    assert cited.quote in SEA
    assert 0 <= cited.start_index < cited.end_index <= len(choice.message.content)
    usage = done.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert 0 < usage.prompt_tokens_details.cached_tokens < usage.prompt_tokens
    assert httpx.get(cited.url).status_code == 200


def test_a_stream_says_what_the_whole_answer_says(client: OpenAI) -> None:
    whole = ask(client, "Who lit the lamp?", extra_body={"look_again": "off"}).choices[0]
    chunks = list(
        ask(
            client,
            "Who lit the lamp?",
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"look_again": "off"},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.message.content
    assert len(chunks) > 4
    assert chunks[-1].usage.completion_tokens > 0
    last = chunks[-2].choices[0]
    assert last.finish_reason == whole.finish_reason
    assert last.delta.annotations == [item.model_dump() for item in whole.message.annotations]


def test_stops_and_token_limits_end_an_answer(client: OpenAI) -> None:
    whole = str(ask(client, "Who lit the lamp?").choices[0].message.content)
    stop = whole[len(whole) // 2 : len(whole) // 2 + 3]
    cut = ask(client, "Who lit the lamp?", stop=[stop, "never said"]).choices[0]
    assert cut.message.content == whole[: whole.index(stop)]
    assert cut.finish_reason == "stop"
    chunks = [c.choices[0].delta.content or "" for c in ask(client, "Who lit the lamp?", stop=stop, stream=True)]
    assert "".join(chunks) == whole[: whole.index(stop)]
    short = ask(client, "Who lit the lamp?", max_completion_tokens=3).choices[0]
    assert short.finish_reason == "length"
    assert whole.startswith(str(short.message.content))
    assert len(str(short.message.content)) < len(whole)


def test_turns_that_are_sent_again_go_on_where_they_ended(client: OpenAI, server: Server) -> None:
    first = str(ask(client, "Who lit the lamp?").choices[0].message.content)
    second = ask(client, "Who lit the lamp?", first, "And when?").choices[0].message.content
    again = ask(client, "Who lit the lamp?", first, "And when?").choices[0].message.content
    assert again == second  # from the same turns, put behind the memory anew
    other = ask(client, "Who lit the lamp?", "A seal.", "And when?").choices[0].message.content
    assert other
    with Store(server.library) as store:
        conversations = store.conversations.all()
    assert {conversation.asked_by for conversation in conversations} == {"api"}
    assert len(conversations) <= 8


def test_a_tag_answers_from_all_its_documents(client: OpenAI) -> None:
    done = ask(client, "Who walked to the hill with a letter?", model="beacon/tag:tales")
    alone = ask(client, "Who walked to the hill with a letter?", model="beacon/hill")
    assert done.usage.prompt_tokens > alone.usage.prompt_tokens
    titles = {item.url_citation.title for item in done.choices[0].message.annotations}
    assert titles <= {"sea, page 1", "hill, page 1"}
    assert titles


TOOLS: list[Any] = [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize("choice", [{}, {"tool_choice": "auto"}, {"tool_choice": "none"}], ids=str)
def test_tools_that_need_not_be_called_are_offered_in_vain(client: OpenAI, choice: dict[str, Any]) -> None:
    plain = ask(client, "Who lit the lamp?").choices[0]
    offered = ask(client, "Who lit the lamp?", tools=TOOLS, **choice).choices[0]
    assert (offered.message.content, offered.finish_reason) == (plain.message.content, plain.finish_reason)
    assert not offered.message.tool_calls


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"n": 2}, "n"),
        ({"tools": TOOLS, "tool_choice": "required"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": TOOLS[0]}, "tool_choice"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "f"}}, "function_call"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"stop": [""]}, "stop"),
        ({"stop": 0}, "stop"),
        ({"max_tokens": 0}, "max_completion_tokens"),
        ({"max_completion_tokens": False}, "max_completion_tokens"),
        ({"max_completion_tokens": 3, "max_tokens": "3"}, "max_completion_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": "yes"}, "stream_options"),
        ({"stream_options": {"include_usage": "no"}}, "stream_options"),
        ({"n": True}, "n"),
        ({"response_format": "json"}, "response_format"),
        ({"messages": [{"role": "assistant", "content": "Hello."}]}, "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
            "messages",
        ),
        ({"messages": "Who?"}, "messages"),
        ({"model": ""}, "model"),
        ({"messages": [{"role": "user", "content": "x" * 5000}]}, None),
        ({"messages": [{"role": "user", "content": " "}]}, None),
        ({"look_again": "often"}, None),
        ({"look_again": 0}, None),
        ({"look_again": True}, None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(
    client: OpenAI, server: Server, options: dict[str, object], param: str | None
) -> None:
    body = {"model": "beacon/sea", "messages": [{"role": "user", "content": "Who?"}]}
    for stream in (False, True):
        asked = {**body, "stream": stream, **options}
        refused = httpx.post(f"{server.address}v1/chat/completions", json=asked, timeout=60)
        assert refused.status_code in (400, 404)
        error = refused.json()["error"]
        assert error["type"] == "invalid_request_error"
        assert error["param"] == param
        assert error["message"].endswith(".")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'"\\ud800"'])
def test_what_is_no_request_is_refused(client: OpenAI, server: Server, content: bytes) -> None:
    for path in ("chat/completions", "batches"):
        assert httpx.post(f"{server.address}v1/{path}", content=content).status_code == 400
    assert httpx.post(f"{server.address}v1/files", content=content).status_code == 400
    assert httpx.post(f"{server.address}v1/embeddings", content=content).json()["error"]["code"] == "unknown_url"


def test_a_file_that_is_no_document_is_refused_and_a_document_goes_with_its_file(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="cannot be read"):
        client.files.create(file=("x.bin", b"\0\1\2"), purpose="user_data")
    with pytest.raises(openai.BadRequestError, match="purpose"):
        client.files.create(file=("x.txt", b"text"), purpose="fine-tune")
    added = client.files.create(file=("../../gone.txt", b"A ship left the harbour."), purpose="assistants")
    assert added.filename == "gone.txt"
    assert client.files.content(added.id).text.strip() == "A ship left the harbour."
    until = time.monotonic() + 60
    while client.files.retrieve(added.id).status != "processed":
        assert time.monotonic() < until
        time.sleep(0.1)
    assert client.files.delete(added.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(added.id)


def test_lists_go_on_where_a_client_wants_less_at_once_and_a_file_is_a_model(client: OpenAI, server: Server) -> None:
    all_files = [file.id for file in client.files.list()]
    assert len(all_files) > 1
    assert [file.id for file in client.files.list(limit=1)] == all_files
    assert [file.id for file in client.files.list(order="asc")] == all_files[::-1]
    for query in ("limit=none", "limit=0", "after=nothing", "order=up"):
        refused = httpx.get(f"{server.address}v1/files?{query}")
        assert refused.json()["error"]["param"] == query.partition("=")[0]
    assert ask(client, "Who lit the lamp?", model=all_files[0]).choices[0].message.content


def test_what_no_address_takes_is_refused_in_the_same_shape(client: OpenAI, server: Server) -> None:
    with pytest.raises(openai.APIStatusError, match="does not take DELETE; it takes GET, HEAD") as refused:
        client.models.delete("beacon/sea")
    assert (refused.value.status_code, refused.value.response.headers["allow"]) == (405, "GET, HEAD")
    endless = httpx.post(f"{server.address}v1/chat/completions", content=iter([b"{}"]))
    elsewhere = httpx.post(f"{server.address}v1/batches", headers={"origin": "http://other.example"})
    for status, response in ((411, endless), (403, elsewhere), (404, httpx.get(f"{server.address}v1"))):
        assert (response.status_code, response.json()["error"]["type"]) == (status, "invalid_request_error")


def test_a_batch_runs_in_the_background_and_its_results_are_completions(client: OpenAI) -> None:
    lines = [
        {
            "custom_id": f"q{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": model, "messages": [{"role": "user", "content": question}]},
        }
        for number, (model, question) in enumerate(
            [
                ("beacon/sea", "Who lit the lamp?"),
                ("beacon/hill", "Who walked?"),
                ("beacon/sea", "What was calm?"),
                ("beacon/tag:tales", "Who walked to the hill with a letter?"),
            ]
        )
    ]
    content = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
    given = client.files.create(file=("batch.jsonl", content), purpose="batch")
    begun = client.batches.create(
        input_file_id=given.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"for": "test"}
    )
    until = time.monotonic() + 120
    while (now := client.batches.retrieve(begun.id)).status != "completed":
        assert now.status in ("validating", "in_progress"), now
        assert time.monotonic() < until
        time.sleep(0.2)
    assert (now.request_counts.total, now.request_counts.completed, now.request_counts.failed) == (4, 4, 0)
    assert now.metadata == {"for": "test"}
    assert now.error_file_id is None
    results = [json.loads(line) for line in client.files.content(str(now.output_file_id)).text.splitlines()]
    assert [result["custom_id"] for result in results] == ["q0", "q1", "q2", "q3"]
    first = results[0]["response"]["body"]["choices"][0]["message"]
    named = [result["response"]["body"]["model"] for result in results]
    assert named == ["beacon/sea", "beacon/hill", "beacon/sea", "beacon/tag:tales"]
    ids = [result["response"]["body"]["document_id"] for result in results]
    assert ids == [first["annotations"][0]["url_citation"]["document_id"], ids[1], ids[0], None]
    assert first["content"] == ask(client, "Who lit the lamp?").choices[0].message.content
    together = results[3]["response"]["body"]
    asked = ask(client, "Who walked to the hill with a letter?", model="beacon/tag:tales")
    assert together["model"] == asked.model == "beacon/tag:tales"
    assert together["choices"][0]["message"]["content"] == asked.choices[0].message.content
    cited = [note["url_citation"]["title"] for note in together["choices"][0]["message"]["annotations"]]
    assert cited == [note.url_citation.title for note in asked.choices[0].message.annotations]
    assert begun.id in {batch.id for batch in client.batches.list()}
    assert client.batches.cancel(begun.id).status == "completed"  # it is over already


def test_a_batch_says_of_each_line_why_it_cannot_be_asked(client: OpenAI) -> None:
    bad = [
        "{",
        json.dumps({"custom_id": "a", "body": {"model": "beacon/sea"}}),
        json.dumps(
            {"custom_id": "b", "body": {"model": "/etc/passwd", "messages": [{"role": "user", "content": "?"}]}}
        ),
        json.dumps({"custom_id": "c", "body": {"model": "tag:none", "messages": [{"role": "user", "content": "?"}]}}),
    ]
    given = client.files.create(file=("bad.jsonl", "\n".join(bad).encode()), purpose="batch")
    with pytest.raises(openai.BadRequestError) as caught:
        client.batches.create(input_file_id=given.id, endpoint="/v1/chat/completions", completion_window="24h")
    for number in range(1, 5):
        assert f"Line {number}: " in str(caught.value)
    client.files.delete(given.id)


def test_people_are_known_by_their_keys_and_see_their_own_documents(
    tmp_path: Path, tiny_folder: Callable[..., Path]
) -> None:
    users = tmp_path / "users"
    app = [sys.executable, str(ROOT / "app.py"), "--auth", str(users)]
    keys = {}
    for name in ("ann", "ben"):
        subprocess.run([*app, "--add-user", name], input="long enough\n", text=True, check=True, capture_output=True)
        made = subprocess.run([*app, "--add-key", name], text=True, check=True, capture_output=True)
        keys[name] = made.stdout.strip()
        assert keys[name] not in (tmp_path / "users.keys").read_text()
    refused = subprocess.run([*app, "--add-key", "carl"], text=True, check=False, capture_output=True)
    assert refused.returncode == 2
    assert "no such user" in refused.stderr
    server = Server(
        tmp_path / "library", str(tiny_folder()), tmp_path / "cache", flags=("--openai", "--auth", str(users))
    )
    server.start()
    try:
        ann, ben = (
            OpenAI(base_url=f"{server.address}v1", api_key=keys[name], max_retries=0) for name in ("ann", "ben")
        )
        added = ann.files.create(file=("sea.txt", SEA.encode()), purpose="user_data")
        assert [file.id for file in ann.files.list()] == [added.id]
        assert list(ben.files.list()) == []
        for wrong in (
            lambda: ben.files.retrieve(added.id),
            lambda: ben.files.delete(added.id),
            lambda: ben.files.content(added.id),
            lambda: ask(ben, "Who?", model="beacon/sea"),
        ):
            with pytest.raises(openai.NotFoundError):
                wrong()
        with pytest.raises(openai.AuthenticationError, match="add-key"):
            OpenAI(base_url=f"{server.address}v1", api_key="beacon-wrong", max_retries=0).models.list()
        # A key opens the API and nothing else.
        page = httpx.get(f"{server.address}config", headers={"authorization": f"Bearer {keys['ann']}"})
        assert page.status_code == 401
    finally:
        server.kill()


def test_the_api_is_off_unless_asked_for(tmp_path: Path, tiny_folder: Callable[..., Path]) -> None:
    server = Server(tmp_path / "library", str(tiny_folder()), tmp_path / "cache")
    server.start()
    try:
        answer = httpx.get(f"{server.address}v1/models")
        assert answer.status_code == 404 or "text/html" in answer.headers["content-type"]
    finally:
        server.kill()
