"""Bytes to text in any encoding: what the bytes show, what the file declares, and last a guess by chardet.

One odd byte never costs a text: strays among good UTF-8 are read as Windows writes them, and NULs are dropped. What was
guessed is said, so that a person can name another encoding.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from reader.errors import DocumentError

# UTF-32's mark begins with UTF-16's, so it is tried first.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", 1),
    (codecs.BOM_UTF32_LE, "utf-32", 4),
    (codecs.BOM_UTF32_BE, "utf-32", 4),
    (codecs.BOM_UTF16_LE, "utf-16", 2),
    (codecs.BOM_UTF16_BE, "utf-16", 2),
)

# The larger sets of characters that files under these names hold.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "cp950",
    "iso8859-8": "cp1255",
    "iso2022_jp": "iso2022_jp_ext",
}
_EAST_ASIAN = frozenset(
    [
        "big5",
        "big5hkscs",
        "cp932",
        "cp949",
        "cp950",
        "euc_jp",
        "euc_jis_2004",
        "euc_kr",
        "gb18030",
        "gb2312",
        "gbk",
        "johab",
        "shift_jis",
        "shift_jis_2004",
    ]
)
# Where the larger set is not quite one, what it cannot read is read as named.
_RARE = 0.005
# Quotes, dashes, the euro and the like, which all the Windows encodings share.
_SIGNS_OF_WINDOWS = bytes([0x80, 0x85, *range(0x91, 0x98), 0x99, 0xA0, 0xA3, 0xA7, 0xA9, 0xAB, 0xAE, 0xB0, 0xB7, 0xBB])
_FEW = 40
_MOST_ACCENTED = 1.25
_LEAST_CONFIDENCE = 0.04
_ASCII_LETTERS = bytes([*range(0x41, 0x5B), *range(0x61, 0x7B)])
_LANGUAGES = "cs da de en es et fi fr hr hu is it lt lv nl no nb pl pt ro sk sl sv tr"
_LATIN_LANGUAGES = frozenset(_LANGUAGES.split())
_SAMPLE_BYTES = 200_000

# Tabs, line ends, form feeds and escapes are in honest text files; a few strays are forgiven.
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_MOST_CONTROL = 0.02
_FEW_CONTROL = 4
_STRAY_NULS = 0.05
# What fills the last block of a file, and marks its end.
_FILLING = b"\0\x1a"
# How printers and terminals were told of bold, underlined and coloured letters.
_OVERSTRUCK = re.compile(r"([^\n\x08])\x08([^\n\x08])")
_TERMINAL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)")
_MOST_UNREADABLE = 0.05
_DROPPED = ("\0", "\x1a")
_ESCAPES = re.compile(rb"\x1b[$(][)(*@-Z]|\x1b\$\)C|~\{[\x21-\x7e]{2}")
# UTF-8 of the two halves of one UTF-16 character, as some databases write it.
_HALVES = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
# Quotes of a Mac, which are capital letters on Windows, where no capital stands.
_MAC_QUOTES = re.compile(
    rb"[a-z]\xd5(?:d|ll|m|re|s|t|ve)\b|(?:\A|[\s(])\xd2[A-Za-z\x80-\x9f][^\xd2\xd3\r\n]{0,200}[a-z.,!?\x80-\x9f]\xd3(?![A-Za-z])"
)
# « and » of a Mac, with the spaces that French puts within them: capital letters on Windows, with which no word ends. Where
# words are of such letters, as in Greek and Russian, they are letters, too.
_MAC_GUILLEMETS = re.compile(
    rb"(?:\A|[\s(])\xc7([ \xca]?)[^\s\xc7\xc8\xca][^\xc7\xc8]{0,200}[a-z.,!?\x80-\x9f\xc9]\1\xc8(?=[\s.,;:!?)]|\Z)"
)
_FOREIGN_WORD = re.compile(rb"[\xa0-\xff]{5}")
_WINDOWS_QUOTES = re.compile(rb"[\x91-\x94]")
# In the middle of words these are letters of ISO-8859-2, and so is what would be a Polish letter among Czech ones.
_SIGNS_IN_WORDS = re.compile("[^\\W\\d_][±¶»¦¬·Ľ][^\\W\\d_A-Z]")
_NOT_POLISH = re.compile("[čřěůďťňľđČŘĚŮĎŤŇĐ]")
# An opening question mark and n with a tilde, which in Central European encodings would be z with a dot before a capital and
# n with an accent before a vowel: no language there writes either.
_SPANISH = re.compile(rb"\xbf[A-Z]|[a-z]\xf1[aeou]")
_CENTRAL_EUROPEAN = ("cp1250", "iso8859-2", "iso8859-16")
_INNER = re.compile(r"(?<=[a-z])[^\x00-\x7f](?=[a-z]|[^\x00-\x7f][a-z])")
_MOST_ODD = 0.2
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøœßùúûüÿ")
_MULTIBYTE = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")

# Found in text of every language that is told apart by them alone.
_COMMON = frozenset(" \n\r\t,.-'\"0123456789aeinorst\u3000、。，")
_SAMPLE_CHARS = 100_000


_DECLARED = re.compile(
    rb"<meta[^>]{1,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})|<\?xml[^>]{1,80}encoding\s*=\s*[\"']([\w.:-]{2,40})",
    re.I,
)
_DECLARED_WITHIN_BYTES = 4096
# What browsers read these names as.
_WEB_SUPERSETS = {"ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}

# Python knows codecs under other names that are no encodings of text.
_WEB_ENCODINGS = ("big5", "cp", "euc", "gb", "iso2022", "iso8859", "koi8", "mac", "shift_jis", "tis", "utf-8")


@dataclass(frozen=True)
class Decoded:
    """Text, and what was assumed to read it."""

    text: str
    encoding: str
    is_guess: bool


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises DocumentError where the bytes are not text.
    """
    text = decode_bytes(path.read_bytes())
    if text is None:
        raise DocumentError(f"{path.name!r} is not text (it holds binary data): give its text, or the right suffix.")
    return text


def guessed_encoding(path: Path) -> str | None:
    """Return the encoding that a file was read in where that was a guess, else None."""
    data = path.read_bytes()
    decoded = decode(data, declared_encoding(data))
    return decoded.encoding if decoded and decoded.is_guess else None


def in_utf8(path: Path, encoding: str) -> bytes:
    """Return the text of a file in the encoding of that name, as UTF-8 with a byte order mark.

    Raises DocumentError where there is no encoding of that name.
    """
    try:
        codec = codecs.lookup(encoding.strip())
        if not codec._is_text_encoding:
            raise LookupError(encoding)
        text = path.read_bytes().decode(codec.name, errors="replace")
    except (LookupError, ValueError) as error:
        raise DocumentError(
            f"There is no encoding {encoding!r}: name one such as utf-8, cp1252 or iso-8859-2."
        ) from error
    return codecs.BOM_UTF8 + text.encode(errors="replace")


def write_in_utf8(path: Path, served: str | None) -> None:
    """Write a text file anew in UTF-8 where it is in the other encoding that its server names.

    What is UTF-8 is taken for it, whatever the server says, as are files with a byte order mark.
    """
    name, data = _web_encoding(served or ""), path.read_bytes()
    if name in (None, "utf-8") or data.startswith(tuple(mark for mark, _, _ in _BYTE_ORDER_MARKS)):
        return
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        path.write_bytes(in_utf8(path, str(name)))


def declared_encoding(data: bytes) -> str | None:
    """Return the encoding that an HTML page declares; None where there is none that is known."""
    match = _DECLARED.search(data, 0, _DECLARED_WITHIN_BYTES)
    return _web_encoding((match[1] or match[2]).decode()) if match else None


def _web_encoding(name: str) -> str | None:
    """The codec of the encoding that browsers take for a name; None where they know none."""
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return None
    return _WEB_SUPERSETS.get(codec, codec) if codec.startswith((*_WEB_ENCODINGS, "ascii")) else None


def decode_bytes(data: bytes, declared: str | None = None) -> str | None:
    """Return text with its line ends as "\\n", or None where the bytes are not text; see `decode`."""
    decoded = decode(data, declared)
    return decoded.text if decoded else None


def decode(data: bytes, declared: str | None = None) -> Decoded | None:
    """Return text with its line ends as "\\n", or None where the bytes are not text.

    What the bytes show (a byte order mark, NULs, escapes, valid UTF-8) goes before the encoding that a file declares, and
    that before a guess.
    """
    for mark, name, width in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            whole = data[: len(data) - (len(data) % width)] if width > 1 else data
            return _checked(whole.decode(name, errors="replace"), name)
    if b"\0" in data:
        filled = data.rstrip(_FILLING)  # old programs fill the last block
        bare = filled.translate(None, b"\0")
        are_strays = len(filled) - len(bare) <= _STRAY_NULS * len(filled)
        if not are_strays or not _is_plain(bare):
            wide = _decode_wide(data)
            if wide is not None:
                return _checked(*wide)
            if not are_strays and not _is_plain(bare):
                return None
        data = bare
    if _ESCAPES.search(data):
        escaped = _decode_escapes(data, declared)
        if escaped is not None:
            return escaped
    try:
        return _checked(data.decode(), "utf-8")
    except UnicodeDecodeError:
        pass
    mended = _decode_mended(_HALVES.sub(_whole, data))
    if mended is not None:
        return _checked(mended, "utf-8")
    if declared:
        return _checked(data.decode(declared, errors="replace"), declared)
    return _guess(data)


def _whole(halves: re.Match[bytes]) -> bytes:
    character = halves[0].decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")
    return character.encode()


def _checked(text: str, encoding: str, *, is_guess: bool = False) -> Decoded | None:
    text = text.rstrip(_FILLING.decode())
    if "\x08" in text:
        text = _OVERSTRUCK.sub(lambda match: match[1] if match[2] == "_" else match[2], text)
    if "\x1b" in text:
        text = _TERMINAL.sub("", text)
    # A short text may hold a few strays, too.
    if len(_CONTROL.findall(text)) > max(_MOST_CONTROL * len(text), min(_FEW_CONTROL, len(text) / 10)):
        return None
    if is_guess and text.count("\ufffd") > _MOST_UNREADABLE * len(text):
        return None
    for dropped in _DROPPED:  # far faster than a table for every character
        text = text.replace(dropped, "")
    return Decoded(text.replace("\r\n", "\n").replace("\r", "\n"), encoding, is_guess)


def _is_plain(data: bytes) -> bool:
    """Whether bytes are text without the NULs among them."""
    text = data.decode("utf-8", errors="replace")
    odd = len(_CONTROL.findall(text)) + text.count("\ufffd")
    return odd <= _MOST_CONTROL * len(text)


def _decode_wide(data: bytes) -> tuple[str, str] | None:
    """Return text in UTF-16 or UTF-32 without a byte order mark: the reading with the most spaces and line ends.

    Any other reading of the same bytes turns those into rare or unassigned characters.
    """
    best, most_common = None, 0.0
    for encoding, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        text = data[: len(data) - len(data) % width].decode(encoding, errors="replace")
        sample = text[:_SAMPLE_CHARS]
        if not sample:
            continue
        odd = sum(char in "\0\ufffd" or unicodedata.category(char) in ("Cn", "Co") for char in sample)
        common = sum(char in _COMMON for char in sample) / len(sample)
        if odd <= _MOST_CONTROL * len(sample) and common > most_common:
            best, most_common = (text, encoding), common
    return best


def _decode_escapes(data: bytes, declared: str | None) -> Decoded | None:
    """Return text in ISO-2022 or HZ, whose escapes are valid ASCII too."""
    for name in dict.fromkeys(filter(None, (declared, _detected(data)))):
        if name.replace("-", "").replace("_", "").lower().startswith(("iso2022", "hz")):
            codec = codecs.lookup(name).name
            text = data.decode(_SUPERSETS.get(codec, codec), errors="replace")
            if text.count("\ufffd") <= _MOST_CONTROL * len(text):
                return _checked(text, codec)
    return None


def _decode_mended(data: bytes) -> str | None:
    """Return text in UTF-8 whose few odd bytes are read as Windows writes them; None where it is not UTF-8."""
    good = len(_MULTIBYTE.findall(data))
    if not good:
        return None
    text = data.decode("utf-8", errors="surrogateescape")
    odd = [char for char in text if "\udc80" <= char <= "\udcff"]
    if len(odd) * 2 > good:
        return None
    table = {}
    for char in set(odd):
        table[ord(char)] = bytes([ord(char) - 0xDC00]).decode("cp1252", errors="replace")
    return text.translate(table)


def _guess(data: bytes) -> Decoded | None:
    high_bytes = len(data) - len(data.translate(None, bytes(range(0x80, 0x100))))
    name = None
    # Where next to nothing but English letters is there to guess from, the everyday encoding is as good as any.
    is_plain = high_bytes < _RARE * len(data) or not data.translate(None, _SIGNS_OF_WINDOWS + bytes(range(0x80)))
    has_guillemets = _MAC_GUILLEMETS.search(data) and not _FOREIGN_WORD.search(data)
    if (has_guillemets or _MAC_QUOTES.search(data)) and not _WINDOWS_QUOTES.search(data):
        name = "mac_roman"
    elif not is_plain or not _reads(data, "cp1252"):
        letters = len(data) - len(data.translate(None, _ASCII_LETTERS))
        is_latin = high_bytes <= _FEW and high_bytes < _MOST_ACCENTED * letters
        name = _detected_latin(data) if is_latin else _detected(data)
        if not is_latin and name not in _EAST_ASIAN and high_bytes > len(data) / 2:
            name = _detected_without_strays(data) or name
    codec = _SUPERSETS.get(codecs.lookup(name).name, codecs.lookup(name).name) if name else "cp1252"
    text = data.decode(codec, errors="replace")
    if codec == "cp1250" and _is_latin_2(data, text):
        codec = "iso8859-2"
        text = data.decode(codec)
    if name and _has_odd_words(text) and _is_western(other := data.decode("mac_roman")):
        codec, text = "mac_roman", other
    if "\ufffd" in text and name:
        plain = data.decode(name, errors="replace")
        if plain.count("\ufffd") < text.count("\ufffd"):
            text, codec = plain, codecs.lookup(name).name
    # Where the detector names what makes no text of it, the everyday encoding may.
    return _checked(text, codec, is_guess=True) or _checked(data.decode("cp1252", "replace"), "cp1252", is_guess=True)


def _has_odd_words(text: str) -> bool:
    """Whether many of the letters beyond ASCII in words are no small ones: few languages write so."""
    inner = _INNER.findall(text, 0, _SAMPLE_CHARS)
    return sum(not sign.islower() for sign in inner) > _MOST_ODD * len(inner)


def _is_western(text: str) -> bool:
    """Whether all letters beyond ASCII in words are small ones of Western languages."""
    inner = _INNER.findall(text, 0, _SAMPLE_CHARS)
    return bool(inner) and set(inner) <= _WESTERN


def _is_latin_2(data: bytes, text: str) -> bool:
    """Whether what was read as Windows' Central European is ISO-8859-2, which has the same letters in other places."""
    if any(0x80 <= byte < 0xA0 for byte in set(data)):
        return False
    return bool(_SIGNS_IN_WORDS.search(text) or (("ą" in text or "Ą" in text) and _NOT_POLISH.search(text)))


def _detected_latin(data: bytes) -> str | None:
    """Return the encoding of a short text in Latin letters with a few accents; None where nothing tells.

    With so little to go by, the detector names any script that the few bytes could be of.
    """
    import chardet

    for guess in chardet.detect_all(data):
        if guess["language"] in _LATIN_LANGUAGES and guess["confidence"] >= _LEAST_CONFIDENCE and guess["encoding"]:
            name = codecs.lookup(guess["encoding"]).name
            is_spanish = name in _CENTRAL_EUROPEAN and _SPANISH.search(data) and _reads(data, "cp1252")
            return "cp1252" if is_spanish else name
    return None if _reads(data, "cp1252") else _detected(data)


def _detected_without_strays(data: bytes) -> str | None:
    """Return the encoding of a Chinese, Japanese or Korean text where a few bytes that are none hide it; else None."""
    for codec in ("gb18030", "cp932", "cp949", "big5"):
        whole = data.decode(codec, errors="ignore").encode(codec, errors="ignore")
        if 0 < len(data) - len(whole) <= max(_FEW_CONTROL, _RARE * len(data)):
            name = _detected(whole)
            if name in _EAST_ASIAN:
                return name
    return None


def _reads(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _detected(data: bytes) -> str | None:
    import chardet  # nothing else pays for it

    if len(data) > _SAMPLE_BYTES:
        # The beginning of a long file may say nothing, and only its lines with other letters do.
        telling = [line for line in data.splitlines(keepends=True) if not line.isascii() or b"\x1b" in line]
        data = b"".join(telling)[:_SAMPLE_BYTES] or data[:_SAMPLE_BYTES]
    name = chardet.detect(data)["encoding"]
    try:
        return codecs.lookup(name).name if name else None
    except LookupError:
        return None
