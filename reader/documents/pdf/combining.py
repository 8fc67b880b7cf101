"""Marks over and under letters, as in Thai, primes and raised signs behind them: PDFium ends the line at some of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import pypdfium2

from reader.documents.pdf.glyphs import Glyph, gap, read_glyphs
from reader.documents.pdf.mathematical import SECOND_HALF
from reader.documents.pdf.strings import letters_of

_LEVEL = 0.12
"""In ems, how far the baselines of a mark and its letter are apart at most."""
_BESIDE = 0.3
"""In ems, how far a letter begins from where the one before it ends at most."""


_PRIMES = "′″"
_PRIME = re.compile(rf"(?<=[\w{SECOND_HALF}])\r\n(?=[{_PRIMES}])|(?<=[{_PRIMES}])\r\n(?=[^\r\n])")


_RAISED = frozenset("*∗⋆†‡§¶#+$")
"""Signs that call notes, as behind the names of a paper's authors."""
_BEFORE_PUNCTUATION = re.compile(r"\r\n(?=[,;.:)])")


def cut_at_marks(text: pypdfium2.PdfTextPage, string: str) -> Iterator[tuple[int, int]]:
    """Yield the line ends of PDFium's text that stand before or behind a mark within a line."""
    for end in _PRIME.finditer(string) if set(_PRIMES) & set(letters_of(string)) else ():
        first = end.start() - 1
        base = len(string[:first].rstrip()) - 1 if string[first] in _PRIMES else first
        places = (base, first, end.end()) if base < first else (base, end.end())
        if base >= 0 and _is_primed(*(_glyph_at(text, string, at) for at in places)):
            yield end.span()
    for end in _BEFORE_PUNCTUATION.finditer(string):
        if string[end.start() - 1 : end.start()] in _RAISED:
            sign, after = (_glyph_at(text, string, at) for at in (end.start() - 1, end.end()))
            if 0 < sign.y - after.y < after.size and abs(gap(sign, after)) <= _BESIDE and sign.turn == after.turn:
                yield end.span()
    marks = "".join(sign for sign in letters_of(string) if unicodedata.category(sign) in ("Mn", "Mc"))
    if not marks:
        return
    for end in re.finditer(f"(?<=[{marks}])\r\n(?=[^\\s])|(?<=[^\\s])\r\n(?=[{marks}])", string):
        before, after = (_glyph_at(text, string, at) for at in (end.start() - 1, end.end()))
        is_level = abs(before.y - after.y) <= _LEVEL * before.size and before.turn == after.turn
        if is_level and abs(gap(before, after)) <= _BESIDE:
            yield end.span()


def _glyph_at(text: pypdfium2.PdfTextPage, string: str, at: int) -> Glyph:
    at -= string[at] == SECOND_HALF
    return read_glyphs(text, string[at], at)[0]


def _is_primed(base: Glyph, prime: Glyph, after: Glyph | None = None) -> bool:
    """Whether a prime is raised behind a letter. `after`, if given, must follow the prime on the letter's line."""
    is_raised = 0 < prime.y - base.y < base.size and abs(gap(base, prime)) <= _BESIDE
    goes_on = after is None or (abs(after.y - base.y) <= _LEVEL * base.size and abs(gap(prime, after)) <= _BESIDE)
    return is_raised and goes_on
