"""What is on the page and where: every part, laid out once and handed to the events as one record.

It sets up no events and shows no data: those are the modules of the regions, `library`, `document` and `conversation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from reader.app.answer_queue import MAX_QUESTION_CHARS
from reader.app.page import html as views
from reader.app.page.settings import SettingsParts, lay_out_settings
from reader.app.page.shelf import PICK
from reader.app.page.theme import NAME
from reader.app.page.viewer import keys_list
from reader.documents import FORMATS
from reader.settings import STATIC

LISTED_DOCUMENTS = 50
"""Rows of the library that are shown at first, and how many more "Show more" adds."""
BUSY_POLL_SECONDS = 1.0

MEMORY_TYPES = [
    ("Automatic (recommended)", "usual"),
    ("Compact", "int4"),
    ("Rounded less: twice the size", "int8"),
    ("Full precision: four to eight times the size", "model"),
]
WAYS = (
    "<p>or drop or paste files or text anywhere<br>PDF, EPUB, Kindle, Word, slides, tables, mail, web pages, subtitles, text</p>"
    '<p id="sending" role="status"></p>'
)
PLACES = (
    f'<h1 class="unseen">{NAME}</h1><nav aria-label="Parts of the page"><button data-go="library">Library</button>'
    '<button data-go="chat">Questions</button><button data-go="page" disabled>Page</button></nav>'
)
"""The bar of narrow screens, which show one part at a time."""


@dataclass
class Sent:
    """What an open page was sent, and how often it was looked up what it should show."""

    views: list[list[dict[str, Any]]] = field(default_factory=list)
    """An update for each part, the newest view first."""
    looks: int = 0
    newest: int = 0
    """The look that was sent last."""


@dataclass(frozen=True)
class Kept:
    """What one open page remembers."""

    chosen: gr.State
    """The id of the document that was chosen."""
    selected: gr.State
    """The same id, set once the document's conversation and details are on the page. Actions use it."""
    talk: gr.State
    """The conversation's id; None before the first question of a new one."""
    editing: gr.State
    """The number of the turn whose question is being edited."""
    own: gr.State
    """The title, the tags and the pin that the details were given last."""
    sent: gr.State
    """What the page was sent last: a `Sent`, which is changed in its place."""
    listed: gr.State
    """How many rows the library shows."""
    order: gr.State
    """The order of the library's rows."""
    locked: gr.State
    """Uploaded files that wait for their passwords."""
    scans: gr.State
    """Uploaded files with pages that are pictures of text."""
    look_again: gr.BrowserState
    """The setting of this name, kept by the browser."""
    timer: gr.Timer


@dataclass(frozen=True)
class LibraryParts:
    """The left column."""

    upload: gr.UploadButton
    address: gr.Textbox
    sample: gr.Button
    take_in: gr.UploadButton
    search: gr.Textbox
    tags: gr.HTML
    pick: gr.HTML
    rows: gr.HTML
    more: gr.Button
    hits: gr.HTML
    room: gr.HTML


@dataclass(frozen=True)
class NoticeParts:
    """What stands above a document, or in its place while none is open."""

    decoder: gr.HTML
    load_again: gr.Button
    use_fetched: gr.Button
    added: gr.HTML
    """What becomes of the files that were added."""
    lock: gr.Row
    lock_name: gr.HTML
    password: gr.Textbox
    unlock: gr.Button
    skip: gr.Button
    scan: gr.Row
    scan_name: gr.HTML
    recognise: gr.Button
    as_is: gr.Button
    empty: gr.Column
    welcome: gr.HTML
    first_sample: gr.Button


@dataclass(frozen=True)
class DetailsParts:
    """What can be changed about the open document."""

    fold: gr.Accordion
    title: gr.Textbox
    tags: gr.Textbox
    pinned: gr.Checkbox
    save: gr.Button
    memory: gr.HTML
    newer: gr.HTML
    parse_again: gr.Button
    ratio: gr.Dropdown
    memory_type: gr.Radio
    read_again: gr.Button
    export: gr.HTML
    remove: gr.Button
    confirm: gr.Row
    confirm_remove: gr.Button
    keep: gr.Button


@dataclass(frozen=True)
class ReadingParts:
    """How far the open document is read."""

    row: gr.Row
    status: gr.HTML
    pause: gr.Button
    resume: gr.Button


@dataclass(frozen=True)
class TalksParts:
    """The choice of a conversation about the open document."""

    row: gr.Row
    choice: gr.Dropdown
    new: gr.Button
    download: gr.HTML
    forget: gr.Button
    confirm: gr.Row
    confirm_forget: gr.Button
    keep: gr.Button


@dataclass(frozen=True)
class DocumentParts:
    """The open document."""

    column: gr.Column
    head: gr.HTML
    talks: TalksParts
    details: DetailsParts
    reading: ReadingParts


@dataclass(frozen=True)
class ConversationParts:
    """Questions and answers about the open document."""

    chat: gr.Chatbot
    glance: gr.HTML
    """What is shown before anything is asked."""
    whole_map: gr.HTML
    editing: gr.Row
    editing_line: gr.HTML
    cancel_edit: gr.Button
    question: gr.Textbox


@dataclass(frozen=True)
class TableParts:
    """Questions asked as a table."""

    fold: gr.Accordion
    questions: gr.Textbox
    upload: gr.UploadButton
    ask: gr.Button
    runs: gr.HTML


@dataclass(frozen=True)
class Parts:
    """Every part of the page that events read or change."""

    kept: Kept
    library: LibraryParts
    settings: SettingsParts
    notices: NoticeParts
    document: DocumentParts
    table: TableParts
    conversation: ConversationParts
    viewer: gr.HTML


def lay_out(model_name: str, model_names: Sequence[str], condenser: str | None, *, has_accounts: bool) -> Parts:
    """Lay out the page within the Blocks that are being built.

    Args:
        model_name: the decoder in use.
        model_names: decoders to choose from, where it is one person's to choose.
        condenser: how it condenses windows; None: as usual.
        has_accounts: whether people sign in, and share what there is only one of.
    """
    kept = Kept(
        chosen=gr.State(None),
        selected=gr.State(None),
        talk=gr.State(None),
        editing=gr.State(None),
        own=gr.State(("", "", False)),
        sent=gr.State(Sent()),
        listed=gr.State(LISTED_DOCUMENTS),
        order=gr.State("newest"),
        locked=gr.State([]),
        scans=gr.State([]),
        look_again=gr.BrowserState("auto", storage_key="reader-look-again", secret="reader"),
        timer=gr.Timer(BUSY_POLL_SECONDS),
    )
    with gr.Row(elem_id="app"):
        with gr.Column(elem_id="side", min_width=280, scale=0):
            library = _library(has_accounts=has_accounts)
            settings = lay_out_settings(model_name, model_names, condenser, has_accounts=has_accounts)
        with gr.Column(elem_id="main"):
            notices = _notices()
            with gr.Column(elem_id="document", visible=False) as column:
                head = gr.HTML(elem_id="head", js_on_load=None)
                with gr.Row(elem_id="bar"):
                    talks, table, details = _talks(), _table(), _details()
                document = DocumentParts(column, head, talks, details, _reading())
                conversation = _conversation()
        # One script, as both files speak through the viewer's `trigger`; it waits for the other parts.
        gestures = "\n".join((STATIC / name).read_text() for name in ("page.js", "reading.js"))
        viewer = gr.HTML(elem_id="viewer", js_on_load=f"(async () => {{\n{gestures}\n}})();")
    gr.HTML(PLACES, elem_id="places", js_on_load=None)
    gr.HTML(keys_list(), elem_id="tips", js_on_load=None)
    return Parts(kept, library, settings, notices, document, table, conversation, viewer)


def _library(*, has_accounts: bool) -> LibraryParts:
    leave = '<form method="post" action="logout"><button>Sign out</button></form>' if has_accounts else ""
    gr.HTML(f"<h1>{NAME}</h1>{leave}", elem_id="brand")
    with gr.Column(elem_id="upload"):
        # A library with accounts imports no exports, because nobody can check what is in a stranger's memory.
        kinds = [*FORMATS] if has_accounts else [*FORMATS, ".beacon"]
        upload = gr.UploadButton("Add documents", file_count="multiple", file_types=kinds, size="sm")
        gr.HTML(WAYS, elem_id="formats", js_on_load=None)
        address = _box("address", "Web address or text of a document", "or paste a web address", 2000)
    with gr.Row(elem_id="more-ways"):
        sample = _button("Try the sample", "sample", min_width=80)
        with gr.Column(elem_id="import", min_width=80, visible=not has_accounts):
            take_in = gr.UploadButton("Import .beacon", file_count="multiple", file_types=[".beacon"], size="sm")
    search = _box("search", "Search titles, tags and pages", "Search titles, tags and pages", 200, visible=False)
    return LibraryParts(
        upload,
        address,
        sample,
        take_in,
        search,
        tags=gr.HTML(elem_id="tags-list", js_on_load=None),
        pick=gr.HTML(PICK, elem_id="pick", js_on_load=None, visible=False),
        rows=gr.HTML(elem_id="library", js_on_load=None),
        more=gr.Button("Show more", size="sm", visible=False, elem_id="more"),
        hits=gr.HTML(elem_id="hits", js_on_load=None),
        room=gr.HTML(elem_id="room", js_on_load=None),
    )


def _notices() -> NoticeParts:
    decoder = gr.HTML(elem_id="decoder", js_on_load=None)
    load_again = gr.Button("Try again", size="sm", visible=False, elem_id="load-again")
    use_fetched = gr.Button("Use it", size="sm", visible=False, elem_id="use-fetched")
    gr.HTML(views.REFUSED, elem_id="refused", js_on_load=None)
    added = gr.HTML(elem_id="added", js_on_load=None)
    with gr.Row(visible=False, elem_id="locked") as lock:
        lock_name = gr.HTML(js_on_load=None)
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
        unlock = _button("Open", variant="primary", min_width=80)
        skip = _button("Skip this file", min_width=100)
    with gr.Row(visible=False, elem_id="scan") as scan:
        scan_name = gr.HTML(js_on_load=None)
        recognise = _button("Read the text in the pictures", "recognise", variant="primary", min_width=200)
        as_is = _button("Leave them out", min_width=120)
    with gr.Column(elem_id="empty", visible=False) as empty:
        welcome = gr.HTML(views.WELCOME, js_on_load=None)
        first_sample = gr.Button("Try the sample", variant="primary", elem_id="first-sample")
    return NoticeParts(
        decoder,
        load_again,
        use_fetched,
        added,
        *(lock, lock_name, password, unlock, skip),
        *(scan, scan_name, recognise, as_is),
        empty,
        welcome,
        first_sample,
    )


def _details() -> DetailsParts:
    with gr.Accordion("Details", open=False, elem_id="details") as fold:
        with gr.Row(elem_id="own"):
            title = gr.Textbox(label="Title", max_lines=1, max_length=200, elem_id="title")
            tags = gr.Textbox(
                label="Tags", placeholder="such as law, to read", max_lines=1, max_length=500, elem_id="tags"
            )
            pinned = gr.Checkbox(label="Pin to the top, and never remove its memory", elem_id="pinned")
            save = _button("Save", "save", min_width=80)
        memory = gr.HTML(elem_id="memory", js_on_load=None)
        newer = gr.HTML(elem_id="newer", js_on_load=None)
        parse_again = _button("Use the newer parser", "parse-again", visible=False, min_width=140)
        with gr.Row(elem_id="again"):
            ratio = gr.Dropdown(
                views.ratio_choices([]),
                value="fitting",
                label="Compression: higher is smaller and faster but remembers less",
                elem_id="ratio",
            )
            memory_type = gr.Radio(MEMORY_TYPES, value="usual", label="Size of the memory", elem_id="memory-type")
            read_again = _button("Read again", "read-again", min_width=100)
        with gr.Row(elem_id="goods"):
            export = gr.HTML(elem_id="export", js_on_load=None)
            remove = _button("Remove", "remove", min_width=80)
        with gr.Row(visible=False, elem_id="confirm") as confirm:
            gr.HTML("<p>Remove this document, its memory and your conversations about it? Your own file stays.</p>")
            confirm_remove = _button("Remove", variant="stop", min_width=80)
            keep = _button("Keep", min_width=80)
    own, again = (title, tags, pinned, save, memory, newer, parse_again), (ratio, memory_type, read_again)
    return DetailsParts(fold, *own, *again, export, remove, confirm, confirm_remove, keep)


def _reading() -> ReadingParts:
    with gr.Row(visible=False, elem_id="reading") as row:
        status = gr.HTML(js_on_load=None)
        pause = _button("Pause", "pause", min_width=80)
        resume = _button("Continue", "resume", min_width=100)
    return ReadingParts(row, status, pause, resume)


def _talks() -> TalksParts:
    with gr.Row(visible=False, elem_id="talks") as row:
        choice = gr.Dropdown(
            [], label="Conversation", show_label=False, container=False, filterable=False, elem_id="choice"
        )
        new = _button("New", "new-talk", min_width=60)
        download = gr.HTML(elem_id="download", js_on_load=None)
        forget = _button("Delete", "forget", min_width=60)
    with gr.Row(visible=False, elem_id="confirm-forget") as confirm:
        gr.HTML("<p>Delete this conversation?</p>")
        confirm_forget = _button("Delete", variant="stop", min_width=80)
        keep = _button("Keep", min_width=80)
    return TalksParts(row, choice, new, download, forget, confirm, confirm_forget, keep)


def _table() -> TableParts:
    with gr.Accordion("Question table", open=False, elem_id="table") as fold:
        questions = gr.Textbox(
            label="Questions, one a line, or a table with a column “question”",
            lines=3,
            max_lines=8,
            elem_id="table-questions",
        )
        with gr.Row(elem_id="table-acts"):
            ask = _button("Ask all", "table-ask", min_width=80)
            upload = gr.UploadButton("Upload a CSV or XLSX", file_types=[".csv", ".tsv", ".txt", ".xlsx"], size="sm")
        runs = gr.HTML(elem_id="runs", js_on_load=None)
    return TableParts(fold, questions, upload, ask, runs)


def _conversation() -> ConversationParts:
    glance = gr.HTML(elem_id="glance", js_on_load=None)
    chat = gr.Chatbot(
        label="Conversation",
        show_label=False,
        height=None,
        render_markdown=False,
        sanitize_html=True,
        latex_delimiters=[],
        allow_tags=False,
        feedback_options=None,
        buttons=[],
        elem_id="chat",
    )
    whole_map = gr.HTML(elem_id="whole-map", js_on_load=None)
    with gr.Row(visible=False, elem_id="editing") as editing:
        editing_line = gr.HTML(js_on_load=None)
        cancel_edit = _button("Cancel", "cancel-edit", min_width=80)
    question = gr.Textbox(
        label="Question",
        show_label=False,
        container=False,
        submit_btn=True,
        max_length=MAX_QUESTION_CHARS,
        elem_id="question",
    )
    return ConversationParts(chat, glance, whole_map, editing, editing_line, cancel_edit, question)


def _button(
    name: str, elem_id: str | None = None, *, variant: str = "secondary", min_width: int, visible: bool = True
) -> gr.Button:
    return gr.Button(
        name,
        variant=variant,  # type: ignore[arg-type]
        size="sm",
        min_width=min_width,
        scale=0,
        elem_id=elem_id,
        visible=visible,
    )


def _box(elem_id: str, label: str, placeholder: str, max_chars: int, *, visible: bool = True) -> gr.Textbox:
    """A box for one line."""
    return gr.Textbox(
        label=label,
        placeholder=placeholder,
        show_label=False,
        container=False,
        max_lines=1,
        max_length=max_chars,
        visible=visible,
        elem_id=elem_id,
    )


def discard(paths: Sequence[str]) -> None:
    """Remove uploaded files that are not needed any more."""
    for path in paths:
        Path(path).unlink(missing_ok=True)
