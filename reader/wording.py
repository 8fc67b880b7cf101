"""Words that the shell and the app share: sizes, durations, places, the stages of loading a decoder, Markdown without its marks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

STAGES = {
    "download": "Downloading the language model (first start only)",
    "convert": "Preparing the language model (first start only)",
    "wait": "Waiting for another program to prepare the language model",
    "load": "Loading the language model",
    "measure": "Measuring how fast the language model reads here",
    "fit": "Measuring what the language model's memories must keep (first start only)",
}
"""Stage of fetching and loading a decoder -> the words to show."""


REMOVED = "A removed document"
"""In place of the title of a document that is gone."""


UNSTATED = "The document does not use these words."
"""Behind the part of an answer whose words are not on its pages."""

NOT_STATED = f"{UNSTATED} Closest passages"
"""The heading of an answer's pages if the answer's words are not on them."""


NEWER_PARSER = "An older parser made this document's text: it can be read again with the newer one"
"""What a document's details say if `reader.documents.is_outdated`; what to do follows."""

FULL_STOPS = "。۔।॥።။។։܀᠃"
"""The full stops of Chinese, Urdu, Hindi, Amharic, Burmese, Khmer, Armenian, Syriac and Mongolian; no space need follow."""
SENTENCE_ENDS = f"{FULL_STOPS}！？؟፧"
"""These, and the signs for questions and exclamations of such scripts."""

QUOTES = " \t\n\xa0\"'“”„‘’«»"
"""Quotation marks, and spaces within them."""


def duration(seconds: float) -> str:
    """Seconds as people read them: "12 s", "3 min 20 s", "1 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(size_bytes: int) -> str:
    """Bytes as people read them: "512 B", "3 MB", "1.2 GB"."""
    number = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def counted(number: int, noun: str, *, of: int | None = None) -> str:
    """How many of something there are: "1 page", "1,204 memories", "1 of 300 pages".

    Args:
        number: how many.
        noun: what one of them is called.
        of: how many there are in all, if these are a part.
    """
    if (number if of is None else of) != 1:
        noun = f"{noun[:-1]}ies" if re.search("[^aeiou]y$", noun) else f"{noun}s"
    return f"{number:,} {noun}" if of is None else f"{number:,} of {of:,} {noun}"


_OF_ONE = {"are": "is", "were": "was", "have": "has"}


def agreeing(number: int, verb: str) -> str:
    """A verb as it follows so many things: "are", "were" and "have" are given for several."""
    return _OF_ONE[verb] if number == 1 else verb


_NUMBER = r"[A-Za-z]{0,2}[-.]?\d{1,6}[a-z]?|[ivxlcdm]{1,9}"
_PAGE_NUMBER = re.compile(rf"{_NUMBER}|[IVXLCDM]{{1,9}}")
_NUMBER_AND_CHAPTERS = re.compile(rf"(?P<number>{_NUMBER}) — (?P<chapters>.+)")
"""The label of a page of a PDF with an outline. Capital Roman numerals before a dash are a chapter's."""
_TIME = re.compile(r"\d{1,3}(?::\d\d){1,2}")
"""The label of a page of subtitles."""
_NUMBERED = frozenset(("page", "time"))
"""The words that stand before numbers where places are named."""
_MACHINE_NAME = re.compile(r"[0-9a-fA-F-]{16,}|(?=\S*[\d_/=])[!-~]{32,}")
"""Words of German, and headings of scripts that write no spaces, may be as long."""


def is_for_readers(label: str) -> bool:
    """Whether a label or a heading says something to a person: not that of a file or a record within the document."""
    label = " ".join(label.split())
    return bool(label) and not _MACHINE_NAME.fullmatch(label)


_TURNED = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
"""Letters of scripts that run from right to left."""


def isolated(words: str) -> str:
    """Words within a line of ours: if they run from right to left, the signs around them stay where they are."""
    return f"\u2068{words}\u2069" if _TURNED.search(words) else words


def place(label: str, page: int | None = None) -> str:
    """A page or section as people name it: "page 12", "page 12, “The Letter”", "“Part 2 · 3”", "time 12:31".

    Args:
        label: the document's own label; a label that is not for readers is left out.
        page: the page's place in the document, counted from 1.
    """
    label = " ".join(label.split())
    if _PAGE_NUMBER.fullmatch(label):
        return f"page {label}"
    if found := _NUMBER_AND_CHAPTERS.fullmatch(label):
        chapters = [f"“{isolated(chapter)}”" for chapter in found["chapters"].split(" · ")]
        named = places(chapters) if len(chapters) < 3 else f"{chapters[0]} to {chapters[-1]}"
        return f"page {found['number']}, {named}"
    if _TIME.fullmatch(label):
        return f"time {label}"
    if not is_for_readers(label):
        return f"page {page:,}" if page is not None else "a page"
    return f"“{isolated(label)}”"


def in_columns(evidence: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The columns of a table of answers that say what each rests on."""
    found = list(evidence)
    return {
        "pages": "; ".join(place_in_column(str(item["label"] or ""), int(item["page"])) for item in found),
        "quotes": "\n".join(quoted(str(item["quote"]), str(item.get("header", ""))) for item in found),
    }


# What a spreadsheet may take for the beginning of a formula; and the same behind the quotes that make it harmless.
_FORMULA = re.compile(r"'*(\s*[=+\-@＝＋－＠]|[\t\r\n])")


def guarded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, whatever a document or a question says."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """The text of a cell by `guarded`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


def place_in_column(label: str, page: int) -> str:
    """A page or section under a heading that says "pages": "12", "xii", "“Part 2 · 3”"."""
    return _number(place(label, page))


def _number(name: str) -> str:
    """Of a page its number alone, without its chapters, and of a time its figures; of a section the whole name."""
    kind, _, number = name.partition(" ")
    return number.partition(", ")[0] if kind in _NUMBERED else name


def places(names: Iterable[str]) -> str:
    """Several pages or sections as `place` names them, each once: "pages 12 and 40"; empty for none."""
    names = list(dict.fromkeys(names))
    kinds = {name.partition(" ")[0] for name in names}
    if len(names) > 1 and len(kinds) == 1 and kinds <= _NUMBERED:
        names = list(dict.fromkeys(map(_number, names)))
        names[0] = f"{kinds.pop()}s {names[0]}"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def places_of(found: Iterable[tuple[str, str]], titles: Mapping[str, str]) -> str:
    """Places of one document or of several: "pages 12 and 40", or "The Log, pages 3 and 4; The Map, page 1".

    Args:
        found: the document's id and the place as `place` names it, of each.
        titles: of the documents that were asked, by id.
    """
    named: dict[str, list[str]] = {}
    for document_id, name in found:
        named.setdefault(document_id, []).append(name)
    if len(titles) <= 1:
        return places(name for names in named.values() for name in names)
    return "; ".join(f"{isolated(titles.get(id, REMOVED))}, {places(names)}" for id, names in named.items())


def told_apart(documents: Iterable[tuple[str, str]]) -> list[str]:
    """The titles of documents, by (title, name of the file), each with the file's name where several have one title."""
    documents = list(documents)
    often = Counter(title for title, _ in documents)
    return [title if often[title] == 1 else f"{title} ({file_name})" for title, file_name in documents]


MARKDOWN = "markdown"
"""The format of documents whose text has marks that people do not read."""
FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)^(?:\1|\.\.\.)[ \t]*$\n?", re.MULTILINE | re.DOTALL)
"""What stands above a text in Markdown, between lines of its own: its title and the like, for programs."""

_BLOCK_MARKS = re.compile(r"[ \t]*(?:#{1,6}[ \t]+|>[ \t]?)+")
"""Of headings and quotations, at a line's beginning."""
_RULES = frozenset("-=_*|: \t")
"""What lines are of that part a table's head from its rows, underline a heading, or divide a page."""
_HALF = re.compile(r"(?<!\S)\*{1,3}(?=\S)|(?<=\S)\*{1,3}(?!\w)")
"""A mark whose other half stands outside the quote."""


def quoted(quote: str, header: str = "") -> str:
    """A quote on one line; a row of a table behind its table's first row, in brackets."""
    return " ".join(f"[{header}] {quote}".split() if header else quote.split())


@lru_cache(maxsize=2048)
def plain_markdown(text: str) -> str:
    """The words of a Markdown text as a reader sees them, without its marks; lines, list signs and cells stay.

    Args:
        text: whole, or a quote that may begin or end between two marks.
    """
    from markdown_it import MarkdownIt  # what shows no Markdown need not wait for it

    lines = "\n".join(line for line in map(_unmarked, text.split("\n")) if line is not None)
    (inline,) = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").parseInline(lines)
    words = {"softbreak": "\n", "hardbreak": "\n"}
    return "".join(
        _HALF.sub("", token.content) if token.type == "text" else words.get(token.type, token.content)
        for token in inline.children or ()
    )


def _unmarked(line: str) -> str | None:
    """A line without the marks of its block; None where it is nothing but marks."""
    bare = line.strip()
    if bare.startswith(("```", "~~~")) or (len(bare) > 2 and _RULES.issuperset(bare)):
        return None
    if len(bare) > 1 and bare[0] == bare[-1] == "|":
        return bare.strip("| ")
    marks = _BLOCK_MARKS.match(line)
    return line[marks.end() :] if marks else line
