"""The layout of the page and what its parts do, on Gradio's Blocks; no logic of its own beyond that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr

from reader.answering import LOOK_AGAIN_TOKENS
from reader.app.accounts import user_of
from reader.app.answer_queue import MAX_QUESTION_CHARS
from reader.app.endpoints import add_endpoints
from reader.app.page import html as views
from reader.app.service import Service, is_active
from reader.app.workspace import Pictures, Shown, Workspace
from reader.documents import FORMATS
from reader.errors import ConfigError, PasswordNeeded
from reader.settings import STATIC
from storage import NotFound, QuestionRecord

NAME = "Activation Beacon Reader"
SAMPLE = STATIC / "sample.md"
LISTED_DOCUMENTS = 50
"""Rows of the library that are shown at first, and how many more at each asking."""
MAX_FILES = 50
"""Files that can be added at once."""
MAX_FILE_SIZE = "512mb"
BUSY_POLL_SECONDS = 0.5
IDLE_POLL_SECONDS = 3.0
STREAM_SECONDS = 0.1
"""How often a page looks whether the answer has grown."""

MAX_STREAMS = 32
"""Pages that look on while answers stream; the decoder takes the questions in turn whatever they are."""

IDLE_QUESTION = gr.update(submit_btn=True, stop_btn=False)
BUSY_QUESTION = gr.update(submit_btn=False, stop_btn=True)

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
            block_label_text_color="*neutral_700",
            block_label_text_color_dark="*neutral_300",
            button_primary_background_fill="*primary_700",
            button_primary_background_fill_hover="*primary_800",
            button_primary_background_fill_dark="*primary_700",
            button_primary_text_color="white",
            input_background_fill="white",
            input_background_fill_dark="*neutral_900",
            input_border_width="1px",
            input_placeholder_color="*neutral_600",
            input_placeholder_color_dark="*neutral_400",
        )


def build(
    service: Service,
    pictures: Pictures | None = None,
    *,
    has_accounts: bool = False,
    model_names: Sequence[str] = (),
) -> gr.Blocks:
    """Lay out the page and tie it to the service.

    Args:
        pictures: those that the routes send, so that none is drawn twice.
        has_accounts: whether people sign in, and share what there is only one of.
        model_names: decoders to choose from, where it is one person's to choose.
    """
    pictures = pictures or Pictures()

    def workspace_of(request: gr.Request) -> Workspace:
        return Workspace(service, user_of(request), pictures)

    page = gr.Blocks(title=NAME, analytics_enabled=False, fill_width=True)
    with page:
        chosen = gr.State(None)  # the id of the document that was chosen
        selected = gr.State(None)  # the same, from when its conversation and details are on the page: what is acted on
        talk = gr.State(None)  # the conversation's id; None before the first question of a new one
        editing = gr.State(None)  # the number of the turn whose question is being edited
        shown = gr.State(None)  # the updates that this page was sent last
        listed = gr.State(LISTED_DOCUMENTS)  # rows of the library
        locked = gr.State([], delete_callback=discard)  # uploaded files that wait for their passwords
        timer = gr.Timer(BUSY_POLL_SECONDS)
        with gr.Row(elem_id="app"):
            with gr.Column(elem_id="side", min_width=280, scale=0):
                gr.HTML(_brand(has_accounts), elem_id="brand")
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
                    sample = gr.Button("Try the sample", size="sm", elem_id="sample", min_width=80)
                    take_in = gr.UploadButton(
                        "Import",
                        file_types=[".beacon"],
                        size="sm",
                        visible=not has_accounts,
                        elem_id="import",
                        min_width=80,
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
                library = gr.HTML(elem_id="library", js_on_load=None)
                more = gr.Button("Show more", size="sm", visible=False, elem_id="more")
                found = gr.HTML(elem_id="hits", js_on_load=None)
                room = gr.HTML(elem_id="room", js_on_load=None)
                with gr.Accordion("Settings", open=False, elem_id="settings"):
                    look_again = gr.Radio(LOOK_AGAIN, value="auto", label="Look pages up again before answering")
                    model = gr.Dropdown(
                        list(dict.fromkeys([service.model_name, *model_names])),
                        value=service.model_name,
                        label="Decoder",
                        info="One is loaded at a time. Another one cannot use its memories: documents are read again.",
                        interactive=len(model_names) > 1 and not has_accounts,
                        elem_id="model",
                    )
            with gr.Column(elem_id="main"):
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
                    unlock = gr.Button("Open", variant="primary", size="sm", min_width=80, scale=0)
                    skip = gr.Button("Leave out", size="sm", min_width=80, scale=0)
                with gr.Column(elem_id="empty", visible=False) as empty:
                    gr.HTML(views.EMPTY, js_on_load=None)
                    first_sample = gr.Button("Try the sample", variant="primary", elem_id="first-sample")
                with gr.Column(elem_id="document", visible=False) as document:
                    head = gr.HTML(elem_id="head", js_on_load=None)
                    with gr.Accordion("Details", open=False, elem_id="details") as details:
                        with gr.Row(elem_id="own"):
                            title = gr.Textbox(label="Title", max_lines=1, max_length=200, elem_id="title")
                            tags = gr.Textbox(
                                label="Tags",
                                placeholder="such as law, to read",
                                max_lines=1,
                                max_length=500,
                                elem_id="tags",
                            )
                            pinned = gr.Checkbox(label="Pin: first in the list, memory kept", elem_id="pinned")
                            save = gr.Button("Save", size="sm", min_width=80, scale=0, elem_id="save")
                        with gr.Row(elem_id="again"):
                            ratio = gr.Dropdown(
                                [("Fitting: the least that fits the decoder", "fitting")],
                                value="fitting",
                                label="Ratio: fewer slots are smaller and faster, and remember less",
                                elem_id="ratio",
                            )
                            memory_type = gr.Radio(MEMORY_TYPES, value="model", label="Memory", elem_id="memory-type")
                            read_again = gr.Button(
                                "Read again", size="sm", min_width=100, scale=0, elem_id="read-again"
                            )
                        with gr.Row(elem_id="goods"):
                            export = gr.HTML(elem_id="export", js_on_load=None)
                            remove = gr.Button("Remove", size="sm", min_width=80, scale=0, elem_id="remove")
                    with gr.Row(visible=False, elem_id="confirm") as confirm:
                        gr.HTML(
                            "<p>Remove this document, its memory and your conversations about it? Your own file stays.</p>"
                        )
                        confirm_remove = gr.Button("Remove", variant="stop", size="sm", min_width=80, scale=0)
                        keep = gr.Button("Keep", size="sm", min_width=80, scale=0)
                    with gr.Row(visible=False, elem_id="reading") as panel:
                        status = gr.HTML(js_on_load=None)
                        pause = gr.Button("Pause", size="sm", min_width=80, scale=0, elem_id="pause")
                        cancel = gr.Button("Cancel", size="sm", min_width=80, scale=0, elem_id="cancel")
                        resume = gr.Button(
                            "Continue", variant="primary", size="sm", min_width=100, scale=0, elem_id="resume"
                        )
                    with gr.Row(visible=False, elem_id="talks") as talks:
                        choice = gr.Dropdown(
                            [],
                            label="Conversation",
                            show_label=False,
                            container=False,
                            filterable=False,
                            elem_id="choice",
                        )
                        new_talk = gr.Button("New", size="sm", min_width=60, scale=0, elem_id="new-talk")
                        download = gr.HTML(elem_id="download", js_on_load=None)
                        forget = gr.Button("Delete", size="sm", min_width=60, scale=0, elem_id="forget")
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
            viewer = gr.HTML(elem_id="viewer", js_on_load=(STATIC / "page.js").read_text())

        view = [
            *(timer, search, library, more, room, decoder, load_again, empty, document),
            *(head, panel, status, pause, cancel, resume, question),
        ]

        def look(workspace: Workspace, document_id: str | None, rows: int, query: str) -> list[dict[str, Any]]:
            """An update for each part of `view`, as things stand."""
            count = workspace.count()
            query = query or ""  # of a box that was never shown
            documents = workspace.documents(query, limit=rows, selected=document_id)
            record = next((entry for entry in documents if entry.id == document_id), None)
            if record is None and document_id:
                record = _or_none(workspace.get, document_id)
            is_busy = service.load_error is None and (service.model is None or bool(workspace.active()))
            updates = {
                timer: gr.update(value=BUSY_POLL_SECONDS if is_busy else IDLE_POLL_SECONDS),
                search: gr.update(visible=bool(count)),
                library: gr.update(value=views.library(documents, document_id) if count else ""),
                more: gr.update(visible=not query and len(documents) < count, value=f"Show more of {count:,}"),
                room: gr.update(
                    value=views.room_line(count, *workspace.room(), is_shared=has_accounts) if count else ""
                ),
                decoder: gr.update(value=views.decoder_line(service)),
                load_again: gr.update(visible=service.load_error is not None),
                empty: gr.update(visible=record is None),
                document: gr.update(visible=record is not None),
            }
            if record is not None:
                updates |= _document_updates(record)
            return [updates.get(part, gr.skip()) for part in view]

        def _document_updates(record: Shown) -> dict[Any, Any]:
            job, state = record.job, record.state
            is_going = job is not None and is_active(job)
            is_stopping = is_going and job is not None and job.wanted is not None
            again = "Try again" if state == "failed" else "Read" if state == "not read" else "Continue"
            is_loaded = service.model is not None
            return {
                head: gr.update(value=views.document_head(record)),
                panel: gr.update(visible=state != "ready"),
                status: gr.update(value=views.reading(record)),
                pause: gr.update(visible=is_going, interactive=not is_stopping),
                cancel: gr.update(visible=is_going, interactive=not is_stopping),
                resume: gr.update(visible=not is_going, value=again),
                question: gr.update(
                    interactive=record.memory is not None and is_loaded,
                    placeholder=views.invitation(record, is_loaded=is_loaded),
                ),
            }

        def refresh(
            document_id: str | None, rows: int, query: str, before: list[dict[str, Any]] | None, request: gr.Request
        ) -> tuple[Any, ...]:
            """Send what has changed since this page was told last."""
            try:
                now = look(workspace_of(request), document_id, rows, query)
            except Exception as error:  # told in place, as this runs again and again
                now = [gr.update(value=views.error_line(error)) if part is decoder else gr.skip() for part in view]
            return now, *(now if before is None else map(_changed, before, now))

        # Choosing and adding

        @told
        def open_page(request: gr.Request) -> str | None:
            """Select the document that the address names, or else the one that is being read."""
            workspace, named = workspace_of(request), request.query_params.get("document")
            if named and _or_none(workspace.get, named) is not None:
                return str(named)
            return next(
                (entry.id for entry in map(workspace.get, workspace.active()[:10]) if entry.state == "reading"), None
            )

        @told
        def choose(event: gr.EventData) -> str:
            return str(event.document)

        @told
        def add_files(paths: Sequence[str] | None, waiting: list[str], request: gr.Request) -> tuple[Any, ...]:
            workspace, newest = workspace_of(request), gr.skip()
            for number, path in enumerate(map(Path, paths or [])):
                try:
                    if number >= MAX_FILES:
                        raise ConfigError(f"{path.name!r} was left out: add {MAX_FILES} files at a time.")
                    newest = add_file(workspace, path)
                except PasswordNeeded:
                    waiting = [*waiting, str(path)]
                    continue
                except Exception as error:  # one bad file must not cost the others
                    warn(error)
                discard([str(path)])  # the library has its own copy; the upload is not to stay behind
            return newest, None, *ask_password(waiting)

        @told
        def open_locked(secret: str, waiting: list[str], request: gr.Request) -> tuple[Any, ...]:
            """Open the file at the head of those that wait; the password goes to the parser and nowhere else."""
            opened: Any = gr.skip()
            if not waiting or not secret:
                return opened, *ask_password(waiting)
            try:
                opened = add_file(workspace_of(request), Path(waiting[0]), secret)
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
            line = views.password_line(name)
            return waiting, gr.update(visible=bool(waiting)), gr.update(value=line), gr.update(value="")

        @told
        def add_sample(request: gr.Request) -> str:
            return add_file(workspace_of(request), SAMPLE)

        def add_file(workspace: Workspace, path: Path, secret: str | None = None) -> str:
            parsed = workspace.add(path, password=secret)
            if parsed.textless_pages:
                pages = f"{parsed.textless_pages:,} of {len(parsed.pages):,} pages"
                gr.Info(f"{pages} have no text layer and cannot be read.")
            return parsed.id

        @told
        def import_file(path: str, request: gr.Request) -> str:
            try:
                return workspace_of(request).take_in(Path(path))
            finally:
                discard([path])

        @told
        def look_for(query: str, request: gr.Request) -> str:
            return views.hits(workspace_of(request).search(query or ""))

        # The document

        def open_document(document_id: str | None, talk_id: str | None, request: gr.Request) -> tuple[Any, ...]:
            """Show the conversation, or the newest about this document, and what can be set; attach its memory meanwhile."""
            workspace = workspace_of(request)
            record = _or_none(workspace.get, document_id) if document_id else None
            if record is None:
                return None, None, None, *(gr.skip() for _ in (title, tags, pinned, export)), gr.update(visible=False)
            about = [conversation.id for conversation in workspace.conversations(record.id)]
            holding = record.holding
            try:
                workspace.prepare(record.id)
            except Exception as error:
                warn(error)
            return (
                record.id,
                talk_id if talk_id in about else next(iter(about), None),
                None,
                holding.document.title,
                ", ".join(holding.tags),
                holding.document.pinned,
                views.export_link(record),
                gr.update(visible=False),
            )

        @told
        def offer_export(document_id: str | None, request: gr.Request) -> Any:
            return views.export_link(workspace_of(request).get(document_id)) if document_id else gr.skip()

        @told
        def offer_ratios(document_id: str | None, memory_dtype: str, request: gr.Request) -> Any:
            if not document_id:
                return gr.skip()
            costs = workspace_of(request).ratio_costs(document_id, memory_dtype)
            return gr.update(choices=views.ratio_choices(costs))

        @told
        def save_own(document_id: str, name: str, labels: str, is_pinned: bool, request: gr.Request) -> None:
            workspace = workspace_of(request)
            workspace.rename(document_id, name)
            workspace.tag(document_id, labels.split(","))
            workspace.pin(document_id, is_pinned)

        @told
        def read_at(document_id: str, chosen: str, memory_dtype: str, request: gr.Request) -> None:
            workspace_of(request).read(document_id, None if chosen == "fitting" else int(chosen), memory_dtype)

        def act(name: str) -> Callable[..., None]:
            """A callback that does one thing to the selected document."""

            @told
            def acting(document_id: str | None, request: gr.Request) -> None:
                if document_id:
                    getattr(workspace_of(request), name)(document_id)

            return acting

        @told
        def switch(name: str, request: gr.Request) -> None:
            if user_of(request) or name not in model_names:
                raise ConfigError("The decoder is not yours to choose here.")
            service.choose_model(name)

        # Conversations

        def show_talk(document_id: str | None, talk_id: str | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
            """Show a conversation, and stream what is not answered of it yet; leaving stops no answer."""
            try:
                yield from stream(workspace_of(request), document_id, talk_id)
            except Exception as error:
                warn(error)
                yield *(gr.skip(),) * 5, IDLE_QUESTION

        def stream(workspace: Workspace, document_id: str | None, talk_id: str | None) -> Iterator[tuple[Any, ...]]:
            if not document_id or _or_none(workspace.get, document_id) is None:
                yield [], "", gr.update(visible=False), gr.skip(), gr.skip(), IDLE_QUESTION
                return
            talks_now = workspace.conversations(document_id)
            conversation = next((known for known in talks_now if known.id == talk_id), None)
            names = [(views.conversation_name(known), known.id) for known in talks_now]
            yield (
                views.messages(conversation, [], document_id),
                views.conversation_map(conversation, document_id),
                gr.update(visible=bool(talks_now)),
                gr.update(choices=names, value=conversation and conversation.id),
                views.download_link(conversation.id if conversation else None),
                IDLE_QUESTION,
            )
            failed: list[tuple[QuestionRecord, Any]] = []
            while conversation is not None and (waiting := workspace.waiting(conversation.id)):
                pairs = [(question, workspace.stream(question.id)) for question in waiting]
                yield views.messages(conversation, pairs, document_id), *(gr.skip(),) * 4, BUSY_QUESTION
                for grown in workspace.follow(waiting[0].id, STREAM_SECONDS):
                    pairs[0] = (waiting[0], grown)
                    yield views.messages(conversation, pairs, document_id), *(gr.skip(),) * 5
                ended = workspace.stream(waiting[0].id)
                if ended is not None and ended.error is not None:
                    failed.append((waiting[0], ended))
                conversation = workspace.conversation(conversation.id)
                names = [(views.conversation_name(known), known.id) for known in workspace.conversations(document_id)]
                yield (
                    views.messages(conversation, failed, document_id),
                    views.conversation_map(conversation, document_id),
                    gr.skip(),
                    gr.update(choices=names),
                    gr.skip(),
                    IDLE_QUESTION,
                )

        @told
        def submit(
            text: str,
            document_id: str | None,
            talk_id: str | None,
            turn: int | None,
            looked: str,
            request: gr.Request,
        ) -> tuple[Any, ...]:
            if not document_id or not text.strip():
                return gr.skip(), gr.skip(), gr.skip()
            workspace = workspace_of(request)
            if talk_id and document_id not in workspace.conversation(talk_id).document_ids:
                talk_id = None  # the document was changed a moment ago, and its own conversation is still to come
            number = turn if talk_id else None
            asked = workspace.ask(document_id, text, talk_id, look_again=looked, number=number)
            return asked.conversation_id, gr.update(value=""), None

        @told
        def retry(document_id: str, talk_id: str | None, looked: str, event: gr.EventData, request: gr.Request) -> None:
            workspace = workspace_of(request)
            turn = workspace.conversation(talk_id or "").turns[int(event.turn)]
            workspace.ask(document_id, turn.question, talk_id, look_again=looked, number=turn.number)

        @told
        def edit(talk_id: str | None, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
            turn = workspace_of(request).conversation(talk_id or "").turns[int(event.turn)]
            return gr.update(value=turn.question), turn.number

        @told
        def stop(talk_id: str | None, request: gr.Request) -> None:
            workspace = workspace_of(request)
            for asked in workspace.waiting(talk_id) if talk_id else []:
                workspace.stop(asked.id)

        @told
        def forget_talk(document_id: str, talk_id: str | None, request: gr.Request) -> str | None:
            workspace = workspace_of(request)
            if talk_id:
                workspace.remove_conversation(talk_id)
            return next((other.id for other in workspace.conversations(document_id)), None)

        # The viewer

        @told
        def turn_to(event: gr.EventData, document_id: str | None, request: gr.Request) -> tuple[Any, ...]:
            place = workspace_of(request).page(str(event.document), event.page, event.start, event.end)
            return views.viewer(place), place.document_id if place.document_id != document_id else gr.skip()

        def on(trigger: Any, function: Callable[..., Any] | None, *ends: Any, **options: Any) -> Any:
            """Tie an event that is no endpoint for other programs."""
            return trigger(function, *ends, **({"api_visibility": "private", "show_progress": "hidden"} | options))

        looking = [selected, listed, search, shown]

        def tell(event: Any) -> Any:
            return on(event.then, refresh, looking, [shown, *view])

        talking = {
            "inputs": [selected, talk],
            "outputs": [chat, whole_map, talks, choice, download, question],
            "concurrency_id": "decoder",
            "concurrency_limit": MAX_STREAMS,
        }
        streaming = []

        def show(event: Any) -> Any:
            streaming.append(on(event.then, show_talk, **talking))
            return streaming[-1]

        asking = on(question.submit, submit, [question, selected, talk, editing, look_again], [talk, question, editing])
        show(asking)
        show(on(viewer.retry, retry, [selected, talk, look_again]))
        on(viewer.edit, edit, talk, [question, editing])
        on(question.stop, stop, talk)
        show(on(choice.input, lambda talk_id: talk_id, choice, talk))
        show(on(new_talk.click, lambda: (None, None), None, [talk, editing]))
        show(on(forget.click, forget_talk, [selected, talk], talk))

        locking = [locked, lock, lock_name, password]
        opening = {"inputs": [password, locked], "outputs": [chosen, *locking]}
        choosing = [
            on(page.load, open_page, None, chosen),
            on(upload.upload, add_files, [upload, locked], [chosen, upload, *locking], show_progress="full"),
            on(unlock.click, open_locked, **opening),
            on(password.submit, open_locked, **opening),
            on(sample.click, add_sample, None, chosen),
            on(first_sample.click, add_sample, None, chosen),
            on(take_in.upload, import_file, take_in, chosen, show_progress="full"),
            on(viewer.select, choose, None, chosen),
            on(confirm_remove.click, act("remove"), selected, chosen),
        ]
        for event in choosing:
            tell(on(event.then, lambda: "", None, viewer))
        on(viewer.input, turn_to, chosen, [viewer, chosen])
        own = [talk, editing, title, tags, pinned, export, confirm]
        opened = on(chosen.change, open_document, [chosen, talk], [selected, *own])
        show(tell(opened))
        on(opened.then, offer_ratios, [selected, memory_type], ratio)
        on(chosen.change, None, cancels=streaming)

        on(details.expand, offer_export, selected, export)  # it may have been read since it was opened
        on(viewer.clear, lambda: "", None, viewer)
        on(search.change, look_for, search, found)
        tell(on(search.change, lambda: LISTED_DOCUMENTS, None, listed))

        on(skip.click, leave_out, locked, locking)
        tell(on(more.click, lambda rows: rows + LISTED_DOCUMENTS, listed, listed))
        tell(on(pause.click, act("pause"), selected))
        tell(on(cancel.click, act("cancel"), selected))
        tell(on(resume.click, act("read"), selected))
        tell(on(save.click, save_own, [selected, title, tags, pinned]))
        tell(on(read_again.click, read_at, [selected, ratio, memory_type]))
        on(memory_type.input, offer_ratios, [selected, memory_type], ratio)
        tell(on(load_again.click, service.load_again))
        tell(on(model.input, switch, model))
        on(timer.tick, refresh, looking, [shown, *view])

        on(remove.click, lambda: gr.update(visible=True), None, confirm)
        on(keep.click, lambda: gr.update(visible=False), None, confirm)
        add_endpoints(workspace_of)
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
    gr.Warning(views.escaped(views.sentence(error)))


def _or_none(get: Callable[[str], Any], reference: str) -> Any:
    try:
        return get(reference)
    except NotFound:
        return None


def _brand(has_accounts: bool) -> str:
    leave = '<a href="/logout">Sign out</a>' if has_accounts else ""
    theme = '<button class="turn" data-act="theme" aria-label="Light or dark" title="Light or dark">◐</button>'
    return f"<h1>{NAME}</h1><p>{leave}{theme}</p>"


def _changed(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    return gr.skip() if before == now else now
