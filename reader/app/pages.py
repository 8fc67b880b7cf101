"""Pages to look at: their pictures, drawn once for all users, and where words that are searched stand on them."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reader.documents import (
    DRAWN_FORMATS,
    ILLUSTRATED_FORMATS,
    Box,
    Illustration,
    PagePicture,
    draw,
    illustration,
    illustrations,
)
from reader.errors import DocumentError
from storage import PageRecord

PAGE_WIDTH_PIXELS = 1000
COVER_WIDTH_PIXELS = 144
_MAX_FOUND_CHARS = 400
"""Words of a search that are further apart are not marked as one place."""
_KEPT_PICTURES = 48
_WORD = re.compile(r"\w+")
_RUN = re.compile(r"\S+")


@dataclass(frozen=True)
class Inserted:
    """A picture that stands in a page's text."""

    char: int
    """Of the page."""
    number: int
    """Of the document's pictures, counted from 0."""
    alt: str


@dataclass(frozen=True)
class PageView:
    """A page to be looked at: as a picture where there is one, else its text, with what is marked on it."""

    document_id: str
    title: str
    number: int
    label: str
    pages: int
    text: str
    marks: tuple[tuple[int, int], ...]
    """What is marked, as characters of this page's text."""
    is_drawn: bool
    boxes: tuple[Box, ...]
    """What is marked, on the picture; empty where it was not found there."""
    format: str = ""
    """Of the file."""
    has_picture: bool = False
    """Whether the page can be shown as it looks, whichever way it is shown now."""
    find: str = ""
    """The words that were looked for."""
    found: tuple[int, ...] = ()
    """The pages that hold all of them."""
    inserted: tuple[Inserted, ...] = ()
    """The pictures that stand in the text, in its order."""


class Pictures:
    """The page pictures drawn last, for all workspaces."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, str, bool], PagePicture] = OrderedDict()
        self._places: OrderedDict[str, tuple[int, list[Illustration]]] = OrderedDict()
        self._lock = threading.Lock()
        self._drawing = threading.Semaphore(2)

    def get(self, path: Path, page: int, quote: str, *, everywhere: bool = False) -> PagePicture:
        """The picture of a page with the boxes of a quote, or with all of its places; without a quote, with any.

        Raises:
            DocumentError: it cannot be drawn.
        """
        key = (path.name, page, quote, everywhere)
        with self._lock:
            known = [other for other in self._kept if other == key or (not quote and other[:2] == key[:2])]
            if known:
                self._kept.move_to_end(known[-1])
                return self._kept[known[-1]]
        with self._drawing:
            picture = draw(
                path, path.suffix[1:], page, width_pixels=PAGE_WIDTH_PIXELS, quote=quote, everywhere=everywhere
            )
        with self._lock:
            self._kept[key] = picture
            while len(self._kept) > _KEPT_PICTURES:
                self._kept.popitem(last=False)
        return picture

    def inserted(
        self, path: Path | None, pages: Callable[[], Sequence[PageRecord]], number: int
    ) -> tuple[Inserted, ...]:
        """The pictures in the text of a page, by the kept file and all pages of its document."""
        if path is None or path.suffix[1:] not in ILLUSTRATED_FORMATS:
            return ()
        letters, found = self._illustrations(path)
        return _inserted(pages(), number, letters, found) if found else ()

    def _illustrations(self, path: Path) -> tuple[int, list[Illustration]]:
        """How many letters a file's text has, and its pictures; none where it cannot be read any more."""
        with self._lock:
            if path.name in self._places:
                self._places.move_to_end(path.name)
                return self._places[path.name]
        with self._drawing:
            try:
                found = illustrations(path, path.suffix[1:])
            except DocumentError:
                found = 0, []
        with self._lock:
            self._places[path.name] = found
            while len(self._places) > _KEPT_PICTURES:
                self._places.popitem(last=False)
        return found

    def illustration(self, path: Path, number: int) -> tuple[str, bytes]:
        """The media type and the bytes of one picture of a file.

        Raises:
            DocumentError: it has none of this number, or it cannot be shown.
        """
        _, found = self._illustrations(path)
        if not 0 <= number < len(found):
            raise DocumentError("The document has no such picture. Load the page again.")
        with self._drawing:
            return illustration(path, path.suffix[1:], found[number].source)


def draw_cover(path: Path, format_name: str) -> bytes | None:
    """The first page of a file as a small JPEG, if it can be drawn."""
    if format_name not in DRAWN_FORMATS:
        return None
    try:
        return draw(path, format_name, 1, width_pixels=COVER_WIDTH_PIXELS).jpeg
    except DocumentError:
        return None


def _inserted(
    pages: Sequence[PageRecord], number: int, letters: int, found: Sequence[Illustration]
) -> tuple[Inserted, ...]:
    """The pictures of one page; none where the pages' text is not that which is in the file."""
    counts = [len("".join(page.text.split())) for page in pages]
    if sum(counts) != letters:
        return ()
    before = sum(counts[: number - 1])
    ends = before + counts[number - 1]
    text = pages[number - 1].text
    own = (
        Inserted(_place(text, one.letters - before, is_behind=one.is_behind), index, one.alt)
        for index, one in enumerate(found)
        if (before < one.letters <= ends if one.is_behind or one.letters == letters else before <= one.letters < ends)
    )
    return tuple(sorted(own, key=lambda one: one.char))


def _place(text: str, letters: int, *, is_behind: bool) -> int:
    """The character behind so many letters of a text, or the one before the next letter."""
    left = letters
    for run in _RUN.finditer(text):
        if left < len(run[0]) or (left == len(run[0]) and is_behind):
            return run.start() + left
        left -= len(run[0])
    return len(text)


def find_words(text: str, query: str) -> tuple[int, int]:
    """Where the words of a query stand closest together in a page, as characters; (0, 0) where one is missing.

    Words are compared without case and accents, as the search does.
    """
    words = _WORD.findall(_folded(query))
    places = [(match.start(), match.end(), match[0]) for match in _WORD.finditer(_folded(text)) if match[0] in words]
    best: tuple[int, int] | None = None
    last: dict[str, tuple[int, int]] = {}
    for start, end, word in places:
        last[word] = (start, end)
        if len(last) == len(set(words)):
            first = min(place[0] for place in last.values())
            if best is None or end - first < best[1] - best[0]:
                best = (first, end)
    if best is not None and best[1] - best[0] > _MAX_FOUND_CHARS:  # far apart: the first word shows where to look
        best = places[0][:2]
    return best or (0, 0)


def pages_with(pages: Sequence[PageRecord], query: str) -> tuple[int, ...]:
    """The numbers of the pages that hold all words of a query."""
    words = set(_WORD.findall(_folded(query)))
    return tuple(page.number for page in pages if words and words <= set(_WORD.findall(_folded(page.text))))


def _folded(text: str) -> str:
    """A text without case and accents, as long as it was."""
    if text.isascii():
        return text.lower()
    return "".join(unicodedata.normalize("NFKD", sign)[0].lower()[:1] or sign for sign in text)
