"""Boxes, feet and notes that a PDF draws before the text above them."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pdf import Made, shown

TEXT = [
    (20, 320 - 14 * row, line)
    for row, line in enumerate(("The mill was built", "in spring. It stood", "by the river."))
]
REST = [(20, 180 - 14 * row, line) for row, line in enumerate(("Later the town", "bought it and", "let it fall."))]
BOX = [(60, 240, "Open from nine to five."), (60, 228, "Ask at the harbour office.")]
SAID = [" ".join(line for _, _, line in part) for part in (TEXT, REST, BOX)]


def test_a_box_that_is_drawn_first_is_read_in_its_place(tmp_path: Path) -> None:
    text, rest, box = SAID
    assert Made(shown(*BOX, *TEXT, *REST)).text(tmp_path) == f"{text} {box} {rest}"


def test_what_is_drawn_first_and_stands_last_is_read_last(tmp_path: Path) -> None:
    """As the slip of an invoice, and as programs do that draw a page's head and foot before the page."""
    text, rest, _ = SAID
    foot = ((20, 60, "A note on the mill."), (20, 48, "Printed in Oduya."))
    assert Made(shown(*foot, *TEXT, *REST)).text(tmp_path) == f"{text} {rest} A note on the mill. Printed in Oduya."
    made = Made(shown((20, 370, "The Harbour Year"), *foot, *TEXT, *REST))
    assert made.text(tmp_path) == f"The Harbour Year {text} {rest} A note on the mill. Printed in Oduya."


def test_a_table_that_is_drawn_before_its_title_is_read_after_it(tmp_path: Path) -> None:
    rows = [(x, y, f"{word} {y}") for y in (240, 220, 200) for x, word in ((20, "Salt"), (150, "Rye"))]
    assert Made(shown(*rows, *TEXT)).text(tmp_path).startswith(SAID[0])


@pytest.mark.parametrize(
    "lines",
    [
        # Columns, of which the first is the lower one.
        [(20, 260 - 14 * row, f"left {row}") for row in range(8)]
        + [(220, 340 - 14 * row, f"right {row}") for row in range(5)],
        # A sentence that begins above the box and ends below it.
        [
            *BOX,
            (20, 320, "The mill was built in spring and"),
            (20, 306, "stood by"),
            (20, 190, "the river for"),
            (20, 176, "years."),
        ],
        # A file that goes up the page.
        [(20, 100 + 20 * row, f"Row {row}") for row in range(8)],
        # The cells of a row.
        [
            (20, 320, "Booked and"),
            (20, 308, "interest"),
            (20, 296, "date"),
            (120, 320, "Text"),
            (200, 320, "Amount"),
            (20, 270, "1"),
        ],
    ],
)
def test_other_orders_stay_as_they_are_drawn(tmp_path: Path, lines: list[tuple[int, int, str]]) -> None:
    said = Made(shown(*lines)).text(tmp_path)
    assert said.split() == " ".join(line for _, _, line in lines).split()
