"""An answer that points to a list is given with the list."""

from __future__ import annotations

import pytest
from helpers.answers import Scripted, answered, attached_to
from helpers.documents import one_page

from reader.answering.checks.lists import asks_how_to, has_steps, listed, with_other_items
from reader.answering.extractive.whole_lists import whole_list
from reader.answering.passages import Source
from reader.models import Model
from storage import PageRecord, Store

TESTS = """Married persons can file as single if they meet all of the
following tests.
1. You file a return separate from your
spouse.
2. You paid more than half the cost.
3. You lived apart.

Adopted child. It is always treated as your own."""


@pytest.mark.parametrize(
    ("answer", "text", "items"),
    [
        (
            "all of the following tests",
            TESTS,
            ":\n1. You file a return separate from your spouse.\n2. You paid more than half the cost.\n3. You lived apart.",
        ),
        ("All of the following tests.", TESTS, "\n1. You file a return separate from your spouse."),
        ("the following:", "Bring the following:\n- a pen\n- an old coat\n\nNo dogs.", "\n- a pen\n- an old coat"),
        ("das Folgende", "Bring das Folgende:\n• Stift\n• Mantel", ":\n• Stift\n• Mantel"),
        ("of the following", "All of the following:\n(a) rain,\n(b) snow.\nThe end.", ":\n(a) rain,\n(b) snow."),
        ("in the following year", "In the following year he left. He came back.", ""),
        ("the following rule", "the following rule.\n1. Do nothing.", ""),
        ("the following", "the following steps\n2. Two.\n3. Three.", ""),
        ("all tests", TESTS, ""),
        ("the following " * 5, "the following " * 20_000, ""),
    ],
)
def test_the_list_that_an_answer_points_to(answer: str, text: str, items: str) -> None:
    found = listed(answer, text)
    assert found.startswith(items) if items else found == ""


TAGS = "Tags:\n- LLM\n- GPT;\n- research\n\n1. Open the gate.\n2. Start the wheel, when the water is high.\n\n- alone\n"


@pytest.mark.parametrize(
    ("question", "answer", "whole"),
    [
        ("What tags does the post have?", "LLM", "LLM, GPT, research"),
        ("Which are the tags of the post?", "gpt", "LLM, GPT, research"),
        (
            "What steps are there?",
            "Open the gate.",
            "Open the gate.\nStart the wheel, when the water is high.",
        ),
        ("What is the first tag?", "LLM", "LLM"),
        ("What does it begin with?", "LLM", "LLM"),
        ("Which boss is it?", "LLM", "LLM"),
        ("Which tags?", "LLM and GPT", "LLM and GPT"),
        ("Which tags?", "alone", "alone"),
    ],
)
def test_an_item_is_given_with_its_list_where_several_are_asked_for(question: str, answer: str, whole: str) -> None:
    assert with_other_items(answer, question, TAGS) == whole


STEPS = """\
When it is full:

1. Wait for a minute.
2. Pull the tank out with both hands, and do not tip it over while it is
full.
3. Push it back.

2. Stop.
3. Go.
"""


@pytest.mark.parametrize(
    ("question", "answer", "whole"),
    [
        ("How do I empty the tank?", "wait for a minute", True),
        ("How can you empty it?", "Pull the tank out with both hands", True),
        ("How is the tank emptied?", "Push it back.", True),
        ("How long do I wait?", "for a minute", False),
        ("How do I empty the tank?", "by hand, slowly", False),
    ],
)
def test_how_something_is_done_is_given_with_all_steps(question: str, answer: str, whole: bool) -> None:
    steps = [
        "1. Wait for a minute.",
        "2. Pull the tank out with both hands, and do not tip it over while it is full.",
        "3. Push it back.",
    ]
    assert with_other_items(answer, question, STEPS) == ("\n".join(steps) if whole else answer)


@pytest.mark.parametrize(
    ("question", "whole"),
    [
        ("How do I empty the tank?", True),
        ("How do I know that the tank is full?", False),
        ("How do I clean the tank?", False),
        ("When must I empty the tank?", False),
    ],
)
def test_steps_are_given_whose_heading_names_the_task(question: str, whole: bool) -> None:
    text = f"Emptying the tank\n\nThe lamp turns red.\n\n{STEPS}\nCleaning\n\nWipe it.\n"
    answer = with_other_items("The lamp turns red.", question, text)
    assert answer.splitlines()[0] == ("1. Wait for a minute." if whole else "The lamp turns red.")


def test_only_numbered_steps_beside_such_a_question_hold_an_answer_back() -> None:
    assert asks_how_to("How do I empty the tank?")
    assert has_steps(STEPS)
    assert not asks_how_to("How long do I wait?")
    assert not has_steps("Pull the tank out.\n\n- Tip it over.\n- Push it back.\n")


def test_an_answer_is_given_with_its_list(tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["all of the following tests"] * 9
    attached = attached_to(one_page(TESTS, "Tests"), tiny_model, store)
    answer = answered(attached, tiny_model, "Which tests must married persons meet?", look_again="auto")
    assert answer.text.splitlines()[0] == "all of the following tests:"
    assert answer.text.endswith("3. You lived apart.")


@pytest.mark.parametrize("lead", ["The fee does not cover:", "The fee covers the boat. It does not cover:"])
def test_what_a_fee_does_not_cover_is_no_question_for_its_amount(lead: str) -> None:
    text = f"Prices\n\n{lead}\n\n- travel\n- meals ashore\n"
    page = PageRecord("d", 1, "1", 0, len(text), text)
    sources = [Source("d", "Prices", (page,), len(text))]
    for question in ("What is not covered by the fee?", "What does the fee not cover?"):
        found = whole_list(question, sources)
        assert found is not None
        assert found.text == "travel, meals ashore"
    assert whole_list("What does the fee cover?", sources) is None


def test_a_step_is_answered_with_all_steps(tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["Pull the tank out with both hands"] * 9
    attached = attached_to(one_page(STEPS, "Manual"), tiny_model, store)
    answer = answered(attached, tiny_model, "How do I empty the tank?", look_again="auto")
    assert answer.text.splitlines()[0] == "1. Wait for a minute."


COVER = """Policy

2. What is covered

We pay for damage caused by:

- fire
- flood

3. What is not covered

We do not pay for:

- rust

- pets
- damage by frost in the months from November to
March

1. Call us.
2. Send a letter.
"""


@pytest.mark.parametrize(
    ("question", "items"),
    [
        ("What is covered?", "fire, flood"),
        ("What is not covered?", "rust, pets, damage by frost in the months from November to March"),
        ("What do you pay for?", "fire, flood"),
        ("What don’t you pay for?", "rust, pets, damage by frost in the months from November to March"),
        ("What is the cover?", None),
        ("What is not covered in winter?", None),
        ("What damage is covered by the state?", None),
        ("When is damage covered?", None),
    ],
)
def test_a_question_in_the_words_of_a_heading_is_answered_with_the_whole_list(question: str, items: str | None) -> None:
    source = Source("d", "", (PageRecord("d", 1, "1", 0, len(COVER), COVER),), len(COVER))
    found = whole_list(question, [source])
    assert (found and found.text) == items
