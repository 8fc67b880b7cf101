"""Raised and lowered digits and raised letters: 10^24, 1995[3], 10_2, H2O, p^m, by the glyphs' sizes and heights."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pypdfium2

from reader.documents.pdf.glyphs import Glyph, gap, height_of, known, origins_of
from reader.documents.pdf.mathematical import SECOND_HALF
from reader.documents.pdf.strings import figures_of
from reader.documents.scripts import is_cents

SMALLER = 0.88
"""Of the size of what they follow, how large raised digits are at most."""
IS_BESIDE = (-0.3, 0.4)
"""In ems, from what raised digits follow to them."""
_COLUMN_GAP = 1.5
"""In ems, from a line of a column to a note in another column."""
_SPACE = 0.15
"""In ems, of white that parts words."""
_UNITS = frozenset(("m", "cm", "mm", "km", "dm", "nm", "µm", "μm", "ft", "in", "yd", "mi", "s", "h", "kg", "g", "ha"))
_NUMBER = re.compile(r"[\d.,]*\d$")
_WORD = re.compile(r"[^\W\d_]+$")
_TERM = re.compile(r"=\s?\d*[^\W\d_]{2,3}$")
"""Letters of a formula: E = mc."""
_SIGNS = frozenset("-−–+")
_MOST_RAISED, _MOST_LISTED = 6, 60
"""Raised letters and digits together, and numbers of notes with commas between them."""
_LEAST_RISE = 0.25
"""In ems, of raised digits that are as large as what they follow."""
_EXPONENT = re.compile(r"[-−–+]?[A-Za-z\d][A-Za-z\d+\-−–]{0,3}|\|[A-Za-z][A-Za-z\d]{0,2}\|")
_ORDINAL = re.compile(r"st|nd|rd|th|[aeo]s?|er|re|d|i?[eè]mes?|te|de|ste")
_EXPONENT_LETTERS = re.compile(r"[dijkmnpqrtxyz]")
_ABBREVIATED = frozenset("CDJMNPSV")
"""Dr, No, Mme, St and others have raised letters that are no exponents."""
_ELEMENTS = re.findall(
    "[A-Z][a-z]?",
    "HHeLiBeBCNOFNeNaMgAlSiPSClArKCaScTiVCrMnFeCoNiCuZnGaGeAsSeBrKrRbSrYZrNbMoTcRuRhPdAgCdInSnSbTeIXeCsBaLaCePrNdPmSmEuGd"
    "TbDyHoErTmYbLuHfTaWReOsIrPtAuHgTlPbBiPoAtRnFrRaAcThPaUNpPuAmCmBkCfEsFmMdNoLr",
)
"""By their atomic number, from 1."""


def raised(text: pypdfium2.PdfTextPage, string: str, turn: int) -> Iterator[int]:
    """Yield where digits are smaller and higher or lower than what they follow; PDFium is asked about numbers alone.

    Args:
        turn: the direction in which the page's lines run.
    """
    origin = origins_of(text, turn)
    figures = figures_of(string)
    yield from known(text)[2]
    for figure in figures:
        if _SLASH.match(string, figure.end() - 1):
            yield figure.end() - 1
        first, last = figure.start(), figure.end() - 1
        is_apart = first > 0 and string[first - 1] in _SIGNS
        if is_apart:
            first -= 1
        before = first - 1
        is_cut = string[before : before + 1] == "\n"
        is_spaced = string[before : before + 1] == " "
        if is_spaced:  # PDFium's own space or line's end
            before -= 1
        elif is_cut:
            before -= 2
        starts = [first] * (first < last)
        is_whole = is_apart or is_cut or is_spaced or not string[before : before + 1].isdigit()
        if before >= 0 and not string[before].isspace() and is_whole:
            starts.append(before)
        if not starts:
            continue
        baseline = origin(last)[1]
        for start in starts:
            rise = abs(baseline - origin(start)[1])
            if rise < 0.3:
                continue  # numbers on one line, as nearly all are
            high = height_of(text, start)
            is_notes = is_spaced and string[last + 1 : last + 2].isalpha()
            if rise >= high and (start == figure.start() or is_notes):
                yield start  # one above the other, or the first note of another column
            is_beside = start in (figure.start(), figure.start() - 1)
            if rise < high and (height_of(text, last) < 0.9 * high or (is_beside and rise >= _LEAST_RISE * high)):
                yield start

    for first, last in _letters(string, figures):
        rise = origin(last)[1] - origin(first)[1]
        if rise > 0.3 and rise < (high := height_of(text, first)) and height_of(text, last) < 0.9 * high:
            yield first

    for note in _NOTE.finditer("\n" + string):  # so that places in it are those of the figures in the string
        after = note.end() - 1
        rise = origin(note.start())[1] - origin(after)[1]
        if rise > 0.3 and height_of(text, note.start()) < 0.9 * height_of(text, after):
            yield note.start()


def _letters(string: str, figures: list[re.Match[str]]) -> Iterator[tuple[int, int]]:
    """Where a letter may be raised, each with what it follows."""
    for figure in figures:
        for pattern in (_AFTER_DIGIT, _ORDINAL_BELOW):
            if letter := pattern.match(string, figure.end() - 1):
                yield letter.start(), letter.end() - 1
    for letter in _AFTER_BRACKET.finditer(string):
        yield letter.start(), letter.end() - 1
    for letter in _AFTER_LETTER.finditer("\n" + string):
        yield letter.start(1) - 1, letter.end(1) - 2


# A letter that may be raised behind a figure, a bracket or a variable. Of the last, what is before the variable comes first: far
# fewer characters of a page are no letters. A page has so many short words that PDFium is not asked about their letters.
_AFTER_DIGIT = re.compile(r"\d(?:\r?\n)?(?:[-−–+]?[A-Za-z](?!\w)|[a-z](?=[-−–+]\d)|\|(?=[A-Za-z][A-Za-z\d]{0,2}\|))")
_ORDINAL_BELOW = re.compile(rf"\d\r?\n(?:{_ORDINAL.pattern})(?=\r?\n)")
_AFTER_BRACKET = re.compile(r"\)(?:\r?\n)?[-−–+]?[A-Za-z](?!\w)")
_SHORT_WORDS = "|".join(re.findall("..", "oftoinisithebeasatsowebyorondoifmemyupnousamdelaleeneteselunse"))
# Its first two conditions say nothing new, but are found out soonest.
_AFTER_LETTER = re.compile(
    rf"[^A-Za-z0-9](?![A-Za-z]{{3}})(?<![^\W_])(?!(?:{_SHORT_WORDS})(?!\w))([A-Za-z]{SECOND_HALF}?(?:\r?\n)?[-−–+]?[A-Za-z])(?!\w)"
)
_SLASH = re.compile(r"\d\r?\n[/⁄]")
_NOTE = re.compile(r"\n\d{1,3}(?:\r?\n| )?(?=[^\W\d_])")
"""A note's number before its first word, which PDFium may put on the next line."""


_RAISED_SIGNS = "-−–+,*"
_MAY_BE_RAISED = re.compile(rf"[\da-zA-Z.|{re.escape(_RAISED_SIGNS)}]")


def mark_raised(glyphs: list[Glyph]) -> list[Glyph]:
    """Keep raised and lowered digits and raised letters apart from what they follow: 10^24, 1995[3], 10_2, p^m; H2O stays."""
    out: list[Glyph] = []
    powered = exponent = None
    at = 0
    while at < len(glyphs):
        is_level = bool(out) and glyphs[at].y == out[-1].y and not (glyphs[at].made or out[-1].made)
        if is_level or not (glyphs[at].made or _MAY_BE_RAISED.match(glyphs[at].text)):
            out.append(glyphs[at])
            at += 1
            continue
        if glyphs[at].made and (slash := _slash_after(glyphs, at, out)) > at:
            at = slash
            continue
        last = next((glyph for glyph in reversed(out[-3:]) if not glyph.made), None)
        is_first = not out or out[-1].text == "\n"
        if is_first or (last is not None and abs(gap(last, glyphs[at])) > _COLUMN_GAP):
            end, word = _note_number(glyphs, at)
            if end > at:
                if not is_first:  # PDFium took the columns' lines for one
                    while out[-1].text == " ":
                        out.pop()
                    out += [Glyph(-1, "\n")] * (not out[-1].made)  # a hyphen at a line's end ends it
                out += [Glyph(-1, "["), *glyphs[at:end], Glyph(-1, "] ")]
                at = word
                continue
        base = _last_drawn(out)
        end = _raised_run(glyphs, at, base)
        if end == at and base is exponent:  # an index below it
            base, end = powered, _raised_run(glyphs, at, powered)
        if base is None or end == at:
            out.append(glyphs[at])
            at += 1
            continue
        while out and out[-1].made and out[-1].text in "\r\n ":
            out.pop()
        run = [glyph for glyph in glyphs[at:end] if not (glyph.made or glyph.text.isspace())]
        raised = run[0].y > base.y
        if raised and gap(base, run[0]) > _SPACE and _is_mass(glyphs, end, run):
            out += [Glyph(-1, " "), *run]
            at = end
            continue
        at = _same_line_again(glyphs, end, base, run[-1])
        following = glyphs[at] if at < len(glyphs) else None
        is_apart = at > end and following is not None and gap(run[-1], following) > _SPACE
        before, middle = ("".join(glyph.text for glyph in part) for part in (out[-24:], run))
        opening, closing = marks(before, middle, following.text if following else "", raised)
        out += [Glyph(-1, opening)] * bool(opening) + run + [Glyph(-1, closing)] * bool(closing)
        powered, exponent = (base, run[-1]) if opening == "^" else (None, None)
        if is_apart or (following and not following.made and following.text.isdigit() and not closing):
            out.append(Glyph(-1, " "))  # log₂8 is not log28
    return out


def _slash_after(glyphs: list[Glyph], at: int, out: list[Glyph]) -> int:
    """Where the slash of 1/2 is that PDFium puts on the next line, as the 1 is raised; `at` where there is none."""
    after = at
    while after < len(glyphs) and glyphs[after].made and glyphs[after].text in "\r\n":
        after += 1
    if after == at or after == len(glyphs) or not out or out[-1].made or not out[-1].text.isdigit():
        return at
    slash, digit = glyphs[after], out[-1]
    is_near = abs(digit.y - slash.y) < 0.75 * (slash.size or 1.0) and IS_BESIDE[0] <= gap(digit, slash) <= IS_BESIDE[1]
    return after if slash.text in ("/", "⁄") and is_near else at


def _note_number(glyphs: list[Glyph], at: int) -> tuple[int, int]:
    """Where the raised number before a note's first word ends, and where the word begins; `at` where there is none."""
    end = at
    while end < len(glyphs) and not glyphs[end].made and glyphs[end].text.isdigit():
        end += 1
    first = end
    while (
        end > at
        and first < len(glyphs)
        and (glyphs[first].text == " " or (glyphs[first].made and glyphs[first].text in "\r\n"))
    ):
        first += 1
    if end == at or first == len(glyphs) or glyphs[first].made or not glyphs[first].text.isalpha():
        return at, at
    word = glyphs[first]
    is_raised = all(
        glyph.y > word.y and glyph.size <= SMALLER * word.size and _off_line(glyph, word) for glyph in glyphs[at:end]
    )
    is_note = is_raised and -0.2 < gap(glyphs[end - 1], word) < 1.0 and not _is_isotope(glyphs, at, end)
    return (end, first) if is_note else (at, at)


def _is_mass(glyphs: list[Glyph], at: int, run: list[Glyph]) -> bool:
    """Whether raised digits are the mass of the atom behind them, and no note to what is before them."""
    is_joined = at < len(glyphs) and not glyphs[at].made and gap(run[-1], glyphs[at]) < _SPACE
    return (
        is_joined
        and all(glyph.text.isdigit() for glyph in run)
        and _is_isotope([*run, *glyphs[at : at + 3]], 0, len(run))
    )


def _is_isotope(glyphs: list[Glyph], at: int, end: int) -> bool:
    """Whether a number before a letter is an atom's mass: 235U."""
    symbol = "".join(glyph.text for glyph in glyphs[end : end + 3])
    symbol = symbol[: next((place for place, letter in enumerate(symbol) if not letter.isalpha()), len(symbol))]
    if symbol not in _ELEMENTS:
        return False
    number, mass = _ELEMENTS.index(symbol) + 1, int("".join(glyph.text for glyph in glyphs[at:end]))
    return number <= mass <= 3 * number


def _last_drawn(out: list[Glyph]) -> Glyph | None:
    for glyph in reversed(out[-3:]):
        if not glyph.made:
            return None if glyph.text.isspace() else glyph
    return None


def _raised_run(glyphs: list[Glyph], at: int, base: Glyph | None) -> int:
    """Where the run of smaller digits at another height than `base` ends; `at` where there is none."""
    start = at
    while base is not None and start < len(glyphs) and glyphs[start].made and start < at + 2:
        start += 1
    if base is None or start >= len(glyphs) or not (base.text.isalnum() or base.text in ".,;:!?)]”’\"'»%…"):
        return at
    first = glyphs[start]
    if not _off_line(first, base) or not IS_BESIDE[0] <= gap(base, first) <= IS_BESIDE[1]:
        return at
    end = start
    while end < len(glyphs) and (_is_part(glyphs[end], base) or _is_space_within(glyphs, end, base)):
        end += 1
    parts = [glyph for glyph in glyphs[start:end] if not glyph.text.isspace()]
    run = "".join(glyph.text for glyph in parts)
    is_small = all(glyph.size <= SMALLER * base.size for glyph in parts)
    if len(run) > (_MOST_LISTED if "," in run else _MOST_RAISED) or not (is_small or start == at):
        return at
    if all(sign.isdigit() or sign in _RAISED_SIGNS or sign in "./" for sign in run):
        return end if any(map(str.isdigit, run)) else at
    goes_on = end < len(glyphs) and not glyphs[end].made and glyphs[end].text.isalpha()
    is_cut = not goes_on and all(glyph.text in "\r\n" for glyph in glyphs[at:start])
    return end if is_cut and is_small and first.y > base.y and _EXPONENT.fullmatch(run) else at


def _is_part(glyph: Glyph, base: Glyph) -> bool:
    return not glyph.made and not glyph.text.isspace() and _off_line(glyph, base)


def _is_space_within(glyphs: list[Glyph], at: int, base: Glyph) -> bool:
    """Whether more raised digits follow a space, as between the numbers of two notes."""
    if glyphs[at].text != " " or glyphs[at - 1].text not in _RAISED_SIGNS or at + 1 == len(glyphs):
        return False
    return glyphs[at + 1].text.isdigit() and _is_part(glyphs[at + 1], base)


def _off_line(glyph: Glyph, base: Glyph) -> bool:
    if glyph.made or glyph.turn != base.turn:
        return False
    rise = (glyph.y - base.y) / (base.size or 1.0)
    if glyph.size > SMALLER * base.size:
        return glyph.text.isdigit() and glyph.size <= 1.02 * base.size and _LEAST_RISE <= rise <= 0.75
    return 0.15 <= rise <= 0.75 or -0.4 <= rise <= -0.06


def marks(before: str, run: str, after: str, raised: bool) -> tuple[str, str]:
    """Return what to put before and after a run of raised or lowered digits."""
    number, word = _NUMBER.search(before), _WORD.search(before)
    if not raised:
        return ("_", "") if number else ("", "")
    if any(map(str.isalpha, run)):
        return _letter_marks(before, run, number, word)
    if number:
        digits = re.sub(r"\D", "", number[0])
        power = number[0] == "10" or len(digits) <= 2 or run[0] in _SIGNS
    else:
        power = bool(word) and (  # a charge, such as Fe^3+, ends with its sign
            len(word[0]) == 1 or word[0] in _UNITS or run[-1] in _SIGNS or bool(_TERM.search(before))  # type: ignore[index]
        )
    if is_cents(run, before):
        return ".", ""
    if number and after in ("/", "⁄"):
        return " ", ""  # 48½ is drawn as 48, a raised 1, a slash and a 2
    if power and "," not in run:
        return ("^(", ")") if "/" in run else ("^", "")
    return "[", "]"


def _letter_marks(before: str, run: str, number: re.Match[str] | None, word: re.Match[str] | None) -> tuple[str, str]:
    """What to put before and after raised letters: 10^n, p^m, 120.50[a]; 2nd, 1er, Dr stay."""
    if number:
        if (len(run) > 1 and run.isalpha()) or (_ORDINAL.fullmatch(run) and number[0].isdigit()):
            return "", ""
        is_power = len(number[0]) <= 2 and (len(run) > 1 or _EXPONENT_LETTERS.match(run))
        return ("^", "") if is_power else ("[", "]") if len(run) == 1 else ("", "")
    if before.endswith(")"):
        return "^", ""
    if word and len(word[0]) == 1 and not (word[0] in _ABBREVIATED and run.isalpha()):
        return ("^", "") if len(run) == 1 or not run.isalpha() else ("", "")
    return "", ""


def _same_line_again(glyphs: list[Glyph], at: int, base: Glyph, last: Glyph) -> int:
    """Skip a line's end that PDFium put in only because the next glyph is lower again."""
    after = at
    while after < len(glyphs) and glyphs[after].made and glyphs[after].text in "\r\n":
        after += 1
    if after == at or after == len(glyphs):
        return at
    following = glyphs[after]
    near = abs(following.y - base.y) < 0.1 * base.size and -0.2 <= gap(last, following) <= 1.0
    return after if near and not following.made else at
