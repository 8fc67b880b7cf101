"""DOCX: the text of a Word document, a page of the document for each part between headings.

It is read from the XML itself, because the libraries for it leave out equations, insertions under review and content
controls. Footnotes and endnotes follow the paragraph that calls them, table rows are lines. Deleted and hidden text,
comments, running heads and automatic numbers are left out, and macros are never looked at.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from .archive import Archive, local_name
from .markup import Prose
from .text import chosen_title, split_sections

# Word's "strict" files use other namespaces for the same names, so that only the names count.
_UNSEEN = {"del", "fallback", "instrtext", "movefrom", "ppr", "rt", "sectpr", "tblgrid", "tblpr", "tcpr", "trpr"}
_HEADING_NAME = re.compile(r"title|heading [1-9]", re.I)
_BODY_LEVEL = 9
_MOST_BASES = 20
_NOTES = {"footnotereference": "footnotes", "endnotereference": "endnotes"}


def parse(path: Path, password: str | None) -> tuple[str, Iterator[tuple[str, str]]]:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is damaged, protected or a bomb.
    """
    archive = Archive(path)
    try:
        main = _main_part(archive)
        root = archive.xml(main)
        if root.getroottree().docinfo.internalDTD is not None:
            raise archive.damaged()  # the format has none, and text in its entities would be lost
    except KeyError as exc:
        raise archive.damaged() from exc
    folder = posixpath.dirname(main)
    writer = _Writer(
        headings=_heading_styles(_optional(archive, f"{folder}/styles.xml")),
        notes={
            (kind, _attribute(note, "id")): note
            for kind in _NOTES.values()
            for note in _children(_optional(archive, f"{folder}/{kind}.xml"), kind[:-1])
        },
    )
    writer.write(root)
    core = _optional(archive, "docProps/core.xml")
    title = "".join(_children(core, "title")[0].itertext()) if _children(core, "title") else ""
    return chosen_title(title, path), split_sections(writer.prose.sections())


class _Writer:
    """Puts WordprocessingML into a `Prose`."""

    def __init__(self, headings: set[str], notes: dict[tuple[str, str], etree._Element]) -> None:
        self.prose = Prose()
        self._headings = headings
        self._notes = notes
        self._called: list[etree._Element] = []
        self._note_count = 0
        self._tables = 0

    def write(self, root: etree._Element) -> None:
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            name = local_name(element)
            if event == "start":
                if name in _UNSEEN or (name == "r" and _is_hidden(element)):
                    walk.skip_subtree()
                else:
                    self._start(name, element)
            elif name not in _UNSEEN:
                self._end(name)

    def _start(self, name: str, element: etree._Element) -> None:
        prose = self.prose
        if name == "p":
            prose.end_paragraph()
            if self._is_heading(element):
                prose.start_heading()
            elif _has(element, "ppr", "numpr"):
                prose.start_item("- ")
        elif name == "t":
            prose.write(element.text or "")
        elif name in ("tab", "ptab"):
            prose.write(" ")
        elif name in ("br", "cr"):
            prose.end_line()
        elif name == "nobreakhyphen":
            prose.write("-")
        elif name == "tbl":
            self._tables += 1
            prose.end_paragraph()
        elif name == "tr":
            prose.start_row()
        elif name == "tc":
            previous = element.getprevious()
            prose.start_cell(first=previous is None or local_name(previous) != "tc")
        elif name in _NOTES:
            note = self._notes.pop((_NOTES[name], _attribute(element, "id")), None)
            if note is not None:
                self._note_count += 1
                prose.write(f"[{self._note_count}]")
                self._called.append(note)

    def _end(self, name: str) -> None:
        if name == "p":
            self.prose.end_heading()
            self.prose.end_paragraph()
        elif name == "tr":
            self.prose.end_row()
        elif name == "tbl":
            self._tables -= 1
            self.prose.end_paragraph()
        if name in ("p", "tbl") and not self._tables:
            self._write_notes()

    def _write_notes(self) -> None:
        called, self._called = self._called, []
        first = self._note_count - len(called) + 1
        for number, note in enumerate(called, start=first):
            self.prose.end_paragraph()
            self.prose.start_item(f"[{number}] ")
            self.write(note)
            self.prose.end_item()

    def _is_heading(self, paragraph: etree._Element) -> bool:
        properties = _children(paragraph, "ppr")
        for inner in properties[0] if properties else ():
            name = local_name(inner)
            if name == "pstyle" and _attribute(inner, "val") in self._headings:
                return True
            if name == "outlinelvl":
                return _level(inner) < _BODY_LEVEL
        return False


def _main_part(archive: Archive) -> str:
    for relation in archive.xml("_rels/.rels"):
        if relation.get("Type", "").endswith("/officeDocument"):
            return posixpath.normpath(relation.get("Target", "").lstrip("/"))
    raise archive.damaged()


def _optional(archive: Archive, name: str) -> etree._Element | None:
    return archive.xml(name, mend=True) if name in archive else None


def _heading_styles(styles: etree._Element | None) -> set[str]:
    """The ids of the styles that are headings, by their name, their outline level or the style that they build on."""
    found: set[str] = set()
    bases: dict[str, str] = {}
    for style in _children(styles, "style"):
        style_id = _attribute(style, "styleid")
        for inner in style:
            name = local_name(inner)
            if name == "name" and _HEADING_NAME.fullmatch(_attribute(inner, "val")):
                found.add(style_id)
            elif name == "basedon":
                bases[style_id] = _attribute(inner, "val")
            elif name == "ppr" and any(_level(level) < _BODY_LEVEL for level in _children(inner, "outlinelvl")):
                found.add(style_id)
    for style_id in bases:
        base: str | None = style_id
        for _ in range(_MOST_BASES):
            base = bases.get(base) if base else None
            if base in found:
                found.add(style_id)
                break
    return found


def _level(element: etree._Element) -> int:
    value = _attribute(element, "val")
    return int(value) if value.isdecimal() else _BODY_LEVEL


def _is_hidden(run: etree._Element) -> bool:
    return any(
        local_name(inner) == "vanish" and _attribute(inner, "val") not in ("0", "false", "off")
        for properties in _children(run, "rpr")
        for inner in properties
    )


def _has(element: etree._Element, *names: str) -> bool:
    """Whether there is a child of a child … with these names."""
    found = [element]
    for name in names:
        found = [inner for outer in found for inner in _children(outer, name)]
    return bool(found)


def _children(element: etree._Element | None, name: str) -> list[etree._Element]:
    return [] if element is None else [inner for inner in element if local_name(inner) == name]


def _attribute(element: etree._Element, name: str) -> str:
    """An attribute by its local name in lower case; "" where there is none."""
    return next((value for key, value in element.items() if key.rpartition("}")[2].lower() == name), "")
