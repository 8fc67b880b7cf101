"""The authors of a paper, who stand without a word between its title and its abstract.

Their lines hold nothing but names, with the marks that lead to notes. Institutions and addresses stand between these lines, and may
look like names. So a line below the first one counts only if the line above it ends with a comma, if it has marks or several names,
or if the next e-mail address has one of its names. It runs no decoder.
"""

from __future__ import annotations

import re

from reader.answering.checks.names import NAME
from reader.answering.text.words import words_of

_ABSTRACT = re.compile(
    r"^[^\w\n]*(?:\d[.\s]+)?(?:abstract|zusammenfassung|kurzfassung|résumé|resumen|sommario|riassunto)(?=[^\w\n]|$)",
    re.I | re.M,
)
_MARKS = re.compile(
    r"(?<=[^\W\d_.])(?:\.(?=\d))?(?:\s?(?:\[[\w*,]{1,5}\]|\(✉\)|[∗*†‡§¶#$+⋆✝✉⁰¹²³⁴⁵⁶⁷⁸⁹]|\d{1,2}(?:,\d{1,2})*(?!\w)))+"
)
_SPLIT = re.compile(r"\s*(?:[,;&|·•]|(?<![^\W_])(?i:and|und|et|y|e)(?![^\W_])|\s{2,})\s*")
_LAST_NAME_FIRST = re.compile(r"(?<![^;])\s*(?P<last>[^,;]+), (?P<first>[^,;\n]+)(?=;|\s*$)")
_NAME = re.compile(NAME)
_LABEL = re.compile(r"^\W*(?:by|authors?|von|par|por|di)\b:?\s+", re.I)
_DEGREE = re.compile(r"(?:ph\.? ?d|m\.? ?[ads]c?|dr|prof|[js]r|esq|iii?|member|fellow|senior member|ieee|acm)\.?", re.I)
_NO_PERSON = frozenset(
    """university universität université universidad università univ institute institut instituto institution istituto
    department dept departamento département faculty fakultät school college hochschule academy laboratory laboratories
    lab labs laboratoire center centre centro research corporation corp company inc llc ltd gmbh foundation hospital
    clinic ministry bank group team society association press journal proceedings conference workshop symposium report
    paper papers working series volume vol science sciences engineering technology technologies informatics computing
    systems street avenue road campus usa uk ai of the for on in google microsoft facebook amazon ibm openai deepmind
    version draft preprint arxiv thesis dissertation
    """.split()  # noqa: SIM905 - words are easier to read and to keep than quotation marks
)
_MAIL = re.compile(r"(?P<local>(?<![\w.+-])[\w.+-]+|\{[^{}\n]*\})\s?(?:@|\(at\)|\[at\])", re.I)
_ADDRESS = re.compile(r"(?:\{[^{}\n]*\}|(?<![\w.+-])[\w.+-]+)\s?@\S*")
_MOST_WORDS, _MOST_CHARS = 5, 60
_SAME_LETTERS = 4
"""An address that has so many letters of a name is that of its bearer."""


def byline(front: str) -> tuple[str, int, int] | None:
    """The authors between the title and the abstract of a paper: (names, start, end); None where no line is sure to hold them."""
    below = _ABSTRACT.search(front)
    if not below:
        return None
    text = _ADDRESS.sub("", front)
    names: list[str] = []
    start = end = at = 0
    goes_on = False
    for number, line in enumerate(front[: below.start()].splitlines(keepends=True)):
        place, at = at, at + len(line)
        label = _LABEL.match(line)
        found = _names(line[label.end() :] if label else line, text) if number else []
        is_sure = (
            not names
            or goes_on
            or len(found) > 1
            or _MARKS.search(line)
            or _has_address(found, front[at : below.start()])
        )
        if not found or not is_sure:
            goes_on = goes_on and not line.strip()
            continue
        start, end = (start if names else place), at
        names += found
        goes_on = line.rstrip().endswith((",", ";", " and", "&"))
    is_alone = len(names) == 1 and not _has_institution(front[end : below.start()])
    return None if not names or is_alone else (", ".join(_apart(names, front[end : below.start()])), start, end)


def _names(line: str, text: str) -> list[str]:
    """The names that a line consists of; none if it holds anything else."""
    line = _MARKS.sub(", ", line)
    if ";" in line:
        line = _LAST_NAME_FIRST.sub(r"\g<first> \g<last>", line)
    parts = [part.strip(" \t\n∗*†‡_#") for part in _SPLIT.split(line)]
    parts = [part for part in parts if part and not _DEGREE.fullmatch(part)]
    names = [part for part in parts if _is_person(part, text)]
    # A name may have its institution behind it.
    rest = [part for part in parts if part not in names and not _NO_PERSON.intersection(words_of(part))]
    return names if parts[:1] == names[:1] and not rest else []


def _is_person(name: str, text: str) -> bool:
    words = [*words_of(name), *name.casefold().split()]
    if (
        len(name) > _MOST_CHARS
        or not 2 <= len(name.split()) <= _MOST_WORDS
        or not _NAME.fullmatch(name)
        or _NO_PERSON.intersection(words)
    ):
        return False
    # What the text has with a small letter, too, is a word of the title.
    return not any(re.search(rf"(?<!\w){word}(?!\w)", text) for word in words if len(word) > 3)


def _has_address(names: list[str], below: str) -> bool:
    """Whether the next line with an e-mail address has a name in it."""
    address = _MAIL.search(below)
    letters = address["local"].casefold() if address else ""
    return any(
        word[:_SAME_LETTERS] in letters for name in names for word in words_of(name) if len(word) >= _SAME_LETTERS
    )


def _apart(names: list[str], below: str) -> list[str]:
    """The names, two of two words in each that has four where there are twice as many addresses: they stood in columns."""
    addresses = sum(one["local"].count(",") + 1 for one in _MAIL.finditer(below))
    words = [name.split() for name in names]
    if addresses != 2 * len(names) or any(len(own) != 4 for own in words):
        return names
    return [" ".join(half) for own in words for half in (own[:2], own[2:])]


def _has_institution(below: str) -> bool:
    """Whether a single name is followed by where its bearer works."""
    return bool(_NO_PERSON.intersection(words_of(below)) or _MAIL.search(below))
