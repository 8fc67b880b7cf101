"""Ruled tables of PDFs, however their rules are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pdf import Made, shown

from reader.documents import load

ROWS = (
    ("Port", "Owner", "Since"),
    ("Wenlow Quay", "Agnes Moir", "1871"),
    ("Stone Pier", "the town of Arl", "1902"),
    ("Old Harbour", "nobody", "unknown"),
)
SIDES, LEVELS = (20, 120, 220, 320), (320, 300, 280, 260, 240)
BOXES = [(left, bottom) for bottom in LEVELS[1:] for left in SIDES[:3]]


def across(levels: tuple[int, ...], ended: bytes) -> bytes:
    return b"".join(b"20 %d m 320 %d l %s" % (level, level, ended) for level in levels)


def down(sides: tuple[int, ...], ended: bytes) -> bytes:
    return b"".join(b"%d 240 m %d 320 l %s" % (side, side, ended) for side in sides)


def rounded(x: float, y: float) -> bytes:
    """A box with round corners of four points."""
    right, top = x + 99, y + 19
    corners = (
        *(x + 4, y, right - 4, y, right, y, right, y, right, y + 4),
        *(right, top - 4, right, top, right, top, right - 4, top),
        *(x + 4, top, x, top, x, top, x, top - 4, x, y + 4, x, y, x, y, x + 4, y),
    )
    side = b"%g %g l %g %g %g %g %g %g c "
    return (b"%g %g m " + 4 * side + b"h S ") % corners


DRAWN = {
    "one path": across(LEVELS, b"") + down(SIDES, b"") + b"S ",
    "one path, enlarged": b"q 2 0 0 2 0 0 cm 0.5 0 0 0.5 0 0 cm " + across(LEVELS, b"") + down(SIDES, b"") + b"S Q ",
    "inner rules alone": across(LEVELS[1:-1], b"S ") + down(SIDES[1:-1], b"S "),
    "boxes in one path": b"".join(b"%d %d 100 20 re " % box for box in BOXES) + b"S ",
    "round corners": b"1 0 0 RG " + b"".join(rounded(x + 0.5, y + 0.5) for x, y in BOXES),
    "fills": b"".join(b"0.9 g %d %d 98 18 re f " % (x + 1, y + 1) for x, y in BOXES) + b"0 g ",
    "curves that are straight": b"".join(b"20 %d m 120 %d 220 %d 320 %d c S " % (4 * (level,)) for level in LEVELS)
    + b"".join(b"%d 240 m %d 260 %d 300 %d 320 c S " % (4 * (side,)) for side in SIDES),
}

DOTS = [(at, level) for level in LEVELS for at in range(20, 321, 3)]
DOTS += [(side, at) for side in SIDES for at in range(240, 321, 3)]
DASHES = b"".join(b"%d %d m %d %d l " % (at, level, at + 2, level) for level in LEVELS for at in range(20, 320, 4))
DASHES += b"".join(b"%d %d m %d %d l " % (side, at, side, at + 2) for side in SIDES for at in range(240, 320, 4))
DRAWN |= {
    "dots": b"".join(b"%d %d 1 1 re f " % dot for dot in DOTS),
    "dashes": DASHES.replace(b"l ", b"l S "),
    "dashes in one path": DASHES + b"S ",
    "a piece for each cell": b"".join(
        b"%d %d m %d %d l S %d %d m %d %d l S " % (x, y, x + 100, y, x, y, x, y + 20) for x, y in BOXES
    )
    + b"20 320 m 320 320 l S ",
}


@pytest.mark.parametrize("is_by_column", [False, True], ids=["by-row", "by-column"])
@pytest.mark.parametrize("rules", DRAWN.values(), ids=DRAWN)
def test_rows_stay_rows(tmp_path: Path, rules: bytes, is_by_column: bool) -> None:
    cells = [
        (SIDES[at] + 4, LEVELS[row + 1] + 6, cell) for row, cells in enumerate(ROWS) for at, cell in enumerate(cells)
    ]
    cells = sorted(cells, key=lambda cell: cell[0]) if is_by_column else cells
    Made(rules + shown(*cells)).writer.write(tmp_path / "a.pdf")
    assert load(tmp_path / "a.pdf").text.split("\n")[:4] == [" | ".join(row) for row in ROWS]


def small(x: float, y: float, text: str, size: int = 6) -> bytes:
    return b"BT /F1 %d Tf 1 0 0 1 %g %g Tm (%s) Tj ET " % (size, x, y, text.encode())


def test_raised_digits_and_fractions_do_not_cost_a_table(tmp_path: Path) -> None:
    words = shown(
        *(
            (24, 306, "Body"),
            (124, 306, "Mass"),
            (224, 306, "Parts"),
            (24, 286, "Earth"),
            (124, 286, "6 x 10"),
            (162, 286, "kg"),
        ),
        *(
            (224, 286, "4"),
            (24, 266, "Moon"),
            (124, 266, "7 x 10"),
            (162, 266, "kg"),
            (24, 246, "Sun"),
            (124, 246, "big"),
        ),
        (224, 246, "900"),
    )
    drawn = small(151.8, 290, "24") + small(151.8, 270, "22") + small(224, 271, "1", 7) + small(224, 263.5, "2", 7)
    Made(DRAWN["one path"] + b"223 269.6 6 0.4 re f " + words + drawn).writer.write(tmp_path / "a.pdf")
    assert load(tmp_path / "a.pdf").text.split("\n")[:4] == [
        *("Body | Mass | Parts", "Earth | 6 x 10^24 kg | 4", "Moon | 7 x 10^22 kg | 1/2", "Sun | big | 900")
    ]


def test_digits_above_a_rule_and_a_sum_are_no_fraction(tmp_path: Path) -> None:
    sums = shown((20, 300, "12"), (20, 286, "17")) + b"18 295.6 16 0.4 re f "
    assert Made(sums + shown((20, 260, "in all"))).text(tmp_path) == "12 17 in all"


def test_a_drawing_is_no_table(tmp_path: Path) -> None:
    """Letters that are drawn as outlines, and a curve, beside a text."""
    outlines = b"".join(b"%d 300 m %d 312 l %d 312 l %d 300 l h f " % (x, x, x + 4, x + 4) for x in range(20, 300, 8))
    curve = b"20 250 m 60 290 100 210 140 250 c 180 290 220 210 260 250 c S "
    made = Made(outlines + curve + shown((20, 330, "A figure of the coast"), (20, 200, "and what it shows.")))
    assert made.text(tmp_path) == "A figure of the coast and what it shows."


def test_dots_that_fill_an_area_are_no_rules(tmp_path: Path) -> None:
    dots = b"".join(b"%d %d 1 1 re f " % (x, y) for x in range(20, 320, 4) for y in range(240, 320, 4))
    Made(dots + shown((24, 306, "Wenlow Quay"), (124, 286, "Agnes Moir"))).writer.write(tmp_path / "a.pdf")
    assert "|" not in load(tmp_path / "a.pdf").text


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (("Trans-", "port"), "Transport"),
        (("00-", "07F8"), "00-07F8"),
        (("2019-", "2020"), "2019-2020"),
        (("FAA-", "approved"), "FAA-approved"),
        (("pre-", "and post-war"), "pre- and post-war"),
        (("a part -", "of two"), "a part - of two"),
    ],
)
def test_words_that_a_cells_line_ends_in_stay_whole(tmp_path: Path, cell: tuple[str, str], said: str) -> None:
    grid = across((320, 280, 240), b"S ") + down((20, 120, 320), b"S ")
    texts = shown(
        (25, 305, "Code"), (125, 305, "Name"), (25, 265, cell[0]), (25, 253, cell[1]), (125, 265, "Agnes Moir")
    )
    assert Made(grid + texts).text(tmp_path) == f"Code | Name {said} | Agnes Moir"


def test_a_cells_hyphen_stays_where_the_page_writes_the_word_so(tmp_path: Path) -> None:
    grid = across((320, 280, 240), b"S ") + down((20, 120, 320), b"S ")
    texts = shown(
        (25, 305, "Rooms"), (125, 305, "non-smoking"), (25, 265, "non-"), (25, 253, "smoking"), (125, 265, "12")
    )
    assert Made(grid + texts).text(tmp_path) == "Rooms | non-smoking non-smoking | 12"


def test_a_hyphen_before_and_is_the_words_own(tmp_path: Path) -> None:
    lines = ((20, 300, "The Vor-"), (20, 288, "und Nachteile of thous-"), (20, 276, "and men, of a thousand."))
    assert Made(shown(*lines)).text(tmp_path) == "The Vor- und Nachteile of thousand men, of a thousand."


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_rows_stay_rows_where_each_word_of_a_page_has_its_own_line(tmp_path: Path, end: bytes) -> None:
    cells = [
        (SIDES[at] + 4, LEVELS[row + 1] + 6, c.split()[0])
        for row, cells in enumerate(ROWS)
        for at, c in enumerate(cells)
    ]
    Made((across(LEVELS, b"S ") + down(SIDES, b"S ") + shown(*cells)).replace(b" ", end)).writer.write(
        tmp_path / "a.pdf"
    )
    assert load(tmp_path / "a.pdf").text.split("\n")[1] == "Wenlow | Agnes | 1871"


def body(*columns: tuple[int, tuple[str, ...]]) -> bytes:
    """The cells of a row's columns, their lines 12 points apart."""
    return shown(*((x, 288 - 12 * at, line) for x, lines in columns for at, line in enumerate(lines)))


GROUPED = (
    across((320, 300, 240), b"S ")
    + down(SIDES, b"S ")
    + shown((25, 306, "Month"), (125, 306, "Sum"), (225, 306, "Change"))
)


@pytest.mark.parametrize("is_by_row", [False, True])
def test_rows_of_figures_that_share_their_rules_stay_rows(tmp_path: Path, is_by_row: bool) -> None:
    columns = (
        (25, ("Apr 2015", "May 2015", "June")),
        (125, ("653,278", "686,908", "(71)")),
        (225, ("107.5%", "-110.9", "-")),
    )
    parts = [body(*columns)]
    if is_by_row:
        parts = [shown(*((x, 288 - 12 * at, lines[at]) for x, lines in columns)) for at in range(3)]
    Made(GROUPED + b"".join(parts)).writer.write(tmp_path / "a.pdf")
    rows = ["Month | Sum | Change", "Apr 2015 | 653,278 | 107.5%", "May 2015 | 686,908 | -110.9", "June | (71) | -"]
    assert load(tmp_path / "a.pdf").text.split("\n")[:4] == rows


@pytest.mark.parametrize(
    ("name", "total", "change"),
    [
        (("Costs of the", "whole year"), ("653",), ("107",)),
        (("Costs of the", "year"), ("six", "hundred"), ("a", "lot")),
    ],
)
def test_a_cell_of_two_lines_is_no_two_rows(
    tmp_path: Path, name: tuple[str, ...], total: tuple[str, ...], change: tuple[str, ...]
) -> None:
    Made(GROUPED + body((25, name), (125, total), (225, change))).writer.write(tmp_path / "a.pdf")
    row = " | ".join(" ".join(lines) for lines in (name, total, change))
    assert load(tmp_path / "a.pdf").text.split("\n")[:2] == ["Month | Sum | Change", row]


def test_rows_of_words_that_share_their_rules_stay_rows(tmp_path: Path) -> None:
    columns = (
        (25, ("Radio", "Cable TV", "Film")),
        (125, ("Artists", "Broadcasters", "Creators")),
        (225, ("Nothing", "N/A", "A licence")),
    )
    Made(GROUPED + body(*columns)).writer.write(tmp_path / "a.pdf")
    rows = ["Radio | Artists | Nothing", "Cable TV | Broadcasters | N/A", "Film | Creators | A licence"]
    assert load(tmp_path / "a.pdf").text.split("\n")[1:4] == rows
    lines = (("A tax", "on the", "sea"), ("Paid by", "the town", "of Arl"), ("Never", "or late", "at night"))
    cells = body(*((x, said) for x, said in zip((25, 125, 225), lines, strict=True)))
    Made(GROUPED + cells).writer.write(tmp_path / "a.pdf")
    row = "A tax on the sea | Paid by the town of Arl | Never or late at night"
    assert load(tmp_path / "a.pdf").text.split("\n")[1] == row


def test_spaced_letters_cost_no_table_and_no_fraction(tmp_path: Path) -> None:
    spaced = b"BT /F1 10 Tf 8 Tc 20 350 Td (HARBOURS) Tj 0 Tc ET "
    cells = [
        (SIDES[at] + 4, LEVELS[row + 1] + 6, cell) for row, cells in enumerate(ROWS) for at, cell in enumerate(cells)
    ]
    fraction = shown((20, 200, "It is 3")) + b"50 203.6 6 0.4 re f " + small(51, 205, "1", 7) + small(51, 197, "2", 7)
    Made(spaced + DRAWN["one path"] + shown(*cells) + fraction).writer.write(tmp_path / "a.pdf")
    text = load(tmp_path / "a.pdf").text
    assert "\n".join(" | ".join(row) for row in ROWS) in text
    assert "It is 3 1/2" in text
