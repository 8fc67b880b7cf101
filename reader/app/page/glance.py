"""A document at a glance as HTML, where nothing is asked yet: questions worth asking, and its contents.

Headings and names are strangers' words: every one of them is escaped here.
"""

from __future__ import annotations

from html import escape

from reader.app.overview import Glance

SHOWN_HEADINGS = 60


def glance(document_id: str, found: Glance) -> str:
    """Questions to begin with, each a button that asks, and the contents, each a button that opens its page."""
    ideas = "".join(f'<li><button class="act" data-act="idea">{escape(text)}</button></li>' for text in found.questions)
    rows = "".join(
        f'<li><button data-document="{document_id}" data-page="{heading.page}"><span>{escape(heading.title)}</span>'
        f"<span>{heading.page:,}</span></button></li>"
        for heading in found.contents[:SHOWN_HEADINGS]
    )
    asked = f'<section class="ideas"><h3>Questions worth asking</h3><ul>{ideas}</ul></section>' if ideas else ""
    listed = f'<details class="outline"><summary>Contents</summary><ol>{rows}</ol></details>' if rows else ""
    return asked + listed
