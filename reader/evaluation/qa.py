"""Questions whose answer lies somewhere in a long book.

Each passage is hidden in a book as its own paragraph, at a place that depends only on the seed. A book holds several passages,
one in each of as many equal sections, so that one reading serves all its questions. Compared are the reader from memory alone,
the reader looking again, no document, the newest window, retrieval and LeanContext with the same budget as looking again, and the
passage alone as the upper bound. Questions about a whole book (NarrativeQA) are asked of the unchanged book.
"""

from __future__ import annotations

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

from reader.answering import LOOK_AGAIN_TOKENS, Answer, AttachedMemory, ask, attach, question_words
from reader.corpora import Book, HiddenBook, Question, hide_in_books
from reader.errors import ContextOverflow
from reader.evaluation.generation import reply
from reader.evaluation.metrics import rouge_l, squad_scores
from reader.evaluation.report import Progress, Report
from reader.models import Model
from reader.reading import ReadingProgress, read
from reader.strategies import FullAttention, LeanContext, Retrieval, SlidingWindow, Strategy, check_names
from storage import Store

QA_STRATEGIES = ("none", "gold-untuned", "gold", "sliding-window", "retrieval", "lean-context", "beacon", "look-again")
"""`none` sees no document, `gold` sees only the hidden passage (`gold-untuned`: without the plug-in's answer weights), `beacon`
answers from memory, `look-again` reads passages again."""

MAX_REPLY_TOKENS = 64
EVIDENCE_PAGES = 3


@dataclass(frozen=True)
class _Scored:
    exact: float
    f1: float
    rouge: float
    is_page_found: bool | None
    answerable: bool
    recomputed_tokens: int | None


@dataclass(frozen=True)
class QaSettings:
    """The number of questions, and the books to hide them in."""

    ratios: Sequence[int | None] = (None,)
    """The memory's ratios; None adapts the ratio to the book, as the reader does."""
    limit: int | None = None
    """The number of questions, drawn with the seed; None: all."""
    book_tokens: tuple[int, int] = (50_000, 200_000)
    """The least and the greatest length of a book; longer books are cut."""
    per_book: int = 20
    """Passages hidden in one book."""
    seed: int = 0
    """The seed for the questions and their places."""


def evaluate_qa(
    model: Model,
    questions: Sequence[Question],
    books: Sequence[Book],
    settings: QaSettings = QaSettings(),
    *,
    strategies: Sequence[str] = QA_STRATEGIES,
    progress: Progress = lambda doing, fraction: None,
) -> Report:
    """Exact match, token F1 and ROUGE-L of each strategy's replies.

    Returns:
        `rows`, one for each strategy and ratio, with separate figures for answerable and unanswerable questions, and `of_gold`,
        the share of the upper bound's F1; `replies`, each with its text.

    Raises:
        ConfigError: an unknown strategy or a bad ratio, or see `hide_in_books`.
    """
    check_names(strategies, QA_STRATEGIES)
    for ratio in settings.ratios:
        if ratio is not None:
            model.plugin.config.check_ratio(ratio)
    hidden = hide_in_books(
        _draw(questions, settings),
        books,
        model,
        book_tokens=settings.book_tokens,
        per_book=settings.per_book,
        seed=settings.seed,
    )
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
            asked = _AskedBook(book, ids, model, strategies, settings.ratios, store, on_reading)
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
    return Report.of("qa", model, rows, replies=replies)


def _draw(questions: Sequence[Question], settings: QaSettings) -> list[Question]:
    """Draw the questions. Keep those about the same whole book together, so that few questions need few books."""
    drawn = list(questions)
    random.Random(settings.seed).shuffle(drawn)
    order = {name: number for number, name in enumerate(dict.fromkeys(question.book_file for question in drawn))}
    drawn.sort(key=lambda question: order[question.book_file])
    return drawn[: settings.limit]


class _AskedBook:
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
        """Requested ratio -> the ratio of the reading."""
        self._rivals: dict[str, Strategy] = {}
        if "sliding-window" in strategies:
            self._rivals["sliding-window"] = SlidingWindow(model, model.plugin.config.window)
        if "retrieval" in strategies:
            self._rivals["retrieval"] = Retrieval(model, LOOK_AGAIN_TOKENS)
        if "lean-context" in strategies:
            self._rivals["lean-context"] = LeanContext(model, LOOK_AGAIN_TOKENS)
        for strategy in self._rivals.values():
            strategy.read(ids)
        self._attached: dict[int | None, AttachedMemory] = {}
        if {"beacon", "look-again"} & set(strategies):
            for ratio in ratios:
                result = read(book.document, model, store, ratio=ratio, progress=on_reading)
                self._attached[ratio] = attach(result.memory, model, store)
                self.ratios[ratio] = result.ratio

    def replies(self, number: int) -> Iterator[tuple[str, int | None, str, Answer | None]]:
        """For each strategy its name, ratio and reply, and for the reader its answer with evidence."""
        question = self.book.questions[number]
        asked = question_words(question.question, self.model)
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
                        # The reader's reply must be as short as the others'.
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
