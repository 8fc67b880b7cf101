"""The service behind the app's pages: it reads and answers what the library has waiting, and survives itself."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from helpers.decoders import tiny_encoder_folder
from helpers.documents import make_document
from helpers.refresh import refreshes
from helpers.waiting import wait_for

from reader import models
from reader.answering import Answer, AnswerPart
from reader.app import answer_queue
from reader.app.answer_queue import MAX_WAITING, Answerer
from reader.app.page import turns
from reader.app.service import Service, state_of
from reader.app.workspace import Workspace
from reader.documents import Document
from reader.errors import ConfigError, NotReady
from reader.models import Model, SentenceEncoder
from reader.reading.jobs import JobSettings, enqueue
from storage import JobRecord, QuestionRecord, Store, new_owner

WAIT_SECONDS = 60.0
LONG_WORDS = 20_000


def add(service: Service, document: Document) -> None:
    enqueue(document, JobSettings(service.model_name), service.store)


def answers(service: Service, document_id: str, question: str, **options: object) -> Generator[AnswerPart]:
    record = service.store.conversations.add([document_id])
    return service.answer(record, question, **options)  # type: ignore[arg-type]


def whole_answer(service: Service, document_id: str, question: str) -> Answer:
    *_, last = answers(service, document_id, question)
    assert last.answer is not None
    return last.answer


def job_of(service: Service, document_id: str) -> JobRecord:
    return service.jobs([document_id])[document_id]


def state(service: Service, document_id: str) -> str:
    return state_of(service.jobs([document_id]).get(document_id), service.memory(document_id))


def read(service: Service, document: Document) -> str:
    add(service, document)
    wait_for(lambda: state(service, document.id) == "ready")
    return document.id


@pytest.fixture
def decoder_folder(tiny_folder: Callable[..., Path]) -> Path:
    return tiny_folder("llama", max_positions=8192)


@pytest.fixture
def new_service(store: Store, decoder_folder: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services with a tiny decoder on one library; they are closed afterwards."""
    started: list[Service] = []

    def start(decoder: Path = decoder_folder) -> Service:
        service = Service(store, str(decoder), tmp_path / "cache")
        started.append(service)
        service.start()
        wait_for(lambda: service.model or service.load_error)
        return service

    yield start
    for service in started:
        service.close()


@pytest.fixture
def service(new_service: Callable[..., Service]) -> Service:
    return new_service()


def test_a_document_is_read_once_and_then_asked_without_reading(service: Service) -> None:
    document_id = read(service, make_document(800))
    memory = service.memory(document_id)
    assert memory is not None
    reply = whole_answer(service, document_id, "When did the keeper walk?")
    assert (reply.recomputed_tokens, reply.document_tokens) == (0, memory.tokens)
    assert reply.pages_read == reply.pages
    assert whole_answer(service, document_id, "When did the keeper walk?").text == reply.text
    after = service.memory(document_id)
    assert after is not None
    assert replace(after, last_used_at=0) == replace(memory, last_used_at=0)


def test_a_document_that_was_read_before_the_sentence_encoder_came_gets_its_vectors_while_nothing_is_read(
    service: Service, tmp_path: Path
) -> None:
    document_ids = [read(service, make_document(words)) for words in (800, 300)]
    assert service.attach(document_ids[0])[0].vectors is None
    assert service.model is not None
    encoder = SentenceEncoder(tiny_encoder_folder(tmp_path), "tiny")
    service.model = replace(service.model, encoder=encoder)
    wait_for(lambda: service.store.vectors.missing("tiny") == [])
    wait_for(lambda: service.attach(document_ids[0])[0].vectors is not None)
    assert whole_answer(service, document_ids[0], "When did the keeper walk?").text
    read(service, make_document(310))  # the worker reads on


@pytest.mark.parametrize(("stop", "stopped"), [("pause", "paused"), ("cancel", "stopped")])
def test_a_stopped_reading_keeps_its_windows_and_goes_on_behind_them_in_the_next_service(
    service: Service, new_service: Callable[..., Service], store: Store, stop: Literal["pause", "cancel"], stopped: str
) -> None:
    document = make_document(LONG_WORDS)
    add(service, document)
    wait_for(lambda: job_of(service, document.id).pages_done > 5)
    service.stop(document.id, stop)
    wait_for(lambda: state(service, document.id) == stopped)
    pages_done = job_of(service, document.id).pages_done
    assert 5 < pages_done < len(document.pages)
    key = store.memories(document.id)[0].key
    finished = store.segments(key)
    service.close()

    restarted = new_service()
    assert state(restarted, document.id) == stopped
    restarted.read(document.id)
    wait_for(lambda: state(restarted, document.id) == "ready")
    memory = restarted.memory(document.id)
    assert memory is not None
    assert memory.key == key
    assert [segment.hash for segment in store.segments(key)[: len(finished)]] == [segment.hash for segment in finished]


def test_what_a_closed_service_was_reading_and_what_waited_goes_on_in_the_next_without_being_asked(
    service: Service, new_service: Callable[..., Service]
) -> None:
    documents = [make_document(words) for words in (LONG_WORDS, 300, 310)]
    add(service, documents[0])
    wait_for(lambda: job_of(service, documents[0].id).pages_done)
    for document in documents[1:]:
        add(service, document)
    service.close()
    assert {job_of(service, document.id).state for document in documents} == {"queued"}
    restarted = new_service()
    wait_for(lambda: all(state(restarted, document.id) == "ready" for document in documents))


def test_one_document_is_read_at_a_time_and_one_that_waits_can_be_cancelled(service: Service) -> None:
    first, second = make_document(LONG_WORDS), make_document(300)
    add(service, first)
    wait_for(lambda: state(service, first.id) == "reading")
    add(service, second)
    assert state(service, second.id) == "waiting"
    service.stop(second.id, "cancel")
    assert state(service, second.id) == "stopped"
    service.read(second.id)
    service.stop(first.id, "cancel")
    wait_for(lambda: state(service, second.id) == "ready")
    assert state(service, first.id) == "stopped"


def test_a_reading_by_another_program_is_seen_and_can_be_paused_from_here(
    new_service: Callable[..., Service], store: Store, decoder_folder: Path
) -> None:
    elsewhere = new_owner()
    document = make_document(300)
    job = enqueue(document, JobSettings(str(decoder_folder)), store)
    assert store.jobs.claim(elsewhere) is not None
    service = new_service()
    assert state(service, document.id) == "reading"
    assert not service.reads(job_of(service, document.id))
    service.stop(document.id, "pause")
    assert store.jobs.beat(job.id, elsewhere, pages_done=1) == "pause"


def test_a_reading_for_another_decoder_is_not_this_ones(service: Service, store: Store) -> None:
    document = make_document(300)
    enqueue(document, JobSettings("another"), store)
    assert service.jobs([document.id]) == {}
    assert state(service, document.id) == "not read"


def test_a_document_is_asked_while_it_is_read_and_the_answer_says_how_far(service: Service, store: Store) -> None:
    document = make_document(LONG_WORDS)
    add(service, document)
    wait_for(lambda: service.memory(document.id))
    wait_for(lambda: job_of(service, document.id).pages_done > 5)
    first = whole_answer(service, document.id, "What was calm?")
    wait_for(lambda: job_of(service, document.id).pages_done > first.pages_read)
    second = whole_answer(service, document.id, "What was calm?")
    assert 5 < first.pages_read < second.pages_read < second.pages == len(document.pages)
    assert first.recomputed_tokens == second.recomputed_tokens == 0
    assert len(service._attached) == 1  # what has been outgrown is not kept
    service.stop(document.id, "pause")
    wait_for(lambda: state(service, document.id) == "paused")
    assert service.attach(document.id)[1]
    assert not service.attach(document.id)[1]


def test_a_reading_waits_while_an_answer_streams(service: Service) -> None:
    asked = read(service, make_document(300))
    long = make_document(LONG_WORDS)
    add(service, long)
    wait_for(lambda: job_of(service, long.id).tokens_done)
    parts = answers(service, asked, "What was calm?")
    next(parts)

    def stands_still() -> bool:
        before = job_of(service, long.id).tokens_done
        time.sleep(0.3)
        return job_of(service, long.id).tokens_done == before

    wait_for(stands_still)  # the window at hand is finished
    before = job_of(service, long.id).tokens_done
    assert stands_still()
    assert state(service, long.id) != "ready"
    parts.close()
    wait_for(lambda: job_of(service, long.id).tokens_done > before)


def test_an_answer_that_is_left_halfway_changes_nothing(service: Service) -> None:
    document_id = read(service, make_document(500))
    expected = whole_answer(service, document_id, "Who wrote it?").text
    parts = answers(service, document_id, "Where is the baker?")
    next(parts)
    parts.close()
    assert whole_answer(service, document_id, "Who wrote it?").text == expected


def test_a_stopped_answer_says_so(service: Service) -> None:
    document_id = read(service, make_document(300))
    *_, last = answers(service, document_id, "Who wrote it?", stopped=lambda: True)
    assert last.answer is not None
    assert last.answer.ended == "stopped"
    assert len(last.answer.text) < len(whole_answer(service, document_id, "Who wrote it?").text)


def test_the_two_memories_asked_last_stay_attached(service: Service) -> None:
    first, second, third = (read(service, make_document(words)) for words in (300, 310, 320))
    was_new = [service.attach(document_id)[1] for document_id in (first, second, first, third, first, second)]
    assert was_new == [True, True, False, True, False, True]


def test_a_question_waits_for_the_first_page_of_its_document_and_others_do_not(service: Service) -> None:
    read_before, workspace = read(service, make_document(300)), Workspace(service)
    long, document = make_document(LONG_WORDS), make_document(310)
    add(service, long)
    wait_for(lambda: state(service, long.id) == "reading")
    add(service, document)
    assert refresh_box(service, document.id)["interactive"]
    asked = workspace.ask([document.id], "Who?", may_wait=True)
    stream = workspace.stream(asked.id)
    assert stream is not None
    assert turns.waiting_line(asked, stream, waits_for=workspace.waits_for([document.id])) == (
        "Waiting for the first page to be read …"
    )
    with pytest.raises(NotReady, match="not read yet"):  # a program does not see what keeps it waiting
        workspace.ask([document.id], "Who?")
    other = workspace.stream(workspace.ask([read_before], "Who?").id)
    wait_for(lambda: other is not None and other.is_done)
    assert not stream.is_begun
    service.store.jobs.stop(job_of(service, document.id).id, "pause")
    assert refresh_box(service, document.id)["interactive"]  # it can still be stopped, and another asked
    second = workspace.stream(workspace.ask([document.id], "Why?", asked.conversation_id, may_wait=True).id)
    service.store.jobs.go_on(job_of(service, document.id).id)
    service.store.jobs.stop(job_of(service, long.id).id, "cancel")
    wait_for(lambda: second is not None and second.is_done)
    assert stream.error is None
    turns_kept = service.store.conversations.get(asked.conversation_id).turns
    assert [turn.question for turn in turns_kept] == ["Who?", "Why?"]


def test_a_question_about_a_document_whose_reading_fails_is_told_why(service: Service) -> None:
    long, document = make_document(LONG_WORDS), make_document(310)
    add(service, long)
    wait_for(lambda: state(service, long.id) == "reading")
    add(service, document)
    workspace = Workspace(service)
    stream = workspace.stream(workspace.ask([document.id], "Who?", may_wait=True).id)
    assert stream is not None
    with service.store.jobs._database.transaction() as db:
        db.execute(
            "UPDATE jobs SET state = 'failed', reason = 'It has no words.' WHERE document_id = ?", (document.id,)
        )
    wait_for(lambda: stream.is_done)
    assert str(stream.error) == "The document could not be read: It has no words."


def refresh_box(service: Service, document_id: str) -> dict[str, Any]:
    """How the question box of an open page is drawn."""
    return next(
        update
        for update in refreshes(service, document_id)()
        if re.search(r"\bask\b", update.get("placeholder", ""), re.I)
    )


def test_a_document_that_is_not_read_cannot_be_asked(service: Service, store: Store) -> None:
    document = make_document(300)
    store.add_document(document.id, title="A", file_name="a.txt", format="text", pages=[("1", document.text)])
    with pytest.raises(ConfigError, match="not read yet"):
        whole_answer(service, document.id, "Who?")


def test_a_decoder_that_cannot_be_loaded_is_told_and_loaded_at_the_next_try(
    new_service: Callable[..., Service], decoder_folder: Path, tmp_path: Path
) -> None:
    late = tmp_path / "late"
    service = new_service(late)
    document = make_document(300)
    add(service, document)
    assert "There is no decoder at" in str(service.load_error)
    assert state(service, document.id) == "waiting"
    late.symlink_to(decoder_folder)
    service.load_again()
    wait_for(lambda: state(service, document.id) == "ready")
    assert service.load_error is None


def test_a_document_too_long_for_the_decoder_fails_with_advice_that_needs_no_flag(
    new_service: Callable[..., Service], tiny_folder: Callable[..., Path]
) -> None:
    service = new_service(tiny_folder("llama", max_positions=700))
    document = make_document(LONG_WORDS)
    add(service, document)
    wait_for(lambda: state(service, document.id) == "failed")
    told = job_of(service, document.id).reason or ""
    assert "700 positions" in told
    assert "split it, or use a decoder with more positions" in told
    assert "--" not in told


def test_a_reading_that_failed_at_a_ratio_of_somebodys_choice_is_read_here_at_one_that_fits(
    service: Service, store: Store
) -> None:
    document = make_document(LONG_WORDS)
    enqueue(document, JobSettings(service.model_name, ratio=2), store)
    wait_for(lambda: state(service, document.id) == "failed")
    failed = job_of(service, document.id)
    assert "read it at ratio" in (failed.reason or "")
    assert "--" not in (failed.reason or "")
    service.read(document.id)
    wait_for(lambda: state(service, document.id) == "ready")


QUESTIONS = ("What was calm?", "Who wrote it?", "Where is the baker?")


def test_questions_are_answered_in_the_background_in_the_order_of_their_conversation(
    service: Service, store: Store
) -> None:
    document_id = read(service, make_document(300))
    record = store.conversations.add([document_id], "ann")
    asked = [service.answerer.ask("ann", document_id, record.id, question, {}) for question in QUESTIONS]
    wait_for(lambda: not store.questions.waiting("ann"))
    turns = store.conversations.get(record.id, "ann").turns
    assert [turn.question for turn in turns] == list(QUESTIONS)
    assert all(turn.counts["recomputed_tokens"] == 0 for turn in turns)
    stream = service.answerer.stream(asked[-1].id)
    assert stream is not None
    assert stream.answer is not None
    assert (stream.is_done, stream.error, stream.answer.text) == (True, None, turns[-1].answer)


class Slow:
    """Answers that come word by word, each when the test lets it come."""

    def __init__(self, store: Store, words: int = 3) -> None:
        self.begun: list[str] = []
        self._store, self._words = store, words
        self._next = threading.Semaphore(0)

    def go_on(self, words: int = 1) -> None:
        """Let so many words come."""
        self._next.release(words)

    def respond(self, question: QuestionRecord, stopped: Callable[[], bool]) -> Generator[AnswerPart]:
        """As a service answers: stopped before its first word it raises, later it saves what there is."""
        self.begun.append(question.text)
        text = ""
        for number in range(self._words):
            assert self._next.acquire(timeout=WAIT_SECONDS)
            if stopped():
                break
            yield AnswerPart(f"word{number} ")
            text += f"word{number} "
        record = self._store.conversations.get(question.conversation_id, question.user)
        self._store.conversations.add_turn(record, question.text, text.strip())


@pytest.fixture
def queue(store: Store) -> Iterator[tuple[Answerer, Slow, str, str]]:
    """A queue whose answers a test controls, a document and a conversation about it."""
    slow = Slow(store)
    document = make_document(50)
    store.add_document(document.id, title="A", file_name="a.txt", format="text", pages=[("1", document.text)])
    answerer = Answerer(store, slow.respond)
    answerer.start()
    yield answerer, slow, document.id, store.conversations.add([document.id]).id
    slow.go_on(100)
    answerer.close(WAIT_SECONDS)


def test_a_question_is_begun_once_however_quick_the_threads_are(
    store: Store, queue: tuple[Answerer, Slow, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answerer, slow, document_id, conversation_id = queue
    monkeypatch.setattr(answer_queue, "_POLL_SECONDS", 0.002)
    add = store.questions.add

    def add_slowly(*arguments: object) -> QuestionRecord:
        question = add(*arguments)  # type: ignore[arg-type]
        time.sleep(0.05)  # the row is there; a thread that looks now may take it
        return question

    monkeypatch.setattr(store.questions, "add", add_slowly)
    slow.go_on(100)
    for number in range(6):
        answerer.ask("", document_id, conversation_id, f"Question {number}?", {})
        wait_for(lambda: not store.questions.waiting(""))
    assert slow.begun == [f"Question {number}?" for number in range(6)]
    assert len(store.conversations.get(conversation_id).turns) == 6


def test_a_question_stopped_before_its_first_word_is_withdrawn_at_once_and_leaves_nothing(
    store: Store, queue: tuple[Answerer, Slow, str, str]
) -> None:
    answerer, slow, document_id, conversation_id = queue
    asked = answerer.ask("", document_id, conversation_id, QUESTIONS[0], {})
    wait_for(lambda: slow.begun)
    assert answerer.stop(asked.id)
    stream = answerer.stream(asked.id)
    assert stream is not None
    assert (stream.is_done, stream.is_withdrawn) == (True, True)  # though the decoder is still at work
    assert store.questions.waiting("") == []
    following = answerer.ask("", document_id, conversation_id, QUESTIONS[1], {})
    slow.go_on(100)
    wait_for(lambda: not store.questions.waiting(""))
    assert [turn.question for turn in store.conversations.get(conversation_id).turns] == [QUESTIONS[1]]
    assert answerer.stream(following.id).error is None  # type: ignore[union-attr]


def test_a_question_that_waits_for_its_turn_can_be_withdrawn(
    store: Store, queue: tuple[Answerer, Slow, str, str]
) -> None:
    answerer, slow, document_id, conversation_id = queue
    first = answerer.ask("", document_id, conversation_id, QUESTIONS[0], {})
    second = answerer.ask("", document_id, conversation_id, QUESTIONS[1], {})
    assert answerer.stop(second.id)
    assert not answerer.stop(second.id)  # once
    slow.go_on(100)
    wait_for(lambda: not store.questions.waiting(""))
    assert slow.begun == [QUESTIONS[0]]
    assert not answerer.stop(first.id)  # it is answered


def test_an_answer_stopped_after_its_first_word_is_kept_as_far_as_it_came(
    store: Store, queue: tuple[Answerer, Slow, str, str]
) -> None:
    answerer, slow, document_id, conversation_id = queue
    asked = answerer.ask("", document_id, conversation_id, QUESTIONS[0], {})
    slow.go_on(1)
    wait_for(lambda: (stream := answerer.stream(asked.id)) is not None and stream.text)
    assert not answerer.stop(asked.id)
    slow.go_on(1)
    wait_for(lambda: not store.questions.waiting(""))
    assert [turn.answer for turn in store.conversations.get(conversation_id).turns] == ["word0"]


def test_a_stopped_question_leaves_the_memory_as_it_was(service: Service, store: Store) -> None:
    document_id = read(service, make_document(300))
    whole = whole_answer(service, document_id, QUESTIONS[0]).text
    record = store.conversations.add([document_id])
    asked = service.answerer.ask("", document_id, record.id, QUESTIONS[0], {"look_again": 400})
    service.answerer.stop(asked.id)
    wait_for(lambda: not store.questions.waiting(""))
    assert whole_answer(service, document_id, QUESTIONS[0]).text == whole


def test_what_a_lost_program_did_not_answer_is_answered_by_the_next_and_once(
    service: Service, store: Store, decoder_folder: Path
) -> None:
    document_id = read(service, make_document(300))
    record = store.conversations.add([document_id])
    lost = store.questions.add("", document_id, record.id, QUESTIONS[0], {}, f"{socket.gethostname()}/{gone()}/x")
    wait_for(lambda: not store.questions.waiting(""))
    assert [turn.question for turn in store.conversations.get(record.id).turns] == [QUESTIONS[0]]
    # The turn was saved, and the program was killed before the question was forgotten.
    with store.database.transaction() as db:
        db.table("questions").insert({**vars(lost), "settings": "{}"})
    wait_for(lambda: not store.questions.waiting(""))
    assert len(store.conversations.get(record.id).turns) == 1


def test_the_same_question_asked_twice_at_once_is_answered_twice(service: Service, store: Store) -> None:
    document_id = read(service, make_document(300))
    record = store.conversations.add([document_id])
    asked = [service.answerer.ask("", document_id, record.id, QUESTIONS[0], {}) for _ in range(2)]
    wait_for(lambda: not store.questions.waiting(""))
    streams = [service.answerer.stream(question.id) for question in asked]
    assert [stream is not None and stream.is_done and stream.answer is not None for stream in streams] == [True, True]
    assert [turn.question for turn in store.conversations.get(record.id).turns] == [QUESTIONS[0]] * 2


def test_a_question_is_asked_again_after_the_clock_was_set_back(
    service: Service, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = read(service, make_document(300))
    record = store.conversations.add([document_id])
    service.answerer.ask("", document_id, record.id, QUESTIONS[0], {})
    wait_for(lambda: not store.questions.waiting(""))
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 7 * 24 * 3600)
    again = service.answerer.ask("", document_id, record.id, QUESTIONS[0], {"number": 0})
    service.answerer.ask("", document_id, record.id, QUESTIONS[1], {})
    wait_for(lambda: not store.questions.waiting(""))
    stream = service.answerer.stream(again.id)
    assert stream is not None
    assert stream.answer is not None
    turns = store.conversations.get(record.id).turns
    assert [(turn.question, turn.counts["question_id"] == again.id) for turn in turns] == [
        (QUESTIONS[0], True),
        (QUESTIONS[1], False),
    ]


def test_questions_keep_their_order_when_the_clock_is_set_back_between_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = make_document(50)
    store.add_document(document.id, title="A", file_name="a.txt", format="text", pages=[("1", document.text)])
    conversation, owner = store.conversations.add([document.id]), new_owner()
    first = store.questions.add("", document.id, conversation.id, "First?", {}, owner)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600)
    second = store.questions.add("", document.id, conversation.id, "Second?", {}, owner)
    assert [question.id for question in store.questions.claim(owner)] == [first.id, second.id]
    assert [question.id for question in store.questions.waiting("")] == [first.id, second.id]


def test_a_question_with_half_a_character_is_refused_in_a_sentence(service: Service, store: Store) -> None:
    document_id = read(service, make_document(300))
    record = store.conversations.add([document_id])
    with pytest.raises(ConfigError, match=r"question holds half a character \(\\ud800\)"):
        service.answerer.ask("", document_id, record.id, "How \ud800?", {})


@pytest.mark.parametrize(
    ("text", "told"), [(" ", "is empty"), ("x" * 4001, "in 4,000 at most"), ("\ud800", "half a char")]
)
def test_a_question_that_is_refused_begins_no_conversation(service: Service, text: str, told: str) -> None:
    workspace, document_id = Workspace(service), read(service, make_document(300))
    with pytest.raises(ConfigError, match=told):
        workspace.ask(document_id, text)
    assert workspace.conversations_at(workspace.place(document_id)) == []


def test_a_question_of_a_program_that_is_alive_is_left_to_it(service: Service, store: Store) -> None:
    document_id = read(service, make_document(300))
    record = store.conversations.add([document_id])
    store.questions.add("", document_id, record.id, QUESTIONS[0], {}, f"{socket.gethostname()}/{os.getppid()}/x")
    time.sleep(1.5)
    assert len(store.questions.waiting("")) == 1


def test_an_answer_that_fails_says_why_and_the_next_one_is_answered(service: Service, store: Store) -> None:
    document_id = read(service, make_document(300))
    record = store.conversations.add([document_id])
    bad = service.answerer.ask("", document_id, record.id, QUESTIONS[0], {"number": 7})
    service.answerer.ask("", document_id, record.id, QUESTIONS[1], {})
    wait_for(lambda: store.conversations.get(record.id).turns)
    stream = service.answerer.stream(bad.id)
    assert stream is not None
    assert stream.is_done
    assert isinstance(stream.error, ConfigError)


def test_a_user_waits_for_some_answers_before_asking_more(service: Service, store: Store) -> None:
    document_id = read(service, make_document(300))
    record = store.conversations.add([document_id], "ann")
    elsewhere = f"{socket.gethostname()}/{os.getppid()}/x"
    for _ in range(MAX_WAITING):
        store.questions.add("ann", document_id, record.id, QUESTIONS[0], {}, elsewhere)
    with pytest.raises(ConfigError, match="wait for their answers"):
        service.answerer.ask("ann", document_id, record.id, QUESTIONS[0], {})
    service.answerer.ask("bob", document_id, store.conversations.add([document_id], "bob").id, QUESTIONS[0], {})


def test_a_question_is_taken_while_the_decoder_loads_and_answered_once_it_is_there(
    new_service: Callable[..., Service], decoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = new_service()
    document_id = read(first, make_document(300))
    first.close()
    may_load, load = threading.Event(), models.load_model

    def load_late(*arguments: Any, **options: Any) -> Model:
        may_load.wait(WAIT_SECONDS)
        return load(*arguments, **options)

    monkeypatch.setattr(models, "load_model", load_late)
    monkeypatch.setattr(answer_queue, "_POLL_SECONDS", WAIT_SECONDS)  # only the decoder's coming can begin the answer
    second = Service(first.store, str(decoder_folder), tmp_path / "cache")
    second.start()
    try:
        box = refresh_box(second, document_id)
        assert box["interactive"]
        assert "Ask anything" in box["placeholder"]
        asked = Workspace(second).ask([document_id], QUESTIONS[0])
        stream = second.answerer.stream(asked.id)
        assert stream is not None
        assert "language model" in turns.waiting_line(
            asked, stream, waits_for=Workspace(second).waits_for([document_id])
        )
        may_load.set()
        wait_for(lambda: stream.is_done, WAIT_SECONDS / 2)
        assert stream.error is None
        assert second.store.conversations.get(asked.conversation_id).turns
    finally:
        may_load.set()
        second.close()


def test_the_first_page_is_drawn_before_the_decoder_is_loaded(
    store: Store, decoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, load = threading.Event(), models.load_model

    def note(*arguments: Any, **options: Any) -> Model:
        begun.set()
        return load(*arguments, **options)

    monkeypatch.setattr(models, "load_model", note)
    service = Service(store, str(decoder_folder), tmp_path / "cache")
    service.first_page.ask()
    service.start(WAIT_SECONDS)
    try:
        refresh = refreshes(service)
        refresh()
        assert not begun.is_set()
        refresh()  # the page has what it was sent, and asks for more
        assert begun.wait(WAIT_SECONDS)
    finally:
        service.close()


def test_an_answer_that_was_just_saved_is_shown_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, document_id = Workspace(service), read(service, make_document(300))
    may_remove, remove = threading.Event(), service.store.questions.remove

    def remove_late(question_id: str) -> None:
        may_remove.wait(WAIT_SECONDS)
        remove(question_id)

    monkeypatch.setattr(service.store.questions, "remove", remove_late)
    asked = workspace.ask([document_id], "What is this about?")
    wait_for(lambda: workspace.conversation(asked.conversation_id).turns)
    try:
        assert [question.id for question in workspace.waiting(asked.conversation_id)] == [asked.id]
        conversation, waiting = workspace.standing(asked.conversation_id)
        assert (len(conversation.turns), waiting) == (1, [])
    finally:
        may_remove.set()
    wait_for(lambda: not workspace.waiting(asked.conversation_id))


def test_another_decoder_is_loaded_in_the_place_of_the_first(
    service: Service, tiny_folder: Callable[..., Path], decoder_folder: Path
) -> None:
    document_id = read(service, make_document(300))
    other = str(tiny_folder("qwen2", max_positions=8192))
    service.choose_model(other, None)
    wait_for(lambda: service.model or service.load_error)
    assert service.model is not None
    assert service.model.name == other
    assert state(service, document_id) == "not read"
    service.read(document_id)
    wait_for(lambda: state(service, document_id) == "ready")
    assert whole_answer(service, document_id, QUESTIONS[0]).document_tokens
    service.choose_model(str(decoder_folder), None)
    wait_for(lambda: service.model or service.load_error)
    assert state(service, document_id) == "ready"


def test_another_condenser_reads_again_and_the_first_ones_memory_stays(service: Service) -> None:
    document_id = read(service, make_document(300))
    first = service.memory(document_id)
    service.choose_model(service.model_name, "spread")
    wait_for(lambda: service.model or service.load_error)
    assert state(service, document_id) == "not read"
    service.read(document_id)
    wait_for(lambda: state(service, document_id) == "ready")
    second = service.memory(document_id)
    assert first is not None
    assert second is not None
    assert first.settings["plugin"] != second.settings["plugin"]
    assert second.settings["plugin"].startswith("spread")
    assert whole_answer(service, document_id, QUESTIONS[0]).document_tokens
    service.choose_model(service.model_name, None)
    wait_for(lambda: service.model or service.load_error)
    assert service.memory(document_id) == first


def test_a_ratio_costs_what_reading_at_it_makes_and_the_last_one_read_at_is_asked(
    service: Service, store: Store
) -> None:
    document_id = read(service, make_document(3000))
    costs = service.ratio_costs(document_id, None)
    assert [cost.ratio for cost in costs if not cost.fits] == [0]
    for cost in (*costs[1:3], costs[1]):  # the last one's memory is there already

        def is_asked(ratio: int = cost.ratio) -> bool:
            memory = service.memory(document_id)
            return state(service, document_id) == "ready" and memory is not None and memory.settings["ratio"] == ratio

        service.read(document_id, cost.ratio)
        wait_for(is_asked)
        memory = service.memory(document_id)
        assert memory is not None
        assert cost.slots == memory.slots
        assert cost.bytes == pytest.approx(memory.bytes, rel=0.1)


def test_a_paused_reading_is_begun_anew_at_a_ratio_that_is_chosen_without_a_type(service: Service) -> None:
    first, second = make_document(LONG_WORDS), make_document(300)
    add(service, first)
    wait_for(lambda: state(service, first.id) == "reading")
    add(service, second)
    service.stop(second.id, "pause")
    service.read(second.id, ratio=4)
    service.stop(first.id, "cancel")
    wait_for(lambda: state(service, second.id) == "ready")
    memory = service.memory(second.id)
    assert memory is not None
    assert memory.settings["ratio"] == 4


def gone() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid
