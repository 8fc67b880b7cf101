"""Running heads and page numbers: lines at the edges of pages that repeat, or count the pages.

A head is kept where it first appears. Lines in which any other figure changes from page to page are left alone.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_REACH = 8
"""How many pages before and after a page are compared with it."""
_LEAST_PAGES = 3
_EDGE_LINES = 3
_MOST_LINE_CHARS = 160
_NUMBER = re.compile(r"(?<!\w)(?:(\d{1,6})|([ivxlc]{1,8}))(?!\w)")
_PRINTED = re.compile(r"^[-–—•·|\[ ]*#|(?:^|\W)#[\s)\]–—|·•-]*$|#\s*(?:of|/|de|von)\s*\d+$")
"""A page's number comes first or last in its line."""
_HEADING = re.compile(
    r"(?:chapter|section|part|exhibit|appendix|annex|article|question|day|week|lesson|unit|figure|table|slide|sheet|act|"
    r"scene|letter|step|item|case|kapitel|abschnitt|teil|anlage|frage|tag|chapitre|partie|annexe|jour|capítulo|capitolo|"
    r"parte|anexo|día|giorno|hoofdstuk|deel)\s+#",
    re.I,
)
"""What counts itself, one a page, and not the pages."""
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}

_BY_TWO = re.compile(r"\W*(\d{1,6})(?:\W+(\d{1,6}))?\W*")
_SHEET = "##"
"""In place of numbers of a sheet that shows two pages of a book side by side."""

Key = tuple[str, int | None]
"""A line with "#" for the page's number, and what the number is ahead of the page's index; None: the line as it is.

A sheet's are ahead of twice its index."""


_Counts = tuple[Counter[Key], Counter[Key]]
"""Of lines at the top and at the bottom."""


@dataclass
class _Page:
    text: str
    lines: list[str]
    edges: tuple[list[int], list[int]]
    """The lines from the top and from the bottom, the outermost first."""
    keys: dict[int, dict[Key, str]]
    """Of each line at an edge: what it may repeat, with the number that is printed there."""
    at_edge: tuple[set[Key], set[Key]]
    index: int
    ahead: int | None = None
    """What its printed number is ahead of its index."""
    number: str = ""


def without_running_lines(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each page's text without its running lines, and the page number that is printed on it, if any."""
    window: deque[_Page] = deque()
    before: deque[_Page] = deque()
    near: _Counts = (Counter(), Counter())
    for index, text in enumerate(texts):
        window.append(_page(text, index))
        for counts, keys in zip(near, window[-1].at_edge, strict=True):
            counts.update(keys)
        if len(window) > _REACH:
            yield _stripped(before, window, near)
    while window:
        yield _stripped(before, window, near)


def _page(text: str, index: int) -> _Page:
    lines = text.splitlines()
    filled = [at for at, line in enumerate(lines) if line.strip()]
    edges = (filled[:_EDGE_LINES], filled[::-1][:_EDGE_LINES])
    keys = {at: {} if _is_row(lines, at) else dict(_keys(lines[at], index)) for edge in edges for at in edge}
    at_top, at_bottom = ({key for at in edge for key in keys[at]} for edge in edges)
    return _Page(text, lines, edges, keys, (at_top, at_bottom), index)


def _is_row(lines: list[str], at: int) -> bool:
    """Whether a line is a table's, whose first row may repeat on every page."""
    return " | " in lines[at] and any(" | " in line for line in (*lines[at - 1 : at], *lines[at + 1 : at + 2]))


def _keys(line: str, index: int) -> Iterator[tuple[Key, str]]:
    line = " ".join(line.split())
    if len(line) > _MOST_LINE_CHARS:
        return
    letters = sum(map(str.isalpha, line))
    if (
        2 * letters < len(line)
        and letters < sum(map(str.isdigit, line))
        and not _NUMBER.fullmatch(line.strip("-–—•·|[] "))
    ):
        return  # figures are no head, even where they repeat
    if letters:
        yield (line, None), ""
    for match in _NUMBER.finditer(line):
        value = int(match[1]) if match[1] else _roman_value(match[2])
        pattern = f"{line[: match.start()]}#{line[match.end() :]}"
        if _PRINTED.search(pattern) and not _HEADING.match(pattern):
            yield (pattern, value - index), match[0]
    if (sheet := _BY_TWO.fullmatch(line)) and int(sheet[2] or int(sheet[1]) + 1) == int(sheet[1]) + 1:
        yield (_SHEET, int(sheet[1]) - 2 * index), f"{sheet[1]}–{sheet[2]}" if sheet[2] else sheet[1]


def _roman_value(digits: str) -> int:
    values = [_ROMAN[digit] for digit in digits]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))


def _stripped(before: deque[_Page], window: deque[_Page], near: _Counts) -> tuple[str, str]:
    """Take the first page out of the window.

    Args:
        before: the pages before it.
        window: this page and those behind it.
        near: on how many of all these pages a line stands, for each edge.
    """
    page = window.popleft()
    if len(before) > _REACH:
        for counts, keys in zip(near, before.popleft().at_edge, strict=True):
            counts.subtract(keys)
    dropped = set()
    for edge, lines in enumerate(page.edges):
        counts = near[edge]
        for at in lines:
            key = max(page.keys[at], key=lambda key: (counts[key], key[1] is not None), default=None)
            if key is None or counts[key] < _LEAST_PAGES:
                break  # what is further in is no head
            if key[0] == _SHEET:
                page.number = _joined(page.number, page.keys[at][key])
            elif page.ahead is None:
                page.ahead, page.number = key[1], page.keys[at][key]
            if any(key in other.at_edge[edge] for other in before) or not any(map(str.isalpha, key[0])):
                dropped.add(at)
    page.number = number = page.number or _between(before, page, window)
    before.append(page)
    if not dropped or not any(line.strip() for at, line in enumerate(page.lines) if at not in dropped):
        return page.text, number  # a page that only repeats others is no head
    return "\n".join(line for at, line in enumerate(page.lines) if at not in dropped).strip("\n"), number


def _joined(first: str, second: str) -> str:
    """What both pages of a sheet are called, the lower number first; either may be missing."""
    return "–".join(sorted(filter(None, (first, second)), key=lambda number: (len(number), number)))


def _between(before: deque[_Page], page: _Page, after: deque[_Page]) -> str:
    """The number of a page without one, such as a chapter's first, between pages that count on."""
    ahead = next((other.ahead for other in reversed(before) if other.ahead is not None), None)
    goes_on = any(key[1] == ahead and key[0] != _SHEET for other in after for keys in other.at_edge for key in keys)
    return str(page.index + ahead) if ahead is not None and goes_on and before[-1].number.isdigit() else ""
