"""One-page PDFs made for tests, object by object."""

from __future__ import annotations

from pathlib import Path

import pypdf
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
)

from reader.documents import Document, load


def words(document: Document) -> str:
    return " ".join(document.text.split())


def name(value: str) -> NameObject:
    return NameObject(f"/{value}")


def dictionary(**entries: object) -> DictionaryObject:
    return DictionaryObject({name(key): value for key, value in entries.items()})


class Made:
    """A one-page PDF in the making."""

    def __init__(self, content: bytes = b"", **resources: object) -> None:
        self.writer = pypdf.PdfWriter()
        self.page = self.writer.add_blank_page(400, 400)
        font = dictionary(Type=name("Font"), Subtype=name("Type1"), BaseFont=name("Helvetica"))
        font[name("Encoding")] = name("WinAnsiEncoding")
        self.page[name("Resources")] = dictionary(Font=dictionary(F1=font), **resources)
        stream = DecodedStreamObject()
        stream.set_data(content)
        self.page[name("Contents")] = self.writer._add_object(stream)
        self.page[name("Annots")] = ArrayObject()

    def add(self, box: tuple[int, int, int, int], subtype: str = "Widget", **entries: object) -> DictionaryObject:
        rect = ArrayObject(FloatObject(corner) for corner in box)
        made = dictionary(Type=name("Annot"), Subtype=name(subtype), Rect=rect, **entries)
        self.page[name("Annots")].append(self.writer._add_object(made))
        return made

    def text(self, tmp_path: Path) -> str:
        path = tmp_path / "made.pdf"
        self.writer.write(path)
        return words(load(path))


def shown(*lines: tuple[int, int, str]) -> bytes:
    return b"".join(b"BT /F1 10 Tf 1 0 0 1 %d %d Tm (%s) Tj ET " % (x, y, t.encode("latin-1")) for x, y, t in lines)
