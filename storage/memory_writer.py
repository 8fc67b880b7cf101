"""Writes one memory segment by segment and seals it.

Deliberately not here: the tensors' meaning, and any order among memories.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from storage import eviction
from storage.files import publish
from storage.manifests import MANIFEST_FILE, StoredMemory, checked_key
from storage.memories import SEALED_FILE, Memories
from storage.records import MemoryRecord, SegmentRecord
from storage.tensors import MappedTensors, TensorSpec, file_bytes, write_tensors

if TYPE_CHECKING:
    from typing_extensions import Buffer


class MemoryWriter:
    """Writes one memory. Comes from `Store.writing`, which holds the memory's lock until its block ends."""

    def __init__(self, memories: Memories, key: str, max_bytes: int | None = None) -> None:
        self._memories = memories
        self._key = key
        self._max_bytes = max_bytes
        self._folder = memories.memory_folder(key)
        self._active = True

    @property
    def record(self) -> MemoryRecord:
        """The memory's current row. Its state is 'ready' if nothing is left to write."""
        record = self._memories.memory(self._key)
        assert record is not None  # the row exists while the lock is held
        return record

    @property
    def segments(self) -> list[SegmentRecord]:
        """The finished segments, numbered from 0 without a gap."""
        return self._memories.segments(self._key)

    def open_segment(self, number: int) -> MappedTensors:
        """Verify and map a finished segment; see `Store.open_segment`."""
        return self._memories.open_segment(self._key, number)

    def add_segment(
        self,
        key: str,
        *,
        tokens: int,
        slots: int,
        seconds: float,
        specs: Sequence[TensorSpec],
        buffers: Iterable[Buffer | Iterable[Buffer]],
        metadata: Mapping[str, str],
    ) -> SegmentRecord:
        """Save the next window under its chain key; `seconds` is the time that the window took.

        On return, the segment is durable. Buffers and metadata are those of `write_tensors`.

        Raises:
            StorageFull: there is no room; earlier segments stay.
            OverBudget: the memories would exceed the library's limit; earlier segments stay.
            ValueError: the memory is ready, the block of `writing` is over, or the buffers do not fit the specs.
        """
        self._check_writable()
        done = self.segments
        number = len(done)
        file = f"segment-{number:06}.safetensors"
        names = {**metadata, "memory_key": self._key, "segment_key": checked_key(key), "segment": str(number)}
        eviction.make_room(self._memories, file_bytes(specs, names), self._max_bytes)
        self._folder.make()
        size_bytes, digest = write_tensors(self._folder.path / file, specs, buffers, names)
        first_slot = sum(segment.slots for segment in done)
        segment = SegmentRecord(self._key, number, key, first_slot, slots, tokens, file, size_bytes, digest)
        with self._memories.database.transaction() as db:
            db.table("segments").insert(vars(segment))
            db.execute(
                "UPDATE memories SET slots = slots + ?, bytes = bytes + ?, seconds = seconds + ? WHERE key = ?",
                (slots, size_bytes, seconds, self._key),
            )
        return segment

    def seal(
        self,
        specs: Sequence[TensorSpec],
        buffers: Iterable[Buffer | Iterable[Buffer]],
        metadata: Mapping[str, str],
        *,
        slots: int,
        seconds: float,
    ) -> MemoryRecord:
        """Write the whole memory into one file and its manifest beside it, set the state to ready, and remove the segments' files.

        `slots` is the number in the sealed file. `seconds` is the time since the last segment and is added to the segments' time.
        The row says ready only after both files are synced. The segments' rows stay, so that `find_prefix` finds them.

        Raises:
            StorageFull: there is no room; the finished segments stay.
            OverBudget, ValueError: as for `add_segment`.
        """
        self._check_writable()
        names = {**metadata, "memory_key": self._key}
        before = self.record
        eviction.make_room(self._memories, file_bytes(specs, names) - before.bytes, self._max_bytes)
        self._folder.make()
        size_bytes, digest = write_tensors(self._folder.path / SEALED_FILE, specs, buffers, names)
        now = self._memories.next_moment()
        record = replace(
            before,
            state="ready",
            slots=slots,
            bytes=size_bytes,
            hash=digest,
            seconds=before.seconds + seconds,
            ready_at=now,
            last_used_at=now,
        )
        publish(self._folder.path / MANIFEST_FILE, StoredMemory(record, self.segments).encode())
        with self._memories.database.transaction() as db:
            db.execute("UPDATE segments SET file = NULL WHERE memory_key = ?", (self._key,))
            db.execute(
                "UPDATE memories SET state = 'ready', slots = ?, bytes = ?, hash = ?, seconds = ?, ready_at = ?,"
                " last_used_at = ? WHERE key = ?",
                (slots, size_bytes, digest, record.seconds, now, now, self._key),
            )
            db.execute("UPDATE documents SET read_at = ? WHERE id = ?", (now, before.document_id))
        self._folder.keep_only({SEALED_FILE, MANIFEST_FILE})
        return self.record

    def close(self) -> None:
        """Refuse further writing, because the lock is about to be released."""
        self._active = False

    def _check_writable(self) -> None:
        if not self._active:
            raise ValueError("the block that held the memory's lock is over")
        if self.record.state == "ready":
            raise ValueError(f"memory {self._key[:12]} is ready; there is nothing left to write")
