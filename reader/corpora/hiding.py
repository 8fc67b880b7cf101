"""Hides token ids in a filler text, and passages as paragraphs in long books.

The seed or the random numbers alone decide the places. This module asks and scores nothing.
"""

from __future__ import annotations

import dataclasses
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reader.corpora.books import Book
from reader.corpora.questions import Question
from reader.documents import Document, Page, split_pages
from reader.errors import ConfigError
from reader.models import Model

Encode = Callable[[str], Tensor]
"""Text to token ids (tokens,)."""


def hide(hidden: Sequence[Tensor], filler: Tensor, places: Sequence[int]) -> tuple[Tensor, list[int]]:
    """Insert token ids (any,) into a filler (tokens,) at `places`, which ascend.

    Returns:
        The token ids, and the place in them where each hidden sequence begins.
    """
    parts: list[Tensor] = []
    starts: list[int] = []
    before = length = 0
    for ids, place in zip(hidden, places, strict=True):
        parts += [filler[before:place], ids]
        starts.append(length + place - before)
        length = starts[-1] + len(ids)
        before = place
    return torch.cat([*parts, filler[before:]]), starts


def hide_at_random(
    passages: Sequence[str], filler: Tensor, tokens: int, encode: Encode, draw: random.Random
) -> tuple[Tensor, list[int]]:
    """Insert the passages, each as its own paragraph, at random places of a filler text, in random order.

    Args:
        filler: (any,) token ids, at least `tokens` of them.
        tokens: the length of the result; the result is longer if the passages alone are longer.

    Returns:
        The token ids, and the place where each passage begins.
    """
    encoded = [encode(f"\n\n{passage.strip()}\n\n") for passage in passages]
    room = max(0, tokens - sum(map(len, encoded)))
    places = sorted(draw.randrange(room + 1) for _ in encoded)
    order = draw.sample(range(len(encoded)), len(encoded))
    ids, found = hide([encoded[number] for number in order], filler[:room], places)
    starts = dict(zip(order, found, strict=True))
    return ids, [starts[number] for number in range(len(encoded))]


@dataclass(frozen=True)
class HiddenBook:
    """A book with hidden passages, and the questions about them."""

    document: Document
    questions: tuple[Question, ...]
    places: tuple[tuple[int, int] | None, ...]
    """For each question the span of its passage in the document's text; None: the question is about the whole book."""


def hide_in_books(
    questions: Sequence[Question],
    books: Sequence[Book],
    model: Model,
    *,
    book_tokens: tuple[int, int] = (50_000, 200_000),
    per_book: int = 20,
    seed: int = 0,
) -> list[HiddenBook]:
    """Hide the questions' contexts in books.

    Args:
        book_tokens: the least and the greatest length of a book; longer books are cut.
        per_book: contexts per book.

    Raises:
        ConfigError: no book is long enough, or a question about a whole book names a book that is missing.
    """
    hidden = [question for question in questions if question.context]
    whole: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        if not question.context:
            whole[question.book_file].append(question)
    by_name = {book.name: book for book in books}
    result = []
    for name, own in whole.items():
        if name not in by_name:
            raise ConfigError(f"The questions name the book {name!r}, which is not among the books given.")
        text = _cut(by_name[name].text, model, book_tokens[1])
        result.append(HiddenBook(_document(text, name), tuple(own), (None,) * len(own)))
    by_context: dict[str, list[Question]] = defaultdict(list)
    for question in hidden:
        by_context[question.context].append(question)
    contexts = list(by_context)
    shares = [contexts[start : start + per_book] for start in range(0, len(contexts), per_book)]
    long_enough = _long_books(books, model, book_tokens)
    for number, share in enumerate(shares):
        book = next(long_enough, None)
        if book is None:
            # If there are more passages than the books have room for, use the books again with other passages at other places.
            long_enough = _long_books(books, model, book_tokens)
            book = next(long_enough, None)
        if book is None:
            raise ConfigError(
                f"No book has {book_tokens[0]:,} tokens; give longer ones, or fewer tokens with --book-tokens."
            )
        result.append(_hide_in(book, share, by_context, random.Random(f"{seed} {number}")))
    return result


def _long_books(books: Sequence[Book], model: Model, book_tokens: tuple[int, int]) -> Iterator[Book]:
    for book in books:
        # A token has at least two characters on average, so the cheap test on characters comes first.
        if len(book.text) >= 2 * book_tokens[0] and len(model.encode(book.text)[0]) >= book_tokens[0]:
            yield dataclasses.replace(book, text=_cut(book.text, model, book_tokens[1]))


def _cut(text: str, model: Model, tokens: int) -> str:
    spans = model.encode(text[: 12 * tokens])[1]
    return text if len(spans) <= tokens else text[: int(spans[tokens - 1, 1])]


def _hide_in(
    book: Book, contexts: Sequence[str], by_context: dict[str, list[Question]], chance: random.Random
) -> HiddenBook:
    """Put each context between two paragraphs of its own section of the book."""
    paragraphs = book.text.split("\n\n")
    count = len(contexts)
    pieces: list[str] = []
    questions: list[Question] = []
    places: list[tuple[int, int]] = []
    chars = 0

    def put(piece: str) -> None:
        nonlocal chars
        pieces.append(piece)
        chars += len(piece) + 2

    start = 0
    order = chance.sample(list(contexts), count)
    for number, context in enumerate(order):
        end = len(paragraphs) * (number + 1) // count
        at = chance.randrange(start, max(start + 1, end))
        for paragraph in paragraphs[start:at]:
            put(paragraph)
        context_text = context.strip()
        for question in by_context[context]:
            questions.append(question)
            places.append((chars, chars + len(context_text)))
        put(context_text)
        for paragraph in paragraphs[at:end]:
            put(paragraph)
        start = end
    return HiddenBook(_document("\n\n".join(pieces), book.name), tuple(questions), tuple(places))


def _document(text: str, name: str) -> Document:
    pages, end = [], 0
    for number, (label, part) in enumerate(split_pages(text), start=1):
        pages.append(Page(number, label, end, end + len(part)))
        end += len(part)
    return Document(text[:end], tuple(pages), name.removesuffix(".txt"), name, "text", 0)
