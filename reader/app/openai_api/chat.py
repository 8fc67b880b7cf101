"""Chat completions: the last question is answered from the memory of the model's documents, after the turns before it.

The API keeps nothing between requests, so that a client sends all turns each time. The conversations that were answered last are
kept, and one that goes on is found by its turns; others are put behind the memory anew.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import anyio.to_thread
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from reader.answering import says_nothing
from reader.app.citations import citations
from reader.app.openai_api import errors
from reader.app.openai_api.errors import ApiError
from reader.app.openai_api.names import ApiModel, find
from reader.app.workspace import Workspace
from reader.wording import place
from storage import NotFound

if TYPE_CHECKING:  # torch takes seconds to import: a page opens without it
    from reader.answering import Answer

ASKED_BY = "api"
"""Who asks in the conversations of this API."""
MAX_STOPS = 4

_KEPT = 8
_REFUSED = {
    "logprobs": "There are no log probabilities; leave `logprobs` out.",
    "audio": "Answers are text; leave `audio` out.",
}
_UNFORCED = (None, "auto", "none")
"""Choices of a tool that leave an answer without one open."""


@dataclass(frozen=True)
class Asked:
    """What a request asks for."""

    model: Any
    question: str
    said: tuple[tuple[str, str], ...]
    """(question, answer) turns before it."""
    stops: tuple[str, ...]
    max_tokens: int | None
    is_streaming: bool
    wants_usage: bool
    look_again: Any


def parse(body: Mapping[str, Any]) -> Asked:
    """Read a request.

    Raises:
        ApiError: it asks for what cannot be.
    """
    for name, refusal in _REFUSED.items():
        if body.get(name):
            raise ApiError(refusal, param=name, code="unsupported_parameter")
    for name in ("tool_choice", "function_call"):  # tools that may be called need not be: chat apps offer theirs always
        if body.get(name) not in _UNFORCED:
            raise ApiError(
                f"The documents call no tools; leave `{name}` out.", param=name, code="unsupported_parameter"
            )
    if body.get("n") is True or body.get("n", 1) not in (None, 1):
        raise ApiError("One answer is given to a question; leave `n` out.", param="n", code="unsupported_parameter")
    if _mapping(body, "response_format").get("type", "text") != "text":
        raise ApiError("Answers are plain text; leave `response_format` out.", param="response_format")
    stops = body.get("stop")
    stops = () if stops in (None, "") else (stops,) if isinstance(stops, str) else stops
    stops = tuple(stops) if isinstance(stops, list) else stops
    if not isinstance(stops, tuple) or len(stops) > MAX_STOPS or not all(s and isinstance(s, str) for s in stops):
        raise ApiError(f"`stop` is a text or up to {MAX_STOPS} texts.", param="stop")
    limits = [body[name] for name in ("max_completion_tokens", "max_tokens") if body.get(name) is not None]
    if any(not isinstance(most, int) or isinstance(most, bool) or most < 1 for most in limits):
        raise ApiError("`max_completion_tokens` is a whole number from 1 on.", param="max_completion_tokens")
    question, said = _turns(body.get("messages"))
    look_again = body.get("look_again")
    return Asked(
        body.get("model"),
        question,
        said,
        stops,
        limits[0] if limits else None,
        _is_true(body, "stream"),
        _is_true(_mapping(body, "stream_options"), "include_usage", of="stream_options"),
        "auto" if look_again in (None, "") else look_again,
    )


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise ApiError(f"`{name}` is an object.", param=name)
    return value or {}


def _is_true(body: Mapping[str, Any], name: str, *, of: str = "") -> bool:
    """Whether a field, which may be one `of` another, is true; one that is left out or null is not."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise ApiError(f"`{name}` is true or false.", param=of or name)
    return value is True


def _turns(messages: Any) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The last question, and the turns before it; what system messages say is left aside."""
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
        raise ApiError("`messages` is a list of messages.", param="messages")
    questions, said = list[str](), list[tuple[str, str]]()
    for number, message in enumerate(messages):
        role = message.get("role")
        if role == "user":
            questions.append(_text(message.get("content"), number))
        elif role == "assistant":
            if questions:  # an answer without a question is a greeting
                said.append(("\n".join(questions), _text(message.get("content"), number)))
            questions = []
        elif role not in ("system", "developer"):
            raise ApiError(
                f"`messages[{number}]` has the role {role!r}; use user, assistant or system.", param="messages"
            )
    if not questions:
        raise ApiError("The last message is not a question; end with a message of the user.", param="messages")
    return "\n".join(questions), tuple(said)


def _text(content: Any, number: int) -> str:
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    is_text = isinstance(parts, list) and all(
        isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str) for part in parts
    )
    if not is_text:
        raise ApiError(f"`messages[{number}].content` is not only text.", param="messages")
    return "\n".join(part["text"] for part in parts).strip()


class Threads:
    """The conversations that were answered last, by their documents and turns."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], str] = OrderedDict()
        self._swept: set[str] = set()
        self._lock = threading.Lock()

    def take(self, workspace: Workspace, model: ApiModel, said: Sequence[tuple[str, str]]) -> str:
        """A conversation with these turns, known or new; nobody else has it until it is put back."""
        with self._lock:
            known = self._kept.pop((workspace.user, model.document_ids, *said), None)
            is_first = workspace.user not in self._swept
            self._swept.add(workspace.user)
        if is_first:  # those that a program left behind
            workspace.forget_all(ASKED_BY)
        if known is not None:
            try:
                return workspace.conversation(known).id
            except NotFound:  # it went with a document
                pass
        return workspace.begin(model.document_ids, said, asked_by=ASKED_BY).id

    def put_back(self, workspace: Workspace, model: ApiModel, conversation_id: str) -> None:
        """Keep a conversation for the next question; the oldest goes."""
        try:
            turns = workspace.conversation(conversation_id).turns
        except NotFound:
            return
        key = (workspace.user, model.document_ids, *((turn.question, turn.answer) for turn in turns))
        gone = list[str]()
        with self._lock:
            gone += filter(None, [self._kept.pop(key, None)])
            self._kept[key] = conversation_id
            others = [key for key in self._kept if key[0] == workspace.user]
            gone += [self._kept.pop(key) for key in others[:-_KEPT]]
        for other in gone:
            workspace.forget_conversation(other)


class Completion:
    """One answer on its way to a program."""

    def __init__(self, asked: Asked, model: ApiModel, workspace: Workspace, threads: Threads, home: str) -> None:
        """Take what is asked; `home` is the page's address, for links in citations."""
        self._asked, self._model, self._workspace, self._threads, self._home = asked, model, workspace, threads, home
        self._id, self._created = f"chatcmpl-{uuid.uuid4().hex}", int(time.time())
        self.text = ""
        """The answer so far, cut where it ends."""
        self._sent = 0
        self._ended: str | None = None
        self._answer: Answer | None = None

    async def parts(self) -> AsyncIterator[str]:
        """Ask, and yield the answer's text piece by piece; leaving early stops the answer.

        Raises:
            ReaderError, StoreError: it cannot be answered.
        """
        workspace, asked = self._workspace, self._asked
        talk = await _in_thread(self._threads.take, workspace, self._model, asked.said)
        question_id = ""
        try:
            question = await _in_thread(self._ask, talk)
            question_id = question.id
            async for stream in iterate_in_threadpool(workspace.follow_to_end(question.id)):
                self._answer = stream.answer
                self._take(stream.answer.text if stream.answer is not None else stream.text)
                if self._ended is not None and not stream.stopped.is_set():
                    await _in_thread(workspace.stop, question.id)
                if piece := self._piece(is_whole=stream.is_done or self._ended is not None):
                    yield piece
        finally:
            with anyio.CancelScope(shield=True):
                if self._answer is None and question_id:
                    await _in_thread(workspace.stop, question_id)
                await _in_thread(self._threads.put_back, workspace, self._model, talk)

    def _ask(self, talk: str) -> Any:
        return self._workspace.ask(
            self._model.document_ids, self._asked.question, talk, look_again=self._asked.look_again
        )

    def _take(self, text: str) -> None:
        """Cut a longer text at the first stop and at the most tokens."""
        if self._ended is not None:
            return
        text = text.strip()
        found = [place for stop in self._asked.stops if (place := text.find(stop)) >= 0]
        if found:
            text, self._ended = text[: min(found)], "stop"
        most = self._asked.max_tokens
        if most is not None and (first := self._workspace.first_tokens(text, most)) != text:
            text, self._ended = first, "length"
        self.text = text

    def _piece(self, *, is_whole: bool) -> str:
        """What is to be sent now: not yet what may be the beginning of a stop."""
        held = 0 if is_whole else max((len(stop) - 1 for stop in self._asked.stops), default=0)
        end = max(self._sent, len(self.text) - held)
        piece, self._sent = self.text[self._sent : end], end
        return piece

    @property
    def finish_reason(self) -> str:
        """Why the answer ended, as OpenAI names it."""
        if self._ended is not None:
            return self._ended
        return "length" if self._answer is not None and self._answer.ended == "length" else "stop"

    @property
    def usage(self) -> dict[str, Any]:
        """Tokens: those of the documents count as cached where the memory gave them and nothing was read again."""
        assert self._answer is not None
        texts = [self._asked.question, *(text for turn in self._asked.said for text in turn)]
        asked = sum(map(self._workspace.count_tokens, texts))
        prompt, answered = self._answer.document_tokens + asked, self._answer.answer_tokens
        cached = max(0, self._answer.document_tokens - self._answer.recomputed_tokens)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": answered,
            "total_tokens": prompt + answered,
            "prompt_tokens_details": {"cached_tokens": cached},
        }

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """The quotes that the answer rests on, each with the sentence that it is for and the page's address."""
        if self._answer is None or says_nothing(self.text):
            return []
        evidence = [asdict(item) for item in self._answer.evidence]
        return [
            annotation(citation.start, citation.end, evidence[citation.evidence], self._model.titles, self._home)
            for citation in citations(_begun(self._answer.parts, self.text) or [self.text], evidence)
        ]

    def chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None, **more: Any) -> str:
        """A server-sent event with a part of the answer."""
        choice = {"index": 0, "delta": dict(delta), "finish_reason": finish_reason, "logprobs": None}
        return self.event({"choices": [choice], **more})

    def event(self, content: Mapping[str, Any]) -> str:
        """A server-sent event."""
        head = {"id": self._id, "object": "chat.completion.chunk", "created": self._created, "model": self._model.name}
        return f"data: {json.dumps(head | dict(content))}\n\n"

    @property
    def whole(self) -> dict[str, Any]:
        """The completion in one piece."""
        message = {"role": "assistant", "content": self.text, "refusal": None, "annotations": self.annotations}
        return completion(self._id, self._created, self._model.name, message, self.finish_reason, self.usage)


def _begun(parts: Sequence[str], text: str) -> list[str]:
    """The parts of an answer as far as its text, which may be cut short, has them."""
    found = []
    for part in parts:
        found.append(text[: len(part)])
        text = text[len(part) + len("\n\n") :]
    return list(filter(None, found))


def completion(
    name: str, created: int, model: str, message: Mapping[str, Any], ended: str, usage: Mapping[str, Any]
) -> dict[str, Any]:
    """OpenAI's chat completion object."""
    choice = {"index": 0, "message": dict(message), "finish_reason": ended, "logprobs": None}
    return {
        "id": name,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
        "usage": dict(usage),
    }


def annotation(start: int, end: int, item: Mapping[str, Any], titles: Mapping[str, str], home: str) -> dict[str, Any]:
    """OpenAI's citation of an address, with the quote, the page and its document beside what OpenAI knows."""
    query = urlencode({"document": item["document_id"], "at": item["page"]})  # Gradio takes `page` for its own
    where = place(str(item.get("label") or ""), int(item["page"]))
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": start,
            "end_index": end,
            "title": f"{titles.get(item['document_id'], '')}, {where}",
            "url": f"{home}?{query}",
            "quote": item["quote"],
            "header": item["header"],
            "page": item["page"],
            "document_id": item["document_id"],
        },
    }


async def answer(request: Request, body: Mapping[str, Any], workspace: Workspace, threads: Threads) -> Response:
    """Answer a request for a chat completion.

    Raises:
        ApiError, ReaderError, StoreError: it cannot be answered.
    """
    asked = parse(body)
    model = await _in_thread(find, workspace, asked.model)
    reply = Completion(asked, model, workspace, threads, str(request.base_url))
    pieces = reply.parts()
    if not asked.is_streaming:
        try:
            async for _ in pieces:
                if await request.is_disconnected():
                    raise ClientDisconnect
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]
        return JSONResponse(reply.whole)
    first = await anext(pieces, "")  # an error before the first word is an error of the request
    return StreamingResponse(_events(reply, first, pieces, asked), media_type="text/event-stream")


async def _events(reply: Completion, first: str, pieces: AsyncIterator[str], asked: Asked) -> AsyncIterator[str]:
    try:
        yield reply.chunk({"role": "assistant", "content": first})
        async for piece in pieces:
            yield reply.chunk({"content": piece})
        yield reply.chunk({"annotations": reply.annotations}, reply.finish_reason)
        if asked.wants_usage:
            yield reply.event({"choices": [], "usage": reply.usage})
        yield "data: [DONE]\n\n"
    except Exception as error:
        yield f"data: {json.dumps(errors.fields(error)[1])}\n\n"
    finally:
        await pieces.aclose()  # type: ignore[attr-defined]


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await anyio.to_thread.run_sync(function, *arguments)
