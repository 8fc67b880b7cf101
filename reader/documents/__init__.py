"""Files to documents: one module a format, each parsed in a process of its own.

A new format is a new module with a `parse(path, password)` and a line in `FORMATS`. Nothing here knows tokens, models
or storage, and importing it costs no more than the standard library.
"""

from __future__ import annotations

from pathlib import Path

from reader.documents.document import PARSER_VERSION, Document, Page
from reader.documents.isolation import Box, PagePicture, draw_isolated, parse_isolated
from reader.documents.recognition import Recognition
from reader.errors import DocumentError

__all__ = [
    "DRAWN_FORMATS",
    "FORMATS",
    "PARSER_VERSION",
    "Box",
    "Document",
    "Page",
    "PagePicture",
    "Recognition",
    "draw",
    "load",
]

# Suffix -> the module that parses it.
FORMATS = {
    ".docx": "docx",
    ".epub": "epub",
    ".htm": "html",
    ".html": "html",
    ".markdown": "markdown",
    ".md": "markdown",
    ".pdf": "pdf",
    ".rtf": "rtf",
    ".txt": "text",
    ".xhtml": "html",
}

DRAWN_FORMATS = ("pdf",)
"""Formats whose pages can be drawn as they look; those modules have a `draw`, too."""


def draw(path: Path, format_name: str, page: int, *, width_pixels: int, quote: str = "") -> PagePicture:
    """Draw page `page` of a file, counted from 1, in a separate process, and find the lines of `quote` on it.

    Raises DocumentError where it cannot be drawn.
    """
    if format_name not in DRAWN_FORMATS or not path.is_file():
        raise DocumentError(f"Pages of {path.name!r} cannot be drawn: look at their text instead.")
    return draw_isolated(path, format_name, page, width_pixels=width_pixels, quote=quote)


RECOGNISED_FORMATS = ("pdf",)
"""Formats whose pages may be pictures of text; those modules have `pictures`, too."""


def load(path: Path, *, password: str | None = None, recognition: Recognition | None = None) -> Document:
    """Read the file at `path` into a Document, in a separate process with limits on memory, time and size.

    `password` opens an encrypted PDF. `recognition` reads the pages of a PDF that have no text, page by page.

    Raises DocumentError, with one sentence naming the file, where the file cannot become a document.
    """
    path = Path(path)
    if path.is_dir():
        raise DocumentError(f"{str(path)!r} is a folder: give a file in it.")
    if not path.exists():
        raise DocumentError(f"{str(path)!r} does not exist: check the path.")
    if not path.is_file():
        raise DocumentError(f"{str(path)!r} is not a regular file: copy its contents to a file first.")
    format_name = FORMATS.get(path.suffix.lower())
    if format_name is None:
        raise DocumentError(
            f"{path.name!r} is of a kind that cannot be read ({path.suffix or 'no suffix'}): "
            f"convert it to one of {', '.join(FORMATS)}."
        )
    if path.stat().st_size == 0:
        raise DocumentError(f"{path.name!r} is empty: choose a file with text in it.")
    if format_name not in RECOGNISED_FORMATS:
        recognition = None
    return parse_isolated(path, format_name, password=password, recognition=recognition)
