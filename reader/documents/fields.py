"""Fields of Word and RTF whose text is not in the file, only in their instruction: SYMBOL, EQ, MACROBUTTON and AUTONUM.

EQ is how Word wrote fractions, roots and raised letters before it had equations. All other fields keep their result as
text, and are not looked at here.
"""

from __future__ import annotations

import re

from lxml import etree

from reader.documents import formulas
from reader.documents.counting import counted
from reader.documents.symbols import symbol

_MOST_CHARS = 4000
_MOST_LEVELS = 20

_SYMBOL = re.compile(r"\s*SYMBOL\s+(0x[0-9a-f]{1,4}|\d{1,5})", re.I)
_SYMBOL_FONT = re.compile(r"\\f\s+\"?([^\"\\]+)")
_EQ = re.compile(r"\s*EQ\b((?:\s*\\\*\s*(?:\"[^\"]*\"|\S+))*)(.*)", re.I | re.DOTALL)
_MACRO = re.compile(r"\s*MACROBUTTON\s+\S+\s+(.*)", re.I | re.DOTALL)
# A switch with its options, up to the bracket of its parts.
_SWITCH = re.compile(r"\\([abdfilorsx])((?:\s*\\[a-z]{2}\s*(?:\\.|\d+)?)*)\s*\(", re.I)
_OPTION = re.compile(r"\\([a-z]{2})\s*(?:\\(.)|(\d+))?", re.I)
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}


def field_text(instruction: str) -> tuple[str, bool] | None:
    """Return what a field shows and whether that is a formula; None where its result is in the file."""
    if found := _SYMBOL.match(instruction):
        named = _SYMBOL_FONT.search(instruction)
        code = int(found[1], 16 if found[1].lower().startswith("0x") else 10)
        return symbol(code, named[1].strip() if named else "Symbol"), False
    if (found := _EQ.fullmatch(instruction)) and "\\" in found[2]:
        return formulas.mathml(_row(found[2][:_MOST_CHARS].strip(), 0)), True
    if found := _MACRO.fullmatch(instruction):
        return found[1].strip(), False
    return None


class AutomaticNumbers:
    """The numbers that AUTONUM, AUTONUMLGL and AUTONUMOUT show: each kind counts the paragraphs of a level that have it."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._below: dict[str, int] = {}
        """By kind, the level of body text: that below the last heading with a number."""

    def number(self, instruction: str, level: int | None) -> str | None:
        """Count a paragraph and return its number; None where the field is another one.

        Args:
            instruction: the field's.
            level: the paragraph's level in the document's outline, from 0; None for body text.
        """
        found = _AUTONUM.match(instruction)
        if found is None:
            return None
        kind, switches = found[1].lower(), found[2]
        if level is None:
            level = self._below.get(kind, 0)
        else:
            self._below[kind] = level + 1
        counts = self._counts.setdefault(kind, [])
        del counts[level + 1 :]
        counts += [0] * (level + 1 - len(counts))
        counts[level] += 1
        if kind == "autonumout":
            style, ending = _OUTLINE_NUMBERS[min(level, len(_OUTLINE_NUMBERS) - 1)]
            return counted(counts[level], style) + ending
        separator = said[1] if (said := _SEPARATOR.search(switches)) else "."
        shown = list(filter(None, counts)) if kind == "autonumlgl" else counts[level:]
        return separator.join(map(str, shown)) + ("" if "\\e" in switches else separator)


_AUTONUM = re.compile(r"\s*(AUTONUM(?:LGL|OUT)?)\b(.*)", re.I | re.DOTALL)
_SEPARATOR = re.compile(r"\\s\s+\"?([^\s\"])")
_OUTLINE_NUMBERS = (
    *(("upperRoman", "."), ("upperLetter", "."), ("decimal", "."), ("lowerLetter", ")"), ("decimal", ")")),
    *(("lowerLetter", ")"), ("lowerRoman", ")"), ("lowerLetter", ")"), ("lowerRoman", ")")),
)
"""Format and ending by level, as Word outlines."""


def _made(name: str, *children: etree._Element, text: str = "") -> etree._Element:
    made = etree.Element(name)
    made.text = text or None
    made.extend(children)
    return made


def _row(source: str, level: int) -> etree._Element:
    """A part of an EQ field as MathML."""
    row = _made("mrow")
    at = 0
    while level < _MOST_LEVELS and (switch := _SWITCH.search(source, at)):
        if text := _plain(source[at : switch.start()]):
            row.append(_made("mtext", text=text))
        end, parts = _parts(source, switch.end())
        row.append(_element(switch[1].lower(), switch[2].lower(), [_row(part, level + 1) for part in parts]))
        at = end
    if text := _plain(source[at:]):
        row.append(_made("mtext", text=text))
    return row


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _parts(source: str, start: int) -> tuple[int, list[str]]:
    """The parts in brackets, between commas or, where a country writes those in numbers, semicolons; and where they end."""
    depth, at = 1, start
    cuts: dict[str, list[int]] = {",": [], ";": []}
    while at < len(source):
        sign = source[at]
        if sign == "\\":
            at += 1
        elif sign in "()":
            depth += 1 if sign == "(" else -1
            if not depth:
                break
        elif depth == 1 and sign in cuts:
            cuts[sign].append(at)
        at += 1
    places = cuts[";"] or cuts[","]
    starts, ends = [start, *(place + 1 for place in places)], [*places, at]
    return at + 1, [source[begin:end].strip() for begin, end in zip(starts, ends, strict=True)]


def _element(name: str, options: str, parts: list[etree._Element]) -> etree._Element:
    said = {match[1]: match[2] or match[3] or "" for match in _OPTION.finditer(options)}
    if name == "f" and len(parts) == 2:
        return _made("mfrac", *parts)
    if name == "r":
        degree = parts[0] if len(parts) > 1 else _made("mrow")
        return _made("mroot", parts[-1], degree) if "".join(degree.itertext()) else _made("msqrt", parts[-1])
    if name == "i":
        sign = "∑" if "su" in said else "∏" if "pr" in said else said.get("fc") or said.get("vc") or "∫"
        lower, upper, *rest = [*parts, _made("mrow"), _made("mrow")]
        return _made("mrow", _made("munderover", _made("mo", text=sign), lower, upper), *rest)
    if name == "s":
        # Two parts, one above the other, or one that is moved up or down.
        marks = ["sup", "sub"] if len(parts) > 1 else ["sub" if "do" in said else "sup"]
        row = _made("mrow")
        for mark, part in zip(marks, parts, strict=False):
            row.append(_made(f"m{mark}", _made("mrow"), part))
        return row
    if name == "a":
        columns = max(int(said.get("co") or 1), 1)
        cells = [_made("mtd", part) for part in parts]
        rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
        return _made("mtable", *(_made("mtr", *row) for row in rows))
    if name == "b":
        opening = said.get("lc") or said.get("bc") or ("(" if "rc" not in said else "")
        closing = (
            said.get("rc") or _CLOSING.get(said.get("bc", ""), said.get("bc", "")) or (")" if "lc" not in said else "")
        )
        inside = [inner for part in parts for inner in part]
        return _made("mrow", _made("mo", text=opening), *inside, _made("mo", text=closing))
    if name == "o":
        return _overstruck(parts)
    row = _made("mrow")
    for index, part in enumerate(parts):
        if index:
            row.append(_made("mo", text=", "))
        row.append(part)
    return row


def _overstruck(parts: list[etree._Element]) -> etree._Element:
    """Letters on one another: a circled number, or reading aids above a word, which are left out."""
    kept = [part for part in parts if next(part.iter("msup"), None) is None] or parts
    texts = ["".join(part.itertext()) for part in kept]
    digits = next((text for text in texts if text.isdecimal()), "")
    if any(text in ("○", "◯", "〇") for text in texts) and digits and 1 <= int(digits) <= 20:
        return _made("mtext", text=chr(0x245F + int(digits)))
    return _made("mrow", *kept)
