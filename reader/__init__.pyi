from .answering import (
    Answer as Answer,
    Conversation as Conversation,
    Evidence as Evidence,
    ask as ask,
    attach as attach,
    attach_shelf as attach_shelf,
)
from .batching import LocalEngine as LocalEngine, RayEngine as RayEngine, batch as batch
from .documents import Document as Document, load as load
from .errors import ReaderError as ReaderError
from .models import Model as Model, load_model as load_model
from .reading import ReadingProgress as ReadingProgress, ReadingResult as ReadingResult, read as read

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
