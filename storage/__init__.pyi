from .archive import (
    Import as Import,
    export_document as export_document,
    import_document as import_document,
)
from .backups import (
    Backup as Backup,
    backup as backup,
)
from .conversations import (
    ConversationRecord as ConversationRecord,
    Conversations as Conversations,
    TurnRecord as TurnRecord,
)
from .database import is_library as is_library
from .errors import (
    BadImport as BadImport,
    CorruptMemory as CorruptMemory,
    NotFound as NotFound,
    NotWritable as NotWritable,
    OverBudget as OverBudget,
    StorageFull as StorageFull,
    StoreBusy as StoreBusy,
    StoreError as StoreError,
    translating as translating,
)
from .files import (
    file_lock as file_lock,
    publish as publish,
    sync_folder as sync_folder,
    write_whole as write_whole,
)
from .full_text import TextIndex as TextIndex
from .garbage import collect_garbage as collect_garbage
from .jobs import (
    JobRecord as JobRecord,
    Jobs as Jobs,
    is_active as is_active,
    is_running as is_running,
    is_unfinished as is_unfinished,
    new_owner as new_owner,
)
from .manifests import (
    StoredDocument as StoredDocument,
    text_id as text_id,
)
from .memory_writer import MemoryWriter as MemoryWriter
from .originals import (
    cover_file as cover_file,
    keep_original as keep_original,
    original_file as original_file,
    tidy_originals as tidy_originals,
)
from .questions import (
    QuestionRecord as QuestionRecord,
    Questions as Questions,
)
from .records import (
    LOCAL_USER as LOCAL_USER,
    DocumentRecord as DocumentRecord,
    Fault as Fault,
    Hit as Hit,
    MemoryRecord as MemoryRecord,
    PageRecord as PageRecord,
    SegmentRecord as SegmentRecord,
)
from .recovery import (
    Rebuild as Rebuild,
    rebuild as rebuild,
)
from .store import Store as Store
from .tensors import (
    MappedTensors as MappedTensors,
    TensorSpec as TensorSpec,
    write_tensors as write_tensors,
)
from .user_documents import (
    DocumentOrder as DocumentOrder,
    UserDocument as UserDocument,
    UserDocuments as UserDocuments,
)
from .verification import (
    Verification as Verification,
    verify as verify,
)

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
    "is_active",
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
