"""Looking again: which passages of a document are read again raw for a question, within which budget of tokens.

A reader goes back to the page where it matters; so does this, where a question asks for a detail. It reads nothing again itself.
"""

from __future__ import annotations

import re

from reader.answering.attached import AttachedMemory
from reader.answering.attention import attend
from reader.answering.evidence import rank_passages
from reader.answering.passages import Passage
from reader.answering.prompt import MAX_ANSWER_TOKENS, PASSAGES, heading, make_prompt
from reader.errors import ConfigError
from reader.models import Model

LOOK_AGAIN_TOKENS = 400
"""How many tokens are looked at again by default."""

_OF_THE_WHOLE = re.compile(
    r"\b(summar\w+|overview|outline|gist|overall|main (idea|point|topic|theme|argument)s?|themes?|moral"
    r"|(book|text|document|story|paper|article|report|novel|chapter)s? (is |are )?about|what is (it|this|that) about)\b",
    re.I,
)


def asks_for_detail(question: str) -> bool:
    """Whether to look again where nobody says: always, but for questions about the whole (its summary, theme, what it is about)."""
    return not _OF_THE_WHOLE.search(question)


def look_again_tokens(look_again: str | int, question: str) -> int:
    """How many tokens a setting lets a question look at again.

    Raises:
        ConfigError: the setting is not `off`, `auto` or a number from 0 on.
    """
    if look_again == "auto":
        return LOOK_AGAIN_TOKENS if asks_for_detail(question) else 0
    if look_again == "off":
        return 0
    if isinstance(look_again, int) and look_again >= 0:
        return look_again
    raise ConfigError(f"Looking again is set to {look_again!r}; it must be off, auto or a number of tokens.")


def choose_passages(
    attached: AttachedMemory, question: str, model: Model, tokens: int = LOOK_AGAIN_TOKENS
) -> tuple[Passage, ...]:
    """Choose what to read again for a question, at most `tokens` tokens of it; the best passage first, none overlapping.

    The question is run behind the memory once to see what it attends to; the passages are ranked by that and by its words, fused by
    reciprocal rank. A budget that the decoder's positions have no room for is cut down. The memory stays as it was.

    Raises:
        ContextOverflow: memory and question do not fit the decoder's positions.
    """
    prompt = make_prompt(question, model)
    room = model.plugin.max_positions - attached.memory.next_position - prompt.tokens - _answer_room(model)
    budget_tokens = min(tokens, room - len(model.encode(PASSAGES)[0]))
    if budget_tokens <= 0 or not attached.passages.all:
        return ()
    heat = attached.heat(attend(attached.memory, prompt, model))

    def count_tokens(passage: Passage) -> int:
        return sum(len(model.encode(text)[0]) for text in (heading(passage, attached.passages), passage.text))

    ranked = rank_passages(attached.passages, question, heat)
    return attached.passages.choose(ranked, question, budget_tokens, count_tokens)


def _answer_room(model: Model) -> int:
    """Positions kept free for the answer when passages are chosen."""
    return min(MAX_ANSWER_TOKENS, model.plugin.max_positions // 16)
