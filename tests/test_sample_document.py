"""What the bundled decoder with its trained plug-in does with the sample document: it finds the page, and a talk goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from helpers import ROOT

from reader.answering import LOOK_AGAIN_TOKENS, Answer, AnswerPart, AttachedMemory, ask, attach
from reader.answering.conversations import Conversation
from reader.documents import Document, load
from reader.evaluation import SyntheticSettings, evaluate_synthetic
from reader.models.model import Model
from reader.reading.loop import read
from storage import MemoryRecord, Store

pytestmark = pytest.mark.slow

QUESTIONS = json.loads((ROOT / "tests" / "sample_questions.json").read_text(encoding="utf-8"))
EVIDENCE_PAGES = 3


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("library")) as opened:
        yield opened


@pytest.fixture(scope="module")
def sample() -> Document:
    return load(ROOT / "static" / "sample.md")


@pytest.fixture(scope="module")
def memory(sample: Document, default_model: Model, store: Store) -> MemoryRecord:
    return read(sample, default_model, store).memory


@pytest.fixture
def attached(memory: MemoryRecord, default_model: Model, store: Store) -> AttachedMemory:
    return attach(memory, default_model, store)


def last(parts: Iterator[AnswerPart]) -> Answer:
    answer = list(parts)[-1].answer
    assert answer is not None
    return answer


@pytest.mark.parametrize("look_again", ["off", LOOK_AGAIN_TOKENS])
def test_the_right_page_is_among_the_first_three(
    look_again: str | int, sample: Document, attached: AttachedMemory, default_model: Model
) -> None:
    found, held, refused, asked = 0, 0, 0, [question for question in QUESTIONS if question["answers"]]
    for question in asked:
        answer = last(ask(attached, question["question"], default_model, look_again=look_again))
        refused += answer.not_said
        at = sample.text.index(question["quote"])
        pages = {sample.page_at(char).number for char in (at, at + len(question["quote"]) - 1)}
        found += bool(pages & {evidence.page for evidence in answer.evidence[:EVIDENCE_PAGES]})
        held += any(right.casefold() in answer.text.casefold() for right in question["answers"])
    others = [question["question"] for question in QUESTIONS if not question["answers"]]
    told = sum(last(ask(attached, other, default_model, look_again=look_again)).not_said for other in others)
    print(
        f"look again {look_again}: page among three {found}/{len(asked)}, answer in the reply {held}/{len(asked)},"
        f" said not to be answered {refused}/{len(asked)}, and {told}/{len(others)} of those that are not"
    )
    assert found >= 0.8 * len(asked)


def test_twenty_turns_read_nothing_again_and_go_on_after_a_restart(
    attached: AttachedMemory, memory: MemoryRecord, default_model: Model, store: Store
) -> None:
    record = store.conversations.add([memory.document_id], "")
    talk = Conversation(record, attached, default_model, store)
    questions = [question["question"] for question in QUESTIONS[:21]]
    answers = [last(talk.ask(question)) for question in questions]
    assert [answer.recomputed_tokens for answer in answers] == [0] * len(answers)
    found = store.conversations.get(record.id, "")
    restarted = Conversation(found, attach(memory, default_model, store), default_model, store)
    assert last(restarted.ask(questions[20], number=20)).text == answers[20].text


def test_five_digits_come_back_from_the_memory_alone(default_model: Model) -> None:
    """Hidden in the first windows of eight, condensed eight to one, by depth."""
    settings = SyntheticSettings("passkey", [4096], [0, 0.3, 0.6], [8], repeats=2)
    report = evaluate_synthetic(default_model, settings, strategies=["beacon"])
    assert report.rows[0]["score"] >= 5 / 6
