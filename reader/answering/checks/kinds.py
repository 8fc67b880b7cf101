"""Answers of another kind than the question asks for: "her daughter" to where somebody lives, "the day after the fair" to who
married her, "1924" to a telephone number, "brackish" to how deep a well is.

Small decoders name what stands beside the words of the question. Of 86,139 answers of people to the questions of data sets two are
taken for such ones. By words alone, in English; telephone numbers in German, French and Spanish, too. It runs no decoder.
"""

from __future__ import annotations

import re

from reader.answering.text.numerals import ANY_NUMERAL

_BEFORE = r"(?:(?:and|but|so) )?"
_ASKED = "the|that|this|an?|one|next|last"
_OWNER = r"(?:his|her|their|my|our|your|the|an?|(?-i:[^\W\d_a-z])[\w-]{0,40}['’]s?)"
_AT = "on|in|at|during|until|after|before|since"
_DAY = rf"(?:(?:{_AT}) )?(?:{_ASKED}) (?:\w{{1,40}} )?(?:day|night|morning|afternoon|evening|week|month|year|hour|moment|time)s?"

_AMOUNTS = (
    rf"{ANY_NUMERAL}|(?:hundred|thousand|million|billion|dozen|pair)s?|half|third|quarter|none|no|nobody|nothing|all|every|each|both|many"
    r"|several|few|some|most|more|less|much|once|twice|couple|an?|majority|only|always|never|often|\w{3,}ly|until|till|since"
    r"|halb\w*|kein\w*|alle|viele?|mehr\w*|eine?[mnrs]?|nur|bis|cents?|mille|demi\w*|aucun\w*|tous|plusieurs|une?|cien\w*|mil|medi[oa]"
    r"|ning\w+|tod[oa]s|muchas?|muchos?|un[oa]?"
)
_EXTENT = "deep|high|tall|wide|thick|old"
_OF_SIZE = (
    rf"{_AMOUNTS}|very|too|so|quite|as|than|like|knee|waist|(?:{_EXTENT})\w*|short|small|low|thin|narrow|inch|teen\w*"
)
_NO_EXTENT = rf"(?!.*\b(?:{_OF_SIZE})\b)\D{{1,80}}"

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
    (re.compile(rf"\W*{_BEFORE}how (?:{_EXTENT})\b", re.I), re.compile(_NO_EXTENT, re.I), re.compile(_NO_EXTENT, re.I)),
)
"""What asks; an answer of another kind; the beginning of one."""

_PLACES = (
    r"in|at|on|near|to|from|into|onto|under|behind|besides?|by|between|among|outside|inside|above|below|over|across|through\w*|along"
    r"|towards?|opposite|a?round|within|off|up|down|here|there|home|\w+where|next|close|far|(?:north|south|east|west)\w*|i[mn]s?|a[mnu]"
    r"|auf|beim?|unter|hinter|neben|vor|zwischen|über|aus|nach|zu[mr]?|hier|dort|à|aux|dans|en|sur|sous|chez|près|derrière|devant|entre"
    r"|vers|ici|là|al|sobre|bajo|cerca|detrás|desde|hacia|aquí|ah?[ií]|all[ií]"
)
_TIMES = (
    r"when|while|after|before|until|till|since|during|as soon|then|once|now|today|yesterday|tomorrow|later|ago|soon|already|always"
    r"|never|first|last|next|at|in|by|on|\w*(?:days?|nights?|noon|mornings?)|evenings?|weeks?|months?|years?|centur\w+|hours?|time|spring"
    r"|summer|autumn|winter|i[mn]s?|a[mnu]|vor|nach|seit|bis|als|wenn|bevor|während|heute|\w*(?:tag|nacht|woche|monat|jahr|uhr)\w*"
    r"|en|après|avant|depuis|pendant|lorsque|jour\w*|mois|ans?|soir|heures?|después|antes|desde|cuando|días?|mes|años?|noche"
)
_SIZE = (
    r"how (?:much|many|old|long|far|tall|high|deep|wide|heavy|big|large|fast|often)|wie ?(?:viele?|alt|lange?|weit|hoch|schwer)"
    r"|combien|cu[aá]nt[oa]s?"
)
_HAS = tuple(
    (re.compile(rf"\W*(?:\w+ )?(?:{asks})\b", re.I), re.compile(rf"\b(?:{says})\b", re.I))
    for asks, says in (
        ("where|wo|où|d[oó]nde", _PLACES),
        ("when|wann|quand|cu[aá]ndo", rf"\d+|{_TIMES}"),
        (_SIZE, rf"\d+|{_AMOUNTS}"),
    )
)
"""What asks; what a sentence has that says it. Of 2,768 sentences with people's answers 73 lack it, of all sentences 30 %."""


def may_say(question: str, sentence: str) -> bool:
    """Whether a sentence may say where, when or how much, if that is asked: it has a word of place or time, or a number."""
    return all(has.search(sentence) for asks, has in _HAS if asks.match(question))


def is_of_another_kind(question: str, answer: str) -> bool:
    """Whether an answer to where is only a relative ("with her aunt" says where), one to who a time, a number to call a year, or
    one to how deep, high or old something is neither a number nor a word of size."""
    return any(asks.match(question) and wrong.fullmatch(answer.strip()) for asks, wrong, _ in _KINDS)


def may_be_of_another_kind(text: str, question: str) -> bool:
    """Whether `is_of_another_kind` may hold of an answer of which this is the beginning."""
    return any(asks.match(question) and begins.fullmatch(text) for asks, _, begins in _KINDS)
