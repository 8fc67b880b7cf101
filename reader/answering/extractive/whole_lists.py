"""Whole lists, without a decoder: "What is not covered?" is answered with all items below "We do not pay for:" or such a heading.

All words of the question have to stand in the list's heading and the line that leads to it, and only one list may have them. Small
decoders name the first item alone. In English, German, French and Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from reader.answering.extractive.overview import Overview
from reader.answering.passages import Source, passage_of
from reader.answering.text.lists import ITEM_MARK, separator
from reader.answering.text.records import LINE, heading_above, stems
from reader.answering.text.words import subject_words
from reader.reading import sentences
from storage import PageRecord

_ASKED = re.compile(
    r"\W*(?:what|(?:(?:for|on|in|under|at|by|to) )?which|welche[rsnm]?|was|quel(?:le)?s?|qu['’]est-ce qu(?:i|e|(?=['’]))"
    r"|que|qué|cuáles)(?!\w)(?! (?:is|was|ist|es|est) (?:the|an?|this|der|die|das|eine?|l[ae]|el|une?)\b)"
    r"(?! \w+ (?:is|was|has|does|ist|hat|est|es|tiene)(?!\w))",
    re.I,
)
"""Not what one thing is, and not which one."""
_COSTS = re.compile(r"\b(?:costs?|prices?|fees?|much|many|kost\w+|coût\w+|cuest\w+)\b", re.I)
_NEGATED = re.compile(
    r"(?:\b(?:not?|never|without|nicht|keine?\w*|ohne|ne|pas|sans|sin)\b|n['’]t\b|\bn['’]|(?<!\w)no(?!\w))", re.I
)
_SHORT_NOT = re.compile(r"n['’]t\b")
_ITEM = re.compile(rf"[ \t]*(?P<mark>{ITEM_MARK})[ \t]+(?P<text>\S[^\n]*)")
_FIRST_MARKS = ("1.", "1)", "(1)", "a.", "a)", "(a)")
_GOES_ON = re.compile(r"[a-zß-ÿ(]")
_OWN_WORDS = stems(
    """
    one must need needs needed each every either thing things ground grounds case cases condition conditions circumstance
    circumstances following list everything
    welche welcher welches was wer die der das man ich ist sind folgende folgendes sachen dinge muss
    quel quelle quels quelles est qui que qu ce faut il on l le la les d de du des une un
    qué hay que es son se el la los las un una para cosas
    """
)
_REFERS = re.compile(r"(?:it|they|this|these|es|sie|diese?[rs]?|il|elle|ils|elles|cela|esto|estos|estas)(?!\w)", re.I)
"""How a line begins that speaks of what the sentence before it names: "The fee covers the boat. It does not cover:"."""
_BEFORE_CHARS = 500
_FEWEST, _MOST = 2, 20
_LINE_CHARS = 40
"""An item that is longer, and has no full stop, continues on the next line."""
_MOST_CHARS = 200


def whole_list(question: str, sources: Sequence[Source]) -> Overview | None:
    """All items of the one list whose heading has the words of a question; None where none or several have."""
    is_negated = bool(_NEGATED.search(question))
    if len(question) > _MOST_CHARS or not _ASKED.match(question) or (_COSTS.search(question) and not is_negated):
        return None
    asked = stems(" ".join(subject_words(_SHORT_NOT.sub("", question)))) - _OWN_WORDS
    if not asked:
        return None
    found = [
        (page, following, start, end, items)
        for source in sources
        for page, following in zip_longest(source.pages, source.pages[1:])
        for start, end, items in _lists(page.text)
        if _leads(page, start, asked, is_negated=is_negated)
    ]
    if len(found) != 1 or not all(source.is_read for source in sources):
        return None
    page, following, start, end, items = found[0]
    if following and not page.text[end:].strip() and _ITEM.match(following.text.lstrip("\n")):
        return None  # the list continues on the next page
    return Overview(separator(items).join(item.rstrip(" ;,") for item in items), (passage_of(page, start, end),))


def _lists(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """(start, end, items) of each list whose items are lines with the same kind of mark, which may go on in lines below."""
    items: list[str] = []
    start = end = 0
    mark = ""
    for line in LINE.finditer(text):
        item, said = _ITEM.fullmatch(line[0].rstrip()), line[0].strip()
        is_open = bool(items) and end + 1 == line.start() and items[-1][-1] not in ".!?:;"
        goes_on = is_open and (_GOES_ON.match(said) or len(items[-1]) > _LINE_CHARS)
        is_next = item is not None and _kind(item["mark"]) == _kind(mark) and item["mark"] not in _FIRST_MARKS
        if items and not (is_next or goes_on) and (said or not line[0]):
            if _FEWEST <= len(items) <= _MOST:
                yield start, end, items
            items = []
        if item:
            start, mark = (start if items else line.start()), item["mark"]
            items.append(item["text"])
        elif items and said:
            items[-1] += f" {said}"
        end = line.start() + len(line[0].rstrip()) if said else end


def _kind(mark: str) -> str:
    """Whether a mark is a number, a letter or a bullet."""
    sign = mark.strip("().")
    return "1" if sign.isdecimal() else "a" if sign.isalpha() else sign


def _leads(page: PageRecord, char: int, asked: frozenset[str], *, is_negated: bool) -> bool:
    """Whether what stands above a list has all words of a question, and denies what it denies."""
    heading, lead = heading_above(page, page.start_char + char)
    before = ""
    if _REFERS.match(lead):
        front = page.text[max(0, char - _BEFORE_CHARS) : char].rstrip().removesuffix(lead)
        before = " ".join(front[slice(*span)] for span in list(sentences(front))[-1:])
    denied = [bool(_NEGATED.search(text)) for text in (heading, lead) if stems(text) & asked]
    return asked <= stems(f"{heading} {lead} {before}") and is_negated in denied
