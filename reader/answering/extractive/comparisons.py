"""Answers that need several values of a document at once, without a decoder: which of things has the most or the least of
something, which of two has more, how much several have together, how many there are, and which of them have something.

The things and their values are rows and columns of tables, lines such as "Serves: 6", and what one sentence gives for two things.
All words of a question must be understood: those that name neither a thing nor a field have to stand in the heading above. Where
two fields may be meant that do not give the same answer, and for all other questions, the decoder answers. In English, German,
French and Spanish.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from reader.answering.extractive.overview import Overview
from reader.answering.passages import Passage, Passages, Source, cut_out
from reader.answering.refusal import NOT_SAID
from reader.answering.text.languages import YES_OR_NO
from reader.answering.text.measures import (
    HOW_MUCH,
    NUMBER,
    PRICE,
    Fit,
    Measure,
    called_so,
    compared_in,
    fit,
    than,
    two_of,
)
from reader.answering.text.numerals import NUMERALS
from reader.answering.text.records import Grid, Thing, of_sentence, stems
from reader.answering.text.tables import as_value
from reader.answering.text.values import Value, printed_like
from reader.answering.text.words import bare, content_words, subject_words, words_of
from reader.reading import sentences

_WHICH = re.compile(
    r"\W*(?:(?:for|in|on|at|by|bei|für|pour|dans|para|en) )?"
    r"(?:which|what|welche[rsnm]?|was|quel(?:le)?s?|qu['’]est-ce qui|lequel|laquelle|qué|cuál(?:es)?)(?!\w)",
    re.I,
)
_WHAT_IS = re.compile(
    rf"{_WHICH.pattern}(?:['’]s| (?:is|are|was|were|ist|est|es))(?: (?:the|der|die|das|l[ae](?: \w+)?|el(?: \w+)?))? ?",
    re.I,
)
FIRST = re.compile(rf"{_WHICH.pattern} (?:of (?:the|these|all) |der |des |de (?:los|las) )?(?P<noun>\w+)", re.I)
_OF_OTHERS = re.compile(
    r"\b(?:(?:of|for|in|on|from|by|at|to|with|von|für|bei|mit|auf|pour|dans|para|con)(?: (?:the|de[rmn]|l[ae]|el))?"
    r"|(?:do|does|did|can)\b.*) \Z",
    re.I,
)
"""Before *longest*: something else is asked about what is the longest."""
_HAS = re.compile(r"\b(?:ha[sd]|have|hat|haben|a|ont|tienen?)(?: (?:the|die|den|das|l[ae]s?|el))? \Z", re.I)
_YES_NO = re.compile(
    r"\W*(?:(?P<en>is|are|was|were|does|do|did|has|have)|(?P<de>ist|sind|hat|haben|liegt|kostet|dauert|wiegt)"
    r"|(?P<es>es|son|est[áa]n?|tienen?|cuestan?|duran?|pesan?))(?!\w)"
    r"|\W*(?P<fr>est-ce qu(?:e |['’])|.{1,80}\w-(?:t-)?(?:ils?|elles?) )",
    re.I,
)
_AND = re.compile(r",? (?:and|und|et|y|e) |, ", re.I)
HOW_MANY = re.compile(r"\W*(?:how many|wie ?viele|combien d(?:e |['’])|cuánt[oa]s) ?(?P<what>.+)", re.I)
_DIFFERENCE = re.compile(
    r"\W*(?:what(?: is|['’]s) the difference|was ist der unterschied|quelle est la différence|cuál es la diferencia)\b(?P<what>.*?)"
    r"\b(?:between|zwischen|entre)\b(?P<pair>.+)",
    re.I,
)
_TOGETHER = re.compile(r"\b(?:together|total|in all|altogether|combined|zusammen|insgesamt|ensemble|junt[oa]s)\b", re.I)
_SUM = re.compile(rf"{HOW_MUCH.pattern}|\W*(?:what|was|que|qué)(?!\w)", re.I)
_EACH = re.compile(r"\b(?:each|jeweils|chacune?|cada)\b", re.I)
_PAYS = re.compile(r"\b(?:pays?|zahl(?:en|t)|paient|payent|pagan)\b", re.I)
_ALL = re.compile(r"\b(?:all|alle[nr]?|tou(?:s|tes)|tod[oa]s|total|summe)\b", re.I)
_THERE_ARE = re.compile(
    r"\W*(?:how many (?P<en>.+?) (?:are|were) there|wie ?viele (?P<de>.+?) gibt es|combien d(?:e |['’])(?P<fr>.+?) y a-t-il"
    r"|cuánt[oa]s (?P<es>.+?) hay)(?: in total| altogether| insgesamt| au total| en total)?\W*",
    re.I,
)
DIFFERENT = re.compile(r"\b(?:different|verschiedene\w*|différente?s?|diferentes?|distint[oa]s?)\b", re.I)
_NOT_UNDERSTOOD = re.compile(
    r"\b(?:not|never|without|except|out of|at (?:least|most)|up to|no (?:more|less|fewer|longer)|nicht|keine?\w*|ohne|mindestens"
    r"|höchstens|pas|sans|au (?:moins|plus)|sin|excepto|al menos)\b|n['’]t\b",
    re.I,
)
_LIMITS = re.compile(
    r"\b(?:no|only|than|over|under|above|below|before|after|until|about|both|or|and|oder|und|ou|et)\b", re.I
)
_YES = re.compile(r"(?:yes|y|ja|oui|sí|✓|✔|x|●|•)", re.I)
_NO = re.compile(r"(?:no|n|nein|non|none|✗|✘|[-–—]|)", re.I)
_EVERY = re.compile(r"\b(?:all|any|both|alle|tous|toutes|todos|todas)\b", re.I)
_GROUP = re.compile(r"famil|group|grupp|grupo", re.I)
OWN_WORDS = stems(
    """
    take takes cost costs give gives need needs pay pays paid charge allow allows allowed offer offers get
    thing things both people person persons together total difference between many much longer than each every combined
    altogether
    welche welcher welches welchen was wer der die das den dem im am in liegt liegen kostet kosten dauert hat haben ist zahlen
    zahlt zusammen insgesamt bietet alle allen
    quel quelle quels quelles le la les un une de qu que en est coûte coûtent dure ensemble toutes tous paie payer
    qué cuál cuáles el los las una del es son cuesta cuestan dura tiene tienen juntos juntas todos todas paga pagan hay
    """
)
"""Words of questions that name neither a thing nor a field."""
PAYING = re.compile(
    r"\b(?:costs?|pays?|paid|prices?|fees?|kost\w+|preise?|zahl\w+|coût\w+|prix|cuest\w+|precio\w*|vale\w*)\b", re.I
)
LEFT_OUT = re.compile(
    r"\bones?\b|\b(?:an?|per|each|for an?|pro|am|par|por|al)"
    r" (?:day|year|month|week|night|hour|tag|jahr|nacht|jour|nuit|an|día|año)\b",
    re.I,
)
_NUMBER = re.compile(rf"\b(?:(?P<digits>\d{{1,3}})|(?P<word>{'|'.join(map(re.escape, NUMERALS))}))\s", re.I)
_LEADING = re.compile(r"\A(?:(?:to|in|at|on|for|by|with) )+", re.I)
MOST_CHARS = 200
_CANDIDATES = 20
_PREFIX = 3
MOST_LISTED = 12


@dataclass(frozen=True)
class Found:
    """Things of a grid, with their values of a field if these are asked for."""

    source: Source
    grid: Grid
    things: tuple[Thing, ...]
    values: tuple[Value, ...] = ()
    field: int = 0
    parts: tuple[int, ...] = ()
    """Which of the parts of the question name these things."""
    cheapest_group: float = math.inf
    """The least that a family or a group has in the field."""

    @property
    def name(self) -> str:
        """Of the field."""
        return self.grid.fields[self.field]

    @property
    def places(self) -> list[Passage]:
        """The rows, lines or the sentence that the values stand in."""
        spans = {span for thing in self.things for span in thing.spans}
        spans |= {*self.grid.field_spans[self.field : self.field + 1]}
        return [place for span in sorted(spans) for place in cut_out(self.source.pages, *span)]

    @property
    def sentence(self) -> str:
        """What has the values, where that is a sentence."""
        return " ".join(self.places[0].text.split()) if self.grid.is_sentence else ""

    def printed(self, number: float, least: int = 0) -> str:
        """A sum, a difference or a mean of the values, with their unit, and so many decimals at least."""
        return self.with_unit(printed_like(number, self.values, self.grid.decimal, least))

    def with_unit(self, printed: str) -> str:
        """A number with the unit that the field's name has."""
        return as_value(printed, [(self.name, printed)])


class Asked:
    """A question, and what documents have for it."""

    def __init__(self, question: str, sources: Sequence[Source], passages: Passages) -> None:
        self.text = LEFT_OUT.sub(" ", bare(question))
        self.words = stems(" ".join(subject_words(self.text)))
        self._sources = {source.document_id: source for source in sources}
        self._passages = passages

    def words_of(self, text: str) -> frozenset[str]:
        """The words of a part of the question that say what it is about."""
        return stems(text) & self.words - OWN_WORDS

    @property
    def grids(self) -> list[tuple[Source, Grid]]:
        """What has all things of a kind."""
        return [(self._sources[document_id], grid) for document_id, grid in self._passages.grids]

    def said(self) -> Iterator[tuple[Source, Grid]]:
        """What sentences have for several things."""
        seen: set[tuple[str, int]] = set()
        for number in self._passages.search(content_words(self.text), _CANDIDATES):
            passage = self._passages.all[number]
            before = 0
            for start, end in sentences(passage.text):
                place = passage.document_id, passage.start_char + start
                if place not in seen:
                    seen.add(place)
                    for grid in of_sentence(passage.text[start:end], place[1], passage.text[before:start]):
                        yield self._sources[passage.document_id], grid
                before = start

    def found(
        self,
        measure: Measure,
        rest: frozenset[str],
        named: Sequence[frozenset[str]] = (),
        *,
        is_sum: bool = False,
        grids: Sequence[tuple[Source, Grid]] | None = None,
    ) -> list[Found]:
        """The things with these words, or all, each with its values of the field that is compared; those that fit best.

        Args:
            rest: other words that must be understood.
            is_sum: whether all things must have values, and some of the named words may name no thing.
            grids: in place of all.
        """
        for places in (self.grids if grids is None else grids, self.said() if named else ()):
            ranked = [
                one for source, grid in places for one in _in_grid(source, grid, measure, rest, named, is_sum=is_sum)
            ]
            if ranked:
                best = min(rank for rank, _ in ranked)
                return [one for rank, one in ranked if rank == best]
        return []


_Said = tuple[str, Found]
"""An answer, and what it is made of."""


def compared(question: str, sources: Sequence[Source], passages: Passages) -> Overview | None:
    """The answer to a question that needs several values; None where it is not sure."""
    is_read = all(source.is_read for source in sources)
    if not is_read or len(question) > MOST_CHARS:
        return None
    asked = Asked(question, sources, passages)
    # *Without* may be a part of a field's name.
    fields = {word for _, grid in asked.grids for name in grid.fields for word in words_of(name)}
    if any(found[0].casefold() not in fields for found in _NOT_UNDERSTOOD.finditer(question)):
        return None
    for way in _WAYS:
        if said := list(way(asked)):
            (text, found), *others = said
            if not text or any(other != text for other, _ in others):
                return None
            return Overview(text, tuple(found.places))
    return Overview(NOT_SAID, ()) if _asks_for_unknown(asked, passages) else None


def _counted(asked: Asked) -> Iterator[_Said]:
    """How many there are, where one table has them, and no sentence says another number."""
    if not (match := _THERE_ARE.fullmatch(asked.text)):
        return
    name = DIFFERENT.sub("", next(name for name in match.groups() if name)).strip()
    named = stems(name)
    for source, grid in asked.grids:
        if not named or named not in (stems(grid.noun), stems(grid.about)):
            continue
        said = {
            _number(one)
            for page in source.pages
            for one in _NUMBER.finditer(page.text)
            if page.text[one.end() : one.end() + len(name)].casefold() == name.casefold()
        }
        if said <= {len(grid.things)} and all(any(cells) for cells in grid.cells):
            yield str(len(grid.things)), Found(source, grid, grid.things[:MOST_LISTED])


def _number(found: re.Match[str]) -> int:
    return int(found["digits"]) if found["digits"] else NUMERALS[found["word"].casefold()]


def _difference(asked: Asked) -> Iterator[_Said]:
    """How much more one of two has."""
    between, more = _DIFFERENCE.match(asked.text), than(asked.text)
    if between:
        measure, pair = NUMBER, _AND.split(between["pair"])
        rest = asked.words_of(between["what"])
    elif more and HOW_MUCH.match(asked.text):
        measure, is_more, first, rest_text, second = more
        pair, rest = [first, second], asked.words_of(rest_text)
    else:
        return
    if len(pair) != 2:
        return
    if PAYING.search(asked.text) and measure is NUMBER:
        measure = PRICE
    for found in asked.found(measure, rest, [asked.words_of(one) for one in pair]):
        if between and measure is NUMBER and not rest and found.grid.is_sentence:
            continue  # what they are, and not how much
        one, other = found.values
        size = one.number - other.number
        size = abs(size) if between else size if is_more else -size
        yield (found.printed(size) if size > 0 else ""), found


def _all_together(asked: Asked) -> Iterator[_Said]:
    """The sum of a field of all things."""
    if not (_ALL.search(asked.text) and _TOGETHER.search(asked.text)):
        return
    for found in asked.found(NUMBER, asked.words - OWN_WORDS, is_sum=True):
        yield found.printed(sum(one.number for one in found.values)), found


def _together(asked: Asked) -> Iterator[_Said]:
    """What several things have together, each as often as the question says."""
    if not _SUM.match(asked.text) or _EACH.search(asked.text):
        return
    parts = _AND.split(HOW_MUCH.sub("", asked.text))
    numbers = [_NUMBER.search(f"{part} ") for part in parts]
    times = [_number(one) if one else 1 for one in numbers]
    words = [asked.words_of(_NUMBER.sub("", f"{part} ", count=1)) for part in parts]
    # Three children, and not three times what they pay for.
    counted = [stems(one.string[one.end() :].partition(" ")[0]) if one else frozenset() for one in numbers]
    # Adults and children pay a price each, two adults and a child the sum.
    are_together = len(parts) > 1 and _TOGETHER.search(asked.text)
    if not are_together and not (max(times) > 1 and _PAYS.search(asked.text)):
        return
    for found in asked.found(PRICE if PAYING.search(asked.text) else NUMBER, frozenset(), words, is_sum=True):
        if len(found.parts) < 2 and times[found.parts[0]] < 2:
            continue
        if any(not counted[part] <= thing.stems for part, thing in zip(found.parts, found.things, strict=True)):
            continue
        total = sum(one.number * times[number] for number, one in zip(found.parts, found.values, strict=True))
        yield ("" if total >= found.cheapest_group else found.printed(total)), found


def _yes_or_no(asked: Asked) -> Iterator[_Said]:
    """Whether one of two has more."""
    language, more = _YES_NO.match(asked.text), than(asked.text)
    if not (language and more):
        return
    measure, is_more, first, rest, second = more
    for found in asked.found(measure, asked.words_of(rest), [asked.words_of(first), asked.words_of(second)]):
        one, other = found.values
        holds = one.size > other.size if is_more else one.size < other.size
        said = YES_OR_NO[str(language.lastgroup)][not holds]
        pairs = (f"{thing.label} {each.printed}" for thing, each in zip(found.things, found.values, strict=True))
        yield f"{said}. {found.sentence or f'{found.name}: ' * bool(found.name) + ', '.join(pairs)}", found


def _one_of_two(asked: Asked) -> Iterator[_Said]:
    """Which of two has more or less."""
    pair, how = two_of(asked.text), compared_in(asked.text)
    if not (pair and how):
        return
    measure, is_more, match = how
    options = pair["one"], pair["other"]
    rest = asked.words_of(pair["asked"]) - stems(match[0])
    for found in asked.found(measure, rest, [asked.words_of(one) for one in options]):
        one, other = found.values
        if one.size == other.size:
            yield "", found
        else:
            number = (one.size > other.size) != is_more
            yield (_LEADING.sub("", options[number]) if found.sentence else found.things[number].label), found


def _extreme(asked: Asked) -> Iterator[_Said]:
    """Which of all things has the most or the least."""
    how = compared_in(asked.text)
    if how is None or than(asked.text) or two_of(asked.text):
        return
    measure, is_more, match = how
    before = asked.text[: match.start()]
    if not (_WHAT_IS.fullmatch(before) or (asks_which(asked) and not _OF_OTHERS.search(before))):
        return
    rest = asked.words - stems(match[0]) - OWN_WORDS
    called = called_so(asked.words_of(asked.text[match.end() :]))
    for found in asked.found(measure, rest) or (asked.found(called, rest - called.all_names) if called else ()):
        best = (max if is_more else min)(one.size for one in found.values)
        own = [thing for thing, one in zip(found.things, found.values, strict=True) if one.size == best]
        said = ", ".join(thing.label for thing in own)
        if _asks_for_value(asked.text, match, found):
            most = next(one for one in found.values if one.size == best)
            said = f"{found.with_unit(most.printed)} ({said})"
        yield (said if len(own) < len(found.things) else ""), replace(found, things=tuple(own))


def _asks_for_unknown(asked: Asked, passages: Passages) -> bool:
    """Whether a question asks which of a table's things has the most of something that stands nowhere: small decoders name one."""
    how, first = compared_in(asked.text), FIRST.match(asked.text)
    if not (how and first and how[0].takes_any_field and _HAS.search(asked.text[: how[2].start()])) or than(asked.text):
        return False
    behind = asked.text[how[2].end() :]
    is_listed = any(asked.words_of(first["noun"]) & (stems(grid.noun) | stems(grid.about)) for _, grid in asked.grids)
    words = [word for word in content_words(behind) if asked.words_of(word)]
    names = {stem for _, grid in asked.grids for field in grid.fields for stem in stems(field)}
    # Params, and Max
    is_called = any(word[:_PREFIX] == name[:_PREFIX] for word in words for name in names)
    return is_listed and bool(words) and not is_called and not passages.search(words)


def asks_which(asked: Asked) -> bool:
    """Whether a question asks which of things it is, as in "Which walk …", and not "What does …"."""
    first = FIRST.match(asked.text)
    return bool(first and asked.words_of(first["noun"]))


def _asks_for_value(text: str, match: re.Match[str], found: Found) -> bool:
    """Whether a question asks what the most is, as in "What is the highest limit?", and not which thing has it."""
    behind = re.match(r"\W*(\w+)", text[match.end() :])
    return bool(
        behind
        and _WHAT_IS.fullmatch(text[: match.start()])
        and stems(behind[1]) & stems(found.name) - stems(found.grid.noun)
    )


def _those_with(asked: Asked) -> Iterator[_Said]:
    """Which of all things have something."""
    how_many = HOW_MANY.match(asked.text)
    if not (how_many or _WHICH.match(asked.text)) or _LIMITS.search(asked.text) or compared_in(asked.text):
        return
    for source, grid in asked.grids:
        rest = asked.words - stems(grid.noun) - OWN_WORDS
        if not grid.noun or not rest or len(rest) == len(asked.words - OWN_WORDS):
            continue
        counted = how_many["what"].split()[: len(grid.noun.split())] if how_many else ()
        if how_many and stems(" ".join(counted)) != stems(grid.noun):
            continue
        for field, name in enumerate(grid.fields):
            own = [
                (thing, cells[field])
                for thing, cells in zip(grid.things, grid.cells, strict=True)
                if _has(cells[field], rest - stems(name), is_named=bool(stems(name) & rest))
            ]
            # A number of all is not what some have: items that are to be ordered again, and each item's least number.
            is_of_all = len(own) == len(grid.things) and not any(_is_plain(cell, rest) for _, cell in own)
            if own and not is_of_all and len(own) <= MOST_LISTED:
                labels = [thing.label if _is_plain(cell, rest) else f"{thing.label} ({cell})" for thing, cell in own]
                is_sure = all(_is_plain(cell, rest) for _, cell in own)
                said = (str(len(own)) if is_sure else "") if how_many else ", ".join(labels)
                yield said, Found(source, grid, tuple(thing for thing, _ in own))


def _has(cell: str, words: frozenset[str], *, is_named: bool) -> bool:
    """Whether a cell has words; all that is not *no*, where it need have none beside its field's name."""
    if not words:
        return not _NO.fullmatch(cell.strip())
    own = stems(cell)
    return words <= own or (is_named and bool(_EVERY.fullmatch(cell.strip())))


def _is_plain(cell: str, rest: frozenset[str]) -> bool:
    return bool(_YES.fullmatch(cell.strip()) or stems(cell) & rest or _EVERY.fullmatch(cell.strip()))


def _in_grid(
    source: Source,
    grid: Grid,
    measure: Measure,
    rest: frozenset[str],
    named: Sequence[frozenset[str]],
    *,
    is_sum: bool,
) -> Iterator[tuple[Fit, Found]]:
    """The things of a grid with these words, or all, with each field that may be meant, and how well that fits."""
    labels = frozenset[str]().union(*(thing.stems for thing in grid.things))
    about, noun = stems(grid.about), stems(grid.noun)
    chosen, parts = list(range(len(grid.things))), []
    if named:
        rest = rest.union(*(words - labels for words in named))
        parts = [part for part, words in enumerate(named) if words & labels or not is_sum]
        chosen = [number for part in parts for number in _things(grid, named[part] & labels)]
    pairs = [(named[one] | named[other]) & labels for one, other in pairwise(parts)] if is_sum else []
    if len(chosen) < len(set(parts)) or len(set(chosen)) < len(chosen):
        return
    if any(pair <= thing.stems for pair in pairs for thing in grid.things):  # it is called "museum and tower"
        return
    for field, name in enumerate(grid.fields):
        own = stems(name) if name else noun or about
        if rest - own - noun - about or not (named or rest & (own | noun | about)):
            continue
        values = grid.values(field, chosen)
        read = [(grid.things[number], one) for number, one in zip(chosen, values, strict=False) if one]
        fewest = len(values) if is_sum or named else 2
        if len(read) < max(fewest, 1):
            continue
        if (rank := fit(measure, own, rest, read[0][1], is_unnamed=bool(named) and not name)) is not None:
            groups = [number for number, thing in enumerate(grid.things) if _GROUP.search(thing.label)]
            prices = [one.number for one in grid.values(field, groups) if one and not set(groups) & set(chosen)]
            things, known = zip(*read, strict=True)
            yield rank, Found(source, grid, things, known, field, tuple(parts), min(prices, default=math.inf))


def _things(grid: Grid, words: frozenset[str]) -> list[int]:
    """The one thing of a grid that words name; none where they may name several."""
    having = [number for number, thing in enumerate(grid.things) if words and words <= thing.stems]
    alike = [number for number in having if grid.things[number].stems == words]
    return alike if len(alike) == 1 else having if len(having) == 1 else []


_WAYS = (_counted, _difference, _all_together, _together, _yes_or_no, _one_of_two, _extreme, _those_with)
"""The first that finds something answers."""
