"""Questions about the turns of a conversation: what was asked first, what the last figures make together, which is more,
where it says so.

By words alone, in English, German and French, the shortest ones also in Spanish. It knows nothing of documents and runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reader.answering.requests import searched, understand
from reader.answering.text.values import Value, decimal_sign, printed_like, value, values_said
from reader.answering.text.words import bare

_MOST_CHARS = 200
"""Of a question, and of an answer with a figure."""
MOST_TURNS = 6
"""So many turns at most are looked at behind one another."""
_ASKED = re.compile(
    r"what (?:did i ask|(?:was|is) my)(?: (?:you|at|first|last|previous|just|before|now|very|question))+"
    r"|was (?:habe ich|war meine)(?: (?:dich|sie|zuerst|als|erstes|erste|zuletzt|letzte|eben|gefragt|frage))+"
    r"|(?:qu['’]ai-je demandé|quelle était ma)(?: (?:en|d['’]abord|premier|première|dernier|dernière|question))+",
    re.I,
)
_SURE = re.compile(
    r"(?:are you (?:really )?(?:sure|certain)|is (?:that|this|it) (?:really )?(?:right|correct|true|so))(?: (?:about|of) that)?"
    r"|really|(?:bist du|sind sie) (?:dir |sich )?sicher|stimmt das|wirklich|(?:tu es|vous êtes|êtes-vous|es-tu) s[uû]re?|vraiment"
    r"|est[áa]s? segur[oa]|de verdad",
    re.I,
)
_QUOTES = re.compile(
    r"(?:where|in which \w+|on (?:which|what) page) (?:(?:does|do|did) (?:it|the \w+|they) (?:say|state|write|mention)"
    r"|(?:do|did) you (?:get|find|read|have)) (?:so|that|this)"
    r"|where (?:is|was) (?:that|this|it) (?:said|written|stated)"
    r"|(?:can you |please )?(?:quote|say|put) (?:it|that|this)(?: again)?(?: (?:in|as) (?:\w+ ){0,2}(?:sentences?|words?))?"
    r"|(?:und )?wo steht das|où est-ce (?:écrit|dit)|dónde (?:lo )?dice(?: eso)?|sag(?:e|en sie)? das in einem satz",
    re.I,
)
_QUOTE = "Quote the sentence that says"
_FIRST = re.compile(r"first|erst|premi|abord", re.I)
_SUM, _TOTAL, _DIFFERENCE, _THAT, _COUNTING = (
    set(words.split())
    for words in (
        "altogether together combined both zusammen ensemble deux juntos",
        "total sum insgesamt summe tout suma",
        "difference more less fewer unterschied mehr weniger différence plus moins diferencia más menos",
        "that this it these those das ça c eso",
        """
        a all and at be by come cost costs do does how in is it make makes many much s so that the then these this those to was what
        would das ist kostet macht sind um und viel wie wieviel au c ça combien coûte coûtent de en est et fait font la le les
        quelle cuánto cuánta es son y
        """,
    )
)
"""Words of questions for what the last answers make together, and for their difference."""
_COMPARED = {
    ("money", True): "more expensive|dearer|costs? more|teurer|plus ch[eè]re?|coûte plus cher",
    ("money", False): "cheaper|less expensive|costs? less|billiger|günstiger|moins ch[eè]re?",
    ("length", True): "taller|deeper|wider|tiefer|breiter|plus (?:haute?|profonde?|large)",
    ("length", False): "plus basse?",
    ("length time", True): "longer|länger|plus longue?",
    ("length time", False): "shorter|kürzer|plus courte?",
    ("mass", True): "heavier|schwerer|plus lourde?",
    ("mass", False): "lighter|leichter|moins lourde?",
    ("", True): "bigger|larger|higher|more|größer|höher|mehr|plus (?:grande?|élevée?)",
    ("", False): "smaller|lower|less|fewer|kleiner|niedriger|weniger|plus petite?|moins élevée?",
}
"""Which dimension, and whether the larger one, a question asks for; of any dimension last."""
_WHICH = re.compile(
    r"(?:(?:and|und|et) )?(?:which|welche[rs]?|l(?:e|a|es)quel(?:le)?s?)"
    r"(?: one|(?: of| von)?(?: the| these| those| der| den)? (?:two|both|them|beiden)(?: [\w-]+)?| des deux)?"
    r"(?: (?:is|was|are|ist|war|est|était|kostete?|coûtait|coûte))?(?: (?:the|der|die|das|le|la))? (?P<how>(?:\w+ )?\w+)",
    re.I,
)


def is_aside(question: str) -> bool:
    """Whether a turn is nothing that a later question leans on: a greeting, thanks, or a question about the turns themselves."""
    is_about_turns = (
        _ASKED.fullmatch(bare(question)) or asks_for_words(question) or _sign(question) or _comparison(question)
    )
    return bool(is_about_turns) or understand(question).kind in ("hello", "thanks")


def asks_again(question: str) -> bool:
    """Whether a question asks the one before it again, as "Are you sure?" does."""
    return bool(_SURE.fullmatch(bare(question)))


def asks_for_words(question: str) -> bool:
    """Whether a question asks for the words of the document that the answer before it is made of."""
    return bool(_QUOTES.fullmatch(bare(question)))


def quote(question: str, answer: str) -> str:
    """A request for the words of the document that answer a question so."""
    return f"{_QUOTE} {question}, {answer}?"


def quoted(question: str) -> str:
    """The question whose answer's words such a request asks for; "" for others."""
    return question.removeprefix(_QUOTE).partition(", ")[0].strip() if question.startswith(_QUOTE) else ""


def out_of_turns(question: str, earlier: Sequence[tuple[str, str]]) -> str:
    """The answer that the (question, answer) turns before a question give to it; "" where they give none."""
    turns = [turn for turn in earlier if not is_aside(turn[0])]
    if turns and _ASKED.fullmatch(bare(question)):
        return f"“{turns[0 if _FIRST.search(question) else -1][0]}”"
    sign, compared = _sign(question), _comparison(question)
    if not sign and not compared:
        return ""
    turns = turns[-MOST_TURNS:]
    decimal = decimal_sign(answer for _, answer in turns)
    figures: list[tuple[Value, str]] = []
    for turn, answer in reversed(turns):
        figure = _figure(answer, decimal)
        if figure is not None and (not figures or figure.dimension == figures[0][0].dimension):
            figures.insert(0, (figure, turn))
        # A sum is of all answers since the last question that stands alone.
        if len(figures) > 1 and (sign != "+" or searched(turn, [("", "")]) == turn):
            break
    if len(figures) < 2:
        return ""
    if sign != "+":
        figures.sort(key=lambda one: -one[0].size)
    values = [one for one, _ in figures]
    if compared:
        dimensions, is_larger = compared
        is_meant = not dimensions or values[0].dimension.partition(" ")[0] in dimensions.split()
        ordered, relation = (figures, ">") if is_larger else (figures[::-1], "<")
        said = f" {relation} ".join(f"{one.printed} (“{turn}”)" for one, turn in ordered)
        return said if is_meant and values[0].size > values[1].size else ""
    first, *others = [one.number for one in values]
    result = printed_like(first + sum(others) if sign == "+" else first - sum(others), values, decimal)
    return f"{result} ({f' {sign} '.join(one.printed for one in values)})" if result else ""


def _comparison(question: str) -> tuple[str, bool] | None:
    """The dimension in which a question compares the last two answers, and whether it asks for the larger one; None for others."""
    found = _WHICH.fullmatch(bare(question)) if len(question) <= _MOST_CHARS else None
    return next(
        (asked for asked, words in _COMPARED.items() if found and re.fullmatch(words, found["how"], re.I)), None
    )


def _sign(question: str) -> str:
    """The sign of what a question asks to be worked out; "" for all other questions."""
    words = set(re.findall(r"\w+", question[: _MOST_CHARS + 1].casefold()))
    # "What is the total?" may be a total of the document.
    is_sum, is_difference = bool(words & _SUM or (words & _TOTAL and words & _THAT)), bool(words & _DIFFERENCE)
    known = _SUM | _TOTAL | _DIFFERENCE | _THAT | _COUNTING
    if len(question) > _MOST_CHARS or is_sum == is_difference or not words <= known:
        return ""
    return "+" if is_sum else "−"


def _figure(answer: str, decimal: str) -> Value | None:
    """The only figure of an answer."""
    said = bare(answer)
    found = [one for *_, one in values_said(said, decimal)] if len(said) <= _MOST_CHARS else []
    return found[0] if len(found) == 1 else None if found else value(said, decimal)
