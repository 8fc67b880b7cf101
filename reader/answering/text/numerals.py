"""Numbers below a hundred as English, German, French, Spanish and Italian write them in words.

It knows no ordinals, and no articles (*ein*, *une*, *uno*), which mostly count nothing; nor *once* and *due*, which are English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
    " nineteen",
    "twenty thirty forty fifty sixty seventy eighty ninety",
)
_GERMAN = (
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn"
    " neunzehn",
    "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
)
_FRENCH = (
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf",
    "vingt trente quarante cinquante soixante",
)
_SPANISH = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho"
    " diecinueve",
    "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
)
_ITALIAN = (
    "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette"
    " diciotto diciannove",
    "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
)
_OTHER_WORDS = frozenset({"un", "uno", "once", "due"})
"""Articles, and English words."""


def _english(ten: str, one: str) -> str:
    return f"{ten}-{one}"


def _german(ten: str, one: str) -> str:
    return f"{one.removesuffix('s') if one == 'eins' else one}und{ten}"


def _french(ten: str, one: str) -> str:
    return f"{ten} et un" if one == "un" else f"{ten}-{one}"


def _spanish(ten: str, one: str) -> str:
    twenties = {"dos": "veintidós", "tres": "veintitrés", "seis": "veintiséis"}
    return f"{ten} y {one}" if ten != "veinte" else twenties.get(one, f"veinti{one}")


def _italian(ten: str, one: str) -> str:
    return (ten[:-1] if one[0] in "uo" else ten) + (one if one != "tre" else "tré")


def _numerals() -> dict[str, int]:
    found: dict[str, int] = {}
    languages = (
        (_ENGLISH, _english),
        (_GERMAN, _german),
        (_FRENCH, _french),
        (_SPANISH, _spanish),
        (_ITALIAN, _italian),
    )
    for (small, tens), joined in languages:
        ones = small.split()
        found |= {word: number for number, word in enumerate(ones)}
        for number, ten in enumerate(tens.split(), start=2):
            found[ten] = 10 * number
            found |= {joined(ten, one): 10 * number + value for value, one in enumerate(ones[1:10], start=1)}
    ones = _FRENCH[0].split()
    found |= {f"soixante-{one}": 60 + value for value, one in enumerate(ones) if value >= 10}
    found |= {f"quatre-vingt-{one}": 80 + value for value, one in enumerate(ones) if value}
    found |= {"quatre-vingts": 80, "quatre-vingt": 80, "soixante et onze": 71, "dreissig": 30}
    return {word: number for word, number in found.items() if word not in _OTHER_WORDS}


def with_space(word: str) -> str:
    """The pattern of a number's word, with a hyphen or a space."""
    return word.replace("-", "[- ]")


NUMERALS: Mapping[str, int] = _numerals()
"""Numbers by their words, in small letters."""

ANY_NUMERAL = "|".join(sorted(map(re.escape, NUMERALS), key=len, reverse=True))
"""The pattern of one of these words, longer ones first; to be put in brackets."""

SMALL_NUMBERS = [
    *_ENGLISH[0].split(),
    *(_english(ten, one) if one else ten for ten in _ENGLISH[1].split() for one in ("", *_ENGLISH[0].split()[1:10])),
]
"""Zero to ninety-nine in English."""
