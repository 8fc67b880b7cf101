"""Garbage is collected, and memories keep to their budget: the one used longest ago goes first."""

from __future__ import annotations

import pytest
from helpers.library import (
    add_document,
    add_read_document,
    add_segment,
    buffers,
    key,
    read_memory,
    reading,
)

from storage import (
    NotFound,
    OverBudget,
    Store,
    collect_garbage,
    verify,
)


def test_after_collecting_only_what_rows_need_is_there(store: Store) -> None:
    document_id = add_document(store, extra="many words " * 50_000)
    kept = add_document(store, "Kept")
    read_memory(store, 1, kept)
    orphans = [
        store.folder / "memories" / key(7) / "memory.safetensors",
        store.folder / "memories" / key(1) / ".memory.safetensors.0a.tmp",
        store.folder / "memories" / key(1) / "segment-000000.safetensors",
        store.folder / "documents" / f"{key(8)}.txt",
        store.folder / "documents" / f".{key(9)}.txt.0a.tmp",
        store.folder / ".rebuild.0a.tmp" / "library.db",
        store.folder / "damaged" / "1" / "memories" / key(6) / "memory.safetensors",
    ]
    for path in orphans:
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"x" * 1000)
    aside = store.folder / "damaged" / "2" / "library.db"
    aside.parent.mkdir()
    aside.write_bytes(b"the only one")
    foreign = store.folder / "README"
    foreign.write_text("not ours")
    store.remove_document(document_id)
    assert collect_garbage(store) >= 7000 + 500_000  # the room of the removed text in the database, too
    found = {str(path.relative_to(store.folder)) for path in store.folder.rglob("*") if path.is_file()}
    assert found - {"library.db-wal", "library.db-shm"} == {
        "README",
        "library.db",
        "damaged/2/library.db",
        f"documents/{kept}.txt",
        f"memories/{key(1)}/memory.json",
        f"memories/{key(1)}/memory.safetensors",
    }
    assert collect_garbage(store) == 0
    assert verify(store).faults == ()


def test_the_memory_used_longest_ago_goes_first(store: Store) -> None:
    ids = [add_document(store, f"Book {number}", "x" * number) for number in range(4)]
    for number, document_id in enumerate(ids):
        size_bytes = read_memory(store, number, document_id).bytes
    store.open_memory(key(0)).close()
    assert store.make_room(size_bytes) == []  # no limit
    assert store.make_room(size_bytes, 5 * size_bytes) == []
    assert [memory.key for memory in store.make_room(size_bytes, 3 * size_bytes)] == [key(1), key(2)]
    assert {memory.key for memory in store.memories()} == {key(0), key(3)}
    evicted = store.document(ids[1])
    assert (evicted.state, evicted.memories, evicted.memory_bytes) == ("unread", 0, 0)
    assert evicted.read_at is not None
    assert store.text(ids[1]).startswith("Call me")
    with pytest.raises(NotFound, match="Read the document"):
        store.open_memory(key(1))
    assert {path.name for path in (store.folder / "memories").iterdir()} == {key(0), key(3)}
    read_memory(store, 1, ids[1])
    assert store.document(ids[1]).state == "ready"


def test_a_budget_is_kept_and_holds_for_every_write(store: Store) -> None:
    ids = [add_document(store, f"Book {number}", "x" * number) for number in range(5)]
    size_bytes = read_memory(store, 0, ids[0]).bytes
    assert store.budget() is None
    assert store.set_budget(3 * size_bytes) == []
    with Store(store.folder) as again:
        assert again.budget() == 3 * size_bytes
    for number, document_id in enumerate(ids):
        read_memory(store, number, document_id)
        assert sum(memory.bytes for memory in store.memories()) <= 3 * size_bytes
    assert key(4) in {memory.key for memory in store.memories()}
    read_memory(store, 0, ids[0], max_bytes=10 * size_bytes)  # an exception for one run
    (gone,) = store.set_budget(size_bytes)[-1:]
    assert gone.state == "ready"
    assert sum(memory.bytes for memory in store.memories()) <= size_bytes
    store.set_budget(None)
    assert store.budget() is None


def test_pinned_half_read_and_used_memories_stay_and_then_it_is_refused(store: Store) -> None:
    pinned, half, used, idle = (add_document(store, f"Book {number}", "x" * number) for number in range(4))
    for number, document_id in enumerate((pinned, used, idle)):
        size_bytes = read_memory(store, number, document_id).bytes
    with reading(store, 9, half) as writer:
        add_segment(writer, 0)
    store.pin(pinned)
    with Store(store.folder) as other, other.open_memory(key(1)):
        with pytest.raises(OverBudget, match="Unpin or remove") as caught:
            store.make_room(size_bytes, 3 * size_bytes)
        assert caught.value.exit_status == 2
        assert len(store.memories()) == 4  # a refusal evicts nothing
        assert [memory.key for memory in store.make_room(0, 3 * size_bytes + 500)] == [key(2)]
    with pytest.raises(OverBudget):
        store.set_budget(10)
    assert store.budget() is None
    assert [memory.key for memory in store.make_room(0, 2 * size_bytes + 500)] == [key(1)]
    store.pin(pinned, False)
    assert [memory.key for memory in store.make_room(0, size_bytes + 500)] == [key(0)]
    assert store.memory(key(9)) is not None


def test_a_map_stays_valid_although_its_memory_is_removed(store: Store) -> None:
    add_read_document(store, 1)
    with store.open_memory(key(1)) as tensors:
        store.remove_memory(key(1))
        assert tensors["keys"][2].tobytes() == buffers(101)[0]


def test_a_reading_over_budget_is_refused_and_keeps_what_was_finished(store: Store) -> None:
    document_id = add_document(store)

    def read_too_much() -> None:
        with reading(store, 1, document_id, max_bytes=3000) as writer:
            for number in range(4):
                add_segment(writer, number)

    with pytest.raises(OverBudget):
        read_too_much()
    segments = store.segments(key(1))
    assert 0 < len(segments) < 4
    with reading(store, 1, document_id, max_bytes=20_000) as writer:
        assert writer.segments == segments
