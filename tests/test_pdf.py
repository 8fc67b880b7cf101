"""PDF as people have it: forms, layers, fonts without maps, vertical writing, figures that only places keep apart."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdf
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from helpers.documents import write_pdf
from helpers.pdf import Made, dictionary, name, shown, words
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

from reader.documents import Recognition, draw, load
from reader.documents.recognition import in_reading_order
from reader.errors import DocumentError

FIELD = Path(__file__).parent / "fixtures" / "field"

HORIZONTAL = """春の朝、港はまだ静かだった。
船長の名は小田といった。
彼は三十年この海を渡った。
（ある日、霧が深く立ちこめた）
灯台の光だけが頼りだった。
夕方、ようやく岸が見えた。"""


@pytest.mark.parametrize(
    ("name", "wanted", "unwanted"),
    [
        (
            "form_filled",
            ("Applicant name: Ada Example", "Smoker: [x]", "Country: Peru", "Remarks: Allergic to peanuts"),
            (),
        ),
        ("typed_on", ("Name: Ada Example", "Date of birth: 3 May 1971"), ("Reviewer",)),
        ("xfa_shell", ("Family name: Example",), ("Please wait",)),
        ("lig_names", ("stuff and figures, offers",), ()),
        ("tc_columns", ("Guam 3 0", "Peru 2 5"), ()),
        ("shifted", ("Lorem ipsum: the captain was Oduya",), ()),
        ("accents", ("protégé performance",), ()),
        ("layers", ("Visible price 120.", "Invisible OCR text"), ("Hidden", "Off page")),
        ("super", ("6.0 x 10^24 kg", "1995[3] the well"), ("1024", "19953")),
    ],
)
def test_a_pdf_says_what_its_page_shows(name: str, wanted: tuple[str, ...], unwanted: tuple[str, ...]) -> None:
    text = words(load(FIELD / f"{name}.pdf"))
    assert [phrase for phrase in wanted if phrase not in text] == []
    assert [phrase for phrase in unwanted if phrase in text] == []


@pytest.mark.parametrize("name", ["vertical_embedded", "vertical_noembed"])
def test_vertical_writing_is_read_from_the_right(name: str) -> None:
    assert load(FIELD / f"{name}.pdf").text.strip() == HORIZONTAL


def test_letters_do_not_depend_on_the_fonts_of_the_machine() -> None:
    assert load(FIELD / "vertical_plain.pdf").text.strip().split("\n") == [
        "春の朝港はまだ静かだった",
        "船長の名は小田である",
        "彼は三十年この海を渡る",
        "灯台の光だけが頼りである",
    ]


def test_an_error_speaks_of_images_only_where_there_are_some(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="has no text in it") as refusal:
        Made(b"0 0 m 99 99 l S").text(tmp_path)
    assert "OCR" not in str(refusal.value)


def test_an_xfa_form_without_data_is_refused(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "Please wait... your viewer may not be able to display this type of document.")))
    packet = DecodedStreamObject()
    packet.set_data(b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'><template/></xdp:xdp>")
    made.writer.root_object[name("AcroForm")] = dictionary(XFA=made.writer._add_object(packet), Fields=ArrayObject())
    made.writer.root_object[name("NeedsRendering")] = BooleanObject(True)
    with pytest.raises(DocumentError, match=r"is an XFA form.*print it to a new PDF"):
        made.text(tmp_path)


def test_a_portfolio_is_read_with_its_files(tmp_path: Path) -> None:
    inner = Made(shown((20, 300, "The inner letter.")))
    held = BytesIO()
    inner.writer.write(held)
    made = Made(shown((20, 300, "Open this portfolio in Acrobat.")))
    made.writer.add_attachment("letter.pdf", held.getvalue())
    made.writer.add_attachment("sums.xlsx", b"PK")
    made.writer.root_object[name("Collection")] = dictionary(Type=name("Collection"))
    text = made.text(tmp_path)
    assert "The inner letter." in text
    assert "sums.xlsx" in text


@pytest.mark.parametrize(
    ("rule", "is_read"),
    [
        ({"Type": "OCMD", "P": "AllOn"}, False),
        ({"Type": "OCMD", "P": "AnyOn"}, True),
        ({"Type": "OCMD", "VE": "Not"}, True),
        ({"Type": "OCMD", "VE": "And"}, False),
    ],
)
def test_rules_over_layers_are_kept(tmp_path: Path, rule: dict[str, str], is_read: bool) -> None:
    content = shown((20, 300, "Shown")) + b"/OC /P0 BDC " + shown((20, 280, "Layer")) + b"/Span BMC EMC EMC "
    made = Made(content + shown((20, 260, "After")))
    off, on = (made.writer._add_object(dictionary(Type=name("OCG"), Name=TextStringObject(n))) for n in ("off", "on"))
    both = ArrayObject((off, on))
    made.writer.root_object[name("OCProperties")] = dictionary(
        OCGs=both, D=dictionary(BaseState=name("OFF"), ON=ArrayObject((on,)))
    )
    if "VE" in rule:
        members = (off,) if rule["VE"] == "Not" else (off, on)
        entries = {"VE": ArrayObject((name(rule["VE"]), *members))}
    else:
        entries = {"OCGs": both, "P": name(rule["P"])}
    made.page["/Resources"][name("Properties")] = dictionary(P0=dictionary(Type=name("OCMD"), **entries))
    assert made.text(tmp_path) == ("Shown Layer After" if is_read else "Shown After")


@pytest.mark.parametrize("rule", [{"P": name("AllOff")}, {"VE": ArrayObject((name("Not"),))}, {"P": name("AnyOff")}])
def test_what_is_drawn_only_without_a_layer_that_is_on_is_not_read(tmp_path: Path, rule: dict[str, Any]) -> None:
    made = Made(shown((20, 300, "Shown")) + b"/OC /P0 BDC " + shown((20, 280, "Layer")) + b"EMC ")
    on = made.writer._add_object(dictionary(Type=name("OCG"), Name=TextStringObject("on")))
    made.writer.root_object[name("OCProperties")] = dictionary(OCGs=ArrayObject((on,)), D=dictionary())
    entries = {"VE": ArrayObject((*rule["VE"], on))} if "VE" in rule else {"OCGs": on, **rule}
    made.page["/Resources"][name("Properties")] = dictionary(P0=dictionary(Type=name("OCMD"), **entries))
    assert made.text(tmp_path) == "Shown"


SAID = "Lorem ipsum: the captain was Oduya, and 47 figures were paid."
ORDER = "".join(dict.fromkeys(SAID))
CODES = b"BT /W 8 Tf 20 300 Td <" + b"".join(b"%02x" % (33 + ORDER.index(letter)) for letter in SAID) + b"> Tj ET"
NAMES = {" ": "space", ":": "colon", ",": "comma", ".": "period", "4": "four", "7": "seven"}


def differences(names: list[str]) -> DictionaryObject:
    return dictionary(
        Type=name("Encoding"), Differences=ArrayObject((NumberObject(33), *(name(each) for each in names)))
    )


def type_3(made: Made, names: list[str]) -> DictionaryObject:
    """A font whose glyphs are drawn by the file itself, here all the same."""
    glyph = DecodedStreamObject()
    glyph.set_data(b"600 0 0 0 500 700 d1 0 0 500 700 re f")
    drawn = made.writer._add_object(glyph)
    return dictionary(
        Type=name("Font"),
        Subtype=name("Type3"),
        FontBBox=ArrayObject(NumberObject(side) for side in (0, 0, 600, 700)),
        FontMatrix=ArrayObject(FloatObject(number) for number in (0.001, 0, 0, 0.001, 0, 0)),
        CharProcs=DictionaryObject({name(each): drawn for each in names}),
        Encoding=differences(names),
        FirstChar=NumberObject(33),
        LastChar=NumberObject(32 + len(names)),
        Widths=ArrayObject(NumberObject(600) for _ in names),
    )


@pytest.mark.parametrize(
    "names",
    [
        [NAMES.get(letter, letter) for letter in ORDER],
        [f"a{ord(letter)}" for letter in ORDER],
        [f"G{ord(letter):02X}" for letter in ORDER],
    ],
)
@pytest.mark.parametrize("kind", ["Type1", "Type3"])
def test_names_of_glyphs_say_which_letters_they_are(tmp_path: Path, names: list[str], kind: str) -> None:
    made = Made(CODES)
    font = type_3(made, names)
    if kind == "Type1":
        font = dictionary(
            Type=name("Font"), Subtype=name("Type1"), BaseFont=name("ABCDEF+Own"), Encoding=differences(names)
        )
    made.page["/Resources"]["/Font"][name("W")] = made.writer._add_object(font)
    assert made.text(tmp_path) == SAID


def test_letters_that_nothing_tells_are_no_text(tmp_path: Path) -> None:
    made = Made(CODES)
    font = type_3(made, [f"glyph{number}" for number in range(len(ORDER))])
    made.page["/Resources"]["/Font"][name("W")] = made.writer._add_object(font)
    with pytest.raises(DocumentError, match=r"does not say which letters its glyphs are.*OCR"):
        made.text(tmp_path)
    prose = [(20, 280 - 14 * row, "The harbour was calm, and nobody saw the letter.") for row in range(12)]
    made = Made(CODES + b" " + shown(*prose))
    made.page["/Resources"]["/Font"][name("W")] = made.writer._add_object(font.clone(made.writer))
    assert made.text(tmp_path).startswith("\ufffd The harbour was calm")


@pytest.mark.parametrize("places", [1, 13, 25])
def test_shifted_letters_are_no_text(tmp_path: Path, places: int) -> None:
    def shifted(letter: str) -> str:
        return chr((ord(letter) - 97 + places) % 26 + 97) if letter.islower() else letter

    text = "the captain was paid at once, and nobody in the harbour saw the letter that came by night"
    with pytest.raises(DocumentError, match="OCR"):
        load(write_pdf(tmp_path / "shifted.pdf", ["".join(map(shifted, text))]))
    for plain in (text, "abcdef ghijklmno pqrstuvwxyz " * 3):
        assert words(load(write_pdf(tmp_path / "plain.pdf", [plain]))) == plain.strip()


def to_unicode(made: Made, pairs: dict[int, str], digits: int) -> object:
    lines = "".join(f"<{code:0{digits}x}> <{text.encode('utf-16-be').hex()}>\n" for code, text in pairs.items())
    stream = DecodedStreamObject()
    space = f"1 begincodespacerange\n<{'0' * digits}> <{'f' * digits}>\nendcodespacerange\n"
    stream.set_data(f"begincmap\n{space}{len(pairs)} beginbfchar\n{lines}endbfchar\nendcmap".encode())
    return made.writer._add_object(stream)


@pytest.mark.parametrize("ligature", ["\x00", "\ufffd", "\uf001"])
def test_names_say_what_maps_to_private_codes_do_not(tmp_path: Path, ligature: str) -> None:
    made = Made(b"BT /W 12 Tf 20 300 Td (di\001cult \002gures) Tj ET")
    font = dictionary(Type=name("Font"), Subtype=name("Type1"), BaseFont=name("ABCDEF+Own"))
    font[name("Encoding")] = dictionary(Differences=ArrayObject((NumberObject(1), name("ffi"), name("f_i"))))
    letters = {code: chr(code) for code in range(32, 127)} | {1: ligature, 2: ligature}
    font[name("ToUnicode")] = to_unicode(made, letters, 2)
    made.page["/Resources"]["/Font"][name("W")] = made.writer._add_object(font)
    assert made.text(tmp_path) == "difficult figures"


def numbered_font(made: Made, chars: str) -> object:
    """A font as macOS embeds it: its glyphs are numbered in the order in which they are drawn."""
    shapes = dict.fromkeys(chars, ((50, 0), (450, 700))) | {"-": ((50, 220), (300, 280))}
    glyphs = {".notdef": TTGlyphPen(None).glyph()}
    for number, char in enumerate(chars):
        pen = TTGlyphPen(None)
        if char != " ":
            (left, low), (right, high) = shapes[char]
            pen.moveTo((left, low))
            for corner in ((left, high), (right, high), (right, low)):
                pen.lineTo(corner)
            pen.closePath()
        glyphs[f"g{number}"] = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({0x21 + number: f"g{number}" for number in range(len(chars))})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (500, 0)))
    builder.setupHorizontalHeader()
    builder.setupPost()
    builder.save(out := BytesIO())
    program = DecodedStreamObject()
    program.set_data(out.getvalue())
    font = dictionary(Type=name("Font"), Subtype=name("TrueType"), BaseFont=name("ABCDEF+Own"))
    file = made.writer._add_object(program)
    font[name("FontDescriptor")] = dictionary(Type=name("FontDescriptor"), Flags=NumberObject(4), FontFile2=file)
    font[name("FirstChar")], font[name("LastChar")] = NumberObject(0x21), NumberObject(0x20 + len(chars))
    font[name("Widths")] = ArrayObject([NumberObject(500)] * len(chars))
    return font


def test_spaces_and_hyphens_that_macos_maps_to_their_codes_are_read(tmp_path: Path) -> None:
    chars = "No abcdefghijklmnpqrstuvwxyz-"  # so the space has the code of #, and the hyphen that of =
    codes = "".join(chr(0x21 + chars.index(char)) for char in "No captain was paid-up by noon")
    made = Made(f"BT /N 12 Tf 20 300 Td <{codes.encode('latin-1').hex()}> Tj ET".encode())
    font = numbered_font(made, chars)
    mapped = {0x21 + number: char for number, char in enumerate(chars.replace(" ", "#").replace("-", "="))}
    font[name("ToUnicode")] = to_unicode(made, mapped, 2)
    made.page["/Resources"]["/Font"][name("N")] = made.writer._add_object(font)
    assert made.text(tmp_path) == "No captain was paid-up by noon"


@pytest.mark.parametrize("wrong", [0xF000, 30, -1])
def test_the_font_is_believed_where_its_map_makes_no_words(tmp_path: Path, wrong: int) -> None:
    reader = pypdf.PdfReader(FIELD / "shifted.pdf")
    writer = pypdf.PdfWriter(clone_from=reader)
    font = writer.pages[0]["/Resources"]["/Font"]["/F1"]
    made = Made()
    made.writer = writer
    font[name("ToUnicode")] = to_unicode(made, {code: chr(code + wrong) for code in range(2, 200)}, 4)
    path = tmp_path / "wrong.pdf"
    writer.write(path)
    assert words(load(path)) == "Lorem ipsum: the captain was Oduya"


def test_a_layer_for_paper_alone_is_not_read(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "Shown")) + b"/OC /P0 BDC " + shown((20, 280, "Printed only")) + b"EMC")
    usage = dictionary(View=dictionary(ViewState=name("OFF")), Print=dictionary(PrintState=name("ON")))
    layer = made.writer._add_object(dictionary(Type=name("OCG"), Name=TextStringObject("mark"), Usage=usage))
    layers = ArrayObject((layer,))
    rule = dictionary(Event=name("View"), OCGs=layers, Category=ArrayObject((name("View"),)))
    made.writer.root_object[name("OCProperties")] = dictionary(OCGs=layers, D=dictionary(AS=ArrayObject((rule,))))
    made.page["/Resources"][name("Properties")] = dictionary(P0=layer)
    assert made.text(tmp_path) == "Shown"


@pytest.mark.parametrize(("code", "expected"), [(0xF0B1, "±k"), (0xF02D, "−k"), (0xF061, "αk")])
def test_codes_of_the_symbol_font_are_symbols(tmp_path: Path, code: int, expected: str) -> None:
    made = Made(b"BT /W 12 Tf 20 300 Td (%c) Tj /F1 12 Tf (k) Tj ET" % (code & 0xFF))
    font = dictionary(Type=name("Font"), Subtype=name("TrueType"), BaseFont=name("ABCDEF+SymbolMT"))
    font[name("ToUnicode")] = to_unicode(made, {code & 0xFF: chr(code)}, 2)
    made.page["/Resources"]["/Font"][name("W")] = made.writer._add_object(font)
    assert made.text(tmp_path).replace(" ", "") == expected


def test_figures_stay_what_they_are(tmp_path: Path) -> None:
    def line(y: int, *parts: tuple[str, int]) -> bytes:
        runs = b" ".join(
            b"/F1 %d Tf %d Ts (%s) Tj" % (10 if not rise else 6, rise, text.encode("latin-1")) for text, rise in parts
        )
        return b"BT 1 0 0 1 20 %d Tm %s ET " % (y, runs)

    content = (
        line(300, ("area 5 m", 0), ("2", 4), (" of H", 0), ("2", -2), ("O", 0))
        + line(280, ("in 1995.", 0), ("12", 4), (" Then 10", 0), ("-5", 4), (" V", 0))
        + line(260, ("48", 0), ("1", 4), ("/2 cents on the 2", 0), ("nd", 4))
    )
    text = Made(content).text(tmp_path)
    assert "5 m^2 of H2O" in text
    assert "1995.[12] Then 10^-5 V" in text
    assert "48 1/2 cents on the 2nd" in text


def test_a_raised_sign_keeps_its_figure_apart(tmp_path: Path) -> None:
    power = b"/F1 10 Tf (10) Tj /F1 6 Tf 4 Ts (%s) Tj /F1 10 Tf 0 Ts ( V) Tj"
    content = b" ".join(
        b"BT 1 0 0 1 20 %d Tm %s ET" % (300 - 40 * at, shown)
        for at, shown in enumerate([power % b"-5", power % b"+3", b"/F1 10 Tf (pages 10-7 and 10 -5) Tj"])
    )
    assert Made(content).text(tmp_path) == "10^-5 V 10^+3 V pages 10-7 and 10 -5"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((("e", 0), ("-x", 4), (", a", 0), ("n", 4), (".", 0)), "e^-x, a^n."),
        ((("GF\\(p", 0), ("m", 4), ("\\), 10", 0), ("n", 4), (".", 0)), "GF(p^m), 10^n."),
        ((("2", 0), ("n+1", 4), (" of x", 0), ("2", 4), (" + y", 0), ("2", 4), (".", 0)), "2^n+1 of x^2 + y^2."),
        ((("120.50", 0), ("a", 4), (" and 3,400", 0), ("b", 4), (" crowns", 0)), "120.50[a] and 3,400[b] crowns"),
        ((("the 1", 0), ("er", 4), (" mai, 2", 0), ("nd", 4)), "the 1er mai, 2nd"),
        ((("M", 0), ("me", 4), (" Noor, D", 0), ("r", 4), (" Vale", 0)), "Mme Noor, Dr Vale"),
        ((("235", 4), ("U and ", 0), ("14", 4), ("C", 0)), "235U and 14C"),
        ((("12", 4), ("See the well.", 0)), "[12] See the well."),
    ],
)
def test_raised_letters_and_masses_of_atoms(tmp_path: Path, parts: tuple[tuple[str, int], ...], expected: str) -> None:
    runs = " ".join(f"/F1 {6 if rise else 10} Tf {rise} Ts ({text}) Tj" for text, rise in parts)
    assert Made(f"BT 1 0 0 1 20 300 Tm {runs} ET".encode()).text(tmp_path) == expected


def test_raised_digits_as_large_as_the_others_stay_apart(tmp_path: Path) -> None:
    content = (
        b"BT /F1 10 Tf 20 300 Td (mass 10) Tj 5 Ts (24) Tj 0 Ts ( kg in 1995) Tj 5 Ts (3) Tj 0 Ts ( it closed) Tj ET"
    )
    assert Made(content).text(tmp_path) == "mass 10^24 kg in 1995[3] it closed"


def test_a_number_that_stands_high_before_its_note_begins_it(tmp_path: Path) -> None:
    note = b"BT /F1 5 Tf 1 0 0 1 20 54 Tm (3) Tj /F1 8 Tf 1 0 0 1 25 50 Tm (The well was dry.) Tj ET"
    assert Made(shown((20, 300, "Prose.")) + note).text(tmp_path) == "Prose. [3] The well was dry."


def test_narrow_gaps_part_words_and_kerning_does_not(tmp_path: Path) -> None:
    content = b"BT /F1 10 Tf 20 300 Td [(mentorship) -125 (in A) 70 (V) -30 (A)] TJ ET"
    assert Made(content).text(tmp_path) == "mentorship in AVA"


@pytest.mark.parametrize("content", ["(\\250) Tj -1.2 0 Td (uber) Tj", "(u) Tj 1.2 0 Td (\\250) Tj 4.4 0 Td (ber) Tj"])
def test_an_accent_before_or_after_its_letter_is_joined(tmp_path: Path, content: str) -> None:
    assert Made(f"BT /F1 10 Tf 20 300 Td {content} ET".encode()).text(tmp_path) == "über"


def test_the_picture_marks_a_quote_in_mended_text(tmp_path: Path) -> None:
    for file, quote in (("accents", "protégé performance"), ("lig_names", "stuff and figures"), ("super", "10^24 kg")):
        assert draw(FIELD / f"{file}.pdf", "pdf", 1, width_pixels=400, quote=quote).boxes


def test_the_picture_marks_words_wherever_they_stand(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "lamp.pdf", ["The lamplight. A lamp, and one more Lamp. Old lamps."])
    for everywhere, count in ((True, 2), (False, 1)):
        picture = draw(path, "pdf", 1, width_pixels=400, quote="lamp", everywhere=everywhere)
        assert len(picture.boxes) == count


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_a_scan_is_recognised_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    source = tmp_path / "source.pdf"
    made = Made(b"BT /F1 24 Tf 40 300 Td (The captain was Oduya) Tj ET")
    made.writer.write(source)
    import pypdfium2

    picture = pypdfium2.PdfDocument(source)[0].render(scale=3).to_pil()
    scan = tmp_path / "scan.pdf"
    picture.save(scan, "PDF", resolution=216)
    with pytest.raises(DocumentError, match="OCR"):
        load(scan)
    steps: list[tuple[int, int]] = []
    how = Recognition(
        engine="tesseract", folder=tmp_path / "kept", report=lambda done, all_: steps.append((done, all_))
    )
    document = load(scan, recognition=how)
    assert "The captain was Oduya" in document.text
    assert (document.recognised_pages, document.textless_pages) == (1, 0)
    assert steps == [(0, 1), (1, 1)]
    steps.clear()
    assert load(scan, recognition=how).id == document.id
    assert steps == [(1, 1)]  # nothing was recognised twice


def test_recognised_columns_are_read_one_after_the_other() -> None:
    left = [((10.0, 20.0 * row, 480.0, 20.0 * row + 15), f"l{row}") for row in range(1, 6)]
    right = [((520.0, 20.0 * row, 990.0, 20.0 * row + 15), f"r{row}") for row in range(1, 6)]
    head = ((10.0, 0.0, 990.0, 15.0), "head")
    read = in_reading_order([*right, head, *left], 1000)
    assert read.split() == ["head", *(f"l{row}" for row in range(1, 6)), *(f"r{row}" for row in range(1, 6))]


def test_heads_and_page_numbers_are_no_text_and_numbers_are_labels(tmp_path: Path) -> None:
    pages = [
        f"{'The Harbour Year' if at % 2 else 'Ada Example'} {at + 40}\nOn day {at * 7} the sea was calm."
        for at in range(8)
    ]
    document = load(write_pdf(tmp_path / "book.pdf", pages))
    assert [page.label for page in document.pages] == [str(at + 40) for at in range(8)]
    assert document.text.count("The Harbour Year") == document.text.count("Ada Example") == 1
    assert all(f"On day {at * 7} the sea was calm." in document.text for at in range(8))


def test_lines_whose_figures_change_are_no_heads(tmp_path: Path) -> None:
    pages = [f"Statement of account\nBalance {1000 + 37 * at} crowns" for at in range(6)]
    document = load(write_pdf(tmp_path / "bank.pdf", pages))
    assert all(f"Balance {1000 + 37 * at} crowns" in document.text for at in range(6))
    assert document.text.count("Statement of account") == 1


def test_headings_that_count_themselves_are_text(tmp_path: Path) -> None:
    pages = [f"Chapter {at}\nThe sea was calm on day {at}.\nThe same words again." for at in range(1, 7)]
    document = load(write_pdf(tmp_path / "chapters.pdf", pages))
    assert all(f"Chapter {at}" in document.text and f"calm on day {at}." in document.text for at in range(1, 7))


def test_repeated_rows_of_figures_are_no_heads(tmp_path: Path) -> None:
    pages = [f"A = 0.00, 0.01, 0.05 B = 0.10, 0.15\nMeasured at place {'abcde'[at]}" for at in range(5)]
    assert load(write_pdf(tmp_path / "figures.pdf", pages)).text.count("A = 0.00") == 5


RULES = b"0.5 w 40 340 m 360 340 l S 40 310 m 360 310 l S 40 280 m 360 280 l S 40 250 m 360 250 l S " + b"".join(
    b"%d 250 m %d 340 l S " % (x, x) for x in (40, 150, 260, 360)
)


def test_a_table_with_rules_keeps_its_rows_and_parts_its_cells(tmp_path: Path) -> None:
    cells = ((45, 320, "Ship"), (155, 320, "Captain"), (265, 320, "Cargo"))
    rows = ((45, 295, "Marigold"), (155, 298, "Ada"), (155, 286, "Oduya"), (265, 295, "4711 tons"))
    last = ((45, 260, "Heron"), (265, 260, "12 tons"))
    made = Made(RULES + shown((45, 370, "The ships of 1871:"), *cells, *rows, *last, (45, 200, "All came home.")))
    path = tmp_path / "table.pdf"
    made.writer.write(path)
    assert load(path).text.split("\n")[:6] == [
        "The ships of 1871:",
        "",
        "Ship | Captain | Cargo",
        "Marigold | Ada Oduya | 4711 tons",
        "Heron | | 12 tons",
        "",
    ]


ROWS = [
    ["Ship", "Cargo", "Crowns"],
    ["Marigold", "saffron", "471"],
    ["Anchor", "tea", "382"],
    ["Swallow", "wool", "203"],
    ["Nobody", "asked", "who", "had", "paid", "for", "it."],
]


def write_turned(path: Path, text: int, page: int, size: int = 10) -> Path:
    """Rows of words of their own, turned by so many degrees on a page that is turned by so many."""
    shown = ""
    for number, row in enumerate(ROWS):
        for place, word in enumerate(row):
            x, y = 72 + 70 * place, 540 - 14 * number
            matrix = {
                0: f"1 0 0 1 {x} {y}",
                90: f"0 1 -1 0 {612 - y} {x}",
                180: f"-1 0 0 -1 {612 - x} {792 - y}",
                270: f"0 -1 1 0 {y} {792 - x}",
            }
            shown += f"BT /F1 {size} Tf {matrix[text]} Tm ({word}) Tj ET\n"
    writer = pypdf.PdfWriter(clone_from=write_pdf(path, [shown.encode()]))
    writer.pages[0][NameObject("/Rotate")] = NumberObject(page)
    writer.write(path)
    return path


def test_letters_of_a_negative_size_are_turned_back(tmp_path: Path) -> None:
    path = write_turned(tmp_path / "turned.pdf", 180, 0, size=-10)  # shown upright, the words from right to left
    lines = load(path).text.split("\n")
    assert [line.split() for line in lines if line] == [row[::-1] for row in ROWS]


@pytest.mark.parametrize("page", [0, 90, 180, 270])
@pytest.mark.parametrize("text", [0, 90, 180, 270])
def test_rows_read_from_left_to_right_however_text_and_page_are_turned(tmp_path: Path, text: int, page: int) -> None:
    path = write_turned(tmp_path / "turned.pdf", text, page)
    lines = load(path).text.replace(" |", "").split("\n")
    assert [line.split() for line in lines if line] == ROWS
    # The page is drawn as it is turned, and the quote is where it then is.
    picture = draw(path, "pdf", 1, width_pixels=600, quote="Anchor tea 382")
    left, right = min(box.left for box in picture.boxes), max(box.left + box.width for box in picture.boxes)
    top, bottom = min(box.top for box in picture.boxes), max(box.top + box.height for box in picture.boxes)
    if (text - page) % 180 == 0:
        assert right - left > 0.15 > 0.05 > bottom - top
        assert (bottom < 0.5) == (text == page)
    else:
        assert bottom - top > 0.15 > 0.05 > right - left


def test_a_cell_over_several_rows_or_columns_keeps_its_table_whole(tmp_path: Path) -> None:
    levels = {360: (20, 340), 340: (120, 340), 320: (20, 340), 300: (20, 340), 280: (20, 340)}
    columns = {20: 360, 120: 360, 240: 340, 340: 360}
    rules = [b"%d %d m %d %d l S " % (left, y, right, y) for y, (left, right) in levels.items()]
    rules += [b"%d 280 m %d %d l S " % (x, x, top) for x, top in columns.items()]
    rows = ((25, 335, "Item"), (200, 345, "Price"), (125, 325, "net"), (245, 325, "gross"))
    rows += (
        (25, 305, "Tea"),
        (125, 305, "3 per kg"),
        (245, 305, "4"),
        (25, 285, "Salt"),
        (125, 285, "1"),
        (245, 285, "2"),
    )
    path = tmp_path / "spans.pdf"
    Made(b"".join(rules) + shown(*rows)).writer.write(path)
    assert load(path).text.split("\n")[:4] == [
        "Item | Price",
        "| net | gross",
        "Tea | 3 per kg | 4",
        "Salt | 1 | 2",
    ]


def test_white_text_is_read_only_where_it_can_be_seen(tmp_path: Path) -> None:
    content = (
        shown((20, 300, "The price is 120."))
        + b"1 g "
        + shown((20, 280, "The price is 90."))
        + b"0 0 0.5 rg 20 240 200 20 re f "
    )
    content += (
        b"1 1 1 rg " + shown((25, 246, "Conditions")) + b"0 g BT 3 Tr /F1 10 Tf 20 200 Td (A scan's layer.) Tj ET"
    )
    assert Made(content).text(tmp_path) == "The price is 120. Conditions A scan's layer."


def test_text_that_is_clipped_away_is_not_read(tmp_path: Path) -> None:
    content = (
        shown((20, 300, "The price is 120.")) + b"q 0 0 100 50 re W n " + shown((20, 200, "The price is 90.")) + b"Q "
    )
    content += b"q 0.5 0 0 0.5 0 0 cm 0 340 300 40 re W n " + shown((40, 360, "Half as large.")) + b"Q "
    assert Made(content + shown((20, 100, "The end."))).text(tmp_path) == "The price is 120. Half as large. The end."


def test_the_figure_beside_a_clipped_cell_stays_apart(tmp_path: Path) -> None:
    clipped = b"q 20 290 60 30 re W n " + shown((20, 300, "Paid on 29.01.2016")) + b"Q "
    content = clipped + b"BT /F1 10 Tf 1 0 0 1 102.3 300 Tm (1074935) Tj ET " + shown((20, 100, "The end."))
    assert Made(content).text(tmp_path) == "Paid on 29.01.2016 1074935 The end."


def test_a_cell_that_is_clipped_away_does_not_cost_its_table(tmp_path: Path) -> None:
    rows = [("Peru", "12", "7"), ("Chile", "9", "41"), ("Cuba", "35", "8"), ("Chad", "6", "5")]
    drawn = b"".join(
        shown((20, 300 - 14 * at, a), (120, 300 - 14 * at, b), (220, 300 - 14 * at, c))
        for at, (a, b, c) in enumerate(rows)
    )
    hidden = b"q 0 0 10 10 re W n " + shown((170, 286, "rt")) + b"Q "
    text = Made(
        drawn[: drawn.index(b"BT /F1 10 Tf 1 0 0 1 220 286")]
        + hidden
        + drawn[drawn.index(b"BT /F1 10 Tf 1 0 0 1 220 286") :]
    )
    assert text.text(tmp_path) == " ".join(" | ".join(row) for row in rows)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("31.7 300 3 0.4", "fz_new"),
        ("31.7 299 3 0.4", "fz_new"),
        ("31.7 304 3 0.4", "fz new"),  # a dash
        ("20 298 33 0.4", "fz new"),  # the words are underlined
        ("31.7 280 3 0.4", "fz new"),
    ],
)
def test_an_underscore_that_is_drawn_as_a_rule_is_read(tmp_path: Path, rule: str, expected: str) -> None:
    drawn = "BT /F1 14 Tf 1 0 0 1 20 300 Tm (fz) Tj 1 0 0 1 35.3 300 Tm (new) Tj ET"
    assert Made(f"{drawn} {rule} re f".encode()).text(tmp_path) == expected


# --- Titles

BODY = shown(*((20, 250 - 12 * line, "Most of the page is printed in letters of this size.") for line in range(8)))


def title_of(folder: Path, name: str, *large: str, size: int = 18) -> str:
    """The title of a file of this name whose page begins with these lines."""
    lines = (
        b"BT /F1 %d Tf 1 0 0 1 20 %d Tm (%s) Tj ET " % (size, 320 - 22 * at, line.encode())
        for at, line in enumerate(large)
    )
    path = folder / name
    Made(b"".join(lines) + BODY).writer.write(path)
    return load(path).title


def test_a_pdf_without_a_title_is_called_as_its_first_page_prints(tmp_path: Path) -> None:
    assert (
        title_of(tmp_path, "2401.03462v2.pdf", "Why Mills Stand", "Where They Stand")
        == "Why Mills Stand Where They Stand"
    )


@pytest.mark.parametrize(
    ("name", "large", "size"),
    [
        ("the_lease_of_2019.pdf", "An Agreement of Two Parties", 18),
        ("invoice7.pdf", "INVOICE 1,204.50", 18),
        ("letter.pdf", "A line that is hardly larger", 11),
    ],
    ids=["a name of several words", "a form's kind or total", "no larger than the rest"],
)
def test_the_file_s_name_stays_where_nothing_better_is_printed(
    tmp_path: Path, name: str, large: str, size: int
) -> None:
    assert title_of(tmp_path, name, large, size=size) == Path(name).stem.replace("_", " ")
