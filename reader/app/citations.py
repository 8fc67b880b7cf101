"""Which sentence of an answer rests on which of its quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reader.answering import content_words
from reader.reading import sentences

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


def citations(answer: str, evidence: Sequence[Mapping[str, Any]]) -> list[Citation]:
    """The citations of an answer, in its order; an answer that shares no word with any quote still rests on the first.

    An answer may be longer than its quotes are. A sentence that shares few of its words with all of them has no citation.
    """
    quotes = [set(content_words(str(item.get("quote", "")))) for item in evidence]
    spans = list(sentences(answer))
    found: list[Citation] = []
    for number, (start, end) in enumerate(spans):
        words = set(content_words(answer[start:end]))
        shared = [len(words & quote) for quote in quotes]
        best = max(range(len(quotes)), key=shared.__getitem__, default=None)
        is_last = number == len(spans) - 1
        if best is not None and (shared[best] * _LEAST_SHARE >= max(len(words), 1) or (is_last and not found)):
            # The same number behind each sentence of a long quote would only disturb.
            if found and found[-1].evidence == best and found[-1].end == spans[number - 1][1]:
                start = found.pop().start
            found.append(Citation(start, end, best))
    return found
