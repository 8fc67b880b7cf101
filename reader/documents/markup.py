"""HTML and XHTML as a reader sees them, put into a `Prose`.

Formulas, form values, raised numbers and the marks of lists become text. Pictures, scripts, styles and the reading aids
of ruby text are left out. There is no layout, and no guess at what matters.
"""

from __future__ import annotations

import re
from collections import Counter

from lxml import etree

from reader.documents import drop_caps, formulas, pictures, tables
from reader.documents.archive import descendants, local_name
from reader.documents.forms import CONTROLS, label_has_value, state_of, write_control
from reader.documents.notes import all_text, calls_note, inline_text, said_again, script_kind
from reader.documents.prose import BULLET, Prose
from reader.documents.scripts import MOST_CHARS
from reader.documents.styles import BOXES, STRUCK, Counters, List, StyleSheet, declarations
from reader.documents.symbols import in_symbol_font, is_symbol_font
from reader.documents.trees import parse_html, parse_xhtml

__all__ = ["PAGE_MARK", "Prose", "all_text", "page_label", "write_html"]

PAGE_MARK = "\0page "
"""Begins the name of the place where a printed page begins; its label follows."""

_LINES = {"dd", "dt", "li", "option", "tr"}
_PARAGRAPHS = {
    *("address", "article", "aside", "blockquote", "body", "caption", "center", "details", "dialog", "div", "dl"),
    *("fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr"),
    *("legend", "main", "menu", "nav", "ol", "p", "pre", "search", "section", "summary", "table", "ul"),
}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
# What no reader sees as text, and what a reader's eye takes for decoration.
_UNSEEN = {
    *("annotation", "annotation-xml", "audio", "button", "canvas", "datalist", "embed", "head", "iframe", "noembed"),
    *("noframes", "noscript", "object", "rp", "rt", "script", "style", "svg", "template", "title", "video"),
}
_LISTS = ("ol", "ul", "menu", "dir")

_INLINE_SCRIPTS = {"a", "b", "em", "font", "i", "small", "span", "strong", "sub", "sup", "tt"}
_INLINE_BOXES = {"a", "b", "bdi", "em", "i", "ins", "label", "small", "span", "strong", "u"}
_EPUB_TYPE = "{http://www.idpf.org/2007/ops}type"
_MATH_CLASS = re.compile(r"\b(?:mathjax(?:_\w+)?|mjx-\S+)\b", re.I)
_DROP_CAP_CLASS = re.compile(r"drop|initial|first-?letter|lettrine|versal|\bcap\b|\bdc\b", re.I)
_FRACTION_CLASS = re.compile(r"(?:^|[\s_-])s?frac(?:tion)?(?:$|[\s_-])", re.I)
_STACKED = re.compile(r"[\d+\-−–n]{1,6}")
# What stands before an item where a program wrote its own.
_ITEM_MARK = re.compile(r"[(\[]?(?:\d{1,3}|[A-Za-z]|[ivxlc]{1,6}|[IVXLC]{1,6})(?:\.\d{1,3})*[.)\]]")
_ROW_ROLES = {"row": "row", "cell": "cell", "gridcell": "cell", "columnheader": "cell", "rowheader": "cell"}
_ROW_STYLES = {"table-row": "row", "table-cell": "cell"}
_BOXED = {"div", "span", "p", "li", "ul", "dl", "dt", "dd", "a", "section"}
_PAGE_ID = re.compile(r"(?:page|pg|p)[_.-]?0*([1-9]\d{0,4}|[ivxlcdm]{1,8})", re.I)
_MOST_PAGE_CHARS = 20
_WORD = re.compile(r"[^\W\d_]+")


def write_html(
    root: etree._Element,
    prose: Prose,
    *,
    skip: set[etree._Element] | None = None,
    styles: StyleSheet | None = None,
) -> None:
    """Add what a reader sees of an HTML or XHTML tree, less the elements in `skip`.

    `styles` are those of the sheets that the page links to; by default, those in the page.
    """
    if styles is None:
        styles = StyleSheet(map(all_text, descendants(root, "style")))
    _Writer(root, prose, skip or set(), styles).write()


class _Writer:
    """Puts one tree into a `Prose`."""

    def __init__(self, root: etree._Element, prose: Prose, skip: set[etree._Element], styles: StyleSheet) -> None:
        self._root, self._prose, self._skip, self._styles = root, prose, skip, styles
        self._lists: list[List] = []
        self._tables: list[tables.Columns] = []
        tables.move_feet(root)
        self._flat_rows = tables.flat_rows(root)
        self._has_styled_rows = styles.has_rows
        self._has_boxes = styles.has_boxes
        self._headers: dict[etree._Element, list[etree._Element]] = {}
        self._counters = Counters(styles) if styles.has_counters else None
        self._fonts: list[tuple[etree._Element, str]] = []
        self._depth = self._code_depth = 0
        self._ends_value = False
        self._words: Counter[str] | None = None
        self._has_math_source = any(_is_math_source(element) for element in root.iter("script", "{*}script"))

    def write(self) -> None:
        walk = etree.iterwalk(self._root, events=("start", "end", "comment", "pi"))
        skipped: etree._Element | None = None
        for event, element in walk:
            name = local_name(element)
            if event == "start":
                if name == "svg":
                    pictures.show_images(element, self._prose)
                if self._is_unseen(name, element) or self._write_whole(name, element):
                    # The tail still comes with the end event.
                    walk.skip_subtree()
                    skipped = element
                    continue
                self._mark(element, name)
                self._depth += 1
                self._start(name, element)
                self._code_depth += name == "pre"
                self._write_text(element.text)
                continue
            if event == "end":
                if element is skipped:
                    skipped = None
                else:
                    self._code_depth -= name == "pre"
                    self._end(name, element)
                    self._depth -= 1
            if element is not self._root:
                self._write_text(element.tail)
        self._prose.end_paragraph()

    def _is_unseen(self, name: str, element: etree._Element) -> bool:
        if element in self._skip:
            return True
        if (name == "script" and _is_math_source(element)) or (name == "iframe" and element.get("srcdoc")):
            return False
        if name == "default" and pictures.is_behind_case(element):
            return True
        if name == "template" and "shadowrootmode" in element.attrib:
            return False
        if element.get("aria-hidden") == "true" and said_again(element):
            return True
        return name in _UNSEEN

    def _mark(self, element: etree._Element, name: str) -> None:
        for anchor in (element.get("id"), element.get("name") if name == "a" else None):
            if anchor:
                self._prose.mark(anchor)

    def _write_text(self, text: str | None) -> None:
        if not text:
            return
        if self._fonts and self._fonts[-1][1]:
            text = in_symbol_font(text, self._fonts[-1][1])
        if self._code_depth and not self._prose.is_in_row:
            self._prose.write_exactly(text)
        else:
            self._prose.write(text)
        self._ends_value &= not text.strip()

    # --- what is written as a whole, without a look at its parts

    def _write_whole(self, name: str, element: etree._Element) -> bool:
        """Write an element that is not walked through; return whether it is one."""
        if name in CONTROLS:
            self._mark(element, name)
            if self._styles.of(element).get("display") == "none":
                return True  # it is there for the style sheet, to open a note or a menu
            if self._ends_value:
                self._prose.end_line()
            self._ends_value = write_control(name, element, self._prose) or self._ends_value
            return True
        if name == "tr" and self._write_header(element):
            return True
        if name == "iframe" and element.get("srcdoc"):
            write_html(parse_html(element.get("srcdoc", ""), "a frame"), self._prose)
            return True
        if (
            name in ("span", "sup")
            and _FRACTION_CLASS.search(element.get("class", ""))
            and self._prose.tail[-1:].isdigit()
        ):
            self._prose.separate(" ")  # 2 and 1/2 are not 21/2
        if self._write_item_mark(name, element) or self._write_stack(name, element):
            return True
        if name == "img":
            self._write_picture(element)
            return True
        if _is_page_break(element):
            self._mark_page(element)
            is_number = len(all_text(element)) <= _MOST_PAGE_CHARS
            if is_number:
                self._mark_all(element)
            return is_number
        return self._write_math(name, element) or self._write_script(name, element)

    def _write_item_mark(self, name: str, element: etree._Element) -> bool:
        """Write the mark that a converter from TeX gives an item: a term or a tag of its own."""
        if name != "dt" and "ltx_tag_item" not in element.get("class", ""):
            return False
        mark = " ".join(all_text(element).split())
        if name == "dt" and not (_ITEM_MARK.fullmatch(mark) and local_name(element.getnext()) == "dd"):
            return False
        self._mark_all(element)
        self._prose.end_line()
        self._prose.start_item(f"{mark} " if mark and mark != "•" else BULLET)
        return True

    def _write_stack(self, name: str, element: etree._Element) -> bool:
        """Write two short lines above one another in a line: a charge above a number, or an isotope's two numbers."""
        if name != "span" or not len(element):
            return False
        if "template-chem2-su" in element.get("class", "").split():
            lines = [all_text(inner) for inner in element]
        elif "inline-block" in element.get("style", "") and any(local_name(inner) == "br" for inner in element):
            lines = _lines(element)
        else:
            return False
        if len(lines) != 2 or not all(_STACKED.fullmatch(line.strip()) for line in lines):
            return False
        upper, lower = (line.strip() for line in lines)
        if self._prose.tail[-1:].strip():
            self._prose.write_script("lowered", lower)
            self._prose.write_script("raised", upper)
        else:
            self._prose.write_script("raised", upper)
            self._prose.write_script("lowered", lower)
        return True

    def _write_math(self, name: str, element: etree._Element) -> bool:
        if name == "math":
            self._mark_all(element)
            self._prose.write_formula(formulas.mathml(element))
            return True
        if name == "script":
            self._prose.write_formula(_math_source(element))
            return True
        if element.get("role") == "math" and (said := element.get("aria-label")) and not all_text(element).strip():
            self._prose.write_formula(said)
            return True
        classes = element.get("class", "")
        if "katex-html" in classes.split():
            return any("katex-mathml" in other.get("class", "") for other in element.itersiblings(preceding=True))
        if name != "mjx-container" and not (classes and _MATH_CLASS.search(classes)):
            return False
        if self._has_math_source:
            return True
        for inner in element.iter(etree.Element):
            source = inner.get("data-mathml")
            if local_name(inner) == "math" or source:
                tree = parse_xhtml(source.encode(), "a formula") if source else inner
                found = next(iter(descendants(tree, "math")), tree)
                self._prose.write_formula(formulas.mathml(found))
                return True
        if name == "mjx-container" and (said := element.get("data-latex") or element.get("aria-label")):
            self._prose.write_formula(formulas.tex(said) if element.get("data-latex") else said)
            return True
        return False

    def _write_picture(self, element: etree._Element) -> None:
        """A picture of a formula, of a first letter or that is a cell's value is text; of others only the place is kept."""
        self._mark(element, "img")
        alt = " ".join((element.get("alt") or "").split())
        is_large = bool(_DROP_CAP_CLASS.search(element.get("class", "")))
        if drop_caps.LETTER.fullmatch(alt) and (goes_on := pictures.goes_on(element, alt, is_large)) is not None:
            self._prose.write(alt)
            if goes_on:
                self._prose.join_next()
        elif pictures.is_formula(element, alt):
            if not pictures.is_said_beside(element):
                self._prose.write_formula(formulas.tex(alt or element.get("title") or ""))
        elif pictures.is_value(element, alt, self._flat_rows):
            self._prose.separate(" ")
            self._prose.write(alt)
            self._prose.separate(" ")
        else:
            self._prose.show(element.get("src", ""), alt)

    def _write_script(self, name: str, element: etree._Element) -> bool:
        """Write raised and lowered text, and the number of a note."""
        if name not in _INLINE_SCRIPTS:
            return False
        kind = script_kind(name, element, self._styles)
        is_note = calls_note(element, kind, self._prose)
        if not kind and not is_note:
            return False
        text = inline_text(element, 0)
        if text is None or len(text) > (MOST_CHARS if kind else 8):
            return False
        if self._fonts and self._fonts[-1][1]:
            text = in_symbol_font(text, self._fonts[-1][1])
        self._mark_all(element)
        self._prose.write_script(kind or "raised", text, is_note=is_note)
        return True

    def _mark_all(self, element: etree._Element) -> None:
        for inner in element.iter(etree.Element):  # no entities, which have no attributes
            self._mark(inner, local_name(inner))
            if _is_page_break(inner):
                self._mark_page(inner)

    def _mark_page(self, element: etree._Element) -> None:
        self._mark(element, local_name(element))
        label = page_label(element.get("title") or element.get("aria-label") or all_text(element))
        if not label:
            named = _PAGE_ID.fullmatch(element.get("id") or element.get("name") or "")
            label = named[1] if named else ""
        if 0 < len(label) <= _MOST_PAGE_CHARS:
            self._prose.mark(PAGE_MARK + label)

    # --- lists, tables, headings

    def _start(self, name: str, element: etree._Element) -> None:
        prose = self._prose
        self._part_figures(name, element)
        before = self._counters.enter(element, self._depth) if self._counters else ""
        self._start_font(name, element)
        part = self._row_part(name, element)
        if part == "row":
            prose.start_row(is_flat=not tables.laid_out(element))
        elif part == "cell":
            previous = element.getprevious()
            prose.start_cell(first=previous is None or not self._row_part(local_name(previous), previous))
        elif name in _PARAGRAPHS or name == "dir":
            prose.end_paragraph()
        elif name == "br":
            prose.break_line()
        elif name == "label" and (label_has_value(element) or self._ends_value):
            prose.end_line()
        elif name == "tr":
            self._table.start_row(prose, is_flat=element in self._flat_rows)
        elif name in _LINES:
            prose.end_line()
        elif name in ("td", "th") and element is not self._root:
            self._table.start_cell(element, prose)
        if name in _LISTS:
            self._lists.append(List.of(name, element, self._styles))
        elif name == "table":
            self._tables.append(tables.Columns())
        elif name == "li" and self._lists:
            mark = self._lists[-1].next_mark(element, self._styles)
            prose.start_item(before or mark)
        elif name in _HEADINGS:
            prose.start_heading()
        if before and name != "li":
            prose.start_item(before)
        if name in ("p", "div", "span") and _is_page_break(element):
            self._mark_page(element)
        if state := state_of(element):
            prose.separate(" ")
            prose.write_exactly(state)
            prose.separate(" ")

    def _part_figures(self, name: str, element: etree._Element) -> None:
        """Part figures where an element has a box of its own, is struck, or replaces struck text."""
        if name in _INLINE_BOXES | STRUCK and self._prose.tail[-1:].isdigit() and self._stands_apart(element):
            self._prose.separate(" ")

    def _stands_apart(self, element: etree._Element) -> bool:
        before = element.getprevious()
        is_behind_struck = before is not None and not (before.tail or "").strip() and self._styles.strikes(before)
        if is_behind_struck or self._styles.strikes(element):
            return True
        around = [one for one in (element, element.getparent()) if one is not None]
        shown = [self._styles.of(one) for one in around if self._has_boxes or "display" in one.get("style", "")]
        return any(style.get("display") in BOXES and "float" not in style for style in shown)

    def _row_part(self, name: str, element: etree._Element) -> str:
        """Whether an element is a "row" or a "cell" by its role or its style; a table's own are not counted here."""
        if name not in _BOXED:
            return ""
        if part := _ROW_ROLES.get(element.get("role", "")):
            return part
        if self._has_styled_rows or "table-" in element.get("style", ""):
            return _ROW_STYLES.get(self._styles.of(element).get("display", ""), "")
        return ""

    @property
    def _table(self) -> tables.Columns:
        if not self._tables:
            self._tables.append(tables.Columns())
        return self._tables[-1]

    def _start_font(self, name: str, element: etree._Element) -> None:
        font = element.get("face") if name == "font" else None
        style = element.get("style", "")
        if font is None and "font-family" in style:
            font = declarations(style).get("font-family")
        if font:
            font = font.split(",")[0].strip("\"' ")
            self._fonts.append((element, font if is_symbol_font(font) else ""))

    def _end(self, name: str, element: etree._Element) -> None:
        prose = self._prose
        if self._counters:
            self._counters.leave(self._depth)
        if self._fonts and self._fonts[-1][0] is element:
            self._fonts.pop()
        if (element.tail or "")[:1].isdigit() and prose.tail[-1:].isdigit() and self._styles.strikes(element):
            prose.separate(" ")
        if name in _HEADINGS:
            prose.end_heading()
        if name in _LISTS and self._lists:
            self._lists.pop()
        if name == "table" and self._tables:
            self._tables.pop()
        part = self._row_part(name, element)
        if part == "row":
            prose.end_row()
        elif part == "cell":
            prose.separate(" ")
        elif name == "tr":
            self._table.end_row(prose)
        elif name in ("td", "th") and element is not self._root:
            self._table.end_cell(prose)
        elif name == "li":
            prose.end_item()
        elif name in _PARAGRAPHS or name == "dir":
            prose.end_paragraph()
        elif name in _LINES or (name == "label" and label_has_value(element)):
            prose.end_line()
        if name in ("p", "div", "span", "b", "big", "font") and self._is_drop_cap(element):
            prose.join_next()

    def _is_drop_cap(self, element: etree._Element) -> bool:
        letter = (element.text or "").strip() or (all_text(element).strip() if len(element) == 1 else "")
        if not drop_caps.LETTER.fullmatch(letter):
            return False
        style = self._styles.of(element)
        marked = "float" in style or _DROP_CAP_CLASS.search(element.get("class", ""))
        follows = (element.tail or "").strip() or all_text(element.getnext()).strip()
        if not marked:
            return False
        if local_name(element) in ("p", "div"):
            return drop_caps.goes_on(letter, follows)
        if (element.tail or "")[:1].isspace():
            return drop_caps.is_one_word(letter, follows, self._word_counts)
        return follows[:1].islower()

    def _word_counts(self) -> Counter[str]:
        if self._words is None:
            self._words = Counter(_WORD.findall(all_text(self._root).lower()))
        return self._words

    def _write_header(self, row: etree._Element) -> bool:
        """Write a heading in several rows as one, with a name for each column."""
        parent = row.getparent()
        table = parent if parent is None or local_name(parent) == "table" else parent.getparent()
        if table is None or local_name(table) != "table" or row not in self._flat_rows:
            return False
        if table not in self._headers:
            self._headers[table] = tables.header_rows(table)
        rows = self._headers[table]
        if row not in rows:
            return False
        self._mark_all(row)
        if row is rows[0]:
            texts = {}
            for cell in (inner for one in rows for inner in one if local_name(inner) in ("td", "th")):
                own = Prose()
                write_html(cell, own, skip=self._skip, styles=self._styles)
                texts[cell] = " ".join(own.text.split())
            self._prose.start_row(is_flat=True)
            for index, text in enumerate(tables.column_names(rows, texts)):
                self._prose.start_cell(first=index == 0)
                self._prose.write_exactly(text)
            self._prose.end_row()
        return True


def _lines(element: etree._Element) -> list[str]:
    """The text of an element between its line breaks."""
    out = element.text or ""
    for inner in element:
        out += ("\n" if local_name(inner) == "br" else all_text(inner)) + (inner.tail or "")
    return out.strip().split("\n")


def _is_page_break(element: etree._Element) -> bool:
    kinds = f"{element.get(_EPUB_TYPE, '')} {element.get('epub:type', '')} {element.get('role', '')}"
    if "pagebreak" in kinds.split() or "doc-pagebreak" in kinds.split():
        return True
    classes = element.get("class", "").lower()
    return bool(classes) and bool({"pagenum", "pageno", "page-number", "pagebreak"} & set(classes.split()))


def page_label(text: str) -> str:
    """Return the number of a printed page from what a file says of it, such as "Page 57." or "[Pg 57]"."""
    return re.sub(r"^(?:page|pg|p)\.?\s+|\.$", "", " ".join(text.split()).strip("[](){}"), flags=re.I).strip()


def _is_math_source(element: etree._Element) -> bool:
    return element.get("type", "").lower().startswith(("math/tex", "math/latex", "math/mml", "math/asciimath"))


def _math_source(element: etree._Element) -> str:
    kind, source = element.get("type", "").lower(), all_text(element).strip()
    source = source.removeprefix("<![CDATA[").removeprefix("% <![CDATA[").removesuffix("]]>").removesuffix("% ").strip()
    if kind.startswith("math/mml"):
        tree = parse_xhtml(source.encode(), "a formula")
        return formulas.mathml(next(iter(descendants(tree, "math")), tree))
    return source if kind.startswith("math/ascii") else formulas.tex(source)
