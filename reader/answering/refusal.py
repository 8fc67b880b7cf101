"""The answer that the document does not say: its words, and how an answer is recognised as one."""

from __future__ import annotations

import re

NOT_SAID = "The document does not say."
"""What the decoder is asked to answer where the document does not."""


_REFUSED = re.compile(r"(?:\w{1,5}['’ ] ?)?" + re.escape(NOT_SAID.removeprefix("The ").rstrip(".")), re.I)
"""Asked in French, small decoders begin with *Le*."""
_THAT = re.compile(r"(?P<word>\w+) (?:is|was) it that (?P<clause>.+)\?")
"""A question that is a word of asking before a clause."""


def says_nothing(answer: str) -> bool:
    """Whether an answer, in each of its paragraphs, is that the document does not say."""
    return all(map(_REFUSED.match, answer.strip().split("\n\n")))


def refusal_of(question: str, *, is_read: bool) -> str:
    """The refusal of one of several questions that are answered together: it names the question.

    Args:
        is_read: whether all of the document was read by then.
    """
    so_far = "" if is_read else ", in the pages that were read by then"
    if found := _THAT.fullmatch(question):
        return f"{NOT_SAID.rstrip('.')}{so_far and f'{so_far},'} {found['word'].lower()} {found['clause']}."
    return f"{NOT_SAID.rstrip('.')}{so_far}: “{question}”"


def may_become_refusal(text: str) -> bool:
    """Whether the beginning of an answer is also a beginning of `NOT_SAID`."""
    return NOT_SAID.casefold().startswith(text.casefold())
