"""What is learned from: excerpts of plain text books, and questions whose passage lies somewhere in such an excerpt.

Sample number n is a function of the seed and n alone, so a run that is resumed, or shared by several processes, sees what one
unbroken run sees. Nothing is tokenised before it is drawn. It knows no decoder beyond its tokenizer.
"""

from __future__ import annotations

import gzip
import json
import random
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from reader.errors import ConfigError

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
        ConfigError: a path is neither, or holds no text.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.texts: list[str] = []
        for path in paths:
            self.texts += _texts(path)
        if not self.texts:
            raise ConfigError(
                f"There is no .txt file in {', '.join(map(str, paths)) or 'nothing'}; give --books others."
            )
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


def _texts(path: Path) -> list[str]:
    try:
        if path.is_dir():
            return [file.read_text(encoding="utf-8", errors="replace") for file in sorted(path.rglob("*.txt"))]
        with tarfile.open(path) as archive:
            members = sorted(
                (member for member in archive if member.isfile() and member.name.endswith(".txt")),
                key=lambda member: member.name,
            )
            return [archive.extractfile(member).read().decode("utf-8", "replace") for member in members]  # type: ignore[union-attr]
    except (OSError, tarfile.TarError) as error:
        raise ConfigError(
            f"The books {str(path)!r} cannot be read ({error}); give a folder of .txt files or a .tar archive of them."
        ) from error


def read_questions(path: Path) -> list[Question]:
    """Questions from JSON lines `{context, question, answers}`, gzipped or not; the first answer is the one to learn.

    Raises:
        ConfigError: the file cannot be read, or a line is not such a question; names the line.
    """
    questions: list[Question] = []
    number = 0  # of the line that an error names
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for line in lines:
                number += 1
                if not line.strip():
                    continue
                fields: Mapping[str, object] = json.loads(line)
                answers = fields["answers"]
                if not isinstance(answers, list):
                    raise TypeError("answers is not a list")
                first = str(answers[0]) if answers else ""
                questions.append(Question(str(fields["context"]), str(fields["question"]), first))
    except (OSError, EOFError) as error:
        raise ConfigError(f"The questions {str(path)!r} cannot be read ({error}); give JSON lines.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"Line {number} of {str(path)!r} is no question ({type(error).__name__}: {error}); "
            "each line needs context, question and answers."
        ) from error
    return questions


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
