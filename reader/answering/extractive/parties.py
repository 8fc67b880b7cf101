"""Who has a role in the caption of a judgment or on the first page of a contract: a name above a line that is only the role, as in
"ALDER LTD, / Plaintiff/Respondent,", or beside it, as in "Mara Fell, Judge" and "Tenant: Mara Fell".

Small decoders answer with the role, or with another name near by. It runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reader.answering.passages import sentences_of
from reader.answering.text.words import stem

_LINE = re.compile(r"\S[^\n]*")
_BEFORE_ROLE = re.compile(r"^\W*(?:(?:as|the|als|der|die)\s+)*", re.I)
_BETWEEN_ROLES = re.compile(r"\s*[/&–-]\s*|\s+(?:and|und|et|y)\s+")
_BESIDE = (
    re.compile(r"(?P<name>.+?)(?:,\s*|\s+as\s+(?:the\s+)?|\s*\()(?P<role>[^,()]+)"),
    re.compile(r"(?P<role>[^:]+):\s*(?P<name>.+)"),
)
_GOES_ON = re.compile(r"(?:\b(?:and|und|et|y)|&)\s*$")
"""How a line ends that a second name follows."""
_WORD = re.compile(r"[^\W\d_][\w.’'-]*")
_PARTIES = re.compile(
    r"(?:the |contracting )?parties(?: (?:to|of|in) (?:this|the) \w+)?|(?:vertrags)?parteien|parties contractantes"
    r"|partes(?: contratantes)?",
    re.I,
)
_BETWEEN = re.compile(
    r"(?i:(?<!\w)(?:between|zwischen|entre))\s(?=[^.]{0,20}[A-ZÄÖÜÉ]).{2,600}?\s(?:and|und|et|y)\s", re.S
)
"""What names the parties: between a name and something else."""
_SMALL_WORDS = frozenset("of and by for the in on de la le du des et für und der die das van von y".split())  # noqa: SIM905
_MOST_WORDS = 14
_MOST_LINES = 4

Line = tuple[str, int, int]
"""Its text, and where it begins and ends."""


def party(role: str, text: str) -> Line | None:
    """Who has a role, such as *plaintiff*, and where the lines that say so begin and end; the sentence that names the parties; None
    where none does."""
    if _PARTIES.fullmatch(role):
        named = next(filter(_BETWEEN.search, sentences_of(text)), None)
        return (named, text.index(named), text.index(named) + len(named)) if named else None
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
