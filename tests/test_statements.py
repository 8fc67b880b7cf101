"""Questions for yes or no are answered by what the document states; terms that a contract defines are known."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from helpers.answers import Scripted, answered, attached_to
from helpers.decoders import tiny_encoder_folder

from reader.answering import NOT_SAID
from reader.answering.definitions import definitions
from reader.answering.overview import overview
from reader.answering.passages import Passage, Passages, Source
from reader.answering.people import people
from reader.answering.requests import asks_what_happens, understand
from reader.answering.statements import Statement, in_a_sentence, statement
from reader.documents import Document, Page
from reader.models import Model, SentenceEncoder
from reader.reading import SentenceVectors, sentences
from storage import PageRecord, Store

LEASE = """This agreement is made between Harrow Estates Ltd, of 12 Quay Street (the “Landlord”), and Mira Okafor (the “Tenant”).

Repairs

The Tenant keeps the inside of the building in repair. The Landlord keeps the roof and the walls in repair.

The Tenant may put up partitions. She may not cut into the brick vaults, which are listed. Any other alteration needs the consent
of the Landlord.

The Tenant may use the loading bay on working days. It is shared with two other units.

The deposit is returned within four weeks. “Term” means the six years from 1 May.
"""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    return SentenceEncoder(tiny_encoder_folder(tmp_path_factory.mktemp("encoder")), "tiny")


def document_of(text: str) -> Document:
    return Document(text, (Page(1, "1", 0, len(text)),), "Lease", "lease.txt", "text", 0)


def source_of(text: str) -> Source:
    return Source("d", "Lease", (PageRecord("d", 1, "1", 0, len(text), text),), len(text))


def vectors_of(text: str, encoder: SentenceEncoder, question: str, about: str) -> SentenceVectors:
    """Vectors of a text's sentences: those that contain `about` have that of a question, the others one that is not like it."""
    spans = list(sentences(text))
    asked = encoder.encode([question])[0]
    other = torch.linspace(-1, 1, len(asked))
    other -= (other @ asked) * asked
    vectors = torch.stack([asked if about and about in text[start:end] else other for start, end in spans])
    vectors = (vectors / vectors.abs().amax(dim=1, keepdim=True) * 127).round().to(torch.int8)
    return SentenceVectors(torch.tensor(spans, dtype=torch.int32), vectors)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("May she cut into the brick vaults?", "She may not cut into the brick vaults, which are listed."),
        ("Is the tenant allowed to put up partitions?", "The Tenant may put up partitions."),
        ("Does the tenant have to repair the roof?", "The Landlord keeps the roof and the walls in repair."),
        (
            "Is the loading bay shared?",
            "The Tenant may use the loading bay on working days. It is shared with two other units.",
        ),
        ("Are there any repairs?", "The Tenant keeps the inside of the building in repair."),
    ],
    ids=["rare words", "beside a denial", "another's duty", "a pronoun needs its sentence", "no heading"],
)
def test_the_sentence_about_what_was_asked_is_found(question: str, said: str) -> None:
    found = statement(Passages([source_of(LEASE)]), question, None)
    assert found is not None
    assert " ".join(found.passage.text.split()) == said
    assert LEASE[found.passage.start_char : found.passage.end_char] == found.passage.text


def test_a_question_without_words_of_the_text_has_no_statement() -> None:
    assert statement(Passages([source_of(LEASE)]), "Xyzzy?", None) is None


def said_of(text: str, words: float, meaning: float | None) -> Statement:
    return Statement(Passage("d", 1, "1", 0, len(text), text), words, meaning)


@pytest.mark.parametrize(
    ("answer", "words", "meaning", "whole"),
    [
        ("never", 0.5, 0.3, "It stands still."),
        ("never", 0.1, 0.1, NOT_SAID),
        ("the upper stone moves", 0.1, 0.1, "the upper stone moves"),
        ("the upper stone moves", 0.5, 0.6, "The lower stone never moves at all."),
        ("no", 0.5, 0.3, "It stands still."),
        ("no", 0.5, 0.6, "No. The lower stone never moves at all."),
        ("Nein.", 1.0, 1.0, "Nein. The lower stone never moves at all."),
        (NOT_SAID, 0.7, 0.6, "The lower stone never moves at all."),
        (NOT_SAID, 0.5, 0.5, NOT_SAID),
        (NOT_SAID, 1.0, 0.0, NOT_SAID),
        (NOT_SAID, 0.7, None, "The lower stone never moves at all."),
    ],
)
def test_yes_or_no_is_answered_by_what_the_document_states(
    answer: str, words: float, meaning: float | None, whole: str
) -> None:
    stated = said_of("The lower stone never moves\nat all.", words, meaning)
    assert in_a_sentence(answer, stated, "It stands\nstill.") == whole


def test_a_refused_question_for_yes_or_no_is_answered_where_a_sentence_is_clearly_about_it(
    tiny_model: Model, encoder: SentenceEncoder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, said = "May the brick vaults be cut?", "She may not cut into the brick vaults, which are listed."
    document, model = document_of(LEASE), dataclasses.replace(tiny_model, encoder=encoder)
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = [NOT_SAID] * 9
    for about, text in (("brick vaults", said), ("", NOT_SAID)):
        vectors = vectors_of(document.text, encoder, question, about)
        attached = dataclasses.replace(attached_to(document, model, store), vectors=(vectors,))
        answer = answered(attached, model, question, look_again="auto")
        assert answer.text == text
        assert answer.evidence[0].quote == said or not about


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Does she use the loading bay?", "The Tenant may use the loading bay on working days."),
        ("Are they in repair?", "The Landlord keeps the roof and the walls in repair."),
    ],
    ids=["words of its own", "words of the turn before"],
)
def test_the_turn_before_helps_only_a_question_that_says_little(
    question: str, said: str, tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["yes"] * 9
    attached = attached_to(document_of(LEASE), tiny_model, store)
    earlier = [("Who looks after the roof and the walls?", "the Landlord keeps the roof and the walls")]
    answer = answered(attached, tiny_model, question, look_again="auto", earlier=earlier)
    assert answer.text == f"Yes. {said}"


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What happens if the rent is late?", True),
        ("What must the tenant do every year?", True),
        ("Was passiert bei Hochwasser?", True),
        ("What is the rent?", False),
        ("What does the tenant pay?", False),
    ],
)
def test_a_question_for_what_happens_is_told_from_others(question: str, expected: bool) -> None:
    assert asks_what_happens(question) is expected


@pytest.mark.parametrize(
    ("question", "said", "text"),
    [
        ("What happens to the deposit?", "returned", "The deposit is returned within four weeks."),
        ("What happens to the violin?", "It is returned in time", "It is returned in time"),
    ],
    ids=["a word says too little", "a clause is kept where the document states nothing like it"],
)
def test_what_happens_is_not_answered_with_a_word(
    question: str, said: str, text: str, tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = [said] * 9
    attached = attached_to(document_of(LEASE), tiny_model, store)
    assert answered(attached, tiny_model, question, look_again="auto").text == text


@pytest.mark.parametrize(
    ("question", "said"),
    [("Who is the landlord?", "Harrow Estates Ltd"), ("What is the term?", "“Term” means the six years from 1 May.")],
)
def test_a_term_that_a_contract_defines_is_answered_by_its_definition(question: str, said: str) -> None:
    found = overview(understand(question), question, [source_of(LEASE)])
    assert found is not None
    assert said in found.text


def test_a_page_without_spaces_holds_no_question_up() -> None:
    page = "A" * 200_000
    assert definitions(page) == ()
    assert people(page) == []
    assert definitions(f'{page} (the "Landlord")') == (("Landlord", True),)


def test_a_role_that_is_not_defined_is_left_to_the_decoder() -> None:
    question = "Who is the mayor?"
    assert overview(understand(question), question, [source_of("The mayor is Mira. The mayor came late.")]) is None


PAPER = """# Mills

## 1. Introduction

Mills are old and this paper is about them.

## 2. Methods and Materials

We counted every mill on the river.

## 3. Conclusions

There are fewer mills than bridges.
"""


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What does the paper say in its conclusions?", "There are fewer mills"),
        ("What is the conclusion of the paper?", "There are fewer mills"),
        ("What do the authors conclude?", "There are fewer mills"),
        ("Summarise the introduction.", "Mills are old"),
        ("What are the methods?", "We counted"),
    ],
)
def test_a_part_that_papers_have_is_found_by_its_heading(question: str, said: str) -> None:
    found = overview(understand(question), question, [source_of(PAPER)])
    assert found is not None
    assert said in found.text


@pytest.mark.parametrize(
    "question",
    ["What are the limitations of the study?", "What are the methods of the millers?"],
    ids=["no such part", "no part"],
)
def test_a_part_that_a_document_lacks_is_left_to_the_decoder(question: str) -> None:
    assert overview(understand(question), question, [source_of(PAPER)]) is None


def test_rows_of_a_table_stay_on_lines_of_their_own() -> None:
    table = "| Mill | Stones |\n| Wenlow | 3 |"
    text = f"# Mills\n\n## 1. Numbers\n\nThese are the\nmills.\n\n{table}\n\nThat is all.\n\n## 2. End\n\nNo more.\n"
    question = "What happens in chapter 1?"
    found = overview(understand(question), question, [source_of(text)])
    assert found is not None
    assert found.text == f"1. Numbers: These are the mills.\n{table}\nThat is all."
