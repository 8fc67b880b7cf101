"""Markdown as it is written, a page of the document for each part between headings.

It is not rendered: a model reads the marks well, and quotes stay those of the file. What stands in code and in the front
matter is no heading.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from reader.documents.encodings import read_text
from reader.documents.text import Parsed, chosen_title, readable_stem, split_pages, split_sections
from reader.wording import FRONT_MATTER

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*")
# What a setext heading cannot be: other blocks, and rows of a table.
_NO_HEADING = re.compile(r"(?: {4}|\t)| {0,3}(?:[-+*>|]|\d{1,9}[.)]\s)|.*\|")
_FRONT_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_WIKI_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_NOTE = re.compile(r"\[\^[^\]]+\]")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_MARKS = re.compile(r"(?<!\\)(\*\*|__|\*|`|~~)(?=\S)(.+?)(?<=[^\s\\])\1")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_ATTRIBUTES = re.compile(r"[ \t]*\{(?:[#.][^{}]*|-)\}$")
# HTML in which marks are text.
_RAW = re.compile(r"^ {0,3}<(pre|script|style|textarea)\b.*?(?:</\1>|\Z)", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_HTML_HEADING = re.compile(r" {0,3}<h([1-6])\b[^>]*>(.{1,500}?)</h\1\s*>", re.DOTALL | re.IGNORECASE)
_MOST_HEADING_LINES = 3
_MOST_HEADING_CHARS = 300


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page."""
    text = read_text(path)
    headings = list(_headings(text))
    top = next((title for _, level, title in headings if level == 1), "")
    front = FRONT_MATTER.match(text)
    named = _FRONT_TITLE.search(front[2]) if front else None
    title = " ".join(_plain(top).split()) or (
        chosen_title(named[1].strip("\"'"), path) if named else readable_stem(path)
    )
    sections = _sections(text, headings)
    return title, split_sections(sections) if headings else split_pages(text)


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, level, title as written) of each heading."""
    front = FRONT_MATTER.match(text)
    start = front.end() if front else 0
    hidden = [match.span() for pattern in (_COMMENT, _RAW) for match in pattern.finditer(text)]
    # The lines of the paragraph so far, which a line under them makes a heading.
    fence, before = "", (start, "")
    for line in text[start:].splitlines(keepends=True):
        end, body = start + len(line), line.rstrip("\n")
        fenced = _FENCE.fullmatch(body)
        if fence:
            if fenced and fenced[1].startswith(fence) and not fenced[2].strip():
                fence = ""
            before = (end, "")
        elif fenced and not ("`" in fenced[1] and "`" in fenced[2]):
            fence, before = fenced[1], (end, "")
        elif any(low <= start < high for low, high in hidden[:1000]):
            before = (end, "")
        elif (atx := _ATX.fullmatch(body)) and (atx[2] or "").strip():
            yield start, len(atx[1]), atx[2].strip()
            before = (end, "")
        elif (under := _UNDERLINE.fullmatch(body)) and _may_be_heading(before[1]):
            yield before[0], 1 if "=" in under[1] else 2, before[1].strip()
            before = (end, "")
        elif (tagged := _HTML_HEADING.match(text, start)) and _plain(tagged[2]).strip():
            yield start, int(tagged[1]), tagged[2]
            before = (end, "")
        else:
            goes_on = bool(before[1].strip()) and bool(body.strip())
            before = (before[0], f"{before[1]}\n{body}") if goes_on else (start, body)
        start = end


def _may_be_heading(paragraph: str) -> bool:
    """Whether a line below a paragraph makes it a heading; one that is long was meant to end with a rule."""
    lines = paragraph.split("\n")
    is_short = len(lines) <= _MOST_HEADING_LINES and len(paragraph) <= _MOST_HEADING_CHARS
    return bool(paragraph.strip()) and is_short and not any(_NO_HEADING.match(line) for line in lines)


def _sections(text: str, headings: list[tuple[int, int, str]]) -> Iterator[tuple[str, str]]:
    """Yield (heading, text) of each part; headings that only follow one another share one."""
    front = FRONT_MATTER.match(text)
    # The front matter is the first heading's: alone, it would be a page without a name.
    start, title, heading_end = 0, "", front.end() if front else 0
    for position, _, written in headings:
        between = text[heading_end:position]
        if (title or between.strip()) and (not title or between.strip()):
            yield title, text[start:position]
            start = position
        title = _plain(written)
        heading_end = _line_end(text, position, written)
    yield title, text[start:]


def _line_end(text: str, position: int, written: str) -> int:
    """Where a heading ends, the line under it counted in."""
    end = text.find("\n", text.find(written, position))
    if end < 0:
        return len(text)
    under = _UNDERLINE.match(text, end + 1)
    is_atx = text[position : position + 4].lstrip().startswith("#")
    return under.end() if under and not is_atx else end


def _plain(title: str) -> str:
    """A heading without its marks."""
    title = _TAG.sub("", _NOTE.sub("", _ATTRIBUTES.sub("", title)))
    title = _WIKI_LINK.sub(r"\1", _LINK.sub(r"\1", title))
    return html.unescape(_ESCAPED.sub(r"\1", _MARKS.sub(r"\2", title)))
