"""What few files are and some people have: RTF in UTF-16 and UTF-8, and other forms that are easily lost."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from helpers.formats import p, pages, write_docx, write_epub, write_odt, xhtml
from helpers.pdf import Made, dictionary, name, shown
from pypdf.generic import ArrayObject, DecodedStreamObject, IndirectObject, NumberObject, TextStringObject

from reader.documents import load
from reader.errors import DocumentError


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.rtf", "a.txt"])
def test_rtf_in_unicode_is_read(tmp_path: Path, name: str, encoding: str) -> None:
    (tmp_path / name).write_bytes(
        r"{\rtf1\ansi\uc0 The fee is \b 900\b0  \'80 for “Žofie” \u8211  and 𝒳.\par Second.}".encode(encoding)
    )
    assert load(tmp_path / name).text.strip() == "The fee is 900 € for “Žofie” – and 𝒳.\nSecond."


LEVELS = (
    r"{\listlevel\levelnfc0\levelstartat1{\leveltext\'02\'00.;}{\levelnumbers\'01;}}"
    r"{\listlevel\levelnfc0\levelstartat1{\leveltext\'03\'00.\'01;}{\levelnumbers\'01\'03;}}"
    r"{\listlevel\levelnfc4\levelstartat1{\leveltext\'03(\'02);}{\levelnumbers\'02;}}"
)
LIST_TABLE = (
    r"{\rtf1\ansi{\fonttbl{\f0 Arial;}{\f3 Symbol;}}{\*\listtable{\list" + LEVELS + r"\listid7}"
    r"{\list{\listlevel\levelnfc23{\leveltext\'01\u-3913 ?;}{\levelnumbers;}\f3}\listid8}}"
    r"{\*\listoverridetable{\listoverride\listid7\listoverridecount0\ls1}{\listoverride\listid8\listoverridecount0\ls2}"
    r"{\listoverride\listid7\listoverridecount1{\lfolevel\listoverridestartat\levelstartat5}\ls3}}"
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            r"\pard\ls1 Terms\par\pard\ls1\ilvl1 Rent\par Notice\par\pard\ls1\ilvl2 in writing\par by post\par"
            r"\pard\ls1 End\par\pard Plain.\par",
            "1. Terms\n1.1 Rent\n1.2 Notice\n(a) in writing\n(b) by post\n2. End\nPlain.",
        ),
        (r"\pard\ls2 Tea\par Milk\par", "- Tea\n- Milk"),
        (r"\pard\ls3 Five\par Six\par", "5. Five\n6. Six"),
        (r"\pard\ls1 {\listtext 1.\tab}One\par{\listtext 2.\tab}Two\par", "1.\tOne\n2.\tTwo"),
        (r"\pard\ls1 {\listtext 1.\tab}One\par Two\par", "1.\tOne\n2. Two"),
        (
            r"\pard\ls1 One{\footnote A note.\par Its end.} goes on\par Two\par",
            "1. One[1] goes on\n[1] A note.\nIts end.\n2. Two",
        ),
        (r"\pard\ls1 One\par{\deleted Gone\par}{\v Hidden\par}Two\par", "1. One\n2. Two"),
        (r"\pard\ls1 One\par{\pard Between\par}Two\par", "1. One\nBetween\n2. Two"),
        (r"\trowd\pard\intbl\ls1 One\cell Two\cell\row\pard\ls9 Unknown\par", "1. One | 2. Two\nUnknown"),
    ],
    ids=["levels", "bullets", "starts-at", "written", "written-once", "notes", "gone", "between", "cells"],
)
def test_rtf_lists_count_that_only_the_list_table_numbers(tmp_path: Path, body: str, expected: str) -> None:
    (tmp_path / "a.rtf").write_text(LIST_TABLE + body + "}", encoding="ascii")
    assert [line for line in load(tmp_path / "a.rtf").text.split("\n") if line] == expected.split("\n")


def packet(made: Made, data: str) -> IndirectObject:
    stream = DecodedStreamObject()
    stream.set_data(data.encode())
    return made.writer._add_object(stream)


XFA = (
    "<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'><template xmlns='http://www.xfa.org/schema/xfa-template/3.3/'>"
    "<subform name='form'><field name='surname'><caption><value><text>Name</text></value></caption></field></subform>"
    "</template><xfa:datasets xmlns:xfa='http://www.xfa.org/schema/xfa-data/1.0/'><xfa:data>{}</xfa:data>"
    "</xfa:datasets></xdp:xdp>"
)

NOTICES = (
    "Bitte warten... Wenn diese Meldung nicht durch den Inhalt des Dokuments ersetzt wird, kann Ihr Programm ihn nicht zeigen.",
    "Veuillez patienter... Si ce message n'est pas remplacé par le contenu du document, votre lecteur ne peut pas l'afficher.",
    "Attendere... Se il messaggio non viene sostituito dal contenuto del documento, il visualizzatore non può mostrarlo.",
    "Espere... Si este mensaje no se reemplaza por el contenido del documento, su visor no puede mostrarlo.",
)


@pytest.mark.parametrize("notice", NOTICES)
def test_a_shell_is_known_in_any_language(tmp_path: Path, notice: str) -> None:
    made = Made(shown((20, 300, notice)))
    xfa = packet(made, XFA.format("<form><surname>Okonkwo</surname></form>"))
    made.writer.root_object[name("AcroForm")] = dictionary(XFA=xfa, Fields=ArrayObject())
    assert made.text(tmp_path) == "Name: Okonkwo"


def test_a_form_with_pages_of_its_own_is_no_shell(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "Name")))
    xfa = packet(made, XFA.format("<form><surname>Okonkwo</surname></form>"))
    field = made.add((100, 295, 200, 310), FT=name("Tx"), T=TextStringObject("city[0]"), V=TextStringObject("Enugu"))
    made.writer.root_object[name("AcroForm")] = dictionary(XFA=xfa, Fields=ArrayObject([field.indirect_reference]))
    assert made.text(tmp_path) == "Name Enugu"


def test_values_that_only_a_static_forms_data_has_are_read(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "Name"), (20, 280, "Amount"), (20, 260, "Second amount"), (20, 240, "Agreed")))
    made.add((100, 295, 200, 310), FT=name("Tx"), T=TextStringObject("form[0].page[0].surname[0]"))
    made.add((100, 275, 200, 290), FT=name("Tx"), T=TextStringObject("form[0].page[0].row[0].sum[0]"))
    made.add((100, 255, 200, 270), FT=name("Tx"), T=TextStringObject("form[0].page[0].row[1].sum[0]"))
    made.add((100, 235, 110, 245), FT=name("Btn"), T=TextStringObject("form[0].page[0].agreed[0]"), AS=name("Off"))
    kept = "<surname>Okonkwo</surname><row><sum>12.50</sum></row><row><sum>980</sum></row><agreed>1</agreed>"
    xfa = packet(made, XFA.format(f"<form>{kept}</form>"))
    fields = ArrayObject(annotation for annotation in made.page[name("Annots")])
    made.writer.root_object[name("AcroForm")] = dictionary(XFA=xfa, Fields=fields)
    assert made.text(tmp_path) == "Name Okonkwo Amount 12.50 Second amount 980 Agreed [x]"


def written(made: Made) -> bytes:
    held = BytesIO()
    made.writer.write(held)
    return held.getvalue()


def test_files_of_a_portfolio_are_known_by_what_they_are(tmp_path: Path) -> None:
    inner = Made(shown((20, 300, "Open in Acrobat.")))
    inner.writer.add_attachment("deep", written(Made(shown((20, 300, "The deepest letter.")))))
    inner.writer.root_object[name("Collection")] = dictionary(Type=name("Collection"))
    made = Made(shown((20, 300, "Open this portfolio in Acrobat.")))
    made.writer.add_attachment("<3>0001", written(Made(shown((20, 300, "The outer letter.")))))
    made.writer.add_attachment("box", written(inner))
    made.writer.add_attachment("plan.pdf", b"no PDF at all")
    made.writer.root_object[name("Collection")] = dictionary(Type=name("Collection"))
    made.writer.write(tmp_path / "made.pdf")
    document = load(tmp_path / "made.pdf")
    assert "The outer letter." in document.text
    assert "The deepest letter." in document.text
    assert document.text.rstrip().endswith("not read here:\nplan.pdf")
    assert [page.label for page in document.pages] == ["1", "0001 · 1", "box · 1", "deep · 1", "Attached files"]


TEMPLATE = ((20, 300, "The monthly rent is"), (131, 300, "EUR, due on the first."), (20, 288, "A second line."))


Lines = tuple[tuple[int, int, str], ...]


def sized(*parts: tuple[int, int, int, str]) -> bytes:
    return b"".join(b"BT /F1 %d Tf 1 0 0 1 %d %d Tm (%s) Tj ET " % (*at, text.encode()) for *at, text in parts)


@pytest.mark.parametrize("is_after_next_line", [False, True])
def test_raised_digits_that_are_drawn_last_stand_behind_their_number(tmp_path: Path, is_after_next_line: bool) -> None:
    line = sized((10, 20, 300, "mass 10"), (10, 63, 300, "kg in 1995"))
    digits, below = sized((6, 56, 304, "24"), (6, 111, 304, "3")), sized((10, 20, 280, "The next line."))
    drawn = line + below + digits if is_after_next_line else line + digits + below
    assert Made(drawn).text(tmp_path) == "mass 10^24 kg in 1995[3] The next line."


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        (shown(*TEMPLATE, (110, 300, "900")), "The monthly rent is 900 EUR, due on the first. A second line."),
        (
            shown((20, 300, "Payable"), (20, 288, "on the first."), (59, 300, "in Enugu")),
            "Payable in Enugu on the first.",
        ),
        (
            shown(
                (20, 300, "Rent ______________ EUR"),
                (20, 288, "Date ___________"),
                (60, 301, "900"),
                (50, 289, "2 May"),
            ),
            "Rent 900 EUR Date 2 May",
        ),
        (
            shown((20, 300, "Left one"), (20, 288, "left two."), (140, 300, "Right one"), (140, 288, "right two.")),
            "Left one left two. Right one right two.",
        ),
        (
            shown((20, 300, "A line."), (20, 288, "Another."), (20, 340, "The head"), (20, 20, "7")),
            "A line. Another. The head 7",
        ),
    ],
    ids=["in-a-line", "at-its-end", "on-a-rule", "columns", "a-head"],
)
def test_words_that_are_drawn_last_stand_in_their_line(tmp_path: Path, drawn: bytes, expected: str) -> None:
    assert Made(drawn).text(tmp_path) == expected


PRICE = shown((20, 300, "The old price 90"), (20, 280, "is valid."))


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (b"1 g 80 296 40 14 re f 0 g " + shown((82, 300, "120")), "The old price 120 is valid."),
        (b"1 g 15 296 200 14 re f", "is valid."),
        (b"0.9 g 15 296 200 14 re f", "The old price 90 is valid."),
        (b"1 g 0 0 400 400 re f", "The old price 90 is valid."),
        (b"1 g 0 260 400 60 re f", "The old price 90 is valid."),
        (b"1 G 15 296 200 14 re S", "The old price 90 is valid."),
    ],
    ids=["a-word", "a-line", "grey", "paper", "a-websites-head", "a-frame"],
)
def test_what_a_white_box_covers_is_not_read(tmp_path: Path, after: bytes, expected: str) -> None:
    assert Made(PRICE + after).text(tmp_path) == expected


def named(text: str, drawn: bytes) -> bytes:
    return b"/Span << /ActualText <FEFF%s> >> BDC %s EMC " % (text.encode("utf-16-be").hex().encode(), drawn)


BOX = b"45 298 30 10 re f "


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        (shown((20, 300, "The")) + named("Oduya", BOX) + shown((80, 300, "line.")), "The Oduya line."),
        (
            shown((20, 320, "Before.")) + named("A Heading", 2 * BOX) + shown((20, 280, "After.")),
            "Before. A Heading After.",
        ),
        (named("Only čísla 900.", BOX), "Only čísla 900."),
        (shown((20, 300, "A")) + named("harbour", shown((30, 300, "har-"), (20, 288, "bour"))), "A harbour"),
        (shown((20, 300, "A line")) + named("—", BOX), "A line"),
        (shown((20, 300, "A line")) + named("beyond", b"900 298 30 10 re f "), "A line"),
    ],
    ids=["in-a-line", "a-line", "alone", "letters", "a-sign", "beyond"],
)
def test_pictures_are_read_as_the_file_says(tmp_path: Path, drawn: bytes, expected: str) -> None:
    assert Made(drawn).text(tmp_path) == expected


def test_a_property_of_the_page_says_what_a_picture_reads(tmp_path: Path) -> None:
    made = Made(shown((20, 300, "The")) + b"/Span /P0 BDC " + BOX + b"EMC " + shown((80, 300, "line.")))
    made.page["/Resources"][name("Properties")] = dictionary(P0=dictionary(ActualText=TextStringObject("Oduya")))
    assert made.text(tmp_path) == "The Oduya line."


def test_glyphs_without_letters_do_not_move_what_is_mended(tmp_path: Path) -> None:
    digits = b"before 10) Tj /F1 6 Tf 4 Ts (24) Tj /F1 10 Tf 0 Ts ( kg"
    made = Made(
        b"BT /F1 10 Tf 1 0 0 1 20 300 Tm (A \001 sign \002\002\002\002\002 " + digits + b" of 10 or 12 ships) Tj ET"
    )
    names = ArrayObject([NumberObject(1), name("qqq"), name("zzz")])
    encoding = dictionary(Type=name("Encoding"), BaseEncoding=name("WinAnsiEncoding"), Differences=names)
    made.page["/Resources"]["/Font"]["/F1"][name("Encoding")] = encoding
    assert made.text(tmp_path) == "A sign before 10^24 kg of 10 or 12 ships"


@pytest.mark.parametrize(
    "text",
    [
        "Größe und Straße über dem Fluß. Schöne Grüße.",
        "El capitán llegó al puerto por la mañana, según dijo la niña.",
        "Le café était fermé; où est le garçon?",
        "Il dit « oui » à Rene, et « À la recherche ».",
    ],
)
@pytest.mark.parametrize("encoding", ["mac_roman", "cp1252", "iso8859-15"])
def test_texts_of_western_languages_are_read_without_a_hint(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(f"{text} ".encode(encoding) * 3)
    assert text in load(tmp_path / "a.txt").text


def from_html(tmp_path: Path, body: str, head: str = "") -> str:
    (tmp_path / "a.html").write_text(f"<html><head>{head}</head><body>{body}</body></html>", encoding="utf-8")
    return " ".join(load(tmp_path / "a.html").text.split())


@pytest.mark.parametrize(
    ("style", "marks"),
    [
        ("system: extends decimal; prefix: 'Article '; suffix: ': '", ["Article 3:", "Article 4:"]),
        ("system: extends lower-alpha; prefix: '('; suffix: ') '", ["(c)", "(d)"]),
        ("system: cyclic; symbols: '*' '†'; suffix: ' '", ["*", "†"]),
        ("system: fixed 3; symbols: III IV", ["III.", "IV."]),
        ("symbols: '*'", ["***.", "****."]),
        ("system: alphabetic; symbols: X Y", ["XX.", "XY."]),
        ("system: numeric; symbols: '0' '1'", ["11.", "100."]),
        ("system: cyclic", ["3.", "4."]),
    ],
)
def test_a_list_counts_in_its_sheets_own_style(tmp_path: Path, style: str, marks: list[str]) -> None:
    head = f"<style>@counter-style Own {{ {style} }} ol {{ list-style: Own }}</style>"
    body = "<ol start=3><li>One<li>Two</ol>"
    assert from_html(tmp_path, body, head) == f"{marks[0]} One {marks[1]} Two"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p><span aria-hidden=true class=cap>T</span><span class=sr-only>T</span>he king.</p>", "The king."),
        (
            "<p><span aria-hidden=true><b>T</b>he</span><span class='visually-hidden'>The</span> king.</p>",
            "The king.",
        ),
        ("<p><i aria-hidden=true>*</i><span class=sr-only>Required</span> Name</p>", "*Required Name"),
        (
            "<div id=app></div><noscript><p>The fee is <b>900</b> euros a month.</p></noscript>",
            "The fee is 900 euros a month.",
        ),
    ],
)
def test_what_is_said_twice_or_only_without_scripts_is_read_once(tmp_path: Path, body: str, expected: str) -> None:
    assert from_html(tmp_path, body) == expected


def test_a_page_that_only_asks_for_a_script_has_no_text(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no text"):
        from_html(tmp_path, "<div id=root></div><noscript>You need to enable JavaScript to run this app.</noscript>")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("O nce upon a time", "Once upon a time"),
        ("O ur town", "Our town"),
        ("O ver the sea", "Over the sea"),
        ("O king of the sea", "O king of the sea"),
        ("A man came", "A man came"),
        ("A fter the man", "After the man"),
        ("A long the road", "A long the road"),
        ("A long the road, along the sea", "Along the road, along the sea"),
        ("A long day, as long as along the sea", "A long day, as long as along the sea"),
        ("I n the year", "In the year"),
        ("I saw it", "I saw it"),
        ("E s war einmal", "Es war einmal"),
        ("E la nave va", "E la nave va"),
        ("N obody came", "Nobody came"),
    ],
)
def test_a_space_behind_a_large_letter_parts_words_alone(tmp_path: Path, written: str, expected: str) -> None:
    assert from_html(tmp_path, f"<p><span class=dropcap>{written[0]}</span>{written[1:]}.") == f"{expected}."


@pytest.mark.parametrize(
    ("sheet", "body", "expected"),
    [
        ("li::marker { content: counter(list-item) ') ' }", "<ol><li>One<li>Two</ol>", "1) One 2) Two"),
        (
            "li::marker { content: '(' counter(list-item, lower-alpha) ')' }",
            "<ol><li>One<li>Two</ol>",
            "(a) One (b) Two",
        ),
        (
            "ol { list-style: none } li::before { content: attr(data-no) ' ' }",
            "<ol><li data-no=7.3>One</ol>",
            "7.3 One",
        ),
        ("li::before { content: 'Step ' counter(list-item) ': ' }", "<ol><li>One</ol>", "1. Step 1: One"),
        ("ol { counter-reset: list-item 4 }", "<ol><li>Five<li>Six</ol>", "5. Five 6. Six"),
    ],
)
def test_a_sheet_counts_with_the_lists_own_counter(tmp_path: Path, sheet: str, body: str, expected: str) -> None:
    assert from_html(tmp_path, body, f"<style>{sheet}</style>") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Only $19<sup>99</sup> today", "Only $19.99 today"),
        ("Only 1,200 or € 1,299<sup>95</sup>", "Only 1,200 or € 1,299.95"),
        ("In $10<sup>9</sup>, 5<sup>10</sup>", "In $10^9, 5^10"),
        ("Price <s>100</s>80 or <del>120</del><ins>90</ins>.", "Price 100 80 or 120 90."),
        ("<span style='display:block'>12</span><span style='display:block'>34</span>", "12 34"),
        ("<b style='display:grid'><i>12</i><i>34</i></b>", "12 34"),
        ("1<span>2</span><b>3</b>.5", "123.5"),
        ("Use 2<span class='frac'>1/2</span> cups", "Use 2 1/2 cups"),
        ("10<span style='display:inline-block;transform:translateY(-40%);font-size:.7em'>24</span> kg", "10^24 kg"),
    ],
)
def test_figures_stay_apart_however_they_are_raised(tmp_path: Path, body: str, expected: str) -> None:
    assert from_html(tmp_path, f"<p>{body}</p>") == expected


def test_cents_of_a_price_are_no_power_in_a_pdf(tmp_path: Path) -> None:
    assert (
        Made(sized((20, 20, 300, "Only $19"), (10, 104, 308, "99"), (20, 120, 300, "today"))).text(tmp_path)
        == "Only $19.99 today"
    )


@pytest.mark.parametrize(
    ("letter", "at", "line", "expected"),
    [
        ("T", 40, "HE MILLER lived", "THE MILLER lived"),
        ("O", 46, "nce a miller lived", "Once a miller lived"),
        ("A", 42, "fter a year", "After a year"),
        ("A", 46, "man came", "A man came"),
        ("T", 90, "HE MILLER lived", "T HE MILLER lived"),
    ],
)
def test_a_large_letter_of_a_pdf_is_part_of_its_word(
    tmp_path: Path, letter: str, at: int, line: str, expected: str
) -> None:
    large = (30, 20, 290, letter)
    lines = ((10, at, 300, line), (10, at, 288, "by the sea and had three"), (10, 20, 276, "sons."))
    assert Made(sized(large, *lines)).text(tmp_path) == f"{expected} by the sea and had three sons."
    late = Made(sized(*lines, large)).text(tmp_path)
    if at < 90:
        assert late == f"{expected} by the sea and had three sons."
    else:
        assert late == f"{line} by the sea and had three sons. {letter}"


def test_a_chapter_that_only_the_contents_list_names_is_read(tmp_path: Path) -> None:
    chapters = {f"{name}.xhtml": xhtml(f"<p>{name} text.</p>") for name in ("One", "Two", "Three", "Unlisted")}
    contents = "".join(f"<li><a href='{name}.xhtml'>{name}</a></li>" for name in ("One", "Two", "Three"))
    contents = f"<ol><li><a href='nav.xhtml'>Contents</a></li>{contents}</ol>"
    path = write_epub(
        tmp_path / "a.epub", chapters, contents=contents, spine='<itemref idref="c0"/><itemref idref="c2"/>'
    )
    assert [page for page in pages(load(path)) if page[1]] == [
        (name, f"{name} text.") for name in ("One", "Two", "Three")
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            '<p>so <img src="https://latex.codecogs.com/svg.latex?x^2" alt="x^2"> is '
            '<img src="https://latex.codecogs.com/gif.latex?y^{2}" title="y^{2}"> <img src="latex.png" alt="gloves"></p>',
            "so x^2 is y^2",
        ),
        (
            "<table><tr><th>Plan<th>Refund<tr><td>A<td><span><img alt=Yes></span><tr><td>B<td><img alt=No>"
            "<tr><td>C<td><img alt=IMG_2.png><tr><td>D<td><img alt=Yes> Yes</table><table><tr><td><img alt=Logo></table>",
            "Plan | Refund A | Yes B | No C D | Yes",
        ),
        (
            "<p><img class=dropcap alt=I>T was</p><p><img class=dropcap alt=I>t was</p>"
            "<p><img class=dropcap alt=A> MAN</p><p><img class=icon alt=X>Close</p>",
            "IT was It was A MAN Close",
        ),
    ],
    ids=["drawn-formulas", "values", "large-letters"],
)
def test_pictures_that_stand_for_text_are_text(tmp_path: Path, body: str, expected: str) -> None:
    (tmp_path / "a.html").write_text(f"<html><body>{body}</body></html>")
    assert " ".join(load(tmp_path / "a.html").text.split()) == expected


def test_a_notes_number_behind_a_space_is_a_notes_number(tmp_path: Path) -> None:
    line = b"BT /F1 10 Tf 20 300 Td (TTTT) Tj /F1 7 Tf 28.2 4 Td (2) Tj /F1 10 Tf 4.2 -4 Td (. After) Tj ET"
    assert Made(line).text(tmp_path) == "TTTT[2]. After"


@pytest.mark.parametrize(
    ("shown_digits", "expected"),
    [
        (b"(3 ) Tj", "in 1995[3] war"),
        (b"(3, 4) Tj", "in 1995[3,4] war"),
        (b"[(3,)-300(4)] TJ", "in 1995[3,4] war"),
        (b"(12,13,14 ) Tj", "in 1995[12,13,14] war"),
        (b"(12,13,14,15,16,17,18,19,20) Tj", "in 1995[12,13,14,15,16,17,18,19,20] war"),
        (b"( 3) Tj", "in 1995 3 war"),
    ],
)
def test_spaces_and_lists_of_notes_do_not_join_a_year(tmp_path: Path, shown_digits: bytes, expected: str) -> None:
    line = b"BT /F1 10 Tf 20 300 Td (in 1995) Tj 4 Ts /F1 6 Tf %s 0 Ts /F1 10 Tf ( war) Tj ET" % shown_digits
    assert Made(line).text(tmp_path) == expected


@pytest.mark.parametrize(
    ("power", "expected"), [("24 ", "10^24 kg"), ("0.5", "10^0.5kg"), (".5", "10^.5kg"), ("1/2", "10^(1/2)kg")]
)
def test_powers_are_no_digits_of_their_number(tmp_path: Path, power: str, expected: str) -> None:
    line = b"BT /F1 10 Tf 20 300 Td (mass 10) Tj 4 Ts /F1 6 Tf (%s) Tj 0 Ts /F1 10 Tf (kg) Tj ET" % power.encode()
    assert Made(line).text(tmp_path) == f"mass {expected}"


CLAUSES = ((40, 300, "Terms used"), (40, 286, "Rent due"))


@pytest.mark.parametrize(
    ("numbers", "texts", "expected"),
    [
        (((20, 300, "1.1"), (20, 286, "1.2")), CLAUSES, "1.1 Terms used 1.2 Rent due"),
        (((20, 300, "(a)"), (20, 286, "(b)")), CLAUSES, "(a) Terms used (b) Rent due"),
        (
            ((20, 300, "1."), (20, 272, "2.")),
            ((40, 300, "Terms used"), (40, 286, "in this text"), (40, 272, "Rent due")),
            "1. Terms used in this text 2. Rent due",
        ),
        (((20, 300, "1.1"), (20, 200, "1.2")), CLAUSES, None),
        (((20, 300, "1990"), (20, 286, "1995")), CLAUSES, None),
        (((300, 300, "1.1"), (300, 286, "1.2")), CLAUSES, None),
    ],
    ids=["sections", "letters", "over-two-lines", "none-beside", "years", "at-the-right"],
)
def test_numbers_that_are_drawn_as_a_column_stand_before_their_clauses(
    tmp_path: Path, numbers: Lines, texts: Lines, expected: str | None
) -> None:
    for drawn in (numbers + texts, texts + numbers):
        left_alone = " ".join(words for _, _, words in drawn)
        assert Made(shown(*drawn)).text(tmp_path) == (expected or left_alone)


ODT_STRUCK = (
    '<style:style style:name="S" style:family="text"><style:text-properties style:text-line-through-style="solid"/>'
    "</style:style>"
)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (
            "a.docx",
            "<w:p><w:r><w:t>pay 1</w:t></w:r>{}<w:r><w:t>80 now, not 2</w:t></w:r><w:r><w:t>5</w:t></w:r></w:p>",
        ),
        ("a.rtf", r"{{\rtf1\ansi pay 1{{\strike 00}}80 now, not 2{{\b 5}}\par}}"),
        ("b.rtf", r"{{\rtf1\ansi pay 1\striked1 00\striked0 80 now, not 2{{\b 5}}\par}}"),
        (
            "a.odt",
            '<text:p>pay 1<text:span text:style-name="S">00</text:span>80 now, not 2<text:span>5</text:span></text:p>',
        ),
        ("a.html", "<p>pay 1<s>00</s>80 now, not 2<b>5</b></p>"),
        ("b.html", "<p>pay 1<span style='text-decoration: line-through red'>00</span>80 now, not 2<b>5</b></p>"),
        (
            "c.html",
            "<style>.old{{text-decoration-line:line-through}}</style><p>pay 1<b class=old>00</b>80 now, not 2<b>5</b></p>",
        ),
    ],
)
def test_figures_beside_struck_ones_stay_apart(tmp_path: Path, name: str, body: str) -> None:
    if name.endswith("docx"):
        struck = "<w:r><w:rPr><w:strike/></w:rPr><w:t>00</w:t></w:r>"
        write_docx(tmp_path / name, body.format(struck))
    elif name.endswith("odt"):
        write_odt(tmp_path / name, body, ODT_STRUCK)
    else:
        (tmp_path / name).write_text(body.format())
    assert load(tmp_path / name).text.strip() == "pay 1 00 80 now, not 25"


def field(instruction: str) -> str:
    begin, end = (f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "end"))
    return f"{begin}<w:r><w:instrText>{instruction}</w:instrText></w:r>{end}"


LEVEL = '<w:outlineLvl w:val="{}"/>'


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        ("AUTONUM", "1. 1. 2. 1. 2. 1."),
        ("AUTONUMLGL", "1. 1.1. 1.2. 1.2.1. 2. 2.1."),
        (r"AUTONUMLGL \e", "1 1.1 1.2 1.2.1 2 2.1"),
        (r"AUTONUMLGL \s - \e", "1 1-1 1-2 1-2-1 2 2-1"),
        ("AUTONUMOUT", "I. A. B. 1. II. A."),
    ],
)
def test_automatic_numbers_of_word_are_counted(tmp_path: Path, kind: str, numbers: str) -> None:
    levels = (0, 1, 1, None, 0, 1)
    body = "".join(
        f"<w:p><w:pPr>{LEVEL.format(level) if level is not None else ''}</w:pPr>{field(f' {kind} ')}"
        f"<w:r><w:t xml:space='preserve'> Term {at}.</w:t></w:r></w:p>"
        for at, level in enumerate(levels)
    )
    write_docx(tmp_path / "a.docx", p("Before.") + body)
    written = kind.replace("\\", "\\\\")
    rtf = "".join(
        r"\pard"
        + (f"\\outlinelevel{level} " if level is not None else " ")
        + rf"{{\field{{\*\fldinst {{ {written} }}}}{{\fldrslt }}}} Term {at}.\par"
        for at, level in enumerate(levels)
    )
    (tmp_path / "a.rtf").write_text(rf"{{\rtf1\ansi Before.\par{rtf}}}")
    expected = " ".join(f"{number} Term {at}." for at, number in enumerate(numbers.split()))
    for made in ("a.docx", "a.rtf"):
        assert " ".join(load(tmp_path / made).text.split()) == f"Before. {expected}"


@pytest.mark.parametrize("name", ["d666f1f7-46cb-42bd-9a39-9a39cf2a509f", "export/2024/08/06/records_of_the_quay.xml"])
def test_a_machines_name_begins_no_section(tmp_path: Path, name: str) -> None:
    body = f"<h1>First</h1><p>One.</p><h1>{name}</h1><p>Two.</p><h1>Last</h1><p>Three.</p>"
    (tmp_path / "a.html").write_text(f"<html><body>{body}</body></html>")
    document = load(tmp_path / "a.html")
    assert [page.label for page in document.pages] == ["First", "Last"]
    assert name in document.text
