"""The text of each page: PDFium's, mended where the page's glyphs or objects show that it is wrong."""

from __future__ import annotations

import functools
import itertools
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from reader.documents.pdf import (
    abreast,
    columns,
    combining,
    fields,
    formula_signs,
    fractions,
    glyphs,
    high_digits,
    invisible,
    item_marks,
    large_letters,
    late,
    line_numbers,
    lone_signs,
    named,
    notes_first,
    raised,
    right_to_left,
    roots,
    shells,
    spans,
    struck,
    tables,
    typed,
    underscores,
    vertical,
)
from reader.documents.pdf.glyphs import Glyph, Rect, upright_rect
from reader.documents.pdf.mathematical import SECOND_HALF
from reader.documents.pdf.opening import LEFT_OUT, open_document, string_of
from reader.documents.pdf.strings import is_counted_alike, letters_of
from reader.documents.pdf.survey import Survey
from reader.documents.pdf.words import is_nonsense

_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}

# PDFium puts this in place of a hyphen at a line's end together with the line's end, and in place of glyphs that it
# cannot map.
_HYPHEN = "\ufffe"

# A font that does not say which letters its glyphs are comes out as control characters from PDFium, and as
# "/g134/g135/g3" from pypdf: no reader could use that.
_GLYPH_CODES = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd/](?:(?<!/)|[A-Za-z]{1,3}[0-9]{1,5}(?![0-9A-Za-z]))"
)
_MOST_GLYPH_CODES = 0.3
_UNKNOWN = re.compile(r"\ufffd(?:\s*\ufffd)+")
"""Letters one after another of which none is known; one mark says as much."""

_LEAST_STROKES = 40
"""Letters that are drawn as outlines are at least so many; frames and rules are fewer."""
_WORD_CHARS = 40
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_SPLITTING = re.compile(f"([{_HYPHEN}{tables.ROW_HYPHEN}])")
_JOINING = ("and", "und", "oder", "bzw", "sowie")
"""Words before which a hyphen stands for the rest of a word: pre- and post-war."""
_HYPHENS = re.compile("-")
_WHOLE_LINE = re.compile(r"[^\n]+\n?|\n")


class Pages:
    """An open PDF, page by page."""

    def __init__(self, path: Path, password: str | None, document: pypdfium2.PdfDocument) -> None:
        """Look through the file's objects, and read a mended copy where its fonts or layers need it."""
        self.document = document
        self.survey = _tried(lambda: Survey(path, password))
        self._gaps: dict[int, set[str] | None] = {}
        self._strings: dict[int, str] = {}
        self._compounds: set[str] = set()
        self._drawn: tuple[pypdfium2.PdfPage, dict[int, list[int]]] | None = None
        self._said: tuple[pypdfium2.PdfPage, named.Tagged] | None = None
        self._clipped: Collection[int] = () if self.survey is None else self.survey.clipped
        self._ruled: tuple[tuple[int, int], list[Rect]] = (-1, 0), []
        if self.survey is None:
            return
        survey = self.survey
        for index in range(len(document)):
            try:
                self._gaps[index] = survey.gaps(index)
            except MemoryError:
                raise
            except Exception:  # a damaged page has nothing to be mended
                self._gaps[index] = set()
        copy = _tried(survey.mended_copy)
        mended = open_document(copy, path.name, None) if copy else None
        if mended is not None and len(mended) == len(document):
            self._source, self.document = document, mended

    def text(self, index: int) -> str:
        """Return the text of page `index`, counted from 0; "" where it has none that could be used."""
        try:
            page, text, string = self.open(index)
            try:
                string = self._mended(page, text, string, index)
            except MemoryError:
                raise
            except Exception:  # what PDFium reads is better than nothing
                pass
            text.close()
            page.close()
        except MemoryError:
            raise
        except Exception:  # one bad page must not cost the other three hundred
            return ""
        return readable(self._rejoined(string.replace(LEFT_OUT, "").replace(SECOND_HALF, ""), index))

    def open(self, index: int) -> tuple[pypdfium2.PdfPage, pypdfium2.PdfTextPage, str]:
        """Return page `index`, counted from 0, its characters and PDFium's text of them, for the caller to close.

        PDFium orders the words of a row as the page is shown: of a page that is shown upside down it is asked as if it were not.
        """
        page = self.document[index]
        text = page.get_textpage()
        string = string_of(text)
        if vertical.are_lines_cut(text, string):
            text.close()
            text = vertical.as_lines(page)
            string = string_of(text)
        if (glyphs.turn_of(text, string) - page.get_rotation()) % 360 == 180:
            page.set_rotation((page.get_rotation() + 180) % 360)
            text.close()
            text = page.get_textpage()
            string = string_of(text)
        string = lone_signs.in_rows(text, string)
        high_digits.find(text, string)
        return page, text, string

    def _rejoined(self, string: str, index: int) -> str:
        """A word that is split between small letters is one word, unless pages so far write it with its hyphen."""
        for hyphen in _HYPHENS.finditer(string):
            left = _last_word(string[max(hyphen.start() - _WORD_CHARS, 0) : hyphen.start()])
            right = _FIRST_WORD.match(string, hyphen.end())
            if left and right:
                self._compounds.add(f"{left}-{right[0]}".lower())
        self._strings[index] = string.lower()
        first, *others = _SPLITTING.split(string)
        parts = [first]
        for sign, other in zip(others[::2], others[1::2], strict=True):
            if not parts[-1][-1:].isalpha() or self._is_compound(parts[-1], other):
                word = _FIRST_WORD.match(other)
                ending = "\n" if sign == _HYPHEN else " " if word and word[0] in _JOINING else ""
                parts.append(f"-{ending}")
            parts.append(other)
        return "".join(parts)

    def _is_compound(self, before: str, after: str) -> bool:
        """Whether a hyphen at a line's end is the word's own."""
        left, right = _last_word(before[-_WORD_CHARS:]), _FIRST_WORD.match(after)
        if not left or right is None:
            return not after[:1].islower()
        joined = (left + right[0]).lower()
        if not right[0][0].islower():  # most are names with hyphens
            return not (left.isupper() and right[0].isupper() and self._is_written(joined))
        if len(left) == 1 or left[-2:].isupper():  # F-score, FAA-approved: no word is split so
            return True
        if right[0] not in _JOINING and f"{left}-{right[0]}".lower() not in self._compounds:
            return False
        return not self._is_written(joined)

    def _is_written(self, word: str) -> bool:
        """Whether pages so far write a word so."""
        return any(word in string for string in self._strings.values())

    def shows_something(self, index: int) -> bool:
        """Whether page `index` draws a picture, letters or many lines on what is seen of it."""

        def found() -> bool:
            page = self.document[index]
            left, bottom, right, top = _page_box(page)
            strokes = 0
            for thing in page.get_objects():
                x0, y0, x1, y1 = thing.get_bounds()
                if x0 >= right or x1 <= left or y0 >= top or y1 <= bottom:
                    continue
                if thing.type in (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_TEXT):
                    return True
                strokes += thing.type == pdfium.FPDF_PAGEOBJ_PATH
            return strokes >= _LEAST_STROKES

        return bool(_tried(found))

    def _mended(self, page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, string: str, index: int) -> str:
        """PDFium's text of a page, changed at the lines that places show to be wrong, or all of it by places."""
        hidden = glyphs.hidden_spans(text, string, _page_box(page))
        around = self._gaps.get(index, set())
        if (
            hidden is None
            or glyphs.has_lone_accents(string)
            or vertical.UPRIGHT_SCRIPTS.search(letters_of(string))
            or self._values(page, index)
        ):
            return "".join(glyph.text for glyph in self.glyphs(page, text, index))
        unseen = self._unseen(page, text, string, index)
        hidden = sorted([*hidden, *spans.unseen_spans(string, unseen)])
        shown, turn = spans.blanked(string, hidden), glyphs.turn_of(text, string)
        numbers = line_numbers.number_spans(text, shown, turn)
        cuts = [*combining.cut_at_marks(text, string), *numbers]
        unseen.update(*(range(start, end) for start, end in cuts))
        edits = [*spans.left_out(string, hidden)]
        shown = spans.blanked(shown, numbers)
        gaps, rules = list(_glued(shown, around or set())), self._rules(page, index, turn)
        dividing = fractions.dividing(rules)
        moved = sorted({*raised.raised(text, shown, turn), *gaps})
        lines = [*spans.lines_at(string, moved)]
        if not (gaps or dividing):
            lines = [part for line in lines for part in spans.parts(text, string, line, moved)]
        lines += [line.span() for line in _WHOLE_LINE.finditer(string)] if around is None else []
        order = notes_first.reading_order(text, shown, turn)
        said = self._corrections(page, text, string)
        lines += [*roots.root_lines(text, shown, rules), *spans.lines_at(string, sorted(said))]
        lines += formula_signs.sign_lines(text, shown, turn)
        lines += fractions.fraction_lines(
            text, shown, dividing, turn, functools.partial(roots.compose_roots, rules=rules)
        )
        rewritten = list(itertools.chain.from_iterable(spans.cut(span, order) for span in spans.merged(lines)))
        mended = functools.partial(_mended_glyphs, rules=rules, dividing=dividing, said=said)
        placed = []
        for start, end in rewritten:
            edits = [part for edit in edits for part in spans.around(edit, start, end)]
            beyond = page if any(start < last and first < end for first, last in hidden) else None
            spaced = around is None or any(start <= at < end for at in gaps)
            placed.append((start, end, self._by_places(beyond, text, string[start:end], start, spaced, unseen, mended)))
        if self.survey is not None and index in self.survey.ruled:
            for table in tables.table_edits(rules, text, string, turn, rewritten, mended):
                first, last = table[0][0], table[-1][1]
                others = [edit for edit in placed if not (first <= edit[0] and edit[1] <= last)]
                if _apart(table, edits + others):
                    placed = others
                    edits += table
                    order = order if all(_is_within(edit, order) for edit in table) else []
        edits += placed
        for bars in itertools.chain(columns.column_edits(text, shown), columns.wrapped_edits(text, shown)):
            # Where a bar stands in place of what is left out, it does not have to be left out once more.
            others = [edit for edit in edits if edit[2] or not any(a <= edit[0] and edit[1] <= b for a, b, _ in bars)]
            edits = others + bars if _apart(bars, others) else edits
        for start, end in cuts:
            edits += _apart([(start, end, "")], edits)
        if turn == 0 and not hidden:
            edits += _apart(typed.typed_edits(text, string), edits)
        if turn == 0:
            edits += _apart(list(late.late_edits(text, shown)), edits)
            edits += _apart(list(item_marks.mark_edits(text, shown)), edits)
            for edit in (
                *underscores.underscore_edits(rules, text, shown),
                *struck.struck_edits(rules, text, shown),
                *(invisible.run_together(text, shown) if index in self._clipped else ()),
            ):
                edits += _apart([edit], edits)
            edits += _apart(list(large_letters.large_letter_edits(text, shown)), edits)
            for edit in right_to_left.edits(text, shown):
                edits += _apart([edit], edits)
        return _written(string, edits, order)

    def _by_places(
        self,
        page: pypdfium2.PdfPage | None,
        text: pypdfium2.PdfTextPage,
        string: str,
        start: int,
        spaced: bool,
        unseen: set[int],
        mended: Callable[[list[Glyph]], list[Glyph]],
    ) -> str:
        """The lines of `string`; `page` where some of them are beyond its edges, `unseen` what is not seen of them."""
        found = [glyph for glyph in glyphs.read_glyphs(text, string, start) if glyph.index not in unseen]
        if page is not None:
            found = glyphs.seen(found, _page_box(page))
        if spaced:
            found = glyphs.part(found, text)
        return "".join(glyph.text for glyph in mended(found))

    def glyphs(self, page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, index: int) -> list[Glyph]:
        """Return the page's characters in reading order with all that their places tell."""
        string = lone_signs.in_rows(text, string_of(text))
        found, turn = glyphs.read_glyphs(text, string), glyphs.turn_of(text, string)
        if is_counted_alike(string) and (order := notes_first.reading_order(text, string, turn)):
            found = [
                one
                for start, end, after in order
                for one in (
                    *(glyph for glyph in found if start <= glyph.index < end),
                    *(Glyph(-1, sign) for sign in after),
                )
            ]
        unseen = self._unseen(page, text, string, index)
        cuts = [*combining.cut_at_marks(text, string), *line_numbers.number_spans(text, string, turn)]
        unseen.update(*(range(start, end) for start, end in cuts))
        if unseen:
            found = [glyph for glyph in found if glyph.index not in unseen]
        if glyphs.hidden_spans(text, string, _page_box(page)) != []:
            found = glyphs.seen(found, _page_box(page))
        found = glyphs.compose(found)
        if self._gaps.get(index, set()) != set():
            found = glyphs.part(found, text)
        rules = self._rules(page, index, turn)
        said = self._corrections(page, text, string)
        found = vertical.in_reading_order(_mended_glyphs(found, rules, fractions.dividing(rules), said))
        if right_to_left.LETTER.search(letters_of(string)):
            found = right_to_left.in_order(text, found)
        return fields.place(found, self._values(page, index))

    def _rules(self, page: pypdfium2.PdfPage, index: int, turn: int) -> list[Rect]:
        """The lines of a page, as where its text runs to the right."""
        if self.survey is None or index not in self.survey.lined:
            return []
        if self._ruled[0] != (index, turn):
            found = tables.rules(self._objects(page)[pdfium.FPDF_PAGEOBJ_PATH], _page_box(page))
            self._ruled = (index, turn), [upright_rect(rule, turn) for rule in found]
        return self._ruled[1]

    def _unseen(self, page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, string: str, index: int) -> set[int]:
        """The characters of PDFium's text that are white on white, clipped away or there twice."""
        found = invisible.drawn_again(text, string)
        if self.survey is None or index not in self.survey.white | self.survey.clipped:
            return found
        objects = self._objects(page)
        texts = objects[pdfium.FPDF_PAGEOBJ_TEXT]
        if index in self.survey.white:
            paths = objects[pdfium.FPDF_PAGEOBJ_PATH]
            found |= invisible.covered(objects[glyphs.ALL_OBJECTS], paths, text, string, _page_box(page))
            found |= invisible.white_on_white(page, texts, text, string, _page_box(page))
        if index in self.survey.clipped:
            for start, end in spans.unseen_spans(string, invisible.clipped(texts, text, string)):
                if not (
                    string[:start][-1:].isalnum() or string[end : end + 1].isalnum()
                ):  # a cell may cut its last word
                    found |= set(range(start, end))
        return found

    def _objects(self, page: pypdfium2.PdfPage) -> dict[int, list[int]]:
        if self._drawn is None or self._drawn[0] is not page:
            self._drawn = page, glyphs.page_objects(page)
        return self._drawn[1]

    def _values(self, page: pypdfium2.PdfPage, index: int) -> list[fields.Value]:
        survey = self.survey
        found: list[fields.Value] = []
        if survey is not None and (index in survey.named or self._tagged(page)):
            things = self._objects(page)[glyphs.ALL_OBJECTS]
            found = _tried(lambda: named.named_pictures(things, _page_box(page), self._tagged(page))) or []
        if survey is None or index not in survey.annotated or not fields.has_values(page):
            return found
        objects = survey.page(index)
        drawn = self._drawn_text(index)
        kept = functools.partial(shells.xfa_value, survey.xfa_values)
        return found + (_tried(lambda: fields.page_values(objects, survey.root, survey.hides, drawn, kept)) or [])

    def _tagged(self, page: pypdfium2.PdfPage) -> named.Tagged:
        """What the tagged tree says that parts of the page read."""
        if self.survey is None or "/StructTreeRoot" not in self.survey.root:
            return {}
        if self._said is None or self._said[0] is not page:
            self._said = page, _tried(lambda: named.tagged_texts(page)) or {}
        return self._said[1]

    def _corrections(self, page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, string: str) -> dict[int, str]:
        tagged = self._tagged(page)
        return named.corrections(text, string, self._objects(page)[glyphs.ALL_OBJECTS], tagged) if tagged else {}

    def _drawn_text(self, index: int) -> Callable[[Rect], str]:
        """A function that returns what annotations draw in a rectangle of the page."""

        @functools.cache
        def without_and_with() -> tuple[Any, ...]:
            copy = pypdfium2.PdfDocument.new()
            copy.import_pages(self.document, [index])
            page = copy[0]
            bare = page.get_textpage()
            pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY)
            flat = copy[0]
            return bare, flat.get_textpage(), flat, page, copy

        def drawn(rect: Rect) -> str:
            bare, flat = (str(text.get_text_bounded(*rect)) for text in without_and_with()[:2])
            printed = Counter(bare.split())
            lines = []
            for line in flat.splitlines():
                added = []
                for word in line.split():
                    if printed[word]:
                        printed[word] -= 1
                    else:
                        added.append(word)
                lines.append(" ".join(added))
            text = "\n".join(filter(None, lines))
            return text if any(map(str.isalnum, text)) else ""

        return drawn


def _written(string: str, edits: list[tuple[int, int, str]], order: list[abreast.Span]) -> str:
    """PDFium's text with its edits, in the order in which columns are read."""
    pieces = []
    for position, stop, ending in order or [(0, len(string), "")]:
        is_last = position < stop and (bool(ending) or stop == len(string))
        inside = [edit for edit in edits if position <= edit[0] < stop + is_last and edit[1] <= stop]
        for start, end, new in sorted(inside):
            pieces += [string[position:start], new]
            position = end
        pieces += [string[position:stop], ending]
    return "".join(pieces)


def _mended_glyphs(found: list[Glyph], rules: list[Rect], dividing: list[Rect], said: dict[int, str]) -> list[Glyph]:
    """Glyphs with their roots and fractions on one line, and raised digits apart.

    Args:
        found: glyphs one after another.
        rules: the page's rules.
        dividing: those that may divide.
        said: what glyphs read instead of what they are, by their index.
    """
    if said:
        found = [
            replace(glyph, text=said.get(glyph.index, glyph.text)) for glyph in found if said.get(glyph.index) != ""
        ]
    found = formula_signs.put_between(found)
    found = fractions.compose_fractions(roots.compose_roots(found, rules), dividing)
    return raised.mark_raised(late.put_back(found))


def _last_word(text: str) -> str:
    """The letters at a text's end."""
    word = _FIRST_WORD.match(text[::-1])
    return word[0][::-1] if word else ""


def _apart(added: list[tuple[int, int, str]], edits: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Edits to add; none where one of them is where something is mended already."""
    clear = all(end <= start or first >= stop for first, end, _ in added for start, stop, _ in edits)
    return added if clear else []


def _is_within(edit: tuple[int, int, str], order: list[abreast.Span]) -> bool:
    """Whether an edit is within a part of the text that stays as PDFium has it."""
    return any(start <= edit[0] and edit[1] <= end and not ending for start, end, ending in order)


def _page_box(page: pypdfium2.PdfPage) -> Rect:
    """What viewers show of a page."""
    box = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(page, box)
    return box.left, box.bottom, box.right, box.top


def _glued(string: str, around: set[str]) -> Iterator[int]:
    """Where letters stand together that a narrow gap parts on the page."""
    if around:
        for match in re.finditer("|".join(map(re.escape, sorted(around))), string):
            yield match.start()


def _tried(read: Callable[[], Any]) -> Any:
    """What an ornament says; None where the file garbles it, which must not cost its text."""
    try:
        return read()
    except MemoryError:
        raise
    except Exception:  # damaged files raise nearly every error there is
        return None


def plain_ligatures(text: str) -> str:
    """Return text with two letters for each ligature."""
    for ligature in _LIGATURES.keys() & letters_of(text):
        text = text.replace(ligature, _LIGATURES[ligature])
    return text


def readable(text: str) -> str:
    """Return text as people write it; "" where it is codes of glyphs and no letters."""
    if sum(map(len, _GLYPH_CODES.findall(text))) > _MOST_GLYPH_CODES * len(text) or is_nonsense(text):
        return ""
    return _UNKNOWN.sub("\ufffd", plain_ligatures(text)).strip()
