"""Lines of Hebrew and Arabic in PDFs, which are drawn as they look: from the left. Small letters stand for theirs here."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pdf import Made, dictionary, name, words
from pypdf.generic import DecodedStreamObject

from reader.documents import load

HEBREW = dict(zip("abgdhvzxjiklmnsypcqrwt", "אבגדהוזחטיכלמנסעפצקרשת", strict=True))
ARABIC = dict(zip("abtvjoxdrzscuhyfqklmnw", "ابتثجحخدرزسشصهعفقكلمنو", strict=True))


def letters(said: str, script: dict[str, str]) -> str:
    return "".join(script.get(sign, sign) for sign in said)


def drawn(script: dict[str, str], *lines: str) -> Made:
    """Lines below one another, with a font that says which letters its small letters are."""
    shown = b"".join(
        b"BT /R 10 Tf 1 0 0 1 40 %d Tm (%s) Tj ET " % (350 - 20 * at, line.translate(_ESCAPED).encode("latin-1"))
        for at, line in enumerate(lines)
    )
    made = Made(shown)
    pairs = [(code, letters(chr(code), script)) for code in range(32, 127)]
    codes = DecodedStreamObject()
    codes.set_data(
        b"begincmap 1 begincodespacerange <00> <FF> endcodespacerange %d beginbfchar " % len(pairs)
        + b"".join(b"<%02x> <%04x> " % (code, ord(letter)) for code, letter in pairs)
        + b"endbfchar endcmap"
    )
    font = dictionary(Type=name("Font"), Subtype=name("Type1"), BaseFont=name("Helvetica"))
    font[name("ToUnicode")] = made.writer._add_object(codes)
    made.page["/Resources"]["/Font"][name("R")] = made.writer._add_object(font)
    return made


_ESCAPED = str.maketrans({"(": r"\(", ")": r"\)"})


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (".2019-b rps", "spr b-2019."),
        (".2019-b bvtk .1", "1. ktvb b-2019."),
        (".1.1.2020-b ,1990-b", "b-1990, b-1.1.2020."),
        ("mvi ,12/05/2019 kiratb", "btarik 12/05/2019, ivm"),
        ("qvxl (4)(b)15 piys", "syip 15(b)(4) lxvq"),
        (".3-5 dvmy", "ymvd 3-5."),
        ("?5- tvlym", "mylvt -5?"),
        (";120 mbc 20%-k", "k-20% cbm 120;"),
        ("!2022-b PYTHON 3.11 rps", "spr PYTHON 3.11 b-2022!"),
        ("(HTML5) nqt", "tqn (HTML5)"),
        ('"HELLO, WORLD" rma', 'amr "HELLO, WORLD"'),
        ("WINDOWS 10 ,12:30 dy", "yd 12:30, WINDOWS 10"),
        ("hxitp (a", "a) ptixh"),
    ],
)
def test_figures_and_signs_in_hebrew_stand_where_they_are_read(tmp_path: Path, seen: str, said: str) -> None:
    lines = ("rpsb bvtk hz", seen, "hpi bvtk hz")
    expected = ("zh ktvb bspr", said, "zh ktvb iph")
    assert drawn(HEBREW, *lines).text(tmp_path) == letters(" ".join(expected), HEBREW)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (".2019 may nf", "fn yam 2019."),
        ("5-3 tahfu", "ufhat 3-5"),
        ("%50 rys", "syr 50%"),
        (".HTML5 rakm", "mkar HTML5."),
        ("(b) 5 dnb", "bnd 5 (b)"),
    ],
)
def test_figures_and_signs_in_arabic_stand_where_they_are_read(tmp_path: Path, seen: str, said: str) -> None:
    """There a hyphen joins no figures, and a unit stands apart."""
    lines = drawn(ARABIC, "batk btk qrz", seen)
    lines.writer.write(tmp_path / "made.pdf")
    assert words(load(tmp_path / "made.pdf")).endswith(letters(said, ARABIC))


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ("THE WORD tib OF 2019 IS FIRST, 12.5 IS NEXT.", "THE WORD bit OF 2019 IS FIRST, 12.5 IS NEXT."),
        ("THE WORD tib (A HOUSE) IS FIRST.", "THE WORD bit (A HOUSE) IS FIRST."),
        ("THE BOOK bhzh rps WAS PRINTED TWICE (IN 2019).", "THE BOOK spr hzhb WAS PRINTED TWICE (IN 2019)."),
    ],
)
def test_words_of_hebrew_in_lines_of_latin_letters(tmp_path: Path, seen: str, said: str) -> None:
    assert drawn(HEBREW, seen).text(tmp_path) == letters(said, HEBREW)
