"""What PDFium puts in another place than the page shows: signs of formulas, marks over letters, text that is drawn twice."""

from __future__ import annotations

from pathlib import Path

from helpers.pdf import Made, dictionary, name, shown
from pypdf.generic import ArrayObject, DecodedStreamObject, FloatObject, NameObject, NumberObject

from reader.documents import load


def at(*places: tuple[float, str], y: int = 300) -> bytes:
    """Texts of one line in the order in which they are drawn."""
    return b"".join(b"BT /F1 10 Tf 1 0 0 1 %.1f %d Tm (%s) Tj ET " % (x, y, t.encode("latin-1")) for x, t in places)


def test_signs_of_formulas_that_are_drawn_last_stand_between_their_letters(tmp_path: Path) -> None:
    """As equation editors draw them: letters first, then figures, then the signs of another font."""
    sine = at((20, "cos 72"), (80, "i sin 72"), (49.6, "\xb0"), (62, "+"), (111.8, "\xb0"))
    assert Made(sine).text(tmp_path) == "cos 72\xb0 + i sin 72\xb0"
    assert Made(at((20, "x"), (45, "y"), (67, "3"), (52, "="), (62, "-"))).text(tmp_path) == "x y = -3"


def test_columns_and_words_that_are_drawn_back_and_forth_stay_in_order(tmp_path: Path) -> None:
    kept = at((200, "Total (EUR)"), (20, "Name +"), y=280)
    assert Made(at((20, "One (1) +"), (200, "two")) + kept).text(tmp_path).startswith("One (1) + two")


def test_what_is_drawn_twice_in_its_place_is_read_once(tmp_path: Path) -> None:
    """In bold by hand, and whole parts of a page that two programs wrote one after the other."""
    lines = ((20, 300, "Please write your name here."), (20, 280, "Thank you for your order."))
    assert (
        Made(shown(*lines) + shown(*lines)).text(tmp_path) == "Please write your name here. Thank you for your order."
    )
    bold = at((20, "Total of 1,947 crowns")) + at((20, "Other"), y=250) + at((20.4, "Total of 1,947 crowns"))
    assert Made(bold).text(tmp_path).count("1,947") == 1


def test_the_same_line_in_another_place_is_read_again(tmp_path: Path) -> None:
    assert Made(shown((20, 300, "The same."), (20, 280, "The same."))).text(tmp_path) == "The same. The same."


THAI = {"a": ("ต", 600, b"50 0 550 600"), "b": ("ั", 0, b"-250 640 -20 780"), "c": ("้", 0, b"-200 820 -60 960")}
"""Code: letter, width, what is drawn of it."""


def thai(content: bytes) -> Made:
    made = Made(content)
    pairs = b"".join(b"<%02x> <%04x> " % (ord(code), ord(letter)) for code, (letter, _, _) in THAI.items())
    letters = DecodedStreamObject()
    letters.set_data(
        b"begincmap 1 begincodespacerange <00> <FF> endcodespacerange 3 beginbfchar " + pairs + b"endbfchar endcmap"
    )
    pictures = dictionary()
    for code, (_, width, box) in THAI.items():
        picture = DecodedStreamObject()
        left, bottom, right, top = map(int, box.split())
        picture.set_data(b"%d 0 %s d1 %d %d %d %d re f" % (width, box, left, bottom, right - left, top - bottom))
        pictures[name(code)] = made.writer._add_object(picture)
    font = dictionary(Type=name("Font"), Subtype=name("Type3"), CharProcs=pictures, Resources=dictionary())
    font[name("FontBBox")] = ArrayObject(map(NumberObject, (-300, -200, 600, 1000)))
    font[name("FontMatrix")] = ArrayObject(map(FloatObject, ("0.001", 0, 0, "0.001", 0, 0)))
    font[name("FirstChar")], font[name("LastChar")] = NumberObject(97), NumberObject(99)
    font[name("Widths")] = ArrayObject(NumberObject(width) for _, width, _ in THAI.values())
    font[name("Encoding")] = dictionary(
        Differences=ArrayObject([NumberObject(97), *map(NameObject, ("/a", "/b", "/c"))])
    )
    font[name("ToUnicode")] = made.writer._add_object(letters)
    made.page["/Resources"]["/Font"][name("F3")] = made.writer._add_object(font)
    return made


def test_words_with_marks_over_their_letters_stay_whole(tmp_path: Path) -> None:
    made = thai(b"BT /F3 20 Tf 20 300 Td (aa) Tj (bc) Tj (aa) Tj ET")
    assert made.text(tmp_path) == "ตตั้ตต"


def test_notes_that_are_drawn_before_their_text_are_read_after_it(tmp_path: Path) -> None:
    """As the printers of the Federal Register do, in each column of it."""
    number = b"BT /F1 5 Tf 2 Ts 1 0 0 1 %d %d Tm (%d) Tj /F1 7 Tf 0 Ts (%s) Tj ET "
    notes = number % (24, 60, 1, b"A note of one line.") + number % (224, 60, 2, b"A note of two")
    notes += b"BT /F1 7 Tf 1 0 0 1 220 52 Tm (lines, no less.) Tj ET "
    body = [(x, 360 - 12 * line, f"Column {x} says {line}") for x in (20, 220) for line in range(6)]
    said = " ".join(words for _, _, words in body)
    foot = b"BT /F1 6 Tf 1 0 0 1 20 10 Tm (printed in May) Tj ET "
    for content in (notes + shown(*body) + foot, shown((20, 390, "The Register")) + notes + shown(*body)):
        text = Made(content).text(tmp_path)
        assert f"{said} [1] A note of one line. [2] A note of two lines, no less." in text
    above = number % (24, 390, 1, b"A line of its own.") + shown(*body)
    assert Made(above).text(tmp_path).endswith(said)


def test_figures_that_are_drawn_apart_from_their_rows_stand_in_them(tmp_path: Path) -> None:
    """As spreadsheets print cells that have a format of their own: after all others, in no order; a chart follows."""
    rows = [(20, 300 - 20 * at, oil) for at, oil in enumerate(("Soybean oil", "Corn oil", "Crude oil"))]
    links = [(200, y, "Exchange") for _, y, _ in rows]
    names = [cell for pair in zip(rows, links, strict=True) for cell in pair]
    figures = ((100, 260, "54.45"), (100, 300, "32.32"), (150, 280, "1.54"), (100, 280, "1.50"), (150, 300, "33.52"))
    axis = [(300, 220 + 10 * at, f"{at}.00") for at in range(9)]
    title = (20, 340, "Prices of the week")
    text = Made(shown(title, *names, (20, 200, "The end of the table."), *figures, *axis)).text(tmp_path)
    said = "Soybean oil 32.32 33.52 Exchange Corn oil 1.50 1.54 Exchange Crude oil 54.45 Exchange The end of the table."
    assert text.startswith(f"Prices of the week {said} 0.00 1.00")


def test_names_with_raised_signs_behind_them_stay_on_their_line(tmp_path: Path) -> None:
    """As those of a paper's authors: PDFium ends the line at each sign."""
    name = b"BT /F1 12 Tf 1 0 0 1 %d 300 Tm (%s) Tj /F1 8 Tf 5 Ts (*) Tj /F1 12 Tf 0 Ts (%s) Tj ET "
    made = Made(b"".join(name % (x, *said) for x, said in ((20, (b"Ada Oduya", b", ")), (100, (b"Amos Quill", b".")))))
    made.writer.write(tmp_path / "a.pdf")
    assert load(tmp_path / "a.pdf").text.strip() == "Ada Oduya*, Amos Quill*."
