"""Answers of another kind than the question asks for."""

from __future__ import annotations

import pytest
from helpers.answers import Scripted, answered, attached_to
from helpers.documents import hide

from reader.answering import NOT_SAID
from reader.answering.checks.kinds import is_of_another_kind, may_be_of_another_kind, may_say
from reader.answering.checks.subjects import is_of_another
from reader.answering.look_again import choose_passages
from reader.answering.passages import Passages, Source
from reader.models.model import Model
from storage import PageRecord, Store

WHERE, WHO = "Where does Ada live?", "Who married Ada?"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (WHERE, "her daughter"),
        (WHERE, "the youngest son."),
        (WHERE, "Tomas's uncle"),
        (WHO, "the day after the fair"),
        (WHO, "on the following evening"),
        ("By whom was the bridge built?", "the year before the flood"),
        ("What is Ada's phone number?", "1924"),
        ("How deep is the well?", "brackish and cold"),
        ("How old is Ada?", "Tomas Reel"),
    ],
)
def test_a_relative_is_no_place_a_time_is_nobody_and_a_year_no_number_to_call(question: str, answer: str) -> None:
    assert is_of_another_kind(question, answer)
    words = answer.split()
    assert all(may_be_of_another_kind(" ".join(words[:count]), question) for count in range(1, len(words)))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (WHERE, "with her daughter"),
        (WHERE, "her daughter's house"),
        (WHERE, "the ferry"),
        (WHO, "her daughter"),
        (WHO, "the night watchman"),
        (WHO, "a boy of the time"),
        ("When was Ada married?", "the day after the fair"),
        ("What is in the box?", "the year before the flood"),
        ("What is the phone number for emergencies?", "112"),
        ("How deep is the well?", "knee-deep"),
        ("How high is the tower?", "as the church"),
        ("How old is Ada?", "not yet twenty"),
        ("How old is the bridge?", "a century"),
    ],
)
def test_other_answers_are_of_the_kind_that_is_asked_for(question: str, answer: str) -> None:
    assert not is_of_another_kind(question, answer)


@pytest.mark.usefixtures("default_tokens")
def test_an_answer_of_another_kind_is_not_given_nor_shown(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = attached_to(hide("Ada lives in the ferry house, and her daughter visits her."), roomy_model, store)
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    places = choose_passages(attached, WHERE, roomy_model, 2500)
    for said, shown in (
        (["her daughter", "in the ferry house"], "in the ferry house"),
        (["her daughter"] * len(places), NOT_SAID),
    ):
        Scripted.said = said
        assert answered(attached, roomy_model, WHERE, look_again=2500).text == shown


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        (WHERE, "“Ay, bodies, Ada.”", False),
        (WHERE, "Ada lives by the weir.", True),
        ("Wo wohnt Ada?", "Ada wohnt gern.", False),
        ("Quand Ada est-elle partie ?", "Ada est partie avant la nuit.", True),
        ("When did Ada leave?", "Ada left them.", False),
        ("How old is Ada?", "Ada is seven.", True),
        (WHO, "Ada.", True),
    ],
)
def test_a_sentence_that_answers_has_a_place_a_time_or_a_number(question: str, sentence: str, expected: bool) -> None:
    assert may_say(question, sentence) is expected


CLUB = """Boats

The launch carries nine people and a skipper. The mast is tall. A dinghy costs £85 a week.

| Berth | Width |
| --- | --- |
| North | 12 |
"""


@pytest.mark.parametrize(
    ("question", "answer", "is_wrong"),
    [
        ("What is the skipper's salary?", "£85 a week", True),
        ("How old is the skipper?", "12", True),
        ("How long is the launch?", "nine", True),
        ("What does a dinghy cost?", "£85", False),
        ("How tall is the mast?", "85", False),  # in the sentence before
        ("How wide are the berths?", "12", False),  # in the head of the table
        ("Who is the skipper?", "12", False),
        ("How old is the boat?", "12", False),  # in the heading
        ("How old is the skipper?", "31", False),  # stands nowhere, which other checks know
    ],
)
def test_a_number_of_something_else_is_no_answer(question: str, answer: str, is_wrong: bool) -> None:
    source = Source("d", "Club", (PageRecord("d", 1, "1", 0, len(CLUB), CLUB),), len(CLUB))
    assert is_of_another(question, answer, Passages([source]).all, [source]) == is_wrong
    assert not is_of_another("How much is the second?", "£85", [], [source], "What does a dinghy cost?")
