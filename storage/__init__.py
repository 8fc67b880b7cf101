"""The library on disk: SQLite rows and safetensors files. It knows no tensor library and nothing of reader/."""

from __future__ import annotations

from storage.archive import Import, export_document, import_document
from storage.backups import Backup, backup
from storage.errors import (
    BadImport,
    CorruptMemory,
    NotFound,
    NotWritable,
    OverBudget,
    StorageFull,
    StoreBusy,
    StoreError,
)
from storage.jobs import JobRecord, Jobs, is_running, is_unfinished, new_owner
from storage.manifests import text_id
from storage.memories import MemoryWriter
from storage.records import DocumentRecord, Fault, Hit, MemoryRecord, PageRecord, SegmentRecord
from storage.recovery import Rebuild, rebuild
from storage.repair import collect_garbage
from storage.store import Store
from storage.tensors import MappedTensors, TensorSpec, write_tensors
from storage.verification import Verification, verify

__all__ = [
    "Backup",
    "BadImport",
    "CorruptMemory",
    "DocumentRecord",
    "Fault",
    "Hit",
    "Import",
    "JobRecord",
    "Jobs",
    "MappedTensors",
    "MemoryRecord",
    "MemoryWriter",
    "NotFound",
    "NotWritable",
    "OverBudget",
    "PageRecord",
    "Rebuild",
    "SegmentRecord",
    "StorageFull",
    "Store",
    "StoreBusy",
    "StoreError",
    "TensorSpec",
    "Verification",
    "backup",
    "collect_garbage",
    "export_document",
    "import_document",
    "is_running",
    "is_unfinished",
    "new_owner",
    "rebuild",
    "text_id",
    "verify",
    "write_tensors",
]
