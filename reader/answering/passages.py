"""Passages: stretches of whole sentences within a page, and which of them share words or meaning with a question.

Pages are too long to be read again whole and too coarse to quote from. A passage is a few sentences, overlapping the next
one by half, so that what belongs together is together in one of them. They are ranked by BM25 over word stems, and by the vectors
of their sentences. It runs no decoder and sees no attention.
"""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from reader.answering.text.ledgers import Ledger, ledgers
from reader.answering.text.records import Grid, grids
from reader.answering.text.tables import Shown, Table, names_nothing_of, rows_asked, rows_priced, shown, tables
from reader.answering.text.words import content_words, neighbours
from reader.reading import goes_on, sentences, shortened
from storage import PageRecord, TextIndex

if TYPE_CHECKING:  # torch takes seconds to import
    from reader.models import SentenceEncoder
    from reader.reading import SentenceVectors

LOOK_AGAIN_TOKENS = 600
"""How many tokens are looked at again by default."""
PASSAGE_CHARS = 800
"""About 200 tokens: with a budget of 600, three passages are read again at most."""

_CANDIDATES = 20
_NEIGHBOURS = 0.3
"""What a passage scores that has all words side by side that are so in the question (Metzler and Croft, SIGIR 2005)."""
_FRONT_CHARS = 200
"""Where a document says whose amounts its lists have: a question may name the village that pays."""


@dataclass(frozen=True)
class Source:
    """A document as it stands in a memory: its pages, and where its characters begin among those of all attached documents."""

    document_id: str
    title: str
    pages: tuple[PageRecord, ...]
    """Where a sentence continues on the next page, all of it belongs to the page on which it begins."""
    chars_read: int
    """How far it has been read; what comes after is not looked at."""
    first_char: int = 0
    authors: tuple[str, ...] = ()
    """Whom the file's properties name."""
    file_name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "pages", _whole_sentences(self.pages))

    @property
    def read(self) -> list[PageRecord]:
        """The pages that have been read whole."""
        return [page for page in self.pages if page.end_char <= self.chars_read]

    @property
    def is_read(self) -> bool:
        """Whether the whole document has been read."""
        return self.chars_read >= self.chars

    @property
    def chars(self) -> int:
        """Characters of the whole document."""
        return self.pages[-1].end_char if self.pages else 0


@dataclass(frozen=True)
class Passage:
    """Some sentences of one page; start_char and end_char count in the document's text."""

    document_id: str
    page: int
    label: str
    start_char: int
    end_char: int
    text: str
    header: str = ""
    """The first row of the table that it begins in, where that is not in it."""

    def touches(self, other: Passage) -> bool:
        """Whether both are of one page, and no character stands between them."""
        same_page = (self.document_id, self.page) == (other.document_id, other.page)
        return same_page and self.start_char <= other.end_char and other.start_char <= self.end_char


def _whole_sentences(pages: Sequence[PageRecord]) -> tuple[PageRecord, ...]:
    """Move the rest of each sentence that continues on the next page to the page on which it begins; the text stays the same."""
    whole = list(pages)
    for number, (page, following) in enumerate(pairwise(pages)):
        if not goes_on(page.text, following.text):
            continue
        spans = sentences(following.text)
        _, end = next(spans)
        begin, _ = next(spans, (0, 0))
        if begin and end <= PASSAGE_CHARS:
            before = whole[number]
            whole[number] = replace(before, text=before.text + following.text[:begin], end_char=before.end_char + begin)
            whole[number + 1] = replace(following, text=following.text[begin:], start_char=before.end_char + begin)
    return tuple(whole)


class Passages:
    """All passages of the attached documents, in order, with an index over their words."""

    def __init__(self, sources: Sequence[Source], vectors: Sequence[SentenceVectors] | None = None) -> None:
        """Cut the sources into passages.

        Args:
            vectors: of the sentences of each source, where all have them.
        """
        self._read = read = {source.document_id: source.read for source in sources}
        self.tables = {document_id: tables(pages) for document_id, pages in read.items()}
        self.all = [
            self._passage(page, start, end)
            for pages in read.values()
            for page in pages
            for start, end in cut(page.text)
        ]
        self.first_char = {source.document_id: source.first_char for source in sources}
        self.titles = {source.document_id: source.title for source in sources}
        self._pages = {(page.document_id, page.number): page for source in sources for page in source.pages}
        self._index = TextIndex(f"{passage.header}\n{passage.text}" for passage in self.all)
        self._vectors = dict(zip(self.first_char, vectors or (), strict=False))
        self._sources = sources

    @functools.cached_property
    def each(self) -> list[Passages]:
        """Those of each document, with an index of their own."""
        vectors = [[self._vectors[source.document_id]] if self._vectors else None for source in self._sources]
        return [Passages([source], own) for source, own in zip(self._sources, vectors, strict=True)]

    @functools.cached_property
    def grids(self) -> list[tuple[str, Grid]]:
        """Things with named values, each with the id of its document."""
        return [
            (document_id, grid)
            for document_id, pages in self._read.items()
            for grid in grids(pages, self.tables[document_id], self.titles[document_id])
        ]

    @functools.cached_property
    def ledgers(self) -> list[tuple[str, Ledger]]:
        """Tables with all of their columns, each with the id of its document."""
        return [
            (document_id, grid)
            for document_id, pages in self._read.items()
            for grid in ledgers(pages, self.tables[document_id], self.titles[document_id])
        ]

    @functools.cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The cells of each row of two."""
        rows = (row for found in self.tables.values() for table in found for row in (table.first, *table.rows))
        return [(row.cell(0), row.cell(1)) for row in rows if len(row.cells) == 2]

    def search(self, words: Sequence[str], limit: int = 50) -> list[int]:
        """Numbers of the passages that hold any of the words, the best first."""
        return self._index.search(words, limit)

    def rank(self, question: str, encoder: SentenceEncoder | None = None, limit: int = 50) -> list[int]:
        """Numbers of the passages that share words with a question or mean something similar, the best first.

        A passage scores its BM25 as a share of the best one's; plus, where the sentences have vectors, the cosine of its sentence
        that is most similar to the question; plus a part for words that are neighbours in both. Scores, not ranks: they show
        where words tell much and similarities little.
        """
        found = self._index.scores(content_words(question))
        most = max(found.values(), default=1.0)
        scores = {number: score / most for number, score in found.items()}
        for number, similarity in enumerate(self.similarities(question, self.all, encoder)):
            scores[number] = scores.get(number, 0.0) + similarity
        best = sorted(scores, key=lambda number: -scores[number])[:limit]
        pairs = {number: neighbours(self.all[number].text) for number in best}
        asked = neighbours(question) & set().union(*pairs.values())
        for number in best if asked else ():
            scores[number] += _NEIGHBOURS * len(asked & pairs[number]) / len(asked)
        return sorted(best, key=lambda number: -scores[number])

    def similarities(self, question: str, stretches: Sequence[Passage], encoder: SentenceEncoder | None) -> list[float]:
        """For each stretch the cosine of its sentence that is most similar to the question; nothing without vectors."""
        if encoder is None or not self._vectors:
            return []
        asked = encoder.encode([question])[0]
        similar: list[float] = []
        for document_id, own in groupby(stretches, key=lambda stretch: stretch.document_id):
            spans = [(stretch.start_char, stretch.end_char) for stretch in own]
            similar += self._vectors[document_id].similarities(asked, spans)
        return similar

    def holding(self, sentence: Passage) -> Passage | None:
        """The last passage that a sentence stands in, which has the most text behind it; None where it is too long for one."""
        return next(
            (
                passage
                for passage in reversed(self.all)
                if passage.document_id == sentence.document_id
                and passage.start_char <= sentence.start_char
                and sentence.end_char <= passage.end_char
            ),
            None,
        )

    def choose(
        self, ranked: Sequence[Passage], question: str, budget_tokens: int, count_tokens: Callable[[Passage], int]
    ) -> tuple[Passage, ...]:
        """Of ranked passages the first that fit a budget together, the best first; those that overlap become one."""
        chosen: dict[Passage, tuple[int, int]] = {}  # with rank and tokens
        left_tokens = budget_tokens
        for rank, passage in enumerate(ranked[:_CANDIDATES]):
            if not chosen and count_tokens(passage) > budget_tokens:
                passage = self._trim(passage, question, budget_tokens, count_tokens)
            near = [other for other in chosen if passage.touches(other)]
            start = min(one.start_char for one in [passage, *near])
            end = max(one.end_char for one in [passage, *near])
            merged = self._between(passage, start, end)
            tokens = count_tokens(merged)
            added_tokens = tokens - sum(chosen[other][1] for other in near)
            if added_tokens <= left_tokens and merged.text:
                left_tokens -= added_tokens
                best_rank = min([rank, *(chosen.pop(other)[0] for other in near)])
                chosen[merged] = best_rank, tokens
        return tuple(sorted(chosen, key=lambda passage: chosen[passage]))

    def within(self, document_id: str, start_char: int, end_char: int, question: str) -> list[Passage]:
        """The passages of a stretch of a document, such as an entry, none of which reaches beyond it, the best first."""
        found = []
        for (owner, _), page in self._pages.items():
            if owner == document_id and page.start_char < end_char and page.end_char > start_char:
                first = max(start_char - page.start_char, 0)
                own = page.text[first : end_char - page.start_char]
                found += [self._passage(page, first + start, first + end) for start, end in cut(own)]
        best = TextIndex(passage.text for passage in found).search(content_words(question), len(found))
        return [found[number] for number in dict.fromkeys([*best, *range(len(found))])]

    def rows_asked(self, question: str) -> list[Passage]:
        """The rows of lists of amounts that have a question's own words."""
        rows: list[Passage] = []
        for document_id, found in self.tables.items():
            lists = [table for table in found if table.is_list]
            front_chars = min([_FRONT_CHARS, *(table.first.start_char for table in lists)])
            front = next((page.text for (owner, _), page in self._pages.items() if owner == document_id), "")
            for row in rows_asked(question, lists, f"{self.titles[document_id]} {front[:front_chars]}"):
                rows += self._cut_out(document_id, row.start_char, row.end_char)
        return rows

    def is_of_other_rows(self, question: str, answer: str) -> bool:
        """Whether an answer is an amount that stands only in rows of lists, none of which has a word of the question."""
        lists = (table for found in self.tables.values() for table in found if table.is_list)
        rows = rows_priced(answer, lists)
        stands = sum(page.text.count(answer.strip(". ")) for page in self._pages.values()) if rows else 0
        return 0 < stands <= len(rows) and all(names_nothing_of(question, stems) for _, stems in rows)

    def shown(self, passage: Passage, question: str) -> Shown:
        """A passage as a decoder is shown it for a question."""
        around = self._tables_in(passage.document_id, passage.start_char, passage.end_char)
        return shown(passage.text, passage.start_char, around, question)

    def outside(self, passage: Passage, seen: Shown) -> list[Passage]:
        """The rows of tables that are shown with a passage, though they stand outside it."""
        return [row for span in seen.rows_outside for row in self._cut_out(passage.document_id, *span)]

    def _cut_out(self, document_id: str, start_char: int, end_char: int) -> list[Passage]:
        own = (page for (owner, _), page in self._pages.items() if owner == document_id)
        return cut_out(own, start_char, end_char)

    def in_document_order(self, chosen: Sequence[Passage]) -> tuple[Passage, ...]:
        """Passages as they stand in the attached documents, one document after another."""
        order = {document_id: number for number, document_id in enumerate(self.first_char)}
        return tuple(sorted(chosen, key=lambda passage: (order[passage.document_id], passage.start_char)))

    def _trim(
        self, passage: Passage, question: str, budget_tokens: int, count_tokens: Callable[[Passage], int]
    ) -> Passage:
        """As many sentences of a passage as fit, from the one that shares most with the question on."""
        spans = list(sentences(passage.text))
        found = TextIndex(passage.text[start:end] for start, end in spans).search(content_words(question), 1)
        first = spans[found[0] if found else 0]
        kept = self._between(passage, passage.start_char, passage.start_char)
        for _, end in [first, *(span for span in spans if span[0] > first[0])]:
            longer = self._between(passage, passage.start_char + first[0], passage.start_char + end)
            if count_tokens(longer) > budget_tokens:
                break
            kept = longer
        return kept

    def page_of(self, passage: Passage) -> PageRecord:
        """The page that a passage is of."""
        return self._pages[passage.document_id, passage.page]

    def _between(self, passage: Passage, start_char: int, end_char: int) -> Passage:
        """Another stretch of the same page."""
        page = self._pages[passage.document_id, passage.page]
        return self._passage(page, start_char - page.start_char, end_char - page.start_char)

    def _passage(self, page: PageRecord, start: int, end: int) -> Passage:
        """From character start to end of a page's own text, with the first row of the table that it begins in."""
        passage = passage_of(page, start, end)
        return replace(passage, header=self.header_at(passage.document_id, passage.start_char))

    def header_at(self, document_id: str, char: int) -> str:
        """The first row of the table that has a character of a document below it; "" where none has, or the row is too long."""
        table = next(iter(self._tables_in(document_id, char, char + 1)), None)
        return table.header if table and table.first.end_char <= char else ""

    def _tables_in(self, document_id: str, start_char: int, end_char: int) -> Sequence[Table]:
        """The tables that have a part of these characters."""
        found = self.tables[document_id]
        first = bisect_right(found, start_char, key=lambda table: table.end_char)
        return found[first : bisect_left(found, end_char, key=lambda table: table.first.start_char)]


def passage_of(page: PageRecord, start: int, end: int) -> Passage:
    """The passage from character start to end of a page's own text."""
    first = page.start_char
    return Passage(page.document_id, page.number, page.label, first + start, first + end, page.text[start:end])


def cut_out(pages: Iterable[PageRecord], start_char: int, end_char: int) -> list[Passage]:
    """A stretch of one of a document's pages, by the document's characters; none where it begins on none of them."""
    return [
        passage_of(page, start_char - page.start_char, end_char - page.start_char)
        for page in pages
        if page.start_char <= start_char < page.end_char
    ]


def sentence_at(page: PageRecord, char: int) -> Passage:
    """The sentence that has a character of a page's own text, or that follows it."""
    return passage_of(page, *next((start, end) for start, end in sentences(page.text) if end > char))


def sentences_of(text: str) -> list[str]:
    """The sentences of a text."""
    return [text[start:end] for start, end in sentences(text)]


def cut(text: str, size_chars: int = PASSAGE_CHARS) -> Iterator[tuple[int, int]]:
    """Spans of overlapping passages of whole sentences, each of about `size_chars` at most; together they hold every sentence."""
    spans = [part for sentence in sentences(text) for part in shortened(text, sentence, size_chars)]
    first, ended = 0, 0
    while first < len(spans):
        last = first
        while last + 1 < len(spans) and spans[last + 1][1] - spans[first][0] <= size_chars:
            last += 1
        if spans[last][1] > ended:
            yield spans[first][0], spans[last][1]
            ended = spans[last][1]
        middle = spans[first][0] + size_chars // 2
        first = next((number for number in range(first + 1, last + 1) if spans[number][0] >= middle), last + 1)
