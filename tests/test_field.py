"""Files as people have them: nothing changes a figure silently, and what a page shows is in the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from reader.documents import Document, load
from reader.errors import DocumentError

FIELD = Path(__file__).parent / "fixtures" / "field"


def field(name: str) -> Document:
    (path,) = FIELD.glob(name if "/" in name else f"*/{name}")
    return load(path)


def lines(document: Document) -> list[str]:
    return [line for line in document.text.split("\n") if line.strip()]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "bin_tray.rtf",
            ["First paragraph before the picture.", "Second paragraph after the picture: the answer is forty-two."],
        ),
        ("pict_bin_nonum.rtf", ["Before the picture.", "After the picture."]),
        (
            "fn.rtf",
            [
                "The well was dry.[1] The mill stood still.[2]",
                "[1] A stone well, dug in 1780.",
                "[2] An endnote about the mill.",
            ],
        ),
        ("box.rtf", ["Body text.", "Text in the box: call 555-0199.", "More body."]),
        ("hidden_deleted.rtf", ["The price is 120 dollars. End."]),
        ("sjis.rtf", ["テスト 表示 アイ"]),
        ("mac.rtf", ["Café naïve “quoted” 5–70."]),
        ("pc.rtf", ["Café straße."]),
        ("rtf_as.txt", ["The captain is Oduya."]),
        (
            "sup.html",
            [
                "The mass is 6.0 × 10^24 kg, founded in 1995[3]; area 5 m^2; H2O; 2nd.",
                "Use 1/2 cup, r^2, √16 = 4.",
            ],
        ),
        ("notes_aside.epub", ["The well[1] was dry in 1995[2].", "1 A stone well.", "2 Or 1996."]),
        ("frac.docx", ["Use 1/2 cup; area r^2; √16 = 4."]),
        ("wikimath.html", ["Quadratics", "The roots of x^2=9 are plus and minus three."]),
        ("katex.html", ["Energy is E=mc^2 here."]),
        ("sym.docx", ["Give 50 μg of the drug; angle α is 30°. ☒ Married ☐ Single"]),
        ("form.docx", ["Accept: [x] yes [ ] no; country: Peru"]),
        (
            "ol.html",
            [
                *("5. five", "6. six", "a. alpha", "b. beta", "10. ten", "11. eleven"),
                *("3. three", "2. two", "1. one", "I. first", "II. second"),
            ],
        ),
        (
            "altchunk.docx",
            ["Main text before.", "The imported part: the fee is 900 euros.", "Main text after."],
        ),
        (
            "nocell.docx",
            ["Item | Line one Line two | in A, in B; in C, in D", "| second only | third"],
        ),
        (
            "table.html",
            ["Prices", "Item | Price (net) | Price (gross)", "Tea | 3 per kg | 4", "Cups | a, b; c, d | 9"],
        ),
        ("dropcap.docx", ["Once upon a time there was a miller."]),
        ("svgspine.epub", ["Comic text: BOOM said Ada.", "Chapter two."]),
        ("fallback.epub", ["Fallback chapter one.", "Chapter two."]),
        ("case.epub", ["First with wrong case.", "Second."]),
        ("rootpdf.epub", ["Only chapter."]),
        (
            "inputs.html",
            ["Name: Ada Lovelace", "Country: Peru", "Note: Leave at the back door.", "[x] I agree [ ] newsletter"],
        ),
    ],
)
def test_a_file_gives_all_that_its_reader_sees(name: str, expected: list[str]) -> None:
    document = field(name)
    assert lines(document) == expected
    assert document.textless_pages == 0


def test_clauses_have_the_numbers_that_word_shows() -> None:
    document = field("clauses.docx")
    assert lines(document) == [
        "1. Definitions",
        "1.1 Terms used in this agreement.",
        "2. Term and termination",
        "2.1 This agreement runs for three years.",
        "2.2 Either party may end it on ninety days notice",
        "(a) in writing; and",
        "(b) by registered post.",
        "Clause 2.2(b) does not apply to consumers.",
    ]
    assert [page.label for page in document.pages] == ["1. Definitions", "2. Term and termination"]


def test_printed_pages_of_an_epub_are_its_pages() -> None:
    document = field("pagelist.epub")
    assert [page.label for page in document.pages] == ["Part One, p. 57", "Part One, p. 58"]
    assert document.page_at(document.text.index("brass")).label == "Part One, p. 58"


def test_a_title_block_and_notes_belong_to_the_page() -> None:
    text = field("pandoc_article.html").text
    for part in (
        "The Harbour Year",
        "Ada Example",
        "3 May 1871",
        "the harbour silted up within a decade",
        "Introduction",
    ):
        assert part in text
    text = field("main_header.html").text
    assert text.startswith("The Title of the Essay\n\nBy A. Writer, 3 May 2021\n\nBody text.")
    assert "1. Footnote: the well was dry." in text


def test_a_page_of_frames_names_the_files_to_add() -> None:
    with pytest.raises(
        DocumentError, match=r"^'frames\.html' only frames other files \(toc\.html, body\.html\): add .*\.$"
    ):
        field("frames.html")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("ctrlz.txt", "The password of the vault is plum.\n"),
        ("utf8_bad.txt", "Mostly UTF-8: naïve café — “quotes” übermäßig.\n"),
        ("utf8_bad.txt", "one stray byte ’ here"),
        ("sjis_half_6.txt", "第一章　静かな朝だった。ﾎｹﾓﾝの①番、②番。～―∥－￠￡"),
        ("kr_6.txt", "선장의 이름은 오두야였다. 항구는 조용했다."),
        ("cs_latin2_6.txt", "Kapitán Dvořák přišel do přístavu už časně ráno."),
        ("sk_latin2_6.txt", "Kapitán prišiel do prístavu už skoro ráno."),
        ("jis_6.txt", "第一章　静かな朝\n港には誰もいなかった。船長の名は小田といった。"),
        ("macroman.txt", "Le café était fermé; “à demain”, dit-il. Où est la clé?\n"),
        ("no_latin1.txt", "på gårsdagens uvær"),
    ],
)
def test_a_text_is_read_in_its_encoding_whatever_one_byte_says(name: str, part: str) -> None:
    document = field(name)
    assert part in document.text
    assert not set(document.text) & set("\0\x1a\r")


def test_what_was_guessed_is_said_and_can_be_named(tmp_path: Path) -> None:
    text = "Příliš žluťoučký kůň úpěl ďábelské ódy.\n"
    (tmp_path / "a.txt").write_bytes(text.encode("iso-8859-2"))
    assert load(tmp_path / "a.txt", encoding="latin2").text == text
    assert load(tmp_path / "a.txt", encoding="latin2").notes == ()
    assert "a guess" in load(tmp_path / "a.txt").notes[0]
    (tmp_path / "b.txt").write_text(text)
    assert load(tmp_path / "b.txt").notes == ()
    with pytest.raises(DocumentError, match="There is no encoding 'klingon'"):
        load(tmp_path / "a.txt", encoding="klingon")
    (tmp_path / "c.html").write_bytes(b"<meta charset=utf-8><p>" + text.encode("iso-8859-2"))
    assert load(tmp_path / "c.html", encoding="iso-8859-2").text.strip() == text.strip()


def test_headings_of_markdown_are_its_pages() -> None:
    document = field("31-markdown-without-sections/story.md")
    assert [page.label for page in document.pages] == [
        "Chapter 1: The Arrival",
        "Chapter 2: The Storm",
        "Chapter 3: The Leaving",
    ]
    assert document.text == (FIELD / "31-markdown-without-sections" / "story.md").read_text()
