"""Looking again: which passages of a document are read again raw for a question, within which budget of tokens.

Like a reader, it goes back to the pages that matter to a question, or to the page that the question names. It reads nothing again
itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reader.answering.attached import AttachedMemory
from reader.answering.attention import attend
from reader.answering.checks.names import asks_who
from reader.answering.evidence import rank_passages
from reader.answering.extractive.introductions import rank_introductions
from reader.answering.extractive.overview import place
from reader.answering.extractive.statements import ALL_WORDS, statements, with_next
from reader.answering.extractive.title_pages import FRONT_CHARS
from reader.answering.passages import LOOK_AGAIN_TOKENS, Passage
from reader.answering.prompt import MAX_ANSWER_TOKENS, PASSAGES, heading, make_prompt
from reader.answering.requests import searched, understand
from reader.errors import ConfigError
from reader.models import Model

_ASKS_FOR_REFERENCES = re.compile(
    r"\b(?:references?|cit(?:e[ds]?|ing|ations?)|bibliograph\w+|sources?|links?|literatur\w*|quellen?)\b"
    r"|\[\d+\]",
    re.I,
)

_END_CHARS = 500
"""Of a longer question than two of these, only the two ends are run to see what it attends to."""


def look_again_tokens(look_again: str | int) -> int:
    """How many tokens a setting lets a question look at again.

    Raises:
        ConfigError: the setting is not `off`, `auto` or a number from 0 on.
    """
    if look_again == "auto":
        return LOOK_AGAIN_TOKENS
    if look_again == "off":
        return 0
    if isinstance(look_again, int) and look_again >= 0:
        return look_again
    raise ConfigError(f"Looking again is set to {look_again!r}; it must be off, auto or a number of tokens.")


def choose_passages(
    attached: AttachedMemory,
    question: str,
    model: Model,
    tokens: int = LOOK_AGAIN_TOKENS,
    earlier: Sequence[tuple[str, str]] = (),
    whole: str = "",
) -> tuple[Passage, ...]:
    """Choose what to read again for a question, at most `tokens` tokens of it; the best passage first, none overlapping.

    The question is run behind the memory once to see what it attends to; the passages are ranked by that and by its words and
    meaning, fused by reciprocal rank. If the question names a page, a chapter or the day of an entry, only passages there
    are chosen. Who wrote the document is looked up at its beginning, and who somebody is where they are first mentioned. The memory
    stays as it was.

    Args:
        tokens: cut down to what the decoder's positions have room for.
        earlier: (question, answer) turns before it, whose words help to find what "he" or "there" means.
        whole: the question that this one is a part of, whose words are searched for; "" where it is a whole one.

    Raises:
        ContextOverflow: memory and question do not fit the decoder's positions.
    """
    words, request = searched(whole or question, earlier), understand(question)
    choose = _Choosing(attached, question, model, tokens, words)
    if not choose.has_room:
        return ()
    if request.kind == "front":
        return choose(_beginnings(attached.passages.all))
    heat = attached.heat(attend(attached.memory, make_prompt(_shortened(question), model), model))
    ranked = rank_passages(attached.passages, words, heat, model.encoder)
    if request.kind == "person":
        said = [first for source in attached.sources for _, first in rank_introductions(request.words, source)[:1]]
        first = filter(None, map(attached.passages.holding, said))
        ranked = list(dict.fromkeys([*first, *ranked]))
    places = place(request, attached.sources)
    if places and request.kind == "day":  # an entry may be short, and a passage hold several
        ranked = [passage for one in places for passage in attached.passages.within(*one, words)]
    elif places:
        ranked = [passage for passage in dict.fromkeys([*ranked, *attached.passages.all]) if _is_in(passage, places)]
    elif not _ASKS_FOR_REFERENCES.search(words):  # they have the words of many a question, and say nothing
        ranked.sort(key=lambda passage: _is_in(passage, attached.references))
    return choose(ranked)


def nearest_sentences(
    attached: AttachedMemory,
    question: str,
    model: Model,
    tokens: int = LOOK_AGAIN_TOKENS,
    earlier: Sequence[tuple[str, str]] = (),
) -> tuple[Passage | None, bool]:
    """For a question for who did something, the sentence that is nearest to it with the one behind it, and whether it has all words
    of the question; None for others.

    Beside other people small decoders name another one. `tokens` and `earlier` are as for `choose_passages`.
    """
    if not asks_who(question) or understand(question).kind != "detail":
        return None, False
    words = searched(question, earlier)
    said = statements(attached.passages, words, model.encoder)
    nearest = [with_next(said[0], attached.passages).passage] if said else []
    choose = _Choosing(attached, question, model, tokens, words)
    found = next(iter(choose(nearest)), None) if choose.has_room else None
    return found, bool(said) and said[0].words >= ALL_WORDS


class _Choosing:
    """Chooses, of ranked passages, those that fit a number of tokens and the decoder's positions together."""

    def __init__(self, attached: AttachedMemory, question: str, model: Model, tokens: int, words: str) -> None:
        self._attached, self._question, self._model, self._words = attached, question, model, words
        self.prompt = make_prompt(question, model)
        room = model.plugin.max_positions - attached.memory.next_position - self.prompt.tokens - _answer_room(model)
        self._budget_tokens = min(tokens, room - len(model.encode(PASSAGES)[0]))
        self.has_room = self._budget_tokens > 0 and bool(attached.passages.all)

    def __call__(self, ranked: Sequence[Passage]) -> tuple[Passage, ...]:
        return self._attached.passages.choose(ranked, self._words, self._budget_tokens, self._count_tokens)

    def _count_tokens(self, passage: Passage) -> int:
        passages, encode = self._attached.passages, self._model.encode
        text = passages.shown(passage, self._question).text
        return len(encode(heading(passage, passages))[0]) + len(encode(text)[0])


def _shortened(question: str) -> str:
    """A long question's beginning and end, where it says what it asks, to see in seconds what it attends to."""
    if len(question) <= 2 * _END_CHARS:
        return question
    return f"{question[:_END_CHARS].rsplit(None, 1)[0]} … {question[-_END_CHARS:].split(None, 1)[-1]}"


def _beginnings(passages: Sequence[Passage]) -> list[Passage]:
    """The first passage of each document, then those of its first characters that are apart from it: beside the title alone
    the decoder is surer. No others, as a list of references names authors, too."""
    first = {passage.document_id: passage for passage in reversed(passages)}
    front = [passage for passage in passages if passage.start_char < FRONT_CHARS]
    return [*first.values(), *(one for one in front if one.start_char > first[one.document_id].end_char)]


def _is_in(passage: Passage, places: Sequence[tuple[str, int, int]]) -> bool:
    middle = (passage.start_char + passage.end_char) // 2
    return any(passage.document_id == document_id and start <= middle < end for document_id, start, end in places)


def _answer_room(model: Model) -> int:
    """Positions kept free for the answer when passages are chosen."""
    return min(MAX_ANSWER_TOKENS, model.plugin.max_positions // 16)
