"""Marked-up text as a reader sees it: paragraphs apart, table cells in rows, list items with their marks.

`Prose` collects the text and remembers where headings and anchors lie; `write_html` puts an HTML tree into it. Pictures,
scripts, styles and the reading aids of ruby text are left out. There is no layout, and no guess at what matters.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from ..errors import DocumentError
from .archive import gave_up, local_name
from .text import decode_bytes

_SPACES = re.compile(r"[ \t\n\r\f\xa0]+")
_SPACE, _CELL, _LINE, _PARAGRAPH = " ", " | ", "\n", "\n\n"
_STRENGTH = {"": 0, _SPACE: 1, _CELL: 2, _LINE: 3, _PARAGRAPH: 4}

_LINES = {"dd", "dt", "li", "option", "tr"}
_PARAGRAPHS = {
    *("address", "article", "aside", "blockquote", "body", "caption", "center", "details", "dialog", "div", "dl"),
    *("fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr"),
    *("legend", "main", "menu", "nav", "ol", "p", "pre", "search", "section", "summary", "table", "ul"),
}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
# What no reader sees as text, and what a reader's eye takes for decoration.
_UNSEEN = {
    *("annotation", "annotation-xml", "audio", "button", "canvas", "datalist", "embed", "head", "iframe", "input"),
    *("noscript", "object", "rp", "rt", "script", "select", "style", "svg", "template", "textarea", "title", "video"),
}

# HTML's named characters, which XML does not know without fetching a DTD.
_NAMED = re.compile(rb"&[A-Za-z][A-Za-z0-9]{1,31};")


@dataclass
class Prose:
    """Text under construction: separators wait until there is text on both sides, and the strongest wins."""

    anchors: dict[str, int] = field(default_factory=dict)
    """Where each named place lies, in characters."""
    headings: list[tuple[int, str]] = field(default_factory=list)
    """(start, text) of each heading that has text."""
    length: int = 0
    _parts: list[str] = field(default_factory=list)
    _separator: str = ""
    _waiting_anchors: list[str] = field(default_factory=list)
    _heading_start: int | None = None
    _row_start: int = 0
    _prefix: str = ""
    _is_at_edge: bool = False

    @property
    def text(self) -> str:
        return "".join(self._parts)

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
        if self._parts:
            self._add(self._separator)
        self._add(self._prefix)
        self._separator, self._prefix, self._is_at_edge = "", "", False
        for name in self._waiting_anchors:
            self.anchors.setdefault(name, self.length)
        self._waiting_anchors.clear()
        if self._heading_start == -1:
            self._heading_start = self.length
        self._add(text)

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self.length += len(text)

    def separate(self, separator: str) -> None:
        # Paragraphs at the edges of a table cell or a list item must not part it from its mark.
        if not self._is_at_edge and _STRENGTH[separator] > _STRENGTH[self._separator]:
            self._separator = separator

    def break_line(self) -> None:
        """End the line; a second time, the paragraph."""
        self.separate(_PARAGRAPH if self._separator == _LINE else _LINE)

    def end_line(self) -> None:
        self.separate(_LINE)

    def end_paragraph(self) -> None:
        self.separate(_PARAGRAPH)

    def start_item(self, mark: str) -> None:
        """Put a mark before the next text, such as a list item's, whatever paragraph begins in between."""
        self._prefix, self._is_at_edge = mark, True

    def end_item(self) -> None:
        self._prefix, self._is_at_edge = "", False
        # The paragraph that ended inside ends no more than its item's line.
        self._separator = _LINE

    def start_row(self) -> None:
        self.end_line()
        self._row_start = self.length

    def start_cell(self, *, first: bool) -> None:
        if self.length > self._row_start and self._separator != _CELL:
            self._separator = _CELL
        elif not first:
            self._prefix += "| "
        self._is_at_edge = True

    def end_row(self) -> None:
        self.end_item()

    def start_heading(self) -> None:
        self._heading_start = -1

    def end_heading(self) -> None:
        if self._heading_start is not None and self._heading_start >= 0:
            self.headings.append((self._heading_start, " ".join(self.text_from(self._heading_start).split())))
        self._heading_start = None

    def text_from(self, start: int) -> str:
        """Return the text from a position near its end."""
        parts: list[str] = []
        length = self.length
        for part in reversed(self._parts):
            if length <= start:
                break
            parts.append(part)
            length -= len(part)
        return "".join(reversed(parts))[max(start - length, 0) :]

    def mark(self, name: str) -> None:
        """Remember where the next text starts under this name."""
        self._waiting_anchors.append(name)

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


def write_html(root: etree._Element, prose: Prose, *, skip: set[etree._Element] | None = None) -> None:
    """Add what a reader sees of an HTML or XHTML tree, less the elements in `skip`."""
    lists: list[int | None] = []
    code_depth = 0
    walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    for event, element in walk:
        name = local_name(element)
        if event == "start":
            if name in _UNSEEN or (skip and element in skip):
                # The tail still comes with the end event.
                walk.skip_subtree()
                continue
            for anchor in (element.get("id"), element.get("name") if name == "a" else None):
                if anchor:
                    prose.mark(anchor)
            _start(name, element, prose, lists)
            code_depth += name == "pre"
            _write(element.text, prose, code_depth)
            continue
        if event == "end" and not (name in _UNSEEN or (skip and element in skip)):
            code_depth -= name == "pre"
            _end(name, prose, lists)
        if element is not root:
            _write(element.tail, prose, code_depth)
    prose.end_paragraph()


def _write(text: str | None, prose: Prose, code_depth: int) -> None:
    if text and code_depth:
        prose.write_exactly(text)
    elif text:
        prose.write(text)


def _start(name: str, element: etree._Element, prose: Prose, lists: list[int | None]) -> None:
    if name in _PARAGRAPHS:
        prose.end_paragraph()
    elif name == "br":
        prose.break_line()
    elif name == "tr":
        prose.start_row()
    elif name in _LINES:
        prose.end_line()
    elif name in ("td", "th"):
        prose.start_cell(
            first=not any(local_name(other) in ("td", "th") for other in element.itersiblings(preceding=True))
        )
    if name in ("ol", "ul"):
        lists.append(0 if name == "ol" else None)
    elif name == "li" and lists:
        count = lists[-1]
        if count is None:
            prose.start_item("- ")
        else:
            lists[-1] = count + 1
            prose.start_item(f"{count + 1}. ")
    elif name in _HEADINGS:
        prose.start_heading()


def _end(name: str, prose: Prose, lists: list[int | None]) -> None:
    if name in _HEADINGS:
        prose.end_heading()
    if name in ("ol", "ul"):
        lists.pop()
    if name == "tr":
        prose.end_row()
    elif name == "li":
        prose.end_item()
    elif name in _PARAGRAPHS:
        prose.end_paragraph()
    elif name in _LINES:
        prose.end_line()


def parse_html(text: str, file_name: str) -> etree._Element:
    """Return the tree of an HTML page, mended as browsers do.

    Raises DocumentError where it is nested too deep to be read to its end.
    """
    # Without `huge_tree` 256 levels are the end of the text, and without the limit there is no bound but memory.
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = etree.fromstring(text.encode(errors="replace"), parser)
    except etree.XMLSyntaxError:
        root = None
    if gave_up(parser):
        raise DocumentError(f"{file_name!r} is nested too deep to be read: save it as plain text.")
    return etree.Element("html") if root is None else root


def parse_xhtml(data: bytes, file_name: str) -> etree._Element:
    """Return the tree of an XHTML chapter; what is not well formed is read as HTML.

    Raises DocumentError as `parse_html` does.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(_NAMED.sub(_numbered, data), parser)
        # A file's own entities stay unexpanded: HTML keeps their names as text, where XML drops them.
        if next(root.iter(etree.Entity), None) is None:
            return root
    except etree.XMLSyntaxError:
        pass
    return parse_html(decode_bytes(data) or "", file_name)


def _numbered(match: re.Match[bytes]) -> bytes:
    character = html.unescape(match[0].decode())
    if character == match[0].decode():
        return match[0]
    return "".join(f"&#{ord(letter)};" for letter in character).encode()
