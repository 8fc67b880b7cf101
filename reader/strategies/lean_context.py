"""LeanContext: the prompt contains the sentences nearest to the question whole, and of the sentences around them only some words.

Source: arXiv 2309.00841. There, Q-learning chooses how many sentences stay whole, sentence embeddings say which are nearest, and a
language model's surprise says which words of the others go. Here nothing is trained and no other model runs. A sentence stays whole
if it is at least half as near as the nearest; the cosine of word weights says how near. The other sentences lose their function
words. So more passages fit the budget than with `retrieval`, which searches in the same way.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from reader.answering import content_words
from reader.reading import sentences
from reader.strategies.retrieval import Retrieval

_NEAR_SHARE = 0.5
"""A sentence stays whole if its similarity to the question is at least this share of the nearest sentence's."""


class LeanContext(Retrieval):
    """The best passages within the budget, the best one last, each reduced to what the question needs."""

    name = "lean-context"

    def showing(self, question: str, passages: Sequence[str]) -> Callable[[str], str]:
        parts = {passage: [passage[start:end] for start, end in sentences(passage)] for passage in passages}
        of_sentence = {sentence: set(content_words(sentence)) for each in parts.values() for sentence in each}
        counts = Counter(word for words in of_sentence.values() for word in words)
        rarity = {word: math.log(1 + len(of_sentence) / count) for word, count in counts.items()}
        asked = set(content_words(question))
        nearness = {sentence: _cosine(asked, words, rarity) for sentence, words in of_sentence.items()}
        least = _NEAR_SHARE * max(nearness.values(), default=0.0)

        def shown(passage: str) -> str:
            return " ".join(
                sentence if nearness[sentence] >= least else thinned(sentence) for sentence in parts[passage]
            )

        return shown


def thinned(sentence: str) -> str:
    """The sentence without its function words."""
    kept = set(content_words(sentence))
    return " ".join(word for word in sentence.split() if kept & set(content_words(word)))


def _cosine(one: set[str], other: set[str], rarity: Mapping[str, float]) -> float:
    """The cosine of two sets of words, each word weighted by its rarity; words without a rarity do not count."""

    def square(words: set[str]) -> float:
        return sum(rarity.get(word, 0.0) ** 2 for word in words)

    norm = math.sqrt(square(one) * square(other))
    return square(one & other) / norm if norm else 0.0
