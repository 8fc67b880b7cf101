"""An answer that points to a list is given with the list."""

from __future__ import annotations

import pytest
from helpers.answers import Scripted, answered, attached_to

from reader.answering.lists import listed
from reader.documents import Document, Page
from reader.models import Model
from storage import Store

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


def test_an_answer_is_given_with_its_list(tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["all of the following tests"] * 9
    attached = attached_to(
        Document(TESTS, (Page(1, "1", 0, len(TESTS)),), "Tests", "t.txt", "text", 0), tiny_model, store
    )
    answer = answered(attached, tiny_model, "Which tests must married persons meet?", look_again="auto")
    assert answer.text.splitlines()[0] == "all of the following tests:"
    assert answer.text.endswith("3. You lived apart.")
