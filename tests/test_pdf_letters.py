"""Pages of PDFs whose letters are drawn one by one, and what stands close to raised and lowered digits."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest
from helpers.pdf import Made, shown

from reader.documents import load


@pytest.mark.parametrize("boxes", ["own", "inherited", "cropped"])
def test_a_page_with_one_line_has_its_words(tmp_path: Path, boxes: str) -> None:
    """Printed by Chromium letter by letter, which PDFium takes for vertical writing."""
    with pikepdf.open(Path(__file__).parent / "fixtures" / "one_line.pdf") as pdf:
        page = pdf.pages[0].obj
        if boxes == "inherited":
            page.Parent.MediaBox = page.MediaBox
            del page.MediaBox
        elif boxes == "cropped":
            page.CropBox = pikepdf.Array([20, 20, 600, 780])
        pdf.save(tmp_path / "one.pdf")
    assert load(tmp_path / "one.pdf").text.strip() == "The first rate: 3_10 of it, then 2^10 in all, until 1947."


def test_a_space_behind_raised_digits_stays(tmp_path: Path) -> None:
    content = b"BT /F1 10 Tf 20 300 Td (Up to 10) Tj /F1 6 Tf 4 Ts (-9) Tj /F1 10 Tf 0 Ts ( seconds, CO) Tj /F1 6 Tf -2 Ts (2) Tj "
    content += b"/F1 10 Tf 0 Ts ( rose.) Tj ET"
    assert Made(content).text(tmp_path) == "Up to 10^-9 seconds, CO2 rose."


def test_the_mass_of_an_atom_is_no_note_of_the_sentence_before(tmp_path: Path) -> None:
    content = b"BT /F1 10 Tf 20 300 Td (It is old. ) Tj /F1 6 Tf 4 Ts (14) Tj /F1 10 Tf 0 Ts (C says so. It is) Tj "
    content += b"/F1 6 Tf 4 Ts (14) Tj /F1 10 Tf 0 Ts ( Carthage.) Tj ET"
    assert Made(content).text(tmp_path) == "It is old. 14C says so. It is[14] Carthage."


def test_a_notes_number_with_a_space_behind_it_is_in_brackets(tmp_path: Path) -> None:
    content = shown((20, 300, "The text."), (20, 200, "12 men stay as they are.")) + b"BT /F1 6 Tf 20 244 Td (7) Tj ET "
    content += b"BT /F1 10 Tf 1 0 0 1 25 240 Tm (The note.) Tj ET "
    assert "[7] The note." in Made(content).text(tmp_path)
    spaced = b"BT /F1 6 Tf 20 240 Td 4 Ts (7 ) Tj /F1 10 Tf 0 Ts (The note.) Tj ET "
    assert Made(shown((20, 300, "Text.")) + spaced).text(tmp_path) == "Text. [7] The note."


def test_clauses_with_letters_in_brackets_have_their_numbers(tmp_path: Path) -> None:
    numbers = ((20, 300, "1.2"), (20, 280, "1.2(a)"), (20, 260, "1.2(a)(ii)"), (20, 240, "1.3"))
    texts = [(80, y, f"The clause at {y}.") for _, y, _ in numbers]
    expected = " ".join(f"{number} {text}" for (_, _, number), (_, _, text) in zip(numbers, texts, strict=True))
    assert Made(shown(*numbers, *texts)).text(tmp_path) == expected


def test_a_short_page_of_powers_and_notes_is_no_nonsense(tmp_path: Path) -> None:
    powers = ("m", "km", "cm", "x", "y", "mm")
    content = b"BT /F1 10 Tf 20 300 Td (Area in) Tj "
    content += b"".join(b"( 10 %s) Tj /F1 6 Tf 4 Ts (2) Tj /F1 10 Tf 0 Ts " % unit.encode() for unit in powers) + b"ET"
    assert Made(content).text(tmp_path) == "Area in " + " ".join(f"10 {unit}^2" for unit in powers)


ARABIC = "\u0643\u062a\u0627\u0628 \u0639\u0646 1947 \u0627\u0644\u0628\u062d\u0631"
"""A book about 1947 the sea; in the file, "about 1947" is in brackets."""


def test_words_that_are_written_from_the_right_are_not_turned_round(tmp_path: Path) -> None:
    """Chromium draws them from the left, and says for each letter which one it is."""
    text = load(Path(__file__).parent / "fixtures" / "arabic.pdf").text
    assert text.replace("(", "").replace(")", "").split() == [*ARABIC.split(), "Then", "English."]
    first, *about, last = ARABIC.split()
    assert f"{first} ({' '.join(about)}) {last}" in text


def test_a_short_line_of_arabic_words_stays_one_line(tmp_path: Path) -> None:
    """PDFium puts each of its words on a line of its own, the last first."""
    text = load(Path(__file__).parent / "fixtures" / "arabic_words.pdf").text
    assert text.strip() == "كتب قبطان الميناء كل مساء اتجاه الريح."


def test_digits_that_their_font_raises_are_raised(tmp_path: Path) -> None:
    """Drawn by Typst on the line and in its size."""
    text = load(Path(__file__).parent / "fixtures" / "raised_by_font.pdf").text
    assert text.strip() == "The mass is 10^24 kg, founded in 1995[3] by Ida."


def test_an_index_below_an_exponent_and_a_charge(tmp_path: Path) -> None:
    raised, lowered = (b"/F1 6 Tf %d Ts (%s) Tj /F1 10 Tf 0 Ts ", b"/F1 6 Tf -2 Ts (%s) Tj /F1 10 Tf 0 Ts ")
    content = b"BT /F1 10 Tf 20 300 Td (From E = mc) Tj " + raised % (4, b"2") + b"( and Fe) Tj " + raised % (4, b"3+")
    content += b"( follows x) Tj " + raised % (4, b"2") + b"-3.3 0 Td " + lowered % b"1" + b"ET"
    assert Made(content).text(tmp_path).startswith("From E = mc^2 and Fe^3+ follows x^2")


def test_a_struck_figure_stays_apart_from_the_one_that_replaces_it(tmp_path: Path) -> None:
    content = shown((20, 300, "Now 10080 crowns, 1234 men")) + b"41.1 303.2 m 57.8 303.2 l S 112 298.5 m 123 298.5 l S "
    assert Made(content).text(tmp_path) == "Now 100 80 crowns, 1234 men"


def test_a_raised_numerator_in_a_ruled_cell_is_one_fraction(tmp_path: Path) -> None:
    grid = b"".join(b"20 %d m 220 %d l S " % (level, level) for level in (320, 300, 280, 260))
    grid += b"".join(b"%d 260 m %d 320 l S " % (side, side) for side in (20, 120, 220))
    cells = shown((24, 306, "Egg"), (124, 306, "3"), (24, 286, "Flour"), (24, 266, "Milk"), (124, 266, "2"))
    half = b"BT /F1 10 Tf 124 286 Td (7) Tj /F1 8 Tf 4 Ts (1) Tj /F1 10 Tf 0 Ts (/) Tj /F1 8 Tf (2) Tj ET "
    assert Made(grid + cells + half).text(tmp_path) == "Egg | 3 Flour | 7 1/2 Milk | 2"


def test_a_list_of_the_numbers_of_parts_is_no_nonsense(tmp_path: Path) -> None:
    parts = [(20, 380 - 12 * row, f"M{row}x40 DIN{900 + row} A{row}-70 K{row}7 {row}mm") for row in range(1, 20)]
    assert Made(shown(*parts)).text(tmp_path) == " ".join(text for _, _, text in parts)


@pytest.mark.parametrize(("before", "raised", "after"), [("The 1", "st", " of May 1947"), ("the 19", "th", " century")])
def test_an_ordinals_letters_stay_with_their_figure(tmp_path: Path, before: str, raised: str, after: str) -> None:
    """PDFium ends the line where they are raised far."""
    content = b"BT /F1 12 Tf 20 300 Td (%s) Tj /F1 8 Tf 9 Ts (%s) Tj /F1 12 Tf 0 Ts (%s) Tj ET "
    drawn = content % (before.encode(), raised.encode(), after.encode())
    assert Made(drawn).text(tmp_path) == before + raised + after


def test_an_exponent_between_bars_is_one(tmp_path: Path) -> None:
    content = (
        b"BT /F1 10 Tf 20 300 Td (There are 2) Tj /F1 6 Tf 4 Ts (|X|) Tj /F1 10 Tf 0 Ts ( sets of |X| and 2|Y|.) Tj ET"
    )
    assert Made(content).text(tmp_path) == "There are 2^|X| sets of |X| and 2|Y|."
    with_index = content.replace(b"(|X|)", b"(|X) Tj /F1 5 Tf 2.5 Ts (A) Tj /F1 6 Tf 4 Ts (|)", 1)
    assert Made(with_index).text(tmp_path) == "There are 2^|XA| sets of |X| and 2|Y|."


def test_a_notes_number_behind_dots_to_write_on_is_in_brackets(tmp_path: Path) -> None:
    content = b"BT /F1 12 Tf 20 300 Td (Level \205\205) Tj /F1 7 Tf 9 Ts (2) Tj /F1 12 Tf 0 Ts (, in words) Tj ET"
    assert Made(content).text(tmp_path) == "Level \u2026\u2026[2], in words"
