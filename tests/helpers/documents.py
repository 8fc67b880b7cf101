"""Documents made for tests."""

from __future__ import annotations

import html
import itertools
from pathlib import Path

import pypdf
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, StreamObject

from reader.documents import Document, Page, load

WORDS = "The keeper walked to the harbour at 19:45 and wrote in the book what the baker had said about the lamp. "

TITLE = '<img src=x onerror="window.hacked=1"> & the keeper'
"""A title that must be shown as it is written, and never as a picture."""


def write_book(file: Path, paragraphs: int, title: str = TITLE) -> Path:
    """A document of some hundred characters a paragraph, no two of them alike; marks in its title are written as Markdown asks."""
    file.write_text(
        f"# {html.escape(title, quote=False)}\n\n" + "".join(f"[{number}] {WORDS}\n\n" for number in range(paragraphs))
    )
    return file


def make_document(words: int, title: str = "A document") -> Document:
    """A document of that many words on pages of 50, each page beginning with its number."""
    stream = (WORDS * (words // len(WORDS.split()) + 1)).split()[:words]
    pages, text = [], ""
    for number, start in enumerate(range(0, words, 50), start=1):
        part = f"[{number}] " + " ".join(stream[start : start + 50]) + "\n"
        pages.append(Page(number, str(number), len(text), len(text) + len(part)))
        text += part
    return Document(text, tuple(pages), title, "a.txt", "text", 0)


def one_page(text: str, title: str) -> Document:
    """A text as a document of one page."""
    return Document(text, (Page(1, "1", 0, len(text)),), title, "a.txt", "text", 0)


FACT = "The grey cat of the miller is called Zebedee and sleeps in the oven."
QUESTION_ABOUT_FACT = "What is the miller's cat called?"
FACT_PAGE = 5


def hide(fact: str = FACT, page: int = FACT_PAGE, pages: int = 8, title: str = "A document") -> Document:
    """A document of pages that say the same, one of which says something more."""
    texts = [f"[{number}] " + WORDS * 6 for number in range(1, pages + 1)]
    texts[page - 1] = f"[{page}] " + WORDS * 3 + fact + " " + WORDS * 3
    ends = list(itertools.accumulate(map(len, texts)))
    starts = [0, *ends[:-1]]
    marked = tuple(
        Page(n, f"p{n}", start, end) for n, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
    )
    return Document("".join(texts), marked, title, "a.txt", "text", 0)


PROSE = "The keeper lit the lamp at 19:45, and the sea was calm. Nobody in the harbour saw the letter that night. "


def write_pdf(path: Path, pages: list[str | bytes], *, title: str = "", password: str = "", labels: str = "") -> Path:
    """Write a PDF: a page's str is shown line by line, its bytes are the content stream itself."""
    writer = pypdf.PdfWriter()
    font = DictionaryObject(
        {
            NameObject(k): NameObject(v)
            for k, v in {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}.items()
        }
    )
    for content in pages:
        page = writer.add_blank_page(612, 792)
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream: StreamObject = DecodedStreamObject()
        if isinstance(content, str):
            shown = b"".join(b"(%s) Tj 0 -14 Td " % line.encode("latin-1") for line in content.split("\n") if line)
            content = b"BT /F1 12 Tf 50 700 Td " + shown + b"ET"
        stream.set_data(content)
        page[NameObject("/Contents")] = writer._add_object(stream)
    if title:
        writer.add_metadata({"/Title": title})
    if labels:
        writer.set_page_label(0, len(pages) - 1, style=labels)
    if password:
        writer.encrypt(password, algorithm="AES-256")
    writer.write(path)
    return path


def write_outlined_pdf(path: Path) -> Path:
    """A PDF of six pages, the first numbered i, with an outline of two chapters over several pages and an index."""
    texts = [
        "The title page.",
        "The sea was calm.",
        "The keeper slept.",
        "A letter came.",
        "Nobody read it.",
        "Letter, 4",
    ]
    writer = pypdf.PdfWriter(clone_from=write_pdf(path, texts, title="The Tide"))
    writer.set_page_label(0, 0, style="/r")
    writer.set_page_label(1, 5, style="/D")
    book = writer.add_outline_item("The whole book", 0)
    for title, index in (("Calm", 1), ("The Letter", 3), ("Index", 5)):
        writer.add_outline_item(title, index, parent=book)
    writer.write(path)
    return path


def write_crowded_pdf(path: Path) -> Path:
    """A PDF of three pages with an outline of five chapters, three of which begin on the second page."""
    texts = ["Calm\nThe sea was calm.", "It was late.\nThe Letter\nIt came.\nThe Lamp\nIt burnt.", "It went on."]
    writer = pypdf.PdfWriter(clone_from=write_pdf(path, texts))
    for title, index in (("Calm", 0), ("The Letter", 1), ("The Lamp", 1), ("Hidden · Words", 1), ("End", 2)):
        writer.add_outline_item(title, index)
    writer.write(path)
    return path


def assert_tiles(document: Document) -> None:
    assert "".join(document.text[page.start : page.end] for page in document.pages) == document.text
    for page in document.pages:
        if page.start < page.end:
            assert document.page_at(page.start) == document.page_at(page.end - 1) == page
    document.text.encode()
    assert not set(document.text) & set("\0\r\f\x0b")


def slow_pdf(path: Path) -> Path:
    return write_pdf(path, [b"BT /F1 12 Tf " + b"(a) Tj 1 2 Td " * 2_000_000 + b"ET"])


def text_file(folder: Path, text: str = "One. " + WORDS) -> Path:
    file = folder / "a.txt"
    file.write_text(text)
    return file


TEXTS = ("The rent is 500 and due on Monday.", "The deposit is 900 and due at once.")
RED, BLUE = ((f"{colour} rg 0 0 612 300 re f 0 0 0 rg ".encode()) for colour in ("1 0 0", "0 0 1"))


def painted_pdf(path: Path, paint: bytes = b"", title: str = "", labels: str = "") -> Path:
    """A PDF of two pages with a colour at the foot of each, which its text does not show."""
    pages = [paint + b"BT /F1 12 Tf 50 700 Td (" + text.encode() + b") Tj ET" for text in TEXTS]
    return write_pdf(path, pages, title=title, labels=labels)  # type: ignore[arg-type]


def same_text(path: Path) -> Path:
    """A plain text file with the same text as those PDFs."""
    path.write_text(load(painted_pdf(path.with_suffix(".pdf"))).text)
    return path


def foot(jpeg: bytes) -> tuple[bool, ...]:
    """Whether the foot of a picture is bright in red, green and blue."""
    import io

    from PIL import Image

    picture = Image.open(io.BytesIO(jpeg)).convert("RGB")
    return tuple(value > 128 for value in picture.getpixel((picture.width // 2, picture.height - 20)))  # type: ignore[union-attr]
