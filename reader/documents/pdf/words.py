"""Whether a text is made of words: what a font without a usable map gives is not."""

from __future__ import annotations

import functools
import operator
import re
import unicodedata
from collections import Counter

from reader.documents.pdf.strings import letters_of

_LEAST_TOKEN_CHARS = 24
_LEAST_WORDS = 0.35
_MOST_TOKENS = 40
_SAMPLE_CHARS = 2000
_MOST_SCRIPTS = 6
_TOGETHER = frozenset(("LATIN", "GREEK", "CJK", "HIRAGANA", "KATAKANA", "FULLWIDTH", "HALFWIDTH", "MATHEMATICAL"))
_CODE = re.compile(r"[^\W\d_]{1,8}[-.]?\d[\d.,]*[^\W\d_]?|[A-Z]{1,4}\d+(?:[xX.\-/]\d+)+|\d[\d.,]*[^\W\d_]{1,3}")
"""A part's or a row's number, or a figure with its unit; lists of them are not nonsense."""
_MARKS = re.compile(r"\[\w{1,3}(?:,\d+)*\]|[\^_]\(?[\w+\-−–]{1,6}\)?")
"""Notes and powers, of which a short page may have very many."""
_NUMBER = re.compile(r"[\d\W_]+")
_WORD = re.compile(r"(?:[^\W\d_][\u0300-\u036f]*)+(?:['’\-–./&][^\W\d_]+)*")
_ADDRESS = re.compile(r"://|www\.|@|\w[._]\w", re.I)
_FAR_LETTERS = re.compile(r"[^\W\d_\x00-\u017f]")
_VOWELS = re.compile(r"[aeiouyàáâãäåæèéêëìíîïòóôõöøœùúûüýăąęěėēīıőōůűūœ]", re.I)
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_SIGNS = "\"'“”‘’«»„()[]{}<>.,;:!?…*·•-–—/|#=+_~^%$&"
_MOST_SIGNS = 4
"""A figure has no more kinds of signs between its digits."""
_PAIRS = frozenset(
    re.findall(
        "..",
        "thheineranreonatenndtiesorteofedisitalarsttontngsehaasouiolevecomedehiriroicneearacelichllbemasiomurlataelildiet"
        "eiienaninousunssecgeholocaaddouequpoamemolospeprwiwaweacsusotridirig",
    )
)
"""Pairs of letters that are frequent in languages with Latin letters."""
_LEAST_PAIRS = 40
_LEAST_COMMON = 0.27
"""Of the pairs of letters in a text; those of 1,400 real pages are 0.38 or more, those of shifted letters 0.25 or less."""
_LEAST_KINDS = 12
"""Of letters in words that are judged by their pairs."""
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_JUDGED = re.compile(r"[A-Za-z][a-z]{2,}")


def is_nonsense(text: str) -> bool:
    """Whether hardly anything of a text has the form of words or numbers, or it mixes the scripts of the world."""
    if not text.isascii() and _mixes_scripts(text):
        return True
    good = total = 0
    tokens = text.split()
    sample = tokens[:: max(1, len(tokens) // _MOST_TOKENS)]
    if _is_shifted(sample):
        return True
    enough = _LEAST_WORDS * sum(map(len, sample))
    for token in sample:
        if good >= enough > 0:
            return False  # whatever the others are
        stripped = token.strip(_SIGNS)
        if stripped.isascii() and stripped.isalpha():  # as nearly all are
            total += len(stripped)
            good += len(stripped) * (len(stripped) < 4 or bool(_VOWELS.search(stripped)))
            continue
        if not stripped:
            continue
        if _NUMBER.fullmatch(stripped):
            total += len(stripped) * (len({sign for sign in stripped if not sign.isdigit()}) > _MOST_SIGNS)
            continue
        if _ADDRESS.search(stripped) or _CODE.fullmatch(stripped):
            continue
        total += len(stripped)
        good += len(stripped) * _is_word(stripped)
    if total < _LEAST_TOKEN_CHARS or good >= _LEAST_WORDS * total:
        return False
    words = _MARKS.sub(" ", text)
    return len(words) == len(text) or is_nonsense(words)


def _is_shifted(tokens: list[str]) -> bool:
    """Whether words have other pairs of letters than languages have, as where each letter is some places off."""
    judged = [found for found in map(_judged, tokens) if found[0]]
    words = "".join(word for word, _ in judged)
    pairs = len(words) - len(judged)
    if pairs < _LEAST_PAIRS or sum(common for _, common in judged) >= _LEAST_COMMON * pairs:
        return False
    return 2 * len(words) >= sum(map(len, tokens)) and len(set(words)) >= _LEAST_KINDS


@functools.lru_cache(maxsize=4096)
def _judged(token: str) -> tuple[str, int]:
    """The word in a token in small letters, and how many of its pairs of letters are frequent; "" where it is not judged."""
    word = token.strip(_SIGNS)
    if not _JUDGED.fullmatch(word) or word.lower() in _ALPHABET:
        return "", 0
    word = word.lower()
    return word, sum(map(_PAIRS.__contains__, map(operator.add, word, word[1:])))


def _mixes_scripts(text: str) -> bool:
    """Whether letters that hardly any language uses, or that no language uses together, are many.

    Numbers of glyphs that are taken for letters look like that.
    """
    if not _FAR_LETTERS.search(letters_of(text)):  # as in most texts; a set of letters is short
        return False
    letters = [char for char in _FAR_LETTERS.findall(text, 0, _SAMPLE_CHARS) if char.isalpha()]
    rare = sum("\u0180" <= char <= "\u024f" and char not in "ƏəșțȘȚơưƠƯǎǐǒǔ" for char in letters)
    if len(letters) >= 4 and rare > len(letters) / 2:
        return True
    scripts = Counter(unicodedata.name(char, "?").split()[0] for char in letters)
    return sum(count >= 2 for script, count in scripts.items() if script not in _TOGETHER) >= _MOST_SCRIPTS


def _is_word(token: str) -> bool:
    if not _WORD.fullmatch(token):
        # Scripts with marks and joiners of their own are not judged.
        return any(unicodedata.category(char) in ("Lo", "Mn", "Mc") for char in token)
    letters = [char for char in token if char.isalpha()]
    if any(unicodedata.category(char) == "Lo" for char in letters):
        return True  # no rule here tells scripts without upper and lower case apart
    latin = sum(bool(_LATIN.match(char)) for char in letters)
    if latin == 0:
        return True
    if latin < len(letters):
        return False
    return len(letters) < 4 or bool(_VOWELS.search(token))
