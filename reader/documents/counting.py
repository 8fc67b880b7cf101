"""How lists count: a number as the letters, Roman numerals or words that a format asks for.

The names are those of CSS, Word and OpenDocument. A format without an entry counts with decimal digits.
"""

from __future__ import annotations

from collections.abc import Callable

_ROMAN = tuple(
    zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"),
        strict=True,
    )
)
_MOST_ROMAN = 4999
_MOST_REPEATS = 9

_LATIN = "abcdefghijklmnopqrstuvwxyz"
_GREEK = "αβγδεζηθικλμνξοπρστυφχψω"
_CYRILLIC = "абвгдежзиклмнопрстуфхцчшщыэюя"
_CHINESE = "〇一二三四五六七八九"
_CHICAGO = "*†‡§"


def _roman(number: int) -> str:
    if not 0 < number <= _MOST_ROMAN:
        return str(number)
    out = ""
    for value, letters in _ROMAN:
        out += letters * (number // value)
        number %= value
    return out


def _letters(alphabet: str) -> Callable[[int], str]:
    """Count a, b … z, aa, ab, as the web does."""

    def write(number: int) -> str:
        if number < 1:
            return str(number)
        out = ""
        while number:
            number, place = divmod(number - 1, len(alphabet))
            out = alphabet[place] + out
        return out

    return write


def _repeated(alphabet: str) -> Callable[[int], str]:
    """Count a, b … z, aa, bb, as Word does."""

    def write(number: int) -> str:
        repeats, place = divmod(number - 1, len(alphabet))
        return alphabet[place] * (repeats + 1) if 0 <= repeats < _MOST_REPEATS else str(number)

    return write


def _ordinal(number: int) -> str:
    last = number % 10 if number % 100 not in (11, 12, 13) else 0
    return f"{number}{('th', 'st', 'nd', 'rd')[last] if last < 4 else 'th'}"


def _chinese(number: int) -> str:
    if not 0 < number < 100:
        return "".join(_CHINESE[int(digit)] for digit in str(abs(number)))
    tens, ones = divmod(number, 10)
    return (_CHINESE[tens] if tens > 1 else "") + ("十" if tens else "") + (_CHINESE[ones] if ones else "")


def _circled(number: int) -> str:
    return chr(0x2460 + number - 1) if 1 <= number <= 20 else str(number)


_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ODD_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}


def _words(number: int) -> str:
    if not 0 <= number < 100:
        return str(number)
    tens, ones = divmod(number, 10)
    words = _ONES[number] if number < 20 else _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    return words.capitalize()


def _ordinal_words(number: int) -> str:
    head, dash, last = _words(number).lower().rpartition("-")
    if not last.isalpha():
        return _ordinal(number)
    if last in _ODD_ORDINALS:
        last = _ODD_ORDINALS[last]
    else:
        last = {"twelve": "twelfth"}.get(last, f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")
    return (head + dash + last).capitalize()


_FORMATS: dict[str, Callable[[int], str]] = {
    "chicago": _repeated(_CHICAGO),
    "chinesecounting": _chinese,
    "chinesecountingthousand": _chinese,
    "cjk-decimal": lambda number: "".join(_CHINESE[int(digit)] for digit in str(abs(number))),
    "cjk-ideographic": _chinese,
    "cardinaltext": _words,
    "decimal-leading-zero": "{:02}".format,
    "decimalenclosedcircle": _circled,
    "decimalzero": "{:02}".format,
    "hex": "{:X}".format,
    "japanesecounting": _chinese,
    "lower-alpha": _letters(_LATIN),
    "lower-greek": _letters(_GREEK),
    "lower-latin": _letters(_LATIN),
    "lower-roman": _roman,
    "lowerletter": _repeated(_LATIN),
    "lowerroman": _roman,
    "none": lambda number: "",
    "numberindash": "- {} -".format,
    "ordinal": _ordinal,
    "ordinaltext": _ordinal_words,
    "russianlower": _repeated(_CYRILLIC),
    "russianupper": _repeated(_CYRILLIC.upper()),
    "simp-chinese-informal": _chinese,
    "trad-chinese-informal": _chinese,
    "upper-alpha": _letters(_LATIN.upper()),
    "upper-greek": _letters(_GREEK.upper()),
    "upper-latin": _letters(_LATIN.upper()),
    "upper-roman": lambda number: _roman(number).upper(),
    "upperletter": _repeated(_LATIN.upper()),
    "upperroman": lambda number: _roman(number).upper(),
}

NUMBERED = frozenset(_FORMATS) - {"none"} | {"decimal"}
"""The formats that count; others are bullets."""


def counted(number: int, format_name: str) -> str:
    """Return `number` as a format such as "lower-roman" or "upperLetter" writes it."""
    if format_name.endswith("1") and not format_name.strip("01"):  # Word's own format gives a sample, such as "001"
        return str(number).zfill(len(format_name))
    write = _FORMATS.get(format_name.lower())
    return write(number) if write else str(number)


def by_symbols(system: str, symbols: list[str], number: int, first: int = 1) -> str:
    """Return a number written with symbols of a list's own, by one of CSS's systems; `first` is the first number of "fixed"."""
    count = len(symbols)
    if system == "cyclic" and count:
        return symbols[(number - 1) % count]
    if system == "fixed" and 0 <= number - first < count:
        return symbols[number - first]
    if system == "symbolic" and count and 0 < number <= _MOST_REPEATS * count:
        return symbols[(number - 1) % count] * ((number - 1) // count + 1)
    if system in ("numeric", "alphabetic") and count > 1 and number > 0:
        offset, out = int(system == "alphabetic"), ""
        while number:
            number, place = divmod(number - offset, count)
            out = symbols[place] + out
        return out
    return str(number)
