"""Large first letters that PDFium puts on a line of their own: they belong to the word beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pypdfium2

from reader.documents import drop_caps
from reader.documents.pdf.glyphs import gap, height_of, read_glyphs

# Behind a line's end, of which there are few; the first line gets one put before it.
_ALONE = re.compile(r"\n[“\"‘'«„]?[^\W\d_a-z](\r\n)(?=[^\W\d_])")
_LATE = re.compile(r"\n([“\"‘'«„]?[^\W\d_a-z])(?=\r\n|$)")
_LINE_START = re.compile(r"(?:^|(?<=\n))[^\W\d_]")
_LEAST_SIZE = 1.6
"""Of the letters beside it."""
_NEAREST, _FARTHEST = -0.3, 1.5
"""In ems of the letters beside it, how far it is from them."""
_WORD_GAP = 0.25
_WORD = re.compile(r"[^\W\d_]+")

Edit = tuple[int, int, str]
"""Where in PDFium's text something else belongs, and what."""


def large_letter_edits(text: pypdfium2.PdfTextPage, string: str) -> Iterator[Edit]:
    """Yield the line ends behind large letters with what to put in their place, and letters that are drawn late moved."""
    yield from _late_edits(text, string)
    for found in _ALONE.finditer("\n" + string):
        end, start = (at - 1 for at in found.span(1))
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


def _late_edits(text: pypdfium2.PdfTextPage, string: str) -> Iterator[Edit]:
    """Move large letters that are drawn after the lines beside them to the first of those lines."""
    for found in _LATE.finditer(string):
        before = len(string[: found.start()].rstrip())
        if height_of(text, found.end() - 1) < _LEAST_SIZE * height_of(text, before - 1):
            continue
        letter = read_glyphs(text, found[1], found.start(1))[-1]
        starts = [line.start() for line in _LINE_START.finditer(string, 0, found.start(1))]
        for start in starts:
            size = height_of(text, start)
            if not 0 < _LEAST_SIZE * size <= letter.size:
                continue
            first = read_glyphs(text, string[start], start)[0]
            white = (first.x - letter.right) / size
            if _NEAREST <= white <= _FARTHEST and letter.y < first.y < letter.y + letter.size:
                follows = string[start : start + 40]
                is_word = drop_caps.is_one_word(letter.text, follows, lambda: Counter(_WORD.findall(string.lower())))
                if is_word or follows[:1].islower():
                    yield start, start, found[1] + ("" if is_word or white < _WORD_GAP else " ")
                    yield before, found.end(), ""
                break
