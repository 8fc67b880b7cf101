"""A document at a glance as HTML, where nothing is asked yet: questions worth asking, and its overview.

Headings, sentences and names are strangers' words: every one of them is escaped here.
"""

from __future__ import annotations

from html import escape

from reader.app.overview import Glance, Heading

SHOWN_HEADINGS = 60


def glance(document_id: str, found: Glance) -> str:
    """Questions to begin with, each a button that asks, and the overview, each row with a button that opens its page."""
    ideas = "".join(f'<li><button class="act" data-act="idea">{escape(text)}</button></li>' for text in found.questions)
    rows = "".join(_row(document_id, heading) for heading in found.overview[:SHOWN_HEADINGS])
    asked = f'<section class="ideas"><h3>Questions worth asking</h3><ul>{ideas}</ul></section>' if ideas else ""
    listed = (
        f'<section class="outline"><h3>Overview, in the document\'s own sentences</h3><ol>{rows}</ol></section>'
        if rows
        else ""
    )
    return asked + listed


def _row(document_id: str, heading: Heading) -> str:
    """A section with its pages and its note."""
    pages = f"{heading.page:,}" if heading.last_page <= heading.page else f"{heading.page:,}–{heading.last_page:,}"
    title = heading.title or f"Page{'s' if heading.last_page > heading.page else ''} {pages}"
    where = f'<span><span class="unseen">page </span>{pages}</span>' if heading.title else ""
    note = f"<p>{escape(heading.note)}</p>" if heading.note else ""
    return (
        f'<li><button data-document="{document_id}" data-page="{heading.page}"><span>{escape(title)}</span>{where}'
        f"</button>{note}</li>"
    )
