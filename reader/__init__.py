"""A long-document reader that reads a document once and remembers it (Activation Beacon, arXiv 2401.03462).

from pathlib import Path
import reader, storage

model = reader.load_model()
with storage.Store(Path("library")) as store:
    result = reader.read(reader.load(Path("book.pdf")), model, store)
    attached = reader.attach(result.memory, model, store)
    for part in reader.ask(attached, "Who wrote the letter?", model):
        print(part.text, end="")
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Imported when asked for: parsing a document in a process of its own must not pay for torch.
_HOMES = {
    "Answer": "reader.answering",
    "Conversation": "reader.conversations",
    "Document": "reader.documents",
    "Evidence": "reader.evidence",
    "LocalEngine": "reader.batching",
    "Model": "reader.checkpoints",
    "RayEngine": "reader.batching",
    "ReaderError": "reader.errors",
    "ReadingProgress": "reader.reading",
    "ReadingResult": "reader.reading",
    "ask": "reader.answering",
    "attach": "reader.answering",
    "attach_shelf": "reader.answering",
    "batch": "reader.batching",
    "load": "reader.documents",
    "load_model": "reader.checkpoints",
    "read": "reader.reading",
}

__all__ = [
    "Answer",
    "Conversation",
    "Document",
    "Evidence",
    "LocalEngine",
    "Model",
    "RayEngine",
    "ReaderError",
    "ReadingProgress",
    "ReadingResult",
    "ask",
    "attach",
    "attach_shelf",
    "batch",
    "load",
    "load_model",
    "read",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'reader' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
