"""Files as programs save them: pages of browsers in one file, sheets with merged cells, sources of TeX."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

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
