"""Answers that copy a passage, and misspell or swap a word: "a very delicate strategy" for "a very deliberate strategy".

Only where the rest of the answer stands in the passage word for word. It runs no decoder.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from reader.answering.text.words import STOP_WORDS

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_FEWEST_WORDS = 4
_SAME_SHARE = 0.6
"""The share of the words that must stand in the passage in their order."""
_ALIKE = 0.6
"""How much the letters of a swapped word have in common with those of the word in its place."""


def as_copied(answer: str, passage: str) -> str:
    """An answer with the passage's own word in place of each that stands nowhere there, where all words around it do, in their
    order."""
    said, printed = list(_WORD.finditer(answer)), list(_WORD.finditer(passage))
    words, known = [one[0].casefold() for one in said], [one[0].casefold() for one in printed]
    wrong = [number for number, word in enumerate(words) if word not in known]
    if STOP_WORDS.intersection(words[number] for number in wrong):
        return answer
    if len(words) < _FEWEST_WORDS or not wrong or len(words) - len(wrong) < _SAME_SHARE * len(words):
        return answer
    places = {
        place
        for place in range(len(known) - len(words) + 1)
        if all(number in wrong or known[place + number] == word for number, word in enumerate(words))
    }
    stretches = {tuple(known[place + number] for number in wrong) for place in places}
    if len(stretches) != 1:
        return answer
    place = places.pop()
    if not all(_are_alike(words[number], known[place + number]) for number in wrong):
        return answer
    for number in reversed(wrong):
        at = said[number]
        answer = answer[: at.start()] + printed[place + number][0] + answer[at.end() :]
    return answer


def _are_alike(word: str, other: str) -> bool:
    return SequenceMatcher(None, word, other, autojunk=False).ratio() >= _ALIKE
