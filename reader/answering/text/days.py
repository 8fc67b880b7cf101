"""Days, months and years as texts and questions name them, in English, German, French, Spanish and Italian."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

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
MONTH = rf"(?:{'|'.join(sorted(_MONTHS, key=len, reverse=True))})(?![^\W\d_])"
YEAR = r"(?:1\d|20)\d\d"
DAY = (
    r"(?:(?P<iso_year>\d{4})-(?P<iso_month>\d\d)-(?P<iso_day>\d\d)|(?P<day>\d{1,2})\.(?P<number>\d{1,2})\.(?P<year>\d{4})"
    rf"|(?P<day_first>\d{{1,2}})(?:st|nd|rd|th|\.|º|er)?(?: (?:of|de))? (?P<month>{MONTH})\.?"
    rf"(?:,? (?:de )?(?P<year_last>{YEAR}))?"
    rf"|(?P<month_first>{MONTH})\.? (?P<day_last>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year_behind>{YEAR}))?)(?!\w|[.,:/-]\d)"
)
"""The pattern of a date with its day, to be matched without regard to capitals."""
_A_DAY = re.compile(DAY, re.I)
_WEEKDAY = re.compile(
    r"(?:(?:mon|tues?|wednes|thurs?|fri|satur|sun)(?:day)?|wed|thu|sat|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|mo|di|mi|do|fr|sa|so"
    r"|(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo)(?:\.|,|\.,)? (?=\w)",
    re.I,
)
_PERIOD = re.compile(
    rf"\b(?:in|during|for|of|im|en|pour|au mois de?|de)(?: the month of| (?:dem )?jahr| l['’]année)? ?"
    rf"(?:(?P<month>{MONTH})(?:\.?,?(?: of| de)? (?P<year>{YEAR}))?|(?P<alone>{YEAR}))(?![\w-])",
    re.I,
)
_SOME_DAY = re.compile(rf"(?<![\w.,/-]){DAY}", re.I)


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


class Period(NamedTuple):
    """A day, a month or a year that a text names, and the text without it."""

    year: int | None
    month: int | None
    day: int | None
    rest: str

    def has(self, other: Day) -> bool:
        """Whether a day lies within, as far as it has a year."""
        return all(
            None in pair or pair[0] == pair[1]
            for pair in ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        )


def period_in(text: str) -> Period | None:
    """The first day that a text names, else the month or the year in which something is; None where it names none."""
    if named := day_in(text):
        day, rest = named
        return Period(day.year, day.month, day.day, rest)
    if not (found := _PERIOD.search(text)):
        return None
    year, month = found["year"] or found["alone"], found["month"]
    rest = f"{text[: found.start()]} {text[found.end() :]}"
    return Period(int(year) if year else None, _MONTHS[month.casefold()] if month else None, None, rest)


def as_day(text: str) -> Day | None:
    """The day that a text is, and nothing else; None where it is none."""
    found = _A_DAY.fullmatch(_WEEKDAY.sub("", text.strip()))
    return Day.of(found) if found else None


def days_in(text: str) -> Iterator[Day]:
    """The days that a text names."""
    return map(Day.of, _SOME_DAY.finditer(text))
