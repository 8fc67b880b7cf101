"""Answers that copy a passage have its own words in place of those that the decoder misspells."""

from __future__ import annotations

import pytest

from reader.answering.checks.copying import as_copied

PASSAGE = (
    "This was done in pursuance of a very deliberate strategy. It leads to a bad end, and to the racks filled with hay."
)


@pytest.mark.parametrize(
    ("answer", "copied"),
    [
        ("in pursuance of a very delicate strategy", "in pursuance of a very deliberate strategy"),
        ("the tracks filled with hay.", "the racks filled with hay."),
        (
            "in pursuance of a very wooden strategy",
            "in pursuance of a very wooden strategy",
        ),  # another word, not this one
        ("a delicate strategy", "a delicate strategy"),  # too short to be sure
        ("It leads to a bad end", "It leads to a bad end"),
        ("he did it because of his brother's strategy", "he did it because of his brother's strategy"),
    ],
)
def test_a_misspelt_word_is_the_passages(answer: str, copied: str) -> None:
    assert as_copied(answer, PASSAGE) == copied
