"""What a question names, "the heron" of "When was the heron built?", and the words around it: of asking, verbs, prepositions.

By words alone, in English, and the commonest in German, French and Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reader.answering.text.words import STOP_WORDS

BE = r"(?:is|are|was|were)"
DO = r"(?:do|does|did)"
_VERB = (
    rf"(?:{BE}|{DO}|has|have|had|can|could|may|might|must|shall|should|will|would"
    r"|ist|sind|war|waren|wird|wurden?|werden|hat|haben|hatten?|kann|darf|muss|soll|est|sont|était|ont|es|son|fue)"
)
_PREPOSITIONS = """
    about above after against at before behind below by during for from in of on over since to under until with without between
    through into an auf aus bei für gegen im mit nach seit über um von vom vor wegen zu zum zur à au avec chez dans depuis du de en
    par pendant pour sans sur con desde para por sin
""".split()  # noqa: SIM905 - words are easier to read and to keep than quotation marks
PREPOSITION = rf"(?:out of|{'|'.join(_PREPOSITIONS)})"
ASKING = (
    rf"(?:{PREPOSITION} ){{0,2}}(?:how (?:many|much)(?: (?!{_VERB}\b)[\w'’-]+){{0,3}}|how(?: (?!{_VERB}\b)\w+)?"
    rf"|(?:which|whose|what) (?!{_VERB}\b)[\w'’-]+(?: (?!{_VERB}\b)[\w'’-]+){{0,2}}(?= {_VERB}\b|$)|(?:which|whose) \w+"
    rf"|wie ?viele? (?!{_VERB}\b)\w+|wie (?:lange|oft|viel|hoch|alt|weit|groß|teuer)|welche[nmrs]? \w+"
    rf"|quel(?:le)?s? (?!{_VERB}\b)\w+|combien de \w+"
    r"|who|whom|what|when|where|why|wer|wen|wem|was|wann|wo|wohin|woher|warum|wieso|weshalb|wie|qui|que|quoi|quand|(?:d['’])?où|pourquoi"
    r"|comment|combien|qui[eé]n|qué|cu[aá]ndo|d[oó]nde|c[oó]mo|por qué)\b"
)
QUESTION = re.compile(rf"(?P<asking>{ASKING})(?:,? (?P<rest>.+))?", re.I | re.S)
DETERMINERS = {
    word: kind
    for kind, words in (
        ("the", "the this these those der die das dem den le la les el los las"),
        ("a", "a an another one two three eine ein einen einem einer un une uno una"),
        ("my", "my our your mein meine meinen unser mon ma mes mi mis"),
    )
    for word in words.split()
}
_ADVERBS = """
    here now then still ever today usually already please there later again back else er sie es ihn ihm il elle ils elles
""".split()  # noqa: SIM905 - words are easier to read and to keep than quotation marks
LITTLE = (STOP_WORDS - {"s"}) | {*_PREPOSITIONS, *_ADVERBS, ","} | DETERMINERS.keys()
_PARTICIPLE = re.compile(r"\w*(?:ed|en|wn|ght|ilt|old|eld|ade|one|aid|ept|ung|uck|ing|orn|et|due|open|free)", re.I)
IS_VERB, IS_DO, _IS_BE = (re.compile(words, re.I) for words in (_VERB, DO, BE))
_NO_THING_BEHIND = "i he she it they we you er sie es ich wir il elle so too very not".split()  # noqa: SIM905 - as above
_OWNER = ("’s", "'s")
BY = "(?:(?:by|von|par|por) )?"
PERSON, THING = "who|whom|wer|we[nm]|qui|qui[eé]n", r"(?:which|whose) \w+|what(?: else)?"
ASKS_FOR_ONE = re.compile(f"{BY}(?:{PERSON}|{THING})", re.I)


def named_things(question: str) -> list[tuple[int, int, str]]:
    """Where a question names things, (start, end, kind of determiner), in its order: "the heron" of "When was the heron built?"."""
    found = QUESTION.match(question)
    asking = found["asking"] if found else ""
    words = [word for word in re.finditer(r"[\w'’-]+|,", question) if not found or word.start() > found.end("asking")]
    small = [word[0].casefold() for word in words]
    names_verb = bool(
        found and words and words[0][0].islower() and says_something(small[0])
    )  # "Who proposed the hives?"
    is_of_things = len(asking.split()) > 1 or bool(ASKS_FOR_ONE.fullmatch(asking))
    things: list[tuple[int, int, str]] = []
    number = int(names_verb)
    while number < len(words):
        first, kind, before = number, DETERMINERS.get(small[number], ""), small[number - 1] if number else ""
        while number < len(words) and small[number] in DETERMINERS:
            number += 1
        begin = number
        while number < len(words) and says_something(small[number]):
            number += 1
            if small[number - 1].endswith(_OWNER):
                break
        if (
            number == begin
            or before in _NO_THING_BEHIND
            or (before == "to" and not kind and not words[begin][0][0].isupper())
        ):  # a verb
            number = max(number, first + 1)
            continue
        end = number
        is_behind_verb = bool(IS_VERB.fullmatch(before))
        if is_behind_verb and not (asking.casefold() == "who" and _IS_BE.fullmatch(before)):
            end = _without_verb([word[0] for word in words], begin, number, before)
        is_verb = is_behind_verb and not IS_DO.fullmatch(before) and is_of_things and end < len(words)
        if kind or words[begin][0][0].isupper() or not is_verb:  # not "sleep" of "How many people can sleep on her?"
            last = words[end - 1]
            things.append((words[first].start(), last.end() - 2 * last[0].endswith(_OWNER), kind))
    return things


def says_something(word: str) -> bool:
    """Whether a word in small letters is none of those that stand around things."""
    return word not in LITTLE and not IS_VERB.fullmatch(word)


def _without_verb(words: Sequence[str], begin: int, end: int, auxiliary: str) -> int:
    """Where a thing ends that follows an auxiliary. The verb after it does not belong to it: "the boy" of "did the boy find"."""
    if _IS_BE.fullmatch(auxiliary):
        return end - 1 if end - begin > 1 and _PARTICIPLE.fullmatch(words[end - 1]) else end
    if end - begin > 1:  # a name ends where a small letter follows: "Did Tom find keys?"
        small = next((number for number in range(begin, end) if words[number][0].islower()), end)
        return small if small > begin and IS_DO.fullmatch(auxiliary) else end - 1
    if end + 1 < len(words) and words[end].casefold() in ("in", "of", "with", "for", "at", "on"):
        more = last = end + 1 + (words[end + 1].casefold() in DETERMINERS)
        while last < len(words) and says_something(words[last].casefold()):
            last += 1
        return _without_verb(words[:last], more, last, auxiliary) if last - more > 1 else end
    return end
