"""Evicts memories to stay within a budget: the finished ones used longest ago first. Their documents stay.

A memory stays if its document is pinned or any process uses the memory. Deliberately not here: how much room is needed.
"""

from __future__ import annotations

from storage.database import Database
from storage.errors import OverBudget
from storage.files import unused
from storage.memories import SEALED_FILE, Memories
from storage.records import MemoryRecord


def budget(database: Database) -> int | None:
    """Return the limit on the bytes of all memories' files, or None if there is no limit."""
    rows = database.read("SELECT value FROM settings WHERE name = 'max_bytes'")
    return rows[0]["value"] if rows else None


def make_room(memories: Memories, needed_bytes: int, max_bytes: int | None) -> list[MemoryRecord]:
    """Evict until the bytes of all memories and `needed_bytes` are within the limit; see `Store.make_room`."""
    limit_bytes = budget(memories.database) if max_bytes is None else max_bytes
    evicted: list[MemoryRecord] = []
    if limit_bytes is None or _excess(memories, needed_bytes, limit_bytes) <= 0:
        return evicted
    candidates = [memory for memory in _unpinned(memories) if _is_idle(memories, memory)]
    if sum(memory.bytes for memory in candidates) < _excess(memories, needed_bytes, limit_bytes):
        raise _refusal(memories, needed_bytes, limit_bytes)
    for memory in candidates:
        if _excess(memories, needed_bytes, limit_bytes) <= 0:
            break
        if _evict(memories, memory):
            evicted.append(memory)
    if _excess(memories, needed_bytes, limit_bytes) > 0:  # idle memories have come into use since
        raise _refusal(memories, needed_bytes, limit_bytes)
    return evicted


def _excess(memories: Memories, needed_bytes: int, limit_bytes: int) -> int:
    return _used_bytes(memories) + needed_bytes - limit_bytes


def _used_bytes(memories: Memories) -> int:
    (row,) = memories.database.read("SELECT COALESCE(SUM(bytes), 0) AS bytes FROM memories")
    return int(row["bytes"])


def _unpinned(memories: Memories) -> list[MemoryRecord]:
    """Return the finished memories of documents that are not pinned, the one used longest ago first."""
    pinned = {row["id"] for row in memories.database.read("SELECT id FROM documents WHERE pinned")}
    return [
        memory
        for memory in reversed(memories.memories())
        if memory.state == "ready" and memory.document_id not in pinned
    ]


def _is_idle(memories: Memories, memory: MemoryRecord) -> bool:
    with unused(memories.memory_folder(memory.key).path / SEALED_FILE) as idle:
        return idle


def _evict(memories: Memories, memory: MemoryRecord) -> bool:
    """Remove a memory if it is unchanged, not pinned, and not in use; return whether it was removed."""
    folder = memories.memory_folder(memory.key)
    with folder.lock(timeout_seconds=0) as held, unused(folder.path / SEALED_FILE) as idle:
        if not (held and idle):
            return False
        with memories.database.transaction() as db:
            removed = db.execute(
                "DELETE FROM memories WHERE key = ? AND ready_at = ?"
                " AND document_id IN (SELECT id FROM documents WHERE NOT pinned)",
                (memory.key, memory.ready_at),
            ).rowcount
        if removed:
            folder.remove()
        return bool(removed)


def _refusal(memories: Memories, needed_bytes: int, limit_bytes: int) -> OverBudget:
    used_bytes = _used_bytes(memories)
    needed = f" and {needed_bytes:,} more are needed" if needed_bytes > 0 else ""
    return OverBudget(
        f"The memories in {memories.folder} take {used_bytes:,} bytes{needed}, more than the {limit_bytes:,} allowed, and"
        " those that are pinned, part read or in use stay. Unpin or remove a document, or allow more."
    )
