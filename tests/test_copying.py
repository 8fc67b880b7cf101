"""Answers that copy a passage have its own words in place of those that the decoder misspells, and its sentences stand alone."""

from __future__ import annotations

import pytest

from reader.answering.checks.copying import as_copied
from reader.answering.text.excerpts import excerpt

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


@pytest.mark.parametrize(
    ("sentence", "alone"),
    [
        ("“Ay, bodies, Ada.", "“Ay, bodies, Ada.”"),
        ("“ ‘The fair was\nquiet, she said.", "“The fair was quiet, she said.”"),
        ("\"'Tis late, said Ada.", '"\'Tis late, said Ada."'),
        ('Sit down!" Ada sat.', '"Sit down!" Ada sat.'),
        ('"Sit," said Ada, "or go.', '"Sit," said Ada, "or go."'),
        ("„Der Fluss steigt.", "„Der Fluss steigt.“"),
        ("« Rien ne se perd », dit-elle.", "« Rien ne se perd », dit-elle."),
        ('The 19" screen is dark.', 'The 19" screen is dark.'),
        ("But the dam broke.", "The dam broke."),
        ("Und so kam es.", "So kam es."),
        ("But for the dam they were safe.", "But for the dam they were safe."),
        ("and the dam broke.", "and the dam broke."),  # a piece
        ("Weirs.** The *upper* dam broke.", "Weirs. The upper dam broke."),
        ("- The dam broke.", "The dam broke."),
    ],
)
def test_a_sentence_stands_alone_without_what_only_its_place_explains(sentence: str, alone: str) -> None:
    assert excerpt(sentence) == alone
