"""The library, the open document and its pages as HTML; questions and answers are in `turns`.

Titles, labels, file names, page texts, tags and errors are strangers' words: every one of them is escaped here.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime
from html import escape

from reader.app.decoder_fetch import DecoderFetch
from reader.app.ratio_costs import RatioCost
from reader.app.service import Service
from reader.app.talks import TAG
from reader.app.workspace import Shown
from reader.documents import MAX_SENT_BYTES
from reader.errors import ReaderError, unexpected
from reader.models import ENCODER, bundled_decoder, is_bundled
from reader.wording import NEWER_PARSER, STAGES, counted, duration, place, size
from storage import Hit, StoreError, is_unfinished

_LOG = logging.getLogger(__name__)

WELCOME = """<section class="empty"><h2>Read once. Ask as often as you like.</h2>
<p>Drop in a book or a report. It is read once, page by page, into a memory that stays on this computer; after that,
questions are answered in seconds.</p></section>"""

NONE_OPEN = """<section class="empty"><h2>Your library</h2>
<p>Choose a document from the list, or drop in another one.</p></section>"""

_CLOSE = '<button class="turn" data-act="dismiss" aria-label="Close these messages">✕</button>'

REFUSED = f'<div data-most-bytes="{MAX_SENT_BYTES}" data-most="{size(MAX_SENT_BYTES)}"></div>{_CLOSE}'
"""Where the page itself says which files it does not send."""


def sentence(error: Exception) -> str:
    """An error as one sentence for a person."""
    if isinstance(error, (ReaderError, StoreError)):
        return str(error)
    _LOG.debug("shown on a page", exc_info=error)
    return f"{unexpected(error)} READER_DEBUG=1 shows where."


def error_line(error: Exception | str) -> str:
    """An error as one sentence."""
    line = error if isinstance(error, str) else sentence(error)
    return f'<p class="notice error" role="alert">{escape(line)}</p>'


def decoder_line(service: Service) -> str:
    """The line about the decoder: how far it is loaded, or why it could not be."""
    if service.load_error is not None:
        return error_line(service.load_error)
    if service.model is None:
        stage, fraction = service.loading
        done = f" {fraction:.0%}" if fraction else ""
        bar = _bar(fraction, "Loading the language model")
        return f'<p class="notice">{escape(STAGES.get(stage, stage))} …{done}{bar}</p>'
    return "" if service.fetching is None else _fetch_line(service.fetching, _decoder_title(service.model_name))


def _fetch_line(fetching: DecoderFetch, present: str) -> str:
    """How far a better decoder is, while the present one answers."""
    title = escape(fetching.decoder.title)
    if fetching.error is not None:
        return f'<p class="notice">{title} could not be downloaded: {escape(sentence(fetching.error))} {present} still answers.</p>'
    if fetching.is_here:
        news = f"{title} is here and answers better. Your documents have to be read again for it."
        return f'<p class="notice" role="status">{news}</p>'
    doing = "Preparing" if fetching.stage == "convert" else "Downloading"
    bar = _bar(fetching.fraction, f"{doing} {fetching.decoder.title}")
    return (
        f'<p class="notice">{doing} {title}, which answers better ({size(fetching.decoder.parts_bytes)}): {fetching.fraction:.0%}. '
        f"{present} answers meanwhile.{bar}</p>"
    )


def encoder_line() -> str:
    """What is fetched beside a decoder, and for what."""
    return f"With it comes {ENCODER.title} ({size(ENCODER.parts_bytes)}), which finds passages that say the same in other words."


def _decoder_title(name: str) -> str:
    """A decoder's name for people."""
    return escape(bundled_decoder(name).title if is_bundled(name) else name)


# The library


def library(documents: Sequence[Shown], selected: str | None) -> str:
    """The rows of the library, each a button with its cover."""
    rows = "".join(_row(shown, shown.id == selected) for shown in documents)
    return f'<ul class="entries">{rows}</ul>' if rows else '<p class="none">No matching title or tag.</p>'


def _row(shown: Shown, is_selected: bool) -> str:
    document = shown.holding.document
    facts = [_progress(shown), counted(document.pages, "page")]
    if shown.state == "ready":  # what is on its way needs the line for itself
        day = datetime.fromtimestamp(document.read_at or shown.holding.held_at)
        facts.append(f"{day:%d\u00a0%b}" if day.year == datetime.now().year else f"{day:%d %b %Y}")
    pin = '<span class="pin" title="Pinned">●<span class="unseen"> pinned </span></span>' if document.pinned else ""
    tags = "".join(f'<span class="tag">{escape(tag)}</span>' for tag in shown.holding.tags)
    current = ' aria-current="true"' if is_selected else ""
    return (
        f'<li><button class="entry" data-document="{document.id}"{current}>{_cover(shown)}'
        f'<span class="about"><span class="title">{pin}{escape(document.title)}</span>'
        f'<span class="facts">{" · ".join(facts)}</span>{tags}</span></button></li>'
    )


def _progress(shown: Shown) -> str:
    """The state of a document, with how far its reading is or how many come before it."""
    job, state = shown.job, shown.state
    if state == "waiting" and shown.before:
        return f"waiting, {shown.before:,} before it"
    if state != "ready" and job is not None and job.tokens and job.tokens_done:
        return f"{state}, {job.tokens_done / job.tokens:.0%}"
    return state


def _cover(shown: Shown) -> str:
    """The first page where there is a picture of it, else a cloth binding of the title's own colour."""
    document = shown.holding.document
    hue = int(hashlib.sha256(document.id.encode()).hexdigest()[:4], 16) % 360
    picture = ""
    if document.format == "pdf":
        picture = f'<img src="cover/{document.id}" alt="" loading="lazy" width="36" height="48">'
    return f'<span class="cover" style="--hue:{hue}" aria-hidden="true">{escape(document.title[:1].upper())}{picture}</span>'


def hits(found: Sequence[Hit], query: str = "") -> str:
    """The pages that a search has found, each a button that opens it with the query's words marked."""
    if not found:
        return ""
    rows = "".join(
        f'<li><button class="entry" data-document="{hit.document_id}" data-page="{hit.page}"'
        f' data-find="{escape(query)}">'
        f'<span class="about"><span class="title">{escape(hit.title)}</span>'
        f'<span class="facts">{escape(place(hit.label, hit.page))}</span>'
        f'<span class="facts snippet">{escape(" ".join(hit.snippet.split()))}</span></span></button></li>'
        for hit in found
    )
    return f'<h2 class="small">In the pages</h2><ul class="entries">{rows}</ul>'


def room_line(documents: int, library_bytes: int, budget_bytes: int | None, free_bytes: int, *, is_shared: bool) -> str:
    """How full the library and the disk are."""
    if is_shared:
        return f'<p class="room">{counted(documents, "document")}</p>'
    share = library_bytes / budget_bytes if budget_bytes else library_bytes / max(library_bytes + free_bytes, 1)
    limit = f"of {size(budget_bytes)} allowed" if budget_bytes else f"{size(free_bytes)} free on the disk"
    return (
        f'<div class="room"><p>{counted(documents, "document")} · {size(library_bytes)}, {limit}</p>'
        f"{_bar(min(share, 1.0), 'How full the disk is')}</div>"
    )


# The document and its reading


def document_head(shown: Shown) -> str:
    """The head of a document: its title, its pages, its state and its tags."""
    document, memory = shown.holding.document, shown.memory
    facts = [counted(document.pages, "page")]
    if memory is not None and memory.state == "ready" and memory.imported:
        facts.append("imported")
    tags = "".join(
        f' <button class="tag" data-document="{escape(TAG + tag)}" title="All documents with this tag">{escape(tag)}</button>'
        for tag in shown.holding.tags
    )
    return (
        f'<header class="document" data-id="{document.id}"><h2>{escape(document.title)}</h2>'
        f'<p><span class="state {shown.state.replace(" ", "-")}">{shown.state}</span>'
        f" {' · '.join(map(escape, facts))}{tags}"
        f'<button class="act read" data-document="{document.id}" data-page="1">Open pages</button></p></header>'
    )


def memory_facts(shown: Shown) -> str:
    """What the memory of a document takes, for its details."""
    memory = shown.memory
    if memory is None or memory.state != "ready":
        return '<p class="quiet">There is no finished memory yet.</p>'
    ratio = memory.settings.get("ratio")
    facts = [
        counted(memory.tokens, "token"),
        f"compression {ratio}×" if ratio else "not compressed",
        f"{size(memory.bytes)} on the disk",
    ]
    rounding = {"model": "full precision", "int8": "rounded to 8 bits"}.get(str(memory.settings.get("memory_dtype")))
    if rounding is not None:
        facts.append(rounding)
    return f'<p class="quiet">Memory: {" · ".join(facts)}</p>'


def newer_parser(shown: Shown) -> str:
    """That the document can be parsed again, for its details, and how; empty where today's parser made its text."""
    if not shown.is_outdated:
        return ""
    how = ", as a document of its own" if shown.original is not None else ". Add its file again"
    return f'<p class="quiet">{NEWER_PARSER}{how}. This one stays until you remove it.</p>'


def reading(shown: Shown) -> str:
    """How far the reading of a document has got and what it will still take."""
    document, job, state = shown.holding.document, shown.job, shown.state
    if job is None or job.state == "ready":
        line = "It is not read yet."
        if state == "part read":
            line = "A part of it is read."
        elif document.read_at is not None and not document.memories:
            line = "It was read, but its memory was removed: read it again."
        return f'<p class="progress">{line}</p>'
    if state == "failed":
        return error_line(shown.reason)
    lines = []
    page = f"page {max(job.pages_done, 1):,} of {document.pages:,}"  # a reading begins on page 1
    if state == "paused":
        lines.append(f"Paused at {page}. What was read is kept.")
    elif state == "stopped":
        lines.append(f"Stopped at {page}. What was read is kept.")
    elif state == "waiting":
        turn = f"{counted(shown.before, 'document')} before it" if shown.before else "it is next"
        lines.append(
            f"Waiting for its turn: {turn}." if not job.pages_done else f"Read to {page}, waiting to continue."
        )
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
    elif state == "reading" and job.seconds_left is None and (estimate := shown.estimate) is not None:
        # Once the speed is measured, the time left is the only one shown.
        lines.append(
            f"<small>About {counted(estimate.document_tokens, 'token')}, {duration(estimate.seconds)}.</small>"
        )
    done = job.tokens_done / job.tokens if job.tokens else 0.0
    return f'<p class="progress">{"<br>".join(lines)}{_bar(done, "Pages read")}</p>'


def can_ask(shown: Shown | None) -> bool:
    """Whether a question is taken: pages were read, or will be."""
    return shown is not None and (shown.memory is not None or (shown.job is not None and is_unfinished(shown.job)))


def invitation(shown: Shown | None) -> str:
    """What the empty question box says."""
    if shown is None or shown.memory is None:
        return "Ask now, to be answered once the first page is read …" if can_ask(shown) else "Read it first, to ask."
    if shown.memory.state == "ready":
        return "Ask anything about this document …"
    pages = shown.job.pages_done if shown.job is not None else 0
    return f"Ask about {f'pages 1–{pages:,}' if pages > 1 else 'the first page'} …"


def ratio_choices(costs: Sequence[RatioCost]) -> list[tuple[str, str]]:
    """The ratios that a document can be read at, with what each one costs."""
    choices = [("Automatic (recommended)", "fitting")]
    for cost in costs:
        if cost.fits:
            kept = f"{cost.ratio}×" if cost.ratio else "None"
            choices.append((f"{kept} · about {size(cost.bytes)}", str(cost.ratio)))
    return choices


def password_line(file_name: str) -> str:
    """The line beside the password box."""
    return f"<p>{escape(file_name)} is password-protected. The password is not stored.</p>"


def scan_line(file_name: str) -> str:
    """The line beside the button that starts text recognition."""
    return f"<p>{escape(file_name)} has pages that are pictures of text.</p>"


def recognising_line(file_name: str, done: int, pages: int) -> str:
    """How far text recognition is."""
    return (
        f'<p class="notice" role="status">Reading the text in the pictures of {escape(file_name)}: '
        f'{counted(done, "page", of=pages)} <progress value="{done}" max="{max(pages, 1)}"></progress></p>'
    )


def note(text: str) -> str:
    """A line of news."""
    return f'<p class="notice" role="status">{escape(text)}</p>'


def adding_line(file_name: str, number: int, files: int) -> str:
    """Which file is being added."""
    which = f" ({number:,} of {files:,})" if files > 1 else ""
    return f'<p class="notice" role="status">Adding {escape(file_name)}{which} …</p>'


def added(lines: Sequence[str], progress: str = "") -> str:
    """What became of the files that were added; nothing where all went well."""
    if not lines:
        return progress
    return f"<div>{''.join(lines)}</div>{_CLOSE}{progress}"


def export_link(shown: Shown) -> str:
    """The link that takes a document with its memories elsewhere, as soon as there is one."""
    if shown.memory is None or shown.memory.state != "ready":
        return '<p class="quiet">You can export it once it is read.</p>'
    return f'<a class="button" href="export/{shown.id}" download>Export with its memory</a>'


def _bar(done: float, what: str) -> str:
    return f'<progress max="1" value="{done:.3f}" aria-label="{what}"></progress>'
