"""Excerpts: a sentence of a text as it stands alone, without what only its place in the text explains.

A sentence within a speech has one quotation mark of two, one behind another begins with *But*, and Markdown has its signs. No word
else is changed. It runs no decoder.
"""

from __future__ import annotations

import re

_EMPHASIS = re.compile(r"(?<![\w*_])(\*\*|__|[*_])(?=\S)([^*_]{1,200})(?<=\S)\1(?![\w*_])|(?<=[.:!?])\*\*(?= )")
"""Markdown's signs around words, or those behind the first words of a paragraph."""
_IN_FRONT = re.compile(r"\A(?:[•*–—>-]|#{1,6}) (?=[^\W\d])")
_LEADS_ON = re.compile(
    r"(?:(?:And|But)(?! (?:for|what|so)\b)|Und|Aber|Et(?! al)|Mais|Pero|[YO](?= [a-zà-ÿ])),? (?=[^\W\d])"
)
"""How a sentence begins that goes on from the one before it. "But for his help, …" does not."""
_MARK = re.compile(r"[\"“”„«»]")
_INNER = re.compile(r"\A([\"“„]) ?[‘'](?!T(?:is|was)\b|.*\w[.,!?]?['’](?!\w))", re.S)
"""A speech within a speech that does not end."""
_OPENS_BEHIND, _OPENS_TOO = frozenset(" \xa0([‘'—–-"), frozenset("‘'…¿¡")
_CLOSING = {'"': '"', "“": "”", "”": "”", "„": "“", "«": "»", "»": "«"}
_OPENING = {'"': '"', "”": "“", "“": "„", "»": "«", "«": "»"}


def excerpt(text: str) -> str:
    """A sentence, or several, on one line as it stands alone: with both marks of a quotation that begins or ends elsewhere, and
    without Markdown's signs, a list's sign, and an *and* or *but* in front."""
    words = _IN_FRONT.sub("", _EMPHASIS.sub(r"\2", " ".join(text.split())))
    if found := _LEADS_ON.match(words):
        words = words[found.end()].upper() + words[found.end() + 1 :]
    return _quoted_whole(_INNER.sub(r"\1", words))


def _quoted_whole(words: str) -> str:
    """Words with a quotation mark at the end or in front for each that has no other."""
    is_low = "„" in words
    opened = front = ""
    for found in _MARK.finditer(words):
        mark, at = found[0], found.start()
        before, behind = words[max(0, at - 1) : at], words[at + 1 : at + 2]
        if _opens(mark, before, behind, is_low=is_low):
            opened = opened or mark
        elif opened:
            opened = ""
        elif not before.isdigit():  # else an inch
            front = front or _OPENING[mark]
    space = " " if "« " in words or " »" in words else ""
    return f"{front}{front and space}{words}{opened and space}{_CLOSING.get(opened, '')}"


def _opens(mark: str, before: str, behind: str, *, is_low: bool) -> bool:
    """Whether a quotation mark begins a quotation, by the signs around it; is_low: whether quotations of this text begin low."""
    if mark == "„" or (mark == "“" and is_low):
        return mark == "„"
    if before and before not in _OPENS_BEHIND:
        return False
    return mark == "“" or behind.isalnum() or (mark == "«" and behind == " ") or behind in _OPENS_TOO
