"""What is on the page and where: every part, laid out once and handed to the events as one record.

It sets up no events and shows no data: those are the modules of the regions, `library`, `document` and `conversation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from reader.answering import LOOK_AGAIN_TOKENS
from reader.app.answer_queue import MAX_QUESTION_CHARS
from reader.app.page import html as views
from reader.app.page.events import discard
from reader.app.page.theme import NAME
from reader.documents import FORMATS
from reader.settings import STATIC

LISTED_DOCUMENTS = 50
"""Rows of the library that are shown at first, and how many more "Show more" adds."""
BUSY_POLL_SECONDS = 0.5

LOOK_AGAIN = [
    ("When a question asks for detail: a second or two more, exact words and numbers", "auto"),
    ("Never: fastest, from the memory alone", "off"),
    ("Always, about a page", str(LOOK_AGAIN_TOKENS)),
    ("Always, about five pages: slower, for hard questions", "2000"),
]
MEMORY_TYPES = [
    ("Full: exact, the decoder's own numbers", "model"),
    ("Small (int8): a quarter of the disk, a little exactness", "int8"),
]


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
    shown: gr.State
    """The updates that were sent last."""
    listed: gr.State
    """How many rows the library shows."""
    locked: gr.State
    """Uploaded files that wait for their passwords."""
    timer: gr.Timer


@dataclass(frozen=True)
class LibraryParts:
    """The left column."""

    upload: gr.File
    sample: gr.Button
    take_in: gr.UploadButton
    search: gr.Textbox
    rows: gr.HTML
    more: gr.Button
    hits: gr.HTML
    room: gr.HTML


@dataclass(frozen=True)
class SettingsParts:
    """How questions are answered, and by which decoder."""

    look_again: gr.Radio
    model: gr.Dropdown


@dataclass(frozen=True)
class NoticeParts:
    """What stands above a document, or in its place while none is open."""

    decoder: gr.HTML
    load_again: gr.Button
    lock: gr.Row
    lock_name: gr.HTML
    password: gr.Textbox
    unlock: gr.Button
    skip: gr.Button
    empty: gr.Column
    first_sample: gr.Button


@dataclass(frozen=True)
class DocumentParts:
    """The open document: its head, its details and its reading."""

    column: gr.Column
    head: gr.HTML
    details: gr.Accordion
    title: gr.Textbox
    tags: gr.Textbox
    pinned: gr.Checkbox
    save: gr.Button
    ratio: gr.Dropdown
    memory_type: gr.Radio
    read_again: gr.Button
    export: gr.HTML
    remove: gr.Button
    confirm: gr.Row
    confirm_remove: gr.Button
    keep: gr.Button
    reading: gr.Row
    status: gr.HTML
    pause: gr.Button
    cancel: gr.Button
    resume: gr.Button


@dataclass(frozen=True)
class ConversationParts:
    """The questions and answers about the open document."""

    bar: gr.Row
    choice: gr.Dropdown
    new: gr.Button
    download: gr.HTML
    forget: gr.Button
    chat: gr.Chatbot
    whole_map: gr.HTML
    question: gr.Textbox


@dataclass(frozen=True)
class Parts:
    """Every part of the page that events read or change."""

    kept: Kept
    library: LibraryParts
    settings: SettingsParts
    notices: NoticeParts
    document: DocumentParts
    conversation: ConversationParts
    viewer: gr.HTML


def lay_out(model_name: str, model_names: Sequence[str], *, has_accounts: bool) -> Parts:
    """Lay out the page within the Blocks that are being built.

    Args:
        model_name: the decoder in use.
        model_names: decoders to choose from, where it is one person's to choose.
        has_accounts: whether people sign in, and share what there is only one of.
    """
    kept = Kept(
        chosen=gr.State(None),
        selected=gr.State(None),
        talk=gr.State(None),
        editing=gr.State(None),
        shown=gr.State(None),
        listed=gr.State(LISTED_DOCUMENTS),
        locked=gr.State([], delete_callback=discard),
        timer=gr.Timer(BUSY_POLL_SECONDS),
    )
    with gr.Row(elem_id="app"):
        with gr.Column(elem_id="side", min_width=280, scale=0):
            library = _library(has_accounts=has_accounts)
            settings = _settings(model_name, model_names, has_accounts=has_accounts)
        with gr.Column(elem_id="main"):
            notices = _notices()
            with gr.Column(elem_id="document", visible=False) as column:
                document = _document(column)
                conversation = _conversation()
        viewer = gr.HTML(elem_id="viewer", js_on_load=(STATIC / "page.js").read_text())
    return Parts(kept, library, settings, notices, document, conversation, viewer)


def _library(*, has_accounts: bool) -> LibraryParts:
    leave = '<a href="/logout">Sign out</a>' if has_accounts else ""
    theme = '<button class="turn" data-act="theme" aria-label="Light or dark" title="Light or dark">◐</button>'
    gr.HTML(f"<h1>{NAME}</h1><p>{leave}{theme}</p>", elem_id="brand")
    upload = gr.File(
        label="Add documents",
        show_label=False,
        file_count="multiple",
        file_types=list(FORMATS),
        height=100,
        elem_id="upload",
    )
    gr.HTML(f"<p>{', '.join(FORMATS)}</p>", elem_id="formats")
    with gr.Row(elem_id="more-ways"):
        sample = _button("Try the sample", "sample", min_width=80)
        take_in = gr.UploadButton(
            "Import", file_types=[".beacon"], size="sm", visible=not has_accounts, elem_id="import", min_width=80
        )
    search = gr.Textbox(
        label="Search titles, tags and pages",
        placeholder="Search titles, tags and pages",
        show_label=False,
        container=False,
        max_lines=1,
        max_length=200,
        visible=False,
        elem_id="search",
    )
    return LibraryParts(
        upload,
        sample,
        take_in,
        search,
        rows=gr.HTML(elem_id="library", js_on_load=None),
        more=gr.Button("Show more", size="sm", visible=False, elem_id="more"),
        hits=gr.HTML(elem_id="hits", js_on_load=None),
        room=gr.HTML(elem_id="room", js_on_load=None),
    )


def _settings(model_name: str, model_names: Sequence[str], *, has_accounts: bool) -> SettingsParts:
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        return SettingsParts(
            gr.Radio(LOOK_AGAIN, value="auto", label="Look pages up again before answering"),
            gr.Dropdown(
                list(dict.fromkeys([model_name, *model_names])),
                value=model_name,
                label="Decoder",
                info="One is loaded at a time. Another one cannot use its memories: documents are read again.",
                interactive=len(model_names) > 1 and not has_accounts,
                elem_id="model",
            ),
        )


def _notices() -> NoticeParts:
    decoder = gr.HTML(elem_id="decoder", js_on_load=None)
    load_again = gr.Button("Try again", size="sm", visible=False, elem_id="load-again")
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
        skip = _button("Leave out", min_width=80)
    with gr.Column(elem_id="empty", visible=False) as empty:
        gr.HTML(views.EMPTY, js_on_load=None)
        first_sample = gr.Button("Try the sample", variant="primary", elem_id="first-sample")
    return NoticeParts(decoder, load_again, lock, lock_name, password, unlock, skip, empty, first_sample)


def _document(column: gr.Column) -> DocumentParts:
    head = gr.HTML(elem_id="head", js_on_load=None)
    with gr.Accordion("Details", open=False, elem_id="details") as details:
        with gr.Row(elem_id="own"):
            title = gr.Textbox(label="Title", max_lines=1, max_length=200, elem_id="title")
            tags = gr.Textbox(
                label="Tags", placeholder="such as law, to read", max_lines=1, max_length=500, elem_id="tags"
            )
            pinned = gr.Checkbox(label="Pin: first in the list, memory kept", elem_id="pinned")
            save = _button("Save", "save", min_width=80)
        with gr.Row(elem_id="again"):
            ratio = gr.Dropdown(
                views.ratio_choices([]),
                value="fitting",
                label="Ratio: fewer slots are smaller and faster, and remember less",
                elem_id="ratio",
            )
            memory_type = gr.Radio(MEMORY_TYPES, value="model", label="Memory", elem_id="memory-type")
            read_again = _button("Read again", "read-again", min_width=100)
        with gr.Row(elem_id="goods"):
            export = gr.HTML(elem_id="export", js_on_load=None)
            remove = _button("Remove", "remove", min_width=80)
    with gr.Row(visible=False, elem_id="confirm") as confirm:
        gr.HTML("<p>Remove this document, its memory and your conversations about it? Your own file stays.</p>")
        confirm_remove = _button("Remove", variant="stop", min_width=80)
        keep = _button("Keep", min_width=80)
    with gr.Row(visible=False, elem_id="reading") as reading:
        status = gr.HTML(js_on_load=None)
        pause = _button("Pause", "pause", min_width=80)
        cancel = _button("Cancel", "cancel", min_width=80)
        resume = _button("Continue", "resume", variant="primary", min_width=100)
    return DocumentParts(
        column,
        head,
        details,
        title,
        tags,
        pinned,
        save,
        ratio,
        memory_type,
        read_again,
        export,
        remove,
        confirm,
        confirm_remove,
        keep,
        reading,
        status,
        pause,
        cancel,
        resume,
    )


def _conversation() -> ConversationParts:
    with gr.Row(visible=False, elem_id="talks") as bar:
        choice = gr.Dropdown(
            [], label="Conversation", show_label=False, container=False, filterable=False, elem_id="choice"
        )
        new = _button("New", "new-talk", min_width=60)
        download = gr.HTML(elem_id="download", js_on_load=None)
        forget = _button("Delete", "forget", min_width=60)
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
    whole_map = gr.HTML(elem_id="whole-map", js_on_load=None)
    question = gr.Textbox(
        label="Question",
        show_label=False,
        container=False,
        submit_btn=True,
        max_length=MAX_QUESTION_CHARS,
        elem_id="question",
    )
    return ConversationParts(bar, choice, new, download, forget, chat, whole_map, question)


def _button(name: str, elem_id: str | None = None, *, variant: str = "secondary", min_width: int) -> gr.Button:
    return gr.Button(name, variant=variant, size="sm", min_width=min_width, scale=0, elem_id=elem_id)  # type: ignore[arg-type]
