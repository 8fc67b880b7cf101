"""Days, months and years as texts and questions name them, in English, German, French, Spanish and Italian."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_MOMENT = re.compile(
    rf"(?<![\w.,/-])(?:{DAY}|(?P<month_alone>{MONTH})(?:\.?,?(?: of| de)? (?P<of_year>{YEAR}))?|(?P<year_alone>{YEAR}))(?![\w-])",
    re.I,
)
_TO = r"(?:and|to|until|through|und|bis(?: zum)?|et|au|à|y|al?|hasta)(?: the| dem| le| el)?"
_LEAD = re.compile(
    rf"(?<!\w)(?:(?P<from>between|from|zwischen|vo[mn]|entre|du|del?)(?: (?:the|dem|le|el))?"
    rf"(?: (?P<first>\d{{1,2}})(?:st|nd|rd|th|\.|º|er)? {_TO})?"
    r"|(?P<since>since|starting|seit|ab|depuis|à partir d[eu]|desde)(?: (?:the|dem|le|el))?"
    r"|(?P<until>until|till|up to|bis(?: zum)?|jusqu['’](?:en|au)|hasta)(?: (?:the|el))?"
    r"|(?P<before>before|vor|avant|antes del?)(?: (?:the|dem|le|el))?"
    r"|(?P<after>after|nach|après|después del?)(?: (?:the|dem|le|el))?"
    r"|(?P<within>(?:in|during|for|of|im|en|pour|au mois de?|de)(?: the month of| (?:dem )?jahr| l['’]année)?)) ?\Z",
    re.I,
)
"""What stands before a day, a month or a year."""
_ONWARD = re.compile(r" on(?:wards?)?\b", re.I)
_ORDINALS = (
    "first|1st|ersten?|premier|primer",
    "second|2nd|zweiten?|deuxième|segundo",
    "third|3rd|dritten?|troisième|tercer",
    "fourth|4th|vierten?|quatrième|cuarto",
)
_PART_OF_YEAR = re.compile(
    r"(?<!\w)(?:in|during|for|of|im|au|en|pour|durante)? ?(?:the |l[ae] |el )?"
    rf"(?:(?:{'|'.join(f'(?P<part_{number}>{names})' for number, names in enumerate(_ORDINALS))}) "
    r"(?:(?P<quarter>quarter|quartal|trimest(?:re|er))|half(?= of)|halbjahr|semest(?:re|er))|q(?P<digit>[1-4]))"
    rf"(?:,?(?: of| de)?(?: the year)?(?: (?P<year_alone>{YEAR}))?)(?![\w-])",
    re.I,
)
_QUARTERS, _HALVES, _MONTHS_OF_YEAR, _MOST_DAYS = 4, 2, 12, 31
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


_Bound = tuple[int | None, int, int]
"""A year if one is named, a month and a day, to be compared with those of a day."""


class Period(NamedTuple):
    """From one day to another, that a text names as days, months or years, and the text without it."""

    low: _Bound | None
    high: _Bound | None
    rest: str
    is_one: bool = False
    """Whether it is one day, month or year, and not from one to another."""

    def has(self, other: Day) -> bool:
        """Whether a day lies within, as far as it has a year."""
        own = other.year or 0, other.month, other.day
        low, high = (bound and bound[bound[0] is None or not other.year :] for bound in (self.low, self.high))
        return (low is None or low <= own[-len(low) :]) and (high is None or own[-len(high) :] <= high)

    def fits(self, days: Iterable[Day | None]) -> bool:
        """Whether it is clear which of some days lie within: from March on is not, where they are of several years."""
        years = {day.year for day in days if day}
        has_year = any(bound and bound[0] for bound in (self.low, self.high))
        return self.is_one or (None not in years if has_year else len(years) == 1)


def period_in(text: str) -> Period | None:
    """The first period that a text names, such as a day, "in March", "since 2024" or "in the second quarter"; None without one."""
    if found := _PART_OF_YEAR.search(text):
        part = next((number for number in range(_QUARTERS) if found[f"part_{number}"]), int(found["digit"] or 1) - 1)
        months = _MONTHS_OF_YEAR // (_QUARTERS if found["quarter"] or found["digit"] else _HALVES)
        year = int(found["year_alone"]) if found["year_alone"] else None
        rest = f"{text[: found.start()]} {text[found.end() :]}"
        return Period((year, part * months + 1, 1), (year, (part + 1) * months, _MOST_DAYS), rest)
    moments = [*_MOMENT.finditer(text)]
    days = [found for found in moments if not (found["month_alone"] or found["year_alone"])]
    for found in (*days[:1], *moments):
        lead = _LEAD.search(text[: found.start()])
        kind = next((name for name, said in lead.groupdict().items() if said), "") if lead else ""
        behind = next((one for one in moments if one.start() > found.end()), None)
        start, end = lead.start() if lead else found.start(), found.end()
        low, high = _bounds(found)
        if lead and lead["first"]:
            low = low[0], low[1], int(lead["first"])
        elif (
            behind and kind in ("from", "within") and re.fullmatch(f" {_TO} ", text[found.end() : behind.start()], re.I)
        ):
            high, end = _bounds(behind)[1], behind.end()
            low = (high[0] if low[0] is None else low[0]), *low[1:]
        elif kind == "from":  # payments from March are of March, or from then on
            is_clear = not text[start:].lower().startswith("from ")
            kind = "since" if (onward := _ONWARD.match(text, end)) else "within" if is_clear else ""
            end = onward.end() if onward else end
        rest = f"{text[:start]} {text[end:]}"
        if lead and (lead["first"] or (behind and end == behind.end())):
            return Period(low, high, rest)
        ends = {
            "since": (low, None),
            "until": (None, high),
            "before": (None, (*low[:2], low[2] - 1)),
            "after": ((*high[:2], high[2] + 1), None),
        }
        if kind in ends:
            return Period(*ends[kind], rest)
        if kind == "within" or found in days:
            return Period(low, high, rest, is_one=True)
    return None


def _bounds(found: re.Match[str]) -> tuple[_Bound, _Bound]:
    """The first and the last day of a match of `_MOMENT`."""
    if year := found["year_alone"]:
        return (int(year), 1, 1), (int(year), _MONTHS_OF_YEAR, _MOST_DAYS)
    if name := found["month_alone"]:
        year, month = int(found["of_year"]) if found["of_year"] else None, _MONTHS[name.casefold()]
        return (year, month, 1), (year, month, _MOST_DAYS)
    day = Day.of(found)
    return (day.year, day.month, day.day), (day.year, day.month, day.day)


def as_day(text: str) -> Day | None:
    """The day that a text is, and nothing else; None where it is none."""
    found = _A_DAY.fullmatch(_WEEKDAY.sub("", text.strip()))
    return Day.of(found) if found else None


def days_in(text: str) -> Iterator[Day]:
    """The days that a text names."""
    return map(Day.of, _SOME_DAY.finditer(text))
