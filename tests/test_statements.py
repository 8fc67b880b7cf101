"""Questions for yes or no are answered by what the document states; terms that a contract defines are known."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from helpers.answers import Scripted, answered, attached_to
from helpers.decoders import tiny_encoder_folder
from helpers.documents import one_page

from reader.answering import NOT_SAID
from reader.answering.extractive.overview import overview
from reader.answering.extractive.statements import (
    Statement,
    adds_nothing,
    in_sentences,
    statements,
    whole,
    with_next,
    with_otherwise,
    with_reason,
)
from reader.answering.passages import Passage, Passages, Source
from reader.answering.requests import (
    asks_for_manner,
    asks_leave,
    asks_what_happens,
    asks_why,
    followed,
    said_about,
    understand,
)
from reader.answering.text.definitions import definitions, expansion
from reader.answering.text.people import people
from reader.answering.text.words import subject_words
from reader.app.citations import pieces
from reader.models import Model, SentenceEncoder
from reader.reading import SentenceVectors, sentences
from storage import PageRecord, Store

LEASE = """This agreement is made between Harrow Estates Ltd, of 12 Quay Street (the “Landlord”), and Mira Okafor (the “Tenant”).

Repairs

The Tenant keeps the inside of the building in repair. The Landlord keeps the roof and the walls in repair.

The Tenant may put up partitions. She may not cut into the brick vaults, which are listed. Any other alteration needs the consent
of the Landlord.

The Tenant may use the loading bay on working days. It is shared with two other units.

11. Deposit.

The deposit is returned within four weeks. “Term” means the six years from 1 May. The “Common Parts” of the building include its
stairs, and a day on which rent is due is called a “quarter day”.
"""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    return SentenceEncoder(tiny_encoder_folder(tmp_path_factory.mktemp("encoder")), "tiny")


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
    found = statements(Passages([source_of(LEASE)]), question, None)[0]
    assert " ".join(found.passage.text.split()) == said
    assert LEASE[found.passage.start_char : found.passage.end_char] == found.passage.text


def test_a_question_without_words_of_the_text_has_no_statement() -> None:
    assert statements(Passages([source_of(LEASE)]), "Xyzzy?", None) == []


def test_the_words_of_german_questions_say_what_they_are_about() -> None:
    text = "Wer ein Tier aufnimmt, füllt einen Bogen aus. Fotografieren ist erlaubt, aber es gibt einen Zaun."
    passages = Passages([source_of(text)])
    (said,) = statements(passages, "Darf man im Tierheim fotografieren?", None)
    assert said.text == "Fotografieren ist erlaubt, aber es gibt einen Zaun."
    assert statements(passages, "Gibt es einen Aufzug?", None)[0].words == 0
    assert subject_words("Gibt es einen Aufzug?") == ["aufzug"]
    assert subject_words("What did the war man die of?") == ["war", "man", "die"]
    assert in_sentences("Die Gebühr beträgt 280 Euro", [said_of("Wer ein Tier aufnimmt", 0.0, 0.4)], "") == NOT_SAID


DOUGH = "Leave the dough for two hours, until it has doubled. Work in the walnuts. After the second rise, bake it. Then rest."


@pytest.mark.parametrize(
    ("question", "about", "follows"),
    [
        (
            "What do I do after the dough has doubled?",
            "the dough has doubled?",
            "Leave the dough for two hours, until it has doubled. Work in the walnuts.",
        ),
        ("What happens after the second rise?", "the second rise?", "After the second rise, bake it."),
        ("Was geschieht nach dem Gespräch?", "dem Gespräch?", ""),
        ("What happens if it rises?", "", ""),
        ("What is done by noon?", "", ""),
        ("What did the baker do after the second rise?", "", ""),
    ],
)
def test_what_is_done_after_something_is_the_sentence_behind_it(question: str, about: str, follows: str) -> None:
    assert followed(question) == about
    if follows:
        passages = Passages([source_of(DOUGH)])
        (said,) = statements(passages, about, None)
        assert with_next(said, passages).text == follows


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
    assert in_sentences(answer, [stated], "It stands\nstill.") == whole


def test_a_refused_question_for_yes_or_no_is_answered_where_a_sentence_is_clearly_about_it(
    tiny_model: Model, encoder: SentenceEncoder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, said = "Are the brick vaults listed?", "She may not cut into the brick vaults, which are listed."
    document, model = one_page(LEASE, "Lease"), dataclasses.replace(tiny_model, encoder=encoder)
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
    attached = attached_to(one_page(LEASE, "Lease"), tiny_model, store)
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
    attached = attached_to(one_page(LEASE, "Lease"), tiny_model, store)
    assert answered(attached, tiny_model, question, look_again="auto").text == text


BATTLE = "The king went out to battle. The queen let his daughter starve."


@pytest.mark.parametrize(
    ("question", "said", "text"),
    [
        ("What happened when the king went out to battle?", "His daughter starved.", "His daughter starved."),
        ("What happened to her after he went out to battle?", "The queen let her starve.", "The queen let her starve."),
        ("What happened when the king went out to battle?", "The king went to battle.", BATTLE),
        ("What happened when the king went out to battle?", NOT_SAID, BATTLE),
    ],
    ids=["told", "told about somebody", "the question again", "refused"],
)
def test_what_happened_after_something_is_told_by_the_decoder_or_by_two_sentences(
    question: str, said: str, text: str, tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = [said] * 9
    attached = attached_to(one_page(BATTLE, "Tale"), tiny_model, store)
    assert answered(attached, tiny_model, question, look_again="auto").text == text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Who is the landlord?", "Harrow Estates Ltd"),
        ("What is the term?", "“Term” means the six years from 1 May."),
        ("What does “Term” mean?", "“Term” means the six years from 1 May."),
        ("What are the “Common Parts”?", "The “Common Parts” of the building include its stairs,"),
        ("What is a quarter day?", "a day on which rent is due is called a “quarter day”."),
        ("What are common parts?", "The “Common Parts” of the building include its stairs,"),
    ],
)
def test_a_term_that_a_contract_defines_is_answered_by_its_definition(question: str, said: str) -> None:
    found = overview(understand(question), question, [source_of(LEASE)])
    assert found is not None
    assert said in found.text


@pytest.mark.parametrize(
    ("question", "about"),
    [
        ("What does the lease say about repairs?", "repairs"),
        ("What does it say about the loading bay?", "loading bay"),
        ("What is said about pets?", "pets"),
        ("What does the abstract say about programming?", "programming"),
        ("Was steht im Vertrag über Haustiere?", "Haustiere"),
        ("What does the doctor say about the wound?", ""),
        ("What does the tenant pay?", ""),
    ],
)
def test_what_a_document_says_about_something_is_told_from_what_people_say(question: str, about: str) -> None:
    assert said_about(question) == about


def test_what_a_document_says_about_something_is_told_by_its_statements(
    tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["repairs are dear"] * 9
    attached = attached_to(one_page(LEASE, "Lease"), tiny_model, store)
    answer = answered(
        attached, tiny_model, "What does the lease say about the tenant's partitions and vaults?", look_again="auto"
    )
    assert "The Tenant may put up partitions." in answer.text
    assert "She may not cut into the brick vaults, which are listed." in answer.text
    assert "repairs are dear" not in answer.text
    assert {place.quote in LEASE for place in answer.evidence} == {True}


def test_pieces_of_long_sentences_are_told_apart_and_numbered_each() -> None:
    texts = [
        "and the pumpkins lay there in long rows,",
        "Pumpkin pies came hot;",
        "a) Every pumpkin was counted twice.",
    ]
    said = [said_of(text, 1.0, 0.5) for text in texts]
    assert [one.text for one in said] == [
        "… and the pumpkins lay there in long rows …",
        "Pumpkin pies came hot …",
        "a) Every pumpkin was counted twice.",
    ]
    answer = in_sentences("pumpkins", said, texts[0])
    assert [one.number for one in pieces([answer], [{"quote": text} for text in texts])] == [1, 2, 3, None]


@pytest.mark.parametrize("about", ["Why did the clerk ask?", "Why the vaults?"], ids=["behind a speech", "a speech"])
def test_a_piece_of_a_sentence_is_made_whole(about: str) -> None:
    spoken = "“Somebody keeps the vaults!” said the clerk, and then he wrote it down."
    passages = Passages([source_of(f"Rain fell. {spoken} “I do.”")])
    (said,) = statements(passages, about, None)
    assert said.passage.text in (spoken[:28], spoken[29:])
    assert whole(said, passages).text == spoken


def test_a_heading_says_nothing_about_itself() -> None:
    found = statements(Passages([source_of(LEASE)]), "deposit", None, adding=True)
    assert [one.text for one in found] == ["The deposit is returned within four weeks."]


@pytest.mark.parametrize(
    ("answer", "question", "expected"),
    [
        ("a bay", "What is the loading bay?", True),
        ("The bays", "What is the loading bay?", True),
        ("a yard", "What is the loading bay?", False),
        ("The document does not say.", "What is the loading bay?", False),
    ],
)
def test_an_answer_of_the_questions_own_words_is_none(answer: str, question: str, expected: bool) -> None:
    assert adds_nothing(answer, question) is expected


def test_an_answer_of_the_questions_own_words_gives_way_to_a_statement(
    tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["a bay"] * 9
    attached = attached_to(one_page(LEASE, "Lease"), tiny_model, store)
    said = "The Tenant may use the loading bay on working days."
    assert said in answered(attached, tiny_model, "What is the loading bay?", look_again="auto").text


def test_a_page_without_spaces_holds_no_question_up() -> None:
    page = "A" * 200_000
    assert definitions(page) == ()
    assert people(page) == []
    assert definitions(f'{page} (the "Landlord")') == (("Landlord", True),)


@pytest.mark.parametrize(
    ("short", "text", "long"),
    [
        ("WBW", "They asked the Water Board of Wendle (WBW), which refused.", "Water Board of Wendle"),
        ("WBW", "The WBW (Water Board of Wendle) refused.", "Water Board of Wendle"),
        ("GCSR", "known as Global Control\nSelective Response (GCSR) [6]", "Global Control Selective Response"),
        ("HTML", "in the HyperText Markup Language (“HTML”)", "HyperText Markup Language"),
        (
            "ITIN",
            "for an individual taxpayer identification number (ITIN)",
            "individual taxpayer identification number",
        ),
        (
            "PLS",
            "PLS files are lexicons that conform to the W3C Pronunciation Lexicon Specification.",
            "Pronunciation Lexicon Specification",
        ),
        (
            "PLS",
            "PLS files conform to it." + " Rain fell." * 40 + " The Pronunciation Lexicon Specification.",
            "",
        ),  # too far away
        ("EU", "In the EU some know Ellen Ullmann.", ""),
        ("OCRs", "by optical character recognition (OCR) alone", ""),
        ("OCR", "by reading (OCR) and by hand", ""),
        ("OCR", "by optical character recognition and OCR", ""),
    ],
)
def test_what_an_abbreviation_stands_for_is_found_where_the_text_says_so(short: str, text: str, long: str) -> None:
    found = expansion(short, text)
    assert (found[0] if found else "") == long


@pytest.mark.parametrize(
    "question", ["What does WBW stand for?", "What is WBW short for?", "Wofür steht „WBW“?", "What does WBW mean?"]
)
def test_a_question_for_an_abbreviation_is_answered_by_its_words(question: str) -> None:
    found = overview(
        understand(question), question, [source_of("Rain. They asked the Water Board of Wendle (WBW). It fell.")]
    )
    assert found is not None
    assert found.text == "Water Board of Wendle"
    assert found.passages[0].text == "They asked the Water Board of Wendle (WBW)."


@pytest.mark.parametrize(
    ("answer", "text", "words", "whole"),
    [
        ("She was angry.", "They fled, because the dam broke.", 0.8, "They fled, because the dam broke."),
        ("She was angry.", "The dam broke; therefore they fled.", 0.8, "The dam broke; therefore they fled."),
        ("the dam broke", "They fled, because the dam broke.", 0.8, "the dam broke"),
        ("She was angry.", "They fled when the dam broke.", 0.8, "She was angry."),
        ("She was angry.", "They fled, because the dam broke.", 0.3, "She was angry."),
        (NOT_SAID, "They fled, because the dam broke.", 0.8, "They fled, because the dam broke."),
        (NOT_SAID, "They fled when the dam broke.", 0.8, NOT_SAID),
    ],
    ids=[
        "another reason",
        "a result",
        "the same reason",
        "no reason",
        "about something else",
        "refused",
        "refused, no reason",
    ],
)
def test_a_reason_that_the_document_states_goes_before_one_that_it_does_not(
    answer: str, text: str, words: float, whole: str
) -> None:
    passages = Passages([source_of(text)])
    assert with_reason(answer, "Why did they flee?", said_of(text, words, 0.6), passages) == whole


def test_a_reason_in_words_that_are_unlikely_to_the_decoder_gives_way_to_what_the_text_says(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Nobody was there. The keeper turned back at the stile. Fog had come down. He was a baker."
    attached = attached_to(one_page(text, "A walk"), roomy_model, store)
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    monkeypatch.setattr(Scripted, "said", ["He was a baker."])
    question = "Why did the keeper turn back at the stile?"
    assert answered(attached, roomy_model, question, look_again="auto").text == "He was a baker."
    monkeypatch.setattr(Scripted, "margin", math.log(len(roomy_model.decoder.tokenizer)))
    answer = answered(attached, roomy_model, question, look_again="auto")
    assert answer.text == answer.evidence[0].quote == "The keeper turned back at the stile. Fog had come down."


@pytest.mark.parametrize(
    ("answer", "text", "words", "whole"),
    [
        ("It was late.", "Nobody was there. Fog came down.", 0.2, NOT_SAID),
        ("The keeper turned.", "The keeper turned. Fog came down.", 1.0, NOT_SAID),
        ("The keeper turned.", "The keeper turned. Fog had come.", 1.0, "The keeper turned. Fog had come."),
        ("Nobody saw him.", "Nobody saw him turn. Fog had come.", 1.0, "Nobody saw him turn. Fog had come."),
    ],
    ids=["about something else", "no words but the question's", "and what was before", "what happened"],
)
def test_what_happened_is_no_reason(answer: str, text: str, words: float, whole: str) -> None:
    first, passages = text[: text.index(".") + 1], Passages([source_of(text)])
    assert with_reason(answer, "Why did the keeper turn?", said_of(first, words, 0.3), passages) == whole


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Do I need a permit?", "No. The yard has one."),
        ("Can I bring my dog?", "Dogs stay outside."),
        ("Is parking free?", "Yes."),
        ("Are there any rooms?", "The yard has rooms for forty guests."),
    ],
    ids=["no and why", "a heading", "yes and nothing more", "asked and not answered"],
)
def test_a_question_in_the_text_is_answered_by_what_follows(question: str, said: str) -> None:
    text = """Rules of the yard

Do I need a permit? No. The yard has one.

Can I bring my dog?

Dogs stay outside. Are the rooms warm?

Is parking free? Yes. Is there a bus?

The yard has rooms for forty guests. The gate shuts at ten. Are there any rooms?
"""
    assert [one.text for one in statements(Passages([source_of(text)]), question, None)] == [said]


@pytest.mark.parametrize(
    ("answer", "sentence", "words", "whole"),
    [
        ("No", "A key is needed in August.", 1.0, "A key is needed in August."),
        ("No", "A key is needed in August.", 0.9, "No. A key is needed in August."),
        ("No", "A key is needed only in August.", 1.0, "No. A key is needed only in August."),
        ("Yes", "A key is needed in August.", 1.0, "Yes. A key is needed in August."),
        ("No", "No se necesita llave.", 1.0, "No. No se necesita llave."),
    ],
)
def test_no_is_left_out_before_a_sentence_that_denies_nothing(
    answer: str, sentence: str, words: float, whole: str
) -> None:
    assert in_sentences(answer, [said_of(sentence, words, 0.9)], "") == whole


@pytest.mark.parametrize("answer", ["yes", "No."])
def test_what_the_text_itself_answers_with_yes_or_no_has_no_other_before_it(answer: str) -> None:
    said = said_of("Do I need a permit? No. The yard has one.", 0.9, 0.9)
    assert in_sentences(answer, [said], "") == "No. The yard has one."


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Can I sublet?", True),
        ("Do I have to paint the shop?", True),
        ("Darf ich einen Hund halten?", True),
        ("Puis-je me garer dans la rue ?", True),
        ("¿Puedo subarrendar?", True),
        ("Does the roof leak?", False),
        ("What can I sublet?", False),
    ],
)
def test_a_question_for_leave_is_told_from_others(question: str, expected: bool) -> None:
    assert asks_leave(question) is expected


@pytest.mark.parametrize(
    ("text", "is_said"), [("The Tenant may sublet only with written consent.", True), ("The yard is wet.", False)]
)
def test_a_rule_is_likelier_to_answer_a_question_for_leave(text: str, is_said: bool) -> None:
    said = [said_of(text, 0.5, 0.45)]
    assert in_sentences(NOT_SAID, said, "", asks_leave=True) == (text if is_said else NOT_SAID)
    assert in_sentences(NOT_SAID, said, "") == NOT_SAID


@pytest.mark.parametrize(
    "behind", ["If you do not tell us, we may end the policy.", "Otherwise we pay less.", "Ring us at noon."]
)
def test_what_happens_if_a_rule_is_not_kept_comes_with_the_rule(behind: str) -> None:
    rule = "You must tell us if you let a room."
    passages = Passages([source_of(f"{rule} {behind}")])
    said = with_otherwise(statements(passages, "let a room", None)[0], passages)
    assert said.text == (rule if "noon" in behind else f"{rule} {behind}")


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Wieso musste das Bad schließen?", "Das Bad musste schließen, weil das Becken einen Riss hatte."),
        ("Pourquoi les livres sont-ils à l'école ?", "À cause de l'humidité, les livres sont à l'école."),
        ("¿Por qué está cerrado el pozo?", "Debido a la sequía, el pozo está cerrado."),
        ("Perché la torre non ha la campana?", "La torre non ha la campana, poiché fu fusa."),
    ],
)
def test_reasons_are_found_in_other_languages(question: str, text: str) -> None:
    (said,) = statements(Passages([source_of(f"{text}\n\n1934.")]), question, None, adding=True)
    assert asks_why(question)
    assert with_reason("something else", question, said, Passages([source_of(text)])) == text


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


@pytest.mark.parametrize(
    ("question", "is_manner"),
    [
        ("How is the data collected?", True),
        ("I am new here. How do I get a key?", True),
        ("How was the mill built?", True),
        ("How did she feel?", False),
        ("How is the weather?", False),
        ("How does he describe the mill?", False),
        ("How many mills did they build?", False),
        ("How old is it?", False),
    ],
)
def test_how_something_is_done_is_not_what_it_is_like(question: str, is_manner: bool) -> None:
    assert asks_for_manner(question) is is_manner


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("letters", "The names are read out of old letters by two clerks."),
        ("Two Speckled", "The numbers are found by Two Speckled clerks."),
        ("by two clerks", "by two clerks"),
        ("They are read from letters.", "They are read from letters."),
    ],
)
def test_how_something_is_done_is_answered_in_a_sentence(
    said: str, shown: str, roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Old letters are kept in a box. The names are read out of old letters by two clerks. They are read from letters."
    text = f"{text} The numbers are found by Two Speckled clerks."
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = [said] * 9
    attached = attached_to(one_page(text, "Names"), roomy_model, store)
    assert answered(attached, roomy_model, "How are the names found?", look_again=2500).text == shown
