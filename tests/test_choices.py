"""Questions with answers to choose from."""

from __future__ import annotations

import pytest
from helpers.answers import answered, attached_to
from helpers.documents import one_page

from reader.answering.extractive.choices import choose, options
from reader.answering.parts import parts
from reader.answering.passages import Passages, Source
from reader.models import Model
from storage import PageRecord, Store

STORY = "The miller keeps three geese. The baker keeps a goat, which bit the vicar. Nobody keeps a horse, as there is no grass."
LINES = "What does the baker keep?\nA. three geese\nB. a goat\nC. a horse"


@pytest.mark.parametrize(
    ("question", "asked", "named"),
    [
        (LINES, "What does the baker keep?", ("three geese", "a goat", "a horse")),
        (
            "Who ran?\n\n (A) the miller\n and his wife\n (B) the vicar",
            "Who ran?",
            ("the miller and his wife", "the vicar"),
        ),
        ("What does he keep? a) geese b) a goat", "What does he keep?", ("geese", "a goat")),
        ("What does he keep: (A) geese, (B) a goat?", "What does he keep:", ("geese,", "a goat?")),
        ("Who are A. Smith and B. Jones?", "", ()),
        ("What is section (A) about?", "", ()),
        ("What is in (a)?\nB. nothing", "", ()),
        ("Name two:\nA.\nB. a goat", "", ()),
    ],
)
def test_the_answers_to_choose_from_are_found(question: str, asked: str, named: tuple[str, ...]) -> None:
    found, told = options(question)
    assert tuple(text for _, text in told) == named
    assert not named or (found == asked and [letter for letter, _ in told] == list("ABC")[: len(named)])


def test_the_answer_that_the_text_gives_is_chosen_with_its_sentence() -> None:
    source = Source("d", "Story", (PageRecord("d", 1, "1", 0, len(STORY), STORY),), len(STORY))
    found = choose(Passages([source]), LINES, None)
    assert found is not None
    assert found.text == "B. a goat"
    assert found.passages[0].text == "The baker keeps a goat, which bit the vicar."
    assert choose(Passages([source]), "What does the baker keep?", None) is None
    assert choose(Passages([source]), "What?\nA. Xyzzy\nB. Plugh", None) is None


def test_a_question_with_answers_to_choose_from_is_one_question(tiny_model: Model, store: Store) -> None:
    question = "What did the goat do, and who keeps it?\nA. it kept a horse\nB. it bit the vicar"
    assert parts(question) == (question,)
    document = one_page(STORY, "Story")
    answer = answered(attached_to(document, tiny_model, store), tiny_model, question, look_again="auto")
    assert answer.text == "B. it bit the vicar"
    assert answer.evidence[0].quote in STORY
    assert answer.recomputed_tokens == 0
