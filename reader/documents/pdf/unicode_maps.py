"""The map from a font's codes to letters, where a PDF's own is missing, has holes or is wrong: from glyph names and the font.

Where only what is drawn tells whether a map is right, the map counts that makes words of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pikepdf

from reader.documents.pdf import tex_fonts
from reader.documents.pdf.words import is_nonsense
from reader.documents.symbols import is_symbol_font, symbol

_CODE_PAIR = re.compile(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f\s]*)>")
_SINGLES = re.compile(rb"beginbfchar(.*?)endbfchar", re.S)
_RANGES = re.compile(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*(<[0-9A-Fa-f\s]*>|\[.*?\])", re.S)
_RANGE_BLOCKS = re.compile(rb"beginbfrange(.*?)endbfrange", re.S)
_HEX = re.compile(rb"<([0-9A-Fa-f\s]*)>")
_MOST_CODES = 65_536
_MOST_DIFFERENT = 0.1
_FIRST_ASCII_GLYPH = 3
"""In the common glyph order of TrueType fonts, glyph 3 is the space, 4 the exclamation mark, and so on."""

# In a name such as "f_f" or "uni00660066.alt"; plain names such as "ffi" PDFium knows itself.
_PARTS = re.compile(r"_|^uni(?:[0-9A-F]{4}){2,}|\.")


def mended_map(font: Any, drawn: Callable[[], list[bytes]]) -> bytes | None:
    """Return a ToUnicode map that says more than the font's own; None where it would say the same.

    Args:
        font: The font's objects.
        drawn: Some of the strings that are drawn with it, asked for where nothing else tells whether a map is right.
    """
    if not isinstance(font, pikepdf.Dictionary):
        return None
    try:
        whole = font.get("/Subtype") == "/Type0"
        letters = _symbols(font) or (_wide_letters(font, drawn) if whole else _simple_letters(font, drawn))
    except MemoryError:
        raise
    except Exception:  # a damaged font leaves its text as it is
        return None
    return _to_unicode(letters, 4 if whole else 2) if letters else None


def _symbols(font: Any) -> dict[int, str]:
    """What the codes of Symbol, Wingdings and the like mean, where the map has codes of the font's maker or there is none."""
    name = _ENDING.sub("", str(font.get("/BaseFont", "")).lstrip("/").split("+")[-1])
    if not is_symbol_font(name):
        return {}
    own = _own_map(font)
    if own is None and font.get("/Subtype") == "/TrueType" and "/Encoding" not in font:
        own = {code: chr(0xF000 + code) for code in range(0x20, 0x100)}
    if not any(_is_private(text) for text in (own or {}).values()):
        return {}
    found = {
        code: symbol(ord(text), name) if _is_private(text) and len(text) == 1 else text
        for code, text in (own or {}).items()
    }
    return {code: text for code, text in found.items() if text != _UNKNOWN}


_ENDING = re.compile(r"(?:MT)?(?:[-,].*)?$")


def _simple_letters(font: Any, drawn: Callable[[], list[bytes]]) -> dict[int, str]:
    """All of the map, where glyph names or the embedded font say more than the map."""
    named = _named(font)
    own = _own_map(font)
    holes = {code for code, text in (own or {}).items() if _says_nothing(text)}
    if own is None and (candidates := list(_unusual_maps(font, named))):
        usual = {code: bytes([code]).decode("cp1252", errors="ignore") or chr(code) for code in range(256)}
        strings = drawn()
        found = _best([usual, *candidates], strings, digits=2)
        if not found and _may_be_tex(font, named) and _makes_words(usual, _codes(strings, 1)):
            return tex_fonts.letters(named)
        return found
    if own and (shaped := _shaped(font, own)):
        return {**own, **shaped}
    added = {}
    for code, name in named.items():
        if own is None:
            wanted = _is_special(name) and not name.startswith(".")
        else:
            wanted = code in holes or (code not in own and _is_special(name))
        if wanted and (text := _letters(name)):
            added[code] = text
    private = {code for code in holes if _is_private((own or {})[code])}
    if private:
        # Symbols have names of letters, too; a ligature's name is its own.
        letters = {code: added.get(code) or bytes([code & 0xFF]).decode("latin-1") for code in private}
        if _makes_words({**(own or {}), **added, **letters}, _codes(drawn(), 1)):
            added = {**letters, **added}
        else:
            added = {
                code: text for code, text in added.items() if code not in private or len(text) > 1 or text > "\x7f"
            }
            holes -= private - set(added)
    return {**{code: text for code, text in (own or {}).items() if code not in holes}, **added} if added else {}


_FIRST_CODE = 0x21
_WIDE = 2.5
"""Of its height, how wide a hyphen is at least."""
_LOWEST, _HIGHEST = 0.1, 0.45
"""In ems, between which heights a hyphen is."""


def _shaped(font: Any, own: dict[int, str]) -> dict[int, str]:
    """The spaces and hyphens of a font by their shapes, where macOS maps them to their own codes.

    It numbers a font's glyphs as they are drawn, and each of these two stands for two characters.
    """
    same = [code for code, text in own.items() if text == chr(code)]
    is_numbered = min(own) == _FIRST_CODE and len(own) == max(own) - _FIRST_CODE + 1 and 2 * len(same) < len(own)
    program = _program(font, "/FontFile2") if same and is_numbered and "/Encoding" not in font else None
    if program is None:
        return {}
    from fontTools.ttLib import TTFont  # nearly no file needs it

    loaded = TTFont(BytesIO(program), lazy=True)
    names = {code: name for table in loaded["cmap"].tables for code, name in table.cmap.items()}
    found = {}
    for code in same:
        shape = loaded["glyf"][names[code]]
        if shape.numberOfContours == 0:
            found[code] = " "
        elif shape.numberOfContours == 1:
            low, high = (end / loaded["head"].unitsPerEm for end in (shape.yMin, shape.yMax))
            if shape.xMax - shape.xMin >= _WIDE * (shape.yMax - shape.yMin) and low >= _LOWEST and high <= _HIGHEST:
                found[code] = "-"
    return found


def _is_special(name: str) -> bool:
    """Whether PDFium does not know what a glyph's name means."""
    return bool(_PARTS.search(name)) or name in tex_fonts.MATHEMATICAL


def _may_be_tex(font: Any, named: dict[int, str]) -> bool:
    """Whether a font is TeX's and no typewriter's, whose codes are ASCII's."""
    widths = {round(float(width)) for width in font.get("/Widths", []) if width}
    return font.get("/Subtype") == "/Type3" and len(widths) > 1 and tex_fonts.are_codes(named)


def _is_private(text: str) -> bool:
    """Whether a map gives codes that only the font's maker knows."""
    return bool(text) and all("\ue000" <= char <= "\uf8ff" for char in text)


def _says_nothing(text: str) -> bool:
    """Whether a map gives no letter: nothing, a mark for the unknown, or a code that only the font's maker knows."""
    return not text.strip("\0\ufffd\ufffe\uffff") or _is_private(text)


def _unusual_maps(font: Any, named: dict[int, str]) -> Iterator[dict[int, str]]:
    """Maps of a font without one whose codes PDFium takes for letters."""
    if font.get("/Subtype") == "/Type3" or _are_numbers(named):
        yield {code: text for code, name in named.items() if not _NUMBERED.fullmatch(name) and (text := _letters(name))}
        for base in (10, 16):
            yield dict(_numbered(named, base))
    elif font.get("/Subtype") == "/TrueType" and "/Encoding" not in font:
        yield _symbolic_letters(font)


def _are_numbers(named: dict[int, str]) -> bool:
    return 2 * sum(bool(_NUMBERED.fullmatch(name)) for name in named.values()) > len(named)


_NUMBERED = re.compile(r"(?=.*\d)([A-Za-z]{1,2}?)([0-9A-Fa-f]{2,4})")
"""A glyph's name that is a code: a65, c41, G0041."""


def _numbered(named: dict[int, str], base: int) -> Iterator[tuple[int, str]]:
    for code, name in named.items():
        found = _NUMBERED.fullmatch(name)
        if found and (found[2].isdigit() if base == 10 else len(found[2]) == 2 or found[2].startswith("00")):
            number = int(found[2], base)
            if 32 <= number < 127 or 160 <= number < 0xD800:
                yield code, chr(number)


def _symbolic_letters(font: Any) -> dict[int, str]:
    """The letters of a TrueType font's codes, by the names of the glyphs that its own map gives them."""
    program = _program(font, "/FontFile2")
    if program is None:
        return {}
    from fontTools.ttLib import TTFont  # nearly no file needs it

    loaded = TTFont(BytesIO(program), lazy=True)
    if "cmap" not in loaded:
        return {}
    glyphs: dict[int, str] = {}
    letters: dict[str, str] = {}
    for table in loaded["cmap"].tables:
        if (table.platformID, table.platEncID) in ((3, 1), (3, 10), (0, 3), (0, 4)):
            letters |= {name: chr(code) for code, name in table.cmap.items() if not 0xE000 <= code < 0xF900}
        else:
            glyphs |= {code & 0xFF: name for code, name in table.cmap.items()}
    names = loaded["post"].formatType in (1.0, 2.0) if "post" in loaded else False
    found = {code: letters.get(name) or (_letters(name) if names else "") for code, name in glyphs.items()}
    return {code: text for code, text in found.items() if text}


_LEAST_DRAWN = 24
_LEAST_RUN = 3
_UNKNOWN = "\ufffd"


def _best(maps: list[dict[int, str]], drawn: list[bytes], digits: int) -> dict[int, str]:
    """The first map that makes words of what is drawn; where none does, one that says that its letters are unknown.

    The first of the maps is what PDFium takes; nothing is to be mended where it makes words, too, or too little is drawn.
    """
    codes = _codes(drawn, digits // 2)
    if sum(map(len, codes)) < _LEAST_DRAWN:
        return {}
    for at, letters in enumerate(maps):
        if _makes_words(letters, codes):
            return letters if at else {}
    return dict.fromkeys(sorted({code for run in codes for code in run}), _UNKNOWN)


def _codes(drawn: list[bytes], size: int) -> list[list[int]]:
    """The codes of what may be words; signs of formulas are drawn by themselves."""
    return [
        [int.from_bytes(text[at : at + size], "big") for at in range(0, len(text) - size + 1, size)]
        for text in drawn
        if len(text) >= _LEAST_RUN * size
    ]


def _makes_words(letters: dict[int, str], codes: list[list[int]]) -> bool:
    count = sum(map(len, codes))
    known = sum(code in letters for run in codes for code in run)
    text = " ".join("".join(letters.get(code, _UNKNOWN) for code in run) for run in codes)
    return count >= _LEAST_DRAWN and known >= _LEAST_KNOWN * count and not _is_garbled(text, count)


_LEAST_KNOWN = 0.8
_LEAST_ALPHABETIC = 0.5


def _is_garbled(text: str, count: int) -> bool:
    signs = sum(char.isprintable() and not (char.isalnum() or char.isspace()) for char in text)
    controls = sum(not char.isprintable() for char in text)
    return controls > 0.1 * count or signs > _LEAST_ALPHABETIC * count or is_nonsense(text)


def _named(font: Any) -> dict[int, str]:
    encoding = font.get("/Encoding")
    names: dict[int, str] = {}
    if encoding is None:
        names = _built_in_names(font)
    elif isinstance(encoding, pikepdf.Dictionary):
        code = 0
        for entry in encoding.get("/Differences", []):
            if isinstance(entry, int):
                code = entry
            else:
                names[code] = str(entry).removeprefix("/")
                code += 1
    return names


def _built_in_names(font: Any) -> dict[int, str]:
    """The names by code that an embedded CFF font gives itself."""
    program = _program(font, "/FontFile3")
    if program is None or program[:1] != b"\x01":
        return {}
    encoding = getattr(_compact_font(program), "Encoding", None)
    return {code: name for code, name in enumerate(encoding) if name != ".notdef"} if isinstance(encoding, list) else {}


def _program(font: Any, key: str) -> bytes | None:
    descriptor = font.get("/FontDescriptor")
    stream = descriptor.get(key) if isinstance(descriptor, pikepdf.Dictionary) else None
    return stream.read_bytes() if stream is not None else None


def _is_identity(font: Any) -> bool:
    return font.get("/Subtype") == "/Type0" and font.get("/Encoding") in ("/Identity-H", "/Identity-V")


def _wide_letters(font: Any, drawn: Callable[[], list[bytes]]) -> dict[int, str]:
    """The letters of a font with glyph numbers for codes and no map, or a wrong one, from the embedded font itself."""
    if not _is_identity(font):
        return {}
    own = _own_map(font)
    told = {code: text for code, text in (own or {}).items() if not _says_nothing(text)}
    # A map that shifts all letters by the same number of places is wrong if it makes no words.
    places = Counter(ord(text) - code for code, text in told.items() if len(text) == 1)
    off, same = places.most_common(1)[0] if places else (0, 0)
    if same < (1 - _MOST_DIFFERENT) * len(told):
        return {}
    inner = font["/DescendantFonts"][0]
    ordering = inner.get("/CIDSystemInfo", {}).get("/Ordering", "Identity")
    if str(ordering) != "Identity":
        return {}  # PDFium knows the registered orderings
    if told and off and not _best([told], drawn(), digits=4):
        return {}  # as most maps; the font itself takes far longer to read
    letters, is_sure = _font_letters(inner)
    glyphs = inner.get("/CIDToGIDMap")
    moved = glyphs.read_bytes() if isinstance(glyphs, pikepdf.Stream) else None
    if moved is not None:
        pairs = ((code, int.from_bytes(moved[2 * code : 2 * code + 2], "big")) for code in range(len(moved) // 2))
        letters = {code: letters[glyph] for code, glyph in pairs if glyph and glyph in letters}
    if is_sure and (off == 0 or not told):
        return letters
    best = _best([told, letters], drawn(), digits=4)
    return best if not told or best == letters else {}  # a map of its own may say things that are no words


def _font_letters(inner: Any) -> tuple[dict[int, str], bool]:
    """Glyph -> letter, and whether the font says so itself."""
    program = _program(inner, "/FontFile2") or _program(inner, "/FontFile3")
    if program is None:
        return {}, False
    if program[:1] == b"\x01":  # a bare CFF font
        top = _compact_font(program)
        return ({}, False) if hasattr(top, "ROS") else (_by_names(top.charset), True)
    from fontTools.ttLib import TTFont  # nearly no file needs it

    loaded = TTFont(BytesIO(program), lazy=True)
    names = loaded.getGlyphOrder()
    numbers = {name: number for number, name in enumerate(names)}
    by_map: dict[int, str] = {}
    if "cmap" in loaded and (best := loaded.getBestCmap()):
        for code, name in sorted(best.items(), reverse=True):
            if name in numbers and not 0xE000 <= code < 0xF900:
                by_map[numbers[name]] = chr(code)
    has_names = "post" in loaded and loaded["post"].formatType in (1.0, 2.0)
    by_name = _by_names(names) if has_names else {}
    if by_map or by_name:
        return {**by_name, **by_map}, True
    return _by_common_order(len(names)), False


def _by_names(names: list[str]) -> dict[int, str]:
    found = {}
    for number, name in enumerate(names):
        if text := _letters(name):
            found[number] = text
    return found


def _letters(glyph_name: str) -> str:
    from fontTools import agl  # its tables take longer to load than a short file to read

    text = tex_fonts.MATHEMATICAL.get(glyph_name) or agl.toUnicode(glyph_name)
    return text if text.isprintable() else ""


def _compact_font(program: bytes) -> Any:
    from fontTools.cffLib import CFFFontSet  # nearly no file needs it

    fonts = CFFFontSet()
    fonts.decompile(BytesIO(program), None)
    return fonts[fonts.fontNames[0]]


def _by_common_order(count: int) -> dict[int, str]:
    return {number: chr(number + 29) for number in range(_FIRST_ASCII_GLYPH, min(count, 98))}


def _own_map(font: Any) -> dict[int, str] | None:
    stream = font.get("/ToUnicode")
    if not isinstance(stream, pikepdf.Stream):
        return None
    data = stream.read_bytes()
    found: dict[int, str] = {}
    for block in _SINGLES.finditer(data):
        for code, text in _CODE_PAIR.findall(block[1]):
            found[int(code, 16)] = _decoded(text)
    for block in _RANGE_BLOCKS.finditer(data):
        for first, last, target in _RANGES.findall(block[1]):
            start, end = int(first, 16), int(last, 16)
            if end - start > _MOST_CODES:
                continue
            if target.startswith(b"["):
                texts = [_decoded(text) for text in _HEX.findall(target)]
                found.update(zip(range(start, end + 1), texts, strict=False))
            elif text := _decoded(target.strip(b"<>")):
                found.update({code: text[:-1] + chr(ord(text[-1]) + code - start) for code in range(start, end + 1)})
    return found


def _decoded(digits: bytes) -> str:
    data = bytes.fromhex(b"".join(digits.split()).decode())
    return data.rjust(2, b"\0").decode("utf-16-be", errors="replace")


def _to_unicode(letters: dict[int, str], digits: int) -> bytes:
    lines = [f"<{code:0{digits}X}> <{text.encode('utf-16-be').hex().upper()}>" for code, text in letters.items()]
    blocks = [lines[start : start + 100] for start in range(0, len(lines), 100)]
    body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Letters def\n/CMapType 2 def\n"
        f"1 begincodespacerange\n<{'0' * digits}> <{'F' * digits}>\nendcodespacerange\n{body}\n"
        "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode()
