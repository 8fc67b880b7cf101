"""A conversation as a file to keep or to send: Markdown, or a web page of its own with the quotes and pictures of their pages.

Questions, answers and quotes are strangers' words: all of them are escaped here. The web page loads nothing and runs nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from html import escape
from typing import Any

from reader.answering import says_nothing
from reader.app.citations import citations
from reader.app.page.turns import NO_ANSWER, badge, capital, where
from reader.settings import STATIC
from storage import ConversationRecord

MAX_PICTURES = 24
"""Page pictures in one web page; each takes some 100 kB."""


def as_markdown(conversation: ConversationRecord, title: str, titles: Mapping[str, str]) -> str:
    """A conversation as a Markdown file, its strangers' words as plain text."""
    lines = [f"# {_plain(title)}", ""]
    for turn in conversation.turns:
        lines += [f"## {_plain(turn.question)}", "", _plain(_answer(turn.answer)), ""]
        for item in turn.evidence:
            quote = _plain(str(item.get("quote", "")))
            lines += [f"> {quote}", ">", f"> {_plain(capital(where(item, titles)))}", ""]
        lines += [f"*{badge(turn.counts)}*", ""]
    return "\n".join(lines)


def as_html(
    conversation: ConversationRecord,
    title: str,
    titles: Mapping[str, str],
    picture: Callable[[str, int], bytes | None],
) -> str:
    """A conversation as a web page that needs nothing beside it.

    Args:
        picture: gives a page of a document as a JPEG, or None where there is none.
    """
    drawn: dict[tuple[str, int], bytes | None] = {}

    def page(item: Mapping[str, Any]) -> str:
        key = (str(item["document_id"]), int(item["page"]))
        if key in drawn or len(drawn) >= MAX_PICTURES:  # once is enough
            return ""
        drawn[key] = jpeg = picture(*key)
        if jpeg is None:
            return ""
        source = base64.b64encode(jpeg).decode()
        name = escape(capital(where(item, titles)))
        return f'<details><summary>The page</summary><img alt="{name}" src="data:image/jpeg;base64,{source}"></details>'

    turns = []
    for turn in conversation.turns:
        quotes = [
            f"<blockquote><cite>{number}. {escape(capital(where(item, titles)))}</cite>"
            f"{escape(' '.join(str(item.get('quote', '')).split()))}{page(item)}</blockquote>"
            for number, item in enumerate(turn.evidence, start=1)
        ]
        turns.append(
            f'<section><h2>{escape(turn.question)}</h2><div class="answer">{_cited(turn.answer, turn.evidence)}</div>'
            f'{"".join(quotes)}<p class="cost">{escape(badge(turn.counts))}</p></section>'
        )
    day = f"{datetime.fromtimestamp(conversation.created_at):%d %B %Y}"
    style = (STATIC / "export.css").read_text()
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>{escape(title)}</title>'
        f"<style>{style}</style></head><body><h1>{escape(title)}</h1>{''.join(turns)}"
        f"<footer>Asked on {day} with Activation Beacon Reader.</footer></body></html>"
    )


def _cited(answer: str, evidence: Any) -> str:
    if says_nothing(answer):
        return escape(NO_ANSWER)
    html, position = "", 0
    for citation in citations(answer, evidence):
        html += f"{escape(answer[position : citation.end])}<sup>{citation.evidence + 1}</sup>"
        position = citation.end
    return html + escape(answer[position:])


def _answer(text: str) -> str:
    return NO_ANSWER if says_nothing(text) else text


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|" else sign for sign in " ".join(text.split()))
