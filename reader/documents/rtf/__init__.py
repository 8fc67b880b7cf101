"""RTF read by our own tokenizer: running text, footnotes, text boxes, tables and symbols, split by headings or size.

Pictures, embedded objects, layout, and hidden or deleted text are left out. The libraries for RTF lose what follows a
picture, notes, boxes, and letters of other code pages without a word.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from reader.documents import formulas
from reader.documents.fields import field_text
from reader.documents.prose import Prose
from reader.documents.rtf.flow import Flow, Font, State, sections
from reader.documents.rtf.lists import Lists
from reader.documents.rtf.words import (
    CHARACTER,
    CHARSETS,
    DESTINATIONS,
    LETTERS,
    MARK,
    SEEN,
    SILENT,
    SYMBOLS,
    TOKEN,
    code_page,
    decoded,
    heading_level,
    in_bytes,
)
from reader.documents.scripts import Script
from reader.documents.symbols import in_symbol_font, is_symbol_font
from reader.documents.text import Parsed, chosen_title, readable_stem, split_pages, split_sections
from reader.errors import DocumentError

_MOST_DEPTH = 5_000


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is not RTF.
    """
    data = in_bytes(path.read_bytes())
    if not data.lstrip(b"\xef\xbb\xbf\0 \t\r\n").startswith(MARK):
        raise DocumentError(f"{path.name!r} is damaged or not an RTF file: save a new copy.")
    reader = _Reader(data)
    text = reader.text()
    title = chosen_title(reader.title, path) if reader.title else readable_stem(path)
    if reader.headings:
        return title, split_sections(sections(text, reader.headings))
    return title, split_pages(text)


def rtf_prose(data: bytes, prose: Prose) -> None:
    """Add the text of an RTF part to a `Prose`."""
    for line in _Reader(data).text().split("\n"):
        prose.write(line)
        prose.end_paragraph()


class _Reader:
    """Walks through the tokens of an RTF file once."""

    def __init__(self, data: bytes) -> None:
        self.title = ""
        self.headings: list[tuple[int, int]] = []
        self._data = data[max(data.find(MARK), 0) :]
        self._encoding = "cp1252"
        self._fonts: dict[int, Font] = {}
        self._default_font = -1
        self._heading_styles: dict[int, int] = {}
        """The level in the outline of each style that is a heading's."""
        self._outline_level: int | None = None
        self._state = State()
        self._stack: list[State] = []
        self._flow = Flow()
        self._flows: list[tuple[int, Flow, str]] = []
        """(depth, the flow before, its kind) of notes and boxes that are open."""
        self._notes: list[str] = []
        self._note_count = 0
        self._bytes = bytearray()
        self._bytes_font = -1
        self._skip = 0
        self._high: int | None = None
        self._is_starred = self._is_new = False
        self._is_heading = self._is_drop_cap = False
        self._paragraph_start = 0
        self._style_number = 0
        self._held = ""
        self._field: dict[str, int] = {}
        self._field_items: list[str] = []
        self._is_shown = False
        self._lists = Lists()

    def text(self) -> str:
        at, data = 0, self._data
        while match := TOKEN.match(data, at):
            at = match.end()
            word, number, byte, symbol, brace, letters = match.groups()
            if word is not None:
                at = self._word(word.decode(), None if number is None else int(number), at)
            elif byte is not None:
                self._letters(bytes([int(byte, 16)]))
            elif symbol is not None:
                self._symbol(symbol)
            elif brace is not None:
                self._brace(brace)
            elif letters is not None:
                self._letters(letters)
        self._flush()
        while self._flows:
            self._close_flow()
        self._flow.settle()
        self._end_row_left_open()
        if self._notes:
            self._flow.add("\n")
            self._write_notes()
        return "".join(self._flow.parts)

    # --- groups

    def _brace(self, brace: bytes) -> None:
        self._flush()
        self._skip = 0
        if brace == b"{":
            if len(self._stack) >= _MOST_DEPTH:
                raise DocumentError("The RTF file is nested too deep to be read: save it as plain text.")
            self._stack.append(self._state)
            self._state = replace(self._state)
            self._is_starred, self._is_new = False, True
            return
        if not self._stack:
            return
        depth, ended = len(self._stack), self._state
        if self._flows and self._flows[-1][0] == depth:
            self._close_flow()
        self._end_destination(ended)
        self._state = self._stack.pop()
        if ended.is_struck != self._state.is_struck:
            self._flow.part_figures()

    def _end_destination(self, state: State) -> None:
        outer = self._stack[-1].destination if self._stack else ""
        if state.destination == outer:
            return
        if state.destination in ("upr", "otherstyle"):
            self._held = ""
        elif state.destination == "title":
            self.title, self._held = self._held.strip(), ""
        elif state.destination == "formfield":
            self._write_field()
        elif state.destination == "ffl":
            self._field_items.append(self._held.strip())
            self._held = ""
        elif state.destination == "fldinst":
            self._write_shown(self._held)
        elif state.destination == "moMath":
            if state.math is not None and (text := formulas.omml(state.math)):
                self._flow.add_formula(text)
        elif state.destination == "style":
            if (level := heading_level(self._held.strip(" ;"))) is not None:
                self._heading_styles.setdefault(self._style_number, level)
            self._held, self._style_number = "", 0
        elif state.destination == "font":
            self._name_font(state.font)

    def _write_shown(self, instruction: str) -> None:
        """Write what a field shows whose result many writers leave empty."""
        shown = field_text(instruction)
        outer = self._stack[-1] if self._stack else self._state
        is_seen = not (outer.is_silent or outer.is_hidden or outer.is_deleted or outer.destination)
        if is_seen and instruction:
            self._start_item(instruction)
            number = self._lists.field_number(instruction, self._outline_level, is_in_list=self._state.list_number > 0)
            shown = shown if number is None else (number, False)
        self._held, self._is_shown = "", shown is not None
        if shown and is_seen:
            (self._flow.add_formula if shown[1] else self._flow.add)(shown[0])

    def _name_font(self, number: int) -> None:
        name = self._held.partition(";")[0].strip()
        if number in self._fonts and name:
            self._fonts[number].name = name
            for suffix, encoding in ((" CE", "cp1250"), (" Cyr", "cp1251"), (" Greek", "cp1253"), (" Tur", "cp1254")):
                if name.endswith(suffix):
                    self._fonts[number].encoding = encoding
        self._held = ""

    def _open_flow(self, kind: str) -> None:
        self._flow.settle()
        self._flows.append((len(self._stack), self._flow, kind))
        self._flow = Flow()
        self._state.script, self._state.destination, self._state.is_silent = None, "", False
        self._state.list_number = 0

    def _close_flow(self) -> None:
        self._flush()
        self._end_row_left_open()
        self._flow.settle()
        inner, (_, self._flow, kind) = self._flow, self._flows.pop()
        text = "".join(inner.parts).strip("\n ")
        if not text.strip():
            return
        if kind == "note":
            self._note_count += 1
            number = self._note_count
            text = re.sub(r"^\s*\[?\^?" + str(number) + r"\]?[.)]?\s+", "", text)
            self._flow.add(f"[{number}]")
            self._notes.append(f"[{number}] {text.strip()}")
        else:
            before = "" if self._flow.tail.endswith("\n") or not self._flow.length else "\n"
            self._flow.add(f"{before}{text}\n")

    # --- control words

    def _word(self, word: str, number: int | None, at: int) -> int:
        is_new, self._is_new = self._is_new, False
        if word == "bin":
            self._flush()
            return min(at + max(number or 0, 0), len(self._data))
        if self._skip and word not in ("u", "uc", "par", "cell", "row"):
            self._skip -= 1
            return at
        state = self._state
        if word == "u":
            self._unicode(number or 0)
            return at
        if word in LETTERS:
            self._flush()
            self._put(LETTERS[word])
            return at
        self._flush()
        if state.math is not None or (word == "moMath" and not (state.is_silent or state.destination)):
            state.enter_equation(word, is_new=is_new)
        elif word == "fldrslt" and self._is_shown:
            state.is_silent, self._is_shown = True, False
        elif word == "upr":  # the same text twice, for readers without Unicode first
            state.destination = "upr"
        elif word == "ud" and state.destination == "upr":
            state.destination = ""
        elif word in ("footnote", "shptxt", "dptxbxtext") or (is_new and word in DESTINATIONS):
            self._destination(word)
        elif is_new and word in ("listtext", "pntext"):
            state.is_mark = self._flow.has_mark = True
        elif is_new and (word in SILENT or (self._is_starred and word not in SEEN)):
            state.is_silent = True
            if word in ("listtable", "listoverridetable"):
                self._lists.read(self._data, at, {number: font.name for number, font in self._fonts.items()})
        elif state.destination in ("fonttbl", "font", "stylesheet", "style", "formfield"):
            self._in_definition(word, number)
        elif word in CHARACTER:
            self._character(word, number)
        elif not state.is_silent:
            self._layout(word, number)
        self._is_starred = False
        return at

    def _destination(self, word: str) -> None:
        state = self._state
        outer_silent = self._stack[-1].is_silent if self._stack else False
        if word == "footnote":
            if not outer_silent and not state.is_hidden:
                self._open_flow("note")
        elif word in ("shptxt", "dptxbxtext"):
            # The same box stands in the file twice, for old readers too, which is silent.
            if not outer_silent:
                self._open_flow("box")
        else:
            state.destination, state.is_silent = word, True
            self._held = ""
            if word == "formfield":
                self._field, self._field_items = {}, []

    def _in_definition(self, word: str, number: int | None) -> None:
        state = self._state
        if state.destination in ("fonttbl", "font"):
            if word == "f":
                if state.destination == "font":  # fonts that are not in groups of their own
                    self._name_font(state.font)
                state.font, state.destination = number or 0, "font"
                self._fonts.setdefault(state.font, Font())
                self._held = ""
            elif word == "fcharset" and state.font in self._fonts:
                self._fonts[state.font].encoding = CHARSETS.get(number or 0, "")
            elif word == "cpg" and state.font in self._fonts:
                self._fonts[state.font].encoding = code_page(number or 0)
        elif state.destination in ("stylesheet", "style"):
            if word == "s":
                state.destination, self._style_number, self._held = "style", number or 0, ""
            elif word == "outlinelevel" and state.destination == "style" and (number or 0) < 9:
                self._heading_styles[self._style_number] = number or 0
            elif word in ("cs", "ts", "ds"):
                state.destination = "otherstyle"
        elif word in ("fftype", "ffdefres", "ffres"):
            self._field[word] = number or 0

    def _write_field(self) -> None:
        kind = self._field.get("fftype")
        result = self._field.get("ffres", 25)
        if result == 25:  # nothing was chosen
            result = self._field.get("ffdefres", 0)
        silent = any(state.is_silent for state in self._stack[:1])
        if kind == 1 and not silent:
            self._flow.add("[x]" if result else "[ ]")
        elif kind == 2 and result < len(self._field_items) and not silent:
            self._flow.add(self._field_items[result])
        self._field = {}

    def _character(self, word: str, number: int | None) -> None:
        state, is_on = self._state, number != 0
        if word in ("ansi", "mac", "pc", "pca"):
            self._encoding = {"ansi": "cp1252", "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}[word]
        elif word == "ansicpg":
            self._encoding = code_page(number or 0) or self._encoding
        elif word == "deff":
            self._default_font = number or 0
            state.font = self._default_font
        elif word == "f":
            state.font = number or 0
        elif word == "uc":
            state.skip_count = max(number if number is not None else 1, 0)
        elif word == "plain":
            state.script, state.is_hidden, state.is_deleted, state.font = None, False, False, self._default_font
            self._strike(state, False)
        elif word == "v":
            state.is_hidden = is_on
        elif word in ("deleted", "mvf"):
            state.is_deleted = is_on
        elif word in ("super", "sub", "up", "dn"):
            raised: Script = "raised" if word in ("super", "up") else "lowered"
            state.script = raised if is_on else None
        elif word == "nosupersub":
            state.script = None
        elif word.startswith("strike"):
            self._strike(state, is_on)

    def _strike(self, state: State, is_struck: bool) -> None:
        if state.is_struck != is_struck:
            self._flow.part_figures()
        state.is_struck = is_struck

    def _layout(self, word: str, number: int | None) -> None:
        flow = self._flow
        if word in ("par", "sect"):
            self._end_paragraph()
        elif word in ("line", "softline", "lbr"):
            flow.add("\n")
        elif word in ("page", "column", "softpage"):
            flow.add("\n\n" if word == "page" else "\n")
        elif word == "pard":
            self._is_heading &= self._state.is_mark
            self._outline_level = None
            self._state.list_number = self._state.list_level = 0
        elif word == "ls":
            self._state.list_number = number or 0
        elif word == "ilvl":
            self._state.list_level = number or 0
        elif word == "intbl" or (word == "itap" and number != 0):
            flow.start_table()
        elif word in ("trowd", "clvmgf", "clvmrg", "cellx"):
            flow.define_row(word)
        elif word in ("cell", "nestcell"):
            flow.end_cell(is_nested=word == "nestcell")
        elif word in ("row", "nestrow"):
            self._end_row(is_nested=word == "nestrow")
        elif word == "s":
            self._is_heading |= (number or 0) in self._heading_styles
            self._outline_level = self._heading_styles.get(number or 0)
        elif word == "outlinelevel":
            self._is_heading = (number or 0) < 9
            self._outline_level = (number or 0) if self._is_heading else None
        elif word == "dropcapli":
            self._is_drop_cap = (number or 0) > 1

    # --- paragraphs and tables

    def _end_paragraph(self) -> None:
        flow = self._flow
        flow.settle()
        self._start_item()
        flow.has_mark = flow.is_counted = False
        if self._is_drop_cap:
            self._is_drop_cap = False
            text = "".join(flow.parts[-2:]).rpartition("\n")[2].strip()
            if len(text) <= 2:
                return
        if self._is_heading and not self._flows and flow.cell_start is None:
            self.headings.append((self._paragraph_start, flow.length))
        flow.add("\n")
        if not self._flows and flow.cell_start is None:
            self._write_notes()
            self._paragraph_start = flow.length

    def _start_item(self, text: str = "") -> None:
        """Count the paragraph in its list, and write its number where the file does not."""
        state, flow = self._state, self._flow
        if not state.list_number or state.is_mark or flow.is_counted or state.is_hidden or state.is_deleted:
            return
        flow.is_counted = True
        mark = self._lists.mark(state.list_number, state.list_level)
        if text and not flow.has_mark:
            flow.add(mark)

    def _write_notes(self) -> None:
        while self._notes:
            self._flow.add(f"{self._notes.pop(0)}\n")

    def _end_row(self, *, is_nested: bool) -> None:
        self._flow.end_row(is_nested=is_nested)
        if not is_nested and not self._flows:
            self._write_notes()
            self._paragraph_start = self._flow.length

    def _end_row_left_open(self) -> None:
        if self._flow.nested:
            self._end_row(is_nested=True)
        if self._flow.row or self._flow.nested_rows:
            self._end_row(is_nested=False)

    # --- letters

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._is_starred = True
            return
        self._is_new = False
        if self._skip and symbol not in b"\r\n":
            self._skip -= 1
        elif symbol in b"\\{}":
            self._letters(symbol)
        elif symbol in (b"\r", b"\n"):
            self._flush()
            if not self._state.is_silent:
                self._end_paragraph()
        elif symbol in SYMBOLS:
            self._flush()
            self._put(SYMBOLS[symbol])

    def _letters(self, letters: bytes) -> None:
        self._is_new = False
        if self._skip:
            taken = min(self._skip, len(letters))
            self._skip -= taken
            letters = letters[taken:]
        if letters:
            self._collect(letters)

    def _collect(self, letters: bytes) -> None:
        """Keep bytes until a whole run can be decoded: a character of Chinese or Japanese is two of them."""
        if self._bytes and self._bytes_font != self._state.font:
            self._flush()
        self._bytes_font = self._state.font
        self._bytes += letters.replace(b"\0", b"")

    def _flush(self) -> None:
        if not self._bytes:
            return
        data, font = bytes(self._bytes), self._fonts.get(self._bytes_font, Font())
        self._bytes.clear()
        encoding = self._encoding if self._state.destination else font.encoding or self._encoding
        if is_symbol_font(font.name) and not self._state.destination:
            encoding = "latin-1"
        self._put(decoded(data, encoding))

    def _unicode(self, number: int) -> None:
        self._flush()
        self._skip = self._state.skip_count
        code = number & 0xFFFF if -0x8000 <= number <= 0xFFFF else number
        if 0xD800 <= code < 0xDC00:
            self._high = code
            return
        if 0xDC00 <= code < 0xE000:
            if self._high is not None:
                self._put(chr(0x10000 + ((self._high - 0xD800) << 10) + (code - 0xDC00)))
            self._high = None
            return
        self._high = None
        if 0 < code <= 0x10FFFF:
            self._put(chr(code))

    def _put(self, text: str) -> None:
        state = self._state
        if state.math is not None:
            state.put_in_equation(text)
            return
        if state.destination:
            self._held += text
            return
        if state.is_silent or state.is_hidden or state.is_deleted or not text:
            return
        if text.strip():
            self._start_item(text)
        text = in_symbol_font(text, self._fonts.get(state.font, Font()).name)
        if state.script and text.strip():
            self._flow.add_script(state.script, text)
        else:
            self._flow.add(text)
