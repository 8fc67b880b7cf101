"""The samples of a plug-in's training: book excerpts, and questions on passages in different places.

A question's passage is the whole document (as in short texts), hidden in an excerpt (as in answers from memory), or hidden and
looked at again after the memory. A passage is read once for several of its questions, and each question is asked as if it were
the only one. The prompts are the reader's own. This module draws samples and computes nothing.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from reader.answering import LOOK_AGAIN_TOKENS, NOT_SAID, PASSAGES, passage_heading, question_words
from reader.corpora import Question, hide_at_random
from reader.models import Model
from reader.reading import sentences
from reader.training.data import MOST_RECALLED, Books, Exchange, Sample, recall_questions
from reader.training.unanswerable import alter

_NEAR = 8
"""The greatest distance in the file, in passages, of a passage used as a near one: it often treats the same subject."""

_MOST_ASKED = 5
"""The most questions on one passage."""

_ALTERED_SHARE = 0.7
"""The share of unanswerable questions that are the passage's own with one change; the rest are another passage's."""

_MOST_PASSAGES = 3
"""The most passages hidden in one excerpt."""

_PLAIN = "\n\n{question}"
_PLAIN_SHARE = 0.2
"""The share of questions without the reader's prompt, as other programs ask them."""

_BEHIND_ANOTHER_SHARE = 0.3
"""The share of passages that are looked at again after another one that did not answer."""

_AROUND_TOKENS = 60
"""The most tokens before and after a passage that are looked at with the passage."""

_MOST_LOOKED_AT_CHARS = 4 * LOOK_AGAIN_TOKENS
"""Longer passages are not used for decoders that see nothing else: they would not fit what is looked at again."""

_MOST_TAIL_TOKENS = 80
"""An unfinished window before the passages; with them and the headings it must stay shorter than a window."""


@dataclass(frozen=True)
class Mixture:
    """Draws samples of several kinds by their shares."""

    model: Model
    books: Books
    questions: Sequence[Question] = ()
    """Questions on the same passage are next to each other."""
    excerpt_tokens: tuple[int, ...] = (2048,)
    """Lengths of excerpts, drawn with equal probability."""
    question_share: float = 0.0
    """The share of samples with questions; the rest are text."""
    unanswerable_share: float = 0.3
    """The share of unanswerable questions: the answer's sentences are removed, or the question is altered or another passage's."""
    recall_share: float = 0.3
    """Of the samples with questions, the share on made-up numbers hidden in an excerpt; all if `questions` is empty."""
    alone_share: float = 0.5
    """Of the other samples with questions, the share whose passage is the whole document; the rest are hidden in an excerpt."""
    again_share: float = 0.5
    """Of the questions on hidden passages, the share whose passage is looked at again."""
    behind_share: float = 0.0
    """Of the samples whose passage is not the whole document, the share that looks at it again after a long text's memory."""

    def draw(self, draw: random.Random) -> Sample:
        """Draw the next sample, using only the random numbers."""
        tokens = draw.choice(self.excerpt_tokens)
        if draw.random() >= self.question_share:
            return Sample(self.books.excerpt(tokens, self._encode, draw))
        if not self.questions or draw.random() < self.recall_share:
            facts = recall_questions(draw, draw.randint(1, MOST_RECALLED))
            # A number is kept or lost when its window is condensed: a longer excerpt would cost more and teach no more.
            passages = [fact.context for fact in facts]
            return self._hidden(passages, facts, passages[0], min(self.excerpt_tokens), self.again_share, draw)
        asked, near = self._asked(draw)
        passage = asked[0].context
        if draw.random() < self.alone_share:
            return Sample(self._encode(passage.strip()), self._exchanges(asked, draw))
        if self.model.passage_horizon is not None:
            return Sample(self._looked_at(passage, near, draw), self._exchanges(asked, draw))
        if draw.random() < self.behind_share:
            return self._behind(passage, asked, near, draw)
        others = [draw.choice(self.questions).context for _ in range(draw.randint(0, _MOST_PASSAGES - 1))]
        return self._hidden([passage, *others], asked, near, tokens, self.again_share, draw)

    @cached_property
    def _groups(self) -> list[list[Question]]:
        """The questions of each passage."""
        groups = [list(group) for _, group in itertools.groupby(self.questions, key=lambda one: one.context)]
        if self.model.passage_horizon is None:
            return groups
        return [group for group in groups if len(group[0].context) <= _MOST_LOOKED_AT_CHARS] or groups

    def _asked(self, draw: random.Random) -> tuple[list[Question], str]:
        """Questions on one passage, some of them unanswerable, and a near passage, which often treats the same subject.

        The near passage answers none of them.
        """
        number = draw.randrange(len(self._groups))
        group = self._groups[number]
        asked = draw.sample(group, min(len(group), _MOST_ASKED))
        passage = asked[0].context
        if draw.random() < self.unanswerable_share:
            passage = _without(asked[0].answer, passage)
        near = [one for other in self._groups[max(0, number - _NEAR) : number + _NEAR] for one in other]
        result, answering = [], {one.context for one in asked}
        for one in asked:
            is_said = one.answer in passage or one.answer not in one.context
            question = one.question
            if draw.random() < self.unanswerable_share:
                other = draw.choice(near)
                altered = alter(question, passage, draw) if draw.random() < _ALTERED_SHARE else None
                if altered is not None:
                    question, is_said = altered, False
                elif other.answer not in passage:
                    question, is_said = other.question, False
                    answering.add(other.context)
            result.append(replace(one, context=passage, question=question, answers=one.answers if is_said else ()))
        others = [one.context for one in near if one.context not in answering]
        return result, draw.choice(others) if others else ""

    def _exchanges(self, asked: Sequence[Question], draw: random.Random) -> tuple[Exchange, ...]:
        return tuple(Exchange(self._prompt(one, draw), self._answer(one)) for one in asked)

    def _looked_at(self, passage: str, near: str, draw: random.Random) -> torch.Tensor:
        """Token ids of a text's unfinished window and of the passage looked at after it, sometimes with a near one.

        For decoders that see no more of the memory than this while they look again.
        """
        shown = [self._encode(passage.strip())]
        room = LOOK_AGAIN_TOKENS - len(shown[0])
        if near and room > _AROUND_TOKENS and draw.random() < _BEHIND_ANOTHER_SHARE:
            shown.insert(draw.randrange(2), self._encode(near.strip())[:room])
        return torch.cat([self._tail(draw), *self._under_headings(shown, draw)])

    def _tail(self, draw: random.Random) -> torch.Tensor:
        """Some text, or none."""
        tokens = draw.randrange(_MOST_TAIL_TOKENS)
        return self.books.excerpt(tokens, self._encode, draw) if tokens else self._encode("")

    def _hidden(
        self,
        passages: Sequence[str],
        asked: Sequence[Question],
        near: str,
        tokens: int,
        again_share: float,
        draw: random.Random,
    ) -> Sample:
        """An excerpt with all passages hidden in it, and questions on them. Some passages are looked at again."""
        filler = self.books.excerpt(tokens, self._encode, draw)
        document, starts = hide_at_random(passages, filler, tokens, self._encode, draw)
        exchanges = []
        for one in asked:
            exchange = Exchange(self._prompt(one, draw), self._answer(one))
            if draw.random() < again_share:
                start, count = starts[passages.index(one.context)], len(self._encode(one.context))
                exchange = replace(exchange, again=self._again(document, start, count, near, draw))
            exchanges.append(exchange)
        return Sample(document, tuple(exchanges))

    def _behind(self, passage: str, asked: Sequence[Question], near: str, draw: random.Random) -> Sample:
        """The questions, each with the passage looked at again, after the memory of an unrelated text."""
        tokens = len(self._encode(passage)) + 4 * _AROUND_TOKENS
        hidden = self._hidden([passage], asked, near, tokens, 1.0, draw)
        return replace(hidden, document=hidden.document[:0], is_behind_long_text=True)

    def _again(self, document: torch.Tensor, start: int, count: int, near: str, draw: random.Random) -> torch.Tensor:
        """The token ids that the reader would look at again: the passage with some of its surroundings.

        Sometimes a near passage, which was looked at first and did not answer, precedes it.
        """
        first, last = max(0, start - draw.randrange(_AROUND_TOKENS)), start + count + draw.randrange(_AROUND_TOKENS)
        shown = [document[first:last]]
        if near and draw.random() < _BEHIND_ANOTHER_SHARE:
            shown.insert(0, self._encode(near.strip()))
        return torch.cat(self._under_headings(shown, draw))

    def _under_headings(self, shown: Sequence[torch.Tensor], draw: random.Random) -> list[torch.Tensor]:
        parts = [self._encode(PASSAGES)]
        for stretch in shown:
            parts += [self._encode(passage_heading(str(draw.randrange(1, 400)))), stretch]
        return parts

    def _prompt(self, asked: Question, draw: random.Random) -> torch.Tensor:
        if asked.answer and draw.random() < _PLAIN_SHARE:
            return self.model.closing(_PLAIN.format(question=asked.question.strip()))
        return self.model.closing(question_words(asked.question, self.model))

    def _answer(self, asked: Question) -> torch.Tensor:
        end = self.model.decoder.tokenizer.eos_token_id
        return torch.cat([self._encode(asked.answer.strip() or NOT_SAID), torch.tensor([end])])

    def _encode(self, text: str) -> torch.Tensor:
        return self.model.encode(text)[0]


def _without(answer: str, passage: str) -> str:
    """The passage without the sentences that hold the answer; the whole passage if nothing else is left or nothing is removed."""
    kept = [passage[slice(*span)] for span in sentences(passage) if answer not in passage[slice(*span)]]
    return " ".join(kept) if answer and kept else passage
