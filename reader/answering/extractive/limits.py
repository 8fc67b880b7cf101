"""Which of all things lie within a limit, without a decoder: "Which courses are under £200?", "Which halls opened before 1960?".

The things and their values are those of `comparisons`, and as there all words of a question must be understood. Days and times of
day are values, too. In English, German, French and Spanish.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from reader.answering.extractive.comparisons import (
    HOW_MANY,
    LEFT_OUT,
    MOST_CHARS,
    MOST_LISTED,
    OWN_WORDS,
    PAYING,
    Asked,
    Found,
    asks_which,
)
from reader.answering.extractive.overview import Overview
from reader.answering.passages import Passages, Source
from reader.answering.text.days import DAY, Day
from reader.answering.text.languages import language_of
from reader.answering.text.measures import NUMBER, PRICE, Measure, compared_in, measure_of
from reader.answering.text.numerals import ANY_NUMERAL
from reader.answering.text.records import Grid, stems
from reader.answering.text.values import Value, decimal_sign, is_missing, value, values_said
from reader.answering.text.words import bare, subject_words

BELOW = r"under|below|less than|fewer than|weniger als|unter|moins de|en dessous de|menos de|por debajo de"
ABOVE = r"over|above|more than|mehr als|über|plus de|au-dessus de|más de|por encima de"
_BEFORE, _AFTER = r"before|earlier than|vor|avant|antes del?", r"after|later than|nach|après|después del?"
_NO = r"(?:no|not|nicht|pas)"
_AT_MOST = rf"at most|up to|{_NO} (?:{ABOVE})|höchstens|maximal|bis zu|au (?:plus|maximum)|como máximo|hasta"
_AT_LEAST = rf"at least|{_NO} (?:{BELOW})|mindestens|wenigstens|au (?:moins|minimum)|al menos|como mínimo"
_AMOUNT = rf"[£$€¥]?\s?(?:\d[\d.,]{{0,12}}(?<![.,])|(?:{ANY_NUMERAL})(?!\w))"
_LIMIT = re.compile(
    rf"(?<!\w)(?:(?P<most>{_AT_MOST})|(?P<least>{_AT_LEAST})|(?P<below>{BELOW})|(?P<above>{ABOVE})|(?P<before>{_BEFORE})"
    rf"|(?P<after>{_AFTER})|(?:between|zwischen|entre) (?P<low>{_AMOUNT}(?:[:.]\d\d)?)(?: [\w€]{{1,12}})? (?:and|und|et|y)) (?=\S)",
    re.I,
)
_OR = re.compile(
    r" (?:or|oder|ou|o) (?:(?P<most>less|fewer|under|cheaper|weniger|moins|menos)|(?P<least>more|over|longer|mehr|plus|más))(?!\w)",
    re.I,
)
_THAN = re.compile(r"(?P<field>[^\d£$€¥]{0,40}?) ?(?:than|als|que|de) ", re.I)
_PLAIN = re.compile(_AMOUNT, re.I)
_MOMENT = re.compile(
    rf"(?:(?:the|dem|den|le|el|at|um|à|las?) )?(?:{DAY}|(?P<hour>\d{{1,2}})(?:[:.](?P<minute>\d\d))?"
    r"(?: ?(?P<half>[ap])\.?m\.?| o['’]clock| uhr| heures?| ?h(?: ?(?P<past>\d\d))?|(?<=:\d\d))(?![\w:]))",
    re.I,
)
_OTHERS = re.compile(
    r"\b(?:not?|never|without|except|both|or|and|oder|und|ou|et|nicht|keine?|ohne|pas|sans|sin)\b|n['’]t\b", re.I
)
_VERBS = stems(
    """
    get gets got leave leaves long high lang hoch
    last lasts start starts begin begins open opens opened weigh weighs hold holds seat seats sleep sleeps available
    wie viele viel gelten gibt beginnen öffnen dauern wiegen fassen für beim
    combien accueillent durent commencent ouvrent pèsent cuántos cuántas empiezan duran pesan cuestan
    """
)
"""Words that say how a value is had, unless a field is called so."""
_EURO = re.compile(r"(?<=\d) ?(?:euros?|eur)\b", re.I)
_NONE = {"en": "None", "de": "Keine", "fr": "Aucun", "es": "Ninguno"}
_MOMENTS = ("day", "clock")
_LONG, _NOON = 600, 12
_YEAR = 10_000
"""A day that has a year has at least this size as a value."""


class Limit(NamedTuple):
    """What values must lie between, and the question without that."""

    low: Value | None
    high: Value | None
    includes: bool
    """Whether the limits themselves lie within."""
    rest: str
    measure: Measure | None = None
    """What is compared, if a word such as *cheaper* says so."""

    @property
    def bound(self) -> Value:
        """One of the limits; both are of the same kind."""
        bound = self.low or self.high
        assert bound is not None
        return bound

    def holds(self, one: Value) -> bool:
        """Whether a value lies within: by its size, or by its number if the limit or the value has no unit."""
        has_unit = bool(self.bound.dimension and one.dimension)
        low, size, high = (
            (each.size if has_unit else each.number) if each else end
            for each, end in ((self.low, -math.inf), (one, 0.0), (self.high, math.inf))
        )
        return low <= size <= high if self.includes else low < size < high


def limited(question: str, sources: Sequence[Source], passages: Passages) -> Overview | None:
    """All things that lie within the limit of a question, or how many; None where it has none, or is not understood."""
    if not all(source.is_read for source in sources) or len(question) > MOST_CHARS:
        return None
    asked = Asked(question, sources, passages)
    limit = limit_in(bare(question))
    how_many = HOW_MANY.match(question)
    if limit is None or not (how_many or asks_which(asked)) or _OTHERS.search(limit.rest) or _LIMIT.search(limit.rest):
        return None
    said: dict[str, Found] = {}
    for found in _comparable(asked, limit):
        counted = how_many["what"].split()[: len(found.grid.noun.split())] if how_many else ()
        own = tuple(thing for thing, one in zip(found.things, found.values, strict=True) if limit.holds(one))
        if len(own) > MOST_LISTED or (how_many and stems(" ".join(counted)) != stems(found.grid.noun)):
            return None
        labels = ", ".join(thing.label for thing in own)
        said[f"{len(own)} ({labels})" if how_many and own else labels] = replace(found, things=own or found.things)
    if len(said) != 1:
        return None
    ((labels, found),) = said.items()
    return Overview(labels or _NONE.get(language_of(question), "None"), tuple(found.places))


def _comparable(asked: Asked, limit: Limit) -> list[Found]:
    """The fields that may be meant, each with all of its values."""
    bound = limit.bound
    measure = limit.measure or (PRICE if PAYING.search(limit.rest) else measure_of(bound.dimension))
    texts = limit.rest, LEFT_OUT.sub(" ", limit.rest)
    whole, part = (stems(" ".join(subject_words(text))) - OWN_WORDS for text in texts)
    for rest in (whole, whole - _VERBS, part - _VERBS):
        if bound.dimension in _MOMENTS:
            found = [one for place in asked.grids for one in _moments(asked, *place, bound, rest)]
        else:
            found = [one for one in asked.found(measure, rest) if _is_alike(one.values[0], bound)]
            # At least ten weeks, where a field is called so.
            found = found or [
                one
                for one in asked.found(NUMBER, rest | stems(_PLAIN.sub("", bound.printed)))
                if not one.values[0].dimension
            ]
        if found:
            return found
    return []


def _is_alike(one: Value, bound: Value) -> bool:
    """Whether a value is of the kind of the limit; a limit without a unit may be an amount of money."""
    is_same = re.sub("euros?|eur$", "€", one.dimension.casefold()) == bound.dimension.casefold()
    return is_same or (not bound.dimension and one.dimension.startswith("money"))


def _moments(asked: Asked, source: Source, grid: Grid, bound: Value, rest: frozenset[str]) -> Iterator[Found]:
    """The fields of a grid that are all days, or all times of day, as numbers."""
    fields: dict[str, tuple[tuple[str], ...]] = {}
    for field, name in enumerate(grid.fields):
        cells = [row[field].strip() for row in grid.cells]
        read = {cell: found for cell in cells if (found := _moment(_MOMENT.fullmatch(cell)))}
        sizes = [bound.size, *(one.size for one in read.values())]
        is_alike = {one.dimension for one in read.values()} == {bound.dimension} and all(
            cell in read or is_missing(cell) for cell in cells
        )
        # Days with and without a year have no order, nor have those without one from September to March.
        is_in_order = (
            min(sizes) > _YEAR if max(sizes) > _YEAR else max(sizes[1:], default=0) - min(sizes[1:], default=0) < _LONG
        )
        if is_alike and (is_in_order or bound.dimension == "clock"):
            fields[name] = tuple((str(int(read[cell].size)) if cell in read else "",) for cell in cells)
    for name, numbers in fields.items():
        if len(fields) == 1 or stems(name) & rest:
            only = replace(grid, fields=(name,), cells=numbers, field_spans=())
            yield from asked.found(NUMBER, rest | stems(name), grids=[(source, only)])


def limit_in(text: str) -> Limit | None:
    """The limit that a question names."""
    text = _EURO.sub(" €", text)
    if behind := _OR.search(text):
        before = list(_PLAIN.finditer(text, 0, behind.start()))
        start = before[-1].start() if before else behind.start()
        if not (read := _bound(text[: behind.start()], start)):
            return None
        bound, end = read
        rest = f"{text[:start]} {text[end : behind.start()]} {text[behind.end() :]}"
        return Limit(None, bound, True, rest) if behind["most"] else Limit(bound, None, True, rest)
    if found := _LIMIT.search(text):
        may_be_moment = bool(found["before"] or found["after"] or found["low"])
        if not (read := _bound(text, found.end(), may_be_moment=may_be_moment)):
            return None
        bound, end = read
        rest = f"{text[: found.start()]} {text[end:]}"
        includes = bool(found["most"] or found["least"])
        if found["most"] or found["below"] or found["before"]:
            return Limit(None, bound, includes, rest)
        if found["low"] and bound.dimension == "clock":
            low = clock_of(found["low"])
        else:
            low = value(found["low"], decimal_sign([found["low"]])) if found["low"] else None
        if low is None:
            return None if found["low"] else Limit(bound, None, includes, rest)
        # "Between 2 and 5 km" has the unit once.
        size = low.number * bound.size / (bound.number or 1)
        return (
            None if bound.dimension == "day" else Limit(replace(bound, number=low.number, size=size), bound, True, rest)
        )
    how = compared_in(text)
    than = _THAN.match(text, how[2].end()) if how else None
    read = _bound(text, than.end()) if than else None
    if how is None or than is None or read is None:
        return None
    (measure, is_more, match), (bound, end) = how, read
    rest = f"{text[: match.start()]} {than['field']} {text[end:]}"
    return Limit(bound if is_more else None, None if is_more else bound, False, rest, measure)


def _bound(text: str, start: int, *, may_be_moment: bool = False) -> tuple[Value, int] | None:
    """The value at a place of a text, with its unit if it is known, and where it ends."""
    behind = text[start:]
    if may_be_moment and (moment := _moment(_MOMENT.match(behind))):
        return moment, start + len(moment.printed)
    plain = _PLAIN.match(behind)
    if plain is None:
        return None
    decimal = decimal_sign([plain[0]]) or ","
    for first, end, one in values_said(behind, decimal):
        if first == 0:
            return one, start + end
    read = value(plain[0], decimal)
    return (read, start + plain.end()) if read else None


def _moment(found: re.Match[str] | None) -> Value | None:
    """The day or the time of day of a match of `_MOMENT`; a day without a year is of any."""
    if found is None:
        return None
    if found["hour"]:
        hour, half = int(found["hour"]), (found["half"] or "").casefold()
        hour = hour % _NOON + _NOON * (half == "p") if half else hour
        size = hour * 60 + int(found["minute"] or found["past"] or 0)
        return Value(size, "clock", size, found[0])
    day = Day.of(found)
    size = (day.year or 0) * _YEAR + day.month * 100 + day.day
    return Value(size, "day", size, found[0])


def clock_of(text: str) -> Value | None:
    """The time of day that a text is, and nothing else; None where it is none."""
    return _moment(_MOMENT.fullmatch(text.strip()))
