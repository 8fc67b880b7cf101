"""Text under construction: paragraphs apart, table rows on one line, list items with their marks.

`Prose` knows no file format. It remembers where headings and named places lie, keeps the digits of neighbouring figures
apart, and yields the text in sections.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from reader.documents.scripts import Script, binds, on_line
from reader.wording import is_for_readers

_SPACES = re.compile(r"[ \t\n\r\f\xa0]+")
_SPACE, _SOFT, _COMMA, _SEMICOLON, _CELL, _LINE, _PARAGRAPH = " ", "\x1f", ", ", "; ", " | ", "\n", "\n\n"
_STRENGTH = {"": 0, _SPACE: 1, _SOFT: 2, _COMMA: 3, _SEMICOLON: 4, _CELL: 5, _LINE: 6, _PARAGRAPH: 7}
BULLET = "- "
_TAIL_CHARS = 40
_FIGURE = re.compile(r"[+\-−–]?\d{1,3}")
MOST_REPEATED_CHARS = 60
"""Of a cell that spans rows, and is said in each."""


class PicturePlace(NamedTuple):
    """A picture that stands in a text and is none of it."""

    at: int
    """The characters before it."""
    is_behind: bool
    """Whether it belongs to the text before it; else it belongs to the text behind it, such as its caption."""
    source: str
    """How the file names it."""
    alt: str


@dataclass
class Prose:
    """Text under construction: separators wait until there is text on both sides, and the strongest wins."""

    anchors: dict[str, int] = field(default_factory=dict)
    """Where each named place lies, in characters."""
    headings: list[tuple[int, str]] = field(default_factory=list)
    """(start, text) of each heading that has text."""
    length: int = 0
    _parts: list[str] = field(default_factory=list)
    _tail: str = ""
    _separator: str = ""
    _waiting_anchors: list[str] = field(default_factory=list)
    _illustrations: list[PicturePlace] = field(default_factory=list)
    _waiting_illustrations: list[tuple[str, str, bool]] = field(default_factory=list)
    _heading_start: int | None = None
    _row_start: int = 0
    _prefix: str = ""
    _is_prefix_of_heading: bool = False
    _is_at_edge: bool = False
    _joins_next: bool = False
    _flat_depth: int = 0
    _script: tuple[Script, str, bool] | None = None
    _ends_figure: bool = False
    _ends_power: bool = False

    @property
    def text(self) -> str:
        self._settle()
        return "".join(self._parts)

    @property
    def is_line_empty(self) -> bool:
        """Whether the next text begins a line."""
        return not self._parts or self._separator in (_LINE, _PARAGRAPH) or self._is_at_edge

    @property
    def is_joining(self) -> bool:
        """Whether the next text follows the last one without a break; see `join_next`."""
        return self._joins_next

    @property
    def is_in_row(self) -> bool:
        """Whether the next text is in a table's row that stays on its line."""
        return self._flat_depth > 0

    @property
    def tail(self) -> str:
        """The last characters of the line as it is."""
        return "" if self.is_line_empty else self._tail + self._separator.replace(_SOFT, " ")

    def write(self, text: str) -> None:
        """Add text whose runs of white space count as one space."""
        words = _SPACES.sub(" ", text)
        if words.startswith(" "):
            self.separate(_SPACE)
        if words.strip(" "):
            self.write_exactly(words.strip(" "))
            if words.endswith(" "):
                self.separate(_SPACE)

    def write_exactly(self, text: str) -> None:
        """Add text whose white space matters, such as program code."""
        if not text:
            return
        self._settle(text)
        self._put(text)

    def write_close(self, text: str) -> None:
        """Add a mark such as a colon right after the last letter."""
        self._settle()
        if self._separator == _SPACE:
            self._separator = ""
        self._put(text)

    def write_script(self, kind: Script, text: str, *, is_note: bool = False) -> None:
        """Add raised or lowered text; what it becomes depends on the text that follows."""
        words = _SPACES.sub(" ", text)
        text = words.strip(" ")
        # A space before a raised figure is raised itself: the figure still belongs to what it follows.
        if words.startswith(" ") and not _FIGURE.fullmatch(text):
            self.separate(_SPACE)
        if text:
            self._hold_script(kind, text, is_note)
        if words.endswith(" "):
            self.separate(_SPACE)

    def _hold_script(self, kind: Script, text: str, is_note: bool) -> None:
        if self._script and self._script[0] == kind and self._script[2] == is_note:
            self._script = (kind, self._script[1] + text, is_note)
            return
        self._settle(("^" if kind == "raised" else "_") + text)
        self._script = (kind, text, is_note)

    def write_formula(self, text: str) -> None:
        """Add a formula on one line, its digits apart from those around it."""
        text = " ".join(text.split())
        if not text:
            return
        self._settle(text)
        if text[0].isdigit() and self._tail[-1:].isdigit():
            self.separate(_SPACE)
        self._put(text)
        self._ends_figure = True

    def part_figures(self) -> None:
        """Keep a figure that comes next apart from one that ends here, as where struck text ends."""
        self._settle()
        self._ends_figure = True

    def _settle(self, after: str = "") -> None:
        """Write the raised or lowered text that waits, now that its neighbours are known."""
        if self._script is None:
            return
        (kind, text, is_note), self._script = self._script, None
        before = self.tail
        written = on_line(kind, text, before, after, is_note=is_note)
        if written:
            self._put(written)
            self._ends_figure = True
            self._ends_power = binds(written, before, after)

    def _put(self, text: str) -> None:
        separator = self._separator
        if separator == _SOFT:
            # Two figures in one cell must not look like one with a space in it.
            separator = _SEMICOLON if self._tail[-1:].isdigit() and text[:1].isdigit() else _SPACE
        if not separator and self._ends_figure and self._tail[-1:].isalnum():
            follows = text[:1].isalnum() if self._ends_power else text[:1].isdigit() and self._tail[-1:].isdigit()
            separator = _SPACE if follows else ""
        end = self.length
        if self._parts:
            self._add(separator)
        if self._heading_start == -1 and self._is_prefix_of_heading:
            self._heading_start = self.length
        self._add(self._prefix)
        self._separator, self._prefix, self._is_at_edge, self._joins_next = "", "", False, False
        self._is_prefix_of_heading = self._ends_figure = self._ends_power = False
        for name in self._waiting_anchors:
            self.anchors.setdefault(name, self.length)
        self._waiting_anchors.clear()
        for source, alt, is_in_heading in self._waiting_illustrations:
            # What stands before a heading ends the section before it.
            is_behind = self._heading_start == -1 and not is_in_heading and end > 0
            self._illustrations.append(PicturePlace(end if is_behind else self.length, is_behind, source, alt))
        self._waiting_illustrations.clear()
        if self._heading_start == -1:
            self._heading_start = self.length
        self._add(text)

    def _add(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self.length += len(text)
            self._tail = (self._tail + text[-_TAIL_CHARS:])[-_TAIL_CHARS:]

    def separate(self, separator: str) -> None:
        self._settle(separator)
        if self._flat_depth and _STRENGTH[separator] > _STRENGTH[_CELL]:
            separator = _SOFT
        # Paragraphs at the edges of a table cell or a list item must not part it from its mark.
        if not (self._is_at_edge or self._joins_next) and _STRENGTH[separator] > _STRENGTH[self._separator]:
            self._separator = separator

    def break_line(self) -> None:
        """End the line; a second time, the paragraph."""
        self.separate(_PARAGRAPH if self._separator == _LINE else _LINE)

    def end_line(self) -> None:
        self.separate(_LINE)

    def end_paragraph(self) -> None:
        self.separate(_PARAGRAPH)

    def join_next(self) -> None:
        """Let the next text go on where this one ends, whatever paragraph ends in between."""
        self._settle()
        self._joins_next, self._separator = True, ""

    def start_item(self, mark: str) -> None:
        """Put a mark before the next text, such as a list item's, whatever paragraph begins in between."""
        self._settle()
        if self._flat_depth:
            if mark == BULLET:
                self.separate(_SEMICOLON)
                return
            self.separate(_SOFT)
            self._prefix += mark
            return
        self._prefix, self._is_at_edge = mark, True
        self._is_prefix_of_heading = self._heading_start == -1

    def end_item(self) -> None:
        self._settle()
        if self._flat_depth:
            self.separate(_SOFT)
            return
        self._prefix, self._is_at_edge = "", False
        # The paragraph that ended inside ends no more than its item's line.
        self._separator = _LINE

    def start_row(self, *, is_flat: bool = False) -> None:
        """Begin a table's row; a flat one stays on its line, whatever paragraphs and tables are in its cells."""
        if self._flat_depth:
            self.separate(_SEMICOLON)
            self._flat_depth += 1
            return
        self.end_line()
        self._row_start = self.length
        self._flat_depth = int(is_flat)

    def start_cell(self, *, first: bool) -> None:
        self._settle()
        if self._flat_depth > 1:
            if not first:
                self.separate(_COMMA)
            return
        if self.length > self._row_start and self._separator != _CELL:
            self._separator = _CELL
        elif not first:
            self._prefix += "| "
        self._is_at_edge = True

    def end_row(self) -> None:
        self._settle()
        if self._flat_depth > 1:
            self._flat_depth -= 1
            return
        self._flat_depth = 0
        self.end_item()

    def start_heading(self) -> None:
        self._settle()
        if not self._flat_depth:
            self._heading_start = -1

    def end_heading(self) -> None:
        self._settle()
        if self._heading_start is not None and self._heading_start >= 0:
            heading = " ".join(self.text_from(self._heading_start).split())
            if is_for_readers(heading):
                self.headings.append((self._heading_start, heading))
        self._heading_start = None

    def text_from(self, start: int) -> str:
        """Return the text from a position near its end."""
        self._settle()
        parts: list[str] = []
        length = self.length
        for part in reversed(self._parts):
            if length <= start:
                break
            parts.append(part)
            length -= len(part)
        return "".join(reversed(parts))[max(start - length, 0) :]

    def said_from(self, start: int) -> str:
        """Return what a cell that begins there says in the rows that it spans, too; "" where that is long."""
        text = self.text_from(start).strip(" |\n")
        return text if len(text) <= MOST_REPEATED_CHARS and "\n" not in text else ""

    def mark(self, name: str) -> None:
        """Remember where the next text starts under this name."""
        self._settle()
        self._waiting_anchors.append(name)

    def show(self, source: str, alt: str) -> None:
        """Remember where a picture stands; the text is the same without it."""
        self._waiting_illustrations.append((source, alt, self._heading_start is not None))

    def illustrations(self) -> list[PicturePlace]:
        """Return the pictures of the text that is written by now."""
        self._settle()
        last = [
            PicturePlace(self.length, self.length > 0, source, alt) for source, alt, _ in self._waiting_illustrations
        ]
        return self._illustrations + last

    def sections(self) -> Iterator[tuple[str, str]]:
        """Yield (heading, text) of each part between headings; headings that only follow one another share one."""
        text = self.text + "\n\n"
        start, title = 0, ""
        heading_start = 0
        for position, heading in self.headings:
            if " ".join(text[heading_start:position].split()) != title:
                yield title, text[start:position]
                start = position
            heading_start, title = position, heading
        yield title, text[start:]
