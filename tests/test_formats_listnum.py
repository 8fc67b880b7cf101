"""Numbers that Word counts within a paragraph (LISTNUM fields), in Word files and in RTF."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.formats import p, write_docx

from reader.documents import load

NUMBERING = """<w:numbering xmlns:w="w"><w:abstractNum w:abstractNumId="4"><w:name w:val="Terms"/>
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="(%2)"/></w:lvl></w:abstractNum>
<w:num w:numId="7"><w:abstractNumId w:val="4"/></w:num></w:numbering>"""
LISTS = (
    r"{\*\listtable{\list{\listlevel\levelnfc0\levelstartat1{\leveltext\'02\'00.;}}"
    r"{\listlevel\levelnfc4\levelstartat1{\leveltext\'03(\'01);}}{\listname Terms;}\listid4}}"
    r"{\*\listoverridetable{\listoverride\listid4\ls7}}"
)
BEGIN, END = (f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "end"))


def in_word(is_item: bool, fields: list[str]) -> str:
    place = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="7"/></w:numPr>' if is_item else ""
    runs = "".join(
        f"{BEGIN}<w:r><w:instrText> {field} </w:instrText></w:r>{END}<w:r><w:t xml:space='preserve'> term </w:t></w:r>"
        for field in fields
    )
    return f"<w:p><w:pPr>{place}</w:pPr>{runs}</w:p>"


def in_rtf(is_item: bool, fields: list[str]) -> str:
    runs = "".join(
        rf"{{\field{{\*\fldinst {{ {written} }}}}{{\fldrslt }}}} term "
        for written in (field.replace("\\", "\\\\") for field in fields)
    )
    return (r"\pard\ls7\ilvl0 " if is_item else r"\pard ") + runs + r"\par"


@pytest.mark.parametrize(
    ("paragraphs", "numbers"),
    [
        ([(False, ["LISTNUM", "LISTNUM", r"LISTNUM \l 2", "LISTNUM"])], ["1)", "2)", "a)", "3)"]),
        ([(False, ["LISTNUM LegalDefault", r"LISTNUM LegalDefault \l 2", "LISTNUM"])], ["1.", "1.1.", "1)"]),
        ([(False, [r"LISTNUM OutlineDefault \l 1 \s 4", "LISTNUM OutlineDefault"])], ["IV.", "V."]),
        ([(True, ["LISTNUM", "LISTNUM"]), (True, ["LISTNUM"])], ["1. (a)", "(b)", "2. (a)"]),
        (
            [(True, ["LISTNUM"]), (False, ["LISTNUM", r'LISTNUM "Terms" \l 2', "LISTNUM Terms"])],
            ["1. (a)", "1)", "(b)", "2."],
        ),
        ([(False, [r"LISTNUM NoSuchList \l 99 \s 2"])], ["ii."]),
    ],
    ids=["words-own", "legal", "begins", "in-a-list", "named", "unknown"],
)
def test_numbers_within_a_paragraph_are_counted(
    tmp_path: Path, paragraphs: list[tuple[bool, list[str]]], numbers: list[str]
) -> None:
    body = p("Before.") + "".join(in_word(*paragraph) for paragraph in paragraphs)
    write_docx(tmp_path / "a.docx", body, {"word/numbering.xml": NUMBERING})
    (tmp_path / "a.rtf").write_text(rf"{{\rtf1\ansi {LISTS}Before.\par{''.join(in_rtf(*one) for one in paragraphs)}}}")
    expected = f"Before. {' '.join(f'{number} term' for number in numbers)}"
    for made in ("a.docx", "a.rtf"):
        assert " ".join(load(tmp_path / made).text.split()) == expected
