"""PDF through pypdf: one page a page, with the document's own page labels.

It reads the text layer only. Scans without one are counted, never recognised; layout is not rebuilt.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pypdf
from pypdf.errors import DependencyError, PyPdfError

from ..errors import DocumentError
from .text import readable_stem

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})

# A font that does not say which letters its glyphs are comes out as "/g134/g135/g3": no reader could use that.
_GLYPH_NAMES = re.compile(r"/[A-Za-z]{1,3}[0-9]{1,5}(?![0-9A-Za-z])")

# What word processors put in the title when nobody wrote one.
_NO_TITLE = re.compile(r"untitled.*|\(?unspecified\)?|title|.*\.(docx?|dvi|indd|pdf|ps|qxd|rtf|tex|txt|p65)", re.I)
_TITLE_CHARS = range(3, 201)


def parse(path: Path, password: str | None) -> tuple[str, Iterator[tuple[str, str]]]:
    """Return the title and the (label, text) of each page; a page that cannot be read is one without text.

    Raises DocumentError where the file is damaged beyond reading or the password does not open it.
    """
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(path)
        _decrypt(reader, path, password)
        page_count = len(reader.pages)
    except DependencyError as exc:
        raise DocumentError(
            f"{path.name!r} is encrypted in a way that needs the 'cryptography' package: install it and try again."
        ) from exc
    except (MemoryError, DocumentError):
        raise
    except Exception as exc:  # damaged files raise nearly every error there is
        raise DocumentError(f"{path.name!r} is damaged or not a PDF: open it in a viewer and save a new copy.") from exc
    return _title(reader, path), _pages(reader, page_count, path)


def _decrypt(reader: pypdf.PdfReader, path: Path, password: str | None) -> None:
    if not reader.is_encrypted or reader.decrypt(""):
        return
    if password is None:
        raise DocumentError(f"{path.name!r} is protected by a password: give its password too.")
    if not reader.decrypt(password):
        raise DocumentError(f"The password does not open {path.name!r}: check it and try again.")


def _pages(reader: pypdf.PdfReader, page_count: int, path: Path) -> Iterator[tuple[str, str]]:
    labels = [str(number) for number in range(1, page_count + 1)]
    try:
        own_labels = reader.page_labels
    except MemoryError:
        raise
    except Exception:  # labels are an ornament: without them pages are numbered
        own_labels = []
    if len(own_labels) == page_count:
        labels = [own.strip() or label for own, label in zip(own_labels, labels, strict=True)]
    has_text = False
    for index, label in enumerate(labels):
        try:
            text = reader.pages[index].extract_text()
        except MemoryError:
            raise
        except Exception:  # one bad page must not cost the other three hundred
            text = ""
        text = text.translate(_LIGATURES).strip()
        if sum(map(len, _GLYPH_NAMES.findall(text))) > len(text) / 2:
            text = ""
        has_text = has_text or bool(text)
        yield label, text + "\n\n"
    if not has_text:
        pages = "1 page" if page_count == 1 else f"{page_count:,} pages"
        raise DocumentError(f"{path.name!r} has no text layer ({pages} of images?): run text recognition (OCR) first.")


def _title(reader: pypdf.PdfReader, path: Path) -> str:
    try:
        title = str(reader.metadata.title or "") if reader.metadata else ""
    except (PyPdfError, ValueError, TypeError, AttributeError, KeyError):
        title = ""
    title = " ".join(title.removeprefix("Microsoft Word - ").translate(_LIGATURES).split())
    sane = len(title) in _TITLE_CHARS and title.isprintable() and not _NO_TITLE.fullmatch(title)
    return title if sane else readable_stem(path)
