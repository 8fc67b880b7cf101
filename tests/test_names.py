"""Names in answers: one that stands nowhere is not given, authors' names have no marks, and lists of references come last."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.answers import Scripted, answered, attached_to
from helpers.documents import hide

from reader.answering import NOT_SAID
from reader.answering.checks.names import author_in_properties, authors, bare_name, invents_name, with_last_name
from reader.answering.look_again import choose_passages
from reader.answering.requests import role_asked
from reader.documents import Document, Page
from reader.models.model import Model
from storage import Store

PASSAGE = "The engine was written by George Stanley in Wenlow, for the United Saw Mills of Germany, on 3 May."


@pytest.mark.parametrize(
    "answer", ["Python", "in Python", "George Harcourt", "a compiler for Python", "the Harcourt engine"]
)
def test_a_name_that_stands_nowhere_is_invented(answer: str) -> None:
    assert invents_name(answer, PASSAGE, "Who wrote it?")


@pytest.mark.parametrize(
    "answer",
    [
        "George Stanley",
        "Stanley's engine",
        "in Wenlow",
        "German mills",  # a form of the same name
        "USM",  # the first letters of names in the passage
        "Downstairs, in the mill",
        "A lamp.",
        "Yes",
        "In May",
        "Two",
        "the engine",
        "été",
        NOT_SAID,
        "Harcourt and his two sons wrote it in the year before",  # people put long answers in their own words
    ],
)
def test_other_names_are_not(answer: str) -> None:
    assert not invents_name(answer, PASSAGE, "Who wrote it?")


def test_nothing_is_said_of_names_in_other_languages() -> None:
    assert not invents_name("Harcourt", "Die Maschine wurde von Georg Stanley geschrieben.", "Wer war das?")
    assert not invents_name("aus Deutschland", PASSAGE, "Aus welchem Land kam die Maschine?")


@pytest.mark.usefixtures("default_tokens")
def test_an_invented_name_is_not_given_nor_shown(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = attached_to(hide("The engine of the mill was written by George Stanley."), roomy_model, store)
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    question = "By whom was the engine of the mill made?"
    places = choose_passages(attached, question, roomy_model, 2500)
    for said, shown in (
        (["George Stanley"], "George Stanley"),
        (["Ada Harcourt", "the baker"], "the baker"),
        (["Ada Harcourt"] * len(places), NOT_SAID),
    ):
        Scripted.said = said
        assert answered(attached, roomy_model, question, look_again=2500).text == shown


@pytest.mark.usefixtures("default_tokens")
def test_items_of_a_list_that_stand_behind_the_passage_are_not_invented(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "The engines of the mill are these.\n- Stanley\n- Harcourt\n- Quill\n"
    attached = attached_to(
        Document(text, (Page(1, "1", 0, len(text)),), "Engines", "a.md", "text", 0), roomy_model, store
    )
    whole = attached.passages.all[0]
    first = replace(whole, text=text[: text.index("- Harcourt")], end_char=text.index("- Harcourt"))
    monkeypatch.setattr("reader.answering.decoding.choose_passages", lambda *_: (first,))
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["Stanley"]
    answer = answered(attached, roomy_model, "Which engines are there in the mill?", look_again=2500)
    assert answer.text == "Stanley, Harcourt, Quill"


@pytest.mark.parametrize(
    ("printed", "names"),
    [
        (
            "Andreas Gal∗+, Brendan Eich*, Mohammad R. Haghighat$ and Edwin Smith#",
            "Andreas Gal, Brendan Eich, Mohammad R. Haghighat and Edwin Smith",
        ),
        ("Sara Foroutan[1*], Lee Wu [2,3]", "Sara Foroutan, Lee Wu"),
        ("Hester Quill", "Hester Quill"),
        ("C. S. Lewis & J. K. Oke†", "C. S. Lewis & J. K. Oke"),
    ],
)
def test_names_of_authors_have_no_marks(printed: str, names: str) -> None:
    assert authors(printed, printed) == names


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who wrote the paper?", "author"),
        ("Who are the authors?", "author"),
        ("Who translated it?", "translator"),
        ("What is the title of the book?", ""),
        ("When was this book published?", ""),
        ("Who wrote the letter?", ""),
    ],
)
def test_a_question_for_a_role_is_told_from_others(question: str, expected: str) -> None:
    assert role_asked(question) == expected


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("Gal, Brendan Eich", "Andreas Gal, Brendan Eich"),
        ("Haghighat", "Mohammad R. Haghighat"),
        ("Andreas Gal", "Andreas Gal"),
        ("Hester Quill", "Hester Quill"),
        ("the miller", "the miller"),
        ("", ""),
    ],
)
def test_authors_are_named_with_their_first_names(said: str, names: str) -> None:
    printed = "On Mills\nAndreas Gal, Brendan Eich,\nMohammad R. Haghighat\nEdited By Hester Quill for the miller."
    assert authors(said, printed) == names


@pytest.mark.parametrize(
    ("question", "said", "name"),
    [
        ("¿Quién dirige la biblioteca?", "2015 Remedios Villalba", "Remedios Villalba"),
        ("Who leads the club?", "1. Ada Oke", "Ada Oke"),
        ("Who leads the club?", "• Ada Oke", "Ada Oke"),
        ("Who came?", "12 Englishmen", "12 Englishmen"),
        ("Who won?", "1860 men of the town", "1860 men of the town"),
        ("When did she come?", "2015 Easter", "2015 Easter"),
    ],
)
def test_a_name_has_no_year_or_bullet_before_it(question: str, said: str, name: str) -> None:
    assert bare_name(said, question) == name


@pytest.mark.parametrize(
    ("said", "named", "answer"),
    [
        (NOT_SAID, ["Ada Oke"], "Ada Oke, according to the file's properties."),
        (NOT_SAID, ["Hester Quill"], "Hester Quill"),  # the document's beginning names her
        ("Nell Varley", ["Hester Quill"], "Hester Quill"),
        ("Nell Varley", ["Ada Oke"], "Nell Varley"),
        ("H. Quill", ["Hester Quill"], "H. Quill"),
        (NOT_SAID, [], NOT_SAID),
    ],
)
def test_an_author_whom_the_text_does_not_name_is_taken_from_the_files_properties(
    said: str, named: list[str], answer: str
) -> None:
    assert author_in_properties(said, named, "On Mills\n\nHester\nQuill\n\nEditor\n\nNell Varley") == answer


def test_the_author_in_a_files_properties_is_the_answer_where_the_decoder_refuses(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = [NOT_SAID] * 9
    document = replace(hide("The engine of the mill is old."), authors=("Ada Oke",))
    attached = attached_to(document, roomy_model, store)
    answer = answered(attached, roomy_model, "Who wrote this document?", look_again="auto")
    assert answer.text == "Ada Oke, according to the file's properties."
    assert not answer.not_said


def test_lists_of_references_are_looked_at_last_unless_they_are_asked_for(roomy_model: Model, store: Store) -> None:
    prose = "The saw of the mill is turned by the river. It was compared with the saw of the abbey. " * 6
    cited = "\n".join(f"[{at}] A. Oke. Comparing saws of mills, {1990 + at}." for at in range(12))
    text = f"# 1 Saws\n\n{prose}\n\n# References\n\n{cited}\n"
    attached = attached_to(Document(text, (Page(1, "1", 0, len(text)),), "Saws", "a.md", "text", 0), roomy_model, store)
    asked = choose_passages(attached, "Comparing saws of mills: with which?", roomy_model, 2500)
    assert not asked[0].text.startswith("[")
    assert "abbey" in asked[0].text
    cites = choose_passages(attached, "Which references are about comparing saws of mills?", roomy_model, 2500)
    assert "A. Oke" in cites[0].text


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Ines", "Ines Fell"),
        ("Tom.", "Tom J. Varley"),
        ("Ada", "Ada"),
        ("Fell", "Fell"),
        ("Nell", "Nell"),
        ("Ines Fell", "Ines Fell"),
    ],
)
def test_a_first_name_gets_the_last_name_that_follows_it(said: str, answer: str) -> None:
    passage = "Ines Fell towed it, and Ines was tired. Tom J. Varley, Ada Brook and Ada Quill came with Nell."
    assert with_last_name(said, "Who towed it?", passage) == answer
    assert with_last_name(said, "Which boat was it?", passage) == said
