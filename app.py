"""The browser's front door: `python app.py`. Drop a document in, watch it being read, ask it, see the answer stream.

Blocks, callbacks and HTML; what they show and set going belongs to `reader.service`, which all open pages share, so
closing one stops no reading. It binds to this computer alone, and nothing is fetched from outside.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read by Gradio while it is imported
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr

from reader.cli import STAGES, cache_folder, duration, library_folder
from reader.cli_library import size
from reader.documents import FORMATS, load
from reader.errors import ConfigError, PasswordNeeded, ReaderError
from reader.models import DEFAULT_MODEL
from reader.service import Reply, Service, is_active, reason, state_of
from storage import DocumentRecord, JobRecord, MemoryRecord, Store, StoreError

if TYPE_CHECKING:  # torch takes seconds to import: the page opens without it
    from reader.estimate import Estimate

NAME = "Activation Beacon Reader"
STATIC = Path(__file__).parent / "static"
SAMPLE = STATIC / "sample.md"
HOSTS = ("127.0.0.1", "localhost")
LISTED_DOCUMENTS = 50
"""Rows of the library that are shown at first, and how many more at each asking."""
BUSY_POLL_SECONDS = 0.5
IDLE_POLL_SECONDS = 3.0
STREAM_SECONDS = 0.05
"""Least time between two updates of an answer: a fast decoder must not flood the page."""


@dataclass
class Exchange:
    """A question and what has come of its answer."""

    question: str
    answer: str = ""
    note: str = ""
    """What the answer cost, or why there is none; empty until it has ended."""


def sentence(error: Exception) -> str:
    """What a person is told of an error."""
    if isinstance(error, (ReaderError, StoreError)):
        return str(error)
    if os.environ.get("READER_DEBUG"):
        traceback.print_exception(error)
    return f"This is a mistake of ours: {type(error).__name__}: {error}. READER_DEBUG=1 shows where."


# What the page shows. Titles, file names and errors are strangers' words: every one of them is escaped.


def badge(reply: Reply) -> str:
    """What an answer cost and what it rests on, in one line of text; nothing while it streams."""
    answer = reply.answer
    if answer is None:
        return ""
    facts = [
        f"Attached in {reply.attach_seconds:.2f} s",
        f"{answer.recomputed_tokens:,} of {answer.document_tokens:,} document tokens read again",
        f"first token {answer.first_token_seconds:.2f} s",
    ]
    if answer.pages_read < answer.pages:
        pages = f"pages 1 to {answer.pages_read:,}" if answer.pages_read else "the beginning of page 1"
        rest = "still being read" if reply.is_being_read else "the rest is not read"
        facts.insert(0, f"From {pages} of {answer.pages:,}, {rest}")
    if answer.ended == "stopped":
        facts.append("stopped")
    return " · ".join(facts)


def error_html(error: Exception | str) -> str:
    """An error as one sentence."""
    told = error if isinstance(error, str) else sentence(error)
    return f'<p class="notice error" role="alert">{escape(told)}</p>'


def decoder_html(service: Service) -> str:
    """The line about the decoder: how far it is loaded, why it could not be, or that its plug-in is untrained."""
    if service.load_error is not None:
        return error_html(service.load_error)
    if service.model is None:
        stage, fraction = service.loading
        done = f" ({fraction:.0%})" if fraction else ""
        return (
            f'<p class="notice" role="status">{escape(STAGES.get(stage, stage))}{done} …{_bar(fraction, "decoder")}</p>'
        )
    if not service.model.plugin.trained:
        return '<p class="notice">The plug-in is untrained: memories work, but answers from them will be poor.</p>'
    return ""


def document_html(document: DocumentRecord, memory: MemoryRecord | None, state: str) -> str:
    """The head of a document: its title and what is known of it and its memory."""
    facts = [_count(document.pages, "page")]
    if memory is not None and memory.state == "ready":
        ratio = memory.settings["ratio"]
        facts += [
            _count(memory.tokens, "token"),
            _count(memory.slots, "slot") + (f" at ratio {ratio}" if ratio else ", not condensed"),
            f"{size(memory.bytes)} of memory",
        ]
    return (
        f'<header class="document"><h2>{escape(document.title)}</h2>'
        f'<p>{" · ".join(facts)} <span class="state {state.replace(" ", "-")}">{state}</span></p></header>'
    )


def reading_html(
    document: DocumentRecord,
    job: JobRecord | None,
    state: str,
    *,
    estimate: Estimate | None = None,
    is_here: bool = True,
) -> str:
    """How far the reading of a document has got and what it will still take.

    Args:
        is_here: whether a reading that runs is run by this program.
    """
    if job is None or job.state == "ready":
        untold = "It is not read yet."
        if state == "part read":
            untold = "A part of it is read."
        elif document.read_at is not None and not document.memories:
            untold = "It has been read, but its memory is no longer there: it must be read again."
        return f'<p class="progress">{untold}</p>'
    if state == "failed":
        return error_html(reason(job))
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
    if state == "reading" and not is_here:
        lines.append("<small>Another program is reading it.</small>")
    elif state == "reading" and estimate is not None:
        told = f"About {estimate.document_tokens:,} tokens, {duration(estimate.seconds)} to read ({estimate.basis})."
        lines.append(f"<small>{told}</small>")
    done = job.tokens_done / job.tokens if job.tokens else 0.0
    return f'<p class="progress" role="status">{"<br>".join(lines)}{_bar(done, "pages")}</p>'


def invitation(memory: MemoryRecord | None, *, is_loaded: bool) -> str:
    """What the empty question box says."""
    if memory is None:
        return "Questions wait until the first pages are read."
    if not is_loaded:
        return "Questions wait until the decoder is loaded."
    return "Ask the document …" if memory.state == "ready" else "Ask what is read so far …"


def messages(conversation: Sequence[Exchange]) -> list[dict[str, Any]]:
    """A conversation for the chatbot, which takes text for HTML even where it renders no Markdown."""
    shown: list[dict[str, Any]] = []
    for exchange in conversation:
        shown.append({"role": "user", "content": escape(exchange.question)})
        reply: list[Any] = [escape(exchange.answer.strip()) or ("No answer." if exchange.note else "…")]
        if exchange.note:
            reply.append(gr.HTML(f'<p class="badge">{escape(exchange.note)}</p>', render=False))
        shown.append({"role": "assistant", "content": reply})
    return shown


def _bar(done: float, what: str) -> str:
    return f'<progress max="1" value="{done:.3f}" aria-label="{what}"></progress>'


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def library_choice(document: DocumentRecord, state: str) -> tuple[str, str]:
    """A row of the library: two lines of text, and the id that it stands for."""
    title = " ".join(document.title.split())
    added = datetime.fromtimestamp(document.added_at)
    facts = [state, _count(document.pages, "page"), f"{added:%d %b %Y}"]
    if document.memory_bytes:
        facts.insert(2, size(document.memory_bytes))
    return f"{title}\n{' · '.join(facts)}", document.id


EMPTY_HTML = """<section class="empty"><h2>Read once, ask for ever</h2>
<p>Drop in a book or a report: it is read once, page by page, into a memory that stays on this computer, and every
question after that is answered from the memory without reading again.</p></section>"""


class Theme(gr.themes.Base):
    """Paper and ink, with fonts that the computer has."""

    def __init__(self) -> None:
        sans = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
        super().__init__(
            primary_hue=gr.themes.colors.teal,
            neutral_hue=gr.themes.colors.stone,
            radius_size=gr.themes.sizes.radius_md,
            font=sans,
            font_mono=("ui-monospace", "monospace"),
        )
        self.set(
            body_background_fill="*neutral_50",
            body_background_fill_dark="*neutral_950",
            background_fill_primary_dark="*neutral_900",
            block_background_fill="transparent",
            block_background_fill_dark="transparent",
            block_border_width="0px",
            block_shadow="none",
            button_primary_background_fill="*primary_700",
            button_primary_background_fill_hover="*primary_800",
            button_primary_background_fill_dark="*primary_600",
            button_primary_text_color="white",
            input_background_fill="white",
            input_background_fill_dark="*neutral_900",
            input_border_width="1px",
        )


# Called in the browser with the document that is shown: the address names it, so that a reload finds it again, and on a
# narrow screen, where it lies below the library, a new one is brought into view.
ADDRESS_JS = """(id) => {
    const address = new URL(window.location);
    if (id === address.searchParams.get("document")) return;
    id ? address.searchParams.set("document", id) : address.searchParams.delete("document");
    window.history.replaceState(null, "", address);
    if (id && window.innerWidth < 768) document.getElementById("document")?.scrollIntoView({behavior: "smooth"});
}"""


Conversations = dict[str, list[Exchange]]
"""What was asked on one page, by document id."""


def build(service: Service) -> gr.Blocks:
    """Lay out the page and tie it to the service."""
    page = gr.Blocks(title=NAME, analytics_enabled=False, fill_width=True)
    with page:
        selected = gr.State(None)  # the document's id
        shown = gr.State(None)  # the updates that this page was sent last
        listed = gr.State(LISTED_DOCUMENTS)  # rows of the library
        locked = gr.State([], delete_callback=discard)  # uploaded files that wait for their passwords
        conversations = gr.State({})  # by document id
        timer = gr.Timer(BUSY_POLL_SECONDS)
        with gr.Row(elem_id="app"):
            with gr.Column(elem_id="side", min_width=280, scale=0):
                gr.HTML(f"<h1>{NAME}</h1>", elem_id="brand")
                upload = gr.File(
                    label="Add documents",
                    show_label=False,
                    file_count="multiple",
                    file_types=list(FORMATS),
                    height=100,
                    elem_id="upload",
                )
                gr.HTML(f"<p>{', '.join(FORMATS)}</p>", elem_id="formats")
                sample = gr.Button("Try the sample", size="sm", elem_id="sample")
                library = gr.Radio([], label="Library", elem_id="library", visible=False)
                more = gr.Button("Show more", size="sm", visible=False, elem_id="more")
            with gr.Column(elem_id="main"):
                decoder = gr.HTML(elem_id="decoder")
                load_again = gr.Button("Try again", size="sm", visible=False, elem_id="load-again")
                with gr.Row(visible=False, elem_id="locked") as lock:
                    lock_name = gr.HTML()
                    password = gr.Textbox(
                        label="Password",
                        show_label=False,
                        container=False,
                        type="password",
                        placeholder="Password",
                        max_length=1000,
                        html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
                        min_width=140,
                        elem_id="password",
                    )
                    unlock = gr.Button("Open", variant="primary", size="sm", min_width=80, scale=0)
                    skip = gr.Button("Leave out", size="sm", min_width=80, scale=0)
                with gr.Column(elem_id="empty", visible=False) as empty:
                    gr.HTML(EMPTY_HTML)
                    first_sample = gr.Button("Try the sample", variant="primary", elem_id="first-sample")
                with gr.Column(elem_id="document", visible=False) as document:
                    with gr.Row(elem_id="head"):
                        head = gr.HTML()
                        remove = gr.Button("Remove", size="sm", min_width=80, scale=0, elem_id="remove")
                    with gr.Row(visible=False, elem_id="confirm") as confirm:
                        gr.HTML("<p>Remove this document and its memory? The file that you added stays.</p>")
                        confirm_remove = gr.Button("Remove", variant="stop", size="sm", min_width=80, scale=0)
                        keep = gr.Button("Keep", size="sm", min_width=80, scale=0)
                    with gr.Row(visible=False, elem_id="reading") as panel:
                        status = gr.HTML()
                        pause = gr.Button("Pause", size="sm", min_width=80, scale=0, elem_id="pause")
                        cancel = gr.Button("Cancel", size="sm", min_width=80, scale=0, elem_id="cancel")
                        resume = gr.Button(
                            "Continue", variant="primary", size="sm", min_width=100, scale=0, elem_id="resume"
                        )
                    chat = gr.Chatbot(
                        label="Conversation",
                        show_label=False,
                        placeholder="Answers appear here.",
                        height=None,
                        render_markdown=False,
                        sanitize_html=True,
                        latex_delimiters=[],
                        allow_tags=False,
                        feedback_options=None,
                        buttons=[],
                        elem_id="chat",
                    )
                    question = gr.Textbox(
                        label="Question",
                        show_label=False,
                        container=False,
                        submit_btn=True,
                        max_length=4000,
                        elem_id="question",
                    )

        view = [
            *(timer, library, more, decoder, load_again, empty, document),
            *(head, remove, panel, status, pause, cancel, resume, question),
        ]
        stops: dict[str, threading.Event] = {}  # set to stop the answer that streams to a browser session

        def look(document_id: str | None, rows: int) -> list[dict[str, Any]]:
            """An update for each part of `view`, as things stand."""
            jobs = service.jobs()
            active = {job.document_id for job in jobs.values() if is_active(job)}
            records = service.store.documents()
            record = next((record for record in records if record.id == document_id), None)
            is_busy = service.load_error is None and (service.model is None or bool(active))
            # What is being read and what is selected is listed however old it is.
            kept = {document_id} | {job.document_id for job in jobs.values() if job.state == "running"}
            chosen = [row for number, row in enumerate(records) if number < rows or row.id in kept]
            states = {row.id: state_of(jobs.get(row.id), service.memory(row.id)) for row in chosen}
            updates = {
                timer: gr.update(value=BUSY_POLL_SECONDS if is_busy else IDLE_POLL_SECONDS),
                library: gr.update(
                    choices=[library_choice(row, states[row.id]) for row in chosen],
                    value=record and record.id,
                    visible=bool(records),
                ),
                more: gr.update(visible=len(chosen) < len(records), value=f"Show more of {len(records):,}"),
                decoder: gr.update(value=decoder_html(service)),
                load_again: gr.update(visible=service.load_error is not None),
                empty: gr.update(visible=record is None),
                document: gr.update(visible=record is not None),
            }
            if record is not None:
                job, memory, state = jobs.get(record.id), service.memory(record.id), states[record.id]
                is_going = job is not None and is_active(job)
                is_stopping = is_going and job is not None and job.wanted is not None
                estimate = service.estimates.get(job.id) if job else None
                is_here = job is not None and service.reads(job)
                again = "Try again" if state == "failed" else "Read" if state == "not read" else "Continue"
                updates |= {
                    head: gr.update(value=document_html(record, memory, state)),
                    remove: gr.update(visible=not is_going),
                    panel: gr.update(visible=state != "ready"),
                    status: gr.update(value=reading_html(record, job, state, estimate=estimate, is_here=is_here)),
                    pause: gr.update(visible=is_going, interactive=not is_stopping),
                    cancel: gr.update(visible=is_going, interactive=not is_stopping),
                    resume: gr.update(visible=not is_going, value=again),
                    question: gr.update(
                        interactive=memory is not None and service.model is not None,
                        placeholder=invitation(memory, is_loaded=service.model is not None),
                    ),
                }
            return [updates.get(part, gr.skip()) for part in view]

        def refresh(document_id: str | None, rows: int, before: list[dict[str, Any]] | None) -> tuple[Any, ...]:
            """Send what has changed since this page was told last."""
            try:
                now = look(document_id, rows)
            except Exception as error:  # told in place, as this runs again and again
                now = [gr.update(value=error_html(error)) if part is decoder else gr.skip() for part in view]
            return now, *(now if before is None else map(_changed, before, now))

        @told
        def open_page(request: gr.Request) -> str | None:
            """Select the document that the address names, or else the one that is being read."""
            named = request.query_params.get("document")
            ids = {record.id for record in service.store.documents()}
            jobs = sorted(filter(is_active, service.jobs().values()), key=lambda job: (job.state, -job.created_at))
            return named if named in ids else jobs[-1].document_id if jobs else None  # "running" sorts last

        @told
        def add_files(paths: Sequence[str] | None, waiting: list[str]) -> tuple[Any, ...]:
            newest: Any = gr.skip()
            for path in map(Path, paths or []):
                try:
                    newest = add_file(path)
                except PasswordNeeded:
                    waiting = [*waiting, str(path)]
                    continue
                except Exception as error:  # one bad file must not cost the others
                    warn(error)
                discard([str(path)])  # the library has its text; the upload is not to stay behind
            return newest, None, *ask_password(waiting)

        @told
        def open_locked(secret: str, waiting: list[str]) -> tuple[Any, ...]:
            """Open the file at the head of those that wait; the password goes to the parser and nowhere else."""
            opened: Any = gr.skip()
            if not waiting or not secret:
                return opened, *ask_password(waiting)
            try:
                opened = add_file(Path(waiting[0]), secret)
            except PasswordNeeded as error:
                warn(error)
                return opened, *ask_password(waiting)
            except Exception as error:
                warn(error)
            discard(waiting[:1])
            return opened, *ask_password(waiting[1:])

        def leave_out(waiting: list[str]) -> tuple[Any, ...]:
            discard(waiting[:1])
            return ask_password(waiting[1:])

        def ask_password(waiting: list[str]) -> tuple[Any, ...]:
            """The files that wait, and what `locking` shows of the first of them."""
            name = Path(waiting[0]).name if waiting else ""
            line = f"<p>{escape(name)} needs its password, which is used once and kept nowhere.</p>"
            return waiting, gr.update(visible=bool(waiting)), gr.update(value=line), gr.update(value="")

        @told
        def add_sample() -> str:
            return add_file(SAMPLE)

        def add_file(path: Path, secret: str | None = None) -> str:
            parsed = load(path, password=secret)
            if parsed.textless_pages:
                pages = f"{parsed.textless_pages:,} of {len(parsed.pages):,} pages"
                gr.Info(f"{pages} have no text layer and cannot be read.")
            service.add(parsed)
            return parsed.id

        @told
        def open_conversation(document_id: str | None, history: Conversations, request: gr.Request) -> tuple[Any, ...]:
            """Show what was asked before, and attach the memory so that the first question need not wait for it."""
            stop(request)
            stops.pop(request.session_hash or "", None)
            memory = service.memory(document_id) if document_id and service.model is not None else None
            if document_id and memory is not None and memory.state == "ready":
                service.attach(document_id)
            conversation = history.get(document_id or "", [])
            return messages(conversation), gr.update(submit_btn=True, stop_btn=False), gr.update(visible=False)

        @told
        def submit(text: str, document_id: str | None, history: Conversations, request: gr.Request) -> tuple[Any, ...]:
            session = request.session_hash or ""
            if not document_id or not text.strip() or session in stops:
                return gr.skip(), gr.skip(), gr.skip()
            stops[session] = threading.Event()
            conversation = history.setdefault(document_id, [])
            conversation.append(Exchange(text.strip()))
            return messages(conversation), history, gr.update(value="", submit_btn=False, stop_btn=True)

        def answer(document_id: str | None, history: Conversations, request: gr.Request) -> Iterator[tuple[Any, ...]]:
            """Stream the answer to the last question; Gradio closes this when the page goes away."""
            session = request.session_hash or ""
            stopped = stops.get(session)
            conversation = history.get(document_id or "", [])
            if stopped is None or not document_id or not conversation or conversation[-1].note:
                yield gr.skip(), gr.skip(), gr.skip()
                return
            exchange, sent = conversation[-1], 0.0
            try:
                with closing(service.answer(document_id, exchange.question, stopped.is_set)) as parts:
                    for reply in parts:
                        exchange.answer, exchange.note = reply.text, badge(reply)
                        if time.monotonic() - sent > STREAM_SECONDS:
                            sent = time.monotonic()
                            yield messages(conversation), history, gr.skip()
            except Exception as error:
                exchange.note = sentence(error)
            finally:
                exchange.note = exchange.note or "Stopped."
                if stops.get(session) is stopped:
                    del stops[session]
            yield messages(conversation), history, gr.update(submit_btn=True, stop_btn=False)

        def stop(request: gr.Request) -> None:
            if request.session_hash in stops:
                stops[request.session_hash].set()

        @told
        def remove_selected(document_id: str | None) -> None:
            if document_id:
                service.remove(document_id)

        def on(trigger: Any, function: Callable[..., Any] | None, *ends: Any, **options: Any) -> Any:
            """Tie an event that is no endpoint for other programs."""
            return trigger(function, *ends, **({"api_visibility": "private", "show_progress": "hidden"} | options))

        def tell(event: Any) -> Any:
            return on(event.then, refresh, [selected, listed, shown], [shown, *view])

        asking = on(question.submit, submit, [question, selected, conversations], [chat, conversations, question])
        answering = on(
            asking.then,
            answer,
            [selected, conversations],
            [chat, conversations, question],
            concurrency_id="decoder",
            concurrency_limit=1,
        )
        on(question.stop, stop)

        leaving: dict[str, Any] = {"cancels": [answering]}
        locking = [locked, lock, lock_name, password]
        opening = {"inputs": [password, locked], "outputs": [selected, *locking]}
        selecting = [
            on(page.load, open_page, None, selected),
            on(
                upload.upload,
                add_files,
                [upload, locked],
                [selected, upload, *locking],
                show_progress="full",
                **leaving,
            ),
            on(unlock.click, open_locked, **opening, **leaving),
            on(password.submit, open_locked, **opening, **leaving),
            on(sample.click, add_sample, None, selected, **leaving),
            on(first_sample.click, add_sample, None, selected, **leaving),
            on(library.input, lambda document_id: document_id, library, selected, **leaving),
            on(confirm_remove.click, remove_selected, selected, selected, **leaving),
        ]
        for event in selecting:
            opened = on(tell(event).then, open_conversation, [selected, conversations], [chat, question, confirm])
            on(opened.then, None, library, None, js=ADDRESS_JS)

        on(skip.click, leave_out, locked, locking)
        tell(on(more.click, lambda rows: rows + LISTED_DOCUMENTS, listed, listed))
        tell(on(pause.click, told(service.pause), selected))
        tell(on(cancel.click, told(service.cancel), selected))
        tell(on(resume.click, told(service.read), selected))
        tell(on(load_again.click, service.load_again))
        on(timer.tick, refresh, [selected, listed, shown], [shown, *view])

        on(remove.click, lambda: gr.update(visible=True), None, confirm)
        on(keep.click, lambda: gr.update(visible=False), None, confirm)
    return page


def discard(paths: Sequence[str]) -> None:
    """Remove uploaded files that are not needed any more."""
    for path in paths:
        Path(path).unlink(missing_ok=True)


def told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a callback so that an error becomes one sentence on the page and nothing else changes."""

    @wraps(function)
    def tolerant(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            warn(error)
            return gr.skip()

    return tolerant


def warn(error: Exception) -> None:
    """Show an error as one sentence on the page of whoever caused it."""
    gr.Warning(escape(sentence(error)))


def _changed(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    return gr.skip() if before == now else now


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until it is interrupted; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _serve(options)
    except (ReaderError, StoreError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python app.py", description="Read long documents once, and ask them, in a browser."
    )
    parser.add_argument("--library", type=Path, metavar="DIR", help="the library's folder (or READER_LIBRARY)")
    parser.add_argument(
        "--model",
        metavar="NAME",
        default=os.environ.get("READER_MODEL") or DEFAULT_MODEL,
        help="a Hugging Face name or a folder (or READER_MODEL); default: the bundled decoder",
    )
    parser.add_argument("--host", default=HOSTS[0], help=f"the address to listen on: {' or '.join(HOSTS)}")
    parser.add_argument("--port", type=int, metavar="N", help="default: the first free one from 7860 on")
    return parser


def _serve(options: argparse.Namespace) -> None:
    if options.host not in HOSTS:
        raise ConfigError(
            f"--host {options.host!r} would open the library to the network without a password; use {HOSTS[0]}."
        )
    with Store(library_folder(options.library)) as store:
        service = Service(store, options.model, cache_folder())
        page = build(service)
        page.queue(default_concurrency_limit=8)
        try:
            _, address, _ = page.launch(
                server_name=options.host,
                server_port=options.port,
                share=False,
                quiet=True,
                prevent_thread_lock=True,
                ssr_mode=False,
                enable_monitoring=False,
                run_history=False,
                footer_links=[],
                max_file_size="1gb",
                theme=Theme(),
                css_paths=[STATIC / "app.css"],
                favicon_path=STATIC / "icon.svg",
            )
        except OSError as error:
            raise ConfigError(f"--port {options.port} cannot be used ({error}); choose another.") from error
        service.start()
        print(f"Open {address} in a browser; Ctrl+C stops.", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            page.close(verbose=False)
            service.close()


if __name__ == "__main__":
    sys.exit(main())
