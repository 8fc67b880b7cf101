"""What was filled into a PDF or typed onto it, as many programs write it."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pdf import Made, dictionary, name, shown
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DecodedStreamObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

from reader.errors import DocumentError


def drawing(made: Made, content: bytes, width: int = 160, height: int = 16) -> DictionaryObject:
    """The appearance of an annotation."""
    form = DecodedStreamObject()
    form.set_data(content)
    box = ArrayObject(NumberObject(side) for side in (0, 0, width, height))
    form.update(dictionary(Type=name("XObject"), Subtype=name("Form"), BBox=box, Resources=made.page["/Resources"]))
    return dictionary(N=made.writer._add_object(form))


def stream(made: Made, data: bytes) -> IndirectObject:
    held = DecodedStreamObject()
    held.set_data(data)
    return made.writer._add_object(held)


def test_fields_without_appearances_are_read_next_to_their_labels(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "Name:"), (20, 270, "Children:"), (20, 240, "Notes:"), (20, 180, "End.")))
    parent = dictionary(FT=name("Tx"), T=TextStringObject("p"), V=TextStringObject("Ada Example"))
    made.add((100, 296, 300, 312), Parent=made.writer._add_object(parent))
    made.add(
        (100, 266, 300, 282),
        FT=name("Tx"),
        Ff=NumberObject(1 << 24),
        MaxLen=NumberObject(4),
        V=TextStringObject("1 24"),
    )
    made.add((100, 200, 300, 252), FT=name("Tx"), Ff=NumberObject(1 << 12), V=TextStringObject("first\rsecond"))
    assert made.text(tmp_path) == "Name: Ada Example Children: 1 24 Notes: first second End."


def test_boxes_with_odd_states_choices_and_signatures_are_read(tmp_path: Path) -> None:
    labels = ("Smoker", "Driver", "Country", "Pets", "Signed")
    made = Made(shown(*((20, 300 - 30 * row, f"{label}:") for row, label in enumerate(labels))))
    empty = made.writer._add_object(DecodedStreamObject())
    for row, state in ((0, "J#20a"), (1, "Off")):
        looks = dictionary(N=DictionaryObject({name("J#20a"): empty, name("Off"): empty}))
        made.add((100, 296 - 30 * row, 112, 308 - 30 * row), FT=name("Btn"), AP=looks, AS=name(state))
    pair = ArrayObject((TextStringObject("pe"), TextStringObject("Peru")))
    made.add((100, 236, 200, 248), FT=name("Ch"), Opt=ArrayObject((pair,)), V=TextStringObject("pe"))
    pets = ArrayObject(TextStringObject(pet) for pet in ("cat", "dog"))
    made.add((100, 206, 200, 218), FT=name("Ch"), Opt=pets, V=pets)
    made.add((100, 176, 200, 188), FT=name("Sig"), V=dictionary(Type=name("Sig"), Name=TextStringObject("Ada Example")))
    made.add((300, 176, 320, 188), FT=name("Tx"), F=NumberObject(2), V=TextStringObject("hidden"))
    expected = "Smoker: [x] Driver: [ ] Country: Peru Pets: cat, dog Signed: Signed by Ada Example"
    assert made.text(tmp_path) == expected


def test_what_only_an_appearance_draws_is_read(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "Seal:")))
    form = DecodedStreamObject()
    form.set_data(b"BT /F1 10 Tf 2 4 Td (APPROVED 12) Tj ET")
    form.update(
        dictionary(
            Type=name("XObject"),
            Subtype=name("Form"),
            BBox=ArrayObject(NumberObject(side) for side in (0, 0, 120, 16)),
            Resources=made.page["/Resources"],
        )
    )
    made.add((100, 296, 220, 312), "Stamp", AP=dictionary(N=made.writer._add_object(form)))
    assert made.text(tmp_path) == "Seal: APPROVED 12"


def test_a_page_of_typed_text_alone_is_that_text(tmp_path: Path) -> None:
    made = Made()
    made.add((20, 300, 200, 320), "FreeText", Contents=TextStringObject("Only typed"))
    assert made.text(tmp_path) == "Only typed"


@pytest.mark.parametrize(
    ("stored", "drawn", "expected"),
    [
        ("302.8", b"(302,80) Tj", "302,80"),
        ("1971-05-03", b"(3 May 1971) Tj", "3 May 1971"),
        ("1234", b"(1 234) Tj", "1 234"),
        ("1234", b"(1) Tj 20 0 Td (2) Tj 20 0 Td (3) Tj 20 0 Td (4) Tj", "1234"),  # a digit a box
        ("Other", b"(What is seen) Tj", "What is seen"),
        ("Longer than its box", b"(Longer than) Tj", "Longer than its box"),
        ("Ada Example", b"(!#$ %&) Tj", "Ada Example"),  # a font that does not say which letters it draws
        ("Ada Example", b"", "Ada Example"),
        ("abc def", b"(fed cba) Tj", "abc def"),  # as appearances of scripts from right to left come out
    ],
)
def test_a_value_is_read_as_its_page_shows_it(tmp_path: Path, stored: str, drawn: bytes, expected: str) -> None:
    made = Made(shown((20, 300, "Sum:")))
    looks = drawing(made, b"/Tx BMC BT /F1 10 Tf 2 4 Td " + drawn + b" ET EMC")
    made.add((100, 296, 260, 312), FT=name("Tx"), V=TextStringObject(stored), AP=looks)
    assert made.text(tmp_path) == f"Sum: {expected}"


def test_an_appearance_that_is_to_be_drawn_afresh_says_nothing(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "Name:")))
    looks = drawing(made, b"BT /F1 10 Tf 2 4 Td (Bert Before) Tj ET")
    made.add((100, 296, 260, 312), FT=name("Tx"), V=TextStringObject("Ada Now"), AP=looks)
    made.writer.root_object[name("AcroForm")] = dictionary(NeedAppearances=BooleanObject(True), Fields=ArrayObject())
    assert made.text(tmp_path) == "Name: Ada Now"


def test_formatted_text_streams_and_chosen_places_are_values(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "Remarks:"), (20, 270, "Name:"), (20, 240, "Pets:"), (20, 210, "Note:")))
    rich = "<body xmlns='http://www.w3.org/1999/xhtml'><p>Allergic to <b>peanuts</b></p><p>and eggs</p></body>"
    made.add((100, 290, 300, 312), FT=name("Tx"), RV=TextStringObject(rich))
    written = stream(made, b"\xfe\xff" + "Łukasz Żółć".encode("utf-16-be"))
    made.add((100, 266, 300, 282), FT=name("Tx"), V=written)
    pets = ArrayObject(TextStringObject(pet) for pet in ("cat", "cow", "dog"))
    chosen = ArrayObject((NumberObject(0), NumberObject(2)))
    made.add((100, 236, 300, 252), FT=name("Ch"), Opt=pets, I=chosen)
    made.add((100, 206, 300, 222), "FreeText", RC=TextStringObject("<body><p>Only <i>formatted</i></p></body>"))
    expected = "Remarks: Allergic to peanuts and eggs Name: Łukasz Żółć Pets: cat, dog Note: Only formatted"
    assert made.text(tmp_path) == expected


def test_of_a_list_what_is_chosen_is_read_and_of_a_menu_what_is_shown(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "Pets:"), (20, 240, "Country:")))
    looks = drawing(made, b"BT /F1 10 Tf 2 20 Td (cat) Tj 0 -12 Td (dog) Tj ET", height=32)
    pets = ArrayObject((TextStringObject("cat"), TextStringObject("dog")))
    made.add((100, 284, 260, 316), FT=name("Ch"), Opt=pets, V=TextStringObject("dog"), AP=looks)
    looks = drawing(made, b"BT /F1 10 Tf 2 4 Td (Peru) Tj ET")
    menu = NumberObject(1 << 17)
    made.add((100, 236, 260, 252), FT=name("Ch"), Ff=menu, V=TextStringObject("pe"), AP=looks)
    assert made.text(tmp_path) == "Pets: dog Country: Peru"


def test_signatures_say_who_signed_when_and_why(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "First:"), (20, 200, "Second:")))
    entries = {"Name": "Ada Example", "M": "D:20260305101500+01'00'", "Reason": "I approve", "Location": "Lima"}
    signature = dictionary(Type=name("Sig"), **{key: TextStringObject(text) for key, text in entries.items()})
    made.add((100, 296, 300, 312), FT=name("Sig"), V=signature)
    looks = drawing(made, b"BT /F1 10 Tf 2 4 Td (Digitally signed by Bert) Tj ET")
    made.add((100, 196, 260, 212), FT=name("Sig"), V=signature, AP=looks)
    expected = "First: Signed by Ada Example, 2026-03-05, I approve, Lima Second: Digitally signed by Bert"
    assert made.text(tmp_path) == expected


def test_stamps_are_named_and_lines_have_captions(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "Check:"), (20, 270, "Length:")))
    made.add((100, 296, 260, 312), "Stamp", Name=name("NotApproved"))
    looks = drawing(made, b"0 8 m 160 8 l S BT /F1 10 Tf 70 4 Td (12 m) Tj ET")
    made.add((100, 266, 260, 282), "Line", Contents=TextStringObject("measured"), AP=looks)
    assert made.text(tmp_path) == "Check: Not Approved Length: 12 m"


def test_values_of_one_row_stay_on_one_row(tmp_path: Path) -> None:
    made = Made(shown((20, 284, "Name of applicant"), (220, 284, "Date")))
    made.add((220, 297, 300, 313), FT=name("Tx"), V=TextStringObject("3 May 2026"))
    made.add((20, 296, 180, 312), FT=name("Tx"), V=TextStringObject("Ada Example"))
    made.add((20, 330, 180, 346), "FreeText", Contents=TextStringObject("Above"))
    assert made.text(tmp_path) == "Above Ada Example | 3 May 2026 Name of applicant Date"


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_values_on_turned_pages_stand_after_their_labels(tmp_path: Path, turn: int) -> None:
    matrix = {90: b"0 1 -1 0 400 0 cm ", 180: b"-1 0 0 -1 400 400 cm ", 270: b"0 -1 1 0 0 400 cm "}[turn]
    made = Made(matrix + shown((20, 300, "Name:"), (20, 270, "Town:")))
    made.page[NameObject("/Rotate")] = NumberObject(turn)
    for low, words in ((296, "Ada"), (266, "Lima")):
        left, bottom, right, top = 100, low, 200, low + 16
        box = {
            90: (400 - top, left, 400 - bottom, right),
            180: (400 - right, 400 - top, 400 - left, 400 - bottom),
            270: (bottom, 400 - right, top, 400 - left),
        }[turn]
        made.add(box, "FreeText", Contents=TextStringObject(words))
    assert made.text(tmp_path) == "Name: Ada Town: Lima"


LABELS = ((20, 280, "Name:"), (200, 280, "Date:"), (20, 260, "Town (or village):"))


def test_values_drawn_after_all_labels_stand_after_their_own(tmp_path: Path) -> None:
    form = shown((20, 300, "Application"), *LABELS, (20, 200, "Please sign below."))
    values = shown((60, 281, "Ada Example"), (240, 281, "3 May 1971"), (120, 261, "Lima"))
    expected = "Application Name: Ada Example Date: 3 May 1971 Town (or village): Lima Please sign below."
    assert Made(form + values).text(tmp_path) == expected


def test_columns_of_prose_are_no_values(tmp_path: Path) -> None:
    left = [(20, 340 - 14 * at, f"Left line {at} goes on" if at != 3 else "She said this:") for at in range(8)]
    right = [(210, 340 - 14 * at, f"Right line {at} of the text") for at in range(8)]
    expected = " ".join(words for _, _, words in (*left, *right))
    assert Made(shown(*left, *right)).text(tmp_path) == expected


def test_a_columns_last_line_is_no_value(tmp_path: Path) -> None:
    left = [(20, 340 - 14 * at, f"Left line {at} goes on" if at != 7 else "She said this:") for at in range(8)]
    right = [(210, 340 - 14 * at, f"Right line {at} of the text") for at in range(8)]
    expected = " ".join(words for _, _, words in (*left, *right))
    assert Made(shown(*left, *right)).text(tmp_path) == expected


def test_of_choices_side_by_side_it_is_plain_which_one_is_chosen(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "Smoker:"), (100, 300, "Yes"), (160, 300, "No"), (20, 270, "Pets:"), (20, 240, "Sent")))
    empty = made.writer._add_object(DecodedStreamObject())
    group = dictionary(FT=name("Btn"), Ff=NumberObject(1 << 15), T=TextStringObject("smoker"), V=name("1"))
    parent = made.writer._add_object(group)
    for left, state in ((120, "0"), (180, "1")):
        looks = dictionary(N=DictionaryObject({name(state): empty, name("Off"): empty}))
        on = name("1" if state == "1" else "Off")
        made.add((left, 296, left + 12, 308), Parent=parent, AP=looks, AS=on)
    looks = drawing(made, b"BT /F1 10 Tf 2 20 Td (cat) Tj 0 -12 Td (dog) Tj ET", height=32)
    pets = ArrayObject((TextStringObject("cat"), TextStringObject("dog")))
    made.add((100, 256, 260, 288), FT=name("Ch"), Opt=pets, AP=looks)
    made.add((100, 236, 140, 252), FT=name("Btn"), Ff=NumberObject(1 << 16), AP=drawing(made, b""))
    assert made.text(tmp_path) == "Smoker: Yes [ ] No [x] Pets: Sent"


def test_boxes_of_a_form_that_nobody_filled_in_say_nothing(tmp_path: Path) -> None:
    grid = b"".join(b"20 %d m 220 %d l S " % (level, level) for level in (320, 300, 280, 260))
    grid += b"".join(b"%d 260 m %d 320 l S " % (side, side) for side in (20, 120, 220))
    cells = (
        (24, 306, "Fee"),
        (124, 306, "Due"),
        (24, 286, "900"),
        (124, 286, "May"),
        (24, 266, "40"),
        (124, 266, "June"),
    )
    made = Made(grid + shown(*cells))
    made.add((124, 226, 136, 238), FT=name("Btn"))
    assert made.text(tmp_path) == "Fee | Due 900 | May 40 | June"
    blank = Made(b"")
    blank.add((124, 226, 136, 238), FT=name("Btn"))
    with pytest.raises(DocumentError, match="has no text"):
        blank.text(tmp_path)


def test_a_value_below_its_label_stands_there_wherever_the_title_is_drawn(tmp_path: Path) -> None:
    made = Made(shown((20, 200, "Comments:"), (20, 100, "For the office."), (20, 350, "Application")))
    field = made.add((20, 150, 300, 190), FT=name("Tx"), T=TextStringObject("c"), V=TextStringObject("No smoke."))
    field[name("AP")] = drawing(made, b"BT /F1 10 Tf 2 5 Td (No smoke.) Tj ET", width=280, height=40)
    assert made.text(tmp_path) == "Application Comments: No smoke. For the office."
