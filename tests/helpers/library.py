"""A library with a book in it, and memories made of bytes: what tests of storage work on."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import storage
from helpers import ROOT
from reader.models import Model
from reader.reading.jobs import run
from storage import (
    MemoryRecord,
    Store,
    TensorSpec,
    new_owner,
    text_id,
)

SPECS = [TensorSpec("keys", "F16", (512,)), TensorSpec("tail", "I8", (3,))]
PAGES = [("i", "Call me Ishmael. \n"), ("ii", "Sömé years ago…\n"), ("1", "")]


def key(name: int) -> str:
    return f"{name:064x}"


def buffers(seed: int) -> list[bytes]:
    return [bytes([seed]) * 1024, b"abc"]


def add_document(store: Store, title: str = "Moby Dick", extra: str = "") -> str:
    pages = [*PAGES, ("2", extra)]
    document_id = text_id("".join(text for _, text in pages).encode())
    store.add_document(document_id, title=title, file_name=f"{title}.txt", format="text", pages=pages)
    return document_id


def reading(store: Store, name: int, document_id: str, max_bytes: int | None = None):
    settings = {"ratio": 8, "model": "tiny"}
    return store.writing(key(name), document_id, settings=settings, windows=2, tokens=8, max_bytes=max_bytes)


def add_segment(writer: storage.MemoryWriter, number: int) -> None:
    writer.add_segment(
        key(1000 + number), tokens=4, slots=1, seconds=0.5, specs=SPECS, buffers=buffers(number), metadata={}
    )


def read_memory(store: Store, name: int, document_id: str, max_bytes: int | None = None) -> MemoryRecord:
    with reading(store, name, document_id, max_bytes) as writer:
        if writer.record.state == "ready":
            return writer.record
        add_segment(writer, 0)
        add_segment(writer, 1)
        return writer.seal(SPECS, buffers(100 + name), {}, slots=2, seconds=0.25)


def add_read_document(store: Store, *names: int, title: str = "Moby Dick", extra: str = "") -> str:
    """Add a document and finish a memory of it for each name."""
    document_id = add_document(store, title, extra)
    for name in names:
        read_memory(store, name, document_id)
    return document_id


def content(store: Store, name: int) -> bytes:
    with store.open_memory(key(name)) as tensors:
        return tensors["keys"][2].tobytes()


def rows(store: Store) -> dict[str, object]:
    """Everything that files alone can bring back."""
    documents = [replace(document, pinned=False) for document in store.documents()]
    return {
        "documents": sorted(documents, key=lambda document: document.id),
        "pages": {document.id: store.pages(document.id) for document in documents},
        "memories": {memory.key: replace(memory, last_used_at=0) for memory in store.memories()},
        "segments": {memory.key: store.segments(memory.key) for memory in store.memories()},
    }


def memory_file(store: Store, name: int, file: str = "memory.safetensors") -> Path:
    return store.folder / "memories" / key(name) / file


FIXTURE = ROOT / "tests" / "fixtures" / "library-0.1"


@pytest.fixture
def expected() -> dict[str, Any]:
    """The ids and answers that the version that wrote the library gave."""
    return json.loads((FIXTURE / "expected.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    with tarfile.open(FIXTURE / "library.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "library"


def run_all(store: Store, model: Model) -> None:
    """Read all that waits."""
    owner = new_owner()
    while (job := store.jobs.claim(owner)) is not None:
        run(job, model, store, owner)
