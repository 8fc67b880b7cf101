"""Where something is: small decoders break off within a place, "in a biscuit tin" for "in a biscuit tin in the boat shed".

Of 269 answers of data sets that begin with such a word, four are followed by another place in their text, and 52 contain one.
It runs no decoder.
"""

from __future__ import annotations

import re

_WHERE = re.compile(r"\W*(?:and |but |so )?where\b", re.I)
_AT = r"(?:in|inside|on|at|of|under|behind|beside|near|above|below|outside)"
_PLACE = re.compile(rf"(?:just |right |up |down )?{_AT}\b", re.I)
_FURTHER = re.compile(
    rf"(?: {_AT} (?:the|an?|his|her|its|their|our|my|your)(?: [^\W\d_][\w'’-]*){{1,3}}?"
    r"(?=[.,;:!?)]|$| (?:and|or|but|where|which|that|who|while|when|as|so|until|for|to|with|from|in|on|at)\b))+"
)


def further_place(question: str, answer: str, passage: str) -> str:
    """What the passage says of a place behind an answer that breaks off within it, with a space in front; "" where it does not."""
    said = " ".join(answer.split())
    if not (_WHERE.match(question) and _PLACE.match(said)):
        return ""
    text = " ".join(passage.split())
    at = re.search(rf"(?<!\w){re.escape(said)}(?= )", text, re.I)
    found = at and _FURTHER.match(text, at.end())
    return found[0] if found else ""
