"""A document: its text, and where its pages lie in it.

Immutable, and free of where it came from: the same text has the same id whatever its file was called. Evidence is cut
out of `text`, so nothing may change it after loading.
"""

from __future__ import annotations

import bisect
import functools
import hashlib
import re
from dataclasses import dataclass

from reader.errors import DocumentError

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85]")
# Unpaired surrogates and noncharacters are not text; controls, soft hyphens, zero-width spaces and word joiners are
# invisible and confuse models, searches and terminals.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u200b\u2060\ud800-\udfff\ufeff\ufffe\uffff]")

_SINCE_9 = ("pptx",)
_SINCE_10 = ("epub", "mobi")
_SINCE_12 = ("rtf",)
_SINCE_14 = ("csv", "markdown", "text")
_SINCE_16 = ("subtitles",)
_SINCE_17 = ("doc", "docx", "html", "mail", "odt", "xlsx")
_SINCE_18 = ("pdf",)

# When a change gives another text for the same file, each format that it concerns gets the number after the greatest one here, not
# the number after its own: libraries keep numbers that once counted for all formats together. `doc` changes with what it is
# converted to.
# 4: PDFs lose running heads and page numbers, and their ruled tables keep rows.
# 5: PDFs keep the columns of tables without rules, the hyphens of compounds at lines' ends, and notes' numbers.
# 6: PDF pages that are shown upside down have their rows from left to right, and turned pages their tables' rows and
#    raised digits; 10^-7 is not 10-7.
# 7: PDFs give forms' values as their pages show them and after their labels, raised letters apart, fractions on one line, cells
#    over several rows, and letters of fonts whose own map is missing or wrong; what only shows on paper is left out.
#    The other formats are read as more programs write them: equations and fields of RTF and Word, stacked and moved digits,
#    headings and lists that a style sheet or a converter from TeX numbers, cells that are merged downwards, rows that only a
#    role or a style makes, Markdown's headings in HTML, chapters and printed pages named otherwise, and stray bytes in texts.
# 8: PDFs have words and raised digits that are drawn last in their line, leave out what a white box covers, and read what
#    only a form's XFA data or a portfolio's inner files say. RTF may be in UTF-16. In HTML, and what is made of it, lists count in
#    counter styles, and text that a page has twice, once to be seen and once for screen readers, is read once.
# 9: PDFs have columns of prose in order that are drawn line by line across the page, words of pictures that the file says, roots in
#    their lines, rows of tables whose rules are one path or round boxes, large first letters in their words, and mends in
#    the right place where a glyph has no letter. RTF lists have numbers that only the list table says. In HTML, and what is
#    made of it, a large first letter with a space behind it is part of its word, lists count by `list-item`, and figures
#    in boxes of their own or behind deleted ones stay apart. Raised cents of a price are cents. Texts of Western
#    languages from a Mac are taken for those.
# 10: In Word, ODT, RTF, HTML and what is made of it, figures beside struck ones stay apart: 100 80, not 10080. Word's and RTF's
#    AUTONUM fields have their numbers. In HTML, and what is made of it, formulas that a service draws, and pictures that are a
#    cell's value or a large first letter, are text. Short Spanish texts are no Hungarian ones. PDFs have underscores that are
#    drawn as rules, numbers of clauses that are drawn as a column before their clauses, rows of tables whose rules are dots or
#    dashes, large first letters that are drawn late in their words, notes' numbers behind a space in brackets, and leave out
#    what is drawn only without a layer that is on.
# 11: PDFs have fractions in their lines that are drawn before or after them, and what their tagged tree says that something
#    reads. Word's and RTF's LISTNUM fields have their numbers.
# 12: PDFs have fractions in their lines of which all numerators are drawn before all denominators, and rows of tables that only
#    fills or rules across tell apart. Short pages that are drawn letter by letter have their words, Arabic and Hebrew words that
#    are drawn from the left their order, raised digits the spaces behind them, notes' numbers with a space behind them brackets,
#    and clauses such as 1.2(a) their numbers. A figure stays apart from a struck one. In forms that are filled in, boxes that are
#    not ticked are [ ], and a list of which nothing is chosen says nothing. RTF may be in UTF-8. Identifiers of programs are no
#    sections.
# 13: PDFs have ligatures, quotation marks and dashes of TeX's fonts that are pictures, TeX's signs such as epsilon and prime,
#    plain letters for the slanted ones of formulas, signs between the letters where they stand, rows of figures that share their
#    rules, whole words where marks stand over letters or a cell's line ends, ordinals in one word, text that is drawn twice in
#    its place once, and a form's value below its own label. Saved web pages have the pages that they frame. In sheets, a cell
#    that spans rows is said in each.
# 14: PDFs have their notes after the text where the file draws them before it, tables and fractions also on pages with wide
#    character spacing, rows of words that share their rules, addresses in one cell, words in capitals that a hyphen splits,
#    exponents such as |XA|, figures beside clipped cells apart from those, spaces and hyphens of fonts that macOS numbers, and
#    spaces outside Arabic brackets; figures that are drawn after all rows are in their rows. Texts from a Mac have their
#    French quotation marks.
# 15: Saved web pages, and mails, leave out what is not to be printed, and a wiki's links to edit and its menus. PDFs have
#    boxes, feet, notes and page numbers that are drawn before the text above them in their place, so no page number stands
#    within a sentence; columns in order below a table, and without the page's foot between them; both numbers of a sheet as its
#    label; and in lines of Hebrew and Arabic figures, Latin words, brackets and signs where they are read.
# 16: Subtitles are read.
# 17: PDFs leave out the numbers of lines in the margin, and have statements with debits beside credits as tables, rows that end
#    where they end at lone digits, digits that their font raises, charges such as Fe^3+, indices below exponents, and short lines
#    of Arabic words. Workbooks have what formulas without values give, and leave out hidden rows and columns, as ODS files do.
#    Mails have the text of what is attached, and mailboxes are read. Word files have the words of charts and diagrams, and slides
#    of OpenDocument their notes. Web pages leave out notices about cookies and links to share them, and have what is folded away.
# 18: PDFs have rows of tables without rules whose cells have several lines.
PARSER_VERSIONS = {
    **dict.fromkeys(_SINCE_9, 9),
    **dict.fromkeys(_SINCE_10, 10),
    **dict.fromkeys(_SINCE_12, 12),
    **dict.fromkeys(_SINCE_14, 14),
    **dict.fromkeys(_SINCE_16, 16),
    **dict.fromkeys(_SINCE_17, 17),
    **dict.fromkeys(_SINCE_18, 18),
}
"""Format -> the version in which its parser's text changed last."""


def is_outdated(format_name: str, parser_version: int | None) -> bool:
    """Return whether today's parser of a format may give another text than that version did; None: an unknown, older version."""
    return parser_version is None or parser_version < PARSER_VERSIONS.get(format_name, 0)


@dataclass(frozen=True)
class Page:
    """One page of a document, as a half-open span of its text."""

    number: int
    """Counted from 1."""
    label: str
    """What is printed on the page, such as "xii"; the number where nothing is known."""
    start: int
    """Characters from the start of the text."""
    end: int
    """Characters; the next page's start."""


@dataclass(frozen=True)
class Document:
    """The text of one file with its pages, which tile the text exactly."""

    text: str
    pages: tuple[Page, ...]
    title: str
    file_name: str
    format: str
    """A value of `FORMATS`."""
    textless_pages: int
    """How many pages hold no text, such as scans without a text layer."""
    notes: tuple[str, ...] = ()
    """What was assumed to read the file, as sentences for the person who added it."""
    pictured_pages: int = 0
    """How many of the pages without text show something: text recognition may read them."""
    recognised_pages: int = 0
    """How many pages were read by text recognition."""
    parser_version: int | None = None
    """The version of the parser that made the text, of `PARSER_VERSIONS`; None: unknown, and older than any known one."""
    authors: tuple[str, ...] = ()
    """Whom the file's properties name as its authors."""

    def __post_init__(self) -> None:
        end = 0
        for number, page in enumerate(self.pages, start=1):
            if page.number != number or page.start != end or page.end < page.start:
                raise DocumentError(f"The pages of {self.file_name!r} do not fit its text at {page}: load it again.")
            end = page.end
        if end != len(self.text) or not self.pages:
            raise DocumentError(
                f"The pages of {self.file_name!r} end at character {end} of {len(self.text)}: load it again."
            )

    @functools.cached_property
    def id(self) -> str:
        """SHA-256 of the text alone, as 64 hexadecimal digits."""
        digest = hashlib.sha256(b"reader-document-1\0")
        digest.update(self.text.encode())
        return digest.hexdigest()

    @functools.cached_property
    def _starts(self) -> list[int]:
        return [page.start for page in self.pages]

    def page_at(self, char: int) -> Page:
        """Return the page that holds the character at offset `char`.

        Raises IndexError outside the text.
        """
        if not 0 <= char < len(self.text):
            raise IndexError(f"character {char} is outside a text of {len(self.text)} characters")
        return self.pages[bisect.bisect_right(self._starts, char) - 1]


def clean(text: str) -> str:
    """Return a text without what is none, its lines ended by line feeds."""
    return _UNPRINTABLE.sub("", _LINE_ENDS.sub("\n", text))
