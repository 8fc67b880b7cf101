"""The numbered headings of a paper or a contract whose text has no blank lines around them, as that of a PDF."""

from __future__ import annotations

import pytest

from reader.answering.extractive.overview import overview
from reader.answering.passages import Source
from reader.answering.requests import understand
from reader.answering.text.outline import sections
from reader.app.overview import glance
from storage import PageRecord

PROSE = "Herons were counted along the river in every season, from the weir to the bridge below the town.\n" * 2

PAPER = f"""A Count of Herons
Ada Reel, University of Skerrin
Abstract
We counted herons at six places and found 41 of them.
1 Introduction
{PROSE}2 Method
{PROSE}2.1 Places and Hours
The six places lie between the weir and the bridge.
2.2 Observers
Two people watched at each place.
2 of them were students
Nobody was paid. The steps were these.
1 Walk to the place
2 Wait for an hour
3 Count the birds
{PROSE}3 Results
{PROSE}4 Conclusion
Herons keep to the weir. {PROSE}Table 1: Herons by place.
weir | 30
bridge | 11
Acknowledgements
We thank the miller.
References
Tomas Reel. Birds of the river.
"""
HEADINGS = [
    "1 Introduction",
    "2 Method",
    "2.1 Places and Hours",
    "2.2 Observers",
    "3 Results",
    "4 Conclusion",
    "Acknowledgements",
    "References",
]


def source(text: str, pages: int = 1) -> Source:
    """A document of that text, cut into pages at the lines nearest to equal parts."""
    lines = text.splitlines(keepends=True)
    cut = ["".join(lines[len(lines) * n // pages : len(lines) * (n + 1) // pages]) for n in range(pages)]
    starts = [sum(map(len, cut[:n])) for n in range(pages)]
    made = tuple(
        PageRecord("d", n + 1, str(n + 1), start, start + len(own), own)
        for n, (start, own) in enumerate(zip(starts, cut, strict=True))
    )
    return Source("d", "A Count of Herons", made, len(text))


def titles(text: str, pages: int = 1) -> list[str]:
    return [one.title for one in sections(source(text, pages))]


def said(question: str, text: str = PAPER, pages: int = 1) -> str:
    found = overview(understand(question), question, [source(text, pages)])
    assert found is not None
    return found.text


@pytest.mark.parametrize("pages", [1, 3])
def test_the_numbered_parts_of_a_paper_are_its_sections(pages: int) -> None:
    assert titles(PAPER, pages) == HEADINGS


def test_a_list_of_contents_before_them_is_passed_over() -> None:
    contents = "\n".join(HEADINGS[:6])
    assert (
        titles(
            f"A Count of Herons\n{contents}\n{PROSE}{PAPER.partition('1 Introduction')[1]}{PAPER.partition('1 Introduction')[2]}"
        )
        == HEADINGS
    )
    with_pages = "\n".join(f"{heading} {number}" for number, heading in enumerate(HEADINGS[:6], 1))
    found = titles(f"A Count of Herons\n{with_pages}\n{PROSE}{PAPER}")
    assert found[-6:] == HEADINGS[2:]


def test_a_list_of_contents_names_headings_without_numbers() -> None:
    names = ["Introduction", "How the Herons Were Counted, and by Whom in Which Year", "What Became of Them", "Thanks"]
    dots = "".join(f"{name} {'. ' * 9}{7 * at}\n" for at, name in enumerate(names, 1)).replace(
        "and by Whom", "and by Whom\n"
    )
    text = f"A Count of Herons\nTable of Contents\n{dots}{PROSE}" + "".join(f"{name}\n{PROSE * 9}" for name in names)
    found = [section.title for section in sections(source(text, 4))]
    assert found == [names[0], *names[2:]]  # the title on two lines is not among the entries


def test_roman_numbers_in_capitals_are_found() -> None:
    text = f"I. INTRODUCTION\n{PROSE}II. RELATED WORK\n{PROSE}III. METHOD\n{PROSE}REFERENCES\n[1] A. Reel.\n"
    assert titles(text) == ["I. INTRODUCTION", "II. RELATED WORK", "III. METHOD", "REFERENCES"]


@pytest.mark.parametrize(
    "text",
    [
        # a list of steps, close together and far apart
        f"{PROSE}1. Introduction of the guests\n2. Dinner\n3. Speeches\n{PROSE}",
        f"{PROSE}1. Fill the Kettle\n{PROSE}2. Boil the Water\n{PROSE}3. Pour the Tea\n{PROSE}",
        # too few, or not from the first one on
        f"1 Introduction\n{PROSE}2 Method\n{PROSE}",
        f"3 Introduction\n{PROSE}4 Method\n{PROSE}5 Results\n{PROSE}",
        # lines of prose that begin with a number
        f"{PROSE}1 summary of the count was lost\n{PROSE}2 Herons were seen again at the weir.\n{PROSE}3 Method,\n{PROSE}",
        f"References\n{PROSE}Acknowledgements\n{PROSE}",
    ],
)
def test_a_list_is_no_outline(text: str) -> None:
    assert titles(text) == []


def test_a_part_is_asked_for_by_its_number_with_and_without_the_parts_in_it() -> None:
    assert "weir and the bridge" in said("What does section 2.1 say?")
    assert "Two people" not in said("What does section 2.1 say?")
    assert said("Summarise section 2.2").startswith("2.2 Observers: Two people watched")
    assert "Two people" in said("Summarise chapter 2")
    assert said("What does section 3.7 say?").startswith("3 Results")


@pytest.mark.parametrize("pages", [1, 4])
def test_a_paper_ends_with_its_conclusion_not_with_its_references(pages: int) -> None:
    assert said("How does it end?", pages=pages).startswith("4 Conclusion: Herons keep to the weir.")


@pytest.mark.parametrize("title", ["2.2 Observers", "Observers", "observers"])
def test_a_part_is_asked_for_by_its_title(title: str) -> None:
    assert said(f"What does “{title}” say?").startswith("2.2 Observers: Two people watched")
    assert overview(understand("What does “Ponds” say?"), "What does “Ponds” say?", [source(PAPER)]) is None


LEASE = (
    'This lease is made between Alder Holdings Ltd (the "Landlord") and Thomas Wren (the "Tenant"). '
    "The Landlord has let the shop to the Tenant. The Tenant had seen it. The Landlord was paid, and the Tenant was let in. "
    "The Landlord keeps the roof. "
)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("As every year, once more, Skerrin Count is a list of birds. " * 3, "What is Skerrin Count?"),
        ("As every year, once more, Ada Reel said no. " * 3, "Who is Ada Reel?"),
        ("Then the Warden said no. " * 3, "Who is the Warden?"),
        ("Then Ada Reel said that the Mill was closed. The Mill is a house for grinding. " * 3, "What is the Mill?"),
        (
            "Then Ada Reel said no, and the Thanes said yes. The Thanes are wise. " * 3,
            "Who are the Thanes?",
        ),
        (LEASE, "Who is the Landlord?"),
        (LEASE, "Who is the Tenant?"),
    ],
)
def test_questions_ask_who_people_are_and_what_things_are(text: str, question: str) -> None:
    assert question in asked(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Then Ada Reel said that the Mill was closed. " * 3, "Mill"),  # nothing says what it is
        ("Ada Reel said yes. On the bank of the Hudson, Ada went up the Hudson. The Hudson was calm. " * 3, "Hudson"),
        ("Ada Reel said that the Happy Isle was near. By the Lucky Isle Ada Reel stood. " * 3, "Isle"),
        ("Then Ada Reel said no. There Ministers were seen, as Ministers have gone. " * 3, "Ministers"),
        (LEASE.replace('(the "Landlord")', "and a Landlord"), "Landlord"),
    ],
)
def test_no_question_asks_about_a_place_or_what_the_text_does_not_introduce(text: str, name: str) -> None:
    assert not [question for question in asked(text) if name in question]


def asked(text: str) -> tuple[str, ...]:
    """The questions that are suggested about a text."""
    return glance("d", "Title", source(text).pages).questions


def test_the_questions_that_a_paper_suggests_about_its_parts_are_answered_from_them() -> None:
    asked = [question for question in glance("d", "Title", source(PAPER).pages).questions if "“" in question]
    assert len(asked) >= 2
    for question in asked:
        title = question.partition("“")[2].partition("”")[0]
        assert said(question).startswith(f"{title}: ")
