"""The sentences of a text, and the rows of its tables: where each begins and ends.

By signs alone, in any language that ends sentences with them; the point of a common abbreviation or of an initial ends none, nor
does a blank line, such as between two pages, within a sentence. It knows no page and no passage.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from reader.wording import SENTENCE_ENDS

_NOTE_MARKS = r"(?:\[[\w*†‡§]{1,4}\])*"
"""Raised marks of notes, as every format's text has them: [3][b]."""
_SENTENCE_END = re.compile(
    rf"[.!?…][\"'”’»)\]]*{_NOTE_MARKS}(?=\s)\s*|[{SENTENCE_ENDS}][{SENTENCE_ENDS}!?]*[\"'”’»)\]」』）]*{_NOTE_MARKS}|\n\s*\n\s*"
)
_MARKED = re.compile(rf"(?<=[.!?…]){_NOTE_MARKS}$")
_HEADING_LINE = re.compile(
    r"(?:(?<=[.!?:\]”\"]\n)|(?<=\n\n)|\A)(?:\d{1,2}(?:\.\d{1,2}){0,3}\.?|[IVX]{1,5}\.)"
    r" [^\W\d_a-zß-ÿ][^\n.!?;|,“”\"]{1,70}\n(?=[^\Wa-zß-ÿ])"
)
"""A numbered heading in the text of a PDF, which no blank line follows."""
_LEADS_ON = re.compile(r"\b(?:an?|and|as|at|by|for|from|in|of|on|or|the|to|with)$")
"""The last word of a line that is not finished."""
TITLES = tuple(
    "Mr Mrs Ms Dr Prof St Sr Sra Capt Col Gen Lt Lieut Maj Sgt Adm Gov Sen Rep Rev Hon Messrs Mme Mlle Mt Ft".split()  # noqa: SIM905
)
"""Words before a name that are written with a point."""
_TITLE = "|".join([*TITLES, *map(str.upper, TITLES)])
_ABBREVIATED = re.compile(
    rf"(?<![\w.])(?:[^\W\d_I]|{_TITLE}|cf|vs|viz|e\.g|i\.e|z\.B|d\.h|u\.a|p\.ex|bzw)$|[(\[][^()\[\]]{{1,10}}$"
)
"""A word that ends with a point and hardly ever ends a sentence: a title, an initial, the first word within a bracket."""
_MAYBE_ABBREVIATED = re.compile(
    r"(?<![\w.])(?:etc|al|[JS]r|Esq|Inc|Ltd|LLC|Co|Corp|Bros|usw|[ap]\.m|U\.S|U\.K|Ph\.D|eds?|esp|incl|excl|approx|chaps?|vols?|depts?"
    r"|est|ft|lbs?|oz|hrs|min|max|repr|ibid|cit|cap|ave|blvd|[IVX]+)$",
    re.I,
)
"""One that may end a sentence: it does not where a small letter, a bracket or a figure follows, unless these begin an item."""
_ITEM = re.compile(r"\(?\d{1,2}[.)]\s|\(?(?:[a-z]|[ivx]+)\)\s")
_INITIALS = re.compile(r"(?<![\w.])(?!(?:[AP]\.M|B\.C|A\.D|[BM]\.[AD])$)(?:[A-Z]\.){1,3}[A-Z]$")
"""Several, which may end a sentence: they do not where a name follows, as in U.S. Senate and C. S. Lewis."""
_NO_NAME = re.compile(
    r"(?:The|An?|I[nfts]?|On|At|He|She|We|You|They|Th(?:is|at|ese|ose|ere|en)|But|And|Or|For|As|Wh\w+|How|After|Before|His|Her|Their"
    r"|Its|Our|My|Your|Not?|So|By|From|To|With|Do(?:es)?|Did|Are|Was|Were|Has|Have|Had|Some|Many|Most|All|Both|Each|Every|Other|One)\b"
)
_NUMBERED = re.compile(
    r"(?<![\w.])(?:Nos?|Figs?|Eqs?|Tab|Refs?|Pubs?|Secs?|Arts?|Paras?|Abs|Nr|Vols?|pp|ca|nos?|figs?|arts?|paras?"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)$"
)
"""One that does not where a number follows."""
_DOTS = re.compile(r"[.…] ?$")
_PAUSES = (re.compile(r"[;:]\s+"), re.compile(r"[,)–—]\s+"), re.compile(r"\s+"))
"""Where a sentence that is too long is cut, the best first."""
_LONGEST_CHARS = 12
_LONG_LINE_CHARS = 30
"""A shorter line that no sign ends is a heading, an item or a verse."""
_ORDINAL = re.compile(
    r"(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|Jahrhundert|Kapitel)"
)
"""Behind a German ordinal, such as *3. Mai*."""
_DAY = re.compile(r"\b(?:[Aa]m|[Vv]om|[Bb]is zum|[Dd]e[nmr]|[Zz]um|[Bb]eim|[Ii]m|[Dd]ie|[Dd]as|[Ss]eit dem) \d{1,2}$")
"""A day's number, whose dot does not end the sentence if a small letter follows: *vom 15. bis zum 26. Dezember*."""
ROW = re.compile(r"^(?:\| |[^\n]*? \| )[^\n]*(?:\n|\Z)", re.M)
"""A row of a table: its cells are parted by bars."""


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the sentences and of the rows of tables in a text, without the white space around them."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text) if not _is_within_sentence(text, match)]
    wholes = [found.span() for found in _HEADING_LINE.finditer(text) if not _LEADS_ON.search(found[0].rstrip())]
    if " | " in text:
        wholes += [row.span() for row in ROW.finditer(text)]
    if wholes:
        inside = {end for start, stop in wholes for end in ends[bisect_right(ends, start) : bisect_left(ends, stop)]}
        ends = sorted({*ends, *(place for whole in wholes for place in whole)} - inside)
    start = 0
    for end in [*ends, len(text)]:
        part = text[start:end]
        if part.strip():
            yield start + len(part) - len(part.lstrip()), start + len(part.rstrip())
        start = end


def _is_within_sentence(text: str, end: re.Match[str]) -> bool:
    """Whether what looks like a sentence's end is the point of an abbreviation, or a blank line within a sentence."""
    sign = end.group()
    at, behind = end.start(), text[end.end() : end.end() + 1]
    if not sign.strip():
        return goes_on(text[max(0, at - 2 * _LONG_LINE_CHARS) : at], behind)
    if _MARKED.sub("", sign.rstrip()) not in (".", "…") or sign.count("\n") > 1:
        return False
    start = max(0, at - _LONGEST_CHARS)
    # Dots for what is left out, or that lead to the number of a page.
    if behind == "." or sign[0] == "…" or _DOTS.search(text, start, at):
        return "\n" not in sign and (behind.islower() or behind.isdigit() or behind == ".")
    return bool(
        _ABBREVIATED.search(text, start, at)
        or (_INITIALS.search(text, start, at) and behind.isupper() and not _NO_NAME.match(text, end.end()))
        or (
            (behind.islower() or behind.isdigit() or behind == "(")
            and _MAYBE_ABBREVIATED.search(text, start, at)
            and not _ITEM.match(text, end.end())
        )
        or (behind.isdigit() and _NUMBERED.search(text, start, at))
        or (text[at - 1 : at].isdigit() and _ORDINAL.match(text, end.end()))
        or (behind.islower() and "\n" not in sign and _DAY.search(text, start, at))
    )


def goes_on(before: str, after: str) -> bool:
    """Whether a sentence continues after a break, such as the end of a page.

    It does where the last line before the break is long and ends without punctuation, and a small letter follows.
    """
    line = before[-2 * _LONG_LINE_CHARS :].rstrip().rpartition("\n")[2]
    is_open = len(line) >= _LONG_LINE_CHARS and (line[-1].isalnum() or line[-1] in ",;-–—")
    return is_open and after.lstrip()[:1].islower()


def shortened(text: str, sentence: tuple[int, int], most_chars: int) -> Iterator[tuple[int, int]]:
    """The span of a sentence, or of pieces of it where it is too long to be one (clauses of contracts, tables, lists).

    A piece ends behind a semicolon or a colon, or else a comma, if its second half has one, and else between two words.
    """
    start, end = sentence
    while end - start > most_chars:
        first, last = start + most_chars // 2, start + most_chars
        pauses = ([found.end() for found in sign.finditer(text, first, last)] for sign in _PAUSES)
        stop = next((ends[-1] for ends in pauses if ends), last)
        yield start, first + len(text[first:stop].rstrip())
        start = stop
    yield start, end
