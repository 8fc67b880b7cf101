"""What is learned from: excerpts of plain text books, and questions whose passage lies somewhere in such an excerpt.

Sample number n is a function of the seed and n alone, so a run that is resumed, or shared by several processes, sees what one
unbroken run sees. Nothing is tokenised before it is drawn. It knows no decoder beyond its tokenizer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from reader.evaluation.books import load_books
from reader.evaluation.questions import load_questions

Encode = Callable[[str], Tensor]
"""Text to token ids (tokens,)."""

_CHARS_PER_TOKEN = 7
"""More than any book's, so that an excerpt of characters holds enough tokens."""


_NONE = torch.empty(0, dtype=torch.int64)


@dataclass(frozen=True)
class Sample:
    """One thing to learn from."""

    document: Tensor
    """(tokens,) ids that are read."""
    again: Tensor = _NONE
    """(tokens,) ids of passages that are looked at again, raw behind the memory."""
    prompt: Tensor = _NONE
    """(tokens,) ids of a question behind them; empty where only reading is learned."""
    answer: Tensor = _NONE
    """(tokens,) ids that should follow the prompt."""

    @property
    def tokens(self) -> int:
        """Of all parts."""
        return len(self.document) + len(self.again) + len(self.prompt) + len(self.answer)


@dataclass(frozen=True)
class Question:
    """A question, the passage that answers it, and the answer; the empty answer: the passage does not say."""

    passage: str
    question: str
    answer: str


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
            # Begin with a word: a book does not start in the middle of one.
            start = text.find(" ", start) + 1 if start else 0
            ids = encode(text[start : start + missing * _CHARS_PER_TOKEN])[:missing]
            parts.append(ids)
            missing -= max(1, len(ids))
        return torch.cat(parts)[:tokens]


def read_questions(path: Path) -> list[Question]:
    """Questions from any file that `evaluate` takes; the first answer is the one to learn.

    Raises:
        ConfigError: see `load_questions`.
    """
    return [Question(one.context, one.question, one.answers[0] if one.answers else "") for one in load_questions(path)]


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


def recall_question(draw: random.Random) -> Question:
    """A made-up fact with a number in it, and the question for it: what a memory must keep exactly."""
    digits = str(draw.randrange(10 ** draw.choice((3, 4, 5, 5, 5, 6)))).zfill(3)
    name = f"{draw.choice(_PLACES)} {draw.choice(_COLOURS)} {draw.choice(_THINGS)}"
    kind = draw.choice(("number", "code", "secret number", "pass key", "key"))
    passage, question = draw.choice(
        (
            (f"The {kind} of the {name} is {digits}. Remember it.", f"What is the {kind} of the {name}?"),
            (f"The {kind} is {digits}. Remember it. {digits} is the {kind}.", f"What is the {kind}?"),
            (f"There was a {name}, and on it stood the {kind} {digits}.", f"Which {kind} stood on the {name}?"),
        )
    )
    return Question(passage, question, digits)


def hide(
    questions: Sequence[Question], filler: Tensor, tokens: int, encode: Encode, draw: random.Random
) -> tuple[Tensor, list[int]]:
    """Put the passages as paragraphs of their own at random places of a filler text.

    Args:
        filler: (any,) token ids, at least `tokens` of them.
        tokens: the length of the result; longer where the passages alone are.

    Returns:
        Token ids, and where each passage begins.
    """
    passages = [encode(f"\n\n{question.passage.strip()}\n\n") for question in questions]
    room = max(0, tokens - sum(map(len, passages)))
    cuts = sorted(draw.randrange(room + 1) for _ in passages)
    order = draw.sample(range(len(passages)), len(passages))
    parts: list[Tensor] = []
    starts = [0] * len(passages)
    before = length = 0
    for cut, number in zip(cuts, order, strict=True):
        parts += [filler[before:cut], passages[number]]
        starts[number] = length + cut - before
        length = starts[number] + len(passages[number])
        before = cut
    return torch.cat([*parts, filler[before:room]]), starts
