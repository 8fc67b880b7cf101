"""Several documents: memories stand one behind another as if read there, what does not fit is told."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
import torch
from helpers.answers import answered, attached_to, find_evidence
from helpers.decoders import every_family
from helpers.documents import FACT, QUESTION_ABOUT_FACT, hide, make_document, one_page

from reader.answering import Answer, AttachedMemory, attach, attach_shelf
from reader.answering.extractive.versions import differences
from reader.answering.extractive.which_documents import which_documents
from reader.batching.local import answer_together
from reader.beacon import Memory
from reader.errors import ConfigError, ContextOverflow
from reader.models.model import Model
from reader.reading.loop import read
from storage import Store

OTHER = "The sailor Ambrose lost a silver whistle in the well."


def raw_memory(model: Model, *parts: torch.Tensor) -> Memory:
    memory = model.plugin.new_memory(512)
    with torch.inference_mode():
        model.plugin.open(memory, torch.arange(3, 7))
        for part in parts:
            model.plugin.run(memory, part)
    return memory


def test_a_memory_put_behind_another_stands_where_it_would_have_been_read(model: Model) -> None:
    """Keys of the first layer do not depend on what comes before, but for their position."""
    first, second = torch.arange(10, 40), torch.arange(50, 75)
    expected = raw_memory(model, first, second)
    joined = model.plugin.new_memory()
    one, other = raw_memory(model, first), raw_memory(model, second)
    before = {name: tensor.clone() for name, tensor in other.tensors().items()}
    with torch.inference_mode():
        model.plugin.put_behind(joined, one)
        model.plugin.put_behind(joined, other)
    assert (joined.sink, joined.slots) == (expected.sink, expected.slots)
    assert torch.equal(joined.positions, expected.positions)
    torch.testing.assert_close(joined.keys(0), expected.keys(0), rtol=0, atol=1e-4)
    torch.testing.assert_close(joined.values(0), expected.values(0), rtol=0, atol=1e-4)
    for name, tensor in other.tensors().items():
        assert torch.equal(tensor, before[name])


@every_family
def test_the_first_memory_of_a_shelf_is_unchanged(model: Model, store: Store) -> None:
    alone = attached_to(hide(), model, store)
    records = [alone.record, read(make_document(90, "Another"), model, store).memory]
    shelf = attach_shelf(records, model, store)
    slots = alone.memory.slots
    for name, tensor in alone.memory.tensors().items():
        if name.endswith((".keys", ".values")):
            torch.testing.assert_close(shelf.memory.tensors()[name][:, :slots], tensor, rtol=0, atol=1e-6)
    assert torch.equal(shelf.memory.spans[:slots], alone.memory.spans)


def test_a_shelf_of_one_answers_as_the_document_alone(tiny_model: Model, store: Store) -> None:
    record = read(hide(), tiny_model, store).memory
    shelf = attach_shelf([record, record], tiny_model, store)
    assert answered(shelf, tiny_model).text == answered(attach(record, tiny_model, store), tiny_model).text


def test_a_document_of_a_shelf_has_one_index(tiny_model: Model, store: Store) -> None:
    records = [read(document, tiny_model, store).memory for document in (hide(), make_document(90, "Another"))]
    shelf = attach_shelf(records, tiny_model, store)
    assert shelf.passages.each == [one.passages for one in shelf.each]


def test_an_attached_memory_is_gone_with_its_last_name(tiny_model: Model, store: Store) -> None:
    records = [read(document, tiny_model, store).memory for document in (hide(), make_document(90, "Another"))]
    shelf = attach_shelf(records, tiny_model, store)
    for question in (
        QUESTION_ABOUT_FACT,
        "Which of the documents mention Mira?",
        "Compare what each document says about Mira.",
    ):
        answered(shelf, tiny_model, question, look_again="auto")
    memory = weakref.ref(shelf.memory)
    gc.disable()
    try:
        del shelf
        assert memory() is None
    finally:
        gc.enable()


def test_evidence_says_which_document(tiny_model: Model, store: Store) -> None:
    documents = [hide(title="Cats"), hide(OTHER, page=2, pages=3, title="Sailors")]
    records = [read(document, tiny_model, store, ratio=16).memory for document in documents]
    shelf = attach_shelf(records, tiny_model, store)
    assert shelf.left_out == ()
    assert shelf.document_tokens == sum(record.tokens for record in records)
    for question, said, document, page, quote in (
        (QUESTION_ABOUT_FACT, "Zebedee", documents[0], 5, FACT),
        ("Who lost a whistle?", "Ambrose", documents[1], 2, OTHER),
    ):
        evidence, shares = find_evidence(shelf, question, said, tiny_model)
        assert (evidence[0].document_id, evidence[0].page, evidence[0].quote) == (document.id, page, quote)
        for place in evidence:
            source = next(document for document in documents if document.id == place.document_id)
            assert source.text[place.start_char : place.end_char] == place.quote
        assert len(shares) == shelf.pages == 11
        assert sum(shares) == pytest.approx(1)


def test_a_shelf_is_asked_without_reading_and_looked_at_again_with_its_titles(tiny_model: Model, store: Store) -> None:
    documents = [hide(title="Cats"), hide(OTHER, page=2, pages=3, title="Sailors")]
    records = [read(document, tiny_model, store, ratio=16).memory for document in documents]
    shelf = attach_shelf(records, tiny_model, store)
    assert answered(shelf, tiny_model).recomputed_tokens == 0
    answer = answered(shelf, tiny_model, "Who lost a silver whistle?", look_again=250)
    assert 0 < answer.recomputed_tokens <= 250
    assert any(OTHER in passage.text for passage in answer.looked_again)
    assert {passage.document_id for passage in answer.looked_again} <= {document.id for document in documents}


def test_what_does_not_fit_is_chosen_by_the_question_and_told(tiny_model: Model, store: Store) -> None:
    facts = {"Cats": FACT, "Sailors": OTHER, "Kings": "King Osric buried the crown under an elm."}
    documents = [hide(fact, title=title) for title, fact in facts.items()]
    records = [read(document, tiny_model, store, ratio=4).memory for document in documents]
    assert sum(record.slots for record in records) > tiny_model.plugin.max_positions - 512
    for question, wanted in ((QUESTION_ABOUT_FACT, "Cats"), ("Where is King Osric's crown?", "Kings")):
        shelf = attach_shelf(records, tiny_model, store, question)
        titles = [source.title for source in shelf.sources]
        assert wanted in titles
        assert sorted([*titles, *shelf.left_out]) == sorted(facts)
        assert shelf.left_out
        assert titles == [title for title in facts if title in titles]
        answer = answered(shelf, tiny_model, question, look_again="auto")
        assert answer.left_out == shelf.left_out


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_memories_kept_otherwise_stand_together(kind: str, tiny_model: Model, store: Store) -> None:
    small = read(hide(title="Cats"), tiny_model, store, ratio=16, memory_dtype=kind).memory
    raw = read(make_document(20, "Raw"), tiny_model, store, ratio=0).memory
    shelf = attach_shelf([raw, small], tiny_model, store)
    assert shelf.memory.slots == raw.slots + small.slots - len(tiny_model.opening)
    assert answered(shelf, tiny_model, look_again=100).evidence


def test_memories_that_do_not_fit_are_refused(tiny_model: Model) -> None:
    memory = raw_memory(tiny_model, torch.full((1500,), 9))
    before = memory.slots
    with torch.inference_mode(), pytest.raises(ContextOverflow, match="fewer"):
        tiny_model.plugin.put_behind(memory, raw_memory(tiny_model, torch.full((1500,), 9)))
    assert memory.slots == before


def test_a_shelf_of_nothing_is_refused(tiny_model: Model, store: Store) -> None:
    with pytest.raises(ConfigError, match="no document"):
        attach_shelf([], tiny_model, store)


PAPERS = {
    "Songs of Wrens": "By Mira Alder\n\nWe count wrens by ear. Dropout of 0.3 was applied. The Harrow Trust paid for it.",
    "Calls of Frogs": "By Jonas Brandt and Wen Zhao\n\nWe count frogs with a transformer. No volunteers took part.",
    "Steps of Bats": "By Patrick Dunn\n\nWe count bats. The bats were filmed. The Harrow Trust paid for the cameras.",
}


@pytest.fixture
def papers(tiny_model: Model, store: Store) -> AttachedMemory:
    documents = [one_page(f"{title}\n\n{text}", title) for title, text in PAPERS.items()]
    return attach_shelf([read(document, tiny_model, store).memory for document in documents], tiny_model, store)


@pytest.mark.parametrize(
    ("question", "titles"),
    [
        ("Which of these papers use dropout?", ["Songs of Wrens"]),
        ("Which papers were paid for by the Harrow Trust?", ["Songs of Wrens", "Steps of Bats"]),
        ("In which of the documents is a transformer used?", ["Calls of Frogs"]),
        ("Do any of these studies mention volunteers?", ["Calls of Frogs"]),
        ("Welche dieser Dokumente erwähnen Dropout?", ["Songs of Wrens"]),
        ("Lesquels de ces articles mentionnent le dropout ?", ["Songs of Wrens"]),
        ("¿Cuáles de estos artículos mencionan dropout?", ["Songs of Wrens"]),
    ],
)
def test_which_documents_say_something_is_told_with_their_sentences(
    question: str, titles: list[str], papers: AttachedMemory, tiny_model: Model
) -> None:
    answer = answered(papers, tiny_model, question, look_again="auto")
    assert answer.text.split("\n")[::3] == titles
    assert [place.document_id for place in answer.evidence] == [
        source.document_id for source in papers.sources if source.title in titles
    ]


@pytest.mark.parametrize("question", ["Who are the authors of these papers?", "Who wrote each of the three papers?"])
def test_what_is_asked_of_each_document_is_answered_by_each(
    question: str, papers: AttachedMemory, tiny_model: Model
) -> None:
    answer = answered(papers, tiny_model, question, look_again="auto")
    assert answer.parts == (
        "Songs of Wrens\nMira Alder",
        "Calls of Frogs\nJonas Brandt and Wen Zhao",
        "Steps of Bats\nPatrick Dunn",
    )
    assert [place.document_id for place in answer.evidence] == [source.document_id for source in papers.sources]
    ((_, together),) = answer_together(papers, [question], tiny_model, look_again="auto")
    assert isinstance(together, Answer)
    assert together.text == answer.text


def test_the_decoder_is_asked_about_each_document_alone(papers: AttachedMemory, tiny_model: Model) -> None:
    answer = answered(papers, tiny_model, "How many wrens does each paper count?", look_again="auto")
    assert len(answer.parts) == len(answer.reading_map) == answer.pages == 3
    assert all(title in part for title, part in zip(PAPERS, answer.parts, strict=True))
    assert {passage.document_id for passage in answer.looked_again} == {one.document_id for one in papers.sources}


RULES = (
    "# Rules\n\nQuiet hours are from 10 pm to 7 am. A wash costs £1.80 on working days. Glass is collected on Mondays.\n\n"
    "## 2. Bicycles\n\nBicycles are kept in the cellar. Bicycles without a label are removed in May."
)
NEW_RULES = (
    RULES.replace("10 pm", "9 pm")
    .replace(" Glass is collected on Mondays.", " Dogs are allowed.")
    .replace("## 2.", "## 3.")
)


@pytest.mark.parametrize(
    ("question", "only"),
    [
        ("What changed between the two versions?", "Only in"),
        ("How do the two documents differ?", "Only in"),
        ("Was hat sich geändert?", "Nur in"),
        ("Qu’est-ce qui a changé ?", "Seulement dans"),
        ("¿Qué ha cambiado?", "Solo en"),
    ],
)
def test_two_versions_are_told_apart_by_the_sentences_that_differ(
    question: str, only: str, tiny_model: Model, store: Store
) -> None:
    documents = [one_page(RULES, "Old"), one_page(NEW_RULES, "New")]
    shelf = attach_shelf([read(one, tiny_model, store).memory for one in documents], tiny_model, store)
    answer = answered(shelf, tiny_model, question, look_again="auto")
    assert answer.text.split("\n\n") == [
        "Old: Quiet hours are from 10 pm to 7 am.\nNew: Quiet hours are from 9 pm to 7 am.",
        f"{only} Old: Glass is collected on Mondays.",
        f"{only} New: Dogs are allowed.",
    ]
    assert {place.document_id for place in answer.evidence} == {one.id for one in documents}


@pytest.mark.parametrize(
    "question",
    ["Which papers must I sign?", "Which of these papers counts the most wrens?", "Which papers do not use dropout?"],
)
def test_other_questions_for_papers_are_left_to_the_decoder(question: str, papers: AttachedMemory) -> None:
    assert which_documents(question, papers.sources, papers.passages, None) is None


def test_of_documents_with_little_in_common_no_difference_is_told(papers: AttachedMemory) -> None:
    assert differences("What changed between the two versions?", papers.sources[:2]) is None
    assert differences("What changed in 1990?", papers.sources[:2]) is None


def test_documents_of_one_title_are_told_apart_by_their_files(tiny_model: Model, store: Store) -> None:
    documents = [
        replace(one_page(text, "Rules"), file_name=f"{number}.txt") for number, text in enumerate((RULES, NEW_RULES))
    ]
    shelf = attach_shelf([read(one, tiny_model, store).memory for one in documents], tiny_model, store)
    assert [source.title for source in shelf.sources] == ["Rules (0.txt)", "Rules (1.txt)"]
    answer = answered(shelf, tiny_model, "Which of these documents mention dogs?", look_again="auto")
    assert answer.text == "Rules (1.txt)\nDogs are allowed."
