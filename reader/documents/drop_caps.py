"""Large first letters of chapters: whether the text after one is the rest of its word."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from lxml import etree

from reader.documents.notes import all_text

LETTER = re.compile(r"[“\"‘'«„¿¡(]?[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]*")
_WORD_LETTERS = frozenset("AIOYEUÀÉÈÙaioyeu")
"""Letters that are words of their own."""
_VOWEL = re.compile(r"[aeiouyà-æè-ïò-öø-ýœ]")
_BEGINNINGS = frozenset(
    re.findall("..", "blbrchclcrdrdwflfrghglgngrkhklknkrllphplprpsqurhscshskslsmsnspsqstsvswthtrtstwvlvrwhwrzw")
)
"""Two consonants with which words begin."""
_RESTS = frozenset(("bove", "gainst", "mong", "ne", "nother", "ny", "re", "ther", "ur", "ut", "ver"))
"""Of frequent first words, what looks like a word without its first letter."""


def is_one_word(letter: str, follows: str, counts: Callable[[], Mapping[str, int]]) -> bool:
    """Return whether a large letter, which white space parts from the text after it, begins that text's first word.

    Args:
        letter: the large letter, perhaps behind an opening mark.
        follows: the text after it.
        counts: gives the words of the document in small letters, and how often each is there.
    """
    if not follows[:1].islower() or letter[-1] not in _WORD_LETTERS:
        return goes_on(letter, follows)
    found = _WORD.match(follows)
    rest = found[0].lower() if found else ""
    if rest in _RESTS or not _VOWEL.search(rest):
        return True
    if not (_VOWEL.match(rest[0]) or _VOWEL.match(rest[1]) or rest[:2] in _BEGINNINGS):
        return True
    words = counts()
    return words.get(letter[-1].lower() + rest, 0) > 0 and words.get(rest, 0) < 2  # this place is one


def goes_on(letter: str, follows: str) -> bool:
    """Return whether a large letter and the text right after it are one word, whose letters may all be capitals."""
    if follows[:1].islower():
        return True
    word = _WORD.match(follows)
    return bool(word and len(word[0]) > 1 and word[0].isupper() and letter[-1] not in "AI")


def text_after(element: etree._Element) -> str:
    """Return the first text behind an element, in its own block or the next one."""
    for _ in range(4):
        if (element.tail or "").strip():
            return element.tail or ""
        following = element.getnext()
        if following is not None:
            return all_text(following).strip()
        parent = element.getparent()
        if parent is None:
            break
        element = parent
    return ""
