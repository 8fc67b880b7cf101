"""Retrieval tasks by length and depth: a pass key, a needle, or the topics of a talk, hidden in a long text.

Pass key (arXiv 2305.16300): a sentence names five digits twice, and the question at the end asks for them. Needle (Kamradt's
"needle in a haystack"): a fact unrelated to its surroundings, scored by the share of its words in the reply; the original lets a
model judge. Topic (LongChat): the text has sections about one topic each, and the question asks for the first. The filler is
real books if any are given, else the sentences of the original tasks.
"""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from reader.corpora import Book, BookTokens, hide
from reader.errors import ConfigError
from reader.evaluation.generation import reply
from reader.evaluation.metrics import first_number, recall
from reader.evaluation.report import Progress, Report
from reader.models import Model
from reader.strategies import Entry, Setup, line_up, misfit

KNOWN_STRATEGIES = ("sliding-window", "full", "self-extend", "retrieval", "lean-context", "beacon", "lengthened")
SYNTHETIC_STRATEGIES = ("sliding-window", "full", "beacon")

FILLER = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."

NEEDLES = (
    ("The best thing to do in Lisbon on a rainy day is to ride tram 28 with a bag of roasted chestnuts.",
     "What is the best thing to do in Lisbon on a rainy day?", "ride tram 28 with a bag of roasted chestnuts"),
    ("Old Mr. Ferrow always hid the key of his workshop under the blue beehive behind the church.",
     "Where did old Mr. Ferrow always hide the key of his workshop?", "under the blue beehive behind the church"),
    ("The secret ingredient of the soup at the Harbour Inn is a spoonful of burnt honey.",
     "What is the secret ingredient of the soup at the Harbour Inn?", "a spoonful of burnt honey"),
    ("Captain Ilse Brandt painted the hull of her boat orange because gulls are afraid of that colour.",
     "Why did Captain Ilse Brandt paint the hull of her boat orange?", "because gulls are afraid of that colour"),
    ("The prize of the chess tournament in Novara was a silver teapot filled with saffron.",
     "What was the prize of the chess tournament in Novara?", "a silver teapot filled with saffron"),
)  # fmt: skip

TOPICS = (
    "the history of lighthouses", "growing tomatoes on a balcony", "the rules of cricket", "how violins are made",
    "keeping bees in the city", "the first railway tunnels", "baking bread with rye", "the migration of storks",
    "old maps of Africa", "learning to juggle", "the taste of mineral water", "repairing wooden boats",
    "the moons of Saturn", "training young dogs", "windmills in Holland", "collecting stamps",
    "the language of whales", "painting with watercolours", "mountain rescue in winter", "the invention of the zip fastener",
    "cheese from sheep's milk", "walking across Iceland", "the theatre masks of Japan", "growing old gracefully",
)  # fmt: skip

_HEAD = "Somewhere in this long text an important piece of information is hidden. Find it and remember it.\n\n"


@dataclass(frozen=True)
class Example:
    """A document with something hidden in it, and the score for replies."""

    ids: Tensor
    """(tokens,)"""
    question: str
    begin: str
    """How the reply begins."""
    score: Callable[[str], float]
    """Scores a reply from 0 to 1."""
    max_tokens: int


@dataclass(frozen=True)
class SyntheticSettings:
    """What is hidden, the number and lengths of the texts, and the depths."""

    task: str
    """`passkey`, `needle` or `topic`."""
    lengths: Sequence[int]
    """The documents' lengths in tokens."""
    depths: Sequence[float]
    """The places of the hidden text in the document, from 0 (the beginning) to 1 (the end)."""
    ratios: Sequence[int]
    repeats: int = 1
    """The number of documents for each length and depth, each with another key and other filler."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.task not in MAKERS:
            raise ConfigError(f"The task {self.task!r} is unknown; choose from {', '.join(MAKERS)}.")
        for depth in self.depths:
            if not 0 <= depth <= 1:
                raise ConfigError(f"The depth is {depth}; it must be from 0 (the beginning) to 1 (the end).")


def evaluate_synthetic(
    model: Model,
    settings: SyntheticSettings,
    books: Sequence[Book] = (),
    *,
    strategies: Sequence[str] = SYNTHETIC_STRATEGIES,
    lengthened: Model | None = None,
    progress: Progress = lambda doing, fraction: None,
) -> Report:
    """Scores by length and depth of a task.

    Args:
        books: the filler; none: filler sentences.

    Returns:
        `rows`, one for each strategy, ratio and length, with its mean `score` and its scores `by_depth`; `replies`, each
        with its text; `skipped`, the combinations that do not fit, with the reason.

    Raises:
        ConfigError: an impossible length, ratio or strategy.
    """
    window = model.plugin.config.window
    setup = Setup(model, settings.ratios, lengthened=lengthened, kept_tokens=window)
    entries = line_up(setup, strategies, KNOWN_STRATEGIES)
    filler = _Filler(books, model)
    cells: dict[tuple[Entry, int], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    replies: list[dict[str, Any]] = []
    skipped: dict[tuple[str, int | None, int], str] = {}
    examples = list(_examples(settings))
    total, done = sum(length for length, _, _ in examples) * len(entries), 0
    for length, depth, chance in examples:
        example = MAKERS[settings.task](model, filler, length, depth, chance)
        behind = len(model.closing(example.question)) + 2 * example.max_tokens
        for entry in entries:
            progress(f"{entry}, {length:,} tokens", done / total)
            done += length
            reason = misfit(entry, model, length, behind)
            if reason is not None:
                skipped[entry.name, entry.ratio, length] = reason
                continue
            strategy = entry.make(length)
            strategy.read(example.ids)
            said = reply(strategy, example.question, model, max_tokens=example.max_tokens, begin=example.begin)
            score = example.score(said)
            cells[entry, length][depth].append(score)
            replies.append(
                {
                    "strategy": entry.name,
                    "ratio": entry.ratio,
                    "length": length,
                    "depth": depth,
                    "score": score,
                    "reply": said,
                }
            )
    rows = [
        {
            "strategy": entry.name,
            "ratio": entry.ratio,
            "length": length,
            "score": statistics.mean(score for scores in by_depth.values() for score in scores),
            "by_depth": {str(depth): statistics.mean(scores) for depth, scores in by_depth.items()},
            "examples": sum(map(len, by_depth.values())),
        }
        for (entry, length), by_depth in sorted(cells.items(), key=lambda item: (entries.index(item[0][0]), item[0][1]))
    ]
    return Report.of(settings.task, model, rows, skipped, replies)


def _examples(settings: SyntheticSettings) -> Iterator[tuple[int, float, random.Random]]:
    """The length, the depth and the random numbers for each document."""
    for length in sorted(settings.lengths):
        for depth in settings.depths:
            for number in range(settings.repeats):
                yield length, depth, random.Random(f"{settings.seed} {settings.task} {length} {depth} {number}")


class _Filler:
    """Token ids of text that is unrelated to the hidden text."""

    def __init__(self, books: Sequence[Book], model: Model) -> None:
        self._model = model
        self._books = BookTokens(books, model)
        self._sentence = model.encode(FILLER + " ")[0]

    def take(self, tokens: int, chance: random.Random) -> Tensor:
        """Exactly `tokens` token ids."""
        books = self._books
        ids = books.joined(chance.randrange(len(books.books)), tokens)[0] if books.books else self._sentence[:0]
        if len(ids) < tokens:
            ids = books.joined(0, tokens)[0] if books.books else ids
        if len(ids) < tokens:
            ids = torch.cat([ids, self._sentence.repeat(-(-tokens // len(self._sentence)))])
        return ids[:tokens]

    def place(self, ids: Tensor, depth: float) -> int:
        """The end of a sentence at this depth or up to 200 tokens before it."""
        at = round(depth * len(ids))
        for place in range(at, max(0, at - 200), -1):
            if (
                str(self._model.decoder.tokenizer.decode(ids[place - 1 : place]))
                .rstrip(" ")
                .endswith((".", "!", "?", "\n"))
            ):
                return place
        return at


def _with_hidden(
    model: Model, filler: _Filler, length: int, depth: float, chance: random.Random, hidden: str
) -> Tensor:
    """A document of exactly `length` tokens with a sentence hidden in it."""
    head, sentence = model.encode(_HEAD)[0], model.encode(f"\n{hidden}\n")[0]
    if length < len(head) + len(sentence):
        raise ConfigError(f"The length is {length} tokens; it must be at least {len(head) + len(sentence)}.")
    around = filler.take(length - len(head) - len(sentence), chance)
    ids, _ = hide([sentence], around, [filler.place(around, depth)])
    return torch.cat([head, ids])


def make_passkey(model: Model, filler: _Filler, length: int, depth: float, chance: random.Random) -> Example:
    """Five digits. A reply is right if its first number is this key."""
    key = str(chance.randrange(10000, 100000))
    ids = _with_hidden(
        model, filler, length, depth, chance, f"The pass key is {key}. Remember it. {key} is the pass key."
    )

    def score(said: str) -> float:
        return float(first_number(said) == key)

    return Example(ids, "\n\nWhat is the pass key in the text above?", "The pass key is ", score, 12)


def make_needle(model: Model, filler: _Filler, length: int, depth: float, chance: random.Random) -> Example:
    """A fact. The score is the share of its words in the reply."""
    needle, question, answer = chance.choice(NEEDLES)
    ids = _with_hidden(model, filler, length, depth, chance, needle)
    return Example(ids, f"\n\n{question}", "", lambda said: recall(said, answer), 40)


def make_topic(model: Model, filler: _Filler, length: int, depth: float, chance: random.Random) -> Example:
    """Sections of about 500 tokens, each about one topic. The question asks for the first topic, or (deeper) for a later one."""
    count = max(2, min(len(TOPICS), round(length / 500)))
    topics = chance.sample(TOPICS, count)
    heads = [
        model.encode(f"\n\nSection {n}. I would like to talk about {topic}.\n")[0] for n, topic in enumerate(topics, 1)
    ]
    room = length - sum(map(len, heads))
    if room < 0:
        raise ConfigError(f"The length is {length} tokens; it must be at least {length - room}.")
    parts = filler.take(room, chance).tensor_split(count)
    ids = torch.cat([part for pair in zip(heads, parts, strict=True) for part in pair])
    asked = round(depth * (count - 1))
    which = "the first topic" if asked == 0 else f"the topic of section {asked + 1}"
    question = f"\n\nWhat was {which} that I talked about in the text above? Name the topic only."

    def score(said: str) -> float:
        return float(recall(said, topics[asked]) == 1.0)

    return Example(ids, question, "", score, 24)


MAKERS = {"passkey": make_passkey, "needle": make_needle, "topic": make_topic}
