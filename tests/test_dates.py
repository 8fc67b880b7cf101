"""Answers to when: the date of what is asked about, and not of something else in the same passage."""

from __future__ import annotations

import pytest
from helpers.answers import Scripted, answered, attached_to
from helpers.documents import one_page

from reader.answering.text.dates import date_of_event, is_amount, limit
from reader.models import Model
from storage import Store

TEXT = """Hugh took his degree in 1524 and read for a second. He was ordained at Lincoln on 15 July 1515. Mary Oduya died in 1601.
The hut was bought in 1953, moved to the field in 1954, and burned down on 5 November 1987. She was chair in 1960 and in 1990.
Der Verein wurde 1949 gegründet. Das Haus wurde am 3. Mai 1972 gebaut."""


@pytest.mark.parametrize(
    ("question", "answer", "date"),
    [
        ("When was he ordained?", "1524", "15 July 1515"),
        ("In what year was Hugh ordained?", "1601", "15 July 1515"),
        ("When did Mary die?", "15 July 1515", "1601"),
        ("When was the hut bought?", "1987", "1953"),
        ("When did the hut burn down?", "1953", "1953"),  # "burned" stands without "hut"
        ("Wann wurde der Verein gegründet?", "1972", "1949"),
        ("When was he ordained?", "on a Sunday", "on a Sunday"),
        ("When was she chair?", "1524", "1524"),  # the sentence has two dates
        ("When did he marry?", "1524", "1524"),  # no sentence says so
        ("When did Hugh take his degree?", "1524", "1524"),
        ("Who was ordained?", "1524", "1524"),
    ],
)
def test_a_date_of_another_sentence_gives_way_to_the_one_of_the_event(question: str, answer: str, date: str) -> None:
    assert date_of_event(question, answer, TEXT) == date


def test_an_amount_is_no_date() -> None:
    assert is_amount("When was it posted?", "12,111.06")
    assert not is_amount("When was it posted?", "1524")
    assert not is_amount("How much was it?", "12,111.06")


def test_the_date_of_the_event_is_the_answer(tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["1524"] * 9
    document = one_page(TEXT, "Lives")
    answer = answered(attached_to(document, tiny_model, store), tiny_model, "When was he ordained?", look_again="auto")
    assert answer.text == "15 July 1515"


@pytest.mark.parametrize(
    ("question", "answer", "until"),
    [
        ("Until when is the offer open?", "10 June", "31 July"),
        ("By when must the days be used?", "next year", "31 March"),
        ("Bis wann läuft der Verzicht?", "1. Mai", "30. September 2026"),
        ("Jusqu'à quand la rue est-elle fermée ?", "17 mars", "27 juin"),
        ("By when must he reply?", "ten days", "ten days"),  # is the limit
        ("By when must he reply?", "within ten days of the letter", "within ten days of the letter"),
        ("Until when is it open?", "2 August", "2 August"),  # the sentence has two limits
        ("When does the offer open?", "10 June", "10 June"),
    ],
)
def test_until_when_is_the_limit_of_its_sentence(question: str, answer: str, until: str) -> None:
    text = """The offer opens on 10 June and closes on 31 July. Five days go to the next year and must be used by 31 March.
    Der Verzicht läuft vom 1. Mai bis zum 30. September 2026. La rue est fermée du 17 mars jusqu'au 27 juin.
    He must reply within ten days of the letter. On 2 August it is open until 5 August or, if asked by 1 August, until 9 August."""
    assert limit(question, answer, text) == until
