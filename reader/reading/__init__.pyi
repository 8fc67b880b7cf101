from .estimate import Estimate as Estimate, estimate_reading as estimate_reading
from .jobs import JobSettings as JobSettings, Worker as Worker, enqueue as enqueue, run as run, watch as watch
from .loop import (
    ReadingProgress as ReadingProgress,
    ReadingResult as ReadingResult,
    add_document as add_document,
    read as read,
    stored_document as stored_document,
)
from .memory_files import (
    counts as counts,
    metadata as metadata,
    restore as restore,
    to_bytes as to_bytes,
    to_torch as to_torch,
)
from .plan import ROOM_TOKENS as ROOM_TOKENS, room_tokens as room_tokens

__all__ = [
    "ROOM_TOKENS",
    "Estimate",
    "JobSettings",
    "ReadingProgress",
    "ReadingResult",
    "Worker",
    "add_document",
    "counts",
    "enqueue",
    "estimate_reading",
    "metadata",
    "read",
    "restore",
    "room_tokens",
    "run",
    "stored_document",
    "to_bytes",
    "to_torch",
    "watch",
]
