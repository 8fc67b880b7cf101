"""Making room within a budget: the finished memories used longest ago go first, and their documents stay.

A document's pin and a memory's use by any process keep it. Deliberately not here: who asks for how much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.errors import OverBudget
from storage.files import unused
from storage.memories import SEALED_FILE
from storage.records import MemoryRecord

if TYPE_CHECKING:
    from storage.store import Store


def make_room(store: Store, needed_bytes: int, limit_bytes: int) -> list[MemoryRecord]:
    """Evict until the bytes of all memories and `needed_bytes` are at most `limit_bytes`; see `Store.make_room`."""
    evicted: list[MemoryRecord] = []
    if _excess(store, needed_bytes, limit_bytes) <= 0:
        return evicted
    candidates = [memory for memory in _unpinned(store) if _is_idle(store, memory)]
    if sum(memory.bytes for memory in candidates) < _excess(store, needed_bytes, limit_bytes):
        raise _refusal(store, needed_bytes, limit_bytes)
    for memory in candidates:
        if _excess(store, needed_bytes, limit_bytes) <= 0:
            break
        if _evict(store, memory):
            evicted.append(memory)
    if _excess(store, needed_bytes, limit_bytes) > 0:  # what was idle is in use now
        raise _refusal(store, needed_bytes, limit_bytes)
    return evicted


def _excess(store: Store, needed_bytes: int, limit_bytes: int) -> int:
    return _used_bytes(store) + needed_bytes - limit_bytes


def _used_bytes(store: Store) -> int:
    (row,) = store.database.read("SELECT COALESCE(SUM(bytes), 0) AS bytes FROM memories")
    return int(row["bytes"])


def _unpinned(store: Store) -> list[MemoryRecord]:
    """Return the finished memories of documents that are not pinned, the one used longest ago first."""
    pinned = {row["id"] for row in store.database.read("SELECT id FROM documents WHERE pinned")}
    memories = reversed(store.memories())
    return [memory for memory in memories if memory.state == "ready" and memory.document_id not in pinned]


def _is_idle(store: Store, memory: MemoryRecord) -> bool:
    with unused(store.memory_folder(memory.key).path / SEALED_FILE) as idle:
        return idle


def _evict(store: Store, memory: MemoryRecord) -> bool:
    """Remove a memory if it is still there as it was, is not pinned, and nobody has it in use; return whether."""
    folder = store.memory_folder(memory.key)
    with folder.lock(timeout_seconds=0) as held, unused(folder.path / SEALED_FILE) as idle:
        if not (held and idle):
            return False
        with store.database.transaction() as db:
            removed = db.execute(
                "DELETE FROM memories WHERE key = ? AND ready_at = ?"
                " AND document_id IN (SELECT id FROM documents WHERE NOT pinned)",
                (memory.key, memory.ready_at),
            ).rowcount
        if removed:
            folder.remove()
        return bool(removed)


def _refusal(store: Store, needed_bytes: int, limit_bytes: int) -> OverBudget:
    used_bytes = _used_bytes(store)
    needed = f" and {needed_bytes:,} more are needed" if needed_bytes > 0 else ""
    return OverBudget(
        f"The memories in {store.folder} take {used_bytes:,} bytes{needed}, more than the {limit_bytes:,} allowed, and"
        " those that are pinned, half read or in use stay. Unpin or remove a document, or allow more."
    )
