"""Authors whom only a file's properties name: found in each format, kept with the document, and no part of its text."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest
from helpers.documents import make_document
from helpers.formats import p, write_docx, write_epub, write_zip, xhtml

from reader.documents import load
from reader.documents.authors import authors
from reader.reading import add_document, stored_document
from storage import Store, text_id

CORE = '<cp:p xmlns:cp="c" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>{}</dc:creator></cp:p>'


@pytest.mark.parametrize(
    ("property_", "names"),
    [
        ("Ada Oke", ("Ada Oke",)),
        ("Oke, Ada", ("Ada Oke",)),
        ("Ada Oke; Nell van der Varley", ("Ada Oke", "Nell van der Varley")),
        ("Ada Oke and Dr. Nell Varley", ("Ada Oke", "Dr. Nell Varley")),
        ("Bundesministerium des Innern", ("Bundesministerium des Innern",)),
        ("admin", ()),
        ("Microsoft Office User", ()),
        ("ARRAY(0x2c7cf020)", ()),
        ("SE:W:CAR:MP", ()),
        ("", ()),
    ],
)
def test_a_word_file_names_its_author(property_: str, names: tuple[str, ...], tmp_path: Path) -> None:
    path = write_docx(tmp_path / "a.docx", p("The mill is old."), {"docProps/core.xml": CORE.format(property_)})
    document = load(path)
    assert document.authors == names
    assert document.id == load(write_docx(tmp_path / "b.docx", p("The mill is old."))).id


def test_a_book_a_page_and_a_pdf_name_theirs(tmp_path: Path) -> None:
    book = write_epub(tmp_path / "a.epub", {"a.xhtml": xhtml("<p>The mill is old.</p>")})
    with zipfile.ZipFile(book) as archive:
        members: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    creator = b'<dc:creator role="aut">Ada Oke</dc:creator><dc:creator role="ill">Nell Varley</dc:creator></metadata>'
    package = members["OPS/book.opf"]
    assert isinstance(package, bytes)
    write_zip(book, members | {"OPS/book.opf": package.replace(b"</metadata>", creator)})
    assert load(book).authors == ("Ada Oke",)
    page = tmp_path / "a.html"
    page.write_text(
        '<html><head><meta name="Author" content="Ada Oke"></head><body><p>The mill is old.</p></body></html>'
    )
    assert load(page).authors == ("Ada Oke",)
    pdf = tmp_path / "a.pdf"
    writer = pypdf.PdfWriter()
    writer.add_blank_page(72, 72)
    writer.add_metadata({"/Author": "Ada Oke"})
    writer.write(pdf)
    assert authors(pdf, "pdf", None) == ("Ada Oke",)


def test_a_damaged_file_and_a_plain_text_name_nobody(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(b"PK\3\4 nothing")
    assert authors(path, "docx", None) == ()
    assert authors(path, "text", None) == ()


def test_the_library_keeps_them_beside_the_document(store: Store) -> None:
    document = replace(make_document(60), authors=("Ada Oke", "Nell Varley"))
    add_document(document, store)
    assert stored_document(store, document.id).authors == ("Ada Oke", "Nell Varley")
    assert stored_document(store, document.id, "").authors == ("Ada Oke", "Nell Varley")


def test_a_document_that_was_added_without_them_gets_them_when_it_is_added_again(store: Store) -> None:
    fields = {"title": "T", "file_name": "t.txt", "format": "text", "pages": [("1", "The same text.")]}
    key = text_id(b"The same text.")
    assert store.add_document(key, **fields).authors == ()
    content = store.document_file(key).read_bytes()
    assert store.add_document(key, **fields, authors=["Ada Oke"]).authors == ("Ada Oke",)
    assert store.add_document(key, **fields, authors=["Nell Varley"]).authors == ("Ada Oke",)
    assert store.document_file(key).read_bytes() == content
