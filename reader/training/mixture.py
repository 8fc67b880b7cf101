"""What a run of the plug-in sees: book excerpts, and questions on passages that it finds in different places.

A question's passage is alone (what the reader does with a short text), hidden in an excerpt (what it does from memory), or
hidden and looked at again behind the memory. Prompts are those that the reader asks with. It draws samples and computes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from reader.answering import NOT_SAID, PASSAGES, QUESTION, passage_heading
from reader.checkpoints import Model
from reader.passages import sentences
from reader.training.data import Books, Question, Sample, hide, recall_question

_NEAR = 40
"""How far away in its file another question's passage is at most: often it is of the same matter, and nearly says."""

_MOST_PASSAGES = 3

_STRETCH_TOKENS = 180
"""About as long as the passages that are looked at again."""


@dataclass(frozen=True)
class Mixture:
    """Samples of several kinds, drawn by share."""

    model: Model
    books: Books
    questions: Sequence[Question] = ()
    excerpt_tokens: tuple[int, ...] = (2048,)
    """Lengths of excerpts, drawn with equal chance."""
    question_share: float = 0.0
    """The share of samples that ask; the rest are text."""
    unanswerable_share: float = 0.3
    """The share of the questions whose passage does not say: its own without the answer's sentences, or another one."""
    recall_share: float = 0.3
    """The share of them that ask for a made-up number hidden in an excerpt; all of them where there are no questions."""
    alone_share: float = 0.5
    """Of the other questions, the share whose passage is the whole document; the rest are hidden in an excerpt."""
    again_share: float = 0.5
    """Of the hidden, the share that is looked at again."""

    def draw(self, draw: random.Random) -> Sample:
        """The next sample, from nothing but the random numbers."""
        tokens = draw.choice(self.excerpt_tokens)
        if draw.random() >= self.question_share:
            return Sample(self.books.excerpt(tokens, self._encode, draw))
        if not self.questions or draw.random() < self.recall_share:
            facts = [recall_question(draw) for _ in range(draw.randint(1, _MOST_PASSAGES))]
            return self._asked(facts, tokens, draw)
        number = draw.randrange(len(self.questions))
        asked = self.questions[number]
        if draw.random() < self.unanswerable_share:
            asked = self._unanswerable(number, draw)
        if draw.random() < self.alone_share:
            document = self._encode(asked.passage.strip())
            return Sample(document, prompt=self._prompt(asked), answer=self._answer(asked))
        more = [draw.choice(self.questions) for _ in range(draw.randint(0, _MOST_PASSAGES - 1))]
        return self._asked([asked, *more], tokens, draw)

    def _unanswerable(self, number: int, draw: random.Random) -> Question:
        asked = self.questions[number]
        spans = list(sentences(asked.passage))
        kept = [span for span in spans if asked.answer.casefold() not in asked.passage[slice(*span)].casefold()]
        if asked.answer and 0 < len(kept) < len(spans) and draw.random() < 0.5:
            return Question(" ".join(asked.passage[slice(*span)] for span in kept), asked.question, "")
        near = [other.passage for other in self.questions[max(0, number - _NEAR) : number + _NEAR]]
        others = [passage for passage in near if passage != asked.passage]
        return Question(draw.choice(others), asked.question, "") if others else asked

    def _asked(self, questions: Sequence[Question], tokens: int, draw: random.Random) -> Sample:
        """An excerpt with all passages hidden in it, and the first question."""
        asked = questions[0]
        filler = self.books.excerpt(tokens, self._encode, draw)
        document, starts = hide(questions, filler, tokens, self._encode, draw)
        again = document[:0]
        if draw.random() < self.again_share:
            again = self._again(document, starts[0], len(self._encode(asked.passage)), draw)
        return Sample(document, again, self._prompt(asked), self._answer(asked))

    def _again(self, document: torch.Tensor, start: int, count: int, draw: random.Random) -> torch.Tensor:
        """What the reader would look at again: the passage, some of what stands around it, and stretches that do not answer."""
        first, last = max(0, start - draw.randrange(60)), start + count + draw.randrange(60)
        shown = [document[first:last]]
        for _ in range(draw.randint(0, _MOST_PASSAGES - 1)):
            other = draw.randrange(max(1, len(document) - _STRETCH_TOKENS))
            shown.insert(draw.randint(0, len(shown)), document[other : other + _STRETCH_TOKENS])
        pages = sorted(draw.sample(range(1, 400), len(shown)))
        parts = [self._encode(PASSAGES)]
        for page, stretch in zip(pages, shown, strict=True):
            parts += [self._encode(passage_heading(str(page))), stretch]
        return torch.cat(parts)

    def _prompt(self, asked: Question) -> torch.Tensor:
        return self.model.closing(QUESTION.format(question=asked.question.strip()))

    def _answer(self, asked: Question) -> torch.Tensor:
        end = self.model.decoder.tokenizer.eos_token_id
        return torch.cat([self._encode(asked.answer.strip() or NOT_SAID), torch.tensor([end])])

    def _encode(self, text: str) -> torch.Tensor:
        return self.model.encode(text)[0]
