"""Names in answers: one that stands nowhere, a year or a bullet before one, a last name that is left out, and authors' names, whole
and without the marks behind them.

Small decoders know names from elsewhere, and give one where a passage has none. Seen by words alone, in English; names that are
inflected or spelt with other signs count as the same. It runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reader.answering.refusal import says_nothing
from reader.answering.text.numerals import SMALL_NUMBERS
from reader.answering.text.words import STOP_WORDS, words_of
from reader.reading import TITLES

_WORD = re.compile(r"(?<![\w'’.-])[^\W\d_]\w*(?:['’-]\w+)*")
_ENGLISH = frozenset(
    {"the", "of", "is", "are", "did", "does", "do", "who", "whose", "what", "which", "when", "where", "how"}
)
_NUMERAL = re.compile(r"[IVXLCDM]+")
_DATE_WORD = re.compile(
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?"
    r"|dec(?:ember)?|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|yes|no|none|because",
    re.I,
)
_SENTENCE = re.compile(r"[^\w.]*[^\W\d_a-z][\w'’-]*,? [^\WA-Z]")
"""A word that has its capital from standing first, perhaps."""
_MOST_WORDS = 8
"""People put things in their own words in longer answers, and give them capitals of their own."""
_SAME_LETTERS = 4
"""Words that begin with so many letters alike may be forms of one name: German, Germany."""

_START_CHARS = 12
_NO_FIRST_NAMES = STOP_WORDS | {
    "author",
    "authors",
    "written",
    "edited",
    "translated",
    "dr",
    "prof",
    "mr",
    "mrs",
    "ms",
    "sir",
}

_WHO = re.compile(r"\W*(?:(?:and|but|und|et|y|e) )?(?:who|by whom|wer|qui|qui[eé]n(?:es)?|chi|quem|wie)\b", re.I)
_BEFORE_NAME = re.compile(r"\W*(?:(?:1\d|20)\d\d,?|\d{1,2}[.)]|[•*·–—-]) (?=[^\W\d_a-z])")
"""A year, the number of an item or a bullet."""

_MARKS = re.compile(r"(?<=[^\W\d_])(?:\s?\[[\w*†‡§,]{1,5}\]|[∗*†‡§¶#$+⋆✝])+(?=\s*(?:[,;&]|and\b|und\b|et\b|y\b|$))")

_NAME_WORD = r"[^\W\d_a-zß-ÿ](?:\.|(?:[^\W_]|[’'-]){0,80})"  # with an end: a text may have no spaces
_LAST_NAME = r"[^\W\d_a-zß-ÿ](?:[^\W_]|[’'-]){1,40}"
_TITLED = rf"(?:(?i:{'|'.join(TITLES)})\.)"
_PARTICLE = r"(?i:de|del|della|da|di|du|des|van|von|der|den|la|le|y|of|the)"
_GAP = r"[ \t]+"
_BETWEEN = rf"(?:{_GAP}(?:{_PARTICLE}{_GAP}){{0,2}}|(?<=\.)|(?<=[ .][A-Z]\.)\n)"
NAME = rf"(?<![^\W_])(?:{_TITLED}{_GAP}){{0,2}}{_NAME_WORD}(?:{_BETWEEN}{_NAME_WORD}){{0,6}}"
"""The pattern of a name in a line: seven words at most, each with a capital, with titles, initials and particles."""


def invents_name(answer: str, known: str, question: str) -> bool:
    """Whether a short answer has a name that stands nowhere in the text it was made from; only of English questions and texts."""
    names = [word for word in _WORD.findall(answer) if word[0].isupper()]
    if _SENTENCE.match(answer):
        names = names[1:]
    if not names or len(answer.split()) > _MOST_WORDS:
        return False
    stated = words_of(known)
    if not (_ENGLISH.intersection(stated) and _ENGLISH.intersection(words_of(question))):
        return False
    beginnings = {word[:_SAME_LETTERS] for word in stated}
    initials = "".join(word[0] for word in stated)

    def stands(name: str) -> bool:
        said = name.casefold()
        is_plain = len(said) == 1 or said in STOP_WORDS or said in SMALL_NUMBERS
        if is_plain or _DATE_WORD.fullmatch(name) or _NUMERAL.fullmatch(name) or (name.isupper() and said in initials):
            return True
        return all(len(part) == 1 or part[:_SAME_LETTERS] in beginnings for part in words_of(name))

    return not all(stands(name) for name in names)


def asks_who(question: str) -> bool:
    """Whether a question asks who."""
    return bool(_WHO.match(question))


def bare_name(answer: str, question: str) -> str:
    """An answer to who without the year, the bullet or the number of an item before a name: *Remedios Villalba* for "2015 Remedios
    Villalba"."""
    found = _BEFORE_NAME.match(answer) if asks_who(question) else None
    return answer[found.end() :] if found else answer


def with_last_name(answer: str, question: str, passage: str) -> str:
    """An answer to who that is a first name alone, with the last name that follows in the passage: *Ines Fell* for "Ines". Others
    stay, also where two names follow in two places."""
    first = answer.strip().rstrip(".")
    if not asks_who(question) or first == first.lower() or not _WORD.fullmatch(first):
        return answer
    found = re.finditer(rf"(?<![\w.’'-]){first}(?P<last>(?:[ \n][A-Z]\.)?[ \n]{_LAST_NAME})(?![\w’'-])", passage)
    last = {" ".join(one["last"].split()) for one in found}
    return f"{first} {last.pop()}" if len(last) == 1 else answer


def authors(names: str, passage: str) -> str:
    """Names of authors as a passage has them: from a first name that was left out, and without marks that lead to notes."""
    start = re.escape(names[:_START_CHARS])
    found = re.search(rf"(?<!\w)(?P<first>[A-Z][\w’'-]+ (?:[A-Z]\. ?)*){start}", passage) if start else None
    whole = (
        f"{found['first']}{names}" if found and found["first"].split()[0].casefold() not in _NO_FIRST_NAMES else names
    )
    return _MARKS.sub("", whole)


def author_in_properties(answer: str, named: Sequence[str], front: str) -> str:
    """An answer to who wrote the document, corrected by its file's properties.

    An answer that has one of their names stays. If the document's beginning has all of their names, these are the answer. Else they
    are the answer only in place of one that says nothing.

    Args:
        named: whom the properties name.
        front: the document's first characters.
    """
    names, said = ", ".join(named), answer.casefold()
    if not named or any(name.split()[-1].casefold() in said for name in named):
        return answer
    if all(" ".join(name.split()) in " ".join(front.split()) for name in named):
        return names
    return f"{names}, according to the file's properties." if says_nothing(answer) else answer
