"""Who somebody is, in the sentences of a document that introduce them."""

from __future__ import annotations

import pytest

from reader.answering.extractive.extract import extract
from reader.answering.extractive.introductions import introduced
from reader.answering.extractive.overview import overview
from reader.answering.extractive.relations import is_no_relative
from reader.answering.passages import Passages, Source
from reader.answering.requests import understand
from storage import PageRecord

FILLER = "The rain fell on the harbour and nobody spoke of the letter until the evening came. " * 6
OFTEN = "Then Mara Fell went on to the weir. " * 4
"""A person who is named this often is introduced only by a sentence that says who they are."""


def source(*pages: str, read: int | None = None) -> Source:
    starts = [sum(map(len, pages[:number])) for number in range(len(pages))]
    made = tuple(
        PageRecord("d", number + 1, str(number + 1), start, start + len(text), text)
        for number, (start, text) in enumerate(zip(starts, pages, strict=True))
    )
    return Source("d", "Glass", made, sum(map(len, pages)) if read is None else read)


def said(question: str, *pages: str) -> str | None:
    found = overview(understand(question), question, [source(*pages)])
    return None if found is None else found.text


@pytest.mark.parametrize(
    "sentence",
    [
        "Mara Fell, a glazier from the hill towns, came down that spring.",
        "Nobody there had heard of Mara Fell (the glazier of Lowmouth).",
        "There lived a woman of the name of Mara Fell beside the weir.",
        "From her work with glass she had the nickname of Mara Fell among them.",
        "They all knew that Mara Fell was a glazier by then.",
        "It was sent to his daughter Mara Fell with the other papers.",
        "Mara was the glazier of all the towns along the river.",
    ],
)
def test_a_sentence_that_says_who_somebody_is_answers_wherever_it_stands(sentence: str) -> None:
    assert said("Who is Mara Fell?", OFTEN + FILLER, f"{FILLER}{sentence} {FILLER}") == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "Mara Fell was the last to leave the house that day.",
        "Everybody looked for the handsome Mara Fell that evening.",
        "They were all asked to wait for Mara Fell at the weir.",
        "Mrs. Fell, a baker from the hill towns, came down that spring.",
        "Jonas Fell, a baker from the hill towns, came down that spring.",
        "It fell, a heavy thing, on the floor of the mill.",
        "Mara Fell, a glazier",  # a heading
        "The mother of Mara Fell was a glazier in Lowmouth.",
        "Copyright © Mara Fell, a glazier. All rights reserved.",
    ],
)
def test_where_no_sentence_says_it_the_decoder_is_asked(sentence: str) -> None:
    assert said("Who is Mara Fell?", f"{OFTEN}{FILLER}\n\n{sentence}\n\n{FILLER}") is None


def test_a_part_of_a_longer_name_is_introduced_with_it() -> None:
    sentence = "Peter Blood, a doctor from Lowmouth, kept a garden by the weir."
    often = "Then Peter went on to the weir. " * 4
    assert said("Who is Peter?", f"{often}{FILLER}{sentence} {FILLER}") == sentence
    assert said("Who is Blood?", f"{often.replace('Peter', 'Blood')}{FILLER}{sentence} {FILLER}") == sentence
    of_another = "The mother of Peter Blood was a glazier in Lowmouth."
    assert said("Who is Blood?", f"{often.replace('Peter', 'Blood')}{FILLER}{of_another} {FILLER}") is None


def test_whoever_has_a_name_and_a_trade_of_now_is_introduced() -> None:
    sentence = "His name is Tom Fell, now a miller in the hill towns."
    assert said("Who is Tom Fell?", f"{OFTEN.replace('Mara', 'Tom')}{FILLER}{sentence} {FILLER}") == sentence


def test_whoever_is_named_once_is_introduced_by_that_sentence() -> None:
    sentence = "It was written down by Mara Fell for whoever comes next."
    assert said("Who is Mara Fell?", f"{FILLER}{sentence} {FILLER}") == sentence
    assert said("Who is Mara Oake?", f"{FILLER}{sentence} {FILLER}") is None
    assert said("who is mara fell?", f"{FILLER}{sentence} {FILLER}") == sentence


def test_a_trade_before_a_name_introduces_at_the_first_mention_only() -> None:
    sentence = "In the end it was mended by the glazier Mara Fell in one day."
    assert said("Who is Mara Fell?", f"{FILLER}{sentence} {OFTEN}") == sentence
    assert said("Who is Mara Fell?", f"{OFTEN}{FILLER}{sentence}") is None


def test_a_title_is_found_with_and_without_its_full_stop() -> None:
    sentence = "Mrs. Fell, the glazier, came down in the spring."
    for name in ("Mrs Fell", "Mrs. Fell"):
        assert said(f"Who is {name}?", FILLER + sentence) == sentence


def test_only_what_was_read_introduces_somebody() -> None:
    first, later = FILLER, "Mara Fell, a glazier from the hill towns, came down that spring. "
    assert introduced("Mara Fell", source(first, later))
    assert introduced("Mara Fell", source(first, later, read=len(first))) == []


def test_the_sentences_stand_in_the_order_of_the_document() -> None:
    first = "That day Mara Fell, who was in the same case, looked for the lamp."
    later = "Mara Fell was the glazier of the whole of Lowmouth."
    found = introduced("Mara Fell", source(f"{FILLER}{first} {FILLER}", f"{FILLER}{later} {OFTEN}"))
    assert [passage.text for passage in found] == [first, later]
    assert [passage.page for passage in found] == [1, 2]


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("What is Patience?", "Our boat has a name: Patience is a dinghy of ten feet."),
        ("What is Ensemble Control?", "Such devices fall under the concept of Ensemble Control (EC) in the field."),
        ("What is the MEL?", "The minimum list, or MEL, the list of parts, is kept on board."),
        ("What is a basic pattern?", "A basic pattern is a part of the text beside a name."),
        ("What is the long famine?", "This want of books is what people refer to as the long famine."),
        ("How are chunks defined?", "Here, each chunk consists of twenty messages in their order."),
        ("Was ist eine Schleuse?", "Eine Schleuse ist ein Tor im Deich, das man heben kann."),
        ("Was ist die Hoffnung?", "Wir sahen sie gern, denn Hoffnung ist ein Tor im Deich."),
    ],
)
def test_what_something_is_is_told_where_a_sentence_says_so(question: str, sentence: str) -> None:
    called = "We go on to a notion called “basic pattern” for it. "
    assert said(question, f"{called}{FILLER}{sentence} {FILLER}") == sentence


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("What is Patience?", "They went out in Patience on the tide of that day."),
        ("What is Hope?", "Beside Hope is the sluice, which empties the pond."),
        ("What is the long famine?", "The long famine is the first of two subjects to talk about."),
        ("What is the docket number?", "The docket number must be given with each letter."),
        ("What is it?", "Nobody knew what it was: It is the oldest mill."),
    ],
)
def test_a_thing_that_is_only_named_is_not_said_to_be_anything(question: str, sentence: str) -> None:
    assert said(question, f"{FILLER}{sentence} {FILLER}") is None


NOTES = """**Prokaryotes** are organisms whose cells have no nucleus. **Eukaryotes** are organisms whose cells have one.

Passive transport needs no energy. Active transport moves particles against their gradient and needs energy. An example of active
transport is the sodium pump. Meiosis makes four cells, whereas mitosis makes two. The ribosomes are of the types 70S and 80S.
Resonance occurs if a system is driven at its own frequency. Carbon is solid. Diamonds and graphite are carbon.
"""


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is a prokaryote?", "Prokaryotes are organisms whose cells have no nucleus."),
        ("Define resonance.", "Resonance occurs if a system is driven at its own frequency."),
        ("Explain the prokaryotes in simple words", "Prokaryotes are organisms whose cells have no nucleus."),
        ("Give an example of active transport", "An example of active transport is the sodium pump."),
        (
            "What is the difference between prokaryotes and eukaryotes?",
            "Prokaryotes are organisms whose cells have no nucleus. Eukaryotes are organisms whose cells have one.",
        ),
        (
            "Compare active and passive transport.",
            "Passive transport needs no energy. Active transport moves particles against their gradient and needs energy.",
        ),
        ("How do mitosis and meiosis differ?", "Meiosis makes four cells, whereas mitosis makes two."),
        ("What is the difference between diamonds and graphite?", None),
        ("What is the difference between the types 70S and 80S?", None),
        ("Define osmosis", None),
        ("Give an example of carbon", None),
    ],
)
def test_what_terms_mean_and_differ_in_is_told_by_the_sentences_that_say_so(question: str, answer: str | None) -> None:
    page = PageRecord("d", 1, "1", 0, len(NOTES), NOTES)
    source = Source("d", "Notes", (page,), len(NOTES))
    found = extract(question, question, [source], Passages([source]), None)
    assert (found and found.text) == answer


def test_a_term_is_explained_while_the_rest_is_being_read() -> None:
    part = source(NOTES, FILLER, read=len(NOTES))
    found = extract("Define resonance", "Define resonance", [part], Passages([part]), None)
    assert found
    assert found.text.startswith("Resonance occurs")


def test_a_page_of_one_endless_sentence_introduces_nobody_and_takes_no_time() -> None:
    assert said("Who is Mara Fell?", "Mara Fell, a glazier " * 20_000 + ".") is None


def related(question: str, text: str) -> str | None:
    asked = source(text)
    found = extract(question, question, [asked], Passages([asked]), None)
    return found and found.text


@pytest.mark.parametrize(
    ("question", "sentence", "answer"),
    [
        ("Who was Tomas's wife?", "There stood Mara, the wife of Tomas, by the weir.", "Mara"),
        ("Who was the wife of Tomas?", "Then Tomas went home to his dear wife, Mara-liʹna.", "Maralina"),
        ("Who was Mara’s husband?", "Then Mara, Tomas's wife, went home.", "Tomas"),
        ("What was Tomas's sister called?", "It is true that Tomas had a sister named Mara Fell.", "Mara Fell"),
        ("Who is Tomas's son?", "In came Ivo, son of Tomas, and his dog.", "Ivo"),
        ("Who was the mother of Tomas?", "The mother of Tomas was Mara.", "Mara"),
        ("Who was Tomas's daughter?", "There were Tomas and his daughter Mara.", "Mara"),
        ("Who was Ivo's cousin?", "There is Ivo, son of Tomas, cousin to Mara.", "Mara"),
        ("Who was Ivo's father?", "I am Ivo, the son of Tomas, the son of Jonas.", "Tomas"),
        ("Who was Ivo's half-brother?", "Then Ivo sent for his half-brother Jonas.", "Jonas"),
        ("Wer war die Frau von Tomas?", "Am Wehr stand Mara, die Frau von Tomas.", "Mara"),
        ("Qui était la femme de Tomas ?", "Près du moulin, Mara, la femme de Tomas, attendait.", "Mara"),
        ("¿Quién era la esposa de Tomas?", "Allí estaba Mara, la esposa de Tomas.", "Mara"),
    ],
)
def test_who_has_a_relation_to_somebody_is_found_where_a_sentence_names_both(
    question: str, sentence: str, answer: str
) -> None:
    assert related(question, f"{FILLER}{sentence} {FILLER}") == answer


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("Who was Ivo's wife?", "There stood Mara, the wife of Tomas, and Ivo went by."),
        ("Who was Ivo's mother?", "In came Ivo, son of Tomas, and his dog."),
        ("Who was Tomas's father?", "Then Tomas asked King Jonas, and his daughter Mara, to come."),
    ],
)
def test_nobody_else_has_the_relation(question: str, sentence: str) -> None:
    assert related(question, f"{FILLER}{sentence} {FILLER}") is None


@pytest.mark.parametrize(
    "answer", ["Ivo's wife", "Ivo", "King Jonas", "Mara", "Hester", "an amiable lady", "not knowing"]
)
def test_who_stands_near_by_is_no_relative(answer: str) -> None:
    page = "Mara is the wife of Tomas. King Jonas and Hester live by the weir. Nobody lives near them. Ivo was glad."
    assert is_no_relative("Who is Ivo's wife?", answer, page, page)


@pytest.mark.parametrize("answer", ["Hester", "a poor weaver"])
def test_who_stands_beside_the_name_and_the_relation_may_be_one(answer: str) -> None:
    page = "Ivo had married Hester. The wife of Ivo had been a poor weaver."
    assert not is_no_relative("Who was Ivo's wife?", answer, page, page)
