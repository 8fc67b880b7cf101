"""OpenDocument: texts, presentations and tables (ODT, ODP, ODS), a page of the document for each part.

A text's parts are between its headings, a presentation's are its slides, a spreadsheet's its sheets. Numbers of lists and
headings, notes, formulas and form values are text; deleted and hidden text and comments are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from reader.documents import formulas
from reader.documents.archive import Archive, attribute, children, descendants, local_name, one_line
from reader.documents.counting import counted
from reader.documents.forms import tick
from reader.documents.prose import BULLET, Prose
from reader.documents.scripts import Script
from reader.documents.styles import LIST_TYPES
from reader.documents.symbols import in_symbol_font, is_symbol_font
from reader.documents.text import Parsed, chosen_title, split_sections

_UNSEEN = {
    *("annotation", "annotation-end", "tracked-changes", "hidden-text", "hidden-paragraph", "sequence-decls", "forms"),
    *("event-listeners", "variable-decls", "user-field-decls", "table-of-content-source", "shapes", "desc", "title"),
    *("note-citation", "dde-source", "date-time-decl", "footer-decl", "header-decl", "ruby-text"),
}
_MOST_LEVELS = 10
_MOST_BLANKS = 200
_MOST_REPEATS = 1000
_MOST_CELL_CHARS = 4000
_VALUES = ("date-value", "time-value", "string-value", "value")


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is damaged, protected or a bomb.
    """
    archive = Archive(path)
    try:
        content = archive.xml("content.xml", mend=True)
    except KeyError as error:
        raise archive.damaged() from error
    writer = _Writer(archive, [content, archive.optional_xml("styles.xml")])
    writer.write(content)
    meta = archive.optional_xml("meta.xml")
    titles = descendants(meta, "title")
    title = "".join(titles[0].itertext()) if titles else ""
    return chosen_title(title, path), split_sections(writer.prose.sections())


class _Writer:
    """Puts OpenDocument XML into a `Prose`."""

    def __init__(self, archive: Archive, roots: list[etree._Element | None]) -> None:
        self.prose = Prose()
        self._archive = archive
        self._styles = _Styles(roots)
        self._controls: dict[str, etree._Element] = {}
        self._lists: list[tuple[str, list[int]]] = []
        self._counts: dict[str, list[int]] = {}
        self._item_is_new = False
        self._notes: list[tuple[int, etree._Element]] = []
        self._note_count = 0
        self._tables = 0
        self._slides = self._cells = 0
        self._spans: list[tuple[etree._Element, Script | None, str]] = []
        self._said: list[dict[int, tuple[int, str]]] = []
        """For each open table, by column: what a cell says in how many more rows."""
        self._spanning: list[tuple[int, int, int]] = []
        """The column, the rows and the beginning of each open cell."""

    def write(self, root: etree._Element) -> None:
        for element in root.iter():
            if local_name(element) in (
                "checkbox",
                "radio",
                "text",
                "textarea",
                "listbox",
                "combobox",
                "formatted-text",
            ):
                self._controls[attribute(element, "id")] = element
        self._walk(root)

    def _walk(self, root: etree._Element) -> None:
        walk = etree.iterwalk(root, events=("start", "end"))
        skipped: etree._Element | None = None
        for event, element in walk:
            name = local_name(element)
            if event == "start":
                if name in _UNSEEN or self._write_whole(name, element) or self._is_hidden(name, element):
                    walk.skip_subtree()
                    skipped = element
                    continue
                self._start(name, element)
                if self._is_text(element):
                    self._write_text(element.text)
                continue
            if element is skipped:
                skipped = None
            else:
                self._end(name, element)
            parent = element.getparent()
            if parent is not None and element is not root and self._is_text(parent):
                self._write_text(element.tail)

    def _is_hidden(self, name: str, element: etree._Element) -> bool:
        """Whether an element is not shown, or shows only what to enter there."""
        if name == "section":
            return attribute(element, "display") == "none"
        if name == "table-row" and attribute(element, "visibility") == "collapse":
            return local_name(element.getparent()) != "table-row-group"  # which a click unfolds
        if name == "content-control":
            return attribute(element, "showing-place-holder") == "true"
        return self._styles.is_hidden(element)

    def _is_text(self, element: etree._Element) -> bool:
        return local_name(element) in ("p", "h", "span", "a", "meta", "ruby-base", "meta-field", "content-control") or (
            isinstance(element.tag, str) and ":text:" in element.tag and local_name(element) not in ("list", "section")
        )

    def _write_text(self, text: str | None) -> None:
        if not text:
            return
        script, font = self._spans[-1][1:] if self._spans else (None, "")
        text = in_symbol_font(text, font)
        if script:
            self.prose.write_script(script, text)
        else:
            self.prose.write(text)

    def _write_whole(self, name: str, element: etree._Element) -> bool:
        prose = self.prose
        if name in ("s", "tab"):
            prose.write(" ")
        elif name == "line-break":
            prose.end_line()
        elif name == "note":
            self._note_count += 1
            prose.write(f"[{self._note_count}]")
            self._notes += [(self._note_count, body) for body in children(element, "note-body")]
        elif name == "object":
            self._write_object(element)
        elif name == "control":
            self._write_control(self._controls.get(attribute(element, "control")))
        elif name == "covered-table-cell":
            for _ in range(min(_integer(attribute(element, "number-columns-repeated"), 1), _MOST_BLANKS)):
                self._cover()
        elif name == "fieldmark":
            self._write_mark(element)
        elif name == "drop-down":
            chosen = [one for one in children(element, "label") if attribute(one, "current-selected") == "true"]
            prose.write(attribute(chosen[0], "value") if chosen else element.text or "")
        else:
            return False
        return True

    _blanks = 0
    _row_start = 0

    def _cover(self) -> None:
        """Write a cell that another one covers: what is in the cell above, or nothing where the cell is before it."""
        column = self._cells + self._blanks
        rows, text = self._said[-1].get(column, (0, "")) if self._said else (0, "")
        if not rows or not text:
            self._blanks += 1
            return
        self._said[-1][column] = (rows - 1, text)
        for _ in range(self._blanks + 1):
            self.prose.start_cell(first=self._cells == 0)
            self._cells += 1
        self._blanks = 0
        if self.prose.is_in_row:
            self.prose.write_exactly(text)

    def _write_mark(self, element: etree._Element) -> None:
        """Write a form field that came out of a Word file."""
        values = [(attribute(one, "name"), attribute(one, "value")) for one in children(element, "param")]
        kind = attribute(element, "type").rpartition(".")[2]
        if kind == "FORMCHECKBOX":
            self.prose.write(tick(any(name.endswith("Checked") and value == "true" for name, value in values)))
        elif kind == "FORMDROPDOWN":
            entries = [value for name, value in values if name.endswith("ListEntry")]
            chosen = next((value for name, value in values if name.endswith(("Selected", "Result"))), "")
            if chosen.isdecimal() and int(chosen) < len(entries):
                self.prose.write(entries[int(chosen)])

    def _write_object(self, element: etree._Element) -> None:
        """Write a formula that is kept in a part of its own."""
        inner = descendants(element, "math")
        name = attribute(element, "href").removeprefix("./").rstrip("/")
        if not inner and name:
            inner = descendants(self._archive.optional_xml(f"{name}/content.xml"), "math")
        if inner:
            self.prose.write_formula(formulas.mathml(inner[0]))

    def _write_control(self, control: etree._Element | None) -> None:
        if control is None:
            return
        if local_name(control) in ("checkbox", "radio"):
            state = attribute(control, "current-state") or attribute(control, "state")
            is_on = state == "checked" or attribute(control, "current-selected") == "true"
            self.prose.write(f"{tick(is_on)} {attribute(control, 'label')}".rstrip())
        else:
            chosen = [one for one in control if attribute(one, "current-selected") == "true"]
            value = attribute(chosen[0], "label") if chosen else ""
            self.prose.write(value or attribute(control, "current-value") or attribute(control, "value"))

    def _start(self, name: str, element: etree._Element) -> None:
        prose = self.prose
        if name in ("p", "h"):
            prose.end_paragraph()
            self._start_paragraph(name, element)
        elif name in ("span", "a"):
            script, font = self._styles.letters(attribute(element, "style-name"))
            outer = self._spans[-1][1:] if self._spans else (None, "")
            self._spans.append((element, script or outer[0], font or outer[1]))
            if self._styles.is_struck(attribute(element, "style-name")):
                prose.part_figures()
        elif name == "list":
            style = attribute(element, "style-name") or (self._lists[-1][0] if self._lists else "")
            goes_on = attribute(element, "continue-numbering") == "true" or attribute(element, "continue-list")
            key = f"{style}/{len(self._lists)}"
            counts = self._lists[-1][1] if self._lists else self._counts.get(key, []) if goes_on else []
            self._counts[key] = counts
            self._lists.append((style, counts))
        elif name == "list-item":
            self._item_is_new = True
            self._count_item(element)
        elif name == "list-header":
            self._item_is_new = False
        elif name == "table":
            self._tables += 1
            self._said.append({})
            prose.end_paragraph()
            if self._tables == 1 and local_name(element.getparent()) == "spreadsheet":
                prose.headings.append((prose.length, attribute(element, "name")))
        elif name == "table-row":
            self._cells = self._blanks = 0
            long = any(len("".join(cell.itertext())) > _MOST_CELL_CHARS for cell in element)
            prose.start_row(is_flat=len(element) > 1 and not long)
            self._row_start = prose.length
        elif name == "table-cell":
            self._start_cell(element)
        elif name == "page":
            self._slides += 1
            prose.end_paragraph()
            prose.headings.append((prose.length, f"Slide {self._slides}"))
        elif name == "notes":
            prose.end_paragraph()
            prose.start_item("Notes: ")

    def _start_cell(self, element: etree._Element) -> None:
        for _ in range(self._blanks):
            self.prose.start_cell(first=self._cells == 0)
            self._cells += 1
        self.prose.start_cell(first=self._cells == 0)
        rows = _integer(attribute(element, "number-rows-spanned"), 1)
        self._spanning.append((self._cells, rows, self.prose.length))
        self._cells += 1
        if not len(element):  # some programs write no text beside the value
            self.prose.write(next(filter(None, (attribute(element, name) for name in _VALUES)), ""))
        # The cells that are repeated or spanned stand empty before the next one.
        self._blanks = min(_integer(attribute(element, "number-columns-repeated"), 1) - 1, _MOST_BLANKS)
        if "".join(element.itertext()).strip() and self._blanks:
            text = one_line(element)
            for _ in range(self._blanks):
                self.prose.write(text)
                self.prose.start_cell(first=False)
                self._cells += 1
            self._blanks = 0
        if not len(element) and (value := attribute(element, "string-value")):
            self.prose.write(value)

    def _count_item(self, item: etree._Element) -> None:
        style, counts = self._lists[-1] if self._lists else ("", [])
        level = len(self._lists) - 1
        del counts[level + 1 :]
        while len(counts) <= level:
            counts.append(self._styles.level(style, len(counts)).start - 1)
        start = attribute(item, "start-value")
        counts[level] = _integer(start, 1) if start else counts[level] + 1

    def _start_paragraph(self, name: str, element: etree._Element) -> None:
        prose = self.prose
        if name == "h":
            prose.start_heading()
            level = min(_integer(attribute(element, "outline-level"), 1), _MOST_LEVELS) - 1
            mark = "" if attribute(element, "is-list-header") == "true" else self._outline_mark(level)
            if mark and not self._lists:
                prose.start_item(mark)
        if self._lists and self._item_is_new:
            self._item_is_new = False
            style, counts = self._lists[-1]
            mark = self._styles.level(style, len(self._lists) - 1).mark(
                counts, lambda at: self._styles.level(style, at)
            )
            if mark:
                prose.start_item(mark)

    def _outline_mark(self, level: int) -> str:
        outline = self._styles.level("\0outline", level)
        if not outline.format:
            return ""
        counts = self._counts.setdefault("\0outline", [])
        del counts[level + 1 :]
        while len(counts) <= level:
            counts.append(self._styles.level("\0outline", len(counts)).start - 1)
        counts[level] += 1
        return outline.mark(counts, lambda at: self._styles.level("\0outline", at))

    def _end(self, name: str, element: etree._Element) -> None:
        prose = self.prose
        if self._spans and self._spans[-1][0] is element:
            self._spans.pop()
            if self._styles.is_struck(attribute(element, "style-name")):
                prose.part_figures()
        if name in ("p", "h"):
            if name == "h":
                prose.end_heading()
            prose.end_paragraph()
        elif name == "list":
            self._lists.pop()
        elif name == "table-cell" and self._spanning:
            column, rows, start = self._spanning.pop()
            if rows > 1:
                self._said[-1][column] = (rows - 1, prose.said_from(start))
        elif name == "table-row":
            self._end_row(element)
        elif name == "table":
            self._tables -= 1
            self._said.pop()
            prose.end_paragraph()
        elif name == "notes":
            prose.end_item()
        elif name in ("page", "text-box"):
            prose.end_paragraph()
        if name in ("p", "h", "table") and not self._tables:
            notes, self._notes = self._notes, []
            for number, body in notes:
                prose.end_paragraph()
                prose.start_item(f"[{number}] ")
                self._walk(body)
                prose.end_item()

    def _end_row(self, element: etree._Element) -> None:
        """End a row, and write it again as often as the file says that it is there."""
        prose = self.prose
        text = prose.text_from(self._row_start).strip("\n") if prose.length > self._row_start else ""
        prose.end_row()
        again = min(_integer(attribute(element, "number-rows-repeated"), 1) - 1, _MOST_REPEATS)
        for _ in range(again if text and self._tables == 1 else 0):
            prose.start_row(is_flat=True)
            prose.write_exactly(text)
            prose.end_row()


class _Level:
    """How one level of a list counts."""

    def __init__(self, element: etree._Element | None = None, *, is_bullet: bool = True) -> None:
        def read(key: str) -> str:
            return attribute(element, key) if element is not None else ""

        self.format = read("num-format")
        self.start = _integer(read("start-value"), 1)
        self._prefix, self._suffix = read("num-prefix"), read("num-suffix")
        self._shown = _integer(read("display-levels"), 1)
        self._is_bullet = is_bullet

    def mark(self, counts: list[int], level_at: Callable[[int], _Level]) -> str:
        """Return what stands before an item, by the counts of the levels down to it."""
        if self._is_bullet:
            return BULLET
        if not self.format:
            return ""
        last = len(counts) - 1
        shown = [
            counted(counts[at], LIST_TYPES.get(level_at(at).format or self.format, "decimal"))
            for at in range(max(0, last - self._shown + 1), last + 1)
        ]
        return f"{self._prefix}{'.'.join(shown)}{self._suffix}".strip() + " "


class _Styles:
    """What the styles say of letters and lists."""

    def __init__(self, roots: list[etree._Element | None]) -> None:
        self._letters: dict[str, tuple[Script | None, str]] = {}
        self._hidden: set[tuple[str, str]] = set()
        self._struck: set[str] = set()
        self._parents: dict[str, str] = {}
        self._families: dict[str, str] = {}
        self._levels: dict[tuple[str, int], _Level] = {}
        for root in roots:
            for element in root.iter() if root is not None else ():
                name = local_name(element)
                if name == "font-face":
                    family = attribute(element, "font-family").strip("'\"")
                    self._families[attribute(element, "name")] = family
                elif name == "style":
                    self._read_style(element)
                elif name in ("list-style", "outline-style"):
                    key = "\0outline" if name == "outline-style" else attribute(element, "name")
                    for level in element:
                        at = _integer(attribute(level, "level"), 1) - 1
                        is_bullet = local_name(level) == "list-level-style-bullet"
                        self._levels.setdefault((key, at), _Level(level, is_bullet=is_bullet))

    def _read_style(self, style: etree._Element) -> None:
        key = attribute(style, "name")
        self._parents[key] = attribute(style, "parent-style-name")
        for properties in children(style, "table-properties"):
            if attribute(properties, "display") == "false":
                self._hidden.add(("table", key))
        script: Script | None = None
        font = ""
        for properties in children(style, "text-properties"):
            place = attribute(properties, "text-position").split(" ")[0]
            if place == "super" or re.fullmatch(r"(?!0)\d+%", place):
                script = "raised"
            elif place == "sub" or re.fullmatch(r"-(?!0)\d+%", place):
                script = "lowered"
            font = attribute(properties, "font-name") or attribute(properties, "font-family")
            if attribute(properties, "display") == "none":
                self._hidden.add(("", key))
            if attribute(properties, "text-line-through-style") not in ("", "none"):
                self._struck.add(key)
        font = self._families.get(font, font)
        self._letters[key] = (script, font if is_symbol_font(font) else "")

    def letters(self, style: str) -> tuple[Script | None, str]:
        """Return whether a style raises or lowers letters, and its symbol font or ""; by itself or by those that it builds on."""
        script: Script | None = None
        font = ""
        for _ in range(_MOST_LEVELS):
            own = self._letters.get(style, (None, ""))
            script, font = script or own[0], font or own[1]
            style = self._parents.get(style, "")
        return script, font

    def is_struck(self, style: str) -> bool:
        return style in self._struck

    def is_hidden(self, element: etree._Element) -> bool:
        kind = "table" if local_name(element) == "table" else ""
        return local_name(element) in ("p", "span", "h", "table") and (
            (kind, attribute(element, "style-name")) in self._hidden
        )

    def level(self, style: str, at: int) -> _Level:
        return self._levels.get((style, at)) or _Level()


def _integer(text: str, default: int) -> int:
    return int(text) if re.fullmatch(r"\d{1,6}", text) else default
