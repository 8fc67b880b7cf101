"""Files as programs save them: pages of browsers, sheets with merged cells or without values, mails, charts, sources of TeX."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pytest
from helpers.documents import write_pdf
from helpers.formats import NAMES, p, pages, write_docx, write_zip

from reader.documents import load

ARCHIVE = (
    "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://example.org/a\r\nSubject: List\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/related; type="text/html"; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/html\r\nContent-ID: <frame-1@mhtml.blink>\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    "<p>The page at =E2=82=AC 40.</p>{}<p>The end.</p>\r\n"
    "--b\r\nContent-Type: text/html\r\nContent-ID: <frame-2@mhtml.blink>\r\nContent-Location: https://example.org/in\r\n\r\n"
    '<p>Framed, 77.</p><iframe src="cid:frame-2@mhtml.blink"></iframe>\r\n'
    "--b\r\nContent-Type: text/html\r\nContent-ID: <frame-3@mhtml.blink>\r\n\r\n<p>An advertisement.</p>\r\n--b--\r\n"
)


def lines(path: Path) -> list[str]:
    return [line for line in load(path).text.split("\n") if line]


@pytest.mark.parametrize("name", ["a.mhtml", "a.mht", "a.html", "a.txt"])
@pytest.mark.parametrize("source", ["cid:frame-2@mhtml.blink", "https://example.org/in"])
def test_what_a_page_frames_is_read_where_it_stands(tmp_path: Path, name: str, source: str) -> None:
    (tmp_path / name).write_text(ARCHIVE.format(f'<iframe src=3D"{source}"></iframe>'), newline="")
    assert lines(tmp_path / name) == ["The page at € 40.", "Framed, 77.", "The end."]


def test_what_is_only_there_to_be_clicked_is_left_out(tmp_path: Path) -> None:
    page = """<body class="noprint"><div class="mw-portlet mw-portlet-lang"><ul><li>Deutsch</li></ul></div>
    <h2>History<span class="mw-editsection">[<a href="x">edit</a>]</span></h2><p>It began in 1871.</p>
    <div class="share d-print-none">Share this</div><p class="printed noprinter">It ended in 1902.</p></body>"""
    (tmp_path / "a.html").write_text(page)
    assert lines(tmp_path / "a.html") == ["History", "It began in 1871.", "It ended in 1902."]


def test_a_saved_set_of_frames_is_read(tmp_path: Path) -> None:
    page = '<frameset><frame src=3D"cid:frame-2@mhtml.blink"><frame src=3D"cid:frame-3@mhtml.blink"></frameset>'
    written = ARCHIVE.replace("<p>The page at =E2=82=AC 40.</p>{}<p>The end.</p>", page)
    (tmp_path / "a.mhtml").write_text(written, newline="")
    assert lines(tmp_path / "a.mhtml") == ["Framed, 77.", "An advertisement."]


def test_a_cell_that_spans_rows_is_said_in_each(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["Sums of the year"],
        [],
        ["Region", "Port", "Sum"],
        ["North", "Wenlow", 5],
        [None, "Arl", 7],
        ["South", None, 9],
    ):
        sheet.append(row)
    for merged in ("A1:C2", "A4:A5"):
        sheet.merge_cells(merged)
    book.save(tmp_path / "a.xlsx")
    table = ["Region | Port | Sum", "North | Wenlow | 5", "North | Arl | 7", "South | | 9"]
    assert lines(tmp_path / "a.xlsx") == ["Sums of the year", *table]


def test_sources_of_tex_are_texts(tmp_path: Path) -> None:
    (tmp_path / "a.tex").write_text("\\documentclass{article}\n\\begin{document}\nThe sum is $x^2$.\n\\end{document}\n")
    assert "The sum is $x^2$." in load(tmp_path / "a.tex").text


def test_formulas_without_values_are_worked_out(tmp_path: Path) -> None:
    """As programs that only write workbooks leave them."""
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["Item", "Price", "VAT"],
        ["Rope", 10, "=B2*20%"],
        ["Sail", 20.5, "=ROUND(B3/3, 1)"],
        ["Sum", "=SUM(B2:B3)", "=SUM(C2:C3)"],
        ["Look", "=VLOOKUP(A2,A2:B3,2)", "=B5"],
        ["All", "=Other!A1^2", "=C6"],
    ):
        sheet.append(row)
    sheet["B4"].number_format = '0.00 "€"'
    book.create_sheet("Other")["A1"] = 7
    book.save(tmp_path / "a.xlsx")
    table = ["Item | Price | VAT", "Rope | 10 | 2", "Sail | 20.5 | 6.8", "Sum | 30.50 € | 8.8"]
    assert lines(tmp_path / "a.xlsx") == [*table, "Look | =VLOOKUP(A2,A2:B3,2) | =B5", "All | 49 | =C6", "7"]


@pytest.mark.parametrize(
    "formula", ["=-A1^2", "=9^9^9^9", "=A2", "=SUM(A1:XFD1048576)", "=" + "-" * 990 + "1", "=" + "(1+" * 240]
)
def test_formulas_that_cannot_be_worked_out_stay_as_they_are(formula: str, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["A2"] = 3, formula
    book.save(tmp_path / "a.xlsx")
    assert lines(tmp_path / "a.xlsx") == ["3", formula]


def test_hidden_rows_and_columns_are_left_out(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for at, row in enumerate((["Port", "Code", "Ships"], ["Lyme", "x", 12], ["Secret", "y", 7], ["Folded", "z", 9]), 3):
        for column, value in enumerate(row, 2):
            sheet.cell(at, column, value)
    sheet.row_dimensions[5].hidden = sheet.column_dimensions["C"].hidden = True
    sheet.row_dimensions.group(6, 6, hidden=True)
    book.save(tmp_path / "a.xlsx")
    assert lines(tmp_path / "a.xlsx") == ["Port | Ships", "Lyme | 12", "Folded | 9"]


def test_notes_of_slides_and_values_of_cells_in_open_documents(tmp_path: Path) -> None:
    cell = '<table:table-cell office:value="{}"/>'.format
    rows = f"<table:table-row>{cell(1)}</table:table-row><table:table-row table:visibility='collapse'>{cell(2)}</table:table-row>"
    notes = "<notes><draw:frame><draw:text-box><text:p>Thank the clerk.</text:p></draw:text-box></draw:frame></notes>"
    slide = f"<draw:page><draw:text-box><text:p>The wall</text:p></draw:text-box>{notes}</draw:page>"
    for kind, suffix, body in (
        ("spreadsheet", "ods", f"<table:table>{rows}</table:table>"),
        ("presentation", "odp", slide),
    ):
        inner = f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
        content = f"<office:document-content {NAMES}>{inner}</office:document-content>"
        write_zip(
            tmp_path / f"a.{suffix}",
            {"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content},
        )
    assert lines(tmp_path / "a.ods") == ["1"]
    assert lines(tmp_path / "a.odp") == ["The wall", "Notes: Thank the clerk."]


def test_charts_and_diagrams_of_word_are_read(tmp_path: Path) -> None:
    point = "<c:pt><c:v>{}</c:v></c:pt>".format
    chart = f"<c:ser><c:tx>{point('Dues')}</c:tx><c:cat>{point('Lyme')}</c:cat><c:val>{point(12)}</c:val></c:ser>"
    relation = '<Relationship Id="{0}" Type="x/{0}" Target="{0}.xml"/>'.format
    drawn = (
        '<w:p><w:r><c:chart xmlns:c="c" xmlns:r="r" r:id="c"/><d:relIds xmlns:d="d" xmlns:r="r" r:dm="d"/></w:r></w:p>'
    )
    more: dict[str, str | bytes] = {
        "word/_rels/document.xml.rels": f"<r>{relation('c')}{relation('d')}</r>",
        "word/c.xml": f'<c:chartSpace xmlns:c="c">{chart}</c:chartSpace>',
        "word/d.xml": '<d:dataModel xmlns:d="d" xmlns:a="a"><a:p><a:r><a:t>Step one</a:t></a:r></a:p></d:dataModel>',
    }
    write_docx(tmp_path / "a.docx", p("Before.") + drawn + p("After."), more)
    assert lines(tmp_path / "a.docx") == ["Before.", "Dues | Lyme: 12", "Step one", "After."]


def test_what_is_attached_to_a_mail_is_read_behind_it(tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "Bo <b@x.org>", "The invoice"
    message.set_content("Here it is.")
    data = write_pdf(tmp_path / "a.pdf", ["Invoice 4711."]).read_bytes()
    message.add_attachment(data, maintype="application", subtype="pdf", filename="../May.pdf")
    message.add_attachment("Plain words.", filename="notes.txt")
    message.add_attachment(b"x", maintype="image", subtype="png", filename="a.png")
    (tmp_path / "a.eml").write_bytes(bytes(message))
    head = "From: Bo <b@x.org>\nSubject: The invoice\nAttached: ../May.pdf, notes.txt, a.png\n\nHere it is."
    attached = [("../May.pdf · 1", "Invoice 4711."), ("notes.txt · 1", "Plain words.")]
    assert pages(load(tmp_path / "a.eml")) == [("1", head), *attached]


def test_the_messages_of_a_mailbox_are_its_pages(tmp_path: Path) -> None:
    message = (
        "From a@x.org Mon Jun  3 10:00:00 2024\nFrom: Ada <a@x.org>\nSubject: {0}\n\nFrom here on, {0}.\n\n".format
    )
    (tmp_path / "a.mbox").write_text(message("one") + message("two"))
    head = "From: Ada <a@x.org>\nSubject: {0}\n\nFrom here on, {0}.".format
    assert pages(load(tmp_path / "a.mbox")) == [("one", head("one")), ("two", head("two"))]


def test_notices_about_cookies_are_left_out_and_recipes_for_them_are_not(tmp_path: Path) -> None:
    notice = (
        '<div id="onetrust-sdk"><h2>We value your privacy</h2><p>We use cookies.</p><button>Accept all</button></div>'
    )
    recipe = '<div class="cookie-recipe"><h2>Cookies</h2><p>Take 200 g flour.</p><button>Print</button></div>'
    consent = '<form class="consent"><p>I agree to take part.</p><button>Send</button></form>'
    more = '<section hidden="until-found"><p>Unfolded.</p></section><div class="social-links"><a>Share</a></div>'
    (tmp_path / "a.html").write_text(f"<body>{notice}{recipe}{consent}{more}</body>")
    assert lines(tmp_path / "a.html") == ["Cookies", "Take 200 g flour.", "I agree to take part.", "Unfolded."]
