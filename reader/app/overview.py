"""A document at a glance, without a model: its contents with pages, and questions worth asking.

Both are made of the text's own headings and names, so that they are there as soon as the file is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from reader.answering import sections_of
from storage import PageRecord

QUESTIONS = 5
MAX_HEADINGS = 200

_TITLE_CHARS = 90
_NAME = re.compile(r"(?<=[a-z,;] )(?:[A-Z][a-z]{2,}(?: (?:of |the |de |von )?[A-Z][a-z]{2,}){1,2})\b")
_LEAST_NAMED = 3
_NOT_NAMES = {
    "January",
    "February",
    "March",
    "April",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
}
_FRONT = re.compile(
    r"contents|index|preface|foreword|copyright|acknowledge?ments?|references|bibliography|notes|licen[cs]e", re.I
)


@dataclass(frozen=True)
class Heading:
    """A section of a document."""

    title: str
    page: int
    last_page: int


@dataclass(frozen=True)
class Glance:
    """What is shown of a document before anything is asked."""

    contents: tuple[Heading, ...]
    questions: tuple[str, ...]


def glance(document_id: str, title: str, pages: Sequence[PageRecord]) -> Glance:
    """The contents of a document and questions that it answers; empty where the text has neither headings nor names."""
    found = sections_of(document_id, title, pages)
    starts = [section.pages[0].number for section in found if section.pages]
    ends = [max(start, following - 1) for start, following in pairwise([*starts, len(pages) + 1])]
    contents = tuple(
        Heading(_short(section.title), start, end)
        for section, start, end in zip(found, starts, ends, strict=False)
        if section.title.strip() and section.title.strip() != title.strip()
    )[:MAX_HEADINGS]
    return Glance(contents, tuple(_questions(contents, pages)))


def _questions(contents: Sequence[Heading], pages: Sequence[PageRecord]) -> list[str]:
    questions = ["What is this document about?"] if len(pages) > 1 or contents else []
    chapters = [heading.title for heading in contents if not _FRONT.search(heading.title)]
    if len(chapters) > 1:
        questions += [
            f"What does “{title}” say?" for title in (chapters[len(chapters) // 3], chapters[2 * len(chapters) // 3])
        ]
    names = Counter(name for page in pages for name in _NAME.findall(page.text))
    usual = [
        name for name, times in names.most_common(12) if times >= _LEAST_NAMED and not _NOT_NAMES & set(name.split())
    ]
    questions += [f"Who or what is {name}?" for name in usual]
    questions += [f"What does “{title}” say?" for title in chapters]
    return list(dict.fromkeys(questions))[:QUESTIONS]


def _short(title: str) -> str:
    title = " ".join(title.split())
    return title if len(title) <= _TITLE_CHARS else title[:_TITLE_CHARS].rsplit(" ", 1)[0] + " …"
