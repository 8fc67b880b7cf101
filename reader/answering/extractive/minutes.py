"""Who voted for what, who was there, and who said what, by the words of minutes and interviews, without a decoder.

Votes and attendance stand in lines such as "Against: Belling, Fenn." and "Present: …"; in an interview each turn begins with its
speaker. Small decoders give one name of several, or that of somebody else near by. In English, German, French and Spanish.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from reader.answering.extractive.overview import Overview
from reader.answering.passages import Passage, Source, passage_of, sentences_of
from reader.answering.refusal import NOT_SAID
from reader.answering.text.numerals import ANY_NUMERAL
from reader.answering.text.outline import sections
from reader.answering.text.records import has_alike, stems
from reader.answering.text.things import DETERMINERS
from reader.answering.text.words import bare, mention, subject_words, words_of
from storage import PageRecord

_SIDES = {
    "for": (
        r"for|in favou?r(?: of)?|dafür|für|pour|a favor(?: de)?",
        r"for|in favou?r(?: of [\w ]{1,30})?|yes|ayes?|dafür|ja|pour|a favor",
    ),
    "against": (
        r"against|dagegen|gegen|contre|en contra(?: de)?",
        r"against|noes|dagegen|nein|contre|en contra",
    ),
    "abstained": (
        r"abstain(?:ed)?(?: from voting)?|enthielt sich|enthielten sich|sich enthalten|abstenue?s?|abstuv(?:o|ieron)",
        r"abstain(?:ed|ing)|abstentions?|enthaltung(?:en)?|abstenci(?:ón|ones)",
    ),
}
"""How a question, and how a line of minutes, calls each side of a vote."""
_VOTED = re.compile(
    r"(?:and )?(?:(?P<many>how many|wie viele|combien|cuánt[oa]s)|who|wer|qui|quién(?:es)?)"
    r"(?: (?:voted|vote|hat|haben|stimmten?|war(?:en)?|a|ont|voté|votó|votaron|se|s['’]est|has|have)|(?= s['’]est)){0,2}"
    rf" (?:s['’]est )?(?:{'|'.join(f'(?P<{side}>{asked})' for side, (asked, _) in _SIDES.items())})(?: gestimmt)?(?P<about> .+)?",
    re.I,
)
_NAME = r"(?<![\w'’-])(?:(?:M|Mr|Mrs|Ms|Dr|Sr|Sra|Cllr)\. )?[^\W\d_a-zß-ÿ][\w'’-]{1,30}(?: [^\W\d_a-zß-ÿ][\w'’.-]{1,30}){0,3}"
_NAMES = rf"{_NAME}(?:(?:,| and|, and| und| et| y|, et) {_NAME}){{0,12}}"
_VOTES = {
    "for": r"(?:voted|stimmten?|(?:a|ont) voté|votó|votaron) (?:for|in favou?r|dafür|für|pour|a favor)\b",
    "against": r"(?:voted|stimmten?|(?:a|ont) voté|votó|votaron) (?:against|dagegen|gegen|contre|en contra)\b",
    "abstained": r"(?:abstained|enthielt(?:en)? sich|s['’]est abstenue?|se sont abstenu[es]*|se abstuv(?:o|ieron))\b",
}
_COUNT = rf"\b(?P<said>\d{{1,4}}|eine[rs]?|one|une?|un[oa]|{ANY_NUMERAL})"
_COUNTED = {
    "for": r"(?:dafür|in favou?r|a favor)",
    "against": r"(?:dagegen|against|contre|en contra)",
    "abstained": r"abstentions?",
}
_A_VOTE = re.compile(r"\b(?:vot(?:ed?|es|é|ó|aron)|(?:ab)?(?:ge)?stimm\w+|abst\w+|enthielt\w*|enthalt\w+)\b", re.I)
_PRESENCE = {
    "absent": (
        r"(?:was|were) (?:absent|missing)|(?:sent|gave|made) (?:his |her |their )?apologies|was excused|could not (?:come|attend)"
        r"|did not attend|fehlte|war (?:abwesend|entschuldigt)|(?:est|était) (?:absente?|excusée?)|(?:estuvo|está) ausente",
        r"apologies(?: for absence)?|absent|excused|entschuldigt|abwesend|es fehlten|excusée?s?|absente?s?|ausentes?|excusad[oa]s?",
    ),
    "present": (
        r"(?:was|were) present|attended|took part|was there|war anwesend|waren anwesend|nahm(?:en)? teil"
        r"|(?:est|était|sont|étaient) présente?s?|(?:estuvo|estuvieron) presentes?|asisti(?:ó|eron)",
        r"present|attendees|anwesend|teilnehmer|présente?s?|presentes|asistentes",
    ),
    "chair": (
        r"chaired|was in the chair|took the chair|presided|führte den vorsitz|hatte den vorsitz|(?:a )?présid(?:ait|é)|presidió",
        r"in the chair|chair(?:man|woman|person)?|vorsitz|présidence|présidente?|preside|presidencia",
    ),
}
"""How a question asks who was there, and what a line begins with that says so."""
_ATTENDED = re.compile(
    rf"(?:and )?(?:who|wer|qui|quién(?:es)?) (?:{'|'.join(f'(?P<{what}>{asked})' for what, (asked, _) in _PRESENCE.items())})"
    r"(?: (?:at |in )?(?:the |der |die |à la |la )?(?:meeting|sitzung|séance|reunión|it))?",
    re.I,
)
_LABEL = r"(?<![\w,])(?:{labels})(?: (?:were|was) (?:received|sent|given))?(?: from(?= )|\**\s?:)\**\s*"
_NAMES_END = re.compile(r"\.?\s*(?:\n|\Z)|\.\s+\W{0,3}[^\W\d_a-zß-ÿ][\w ]{2,25}\s?:|\. (?=[A-ZÀ-Ý][a-zß-ÿ]+ [a-zß-ÿ]+)")
_PRESENT = re.compile(_LABEL.format(labels=_PRESENCE["present"][1]), re.I)
_CHAIRS = re.compile(
    rf"(?P<name>(?-i:{_NAME})),? \((?:in the )?(?:chair(?:man|woman|person)?|vorsitz|présidente?|president[ea])\)",
    re.I,
)
_TITLES = re.compile(
    r"\b(?:councillors?|cllrs?|mrs?|ms|mme|dr|herr|frau|monsieur|madame|señora?|sra?|don|doña|the|m)\b\.?", re.I
)
_SAYS = re.compile(
    r"(?:and )?(?:what (?:did|does|do) (?P<en>.{2,50}?) (?:say|think|tell|answer|reply|suggest)(?: (?:us|to this))?"
    r"|was (?:sagte?|meinte?|denkt|antwortete?) (?P<de>.{2,50}?)|qu['’](?:a dit|en pense|a répondu) (?P<fr>.{2,50}?)"
    r"|qué (?:dijo|dice|opina|piensa|respondió) (?P<es>.{2,50}?)) "
    r"(?:about|of|on|regarding|über|zu[mr]?|von|sur|de|à propos de|sobre|acerca de) (?P<about>.{2,80})",
    re.I,
)
_WHO_SAID = re.compile(
    r"(?:and )?(?:who (?:said|says|wrote)|wer (?:sagte|sagt|hat gesagt)|qui (?:a dit|dit)|quién (?:dijo|dice)),?:? (?:that |dass )?"
    r"[\"“„«‘'] ?(?P<quote>.{8,300}?)[.?!]* ?[\"”“»’']",
    re.I | re.S,
)
_TURN = re.compile(
    r"^[ \t*_]{0,4}(?P<who>[^\W\d_a-zß-ÿ][\w.'’-]{0,30}(?: [^\W\d_a-zß-ÿ][\w.'’-]{0,30}){0,3})[ \t*_]{0,3}:[ \t*_]{0,3}(?=\S)",
    re.M,
)
_MOST_CHARS, _MOST_TURN_CHARS = 300, 700


class _Turn(NamedTuple):
    who: str
    page: PageRecord
    start: int
    end: int

    @property
    def said(self) -> str:
        """What is said, without who says it."""
        return " ".join(self.page.text[self.start : self.end].split())

    @property
    def place(self) -> Passage:
        return passage_of(self.page, self.start, self.end)


def in_minutes(question: str, sources: Sequence[Source]) -> Overview | None:
    """Who voted, who was there or who said something; None where a question asks something else, or the text is no such one."""
    asked = bare(question)
    if len(asked) > _MOST_CHARS or len(sources) != 1 or not sources[0].is_read:
        return None
    source = sources[0]
    if found := _VOTED.fullmatch(asked):
        side = next(side for side in _SIDES if found[side])
        return _voted(side, _words(found["about"] or "", asked), source, is_count=bool(found["many"]))
    if found := _ATTENDED.fullmatch(asked):
        return _attended(next(what for what in _PRESENCE if found[what]), source)
    if found := _WHO_SAID.fullmatch(question.strip(" ?¿.")):
        return _speaker(found["quote"], list(_turns(source)))
    if found := _SAYS.fullmatch(asked):
        who = next(found[part] for part in ("en", "de", "fr", "es") if found[part])
        return _said(who, _words(found["about"], asked), list(_turns(source)))
    return None


def _words(about: str, question: str) -> frozenset[str]:
    """The words of a part of a question that say what it is about."""
    return (stems(about) & stems(" ".join(subject_words(question)))) - DETERMINERS.keys()


def _voted(side: str, words: frozenset[str], source: Source, *, is_count: bool) -> Overview | None:
    """Who voted so, or how many, in the sections that have all words of what was voted on. The document does not say who if these
    give a number alone, or if minutes name nobody."""
    line = re.compile(
        rf"(?:(?<![\w,] )(?<!\w)(?:{_SIDES[side][1]})\**\s?: ?\**|\b(?:{_SIDES[side][1]}) \()(?P<said>(?-i:{_NAMES}))",
        re.I,
    )
    sentence = re.compile(rf"(?P<said>(?-i:{_NAMES})) (?:hat |haben )?{_VOTES[side]}", re.I)
    count = re.compile(rf"{_COUNT}(?: [^\W\d_]+)?,? (?:{_VOTES[side]}|{_COUNTED[side]}(?=[,.;:)]|\Z))", re.I)
    found: dict[str, Passage] = {}
    is_counted = False
    for page, start, end in _items(source):
        text = page.text[start:end]
        if has_alike(words, stems(text)):
            counts = list(count.finditer(text))
            is_counted = is_counted or bool(counts and _A_VOTE.search(text))
            for one in counts if is_count else (*line.finditer(text), *sentence.finditer(text)):
                found.setdefault(one["said"], passage_of(page, start + one.start(), start + one.end()))
    if len(found) == 1:
        ((said, place),) = found.items()
        return Overview(" ".join(said.split()), (place,))
    is_minutes = any(_PRESENT.search(page.text) for page in source.pages)
    return Overview(NOT_SAID, ()) if (is_minutes or is_counted) and not (found or is_count) else None


def _items(source: Source) -> list[tuple[PageRecord, int, int]]:
    """The sections of a document, or its pages, each as (page, start, end) within that page."""
    return [
        (page, max(0, section.start_char - page.start_char), min(section.end_char, page.end_char) - page.start_char)
        for section in sections(source)
        for page in section.pages
    ] or [(page, 0, len(page.text)) for page in source.pages]


def _attended(what: str, source: Source) -> Overview | None:
    """Whom the line of a document names that says who was there, or who was not."""
    label = re.compile(_LABEL.format(labels=_PRESENCE[what][1]), re.I)
    for page in source.pages:
        if what == "chair" and (found := _CHAIRS.search(page.text)):
            return Overview(found["name"].removeprefix("Councillors "), (passage_of(page, *found.span()),))
        if found := label.search(page.text):
            end = _NAMES_END.search(page.text, found.end())
            until = end.start() if end else len(page.text)
            names = " ".join(page.text[found.end() : until].split()).strip(" *")
            if names[:1].isupper():
                return Overview(names, (passage_of(page, found.start(), until),))
    return None


def _turns(source: Source) -> Iterator[_Turn]:
    """What each speaker says in an interview or a play: nothing in a text without at least two who speak twice."""
    found: list[_Turn] = []
    for page in source.pages:
        starts = list(_TURN.finditer(page.text))
        for one, following in zip_longest(starts, starts[1:]):
            last = following.start() if following else len(page.text)
            end = page.text.find("\n\n", one.end(), last)
            end = last if end < 0 else end
            found.append(_Turn(one["who"].strip(), page, one.end(), end))
    uses = Counter(turn.who for turn in found)
    if sum(times > 1 for times in uses.values()) > 1:
        yield from (turn for turn in found if uses[turn.who] > 1)


def _said(who: str, words: frozenset[str], turns: Sequence[_Turn]) -> Overview | None:
    """What a speaker says about something: the turn with all words, best behind another one with them; no questions."""
    name = words_of(_TITLES.sub(" ", who))
    if not name or not words:
        return None
    own = [at for at, turn in enumerate(turns) if name[-1] in words_of(turn.who)]
    said = {at: [one for one in sentences_of(turns[at].said) if not one.rstrip().endswith("?")] for at in own}

    def has_all(*texts: str) -> bool:
        return has_alike(words, stems(" ".join(texts)))

    fits = {at: 2 * has_all(*said[at]) + (at > 0 and has_all(turns[at - 1].said)) for at in own if said[at]}
    if not any(fits.values()):
        return Overview(NOT_SAID, ()) if own and has_all(*(turn.said for turn in turns)) else None
    at = max(fits, key=lambda at: fits[at])
    return Overview(" ".join(said[at]), (turns[at].place,)) if len(turns[at].said) <= _MOST_TURN_CHARS else None


def _speaker(quote: str, turns: Sequence[_Turn]) -> Overview | None:
    """Who says some words in an interview."""
    words = mention(quote)
    spoken = next((turn for turn in turns if words.search(turn.said)), None)
    return Overview(spoken.who, (spoken.place,)) if spoken else None
