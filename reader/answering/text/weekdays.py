"""The days of the week and the times of day that a text names, such as "Tuesday to Saturday, 10 am to 5 pm, closed on Mondays".

By words alone, in English, German, French and Spanish. It runs no decoder, and does not know what is open at these times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from reader.answering.text.days import MONTHS

HOLIDAY = 7
"""The number of a holiday behind those of the days of the week, which begins with Monday as 0."""

_DAYS = (
    r"mondays?|montags?|lundis?|lunes",
    r"tuesdays?|dienstags?|mardis?|martes",
    r"wednesdays?|mittwochs?|mercredis?|mi[eé]rcoles",
    r"thursdays?|donnerstags?|jeudis?|jueves",
    r"fridays?|freitags?|vendredis?|viernes",
    r"saturdays?|samstags?|sonnabends?|samedis?|s[aá]bados?",
    r"sundays?|sonntags?|dimanches?|domingos?",
    r"(?:bank|public) holidays?|holidays|(?:gesetzlichen )?feiertage?n?s?|jours fériés|(?:días )?festivos",
)
_SHORT = (
    "Mon?|Lun",
    "Tues?|Di",
    "Wed|Mi|Mer|Mi[eé]",
    "Thu(?:rs?)?|Do|Jeu|Jue",
    "Fri?|Ven|Vie",
    "Sat?|Sam|S[aá]b",
    "Sun|So|Dim|Dom",
)
_BEHIND_SHORT = r"(?=\.?\s*(?:[–—:|/&,-]|\d|(?:to|bis|au|a|and|und|et|y)\s+[A-Z]|closed|geschl|ferm|cerr|\Z|\n))"
EVERY_DAY = frozenset(range(7))
_SEVERAL = {
    "daily": EVERY_DAY,
    "week": frozenset(range(5)),
    "weekend": frozenset({5, 6}),
}
_SEASONS = {
    "summer": frozenset({6, 7, 8}),
    "autumn": frozenset({9, 10, 11}),
    "winter": frozenset({12, 1, 2}),
    "spring": frozenset({3, 4, 5}),
}
_TO = r"(?:to|through|thru|until|till|bis|au|à|al?|jusqu['’]à|jusqu['’]au|hasta|[–—-])"
_ANY_MONTH = "|".join(MONTHS)
_DAY_OF_MONTH = r"\d{1,2}(?:st|nd|rd|th|er|\.|º)?\s+(?:of\s+|de\s+)?"
_DATE = rf"{_DAY_OF_MONTH}(?:{_ANY_MONTH})(?:\s+(?:de\s+)?\d{{4}})?"
_TIME = (
    r"(?<![\w.,£$€+])(?P<hour>[01]?\d|2[0-4])(?:[:.hH](?P<minute>[0-5]\d))?"
    r"(?P<unit>\s?(?:(?P<am>a\.?m\b\.?|in the morning\b|morgens\b|vormittags\b|du matin\b|de la mañana\b)"
    r"|(?P<pm>p\.?m\b\.?|in the (?:afternoon|evening)\b|nachmittags\b|abends\b|du soir\b|de l['’]après-midi\b"
    r"|de la (?:tarde|noche)\b)"
    r"|(?:uhr|h|hrs|horas?|heures?|o['’]clock)\b(?:\s(?P<late>nachmittags|abends)\b)?))?(?!\w|[.,:]\d|\s?[%€£$])"
)
_TOKEN = re.compile(
    r"\b(?=\w)(?:"
    rf"(?P<from_month>(?:{_DAY_OF_MONTH})?(?:{_ANY_MONTH}))\s+{_TO}\s+(?P<to_month>(?:{_DAY_OF_MONTH})?(?:{_ANY_MONTH}))\b"
    rf"|(?P<date>(?:\d{{1,2}}(?:st|nd|rd|th|\.)?,?\s+(?:(?:and|und|et|y|[–-])\s+)?)?{_DATE}\b)"
    rf"|(?P<month>{_ANY_MONTH})\b"
    r"|(?:(?P<summer>summer|sommer|été|verano)|(?P<winter>winter|hiver|invierno)|(?P<spring>spring|frühling|frühjahr|printemps"
    r"|primavera)|(?P<autumn>autumn|herbst|automne|otoño))\b"
    r"|(?P<except>except(?: for)?|apart from|other than|but not|außer|ausser|sauf|excepté?o?|salvo|menos)\b"
    r"|(?P<closed>(?:(?:is|are|does|do)n['’]t|not|never|nicht) (?:\w+ )?(?:open|geöffnet|offen)|closed|shut|geschlossen|ruhetag"
    r"|kein betrieb|n['’](?:est|ouvre)(?: ouverte?)? pas(?: ouverte?)?|no (?:abre|está abiert[oa])n?|fermée?s?|cerrad[oa]s?)\b"
    r"|(?P<closing>clos(?:es?|ing)|shuts?|schlie(?:ß|ss)(?:t|en)|ferm(?:e|ent)|cierran?)\b"
    r"|(?P<open>open(?:s|ed|ing)?|geöffnet|offen|öffne[nt]|ouverte?s?|ouvr(?:e|ent)|ouverture|abiert[oa]s?|abren?)\b"
    r"|(?P<daily>daily|(?:every|each) day|seven days a week|täglich|jeden tag|tous les jours|chaque jour|todos los días|cada día"
    r"|a diario)\b"
    r"|(?P<week>(?:every |each )?weekdays?|werktags?|wochentags?|en semaine|días laborables|entre semana)\b"
    r"|(?P<weekend>week-?ends?|wochenenden?s?|(?:fin|fines) de semana)\b"
    rf"|(?P<partly>(?:first|second|third|fourth|last|every other|erste[nr]?|zweite[nr]?|dritte[nr]?|letzte[nr]?|premiers?"
    rf"|deuxième|dernier|primer|segundo|último) )?(?:{'|'.join(f'(?P<day_{number}>{words})' for number, words in enumerate(_DAYS))}"
    rf"|(?-i:{'|'.join(f'(?P<short_{number}>{words})' for number, words in enumerate(_SHORT))}){_BEHIND_SHORT})"
    r"(?P<half>vormittags?|nachmittags?|abends?)?\b"
    r"|(?P<morning>mornings?|matins?|mañanas?|vormittags?|morgens)\b|(?P<evening>evenings?|abends?|soirs?|noches?)\b"
    r"|(?P<afternoon>afternoons?|nachmittags?|après-midis?|tardes?)\b"
    r"|(?P<noon>noon|midday|mittags?|midi|mediodía)\b|(?P<midnight>midnight|mitternacht|minuit|medianoche)\b"
    rf"|{_TIME})",
    re.I,
)
_WORD = re.compile(r"[^\W\d_]+(?:-ends?)?")
_DAY_WORD = re.compile(
    rf"(?:{'|'.join(_DAYS[:HOLIDAY])})(?:vor|nach|abend|\Z)|(?:{'|'.join(_SHORT)})\Z"
    r"|holiday|feiertag|féri|festiv|daily|every|each|week|täglich|jeden|jours?\Z|días?\Z|werktag|wochen|diario|semana",
    re.I,
)
_OPEN_WORD = re.compile(
    r"open|clos|shut|geöffnet|offen|öffne|schlie|geschl|ruhetag|ouv|ferm|abiert|abre|cerr|cierr", re.I
)
_TIME_WORD = re.compile(r"\d|noon|midday|midi|minuit|mitta|mittern|mediod|mediano", re.I)
_RANGE = re.compile(rf"\.?\s*,?\s*{_TO}\s*(?:and\s+including\s+)?(?:le|la|el|las?|den|um|on)?\s*", re.I)
_TIME_RANGE = re.compile(rf"\s*(?:{_TO}|and|und|et|y)\s*(?:at|las?|um|ca\.)?\s*", re.I)
_LIST = re.compile(r"\.?\s*(?:[,/&+]|\b(?:and|und|et|y|or|oder|ou|o)\b)?\s*(?:on|le|les|los|el|am|an|den)?\s*", re.I)
_UNTIL = re.compile(r"\b(?:until|till|up to|bis|jusqu['’]à|hasta)\s+(?:um\s+|las?\s+)?\Z", re.I)
_FROM = re.compile(r"\b(?:from|after|ab|von|à partir de|dès|desde|a partir de|as of)\s+(?:las?\s+)?\Z", re.I)
_AT = re.compile(r"\b(?:at|um|à|a las?)\s+\Z", re.I)
NOON, _DAY_MINUTES = 12 * 60, 24 * 60
_STATES = ("open", "closed", "closing")
_PARTS = {"morning": (8 * 60, 12 * 60), "afternoon": (13 * 60, 18 * 60), "evening": (18 * 60, 22 * 60)}
_HALVES = {"v": "morning", "n": "afternoon", "a": "evening"}

_BEGINNING_CHARS = 40

Span = tuple[int, int]
"""From a minute of the day to another."""
Times = tuple[int | None, int | None]
"""The same; None: not said."""


@dataclass
class Clause:
    """Some days, and whether something is open then, and when."""

    days: set[int] = field(default_factory=set)
    times: list[Times] = field(default_factory=list)
    parts: list[Times] = field(default_factory=list)
    """Mornings, afternoons and evenings."""
    months: frozenset[int] = frozenset()
    """Empty: all of them."""
    is_open: bool = False
    is_closed: bool = False
    is_partly: bool = False
    """Whether only some of the days are meant, such as the first Sunday of the month."""
    begins_with_days: bool = False

    @property
    def asked(self) -> list[Times]:
        """The times that it names, or else the parts of the day."""
        return self.times or self.parts

    def is_followed_by(self, kind: str) -> bool:
        """Whether something of a kind belongs to the next clause."""
        is_said = bool(self.days) and (bool(self.times) or self.is_closed)
        if kind == "days":
            return is_said and self.begins_with_days
        if kind in ("months", "open"):
            return is_said and (kind == "months" or self.is_closed)
        if kind == "closed":
            return bool(self.days) and (bool(self.times) or self.is_open)
        return kind == "times" and is_said and not self.begins_with_days


def clauses(text: str) -> list[Clause]:
    """The clauses of a sentence that name days, times, or that something is closed; none where no clause does."""
    found = [Clause()]
    for kind, value in _items(text):
        if found[-1].is_followed_by(kind):
            found.append(Clause(months=found[-1].months))
        _add(found[-1], kind, value)
    for before, clause in pairwise(found):
        if clause == Clause(months=clause.months):  # on Mondays in January
            before.months = clause.months
        if (
            clause.times and not clause.days and clause.months != before.months
        ):  # daily until 6 pm, in winter until 4 pm
            clause.days = before.days
        if clause.times and clause.times[0][0] is None and not clause.is_closed and before.times:
            clause.times[0] = before.times[0][0], clause.times[0][1]
    return [one for one in found if one.days or one.times or one.is_closed]


def without_times(text: str) -> tuple[str, str]:
    """(the words before *open* or *closed*, or else before the first day or time, those behind that), without days and times."""
    tokens = list(_TOKEN.finditer(text))
    ends = [0, *(token.end() for token in tokens)]
    starts = [*(token.start() for token in tokens), len(text)]
    pieces = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    states = [number for number, token in enumerate(tokens, start=1) if token.lastgroup in _STATES]
    first = states[0] if states else 1
    return " ".join(pieces[:first]), " ".join(pieces[first:])


def may_say_hours(text: str) -> bool:
    """Whether a text names a day, or a figure or noon beside a word such as *open*; in few steps."""
    words = set(_WORD.findall(text.lower()))
    if any(map(_DAY_WORD.match, words)):
        return True
    return bool(_TIME_WORD.search(text)) and any(map(_OPEN_WORD.match, words))


def begins_with_days(text: str) -> bool:
    """Whether a text begins with days, such as a line of a list."""
    token = _TOKEN.search(text[:_BEGINNING_CHARS])
    return token is not None and bool(_days(token)) and not re.search(r"\w{4}", text[: token.start()])


def says_open(text: str) -> bool:
    """Whether a text has a word such as *open*, *closed* or *closes*."""
    return any(token.lastgroup in _STATES for token in _TOKEN.finditer(text))


def months_of(text: str) -> frozenset[int]:
    """The months and seasons that a text names."""
    return frozenset[int]().union(*map(_months, _TOKEN.finditer(text)))


def _add(clause: Clause, kind: str, value: Any) -> None:
    if kind == "days":
        clause.begins_with_days = clause.begins_with_days or not (clause.days or clause.times or clause.is_closed)
        clause.days |= value
    elif kind == "except":
        clause.days -= value
    elif kind == "months":
        clause.months = value
    elif kind == "times":
        start, end = value
        is_end = start is None and clause.times and clause.times[-1][1] is None
        clause.times.append((clause.times.pop()[0] if is_end else start, end))
    elif kind == "part":
        clause.parts.append(_PARTS[value])
    else:
        setattr(clause, f"is_{kind}", True)


def _items(text: str) -> Iterator[tuple[str, Any]]:
    """What a sentence says: (days, set), (except, set), (times, span), (part, name), (months, set), open, closed and partly."""
    tokens = list(_TOKEN.finditer(text))
    days: set[int] = set()
    is_excepted, taken, last_state = False, -1, ""
    for number, token in enumerate(tokens):
        kind = token.lastgroup or ""
        behind = tokens[number + 1] if number + 1 < len(tokens) else None
        gap = text[tokens[number - 1].end() : token.start()] if number else ""
        if named := _days(token):
            if number and tokens[number - 1].lastgroup == "closed" and _UNTIL.search(gap):  # closed until Monday
                continue
            is_excepted = is_excepted and bool(_LIST.fullmatch(gap))
            is_range = bool(days) and days == _days(tokens[number - 1]) and _RANGE.fullmatch(gap)
            days = _from_to(days, named) if is_range else named
            yield ("except" if is_excepted else "days"), days
            yield from _of_days(token)
            continue
        is_excepted = kind == "except"
        last_state = kind if kind in _STATES else last_state
        if kind in ("open", "closed"):
            yield kind, None
        elif kind == "closing" and behind and _days(behind) and not any(map(_is_time, tokens[number:])):
            yield "closed", None
        elif kind in _PARTS:
            yield "part", kind
        elif months := _months(token):
            yield "months", months
        elif _is_time(token) and number != taken:
            if behind and _is_time(behind) and _TIME_RANGE.fullmatch(text[token.end() : behind.start()]):
                taken = number + 1
                if days or _is_marked(token) or _is_marked(behind):
                    yield "times", _span(token, behind)
            elif _is_marked(token) and (side := _side(text[max(0, token.start() - 24) : token.start()], last_state)):
                yield "times", (None, _minutes(token)) if side == "end" else (_minutes(token), None)


def _of_days(token: re.Match[str]) -> Iterator[tuple[str, Any]]:
    if token["partly"]:
        yield "partly", None
    if token["half"]:
        yield "part", _HALVES[token["half"][0].lower()]


def _from_to(first: set[int], last: set[int]) -> set[int]:
    """The days of the week from one to another; the last alone where either is several, or a holiday."""
    if len(first) > 1 or len(last) > 1 or HOLIDAY in first | last:
        return last
    (start,), (end,) = first, last
    return {(start + step) % 7 for step in range((end - start) % 7 + 1)}


def times_asked(text: str) -> list[Span]:
    """The times of day that a question names, each a minute or a part of a day."""
    found: list[Span] = []
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup or ""
        if _is_time(token) and _is_marked(token):
            found.append((_minutes(token), _minutes(token) + 1))
        elif kind in _PARTS:
            found.append(_PARTS[kind])
        elif token["half"]:
            found.append(_PARTS[_HALVES[token["half"][0].lower()]])
    return found


def _days(token: re.Match[str]) -> set[int]:
    several = next((days for name, days in _SEVERAL.items() if token[name]), frozenset[int]())
    shorts = {number for number in range(len(_SHORT)) if token[f"short_{number}"]}
    return {number for number in range(len(_DAYS)) if token[f"day_{number}"]} | shorts | several


def _months(token: re.Match[str]) -> frozenset[int]:
    if token["to_month"]:
        first, last = _month(token["from_month"]), _month(token["to_month"])
        return frozenset((first - 1 + step) % 12 + 1 for step in range((last - first) % 12 + 1))
    named = frozenset({_month(token["month"])}) if token["month"] else frozenset[int]()
    return named or next((months for name, months in _SEASONS.items() if token[name]), named)


def _month(words: str) -> int:
    """The number of the month that some words end with."""
    return MONTHS[words.split()[-1].lower()]


def _is_time(token: re.Match[str]) -> bool:
    return bool(token["hour"] or token["noon"] or token["midnight"])


def _is_marked(token: re.Match[str]) -> bool:
    """Whether a number can only be a time: 9 am, 9:30, 9h30, 9 Uhr."""
    minute = token["minute"] and token.string[token.end("hour")] != "."
    return bool(token["unit"] or minute or token["noon"] or token["midnight"])


def _minutes(token: re.Match[str]) -> int:
    if not token["hour"]:
        return NOON if token["noon"] else _DAY_MINUTES
    hour = int(token["hour"])
    is_late = token["pm"] or token["late"]
    hour += 12 * bool(is_late and hour < 12) - 12 * bool(token["am"] and hour == 12)
    return 60 * hour + int(token["minute"] or 0)


def _span(first: re.Match[str], last: re.Match[str]) -> Times:
    """From one time to another; a half of the day that only one of them names may be the other's, too."""
    start, end = _minutes(first), _minutes(last)
    if last["pm"] and not (first["am"] or first["pm"]) and start + NOON < end:
        start += NOON
    if end <= start and not (last["am"] or last["pm"]) and start < end + NOON and end < NOON:
        end += NOON
    return start, end if end > start else end + _DAY_MINUTES


def _side(led: str, last_state: str) -> str:
    """Whether a single time, led to by these words, is the end or the start of what is open; "": neither."""
    if _UNTIL.search(led):
        return "end"
    if _FROM.search(led):
        return "start"
    return {"open": "start", "closing": "end"}.get(last_state, "") if _AT.search(led) else ""
