"""The browser's front door: `python app.py`. Drop a document in, watch it being read, ask it, see the answer stream.

One `Service` holds what all open pages share: the library, the decoder, the readings that wait their turn, and the
memories that were asked last. Pages only look at it, so closing one stops no reading. No logic of its own: parsing,
reading and answering are those of the shell. It binds to this computer alone, and nothing is fetched from outside.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read by Gradio while it is imported
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr

from reader.cli import STAGES, cache_folder, duration, library_folder
from reader.cli_library import size
from reader.documents import FORMATS, Document, load
from reader.errors import Cancelled, ConfigError, ReaderError
from reader.models import DEFAULT_MODEL
from storage import DocumentRecord, MemoryRecord, Store, StoreError

if TYPE_CHECKING:  # torch and transformers take seconds to import: the page opens without them
    from reader.answering import Answer, AttachedMemory
    from reader.checkpoints import Model
    from reader.estimate import Estimate
    from reader.reading import ReadingProgress

NAME = "Activation Beacon Reader"
STATIC = Path(__file__).parent / "static"
SAMPLE = STATIC / "sample.md"
HOSTS = ("127.0.0.1", "localhost")
ATTACHED_MEMORIES = 2
"""Memories kept attached; each one costs as many bytes as its file."""
BUSY_POLL_SECONDS = 0.5
IDLE_POLL_SECONDS = 3.0
STREAM_SECONDS = 0.05
"""Least time between two updates of an answer: a fast decoder must not flood the page."""


@dataclass
class Reading:
    """One document on its way to a memory, written by the reading thread and watched by any number of pages."""

    document_id: str
    state: Literal["waiting", "reading", "stopped", "failed"] = "waiting"
    estimate: Estimate | None = None
    progress: ReadingProgress | None = None
    pages_done: int = 0
    error: str = ""
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def is_active(self) -> bool:
        return self.state in ("waiting", "reading")


@dataclass
class Exchange:
    """A question and what has come of its answer."""

    question: str
    answer: str = ""
    note: str = ""
    """What the answer cost, or why there is none; empty until it has ended."""


class Service:
    """The one library, decoder and queue of readings behind all open pages."""

    def __init__(self, store: Store, model_name: str = DEFAULT_MODEL, cache_folder: Path | None = None) -> None:
        self.store = store
        self.model_name = model_name
        self.model: Model | None = None
        self.loading: tuple[str, float] = ("load", 0.0)
        """The stage of loading the decoder, and how much of it is done."""
        self.load_error = ""
        self._cache_folder = cache_folder
        self._load_again = threading.Event()
        self._readings: dict[str, Reading] = {}
        self._waiting: queue.SimpleQueue[Reading] = queue.SimpleQueue()
        self._attached: dict[str, AttachedMemory] = {}
        self._attaching = threading.Lock()
        self._answering = threading.Lock()
        self.stops: dict[str, threading.Event] = {}
        """Set to stop the answer that streams to a browser session."""
        self._thread = threading.Thread(target=self._work, name="reading", daemon=True)

    def start(self) -> None:
        """Load the decoder, then read what is asked for, one document at a time, in a thread of its own."""
        self._thread.start()

    def load_again(self) -> None:
        """Try once more to load the decoder after an error."""
        self.load_error, self.loading = "", ("load", 0.0)
        self._load_again.set()

    def add(self, document: Document) -> None:
        """Put a document into the library and read it when its turn comes."""
        from reader.reading import add_document

        add_document(document, self.store)
        self.read(document.id)

    def read(self, document_id: str) -> None:
        """Read a document of the library, from behind its last finished window, when its turn comes."""
        known = self._readings.get(document_id)
        if known is None or not known.is_active:
            reading = self._readings[document_id] = Reading(document_id, pages_done=known.pages_done if known else 0)
            self._waiting.put(reading)

    def cancel(self, document_id: str) -> None:
        """Stop a reading after the window at hand; finished windows are kept."""
        reading = self._readings.get(document_id)
        if reading is not None:
            reading.cancelled.set()
            if reading.state == "waiting":
                reading.state = "stopped"

    def remove(self, document_id: str) -> None:
        """Remove a document and its memories.

        Raises:
            StoreError: it is being read, or is not there.
        """
        self.store.remove_document(document_id)
        self._readings.pop(document_id, None)
        with self._attaching:
            self._attached = {
                key: attached for key, attached in self._attached.items() if attached.record.document_id != document_id
            }

    def active_ids(self) -> list[str]:
        """The documents that are being read or wait for it, in order."""
        return [reading.document_id for reading in list(self._readings.values()) if reading.is_active]

    def states(self) -> dict[str, str]:
        """What to call the state of each document that has one: ready, part read, reading, waiting."""
        words = {"ready": "ready", "reading": "part read"}
        states: dict[str, str] = {}
        for memory in self.store.memories():
            if memory.settings.get("model") == self.model_name and states.get(memory.document_id) != "ready":
                states[memory.document_id] = words[memory.state]
        readings = list(self._readings.values())
        return states | {reading.document_id: reading.state for reading in readings if reading.is_active}

    def reading(self, document_id: str) -> Reading | None:
        """What is known of a document that is waiting, being read, or half read; None when it is read or never was."""
        reading = self._readings.get(document_id)
        if reading is None and self.model is not None:
            partial = any(memory.state == "reading" for memory in self.store.memories(document_id))
            if partial and self.memory(document_id) is None:
                reading = self._readings.setdefault(document_id, self._half_read(document_id, self.model))
        return reading

    def memory(self, document_id: str) -> MemoryRecord | None:
        """The memory that this decoder can attach; while the decoder loads, the one it made last."""
        if self.model is not None:
            from reader.answering import choose_memory

            return choose_memory(self.store, document_id, self.model)
        ready = (memory for memory in self.store.memories(document_id) if memory.state == "ready")
        return next((memory for memory in ready if memory.settings.get("model") == self.model_name), None)

    def attach(self, document_id: str) -> tuple[AttachedMemory, bool]:
        """Attach the memory of a document and tell whether that had to be done now.

        Raises:
            ReaderError, StoreError: there is none, or it cannot be used.
        """
        from reader.answering import attach

        record = self.memory(document_id)
        if self.model is None or record is None:
            raise ConfigError("The document is not read yet; wait until it is.")
        with self._attaching:
            known = self._attached.pop(record.key, None)
            attached = known or attach(record, self.model, self.store)
            self._attached[record.key] = attached  # the last used comes last
            for key in list(self._attached)[:-ATTACHED_MEMORIES]:
                del self._attached[key]
        return attached, known is None

    def answer(self, document_id: str, question: str, stopped: Callable[[], bool]) -> Generator[tuple[str, str]]:
        """Yield the answer so far, and in the end with its badge; readings wait at their next window until it is done.

        Raises:
            ReaderError, StoreError: see `attach` and `reader.answering.ask`.
        """
        from reader.answering import ask

        with self._answering:
            attached, is_new = self.attach(document_id)
            assert self.model is not None
            text = ""
            for part in ask(attached, question, self.model, stopped=stopped, first_question=is_new):
                text += part.text
                yield text, "" if part.answer is None else badge(part.answer, attached.attach_seconds)

    def _work(self) -> None:
        while self.model is None:
            self._load()
            if self.load_error:
                self._load_again.wait()
                self._load_again.clear()
        while True:
            self._read(self._waiting.get(), self.model)

    def _load(self) -> None:
        try:
            from reader.checkpoints import load_model

            def show(stage: str, fraction: float) -> None:
                self.loading = (stage, fraction)

            self.model = load_model(self.model_name, cache_folder=self._cache_folder, progress=show)
        except Exception as error:
            self.load_error = sentence(error)

    def _read(self, reading: Reading, model: Model) -> None:
        from reader.estimate import estimate_reading
        from reader.reading import read, stored_document

        def show(progress: ReadingProgress) -> None:
            reading.progress, reading.pages_done = progress, progress.pages_done
            with self._answering:  # answers go first: nobody likes to wait for one
                pass

        if reading.cancelled.is_set():
            return
        reading.state = "reading"
        try:
            document = stored_document(self.store, reading.document_id)
            reading.estimate = estimate_reading(
                document,
                self.model_name,
                self.store,
                window=model.plugin.config.window,
                ratio=None,
                cache_folder=self._cache_folder,
            )
            read(document, model, self.store, progress=show, cancelled=reading.cancelled.is_set)
            self._readings.pop(reading.document_id, None)
        except Cancelled:
            reading.state = "stopped"
        except Exception as error:
            reading.error = sentence(error)
            reading.state = "failed"

    def _half_read(self, document_id: str, model: Model) -> Reading:
        from reader.planning import plan_reading
        from reader.reading import stored_document

        reading = Reading(document_id, "stopped")
        try:
            plan = plan_reading(stored_document(self.store, document_id), model)
            reading.pages_done = plan.pages_read(len(self.store.segments(plan.memory_key)))
        except ReaderError as error:
            reading.state, reading.error = "failed", sentence(error)
        return reading


def sentence(error: Exception) -> str:
    """What a person is told of an error."""
    if isinstance(error, (ReaderError, StoreError)):
        return str(error)
    if os.environ.get("READER_DEBUG"):
        traceback.print_exception(error)
    return f"This is a mistake of ours: {type(error).__name__}: {error}. READER_DEBUG=1 shows where."


# What the page shows. Titles, file names and errors are strangers' words: every one of them is escaped.


def badge(answer: Answer, attach_seconds: float) -> str:
    """What an answer cost, in one line of text."""
    stopped = " · stopped" if answer.ended == "stopped" else ""
    return (
        f"Attached in {attach_seconds:.2f} s · {answer.recomputed_tokens:,} of {answer.document_tokens:,} document "
        f"tokens read again · first token {answer.first_token_seconds:.2f} s{stopped}"
    )


def error_html(error: Exception | str) -> str:
    """An error as one sentence."""
    told = error if isinstance(error, str) else sentence(error)
    return f'<p class="notice error" role="alert">{escape(told)}</p>'


def decoder_html(service: Service) -> str:
    """The line about the decoder: how far it is loaded, why it could not be, or that its plug-in is untrained."""
    if service.load_error:
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
    if memory is not None:
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


def reading_html(document: DocumentRecord, reading: Reading | None) -> str:
    """How far a reading has got and what it will still take."""
    if reading is None:
        return '<p class="progress">It is not read yet.</p>'
    progress, estimate = reading.progress, reading.estimate
    if reading.state == "failed":
        return error_html(reading.error)
    if reading.state == "stopped":
        told = f"Read to page {reading.pages_done:,} of {document.pages:,}. What was read is kept."
        return f'<p class="progress">{told}{_bar(reading.pages_done / document.pages, "pages")}</p>'
    lines = []
    if reading.state == "waiting":
        lines.append("Waiting for its turn.")
    elif reading.cancelled.is_set():
        lines.append("Stopping …")
    elif progress is not None and progress.waiting:
        lines.append("Another program is reading this document; waiting for it.")
    elif progress is None:
        lines.append("Opening the document …")
    else:
        parts = [f"Page {progress.pages_done:,} of {progress.pages:,}"]
        if progress.tokens_per_second:
            parts.append(f"{progress.tokens_per_second:,.0f} tokens/s")
        if progress.seconds_left is not None:
            parts.append(f"{duration(progress.seconds_left)} left")
        lines.append(" · ".join(parts))
    if estimate is not None:
        told = f"About {estimate.document_tokens:,} tokens, {duration(estimate.seconds)} to read ({estimate.basis})."
        lines.append(f"<small>{told}</small>")
    done = progress.tokens_done / progress.tokens if progress is not None and progress.tokens else 0.0
    return f'<p class="progress" role="status">{"<br>".join(lines)}{_bar(done, "pages")}</p>'


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
            with gr.Column(elem_id="main"):
                decoder = gr.HTML(elem_id="decoder")
                load_again = gr.Button("Try again", size="sm", visible=False, elem_id="load-again")
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
                        cancel = gr.Button("Cancel", size="sm", min_width=100, scale=0, elem_id="cancel")
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
            *(timer, library, decoder, load_again, empty, document),
            *(head, remove, panel, status, cancel, resume, question),
        ]

        def look(document_id: str | None) -> list[dict[str, Any]]:
            """An update for each part of `view`, as things stand."""
            states = service.states()
            records = service.store.documents()
            record = next((record for record in records if record.id == document_id), None)
            is_busy = (service.model is None and not service.load_error) or "reading" in states.values()
            updates = {
                timer: gr.update(value=BUSY_POLL_SECONDS if is_busy else IDLE_POLL_SECONDS),
                library: gr.update(
                    choices=[library_choice(record, states.get(record.id, "not read")) for record in records],
                    value=record and record.id,
                    visible=bool(records),
                ),
                decoder: gr.update(value=decoder_html(service)),
                load_again: gr.update(visible=bool(service.load_error)),
                empty: gr.update(visible=record is None),
                document: gr.update(visible=record is not None),
            }
            if record is not None:
                reading, memory = service.reading(record.id), service.memory(record.id)
                is_active = reading is not None and reading.is_active
                is_read = memory is not None and not is_active
                can_ask = is_read and service.model is not None
                state = "ready" if is_read else reading.state if reading else "not read"
                again = "Continue" if reading and reading.pages_done else "Try again" if state == "failed" else "Read"
                prompt = "Ask the document …" if can_ask else "Questions wait until it is read."
                if is_read and not can_ask:
                    prompt = "Questions wait until the decoder is loaded."
                updates |= {
                    head: gr.update(value=document_html(record, memory, state)),
                    remove: gr.update(visible=not is_active),
                    panel: gr.update(visible=not is_read),
                    status: gr.update(value=reading_html(record, reading)),
                    cancel: gr.update(visible=is_active),
                    resume: gr.update(visible=not is_active, value=again),
                    question: gr.update(interactive=can_ask, placeholder=prompt),
                }
            return [updates.get(part, gr.skip()) for part in view]

        def refresh(document_id: str | None, before: list[dict[str, Any]] | None) -> tuple[Any, ...]:
            """Send what has changed since this page was told last."""
            try:
                now = look(document_id)
            except Exception as error:  # told in place, as this runs again and again
                now = [gr.update(value=error_html(error)) if part is decoder else gr.skip() for part in view]
            return now, *(now if before is None else map(_changed, before, now))

        @told
        def open_page(request: gr.Request) -> str | None:
            """Select the document that the address names, or else the one that is being read."""
            named = request.query_params.get("document")
            ids = {record.id for record in service.store.documents()}
            return named if named in ids else next(iter(service.active_ids()), None)

        @told
        def add_files(paths: Sequence[str] | None) -> tuple[Any, None]:
            newest: Any = gr.skip()
            for path in map(Path, paths or []):
                try:
                    newest = add_file(path)
                except Exception as error:  # one bad file must not cost the others
                    warn(error)
                finally:
                    path.unlink(missing_ok=True)  # the library has its text; the upload is not to stay behind
            return newest, None

        @told
        def add_sample() -> str:
            return add_file(SAMPLE)

        def add_file(path: Path) -> str:
            parsed = load(path)
            if parsed.textless_pages:
                pages = f"{parsed.textless_pages:,} of {len(parsed.pages):,} pages"
                gr.Info(f"{pages} have no text layer and cannot be read.")
            service.add(parsed)
            return parsed.id

        @told
        def open_conversation(document_id: str | None, history: Conversations, request: gr.Request) -> tuple[Any, ...]:
            """Show what was asked before, and attach the memory so that the first question need not wait for it."""
            stop(request)
            service.stops.pop(request.session_hash or "", None)
            if document_id and service.model is not None and service.memory(document_id) is not None:
                service.attach(document_id)
            conversation = history.get(document_id or "", [])
            return messages(conversation), gr.update(submit_btn=True, stop_btn=False), gr.update(visible=False)

        @told
        def submit(text: str, document_id: str | None, history: Conversations, request: gr.Request) -> tuple[Any, ...]:
            session = request.session_hash or ""
            if not document_id or not text.strip() or session in service.stops:
                return gr.skip(), gr.skip(), gr.skip()
            service.stops[session] = threading.Event()
            conversation = history.setdefault(document_id, [])
            conversation.append(Exchange(text.strip()))
            return messages(conversation), history, gr.update(value="", submit_btn=False, stop_btn=True)

        def answer(document_id: str | None, history: Conversations, request: gr.Request) -> Iterator[tuple[Any, ...]]:
            """Stream the answer to the last question; Gradio closes this when the page goes away."""
            session = request.session_hash or ""
            stopped = service.stops.get(session)
            conversation = history.get(document_id or "", [])
            if stopped is None or not document_id or not conversation or conversation[-1].note:
                yield gr.skip(), gr.skip(), gr.skip()
                return
            exchange, sent = conversation[-1], 0.0
            try:
                with closing(service.answer(document_id, exchange.question, stopped.is_set)) as parts:
                    for exchange.answer, exchange.note in parts:
                        if time.monotonic() - sent > STREAM_SECONDS:
                            sent = time.monotonic()
                            yield messages(conversation), history, gr.skip()
            except Exception as error:
                exchange.note = sentence(error)
            finally:
                exchange.note = exchange.note or "Stopped."
                if service.stops.get(session) is stopped:
                    del service.stops[session]
            yield messages(conversation), history, gr.update(submit_btn=True, stop_btn=False)

        def stop(request: gr.Request) -> None:
            if request.session_hash in service.stops:
                service.stops[request.session_hash].set()

        @told
        def remove_selected(document_id: str | None) -> None:
            if document_id:
                service.remove(document_id)

        def on(trigger: Any, function: Callable[..., Any] | None, *ends: Any, **options: Any) -> Any:
            """Tie an event that is no endpoint for other programs."""
            return trigger(function, *ends, **({"api_visibility": "private", "show_progress": "hidden"} | options))

        def tell(event: Any) -> Any:
            return on(event.then, refresh, [selected, shown], [shown, *view])

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
        selecting = [
            on(page.load, open_page, None, selected),
            on(upload.upload, add_files, upload, [selected, upload], show_progress="full", **leaving),
            on(sample.click, add_sample, None, selected, **leaving),
            on(first_sample.click, add_sample, None, selected, **leaving),
            on(library.input, lambda document_id: document_id, library, selected, **leaving),
            on(confirm_remove.click, remove_selected, selected, selected, **leaving),
        ]
        for event in selecting:
            opened = on(tell(event).then, open_conversation, [selected, conversations], [chat, question, confirm])
            on(opened.then, None, library, None, js=ADDRESS_JS)

        tell(on(cancel.click, told(service.cancel), selected))
        tell(on(resume.click, told(service.read), selected))
        tell(on(load_again.click, service.load_again))
        on(timer.tick, refresh, [selected, shown], [shown, *view])

        on(remove.click, lambda: gr.update(visible=True), None, confirm)
        on(keep.click, lambda: gr.update(visible=False), None, confirm)
    return page


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


if __name__ == "__main__":
    sys.exit(main())
