"""Whether a place is open on a day or at a time, and when it opens or closes then, without a decoder.

A ferry that sails on a day, a bus that runs and a club that meets are asked about and found as if they were open.

The answer is yes or no and the sentences, or the rows of tables and lists, that give the place's days and times. If a document
names several days, such as Tuesday to Saturday, the place is closed on the others. If it gives the hours of several places, the
words before *is open* or the heading of a list tell which place is meant. Questions that are not understood are left to the
decoder, which often takes the hours of another day. In English, German, French and Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reader.answering.extractive.overview import Overview
from reader.answering.passages import Passage, Source, passage_of
from reader.answering.text.days import day_in
from reader.answering.text.languages import YES_OR_NO
from reader.answering.text.tables import Row, tables
from reader.answering.text.weekdays import (
    EVERY_DAY,
    HOLIDAY,
    NOON,
    Clause,
    Span,
    Times,
    begins_with_days,
    clauses,
    may_say_hours,
    months_of,
    says_open,
    times_asked,
    without_times,
)
from reader.answering.text.words import words_of
from reader.reading import sentences

_YES_OR_NO = re.compile(
    r"\W*(?:(?:and|but|so) )?(?:(?P<en>is|are|do|does|can|could|may|will)"
    r"|(?P<de>ist|sind|hat|haben|kann|können|darf|macht|öffnet|schließt|fährt|fahren|verkehrt|verkehren|liefer[nt])"
    r"|(?P<fr>est-ce qu(?:e|(?=['’]))|peut-on|puis-je|ouvre-t-|ferme-t-)"
    r"|(?P<es>est[áa]n?|abren?|cierran?|se puede|puedo|podemos))\b"
    r"|.{1,80}[\w]-(?:t-)?(?P<inverted>ils?|elles?|on)\b",
    re.I,
)
_WHEN = re.compile(
    r"\W*(?:(?:and|but|so) )?(?:until |till |from )?(?:(?:at )?what time|when|how (?:late|long|early)"
    r"|what (?:are|is) (?:the |your |its )?(?:opening |closing )?(?:hours|times?)"
    r"|(?:bis |ab |von )?wann|(?:um|bis) wie ?viel uhr|wie lange|quand"
    r"|(?:à|jusqu['’]à|de) quelle heure|quels? (?:sont les|est l['’]) ?horaires?|cuándo|(?:a|hasta|desde) qué hora"
    r"|(?:qué|cuál es el) horario)\b",
    re.I,
)
_ENDING = r"(?:e?s|e|y|ies|e?nt?|t|an?|ue)?\b"
_RUNNING = re.compile(
    r"\b(?P<stem>sail|run|operat|leav|depart|fl(?=ies|y)|drive|deliver|collect|meet|gather|play|rehears|practi[cs]|train|f[aä]hr|verkehr"
    rf"|liefer|circul|navi?g){_ENDING}",
    re.I,
)
"""What is said of ferries, buses, clubs and shops in place of *is open*."""
_DENIED = r"(?:\b(?:not?|never|nicht|nie|keine?|ne|aucune?|ning[uú]n)|n['’]t|\bn['’])(?: ?\w+)?? ?"
_NONE_THEN = re.compile(
    r"\bthere (?:is|are|will be) no (?P<what>[\w’'-]+(?: [\w’'-]+){0,5}?) (?=in|on|during|from|between|until|before|after)\b",
    re.I,
)
"""A time without something, as in "There is no Wednesday walk in January"."""
_NUMBERED = re.compile(
    r"\b(?:bus|tram|line|route|train|ferry|number|no\.?|linie|zug|fähre|ligne|línea|autobús) (\w*\d\w*)", re.I
)
_VISITING = re.compile(
    r"\b(?:can|may|could) (?:i|we|you|one|people) (?:visit|come|go|enter|get in)\b|\b(?:besuchen|visiter|venir|visitar|ir|aller)\b",
    re.I,
)
_HAVING_OPEN = re.compile(r"\b(?:hat|haben|macht)\b.*\b(?:auf|zu)\W*\Z|\b(?:hours|horaires?|horario)\b", re.I)
_ASKS_CLOSED = re.compile(
    r"\b(?:closed|shut|geschlossen|schlie(?:ß|ss)t|zu\W*\Z|fermée?s?|ferme(?:nt)?|cerrad[oa]s?|cierran?)\b", re.I
)
_PAST = re.compile(
    r"\b(?:was|were|did|had|today|now|tomorrow|yesterday|heute|jetzt|morgen|aujourd['’]hui|demain|hoy|ahora)\b", re.I
)
_BY_THE_WAY = frozenset(
    """
    staffed served held available besetzt serviert ab seit dès desde hasta also sowie a an the this that these those our your
    its their we you i one people is are be been being will can may could do does has have remains remain stays stay usually
    normally always only both each every all on at in and or but from between until for to open opens closed closes hours hour
    opening closing time times gates gate doors door premises visit visiting visitors visitor come go enter get there it they
    she he of month months monat monats mois mes meses
    what when how late long early then us everybody everyone public day days der die das den dem des ein eine einen einer unser
    unsere wir sie es er ist sind bleibt bleiben wird hat haben macht kann können darf man ich am im von bis um zu auf und oder
    nur auch immer öffnungszeiten öffnungszeit zeiten uhr besuchen türen wann wie lange le la les l un une du de ce cette notre
    nos nous il elle ils elles est sont reste restent peut je puis se que qu à au aux et ou en ouverture heures heure horaires
    horaire visiter venir quand quelle jusqu ne n pas toute el los las una unos este esta nuestro nuestra está están permanece
    queda puede puedo ir al del y o por solo sólo también horario horarios horas hora apertura visitar qué cuándo st dr mr mrs s
    t
    """.split()  # noqa: SIM905 - words are easier to read and to keep than quotation marks
)
"""Words that do not say which place is open."""
_WORD = re.compile(r"[^\W\d_]+")
_BEHIND_NAME = re.compile(
    r"(?<=\w) (?:of|in|on|at|by|near|next|behind|beside|opposite|for|with|inside|to"
    r"|im|am|an|auf|bei|beim|hinter|neben|mit|für|zum|zur|von"
    r"|vom|de|du|des|à|au|près|del|en|con|junto|para) .*",
    re.I | re.S,
)
_ROMANCE = re.compile(
    r"\A\W*(?:est-ce qu(?:e |['’])|est[áa]n?|se puede|peut-on|à quelle heure|jusqu['’]à quelle heure|a qué hora|hasta qué hora)?\s*"
    r"(?:l['’]|(?:le|la|les|el|los|las|un|une|una)\b)",
    re.I,
)
"""The article of a language where the noun comes before its adjectives."""
_SENTENCE = re.compile(r"[.!]\W*\Z")
_WE = re.compile(r"\b(?:we|our|wir|unser\w*|nous|nos|notre|nuestr\w+|abrimos|cerramos)\b", re.I)
_WAS = re.compile(
    r"\b(?:was|were|used to|had been|war|waren|hatten?|étai(?:en)?t|fut|furent|estab\w+|estuv\w+)\b", re.I
)
_LABEL = re.compile(r"\W*[^\W\d][^\n:.]{1,40}:\s")
_LINE = re.compile(r"[^\n]+")
_FEWEST_COLUMNS = 2
_FIRST_LINES = 20
_LEAST_LETTERS = 3
_MOST_CHARS = 600
"""A longer sentence is a list without signs, and takes long to look through."""
_MOST_QUESTION_CHARS = 200
_MOST_HEADING_CHARS = 60
_FRONT_CHARS = 120
"""Where a document says which place it is about."""
_MOST_SENTENCES = 7
_MOST_STATEMENTS = 300


@dataclass(frozen=True)
class _Said:
    """A clause of a document about the hours of a place."""

    clause: Clause
    passage: Passage
    text: str
    subject: tuple[str, ...]
    """The words for the place, the noun first; none where the document's own is meant."""
    is_heading: bool
    """Whether the subject stands in a heading only."""
    is_opening: bool
    """Whether it says that something is open or closed, or stands in a list of times."""


@dataclass(frozen=True)
class _Asked:
    days: frozenset[int]
    times: tuple[Span, ...]
    months: frozenset[int]
    subject: tuple[str, ...]
    language: str
    is_when: bool
    is_for_closed: bool
    running: str
    """The pattern of what stands in sentences in place of *open*; "" where *open* is asked for."""
    number: str
    """Of the bus or the line; "" for none."""


def opening(question: str, sources: Sequence[Source]) -> Overview | None:
    """What the documents say to a question for what is open on a day or at a time; None for other questions, and where they do not
    say."""
    asked = _understand(question)
    found = [(source.title, one) for source in sources if asked and (one := _answer(asked, source))]
    if not found:
        return None
    texts = [f"{title}\n{one.text}" if len(sources) > 1 else one.text for title, one in found]
    return Overview("\n\n".join(texts), tuple(passage for _, one in found for passage in one.passages))


def _understand(question: str) -> _Asked | None:
    if len(question) > _MOST_QUESTION_CHARS or day_in(question):
        return None
    asked = question
    running = None if says_open(question) else _RUNNING.search(question)
    if running:
        question = f"{question[: running.start()]}open{question[running.end() :]}"
    named, is_when = _YES_OR_NO.match(asked), bool(_WHEN.match(question))
    is_about = says_open(question) or _VISITING.search(question) or _HAVING_OPEN.search(question)
    if not (named or is_when) or not is_about or _PAST.search(question):
        return None
    days = frozenset[int]().union(*(one.days for one in clauses(question)))
    times = () if is_when else tuple(times_asked(question))
    if not days and not times:
        return None
    said, behind = without_times(_VISITING.sub(" ", question))
    language = next((name for name in YES_OR_NO if named and named[name]), "fr" if named and not is_when else "en")
    subject = _subject(said, is_question=True) or _subject(behind, is_question=True)
    is_for_closed = bool(_ASKS_CLOSED.search(question))
    named_number = _NUMBERED.search(asked)
    number = named_number[1].lower() if named_number else ""
    stem = re.sub("(?<=f)[aä](?=hr)", "[aä]", running["stem"].lower()) if running else ""
    pattern = rf"\b{stem}{_ENDING}" if stem else ""
    return _Asked(days, times, months_of(question), subject, language, is_when, is_for_closed, pattern, number)


def _read(text: str, running: str) -> str:
    """A sentence in the words for what is open; "" where it does not say what is asked for."""
    if not running:
        return text
    if none := _NONE_THEN.search(text):
        return f"{text[: none.start()]}{none['what']} closed {text[none.end() :]}"
    if not re.search(running, text, re.I):
        return ""
    denied = rf"(?P<no>{_DENIED})?{running}(?P<behind> (?:\w+ )?(?:nicht|nie|pas|kein\w*)\b)?"
    return re.sub(denied, lambda found: "closed" if found["no"] or found["behind"] else "open", text, flags=re.I)


def _answer(asked: _Asked, source: Source) -> Overview | None:
    title = _words(f"{source.title} {_front(source)}")
    said = [one for one in _statements(source, asked.running) if not asked.number or asked.number in words_of(one.text)]
    told = _about(asked.subject, said, title)
    is_titled = asked.running and asked.subject and _names(asked.subject[0], title)
    if not told and is_titled and len({one.subject for one in said}) == 1:
        told = said
    told = [one for one in told if not (asked.months and one.clause.months and not asked.months & one.clause.months)]
    seasons = {one.clause.months for one in told}
    seasons = {months for months in seasons if months or not asked.months} or seasons
    verdicts: set[bool | None] = set()
    used: list[_Said] = []
    for season in seasons:
        own = [one for one in told if one.clause.months in (season, frozenset())]
        days = asked.days or frozenset().union(*(one.clause.days for one in own if not one.clause.is_closed))
        for day in (*sorted(days),) or (None,):
            is_open, rests_on = _on_day(day, asked.times, own)
            verdicts |= {is_open} if rests_on else set()
            used += rests_on
    texts = list(dict.fromkeys(one.text for one in sorted(used, key=lambda one: one.passage.start_char)))
    if not texts or len(texts) > _MOST_SENTENCES:
        return None
    if len(asked.days) == len(EVERY_DAY) and False in verdicts:
        verdicts = {False}
    verdict = verdicts.pop() if len(verdicts) == 1 and not asked.is_when else None
    places = {one.passage.start_char: one.passage for one in used}
    lines = "\n" if len(texts) > 1 and not all(map(_SENTENCE.search, texts)) else " "
    begins = "" if verdict is None else f"{YES_OR_NO[asked.language][verdict == asked.is_for_closed]}.{lines}"
    return Overview(begins + lines.join(texts), tuple(_joined([places[start] for start in sorted(places)], source)))


def _joined(passages: Sequence[Passage], source: Source) -> list[Passage]:
    """Passages in order, those that follow each other in a line as one, which one quote shows."""
    pages = {page.number: page for page in source.pages}
    found: list[Passage] = []
    for passage in passages:
        page, start, end = pages[passage.page], passage.start_char, passage.end_char
        first = page.start_char
        if found and found[-1].page == page.number and page.text[found[-1].end_char - first : start - first] == " ":
            start = found.pop().start_char
        found.append(passage_of(page, start - first, end - first))
    return found


def _on_day(day: int | None, times: Sequence[Span], told: Sequence[_Said]) -> tuple[bool | None, list[_Said]]:
    """Whether it is open on a day, at these times, and the clauses that say so; None where they do not tell.

    Of several clauses the one with the fewest days is right, as in daily, but closed on Mondays; then the one for a season. On days
    that no clause has it is closed, but for holidays.
    """
    opens = [one for one in told if one.is_opening] or told
    own = [one for one in opens if day in one.clause.days]
    own.sort(key=lambda one: (len(one.clause.days), not one.clause.months))
    own = own or [one for one in opens if day is None and one.clause.times]
    if not own:
        opened = [one for one in opens if one.clause.days and not (one.clause.is_closed or one.clause.is_partly)]
        others = [one for one in told if day in one.clause.days]
        is_shut = bool(opened) and not others and day not in (None, HOLIDAY)
        return (False, opened) if is_shut else (None, others if opened else [])
    first = own[0].clause
    alike = [one for one in own if (one.clause.days, one.clause.months) == (first.days, first.months) or day is None]
    is_closed = [one for one in alike if one.clause.is_closed and not one.clause.asked]
    if is_closed:
        return False, is_closed[:1]
    if first.is_partly:
        usual = [one for one in own if not one.clause.is_partly]
        return None, alike + [one for one in usual if one.clause.days == usual[0].clause.days]
    spans = _spans(alike)
    if not spans or any(None in span for span in spans):  # such as "On Wednesdays we close at 1 pm"
        wider = [one for one in own if one not in alike and one.clause.times and not one.clause.is_closed][:1]
        spans = [_filled(span, wider) for span in spans] or _spans(wider)
        alike += [] if any(one.clause.times for one in alike) else wider
    if not times:
        return not all(one.clause.is_closed for one in alike), alike
    if not spans:
        return None, []
    shut = [one for one in opens if one.clause.is_closed and (not one.clause.days or day in one.clause.days)]
    shut = [one for one in shut if all(any(_holds(span, time) for span in one.clause.asked) for time in times)]
    if shut:
        return False, shut
    told_open = {_is_within(time, spans) for time in times}
    return (told_open.pop() if len(told_open) == 1 else None), alike


def _spans(told: Sequence[_Said]) -> list[Times]:
    return [span for one in told if not one.clause.is_closed for span in one.clause.asked]


def _filled(span: Times, wider: Sequence[_Said]) -> Times:
    """A span with the end that it lacks, from a clause of more days."""
    first, last = next(iter(_spans(wider)), (None, None))
    return (first if span[0] is None else span[0]), (last if span[1] is None else span[1])


def _is_within(asked: Span, spans: Sequence[Times]) -> bool | None:
    """Whether the half or more of the time asked for is within some spans; None where they have less, or where it is not said."""
    known = [(start, end) for start, end in spans if start is not None and end is not None]
    # What is open until the evening is open in the afternoon.
    known += [(min(NOON, end), end) for start, end in spans if start is None and end is not None]
    begin, stop = asked
    minutes = sum(max(0, min(stop, end) - max(begin, start)) for start, end in known)
    if 2 * minutes >= stop - begin:
        return True
    may_be = any((start is None or start < stop) and (end is None or end > begin) for start, end in spans)
    return None if may_be else False


def _holds(span: Times, asked: Span) -> bool:
    return (span[0] or 0) <= asked[0] and (span[1] is None or asked[1] <= span[1])


def _about(subject: tuple[str, ...], told: list[_Said], title: list[str]) -> list[_Said]:
    """The clauses about what a question names; of the document's own place where it names that, or nothing."""
    own = [one for one in told if not one.subject or _names(one.subject[0], title)]
    own = own if any(one.is_opening for one in own) else []
    headed = {one.subject for one in told if one.is_heading}
    if not own and len(headed) == 1:
        own = [one for one in told if one.subject in headed and one.is_heading]
    if not subject or _names(subject[0], [*title, *(word for one in own for word in one.subject[:1])]):
        return own
    return [one for one in told if one.subject and _is_same(subject, one.subject)]


def _is_same(asked: Sequence[str], named: Sequence[str]) -> bool:
    """Whether one of two places has all words of the other, and the same noun, such as the office and the ticket office."""
    short, long = sorted((asked, named), key=len)
    return _names(asked[0], named[:1]) and all(_names(word, long) for word in short)


def _names(word: str, others: Sequence[str]) -> bool:
    """Whether a word is one of others, or a compound of one, such as *Schwimmbad* and *Bad*."""
    least = [one for one in (word, *others) if len(one) >= _LEAST_LETTERS]
    return word in least[:1] and any(one.endswith(word) or word.endswith(one) for one in least[1:])


def _words(text: str) -> list[str]:
    words = (re.sub("ies$", "y", word.lower()) for word in _WORD.findall(text))
    return [
        word[:-1] if len(word) > _LEAST_LETTERS and word.endswith("s") else word
        for word in words
        if word not in _BY_THE_WAY
    ]


def _subject(text: str, *, is_question: bool = False) -> tuple[str, ...]:
    """The words for a place, its noun first, of the text before *is open*."""
    cut = text if is_question else _BEHIND_NAME.sub("", text.strip())
    words = _words(cut) or _words(text)
    return tuple(words if _ROMANCE.match(text) else reversed(words))


def _front(source: Source) -> str:
    """The first line of a document."""
    lines = (line for page in source.pages[:1] for line in page.text.splitlines() if line.strip())
    return next(lines, "")[:_FRONT_CHARS]


def _statements(source: Source, running: str) -> Iterator[_Said]:
    """All that a document says of hours, in its order; only what has such a word, if there is one."""
    pages = [page for page in source.read if may_say_hours(page.text)]
    pages = [page for page in pages if re.search(running, page.text, re.I)]
    rows = {row.start_char: (table.first, row) for table in tables(pages) if not table.is_list for row in table.rows}
    left = _MOST_STATEMENTS
    for page in pages:
        heading: tuple[str, ...] = ()
        last: tuple[str, ...] = ()
        for start, end in _units(page.text):
            text = " ".join(page.text[start:end].split())
            passage, row = passage_of(page, start, end), rows.get(page.start_char + start)
            if "\n\n" in page.text[max(0, start - 3) : start]:
                last = ()
            is_short = len(text) <= _MOST_CHARS
            row = None if running else row
            read = _read(text, running) if is_short else ""
            may_say = bool(read) and (row is not None or (may_say_hours(read) and not _WAS.search(text)))
            left -= may_say
            if not left:
                return
            found = clauses(read) if may_say and row is None else []
            if may_say and row is not None:
                yield from _in_row(*row, passage, heading)
            if found:
                for said in _in_sentence(found, read, passage, last, heading):
                    last = () if said.is_heading else said.subject
                    yield replace(said, text=text)
            elif len(text) <= _MOST_HEADING_CHARS and not _SENTENCE.search(text):
                heading, last = _subject(" ".join(without_times(text))), ()


def _units(text: str) -> Iterator[tuple[int, int]]:
    """The sentences of a text; the lines of those that are a list with days or a label before each."""
    for start, end in sentences(text):
        lines = [line for line in _LINE.finditer(text, start, end) if line[0].strip()]
        if sum(_is_item(line[0]) for line in lines[:_FIRST_LINES]) > 1:
            yield from (line.span() for line in lines)
        else:
            yield start, end


def _is_item(line: str) -> bool:
    return begins_with_days(line) or bool(_LABEL.match(line) and clauses(line[:_MOST_CHARS]))


def _in_sentence(
    found: Sequence[Clause], text: str, passage: Passage, last: tuple[str, ...], heading: tuple[str, ...]
) -> Iterator[_Said]:
    before, behind = without_times(text)
    subject = _subject(before)
    is_listed = begins_with_days(text) and not _SENTENCE.search(text)
    is_listed = is_listed or len(_words(f"{before} {behind}")) <= (0 if _SENTENCE.search(text) else 1)
    is_heading = is_listed and (not subject or (begins_with_days(text) and not _SENTENCE.search(text)))
    if is_heading:
        subject = last or heading
    elif not subject and not _WE.search(before):
        subject = last
    for clause in found:
        yield _Said(clause, passage, text, subject, is_heading and not last, is_listed or says_open(text))


def _in_row(first: Row, row: Row, passage: Passage, heading: tuple[str, ...]) -> Iterator[_Said]:
    """The clauses of a row of a table: of each of its columns, if the rows or the columns are days."""
    names, cells = [text for text, _ in first.cells], [text for text, _ in row.cells]
    text = " ".join(passage.text.split())
    is_by_day = may_say_hours(cells[0]) and len(cells) > _FEWEST_COLUMNS and not _is_span(cells[1:])
    if is_by_day or any(map(begins_with_days, names[1:])):
        for name, cell in list(zip(names, cells, strict=False))[1:]:
            subject = _subject(" ".join(without_times(name if is_by_day else cells[0]))) or heading
            days = cells[0] if is_by_day else name
            for clause in clauses(f"{name} {days}: {cell}" if is_by_day else f"{days}: {cell}"):
                yield _Said(clause, passage, f"{cells[0]} | {name}: {cell}", subject, subject == heading, True)
        return
    said = f"{cells[0]}: {' – '.join(cells[1:])}" if _is_span(cells[1:]) else text
    subject = _subject(" ".join(without_times(said))) or heading
    for clause in clauses(said):
        yield _Said(clause, passage, text, subject, subject == heading, True)


def _is_span(cells: Sequence[str]) -> bool:
    """Whether the cells behind a day are when it opens and when it closes."""
    return len(cells) == _FEWEST_COLUMNS and all(len(times_asked(cell)) == 1 and not clauses(cell) for cell in cells)
