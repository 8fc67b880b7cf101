"""Transcripts with times, SRT and WebVTT: running text in paragraphs, on pages that are labelled with the time at which they begin.

Speakers stand before what they say. The lines that automatic captions repeat while they roll are read once.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from reader.documents.encodings import read_text
from reader.documents.text import MOST_PAGES, Parsed, readable_stem, split_pages
from reader.wording import SENTENCE_ENDS

_TIMES = re.compile(
    r"[ \t]*(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})[ \t]*-->[ \t]*(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3}).*"
)
_SPEAKER = re.compile(r"<v(?:\.[\w.]+)?[ \t]+([^<>]{1,80})>")
_MARKS = re.compile(r"</?[a-z][^<>]{0,80}>|<\d[\d:.]{0,20}>|\{\\[^{}]{0,80}\}", re.I)
_NAMED = re.compile(r"(?:>> ?)?([^\W\d_a-zß-ÿ][\w.'’-]*(?: [^\W\d_a-zß-ÿ][\w.'’-]*){0,3}): ")
"""How a line begins that names its speaker."""
_TURN = re.compile(r"[-–—] ?\S|>>")
"""How a line begins that somebody else speaks."""
_ENDED = re.compile(rf"[.!?…{SENTENCE_ENDS}][\"'”’»)\]]*$")
_PAUSE_SECONDS = 3.0
"""After a sentence, a pause of this length begins a paragraph."""
_PARAGRAPH_CHARS, _LONG_CHARS = 400, 1200
"""A paragraph ends with its next sentence, and with its next line."""
_PAGE_CHARS, _PAGE_SECONDS = 900, 120
"""A page is about a minute of speech; after so many seconds, the next paragraph begins another."""


class _Cue(NamedTuple):
    start: float
    """Seconds."""
    end: float
    lines: list[str]


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is no text.
    """
    text = read_text(path)
    cues = list(_cues(text.splitlines()))
    return readable_stem(path), _pages(cues) if cues else split_pages(text)


def _cues(lines: list[str]) -> Iterator[_Cue]:
    """What is said, with its times, without lines that stand in the cue before."""
    before: list[str] = []
    found = [(place, times) for place, line in enumerate(lines) if (times := _TIMES.fullmatch(line.rstrip()))]
    ends = [*(place for place, _ in found[1:]), len(lines) + 1]
    for (place, times), end in zip(found, ends, strict=False):
        block = lines[place + 1 : end - 1]  # without the next cue's number, or the blank line before its times
        said = [words for line in itertools.takewhile(str.strip, block) if (words := _plain(line))]
        if new := [words for words in said if words not in before]:
            yield _Cue(_seconds(*times.groups()[:4]), _seconds(*times.groups()[4:]), new)
        before = said or before


def _seconds(hours: str | None, minutes: str, seconds: str, parts: str) -> float:
    return 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds) + float(f"0.{parts}")


def _plain(line: str) -> str:
    """A line without marks, its speaker before it."""
    return " ".join(html.unescape(_MARKS.sub("", _SPEAKER.sub(r"\1: ", line))).split())


def _pages(cues: list[_Cue]) -> Iterator[tuple[str, str]]:
    paragraphs = list(_paragraphs(cues))
    least_chars = max(_PAGE_CHARS, sum(len(words) for _, words in paragraphs) // MOST_PAGES)
    first, page = cues[0].start, ""
    for start, words in paragraphs:
        if page and (len(page) >= least_chars or start - first > _PAGE_SECONDS):
            yield _label(first), page
            first, page = start, ""
        page += f"{words}\n\n"
    yield _label(first), page


def _paragraphs(cues: list[_Cue]) -> Iterator[tuple[float, str]]:
    """The second at which each paragraph begins, and the paragraph."""
    first, end, speaker = cues[0].start, cues[0].start, ""
    paragraph = ""
    for cue in cues:
        for line in cue.lines:
            named = _NAMED.match(line)
            is_same = named is not None and named[1] == speaker
            is_turn = not is_same and bool(named or _TURN.match(line))
            is_over = _ENDED.search(paragraph) and (
                len(paragraph) > _PARAGRAPH_CHARS or cue.start - end > _PAUSE_SECONDS
            )
            if paragraph and (is_turn or is_over or len(paragraph) > _LONG_CHARS):
                yield first, paragraph
                paragraph = ""
            if not paragraph:
                first = cue.start
            # A speaker who goes on is not named again.
            paragraph = f"{paragraph} {line[named.end() :] if named and is_same else line}".strip()
            speaker = named[1] if named else "" if is_turn else speaker
        end = cue.end
    yield first, paragraph


def _label(seconds: float) -> str:
    """A time as players show it: 4:05, 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
