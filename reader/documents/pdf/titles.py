"""The title that a first page prints: papers seldom have one in their properties.

It chooses among a page's lines by the size of their letters, and knows nothing of files or names.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from reader.documents.pdf.glyphs import Glyph

_LARGER = 1.2
"""Titles are printed so many times as large as most of their page."""

_ALIKE = 0.05
"""Sizes that differ by this share or less are the same."""

_UNREAD = {"\ufffd", "\uffff"}
"""What stands for letters whose font does not say what they are."""

_FEWEST_WORDS = 3
"""Fewer words are a journal's name, the kind of a form or a total."""


def printed_title(glyphs: Sequence[Glyph]) -> str:
    """Return the largest lines that follow one another on a page as one; "" where nothing is clearly a title."""
    lines = list(_lines(glyphs))
    sizes = [glyph.size for glyph in glyphs if glyph.text.isalpha() and not glyph.turn]
    if not lines or not sizes:
        return ""
    largest = max(size for _, size in lines)
    if largest < _LARGER * statistics.median(sizes):
        return ""
    first = next(number for number, (_, size) in enumerate(lines) if size == largest)
    title = ""
    for text, size in lines[first:]:
        if abs(size - largest) > _ALIKE * largest:
            break
        title = f"{title} {text}".strip()
    words = [word for word in title.split() if any(map(str.isalpha, word))]
    return title if len(words) >= _FEWEST_WORDS and not _UNREAD & set(title) else ""


def _lines(glyphs: Sequence[Glyph]) -> Iterator[tuple[str, float]]:
    """Each upright line that has letters, with the usual size of these."""
    start = 0
    for end, glyph in enumerate([*glyphs, Glyph(-1, "\n")]):
        if "\n" in glyph.text:
            line, start = glyphs[start:end], end + 1
            sizes = [one.size for one in line if one.text.isalpha() and not one.turn]
            if len(sizes) > 1:
                yield " ".join("".join(one.text for one in line).split()), statistics.median(sizes)
