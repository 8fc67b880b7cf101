"""Kindle books, written byte by byte: each compression of the text, its trailing entries, and the files that are refused."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import pytest

from reader.documents import load, mobi
from reader.errors import DocumentError

PARAGRAPH = "<p>The keeper walked to the harbour — 19:45 — and wrote “späte Ebbe” in the book of the harbour.</p>"
CHAPTERS = f"<h1>First</h1>{PARAGRAPH * 60}<mbp:pagebreak/><h1>Second</h1>{PARAGRAPH * 60}"
BOOK = f"<html><head><guide/></head><body>{CHAPTERS}</body></html>"
SENTENCE = "The keeper walked to the harbour — 19:45 — and wrote “späte Ebbe” in the book of the harbour."
UNPACKED, PALMDOC, HUFF_CDIC = 1, 2, 17480
NOTHING = 0xFFFFFFFF


def pack_palmdoc(text: bytes) -> bytes:
    """Pack with copies, spaces that are joined to letters, and runs of raw bytes."""
    out, at = bytearray(), 0
    while at < len(text):
        found = next(
            (
                (length, distance)
                for length in range(min(10, len(text) - at), 2, -1)
                if 0 < (distance := at - text.rfind(text[at : at + length], max(0, at - 2047), at + length - 1)) <= 2047
                and distance <= at
            ),
            None,
        )
        if found:
            out += struct.pack(">H", 0x8000 | found[1] << 3 | found[0] - 3)
            at += found[0]
        elif text[at] == 0x20 and at + 1 < len(text) and 0x40 <= text[at + 1] < 0x80:
            out.append(text[at + 1] ^ 0x80)
            at += 2
        elif 0 < text[at] <= 8 or text[at] >= 0x80:
            out += bytes((1, text[at]))
            at += 1
        else:
            out.append(text[at])
            at += 1
    return bytes(out)


WORDS = [b"harbour", b"keeper ", b"<p>", b"</p>"]


def huffman_bits(text: bytes) -> str:
    """Codes of 9 bits for bytes, of 8 bits, which begin with 1, for words."""
    bits, at = "", 0
    while at < len(text):
        word = next((word for word in WORDS if text.startswith(word, at)), None)
        bits += f"{0xFF - WORDS.index(word):08b}" if word else f"{0xFF - text[at]:09b}"
        at += len(word) if word else 1
    return bits


def packed_bits(bits: str) -> bytes:
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def huff_record() -> bytes:
    # A byte below 0x80 begins a code longer than 8 bits: the smallest of 8 bits is out of reach, those of 9 are 0 to 255.
    short = [8] * 128 + [(0xFF + 256) << 8 | 0x80 | 8] * 128
    long = [0x1FF, 0] * 8 + [0, 255] + [0, 0] * 23
    return b"HUFF" + struct.pack(">LLLLL", 24, 24, 24 + 1024, 0, 0) + struct.pack(">256L64L", *short, *long)


def cdic_record(phrases: list[tuple[bytes, bool]], count: int) -> bytes:
    offsets, content = [], b""
    for phrase, is_plain in phrases:
        offsets.append(2 * len(phrases) + len(content))
        content += struct.pack(">H", len(phrase) | is_plain << 15) + phrase
    return b"CDIC" + struct.pack(">LLL", 16, count, 8) + struct.pack(f">{len(offsets)}H", *offsets) + content


def huffman_records(words: list[tuple[bytes, bool]]) -> list[bytes]:
    single = [(bytes((byte,)), True) for byte in range(256)]
    count = 256 + len(words)
    return [huff_record(), cdic_record(single, count), cdic_record(words, count)]


def plain_words() -> list[tuple[bytes, bool]]:
    # The second word is packed itself, by the codes of its bytes: "keeper " of nine bits a byte.
    packed = packed_bits("".join(f"{0xFF - byte:09b}" for byte in WORDS[1]))
    return [(WORDS[0], True), (packed, False), *((word, True) for word in WORDS[2:])]


def database(path: Path, records: list[bytes], kind: bytes = b"BOOKMOBI", name: bytes = b"a_book") -> Path:
    starts, at = [], 78 + 8 * len(records) + 2
    for record in records:
        starts.append(at)
        at += len(record)
    head = name.ljust(32, b"\0") + bytes(28) + kind + bytes(8) + struct.pack(">H", len(records))
    table = b"".join(struct.pack(">LL", start, number) for number, start in enumerate(starts))
    path.write_bytes(head + table + bytes(2) + b"".join(records))
    return path


def write_mobi(
    path: Path,
    text: bytes,
    *,
    compression: int = UNPACKED,
    encryption: int = 0,
    encoding: int = 65001,
    version: int = 6,
    trailing: bool = False,
    flow_bytes: int | None = None,
    title: str = "",
    huffman: list[bytes] | None = None,
) -> Path:
    """Write a book with records of 4096 bytes; `flow_bytes` are those of the text in front of style sheets."""
    cuts = [*range(0, len(text), 4096), len(text)]
    pieces = [text[start:end] for start, end in pairwise(cuts)]
    if compression == PALMDOC:
        pieces = [pack_palmdoc(piece) for piece in pieces]
    if compression == HUFF_CDIC:
        pieces = [packed_bits(huffman_bits(piece)) for piece in pieces]
    if trailing:  # first the rest of a letter, then two entries, the last of which says its size in two bytes
        pieces = [piece + b"\xc3\x01" + b"ab\x83" + b"x" * 200 + b"\x81\x4a" for piece in pieces]
    huffman = huffman if huffman is not None else huffman_records(plain_words())
    flows = b"FDST" + struct.pack(">LL", 12, 2) + struct.pack(">LLLL", 0, flow_bytes or 0, flow_bytes or 0, len(text))
    after = 1 + len(pieces)
    exth = b""
    if title:
        entry = struct.pack(">LL", 503, 8 + len(title.encode())) + title.encode()
        exth = b"EXTH" + struct.pack(">LL", 12 + 12 + len(entry), 2) + struct.pack(">LLL", 100, 12, 0) + entry
    header = bytearray(16 + 264)
    struct.pack_into(">HHLHHH", header, 0, compression, 0, len(text), len(pieces), 4096, encryption)
    struct.pack_into(">4s5L", header, 16, b"MOBI", 264, 2, encoding, 0, version)
    struct.pack_into(">LL", header, 84, len(header) + len(exth), len(b"The full name"))
    struct.pack_into(">LL", header, 112, after, len(huffman))
    struct.pack_into(">L", header, 192, after + len(huffman) if flow_bytes is not None else NOTHING)
    struct.pack_into(">H", header, 242, 7 if trailing else 0)
    return database(path, [bytes(header) + exth + b"The full name", *pieces, *huffman, flows])


@pytest.mark.parametrize("trailing", [False, True])
@pytest.mark.parametrize("compression", [UNPACKED, PALMDOC, HUFF_CDIC])
def test_a_book_is_read_however_it_is_packed(tmp_path: Path, compression: int, trailing: bool) -> None:
    document = load(
        write_mobi(
            tmp_path / "a.mobi", BOOK.encode(), compression=compression, trailing=trailing, title="The Light of Rødby"
        )
    )
    assert (document.title, document.format, document.file_name) == ("The Light of Rødby", "mobi", "a.mobi")
    assert document.text.count(SENTENCE) == 120
    assert document.pages[0].label == "First"
    assert "Second" in {page.label for page in document.pages}
    assert "\N{REPLACEMENT CHARACTER}" not in document.text


def test_packing_of_these_tests_packs() -> None:
    text = BOOK.encode()
    assert len(pack_palmdoc(text[:4096])) < 2048
    assert mobi._unpack_palmdoc(pack_palmdoc(text[:4096])) == text[:4096]
    assert mobi._unpack_palmdoc(b"\x20a\x80\x15") == b" a a a a a"  # a copy that overlaps itself


def test_the_full_name_is_the_title_of_a_book_without_another(tmp_path: Path) -> None:
    assert load(write_mobi(tmp_path / "a.azw", BOOK.encode())).title == "The full name"


def test_a_book_in_the_old_encoding(tmp_path: Path) -> None:
    file = write_mobi(tmp_path / "a.prc", BOOK.encode("cp1252"), encoding=1252, compression=PALMDOC)
    assert load(file).text.count(SENTENCE) == 120


def test_an_azw3_is_all_its_pages_without_its_style_sheets(tmp_path: Path) -> None:
    pages = [
        f"<?xml version='1.0'?><html><head><title>t</title></head><body><h1>{name}</h1></body></html><p>{name} text.</p>"
        for name in ("One", "Two", "Three")
    ]
    text = "".join(pages).encode()
    file = write_mobi(tmp_path / "a.azw3", text + b"p { color: red }", version=8, flow_bytes=len(text))
    document = load(file)
    assert " ".join(document.text.split()) == "One One text. Two Two text. Three Three text."
    assert [page.label for page in document.pages] == ["One", "Two", "Three"]


def test_a_palmdoc_file_is_plain_text(tmp_path: Path) -> None:
    text = ("A line of plain text.\n\n" * 100).encode()
    header = struct.pack(">HHLHHH", PALMDOC, 0, len(text), 1, 4096, 0) + bytes(2)
    document = load(database(tmp_path / "a.prc", [header, pack_palmdoc(text)], b"TEXtREAd", b"My_notes"))
    assert (document.title, document.text.count("A line of plain text.")) == ("My notes", 100)


@pytest.mark.parametrize("name", ["a.mobi", "a.txt", "a.pdb"])
def test_a_book_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    assert load(write_mobi(tmp_path / name, BOOK.encode())).format == "mobi"


def test_books_that_cannot_be_read_are_refused_in_one_sentence(tmp_path: Path) -> None:
    locked = r"^'a\.azw' is locked by digital rights management \(DRM\): [^.]*\.$"
    for encryption in (1, 2):
        with pytest.raises(DocumentError, match=locked):
            load(write_mobi(tmp_path / "a.azw", BOOK.encode(), encryption=encryption))
    for content, reason in (
        (b"\xeaDRMION\xee" + bytes(99), locked),
        (b"TPZ0" + bytes(99), "KFX and Topaz"),
        (b"CONT", "KFX"),
    ):
        (tmp_path / "a.azw").write_bytes(content)
        with pytest.raises(DocumentError, match=reason):
            load(tmp_path / "a.azw")


@pytest.mark.parametrize("compression", [PALMDOC, HUFF_CDIC])
def test_a_damaged_book_is_refused_or_read_and_nothing_else(tmp_path: Path, compression: int) -> None:
    whole = write_mobi(tmp_path / "a.mobi", BOOK.encode()[:3000], compression=compression, trailing=True).read_bytes()
    errors = []
    for at in [*range(60, 420), *range(420, len(whole), 37)]:
        for content in (whole[:at], whole[:at] + bytes((whole[at] ^ 0xFF,)) + whole[at + 1 :]):
            (tmp_path / "a.mobi").write_bytes(content)
            try:
                list(mobi.parse(tmp_path / "a.mobi", None)[1])
            except DocumentError as error:
                errors.append(str(error))
    assert len(errors) > 300
    assert [error for error in errors if not error.startswith("'a.mobi'")] == []


def test_phrases_that_unpack_each_other_are_refused(tmp_path: Path) -> None:
    # Each is the one before twice, so that the last of them is 2 ** 100 bytes; and one is made of itself.
    twice = [(b"xy", True), *((bytes((0xFF - number,)) * 2, False) for number in range(100))]
    for words, code in ((twice, 0xFF - 100), ([(b"\xff\xff", False)], 0xFF)):
        file = write_mobi(tmp_path / "a.mobi", b"", compression=UNPACKED)
        records = huffman_records(words)
        header = bytearray(file.read_bytes()[78 + 8 * 5 + 2 :][: 16 + 264])
        struct.pack_into(">HHLHHH", header, 0, HUFF_CDIC, 0, 1, 1, 4096, 0)
        struct.pack_into(">LL", header, 112, 2, len(records))
        database(file, [bytes(header), bytes((code,)) * 4, *records])
        with pytest.raises(DocumentError, match=r"damaged or not a MOBI|has no text"):
            load(file)


def test_a_book_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mobi, "_TEXT_BYTES", 8000)
    with pytest.raises(DocumentError, match=r"^'a\.mobi' needs more than .* of text: split it\.$"):
        mobi.parse(write_mobi(tmp_path / "a.mobi", BOOK.encode(), compression=PALMDOC), None)
