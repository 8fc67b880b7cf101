"""A page beside the conversation as HTML: its tools, its contents, its picture or its text.

Labels, titles and texts are strangers' words: every one of them is escaped here or in `typeset`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from reader.app.overview import Heading
from reader.app.page.typeset import typeset
from reader.app.pages import PageView
from reader.wording import counted, place

KEYS = (
    ("/", "Find in the document, or in the library"),
    ("← →", "Previous page, next page"),
    ("+ −", "Larger, smaller"),
    ("a", "Ask about what is selected"),
    ("q", "Write a question"),
    ("Esc", "Close the page, cancel an edit"),
    ("?", "Show this list"),
)


def viewer(page: PageView | None, contents: Sequence[Heading] = ()) -> str:
    """A page with what is marked on it; nothing where none is open."""
    if page is None:
        return ""
    if not page.is_drawn:
        body = f'<article class="text" tabindex="0" aria-label="Page {page.number}">{typeset(page)}</article>'
    else:
        body = _drawn(page)
    return _head(page) + _tools(page, contents) + body


def _head(page: PageView) -> str:
    own = f"page {page.number}"
    name = place(page.label, page.number).removeprefix(f"{own}, ")
    label = "" if name == own else f" ({escape(name)})"
    return (
        f'<header data-document="{page.document_id}" data-page="{page.number}" data-pages="{page.pages}">'
        f"<p><b>{escape(page.title)}</b><span>Page {page.number:,} of {page.pages:,}{label}</span></p>"
        '<button class="turn" data-act="keys" aria-label="Keys">?</button>'
        '<button class="turn wide" data-act="wide" aria-pressed="false" aria-label="Use the whole width">⤢</button>'
        '<button class="turn" data-act="close" aria-label="Close the page">✕</button></header>'
    )


def _tools(page: PageView, contents: Sequence[Heading]) -> str:
    turns = [
        f'<button class="turn" data-document="{page.document_id}" data-page="{number}"{_kept(page)} aria-label="{name}"'
        f"{'' if 0 < number <= page.pages else ' disabled'}>{sign}</button>"
        for number, name, sign in ((page.number - 1, "Previous page", "‹"), (page.number + 1, "Next page", "›"))
    ]
    box = (
        f'<label class="go">Page <input id="go-to" type="number" min="1" max="{page.pages}" value="{page.number}"'
        f' aria-label="Page, of {page.pages:,}"></label>'
    )
    zoom = "".join(
        f'<button class="turn" data-act="zoom" data-step="{step}" aria-label="{name}">{sign}</button>'
        for step, name, sign in ((-1, "Smaller", "−"), (1, "Larger", "+"))
    )
    other = ""
    if page.has_picture:
        name, is_text = ("Picture", 0) if not page.is_drawn else ("Text", 1)
        other = (
            f'<button class="turn" data-document="{page.document_id}" data-page="{page.number}" data-text="{is_text}"'
            f">{name}</button>"
        )
    rows = "".join(_entry(page, heading) for heading in contents)
    listed = f'<details class="contents"><summary>Contents</summary><ol>{rows}</ol></details>' if rows else ""
    find = (
        '<label class="find"><span class="unseen">Find in this document</span>'
        f'<input id="find" type="search" placeholder="Find" value="{escape(page.find)}" maxlength="200"></label>{_hits(page)}'
    )
    return f'<div class="tools">{turns[0]}{box}{turns[1]}<span class="zoom">{zoom}</span>{other}{find}{listed}</div>'


def _entry(page: PageView, heading: Heading) -> str:
    current = ' aria-current="true"' if heading.page <= page.number <= heading.last_page else ""
    return (
        f'<li><button data-document="{page.document_id}" data-page="{heading.page}"{current}>'
        f'<span>{escape(heading.title)}</span><span><span class="unseen">page </span>{heading.page:,}</span></button></li>'
    )


def _hits(page: PageView) -> str:
    """Where the words that are looked for stand, and the ways to the places before and after."""
    if not page.find:
        return ""
    if not page.found:
        return '<span class="hits" role="status">Not found</span>'
    before = [number for number in page.found if number < page.number]
    after = [number for number in page.found if number > page.number]
    ways = "".join(
        f'<button class="turn" data-document="{page.document_id}" data-page="{number or 0}" data-find="{escape(page.find)}"'
        f' aria-label="{name}"{"" if number else " disabled"}>{sign}</button>'
        for number, name, sign in (
            (before[-1] if before else None, "Previous match", "↑"),
            (after[0] if after else None, "Next match", "↓"),
        )
    )
    return f'<span class="hits" role="status">{counted(len(page.found), "page")}</span>{ways}'


def _kept(page: PageView) -> str:
    """What a page keeps of the page before it."""
    find = f' data-find="{escape(page.find)}"' if page.find else ""
    return f"{find}{' data-text=1' if page.has_picture and not page.is_drawn else ''}"


def _drawn(page: PageView) -> str:
    boxes = "".join(
        f'<i class="box" style="left:{box.left:.2%};top:{box.top:.2%};width:{box.width:.2%};height:{box.height:.2%}"></i>'
        for box in page.boxes
    )
    unmarked = ""
    if page.marks and not page.boxes:
        quote = page.text[page.marks[0][0] : page.marks[0][1]]
        unmarked = f'<p class="quote">“{escape(" ".join(quote.split()))}”</p>'
    return (
        f'{unmarked}<div class="sheet" tabindex="0" role="region" aria-label="Page {page.number}">'
        f'<div class="paper"><img src="picture/{page.document_id}/{page.number}" alt="{escape(page.text[:2000])}">'
        f"{boxes}</div></div>"
    )


def keys_list() -> str:
    """The list of keys, closed."""
    rows = "".join(f"<div><dt><kbd>{escape(key)}</kbd></dt><dd>{escape(what)}</dd></div>" for key, what in KEYS)
    return (
        '<dialog id="keys" aria-labelledby="keys-title"><h2 id="keys-title">Keys</h2>'
        f'<dl>{rows}</dl><form method="dialog"><button class="act">Close</button></form></dialog>'
        '<button id="ask-about" class="act" data-act="ask-about" hidden>Ask about this</button>'
    )
