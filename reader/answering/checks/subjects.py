"""Values that a text gives for something else: "£85 a week" to what the skipper's salary is, where that is the hire of a dinghy.

Small decoders name some number where the document does not answer. Of 1,776 such answers of people in SQuAD 2.0 dev and in the
encyclopaedia of SQuADShifts 10 stand in a sentence that has nothing to do with their question, the one before it neither. By words
alone, in English, German, French and Spanish. It runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from reader.answering.checks.prices import MANY_NAMES
from reader.answering.passages import Passage, Source
from reader.answering.text.languages import is_written_in
from reader.answering.text.numerals import ANY_NUMERAL
from reader.answering.text.records import heading_above, stems
from reader.answering.text.words import STOP_WORDS, subject_words
from reader.reading import sentences
from storage import PageRecord

_ASKS = re.compile(
    r"\W*(?:(?:and|but|so|und|et|y) )?(?:(?P<en>how (?:much|many|old|long|far|tall|high|deep|wide|big|large|heavy|fast|often)"
    r"|(?:what|which) (?:is|was|are|were|does|do|did|year|number|amount|price|fee|date|day)|when|(?:on|in|at) (?:what|which))"
    r"|(?P<de>wie ?(?:viele?|alt|lange?|hoch|weit|groß|schwer|oft|lautet|teuer)|was (?:kostet|kosten|ist)|wann"
    r"|(?:in|an) welche[mr])|(?P<fr>combien|quel(?:le)?s? (?:est|sont|âge|jour|année)|quand|en quelle année)"
    r"|(?P<es>cuánt[oa]s?|cuál es|qué (?:edad|día|precio)|cuándo|en qué))(?!\w)",
    re.I,
)
_NUMBER = re.compile(rf"\d[\d.,]*\d|\d|\b(?:{ANY_NUMERAL})\b", re.I)
_SIZE = re.compile(r"\W*(?:(?:and|but|so) )?how (?:long|far|tall|high|deep|wide|old|heavy|fast)\b", re.I)
_COUNTS = re.compile(
    rf" (?!(?:{'|'.join(STOP_WORDS)}|wide|long|tall|high|deep|old|today|plus|percent|(?:min|sec|hr|yr|lb|second|minute|hour|day"
    r"|week|month|year|mile|yard|knot)s?|feet|foot|mph)\b)[a-z]{3,}"
)
"""What a number counts, behind it: nine people, and not nine or nine metres; in English."""
_OLD = re.compile(r"\b(?:old|alt|âge|edad)\b", re.I)
_AGE = r"\b(?:aged?|ages|years? old|born|birth\w*|alter|jahre alt|geboren|ans|âge|née?|edad|años|nacid[oa])\b"
_I = r"\b(?:I|my|we|our|ich|wir|nous)\b"
_SAYS_WHO, _SAYS_WHO_OR_AGE = re.compile(_I), re.compile(f"{_I}|(?i:{_AGE})")
"""A text by somebody about himself seldom names what is asked about; nor does a least age."""
_MOST_WORDS = 5
_BEFORE_CHARS, _BEHIND_CHARS = 500, 300
_MOST_PLACES, _FIRST_PAGES = 200, 5
_SAME_LETTERS = 4
_GENERAL = stems(
    """
    cost costs price pay paid old age long far take takes name called number day date year time month tall high deep wide big large
    heavy fast often weigh amount total must need needs muss dürfen doit faut debe
    kostet kosten alt lang lange dauert lautet nummer jahr tag preis hoch weit groß schwer
    der die das dem den des ein eine einen einer le la les el los las un une una
    coûte coûtent âge prix nom numéro jour année dure cuesta cuestan edad nombre precio día año dura
    """
)
"""Words that say which kind of value is asked for, and not of what."""


def is_of_another(
    question: str, answer: str, looked: Sequence[Passage], sources: Sequence[Source], before: str = ""
) -> bool:
    """Whether an answer is a number that stands only where documents say nothing of what a question asks about, or count something,
    which is no length or age.

    That is the sentence with the number, the one before it, the heading above, and the head of its table. The documents have to be
    in the language of the question.

    Args:
        looked: the passages that the answer may be from: if their pages have the number, no others count.
        before: the turns before the question, which may say what *it* is.
    """
    number, asks = _NUMBER.search(answer), _ASKS.match(question)
    if number is None or asks is None or len(answer.split()) > _MOST_WORDS or MANY_NAMES.search(question):
        return False
    asked = _roots(" ".join(subject_words(f"{question} {before}")))
    printed = re.compile(rf"(?<![\w.,]){re.escape(number[0])}(?!\w|[.,]\d)", re.I)
    pages = [page for source in sources for page in source.pages if printed.search(page.text)]
    own = [
        page for page in pages if any(one.page == page.number and one.document_id == page.document_id for one in looked)
    ]
    near = list(islice((one for page in own or pages for one in _around(page, printed)), _MOST_PLACES + 1))
    is_alike = is_written_in(
        str(asks.lastgroup), " ".join(page.text for source in sources for page in source.pages[:_FIRST_PAGES])
    )
    said = _SAYS_WHO_OR_AGE if _OLD.search(question) else _SAYS_WHO
    is_known = bool(asked) and is_alike and 0 < len(near) <= _MOST_PLACES
    is_size = _SIZE.match(question) and _NUMBER.fullmatch(answer.strip(" ."))
    return is_known and not any(
        (asked & _roots(text) or said.search(text)) and not (is_size and _COUNTS.match(behind)) for text, behind in near
    )


def _roots(text: str) -> frozenset[str]:
    return frozenset(word[:_SAME_LETTERS] for word in stems(text) - _GENERAL if len(word) > 1)


def _around(page: PageRecord, printed: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """What stands around each place of a number, and behind it."""
    for found in printed.finditer(page.text):
        first = max(0, found.start() - _BEFORE_CHARS)
        window = page.text[first : found.end() + _BEHIND_CHARS]
        spans = list(sentences(window))
        own = max((number for number, (start, _) in enumerate(spans) if first + start <= found.start()), default=0)
        near = [window[slice(*span)] for span in spans[max(0, own - 1) : own + 1]]
        block = page.text[: found.start()].rpartition("\n\n")[2]
        head = block.partition("\n")[0] if " | " in near[-1] else ""
        line = page.text.rfind("\n", 0, found.start()) + 1
        around = " ".join([*near, head, *heading_above(page, page.start_char + line)])
        yield around, page.text[found.end() : found.end() + _BEHIND_CHARS]
