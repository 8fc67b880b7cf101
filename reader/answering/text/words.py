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
_FOREIGN = frozenset(
    """
    der das dem den ein eine einen einem einer eines und oder aber ist sind waren wird werden wurde wurden haben hatte hatten kann
    können darf dürfen muss müssen soll sollen gibt gab es er sie wir ihr ich im um bei beim vom von zum zur zu auf aus für mit
    nach über wer wem wen wann wo wie welche welcher welches welchen welchem nicht kein keine keinen keiner auch nur als wenn dass
    sich viel viele
    le la les l un une du de ce cette ces il elle ils elles sa ses leur leurs qui que qu quoi quand où combien quel quelle quels
    quelles est sont était par avec sans sur dans au aux et ou ne se en
    el los las uno una unos unas del al lo era fue hay quién cómo cuándo dónde cuánto cuánta cuántos cuántas cuál cuáles para
    con su sus
    """.split()  # noqa: SIM905 - as above
)
"""The same in German, French and Spanish; two of them say that a text is in none other."""
_ENGLISH_TOO = frozenset(
    "die war hat man son comment pour plus si des d l n s c j y o".split()  # noqa: SIM905 - as above
)
"""The same, if they are in these languages: other words in English."""


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


def neighbours(text: str) -> set[tuple[str, str]]:
    """The pairs of words that stand side by side in a text and both say what it is about."""
    words = [word.lower() for word in _WORD.findall(text)]
    return {pair for pair in pairwise(words) if STOP_WORDS.isdisjoint(pair)}


def bare(question: str) -> str:
    """A question on one line, without the marks around it."""
    return " ".join(question.split()).strip(" ?¿.!")


def content_words(text: str) -> list[str]:
    """The words of a text that say what it is about, once each; all its words where every one is a stop word."""
    words = words_of(text)
    return [word for word in words if word not in STOP_WORDS] or words


def subject_words(question: str) -> list[str]:
    """`content_words` in German, French and Spanish as well."""
    words = content_words(question)
    is_foreign = sum(word in _FOREIGN for word in words) > 1
    return [word for word in words if not is_foreign or word not in _FOREIGN | _ENGLISH_TOO] or words


@functools.lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A word without the endings that say only how it is used; a number in figures."""
    if word in _NUMBERS:
        return str(_NUMBERS.index(word))
    return word if any(sign.isdigit() for sign in word) else re.sub(r"(?<=\w{3})(ing|ed|es|s|en|e)$", "", word)
