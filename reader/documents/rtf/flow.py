"""Text of an RTF file that is written in one place, such as the body, a note or a box, with its tables' cells and rows.

What holds inside a group is kept here too. Tokens, groups, fonts, and when notes are written belong to `rtf`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from reader.documents.prose import MOST_REPEATED_CHARS
from reader.documents.scripts import Script, on_line

_XML_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass
class State:
    """What holds inside a group, and ends with it."""

    is_silent: bool = False
    is_hidden: bool = False
    is_deleted: bool = False
    font: int = -1
    skip_count: int = 1
    """Characters that stand after a Unicode one for readers without Unicode."""
    script: Script | None = None
    is_struck: bool = False
    destination: str = ""
    is_mark: bool = False
    """Whether it is an item's number or bullet, whose own settings end with it."""
    list_number: int = 0
    """Of the list that the paragraph is in; 0 for none."""
    list_level: int = 0
    math: etree._Element | None = None
    """The part of an equation that is written."""

    def enter_equation(self, word: str, *, is_new: bool) -> None:
        """Follow an equation, whose words are those of Word's XML with an m before them."""
        if self.math is None:
            self.math, self.destination = etree.Element("oMath"), word
        elif is_new and word.startswith("m"):
            self.math = etree.SubElement(self.math, word[1:])

    def put_in_equation(self, text: str) -> None:
        """Add text to the part of an equation that is written."""
        part = self.math
        if part is None:
            return
        if part.tag == "r":
            etree.SubElement(part, "t").text = _XML_CONTROL.sub("", text)
        elif text.strip():  # a property
            part.set("val", _XML_CONTROL.sub("", part.get("val", "") + text.strip()))


@dataclass
class Font:
    """A font of the file's table."""

    encoding: str = ""
    name: str = ""


@dataclass
class Flow:
    """Text that is written in one place: the body, a note or a box."""

    parts: list[str] = field(default_factory=list)
    length: int = 0
    tail: str = ""
    row: list[str] = field(default_factory=list)
    cell_start: int | None = None
    """Where the table cell that is written begins among the parts."""
    nested: list[str] = field(default_factory=list)
    nested_rows: list[str] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    """For each cell of the row: "first" or "below" of cells that are merged downwards, or ""."""
    merge: str = ""
    said: dict[int, str] = field(default_factory=dict)
    """By column: what a merged cell says in the rows that it spans."""
    script: tuple[Script, str] | None = None
    ends_figure: bool = False
    has_mark: bool = False
    """Whether the file writes the number of the paragraph that is open."""
    is_counted: bool = False
    """Whether that paragraph was counted in its list."""

    def add(self, text: str) -> None:
        if not text:
            return
        self.settle(text)
        if self.ends_figure and self.tail[-1:].isalnum() and text[0].isalnum():
            ends_power = re.search(r"\S\^\S*$", self.tail)
            if ends_power or (self.tail[-1:].isdigit() and text[0].isdigit()):
                self._put(" ")
        self._put(text)
        self.ends_figure = False

    def add_formula(self, text: str) -> None:
        """Add a formula on one line, its digits apart from those around it."""
        self.settle(text)
        if text[:1].isdigit() and self.tail[-1:].isdigit():
            self._put(" ")
        self._put(text)
        self.ends_figure = True

    def part_figures(self) -> None:
        """Keep a figure that comes next apart from one that ends here, as where struck text ends."""
        self.settle()
        self.ends_figure = True

    def add_script(self, kind: Script, text: str) -> None:
        if self.script and self.script[0] == kind:
            self.script = (kind, self.script[1] + text)
            return
        self.settle(("^" if kind == "raised" else "_") + text.strip())
        self.script = (kind, text)

    def settle(self, after: str = "") -> None:
        if self.script is None:
            return
        (kind, text), self.script = self.script, None
        lead, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        line = self.tail.rpartition("\n")[2]
        self._put(lead)
        self._put(on_line(kind, text, line, after))
        self.ends_figure = bool(text.strip())
        self._put(tail)

    def _put(self, text: str) -> None:
        if text:
            self.parts.append(text)
            self.length += len(text)
            self.tail = (self.tail + text[-40:])[-40:]

    def define_row(self, word: str) -> None:
        """Follow the words that say which cells of the next row are merged downwards; those of inner tables are not."""
        if self.nested:
            return
        if word == "trowd":
            self.merges, self.merge = [], ""
        elif word == "cellx":
            self.merges, self.merge = [*self.merges, self.merge], ""
        else:
            self.merge = "first" if word == "clvmgf" else "below"

    def start_table(self) -> None:
        """Begin a cell here, unless one is open."""
        if self.cell_start is None:
            self.settle()
            self.cell_start = len(self.parts)

    def end_cell(self, *, is_nested: bool) -> None:
        """Put what was written since the last cell into the row."""
        if self.cell_start is None and not self.row:
            # A file that does not say where its table begins: the cell is the line.
            self.cell_start = self._line_start()
        cell = self._take_cell()
        self.has_mark = self.is_counted = False
        self.cell_start = len(self.parts)
        if is_nested:
            self.nested.append(cell)
        else:
            # The rows of an inner table stay inside the cell of the outer one.
            inner, self.nested_rows = "; ".join(self.nested_rows), []
            self.row.append(f"{inner}{' ' if inner and cell else ''}{cell}")

    def _line_start(self) -> int:
        at = len(self.parts)
        while at and "\n" not in self.parts[at - 1]:
            at -= 1
        return at

    def end_row(self, *, is_nested: bool) -> None:
        """Write the row on one line; that of an inner table waits for its cell's end."""
        if is_nested:
            self.nested_rows.append(", ".join(self.nested))
            self.nested = []
            return
        if self.row:
            row = " | ".join(self._take_row()).rstrip()
            left = self._take_cell() if self.cell_start is not None else ""
            before = "" if not self.parts or "".join(self.parts[-1:]).endswith("\n") else "\n"
            self.add(f"{before}{row}{' | ' + left if left else ''}\n")
        self.cell_start = None

    def _take_row(self) -> list[str]:
        """Return the cells of the row that ends, each merged one with what it says; and take them out."""
        row, self.row = self.row, []
        for column, merge in enumerate(self.merges[: len(row)]):
            if merge == "below":
                row[column] = row[column] or self.said.get(column, "")
            else:
                self.said[column] = row[column] if merge and len(row[column]) <= MOST_REPEATED_CHARS else ""
        return row

    def _take_cell(self) -> str:
        """Return the text of the cell that ends, and take it out."""
        self.settle()
        start = 0 if self.cell_start is None else self.cell_start
        text = "".join(self.parts[start:])
        del self.parts[start:]
        self.length -= len(text)
        self.tail = ""
        return one_line(text)


def one_line(text: str) -> str:
    """Return the lines of a cell as one."""
    lines = [" ".join(line.split()) for line in text.split("\n") if line.strip()]
    out = ""
    for line in lines:
        # Two figures in one cell must not look like one with a space in it.
        out += ("; " if out[-1:].isdigit() and line[:1].isdigit() else " " if out else "") + line
    return out


def sections(text: str, headings: list[tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """Yield (heading, text) of each part; headings that only follow one another share one."""
    start, title = 0, ""
    previous_end = 0
    for heading_start, heading_end in headings:
        label = " ".join(text[heading_start:heading_end].split())
        if not label:
            continue
        if text[previous_end:heading_start].strip():
            yield title, text[start:heading_start]
            start = heading_start
        title, previous_end = label, heading_end
    yield title, text[start:]
