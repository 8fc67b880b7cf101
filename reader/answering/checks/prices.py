"""Prices: a question for the price of a thing in the words that decoders understand best, and amounts that are no price of it.

Small decoders take an amount near by: the deposit, the price of half a day, or that of another thing. By words alone, in English,
German, French and Spanish; what is not understood stays as it is. It runs no decoder.
"""

from __future__ import annotations

import re
from itertools import islice

from reader.answering.text.languages import is_written_in
from reader.answering.text.numerals import ANY_NUMERAL
from reader.answering.text.words import words_of

_THING = r"(?P<{name}>(?:an?|each|every|one) (?:(?!in\b|worth\b|left\b|than\b)[\w'’-]+ ?){{1,7}}?)\W*"
_AS_COST = re.compile(
    rf"\W*(?:how much (?:is|are) {_THING.format(name='much')}"
    rf"|what(?:['’]s| is| are) the (?:price|cost)s? (?:of|for) {_THING.format(name='price')}"
    r"|how much (?:do|must|will|would|should|does) (?:i|we|you|one|people|somebody) (?:(?:have|need) to )?pay for"
    rf" {_THING.format(name='paid')})",
    re.I,
)
_COST = re.compile(
    r"\W*(?:(?:and|but|so) )?(?:(?:what|how much) (?:does|do|did|will|would) (?P<en>.{2,80}?) cost"
    r"|(?:was|wie ?viel) kosten?t? (?P<de>.{2,80}?)|combien (?:coûte(?:nt)?|co[uû]te-t-(?:il|elle)) (?P<fr>.{2,80}?)"
    r"|(?:cuánto|qué) cuestan? (?P<es>.{2,80}?))\W*",
    re.I,
)
_ONE = re.compile(r"(?:an?|each|every|one|eine?[nrms]?|jede[rsn]?|une?|chaque|un[ao]?|cada) (?P<words>.+)", re.I)
"""The price of one thing among others, which a text names beside its price."""
_AMOUNT = re.compile(r"\W*(?:(?:about|nearly|etwa|environ|unos) )?(?P<number>\d[\d.,]*)\D{0,24}")
_SAYS_PRICE = re.compile(
    rf"\d|\b(?:{ANY_NUMERAL}|hundred|thousand|half|quarter|same|more|less"
    r"|most|least|not?|nothing|free\w*|inclu\w*|cheap\w*|expensive|price\w*|charge\w*|pa(?:y|id)\w*|cost\w*|penn\w+|pounds?|dollars?|cents?"
    r"|euros?|halb\w*|nichts|kein\w*|frei\w*|kostenlos\w*|gratis|umsonst|preis\w*|gratuit\w*|rien|prix|nada|precio\w*)\b",
    re.I,
)
"""What an answer has that says what something costs."""
_DEPOSIT = re.compile(
    r"\b(?:deposits?|pledges?|\w*pfand\w*|\w*kaution\w*|cautions?|consignes?|fianzas?|depósitos?)\b", re.I
)
_HALF = re.compile(
    r"\b(?:half[- ](?:an? |of an? )?(?:day|hour|year|term|dozen|pint|litre|portion)|halbe[nrs]? \w+|halbtag\w*|demi-\w+"
    r"|medi[oa] \w+)",
    re.I,
)
_IS_HALF = re.compile(r"\b(?:half|halb\w*|demi\w*|medi[oa])\b", re.I)
_CLAUSE = re.compile(r"[,;:.!?](?=\s)|\s(?=(?:and|or|und|oder|et|ou|y|o)\s)|\n")
_BREAK = re.compile(r"[.!?](?=\s)|\n")
_BEFORE_CHARS, _BEHIND_CHARS = 160, 120
"""How far from its price a text may name a thing."""
_PERIOD = (
    r"(?:\b(?:an?|per|each|every|one|pro|je|im|am|die|eine[nr]?|par|la|le|une?|por|al|el|una?|cada) |/ ?)"
    r"(?P<period>hour|day|night|evening|week|weekend|month|year|stunde|tag|nacht|woche|monat|jahr|heure|jour|nuit|semaine|mois|an"
    r"|hora|día|noche|semana|mes|año)\b"
)
_NUMBER = r"\d{1,9}(?:[.,]\d{1,9}){0,3}(?!\d)"
_RATE = rf"(?P<amount>[£$€¥]{_NUMBER}|{_NUMBER} ?(?:[£$€¥]|(?:euros?|pounds?|dollars?|francs?|pence|cents?|p)\b))"
_ASKED_PERIOD, _SAID_RATE = re.compile(_PERIOD, re.I), re.compile(rf"{_RATE}(?: ?{_PERIOD})?\W*", re.I)
_PRINTED_RATE = re.compile(rf"(?<![\w.,]){_RATE}(?: ?{_PERIOD})?", re.I)
"""An amount, and for how long it is paid: "£39.95 a day"."""
_LEAST_LETTERS = 3
_MOST_PLACES = 20
_MOST_CHARS = 200
"""Of a question."""
_COMMON = frozenset(
    """
    single double small large big full normal regular new old whole other second first day days hour hours night nights week
    month year time times person people ganze ganzer ganzen tag tage stunde nacht person jour journée heure nuit personne día días
    hora noche persona entier entière for with from per the and of für mit und pro pour avec par des les para con por del los las
    """.split()  # noqa: SIM905 - words are easier to read and to keep than quotation marks
)
"""Words that do not say which thing is meant."""
_SAME = tuple(
    frozenset(words.split())
    for words in (
        "bike bikes bicycle bicycles cycle cycles",
        "kid kids child children",
        "car cars vehicle vehicles auto pkw",
        "pet pets dog dogs cat cats animal animals",
        "photo photos photograph picture pictures",
        "fahrrad rad fahrräder räder",
    )
)
MANY_NAMES = re.compile(
    r"\b(?:tickets?|admission|entry|entrance|visit|stay|trip|ride|crossing|fares?|seat|swim|members?\w*|subscription|\w*karte|eintritt\w*"
    r"|fahrt|besuch|billets?|entrée|visite|abonnement|place|entradas?|billetes?|visita|plaza)\b",
    re.I,
)
"""Things whose price a text gives without their name, as in "Adults £5"."""


def with_cost(question: str) -> str:
    """A question for the price of a thing as "What does a ticket cost?", which decoders answer best; others stay."""
    found = _AS_COST.fullmatch(question) if len(question) <= _MOST_CHARS else None
    thing = next((words for words in found.groups() if words), "") if found else ""
    return f"What does {thing.strip()} cost?" if thing else question


def is_no_price(question: str, answer: str, page: str) -> bool:
    """Whether an answer to what a thing costs has nothing of a price, or is an amount that a page gives for something else only: a
    deposit, half of what is asked for, or, if question and page are in the same language, another thing."""
    asked = _COST.fullmatch(question) if len(question) <= _MOST_CHARS else None
    amount = _AMOUNT.fullmatch(answer)
    if asked is None or amount is None:
        return asked is not None and not _SAYS_PRICE.search(answer)
    number = re.escape(amount["number"].rstrip(".,"))
    found = islice(re.finditer(rf"(?<![\d.,]){number}(?!\d|[.,]\d)", page), _MOST_PLACES)
    places = [one.span() for one in found]
    clauses = [_around(page, *place, _CLAUSE) for place in places]
    if not places:
        return False
    if not _DEPOSIT.search(question) and all(map(_DEPOSIT.search, clauses)):
        return True
    if not _IS_HALF.search(question) and all(map(_HALF.search, clauses)):
        return True
    language = asked.lastgroup or ""
    one = _ONE.fullmatch(asked[language])
    if one is None or MANY_NAMES.search(one["words"]):
        return False
    things = {word for word in words_of(one["words"]) if len(word) >= _LEAST_LETTERS} - _COMMON
    is_alike = bool(things) and is_written_in(language, page)
    return is_alike and not any(_names(things, _near(page, *place)) for place in places)


def for_period(question: str, answer: str, passage: str) -> str:
    """An amount that a passage gives for a day, if the question asks for one for a day, in place of that for an hour in the same
    sentence; others stay."""
    asked = {one["period"].casefold() for one in _ASKED_PERIOD.finditer(question)}
    said = _SAID_RATE.fullmatch(answer)
    if said is None or len(asked) != 1:
        return answer
    sentences = [list(_PRINTED_RATE.finditer(sentence)) for sentence in _BREAK.split(passage)]
    own = [rates for rates in sentences if any(one["amount"] == said["amount"] for one in rates)]
    printed = [(one["amount"], (one["period"] or "").casefold()) for rates in own for one in rates]
    if any(amount == said["amount"] and (not period or period in asked) for amount, period in printed):
        return answer
    amounts = {amount for amount, period in printed if period in asked}
    return amounts.pop() if len(amounts) == 1 else answer


def _around(text: str, start: int, end: int, sign: re.Pattern[str]) -> str:
    """The clause or the sentence that a stretch of a text is in."""
    first = max(0, start - _BEFORE_CHARS)
    begin = max((found.end() for found in sign.finditer(text, first, start)), default=first)
    behind = sign.search(text, end, end + _BEFORE_CHARS)
    return text[begin : behind.start() if behind else end + _BEHIND_CHARS]


def _near(text: str, start: int, end: int) -> str:
    """What stands before an amount, and the rest of its sentence."""
    behind = _BREAK.search(text, end, end + _BEHIND_CHARS)
    return text[max(0, start - _BEFORE_CHARS) : behind.start() if behind else end + _BEHIND_CHARS]


def _names(things: set[str], text: str) -> bool:
    """Whether a text has one of the words, a part of it, or what it may be called."""
    called = things.union(*(same for same in _SAME if same & things))
    words = [word for word in words_of(text) if len(word) >= _LEAST_LETTERS]
    return any(word in other or other in word for word in words for other in called)
