"""Which rows and columns of a table a question means: those with its words in their cells, within the period or the limit that it
names, the first or the last, those with more in one column than in another.

All words must be understood. It does not say what is asked of them. In English, German, French and Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product, starmap
from typing import NamedTuple

from reader.answering.extractive.columns import LIMITS, Across, across_in, dimension_of, flow_in
from reader.answering.extractive.comparisons import DIFFERENT, OWN_WORDS, PAYING
from reader.answering.extractive.limits import Limit, clock_of, limit_in
from reader.answering.text.days import Period, period_in
from reader.answering.text.ledgers import Ledger
from reader.answering.text.measures import PRICE, Measure, compared_in
from reader.answering.text.numerals import NUMERALS
from reader.answering.text.records import BRACKETS, SUMMARY, is_alike, stems
from reader.answering.text.values import Value, value
from reader.answering.text.words import subject_words, words_of

_OTHERS = re.compile(
    r"\b(?:except|both|either|or|than|before|after|since|until|between|over|under|least|up to|oder|vor|nach|seit|bis|zwischen"
    r"|mehr als|ou|avant|après|depuis|entre|(?:de )?plus qu[e'’]|antes|después|desde|hasta|más que"
    r"|this (?:year|month|week)|only|others?|else|same|most often|mentioned|how (?:much|many) (?:more|less|fewer)|nur|andere[nrs]?"
    r"|häufigsten|seul\w*|autres?|plus souvent|sólo|otr[oa]s?)(?!\w)|^will\b",
    re.I,
)
LACKS = re.compile(
    r"\b(?:not?|never|without|out of|nobody|no one|nicht|nie|niemand|keine?\w*|ohne|pas|sans|jamais|aucune?|personne|nunca|sin"
    r"|ning[uú]n\w*|nadie)\b|n['’]t\b",
    re.I,
)
"""Only a column of which some rows have nothing, or 0, can be meant."""
TOTAL = re.compile(
    r"\b(?:in total|total(?: of)?|altogether|in all|sum(?: of)?|insgesamt|zusammen|summe|gesamt\w*"
    r"|en tout|au total|somme|en total|suma)\b",
    re.I,
)
MEAN = re.compile(
    r"\b(?:on average|average|mean|(?:im )?durchschnitt\w*|en moyenne|moyenne?|(?:de )?promedio|(?:de )?media)\b", re.I
)
BALANCE = stems("balance kontostand saldo solde")
"""A column that is called so has no sum."""
_PAID = re.compile(rf"{PAYING.pattern}|\bhow much (?:is|are|was|were)\b", re.I)
_AMOUNT = PRICE.all_names | stems("amount sum total betrag summe montant importe")
"""What a column of amounts of money may be called."""
_ORDER = re.compile(
    r"\b(?:(?P<first>first|earliest|erste[nrsm]?|früheste\w*|premi(?:er|ère)|primer[oa]?)"
    r"|(?P<last>last|latest|most recent|(?P<end>at the end|am ende|à la fin|al final)|letzte[nrsm]?|späteste\w*|derni(?:er|ère)"
    r"|últim[oa]))\b"
    r"(?! (?:\d|names?|years?|months?|weeks?|seasons?|two|three|four|five|six|zwei|drei|jahr\w*|monat\w*|woche\w*))",
    re.I,
)
_ORDER_WORDS = stems(
    "first earliest last latest erste erster früheste letzte letzter späteste premier première dernier dernière primero último"
)
_SECOND, _THIRD = r"second|2nd|zweite[nrsm]?|deuxième|segund[oa]", r"third|3rd|dritte[nrsm]?|troisième|tercer[oa]?"
_RANK = re.compile(
    rf"\b(?:(?P<nth>(?P<second>{_SECOND})|{_THIRD})[\s-]"
    r"(?:(?P<of_nth>\w+) (?:with|mit|avec|con) (?:the |de[nm] |die |l[ae] |el )?)?"
    r"|(?P<top>two|three|four|five|zwei|drei|vier|fünf|deux|trois|quatre|cinq|dos|tres|cuatro|cinco|[2-9])"
    r" (?:(?P<of_top>\w+) (?:(?:had|have|are|were|cost|took|take|got|haben|hatten|ont|tienen) )?(?:the |die |l[eo]s |las )?)?)\Z",
    re.I,
)
"""What may stand before the most or the least."""
_COMPOUND = re.compile(r"\b(zweit|dritt)(?=\w{4,12}(?:st|ßt))", re.I)
"""*Zweithöchste*."""
WORDS = OWN_WORDS | stems(
    """
    spend spent buy bought book booked go went gone come came make made do done get got amount amounts money value often times time
    day days date dates row rows entry entries record records item against average whole received receive earned
    leave leaves start starts begin begins work worked include includes included contain contains come comes
    ausgegeben eingenommen gebucht bezahlt gezahlt gekauft hoch wie viel viele oft betrag beträge tag datum kommen stammen war waren
    wurde wurden gegen aller für mit ging gingen weg entfällt entfallen gearbeitet gefahren
    braucht brauchen benötigt benötigen erfordert erfordern enthält enthalten
    combien fois montant jour date viennent vient provient tout a-t-il y contre eu eue va vont revient ont avait d l n à
    cuántas veces importe día fecha vienen contra corresponde fue está están
    """
)
"""What questions for the rows of a table have, whatever it is about."""
ROWS = stems("row entry record eintrag einträge zeile ligne entrée fila")
_PAYMENTS = stems("payment transaction expense booking buchung zahlung ausgabe paiement dépense pago gasto") - stems(
    "book"
)
"""What rows are called whose table has no name for them; the latter if they have amounts of money."""
_ANY_DAY = re.compile(
    r"date|dat[ou]m|fecha|\bdías?\b|\bday|tag\b|\bjour|\bwhen\b|\bwann\b|\bquand\b|month|monat|\bmois\b|\bmes\b",
    re.I,
)
_BEGINS = re.compile(r"start|begin|début|depart|inicio", re.I)
"""What a column of days is called that a question need not name; others are of something else, such as joining."""
_SINCE = re.compile(r"\b(?:since|seit|depuis|desde)\b", re.I)
_ENDS = (
    stems("max maximum maximal maximale highest largest greatest höchste höchster höchstwert máximo máxima"),
    stems("min minimum minimal minimale lowest smallest least niedrigste kleinste mínimo mínima"),
    stems("typ typical typically nominal typisch typische typique típico"),
)
"""What names columns that are called so, too."""
_YEAR_DIGITS = 4


class Extreme(NamedTuple):
    """The most or the least that is asked for."""

    measure: Measure
    is_more: bool
    rest: str
    """The question without the words that say so."""
    first: int = 0
    many: int = 1
    """So many from this one on."""


@dataclass(frozen=True)
class Rows:
    """What a question says of the rows of one table."""

    question: str
    ledger: Ledger

    @cached_property
    def period(self) -> Period | None:
        """The days that it names."""
        return period_in(self.question) if self.ledger.days else None

    @cached_property
    def across(self) -> Across | None:
        """The columns that it compares."""
        return across_in(self.period.rest if self.period else self.question, self.ledger)

    @cached_property
    def limit(self) -> Limit | None:
        """What values must lie within."""
        return limit_in(self._rest)

    @cached_property
    def _rest(self) -> str:
        return self.across.rest if self.across else self.period.rest if self.period else self.question

    @cached_property
    def order(self) -> re.Match[str] | None:
        """The words for the first or the last in time."""
        found = _ORDER.search(self.limit.rest if self.limit else self._rest)
        if not found or not (self.days() or self.clocks()):
            return None
        # What is spent at the end of March is no last payment.
        if found["end"] and not stems(self.question) & BALANCE:
            return None
        words = stems(found[0])
        is_other = any(words & own for row in self.ledger.cell_stems for own in row)
        return None if is_other or words & stems(" ".join(self.ledger.fields)) else found

    @cached_property
    def text(self) -> str:
        """The question without its period, limits and places in an order."""
        if self.order:
            return f"{self.order.string[: self.order.start()]} {self.order.string[self.order.end() :]}"
        return self.limit.rest if self.limit else self._rest

    @cached_property
    def extreme(self) -> Extreme | None:
        """The most or the least, if that is asked for and is no column's name."""
        text = self.text
        text = _COMPOUND.sub(r"\1e ", text)
        how = compared_in(text)
        if how is None:
            return None
        measure, is_more, match = how
        ends, asked = _ENDS[not is_more], stems(text)
        names = [stems(BRACKETS.sub("", name)) for name in self.ledger.fields]
        if stems(match[0]) & ends and any(own & ends and own - ends <= asked for own in names):
            return None
        before, behind = text[: match.start()], text[match.end() :]
        rank = _RANK.search(before)
        if rank is None:
            return Extreme(measure, is_more, f"{before} {behind}")
        rest = f"{before[: rank.start()]} {rank['of_nth'] or rank['of_top'] or ''} {behind}"
        if rank["nth"]:
            return Extreme(measure, is_more, rest, 1 if rank["second"] else 2)
        return Extreme(measure, is_more, rest, 0, _number(rank["top"]))

    @cached_property
    def is_lacking(self) -> bool:
        """Whether it asks for what has nothing in a column; *without lamp* may be what a column is called."""
        found = LACKS.search(self.text)
        return bool(found and found[0].casefold() not in words_of(" ".join(self.ledger.fields)))

    @cached_property
    def words(self) -> frozenset[str]:
        """The words that say which rows and columns are meant."""
        rest = self.extreme.rest if self.extreme else self.text
        for pattern in (TOTAL, MEAN, DIFFERENT, *[LACKS] * self.is_lacking):
            rest = pattern.sub(" ", rest)
        return stems(" ".join(subject_words(rest)))

    @cached_property
    def named(self) -> dict[int, frozenset[str]]:
        """The columns that the question names, with its words for them; "kilometres" for one in km, too."""
        others = self.words - stems(" ".join(self.ledger.fields))
        units = {word: value(f"1 {word}", ".") for word in words_of(self.text) if stems(word) & others}
        named = {}
        for column, name in enumerate(self.ledger.fields):
            own = stems(name)
            words = {word for word in self.words if any(is_alike(word, one) for one in own)}
            whole = stems(BRACKETS.sub("", name))
            words |= {
                word for names in _ENDS if own & names and whole - names <= self.words for word in self.words & names
            }
            # What is ordered is not what is ordered at least.
            limits = own & LIMITS
            if limits and not words & frozenset().union(*_ENDS) and not any(starmap(is_alike, product(words, limits))):
                words = set()
            if kind := next(filter(None, self.ledger.amounts.get(column, ())), None):
                alike = (word for word, unit in units.items() if unit and _has_unit(kind, unit))
                words |= stems(" ".join(alike))
            # The weight with the lamp is not that without.
            if (lacking := LACKS.search(name)) and lacking[0].casefold() not in words_of(self.text):
                said = frozenset(one for one in whole if any(is_alike(one, word) for word in self.words))
                words = words if whole - stems(lacking[0]) - said else set()
            named[column] = frozenset(words)
        return {column: words for column, words in named.items() if words}

    @cached_property
    def rows_called(self) -> frozenset[str]:
        """What rows may be called, whatever they are about."""
        has_money = any(dimension_of(own).startswith("money") for own in self.ledger.amounts.values())
        return ROWS | _PAYMENTS if has_money else ROWS

    @cached_property
    def is_about(self) -> bool:
        """Whether all words name columns, cells or what the table is about."""
        ledger = self.ledger
        cells = (own for row in ledger.cell_stems for own in row)
        return self.words <= WORDS.union(self.rows_called, stems(ledger.about), *self.named.values(), *cells)

    @property
    def has_choice(self) -> bool:
        """Whether more than words of cells says which rows are meant."""
        return bool(self.limit or self.period or self.across or self.order)

    def chosen(self) -> tuple[list[int], set[int]] | None:
        """The rows that are meant, and the columns whose cells say so; None where a word is not understood, or no row is meant."""
        ledger, rows = self.ledger, self._within()
        if _OTHERS.search(self.text) or not rows:
            return None
        filters: dict[int, set[int]] = {}
        """The rows that a column's cells allow."""
        yes_or_no = [column for column in self.named if column in ledger.texts and ledger.is_yes_or_no(column)]
        if self.is_lacking:
            lacking = yes_or_no or [column for column in self.named if any(ledger.lacks(row, column) for row in rows)]
            if len(lacking) != 1:
                return None
            filters[lacking[0]] = {row for row in rows if ledger.lacks(row, lacking[0])}
        else:
            filters |= {column: {row for row in rows if ledger.has_yes(row, column)} for column in yes_or_no}
        if (stated := self.stated(self.words)) is None:
            return None
        for column, words in stated.items():
            if column not in filters or not self.is_lacking:
                filters[column] = self._with_words(column, words)
        known = WORDS.union(*(own for words in stated.values() for own in words), *self.named.values())
        if left := self.words - known - stems(ledger.about) - self.rows_called:
            having = [column for column in ledger.texts if any(left <= row[column] for row in ledger.cell_stems)]
            if len(having) != 1 or having[0] in filters or left <= _ORDER_WORDS or all(map(str.isdecimal, left)):
                return None
            filters[having[0]] = {row for row, own in enumerate(ledger.cell_stems) if left <= own[having[0]]}
            cells = {ledger.cells[row][having[0]] for row in filters[having[0]]}
            # Ann Lee and Tom Lee
            if len(cells) > 1 and all(word[0].isupper() for cell in cells for word in cell.split()):
                return None
        rows = [row for row in rows if all(row in own for own in filters.values())]
        if self.order:
            rows = self._at_end(rows)
        return (rows, set(filters)) if rows else None

    def stated(self, asked: frozenset[str]) -> dict[int, list[frozenset[str]]] | None:
        """The words of whole cells among some words, by columns; None where they may be of another column, too."""
        ledger, stated = self.ledger, dict[frozenset[str], set[int]]()
        for column in ledger.texts:
            for own in {row[column] for row in ledger.cell_stems}:
                if own and own <= asked and self._is_clear(column, own):
                    stated.setdefault(own, set()).add(column)
        found: dict[int, list[frozenset[str]]] = {}
        for own, columns in stated.items():
            if any(own < other for other in stated):
                continue
            first = min(columns)
            others = (column for column in ledger.texts if column != first)
            # Emma, and Emma Stone
            if len(columns) > 1 or any(
                own <= stems(row[column].partition(" ")[0]) for column in others for row in ledger.cells
            ):
                return None
            found.setdefault(first, []).append(own)
        return found

    def _is_clear(self, column: int, own: frozenset[str]) -> bool:
        """Whether a number alone is one of a column: a year, or what the question says as it stands there and the column's name."""
        if not all(word.isdecimal() for word in own) or all(len(word) == _YEAR_DIGITS for word in own):
            return True
        cells = {
            row[column]
            for row, words in zip(self.ledger.cells, self.ledger.cell_stems, strict=True)
            if words[column] == own
        }
        return column in self.named and any(cell.casefold() in self.text.casefold() for cell in cells)

    def _with_words(self, column: int, words: Sequence[frozenset[str]]) -> set[int]:
        """The rows whose cell of a column has just these words; if cells differ in little words, those that the question has."""
        text, found = self.text.casefold(), set[int]()
        for own in words:
            cells = {
                row: self.ledger.cells[row][column].strip().casefold()
                for row, stated in enumerate(self.ledger.cell_stems)
                if stated[column] == own
            }
            said = max((cell for cell in {*cells.values()} if cell in text), key=len, default="")
            found |= {row for row, cell in cells.items() if said in ("", cell)}
        return found

    def _within(self) -> list[int]:
        """The rows within the period and the limit, and with more in one column than in another; none where that is not clear."""
        ledger = self.ledger
        rows = list(range(len(ledger.things)))
        if self.period:
            columns = self.days()
            # Who is there since 2024 did not come in 2025.
            is_since = self.period.high is None and any(_SINCE.search(ledger.fields[column]) for column in columns)
            if len(columns) != 1 or is_since or not self.period.fits(ledger.days[columns[0]]):
                return []
            days = ledger.days[columns[0]]
            rows = [row for row in rows if (day := days[row]) and self.period.has(day)]
        if (flow := flow_in(self.question, ledger)) is not None:
            rows = [row for row in rows if ledger.amounts[flow][row]]
        if self.across:
            one_column, other_column, holds, _ = self.across
            pairs = ((row, ledger.amounts[one_column][row], ledger.amounts[other_column][row]) for row in rows)
            rows = [row for row, one, other in pairs if one and other and holds(one.size, other.size)]
        return self._limited(self.limit, rows) if self.limit else rows

    def _limited(self, limit: Limit, rows: Sequence[int]) -> list[int]:
        """Of some rows those that lie within a limit; none where it is not clear in which column."""
        amounts = self.clocks() if limit.bound.dimension == "clock" else self.ledger.amounts
        values = {column: own for column, own in amounts.items() if dimension_of(own) == limit.bound.dimension}
        values = {column: own for column, own in values.items() if column in self.named} or values
        if len(values) != 1:
            return []
        (own,) = values.values()
        if self.ledger.is_mixed(rows):
            return []
        return [row for row in rows if (one := own[row]) and limit.holds(one)]

    def _at_end(self, rows: Sequence[int]) -> list[int]:
        """The first or the last of some rows; none where that is not clear."""
        assert self.order is not None
        columns, times = self.days(), next(iter(self.clocks().values()), None)
        days = [self.ledger.days[column] for column in columns]
        keys: dict[int, tuple[float, ...]] = {}
        for row in rows:
            known = [(own.year or 0, own.month, own.day) for one in days if (own := one[row])]
            clock = times and times[row]
            if len(known) == len(days) and (clock or not times):
                keys[row] = (*(number for own in known for number in own), clock.size if clock else 0.0)
        # Days with and without a year have no order.
        if len(columns) > 1 or (columns and len({key[0] > 0 for key in keys.values()}) > 1):
            return []
        best = (min if self.order["first"] else max)(keys.values(), default=())
        found = [row for row, key in keys.items() if key == best]
        return found if len(found) == 1 else []

    def columns_of_values(self) -> list[int]:
        """The columns whose values may be meant."""
        amounts, fields = self.ledger.amounts, self.ledger.fields
        money = [column for column, own in amounts.items() if dimension_of(own).startswith("money")]
        money = [column for column in money if column in self.named or not self.is_balance(column)]
        words = [own for column, own in self.named.items() if column in amounts]
        named = [
            column for column in amounts if (own := self.named.get(column)) and not any(own < one for one in words)
        ]
        flow = flow_in(self.question, self.ledger)
        money = money if named or flow is None else [flow]
        columns = named or money or [*amounts]
        if not _PAID.search(self.text):
            totals = [column for column in columns if SUMMARY.match(fields[column])]
            is_price = self.extreme and self.extreme.measure is PRICE
            return columns if named or is_price else totals or columns
        prices = [column for column in amounts if column in money or stems(fields[column]) & _AMOUNT]
        columns = [column for column in columns if column in prices] or prices
        # Of a column with "free" beside its prices no values are read.
        prices = columns if named or len(money) < len(columns) else [*columns, *self.ledger.texts]
        return [column for column in prices if column in columns or self.ledger.has_money(column)]

    def is_balance(self, column: int) -> bool:
        """Whether a column has what is left, which has no sum."""
        return bool(stems(self.ledger.fields[column]) & BALANCE)

    def days(self) -> list[int]:
        """The columns with days that are named, or those that are called so."""
        days, fields = self.ledger.days, self.ledger.fields
        called = [column for column in days if _ANY_DAY.search(fields[column])]
        return (
            self._named_in(days)
            or called
            or [column for column in days if len(days) == 1 and _BEGINS.search(fields[column])]
        )

    def clocks(self) -> dict[int, list[Value | None]]:
        """The columns with times of day that are named, or the first of them."""
        columns = [column for column in self.ledger.texts if self.ledger.is_clock(column)]
        chosen = self._named_in(columns) or columns[:1]
        return {column: [clock_of(row[column]) for row in self.ledger.cells] for column in chosen}

    def _named_in(self, columns: Iterable[int]) -> list[int]:
        """Of some columns those that the question names."""
        words, fields = stems(self.question), self.ledger.fields
        return [column for column in columns if any(starmap(is_alike, product(words, stems(fields[column]))))]


def _has_unit(one: Value, unit: Value) -> bool:
    return one.dimension == unit.dimension and one.number * unit.size == one.size * unit.number


def _number(text: str) -> int:
    return NUMERALS[text.casefold()] if text.casefold() in NUMERALS else int(text)
