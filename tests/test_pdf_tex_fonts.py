"""PDFs of TeX whose fonts are pictures without names: ligatures, quotation marks and dashes have codes of TeX's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pdf import Made, dictionary, name
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, FloatObject, NameObject, NumberObject

WORDS = b"the office of the grocer displays a sign in his shop and all of the "


def made(content: bytes, naming: str, *, is_typewriter: bool = False) -> Made:
    """A page whose font F3 has a picture for each code that is drawn, as pdfTeX and dvips write it."""
    page = Made(b"BT /F3 10 Tf 20 300 Td (%s) Tj 0 -20 Td <%s> Tj ET" % (WORDS, content.hex().encode()))
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    codes = sorted(set(WORDS + content))
    names = {
        code: f"a{code}" if naming == "number" else digits[(code + 360) // 36] + digits[(code + 360) % 36]
        for code in codes
    }
    pictured(page, names, [500 if is_typewriter else 480 + code % 20 for code in range(codes[0], codes[-1] + 1)])
    return page


def pictured(page: Made, names: dict[int, str], widths: list[int]) -> DictionaryObject:
    """Give a page the font F3, which has a picture with a name for each code."""
    differences = ArrayObject()
    pictures = dictionary()
    for code, glyph in names.items():
        differences += [NumberObject(code), NameObject(f"/{glyph}")]
        picture = DecodedStreamObject()
        picture.set_data(b"500 0 0 0 400 700 d1 0 0 400 700 re f")
        pictures[name(glyph)] = page.writer._add_object(picture)
    font = dictionary(
        Type=name("Font"),
        Subtype=name("Type3"),
        FontBBox=ArrayObject(map(NumberObject, (0, 0, 500, 700))),
        FontMatrix=ArrayObject(map(FloatObject, ("0.001", 0, 0, "0.001", 0, 0))),
        FirstChar=NumberObject(min(names)),
        LastChar=NumberObject(max(names)),
        Widths=ArrayObject(map(NumberObject, widths)),
        Encoding=dictionary(Type=name("Encoding"), Differences=differences),
        CharProcs=pictures,
        Resources=dictionary(),
    )
    page.page["/Resources"]["/Font"][name("F3")] = page.writer._add_object(font)
    return font


@pytest.mark.parametrize("naming", ["number", "base 36"])
@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        (b"su\016ce the de\014ned e\013ect, \134call\042 1{2", "suffice the defined effect, “call” 1–2"),
        (b"su\036ce the de\034ned e\033ect, \020call\021 1\02512", "suffice the defined effect, “call” 1–12"),
        (b"from the \232i\272ek \354 and e\033ects", "from the Žižek ì and effects"),
    ],
)
def test_ligatures_and_signs_of_tex_are_read(tmp_path: Path, naming: str, drawn: bytes, text: str) -> None:
    assert made(drawn, naming).text(tmp_path).endswith(text)


def test_a_typewriters_codes_are_those_of_ascii(tmp_path: Path) -> None:
    assert made(b"print {a|b} to \042f\042", "number", is_typewriter=True).text(tmp_path).endswith('print {a|b} to "f"')


def test_signs_of_mathematics_with_names_of_tex_are_read(tmp_path: Path) -> None:
    """Distiller leaves out of its map what Adobe's list of names does not have; PDFium ends the line at a far raised prime."""
    drawn = b"BT /F1 20 Tf 20 300 Td (exp\\() Tj /F3 20 Tf <02> Tj /F1 20 Tf (\\) of D) Tj /F3 13 Tf 14 Ts <03> Tj "
    page = Made(drawn + b"/F1 20 Tf 0 Ts (, and of E) Tj ET")
    letters = DecodedStreamObject()
    letters.set_data(
        b"begincmap 1 begincodespacerange <02> <04> endcodespacerange 1 beginbfchar <04> <03BA> endbfchar endcmap"
    )
    font = pictured(page, {2: "epsilon1", 3: "prime", 4: "kappa"}, [500, 300, 500])
    font[name("ToUnicode")] = page.writer._add_object(letters)
    assert page.text(tmp_path) == "exp(ϵ) of D′, and of E"


def test_letters_of_formulas_are_plain_ones_and_keep_their_powers(tmp_path: Path) -> None:
    """As Word and TeX write them: slanted letters beyond U+FFFF."""
    letters = {1: "𝑎", 2: "𝑏", 3: "𝑛", 4: "ℎ", 5: "𝜋"}
    pairs = b"".join(
        b"<%02x> <%s> " % (code, letter.encode("utf-16-be").hex().encode()) for code, letter in letters.items()
    )
    drawn = (
        b"BT /F1 12 Tf 20 300 Td (If ) Tj /F3 12 Tf <01> Tj /F3 8 Tf 9 Ts <03> Tj /F3 12 Tf 0 Ts /F1 12 Tf ( = ) Tj "
    )
    drawn += b"/F3 12 Tf <02> Tj /F1 8 Tf 5 Ts (2) Tj /F1 12 Tf 0 Ts (, then 10) Tj /F1 8 Tf 5 Ts (24) Tj "
    page = Made(drawn + b"/F1 12 Tf 0 Ts ( m and ) Tj /F3 12 Tf <0405> Tj /F1 12 Tf (.) Tj ET")
    font = pictured(page, {code: f"g{code}" for code in letters}, [500] * 5)
    mapped = DecodedStreamObject()
    mapped.set_data(
        b"begincmap 1 begincodespacerange <01> <05> endcodespacerange 5 beginbfchar " + pairs + b"endbfchar endcmap"
    )
    font[name("ToUnicode")] = page.writer._add_object(mapped)
    assert page.text(tmp_path) == "If a^n = b^2, then 10^24 m and hπ."
