"""Large first letters that PDFium puts on a line of their own: they belong to the word beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pypdfium2

from reader.documents import drop_caps
from reader.documents.pdf.glyphs import gap, height_of, read_glyphs

_ALONE = re.compile(r"(?:^|(?<=\n))[“\"‘'«„]?[^\W\d_a-z](\r\n)(?=[^\W\d_])")
_LEAST_SIZE = 1.6
"""Of the letters beside it."""
_NEAREST, _FARTHEST = -0.3, 1.5
"""In ems of the letters beside it, how far it is from them."""
_WORD_GAP = 0.25
_WORD = re.compile(r"[^\W\d_]+")

Edit = tuple[int, int, str]
"""Where in PDFium's text something else belongs, and what."""


def large_letter_edits(text: pypdfium2.PdfTextPage, string: str) -> Iterator[Edit]:
    """Yield the line ends behind large letters with what to put in their place."""
    for found in _ALONE.finditer(string):
        end, start = found.span(1)
        size = height_of(text, start)
        if not 0 < _LEAST_SIZE * size <= height_of(text, end - 1):
            continue
        letter, beside = (read_glyphs(text, string[at], at)[0] for at in (end - 1, start))
        white = gap(beside, letter) if letter.x > beside.x else (beside.x - letter.right) / size
        if not _NEAREST <= white <= _FARTHEST or beside.y < letter.y - 0.2 * size:
            continue
        follows = string[start : start + 40]
        is_word = drop_caps.is_one_word(letter.text, follows, lambda: Counter(_WORD.findall(string.lower())))
        if is_word or follows[:1].islower():
            yield end, start, "" if is_word or white < _WORD_GAP else " "
