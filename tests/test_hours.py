"""Whether a place is open on a day or at a time, and the days and times that a text names."""

from __future__ import annotations

import pytest
from helpers.answers import answered, attached_to
from helpers.documents import one_page
from helpers.effort import little_effort

from reader.answering.extractive.hours import opening
from reader.answering.passages import Source
from reader.answering.text.weekdays import clauses
from reader.models import Model
from storage import PageRecord, Store

MUSEUM = """Glass Museum

Opening hours

We are open from Tuesday to Friday, 10 am to 5 pm. At weekends we open at noon and close at 4 pm. The museum is closed on Mondays,
on 24 and 25 December and on bank holidays.

The café in the yard is open daily except Thursdays, until 6 pm. It does not open on Sundays.

The shop sells glass.
"""
BATHS = """Stadtbad Dorla

Öffnungszeiten

Montag: geschlossen
Dienstag bis Freitag: 7–21 Uhr
Samstag, Sonntag: 9–18 Uhr

Die Sauna ist mittwochs und freitags ab 14 Uhr geöffnet.
"""
TABLE = """Tarn Cycles

Days | Summer | Winter
Monday to Friday | 8.30 am to 6 pm | 9 am to 4 pm
Saturday | 8 am to 7 pm | 9 am to 5 pm
Sunday | 9 am to 5 pm | closed
"""
PLACES = """Town baths

Place | Mon | Tue | Sat
Pool | 7–21 | 9–18 | closed
Sauna | closed | 10–20 | 10–22
"""
LINES = """Rathaus Dorla

Öffnungszeiten: Mo–Do 8–16 Uhr, Fr 8–12 Uhr
Café: Di–So 10–18 Uhr
"""
CINEMA = """Cinéma de Trevel

Le cinéma est ouvert tous les jours, sauf le mardi, de 14h à 23h. La boutique ouvre du vendredi au dimanche, de 14h à 18h.
"""
GARDEN = """Jardín de Almera

De marzo a octubre el jardín abre de martes a domingo, de 9 a 20 horas. De noviembre a febrero abre de miércoles a domingo, de 10 a
17 horas. Los lunes está cerrado.
"""
ZOO = """Zoo Almtal

Der Zoo hat täglich von 9 bis 18 Uhr geöffnet, im Winter nur bis 16 Uhr. Montags ist Ruhetag. Die Kasse ist samstags von 9 bis 12
Uhr besetzt.
"""
FERRY = """Sound Ferries: Kelsa to Orrin Island

The Marigold sails daily except Tuesdays from April to October. In winter, from November to March, she sails on Mondays, Wednesdays
and Fridays only. The ticket office on Kelsa pier is open on every sailing day from 8 am to 6:30 pm.
"""
CLUB = """Hill Lane notices

Bus 12 runs every half hour on weekdays and every hour on Sundays. Bus 14 does not run on Sundays. The chess club meets on Tuesdays
at 7 pm. We deliver on Fridays and Saturdays.
"""
WALKS = """Hollin walking club

The short walk meets on Wednesdays at 10 am at the hut. There is no Wednesday walk in January. The hut is open daily from 9 am to 5
pm. It is closed on Mondays in winter.
"""
BOAT = """Fähre Kelm

Die Fähre fährt täglich außer dienstags. Im Winter fährt sie nicht am Sonntag. Der Bus verkehrt montags bis freitags.
"""
CLINIC = """Hartwell Surgery

The surgery is open Mon–Fri, 8 am to 6:30 pm. On Wednesdays we close at 1 pm. On the first Saturday of the month there is a clinic
from 9 am to noon.
"""


def source_of(text: str, title: str = "Notice") -> Source:
    return Source(title, title, (PageRecord(title, 1, "1", 0, len(text), text),), len(text))


def said(text: str, question: str) -> str:
    found = opening(question, [source_of(text)])
    return found.text if found else ""


@pytest.mark.parametrize(
    ("text", "question", "begins", "holds"),
    [
        (MUSEUM, "Is the museum open on Mondays?", "No. ", "closed on Mondays"),
        (MUSEUM, "Is it closed on Monday?", "Yes. ", "closed on Mondays"),
        (MUSEUM, "Can I visit on a Sunday?", "Yes. ", "At weekends we open at noon"),
        (MUSEUM, "Can I visit on a Sunday morning?", "No. ", "At weekends we open at noon"),
        (MUSEUM, "Is the museum open on Saturday at 3 pm?", "Yes. ", "close at 4 pm"),
        (MUSEUM, "Are you open at the weekend?", "Yes. ", "At weekends"),
        (MUSEUM, "Is the museum open every day?", "No. ", "closed on Mondays"),
        (MUSEUM, "Is the museum open on bank holidays?", "No. ", "bank holidays"),
        (MUSEUM, "Is it open at 8 pm?", "No. ", "10 am to 5 pm"),
        (MUSEUM, "When does the museum close on Saturdays?", "At weekends", "4 pm"),
        (MUSEUM, "Is the café open on Thursdays?", "No. ", "daily except Thursdays"),
        (MUSEUM, "Is the café open on Sundays?", "No. ", "It does not open on Sundays."),
        (BATHS, "Ist das Bad am Montag geöffnet?", "Nein. ", "Montag: geschlossen"),
        (BATHS, "Hat das Bad samstags um 19 Uhr offen?", "Nein. ", "Samstag, Sonntag: 9–18 Uhr"),
        (BATHS, "Wann schließt das Stadtbad am Donnerstag?", "Dienstag bis Freitag", "21 Uhr"),
        (BATHS, "Ist die Sauna am Freitag um 16 Uhr geöffnet?", "Die Sauna", "ab 14 Uhr"),
        (BATHS, "Ist die Sauna am Freitagvormittag geöffnet?", "Nein. ", "ab 14 Uhr"),
        (TABLE, "Is it open on Sundays in winter?", "No. ", "Winter: closed"),
        (TABLE, "Is it open on Sundays in summer?", "Yes. ", "Summer: 9 am to 5 pm"),
        (TABLE, "Is it open on Sundays?", "Sunday", "Winter: closed"),
        (TABLE, "When does it close on Saturdays in summer?", "Saturday", "8 am to 7 pm"),
        (PLACES, "Is the sauna open on Mondays?", "No. ", "Sauna | Mon: closed"),
        (PLACES, "Is the pool open on Saturdays?", "No. ", "Pool | Sat: closed"),
        (PLACES, "Is the pool open on Sunday?", "No.\n", "Pool | Tue: 9–18"),
        (LINES, "Ist das Rathaus am Freitag um 14 Uhr geöffnet?", "Nein. ", "Fr 8–12 Uhr"),
        (LINES, "Hat das Café montags auf?", "Nein. ", "Di–So"),
        (CINEMA, "Le cinéma est-il ouvert le mardi ?", "Non. ", "sauf le mardi"),
        (CINEMA, "Est-ce que la boutique est ouverte le samedi ?", "Oui. ", "du vendredi au dimanche"),
        (CINEMA, "À quelle heure ferme le cinéma le lundi ?", "Le cinéma", "23h"),
        (GARDEN, "¿Está abierto el jardín los lunes?", "No. ", "cerrado"),
        (GARDEN, "¿Abre el jardín los martes en invierno?", "No. ", "De noviembre a febrero"),
        (GARDEN, "¿Abre el jardín los martes?", "De marzo", "De noviembre"),
        (ZOO, "Hat der Zoo im Winter sonntags um 17 Uhr offen?", "Nein. ", "im Winter nur bis 16 Uhr"),
        (ZOO, "Ist der Zoo am Sonntag um 17 Uhr geöffnet?", "Der Zoo", "im Winter nur bis 16 Uhr"),
        (ZOO, "Ist der Zoo am Montag geöffnet?", "Nein. ", "Montags ist Ruhetag."),
        (ZOO, "Ist die Kasse am Sonntag geöffnet?", "Nein. ", "samstags von 9 bis 12 Uhr besetzt"),
        (CLINIC, "Is the surgery open on Wednesday at 3 pm?", "No. ", "we close at 1 pm"),
        (CLINIC, "Is the surgery open on Wednesday at 9 am?", "Yes. ", "we close at 1 pm"),
        (CLINIC, "Is the surgery open on Saturdays?", "On the first Saturday", "a clinic"),
        (CLINIC, "Is the surgery open on Sundays?", "No. ", "Mon–Fri"),
        (FERRY, "Does the ferry sail on Tuesdays?", "No. ", "daily except Tuesdays"),
        (FERRY, "Does the ferry sail on Sundays in summer?", "Yes. ", "daily except Tuesdays"),
        (FERRY, "Does the Marigold sail on Mondays in winter?", "Yes. ", "she sails on Mondays"),
        (FERRY, "Does the ferry sail on Sundays?", "The Marigold", "Fridays only"),
        (WALKS, "Does the short walk meet on Wednesdays in January?", "No. ", "no Wednesday walk in January"),
        (WALKS, "Does the short walk meet on Wednesdays in May?", "Yes. ", "on Wednesdays at 10 am"),
        (WALKS, "Does the short walk meet on Wednesdays?", "The short walk", "no Wednesday walk in January"),
        (WALKS, "Is the hut open on Mondays in December?", "No. ", "closed on Mondays in winter"),
        (WALKS, "Is the hut open on Mondays in June?", "Yes. ", "open daily"),
        (CLUB, "Does bus 12 run on Sundays?", "Yes. ", "every hour on Sundays"),
        (CLUB, "Does bus 14 run on Sundays?", "No. ", "Bus 14 does not run"),
        (CLUB, "Does the chess club meet on Mondays?", "No. ", "on Tuesdays at 7 pm"),
        (CLUB, "When does the chess club meet on Tuesdays?", "The chess club", "7 pm"),
        (CLUB, "Do you deliver on Saturdays?", "Yes. ", "Fridays and Saturdays"),
        (BOAT, "Fährt die Fähre dienstags?", "Nein. ", "außer dienstags"),
        (BOAT, "Fährt die Fähre im Winter am Sonntag?", "Nein. ", "nicht am Sonntag"),
        (BOAT, "Verkehrt der Bus am Samstag?", "Nein. ", "montags bis freitags"),
    ],
)
def test_what_is_open_is_said_with_the_sentence_that_says_so(text: str, question: str, begins: str, holds: str) -> None:
    found = " ".join(text.split())
    answer = said(text, question)
    assert answer.startswith(begins)
    assert holds in answer
    assert "|" in answer or all(
        line.partition(". ")[2] in found for line in answer.splitlines() if line[:3] in ("Yes", "No.")
    )


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (MUSEUM, "Is the sauna open on Sundays?"),  # of another place
        (MUSEUM, "Is the shop open on Mondays?"),
        (MUSEUM, "Is the museum open?"),
        (MUSEUM, "Is the museum open today?"),
        (MUSEUM, "Is the museum open on Tuesday, 24 December?"),
        (MUSEUM, "Was the museum open on Monday?"),
        (MUSEUM, "Who is there on Mondays?"),
        (CLINIC, "Is the surgery open on bank holidays?"),
        (FERRY, "Does the ferry leave a deposit on Tuesdays?"),
        (CLUB, "Does the choir meet on Tuesdays?"),
        (CLUB, "Does bus 15 run on Sundays?"),
        ("The inn\n\nThe door was open on Sunday. On Monday she left at 9 am.", "Is the inn open on Sundays?"),
        ("The inn\n\nThe inn is open in summer. It has 20 rooms.", "Is the inn open on Sundays?"),
        ("The inn\n\nOn Mondays from 2 to 4 pm there is music.", "Is the inn open on Sundays?"),
    ],
)
def test_where_the_text_does_not_say_the_question_goes_on_its_way(text: str, question: str) -> None:
    assert said(text, question) == ""


def test_each_of_several_documents_says_it_below_its_title() -> None:
    found = opening("Is it open on Mondays?", [source_of(MUSEUM, "Museum"), source_of(BATHS, "Baths")])
    assert found is not None
    assert found.text.startswith("Museum\nNo. The museum is closed on Mondays")
    assert found.text.endswith("\n\nBaths\nNo. Montag: geschlossen")


def test_only_pages_that_were_read_are_asked() -> None:
    page = PageRecord("d", 1, "1", 0, len(MUSEUM), MUSEUM)
    assert opening("Is it open on Mondays?", [Source("d", "Notice", (page,), len(MUSEUM) - 1)]) is None


def test_the_sentence_is_the_quote(tiny_model: Model, store: Store) -> None:
    attached = attached_to(one_page(MUSEUM, "Glass Museum"), tiny_model, store)
    answer = answered(attached, tiny_model, "Is the café open on Sundays?")
    assert (answer.text, answer.answer_tokens) == ("No. It does not open on Sundays.", 0)
    assert answer.evidence[0].quote == "It does not open on Sundays."


@pytest.mark.parametrize(
    ("text", "days", "times"),
    [
        (
            "open Tue–Sat 10–5, Sundays 12–4, closed Mondays",
            [{1, 2, 3, 4, 5}, {6}, {0}],
            [[(600, 1020)], [(720, 960)], []],
        ),
        (
            "until 8 pm on weekdays and until 5 pm on Saturdays",
            [{0, 1, 2, 3, 4}, {5}],
            [[(None, 1200)], [(None, 1020)]],
        ),
        ("daily from 8 am to noon and from 4 to 7 pm", [set(range(7))], [[(480, 720), (960, 1140)]]),
        ("lundi à jeudi de 9h30 à 12h", [{0, 1, 2, 3}], [[(570, 720)]]),
        ("closed on Mondays and on 24 and 25 December", [{0}], [[]]),
        ("They are closed until Monday.", [set()], [[]]),
        ("from Friday to Monday, 10 pm to 2 am", [{4, 5, 6, 0}], [[(1320, 1560)]]),
        ("A ticket is £4.50 on Sundays.", [{6}], [[]]),
        ("In May we sat in the sun with 20 people.", [], []),
    ],
)
def test_days_and_times_are_read(text: str, days: list[set[int]], times: list[list[tuple[int | None, int]]]) -> None:
    found = clauses(text)
    assert [one.days for one in found] == days
    assert [one.times for one in found] == times


@pytest.mark.parametrize(
    "text",
    [
        "Monday " * 20_000,
        "Mon–" * 20_000,
        "open 9 " * 20_000,
        "?" * 20_000,
        "We are open on Monday from 9 am to 5 pm. " * 4_000,
        "The cat sat on the open mat on Sunday 9. " * 4_000,
        "Monday: 9–17 Uhr\n" * 6_000,
        "Day | Hours | More\n" + "Monday | 9–17 | closed\n" * 4_000,
    ],
)
def test_hostile_text_takes_no_time(text: str) -> None:
    with little_effort():
        said(text, "Is the library open on Mondays at 8 pm?")
        said(MUSEUM, f"Is the library open {text}?")


def test_a_day_that_is_another_once_a_month_is_answered_with_both() -> None:
    usual = "We are open from Tuesday to Saturday, 10 am to 5 pm."
    once = "On the first Thursday of each month we stay open until 9 pm."
    text = f"The Tannery\n\n{usual} {once}\n"
    assert said(text, "How late are you open on Thursdays?") == f"{usual} {once}"
    assert said(text, "How late are you open on Fridays?") == usual
    found = opening("How late are you open on Thursdays?", [source_of(text)])
    assert found is not None
    assert [passage.text for passage in found.passages] == [f"{usual} {once}"]
