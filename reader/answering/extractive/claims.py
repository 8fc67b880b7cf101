"""What a paper aims at, proposes and finds, and which problem it is about: the sentences of its abstract that say so, or else those
of its conclusion. In English; it runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WE = r"\b(?:we|i|this (?:paper|article|study|work|thesis|report|essay|dissertation)|the (?:paper|study|authors?)|our \w+)"
_CUES = {
    "aim": r"\b(?:aims?|goals?|purposes?|objectives?|intends?|seeks?|hopes?|this \w+ provides)\b"
    rf"|{_WE} (?:are trying|try|tried|attempt\w*|set out|examines?|investigates?|stud(?:y|ies)|explores?|asks?)\b",
    "contribution": rf"\bcontribut\w+|{_WE} (?:also )?(?:propos|present|introduc|describ|develop|offer|provid|implement)\w*",
    "findings": r"\b(?:results?|findings|experiments?|evidence|analys[ie]s|evaluations?|observations?)\b.{0,60}"
    r"\b(?:show|indicat|suggest|reveal|confirm|demonstrat|obtain|good|promising)\w*|\bit is (?:concluded|shown|found)\b"
    rf"|{_WE} (?:also |have |then |had )?(?:f[io]nd|found|show|demonstrat|observ|measur|conclud|obtain|achiev)\w*",
    "problem": r"\b(?:problems?|challeng\w+|difficult\w*|hard|costly|expensive|limit(?:s|ed|ation\w*)|lack\w*|requir\w+|cannot"
    r"|unclear|unknown|little is known|however)\b",
}
_CUE = {what: re.compile(words, re.I) for what, words in _CUES.items()}
_MOST = 3


def claims(what: str, said: Sequence[str]) -> list[int]:
    """Which of the sentences of an abstract or a conclusion say what is asked for, three at most.

    Args:
        what: `aim`, `contribution`, `findings` or `problem`.
    """
    return [number for number, sentence in enumerate(said) if _CUE[what].search(" ".join(sentence.split()))][:_MOST]
