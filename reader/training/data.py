"""Training data: excerpts of plain text books, questions on them, and made-up facts to recall.

Sample n depends only on the seed and n. So a resumed run, or a run of several processes, sees the same samples as one unbroken
run. Texts are tokenised only when drawn. This module uses only the decoder's tokenizer.
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
"""More than in any book, so that an excerpt of this many characters per token holds enough tokens."""

_BEGINNING_SHARE = 0.25
"""The share of excerpts that start at a text's beginning. Documents are read from their beginning, which holds titles, years and
tables of contents."""

_NONE = torch.empty(0, dtype=torch.int64)


@dataclass(frozen=True)
class Exchange:
    """A question after a document, and the answer to learn."""

    prompt: Tensor
    """(tokens,) ids of the question."""
    answer: Tensor
    """(tokens,) ids of the answer."""
    again: Tensor = _NONE
    """(tokens,) ids of passages to look at again, raw between memory and question."""


@dataclass(frozen=True)
class Sample:
    """One training sample."""

    document: Tensor
    """(tokens,) ids of the document to read."""
    exchanges: tuple[Exchange, ...] = ()
    """Questions after the document, none of which sees another; empty to train only reading."""
    is_behind_long_text: bool = False
    """Whether the questions are asked after the memory of one of the objective's long texts."""

    @property
    def tokens(self) -> int:
        """The number of tokens in all parts."""
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
        """Consecutive token ids (tokens,) of one book, or of several in a row if one is too short."""
        parts: list[Tensor] = []
        missing = tokens
        while missing > 0:
            text = draw.choices(self.texts, self._lengths)[0]
            start = draw.randrange(max(1, len(text) - missing * _CHARS_PER_TOKEN // 2))
            start = 0 if draw.random() < _BEGINNING_SHARE else start
            # Begin at the start of a word, as a book does.
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
    """Made-up facts with a number each, and questions about the numbers, which a memory must keep exactly.

    Each fact is of another kind, so that no question fits two facts. There are at most `MOST_RECALLED` facts.
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
