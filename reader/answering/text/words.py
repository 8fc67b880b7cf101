"""Words of questions and texts: which of them say what it is about, without their endings, and as a text may print them."""

from __future__ import annotations

import functools
import re
from itertools import pairwise

from reader.answering.text.numerals import SMALL_NUMBERS

_WORD = re.compile(r"\w+")
_NUMBERS = SMALL_NUMBERS[:13]

# What a question or a sentence is made of, whatever it is about.
STOP_WORDS = frozenset(
    """
    a about all also am an and any are as at be because been before being both but by can could did do does doing for from
    had has have having he her hers him his how i if in into is it its itself just me more most my no nor not of on only or
    other our out over own per s said say says shall she should so some such t than that the their them then there these they
    this those to too under up upon us very was we were what when where which while who whom whose why will with would you
    your according answer document passage text tell mention mentioned happen happens happened
    warum weshalb wieso weswegen pourquoi qué perché
    """.split()  # noqa: SIM905 - words are easier to read and to keep than quotation marks
)


def mention(words: str) -> re.Pattern[str]:
    """What matches words as a text may have them: broken between them, with or without spaces beside a sign, as in § 4, and with or
    without a full stop, as in Mr. Blood."""
    parts = re.findall(r"\w+|[^\w\s.]", words)
    gaps = [r"\.?\s+" if before[-1].isalnum() and after[0].isalnum() else r"\s*" for before, after in pairwise(parts)]
    joined = "".join(gap + re.escape(part) for gap, part in zip(["", *gaps], parts, strict=True))
    return re.compile(rf"(?<!\w){joined}(?!\w)", re.I)


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, once each."""
    return list(dict.fromkeys(word.lower() for word in _WORD.findall(text)))


def content_words(text: str) -> list[str]:
    """The words of a text that say what it is about, once each; all its words where every one is a stop word."""
    words = words_of(text)
    return [word for word in words if word not in STOP_WORDS] or words


@functools.lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A word without the endings that say only how it is used; a number in figures."""
    if word in _NUMBERS:
        return str(_NUMBERS.index(word))
    return word if any(sign.isdigit() for sign in word) else re.sub(r"(?<=\w{3})(ing|ed|es|s|en|e)$", "", word)
