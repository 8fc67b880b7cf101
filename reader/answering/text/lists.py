"""Lists whose items are lines: the marks that items begin with, and what parts items that are given one behind another."""

from __future__ import annotations

from collections.abc import Sequence

ITEM_MARK = r"(?:[-•*–]|\(?(?:(?P<number>\d{1,2})|(?P<letter>[a-z]))[.)])"
"""The pattern of a bullet, or of a number or a letter with a point or a bracket."""
_SHORT_CHARS = 60
"""Items of no more characters are given on one line."""


def separator(items: Sequence[str]) -> str:
    """What parts the items: a comma where all are short and none is a sentence, else a new line."""
    is_short = all(len(item) <= _SHORT_CHARS and item[-1:] not in ".!?" for item in items)
    return ", " if is_short else "\n"
