"""The library on disk: SQLite rows and safetensors files. It knows no tensor library and nothing of reader/."""

from __future__ import annotations

from storage.errors import CorruptMemory, NotFound, NotWritable, StorageFull, StoreBusy, StoreError
from storage.memories import MemoryWriter
from storage.records import DocumentRecord, MemoryRecord, PageRecord, SegmentRecord
from storage.store import Store
from storage.tensors import MappedTensors, TensorSpec, write_tensors

__all__ = [
    "CorruptMemory",
    "DocumentRecord",
    "MappedTensors",
    "MemoryRecord",
    "MemoryWriter",
    "NotFound",
    "NotWritable",
    "PageRecord",
    "SegmentRecord",
    "StorageFull",
    "Store",
    "StoreBusy",
    "StoreError",
    "TensorSpec",
    "write_tensors",
]
