"""Questions for a price, and amounts that are no price of what is asked for."""

from __future__ import annotations

import pytest
from helpers.answers import Scripted, answered, attached_to
from helpers.documents import one_page
from helpers.effort import little_effort

from reader.answering.checks.prices import for_period, is_no_price, with_cost
from reader.models import Model
from storage import Store

FERRY = """Sound Ferry

A single costs £4 for a child and £6 for an adult. A bicycle travels for £1.50. A car is carried for £22.

Bicycles are for hire on the pier. Half a day of hire is £9. A deposit of £50 is taken for each bicycle, which weighs 15 kg.
"""
BATHS = """Stadtbad

Ein Handtuch kostet 2 Euro; dafür sind 5 Euro Pfand zu zahlen. Für die Sauna werden 12 Euro verlangt, und der Eintritt ist frei.
"""


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("How much is a ticket?", "What does a ticket cost?"),
        ("What's the price of a child ticket?", "What does a child ticket cost?"),
        ("What is the cost of each book?", "What does each book cost?"),
        ("How much do I pay for an hour of parking?", "What does an hour of parking cost?"),
        ("How much do we have to pay for every guest?", "What does every guest cost?"),
        ("How much is the rent?", "How much is the rent?"),
        ("How much is a mile in kilometres?", "How much is a mile in kilometres?"),
        ("How much is a house worth?", "How much is a house worth?"),
        ("What does a ticket cost?", "What does a ticket cost?"),
        ("What is a ticket?", "What is a ticket?"),
    ],
)
def test_a_price_is_asked_for_in_the_words_that_decoders_know_best(question: str, asked: str) -> None:
    assert with_cost(question) == asked


@pytest.mark.parametrize(
    ("page", "question", "answer", "is_none"),
    [
        (FERRY, "What does a bicycle cost?", "£1.50", False),
        (FERRY, "What does a bike cost?", "£1.50.", False),  # by another name
        (FERRY, "What does a bicycle cost?", "£50", True),  # the deposit
        (FERRY, "What deposit does a bicycle cost?", "£50", False),
        (FERRY, "What does a day of hire cost?", "£9", True),  # half a day
        (FERRY, "What does half a day of hire cost?", "£9", False),
        (FERRY, "What does a motorcycle cost?", "£22", True),  # a car's
        (FERRY, "How much does a car cost?", "£22", False),
        (FERRY, "What does a ticket cost?", "£6", False),  # has many names
        (FERRY, "What does the crossing cost?", "£4", False),
        (FERRY, "What does a motorcycle cost?", "£31", False),  # not of this page
        (FERRY, "What does a motorcycle cost?", "It is carried for £22 like a car.", False),
        (FERRY, "Was kostet ein Auto?", "£22", False),  # of another language
        (BATHS, "Wie viel kostet ein Handtuch?", "5 Euro", True),
        (BATHS, "Was kostet ein Handtuch?", "2 Euro", False),
        (BATHS, "Wie viel kostet eine Massage?", "12 Euro", True),
        (FERRY, "Which car is carried for £22?", "£22", False),
        (FERRY, "What does parking cost?", "tea and biscuits", True),
        (FERRY, "What does parking cost?", "It is free.", False),
        (FERRY, "Combien coûte le parking ?", "le ménage", True),
    ],
)
def test_an_amount_for_something_else_is_no_price(page: str, question: str, answer: str, is_none: bool) -> None:
    assert is_no_price(question, answer, page) is is_none


@pytest.mark.parametrize(
    ("question", "said", "text"),
    [
        ("How much is a motorcycle?", "£1.50", "The document does not say."),
        ("What's the price of a bicycle?", "15 kg", "The document does not say."),
        ("How much is a bicycle?", "£1.50", "£1.50"),
    ],
)
def test_the_price_of_another_thing_is_no_answer(
    question: str, said: str, text: str, tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = [said] * 9
    attached = attached_to(one_page("A bicycle travels for £1.50 and weighs 15 kg.", "Ferry"), tiny_model, store)
    answer = answered(attached, tiny_model, question, look_again="auto")
    assert (answer.text, answer.question) == (text, question)


@pytest.mark.parametrize(
    ("question", "answer", "passage", "amount"),
    [
        ("How much is it for a day?", "£9", "It is £9 an hour, and £38.50 a day.", "£38.50"),
        ("How much is it per week?", "£9 an hour", "It is £9 an hour, £38.50 a day and £96 a week.", "£96"),
        ("Was kostet es pro Tag?", "9 Euro", "Es kostet 9 Euro pro Stunde und 38 Euro am Tag.", "38 Euro"),
        ("Combien coûte le lit par semaine ?", "9 €", "Le lit coûte 9 € par nuit, 38 € par semaine.", "38 €"),
        ("How much is it per day?", "£9", "A boat: £9/hour, £38/day", "£38"),
        ("How much is it for a day?", "£9", "It is £9 an hour. A boat is £38.50 a day.", "£9"),
        ("How much is it for a day?", "£9", "It is £9 an hour, £38 a day on land and £40 a day at sea.", "£9"),
        ("How much is it for a day?", "£9", "It is £9 an hour or £9 a day, and £38 a day at sea.", "£9"),
        ("How much is it for a day?", "£9", "The deposit is £9, the hire £38 a day.", "£9"),
        ("How much is it?", "£9", "It is £9 an hour, and £38.50 a day.", "£9"),
    ],
)
def test_an_amount_is_for_the_time_that_is_asked_for(question: str, answer: str, passage: str, amount: str) -> None:
    assert for_period(question, answer, passage) == amount


@pytest.mark.parametrize("text", ["word " * 20_000, "1 " * 20_000, "£9 " * 20_000, "half a " * 20_000, "?" * 20_000])
def test_hostile_text_takes_no_time(text: str) -> None:
    with little_effort():
        with_cost(f"How much is a {text}?")
        is_no_price("What does a dog cost?", "£9", text)
        for_period("How much is it for a day?", "£9", f"{text} £9 an hour")
        is_no_price("What does a dog cost?", text, FERRY)
        is_no_price(f"What does a {text} cost?", "£9", FERRY)
