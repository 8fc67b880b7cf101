"""A note of one to three sentences about each chapter of a document, or each stretch of pages, cut out of its own text.

A chapter's first sentence usually says what it is about. Central sentences follow: those whose words the chapter uses often and the
rest of the document seldom; names count double. A page without a heading may begin anywhere, so a stretch of pages has central
sentences only. Where there is no sentence, as on slides of bullets, the first lines stand for them. No decoder runs: the notes are
there as soon as the file is.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from reader.answering.passages import Passage, Source, passage_of
from reader.answering.text.outline import Section, is_front_matter, sections
from reader.answering.text.words import content_words
from reader.reading import sentences
from reader.wording import FULL_STOPS
from storage import PageRecord

SENTENCES = 3
NOTE_CHARS = 420
"""The sentences of a note together, about; the first one is kept however long it is."""
STRETCHES = 12
"""The most notes of a document without chapters."""

_SHORT_CHARS, _LONG_CHARS = 40, 320
"""A sentence that is shorter says little, and one that is longer is a table or a list."""
_SHORT_LEAD_CHARS = 25
_LEAD_CHARS = 200
"""How far behind the heading the first sentence may begin."""
_NAME = re.compile(r"(?<![.!?:;…”\"'\n] )(?<!^)\b[A-Z][a-z]+\b", re.M)
_AROUND_CHARS = 100
"""How far around a sentence lines tell prose from verse."""
_DEPENDENT = re.compile(
    r"(?:he|she|it|they|this|that|these|those|his|her|its|their|but|and|so|yet|then|thus|however|therefore|moreover"
    r"|also|such|here|there|for example|for instance|as a result|in addition|on the other hand|instead|nor|or)\b",
    re.I,
)
"""The beginning of a sentence that can hardly be read without the one before."""
_ADDRESSED = re.compile(r"\b(?:you|your)\b", re.I)
"""Advice, or a part of a conversation."""
_BARE = re.compile(r"[\W\d_]")
NO_PROSE = re.compile(
    r"[=@{}\\∗†•|©]|\b(?:Fig(?:ure|\.)|Table)\s*\d+\s*[:.]|\b(?:pages|pp\.|Vol\.|Proceedings|ISBN|https?:)", re.I
)
"""Signs of formulas, captions, rows of tables and references."""
_ENDED = re.compile(rf"[.…{FULL_STOPS}][\"'”’»)\]]*$")
_ITEM = re.compile(r"^(?:[-•*–] |\d{1,3}[.)] )?([^\s|]\S* \S.*)$", re.M)
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Signs of Chinese, Japanese and Korean, each of which says about as much as three letters."""
_SAID = re.compile(r"[\"“”'‘«„「『—–-]")


@dataclass(frozen=True)
class Note:
    """What a chapter or a stretch of pages is about."""

    title: str
    """The chapter's heading; "" for a stretch of pages."""
    first_page: int
    last_page: int
    passages: tuple[Passage, ...]
    """Its sentences, in document order; none where the stretch has no sentence."""

    @property
    def text(self) -> str:
        """The sentences, on one line."""
        lines = [" ".join(passage.text.split()) for passage in self.passages]
        return " ".join(line if _ENDED.search(line) else f"{line};" for line in lines).removesuffix(";")


@dataclass(frozen=True)
class _Sentence:
    page: PageRecord
    start: int
    end: int
    """Characters of the page."""
    text: str
    words: tuple[str, ...]

    def is_lead(self, body_char: int) -> bool:
        """Whether it says by itself what the section is about whose text begins at that character of the document."""
        return self.page.start_char + self.start < body_char + _LEAD_CHARS and not _DEPENDENT.match(self.text)


def notes(source: Source, most: int = SENTENCES) -> list[Note]:
    """A note about each section that was read, or about each of a few stretches of pages where the document shows no sections.

    Args:
        source: the document.
        most: sentences of a note.
    """
    stretches = [one for one in sections(source) if one.start_char < source.chars_read] or _stretches(source)
    found = [list(_sentences(stretch, source.chars_read)) for stretch in stretches]
    spread = Counter(word for own in found for word in {word for one in own for word in one.words})
    made = []
    for stretch, own in zip(stretches, found, strict=True):
        pages = stretch.pages
        if is_front_matter(stretch.title):
            own = []
        lead = [one for one in own[:1] if stretch.title and one.is_lead(stretch.body_char)]
        chosen = _central(own, lead, spread, len(stretches), most)
        spans = [(one.page, one.start, one.end) for one in chosen]
        if not own and not is_front_matter(stretch.title):
            spans = list(islice(_items(stretch, source.chars_read), most))
        passages = tuple(passage_of(*span) for span in spans)
        last = max((page.number for page in pages if page.start_char < stretch.end_char), default=1)
        made.append(Note(stretch.title, pages[0].number if pages else 1, last, passages))
    return made


def notes_of(document_id: str, title: str, pages: Sequence[PageRecord]) -> list[Note]:
    """The notes of a document by its pages, read or not."""
    return notes(Source(document_id, title, tuple(pages), pages[-1].end_char if pages else 0))


def _stretches(source: Source) -> list[Section]:
    """Stretches of pages of about the same length."""
    pages = [page for page in source.pages if page.text.strip() and page.start_char < source.chars_read]
    size = -(-len(pages) // STRETCHES) or 1
    groups = [pages[first : first + size] for first in range(0, len(pages), size)]
    return [Section("", tuple(group), group[0].start_char, group[-1].end_char) for group in groups]


def _sentences(section: Section, chars_read: int) -> Iterator[_Sentence]:
    """The sentences of a section that may stand alone."""
    end_char = min(section.end_char, chars_read)
    for number, page in enumerate(section.pages):
        first = max(0, (section.body_char if number == 0 else section.start_char) - page.start_char)
        text = page.text[first : max(first, end_char - page.start_char)]
        for start, end in sentences(text):
            said = " ".join(text[start:end].split())
            if (
                not _begins_with_heading(text, start, end)
                and _SHORT_LEAD_CHARS <= _length(said) <= _LONG_CHARS
                and _can_stand_alone(said)
            ):
                yield _Sentence(page, first + start, first + end, said, tuple(content_words(said)))


def _items(section: Section, chars_read: int) -> Iterator[tuple[PageRecord, int, int]]:
    """The lines of a section that say something: two words or more, and no row of a table or of a table of contents."""
    end_char = min(section.end_char, chars_read)
    for number, page in enumerate(section.pages):
        first = max(0, (section.body_char if number == 0 else section.start_char) - page.start_char)
        last = max(first, end_char - page.start_char)
        if any(_ENDED.search(page.text, first + start, first + end) for start, end in sentences(page.text[first:last])):
            return  # prose, whose lines are parts of sentences
        for line in _ITEM.finditer(page.text, first, last):
            said = line[1]
            is_said = said.strip() not in section.title and " | " not in said and not NO_PROSE.search(said)
            if is_said and len(said) <= _LONG_CHARS and 2 * sum(map(str.isalpha, said)) > len(said):
                yield page, *line.span(1)


def _begins_with_heading(text: str, start: int, end: int) -> bool:
    """Whether the first line of a sentence is much shorter than the next one, which begins anew, and is a whole line, or one of
    lines that all begin anew, as in verse. Of a sentence that begins within a line of prose, only the rest of it stands there."""
    first, _, rest = text[start:end].partition("\n")
    second = rest.partition("\n")[0]
    if not second[:1].isupper() or first.count(" ") >= 8 or len(first) >= 0.7 * len(second):
        return False
    is_whole = not any(map(str.isalpha, text[text.rfind("\n", 0, start) + 1 : start]))
    around = text[max(0, start - _AROUND_CHARS) : end + _AROUND_CHARS].split("\n")[1:]
    return is_whole or not any(line.lstrip()[:1].islower() for line in around)


def _can_stand_alone(said: str) -> bool:
    """Whether a sentence is whole, is no speech, and is no row of a table or list of figures."""
    letters = len(said) - len(_BARE.findall(said.replace(" ", "")))
    return (
        bool(_ENDED.search(said))
        and not _SAID.match(said)
        and not NO_PROSE.search(said)
        and (said[0].isupper() or not said[0].isascii())
        and not said.isupper()
        and said.count("“") == said.count("”")
        and said.count('"') % 2 == 0
        and letters > 0.7 * len(said)
    )


def _length(said: str) -> int:
    """How much a sentence says, in letters."""
    return len(said) + 2 * len(_WIDE.findall(said))


def _central(
    own: Sequence[_Sentence], lead: Sequence[_Sentence], spread: Counter[str], count: int, most: int
) -> list[_Sentence]:
    """The lead, and the sentences that share most with their section and least with each other, in document order."""
    uses = Counter(word for one in own for word in one.words)
    # A word that is said once is no subject; one that every section says is none of this one.
    weights = {
        word: math.log(times) * (math.log((1 + count) / (1 + spread[word])) + 0.5) for word, times in uses.items()
    }
    names = {name.lower() for one in own for name in _NAME.findall(one.text)}
    said: set[str] = set()

    def score(one: _Sentence) -> float:
        fresh = sum(weights[word] * (2 if word in names else 1) for word in one.words if word not in said)
        # By the root of its length: a long sentence says more, but not as much more.
        value = fresh / math.sqrt(len(one.words))
        return value * (0.5 if _DEPENDENT.match(one.text) or _ADDRESSED.search(one.text) else 1.0)

    chosen: list[_Sentence] = []
    rest = [*lead, *(one for one in own if _length(one.text) >= _SHORT_CHARS and one not in lead)]
    left_chars = NOTE_CHARS
    while rest and len(chosen) < most:
        best = max(rest, key=score) if chosen or not lead else lead[0]
        chosen.append(best)
        said.update(best.words)
        left_chars -= _length(best.text)
        rest = [one for one in rest if one is not best and _length(one.text) <= left_chars]
    return sorted(chosen, key=lambda one: (one.page.number, one.start))
