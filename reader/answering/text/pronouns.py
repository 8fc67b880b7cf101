"""Pronouns of French questions, *il* and *elle* behind their verb and *sa*, *son*, *ses*, and how a name takes their place."""

from __future__ import annotations

import re

_FRENCH = re.compile(r"(?:(?:\w+ )?(?:qui|que|quoi|quand|où|pourquoi|comment|combien|quel\w*|est|a)|d['’]où)\b", re.I)
_PRONOUN = re.compile(
    r"(?P<verb>(?:\b(?:l[ae]s?|se|en|lui|ne) |\b[lsn]['’])?\b(?!(?:faut|pleut|agit|existe|reste)-)(?<!\by )\w+)-(?:t-)?"
    r"(?:il|(?P<her>elle))\b|\b(?P<whose>sa|son|ses) (?P<owned>[\w-]+(?: \w+$)?)",
    re.I,
)
_ARTICLES = {"sa": "la", "son": "le", "ses": "les"}


def french_pronoun(question: str) -> re.Match[str] | None:
    """The first pronoun of a French question, with a group `whose` that says whose something is; None for other questions."""
    return _PRONOUN.search(question) if _FRENCH.match(question) else None


def with_name(pronoun: re.Match[str], name: str) -> str:
    """The question with a name in the place of its pronoun."""
    if pronoun["whose"]:
        of = "d’" if name[0].casefold() in "aeiouyhàâéèêëîïôû" else "de "
        written = f"{_ARTICLES[pronoun['whose'].casefold()]} {pronoun['owned']} {of}{name}"
    else:  # "Où Anne a appris ?", "Où est Anne ?"
        verb = pronoun["verb"]
        written = f"{verb} {name}" if len(verb) > 1 and verb.isalpha() else f"{name} {verb}"
    return pronoun.string[: pronoun.start()] + written + pronoun.string[pronoun.end() :]
