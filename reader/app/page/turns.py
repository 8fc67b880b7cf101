"""Questions and answers as HTML: the answer first, the places that it rests on as cards, and its cost on demand.

Questions, answers, labels and quotes are strangers' words: every one of them is escaped here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from html import escape
from types import MappingProxyType
from typing import Any

import gradio as gr

from reader.answering import says_nothing
from reader.app.answer_queue import Stream
from reader.app.citations import citations, pieces
from reader.app.page.html import sentence
from reader.app.talks import Place
from reader.wording import NOT_STATED, REMOVED, counted, isolated, place, places, places_of
from storage import ConversationRecord, QuestionRecord

NO_TITLES: Mapping[str, str] = MappingProxyType({})

MAP_CELLS = 96
"""A reading map has no more cells; of a longer document each one stands for several pages."""

_NAMED_PLACES = 3
_NAMED_CHARS = 60
"""Of more pages, or of longer names, the line under an answer says only how many were checked; it unfolds to their names."""

QUOTE_CHARS = 320
"""How much of a quote is on its card; the page shows it whole."""

CLOSEST = "Closest passages"
"""Above the places that are nearest to what a document does not say."""

_LINE_END = re.compile(r"(?<=[\w,;])\n(?=[a-zß-ÿ])")

NO_ANSWER = "I did not find an answer in this document."
NO_ANSWER_OF_SEVERAL = "I did not find an answer in these documents."
NO_ANSWER_YET = "I did not find an answer in the pages that were read by then. Ask again when more is read."


def no_answer(about: Place, counts: Mapping[str, Any]) -> str:
    """What is shown for an answer that the documents of a place do not say."""
    if _based_on(counts):
        return NO_ANSWER_YET
    return NO_ANSWER_OF_SEVERAL if len(about.titles) > 1 else NO_ANSWER


def read_as(
    answer: str, counts: Mapping[str, Any], evidence: Iterable[Mapping[str, Any]], about: Place
) -> tuple[list[str], list[dict[str, Any]], int]:
    """The answers to the parts of a question as a reader sees them, the places of its evidence, those cited first, as they are
    cited, and how many of them, the first ones, the answers rest on."""
    items = about.plain(evidence)
    if says_nothing(answer):
        return [no_answer(about, counts)], items, 0
    quotes = [" ".join(str(item.get("quote", "")).split()) for item in items]
    parts = [_flowing(about.plain_answer(part).strip(), quotes) for part in counts.get("parts") or [answer]]
    unsaid = {number for number, part in enumerate(parts) if says_nothing(part)}
    sources = sum(not item.get("parts") or not unsaid.issuperset(item["parts"]) for item in items)
    order = dict.fromkeys([*(citation.evidence for citation in citations(parts, items[:sources])), *range(len(items))])
    return parts if any(parts) else ["No answer."], [items[place] for place in order], sources


def _flowing(answer: str, quotes: Sequence[str]) -> str:
    """An answer in the words of one quote, without the line ends that its page has within a sentence."""
    is_copied = "\n" in answer and any(" ".join(answer.split()) in quote for quote in quotes)
    return _LINE_END.sub(" ", answer) if is_copied else answer


def badge(counts: Mapping[str, Any], titles: Mapping[str, str] = NO_TITLES) -> str:
    """What an answer cost and what it rests on, in full, in one line of text."""
    again, tokens = int(counts.get("recomputed_tokens", 0)), int(counts.get("document_tokens", 0))
    attach_seconds = counts.get("attach_seconds", 0.0)
    facts = [
        f"Memory attached in {attach_seconds:.2f} s" if attach_seconds else "Memory attached",
        f"{again:,} of {tokens:,} document tokens read again"
        if again <= tokens
        else f"{again:,} document tokens read again, some more than once",
        f"first word after {counts.get('first_token_seconds', 0.0):.2f} s",
    ]
    if looked := _looked(counts, titles):
        facts.insert(2, f"looked again at {looked}")
    if _is_extracted(counts) and not looked:
        facts.append("answered without the decoder")
    if so_far := _based_on(counts):
        facts.insert(0, so_far)
    if left_out := counts.get("left_out"):
        facts.append(f"Left out: {', '.join(map(str, left_out))}")
    if counts.get("ended") == "stopped":
        facts.append("stopped")
    return " · ".join(facts)


def summary(counts: Mapping[str, Any], titles: Mapping[str, str] = NO_TITLES) -> str:
    """What an answer rests on and how long it took, in a few words."""
    looked = _looked(counts, titles, _NAMED_PLACES)
    checked = f"Checked {looked}" if looked else "From the text itself" if _is_extracted(counts) else "From memory"
    seconds = float(counts.get("seconds", 0.0))
    left_out = len(counts.get("left_out") or ())
    some = f"{counted(left_out, 'document')} left out" if left_out else ""
    facts = [_based_on(counts), checked, some, f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"]
    if counts.get("ended") == "stopped":
        facts.append("stopped")
    return " · ".join(filter(None, facts))


def _is_extracted(counts: Mapping[str, Any]) -> bool:
    """Whether the decoder had no part in an answer: it is of the document's own sentences, rows or counts."""
    return counts.get("answer_tokens") == 0


def _looked(counts: Mapping[str, Any], titles: Mapping[str, str], most: int | None = None) -> str:
    found = list(
        dict.fromkeys(
            (str(one.get("document_id")), place(str(one["label"]), one.get("page")))
            for one in counts.get("looked_again") or ()
        )
    )
    names = places_of(found, titles)
    if most is None or (len(found) <= most and len(names) <= _NAMED_CHARS):
        return names
    documents = len({document_id for document_id, _ in found})
    return counted(len(found), "page") + (f" in {documents:,} documents" if documents > 1 else "")


def _based_on(counts: Mapping[str, Any]) -> str:
    """How much of the document was read when the question was asked; empty where all of it was."""
    pages_read, pages = int(counts.get("pages_read", 0)), int(counts.get("pages", 0))
    if pages_read >= pages:
        return ""
    so_far = "part of page 1" if not pages_read else "page 1" if pages_read == 1 else f"pages 1–{pages_read:,}"
    return f"Based on {so_far} of {pages:,}, read by then"


def cited(
    parts: Sequence[str],
    evidence: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str] = NO_TITLES,
    unstated: Collection[int] = (),
) -> str:
    """An answer as HTML, as `pieces` has it."""
    html: list[str] = []
    for piece in pieces(parts, evidence, unstated):
        html.append(escape(piece.text))
        if piece.number is not None:
            html.append(_citation(piece.number, evidence[piece.number - 1], titles))
        if piece.note:
            html.append(f'\n<span class="unstated">{piece.note}</span>')
    return "".join(html)


def _citation(number: int, item: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    shown = escape(where(item, titles))
    return (
        f'<sup><button class="cite"{target(item)} aria-label="Source {number}, {shown}" title="{shown}">'
        f"{number}</button></sup>"
    )


def cards(
    evidence: Sequence[Mapping[str, Any]],
    *,
    sources: int | None = None,
    cited: Container[int] | None = None,
    is_stated: bool = True,
    titles: Mapping[str, str] = NO_TITLES,
) -> str:
    """The places that an answer rests on, and those nearest to what is not said; each one opens its page.

    Args:
        sources: how many of them, the first ones, the answer rests on; None: all.
        cited: which of those have their number in the answer; the others are folded, so that the answer is not lost among them.
            None: nothing is folded.
        is_stated: whether the answer's words are in the sources.
    """
    sources = len(evidence) if sources is None else sources
    numbered = list(enumerate(evidence[:sources], start=1))
    if cited is None or not is_stated:
        found = _cards(numbered, "Sources", "" if is_stated else NOT_STATED, titles)
    else:
        found = _cards([one for one in numbered if one[0] - 1 in cited], "Sources", "", titles)
        more = [one for one in numbered if one[0] - 1 not in cited and not _is_heading(one[1])]
        if more:
            name, folded = counted(len(more), "more passage"), _cards(more, "More passages", "", titles)
            found += f'<details class="fold"><summary>{name}</summary>{folded}</details>'
    closest = [(None, item) for item in evidence[sources:]]
    return found + _cards([one for one in closest if not _is_heading(one[1])] or closest, CLOSEST, CLOSEST, titles)


def _is_heading(item: Mapping[str, Any]) -> bool:
    """Whether a quote only says once more what its place is called."""
    return str(item.get("quote", "")).split() == str(item.get("label") or "").split()


def _cards(
    evidence: Sequence[tuple[int | None, Mapping[str, Any]]], name: str, note: str, titles: Mapping[str, str]
) -> str:
    if not evidence:
        return ""
    shown = []
    for number, item in evidence:
        quote = " ".join(str(item.get("quote", "")).split())
        short = quote if len(quote) <= QUOTE_CHARS else quote[:QUOTE_CHARS].rsplit(" ", 1)[0] + " …"
        mark = f'<span class="number" aria-hidden="true">{number}</span>' if number else ""
        shown.append(
            f'<li><button class="card"{target(item)}><span class="where">{mark}{escape(heading_of(item, titles))}</span>'
            f'<span class="quote">“{escape(short)}”</span></button></li>'
        )
    heading = f'<p class="small">{note}</p>' if note else ""
    return f'{heading}<ol class="cards" aria-label="{name}">{"".join(shown)}</ol>'


def where(item: Mapping[str, Any], titles: Mapping[str, str] = NO_TITLES) -> str:
    """The page of a quote, and among several documents whose it is."""
    page = place(str(item.get("label") or ""), int(item["page"]))
    return f"{isolated(titles.get(str(item['document_id']), REMOVED))}, {page}" if len(titles) > 1 else page


def heading_of(item: Mapping[str, Any], titles: Mapping[str, str] = NO_TITLES) -> str:
    """`where` above a quote: "Page 12"; a document's title stays as it is written."""
    name = where(item, titles)
    return name if len(titles) > 1 else name[:1].upper() + name[1:]


def target(item: Mapping[str, Any]) -> str:
    """The attributes that tell the browser which page to open, and what to mark on it."""
    numbers = {"page": int(item["page"]), "start": int(item["start_char"]), "end": int(item["end_char"])}
    data = "".join(f' data-{name}="{value}"' for name, value in numbers.items())
    return f' data-document="{escape(str(item["document_id"]))}"{data}'


def reading_map(weights: Sequence[float], document_id: str, name: str = "Reading map") -> str:
    """A strip of the whole document, page by page, darker where the answer's attention went; each cell opens its page."""
    if not weights or max(weights) <= 0:
        return ""
    per_cell = -(-len(weights) // MAP_CELLS)
    most = max(weights)
    cells: list[str] = []
    for start in range(0, len(weights), per_cell):
        group = weights[start : start + per_cell]
        page = start + max(range(len(group)), key=group.__getitem__)
        pages = f"Pages {start + 1:,} to {start + len(group):,}" if len(group) > 1 else f"Page {page + 1:,}"
        cells.append(
            f'<button class="cell" data-document="{document_id}" data-page="{page + 1}" tabindex="{0 if not cells else -1}"'
            f' style="--weight:{max(group) / most:.2f}" aria-label="{pages}, {sum(group):.0%} of the attention"'
            f' title="{pages} · {sum(group):.0%}"></button>'
        )
    return (
        f'<div class="map" role="group" aria-label="{name}">{"".join(cells)}</div>'
        f'<p class="legend"><span>Page 1</span><span>darker: mattered more for the answer</span>'
        f"<span>{len(weights):,}</span></p>"
    )


def conversation_map(conversation: ConversationRecord | None, about: Place) -> str:
    """The map of all answers of a conversation together, folded; nothing where there is only one, or several documents."""
    if about.is_shelf:
        return ""
    maps = [turn.counts.get("reading_map") or () for turn in conversation.turns] if conversation is not None else []
    maps = [weights for weights in maps if weights]
    if len(maps) < 2 or len({len(weights) for weights in maps}) > 1:
        return ""
    mean = [sum(weights) / len(maps) for weights in zip(*maps, strict=True)]
    strip = reading_map(mean, about.document_ids[0], "Reading map of the conversation")
    return f'<details class="fold"><summary>Pages that this conversation rests on</summary>{strip}</details>'


def finished(
    answer: str,
    counts: Mapping[str, Any],
    evidence: Iterable[Mapping[str, Any]],
    about: Place,
    turn: int,
    *,
    is_last: bool = True,
) -> str:
    """An answer that has ended: its text with its sources, one quiet line about its cost, and what can be done with it.

    Args:
        is_last: whether nothing was asked after it; an earlier question is asked again in a new conversation.
    """
    titles = about.titles
    parts, items, sources = read_as(answer, counts, evidence, about)
    text = "\n\n".join(parts)
    elsewhere = "" if is_last else " in a new conversation; this one stays"
    acts = (
        ("copy", "Copy", "Copy the answer"),
        ("retry", "Look harder", f"Re-read more pages, and answer again{elsewhere}"),
        ("edit", "Edit", f"Change the question{elsewhere}"),
    )
    strip = "" if about.is_shelf else reading_map(counts.get("reading_map") or (), about.document_ids[0])
    is_stated = counts.get("is_stated") is not False
    unstated = counts.get("unstated_parts") or ()
    own = {citation.evidence for citation in citations(parts, items[:sources])}
    own |= {number for number, item in enumerate(items) if set(item.get("parts") or ()).intersection(unstated)}
    places = cards(items, sources=sources, cited=own, is_stated=is_stated or bool(unstated), titles=titles)
    buttons = "".join(
        f'<button class="act" data-act="{act}" data-turn="{turn}" title="{title}">{name}</button>'
        for act, name, title in acts
    )
    return (
        f'<div class="answer" data-text="{escape(text)}">{cited(parts, items[:sources], titles, unstated)}</div>'
        f'<div class="under">{places}<div class="foot">'
        f'<details class="cost"><summary>{escape(summary(counts, titles))}</summary>'
        f'<p class="badge">{escape(badge(counts, titles))}</p>{strip}</details><p class="acts">{buttons}</p></div></div>'
    )


def waiting_line(question: QuestionRecord, stream: Stream | None, *, waits_for: str = "its turn") -> str:
    """What is being done for an answer of which no word has come."""
    if stream is None or not stream.is_begun:
        return f"Waiting for {waits_for} …"
    if stream.looking_at:
        return f"Re-reading {places(stream.looking_at)} …"
    return "Thinking …" if question.settings.get("look_again") == "off" else "Looking for the passage …"


def messages(
    conversation: ConversationRecord | None,
    waiting: Sequence[tuple[QuestionRecord, Stream | None]],
    about: Place,
    *,
    waits_for: str = "its turn",
) -> list[dict[str, Any]]:
    """A conversation for the chatbot, which takes text for HTML even where it renders no Markdown."""
    shown: list[dict[str, Any]] = []
    turns = conversation.turns if conversation is not None else ()
    if waiting and (number := waiting[0][0].settings.get("number")) is not None:
        turns = turns[:number]  # the answer that is coming takes the place of this turn
    for turn in turns:
        is_last = turn is turns[-1] and not waiting
        html = finished(turn.answer, turn.counts, turn.evidence, about, turn.number, is_last=is_last)
        shown += _exchange(turn.question, gr.HTML(html, render=False))
    for question, stream in waiting:
        shown += _exchange(question.text, _growing(question, stream, about, len(turns), waits_for))
    return shown


def _growing(question: QuestionRecord, stream: Stream | None, about: Place, turn: int, waits_for: str) -> str | gr.HTML:
    if stream is not None and stream.error is not None:
        return gr.HTML(f'<p class="notice error badge" role="alert">{escape(sentence(stream.error))}</p>', render=False)
    if stream is not None and (answer := stream.answer) is not None:
        html = finished(answer.text, asdict(answer), map(vars, answer.evidence), about, turn)
        return gr.HTML(html, render=False)
    if stream is not None and stream.text.strip():
        return escape(about.plain_answer(stream.text).strip()) + ("\n\n(Stopping …)" if stream.stopped.is_set() else "")
    return f'<span class="pending">{escape(waiting_line(question, stream, waits_for=waits_for))}</span>'


def _exchange(question: str, answer: str | gr.HTML) -> list[dict[str, Any]]:
    return [{"role": "user", "content": escape(question)}, {"role": "assistant", "content": [answer]}]


def conversation_name(conversation: ConversationRecord, waiting: str = "") -> str:
    """What a conversation is called: its first question and its day.

    Args:
        waiting: the question that it waits for, while it has no turn.
    """
    first = " ".join((conversation.turns[0].question if conversation.turns else waiting).split()) or "New conversation"
    short = first if len(first) <= 60 else first[:60].rsplit(" ", 1)[0] + " …"
    return f"{isolated(short)} · {datetime.fromtimestamp(conversation.created_at):%d %b %H:%M}"


def talk_menu(conversation_id: str | None) -> str:
    """The menu of a conversation: how to take it elsewhere; on a phone, also what has a button of its own where there is room.

    Args:
        conversation_id: the conversation; None while it has no answer, when there is nothing to take.
    """
    links = ""
    if conversation_id is not None:
        as_ = '<span class="on-phone">Export: </span>'
        links = (
            f'<a href="conversation/{conversation_id}" download>{as_}Markdown</a>'
            f'<a href="conversation/{conversation_id}?form=html" download'
            f' title="With its quotes and pictures of their pages">{as_}Web page</a>'
            # In a tab of its own, where a refusal can be read; a file that comes closes it again.
            f'<a href="conversation/{conversation_id}?form=pdf" target="_blank"'
            f' title="With its quotes and pictures of their pages">{as_}PDF</a>'
            '<button data-act="keep-answers" title="Adds the Markdown to your library, to be read and asked">'
            "Keep as a document</button>"
            '<button class="on-phone" data-act="press" data-on="#forget">Delete this conversation</button>'
        )
    more = "".join(
        f'<button class="on-phone" data-act="press" data-on="{part} .label-wrap">{name}</button>'
        for part, name in (("#table", "Question table"), ("#details", "Details"))
    )
    return (
        f'<details class="menu{"" if links else " on-phone"}"><summary class="button"><span class="on-desktop">Export</span>'
        f'<span class="on-phone">More</span></summary><div>{links}{more}</div></details>'
    )


def editing_line(number: int | None, turns: int) -> str:
    """What is said while a question is edited."""
    if number is None:
        return ""
    effect = "The new answer replaces the old one."
    if number < turns - 1:
        effect = "It is asked in a new conversation; this one stays as it is."
    return f"<p>You are editing question {number + 1}. {effect}</p>"
