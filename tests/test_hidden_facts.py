"""Facts written into the tables, notes, forms, formulas, captions and lists of a document are found, on the right page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.formats import p, write_docx, write_epub, write_odt, xhtml

from reader.documents import Document, load
from reader.reading import add_document
from storage import Store

FACTS = {
    "table": ("Marigold anchor", "4711"),
    "note": ("lighthouse keeper Oduya", "1871"),
    "form": ("Favourite cargo", "saffron"),
    "formula": ("Tidal energy", "10^24"),
    "caption": ("Figure 7 pier", "silted"),
    "list": ("Third clause penalty", "900 crowns"),
}
PROSE = "The keeper lit the lamp and the sea was calm that night in the harbour. " * 30


def write_html_facts(path: Path) -> Path:
    path.write_text(
        f"<h1>First</h1><p>{PROSE}</p><h1>Second</h1><p>{PROSE}</p><table><tr><th>Ship<th>Number<tr><td>Marigold anchor<td>"
        "<p>4711</table><p>The well<sup><a href='#n'>1</a></sup> is old.</p>"
        "<form><label>Favourite cargo <input value=saffron></label></form>"
        "<p>Tidal energy 10<sup>24</sup> joules</p><figure><figcaption>Figure 7 pier, silted up</figcaption></figure>"
        "<ol start=3><li>Third clause penalty 900 crowns</ol>"
        f"<footer><p id=n>The lighthouse keeper Oduya came in 1871.</p></footer><h1>Third</h1><p>{PROSE}</p>"
    )
    return path


def write_epub_facts(path: Path) -> Path:
    chapters = {
        "1.xhtml": xhtml(f"<h1>First</h1><p>{PROSE}</p>"),
        "2.xhtml": xhtml(
            f"<h1>Second</h1><p>{PROSE}</p><table><tr><td>Marigold anchor</td><td>4711</td></tr></table>"
            '<aside><p>1 The lighthouse keeper Oduya came in 1871.</p></aside><p>Favourite cargo <input value="saffron"/></p>'
            "<p>Tidal energy 10<sup>24</sup> joules</p><figcaption>Figure 7 pier, silted up</figcaption>"
            '<ol start="3"><li>Third clause penalty 900 crowns</li></ol>'
        ),
    }
    return write_epub(path, chapters)


def write_docx_facts(path: Path) -> Path:
    heading = '<w:pStyle w:val="H1"/>'
    field = (
        "<w:p><w:r><w:t>Favourite cargo </w:t></w:r><w:r><w:fldChar><w:ffData><w:ddList><w:result w:val='1'/>"
        "<w:listEntry w:val='tea'/><w:listEntry w:val='saffron'/></w:ddList></w:ffData></w:fldChar></w:r></w:p>"
    )
    power = (
        "<w:p><w:r><w:t>Tidal energy </w:t></w:r><m:oMath><m:sSup><m:e><m:r><m:t>10</m:t></m:r></m:e><m:sup><m:r><m:t>24</m:t>"
        "</m:r></m:sup></m:sSup></m:oMath></w:p>"
    )
    note = '<w:p><w:r><w:t>The well</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
    body = (
        p("First", heading)
        + p(PROSE)
        + p("Second", heading)
        + p(PROSE)
        + f"<w:tbl><w:tr><w:tc>{p('Marigold anchor')}</w:tc><w:tc>{p('4711')}</w:tc></w:tr></w:tbl>"
        + note
        + field
        + power
        + p("Figure 7 pier, silted up")
        + p("Third clause penalty 900 crowns", "<w:numPr/>")
    )
    footnote = p("The lighthouse keeper Oduya came in 1871.")
    notes = f'<w:footnotes xmlns:w="w"><w:footnote w:id="2">{footnote}</w:footnote></w:footnotes>'
    return write_docx(path, body, {"word/footnotes.xml": notes})


def write_rtf_facts(path: Path) -> Path:
    path.write_bytes(
        rb"{\rtf1\ansi{\stylesheet{\s1 heading 1;}}\pard\s1 First\par\pard "
        + PROSE.encode()
        + rb"\par\pard\s1 Second\par\pard "
        rb"\trowd\cellx1\cellx2\pard\intbl Marigold anchor\cell 4711\cell\row\pard "
        rb"The well{\super\chftn{\footnote {\super\chftn} The lighthouse keeper Oduya came in 1871.}}\par "
        rb"Favourite cargo {\field{\*\fldinst FORMDROPDOWN {\*\formfield{\fftype2\ffres1{\*\ffl tea}{\*\ffl saffron}}}}"
        rb"{\fldrslt }}\par Tidal energy 10{\super 24}\par{\shp{\*\shpinst{\shptxt Figure 7 pier, silted up\par}}}"
        rb"{\listtext 3.\tab}Third clause penalty 900 crowns\par}"
    )
    return path


def write_odt_facts(path: Path) -> Path:
    heading = '<text:h text:outline-level="1">{}</text:h>'.format
    note = "<text:note><text:note-body><text:p>The lighthouse keeper Oduya came in 1871.</text:p></text:note-body></text:note>"
    styles = '<style:style style:name="Up"><style:text-properties style:text-position="super 58%"/></style:style>'
    cells = "".join(
        f"<table:table-cell><text:p>{text}</text:p></table:table-cell>" for text in ("Marigold anchor", "4711")
    )
    chosen = (
        '<text:drop-down><text:label text:value="tea"/><text:label text:value="saffron" text:current-selected="true"/>'
        "</text:drop-down>"
    )
    body = (
        f"{heading('First')}<text:p>{PROSE}</text:p>{heading('Second')}<text:p>{PROSE}</text:p>"
        f"<table:table><table:table-row>{cells}</table:table-row></table:table><text:p>The well{note}</text:p>"
        f'<text:p>Favourite cargo {chosen}</text:p><text:p>Tidal energy 10<text:span text:style-name="Up">24</text:span></text:p>'
        "<draw:frame><draw:text-box><text:p>Figure 7 pier, silted up</text:p></draw:text-box></draw:frame>"
        "<text:list><text:list-item><text:p>Third clause penalty 900 crowns</text:p></text:list-item></text:list>"
    )
    return write_odt(path, body, styles)


WRITERS: dict[str, Callable[[Path], Path]] = {
    "docx": write_docx_facts,
    "epub": write_epub_facts,
    "html": write_html_facts,
    "odt": write_odt_facts,
    "rtf": write_rtf_facts,
}


def sentence_with(document: Document, words: str) -> str:
    return next((line for line in document.text.split("\n") if words in line), "")


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_hidden_fact_is_found_on_its_page(tmp_path: Path, store: Store, suffix: str) -> None:
    document = load(WRITERS[suffix](tmp_path / f"facts.{suffix}"))
    add_document(document, store)
    for where, (words, fact) in FACTS.items():
        hits = store.search(words)
        assert hits, f"{where} is not found"
        assert hits[0].label.startswith("Second"), f"{where} is on {hits[0].label}"
        assert fact in sentence_with(document, words), f"{where} says {sentence_with(document, words)!r}"
