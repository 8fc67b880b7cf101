"""Page numbers that a PDF draws before the end of their page's text."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pdf import Made, shown
from pypdf.generic import DecodedStreamObject, NameObject
from test_pdf_abreast import LEFT, RIGHT, Line, across

from reader.documents import Document, load

DAYS = ("first", "second", "third", "fourth", "fifth", "sixth")


def book(tmp_path: Path, pages: list[list[Line]]) -> Document:
    made = Made(shown(*pages[0]))
    for lines in pages[1:]:
        page = made.writer.add_blank_page(400, 400)
        page[NameObject("/Resources")] = made.page["/Resources"]
        stream = DecodedStreamObject()
        stream.set_data(shown(*lines))
        page[NameObject("/Contents")] = made.writer._add_object(stream)
    made.writer.write(tmp_path / "book.pdf")
    return load(tmp_path / "book.pdf")


def column(x: int, *lines: str) -> list[Line]:
    return [(x, 300 - 12 * row, line) for row, line in enumerate(lines)]


@pytest.mark.parametrize("form", ["{}", "-{}-", "- {} -", "[{}]"])
@pytest.mark.parametrize("x", [90, 280])
def test_a_number_below_the_first_column_is_no_text(tmp_path: Path, form: str, x: int) -> None:
    document = book(
        tmp_path,
        [
            [
                *column(20, f"On the {day} morning the", "captain opened the"),
                (x, 40, form.format(number)),
                *column(210, "office and read the", "log until noon.", f"Then the {day} day was over."),
            ]
            for number, day in enumerate(DAYS, start=7)
        ],
    )
    assert [page.label for page in document.pages] == [str(number) for number in range(7, 13)]
    said = " ".join(document.text.split())
    assert not any(map(str.isdigit, said))
    assert said.count("captain opened the office and read the") == len(DAYS)


def test_both_numbers_of_a_sheet_are_no_text(tmp_path: Path) -> None:
    """Two pages of a book side by side, each drawn to its end."""
    sheets = [
        [
            *column(20, f"On the {day} morning the", "captain opened the"),
            (90, 40, str(2 * at + 12)),
            *column(210, "office and read the", f"log of the {day} day."),
            (280, 40, str(2 * at + 13)),
        ]
        for at, day in enumerate(DAYS)
    ]
    document = book(tmp_path, sheets)
    assert [page.label for page in document.pages] == [f"{2 * at + 12}–{2 * at + 13}" for at in range(6)]
    said = " ".join(document.text.split())
    assert not any(map(str.isdigit, said))
    assert said.count("captain opened the office and read the") == len(DAYS)


def test_a_number_above_the_columns_that_is_drawn_between_them_is_no_text(tmp_path: Path) -> None:
    document = book(
        tmp_path,
        [
            [
                *column(20, f"On the {day} morning the", "captain opened the"),
                (190, 340, str(number)),
                *column(210, "office and read the", "log until noon."),
            ]
            for number, day in enumerate(DAYS, start=7)
        ],
    )
    assert not any(map(str.isdigit, document.text))


def test_a_number_below_the_notes_that_is_drawn_before_them_is_no_text(tmp_path: Path) -> None:
    document = book(
        tmp_path,
        [
            [
                *column(20, f"On the {day} morning the captain", "opened the office and read."),
                (190, 40, str(number)),
                (20, 90, f"* The log is lost of the {day} day."),
            ]
            for number, day in enumerate(DAYS, start=7)
        ],
    )
    assert not any(map(str.isdigit, document.text))
    assert document.text.count("The log is lost") == len(DAYS)


def test_the_foot_of_a_page_is_no_line_of_columns_that_go_across(tmp_path: Path) -> None:
    """Its parts stand below one column each."""
    foot = [(20, 200, "Notes on the harbour"), (250, 200, "-5-")]
    made = Made(shown(*across(LEFT, RIGHT), *foot))
    assert made.text(tmp_path).endswith("paid in one day. Notes on the harbour -5-")


@pytest.mark.parametrize("numbers", [[1995, 1987, 2003, 1971, 2011, 1960], [3, 3, 3, 3, 3, 3]])
def test_numbers_that_do_not_count_the_pages_are_text(tmp_path: Path, numbers: list[int]) -> None:
    document = book(
        tmp_path,
        [
            [*column(20, f"On the {day} morning", "he wrote:"), (20, 250, str(number)), *column(210, "The end.")]
            for day, number in zip(DAYS, numbers, strict=True)
        ],
    )
    assert [int(word) for word in document.text.split() if word.isdecimal()] == numbers


def test_numbers_within_the_text_that_happen_to_count_the_pages_are_text(tmp_path: Path) -> None:
    """As those of equations, and cells of a column that is drawn by itself."""
    document = book(
        tmp_path,
        [
            [
                *column(20, f"On the {day} morning he", "wrote it down as the", "answer"),
                (190, 276, f"({number})"),
                (20, 250, "and read the log until noon,"),
                (20, 238, f"which was the {day} day."),
            ]
            for number, day in enumerate(DAYS, start=1)
        ],
    )
    assert all(f"({number})" in document.text for number in range(1, 7))


PROSE = [
    "The harbour of Lyme was built of elm piles and",
    "boulders, and the merchants paid for its repair",
    "each spring. In 1825 the great storm carried away",
    "a part of the wall, and the engineers rebuilt it",
    "in stone. The keeper of the light wrote every",
    "evening how the wind stood and which vessels lay",
    "at anchor. He kept 12 lamps.",
    "Nobody paid him for them but the parish and the",
    "mayor, who came twice a year.",
    "He was glad of it.",
]


@pytest.mark.parametrize("kind", ["beside", "before", "behind", "each fifth"])
def test_numbers_of_lines_in_the_margin_are_no_text(tmp_path: Path, kind: str) -> None:
    lines = PROSE * (2 if kind == "each fifth" else 1)
    numbers = [
        (30 if at < 9 else 24, 380 - 16 * at, str(at + 1)) for at in range(len(lines)) if kind[0] == "b" or at % 5 == 4
    ]
    texts = [(60, 380 - 16 * at, line) for at, line in enumerate(lines)]
    drawn = {"before": numbers + texts, "behind": texts + numbers}
    page = drawn.get(kind) or sorted([*numbers, *texts], key=lambda line: (-line[1], line[0]))
    assert Made(shown(*page)).text(tmp_path) == " ".join(lines)


@pytest.mark.parametrize(
    "items",
    [
        [f"{what} is tested once in a year" for what in ("whether the lamp", "the kettle", "how the door")] * 4,
        [f"How often do you visit the {what} in a month?" for what in ("library", "hall", "pool")] * 4,
        ["Bristol Rovers", "Harbour Town", "Lyme Regis"] * 4,
    ],
)
def test_numbers_of_items_are_text(tmp_path: Path, items: list[str]) -> None:
    page = [(x, 380 - 16 * at, said) for at, item in enumerate(items) for x, said in ((30, str(at + 1)), (60, item))]
    assert Made(shown(*page)).text(tmp_path).startswith(f"1 {items[0]} 2 {items[1]} 3 {items[2]}")
