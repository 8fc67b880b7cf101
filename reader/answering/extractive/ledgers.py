"""What the rows of a table give together, without a decoder: how much was spent on travel in March, how many loans Ida had, which
wines are from the Loire, what the largest expense was.

The rows that a question means are those with its words in their cells, or with the day, month or year that it names. It asks for
their sum, mean or number, for the most or the least, or for what other cells of them have. All words must be understood, and all
tables that understand them say the same; otherwise the decoder answers. In English, German, French and Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from reader.answering.extractive.comparisons import FIRST, HOW_MANY, MOST_CHARS, MOST_LISTED, OWN_WORDS, PAYING, Found
from reader.answering.extractive.limits import YEAR, Limit, limit_in, moment_of
from reader.answering.extractive.overview import Overview
from reader.answering.passages import Passages, Source
from reader.answering.text.days import Period, period_in
from reader.answering.text.ledgers import Ledger
from reader.answering.text.measures import HOW_MUCH, NUMBER, PRICE, Measure, compared_in
from reader.answering.text.records import stems
from reader.answering.text.values import Value, value
from reader.answering.text.words import STOP_WORDS, bare, subject_words, words_of

_OTHERS = re.compile(
    r"\b(?:except|both|either|or|than|before|after|since|until|between|over|under|least|up to|oder|vor|nach|seit|bis|zwischen"
    r"|mehr als|ou|avant|après|depuis|entre|antes|después|desde|hasta|this (?:year|month|week)|only|others?|else|same|most often"
    r"|mentioned|how (?:much|many) (?:more|less|fewer)|nur|andere[nrs]?|häufigsten|seul\w*|autres?|plus souvent|sólo|otr[oa]s?)\b"
    r"|^will\b",
    re.I,
)
_LACKS = re.compile(
    r"\b(?:not?|never|without|out of|nicht|nie|keine?\w*|ohne|pas|sans|jamais|nunca|sin)\b|n['’]t\b", re.I
)
"""Only a column of which some rows have nothing, or 0, can be meant."""
_TOTAL = re.compile(
    r"\b(?:in total|total(?: of)?|altogether|in all|sum(?: of)?|insgesamt|zusammen|summe|gesamt\w*"
    r"|en tout|au total|somme|en total|suma)\b",
    re.I,
)
_MEAN = re.compile(
    r"\b(?:on average|average|mean|(?:im )?durchschnitt\w*|en moyenne|moyenne?|(?:de )?promedio|(?:de )?media)\b", re.I
)
_PER = re.compile(
    r"\b(?:per|each|every|apiece|pro (?=tag|woche|monat|jahr|person|kopf|stück)|chaque|chacune?|cada|jede[nrsm]?)\b",
    re.I,
)
"""Only a column that says so, too, can be meant."""
_ALL = re.compile(r"\b(?:all|every|alle[nr]?|tou(?:s|tes)|tod[oa]s)\b", re.I)
_HOW_OFTEN = re.compile(r"\W*(?:how often|how many times|wie oft|combien de fois|cuántas veces)\b", re.I)
_SPENT = re.compile(
    r"\b(?:spent|paid|received|raised|did\b.*\b(?:spend|pay|get|receive|raise|give|donate)|ausgegeben"
    r"|eingenommen|(?:be)?zahlte?n?|(?:be)?gezahlt|bezahlt|gebucht|dépensée?s?|payée?s?"
    r"|gast(?:ó|aron|ado)|pag(?:ó|aron|ado))\b",
    re.I,
)
_PAID = re.compile(rf"{PAYING.pattern}|\bhow much (?:is|are|was|were)\b", re.I)
_AMOUNT = PRICE.all_names | stems("amount sum total betrag summe montant importe")
"""What a column of amounts of money may be called."""
_QUANTITY = stems(
    "quantity qty amount number count total sum sold stock pieces units menge anzahl stück summe quantité nombre cantidad número"
)
"""What a column may be called that says how many of what a row names."""
_BALANCE = stems("balance kontostand saldo solde")
"""A column that is called so has no sum."""
_MEASURED = ("mass", "volume", "money", "time")
"""Values of these are no numbers of things."""
_NAME = re.compile(r"(?<=\s)[^\W\d_](?=\w)\w+")
_WHO = re.compile(r"\W*(?:who|whom|wer|wen|wem|qui|quién(?:es)?)(?!\w)", re.I)
_DID = re.compile(
    r"\b(?:did|do|done|paid|bought|spent|booked|bezahlt|gekauft|gemacht|gebucht|payé|acheté|fait|pagó|compró|hizo)\b",
    re.I,
)
_COSTS = re.compile(r"\W*(?:what|was|que|qué)\b.*\b(?:costs?|price|kostet|preis|coûte|prix|cuesta|precio)\b", re.I)
_WHAT = re.compile(r"\W*(?:what|which|was|welche[rsn]?|qu['’ e]|quel(?:le)?s?|qué|cuál(?:es)?)(?!\w)", re.I)
_WHERE = re.compile(r"\W*(?:where|wo|où|dónde)\b", re.I)
_WHEN = re.compile(
    r"\W*(?:when|(?:on |an |à |en )?(?:which|what|welche[nm]|quel(?:le)?s?|qué)"
    r" (?:days?|dates?|tage?n?|datum|jours?|días?|fechas?)|wann|quand|cuándo)\b",
    re.I,
)
_WORDS = OWN_WORDS | stems(
    """
    spend spent buy bought book booked go went gone come came make made do done get got amount amounts money value often times time
    day days date dates row rows entry entries record records item against average
    ausgegeben eingenommen gebucht bezahlt gezahlt gekauft hoch wie viel viele oft betrag beträge tag datum kommen stammen war waren
    wurde wurden gegen aller
    combien fois montant jour date viennent vient provient tout a-t-il y contre
    cuántas veces importe día fecha vienen contra
    """
)
"""What questions for the rows of a table have, whatever it is about."""
_ROWS = stems("row entry record eintrag einträge zeile ligne entrée fila")
_PAYMENTS = stems("payment transaction expense booking buchung zahlung ausgabe paiement dépense pago gasto") - stems(
    "book"
)
"""What rows are called whose table has no name for them; the latter if they have amounts of money."""
_ROWS_CALLED = (
    ("Zeilen", re.compile(r"\W*(?:wie|was|welche\w*|wann|wo)\b", re.I)),
    ("lignes", re.compile(r"\W*(?:combien|quel\w*|quand|que)\b|\W*qu['’]", re.I)),
    ("filas", re.compile(r"\W*(?:cuá\w+|qué)\b", re.I)),
)
_PLACES = stems(
    "shelf place location room site box bin regal ort platz raum lager rayon lieu emplacement salle estante lugar sala"
)
"""What a column may be called that says where something is."""
_LEAST_LETTERS = _YEAR_DIGITS = 4
_MOST_PLACES = 50
"""So many rows are shown as evidence at most."""

_Answer = tuple[str, Found]


def recorded(question: str, sources: Sequence[Source], passages: Passages) -> Overview | None:
    """The answer to a question for what rows of a table give together; None where it is not sure."""
    is_read = all(source.is_read for source in sources)
    text, by_id = bare(question), {source.document_id: source for source in sources}
    limit = limit_in(text)
    text = limit.rest if limit else text
    if not is_read or len(question) > MOST_CHARS or _OTHERS.search(text) or _has_common_name(text):
        return None
    said = dict(filter(None, (_Asked(text, limit, by_id[each], ledger).answer() for each, ledger in passages.ledgers)))
    if len(said) != 1:
        return None
    ((answer, found),) = said.items()
    return Overview(answer, tuple(replace(found, things=found.things[:_MOST_PLACES]).places)) if answer else None


@dataclass(frozen=True)
class _Asked:
    """What a question asks of one table."""

    text: str
    """The question, without its limit."""
    limit: Limit | None
    source: Source
    ledger: Ledger

    @cached_property
    def _period(self) -> Period | None:
        return period_in(self.text) if self.ledger.days else None

    @cached_property
    def _extreme(self) -> tuple[Measure, bool, re.Match[str]] | None:
        """What is compared if the most or the least is asked for, whether it is the most, and the words that say so."""
        return None if _TOTAL.search(self.text) or HOW_MUCH.match(self.text) else compared_in(self.text)

    @cached_property
    def _words(self) -> frozenset[str]:
        """The words that say which rows and columns are meant."""
        rest = _MEAN.sub(" ", _TOTAL.sub(" ", self._period.rest if self._period else self.text))
        rest = rest.replace(self._extreme[2][0], " ") if self._extreme else rest
        return stems(" ".join(subject_words(rest)))

    @cached_property
    def _named(self) -> dict[int, frozenset[str]]:
        """The columns that the question names, with its words for them; "kilometres" for one in km, too."""
        units = {word: value(f"1 {word}", ".") for word in words_of(self.text)}
        named = {}
        for column, name in enumerate(self.ledger.fields):
            own = stems(name)
            words = {word for word in self._words if any(_is_alike(word, one) for one in own)}
            if kind := next(filter(None, self.ledger.amounts.get(column, ())), None):
                words |= stems(
                    " ".join(word for word, unit in units.items() if unit and unit.dimension == kind.dimension)
                )
            named[column] = frozenset(words)
        return {column: words for column, words in named.items() if words}

    @cached_property
    def _rows_called(self) -> frozenset[str]:
        """What rows may be called, whatever they are about."""
        has_money = any(_dimension(own).startswith("money") for own in self.ledger.amounts.values())
        return _ROWS | _PAYMENTS if has_money else _ROWS

    def answer(self) -> _Answer | None:
        """The answer, and the rows that it is from."""
        chosen = self._chosen()
        if chosen is None:
            return None
        rows, filters = chosen
        named = " ".join(self.ledger.fields[column] for column in self._named)
        if _PER.search(self.text) and not _PER.search(named):
            return None
        has_rows = bool(filters or self._period or self.limit)
        if self._counts(rows, filters):
            return (str(len(rows)), self._found(rows)) if has_rows and self._are_different(rows) else None
        asks = (_TOTAL.search, _MEAN.search, HOW_MUCH.match, _COSTS.match)
        if self._extreme or any(ask(self.text) for ask in asks):
            return self._of_values(rows, filters, has_rows=has_rows)
        return self._of_cells(rows, filters) if has_rows else None

    def _chosen(self) -> tuple[list[int], set[int]] | None:
        """The rows that are meant, and the columns whose cells say so; None where a word is not understood, or no row is meant."""
        ledger = self.ledger
        rows = list(range(len(ledger.things)))
        if self._period:
            columns = self._days()
            if len(columns) != 1:
                return None
            days = ledger.days[columns[0]]
            rows = [row for row in rows if (day := days[row]) and self._period.has(day)]
        if self.limit:
            rows = self._within(self.limit, rows)
        filters: dict[int, set[int]] = {}
        """The rows that a column's cells allow."""
        yes_or_no = [column for column in self._named if column in ledger.texts and ledger.is_yes_or_no(column)]
        if _LACKS.search(self.text):
            lacking = yes_or_no or [column for column in self._named if any(ledger.lacks(row, column) for row in rows)]
            if len(lacking) != 1:
                return None
            filters[lacking[0]] = {row for row in rows if ledger.lacks(row, lacking[0])}
        else:
            filters |= {column: {row for row in rows if ledger.has_yes(row, column)} for column in yes_or_no}
        if (stated := self._stated()) is None:
            return None
        for column, words in stated.items():
            filters[column] = self._with_words(column, words)
        known = _WORDS.union(*(own for words in stated.values() for own in words), *self._named.values())
        if left := self._words - known - stems(ledger.about) - self._rows_called:
            having = [column for column in ledger.texts if any(left <= row[column] for row in ledger.cell_stems)]
            if len(having) != 1 or having[0] in filters or all(word.isdecimal() for word in left):
                return None
            filters[having[0]] = {row for row, own in enumerate(ledger.cell_stems) if left <= own[having[0]]}
            cells = {ledger.cells[row][having[0]] for row in filters[having[0]]}
            # Ann Lee and Tom Lee
            if len(cells) > 1 and all(word[0].isupper() for cell in cells for word in cell.split()):
                return None
        rows = [row for row in rows if all(row in own for own in filters.values())]
        return (rows, set(filters)) if rows else None

    def _stated(self) -> dict[int, list[frozenset[str]]] | None:
        """The words of whole cells that the question has, by columns; None where they may be of another column, too."""
        ledger, stated = self.ledger, dict[frozenset[str], set[int]]()
        for column in ledger.texts:
            for own in {row[column] for row in ledger.cell_stems}:
                if own and own <= self._words and self._is_clear(column, own):
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
        return column in self._named and any(cell.casefold() in self.text.casefold() for cell in cells)

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

    def _within(self, limit: Limit, rows: Sequence[int]) -> list[int]:
        """Of some rows those that lie within a limit; none where it is not clear in which column."""
        if limit.bound.dimension == "day":
            values = {column: self._moments(column, has_year=limit.bound.size > YEAR) for column in self._days()}
        else:
            amounts = self.ledger.amounts.items()
            values = {column: own for column, own in amounts if _dimension(own) == limit.bound.dimension}
            values = {column: own for column, own in values.items() if column in self._named} or values
        if len(values) != 1:
            return []
        (own,) = values.values()
        return [row for row in rows if (one := own[row]) and limit.holds(one)]

    def _moments(self, column: int, *, has_year: bool) -> list[Value | None]:
        """The days of a column to be compared with one that has a year or not; None where they cannot be."""
        days = self.ledger.days[column]
        years = {day.year for day in days if day}
        if None in years if has_year else len(years) > 1:
            return [None] * len(days)
        return [day and moment_of(day if has_year else day._replace(year=None)) for day in days]

    def _counts(self, rows: Sequence[int], filters: set[int]) -> bool:
        """Whether the question asks how many rows there are."""
        if _HOW_OFTEN.match(self.text):
            return True
        if not (how_many := HOW_MANY.match(self.text)):
            return False
        counted = next((own for own in map(stems, how_many["what"].split()) if own & self._words), frozenset[str]())
        values = [words for column, words in self._named.items() if column in self.ledger.amounts]
        if any(counted & words for words in values) or (values and len(rows) == 1):
            return False
        named = (words for column, words in self._named.items() if column not in filters)
        # Where several columns have numbers of them, the heading's name for them is none for its rows.
        numbers = [own for own in self.ledger.amounts.values() if not _dimension(own)]
        about = stems(self.ledger.about) if self.ledger.labels and len(numbers) < 2 else frozenset[str]()
        return bool(counted & self._rows_called.union(about, *named))

    def _are_different(self, rows: Sequence[int]) -> bool:
        """Whether rows are as many as the things that are counted: two loans may be of one book."""
        how_many = HOW_MANY.match(self.text)
        noun = stems(how_many["what"].split()[0]) if how_many else frozenset[str]()
        columns = [column for column, words in self._named.items() if noun & words and column in self.ledger.texts]
        return all(self.ledger.is_unique(column, rows) for column in columns[:1])

    def _of_values(self, rows: Sequence[int], filters: set[int], *, has_rows: bool) -> _Answer | None:
        """The sum, the mean, the most or the least of a column; of one row the value."""
        amounts = self.ledger.amounts
        money = [column for column, own in amounts.items() if _dimension(own).startswith("money")]
        money = [column for column in money if column in self._named or not self._is_balance(column)]
        columns = [column for column in amounts if column in self._named] or money or [*amounts]
        if _PAID.search(self.text):
            prices = [column for column in amounts if column in money or stems(self.ledger.fields[column]) & _AMOUNT]
            columns = [column for column in columns if column in prices] or prices
            # Of a column with "free" beside its prices no values are read.
            prices = columns if any(column in self._named for column in columns) else [*columns, *self.ledger.texts]
            columns = [column for column in prices if column in columns or self.ledger.has_money(column)]
        if len(columns) != 1 or columns[0] not in amounts or self._is_no_count(columns[0]):
            return None
        read = [row for row in rows if amounts[columns[0]][row]]
        found = self._found(read, columns[0])
        if not found.values:
            return None
        if len(read) > 1 and self.ledger.is_mixed(read):
            return None
        if self._extreme:
            return self._most(found, read, filters)
        if len(read) == 1:
            return found.with_unit(found.values[0].printed), found
        total = sum(one.number for one in found.values)
        # The prices of a list have no sum.
        is_whole = has_rows or bool(self.ledger.days or HOW_MANY.match(self.text) or _ALL.search(self.text))
        if _MEAN.search(self.text) and not self._is_balance(found.field):
            return (self._with_count(found, total / len(read)), found) if is_whole else None
        is_total = bool(_TOTAL.search(self.text) or _SPENT.search(self.text))
        are_alike = len({one.number for one in found.values}) == 1
        # What came in and what was spent, shares and balances have no sum.
        has_none = found.values[0].dimension == "share" or self._is_balance(found.field)
        has_none |= bool(_SPENT.search(self.text)) and len({one.number < 0 for one in found.values}) > 1
        if is_total or (HOW_MANY.match(self.text) and not are_alike):
            return (self._with_count(found, total), found) if is_whole and not has_none else None
        return self._each(found, read) if has_rows else None

    def _is_balance(self, column: int) -> bool:
        return bool(stems(self.ledger.fields[column]) & _BALANCE)

    def _is_no_count(self, column: int) -> bool:
        """Whether how many are asked for, and a column says how heavy they are, is of others, or has their numbers, as of rooms."""
        if not (how_many := HOW_MANY.match(self.text)):
            return False
        kind = _dimension(self.ledger.amounts[column])
        units = (value(f"1 {word}", ".") for word in words_of(self.text))
        if kind.partition(" ")[0] in _MEASURED and not any(unit and unit.dimension == kind for unit in units):
            return True
        noun, name = how_many["what"].split()[0].casefold(), self.ledger.fields[column]
        if column not in self._named:
            return not stems(name) & _QUANTITY
        return not kind and noun not in words_of(name) and stems(noun) <= stems(name)

    def _with_count(self, found: Found, number: float) -> str:
        """A sum or a mean, with the number of its rows, as not all of them may be shown."""
        called = next((rows for rows, begins in _ROWS_CALLED if begins.match(self.text)), "rows")
        printed = found.printed(number, least=int(number != int(number)))
        return f"{printed} ({len(found.values)} {called})" if printed else ""

    def _each(self, found: Found, rows: Sequence[int]) -> _Answer | None:
        """The values of a few rows with the cells that they differ in, or the one value of all."""
        cells = self.ledger.cells
        said = [found.with_unit(one.printed) for one in found.values]
        if len({*said}) == 1:
            return said[0], found
        differing = [column for column in self.ledger.texts if len({cells[row][column] for row in rows}) > 1]
        texts = [", ".join(cells[row][column] for column in differing) for row in rows]
        if len(rows) > MOST_LISTED or len({*texts}) < len(texts):
            return None
        return ", ".join(f"{one} ({text})" for one, text in zip(said, texts, strict=True)), found

    def _most(self, found: Found, rows: Sequence[int], filters: set[int]) -> _Answer | None:
        """The most or the least with the cells beside it, or the one cell there that is asked for."""
        assert self._extreme is not None
        measure, is_more, _ = self._extreme
        if found.field not in self._named and not measure.fits_unnamed(found.values[0]):
            return None
        size = (max if is_more else min)(one.size for one in found.values)
        best = [row for row, one in zip(rows, found.values, strict=True) if one.size == size]
        is_who = bool(_WHO.match(self.text))
        asked = [column for column in self._named if column not in {found.field, *filters, *self.ledger.amounts}]
        asked = [column for column in asked if not (is_who and self.ledger.is_code(column))]
        asked = self._days() if _WHEN.match(self.text) else asked
        if len(best) > 1 or len(rows) < 2 or len(asked) > 1 or _MEAN.search(self.text):
            return None
        # Who ordered most may have ordered twice.
        are_unique = {column: self.ledger.is_unique(column, rows) for column in asked or self.ledger.labels}
        if measure is NUMBER and (asked or is_who) and not any(are_unique.values()):
            return None
        label = next(filter(self.ledger.is_unique, self.ledger.labels), None)
        cells = self._beside(best[0], self.ledger.amounts) if label is None else [self.ledger.cells[best[0]][label]]
        printed = found.with_unit(self.ledger.cells[best[0]][found.field])
        said = self.ledger.cells[best[0]][asked[0]] if asked else f"{printed} ({', '.join(cells)})"
        return said, self._found(best, found.field)

    def _of_cells(self, rows: Sequence[int], filters: set[int]) -> _Answer | None:
        """What other cells of the rows have; of one row, if none is named, all that are texts."""
        ledger = self.ledger
        if _WHEN.match(self.text):
            columns = [column for column in self._named if ledger.is_clock(column)] or self._days()
        elif _WHERE.match(self.text):
            columns = [column for column in ledger.texts if stems(ledger.fields[column]) & _PLACES]
        else:
            named = {column: len(own) for column, own in self._named.items() if column not in {*filters, *ledger.days}}
            best = [column for column, count in named.items() if count == max(named.values())]
            # Which books were borrowed: not by whom.
            noun = stems(which["noun"]) if (which := FIRST.match(self.text)) else frozenset[str]()
            columns = [column for column in best if column or not ledger.is_code(column)]
            columns = columns or [column for column in best if noun & self._named[column]]
            if noun and not any(noun & words for words in self._named.values()):
                columns = []
            if not columns and _WHAT.match(self.text):
                is_sure = bool(noun & _WORDS) or _LACKS.search(self.text)
                unique = [*filter(ledger.is_unique, ledger.labels)]
                firsts = ledger.labels[:1]
                columns = [one for one in firsts if one not in filters and (is_sure or unique == firsts)]
        if len(columns) == 1:
            said = list(dict.fromkeys(cell for row in rows if (cell := ledger.cells[row][columns[0]].strip())))
            found = self._found(rows, columns[0])
            return (", ".join(map(found.with_unit, said)), found) if 0 < len(said) <= MOST_LISTED else None
        is_clear = self.limit or self._period or _DID.search(self.text)
        if columns or not (is_clear and _WHAT.match(self.text)) or len(rows) > MOST_LISTED:
            return None
        if len(rows) > 1:
            return "; ".join(", ".join(self._beside(row, filters)) for row in rows), self._found(rows)
        return ", ".join(self._beside(rows[0], filters | {*ledger.days, *ledger.amounts})), self._found(rows)

    def _days(self) -> list[int]:
        """The columns with days that are named, or all."""
        return [column for column in self.ledger.days if column in self._named] or [*self.ledger.days]

    def _beside(self, row: int, left_out: Iterable[int]) -> list[str]:
        """The cells of a row in other columns."""
        return [cell for column, cell in enumerate(self.ledger.cells[row]) if cell.strip() and column not in left_out]

    def _found(self, rows: Sequence[int], column: int = 0) -> Found:
        """These rows, with their values of a column that has values."""
        known, things = self.ledger.amounts.get(column, ()), self.ledger.things
        values = tuple(one for row in rows if known and (one := known[row]))
        return Found(self.source, self.ledger, tuple(things[row] for row in rows), values, column)


def _has_common_name(text: str) -> bool:
    """Whether a name in a question is also a word that says nothing, such as Will."""
    return any(name[0].isupper() and name.casefold() in STOP_WORDS for name in _NAME.findall(text))


def _dimension(values: Iterable[Value | None]) -> str:
    return next(one.dimension for one in values if one)


def _is_alike(word: str, other: str) -> bool:
    """Whether two words without their endings are the same, or begin with the same letters: *borrow* and *Borrower*."""
    least = max(_LEAST_LETTERS, min(len(word), len(other)) - 1)
    return word == other or (len(word) >= least and word[:least] == other[:least])
