"""Notes at the foot of a page that the file draws before the text they belong to: they are read after it."""

from __future__ import annotations

import re

import pypdfium2

from reader.documents.pdf import abreast, boxes_first, page_numbers
from reader.documents.pdf.glyphs import height_of, origins_of
from reader.documents.pdf.strings import line_spans

_HEAD_LINES = 2
"""What may stand before the notes: the page's head."""
_FIRST_NOTE = re.compile(r"(\d{1,3})\s?[^\W\d_]")
_RAISED = 0.8
"""Of its note's letters, how large a note's number is at most."""
_LARGER = 1.1
"""Of the notes' letters, how large those of the text are at least."""
_LEAST_LINES = 5
"""Of the text."""
_SAME_COLUMN = 5.0
"""In ems, how far a note and a line of its column begin from each other at most."""


def reading_order(text: pypdfium2.PdfTextPage, string: str, turn: int) -> list[abreast.Span]:
    """Return the parts of PDFium's text in the order in which they are read; nothing where the text is in order."""
    order = (
        abreast.reading_order(text, string, turn)
        or _notes_last(text, string, turn)
        or boxes_first.reading_order(text, string, turn)
    )
    return page_numbers.at_the_edges(text, string, turn, order)


def _notes_last(text: pypdfium2.PdfTextPage, string: str, turn: int) -> list[abreast.Span]:
    """Return the parts of PDFium's text with its notes at the end; nothing where they are not drawn first.

    Of nearly all pages no place is asked for.

    Args:
        turn: the direction in which the page's lines run.
    """
    lines = line_spans(string)
    first = next((at for at in range(min(_HEAD_LINES + 1, len(lines))) if _begins_note(text, string, lines[at])), None)
    if first is None:
        return []
    # A line's last letter is no note's number, which is smaller.
    sizes = [height_of(text, end - 1) for _, end in lines]
    largest = _LARGER * sizes[first]
    start = next((at for at in range(first, len(lines)) if sizes[at] >= largest), len(lines))
    stop = next((at for at in range(len(lines) - 1, start, -1) if sizes[at] >= largest), start) + 1
    if stop - start < _LEAST_LINES:
        return []
    origin = origins_of(text, turn)
    body = [origin(line[0]) for line in lines[start:stop]]
    reach = _SAME_COLUMN * sizes[first]
    for line in lines[first:start]:
        left, level = origin(line[0])
        column = [y for x, y in body if abs(x - left) <= reach]
        if not column or min(column) <= level:
            return []  # what stands above or between lines of the text is no note below it
    notes, begins = lines[first][0], lines[start][0]
    ends = lines[stop][0] if stop < len(lines) else len(string)
    if ends == len(string):
        return [(0, notes, ""), (begins, ends, "\r\n"), (notes, begins, "")]
    return [(0, notes, ""), (begins, ends, ""), (notes, begins, ""), (ends, len(string), "")]


def _begins_note(text: pypdfium2.PdfTextPage, string: str, line: tuple[int, int]) -> bool:
    """Whether a small raised number begins a line."""
    found = _FIRST_NOTE.match(string, *line)
    return found is not None and 0 < height_of(text, found.start()) <= _RAISED * height_of(text, found.end() - 1)
