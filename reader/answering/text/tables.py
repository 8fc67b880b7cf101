"""Tables and lists of amounts as a decoder is shown them: the rows that a question names, each value beside the name of its column.

Small decoders miscount columns, and take a value from the row above. So a table whose first row names its columns is shown as
`Route: Skarra | Adult: 12.70 | Child: 6.35`. If a question names a row, the other rows are left out, and so are the other columns
if it names one of those, too. Payments, fees and prices that are listed without cells, each with its amount at its end, are rows as
well, as decoders refuse to answer beside many of them. Nothing else is changed; evidence and quotes come from the document itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from reader.answering.text.words import STOP_WORDS, stem
from reader.reading import ROW
from storage import PageRecord

MOST_HEADER_CHARS = 300
"""A longer first row of a table is not said again."""

_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_BAR = re.compile(r"(?:(?<=\s)|^)\|(?=\s|$)")
_RULES = frozenset("|:- \t\r\n")
"""The signs of the line of a Markdown table below the names of its columns."""
_FIGURE = re.compile(r"[^\w\n]*\d[\d.,:\s%–-]*[^\w\n]*")
_QUANTITY = re.compile(r"[^\w\n]*\d")
"""A cell that begins like this has a figure, maybe with its unit, or a date."""
_MARK = re.compile(r"yes|no|ja|nein|oui|non|sí|[✓✔✗✘]", re.I)
"""A cell that says yes or no."""
_WHOLE = re.compile(r"\d[\d.,\s]*")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d(?:\s*[–/-]\s*\d\d(?:\d\d)?)?")
_UNIT = re.compile(r" \(([^()\d\s][^()]{0,11})\)$")
_SUM = r"(?:[£$€¥] ?\d[\d,]*(?:\.\d\d)?|\d+(?:,\d{3})*\.\d\d|\d+(?:\.\d{3})*,\d\d)(?: ?[€%])?"
_PIECE = re.compile(
    rf"[^\S\n]*(?P<text>[^\n]*?(?:(?:(?<=[\s…|])|(?<=\.\.)){_SUM}(?=[,;.]\s|[,;.]?[^\S\n]*(?:\n|\Z))(?P<sum>)[,;.]?|(?=\n|\Z)))\s*"
)
"""A line, or a piece of one that ends with an amount."""
_LABEL = re.compile(r"(?![a-zß-ÿ]).*[^\W\d_]{2}")
_ITEM_END = re.compile(rf"(?:(?<![\d,.])|(?<=\.\.)){_SUM}[,;.]?(?:\s|\Z)")
_AMOUNT_LAST = re.compile(rf"(?:[\s…|]|\.\.)({_SUM})[.,;]?$")
_ANSWER = re.compile(r"\W*(?P<number>\d[\d.,]*\d)\W*")
_HOW_MUCH = re.compile(
    r"\W*(?:(?:and|but|so) )?(?:how much (?:money|cash|is|are|was|were|did|does|do|has|have|had|must|went|goes)\b"
    r"|what (?:is|was|are|were|did|does|do|has|have|had|must)\b.*\b(?:pay|paid|costs?|charged?|charges|fees?|prices?|premiums?"
    r"|salar\w+|wages|rent|dues|bills?|totals?|amounts?)\b)(?!.*\bfor\W*$)",
    re.I,
)
_PAYMENT = re.compile(r"\W*(?:who|whom|what|which)\b.*\b(?:pays?|paid|costs?|charged?|spent|bought|buy|sold)\b", re.I)
_SENTENCE = re.compile(r"[.!?:;,]$")
_FEWEST_ITEMS = 3
_MOST_HEADINGS = 2
"""So many lines without an amount may part two items of a list, such as a heading or the first line of an item."""
_MOST_ITEM_CHARS = 120
_WORDS_FOR_ONE_MISSING = 4
_WORD = re.compile(r"\d+(?:[.,:]\d+)*|\w+")

_LEAST_LETTERS = 3
_FEWEST_COLUMNS = 3
"""Where there are two, each row says itself what its value is of."""
_LONGEST_CELL_CHARS = 60
"""In a row, on average. Longer ones are prose, where words in common do not tell the right row."""
_MOST_ROWS = 8
"""If a question names more, those of the passage are shown."""

_NAMED = {
    stem(word): names
    for word, names in {
        "long": "length duration",
        "deep": "depth",
        "wide": "width",
        "high": "height",
        "tall": "height",
        "heavy": "weight mass",
        "weigh": "weight mass",
        "fast": "speed",
        "old": "age",
        "large": "size area",
        "big": "size area",
        "cost": "price fare fee",
        "pay": "price fare fee",
        "expensive": "price fare fee cost",
        "cheap": "price fare fee cost",
    }.items()
}
"""What a column may be called whose values are asked for with a word."""

Piece = tuple[str, int]
"""Some text, and where it begins in the document; -1: it does not stand there."""


@dataclass(frozen=True)
class Row:
    """A row of a table, without its line's end."""

    text: str
    start_char: int
    """In the document."""
    cells: tuple[Piece, ...]
    is_heading: bool = False
    """Whether it is a line without an amount in a list of amounts."""

    @property
    def end_char(self) -> int:
        """In the document."""
        return self.start_char + len(self.text)

    @cached_property
    def stems(self) -> frozenset[str]:
        """Its words without their endings."""
        return _stems(self.text)

    def cell(self, column: int) -> str:
        """The text of a cell; "" where the row has none there."""
        return self.cells[column][0] if column < len(self.cells) else ""


@dataclass(frozen=True)
class Table:
    """A table of a document, which may go on over several pages."""

    first: Row
    """Without text in a list of amounts."""
    rows: tuple[Row, ...]
    """Below the first."""

    @property
    def end_char(self) -> int:
        """In the document."""
        return (self.rows or [self.first])[-1].end_char

    @property
    def is_list(self) -> bool:
        """Whether it is a list of amounts, which has no names of columns."""
        return not self.first.text

    @property
    def header(self) -> str:
        """The first row; "" where it is too long to be said again."""
        return self.first.text if len(self.first.text) <= MOST_HEADER_CHARS else ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of its columns; none where the first row names none: no figure stands there, and quantities stand below."""
        names = tuple(text for text, _ in self.first.cells)
        if len(names) < _FEWEST_COLUMNS or names.count("") * 2 > len(names) or not self.header:
            return ()
        if any(_FIGURE.fullmatch(name) and not _YEAR.fullmatch(name) for name in names):
            return ()
        has_values = any(_QUANTITY.match(text) or _MARK.fullmatch(text) for row in self.rows for text, _ in row.cells)
        return names if has_values and not any(map(_MARK.fullmatch, names)) else ()

    @cached_property
    def is_prose(self) -> bool:
        """Whether its cells are too long to be told apart by words in common with a question."""
        longest = [max(len(text) for text, _ in row.cells) for row in self.rows]
        return not self.is_list and sum(longest) > _LONGEST_CELL_CHARS * len(longest)


@dataclass(frozen=True)
class Shown:
    """A passage as a decoder is shown it."""

    text: str
    places: tuple[int, ...]
    """Where each of its characters stands in the document; -1: nowhere."""
    cells: tuple[tuple[str, str], ...]
    """(name of the column, value) of each value that stands there beside its column's name."""
    has_cell: bool
    """Whether a question names both a row and a column of a table there."""
    rows_outside: tuple[tuple[int, int], ...]
    """Where the rows stand in the document that are outside the passage."""


def tables(pages: Iterable[PageRecord]) -> list[Table]:
    """The tables of a document's pages, in order.

    A table continues on the next page if a row ends the one page and a row with as many cells begins the next one. A row that names
    columns of its own begins another table.
    """
    found: list[Table] = []
    last_page, end = -1, 0
    for page in pages:
        own = sorted(_on_page(page), key=lambda table: table.first.start_char)
        if own and found and last_page == page.number - 1:
            before, after = found[-1], own[0]
            between = page.text[: after.first.start_char - page.start_char]
            is_alone = before.end_char >= end and not between.strip()
            below = after.rows if after.is_list else (after.first, *after.rows)
            as_wide = max(len(row.cells) for row in below) == max(
                len(row.cells) for row in (before.first, *before.rows)
            )
            if is_alone and as_wide and (not after.names or after.first.text == before.first.text):
                added = [row for row in below if row.text != before.first.text]
                found[-1], own = Table(before.first, (*before.rows, *added)), own[1:]
        found += own
        last_page, end = page.number, page.start_char + len(page.text.rstrip())
    return [table for table in found if table.rows]


def shown(text: str, start_char: int, around: Sequence[Table], question: str) -> Shown:
    """A passage as a decoder is shown it for a question.

    Args:
        text: of the passage.
        start_char: where it begins in the document.
        around: the tables that have a part of it.
    """
    pieces: list[Piece] = []
    cells: list[tuple[str, str]] = []
    has_cell = False
    outside: list[tuple[int, int]] = []
    at, end_char = start_char, start_char + len(text)

    def keep(until: int) -> None:
        pieces.append((text[at - start_char : until - start_char], at))

    for table in around:
        inside = [row for row in table.rows if row.start_char < end_char and row.end_char > start_char]
        is_cut = inside and (inside[0].start_char < start_char or inside[-1].end_char > end_char)
        if not inside or (is_cut and not table.is_list):  # a long row, in part
            continue
        rows, columns = _asked(table, inside, question)
        if table.is_list and (rows is inside or not rows):
            continue
        has_cell |= rows is not inside and len(columns) < len(table.names)
        keep(max(at, min(table.first.start_char, inside[0].start_char)))
        lines = rows if table.names or not table.header else [table.first, *rows]
        pieces += _lines(table, lines, columns)
        outside += [
            (row.start_char, row.end_char) for row in lines if row.end_char <= start_char or row.start_char >= end_char
        ]
        if table.names:
            cells += [(table.names[column], row.cell(column)) for row in rows for column in columns]
        at = inside[-1].end_char
    keep(end_char)
    places = [place if place < 0 else place + at for piece, place in pieces for at in range(len(piece))]
    return Shown("".join(piece for piece, _ in pieces), tuple(places), tuple(cells), has_cell, tuple(outside))


def asks_for_amount(question: str) -> bool:
    """Whether a question asks how much something costs, or how much is paid."""
    return bool(_HOW_MUCH.match(question))


def asks_for_payment(question: str) -> bool:
    """Whether a question asks who or what is paid for."""
    return bool(_PAYMENT.match(question))


def amount_of(row: str) -> str:
    """What a row of a list of amounts ends with."""
    found = _AMOUNT_LAST.search(row)
    return found[1] if found else ""


def rows_asked(question: str, lists: Iterable[Table], context: str) -> list[Row]:
    """The rows of lists of amounts that have a question's own words, alone or with their heading; none where too many have.

    One word of four may be missing. Rows that share fewer words than others are left out.

    Args:
        context: what may have words of it, too, such as the document's title.
    """
    asked = _stems(question) - _STOP_STEMS - _PAYING
    own = asked - _stems(context)
    shares: list[tuple[int, Row]] = []
    for table in lists if own else ():
        heading: frozenset[str] = frozenset()
        for row in table.rows:
            if row.is_heading:
                heading = row.stems
            elif row.stems & own and len(own - row.stems - heading) <= len(own) // _WORDS_FOR_ONE_MISSING:
                shares.append((len((row.stems | heading) & asked), row))
    most = max((share for share, _ in shares), default=0)
    best = [row for share, row in shares if share == most]
    return best if len(best) <= _MOST_ROWS else []


def rows_priced(answer: str, lists: Iterable[Table]) -> list[tuple[Row, frozenset[str]]]:
    """The rows of lists with the amount that an answer is, each with its stems and those of its heading; none for other answers."""
    found = _ANSWER.fullmatch(answer)
    if not found:
        return []
    priced: list[tuple[Row, frozenset[str]]] = []
    for table in lists:
        heading: frozenset[str] = frozenset()
        for row in table.rows:
            heading = row.stems if row.is_heading else heading
            if amount_of(row.text).strip("£$€¥ ") == found["number"]:
                priced.append((row, row.stems | heading))
    return priced


def names_nothing_of(question: str, stems: frozenset[str]) -> bool:
    """Whether a question says what is paid for, and no word of it is one of these stems, a part of one, or has one in it."""
    asked = {word for word in _stems(question) - _STOP_STEMS - _PAYING if len(word) >= _LEAST_LETTERS}
    words = [word for word in stems if len(word) >= _LEAST_LETTERS]
    return bool(asked) and not any(word in other or other in word for word in words for other in asked)


def as_value(answer: str, cells: Iterable[tuple[str, str]]) -> str:
    """An answer that is a value of a table, without its column's name; a number has the unit that the name has.

    Args:
        cells: as in `Shown`.
    """
    said = answer.strip().rstrip(".")
    found: set[str] = set()
    for name, value in cells:
        if value and said in (value, f"{name}: {value}"):
            unit = _UNIT.search(name) if _FIGURE.fullmatch(value) else None
            found.add(value if unit is None else f"{unit[1]}{value}" if unit[1] in "£$€¥" else f"{value} {unit[1]}")
    return found.pop() if len(found) == 1 else answer


def number_of(noun: str, cells: Iterable[tuple[str, str]]) -> str:
    """The only number among (name, value) of cells whose name ends with a noun; "" where there is none, or several."""
    named = ((_WORD.findall(name.lower())[-1:], value) for name, value in cells)
    found = {value for words, value in named if [*map(stem, words)] == [stem(noun.lower())] and _WHOLE.fullmatch(value)}
    return found.pop() if len(found) == 1 else ""


def _on_page(page: PageRecord) -> Iterator[Table]:
    """The tables of a page, also those of a single row, and its lists of amounts."""
    runs: list[list[Row]] = [[]]
    for line in _LINE.finditer(page.text) if " | " in page.text else ():
        if runs[-1] and "|" in line[0] and "-" in line[0] and _RULES.issuperset(line[0]):
            continue
        if ROW.match(line[0]):
            runs[-1].append(_row(line[0], page.start_char + line.start()))
        elif runs[-1]:
            runs.append([])
    # A first row that ends with an amount names no columns; a few such rows may be the end of a table.
    own = [
        _table(rows, page)
        for rows in runs
        if rows and (len(rows) < _FEWEST_ITEMS or not _AMOUNT_LAST.search(rows[0].text))
    ]
    yield from own
    yield from _lists(page, {row.start_char for table in own for row in (table.first, *table.rows)})


def _table(rows: Sequence[Row], page: PageRecord) -> Table:
    """A table of some rows; where its heading has two, *Oxygen* below *Summer* is called "Summer Oxygen"."""
    with_one = Table(rows[0], tuple(rows[1:]))
    if len(rows) < 3:
        return with_one
    first, second = rows[:2]
    above, below = ([text for text, _ in row.cells] for row in (first, second))
    if len(above) != len(below) or below[0] not in ("", above[0]) or any(map(_QUANTITY.match, [*above, *below])):
        return with_one
    # A cell over several columns gives its text to the first of them or to all; one over both rows stands in either or in both.
    spread: list[str] = []
    for text in above:
        spread.append(text or (spread[-1] if spread else ""))
    columns = zip(pairwise(spread), pairwise(below), strict=True)
    if not any(over == other and low and lower not in ("", low) for (over, other), (low, lower) in columns):
        return with_one
    names = [
        name if low in ("", name) else f"{over} {low}".strip()
        for name, over, low in zip(above, spread, below, strict=True)
    ]
    text = page.text[first.start_char - page.start_char : second.end_char - page.start_char]
    cells = tuple((name, first.start_char) for name in names)
    return Table(Row(text, first.start_char, cells), tuple(rows[2:]))


def _lists(page: PageRecord, taken: Set[int]) -> Iterator[Table]:
    """The lists of amounts of a page, without the rows of tables, which begin at the characters `taken`."""
    rows: list[Row] = []
    for found in _PIECE.finditer(page.text) if len(_ITEM_END.findall(page.text)) >= _FEWEST_ITEMS else ():
        text, start_char = found["text"].rstrip(" ,;"), page.start_char + found.start("text")
        if not text:
            continue
        is_item = found["sum"] is not None and bool(_LABEL.match(text))
        goes_on = rows and not _SENTENCE.search(text) and not all(row.is_heading for row in rows[-_MOST_HEADINGS:])
        if len(text) <= _MOST_ITEM_CHARS and start_char not in taken and (is_item or goes_on):
            rows.append(replace(_row(text, start_char), is_heading=not is_item))
        else:
            yield from _as_list(rows)
            rows = []
    yield from _as_list(rows)


def _as_list(rows: list[Row]) -> Iterator[Table]:
    while rows and rows[-1].is_heading:
        rows.pop()
    if sum(not row.is_heading for row in rows) >= _FEWEST_ITEMS:
        yield Table(Row("", rows[0].start_char, ()), tuple(rows))


def _row(line: str, start_char: int) -> Row:
    """A bar at both ends is a border; one at the beginning alone ends an empty first cell."""
    text, start_char = _stripped(line, start_char)
    bars = [bar.start() for bar in _BAR.finditer(text)]
    edges = bars if len(bars) > 1 and bars[0] == 0 and bars[-1] == len(text) - 1 else [-1, *bars, len(text)]
    cells = (_stripped(text[left + 1 : right], start_char + left + 1) for left, right in pairwise(edges))
    return Row(text, start_char, tuple(cells))


def _stripped(text: str, start_char: int) -> Piece:
    return text.strip(), start_char + len(text) - len(text.lstrip())


def _lines(table: Table, rows: Sequence[Row], columns: Sequence[int]) -> Iterator[Piece]:
    """The lines of a table with these of its rows and columns."""
    for line, row in enumerate(rows):
        if line:
            yield "\n", -1
        if not table.names or len(row.cells) > len(table.names):
            yield row.text, row.start_char
            continue
        for number, column in enumerate(column for column in columns if row.cell(column)):
            name = table.names[column]
            yield " | " * bool(number) + (f"{name}: " if name else ""), -1
            yield row.cells[column]


def _asked(table: Table, inside: Sequence[Row], question: str) -> tuple[Sequence[Row], Sequence[int]]:
    """The rows and the columns that a question names; the rows `inside` the passage, and all columns, where it names none.

    The rows that share most words with it, then those with words of it that these lack. Beside the labels and the columns with its
    words, those whose names share most words with it.
    """
    columns = range(len(table.first.cells))
    if (not table.is_list and len(columns) < _FEWEST_COLUMNS) or table.is_prose:
        return inside, columns
    asked = _stems(question) - _STOP_STEMS
    rows = _sharing(table, asked - table.first.stems)
    if table.is_list:
        return _with_headings(table, rows) if len(rows) <= _MOST_ROWS else inside, columns
    rows = rows if len(rows) <= _MOST_ROWS else [row for row in rows if row in inside]
    named = _shares(table.names, asked)
    if not rows or not any(named[1:]):
        return rows or inside, columns
    own = {column for row in rows for column in columns if _stems(row.cell(column)) & asked}
    kept = own | _labels(rows)
    return rows, [column for column in columns if column in kept or named[column] == max(named[1:])]


def _with_headings(table: Table, rows: Sequence[Row]) -> list[Row]:
    """Rows of a list of amounts, each behind the last heading above it; headings alone are left out."""
    kept: list[Row] = []
    heading: list[Row] = []
    for row in table.rows:
        if row.is_heading:
            heading = [row]
        elif row in rows:
            kept += [*heading, row]
            heading = []
    return kept


def _labels(rows: Sequence[Row]) -> set[int]:
    """The columns that say what each row is about: the first; where that is a number or a code, the second, or both."""
    has_digits = [any(re.search(r"\d", row.cell(column)) for row in rows) for column in (0, 1)]
    if not has_digits[0] or any(_QUANTITY.match(row.cell(1)) or not row.cell(1) for row in rows):
        return {0}
    return {0, 1} if has_digits[1] else {1}


def _shares(names: Sequence[str], asked: frozenset[str]) -> list[int]:
    """How many words of each column's name stand in a question, or are what it may be called where another word stands there."""
    called = _stems(" ".join(_NAMED.get(word, "") for word in asked))
    return [len(_stems(name) & (asked | called)) for name in names]


def _sharing(table: Table, asked: frozenset[str]) -> list[Row]:
    """The rows that share most words with a question, then those with words of it that these lack."""
    shared = [row.stems & asked for row in table.rows]
    left = frozenset().union(*shared)
    kept: set[int] = set()
    while left:
        most = max(len(words & left) for words in shared)
        best = [number for number, words in enumerate(shared) if len(words & left) == most]
        kept.update(best)
        left -= frozenset().union(*(shared[number] for number in best))
    return [table.rows[number] for number in sorted(kept)]


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in _WORD.findall(text.lower()))


_STOP_STEMS = _stems(" ".join(STOP_WORDS))
_PAYING = _stems(
    "pay paid cost spend spent charge fee price amount money go went much get got receive allow bill per day"
)
"""What is said of any amount."""
