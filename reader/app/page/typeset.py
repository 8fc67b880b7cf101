"""A page's text as typeset HTML, with a quote marked in it.

Markdown is rendered without its HTML, pictures and styles. Other formats come from their parsers as plain text with headings, lists
and rows of tables on lines of their own, a PDF in the lines of its pages, which flow as paragraphs here. Pictures
of a file are put where they stand. Texts are strangers' words: all of them are escaped here or by markdown-it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby, pairwise
from statistics import median
from typing import Any

import lxml.html
from lxml import etree
from markdown_it import MarkdownIt

from reader.app.pages import Inserted, PageView
from reader.wording import FRONT_MATTER, MARKDOWN

PDF = "pdf"
_ITEM = re.compile(r"\s*(?:[-•*]|\d{1,3}[.)])\s+")
_CAPTION = re.compile(
    r"(?:Fig(?:ure|\.)|Table|Plate|Abb(?:ildung|\.)|Tab(?:elle|leau|la|\.)|Figura)\s*\d+(?:[.-]\d+)*[a-z]?(?P<sign>[.:])\s"
)
"""The beginning of what stands below a picture or above a table."""
_SENTENCE_END = re.compile(r"[.!?:;][\"”’»)]*$")
_WORD = re.compile(r"\w+")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""What no HTML can hold."""
_PLACE = "\x02"
"""Stands for a picture while a text, which has no such sign, is set."""
_WRAPPED_CHARS = 50
"""Lines that are longer in the mean were broken by their width, and their breaks mean nothing."""
_NEIGHBOURS = 5
"""The lines before and after a line of a PDF that show how wide its column is."""
_FULL = 0.9
"""A line of a PDF is full from this share of its column's characters on: they are not equally wide."""
_COLUMN_CHARS = 32
"""Shorter lines are no column's, but those of a title, an address or a figure."""
_NO_GAP = re.compile(r"[-‐–—/]$|[\u3040-\u30ff\u3400-\u9fff\uff00-\uffef、。」]$")
"""The ends of lines that go on without a space."""


def typeset(page: PageView) -> str:
    """The text of a page as HTML, its marked part in `<mark>`; words that were looked for wherever they stand."""
    text = _NO_TEXT.sub(" ", page.text)
    held = _with_places(text, page.inserted)
    html = _markdown(text) if page.format == MARKDOWN else _plain(held, page.label, has_lines=page.format == PDF)
    for one in page.inserted:
        picture = f'<img src="illustration/{page.document_id}/{one.number}" alt="{escape(one.alt)}">'
        html = html.replace(_PLACE, picture, 1)
    for start, end in page.marks:
        quote = text[start:end]
        shown = _markdown(quote) if page.format == MARKDOWN else escape(quote)
        html = _marked(html, _text_of(shown), None if page.find else start / max(1, len(text)))
    return html


def _with_places(text: str, inserted: Sequence[Inserted]) -> str:
    """A text with a sign where each picture stands: in its line, or as a block of its own where a paragraph ends."""
    parts, done = [], 0
    for one in inserted:
        before, after = text[: one.char].rstrip(" \t"), text[one.char :].lstrip(" \t")
        is_apart = (not before.strip() or before.endswith("\n\n")) or (not after.strip() or after.startswith("\n\n"))
        space = " " if text[: one.char].endswith(" ") else ""  # it stood between two words
        parts += [text[done : one.char], f"\n\n{_PLACE}\n\n" if is_apart else _PLACE + space]
        done = one.char
    return "".join([*parts, text[done:]])


def _markdown(text: str) -> str:
    front = FRONT_MATTER.match(text)
    settings = f'<pre class="front">{escape(front[2])}</pre>' if front else ""
    return settings + str(_RENDERER.render(text[front.end() :] if front else text))


def _renderer() -> MarkdownIt:
    """CommonMark and tables. A file's own HTML is shown as text; pictures would be loaded from elsewhere, so their words stand."""
    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])

    def link(self: Any, tokens: Any, number: int, options: Any, env: Any) -> str:
        tokens[number].attrSet("target", "_blank")
        tokens[number].attrSet("rel", "noopener noreferrer nofollow")
        return str(self.renderToken(tokens, number, options, env))

    def picture(self: Any, tokens: Any, number: int, options: Any, env: Any) -> str:
        return f'<span class="picture">{escape(tokens[number].content)}</span>'

    def table(self: Any, tokens: Any, number: int, options: Any, env: Any) -> str:
        return _TABLE

    def turning(self: Any, tokens: Any, number: int, options: Any, env: Any) -> str:
        tokens[number].attrSet("dir", "auto")
        return str(self.renderToken(tokens, number, options, env))

    def table_end(self: Any, tokens: Any, number: int, options: Any, env: Any) -> str:
        return "</table></div>"

    renderer.add_render_rule("link_open", link)
    for kind in ("bullet_list", "ordered_list", "blockquote"):
        renderer.add_render_rule(f"{kind}_open", turning)
    renderer.add_render_rule("table_open", table)
    renderer.add_render_rule("table_close", table_end)
    renderer.add_render_rule("image", picture)
    return renderer


_TABLE = '<div class="table" tabindex="0" role="region" aria-label="Table"><table dir="auto">'
"""A table may be wider than the page: it is moved sideways by itself, by keys, too. Like a list and a quotation, one whose words
run from right to left is turned round; within paragraphs the style sheet does it."""
_RENDERER = _renderer()


def _plain(text: str, label: str, *, has_lines: bool) -> str:
    blocks = [block for block in re.split(r"\n[ \t]*\n\s*?(?=\S|[ \t]+\S)", text) if block.strip()]
    if has_lines:
        blocks = [flowed for block in blocks for flowed in _flowed(block.split("\n"))]
    return "".join(_block(block.strip("\n"), is_heading=_same(block, label)) for block in blocks)


def _flowed(lines: list[str]) -> Iterator[str]:
    """The paragraphs, tables, and runs of single lines that the lines of a PDF's page make."""
    for is_table, rows in groupby((line.strip() for line in lines if line.strip()), lambda line: " | " in line):
        own = list(rows)
        if is_table:
            yield "\n".join(own)
        else:
            for is_paragraph, parts in groupby(_running(own), _stands_alone):
                texts = [text for text, _ in parts]
                yield from texts if is_paragraph else ["\n".join(texts)]


def _running(lines: list[str]) -> list[tuple[str, bool]]:
    """Texts, each with whether it is of several lines.

    A line runs on where the next one begins with a small letter, or with a word that did not fit behind it. The column is as wide
    as most lines near by: single lines are longer where the parser took a word's hyphen out.
    """
    made = [(lines[0], False)]
    for number, (before, line) in enumerate(pairwise(lines)):
        width = median(map(len, lines[max(0, number - _NEIGHBOURS) : number + _NEIGHBOURS + 2]))
        is_full = len(before) >= _COLUMN_CHARS and len(before) + 1 + len(line.split(" ", 1)[0]) > width * _FULL
        # The text behind a caption is a paragraph of its own, though the caption fills its line.
        is_behind = _CAPTION.match(made[-1][0]) and _SENTENCE_END.search(before) and not line[0].islower()
        begins = bool(_ITEM.match(line) or is_behind or _is_caption(line, before))
        if (is_full or line[0].islower()) and not begins:
            made[-1] = (f"{made[-1][0]}{'' if _NO_GAP.search(before) else ' '}{line}", True)
        else:
            made.append((line, False))
    return made


def _stands_alone(part: tuple[str, bool]) -> bool:
    return part[1] or _CAPTION.match(part[0]) is not None


def _is_caption(line: str, before: str) -> bool:
    """Whether a line begins a caption: a sentence may end in "see\\nFigure 5." """
    found = _CAPTION.match(line)
    return found is not None and (found["sign"] == ":" or bool(_SENTENCE_END.search(before)))


def _block(block: str, *, is_heading: bool) -> str:
    lines = block.split("\n")
    if is_heading:
        return f"<h2>{escape(block.strip())}</h2>"
    if len(lines) > 1 and all(" | " in line for line in lines):
        rows = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line.split(' | '))}</tr>" for line in lines]
        return f"{_TABLE}{''.join(rows)}</table></div>"
    if all(_ITEM.match(line) for line in lines):
        return f"<p class='items'>{escape(block)}</p>"
    kind = " class='caption'" if _CAPTION.match(block) else ""
    is_wrapped = len(lines) > 1 and sum(map(len, lines)) / len(lines) > _WRAPPED_CHARS
    return f"<p{kind}>{escape(' '.join(line.strip() for line in lines) if is_wrapped else block)}</p>"


def _same(block: str, label: str) -> bool:
    return bool(label.strip()) and " ".join(block.split()) == " ".join(label.split())


# Marking


@dataclass(frozen=True)
class _Piece:
    """A text of the tree: that before an element's children, or that behind the element."""

    element: Any
    is_tail: bool
    text: str


@dataclass(frozen=True)
class _Word:
    piece: int
    start: int
    end: int
    folded: str


def _marked(html: str, quote: str, at: float | None) -> str:
    """HTML with the words of a quote marked: of several places the one nearest to a share of the text, or with None all."""
    root = lxml.html.fragment_fromstring(html, create_parent="div")
    pieces = list(_pieces(root))
    words = [
        _Word(number, found.start(), found.end(), _folded(found[0]))
        for number, piece in enumerate(pieces)
        for found in _WORD.finditer(piece.text)
    ]
    wanted = [_folded(found[0]) for found in _WORD.finditer(quote)]
    folded = [word.folded for word in words]
    count = len(wanted)
    if not count:
        return html
    places = [n for n in range(len(folded) - count + 1) if folded[n] == wanted[0] and folded[n : n + count] == wanted]
    if not places:
        return html
    if at is not None:
        share = at * len(words)
        places = [min(places, key=lambda place: abs(place - share))]
    opening, closing = _signs(quote)
    end_of_last = len(words)
    for first in reversed(places):
        if first + count > end_of_last:
            continue  # it overlaps the one behind it
        end_of_last, chosen = first, words[first : first + count]
        for number in sorted({word.piece for word in chosen}, reverse=True):
            own = [word for word in chosen if word.piece == number]
            text, start, end = pieces[number].text, own[0].start, own[-1].end
            if own[0] is chosen[0] and text[:start].endswith(opening):
                start -= len(opening)
            if own[-1] is chosen[-1] and text[end:].startswith(closing):
                end += len(closing)
            _mark(pieces[number], start, end)
            pieces[number] = replace(pieces[number], text=text[:start])  # what is behind has been done
    inside = "".join(etree.tostring(child, encoding="unicode", method="html") for child in root)
    return escape(root.text or "") + inside


def _signs(quote: str) -> tuple[str, str]:
    """The signs before a quote's first word and behind its last one, such as quotation marks and a full stop."""
    words = list(_WORD.finditer(quote))
    return quote[: words[0].start()].lstrip(), quote[words[-1].end() :].rstrip()


def _pieces(element: Any) -> Iterator[_Piece]:
    if element.text:
        yield _Piece(element, False, element.text)
    for child in element:
        yield from _pieces(child)
        if child.tail:
            yield _Piece(child, True, child.tail)


def _mark(piece: _Piece, start: int, end: int) -> None:
    mark = etree.Element("mark")
    mark.text, mark.tail = piece.text[start:end], piece.text[end:]
    if piece.is_tail:
        piece.element.tail = piece.text[:start]
        parent = piece.element.getparent()
        parent.insert(parent.index(piece.element) + 1, mark)
    else:
        piece.element.text = piece.text[:start]
        piece.element.insert(0, mark)


def _text_of(html: str) -> str:
    return str(lxml.html.fragment_fromstring(html, create_parent="div").text_content())


def _folded(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", word).casefold() if not unicodedata.combining(c))
