"""Underscores that a PDF draws as short rules, as TeX does: PDFium gives `fz_new_context` as three words."""

from __future__ import annotations

from collections.abc import Iterator

import pypdfium2

from reader.documents.pdf.glyphs import Rect, gap, read_glyphs

_THICKEST = 1.0
_SHORTEST, _LONGEST = 2.0, 8.0
"""In points."""
_LOWEST, _HIGHEST = -0.3, 0.1
"""In ems above the baseline."""
_MOST_WHITE = 0.2
"""In ems, between the rule and each of the letters beside it."""
_MOST_RULES = 500

Edit = tuple[int, int, str]
"""Where in PDFium's text something else belongs, and what."""


def underscore_edits(rules: list[Rect], text: pypdfium2.PdfTextPage, string: str) -> Iterator[Edit]:
    """Yield where an underscore belongs: a short rule fills the gap between two letters or digits at their baseline.

    Args:
        rules: the thin lines of the page.
        text: PDFium's characters of a page whose lines run to the right.
        string: PDFium's text of them.
    """
    short = [
        (left, bottom, right, top)
        for left, bottom, right, top in rules
        if top - bottom <= _THICKEST and _SHORTEST <= right - left <= _LONGEST
    ]
    for left, bottom, right, _ in short[:_MOST_RULES]:
        start = text.get_index(left - 1, bottom + 2, 1.5, 2)
        if start is not None and string[start : start + 1] == " ":  # PDFium puts it behind the letter
            start -= 1
        if start is None or start < 0 or not string[start : start + 1].isalnum():
            continue
        end = start + 1 + (string[start + 1 : start + 2] == " ")
        if not string[end : end + 1].isalnum():
            continue
        before, *between, after = read_glyphs(text, string[start : end + 1], start)
        em = before.em or 1.0
        if (
            all(glyph.made for glyph in between)
            and abs(before.y - after.y) < 0.05 * em
            and _LOWEST * em <= bottom - before.y <= _HIGHEST * em
            and abs(left - before.right) <= _MOST_WHITE * em
            and abs(after.x - right) <= _MOST_WHITE * em
            and gap(before, after) > 0
        ):
            yield start + 1, end, "_"
