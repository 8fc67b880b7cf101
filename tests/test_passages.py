"""Passages that are looked at again: rows of tables stay whole, and carry their table's first row."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.formats import p, write_docx

from reader.answering.passages import Passages, Source, cut
from reader.answering.prompt import heading, passage_heading
from reader.documents import load
from reader.reading import sentences
from storage import PageRecord

HEADER = "Ship | Captain | Cargo in tons"
ROWS = [f"No. {at} Marigold | A. B. Oduya {at} | {at * 37}" for at in range(60)]
PAGE = f"The ships of 1871 are these.\n\n{HEADER}\n" + "\n".join(ROWS) + "\n\nThey all came home. Nobody was lost."


def passages_of(text: str, label: str = "3") -> Passages:
    page = PageRecord("d", 1, label, 0, len(text), text)
    return Passages([Source("d", "The Harbour", (page,), len(text))])


def test_no_passage_cuts_a_row() -> None:
    lines = {line.strip() for line in PAGE.split("\n")}
    assert len(list(cut(PAGE))) > 3
    for start, end in cut(PAGE):
        rows = [line for line in PAGE[start:end].split("\n") if " | " in line]
        assert [row for row in rows if row not in lines] == []
    assert [PAGE[start:end] for start, end in sentences(PAGE)][:3] == ["The ships of 1871 are these.", HEADER, ROWS[0]]


@pytest.mark.parametrize(
    "parts",
    [
        ["Mrs. Vale came with Mr. J. R. Orrin at 5 p.m.", "Then they slept.", "So did I.", "We woke."],
        ["See Fig. 3 and No. 4, e.g. the one by Smith et al. in 1999.", "Did it rain?", "No.", "It was dry."],
        ["He died on Jan. 5, 1900, in the U.S. and nowhere else.", "“He did,” said Dr. Oke.", "That was all."],
        ["Am 3. Mai kam Dr. Meier, z. B. nach Bonn.", "Das war 1871.", "Art. 5 Abs. 2 gilt."],
        ["Vom 15. bis zum 26. Dezember ist zu.", "Es waren 15.", "bis morgen gilt das."],
        ["M. Dupont est là.", "Il part."],
        ["Wenlow Yards Inc. (the “Seller”) and Oke & Co. have a claim.", "It is small."],
        [
            "It is owed to Wenlow Yards Inc.\n",
            "(a) The price is 4.",
            "It is due to Oke Ltd.\n",
            "2.",
            "The rest is not.",
        ],
        [
            "Arl v. Oke Mills, Inc. v. Fell was heard by the U.S. Senate and W.E.B. Fell.",
            "It is in the U.S.",
            "They left at 5 P.M.",
            "Arl slept.",
        ],
        ["The REV. Fell and GOV. Oke read it (Exod. 33:23), see no. 4.", "So did Charles I. of Arl."],
        ["He was … well … ill.", "He went . . . to bed.", "He slept ..."],
        ["Mills . . . . . . 12\n\n", "No."],
        ["It ends with Mr.\n\n", "A. The next paragraph begins."],
        [
            "Nearly 4,000 were sent.[2][a]",
            "On the 22nd one won.[*]",
            "Oke et al.[3] have shown it.",
            "He said “no.”[12]",
            "So.",
        ],
    ],
)
def test_an_abbreviation_ends_no_sentence(parts: list[str]) -> None:
    text = "".join(part if part.endswith("\n") else f"{part} " for part in parts)
    assert [text[start:end] for start, end in sentences(text)] == [part.strip() for part in parts]


@pytest.mark.parametrize(
    "parts",
    [
        ["राम घर गया।", "क्या वह आया?", "हाँ।"],
        ["وہ گھر گیا۔", "کیا وہ آیا؟", "ہاں۔"],
        ["أين ذهب؟", "ذهب إلى البيت."],
        ["ሰላም ነው።", "እንዴት ነህ፧", "ደህና።"],
        ["သူသွားသည်။", "သူပြန်လာသည်။"],
        ["គាត់ទៅផ្ទះ។", "គាត់ញ៉ាំបាយ។"],
        ["「你好！？」", "他走了。[3]", "我也走了。"],
    ],
)
def test_scripts_with_full_stops_of_their_own_have_sentences(parts: list[str]) -> None:
    text = "".join(f"{part} " if part[-1] in "?.।۔؟" else part for part in parts)
    assert [text[start:end] for start, end in sentences(text)] == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "It is fast.\n6.4 Preemption\nThe engine, like many, stops.",
            ["It is fast.", "6.4 Preemption", "The engine, like many, stops."],
        ),
        ("2 Basic Idea\nWe begin.", ["2 Basic Idea", "We begin."]),
        ("So it was.\nII. METHODS\nA mill was built.", ["So it was.", "II. METHODS", "A mill was built."]),
        ("It cost\n12 Pounds\nA week.", ["It cost\n12 Pounds\nA week."]),  # within a sentence
        (
            "Sources.\n9. See Oke, Mills (London: Wenlow,\nArl, 1990).",
            ["Sources.", "9.", "See Oke, Mills (London: Wenlow,\nArl, 1990)."],
        ),
        ("Either.\n2 You lived in 2005 or\nLater.", ["Either.", "2 You lived in 2005 or\nLater."]),
    ],
)
def test_a_numbered_heading_is_a_sentence_of_its_own(text: str, parts: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("The keeper of the light seldom received\n\nanything but bills. He burned them.", 2),
        ("The keeper of the light seldom received\n\nAnything but bills. He burned them.", 3),  # two paragraphs
        ("The light\n\nof the keeper burned. He slept.", 3),  # a heading
        ("The keeper of the light never received a letter.\n\nhe burned them.", 2),
    ],
)
def test_a_sentence_goes_on_over_a_blank_line(text: str, parts: int) -> None:
    assert len(list(sentences(text))) == parts


def test_a_sentence_over_two_pages_is_whole() -> None:
    texts = [
        "He lit the lamp. The keeper of the light seldom received anything but\n\n",
        "a copy of the county's paper. He burned them all. In the winter of 1871 the mails from the town were\n\n",
        "held up for weeks. Nobody came.\n\n",
        "A new chapter begins.",
    ]
    pages, start = [], 0
    for number, text in enumerate(texts, start=1):
        pages.append(PageRecord("d", number, str(number), start, start + len(text), text))
        start += len(text)
    source = Source("d", "The Harbour", tuple(pages), start)
    assert "".join(page.text for page in source.pages) == "".join(texts)
    assert [(page.start_char, page.end_char - page.start_char) for page in source.pages] == [
        ("".join(texts).index(page.text), len(page.text)) for page in source.pages
    ]
    index = Passages([source])
    found = index.all[index.search(["county"])[0]]
    assert (found.page, found.text.split(". ")[-1]) == (
        1,
        "The keeper of the light seldom received anything but\n\na copy of the county's paper.",
    )
    late = index.all[index.search(["weeks"])[0]]
    assert late.page == 2
    assert late.text.startswith("He burned them all. In the winter of 1871")
    assert [page.text[:12] for page in source.pages] == ["He lit the l", "He burned th", "Nobody came.", "A new chapte"]


def test_words_that_are_neighbours_in_a_question_count_more() -> None:
    filler = "The keeper went down to the harbour again. " * 17
    passages = passages_of(
        f"Who can trust a lamp? Nobody has trust in it. {filler}\n\n{filler}\n\nThe Lamp Trust paid for it. {filler}"
    )
    asked = ("What did the Lamp Trust pay for?", "Who has trust in the lamp?")
    best = [passages.all[passages.rank(question)[0]].text for question in asked]
    assert "Lamp Trust" in best[0]
    assert "trust a lamp" in best[1]


def test_a_passage_within_a_table_carries_its_first_row() -> None:
    index = passages_of(PAGE)
    found = index.all[index.search(["2183"])[0]]  # 59 times 37
    assert HEADER not in found.text
    assert found.header == HEADER
    assert heading(found, index) == "\n\n[page 3] "
    first = index.all[0]
    assert HEADER in first.text
    assert first.header == ""


def test_a_table_of_a_file_is_found_by_its_header_and_row(tmp_path: Path) -> None:
    cells = [line.split(" | ") for line in (HEADER, *ROWS)]
    table = "".join(f"<w:tr>{''.join(f'<w:tc>{p(cell)}</w:tc>' for cell in row)}</w:tr>" for row in cells)
    document = load(write_docx(tmp_path / "ships.docx", p("Ships") + f"<w:tbl>{table}</w:tbl>"))
    index = passages_of(document.text)
    found = index.all[index.search(["captain", "2146"])[0]]  # 58 times 37
    assert ROWS[58] in found.text
    assert found.header == HEADER


@pytest.mark.parametrize(
    ("label", "named"),
    [
        ("12", "page 12"),
        ("xii", "page xii"),
        ("12 — Preface", "page 12 — Preface"),
        ("Chapter 3", "“Chapter 3”"),
        ("§ 2.2(b)", "“§ 2.2(b)”"),
    ],
)
def test_a_passage_is_named_as_a_person_names_its_place(label: str, named: str) -> None:
    assert passage_heading(label) == f"\n\n[{named}] "
