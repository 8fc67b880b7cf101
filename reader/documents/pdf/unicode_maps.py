"""The map from a font's codes to letters, where a PDF's own is missing or has holes: from glyph names and the font."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import pikepdf

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


def mended_map(font: Any) -> bytes | None:
    """Return a ToUnicode map that says more than the font's own; None where it would say the same."""
    if not isinstance(font, pikepdf.Dictionary):
        return None
    try:
        whole = font.get("/Subtype") == "/Type0"
        letters = _wide_letters(font) if whole else _simple_letters(font)
    except MemoryError:
        raise
    except Exception:  # a damaged font leaves its text as it is
        return None
    return _to_unicode(letters, 4 if whole else 2) if letters else None


def _simple_letters(font: Any) -> dict[int, str]:
    """All of the map, where glyph names say more than the map."""
    named = _named(font)
    own = _own_map(font)
    holes = {code for code, text in (own or {}).items() if not text.strip("\0\ufffd\ufffe\uffff")}
    added = {}
    for code, name in named.items():
        if own is None:
            wanted = bool(_PARTS.search(name)) and not name.startswith(".")
        else:
            wanted = code in holes or (code not in own and bool(_PARTS.search(name)))
        if wanted and (text := _letters(name)):
            added[code] = text
    return {**{code: text for code, text in (own or {}).items() if code not in holes}, **added} if added else {}


def _named(font: Any) -> dict[int, str]:
    encoding = font.get("/Encoding")
    names: dict[int, str] = {}
    if not isinstance(encoding, pikepdf.Dictionary):
        names = _built_in_names(font)
    else:
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


def _wide_letters(font: Any) -> dict[int, str]:
    """The letters of a font with glyph numbers for codes and no map, from the embedded font itself."""
    if not _is_identity(font):
        return {}
    own = _own_map(font)
    told = {code: text for code, text in (own or {}).items() if text.strip("\0\ufffd")}
    # A map of glyph numbers to the letters of the same numbers says nothing.
    if sum(text != chr(code) for code, text in told.items()) > _MOST_DIFFERENT * len(told):
        return {}
    inner = font["/DescendantFonts"][0]
    ordering = inner.get("/CIDSystemInfo", {}).get("/Ordering", "Identity")
    if str(ordering) != "Identity":
        return {}  # PDFium knows the registered orderings
    glyphs = inner.get("/CIDToGIDMap")
    moved = glyphs.read_bytes() if isinstance(glyphs, pikepdf.Stream) else None
    letters = _font_letters(inner)
    if moved is None:
        return letters
    pairs = ((code, int.from_bytes(moved[2 * code : 2 * code + 2], "big")) for code in range(len(moved) // 2))
    return {code: letters[glyph] for code, glyph in pairs if glyph and glyph in letters}


def _font_letters(inner: Any) -> dict[int, str]:
    program = _program(inner, "/FontFile2") or _program(inner, "/FontFile3")
    if program is None:
        return {}
    if program[:1] == b"\x01":  # a bare CFF font
        top = _compact_font(program)
        return {} if hasattr(top, "ROS") else _by_names(top.charset)
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
    by_order = {} if by_map or by_name else _by_common_order(len(names))
    return {**by_order, **by_name, **by_map}


def _by_names(names: list[str]) -> dict[int, str]:
    found = {}
    for number, name in enumerate(names):
        if text := _letters(name):
            found[number] = text
    return found


def _letters(glyph_name: str) -> str:
    from fontTools import agl  # its tables take longer to load than a short file to read

    text = agl.toUnicode(glyph_name)
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
