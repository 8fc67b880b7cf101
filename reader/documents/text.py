"""Plain text in any common encoding, with the file's own form feeds as pages or pages made of paragraphs.

It does not guess chapters, and takes a title from the file's name: first lines are licences as often as titles.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

import charset_normalizer

from ..errors import DocumentError

PAGE_CHARS = 2000
_SLACK_CHARS = 500
# With pages that grow with the text, no text is refused for the number of pages that we made up ourselves.
_MOST_PAGES = 15_000

# From the best place to end a page to the worst; each match belongs to the page that it ends.
_BREAKS = tuple(re.compile(pattern) for pattern in (r"\n[ \t]*\n\s*", r"\n", r"[。！？]", r"\s"))

# UTF-32's mark begins with UTF-16's, so it is tried first.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# For these languages the guess is often a neighbour ("cp1257" for French) although the everyday encoding fits too, and
# so it is where next to nothing but English letters is there to guess from.
_WESTERN = {
    *("Danish", "Dutch", "English", "Finnish", "French", "German"),
    *("Italian", "Norwegian", "Portuguese", "Spanish", "Swedish"),
}
_RARE = 0.01
_TELLING_LINES = 500

# Tabs, line ends, form feeds and escapes are in honest text files; a few strays are forgiven.
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_MOST_CONTROL = 0.02


def parse(path: Path, password: str | None) -> tuple[str, Iterator[tuple[str, str]]]:
    """Return the title and the (label, text) of each page."""
    return readable_stem(path), split_pages(decode(path))


def decode(path: Path) -> str:
    """Return the text of a file in UTF-8, in UTF-16 or UTF-32 with a byte order mark, or in a guessed 8-bit encoding.

    Raises DocumentError where the bytes are not text.
    """
    data = path.read_bytes()
    binary = DocumentError(f"{path.name!r} is not text (it holds binary data): give its text, or the right suffix.")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as exc:
        if encoding != "utf-8" or b"\0" in data:
            raise binary from exc
        guess = _guess(data)
        if guess is None:
            raise binary from exc
        text = guess
    if "\0" in text or len(_CONTROL.findall(text)) > _MOST_CONTROL * len(text):
        raise binary
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _guess(data: bytes) -> str | None:
    high_bytes = len(data) - len(data.translate(None, bytes(range(0x80, 0x100))))
    # The detector samples a long file, and could miss the only lines that tell.
    telling = b"\n".join([line for line in data.splitlines() if not line.isascii()][:_TELLING_LINES])
    guesses = charset_normalizer.from_bytes(telling)
    best = guesses.best()
    encoding = best.encoding if best else None
    if high_bytes < _RARE * len(data) or (
        best and best.language in _WESTERN and any(guess.encoding == "cp1252" for guess in guesses)
    ):
        encoding = "cp1252"
    return data.decode(encoding, errors="replace") if encoding else None


def split_pages(text: str) -> Iterator[tuple[str, str]]:
    """Yield the (label, text) of each page: between form feeds where there are any, else of about `PAGE_CHARS`."""
    if "\f" in text.strip():
        parts = iter(text.strip("\f").replace("\f", "\n\f").split("\f"))
    else:
        parts = _cut(text.replace("\f", "\n"))
    for number, part in enumerate(parts, start=1):
        yield str(number), part


def _cut(text: str) -> Iterator[str]:
    size = max(PAGE_CHARS, len(text) // _MOST_PAGES)
    start = 0
    while len(text) - start > size + _SLACK_CHARS:
        end = _break_near(text, start + size)
        yield text[start:end]
        start = end
    yield text[start:]


def _break_near(text: str, target: int) -> int:
    low, high = target - _SLACK_CHARS, target + _SLACK_CHARS
    for pattern in _BREAKS:
        ends = [match.end() for match in pattern.finditer(text, low, high)]
        if ends:
            return min(ends, key=lambda end: abs(end - target))
    return target


def readable_stem(path: Path) -> str:
    """Return the file's name as a title: no suffix, words apart."""
    return " ".join(path.stem.replace("_", " ").split()) or path.name
