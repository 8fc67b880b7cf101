"""The lines of a text that are headings, known by their words, their numbers, their place, and by a list of contents.

Around a heading of plain text stand blank lines; in a novel a number alone may head a chapter, in a collection a title in capitals.
In the text of a PDF no blank line stands around a heading; there headings are numbered in order, and one of them names a usual part
of a paper or a contract, or a list of contents at the beginning names them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from reader.answering.text.numerals import SMALL_NUMBERS, with_space
from storage import PageRecord

CHAPTER = r"chapters?|sections?|kapiteln?s?|abschnitte?s?|chapitres?|cap[ií]tulos?|capitol[oi]|hoofdstuk(?:ken)?"
"""The word for a chapter, in the languages that questions are understood in."""

_WORDS = SMALL_NUMBERS[1:]
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_IN_WORDS = "|".join(with_space(word) for word in sorted(_WORDS, key=len, reverse=True))
NUMBER = rf"\d{{1,9}}|[ivxlc]+|{_IN_WORDS}"
_ORDINALS = """
    first|erste[nrs]?|premi(?:er|ère)|primer[oa]? second|zweite[nrs]?|deuxième|seconde|segund[oa]
    third|dritte[nrs]?|troisième|tercer[oa]? fourth|vierte[nrs]?|quatrième|cuart[oa] fifth|fünfte[nrs]?|cinquième|quint[oa]
    sixth|sechste[nrs]?|sixième|sext[oa] seventh|sieb(?:en)?te[nrs]?|septième|séptim[oa] eighth|achte[nrs]?|huitième|octav[oa]
    ninth|neunte[nrs]?|neuvième|noven[oa] tenth|zehnte[nrs]?|dixième|décim[oa] eleventh|elfte[nrs]?|onzième
    twelfth|zwölfte[nrs]?|douzième
    thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth
""".split()  # noqa: SIM905 - words are easier to read and to keep than quotation marks
ORDINAL = "|".join(_ORDINALS)
COUNT = rf"{NUMBER}|the[ \t]+(?:{ORDINAL})"
"""A chapter's number, in figures or in words."""

_LARGER = r"part|teil|book|buch|act"
_PART = rf"{CHAPTER}|{_LARGER}|stave|canto"
_HEADING = re.compile(
    rf"^[ \t]*(?P<marks>#{{1,6}}[ \t]+)?(?P<title>(?:(?P<kind>{_PART})[ \t]+(?P<number>{COUNT})\b.{{0,90}}"
    r"|第[\d一二三四五六七八九十]+章.{0,60}|(?:(?P<plain>\d+)\.?|\d+(?:\.\d+)+\.?)[ \t]+\w.{0,80}|(?(marks).{1,100}|(?!))))[ \t]*$",
    re.I | re.M,
)
_ONLY_NUMBERED = re.compile(rf"(?:(?:{_PART})[ \t]+)?(?:{COUNT})\W*", re.I)
_COUNTED = re.compile(
    rf"^[ \t]*(?P<title>(?P<number>[IVXLC]{{1,7}}|\d{{1,3}}|{_IN_WORDS.upper()})\.?"
    r"|(?P<roman>[IVXLC]{1,7})(?:[.:]|[ \t]+[-–—])[ \t]+(?![a-zß-ÿ])[^\n]{1,80}?)[ \t]*$",
    re.M,
)
"""A number alone, or a Roman one with a title."""
_CAPITALS = re.compile(r"^[ \t]*(?P<title>(?![IVXLC]+\b)[A-ZÄÖÜÉÈÀ][^a-zß-ÿ\n]{3,80}?)[ \t]*$", re.M)
_INITIALS = re.compile(r"(?:[A-Z]\. ?)+(?:[A-Z]+\W*)?$")
"""The name of somebody who signs."""
_MARKS = " .:!*_-–—"
_TITLE_BELOW = re.compile(r"\s*\n[ \t]*(?P<title>[^\n]{2,160}?)[ \t]*(?:\n|$)")
"""The line below a heading that is only a number; a chapter's title where it is in capitals."""
_ALONE_BELOW = re.compile(
    r"\n\s*\n[ \t]*(?P<title>(?![\"'“‘«»„—–-])[^\Wa-zß-ÿ][^\n]{1,60}?(?<![.,;:!?…\"'”’»]))[ \t]*\n[ \t]*\n"
)
"""A line alone below a heading that is only a number, not in capitals: a title where most of these headings have one."""
_BELOW_CHARS, _TITLED_SHARE = 100, 0.8
_NUMBERED_LINE = re.compile(
    r"^[ \t]*(?P<line>(?P<number>\d{1,2}|[IVX]{1,5})(?:\.(?P<sub>\d{1,2}))?(?P<dot>\.?)[ \t]+(?![a-zß-ÿ])[^\W\d_][^\n]{1,70}?"
    r"|(?=[A-Z])(?i:references(?: cited)?|bibliography|works cited|acknowledge?ments?|literatur(?:verzeichnis)?|bibliographie))"
    r"[ \t]*$(?=\s*(?:\Z|[^a-zß-ÿ\s]))",
    re.M,
)
_CONTENTS = re.compile(
    r"^[^\w\n]{0,20}(?:table of contents|contents|inhalt(?:sverzeichnis)?|table des mati[èe]res|sommaire|[íi]ndice|inhoud)"
    r"[^\w\n]{0,20}$",
    re.I | re.M,
)
_LINE = re.compile(r"\S.{0,160}$", re.M)
_ENTRY = re.compile(r"(?P<title>[^\n]{0,8}[^\W\d_].{0,120}?)[\s.·…_]{1,120}(?:\d{1,4}|[ivxl]{1,7})")
"""A title with its page, in a list of contents."""
_PADDED = re.compile(r"(?:\s\s|[.·…_]{2})\d{1,4}\Z")
"""The end of a line of a list of contents."""
_NUMBER_IN_FRONT = re.compile(r"(?:\d+(?:\.\d+)*|[IVXLC]+)[.:)]?\s+")
_WRAPPED_LINES = 2
"""Lines of a long title in a list of contents that have no page."""
_ALIKE_LETTERS = 12
"""A heading in capitals begins with so many letters of a title in the list of contents."""
_FOUND_SHARE = 0.6
_USUAL_PART = re.compile(
    r"\b(?:introduction|background|overview|motivation|conclusions?|summary|discussion|results|methods?|methodology|evaluation"
    r"|experiments?|related work|definitions?|scope|purpose|term|einleitung|einführung|hintergrund|fazit|zusammenfassung"
    r"|ergebnisse|definitionen|introducci[oó]n|conclusi[oó]n(?:es)?|résultats|resultados|begriffsbestimmungen)\b",
    re.I,
)
_HEADING_WORDS = 10
_LEAST_HEADINGS = 3
_APART_CHARS = 120
"""Less text than this between two headings is a list."""

_CHAPTER_PAGES = 3
"""Numbers with fewer pages between them, on average, may be those of pages."""
_CONTENTS_SHARE = 10
"""A list of contents takes less than this part of what follows it."""
_PARTS_OF_CONTENTS = 20
"""A list of contents may have parts whose chapters begin again."""
_SUMMARY_CHARS = 600
"""More than a list of contents says of a chapter."""

_LOOK_CHARS = 20  # before a heading, for a blank line or the start of the page


def number_of(text: str) -> int:
    """A number in figures, Roman figures or English words, or an ordinal; 0 where it is none."""
    text = "-".join(text.casefold().replace("-", " ").split()).removeprefix("the-")
    if text.isdecimal():
        return int(text)
    if nth := next((at for at, ordinal in enumerate(_ORDINALS, start=1) if re.fullmatch(ordinal, text)), 0):
        return nth
    if text in _WORDS:
        return _WORDS.index(text) + 1
    values = [_ROMAN.get(letter, 0) for letter in text]
    return sum(-one if one < other else one for one, other in zip(values, [*values[1:], 0], strict=True))


def headings(pages: Sequence[PageRecord]) -> list[tuple[str, int]]:
    """(title, start) of a document's headings in order, start among its characters; empty where it shows none."""
    headed = _headed(pages)
    if len(headed) > 1:
        within = _counted(pages) if all(re.match(_LARGER, title, re.I) for title, _ in headed) else []
        return sorted(headed + within, key=itemgetter(1))
    return next((found for way in (_counted, _listed, _numbered, _in_capitals) if (found := way(pages))), headed)


class _Line(NamedTuple):
    """A line that stands alone and looks like a heading."""

    page: PageRecord
    match: re.Match[str]

    @property
    def start(self) -> int:
        return self.page.start_char + self.match.start()

    @property
    def below(self) -> str:
        """The line below it in capitals where it is only a number, else empty."""
        below = (
            _TITLE_BELOW.match(self.page.text, self.match.end())
            if _ONLY_NUMBERED.fullmatch(self.match["title"])
            else None
        )
        return (
            below["title"]
            if below and below["title"].isupper() and not _ONLY_NUMBERED.fullmatch(below["title"])
            else ""
        )

    @property
    def title(self) -> str:
        return f"{self.match['title'].strip()} {self.below}".rstrip()

    @property
    def name(self) -> tuple[str, int] | None:
        """What a list of contents has, too: chapter 3."""
        return (self.match["kind"].casefold(), number_of(self.match["number"])) if self.match["kind"] else None


def _headed(pages: Sequence[PageRecord]) -> list[tuple[str, int]]:
    """(title, start) of the lines that say that they are headings: by the word *chapter*, by a mark or by their numbers."""
    lines = _counting(_behind_contents(list(_alone(_HEADING, pages)), pages[-1].end_char if pages else 0))
    return _titled(lines, pages)


def _titled(lines: Sequence[_Line], pages: Sequence[PageRecord]) -> list[tuple[str, int]]:
    """(title, start) of headings; where most of those that are only numbers have a line alone below them, with that line."""
    following = {page.start_char: behind.text[:_BELOW_CHARS] for page, behind in pairwise(pages)}
    below: dict[int, str] = {}
    bare = [line for line in lines if _ONLY_NUMBERED.fullmatch(line.title)]
    for line in bare:
        end = line.match.end()
        text = line.page.text[end : end + _BELOW_CHARS] + following.get(line.page.start_char, "")
        if found := _ALONE_BELOW.match(text):
            below[line.start] = f" {found['title']}"
    if len(below) < max(_LEAST_HEADINGS, _TITLED_SHARE * len(bare)):
        below = {}
    return [(line.title + below.get(line.start, ""), line.start) for line in lines]


def _behind_contents(lines: list[_Line], end_char: int) -> list[_Line]:
    """Without a list of contents: lines near each other, before the first of them comes again."""
    kept: list[_Line] = []
    for _ in range(_PARTS_OF_CONTENTS):
        at = _first_again(lines)
        chars = lines[at - 1].start - lines[0].start if at else 0
        if at < _LEAST_HEADINGS or chars > min(at * _SUMMARY_CHARS, (end_char - lines[at].start) / _CONTENTS_SHARE):
            break
        again = {line.name for line in lines[at:]}
        kept += [line for line in lines[:at] if line.name and line.name not in again]
        lines = lines[at:]
    return kept + lines


def _first_again(lines: Iterable[_Line]) -> int:
    """Which line is the first that has the name of an earlier one; 0 for none."""
    seen = set[tuple[str, int]]()
    for at, line in enumerate(lines):
        if line.name:
            if line.name in seen:
                return at
            seen.add(line.name)
    return 0


def _counting(lines: list[_Line]) -> list[_Line]:
    """Without the whole numbers that do not count, such as those of addresses and footnotes."""
    runs: list[list[_Line]] = []
    for line in lines:
        if line.match["plain"] and not line.match["marks"]:
            follows = runs and int(line.match["plain"]) == int(runs[-1][-1].match["plain"]) + 1
            runs = runs if follows else [*runs, []]
            runs[-1].append(line)
    least = _LEAST_HEADINGS if any(line.name for line in lines) else 2
    strays = {
        line.start
        for run in runs
        if len(run) < (least if int(run[0].match["plain"]) <= 1 else _LEAST_HEADINGS)
        for line in run
    }
    return [line for line in lines if line.start not in strays]


def _counted(pages: Sequence[PageRecord]) -> list[tuple[str, int]]:
    """(title, start) of the numbers, alone or Roman with a title, that count chapters; none where they may be those of pages."""
    runs: list[list[_Line]] = []
    last = 0
    for line in _alone(_COUNTED, pages):
        number = number_of(line.match["number"] or line.match["roman"])
        if number == 1:
            runs.append([])
        elif not runs or number != last + 1:
            continue
        last = number
        runs[-1].append(line)
    # A text may break off behind the first chapter of a row, as behind an introduction in two parts.
    single = [run for run in runs[-1:] if len(runs) > 1 and run[0].match["roman"]]
    runs = [run for run in runs if len(run) > 1 or run in single]
    lines = [line for run in runs for line in run]
    apart = {line.start for line, behind in pairwise(lines) if behind.start - line.start >= _APART_CHARS}
    apart |= {line.start for line in lines[-1:]}
    far = [
        line
        for run in runs
        if 2 * sum(one.start in apart for one in run) > len(run)
        for line in run
        if line.start in apart
    ]
    begins_soon = bool(far) and far[0].start < pages[-1].end_char / 3
    most = len(pages) / _CHAPTER_PAGES if far and not any(line.match["roman"] for line in far) else len(far)
    return _titled(far, pages) if begins_soon and _LEAST_HEADINGS <= len(far) <= most else []


def _entries(pages: Sequence[PageRecord]) -> tuple[list[str], list[tuple[str, int]]]:
    """The titles of a list of contents with page numbers, as `_key` gives them, and (text, start) of the lines behind it."""
    first = next(
        (at for at, page in enumerate(pages[: len(pages) // 4 + 1]) if _CONTENTS.search(page.text)), len(pages)
    )
    lines = [
        (" ".join(found[0].split()), page.start_char + found.start())
        for page in pages[first:]
        for found in _LINE.finditer(page.text)
    ]
    entries: list[str] = []
    at = wrapped = next((at for at, (text, _) in enumerate(lines, start=1) if _CONTENTS.match(text)), len(lines))
    while at < len(lines) and at - wrapped <= _WRAPPED_LINES:
        if found := _ENTRY.fullmatch(lines[at][0]):
            entries.append(_key(found["title"]))
            wrapped = at + 1
        at += 1
    return entries, lines[wrapped:]


def _listed(pages: Sequence[PageRecord]) -> list[tuple[str, int]]:
    """(title, start) of the lines that a list of contents with page numbers names; none where most of them are not found."""
    entries, lines = _entries(pages)
    names = set(entries)
    places = [(key, text, start) for text, start in lines if names and (key := _key(text)) in names]
    headed: list[tuple[str, int]] = []
    for entry in entries:
        behind = next((at for at, (key, _, _) in enumerate(places) if key == entry), None)
        if behind is not None:
            headed.append(places[behind][1:])
            places = places[behind + 1 :]
    return headed if len(headed) >= max(_LEAST_HEADINGS, _FOUND_SHARE * len(entries)) else []


def _key(title: str) -> str:
    """A title's letters and figures, without the number before it."""
    return re.sub(r"\W+", "", _NUMBER_IN_FRONT.sub("", title)).casefold()


def _in_capitals(pages: Sequence[PageRecord]) -> list[tuple[str, int]]:
    """(title, start) of the lines in capitals that stand only once, with text behind them; none where they are few."""
    named = {entry[:_ALIKE_LETTERS] for entry in _entries(pages)[0]}
    lines = [line for line in _alone(_CAPITALS, pages) if not _PADDED.search(line.title)]
    lines = [
        line for line in lines if not named or any(one.startswith(_key(line.title)[:_ALIKE_LETTERS]) for one in named)
    ]
    ends = [*(line.start for line in lines[1:]), pages[-1].end_char if pages else 0]
    apart = [line for line, end in zip(lines, ends, strict=False) if end - line.start >= _APART_CHARS]
    times = Counter(line.title.strip(_MARKS) for line in apart)
    found = [line for line in apart if times[line.title.strip(_MARKS)] == 1 and not _INITIALS.match(line.title)]
    return [(line.title, line.start) for line in found] if len(found) >= _LEAST_HEADINGS else []


def _alone(heading: re.Pattern[str], pages: Sequence[PageRecord]) -> Iterator[_Line]:
    """The lines that a pattern matches, and that have a blank line before and behind them, or a title in capitals behind them."""
    for page in pages:
        for found in heading.finditer(page.text):
            line = _Line(page, found)
            names = found.groupdict()
            before = page.text[max(0, found.start() - _LOOK_CHARS) : found.start()]
            behind = page.text[found.end() : found.end() + _LOOK_CHARS]
            is_first = found.start() < _LOOK_CHARS and not before.strip()
            is_apart = is_first or names.get("marks") or re.search(r"\n[ \t]*\n$", before)
            is_above = is_apart and bool(re.match(r"\n[ \t]*(?:\n|\Z)|\Z", behind))
            # Some texts have no blank lines at all.
            is_above = is_above or bool((is_apart or names.get("kind")) and line.below)
            if is_above and not found["title"].rstrip().endswith((",", ";")):
                yield line


class _Numbered(NamedTuple):
    """A line that may be the heading of a numbered part; `References` and the like have the number 0."""

    title: str
    start_char: int
    number: int
    sub: int
    """Its second number; 0 for a main part."""
    style: tuple[bool, str]
    """Whether the number is Roman, and what follows it."""


def _numbered(pages: Sequence[PageRecord]) -> list[tuple[str, int]]:
    """(title, start) of the lines that number a document's parts 1, 2, 3 and so on; none where they may be those of a list."""
    taken: list[_Numbered] = []
    main: list[_Numbered] = []
    before = 0  # where the main line before begins, taken or not
    for line in _numbered_lines(pages):
        if not main:
            belongs = line.number == 1 and not line.sub
        elif line.sub:
            belongs = line.number == main[-1].number and line.sub == taken[-1].sub + 1
        elif line.number and line.title.casefold() == main[-1].title.casefold():
            # It stood in a list of contents before.
            taken = taken[: taken.index(main.pop())]
            belongs = True
        else:
            is_next = line.number == main[-1].number + 1 and line.style == main[-1].style
            belongs = not line.number or (is_next and line.start_char - before >= _APART_CHARS)
        if belongs:
            taken.append(line)
            main += [line] if line.number and not line.sub else []
        if not line.sub:
            before = line.start_char
    is_paper = len(main) >= _LEAST_HEADINGS and any(_USUAL_PART.search(line.title) for line in main)
    return [(line.title, line.start_char) for line in taken] if is_paper else []


def _numbered_lines(pages: Sequence[PageRecord]) -> Iterator[_Numbered]:
    for page in pages:
        for found in _NUMBERED_LINE.finditer(page.text):
            title = " ".join(found["line"].split())
            if len(title.split()) <= _HEADING_WORDS and not title.endswith((".", ",", ";", ":", "-")):
                number = number_of(found["number"]) if found["number"] else 0
                style = bool(found["number"]) and found["number"].isalpha(), found["dot"] or ""
                yield _Numbered(title, page.start_char + found.start("line"), number, int(found["sub"] or 0), style)
