"""Conversations: nothing is run again, a restart changes nothing, old turns are condensed, and users are apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from helpers.decoders import randomise_plugin
from helpers.documents import make_document

from reader.answering import Answer, AnswerPart, ask, attach
from reader.answering.conversations import Conversation
from reader.answering.follow_ups import written_out
from reader.answering.turns import out_of_turns
from reader.errors import ConfigError
from reader.models.model import Model, load_model
from reader.reading.loop import read
from storage import ConversationRecord, MemoryRecord, NotFound, Store, StoreBusy

QUESTIONS = [f"What happened on page {number}, and who saw it?" for number in range(1, 21)]


@pytest.fixture
def small_model(tiny_folder: Callable[..., Path], tmp_path: Path) -> Model:
    """A tiny Llama with window 128: a turn or two are raw, the others condensed."""
    model = load_model(str(tiny_folder("llama")), window=128, cache_folder=tmp_path / "cache", device="cpu")
    randomise_plugin(model)
    return model


def start(model: Model, store: Store, user: str = "", words: int = 400) -> tuple[Conversation, MemoryRecord]:
    document = make_document(words)
    memory = read(document, model, store).memory
    record = store.conversations.add([document.id], user)
    return Conversation(record, attach(memory, model, store), model, store), memory


def go_on(record: ConversationRecord, memory: MemoryRecord, model: Model, store: Store) -> Conversation:
    """The conversation as another process would find it."""
    found = store.conversations.get(record.id, record.user)
    return Conversation(found, attach(memory, model, store), model, store)


def last(parts: Iterator[AnswerPart]) -> Answer:
    answer = list(parts)[-1].answer
    assert answer is not None
    return answer


def state(conversation: Conversation) -> dict[str, torch.Tensor]:
    """What the decoder would hold before the next question."""
    conversation._said.put([(turn.question, turn.answer) for turn in conversation.record.turns])
    return {name: tensor.clone() for name, tensor in conversation._said.memory.tensors().items()}


def assert_same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_twenty_turns_read_nothing_again_and_stay_within_bounds(small_model: Model, store: Store) -> None:
    conversation, memory = start(small_model, store)
    first = attach(memory, small_model, store).memory.slots
    for question in QUESTIONS:
        assert last(conversation.ask(question)).recomputed_tokens == 0
    assert [turn.question for turn in conversation.record.turns] == QUESTIONS
    held = conversation._said.memory
    assert held.raw <= small_model.plugin.config.window
    said = sum(len(small_model.encode(turn.question + turn.answer)[0]) for turn in conversation.record.turns)
    assert held.slots - first < said / 2
    assert held.source_tokens_run == 0


@pytest.mark.parametrize("turns", [1, 2, 5])
def test_after_a_restart_the_next_answer_is_the_same(small_model: Model, store: Store, turns: int) -> None:
    conversation, memory = start(small_model, store)
    for question in QUESTIONS[:turns]:
        last(conversation.ask(question))
    before = state(conversation)
    expected = last(conversation.ask("And then?")).text
    restarted = go_on(conversation.record, memory, small_model, store)
    restarted._said.put([(turn.question, turn.answer) for turn in restarted.record.turns[:turns]])
    assert_same_bits(restarted._said.memory.tensors(), before)
    assert last(restarted.ask("And then?", number=turns)).text == expected


def test_what_was_said_changes_the_answer_and_asking_leaves_it_alone(small_model: Model, store: Store) -> None:
    _, memory = start(small_model, store)
    alone, shared = attach(memory, small_model, store), attach(memory, small_model, store)
    conversation = Conversation(store.conversations.add([memory.document_id]), shared, small_model, store)
    unasked = last(ask(alone, "And then?", small_model)).text
    last(conversation.ask(QUESTIONS[0]))
    before = state(conversation)
    assert last(ask(shared, "And then?", small_model)).text == unasked
    assert_same_bits(state(conversation), before)
    assert last(conversation.ask("And then?")).text != unasked


def test_a_question_that_stands_alone_has_the_same_answer_in_a_conversation(small_model: Model, store: Store) -> None:
    conversation, memory = start(small_model, store)
    alone = attach(memory, small_model, store)
    for question in [*QUESTIONS[:2], "Is there a lamp that burned on page 3?"]:
        assert last(conversation.ask(question)).text == last(ask(alone, question, small_model)).text
    written = last(ask(alone, "Is there a lamp that burned on page 2?", small_model)).text
    assert last(conversation.ask("And on page 2?")).text == written
    assert conversation.record.turns[-1].question == "And on page 2?"


WALL, MAPS, HIVES = (
    ("When was the old wall built?", "1846"),
    ("Who drew the maps?", "Lucy Farr"),
    ("Who proposed the hives?", ""),
)


@pytest.mark.parametrize(
    ("turn", "question", "expected"),
    [
        (WALL, "and the tower", "When was the tower built?"),
        (WALL, "what about the tower?", "When was the tower built?"),
        (WALL, "how long is it?", "how long is the old wall?"),
        (WALL, "And how high is its gate?", "how high is the old wall’s gate?"),
        (WALL, "why?", "why was the old wall built, 1846?"),
        (WALL, "by whom?", "by whom was the old wall built?"),
        (WALL, "are you sure?", "When was the old wall built?"),
        (MAPS, "where did she live?", "where did Lucy Farr live?"),
        (MAPS, "who came after her?", "who came after Lucy Farr?"),
        (MAPS, "where does it say so?", "Quote the sentence that says Who drew the maps, Lucy Farr?"),
        (("Who is the head of Ashby?", "Nora Beck"), "when was it opened?", "when was Ashby opened?"),
        (("Which beach has lifeguards?", "Sandy Bay"), "and the other one?", "which is the other beach?"),
        (("How hot does the first kiln get?", "1,280"), "and the second one?", "How hot does the second kiln get?"),
        (("Which plots are free?", "4, 17 and 22"), "who gets the second one?", "who gets plot 17?"),
        (("Are fires allowed?", "No"), "why not?", "why are fires not allowed?"),
        (MAPS, "when was that?", "when was it that Lucy Farr drew the maps?"),
        (("Does it open on Sundays?", "No"), "and on mondays?", "Does it open on mondays?"),
        (
            ("How much does a bed in a dorm cost a night?", "24"),
            "and a private room",
            "How much does a private room cost a night?",
        ),
        (
            ("How many cars did the Heron carry in 2018?", "9"),
            "and in 2019?",
            "How many cars did the Heron carry in 2019?",
        ),
        (("How many puffins live there?", "600"), "when do they arrive?", "when do the puffins arrive?"),
        (("When is the deposit due?", "May"), "no i meant the rest", "When is the rest due?"),
        (("Wann wurde die Mühle gebaut?", "1742"), "von wem?", "von wem wurde die Mühle gebaut?"),
        (("Was kostet der Eintritt?", "6 Euro"), "und eine Führung?", "Was kostet eine Führung?"),
        (("Combien coûte la baguette ?", "1 euro"), "et le croissant ?", "Combien coûte le croissant?"),
        (("Qui a fondé le four ?", "Ida Lot"), "D'où vient-elle ?", "D'où vient Ida Lot?"),
        (("Qui a fondé le four ?", "Ida Lot"), "Où a-t-elle appris ?", "Où Ida Lot a appris?"),
        (("Qui a fondé le four ?", "Ida Lot"), "Qui était son mari ?", "Qui était le mari d’Ida Lot?"),
        (("¿Cuándo abre el museo el lunes?", "a las 10"), "¿y la tienda?", "Cuándo abre la tienda el lunes?"),
        (("Who was Ivo?", "the son of Tomas"), "And his mother?", "Who was Ivo’s mother?"),
        (("Who was Ivo's wife?", "Hester"), "Who was his father?", "Who was Ivo’s father?"),
        (("Who was Ivo's wife?", "Hester"), "Who was her father?", "Who was Hester’s father?"),
    ],
)
def test_a_follow_up_is_written_out(turn: tuple[str, str], question: str, expected: str) -> None:
    assert written_out(question, [turn, ("thanks", "You are welcome.")]) == (expected, ())


@pytest.mark.parametrize(
    "question",
    [
        "What did the boy do when he saw the fairies?",
        "Who returned to his own castle?",
        "How long does it take to walk home?",
        "Why was it hard for the father to leave?",
        "Is there a lamp that burns?",
        "What is this document about?",
        "How many people came?",
        "Quand le four a-t-il été construit ?",
        "Qui a vendu sa maison ?",
        "it " * 9_000,
    ],
)
def test_a_question_that_stands_alone_is_left_as_it_is(question: str) -> None:
    assert written_out(question, [MAPS, WALL]) == (question, ())


@pytest.mark.parametrize("question", ["and then?", "how much is that in total?", "and who else?", "and her brother?"])
def test_what_is_not_understood_leans_on_the_turns_before(question: str) -> None:
    assert written_out(question, [MAPS, WALL]) == (question, [MAPS, WALL])


FOR_ADULTS, FOR_CHILDREN = ("How much is a ticket?", "£9 a day"), ("and for children?", "£4")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("how much is that together?", "£13 (£9 + £4)"),
        ("what’s the difference", "£5 (£9 − £4)"),
        ("what is the total?", ""),
        ("which of the two is cheaper?", "£4 (“and for children?”) < £9 (“How much is a ticket?”)"),
        ("Welcher der beiden Preise ist höher?", "£9 (“How much is a ticket?”) > £4 (“and for children?”)"),
        ("Lequel est le plus cher ?", "£9 (“How much is a ticket?”) > £4 (“and for children?”)"),
        ("which of the two is older?", ""),
        ("which is taller?", ""),
        ("what did i ask first?", "“Who drew the maps?”"),
        ("total " * 9_000, ""),
    ],
)
def test_what_the_turns_before_answer(question: str, expected: str) -> None:
    turns = [("hello", "Hello."), MAPS, FOR_ADULTS, FOR_CHILDREN, ("thanks", "You are welcome.")]
    assert out_of_turns(question, turns) == expected


def test_a_sum_is_not_asked_of_the_document(small_model: Model, store: Store) -> None:
    _, memory = start(small_model, store)
    alone = attach(memory, small_model, store)
    answer = last(ask(alone, "and together?", small_model, earlier=[FOR_ADULTS, FOR_CHILDREN]))
    assert (answer.text, answer.evidence, answer.answer_tokens) == ("£13 (£9 + £4)", (), 0)


def test_users_are_apart(small_model: Model, store: Store) -> None:
    conversation, _ = start(small_model, store, user="ann")
    last(conversation.ask("Who walked?"))
    other = store.conversations.add(conversation.record.document_ids, "bob")
    record = conversation.record
    assert [found.id for found in store.conversations.all("ann")] == [record.id]
    assert [found.id for found in store.conversations.all("bob", record.document_ids[0])] == [other.id]
    assert store.conversations.all() == []
    for call in (store.conversations.get, store.conversations.remove):
        with pytest.raises(NotFound):
            call(record.id, "bob")
    assert store.conversations.get(record.id, "ann").turns == record.turns
    store.conversations.remove(record.id, "ann")
    assert store.conversations.all("ann") == []


def test_a_turn_asked_again_or_edited_is_as_if_the_later_turns_had_never_been(small_model: Model, store: Store) -> None:
    conversation, _ = start(small_model, store)
    answers = [last(conversation.ask(question)).text for question in QUESTIONS[:4]]
    assert last(conversation.ask(QUESTIONS[3], number=3)).text == answers[3]
    assert [turn.answer for turn in conversation.record.turns] == answers
    last(conversation.ask("Where was the lamp?", number=1))
    assert [turn.question for turn in conversation.record.turns] == [QUESTIONS[0], "Where was the lamp?"]
    fresh, _ = start(small_model, store)
    for question in (QUESTIONS[0], "Where was the lamp?"):
        last(fresh.ask(question))
    assert_same_bits(state(conversation), state(fresh))
    again = [last(conversation.ask(QUESTIONS[1], number=1)).text]
    again += [last(conversation.ask(question)).text for question in QUESTIONS[2:4]]
    assert again == answers[1:]
    assert [turn.answer for turn in conversation.record.turns] == answers
    for number in (-1, 4):
        with pytest.raises(ConfigError, match="number"):
            last(conversation.ask("Who?", number=number))


def test_a_turn_that_is_not_finished_leaves_no_trace_and_a_stopped_one_is_kept(
    small_model: Model, store: Store
) -> None:
    conversation, _ = start(small_model, store)
    last(conversation.ask("Who walked?"))
    before, turns = state(conversation), conversation.record.turns
    parts = conversation.ask("And who else?", number=0)
    next(parts)
    parts.close()  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="empty"):
        list(conversation.ask(" "))
    assert store.conversations.get(conversation.record.id).turns == turns
    assert_same_bits(state(conversation), before)
    assert last(conversation.ask("And who else?", stopped=lambda: True)).ended == "stopped"
    assert conversation.record.turns[-1].counts["ended"] == "stopped"


def test_two_windows_of_one_conversation_do_not_mix(small_model: Model, store: Store) -> None:
    conversation, memory = start(small_model, store)
    twin = go_on(conversation.record, memory, small_model, store)
    last(conversation.ask("Who walked?"))
    with pytest.raises(StoreBusy, match="changed in another window"):
        last(twin.ask("Who wrote?"))
    assert len(store.conversations.get(conversation.record.id).turns) == 1


def test_conversation_goes_with_its_document(small_model: Model, store: Store) -> None:
    conversation, _ = start(small_model, store)
    other = make_document(30, "Another")
    read(other, small_model, store)
    both = store.conversations.add([other.id, *conversation.record.document_ids])
    assert both.document_ids == (other.id, *conversation.record.document_ids)
    last(conversation.ask("Who walked?"))
    store.remove_document(conversation.record.document_ids[0])
    assert store.conversations.all() == []
    with pytest.raises(NotFound):
        last(conversation.ask("Who else?"))
    with pytest.raises(NotFound):
        store.conversations.add(["f" * 64])


def test_every_family_goes_on_where_it_was(model: Model, store: Store) -> None:
    randomise_plugin(model)
    conversation, memory = start(model, store, words=60)
    for question in QUESTIONS[:2]:
        list(conversation.ask(question, stopped=lambda: True))
    assert_same_bits(state(go_on(conversation.record, memory, model, store)), state(conversation))
