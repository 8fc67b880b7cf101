"""PDF through PDFium: one page a page, labelled as printed and by the chapter of the document's outline.

PDFium reads the text layer; what it gets wrong is mended from the glyphs' places and from the file's objects. Where
PDFium cannot open a file, pypdf tries.
"""

from __future__ import annotations

import itertools
import logging
import tempfile
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium

from reader.documents.pdf.glyphs import Glyph, read_glyphs
from reader.documents.pdf.opening import (
    ignore_installed_fonts,
    locked,
    open_document,
    string_of,
    use_installed_fonts,
)
from reader.documents.pdf.pages import Pages, plain_ligatures, readable
from reader.documents.pdf.running import without_running_lines
from reader.documents.pdf.shells import portfolio, xfa_lines
from reader.documents.pdf.titles import printed_title
from reader.documents.text import chosen_title, readable_stem, short_label
from reader.errors import DocumentError, RecognitionNeeded
from reader.wording import counted

if TYPE_CHECKING:
    from PIL import Image

_MOST_CHAPTERS = 10_000
_MOST_ATTACHED = 200
_PDF_MARK = b"%PDF-"
_MARK_BYTES = 1024
_BETWEEN_CHAPTERS = " · "
_LABEL_CHARS = 180

_DOTS_PER_INCH = 300
_MOST_PIXELS = 3500

_MOST_HEIGHTS = 3
"""A page that is taller than so many times its width is drawn smaller."""

_Page = tuple[str, str, bool]
"""Label, text, and whether a page without text shows something."""

Box = tuple[float, float, float, float]
"""Left, top, width and height in shares of the page."""


def parse(path: Path, password: str | None, keep_textless: bool = False) -> tuple[str, Iterator[_Page]]:
    """Return the title and each page; a page that cannot be read is one without text.

    Raises DocumentError where the file is damaged beyond reading or the password does not open it.
    """
    ignore_installed_fonts()
    document = open_document(path, path.name, password)
    if document is None:
        return _parse_with_pypdf(path, password)
    title = _title(path, document)
    pages = _pages(path, password, document)
    if keep_textless:
        return title, ((label, text + "\n\n", shows) for label, text, shows in pages)
    return title, _refuse_textless(path, document, pages)


def pictures(path: Path, indices: list[int], password: str | None) -> Iterator[Image.Image | None]:
    """Yield pages, counted from 0, as they look at 300 dots per inch; None where one cannot be drawn."""
    document = open_document(path, path.name, password)
    for index in indices:
        try:
            if document is None:
                yield None
                continue
            page = document[index]
            scale = min(_DOTS_PER_INCH / 72, _MOST_PIXELS / max(page.get_size()))
            yield page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False).to_pil().convert("RGB")
            page.close()
        except MemoryError:
            raise
        except Exception:  # one bad page must not cost the others
            yield None


def draw(path: Path, page: int, width_pixels: int, quote: str, everywhere: bool) -> tuple[bytes, int, int, list[Box]]:
    """Return page `page`, counted from 1, as (JPEG, its width and height in pixels, the boxes of the quote's lines).

    The boxes are those of its first place, or, `everywhere`, of all where it is whole words.

    Raises DocumentError where the file or the page cannot be drawn.
    """

    ignore_installed_fonts()
    document = open_document(path, path.name, None)
    if document is None or not 0 < page <= len(document):
        raise DocumentError(f"Page {page} of {path.name!r} cannot be drawn: look at its text instead.")
    try:
        pages = Pages(path, None, document)
        source, text, _ = pages.open(page - 1)
        rects = _rects(text, pages.glyphs(source, text, page - 1), quote, everywhere) if quote else []
        use_installed_fonts()
        shown_document = open_document(path, path.name, None) or document
        shown_document.init_forms()
        shown = shown_document[page - 1]
        width, height = shown.get_size()
        scale = min(width_pixels / width, _MOST_HEIGHTS * width_pixels / height)
        bitmap = shown.render(scale=scale, may_draw_forms=True, rev_byteorder=True, prefer_bgrx=False)
        picture: Image.Image = bitmap.to_pil().convert("RGB")
        out = BytesIO()
        picture.save(out, "JPEG", quality=82, optimize=True)
        boxes = _boxes(rects, bitmap.get_posconv(shown), picture.size)
    except MemoryError:
        raise
    except Exception as error:  # damaged files raise nearly every error there is
        raise DocumentError(f"Page {page} of {path.name!r} cannot be drawn: look at its text instead.") from error
    return out.getvalue(), *picture.size, boxes


def _rects(
    text: pypdfium2.PdfTextPage, glyphs: list[Glyph], quote: str, everywhere: bool
) -> list[tuple[float, float, float, float]]:
    """The rectangles of a quote's lines: letters and digits are compared, as parsing has mended all else."""
    letters, places, edges = list[str](), list[int](), {0}
    for glyph in glyphs:
        own = _letters(glyph.text)
        letters += own
        places += [glyph.index] * len(own)
        if not own:
            edges.add(len(letters))
    edges.add(len(letters))
    wanted = _letters(quote)
    if not wanted:
        return []
    joined, found = "".join(letters), list[int]()
    at = joined.find(wanted)
    while at >= 0 and (everywhere or not found):
        found.append(at)
        at = joined.find(wanted, at + len(wanted))
    words = [start for start in found if everywhere and {start, start + len(wanted)} <= edges]
    return [rect for start in words or found[:1] for rect in _lines(text, places[start : start + len(wanted)])]


def _lines(text: pypdfium2.PdfTextPage, places: list[int]) -> list[tuple[float, float, float, float]]:
    """The rectangles of the lines of some letters."""
    indices = sorted({index for index in places if index >= 0})
    rects = []
    first = 0
    for at in range(1, len(indices) + 1):
        # Between two letters of a run there may be spaces and line ends, which are not compared.
        if at == len(indices) or indices[at] - indices[at - 1] > _MOST_SKIPPED:
            count = indices[at - 1] - indices[first] + 1
            rects += [text.get_rect(number) for number in range(text.count_rects(indices[first], count))]
            first = at
    return rects


_MOST_SKIPPED = 12


def _boxes(
    rects: list[tuple[float, float, float, float]], place: pypdfium2.PdfPosConv, size: tuple[int, int]
) -> list[Box]:
    boxes = []
    for left, bottom, right, top in rects:
        corners = [place.to_bitmap(left, top), place.to_bitmap(right, bottom)]
        (x0, x1), (y0, y1) = (
            sorted(min(max(at / pixels, 0.0), 1.0) for at in axis)
            for axis, pixels in zip(zip(*corners, strict=True), size, strict=True)
        )
        if x1 > x0 and y1 > y0:  # else it is beyond the edge of what is shown
            boxes.append((x0, y0, x1 - x0, y1 - y0))
    return boxes


def _letters(text: str) -> str:
    """Letters without their accents: PDFium has those apart where parsing has joined them."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text).casefold()))


def _pages(path: Path, password: str | None, document: pypdfium2.PdfDocument) -> Iterator[_Page]:
    pages = Pages(path, password, document)
    first_text = pages.text(0) if len(document) else ""
    if pages.survey is not None:
        lines = xfa_lines(pages.survey.root, path.name, len(document), first_text)
        if lines is not None:
            yield "1", "\n".join(lines), False
            return
    chapters = _chapters(document)
    starts = [start for start, _ in chapters]
    texts = itertools.chain([first_text], map(pages.text, range(1, len(document))))
    for index, (text, printed) in zip(range(len(document)), without_running_lines(texts), strict=False):
        label = _ornament(partial(document.get_page_label, index)).strip() or printed or str(index + 1)
        last = bisect_right(starts, index)
        # The first chapter that begins on this page, or the one before it.
        first = min(bisect_left(starts, index), last - 1)
        names = _joined([title for _, title in chapters[max(first, 0) : last]])
        shows = not text and pages.shows_something(index)
        yield f"{label} — {names}" if names else label, text, shows
    if pages.survey is not None:
        yield from _attached(pages.survey.pdf)


def _attached(pdf: pikepdf.Pdf) -> Iterator[_Page]:
    """The pages of the PDF files in a portfolio and in portfolios within it, and the names of its other files."""
    files = deque(_files(pdf))
    others = []
    for _ in range(_MOST_ATTACHED):
        if not files:
            break
        name, data = files.popleft()
        if _PDF_MARK not in data[:_MARK_BYTES]:
            others.append(name)
            continue
        with tempfile.TemporaryDirectory() as folder:
            inner = Path(folder, "attached.pdf")
            inner.write_bytes(data)
            try:
                document = open_document(inner, name, None)
                pages = Pages(inner, None, document) if document is not None else None
            except DocumentError:
                pages = None
            if pages is None:
                others.append(name)
                continue
            for index in range(len(pages.document)):
                yield short_label(f"{name} · {index + 1}"), pages.text(index), False
            if pages.survey is not None:
                files.extendleft(reversed(_files(pages.survey.pdf)))
    others += [name for name, _ in files]
    if others:
        names = "".join(f"\n{name}" for name in others)
        yield "Attached files", f"Attached files that are not read here:{names}", False


def _files(pdf: pikepdf.Pdf) -> list[tuple[str, bytes]]:
    try:
        return list(islice(portfolio(pdf), _MOST_ATTACHED))
    except MemoryError:
        raise
    except Exception:  # a damaged list of files must not cost the pages
        return []


def _title(path: Path, document: pypdfium2.PdfDocument) -> str:
    """The title in the file's properties, else the one that its first page prints, unless the file's name has several words."""
    title = chosen_title(plain_ligatures(_ornament(lambda: document.get_metadata_value("Title"))), path)
    if title != readable_stem(path) or len(title.split()) > 1:
        return title
    return chosen_title(plain_ligatures(_ornament(lambda: _printed(document))), path)


def _printed(document: pypdfium2.PdfDocument) -> str:
    page = document[0]
    text = page.get_textpage()
    title = printed_title(read_glyphs(text, string_of(text)))
    text.close()
    page.close()
    return title


def _ornament(read: Callable[[], str]) -> str:
    """A title or a label; "" where the file garbles it, which must not cost its text."""
    try:
        return read()
    except MemoryError:
        raise
    except Exception:  # damaged files raise nearly every error there is
        return ""


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


def _joined(titles: list[str]) -> str:
    """The chapters of a page; of more than fit a label, the last and those before it that fit."""
    names = [title.replace(_BETWEEN_CHAPTERS, " - ") for title in dict.fromkeys(titles)]
    while len(joined := _BETWEEN_CHAPTERS.join(names)) > _LABEL_CHARS:
        names = names[1:]
    return joined


def _parse_with_pypdf(path: Path, password: str | None) -> tuple[str, Iterator[_Page]]:
    import pypdf  # nearly no file needs it
    from pypdf.errors import DependencyError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(path)
        if reader.is_encrypted and not (reader.decrypt("") or (password and reader.decrypt(password))):
            raise locked(path.name, password)
        page_count = len(reader.pages)
    except DependencyError as error:
        raise DocumentError(
            f"{path.name!r} is encrypted in a way that needs the 'cryptography' package: install it and try again."
        ) from error
    except (MemoryError, DocumentError):
        raise
    except Exception as error:  # damaged files raise nearly every error there is
        raise DocumentError(
            f"{path.name!r} is damaged or not a PDF: open it in a viewer and save a new copy."
        ) from error
    return chosen_title("", path), _refuse_textless(path, None, _pypdf_pages(reader, page_count))


def _pypdf_pages(reader: Any, page_count: int) -> Iterator[_Page]:
    for index in range(page_count):
        try:
            text = reader.pages[index].extract_text()
        except MemoryError:
            raise
        except Exception:  # as above
            text = ""
        yield str(index + 1), readable(text), False


def _refuse_textless(path: Path, document: pypdfium2.PdfDocument | None, pages: Iterator[_Page]) -> Iterator[_Page]:
    """Pass the pages on, parted by empty lines.

    Raises:
        DocumentError: None of the pages had text.
        RecognitionNeeded: They show some.
    """
    count, has_text = 0, False
    for label, text, shows in pages:
        count, has_text = count + 1, has_text or bool(text)
        yield label, text + "\n\n", shows
    if has_text:
        return
    pages_said = counted(count, "page")
    kinds = _kinds_of_objects(document)
    if kinds & {pdfium.FPDF_PAGEOBJ_IMAGE}:
        raise RecognitionNeeded(
            f"{path.name!r} looks scanned, with no text layer ({pages_said} of images): run text recognition (OCR) first."
        )
    if pdfium.FPDF_PAGEOBJ_TEXT in kinds:
        raise RecognitionNeeded(
            f"{path.name!r} does not say which letters its glyphs are ({pages_said}): run text recognition (OCR) first."
        )
    raise DocumentError(f"{path.name!r} has no text in it ({pages_said}): choose another file.")


def _kinds_of_objects(document: pypdfium2.PdfDocument | None) -> set[int]:
    """What the first pages are made of: texts, images, paths."""
    if document is None:
        return {pdfium.FPDF_PAGEOBJ_IMAGE}
    try:
        return {thing.type for index in range(min(len(document), 10)) for thing in document[index].get_objects()}
    except MemoryError:
        raise
    except Exception:  # as above
        return {pdfium.FPDF_PAGEOBJ_IMAGE}
