"""Tables without ruling lines in PDFs: what becomes rows with bars, and all that must not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pypdf
import pytest
from helpers.documents import write_pdf

from reader.documents import load

Cell = tuple[float, str]
"""Where a cell begins, in points from the left, and what is in it."""


def text_of(folder: Path, rows: Sequence[Sequence[Cell]], leading: float = 14, size: float = 10) -> str:
    """The text of a page with rows of cells, each drawn where it is said."""
    drawn = [f"BT /F1 {size} Tf"]
    for number, row in enumerate(rows):
        for left, words in row:
            escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            drawn.append(f"1 0 0 1 {left} {720 - number * leading} Tm ({escaped}) Tj")
    content = "\n".join([*drawn, "ET"]).encode("cp1252")
    text = load(write_pdf(folder / "a.pdf", [content])).text
    letters = "".join(words for row in rows for _, words in row).replace(" ", "")
    assert "".join(text.replace("|", "").split()) == letters
    return text


TABLE = [
    [(72, "Port"), (200, "Ships"), (300, "Tons"), (400, "Head")],
    [(72, "Wenlow Quay"), (200, "14"), (300, "2,310"), (400, "Agnes Moir")],
    [(72, "Stone"), (200, "7"), (300, "980"), (400, "J. Hale")],
    [(72, "Old Harbour"), (300, "1,204"), (400, "none")],
    [(72, "Sum"), (200, "21"), (300, "4,494")],
]


def test_rows_of_figures_keep_their_cells_apart(tmp_path: Path) -> None:
    before = [[(72, "The harbour master counted the ships of three ports in that year.")]]
    after = [[(72, "He was content with the 21 of them.")]]
    assert text_of(tmp_path, [*before, *TABLE, *after]).strip().splitlines() == [
        "The harbour master counted the ships of three ports in that year.",
        "Port | Ships | Tons | Head",
        "Wenlow Quay | 14 | 2,310 | Agnes Moir",
        "Stone | 7 | 980 | J. Hale",
        "Old Harbour | | 1,204 | none",
        "Sum | 21 | 4,494",
        "He was content with the 21 of them.",
    ]


WRAPPED = [
    [(72, "Pump"), (140, "Litres"), (260, "Suitable")],
    [(140, "a minute"), (200, "Power"), (260, "for")],
    [(72, "Rill 20"), (140, "28"), (200, "45"), (260, "Small ponds and"), (400, "Plastic")],
    [(260, "fountains"), (400, "with a handle")],
    [(72, "Rill 40"), (140, "52"), (200, "85"), (260, "Large ponds"), (400, "Plastic")],
    [(72, "Rill 60"), (140, "79"), (200, "140"), (260, "Emptying of"), (400, "Steel")],
    [(260, "cellars after"), (400, "on rubber")],
    [(260, "heavy rain")],
]


def wrapped(folder: Path, rows: Sequence[Sequence[Cell]]) -> list[str]:
    """The lines of a page with a table that is drawn cell by cell, as most programs do, with a line before and behind it."""
    drawn = [
        "BT /F1 10 Tf 1 0 0 1 72 740 Tm (The pumps of this year are listed here, each with what it is good for.) Tj"
    ]
    tops = [at for at, row in enumerate(rows) if row[0][0] == 72]
    for top, end in zip(tops, [*tops[1:], len(rows)], strict=True):
        cells = [(left, at, words) for at in range(top, end) for left, words in rows[at]]
        for left, at, words in sorted(cells):
            drawn.append(f"1 0 0 1 {left} {720 - at * 12} Tm ({words}) Tj")
    drawn.append(f"1 0 0 1 72 {700 - len(rows) * 12} Tm (The guarantee is three years for all of them.) Tj ET")
    text = load(write_pdf(folder / "a.pdf", ["\n".join(drawn).encode("cp1252")])).text
    return [line for line in text.splitlines() if line]


def test_cells_of_several_lines_are_put_together(tmp_path: Path) -> None:
    assert wrapped(tmp_path, WRAPPED) == [
        "The pumps of this year are listed here, each with what it is good for.",
        "Pump | Litres a minute | Power | Suitable for",
        "Rill 20 | 28 | 45 | Small ponds and fountains | Plastic with a handle",
        "Rill 40 | 52 | 85 | Large ponds | Plastic",
        "Rill 60 | 79 | 140 | Emptying of cellars after heavy rain | Steel on rubber",
        "The guarantee is three years for all of them.",
    ]


def test_lines_that_stand_above_their_row_are_left(tmp_path: Path) -> None:
    middle = [*WRAPPED[:3], [(260, "Above the next")], *WRAPPED[4:6], [(100, "and its name"), *WRAPPED[6]]]
    text = wrapped(tmp_path, [*middle[:4], [(140, "28")], *middle[4:]])
    assert not any("|" in line and "Above" in line for line in text)


def test_debits_stand_beside_credits(tmp_path: Path) -> None:
    rows = [["Date", "Text", "Debit", "Credit", "Balance"], ["01.03.", "Opening balance", "", "", "1,204.10"]]
    rows += [["03.03.", "Rent March", "600.00", "", "604.10"], ["05.03.", "Salary", "", "2,100.00", "2,704.10"]]
    rows += [["09.03.", "Card 4711 Bakery", "7", "", "2,697.10"], ["12.03.", "Ida Quill", "45.50", "", "2,651.60"]]
    drawn = [
        [
            (x - (5.56 * len(cell) if x > 300 else 0), cell)
            for x, cell in zip((60, 110, 360, 440, 540), row, strict=True)
            if cell
        ]
        for row in rows
    ]
    assert text_of(tmp_path, drawn).strip().splitlines() == [" | ".join(row).replace("  ", " ") for row in rows]


def test_rows_end_where_they_end_at_figures_of_one_digit(tmp_path: Path) -> None:
    """PDFium ends some rows before a digit that is drawn alone, and others not at all."""
    rows = [[str(at), "Bristol Rovers", "30", str(at * 7 % 30)] for at in range(1, 21)]
    drawn = [
        [(75 + (5.5 if len(row[0]) < 2 else 0), row[0]), *zip((100, 330, 450), row[1:], strict=True)] for row in rows
    ]
    assert text_of(tmp_path, drawn, leading=18).strip().splitlines() == [" | ".join(row) for row in rows]


def test_figures_may_stand_at_the_right_of_their_columns(tmp_path: Path) -> None:
    rows = [
        [(72, name), (300 - 5.56 * len(figure), figure)]
        for name, figure in zip(
            ["Alder wood", "Birch", "Cedar", "Damson", "Elder"], ["7", "19", "230", "1800", "45"], strict=True
        )
    ]
    assert text_of(tmp_path, rows).strip().splitlines() == [
        "Alder wood | 7",
        "Birch | 19",
        "Cedar | 230",
        "Damson | 1800",
        "Elder | 45",
    ]


def test_two_tables_of_a_page_are_two(tmp_path: Path) -> None:
    other = [[(72, str(year)), (160, f"{year * 3:,}"), (260, f"{year % 7} %")] for year in (1901, 1902, 1905)]
    text = text_of(tmp_path, [*TABLE, [(72, "Of other years, by the tide:")], *other])
    assert "1901 | 5,703 | 4 %\n1902 | 5,706 | 5 %\n1905 | 5,715 | 1 %" in text.replace("\r", "")
    assert "Of other years, by the tide:" in text
    assert "Port | Ships" in text


PROSE = """The ship left the harbour in 1904 with
a crew of 14 and came to the island on
day 23 of its voyage, when 3 of them
were ill and 2 were no longer on the
list of the 12 men that Hale had made
in the year 1903 for the 7 owners.""".splitlines()


@pytest.mark.parametrize(
    "rows",
    [
        [[(72, line)] for line in PROSE],
        [
            [(72, title), (420, page)]
            for title, page in zip(
                ["Calm 1", "The Letter 2", "Lamp 3", "Notes 4", "End 5"], ["3", "17", "29", "140", "141"], strict=True
            )
        ],
        [[(72, f"{n}.1"), (110, "The keepers year"), (420, str(n * 12))] for n in range(1, 6)],
        [[(72, f"Chapter {n} . . . . . . . . . . . . . . ."), (420, str(90 - n * 12))] for n in range(1, 6)],
        [[(72, f"{n}."), (110, line)] for n, line in enumerate(PROSE, start=1)],
        [[(72, f"[{n}]"), (110, f"A. Moir, The Tide {n}, {1900 + n}.")] for n in range(1, 7)],
        [[(120, f"x{n} = {n}y + {n + 4}"), (420, f"({n})")] for n in range(1, 6)],
        [[(72, f"{n}a Wages and other income of line {n}"), (420, f"{n}a")] for n in (9, 8, 12, 7, 3)],
        [[(72, line), (330, str(n)), (380, str(n * 41))] for n, line in enumerate(PROSE, start=4)],  # beside a text
        [[(72, "Ann 4"), (200, "5 6")], [(72, "Bob 3"), (200, "1 2")]],
        [[(72 + 7 * n, "Ann"), (160 + 31 * n, "5 6"), (260 + 23 * n, "7")] for n in range(5)],
        [[(72, "Ann"), (95, "5"), (104, "6")] for n in range(5)],
        [[(72, "The keeper"), (200, "slept")], [(72, "A letter"), (200, "came")], [(72, "Nobody"), (200, "read it")]],
        [[(72, "a | b"), (200, "5"), (300, str(n * 7 % 5))] for n in range(5)],
    ],
    ids=[
        "prose in one column",
        "contents",
        "numbered contents",
        "contents with leaders",
        "a list",
        "references",
        "numbered equations",
        "a form",
        "prose beside figures",
        "two rows",
        "no common gap",
        "narrow gaps",
        "words alone",
        "bars in the text",
    ],
)
def test_what_is_no_table_stays(tmp_path: Path, rows: list[list[Cell]]) -> None:
    text = text_of(tmp_path, rows) if "|" not in str(rows) else load_only(tmp_path, rows)
    assert text.count("|") == str(rows).count("|")


def load_only(folder: Path, rows: list[list[Cell]]) -> str:
    drawn = ["BT /F1 10 Tf"]
    drawn += [f"1 0 0 1 {left} {720 - at * 14} Tm ({words}) Tj" for at, row in enumerate(rows) for left, words in row]
    return load(write_pdf(folder / "a.pdf", ["\n".join([*drawn, "ET"]).encode()])).text


def test_rows_far_apart_are_no_table(tmp_path: Path) -> None:
    assert "|" not in text_of(tmp_path, TABLE, leading=60)


@pytest.mark.parametrize("turn", [0, 90])
def test_a_turned_table_keeps_its_rows(tmp_path: Path, turn: int) -> None:
    turned = [f"0 1 -1 0 {100 + 14 * at} {left} Tm ({words}) Tj" for at, row in enumerate(TABLE) for left, words in row]
    path = write_pdf(tmp_path / "a.pdf", [("BT /F1 10 Tf\n" + "\n".join(turned) + "\nET").encode()])
    writer = pypdf.PdfWriter(clone_from=path)
    writer.pages[0].rotate(turn)
    writer.write(path)
    assert "Stone | 7 | 980 | J. Hale" in load(path).text


def test_a_raised_note_in_a_row_costs_no_text(tmp_path: Path) -> None:
    rows = ["BT"]
    for at in range(5):
        for left, words in ((72, "Row"), (200, f"{at}4"), (300, f"8{at} tons")):
            rows.append(f"/F1 10 Tf 1 0 0 1 {left} {700 - 14 * at} Tm ({words}) Tj")
        if at == 2:
            rows.append(f"/F1 6 Tf 1 0 0 1 334 {704 - 14 * at} Tm (3) Tj")
    text = load(write_pdf(tmp_path / "a.pdf", ["\n".join([*rows, "ET"]).encode()])).text
    said = "Row 04 80 tons Row 14 81 tons Row 24 82 tons[3] Row 34 83 tons Row 44 84 tons"
    assert text.replace("|", "").split() == said.split()


def test_real_tables_keep_their_rows(data_folder: Path) -> None:
    text = load(data_folder / "docs" / "pdf" / "tracemonkey.pdf").text
    assert "| Loops | Trees | Traces | Aborts |" in text
    assert "access-nbody | 8 | 16 | 18 | 5 | 0 | 2.0 | 1.1 | 2.3 | 4.19x" in text
    text = load(data_folder / "docs" / "pdf" / "multicolumn.pdf").text
    assert "Belgium | 11.5 | 30,689 | Brussels | Dutch, French, German" in text
