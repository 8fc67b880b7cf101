"""Facts written into the tables, notes, forms, formulas, captions and lists of a document are found, on the right page."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from helpers.documents import write_pdf
from helpers.formats import p, write_docx, write_epub, write_odt, write_zip, xhtml

from reader.answering.passages import Passages, Source
from reader.answering.text.words import content_words
from reader.documents import Document, Recognition, load
from reader.reading import add_document
from storage import PageRecord, Store

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


def write_pdf_facts(path: Path) -> Path:
    """A table with rules, a note in small print, a field, a raised power, a caption in a second column and a list."""

    def at(x: int, y: int, words: str, size: int = 10) -> str:
        return f"BT /F1 {size} Tf 1 0 0 1 {x} {y} Tm ({words}) Tj ET "

    rules = "".join(f"50 {y} m 350 {y} l S " for y in (600, 620, 640)) + "".join(
        f"{x} 600 m {x} 640 l S " for x in (50, 200, 350)
    )
    cells = at(55, 625, "Ship") + at(205, 625, "Number") + at(55, 605, "Marigold anchor") + at(205, 605, "4711")
    left = "".join(at(50, 560 - 12 * line, "The sea was calm that night in the harbour.") for line in range(6))
    right = at(320, 560, "Figure 7 pier, silted up") + at(320, 548, "before anyone came.")
    power = at(50, 460, "Tidal energy 10") + at(120, 464, "24", 7) + at(132, 460, "joules")
    others = at(50, 440, "Third clause penalty 900 crowns") + at(50, 420, "Favourite cargo:")
    note = at(50, 60, "1", 6) + at(55, 56, "The lighthouse keeper Oduya came in 1871.", 7)
    content = (rules + cells + left + right + power + others + note).encode()
    prose = "The keeper lit the lamp.\nThe sea was calm that night."
    write_pdf(path, [prose, content, prose])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        field = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Widget,
            Rect=[140, 415, 300, 432],
            FT=pikepdf.Name.Tx,
            T="cargo",
            V="saffron",
        )
        pdf.pages[1].obj["/Annots"] = pikepdf.Array([pdf.make_indirect(field)])
        pdf.save(path)
    return path


def write_pptx_facts(path: Path) -> Path:
    def words(text: str) -> str:
        return f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>"

    def shape(kind: str, paragraphs: str) -> str:
        return (
            f'<p:sp><p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:txBody>{paragraphs}</p:txBody></p:sp>'
        )

    def slide(title: str, more: str = "") -> str:
        return f'<p:sld xmlns:p="p" xmlns:a="a">{shape("title", words(title))}{more}</p:sld>'

    def relations(*those: tuple[str, str, str]) -> str:
        inner = "".join(f'<Relationship Id="{key}" Type="x/{kind}" Target="{target}"/>' for key, kind, target in those)
        return f"<r>{inner}</r>"

    row = "".join(f"<a:tc><a:txBody>{words(cell)}</a:txBody></a:tc>" for cell in ("Marigold anchor", "4711"))
    rows = f"<a:tbl><a:tr>{row}</a:tr></a:tbl>"
    table = f"<p:graphicFrame><a:graphic><a:graphicData>{rows}</a:graphicData></a:graphic></p:graphicFrame>"
    power = '<a:p><a:r><a:t>Tidal energy 10</a:t></a:r><a:r><a:rPr baseline="30000"/><a:t>24</a:t></a:r></a:p>'
    body = shape("body", words("Figure 7 pier, silted up") + power)
    said = shape("body", words("The lighthouse keeper Oduya came in 1871."))
    notes = f'<p:notes xmlns:p="p" xmlns:a="a">{said}</p:notes>'
    members: dict[str, str | bytes] = {
        "_rels/.rels": relations(("r", "officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": '<p:x xmlns:p="p" xmlns:r="r"><p:sldId id="9" r:id="r1"/><p:sldId id="8" r:id="r2"/></p:x>',
        "ppt/_rels/presentation.xml.rels": relations(("r1", "slide", "slides/1.xml"), ("r2", "slide", "slides/2.xml")),
        "ppt/slides/1.xml": slide("First"),
        "ppt/slides/2.xml": slide("Second", table + body),
        "ppt/slides/_rels/2.xml.rels": relations(("n", "notesSlide", "../notes.xml")),
        "ppt/notes.xml": notes,
    }
    return write_zip(path, members)


WRITERS: dict[str, Callable[[Path], Path]] = {
    "docx": write_docx_facts,
    "epub": write_epub_facts,
    "html": write_html_facts,
    "odt": write_odt_facts,
    "pdf": write_pdf_facts,
    "pptx": write_pptx_facts,
    "rtf": write_rtf_facts,
}


PLACES = {"pdf": "2", "pptx": "Slide 2: Second"}
NOT_THERE = {"pptx": ("form", "list")}
"""Slides have neither fields nor numbered clauses of their own."""


def passages_of(document: Document) -> Passages:
    pages = tuple(
        PageRecord(document.id, page.number, page.label, page.start, page.end, document.text[page.start : page.end])
        for page in document.pages
    )
    return Passages([Source(document.id, document.title, pages, len(document.text))])


def assert_found(document: Document, store: Store, place: str, without: tuple[str, ...] = ()) -> None:
    """Each fact is found by search, on its page, and is in the passage that is looked at again."""
    add_document(document, store)
    index = passages_of(document)
    for where, (words, fact) in FACTS.items():
        if where in without:
            continue
        hits = store.search(words)
        assert hits, f"{where} is not found"
        assert hits[0].label.startswith(place), f"{where} is on {hits[0].label}"
        best = index.all[index.search(content_words(words))[0]]
        assert best.label == hits[0].label
        assert fact in best.text, f"{where} is not in the passage that is looked at again: {best.text!r}"


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_hidden_fact_is_found_on_its_page(tmp_path: Path, store: Store, suffix: str) -> None:
    document = load(WRITERS[suffix](tmp_path / f"facts.{suffix}"))
    assert_found(document, store, PLACES.get(suffix, "Second"), NOT_THERE.get(suffix, ()))


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_hidden_facts_of_a_scanned_page_are_found_on_it(tmp_path: Path, store: Store) -> None:
    source, scanned = write_pdf_facts(tmp_path / "facts.pdf"), tmp_path / "page.pdf"
    picture = pypdfium2.PdfDocument(source)[1].render(scale=200 / 72).to_pil()
    picture.save(scanned, "PDF", resolution=200)
    with pikepdf.open(source, allow_overwriting_input=True) as pdf, pikepdf.open(scanned) as page:
        pdf.pages[1] = page.pages[0]
        pdf.save(source)
    document = load(source, recognition=Recognition(engine="tesseract", folder=tmp_path / "recognised"))
    assert document.recognised_pages == 1
    # An empty field draws nothing, and a raised figure is a figure to text recognition.
    assert_found(document, store, "2", ("form", "formula"))


@pytest.mark.parametrize(("text", "page"), [(90, 90), (0, 180), (180, 0), (270, 270)])
def test_hidden_facts_of_a_turned_page_are_found_on_it(tmp_path: Path, store: Store, text: int, page: int) -> None:
    source = write_pdf_facts(tmp_path / "facts.pdf")
    turns = {0: "1 0 0 1 0 0", 90: "0 1 -1 0 792 0", 180: "-1 0 0 -1 612 792", 270: "0 -1 1 0 0 792"}
    with pikepdf.open(source, allow_overwriting_input=True) as pdf:
        turned = pdf.pages[1].obj
        content = turned.Contents.read_bytes()
        turned.Contents = pdf.make_stream(f"q {turns[text]} cm ".encode() + content + b" Q")
        turned.Rotate = page
        turned.MediaBox = [0, 0, 792, 792]
        del turned["/Annots"]
        pdf.save(source)
    assert_found(load(source), store, "2", ("form",))
