"""Which language a question is asked in, and whether a text is in it: answers made without a decoder are worded in the asker's."""

from __future__ import annotations

import re

from reader.answering.text.words import words_of

YES_OR_NO = {"en": ("Yes", "No"), "de": ("Ja", "Nein"), "fr": ("Oui", "Non"), "es": ("Sí", "No")}
"""By language."""
_BEHIND_WAS = (
    "ist|sind|waren?|hat(?:te)?|haben|wird|werden|wurden?|kann|soll(?:te)?|muss|darf|steht|macht|bedeutet|hei(?:ß|ss)t|passiert"
    "|geschieht|gibt|sagt|kostet|kosten|tut|tun|trägt|schreibt|enthält|braucht|bringt|zahlt|spielt|liegt|meint|weiß|für"
)
"""What tells a German question that begins with *was* from an English one."""
_BEGINS = (
    ("ja", re.compile(r"[^\w]*\w{0,8}[ぁ-ヿ一-鿿]")),
    (
        "de",
        re.compile(
            rf"(?:(?:in|an|auf|aus|bei|für|mit|nach|seit|um|unter|von|zu[mr]?|über|bis|ab)? ?(?:welche[mnrs]?|we[nmr]|wessen)"
            rf"|wie(?:so|viele?)?|wo(?:her|hin|mit|von|für|zu|ran|rin|bei)?|wann|warum|weshalb|was (?:{_BEHIND_WAS})|wird|werden"
            r"|kommt|gibt|hat|haben|ist|sind|kann|darf|muss|brauch(?:t|en)|nenne|fasse|hallo|guten|danke|dank)\b",
            re.I,
        ),
    ),
    (
        "fr",
        re.compile(
            r"(?:(?:à|de|dans|en|sur|pour|par|avec|chez|depuis|jusqu['’ ]?à)? ?(?:quel(?:le)?s?|quoi|qui|quand|combien|où)|comment"
            r"|pourquoi|que|est-ce|y a-t-il|bonjour|salut|bonsoir|merci)\b|qu['’]"
            r"|[^?]{1,80}?\w-(?:t-on|(?:t-)?(?:ils?|elles?))\b",
            re.I,
        ),
    ),
    (
        "es",
        re.compile(
            r"(?:(?:en|de|a|con|por|para|desde|hasta)? ?(?:qué|quién(?:es)?|cuándo|cu[aá]nt[oa]s?|cu[aá]l(?:es)?|dónde|c[oó]mo)"
            r"|se menciona\w*|hay|hola|buen[oa]s|gracias)\b",
            re.I,
        ),
    ),
)
"""How questions and greetings begin in other languages than English."""
_COMMON = {
    "en": frozenset({"the", "of", "and", "is", "for", "are"}),
    "de": frozenset({"der", "die", "das", "und", "ist", "für"}),
    "fr": frozenset({"le", "les", "des", "et", "est", "pour"}),
    "es": frozenset({"el", "los", "las", "y", "es", "para"}),
}
_FEWEST_WORDS = 2
"""So many of these words tell a language."""


def language_of(question: str) -> str:
    """The language that a question is asked in, by its first words: `de`, `fr`, `es` or `ja`, else `en`."""
    text = question.strip(' ¿¡\n\t“”"«»„')
    return next((language for language, begins in _BEGINS if begins.match(text)), "en")


def is_written_in(language: str, text: str) -> bool:
    """Whether a text has common words of a language: `en`, `de`, `fr` or `es`."""
    return len(_COMMON[language].intersection(words_of(text))) >= _FEWEST_WORDS
