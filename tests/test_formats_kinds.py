"""Each kind of thing that files lose without a word, in the shapes in which files have it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from helpers.formats import p, pages, write_docx, write_epub, write_odt, write_zip, xhtml

from reader.documents import Document, is_bundle, load, unpacked
from reader.errors import DocumentError


def html(tmp_path: Path, body: str, head: str = "") -> str:
    (tmp_path / "a.html").write_text(f"<html><head>{head}</head><body>{body}</body></html>")
    return load(tmp_path / "a.html").text.strip()


def rtf(tmp_path: Path, body: bytes) -> Document:
    (tmp_path / "a.rtf").write_bytes(rb"{\rtf1\ansi " + body + b"}")
    return load(tmp_path / "a.rtf")


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


# --- figures


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('10<span style="vertical-align: super">24</span> kg', "10^24 kg"),
        ('10<span class="up">24</span> kg', "10^24 kg"),
        ('<a href="#n">1995<sup>3</sup></a>, 1995<sup><a href="x#n">3</a></sup>', "1995[3], 1995[3]"),
        ("1995<sup>[3]</sup>, 1995<sup>3</sup>, 1995<sup>1,2</sup>", "1995[3], 1995[3], 1995[1,2]"),
        ('in 1995<a epub:type="noteref" href="#n">3</a>', "in 1995[3]"),
        ("the well<sup>5</sup> was dry.<sup>6</sup>", "the well[5] was dry.[6]"),
        ("10<sup>−3</sup> s, 2<sup>10</sup>, x<sup>n+1</sup>, (a+b)<sup>2</sup>", "10^−3 s, 2^10, x^(n+1), (a+b)^2"),
        ("3 km<sup>2</sup>, 2<sup>3<sup>4</sup></sup>, 10<sup>3</sup>5", "3 km^2, 2^(3^4), 10^3 5"),
        ("CO<sub>2</sub>, C<sub>6</sub>H<sub>12</sub>O<sub>6</sub>, 101<sub>2</sub>", "CO2, C6H12O6, 101_2"),
        (
            "1<sup>st</sup>, 3<sup>e</sup>, XX<sup>e</sup>, M<sup>lle</sup>, Tea<sup>TM</sup>",
            "1st, 3e, XXe, Mlle, TeaTM",
        ),
        ("of <sup>14</sup>C and Ca<sup>2+</sup>", "of ^14C and Ca^2+"),
        ("3<sup>1</sup>/<sub>2</sub> cups or 3½", "3 1/2 cups or 3½"),
        ("3<math><mfrac><mn>1</mn><mn>2</mn></mfrac></math> cups", "3 1/2 cups"),
        (
            "<math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><msqrt><mi>c</mi><mo>-</mo><mn>1</mn></msqrt></mfrac></math>",
            "(a+b)/√(c-1)",
        ),
        (
            "<math><munderover><mo>∑</mo><mi>i</mi><mi>n</mi></munderover><msub><mi>x</mi><mi>i</mi></msub></math>",
            "∑_i^n x_i",
        ),
        (
            "<math><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr><mtr><mtd><mn>3</mn></mtd>"
            "<mtd><mn>4</mn></mtd></mtr></mtable></math>",
            "[1, 2; 3, 4]",
        ),
        (
            '<span class="MathJax_Preview"></span><span class="MathJax"><nobr>Emc2</nobr></span>'
            r'<script type="math/tex">E=\frac{mc^2}{2}</script>',
            "E=(mc^2)/2",
        ),
        (
            "<mjx-container><mjx-math></mjx-math><mjx-assistive-mml><math><msup><mi>c</mi><mn>2</mn></msup></math>"
            "</mjx-assistive-mml></mjx-container>",
            "c^2",
        ),
        (r'so <img class="latex" src="a.png" alt="\frac{a}{b}"> holds', "so a/b holds"),
        ('50 <font face="Symbol">m</font>g <span style="font-family:Wingdings">þ</span> yes', "50 μg ☒ yes"),
    ],
)
def test_no_figure_changes_in_html(tmp_path: Path, written: str, read: str) -> None:
    assert html(tmp_path, f"<p>{written}</p>", "<style>p .up { vertical-align: super }</style>") == read


def test_no_figure_changes_in_docx(tmp_path: Path) -> None:
    up = '<w:vertAlign w:val="superscript"/>'
    styles = '<w:styles xmlns:w="w"><w:style w:styleId="Up"><w:rPr><w:vertAlign w:val="superscript"/></w:rPr></w:style></w:styles>'
    equation = (
        '<m:oMath><m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub><m:r><m:t>i=1</m:t></m:r></m:sub><m:sup><m:r>'
        "<m:t>n</m:t></m:r></m:sup><m:e><m:r><m:t>i</m:t></m:r></m:e></m:nary></m:oMath>"
    )
    matrix = (
        "<m:oMath><m:d><m:e><m:m><m:mr><m:e><m:r><m:t>1</m:t></m:r></m:e><m:e><m:r><m:t>2</m:t></m:r></m:e></m:mr>"
        "</m:m></m:e></m:d></m:oMath>"
    )
    style, place = '<w:rStyle w:val="Up"/>', '<w:position w:val="6"/>'
    down, font = '<w:vertAlign w:val="subscript"/>', '<w:rFonts w:ascii="Symbol"/>'
    powers = [run("10"), run("2", up), run("4", up), run(" kg in 1995"), run("3", style), run("; 5 m"), run("2", place)]
    water = [run("; H"), run("2", down), run("O")]
    dose = [run("50 "), run("m", font), run("g; \uf0b0")]
    body = "".join(
        f"<w:p>{''.join(runs)}</w:p>" for runs in ([*powers, *water], [equation, run(" and "), matrix], dose)
    )
    text = load(write_docx(tmp_path / "a.docx", body, {"word/styles.xml": styles})).text
    assert text.strip().split("\n\n") == ["10^24 kg in 1995[3]; 5 m^2; H2O", "∑_(i=1)^n i and (1, 2)", "50 μg; °"]


def test_no_figure_changes_in_rtf(tmp_path: Path) -> None:
    fonts = rb"{\fonttbl{\f0 Arial;}{\f1\fnil\fcharset2 Symbol;}{\f2\fnil\fcharset2 Wingdings;}}"
    body = rb"10{\super 24} kg in 1995{\super 3}; H{\sub 2}O; x{\up6 2}; 50 {\f1 m}g {\f1\u-3987 ?}g {\f2\'fe} yes"
    assert rtf(tmp_path, fonts + body).text.strip() == "10^24 kg in 1995[3]; H2O; x^2; 50 μg μg ☒ yes"


# --- RTF


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"\uc1 \u-10179?\u-8704? \u8364\'80 x\uc0\u233 \uc2\u26085\'93\'fa end", "😀 € xé日 end"),
        (rb"{\fonttbl{\f0\fcharset204 Arial;}{\f1\fcharset238 Arial;}}\f0\'cf\'f0\'e8 \f1\'f8", "При ř"),
        (rb"a {\upr{old}{\*\ud{new}}} {\*\cs7 styled} b {\*\unknown hidden}", "a new styled b"),
        (rb"a{\pict\bin9 {}}\}{{{{} b", "a b"),
        (rb"{\*\do\dobxcolumn{\dptxbx{\dptxbxtext Box.\par}}}after", "Box.\nafter"),
        (rb"{\listtext 2.1\tab}Clause.\par{\header Head\par}{\*\annotation note}end", "2.1\tClause.\nend"),
        (rb"\pard\dropcapli3 O\par\pard nce upon", "Once upon"),
        (
            rb"\trowd\cellx1\cellx2\pard\intbl 1\cell\pard\intbl\itap2 a\nestcell b\nestcell{\*\nesttableprops\nestrow}"
            rb"c\nestcell d\nestcell{\*\nesttableprops\nestrow}\pard\intbl\cell\row\pard after",
            "1 | a, b; c, d\nafter",
        ),
        (
            rb"{\field{\*\fldinst FORMCHECKBOX {\*\formfield{\fftype1\ffres1}}}{\fldrslt }} yes "
            rb"{\field{\*\fldinst FORMDROPDOWN {\*\formfield{\fftype2\ffres1{\*\ffl France}{\*\ffl Peru}}}}{\fldrslt }}",
            "[x] yes Peru",
        ),
        (rb"seen{\v hidden}{\deleted gone} \v more\v0 end", "seen end"),
    ],
)
def test_rtf_loses_nothing_that_its_reader_sees(tmp_path: Path, written: bytes, read: str) -> None:
    assert rtf(tmp_path, written).text.strip() == read


def test_headings_of_rtf_are_its_pages(tmp_path: Path) -> None:
    styles = rb"{\stylesheet{\s1 heading 1;}}{\info{\title My Book}}"
    document = rtf(tmp_path, styles + rb"\pard\s1 One\par\pard First.\par\pard\outlinelevel0 Two\par\pard Second.\par")
    assert pages(document) == [("One", "One\nFirst."), ("Two", "Two\nSecond.")]
    assert document.title == "My Book"


# --- lists, numbers and forms


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (
            "<ol start=3 style='list-style-type: lower-roman'><li>a<li>b<ol type=A><li>x</ol><li>c</ol>",
            "iii. a iv. b A. x v. c",
        ),
        ("<ol start=0><li>a</ol><ol reversed start=10><li>a<li>b</ol>", "0. a 10. a 9. b"),
        ("<ol class=bare><li>a</ol><ul style='list-style:decimal'><li>b</ul>", "a 1. b"),
        ("<ol class=law><li>a<ol class=law><li>b<li>c</ol><li>d</ol>", "1 a 1.1 b 1.2 c 2 d"),
        ("<ol><li>a<li value=7>b<li>c</ol>", "1. a 7. b 8. c"),
    ],
)
def test_lists_count_as_they_say(tmp_path: Path, written: str, read: str) -> None:
    style = (
        "<style>.bare{list-style-type:none} .law{counter-reset:item;list-style:none} .law li{counter-increment:item} "
        ".law li::before{content:counters(item, '.') ' '}</style>"
    )
    assert html(tmp_path, written, style).split() == read.split()


def level(at: int, text: str, kind: str = "decimal", more: str = "") -> str:
    return (
        f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/><w:lvlText w:val="{text}"/>{more}</w:lvl>'
    )


def test_word_numbers_restart_and_follow_their_styles(tmp_path: Path) -> None:
    legal = level(0, "Article %1", "upperRoman") + level(1, "%1.%2", more="<w:isLgl/>")
    letters = level(0, "(%1)", "lowerLetter") + level(1, "%2)", "lowerRoman")
    numbering = (
        f'<w:numbering xmlns:w="w"><w:abstractNum w:abstractNumId="0">{legal}</w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="1">{letters}</w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="2">{level(0, "", "none")}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="1"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride>'
        '</w:num><w:num w:numId="4"><w:abstractNumId w:val="2"/></w:num></w:numbering>'
    )
    styles = (
        '<w:styles xmlns:w="w"><w:style w:styleId="A"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr>'
        '</w:pPr></w:style><w:style w:styleId="B"><w:basedOn w:val="A"/></w:style></w:styles>'
    )

    def item(text: str, number: int, at: int = 0) -> str:
        return p(text, f'<w:numPr><w:ilvl w:val="{at}"/><w:numId w:val="{number}"/></w:numPr>')

    body = (
        p("Scope", '<w:pStyle w:val="A"/>')
        + item("one", 1, 1)
        + p("Fees", '<w:pStyle w:val="B"/>')
        + item("two", 1, 1)
        + item("three", 1, 1)
        + item("x", 2)
        + item("deep", 2, 1)
        + item("y", 2)
        + item("z", 3)
        + item("bare", 4)
        + p("no number", '<w:pStyle w:val="A"/><w:numPr><w:numId w:val="0"/></w:numPr>')
    )
    document = load(write_docx(tmp_path / "a.docx", body, {"word/numbering.xml": numbering, "word/styles.xml": styles}))
    assert document.text.split("\n\n")[:-1] == [
        *("Article I Scope", "1.1 one", "Article II Fees", "2.1 two", "2.2 three"),
        *("(a) x", "i) deep", "(b) y", "(e) z", "bare", "no number"),
    ]
    assert [page.label for page in document.pages] == ["Article I Scope", "Article II Fees", "no number"]


def test_what_was_filled_in_is_read(tmp_path: Path) -> None:
    body = (
        "<p>First name: <input value=Ada><p>Age <input type=number value=36><p>"
        "<label>Sex <input type=radio checked> f <input type=radio> m</label>"
        "<p>Langs <select multiple><option selected>A<option selected>B<option>C</select>"
        "<input type=hidden value=secret><input type=password value=pw><input type=submit value=Go>"
        "<table><tr><td>City<td><input value=Venn></table>"
    )
    assert html(tmp_path, body).split("\n\n") == [
        *("First name: Ada", "Age: 36", "Sex [x] f [ ] m", "Langs: A, B", "City | Venn")
    ]


# --- tables, drop caps, imported parts


def test_cells_stay_in_their_columns(tmp_path: Path) -> None:
    body = (
        "<table border=1><tr><th>Item<th>Kind<th>Price<tr><td rowspan=2>Tea<td>net<td>3<tr><td>gross<td>4"
        "<tr><td colspan=2>Total<td>7<tr><td>a<br>b<td><ul><li>x<li>y</ul><td><p>1<p>2</table>"
    )
    assert html(tmp_path, body).split("\n") == [
        *("Item | Kind | Price", "Tea | net | 3", "Tea | gross | 4", "Total | | 7", "a b | x; y | 1; 2")
    ]


def test_a_layout_in_a_table_keeps_its_paragraphs(tmp_path: Path) -> None:
    long = "The keeper lit the lamp. " * 40
    assert html(tmp_path, f"<table><tr><td>Menu<td><p>{long}</p><p>Second.</p></table>").endswith(
        f"{long.strip()}\n\nSecond."
    )


def test_a_large_first_letter_is_part_of_its_word(tmp_path: Path) -> None:
    body = (
        "<p class=dropcap>O<p>nce upon.<p><img alt=W src=w.png>hen it<p><span class=drop>N</span>\nobody"
        "<p><span style='float:left'>A</span> man"
    )
    assert html(tmp_path, body).split("\n\n") == ["Once upon.", "When it", "Nobody", "A man"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.txt", "The fee is 900 €.".encode("cp1252")),
        ("c.rtf", rb"{\rtf1\ansi The fee is 900 \'80.}"),
        (
            "c.mht",
            b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=B\r\n\r\n--B\r\nContent-Type: text/html; "
            b"charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>The fee is 900 =E2=82=AC.</p>\r\n--B--",
        ),
        ("c.docx", b""),
    ],
)
def test_parts_that_a_docx_imports_stand_where_they_are_imported(tmp_path: Path, name: str, content: bytes) -> None:
    if name == "c.docx":
        content = write_docx(tmp_path / "inner.docx", p("The fee is 900 €.")).read_bytes()
    relations = f'<r><Relationship Id="rA" Type="x/aFChunk" Target="{name}"/></r>'
    body = p("Before.") + '<w:altChunk xmlns:r="r" r:id="rA"/>' + p("After.")
    path = write_docx(tmp_path / "a.docx", body, {"word/_rels/document.xml.rels": relations, f"word/{name}": content})
    assert load(path).text.split("\n\n")[:-1] == ["Before.", "The fee is 900 €.", "After."]


# --- EPUB


def test_printed_pages_are_found_however_they_are_marked(tmp_path: Path) -> None:
    chapter = xhtml(
        '<p><span epub:type="pagebreak" id="a" title="57"/>one exam<span role="doc-pagebreak" id="b" aria-label="58"/>ple '
        'two</p><p><span class="pagenum" id="c">[Pg 59]</span>three</p>'
    ).replace("<html", '<html xmlns:epub="http://www.idpf.org/2007/ops"')
    path = write_epub(tmp_path / "a.epub", {"1.xhtml": chapter}, contents='<a href="1.xhtml">Part</a>')
    assert pages(load(path)) == [("Part, p. 57", "one example"), ("Part, p. 58", "two"), ("Part, p. 59", "three")]


def test_the_ncx_lists_printed_pages_too(tmp_path: Path) -> None:
    ncx = (
        "<ncx><navMap/><pageList><pageTarget><navLabel><text>xii</text></navLabel><content src='C.xhtml#x'/></pageTarget>"
        "<pageTarget><navLabel><text>1</text></navLabel><content src='C.xhtml#y'/></pageTarget></pageList></ncx>"
    )
    package = (
        "<package><manifest><item id='n' href='toc.ncx' media-type='application/x-dtbncx+xml'/>"
        "<item id='c' href='C.xhtml' media-type='application/xhtml+xml'/>"
        "<item id='i' href='i.jpg' media-type='image/jpeg'/></manifest>"
        "<spine toc='n'><itemref idref='c'/><itemref idref='i'/></spine></package>"
    )
    members: dict[str, str | bytes] = {
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": package,
        "OPS/toc.ncx": ncx,
        "OPS/i.jpg": b"\xff\xd8",
        "OPS/c.XHTML": xhtml("<p id='x'>first</p><p id='y'>second</p>"),
    }
    document = load(write_zip(tmp_path / "a.epub", members))
    assert [(page.label) for page in document.pages] == ["p. xii", "p. 1", "missing"]
    assert document.textless_pages == 1


# --- files under other names, and more formats


def test_a_file_is_what_its_first_bytes_are(tmp_path: Path) -> None:
    (tmp_path / "a.doc").write_bytes(rb"{\rtf1\ansi The captain.}")
    (tmp_path / "b.doc").write_bytes(write_docx(tmp_path / "b.docx", p("The captain.")).read_bytes())
    (tmp_path / "c.doc").write_text("<html><body><p>The captain.</body></html>")
    (tmp_path / "d.txt").write_bytes((tmp_path / "b.doc").read_bytes())
    for name in ("a.doc", "b.doc", "c.doc", "d.txt"):
        assert load(tmp_path / name).text.strip() == "The captain."
    (tmp_path / "e.doc").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"old" * 999)
    with pytest.raises(DocumentError, match=r"'e\.doc' .*(DOCX)"):
        load(tmp_path / "e.doc")


def test_an_odt_gives_headings_notes_lists_and_tables(tmp_path: Path) -> None:
    styles = (
        '<style:style style:name="Up"><style:text-properties style:text-position="super 58%"/></style:style>'
        '<text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>'
        '<text:list-level-style-number text:level="2" style:num-format="a" style:num-suffix=")"/></text:list-style>'
    )
    note = (
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>A note.</text:p></text:note-body>"
        "</text:note>"
    )
    body = (
        '<text:tracked-changes><text:p>GONE</text:p></text:tracked-changes><text:h text:outline-level="1">Part One</text:h>'
        f'<text:p>10<text:span text:style-name="Up">24</text:span> kg<text:s text:c="2"/>here{note}.</text:p>'
        '<text:list text:style-name="L"><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>in</text:p>'
        "</text:list-item></text:list></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>a</text:p><text:p>b</text:p></table:table-cell>"
        "<table:table-cell/><table:table-cell><text:p>c</text:p></table:table-cell></table:table-row></table:table>"
        '<text:h text:outline-level="1">Part Two</text:h><text:p>End.</text:p>'
    )
    document = load(write_odt(tmp_path / "a.odt", body, styles))
    assert pages(document) == [
        ("Part One", "Part One\n\n10^24 kg here[1].\n\n[1] A note.\n\n1. one\n\na) in\n\n2. two\n\na b | | c"),
        ("Part Two", "Part Two\n\nEnd."),
    ]


def test_a_pptx_is_read_slide_by_slide(tmp_path: Path) -> None:
    def slide(title: str, body: str) -> str:
        shape = (
            '<p:sp><p:nvSpPr><p:nvPr><p:ph type="{}"/></p:nvPr></p:nvSpPr>'
            "<p:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></p:txBody></p:sp>"
        )
        return f'<p:sld xmlns:p="p" xmlns:a="a">{shape.format("body", body)}{shape.format("title", title)}</p:sld>'

    def relation(key: str, kind: str, target: str) -> str:
        return f'<r><Relationship Id="{key}" Type="x/{kind}" Target="{target}"/></r>'

    notes = '<p:notes xmlns:p="p" xmlns:a="a"><p:sp><p:txBody><a:p><a:r><a:t>Say 42.</a:t></a:r></a:p></p:txBody></p:sp></p:notes>'
    members: dict[str, str | bytes] = {
        "_rels/.rels": relation("r", "officeDocument", "ppt/presentation.xml"),
        "ppt/presentation.xml": '<p:x xmlns:p="p" xmlns:r="r"><p:sldId id="9" r:id="r1"/><p:sldId id="8" r:id="r2"/></p:x>',
        "ppt/_rels/presentation.xml.rels": (
            relation("r1", "slide", "slides/2.xml")[:-4] + relation("r2", "slide", "slides/1.xml")[3:]
        ),
        "ppt/slides/1.xml": slide("Second", "b"),
        "ppt/slides/2.xml": slide("First", "a"),
        "ppt/slides/_rels/2.xml.rels": relation("n", "notesSlide", "../notes.xml"),
        "ppt/notes.xml": notes,
    }
    document = load(write_zip(tmp_path / "a.pptx", members))
    assert pages(document) == [("Slide 1: First", "First\n\na\n\nNotes: Say 42."), ("Slide 2: Second", "Second\n\nb")]


def test_spreadsheets_show_what_their_cells_show(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Prices"
    for row in (["Item", "Price", "Share"], ["Tea", 3.5, 0.125], ["Cup", None, 7]):
        sheet.append(row)
    sheet["B2"].number_format, sheet["C2"].number_format = '"$"#,##0.00', "0.0%"
    book.create_sheet("Hidden").sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    assert pages(load(tmp_path / "a.xlsx")) == [("Prices", "Item | Price | Share\nTea | $3.50 | 12.5%\nCup | | 7")]
    (tmp_path / "a.csv").write_bytes('sep=;\r\nItem;Price\r\n"Tea; grün";3,50\r\n'.encode("cp1252"))
    assert load(tmp_path / "a.csv").text == "Item | Price\nTea; grün | 3,50\n"


def test_a_saved_message_is_read_with_who_wrote_it(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(
        b"From: Ada <a@x.org>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
        b"boundary=B\r\n\r\n--B\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<p>10<sup>2</sup> \xe9uros</p>\r\n--B\r\n"
        b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=plan.pdf\r\n\r\nxx\r\n--B--\r\n"
    )
    document = load(tmp_path / "a.eml")
    assert document.text.strip() == "From: Ada <a@x.org>\nSubject: Café\nAttached: plan.pdf\n\n10^2 éuros"
    assert document.title == "Café"


def test_a_folder_and_a_zip_give_their_documents(tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name in ("a.txt", "sub/b.md", "c.exe", ".hidden.txt"):
        (tmp_path / "in" / name).write_text("text")
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in ("../../a.txt", "sub/a.txt", "x.exe", "__MACOSX/a.txt"):
            archive.writestr(name, "text")
    (tmp_path / "b.zip").write_bytes(data.getvalue())
    for path, names in ((tmp_path / "in", ["a.txt", "b.md"]), (tmp_path / "b.zip", ["a.txt", "a.txt"])):
        assert is_bundle(path)
        with unpacked(path) as (files, _):
            assert [load(file).file_name for file in files] == names
    assert not (tmp_path.parent / "a.txt").exists()
    with pytest.raises(DocumentError, match="holds several files"):
        load(tmp_path / "b.zip")


# --- what is no text


def test_comments_anywhere_change_nothing(tmp_path: Path) -> None:
    note = "<!-- a note --><?a note?>"
    formula = f"<math>{note}<msup>{note}<mi>c</mi><mn>2{note}</mn></msup></math>"
    chapter = xhtml(f"<p>{note}The l{note}amp costs {formula} crowns.</p>")
    assert load(write_epub(tmp_path / "a.epub", {"1.xhtml": chapter})).text.strip() == "The lamp costs c^2 crowns."
    body = p("The lamp").replace(">The lamp", f">{note}The l{note}amp") + note
    assert load(write_docx(tmp_path / "a.docx", body)).text.strip() == "The lamp"
    assert load(write_odt(tmp_path / "a.odt", f"<text:p>{note}The l{note}amp</text:p>")).text.strip() == "The lamp"
