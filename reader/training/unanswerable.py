"""Makes a question unanswerable by changing one detail.

The changes are another number, another name or another noun from the passage, an opposite, or a "not". People wrote such questions
for SQuAD 2.0 (arXiv 1806.03822). From them a decoder learns to compare the whole question instead of taking the likeliest phrase.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_OPPOSITES = [
    ("first", "last"), ("largest", "smallest"), ("biggest", "smallest"), ("most", "least"), ("more", "less"), ("before", "after"),
    ("highest", "lowest"), ("best", "worst"), ("oldest", "youngest"), ("longest", "shortest"), ("north", "south"),
    ("east", "west"), ("begin", "end"), ("began", "ended"), ("start", "stop"), ("started", "stopped"), ("won", "lost"),
    ("like", "dislike"), ("good", "bad"), ("always", "never"), ("same", "different"), ("many", "few"), ("old", "new"),
    ("early", "late"), ("with", "without"), ("man", "woman"), ("husband", "wife"), ("father", "mother"), ("son", "daughter"),
    ("boy", "girl"), ("brother", "sister"), ("king", "queen"), ("inside", "outside"), ("up", "down"),
    ("above", "below"), ("open", "closed"), ("buy", "sell"), ("bought", "sold"), ("day", "night"), ("summer", "winter"),
    ("increase", "decrease"), ("allowed", "forbidden"), ("possible", "impossible"), ("happy", "sad"), ("young", "old"),
]  # fmt: skip
_OPPOSITE = dict(_OPPOSITES) | {second: first for first, second in _OPPOSITES}

_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
_NOUN = re.compile(r"\b(?:the|an?|of|in|for|by|his|her|their|its|this|each|many|much) ([a-z]{4,})\b")
_NUMBER = re.compile(r"\b\d[\d,.]*\b")
_VERB = re.compile(r"\b(is|are|was|were|does|do|did|can|could|will|would|has|had|should)\b", re.I)


def alter(question: str, passage: str, draw: random.Random) -> str | None:
    """The question with one detail changed, so that the passage hardly answers it; None if no change is possible."""
    changes: list[Callable[[str, str, random.Random], str | None]] = [_number, _name, _noun, _opposite, _negation]
    draw.shuffle(changes)
    # A "not" fits nearly every question. It is the last and rarest change, so that the decoder does not learn only the "not".
    changes.sort(key=lambda change: change is _negation)
    if draw.random() < 0.7:
        changes.remove(_negation)
    return next((altered for change in changes if (altered := change(question, passage, draw))), None)


def _number(question: str, passage: str, draw: random.Random) -> str | None:
    found = _NUMBER.search(question)
    if found is None:
        return None
    others: list[str] = [number for number in _NUMBER.findall(passage) if number != found[0]]
    digits = found[0][:-1] + str((int(found[0][-1]) + draw.randint(1, 9)) % 10) if found[0][-1].isdigit() else "12"
    return question[: found.start()] + draw.choice([*others, digits]) + question[found.end() :]


def _name(question: str, passage: str, draw: random.Random) -> str | None:
    found = list(_NAME.finditer(question))
    others: list[str] = sorted({name for name in _NAME.findall(passage) if name not in question})
    if not found or not others:
        return None
    place = draw.choice(found)
    return question[: place.start()] + draw.choice(others) + question[place.end() :]


def _noun(question: str, passage: str, draw: random.Random) -> str | None:
    found = list(_NOUN.finditer(question))
    if not found:
        return None
    place = draw.choice(found)
    nouns = [noun for noun in _NOUN.findall(passage) if noun.endswith("s") == place[1].endswith("s")]
    others: list[str] = sorted({noun for noun in nouns if noun not in question})
    return question[: place.start(1)] + draw.choice(others) + question[place.end(1) :] if others else None


def _opposite(question: str, passage: str, draw: random.Random) -> str | None:
    found = [word for word in re.finditer(r"\w+", question) if word[0] in _OPPOSITE]
    if not found:
        return None
    place = draw.choice(found)
    return question[: place.start()] + _OPPOSITE[place[0]] + question[place.end() :]


def _negation(question: str, passage: str, draw: random.Random) -> str | None:
    found = _VERB.search(question)
    if found is None:
        return None
    verb = {"can": "ca", "will": "wo"}.get(found[0].lower(), found[0])
    return f"{question[: found.start()]}{verb}n't{question[found.end() :]}"
