"""The chapters of novels and plays, by the headings that such books have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.effort import little_effort

from reader.answering.extractive.extract import extract
from reader.answering.extractive.overview import overview
from reader.answering.extractive.text_itself import of_text
from reader.answering.follow_ups import written_out
from reader.answering.passages import Passages, Source
from reader.answering.refusal import NOT_SAID
from reader.answering.requests import understand
from reader.answering.text.outline import sections
from storage import PageRecord

PAGE_CHARS = 2000
PROSE = "The ferryman rowed across the sound in every weather, and nobody ever heard him complain of it. " * 80


def source(text: str, page_chars: int = PAGE_CHARS) -> Source:
    starts = range(0, len(text), page_chars)
    pages = [
        PageRecord(
            "d", number, str(number), start, min(start + page_chars, len(text)), text[start : start + page_chars]
        )
        for number, start in enumerate(starts, start=1)
    ]
    return Source("d", "The Ferry", tuple(pages), len(text))


def novel(*headings: str) -> str:
    """A chapter below each heading; its first sentence says which one it is."""
    chapters = [f"{heading}\n\nNow began day {number}.\n\n{PROSE}" for number, heading in enumerate(headings, start=1)]
    return "THE FERRY\n\nby Ada Reel\n\n\n" + "\n\n\n".join(chapters) + "\n"


def titles(text: str) -> list[str]:
    return [section.title for section in sections(source(text))]


def said(question: str, text: str) -> str:
    answer = overview(understand(question), question, [source(text)])
    return answer.text if answer else ""


@pytest.mark.parametrize(
    "headings",
    [
        ["I", "II", "III", "IV"],
        ["I.", "II.", "III.", "IV."],
        ["1", "2", "3", "4"],
        ["ONE", "TWO", "THREE", "FOUR"],
        ["CHAPTER THE FIRST", "CHAPTER THE SECOND", "CHAPTER THE THIRD", "CHAPTER THE FOURTH"],
        ["ACT I", "ACT II", "ACT III", "ACT IV"],
        ["I. THE SOUND", "II. THE STORM", "III. THE FERRY", "IV. HOME"],
        ["I - The Sound", "II - The Storm", "III - The Ferry", "IV - Home"],
        ["THE FIRST CHAPTER - THE SOUND", "THE SECOND CHAPTER", "THE THIRD CHAPTER", "THE FOURTH CHAPTER"],
        ["THE SOUND", "A STORM ON THE WEIR", "THE FERRY.", "HOME AGAIN"],
        ["BOOK THE FIRST. MORNING", "BOOK THE SECOND. NOON", "BOOK THE THIRD. EVENING", "BOOK THE FOURTH. NIGHT"],
    ],
)
def test_chapters_are_found_by_their_number_and_by_their_place(headings: list[str]) -> None:
    text = novel(*headings)
    assert titles(text) == headings
    assert "Now began day 1." in said("What happens in the first chapter?", text)
    assert "Now began day 3." in said("Summarise chapter 3", text)
    assert "Now began day 3." in said("What happens in the third chapter?", text)
    assert "Now began day 4." in said("What happens in the last chapter?", text)


def test_a_title_in_capitals_belongs_to_the_number_above_it() -> None:
    assert titles(novel("I\n\nTHE SOUND", "II\n\nTHE STORM", "III\n\nTHE FERRY")) == [
        "I THE SOUND",
        "II THE STORM",
        "III THE FERRY",
    ]


def test_a_title_in_small_letters_belongs_to_the_number_above_it_where_most_numbers_have_one() -> None:
    titled = ["I\n\nThe Sound", "II\n\nThe Storm", "III\n\nA Ferry at Night"]
    assert titles(novel(*titled)) == ["I The Sound", "II The Storm", "III A Ferry at Night"]
    assert titles(novel("I", "II\n\nThe Storm", "III")) == ["I", "II", "III"]


def test_a_list_of_contents_is_passed_over() -> None:
    names = ["CHAPTER I.", "CHAPTER II.", "CHAPTER III."]
    listed = "\n\n".join(
        f"{name}\n\n  The Sound and what was on it, day {at}. {at}7" for at, name in enumerate(names, 1)
    )
    text = f"CONTENTS\n\n{listed}\n\n{novel(*names)}"
    assert titles(text) == names
    assert "Now began day 2." in said("What happens in chapter 2?", text)


def test_numbers_above_twelve_are_words_too() -> None:
    text = novel(
        *(f"Chapter {word}" for word in ["Eighteen", "Nineteen", "Twenty", "Twenty-One"]), "CHAPTER TWENTY TWO"
    )
    assert titles(text)[-1] == "CHAPTER TWENTY TWO"
    assert "Now began day 4." in said("What happens in chapter twenty-one?", text)
    assert "Now began day 5." in said("Summarise chapter 22", text)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the second chapter called?", "II. THE STORM"),
        ("Was passiert im zweiten Kapitel?", "II. THE STORM: Now began day 4."),
        ("What's the title of the last chapter but one?", "IV. HOME"),
        ("Name the third chapter from the end.", "III. THE FERRY"),
        ("Comment s'appelle l'avant-dernier chapitre ?", "IV. HOME"),
        ("Which chapter comes after The Storm?", "III. THE FERRY"),
        ("What is the name of the chapter before “Home”?", "III. THE FERRY"),
        ("What comes after the last chapter?", NOT_SAID),
        ("What number is the chapter The Ferry?", "III. THE FERRY"),
        ("What are the last two chapters called?", "• IV. HOME\n• V. TEA"),
        ("List the titles of chapters 2 to 3.", "• II. THE STORM\n• III. THE FERRY"),
        ("How many chapters are there?", "5\n• I. THE SOUND\n• II. THE STORM\n• III. THE FERRY\n• IV. HOME\n• V. TEA"),
        ("What is chapter 6 called?", NOT_SAID),
        (f"What is chapter {'9' * 5000} called?", None),
        ("On which page does chapter 2 begin?", "page 12: Now began day 4."),
        ("What is the second story called?", None),
        ("Show me chapter 3.", "III. THE FERRY: Now began day 5."),
        ("What is chapter 3?", "III. THE FERRY: Now began day 5."),
    ],
)
def test_chapters_behind_an_introduction_are_known_by_number_and_place(question: str, answer: str | None) -> None:
    book = ["I. THE AUTHOR", "II. THE RIVER", "I. THE SOUND", "II. THE STORM", "III. THE FERRY", "IV. HOME", "V. TEA"]
    asked = source(novel(*book))
    found = extract(question, question, [asked], Passages([asked]), None)
    assert (found and found.text[: len(answer or "")]) == answer


def test_an_excerpt_that_ends_in_the_first_chapter_behind_an_introduction_has_three() -> None:
    contents = "CONTENTS.\n\nTHE AUTHOR          7\n\nTHE RIVER          19\n\nTHE SOUND          33\n\n"
    asked = source(contents + novel("I. THE AUTHOR", "II. THE RIVER", "I. THE SOUND"))
    passages = Passages([asked])
    question = "How many chapters are there?"
    found = extract(question, question, [asked], passages, None)
    assert found
    assert found.text == "3\n• I. THE AUTHOR\n• II. THE RIVER\n• I. THE SOUND"
    (written, _) = written_out("Where does it say so?", [(question, found.text)])
    said = extract(written, written, [asked], passages, None)
    assert said
    assert said.text.splitlines()[1:] == ["page 4: II. THE RIVER", "page 8: I. THE SOUND"]


def test_lines_in_capitals_that_a_list_of_contents_does_not_name_are_no_chapters() -> None:
    names = ["THE AUTHOR", "LEONIDAS.", "THE RIVER", "HAYLEY.", "THE SOUND"]
    contents = (
        "CONTENTS.\n\nTHE AUTHOR  7\n\nTHE RIVER  19\n\nTHE SOUND  33\n\nTHE STORM  51\n\nHOME  70\n\nTEA  90\n\n"
    )
    assert titles(contents + novel(*names)) == ["THE AUTHOR", "THE RIVER", "THE SOUND"]


def test_two_thirds_of_the_numbered_headings_are_chapters_in_an_excerpt() -> None:
    asked = source(
        novel("I. THE AUTHOR", "II. THE RIVER", "I. THE SOUND", "II. THE STORM", "III. THE FERRY", "IV. HOME")
    )
    found = of_text("What is the second chapter called?", [asked])
    assert found is not None
    assert found.text == "II. THE STORM"


def test_numbered_chapters_count_among_more_headings_without_numbers() -> None:
    parts = [
        "Preface",
        "1. The Sound",
        "Tides",
        "Winds",
        "2. The Storm",
        "Waves",
        "Rain",
        "3. The Ferry",
        "Oars",
        "Thanks",
    ]
    asked = source(novel(*(f"# {part}" for part in parts)))
    found = of_text("Which chapter comes after chapter 2?", [asked])
    assert found is not None
    assert found.text == "3. The Ferry"


def test_books_have_their_numbered_chapters() -> None:
    assert titles(novel("BOOK I", "I", "II", "III", "BOOK II", "I", "II", "III")) == [
        "BOOK I", "I", "II", "III", "BOOK II", "I", "II", "III",
    ]  # fmt: skip


def test_chapters_are_looked_for_where_the_labels_of_a_pdf_name_parts_alone() -> None:
    text = novel("CHAPTER ONE: The Sound", "CHAPTER TWO: The Storm", "CHAPTER THREE: The Ferry")
    made = source(text, len(text) // 3)
    pages = tuple(replace(page, label=f"{page.number} — THE FERRY") for page in made.pages)
    found = of_text("What is the third chapter called?", [replace(made, pages=pages)])
    assert found is not None
    assert found.text == "CHAPTER THREE: The Ferry"


def test_a_title_in_capitals_may_stand_right_below() -> None:
    assert titles(novel("CHAPTER I.\nTHE SOUND", "CHAPTER II.\nTHE STORM")) == [
        "CHAPTER I. THE SOUND",
        "CHAPTER II. THE STORM",
    ]


def test_addresses_and_footnotes_are_no_headings() -> None:
    text = novel("36 Essex Street", "CHAPTER I", "CHAPTER II", "1 Mr. Reel has denied it", "CHAPTER III", "1 In 1840")
    assert titles(text) == ["CHAPTER I", "CHAPTER II", "CHAPTER III"]


def test_chapters_of_a_second_part_do_not_make_those_of_the_first_a_list_of_contents() -> None:
    text = f"CHAPTER I\n\n{PROSE[:700]}\n\nCHAPTER II\n\n{PROSE}\n\nCHAPTER I\n\n{PROSE * 5}"
    assert titles(text) == ["CHAPTER I", "CHAPTER II", "CHAPTER I"]


def test_speakers_and_signatures_are_no_titles() -> None:
    assert titles(novel("ADA.", "TOMAS.", "ADA.", "TOMAS.", "A. J. REEL")) == []


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("In which chapter is the left wing of the heron broken?", "III - The Ferry"),
        ("In which chapter is the whale seen?", None),
        ("Which chapter is about whales?", None),
    ],
)
def test_one_chapter_is_named_for_what_happens_in_it(question: str, answer: str | None) -> None:
    chapters = ["I - The Sound", "II - The Storm", "III - The Ferry"]
    text = novel(*chapters).replace("Now began day 3.", "Ada found a heron. It had broken the left wing.")
    found = extract(question, question, [source(text)], Passages([source(text)]), None)
    assert (found and found.text) == answer


def test_chapters_that_begin_again_in_each_book_stay_however_short() -> None:
    first = "BOOK I\n\nCHAPTER I\n\nA short one about the sound.\n\nCHAPTER II\n\n"
    text = f"{first}{PROSE}\n\nBOOK II\n\nCHAPTER I\n\n{PROSE}\n\nCHAPTER II\n\n{PROSE}\n"
    assert titles(text) == ["BOOK I", "CHAPTER I", "CHAPTER II", "BOOK II", "CHAPTER I", "CHAPTER II"]


@pytest.mark.parametrize(
    "text",
    [
        "\n\n".join(f"{PROSE[:1900]}\n\n{number}" for number in range(1, 30)),  # numbers of pages
        f"{PROSE}\n\n1\n\n2\n\n3\n\n4\n\n{PROSE}",  # a list
        f"{PROSE * 4}\n\nI\n\n{PROSE}\n\nII\n\n{PROSE}\n\nIII\n\n{PROSE}",  # parts of something near the end
        f"{PROSE}\n\nI\n\n{PROSE}\n\nIV\n\n{PROSE}\n\nVI\n\n{PROSE}",
    ],
)
def test_other_numbers_are_no_chapters(text: str) -> None:
    assert titles(text) == []


@pytest.mark.parametrize(
    "line", ["I\n\n", "1\n\n", "chapter ", "chapter the first\n\n", "CHAPTER I\n\n", "I" * 50, " \n", "ACT I   "]
)
def test_hostile_text_takes_no_time(line: str) -> None:
    text = line * (100_000 // len(line))
    with little_effort():
        sections(source(text))


def test_a_chapter_of_parts_alone_is_told_by_its_parts() -> None:
    text = "".join(
        f"{number} Of day {number}\n\nNow began day {number}.\n\n{PROSE}\n\n\n" for number in ("1", "2.1", "2.2", "3")
    )
    pages, start = [], 0
    for part in text.split("\n\n\n")[:-1]:
        pages.append(PageRecord("d", len(pages) + 1, part.partition("\n")[0], start, start + len(part), part))
        start += len(part)
    own = Source("d", "The Ferry", tuple(pages), start)
    answer = overview(understand("Summarise chapter 2"), "Summarise chapter 2", [own])
    assert answer
    assert [line[:28] for line in answer.text.splitlines()] == [
        f"{at} Of day {at}: Now began da" for at in ("2.1", "2.2")
    ]


def test_parts_belong_to_a_chapter_whose_number_stands_behind_its_word() -> None:
    text = "".join(
        f"Chapter {number}: Days\n\n{number}.1 Of day {number}\n\nNow began day {number}.\n\n{PROSE}\n\n\n"
        for number in (1, 2, 3)
    )
    assert said("Summarise chapter 2", text).startswith("2.1 Of day 2: Now began day 2.")
