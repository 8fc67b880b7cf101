"""A backup is the library as it was, also while others read and remove."""

from __future__ import annotations

import tarfile
import threading
import time
from pathlib import Path

import pytest
from helpers.library import (
    add_document,
    add_read_document,
    add_segment,
    buffers,
    content,
    key,
    memory_file,
    read_memory,
    reading,
    rows,
)

from storage import (
    NotWritable,
    Store,
    backup,
    verify,
)


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_a_backup_is_the_library_as_it_was(store: Store, tmp_path: Path, name: str) -> None:
    document_id = add_read_document(store, 1)
    with reading(store, 2, document_id) as writer:
        add_segment(writer, 0)
    store.pin(document_id)
    store.set_budget(10**9)
    before = rows(store)
    made = backup(store, tmp_path / name)
    assert (made.documents, made.memories, made.left_out) == (1, 1, ())
    store.remove_document(document_id)
    with pytest.raises(NotWritable, match="already"):
        backup(store, tmp_path / name)
    if name.endswith(".tar"):
        with tarfile.open(tmp_path / name) as archive:
            archive.extractall(tmp_path, filter="data")
    assert {path.name for path in tmp_path.iterdir()} == {"library", "copy", name}
    with Store(tmp_path / "copy") as copy:
        assert rows(copy) == before
        assert verify(copy).faults == ()
        assert (copy.document(document_id).pinned, copy.budget()) == (True, 10**9)
        assert content(copy, 1) == buffers(101)[0]


def test_a_backup_leaves_out_what_is_broken_and_says_so(store: Store, tmp_path: Path) -> None:
    add_read_document(store, 1, 2, 3)
    file = memory_file(store, 2)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    memory_file(store, 3).unlink()
    made = backup(store, tmp_path / "copy")
    assert [fault.file for fault in made.left_out] == [f"memories/{key(n)}/memory.safetensors" for n in (2, 3)]
    with Store(tmp_path / "copy") as copy:
        assert [memory.key for memory in copy.memories()] == [key(1)]
        assert verify(copy).faults == ()


def test_a_backup_is_whole_although_others_read_and_remove_meanwhile(store: Store, tmp_path: Path) -> None:
    document_id = add_read_document(store, 0)
    stop, failures = threading.Event(), []

    def work(first: int) -> None:
        try:
            with Store(store.folder) as other:
                while not stop.is_set():
                    for name in range(first, first + 3):
                        read_memory(other, name, document_id)
                    add_document(other, f"{first}", str(time.time()))
                    for name in range(first, first + 3):
                        other.remove_memory(key(name))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in (10, 20)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(5):
            made = backup(store, tmp_path / f"copy{turn}")
            assert made.left_out == ()
            with Store(tmp_path / f"copy{turn}") as copy:
                assert verify(copy).faults == ()
                assert copy.memory(key(0)) is not None
                assert len(copy.documents()) == made.documents
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
