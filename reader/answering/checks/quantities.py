"""Quantities in answers: a unit that cannot be right, a figure that stands nowhere, the unit of a bare number, numbers as printed.

Small decoders take the likeliest number of a passage (600 gallons for a depth), leave out its unit, turn words into figures, make
up years, and count wrong. All of this is seen by words alone, units mostly in English; what is not understood stays as it is. It
runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from reader.answering.passages import Passages
from reader.answering.refusal import says_nothing
from reader.answering.text.numerals import ANY_NUMERAL, NUMERALS, SMALL_NUMBERS, with_space
from reader.answering.text.tables import number_of
from reader.answering.text.words import words_of

# The first unit that fits counts: "miles an hour" before "miles". Pounds may be either.
_UNITS = {
    "speed": r"knots?|mph|km/h|(?:miles|kilomet(?:re|er)s|met(?:re|er)s|feet) (?:an|per) (?:hour|second)",
    "area": r"acres?|hectares?|(?:square|sq\.?)[ -]\w+",
    "volume": r"gallons?|pints?|quarts?|lit(?:re|er)s?|millilit(?:re|er)s?|ml|bushels?|cubic[ -]\w+|barrels?",
    "temperature": r"°[CF]?|degrees (?:celsius|fahrenheit|centigrade)",
    "share": r"%|per ?cent|percentage points?",
    "money": r"pence|penn(?:y|ies)|shillings?|guineas?|sovereigns?|dollars?|cents?|euros?|francs?|florins?|ducats?|yen|yuan|rupees?"
    r"|rou?bles?|pesos?|[£$€¥]",
    "mass_or_money": r"pounds?",
    "mass": r"ounces?|oz|lbs?|hundredweights?|cwt|tons?|tonnes?|g|gram(?:me)?s?|kilogram(?:me)?s?|kilos?|kg|mg",
    "time": r"seconds?|minutes?|hours?|days?|nights?|weeks?|fortnights?|months?|years?|decades?|centur(?:y|ies)"
    r"|sekunden?|minuten?|stunden?|tagen?|nächten?|wochen?|monaten?|jahren?|heures?|jours?|semaines?|mois|ans|années?|minutos?"
    r"|horas?|días?|semanas?|meses|años?|minuti|ore|giorni|settimane|mesi|anni",
    "repetition": r"times(?! (?:as|an?|per|the)\b)",
    "length": r"inch(?:es)?|foot|feet|ft|yards?|miles?|furlongs?|fathoms?|leagues?|(?:milli|centi|kilo)?met(?:re|er)s?|[mck]m"
    r"|light[- ]years?",
}
_NUMBER_WORDS = rf"(?:{ANY_NUMERAL}|hundred|thousand|million|billion|dozen)"
# Bounded, so that a row of numbers does not take the square of its length or more.
_NUMBER = rf"(?:\d[\d,.]{{0,30}}\d|\d|\b{_NUMBER_WORDS}(?:[- ](?:and[- ])?{_NUMBER_WORDS}){{0,8}}\b)"
_QUANTITY = re.compile(
    rf"[£$€¥]\s*\d|(?<!\d)(?<!\d[,.]){_NUMBER}[\s-]*(?:(?:{_NUMBER_WORDS}|and a half|or so)[\s-]+){{0,3}}"
    rf"(?:{'|'.join(f'(?P<{kind}>{unit})' for kind, unit in _UNITS.items())})(?![\w-])",
    re.I,
)
_SMALL_NUMBER = re.compile(
    rf"(?<![\w.,£$€¥-])(?:\d{{1,2}}|{'|'.join(map(with_space, reversed(SMALL_NUMBERS)))})"
    r"(?![\w%]|[.,-]\w)",
    re.I,
)
_BARE_NUMBER = re.compile(rf"[^\w£$€¥]*(?P<number>{_NUMBER})[\s.,;!]*", re.I)

_HEDGE = re.compile(
    r"(?<![\w-])(?:(?:not|no) )?(?:(?:more|less|[a-z]{2,6}er) than|at (?:least|most)|up to|exceeding|a (?:max|min)imum of|nearly"
    r"|almost|about|around|approximately|roughly|over|under|an estimated)\s+$",
    re.I,
)
_MOST_HEDGE_CHARS = 24
_NUMBER_FIRST = re.compile(rf"[£$€¥]?\s*{_NUMBER}", re.I)

_AMOUNT = rf"[£$€¥]?\s?{_NUMBER}(?:\s?[x×](?!\w))?"
_UNIT = rf"(?:[\s-]*(?:{'|'.join(_UNITS.values())})(?![\w-]))?"
_SPAN = re.compile(
    rf"(?<![\w.,£$€¥-])(?P<from>(?:from|between|von|zwischen|entre|de|da|tra)\s+)?(?P<low>{_AMOUNT}){_UNIT}"
    rf"(?:\s*[–-]\s*|\s+(?:(?P<and>and|und|et|y|e)|to|or|bis|oder|à|ou|a|o)\s+)(?P<high>{_AMOUNT})(?!\w|[.,]\d){_UNIT}",
    re.I,
)
"""From one amount to another, or one or another."""
_IS_AMOUNT = re.compile(rf"{_AMOUNT}{_UNIT}|{_SPAN.pattern}", re.I)
_BETWEEN = re.compile(r"between|zwischen|entre|tra", re.I)
_CHANGE = re.compile(
    r"\b(?:r[io]se[sn]?|rising|f[ae]ll\w*|gr[eo]w\w*|increas\w*|decreas\w*|chang\w*|rais\w*|reduc\w*|cut|drop\w*|went|go(?:es|ing)?|expand\w*"
    r"|declin\w*|lower\w*|mov\w*|improv\w*|jump\w*|shr[aiu]nk\w*|stieg\w*|sank|sinkt|erhöh\w*|pass\w*|sub\w+|baj\w+)\b[^.;]*$",
    re.I,
)
"""Behind these words, the two amounts are before and after."""
_ASKS_FOR_AMOUNT = re.compile(
    r"\bhow (?:much|many|long|far|old|tall|high|deep|wide|big|large|heavy|hot|cold|warm|fast|often)\b|\b(?:cost|price|fee)\b"
    r"|\bwie (?:viele?|lange?|hoch|tief|breit|weit|alt|schwer|groß|teuer)\b|\bcombien\b|\bcu[aá]nt[oa]s?\b|\bquant[oaie]\b",
    re.I,
)
_ONE_END = re.compile(
    r"\b(?:least|most|max\w*|min\w*|lowest|highest|cheapest|longest|shortest|lower|upper|first|last|now|original\w*|initial\w*)\b",
    re.I,
)
_FIGURE = re.compile(r"\d(?:(?:[.,'\xa0\u202f ](?=\d{3}(?!\d)))?\d)*")
_MOST_DIGITS = 18
"""Longer ones are no quantities; and Python makes no number of thousands of digits."""

_PRINTED = re.compile(
    r"(?:(?:(?<=[^\W\d_] )|(?<=[:=|] )|(?<=[(|])|\A)[-−](?=[£$€¥]?\d))?[£$€¥]?"
    r"(?:(?<!\d)\d{1,3}(?:[ \xa0\u202f]\d{3})+(?!\d)(?:[.,]\d+)?"
    r"|\d+(?:[.,:'’]\d+)*(?: ?h(?: ?\d\d)?(?!\w)|[/ ]\d{1,2}/\d{1,2}(?!\d)| ?[½¼¾⅓⅔⅛])?)"
)
"""A figure with all that belongs to it: £1,875.50, 48.312, 4 318, 7.3.2, 14.09.1987, 6:05, 19 h 15, 7 1/2, -£3."""
_CURRENCY = re.compile("[£$€¥]")
_BEHIND = re.compile(r"[\s-]?([^\W\d_]+|[%°€$£¥])")
_BELOW = re.compile(r"\b(?:below|under|minus|unter|sous|moins|bajo|menos)\b", re.I)
_YEAR = re.compile(r"1\d{3}|20\d\d")
"""It may be asked for alone."""

_DECIMAL = re.compile(
    r"(?<![\w.,:])(\d{1,4})[.,:](\d\d?)(?!\w|[.,:]\d)(?! (?:thousand|million|billion|trillion|per ?cent))"
)
"""A decimal, a price or a time of day."""
_PART_WORDS = re.compile(r"\b(?:half|halves|quarters?|o'clock)\b", re.I)
_LARGE_NUMBER_WORDS = re.compile(
    r"\b(?:hundreds?|thousands?|millions?|billions?|dozens?|\w*hundert\w*|\w*tausend\w*|million\w*|cents?|mille|cien\w*|mil"
    r"|cent[oi]\w*|honderd|duizend)\b",
    re.I,
)
_CJK_DIGIT = re.compile(r"[〇一二三四五六七八九十百千万億]")
_BEGINNING = re.compile(r"\W*(?:\w+\W+){0,2}(?:\w*|\w*\d.*)", re.S)

_QUESTIONS = [
    (
        {"money"},
        r"how much (?:money|cash)|how much (?:did|do|does|was|were|is|are|has|have|had|will|would|must|should|could)\b.{0,80}?"
        r"\b(?:pay|paid|costs?|spen[dt]|price[ds]?|earn(?:ed)?|charged?|sell|sold|worth|donate[ds]?|owe[ds]?)\b"
        r"|(?:what|how much) (?:is|was|were|are|did|does) .{0,40}\b(?:price|cost|fee|salary|wages?)\b"
        r"|\b(?:was|wie ?viel) kostet\b|\bcombien coûte|\b(?:cuánto|qué) cuesta",
    ),
    ({"length"}, r"how (?:tall|high|deep|wide|broad|thick)\b"),
    ({"length", "time", "share"}, r"how (?:long|far)\b"),  # also "how far into the contract"
    ({"time"}, r"how old\b"),
    ({"mass"}, r"how heavy\b|how much (?:did|does|do) .{1,60}\bweigh"),
    ({"speed", "time", "length"}, r"how fast\b"),
    ({"temperature"}, r"how (?:hot|cold|warm)\b"),
]
_KINDS_ASKED = [(frozenset(kinds), re.compile(pattern, re.I)) for kinds, pattern in _QUESTIONS]
_HOW_MANY = re.compile(
    r"\b(?:(?:how many|wie ?viele|combien de|cu[aá]nt[oa]s|quant[ie]) |combien d['’])(?P<words>[\w'-]+(?: [\w'-]+){0,3})",
    re.I,
)
_NO_COUNT = re.compile(
    r"\b(?:degrees?|times|hundreds?|thousands?|millions?|mal|fois|degrés|veces|grados|volte|gradi)\b", re.I
)
_BEHIND_COUNTED = frozenset("do does did is are was were has have had can could will would must should may".split())  # noqa: SIM905
_COUNT = re.compile(rf"[^\w.]*(\d\d?|{ANY_NUMERAL})(?![\w%]|[.,:/-]\w)", re.I)
_FEW_WORDS = 3
_SAYS_HOW_MANY = re.compile(
    rf"{_NUMBER}|{_CJK_DIGIT.pattern}|\b(?:(?:hundred|thousand|million|billion|dozen|pair|lot|score)s?|half|third|quarter|first|second"
    r"|none|nobody|nothing|no|not|any|all|every\w*|each|both|many|multi\w*|several|few\w*|some|most|majority|more|less|plenty"
    r"|numerous|various|countless|enough|single|sole|only|couple|once|twice|double|triple|zero|an|another|unlimited|infinit\w*"
    r"|unknown|\w)\b",
    re.I,
)
_FIRST_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_FIGURE_IN_WORD = re.compile(r"(\d\d?)(\D+)")
_LIKENESS = 0.75
_DOZEN = 12
_LEAST_COUNT = 3
"""One and two may stand in a text as *a* or *both*."""
_STONES = re.compile(r"\bstones?\b", re.I)
_AREAS_AND_VOLUMES = re.compile(r"\b(?:square|sq|cubic|acres?|hectares?)\b", re.I)


def asks_for(question: str) -> frozenset[str]:
    """The kinds of quantity that can answer a question, such as `length`, or `count`; empty: any answer can."""
    for kinds, pattern in _KINDS_ASKED:
        if pattern.search(question):
            return kinds
    found = _HOW_MANY.search(question)
    if found is None or _NO_COUNT.search(found["words"]):
        return frozenset()
    if _AREAS_AND_VOLUMES.search(found["words"]):
        return frozenset({"area", "volume"})
    kinds = _kinds("".join(f"2 {word}, " for word in found["words"].split()))
    # Stones may be the weight: 11 stone 4 pounds.
    return kinds or frozenset({"count", "share", "mass"} if _STONES.search(found["words"]) else {"count", "share"})


def contradicts(answer: str, kinds: frozenset[str]) -> bool:
    """Whether an answer is a quantity with a unit, and of none of the kinds that its question asks for."""
    found = _kinds(answer) if kinds else frozenset()
    return bool(found) and not found & kinds


def invents(answer: str, known: str) -> bool:
    """Whether an answer has a figure from 100 on, a decimal or a time of day that stands nowhere in the text it was made from.

    Not where that text may say it in words.
    """
    stated = _figures(known)
    if _invents_decimal(answer, known, stated):
        return True

    def stands(figure: int) -> bool:
        # "1914–18" says 1918.
        return figure in stated or (figure % 100 in stated and any(one // 100 == figure // 100 for one in stated))

    missing = [figure for figure in _figures(answer) if figure >= 100 and not stands(figure)]
    if not missing or _CJK_DIGIT.search(known):
        return False
    years = [figure for figure in missing if 1000 <= figure < 2100 and str(figure) in answer]
    return bool(years) or not _LARGE_NUMBER_WORDS.search(known)


def miscounts(answer: str, question: str, known: str) -> bool:
    """Whether an answer to how many begins with a number of 3 to 99 that stands nowhere in the text it was made from, in figures
    or in words. Of 986 answers of people that begin with a number below 100 this holds for three."""
    found = _COUNT.match(answer) if _HOW_MANY.search(question) else None
    if found is None:
        return False
    said = found[1].casefold()
    number = int(said) if said.isdecimal() else NUMERALS[said]
    words = [with_space(word) for word, value in NUMERALS.items() if value == number]
    stands = re.search(rf"(?<!\d){number}(?!\d)|(?<!\w)(?:{'|'.join(words)})(?!\w)", known, re.I) or (
        number == _DOZEN and "dozen" in known.casefold()
    )
    return number >= _LEAST_COUNT and not stands and not _CJK_DIGIT.search(known)


def is_no_count(answer: str, question: str) -> bool:
    """Whether an answer of three words or less to how many, in English, has neither a number nor a word such as *several*. Of 1,438
    answers of people this holds for six, four of which are no count."""
    found = _HOW_MANY.search(question)
    if found is None or not found[0].lower().startswith("how") or _NO_COUNT.search(found["words"]):
        return False
    return 0 < len(answer.split()) <= _FEW_WORDS and not _SAYS_HOW_MANY.search(answer)


def count_asked(question: str, answer: str, cells: Sequence[tuple[str, str]], passages: Passages) -> str:
    """The number that tables have of what a question asks the number of, such as *articles* in "How many news articles did they
    use?", for an answer that is another number, or has none, such as "a large number"; "" where they have none, or several.

    Args:
        cells: (name of the column, value) of the rows that the question names.
        passages: their rows of two cells count for answers without a number.
    """
    found = None if says_nothing(answer) else _HOW_MANY.search(question)
    if found is None:
        return ""
    words = found["words"].split()
    noun = words[max(0, next((number for number, word in enumerate(words) if word in _BEHIND_COUNTED), 1) - 1)]
    if NUMERALS.keys() & set(words_of(answer)) or re.search(r"\d", answer) or _LARGE_NUMBER_WORDS.search(answer):
        return number_of(noun, cells) if len(answer.split()) < _FEW_WORDS else ""
    return number_of(noun, cells) or number_of(noun, passages.pairs)


def as_spelt(answer: str, question: str, passage: str) -> str:
    """An answer to how many whose first word is no word of the passage but nearly a number there: *siebzehn* for "sixzehn". To any
    question, one that begins with a figure and the rest of a number's word: *achtzehn* for "8zehn"."""
    found = _FIRST_WORD.match(answer)
    words = {word.casefold() for word in _FIRST_WORD.findall(passage)}
    said = found[0].casefold() if found else ""
    figure = _FIGURE_IN_WORD.fullmatch(said)
    is_known = said in words or said in NUMERALS or said.isdecimal()
    if found is None or is_known or not (figure or _HOW_MANY.search(question)):
        return answer
    forms = [f"{word}{figure[2]}" for word, value in NUMERALS.items() if value == int(figure[1])] if figure else [said]
    numbers = words & NUMERALS.keys()
    near = [form for form in forms if form in numbers]
    near = near or [one for form in forms for one in get_close_matches(form, numbers, 1, _LIKENESS)]
    return near[0] + answer[found.end() :] if near else answer


def may_begin_with_figure(text: str) -> bool:
    """Whether one of the first three words of an answer, of which this is the beginning, has a digit, or may still get one."""
    return _BEGINNING.fullmatch(text) is not None


def as_printed(answer: str, passage: str) -> str:
    """An answer whose numbers below 100 are in figures or words as a passage has them: decoders turn one into the other."""

    def stands(number: str) -> re.Match[str] | None:
        return re.search(rf"(?<![\w.,-]){number}(?!\w|[.,]\d)", passage, re.I)

    def printed(found: re.Match[str]) -> str:
        said = found[0]
        if stands(re.escape(said)):
            return said
        if not said.isdecimal():
            others = [str(SMALL_NUMBERS.index(said.casefold().replace(" ", "-")))]
        else:
            others = [with_space(word) for word, value in NUMERALS.items() if value == int(said)]
        return next((there[0] for there in map(stands, others) if there), said)

    return _SMALL_NUMBER.sub(printed, answer)


def with_whole_figures(answer: str, question: str, passage: str, said: str) -> str:
    """An answer with the figures of a passage in place of those that are a part of one, and stand nowhere alone, or lack the
    currency that stands before them everywhere: "£8.50" for "£8" or "8.50".

    Args:
        said: the question and the turns before it, whose figures stay.
    """
    is_below = _BELOW.search(f"{question} {answer}")
    places = [one for one in _PRINTED.finditer(passage) if not (is_below and one[0][0] in "-−")]
    asked = {_plain(found[0]) for found in _PRINTED.finditer(said)}
    if _HOW_MANY.search(question):
        asked |= {"1", "2"}

    def whole(part: re.Match[str]) -> str:
        plain = _plain(part[0])
        alone = [one for one in places if _plain(one[0]) == plain]
        lacks_currency = not _CURRENCY.search(part[0]) and all(_is_alike(part, one) for one in alone)
        if plain in asked or not (lacks_currency if alone else not _YEAR.fullmatch(plain)):
            return part[0]
        wholes = alone or [one for one in places if _is_part(plain, _plain(one[0])) and _is_alike(part, one)]
        printed = {one[0] for one in wholes}
        return printed.pop() if len(printed) == 1 else part[0]

    return _PRINTED.sub(whole, answer)


def _plain(figure: str) -> str:
    return _CURRENCY.sub("", figure).replace("−", "-")


def _is_part(part: str, figure: str) -> bool:
    """Whether a part ends a figure's beginning at a sign or in its decimals, or begins its end behind a sign."""
    if figure.startswith(part):
        return not figure[len(part)].isdecimal() or not part.isdecimal()
    return figure.endswith(part) and not figure[-len(part) - 1].isdecimal()


def _is_alike(one: re.Match[str], other: re.Match[str]) -> bool:
    """Whether two figures have the same currency before them or the same unit behind, or the first has none of both."""
    sign, unit = _CURRENCY.search(one[0]), _BEHIND.match(one.string, one.end())
    is_same_unit = (
        unit and (behind := _BEHIND.match(other.string, other.end())) and unit[1].casefold() == behind[1].casefold()
    )
    return bool(is_same_unit) or (sign[0] in other[0] if sign else not unit)


def with_unit(answer: str, passage: str) -> str:
    """A bare number with what follows it in a passage up to the end of its unit: "nine feet" for "nine". Other answers stay.

    Also where the number stands in several places, and not always with this unit.
    """
    bare = _BARE_NUMBER.fullmatch(answer)
    if bare is None:
        return answer
    number = re.compile(rf"(?<![\w.,]){re.escape(bare['number'])}(?!\w|[.,]\d)", re.I)
    places = [(place, _QUANTITY.match(passage, place.start())) for place in number.finditer(passage)]
    units = {passage[place.end() : found.end()] if found else "" for place, found in places}
    end = bare.end("number")
    return answer[:end] + units.pop() + answer[end:] if len(units) == 1 else answer


def with_span(answer: str, question: str, passage: str) -> str:
    """An answer that is one end of a span, or both ends in other words, as the whole span in a passage: "between £12 and £18" for
    "£12". Others stay, also where the end stands elsewhere, too.
    """
    said = answer.strip().rstrip(".")
    if not _ASKS_FOR_AMOUNT.search(question) or _ONE_END.search(question) or not _IS_AMOUNT.fullmatch(said):
        return answer
    spans = [found for found in _SPAN.finditer(passage) if _is_span(found)]
    ends = re.compile(rf"(?<![\w.,£$€¥-]){re.escape(said)}(?!\w|[.,]\d)", re.I)
    whole = {
        next((span[0] for span in spans if span.start() <= one.start() and one.end() <= span.end()), "")
        for one in ends.finditer(passage)
    }
    if not whole:  # "12 and 15 euros" for "between 12 and 15 euros", "6 hours" for "6 to 8 hours"
        numbers, unit = [one.strip() for one in re.findall(_AMOUNT, said, re.I)], said.split()[-1]
        wholes = [span for span in spans if span[0].endswith(unit)]
        whole = {one[0] for one in wholes if numbers in ([one["low"], one["high"]], [one["low"]])}
    return " ".join(whole.pop().split()) if len(whole) == 1 and "" not in whole else answer


def _is_span(found: re.Match[str]) -> bool:
    """Whether two amounts are a span, and no pair, no score, and not what something was before and after."""
    if found["and"] and not _BETWEEN.match(found["from"] or ""):
        return False
    low, high = map(_value, (found["low"], found["high"]))
    rises = low is None or high is None or low < high
    return rises and not _CHANGE.search(found.string[max(0, found.start() - 80) : found.start()])


def _value(amount: str) -> float | None:
    """The number of an amount in figures or in one word."""
    plain = amount.strip("£$€¥x× \n").casefold()
    digits = plain.replace(",", "")
    return (
        float(digits) if re.fullmatch(r"\d+(?:\.\d+)?", digits) and len(digits) <= _MOST_DIGITS else NUMERALS.get(plain)
    )


def with_hedge(answer: str, passage: str) -> str:
    """An answer that begins with a number, with the "nearly" or "at least" before it wherever a passage has it. Others stay."""
    if not _NUMBER_FIRST.match(answer):
        return answer
    said = re.compile(rf"(?<![\w.,£$€¥-]){re.escape(answer.rstrip('. '))}(?!\w|[.,]\d)", re.I)
    before = [
        _HEDGE.search(passage[: place.start()], max(0, place.start() - _MOST_HEDGE_CHARS))
        for place in said.finditer(passage)
    ]
    hedges = {found[0] if found else "" for found in before}
    return hedges.pop() + answer if len(hedges) == 1 else answer


def _kinds(text: str) -> frozenset[str]:
    found = (next((kind for kind in _UNITS if one[kind]), "money") for one in _QUANTITY.finditer(text))
    return frozenset(kind for kinds in found for kind in kinds.split("_or_"))


def _invents_decimal(answer: str, known: str, stated: set[int]) -> bool:
    """As `invents`; 8:00 stands where 8 does."""
    decimals = {(int(before), behind.rstrip("0")) for before, behind in _DECIMAL.findall(known)}
    missing = [
        SMALL_NUMBERS[int(behind)]
        for before, behind in _DECIMAL.findall(answer)
        if (int(before), behind.rstrip("0")) not in decimals and (behind.strip("0") or int(before) not in stated)
    ]
    in_words = _PART_WORDS.search(known) or _CJK_DIGIT.search(known)
    return any(words not in known.casefold() for words in missing) and not in_words


def _figures(text: str) -> set[int]:
    digits = (re.sub(r"\D", "", found[0]) for found in _FIGURE.finditer(text))
    return {int(one) for one in digits if len(one) <= _MOST_DIGITS}
