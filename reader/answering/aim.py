"""What a question asks for, by its words alone: which answers can be right, and in which form they are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reader.answering.checks.quantities import asks_for
from reader.answering.extractive.relations import relation_asked
from reader.answering.requests import (
    asks_for_manner,
    asks_what_happened,
    asks_what_happens,
    asks_why,
    followed,
    is_yes_or_no,
    role_asked,
    said_about,
    searched,
)
from reader.answering.text.dates import asks_until
from reader.answering.text.words import content_words

_OWN_WORDS = 2
"""With so many words of its own, a question for yes or no says what it is about."""


@dataclass(frozen=True)
class Aim:
    """What a question asks for."""

    told_about: str
    """Of what it asks what is said about it; "" of other questions."""
    stated_about: str
    """What a statement of the document has to be about, to answer it."""
    kinds: frozenset[str]
    """Of the quantity that can answer it; none: any answer can."""
    role: str
    """Whose name it asks for, such as "author"; "" of others."""
    is_reason: bool
    """Whether it asks why."""
    is_event: bool
    """Whether it asks what happened after or when something else did."""
    is_manner: bool
    """Whether it asks how something is done."""
    is_statement: bool
    """Whether a whole sentence has to answer, such as the document's own."""
    is_held_back: bool
    """Whether an answer can turn into another one when it is whole, however it begins."""

    @classmethod
    def of(cls, question: str, earlier: Sequence[tuple[str, str]] = ()) -> Aim:
        """The aim of a question in the words in which it is answered, behind earlier questions and their answers."""
        told_about, is_reason = said_about(question), asks_why(question)
        kinds, role = asks_for(question), role_asked(question)
        # A question with words of its own needs none of the turn before it: they would lead to that turn's sentence.
        is_bare = len(content_words(question)) < _OWN_WORDS
        own = searched(question, earlier) if is_bare else question
        is_statement = bool(told_about or is_yes_or_no(question) or asks_what_happens(question) or is_reason)
        return cls(
            told_about=told_about,
            stated_about=followed(question) or told_about or own,
            kinds=kinds,
            role=role,
            is_reason=is_reason,
            is_event=asks_what_happened(question),
            is_manner=asks_for_manner(question),
            is_statement=is_statement,
            is_held_back=bool(kinds or role or asks_until(question) or relation_asked(question)),
        )
