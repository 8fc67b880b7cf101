"""Which passage answers: they are looked at one after another, the likeliest first, until the decoder is sure to answer from one.

How likely it refuses behind each is all that is known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from reader.answering.passages import Passage
from reader.answering.prompt import Prompt

_SURE = 0.1
"""If a refusal begins with less probability than this behind a passage, the passage answers, and no other is looked at."""

_NEAREST_SURE = 0.25
"""The same for the nearest sentences where they have all words of the question: of 60 questions for who of SQuAD 2.0 dev eight are
between, of which one is won and none lost."""

_FIRST_AHEAD = 0.5
"""If no passage is sure to answer, another than the first, which the search found best, does so only if a refusal is so much less
likely there: behind the others decoders answer about something else."""


class PassageChoice:
    """The passages that may answer a question, and how likely a refusal begins behind those that were looked at.

    Attributes:
        is_open: whether it is still to be chosen which one answers.
        nearest: a few sentences of the document that are looked at first; None without.
        sure: the probability of a refusal below which a passage answers at once.
    """

    def __init__(
        self,
        passages: Iterable[Passage],
        prompt_of: Callable[[Passage], Prompt],
        *,
        nearest: Passage | None = None,
        has_all_words: bool = False,
        looks_at_all: bool = False,
    ) -> None:
        """Begin with no passage looked at.

        Args:
            passages: the likeliest to answer first.
            prompt_of: makes the prompt that looks at a passage.
            nearest: a few sentences, to be looked at before them; they answer only if a refusal is unlikely there.
            has_all_words: whether these have all words of the question.
            looks_at_all: look at all passages, however sure one of them is.
        """
        self._waiting, self._prompt_of = deque(passages), prompt_of
        self.nearest = None if looks_at_all or not self._waiting or nearest in self._waiting else nearest
        if self.nearest:
            self._waiting.appendleft(self.nearest)
        self.sure = 0.0 if looks_at_all else _SURE
        self._nearest_sure = _NEAREST_SURE if has_all_words else self.sure
        self._refusals: list[tuple[float, Prompt]] = []
        self.is_open = bool(self._waiting)

    def next(self) -> Prompt:
        """The prompt of the next passage, of which there is one."""
        return self._prompt_of(self._waiting.popleft())

    def after(self, probability: float, prompt: Prompt) -> Prompt:
        """The prompt to run after one behind which a refusal begins with this probability.

        The first passage behind which a refusal is unlikely answers. If there is none, or all are to be looked at, the best one
        answers, unless another has a much smaller probability.
        """
        is_nearest = prompt.passages == (self.nearest,)
        is_sure = probability < (self._nearest_sure if is_nearest else self.sure)
        if is_sure or not is_nearest:
            self._refusals.append((probability, prompt))
        if not is_sure and self._waiting:
            return self.next()
        self.is_open = False
        first, *others = self._refusals
        best = min(others, key=lambda one: one[0], default=first)
        is_better = best[0] < min(self.sure, first[0]) or best[0] + _FIRST_AHEAD < first[0]
        return (best if is_better else first)[1]

    def without(self, prompt: Prompt) -> Prompt | None:
        """The prompt to run after one whose answer cannot be right: the next passage's, or the surest one's; None without."""
        self._refusals = [one for one in self._refusals if one[1] is not prompt]
        self.is_open = bool(self._waiting)
        if self._waiting:
            return self.next()
        return min(self._refusals, key=lambda one: one[0])[1] if self._refusals else None

    def close(self) -> None:
        """Look at no passage any more."""
        self._waiting.clear()
        self._refusals.clear()
        self.is_open = False
