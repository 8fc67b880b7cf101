"""What one person may see and do: their documents, readings, pages, conversations and answers, and nobody else's.

Every document and conversation is asked for by its id and by its user, here and nowhere else, and what is another's is
answered exactly like what is not there. Pages, programs and tools all come through a workspace. It knows nothing of HTML.
"""

from __future__ import annotations

import functools
import shutil
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from reader.app.answer_queue import check_whole
from reader.app.overview import Glance, glance
from reader.app.pages import PageView, Pictures, draw_cover, find_words, pages_with
from reader.app.ratio_costs import RatioCost
from reader.app.service import Service, state_of
from reader.app.talks import Talks
from reader.documents import (
    DRAWN_FORMATS,
    ILLUSTRATED_FORMATS,
    Box,
    Document,
    Recognition,
    can_recognise,
    file_name_in,
    is_address,
    is_outdated,
    load,
)
from reader.errors import ConfigError, DocumentError, RecognitionNeeded
from reader.reading import add_document
from reader.wording import MARKDOWN, counted, plain_markdown
from storage import (
    LOCAL_USER,
    DocumentOrder,
    Hit,
    Import,
    JobRecord,
    MemoryRecord,
    NotFound,
    PageRecord,
    Store,
    StoredDocument,
    UserDocument,
    cover_file,
    export_document,
    import_document,
    keep_original,
    original_file,
    tidy_originals,
)

if TYPE_CHECKING:
    from reader.reading import Estimate

MAX_DOCUMENTS = 5_000
"""Documents that one user may have."""

_MANY_PICTURED = 3
_MAX_HITS = 20


@dataclass(frozen=True)
class Shown:
    """A document with all that is to be known of its reading."""

    holding: UserDocument
    job: JobRecord | None
    memory: MemoryRecord | None
    state: str
    estimate: Estimate | None
    is_read_here: bool
    before: int = 0
    """How many readings come before it, while it waits for its turn."""

    @property
    def id(self) -> str:
        """The document's."""
        return self.holding.document.id

    @property
    def original(self) -> str | None:
        """The name of the file that it was made of, if the library keeps it."""
        return self.holding.original

    @property
    def is_outdated(self) -> bool:
        """Whether a newer parser may give another text."""
        return is_outdated(self.holding.document.format, self.holding.document.parser_version)

    @property
    def reason(self) -> str:
        """Why its reading failed; empty where it did not."""
        return (self.job.reason or "") if self.job is not None and self.state == "failed" else ""


@functools.lru_cache(maxsize=64)
def _glance(store: Store, user: str, document_id: str, title: str, division: str, *, is_markdown: bool) -> Glance:
    """The same for all pages of a user that show a document.

    It is made anew in each run: a book of 1.2 million characters takes 0.4 s, and nothing on the disk can be of older rules.
    """
    return glance(document_id, title, store.user_documents.pages(user, document_id), is_markdown=is_markdown)


_holding_changes = threading.Lock()
"""Held while a document is given to somebody or is let go, so that the last to go takes nobody's with it."""


class Workspace(Talks):
    """One user's view of a library; `LOCAL_USER` is whoever uses it without a password."""

    def __init__(self, service: Service, user: str = LOCAL_USER, pictures: Pictures | None = None) -> None:
        super().__init__(service, user)
        self._pictures = pictures or Pictures()

    # Documents

    def documents(
        self, query: str = "", *, limit: int, selected: str | None = None, order: DocumentOrder = "newest"
    ) -> list[Shown]:
        """The documents with all words of `query` in title or tags, those that are being read and the selected one among them."""
        check_whole(search=query)
        active = self.active()
        kept = [*active[:10], *([selected] if selected else [])] if not query else []
        holdings = self._store.user_documents.page(self.user, query, limit=limit, kept=kept, order=order)
        return [self._shown(holding, active) for holding in holdings]

    def held(self) -> list[UserDocument]:
        """All documents, without how far their readings are."""
        return self._store.user_documents.page(self.user, limit=MAX_DOCUMENTS)

    def tags(self) -> Sequence[str]:
        """All tags that this user has given."""
        return self._store.user_documents.tags(self.user)

    def count(self) -> int:
        """How many documents there are."""
        return self._store.user_documents.count(self.user)

    def active(self) -> Sequence[str]:
        """The ids of the documents that are being read or wait for it, in that order."""
        return self._store.user_documents.active(self.user)

    def get(self, document_id: str) -> Shown:
        """One document.

        Raises:
            NotFound: it is not there, or not theirs.
        """
        return self._shown(self._held(document_id))

    def search(self, query: str) -> Sequence[Hit]:
        """The pages that hold all words of a query, the best first."""
        check_whole(search=query)
        found = self._store.user_documents.search(self.user, query, limit=_MAX_HITS)
        ids = "+".join(hit.document_id for hit in found)
        markdown = self.place(ids).markdown if found else frozenset()
        return [
            replace(hit, snippet=plain_markdown(hit.snippet)) if hit.document_id in markdown else hit for hit in found
        ]

    def add(
        self,
        path: Path,
        *,
        password: str | None = None,
        name: str | None = None,
        recognition: Recognition | None = None,
        ask_first: bool = False,
    ) -> Document:
        """Take a file into the library, with the picture of its cover, and read it when its turn comes.

        Args:
            password: opens an encrypted file, and is kept nowhere; nor is the file then.
            name: what the file is called, where its path says something else.
            recognition: reads pages that are pictures of text.
            ask_first: whether to raise RecognitionNeeded, also where only some pages are such pictures.

        Raises:
            PasswordNeeded: without its password it cannot be opened.
            RecognitionNeeded: its pages are pictures of text.
            ReaderError, StoreError: it is no document, or the library cannot take it.
        """
        self._check_room()
        document = load(path, password=password, recognition=recognition)
        if ask_first and _is_partly_scanned(document):
            pages = counted(document.pictured_pages, "page", of=len(document.pages))
            are = "is a picture" if document.pictured_pages == 1 else "are pictures"
            raise RecognitionNeeded(f"{pages} of {path.name!r} {are} of text: run text recognition first.")
        if name is not None:
            document = replace(document, file_name=name)
        cover = draw_cover(path, document.format) if password is None else None

        def hold(db: Database, stored: StoredDocument) -> None:
            original = None
            if password is None and document.format in (*DRAWN_FORMATS, *ILLUSTRATED_FORMATS):
                original = keep_original(self._store.folder, document.id, path, cover, document.format)
            self._store.user_documents.hold(db, self.user, stored, original)

        with _holding_changes:
            add_document(document, self._store, hold)
            tidy_originals(self._store.database)
        shown = self.get(document.id)
        # What others had read is theirs to read again; what is to be asked here is asked for here.
        is_anothers = shown.job is None and len(self._store.user_documents.users(document.id)) > 1
        if shown.memory is None or shown.state not in ("ready", "reading") or is_anothers:
            self.read(document.id)
        return document

    def parse_again(self, document_id: str) -> Document:
        """Add the kept original of a document once more; where its text differs now, it is another document beside this one.

        Raises:
            NotFound: it is not theirs, or its original is not kept.
            DocumentError: it needs text recognition, which only adding a file offers; or it is no document any more.
            StoreError: the library cannot take it.
        """
        holding = self._held(document_id)
        original = holding.original and original_file(self._store.folder, holding.original)
        if not original or not original.is_file():
            raise NotFound("The library does not keep this document's file: add the file again.")
        with tempfile.TemporaryDirectory() as folder:
            # Under its own name, which errors show, and which is the title of a file that has none.
            source = holding.document.file_name
            name = file_name_in(source) if is_address(source) else Path(source).name
            copy = Path(folder) / (name or f"document{original.suffix}")
            shutil.copyfile(original, copy)
            try:
                return self.add(copy, name=source or None, ask_first=True)
            except RecognitionNeeded as error:
                raise DocumentError(
                    f"{copy.name!r} has pictures of text: add the file again, to be asked about text recognition."
                ) from error

    def remove(self, document_id: str) -> None:
        """Let a document go; it goes from the library, with all that was read of it, when nobody else has it.

        Raises:
            NotFound: it is not there, or not theirs.
            StoreError: it is being read.
        """
        title = self._held(document_id).document.title
        with _holding_changes:
            if self._store.user_documents.let_go(self.user, document_id):
                for conversation in self._store.conversations.all(self.user, document_id):
                    self._store.conversations.remove(conversation.id, self.user)
            else:
                self._store.remove_document(document_id, title)
                self._service.forget(document_id)

    def rename(self, document_id: str, title: str) -> None:
        """Give a document a title of one's own; an empty one brings the document's back."""
        self._held(document_id)
        check_whole(title=title)
        self._store.user_documents.rename(self.user, document_id, title)

    def tag(self, document_id: str, tags: Sequence[str]) -> None:
        """Replace the tags of a document."""
        self._held(document_id)
        check_whole(tags=" ".join(tags))
        self._store.user_documents.set_tags(self.user, document_id, tags)

    def pin(self, document_id: str, pinned: bool) -> None:
        """Put a document first, and keep its memories from being evicted."""
        self._held(document_id)
        self._store.user_documents.pin(self.user, document_id, pinned)

    def export(self, document_id: str) -> Path:
        """Write a document and its finished memories into a file of a new temporary folder, for the caller to remove.

        Raises:
            NotFound: it is not theirs, or has no finished memory.
        """
        self._held(document_id)
        folder = Path(tempfile.mkdtemp(prefix="export-"))
        try:
            export_document(self._store, document_id, folder / "document.beacon", self.user)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder / "document.beacon"

    def take_in(self, path: Path) -> Import:
        """Take in what was exported elsewhere.

        Raises:
            ConfigError: several people share the library, to whom nobody can vouch for a stranger's memory.
            StoreError: the file is no export, or there is no room.
        """
        if self.user != LOCAL_USER:
            raise ConfigError(
                "Memories made elsewhere cannot be brought into a library that several people share; add the document itself."
            )
        self._check_room()
        return import_document(self._store, path)

    def room(self) -> tuple[int, int | None, int]:
        """The bytes that all of the library takes, its budget for memories, and the bytes free on the disk."""
        return self._service.size_bytes(), self._store.budget(), shutil.disk_usage(self._store.folder).free

    # Readings

    def read(self, document_id: str, ratio: int | None = None, memory_dtype: str | None = None) -> None:
        """Read a document, go on reading it, or, with settings, read it again; see `Service.read`."""
        self._held(document_id)
        self._service.read(document_id, ratio, memory_dtype, self.user)

    def pause(self, document_id: str) -> None:
        """Stop a reading after the window at hand until it is asked for again."""
        self._held(document_id)
        self._service.stop(document_id, "pause", self.user)

    def ratio_costs(self, document_id: str, memory_dtype: str | None) -> Sequence[RatioCost]:
        """What each ratio would make of a document, about."""
        self._held(document_id)
        return self._service.ratio_costs(document_id, memory_dtype, self.user)

    # Pages

    def text(self, document_id: str) -> str:
        """All of a document's text.

        Raises:
            NotFound: it is not theirs.
        """
        return "".join(page.text for page in self._store.user_documents.pages(self.user, document_id))

    def page(
        self,
        document_id: str,
        number: int,
        start_char: int = 0,
        end_char: int = 0,
        *,
        find: str = "",
        as_text: bool = False,
    ) -> PageView:
        """A page, counted from 1, with a part of it marked.

        Args:
            start_char, end_char: characters of the document; what lies of them on the page is marked.
            find: words to mark instead, as they were searched for; where the page does not hold them all, the next one that does
                is shown.
            as_text: show the text of a page that has a picture, too.

        Raises:
            NotFound: there is no such document or page for this user.
            ConfigError: a number is none.
        """
        holding = self._held(document_id)
        number, start_char, end_char = (whole_number(n, "page or place") for n in (number, start_char, end_char))
        check_whole(search=find)
        found: tuple[int, ...] = ()
        pages = functools.partial(self._store.user_documents.pages, self.user, document_id)
        if find:
            found = pages_with(pages(), find)
            number = next((other for other in found if other >= number), found[0] if found else number)
        page = self._page(holding, number)
        first, last = (min(max(char - page.start_char, 0), len(page.text)) for char in (start_char, end_char))
        if find:
            first, last = find_words(page.text, find)
        marks = ((first, last),) if last > first else ()
        path = self._drawn(holding)
        boxes: tuple[Box, ...] | None = None
        if path is not None and not as_text:
            with suppress(DocumentError):  # its text is shown then
                boxes = self._pictures.get(path, number, page.text[first:last], everywhere=bool(find)).boxes
        return PageView(
            document_id,
            holding.document.title,
            number,
            page.label,
            holding.document.pages,
            page.text,
            marks,
            boxes is not None,
            boxes or (),
            holding.document.format,
            path is not None,
            find,
            found,
            () if boxes is not None else self._pictures.inserted(self._original(holding), pages, number),
        )

    def glance(self, document_id: str) -> Glance:
        """The contents of a document, and questions worth asking.

        Raises:
            NotFound: it is not theirs.
        """
        holding = self._held(document_id)
        document = holding.document
        is_markdown = document.format == MARKDOWN
        return _glance(self._store, self.user, document_id, document.title, holding.division, is_markdown=is_markdown)

    def picture(self, document_id: str, number: int) -> bytes:
        """A page as a JPEG.

        Raises:
            NotFound: there is no such document or page for this user.
            DocumentError: it cannot be drawn.
        """
        holding = self._held(document_id)
        path = self._drawn(holding)
        if path is None or not 1 <= number <= holding.document.pages:
            raise NotFound("There is no picture of this page. Look at its text instead.")
        return self._pictures.get(path, number, "").jpeg

    def illustration(self, document_id: str, number: int) -> tuple[str, bytes]:
        """The media type and the bytes of a picture in a document's text; pictures are counted from 0.

        Raises:
            NotFound: there is no such document or picture for this user.
            DocumentError: it cannot be shown.
        """
        path = self._original(self._held(document_id))
        if path is None:
            raise NotFound("The library does not keep this document's file: add the file again.")
        return self._pictures.illustration(path, number)

    def cover(self, document_id: str) -> bytes | None:
        """The first page as a small JPEG, if there is one.

        Raises:
            NotFound: there is no such document for this user.
        """
        original = self._held(document_id).original
        if original is None:
            return None
        try:
            return cover_file(self._store.folder, original).read_bytes()
        except FileNotFoundError:
            return None

    # Within

    def _original(self, holding: UserDocument) -> Path | None:
        path = original_file(self._store.folder, holding.original) if holding.original is not None else None
        return path if path is not None and path.exists() else None

    def _drawn(self, holding: UserDocument) -> Path | None:
        """The original of a document whose pages can be drawn."""
        path = self._original(holding)
        return path if path is not None and path.suffix[1:] in DRAWN_FORMATS else None

    def _page(self, holding: UserDocument, number: int) -> PageRecord:
        is_one = 1 <= number <= holding.document.pages
        page = self._store.page(holding.document.id, number, holding.division) if is_one else None
        if page is None:
            raise NotFound(f"The document has no page {str(number)[:20]}. Choose one that it has.")
        return page

    def _shown(self, holding: UserDocument, active: Sequence[str] | None = None) -> Shown:
        document_id = holding.document.id
        job = self._service.jobs([document_id], self.user).get(document_id)
        memory = self._service.memory(document_id, self.user)
        estimate = self._service.estimates.get(job.id) if job is not None else None
        is_here = job is not None and self._service.reads(job)
        state, before = state_of(job, memory), 0
        if state == "waiting":
            active = self.active() if active is None else active
            before = active.index(document_id) if document_id in active else 0  # its turn may just have come
        return Shown(holding, job, memory, state, estimate, is_here, before)

    def _check_room(self) -> None:
        if self.count() >= MAX_DOCUMENTS:
            raise ConfigError(
                f"Your library holds {MAX_DOCUMENTS:,} documents, the most it can hold; remove one first."
            )


def whole_number(value: Any, name: str) -> int:
    """A number that a page or a program has sent.

    Raises:
        ConfigError: it is none.
    """
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"The {name} is {str(value)[:40]!r}, not a number. Load the page again.") from error


def _is_partly_scanned(document: Document) -> bool:
    """Whether pages that could be read by text recognition are more than a cover or a plate."""
    pictured = document.pictured_pages
    return can_recognise() and (pictured >= _MANY_PICTURED or pictured * 20 > len(document.pages))
