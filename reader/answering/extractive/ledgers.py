"""What the rows of a table give together, without a decoder: how much was spent on travel in March, how many loans Ida had, which
wines are from the Loire, what the largest expense was.

Which rows are meant says `rows`. A question asks for their sum, mean or number, for their share or how much more that is than
that of others, for the most or the least, or for what other cells of them have. All tables that understand it must say the same;
otherwise the decoder answers. In English, German, French and Spanish.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from reader.answering.extractive.columns import LIMITS, PAYS, SPENT, USED, called, dimension_of, without
from reader.answering.extractive.comparisons import DIFFERENT, FIRST, HOW_MANY, MOST_CHARS, MOST_LISTED, Found
from reader.answering.extractive.overview import Overview
from reader.answering.extractive.rows import MEAN, ROWS, TOTAL, WORDS, Rows
from reader.answering.passages import Passages, Source
from reader.answering.refusal import NOT_SAID
from reader.answering.requests import is_yes_or_no
from reader.answering.text.days import period_in
from reader.answering.text.languages import YES_OR_NO, language_of
from reader.answering.text.measures import HOW_MUCH, NUMBER, PRICE
from reader.answering.text.records import stems
from reader.answering.text.values import value
from reader.answering.text.words import STOP_WORDS, bare, words_of

_PER = re.compile(
    r"\b(?:per|each|every|apiece|pro (?=tag|woche|monat|jahr|person|kopf|stück)|chaque|chacune?|cada|jede[nrsm]?)\b",
    re.I,
)
"""Only a column that says so, too, can be meant."""
_ALL = re.compile(r"\b(?:all|every|alle[nr]?|tou(?:s|tes)|tod[oa]s)\b", re.I)
_HOW_OFTEN = re.compile(r"\W*(?:how often|how many times|wie oft|combien de fois|cuántas veces)\b", re.I)
_QUANTITY = stems(
    "quantity qty amount number count total sum sold stock pieces units menge anzahl stück summe quantité nombre cantidad número"
)
"""What a column may be called that says how many of what a row names."""
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
_ROWS_CALLED = {"en": "rows", "de": "Zeilen", "fr": "lignes", "es": "filas"}
_INVERTED = re.compile(r"(?:l[ae]s? |l['’]|une? |ce(?:tte|s)? )[^?]{1,80}?\w-(?:t-)?(?:ils?|elles?)\b", re.I)
"""A French question for yes or no with its noun first."""
_TABLE = stems("table tabelle tableau tabla")
_PERSONS = stems(
    """
    name player member person employee student pupil teacher driver helper volunteer guest customer patient tenant trainer runner
    spieler mitglied schüler mitarbeiter kunde élève membre joueur nom employé client nombre alumno jugador miembro socio empleado
    """
)
"""What a column may be called that says who somebody is."""
_PLACES = stems(
    "shelf place location room site box bin regal ort platz raum lager rayon lieu emplacement salle estante lugar sala"
)
"""What a column may be called that says where something is."""
_ACT_LETTERS = 5
_MOST_PLACES = 50
"""So many rows are shown as evidence at most."""

_SHARE = re.compile(
    r"\W*(?:what|which|how (?:much|large|big|high)|wie ?viel|wie (?:hoch|groß)|welche[rn]?|quel(?:le)?|qué|cuál)"
    r"(?: is| was| ist| war| est| es)?(?: an?| the| der| l[ae]| el)? ?"
    r"(?:share|percentage|proportion|per ?cent|prozent|anteil|pourcentage|part|porcentaje|proporción)\b(?P<rest>.+)",
    re.I,
)
_VERB = re.compile(
    r"\b(?:went|goes|go|is|are|was|were|did|does|do|has|have|comes?|came|belongs?|ging(?:en)?|geh(?:t|en)|ist|sind|war(?:en)?|hat"
    r"|haben|entf\w+|komm(?:t|en)|va|vont|est|sont|revient|ont|corresponden?|fue|es|son|tienen?)\b",
    re.I,
)
_MORE_BY = re.compile(
    r"(?P<begins>\W*(?:(?:by )?how (?:much|many)|(?:um )?wie ?viele?(?: \w+)?|cuánt[oa]s?(?: \w+)?"
    r"|combien(?= .* de (?:plus|moins) qu)))"
    r"(?: (?:(?P<more>more|mehr|más)|less|fewer|weniger|menos)(?P<left_a> .+?) (?:than|als|que) (?P<right_a>.+)"
    r"|(?P<left_b> .+?) de (?:(?P<plus>plus)|moins) qu(?:e |['’])(?P<right_b>.+))",
    re.I,
)
_ACT = re.compile(
    r"\W*(?:who|wer|qui|quién(?:es)?)\b.{0,80}?"
    r"\b(?P<act>approv\w+|authori[sz]\w+|audit\w+|genehmigt\w*|bewilligt\w*|approuv\w+|aprob\w+|autoriz\w+)",
    re.I,
)
"""What somebody does that no column stands for that is not called so: who paid for something has not approved it."""
_LEFT = re.compile(r"\b(?:left|remain(?:s|ing)?|unspent|übrig|noch frei|reste(?:nt)?|libres?|quedan?)\b", re.I)
"""In a question for how much of something is not gone."""


class _Answer(NamedTuple):
    """What is said, what it is made of, and the number that it is, if it is one."""

    text: str
    found: Found
    number: float | None = None


def recorded(question: str, sources: Sequence[Source], passages: Passages) -> Overview | None:
    """The answer to a question for what rows of a table give together; None where it is not sure."""
    is_read = all(source.is_read for source in sources)
    text, by_id = bare(question), {source.document_id: source for source in sources}
    if not is_read or len(question) > MOST_CHARS or _has_common_name(text):
        return None
    asked = (_Asked(text, ledger, by_id[document]).answer() for document, ledger in passages.ledgers)
    said = {answer.text: answer.found for answer in asked if answer}
    if not said and (act := _ACT.match(text)):
        begins, rest = act["act"][:_ACT_LETTERS].casefold(), text.replace(act["act"], "")
        is_said = any(begins in page.text.casefold() for source in sources for page in source.pages)
        is_about = any(Rows(rest, ledger).is_about for _, ledger in passages.ledgers)
        return Overview(NOT_SAID, ()) if is_about and not is_said else None
    if len(said) != 1:
        return None
    ((answer, found),) = said.items()
    return Overview(answer, tuple(replace(found, things=found.things[:_MOST_PLACES]).places)) if answer else None


@dataclass(frozen=True)
class _Asked(Rows):
    """What a question asks of one table."""

    source: Source

    def answer(self) -> _Answer | None:
        """The answer, and the rows that it is from."""
        if found := _SHARE.match(self.question):
            return self._share(found["rest"])
        if found := _MORE_BY.fullmatch(self.question):
            left, right = next((found[f"left_{one}"], found[f"right_{one}"]) for one in "ab" if found[f"right_{one}"])
            base = replace(self, question=f"{found['begins']}{left}")
            if apart := self._difference(base, right, is_more=bool(found["more"] or found["plus"])):
                return apart
        if HOW_MUCH.match(self.question) and (found := _LEFT.search(self.question)):
            rest = f"{self.question[: found.start()]} {self.question[found.end() :]}"
            return replace(self, question=rest)._left_over()
        if is_yes_or_no(self.question) or _INVERTED.match(self.question):
            return self._whether()
        if self._asks_for_size:
            return _Answer(str(len(self.ledger.things)), self._found(range(len(self.ledger.things))))
        chosen = self.chosen()
        if chosen is None:
            return None
        rows, filters = chosen
        named = " ".join(self.ledger.fields[column] for column in self.named)
        if _PER.search(self.text) and not _PER.search(named):
            return None
        has_rows = bool(filters or self.has_choice)
        if HOW_MANY.match(self.text) and DIFFERENT.search(self.text):
            columns = [column for column in self.named if column in self.ledger.texts and column not in filters]
            said = {self.ledger.cells[row][column].strip() for row in rows for column in columns} - {""}
            return _Answer(str(len(said)), self._found(rows)) if len(columns) == 1 and said else None
        if self._counts(rows, filters):
            is_clear = has_rows and self._are_different(rows)
            return _Answer(str(len(rows)), self._found(rows), len(rows)) if is_clear else None
        if self.across and HOW_MUCH.match(self.text):
            return self._apart(rows, self.across.left, self.across.right)
        if most := self._most_rows(rows, filters):
            return most
        asks = (TOTAL.search, MEAN.search, HOW_MUCH.match, _COSTS.match)
        if self.extreme or any(ask(self.text) for ask in asks):
            return self._of_values(rows, filters, has_rows=has_rows)
        return self._of_cells(rows, filters) if has_rows else None

    def _whether(self) -> _Answer | None:
        """Whether a row has something, where a column says yes or no."""
        ledger = self.ledger
        columns = [column for column in self.named if column in ledger.texts and ledger.is_yes_or_no(column)]
        if len(columns) != 1 or self.is_lacking or self.has_choice:
            return None
        others = replace(self, question=without(self.named[columns[0]], self.question))
        chosen = others.chosen()
        if not chosen or not chosen[1] or columns[0] in others.named:
            return None
        said = {ledger.has_yes(row, columns[0]) for row in chosen[0]}
        text = YES_OR_NO[language_of(self.question)][said == {False}]
        return _Answer(text, self._found(chosen[0], columns[0])) if len(said) == 1 else None

    @property
    def _asks_for_size(self) -> bool:
        """Whether it asks how many rows the table has, whatever they are."""
        how_many = HOW_MANY.match(self.text)
        words = self.words - WORDS
        return bool(how_many and words and words <= ROWS | _TABLE and stems(how_many["what"].split()[0]) & ROWS)

    def _share(self, rest: str) -> _Answer | None:
        """What some rows have of a column, or are of all rows."""
        amounts, asked = self.ledger.amounts, replace(self, question=f"How many {rest}")
        whole_of = replace(self, question=_VERB.split(rest, 1)[0])
        if whole_of.period or whole_of.stated(whole_of.words):  # of what was spent on travel
            return None
        # The expenses for rent are no number of payments.
        said = None if asked.words & self.rows_called else asked.answer()
        said = said or replace(self, question=f"How much in total {rest}").answer()
        if not said or not said.number or any(dimension_of(own) == "share" for own in amounts.values()):
            return None
        # The prices of a list have no sum.
        if said.found.field not in self.named and stems(said.found.name) & PRICE.all_names and said.found.values:
            return None
        rows = [row for row, one in enumerate(amounts.get(said.found.field, ())) if one] if said.found.values else []
        found = self._found(rows, said.found.field)
        things = found.things or self.ledger.things
        if any(one.number < 0 for one in found.values) or len(said.found.things) == len(things):
            return None
        whole = sum(one.number for one in found.values) or len(things)
        share = f"{100 * said.number / whole:.1f}".replace(".", self.ledger.decimal or ".")
        pair = (found.printed(each) if rows else f"{each:g}" for each in (said.number, whole))
        return _Answer(f"{share}% ({' / '.join(pair)})", said.found)

    def _difference(self, base: _Asked, right: str, *, is_more: bool) -> _Answer | None:
        """How much more one has than another."""
        text = base.instead(right)
        one, other = base.answer(), replace(base, question=text).answer() if text else None
        if not one or not other or one.number is None or other.number is None or one.found.field != other.found.field:
            return None
        size = (one.number - other.number) * (1 if is_more else -1)
        values = one.found.values + other.found.values
        found = replace(one.found, things=one.found.things + other.found.things, values=values)
        return _Answer(found.printed(size) if values else str(int(size)), found) if size > 0 else None

    def instead(self, right: str) -> str | None:
        """The question with another period or cell in place of its own; None where it has none of the kind."""
        if self.period:
            read = next(((one, period) for one in (right, f"in {right}") if (period := period_in(one))), None)
            return f"{self.period.rest} {read[0]}" if read and stems(read[1].rest) <= WORDS else None
        own, other = self.stated(self.words) or {}, self.stated(stems(right)) or {}
        named = frozenset().union(*(words for each in other.values() for words in each))
        said = own.get(next(iter(other)), []) if len(other) == 1 and stems(right) <= named | WORDS else []
        return f"{without(said[0], self.question)} {right}" if len(said) == 1 else None

    def _left_over(self) -> _Answer | None:
        """How much of one column another leaves."""
        chosen = self.chosen()
        wholes, parts = called(LIMITS, self.ledger), called(USED, self.ledger)
        return self._apart(chosen[0], wholes[0], parts[0]) if chosen and len(wholes) == len(parts) == 1 else None

    def _apart(self, rows: Sequence[int], column: int, other: int) -> _Answer | None:
        """How much more a row has in one column than in another."""
        values = [one for each in (column, other) for row in rows if (one := self.ledger.amounts[each][row])]
        if len(rows) != 1 or len(values) != 2 or values[0].dimension != values[1].dimension:
            return None
        size, found = values[0].number - values[1].number, self._found(rows, column)
        return _Answer(replace(found, values=tuple(values)).printed(size), found) if size >= 0 else None

    def _counts(self, rows: Sequence[int], filters: set[int]) -> bool:
        """Whether the question asks how many rows there are."""
        if _HOW_OFTEN.match(self.text):
            return True
        if not (how_many := HOW_MANY.match(self.text)):
            return False
        counted = next((own for own in map(stems, how_many["what"].split()) if own & self.words), frozenset[str]())
        values = [words for column, words in self.named.items() if column in self.ledger.amounts]
        if any(counted & words for words in values) or (values and len(rows) == 1):
            return False
        # The mornings of Jo are rows with Jo in the morning.
        stated = self.stated(self.words) or {}
        named = (words for column, words in self.named.items() if column not in filters or column in stated)
        # Where several columns have numbers of them, the heading's name for them is none for its rows.
        numbers = [own for own in self.ledger.amounts.values() if not dimension_of(own)]
        about = stems(self.ledger.about) if self.ledger.labels and len(numbers) < 2 else frozenset[str]()
        return bool(counted & self.rows_called.union(about, *named))

    def _are_different(self, rows: Sequence[int]) -> bool:
        """Whether rows are as many as the things that are counted: two loans may be of one book."""
        how_many = HOW_MANY.match(self.text)
        noun = stems(how_many["what"].split()[0]) if how_many else frozenset[str]()
        columns = [column for column, words in self.named.items() if noun & words and column in self.ledger.texts]
        return all(self.ledger.is_unique(column, rows) for column in columns[:1])

    def _of_values(self, rows: Sequence[int], filters: set[int], *, has_rows: bool) -> _Answer | None:
        """The sum, the mean, the most or the least of a column; of one row the value."""
        amounts, columns = self.ledger.amounts, self.columns_of_values()
        if len(columns) != 1 or columns[0] not in amounts or self._is_no_count(columns[0], filters):
            return None
        read = [row for row in rows if amounts[columns[0]][row]]
        found = self._found(read, columns[0])
        if not found.values:
            return None
        if len(read) > 1 and self.ledger.is_mixed(read):
            return None
        # The largest payment is no salary.
        has_both = bool(PAYS.search(self.text)) and len({one.number < 0 for one in found.values}) > 1
        if self.extreme:
            return None if has_both else self._most(found, read, filters)
        if len(read) == 1:
            return _Answer(self._printed(read[0], columns[0]), found, found.values[0].number)
        total = sum(one.number for one in found.values)
        # The prices of a list have no sum.
        is_whole = has_rows or bool(self.days() or HOW_MANY.match(self.text) or _ALL.search(self.text))
        if MEAN.search(self.text) and not self.is_balance(found.field):
            is_whole = is_whole or columns[0] in self.named
            return _Answer(self._with_count(found, total / len(read)), found) if is_whole else None
        is_total = bool(TOTAL.search(self.text) or SPENT.search(self.text))
        are_alike = len({one.number for one in found.values}) == 1
        # What came in and what was spent, shares and balances have no sum.
        has_none = found.values[0].dimension == "share" or self.is_balance(found.field)
        has_none |= has_both
        if is_total or (HOW_MANY.match(self.text) and not are_alike):
            return _Answer(self._with_count(found, total), found, total) if is_whole and not has_none else None
        return self._each(found, read) if has_rows else None

    def _printed(self, row: int, column: int) -> str:
        """A cell with its unit, which its column's name or another cell may have."""
        cell = self.ledger.cells[row][column].strip()
        unit = next((self.ledger.cells[row][one].strip() for one in self.ledger.units), "")
        is_number = column in self.ledger.amounts and self.ledger.amounts[column][row] is not None
        return f"{cell} {unit}".strip() if is_number and unit else self._found([row], column).with_unit(cell)

    def _is_no_count(self, column: int, filters: set[int]) -> bool:
        """Whether how many are asked for, and a column says how heavy they are, is of others, or has their numbers, as of rooms."""
        if not (how_many := HOW_MANY.match(self.text)):
            return False
        # How many moons somebody discovered is not how many the planet that he discovered has.
        is_by_verb = any(one in self.named and not self.ledger.is_yes_or_no(one) for one in filters)
        labels = [label for label in self.ledger.labels if self.ledger.is_unique(label)]
        if column in self.named and is_by_verb and labels and labels[0] not in filters and not self.ledger.days:
            return True
        kind = dimension_of(self.ledger.amounts[column])
        units = (value(f"1 {word}", ".") for word in words_of(self.text))
        if kind.partition(" ")[0] in _MEASURED and not any(unit and unit.dimension == kind for unit in units):
            return True
        noun, name = how_many["what"].split()[0].casefold(), self.ledger.fields[column]
        if column not in self.named:
            return not stems(name) & _QUANTITY
        return not kind and noun not in words_of(name) and stems(noun) <= stems(name)

    def _with_count(self, found: Found, number: float) -> str:
        """A sum or a mean, with the number of its rows, as not all of them may be shown."""
        called = _ROWS_CALLED.get(language_of(self.text), "rows")
        printed = found.printed(number, least=int(number != int(number)))
        return f"{printed} ({len(found.values)} {called})" if printed else ""

    def _each(self, found: Found, rows: Sequence[int]) -> _Answer | None:
        """The values of a few rows with the cells that they differ in, or the one value of all."""
        cells = self.ledger.cells
        rows = [row for row in rows if self.ledger.amounts[found.field][row]]
        said = [self._printed(row, found.field) for row in rows]
        if len({*said}) == 1:
            return _Answer(said[0], found)
        differing = [column for column in self.ledger.texts if len({cells[row][column] for row in rows}) > 1]
        texts = [", ".join(cells[row][column] for column in differing) for row in rows]
        if len(rows) > MOST_LISTED or len({*texts}) < len(texts):
            return None
        return _Answer(", ".join(f"{one} ({text})" for one, text in zip(said, texts, strict=True)), found)

    def _most(self, found: Found, rows: Sequence[int], filters: set[int]) -> _Answer | None:
        """The most or the least with the cells beside it, or the one cell there that is asked for."""
        assert self.extreme is not None
        measure, is_more, _, first, many = self.extreme
        if found.field not in self.named and not measure.fits_unnamed(found.values[0]):
            return None
        ranked = sorted(zip(found.values, rows, strict=True), key=lambda one: one[0].size, reverse=is_more)
        sizes, best = [one.size for one, _ in ranked], [row for _, row in ranked[first : first + many]]
        is_who = bool(_WHO.match(self.text))
        asked = [column for column in self.named if column not in {found.field, *filters, *self.ledger.amounts}]
        asked = [column for column in asked if not (is_who and self.ledger.is_code(column))]
        asked = self.days() if _WHEN.match(self.text) and self.ledger.days else asked
        # The second of two with as much is no second.
        ends = sizes[: first + 1] if first else [], sizes[first + many - 1 : first + many + 1]
        is_only = bool(filters) and first + many == len(rows) == 1  # the cheapest of those with a socket, if one has it
        are_clear = (len(best) == many < len(rows) or is_only) and all(len({*end}) == len(end) for end in ends)
        if not are_clear or len(asked) > 1 or MEAN.search(self.text):
            return None
        # Who ordered most may have ordered twice.
        are_unique = {column: self.ledger.is_unique(column, rows) for column in asked or self.ledger.labels}
        if measure is NUMBER and (asked or is_who) and not any(are_unique.values()):
            is_one = len(asked) == 1 and is_more and (first, many) == (0, 1)
            return self._most_together(asked[0], found, rows) if is_one else None
        cells = self.ledger.cells
        labels = [
            one for one in self.ledger.labels if self.ledger.is_unique(one) and all(row[one].strip() for row in cells)
        ]
        if asked:
            said = [cells[row][asked[0]] for row in best]
        else:
            beside = ([cells[row][labels[0]]] if labels else self._beside(row, self.ledger.amounts) for row in best)
            said = [
                f"{self._printed(row, found.field)} ({', '.join(own)})" for row, own in zip(best, beside, strict=True)
            ]
        return _Answer(", ".join(said), self._found(best, found.field))

    def _most_together(self, column: int, found: Found, rows: Sequence[int]) -> _Answer | None:
        """The cell whose rows have the most together, if one of them has the most, too."""
        if found.values[0].dimension == "share" or self.is_balance(found.field) or stems(found.name) & PRICE.all_names:
            return None
        sums = defaultdict[str, float](float)
        for row, one in zip(rows, found.values, strict=True):
            sums[self.ledger.cells[row][column]] += one.number
        (best, most), *others = sorted(sums.items(), key=lambda one: -one[1])
        largest, _ = max(zip(rows, found.values, strict=True), key=lambda one: one[1].size)
        is_clear = self.ledger.cells[largest][column] == best and all(most > other for _, other in others)
        own = [row for row in rows if self.ledger.cells[row][column] == best]
        return _Answer(best, self._found(own, found.field)) if is_clear and others else None

    def _most_rows(self, rows: Sequence[int], filters: set[int]) -> _Answer | None:
        """The cell that most rows have: the club with the most boats, of a table of boats."""
        if not self.extreme or self.extreme.measure is not NUMBER or self.extreme[3:] != (0, 1):
            return None
        noun = stems(which["noun"]) if (which := FIRST.match(self.text)) else frozenset[str]()
        groups = [column for column, words in self.named.items() if words & noun and column not in filters]
        counted = [column for column in self.named if column not in groups]
        if len(groups) != 1 or counted != self.ledger.labels[:1] or not self.ledger.is_unique(counted[0], rows):
            return None
        times = Counter(self.ledger.cells[row][groups[0]] for row in rows).most_common()
        (best, most), *others = times if self.extreme.is_more else times[::-1]
        if not others or others[0][1] == most:
            return None
        own = [row for row in rows if self.ledger.cells[row][groups[0]] == best]
        return _Answer(f"{best} ({most})", self._found(own))

    def _of_cells(self, rows: Sequence[int], filters: set[int]) -> _Answer | None:
        """What other cells of the rows have; of one row, if none is named, all that are texts."""
        ledger = self.ledger
        if _WHEN.match(self.text) and (
            times := [column for column in self.named if ledger.is_clock(column)] or self.days()
        ):
            columns = times
        elif _WHEN.match(self.text) and (self.order or not self.named):
            columns = [*self.clocks()]
        elif _WHERE.match(self.text):
            columns = [column for column in ledger.texts if stems(ledger.fields[column]) & _PLACES]
        else:
            columns = self._columns_asked(rows, filters)
        if len(columns) == 1:
            said = list(
                dict.fromkeys(self._printed(row, columns[0]) for row in rows if ledger.cells[row][columns[0]].strip())
            )
            found = self._found(rows, columns[0])
            return _Answer(", ".join(said), found) if 0 < len(said) <= MOST_LISTED else None
        is_clear = self.has_choice or _DID.search(self.text)
        if columns or not (is_clear and _WHAT.match(self.text)) or len(rows) > MOST_LISTED:
            return None
        if len(rows) > 1 or self.order:
            left_out = filters | {column for column in ledger.amounts if self.is_balance(column)}
            return _Answer("; ".join(", ".join(self._beside(row, left_out)) for row in rows), self._found(rows))
        return _Answer(", ".join(self._beside(rows[0], filters | {*ledger.days, *ledger.amounts})), self._found(rows))

    def _columns_asked(self, rows: Sequence[int], filters: set[int]) -> list[int]:
        """The columns whose cells a question asks for: those that it names, or what says what each row is."""
        ledger = self.ledger
        named = {
            column: (len(own), bool(own & stems(ledger.fields[column])))
            for column, own in self.named.items()
            if column not in {*filters, *ledger.days}
        }
        best = [column for column, share in named.items() if share == max(named.values())]
        # Which books were borrowed: not by whom.
        noun = stems(which["noun"]) if (which := FIRST.match(self.text)) else frozenset[str]()
        noun -= frozenset().union(*(own for words in (self.stated(self.words) or {}).values() for own in words))
        columns = [column for column in best if column or not ledger.is_code(column)]
        if _WHO.match(self.text):
            columns = [column for column in columns if not ledger.is_code(column)]
        columns = columns or [column for column in best if noun & self.named[column]]
        if noun and not any(noun & words for words in self.named.values()):
            columns = []
        unique = [*filter(ledger.is_unique, ledger.labels)]
        firsts = [one for one in ledger.labels[:1] if one not in filters]
        if not columns and _WHAT.match(self.text):
            is_sure = bool(noun & WORDS) or self.is_lacking
            return firsts if is_sure or unique == firsts else []
        if not columns and _WHO.match(self.text) and firsts == unique[:1]:
            return [one for one in firsts if stems(ledger.fields[one]) & _PERSONS]
        return columns

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
