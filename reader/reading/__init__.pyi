from .estimate import Estimate as Estimate, estimate_reading as estimate_reading
from .intake import (
    add_document as add_document,
    document_view as document_view,
    stored_document as stored_document,
)
from .jobs import JobSettings as JobSettings, Worker as Worker, enqueue as enqueue, run as run, watch as watch
from .loop import (
    ReadingProgress as ReadingProgress,
    ReadingResult as ReadingResult,
    read as read,
)
from .memory_files import (
    counts as counts,
    metadata as metadata,
    restore as restore,
    to_bytes as to_bytes,
    to_torch as to_torch,
)
from .plan import (
    ROOM_TOKENS as ROOM_TOKENS,
    fits as fits,
    memory_slots as memory_slots,
    room_tokens as room_tokens,
    smallest_ratio as smallest_ratio,
    usual_dtype as usual_dtype,
)
from .sentences import ROW as ROW, TITLES as TITLES, goes_on as goes_on, sentences as sentences, shortened as shortened
from .vectors import (
    SentenceVectors as SentenceVectors,
    make_vectors as make_vectors,
    sentence_vectors as sentence_vectors,
)

__all__ = [
    "ROOM_TOKENS",
    "ROW",
    "TITLES",
    "Estimate",
    "JobSettings",
    "ReadingProgress",
    "ReadingResult",
    "SentenceVectors",
    "Worker",
    "add_document",
    "counts",
    "document_view",
    "enqueue",
    "estimate_reading",
    "fits",
    "goes_on",
    "make_vectors",
    "memory_slots",
    "metadata",
    "read",
    "restore",
    "room_tokens",
    "run",
    "sentence_vectors",
    "sentences",
    "shortened",
    "smallest_ratio",
    "stored_document",
    "to_bytes",
    "to_torch",
    "usual_dtype",
    "watch",
]
