"""Questions about the whole, a page or a chapter, follow-ups and greetings: answered from the document by any decoder."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from helpers.answers import Scripted, answered, attached_to
from helpers.documents import one_page, write_crowded_pdf, write_outlined_pdf

from reader.answering import NOT_SAID, Answer, ask, make_prompt
from reader.answering.evidence import Evidence, is_stated
from reader.answering.extractive.introductions import rank_introductions
from reader.answering.extractive.notes import NOTE_CHARS, notes
from reader.answering.extractive.overview import overview
from reader.answering.look_again import choose_passages
from reader.answering.passages import Source
from reader.answering.requests import is_yes_or_no, searched, understand
from reader.answering.text.outline import sections
from reader.batching.local import answer_together
from reader.documents import Document, Page, load
from reader.models import Model, load_model
from reader.models.examples import examples_for
from reader.reading.plan import plan_reading
from reader.settings import STATIC
from storage import PageRecord, Store

FIELD = Path(__file__).parent / "fixtures" / "field" / "29-questions-about-the-whole"


@pytest.fixture
def story() -> Document:
    return load(FIELD / "story.md")


@pytest.fixture
def roomy_model(tiny_folder: Callable[..., Path], tmp_path: Path) -> Model:
    folder = tiny_folder("llama", max_positions=8192)
    return load_model(str(folder), window=32, cache_folder=tmp_path / "cache", device="cpu")


@pytest.fixture
def shown_model(tiny_folder: Callable[..., Path], tmp_path: Path) -> Model:
    """A tiny decoder that is shown worked examples, as its name says."""
    folder = tmp_path / "qwen2.5-coder-0.5b-instruct"
    shutil.copytree(tiny_folder("qwen2", max_positions=8192), folder)
    return load_model(str(folder), window=32, cache_folder=tmp_path / "cache", device="cpu")


def source_of(document: Document) -> Source:
    pages = tuple(
        PageRecord(document.id, page.number, page.label, page.start, page.end, document.text[page.start : page.end])
        for page in document.pages
    )
    return Source(document.id, document.title, pages, len(document.text))


@pytest.mark.parametrize(
    ("question", "kind", "number"),
    [
        ("What is this document about?", "whole", None),
        ("Summarize the document in three sentences.", "whole", None),
        ("What are the main themes?", "whole", None),
        ("What is the overall argument of the book?", "whole", None),
        ("Resume el libro.", "whole", None),
        ("Worum geht es in diesem Text?", "whole", None),
        ("Fasse das Dokument zusammen.", "whole", None),
        ("De quoi parle ce document ?", "whole", None),
        ("¿De qué trata este documento?", "whole", None),
        ("この文書は何についてですか？", "whole", None),
        ("List the chapters.", "outline", None),
        ("What are the contents of this book?", "outline", None),
        ("Contents?", "outline", None),
        ("How many chapters are there?", "outline", None),
        ("Welche Kapitel gibt es?", "outline", None),
        ("Quels sont les chapitres ?", "outline", None),
        ("Give me a summary of chapter 2.", "chapter", 2),
        ("What happens in Chapter III?", "chapter", 3),
        ("What is chapter two about?", "chapter", 2),
        ("Was passiert in Kapitel 2?", "chapter", 2),
        ("Résume le chapitre 3.", "chapter", 3),
        ("第2章の内容は？", "chapter", 2),
        ("On which page is the red key mentioned?", "mentions", None),
        ("Where is the red key mentioned?", "mentions", None),
        ("In which chapter does Amos appear?", "mentions", None),
        ("Auf welcher Seite wird der rote Schlüssel erwähnt?", "mentions", None),
        ("À quelle page est mentionnée la clé ?", "mentions", None),
        ("¿En qué página se menciona la llave?", "mentions", None),
        ("What is on page 12?", "page", 12),
        ("Was steht auf Seite 12?", "page", 12),
        ("What happens in the last chapter?", "chapter", -1),
        ("¿Qué pasa en el primer capítulo?", "chapter", 1),
        ("Que se passe-t-il dans le dernier chapitre ?", "chapter", -1),
        ("Was steht auf der letzten Seite?", "page", -1),
        ("How does the book end?", "end", None),
        ("What happens at the end?", "end", None),
        ("Wie endet die Geschichte?", "end", None),
        ("Wie geht das Buch aus?", "end", None),
        ("Comment se termine le roman ?", "end", None),
        ("¿Cómo acaba la historia?", "end", None),
        ("How does it begin?", "beginning", None),
        ("Wie fängt das Buch an?", "beginning", None),
        ("Comment commence l'histoire ?", "beginning", None),
        ("¿Cómo empieza el libro?", "beginning", None),
        ("Who is the main character?", "people", None),
        ("Who are the main characters of this novel?", "people", None),
        ("Wer sind die Hauptfiguren?", "people", None),
        ("Qui sont les personnages principaux ?", "people", None),
        ("¿Quién es el protagonista?", "people", None),
        ("主人公は誰ですか？", "people", None),
        ("What is the goal of this paper?", "claim", None),
        ("What are the main contributions?", "claim", None),
        ("What did the authors find out?", "claim", None),
        ("What problem does it address?", "claim", None),
    ],
)
def test_what_a_question_asks_for_an_overview_of(question: str, kind: str, number: int | None) -> None:
    request = understand(question)
    assert (request.kind, request.number, request.is_overview) == (kind, number, True)


@pytest.mark.parametrize(
    "question",
    [
        "Who wrote the letter?",
        "Who wrote the summary?",
        "When does the trial resume?",
        "What was the rating of the product overall?",
        "What did the study of moral dilemmas show?",
        "How much is the excess for contents?",
        "When?",
        "Welche Farbe?",
        "List the three names.",
        "Is he dead?",
        "Who burned the lamp in chapter 2?",
        "Wie hoch sind die Kosten auf Seite 3?",
        "Is hello the first word?",
        "Who thanks the keeper?",
        "How did the war end?",
        "Wie geht es?",
        "How does the second act end?",
        "What happens at the end of the pier?",
        "What does the main character want?",
        "Who dies in the last chapter?",
        "",
        "\0",
        "(((((((",
        "chapter",
        "page of chapter",
    ],
)
def test_a_question_for_a_detail_is_none_about_the_whole(question: str) -> None:
    request = understand(question)
    assert not request.is_overview
    assert request.kind not in ("hello", "thanks")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is this document about?", ["The Storm", "Tomas Reel", "Marigold"]),
        ("¿De qué trata este documento?", ["The Storm", "Tomas Reel", "Marigold"]),
        ("List the chapters.", ["Chapter 1: The Arrival", "Chapter 2: The Storm", "Chapter 3: The Leaving"]),
        ("Give me a summary of chapter 2.", ["Tomas Reel", "4,200 crowns"]),
        ("What happens in chapter 3?", ["found in the galley"]),
        ("What is on page 1?", ["3 May 1871"]),
        ("How does the story begin?", ["3 May 1871"]),
        ("How does it end?", ["found in the galley"]),
        ("What happens in the last chapter?", ["found in the galley"]),
        ("hello", ["The Harbour Year"]),
        ("thanks!", ["The Harbour Year"]),
    ],
)
def test_a_question_about_the_whole_or_a_place_is_answered_in_the_documents_own_words(
    question: str, expected: list[str], story: Document, roomy_model: Model, store: Store
) -> None:
    attached = attached_to(story, roomy_model, store)
    answer = answered(attached, roomy_model, question, look_again="auto")
    assert all(words in answer.text for words in expected)
    assert not answer.not_said
    assert (answer.recomputed_tokens, answer.answer_tokens, answer.ended) == (0, 0, "finished")
    assert answer.is_stated is None  # its words are the text's own
    for place in answer.evidence:
        assert place.quote == story.text[place.start_char : place.end_char]
    ((_, together),) = answer_together(attached, [question], roomy_model, look_again="auto")
    assert isinstance(together, Answer)
    assert (together.text, together.evidence) == (answer.text, answer.evidence)


def test_where_something_is_mentioned_is_answered_with_every_page_and_its_sentence() -> None:
    pages = (
        "The red key hangs here. Take it.",
        "Nothing hangs here.",
        "Whoever has the RED\nKEY has the sluice. It is old.",
    )
    text, made, start = "".join(pages), [], 0
    for number, page in enumerate(pages, start=1):
        made.append(Page(number, str(number), start, start + len(page)))
        start += len(page)
    source = source_of(Document(text, tuple(made), "Keys", "keys.txt", "text", 0))

    def said(question: str) -> str | None:
        answer = overview(understand(question), question, [source])
        return None if answer is None else answer.text

    both = "page 1: The red key hangs here.\npage 3: Whoever has the RED KEY has the sluice."
    assert said("On which page is the red key mentioned?") == both
    assert said("Where is a red key mentioned in this text?") == both
    assert said("On which pages is the blue key mentioned?") is None
    assert said("Where is (red [key mentioned?") is None


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("Where is C++ mentioned?", "page 1: They wrote C++ and F#."),
        ("¿En qué página se menciona C++?", "page 1: They wrote C++ and F#."),
        ("Where is “F#” mentioned?", "page 1: They wrote C++ and F#."),
        ("On which page is § 4 mentioned?", "page 2: By §4 (b), one pays.\npage 3: See § 4."),
        ("On which page is §4 mentioned?", "page 2: By §4 (b), one pays.\npage 3: See § 4."),
        ("Where is § 4 (b) mentioned?", "page 2: By §4 (b), one pays."),
        ("Where is @home mentioned?", "page 3: Work @home."),
        ("Where is § mentioned?", "page 3: See § 4."),
        ("Where is ++ mentioned?", None),
        ("Where is pay mentioned?", None),
    ],
)
def test_where_signs_are_mentioned_is_found_too(question: str, shown: str | None) -> None:
    pages = ("They wrote C++ and F#.", "By §4 (b), one pays.", "See § 4. Work @home. Or § 40.")
    made, start = [], 0
    for number, page in enumerate(pages, start=1):
        made.append(Page(number, str(number), start, start + len(page)))
        start += len(page)
    source = source_of(Document("".join(pages), tuple(made), "Signs", "signs.txt", "text", 0))
    answer = overview(understand(question), question, [source])
    assert (None if answer is None else answer.text) == shown


def test_a_chapter_overview_is_of_that_chapter_alone(story: Document, roomy_model: Model, store: Store) -> None:
    answer = answered(attached_to(story, roomy_model, store), roomy_model, "What happens in chapter 3?")
    assert {place.page for place in answer.evidence} == {3}
    assert "Tomas" not in answer.text


def test_a_place_that_there_is_not_is_asked_for_as_a_detail(story: Document, roomy_model: Model, store: Store) -> None:
    answer = answered(attached_to(story, roomy_model, store), roomy_model, "What happens in chapter 30?")
    assert answer.answer_tokens > 0


def test_a_detail_of_a_chapter_is_looked_up_in_that_chapter(story: Document, roomy_model: Model, store: Store) -> None:
    attached = attached_to(story, roomy_model, store)
    for chapter in (1, 2, 3):
        passages = choose_passages(attached, f"Which ship sailed in chapter {chapter}?", roomy_model, 600)
        assert {passage.page for passage in passages} == {chapter}


@pytest.mark.parametrize(
    ("question", "is_front"),
    [
        ("Who are the authors?", True),
        ("Who wrote this paper?", True),
        ("What is the title of the book?", True),
        ("Qui est l'auteur ?", True),
        ("Wer hat dieses Buch geschrieben?", True),
        ("¿Quién es el autor?", True),
        ("Who wrote the letter?", False),
        ("Who is the author of the letter?", False),
        ("Where is the  mentioned?", False),
    ],
)
def test_who_wrote_the_document_is_told_from_who_wrote_something_in_it(question: str, is_front: bool) -> None:
    assert (understand(question).kind == "front") is is_front


@pytest.mark.parametrize(
    ("heading", "behind"),
    [
        ("Abstract\n", "1 Background\nEvery day brings news."),
        ("ABSTRACT: ", "Keywords: tides, mills"),
        ("# Executive summary\n\n", "# Findings\nThe wheel turns."),
        ("SUMMARY: ", "DATES: Comments are due in May."),
        ("Zusammenfassung\n", "1. Einleitung\nDas Rad dreht sich."),
    ],
)
def test_what_a_document_says_of_itself_is_its_overview(heading: str, behind: str) -> None:
    said = "We measure how long a tide mill can grind. It grinds for five hours a tide."
    text = f"Tide Mills of the North\nA. Weaver\n\n{heading}{said}\n{behind} {'More is said of the mill here. ' * 40}"
    source = source_of(one_page(text, "Mills"))
    found = overview(understand("What is this about?"), "What is this about?", [source])
    assert found is not None
    assert found.text == said


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Who wrote this paper?", "What are the names of the authors?"),
        ("Who are the authors?", "What are the names of the authors?"),
        ("who is the author of this book?", "What are the names of the authors?"),
        ("Who wrote the letter?", "Who wrote the letter?"),
        ("Who is the author of the letter?", "Who is the author of the letter?"),
    ],
)
def test_who_the_authors_are_is_asked_as_decoders_take_it(question: str, asked: str, roomy_model: Model) -> None:
    ids = make_prompt(question, roomy_model).question_ids
    assert torch.equal(ids, make_prompt(asked, roomy_model).question_ids)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Who is Peter Blood?", "Peter Blood"),
        ("who was ida colleby", "ida colleby"),
        ("Wer ist Anna Schmidt?", "Anna Schmidt"),
        ("Qui est Jean Valjean ?", "Jean Valjean"),
        ("¿Quién es Sancho Panza?", "Sancho Panza"),
        ("Who is the Lizard?", "Lizard"),
        ("Who was The Prime Minister?", "Prime Minister"),
        ("Who is he?", ""),
        ("Who was the best miller?", ""),
        ("Who is the captain of the ship that sailed first?", ""),
        ("Wer ist der Müller?", ""),
    ],
)
def test_a_question_who_somebody_is_is_told_from_one_who_did_something(question: str, words: str) -> None:
    request = understand(question)
    assert (request.words if request.kind == "person" else "") == words


def test_the_main_characters_are_those_who_are_named_most_often(tmp_path: Path) -> None:
    chapters = [
        "Mrs. Orrin Vale came to Lowmouth in March. “Who keeps the light?” she asked. Tobin Marsh said that he did.",
        "Mrs. Vale was in Lowmouth all summer. Tobin showed her the lamp. Mrs. Vale laughed, and Tobin Marsh was pleased.",
        "In Lowmouth they say that Mrs. Vale had never seen the sea. I’ve heard Tobin say so. The sea was grey. The sea is old.",
        "Then Mrs. Vale left Lowmouth. Tobin Marsh stood at the rail. Tobin waved. “God keep her,” Tobin said in Lowmouth.",
    ]
    file = tmp_path / "light.txt"
    file.write_text("\n\n".join(chapters), encoding="utf-8")
    document = load(file)
    made = overview(understand("Who are the main characters?"), "Who are the main characters?", [source_of(document)])
    assert made is not None
    assert made.text == "Named most often: Tobin Marsh, Mrs. Vale."
    first = ["Tobin Marsh said that he did.", "Mrs. Vale was in Lowmouth all summer."]
    assert [passage.text.strip() for passage in made.passages] == first
    assert all(passage.text == document.text[passage.start_char : passage.end_char] for passage in made.passages)


@pytest.mark.parametrize("text", ["", "no names here at all, only the sea.", "Lowmouth. " * 50, "I’ve said so. " * 20])
def test_where_nobody_is_named_the_decoder_is_asked(text: str) -> None:
    page = PageRecord("d", 1, "1", 0, len(text), text)
    assert overview(understand("Who is the hero?"), "Who is the hero?", [Source("d", "", (page,), len(text))]) is None


def test_the_end_is_told_only_of_a_document_that_was_read_to_its_end(story: Document) -> None:
    whole = source_of(story)
    half = dataclasses.replace(whole, chars_read=whole.chars // 2)
    for question in ("How does the story end?", "Wie endet die Geschichte?"):
        assert overview(understand(question), question, [half]) is None
        made = overview(understand(question), question, [whole])
        assert made is not None
        assert story.text.rstrip().endswith(made.passages[-1].text.rstrip())


def test_who_somebody_is_is_looked_up_where_they_are_introduced(roomy_model: Model, store: Store) -> None:
    filler = "The rain fell on the harbour and nobody spoke of the letter until the evening came. " * 12
    text = "\n\n".join(
        [
            "Contents: Mara Fell",
            filler,
            "That spring Mara Fell, a glazier from the hill towns, came down to mend the lantern.",
            filler,
            "Mara Fell saw Mara Fell in the glass, and Mara Fell laughed at Mara Fell.",
        ]
    )
    document = one_page(text, "Glass")
    attached = attached_to(document, roomy_model, store)
    first = choose_passages(attached, "Who is Mara Fell?", roomy_model, 1200)[0]
    assert "a glazier" in first.text


def test_who_wrote_the_document_is_looked_up_at_its_beginning(
    story: Document, roomy_model: Model, store: Store
) -> None:
    attached = attached_to(story, roomy_model, store)
    first, *others = choose_passages(attached, "Who are the authors?", roomy_model, 2500)
    assert first.start_char <= len(story.text) // 20
    assert all(passage.start_char < 3000 for passage in others)


def test_each_chapter_has_a_note_of_its_own_sentences_with_its_pages() -> None:
    sample = load(STATIC / "sample.md")
    made = notes(source_of(sample))
    assert [note.title for note in made][1:4] == [
        "1. Before Anything Else",
        "2. The Place",
        "3. How the Mill Came Here",
    ]
    for note in made[1:]:
        assert 1 <= len(note.passages) <= 3
        assert len(note.text) < NOTE_CHARS + 320
        assert all(note.first_page <= passage.page <= note.last_page for passage in note.passages)
        for passage in note.passages:
            assert passage.text == sample.text[passage.start_char : passage.end_char]
            assert passage.text.endswith(".")
    assert made[2].text.startswith(
        "Wenlow Quay lies on the east bank of the River Isk, four miles up from the open sea."
    )
    assert "Josiah Tarrant" in made[3].text
    for short, note in zip(notes(source_of(sample), 1)[1:], made[1:], strict=True):
        assert len(short.passages) == 1
        assert set(short.passages) <= set(note.passages)


LEGEND = "The gannet nests on the island of Rhum and eats herring from the sound. " * 3
FILLING = "Nothing much is said of it here by anybody at all. "
NO_PROSE = (
    "Figure 3: the gannet and the herring on Rhum.",
    "| gannet | herring | Rhum | sound |",
    "In Proceedings of the Gannet Society, pages 3-9, Rhum 1999.",
    "“The gannet eats the herring of Rhum,” said he of the sound.",
    "gannets and herrings are found on Rhum and in the sound.",
    "gannet = herring + Rhum as is shown by the sound.",
    "The gannet of Rhum was described by Dr. Herring and Mr.",
)


@pytest.mark.parametrize(
    ("first", "later", "expected"),
    [
        (
            "Mara Fell, who was in the same case, hunted for marmalade that day.",
            "Mara Fell was a glazier of Lowmouth.",
            1,
        ),
        (
            "Mara Fell, a glazier from the hill towns, came down that spring.",
            "Mara Fell was a friend to all in Lowmouth.",
            0,
        ),
        (
            "That day nobody but Mara Fell knew of the letter and its seal.",
            "Mara Fell was the first of all to go there.",
            0,
        ),
    ],
)
def test_who_somebody_is_is_said_first_by_the_sentence_that_introduces_them(
    first: str, later: str, expected: int
) -> None:
    filler = "The rain fell on the harbour and nobody spoke of the letter until the evening came. " * 12
    text = "\n\n".join([filler, first, filler, later, filler])
    page = PageRecord("d", 1, "1", 0, len(text), text)
    found = rank_introductions("Mara Fell", Source("d", "", (page,), len(text)))
    assert found[0][1].text == (first, later)[expected]
    assert {sentence.text for _, sentence in found} == {first, later}


@pytest.mark.parametrize("junk", NO_PROSE)
def test_a_note_is_of_sentences_that_stand_alone(junk: str) -> None:
    page = f"{FILLING * 4}{LEGEND}\n\n{junk}\n\n{FILLING * 4}"
    (note,) = notes(source_of(one_page(page, "Birds")))
    assert note.title == ""
    assert note.text.startswith("The gannet nests on the island") or note.text.startswith(FILLING.strip())
    assert "The gannet nests on the island" in note.text
    assert " ".join(junk.split())[:30] not in note.text


@pytest.mark.parametrize(
    "said",
    [
        "仓库在1951年的大火中被烧毁，两年后重建。",
        "倉庫は1951年の火事で焼け、二年後に建て直された。",
        "창고는 1951년 화재로 타 버렸고 2년 뒤에 다시 지어졌다.",
    ],
)
def test_a_sentence_in_signs_of_which_each_is_a_syllable_or_a_word_is_long_enough_for_a_note(said: str) -> None:
    (note,) = notes(source_of(one_page(said * 2, "Port")))
    assert said in note.text


def test_a_line_of_wrapped_prose_that_begins_with_a_capital_is_below_no_heading() -> None:
    text = """Im Sommer bringt die Fähre seit 1951 Reisende und
auch Waren von Skerrin zur Insel. Der alte
Fährmann heißt Jens Holm. Seine Tochter führt die
Kasse und verkauft am Steg auch frischen Fisch."""
    (note,) = notes(source_of(one_page(text, "Fähre")))
    assert "Seine Tochter führt die Kasse" in note.text


def test_slides_of_bullets_have_notes_of_their_first_lines() -> None:
    plan = "Plan\n\nRebuild the north quay\n\nTwo cranes\n\n"
    text = f"{plan}Money\n\n£2m from the county\n\n| a | b |\n\n7"
    pages = (Page(1, "Slide 1: Plan", 0, len(plan)), Page(2, "Slide 2: Money", len(plan), len(text)))
    made = notes(source_of(Document(text, pages, "Talk", "talk.pptx", "pptx", 0)))
    assert [note.text for note in made] == ["Rebuild the north quay; Two cranes", "£2m from the county"]


def test_pages_without_headings_have_notes_in_stretches_and_front_matter_has_none() -> None:
    pages, text = [], ""
    for number in range(1, 101):
        words = f"The keeper of lamp {'abcdefghij'[number % 10] * 4} wrote to the harbour about the oil. "
        pages.append(Page(number, str(number), len(text), len(text) + len(words)))
        text += words
    made = notes(source_of(Document(text, tuple(pages), "Letters", "a.txt", "text", 0)))
    assert (made[0].first_page, made[-1].last_page) == (1, 100)
    assert len(made) == 12
    assert all(later.first_page == note.last_page + 1 for note, later in pairwise(made))
    assert all(note.text for note in made)
    index = f"# Index\n\n{LEGEND}\n\n# Birds\n\n{LEGEND}"
    found = notes(source_of(Document(index, (Page(1, "1", 0, len(index)),), "Birds", "a.md", "markdown", 0)))
    assert [(note.title, bool(note.text)) for note in found] == [("Index", False), ("Birds", True)]


def test_a_part_of_a_chapter_that_the_parser_cut_is_no_section_of_its_own() -> None:
    labels = ["A Scandal", "A Scandal · 2", "A Scandal · 3", "The League", "The League · 2", "I · 2"]
    texts = [f"The sea was calm on day {n}. " for n in range(len(labels))]
    pages = tuple(
        PageRecord("d", n, label, n * 30 - 30, n * 30, text)
        for n, (label, text) in enumerate(zip(labels, texts, strict=True), 1)
    )
    found = sections(Source("d", "Cases", pages, 180))
    assert [(one.title, len(one.pages)) for one in found] == [("A Scandal", 3), ("The League", 3)]


def test_headings_are_found_in_plain_text_and_a_list_is_none() -> None:
    text = "CHAPTER I. THE DOOR\n\nIt was shut.\n\n1. A lamp\n2. A rope\n\nCHAPTER II\n\nIt was open.\n"
    document = Document(text, (Page(1, "1", 0, 56), Page(2, "2", 56, len(text))), "T", "t.txt", "text", 0)
    found = sections(source_of(document))
    assert [section.title for section in found] == ["CHAPTER I. THE DOOR", "CHAPTER II"]
    assert [section.number for section in found] == [1, 2]
    assert text[found[1].body_char :].startswith("It was open.")


def test_a_title_in_capitals_below_its_chapters_number_belongs_to_the_heading() -> None:
    text = "CHAPTER 1.\n\nTHE LAMP IS LIT.\n\nIt burned all night.\n\nCHAPTER 2.\n\nA storm came.\n"
    document = one_page(text, "T")
    first, second = sections(source_of(document))
    assert (first.title, first.number) == ("CHAPTER 1. THE LAMP IS LIT.", 1)
    assert text[first.body_char :].startswith("It burned")
    assert (second.title, second.number) == ("CHAPTER 2.", 2)
    assert text[second.body_char :].startswith("A storm")
    said = overview(understand("What is this about?"), "What is this about?", [source_of(document)])
    assert said is not None
    assert said.text.startswith("CHAPTER 1. THE LAMP IS LIT: It burned all night.")


@pytest.mark.parametrize("text", ["", "\n", "# \n", "---\n" * 500, "#" * 9000, "Chapter 1\n" * 3000, "1.1.1.1" * 4000])
def test_no_text_breaks_the_outline(text: str) -> None:
    document = one_page(text, "T")
    for section in sections(source_of(document)):
        assert section.start_char <= section.body_char <= section.end_char
    assert all(passage.text in text for note in notes(source_of(document)) for passage in note.passages)


def test_a_follow_up_is_looked_up_with_the_words_of_the_turn_before(
    story: Document, roomy_model: Model, store: Store
) -> None:
    attached = attached_to(story, roomy_model, store)
    earlier = [("Who kept the lamp burning?", "The lighthouse keeper, Tomas Reel.")]
    assert searched("Who is the captain?", earlier) == "Who is the captain?"
    assert searched("How long did he do it?", []) == "How long did he do it?"
    assert "Tomas" in searched("How long did he do it?", earlier)
    assert NOT_SAID not in searched("Why?", [("Who?", NOT_SAID)])
    passages = choose_passages(attached, "How long did he do it?", roomy_model, 600, earlier)
    assert "three nights" in passages[0].text


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Is it a public holiday?", True),
        ("Hasn't he come?", True),
        ("And can you grind at high water?", True),
        ("Gibt es einen Garten?", True),
        ("Est-ce que le moulin marche ?", True),
        ("Y a-t-il un jardin ?", True),
        ("¿Hay un jardín?", True),
        ("¿Se permiten perros?", True),
        ("Braucht man eine Karte?", True),
        ("Do they keep the pairs whose distance is under a threshold?", True),
        ("Did he leave when the war began?", True),
        ("Is Mary the woman who married him?", True),
        ("Is it red or blue?", False),
        ("Was he a doctor, and where did he study?", False),
        ("Are my data shared? If yes, with whom?", False),
        ("Are these bowls durable? How?", False),
        ("Does the author mention in which year he was born?", False),
        ("Does it say when it opens?", False),
        ("Can you list the gates?", False),
        ("Could you please tell me his name?", False),
        ("Was ist das?", False),
        ("Was kostet das?", False),
        ("Who is he?", False),
        ("Island?", False),
        ("", False),
    ],
)
def test_a_question_for_yes_or_no_is_told_from_others(question: str, expected: bool) -> None:
    assert is_yes_or_no(question) is expected


def test_yes_or_no_is_answered_in_a_sentence_of_the_document(
    story: Document, roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached, question = attached_to(story, roomy_model, store), "Was Tomas Reel lost in the storm?"
    for name in ("reader.answering.answer.Decoding", "reader.batching.local.Decoding"):
        monkeypatch.setattr(name, Scripted)
    Scripted.said = ["Tomas Reel"]
    parts = list(ask(attached, question, roomy_model, look_again="auto"))
    answer = parts[-1].answer
    assert answer is not None
    assert "Tomas Reel" in answer.text
    assert answer.text == " ".join(answer.evidence[0].quote.split()) != "Tomas Reel"
    assert "".join(part.text for part in parts) == answer.text
    Scripted.said = ["Tomas Reel"]
    ((_, together),) = answer_together(attached, [question], roomy_model, look_again="auto")
    assert isinstance(together, Answer)
    assert together.text == answer.text
    # Without evidence there is no sentence to give.
    Scripted.said = ["Tomas Reel"]
    assert answered(attached, roomy_model, question, look_again="auto", evidence=False).text == "Tomas Reel"


def test_an_answer_is_stated_when_its_words_and_every_number_stand_on_its_pages(story: Document) -> None:
    source = source_of(story)
    place = Evidence(story.id, 2, "2", 350, 360, 1.0, "")
    assert is_stated("The repairs cost 4,200 crowns.", [source], [place])
    assert is_stated("It burned for 3 nights.", [source], [place])
    assert not is_stated("The repairs cost 4,300 crowns.", [source], [place])
    assert not is_stated("A whale swallowed the mayor.", [source], [place])
    assert not is_stated("", [source], [place])
    assert not is_stated("The ship reached Venn.", [source], [place])


def test_examples_stand_in_the_opening_and_only_there(story: Document, shown_model: Model, roomy_model: Model) -> None:
    examples = shown_model.examples
    assert examples is not None
    tokenizer = shown_model.decoder.tokenizer
    opening = tokenizer.decode(shown_model.opening)
    for text, question, answer in examples.turns:
        assert text in opening
        assert question in opening
        assert answer in opening
    assert plan_reading(story, shown_model).sink == len(shown_model.opening)
    assert roomy_model.examples is None
    assert len(roomy_model.opening) < len(shown_model.opening)
    assert examples_for("smollm2-135m-instruct") is None
    assert examples_for("Qwen/Qwen2.5-Coder-0.5B-Instruct") == examples


def test_the_sections_of_a_pdf_are_the_chapters_of_its_outline_not_its_pages(tmp_path: Path) -> None:
    source = source_of(load(write_outlined_pdf(tmp_path / "tide.pdf")))
    found = sections(source)
    assert [(one.title, [page.number for page in one.pages]) for one in found] == [
        ("Calm", [2, 3]),
        ("The Letter", [4, 5]),
        ("Index", [6]),
    ]
    for question, said in (
        ("What happens in chapter 2?", "The Letter: A letter came."),
        ("What is on page 4?", "Nobody read it."),  # as printed; it is the fifth
    ):
        found_text = overview(understand(question), question, [source])
        assert found_text is not None
        assert found_text.text.startswith(said)


def test_chapters_that_begin_on_the_same_page_are_all_listed(tmp_path: Path) -> None:
    source = source_of(load(write_crowded_pdf(tmp_path / "a.pdf")))
    found = sections(source)
    assert [(one.title, [page.number for page in one.pages]) for one in found] == [
        ("Calm", [1, 2]),
        ("The Letter", [2]),
        ("The Lamp", [2]),
        ("Hidden - Words", [2]),  # of which the page shows no heading
        ("End", [3]),
    ]
    text = "".join(page.text for page in source.pages)
    assert text[found[1].start_char : found[1].end_char].strip() == "The Letter\nIt came."
    assert text[found[2].start_char : found[2].end_char].strip() == "The Lamp\nIt burnt."
    question = "What happens in chapter 2?"
    answer = overview(understand(question), question, [source])
    assert answer is not None
    assert answer.text.startswith("The Letter: It came.")


def test_a_numbered_heading_with_a_dash_is_no_page_number() -> None:
    pages = tuple(
        PageRecord("d", at, label, at * 5, at * 5 + 5, "Text\n") for at, label in enumerate(["My Book", "1 — A"])
    )
    assert [one.title for one in sections(Source("d", "My Book", pages, 10))] == ["My Book", "1 — A"]


PAPER = """\
On Tides

Abstract

Tides are hard to foretell. We aim to foretell them at the quay. We present a gauge of oak.
Our measurements show that it errs by an inch.

1 Introduction

The sea rises.

2 Conclusion

We found that oak swells. Further work is needed.

Day | Inches
Monday | 3
"""


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is the goal of this paper?", "We aim to foretell them at the quay."),
        ("What is its main contribution?", "We present a gauge of oak."),
        ("What do they propose?", "We present a gauge of oak."),
        ("What problem does it address?", "Tides are hard to foretell."),
        ("What are the main findings?", "Our measurements show that it errs by an inch."),
        ("What do the authors conclude?", "2 Conclusion: We found that oak swells. Further work is needed."),
    ],
)
def test_what_a_paper_claims_is_answered_by_its_sentences_that_say_so(
    question: str, said: str, tiny_model: Model, store: Store
) -> None:
    answer = answered(attached_to(one_page(PAPER, "On Tides"), tiny_model, store), tiny_model, question)
    assert answer.text == said
    assert answer.evidence[0].quote in PAPER


def test_claims_stand_in_the_conclusion_too_or_the_abstract_says_all() -> None:
    def said(text: str, question: str = "What did they find?") -> str | None:
        found = overview(understand(question), question, [source_of(one_page(text, "On Tides"))])
        return found and found.text

    dry = PAPER.replace("Our measurements show that it errs by an inch.", "It is dry.")
    assert said(dry) == "We found that oak swells."
    plain = dry.replace("We found that oak swells.", "Oak swells.")
    assert (
        said(plain)
        == "Tides are hard to foretell. We aim to foretell them at the quay. We present a gauge of oak. It is dry."
    )
    assert said(plain.replace("Abstract", "Preface")) is None
