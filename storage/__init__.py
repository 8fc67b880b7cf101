"""The library on disk: SQLite rows and safetensors files. It knows no tensor library and nothing of reader/."""

from __future__ import annotations

from storage.archive import Import, export_document, import_document
from storage.backups import Backup, backup
from storage.conversations import ConversationRecord, Conversations, TurnRecord
from storage.errors import (
    BadImport,
    CorruptMemory,
    NotFound,
    NotWritable,
    OverBudget,
    StorageFull,
    StoreBusy,
    StoreError,
    translating,
)
from storage.files import file_lock, publish, sync_folder, write_whole
from storage.full_text import TextIndex
from storage.garbage import collect_garbage
from storage.jobs import JobRecord, Jobs, is_running, is_unfinished, new_owner
from storage.manifests import StoredDocument, text_id
from storage.memory_writer import MemoryWriter
from storage.originals import cover_file, keep_original, original_file, tidy_originals
from storage.questions import QuestionRecord, Questions
from storage.records import LOCAL_USER, DocumentRecord, Fault, Hit, MemoryRecord, PageRecord, SegmentRecord
from storage.recovery import Rebuild, rebuild
from storage.store import Store
from storage.tensors import MappedTensors, TensorSpec, write_tensors
from storage.user_documents import DocumentOrder, UserDocument, UserDocuments
from storage.verification import Verification, verify

__all__ = [
    "LOCAL_USER",
    "Backup",
    "BadImport",
    "ConversationRecord",
    "Conversations",
    "CorruptMemory",
    "DocumentOrder",
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
    "QuestionRecord",
    "Questions",
    "Rebuild",
    "SegmentRecord",
    "StorageFull",
    "Store",
    "StoreBusy",
    "StoreError",
    "StoredDocument",
    "TensorSpec",
    "TextIndex",
    "TurnRecord",
    "UserDocument",
    "UserDocuments",
    "Verification",
    "backup",
    "collect_garbage",
    "cover_file",
    "export_document",
    "file_lock",
    "import_document",
    "is_running",
    "is_unfinished",
    "keep_original",
    "new_owner",
    "original_file",
    "publish",
    "rebuild",
    "sync_folder",
    "text_id",
    "tidy_originals",
    "translating",
    "verify",
    "write_tensors",
    "write_whole",
]
