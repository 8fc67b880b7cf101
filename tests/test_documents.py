"""Files become documents whose pages tile their text, or one clear sentence."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pypdf
import pytest
from helpers.documents import PROSE, assert_tiles, slow_pdf, write_crowded_pdf, write_pdf
from pypdf.generic import DecodedStreamObject, NameObject, StreamObject

from reader.documents import FORMATS, PARSER_VERSIONS, Document, Page, load
from reader.documents.isolation import Limits, parse_isolated
from reader.errors import DocumentError

# --- text


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
)
def test_the_same_text_in_any_encoding_is_the_same_document(tmp_path: Path, encoding: str) -> None:
    text = "Le café fermé où l’été dernier, déjà, nous étions allés — « à bientôt » — n’a pas rouvert.\n" * 40
    (tmp_path / "été.txt").write_bytes(text.encode(encoding))
    document = load(tmp_path / "été.txt")
    assert document.text == text
    assert (document.title, document.file_name, document.format) == ("été", "été.txt", "text")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Смотритель маяка медленно поднялся по лестнице и зажёг лампу. Никто в гавани не видел письма."),
        ("shift_jis", "灯台守は階段をゆっくりと登り、ランプに火を灯した。その夜、港では誰も手紙を見なかった。"),
        ("latin-1", "Der Leuchtturmwärter zündete die Lampe an und schrieb ins Buch, daß die See überall ruhig sei."),
        ("utf-16-le", "灯台守は階段をゆっくりと登り、ランプに火を灯した。\nその夜、港では誰も手紙を見なかった。\n"),
        ("utf-16-be", "Смотритель маяка медленно поднялся по лестнице и зажёг лампу. Никто в гавани не видел."),
        ("cp1250", "Latarnik powoli wszedł po schodach, zapalił lampę i zapisał w księdze, że morze jest spokojne."),
        ("latin-1", "El capitán llegó mañana. ¿Qué pasó?"),
        ("latin-1", "¿Dónde está? Está allí."),
        ("cp1250", "Dzień dobry. Że co? Żaden koń nie był w Gdańsku."),
        ("iso-8859-2", "Dzień dobry. Że co? Żaden koń nie był w Gdańsku."),
        ("cp1252", "“The keeper’s naïve café,” he wrote—‘calm’—and went down to the harbour, where nobody had slept."),
    ],
)
def test_a_legacy_encoding_is_guessed(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert load(tmp_path / "a.txt").text == text


def test_one_accent_in_a_long_english_book_is_read_right(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes((PROSE * 2000 + "\ncafé").encode("latin-1"))
    assert load(tmp_path / "a.txt").text.endswith("\ncafé")


def test_line_ends_become_one_kind_and_controls_vanish(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(("one\r\ntwo\rthree\n\x07four \x1b" + PROSE * 9).encode())
    assert load(tmp_path / "a.txt").text == "one\ntwo\nthree\nfour " + PROSE * 9


def test_made_up_pages_tile_the_text_and_end_between_words(tmp_path: Path) -> None:
    text = "".join(PROSE * (1 + n % 7) + ("\n\n" if n % 3 else "\n") for n in range(200))
    (tmp_path / "a.txt").write_text(text)
    document = load(tmp_path / "a.txt")
    assert document.text == text
    assert_tiles(document)
    assert [page.label for page in document.pages] == [str(n) for n in range(1, len(document.pages) + 1)]
    for page in document.pages[:-1]:
        assert 1500 <= page.end - page.start <= 2500
        assert text[page.end - 1].isspace()
        assert not text[page.end].isspace()


def test_a_word_longer_than_a_page_is_cut_and_a_short_one_never(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 10_000 + " " + ("y" * 499 + " ") * 20)
    document = load(tmp_path / "a.txt")
    assert_tiles(document)
    assert max(page.end - page.start for page in document.pages) <= 2500
    for page in document.pages[:-1]:
        assert document.text[page.end - 1] != "y"


def test_form_feeds_are_pages(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ftwo\n\f\fthree\f")
    document = load(tmp_path / "a.txt")
    assert_tiles(document)
    assert [document.text[page.start : page.end].strip() for page in document.pages] == ["one", "two", "", "three"]
    assert document.textless_pages == 1


def test_the_id_is_of_the_text_alone(tmp_path: Path) -> None:
    for name in ("a.txt", "b.md"):
        (tmp_path / name).write_text(PROSE)
    (tmp_path / "c.txt").write_text(PROSE + ".")
    a, b, c = (load(tmp_path / name) for name in ("a.txt", "b.md", "c.txt"))
    assert a.id == b.id != c.id
    assert len(a.id) == 64


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("\n# The *Lamp* #\n\n# Second\n", "The Lamp"),
        ("```sh\n# a comment\n```\n\n# Real\n", "Real"),
        ("## only a section\n", "my notes"),
    ],
)
def test_markdown_stays_as_written_and_is_titled_by_its_first_heading(tmp_path: Path, text: str, title: str) -> None:
    (tmp_path / "my_notes.markdown").write_text(text)
    document = load(tmp_path / "my_notes.markdown")
    assert (document.text, document.title, document.format) == (text, title, "markdown")


# --- PDF


def test_a_pdf_keeps_its_pages_labels_and_title(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["First line\nsecond line", "", "Third page"], title="The Lamp", labels="/r")
    document = load(path)
    assert_tiles(document)
    assert [page.label for page in document.pages] == ["i", "ii", "iii"]
    assert document.text[: document.pages[0].end].split() == ["First", "line", "second", "line"]
    assert (document.title, document.textless_pages) == ("The Lamp", 1)
    assert document.page_at(document.text.index("Third")).number == 3


@pytest.mark.parametrize("title", ["Microsoft Word - ", "report.doc", "untitled", "x", "\u202e\u0000"])
def test_a_title_that_nobody_wrote_is_not_shown(tmp_path: Path, title: str) -> None:
    assert load(write_pdf(tmp_path / "my_report.pdf", ["text"], title=title)).title == "my report"


def test_a_password_opens_an_encrypted_pdf(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["secret"], password="open")
    assert load(path, password="open").text.strip() == "secret"
    with pytest.raises(DocumentError, match=r"'a\.pdf' is protected by a password"):
        load(path)
    with pytest.raises(DocumentError, match=r"password does not open 'a\.pdf'"):
        load(path, password="shut")


def test_a_page_is_labelled_with_its_chapter(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["front", "one", "more", "two"], labels="/r")
    writer = pypdf.PdfWriter(clone_from=path)
    book = writer.add_outline_item("The whole book", 0)
    writer.add_outline_item("Chapter  One", 1, parent=book)
    writer.add_outline_item("Chapter Two", 3, parent=book)
    writer.write(path)
    assert [page.label for page in load(path).pages] == [
        "i",
        "ii — Chapter One",
        "iii — Chapter One",
        "iv — Chapter Two",
    ]


def test_a_page_is_labelled_with_all_chapters_that_begin_on_it(tmp_path: Path) -> None:
    labels = [page.label for page in load(write_crowded_pdf(tmp_path / "a.pdf")).pages]
    assert labels == ["1 — Calm", "2 — The Letter · The Lamp · Hidden - Words", "3 — End"]
    writer = pypdf.PdfWriter(clone_from=write_pdf(tmp_path / "b.pdf", ["one", "two"]))
    for number in range(40):
        writer.add_outline_item(f"Chapter {number}", 0)
    writer.write(tmp_path / "b.pdf")
    one, two = load(tmp_path / "b.pdf").pages
    assert len(one.label) < 200
    assert one.label.endswith("· Chapter 38 · Chapter 39")
    assert two.label == "2 — Chapter 39"


def test_a_word_split_at_a_lines_end_is_one_word(tmp_path: Path) -> None:
    text = load(write_pdf(tmp_path / "a.pdf", ["He was pre-\ncisely right\nabout the IEEE-\nNorm."])).text
    assert "precisely right" in text
    assert "IEEE-\nNorm." in text


def test_a_compound_keeps_its_hyphen_at_a_lines_end(tmp_path: Path) -> None:
    pages = [
        "A floating-point number is a non-\nnormal one, and the FAA-\napproved F-\nscore is normal.",
        "The floating-\npoint unit, the co-\npyright and co-operation; the co-\noperation ended.",
        "Cooperation is not co-\noperation here. The CO-\nBRA rules, the COBRA of the FAA-\nEASA office.",
    ]
    text = load(write_pdf(tmp_path / "a.pdf", pages)).text
    assert "nonnormal" in text  # no page so far writes it otherwise
    assert "FAA-\napproved F-\nscore" in text
    assert "floating-\npoint unit" in text
    assert "copyright" in text
    assert "the co-\noperation ended" in text
    assert "not cooperation here" in text  # which page 3 itself writes as one word
    assert "The COBRA rules, the COBRA of the FAA-\nEASA office" in text


def test_a_notes_number_stays_apart_from_its_first_word(tmp_path: Path) -> None:
    content = (
        b"BT /F1 10 Tf 1 0 0 1 72 700 Tm (The reports agree.) Tj /F1 6 Tf 1 0 0 1 156 704 Tm (12) Tj"
        b" /F1 6 Tf 1 0 0 1 72 103 Tm (12) Tj /F1 9 Tf 1 0 0 1 79 100 Tm (The second of them.) Tj"
        b" /F1 9 Tf 1 0 0 1 72 88 Tm (3d-cube is no note.) Tj 1 0 0 1 72 76 Tm (2nd of May) Tj ET"
    )
    text = load(write_pdf(tmp_path / "a.pdf", [content])).text
    assert "The reports agree.[12]" in text
    assert "[12] The second of them." in text
    assert "3d-cube is no note." in text
    assert "2nd of May" in text


def test_characters_beyond_16_bits_survive(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["CABC"])
    writer = pypdf.PdfWriter(clone_from=path)
    names = DecodedStreamObject()
    names.set_data(
        b"begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
        b"3 beginbfchar <41> <D83DDE00> <42> <D840DC0B> <43> <0041> endbfchar endcmap"
    )
    font = writer.pages[0]["/Resources"]["/Font"]["/F1"]  # type: ignore[index]
    font[NameObject("/ToUnicode")] = writer._add_object(names)
    writer.write(path)
    assert load(path).text == "A😀𠀋A\n\n"


def test_letters_that_the_font_does_not_name_are_no_text(tmp_path: Path) -> None:
    codes = b"BT /F1 12 Tf 50 700 Td <0405060407080c0b0a> Tj ET"
    document = load(write_pdf(tmp_path / "a.pdf", ["text", codes]))
    assert (document.text.strip(), document.textless_pages) == ("text", 1)


def test_pypdf_reads_what_pdfium_will_not_open(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "my_file.pdf", ["one", "two"])
    path.write_bytes(path.read_bytes().replace(b"%PDF-1", b"%XYZ-1"))
    document = load(path)
    assert (document.text.split(), document.title) == (["one", "two"], "my file")


def test_one_bad_page_does_not_cost_the_others(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["good", "bad", "also good"])
    writer = pypdf.PdfWriter(clone_from=path)
    writer.pages[1][NameObject("/Contents")] = NameObject("/Nonsense")
    writer.write(path)
    document = load(path)
    assert (len(document.pages), document.textless_pages, document.text.split()) == (3, 1, ["good", "also", "good"])


# --- refusals


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.txt", b"", "is empty"),
        ("blank.txt", b" \n\f\n ", "has no text"),
        ("photo.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 50, "is not text"),
        ("noise.txt", bytes(range(1, 256)) * 40, "is not text"),
        ("book.mobi", b"BOOKMOBI", "is no MOBI book"),
        ("book.fb2", b"<FictionBook/>", r"of a kind that cannot be read \(.fb2\)"),
        ("README", b"text", "no suffix"),
        ("junk.epub", b"not a zip", "is damaged or not an EPUB file"),
        ("old.docx", bytes.fromhex("d0cf11e0a1b11ae1") + b"old" * 99, "protected by a password or of an old kind"),
        ("photo.html", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 50, "is not HTML"),
        ("blank.html", b"<html><body><script>1</script></body></html>", "has no text"),
        ("text.rtf", b"only text", "is damaged or not an RTF file"),
        ("junk.pdf", b"%PDF-1.7\nnothing else", "is damaged or not a PDF"),
        ("text.pdf", b"only text", "is damaged or not a PDF"),
    ],
)
def test_what_is_no_document_is_refused_in_one_sentence(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DocumentError, match=reason) as refusal:
        load(tmp_path / name)
    message = str(refusal.value)
    assert repr(name) in message
    assert "\n" not in message
    assert message.endswith(".")
    assert refusal.value.exit_status == 2


def test_no_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    for path, reason in (("none.txt", "does not exist"), ("", "is a folder"), ("pipe.txt", "is not a regular file")):
        with pytest.raises(DocumentError, match=reason):
            load(tmp_path / path)


def test_a_pdf_of_images_is_told_to_be_recognised_first(tmp_path: Path) -> None:
    picture = b"q 99 0 0 99 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \x80 EI Q"
    path = write_pdf(tmp_path / "scan.pdf", [picture, b""])
    with pytest.raises(
        DocumentError, match=r"'scan\.pdf' looks scanned, with no text layer \(2 pages of images\): run .*OCR"
    ):
        load(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(PROSE)
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(DocumentError, match="cannot be read"):
        load(tmp_path / "a.txt")


@pytest.mark.parametrize("spans", [[], [(0, 3)], [(0, 2), (3, 4)], [(1, 4)], [(0, 5)], [(0, 3), (3, 2), (2, 4)]])
def test_pages_that_do_not_tile_the_text_make_no_document(spans: list[tuple[int, int]]) -> None:
    pages = tuple(Page(number, str(number), *span) for number, span in enumerate(spans, start=1))
    with pytest.raises(DocumentError):
        Document("text", pages, "title", "a.txt", "text", 0)


def test_a_character_outside_the_text_is_on_no_page() -> None:
    document = Document("text", (Page(1, "1", 0, 4),), "title", "a.txt", "text", 0)
    assert document.page_at(3).number == 1
    for char in (-1, 4):
        with pytest.raises(IndexError):
            document.page_at(char)


# --- isolation


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(pages=3), "3 pages"),
        (Limits(chars=5000), "5,000 characters"),
        (Limits(file_bytes=1 << 20), "1 MiB a file"),
        (Limits(memory_bytes=4 << 20), "4 MiB of memory"),
        (Limits(wall_seconds=0.01), "0.01 seconds"),
    ],
)
def test_a_limit_is_named_when_it_is_met(tmp_path: Path, limits: Limits, reason: str) -> None:
    (tmp_path / "a.txt").write_text(PROSE * 80_000)
    with pytest.raises(DocumentError, match=rf"'a\.txt' needs more than {reason}"):
        parse_isolated(tmp_path / "a.txt", "text", limits=limits)


def test_a_file_that_takes_forever_is_given_up(tmp_path: Path) -> None:
    path, started = slow_pdf(tmp_path / "slow.pdf"), time.monotonic()
    with pytest.raises(DocumentError, match=r"'slow\.pdf' needs more than 1 seconds of processor time"):
        parse_isolated(path, "pdf", limits=Limits(cpu_seconds=1))
    assert time.monotonic() - started < 60


def test_a_bomb_ends_within_its_memory(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "bomb.pdf", ["text"])
    writer = pypdf.PdfWriter(clone_from=path)
    bomb = StreamObject()
    bomb._data = zlib.compress(b" " * (600 << 20), 9)
    bomb[NameObject("/Filter")] = NameObject("/FlateDecode")
    writer.pages[0][NameObject("/Contents")] = writer._add_object(bomb)
    writer.write(path)
    with pytest.raises(DocumentError, match=r"'bomb\.pdf'"):
        parse_isolated(path, "pdf", limits=Limits(memory_bytes=256 << 20))


def test_an_interrupt_takes_the_child_with_it(tmp_path: Path) -> None:
    path = slow_pdf(tmp_path / "slow.pdf")
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            load(path)
    finally:
        signal.signal(signal.SIGALRM, previous)
    command = ["ps", "-o", "args=", "--ppid", str(os.getpid())]
    deadline = time.monotonic() + 1  # a killed process is seen until the kernel has freed its memory
    while "reader.documents" in (running := subprocess.check_output(command, text=True)):
        assert time.monotonic() < deadline, running


def test_nothing_is_written_on_the_screen(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "junk.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\ntrailer\n<< /Root 1 0 R >>\n%%EOF")
    with pytest.raises(DocumentError):
        load(tmp_path / "junk.pdf")
    assert capfd.readouterr() == ("", "")


def test_documents_cost_no_model_library() -> None:
    code = "import sys, reader.documents; print(sorted({'torch', 'transformers', 'pypdf', 'pypdfium2', 'lxml'} & set(sys.modules)))"
    root = Path(__file__).parents[1]
    assert subprocess.check_output([sys.executable, "-c", code], cwd=root, text=True).strip() == "[]"


def test_every_format_has_a_parser() -> None:
    for suffix, name in FORMATS.items():
        assert suffix == suffix.lower()
        assert callable(importlib.import_module(f"reader.documents.{name}").parse)
    assert set(PARSER_VERSIONS) == set(FORMATS.values())


def test_a_document_has_its_own_formats_version(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The keeper lit the lamp.")
    for path in (write_pdf(tmp_path / "a.pdf", [PROSE]), tmp_path / "a.txt"):
        document = load(path)
        assert document.parser_version == PARSER_VERSIONS[document.format]
