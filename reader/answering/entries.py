"""The entries of diaries, logs and minutes: what stands under a date, up to the next date.

An entry begins with a line that begins with its date, such as "## 3 May", "Monday, 3 May 1861" or "2024-05-03 14:02 Pump on"; a day
may have several such lines. It runs no decoder.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import NamedTuple

from reader.answering.dates import DAY, Day
from reader.answering.outline import Section
from reader.answering.passages import Source

_LEAST_DAYS = 3
"""A letter has a date, too, and is no diary."""

_BEGINNING = re.compile(
    rf"^[ \t#>*\[(•–-]*(?P<title>(?:[^\W\d_]{{2,12}}\.?,? )?{DAY})[ \t\])*]*(?:(?P<end>$)|[.:;,|—–-]*[ \t]*(?=[^\Wa-z]))",
    re.I | re.M,
)


class _Beginning(NamedTuple):
    day: Day
    title: str
    """The date as printed; "" where the entry's text goes on in the same line."""
    start_char: int
    """In the document."""


def entry(day: Day, source: Source) -> Section | None:
    """What a document has under a day; None where it has no entries, none of this day, or those of several years."""
    read = [page for page in source.pages if page.end_char <= source.chars_read]
    lines = [
        _Beginning(Day.of(found), found["title"] if found["end"] is not None else "", page.start_char + found.start())
        for page in read
        for found in _BEGINNING.finditer(page.text)
    ]
    if len({line.day for line in lines}) < _LEAST_DAYS:
        return None
    first = [next(own) for _, own in groupby(lines, key=lambda line: line.day)]
    ends = [*(line.start_char for line in first[1:]), read[-1].end_char]
    own = [(line, end) for line, end in zip(first, ends, strict=True) if line.day.may_be(day)]
    if len(own) != 1:
        return None
    (line, end), *_ = own
    pages = tuple(page for page in read if page.start_char < end and page.end_char > line.start_char)
    return Section(line.title, pages, line.start_char, end)
