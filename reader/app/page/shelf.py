"""Several documents at once as HTML: the tags, the head of a place with several documents, and questions as a table.

Titles, tags, questions, answers and quotes are strangers' words: every one of them is escaped here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from reader.answering import says_nothing
from reader.app.batch_runs import Run
from reader.app.page.html import error_line
from reader.app.page.turns import NO_ANSWER, target
from reader.app.talks import TAG, Place
from reader.app.workspace import Shown
from reader.wording import REMOVED, counted, place_in_column

ORDERS = (("newest", "Newest first"), ("title", "By title"), ("longest", "Longest first"))
SHOWN_DOCUMENTS = 40
SHOWN_ROWS = 300

PICK = (
    '<div class="pick"><label><span class="unseen">Sort by</span><select id="order">'
    + "".join(f'<option value="{value}">{name}</option>' for value, name in ORDERS)
    + '</select></label><button class="act" data-act="pick" aria-pressed="false">Select</button></div>'
    '<div class="picked" hidden><p role="status">Choose documents from the list.</p>'
    '<button class="act" data-act="pick-all">Select all</button>'
    '<button class="act" data-act="together">Ask together</button>'
    '<button class="act" data-act="remove-many">Remove</button>'
    '<label><span class="unseen">Tag</span><input id="tag-many" maxlength="40" placeholder="Tag"></label>'
    '<button class="act" data-act="tag-many">Add tag</button></div>'
)
"""The order of the rows, and what can be done with several of them."""


def tags(names: Sequence[str], selected: str | None) -> str:
    """The tags of a library, each a button that opens all documents that have it."""
    if not names:
        return ""
    rows = "".join(
        f'<button class="tag" data-document="{escape(TAG + name)}"'
        f"{' aria-current=true' if selected == TAG + name else ''}>{escape(name)}</button>"
        for name in names
    )
    return f'<nav aria-label="Tags">{rows}</nav>'


def head(place: Place, shown: Sequence[Shown]) -> str:
    """The head of a place with several documents: its name, and the first ones, which are shown with how far each is read."""
    kind = '<span class="state">tag</span> ' if place.reference.startswith(TAG) else ""
    rows = "".join(
        f'<li><button data-document="{one.id}"><span>{escape(one.holding.document.title)}</span>'
        f"<span>{escape(one.state)}</span></button></li>"
        for one in shown
    )
    more = len(place.titles) - len(shown)
    rest = f'<p class="quiet">and {more:,} more</p>' if more else ""
    read = (
        "" if more else f", {sum(one.state == 'ready' for one in shown):,} read"
    )  # of the others it was not looked up
    return (
        f'<header class="document" data-id="{escape(place.reference)}"><h2>{escape(place.title)}</h2>'
        f"<p>{kind}{counted(len(place.titles), 'document')}{read}</p></header>"
        f'<details class="outline"><summary>Documents</summary><ol>{rows}</ol>{rest}</details>'
    )


# Questions as a table


def runs(found: Sequence[Run], rows: Sequence[Mapping[str, Any]], about: Place) -> str:
    """The tables of a place: how far each is, and the rows of the newest."""
    if not found:
        return ""
    newest, older = found[0], found[1:]
    html = _run_line(newest) + _table(rows, about)
    if older:
        html += f'<details class="fold"><summary>Earlier tables</summary>{"".join(map(_run_line, older))}</details>'
    return html


def _run_line(run: Run) -> str:
    state = {"waiting": ", waits for its turn", "cancelled": ", stopped"}.get(run.state, "")
    failed = f", {run.errors:,} failed" if run.errors else ""
    acts = f'<a class="button" href="batch/{run.id}" download>Download CSV</a>'
    if not run.is_over:
        acts += f'<button class="act" data-act="run-cancel" data-run="{run.id}">Stop</button>'
    acts += f'<button class="act" data-act="run-remove" data-run="{run.id}">Delete</button>'
    error = error_line(run.reason) if run.reason else ""
    return (
        f'<div class="run"><p><b>{escape(run.name)}</b> {run.done:,} of {run.questions:,} answered{state}{failed}</p>{acts}'
        f'<progress max="{run.questions}" value="{run.done}" aria-label="Questions answered"></progress></div>{error}'
    )


def _table(rows: Sequence[Mapping[str, Any]], about: Place) -> str:
    # With roles, as a phone shows rows as blocks, which are no table otherwise.
    has_documents = len({row["document"] for row in rows}) > 1
    lines = []
    for row in rows[:SHOWN_ROWS]:
        document = escape(about.titles.get(row["document"], REMOVED))
        cells = {
            "question": escape(row["question"]),
            **({"document": document} if has_documents else {}),
            "answer": _answer(row, about),
            "pages": _places(about.plain(row.get("evidence", ())[:3])),
        }
        shown = "".join(f'<td role="cell" class="{name}">{html}</td>' for name, html in cells.items())
        lines.append(f'<tr role="row">{shown}</tr>')
    columns = ["Question", *(["Document"] if has_documents else []), "Answer", "Pages"]
    names = "".join(f'<th role="columnheader" scope="col">{name}</th>' for name in columns)
    more = len(rows) - SHOWN_ROWS
    rest = f'<p class="quiet">and {more:,} more in the CSV</p>' if more > 0 else ""
    return (
        '<div class="table" tabindex="0" role="region" aria-label="Questions and answers">'
        f'<table role="table"><thead role="rowgroup"><tr role="row">{names}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(lines)}</tbody></table></div>{rest}'
    )


def _answer(row: Mapping[str, Any], about: Place) -> str:
    if "error" in row:
        return f'<span class="error">{escape(str(row["error"]))}</span>'
    if "answer" not in row:
        return '<span class="quiet">…</span>'
    return escape(NO_ANSWER if says_nothing(row["answer"]) else about.plain_answer(row["answer"]))


def _places(evidence: Sequence[Mapping[str, Any]]) -> str:
    return " ".join(
        f'<button class="cite"{target(item)} title="{escape(" ".join(str(item["quote"]).split())[:300])}">'
        f"{escape(place_in_column(str(item.get('label') or ''), int(item['page'])))}</button>"
        for item in evidence
    )
