"""The library's events: add and import documents, search, and choose what to open."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import gradio as gr

from reader.app.accounts import user_of
from reader.app.page import html as views
from reader.app.page.events import EVERY, LAST, Site, found_or_none, on, tolerant, warn
from reader.app.page.export import as_markdown
from reader.app.page.layout import LISTED_DOCUMENTS, discard
from reader.app.page.refresh import Refresh
from reader.app.workspace import Workspace
from reader.documents import Recognition, can_recognise, fetch, is_address
from reader.errors import ConfigError, PasswordNeeded, RecognitionNeeded
from reader.settings import STATIC, cache_folder, recognition_languages
from reader.wording import agreeing, counted

SAMPLE = STATIC / "sample.md"
_LOOK_SECONDS = 0.5
MAX_FILES = 50
"""Files that can be added at once."""


class LibraryEvents:
    """What the left column does, and the files that wait for their passwords."""

    def __init__(self, site: Site, refresh: Refresh) -> None:
        """Take the page; `connect` ties the events."""
        self._site, self._refresh = site, refresh
        self._addresses: dict[Path, str] = {}
        """Where fetched files come from that are not added yet."""
        self._waiting: dict[str, tuple[str, type[Exception]]] = {}
        """Files that a person is asked about, by path: whose they are, and what adding them raised."""

    def connect(self) -> None:
        """Tie the events of the library."""
        parts = self._site.parts
        kept, library, notices, viewer = parts.kept, parts.library, parts.notices, parts.viewer
        chosen = kept.chosen
        locking = [kept.locked, notices.lock, notices.lock_name, notices.password]
        unlocking = {"inputs": notices.password, "outputs": [chosen, *locking]}
        scanning = [kept.scans, notices.scan, notices.scan_name]
        adding = [chosen, notices.added, *locking, *scanning]
        recognising = [chosen, notices.added, *scanning]
        for button in (library.upload, library.take_in):  # before what takes long
            on(button.upload, None, js="() => { document.getElementById('sending').textContent = ''; }", **EVERY)
        choosing = [
            on(self._site.page.load, self.open_page, None, chosen),
            *(
                on(button.upload, self.add_files, button, adding, **EVERY)
                for button in (library.upload, library.take_in)
            ),
            on(library.address.submit, self.add_address, library.address, [*adding, library.address], **EVERY),
            on(notices.unlock.click, self.open_locked, **unlocking),
            on(notices.password.submit, self.open_locked, **unlocking),
            on(notices.recognise.click, self.recognise, None, recognising, concurrency_limit=1),
            on(notices.as_is.click, self.add_as_it_is, None, recognising),
            on(library.sample.click, self.add_sample, None, chosen),
            on(notices.first_sample.click, self.add_sample, None, chosen),
            on(viewer.select, self.choose, None, chosen, **EVERY),
            on(viewer.submit, self.keep_answers, kept.talk, chosen),
        ]
        for event in choosing:
            self._refresh.after(event)
        on(self._site.page.load, self.ask_again, None, [*locking, *scanning])
        look_again = self._site.parts.settings.look_again
        on(self._site.page.load, lambda kept: kept, kept.look_again, look_again)
        on(look_again.input, lambda chosen: chosen, look_again, kept.look_again, **LAST)
        on(notices.skip.click, self.leave_out, None, locking)
        on(library.search.change, self.look_for, library.search, library.hits)
        self._refresh.after(on(library.search.change, lambda: LISTED_DOCUMENTS, None, kept.listed))
        self._refresh.after(on(library.more.click, lambda rows: rows + LISTED_DOCUMENTS, kept.listed, kept.listed))

    @tolerant
    def open_page(self, request: gr.Request) -> Any:
        """Open the document that the address names, if any, else the one that is being read, else the one asked last.

        What was opened meanwhile stays: on a slow machine a person may be quicker than this.
        """
        workspace, named = self._site.workspace(request), request.query_params.get("document")
        found: str | None
        if named:
            found = str(named) if found_or_none(workspace.place, named) is not None else None
            if found is None:
                warn(ConfigError("The document of this address is not in your library. It may have been removed."))
        else:
            reading = (entry.id for entry in map(workspace.get, workspace.active()[:10]) if entry.state == "reading")
            found = next(reading, None) or workspace.asked_last()
        is_open = self._site.now(self._site.parts.kept.chosen, request) is not None
        return found if found is not None and not is_open else gr.skip()

    def ask_again(self, request: gr.Request) -> tuple[Any, ...]:
        """Ask about the user's files that were waiting when the page was left."""
        return _ask_about(*(self._asked(user_of(request), why) for why in (PasswordNeeded, RecognitionNeeded)))

    def _asked(self, user: str, why: type[Exception]) -> list[str]:
        """The files about which a user is asked."""
        return [path for path, whose in list(self._waiting.items()) if whose == (user, why) and Path(path).is_file()]

    @tolerant
    def choose(self, event: gr.EventData) -> str:
        """Select the document whose row was pressed."""
        return str(event.document)

    def add_files(self, paths: Sequence[str] | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Add uploaded files, say what became of each, and ask about those that need an answer.

        The first is opened as soon as it is added, unless a person has opened something else meanwhile.
        """
        workspace, kept = self._site.workspace(request), self._site.parts.kept
        before, is_first, opened = self._site.now(kept.chosen, request), True, gr.skip()
        lines, locked, scans = list[str](), list[str](), list[str]()
        files = [Path(path) for path in paths or []]
        if files[MAX_FILES:]:
            lines.append(
                views.error_line(f"{_named(files[MAX_FILES:])} not added: add at most {MAX_FILES} files at a time.")
            )
            self._discard(list(map(str, files[MAX_FILES:])))
        for number, path in enumerate(files[:MAX_FILES]):
            progress = views.adding_line(path.name, number + 1, min(len(files), MAX_FILES))
            yield opened, views.added(lines, progress), *(gr.skip(),) * 7
            opened = gr.skip()
            try:
                document_id, line = self._add(workspace, path, ask_first=True)
                if is_first and self._site.now(kept.chosen, request) == before:
                    opened = document_id
                is_first = False
                lines += filter(None, [line])
            except PasswordNeeded:
                locked.append(str(path))
                self._waiting[str(path)] = (workspace.user, PasswordNeeded)
                continue
            except RecognitionNeeded as error:
                if can_recognise():
                    scans.append(str(path))
                    self._waiting[str(path)] = (workspace.user, RecognitionNeeded)
                    continue
                lines.append(views.error_line(error))
            except Exception as error:  # one bad file must not cost the others
                lines.append(views.error_line(error))
            self._discard([str(path)])  # the library has its own copy
        locked = [*self._site.now(kept.locked, request), *locked] if locked else []
        scans = [*self._site.now(kept.scans, request), *scans] if scans else []
        yield opened, views.added(lines), *_ask_about(locked, scans)

    def add_address(self, address: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Fetch the file at a web address, and add it as uploaded files are added."""
        address, nothing = address.strip(), (gr.skip(),) * 7
        if not address:
            yield gr.skip(), gr.skip(), *nothing, gr.skip()
            return
        address = address if is_address(address) else f"https://{address}"
        yield gr.skip(), views.added([], views.note(f"Fetching {address} …")), *nothing, gr.skip()
        try:
            with self._site.uploads.room(user_of(request)) as folder:
                path = fetch(address, folder)
        except Exception as error:
            yield gr.skip(), views.added([views.error_line(error)]), *nothing, gr.skip()
            return
        self._addresses[path] = address
        written: Any = ""  # once: the next address may be typed while this one's file is added
        for shown in self.add_files([str(path)], request):
            yield *shown, written
            written = gr.skip()

    def recognise(self, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Add the first file that waits for text recognition; say page by page how far that is."""
        state = self._site.parts.kept.scans
        scans = self._site.now(state, request)
        if self._waiting.pop(scans[0] if scans else "", None) is None:  # it was answered in another window
            yield gr.skip(), gr.skip(), *_ask_about_scan(self._left(state, "", request))
            return
        path, workspace = Path(scans[0]), self._site.workspace(request)
        steps: SimpleQueue[tuple[int, int]] = SimpleQueue()
        how = Recognition(
            languages=recognition_languages(),
            folder=cache_folder() / "recognised",
            report=lambda done, pages: steps.put((done, pages)),
        )
        opened, lines = gr.skip(), list[str]()
        yield opened, views.added([], views.recognising_line(path.name, 0, 1)), scans, gr.update(visible=False), opened
        with ThreadPoolExecutor(1) as pool:
            task = pool.submit(self._add, workspace, path, recognition=how)
            while not task.done():
                try:
                    line = views.recognising_line(path.name, *steps.get(timeout=_LOOK_SECONDS))
                except Empty:
                    continue
                yield opened, views.added([], line), *(gr.skip(),) * 3
        try:
            opened, line = task.result()
            lines += filter(None, [line])
        except Exception as error:
            lines.append(views.error_line(error))
        self._discard(scans[:1])
        yield opened, views.added(lines), *_ask_about_scan(self._left(state, scans[0], request))

    @tolerant
    def add_as_it_is(self, request: gr.Request) -> tuple[Any, ...]:
        """Add the first file that waits for text recognition without the pages that are pictures."""
        state = self._site.parts.kept.scans
        scans, opened, lines = self._site.now(state, request), gr.skip(), list[str]()
        if self._waiting.pop(scans[0] if scans else "", None) is None:
            return opened, gr.skip(), *_ask_about_scan(self._left(state, "", request))
        try:
            opened, line = self._add(self._site.workspace(request), Path(scans[0]))
            lines += filter(None, [line])
        except RecognitionNeeded:
            lines.append(views.note(f"{Path(scans[0]).name} was not added: all of its pages are pictures of text."))
        except Exception as error:
            lines.append(views.error_line(error))
        self._discard(scans[:1])
        return opened, views.added(lines), *_ask_about_scan(self._left(state, scans[0], request))

    @tolerant
    def open_locked(self, secret: str, request: gr.Request) -> tuple[Any, ...]:
        """Open the first file that waits; the password goes to the parser and nowhere else."""
        state, opened = self._site.parts.kept.locked, gr.skip()
        waiting = self._site.now(state, request)
        if not secret or waiting[:1] != (waiting := self._left(state, "", request))[:1]:
            return opened, *_ask_password(waiting)
        try:
            opened, _ = self._add(self._site.workspace(request), Path(waiting[0]), secret)
        except PasswordNeeded as error:
            warn(error)
            return opened, *_ask_password(waiting)
        except Exception as error:
            warn(error)
        self._discard(waiting[:1])
        return opened, *_ask_password(self._left(state, waiting[0], request))

    def leave_out(self, request: gr.Request) -> tuple[Any, ...]:
        """Give up the first file that waits for its password."""
        waiting = self._site.now(self._site.parts.kept.locked, request)
        self._discard(waiting[:1])
        return _ask_password(self._left(self._site.parts.kept.locked, "", request))

    @tolerant
    def add_sample(self, request: gr.Request) -> str:
        """Add the sample document."""
        return self._add(self._site.workspace(request), SAMPLE)[0]

    @tolerant
    def keep_answers(self, talk_id: str | None, request: gr.Request) -> str:
        """Add the questions and answers of a conversation as a document."""
        workspace = self._site.workspace(request)
        conversation = workspace.conversation(talk_id or "")
        place = workspace.place("+".join(conversation.document_ids))
        text = as_markdown(conversation, f"Answers about {place.heading}", place)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answers.md"
            path.write_text(text, encoding="utf-8")
            return self._add(workspace, path)[0]

    @tolerant
    def look_for(self, query: str, request: gr.Request) -> str:
        """Show the pages with the words that are searched."""
        return views.hits(self._site.workspace(request).search(query or ""), query)

    def _left(self, state: gr.State, path: str, request: gr.Request) -> list[str]:
        """The files that wait beside one that is done; some may have come meanwhile."""
        return [other for other in self._site.now(state, request) if other != path and other in self._waiting]

    def _discard(self, paths: Sequence[str]) -> None:
        discard(paths)
        for path in paths:
            self._addresses.pop(Path(path), None)
            self._waiting.pop(path, None)

    def _add(
        self,
        workspace: Workspace,
        path: Path,
        secret: str | None = None,
        *,
        recognition: Recognition | None = None,
        ask_first: bool = False,
    ) -> tuple[str, str]:
        """Add a file, or import an export; return its document's id, and what is to be said about it, if anything."""
        if path.suffix.lower() == ".beacon":
            taken_in = workspace.take_in(path)
            return taken_in.document.id, "" if taken_in.placed else _is_here(path, workspace, taken_in.document.id)
        before = workspace.count()
        address = self._addresses.get(path)
        parsed = workspace.add(path, password=secret, name=address, recognition=recognition, ask_first=ask_first)
        if some := parsed.recognised_pages:
            pages = counted(some, "page", of=len(parsed.pages))
            return parsed.id, views.note(f"{pages} of {path.name} {agreeing(some, 'were')} read by text recognition.")
        if some := parsed.textless_pages:
            pages = counted(some, "page", of=len(parsed.pages))
            return parsed.id, views.note(
                f"{pages} of {path.name} {agreeing(some, 'have')} no text layer and cannot be read."
            )
        if workspace.count() == before:
            return parsed.id, _is_here(path, workspace, parsed.id)
        return parsed.id, ""


def _named(files: Sequence[Path]) -> str:
    """Files that something happened to, by the name of the first."""
    rest = len(files) - 1
    return f"{files[0].name!r} {f'and {rest:,} more were' if rest else 'was'}"


def _is_here(path: Path, workspace: Workspace, document_id: str) -> str:
    """That a file was added before, and what it is to be looked for as, where that is not its name."""
    title = workspace.get(document_id).holding.document.title
    name = "" if title == " ".join(path.stem.split()) else f", as “{title}”"
    return views.note(f"{path.name} is in your library already{name}.")


def _ask_about(locked: list[str], scans: list[str]) -> tuple[Any, ...]:
    """Both questions; what nothing waits for stays as it is."""
    return (
        *(_ask_password(locked) if locked else (gr.skip(),) * 4),
        *(_ask_about_scan(scans) if scans else (gr.skip(),) * 3),
    )


def _ask_password(waiting: list[str]) -> tuple[Any, ...]:
    """The files that wait, and the row that asks for the password of the first of them."""
    line = views.password_line(Path(waiting[0]).name if waiting else "")
    return waiting, gr.update(visible=bool(waiting)), gr.update(value=line), gr.update(value="")


def _ask_about_scan(scans: list[str]) -> tuple[Any, ...]:
    """The files with pages that are pictures of text, and the row that asks about the first of them."""
    line = views.scan_line(Path(scans[0]).name if scans else "")
    return scans, gr.update(visible=bool(scans)), gr.update(value=line)
