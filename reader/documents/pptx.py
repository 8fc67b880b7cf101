"""PPTX: a page of the document for each slide, with its tables, formulas, charts and notes.

The order is that of the shapes, the title first. Hidden slides, masters and comments are left out; pictures are not seen.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from reader.documents import formulas
from reader.documents.archive import Archive, attribute, children, descendants, local_name
from reader.documents.counting import counted
from reader.documents.drawings import write_chart
from reader.documents.prose import BULLET, Prose
from reader.documents.symbols import in_symbol_font, is_symbol_font
from reader.documents.text import Parsed, chosen_title, split_sections

_UNSEEN = {"fallback", "ppr", "nvsppr", "sppr", "tblpr", "tblgrid", "endpararpr"}
_TITLES = ("title", "ctrtitle")
_AROUND = ("dt", "ftr", "sldnum", "hdr", "sldimg")
_AUTO_NUMBERS = {
    "alphalc": "lower-alpha",
    "alphauc": "upper-alpha",
    "romanlc": "lower-roman",
    "romanuc": "upper-roman",
    "arabic": "decimal",
}
_AUTO_NUMBER = re.compile(r"(alphalc|alphauc|romanlc|romanuc|arabic)(parenboth|parenr|period|plain)")
_PRIVATE = re.compile("[\uf020-\uf0ff]")


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is damaged, protected or a bomb.
    """
    archive = Archive(path)
    try:
        main = next(
            posixpath.normpath(relation.get("Target", "").lstrip("/"))
            for relation in archive.xml("_rels/.rels")
            if relation.get("Type", "").endswith("/officeDocument")
        )
        names = list(_slides(archive, main))
    except (KeyError, StopIteration) as error:
        raise archive.damaged() from error
    core = archive.optional_xml("docProps/core.xml")
    title = "".join(children(core, "title")[0].itertext()) if children(core, "title") else ""
    return chosen_title(title, path), split_sections(_sections(archive, names))


def _slides(archive: Archive, main: str) -> Iterator[str]:
    targets = _relations(archive, main)
    for element in archive.xml(main, mend=True).iter():
        if local_name(element) == "sldid":
            reference = next((value for key, value in element.items() if key.endswith("}id")), "")
            name = targets.get(reference, ("", ""))[1]
            if name in archive:
                yield name


def _relations(archive: Archive, name: str) -> dict[str, tuple[str, str]]:
    """The kind and the member of each part that a part points to, by its id."""
    folder, file = posixpath.split(name)
    relations = archive.optional_xml(posixpath.join(folder, "_rels", f"{file}.rels"))
    found = {}
    for relation in relations if relations is not None else ():
        target = unquote(relation.get("Target", ""))
        base = "" if target.startswith("/") else folder
        kind = relation.get("Type", "").rpartition("/")[2]
        found[relation.get("Id", "")] = (kind, posixpath.normpath(posixpath.join(base, target.lstrip("/"))))
    return found


def _sections(archive: Archive, names: list[str]) -> Iterator[tuple[str, str]]:
    for number, name in enumerate(names, start=1):
        root = archive.xml(name, mend=True)
        if attribute(root, "show") in ("0", "false"):
            continue
        relations = _relations(archive, name)
        prose = Prose()
        shapes = [element for element in root.iter() if local_name(element) in ("sp", "graphicframe")]
        shapes = [shape for shape in shapes if not _is_hidden(shape)]
        shapes.sort(key=lambda shape: _place(shape) not in _TITLES)
        title = next((_title(shape) for shape in shapes if _place(shape) in _TITLES), "")
        for shape in shapes:
            if _place(shape) not in _AROUND:
                _write(shape, prose)
        for kind, part in relations.values():
            if kind == "chart" and part in archive:
                write_chart(archive.xml(part, mend=True), prose)
            elif kind == "diagramData" and part in archive:
                for paragraph in archive.xml(part, mend=True).iter():
                    if local_name(paragraph) == "p":
                        _write(paragraph, prose)
            elif kind == "notesSlide" and part in archive:
                prose.end_paragraph()
                prose.start_item("Notes: ")
                for shape in archive.xml(part, mend=True).iter():
                    if local_name(shape) == "sp" and _place(shape) not in _AROUND:
                        _write(shape, prose)
                prose.end_item()
        yield f"Slide {number}: {title}" if title else f"Slide {number}", prose.text + "\n\n"


def _is_hidden(shape: etree._Element) -> bool:
    """Whether a shape, or the group that it is in, is not shown."""
    return any(
        attribute(properties, "hidden") in ("1", "true")
        for element in (shape, *shape.iterancestors())
        for holder in element
        if local_name(holder).startswith("nv")
        for properties in children(holder, "cnvpr")
    )


def _place(shape: etree._Element) -> str:
    placeholder = next(iter(descendants(shape, "ph")), None)
    return attribute(placeholder, "type").lower() if placeholder is not None else ""


def _title(shape: etree._Element) -> str:
    prose = Prose()
    _write(shape, prose)
    return " ".join(prose.text.split())


def _write(root: etree._Element, prose: Prose) -> None:
    counts: dict[int, int] = {}
    columns = _Columns()
    walk = etree.iterwalk(root, events=("start", "end"))
    skipped: etree._Element | None = None
    for event, element in walk:
        name = local_name(element)
        if event == "start":
            if name in _UNSEEN or name == "omath":
                if name == "omath":
                    prose.write_formula(formulas.omml(element))
                walk.skip_subtree()
                skipped = element
            elif name == "p":
                prose.end_paragraph()
                if mark := _mark(element, counts):
                    prose.start_item(mark)
            elif name == "t":
                _write_run(element, prose)
            elif name == "br":
                prose.end_line()
            elif name == "tr":
                prose.start_row(is_flat=True)
            elif name == "tbl":
                columns = _Columns()
            elif name == "tc" and columns.start_cell(element, prose):
                walk.skip_subtree()
                skipped = element
        elif element is skipped:
            skipped = None
        elif name == "tc":
            columns.end_cell(element, prose)
        elif name in ("p", "tbl"):
            prose.end_paragraph()
        elif name == "tr":
            prose.end_row()
    prose.end_paragraph()


class _Columns:
    """The columns of one table, and what a cell says in the rows below that it covers."""

    def __init__(self) -> None:
        self._at = self._start = 0
        self._said: dict[int, str] = {}

    def start_cell(self, cell: etree._Element, prose: Prose) -> bool:
        """Begin a cell; return whether another one covers it."""
        previous = cell.getprevious()
        is_first = previous is None or local_name(previous) != "tc"
        self._at = 0 if is_first else self._at + 1
        prose.start_cell(first=is_first)
        self._start = prose.length
        is_below = attribute(cell, "vmerge") in ("1", "true")
        if is_below and self._said.get(self._at):
            prose.write_exactly(self._said[self._at])
        return is_below or attribute(cell, "hmerge") in ("1", "true")

    def end_cell(self, cell: etree._Element, prose: Prose) -> None:
        self._said[self._at] = prose.said_from(self._start) if attribute(cell, "rowspan") else ""


def _write_run(text: etree._Element, prose: Prose) -> None:
    run = text.getparent()
    words = text.text or ""
    for properties in children(run, "rpr"):
        words = _unsymbolic(words, properties)
        shift = attribute(properties, "baseline")
        if re.fullmatch(r"-?[1-9]\d*%?", shift):
            prose.write_script("lowered" if shift.startswith("-") else "raised", words)
            return
    prose.write(words)


def _unsymbolic(text: str, properties: etree._Element) -> str:
    """Text with the symbols of its fonts as Unicode; letters are symbols only in the font for letters."""
    for kind in ("latin", "sym"):
        for font in children(properties, kind):
            name = attribute(font, "typeface")
            if is_symbol_font(name) and kind == "latin":
                return in_symbol_font(text, name)
            if is_symbol_font(name):
                text = "".join(in_symbol_font(letter, name) if _PRIVATE.match(letter) else letter for letter in text)
    return text


def _mark(paragraph: etree._Element, counts: dict[int, int]) -> str:
    for properties in children(paragraph, "ppr"):
        level = int(attribute(properties, "lvl") or 0) if (attribute(properties, "lvl") or "0").isdecimal() else 0
        for number in children(properties, "buautonum"):
            found = _AUTO_NUMBER.fullmatch(attribute(number, "type").lower())
            start = attribute(number, "startat")
            counts[level] = counts[level] + 1 if level in counts else int(start) if start.isdecimal() else 1
            for deeper in [key for key in counts if key > level]:
                del counts[deeper]
            text = counted(counts[level], _AUTO_NUMBERS[found[1]] if found else "decimal")
            around = {"parenboth": "({}) ", "parenr": "{}) ", "plain": "{} "}.get(found[2] if found else "", "{}. ")
            return around.format(text)
        counts.pop(level, None)
        if children(properties, "buchar"):
            return BULLET
    return ""
