"""Attaching memories: a saved memory, or several one behind another, copied to the decoder's side.

Attaching runs nothing of the document. Which of a document's memories is asked, `memories` decides.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch

from reader.answering.attention import Attention, Baseline, Heat
from reader.answering.passages import Passages, Source
from reader.answering.text.outline import references
from reader.answering.text.words import content_words
from reader.beacon import Memory
from reader.errors import ConfigError
from reader.models import Model
from reader.reading import (
    ROOM_TOKENS,
    SentenceVectors,
    counts,
    document_view,
    restore,
    room_tokens,
    sentence_vectors,
    to_torch,
)
from reader.wording import told_apart
from storage import CorruptMemory, MemoryRecord, NotFound, Store


class InUse:
    """Lets one answer at a time write behind a memory, as answers at once would overwrite each other's words."""

    def __init__(self) -> None:
        self._lock, self._thread = threading.Lock(), 0

    @contextmanager
    def by_one(self) -> Iterator[None]:
        """Wait for the answers of other threads, then keep them waiting inside the block.

        Raises:
            ConfigError: an answer that this thread has begun is not at its end.
        """
        if self._thread == threading.get_ident():
            raise ConfigError(
                "An answer from this memory has not come to its end: take all its parts, call its close(), or attach the memory"
                " once more."
            )
        with self._lock:
            self._thread = threading.get_ident()
            try:
                yield
            finally:
                self._thread = 0


@dataclass(frozen=True)
class AttachedMemory:
    """One memory or several, one behind another, in the decoder's hands, ready for any number of questions, one at a time."""

    memory: Memory
    records: tuple[MemoryRecord, ...]
    sources: tuple[Source, ...]
    """The documents, in the same order."""
    attach_seconds: float
    baseline: Baseline = field(repr=False, compare=False)
    """What any question attends to in the memory."""
    left_out: tuple[str, ...] = ()
    """Titles of documents that were asked for, but did not fit the decoder's positions."""
    vectors: tuple[SentenceVectors, ...] | None = field(default=None, repr=False, compare=False)
    """Those of each document's sentences; None where a document has none."""
    in_use: InUse = field(default_factory=InUse, repr=False, compare=False)

    @property
    def record(self) -> MemoryRecord:
        """The first memory's."""
        return self.records[0]

    @property
    def document_tokens(self) -> int:
        return sum(record.tokens for record in self.records)

    @property
    def pages(self) -> int:
        return sum(len(source.pages) for source in self.sources)

    @property
    def pages_read(self) -> int:
        """Pages that are in the memory whole; fewer than `pages` while it is being read."""
        return sum(len(source.read) for source in self.sources)

    @property
    def chars(self) -> int:
        """Characters of all documents, one after another."""
        last = self.sources[-1]
        return last.first_char + last.chars

    @functools.cached_property
    def each(self) -> tuple[AttachedMemory, ...]:
        """The same memory for each document, with this document alone in sight."""
        vectors = [(own,) for own in self.vectors] if self.vectors else [None] * len(self.sources)
        alone = tuple(
            replace(self, sources=(one,), vectors=own) for one, own in zip(self.sources, vectors, strict=True)
        )
        for one, passages in zip(alone, self.passages.each, strict=True):
            vars(one)["passages"] = passages  # those that are there need no second index
        return alone

    @functools.cached_property
    def passages(self) -> Passages:
        """What can be looked at again, with an index over its words."""
        return Passages(self.sources, self.vectors)

    @functools.cached_property
    def references(self) -> tuple[tuple[str, int, int], ...]:
        """Where the documents list what others wrote: document, first character and the one behind the last."""
        return tuple(
            (source.document_id, section.start_char, section.end_char)
            for source in self.sources
            for section in references(source)
        )

    def heat(self, attention: Attention) -> Heat:
        """Attention by character of all documents, beyond what any question attends to."""
        return Heat(attention.spans, attention.beyond(self.baseline.attention), self.chars)


def attach(record: MemoryRecord, model: Model, store: Store, user: str | None = None) -> AttachedMemory:
    """Map a saved memory and copy it to the decoder's side, running nothing.

    A memory that is still being read is attached as far as its windows are finished.

    Args:
        user: name title and pages as the file of this user does, where they have the document.

    Raises:
        StoreError: it is missing, or its bytes are not those that were written.
        MemoryMismatch: another decoder or plug-in made it.
    """
    started = time.perf_counter()
    memory, record = _attach_one(record, model, store)
    source = source_of(record, memory, store, user=user)
    vectors = _vectors([record], model, store)
    seconds = time.perf_counter() - started
    return AttachedMemory(memory, (record,), (source,), seconds, Baseline(memory, model), vectors=vectors)


def attach_shelf(
    records: Sequence[MemoryRecord], model: Model, store: Store, question: str = "", user: str | None = None
) -> AttachedMemory:
    """Attach memories one behind another, as many as fit the decoder's positions beside a question and its answer.

    Where not all fit, the documents whose passages share most with the question are taken; the others are `left_out`.
    The first memory's sink serves all.

    Args:
        user: name titles and pages as the files of this user do, where they have the documents.

    Raises:
        StoreError, MemoryMismatch: see `attach`.
        ConfigError: there is none to attach.
    """
    started = time.perf_counter()
    records = list({record.document_id: record for record in records}.values())
    if not records:
        raise ConfigError("There is no document to ask; name one.")
    if len(records) == 1:
        return attach(records[0], model, store, user)
    chosen = _fitting(records, model, store, question)
    shelf, kept, sources = model.plugin.new_memory(), [], []
    first_char = 0
    for number in sorted(chosen):
        memory, record = _attach_one(records[number], model, store)
        source = source_of(record, memory, store, first_char, user)
        with torch.inference_mode(), model.lock:
            if not shelf.slots:
                shelf.reserve(sum(_slots(records[other], store) for other in chosen) + ROOM_TOKENS)
            model.plugin.put_behind(shelf, memory, first_char)
        first_char += source.chars
        kept.append(record)
        sources.append(source)
    titles = told_apart((source.title, source.file_name) for source in sources)
    sources = [replace(source, title=title) for source, title in zip(sources, titles, strict=True)]
    left_out = [
        store.document(record.document_id).title for number, record in enumerate(records) if number not in chosen
    ]
    vectors = _vectors(kept, model, store)
    seconds = time.perf_counter() - started
    baseline = Baseline(shelf, model)
    return AttachedMemory(shelf, tuple(kept), tuple(sources), seconds, baseline, tuple(left_out), vectors)


def _vectors(records: Sequence[MemoryRecord], model: Model, store: Store) -> tuple[SentenceVectors, ...] | None:
    """The sentence vectors of all documents; None where one has none: its passages would always come last."""
    found = [sentence_vectors(record.document_id, model.encoder, store) for record in records]
    whole = tuple(vectors for vectors in found if vectors is not None)
    return whole if len(whole) == len(found) else None


def _fitting(records: Sequence[MemoryRecord], model: Model, store: Store, question: str) -> set[int]:
    """Numbers of the memories that are attached together, those first that matter most to the question."""
    slots = [_slots(record, store) for record in records]
    room = model.plugin.max_positions - room_tokens(model)
    order = list(range(len(records)))
    if sum(slots) > room:
        whole = [
            Source(r.document_id, "", tuple(pages), pages[-1].end_char)
            for r in records
            if (pages := store.pages(r.document_id))
        ]
        passages = Passages(whole)
        places = {record.document_id: number for number, record in enumerate(records)}
        found = passages.search(content_words(question), len(passages.all))
        order = list(dict.fromkeys([*(places[passages.all[number].document_id] for number in found), *order]))
    chosen: set[int] = set()
    for number in order:
        if slots[number] <= room or not chosen:
            chosen.add(number)
            room -= slots[number]
    return chosen


def _slots(record: MemoryRecord, store: Store) -> int:
    return record.slots if record.state == "ready" else sum(segment.slots for segment in store.segments(record.key))


def _attach_one(record: MemoryRecord, model: Model, store: Store) -> tuple[Memory, MemoryRecord]:
    memory = None
    if record.state == "reading":
        memory = _attach_segments(record, model, store)
        record = store.memory(record.key) or record
    if memory is None:
        with store.open_memory(record.key) as tensors:
            memory = restore(model, tensors)
    return memory, record


def source_of(
    record: MemoryRecord, memory: Memory, store: Store, first_char: int = 0, user: str | None = None
) -> Source:
    """The document of a memory, with title and pages as the file of a user has them, where they have it."""
    chars_read = int(memory.spans[:, 1].max()) if memory.slots else 0
    document, pages = document_view(store, record.document_id, user)
    return Source(
        record.document_id,
        document.title,
        tuple(pages),
        max(0, chars_read),
        first_char,
        document.authors,
        document.file_name,
    )


def _attach_segments(record: MemoryRecord, model: Model, store: Store) -> Memory | None:
    """The finished windows of a memory that is being read; None when it was sealed meanwhile."""
    segments = store.segments(record.key)
    memory = model.plugin.new_memory(sum(segment.slots for segment in segments) + ROOM_TOKENS)
    try:
        for segment in segments:
            with store.open_segment(record.key, segment.number) as tensors:
                memory.restore(to_torch(tensors), counts(tensors.metadata))
    except (NotFound, CorruptMemory):
        if (now := store.memory(record.key)) is None or now.state == "reading":
            raise
        return None
    if not memory.slots and not model.is_published:
        with torch.inference_mode(), model.lock:
            model.plugin.open(memory, model.opening)
    return memory
