"""Roots in PDFs: a sign and a rule, as TeX, Word and others draw them."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pdf import Made, dictionary, name
from pypdf.generic import DecodedStreamObject


def drawn(*parts: tuple[float, float, str] | tuple[float, float, str, int]) -> bytes:
    """Texts at their places, 10 points high where they do not say."""
    out = b""
    for x, y, text, *size in parts:
        font, written = (b"F2", b"\\326") if text == "√" else (b"F1", text.encode("latin-1"))
        out += b"BT /%s %d Tf 1 0 0 1 %g %g Tm (%s) Tj ET " % (font, size[0] if size else 10, x, y, written)
    return out


def rule(x: float, y: float, width: float) -> bytes:
    return b"%g %g %g 0.4 re f " % (x, y, width)


TALL = 7.6
"""In points, from the line up to the origin of TeX's sign."""


@pytest.mark.parametrize("height", [TALL, 0])
@pytest.mark.parametrize(
    ("under", "width", "expected"),
    [
        ([(80.5, 300, "16")], 12, "√16"),
        ([(80.5, 300, "a + b")], 28, "√(a + b)"),
        ([(80.5, 300, "a"), (86, 303.6, "2", 7), (91, 300, "+ c")], 27, "√(a^2 + c)"),
        ([(80.5, 300, "b"), (86, 303.6, "2", 7)], 11, "√(b^2)"),
    ],
)
def test_a_root_stands_in_its_line(
    tmp_path: Path, under: list[tuple], width: float, expected: str, height: float
) -> None:
    content = drawn((20, 300, "The root is"), (75, 300 + height, "√")) + rule(80.5, 307.6, width) + drawn(*under)
    content += drawn((84 + width, 300, "in all."), (20, 286, "The next line stays as it is, under the root."))
    assert text_of(tmp_path, content) == f"The root is {expected} in all. The next line stays as it is, under the root."


def text_of(tmp_path: Path, content: bytes) -> str:
    made = Made(content)
    symbol = dictionary(Type=name("Font"), Subtype=name("Type1"), BaseFont=name("Symbol"))
    made.page["/Resources"]["/Font"][name("F2")] = symbol
    return made.text(tmp_path)


def test_roots_have_degrees_and_factors(tmp_path: Path) -> None:
    content = drawn((20, 300, "x ="), (40, 304, "3", 6), (43, 300 + TALL, "√")) + rule(48.5, 307.6, 12)
    content += drawn((48.5, 300, "27"), (64, 300, "and 3"), (92, 300 + TALL, "√")) + rule(97.5, 307.6, 12)
    content += drawn((97.5, 300, "25"), (109.5, 300, "5"))
    assert text_of(tmp_path, content) == "x = ∛27 and 3 √25 5"


def test_a_root_may_be_in_a_fraction(tmp_path: Path) -> None:
    content = drawn((20, 300, "x ="), (45, 307, "-b \\261"), (65, 315.5, "√")) + rule(70.5, 315.5, 38)
    content += drawn((70.5, 307, "b"), (76, 310.6, "2", 7), (82, 307, "- 4ac")) + rule(44, 303, 66)
    content += drawn((70, 293, "n"), (115, 300, "holds."))
    assert text_of(tmp_path, content) == "x = (-b ± √(b^2 - 4ac))/n holds."


def test_a_root_without_a_rule_stays(tmp_path: Path) -> None:
    content = drawn((20, 300, "The root"), (65, 300, "√"), (71, 300, "16 is 4.")) + rule(20, 250, 100)
    assert text_of(tmp_path, content) == "The root √16 is 4."


def test_powers_in_a_fraction_do_not_cost_it(tmp_path: Path) -> None:
    content = drawn((20, 300, "k ="), (45, 307, "m"), (53, 310.6, "2", 7)) + rule(44, 303, 16)
    content += drawn((49, 293, "r"), (65, 300, "holds."))
    assert text_of(tmp_path, content) == "k = m^2/r holds."


def test_powers_of_letters_beyond_the_basic_plane_stay_powers(tmp_path: Path) -> None:
    made = Made(drawn((20, 300, "a"), (25.6, 303.6, "2", 7), (32, 300, "+"), (40, 300, "a"), (45.6, 303.6, "3", 7)))
    letters = DecodedStreamObject()
    letters.set_data(
        b"/CIDInit begincmap 1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfchar <61> <D835DC4E> endbfchar endcmap"
    )
    made.page["/Resources"]["/Font"]["/F1"][name("ToUnicode")] = made.writer._add_object(letters)
    assert made.text(tmp_path) == "a^2 + a^3"
