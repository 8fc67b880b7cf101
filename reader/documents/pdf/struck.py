"""Figures that a rule strikes out beside others: 100 and 80, not 10080."""

from __future__ import annotations

from collections.abc import Iterator

import pypdfium2

from reader.documents.pdf.glyphs import Rect, read_glyphs

_THICKEST, _LONGEST = 2.0, 150.0
"""In points."""
_LOWEST, _HIGHEST = 0.15, 0.5
"""In ems above the baseline."""
_NEAR = 0.12
"""In ems, from the rule's end to where one figure ends and the next begins."""
_MOST_RULES = 200

Edit = tuple[int, int, str]
"""Where in PDFium's text something else belongs, and what."""


def struck_edits(rules: list[Rect], text: pypdfium2.PdfTextPage, string: str) -> Iterator[Edit]:
    """Yield where a space belongs: between a digit at the end of a rule through it and the digit beside it.

    Args:
        rules: the thin lines of the page.
        text: PDFium's characters of a page whose lines run to the right.
        string: PDFium's text of them.
    """
    thin = [rule for rule in rules if rule[3] - rule[1] <= _THICKEST < rule[2] - rule[0] <= _LONGEST]
    for left, bottom, right, top in thin[:_MOST_RULES]:
        for end in (left, right):
            near = text.get_index(end - 1, (bottom + top) / 2, 2, 2)
            for at in () if near is None else (near - 1, near):
                if at < 0 or not (string[at : at + 1].isdigit() and string[at + 1 : at + 2].isdigit()):
                    continue
                before, after = read_glyphs(text, string[at : at + 2], at)
                em, height = before.em or 1.0, ((bottom + top) / 2 - before.y) / (before.size or 1.0)
                is_through = _LOWEST <= height <= _HIGHEST and abs(before.y - after.y) < 0.05 * em
                if is_through and abs(end - before.right) <= _NEAR * em and abs(end - after.x) <= _NEAR * em:
                    yield at + 1, at + 1, " "
