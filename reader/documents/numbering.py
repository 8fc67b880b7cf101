"""Word's automatic numbers: what stands before a paragraph, such as "2.2" or "(b)", and what fields that number show within one.

The levels come from word/numbering.xml; a paragraph names its list itself or through its style. Numbers that several
lists share, restarts, and legal numbering are followed; the look of bullets is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from reader.documents.archive import attribute, children, local_name
from reader.documents.counting import counted
from reader.documents.fields import AutomaticNumbers
from reader.documents.prose import BULLET
from reader.documents.symbols import in_symbol_font

_LEVELS = 9
_MOST_BASES = 20
_BOXES = ("☐", "☒", "☑", "✓", "✔", "✗")
"""Bullets that say whether something is so."""
_PLACE = re.compile(r"%([1-9])")
_LISTNUM = re.compile(r"\s*LISTNUM\b\s*(\"[^\"]*\"|[^\s\\\"]+)?(.*)", re.I | re.DOTALL)
_LISTNUM_SWITCH = re.compile(r"\\([ls])\s+\"?(\d{1,6})", re.I)
_NAMED = "named "


def _by_level(formats: str, texts: str) -> tuple[tuple[str, str], ...]:
    return tuple(zip(formats.split(), texts.split(), strict=True))


_OWN_LISTS = {
    _NAMED + "numberdefault": _by_level(
        "decimal lowerLetter lowerRoman " * 3,
        "%1) %2) %3) (%4) (%5) (%6) %7. %8. %9.",
    ),
    _NAMED + "outlinedefault": _by_level(
        "upperRoman upperLetter decimal lowerLetter decimal lowerLetter lowerRoman lowerLetter lowerRoman",
        "%1. %2. %3. %4) (%5) (%6) (%7) (%8) (%9)",
    ),
    _NAMED + "legaldefault": tuple(
        ("decimal", "".join(f"%{place}." for place in range(1, level + 2))) for level in range(_LEVELS)
    ),
}
"""The lists that Word has by itself for LISTNUM fields: format and text by level."""


@dataclass
class _Level:
    """How one level of a list counts."""

    start: int = 1
    format: str = "decimal"
    text: str | None = None
    restart: int | None = None
    """The level whose count begins this one anew, counted from 1; 0 for none. By default any higher one."""
    is_legal: bool = False
    font: str = ""
    style: str = ""


@dataclass
class _Style:
    """What a paragraph style says of numbers."""

    base: str = ""
    number: str | None = None
    level: int | None = None


class Numbering:
    """The numbers of a document's paragraphs, in the order in which they are asked for."""

    def __init__(self, numbering: etree._Element | None, styles: etree._Element | None) -> None:
        self._abstract: dict[str, dict[int, _Level]] = {}
        self._lists: dict[str, str] = {}
        """Which abstract list each list counts for."""
        self._own: dict[str, dict[int, _Level]] = {}
        self._restarts: dict[tuple[str, int], int] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._automatic = AutomaticNumbers()
        self._place_now: tuple[str, int] | None = None
        """The list and the level of the paragraph that was counted last."""
        self._styles = {attribute(style, "styleid"): _style(style) for style in children(styles, "style")}
        self._default = next(
            (
                attribute(style, "styleid")
                for style in children(styles, "style")
                if attribute(style, "type") == "paragraph" and attribute(style, "default") in ("1", "true", "on")
            ),
            "",
        )
        self._read(numbering)

    def _read(self, numbering: etree._Element | None) -> None:
        links: dict[str, str] = {}
        named: dict[str, str] = {}
        for abstract in children(numbering, "abstractnum"):
            key = attribute(abstract, "abstractnumid")
            self._abstract[key] = _levels(abstract)
            for name in children(abstract, "name"):
                self._lists[_NAMED + attribute(name, "val").lower()] = key
            for inner in abstract:
                if local_name(inner) == "numstylelink":
                    links[key] = attribute(inner, "val")
                elif local_name(inner) == "stylelink":
                    named[attribute(inner, "val")] = key
        for number in children(numbering, "num"):
            key = attribute(number, "numid")
            abstract = next((attribute(inner, "val") for inner in children(number, "abstractnumid")), "")
            # A list may point to the one that defines its style.
            self._lists[key] = named.get(links.get(abstract, ""), abstract)
            for override in children(number, "lvloverride"):
                level = _integer(attribute(override, "ilvl")) or 0
                self._own.setdefault(key, {}).update(_levels(override))
                for start in children(override, "startoverride"):
                    self._restarts[key, level] = _integer(attribute(start, "val")) or 0

    def mark(self, paragraph: etree._Element) -> str | None:
        """Count a paragraph; return the mark before it, "" where it has none that shows, None where it is in no list."""
        self._place_now = found = self._place(paragraph)
        if found is None:
            return None
        key, at = found
        levels = self._levels_of(key)
        level = levels.get(at)
        if level is None:
            return BULLET
        written = self._written(key, at, levels)
        if level.format == "bullet":
            sign = in_symbol_font(level.text or "", level.font)
            return f"{sign} " if sign in _BOXES else BULLET
        return f"{written} " if written else ""

    def field_number(self, instruction: str, level: int | None) -> str | None:
        """Count a field such as LISTNUM or AUTONUM in the paragraph that was asked for last.

        Args:
            instruction: the field's.
            level: the paragraph's level in the document's outline, from 0; None for body text.

        Returns:
            its number; None where the field is another one.
        """
        found = _LISTNUM.match(instruction)
        if found is None:
            return self._automatic.number(instruction, level)
        switches = {name.lower(): int(number) for name, number in _LISTNUM_SWITCH.findall(found[2])}
        key, at = _NAMED + (found[1] or "").strip('"').lower(), 0
        if not found[1] and self._place_now:
            key, at = self._place_now[0], self._place_now[1] + 1
        at = min(max(switches.get("l", at + 1) - 1, 0), _LEVELS - 1)
        levels = self._levels_of(key)
        if at not in levels or levels[at].format in ("bullet", "none"):
            key = key if key in _OWN_LISTS else _NAMED + "numberdefault"
            levels = {place: _Level(format=kind, text=text) for place, (kind, text) in enumerate(_OWN_LISTS[key])}
        if "s" in switches:
            self._restarts[key, at] = switches["s"]
        return self._written(key, at, levels)

    def _written(self, key: str, at: int, levels: dict[int, _Level]) -> str:
        """Count at a level of a list, and return the number."""
        counts, level = self._count(key, at, levels), levels[at]
        text = f"%{at + 1}." if level.text is None else level.text

        def place(match: re.Match[str]) -> str:
            index = int(match[1]) - 1
            other = levels.get(index, _Level())
            number = counts[index]
            if index > at:
                return ""
            kind = "decimal" if level.is_legal and other.format != "decimalZero" else other.format
            return counted(other.start if number is None else number, kind)

        return " ".join(_PLACE.sub(place, text).split())

    def _count(self, key: str, at: int, levels: dict[int, _Level]) -> list[int | None]:
        shared = self._lists.get(key, key)
        counts = self._counts.setdefault(shared, [None] * _LEVELS)
        start = self._restarts.pop((key, at), None)
        if start is not None:
            counts[at] = start
        elif counts[at] is None:
            counts[at] = levels[at].start
        else:
            counts[at] = (counts[at] or 0) + 1
        for index in range(at):
            if counts[index] is None:
                counts[index] = levels.get(index, _Level()).start
        for index in range(at + 1, _LEVELS):
            restart = levels.get(index, _Level()).restart
            if restart is None or (restart and at < restart):
                counts[index] = None
        return counts

    def _levels_of(self, key: str) -> dict[int, _Level]:
        return self._abstract.get(self._lists.get(key, ""), {}) | self._own.get(key, {})

    def _place(self, paragraph: etree._Element) -> tuple[str, int] | None:
        """The list and the level of a paragraph, from itself or from its style."""
        number: str | None = None
        level: int | None = None
        style = self._default
        for properties in children(paragraph, "ppr"):
            for inner in properties:
                if local_name(inner) == "numpr":
                    number, level = _number(inner)
                elif local_name(inner) == "pstyle":
                    style = attribute(inner, "val")
        if number == "0":
            return None
        own_style = style
        for _ in range(_MOST_BASES):
            found = self._styles.get(style)
            if found is None or number is not None:
                break
            number = found.number
            level = found.level if level is None else level
            style = found.base
        if number is None:
            has_list = any(children(properties, "numpr") for properties in children(paragraph, "ppr"))
            return ("", 0) if has_list and not self._lists else None
        if number == "0":
            return None
        if level is None:
            linked = [at for at, one in self._levels_of(number).items() if one.style and one.style == own_style]
            level = linked[0] if linked else 0
        return number, min(max(level, 0), _LEVELS - 1)


def _levels(element: etree._Element) -> dict[int, _Level]:
    found = {}
    for level in children(element, "lvl"):
        made = _Level()
        for inner in level.iter():
            name, value = local_name(inner), attribute(inner, "val")
            if name == "start":
                made.start = _integer(value) or 0
            elif name == "numfmt" and made.format.strip("01"):  # a format of the file's own goes before its fallback
                sample = attribute(inner, "format").partition(",")[0].strip()
                made.format = sample if value == "custom" and re.fullmatch("0+1", sample) else value
            elif name == "lvltext":
                made.text = value
            elif name == "lvlrestart":
                made.restart = _integer(value)
            elif name == "islgl":
                made.is_legal = value not in ("0", "false", "off")
            elif name == "rfonts":
                made.font = attribute(inner, "ascii") or attribute(inner, "hansi")
            elif name == "pstyle":
                made.style = value
        found[_integer(attribute(level, "ilvl")) or 0] = made
    return found


def _style(style: etree._Element) -> _Style:
    made = _Style()
    for inner in style:
        if local_name(inner) == "basedon":
            made.base = attribute(inner, "val")
        elif local_name(inner) == "ppr":
            for properties in children(inner, "numpr"):
                made.number, made.level = _number(properties)
    return made


def _number(properties: etree._Element) -> tuple[str | None, int | None]:
    number = next((attribute(inner, "val") for inner in children(properties, "numid")), None)
    level = next((_integer(attribute(inner, "val")) for inner in children(properties, "ilvl")), None)
    return number, level


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else None
