"""Opening a PDF with PDFium, so that its text does not depend on the fonts that a machine has; and its text of a page.

PDFium leaves out the letters of a font that is neither embedded nor installed. It therefore gets a font of our own for
Chinese, Japanese and Korean: one square for every letter, which text extraction never looks at.
"""

from __future__ import annotations

import ctypes
import functools
import re
from io import BytesIO
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

from reader.documents.pdf import glyphs, mathematical, right_to_left
from reader.documents.pdf.strings import letters_of
from reader.errors import PasswordNeeded

_EAST_ASIAN_CHARSETS = frozenset((128, 129, 130, 134, 136))
"""Shift-JIS, Hangul, Johab, GB2312 and Big5, as Windows numbers them."""

LEFT_OUT = "\uffff"
"""What `string_of` puts in place of a character that PDFium's text leaves out."""

_SQUARE_FONT = 1
"""The handle under which PDFium asks for our font."""


def open_document(source: Path | bytes, name: str, password: str | None) -> pypdfium2.PdfDocument | None:
    """Open a file, first without its password as many need none; None where PDFium cannot.

    Raises:
        PasswordNeeded: The file needs another password.
    """
    for attempt in dict.fromkeys((None, password)):
        try:
            return pypdfium2.PdfDocument(source, password=attempt)
        except pypdfium2.PdfiumError as error:
            if error.err_code != pdfium.FPDF_ERR_PASSWORD:
                return None
    raise locked(name, password)


def string_of(text: pypdfium2.PdfTextPage) -> str:
    """Return PDFium's text of a page with a character for each of the page's, so that both are counted alike."""
    string = mathematical.plain(text.get_text_range(), mathematical.SECOND_HALF)
    count = text.count_chars()
    if max(letters_of(string), default="") > "\uffff":
        return string  # PDFium counts in UTF-16
    if count != len(string):
        places = (pdfium.FPDFText_GetTextIndexFromCharIndex(text, index) for index in range(count))
        string = "".join(string[place] if 0 <= place < len(string) else LEFT_OUT for place in places)
    return _from_the_right(text, string) if right_to_left.WORD.search(letters_of(string)) else string


def _from_the_right(text: pypdfium2.PdfTextPage, string: str) -> str:
    """Turn round Arabic and Hebrew words that PDFium gives from the left, as some of those that Chromium prints."""
    origin = glyphs.origins_of(text)

    def in_order(word: re.Match[str]) -> str:
        (left, y), (right, other_y) = origin(word.start()), origin(word.end() - 1)
        return word[0][::-1] if right - left > 2 * abs(other_y - y) else word[0]

    return "".join(map(_with_brackets, right_to_left.WORD.sub(in_order, string).splitlines(keepends=True)))


def _with_brackets(line: str) -> str:
    """A line with its brackets the right way round and spaces outside them: PDFium gives some as they look."""
    brackets = [sign for sign in line if sign in "()[]{}"]
    is_mirrored = brackets and brackets[0] in ")]}" and brackets[-1] in "([{"
    from_the_right = sum(map(len, right_to_left.WORD.findall(line)))
    if not is_mirrored or 2 * from_the_right <= sum(map(str.isalpha, line)):
        return line
    return _SPACE_INSIDE.sub(lambda found: found[0][::-1], line.translate(_MIRRORED))


_SPACE_INSIDE = re.compile(r"(?<=\S)[(\[{] (?=\S)|(?<=\S) [)\]}](?=\S)")
_MIRRORED = str.maketrans("()[]{}", ")(][}{")


def locked(name: str, password: str | None) -> PasswordNeeded:
    """Return the error for a password that is missing or wrong."""
    if password is None:
        return PasswordNeeded(f"{name!r} is protected by a password: give its password too.")
    return PasswordNeeded(f"The password does not open {name!r}: check it and try again.")


def ignore_installed_fonts() -> None:
    """Have PDFium never look for a font on this machine."""
    pdfium.FPDF_SetSystemFontInfo(ctypes.byref(_font_source()))


def use_installed_fonts() -> None:
    """Have PDFium draw with the fonts of this machine again."""
    pdfium.FPDF_SetSystemFontInfo(pdfium.FPDF_GetDefaultSystemFontInfo())


@functools.cache
def _font_source() -> pdfium.FPDF_SYSFONTINFO:
    kinds = dict(pdfium.FPDF_SYSFONTINFO._fields_)
    source = pdfium.FPDF_SYSFONTINFO()
    source.version = 1

    def map_font(_this: object, _weight: int, _italic: int, charset: int, *_rest: object) -> int | None:
        return _SQUARE_FONT if charset in _EAST_ASIAN_CHARSETS else None

    def font_data(_this: object, _font: int, table: int, buffer: int | None, size: int) -> int:
        data = _square_font_tables().get(table, b"")
        if buffer and size >= len(data):
            ctypes.memmove(buffer, data, len(data))
        return len(data)

    answers = {
        "Release": lambda _this: None,
        "EnumFonts": lambda _this, _mapper: None,
        "MapFont": map_font,
        "GetFont": lambda _this, _face: None,
        "GetFontData": font_data,
        "GetFaceName": lambda *_arguments: 0,
        "GetFontCharset": lambda _this, _font: 128,
        "DeleteFont": lambda _this, _font: None,
    }
    for field, answer in answers.items():
        setattr(source, field, kinds[field](answer))
    return source


@functools.cache
def _square_font_tables() -> dict[int, bytes]:
    """The font's tables by their tag as a number; 0 is the whole file."""
    from fontTools.fontBuilder import FontBuilder  # most files never ask for the font
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib import TTFont
    from fontTools.ttLib.tables._c_m_a_p import CmapSubtable

    pen = TTGlyphPen(None)
    pen.moveTo((0, -120))
    for corner in ((0, 880), (1000, 880), (1000, -120)):
        pen.lineTo(corner)
    pen.closePath()
    square = pen.glyph()
    names = [".notdef", "square"]
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupGlyf(dict.fromkeys(names, square))
    font.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    font.setupHorizontalHeader(ascent=880, descent=-120)
    font.setupCharacterMap({0x41: "square"})
    every_letter = CmapSubtable.newSubtable(13)  # "many to one": a whole range is one glyph
    every_letter.platformID, every_letter.platEncID, every_letter.language = 3, 10, 0
    every_letter.format = 13
    every_letter.cmap = dict.fromkeys((*range(0x20, 0xD800), *range(0xE000, 0xFFFE)), "square")
    font.font["cmap"].tables = [every_letter]
    font.setupNameTable({"familyName": "Square", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    out = BytesIO()
    font.save(out)
    reader = TTFont(BytesIO(out.getvalue())).reader
    tables = {int.from_bytes(tag.encode(), "big"): reader[tag] for tag in reader.keys()}  # noqa: SIM118
    return {0: out.getvalue(), **tables}
