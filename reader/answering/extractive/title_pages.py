"""Who wrote, translated, edited or illustrated a document, or wrote its introduction, by the credits of its first pages, or signs a
letter, and when it was written.

A credit is *by* and a name to the end of a line, as in "By / ADA OKE" or "With an introduction by Nell Varley", or a role, a colon
and a name, as in "Text und Fotos: Mirja Tann". What stands before *by* says the role; where that is the title or nothing, it is the
author. A name alone below the title is the author's, too, if it has an initial or stands beside a date. Whoever prepared or posted
a document is its author, if no other is named. Small decoders take any name near by. In English; it runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reader.answering.checks.names import NAME, author_in_properties
from reader.answering.passages import Source
from reader.answering.refusal import NOT_SAID
from reader.answering.text.days import DAY
from reader.answering.text.words import words_of

_ROLES = {
    "introduction": r"introduc\w+|prefaces?|prefatory|forewords?|afterwords?",
    "translator": r"translat\w+|englished|rendered",
    "editor": r"edit(?:ed|ors?)",
    "illustrator": r"illustrat\w+|drawings?|drawn|pictures?|(?:ink|from|with) sketches|etchings?|woodcuts?|frontispieces?"
    r"|photographs?",
    "author": r"authors?|written|compiled|collected|composed|narrated|(?:re)?told",
}
"""The words of a credit for each role; one credit may be for several."""
_DEGREES = r"(?:,[ \t]*(?:(?:[A-Z][A-Za-z]{0,4}\.[ \t]?)+|(?:[A-Z]{2,4}|Esq|Jr|Sr)\b))*"
_WITH_DEGREES = rf"(?:[Tt][Hh][Ee][ \t]+)?{NAME}{_DEGREES}"
_NAMES = rf"[*_~]*(?P<names>{_WITH_DEGREES}(?:(?:,?\s+(?i:and|&)\s+|[ \t]*[;,][ \t]+){_WITH_DEGREES})*)"
_END = r"[*_~]*(?=[ \t]*[.,;)\]]*[ \t]*(?:\n|\Z)|[,;(][^\n.]*(?:\n|\Z))"
_BY = re.compile(rf"(?P<before>[^\n]{{0,120}}?)(?<![\w-])(?i:by)\b:?\s*{_NAMES}{_END}")
_LABEL = re.compile(
    rf"^[ \t*#|]*(?P<before>(?i:authors?|translators?|editors?|illustrators?)(?:\(s\))?)[ \t*]*:[ \t*|]*{_NAMES}{_END}",
    re.M,
)
_WORDS_BY = re.compile(
    r"^[ \t*#|]*(?P<before>(?i:(?:words|text[eo]?|story)(?: (?:and|und|et|y|&|\+) (?:photos?|fotos?|photographs|pictures|bilder"
    rf"|drawings|zeichnungen|illustrations?|images|imágenes))?|autor(?:in|a)?|auteure?|verfasser(?:in)?))"
    rf"[ \t*]*:[ \t*|]*(?=\S+[ \t]){_NAMES}{_END}",
    re.M,
)
"""A label such as "Text:" and the author's name, which has two words at least."""
_MAYBE_AUTHOR = re.compile(r"\W*(?:prepared|posted|submitted|drafted)\W*", re.I)
"""Said of the author of a notice or a report. In other documents it may be somebody else, so any other credit comes first."""
_DATED_BY = re.compile(
    rf"^[ \t*_]*(?P<before>(?i:posted|prepared|submitted|drafted|written))[ \t]+(?i:by)[ \t]+{_NAMES}"
    r"[ \t]+(?i:on)[ \t]+[^\n]{0,20}\d",
    re.M,
)
_DATED = re.compile(
    r"^[ \t*#|]*(?i:date|dated|written|sent|posted|datum|fecha)[ \t*]*:[ \t*|]*(?:[^\W\d]{3,10},?[ \t]+)?"
    rf"(?P<date>(?i:{DAY}))",
    re.M,
)
_SIGNED = re.compile(
    rf"^[ \t]*(?i:yours \w+|(?:very )?(?:sincerely|faithfully|truly)(?: yours)?|(?:kind|best|warm)(?:est)? (?:regards|wishes)"
    rf"|regards|respectfully(?: submitted)?|mit freundlichen grüßen|cordialement|atentamente),?[ \t]*\n\s{{0,99}}{_NAMES}[ \t]*$",
    re.M,
)
_NOT_WRITING = r"\b(?:(?!written|compiled|collected|composed|narrated|retold)[a-z]{2,}ed|copyright|sold|borne)\b"
"""What else is done by somebody."""
_OTHER_WORK = re.compile(r"\b(?:printed|published|prepared|produced|sold)\b", re.I)
"""What never is an author's; a copyright may be, if no firm has it."""
_FIRM = re.compile(r"\b(?:co|company|sons|brothers|bros|inc|ltd|limited|press)\b", re.I)
_OTHER_ROLE = re.compile(
    rf"{_NOT_WRITING}|\b(?:edition|reprint|books|works|\d{{4}})\b|(?-i:^[a-z]|\b[a-z]\w* [a-z]\w* [a-z])|^with\b", re.I
)
_OTHER_LINE = re.compile(rf"\W*(?:{_NOT_WRITING})", re.I)
_ROLE_WORDS = "|".join(_ROLES.values())
_CREDIT_LINE = re.compile(rf"^\W*(?:with|{_ROLE_WORDS})\b|\b(?:with [\w ]+|{_ROLE_WORDS})\W*$", re.I)
"""Lines that lead to the *by* that the next line begins with."""
_DEGREE = r"(?:Esq|[JS]r|Ph\.? ?D|M\.? ?[AD]|LL\.? ?D|D\.? ?D)\b\.?"
_ALONE = re.compile(
    r"\A\s*(?P<title>[^\n]{1,90}(?:\n[^\n]{1,90}){0,3}?)\n(?:[ \t]*\n){0,3}[ \t*_]*"
    rf"(?P<names>(?!U\. ?S\.|(?i:by|book|chapter|part|volume|letter|section|act)\b){NAME}(?:,[ \t]*{_DEGREE})?)"
    r"[ \t*_]*(?=\n[^\n\d]*(?:\n|\Z)|\Z)"
)
_NAME_AND_DATE = re.compile(
    rf"\A\s*(?P<title>[^\n]{{1,90}}(?:\n[^\n]{{1,90}}){{0,3}}?)\n(?:[ \t]*\n){{0,3}}[ \t*_]*(?P<names>{NAME})[ \t*_]*\n"
    rf"(?:[ \t]*\n){{0,2}}[ \t*_]*(?i:{DAY})[ \t*_.]*(?:\n|\Z)"
)
_INITIAL = re.compile(r"(?<![^\W_])[A-Z]\.\s?(?:[A-Z]\.\s?)*[A-Z][^\W_]|, ")
"""What only people's names have: an initial before a name, or a degree behind one."""
_NO_TITLE = re.compile(rf"\b(?:{_ROLE_WORDS}|by|to|for|of|with|and|dear)\W*\Z", re.I)
_NO_NAME = re.compile(
    r"(?:an?(?!\.)|the(?! (?:rev|right|late)\b)|order|authority|permission|appointment|command|request|subscription|special|law|his"
    r"|her|him|himself|herself|one|various|many|several|virtue|way|what|which|act|means)\b",
    re.I,
)
_MAYBE_CREDIT = {
    role: re.compile(
        rf"\b(?:{words})\b"
        if role == "introduction"
        else rf"\b{role}s?\b|\b(?:{words})\b[^.]{{0,100}}?(?<![^\W_])by(?![^\W_])",
        re.I,
    )
    for role, words in _ROLES.items()
}
"""What may credit somebody in a form that is not understood; an introduction may be signed far below its heading."""
_ENGLISH = frozenset({"the", "of", "and"})
_BETWEEN_NAMES = re.compile(r"[,;&]|\band\b")
_NAME_WORD = re.compile(r"[^\W\d_a-z]\w\w+")
"""A word of a name that is no initial."""
_CONTENTS = re.compile(r"^[^\w\n]*(?:table of )?contents\b", re.I | re.M)
"""Behind this, parts have their authors."""
_OTHER_WORKS = re.compile(r"^[^\w\n]*(?:books by|works by|by the same)\b", re.I | re.M)
"""Behind this, other works may have theirs, or the title page may follow."""
_TRANSLATED_FROM = re.compile(r"(?:^|\n)[ \t]*translated (?:from|out of)\b(?:(?!\bby\b)[^.]){1,90}\Z", re.I)
"""Whom it is translated from may stand before the translator."""
_POINT = re.compile(r"(?<=[^\W\d_]{4})\.$")
"""Not that of an initial or a degree."""
FRONT_CHARS = 3000
"""A document names its title and its authors among its first characters."""

_TITLE_LINES = 8
"""A title stands in one of so many lines."""
_LONG_LINE_CHARS = 60
"""In a line that is so long, or behind one, *by* is a word of a sentence."""
_MOST_AUTHORS = 2
"""Where more are named apart, each wrote a part."""


def credited(role: str, front: str) -> tuple[str, int, int] | None:
    """The names that a document's beginning credits with a role: (names, start, end of the credit); None if there are none.

    Args:
        role: `author`, `introduction`, `translator`, `editor` or `illustrator`.
    """
    if contents := _CONTENTS.search(front):
        front = front[: contents.start()]
    named_for = [one for one in _credits(front) if role in one.roles]
    named_for = [one for one in named_for if not one.is_maybe] or named_for
    found = [(one.names, one.start, one.end) for one in named_for]
    if listed := _OTHER_WORKS.search(front):
        found = [one for one in found if one[1] < listed.start()] or found
    named = {names.casefold() for names, _, _ in found}
    return found[0] if found and (role != "author" or len(named) <= _MOST_AUTHORS) else None


def credits_nobody(role: str, front: str) -> bool:
    """Whether nothing in a document's beginning, or in what is read of it by now, may credit anybody with a role; only of English
    ones, and never of authors, whom a title page may name without a word.

    Of 784 books without such a credit by `credited`, 640 of 666 have nothing like it for a translator, 717 of 753 for an editor and
    665 of 704 for an illustrator. Four of these name somebody in other words ("From the French of …, by …").
    """
    is_known = not front.strip() or set(words_of(front)) >= _ENGLISH
    return role != "author" and is_known and not _MAYBE_CREDIT[role].search(front)


def is_credited_otherwise(role: str, answer: str, front: str) -> bool:
    """Whether a document's beginning has the names of an answer only in credits for something else than was asked for, such as its
    translator's for its author's.

    Introductions are left out: the author may have written one, and its writer may be the editor or the translator, too.
    """
    credits = list(_credits(front))
    others = [one for one in credits if role not in one.roles and (one.roles or one.is_other)]
    if role != "author":
        others = [one for one in others if role != "introduction" and "introduction" not in one.roles]
    for one in others:
        front = re.sub(r"\s+".join(map(re.escape, one.names.split())), "", front, flags=re.I)
    own = [one.names for one in credits if role in one.roles]
    only_there = {word for one in others for word in words_of(one.names)} - set(words_of(" ".join([front, *own])))
    last = [words[-1].lower() for name in _BETWEEN_NAMES.split(answer) if (words := _NAME_WORD.findall(name))]
    return bool(last) and only_there.issuperset(last)


def as_credited(answer: str, role: str, source: Source) -> str:
    """An answer to who wrote, translated or edited a document, held against its first pages; an author also against its file's
    properties. Whoever is credited with something else only is no answer."""
    front = "".join(page.text for page in source.pages if page.start_char < FRONT_CHARS)[:FRONT_CHARS]
    if is_credited_otherwise(role, answer, front):
        answer = NOT_SAID
    return author_in_properties(answer, source.authors, front) if role == "author" else answer


def signed(end: str) -> tuple[str, int, int] | None:
    """The signature of a letter at the end of a text: (name, start, end); None if there is none."""
    found = next(reversed(list(_SIGNED.finditer(end))), None)
    return (" ".join(found["names"].split()), found.start(), found.end("names")) if found else None


def named_alone(front: str) -> tuple[str, int, int] | None:
    """The name alone in a line below the title that a first page begins with, if it has an initial or a degree, or if the next line
    is a date; None elsewhere.

    In books without a credit such names are the author's (8 of 8). Of 22 other lines there 9 are; the rest are series and titles.
    """
    found = _ALONE.match(front)
    if not found or not _INITIAL.search(found["names"]):
        found = _NAME_AND_DATE.match(front)
        if not found or _has_plain_word(found["names"], front):
            return None
    if _NO_TITLE.search(found["title"]):
        return None
    is_of_title = set(words_of(found["title"])) & set(words_of(found["names"]))
    return None if is_of_title else (found["names"], found.start("names"), found.end("names"))


def dated(front: str) -> tuple[str, int, int] | None:
    """The date behind *Date:* at a document's beginning, as in a memo: (date, start, end); None if there is none."""
    found = _DATED.search(front)
    return (found["date"], found.start(), found.end("date")) if found else None


def _has_plain_word(names: str, text: str) -> bool:
    """Whether a name has only one word, or one that is no name, as a text has it with a small letter: Annual Report."""
    words = words_of(names)
    return len(words) < len(("Ada", "Oke")) or any(re.search(rf"(?<!\w){word}(?!\w)", text) for word in words)


@dataclass(frozen=True)
class _Credit:
    """*By* and names, or a role and names."""

    roles: list[str]
    names: str
    start: int
    end: int
    is_other: bool
    """Whether something else was done by whom it names, such as printing."""
    is_maybe: bool = False
    """Whether an author is meant only if there is no other."""


def _credits(front: str) -> Iterator[_Credit]:
    """The credits of a document's beginning, in order."""
    patterns = (_BY, _DATED_BY, _LABEL, _WORDS_BY)
    found = sorted((one for by in patterns for one in by.finditer(front)), key=lambda one: one.start("names"))
    for one in found:
        before, lines = one["before"].strip(), front[: one.start("before")].rstrip()
        is_apart = front[len(lines) : one.start("before")].count("\n") > 1
        above = lines.rpartition("\n")[2].strip()
        is_sentence = len(before or ("" if is_apart else above)) > _LONG_LINE_CHARS
        if is_sentence or _NO_NAME.match(one["names"]):
            continue
        is_maybe = bool(_MAYBE_AUTHOR.fullmatch(before)) and not _FIRM.search(one["names"])
        if is_maybe or one.re is _WORDS_BY:
            roles = ["author"]
        elif _TRANSLATED_FROM.search(f"{lines}\n{before}"):
            roles = ["translator"]
        elif before:
            is_title = not _OTHER_ROLE.search(before) and len(lines.split("\n\n")) <= _TITLE_LINES
            roles = _roles(before) or (["author"] if is_title else [])
        else:
            block = " ".join(lines.rpartition("\n\n")[2].split())
            led_to = _roles(block) if _CREDIT_LINE.search(block) else []
            roles = led_to or ([] if _OTHER_LINE.match(above) else ["author"])
        names = _POINT.sub("", " ".join(one["names"].split()))
        is_other = bool(_OTHER_WORK.search(before or above) or _FIRM.search(names))
        yield _Credit(
            roles, names, one.end() - len(one[0].lstrip()), one.end("names"), is_other and not is_maybe, is_maybe
        )


def _roles(text: str) -> list[str]:
    return [role for role, words in _ROLES.items() if re.search(rf"\b(?:{words})\b", text, re.I)]
