"""What PDFium's text of a page holds, found without asking for places, and once for all that need it."""

from __future__ import annotations

import functools
import re


@functools.lru_cache(maxsize=2)
def letters_of(string: str) -> str:
    """Return each letter of a page beyond ASCII once, and its free accents ^ ` ~, for what only few pages have."""
    return "".join(set(_RARE_LETTERS.findall(string)))


_RARE_LETTERS = re.compile(r"[^\x00-\x5d\x5f\x61-\x7d]")


def is_counted_alike(string: str) -> bool:
    """Return whether PDFium, which counts in UTF-16, counts a page's letters as Python does."""
    return string.isascii() or max(letters_of(string), default="") <= "\uffff"


@functools.lru_cache(maxsize=1)
def figures_of(string: str) -> list[re.Match[str]]:
    """Return the figures of a page."""
    return list(_FIGURE.finditer(string))


_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


@functools.lru_cache(maxsize=1)
def line_spans(string: str) -> list[tuple[int, int]]:
    """Return where the lines of a page begin and end, without the white around them."""
    return [line.span() for line in _WHOLE_LINE.finditer(string)]


_WHOLE_LINE = re.compile(r"[^\s\ufffe](?:[^\r\n]*[^\s\ufffe])?")
