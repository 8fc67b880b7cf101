"""Questions that ask several things at once, such as "When was the mill built, and by whom?", or one thing of each of several
documents: cut into their parts, which are then asked one after another.

Small decoders answer one part and leave out the others, or say that the document does not say. By words alone, in English; two
words of asking in front, as in *when and where*, also in German, French and Spanish. What is not understood stays whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reader.answering.attached import AttachedMemory
from reader.answering.extractive.choices import options
from reader.answering.look_again import look_again_tokens
from reader.answering.requests import said_about
from reader.answering.text.words import bare
from reader.answering.wholes import SEVERAL_TEXTS

_MOST_PARTS = 3
_MOST_CHARS = 500

_AUXILIARY = r"(?:is|are|was|were|do|does|did|has|have|had|can|could|may|might|must|shall|should|will|would)(?:n['’]t)?"
_BEFORE = r"(?:(?:about|at|by|during|for|from|in|of|on|over|since|through|to|under|until|with) )?"
_ASKING = (
    rf"{_BEFORE}(?:who|whom|when|where|why|whose \w+|(?:what|which)(?: (?!{_AUXILIARY}\b)\w+){{0,2}}"
    rf"|how(?: (?:many|much)(?: (?!{_AUXILIARY}\b)\w+){{0,2}}| (?!{_AUXILIARY}\b)\w+)?)"
)
_MEASURES = r"(?: (?:long|often|far|much|many|fast|old|tall|high|deep|wide|big|large|heavy))?"
_WORDS = (
    rf"{_BEFORE}(?:who|whom|when|where|why|how{_MEASURES}|(?:what|which)(?: (?:times?|days?|date|year|month|age|price|page))?)"
    r"|wer|wen|wem|wann|wo|wohin|woher|warum|weshalb|wie|wozu|qui|quand|où|comment|pourquoi|cuándo|dónde|cómo|por qué|quién"
)
_AND = r"(?:,? (?:and|&|und|et|y) |, (?:and )?)"
_NEXT = r"(?:,? and |\? (?:and |if (?:so|yes|not),? )?)"
_SUBJECT = r"(?:it|he|she|they|we|you|I|there|this|these|that|those)"
_TWO_WORDS = re.compile(rf"(?P<one>{_WORDS})(?:{_AND}| or )(?!(?P=one))(?P<other>{_WORDS}) (?P<rest>\S.+)", re.I | re.S)
_WORD_BEHIND = re.compile(
    rf"(?P<first>(?:{_ASKING} )?(?P<rest>{_AUXILIARY} \S.*?))(?:{_AND}|{_NEXT})(?P<other>{_WORDS})", re.I | re.S
)
# With a subject asked for, the other clause has none: who wrote it, and why (was it that someone wrote it)?
_SUBJECT_ASKED = re.compile(
    rf"(?P<first>(?P<one>who|what) (?P<rest>(?P<verb>(?<=who )(?:is|are|was|were)|(?!{_AUXILIARY}\b)\w+) \S.*?))(?:{_AND}|{_NEXT})"
    r"(?P<other>why|when|where)",
    re.I | re.S,
)
# "Who was busy and did not care?" asks for one person: a second clause without a word of asking has a subject of its own.
_TWO_CLAUSES = re.compile(
    rf"(?P<one>(?:{_ASKING}|{_AUXILIARY}) \S+ \S.*?){_NEXT}"
    rf"(?P<other>{_ASKING} {_AUXILIARY} \S.+|(?:who \w+|what (?:\w+(?:s|ed)|made|led|came|gave|took)) \S.*"
    rf"|{_AUXILIARY} {_SUBJECT}\b.*|(?<=\? ){_AUXILIARY} \S.+)",
    re.I | re.S,
)
# Whom or what a clause is about, where this is plain.
_ABOUT = re.compile(
    r"(?:who|what)(?: (?:is|are|was|were)|['’]s) (?!(?:this|that|these|those|there)\b)(?P<name>\S+(?: \S+){0,4})"
    rf"|how (?:many|much) (?P<counted>\w+(?: \w+)?) (?:(?:does|did|has|had) (?P<owner>.+?) (?:have|had|get|got)|{_AUXILIARY} .+)",
    re.I,
)
_PRONOUN = re.compile(r"\b(?:(?P<whose>his|its|their)|it|he|she|they|him|them)\b", re.I)
_OF_SEVERAL = ("they", "them", "their")
_FIRST_WORD = re.compile(rf"^{_BEFORE}\S+", re.I)
_CLAUSE_WITHIN = re.compile(r"\b(?:who|whom|whose|what|which|when|where|why|how|whether|if|between|both)\b", re.I)

_THESE = r"(?:these|those|the|our|my|both)(?: (?:two|three|four|five|six|all))?"
_EACH = re.compile(
    rf"\b(?:(?:each|every)(?: one)?(?: of {_THESE})?|(?:all(?: of)?(?: {_THESE})?|these|those|both)(?= {SEVERAL_TEXTS}(?<=s)\b))"
    rf" (?P<texts>{SEVERAL_TEXTS})\b",
    re.I,
)
_SOME_OF = re.compile(rf"\b(?:which|what|who|many|any|one|ones|some|most|none|n?either) of (?:all )?{_THESE}\b", re.I)
_COMPARE = re.compile(
    rf"\W*(?:please )?compare (?:(?:all )?(?:{_THESE} )?{SEVERAL_TEXTS}"
    rf"|(?:the )?(?P<what>(?:(?!\b(?:and|with|to|against)\b).)+?)"
    rf"(?: (?:of|in|across|between|among) (?:all )?{_THESE} {SEVERAL_TEXTS})?)",
    re.I,
)
_VERBS = {"do": "does", "are": "is", "were": "was", "have": "has"}
_VERB = re.compile(rf"\b({'|'.join(_VERBS)})(?= this )", re.I)


@dataclass(frozen=True)
class Part:
    """A part of a question, and what it is asked of."""

    question: str
    attached: AttachedMemory
    number: int | None = None
    """Of the document that it is asked of alone."""

    @property
    def in_sight(self) -> AttachedMemory:
        """The documents that it is asked of."""
        return self.attached if self.number is None else self.attached.each[self.number]


def parts_of(question: str, attached: AttachedMemory, look_again: str | int) -> tuple[Part, ...]:
    """What a question asks of attached documents; the memory alone cannot be asked about one of several."""
    one = asked_of_each(question) if len(attached.sources) > 1 else ""
    if one and look_again_tokens(look_again):
        return tuple(Part(one, attached, number) for number in range(len(attached.sources)))
    return tuple(Part(part, attached) for part in parts(question))


def asked_of_each(question: str) -> str:
    """What a question asks of each document, in words for one of them; "" for one that does not ask each."""
    if found := _COMPARE.fullmatch(bare(question)):
        what = found["what"]
        return f"What {'are' if what.endswith('s') else 'is'} the {what}?" if what else "What is this document about?"
    if said_about(question):
        return _EACH.sub(_this, question)
    if _SOME_OF.search(question) or not _EACH.search(question):
        return ""
    return _VERB.sub(lambda verb: _VERBS[verb[0].casefold()], _EACH.sub(_this, question))


def _this(found: re.Match[str]) -> str:
    texts = found["texts"]
    one = re.sub(r"(?<=[^aeiou])ies$", "y", texts)
    return f"this {one if one != texts else texts.removesuffix('s')}"


def parts(question: str) -> tuple[str, ...]:
    """The questions that a question is made of, as they would be asked one after another; mostly the question alone."""
    if options(question)[1]:
        return (question,)
    found = [question]
    while len(found) < _MOST_PARTS and len(again := _cut(found[-1])) > 1:
        found = [*found[:-1], *again]
    return tuple(found)


def _cut(question: str) -> list[str]:
    """A question, or its first part and the rest."""
    asked = bare(question)
    if len(asked) > _MOST_CHARS:
        return [question]
    if found := _TWO_WORDS.fullmatch(asked):
        return [_as_question(f"{found[word]} {found['rest']}") for word in ("one", "other")]
    if (found := _SUBJECT_ASKED.fullmatch(asked)) and not _CLAUSE_WITHIN.search(found["rest"]):
        is_it = "is it" if found["verb"].endswith("s") and found["verb"] != "was" else "was it"
        someone = "someone" if found["one"].casefold() == "who" else "something"
        return [_as_question(found["first"]), _as_question(f"{found['other']} {is_it} that {someone} {found['rest']}")]
    if found := _WORD_BEHIND.fullmatch(asked):
        if not _CLAUSE_WITHIN.search(found["rest"]):
            return [_as_question(found["first"]), _as_question(f"{found['other']} {_lower(found['rest'])}")]
    elif (found := _TWO_CLAUSES.fullmatch(asked)) and not _CLAUSE_WITHIN.search(_FIRST_WORD.sub("", found["one"])):
        one, other = found["one"] + _shared(found["one"], found["other"]), found["other"]
        return [_as_question(one), _as_question(_named(other, one))]
    return [question]


def _shared(one: str, other: str) -> str:
    """What the end of the second clause says for both: "What are the uses and what are the dangers of mercury?"."""
    _, of, rest = other.partition(" of ")
    is_alike = one.casefold().split()[:2] == other.casefold().split()[:2]
    return f"{of}{rest}" if is_alike and " of " not in one else ""


def _named(other: str, one: str) -> str:
    """The second clause with the name that its pronoun stands for: the decoder does not see the first one."""
    found = _ABOUT.fullmatch(one)
    if found is None or _PRONOUN.search(one):
        return other
    things = found["name"] or f"the {found['counted']}"

    def named(pronoun: re.Match[str]) -> str:
        name = found["owner"] or things if pronoun[0].casefold() not in _OF_SEVERAL else things
        return f"{name}’s" if pronoun["whose"] else name

    return _PRONOUN.sub(named, other)


def _as_question(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}?"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]
