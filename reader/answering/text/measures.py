"""Words that compare, such as *longer*, *cheapest* and *most*, in English, German, French and Spanish: what is compared with them.

It does not know what has the values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from reader.answering.text.records import stems
from reader.answering.text.values import Value


@dataclass(frozen=True)
class Measure:
    """What is compared where a word such as *longer* says so."""

    more: str
    less: str
    names: tuple[str, ...] = ()
    """What a field with it may be called, the likelier first."""
    dimensions: str = ""
    takes_any_field: bool = False
    """Whether any field can be compared that is named with it: the highest limit."""

    @cached_property
    def all_names(self) -> frozenset[str]:
        """The words of its names, without their endings."""
        return stems(" ".join(self.names))

    def fits_unnamed(self, one: Value) -> bool:
        """Whether values such as one may be meant though no field is named."""
        return self.takes_any_field or one.dimension.partition(" ")[0] in self.dimensions.split()


_TIMES = "time duration hours minutes days zeit dauer stunden gehzeit durée temps heures duración tiempo horas"

PRICE = Measure(
    r"(?:most|more) (?:expensive|costly)|dear(?:er|est)|costs? (?:the )?(?:most|more)|teu(?:rer|erste)\w*|plus ch(?:er|ère)s?"
    r"|más car[oa]s?",
    r"(?:least|less) expensive|cheap(?:er|est)|costs? (?:the )?(?:least|less)|(?:billig|günstig)(?:er|st)\w*|moins ch(?:er|ère)s?"
    r"|(?:más barat|menos car)[oa]s?",
    (
        "price cost fee fare preis kosten gebühr prix coût precio coste",
        "rent rate charge premium miete tarif loyer tarifa",
    ),
    "money",
)
SIZE = Measure(
    r"(?:larg|bigg|great)(?:er|est)|größer\w*|größt\w*|plus grande?s?|más grandes?|mayor(?:es)?",
    r"small(?:er|est)|kleiner\w*|kleinst\w*|plus petite?s?|más pequeñ[oa]s?|menor(?:es)?",
    ("size area surface größe fläche superficie taille tamaño",),
    "area volume",
    takes_any_field=True,
)
NUMBER = Measure(
    r"most|maximum|more|meisten|mehr|plus d(?:e |['’])|más",
    r"fewest|fewer|least|less|minimum|wenigsten|weniger|geringst\w*|moins d(?:e |['’])|menos",
    takes_any_field=True,
)
_TIME = Measure(
    r"(?:more|most) time|slow(?:er|est)|langsam(?:er|st)\w*|plus (?:longtemps|lente?s?)|más (?:tiempo|lent[oa]s?)",
    r"(?:less|least|short\w+) time|(?:fast|quick)(?:er|est)|schnell(?:er|st)\w*|moins (?:longtemps|de temps)|plus rapides?"
    r"|más rápid[oa]s?",
    (_TIMES,),
    "time working",
)
_LENGTH = Measure(
    r"longe[rs]t?|länger\w*|längst\w*|plus longue?s?|más larg[oa]s?",
    r"short(?:er|est)|kürzer\w*|kürzest\w*|plus courte?s?|más cort[oa]s?",
    ("length distance miles kilometres kilometer länge strecke longueur longitud distancia", _TIMES),
    "length time working",
)
_TAKES = re.compile(r"\b(?:takes?|took|dauer\w*|dure\w*|dura\w*|tarda\w*)\b", re.I)
"""Where something takes longer, a time is meant."""
_MEASURES = (
    PRICE,
    _TIME,
    _LENGTH,
    Measure(
        r"heav(?:ier|iest)|weighs? (?:the )?(?:most|more)|schwer(?:er|st)\w*|plus lourde?s?|más pesad[oa]s?",
        r"light(?:er|est)|weighs? (?:the )?(?:least|less)|leicht(?:er|est)\w*|plus lég(?:er|ère)s?|más liger[oa]s?",
        ("weight mass gewicht masse poids peso",),
        "mass",
    ),
    Measure(
        r"deep(?:er|est)|tief(?:er|st)\w*|plus profonde?s?|más profund[oa]s?",
        r"shallow(?:er|est)",
        ("depth tiefe profondeur profundidad",),
        "length",
    ),
    Measure(
        r"newe[rs]t?|youngest|(?:more|most) recent|neu(?:er|est)\w*|plus récente?s?|más reciente?s?",
        r"old(?:er|est)|älter\w*|ältest\w*|plus ancienne?s?|más antigu[oa]s?",
        ("opened built founded introduced established eröffnet gebaut baujahr gegründet", "year since jahr année año"),
    ),
    Measure(
        r"highe[rs]t?|tall(?:er|est)|höher\w*|höchst\w*|plus (?:haute?|élevée?)s?|más alt[oa]s?",
        r"lowe[rs]t?|niedriger\w*|niedrigst\w*|plus basse?s?|más baj[oa]s?",
        ("height elevation altitude höhe hauteur altura altitud",),
        "length",
        takes_any_field=True,
    ),
    Measure(
        r"(?:warm|hott)(?:er|est)|(?:wärm|heiß)(?:er|e?st)\w*|plus chaude?s?|más (?:cálid|caluros)[oa]s?",
        r"(?:cold|cool)(?:er|est)|(?:kält|kühl)(?:er|e?st)\w*|plus froide?s?|más frí[oa]s?",
        ("temperature temperatur température temperatura",),
        "°c °f °",
    ),
    SIZE,
    NUMBER,
)
MORE, LESS = ("|".join(getattr(one, way) for one in _MEASURES if one is not NUMBER) for way in ("more", "less"))
"""All words for more and for less of something, such as *longer*."""
HOW_MUCH = re.compile(r"\W*(?:by )?(?:how (?:much|many)|(?:um )?wie ?viel\w*|(?:de )?combien|cuánt[oa]s?)(?!\w)", re.I)
"""How questions for a quantity begin."""
_OR = [
    re.compile(pattern, re.I)
    for pattern in (
        r"(?P<asked>.*(?:[,:]|er|of|from))\s(?P<one>[^,:]+?),? (?:or|oder|ou|o|u) (?P<other>[^,:]+)",
        r"(?:between|which of|zwischen|von|entre) (?P<one>[^,:]+?) (?:and|or|und|oder|et|ou|y|o) (?P<other>[^,:]+?)"
        r"(?:,|(?= (?:is|are|has|have|does|do|takes?|costs?|ist|hat|est|a|es|tiene)\b))(?P<asked>.*)",
        r"(?:is|are|does|do|has|ist|hat|est|es) (?P<one>[^,:]+?) (?:or|oder|ou|o) (?P<other>[^,:]+?)"
        r"(?P<asked> (?:\w+er|(?:more|less|plus|más) \w+))",
    )
]
_THAN = re.compile(r"\s(?:than|als|que)\s", re.I)
_COMPARED = [
    (measure, re.compile(rf"(?<!\w)(?:(?P<more>{measure.more})|(?P<less>{measure.less}))(?:(?!\w)|(?<=[ '’]))", re.I))
    for measure in _MEASURES
]
_NO_PRICES = stems(
    "limit excess deposit budget revenue income profit loss sales turnover salary wage fine penalty balance debt value"
)
"""What else has amounts of money."""
_YEARS = range(1000, 2200)

Fit = tuple[int, int, int]
"""How well a field fits what is compared, the less the better."""


def compared_in(text: str) -> tuple[Measure, bool, re.Match[str]] | None:
    """What a text compares, whether it asks for more, and the words that say so."""
    found = ((measure, pattern.search(text)) for measure, pattern in _COMPARED)
    measure, match = next(((measure, match) for measure, match in found if match), (NUMBER, None))
    is_time = measure is _LENGTH and _TAKES.search(text)
    return (_TIME if is_time else measure, bool(match["more"]), match) if match else None


def called_so(words: frozenset[str]) -> Measure | None:
    """What is compared where a field is named, such as the price in "the highest price"; None without such a word."""
    return next((measure for measure in _MEASURES if measure.all_names & words), None)


def measure_of(dimension: str) -> Measure:
    """What may be compared with values such as money or lengths, where nothing else says so."""
    kind = dimension.partition(" ")[0]
    alike = [measure for measure in _MEASURES if kind and kind in measure.dimensions.split()]
    names = " ".join(name for measure in alike for name in measure.names)
    return PRICE if PRICE in alike else Measure("", "", (names,), kind, takes_any_field=True) if alike else NUMBER


def two_of(text: str) -> re.Match[str] | None:
    """The things `one` and `other` that a question offers, and what is `asked` of them."""
    return next(filter(None, (pattern.fullmatch(text) for pattern in _OR)), None)


def than(text: str) -> tuple[Measure, bool, str, str, str] | None:
    """What a text compares, whether it asks for more, the first thing, what stands between them, and the other."""
    how = compared_in(text)
    split = _THAN.search(text, how[2].end() - 1) if how else None
    if how is None or split is None:
        return None
    measure, is_more, match = how
    before, between = text[: match.start()], text[match.end() : split.start()]
    if (begins := HOW_MUCH.match(before)) and stems(between):
        before, between = between, ""
    elif begins:
        before = before[begins.end() :]
    return measure, is_more, before, between, text[split.end() :]


def fit(measure: Measure, own: frozenset[str], rest: frozenset[str], example: Value, *, is_unnamed: bool) -> Fit | None:
    """How well a field with these words and such values fits what is compared, the less the better; None where it does not.

    Args:
        own, rest: the words of the field's name, and those of the question that name no thing.
        example: one of its values.
        is_unnamed: whether the field has no name; the fewer words of the question name no thing, the better.
    """
    dimension = example.dimension.partition(" ")[0]
    dimensions = measure.dimensions.split()
    is_alike = not dimensions or dimension in ("", *dimensions)
    if is_unnamed:
        is_meant = dimension in dimensions or (measure.takes_any_field and rest <= own)
        return (len(rest), 0, 0) if is_meant else None
    # The largest plot is none of the column that counts plots.
    has_own_kind = dimension in dimensions or (measure.takes_any_field and (dimension or measure is not SIZE))
    if (shared := own & rest) and has_own_kind:
        return 0, -len(shared), len(own - rest)
    called = [number for number, names in enumerate(measure.names) if stems(names) & own]
    if called and is_alike and (dimensions or example.size in _YEARS):
        return 1, called[0], 0
    is_only_kind = dimension in ("money", "time") and dimensions[:1] == [dimension]
    return (2, 0, 0) if is_only_kind and not own & _NO_PRICES else None
