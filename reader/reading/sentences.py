"""The sentences of a text, and the rows of its tables: where each begins and ends.

By signs alone, in any language that ends sentences with them. It knows no page and no passage.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]]*(?=\s)\s*|[。！？]|\n\s*\n\s*")
ROW = re.compile(r"^(?:\| |[^\n]*? \| )[^\n]*(?:\n|\Z)", re.M)
"""A row of a table: its cells are parted by bars."""


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the sentences and of the rows of tables in a text, without the white space around them."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    if " | " in text:
        rows = [row.span() for row in ROW.finditer(text)]
        inside = {end for start, stop in rows for end in ends[bisect_right(ends, start) : bisect_left(ends, stop)]}
        ends = sorted({*ends, *(place for row in rows for place in row)} - inside)
    start = 0
    for end in [*ends, len(text)]:
        part = text[start:end]
        if part.strip():
            yield start + len(part) - len(part.lstrip()), start + len(part.rstrip())
        start = end


def shortened(text: str, sentence: tuple[int, int], most_chars: int) -> Iterator[tuple[int, int]]:
    """The span of a sentence, or of pieces that end between words where it is too long to be one (tables, verses, lists)."""
    start, end = sentence
    while end - start > most_chars:
        space = max(text.rfind(sign, start + most_chars // 2, start + most_chars) for sign in " \n")
        stop = space if space > 0 else start + most_chars
        yield start, stop
        start = stop
    yield start, end
