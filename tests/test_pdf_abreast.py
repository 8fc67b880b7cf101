"""Columns of prose that a PDF draws line by line across the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pdf import Made, shown

LEFT = [
    "The harbour was quiet in the",
    "morning and nobody came to",
    "the pier before nine o'clock,",
    "when the captain, whose name",
    "was Oduya, opened the har-",
    "bour office. He had kept the",
    "keys for ten years and lost a",
    "single one of",
]
RIGHT = [
    "them. In the second year the",
    "mill burnt down and the town",
    "built it again out of stones",
    "from the old wall. The cost",
    "was 4,200 crowns, a sum that",
    "nobody had ever seen before,",
    "and it was paid in one day.",
]
THIRD = [
    "Since that day the mill has",
    "stood still, for the miller",
    "had gone to sea, and no one",
    "has come back to ask for it",
    "or to pay what is owed, and",
    "it will so remain.",
]
READ = " ".join(LEFT).replace("har- bour", "harbour")

Line = tuple[int, int, str]


def across(*columns: list[str], lower: int = 0, top: int = 350) -> list[Line]:
    """Lines of columns side by side, each column lower than the one before, in the order of their heights."""
    lines = [
        (20 + 190 * column, top - lower * column - 12 * row, line)
        for column, text in enumerate(columns)
        for row, line in enumerate(text)
    ]
    return sorted(lines, key=lambda line: -line[1])


def text_of(tmp_path: Path, *lines: Line, more: bytes = b"") -> str:
    made = Made(shown(*lines) + more)
    made.page.mediabox.upper_right = (600, 400)
    return made.text(tmp_path)


@pytest.mark.parametrize("lower", [0, 3, -3])
def test_columns_are_read_one_after_the_other(tmp_path: Path, lower: int) -> None:
    assert text_of(tmp_path, *across(LEFT, RIGHT, lower=lower)) == f"{READ} {' '.join(RIGHT)}"


def test_three_columns_are_three(tmp_path: Path) -> None:
    assert text_of(tmp_path, *across(LEFT, RIGHT, THIRD)) == f"{READ} {' '.join(RIGHT)} {' '.join(THIRD)}"


def test_what_goes_across_the_page_stays_before_and_after(tmp_path: Path) -> None:
    head, foot = "A heading over both of the columns of this page, which is long", "The foot of the page."
    text = text_of(tmp_path, (20, 380, head), *across(LEFT, RIGHT[:5]), (20, 220, foot))
    assert text == f"{head} {READ} {' '.join(RIGHT[:5])} {foot}"


def test_raised_digits_beside_the_other_column_stay_with_their_word(tmp_path: Path) -> None:
    note = b"BT /F1 6 Tf 1 0 0 1 150 342 Tm (3) Tj ET"
    text = text_of(tmp_path, *across(LEFT, RIGHT), more=note)
    assert text.startswith("The harbour was quiet in the morning and nobody came to[3] the pier")


def test_lines_with_a_hole_in_them_stay_lines(tmp_path: Path) -> None:
    lines = [(20, 350 - 12 * row, line) for row, line in enumerate(LEFT)]
    lines += [(210 + 7 * (row % 4), 350 - 12 * row, line) for row, line in enumerate(RIGHT)]
    text = text_of(tmp_path, *sorted(lines, key=lambda line: -line[1]))
    assert text.startswith(f"{LEFT[0]} {RIGHT[0]} {LEFT[1]} {RIGHT[1]}")


RENT = [
    ("Rent", "The tenant pays the rent on"),
    ("", "the first day of a month."),
    ("Repairs", "The landlord pays for all of"),
    ("", "the repairs of the roof and"),
    ("", "the walls of the building."),
    ("Animals", "Pets are allowed in the house"),
    ("", "if the landlord agrees to it."),
]
ANSWERS = [
    ("Who pays the rent of a house?", "Each tenant pays a half of it."),
    ("When does the year of it begin?", "On the first day of a quarter."),
    ("May a tenant keep a large dog?", "Dogs and cats are not allowed."),
    ("Where are the keys to be left?", "In the box beside the old door."),
    ("What does a new key cost them?", "A sum of nine euros for each."),
]


@pytest.mark.parametrize("rows", [RENT, ANSWERS], ids=["terms", "questions"])
def test_rows_of_words_stay_rows(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    lines = [
        (20 + 190 * column, 350 - 12 * row, cell)
        for row, cells in enumerate(rows)
        for column, cell in enumerate(cells)
        if cell
    ]
    assert text_of(tmp_path, *lines) == " ".join(cell for row in rows for cell in row if cell)


def test_columns_below_lines_that_go_over_two_of_them_are_in_order(tmp_path: Path) -> None:
    """As below a table over two columns, beside which the first column begins."""
    rows = [(210, 380 - 12 * row, f"Costs of the harbour and its mill in the year {1990 + row}") for row in range(6)]
    beside = [(20, 380 - 12 * row, line) for row, line in enumerate(RIGHT[:6])]
    upper = sorted([*beside, *rows], key=lambda line: -line[1])
    text = text_of(tmp_path, *upper, *across(LEFT, RIGHT, THIRD, top=300))
    assert f"{READ} {' '.join(RIGHT)} {' '.join(THIRD)}" in text
