"""What a manual says of an option, a key or an error: what it does, its default, since when it is there, by its row or entry.

An entry is the row of a table, the item of a list or the lines that begin with the name, or else the sentence that does. Small
decoders take another entry's default, and make up what `--compress` does where no page has it: such a name is looked for as it is
printed, and without it the document does not say. It runs no decoder. In English, German, French and Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reader.answering.extractive.overview import Overview
from reader.answering.passages import Passage, Passages, Source, cut_out, passage_of
from reader.answering.refusal import NOT_SAID
from reader.answering.text.excerpts import excerpt
from reader.answering.text.records import LINE, heading_above
from reader.answering.text.tables import Table
from reader.answering.text.words import bare
from reader.reading import sentences
from storage import PageRecord

_OPTION = r"(?<![\w-])--?[A-Za-z][\w-]*"
_CODE = r"(?<![\w-])[A-Z][A-Z0-9]*-\d+(?![\w-])"
_KEY = r"(?<![\w.-])\w+(?:[._]\w+)*_\w+(?:\.\w+)*|(?<![\w.-])[a-z]{2,}\.[a-z]+(?:[._][a-z]+)+"
_PRINTED = re.compile(f"{_OPTION}|{_CODE}|{_KEY}")
"""A name that has but one spelling."""
_KINDS = (
    r"(?:(?:command[- ]line )?(?:option|flag|switch|argument|parameter|setting|key|variable|attribute|signal|error(?: code)?"
    r"|message|code|(?:exit |return )?(?:code|status))s?|fehler(?:code)?|schalter|schlüssel|einstellung|l['’]option|la opción"
    r"|paramètre|parámetro|clave|clé|error|erreur|código|code)"
)
_NUMBERED = re.compile(
    r"\b(?P<kind>(?:exit|return|error|status)[ -](?:code|status|value)|error|status|signal|fehlercode|code d['’]erreur"
    r"|código de error) (?P<number>\d{1,5})\b",
    re.I,
)
_THE = r"(?:(?:the|der|die|das|den|l[ae]|el) )?"
_MEANS = re.compile(
    rf"(?:and )?(?:what (?:does|do|is|are)|what['’]s|explain|was (?:macht|bewirkt|bedeutet|ist|tut)|que (?:fait|signifie)"
    rf"|qué (?:hace|significa|es)) {_THE}(?:{_KINDS} )?NAME(?: {_KINDS})?(?: (?:do|mean|control|set|stand for|for))?",
    re.I,
)
_REMEDY = re.compile(
    r"(?:and )?(?:what (?:do|should|can|must) (?:I|we|you|one) do (?:about|if|when|with|against|on)"
    r"|how (?:do|can|should) (?:I|we|you) (?:fix|solve|resolve|handle|get rid of)|was (?:tue|mache|kann) ich bei"
    r"|que faire (?:en cas de|si)|qué hago (?:con|si)|qué hacer (?:con|ante))\b(?: \w+){0,3}? NAME(?: \w+){0,2}",
    re.I,
)
_DEFAULT = re.compile(
    r"\b(?:default(?:s|ed)?|standardwert|standardmäßig|vorgabe(?:wert)?|voreinstellung|par défaut|por defecto|predeterminad[oa])\b",
    re.I,
)
_SINCE = re.compile(
    r"\b(?:(?:since|in|from|with) (?:which|what) (?:version|release)|which (?:version|release)|when (?:was|were|did)"
    r"|(?:seit|ab|in) welcher version|(?:depuis|dans) quelle version|(?:desde|en) qué versión)\b",
    re.I,
)
_DROPPED = re.compile(
    r"\b(?:remov\w+|drop\w+|deprecat\w+|obsolete|replac\w+|renam\w+|chang\w+|entfernt|veraltet|geändert|supprim\w+|obsol[èe]te"
    r"|eliminad\w+|obsoleto)\b",
    re.I,
)
"""Something else than that it came."""
_VALUE = re.compile(
    r"\b(?:default(?: value)?(?:s? (?:is|are|to)|:| =)?|(?:standardwert|vorgabe|voreinstellung|par défaut"
    r"|por defecto|predeterminado)(?: ist| est| es)? ?:?) *(?P<value>[^;\n]{1,80}?)(?=[;)]|[.,]?\s*$|[.,] )",
    re.I,
)
_VERSION = r"(?:versions? |v)?(?P<version>\d+(?:\.\d+)+|\d+)(?![\w.]*\w)"
_CAME = re.compile(
    rf"\b(?:since|(?:added|introduced|new|available) (?:in|since|from)|seit|ab|hinzugefügt in|depuis|à partir de|desde) {_VERSION}",
    re.I,
)
_CAME_COLUMN = re.compile(r"\W*(?:since|version|added(?: in)?|introduced(?: in)?|seit|ab|depuis|desde)\W*", re.I)
_OF_VERSION = re.compile(rf"[\s>*•#|-]*\W{{0,3}}{_VERSION}(?P<rest>.*)", re.I)
"""A line of a list of changes."""
_BEFORE = r"[ \t>*•|]*(?:[-–•] +|\d{1,2}[.)] +)?[`*\"“]{0,4}(?:-{1,2}[\w-]+(?:[ =][A-Z<\[]\S*)?[`*]*, *[`*]*)?"
_BEHIND = re.compile(
    r"(?:[ =](?:[A-Z][A-Z0-9_]*|<[^<>\n]{1,30}>|\[[^\[\]\n]{1,30}\]))?[`*\"”]{0,4}"
    r"(?:, *[`*]*-{1,2}[\w-]+(?:[ =][A-Z<\[]\S*)?[`*]*)*(?P<sign>[ \t]*(?:[:–—|]|-(?= )|[ \t]{2}|(?=\n|\Z)|))[ \t]*",
)
_ENTRY_LINE = re.compile(r"\s*(?:[-–•*] |-{1,2}\w|\d{1,3}[.)]? {2}|[A-Z_]{3,}\s*$)")
_MOST_CHARS, _ENTRY_CHARS = 200, 900
_SHORT_OPTION = 2
_SAYS = 3
"""A cell of so many words says something of its row."""


@dataclass(frozen=True)
class _Entry:
    """What a document says of a name."""

    place: Passage
    said: str
    cells: tuple[tuple[str, str], ...] = ()
    """(column, value) where it is the row of a table."""


def in_manual(question: str, sources: Sequence[Source], passages: Passages) -> Overview | None:
    """What a manual says of the option, the key or the code that a question names; None where it asks something else."""
    asked = bare(question)
    if len(asked) > _MOST_CHARS:
        return None
    named = [found[0].rstrip("-_") for found in _PRINTED.finditer(asked)]
    number = _NUMBERED.search(asked)
    if len(named) > 1 or (not named and number is None):
        return None
    name = named[0] if named else number["number"] if number else ""
    kind = number["kind"] if number and not named else ""
    form = asked.replace(number[0] if kind and number else name, "NAME", 1).replace("`", "").replace('"', "")
    is_sure = len(name) > _SHORT_OPTION or _MEANS.fullmatch(form)  # (x, -y) is a point
    pattern = _as_printed(name)
    if named and is_sure and not any(pattern.search(page.text) for source in sources for page in source.read):
        return Overview(NOT_SAID, ()) if all(source.is_read for source in sources) else None
    entries = list(_entries(name, kind, sources, passages))
    if _DEFAULT.search(asked):
        return next(filter(None, map(_default, entries)), None)
    if _SINCE.search(form):
        return _came(name, bool(_DROPPED.search(asked)), entries, sources)
    if entries and (_MEANS.fullmatch(form) or _REMEDY.fullmatch(form)):
        return Overview(entries[0].said, (entries[0].place,))
    return None


def _as_printed(name: str) -> re.Pattern[str]:
    """What matches a name as a page may have it: with or without the hyphen of a code, broken behind a sign, in other capitals."""
    inner = re.sub(r"\\-(?=\d)", "[-–‑ ]?", re.escape(name)).replace("_", r"[_ ]-?\s*")
    return re.compile(rf"(?<![\w-]){inner}(?![\w-])", re.I)


def _entries(name: str, kind: str, sources: Sequence[Source], passages: Passages) -> Iterator[_Entry]:
    """What the documents say of a name: rows of tables first, then items and lines that begin with it, then such sentences.

    Args:
        kind: what a number is, such as "exit code"; "" for names.
    """
    for source in sources:
        for table in passages.tables[source.document_id]:
            yield from _rows(name, kind, table, source)
    for source in sources:
        for page in source.read:
            yield from _lines(name, kind, page)
    for page in (page for source in sources for page in source.read if not kind and name in page.text):
        begins = re.compile(rf"[\s`*]*{re.escape(name)}(?![\w-])")
        for start, end in sentences(page.text):
            if begins.match(page.text, start, end) and len(page.text[start:end].split()) > _SAYS:
                yield _Entry(passage_of(page, start, end), excerpt(page.text[start:end]))


def _rows(name: str, kind: str, table: Table, source: Source) -> Iterator[_Entry]:
    columns = [text for text, _ in table.first.cells]
    key = re.compile(rf"[`*\s]*(?:-{{1,2}}[\w-]+, )?{re.escape(name)}(?![\w-])[^,;.]{{0,30}}", re.I)
    for row in table.rows:
        own = [at for at in range(min(2, len(row.cells))) if key.fullmatch(row.cell(at))]
        if not own or (kind and not re.search("code|status|error|exit|signal|fehler|erreur", columns[0], re.I)):
            continue
        cells = [(columns[at] if at < len(columns) else "", text) for at, (text, _) in enumerate(row.cells)]
        telling = [text for _, text in cells[1:] if len(text.split()) >= _SAYS or text.endswith(".")]
        others = [f"{column}: {text}" for at, (column, text) in enumerate(cells) if at not in own and text]
        said = " ".join(text if text[-1] in ".!?" else f"{text}." for text in telling) or "; ".join(others)
        for place in cut_out(source.read, row.start_char, row.start_char + len(row.text)):
            yield _Entry(place, said, tuple(cells))


def _lines(name: str, kind: str, page: PageRecord) -> Iterator[_Entry]:
    """The items and paragraphs of a page that begin with a name, or with a number below a heading that says what it is."""
    if name not in page.text:
        return
    begins = re.compile(rf"{_BEFORE}{re.escape(name)}(?![\w-])")
    lines = list(LINE.finditer(page.text))
    for at, line in enumerate(lines):
        head = begins.match(line[0])
        tail = _BEHIND.match(line[0], head.end()) if head else None
        if not head or not tail:
            continue
        said, end = line[0][tail.end() :].strip(), line.end()
        if said and not tail["sign"].strip() and "  " not in tail["sign"]:
            continue  # a sentence
        if (
            kind
            and kind.split()[-1].casefold()
            not in " ".join(heading_above(page, page.start_char + line.start())).casefold()
        ):
            continue
        for number in range(at + 1, len(lines)):
            below = lines[number]
            text = below[0].strip()
            is_open = not said or (said[-1] not in ".;" or below[0][:1] in " \t")
            if not text or _ENTRY_LINE.match(below[0]) or not is_open or end - line.start() > _ENTRY_CHARS:
                break
            said, end = f"{said} {text}".strip(), below.end()
        if len(said.split()) >= 2 or kind:
            yield _Entry(
                passage_of(page, line.start(), line.start() + len(page.text[line.start() : end].rstrip())), said
            )


def _default(entry: _Entry) -> Overview | None:
    """The default that an entry gives."""
    for column, value in entry.cells:
        if _DEFAULT.search(column) and value:
            return Overview(value.strip("`"), (entry.place,))
    found = _VALUE.search(entry.said)
    value = found["value"].strip(" `") if found else ""
    return Overview(value, (entry.place,)) if value else None


def _came(name: str, is_dropped: bool, entries: Sequence[_Entry], sources: Sequence[Source]) -> Overview | None:
    """The version since which a name is there, or in which it was removed, by its entry or else by a list of changes."""
    for entry in entries if not is_dropped else ():
        for column, value in entry.cells:
            if _CAME_COLUMN.fullmatch(column) and value:
                return Overview(value, (entry.place,))
        if found := _CAME.search(entry.said):
            return Overview(found["version"], (entry.place,))
    printed = _as_printed(name)
    said: list[Overview] = []
    for page in (page for source in sources for page in source.read):
        for line in LINE.finditer(page.text):
            found = _OF_VERSION.match(line[0].rstrip())
            clauses = [one for one in re.split(r"[;.] ", found["rest"]) if printed.search(one)] if found else []
            if found and any(bool(_DROPPED.search(one)) == is_dropped for one in clauses):
                place = passage_of(page, line.start(), line.start() + len(line[0].rstrip()))
                said.append(Overview(found["version"], (place,)))
    return said[0] if len(said) == 1 else None
