"""Questions whose answer lies somewhere in a long book.

Each passage is hidden, as a paragraph of its own, at a place in a book that the seed alone decides; several to a book, one in each
of as many equal stretches, so that a book is read once for all its questions. Asked are the reader itself, from memory alone and
looking again, and the others: no document at all, the newest window, retrieval with the same budget as looking again, and the
passage alone as the ceiling. Questions about a whole book (NarrativeQA) are asked of the book as it is.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from reader.answering import LOOK_AGAIN_TOKENS, Answer, AttachedMemory, ask, attach
from reader.corpora import Book, Question
from reader.documents import Document, Page, split_pages
from reader.errors import ConfigError, ContextOverflow
from reader.evaluation.generation import about_the_text, reply
from reader.evaluation.metrics import rouge_l, squad_scores
from reader.models import Model
from reader.reading import ReadingProgress, read
from reader.strategies import FullAttention, Progress, Retrieval, SlidingWindow, Strategy, make_report
from storage import Store

QA_STRATEGIES = ("none", "gold-untuned", "gold", "sliding-window", "retrieval", "beacon", "look-again")
"""`none` has no document, `gold` the hidden passage alone (`gold-untuned`: without the plug-in's answer weights); `beacon` answers
from memory, `look-again` reads passages again."""

MAX_REPLY_TOKENS = 64
EVIDENCE_PAGES = 3


@dataclass(frozen=True)
class HiddenBook:
    """A book with passages hidden in it, and what is asked about them."""

    document: Document
    questions: tuple[Question, ...]
    places: tuple[tuple[int, int] | None, ...]
    """For each question the span of its passage in the document's text; None: it is about the whole book."""


@dataclass(frozen=True)
class _Scored:
    exact: float
    f1: float
    rouge: float
    is_page_found: bool | None
    answerable: bool
    recomputed_tokens: int | None


def hide(
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
        book_tokens: the shortest and the longest book; longer ones are cut.
        per_book: contexts to a book.

    Raises:
        ConfigError: no book is long enough, or a whole-book question names a book that is not there.
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
            # Books come again, with other passages in other places, when there are more passages than books for them.
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
        # A token has seldom more than six characters: the cheap test first.
        if len(book.text) >= 2 * book_tokens[0] and len(model.encode(book.text)[0]) >= book_tokens[0]:
            yield dataclasses.replace(book, text=_cut(book.text, model, book_tokens[1]))


def _cut(text: str, model: Model, tokens: int) -> str:
    spans = model.encode(text[: 12 * tokens])[1]
    return text if len(spans) <= tokens else text[: int(spans[tokens - 1, 1])]


def _hide_in(
    book: Book, contexts: Sequence[str], by_context: dict[str, list[Question]], chance: random.Random
) -> HiddenBook:
    """Each context between two paragraphs of its own stretch of the book."""
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


def evaluate_qa(
    model: Model,
    questions: Sequence[Question],
    books: Sequence[Book],
    *,
    ratios: Sequence[int | None] = (None,),
    strategies: Sequence[str] = QA_STRATEGIES,
    limit: int | None = None,
    book_tokens: tuple[int, int] = (50_000, 200_000),
    per_book: int = 20,
    seed: int = 0,
    progress: Progress = lambda told, fraction: None,
) -> dict[str, Any]:
    """Exact match, token F1 and ROUGE-L of each strategy's replies.

    Args:
        ratios: of the memory; None adapts it to the book, as the reader does.
        limit: questions, drawn by the seed; None: all.
        book_tokens, per_book: see `hide`.

    Returns:
        `rows`, one for each strategy and ratio, apart for questions that have an answer and those that have none, too, and
        `of_gold`, the F1 as a part of the ceiling's; `replies`, each with what was said.

    Raises:
        ConfigError: an unknown strategy or a bad ratio, or see `hide`.
    """
    for name in strategies:
        if name not in QA_STRATEGIES:
            raise ConfigError(f"The strategy {name!r} is unknown here; choose from {', '.join(QA_STRATEGIES)}.")
    for ratio in ratios:
        if ratio is not None:
            model.plugin.config.check_ratio(ratio)
    drawn = list(questions)
    random.Random(seed).shuffle(drawn)
    # Questions about whole books stay together, so that few books are read for few of them.
    order = {name: number for number, name in enumerate(dict.fromkeys(question.book_file for question in drawn))}
    drawn.sort(key=lambda question: order[question.book_file])
    hidden = hide(drawn[:limit], books, model, book_tokens=book_tokens, per_book=per_book, seed=seed)
    total = sum(len(book.questions) for book in hidden)
    scored: dict[tuple[str, int | None], list[_Scored]] = defaultdict(list)
    replies: list[dict[str, Any]] = []
    tokens: list[int] = []
    used_ratios: dict[int | None, set[int]] = defaultdict(set)
    done = 0
    for book in hidden:
        ids = model.encode(book.document.text)[0]
        tokens.append(len(ids))
        before = done

        def on_reading(now: ReadingProgress, title: str = book.document.title, before: int = before) -> None:
            progress(f"{title}, page {now.pages_done:,} of {now.pages:,}", before / total)

        with tempfile.TemporaryDirectory(prefix="evaluate-") as folder, Store(Path(folder)) as store:
            asked = _Asked(book, ids, model, strategies, ratios, store, on_reading)
            for ratio, used in asked.ratios.items():
                used_ratios[ratio].add(used)
            for number, question in enumerate(book.questions):
                for name, ratio, said, answer in asked.replies(number):
                    result = _score(question, said, answer, book, number)
                    scored[name, ratio].append(result)
                    replies.append(
                        {
                            "id": question.id,
                            "strategy": name,
                            "ratio": ratio,
                            "question": question.question,
                            "answers": question.answers,
                            "reply": said,
                            "f1": result.f1,
                            "page_found": result.is_page_found,
                        }
                    )
                done += 1
                progress(book.document.title, done / total)
    rows = [_row(name, ratio, found, tokens, used_ratios[ratio]) for (name, ratio), found in scored.items()]
    rows.sort(key=lambda row: QA_STRATEGIES.index(row["strategy"]))
    ceiling = next((row["f1"] for row in rows if row["strategy"] == "gold"), 0.0)
    for row in rows:
        row["of_gold"] = row["f1"] / ceiling if ceiling else None
    return make_report("qa", model, rows, replies=replies)


class _Asked:
    """One book, read by every strategy, ready for its questions."""

    def __init__(
        self,
        book: HiddenBook,
        ids: Tensor,
        model: Model,
        strategies: Sequence[str],
        ratios: Sequence[int | None],
        store: Store,
        on_reading: Callable[[ReadingProgress], None],
    ) -> None:
        self.book, self.model, self.strategies = book, model, strategies
        self.ratios: dict[int | None, int] = {}
        """The ratio that was asked for, and the one that was read with."""
        self._rivals: dict[str, Strategy] = {}
        if "sliding-window" in strategies:
            self._rivals["sliding-window"] = SlidingWindow(model, model.plugin.config.window)
        if "retrieval" in strategies:
            self._rivals["retrieval"] = Retrieval(model, LOOK_AGAIN_TOKENS)
        for strategy in self._rivals.values():
            strategy.read(ids)
        self._attached: dict[int | None, AttachedMemory] = {}
        if {"beacon", "look-again"} & set(strategies):
            for ratio in ratios:
                result = read(book.document, model, store, ratio=ratio, progress=on_reading)
                self._attached[ratio] = attach(result.memory, model, store)
                self.ratios[ratio] = result.ratio

    def replies(self, number: int) -> Iterator[tuple[str, int | None, str, Answer | None]]:
        """For each strategy its name, ratio, reply, and the answer with its evidence where it was the reader's own."""
        question = self.book.questions[number]
        asked = about_the_text(question.question)
        for name in self.strategies:
            if name in ("beacon", "look-again"):
                for ratio, attached in self._attached.items():
                    look_again: str | int = LOOK_AGAIN_TOKENS if name == "look-again" else "off"
                    answer = None
                    spoken = itertools.count(1)
                    for part in ask(
                        attached,
                        question.question,
                        self.model,
                        look_again=look_again,
                        # As short as the others' replies.
                        stopped=lambda spoken=spoken: next(spoken) >= MAX_REPLY_TOKENS,  # type: ignore[misc]
                    ):
                        answer = part.answer
                    assert answer is not None
                    yield name, ratio, answer.text, answer
                continue
            strategy = self._rivals.get(name)
            if strategy is None:
                if name != "none" and not question.context:
                    continue  # a question about a whole book has no passage
                strategy = FullAttention(self.model)
                if name != "none":
                    strategy.read(self.model.encode(question.context)[0])
            try:
                said = reply(
                    strategy,
                    asked,
                    self.model,
                    max_tokens=MAX_REPLY_TOKENS,
                    searched=question.question,
                    tuned=name != "gold-untuned",
                )
            except ContextOverflow:
                said = ""
            yield name, None, said, None


def _score(question: Question, said: str, answer: Answer | None, book: HiddenBook, number: int) -> _Scored:
    exact, f1 = squad_scores(said, question.answers)
    place = book.places[number]
    is_found = None
    if answer is not None and place is not None and question.answers:
        first, last = (book.document.page_at(char).number for char in (place[0], place[1] - 1))
        named = list(dict.fromkeys(evidence.page for evidence in answer.evidence))[:EVIDENCE_PAGES]
        is_found = any(first <= page <= last for page in named)
    recomputed = None if answer is None else answer.recomputed_tokens
    return _Scored(exact, f1, rouge_l(said, question.answers), is_found, bool(question.answers), recomputed)


def _row(
    name: str, ratio: int | None, found: Sequence[_Scored], tokens: Sequence[int], used: set[int]
) -> dict[str, Any]:
    has_ratio = name in ("beacon", "look-again")
    if has_ratio and ratio is None and len(used) == 1:
        ratio = next(iter(used))
    row: dict[str, Any] = {
        "strategy": name,
        "ratio": ratio,
        "ratios": sorted(used) if has_ratio else [],
        "book_tokens": round(statistics.mean(tokens)),
        "questions": len(found),
        "f1": statistics.mean(one.f1 for one in found),
        "exact_match": statistics.mean(one.exact for one in found),
        "rougeL": statistics.mean(one.rouge for one in found),
    }
    pages = [one.is_page_found for one in found if one.is_page_found is not None]
    row["page_recall_at_3"] = statistics.mean(pages) if pages else None
    for part, is_answerable in (("answerable", True), ("unanswerable", False)):
        own = [one for one in found if one.answerable == is_answerable]
        row[f"{part}_questions"] = len(own)
        row[f"{part}_f1"] = statistics.mean(one.f1 for one in own) if own else None
    recomputed = [one.recomputed_tokens for one in found if one.recomputed_tokens is not None]
    row["recomputed_tokens"] = round(statistics.mean(recomputed)) if recomputed else None
    return row
