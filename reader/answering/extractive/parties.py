"""Who has a role in the caption of a judgment or on the first page of a contract: a name above a line that is only the role, as in
"ALDER LTD, / Plaintiff/Respondent,", or beside it, as in "Mara Fell, Judge" and "Tenant: Mara Fell"; and who stands for them, as in
"Jonas Reed, for Plaintiff" and "Ms. Fell was represented by Jonas Reed".

Small decoders answer with the role, or with another name near by. It runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reader.answering.checks.names import name_pattern
from reader.answering.passages import sentences_of
from reader.answering.text.words import mention, stem

_LINE = re.compile(r"\S[^\n]*")
_DEAR = re.compile(r"^[ \t]*Dear (?P<name>[^\n,:]+)", re.M)
_BEFORE_ROLE = re.compile(r"^\W*(?:(?:as|the|als|der|die)\s+)*", re.I)
_BETWEEN_ROLES = re.compile(r"\s*[/&–-]\s*|\s+(?:and|und|et|y)\s+")
_BESIDE = (
    re.compile(r"(?P<name>.+?)(?:,\s*|\s+as\s+(?:the\s+)?|\s*\()(?P<role>[^,()]+)"),
    re.compile(r"(?P<role>[^:]+):\s*(?P<name>.+)"),
)
_GOES_ON = re.compile(r"(?:\b(?:and|und|et|y)|&)\s*$")
"""How a line ends that a second name follows."""
_WORD = re.compile(r"[^\W\d_][\w.’'-]*")
_SMALL_WORDS = frozenset("of and by for the in on de la le du des et für und der die das van von y".split())  # noqa: SIM905
COUNSEL = r"(?:counsel|attorneys?|lawyers?|solicitors?|advocates?|barristers?|representatives?)"
"""Who stands for others; in small letters."""
_STANDS_FOR = re.compile(
    rf"\b(?:represent\w*|{COUNSEL}|(?:appear|act)\w*|on behalf of|agents?|deputy|delegates?|ambassadors?|senators?"
    r"|members?|spoke\w*)\b|\bfor\W+(?:the\W+)?(?:\w+\W+){1,4}$",
    re.I | re.M,
)
"""How a sentence may say that somebody stands for others."""
_NAME = name_pattern(r"\s+")
_BY = rf"(?:(?:its|his|her|their|the)\s[^,.;]{{1,40}},\s+)?(?P<name>{_NAME}(?:,?\s(?:and|&)\s+{_NAME})*)"
"""A name, behind what the person is: the county attorney, Helen Strand."""
_TITLED = r"(?:(?:the|mr|mrs|ms|dr)\b\.?\s+){0,2}"
_MOST_WORDS, _MOST_CHARS = 14, 160
_MOST_LINES = 4

Line = tuple[str, int, int]
"""Its text, and where it begins and ends."""


def party(role: str, text: str) -> Line | None:
    """Who has a role, such as *plaintiff*, and where the lines that say so begin and end; None where none does."""
    asked = _stems(role)
    lines = [(found[0], found.start(), found.end()) for found in _LINE.finditer(text)] if asked else []
    for number, (line, start, end) in enumerate(lines):
        if asked[-1] not in line.casefold():
            continue
        above = _name_at_end(lines[max(0, number - _MOST_LINES) : number]) if _is_role(line, asked) else None
        if above is not None:
            return above[0], above[1], end
        for beside in _BESIDE:
            found = beside.fullmatch(line)
            if found and _is_name(found["name"]) and _is_role(found["role"], asked):
                return _bare(found["name"]), start, end
    return None


def representative(who: str, text: str) -> Line | None:
    """Who stands for somebody, who is named or has a role in the caption, and the lines that say so; None where none do."""
    named = _called(who, text)
    one = rf"(?i:{_TITLED}(?:{'|'.join(mention(name).pattern for name in named)}))"
    patterns = (
        rf"{one}(?:,[^,.;]{{1,60}})?,?\s+(?:is|was|are|were|being)\s+represented\s+by\s+{_BY}",
        rf"(?P<name>{_NAME}),?\s+(?:who\s+)?(?:represent(?:s|ed|ing)|(?:appear|act)(?:s|ed|ing)\s+for)\s+{one}",
        rf"^[ \t]*(?P<name>\S[^\n]{{0,{_MOST_CHARS}}}?),?\s+(?i:(?:{COUNSEL}\s+)?(?:for|to)\s+(?:\w+/)?{one}(?:/[^\n]+)?)"
        r"[.,;]?[ \t]*$",
        rf"(?i:\b{COUNSEL}\s+(?:for|of|to)\s+(?:\w+/)?{one}(?:/\w+)?\s*:)\s*(?P<name>{_NAME})",
        rf"{one}['’]s?\s+(?:\w+\s+)?{COUNSEL}(?:,|:|\s+(?:is|was))\s+(?P<name>{_NAME})",
    )
    for pattern in patterns:
        for found in re.finditer(pattern, text, re.M):
            name = _bare(found["name"])
            if _is_name(name) and not any(mention(other).fullmatch(name) for other in named):
                return name, found.start(), found.end()
    return _of_letter(one, text)


def represents_nobody(who: str, texts: Sequence[str]) -> bool:
    """Whether no sentence says of anybody that they stand for somebody, who is named so or is a party with that name.

    Of more than one word the texts have to have them: they may be put in other words.
    """
    called = [name for text in texts for name in _called(who, text)]
    one = re.compile("|".join(mention(name).pattern for name in dict.fromkeys(called or [who])), re.I)
    naming = [text for text in texts if one.search(text)]
    if " " in who and not naming:
        return False
    return not any(one.search(said) and _STANDS_FOR.search(said) for text in naming for said in sentences_of(text))


def _called(who: str, text: str) -> list[str]:
    """What a text may call somebody who is named, or has a role in its caption: so, by the name there, or by a word of that."""
    own = party(who, text)
    words = [word for word in _WORD.findall(own[0]) if word.casefold() not in _SMALL_WORDS] if own else []
    return [who, *([own[0], words[0], words[-1]] if own else [])]


def _of_letter(one: str, text: str) -> Line | None:
    """Who says "we act for" somebody, by the first line of a letter, or of whom a letter says so, whom it is addressed to."""
    found = re.search(rf"\b(?P<who>[Ww]e|you)\s+(?:act|appear)\s+(?:for|on\s+behalf\s+of)\s+{one}", text)
    named = (_LINE if found["who"] != "you" else _DEAR).search(text) if found else None
    name = _bare(named[named.lastgroup or 0]) if named else ""
    return (name, found.start(), found.end()) if found and _is_name(name) else None


def _is_role(text: str, asked: Sequence[str]) -> bool:
    """Whether a text is the role that is asked for, by its stems, alone or with others of the same party."""
    return any(_stems(one) == asked for one in _BETWEEN_ROLES.split(_BEFORE_ROLE.sub("", text)))


def _name_at_end(lines: Sequence[Line]) -> Line | None:
    """The name that some lines end with, or several joined by *and*, behind which what they are may stand in small letters."""
    names: list[Line] = []
    for line in reversed(lines):
        if not names and line[0].strip()[:1].islower():
            continue
        if not _is_name(line[0]) or (names and not _GOES_ON.search(line[0])):
            break
        names.insert(0, line)
    return (_bare(" ".join(line[0].strip() for line in names)), names[0][1], names[-1][2]) if names else None


def _is_name(text: str) -> bool:
    words = _WORD.findall(text)
    has_name = any(word[0].isupper() for word in words) and len(words) <= _MOST_WORDS
    return has_name and all(word[0].isupper() or word in _SMALL_WORDS for word in words)


def _bare(name: str) -> str:
    return " ".join(name.split()).strip(" ,;:")


def _stems(text: str) -> list[str]:
    return [stem(word.casefold()) for word in re.findall(r"\w+", text)]
