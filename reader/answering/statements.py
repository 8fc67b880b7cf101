"""What a document states about a question for yes or no: one sentence, or two where the second needs the first.

Small decoders seldom say yes or no, and answer with a piece of some sentence near by. The sentence that has most of the question's
words, each counted the more the rarer it is, and that is similar in meaning, says it better. It runs no decoder.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reader.answering.evidence import QUOTE_CHARS
from reader.answering.passages import Passage, Passages
from reader.answering.refusal import NOT_SAID, says_nothing
from reader.answering.words import content_words
from reader.models import SentenceEncoder
from reader.reading import sentences, shortened
from storage import TextIndex

_CANDIDATES = 20
"""Passages whose sentences are compared."""

_SURE, _LIKELY, _UNLIKELY = 1.2, 0.95, 0.75
"""A statement is clearly, or probably, about the question where words and meaning come to so much together, and hardly where they
come to less: chosen on 79 questions of our own."""

_SECOND = 0.15
"""What a second sentence must add."""

_SHORT_WORDS = 6
"""Fewer words may say little without the sentence before them, as in "Do not do it."."""

_HEADING = 0.15
"""What a line without an end mark, which may be a heading, must have more than a sentence."""

_YES_OR_NO = re.compile(r"(?:yes|no|ja|nein|oui|non|s[ií])\W*", re.I)
_ENDS = re.compile(r"[.!?…。！？:;][\W_]*")

_CLAUSE_WORDS = 4
"""An answer of so many words may be as good as a sentence."""

_PRONOUN = re.compile(
    r"\b(?:it|its|she|he|her|him|his|they|them|their|this|these|that|those"
    r"|es|sie|er|ihn|ihm|ihr|diese[rs]?|il|elle|ils|elles|lui|leur|ce|cette|ces|ella|ellos|ellas|este|esta|estos|estas)\b",
    re.I,
)


@dataclass(frozen=True)
class Statement:
    """One sentence of a document, or two, and how much it has to do with a question."""

    passage: Passage
    words: float
    """The share of the question's words that it has, each weighed by how rare it is; 0 to 1."""
    meaning: float | None
    """The cosine of its vector and the question's; None where sentences have none."""

    @property
    def text(self) -> str:
        """Its words on one line."""
        return " ".join(self.passage.text.split())

    @property
    def score(self) -> float:
        """How much it has to do with the question, 0 to 2."""
        return self.words + (self.words if self.meaning is None else self.meaning)


def statement(passages: Passages, question: str, encoder: SentenceEncoder | None) -> Statement | None:
    """What the documents state about a question; None where they have none of its words."""
    words = content_words(question)
    near = [passages.all[number] for number in passages.rank(question, encoder, _CANDIDATES)]
    spans = list(dict.fromkeys(span for passage in near for span in _spans(passage)))
    if not spans:
        return None
    index = TextIndex(passage.text for passage, _ in spans)
    found = {word: set(index.search([word], len(spans))) for word in words}
    alone = {number for number, (_, count) in enumerate(spans) if count == 1}
    weights = {word: math.log((len(alone) + 1) / (len(alone & found[word]) + 0.5)) for word in words}
    similar: Sequence[float | None] = passages.similarities(question, [passage for passage, _ in spans], encoder)
    total = sum(weights.values())
    stated = [
        (Statement(passage, sum(weights[word] for word in words if number in found[word]) / total, meaning), count)
        for number, ((passage, count), meaning) in enumerate(zip(spans, similar or [None] * len(spans), strict=True))
    ]
    best, _ = max(stated, key=lambda one: one[0].score - _SECOND * (one[1] - 1) - _as_heading(one[0]))
    return best


def in_a_sentence(answer: str, said: Statement, quote: str) -> str:
    """An answer to a question for yes or no: what the document states, behind a yes or no where the decoder said one and the
    statement is likely to be about the question.

    Where it is not, a clause of the decoder's own stays, and in place of less than a clause comes the quote that the answer rests
    on; where the statement is unlikely, less than a clause is no answer. Where the decoder says that the document does not say,
    the statement is given only if it is sure.
    """
    if says_nothing(answer):
        return said.text if said.score >= _SURE else answer
    if said.score >= _LIKELY:
        return f"{answer.rstrip('.').capitalize()}. {said.text}" if _YES_OR_NO.fullmatch(answer) else said.text
    if len(answer.split()) >= _CLAUSE_WORDS:
        return answer
    return " ".join(quote.split()) if said.score >= _UNLIKELY else NOT_SAID


def _as_heading(said: Statement) -> float:
    text = said.passage.text
    return 0.0 if _ENDS.search(text[-3:]) else _HEADING


def _spans(passage: Passage) -> Iterator[tuple[Passage, int]]:
    """Each sentence, with the one before it where it is short or has a pronoun, and how many sentences that is."""
    before: tuple[int, int] | None = None
    for sentence in sentences(passage.text):
        for start, end in shortened(passage.text, sentence, QUOTE_CHARS):
            said = passage.text[start:end]
            needs = len(said.split()) < _SHORT_WORDS or _PRONOUN.search(said)
            yield _part(passage, start, end), 1
            if before and needs and end - before[0] <= QUOTE_CHARS and "\n\n" not in passage.text[before[1] : start]:
                yield _part(passage, before[0], end), 2
            before = start, end


def _part(passage: Passage, start: int, end: int) -> Passage:
    first = passage.start_char
    return replace(passage, start_char=first + start, end_char=first + end, text=passage.text[start:end])
