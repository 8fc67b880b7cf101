"""Files to documents: one module a format, each parsed in a process of its own.

A new format is a new module with a `parse(path, password)`, a line in `FORMATS` and a number in `PARSER_VERSIONS`. Nothing here
knows tokens, models or storage, and importing it costs no more than the standard library.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from reader.documents.document import PARSER_VERSIONS, Document, Page, is_outdated
from reader.documents.encodings import decode_bytes
from reader.documents.isolation import (
    LIMITS,
    Box,
    Illustration,
    PagePicture,
    draw_isolated,
    illustration_isolated,
    illustrations_isolated,
    parse_isolated,
)
from reader.documents.kinds import kind_of
from reader.documents.recognition import Recognition, can_recognise
from reader.documents.text import split_pages
from reader.errors import DocumentError

__all__ = [
    "DRAWN_FORMATS",
    "FORMATS",
    "ILLUSTRATED_FORMATS",
    "MAX_SENT_BYTES",
    "PARSER_VERSIONS",
    "Box",
    "Document",
    "Illustration",
    "Page",
    "PagePicture",
    "Recognition",
    "can_recognise",
    "decode_bytes",
    "draw",
    "fetch",
    "file_name_in",
    "illustration",
    "illustrations",
    "is_address",
    "is_bundle",
    "is_outdated",
    "load",
    "split_pages",
    "spreadsheet_rows",
    "unpacked",
]

# Suffix -> the module that parses it.
FORMATS = {
    ".adoc": "text",
    ".azw": "mobi",
    ".azw3": "mobi",
    ".csv": "csv",
    ".doc": "doc",
    ".docx": "docx",
    ".eml": "mail",
    ".epub": "epub",
    ".htm": "html",
    ".html": "html",
    ".log": "text",
    ".markdown": "markdown",
    ".mbox": "mail",
    ".md": "markdown",
    ".mht": "mail",
    ".mhtml": "mail",
    ".mobi": "mobi",
    ".odp": "odt",
    ".ods": "odt",
    ".odt": "odt",
    ".org": "text",
    ".pdf": "pdf",
    ".pptx": "pptx",
    ".prc": "mobi",
    ".rst": "text",
    ".rtf": "rtf",
    ".srt": "subtitles",
    ".tex": "text",
    ".text": "text",
    ".tsv": "csv",
    ".txt": "text",
    ".vtt": "subtitles",
    ".xhtml": "html",
    ".xlsx": "xlsx",
}

DRAWN_FORMATS = ("pdf",)
"""Formats whose pages can be drawn as they look; those modules have a `draw`, too."""

ILLUSTRATED_FORMATS = ("docx", "epub", "html")
"""Formats whose texts have pictures that can be shown in them; those modules have an `illustrated`, too."""

TEXT_FORMATS = ("csv", "html", "markdown", "subtitles", "text")
"""Formats that are written in an encoding which the file need not name."""

_OLD_WORD = "doc"


def draw(
    path: Path, format_name: str, page: int, *, width_pixels: int, quote: str = "", everywhere: bool = False
) -> PagePicture:
    """Draw page `page` of a file, counted from 1, in a separate process, and find the lines of `quote` on it.

    They are found where it stands first, or, `everywhere`, wherever it is whole words.

    Raises DocumentError where it cannot be drawn.
    """
    if format_name not in DRAWN_FORMATS or not path.is_file():
        raise DocumentError(f"Pages of {path.name!r} cannot be drawn: look at their text instead.")
    return draw_isolated(path, format_name, page, width_pixels=width_pixels, quote=quote, everywhere=everywhere)


def illustrations(path: Path, format_name: str) -> tuple[int, list[Illustration]]:
    """Return how many letters a file's text has, without white space, and where pictures stand in it; in a separate process.

    Raises DocumentError where the file cannot be read.
    """
    return illustrations_isolated(path, format_name) if format_name in ILLUSTRATED_FORMATS else (0, [])


def illustration(path: Path, format_name: str, source: str) -> tuple[str, bytes]:
    """Return the media type and the bytes of a picture, drawn anew from its pixels in a separate process.

    Args:
        path: the file.
        format_name: one of `ILLUSTRATED_FORMATS`.
        source: an illustration's.

    Raises DocumentError where it cannot be shown.
    """
    return illustration_isolated(path, format_name, source)


RECOGNISED_FORMATS = ("pdf",)
"""Formats whose pages may be pictures of text; those modules have `pictures`, too."""


def load(
    path: Path, *, password: str | None = None, encoding: str | None = None, recognition: Recognition | None = None
) -> Document:
    """Read the file at `path` into a Document, in a separate process with limits on memory, time and size.

    Args:
        path: the file; its suffix names its format, unless its first bytes are those of another one.
        password: opens an encrypted PDF.
        encoding: what a text, Markdown, CSV or HTML file is written in; without it, the file's bytes are looked at, and
            what was guessed is in the document's `notes`.
        recognition: reads the pages of a PDF that have no text, page by page.

    Raises:
        DocumentError: the file cannot become a document; one sentence that names it.
    """
    path = Path(path)
    if path.is_dir():
        raise DocumentError(f"{str(path)!r} is a folder: give a file in it.")
    if not path.exists():
        raise DocumentError(f"{str(path)!r} does not exist: check the path.")
    if not path.is_file():
        raise DocumentError(f"{str(path)!r} is not a regular file: copy its contents to a file first.")
    if path.stat().st_size == 0:
        raise DocumentError(f"{path.name!r} is empty: choose a file with text in it.")
    format_name = kind_of(path, FORMATS.get(path.suffix.lower()))
    if format_name is None and is_bundle(path):
        raise DocumentError(f"{path.name!r} holds several files: unpack it, or add all of them to the library.")
    if format_name is None:
        raise DocumentError(
            f"{path.name!r} is of a kind that cannot be read ({path.suffix or 'no suffix'}): "
            f"convert it to one of {', '.join(FORMATS)}."
        )
    if encoding is not None:
        return _load_encoded(path, format_name, encoding)
    if format_name == _OLD_WORD:
        return _load_converted(path)
    if format_name not in RECOGNISED_FORMATS:
        recognition = None
    document = parse_isolated(path, format_name, password=password, recognition=recognition)
    return replace(document, notes=_assumptions(path)) if format_name in TEXT_FORMATS else document


MAX_SENT_BYTES = 512 << 20
"""How large a file from a web address or a browser may be."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)


def is_address(text: str) -> bool:
    """Return whether a text is a web address and no path, such as `https://example.org/book.pdf`."""
    return bool(_ADDRESS.match(text.strip()))


def file_name_in(address: str) -> str:
    """Return the name of the file in a web address, else that of its server."""
    from reader.documents.web import name_in  # nothing else pays for it

    return name_in(address)


def fetch(address: str, folder: Path, *, encoding: str | None = None) -> Path:
    """Fetch the file at a web address into a folder, from this process; `load` then reads it.

    Args:
        address: http or https; it must be on the public internet.
        folder: an existing folder for the file.
        encoding: what the person says the file is written in; without it, what the server says counts.

    Raises:
        DocumentError: nothing can be fetched there, it is not public, too large or slow, or no document.
    """
    from reader.documents.encodings import write_in_utf8
    from reader.documents.web import fetch as fetch_file  # nothing else pays for it

    path, served_encoding = fetch_file(address, folder, tuple(FORMATS), MAX_SENT_BYTES)
    if encoding is None and kind_of(path, FORMATS.get(path.suffix.lower())) in TEXT_FORMATS:
        write_in_utf8(path, served_encoding)
    return path


def is_bundle(path: Path) -> bool:
    """Return whether a path is a folder or a ZIP of files, of which each is a document."""
    return path.is_dir() or (path.suffix.lower() == ".zip" and path.is_file() and kind_of(path, None) is None)


def unpacked(
    path: Path, leaves_out: Callable[[Collection[str]], bool] = lambda _: False
) -> AbstractContextManager[tuple[list[Path], list[Path]]]:
    """Give the files of a folder or a ZIP that can become documents, for as long as the `with` block lasts.

    Beside them stand the folders that were left out.

    Args:
        leaves_out: whether a folder with files of these names is left out, with all that is in it.

    Raises:
        DocumentError: it holds none, too many, or is no ZIP that can be read.
    """
    from reader.documents.bundle import unpacked as unpack  # nothing else pays for it

    return unpack(path, tuple(FORMATS), leaves_out)


def spreadsheet_rows(path: Path) -> list[list[str]]:
    """Return the rows of a workbook's first sheet that is shown, as its cells show them.

    Raises:
        DocumentError: the file is no workbook that can be read.
    """
    from reader.documents.xlsx import first_sheet  # nothing else pays for it

    return first_sheet(path)


def _load_encoded(path: Path, format_name: str, encoding: str) -> Document:
    """Read a file in the encoding that a person named."""
    from reader.documents.encodings import in_utf8

    if format_name not in TEXT_FORMATS:
        raise DocumentError(f"{path.name!r} says itself how it is encoded: leave the encoding out.")
    if path.stat().st_size > LIMITS.file_bytes:
        raise DocumentError(f"{path.name!r} needs more than {LIMITS.file_bytes >> 20:,} MiB a file: split it.")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(in_utf8(path, encoding))
        return parse_isolated(copy, format_name)


def _load_converted(path: Path) -> Document:
    """Read a file of Word before 2007 through the converter that this machine has."""
    from reader.documents.doc import convert

    with tempfile.TemporaryDirectory() as folder:
        converted, format_name = convert(path, Path(folder))
        document = parse_isolated(converted, format_name)
    return replace(document, file_name=path.name, format=_OLD_WORD, parser_version=PARSER_VERSIONS[_OLD_WORD])


def _assumptions(path: Path) -> tuple[str, ...]:
    from reader.documents.encodings import guessed_encoding

    name = guessed_encoding(path)
    if name is None:
        return ()
    return (f"The text was read as {name}, which is a guess: name its encoding where letters are wrong.",)
