"""Words and raised digits that a page draws last though they stand within a line, as programs do that correct or fill in a text,
and figures that spreadsheets draw after the rows they belong to.

They are put where they stand. It is done only where they fill a gap in a line or end it as the next word would, so columns,
heads and notes stay as they are.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pypdfium2

from reader.documents.pdf import raised
from reader.documents.pdf.glyphs import Glyph, gap, height_of, lines_of, origins_of, read_glyphs
from reader.documents.pdf.strings import line_spans

_MOST_LATE = 12
"""Lines at the page's end that may be such words."""
_MOST_CHARS = 40
_RISE = 0.5
"""In ems, from a line up to the next one that is drawn."""
_LEVEL = 0.12
"""In ems, how far the baselines of a word and its line are apart at most."""
_END_GAP, _FARTHEST = 0.5, 30.0
"""In ems, from a word to what stands beside it at most: where it ends its line, and where it fills a gap."""
_APART = 1.0
"""In ems, between two words that may belong to different places."""
_MOST_RISE = 1.2
"""In ems of raised digits, from their line up to them."""
_CLOSE, _TOUCHING = 0.1, -0.05
_BLANK = "_"
"""What lines to write on are made of."""

Edit = tuple[int, int, str]
"""Where in PDFium's text something else belongs, and what."""


def late_edits(text: pypdfium2.PdfTextPage, string: str) -> Iterator[Edit]:
    """Yield the words moved into their lines; of nearly all pages only the last lines' places are asked for."""
    lines = line_spans(string)
    late = _late_lines(text, string, lines)
    if not late:
        return
    origin = origins_of(text)
    levels = [origin(start)[1] for start, _ in lines[: late[-1]]]
    found: dict[tuple[int, int], list[tuple[float, str, str]]] = {}
    begins = late[0]
    for before, number in itertools.pairwise((late[0] - 1, *late)):
        if number > before + 1:
            begins = number
        start, end = lines[number]
        for word in _words(read_glyphs(text, string[start:end], start)):
            said = string[word[0].index : word[-1].index + 1]
            highest = _MOST_RISE * word[0].size if said.isdecimal() else _LEVEL * word[0].size
            for at in range(begins):
                if not -_LEVEL * word[0].size <= word[0].y - levels[at] <= highest:
                    continue
                place = _place(text, string, lines[at], word)
                if place is None:
                    continue
                found.setdefault(place[:2], []).append((word[0].x, said, place[2]))
                is_line = word[0].index == start and word[-1].index + 1 == end
                yield len(string[:start].rstrip()) if is_line else word[0].index, word[-1].index + 1, ""
                break
    for (start, end), placed in found.items():
        inside = " ".join(said for _, said, _ in sorted(placed))
        yield start, end, placed[0][2].format(inside)


def _late_lines(text: pypdfium2.PdfTextPage, string: str, lines: list[tuple[int, int]]) -> list[int]:
    """Which lines may be words of lines before them: figures alone, drawn up and down the page, and the last lines."""
    first = _first_late(text, lines)
    late = set() if first is None else set(range(first, len(lines)))
    origin = origins_of(text)
    figures = [end - start <= _FIGURE_CHARS and bool(_FIGURES.fullmatch(string, start, end)) for start, end in lines]
    for is_figure, group in itertools.groupby(range(len(lines)), figures.__getitem__):
        run = list(group)
        if is_figure and _LEAST_FIGURES <= len(run) <= _MOST_FIGURES and run[0]:
            levels = [origin(lines[at][0])[1] for at in run]
            if any(after > before + 1.0 for before, after in itertools.pairwise(levels)):
                late.update(run)
    return [at for at in sorted(late) if lines[at][1] - lines[at][0] <= _MOST_CHARS]


_FIGURES = re.compile(r"[\d.,%$€£()+\-–− ]*\d[\d.,%$€£()+\-–− ]*")
_FIGURE_CHARS = 24
_LEAST_FIGURES, _MOST_FIGURES = 4, 200
"""Lines of figures alone, one after another."""


def _words(glyphs: list[Glyph]) -> Iterator[list[Glyph]]:
    """The drawn glyphs of a line, cut where a wide gap parts them."""
    word: list[Glyph] = []
    for glyph in glyphs:
        if glyph.made or glyph.turn:
            continue
        if word and gap(word[-1], glyph) > _APART:
            yield word
            word = []
        word.append(glyph)
    if word:
        yield word


def _first_late(text: pypdfium2.PdfTextPage, lines: list[tuple[int, int]]) -> int | None:
    """The first of the last lines that is drawn higher up than the line before it."""
    origin = origins_of(text)
    first = max(len(lines) - _MOST_LATE - 1, 0)
    levels = (origin(start)[1] for start, _ in lines[first:])
    for at, (above, level) in enumerate(itertools.pairwise(levels), first + 1):
        if level - above > 1.0 and level - above > _RISE * height_of(text, lines[at][0]):
            return at
    return None


def _place(
    text: pypdfium2.PdfTextPage, string: str, line: tuple[int, int], word: list[Glyph]
) -> tuple[int, int, str] | None:
    """Where a word belongs in a line, with the white around it; None where it does not fit there."""
    glyphs = read_glyphs(text, string[slice(*line)], line[0])
    drawn = [glyph for glyph in glyphs if not (glyph.made or glyph.text.isspace() or glyph.text == _BLANK)]
    left, right, em = word[0].x, word[-1].right, word[0].em or 1.0
    before = max((glyph for glyph in drawn if glyph.x < left), key=lambda glyph: glyph.x, default=None)
    after = min((glyph for glyph in drawn if glyph.x >= left), key=lambda glyph: glyph.x, default=None)
    if before is None:
        return None
    is_raised = _is_raised(word[0], before)
    if not is_raised and abs(before.y - word[0].y) > _LEVEL * word[0].size:
        return None
    start, end = before.index + 1, line[1] if after is None else after.index
    between = string[start:end]
    if end < start or between.strip(f" {_BLANK}"):
        return None
    white, following = (left - before.right) / em, 0.0 if after is None else (after.x - right) / em
    if is_raised:
        said = string[word[0].index : word[-1].index + 1]
        opening, closing = raised.marks(string[line[0] : start], said, after.text if after else "", True)
        fits = (
            raised.IS_BESIDE[0] <= gap(before, word[0]) <= raised.IS_BESIDE[1]
            and following >= raised.IS_BESIDE[0]
            and said.isdecimal()
        )
        return (start, start, f"{opening}{{}}{closing}") if fits else None
    most = _END_GAP if after is None and _BLANK not in between else _FARTHEST
    if not min(white, following) >= _TOUCHING or max(white, following) > most:
        return None
    if after is None and white < _CLOSE:
        return None
    return start, end, (" {}" if white > _CLOSE else "{}") + (" " if following > _CLOSE else "")


def _is_raised(digit: Glyph, base: Glyph) -> bool:
    rise = (digit.y - base.y) / (base.size or 1.0)
    return digit.size <= raised.SMALLER * base.size and 0.15 <= rise <= 0.75


def put_back(glyphs: list[Glyph]) -> list[Glyph]:
    """Return glyphs with the raised digits that are drawn after their line behind what they belong to."""
    out: list[Glyph] = []
    for line in lines_of(glyphs):
        at = 1
        while at < len(line):
            if line[at].made or not line[at].text.isdecimal():  # as nearly all are
                at += 1
                continue
            end = at + 1
            while end < len(line) and line[end].text.isdecimal() and not line[end].made:
                end += 1
            host = _host(line[:at], line[at], line[end - 1])
            if host is not None:
                kept = line[:at]
                while kept and kept[-1].made and len(kept) - 1 > host:
                    kept.pop()
                line = [*kept[: host + 1], *line[at:end], *kept[host + 1 :], *line[end:]]
            at = end
        out += line
    return out


def _host(line: list[Glyph], first: Glyph, last: Glyph) -> int | None:
    """The glyph of a line to which raised digits, drawn after the line, belong; None where none has room for them behind it."""
    drawn = [at for at, glyph in enumerate(line) if not glyph.made]
    if not drawn or first.x >= line[drawn[-1]].x - line[drawn[-1]].em:
        return None
    for at, after in itertools.pairwise(drawn):
        is_beside = raised.IS_BESIDE[0] <= gap(line[at], first) <= raised.IS_BESIDE[1]
        if is_beside and _is_raised(first, line[at]) and gap(last, line[after]) >= raised.IS_BESIDE[0]:
            return at
    return None
