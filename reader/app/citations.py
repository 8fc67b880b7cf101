"""Which sentence of an answer rests on which of its quotes, and which part of it no quote says."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reader.answering import content_words, says_nothing
from reader.reading import sentences
from reader.wording import UNSTATED

_LEAST_SHARE = 3
"""A quote is cited for a sentence if it has at least one in so many of the sentence's words."""


@dataclass(frozen=True)
class Citation:
    """Sentences of an answer, one after another, and the quote that shares most words with each of them."""

    start: int
    """Characters of the answer."""
    end: int
    evidence: int
    """The quote's place in the evidence, counted from 0."""


@dataclass(frozen=True)
class Piece:
    """A piece of an answer as it is shown."""

    text: str
    number: int | None = None
    """The number of the quote that the text rests on, counted from 1. It is shown behind the text."""
    note: str = ""
    """What is said of the part of the answer that ends here, on a line of its own."""


def pieces(parts: Sequence[str], evidence: Sequence[Mapping[str, Any]], unstated: Collection[int] = ()) -> list[Piece]:
    """An answer as it is shown, with the numbers of the quotes behind the sentences that share most words with them.

    Args:
        parts, evidence: as for `citations`.
        unstated: the parts whose words no quote's page has, counted from 0.
    """
    answer = "\n\n".join(parts)
    found: list[Piece] = []
    position = first = 0
    cited = citations(parts, evidence)
    for number, part in enumerate(parts):
        end = first + len(part)
        for citation in cited:
            if first <= citation.start and citation.end <= end:
                found.append(Piece(answer[position : citation.end], citation.evidence + 1))
                position = citation.end
        if number in unstated:
            found.append(Piece(answer[position:end], note=UNSTATED))
            position = end
        first = end + len("\n\n")
    return [*found, Piece(answer[position:])]


def citations(parts: Sequence[str], evidence: Sequence[Mapping[str, Any]]) -> list[Citation]:
    """The citations of an answer, in its order.

    Args:
        parts: the answers to the parts of the question; one alone if it asked one thing. The answer has a paragraph for each.
    """
    found: list[Citation] = []
    first = 0
    for number, part in enumerate(parts):
        own = {place: item for place, item in enumerate(evidence) if number in (item.get("parts") or (number,))}
        if not says_nothing(part):
            for one in _citations(part, own):
                found.append(Citation(first + one.start, first + one.end, one.evidence))
        first += len(part) + len("\n\n")
    return found


def _citations(answer: str, evidence: Mapping[int, Mapping[str, Any]]) -> list[Citation]:
    """An answer that shares no word with any quote still rests on the first.

    It may be longer than its quotes are. A sentence that shares few of its words with all of them has no citation.
    """
    quotes = {place: set(content_words(str(item.get("quote", "")))) for place, item in evidence.items()}
    every = list(sentences(answer))
    # The number of a list's item is no sentence.
    spans = [(start, end) for start, end in every if any(map(str.isalpha, answer[start:end]))] or every
    found: list[Citation] = []
    for number, (start, end) in enumerate(spans):
        words = set(content_words(answer[start:end]))
        shared = {place: len(words & quote) for place, quote in quotes.items()}
        best = max(shared, key=shared.__getitem__, default=None)
        is_last = number == len(spans) - 1
        if best is not None and (shared[best] * _LEAST_SHARE >= max(len(words), 1) or (is_last and not found)):
            # The same number behind each sentence of a long quote would only disturb.
            if found and found[-1].evidence == best and found[-1].end == spans[number - 1][1]:
                start = found.pop().start
            found.append(Citation(start, end, best))
    return found
