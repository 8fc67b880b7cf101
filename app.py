"""The browser's front door: `python app.py`. Drop a document in, watch it being read, ask it, see the answer stream.

One `Service` holds what all open pages share: the library, the decoder, the readings that wait their turn, and the
memories that were asked last. Pages only look at it, so closing one stops nothing. No logic of its own: parsing, reading
and answering are those of the shell. It binds to this computer alone, and nothing is fetched from outside.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read by Gradio while it is imported
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr

from reader.cli import _duration as duration
from reader.cli import _size as size
from reader.cli import cache_folder, library_folder
from reader.documents import FORMATS, Document, load
from reader.errors import Cancelled, ConfigError, ReaderError
from reader.models import DEFAULT_MODEL
from storage import DocumentRecord, MemoryRecord, NotFound, Store, StoreError

if TYPE_CHECKING:  # torch and transformers take seconds to import: the page opens without them
    from reader.answering import Answer, AttachedMemory
    from reader.checkpoints import Model
    from reader.estimate import Estimate
    from reader.reading import ReadingProgress

STATIC = Path(__file__).parent / "static"
SAMPLE = STATIC / "sample.md"
HOSTS = ("127.0.0.1", "localhost")
ATTACHED_MEMORIES = 2
"""Memories kept attached; each one costs as many bytes as its file."""
POLL_SECONDS = 0.5
STAGES = {
    "download": "downloading it, the first time only",
    "convert": "converting it, the first time only",
    "wait": "another program is fetching it",
    "load": "loading it",
}


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
        self._thread = threading.Thread(target=self._work, name="reading", daemon=True)

    def start(self) -> None:
        """Load the decoder, then read what is asked for, one document at a time, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading after the window at hand."""
        for reading in list(self._readings.values()):
            reading.cancelled.set()
        with self._answering:
            pass

    def load_again(self) -> None:
        """Try once more to load the decoder after an error."""
        self.load_error = ""
        self._load_again.set()

    def add(self, document: Document) -> None:
        """Put a document into the library and read it when its turn comes."""
        pages = ((page.label, document.text[page.start : page.end]) for page in document.pages)
        self.store.add_document(
            document.id, title=document.title, file_name=document.file_name, format=document.format, pages=pages
        )
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

    def reading(self, document_id: str) -> Reading | None:
        """What is known of a document that is waiting, being read, or half read; None when it is read or never was."""
        reading = self._readings.get(document_id)
        if reading is None and self.model is not None:
            partial = any(memory.state == "reading" and memory.windows for memory in self.store.memories(document_id))
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

    def answer(self, document_id: str, question: str, stopped: Callable[[], bool]) -> Iterator[tuple[str, str]]:
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
        from reader.reading import plan_reading, stored_document

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
        f"Attached in {attach_seconds:.1f} s · {answer.recomputed_tokens:,} of {answer.document_tokens:,} document tokens "
        f"read again · first token {answer.first_token_seconds:.1f} s{stopped}"
    )


def loading_html(service: Service) -> str:
    """The line about the decoder: how far it is loaded, why it could not be, or that its plug-in is untrained."""
    if service.load_error:
        return f'<p class="notice error" role="alert">{escape(service.load_error)}</p>'
    if service.model is None:
        stage, fraction = service.loading
        doing = STAGES.get(stage, stage)
        return (
            f'<p class="notice" role="status">Getting the decoder ready: {escape(doing)}'
            f"{f' ({fraction:.0%})' if fraction else ''} …{_bar(fraction, 'decoder')}</p>"
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


def reading_html(document: DocumentRecord, reading: Reading) -> str:
    """How far a reading has got and what it will still take."""
    progress, estimate = reading.progress, reading.estimate
    if reading.state == "failed":
        return f'<p class="notice error" role="alert">{escape(reading.error)}</p>'
    if reading.state == "stopped":
        told = f"Read to page {reading.pages_done:,} of {document.pages:,}. What was read is kept."
        return f'<p class="reading">{told}{_bar(reading.pages_done / document.pages, "pages")}</p>'
    lines = []
    if reading.state == "waiting":
        lines.append("Waiting for its turn.")
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
    return f'<p class="reading" role="status">{"<br>".join(lines)}{_bar(done, "pages")}</p>'


def _bar(done: float, what: str) -> str:
    return f'<progress max="1" value="{done:.3f}" aria-label="{what}"></progress>'


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _choice(document: DocumentRecord, state: str) -> tuple[str, str]:
    """A row of the library: two lines of text, and the id that it stands for."""
    title = " ".join(document.title.split())
    added = datetime.fromtimestamp(document.added_at)
    facts = [_count(document.pages, "page"), f"{added:%d %b %Y}", state]
    if document.memory_bytes:
        facts.insert(1, size(document.memory_bytes))
    return f"{title}\n{' · '.join(facts)}", document.id


EMPTY = """<section class="empty"><h2>Read it once, ask it for ever</h2>
<p>Drop in a book or a report: it is read once, page by page, into a memory that stays on this computer, and every question
after that is answered from the memory without reading again.</p></section>"""


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


# Called in the browser when another document is shown: the address names it, so that a reload finds it again.
ADDRESS_JS = """(id) => {
    const address = new URL(window.location);
    id ? address.searchParams.set("document", id) : address.searchParams.delete("document");
    window.history.replaceState(null, "", address);
}"""
# On a narrow screen the document lies below the library.
SHOW_DOCUMENT_JS = """() => {
    if (window.innerWidth < 768) document.querySelector("#document").scrollIntoView({behavior: "smooth"});
}"""


def build(service: Service) -> gr.Blocks:
    """Lay out the page and tie it to the service."""
    stops: dict[str, threading.Event] = {}

    with gr.Blocks(title="Activation Beacon Reader", analytics_enabled=False, fill_width=True) as page:
        selected = gr.State(None)
        shown = gr.State(None)
        chats = gr.State({})
        timer = gr.Timer(POLL_SECONDS)
        with gr.Row(elem_id="app"):
            with gr.Column(elem_id="side", min_width=280, scale=0):
                gr.HTML('<h1>Activation Beacon Reader</h1>', elem_id="brand")
                upload = gr.File(
                    label="Add documents", file_count="multiple", file_types=list(FORMATS), height=116, elem_id="upload"
                )
                sample = gr.Button("Try the sample", size="sm", elem_id="sample")
                library = gr.Radio([], label="Library", elem_id="library", visible=False)
            with gr.Column(elem_id="main"):
                loading = gr.HTML(elem_id="loading")
                load_again = gr.Button("Try again", size="sm", visible=False, elem_id="load-again")
                with gr.Column(elem_id="empty", visible=False) as empty:
                    gr.HTML(EMPTY)
                    first_sample = gr.Button("Try the sample", variant="primary", elem_id="first-sample")
                with gr.Column(elem_id="document", visible=False) as document:
                    with gr.Row(elem_id="head"):
                        head = gr.HTML()
                        remove = gr.Button("Remove", size="sm", min_width=80, scale=0, elem_id="remove")
                    with gr.Row(visible=False, elem_id="confirm") as confirm:
                        gr.HTML("<p>Remove this document and its memory? The file you added it from stays.</p>")
                        confirm_remove = gr.Button("Remove", variant="stop", size="sm", min_width=80, scale=0)
                        keep = gr.Button("Keep", size="sm", min_width=80, scale=0)
                    with gr.Row(visible=False, elem_id="reading") as panel:
                        status = gr.HTML()
                        cancel = gr.Button("Cancel", size="sm", min_width=100, scale=0, elem_id="cancel")
                        resume = gr.Button("Continue", variant="primary", size="sm", min_width=100, scale=0, elem_id="resume")
                    chat = gr.Chatbot(
                        show_label=False,
                        label="Conversation",
                        placeholder="Ask it anything that it says.",
                        render_markdown=False,
                        sanitize_html=True,
                        latex_delimiters=[],
                        allow_tags=False,
                        feedback_options=None,
                        buttons=["copy"],
                        height=None,
                        elem_id="chat",
                    )
                    question = gr.Textbox(
                        show_label=False,
                        label="Question",
                        placeholder="Ask the document …",
                        submit_btn=True,
                        max_length=4000,
                        elem_id="question",
                        container=False,
                    )

        view = [library, loading, load_again, empty, document, head, panel, status, cancel, resume, remove, question]

        def look(document_id: str | None) -> list[dict[str, Any]]:
            """Updates for all of `view`."""
            documents = service.store.documents()
            record = next((document for document in documents if document.id == document_id), None)
            half_read = {memory.document_id for memory in service.store.memories() if memory.state == "reading"}

            def state(document: DocumentRecord) -> str:
                reading = service.reading(document.id) if document.id == document_id else service._readings.get(document.id)
                if reading is not None and reading.is_active:
                    return reading.state
                if document.memories:
                    return "ready"
                return "part read" if document.id in half_read else "not read"

            choices = [_choice(document, state(document)) for document in documents]
            updates = {
                library: gr.update(choices=choices, value=record and record.id, visible=bool(documents)),
                loading: gr.update(value=loading_html(service)),
                load_again: gr.update(visible=bool(service.load_error)),
                empty: gr.update(visible=record is None),
                document: gr.update(visible=record is not None),
            }
            if record is not None:
                reading, memory = service.reading(record.id), service.memory(record.id)
                is_read = memory is not None and not (reading and reading.is_active)
                now = "ready" if is_read else reading.state if reading else "not read"
                can_ask = is_read and service.model is not None
                label = "Continue" if reading and reading.pages_done else "Try again" if now == "failed" else "Read"
                active = reading is not None and reading.is_active
                updates |= {
                    head: gr.update(value=document_html(record, memory, now)),
                    panel: gr.update(visible=not is_read),
                    status: gr.update(value=reading_html(record, reading) if reading else _NOT_READ),
                    cancel: gr.update(visible=active),
                    resume: gr.update(visible=not active, value=label),
                    remove: gr.update(visible=not active),
                    question: gr.update(
                        interactive=can_ask,
                        placeholder="Ask the document …" if can_ask else "You can ask when it is read and the decoder is there.",
                    ),
                }
            return [updates.get(part, gr.skip()) for part in view]

        @told
        def refresh(document_id: str | None, before: list[dict[str, Any]] | None) -> tuple[Any, ...]:
            """Send what has changed since this page was told last."""
            now = look(document_id)
            old = before or [None] * len(now)
            return now, *(gr.skip() if new == known else new for new, known in zip(now, old, strict=True))

        @told
        def open_page(request: gr.Request) -> str | None:
            """The document that the address names, or else the one that is being read."""
            known = {document.id for document in service.store.documents()}
            named = request.query_params.get("document")
            active = (reading.document_id for reading in list(service._readings.values()) if reading.is_active)
            return named if named in known else next((id for id in active if id in known), None)

        @told
        def add_files(paths: Sequence[str] | None) -> tuple[Any, Any]:
            added: Any = gr.skip()
            for path in map(Path, paths or []):
                try:
                    added = add_file(path)
                except Exception as error:  # one bad file must not cost the others
                    warn(error)
                finally:
                    path.unlink(missing_ok=True)
            return added, None

        @told
        def add_sample() -> str:
            return add_file(SAMPLE)

        def add_file(path: Path) -> str:
            parsed = load(path)
            if parsed.textless_pages:
                gr.Info(f"{parsed.textless_pages:,} of {len(parsed.pages):,} pages have no text layer and cannot be read.")
            service.add(parsed)
            return parsed.id

        @told
        def show_chat(document_id: str | None, history: dict[str, list[dict[str, Any]]]) -> tuple[Any, ...]:
            """Attach the memory of a document that is read, so that the first question need not wait for it."""
            if document_id and service.model is not None and service.memory(document_id) is not None:
                service.attach(document_id)
            return history.get(document_id or "", []), gr.update(submit_btn=True, stop_btn=False)

        @told
        def submit(
            text: str, document_id: str | None, history: dict[str, list[dict[str, Any]]], request: gr.Request
        ) -> tuple[Any, ...]:
            if not document_id or not text.strip() or request.session_hash in stops:
                return (gr.skip(),) * 3
            stops[request.session_hash or ""] = threading.Event()
            messages = history.setdefault(document_id, [])
            messages.append({"role": "user", "content": text.strip()})
            return messages, history, gr.update(value="", submit_btn=False, stop_btn=True)

        def answer(
            document_id: str | None, history: dict[str, list[dict[str, Any]]], request: gr.Request
        ) -> Iterator[tuple[Any, ...]]:
            messages = history.get(document_id or "", [])
            stop = stops.get(request.session_hash or "")
            if stop is None or not document_id or not messages or messages[-1]["role"] != "user":
                return
            text = messages[-1]["content"]
            reply: dict[str, Any] = {"role": "assistant", "content": ""}
            messages.append(reply)
            sent = 0.0
            try:
                for so_far, cost in service.answer(document_id, text, stop.is_set):
                    reply["content"] = so_far
                    if cost:
                        reply["content"] = [so_far.strip() or "(no answer)", gr.HTML(f'<p class="badge">{escape(cost)}</p>', render=False)]
                    if cost or time.monotonic() - sent > 0.05:  # a fast decoder must not flood the page
                        sent = time.monotonic()
                        yield messages, history, gr.skip()
            except Exception as error:
                warn(error)
                if not reply["content"]:
                    del messages[-1]
            finally:
                stops.pop(request.session_hash or "", None)
            yield messages, history, gr.update(submit_btn=True, stop_btn=False)

        def stop(request: gr.Request) -> None:
            if request.session_hash in stops:
                stops[request.session_hash].set()

        @told
        def remove_document(document_id: str | None) -> Any:
            if document_id:
                service.remove(document_id)
            return None

        def on(trigger: Any, fn: Callable[..., Any] | None, inputs: Any = None, outputs: Any = None, **options: Any) -> Any:
            """Tie an event that only this page may fire."""
            return trigger(fn, inputs, outputs, api_visibility="private", show_progress="hidden", **options)

        def then_refresh(event: Any) -> Any:
            return on(event.then, refresh, [selected, shown], [shown, *view])

        then_refresh(on(timer.tick, None))
        asked = on(question.submit, submit, [question, selected, chats], [chat, chats, question])
        answering = on(
            asked.then, answer, [selected, chats], [chat, chats, question], concurrency_id="decoder", concurrency_limit=1
        )
        on(question.stop, stop, queue=False)

    return page


_NOT_READ = '<p class="reading">This document is not read yet.</p>'
