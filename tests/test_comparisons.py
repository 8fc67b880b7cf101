"""Questions that need several values of a document: the most, the longer of two, sums, counts, limits, which things have what."""

from __future__ import annotations

import pytest
from helpers.answers import answered, attached_to
from helpers.documents import one_page

from reader.answering.extractive.comparisons import compared
from reader.answering.extractive.limits import limited
from reader.answering.passages import Passages, Source
from reader.answering.text.values import decimal_sign, value
from reader.models import Model
from storage import PageRecord, Store

FERRIES = """Ferries of the Sound

| Ferry | Length (m) | Berths | Crossing | Adult | Bicycles |
| --- | --- | --- | --- | --- | --- |
| Auk | 42.5 | 1,080 | 1 h 10 min | £9.50 | yes |
| Skua | 61 | 960 | 55 min | £12.00 | no |
| Old Tern | 38 | – | 2 h | £8.00 | on deck |

The crossing to Fair Holm takes 35 minutes, and the crossing to Long Holm takes 90 minutes. A meal costs £7 for a passenger
and £4 for a member of the crew.
"""
PUMPS = """Two pumps

Small pump

Flow: 120 l/min
Price: $85
Warranty: one year

Large pump

Flow: 300 l/min
Price: $140
Warranty: three years
"""
ACROSS = "Drills\n\n | D1 | D2\nWeight | 1.2 kg | 900 g\nPrice | 80 € | 95 €\n"
HUTS = """Hütten

Hütte | Höhe in m | Betten
Kar | 1.480 | 64
Grat | 2.210 | 112
"""
TARIFS = "Tarifs\n\nLogement | Été | Hiver\nCabane | 58 € | 42 €\nYourte | 84 € | 65,50 €\nFamille | 99 € | 70 €\n"
BUSES = """Buses

| Line | Departs | Fare | First day |
| --- | --- | --- | --- |
| Red | 7:30 am | £2 | 3 May 2024 |
| Blue | 11:15 am | £3.50 | 1 June 2023 |
| Green | 1 pm | £3 | 5 May 2024 |
"""
CURSOS = "Cursos\n\nCurso | Horas | Precio\nForja | 48 | 310 €\nTelar | 36 | 150 €\n"


def said(text: str, question: str) -> str | None:
    title, _, _ = text.partition("\n")
    source = Source("d", title, (PageRecord("d", 1, "1", 0, len(text), text),), len(text))
    passages = Passages([source])
    found = limited(question, [source], passages) or compared(question, [source], passages)
    assert found is None or all(passage.text in text for passage in found.passages)
    return found and found.text


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (FERRIES, "Which ferry has the most berths?", "Auk"),
        (FERRIES, "Which is the longest ferry?", "Skua"),
        (FERRIES, "Which ferry takes the least time?", "Skua"),
        (FERRIES, "What is the shortest crossing?", "55 min (Skua)"),
        (FERRIES, "Which is longer, the Auk or the Old Tern?", "Auk"),
        (FERRIES, "Does the Auk have more berths than the Skua?", "Yes. Berths: Auk 1,080, Skua 960"),
        (FERRIES, "How much longer is the Skua than the Auk?", "18.5 m"),
        (FERRIES, "How many ferries are there?", "3"),
        (FERRIES, "Which ferries take bicycles?", "Auk, Old Tern (on deck)"),
        (FERRIES, "Which takes longer, the crossing to Fair Holm or to Long Holm?", "Long Holm"),
        (FERRIES, "How much do two passengers and one member of the crew pay for a meal?", "£18"),
        (FERRIES, "Which ferry has the highest price for an adult?", "Skua"),
        (FERRIES, "Which ferry has the most lifeboats?", "The document does not say."),
        (FERRIES, "How much longer does the Skua take than the Auk?", None),
        (FERRIES, "Is the Auk or the Skua longer?", "Skua"),
        (FERRIES, "Which ferries are longer than 40 m?", "Auk, Skua"),
        (FERRIES, "Which ferry has less than 1,000 berths?", "Skua"),
        (FERRIES, "How many ferries take bicycles?", None),  # on deck: maybe
        (PUMPS, "Which pump has the higher flow?", "Large pump"),
        (
            PUMPS,
            "Is the warranty of the small pump longer than the one of the large pump?",
            "No. Warranty: Small pump one year, Large pump three years",
        ),
        (PUMPS, "How much do the small and the large pump cost together?", "$225"),
        (ACROSS, "Which is heavier, the D1 or the D2?", "D1"),
        (ACROSS, "How much more does the D2 cost than the D1?", "15 €"),
        (HUTS, "Welche Hütte liegt am höchsten?", "Grat"),
        (HUTS, "Hat die Hütte Kar mehr Betten als die Hütte Grat?", "Nein. Betten: Kar 64, Grat 112"),
        (TARIFS, "Combien coûtent ensemble une cabane et une yourte en hiver ?", None),
        (TARIFS, "Quel logement est le moins cher ?", "Cabane"),
        (CURSOS, "¿Qué curso tiene menos horas?", "Telar"),
        (CURSOS, "¿Cuánto cuestan juntos Forja y Telar?", "460 €"),
    ],
)
def test_values_of_several_things_are_compared_and_summed(text: str, question: str, answer: str) -> None:
    assert said(text, question) == answer


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (FERRIES, "Which ferries have at least 960 berths?", "Auk, Skua"),
        (FERRIES, "Which ferries take no more than one hour?", "Skua"),
        (FERRIES, "Which ferries cost an adult between £9 and £10?", "Auk"),
        (FERRIES, "Which ferries are under £5 for an adult?", "None"),
        (FERRIES, "How many ferries are over 40 m long?", "2 (Auk, Skua)"),
        (BUSES, "Which lines cost £3 or more?", "Blue, Green"),
        (BUSES, "Which lines cost between £1.50 and £3?", "Red, Green"),
        (BUSES, "Which lines depart before 11.30 am?", "Red, Blue"),
        (BUSES, "Which lines have a first day after 2 April 2024?", "Red, Green"),
        (BUSES, "Which lines have a first day after April?", None),  # of which year?
        (HUTS, "Welche Hütten liegen über 2.000 m?", "Grat"),
        (HUTS, "Welche Hütte hat mindestens 500 Betten?", "Keine"),
        (TARIFS, "Quels logements coûtent moins de 50 euros en hiver ?", "Cabane"),
        (CURSOS, "¿Qué cursos cuestan al menos 200 €?", "Forja"),
    ],
)
def test_all_things_within_a_limit_are_named(text: str, question: str, answer: str | None) -> None:
    assert said(text, question) == answer


@pytest.mark.parametrize(
    "question",
    [
        "Which ferry sails most often?",
        "Which ferry with bicycles is the longest?",
        "Which ferry is not the longest?",
        "What is the price of the longest ferry?",
        "What does the longest ferry cost?",
        "Which ferries are over 40 m or free?",
        "Which ferries are free for people under 5?",
        "Which ferries have lifeboats for more than 20 people?",
        "How much do adults and bicycles pay?",
        "Which ferry has the second most berths?",
        "Which is longer, the Auk or the Puffin?",
        "Does the Auk have larger berths than the Skua?",
        "How many berths are there?",
        "How much does an adult pay for the Auk?",
    ],
)
def test_what_is_not_understood_is_left_to_the_decoder(question: str) -> None:
    assert said(FERRIES, question) is None


@pytest.mark.parametrize(
    ("texts", "sizes"),
    [
        (["1,250", "980"], [1250, 980]),
        (["1.250 €", "9,50 €"], [1250, 9.5]),
        (["1 h 15 min", "90 minutes"], [4500, 5400]),
        (["2 kg", "900 g"], [2000, 900]),
        (["1.250", "7"], [None, 7]),  # one and a quarter, or more than a thousand
        (["10 to 12", "31 March 2025"], [None, None]),
    ],
)
def test_values_are_read_with_their_units(texts: list[str], sizes: list[float | None]) -> None:
    found = [value(text, decimal_sign(texts)) for text in texts]
    assert [one and one.size for one in found] == sizes


@pytest.mark.parametrize(
    ("sentence", "answer"),
    [
        ("The mill cost £900,000 and the barn £40,000.", "the mill"),
        ("The mill cost £1.5 million and the barn £900,000.", None),
        ("The mill costs £2 an hour and the barn £15 a day.", None),
        ("The mill lasts 20 years and the barn 30 years.", None),
    ],
)
def test_a_sentence_compares_what_is_alike(sentence: str, answer: str | None) -> None:
    assert said(f"Buildings\n\n{sentence}\n", "Which is dearer, the mill or the barn?") == answer


def test_an_answer_quotes_its_row(tiny_model: Model, store: Store) -> None:
    attached = attached_to(one_page(FERRIES, "Ferries of the Sound"), tiny_model, store)
    answer = answered(attached, tiny_model, "Which ferry has the most berths?")
    assert answer.text == "Auk"
    assert answer.evidence[0].quote.startswith("| Auk")
