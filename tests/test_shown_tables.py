"""Tables as a decoder is shown them: the asked rows and columns of a passage, each value beside the name of its column."""

from __future__ import annotations

import pytest
from helpers.answers import answered, attached_to

from reader.answering import make_prompt
from reader.answering.passages import Passages, Source
from reader.answering.text.tables import Shown, as_value, shown, tables
from reader.documents import Document, Page
from reader.models.model import Model
from storage import PageRecord, Store

FARES = """\
All fares are in pounds.

| Route | Adult single | Child single | Car |
|---|---|---|---|
| Harrow Quay – Orrin | 8.40 | 4.20 | 31.00 |
| Harrow Quay – Skarra | 12.70 | 6.35 | 48.50 |
| Ellan – Tove | 6.10 | 3.05 | – |
| Total | 27.20 | 13.60 | 79.50 |

Dogs travel free."""


def look(text: str, question: str, start: int = 0, end: int | None = None) -> Shown:
    """A passage of a page that begins at character 1,000 of its document."""
    page = PageRecord("d", 3, "3", 1000, 1000 + len(text), text)
    seen = shown(text[start:end], 1000 + start, tables([page]), question)
    assert len(seen.places) == len(seen.text)
    assert all(text[place - 1000] == char for char, place in zip(seen.text, seen.places, strict=True) if place >= 0)
    return seen


def rows(seen: Shown) -> list[str]:
    return [line for line in seen.text.split("\n") if " | " in line]


def test_of_a_table_the_row_and_the_column_are_shown_that_a_question_names() -> None:
    seen = look(FARES, "How much is a child single to Skarra?")
    assert seen.text == (
        "All fares are in pounds.\n\nRoute: Harrow Quay – Skarra | Child single: 6.35\n\nDogs travel free."
    )
    assert seen.has_cell


def test_a_value_stands_beside_the_name_of_its_column() -> None:
    seen = look(FARES, "What is this about?")
    assert rows(seen)[0] == "Route: Harrow Quay – Orrin | Adult single: 8.40 | Child single: 4.20 | Car: 31.00"
    assert len(rows(seen)) == 4
    assert not seen.has_cell


@pytest.mark.parametrize(
    ("question", "shown_rows"),
    [
        ("Which is dearer for a car, Orrin or Skarra?", ["Orrin | Car: 31.00", "Skarra | Car: 48.50"]),
        ("Which route has a car for 31.00?", ["Harrow Quay – Orrin | Car: 31.00"]),
        ("What does it cost to Tove?", ["Ellan – Tove | Adult single: 6.10 | Child single: 3.05 | Car: –"]),
    ],
)
def test_rows_are_compared_and_found_by_their_values(question: str, shown_rows: list[str]) -> None:
    found = rows(look(FARES, question))
    assert len(found) == len(shown_rows)
    assert all(row.endswith(end) for row, end in zip(found, shown_rows, strict=True))


def test_a_row_of_the_table_is_shown_if_its_passage_ends_before_or_begins_behind_it() -> None:
    tove = FARES.index("| Ellan")
    assert rows(look(FARES, "What is the adult single to Tove?", end=tove - 1)) == [
        "Route: Ellan – Tove | Adult single: 6.10"
    ]
    assert rows(look(FARES, "What does a car to Orrin cost?", start=tove)) == [
        "Route: Harrow Quay – Orrin | Car: 31.00"
    ]
    assert rows(look(FARES, "What is it about?", start=tove))[0].startswith("Route: Ellan – Tove | Adult single: 6.10")


@pytest.mark.parametrize(
    "table",
    [
        "Weight | 3 kg\nHeight | 20 cm\nColour | red",  # two columns, and no names
        "1 | 2 | 3\n4 | 5 | 6",
        "Anna | baker | Ulm\nBert | smith | Bonn",  # the first row may be one like the others
    ],
)
def test_a_table_without_names_of_columns_stays_as_it_is(table: str) -> None:
    assert (
        look(f"It begins.\n\n{table}\n\nIt ends.", "What is this about?").text == f"It begins.\n\n{table}\n\nIt ends."
    )


def test_years_and_times_of_day_are_names_and_values() -> None:
    cargo = "| 2022 | 2023\nGrain | 455 | 471\nTimber | 128 | 104"
    assert rows(look(cargo, "How much timber was there in 2022?")) == ["Timber | 2022: 128"]
    boats = "Day | First | Last\nSaturday | 08:00 | 19:20\nSunday | 09:45 | 17:55"
    assert rows(look(boats, "When does the last boat leave on Sunday?")) == ["Day: Sunday | Last: 17:55"]


def test_a_column_may_be_called_otherwise_than_it_is_asked_for() -> None:
    berths = "Berth | Length (m) | Depth (m) | Price\nMill Wharf | 140 | 7.2 | 30\nEast Jetty | 205 | 9.0 | 45"
    assert rows(look(berths, "How long is the East Jetty?")) == ["Berth: East Jetty | Length (m): 205"]
    assert rows(look(berths, "What does the East Jetty cost?")) == ["Berth: East Jetty | Price: 45"]


def test_a_row_is_named_by_its_words_and_by_its_number_where_it_has_no_others() -> None:
    courses = "Code | Course | Fee | Places\nC21 | Pottery | £265 | 8\nB04 | Bookkeeping | £240 | 20"
    assert rows(look(courses, "How much does the bookkeeping course cost?")) == ["Course: Bookkeeping | Fee: £240"]
    assert rows(look(courses, "What is the code of the pottery course?")) == ["Code: C21 | Course: Pottery"]
    visits = "Year | Adults | Children\n2022 | 52,019 | 16,447\n2023 | 63,871 | 19,960"
    assert rows(look(visits, "How many children came in 2022?")) == ["Year: 2022 | Children: 16,447"]


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("9.9", "9.9 g"),
        ("Dish: Fish pie", "Fish pie"),
        ("Protein (g): 9.9.", "9.9 g"),
        ("2.50", "£2.50"),
        ("3", "3"),  # of what, two columns say
        ("fish, milk", "fish, milk"),
        ("Note: no salt", "Note: no salt"),
        ("7", "7"),
    ],
)
def test_an_answer_that_is_a_cell_has_its_unit_and_not_its_name(answer: str, value: str) -> None:
    table = "Dish | Protein (g) | Price (£) | Salt (g) | Portions | With\nFish pie | 9.9 | 2.50 | 3 | 3 | fish, milk"
    assert as_value(answer, look(f"Note: no salt\n\n{table}", "What is this about?").cells) == value


def on_pages(*texts: str) -> Passages:
    pages, start = [], 0
    for number, text in enumerate(texts, start=1):
        pages.append(PageRecord("d", number, str(number), start, start + len(text), text))
        start += len(text)
    return Passages([Source("d", "Machines", tuple(pages), start)])


HEAD = "Number | Machine | Price\n"


def test_a_table_goes_on_over_a_page() -> None:
    first = HEAD + "\n".join(f"M-{at} | Saw {at} | {at * 7}" for at in range(100, 130)) + "\n"
    second = "\n".join(f"M-{at} | Saw {at} | {at * 7}" for at in range(130, 160)) + "\n\nAll of them work."
    index = on_pages(first, second)
    last = index.all[-1]
    assert last.page == 2
    assert last.header == HEAD.strip()
    assert rows(index.shown(last, "What is the price of M-158?")) == ["Number: M-158 | Machine: Saw 158 | Price: 1106"]
    # Also of what is on the other page.
    assert rows(index.shown(index.all[0], "What is the price of M-159?")) == [
        "Number: M-159 | Machine: Saw 159 | Price: 1113"
    ]


def test_an_answer_names_every_page_that_was_shown(roomy_model: Model, store: Store) -> None:
    prose = "The machines of the works are let by the day, each with its price in pounds. " * 6
    first = f"{prose}\n{HEAD}" + "\n".join(f"M-{at} | Saw {at} | {at * 7}" for at in range(100, 106)) + "\n"
    second = "M-106 | Lathe | 9000\nM-107 | Drill | 20\n\nAll of them work."
    pages = (Page(1, "1", 0, len(first)), Page(2, "2", len(first), len(first + second)))
    attached = attached_to(Document(first + second, pages, "Machines", "m.txt", "text", 0), roomy_model, store)
    passage = next(one for one in attached.passages.all if one.page == 1 and "M-105" in one.text)
    prompt = make_prompt("How sharp is the lathe?", roomy_model, [passage], attached.passages)
    assert [(row.page, row.text) for row in prompt.rows] == [(2, "M-106 | Lathe | 9000")]
    answer = answered(attached, roomy_model, "How sharp is the lathe?", look_again=2500)
    assert {one.page for one in answer.looked_again} == {1, 2}
    prompt = make_prompt("What is the price of M-105?", roomy_model, [passage], attached.passages)
    assert prompt.rows == ()


def test_a_first_row_that_is_repeated_on_a_page_is_no_row() -> None:
    index = on_pages(f"{HEAD}M-1 | Saw | 3\n", f"{HEAD}M-2 | Lathe | 5\n")
    assert rows(index.shown(index.all[-1], "What is there?")) == ["Number: M-2 | Machine: Lathe | Price: 5"]


@pytest.mark.parametrize("between", ["The next year it was so.\n", "Number | Owner | Since\n"])
def test_another_table_on_the_next_page_has_names_of_its_own(between: str) -> None:
    index = on_pages(f"{HEAD}M-1 | Saw | 3\n", f"{between}M-2 | Oduya | 2019\nM-3 | Vale | 2020\n")
    assert "Machine" not in index.shown(index.all[-1], "What is there?").text


def test_a_page_that_is_not_read_yet_is_not_shown() -> None:
    pages = [f"{HEAD}M-1 | Saw | 3\nM-2 | Saw | 4\n", "M-3 | Lathe | 9\n"]
    records = [PageRecord("d", 1, "1", 0, len(pages[0]), pages[0])]
    records.append(PageRecord("d", 2, "2", len(pages[0]), sum(map(len, pages)), pages[1]))
    index = Passages([Source("d", "Machines", tuple(records), len(pages[0]))])
    assert len(rows(index.shown(index.all[0], "What is the price of the lathe?"))) == 2


def test_rows_of_prose_are_all_shown() -> None:
    clause = "The tenant may keep a dog if the landlord has agreed to it in writing before it comes."
    table = "No. | Clause | Since\n" + "\n".join(f"{number} | {clause} | 2019" for number in range(4))
    assert len(rows(look(table, "May the tenant of flat 2 keep a dog?"))) == 4


def test_a_row_that_a_passage_has_only_in_part_stays_as_it_is() -> None:
    long = "Ship | Cargo | Tons\nMarigold | " + "wool and tallow, " * 40 + "| 37"
    seen = look(long, "What did the Marigold carry?", start=100, end=300)
    assert seen.text == long[100:300]


@pytest.mark.parametrize(
    "line", ["|" * 500_000, "| " * 250_000, "|-" * 250_000 + "x", "1" + "," * 500_000, "-" * 500_000]
)
def test_a_line_of_half_a_million_signs_does_not_hold_a_question_up(line: str) -> None:
    assert "Dogs" in look(f"A | B | C\nDogs | 2 | 3\n{line}\nCats | {line} | 4", "How many dogs?", end=30).text


def test_empty_cells_and_cells_too_many_lose_nothing() -> None:
    table = "Ship | Captain | Tons\nMarigold | | 37\nHope | Oke | 12 | sunk\n| Vale | 4"
    assert rows(look(table, "What is this?")) == [
        "Ship: Marigold | Tons: 37",
        "Hope | Oke | 12 | sunk",
        "Captain: Vale | Tons: 4",
    ]
