"""Lines of Hebrew and Arabic: their letters in the order in which they are read, with figures and Latin words that go to the right.

PDFium puts signs beside a figure on its wrong side, and some words. So such lines are read by the places of their letters from the
right, and what the Unicode bidirectional algorithm sets from the left is turned back.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

import pypdfium2
import pypdfium2.raw as pdfium

from reader.documents.pdf.calls import direct
from reader.documents.pdf.glyphs import Glyph, gap, handle_of, lines_of, read_glyphs
from reader.documents.pdf.strings import letters_of, line_spans

_LETTERS = r"\u0591-\u05ff\u0620-\u065f\u066e-\u06ef\u06fa-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb1d-\ufdfd\ufe70-\ufefc"
LETTER = re.compile(f"[{_LETTERS}]")
WORD = re.compile(f"[{_LETTERS}]+")
_ARABIC = re.compile(r"[\u0620-\u064a\u066e-\u06d3\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdfd\ufe70-\ufefc]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]{2,}")
_MIXED = re.compile(r"[\dA-Za-z\u00c0-\u024f()\[\]{}]")
"""What PDFium may put in a wrong place."""
_DIGITS, _SEPARATORS, _LATIN, _RIGHT = ("EN", "AN"), ("CS", "ES"), "L", ("R", "AL")
_BRACKETS, _PUNCTUATION, _CELL_END = "()[]{}", ".,;:!?", "\t"
_OPENING = str.maketrans(")]}", "([{")
_CLOSING = str.maketrans("([{", ")]}")
_WORD_GAP, _SURE_GAP, _CELL_GAP = 0.2, 0.35, 1.5
"""In ems, of white that may part words, that does so whatever widths say, and that parts cells."""

_unicode = direct(pdfium.FPDFText_GetUnicode)

Edit = tuple[int, int, str]
"""Where in PDFium's text something else belongs, and what."""


def edits(text: pypdfium2.PdfTextPage, string: str) -> Iterator[Edit]:
    """Yield the lines of Hebrew and Arabic that PDFium gives in another order; nothing is asked of pages without them."""
    if not LETTER.search(letters_of(string)):
        return
    is_page = _is_most(string)
    for start, end in line_spans(string):
        if LETTER.search(string, start, end):
            line = read_glyphs(text, string[start:end], start)
            said = "".join(glyph.text for glyph in _in_order(text, line, is_page))
            if said != string[start:end]:
                yield start, end, said


def in_order(text: pypdfium2.PdfTextPage, glyphs: list[Glyph]) -> list[Glyph]:
    """Return glyphs with those of each line of Hebrew or Arabic in the order in which they are read."""
    found: list[Glyph] = []
    is_page = _is_most("".join(glyph.text for glyph in glyphs))
    for line in lines_of(glyphs):
        end = len(line)
        while end and line[end - 1].text in "\r\n":
            end -= 1
        found += [*_in_order(text, line[:end], is_page), *line[end:]]
    return found


def _is_most(said: str) -> bool:
    """Whether most letters of a text are Hebrew or Arabic."""
    return 2 * sum(map(len, WORD.findall(said))) > sum(map(str.isalpha, said))


def _in_order(text: pypdfium2.PdfTextPage, line: list[Glyph], is_page: bool) -> list[Glyph]:
    """A line with Hebrew or Arabic as it is read; other lines stay, and lines with marks over letters or what is not drawn.

    Where most letters of the page are so, a line with such a letter at one of its ends is, too. In other lines only words are
    read from the right.
    """
    shown = "".join(glyph.text for glyph in line)
    if not LETTER.search(shown) or not _MIXED.search(shown):
        return line
    drawn = [_as_drawn(text, glyph) for glyph in line if not (glyph.made and glyph.text == " ")]
    drawn = [glyph for glyph in drawn if not glyph.text.isspace() or _is_wide(text, glyph)]  # not PDFium's own
    if any(glyph.made or glyph.turn or len(glyph.text) != 1 or _is_mark(glyph.text) for glyph in drawn):
        return line
    letters = sorted((glyph for glyph in drawn if glyph.text.isalpha()), key=lambda glyph: glyph.x)
    is_at_end = bool(letters) and any(LETTER.match(letters[at].text) for at in (0, -1))
    read = _from_the_right if is_at_end and (is_page or _is_most(shown)) else _from_the_left
    turned = {glyph.index for glyph in drawn if not LETTER.match(glyph.text)}
    for word in WORD.finditer(shown) if len(shown) == len(line) else ():
        if line[word.end() - 1].x > line[word.start()].x:
            turned.update(glyph.index for glyph in line[word.start() : word.end()])
    # Letters of one glyph have one place, and are in the order of the others.
    drawn.sort(key=lambda glyph: (-glyph.x, -glyph.index if glyph.index in turned else glyph.index))
    found = list(_with_brackets(list(read(list(_parted(text, drawn)), bool(_ARABIC.search(shown))))))
    return found if _words("".join(glyph.text for glyph in found)) == _words(shown) else line


def _words(said: str) -> list[list[str]]:
    """The words of a line whatever the order of their letters, of which PDFium turns some round."""
    return sorted(map(sorted, WORD.findall(said) + _LATIN_WORD.findall(said)))


def _as_drawn(text: pypdfium2.PdfTextPage, glyph: Glyph) -> Glyph:
    """A glyph with the letter that the font has for it, as words and brackets of PDFium's text are turned round already."""
    if glyph.made or not (LETTER.match(glyph.text) or glyph.text in f"{_BRACKETS} "):
        return glyph
    return replace(glyph, text=chr(_unicode(handle_of(text), glyph.index)))


def _is_mark(sign: str) -> bool:
    return bool(unicodedata.combining(sign)) or sign > "\ufefc"


def _is_wide(text: pypdfium2.PdfTextPage, glyph: Glyph) -> bool:
    left, _, right, _ = text.get_charbox(glyph.index)
    return bool(right > left)


def _parted(text: pypdfium2.PdfTextPage, signs: list[Glyph]) -> Iterator[Glyph]:
    """Signs from the right, with a space where white parts words."""
    yield signs[0]
    for before, glyph in itertools.pairwise(signs):
        white = (text.get_charbox(before.index)[0] - text.get_charbox(glyph.index)[2]) / (glyph.em or 1.0)
        # Thin letters have white around them, and the width of a letter that is joined to the next is not sure.
        is_sure = gap(glyph, before) >= _WORD_GAP / 2 or (white >= _SURE_GAP and _ARABIC.match(glyph.text))
        # Letters of a ligature have the place of its first.
        is_joined = abs(glyph.index - before.index) == 1 and bool(_LATIN_WORD.match(glyph.text + before.text))
        if white >= _WORD_GAP and is_sure and not (is_joined or glyph.text.isspace() or before.text.isspace()):
            yield Glyph(-1, _CELL_END if white >= _CELL_GAP else " ", x=glyph.right)
        yield glyph


def _from_the_right(parts: list[Glyph], is_arabic: bool) -> Iterator[Glyph]:
    """Signs from the right as they are read: those that are set from the left are turned back."""
    kinds = [unicodedata.bidirectional(part.text) for part in parts]
    at = 0
    while at < len(parts):
        end = max(_end_of_run(parts, kinds, at, is_arabic), at + 1)
        yield from sorted(parts[at:end], key=lambda glyph: (glyph.x, glyph.index))
        at = end


def _from_the_left(parts: list[Glyph], is_arabic: bool) -> Iterator[Glyph]:
    """Signs from the right as they are read in a line of Latin letters: from the left, but for words of Hebrew or Arabic."""
    parts = parts[::-1]
    kinds = [unicodedata.bidirectional(part.text) for part in parts]
    at = 0
    while at < len(parts):
        last = end = at
        while kinds[at] in _RIGHT and end < len(parts) and kinds[end] != _LATIN and parts[end].text != _CELL_END:
            last = end if kinds[end] in _RIGHT else last
            end += 1
        yield from _from_the_right(parts[at : last + 1][::-1], is_arabic)
        at = last + 1


def _end_of_run(parts: list[Glyph], kinds: list[str], start: int, is_arabic: bool) -> int:
    """Where a run from the left ends that begins at a place; there, if none does."""
    end = start
    while end < len(parts) and kinds[end] not in _RIGHT and not _ends_run(parts, end):
        end += 1
    if _LATIN in kinds[start:end]:
        last = max(at for at in range(start, end) if kinds[at] in (_LATIN, *_DIGITS)) + 1
        brackets = sum(part.text in _BRACKETS for part in parts[start:last])
        if kinds[start] in (_LATIN, *_DIGITS) or (parts[start].text in _BRACKETS and brackets % 2 == 0):
            return last
    return _end_of_number(kinds, start, is_arabic)


def _ends_run(parts: list[Glyph], at: int) -> bool:
    """Whether two cells are parted, or a sign would have its space before it if it were read from the left."""
    follows = parts[at + 1].text if at + 1 < len(parts) else ""
    return parts[at].text == _CELL_END or (parts[at].text in _PUNCTUATION and follows.isspace())


def _end_of_number(kinds: list[str], start: int, is_arabic: bool) -> int:
    """Where a figure ends, with what belongs to it: its separators, and in Hebrew its minus between digits and its unit."""
    joining = _SEPARATORS[:1] if is_arabic else _SEPARATORS
    end = start
    while not is_arabic and end < len(kinds) and kinds[end] == "ET":
        end += 1
    if end == len(kinds) or kinds[end] not in _DIGITS:
        return start
    while end < len(kinds) and (
        kinds[end] in _DIGITS or (kinds[end] in joining and end + 1 < len(kinds) and kinds[end + 1] in _DIGITS)
    ):
        end += 1
    while not is_arabic and end < len(kinds) and kinds[end] == "ET":
        end += 1
    return end


def _with_brackets(line: list[Glyph]) -> Iterator[Glyph]:
    """A line with its brackets the right way round, which its spaces tell: fonts and PDFium give some as they look."""
    said = "".join(glyph.text for glyph in line).replace(_CELL_END, " ")
    depth = 0
    for at, (glyph, sign) in enumerate(zip(line, said, strict=True)):
        if sign in _BRACKETS:
            before, after = said[at - 1 : at] if at else "", said[at + 1 : at + 2]
            closes = not after or after.isspace() or after in _PUNCTUATION or (depth > 0 and not before.isspace())
            sign = sign.translate(_CLOSING if closes else _OPENING)
            depth = max(depth - 1, 0) if closes else depth + 1
        yield glyph if sign == glyph.text else replace(glyph, text=sign)
