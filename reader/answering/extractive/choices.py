"""Questions with answers to choose from: the answer that the document comes nearest to, without a decoder.

Of 150 such questions about eight lectures (L-Eval's TPO, four answers each) 0.45 are right so, and of 94 about stories (QuALITY)
0.28. By the probability of each answer behind the passages, Qwen2.5-Coder-0.5B-Instruct has 0.40 to 0.47 of the first 30 right, by
that of its letter 0.17 to 0.23.
"""

from __future__ import annotations

import re

from reader.answering.extractive.overview import Overview
from reader.answering.extractive.statements import Statement, statements
from reader.answering.passages import Passages
from reader.models import SentenceEncoder

_OPTION = re.compile(
    r"(?:^[ \t]*\(?|(?<=\s)\()(?P<letter>[A-Ha-h])[.):][ \t]+|(?<=\s)(?P<inline>[A-Ha-h])\)[ \t]+", re.M
)
_LETTERS = "ABCDEFGH"
_LEAST = 2


def options(question: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What is asked, and (letter, answer) for each answer to choose from; none where the question names none."""
    marks: list[re.Match[str]] = []
    for mark in _OPTION.finditer(question):
        if (mark["letter"] or mark["inline"]).upper() == _LETTERS[len(marks) : len(marks) + 1]:
            marks.append(mark)
    if len(marks) < _LEAST:
        return question, ()
    ends = [*(mark.start() for mark in marks[1:]), len(question)]
    found = tuple(
        (letter, " ".join(question[mark.end() : end].split()))
        for letter, mark, end in zip(_LETTERS, marks, ends, strict=False)
    )
    return question[: marks[0].start()].strip(), found if all(text for _, text in found) else ()


def choose(passages: Passages, question: str, encoder: SentenceEncoder | None) -> Overview | None:
    """The answer to choose, with the sentence that it comes nearest to; None where the question names none to choose from."""
    asked, named = options(question)
    if not named:
        return None
    told = [_nearest(passages, asked, text, encoder) for _, text in named]
    (letter, text), (_, said) = max(zip(named, told, strict=True), key=lambda one: one[1][0])
    return Overview(f"{letter}. {text}", (said.passage,)) if said else None


def _nearest(
    passages: Passages, asked: str, text: str, encoder: SentenceEncoder | None
) -> tuple[float, Statement | None]:
    """(how much the document states of an answer, alone and with the question, the sentence that does)."""
    found = [one for words in (f"{asked} {text}", text) for one in statements(passages, words, encoder)]
    return sum(one.score for one in found), next(iter(found), None)
