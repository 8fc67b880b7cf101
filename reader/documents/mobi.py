"""Kindle books without DRM: MOBI, AZW, AZW3 and PRC, and the PalmDOC files that they grew out of.

A file is a Palm database: record 0 is the header, the next ones hold the text in pieces, packed by PalmDOC's LZ77 or by
HUFF/CDIC. The text is HTML. Deliberately not here: the books' indexes (chapters are found by their headings), pictures,
DRM, and the other Kindle formats, Topaz and KFX. The fields are as the MobileRead wiki describes them (pages MOBI and PDB).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reader.documents.encodings import decode_bytes
from reader.documents.markup import Prose, write_html
from reader.documents.text import Parsed, chosen_title, drm_error, split_pages, split_sections
from reader.documents.trees import parse_html
from reader.errors import DocumentError

_KINDS = (b"BOOKMOBI", b"TEXtREAd")
_DATABASE_HEADER_BYTES = 78
_TEXT_BYTES = 200 << 20
"""The most text of a book, unpacked."""
_RECORD_TEXT_BYTES = 64 << 10
"""The most text of one record; books have 4 KiB."""
_MOST_PHRASES = 1 << 20
_MOST_DEPTH = 32
"""Phrases within phrases."""

_UNPACKED, _PALMDOC, _HUFF_CDIC = 1, 2, 17480
_ENCODINGS = {1252: "cp1252", 65001: "utf-8"}
_NOTHING = 0xFFFFFFFF
"""The number of a record that a book does not have."""
_EXTH_TITLE = 503
_LITERALS = re.compile(rb"[\x00\x09-\x7f]+")
_PAGE = re.compile(r"(?=<html\b)", re.I)
_PAGE_END = re.compile(r"</(?:body|html)\s*>", re.I)

_Unpack = Callable[[bytes], bytes]


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    Raises:
        DocumentError: the file is damaged, locked by DRM, of another Kindle format, or larger than it may be.
    """
    data = path.read_bytes()
    if data.startswith(b"\xeaDRMION"):
        raise drm_error(path)
    if data[60:68] not in _KINDS:
        raise DocumentError(f"{path.name!r} is no MOBI book (KFX and Topaz cannot be read): convert it to EPUB.")
    try:
        book = _Book(data, path)
        text = book.text()
        title = book.title()
    except (IndexError, struct.error, ValueError) as error:
        raise DocumentError(f"{path.name!r} is damaged or not a MOBI file: save a new copy.") from error
    if not book.is_mobi:
        return chosen_title(title, path), split_pages(text)
    prose = Prose()
    # AZW3 joins many pages of HTML, the frame of each before the parts that belong in the frame. A parser would take the
    # second page for a part of the first, and may drop the parts behind a frame's end.
    for page in _PAGE.split(_PAGE_END.sub("", text)):
        if page.strip():
            write_html(parse_html(page, path.name), prose)
    return chosen_title(title, path), split_sections(prose.sections())


@dataclass(frozen=True)
class _Header:
    """What record 0 says of the text."""

    compression: int
    text_records: int
    encryption: int
    encoding: str | None
    version: int
    huff_record: int
    huff_records: int
    trailing_flags: int
    flows_record: int


class _Book:
    """The records of one file.

    Raises IndexError, struct.error or ValueError where they do not fit one another.
    """

    def __init__(self, data: bytes, path: Path) -> None:
        self._data, self._path = data, path
        self.is_mobi = data[60:68] == _KINDS[0]
        (count,) = struct.unpack_from(">H", data, 76)
        starts = [struct.unpack_from(">L", data, _DATABASE_HEADER_BYTES + 8 * number)[0] for number in range(count)]
        self._bounds = list(zip(starts, [*starts[1:], len(data)], strict=True))
        if not count or any(not start <= end <= len(data) for start, end in self._bounds):
            raise ValueError("records outside the file")
        self._zero = self._record(0)
        self._header = self._read_header()
        if self._header.encryption:
            raise drm_error(path)

    def title(self) -> str:
        """Return the title that the book gives itself; "" where it gives none."""
        if not self.is_mobi:
            return self._decode(self._data[:31].partition(b"\0")[0]).replace("_", " ")
        start, length = struct.unpack_from(">LL", self._zero, 84)
        title = self._extended_title() or self._zero[start : start + length]
        return self._decode(title)

    def text(self) -> str:
        """Return the text, without the style sheets and drawings that an AZW3 keeps behind it."""
        header = self._header
        unpack = self._unpacker()
        pieces, size = [], 0
        for number in range(1, header.text_records + 1):
            pieces.append(unpack(_without_trailing(self._record(number), header.trailing_flags)))
            size += len(pieces[-1])
            if size > _TEXT_BYTES:
                raise DocumentError(f"{self._path.name!r} needs more than {_TEXT_BYTES >> 20:,} MiB of text: split it.")
        return self._decode(b"".join(pieces)[: self._first_flow_bytes()])

    def _record(self, number: int) -> bytes:
        start, end = self._bounds[number]
        return self._data[start:end]

    def _read_header(self) -> _Header:
        zero = self._zero
        compression, text_records, encryption = struct.unpack_from(">H6xHxxH", zero)
        if not self.is_mobi:
            return _Header(compression, text_records, encryption, None, 0, _NOTHING, 0, 0, _NOTHING)
        length, _, code, _, version = struct.unpack_from(">5L", zero, 20)
        if zero[16:20] != b"MOBI":
            raise ValueError("no MOBI header")

        def field(kind: str, at: int, missing: int) -> int:
            inside = at + struct.calcsize(kind) <= 16 + length
            return int(struct.unpack_from(f">{kind}", zero, at)[0]) if inside else missing

        return _Header(
            compression,
            text_records,
            encryption,
            _ENCODINGS.get(code),
            version,
            huff_record=field("L", 112, _NOTHING),
            huff_records=field("L", 116, 0),
            trailing_flags=field("H", 242, 0) if version >= 5 else 0,
            flows_record=field("L", 192, _NOTHING) if version >= 8 else _NOTHING,
        )

    def _decode(self, data: bytes) -> str:
        if self._header.encoding:
            return data.decode(self._header.encoding, errors="replace")
        text = decode_bytes(data)
        if text is None:
            raise ValueError("binary data for text")
        return text

    def _extended_title(self) -> bytes:
        (length,) = struct.unpack_from(">L", self._zero, 20)
        at = 16 + length
        if self._zero[at : at + 4] != b"EXTH":
            return b""
        (count,) = struct.unpack_from(">L", self._zero, at + 8)
        at += 12
        for _ in range(count):
            kind, size = struct.unpack_from(">LL", self._zero, at)
            if kind == _EXTH_TITLE:
                return self._zero[at + 8 : at + size]
            at += max(size, 8)
        return b""

    def _first_flow_bytes(self) -> int | None:
        """Where the text ends in the unpacked bytes; None: at their end."""
        if self._header.flows_record == _NOTHING:
            return None
        record = self._record(self._header.flows_record)
        if record[:4] != b"FDST":
            return None
        start, _ = struct.unpack_from(">LL", record, 4)
        return int(struct.unpack_from(">LL", record, start)[1])

    def _unpacker(self) -> _Unpack:
        match self._header.compression:
            case int(kind) if kind == _UNPACKED:
                return lambda data: data
            case int(kind) if kind == _PALMDOC:
                return _unpack_palmdoc
            case int(kind) if kind == _HUFF_CDIC:
                first = self._header.huff_record
                records = [self._record(first + number) for number in range(self._header.huff_records)]
                return _Huffman(records).unpack
        raise ValueError("an unknown compression")


def _without_trailing(record: bytes, flags: int) -> bytes:
    """Remove the trailing entries of a record: one for each flag, and the bytes that complete a character of the next record."""
    for _ in range((flags >> 1).bit_count()):
        size = 0
        for byte in record[-4:]:
            size = (0 if byte & 0x80 else size << 7) | (byte & 0x7F)
        if not 0 < size <= len(record):
            raise ValueError("an entry behind the text is longer than its record")
        record = record[:-size]
    if flags & 1 and record:
        record = record[: -(record[-1] & 3) - 1]
    return record


def _unpack_palmdoc(data: bytes) -> bytes:
    out = bytearray()
    at = 0
    while at < len(data):
        if run := _LITERALS.match(data, at):
            out += run[0]
            at = run.end()
            continue
        byte = data[at]
        at += 1
        if byte <= 8:
            out += data[at : at + byte]
            at += byte
        elif byte >= 0xC0:
            out += bytes((0x20, byte ^ 0x80))
        else:
            pair = byte << 8 | data[at]
            at += 1
            distance, length = pair >> 3 & 0x7FF, (pair & 7) + 3
            if not 0 < distance <= len(out):
                raise ValueError("a copy from before the text")
            for _ in range(length):  # byte by byte, because a copy may overlap itself
                out.append(out[-distance])
        if len(out) > _RECORD_TEXT_BYTES:
            raise ValueError("a record with too much text")
    return bytes(out)


class _Huffman:
    """HUFF/CDIC: Huffman codes (the first record) of phrases (the records after it), which may be packed themselves."""

    def __init__(self, records: list[bytes]) -> None:
        huff, *dictionaries = records
        if huff[:4] != b"HUFF":
            raise ValueError("no HUFF record")
        short_at, long_at = struct.unpack_from(">LL", huff, 8)
        self._short = struct.unpack_from(">256L", huff, short_at)
        self._bounds = struct.unpack_from(">64L", huff, long_at)
        self._phrases: list[tuple[bytes, bool]] = []
        """Each with whether it is plain."""
        for record in dictionaries:
            self._add(record)

    def _add(self, record: bytes) -> None:
        if record[:4] != b"CDIC":
            raise ValueError("no CDIC record")
        phrases, bits = struct.unpack_from(">LL", record, 8)
        if phrases > _MOST_PHRASES or bits > 20:
            raise ValueError("too many phrases")
        count = max(0, min(1 << bits, phrases - len(self._phrases)))
        for offset in struct.unpack_from(f">{count}H", record, 16):
            (head,) = struct.unpack_from(">H", record, 16 + offset)
            start = 18 + offset
            self._phrases.append((record[start : start + (head & 0x7FFF)], bool(head & 0x8000)))

    def unpack(self, data: bytes, depth: int = 0) -> bytes:
        """Return the text of a record, or of a phrase `depth` phrases deep."""
        if depth > _MOST_DEPTH:
            raise ValueError("phrases within phrases without end")
        out = bytearray()
        code, bits = int.from_bytes(data + bytes(8)), len(data) * 8 + 64
        left = len(data) * 8
        while left > 0:
            window = code >> (bits - 32) & 0xFFFFFFFF
            entry = self._short[window >> 24]
            length, greatest = entry & 0x1F, entry >> 8
            if not length:
                raise ValueError("a code without bits")
            if not entry & 0x80:
                while window >> (32 - length) < self._bounds[2 * length - 2]:
                    length += 1
                greatest = self._bounds[2 * length - 1]
            left -= length
            if left < 0:
                break
            bits -= length
            code &= (1 << bits) - 1
            out += self._phrase(greatest - (window >> (32 - length)), depth)
            if len(out) > _RECORD_TEXT_BYTES:
                raise ValueError("a record with too much text")
        return bytes(out)

    def _phrase(self, number: int, depth: int) -> bytes:
        if number < 0:
            raise ValueError("a code for no phrase")
        phrase, is_plain = self._phrases[number]
        if not is_plain:
            self._phrases[number] = (b"", True)  # a phrase within itself is empty, and ends
            phrase = self.unpack(phrase, depth + 1)
            self._phrases[number] = (phrase, True)
        return phrase
