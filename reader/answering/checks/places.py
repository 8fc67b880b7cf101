"""Where something is: small decoders break off within a place, "in a biscuit tin" for "in a biscuit tin in the boat shed", or
within a name, *Leicester* for "Thurcaston, in Leicestershire".

Of 269 answers of data sets that begin with such a word, four are followed by another place in their text, and 52 contain one.
It runs no decoder.
"""

from __future__ import annotations

import re

_WHERE = re.compile(r"\W*(?:(?:and|but|so|und|et|y|e) )?(?:where|wo|où|d[oó]nde|dove)\b", re.I)
_AT = r"(?:in|inside|on|at|of|under|behind|beside|near|above|below|outside)"
_PLACE = re.compile(rf"(?:just |right |up |down )?{_AT}\b", re.I)
_FURTHER = re.compile(
    rf"(?: {_AT} (?:the|an?|his|her|its|their|our|my|your)(?: [^\W\d_][\w'’-]*){{1,3}}?"
    r"(?=[.,;:!?)]|$| (?:and|or|but|where|which|that|who|while|when|as|so|until|for|to|with|from|in|on|at)\b))+"
)
_PLACE_NAME = r"[^\W\d_a-z][\w'’-]*(?: (?:(?:of|de|upon|on|am|an der|sur|la|le) )?[^\W\d_a-z][\w'’-]*){0,3}"
_MAYBE_PLACE = re.compile(r"[^\W\d_a-z][\w'’ -]{0,40}")
_WITHIN = (
    r",? (?:in|near|in der Nähe von|bei|près d[e’']|en|cerca de|vicino a)(?: (?:the )?(?:county|province|state|district) of)?"
    rf" {_PLACE_NAME}"
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


def whole_place(question: str, answer: str, passage: str) -> str:
    """A place's name as a passage has it: a whole word, and both of "at Thurcaston, in Leicestershire"."""
    said = answer.strip().rstrip(".")
    if not (_WHERE.match(question) and re.fullmatch(_PLACE_NAME, said)):
        return answer
    text = " ".join(passage.split())
    found = re.findall(
        rf"(?<!\w)(?:(?<=\bat ){_PLACE_NAME}, (?:in|near) )?{re.escape(said)}(?:\w{{3,}})?(?:{_WITHIN})?", text
    )
    return found[0] if len(set(found)) == 1 else answer


def may_be_place(text: str, question: str) -> bool:
    """Whether an answer of which this is the beginning may become the name of a place that `whole_place` widens."""
    return bool(_WHERE.match(question) and _MAYBE_PLACE.fullmatch(text))
