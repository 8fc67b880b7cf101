"""`library verify` finds every byte that is not as it was written."""

from __future__ import annotations

import pytest
from helpers.library import (
    add_document,
    add_read_document,
    add_segment,
    memory_file,
    reading,
)

from storage import (
    Store,
    verify,
)


def test_a_whole_library_has_no_faults(store: Store) -> None:
    document_id = add_read_document(store, 1)
    with reading(store, 2, document_id) as writer:
        add_segment(writer, 0)
    used = [memory.last_used_at for memory in store.memories()]
    found = verify(store)
    assert (found.files, found.faults) == (4, ())
    assert found.bytes == sum(path.stat().st_size for path in store.folder.glob("*/**/*") if path.is_file())
    assert [memory.last_used_at for memory in store.memories()] == used  # to check is not to use


@pytest.mark.parametrize("part", ["document", "memory", "manifest", "segment"])
def test_a_byte_changed_anywhere_in_any_file_is_found(store: Store, part: str) -> None:
    document_id = add_read_document(store, 1)
    with reading(store, 2, document_id) as writer:
        add_segment(writer, 0)
    path = {
        "document": store.folder / "documents" / f"{document_id}.txt",
        "memory": memory_file(store, 1),
        "manifest": memory_file(store, 1, "memory.json"),
        "segment": memory_file(store, 2, "segment-000000.safetensors"),
    }[part]
    whole = path.read_bytes()
    for position in range(0, len(whole), len(whole) // 16):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        assert [fault.file for fault in verify(store).faults] == [str(path.relative_to(store.folder))]
    for changed in (whole[:-1], b"", whole + b" "):
        path.write_bytes(changed)
        assert len(verify(store).faults) == 1
    path.unlink()
    assert len(verify(store).faults) == 1
    path.write_bytes(whole)
    assert verify(store).faults == ()


def test_a_text_changed_in_the_database_is_found(store: Store) -> None:
    add_document(store)
    with store.database.transaction() as db:
        db.execute("UPDATE pages SET text = 'Call me Ishmaek. ' || char(10) WHERE number = 1")
    faults = verify(store).faults
    assert any("its id was made from" in fault.reason for fault in faults)
