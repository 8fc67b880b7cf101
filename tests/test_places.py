"""Answers to where something is, that break off within the place."""

from __future__ import annotations

import pytest
from helpers.answers import Scripted, answered, attached_to
from helpers.documents import one_page

from reader.answering import ask
from reader.answering.checks.places import further_place, whole_place
from reader.models import Model
from storage import Store

TEXT = """The third copy is in a biscuit tin in the
boat shed, in case the first should burn. The oil is kept in the steel cupboard in the cellar, never more than two litres.
The key hangs on a nail beside the stairs to the stone floor. He lives in Wenlow in the summer when it is dry. It is at the mill.
"""


@pytest.mark.parametrize(
    ("question", "answer", "more"),
    [
        ("Where is the third copy kept?", "in a biscuit tin", " in the boat shed"),
        ("And where is the oil?", "In the steel cupboard", " in the cellar"),
        ("Where does the key hang?", "on a nail", " beside the stairs"),
        ("Where is it?", "at the mill", ""),
        ("Where does he live?", "in Wenlow", " in the summer"),
        ("Where does he live?", "Wenlow", ""),
        ("When is the third copy kept?", "in a biscuit tin", ""),
        ("Where is the cat?", "in the oven", ""),
        ("Where is the third copy?", "in a biscuit tin.", ""),
    ],
)
def test_a_place_is_given_to_its_end(question: str, answer: str, more: str) -> None:
    assert further_place(question, answer, TEXT) == more


def test_the_rest_of_a_place_comes_behind_what_was_shown(
    tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["in a biscuit tin"] * 9
    document = one_page(TEXT, "Copies")
    answer = answered(attached_to(document, tiny_model, store), tiny_model, "Where is it?", look_again="auto")
    assert answer.text == "in a biscuit tin in the boat shed"
    assert answer.is_stated


BIRTH = """Hugh Latimer was born at Thurcaston, in Leicestershire, about 1490. He died in Oxford in the autumn.
They met in the West End."""


@pytest.mark.parametrize(
    ("question", "answer", "whole"),
    [
        ("Where was Hugh Latimer born?", "Leicester", "Thurcaston, in Leicestershire"),
        ("Where was he born?", "Thurcaston", "Thurcaston, in Leicestershire"),
        ("Where did he die?", "Oxford", "Oxford"),
        ("Where did they meet?", "West", "West"),
        ("Who met him?", "Leicester", "Leicester"),
    ],
)
def test_half_a_name_of_a_place_is_given_whole(question: str, answer: str, whole: str) -> None:
    assert whole_place(question, answer, BIRTH) == whole


def test_a_place_that_is_widened_was_not_shown_before(
    tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["Leicester"] * 9
    document = one_page(BIRTH, "Lives")
    attached = attached_to(document, tiny_model, store)
    asked = ask(attached, "Where was Hugh Latimer born?", tiny_model, look_again="auto")
    assert "".join(part.text for part in asked) == "Thurcaston, in Leicestershire"
