"""What the page shows, as HTML and as sentences.

Titles, labels, file names, page texts, quotes, answers, tags and errors are strangers' words: every one of them is escaped here.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from html import escape
from typing import Any

import gradio as gr

from reader.answering import says_nothing
from reader.app.answer_queue import Stream
from reader.app.service import RatioCost, Reply, Service
from reader.app.workspace import PageView, Shown
from reader.errors import ReaderError
from reader.wording import STAGES, duration, looked_again, size
from storage import ConversationRecord, Hit, QuestionRecord, StoreError

_LOG = logging.getLogger(__name__)

MAP_CELLS = 96
"""A reading map has no more cells; of a longer document each one stands for several pages."""

QUOTE_CHARS = 90
"""How much of a quote is on its chip; the page shows it whole."""

EMPTY = """<section class="empty"><h2>Read once, ask for ever</h2>
<p>Drop in a book or a report: it is read once, page by page, into a memory that stays on this computer, and every
question after that is answered from the memory without reading again.</p></section>"""


def sentence(error: Exception) -> str:
    """What a person is told of an error."""
    if isinstance(error, (ReaderError, StoreError)):
        return str(error)
    _LOG.debug("shown on a page", exc_info=error)
    return f"This is a mistake of ours: {type(error).__name__}: {error}. READER_DEBUG=1 shows where."


def error_line(error: Exception | str) -> str:
    """An error as one sentence."""
    told = error if isinstance(error, str) else sentence(error)
    return f'<p class="notice error" role="alert">{escape(told)}</p>'


def decoder_line(service: Service) -> str:
    """The line about the decoder: how far it is loaded, why it could not be, or that its plug-in is untrained."""
    if service.load_error is not None:
        return error_line(service.load_error)
    if service.model is None:
        stage, fraction = service.loading
        done = f" ({fraction:.0%})" if fraction else ""
        return (
            f'<p class="notice">{escape(STAGES.get(stage, stage))}{done} …{_bar(fraction, "Loading the decoder")}</p>'
        )
    if not service.model.plugin.trained:
        return '<p class="notice">The plug-in is untrained: memories work, but answers from them will be poor.</p>'
    return ""


# The library


def library(documents: Sequence[Shown], selected: str | None) -> str:
    """The rows of the library, each a button with its cover."""
    rows = "".join(_row(shown, shown.id == selected) for shown in documents)
    return f'<ul class="entries">{rows}</ul>' if rows else '<p class="none">No document of this name or tag.</p>'


def _row(shown: Shown, is_selected: bool) -> str:
    document = shown.holding.document
    facts = [shown.state, _count(document.pages, "page")]
    if document.memory_bytes:
        facts.append(size(document.memory_bytes))
    day = datetime.fromtimestamp(document.read_at or shown.holding.held_at)
    facts.append(f"{day:%d\u00a0%b}" if day.year == datetime.now().year else f"{day:%d %b %Y}")
    pin = '<span class="pin" title="Pinned">●<span class="unseen"> pinned</span></span>' if document.pinned else ""
    tags = "".join(f'<span class="tag">{escape(tag)}</span>' for tag in shown.holding.tags)
    current = ' aria-current="true"' if is_selected else ""
    return (
        f'<li><button class="entry" data-document="{document.id}"{current}>{_cover(shown)}'
        f'<span class="about"><span class="title">{escape(document.title)}{pin}</span>'
        f'<span class="facts">{" · ".join(facts)}</span>{tags}</span></button></li>'
    )


def _cover(shown: Shown) -> str:
    """The first page where there is a picture of it, else a cloth binding of the title's own colour."""
    document = shown.holding.document
    hue = int(hashlib.sha256(document.id.encode()).hexdigest()[:4], 16) % 360
    picture = ""
    if document.format == "pdf":
        picture = f'<img src="/cover/{document.id}" alt="" loading="lazy" width="36" height="48">'
    return f'<span class="cover" style="--hue:{hue}" aria-hidden="true">{escape(document.title[:1].upper())}{picture}</span>'


def hits(found: Sequence[Hit]) -> str:
    """The pages that a search has found."""
    if not found:
        return ""
    rows = "".join(
        f'<li><button class="entry" data-document="{hit.document_id}" data-page="{hit.page}">'
        f'<span class="about"><span class="title">{escape(hit.title)}, page {escape(hit.label)}</span>'
        f'<span class="facts snippet">{escape(" ".join(hit.snippet.split()))}</span></span></button></li>'
        for hit in found
    )
    return f'<h2 class="small">In the pages</h2><ul class="entries">{rows}</ul>'


def room_line(count: int, library_bytes: int, budget_bytes: int | None, free_bytes: int, *, is_shared: bool) -> str:
    """How full the library and the disk are."""
    if is_shared:
        return f'<p class="room">{_count(count, "document")}</p>'
    share = library_bytes / budget_bytes if budget_bytes else library_bytes / max(library_bytes + free_bytes, 1)
    limit = f"of {size(budget_bytes)} allowed" if budget_bytes else f"{size(free_bytes)} free on the disk"
    return (
        f'<div class="room"><p>{_count(count, "document")} · {size(library_bytes)}, {limit}</p>'
        f"{_bar(min(share, 1.0), 'How full the disk is')}</div>"
    )


# The document and its reading


def document_head(shown: Shown) -> str:
    """The head of a document: its title and what is known of it and its memory."""
    document, memory = shown.holding.document, shown.memory
    facts = [_count(document.pages, "page")]
    if memory is not None and memory.state == "ready":
        ratio = memory.settings.get("ratio")
        facts[0] = (
            f"Pages 1–{document.pages:,} of {document.pages:,} read" if document.pages > 1 else "1 of 1 page read"
        )
        facts += [
            _count(memory.tokens, "token"),
            _count(memory.slots, "slot") + (f" at ratio {ratio}" if ratio else ", not condensed"),
            f"{size(memory.bytes)} of memory",
        ]
        if memory.settings.get("memory_dtype") == "int8":
            facts.append("int8")
        if memory.imported:
            facts.append("imported")
    tags = "".join(f' <span class="tag">{escape(tag)}</span>' for tag in shown.holding.tags)
    return (
        f'<header class="document" data-id="{document.id}"><h2>{escape(document.title)}</h2><p>{" · ".join(map(escape, facts))}'
        f' <span class="state {shown.state.replace(" ", "-")}">{shown.state}</span>{tags}</p></header>'
    )


def reading(shown: Shown) -> str:
    """How far the reading of a document has got and what it will still take."""
    document, job, state = shown.holding.document, shown.job, shown.state
    if job is None or job.state == "ready":
        untold = "It is not read yet."
        if state == "part read":
            untold = "A part of it is read."
        elif document.read_at is not None and not document.memories:
            untold = "It has been read, but its memory is no longer there: it must be read again."
        return f'<p class="progress">{untold}</p>'
    if state == "failed":
        return error_line(shown.reason)
    lines = []
    page = f"page {job.pages_done:,} of {document.pages:,}"
    if state == "paused":
        lines.append(f"Paused at {page}. What was read is kept.")
    elif state == "stopped":
        lines.append(f"Read to {page}. What was read is kept.")
    elif state == "waiting":
        lines.append("Waiting for its turn." if not job.pages_done else f"Read to {page}, waiting to go on.")
    elif job.wanted is not None:
        lines.append("Pausing …" if job.wanted == "pause" else "Stopping …")
    elif not job.tokens:
        lines.append("Opening the document …")
    else:
        parts = [page.capitalize()]
        if job.tokens_per_second:
            parts.append(f"{job.tokens_per_second:,.0f} tokens/s")
        if job.seconds_left is not None:
            parts.append(f"{duration(job.seconds_left)} left")
        lines.append(" · ".join(parts))
    if state == "reading" and not shown.is_read_here:
        lines.append("<small>Another program is reading it.</small>")
    elif state == "reading" and (estimate := shown.estimate) is not None:
        told = f"about {estimate.document_tokens:,} tokens, {duration(estimate.seconds)} ({estimate.basis})"
        lines.append(f"<small>Expected before it began: {told}.</small>")
    done = job.tokens_done / job.tokens if job.tokens else 0.0
    return f'<p class="progress">{"<br>".join(lines)}{_bar(done, "Pages read")}</p>'


def invitation(shown: Shown | None, *, is_loaded: bool) -> str:
    """What the empty question box says."""
    if shown is None or shown.memory is None:
        return "Questions wait until the first pages are read."
    if not is_loaded:
        return "Questions wait until the decoder is loaded."
    if shown.memory.state == "ready":
        return "Ask the document …"
    pages = shown.job.pages_done if shown.job is not None else 0
    return f"Ask what is read so far: {'pages 1 to ' + format(pages, ',') if pages > 1 else 'the first page'} …"


def ratio_choices(costs: Sequence[RatioCost]) -> list[tuple[str, str]]:
    """The ratios that a document can be read at, with what each one costs."""
    choices = [("Fitting: the least that fits the decoder", "fitting")]
    for cost in costs:
        if cost.fits:
            kept = (
                f"{cost.ratio} tokens into one"
                if cost.ratio > 1
                else "nothing condensed"
                if not cost.ratio
                else "one for one"
            )
            label = f"{cost.ratio or 'None'}: {kept} · about {_count(cost.slots, 'slot')}, {size(cost.bytes)}"
            choices.append((label, str(cost.ratio)))
    return choices


# Conversations


def badge(counts: Mapping[str, Any]) -> str:
    """What an answer cost and what it rests on, in one line of text."""
    again, tokens = int(counts.get("recomputed_tokens", 0)), int(counts.get("document_tokens", 0))
    attach_seconds = counts.get("attach_seconds", 0.0)
    facts = [
        f"Attached in {attach_seconds:.2f} s" if attach_seconds else "Attached",
        f"{again:,} of {tokens:,} document tokens read again",
        f"first token {counts.get('first_token_seconds', 0.0):.2f} s",
    ]
    if looked := looked_again(str(passage["label"]) for passage in counts.get("looked_again") or ()):
        facts.insert(2, looked)
    pages_read, pages = int(counts.get("pages_read", 0)), int(counts.get("pages", 0))
    if pages_read < pages:
        so_far = (
            "the beginning of page 1"
            if not pages_read
            else "page 1"
            if pages_read == 1
            else f"pages 1 to {pages_read:,}"
        )
        facts.insert(0, f"From {so_far} of {pages:,}, as far as it was read then")
    if counts.get("ended") == "stopped":
        facts.append("stopped")
    return " · ".join(facts)


def chips(evidence: Iterable[Mapping[str, Any]], *, not_said: bool = False) -> str:
    """The places that an answer rests on, or those nearest to what is not said; each one opens its page."""
    shown = []
    for item in evidence:
        quote = " ".join(str(item.get("quote", "")).split())
        short = quote if len(quote) <= QUOTE_CHARS else quote[:QUOTE_CHARS].rsplit(" ", 1)[0] + " …"
        page = int(item["page"])
        place = {"page": page, "start": int(item["start_char"]), "end": int(item["end_char"])}
        data = "".join(f' data-{name}="{value}"' for name, value in place.items())
        shown.append(
            f'<li><button class="chip" data-document="{escape(str(item["document_id"]))}"{data}>'
            f"<b>p. {escape(str(item.get('label') or page))}</b> “{escape(short)}”</button></li>"
        )
    if not shown:
        return ""
    told = '<p class="small">Nearest pages, to see for yourself</p>' if not_said else ""
    return f'{told}<ul class="chips" aria-label="{"Nearest pages" if not_said else "Evidence"}">{"".join(shown)}</ul>'


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
    return f'<div class="map" role="group" aria-label="{name}">{"".join(cells)}</div>'


def conversation_map(conversation: ConversationRecord | None, document_id: str) -> str:
    """The map of all answers of a conversation together; nothing where there is only one."""
    maps = [turn.counts.get("reading_map") or () for turn in conversation.turns] if conversation is not None else []
    maps = [weights for weights in maps if weights]
    if len(maps) < 2 or len({len(weights) for weights in maps}) > 1:
        return ""
    mean = [sum(weights) / len(maps) for weights in zip(*maps, strict=True)]
    return f'<p class="small">This conversation</p>{reading_map(mean, document_id, "Reading map of the conversation")}'


def footer(
    answer: str, counts: Mapping[str, Any], evidence: Iterable[Mapping[str, Any]], document_id: str, turn: int
) -> str:
    """What stands under an answer: its badge, its evidence, its map, and what can be done with it."""
    acts = (("copy", "Copy"), ("retry", "Retry"), ("edit", "Edit the question"))
    buttons = "".join(f'<button class="act" data-act="{act}" data-turn="{turn}">{name}</button>' for act, name in acts)
    return (
        f'<div class="under"><p class="badge">{escape(badge(counts))}</p>{chips(evidence, not_said=says_nothing(answer))}'
        f'{reading_map(counts.get("reading_map") or (), document_id)}<p class="acts">{buttons}</p></div>'
    )


def messages(
    conversation: ConversationRecord | None,
    waiting: Sequence[tuple[QuestionRecord, Stream[Reply] | None]],
    document_id: str,
) -> list[dict[str, Any]]:
    """A conversation for the chatbot, which takes text for HTML even where it renders no Markdown."""
    shown: list[dict[str, Any]] = []
    turns = conversation.turns if conversation is not None else ()
    if waiting and (number := waiting[0][0].settings.get("number")) is not None:
        turns = turns[:number]  # the answer that is coming takes the place of those behind
    for turn in turns:
        under = footer(turn.answer, turn.counts, turn.evidence, document_id, turn.number)
        shown += _exchange(turn.question, turn.answer, under)
    for question, stream in waiting:
        reply = stream.reply if stream is not None else None
        under = ""
        if stream is not None and stream.error is not None:
            under = f'<p class="badge">{escape(sentence(stream.error))}</p>'
        elif reply is not None and reply.answer is not None:
            under = footer(reply.text, asdict(reply.answer), map(vars, reply.answer.evidence), document_id, len(turns))
        shown += _exchange(question.text, reply.text if reply is not None else "", under)
    return shown


def _exchange(question: str, answer: str, under: str) -> list[dict[str, Any]]:
    parts: list[Any] = [escape(answer.strip()) or ("No answer." if under else "…")]
    if under:
        parts.append(gr.HTML(under, render=False))
    return [{"role": "user", "content": escape(question)}, {"role": "assistant", "content": parts}]


def conversation_name(conversation: ConversationRecord) -> str:
    """What a conversation is called: its first question and its day."""
    first = " ".join(conversation.turns[0].question.split()) if conversation.turns else "No answer yet"
    short = first if len(first) <= 60 else first[:60].rsplit(" ", 1)[0] + " …"
    return f"{short} · {datetime.fromtimestamp(conversation.created_at):%d %b %H:%M}"


def as_markdown(conversation: ConversationRecord, title: str) -> str:
    """A conversation as a Markdown file, its strangers' words as plain text."""
    lines = [f"# {_plain(title)}", ""]
    for turn in conversation.turns:
        lines += [f"## {_plain(turn.question)}", "", _plain(turn.answer), ""]
        for item in turn.evidence:
            page = _plain(str(item.get("label") or item["page"]))
            lines += [f"> {_plain(str(item.get('quote', '')))}", ">", f"> Page {page}", ""]
        lines += [f"*{badge(turn.counts)}*", ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|" else sign for sign in " ".join(text.split()))


# The viewer


def viewer(page: PageView | None) -> str:
    """A page beside the conversation, with what is marked on it; nothing where none is open."""
    if page is None:
        return ""
    turn = [
        f'<button class="turn" data-document="{page.document_id}" data-page="{number}" aria-label="{name}"'
        f"{'' if 0 < number <= page.pages else ' disabled'}>{sign}</button>"
        for number, name, sign in ((page.number - 1, "Page before", "‹"), (page.number + 1, "Page after", "›"))
    ]
    label = f" ({escape(page.label)})" if page.label != str(page.number) else ""
    head = (
        f"<header><p><b>{escape(page.title)}</b><span>Page {page.number:,} of {page.pages:,}{label}</span></p>"
        f'{"".join(turn)}<button class="turn" data-act="close" aria-label="Close the page">✕</button></header>'
    )
    if not page.is_drawn:
        return f'{head}<article class="text" tabindex="0" aria-label="Page {page.number}">{_marked(page)}</article>'
    boxes = "".join(
        f'<i class="box" style="left:{box.left:.2%};top:{box.top:.2%};width:{box.width:.2%};height:{box.height:.2%}"></i>'
        for box in page.boxes
    )
    untold = ""
    if page.marks and not page.boxes:
        quote = page.text[page.marks[0][0] : page.marks[0][1]]
        untold = f'<p class="quote">“{escape(" ".join(quote.split()))}”</p>'
    return (
        f'{head}{untold}<div class="sheet" tabindex="0" role="region" aria-label="Page {page.number}">'
        f'<div class="paper"><img src="/picture/{page.document_id}/{page.number}" alt="{escape(page.text[:2000])}">'
        f"{boxes}</div></div>"
    )


def _marked(page: PageView) -> str:
    parts, position = [], 0
    for start, end in page.marks:
        parts += [escape(page.text[position:start]), "<mark>", escape(page.text[start:end]), "</mark>"]
        position = end
    return "".join(parts) + escape(page.text[position:])


def password_line(file_name: str) -> str:
    """What is said of a file that needs its password."""
    return f"<p>{escape(file_name)} needs its password, which is used once and kept nowhere.</p>"


def export_link(shown: Shown) -> str:
    """The link that takes a document with its memories elsewhere, as soon as there is one."""
    if shown.memory is None or shown.memory.state != "ready":
        return '<p class="quiet">It can be exported once it is read.</p>'
    return f'<a class="button" href="/export/{shown.id}" download>Export with its memory</a>'


def download_link(conversation_id: str | None) -> str:
    """The link that takes a conversation elsewhere."""
    if conversation_id is None:
        return ""
    return f'<a class="button" href="/conversation/{conversation_id}" download>Export</a>'


def escaped(text: str) -> str:
    """Text as HTML."""
    return escape(text)


def _bar(done: float, what: str) -> str:
    return f'<progress max="1" value="{done:.3f}" aria-label="{what}"></progress>'


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
