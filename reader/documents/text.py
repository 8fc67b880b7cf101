"""Plain text in any common encoding, with the file's own form feeds as pages or pages made of paragraphs.

It does not guess chapters, and takes a title from the file's name: first lines are licences as often as titles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from reader.documents.encodings import read_text
from reader.errors import DocumentError
from reader.wording import SENTENCE_ENDS

Parsed = tuple[str, Iterator[tuple[str, str]]]
"""What a parser returns: a title, and the (label, text) of each page."""

PAGE_CHARS = 2000
_SLACK_CHARS = 500
# With pages that grow with the text, no text is refused for the number of pages that we made up ourselves.
MOST_PAGES = 15_000
_LABEL_CHARS = 80

# From the best place to end a page to the worst; each match belongs to the page that it ends.
_BREAKS = tuple(re.compile(pattern) for pattern in (r"\n[ \t]*\n\s*", r"\n", rf"[{SENTENCE_ENDS}]", r"\s"))

# What word processors put in the title when nobody wrote one.
_NO_TITLE = re.compile(
    r"untitled.*|\(?(?:unspecified|anonymous)\)?|about:blank|title|(?:word )?document\d*"
    r"|.*\.(docx?|dvi|html?|indd|pdf|ps|qxd|rtf|tex|txt|p65)",
    re.I,
)
_TITLE_CHARS = range(2, 201)


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is no text.
    """
    return readable_stem(path), split_pages(read_text(path))


def split_pages(text: str) -> Iterator[tuple[str, str]]:
    """Yield the (label, text) of each page: between form feeds where there are any, else of about `PAGE_CHARS`."""
    if "\f" in text.strip():
        parts = iter(text.strip("\f").replace("\f", "\n\f").split("\f"))
    else:
        parts = _cut(text.replace("\f", "\n"))
    for number, part in enumerate(parts, start=1):
        yield str(number), part


def split_sections(sections: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the (label, text) of each page of (title, text) sections: a page never holds text of two sections.

    A long section becomes pages labelled "Title", "Title · 2" and so on, a section that goes on under the same title
    counts on, and where there is no title the page's number is the label. Sections without any text are left out.
    """
    pieces = [(title, piece) for title, text in sections if text.strip() for piece in _cut(text)]
    if len(pieces) > MOST_PAGES:
        yield from split_pages("".join(text for _, text in pieces))
        return
    count, previous = 0, ""
    for number, (title, piece) in enumerate(pieces, start=1):
        title = short_label(title)
        count = count + 1 if title == previous else 1
        previous = title
        label = title or str(number)
        yield label if count == 1 or not title else f"{title} · {count}", piece


def _cut(text: str) -> Iterator[str]:
    size = max(PAGE_CHARS, len(text) // MOST_PAGES)
    start = 0
    while len(text) - start > size + _SLACK_CHARS:
        end = _break_near(text, start + size)
        yield text[start:end]
        start = end
    yield text[start:]


def _break_near(text: str, target: int) -> int:
    low, high = target - _SLACK_CHARS, target + _SLACK_CHARS
    for pattern in _BREAKS:
        ends = [match.end() for match in pattern.finditer(text, low, high)]
        if ends:
            return min(ends, key=lambda end: abs(end - target))
    return target


def short_label(title: str) -> str:
    """Return the title of a chapter on one line of at most 80 characters."""
    title = " ".join(title.split())
    return title if len(title) <= _LABEL_CHARS else title[: _LABEL_CHARS - 1].rstrip() + "…"


def chosen_title(title: str, path: Path) -> str:
    """Return the title that a file gives itself, or its readable name where nobody wrote one."""
    title = " ".join(title.removeprefix("Microsoft Word - ").split())
    sane = len(title) in _TITLE_CHARS and title.isprintable() and not _NO_TITLE.fullmatch(title)
    return title if sane else readable_stem(path)


def drm_error(path: Path) -> DocumentError:
    """Return the error of a book whose text its seller has encrypted."""
    return DocumentError(
        f"{path.name!r} is locked by digital rights management (DRM): get it from a seller without it."
    )


def readable_stem(path: Path) -> str:
    """Return the file's name as a title: no suffix, words apart."""
    return " ".join(path.stem.replace("_", " ").split()) or path.name
