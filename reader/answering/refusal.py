"""The answer that the document does not say: its words, and how an answer is recognised as one."""

from __future__ import annotations

NOT_SAID = "The document does not say."
"""What the decoder is asked to answer where the document does not."""


def says_nothing(answer: str) -> bool:
    """Whether an answer is that the document does not say."""
    return answer.casefold().startswith(NOT_SAID.rstrip(".").casefold())


def may_become_refusal(text: str) -> bool:
    """Whether the beginning of an answer is also a beginning of `NOT_SAID`."""
    return NOT_SAID.casefold().startswith(text.casefold())
