"""RTF's list tables as Word's XML has them, so that `numbering` counts the paragraphs.

Most programs also write each paragraph's number beside it; then that is its number, and the table only counts along.
"""

from __future__ import annotations

from lxml import etree

from reader.documents.numbering import Numbering
from reader.documents.rtf.words import TOKEN

_FORMATS = {
    0: "decimal",
    1: "upperRoman",
    2: "lowerRoman",
    3: "upperLetter",
    4: "lowerLetter",
    5: "ordinal",
    6: "cardinalText",
    7: "ordinalText",
    10: "chineseCounting",
    11: "japaneseCounting",
    18: "decimalEnclosedCircle",
    22: "decimalZero",
    23: "bullet",
    57: "numberInDash",
    58: "russianLower",
    59: "russianUpper",
    255: "none",
}
_LEVELS = 9
_MOST_LISTS = 5_000


class Lists:
    """The lists of a file, and how far each has counted."""

    def __init__(self) -> None:
        self._root = etree.Element("numbering")
        self._ids: set[int] = set()
        self._numbering: Numbering | None = None

    def read(self, data: bytes, at: int, fonts: dict[int, str]) -> None:
        """Read a table of lists, or of those that paragraphs name; its word ends at `at`, and `fonts` are known by name."""
        table = _Table(self._root, fonts)
        depth = 1
        while depth and (match := TOKEN.match(data, at)):
            at = match.end()
            word, number, byte, symbol, brace, letters = match.groups()
            if brace:
                depth += 1 if brace == b"{" else -1
                table.end_text()
            elif word is not None:
                table.word(word.decode(), None if number is None else int(number))
            elif byte is not None:
                table.letters(bytes([int(byte, 16)]))
            elif letters is not None or symbol in (b"\\", b"{", b"}"):
                table.letters(letters or symbol)
            if len(self._root) > _MOST_LISTS:
                break
        self._ids |= table.ids

    def mark(self, number: int, level: int) -> str:
        """Count a paragraph of list `number`, at a level from 0 on; return its mark, "" where it has none that shows."""
        if number not in self._ids:
            return ""
        paragraph = etree.Element("p")
        properties = etree.SubElement(etree.SubElement(paragraph, "pPr"), "numPr")
        etree.SubElement(properties, "ilvl", val=str(level))
        etree.SubElement(properties, "numId", val=str(number))
        return self._counting().mark(paragraph) or ""

    def field_number(self, instruction: str, level: int | None, *, is_in_list: bool) -> str | None:
        """Count a field in the paragraph of the last mark, or in one that is in no list; see `Numbering.field_number`."""
        if not is_in_list:
            self._counting().mark(etree.Element("p"))
        return self._counting().field_number(instruction, level)

    def _counting(self) -> Numbering:
        if self._numbering is None:
            self._numbering = Numbering(self._root, None)
        return self._numbering


class _Table:
    """Turns the words of one table into elements."""

    def __init__(self, root: etree._Element, fonts: dict[int, str]) -> None:
        self._root, self._fonts = root, fonts
        self.ids: set[int] = set()
        self._list = self._level = self._own = etree.Element("none")
        self._text: str | None = None
        self._skip, self._skipped = 0, 1
        self._name: str | None = None

    def word(self, word: str, number: int | None) -> None:
        value = number or 0
        if word == "list":
            self._list = self._own = etree.SubElement(self._root, "abstractNum")
        elif word == "listoverride":
            self._list = self._own = etree.SubElement(self._root, "num")
        elif word == "lfolevel":
            place = str(sum(inner.tag == "lvlOverride" for inner in self._list))
            self._own = self._level = etree.SubElement(self._list, "lvlOverride", ilvl=place)
        elif word == "listlevel":
            place = self._own.get("ilvl") or str(len(self._own))
            self._level = etree.SubElement(self._own, "lvl", ilvl=place)
        elif word == "listid":
            self._list.set("abstractNumId", str(value))
            etree.SubElement(self._list, "abstractNumId", val=str(value))
        elif word == "ls":
            self._list.set("numId", str(value))
            self.ids.add(value)
        elif word == "leveltext":
            self._text = ""
        elif word == "listname":
            self._name = ""
        elif word == "u" and self._text is not None:
            self._text += chr(value & 0xFFFF)
            self._skip = self._skipped
        elif word == "uc":
            self._skipped = value
        elif (found := self._property(word, value)) is not None:
            tag, said = found
            etree.SubElement(self._level, tag, **said)

    def _property(self, word: str, value: int) -> tuple[str, dict[str, str]] | None:
        """What a word says of a level."""
        if word in ("levelnfc", "levelnfcn"):
            return "numFmt", {"val": _FORMATS.get(value, "decimal")}
        if word == "levelstartat":
            return ("start" if self._level.tag == "lvl" else "startOverride"), {"val": str(value)}
        if word == "levellegal":
            return "isLgl", {"val": str(value)}
        if word == "levelnorestart" and value:
            return "lvlRestart", {"val": "0"}
        if word == "f" and self._level.tag == "lvl":
            return "rFonts", {"ascii": self._fonts.get(value, "")}
        return None

    def letters(self, letters: bytes) -> None:
        if self._name is not None:
            self._name += letters.decode("cp1252", errors="replace")
        if self._text is not None:
            self._text += letters[self._skip :].decode("cp1252", errors="replace")
            self._skip = max(self._skip - len(letters), 0)

    def end_text(self) -> None:
        """Note the text of a level: its length comes first, and each level's place in it is the level's number."""
        if self._text:
            shown = self._text[1 : 1 + ord(self._text[0])]
            marks = "".join(f"%{ord(sign) + 1}" if ord(sign) < _LEVELS else sign for sign in shown)
            etree.SubElement(self._level, "lvlText", val="".join(sign for sign in marks if sign >= " "))
        self._text = None
        if self._name and (name := self._name.strip(" ;")):
            etree.SubElement(self._list, "name", val=name)
        self._name = None
