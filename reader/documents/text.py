"""Plain text in any common encoding, with the file's own form feeds as pages or pages made of paragraphs.

It does not guess chapters, and takes a title from the file's name: first lines are licences as often as titles.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import charset_normalizer

from ..errors import DocumentError

PAGE_CHARS = 2000
_SLACK_CHARS = 500
# With pages that grow with the text, no text is refused for the number of pages that we made up ourselves.
_MOST_PAGES = 15_000
_LABEL_CHARS = 80

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

# What word processors put in the title when nobody wrote one.
_NO_TITLE = re.compile(
    r"untitled.*|\(?unspecified\)?|title|(?:word )?document\d*|.*\.(docx?|dvi|html?|indd|pdf|ps|qxd|rtf|tex|txt|p65)",
    re.I,
)
_TITLE_CHARS = range(2, 201)

# Tabs, line ends, form feeds and escapes are in honest text files; a few strays are forgiven.
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_MOST_CONTROL = 0.02

# Found in text of every language that is told apart by them alone.
_COMMON = frozenset(" \n\r\t,.-'\"0123456789aeinorst\u3000、。，")
_SAMPLE_CHARS = 100_000


def parse(path: Path, password: str | None) -> tuple[str, Iterator[tuple[str, str]]]:
    """Return the title and the (label, text) of each page."""
    return readable_stem(path), split_pages(decode(path))


def decode(path: Path) -> str:
    """Return the text of a file in UTF-8, UTF-16, UTF-32 or a guessed 8-bit encoding, with or without a byte order mark.

    Raises DocumentError where the bytes are not text.
    """
    text = decode_bytes(path.read_bytes())
    if text is None:
        raise DocumentError(f"{path.name!r} is not text (it holds binary data): give its text, or the right suffix.")
    return text


def decode_bytes(data: bytes, declared: str | None = None) -> str | None:
    """Return bytes as text with line feeds, None where they are no text.

    What the bytes show (a byte order mark, NULs, valid UTF-8) goes before the encoding that a file declares, and that
    before a guess.
    """
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    text: str | None
    try:
        if marked:
            text = data.decode(marked)
        elif b"\0" in data:
            text = _decode_wide(data)
        elif declared and b"\x1b" in data:
            # ISO-2022's escapes are valid UTF-8 too.
            text = data.decode(declared, errors="replace")
        else:
            text = data.decode()
    except UnicodeDecodeError:
        if marked:
            return None
        text = data.decode(declared, errors="replace") if declared else _guess(data)
    if text is None or "\0" in text or len(_CONTROL.findall(text)) > _MOST_CONTROL * len(text):
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode_wide(data: bytes) -> str | None:
    """Return text in UTF-16 or UTF-32 without a byte order mark: the reading with the most spaces and line ends.

    Any other reading of the same bytes turns those into rare or unassigned characters.
    """
    best, most_common = None, 0.0
    for encoding in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        sample = text[:_SAMPLE_CHARS]
        odd = sum(unicodedata.category(char) in ("Cn", "Co") for char in sample)
        common = sum(char in _COMMON for char in sample) / len(sample)
        if odd <= _MOST_CONTROL * len(sample) and common > most_common:
            best, most_common = text, common
    return best


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


def split_sections(sections: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the (label, text) of each page of (title, text) sections: a page never holds text of two sections.

    A long section becomes pages labelled "Title", "Title · 2" and so on, a section that goes on under the same title
    counts on, and where there is no title the page's number is the label. Sections without any text are left out.
    """
    pieces = [(title, piece) for title, text in sections if text.strip() for piece in _cut(text)]
    if len(pieces) > _MOST_PAGES:
        yield from split_pages("".join(text for _, text in pieces))
        return
    count, previous = 0, ""
    for number, (title, piece) in enumerate(pieces, start=1):
        title = short_label(title)
        count = count + 1 if title == previous else 1
        previous = title
        label = title or str(number)
        yield label if count == 1 or not title else f"{title} · {count}", piece


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


def short_label(title: str) -> str:
    """Return the title of a chapter on one line of at most 80 characters."""
    title = " ".join(title.split())
    return title if len(title) <= _LABEL_CHARS else title[: _LABEL_CHARS - 1].rstrip() + "…"


def chosen_title(title: str, path: Path) -> str:
    """Return the title that a file gives itself, or its readable name where nobody wrote one."""
    title = " ".join(title.removeprefix("Microsoft Word - ").split())
    sane = len(title) in _TITLE_CHARS and title.isprintable() and not _NO_TITLE.fullmatch(title)
    return title if sane else readable_stem(path)


def readable_stem(path: Path) -> str:
    """Return the file's name as a title: no suffix, words apart."""
    return " ".join(path.stem.replace("_", " ").split()) or path.name
