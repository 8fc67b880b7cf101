"""Texts of pages as typeset HTML: what strangers write stays text, and quotes are marked where they stand."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from reader.app.overview import glance
from reader.app.page.typeset import typeset
from reader.app.pages import PageView, pages_with
from storage import PageRecord

HOSTILE = (
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](https://example.org/x.png)",
    '<img src=x onerror="alert(1)">',
    "[x](data:text/html,<script>alert(1)</script>)",
    "| <b>a</b> | b |\n| - | - |\n| <i>1</i> | 2 |",
    "```html\n<script>\n```",
    "---\ntitle: <b>x</b>\n---\ntext",
    "a \x00 form \x0c feed \x1b and \ufffe",
    ">" * 2000 + "deep",
)


def page(text: str, kind: str = "markdown", quote: str = "", label: str = "1") -> PageView:
    start = text.index(quote) if quote else 0
    marks = ((start, start + len(quote)),) if quote else ()
    return PageView("d", "Title", 1, label, 1, text, marks, False, (), kind)


@pytest.mark.parametrize("kind", ["markdown", "text", "html", "csv", "pdf"])
@pytest.mark.parametrize("text", HOSTILE)
def test_strangers_markup_is_shown_and_not_obeyed(text: str, kind: str) -> None:
    html = typeset(page(text, kind, quote=text.split()[-1]))
    assert not re.search(r"<(script|img|iframe|b|i)\b", html)
    assert not re.search(r"(href|src)=\"(?!https?://)", html)
    assert not re.search(r"<[^>]*\son\w+=", html)


@pytest.mark.parametrize(
    ("text", "quote", "marked"),
    [
        ("One **bold word** here.", "One **bold word** here.", "One bold word here."),
        ('Wren (the "Tenant").', '(the "Tenant").', '(the "Tenant").'),
        ("# Head\n\nThe [red](https://example.org) key hangs.", "[red](https://example.org) key", "red key"),
        ("- first\n- second thing\n- third", "second thing\n- third", "second thing third"),
        ("A cat. A dog. A cat. A bird. A cat.", "A bird. A cat", "A bird. A cat"),
        ("| a | b |\n| - | - |\n| nine tons | two |", "nine tons | two", "nine tons two"),
        ("Ein Fräulein & ein Ei.", "Fräulein & ein", "Fräulein & ein"),
    ],
)
def test_a_quote_is_marked_in_what_is_shown(text: str, quote: str, marked: str) -> None:
    html = typeset(page(text, quote=quote))
    found = " ".join(re.sub(r"<[^>]+>", "", part) for part in re.findall(r"<mark>(.*?)</mark>", html))
    assert unescape(found).split() == marked.split()


def test_of_a_quote_that_stands_twice_the_right_one_is_marked() -> None:
    text = "The cat sat. " + "A dog ran by the long wall. " * 9 + "The cat sat. The end."
    view = page(text)
    start = text.rindex("The cat sat")
    html = typeset(PageView("d", "T", 1, "1", 1, text, ((start, start + 11),), False, (), "text"))
    assert html.index("<mark>") > html.index("long wall")
    assert view.marks == ()


def test_plain_texts_get_headings_tables_and_paragraphs() -> None:
    text = "Second\n\nname | weight\nstone | 9\n\n- one\n- two\n\nA line of verse\nand one more\n"
    html = typeset(page(text, "docx", label="Second"))
    assert "<h2>Second</h2>" in html
    assert html.count("<tr>") == 2
    assert "<p>A line of verse\nand one more</p>" in html
    wrapped = "A line that was broken where the typewriter's paper ended, as\nso many lines of old books are, says nothing by it."
    assert "as so many" in typeset(page(wrapped, "text"))


COLUMN = """\
2 The Sea
The sea was calm that night, and the
keeper, who had seen many floating-
point units drown, wrote of it in his
book. Then he slept.
- a lamp
- an oar
In the morning the tide had gone out,
and with it the boat. Nobody ever saw
it again.
boat | oars
Gull | 2
"""


def test_the_lines_of_a_pdf_flow_as_paragraphs() -> None:
    html = typeset(page(COLUMN, "pdf", quote="the boat. Nobody ever saw\nit again"))
    assert "<p>2 The Sea</p>" in html
    sea = "The sea was calm that night, and the keeper, who had seen many floating-point units drown, wrote of it in his book."
    assert f"<p>{sea} Then he slept.</p>" in html
    assert "- a lamp\n- an oar</p>" in html
    assert "<mark>the boat. Nobody ever saw it again</mark>.</p>" in html
    assert html.count("<tr>") == 2
    assert typeset(page(COLUMN, "text")).count("<p>") == 1
    assert "静かだった。鳥が" in typeset(page("湖は静かだった。" * 4 + "\n鳥が飛ぶ", "pdf"))
    assert "<p>New York University\n715, Broadway\nNew York</p>" in typeset(
        page("New York University\n715, Broadway\nNew York", "pdf")
    )


def test_a_caption_stands_alone_and_a_sentence_about_it_does_not() -> None:
    lines = (
        "The wheel of the mill hangs on an oak shaft above the race.",
        "Figure 1: The wheel, seen from the quay, in the summer of",
        "the year 1783.",
        "The flood broke the sluice of the mill, which is drawn in",
        "Figure 2. It was mended by two men from the town in a week.",
        "Table 2.1. Wages of the two men, in pence.",
    )
    html = typeset(page("\n".join(lines), "pdf"))
    assert f"<p>{lines[0]}</p>" in html
    assert "<p class='caption'>Figure 1: The wheel, seen from the quay, in the summer of the year 1783.</p>" in html
    assert f"<p>{lines[3]} {lines[4]}</p>" in html
    assert f"<p class='caption'>{lines[5]}</p>" in html


def records(*texts: str) -> list[PageRecord]:
    starts = [sum(map(len, texts[:number])) for number in range(len(texts))]
    return [
        PageRecord("d", number + 1, f"Part {number + 1}: <b>", start, start + len(text), text)
        for number, (start, text) in enumerate(zip(starts, texts, strict=True))
    ]


def test_contents_name_the_pages_of_each_section() -> None:
    found = glance("d", "Title", records("a" * 30, "b" * 30, "c" * 30))
    assert [(heading.page, heading.last_page) for heading in found.contents] == [(1, 1), (2, 2), (3, 3)]
    assert len(found.questions) == len(set(found.questions)) <= 5
    assert glance("d", "Title", []).contents == ()
    chapters = [PageRecord("d", number, f"Chapter {number}", 0, 9, "It rained.") for number in range(1, 401)]
    assert len(glance("d", "Title", chapters).contents) == 400


def test_a_heading_that_no_person_reads_is_neither_shown_nor_asked_about() -> None:
    name, text = "d666f1f7-46cb-42bd-9a39-9a39cf2a509f", "The fog bell was cast by Amos Frank in the town of Taunton. "
    pages = [
        PageRecord("d", number, label, (number - 1) * len(text), number * len(text), text)
        for number, label in enumerate(["Bells", name, "Lamps", "Oil"], start=1)
    ]
    found = glance("d", "Title", pages)
    assert [heading.title for heading in found.contents] == ["Bells", "Lamps", "Oil"]
    assert found.overview[1].page == 2
    assert not any(name in question for question in found.questions)


def test_words_that_are_looked_for_are_marked_wherever_they_stand() -> None:
    text = "# The lamp\n\nA **lamp** and a *red lamp*, lamplight. Lamp, lamp."
    html = typeset(replace(page(text, quote="lamp"), find="lamp"))
    assert html.casefold().count("<mark>lamp</mark>") == 5
    assert re.sub(r"</?mark>", "", html) == typeset(page(text))


def test_pages_are_found_without_case_and_accents() -> None:
    pages = records("Café au lait", "a cafe", "a café, LAIT", "")
    assert pages_with(pages, "CAFE lait") == (1, 3)
    assert pages_with(pages, "") == pages_with(pages, "?") == ()


def test_what_a_book_says_of_itself_is_not_worth_asking() -> None:
    parts = (
        ("Preface", "I wrote it."),
        ("Ponds", "They are deep."),
        ("Conventions Used Here", "Feet."),
        ("Weirs", "They leak."),
    )
    text = "\n\n".join(f"# {title}\n\n{said}" for title, said in parts)
    asked = glance("d", "Water", [PageRecord("d", 1, "1", 0, len(text), text)], is_markdown=True).questions
    assert [one for one in asked if "“" in one] == ["What does “Ponds” say?", "What does “Weirs” say?"]


def test_a_heading_that_is_a_question_is_worth_asking_as_it_stands() -> None:
    pages = [
        PageRecord("d", number, "", 0, 9, f"# {title}\n\nA man came.")
        for number, title in enumerate(("Who came?", "Why?"), 1)
    ]
    questions = glance("d", "Talk", pages, is_markdown=True).questions
    assert "Who came?" in questions
    assert not any("say?" in question for question in questions)
