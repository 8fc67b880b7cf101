"""Who somebody's wife, father, friend or servant is, where a sentence names both and says so, without a decoder.

"Helen, wife of Menelaus", "Finn's sister Granua", "Hector went to his wife, Andromache": small decoders name somebody else who
stands near by. "Helen, wife of Menelaus" also says who Helen's husband is. In English; the plainest
sentences of German, French and Spanish as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from reader.answering.checks.names import NAME
from reader.answering.extractive.overview import Overview
from reader.answering.extractive.statements import adds_nothing
from reader.answering.passages import Passage, Source, passage_of, sentences_of
from reader.answering.text.people import is_title
from reader.answering.text.words import STOP_WORDS, bare, mention
from reader.reading import sentences

_WORDS = {
    "wife": "wife|frau|ehefrau|gattin|femme|épouse|esposa|mujer",
    "husband": "husband|mann|ehemann|gatte|mari|époux|esposo|marido",
    "father": "father|vater|père|padre",
    "mother": "mother|mutter|mère|madre",
    "son": "son|sohn|fils|hijo",
    "daughter": "daughter|tochter|fille|hija",
    "brother": "brother|bruder|frère|hermano",
    "sister": "sister|schwester|sœur|hermana",
    "uncle": "uncle|onkel|oncle|tío",
    "aunt": "aunt|tante|tía",
    "nephew": "nephew|neffe|neveu|sobrino",
    "niece": "niece|nichte|nièce|sobrina",
    "cousin": "cousin|cousine|vetter|primo|prima",
    "friend": "friend|freund|freundin|ami|amie|amigo|amiga",
    "comrade": "comrade|companion|gefährte|gefährtin|compagnon|compañero|compañera",
    "servant": "servant|maid|nurse|squire|diener|dienerin|magd|serviteur|servante|criado|criada",
    "master": "master|mistress|herr|herrin|maître|maîtresse|amo|ama",
    "horse": "horse|steed|pferd|cheval|caballo",
    "dog": "dog|hound|hund|chien|perro",
    "ship": "ship|schiff|navire|barco",
}
_OTHER_SIDE = {
    "wife": ("husband",),
    "husband": ("wife",),
    **dict.fromkeys(("father", "mother"), ("son", "daughter")),
    **dict.fromkeys(("son", "daughter"), ("father", "mother")),
    **dict.fromkeys(("brother", "sister"), ("brother", "sister")),
    **dict.fromkeys(("uncle", "aunt"), ("nephew", "niece")),
    **dict.fromkeys(("nephew", "niece"), ("uncle", "aunt")),
    "servant": ("master",),
    "master": ("servant",),
    **{kind: (kind,) for kind in ("cousin", "friend", "comrade")},
}
"""What the other one is then: whose son somebody is, is a father or a mother."""
_SINGLE = ("wife", "husband", "father", "mother", "master")
_OF_WOMEN = ("wife", "mother", "daughter", "sister", "aunt", "niece")
_OF_MEN = ("husband", "father", "son", "brother", "uncle", "nephew")
_TITLE_OF_WOMAN = "queen|princess|lady|mrs|miss|madame|goddess|girl|woman|maiden"
_TITLE_OF_MAN = "king|prince|lord|sir|mr|monsieur|god|boy|man|knight"
_KIND = "|".join(_WORDS.values())
_PREFIXED = rf"(?P<kind>(?:(?:half|step|grand|god|foster)-?)?(?:{_KIND}))"
_ASKED_NAME = r"(?P<of>(?:the )?[^\W\d_][\w.’'-]{0,40}?(?: [^\W\d_][\w.’'-]{0,40}?){0,3})"
_WHO_IS = r"(?:who|what)(?: (?:is|was|were)|['’]s) (?:the names? of )?"
_ASKED = [
    re.compile(pattern, re.I)
    for pattern in (
        rf"{_WHO_IS}{_ASKED_NAME}(?:['’]s|(?<=s)['’]) (?:own |only )?{_PREFIXED}(?: called| named|['’]s name)?",
        rf"{_WHO_IS}the (?:only )?{_PREFIXED} (?:of|to) {_ASKED_NAME}",
        rf"(?:wer (?:ist|war)|wie (?:heißt|hieß)) (?:der|die|das) (?P<kind>{_KIND}) von {_ASKED_NAME}",
        rf"(?:wer (?:ist|war)|wie (?:heißt|hieß)) {_ASKED_NAME}['’]?s (?P<kind>{_KIND})",
        rf"(?:qui (?:est|était)|comment s['’]appel(?:le|ait)) l(?:[ae] |['’])(?P<kind>{_KIND}) d(?:e |['’]){_ASKED_NAME}",
        rf"(?:qui[eé]n (?:es|era|fue)|c[oó]mo se llama(?:ba)?) (?:la|el) (?P<kind>{_KIND}) de {_ASKED_NAME}",
    )
]
_STRESSED = re.compile(r"(?<![\w-])[\w-]*[ʹˈ][\w-]*")
"""A name that shows how it is spoken: An-dromʹa-che."""
_NO_ADJECTIVE = (
    "and|or|but|with|to|for|by|in|of|from|at|on|when|where|while|as|than|if|who|whom|whose|which|that|his|her|not|no"
)
_ADJECTIVES = rf"(?: (?!(?:{_NO_ADJECTIVE})\b)[a-z][\w-]{{1,20}}){{0,2}}"
_ARTICLE = r"(?: (?:the|an?|one of the|der|die|eine?|la|le|une?|el))"
_IS = r"(?:,?(?: who)?(?: (?:is|was|were|became|being|had been|ist|war|est|était|es|era|fue)))"
_BEHIND = rf"(?:(?:,|{_IS})(?: now| then| once)?{_ARTICLE}?|{_ARTICLE})"
_CALLED = (
    r"(?:,|(?:,?(?: who)? (?:is|was|named|called|is called|was called|whose name (?:is|was)|by name|by the name of"
    r"|namens|nommée?|appelée?|llamad[oa]|ist|war|est|était|es|era)))?"
)
_OF = r"(?: and [a-z]+)? (?:of|to|von|de|del|du) (?:the )?(?:[A-Za-z][a-z]+ )??"
_INSIDE = re.compile(r"(?<=[\w,;] )[^\W\d_a-zß-ÿ](?:[\w-]|['’](?!s\b))*[^\W_]")
"""A word with a capital that begins no sentence, without the *s* of an owner."""
_POSSESSIVE = r"(?:his|her|seine?|ihre?|sa|son|su)"
_PLACED = re.compile(r"\b(?:at|in|of|from|near) $")
"""Behind this a name is mostly a place, or of somebody else than *his* stands for."""
_ALSO_SAID = {"wife": "married|wed", "husband": "married|wed"} | dict.fromkeys(
    ("father", "mother", "son", "daughter"), "child|children|boy|girl|baby|infant|parent|born"
)
"""What sentences have that tell of a relation without its word."""
_DETERMINED = re.compile(r"(?:an?|the|his|her|their|one|eine?|der|die|das|une?|l[ae]s?|el) ", re.I)
_MOST_CHARS = 800
_SAID_DIRECTLY, _SAID_OF_BOTH, _SAID_OF_ONE, _SURE = 4, 2, 1, 2


@dataclass(frozen=True)
class _Relation:
    """What a question asks for: the wife of Hector."""

    kind: str
    """The key of its words; with a prefix as asked, such as *half-brother*."""
    name: str

    @property
    def words(self) -> str:
        """A pattern of what a text calls it."""
        return _WORDS.get(self.kind) or re.sub(r"^(half|step|grand|god|foster)-?", r"\1-?", self.kind)

    @property
    def other_words(self) -> str:
        """A pattern of what the other one is then called; matches nothing where that is not known."""
        return "|".join(_WORDS[kind] for kind in _OTHER_SIDE.get(self.kind, ())) or "(?!)"

    @property
    def named(self) -> re.Pattern[str]:
        """What matches any word of the name that is no title."""
        parts = [part for part in self.name.split() if not is_title(part)] or self.name.split()
        return re.compile(rf"\b(?:{'|'.join(map(re.escape, parts))})s?\b")

    def is_other_sex(self, pronoun: str) -> bool:
        """Whether a pronoun cannot stand for the one who is asked for: *his* behind a question for somebody's wife."""
        return (pronoun in ("he", "him", "his") and self.kind in _OF_WOMEN) or (
            pronoun in ("she", "her") and self.kind in _OF_MEN
        )


def relation_asked(question: str) -> _Relation | None:
    """The relation to somebody with a name that a question asks for; None for other questions."""
    asked = bare(question)
    for found in filter(None, (pattern.fullmatch(asked) for pattern in _ASKED)):
        name, kind = found["of"].removeprefix("the "), found["kind"].casefold()
        if any(word[0].isupper() for word in name.split()):
            return _Relation(next((key for key, words in _WORDS.items() if kind in words.split("|")), kind), name)
    return None


def related(question: str, sources: Sequence[Source]) -> Overview | None:
    """Who has the relation that a question asks for, with the sentences that say so; None where none does, or they differ."""
    asked = relation_asked(question)
    if asked is None:
        return None
    text = "\n".join(page.text for source in sources for page in source.read)
    weights: Counter[str] = Counter()
    said: dict[str, list[Passage]] = {}
    for name, weight, passage, is_other_side in _told(asked, sources):
        known = next((other for other in weights if _is_same(other, name)), name)
        if known in weights or _may_be(asked.kind, name, text, is_other_side=is_other_side):
            weights[known] += weight
            said.setdefault(known, []).append(passage)
    sure = [name for name, weight in weights.items() if weight >= _SURE]
    if asked.kind in _SINGLE and sure:
        first, *others = sorted(sure, key=lambda name: -weights[name])
        sure = [] if others and weights[others[0]] == weights[first] else [first]
    passages = dict.fromkeys(passage for name in sure for passage in said[name])
    return Overview(", ".join(sure), tuple(passages)) if sure else None


def is_no_relative(question: str, answer: str, passage: str, page: str) -> bool:
    """Whether an answer to who has a relation to somebody cannot be right: it is they, of the other sex, or has it to another, or
    no two sentences have it with a word of the relation. What is no name must stand in one sentence with these words and the name.

    Args:
        passage, page: what is shown, and the pages that it is of.
    """
    asked = relation_asked(question)
    if asked is None:
        return False
    said, text = _plain(answer), _plain(passage)
    if adds_nothing(said, question) or not _may_be(asked.kind, said, _plain(page)):
        return True
    is_name = any(word[0].isupper() for word in said.split())
    if not is_name and not _DETERMINED.match(said):
        return True
    kinds = "|".join((asked.words, asked.other_words, _ALSO_SAID.get(asked.kind, "(?!)")))
    owner = asked.named.pattern
    needed = [mention(said), re.compile(rf"\b(?:{kinds})s?\b", re.I)]
    needed.append(re.compile(rf"{owner}|\b(?:s?he|him|{_POSSESSIVE}|their|my)\b" if is_name else owner, re.I))
    told = sentences_of(text)
    near = [f"{before} {behind}" for before, behind in pairwise(["", *told])] if is_name else told
    if not any(all(one.search(part) for one in needed) for part in near):
        return True
    inside = {*_INSIDE.findall(text), *asked.name.split(), *said.split()}
    owners = [
        whose
        for one in told
        if len(one) <= _MOST_CHARS
        for who, _, whose, weight in _triples(one, "", _patterns(asked.words), inside)
        if weight == _SAID_DIRECTLY and _is_same(who, said)
    ]
    return bool(owners) and not any(_is_same(whose, asked.name) for whose in owners)


def _told(asked: _Relation, sources: Sequence[Source]) -> Iterator[tuple[str, int, Passage, bool]]:
    """(name, how surely, sentence, whether it tells what the other one is) of those who have a relation."""
    kinds = re.compile(rf"(?<![\w-])(?:{asked.words}|{asked.other_words})(?![\w-])", re.I)
    own, other = re.compile(asked.words, re.I), re.compile(asked.other_words, re.I)
    patterns = _patterns(kinds.pattern)
    for source in sources:
        inside = {word for page in source.read for word in _INSIDE.findall(_plain(page.text))} | set(asked.name.split())
        for page in source.read:
            before = ""
            for start, end in sentences(page.text):
                text = _plain(page.text[start:end])
                is_near = end - start <= _MOST_CHARS and (asked.named.search(text) or asked.named.search(before))
                if is_near and kinds.search(text):
                    for who, kind, whose, weight in _triples(text, before, patterns, inside):
                        if own.fullmatch(kind) and _is_same(whose, asked.name):
                            yield who, weight, passage_of(page, start, end), False
                        if other.fullmatch(kind) and _is_same(who, asked.name):
                            yield whose, weight, passage_of(page, start, end), True
                before = text


def _patterns(kind: str) -> list[re.Pattern[str]]:
    """How sentences say that somebody is what (`kind`) of whom; `his` stands for somebody who is named before."""
    kind = rf"(?P<kind>(?i:{kind}))"
    who, whose = rf"(?P<who>{NAME})", rf"(?P<whose>{NAME})"
    return [
        re.compile(f"(?={pattern})")
        for pattern in (
            rf"{who}{_BEHIND}{_ADJECTIVES} {kind}{_OF}{whose}",
            # "Kilweh, son of Kilydd, cousin to Arthur", but not "Finn, son of Cool, the son of Trenmor"
            rf"{who},? (?:the )?(?P<other>(?i:{_KIND})) of {NAME},{_ARTICLE}?{_ADJECTIVES} (?!(?P=other)){kind}{_OF}{whose}",
            rf"\b{kind}{_OF}{whose}(?:,|{_IS}) {who}",
            rf"{whose}(?<!['’]s)['’]s?{_ADJECTIVES} {kind}{_CALLED} {who}",
            rf"{who}(?: the [\w-]+)?(?:,|{_IS})(?: the)? {whose}['’]s?{_ADJECTIVES} {kind}",
            rf"{whose} (?:and|with) (?:with )?{_POSSESSIVE}{_ADJECTIVES} {kind}{_CALLED} {who}",
            rf"{whose} (?:had|has|hat|hatte|avait|tenía) (?:an?|one|eine?n?|une?|una){_ADJECTIVES} {kind}{_CALLED} {who}",
            rf"\b(?P<his>{_POSSESSIVE}){_ADJECTIVES} {kind}{_CALLED} {who}",
            rf"{who},? (?P<his>{_POSSESSIVE}){_ADJECTIVES} {kind}\b",
            rf"\b(?P<his>s?he) (?:had|has) (?:an?|one){_ADJECTIVES} {kind}{_CALLED} {who}",
        )
    ]


def _triples(
    text: str, before: str, patterns: Sequence[re.Pattern[str]], inside: set[str]
) -> Iterator[tuple[str, str, str, int]]:
    """(who, what, of whom, how surely) as a sentence says it."""
    seen = set[tuple[int, int]]()
    for number, pattern in enumerate(patterns):
        for found in pattern.finditer(text):
            who = _name(found["who"], inside)
            if not who or (number, found.start("kind")) in seen:
                continue
            seen.add((number, found.start("kind")))
            named = found.groupdict()
            if named.get("his") is None:
                if whose := _name(named["whose"], inside):
                    yield who, found["kind"], whose, _SAID_DIRECTLY
                continue
            ahead = text[: min(found.start("his"), found.start("who"))]
            names = list(_names(ahead, inside)) or list(dict.fromkeys(_names(before, inside)))
            owners = dict.fromkeys((names[0], names[-1])) if names else {}
            for owner in owners:
                yield who, found["kind"], owner, _SAID_OF_BOTH if len(owners) == 1 else _SAID_OF_ONE


def _names(text: str, inside: set[str]) -> Iterator[str]:
    found = (one for one in re.finditer(NAME, text) if not _PLACED.search(text, max(0, one.start() - 6), one.start()))
    return filter(None, (_name(one[0], inside) for one in found))


def _name(words: str, inside: set[str]) -> str:
    """A name without the words before it that have their capital from the sentence's beginning; "" where nothing stays."""
    parts = re.sub(r"['’]s?$", "", words).split()
    while parts and not is_title(parts[0]) and (parts[0] not in inside or parts[0].casefold() in STOP_WORDS):
        parts.pop(0)
    return " ".join(parts) if any(not is_title(part) and part[0].isupper() for part in parts) else ""


def _is_same(name: str, other: str) -> bool:
    """Whether two names may be of one person: all words of one are in the other, but for titles."""
    one, two = ({part.casefold().strip(".") for part in words.split() if not is_title(part)} for words in (name, other))
    return bool(one and two) and (one <= two or two <= one)


def _may_be(kind: str, name: str, text: str, *, is_other_side: bool = False) -> bool:
    """Whether somebody may be what is asked for, by what a text calls them: no man a wife. Whose son somebody is said to be is his
    father, if the text does not call them what women are called."""

    def times(kinds: Sequence[str], titles: str, married: str) -> int:
        words, own = "|".join(_WORDS[kind] for kind in kinds), re.escape(name)
        called = rf"(?i:\b(?:{words}|{titles})),? (?i:{own})\b|\b{own},? (?:(?:the|his|her|your) )?(?:{words})\b"
        return len(re.findall(rf"{called}|\b{own}['’]s (?:{_WORDS[married]})\b", text))

    women = times(_OF_WOMEN, _TITLE_OF_WOMAN, "husband") - times(_OF_MEN, _TITLE_OF_MAN, "wife")
    return women <= 0 if kind in _OF_MEN else kind not in _OF_WOMEN or women >= (is_other_side and kind != "wife")


def _plain(text: str) -> str:
    """A text on one line, its names without the marks that show how they are spoken."""
    return _STRESSED.sub(lambda found: re.sub("[ʹˈ-]", "", found[0]), " ".join(text.split()))
