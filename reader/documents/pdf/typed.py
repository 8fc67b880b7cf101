"""Values that a page draws after all of its labels, as programs do that fill in a form and flatten it.

They are put after the label that stands left of them on the page. It is done only where most of what follows the labels
are such values; columns of prose stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2

from reader.documents.pdf.glyphs import height_of, origins_of

_LABEL = re.compile(r"[^\W\d_][)\]]?\s?:(?=\s|$)")
_WORD = re.compile(r"\S+")
_NEXT = re.compile(r"[ \t]*\S")
_LEVEL = 0.4
"""In ems, how far the baselines of a label and its value are apart at most."""
_FIELD_GAP = 2.5
"""In ems; two values beside each other are farther apart."""
_FARTHEST = 30.0
"""In ems, from a label to its value."""
_LEAST_SHARE = 0.6
_LEADING = 2.2
"""In ems, from a line of a column to the next."""
_MOST_LABELS = 200

Edit = tuple[int, int, str]
"""Where in PDFium's text something else belongs, and what."""


@dataclass
class _Piece:
    """Words beside one another on one line."""

    start: int
    end: int
    left: float
    baseline: float


def typed_edits(text: pypdfium2.PdfTextPage, string: str) -> list[Edit]:
    """Return the values moved behind their labels; none where the page has no values that are drawn apart from them."""
    labels = [label for label in _LABEL.finditer(string) if _ends_apart(text, string, label.end())]
    if not 0 < len(labels) <= _MOST_LABELS or not _goes_back(text, string, labels):
        return []
    pieces = list(_pieces(text, string, labels[0].end()))
    origin = origins_of(text)
    moved: list[tuple[int, _Piece]] = []
    for label in labels:
        end, (x, y) = label.end(), origin(label.end() - 1)
        size = height_of(text, label.end() - 1) or 1.0
        right = [
            piece
            for piece in pieces
            if abs(piece.baseline - y) <= _LEVEL * size
            and 0 < piece.left - x <= _FARTHEST * size
            and piece.start >= end
        ]
        nearest = min(right, key=lambda piece: piece.left, default=None)
        if nearest is not None and string[end : nearest.start].strip():
            moved.append((end, nearest))
    if not moved or len({piece.start for _, piece in moved}) < len(moved):
        return []
    first = min(piece.start for _, piece in moved)
    if _goes_on(text, pieces, first):
        return []
    behind = sum(piece.start >= first for piece in pieces)
    if len(moved) < _LEAST_SHARE * behind or any(end > first for end, _ in moved):
        return []
    edits = [(end, end, f" {string[piece.start : piece.end]}") for end, piece in moved]
    return edits + [(piece.start, piece.end, "") for _, piece in moved]


def _goes_on(text: pypdfium2.PdfTextPage, pieces: list[_Piece], start: int) -> bool:
    """Whether a piece is the next line of the piece before it, as in a column."""
    at = next(at for at, piece in enumerate(pieces) if piece.start == start)
    if at == 0:
        return False
    before, piece = pieces[at - 1], pieces[at]
    size = height_of(text, start) or 1.0
    return abs(before.left - piece.left) < size and 0 < before.baseline - piece.baseline < _LEADING * size


def _ends_apart(text: pypdfium2.PdfTextPage, string: str, end: int) -> bool:
    """Whether nothing stands close behind a label, as in a sentence."""
    following = _NEXT.match(string, end)
    if following is None:
        return True
    origin = origins_of(text)
    return origin(following.end() - 1)[0] - origin(end - 1)[0] > _FIELD_GAP * height_of(text, end - 1)


def _goes_back(text: pypdfium2.PdfTextPage, string: str, labels: list[re.Match[str]]) -> bool:
    """Whether a word on a later line stands beside a label; PDFium is asked about places alone, as most pages have none."""
    origin = origins_of(text)
    for label in labels:
        x, y = origin(label.end() - 1)
        level = _LEVEL * height_of(text, label.end() - 1)
        after = string.find("\n", label.end())
        words = (origin(word.start()) for word in _WORD.finditer(string, after)) if after >= 0 else ()
        if any(abs(place[1] - y) <= level and place[0] > x for place in words):
            return True
    return False


def _pieces(text: pypdfium2.PdfTextPage, string: str, start: int) -> Iterator[_Piece]:
    origin = origins_of(text)
    piece: _Piece | None = None
    right = 0.0
    for word in _WORD.finditer(string, start):
        x, y = origin(word.start())
        size = height_of(text, word.start()) or 1.0
        goes_on = (
            piece is not None
            and "\n" not in string[piece.end : word.start()]
            and abs(y - piece.baseline) < _LEVEL * size
            and 0 < x - right < _FIELD_GAP * size
        )
        if goes_on and piece is not None:
            piece.end = word.end()
        else:
            if piece is not None:
                yield piece
            piece = _Piece(word.start(), word.end(), x, y)
        right = origin(word.end() - 1)[0]
    if piece is not None:
        yield piece
