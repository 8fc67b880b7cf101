"""When something happened: small decoders take a date from a sentence of the passage that tells of something else.

A date of another sentence than the one that has the question's words is given up for the one date there. By words alone, in
English, German, French, Spanish and Italian, which also find the day that a question or a line names. It runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from reader.answering.passages import sentences_of
from reader.answering.text.words import STOP_WORDS, content_words, stem

_WHEN = re.compile(
    r"\W*(?:and |but |so )?(?:when|(?:in )?(?:what|which) year|on (?:what|which) (?:day|date)|wann|in welchem jahr|quand"
    r"|en quelle année|cu[aá]ndo|en qu[eé] año|quando|in (?:che|quale) anno)\b",
    re.I,
)
_MONTH_NAMES = (
    "january januar janvier enero gennaio",
    "february februar février febrero febbraio",
    "march märz mars marzo",
    "april avril abril aprile",
    "may mai mayo maggio",
    "june juni juin junio giugno",
    "july juli juillet julio luglio",
    "august août agosto",
    "september septembre septiembre settembre",
    "october oktober octobre octubre ottobre",
    "november novembre noviembre",
    "december dezember décembre diciembre dicembre",
)
_SHORT_NAMES = (
    "jan janv ene gen",
    "feb fév",
    "mar mär",
    "apr avr abr",
    "mag",
    "jun giu",
    "jul juil lug",
    "aug ago",
    "sep sept set",
    "oct okt ott",
    "nov",
    "dec dez déc dic",
)


def _numbered(names: Sequence[str]) -> dict[str, int]:
    return {name: number for number, same in enumerate(names, start=1) for name in same.split()}


MONTHS: Mapping[str, int] = _numbered(_MONTH_NAMES)
"""The whole names of the months in small letters, with their numbers."""
_MONTHS = {**MONTHS, **_numbered(_SHORT_NAMES)}
_MONTH = rf"(?:{'|'.join(sorted(_MONTHS, key=len, reverse=True))})(?![^\W\d_])"
_YEAR = r"(?:1\d|20)\d\d"
_DATE = re.compile(
    rf"(?<![\w.,-])(?:\d{{1,2}}(?:st|nd|rd|th|\.|º|er)?(?: (?:of|de))? {_MONTH}\.?(?:,? (?:de )?{_YEAR})?"
    rf"|{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? {_YEAR})?|{_MONTH}\.?,? (?:of |de )?{_YEAR}|{_YEAR})(?!\w|[.,]\d|[–/-]\d)",
    re.I,
)
DAY = (
    r"(?:(?P<iso_year>\d{4})-(?P<iso_month>\d\d)-(?P<iso_day>\d\d)|(?P<day>\d{1,2})\.(?P<number>\d{1,2})\.(?P<year>\d{4})"
    rf"|(?P<day_first>\d{{1,2}})(?:st|nd|rd|th|\.|º|er)?(?: (?:of|de))? (?P<month>{_MONTH})\.?"
    rf"(?:,? (?:de )?(?P<year_last>{_YEAR}))?"
    rf"|(?P<month_first>{_MONTH})\.? (?P<day_last>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year_behind>{_YEAR}))?)(?!\w|[.,:/-]\d)"
)
"""The pattern of a date with its day, to be matched without regard to capitals."""
_SOME_DAY = re.compile(rf"(?<![\w.,/-]){DAY}", re.I)
_NAME = re.compile(r"[^\W\d_a-z]\w*")
_CLAUSE = re.compile(r"[,;:](?! \d{4})\s|\s(?=(?:and|but|while|when|before|after)\s)")
_AMOUNT = re.compile(r"[£$€¥]?\s*(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{3,}\.\d+)\.?")
_SAME_LETTERS = 3


class Day(NamedTuple):
    """A day of a year, or of any year."""

    month: int
    day: int
    year: int | None = None

    @classmethod
    def of(cls, found: re.Match[str]) -> Day:
        """The day of a match of `DAY`."""
        numbers = {name: int(text) for name, text in found.groupdict().items() if text and text.isdecimal()}
        name = found["month"] or found["month_first"]
        month = _MONTHS[name.casefold()] if name else numbers.get("iso_month") or numbers["number"]
        day = next(numbers[group] for group in ("iso_day", "day", "day_first", "day_last") if group in numbers)
        years = [numbers[group] for group in ("iso_year", "year", "year_last", "year_behind") if group in numbers]
        return cls(month, day, *years)

    def may_be(self, other: Day) -> bool:
        """Whether both are the same day, as far as both have a year."""
        same_day = (self.month, self.day) == (other.month, other.day)
        return same_day and (None in (self.year, other.year) or self.year == other.year)


def day_in(text: str) -> tuple[Day, str] | None:
    """The first day that a text names, and the text without it; None where it names none."""
    found = _SOME_DAY.search(text)
    return (Day.of(found), f"{text[: found.start()]} {text[found.end() :]}") if found else None


def days_in(text: str) -> Iterator[Day]:
    """The days that a text names."""
    return map(Day.of, _SOME_DAY.finditer(text))


def date_of_event(question: str, answer: str, passage: str) -> str:
    """The answer, or, where it is a date from another sentence than those that have the question's words, the one date in these.

    A name may be missing there, as a sentence may say *she*, unless the answer's own sentence has it. Where these sentences have
    no date or several, the answer stays.
    """
    date = answer.strip().rstrip(".")
    if not asks_when(question) or not _DATE.fullmatch(date):
        return answer
    said = sentences_of(passage)
    own = " ".join(text for text in said if date in text).casefold()
    names = {name for name in map(str.casefold, _NAME.findall(question)) if name not in own}
    asked = [word for word in content_words(_WHEN.sub("", question)) if word not in names | STOP_WORDS]
    told = [text for text in said if asked and all(_has(text, word) for word in asked)]
    if any(date in text for text in told):
        told = [clause for text in told for clause in _CLAUSE.split(text) if all(_has(clause, word) for word in asked)]
    dates = {found[0] for text in told for found in _DATE.finditer(text)}
    return dates.pop() if len(dates) == 1 and not any(date in text for text in told) else answer


def asks_when(question: str) -> bool:
    """Whether a question asks for a date."""
    return bool(_WHEN.match(question))


def is_amount(question: str, answer: str) -> bool:
    """Whether an answer to when is an amount, such as 12,111.06."""
    return asks_when(question) and bool(_AMOUNT.fullmatch(answer.strip()))


def _has(text: str, word: str) -> bool:
    """Whether a text has a word or another form of it, such as *die* for *died*."""
    root = stem(word)
    return any(
        other == root or (len(root) >= _SAME_LETTERS and other.startswith(root) and len(other) <= len(root) + 2)
        for other in map(stem, content_words(text))
    )
