"""Which places of a document an answer rests on: the attention paid to its slots, and the words it shares with the text.

Three rankings are fused by reciprocal rank (Cormack, Clarke and Büttcher, 2009): by attention, by BM25 over the words of the
question, and by BM25 over those of question and answer, as a wrong answer has words that lead away. Words count a little more than
attention: they find a place by themselves, and attention to a condensed memory may not. If a longer answer stands word for word on
some of these pages, they are a fourth ranking. **Evidence** says where the decoder looked and where the words are. It does not
prove that the answer follows from there.

Quotes are cut out of the text. Nothing here runs the decoder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reader.answering.attention import Heat
from reader.answering.passages import Passage, Passages, Source
from reader.answering.refusal import says_nothing
from reader.answering.text.words import content_words, stem
from reader.models import SentenceEncoder
from reader.reading import sentences, shortened
from storage import TextIndex

EVIDENCE_PAGES = 3
"""How many pages are named."""

QUOTE_CHARS = 300
"""The longest quote."""

_MOST_QUOTES = 8
"""How many quotes an answer in the document's own words has."""

ATTENTION_WEIGHT = 0.98
"""What a rank by attention counts where a rank by words counts 1: the first by attention alone comes behind the second by words."""

STATED_WEIGHT = 2
"""What it counts that a page holds the answer word for word: as much as being first by the words of the question and of both."""

_NUMBER_ALONE = re.compile(r"[#>*\s]*\(?\d{1,3}[.)]+[*\s]*")
"""The number of a heading or a list item, such as "3.". Its full stop makes it look like a sentence, but it is no useful quote."""
_FIGURE = re.compile(r"[£$€¥]?(\d(?:[\d.,:]*\d)?)(?: \S{1,12})?")
"""A figure with its unit, which a table may have elsewhere."""
_RRF_RANKS = 60  # the constant of the paper, which nobody needs to tune
_MOST_RANKED = 3  # further down, attention is spread thin and most places share some word: they would meet by chance


@dataclass(frozen=True)
class Evidence:
    """Where in a document an answer comes from; the quote is cut out of its text, never generated."""

    document_id: str
    page: int
    """The page's number, counted from 1."""
    label: str
    """What is printed on the page."""
    start_char: int
    """Where the quote begins in the document's text."""
    end_char: int
    score: float
    """From 0 to 1; 1 where attention and words both put the page first."""
    quote: str
    parts: tuple[int, ...] = ()
    """Which of the answer's parts it is for, counted from 0; none where the question asked one thing."""
    header: str = ""
    """The first row of the table that the quote is a row of."""


def fuse(*rankings: Sequence[int], weights: Sequence[float]) -> list[tuple[int, float]]:
    """Fuse each ranking's first numbers by reciprocal rank: (number, score), the best first. The first of all rankings scores 1."""
    scores: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, number in enumerate(ranking[:_MOST_RANKED], start=1):
            scores[number] = scores.get(number, 0.0) + weight * (_RRF_RANKS + 1) / (_RRF_RANKS + rank) / sum(weights)
    return sorted(scores.items(), key=lambda item: -item[1])


def best(weights: Sequence[float], limit: int) -> list[int]:
    """Numbers of the greatest weights above 0, the greatest first."""
    order = sorted(range(len(weights)), key=lambda number: -weights[number])[:limit]
    return [number for number in order if weights[number] > 0]


def rank_passages(
    passages: Passages, question: str, heat: Heat, encoder: SentenceEncoder | None = None
) -> list[Passage]:
    """The passages that matter to a question, the best first: by words, by meaning where there is an encoder, and by attention."""
    starts = [passages.first_char[passage.document_id] + passage.start_char for passage in passages.all]
    ends = [start + len(passage.text) for start, passage in zip(starts, passages.all, strict=True)]
    by_attention = best(heat.of(starts, ends), _MOST_RANKED) if starts else []
    by_text = passages.rank(question, encoder)
    fused = [number for number, _ in fuse(by_text, by_attention, weights=(1, ATTENTION_WEIGHT))]
    # What the text alone found further down fills what room is left.
    return [passages.all[number] for number in dict.fromkeys([*fused, *by_text])]


def reading_map(sources: Sequence[Source], heat: Heat) -> tuple[float, ...]:
    """The share of the attention to each page, of all documents one after another; they sum to 1."""
    pages = [
        (source.first_char + page.start_char, source.first_char + page.end_char)
        for source in sources
        for page in source.pages
    ]
    weights = heat.of(*map(list, zip(*pages, strict=True)))
    total = sum(weights)
    return tuple(weight / total for weight in weights) if total else tuple(weights)


def name_evidence(
    sources: Sequence[Source], passages: Passages, question: str, answer: str, heat: Heat
) -> tuple[Evidence, ...]:
    """The pages that an answer rests on, the best first, each with the sentence that says most of it: one that has the answer word
    for word, where the page has one."""
    pages = [(source, page) for source in sources for page in source.pages]
    numbers = {(page.document_id, page.number): number for number, (_, page) in enumerate(pages)}
    # Where the document does not answer, its nearest pages are named all the same, so that a reader can check.
    words = content_words(f"{question} {'' if says_nothing(answer) else answer}")

    def search(own: Sequence[str]) -> list[int]:
        found = [passages.all[number] for number in passages.search(own)]
        return list(dict.fromkeys(numbers[passage.document_id, passage.page] for passage in found))

    stated, figure = _word_for_word(answer), _figure_alone(answer)
    by_question, by_words = search(content_words(question)), search(words)
    rankings = [by_question, by_words, best(reading_map(sources, heat), _MOST_RANKED)]
    weights = [1, 1, ATTENTION_WEIGHT]
    if stated and len(content_words(answer)) > 1 and not says_nothing(answer):
        ranked_pages = [number for number, _ in fuse(*rankings, weights=weights)]
        if holding_pages := [number for number in ranked_pages if stated.search(pages[number][1].text)]:
            rankings, weights = [*rankings, holding_pages], [*weights, STATED_WEIGHT]
    evidence = []
    for number, score in fuse(*rankings, weights=weights):
        source, page = pages[number]
        spans = [part for sentence in sentences(page.text) for part in shortened(page.text, sentence, QUOTE_CHARS)]
        spans = [span for span in spans if not _NUMBER_ALONE.fullmatch(page.text, *span)] or spans
        if not spans:
            continue
        offset = source.first_char + page.start_char
        warmth = heat.of([offset + start for start, _ in spans], [offset + end for _, end in spans])
        said = TextIndex(page.text[start:end] for start, end in spans).search(words, len(spans))
        ranked = [number for number, _ in fuse(said, best(warmth, _MOST_RANKED), weights=(1, ATTENTION_WEIGHT))] or [0]
        # A name may stand in every other sentence: of those that have the answer, the words choose, not the attention.
        order = dict.fromkeys([*said, *ranked, *range(len(spans))])
        holding = [number for number in order if stated and stated.search(page.text, *spans[number])] or [
            number for number in order if figure and figure.search(page.text, *spans[number])
        ]
        start, end = spans[(holding or ranked)[0]]
        first, quote = page.start_char + start, page.text[start:end]
        header = passages.header_at(page.document_id, first)
        evidence.append(
            Evidence(page.document_id, page.number, page.label, first, first + len(quote), score, quote, header=header)
        )
        if len(evidence) == EVIDENCE_PAGES:
            break
    return tuple(evidence)


def _word_for_word(answer: str) -> re.Pattern[str] | None:
    """What matches an answer in a text; None where it is one word, which may stand anywhere, and no name and no figure."""
    said = answer.strip().rstrip(".")
    is_name = " " not in said and said[:1].isupper()
    if not is_name and " " not in said and not any(sign.isdigit() for sign in said):
        return None
    return re.compile(rf"(?<!\w){re.escape(said)}(?!\w)", 0 if is_name else re.I)


def _figure_alone(answer: str) -> re.Pattern[str] | None:
    """What matches the figure of an answer that is a figure, without its unit; None for other answers."""
    found = _FIGURE.fullmatch(answer.strip().rstrip("."))
    return re.compile(rf"(?<![\w.,]){re.escape(found[1])}(?!\w|[.,]\d)") if found else None


def stated_first(said: Sequence[Passage], passages: Passages, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Evidence, of which there is some, with the sentences that the answer is in front, in place of other quotes of their pages."""
    places = [
        _quote(one, 0, len(one.text), evidence[0].score, passages.header_at(one.document_id, one.start_char))
        for one in said
    ]
    pages = {(place.document_id, place.page) for place in places}
    others = [one for one in evidence if (one.document_id, one.page) not in pages]
    return (*places, *others)[: max(EVIDENCE_PAGES, len(places))]


def as_evidence(passages: Sequence[Passage]) -> tuple[Evidence, ...]:
    """Passages that an answer was made of, as its evidence: all sentences on the first pages, in quotes of whole sentences."""
    documents = {passage.document_id for passage in passages}
    pages = list(dict.fromkeys((passage.document_id, passage.page) for passage in passages))
    pages = pages[: max(EVIDENCE_PAGES, len(documents))]
    quotes = {
        (passage.document_id, passage.start_char + start): _quote(passage, start, end)
        for passage in passages
        if (passage.document_id, passage.page) in pages
        for start, end in _quotes(passage.text)
    }
    return tuple(list(quotes.values())[: max(_MOST_QUOTES, len(documents))])


def _quotes(text: str) -> Iterator[tuple[int, int]]:
    """The spans of a text's sentences, of as many together as one quote has room for, and of pieces of those that are too long."""
    first, last = 0, 0
    for span in sentences(text):
        for start, end in shortened(text, span, QUOTE_CHARS):
            if end - first > QUOTE_CHARS and last > first:
                yield first, last
                first = start
            last = end
    if last > first:
        yield first, last


def _quote(passage: Passage, start: int, end: int, score: float = 1.0, header: str = "") -> Evidence:
    """The characters from start to end of a passage's own text, as evidence."""
    first, quote = passage.start_char, passage.text[start:end]
    return Evidence(
        passage.document_id, passage.page, passage.label, first + start, first + end, score, quote, header=header
    )


def is_stated(answer: str, sources: Sequence[Source], evidence: Sequence[Evidence]) -> bool:
    """Whether an answer's words stand on the pages of its evidence: every number, and two thirds of the other words."""
    named = {(place.document_id, place.page) for place in evidence}
    pages = [page.text for source in sources for page in source.pages if (page.document_id, page.number) in named]
    known = {stem(word) for word in content_words(" ".join(pages))}
    words = content_words(answer)
    numbers = [stem(word) for word in words if any(sign.isdigit() for sign in stem(word))]
    stated = sum(stem(word) in known for word in words)
    return all(number in known for number in numbers) and 3 * stated >= 2 * len(words) > 0
