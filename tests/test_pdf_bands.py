"""Tables of PDFs that only fills or rules across tell the rows of."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pdf import Made, shown

from reader.documents import load

ROWS = (
    ("Port", "Owner", "Built in"),
    ("Wenlow Quay", "Agnes Moir", "spring"),
    ("Stone Pier", "the town of Arl", "summer"),
    ("Old Harbour", "nobody", "autumn"),
    ("Ferry Steps", "Tobias Fenn", "winter"),
)
SIDES, TOP, HEIGHT = (24, 124, 224), 300, 20
CELLS = [
    [(x, TOP - HEIGHT * row + 6, text) for x, text in zip(SIDES, texts, strict=True)] for row, texts in enumerate(ROWS)
]
BY_ROW = [cell for row in CELLS for cell in row]
BY_COLUMN = [row[column] for column in range(3) for row in CELLS]
AROUND = shown((20, 350, "Harbours of the coast and who owns them, as of today."))
AFTER = shown((20, 170, "Whoever lands at night pays twice of what is written here."))

SHADES = {
    "bands behind every other row": b"".join(b"0.9 g 20 %d 300 20 re f " % (TOP - 20 * row) for row in (1, 3)),
    "bands from the head on": b"".join(b"0.9 g 20 %d 300 20 re f " % (TOP - 20 * row) for row in (0, 2, 4)),
    "a band a cell": b"".join(b"0.9 g %d %d 100 20 re f " % (x - 4, TOP - 20 * row) for row in (1, 3) for x in SIDES),
    "every row": b"".join(b"0.%d g 20 %d 300 20 re f " % (9 - row % 2, TOP - 20 * row) for row in range(5)),
    "rules below rows": b"".join(b"20 %d m 320 %d l S " % (2 * (TOP - 20 * row,)) for row in range(5)),
    "rules above rows": b"".join(b"20 %d m 320 %d l S " % (2 * (TOP + 20 - 20 * row,)) for row in range(5)),
}


def text_of(content: bytes, tmp_path: Path) -> str:
    path = tmp_path / "made.pdf"
    Made(content).writer.write(path)
    return load(path).text


@pytest.mark.parametrize("cells", [BY_ROW, BY_COLUMN], ids=["by row", "by column"])
@pytest.mark.parametrize("shades", SHADES.values(), ids=SHADES)
def test_rows_without_rules_down_stay_rows(tmp_path: Path, shades: bytes, cells: list[tuple[int, int, str]]) -> None:
    text = text_of(shades + b"0 g " + AROUND + shown(*cells) + AFTER, tmp_path)
    assert "\n".join(" | ".join(row) for row in ROWS) in text
    assert text.startswith("Harbours of the coast and who owns them, as of today.\n")
    assert text.rstrip().endswith("\nWhoever lands at night pays twice of what is written here.")


def test_a_cell_of_several_lines_is_one_cell(tmp_path: Path) -> None:
    rules = b"".join(b"20 %d m 320 %d l S " % (level, level) for level in (320, 300, 256, 236, 204))
    cells = ((24, 306, "Port"), (124, 306, "For"), (24, 286, "Wenlow Quay"), (124, 286, "fish, and salt, and all"))
    cells += (
        (124, 274, "that is brought from the"),
        (124, 262, "islands"),
        (24, 242, "Stone Pier"),
        (124, 242, "coal"),
    )
    cells += ((24, 222, "Old Harbour, in"), (24, 210, "ruins"), (124, 222, "nothing"))
    text = text_of(rules + shown(*cells), tmp_path)
    assert "Wenlow Quay | fish, and salt, and all that is brought from the islands\nStone Pier | coal\n" in text
    assert "\nOld Harbour, in ruins | nothing\n" in text


def test_an_address_is_one_cell_however_short_its_lines_are(tmp_path: Path) -> None:
    rules = b"".join(b"20 %d m 320 %d l S " % (level, level) for level in (320, 300, 260, 220))
    cells = ((24, 306, "Name"), (124, 306, "Address"), (264, 306, "Paid"))
    cells += ((24, 286, "Agnes Moir"), (124, 286, "12 High Street"), (124, 274, "Wenlow"), (264, 286, "120.00"))
    cells += ((24, 246, "Tobias Fenn"), (124, 246, "4 Quay"), (124, 234, "Arl"), (264, 246, "80.00"))
    rows = "Name | Address | Paid\nAgnes Moir | 12 High Street Wenlow | 120.00\nTobias Fenn | 4 Quay Arl | 80.00"
    assert text_of(rules + shown(*cells), tmp_path).strip() == rows
    assert text_of(rules + shown(*sorted(cells, key=lambda cell: (cell[0], -cell[1]))), tmp_path).strip() == rows


def test_rows_of_two_tables_with_the_same_width_stay_apart(tmp_path: Path) -> None:
    first = [(x, y + 80, text) for x, y, text in BY_ROW]
    second = [(x, y - 80, text.upper()) for x, y, text in BY_ROW]
    bands = b"".join(b"0.9 g 20 %d 300 20 re f " % (y - 20 * row) for y in (380, 220) for row in (1, 3))
    between = shown((20, 268, "The same, for those"), (20, 256, "who read badly:"))
    text = text_of(bands + b"0 g " + shown(*first) + between + shown(*second), tmp_path)
    assert "\nFerry Steps | Tobias Fenn | winter\n" in text
    assert "\nThe same, for those\nwho read badly:\n" in text
    assert "\nWENLOW QUAY | AGNES MOIR | SPRING\n" in text


def test_many_rows_between_three_rules_are_not_one(tmp_path: Path) -> None:
    rules = b"".join(b"20 %d m 320 %d l S " % (level, level) for level in (320, 300, 216))
    text = text_of(rules + shown(*BY_ROW), tmp_path)
    for row in ROWS:
        assert [line for line in text.splitlines() if line.replace(" | ", " ") == " ".join(row)]


def test_prose_between_rules_stays_prose(tmp_path: Path) -> None:
    rules = b"".join(b"20 %d m 380 %d l S " % (level, level) for level in (320, 280, 240, 200))
    lines = [
        (20, 306 - 40 * part - 12 * line, f"Part {part} says what it says in its line {line} and ends.")
        for part in range(3)
        for line in range(2)
    ]
    text = text_of(rules + shown(*lines), tmp_path)
    assert text.split() == " ".join(words for _, _, words in lines).split()


def test_columns_of_prose_between_rules_stay_columns(tmp_path: Path) -> None:
    rules = b"".join(b"20 %d m 380 %d l S " % (level, level) for level in (360, 300, 200, 140))
    left, right = (
        [(x, 350 - 12 * at, f"{side} line {at} of a longer text") for at in range(17)]
        for x, side in ((20, "Left"), (210, "Right"))
    )
    text = text_of(rules + shown(*left, *right), tmp_path)
    assert text.split() == " ".join(words for _, _, words in (*left, *right)).split()


def test_a_name_of_three_lines_beside_prose_of_three_lines_is_one_row(tmp_path: Path) -> None:
    rules = b"".join(b"20 %d m 320 %d l S " % (level, level) for level in (320, 300, 256, 236, 216))
    cells = (
        (24, 306, "Name"),
        (124, 306, "Duties"),
        (24, 286, "Ada Maria"),
        (24, 274, "Lovelace-"),
        (24, 262, "Byron"),
    )
    cells += (
        (124, 286, "keeps the lamp, and winds"),
        (124, 274, "its clockwork up every night"),
        (124, 262, "in winter"),
    )
    cells += ((24, 242, "Bob Roe"), (124, 242, "writes"), (24, 222, "Cyd Poe"), (124, 222, "cooks"))
    text = text_of(rules + shown(*cells), tmp_path)
    assert "\nAda Maria Lovelace-Byron | keeps the lamp, and winds its clockwork up every night in winter\n" in text
    assert "\nBob Roe | writes\nCyd Poe | cooks\n" in text
