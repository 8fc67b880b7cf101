"""Duties: who has to do something, and until when.

Small decoders name somebody else of the same sentence, and another date of it. By words alone, who in English, until when also in
German, French and Spanish. It runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reader.answering.passages import sentences_of
from reader.answering.text.days import MONTH, YEAR
from reader.answering.text.numerals import ANY_NUMERAL
from reader.answering.text.words import STOP_WORDS, mention, stem, words_of

_MUST = r"(?:must|shall|will|should|may|can|(?:has|have|needs?|is|are) to|(?:is|are) (?:required|obliged|expected) to)"
_WHO = re.compile(rf"\W*(?:(?:and|but|so) )?who {_MUST} (?P<duty>(?P<verb>\w+)\b.*)", re.I | re.S)
_MODAL = re.compile(rf"\b{_MUST}\b|;", re.I)
_FRONT = re.compile(r".*(?:[,;:.(\n] ?|\b(?:if|when|where|that|then|but) |^\d[\d.]* )", re.I | re.S)
"""What stands before the words that say who."""
_AND = re.compile(r"(?:.*\b)?(?:and|or)(?: (?:also|then))?\b", re.I)
_ONE = re.compile(
    r"(?:(?:the|an?|each|every|any|your|our|its|their|his|her|both|all|no) )?(?!and\b)[\w'’&-]{1,40}"
    r"(?: (?:(?:of|and|for|the) )*[\w'’&-]{1,40}){0,3}",
    re.I,
)
_MOST_CHARS = 200
_NOT_WHO = frozenset(
    """
    is are was were be been has have had does do did not it he she they this that these those who which there before after during
    until in on at from with by under
    """.split()  # noqa: SIM905 - words are easier to read and to keep than quotation marks
)

_ASKS_UNTIL = re.compile(
    r"\W*(?:(?:and|but|so|und|et|y) )?(?:(?:un)?till? when|by (?:when|(?:what|which) (?:date|day|time))|how late|bis wann"
    r"|bis zu welche[mr]|jusqu['’]à quand|avant quand|hasta cu[aá]ndo|para cu[aá]ndo)\b",
    re.I,
)
_DAY = (
    r"(?:the |le |el |dem |den |zum |[^\W\d_]{2,10}(?:day|tag|di),? )*"
    rf"(?:\d{{1,2}}(?:st|nd|rd|th|\.|er)?(?: (?:of|de))? {MONTH}|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?)(?:,? {YEAR})?"
)
_SPAN = (
    rf"(?:\d{{1,3}}|{ANY_NUMERAL}) (?:\w+ )?(?:days?|weeks?|months?|years?|hours?|tagen?|wochen?|monaten?|jahren?|stunden?|jours?"
    r"|semaines?|mois|ans|heures?|días?|semanas?|mes(?:es)?|años?|horas?)\b"
)
_UNTIL = re.compile(
    r"\b(?:by|until|till|before|no later than|not later than|(?:closes?|ends?|expires?|lapses?|due|at the latest|spätestens|endet"
    r"|au plus tard|expire|termina|vence)(?: (?:on|am|le|el))?|bis(?: zu[mr])?|jusqu['’]au|avant|hasta|antes del?)"
    rf" (?P<day>{_DAY})|\b(?P<span>(?:within|binnen|innerhalb von|dans un délai de|sous|dentro de|en un plazo de) {_SPAN})",
    re.I,
)


def asks_who_must(question: str) -> bool:
    """Whether a question asks who has to do something, or may, or will."""
    return bool(_WHO.match(question))


def asks_until(question: str) -> bool:
    """Whether a question asks until when."""
    return bool(_ASKS_UNTIL.match(question))


def doer(question: str, answer: str, passage: str) -> str:
    """An answer to who has to do something, or the one of whom a passage says so in the question's words; others stay, also where
    it says so of several."""
    asked = _WHO.match(question)
    if asked is None:
        return answer
    words = {stem(word) for word in words_of(asked["duty"]) if word not in STOP_WORDS} | {stem(asked["verb"].lower())}
    found = {
        who
        for sentence in sentences_of(passage)
        for who, duty in _duties(sentence)
        if words <= {stem(word) for word in words_of(duty)}
    }
    known = set(words_of(answer)) - STOP_WORDS
    return found.pop() if len(found) == 1 and not any(known & set(words_of(who)) for who in found) else answer


def _duties(sentence: str) -> Iterator[tuple[str, str]]:
    """Who has to do something, and what, by a sentence."""
    modals = list(_MODAL.finditer(sentence))
    ends = [*(found.start() for found in modals[1:]), len(sentence)]
    who, begin = "", 0
    for found, end in zip(modals, ends, strict=False):
        before = _FRONT.sub("", sentence[begin : found.start()].strip()[-_MOST_CHARS:])
        if found[0] == ";":
            who, begin = "", found.end()
            continue
        own = before if _is_one(before) else _AND.sub("", before).strip()
        # "The Tenant may share it and must tell the Landlord" has one subject.
        who = own if _is_one(own) else "" if own else who
        begin = found.end()
        if who:
            yield who, sentence[found.end() : end]


def _is_one(who: str) -> bool:
    is_plain = not _NOT_WHO & set(words_of(who))
    is_named = who[:1].isupper() or " " in who or who.endswith("s") or who.casefold() in ("you", "we")
    return bool(who) and is_plain and is_named and bool(_ONE.fullmatch(who))


def limit(question: str, answer: str, passage: str) -> str:
    """An answer to until when that is no limit, with the only one of its sentence in its place; others stay."""
    if not asks_until(question):
        return answer
    said = mention(answer.strip(" ."))
    limits = {
        " ".join((found["day"] or found["span"]).split())
        for sentence in sentences_of(passage)
        if said.search(sentence)
        for found in _UNTIL.finditer(sentence)
    }
    is_limit = any(said.search(one) or mention(one).search(answer) for one in limits)
    return limits.pop() if len(limits) == 1 and not is_limit else answer
