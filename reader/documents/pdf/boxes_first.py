"""Boxes that a file draws before the text above them, as text frames and the slips of invoices: they are read in their place.

A box is moved only where nothing stands beside it and its last sentence ends in it.
"""

from __future__ import annotations

from collections.abc import Callable

import pypdfium2

from reader.documents.pdf.abreast import Span
from reader.documents.pdf.glyphs import height_of, origins_of, read_glyphs
from reader.documents.pdf.strings import letters_of, line_spans
from reader.documents.pdf.vertical import UPRIGHT_SCRIPTS

_HEAD_LINES = 3
"""What may stand before the box: the page's head."""
_STEP = 3
"""Of so many lines one is looked at to find a page where a box may come first."""
_MOST_LINES = 400
_LEADING = 1.8
"""In ems, from a line to the next of the same text at most."""
_WHITE = 0.8
"""In ems of the box, from its lines to those above and below it at least."""
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "”", '"', ")")


def reading_order(text: pypdfium2.PdfTextPage, string: str, turn: int) -> list[Span]:
    """Return the parts of PDFium's text in the order in which they are read; nothing where no box is drawn first.

    Args:
        turn: the direction in which the page's lines run.
    """
    lines = line_spans(string)
    if not 1 < len(lines) <= _MOST_LINES or UPRIGHT_SCRIPTS.search(letters_of(string)):
        return []
    origin = origins_of(text, turn)
    first = min(origin(start)[1] for start, _ in lines[: _HEAD_LINES + 1])
    if not any(origin(start)[1] > first for start, _ in (*lines[_HEAD_LINES + 1 :: _STEP], lines[-1])):
        return []  # as on nearly all pages
    levels = [origin(start)[1] for start, _ in lines]
    for begins in range(min(_HEAD_LINES + 1, len(lines) - 1)):
        size = height_of(text, lines[begins][0])
        if begins and 0 < levels[begins - 1] - levels[begins] < _LEADING * size:
            continue  # the line belongs to the text before it
        ends, goes_on = _box(levels, begins, _WHITE * size)
        if ends == goes_on:
            continue
        if goes_on < len(lines) and _is_one_sentence(string, lines[goes_on - 1], lines[goes_on]):
            return []
        if any(read_glyphs(text, string[start], start)[0].turn != turn for start, _ in lines[begins:ends]):
            return []  # a stamp in the margin
        if not _is_below(origin, lines[begins:ends], lines[ends:goes_on]):
            return []
        return _moved(string, lines, begins, ends, goes_on)
    return []


def _is_below(
    origin: Callable[[int], tuple[float, float]], box: list[tuple[int, int]], above: list[tuple[int, int]]
) -> bool:
    """Whether a box stands below the text above it, and not beside it as a column does."""
    (left, right), (other_left, other_right) = (
        (min(origin(start)[0] for start, _ in part), max(origin(end - 1)[0] for _, end in part))
        for part in (box, above)
    )
    return left < other_right and other_left < right


def _moved(string: str, lines: list[tuple[int, int]], begins: int, ends: int, goes_on: int) -> list[Span]:
    """Return the parts of a page with a box in its place.

    Args:
        begins, ends: numbers of the box's first line and of the line after its last one.
        goes_on: the number of the first line that stands below the box.
    """
    start, above = lines[begins][0], lines[ends][0]
    if goes_on < len(lines):
        below = lines[goes_on][0]
        return [(0, start, ""), (above, below, ""), (start, above, ""), (below, len(string), "")]
    ending = [] if "\n" in string[lines[-1][1] :] else [(len(string), len(string), "\r\n")]
    return [(0, start, ""), (above, len(string), ""), *ending, (start, above, "")]


def _box(levels: list[float], begins: int, white: float) -> tuple[int, int]:
    """Return the number of the line after a box, and of the first line below it; the same number twice where no box begins here."""
    count = len(levels)
    high = low = levels[begins]
    for ends in range(begins + 1, count):
        high, low = max(high, levels[ends - 1]), min(low, levels[ends - 1])
        above = next((at for at in range(ends, count) if levels[at] < high + white), count)
        if above > ends and all(level <= low - white for level in levels[above:]):
            # A file that goes up the page has no boxes.
            return (ends, above) if levels[ends] >= levels[above - 1] else (count, count)
    return count, count


def _is_one_sentence(string: str, before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether a sentence continues from one line to another."""
    return string[after[0]].islower() and not string[: before[1]].endswith(_SENTENCE_ENDS)
