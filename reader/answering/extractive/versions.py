"""What two versions of a document differ in: sentences that stand in one of them alone, or in other words in the other.

A decoder never sees both whole, and says that the document does not say. It runs no decoder.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from reader.answering.extractive.overview import OVERVIEW_CHARS, Overview
from reader.answering.passages import Passage, Source, passage_of
from reader.answering.text.excerpts import excerpt
from reader.answering.text.languages import language_of
from reader.answering.text.words import bare
from reader.answering.wholes import SEVERAL_TEXTS
from reader.reading import sentences

_VERSIONS = (
    r"(?:(?:these|those|the|both) )?(?:(?:two|new|newer|old|older|first|second|last|latest|earlier|later) )?"
    rf"(?:{SEVERAL_TEXTS}|versions?|drafts?|editions?|it|them|ones?)"
)
_DIFFER = re.compile(
    rf"(?:what (?:has |have |is |are |was |were )?(?:been )?(?:the )?(?:changed?|changes|different|new|differences?)"
    rf"|(?:how|where|in what) (?:do|does|did) {_VERSIONS} (?:differ|change)"
    rf"|(?:list|show|name|what are)(?: me)?(?: all)? the (?:changes|differences))"
    rf"(?: (?:between|in|from|since|to|of) {_VERSIONS}(?: (?:and|to|from) {_VERSIONS})?)?"
    r"|was (?:hat|wurde|ist) (?:sich )?(?:geändert|verändert|neu)(?: .{0,40})?|wo(?:rin|durch) unterscheiden sich .{1,40}"
    r"|(?:was|welches) sind die (?:unterschiede|änderungen)(?: .{0,40})?"
    r"|qu['’]est-ce qui a changé(?: .{0,40})?|quelles sont les (?:différences|modifications)(?: .{0,40})?"
    r"|qué ha cambiado(?: .{0,40})?|cuáles son (?:las diferencias|los cambios)(?: .{0,40})?",
    re.I,
)
_ONLY = {"en": "Only in", "de": "Nur in", "fr": "Seulement dans", "es": "Solo en"}
_SAME = {
    "en": "Both have the same sentences.",
    "de": "Beide haben dieselben Sätze.",
    "fr": "Les deux ont les mêmes phrases.",
    "es": "Los dos tienen las mismas frases.",
}
_SHARED = 0.5
"""The share of sentences that two versions have in common at least, and of words that a sentence and its other version have."""
_NUMBER = re.compile(r"\W*\d*\w?\W*")
"""That of a heading, which changes wherever a section comes before it."""
_NEAR = 8
"""Sentences at one place that may be another version of one."""
_MOST_CHARS = 2 * OVERVIEW_CHARS

Sentence = tuple[tuple[str, int], frozenset[str], Passage]
"""The sentence, shared by both, that stands before, by its words and how many such are to come; its own words; and itself."""


def differences(question: str, sources: Sequence[Source]) -> Overview | None:
    """What differs between two documents that have most sentences in common; None for others, and for other questions."""
    if len(sources) != 2 or not _DIFFER.fullmatch(bare(question)) or not all(source.is_read for source in sources):
        return None
    said = [[(_words(one.text), one) for one in _sentences(source)] for source in sources]
    counts = [Counter(words for words, _ in own) for own in said]
    shared = counts[0] & counts[1]
    if shared.total() < _SHARED * min(count.total() for count in counts):
        return None
    (one, alone), (other, others) = [
        (source.title, _alone(own, shared)) for source, own in zip(sources, said, strict=True)
    ]
    near = defaultdict(list)
    for place, words, sentence in others:
        near[place].append((words, sentence))
    changed: list[tuple[str, list[Passage]]] = []
    gone = defaultdict(list)
    for place, words, sentence in alone:
        again = next((its for its in near[place][:_NEAR] if len(words & its[0]) >= _SHARED * len(words | its[0])), None)
        if again is None:
            gone[place].append(sentence)
        else:
            near[place].remove(again)
            changed.append((f"{one}: {_text([sentence])}\n{other}: {_text([again[1]])}", [sentence, again[1]]))
    only = _ONLY.get(language_of(question), _ONLY["en"])
    new = [[sentence for _, sentence in own] for own in near.values() if own]
    found = [
        *changed,
        *(
            (f"{only} {title}: {_text(own)}", own)
            for title, every in ((one, gone.values()), (other, new))
            for own in every
        ),
    ]
    if not found:
        return Overview(_SAME.get(language_of(question), _SAME["en"]), ())
    lengths = accumulate(len(text) for text, _ in found)
    shown = [entry for entry, length in zip(found, lengths, strict=True) if length <= _MOST_CHARS] or found[:1]
    more = [f"… {len(found) - len(shown):,} more"] if len(shown) < len(found) else []
    return Overview("\n\n".join([*(text for text, _ in shown), *more]), tuple(one for _, own in shown for one in own))


def _alone(own: Sequence[tuple[str, Passage]], shared: Counter[str]) -> list[Sentence]:
    """The sentences that the other version has not."""
    left, place, alone = Counter(shared), ("", 0), []
    for words, sentence in own:
        if left[words]:
            left[words] -= 1
            place = words, left[words]
        else:
            alone.append((place, frozenset(words.split()), sentence))
    return alone


def _sentences(source: Source) -> Iterator[Passage]:
    for page in source.read:
        for start, end in sentences(page.text):
            if not _NUMBER.fullmatch(page.text, start, end):
                yield passage_of(page, start, end)


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _text(own: Sequence[Passage]) -> str:
    return " ".join(excerpt(" ".join(sentence.text.split())) for sentence in own)
