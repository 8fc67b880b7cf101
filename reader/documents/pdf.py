"""PDF through PDFium: one page a page, labelled as printed and by the chapter of the document's outline.

It reads the text layer only. Scans without one are counted, never recognised; layout is not rebuilt. Where PDFium
cannot open a file, pypdf tries.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path

import pypdf
import pypdfium2
import pypdfium2.raw as pdfium
from pypdf.errors import DependencyError

from ..errors import DocumentError, PasswordNeeded
from .text import chosen_title, short_label

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})

# PDFium puts this in place of a hyphen at a line's end together with the line's end.
_HYPHEN = "\ufffe"
_SPLIT_WORD = re.compile(rf"([^\W\d_])?{_HYPHEN}(?=([^\W\d_])?)")

# A font that does not say which letters its glyphs are comes out as control characters from PDFium, and as
# "/g134/g135/g3" from pypdf: no reader could use that.
_GLYPH_CODES = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]|/[A-Za-z]{1,3}[0-9]{1,5}(?![0-9A-Za-z])")
_MOST_GLYPH_CODES = 0.3

_MOST_CHAPTERS = 10_000

_MOST_HEIGHTS = 3
"""A page that is taller than so many times its width is drawn smaller."""

Box = tuple[float, float, float, float]
"""Left, top, width and height in shares of the page."""


def parse(path: Path, password: str | None) -> tuple[str, Iterator[tuple[str, str]]]:
    """Return the title and the (label, text) of each page; a page that cannot be read is one without text.

    Raises DocumentError where the file is damaged beyond reading or the password does not open it.
    """
    document = _open(path, password)
    if document is None:
        return _parse_with_pypdf(path, password)
    title = _ornament(lambda: document.get_metadata_value("Title")).translate(_LIGATURES)
    return chosen_title(title, path), _refuse_textless(path, _pages(document))


def draw(path: Path, page: int, width_pixels: int, quote: str) -> tuple[bytes, int, int, list[Box]]:
    """Return page `page`, counted from 1, as (JPEG, its width and height in pixels, the boxes of the quote's lines).

    Raises DocumentError where the file or the page cannot be drawn.
    """
    from PIL import Image  # parsing does not pay for it

    document = _open(path, None)
    if document is None or not 0 < page <= len(document):
        raise DocumentError(f"Page {page} of {path.name!r} cannot be drawn: look at its text instead.")
    try:
        shown = document[page - 1]
        width, height = shown.get_size()
        scale = min(width_pixels / width, _MOST_HEIGHTS * width_pixels / height)
        bitmap = shown.render(scale=scale, may_draw_forms=False, rev_byteorder=True, prefer_bgrx=False)
        picture: Image.Image = bitmap.to_pil().convert("RGB")
        out = BytesIO()
        picture.save(out, "JPEG", quality=82, optimize=True)
        boxes = _find(shown, quote, bitmap.get_posconv(shown), picture.size)
    except MemoryError:
        raise
    except Exception as exc:  # damaged files raise nearly every error there is
        raise DocumentError(f"Page {page} of {path.name!r} cannot be drawn: look at its text instead.") from exc
    return out.getvalue(), *picture.size, boxes


def _find(page: pypdfium2.PdfPage, quote: str, place: pypdfium2.PdfPosConv, size: tuple[int, int]) -> list[Box]:
    """The boxes of a quote's lines: letters and digits are compared, as parsing has mended all else."""
    text = page.get_textpage()
    letters, places = [], []
    for index in range(text.count_chars()):
        for letter in _letters(chr(pdfium.FPDFText_GetUnicode(text, index))):
            letters.append(letter)
            places.append(index)
    wanted = _letters(quote)
    start = "".join(letters).find(wanted)
    if not wanted or start < 0:
        return []
    first, last = places[start], places[start + len(wanted) - 1]
    boxes = []
    for number in range(text.count_rects(first, last - first + 1)):
        left, bottom, right, top = text.get_rect(number)
        corners = [place.to_bitmap(left, top), place.to_bitmap(right, bottom)]
        (x0, x1), (y0, y1) = (
            sorted(min(max(at / pixels, 0.0), 1.0) for at in axis)
            for axis, pixels in zip(zip(*corners, strict=True), size, strict=True)
        )
        if x1 > x0 and y1 > y0:  # else it is beyond the edge of what is shown
            boxes.append((x0, y0, x1 - x0, y1 - y0))
    return boxes


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def _open(path: Path, password: str | None) -> pypdfium2.PdfDocument | None:
    """Open a file, first without its password as many need none; None where PDFium cannot."""
    for attempt in dict.fromkeys((None, password)):
        try:
            return pypdfium2.PdfDocument(path, password=attempt)
        except pypdfium2.PdfiumError as exc:
            if exc.err_code != pdfium.FPDF_ERR_PASSWORD:
                return None
    raise _locked(path, password)


def _locked(path: Path, password: str | None) -> PasswordNeeded:
    if password is None:
        return PasswordNeeded(f"{path.name!r} is protected by a password: give its password too.")
    return PasswordNeeded(f"The password does not open {path.name!r}: check it and try again.")


def _pages(document: pypdfium2.PdfDocument) -> Iterator[tuple[str, str]]:
    chapters = _chapters(document)
    starts = [start for start, _ in chapters]
    for index in range(len(document)):
        label = _ornament(partial(document.get_page_label, index)).strip() or str(index + 1)
        chapter = bisect_right(starts, index)
        yield f"{label} — {chapters[chapter - 1][1]}" if chapter else label, _page_text(document, index)


def _ornament(read: Callable[[], str]) -> str:
    """A title or a label; "" where the file garbles it, which must not cost its text."""
    try:
        return read()
    except MemoryError:
        raise
    except Exception:  # damaged files raise nearly every error there is
        return ""


def _page_text(document: pypdfium2.PdfDocument, index: int) -> str:
    try:
        page = document[index]
        text = page.get_textpage().get_text_range()
        page.close()
    except MemoryError:
        raise
    except Exception:  # one bad page must not cost the other three hundred
        return ""
    return _readable(_SPLIT_WORD.sub(_rejoin, text))


def _rejoin(match: re.Match[str]) -> str:
    """A word split between small letters is one word; elsewhere the hyphen may be its own."""
    before, after = match[1] or "", match[2] or ""
    return before if before and after.islower() else f"{before}-\n"


def _chapters(document: pypdfium2.PdfDocument) -> list[tuple[int, str]]:
    """(page index, title) by page, from the outline's highest level that has more than one entry."""
    entries = []
    try:
        for bookmark in islice(document.get_toc(), _MOST_CHAPTERS):
            target = bookmark.get_dest()
            index = target.get_index() if target else None
            title = short_label(bookmark.get_title())
            if title and index is not None and index >= 0:
                entries.append((bookmark.level, index, title))
    except MemoryError:
        raise
    except Exception:  # the outline is an ornament: without it pages have their numbers
        return []
    levels = Counter(level for level, _, _ in entries)
    level = min((level for level, count in levels.items() if count > 1), default=None)
    return sorted(((index, title) for at, index, title in entries if at == level), key=lambda entry: entry[0])


def _parse_with_pypdf(path: Path, password: str | None) -> tuple[str, Iterator[tuple[str, str]]]:
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(path)
        if reader.is_encrypted and not (reader.decrypt("") or (password and reader.decrypt(password))):
            raise _locked(path, password)
        page_count = len(reader.pages)
    except DependencyError as exc:
        raise DocumentError(
            f"{path.name!r} is encrypted in a way that needs the 'cryptography' package: install it and try again."
        ) from exc
    except (MemoryError, DocumentError):
        raise
    except Exception as exc:  # damaged files raise nearly every error there is
        raise DocumentError(f"{path.name!r} is damaged or not a PDF: open it in a viewer and save a new copy.") from exc
    return chosen_title("", path), _refuse_textless(path, _pypdf_pages(reader, page_count))


def _pypdf_pages(reader: pypdf.PdfReader, page_count: int) -> Iterator[tuple[str, str]]:
    for index in range(page_count):
        try:
            text = reader.pages[index].extract_text()
        except MemoryError:
            raise
        except Exception:  # as above
            text = ""
        yield str(index + 1), _readable(text)


def _readable(text: str) -> str:
    if sum(map(len, _GLYPH_CODES.findall(text))) > _MOST_GLYPH_CODES * len(text):
        return ""
    return text.translate(_LIGATURES).strip()


def _refuse_textless(path: Path, pages: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Pass the pages on, parted by empty lines.

    Raises DocumentError at the end where none had text.
    """
    count, has_text = 0, False
    for label, text in pages:
        count, has_text = count + 1, has_text or bool(text)
        yield label, text + "\n\n"
    if not has_text:
        images = "1 page" if count == 1 else f"{count:,} pages"
        raise DocumentError(f"{path.name!r} has no text layer ({images} of images?): run text recognition (OCR) first.")
