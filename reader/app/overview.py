"""A document at a glance, without a model: its contents with pages, a note about each, and questions worth asking.

They are made of the text's own headings, sentences and names, so that they are there as soon as the file is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reader.answering import Named, Source, introduced, is_front_matter, notes_of, people
from reader.wording import QUOTES, is_for_readers, plain_markdown
from storage import PageRecord

QUESTIONS = 5
MAX_HEADINGS = 2000

_TITLE_CHARS = 90
_NAMES_CHARS = 500_000
"""Names are looked for in a document's first characters, of about three hundred pages."""


@dataclass(frozen=True)
class Heading:
    """A section of a document, or a stretch of pages."""

    title: str
    """"" for a stretch of pages."""
    page: int
    last_page: int
    note: str
    """One to three of its own sentences; "" where it has none that stand alone."""


@dataclass(frozen=True)
class Glance:
    """What is shown of a document before anything is asked."""

    overview: tuple[Heading, ...]
    questions: tuple[str, ...]

    @property
    def contents(self) -> tuple[Heading, ...]:
        """The sections, without stretches of pages."""
        return tuple(heading for heading in self.overview if heading.title)


def glance(document_id: str, title: str, pages: Sequence[PageRecord], *, is_markdown: bool = False) -> Glance:
    """The overview of a document and questions that it answers; empty where the text has neither headings, sentences nor names."""
    shown = plain_markdown if is_markdown else str
    overview = tuple(
        Heading(
            _short(note.title) if is_for_readers(note.title) else "", note.first_page, note.last_page, shown(note.text)
        )
        for note in notes_of(document_id, title, pages)
        if note.text or (note.title.strip() and note.title.strip() != title.strip())
    )[:MAX_HEADINGS]
    named = [heading for heading in overview if heading.title]
    source = Source(document_id, title, tuple(pages), pages[-1].end_char if pages else 0)
    return Glance(overview, tuple(_questions(named, source)))


_OF_THE_BOOK = re.compile(
    r"\W*(?:preface|foreword|dedication|conventions|about (?:this|the) |who (?:should|this)|how to (?:use|read) this|vorwort"
    r"|avant-propos|préface|prefacio)",
    re.I,
)
"""Titles of parts that say how a book was made and is used; few ask for them."""


def _questions(contents: Sequence[Heading], source: Source) -> list[str]:
    pages = source.pages
    questions = ["What is this document about?"] if len(pages) > 1 or contents else []
    # A heading that is cut short names no chapter that a question could find.
    titles = [one.title for one in contents if not one.title.endswith("…")]
    chapters = [title for title in titles if not (is_front_matter(title) or _OF_THE_BOOK.match(title))]
    if len(chapters) > 1:
        questions += [_says(title) for title in (chapters[len(chapters) // 3], chapters[2 * len(chapters) // 3])]
    text = "\n\n".join(page.text for page in pages)
    questions += _who(people(text[:_NAMES_CHARS]), source)
    questions += map(_says, chapters)
    return list(dict.fromkeys(questions))[:QUESTIONS]


def _says(title: str) -> str:
    if title.endswith("?"):  # of a list of questions and answers
        return title
    return f"What does “{title.strip(QUOTES)}” say?"


def _who(named: Sequence[Named], source: Source) -> list[str]:
    """A question about each name that people have, and about each other one that the text defines or says something of.

    Things in the plural, and people in the plural without an article, are left out: most readers know what they are.
    """
    # A text in which no name does what people do, such as a paper, names things.
    has_people = any(one.is_alive for one in named)
    questions = []
    for one in named:
        if one.is_plural and not (one.is_defined or (one.is_alive and one.has_article)):
            continue
        if one.is_alive or one.is_defined or introduced(one.name, source, is_thing=True):
            is_open = has_people and not one.has_article and not one.is_defined
            word = "Who" if one.is_alive else "Who or what" if is_open else "What"
            verb = "are" if one.is_plural else "is"
            questions.append(f"{word} {verb} {'the ' if one.has_article else ''}{one.name}?")
    return questions


def _short(title: str) -> str:
    title = " ".join(title.split())
    return title if len(title) <= _TITLE_CHARS else title[:_TITLE_CHARS].rsplit(" ", 1)[0] + " …"
