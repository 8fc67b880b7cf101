"""A conversation as a file to keep or to send, with its quotes: Markdown, or a web page or a PDF with pictures of the pages.

Questions, answers and quotes are strangers' words: all of them are escaped here, or are data to the PDF's template. Web page and
PDF load nothing and run nothing. The PDF is typeset by Typst, and tagged as PDF/UA-1 for screen readers.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

import typst

from reader.app.citations import Piece, pieces
from reader.app.page.turns import CLOSEST, heading_of, read_as, summary
from reader.app.talks import Place
from reader.errors import ReaderError
from reader.settings import STATIC
from reader.wording import NOT_STATED
from storage import ConversationRecord

MAX_PICTURES = 24
"""Page pictures in one file; each takes some 100 kB."""

Picture: TypeAlias = Callable[[str, int], bytes | None]
"""Gives a page of a document as a JPEG, or None where there is none."""

_NO_FONT = re.compile(r'the text `"(.{1,20})"` could not be displayed')
_UNSHOWABLE = ("Cc", "Cs", "Co", "Cn")
"""Unicode categories that no font has signs for."""


@dataclass(frozen=True)
class _Quote:
    """A place that an answer rests on."""

    where: str
    text: str
    page: tuple[str, int]
    """Its document and page."""
    number: int | None
    """None where it is only near to what the document does not say."""
    note: str | None
    """What stands above it, and above those behind it."""


@dataclass(frozen=True)
class _Turn:
    """A question with its answer, as every form shows it."""

    question: str
    answer: tuple[Piece, ...]
    quotes: tuple[_Quote, ...]
    cost: str


def as_markdown(conversation: ConversationRecord, title: str, about: Place) -> str:
    """A conversation as a Markdown file, its strangers' words as plain text."""
    lines = [f"# {_plain(title)}", ""]
    for turn in _turns(conversation, about):
        lines += [f"## {_plain(turn.question)}", ""]
        answer = "".join(
            f"{piece.text} [{piece.number}]" if piece.number else f"{piece.text}\n{piece.note}" for piece in turn.answer
        )
        for line in filter(str.strip, answer.split("\n")):
            lines += [_plain(line), ""]
        for quote in turn.quotes:
            lines += [f"{quote.note}:", ""] if quote.note else []
            number = f"[{quote.number}] " if quote.number else ""
            lines += [f"> {_plain(f'{number}{quote.text}')}", ">", f"> {_plain(quote.where)}", ""]
        lines += [f"*{turn.cost}*", ""]
    return "\n".join(lines)


def as_html(conversation: ConversationRecord, title: str, about: Place, picture: Picture) -> str:
    """A conversation as a web page that needs nothing beside it."""
    turns = _turns(conversation, about)
    drawn = _drawn(turns, picture)

    def page(quote: _Quote) -> str:
        jpeg = drawn.pop(quote.page, None)  # once is enough
        if jpeg is None:
            return ""
        source = base64.b64encode(jpeg).decode()
        return (
            f'<details><summary>The page</summary><img alt="{escape(quote.where)}" src="data:image/jpeg;base64,{source}">'
            "</details>"
        )

    sections = []
    for turn in turns:
        answer = "".join(
            f"{escape(piece.text)}{f'<sup>{piece.number}</sup>' if piece.number else ''}"
            f"{f'<br><small>{piece.note}</small>' if piece.note else ''}"
            for piece in turn.answer
        )
        quotes = "".join(
            f"{f'<p>{quote.note}</p>' if quote.note else ''}<blockquote><cite>{f'{quote.number}. ' if quote.number else ''}"
            f"{escape(quote.where)}</cite>{escape(quote.text)}{page(quote)}</blockquote>"
            for quote in turn.quotes
        )
        sections.append(
            f'<section><h2>{escape(turn.question)}</h2><div class="answer">{answer}</div>'
            f'{quotes}<p class="cost">{escape(turn.cost)}</p></section>'
        )
    style = (STATIC / "export.css").read_text()
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>{escape(title)}</title>'
        f"<style>{style}</style></head><body><h1>{escape(title)}</h1>{''.join(sections)}"
        f"<footer>{_made(conversation)}</footer></body></html>"
    )


def as_pdf(conversation: ConversationRecord, title: str, about: Place, picture: Picture) -> bytes:
    """A conversation as a PDF; the pictures of its pages follow at the end, and the quotes lead to them.

    Raises:
        ReaderError: no font of this computer has one of its signs.
    """
    turns = _turns(conversation, about)
    drawn = _drawn(turns, picture)
    names = {page: f"page-{number}" for number, page in enumerate(drawn, start=1)}
    shown = {
        "title": title,
        "made": _made(conversation),
        "turns": [
            {
                "question": turn.question,
                "answer": [{"text": one.text, "number": one.number, "note": one.note} for one in turn.answer],
                "quotes": [
                    {
                        "where": quote.where,
                        "text": quote.text,
                        "picture": names.get(quote.page),
                        "number": quote.number,
                        "note": quote.note,
                    }
                    for quote in turn.quotes
                ],
                "cost": turn.cost,
            }
            for turn in turns
        ],
        "pictures": [
            {"name": names[page], "where": next(q.where for turn in turns for q in turn.quotes if q.page == page)}
            for page in drawn
        ],
    }
    with tempfile.TemporaryDirectory(prefix="export-") as folder:  # the template can open nothing outside it
        for page, jpeg in drawn.items():
            (Path(folder) / f"{names[page]}.jpg").write_bytes(jpeg)
        (Path(folder) / "conversation.json").write_text(json.dumps(_showable(shown)), encoding="utf-8")
        template = shutil.copy(STATIC / "export.typ", folder)
        try:
            return typst.compile(template, root=folder, font_paths=_fonts(), format="pdf", pdf_standards="ua-1")
        except typst.TypstError as error:
            if missing := _NO_FONT.search(str(error)):
                raise ReaderError(
                    f"The PDF cannot show “{missing[1]}”: no font of this computer has it. Install a font of that script, "
                    "such as one of Noto, and start the app again, or export the conversation as a web page."
                ) from error
            raise


def _turns(conversation: ConversationRecord, about: Place) -> list[_Turn]:
    return [
        _Turn(
            turn.question,
            tuple(pieces(parts, evidence[:sources], turn.counts.get("unstated_parts") or ())),
            tuple(
                _Quote(
                    heading_of(item, about.titles),
                    " ".join(str(item.get("quote", "")).split()),
                    (str(item.get("document_id", "")), int(item["page"])),
                    place + 1 if place < sources else None,
                    CLOSEST if place == sources else NOT_STATED if place == 0 and _is_unstated(turn.counts) else None,
                )
                for place, item in enumerate(evidence)
            ),
            summary(turn.counts, about.titles),
        )
        for turn in conversation.turns
        for parts, evidence, sources in (read_as(turn.answer, turn.counts, turn.evidence, about),)
    ]


def _is_unstated(counts: Mapping[str, Any]) -> bool:
    """Whether an answer's words are in none of its quotes, and it has no parts that would say so by themselves."""
    return counts.get("is_stated") is False and not counts.get("unstated_parts")


def _drawn(turns: Sequence[_Turn], picture: Picture) -> dict[tuple[str, int], bytes]:
    """The pictures of the first quoted pages, each once."""
    pages = list(dict.fromkeys(quote.page for turn in turns for quote in turn.quotes))
    drawn: dict[tuple[str, int], bytes] = {}
    for page in pages:
        if len(drawn) < MAX_PICTURES and (jpeg := picture(*page)) is not None:
            drawn[page] = jpeg
    return drawn


def _made(conversation: ConversationRecord) -> str:
    return f"Asked on {datetime.fromtimestamp(conversation.created_at):%d %B %Y} with Activation Beacon Reader."


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|" else sign for sign in " ".join(text.split()))


def _showable(value: Any) -> Any:
    """The same values, with a replacement character for what no font can show."""
    if isinstance(value, str):
        return "".join(
            "\ufffd" if sign not in "\n\t" and unicodedata.category(sign) in _UNSHOWABLE else sign for sign in value
        )
    if isinstance(value, Mapping):
        return {name: _showable(one) for name, one in value.items()}
    return [_showable(one) for one in value] if isinstance(value, list) else value


@cache
def _fonts() -> typst.Fonts:
    """Typst's own fonts (Latin, Greek, Cyrillic), DejaVu (Arabic, Hebrew, Georgian, symbols), and all of this computer."""
    from matplotlib import get_data_path  # half a second, which the start of the app need not take

    folder = Path(get_data_path()) / "fonts" / "ttf"
    # Not the folder: it also has a font with a box for every sign there is, with which nothing would ever be missing.
    return typst.Fonts(font_paths=[folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.ttf"])
