"""Which columns of values a question means: two that it compares, or those of what came in and what was spent.

It does not say of which rows. In English, German, French and Spanish.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import product, starmap
from typing import NamedTuple

from reader.answering.extractive.limits import ABOVE, BELOW, limit_in
from reader.answering.text.ledgers import Ledger
from reader.answering.text.measures import HOW_MUCH, LESS, MORE, compared_in
from reader.answering.text.records import BRACKETS, is_alike, stems
from reader.answering.text.values import Value
from reader.answering.text.words import words_of

_MORE = rf"{MORE}|more|mehr|plus|supérieure?s?|meilleure?s?|más|superior(?:es)?"
_LESS = rf"{LESS}|less|fewer|weniger|moins|inférieure?s?|menos|inferior(?:es)?"
_THAN = r"(?: \S{1,30}){0,8}? (?:than|als|que|qu(?=['’]))['’]?"
_ACROSS = re.compile(
    rf"(?<!\w)(?:(?P<more>{ABOVE}|exceed(?:s|ed)?|überschr[ie]+ten|dépassent|dépassé|superan?|superó|superaron|(?:{_MORE}){_THAN})"
    rf"|{BELOW}|(?:{_LESS}){_THAN})(?:(?!\w)|(?<=['’]))",
    re.I,
)
_REORDERED = re.compile(
    r"\b(?:(?:needs?|have|has|must|should)(?: to)?(?: be)? (?:re-?order\w*|order\w*|restock\w*|replenish\w*)(?: again)?"
    r"|(?:(?:müssen|muss|sind) )?(?:nachbestell\w*(?: werden)?|nachzubestellen)"
    r"|réapprovision\w+|recommander|(?:re|volver a )pedir|reponer)\b",
    re.I,
)
_FULL = re.compile(
    r"\b(?:full|fully booked|sold out|ausgebucht|voll|complets?|complètes?|complet[oa]s|llen[oa]s)\b", re.I
)
_SEATS = stems("places seats spaces capacity plätze kapazität capacité plazas")
_LAST_YEAR = stems(
    "last this previous current year season vorjahr dieses jahr letztes dernière année cette pasado año este"
)
_WORD = re.compile(r"\w+(?:/\d+)?")
_LEAST = stems("reorder reordering minimum min mindestbestand meldebestand mindestmenge seuil mínimo")
_IN_STOCK = stems("stock hand bestand lagerbestand vorrat quantity qty menge existencias cantidad quantité")
LIMITS = stems(
    """
    budget limit minimum maximum max min target plan planned reorder capacity places seats spaces quota allowance
    threshold mindestbestand meldebestand grenzwert soll ziel plätze kapazität seuil limite objectif capacité presupuesto límite
    objetivo plazas
    """
)
"""What a column is called that others are held against."""
USED = stems(
    """
    spent used booked taken sold actual registered participants ausgegeben verbraucht gebucht belegt verkauft ist angemeldet
    dépensé utilisé réservé vendu inscrits gastado usado reservado vendido inscritos
    """
)
"""What a column is called that says how much of it is gone."""
SPENT = re.compile(
    r"\b(?:spent|paid|received|raised|did\b.*\b(?:spend|pay|get|receive|raise|give|donate)|ausgegeben"
    r"|eingenommen|(?:be)?zahlte?n?|(?:be)?gezahlt|bezahlt|gebucht|dépensée?s?|payée?s?"
    r"|gast(?:ó|aron|ado)|pag(?:ó|aron|ado))\b",
    re.I,
)
_RECEIVED = re.compile(
    r"\b(?:received|receive|raised|earned|came in|income|eingenommen|einnahmen?|reçu\w*|encaiss\w+|recettes?|recib\w+|ingres\w+)\b",
    re.I,
)
PAYS = re.compile(
    rf"{SPENT.pattern}|\b(?:payments?|expenses?|ausgaben?|zahlung(?:en)?|dépenses?|paiements?|gastos?|pagos?)\b", re.I
)
_IN = frozenset(
    words_of("in credit credits deposits received income haben einnahmen eingang crédit recettes abono ingresos")
)
_OUT = frozenset(
    words_of("out debit debits withdrawals spent expenses soll ausgaben ausgang débit dépenses cargo gastos")
)
"""What columns are called where money comes in and goes out."""


class Across(NamedTuple):
    """Two columns that are compared."""

    left: int
    right: int
    holds: Callable[[float, float], bool]
    rest: str
    """The question without that."""


def across_in(text: str, ledger: Ledger) -> Across | None:
    """The columns of a table that a question compares, such as what was spent and the budget; None where it is not clear."""
    if found := _REORDERED.search(text):
        before = text[: found.start()]
        left, right, holds = called(_IN_STOCK, ledger), called(_LEAST, ledger), operator.lt
        right = [column for column in right if not re.search(r"\border", ledger.fields[column], re.I)]
        # What is to be ordered again at 20 is so with 20, what has at least 20 is not.
        if any(re.search("order|melde", ledger.fields[column], re.I) for column in right):
            holds = operator.le
    elif found := _FULL.search(text):
        before = text[: found.start()]
        left, right, holds = called(USED, ledger), called(_SEATS, ledger), operator.ge
    elif (found := _ACROSS.search(text)) and not limit_in(text):
        right = _most_named(text[found.end() :], ledger)
        left = _most_named(text[: found.end()], ledger, right)
        pair = _alike_of(text, found, ledger) if len(right) > 1 else None
        left, right = pair or (left, right)
        if len(right) == 1 and not left and stems(ledger.fields[right[0]]) & LIMITS:
            alike = [column for column in _like(right[0], ledger) if column not in right]
            left = alike if len(alike) == 1 else [column for column in called(USED, ledger) if column in alike]
        if len(right) == 1 and not left and _of_when(right[0], ledger) != stems(ledger.fields[right[0]]):
            alike = [
                column for column in _like(right[0], ledger) if _of_when(column, ledger) == _of_when(right[0], ledger)
            ]
            left = [column for column in alike if column not in right]
        holds = operator.gt if found["more"] else operator.lt
        # A word before "more" that stands nowhere, such as *scored*, says what the columns have.
        known = stems(" ".join(ledger.fields)).union(*(own for row in ledger.cell_stems for own in row))
        before = text[: found.start()]
        if not HOW_MUCH.fullmatch(before.rstrip()):
            before = re.sub(r"(?<= )[a-zß-ÿ]+ \Z", lambda word: word[0] if stems(word[0]) & known else "", before)
        before += found[0].partition(" ")[2].rpartition(" ")[0] if pair else ""
    else:
        return None
    rest = f"{before} {text[found.end() :]}"
    left = [column for column in left if column not in right]
    if len(left) != 1 or len(right) != 1 or left[0] not in _like(right[0], ledger):
        return None
    return Across(left[0], right[0], holds, without(stems(f"{ledger.fields[left[0]]} {ledger.fields[right[0]]}"), rest))


def flow_in(text: str, ledger: Ledger) -> int | None:
    """The column of what came in, or of what went out, if a question asks for the one and a table has both."""
    named = {column: {*words_of(ledger.fields[column])} for column in ledger.amounts}
    flows = [[column for column, words in named.items() if words & names] for names in (_IN, _OUT)]
    if any(len(columns) != 1 for columns in flows):
        return None
    asks = _RECEIVED.search(text), PAYS.search(text)
    return next((columns[0] for columns, found in zip(flows, asks, strict=True) if found), None)


def called(names: frozenset[str], ledger: Ledger) -> list[int]:
    """The columns of values whose names have one of some words."""
    return [column for column in ledger.amounts if stems(ledger.fields[column]) & names]


def _alike_of(text: str, found: re.Match[str], ledger: Ledger) -> tuple[list[int], list[int]] | None:
    """Two columns that a text compares and that differ in its words before and behind *than* alone: in summer, in winter."""
    measure, (before, behind) = compared_in(found[0]), (stems(text[: found.end()]), stems(text[found.end() :]))
    names = {column: stems(BRACKETS.sub("", ledger.fields[column])) for column in ledger.amounts}
    if measure and measure[0].all_names:
        names = {column: own for column, own in names.items() if own & measure[0].all_names} or names
    shares = {
        (left, right): len(names[left] & names[right] & before)
        for left, right in product(names, names)
        if (one := names[left] - names[right]) and (other := names[right] - names[left])
        if one <= before and other <= behind
    }
    best = [pair for pair, share in shares.items() if share == max(shares.values())]
    return ([best[0][0]], [best[0][1]]) if len(best) == 1 else None


def _like(column: int, ledger: Ledger) -> list[int]:
    """The columns with values that can be compared with those of one."""
    kind = dimension_of(ledger.amounts[column])
    return [other for other, own in ledger.amounts.items() if dimension_of(own) == kind]


def _of_when(column: int, ledger: Ledger) -> frozenset[str]:
    """The words of a column's name without those for this or the last year."""
    return stems(ledger.fields[column]) - _LAST_YEAR


def _most_named(text: str, ledger: Ledger, left_out: Sequence[int] = ()) -> list[int]:
    """The columns of values that most words of a text name."""
    words, columns = stems(text), [column for column in ledger.amounts if column not in left_out]
    shares = {
        column: sum(any(is_alike(word, one) for one in stems(ledger.fields[column])) for word in words)
        for column in columns
    }
    most = max(shares.values(), default=0)
    return [column for column, share in shares.items() if most and share == most]


def dimension_of(values: Iterable[Value | None]) -> str:
    """The dimension of values, which all have the same."""
    return next((one.dimension for one in values if one), "")


def without(words: frozenset[str], text: str) -> str:
    """A text without the words that are like some."""
    return _WORD.sub(lambda word: "" if any(starmap(is_alike, product(stems(word[0]), words))) else word[0], text)
