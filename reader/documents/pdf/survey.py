"""What a PDF's objects say that PDFium does not: hidden layers, fonts' glyph names, spacing, annotations, shells.

pikepdf reads them. A file that pikepdf cannot read has nothing to be mended.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Collection, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf

from reader.documents.pdf.invisible import WHITE, clips
from reader.documents.pdf.named import says_more
from reader.documents.pdf.shells import xfa_values
from reader.documents.pdf.unicode_maps import mended_map

_MOST_BYTES = 200 << 20
"""Larger files are not copied, so their layers and fonts are not mended."""

# Spacing that may part cells or words: character spacing, and the gaps in TJ that PDFium takes for kerning.
_NARROW_GAP = re.compile(rb"-1[1-4]\d(?:\.\d+)?\s*[(<]([^)]{0,2})")
_TEXT_SIZE = re.compile(rb"(\d*\.?\d+)\s+Tf\b")
_LEAST_SPACING = 0.5
"""In ems; less is how headings are set."""
_GAP_CHARS = _NUMBER_CHARS = 24
_DRAWS_RULE = re.compile(rb" (?:re|l|c)[\n\r ]")
_LEAST_RULES = 2
_MOST_DEPTH = 6


class Survey:
    """A PDF's objects, read only where they are asked for."""

    def __init__(self, path: Path, password: str | None) -> None:
        """Open the file.

        Raises:
            Exception: The file is damaged; nearly every kind of error is possible.
        """
        self._small = path.stat().st_size <= _MOST_BYTES
        try:
            self.pdf = pikepdf.open(path)
        except pikepdf.PasswordError:
            self.pdf = pikepdf.open(path, password=password or "")
        self.root = self.pdf.Root
        self.hidden = _hidden_layers(self.root)
        self._has_hidden = bool(self.hidden) or _has_rules(self.pdf, self.root)
        self._seen: set[int] = set()
        self.ruled: set[int] = set()
        """Pages that draw enough lines for a table."""
        self.lined: set[int] = set()
        """Pages that draw a line at all."""
        self.white: set[int] = set()
        """Pages that draw something in white."""
        self.clipped: set[int] = set()
        """Pages that clip something."""
        self.annotated: set[int] = set()
        """Pages with annotations."""
        self.named: set[int] = set()
        """Pages that say what something on them reads."""
        self.fonts: list[tuple[Any, bytes]] = []
        """Fonts whose map to letters can be mended, with the mended map."""

    def page(self, index: int) -> Any:
        """Return the objects of page `index`, counted from 0."""
        return self.pdf.pages[index].obj

    def hides(self, layer: Any) -> bool:
        """Whether what belongs to a layer, or to a rule over layers, is not shown."""
        return _is_hidden(layer, self.hidden)

    @functools.cached_property
    def xfa_values(self) -> dict[tuple[str, ...], str]:
        """What an XFA form's data says; nothing where it cannot be read."""
        try:
            return xfa_values(self.root)
        except (pikepdf.PdfError, ValueError, TypeError, AttributeError):
            return {}

    def gaps(self, index: int) -> set[str] | None:
        """Return what stands around narrow gaps on page `index`, None where glyphs anywhere may be apart.

        It notes the page's fonts on the way.
        """
        page = self.page(index)
        self._note_fonts(page, page.get("/Resources"), 0)
        if "/Annots" in page:
            self.annotated.add(index)
        contents = page.get("/Contents")
        found: set[str] | None = set()
        rules = 0
        for stream in contents if isinstance(contents, pikepdf.Array) else [contents]:
            if not isinstance(stream, pikepdf.Stream):
                continue
            data = _spaced(stream.read_bytes())
            rules += len(_DRAWS_RULE.findall(data))
            if any(white in data for white in WHITE):
                self.white.add(index)
            if clips(data):
                self.clipped.add(index)
            if says_more(data, page.get("/Resources")):
                self.named.add(index)
            around = _gaps(data)
            found = None if found is None or around is None else found | around
        if rules:
            self.lined.add(index)
        if rules >= _LEAST_RULES:
            self.ruled.add(index)
        return found

    def _note_fonts(self, drawing: Any, resources: Any, depth: int) -> None:
        """Note the fonts of a page or a form that is drawn on it."""
        if depth > _MOST_DEPTH:
            return
        for font in _values(resources, "/Font", self._seen):
            number = font.objgen[0]
            if number:
                self._seen.add(number)
                mended = mended_map(font, functools.partial(_drawn_with, font, drawing, resources))
                if mended:
                    self.fonts.append((font, mended))
        for shown in _values(resources, "/XObject", self._seen):
            self._seen.add(shown.objgen[0])
            if shown.get("/Subtype") == "/Form":
                self._note_fonts(shown, shown.get("/Resources"), depth + 1)

    def mended_copy(self) -> bytes | None:
        """Return the file without its hidden layers and with whole maps to letters; None where nothing is to mend."""
        if not (self.fonts or self._has_hidden) or not self._small:
            return None
        for font, mended in self.fonts:
            font["/ToUnicode"] = self.pdf.make_stream(mended)
        if self._has_hidden:
            seen: set[int] = set()
            for page in self.pdf.pages:
                resources = page.obj.get("/Resources")
                if b"/OC" in (contents := _whole_contents(page.obj)):
                    shown = self.pdf.make_stream(contents)
                    page.obj["/Contents"] = self.pdf.make_stream(_without_layers(shown, resources, self.hidden))
                self._mend_forms(resources, 0, seen)
        out = BytesIO()
        self.pdf.save(out, encryption=False, fix_metadata_version=False)
        return out.getvalue()

    def _mend_forms(self, resources: Any, depth: int, seen: set[int]) -> None:
        if depth > _MOST_DEPTH:
            return
        for form in _values(resources, "/XObject"):
            number = form.objgen[0]
            if form.get("/Subtype") != "/Form" or number in seen:
                continue
            seen.add(number)
            if _is_hidden(form.get("/OC"), self.hidden):
                form.write(b"")
                continue
            inner = form.get("/Resources", resources)
            if b"/OC" in form.read_bytes():
                form.write(_without_layers(form, inner, self.hidden))
            self._mend_forms(inner, depth + 1, seen)


def _values(resources: Any, key: str, known: Collection[int] = ()) -> Iterator[Any]:
    """The objects of one kind, but for those with known numbers."""
    entries = resources.get(key) if isinstance(resources, pikepdf.Dictionary) else None
    if isinstance(entries, pikepdf.Dictionary):
        for _, value in entries.items():
            if _number(value) not in known and isinstance(value, _KINDS):
                yield value


_KINDS = (pikepdf.Dictionary, pikepdf.Stream)


def _drawn_with(font: Any, drawing: Any, resources: Any) -> list[bytes]:
    """Some of the strings that a page or a form draws with a font, those of one operator together."""
    names = {name for name, other in resources["/Font"].items() if _number(other) == font.objgen[0]}
    found: list[bytes] = []
    current = ""
    for instruction in pikepdf.parse_content_stream(drawing, "Tf Tj TJ ' \""):
        operands = list(instruction.operands)
        if str(instruction.operator) == "Tf":
            current = str(operands[0])
        elif current in names and operands:
            shown = operands[-1]
            for part in _strings(shown):
                found.append(part)
        if len(found) > _MOST_STRINGS:
            break
    return found


def _strings(shown: Any) -> Iterator[bytes]:
    """What an operator draws, cut where a gap parts words."""
    if isinstance(shown, pikepdf.String):
        yield bytes(shown)
        return
    run = b""
    for part in shown if isinstance(shown, pikepdf.Array) else []:
        if isinstance(part, pikepdf.String):
            run += bytes(part)
        elif run and part < -_WORD_GAP:
            yield run
            run = b""
    yield run


_MOST_STRINGS = 400
_WORD_GAP = 150
"""In thousandths of an em."""


def _spaced(data: bytes) -> bytes:
    """A page's content with spaces between its words, where a program wrote each word on a line of its own."""
    lines = max((b"\n", b"\r"), key=data.count)
    return data.replace(lines, b" ") if data.count(lines) > data.count(b" ") else data


def _whole_contents(page: Any) -> bytes:
    contents = page.get("/Contents")
    streams = contents if isinstance(contents, pikepdf.Array) else [contents]
    return b"\n".join(stream.read_bytes() for stream in streams if isinstance(stream, pikepdf.Stream))


def _gaps(data: bytes) -> set[str] | None:
    around: set[str] = set()
    for gap in _NARROW_GAP.finditer(data):
        ended = data[max(gap.start() - _GAP_CHARS, 0) : gap.start()].rstrip()
        if ended[-1:] == b">":
            return None  # codes in hexadecimal are not the letters of the text
        if ended[-1:] != b")":
            continue
        before, after = ended[-2:-1].strip(b")"), gap[1]
        if (before + after).isalnum() or (before.strip(b".,;:!?") == b"" and after.isalnum()):
            around.add((before + after).decode("latin-1"))
    widest = max(_character_spacings(data), default=0.0)
    if widest >= _LEAST_SPACING:
        sizes = [float(match[1]) for match in _TEXT_SIZE.finditer(data)]
        if widest >= _LEAST_SPACING * min((size for size in sizes if size), default=1.0):
            return None
    return around


def _character_spacings(data: bytes) -> Iterator[float]:
    # Far faster than a pattern that begins with a number; pages repeat a few numbers.
    ends = [before[-_NUMBER_CHARS:].split() for before in data.split(b"Tc")[:-1] if before[-1:].isspace()]
    for number in {words[-1] for words in ends if words}:
        try:
            yield abs(float(number))
        except ValueError:
            continue


# --- layers ----------------------------------------------------------------------------------------------------------


def _hidden_layers(root: Any) -> set[int]:
    """Object numbers of the layers that are switched off when the file is opened to be viewed."""
    properties = root.get("/OCProperties")
    if not isinstance(properties, pikepdf.Dictionary):
        return set()
    default: Any = properties.get("/D", {})
    hidden = _numbers(default.get("/OFF", []))
    if default.get("/BaseState") == "/OFF":
        hidden |= _numbers(properties.get("/OCGs", [])) - _numbers(default.get("/ON", []))
    for rule in default.get("/AS", []):  # layers that are for the screen or for paper alone
        if rule.get("/Event") == "/View" and "/View" in list(rule.get("/Category", [])):
            for layer in rule.get("/OCGs", []):
                state = layer.get("/Usage", {}).get("/View", {}).get("/ViewState")
                hidden |= {_number(layer)} if state == "/OFF" else set()
                hidden -= {_number(layer)} if state == "/ON" else set()
    return hidden - {0}


def _has_rules(pdf: pikepdf.Pdf, root: Any) -> bool:
    """Whether a rule over layers may hide something though no layer is switched off, as what is drawn only without one."""
    if "/OCProperties" not in root:
        return False
    named: list[Any] = []
    for page in pdf.pages:
        resources: Any = page.obj.get("/Resources")
        marks = resources.get("/Properties") if isinstance(resources, pikepdf.Dictionary) else None
        named += marks.values() if isinstance(marks, pikepdf.Dictionary) else []
    return any(
        isinstance(thing, pikepdf.Dictionary)
        and thing.get("/Type") == "/OCMD"
        and ("/VE" in thing or thing.get("/P") in ("/AllOff", "/AnyOff"))
        for thing in itertools.chain(named, pdf.objects)
    )


def _numbers(groups: Any) -> set[int]:
    return {_number(group) for group in groups}


def _number(thing: Any) -> int:
    """An object's number; 0 for what has none of its own."""
    return thing.objgen[0] if isinstance(thing, pikepdf.Object) else 0


def _is_hidden(layer: Any, hidden: set[int]) -> bool:
    """Whether a layer, or a rule over layers (OCMD), hides what it marks."""
    if _number(layer) in hidden:
        return True
    if not isinstance(layer, pikepdf.Dictionary) or layer.get("/Type") != "/OCMD":
        return False
    if (expression := layer.get("/VE")) is not None:
        return not _visible(expression, hidden, 0)
    groups = layer.get("/OCGs")
    if groups is None:
        return False
    members = groups if isinstance(groups, pikepdf.Array) else [groups]
    states = [_number(member) not in hidden for member in members]
    policy = {"/AllOn": all(states), "/AnyOff": not all(states), "/AllOff": not any(states)}
    return bool(states) and not policy.get(str(layer.get("/P", "/AnyOn")), any(states))


def _visible(expression: Any, hidden: set[int], depth: int) -> bool:
    if not isinstance(expression, pikepdf.Array) or not len(expression) or depth > _MOST_DEPTH:
        return True
    operator, *parts = expression
    states = [
        _visible(part, hidden, depth + 1) if isinstance(part, pikepdf.Array) else _number(part) not in hidden
        for part in parts
    ]
    rules = {"/And": all(states), "/Or": any(states), "/Not": not any(states)}
    return rules.get(str(operator), True)


def _without_layers(contents: Any, resources: Any, hidden: set[int]) -> bytes:
    """Leave out what hidden layers draw; what moves the pen or the page stays.

    Where text positions follow from hidden text, the text after it is placed by operators of its own in every file
    that layers come from.
    """
    marks = resources.get("/Properties") if isinstance(resources, pikepdf.Dictionary) else None
    kept: list[Any] = []
    depth, hidden_at = 0, None
    for instruction in pikepdf.parse_content_stream(contents):
        operator, operands = str(instruction.operator), instruction.operands
        if operator in ("BDC", "BMC"):
            depth += 1
            if hidden_at is None and operator == "BDC" and len(operands) == 2 and operands[0] == "/OC":
                layer: Any = operands[1]
                if isinstance(layer, pikepdf.Name):
                    layer = marks.get(str(layer)) if marks is not None else None
                if _is_hidden(layer, hidden):
                    hidden_at = depth
        elif operator == "EMC":
            if hidden_at == depth:
                hidden_at = None
            depth -= 1
        elif hidden_at is not None and operator in _SHOWS:
            continue
        kept.append(instruction)
    return pikepdf.unparse_content_stream(kept)


_SHOWS = frozenset(("Tj", "TJ", "'", '"', "Do", "INLINE IMAGE", "sh"))
