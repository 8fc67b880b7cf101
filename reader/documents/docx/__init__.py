"""DOCX: the text of a Word document, a page of the document for each part between headings.

It is read from the XML itself, because the libraries for it leave out equations, insertions under review and content
controls. Automatic numbers, symbols and form fields become text, footnotes and endnotes follow the paragraph that calls
them, table rows are lines, and imported parts stand where they are imported. Deleted and hidden text, comments and
running heads are left out, and macros are never looked at.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from reader.documents import formulas
from reader.documents.archive import Archive, attribute, children, descendants, local_name
from reader.documents.docx.headings import MOST_BASES, heading_level, heading_styles, title_of
from reader.documents.docx.tables import Columns, flat_rows
from reader.documents.drawings import write_drawn
from reader.documents.fields import field_text
from reader.documents.forms import tick
from reader.documents.imported import write_imported
from reader.documents.numbering import Numbering
from reader.documents.prose import BULLET, Prose
from reader.documents.scripts import Script
from reader.documents.symbols import in_symbol_font, is_symbol_font, symbol
from reader.documents.text import Parsed, chosen_title, split_sections

# Word's "strict" files use other namespaces for the same names, so that only the names count.
_UNSEEN = {
    *("del", "fallback", "movefrom", "ppr", "rt", "sectpr", "tblgrid", "tblpr", "tcpr", "trpr"),
    *("deltext", "delinstrtext", "sdtpr", "sdtendpr", "rpr", "tblprex"),
}
_WHOLE = {"altchunk", "chart", "relids", "ffdata", "fldchar", "fldsimple", "instrtext", "omath", "sdt", "sym", "t"}
"""What may be written without a walk through its parts."""
_NOTES = {"footnotereference": "footnotes", "endnotereference": "endnotes"}
_PICTURES = {"blip": "embed", "imagedata": "id"}
"""Elements that show a picture, and the attribute that names it."""
_SIGNS = {"tab": " ", "ptab": " ", "nobreakhyphen": "-"}
_OFF = ("0", "false", "off", "none")
_MOST_PLACEHOLDER_CHARS = 80
_MOST_IMPORTS = 2


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is damaged, protected or a bomb.
    """
    archive = Archive(path)
    prose = Prose()
    own_title = write_docx(archive, path, prose)
    core = archive.optional_xml("docProps/core.xml")
    title = "".join(children(core, "title")[0].itertext()) if children(core, "title") else ""
    return chosen_title(title.strip() or own_title, path), split_sections(prose.sections())


def illustrated(path: Path) -> Iterator[tuple[Prose, Callable[[str], str | None]]]:
    """Yield the text, and what finds the member that a picture in it names."""
    archive, prose = Archive(path), Prose()
    write_docx(archive, path, prose)
    main = _main_part(archive)
    yield prose, _Imports(archive, path, main, 0).find


def write_docx(archive: Archive, path: Path, prose: Prose, *, level: int = 0) -> str:
    """Add the text of a Word document to a `Prose`; return the title that it has in its text, if any.

    Args:
        level: counts the documents that it is imported into.
    """
    try:
        main = _main_part(archive)
        root = archive.xml(main)
        if root.getroottree().docinfo.internalDTD is not None:
            raise archive.damaged()  # the format has none, and text in its entities would be lost
    except KeyError as error:
        raise archive.damaged() from error
    folder = posixpath.dirname(main)
    styles = archive.optional_xml(f"{folder}/styles.xml")
    writer = _Writer(
        prose,
        headings=heading_styles(styles),
        numbering=Numbering(archive.optional_xml(f"{folder}/numbering.xml"), styles),
        letters=_Letters(styles),
        notes={
            (kind, attribute(note, "id")): note
            for kind in _NOTES.values()
            for note in children(archive.optional_xml(f"{folder}/{kind}.xml"), kind[:-1])
        },
        imports=_Imports(archive, path, main, level),
    )
    writer.write(root)
    return title_of(root, styles)


class _Imports:
    """The parts that a document imports, such as HTML put in by a report generator."""

    def __init__(self, archive: Archive, path: Path, main: str, level: int) -> None:
        self._archive, self._path, self._level = archive, path, level
        folder, name = posixpath.split(main)
        relations = archive.optional_xml(posixpath.join(folder, "_rels", f"{name}.rels"))
        self._targets = {
            relation.get("Id", ""): posixpath.normpath(
                posixpath.join("" if target.startswith("/") else folder, target.lstrip("/"))
            )
            for relation in (relations if relations is not None else ())
            if relation.get("TargetMode", "").lower() != "external" and (target := unquote(relation.get("Target", "")))
        }

    @property
    def is_main(self) -> bool:
        """Whether the document is itself imported into none."""
        return self._level == 0

    def find(self, reference: str) -> str | None:
        """Return the member that a reference names; None where there is none."""
        name = self._targets.get(reference, "")
        return name if name in self._archive else None

    def draw(self, reference: str, prose: Prose) -> None:
        if (name := self.find(reference)) is not None:
            write_drawn(self._archive.xml(name, mend=True), prose)

    def write(self, reference: str, prose: Prose) -> None:
        name = self.find(reference)
        if name is None or self._level >= _MOST_IMPORTS:
            return
        prose.end_paragraph()
        data = self._archive.read(name)
        if data.startswith(b"PK"):
            write_docx(Archive(self._path, data), self._path, prose, level=self._level + 1)
        else:
            write_imported(data, name, self._path, prose)
        prose.end_paragraph()


class _Letters:
    """Which runs are raised, lowered, or in a symbol font, by themselves or by their style."""

    def __init__(self, styles: etree._Element | None) -> None:
        self._own: dict[str, tuple[str, str]] = {}
        self._bases: dict[str, str] = {}
        for style in children(styles, "style"):
            key = attribute(style, "styleid")
            for properties in children(style, "rpr"):
                self._own[key] = _letters(properties)
            for base in children(style, "basedon"):
                self._bases[key] = attribute(base, "val")

    def of(self, run: etree._Element) -> tuple[Script | None, str]:
        """Return whether a run is raised or lowered, and its symbol font or ""."""
        script = font = ""
        for properties in children(run, "rpr"):
            script, font = _letters(properties)
            style = next((attribute(inner, "val") for inner in children(properties, "rstyle")), "")
            for _ in range(MOST_BASES):
                if not style:
                    break
                own = self._own.get(style, ("", ""))
                script, font = script or own[0], font or own[1]
                style = self._bases.get(style, "")
        kind: Script | None = "raised" if script == "raised" else "lowered" if script == "lowered" else None
        return kind, font if is_symbol_font(font) else ""


def _letters(properties: etree._Element) -> tuple[str, str]:
    script = font = ""
    for inner in properties:
        name = local_name(inner)
        if name == "vertalign":
            script = {"superscript": "raised", "subscript": "lowered"}.get(attribute(inner, "val"), "baseline")
        elif name == "position" and not script:
            place = attribute(inner, "val")
            if re.fullmatch(r"-?[1-9]\d{0,3}(?:pt)?", place):
                script = "lowered" if place.startswith("-") else "raised"
        elif name == "rfonts":
            font = attribute(inner, "ascii") or attribute(inner, "hansi") or attribute(inner, "cs")
    return script, font


class _Writer:
    """Puts WordprocessingML into a `Prose`."""

    def __init__(
        self,
        prose: Prose,
        *,
        headings: dict[str, int],
        numbering: Numbering,
        letters: _Letters,
        notes: dict[tuple[str, str], etree._Element],
        imports: _Imports,
    ) -> None:
        self.prose = prose
        self._headings = headings
        self._numbering = numbering
        self._letters = letters
        self._notes = notes
        self._imports = imports
        self._called: list[etree._Element] = []
        self._note_count = 0
        self._tables = 0
        self._script: Script | None = None
        self._font = ""
        self._is_struck = False
        self._level: int | None = None
        self._flat_rows: set[etree._Element] = set()
        self._fields: list[_Field] = []
        self._follows_fields = True
        self._columns: list[Columns] = []
        self._alt = ""
        self._is_in_notes = False

    def write(self, root: etree._Element) -> None:
        self._flat_rows |= flat_rows(root, self._is_heading)
        marks = [attribute(mark, "fldchartype") for mark in root.iter("{*}fldChar")]
        # A field without an end: it is unknown how much of the rest belongs to it.
        self._follows_fields = marks.count("begin") == marks.count("end")
        walk = etree.iterwalk(root, events=("start", "end"))
        skipped: etree._Element | None = None
        for event, element in walk:
            name = local_name(element)
            if event == "start":
                if (
                    name in _UNSEEN
                    or (name == "r" and _is_hidden(element))
                    or (name == "p" and _is_gone(element))
                    or self._write_whole(name, element)
                ):
                    walk.skip_subtree()
                    skipped = element
                else:
                    self._start(name, element)
            elif element is skipped:
                skipped = None
            else:
                self._end(name, element)

    def _write_whole(self, name: str, element: etree._Element) -> bool:
        """Write an element that is not walked through; return whether it is one."""
        if name not in _WHOLE:
            return False
        if name == "omath":
            self.prose.write_formula(formulas.omml(element))
        elif name == "sym":
            self._write_text(symbol(_hexadecimal(attribute(element, "char")), attribute(element, "font")))
        elif name == "ffdata":
            self._write_field(element)
        elif name == "altchunk":
            self._imports.write(attribute(element, "id"), self.prose)
        elif name in ("chart", "relids"):
            self._imports.draw(attribute(element, "id" if name == "chart" else "dm"), self.prose)
        elif name == "fldchar":
            self._write_fields(element)
            return not len(element)
        elif name == "instrtext":
            if self._fields:
                self._fields[-1].instruction += element.text or ""
        elif name == "fldsimple" and (shown := self._shown(attribute(element, "instr"))):
            self._write_shown(*shown)
        elif (name == "t" and any(field.is_silent for field in self._fields)) or (
            name == "sdt" and _is_placeholder(element)
        ):
            return True
        elif name == "sdt" and not "".join(element.itertext()).strip():
            boxes = descendants(element, "checkbox")
            if not boxes or descendants(element, "sym"):
                return False
            checked = children(boxes[0], "checked")
            self._write_text(tick(bool(checked) and attribute(checked[0], "val") not in _OFF))
        else:
            return False
        return True

    def _write_fields(self, mark: etree._Element) -> None:
        """Follow a field from its beginning to its end, and write it where its instruction is all that there is."""
        kind = attribute(mark, "fldchartype")
        if not self._follows_fields:
            return
        if kind == "begin":
            self._fields.append(_Field())
        elif self._fields:
            field = self._fields[-1]
            if not field.is_result and (shown := self._shown(field.instruction)):
                self._write_shown(*shown)
                field.is_shown = True
            field.is_result = True
            if kind == "end":
                self._fields.pop()

    def _shown(self, instruction: str) -> tuple[str, bool] | None:
        """What a field shows that its instruction alone says, and whether that is a formula."""
        number = self._numbering.field_number(instruction, self._level)
        return field_text(instruction) if number is None else (number, False)

    def _write_shown(self, text: str, is_formula: bool) -> None:
        if is_formula:
            self.prose.write_formula(text)
        else:
            self.prose.write(text)

    def _write_field(self, data: etree._Element) -> None:
        """Write what a form field holds; a text field's text comes in the runs that follow."""
        for box in children(data, "checkbox"):
            states = [children(box, "default"), children(box, "checked")]
            ticked = False
            for state in states:
                ticked = attribute(state[0], "val") not in _OFF if state else ticked
            self.prose.write(tick(ticked))
        for choices in children(data, "ddlist"):
            entries = [attribute(entry, "val") for entry in children(choices, "listentry")]
            chosen = children(choices, "result") or children(choices, "default")
            index = attribute(chosen[0], "val") if chosen else "0"
            if index.isdecimal() and int(index) < len(entries):
                self.prose.write(entries[int(index)])

    def _write_text(self, text: str) -> None:
        text = in_symbol_font(text, self._font)
        if text[:1].isspace() and self.prose.is_joining:
            self.prose.write_exactly(" ")  # the large letter before it is a word of its own
            text = text.lstrip()
        if self._script:
            self.prose.write_script(self._script, text)
        else:
            self.prose.write(text)

    def _start(self, name: str, element: etree._Element) -> None:
        prose = self.prose
        if name == "p":
            prose.end_paragraph()
            mark = self._numbering.mark(element)
            self._level = heading_level(element, self._headings)
            if self._level is not None:
                prose.start_heading()
                if mark and mark != BULLET:
                    prose.start_item(mark)
            elif mark:
                prose.start_item(mark)
        elif name == "r":
            self._script, self._font = self._letters.of(element)
            if (is_struck := _is_struck(element)) != self._is_struck:
                self.prose.part_figures()
            self._is_struck = is_struck
        elif name == "t":
            self._write_text(element.text or "")
        elif name in _SIGNS:
            prose.write(_SIGNS[name])
        elif name in ("br", "cr"):
            prose.end_line()
        elif name == "tbl":
            self._tables += 1
            self._columns.append(Columns(element))
            prose.end_paragraph()
        elif name == "tr" and self._columns:
            prose.start_row(is_flat=element in self._flat_rows)
            self._columns[-1].start_row(element, prose)
        elif name == "tc" and self._columns:
            self._columns[-1].start_cell(element, prose)
        elif name in _NOTES:
            self._call_note(name, element)
        elif name in ("docpr", "shape"):
            self._alt = attribute(element, "descr") or attribute(element, "alt")
        elif (
            name in _PICTURES and self._imports.is_main and not self._is_in_notes
        ):  # others name them by lists of their own
            self.prose.show(attribute(element, _PICTURES[name]), self._alt)
            self._alt = ""

    def _call_note(self, name: str, element: etree._Element) -> None:
        note = self._notes.pop((_NOTES[name], attribute(element, "id")), None)
        if note is not None:
            self._note_count += 1
            self.prose.write(f"[{self._note_count}]")
            self._called.append(note)

    def _end(self, name: str, element: etree._Element) -> None:
        if name == "p":
            self.prose.end_heading()
            self.prose.end_paragraph()
            if _is_drop_cap(element):
                self.prose.join_next()
                return
        elif name == "r":
            self._script, self._font = None, ""
        elif name == "tc" and self._columns:
            self._columns[-1].end_cell(element, self.prose)
        elif name == "tr":
            self.prose.end_row()
        elif name == "tbl":
            self._tables -= 1
            self._columns.pop()
            self.prose.end_paragraph()
        if name in ("p", "tbl") and not self._tables:
            self._write_notes()

    def _write_notes(self) -> None:
        called, self._called = self._called, []
        first = self._note_count - len(called) + 1
        for number, note in enumerate(called, start=first):
            self.prose.end_paragraph()
            self.prose.start_item(f"[{number}] ")
            self._is_in_notes = True
            self.write(note)
            self._is_in_notes = False
            self.prose.end_item()

    def _is_heading(self, paragraph: etree._Element) -> bool:
        return heading_level(paragraph, self._headings) is not None


class _Field:
    """A field that is open."""

    instruction = ""
    is_result = False
    is_shown = False
    """Whether its instruction was written, so that its result is not."""

    @property
    def is_silent(self) -> bool:
        """Whether what is in it now is not shown, such as the result of a field that its instruction asks for."""
        return self.is_shown or not self.is_result


def _is_drop_cap(paragraph: etree._Element) -> bool:
    """Whether a paragraph is the large first letter of the next one."""
    for properties in children(paragraph, "ppr"):
        for frame in children(properties, "framepr"):
            text = "".join(inner.text or "" for inner in descendants(paragraph, "t")).strip()
            return (
                len(text) <= 3
                and attribute(frame, "dropcap") not in ("none",)
                and (bool(attribute(frame, "dropcap")) or (len(text) == 1 and text.isalpha()))
            )
    return False


def _hexadecimal(text: str) -> int:
    return int(text, 16) if re.fullmatch(r"[0-9A-Fa-f]{1,6}", text) else 0xFFFD


def _main_part(archive: Archive) -> str:
    for relation in archive.xml("_rels/.rels"):
        if relation.get("Type", "").endswith("/officeDocument"):
            return posixpath.normpath(relation.get("Target", "").lstrip("/"))
    raise archive.damaged()


def _is_hidden(run: etree._Element) -> bool:
    return _has(run, ("vanish",))


def _is_struck(run: etree._Element) -> bool:
    return _has(run, ("strike", "dstrike"))


def _has(run: etree._Element, names: tuple[str, ...]) -> bool:
    """Whether one of these properties is on."""
    return any(
        local_name(inner) in names and attribute(inner, "val") not in ("0", "false", "off")
        for properties in children(run, "rpr")
        for inner in properties
    )


def _is_gone(paragraph: etree._Element) -> bool:
    """Whether a paragraph is deleted or hidden with its end, so that no number counts it."""
    if not len(paragraph) or local_name(paragraph[0]) != "ppr":
        return False
    marks = children(paragraph[0], "rpr")
    if not any(local_name(inner) in ("del", "movefrom") for mark in marks for inner in mark) and not _is_hidden(
        paragraph[0]
    ):
        return False
    for inner in paragraph:
        name = local_name(inner)
        if name == "r" and not _is_hidden(inner):
            return False
        if name not in ("r", "ppr", "del", "movefrom", "prooferr") and not name.startswith(
            ("bookmark", "comment", "move")
        ):
            return False
    return True


def _is_placeholder(control: etree._Element) -> bool:
    """Whether a content control shows only what to enter there; what is long is the template's own text."""
    return len("".join(control.itertext())) <= _MOST_PLACEHOLDER_CHARS and any(
        attribute(shown, "val") not in _OFF
        for properties in children(control, "sdtpr")
        for shown in children(properties, "showingplchdr")
    )
