"""Questions about the text itself: how often it has a word, how long it is, what its chapters are called and are about."""

from __future__ import annotations

import pytest
from helpers.answers import answered, attached_to
from helpers.documents import one_page

from reader.answering.extractive.text_itself import of_text
from reader.answering.passages import Source
from reader.answering.refusal import NOT_SAID
from reader.answering.text.languages import language_of
from reader.models import Model
from storage import PageRecord, Store

STORY = """The Ferry at Low Water

Chapter 1: The Goose

Ann Hale kept a goose. "Come here," said Ann Hale to Tom Reed. Tom Reed laughed, and the goose ran.

The goose was grey.

Chapter 2: The Storm

A storm came over the river. Mr. Pell asked for the ferry, and nobody answered. The storm broke the mast. Mr. Pell said no more.
"""
PARTS = """The House

Part One

Chapter 1. The Key

Will found a key in May. He may keep it, he will see.

Chapter 2. The Door

It opened.

Part Two

Chapter 1. The Sea

The sea was grey. A note with one word lay on the letter of a swimmer.
"""


def told(question: str, *texts: str) -> str | None:
    sources = []
    for number, text in enumerate(texts or (STORY,)):
        page = PageRecord(str(number), 1, "1", 0, len(text), text)
        sources.append(Source(str(number), "The Ferry", (page,), len(text)))
    found = of_text(question, sources)
    assert found is None or all(passage.text in "".join(texts or (STORY,)) for passage in found.passages)
    return found and found.text


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How often is the goose mentioned?", "4 times: page 1"),
        ("How many times does the word mast occur?", "1 time: page 1"),
        ("How often is the whale mentioned in the book?", "0 times"),
        ("Wie oft wird Tom Reed erwähnt?", "2 mal: page 1"),
        ("Is there any mention of a mast?", "Yes. The storm broke the mast."),
        ("Does the book mention Paris?", "No, “Paris” stands nowhere in the text."),
        ("Wird Paris im Text erwähnt?", "Nein, „Paris“ steht nirgends im Text."),
        ("Where is Mr. Pell first mentioned?", "page 1: Mr. Pell asked for the ferry, and nobody answered."),
        ("On which page is the storm last mentioned?", "page 1: The storm broke the mast."),
        ("What is the first sentence?", "Ann Hale kept a goose."),
        ("What are the last two sentences of the book?", "The storm broke the mast. Mr. Pell said no more."),
        ("What is the last paragraph of chapter 1?", "The goose was grey."),
        ("How many chapters are there?", "2\n• Chapter 1: The Goose\n• Chapter 2: The Storm"),
        ("How many pages does it have?", "1 page"),
        ("How long is this book?", "1 page, 62 words"),
        ("What is the title of chapter 2?", "Chapter 2: The Storm"),
        ("What is the second chapter called?", "Chapter 2: The Storm"),
        ("On which page does The Storm begin?", "page 1: A storm came over the river."),
        ("Which chapter is about the ferry?", "Chapter 2: The Storm"),
        ("Which chapter tells of the goose?", "Chapter 1: The Goose"),
    ],
)
def test_the_text_tells_about_itself(question: str, answer: str) -> None:
    assert told(question) == answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many chapters are there?", "3\n• Chapter 1. The Key\n• Chapter 2. The Door\n• Chapter 1. The Sea"),
        ("Which chapter is the shortest?", "Chapter 2. The Door (6 words)"),
        ("What is the title of chapter 2?", "Chapter 2. The Door"),
        ("What is the title of chapter 1?", None),
        ("What is the first sentence of The Sea?", "The sea was grey."),
        ("What is the last sentence of the letter?", None),
        ("How often is May mentioned?", "1 time: page 1"),
        ("How often does the word he occur?", "2 times: page 1"),
        ("Was the sea mentioned?", "Yes. The Sea"),
    ],
)
def test_a_text_with_parts_tells_about_itself(question: str, answer: str | None) -> None:
    assert told(question, PARTS) == answer


@pytest.mark.parametrize(
    "question",
    [
        "Where does the ferry begin?",
        "How long is the ferry?",
        "How often does the ferry run?",
        "Who is in the boat?",
        "Does it mention why the goose ran away from her?",
        "Is the ferry of the storm mentioned?",
        "What is the last sentence of chapter 9?",
        "Which chapter is about whales?",
        "What is the title of the duke?",
        "What is the title of the song in chapter 1?",
        "Wie heißt der Mann in Kapitel 1?",
        "Is laughing mentioned?",
        "Is the colour of the boat mentioned?",
        "Is somebody else mentioned?",
        "How often is she mentioned?",
        "Where was the ferry first used?",
        "What is the name of the woman in chapter 1?",
        "Who is in charge of chapter 1?",
        "Which is the longest part?",
    ],
)
def test_other_questions_are_left(question: str) -> None:
    assert told(question) is None


def test_chapters_that_are_not_there_are_not_made_up() -> None:
    plain = "THE MILL.\n\nThe mill stood by the river. Nobody lived there.\n"
    assert told("How many chapters are there?", plain) == told("What is chapter 2 called?", plain) == NOT_SAID
    page = PageRecord("d", 1, "1", 0, len(plain), plain)
    found = of_text("What is the first sentence?", [Source("d", "Mill", (page,), len(plain))])
    assert found is not None
    assert found.text == "The mill stood by the river."


def test_of_two_documents_nothing_is_told() -> None:
    assert told("How many pages does it have?", STORY, STORY) is None


def test_a_long_question_is_not_slow_to_be_left() -> None:
    for words in ("how often is " + "the goose " * 20_000, "what is the first sentence of " + "a " * 50_000):
        assert told(words) is None


def test_the_answer_comes_with_its_sentences(tiny_model: Model, store: Store) -> None:
    attached = attached_to(one_page(STORY, "The Ferry"), tiny_model, store)
    answer = answered(attached, tiny_model, "How often is the goose mentioned?", look_again="auto")
    assert answer.text == "4 times: page 1"
    assert "goose" in answer.evidence[0].quote.casefold()


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("How often is Ada mentioned?", "en"),
        ("Was the harbour mentioned?", "en"),
        ("Was kostet eine Karte?", "de"),
        ("In welchem Kapitel stirbt er?", "de"),
        ("Danke!", "de"),
        ("Qu'est-ce que la valve ?", "fr"),
        ("À quelle page commence le chapitre 3 ?", "fr"),
        ("¿Cuántos libros hay?", "es"),
        ("cuantas veces aparece Ada?", "es"),
        ("3章の要約", "ja"),
        ("“Wer da?” is asked by whom?", "de"),  # by its first words alone
    ],
)
def test_the_language_of_a_question_is_known_by_its_first_words(question: str, language: str) -> None:
    assert language_of(question) == language
