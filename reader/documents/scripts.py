"""Raised and lowered characters on one line: 10²⁴ becomes 10^24, a note's number [3], and H₂O stays H2O.

The digits of a figure must never run into those of another. What a raised number means is judged by its neighbours: a
number or a unit has a power, a word or a year has a note.
"""

from __future__ import annotations

import re
from typing import Literal

Script = Literal["raised", "lowered"]

MOST_CHARS = 120
"""A longer stretch is set small, but is no power and no note."""

_NUMBER = re.compile(r"\d+")
_SIGNED = re.compile(r"[+\-−–]\d+(?:[.,]\d+)*|\d+[.,:]\d+|\d*[+\-−–]")
_NOTES = re.compile(r"\d{1,3}(?:\s*[,;–-]\s*\d{1,3})+")
_NOTE = re.compile(r"[\d*†‡§¶]{1,4}|[a-zA-Z]{1,2}|[ivxlc]{1,6}")
# Numbers and marks, as behind the names of authors.
_MARKED = re.compile(r"(?=.*[*†‡§¶#])(?:\d{1,3}|[a-z]|[*†‡§¶#]+)(?:\s*[,;]?\s*(?:\d{1,3}|[a-z]|[*†‡§¶#]+))+")
_BRACKETED = re.compile(r"[\[({].*[\])}]|[*†‡§¶#]+|[®©™°′″'ºª]+", re.DOTALL)
_LETTERS = re.compile(r"[^\W\d_]+\.?")
_BASE = re.compile(r"[^\W\d_]+$")
_PRICE = re.compile(r"(?:[$€£¥]|\b(?:USD|EUR|GBP|CHF|CAD|AUD))\s?\d{1,3}(?:[,.']?\d{3})*$")
_BASE_NUMBER = re.compile(r"(?<![\d.,×*·])(?<![×*·]\s)\d{4}$")
_ELEMENT = re.compile(
    r"(?:A[cglmrstu]|B[aehikr]?|C[adeflmorsu]?|D[bsy]|E[rsu]|F[elmr]?|G[ade]|H[efgos]?|I[nr]|Kr?|L[airu]|M[dgno]|"
    r"N[abdeiop]?|Os?|P[abdmortu]?|R[abefhnu]|S[bcegimnr]?|T[abcehilm]|U|V|W|Xe|Yb?|Z[nr])(?![a-z])"
)
_OPERATORS = re.compile(r"[\s+\-−–=*/<>|,^_]")

_ORDINALS = frozenset(
    [
        "st",
        "nd",
        "rd",
        "th",
        "d",
        "er",
        "re",
        "ère",
        "ere",
        "e",
        "è",
        "ème",
        "eme",
        "ièm",
        "ième",
        "º",
        "ª",
        "a",
        "o",
        "de",
        "te",
        "ste",
        "ten",
        "do",
        "ta",
        "er.",
        "o.",
        "a.",
        "os",
        "as",
        "ers",
        "res",
        "tm",
        "sm",
    ]
)
# Of three letters and more; shorter ones need no list.
_UNITS = frozenset(
    [
        "sec",
        "min",
        "mol",
        "rad",
        "mile",
        "miles",
        "foot",
        "feet",
        "inch",
        "inches",
        "yard",
        "yards",
        "acre",
        "metre",
        "metres",
        "meter",
        "meters",
        "mpa",
        "kpa",
        "gev",
        "mev",
        "kev",
        "log",
        "sin",
        "cos",
        "tan",
        "cot",
        "csc",
        "cosh",
        "sinh",
        "tanh",
        "exp",
        "det",
        "lim",
        "max",
        "ppm",
        "kcal",
    ]
)
_SHORT_WORDS = frozenset(
    [
        "is",
        "it",
        "of",
        "to",
        "on",
        "as",
        "at",
        "by",
        "he",
        "me",
        "us",
        "we",
        "so",
        "no",
        "an",
        "be",
        "do",
        "go",
        "if",
        "my",
        "or",
        "up",
        "et",
        "la",
        "le",
        "de",
        "en",
        "il",
        "un",
        "du",
    ]
)
_SENTENCE_ENDS = frozenset('.,;:!?"”’»…')


def on_line(kind: Script, text: str, before: str, after: str, *, is_note: bool = False) -> str:
    """Return raised or lowered text as it is written on the line.

    Args:
        kind: which of the two.
        text: what is raised or lowered.
        before: the text before it on the same line, as far as it is near.
        after: the text after it.
        is_note: whether the file itself says that it refers to a note.
    """
    text = text.strip()
    if not text or _BRACKETED.fullmatch(text) or not any(letter.isalnum() or letter in "+-−–" for letter in text):
        return text
    return _lowered(text, before, after) if kind == "lowered" else _raised(text, before, after, is_note)


def _raised(text: str, before: str, after: str, is_note: bool) -> str:
    last = before[-1:]
    if is_note and not (text.isalpha() and last.isspace()) and (_NOTE.fullmatch(text) or _NOTES.fullmatch(text)):
        return f"[{text}]"
    if _NUMBER.fullmatch(text) and after[:1] in ("/", "⁄") and after[:1]:
        return f" {text}" if last.isdigit() else text  # the upper half of a fraction
    if not last or last.isspace() or last in "([{“‘«—":
        return _alone(text, last, after)
    if _NOTES.fullmatch(text) or _MARKED.fullmatch(text):
        return f"[{text}]"
    if is_cents(text, before):
        return f".{text}"
    if _NUMBER.fullmatch(text):
        return f"[{text}]" if _has_note(text, before) else f"^{text}"
    if _LETTERS.fullmatch(text):
        return _raised_letters(text, before)
    return f"^{text}" if _SIGNED.fullmatch(text) or not _OPERATORS.search(text) else f"^({text})"


def is_cents(text: str, before: str) -> bool:
    """Return whether raised digits are the cents of the price before them, as on a price tag."""
    return len(text) == 2 and text.isdecimal() and bool(_PRICE.search(before))


def _alone(text: str, last: str, after: str) -> str:
    """A raised number with nothing before it: an isotope's, a verse's or a note's own."""
    if not _NUMBER.fullmatch(text):
        return text
    if (last and _ELEMENT.match(after)) or after.startswith("_"):
        return f"^{text}"
    return f"[{text}] " if after[:1].isalnum() else f"[{text}]"


def _has_note(text: str, before: str) -> bool:
    last = before[-1]
    if len(text) > 3 or last in "+-−=/*×·^_|°":
        return False
    if last.isdigit():
        return bool(_BASE_NUMBER.search(before)) and 1000 <= int(before[-4:]) <= 2100
    if last in ")]":
        opened = before.rpartition("(" if last == ")" else "[")[2]
        return bool(re.search(r"[^\W\d_]{3,}", opened)) and not set(opened) & set("+-−=/*×·^")
    base = _BASE.search(before)
    if base is None:
        return last in _SENTENCE_ENDS or last == "%"
    word = base[0]
    if len(word) <= 2 and word.isascii():
        return word.lower() in _SHORT_WORDS
    return not (word.lower() in _UNITS or len(word) < 3)


def _raised_letters(text: str, before: str) -> str:
    last = before[-1]
    if last.isdigit():
        if text.lower() in _ORDINALS:
            return text
        return f"^{text}" if len(text) == 1 else f"^({text})"
    base = _BASE.search(before)
    if text in ("o", "os") and base is not None and base[0] in ("n", "N"):
        return text.replace("o", "º")
    if len(text) > 1 and base is not None and len(base[0]) == 1 and base[0].islower():
        return f"^({text})"
    if len(text) == 1 and (last in ")]" or (base is not None and len(base[0]) == 1)):
        return f"^{text}"
    return text


def binds(written: str, before: str, after: str) -> bool:
    """Return whether a script belongs to what stands before it, as a power does, and not to what follows, as an isotope's."""
    if before[-1:] in ("/", "δ", "Δ", "(") and _ELEMENT.match(after):
        return False
    return written[:1] in ("^", "_") and before[-1:].strip() != "" and not re.search(r"(?:^|\s)[\^_]\d+$", before)


def _lowered(text: str, before: str, after: str) -> str:
    last = before[-1:]
    if last.isdigit() or (not last.strip() and after.startswith("^")):
        return f"_{text}" if not _OPERATORS.search(text) else f"_({text})"
    return f"_({text})" if last.isalpha() and re.search(r"\w\s*[+\-−–=]\s*\w", text) else text
