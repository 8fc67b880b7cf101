"""Values such as £9.50, 1 h 15 min or three weeks, read with their units, so that they can be compared and summed.

What may be read in two ways is no value, such as 1.500 where no other number tells whether that is one and a half; nor is a range.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from reader.answering.text.numerals import ANY_NUMERAL, NUMERALS

_UNITS: dict[str, dict[float, str]] = {
    "time": {
        1: r"s|secs?|seconds?|sekunden?|secondes?|segundos?",
        60: r"mins?|minutes?|minuten?|minutos?",
        3600: r"h|hrs?|hours?|std|stunden?|heures?|horas?",
        86400: r"days?|nights?|tagen?|nächten?|jours?|nuits?|días?|noches?",
        7 * 86400: r"weeks?|wochen?|semaines?|semanas?",
        30.44 * 86400: r"months?|monaten?|mois|meses|mes",
        365.25 * 86400: r"years?|jahren?|ans?|années?|años?",
    },
    "working time": {
        1: r"(?:working|business) days?|werktagen?|arbeitstagen?|jours ouvr\w+|días (?:hábiles|laborables)"
    },
    "length": {
        0.001: r"mm|milli(?:metres?|meters?)",
        0.01: r"cm|centi(?:metres?|meters?)|zentimetern?",
        1: r"m|met(?:re|er)s?|metern?|mètres?|metros?",
        1000: r"km|kilomet(?:re|er)s?|kilometern?|kilomètres?|kilómetros?",
        0.0254: r"inch(?:es)?",
        0.3048: r"ft|foot|feet",
        0.9144: r"yards?|yd",
        1609.34: r"mi|miles?|meilen?",
    },
    "mass": {
        0.001: "mg",
        1: r"g|gram(?:me)?s?|gramm|gramos?",
        1000: r"kg|kilos?|kilogram(?:me)?s?|kilogramm",
        1e6: r"t|tons?|tonnes?|tonnen?",
        28.35: r"oz|ounces?",
        453.6: r"lbs?|pounds?",
    },
    "volume": {0.001: r"ml|millilit(?:re|er)s?", 0.01: "cl", 1: r"l|lit(?:re|er)s?|litern?|litros?"},
    "share": {1: r"%|per ?cent|percent|prozent|pour cent|por ciento"},
    "data": {0.001: "kb", 1: "mb", 1000: "gb", 1e6: "tb"},
    "money": {1: r"[£$€¥]|euros?|dollars?|pounds sterling|francs?|chf|eur|gbp|usd"},
    "area": {1: r"m²|sq\.? ?m|square met(?:re|er)s?|quadratmetern?|mètres carrés|metros cuadrados"},
}
_KNOWN = [
    (dimension, float(factor), re.compile(rf"(?:{names})\.?", re.I))
    for dimension, factors in _UNITS.items()
    for factor, names in factors.items()
]
_NAMES = "|".join(names for factors in _UNITS.values() for names in factors.values())
_NUMBER = r"[-−]?\d{1,3}(?:[ \xa0\u202f'’]\d{3})+(?:[.,]\d{1,9})?(?!\d)|[-−]?\d{1,12}(?:[.,]\d{1,9}){0,4}"
_VALUE = re.compile(
    rf"(?P<sign>[£$€¥])?\s?(?P<number>{_NUMBER}|(?:{ANY_NUMERAL})(?!\w))"
    r"(?:\s?(?P<unit>[^\s\d(),;|–-][^\d(),;|–-]{0,30}))?(?:\s\([^()\d]{0,40}\))?\.?",
    re.I,
)
_MINUS = re.compile(r"^([-−])\s?([£$€¥])\s?")
"""-£4 is read as £-4."""
_COMPOUND = re.compile(r"(\d{1,4})\s?(\D{1,12}?)\s(\d{1,2})\s?(\D{1,12})")
_SAID = re.compile(
    rf"(?<![\w.,£$€¥/–-])(?:(?P<sign>[£$€¥])\s?(?P<money>{_NUMBER})(?!\s?(?:[km]|bn|thousand|hundred|[mb]il\w*|mio|mrd|tausend)\b)"
    rf"|(?P<number>{_NUMBER}|{ANY_NUMERAL})[\s-]?(?P<unit>{_NAMES})(?!\w|-))(?![.,]?\d)",
    re.I,
)
_DECIMAL = r"(?:\b0{0}\d|\d{0}(?:\d\d?|\d{{4,9}})(?!\d))"
_DATES = re.compile(r"(?<![\d.])\d{1,2}\.\d{1,2}\.(?:\d{4}|\d\d)?(?![\d.])")
_GROUP = re.compile(r"(?<=\d)([ \xa0\u202f'’.,])\d{3}(?!\d)")
_MISSING = re.compile(r"[-–—/.*]*|n\.?/?a\.?", re.I)


@dataclass(frozen=True)
class Value:
    """A quantity."""

    size: float
    """In the dimension's own unit, such as seconds."""
    dimension: str
    """Such as `time`; a unit that is not known is a dimension of its own, and "" is a number alone."""
    number: float
    """In the unit that is printed."""
    printed: str


def decimal_sign(texts: Iterable[str]) -> str:
    """The sign before the decimals of numbers: "." or ","; "" where it is not known."""
    text = _DATES.sub(" ", "\n".join(texts))
    signs = [sign for sign in ".," if re.search(_DECIMAL.format(re.escape(sign)), text)]
    grouped = [sign for sign in ".," if re.search(rf"(?<![\d.,])[1-9]\d{{0,2}}{re.escape(sign)}\d{{3}}(?!\d)", text)]
    if len(signs) == 1:
        return signs[0]
    if signs or len(grouped) > 1:
        return ""
    return "." if grouped != ["."] else ""


def value(text: str, decimal: str, unit: str = "") -> Value | None:
    """The value that a text is, without anything else; None where it is none.

    Args:
        decimal: the sign before decimals.
        unit: of a number alone.
    """
    text = text.strip()
    if found := _COMPOUND.fullmatch(text):
        large, small = _known(found[2].strip()), _known(found[4].strip())
        if not (large and small) or large[0] != small[0] or large[1] <= small[1]:
            return None
        size = float(found[1]) * large[1] + float(found[3]) * small[1]
        return Value(size, large[0], size / large[1], text)
    found = _VALUE.fullmatch(_MINUS.sub(r"\2\1", text))
    if found is None:
        return None
    own = (found["unit"] or unit).strip()
    read = _value(found["number"], found["sign"] or own, decimal, text)
    # £5 a month is not to be compared with £38 a year.
    return replace(read, dimension=f"{read.dimension} {own}".strip()) if read and found["sign"] else read


def values_said(sentence: str, decimal: str) -> Iterator[tuple[int, int, Value]]:
    """(start, end, value) of each value with a known unit in a sentence."""
    for found in _SAID.finditer(sentence):
        if read := _value(found["money"] or found["number"], found["sign"] or found["unit"], decimal, found[0]):
            yield *found.span(), read


def is_missing(text: str) -> bool:
    """Whether a cell says that there is no value."""
    return _MISSING.fullmatch(text.strip()) is not None


def printed_like(number: float, values: Sequence[Value], decimal: str, least: int = 0) -> str:
    """A number as values that have the same unit print theirs; "" where they print it in different ways.

    Args:
        least: so many decimals at least.
    """
    places = [re.search(_NUMBER, _MINUS.sub(r"\2\1", one.printed)) for one in values]
    largest = _MINUS.sub(r"\2\1", max(values, key=lambda one: one.number).printed)
    frames = set[tuple[str, str]]()
    decimals, group = least if decimal else 0, ""
    for place in places:
        if place is None:
            return ""
        behind = place.string[place.end() :].strip(" .")
        if any(sign.isdigit() for sign in behind):  # 1 h 15 min
            return ""
        frames.add((place.string[: place.start()].strip(), behind.removesuffix("s")))
        grouped = _GROUP.search(place[0])
        group = grouped[1] if grouped and grouped[1] != decimal else group
        decimals = max(decimals, len(place[0].rpartition(decimal)[2]) if decimal and decimal in place[0] else 0)
    if len(frames) > 1:
        return ""
    whole, _, part = f"{number:,.{decimals}f}".partition(".")
    plain = whole.replace(",", group) + (f"{decimal}{part}" if part else "")
    return re.sub(r"^([£$€¥])-", r"-\1", re.sub(_NUMBER, lambda _: plain, largest, count=1))


def _value(number: str, unit: str, decimal: str, text: str) -> Value | None:
    if (word := NUMERALS.get(number.casefold())) is not None:
        size = float(word)
    else:
        plain = re.sub(r"[ \xa0\u202f'’]", "", number).replace("−", "-")
        if not decimal and re.search("[.,]", plain):
            return None
        groups, _, decimals = plain.partition(decimal or "\0")
        other = "," if decimal == "." else "."
        if other in groups and not re.fullmatch(rf"-?\d{{1,3}}(?:{re.escape(other)}\d{{3}})+", groups):
            return None
        if not re.fullmatch(r"\d*", decimals):
            return None
        size = float(f"{groups.replace(other, '')}.{decimals or 0}")
    if not unit:
        return Value(size, "", size, text)
    known = _known(unit)
    dimension, factor = known or (unit.casefold(), 1.0)
    return Value(size * factor, f"money {unit}" if dimension == "money" else dimension, size, text)


def _known(unit: str) -> tuple[str, float] | None:
    return next(((dimension, factor) for dimension, factor, names in _KNOWN if names.fullmatch(unit)), None)
