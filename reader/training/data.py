"""What is learned from: excerpts of plain text books, questions on them, and made-up facts to recall.

Sample number n is a function of the seed and n alone, so a run that is resumed, or shared by several processes, sees what one
unbroken run sees. Nothing is tokenised before it is drawn. It knows no decoder beyond its tokenizer.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from reader.corpora import Encode, Question, load_books

_CHARS_PER_TOKEN = 7
"""More than any book's, so that an excerpt of characters holds enough tokens."""

_BEGINNING_SHARE = 0.25
"""How many excerpts are a text's beginning: documents are read from there, and titles, years and contents stand there."""

_NONE = torch.empty(0, dtype=torch.int64)


@dataclass(frozen=True)
class Exchange:
    """A question behind a document, and the answer to learn."""

    prompt: Tensor
    """(tokens,) ids of the question."""
    answer: Tensor
    """(tokens,) ids that should follow it."""
    again: Tensor = _NONE
    """(tokens,) ids of passages that are looked at again, raw between memory and question."""


@dataclass(frozen=True)
class Sample:
    """One thing to learn from."""

    document: Tensor
    """(tokens,) ids that are read."""
    exchanges: tuple[Exchange, ...] = ()
    """Questions behind it, none of which sees another; none where only reading is learned."""
    is_behind_long_text: bool = False
    """Whether it is asked behind the memory of one of the objective's long texts."""

    @property
    def tokens(self) -> int:
        """Of all parts."""
        return len(self.document) + sum(len(one.again) + len(one.prompt) + len(one.answer) for one in self.exchanges)


class Books:
    """Plain texts from folders of .txt files or .tar archives of them.

    Raises:
        ConfigError: see `load_books`.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.texts = [book.text for path in paths for book in load_books(path)]
        self._lengths = [len(text) for text in self.texts]

    def excerpt(self, tokens: int, encode: Encode, draw: random.Random) -> Tensor:
        """Consecutive token ids (tokens,) of one book, or of books one behind another where one is too short."""
        parts: list[Tensor] = []
        missing = tokens
        while missing > 0:
            text = draw.choices(self.texts, self._lengths)[0]
            start = draw.randrange(max(1, len(text) - missing * _CHARS_PER_TOKEN // 2))
            start = 0 if draw.random() < _BEGINNING_SHARE else start
            # Begin with a word: a book does not start in the middle of one.
            start = text.find(" ", start) + 1 if start else 0
            ids = encode(text[start : start + missing * _CHARS_PER_TOKEN])[:missing]
            parts.append(ids)
            missing -= max(1, len(ids))
        return torch.cat(parts)[:tokens]


_COLOURS = ["red", "blue", "green", "white", "black", "golden", "silver", "purple", "orange", "brown"]
_THINGS = [
    "door",
    "box",
    "ship",
    "lamp",
    "coat",
    "letter",
    "horse",
    "cabin",
    "bridge",
    "garden",
    "clock",
    "mirror",
    "barrel",
    "wagon",
    "chest",
    "kite",
]
_PLACES = ["north", "south", "east", "west", "upper", "lower", "inner", "outer", "old", "new"]


_KINDS = [
    "number",
    "code",
    "secret number",
    "pass key",
    "key",
    "password",
    "combination",
    "account number",
    "telephone number",
    "PIN",
]

MOST_RECALLED = len(_KINDS)


def recall_questions(draw: random.Random, count: int) -> list[Question]:
    """Made-up facts with a number in each, and the questions for them: what a memory must keep exactly.

    No two are of the same kind, so that no question could mean another fact; at most `MOST_RECALLED` of them.
    """
    return [_recall_question(kind, draw) for kind in draw.sample(_KINDS, count)]


def _recall_question(kind: str, draw: random.Random) -> Question:
    digits = str(draw.randrange(10 ** draw.choice((3, 4, 5, 5, 5, 6)))).zfill(3)
    name = f"{draw.choice(_PLACES)} {draw.choice(_COLOURS)} {draw.choice(_THINGS)}"
    passage, question, whole = draw.choice(
        (
            (
                f"The {kind} of the {name} is {digits}. Remember it.",
                f"What is the {kind} of the {name}?",
                f"The {kind} of the {name} is {digits}.",
            ),
            (
                f"The {kind} is {digits}. Remember it. {digits} is the {kind}.",
                f"What is the {kind}?",
                f"The {kind} is {digits}.",
            ),
            (
                f"There was a {name}, and on it stood the {kind} {digits}.",
                f"Which {kind} stood on the {name}?",
                f"On the {name} stood the {kind} {digits}.",
            ),
        )
    )
    return Question("", passage, question, (draw.choice((digits, whole)),))
