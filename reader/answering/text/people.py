"""Who a document names most often, without a decoder.

A name is a word that the document nearly always writes with a capital. It is a person's name if a verb such as *said* follows it
or a title comes before it, and a place's if *in* or *along the* often comes before it. English, French and Spanish verbs and
titles are known; in other languages no people are found. Two names count as one person only if they share a word.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from reader.answering.text.definitions import definitions

NAMED = 6
"""The most people that are named."""

_LEAST_TIMES = 3
_PLACE_SHARE, _PERSON_SHARE, _SMALL_SHARE, _INSIDE_SHARE = 0.2, 0.06, 0.3, 0.05
_TITLED_SHARE, _FULL_SHARE, _PART_SHARE = 0.4, 0.02, 0.5
_THE_SHARE, _LIVING_SHARE, _LEAST_SEVERAL, _THE_LEAST_LIVING = 0.5, 0.02, 2, 3

_TITLES = frozenset(
    """
    Mr Mrs Ms Miss Dr Sir Lady Lord Madame Monsieur Mademoiselle Mme Mlle Captain Colonel Major General Lieutenant Sergeant
    Professor Doctor Father Mother Brother Sister Uncle Aunt Count Countess Baron Baroness Prince Princess King Queen Duke Duchess
    Inspector Judge Master Mistress Squire Don Doña Señor Señora Señorita Senor Senora Senorita Saint
    """.split()  # noqa: SIM905 - words are easier to read and to keep than quotation marks
)
# A name has an end: in a text without spaces, each letter may begin one.
_CAPITAL = r"[^\W\d_a-zà-öø-ÿ][\w’'-]{0,80}[^\W\d_A-ZÀ-ÖØ-Þ]"
_NAME = re.compile(
    rf"(?:(?:{'|'.join(sorted(_TITLES))})\.? )*{_CAPITAL}(?: (?:(?:de|du|von|van|of|da|la|le) )?{_CAPITAL}){{0,2}}"
)
_WORD = re.compile(r"[^\W\d_][\w’'-]*")
_WITHIN = re.compile(rf"(?<=[\w,;] ){_CAPITAL}")
"""A word with a capital that begins no sentence."""
_CONTRACTED = re.compile(r"I['’]")
_OWNER = re.compile(r"['’]s?$")
_DOING = re.compile(
    r"\s+(?:said|says|was|is|had|has|would|could|did|does|looked|replied|asked|thought|went|came|took|made|cried|answered|smiled"
    r"|laughed|turned|knew|felt|saw|nodded|who|exclaimed|shook|stood|sat|wished|seemed|began|told|spoke"
    r"|dit|était|avait|est|répondit|demanda|dijo|era|fue|había|estaba|preguntó)\b"
)
_SAID = re.compile(r"\b(?:said|cried|asked|replied|answered|exclaimed|dit|répondit|demanda|dijo|preguntó)\s+$")
_LIVING = re.compile(
    r"\s+(?:said|says|looked|replied|asked|thought|went|came|cried|answered|smiled|laughed|knew|felt|saw|nodded|exclaimed|shook|stood"
    r"|sat|wished|told|spoke|wrote|dit|répondit|demanda|dijo|preguntó)\b"
)
"""Of these verbs, those that things hardly ever do."""
_THE = re.compile(r"\bthe\s+$", re.I)
_ONE, _SEVERAL = re.compile(r"\s+(?:is|was|has)\b"), re.compile(r"\s+(?:are|were|have)\b")
_LONGER = re.compile(rf"(?<=[\w,;]\s)(?!The\b){_CAPITAL} $")
"""A part of a longer name, such as the Happy Island, though it is a common word."""
_INSIDE = re.compile(r"[\w,;]\s$")
_WHERE = re.compile(
    r"\b(?:(?:in|at|near|through|across|outside|around|throughout|along|up|down|into|onto)(?:\s+the)?|dans|à|en)\s+$",
    re.I,
)
_NOBODY = frozenset(
    """
    January February March April May June July August September October November December Monday Tuesday Wednesday Thursday Friday
    Saturday Sunday God Christmas Easter Heaven English British American French German
    Italian Spanish Russian Dutch Irish Turkish Indian Roman Christian Europe European Chapter Page Figure Table Section Enter Exit
    """.split()  # noqa: SIM905 - as above
)
_BEFORE_CHARS = 16


@dataclass(frozen=True)
class Named:
    """Somebody, or something that looks like somebody."""

    name: str
    """The fullest one that is usual."""
    has_article: bool
    """Whether *the* mostly stands before it."""
    is_alive: bool
    """Whether it has a title now and then, does what things do not do, or is defined as what somebody is called."""
    is_plural: bool
    """Whether *are* mostly follows it and not *is*."""
    is_defined: bool
    """Whether the text defines it as a term."""


def people(text: str) -> list[Named]:
    """The people that a text names most often, the most frequent first."""
    times: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    doing: Counter[str] = Counter()
    living: Counter[str] = Counter()
    places: Counter[str] = Counter()
    articles: Counter[str] = Counter()
    several: Counter[str] = Counter()
    partial: Counter[str] = Counter()
    defined = _defined(text)
    full: dict[str, Counter[str]] = defaultdict(Counter)
    for whole, names, before, behind in _names(text):
        is_titled, is_speaking = is_title(whole.split()[0]), bool(_SAID.search(before))
        for name in names:
            times[name] += 1
            inside[name] += bool(_INSIDE.search(before))
            doing[name] += bool(is_titled or is_speaking or _DOING.match(behind))
            living[name] += bool(is_titled or is_speaking or _LIVING.match(behind))
            places[name] += bool(_WHERE.search(before))
            partial[name] += bool(_LONGER.search(before))
            articles[name] += bool(_THE.search(before))
            several[name] += bool(_SEVERAL.match(behind)) - bool(_ONE.match(behind))
            full[name][whole] += 1
    found: list[Named] = []
    known: set[str] = set()
    for name, count in times.most_common():
        if count < _LEAST_TIMES or len(found) == NAMED:
            break
        # Words such as "Why" have a capital because they only begin sentences.
        is_name = inside[name] >= _INSIDE_SHARE * count
        is_person = doing[name] >= max(1, _PERSON_SHARE * count) and places[name] < _PLACE_SHARE * count
        is_whole = partial[name] < _PART_SHARE * count
        if is_name and is_person and is_whole and name not in known:
            usual = _usual(name, count, full[name])
            has_article = articles[name] >= _THE_SHARE * count
            # What has an article may be a thing, and things stand or begin now and then.
            least = max(_THE_LEAST_LIVING if has_article else 1, _LIVING_SHARE * count)
            is_alive = living[name] >= least or defined.get(name, False)
            found.append(Named(usual, has_article, is_alive, several[name] >= _LEAST_SEVERAL, name in defined))
            known.update(usual.split())
    return found


def _names(text: str) -> Iterator[tuple[str, list[str], str, str]]:
    """(name with its titles, its words without them, text before, text behind) wherever a text has a name."""
    words = Counter(_WORD.findall(text))
    within = set(_WITHIN.findall(text))
    for found in _NAME.finditer(text):
        at = found.start()
        # "Oldring's Masked Rider" are two.
        for run in re.split(r"(?<=['’]s) ", found.group()):
            parts = [_OWNER.sub("", part) for part in run.split(" ")]
            # The first word of a sentence has a capital, too: a name is hardly ever written without one, or only there.
            names = [
                part
                for part in parts
                if not is_title(part)
                and part not in _NOBODY
                and part[:1].isupper()
                and not _CONTRACTED.match(part)
                and (part in within or is_title(parts[0]))
                and words[part.lower()] < _SMALL_SHARE * words[part]
            ]
            if names:
                kept = [part in names or part.islower() or is_title(part) for part in parts]
                of_name = [number for number, part in enumerate(parts) if kept[number] and not part.islower()]
                whole = [
                    part for number, part in enumerate(parts) if kept[number] and of_name[0] <= number <= of_name[-1]
                ]
                start = at + sum(len(part) + 1 for part in run.split(" ")[: of_name[0]])
                end = at + len(run)
                yield (
                    " ".join(whole),
                    names,
                    text[max(0, start - _BEFORE_CHARS) : start],
                    text[end : end + _BEFORE_CHARS],
                )
            at += len(run) + 1


def _defined(text: str) -> dict[str, bool]:
    """The terms that a text defines, and whether each is what somebody is called."""
    found: dict[str, bool] = {}
    for term, is_somebody in definitions(text):
        found[term] = found.get(term, False) or is_somebody
    return found


def is_title(word: str) -> bool:
    """Whether a word is what somebody is addressed by, such as Captain."""
    return word.rstrip(".") in _TITLES


def _usual(name: str, count: int, full: Counter[str]) -> str:
    """The longer name that a name mostly stands in: with a title where that is usual, else the name in full that stands often."""
    titled = Counter({one: times for one, times in full.items() if is_title(one.split()[0])})
    plain = Counter({one: times for one, times in full.items() if one not in titled and " " in one})
    if sum(titled.values()) >= _TITLED_SHARE * count:
        return titled.most_common(1)[0][0]
    for one, times in plain.most_common(1):
        if times >= max(2, _FULL_SHARE * count):
            return one
    return name
