"""Numbers of a page's lines in its margin, as in papers of courts, transcripts, manuscripts and poems: they are no text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pypdfium2

from reader.documents.pdf.glyphs import height_of, origins_of
from reader.documents.pdf.strings import is_counted_alike

_BEFORE = re.compile(r"(?<![^\n\ufffe]) *(\d{1,4})(?: +|(?=[\r\n\ufffe])|\Z)")
_BEHIND = re.compile(r"(?<! ) +(\d{1,4})(?= ?(?:\r?\n|\Z))")
_LINE = re.compile(r"[^\r\n\ufffe]+")
_STEPS = (1, 2, 5, 10)
"""Of which lines are numbered: each, each second, each fifth, each tenth."""
_LEAST, _LEAST_APART = 8, 4
"""How many numbers a page has at least, where each line has one and otherwise."""
_SAME_COLUMN = 1.5
"""In points, how far the numbers begin or end from one another at most, or have their middles."""
_LEAST_GAP = 1.0
"""In ems, from a number's last digit to its line, or from the line's last sign to the number, each from where it begins."""
_LEAST_SHARE = 0.6
"""Of a page's lines, how many are numbered."""
_SMALL_STARTS = (0.15, 0.97)
"""Of the lines, how many begin with a small letter: a list's items do so all or none, rows of a table seldom."""
_LEAST_CHARS = 25
"""Of the lines on average."""

Span = tuple[int, int]


def number_spans(text: pypdfium2.PdfTextPage, string: str, turn: int) -> list[Span]:
    """Return where PDFium's text has the numbers of lines; of nearly all pages no place is asked for."""
    for pattern in (_BEFORE, _BEHIND) if is_counted_alike(string) else ():
        found = [(int(match[1]), match.span(), match.span(1)) for match in pattern.finditer(string)]
        if len(found) < _LEAST_APART:
            continue
        step, counted = max(((step, _counted(found, step)) for step in _STEPS), key=lambda one: len(one[1]))
        if len(counted) < (_LEAST if step == 1 else _LEAST_APART):
            continue
        spans = [span for _, span, _ in counted]
        digits = [span for _, _, span in counted]
        if _is_text(string, spans, step) and _is_margin(text, string, turn, spans, digits):
            return [*_with_ends(string, spans)]
    return []


def _counted(found: list[tuple[int, Span, Span]], step: int) -> list[tuple[int, Span, Span]]:
    """The longest chain of numbers that count on by `step`, from the top to the bottom."""
    before: list[int | None] = []
    lengths: list[int] = []
    last: dict[int, int] = {}
    for at, (number, _, _) in enumerate(found):
        previous = last.get(number - step)
        before.append(previous)
        lengths.append(1 if previous is None else lengths[previous] + 1)
        last[number] = at
    at = max(range(len(found)), key=lengths.__getitem__)
    chain = []
    while at is not None:
        chain.append(found[at])
        at = before[at]  # type: ignore[assignment]
    return chain[::-1]


def _is_text(string: str, spans: list[Span], step: int) -> bool:
    """Whether what is left of a page without its numbers is lines of sentences, and not a list's items or a table's rows."""
    pieces, at = [], 0
    for start, end in spans:
        pieces += [string[at:start], "\n"]
        at = end
    lines = [line for match in _LINE.finditer("".join([*pieces, string[at:]])) if (line := match[0].strip())]
    letters = [line[0] for line in lines if line[0].isalpha()]
    if step > 1:
        return len(lines) >= (step - 1) * (len(spans) - 1) and len(letters) > len(lines) / 2
    small = sum(map(str.islower, letters)) / max(len(letters), 1)
    is_prose = _SMALL_STARTS[0] <= small <= _SMALL_STARTS[1] and sum(map(len, lines)) >= _LEAST_CHARS * len(lines)
    return len(spans) >= _LEAST_SHARE * len(lines) and (is_prose or 2 * len(lines) <= len(spans))


def _is_margin(text: pypdfium2.PdfTextPage, string: str, turn: int, spans: list[Span], digits: list[Span]) -> bool:
    """Whether numbers stand below one another, apart from their lines."""
    origin = origins_of(text, turn)
    starts, ends = ([origin(at) for at in places] for places in zip(*((a, b - 1) for a, b in digits), strict=True))
    sides = [[x for x, _ in starts], [x for x, _ in ends]]
    sides.append([(x + last) / 2 for x, last in zip(*sides, strict=True)])  # numbers that stand in the middle
    if not any(max(side) - min(side) <= _SAME_COLUMN for side in sides):
        return False
    if not all(above[1] > below[1] for above, below in itertools.pairwise(starts)):
        return False
    beside = [
        (first - 1, start) if string[first - 1 : first].strip(" \n\ufffe") else (end - 1, last)
        for (first, last), (start, end) in zip(spans, digits, strict=True)
    ]
    return all(
        origin(right)[0] - origin(left)[0] >= _LEAST_GAP * height_of(text, left)
        for left, right in beside
        if string[right : right + 1].strip()
    )


def _with_ends(string: str, spans: list[Span]) -> Iterator[Span]:
    """The numbers with the ends of lines that are nothing but a number."""
    for start, end in spans:
        is_alone = string[start - 1 : start] in ("", "\n") and string[end : end + 1] in ("", "\r", "\n")
        yield start, string.find("\n", end) + 1 or len(string) if is_alone else end
