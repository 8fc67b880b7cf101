"""When something happened: small decoders take a date from a sentence of the passage that tells of something else.

A date of another sentence than the one that has the question's words is given up for the one date there, and to until when what is
no limit for the one limit of its sentence. By words alone, in English, German, French, Spanish and Italian. It runs no decoder.
"""

from __future__ import annotations

import re

from reader.answering.passages import sentences_of
from reader.answering.text.days import MONTH, YEAR
from reader.answering.text.numerals import ANY_NUMERAL
from reader.answering.text.words import STOP_WORDS, content_words, mention, stem

_WHEN = re.compile(
    r"\W*(?:and |but |so )?(?:when|(?:in )?(?:what|which) year|on (?:what|which) (?:day|date)|wann|in welchem jahr|quand"
    r"|en quelle année|cu[aá]ndo|en qu[eé] año|quando|in (?:che|quale) anno)\b",
    re.I,
)
_DATE = re.compile(
    rf"(?<![\w.,-])(?:\d{{1,2}}(?:st|nd|rd|th|\.|º|er)?(?: (?:of|de))? {MONTH}\.?(?:,? (?:de )?{YEAR})?"
    rf"|{MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? {YEAR})?|{MONTH}\.?,? (?:of |de )?{YEAR}|{YEAR})(?!\w|[.,]\d|[–/-]\d)",
    re.I,
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
_NAME = re.compile(r"[^\W\d_a-z]\w*")
_CLAUSE = re.compile(r"[,;:](?! \d{4})\s|\s(?=(?:and|but|while|when|before|after)\s)")
_AMOUNT = re.compile(r"[£$€¥]?\s*(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{3,}\.\d+)\.?")
_SAME_LETTERS = 3


def date_of_event(question: str, answer: str, passage: str) -> str:
    """The answer, or, where it is a date from another sentence than those that have the question's words, the one date in these.

    A name may be missing there, as a sentence may say *she*, unless the answer's own sentence has it. Where these sentences have
    no date or several, the answer stays.
    """
    date = answer.strip().rstrip(".")
    if not asks_when(question) or not _DATE.fullmatch(date):
        return answer
    said = sentences_of(passage)
    own = " ".join(text for text in said if date in text).casefold()
    names = {name for name in map(str.casefold, _NAME.findall(question)) if name not in own}
    asked = [word for word in content_words(_WHEN.sub("", question)) if word not in names | STOP_WORDS]
    told = [text for text in said if asked and all(_has(text, word) for word in asked)]
    if any(date in text for text in told):
        told = [clause for text in told for clause in _CLAUSE.split(text) if all(_has(clause, word) for word in asked)]
    dates = {found[0] for text in told for found in _DATE.finditer(text)}
    return dates.pop() if len(dates) == 1 and not any(date in text for text in told) else answer


def asks_when(question: str) -> bool:
    """Whether a question asks for a date."""
    return bool(_WHEN.match(question))


def asks_until(question: str) -> bool:
    """Whether a question asks until when."""
    return bool(_ASKS_UNTIL.match(question))


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


def is_amount(question: str, answer: str) -> bool:
    """Whether an answer to when is an amount, such as 12,111.06."""
    return asks_when(question) and bool(_AMOUNT.fullmatch(answer.strip()))


def _has(text: str, word: str) -> bool:
    """Whether a text has a word or another form of it, such as *die* for *died*."""
    root = stem(word)
    return any(
        other == root or (len(root) >= _SAME_LETTERS and other.startswith(root) and len(other) <= len(root) + 2)
        for other in map(stem, content_words(text))
    )
