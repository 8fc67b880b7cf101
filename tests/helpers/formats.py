"""Files of the formats that documents come in, written by hand."""

from __future__ import annotations

import zipfile
from pathlib import Path

from helpers.documents import assert_tiles
from reader.documents import Document

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'


def xhtml(body: str, head: str = "") -> str:
    return (
        '<?xml version="1.0"?>'
        f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>no text</title>{head}</head><body>{body}</body></html>'
    )


def write_zip(path: Path, members: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_epub(
    path: Path,
    chapters: dict[str, str],
    *,
    contents: str = "",
    more: dict[str, str | bytes] | None = None,
    spine: str = "",
) -> Path:
    """Write an EPUB 3: chapters by file name in reading order, the contents list as links, other members."""
    items = "".join(
        f'<item id="c{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(chapters)
    )
    refs = spine or "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    package = (
        '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>The Lamp</dc:title></metadata><manifest>'
        f'<item id="nav" properties="nav" href="nav.xhtml" media-type="application/xhtml+xml"/>{items}</manifest>'
        f"<spine>{refs}</spine></package>"
    )
    nav = xhtml(f'<nav xmlns:epub="http://www.idpf.org/2007/ops" epub:type="toc">{contents}</nav>')
    members: dict[str, str | bytes] = {
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": package,
        "OPS/nav.xhtml": nav,
    }
    members |= {f"OPS/{name}": content for name, content in chapters.items()}
    return write_zip(path, members | (more or {}))


def write_docx(path: Path, body: str, more: dict[str, str | bytes] | None = None, doctype: str = "") -> Path:
    names = 'xmlns:w="w" xmlns:m="m" xmlns:mc="mc"'
    styles = (
        '<w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
        '<w:style w:styleId="Mine"><w:basedOn w:val="H1"/></w:style>'
    )
    members: dict[str, str | bytes] = {
        "_rels/.rels": '<r><Relationship Type="x/officeDocument" Target="word/document.xml"/></r>',
        "word/document.xml": f"{doctype}<w:document {names}><w:body>{body}</w:body></w:document>",
        "word/styles.xml": f"<w:styles {names}>{styles}</w:styles>",
    }
    return write_zip(path, members | (more or {}))


def p(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def pages(document: Document) -> list[tuple[str, str]]:
    assert_tiles(document)
    return [(page.label, document.text[page.start : page.end].strip()) for page in document.pages]


NAMES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
)


def write_odt(path: Path, body: str, styles: str = "") -> Path:
    content = (
        f"<office:document-content {NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    return write_zip(path, {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})
