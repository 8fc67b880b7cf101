"""The entries of diaries, logs and minutes: what stands under a date, up to the next date.

An entry begins with a line that begins with its date, such as "## 3 May", "Monday, 3 May 1861" or "2024-05-03 14:02 Pump on"; a day
may have several such lines. It runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from reader.answering.passages import Passage, Source
from reader.answering.refusal import says_nothing
from reader.answering.text.days import DAY, Day, days_in
from reader.answering.text.outline import Section

_LEAST_DAYS = 3
"""A letter has a date, too, and is no diary."""

_LEAST_CHARS = 5
"""An entry says something: the labels of a chart are none."""
_IN_ORDER = 0.9
"""The share of the days that follow the one before, or all go back: the dates of notes and of lines that were broken do neither."""

_WEEKDAY = (
    r"(?:(?:mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch"
    r"|(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
    r"|(?:lune|marte|mercole|giove|vener)dì|sabato|domenica)"
)
_BEGINNING = re.compile(
    rf"^[ \t#>*\[(•–-]*(?P<title>(?:{_WEEKDAY}\.?,? )?{DAY})[ \t\])*]*"
    r"(?:(?P<end>$)|[.:;—–-]+[ \t]*(?=\S)|(?=\d{1,2}[:.h]\d\d|(?-i:[^\W\d_a-z])))",
    re.I | re.M,
)


class _Beginning(NamedTuple):
    day: Day
    printed: str
    is_alone: bool
    """Whether nothing else stands in its line."""
    start_char: int
    """In the document."""


def entry(day: Day, source: Source) -> Section | None:
    """What a document has under a day; None where it has no entries, none of this day, or those of several years."""
    own = [(one, end) for one, end in _with_ends(_entries(source), source) if one.day.may_be(day)]
    if len(own) != 1:
        return None
    (one, end), *_ = own
    pages = tuple(page for page in source.pages if page.start_char < end and page.end_char > one.start_char)
    return Section(one.printed if one.is_alone else "", pages, one.start_char, end)


def leaves_out(day: Day, source: Source) -> bool:
    """Whether a document is a diary or the like, and as a whole names a day nowhere."""
    return (
        source.is_read
        and has_entries(source)
        and not any(one.may_be(day) for page in source.pages for one in days_in(page.text))
    )


def has_entries(source: Source) -> bool:
    """Whether a document is a diary, a log or the like, as far as it was read."""
    return bool(_entries(source))


def day_at(char: int, source: Source) -> str:
    """The day, as printed, of the entry that a character of a document stands in; "" where it stands in none."""
    before = [one.printed for one in _entries(source) if one.start_char <= char]
    return before[-1] if before else ""


def with_day(answer: str, places: Iterable[Sequence[Passage]], sources: Sequence[Source]) -> str:
    """An answer to when something happened with the day in front of it, as printed, of the entry that it stands in.

    It stays as it is if it has a figure or says nothing.

    Args:
        places: passages, those first that were looked at; the first that have the answer count, and only one may have it.
    """
    said = answer.strip().rstrip(".")
    if says_nothing(said) or any(sign.isdigit() for sign in said):
        return answer
    having = ([passage for passage in passages if said in passage.text] for passages in places)
    found = next(filter(None, having), [])
    if len(found) != 1:
        return answer
    (passage,) = found
    source = next(one for one in sources if one.document_id == passage.document_id)
    day = day_at(passage.start_char + passage.text.index(said), source)
    return f"{day}, {said}" if day else answer


def _entries(source: Source) -> list[_Beginning]:
    """The beginnings of the entries that were read; none where a document has too few to be a diary, or in no order."""
    lines = [
        _Beginning(Day.of(found), found["title"], found["end"] is not None, page.start_char + found.start())
        for page in source.read
        for found in _BEGINNING.finditer(page.text)
    ]
    first = [next(own) for _, own in groupby(lines, key=lambda line: line.day)]
    first = [
        line for line, end in _with_ends(first, source) if end - line.start_char - len(line.printed) >= _LEAST_CHARS
    ]
    steps = [_is_later(one.day, other.day) for one, other in pairwise(first)]
    is_ordered = max(sum(steps), len(steps) - sum(steps)) >= _IN_ORDER * len(steps)
    return first if len({line.day for line in first}) >= _LEAST_DAYS and is_ordered else []


def _with_ends(found: Sequence[_Beginning], source: Source) -> Iterator[tuple[_Beginning, int]]:
    """Each beginning, and where the next one or what was read ends it."""
    return zip(found, [*(one.start_char for one in found[1:]), source.chars_read], strict=False)


def _is_later(day: Day, other: Day) -> bool:
    """Whether another day comes after a day; of days without years, those of the next half-year do."""
    if day.year and other.year and day.year != other.year:
        return other.year > day.year
    months = (other.month - day.month) % 12
    return other.day > day.day if not months else months < 6
