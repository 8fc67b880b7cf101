"""Fractions that a PDF draws as two numbers and a rule stand on the line beside them, whenever they are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pdf import Made, shown
from pypdf.generic import NameObject, NumberObject


def fraction(x: int, y: int, over: str, under: str, width: int, size: int = 8) -> bytes:
    """A numerator, a rule and a denominator beside a line of text at the height y."""
    terms = b"BT /F1 %d Tf 1 0 0 1 %d %d Tm (%s) Tj 1 0 0 1 %d %d Tm (%s) Tj ET " % (
        *(size, x + 2, y + 6, over.encode(), x + 2, y - 6, under.encode()),
    )
    return terms + b"%d %.1f m %d %.1f l S " % (x, y + 3.5, x + width, y + 3.5)


@pytest.mark.parametrize("turn", [0, 90])
def test_fractions_with_a_rule_stand_on_one_line(tmp_path: Path, turn: int) -> None:
    content = b"0 1 -1 0 400 0 cm " * (turn == 90) + shown((20, 300, "Use")) + fraction(40, 300, "1", "2", 8)
    content += shown((52, 300, "cup and 3")) + fraction(96, 300, "1", "4", 8) + shown((108, 300, "spoons."))
    content += shown((20, 260, "Rate =")) + fraction(56, 260, "12 + x", "7", 30) + shown((90, 260, "a year."))
    made = Made(content)
    made.page[NameObject("/Rotate")] = NumberObject(turn)
    assert made.text(tmp_path) == "Use 1/2 cup and 3 1/4 spoons. Rate = (12 + x)/7 a year."


def test_underlined_lines_are_no_fractions(tmp_path: Path) -> None:
    heading = shown((20, 300, "Rates"), (20, 288, "1995")) + b"20 298 m 44 298 l S "
    beside = shown((20, 250, "The sum is 42 in all"), (20, 238, "of 1995 crowns.")) + b"68 248 m 80 248 l S "
    assert Made(heading + beside).text(tmp_path) == "Rates 1995 The sum is 42 in all of 1995 crowns."


def test_a_raised_figure_before_a_slash_stays_on_its_line(tmp_path: Path) -> None:
    content = b"BT /F1 10 Tf 20 300 Td (Use ) Tj /F1 6 Tf 3 Ts (1) Tj /F1 10 Tf 0 Ts (/) Tj /F1 6 Tf (2) Tj /F1 10 Tf ( cup) Tj ET"
    assert Made(content).text(tmp_path) == "Use 1/2 cup"


LINES = shown((20, 330, "For the dough"), (20, 300, "Take 2"), (60, 300, "cups of flour."), (20, 270, "Stir for 1"))
LINES += shown((74, 270, "hours."), (20, 240, "Bake it."))
FRACTIONS = fraction(50, 300, "3", "4", 8), fraction(64, 270, "1", "2", 8)


@pytest.mark.parametrize(
    "content",
    [
        b"".join(FRACTIONS) + LINES,
        LINES + b"".join(FRACTIONS),
        FRACTIONS[1] + LINES + FRACTIONS[0],
        FRACTIONS[1] + FRACTIONS[0] + LINES,
    ],
    ids=["first", "last", "around", "in another order"],
)
def test_fractions_stand_in_their_lines_whenever_they_are_drawn(tmp_path: Path, content: bytes) -> None:
    said = "For the dough Take 2 3/4 cups of flour. Stir for 1 1/2 hours. Bake it."
    assert Made(content).text(tmp_path) == said


def test_a_fraction_that_is_drawn_first_may_end_or_begin_its_line(tmp_path: Path) -> None:
    terms = fraction(80, 300, "1", "2", 8) + fraction(20, 270, "1", "4", 8)
    content = terms + shown(
        (20, 330, "Cups"), (20, 300, "Take about 3"), (32, 270, "of it is milk."), (20, 240, "Stir.")
    )
    assert Made(content).text(tmp_path) == "Cups Take about 3 1/2 1/4 of it is milk. Stir."


NUMERATORS, DENOMINATORS = (
    b"".join(b"BT /F1 8 Tf 1 0 0 1 %d %d Tm (%s) Tj ET " % (x, y + rise, digit) for x, y, digit in terms)
    for rise, terms in ((6, [(52, 300, b"3"), (66, 270, b"1")]), (-6, [(52, 300, b"4"), (66, 270, b"2")]))
)
RULES = b"50 303.5 m 58 303.5 l S 64 273.5 m 72 273.5 l S "


@pytest.mark.parametrize(
    "parts",
    [
        (NUMERATORS, DENOMINATORS, RULES, LINES),
        (LINES, RULES, NUMERATORS, DENOMINATORS),
        (NUMERATORS, LINES, DENOMINATORS, RULES),
        (DENOMINATORS, RULES, NUMERATORS, LINES),
    ],
)
def test_all_numerators_may_be_drawn_before_all_denominators(tmp_path: Path, parts: tuple[bytes, ...]) -> None:
    said = "For the dough Take 2 3/4 cups of flour. Stir for 1 1/2 hours. Bake it."
    assert Made(b"".join(parts)).text(tmp_path) == said
