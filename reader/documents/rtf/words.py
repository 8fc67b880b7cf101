"""RTF's words: how they are written, which groups are silent, which stand for letters, and the encodings of code pages."""

from __future__ import annotations

import codecs
import re

MARK = b"{\\rtf"
"""How a file begins."""
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")

# A control word, a control symbol, a brace, or a run of letters; line ends mean nothing.
TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|([^\\{}\r\n]+)|[\r\n]+", re.DOTALL
)

_SILENT_WORDS = (
    "aftncn aftnsep aftnsepc annotation atnauthor atndate atnicn atnid atnparent atnref atntime author background "
    "bkmkend bkmkstart blipuid colorschememapping colortbl comment company datafield datastore defchp defpap "
    "docvar falt ffdeftext ffentrymcr ffexitmcr ffformat ffhelptext ffname ffstattext filetbl fname "
    "fonttbl footer footerf footerl footerr ftncn ftnsep ftnsepc generator header headerf headerl headerr "
    "hlinkbase info keywords latentstyles listoverridetable listtable mmathpr nonesttables nonshppict objclass "
    "objdata objname oleclsid operator panose passwordhash pgp pgptbl picprop pict pntxta pntxtb revtbl "
    "rsidtbl shprslt sn sp stylesheet subject sv tc tcn template themedata userprops wgrffmtfilter xe xmlnstbl"
)
SILENT = frozenset(_SILENT_WORDS.split())
"""Groups whose letters are not the document's."""

_SEEN_WORDS = (
    "cs do dptxbxtext ffl footnote formfield ftnalt listtext mmath moMath moMathPara nesttableprops pntext shpinst "
    "shppict shptxt ud"
)
SEEN = frozenset(_SEEN_WORDS.split())
"""Ignorable groups with text that a reader sees."""

_DESTINATIONS_WORDS = "ffl fldinst fonttbl formfield stylesheet title"
DESTINATIONS = frozenset(_DESTINATIONS_WORDS.split())
"""Groups whose letters are kept apart."""

_CHARACTER_WORDS = "af ansi ansicpg deff deleted dn f mac mvf nosupersub pc pca plain strike striked sub super uc up v"
CHARACTER = frozenset(_CHARACTER_WORDS.split())
"""Words that change the letters that follow."""

LETTERS = {
    "tab": "\t",
    "emdash": "—",
    "endash": "–",
    "bullet": "•",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "emspace": "\u2003",
    "enspace": "\u2002",
    "qmspace": "\u2005",
    "zwj": "\u200d",
    "zwnj": "\u200c",
    "ltrmark": "\u200e",
    "rtlmark": "\u200f",
}
SYMBOLS = {b"~": "\xa0", b"_": "\u2011", b"-": ""}
CHARSETS = {
    0: "cp1252",
    1: "",
    77: "mac_roman",
    78: "shift_jis",
    79: "johab",
    80: "gb2312",
    81: "big5",
    83: "mac_hebrew",
    84: "mac_arabic",
    85: "mac_greek",
    86: "mac_turkish",
    87: "cp874",
    88: "mac_latin2",
    89: "mac_cyrillic",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gb18030",
    136: "big5hkscs",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    254: "cp437",
    255: "",
}
_CODE_PAGES = {
    10000: "mac_roman",
    10001: "shift_jis",
    10006: "mac_greek",
    10007: "mac_cyrillic",
    10029: "mac_latin2",
    10081: "mac_turkish",
    65001: "utf-8",
    936: "gb18030",
    950: "big5hkscs",
    708: "iso8859-6",
    0: "cp1252",
}


_HEADING_STYLE = re.compile(r"title|heading [1-9]|überschrift [1-9]|titre [1-9]", re.I)


def code_page(number: int) -> str:
    """Return the codec of a Windows or Mac code page; "" where there is none."""
    name = _CODE_PAGES.get(number) or f"cp{number}"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""


def decoded(data: bytes, encoding: str) -> str:
    """Return the letters of a run of bytes, with U+FFFD for those that the encoding lacks."""
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return data.decode(encoding if encoding else "cp1252", errors="replace")


def heading_level(style: str) -> int | None:
    """The level in the outline, from 0, of the headings of a style with that name; None where it is no heading's."""
    if not _HEADING_STYLE.fullmatch(style):
        return None
    return int(style[-1]) - 1 if style[-1].isdigit() else 0


def in_bytes(data: bytes) -> bytes:
    """Return RTF that an editor saved in UTF-16 or UTF-8 as the bytes that it is written in, its other letters by their numbers."""
    start = data[:64].lstrip(b"\0 \t\r\n")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif start.startswith(MARK[:1] + b"\0" + MARK[1:2] + b"\0"):
        encoding = "utf-16-be" if data.startswith(b"\0") else "utf-16-le"
    else:
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding, errors="strict" if encoding == "utf-8-sig" else "replace")
    except UnicodeDecodeError:  # letters of a code page, or a picture in bytes
        return data
    return _BEYOND_ASCII.sub(_numbered, text).encode("ascii", errors="replace")


def _numbered(letter: re.Match[str]) -> str:
    halves = letter[0].encode("utf-16-le", "surrogatepass")
    numbers = (int.from_bytes(halves[at : at + 2], "little", signed=True) for at in range(0, len(halves), 2))
    return "{\\uc1" + "".join(f"\\u{number}?" for number in numbers) + "}"
