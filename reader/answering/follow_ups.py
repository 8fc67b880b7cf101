"""Questions that lean on the turn before, as "And on Sundays?" and "When was she built?" do, written out so that they stand alone.

Decoders see a passage and the question, not the conversation. By words alone: most in English, the shortest ones also in German,
French and Spanish. A question that stands alone stays as it is, and so does what is not understood. It runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reader.answering.extractive.relations import relation_asked
from reader.answering.refusal import says_nothing
from reader.answering.requests import searched, understand
from reader.answering.text.pronouns import french_pronoun, with_name
from reader.answering.text.things import (
    ASKING,
    ASKS_FOR_ONE,
    BE,
    BY,
    DETERMINERS,
    DO,
    IS_DO,
    IS_VERB,
    LITTLE,
    PERSON,
    PREPOSITION,
    QUESTION,
    THING,
    named_things,
    says_something,
)
from reader.answering.text.words import bare
from reader.answering.turns import MOST_TURNS, asks_again, asks_for_words, is_aside, quote

_MOST_CHARS = 200
"""Of a question, and of one that it leans on."""
_SAID_WORDS = 5
"""An answer of so many words at most may be what a pronoun stands for."""
_DETAILS = ("detail", "person", "role", "thing")
_FRAGMENT_WORDS, _ASKING_WORDS = 7, 2
"""Words in the place of others, and a word of asking with its noun, have so many at most."""

_Turn = tuple[str, str]
"""A question, and its answer."""
_BEFORE = re.compile(rf"\b(?:{PREPOSITION} )+", re.I)
_IS_SHORT = re.compile(r"\b(wh(?:at|o|ere|en)|how)['’]s\b", re.I)
_AND = r"(?:(?:ok|okay)\b[, ]+)?(?:and|but|und|aber|et|mais|y|pero)\b[, ]+"
_ABOUT = re.compile(
    rf"(?:(?:{_AND})?(?:(?:what|how) about|what of|was ist mit|wie (?:ist es|sieht es) (?:mit|bei)|qu['’]en est-il de|qué tal)\b"
    r"|(?:(?:no|nein|non)\b[, ]*)?(?:i (?:meant?|was asking about)|ich mein(?:t)?e|je (?:veux|voulais) dire|me refer[ií]a? a)\b"
    rf"|{_AND})[, ]*",
    re.I,
)
_CLAUSE_ASKED = re.compile(
    rf"(?P<asking>{ASKING})(?:(?:(?<=when)|(?<=why)) {BE} (?:that|it|this)| war das|(?<=how) come|(?P<negated> (?:not|nicht|pas))"
    r"|(?: so)?(?: (?:more|less|fewer|many|much|few|little|high|low|long|late|early|expensive|cheap))?)?"
    rf"(?P<more> {PREPOSITION} [\w'’-]+(?: [\w'’-]+)?)?",
    re.I,
)
_ORDINALS = [
    ("first|erste[nrs]?|premi(?:er|ère)|primer[oa]?", 0),
    ("second|zweite[nrs]?|deuxième|seconde|segund[oa]", 1),
    ("third|dritte[nrs]?|troisième|tercer[oa]?", 2),
    ("fourth|vierte[nrs]?|quatrième|cuart[oa]", 3),
    ("last|letzte[nrs]?|derni(?:er|ère)|[uú]ltim[oa]", -1),
]
_ORDINAL = "|".join([*(words for words, _ in _ORDINALS), "next|other|andere[nrs]?|autre|otr[oa]"])
_ONE = re.compile(
    rf"\b(?P<which>(?:(?:the|this|that|der|die|das|den|dem|le|la|el) |l['’])(?:{_ORDINAL})(?= ones?\b|$)"
    r"|(?:the (?!(?:only|number|no)\b)\w+|this|that|which)(?= ones?\b))(?: ones?(?! (?:who|that|which|of|to)\b))?",
    re.I,
)
"""A thing that is named by its order or its kind alone: "the second", "the newest one"."""
_KINDS = [
    re.compile(rf"\b(?:{words})\b", re.I)
    for words in (
        _ORDINAL,
        r"(?:1[5-9]|20)\d\d",
        r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag)s?"
        r"|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|weekdays?|weekends?",
        "january|february|march|april|may|june|july|august|september|october|november|december",
        r"\d+(?:[.,]\d+)*",
    )
]
"""What takes the place of a word of its own kind: ordinals, years, weekdays, months, numbers."""
_PRONOUN = re.compile(
    r"\b(?:(?P<whose>his|its|their|her(?= (?!(?:at|in|on|to|for|with|by|and|or|do|as|from|when|then|now)\b)\w))"
    r"|he|she|it|they|him|her|them)\b",
    re.I,
)
_OF_PEOPLE = re.compile(r"\b(?:he|she|his|him|her)\b", re.I)
_OWNED = re.compile(r"(?:his|her|its|their|sein|seine|ihre?|sa|son|ses|sus?|leurs?) ", re.I)
_WHO_IS = re.compile(r"who (?:is|was) ", re.I)
_OF_SEVERAL = re.compile(r"they|them|their", re.I)
_SEVERAL = re.compile(r"(?<!s)s$|\band\b|\bund\b|\bet\b|\bmen$|\bwomen$|\bpeople$|\bchildren$", re.I)
_YES_OR_NO = re.compile(r"yes|no|ja|nein|oui|non|s[ií]", re.I)
_NO_VERB = re.compile(rf"(?:{ASKING} )?(?:{DO}|has|have|had|can|could|may|must|should|will|would) \w+", re.I)
_THIS = (["that"], ["this"], ["it"])
_MEASURE = re.compile(r"an? (?:minute|hour|day|night|week|month|year|visit|person)|each|every", re.I)
_THAT = re.compile(rf"(?P<before>(?:how much|how \w+|what|where|who) {BE} )(?:that|this)", re.I)
_POINTS_BACK = re.compile(r"\b(?:that|this|these|those|there)(?: (?:too|either|as well|then|now))?$", re.I)
_CONJUNCTION = re.compile(r"\b(?:that|when|while|because|after|before|if|how) (?:he|she|it|they)\b", re.I)
_NAMES_NOTHING = re.compile(
    r"\bit(?:['’]s\b| (?:possible|allowed|necessary|true|likely|rain|snow)s?\b| (?:\w+ ){1,4}(?:that|to|if|when|for)\b)"
    r"|\bhow long (?:does|did|will|would|can) it take\b|\b(?:is|was) it (?:that|to|\w+ to)\b|\bit been since\b|\btime is it\b",
    re.I,
)
_ASKS_PERSON = re.compile(f"{BY}(?:{PERSON})", re.I)
_ASKS_WHO = re.compile(rf"{BY}(?:{PERSON}|which \w+)", re.I)
_ASKS_WHAT = re.compile(f"{BY}(?:{THING})", re.I)
_COUNTED = re.compile(r"how many (?P<things>\w+)", re.I)
_WHY = re.compile("(?:and |but |und |et )?(?:why|warum|pourquoi)", re.I)
_COUNTS = re.compile(r"\b(?:more|less|fewer|total|altogether|sum|difference|together)\b", re.I)


def written_out(question: str, earlier: Sequence[_Turn]) -> tuple[str, Sequence[_Turn]]:
    """A question with the words of the (question, answer) turns before it that it leans on, and all these turns where it leans on
    them in a way that is not understood."""
    topic: list[_Turn] = []
    for turn, said in earlier[-MOST_TURNS:]:
        if not is_aside(turn):
            written = _written_out(turn, topic)
            if written == turn and not _leans(turn):
                topic = []
            if written != turn or not topic or _says_much(turn):
                topic.append((written, said))
    written = _written_out(question, topic)
    return written, earlier if written == question and _leans(question) else ()


def _leans(question: str) -> bool:
    """Whether a question says too little by itself."""
    own = bare(question)
    if (
        len(own) > _MOST_CHARS
        or searched(question, [("", "")]) == question
        or understand(question).kind not in _DETAILS
    ):
        return False
    if (
        _open_pronoun(own)
        or _POINTS_BACK.search(own)
        or _asks_to_count(own)
        or _open_one(own)
        or not (named_things(own) or _PRONOUN.search(own))
    ):
        return True
    begins = _ABOUT.match(own)
    return begins is not None and _is_fragment(own[begins.end() :], is_sure=True)


def _says_much(question: str) -> bool:
    """Whether a question that is not understood may be what the next one leans on."""
    own = bare(question).casefold()
    is_said = any(map(says_something, own.split())) and not _asks_to_count(own) and not _ABOUT.match(own)
    return is_said or not _leans(question)


def _written_out(question: str, topic: Sequence[_Turn]) -> str:
    """A question with the words of the turns since the last question that stands alone."""
    if not topic or max(len(question), len(topic[-1][0])) > _MOST_CHARS:
        return question
    turns = [(_plain(asked), "" if says_nothing(answer) else bare(answer)) for asked, answer in topic]
    own, (before, answer) = _plain(question), turns[-1]
    if not before or not own:
        return question
    said = _short(answer)
    if asks_again(own):
        return topic[-1][0]
    if asks_for_words(own):
        return quote(before, answer[:_MOST_CHARS])
    if _asks_to_count(own):
        return question
    begins = _ABOUT.match(own)
    rest = own[begins.end() :] if begins else own
    if (
        not french_pronoun(rest)
        and (found := _CLAUSE_ASKED.fullmatch(rest))
        and len(_BEFORE.sub("", found["asking"]).split()) <= _ASKING_WORDS
    ):
        if found["negated"]:
            things = [thing[1] for thing in named_things(before)] or [len(" ".join(before.split()[:2]))]
            before = f"{before[: things[0]]}{found['negated']}{before[things[0] :]}"
        written = _clause(found["asking"], before, said, found["more"] or "")
    elif _is_fragment(rest, is_sure=begins is not None):
        words = rest if _ONE.fullmatch(rest) else _named(rest, turns)
        who = _WHO_IS.match(before) if _OWNED.match(rest) and words != rest else None
        written = f"{who[0]}{words}" if who else "" if _OWNED.match(rest) else _put_in(turns, words)
    else:
        written = _named(rest, turns) if QUESTION.match(rest) or IS_VERB.match(rest) or french_pronoun(rest) else own
        if written == own or (written == rest and not named_things(rest)):
            return question
    return f"{written}?" if written else question


def _is_fragment(words: str, *, is_sure: bool) -> bool:
    """Whether words are no question but what is put in the place of others, as in "in 2019"."""
    own = words.casefold().split()
    if len(own) > _FRAGMENT_WORDS or any(map(IS_VERB.fullmatch, own)) or re.search(rf"(?<!\w){ASKING}", words, re.I):
        return False
    if not any(map(says_something, own)) and own[1:] not in _THIS and not _ONE.fullmatch(words):
        return False
    return is_sure or bool(re.match(rf"{PREPOSITION} ", words, re.I))


def _plain(question: str) -> str:
    return _IS_SHORT.sub(r"\1 is", bare(question))


def _short(answer: str) -> str:
    """An answer that may be what a pronoun stands for; "" for others."""
    return "" if len(answer.split()) > _SAID_WORDS or _YES_OR_NO.fullmatch(answer) else answer


def _clause(asking: str, before: str, said: str, more: str) -> str:
    """What a word of asking alone asks of the question before it: "when", of "Why was she sold?"."""
    found = QUESTION.fullmatch(before)
    if found is None:
        return f"{asking} {before[0].lower()}{before[1:]}" if IS_VERB.match(before) else ""
    if not found["rest"] or found["asking"].casefold() == asking.casefold():
        return ""
    verb, _, others = found["rest"].partition(" ")
    if verb.casefold().startswith("happen"):
        return ""
    is_aux = bool(IS_VERB.fullmatch(verb))
    is_subject = _ASKS_WHO.fullmatch(found["asking"]) or (ASKS_FOR_ONE.fullmatch(found["asking"]) and not is_aux)
    if is_subject and not IS_DO.fullmatch(verb):
        if not said:
            return ""
        if is_aux:
            return f"{asking} {verb} {said} {others}"
        return (
            f"{asking} {said} {verb} {others}"
            if found["asking"][:1] in "Qq"
            else f"{asking} was it that {said} {verb} {others}"
        )
    counted = _COUNTED.match(before)
    said = f"{said} {counted['things']}" if said and counted else said
    return f"{asking} {found['rest']}{more}" + (f", {said}" if said and _WHY.fullmatch(asking) else "")


def _put_in(turns: Sequence[_Turn], words: str) -> str:
    """A question with other words in the place of those of their kind: years, the same preposition, a thing like them."""
    before = turns[-1][0]
    for kind in _KINDS:
        is_alone = not any(map(says_something, kind.sub("", words).casefold().split()))
        if is_alone and (own := kind.search(words)):
            *_, other = [None, *kind.finditer(before)]
            if other:
                return before[: other.start()] + own[0] + before[other.end() :]
            if not _ONE.fullmatch(words):
                return f"{before} {words}"
    if one := _ONE.fullmatch(words):  # "the newest one"
        noun, is_asked = _noun(turns)
        if is_asked or not noun:
            return noun and f"which is {one['which']} {noun}"
        words = f"{one['which']} {noun}"
    own_words = words.split()
    # "Part time" in the place of "full time".
    same_end = rf"(?: [\w'’-]+){{{len(own_words) - 1}}} {re.escape(own_words[-1])}\b"
    if (
        len(own_words) > 1
        and says_something(own_words[-1].casefold())
        and (shared := re.search(same_end, before, re.I))
        and not any(map(IS_VERB.fullmatch, shared[0].split()))
    ):
        return f"{before[: shared.start()]} {words}{before[shared.end() :]}"
    if found := re.match(rf"(?P<preposition>{PREPOSITION}) (?P<what>.+)", words, re.I):
        if [found["what"].casefold()] in _THIS:
            *_, last = [None, *re.finditer(rf"\b{PREPOSITION}\b", before, re.I)]
            return before[: last.start()] + found["preposition"] + before[last.end() :] if last else ""
        same = re.search(
            rf"(?<= ){re.escape(found['preposition'])} .+?(?=,| (?:{PREPOSITION}|and|und|et|y) |$)", before, re.I
        )
        return before[: same.start()] + words + before[same.end() :] if same else f"{before} {words}"
    determiner, words = DETERMINERS.get(own_words[0].casefold(), ""), re.sub(r"['’]s$", "", words)
    things = [
        one for one in named_things(before) if not any(kind.fullmatch(before[one[0] : one[1]]) for kind in _KINDS)
    ]
    if not things and (
        counted := _COUNTED.match(before)
    ):  # "And hoverflies?" behind "How many bees were there in 2019?"
        return before[: counted.start("things")] + words + before[counted.end("things") :]
    alike = [thing for thing in things if thing[2] == determiner] or things
    return before[: alike[0][0]] + words + before[alike[0][1] :] if alike else ""


def _noun(turns: Sequence[_Turn]) -> tuple[str, bool]:
    """The noun that "one" stands for, and whether the last question asks for it: "beach" behind "Which beach is deep?"."""
    for before, _ in reversed(turns):
        found = QUESTION.match(before)
        if found and found["asking"].casefold() == "who":
            return "person", False
        if (
            found
            and (
                asked := re.fullmatch(
                    rf"(?!how|wie|combien|{PREPOSITION} )\w+ (?P<noun>[\w'’-]+)", found["asking"], re.I
                )
            )
            and asked["noun"].casefold() not in LITTLE
        ):
            return asked["noun"], before == turns[-1][0]
        for start, end, kind in named_things(before):
            if kind:
                return before[start:end].split()[-1], False
    return "", False


def _named(question: str, turns: Sequence[_Turn]) -> str:
    """A question with what its pronouns stand for, where it does not name that itself."""
    if found := _THAT.fullmatch(question):
        thing = _meant(turns, "it")
        return f"{found['before']}{thing}" if thing else question
    if understand(question).kind not in _DETAILS:
        return question
    if one := _open_one(question):
        noun, _ = _noun(turns)
        listed = (_item(one["which"], turns[: number + 1]) for number in reversed(range(len(turns))))
        thing = next(filter(None, listed), noun and f"{one['which']} {noun}")
        question = f"{question[: one.start()]}{thing}{question[one.end() :]}" if thing else question
    if french := _open_french_pronoun(question):
        thing = _meant(turns, "she" if french["her"] else "he")
        return with_name(french, thing) if thing else question
    found = _open_pronoun(question)
    if found is None or not (thing := _meant(turns, found[0].casefold())):
        return question
    written = f"{thing}’s" if found["whose"] else thing
    return question[: found.start()] + written + question[found.end() :]


def _open_pronoun(question: str) -> re.Match[str] | None:
    """The pronoun of a question that does not name itself what it stands for."""
    found, asked = _PRONOUN.search(question), QUESTION.match(question)
    if (
        found is None
        or _NO_VERB.fullmatch(question)
        or named_things(question[: found.start()])
        or _NAMES_NOTHING.search(question)
    ):
        return None
    is_subject = asked and _ASKS_WHO.fullmatch(asked["asking"]) and not IS_VERB.match(asked["rest"] or "")
    is_of_it = found["whose"] and asked and re.match(r"(?:which|what) \w", asked["asking"], re.I)
    is_own = is_subject and (found["whose"] or _CONJUNCTION.search(question))
    # "Which king was known for his castles?", "Who returned to his castle?", "Who said that she would come?"
    return None if is_of_it or is_own else found


def _open_french_pronoun(question: str) -> re.Match[str] | None:
    """The pronoun of a French question that does not name itself what it stands for."""
    found, asked = french_pronoun(question), QUESTION.match(question)
    if found is None or named_things(question[: found.start()]):
        return None
    is_own = (
        asked and found["whose"] and _ASKS_WHO.fullmatch(asked["asking"]) and not IS_VERB.match(asked["rest"] or "")
    )
    return None if is_own else found


def _open_one(question: str) -> re.Match[str] | None:
    """What a question names by "one", where it does not say itself what that is."""
    found = _ONE.search(question)
    is_open = found and " one" in found[0] and not any(kind for *_, kind in named_things(question[: found.start()]))
    return found if is_open else None


def _asks_to_count(question: str) -> bool:
    return bool(_COUNTS.search(question)) and not _WHY.match(question) and len(question.split()) < _FRAGMENT_WORDS


def _item(which: str, turns: Sequence[_Turn]) -> str:
    """The item of the last answer, if that is a list: "plot 17" for "the second" of "4, 17 and 22"."""
    items = re.split("(?:,? (?:and|und|et|y) |, )", turns[-1][1])
    number = next((number for words, number in _ORDINALS if re.search(rf"\b(?:{words})$", which, re.I)), None)
    if number is None or not number < len(items) > 1 or any(len(item.split()) > _SAID_WORDS for item in items):
        return ""
    item = items[number]
    return f"{_noun(turns)[0].removesuffix('s')} {item}" if item.isdigit() else item


def _meant(turns: Sequence[_Turn], pronoun: str) -> str:
    """What a pronoun stands for behind questions and their answers, the newest last."""
    found = (thing for before, answer in reversed(turns) if (thing := _meant_in(before, _short(answer), pronoun)))
    return next(found, "")


def _meant_in(before: str, said: str, pronoun: str) -> str:
    """What a pronoun stands for behind a question and its answer: a short answer that is no figure, or what was asked about."""
    of_people, of_several = _OF_PEOPLE.fullmatch(pronoun), _OF_SEVERAL.fullmatch(pronoun)
    same = re.search(_OF_PEOPLE.pattern if of_people else rf"\b{pronoun}\b", before, re.I)
    if same and not named_things(before[: same.start()]):
        return ""
    found = QUESTION.fullmatch(before)
    asking = found["asking"] if found else ""
    if (relation := relation_asked(before)) and relation.is_other_sex(pronoun):
        return relation.name  # "And his son?" behind "Who was Hector's wife?"
    if of_people and (asked := understand(before)).kind == "person" and not re.search("['’]", asked.words):
        return asked.words  # "And his wife?" behind "Who was Hector?", "a son of Priam"
    asks = _ASKS_WHO if of_people else ASKS_FOR_ONE if of_several else _ASKS_WHAT
    is_asked = asks.fullmatch(asking) and not re.search(rf"\b{PREPOSITION}$", before, re.I)
    if is_asked and said and not any(sign.isdigit() for sign in said) and (not of_several or _SEVERAL.search(said)):
        return said
    asks_for_person = not of_people and not of_several and _ASKS_PERSON.fullmatch(asking)
    is_joined = not of_several and pronoun not in ("his", "her", "its") and not asks_for_person
    things: list[str] = []
    for start, end, _ in named_things(before):
        if is_joined and things and before[:start].endswith(f"{things[-1]} of "):  # "the battle of Hest"
            start = before.rindex(things.pop(), 0, start)
        if not _MEASURE.match(before[start:end]):
            things.append(before[start:end])
    if of_several:
        counted = _COUNTED.match(before)
        things = [thing for thing in things if _SEVERAL.search(thing)][-1:] or (
            [f"the {counted['things']}"] if counted else []
        )
    elif not of_people:
        if asks_for_person and re.match(rf"\w+ {BE} ", before, re.I):  # "Who is the head of Ashby?"
            things = things[1:]
        behind = rf"\b{PREPOSITION} "
        things = ([thing for thing in things if not re.search(behind + re.escape(thing), before, re.I)] or things)[-1:]
    return things[0] if things else ""
