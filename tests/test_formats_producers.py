"""The same kinds of things as many programs write them: browsers, word processors, converters from TeX, and old exports."""

from __future__ import annotations

import datetime
import re
import zipfile
from pathlib import Path

import openpyxl
import pytest
from helpers.formats import p, write_docx, write_epub, write_odt, write_zip, xhtml

from reader.batching import is_unnamed, questions_in, rows_in
from reader.batching.questions import csv_delimiter, load_questions
from reader.documents import Document, load
from reader.errors import DocumentError


def lines(document: Document) -> list[str]:
    return [line.strip() for line in document.text.split("\n") if line.strip()]


def labels(document: Document) -> list[str]:
    return [page.label for page in document.pages]


def from_html(tmp_path: Path, body: str, head: str = "") -> list[str]:
    (tmp_path / "a.html").write_text(f"<html><head><meta charset=utf-8>{head}</head><body>{body}</body></html>")
    return lines(load(tmp_path / "a.html"))


def from_rtf(tmp_path: Path, body: bytes) -> list[str]:
    fonts = rb"{\fonttbl{\f0\fcharset0 Times;}{\f3\fcharset2 Symbol;}}"
    (tmp_path / "a.rtf").write_bytes(rb"{\rtf1\ansi\ansicpg1252\deff0" + fonts + body + b"}")
    return lines(load(tmp_path / "a.rtf"))


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(runs: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{runs}</w:p>"


def field(instruction: str, result: str = "") -> str:
    def mark(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    return (
        f'{mark("begin")}<w:r><w:instrText xml:space="preserve">{instruction}</w:instrText></w:r>'
        f"{mark('separate')}{result}{mark('end')}"
    )


# --- figures and formulas

FIGURES = [
    ("10<span style='position:relative;top:-5.0pt'>24</span> kg of Word", "10^24 kg of Word"),
    ("1995<span class=fn>3</span> by a style", "1995[3] by a style"),
    ("<sup>238</sup><sub>92</sub>U and <sub>92</sub><sup>238</sup>U", "^238_92U and _92^238U"),
    ("Ada<sup>1,*</sup> and Bob<sup>2†</sup>; 40%<sup>7</sup>; n<sup>o</sup> 5", "Ada[1,*] and Bob[2†]; 40%[7]; nº 5"),
    ("2<span class=num>1</span>⁄<span class=den>2</span> cups", "2 1⁄2 cups"),
    (
        "SO<span class=template-chem2-su><span>2−</span><span>4</span></span> ion and "
        "<span style='display:inline-block;vertical-align:-0.4em'>238<br>92</span>U",
        "SO4^2− ion and ^238_92U",
    ),
    ("so <m:math><m:msup><m:mi>r</m:mi><m:mn>2</m:mn></m:msup></m:math> holds", "so r^2 holds"),
    (r"<img class=latex alt='10^{-3}\,\mathrm{mol}'>", "10^−3 mol"),
    (r"<img class=latex alt='\begin{aligned} x &= 1 \\ y &= 2 \end{aligned}'> of \ce", "x=1; y=2 of \\ce"),
    (r"<img class=tex alt='\ce{H2O}'>", "H2O"),
    (
        "1995<sup>3</sup><sup>,</sup><sup>4</sup>; δ<sup>13</sup>C; <sup>3</sup>He/<sup>4</sup>He",
        "1995[3,4]; δ^13C; ^3He/^4He",
    ),
    ("<span role=math aria-label='x squared'></span> is 4", "x squared is 4"),
]


def test_no_figure_changes_whoever_wrote_the_page(tmp_path: Path) -> None:
    body = "".join(f"<p>{written}</p>" for written, _ in FIGURES)
    style = "<style>.fn{vertical-align:0.4em;font-size:.6em}</style>"
    assert from_html(tmp_path, body, style) == [read for _, read in FIGURES]


def test_equations_of_rtf_are_read(tmp_path: Path) -> None:
    fraction = rb"{\*\moMath{\mf{\mfPr{\mctrlPr x}}{\mnum{\mr\mscr0\msty2 {\f0 1}}}{\mden{\mr 2}}}}"
    root = (
        rb"{\*\moMathPara{\*\moMathParaPr{\mjc center}}{\*\moMath{\mrad{\mradPr{\mdegHide on}}{\mdeg}{\me{\mr 16}}}}}"
    )
    body = rb"Use 3{\mmath" + fraction + rb"} cup; {\mmath" + root + rb"} {\f3 m}\par"
    assert from_rtf(tmp_path, body) == ["Use 3 1/2 cup; √16 μ"]


EQ_FIELDS = [
    (r"EQ \f(1,2)", "2 1/2 cup"),
    (r"EQ \f(1,5;x+1)", "2(1,5)/(x+1) cup"),
    (r"eq \r(3,x+1)", "2∛(x+1) cup"),
    (r"EQ \s\up8(24)", "2^24 cup"),
    (r"EQ \b\lc\[\rc\](\a\co2(1,0,0,1))", "2[1, 0; 0, 1] cup"),
    (r"EQ \i\su(i=1,n,x)", "2∑_(i=1)^n x cup"),
    (r'EQ \* jc2 \* "Font:Mincho" \* hps10 \o\ad(\s\up 9(かな),漢)', "2漢 cup"),
    (r"SYMBOL 109 \f Symbol", "2μ cup"),
    ("MACROBUTTON Tick ☒", "2☒ cup"),
    ('DATE \\@ "d"', "2 cup"),
]


def test_fields_that_are_only_an_instruction_are_read(tmp_path: Path) -> None:
    body = "".join(paragraph(run("2") + field(instruction) + run(" cup")) for instruction, _ in EQ_FIELDS)
    assert lines(load(write_docx(tmp_path / "a.docx", body))) == [read for _, read in EQ_FIELDS]
    # A field in an instruction is only asked there, and one that never ends hides nothing.
    asked = field("IF </w:instrText></w:r>" + field("MERGEFIELD x", run("5")) + "<w:r><w:instrText> = 5", run("900"))
    assert lines(load(write_docx(tmp_path / "c.docx", paragraph(run("Fee ") + asked)))) == ["Fee 900"]
    open_field = '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
    assert lines(load(write_docx(tmp_path / "d.docx", paragraph(open_field + run("Fee 900"))))) == ["Fee 900"]
    # What the field holds beside its instruction is not read twice.
    again = paragraph(run("2") + field(r"EQ \f(1,2)", run("½")) + run(" cup"))
    assert lines(load(write_docx(tmp_path / "b.docx", again))) == ["2 1/2 cup"]
    rtf = rb"Use 2{\field{\*\fldinst EQ \\f(1,2)}{\fldrslt}} cup\par"
    assert from_rtf(tmp_path, rtf) == ["Use 2 1/2 cup"]


def test_equations_below_one_another_lose_their_marks(tmp_path: Path) -> None:
    def equation(text: str) -> str:
        return f"<m:e><m:r><m:t>{text}</m:t></m:r></m:e>"

    body = paragraph(f"<m:oMath><m:eqArr>{equation('x&amp;=1')}{equation('y&amp;=2#(7)')}</m:eqArr></m:oMath>")
    assert lines(load(write_docx(tmp_path / "a.docx", body))) == ["x=1; y=2 (7)"]


def test_a_symbol_of_a_font_of_letters_is_itself(tmp_path: Path) -> None:
    signs = [("Arial", "00B5"), ("Segoe UI Symbol", "2610"), ("Symbol", "F06D"), ("Wingdings", "F0FE")]
    body = paragraph("".join(f'<w:r><w:sym w:font="{font}" w:char="{code}"/></w:r>' for font, code in signs))
    assert lines(load(write_docx(tmp_path / "a.docx", body))) == ["µ☐μ☒"]


# --- lists and clauses


def test_lists_are_numbered_as_converters_write_them(tmp_path: Path) -> None:
    body = (
        "<ol class=ltx_enumerate><li style='list-style-type:none'><span class='ltx_tag ltx_tag_item'>(a)</span>"
        "<div><p>first</p></div></li></ol><dl><dt>5.</dt><dd>five</dd><dt>Word</dt><dd>its meaning</dd></dl>"
        "<ol style=\"list-style-type:'§ '\"><li>own sign</ol><ol style='list-style-type:Upper-Roman' start=4><li>four</ol>"
    )
    assert from_html(tmp_path, body) == ["(a) first", "5. five", "Word", "its meaning", "§ own sign", "IV. four"]


def test_word_counts_only_what_is_there(tmp_path: Path) -> None:
    font = '<w:rPr><w:rFonts w:ascii="Wingdings"/></w:rPr>'
    box = f'<w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="\uf0fe"/>{font}</w:lvl>'
    sample = (
        '<w:lvl w:ilvl="0"><w:start w:val="1"/><mc:AlternateContent><mc:Choice Requires="w14">'
        '<w:numFmt w:val="custom" w:format="001, 002, 003, ..."/></mc:Choice><mc:Fallback><w:numFmt w:val="decimal"/>'
        '</mc:Fallback></mc:AlternateContent><w:lvlText w:val="%1"/></w:lvl>'
    )
    numbering = (
        f'<w:numbering xmlns:w="w" xmlns:mc="mc"><w:abstractNum w:abstractNumId="0">{sample}</w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="1">{box}</w:abstractNum><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>'
    )
    number = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
    body = (
        p("one", number)
        + paragraph("<w:del><w:r><w:delText>gone</w:delText></w:r></w:del>", f"{number}<w:rPr><w:del/></w:rPr>")
        + paragraph(run("hidden", "<w:vanish/>"), f"{number}<w:rPr><w:vanish/></w:rPr>")
        + paragraph(run("its end only is deleted"), f"{number}<w:rPr><w:del/></w:rPr>")
        + p("two", number)
        + p("so", '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="2"/></w:numPr>')
    )
    document = load(write_docx(tmp_path / "a.docx", body, {"word/numbering.xml": numbering}))
    assert lines(document) == ["001 one", "002 its end only is deleted", "003 two", "☒ so"]


# --- tables and large letters


def test_rows_are_rows_whatever_makes_them(tmp_path: Path) -> None:
    body = (
        "<div role=table><div role=row><span role=columnheader>A</span><span role=columnheader>B</span></div>"
        "<div role=row><span role=cell>1</span><span role=cell>2</span></div></div>"
        "<div style='display:table'><div class=r><div class=c>C</div><div class=c>3</div></div></div>"
        "<table><thead><tr><th>D<th>E</thead><tfoot><tr><td>Sum<td>9</tfoot><tbody><tr><td>x<td>9</tbody></table>"
        "<table><tr><td rowspan=0>All<td><pre>ls\n-l</pre><tr><td>5</table>"
    )
    style = "<style>.r{display:table-row}.c{display:table-cell}</style>"
    assert from_html(tmp_path, body, style) == [
        *("A | B", "1 | 2", "C | 3", "D | E", "x | 9", "Sum | 9", "All | ls -l", "All | 5")
    ]


def test_cells_that_are_merged_downwards_say_so_in_each_row(tmp_path: Path) -> None:
    def cell(text: str, properties: str = "") -> str:
        return f"<w:tc><w:tcPr>{properties}</w:tcPr>{p(text)}</w:tc>"

    rows = (
        cell("2020", '<w:vMerge w:val="restart"/>') + cell("Q1") + cell("10"),
        cell("", "<w:vMerge/>") + cell("Q2") + cell("20"),
        cell("2021") + cell("all", '<w:gridSpan w:val="2"/>'),
        '<w:trPr><w:gridBefore w:val="2"/></w:trPr>' + cell("30"),
    )
    body = f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"
    assert lines(load(write_docx(tmp_path / "a.docx", body))) == [
        *("2020 | Q1 | 10", "2020 | Q2 | 20", "2021 | all", "| | 30")
    ]
    # A first column that is too narrow to be seen is none.
    grid = '<w:tbl><w:tblGrid><w:gridCol w:w="79"/><w:gridCol w:w="900"/></w:tblGrid>'
    assert lines(load(write_docx(tmp_path / "b.docx", body.replace("<w:tbl>", grid))))[-1] == "| 30"
    merged = (
        rb"\trowd\clvmgf\cellx1\cellx2\pard\intbl 2020\cell Q1\cell\row"
        rb"\trowd\clvmrg\cellx1\cellx2\pard\intbl\cell Q2\cell\row\pard"
    )
    assert from_rtf(tmp_path, merged) == ["2020 | Q1", "2020 | Q2"]


def test_large_letters_of_capitals_and_words_of_one_letter(tmp_path: Path) -> None:
    body = (
        "<div class=dropcap>O</div><p>NCE upon.</p><div><img alt=T src=t.png></div><p>HE old man.</p>"
        "<div class=dropcap>A</div><p>LONG time ago.</p><p>so <img class=math alt=x src=x.png> is b</p>"
    )
    assert from_html(tmp_path, body) == ["ONCE upon.", "THE old man.", "A", "LONG time ago.", "so x is b"]
    frame = '<w:framePr w:dropCap="drop" w:lines="3"/>'
    document = write_docx(tmp_path / "a.docx", paragraph(run("A"), frame) + paragraph(run(" miller lived")))
    assert lines(load(document)) == ["A miller lived"]


# --- forms, frames, title blocks


def test_forms_show_what_their_page_shows(tmp_path: Path) -> None:
    body = (
        "<p>Country <select><option>Chile<option>Peru</select></p>"
        "<p>Code <select><option>Select a code<option>1</select></p><p>Town <select><option value=''>Choose<option>Lima</select>"
        "<p>Size <select><option label=Large selected></option></select></p>"
        "<p><span role=checkbox aria-checked=true></span> I agree <span role=radio aria-checked=false></span> no</p>"
    )
    assert from_html(tmp_path, body) == ["Country: Chile", "Code", "Town", "Size: Large", "[x] I agree [ ] no"]
    long = "This is how a letter of this kind is written: to replace it with your own, click it and start typing."
    control = (
        "<w:sdt><w:sdtPr><w:showingPlcHdr/><w:text/></w:sdtPr><w:sdtContent>{}</w:sdtContent></w:sdt>"
        "<w:sdt><w:sdtPr><w:text/></w:sdtPr><w:sdtContent>{}</w:sdtContent></w:sdt>"
    ).format(run("Click here to enter text."), run("Ada"))
    assert lines(load(write_docx(tmp_path / "a.docx", paragraph(run("Name: ") + control)))) == ["Name: Ada"]
    assert lines(
        load(write_docx(tmp_path / "b.docx", paragraph(control.replace("Click here to enter text.", long))))
    ) == [f"{long}Ada"]


def test_frames_and_blocks_are_told_by_what_they_hold(tmp_path: Path) -> None:
    body = (
        "<div role=banner><h1>Title</h1><p>By Ada</p></div><main><p>The body of the text [1].</p>"
        "<iframe srcdoc='&lt;p&gt;The fee is 900.&lt;/p&gt;'></iframe><dialog>Cookies</dialog></main>"
        "<footer><h2>References</h2><p>Smith, 1990.</p></footer><footer>© Site</footer>"
    )
    read = from_html(tmp_path, body)
    assert read[:4] == ["Title", "By Ada", "The body of the text [1].", "The fee is 900."]
    assert "Cookies" not in read
    (tmp_path / "b.html").write_text("<html><body><object type='text/html' data='body.html'></object></body></html>")
    with pytest.raises(DocumentError, match=r"only frames other files \(body\.html\)"):
        load(tmp_path / "b.html")


# --- RTF and files that are named otherwise


def test_rtf_keeps_objects_results_and_leaves_out_what_was_moved(tmp_path: Path) -> None:
    body = rb"A {\object\objemb{\*\objdata 0105}{\result E=mc}} {\mvf gone }{\mvt here} B\par"
    assert from_rtf(tmp_path, body) == ["A E=mc here B"]


def test_a_heading_of_rtf_keeps_its_number(tmp_path: Path) -> None:
    text = (
        rb"{\rtf1{\stylesheet{\s1\outlinelevel0 heading 1;}}\pard\s1{\listtext\pard\plain 1.\tab}Scope\par\pard Body {\super 238}"
        rb"{\sub 92}U\par\pard\s1{\listtext\pard\plain 2.\tab}Fees\par\pard More\par}"
    )
    (tmp_path / "a.rtf").write_bytes(text)
    document = load(tmp_path / "a.rtf")
    assert labels(document) == ["1. Scope", "2. Fees"]
    assert "^238_92U" in document.text


def test_a_file_is_read_as_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf{\\rtf1\\ansi The captain is Oduya.\\par}")
    (tmp_path / "b.txt").write_text("<!DOCTYPE html><html><body><p>The captain is <b>Oduya</b>.</p></body></html>")
    (tmp_path / "c.rtf").write_text("<html><body><p>The captain is Oduya.</p></body></html>")
    for name in ("a.txt", "b.txt", "c.rtf"):
        assert lines(load(tmp_path / name)) == ["The captain is Oduya."]


# --- books


def test_chapters_are_found_however_they_are_named(tmp_path: Path) -> None:
    chapters = {"/OPS/one.xhtml": xhtml("<p>One.</p>")}
    book = write_epub(tmp_path / "a.epub", chapters, more={"OPS/one.xhtml": xhtml("<p>One.</p>")})
    document = load(book)
    assert (lines(document), document.textless_pages) == (["One."], 0)
    switch = (
        '<switch xmlns="http://www.idpf.org/2007/ops"><case><math xmlns="http://www.w3.org/1998/Math/MathML"><msup><mi>x</mi>'
        "<mn>2</mn></msup></math></case><default><p>x squared</p></default></switch>"
    )
    assert lines(load(write_epub(tmp_path / "b.epub", {"one.xhtml": xhtml(switch)}))) == ["x^2"]


def test_printed_pages_are_labelled_without_their_marks(tmp_path: Path) -> None:
    body = (
        '<h1>Part</h1><p><span class="pagenum"><a id="p1">[57]</a></span>lamp <a id="page_58" class="pagenum"/>brass '
        '<span class="pagenum"><a id="Page_59"/>{Pg 59}</span>oil</p>'
    )
    document = load(write_epub(tmp_path / "a.epub", {"one.xhtml": xhtml(body)}))
    assert labels(document) == ["Part", "Part, p. 57", "Part, p. 58", "Part, p. 59"]
    assert document.text.split() == ["Part", "lamp", "brass", "oil"]


# --- text


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"The password is plum.\r\n\x1a\x1a\0\0", "The password is plum.\n"),
        (b"Line one is here.\0\0\0\0\nLine two.\0\0\0\n" * 9, "Line one is here.\nLine two.\n" * 9),
        (b"\0" * 99 + b"Text starts late.\n", "Text starts late.\n"),
        (b"N\x08NA\x08AME\n_\x08t_\x08h_\x08e lamp\n", "NAME\nthe lamp\n"),
        (b"Report \x1b[1;31mfailed\x1b[0m at 42.\n", "Report failed at 42.\n"),
        (b"na\xc3\xafve \xed\xa0\xbd\xed\xb8\x80 smile\n", "naïve 😀 smile\n"),
        (
            "第一章 船长的名字叫小田。港口很安静。".encode("gb18030") * 5 + b"\xff",
            "第一章 船长的名字叫小田。港口很安静。" * 5 + "\ufffd",
        ),
        (b"It\xd5s late, he said: \xd2Come!\xd3\r", "It’s late, he said: “Come!”\n"),
        ("Kapitán přišel a žluťoučký kůň šel.\n".encode("iso-8859-2"), "Kapitán přišel a žluťoučký kůň šel.\n"),
        (
            "Zażółć gęślą jaźń. Kapitan był już w porcie.\n".encode("iso-8859-2"),
            "Zażółć gęślą jaźń. Kapitan był już w porcie.\n",
        ),
    ],
)
def test_stray_bytes_cost_no_text(tmp_path: Path, written: bytes, read: str) -> None:
    (tmp_path / "a.txt").write_bytes(written)
    assert load(tmp_path / "a.txt").text == read


# --- Markdown


def test_headings_of_markdown_in_all_their_shapes(tmp_path: Path) -> None:
    text = "Text about the lamp.\n\n"
    headings = {
        '<h1 align="center">\n  The <em>Book</em>\n</h1>\n\n': "The Book",
        "A long heading\nthat goes on\n===\n": "A long heading that goes on",
        '## <a name="x"></a>1\\. Tom &amp; \\*Ada\\*[^1]\n': "1. Tom & *Ada*",
        "# [[Link|Shown]] {-}\n": "Shown",
    }
    raw = "<pre>\n# no heading\n</pre>\n\nOne\ntwo\nthree\nfour\n---\n\n"
    (tmp_path / "a.md").write_text("".join(heading + text for heading in headings) + raw)
    document = load(tmp_path / "a.md")
    assert labels(document) == list(headings.values())
    assert document.title == "The Book"


# --- batches


def test_columns_are_found_as_people_name_them(tmp_path: Path) -> None:
    for name, written, delimiter in (
        ("a.csv", "\n;;\nCustom ID;Document;Question\n007;b.txt;Qui était?\n", ";"),
        ("b.csv", "custom_id|document|question\n007|b.txt|Qui était?\n", "|"),
    ):
        (tmp_path / name).write_bytes(written.encode("cp1252"))
        questions, problems = load_questions(tmp_path / name)
        assert [(one.custom_id, one.document, one.question) for one in questions] == [("007", "b.txt", "Qui était?")]
        assert (problems, csv_delimiter(tmp_path / name)) == ([], delimiter)


@pytest.mark.parametrize(
    ("name", "written", "found"),
    [
        ("a.csv", "Frage\r\nQui était?\r\n", [("2", "b.txt", "Qui était?")]),
        ("a.csv", "Questions, 2026\n\nNr.;Question(s);Datei\n7;Qui était?;c.txt\n", [("7", "c.txt", "Qui était?")]),
        ("a.csv", "question\nQui, quand?\n", [("2", "b.txt", "Qui, quand?")]),
        ("a.tsv", "id\tQuestion\n1\tQui, quand?\n", [("1", "b.txt", "Qui, quand?")]),
        ("a.csv", 'sep=;\n"No";"Query"\n"1";"Qui\nétait?"\n', [("1", "b.txt", "Qui\nétait?")]),
        ("a.json", '[{"id": 1, "file": "c.txt", "query": "Qui était?"}]', [("1", "c.txt", "Qui était?")]),
        ("a.jsonl", '{"id": "x", "doc": "c.txt", "prompt": "Qui était?"}', [("x", "c.txt", "Qui était?")]),
    ],
)
def test_questions_are_found_however_their_columns_are_called(
    tmp_path: Path, name: str, written: str, found: list[tuple[str, str, str]]
) -> None:
    (tmp_path / name).write_text(written, "utf-8")
    questions, problems = load_questions(tmp_path / name, "b.txt")
    assert ([(one.custom_id, one.document, one.question) for one in questions], problems) == (found, [])


def test_a_question_is_not_cut_at_its_own_comma(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,question\n1,Who, when?\n2,Who?\n")
    questions, problems = load_questions(tmp_path / "a.csv", "b.txt")
    assert [one.question for one in questions] == ["Who?"]
    assert [(line, "more cells" in told) for line, told in problems] == [(2, True)]


def test_pasted_tables_are_told_from_pasted_questions() -> None:
    table = "sep=;\nQuestions of May\nFrage;Datei\nQui était?;c.txt\nQui, quand?;\n"
    assert questions_in(rows_in(table)) == [(3, "Qui était?", "c.txt"), (4, "Qui, quand?", "")]
    assert questions_in(rows_in("Query\nQui, quand?\n")) == [(2, "Qui, quand?", "")]
    assert questions_in(rows_in('Qui, quand?\n"Non" said who;\n')) == [
        (1, "Qui, quand?", ""),
        (2, '"Non" said who;', ""),
    ]


def test_a_file_of_several_columns_names_that_of_its_questions() -> None:
    for text, unnamed in (
        ("name,year\nWho?,1912\n", True),
        ("Who, when?\nWho?\n", False),
        ("no,question\n1,Who?\n", False),
    ):
        assert is_unnamed(rows_in(text, is_table=True)) == unnamed
    assert not is_unnamed(rows_in("Who, when?\nWhere, why?\n"))


# --- OpenDocument, slides, spreadsheets, messages

_ODT_STYLES = (
    '<style:style style:name="Up" style:family="text"><style:text-properties style:text-position="super 58%"/></style:style>'
    '<style:style style:name="T9" style:family="text" style:parent-style-name="Up"/>'
    '<style:font-face style:name="Symbol1" svg:font-family="Symbol"/>'
    '<style:style style:name="Sy" style:family="text"><style:text-properties style:font-name="Symbol1"/></style:style>'
)


def test_an_odt_of_libreoffice_loses_nothing(tmp_path: Path) -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<table:table-cell{more}><text:p>{text}</text:p></table:table-cell>"

    spanning = cell("2020", ' table:number-rows-spanned="2"')
    body = (
        '<text:p>10<text:span text:style-name="T9">24</text:span> and 5 <text:span text:style-name="Sy">m</text:span>g</text:p>'
        '<text:section text:display="none"><text:p>hidden</text:p></text:section>'
        '<text:p><loext:content-control loext:checkbox="true">☒</loext:content-control> yes '
        '<loext:content-control loext:showing-place-holder="true">Click here</loext:content-control>'
        '<field:fieldmark field:type="vnd.oasis.opendocument.field.FORMCHECKBOX"><field:param field:name="Checkbox_Checked" '
        'field:value="true"/></field:fieldmark> no <field:fieldmark field:type="vnd.oasis.opendocument.field.FORMDROPDOWN">'
        '<field:param field:name="Dropdown_ListEntry" field:value="Chile"/><field:param field:name="Dropdown_ListEntry" '
        'field:value="Peru"/><field:param field:name="Dropdown_Selected" field:value="1"/></field:fieldmark></text:p>'
        "<text:p>Use 2<draw:frame><draw:object>"
        "<math><mfrac><mn>1</mn><mn>2</mn></mfrac></math></draw:object></draw:frame> cup</text:p>"
        f"<table:table><table:table-row>{spanning}{cell('Q1')}"
        f"</table:table-row><table:table-row><table:covered-table-cell/>{cell('Q2')}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="2">{cell("r")}{cell("s")}</table:table-row></table:table>'
    )
    names = 'xmlns:svg="svg" xmlns:loext="loext" xmlns:field="field"'
    book = write_odt(
        tmp_path / "a.odt", f"<text:section {names}>{body}</text:section>", _ODT_STYLES.replace("svg:", "style:")
    )
    assert lines(load(book)) == [
        *("10^24 and 5 μg", "☒ yes [x] no Peru", "Use 2 1/2 cup", "2020 | Q1", "2020 | Q2", "r | s", "r | s")
    ]


def test_slides_keep_merged_cells_and_symbols_and_not_what_is_hidden(tmp_path: Path) -> None:
    def shape(runs: str, more: str = "") -> str:
        return f"<p:sp><p:nvSpPr><p:cNvPr {more}/></p:nvSpPr><p:txBody><a:p>{runs}</a:p></p:txBody></p:sp>"

    def cell(text: str, more: str = "") -> str:
        return f"<a:tc {more}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"

    arrow = '<a:r><a:rPr><a:sym typeface="Wingdings"/></a:rPr><a:t>so \uf0e0 on</a:t></a:r>'
    symbol = '<a:r><a:rPr><a:latin typeface="Symbol"/></a:rPr><a:t>m</a:t></a:r>'
    box = '<a:r><a:rPr><a:sym typeface="Wingdings"/></a:rPr><a:t>\uf0fe</a:t></a:r>'
    above, below = 'rowSpan="2"', 'vMerge="1"'
    table = (
        f"<p:graphicFrame><a:tbl><a:tr>{cell('2020', above)}{cell('Q1')}</a:tr>"
        f"<a:tr>{cell('', below)}{cell('Q2')}</a:tr></a:tbl></p:graphicFrame>"
    )
    shapes = shape(f"<a:r><a:t>50 </a:t></a:r>{symbol}<a:r><a:t>g </a:t></a:r>{box}{arrow}") + shape(
        "<a:r><a:t>not shown</a:t></a:r>", 'hidden="1"'
    )
    relation = '<r><Relationship Id="{}" Type="x/{}" Target="{}"/></r>'
    members = {
        "_rels/.rels": relation.format("r", "officeDocument", "ppt/p.xml"),
        "ppt/p.xml": '<p:p xmlns:p="p" xmlns:r="http://r"><p:sldId r:id="s"/></p:p>',
        "ppt/_rels/p.xml.rels": relation.format("s", "slide", "s.xml"),
        "ppt/s.xml": f'<p:sld xmlns:p="p" xmlns:a="a">{shapes}{table}</p:sld>',
    }
    assert lines(load(write_zip(tmp_path / "a.pptx", members))) == ["50 μg ☒so → on", "2020 | Q1", "2020 | Q2"]


def test_a_sheet_shows_its_numbers_as_the_program_does(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    shown = {
        (3.5, "#,##0.00 [$€-407]"): "3.50 €",
        (3.5, "[$CHF-807] 0.00"): "CHF 3.50",
        (1234.5, '"$"#,##0.00'): "$1,234.50",
        (5, '0" kg"'): "5 kg",
        (1.005, "0.00"): "1.01",
        (0.125, "0%"): "13%",
        (datetime.timedelta(hours=30), "[h]:mm"): "30:00",
        (1_234_567, '#,##0,"k"'): "1,234,567",
    }
    for column, (value, number_format) in enumerate(shown, start=1):
        book.active.cell(1, column, value).number_format = number_format
    book.active["A2"] = "plain"
    book.save(tmp_path / "a.xlsx")
    # Raised letters in a cell, as Excel keeps them among its strings.
    raised = '<si><r><t>10</t></r><r><rPr><vertAlign val="superscript"/></rPr><t>24</t></r><r><t> kg</t></r></si>'
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"]
    members["xl/worksheets/sheet1.xml"] = re.sub(
        r'<c r="A2"[^>]*>.*?</c>', '<c r="A2" t="s"><v>0</v></c>', sheet, flags=re.DOTALL
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    members["xl/sharedStrings.xml"] = f'<sst xmlns="{main}">{raised}</sst>'
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    members["[Content_Types].xml"] = members["[Content_Types].xml"].replace(
        "</Types>", f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    )
    assert lines(load(write_zip(tmp_path / "b.xlsx", dict(members)))) == [" | ".join(shown.values()), "10^24 kg"]


def test_a_message_that_is_cut_by_a_picture_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_text(
        "From: a@b.c\nSubject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nBefore.\n--b\nContent-Type: image/png\n"
        "Content-Disposition: inline; filename=p.png\n\nxx\n"
        "--b\nContent-Type: text/plain\n\nAfter: 42.\n--b\nContent-Type: text/plain\nContent-Disposition: attachment; "
        "filename=n.txt\n\nAttached.\n--b--\n"
    )
    text = load(tmp_path / "a.eml").text
    assert text.index("Before.") < text.index("After: 42.") < text.index("Attached.")
    assert text.count("Attached.") == 1
    page = "<nav>menu</nav><main><p>The page.</p></main>"
    (tmp_path / "b.mhtml").write_text(
        f"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n{page}\n--b--\n"
    )
    assert lines(load(tmp_path / "b.mhtml")) == ["The page."]
