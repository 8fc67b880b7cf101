"""Quantities: an answer whose unit cannot be right is not given, and a bare number gets its unit."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
from helpers.answers import Scripted, answered, attached_to
from helpers.documents import hide

from reader.answering import NOT_SAID, Answer, Decoding, ask
from reader.answering.look_again import choose_passages
from reader.answering.quantities import as_printed, asks_for, contradicts, unit_behind
from reader.batching.local import answer_together
from reader.models.model import Model
from storage import Store

FACT = "The well of the miller is nine feet deep, and its tank holds 600 gallons."


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How deep is the well?", "600 gallons"),
        ("How tall is the tower?", "in 40 minutes"),
        ("How high did it fly?", "twenty-five miles an hour"),
        ("How old was she?", "£40"),
        ("How much did they pay for the meter?", "15 per cent"),
        ("How much does a sack cost?", "140 pints"),
        ("What was the price of the boat?", "ten feet"),
        ("How heavy is the stone?", "four feet"),
        ("How much does the stone weigh?", "3 miles"),
        ("How hot is the oven?", "half a million dollars, or 2 days"),
        ("How many children attend the school?", "75 pence"),
        ("How many weeks did it take?", "14 hundredweight"),
        ("How many square feet has the hall?", "8 years"),
        ("How many pounds of flour does she take?", "three weeks"),
    ],
)
def test_a_quantity_of_another_kind_contradicts(question: str, answer: str) -> None:
    assert contradicts(answer, asks_for(question))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How deep is the well?", "nine feet"),
        ("How deep is the well?", "nine"),
        ("How deep is the well?", "deeper than the 30-year-old pond"),
        ("How deep is the well?", "nobody knows"),
        ("How far is the town?", "an hour, 20 minutes by boat"),
        ("How far into the contract are they?", "1 year"),
        ("How far are they into the book?", "20%"),
        ("How long is the causeway?", "340 yards"),
        ("How long did it take?", "nineteen weeks"),
        ("How much did they pay for the mill?", "400 pounds"),
        ("How much does the stone weigh?", "400 pounds"),
        ("How much did they pay for the mill?", "$3 million"),
        ("How many people voted?", "40 per cent"),
        ("How many times a year do they meet?", "3 days"),
        ("How many degrees does it turn?", "30 yards"),
        ("How many children attend the school?", "75"),
        ("Who built it?", "600 gallons"),
        ("Combien coûte le moulin ?", "600 gallons"),
    ],
)
def test_what_may_be_right_passes(question: str, answer: str) -> None:
    assert not contradicts(answer, asks_for(question))


@pytest.mark.parametrize(
    ("answer", "passage", "unit"),
    [
        ("9", "It is 9 feet deep.", " feet"),
        ("Nine.", "It is nine feet deep; nine feet is enough.", " feet"),
        ("15", "Above 15 per cent it goes back.", " per cent"),
        ("15", "Above 15 per cent it goes back, and 15 days later it comes again.", ""),
        ("15", "Chapter 15 has 15 pages.", ""),
        ("15", "It has 115 feet, and 15.5 miles, and 15,000 years.", ""),
        ("75", "75 pence for children", " pence"),
        ("ten", "a ten-foot dinghy", "-foot"),
        ("two", "two and a half miles away", " and a half miles"),
        ("9 feet", "It is 9 feet deep.", ""),
        ("9", "", ""),
        ("the miller", "the miller is 9 feet tall", ""),
        ("5", "5 million years", " million years"),
        ("five hundred", "five hundred tons of it", " tons"),
        ("3", "3 in the morning, 3 min later", ""),
    ],
)
def test_a_bare_number_has_the_unit_that_always_follows_it(answer: str, passage: str, unit: str) -> None:
    assert unit_behind(answer, passage) == unit


@pytest.mark.parametrize(
    ("answer", "passage", "printed"),
    [
        ("19 weeks", "It took nineteen weeks.", "nineteen weeks"),
        ("nineteen weeks", "It took 19 weeks.", "19 weeks"),
        ("19 weeks", "It took 19 weeks, not nineteen.", "19 weeks"),
        ("twenty-one", "21 of them", "21"),
        ("Twenty one", "21 of them", "21"),
        ("21", "Twenty one of them came.", "Twenty one"),
        ("20 to 30 days", "from twenty to thirty days", "twenty to thirty days"),
        ("11 days", "It stayed a while.", "11 days"),
        ("£4", "four pounds", "£4"),
        ("4%", "four in a hundred", "4%"),
        ("4.5 miles", "four or five miles", "4.5 miles"),
        ("1904", "nineteen years, four days", "1904"),
        ("7", "sevenfold, seventy, 77, 7.5 and 7,000", "7"),
        ("two-thirds", "2 of them", "two-thirds"),
        ("", "", ""),
    ],
)
def test_numbers_are_as_the_passage_has_them(answer: str, passage: str, printed: str) -> None:
    assert as_printed(answer, passage) == printed


def test_behind_an_answer_that_cannot_be_right_the_next_passage_is_looked_at(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = "How deep is the miller's well?"
    attached = attached_to(hide(FACT), roomy_model, store)
    counts = attached.memory.counts()
    places = choose_passages(attached, question, roomy_model, 2500)
    assert "600 gallons" in places[0].text
    for name in ("reader.answering.answer.Decoding", "reader.batching.local.Decoding"):
        monkeypatch.setattr(name, Scripted)
    everywhere = len(places)
    for said, looked, shown in (
        (["9"], 1, "nine feet"),
        (["600", "eleven yards"], 2, "eleven yards"),
        (["600 gallons", NOT_SAID, "eleven"], 3, "eleven"),
        (["600 gallons", *["15 days"] * everywhere], everywhere, NOT_SAID),
    ):
        Scripted.said = said
        parts = list(ask(attached, question, roomy_model, look_again=2500))
        answer = parts[-1].answer
        assert answer is not None
        assert answer.text == shown == "".join(part.text for part in parts)
        assert answer.looked_again == attached.passages.in_document_order(places[:looked])
        assert answer.ended == "finished"
        assert answer.evidence
        assert answer.not_said == (shown == NOT_SAID)
        ((_, together),) = answer_together(attached, [question], roomy_model, look_again=2500)
        assert isinstance(together, Answer)
        assert (together.text, together.looked_again) == (answer.text, answer.looked_again)
    assert attached.memory.counts() == counts


def test_from_memory_alone_such_an_answer_is_not_given(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Remembering(Decoding):
        def take(self, logits: torch.Tensor) -> str:
            ids = [*self._model.encode("600 gallons")[0].tolist(), min(self._model.end_ids)]
            scripted = torch.full_like(logits, -30.0)
            scripted[-1, ids[len(self.tokens)]] = 1.0
            return super().take(scripted)

    attached = attached_to(hide(FACT), roomy_model, store)
    monkeypatch.setattr("reader.answering.answer.Decoding", Remembering)
    assert answered(attached, roomy_model, "How deep is the miller's well?").not_said
    assert answered(attached, roomy_model, "What does the tank hold?").text == "600 gallons"


def test_of_people_questions_hardly_a_right_answer_is_refused(data_folder: Path) -> None:
    wrong = asked = 0
    with gzip.open(data_folder / "qa/dev/squad_v2.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["answers"] and (kinds := asks_for(row["question"])):
                asked += 1
                wrong += all(contradicts(one + unit_behind(one, row["context"]), kinds) for one in row["answers"])
    assert asked > 100
    assert wrong <= asked / 100
