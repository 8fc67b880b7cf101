"""Spans of PDFium's text that are written anew: which lines, or which parts of long ones, and how edits are cut at them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pypdfium2

from reader.documents.pdf import abreast, glyphs

_NEAR = 6
_CONTEXT = 30
_DIGIT = re.compile(r"\d")
_WORD_START = re.compile(r" [^\W\d_]")


def cut(span: tuple[int, int], order: list[abreast.Span]) -> Iterator[tuple[int, int]]:
    """The parts of a span that columns side by side cut it into."""
    for start, end, _ in order or [(*span, "")]:
        if span[0] < end and start < span[1]:
            yield max(start, span[0]), min(end, span[1])


def around(edit: tuple[int, int, str], start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """What is left of an edit before and after a span that another one mends."""
    first, last, new = edit
    if last <= start or first >= end:
        yield edit
        return
    if first < start:
        yield first, start, new
    if last > end:
        yield end, last, ""


def merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, of those that overlap one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def blanked(string: str, spans: list[tuple[int, int]]) -> str:
    """The text with spaces where the spans are."""
    for start, end in spans:
        string = string[:start] + " " * (end - start) + string[end:]
    return string


def left_out(string: str, hidden: list[tuple[int, int]]) -> Iterator[tuple[int, int, str]]:
    """The edits that take spans out, with the end of a line that is then empty; a hyphen before such a line ends its own line."""
    for start, end in hidden:
        after = string[end : end + 8]
        line_end = end + len(after) - len(after.lstrip())
        if string[start - 1 : start] == "\ufffe":
            yield start - 1, line_end, "-\n"
        else:
            yield start, line_end if not string[:start].rstrip(" ")[-1:].strip() else end, ""


def lines_at(string: str, positions: list[int]) -> Iterator[tuple[int, int]]:
    """The spans of the lines at some positions, with the line after where PDFium may have cut them."""
    start = end = 0
    for position in positions:
        first = string.rfind("\n", 0, position) + 1
        last = string.find("\n", position + _NEAR) + 1
        if 0 < last <= position + 2 * _NEAR:  # PDFium may have ended the line at the raised digits
            last = string.find("\n", last) + 1
        last = last or len(string)
        if first < end:
            end = max(end, last)
            continue
        if end:
            yield start, end
        start, end = first, last
    if end:
        yield start, end


def parts(
    text: pypdfium2.PdfTextPage, string: str, line: tuple[int, int], positions: list[int]
) -> Iterator[tuple[int, int]]:
    """The parts of long lines that raised digits at some positions may concern: from a word well before to one well after."""
    origin = glyphs.origins_of(text)
    first, last = line
    parts: list[tuple[int, int]] = []
    for position in positions:
        if not first <= position < last:
            continue
        digit = _DIGIT.search(string, position + 1, last)
        if digit and origin(digit.start())[0] < origin(position)[0]:  # they belong to something before
            parts.append(line)
            continue
        before = _WORD_START.search(string, max(first, position - 2 * _CONTEXT), position - _CONTEXT)
        start = before.start() + 1 if before else first
        end = string.find(" ", position + _CONTEXT, last)
        parts.append((start, end if end >= 0 else last))
    yield from merged(parts)


def unseen_spans(string: str, unseen: set[int]) -> Iterator[tuple[int, int]]:
    """Characters that are not seen as spans, with what only parts them."""
    span = None
    for at in sorted(unseen):
        if span is not None and not string[span[1] : at].strip():
            span = span[0], at + 1
            continue
        if span is not None:
            yield span
        span = at, at + 1
    if span is not None:
        yield span
