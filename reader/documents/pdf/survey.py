"""What a PDF's objects say that PDFium does not: hidden layers, fonts' glyph names, spacing, annotations, shells.

pypdf reads them. A file that pypdf cannot read has nothing to be mended.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdf
from pypdf.generic import ContentStream, DecodedStreamObject, NameObject, StreamObject

from reader.documents.pdf.unicode_maps import mended_map

_MOST_BYTES = 200 << 20
"""Larger files are not copied, so their layers and fonts are not mended."""

# Spacing that may part cells or words: character spacing, and the gaps in TJ that PDFium takes for kerning.
_CHARACTER_SPACING = re.compile(rb"(?<![\d.])(0?\.[5-9]\d*|[1-9]\d*(?:\.\d+)?)\s+Tc\b")
_NARROW_GAP = re.compile(rb"([^)]?)([)>])\s*-1[1-4]\d(?:\.\d+)?\s*[(<]([^)]{0,2})")
_TEXT_SIZE = re.compile(rb"(\d*\.?\d+)\s+Tf\b")
_LEAST_SPACING = 0.5
"""In ems; less is how headings are set."""
_MOST_DEPTH = 6


class Survey:
    """A PDF's objects, read only where they are asked for."""

    def __init__(self, path: Path, password: str | None) -> None:
        """Open the file.

        Raises:
            Exception: The file is damaged; nearly every kind of error is possible.
        """
        logging.getLogger("pypdf").setLevel(logging.CRITICAL)
        self._small = path.stat().st_size <= _MOST_BYTES
        self.reader = pypdf.PdfReader(path.open("rb"))
        if self.reader.is_encrypted and not self.reader.decrypt(""):
            self.reader.decrypt(password or "")
        self.root = self.reader.trailer["/Root"].get_object()
        self.hidden = _hidden_layers(self.root)
        self._seen_fonts: set[int] = set()
        self._spaced_forms: dict[int, bool] = {}
        self.fonts: list[int] = []
        """Object numbers of fonts whose map to letters can be mended."""

    def hides(self, layer: Any) -> bool:
        """Whether what belongs to a layer, or to a rule over layers, is not shown."""
        return _is_hidden(layer, self.hidden)

    def gaps(self, index: int) -> set[str] | None:
        """Return what stands around narrow gaps on page `index`, None where glyphs anywhere may be apart.

        It notes the page's fonts on the way.
        """
        page = self.reader.pages[index]
        self._note_fonts(page.get("/Resources"), 0)
        contents = page.get("/Contents")
        contents = contents.get_object() if contents is not None else None
        found: set[str] = set()
        for stream in contents if isinstance(contents, list) else [contents]:
            around = _gaps(stream.get_object()) if stream is not None else set()
            if around is None:
                return None
            found |= around
        return found

    def _note_fonts(self, resources: Any, depth: int) -> None:
        resources = resources.get_object() if resources is not None else None
        if not isinstance(resources, dict) or depth > _MOST_DEPTH:
            return
        for reference in _values(resources, "/Font"):
            number = getattr(reference, "idnum", 0)
            if number and number not in self._seen_fonts:
                self._seen_fonts.add(number)
                if mended_map(reference.get_object()):
                    self.fonts.append(number)
        for reference in _values(resources, "/XObject"):
            number = getattr(reference, "idnum", 0)
            if number in self._seen_fonts:
                continue
            self._seen_fonts.add(number)
            shown = reference.get_object()
            if isinstance(shown, dict) and shown.get("/Subtype") == "/Form":
                self._note_fonts(shown.get("/Resources"), depth + 1)

    def mended_copy(self) -> bytes | None:
        """Return the file without its hidden layers and with whole maps to letters; None where nothing is to mend."""
        if not (self.fonts or self.hidden) or not self._small:
            return None
        writer = pypdf.PdfWriter(clone_from=self.reader)
        for page in writer.pages:
            self._mend_fonts(page.get("/Resources"), writer, 0, set())
            if self.hidden:
                self._mend_layers(page, writer)
        out = BytesIO()
        writer.write(out)
        return out.getvalue()

    def _mend_fonts(self, resources: Any, writer: pypdf.PdfWriter, depth: int, seen: set[int]) -> None:
        resources = resources.get_object() if resources is not None else None
        if not isinstance(resources, dict) or depth > _MOST_DEPTH:
            return
        for reference in _values(resources, "/Font"):
            font = reference.get_object()
            if isinstance(font, dict) and (letters := mended_map(font)):
                stream = DecodedStreamObject()
                stream.set_data(letters)
                font[NameObject("/ToUnicode")] = writer._add_object(stream)
        for reference in _values(resources, "/XObject"):
            shown = reference.get_object()
            if isinstance(shown, dict) and shown.get("/Subtype") == "/Form" and id(shown) not in seen:
                seen.add(id(shown))
                self._mend_fonts(shown.get("/Resources"), writer, depth + 1, seen)

    def _mend_layers(self, page: Any, writer: pypdf.PdfWriter) -> None:
        hidden = _hidden_layers(writer.root_object)
        resources = page.get("/Resources")
        contents = page.get_contents()
        if contents is not None:
            shown = _without_layers(contents, resources, hidden, writer)
            page[NameObject("/Contents")] = writer._add_object(shown)
        self._mend_forms(resources, hidden, writer, 0, set())

    def _mend_forms(
        self, resources: Any, hidden: set[int], writer: pypdf.PdfWriter, depth: int, seen: set[int]
    ) -> None:
        resources = resources.get_object() if resources is not None else None
        if not isinstance(resources, dict) or depth > _MOST_DEPTH:
            return
        for reference in _values(resources, "/XObject"):
            form = reference.get_object()
            if not isinstance(form, StreamObject) or form.get("/Subtype") != "/Form" or id(form) in seen:
                continue
            seen.add(id(form))
            if _is_hidden(form.get("/OC"), hidden):
                form.set_data(b"")
                continue
            inner = form.get("/Resources", resources)
            if b"/OC" in form.get_data():
                form.set_data(_without_layers(ContentStream(form, writer), inner, hidden, writer).get_data())
            self._mend_forms(inner, hidden, writer, depth + 1, seen)


def _values(resources: dict[Any, Any], key: str) -> Iterator[Any]:
    entries = resources.get(key)
    entries = entries.get_object() if entries is not None else None
    if isinstance(entries, dict):
        yield from (dict.get(entries, name) for name in entries)


def _gaps(stream: Any) -> set[str] | None:
    data = stream.get_data()
    around: set[str] = set()
    for before, bracket, after in _NARROW_GAP.findall(data):
        if bracket == b">":
            return None  # codes in hexadecimal are not the letters of the text
        if (before + after).isalnum() or (before.strip(b".,;:!?") == b"" and after.isalnum()):
            around.add((before + after).decode("latin-1"))
    if b"Tc" in data and (wide := [float(match[1]) for match in _CHARACTER_SPACING.finditer(data)]):
        sizes = [float(match[1]) for match in _TEXT_SIZE.finditer(data)]
        if max(wide) >= _LEAST_SPACING * min((size for size in sizes if size), default=1.0):
            return None
    return around


# --- layers ----------------------------------------------------------------------------------------------------------


def _hidden_layers(root: Any) -> set[int]:
    """Object numbers of the layers that are switched off when the file is opened."""
    properties = root.get("/OCProperties")
    properties = properties.get_object() if properties is not None else None
    if not isinstance(properties, dict):
        return set()
    default = properties.get("/D")
    default = default.get_object() if default is not None else {}
    everything = {getattr(group, "idnum", 0) for group in properties.get("/OCGs", [])}
    hidden = {getattr(group, "idnum", 0) for group in default.get("/OFF", [])}
    if default.get("/BaseState") == "/OFF":
        hidden |= everything - {getattr(group, "idnum", 0) for group in default.get("/ON", [])}
    return hidden - {0}


def _is_hidden(reference: Any, hidden: set[int]) -> bool:
    """Whether a layer, or a rule over layers (OCMD), hides what it marks."""
    if reference is None:
        return False
    if getattr(reference, "idnum", 0) in hidden:
        return True
    rule = reference.get_object()
    if not isinstance(rule, dict):
        return False
    if getattr(getattr(rule, "indirect_reference", None), "idnum", 0) in hidden:
        return True
    if rule.get("/Type") != "/OCMD":
        return False
    if (expression := rule.get("/VE")) is not None:
        return not _visible(expression.get_object(), hidden, 0)
    groups = dict.get(rule, "/OCGs")
    if groups is None:
        return False
    listed = groups.get_object()
    members = [groups] if isinstance(listed, dict) else list(listed)
    states = [getattr(member, "idnum", 0) not in hidden for member in members]
    policy = {"/AllOn": all(states), "/AnyOff": not all(states), "/AllOff": not any(states)}
    return bool(states) and not policy.get(rule.get("/P", "/AnyOn"), any(states))


def _visible(expression: Any, hidden: set[int], depth: int) -> bool:
    if not isinstance(expression, list) or not expression or depth > _MOST_DEPTH:
        return True
    states = []
    for part in expression[1:]:
        whole = part.get_object()
        nested = isinstance(whole, list)
        states.append(_visible(whole, hidden, depth + 1) if nested else getattr(part, "idnum", 0) not in hidden)
    rules = {"/And": all(states), "/Or": any(states), "/Not": not any(states)}
    return rules.get(expression[0], True)


def _without_layers(contents: Any, resources: Any, hidden: set[int], writer: Any) -> ContentStream:
    """Leave out what hidden layers draw; what moves the pen or the page stays.

    Where text positions follow from hidden text, the text after it is placed by operators of its own in every file
    that layers come from.
    """
    resources = resources.get_object() if resources is not None else {}
    marks = resources.get("/Properties")
    marks = marks.get_object() if marks is not None else {}
    kept: list[tuple[Any, Any]] = []
    depth, hidden_at = 0, None
    shows = (b"Tj", b"TJ", b"'", b'"', b"Do", b"INLINE IMAGE", b"sh")
    for operands, operator in contents.operations:
        if operator in (b"BDC", b"BMC"):
            depth += 1
            if hidden_at is None and operator == b"BDC" and len(operands) == 2 and operands[0] == "/OC":
                name = operands[1]
                reference = dict.get(marks, name) if isinstance(name, str) else name
                if _is_hidden(reference, hidden):
                    hidden_at = depth
        elif operator == b"EMC":
            if hidden_at == depth:
                hidden_at = None
            depth -= 1
        elif hidden_at is not None and operator in shows:
            continue
        kept.append((operands, operator))
    made = ContentStream(None, writer)
    made.operations = kept
    return made
