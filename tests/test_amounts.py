"""Lists of payments, fees and prices: lines, or pieces of lines, that end with an amount and stand in no cells."""

from __future__ import annotations

import pytest
from helpers.answers import Scripted, answered, attached_to
from helpers.documents import one_page

from reader.answering.extractive.overview import amount
from reader.answering.passages import Passages, Source
from reader.answering.text.tables import shown, tables
from reader.models import Model
from storage import PageRecord, Store

PAYMENTS = """\
TOWN OF WENDLE
The clerk paid these bills in May.
GENERAL FUND
ABBOT GLASS WINDOW TOWN HALL 412.50
MERCER & SON GRIT 1,900.00
WENDLE POWER LAMPS 88.10
WATER FUND
FELL PUMPS IMPELLER 640.00
WENDLE POWER PUMPING 2,015.75
The town hall is shut because its roof leaks.
"""
FEES = "Fees\n\nKENNEL .......... $55.00\nDOG, SPAYED ..... $6.00\nDOG, NOT SPAYED . $11.00\n"
RUNNING = "Paid: Abbot Glass 412.50, Mercer 1,900.00, Wendle Power £88.10; Fell Pumps 640.00. The hall is shut."


def passages(text: str, title: str = "Bills") -> Passages:
    return Passages([Source("d", title, (PageRecord("d", 1, "1", 0, len(text), text),), len(text))])


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (PAYMENTS, "How much was paid for grit?", "1,900.00"),
        (PAYMENTS, "What did the town pay for the impeller?", "640.00"),
        (PAYMENTS, "How much did the window of the town hall cost?", "412.50"),
        (PAYMENTS, "How much was Wendle Power paid from the water fund?", "2,015.75"),
        (PAYMENTS, "How much was Wendle Power paid?", "WENDLE POWER LAMPS 88.10\nWENDLE POWER PUMPING 2,015.75"),
        (FEES, "What does a kennel cost?", "$55.00"),
        (FEES, "What is the fee for a spayed dog?", "DOG, SPAYED ..... $6.00\nDOG, NOT SPAYED . $11.00"),
        (RUNNING, "How much was paid to Mercer?", "1,900.00"),
        (RUNNING, "What was Wendle Power paid?", "£88.10"),
    ],
)
def test_how_much_is_the_amount_of_the_row_with_the_words(text: str, question: str, answer: str) -> None:
    found = amount(passages(text), question)
    assert found is not None
    assert found.text == answer


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (PAYMENTS, "How much was paid for gravel?"),
        (PAYMENTS, "How much was paid for a new window of the school?"),
        (PAYMENTS, "What was Fell Pumps paid for?"),
        (PAYMENTS, "Why is the town hall shut?"),
        ("The rent is\n£5.00\nand the deposit\n£9.00\nand a key\n£1.00\n", "How much is the rent?"),
        ("2.10\n2.11\n2.12\n2.13\n", "How much is 2.10?"),
        ("Grit was 4.50. Salt was 5.50.", "How much was grit?"),
    ],
)
def test_no_amount_where_no_row_has_the_words(text: str, question: str) -> None:
    assert amount(passages(text), question) is None


def test_of_a_list_the_rows_are_shown_that_a_question_names_below_their_heading() -> None:
    page = PageRecord("d", 1, "1", 0, len(PAYMENTS), PAYMENTS)
    seen = shown(PAYMENTS, 0, tables([page]), "Who delivered the impeller?")
    assert seen.text == (
        "TOWN OF WENDLE\nThe clerk paid these bills in May.\nGENERAL FUND\n"
        "WATER FUND\nFELL PUMPS IMPELLER 640.00\nThe town hall is shut because its roof leaks.\n"
    )
    assert shown(PAYMENTS, 0, tables([page]), "Why is it shut?").text == PAYMENTS


def test_a_table_continues_on_a_page_that_begins_with_an_amount() -> None:
    first = "Route | Single | Return\nTove | 4.20 | 8.40\n"
    second = "Orrin | 6.35 | 12.70\nSkarra | 3.05 | 6.10\nEllan | 2.00 | 4.00\n"
    pages = [
        PageRecord("d", 1, "1", 0, len(first), first),
        PageRecord("d", 2, "2", len(first), len(first + second), second),
    ]
    (table,) = tables(pages)
    assert [row.cell(0) for row in table.rows] == ["Tove", "Orrin", "Skarra", "Ellan"]


def test_the_amount_is_answered_without_the_decoder(tiny_model: Model, store: Store) -> None:
    attached = attached_to(one_page(PAYMENTS, "Bills"), tiny_model, store)
    answer = answered(attached, tiny_model, "How much was paid for grit?")
    assert (answer.text, answer.answer_tokens) == ("1,900.00", 0)
    assert answer.evidence[0].quote == "MERCER & SON GRIT 1,900.00"


def test_a_refusal_to_what_was_paid_for_gives_way_to_the_row(
    tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["The document does not say."] * 9
    attached = attached_to(one_page(PAYMENTS, "Bills"), tiny_model, store)
    asked = answered(attached, tiny_model, "What was Fell Pumps paid for?", look_again="auto")
    assert asked.text == "FELL PUMPS IMPELLER 640.00"
    assert answered(attached, tiny_model, "Who was paid for paint?", look_again="auto").not_said


@pytest.mark.parametrize(
    ("question", "said", "refused"),
    [
        ("How much is car parking?", "$55.00", True),
        ("How much is car parking?", "55.00.", True),
        ("How much is it for doghouses?", "$6.00", False),  # a word of the row is in a word of the question
        ("How much is it in all?", "$55.00", False),
        ("Which amount is due in April?", "$55.00", False),
    ],
)
def test_a_fee_that_is_not_listed_has_no_other_s_amount(
    question: str, said: str, refused: bool, tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = [said] * 9
    attached = attached_to(one_page(FEES, "Fees"), tiny_model, store)
    assert answered(attached, tiny_model, question, look_again="auto").not_said is refused


def test_an_amount_that_a_sentence_has_too_may_answer(
    tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["$55.00"] * 9
    attached = attached_to(one_page(FEES + "\nTo park a car costs $55.00 a year.\n", "Fees"), tiny_model, store)
    assert answered(attached, tiny_model, "How much is parking?", look_again="auto").text.startswith("$55.00")


def test_a_page_of_digits_alone_is_no_list() -> None:
    text = "Figures\n" + "1" * 60_000
    assert tables([PageRecord("d", 1, "1", 0, len(text), text)]) == []
