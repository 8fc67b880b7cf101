"""Quantities: an answer whose unit cannot be right is not given, and a bare number gets its unit."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
from helpers.answers import Scripted, answered, attached_to
from helpers.documents import hide, one_page

from reader.answering import NOT_SAID, Answer, Decoding, ask
from reader.answering.checks.quantities import (
    as_printed,
    as_spelt,
    asks_for,
    contradicts,
    invents,
    is_no_count,
    miscounts,
    with_hedge,
    with_span,
    with_unit,
    with_whole_figures,
)
from reader.answering.look_again import choose_passages
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
        ("How many stones does the mill have?", "four feet"),
        ("How much does the stone weigh?", "3 miles"),
        ("How hot is the oven?", "half a million dollars, or 2 days"),
        ("How many children attend the school?", "75 pence"),
        ("How many weeks did it take?", "14 hundredweight"),
        ("How many square feet has the hall?", "8 years"),
        ("How long does it take to compile it?", "270 times"),
        ("How many pounds of flour does she take?", "three weeks"),
        ("Wie viele Mitglieder hat der Verein?", "mindestens drei Wochen vorher"),
        ("Combien de bateaux y a-t-il ?", "sept jours"),
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
        ("How many stone did he weigh?", "11 stone 4 pounds"),
        ("How much did they pay for the mill?", "$3 million"),
        ("How many people voted?", "40 per cent"),
        ("How many times a year do they meet?", "3 days"),
        ("How many degrees does it turn?", "30 yards"),
        ("How many children attend the school?", "75"),
        ("Who built it?", "600 gallons"),
        ("Wie viele Wochen dauerte der Umbau?", "vier Wochen"),
        ("Combien de fois par an ?", "trois jours"),
        ("Combien pèse le moulin ?", "600 gallons"),
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
        ("20%", "It rose by 20% in May.", ""),
        ("20 %", "It rose by 20 % in May.", ""),
        ("5°", "It was 5° outside.", ""),
        ("$9", "It cost $9 dollars.", ""),
        ("20", "It rose by 20% in May.", "%"),
        ("23,50", "Une nuit coûte 23,50 €.", " €"),
        ("6.4", "It has 6.4 g of fat.", " g"),
    ],
)
def test_a_bare_number_has_the_unit_that_always_follows_it(answer: str, passage: str, unit: str) -> None:
    assert with_unit(answer, passage) == (answer.rstrip(".") + unit + ("." if answer.endswith(".") else ""))


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
        ("9 Uhr", "um neun Uhr", "neun Uhr"),
        ("22 pueblos", "visita veintidós pueblos", "veintidós pueblos"),
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


@pytest.mark.parametrize(
    ("answer", "passage", "whole"),
    [
        ("£8", "A meal costs £8.50.", "£8.50"),
        ("8", "A meal costs £8.50.", "£8.50"),
        ("£8 each.", "A meal costs £8.50 and takes 8.5 hours.", "£8.50 each."),
        ("£1", "The rent is £1,875.50 a month.", "£1,875.50"),
        ("38.2 g", "It has 38.25 g of fibre.", "38.25 g"),
        ("875.50", "The rent is 1,875.50 a month.", "1,875.50"),
        ("48 Besucher", "Es kamen 48.312 Besucher.", "48.312 Besucher"),
        ("4 Euro", "Der Eintritt kostet 4,50 Euro, die Fahrt 4,80 Fr.", "4,50 Euro"),
        ("318 visiteurs", "Il a reçu 4 318 visiteurs.", "4 318 visiteurs"),
        ("à 19 h", "Le dîner est servi à 19 h 15.", "à 19 h 15"),
        ("at 6", "The train leaves at 6:05.", "at 6:05"),
        ("Python 3.11", "It needs Python 3.11.4.", "Python 3.11.4"),
        ("section 7.3", "The fault in section 7.3.2 is mended.", "section 7.3.2"),
        ("14.09.", "Er begann am 14.09.1987.", "14.09.1987."),
        ("7 years", "It runs for 7 1/2 years.", "7 1/2 years"),
        ("3", "Add 3¾ spoons.", "3¾"),
        ("18.5 °C", "Keep it at −18.5 °C.", "−18.5 °C"),
        ("£3.8 million", "The balance was -£3.8 million.", "-£3.8 million"),
        ("18.5 °C below zero", "Keep it at -18.5 °C.", "18.5 °C below zero"),
        ("8.50", "A meal costs £8.50, a bed £9.", "£8.50"),
        ("8.50 a meal", "It costs £8.50 a meal.", "£8.50 a meal"),
        ("8.50 pounds", "A meal costs £8.50.", "8.50 pounds"),
        ("€8,50", "Es kostet 8,50 Euro.", "€8,50"),
        ("9", "A meal costs £9, the 9 of them say.", "9"),
        ("£8", "A meal costs £8.50, and a bed £8.75.", "£8"),
        ("£8", "A meal costs £8, with tea £8.50.", "£8"),
        ("£8", "A meal costs £85, a bed £18, and 8.5 hours is enough.", "£8"),
        ("8 metres", "It is 8.5 feet long.", "8 metres"),
        ("15", "It takes 10–15 minutes.", "15"),
        ("1987", "Er begann am 14.09.1987.", "1987"),
        ("4", "She is 4, and he is 4.5.", "4"),
        ("2", "Rooms for 2.5 hours.", "2"),  # asked before
        ("-4 °C", "It fell to -4 °C.", "-4 °C"),
        ("8", "", "8"),
    ],
)
def test_a_figure_that_was_broken_off_is_whole(answer: str, passage: str, whole: str) -> None:
    assert with_whole_figures(answer, "And for a meal?", passage, "How much is it for 2?\nAnd for a meal?") == whole


def test_one_or_two_may_be_a_count() -> None:
    question, passage = "How many pumps are there?", "The pump takes 1.5 hours, and the other pump runs alone."
    assert with_whole_figures("1", question, passage, question) == "1"


@pytest.mark.parametrize(
    ("answer", "passage", "hedged"),
    [
        ("4,000", "Nearly 4,000 designs were sent in.", "Nearly 4,000"),
        ("4,000 designs", "They were sent more than 4,000 designs.", "more than 4,000 designs"),
        ("£2.5 million", "It cost at least £2.5 million.", "at least £2.5 million"),
        ("nine weeks", "It took about\nnine weeks.", "about\nnine weeks"),
        ("30 days", "Notice of not less than 30 days is due.", "not less than 30 days"),
        ("30 days", "It is paid no later than 30 days after.", "no later than 30 days"),
        ("4,000", "Nearly 4,000 came, and 4,000 left.", "4,000"),  # one of them is exact
        ("4,000", "Nearly 14,000 came, and 4,000 left.", "4,000"),
        ("The mill", "It is nearly the mill.", "The mill"),
        ("1868", "It was used since 1868.", "1868"),
    ],
)
def test_a_number_keeps_the_word_that_says_it_is_not_exact(answer: str, passage: str, hedged: str) -> None:
    assert with_hedge(answer, passage) == hedged


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        ("1999", "The theatre closed in 1969."),
        ("in 1914", "War broke out a few years later; 191 men left, 4 came back."),
        ("140weight", "The stone weighs fourteen hundredweight."),
        ("28,009 articles", "643,767 patterns and 7,990 types"),
        ("[page 253]", "His dictionary was printed twice."),
        ("1918", "from 1814 to 1818"),
        ("1997", "The prize went to thousands of people."),
        ("about 150 horses", "ten horses"),
        ("19:45", "When does the third leave? The boats leave at 18:05 and 19:20."),
        ("$3.75", "A child pays $3.50, a dog 75 cents."),
        ("8:00", "The boats leave at 18:05 and 19:20."),
    ],
)
def test_a_figure_that_stands_nowhere_is_invented(answer: str, known: str) -> None:
    assert invents(answer, known)


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        ("1999", "closed in 1999."),
        ("the 1990s", "in 1990"),
        ("1130", "The work cost £1,130."),
        ("1,130", "It cost 1130 pounds"),
        ("1.130 Euro", "It cost 1 130 euros"),
        ("1918", "in 1914–18"),
        ("17 men", "They were few."),
        ("250", "two hundred and fifty"),
        ("5,000", "five thousand men"),
        ("600 Jahre", "sechshundert Jahre"),
        ("1914", "一九一四年"),
        ("1914", "١٩١٤"),
        ("8:00", "The first leaves at 08:00."),
        ("8:00 a.m.", "The first leaves at 8 a.m."),
        ("at 7:30", "at half past seven"),
        ("at 7:30", "at seven thirty"),
        ("1.5 miles", "a mile and a half"),
        ("12.7", "It costs 12.70."),
        ("12,70", "It costs 12.70."),
        ("2.5 million", "2,500,000 people"),
        ("3.1.4", "the version 3 of it"),
        ("Apollo", "The landing was in 1969."),
        ("9" * 5000, "8"),
        ("", ""),
    ],
)
def test_other_figures_are_not(answer: str, known: str) -> None:
    assert not invents(answer, known)


@pytest.mark.usefixtures("default_tokens")
def test_an_invented_figure_is_not_given_and_what_was_asked_before_invents_nothing(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = attached_to(hide(FACT), roomy_model, store)
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    question = "What is said of the miller's well?"
    Scripted.said = ["built in 1723, by hand", "eleven"]
    parts = list(ask(attached, question, roomy_model, look_again=2500))
    assert "".join(part.text for part in parts) == "eleven"
    assert len(parts[-1].answer.looked_again) == 2  # type: ignore[union-attr]
    Scripted.said = ["built in 1723, by hand"]
    earlier = [("When was it built?", "In 1723.")]
    leaning = "What is said of the miller's well there?"
    parts = list(ask(attached, leaning, roomy_model, look_again=2500, earlier=earlier))
    assert "".join(part.text for part in parts) == "built in 1723, by hand"


@pytest.mark.usefixtures("default_tokens")
def test_a_figure_of_a_row_that_is_shown_from_elsewhere_in_its_table_is_not_invented(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"Saw {at} | Hall {at % 3} | {at * 7}\n" for at in range(100, 160))
    document = hide(f"\n\nMachine | Place | Price\n{rows}\n")
    attached = attached_to(document, roomy_model, store)
    first = next(passage for passage in attached.passages.all if "Saw 100" in passage.text)
    assert "1113" not in first.text
    monkeypatch.setattr("reader.answering.decoding.choose_passages", lambda *_: (first,))
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["1113"]
    answer = answered(attached, roomy_model, "What is the price of a sharp Saw 159?", look_again=2500)
    assert answer.text == "1113"
    Scripted.said = ["1131"]
    answer = answered(attached, roomy_model, "What is the price of a sharp Saw 159?", look_again=2500)
    assert answer.text == NOT_SAID


@pytest.mark.usefixtures("default_tokens")
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
    wrong = asked = invented = 0
    with gzip.open(data_folder / "qa/dev/squad_v2.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            known = f"{row['context']} {row['question']}"
            invented += bool(row["answers"]) and all(invents(one, known) for one in row["answers"])
            if row["answers"] and (kinds := asks_for(row["question"])):
                asked += 1
                wrong += all(contradicts(with_unit(one, row["context"]), kinds) for one in row["answers"])
    assert asked > 100
    assert wrong <= asked / 100
    assert invented == 0


COUNTED = (
    "Der Verein hat dreiundvierzig Mitglieder, siebzehn Bretter und 8 Boote; a dozen came. Il y a vingt-six musiciens."
)


@pytest.mark.parametrize(
    ("question", "answer", "known"),
    [
        ("Wie viele Boote hat der Verein?", "3", False),
        ("Wie viele Boote hat der Verein?", "8", True),
        ("Wie viele Boote hat der Verein?", "acht", True),
        ("Wie viele Mitglieder hat der Verein?", "43", True),
        ("Wie viele Mitglieder hat der Verein?", "vierzig", False),
        ("How many members are there?", "forty-three", True),
        ("How many came?", "12", True),
        ("How many came?", "two", True),  # it may be said otherwise
        ("Combien de musiciens ?", "26 musiciens", True),
        ("Combien de musiciens ?", "16 musiciens", False),
        ("What is it called?", "16 Bretter", True),
        ("How often, and how many rowed?", "Once", True),  # not the Spanish number
    ],
)
def test_a_count_that_stands_nowhere_is_told_from_others(question: str, answer: str, known: bool) -> None:
    assert miscounts(answer, question, COUNTED) is not known


@pytest.mark.parametrize(
    ("answer", "spelt"),
    [
        ("3undvierzig", "dreiundvierzig"),
        ("7zehn", "siebzehn"),  # German makes it of "sieb", not of "sieben"
        ("8zehn Boote", "8zehn Boote"),
        ("sixzehn Bretter", "siebzehn Bretter"),
        ("siebzehn", "siebzehn"),
        ("17", "17"),
        ("zwölf", "zwölf"),
        ("viele", "viele"),
    ],
)
def test_a_misspelt_number_is_the_passages(answer: str, spelt: str) -> None:
    assert as_spelt(answer, "Wie viele sind es?", COUNTED) == spelt


def test_a_count_that_stands_nowhere_is_not_given(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Der Verein hat achtzehn Boote im Bootshaus."
    attached = attached_to(one_page(text, "Verein"), roomy_model, store)
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    for said, shown in (("18 Boote", "achtzehn Boote"), ("57", NOT_SAID), ("achzehn Boote", "achtzehn Boote")):
        Scripted.said = [said]
        answer = answered(attached, roomy_model, "Wie viele Boote hat der Verein?", look_again=2500)
        assert answer.text == shown


@pytest.mark.parametrize(
    ("answer", "question", "expected"),
    [
        ("frequently", "How many steps lead up?", True),
        ("the hall", "How many steps lead up?", True),
        ("seventeen", "How many steps lead up?", False),
        ("several", "How many steps lead up?", False),
        ("a dozen or so", "How many steps lead up?", False),
        ("frequently", "How many times did he go up?", False),
        ("frequently", "How often did he go up?", False),
        (NOT_SAID, "How many steps lead up?", False),
    ],
)
def test_an_answer_to_how_many_has_a_number_or_a_word_for_one(answer: str, question: str, expected: bool) -> None:
    assert is_no_count(answer, question) is expected


def test_what_is_no_count_is_not_given(roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "You have frequently seen the steps which lead up from the hall."
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    monkeypatch.setattr(Scripted, "said", ["frequently"])
    attached = attached_to(one_page(text, "Steps"), roomy_model, store)
    assert answered(attached, roomy_model, "How many steps lead up from the hall?", look_again=2500).text == NOT_SAID


@pytest.mark.parametrize(
    ("question", "answer", "count"),
    [
        ("How many news articles did they use?", "a large number", "28,009"),
        ("How many news articles did they use?", "300", "300"),
        ("How many clusters were there?", "several", "several"),
        ("How many articles named Wilma?", "1", "368"),
        ("How many articles named Stan?", "457", "83"),
        ("How many articles named Stan?", "83 and many more", "83 and many more"),
    ],
)
def test_a_count_that_a_row_or_a_cell_has_is_given(
    question: str, answer: str, count: str, roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = "Source articles | 28,009\nBasic clusters | 5,543\nMetaclusters | 302\nLarge clusters | 101\n\n"
    tables += "Storm | Place | Articles\nWilma | Cuba | 368\nStan | Mexico | 83\n\n"
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    monkeypatch.setattr(Scripted, "said", [answer])
    attached = attached_to(one_page(f"{tables}They read 300 news articles of 1 year.", "News"), roomy_model, store)
    assert answered(attached, roomy_model, question, look_again=2500).text == count


def test_a_figure_within_a_number_s_word_is_put_in_words() -> None:
    said = as_spelt("4-vingt-dix francs", "Combien a-t-elle payé ?", "pour quatre-vingt-dix francs")
    assert said == "quatre-vingt-dix francs"


@pytest.mark.parametrize(
    ("question", "answer", "passage", "whole"),
    [
        ("How much is a saw?", "£12", "A saw costs between £12 and £18.", "between £12 and £18"),
        ("How much is a saw?", "£18.", "A saw costs from £12 to £18.", "from £12 to £18"),
        ("How long does it take?", "two", "It takes two or three days.", "two or three days"),
        ("How long does it burn?", "6 hours", "It burns 6 to 8 hours.", "6 to 8 hours"),
        ("How many are they?", "5", "A team has 5-7 members.", "5-7"),
        ("Wie viel kostet es?", "12 and 15 Euro", "Es kostet zwischen 12 und 15 Euro.", "zwischen 12 und 15 Euro"),
        ("Quanto dura?", "50 minuti", "Dura da 40 a 50 minuti.", "da 40 a 50 minuti"),
        ("How much faster is it?", "2x", "We achieve speedups of 2x to 20x.", "2x to 20x"),
        ("How many came at least?", "5", "Between 5 and 7 came.", "5"),
        ("How many were there?", "120", "They rose from 120 to 185.", "120"),
        ("How many points did they score?", "24", "They won 24–10.", "24"),
        ("How many gates and doors?", "2", "It has 2 and 3 of them.", "2"),
        ("When was it built?", "1904", "It was built from 1904 to 1907.", "1904"),
        ("How long did it take?", "two", "It takes two or three days, and two men.", "two"),
        ("How long does it take?", "two men", "It takes two or three days.", "two men"),
    ],
)
def test_one_end_of_a_span_is_the_whole_span(question: str, answer: str, passage: str, whole: str) -> None:
    assert with_span(answer, question, passage) == whole


def test_a_span_is_answered_whole(roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    attached = attached_to(one_page("A new saw costs between £12 and £18.", "Saws"), roomy_model, store)
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["£12"]
    answer = answered(attached, roomy_model, "How much does a saw cost?", look_again=2500)
    assert answer.text == "between £12 and £18"


def test_a_broken_off_amount_is_answered_whole(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = attached_to(one_page("A hot meal on the boat costs £8.50.", "Boat"), roomy_model, store)
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["£8"]
    assert answered(attached, roomy_model, "What is the price of the meal?", look_again=2500).text == "£8.50"


@pytest.mark.parametrize("piece", ["one ", "one and ", "1", "1,1", "1 "])
def test_rows_of_numbers_end(piece: str) -> None:
    """A pattern whose time grows with the third power of their length would take hours."""
    with_whole_figures(piece * 3000, "", f"{piece} " * 3000, "")
    assert not contradicts(piece * 3000, asks_for("Who owns the mill?"))
    contradicts(piece * 3000, asks_for("How many miles is it?"))
