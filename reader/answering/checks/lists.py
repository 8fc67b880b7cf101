"""Lists that an answer points to, or is an item of: a decoder says "five of the following tests", or names the first test alone.

It runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from reader.answering.text.lists import ITEM_MARK, separator
from reader.answering.text.words import content_words, stem

_FOLLOWING = re.compile(r"\b(?:the )?following\b|\bfolgende[nrms]?\b|\bsuivante?s?\b|\bsiguientes?\b", re.I)
_ITEM = re.compile(rf"^[ \t]*{ITEM_MARK}[ \t]+(?=\S)", re.M)
_ENDS = re.compile(r"\n[ \t]*\n|(?<=[.!?])\s*\n")
"""Where the last item of a list ends at the latest."""

_ASKED = re.compile(
    r"\W*(?:what|which) (?:(?:are|were) (?:the )?)?(?P<words>.*?)"
    r"(?:\b(?:is|are|was|were|do|does|did|has|have|had|can|could|may|must|should|will|would|of|in|on|for|that|which|who)\b|\W*$)",
    re.I,
)
_HOW_TO = re.compile(
    r"\W*(?:(?:and|but|so) )?how (?:(?:do|can|could|should|must|would|may) (?:I|you|we|one|they|people)|to|(?:is|are) .+ed)\b"
    r"|\W*(?:wie (?:kann|muss|soll)\w* (?:ich|man)|comment (?:\w+-(?:je|t-on|on)|faire)|c[oó]mo (?:puedo|debo|se))\b",
    re.I,
)
_FINISHED = re.compile(r"[.!?;,:]$|^.{0,40}$")
"""An item that a line below does not continue."""
_HEADING = re.compile(r"(?=.{3,80}$).*\w[)\s]*")
_PLURAL = re.compile(r"\w{2}[^\Wsui]s\b", re.I)
_MOST_ITEMS = 12

_NEAR_CHARS = 300
"""A list begins so soon behind what points to it."""
_LIST_CHARS = 1200


def listed(answer: str, text: str) -> str:
    """The items of the list in a text that an answer points to, each on a line of its own, with what parts them from the answer;
    "" where there is no such list.

    Args:
        answer: as it stands in the text, but for white space and capitals.
    """
    words = answer.strip().rstrip(".:").split()
    if not _FOLLOWING.search(answer):
        return ""
    place = re.search(r"\s+".join(map(re.escape, words)), text, re.I)
    items = _items(text[place.end() : place.end() + _LIST_CHARS]) if place else []
    colon = ":" if items and answer[-1:].isalnum() else ""
    return colon + "".join(f"\n{' '.join(item.split())}" for item in items)


def asks_how_to(question: str) -> bool:
    """Whether a question asks how to do something."""
    return _HOW_TO.match(question) is not None


def has_steps(text: str) -> bool:
    """Whether a text has numbered steps."""
    return any(_are_steps(marked) for _, marked in _lists(text))


def with_other_items(answer: str, question: str, text: str) -> str:
    """All items of the list of which an answer is one, where the question asks for several; all numbered steps where it asks how to
    do something, and the answer is one of them or a piece of it, or their heading names what is to be done. Other answers as they
    are."""
    asked = _ASKED.match(question)
    asks_for_several = asked is not None and _PLURAL.search(asked["words"]) is not None
    asks_how = asks_how_to(question) and len(answer.split()) > 1
    said = answer.strip(" .;,").casefold()
    for heading, marked in _lists(text) if asks_for_several or asks_how else ():
        items = [item for _, item in marked]
        if not 1 < len(items) <= _MOST_ITEMS:
            continue
        if asks_for_several and said in [item.strip(" .;,").casefold() for item in items]:
            return separator(items).join(item.strip(" ;,") for item in items)
        if not asks_how or not _are_steps(marked):
            continue
        if _names_task(heading, question) or any(said in item.casefold() for item in items):
            return "\n".join(f"{number}. {item}" for number, item in enumerate(items, start=1))
    return answer


def _lists(text: str) -> Iterator[tuple[str, list[tuple[re.Match[str], str]]]]:
    """(heading, (mark, text) of the items) of each list whose items are lines, which may go on in lines below."""
    heading, items = "", list[tuple[re.Match[str], str]]()
    for line in [*text.splitlines(), ""]:
        if mark := _ITEM.match(line):
            items.append((mark, line[mark.end() :].strip()))
        elif items and line.strip() and not _FINISHED.search(items[-1][1]):
            items[-1] = (items[-1][0], f"{items[-1][1]} {line.strip()}")
        else:
            yield heading, items
            items = []
            heading = line.strip() if _HEADING.fullmatch(line) else heading


def _names_task(heading: str, question: str) -> bool:
    """Whether a heading has all words of a question that say what is to be done, and what with."""
    task = {stem(word) for word in content_words(question)}
    return len(task) > 1 and task <= {stem(word) for word in content_words(heading)}


def _are_steps(marked: Sequence[tuple[re.Match[str], str]]) -> bool:
    """Whether the items of a list are numbered from 1 on."""
    return len(marked) > 1 and [_counted(mark) for mark, _ in marked] == [*range(1, len(marked) + 1)]


def _items(text: str) -> list[str]:
    """The items of the list that begins soon in a text; empty where there are not two."""
    marks = list(_ITEM.finditer(text))
    if not marks or marks[0].start() > _NEAR_CHARS or _counted(marks[0]) > 1:
        return []
    own = marks[:1]
    for mark in marks[1:]:
        if _counted(mark) == (_counted(marks[0]) and _counted(own[-1]) + 1):
            own.append(mark)
    if len(own) < 2:
        return []
    end = _ENDS.search(text, own[-1].end())
    starts = [*(mark.start() for mark in own), end.start() if end else len(text)]
    return [text[start:stop] for start, stop in pairwise(starts)]


def _counted(mark: re.Match[str]) -> int:
    """Which item a mark is of, from 1 on; 0 for a bullet."""
    if mark["number"]:
        return int(mark["number"])
    return ord(mark["letter"]) - ord("a") + 1 if mark["letter"] else 0
