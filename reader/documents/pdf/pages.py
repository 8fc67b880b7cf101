"""The text of each page: PDFium's, mended where the page's glyphs or objects show that it is wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from . import fields, glyphs
from .glyphs import Glyph
from .opening import open_document
from .survey import Survey, _is_hidden

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})

# PDFium puts this in place of a hyphen at a line's end together with the line's end, and in place of glyphs that it
# cannot map.
_HYPHEN = "\ufffe"
_SPLIT_WORD = re.compile(rf"([^\W\d_])?{_HYPHEN}(?=([^\W\d_])?)")

# A font that does not say which letters its glyphs are comes out as control characters from PDFium, and as
# "/g134/g135/g3" from pypdf: no reader could use that.
_GLYPH_CODES = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff]|/[A-Za-z]{1,3}[0-9]{1,5}(?![0-9A-Za-z])")
_MOST_GLYPH_CODES = 0.3

_LEAST_TOKEN_CHARS = 20
_LEAST_WORDS = 0.35
_NUMBER = re.compile(r"[\d\W_]+")
_WORD = re.compile(r"(?:[^\W\d_][\u0300-\u036f]*)+(?:['’\-–./&][^\W\d_]+)*")
_VOWELS = re.compile(r"[aeiouyàáâãäåæèéêëìíîïòóôõöøœùúûüýăąęěėēīıőōůűūœ]", re.I)
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")


class Pages:
    """An open PDF, page by page."""

    def __init__(self, path: Path, password: str | None, document: pypdfium2.PdfDocument) -> None:
        """Look through the file's objects, and read a mended copy where its fonts or layers need it."""
        self.document = document
        self.survey = _tried(lambda: Survey(path, password))
        self._spaced: set[int] = set()
        if self.survey is None:
            return
        survey = self.survey
        for index in range(len(document)):
            if _tried(lambda index=index: survey.page_needs_places(index)):
                self._spaced.add(index)
        copy = _tried(survey.mended_copy)
        mended = open_document(copy, path.name, None) if copy else None
        if mended is not None and len(mended) == len(document):
            self._source, self.document = document, mended

    def text(self, index: int) -> str:
        """Return the text of page `index`, counted from 0; "" where it has none that could be used."""
        try:
            page = self.document[index]
            text = page.get_textpage()
            string = text.get_text_range()
            places = self._needs_places(page, text, string, index)
            if places:
                string = "".join(glyph.text for glyph in self.glyphs(page, text, index))
            text.close()
            page.close()
        except MemoryError:
            raise
        except Exception:  # one bad page must not cost the other three hundred
            return ""
        return readable(_SPLIT_WORD.sub(_rejoin, string))

    def _needs_places(self, page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, string: str, index: int) -> bool:
        return bool(
            index in self._spaced
            or pdfium.FPDFPage_GetAnnotCount(page)
            or glyphs._LONE_ACCENTS.search(string)
            or glyphs.UPRIGHT_SCRIPTS.search(string)
            or _reaches_out(page, text)
            or glyphs.may_be_raised(text, string)
        )

    def glyphs(self, page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, index: int) -> list[Glyph]:
        """Return the page's characters in reading order with all that their places tell."""
        found = glyphs.read_glyphs(text)
        if _reaches_out(page, text):
            found = glyphs.seen(found, page.get_cropbox())
        found = glyphs.compose(found)
        if index in self._spaced:
            found = glyphs.part(found, text)
        found = glyphs.in_reading_order(glyphs.mark_raised(found))
        return fields.place(found, self._values(page, index))

    def _values(self, page: pypdfium2.PdfPage, index: int) -> list[fields.Value]:
        survey = self.survey
        if survey is None or not pdfium.FPDFPage_GetAnnotCount(page):
            return []
        objects = survey.reader.pages[index]
        return (
            _tried(
                lambda: fields.page_values(
                    objects, survey.root, lambda layer: _is_hidden(layer, survey.hidden), self._drawn_text(index)
                )
            )
            or []
        )

    def _drawn_text(self, index: int) -> Callable[[glyphs.Rect], str]:
        """A function that returns what annotations draw in a rectangle of the page."""
        flat: list[Any] = []

        def drawn(rect: glyphs.Rect) -> str:
            if not flat:
                page = self.document[index]
                bare = page.get_textpage()
                flat.append(bare)
                before = pypdfium2.PdfDocument.new()
                before.import_pages(self.document, [index])
                copy = before[0]
                pdfium.FPDFPage_Flatten(copy, pdfium.FLAT_NORMALDISPLAY)
                flattened = before[0]
                flat.extend((flattened.get_textpage(), before, page, copy))
            printed, all_text = (each.get_text_bounded(*rect) for each in flat[:2])
            return "" if all_text.strip() == printed.strip() else all_text.replace(printed, "", 1).strip()

        return drawn


def _tried(read: Callable[[], Any]) -> Any:
    """What an ornament says; None where the file garbles it, which must not cost its text."""
    try:
        return read()
    except MemoryError:
        raise
    except Exception:  # damaged files raise nearly every error there is
        return None


def _reaches_out(page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage) -> bool:
    """Whether text lies outside of what is shown of the page."""
    left, bottom, right, top = page.get_cropbox()
    inside = pdfium.FPDFText_GetBoundedText(text, left, top, right, bottom, None, 0)
    return bool(inside < _DRAWN_SHARE * text.count_chars())


_DRAWN_SHARE = 1.0


def _rejoin(match: re.Match[str]) -> str:
    """A word split between small letters is one word; elsewhere the hyphen may be its own."""
    before, after = match[1] or "", match[2] or ""
    return before if before and after.islower() else f"{before}-\n"


def readable(text: str) -> str:
    """Return text as people write it; "" where it is codes of glyphs and no letters."""
    if sum(map(len, _GLYPH_CODES.findall(text))) > _MOST_GLYPH_CODES * len(text) or is_nonsense(text):
        return ""
    return text.translate(_LIGATURES).strip()


def is_nonsense(text: str) -> bool:
    """Whether hardly anything of a text has the form of words or numbers."""
    good = total = 0
    for token in text.split():
        stripped = token.strip("\"'“”‘’«»„()[]{}<>.,;:!?…*·•-–—/|")
        if not stripped or _NUMBER.fullmatch(stripped):
            continue
        total += len(stripped)
        good += len(stripped) * _is_word(stripped)
    return total >= _LEAST_TOKEN_CHARS and good < _LEAST_WORDS * total


def _is_word(token: str) -> bool:
    if not _WORD.fullmatch(token):
        # Scripts with marks and joiners of their own are not judged.
        return any(unicodedata.category(char) in ("Lo", "Mn", "Mc") for char in token)
    letters = [char for char in token if char.isalpha()]
    latin = sum(bool(_LATIN.match(char)) for char in letters)
    if latin == 0:
        return True
    if latin < len(letters):
        return False
    return len(letters) < 4 or bool(_VOWELS.search(token))
