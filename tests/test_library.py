"""Laws of a library over time: it can be searched, checked, made again, copied, bounded, and moved between machines.

What a kill does to all of this is in test_crash.py.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlite_utils
from helpers.documents import make_document

import storage
from reader.documents import Document, Page
from storage import (
    BadImport,
    CorruptMemory,
    MemoryRecord,
    NotFound,
    NotWritable,
    OverBudget,
    StorageFull,
    Store,
    StoreBusy,
    StoreError,
    TensorSpec,
    backup,
    collect_garbage,
    export_document,
    import_document,
    rebuild,
    text_id,
    verify,
    write_tensors,
)
from storage.schema import migrations

SPECS = [TensorSpec("keys", "F16", (512,)), TensorSpec("tail", "I8", (3,))]
PAGES = [("i", "Call me Ishmael. \n"), ("ii", "Sömé years ago…\n"), ("1", "")]


def key(name: int) -> str:
    return f"{name:064x}"


def buffers(seed: int) -> list[bytes]:
    return [bytes([seed]) * 1024, b"abc"]


def add_document(store: Store, title: str = "Moby Dick", extra: str = "") -> str:
    pages = [*PAGES, ("2", extra)]
    document_id = text_id("".join(text for _, text in pages).encode())
    store.add_document(document_id, title=title, file_name=f"{title}.txt", format="text", pages=pages)
    return document_id


def reading(store: Store, name: int, document_id: str, max_bytes: int | None = None):
    settings = {"ratio": 8, "model": "tiny"}
    return store.writing(key(name), document_id, settings=settings, windows=2, tokens=8, max_bytes=max_bytes)


def add_segment(writer: storage.MemoryWriter, number: int) -> None:
    writer.add_segment(
        key(1000 + number), tokens=4, slots=1, seconds=0.5, specs=SPECS, buffers=buffers(number), metadata={}
    )


def read_memory(store: Store, name: int, document_id: str, max_bytes: int | None = None) -> MemoryRecord:
    with reading(store, name, document_id, max_bytes) as writer:
        if writer.record.state == "ready":
            return writer.record
        add_segment(writer, 0)
        add_segment(writer, 1)
        return writer.seal(SPECS, buffers(100 + name), {}, slots=2, seconds=0.25)


def content(store: Store, name: int) -> bytes:
    with store.open_memory(key(name)) as tensors:
        return tensors["keys"][2].tobytes()


def rows(store: Store) -> dict[str, object]:
    """Everything that files alone can bring back."""
    documents = [replace(document, pinned=False) for document in store.documents()]
    return {
        "documents": sorted(documents, key=lambda document: document.id),
        "pages": {document.id: store.pages(document.id) for document in documents},
        "memories": {memory.key: replace(memory, last_used_at=0) for memory in store.memories()},
        "segments": {memory.key: store.segments(memory.key) for memory in store.memories()},
    }


def memory_file(store: Store, name: int, file: str = "memory.safetensors") -> Path:
    return store.folder / "memories" / key(name) / file


# Documents and their texts


def test_an_id_is_that_of_the_reader() -> None:
    text = "Skarvøy\n"
    document = Document(text, (Page(1, "1", 0, len(text)),), "t", "f.txt", "text", 0)
    assert text_id(text.encode()) == document.id


def test_names_cannot_drive_a_terminal(store: Store) -> None:
    store.add_document(key(1), title="a\x1b[2Jb", file_name="\x9b.txt", format="text", pages=[("\r1", "x\x1b")])
    record = store.document(key(1))
    assert (record.title, record.file_name, store.pages(key(1))[0].label) == ("a?[2Jb", "?.txt", "?1")
    assert store.text(key(1)) == "x\x1b"


def test_a_document_is_unread_then_half_read_then_ready(store: Store) -> None:
    document_id = add_document(store)
    assert (store.document(document_id).state, store.document(document_id).read_at) == ("unread", None)
    with reading(store, 1, document_id) as writer:
        add_segment(writer, 0)
        assert store.document(document_id).state == "reading"
        assert (store.document(document_id).memories, store.document(document_id).memory_bytes) == (0, 0)
    read_memory(store, 2, document_id)
    record = store.document(document_id)
    assert (record.state, record.memories) == ("ready", 1)
    assert record.memory_bytes == memory_file(store, 2).stat().st_size
    store.remove_memory(key(1))
    store.remove_memory(key(2))
    assert store.document(document_id).state == "unread"
    assert store.document(document_id).read_at is not None


# Search


def test_a_search_finds_pages_with_all_words_and_shows_where(store: Store) -> None:
    document_id = add_document(store)
    add_document(store, "Other", "Years of Ishmael")
    (first, second) = store.search("ishmael years")[:1] * 2
    assert (first.title, first.page, first.label, second) == ("Other", 4, "2", first)
    assert "Years of Ishmael" in first.snippet
    assert {hit.document_id for hit in store.search("SOME")} == {d.id for d in store.documents()}  # no accents needed
    assert [hit.page for hit in store.search("call") if hit.document_id == document_id] == [1]
    assert len(store.search("years", limit=1)) == 1
    store.remove_document(document_id)
    assert all(hit.title == "Other" for hit in store.search("call"))


@pytest.mark.parametrize(
    "query",
    ["", " ", '"', '""', "'", "*", "call*", "NOT", "call AND", "NEAR(call me, 2)", "text:call", "{text}:", "(", "^call",
     "call\0me", "\ud800", "call -me", "call + me", "- . ,", "'; DROP TABLE pages; --", "%", "_", "a" * 10_000,
     "call " * 10_000, "日本語", "हिन्दी", "e\u0301", "\U0001f600", "call\u00a0me", "‮call"],
)  # fmt: skip
def test_no_query_can_break_a_search(store: Store, query: str) -> None:
    add_document(store)
    assert len(store.search(query)) <= 1
    assert len(store.documents()) == 1


def test_a_search_takes_signs_for_the_gaps_that_they_are(store: Store) -> None:
    add_document(store, extra="A well-known e-mail, हिन्दी, and C3PO.")
    for query in ("well-known", "e-mail", '"well-known"', "हिन्दी", "c3po", "known, well", "well - known"):
        assert [hit.page for hit in store.search(query)] == [4], query
    assert store.search("known-well") == []


# Verifying


def test_a_whole_library_has_no_faults(store: Store) -> None:
    document_id = add_document(store)
    read_memory(store, 1, document_id)
    with reading(store, 2, document_id) as writer:
        add_segment(writer, 0)
    used = [memory.last_used_at for memory in store.memories()]
    found = verify(store)
    assert (found.files, found.faults) == (4, ())
    assert found.bytes == sum(path.stat().st_size for path in store.folder.glob("*/**/*") if path.is_file())
    assert [memory.last_used_at for memory in store.memories()] == used  # to check is not to use


@pytest.mark.parametrize("part", ["document", "memory", "manifest", "segment"])
def test_a_byte_changed_anywhere_in_any_file_is_found(store: Store, part: str) -> None:
    document_id = add_document(store)
    read_memory(store, 1, document_id)
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


# Rebuilding


def test_a_lost_database_is_told_and_made_again_from_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    with Store(folder) as store:
        for number in range(3):
            document_id = add_document(store, f"Book {number}", "x" * number)
            read_memory(store, number, document_id)
        store.pin(document_id)
        add_document(store, "Unread", "y")
        before = rows(store)
        with reading(store, 9, document_id) as writer:
            add_segment(writer, 0)
    for name in ("library.db", "library.db-wal", "library.db-shm"):
        (folder / name).unlink(missing_ok=True)
    for _ in range(2):  # the attempt itself must not make it worse
        with pytest.raises(StoreError, match="library rebuild"):
            Store(folder)
    made = rebuild(folder)
    assert (made.documents, made.memories, made.put_aside) == (4, 3, ())
    assert (made.kept, made.unowned) == ({}, 4)
    with Store(folder) as store:
        assert rows(store) == before
        assert verify(store).faults == ()
        assert [content(store, number) for number in range(3)] == [buffers(100 + n)[0] for n in range(3)]
        assert store.find_prefix([key(1000), key(1001)]) is not None
        assert len(store.search("ishmael")) == 4
        assert not memory_file(store, 9).parent.exists()  # half-read: read again from the start


def test_a_damaged_database_is_put_aside_and_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    with Store(folder) as store:
        read_memory(store, 1, add_document(store))
        before = rows(store)
    path = folder / "library.db"
    path.write_bytes(b"not a database any more" * 1000)
    with pytest.raises(StoreError, match="library rebuild"):
        Store(folder)
    rebuild(folder)
    with Store(folder) as store:
        assert rows(store) == before
        collect_garbage(store)
    (kept,) = (folder / "damaged").glob("*/library.db")
    assert kept.read_bytes().startswith(b"not a database")


@pytest.mark.parametrize("has_rows", [True, False])
def test_a_rebuild_takes_only_what_is_whole_and_throws_nothing_away(tmp_path: Path, has_rows: bool) -> None:
    folder = tmp_path / "library"
    with Store(folder) as store:
        ids = [add_document(store, f"Book {number}", "x" * number) for number in range(6)]
        for number, document_id in enumerate(ids):
            read_memory(store, number, document_id)
        broken = [memory_file(store, number) for number in range(6)]
    broken[0].write_bytes(broken[0].read_bytes()[:-1] + b"?")
    broken[1].with_name("memory.json").unlink()
    shutil.copy(broken[3].with_name("memory.json"), broken[2].with_name("memory.json"))
    file = folder / "documents" / f"{ids[4]}.txt"
    file.write_bytes(file.read_bytes().replace(b"Ishmael", b"Ishmaek"))
    if not has_rows:
        (folder / "library.db").write_bytes(b"no database")
    made = rebuild(folder, force=has_rows)
    # A broken memory; without rows, two that have no manifest of their own, and a document with its memory.
    assert (made.documents, made.memories, len(made.put_aside)) == ((6, 5, 3) if has_rows else (5, 2, 5))
    with Store(folder) as store:
        assert {memory.key for memory in store.memories()} == {
            key(n) for n in ((1, 2, 3, 4, 5) if has_rows else (3, 5))
        }
        assert verify(store).faults == ()
        assert made.aside is not None
        assert (made.aside / "memories" / key(0) / "memory.safetensors").exists()
        assert collect_garbage(store) > 0
    assert b"Ishmaek" in (made.aside / "documents" / f"{ids[4]}.txt").read_bytes()
    assert not (made.aside / "memories").exists()


def test_a_library_in_use_is_not_rebuilt(store: Store) -> None:
    add_document(store)
    with pytest.raises(StoreBusy, match="Stop it"):
        rebuild(store.folder)
    assert len(store.documents()) == 1
    with pytest.raises(NotWritable):
        rebuild(store.folder / "nothing")


def first_schema(path: Path) -> None:
    """Put a database of the first schema, with the same documents and memories, in the place of this one."""
    now = path.with_name("now.db")
    path.rename(now)
    db = sqlite_utils.Database(sqlite3.connect(path, isolation_level=None))
    migrations.apply(db, stop_before="m002_room_and_origin")
    db.execute("ATTACH ? AS now", (str(now),))
    for table in ("documents", "pages", "memories", "segments"):
        columns = ", ".join(column.name for column in db.table(table).columns)
        db.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM now.{table}")
    db.close()
    now.unlink()


def test_an_old_library_gets_its_files_and_can_be_rebuilt_from_then_on(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    with Store(folder) as store:
        document_id = add_document(store)
        read_memory(store, 1, document_id)
        before = rows(store)
    first_schema(folder / "library.db")
    shutil.rmtree(folder / "documents")
    memory_file(store, 1, "memory.json").unlink()
    assert migrations.pending(sqlite_utils.Database(folder / "library.db"))[0].name.startswith("m002")
    with Store(folder) as store:
        assert rows(store) == before
        assert verify(store).faults == ()
    (folder / "library.db").unlink()
    rebuild(folder)
    with Store(folder) as store:
        assert rows(store) == before


# Backing up


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_a_backup_is_the_library_as_it_was(store: Store, tmp_path: Path, name: str) -> None:
    document_id = add_document(store)
    read_memory(store, 1, document_id)
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
    document_id = add_document(store)
    for name in (1, 2, 3):
        read_memory(store, name, document_id)
    file = memory_file(store, 2)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    memory_file(store, 3).unlink()
    made = backup(store, tmp_path / "copy")
    assert [fault.file for fault in made.left_out] == [f"memories/{key(n)}/memory.safetensors" for n in (2, 3)]
    with Store(tmp_path / "copy") as copy:
        assert [memory.key for memory in copy.memories()] == [key(1)]
        assert verify(copy).faults == ()


def test_a_backup_is_whole_although_others_read_and_remove_meanwhile(store: Store, tmp_path: Path) -> None:
    document_id = add_document(store)
    read_memory(store, 0, document_id)
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


# Garbage


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


# Room


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
    document_id = add_document(store)
    read_memory(store, 1, document_id)
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


# Export and import


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    with Store(tmp_path / "there") as there:
        document_id = add_document(there)
        for name in (1, 2):
            read_memory(there, name, document_id)
        export_document(there, document_id, tmp_path / "moby.beacon")
    return tmp_path / "moby.beacon"


def test_what_is_exported_is_imported_the_same(store: Store, exported: Path, tmp_path: Path) -> None:
    found = import_document(store, exported)
    assert (found.document.title, found.placed, found.already_here) == ("Moby Dick", 2, 0)
    assert found.document.state == "ready"
    assert [content(store, name) for name in (1, 2)] == [buffers(101)[0], buffers(102)[0]]
    assert [page.text for page in store.pages(found.document.id)] == [text for _, text in PAGES] + [""]
    assert all(memory.imported for memory in store.memories())
    assert verify(store).faults == ()
    before = rows(store)
    again = import_document(store, exported)
    assert (again.placed, again.already_here) == (0, 2)
    assert rows(store) == before
    second = tmp_path / "again.beacon"
    export_document(store, found.document.id, second)
    with Store(tmp_path / "third") as third:
        assert import_document(third, second).placed == 2
    with pytest.raises(NotWritable, match="already"):
        export_document(store, found.document.id, second)
    for name in ("library.db", "library.db-wal", "library.db-shm"):
        (tmp_path / "there" / name).unlink(missing_ok=True)


def test_an_import_survives_a_rebuild_as_an_import(exported: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "here") as store:
        import_document(store, exported)
        before = rows(store)
    (tmp_path / "here" / "library.db").unlink()
    rebuild(tmp_path / "here", force=True)
    with Store(tmp_path / "here") as store:
        assert rows(store) == before


def test_a_document_without_a_memory_is_not_exported(store: Store, tmp_path: Path) -> None:
    document_id = add_document(store)
    with pytest.raises(NotFound, match="Read it first"):
        export_document(store, document_id, tmp_path / "a.beacon")
    read_memory(store, 1, document_id)
    file = memory_file(store, 1)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptMemory):
        export_document(store, document_id, tmp_path / "a.beacon")
    assert {path.name for path in tmp_path.iterdir()} == {"library"}


def test_an_import_goes_with_a_text_that_is_here_unread(store: Store, exported: Path) -> None:
    document_id = add_document(store, "My own title")
    assert import_document(store, exported).placed == 2
    assert store.document(document_id).title == "My own title"


def test_an_imported_memory_never_stands_beside_or_in_place_of_another(store: Store, exported: Path) -> None:
    document_id = add_document(store)
    for half in (True, False):
        for name in (1, 3):  # under a key of the file, or another
            with reading(store, name, document_id) as writer:
                add_segment(writer, 0)
                if not half:
                    writer.seal(SPECS, buffers(7), {}, slots=1, seconds=0)
            before = rows(store)
            with pytest.raises(BadImport, match="another memory"):
                import_document(store, exported)
            assert rows(store) == before
            store.remove_memory(key(name))
    import_document(store, exported)


def test_an_imported_memory_lends_nothing_to_other_readings(store: Store, exported: Path) -> None:
    import_document(store, exported)
    assert store.find_prefix([key(1000), key(1001)]) is None


def test_an_import_needs_room(store: Store, exported: Path) -> None:
    store.pin(add_document(store, "Own", "own"))
    own = read_memory(store, 5, store.document("Own").id)
    before = rows(store)
    with pytest.raises(OverBudget):
        import_document(store, exported, max_bytes=2 * own.bytes)
    assert rows(store) == before
    assert {path.name for path in (store.folder / "memories").iterdir()} == {key(5)}
    import_document(store, exported, max_bytes=4 * own.bytes)


def rewrite(path: Path, change: Callable[[dict[str, bytes]], object], **settings: int) -> None:
    """Write the export again with its members changed; `change` may give back a list of members instead."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    changed = change(members)
    with zipfile.ZipFile(path, "w", settings.get("compression", zipfile.ZIP_STORED)) as archive:
        for name, data in changed if isinstance(changed, list) else members.items():
            archive.writestr(name, data)


def with_manifest(change: Callable[[dict], object]) -> Callable[[dict[str, bytes]], None]:
    def apply(members: dict[str, bytes]) -> None:
        table = json.loads(members["manifest.json"])
        change(table)
        members["manifest.json"] = json.dumps(table).encode()

    return apply


def with_memory(**fields: object) -> Callable[[dict[str, bytes]], None]:
    return with_manifest(lambda table: table["memories"][0].update(fields))


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o120777 << 16
    return entry


def forged_memory(specs: list[TensorSpec], given: list[bytes], memory_key: str) -> Callable[[dict[str, bytes]], None]:
    """A memory whose hash is right and whose tensors are the forger's."""

    def apply(members: dict[str, bytes]) -> None:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a"
            size_bytes, digest = write_tensors(path, specs, given, {"memory_key": memory_key})
            table = json.loads(members["manifest.json"])
            entry = table["memories"][0]
            entry.update(bytes=size_bytes, hash=digest)
            members[f"memories/{entry['key']}.safetensors"] = path.read_bytes()
        members["manifest.json"] = json.dumps(table).encode()

    return apply


def forged_header(header: bytes) -> Callable[[dict[str, bytes]], None]:
    def apply(members: dict[str, bytes]) -> None:
        from blake3 import blake3

        table = json.loads(members["manifest.json"])
        entry = table["memories"][0]
        data = struct.pack("<Q", len(header)) + header
        entry.update(bytes=len(data), hash=blake3(data).hexdigest())
        members[f"memories/{entry['key']}.safetensors"] = data
        members["manifest.json"] = json.dumps(table).encode()

    return apply


def swap_memories(members: dict[str, bytes]) -> None:
    first, second = (name for name in members if name.startswith("memories/"))
    members[first], members[second] = members[second], members[first]


HOSTILE: dict[str, Callable[[dict[str, bytes]], object]] = {
    "parent folder": lambda m: m.update({"../evil": b"x"}),
    "absolute path": lambda m: m.update({"/tmp/evil": b"x"}),
    "windows path": lambda m: m.update({"memories\\..\\evil": b"x"}),
    "unknown member": lambda m: m.update({"setup.py": b"x"}),
    "folder": lambda m: m.update({"memories/": b""}),
    "memory of no manifest": lambda m: m.update({f"memories/{key(7)}.safetensors": b"x"}),
    "upper-case key": lambda m: m.update({f"memories/{'A' * 64}.safetensors": b"x"}),
    "duplicate": lambda m: [*m.items(), ("document.txt", m["document.txt"])],
    "link": lambda m: [(link("document.txt"), b"/etc/passwd"), *((n, d) for n, d in m.items() if n != "document.txt")],
    "no document": lambda m: m.pop("document.txt"),
    "no manifest": lambda m: m.pop("manifest.json"),
    "empty": lambda m: m.clear(),
    "missing memory": lambda m: m.pop(f"memories/{key(1)}.safetensors"),
    "other text": lambda m: m.update({"document.txt": m["document.txt"].replace(b"Ishmael", b"Ishmaek")}),
    "other document's id": with_manifest(lambda t: t.update(document_id=key(3))),
    "id that is no text": with_manifest(lambda t: t.update(document_id=["a"])),
    "more in the manifest": with_manifest(lambda t: t.update(command="rm")),
    "no memories": with_manifest(lambda t: t.update(memories=[])),
    "memories in a table": with_manifest(lambda t: t.update(memories={})),
    "memory twice": with_manifest(lambda t: t.update(memories=[t["memories"][0]] * 2)),
    "manifest of no json": lambda m: m.update({"manifest.json": b"\xff{"}),
    "manifest too deep": lambda m: m.update({"manifest.json": b"[" * 1_000_000}),
    "manifest too large": lambda m: m.update({"manifest.json": b" " * (17 << 20) + m["manifest.json"]}),
    "settings too deep": lambda m: m.update(
        {"manifest.json": m["manifest.json"].replace(b'"ratio": 8', b'"ratio": ' + b"[" * 900 + b"]" * 900)}
    ),
    "key as a path": with_memory(key="../../evil"),
    "key of another": with_memory(key=key(9)),
    "memory of another document": with_memory(document_id=key(9)),
    "wrong hash": with_memory(hash=key(9)),
    "no hash": with_memory(hash=None),
    "wrong size": with_memory(bytes=5),
    "negative size": with_memory(bytes=-1),
    "size as text": with_memory(bytes="1"),
    "count beyond SQLite": with_memory(slots=1 << 63),
    "boolean count": with_memory(windows=True),
    "not a number": with_memory(seconds=float("nan")),
    "infinite": with_memory(created_at=float("inf")),
    "unknown format": with_memory(format=2),
    "settings of no table": with_memory(settings=[]),
    "settings for a terminal": with_memory(settings={"model": "\x1b[2J"}),
    "segments of no list": with_memory(segments={"a": 1}),
    "segments too short": with_memory(segments=[[key(1)]]),
    "swapped memories": swap_memories,
    "changed memory": lambda m: m.update({f"memories/{key(1)}.safetensors": m[f"memories/{key(1)}.safetensors"][:-1] + b"?"}),
    "short memory": lambda m: m.update({f"memories/{key(1)}.safetensors": m[f"memories/{key(1)}.safetensors"][:-1]}),
    "another memory's tensors": forged_memory(SPECS, buffers(1), key(9)),
    "header beyond the file": forged_header(b""),
    "header of no json": forged_header(b"{{"),
    "tensor beyond the file": forged_header(b'{"a":{"dtype":"I8","shape":[9],"data_offsets":[0,9]}}'),
    "text of no UTF-8": lambda m: m.update({"document.txt": m["document.txt"] + b"\xff"}),
    "document of no line": lambda m: m.update({"document.txt": b"{}"}),
    "pages beyond the text": lambda m: m.update(
        {"document.txt": m["document.txt"].replace(b'["i",18]', b'["i",99]')}
    ),
    "negative page": lambda m: m.update({"document.txt": m["document.txt"].replace(b'["i",18]', b'["i",-8]')}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_import_is_refused_in_a_sentence_and_leaves_nothing(
    store: Store, exported: Path, tmp_path: Path, name: str
) -> None:
    read_memory(store, 5, add_document(store, "Own", "own"))
    store.set_budget(10**6)
    before, files = rows(store), everything(tmp_path)
    whole = exported.read_bytes()
    with pytest.warns(UserWarning, match="Duplicate name") if name == "duplicate" else contextlib.nullcontext():
        rewrite(exported, HOSTILE[name])
    assert exported.read_bytes() != whole
    with pytest.raises(BadImport) as caught:
        import_document(store, exported)
    assert caught.value.exit_status == 2
    assert str(exported) in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert rows(store) == before
    assert everything(tmp_path) - {exported} == files - {exported}
    exported.write_bytes(whole)
    assert import_document(store, exported).placed == 2


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.name.startswith("library.db")}


def test_an_import_evicts_nothing_before_it_is_found_good(store: Store, exported: Path) -> None:
    own = read_memory(store, 5, add_document(store, "Own", "own"))
    rewrite(exported, swap_memories)
    with pytest.raises(BadImport):
        import_document(store, exported, max_bytes=2 * own.bytes)
    assert store.memory(key(5)) is not None


def test_a_stranger_s_times_do_not_keep_a_memory_from_eviction_or_break_a_list(store: Store, exported: Path) -> None:
    rewrite(exported, with_memory(ready_at=9e18, created_at=9e18, last_used_at=9e18))
    import_document(store, exported)
    assert all(max(m.ready_at or 0, m.created_at, m.last_used_at) <= time.time() for m in store.memories())
    assert store.documents()[0].added_at <= time.time()


def test_a_compressed_or_cut_or_foreign_file_is_refused(store: Store, exported: Path, tmp_path: Path) -> None:
    whole = exported.read_bytes()

    def refused(path: Path) -> None:
        with pytest.raises(BadImport):
            import_document(store, path)

    for length in [*range(0, len(whole), len(whole) // 37), len(whole) - 1]:
        exported.write_bytes(whole[:length])
        refused(exported)
    for changed in (whole + b"x", b"x" + whole, whole[:-2] + b"\1\0x", b"PK\5\6" + bytes(18)):
        exported.write_bytes(changed)
        refused(exported)
    exported.write_bytes(whole)
    rewrite(exported, lambda members: None, compression=zipfile.ZIP_DEFLATED)
    refused(exported)
    directory = tmp_path / "folder.beacon"
    directory.mkdir()
    refused(directory)
    refused(tmp_path / "missing.beacon")
    refused(tmp_path / "moby.beacon" / "below")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.beacon")
        refused(tmp_path / "pipe.beacon")
    assert store.documents() == []


def test_a_byte_changed_anywhere_in_an_export_is_refused_or_changes_nothing(store: Store, exported: Path) -> None:
    whole = exported.read_bytes()
    refusals = 0
    for position in range(0, len(whole), max(1, len(whole) // 64)):
        exported.write_bytes(whole[:position] + bytes([whole[position] ^ 16]) + whole[position + 1 :])
        try:
            found = import_document(store, exported)
        except BadImport:
            refusals += 1
            assert store.memories() == []
        else:  # a time stamp in the zip, say
            assert [content(store, name) for name in (1, 2)] == [buffers(101)[0], buffers(102)[0]]
            store.remove_document(found.document.id)
    assert refusals > 40


def test_a_table_of_contents_that_would_fill_the_memory_is_not_read(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "bomb.beacon"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(30_000):
            archive.writestr(f"{number}", b"")
    with pytest.raises(BadImport, match="table of contents"):
        import_document(store, path)


# Full disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs takes root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_stops_a_copy_and_an_import_and_leaves_nothing(
    store: Store, tmp_path: Path, small_disk: Path
) -> None:
    document_id = add_document(store)
    spec = [TensorSpec("keys", "I8", (3 << 20,))]
    with reading(store, 1, document_id) as writer:
        writer.seal(spec, [bytes(3 << 20)], {}, slots=1, seconds=0)
    for act in (
        lambda: backup(store, small_disk / "copy"),
        lambda: backup(store, small_disk / "copy.tar"),
        lambda: export_document(store, document_id, small_disk / "a.beacon"),
    ):
        with pytest.raises(StorageFull):
            act()
        assert list(small_disk.iterdir()) == []
    export_document(store, document_id, tmp_path / "a.beacon")
    with Store(small_disk / "library") as small:
        own = add_document(small, "Own", "own")
        before = rows(small)
        with pytest.raises(StorageFull):
            import_document(small, tmp_path / "a.beacon")
        assert rows(small) == before
        assert list((small_disk / "library" / "memories").iterdir()) == []
        assert [path.stem for path in (small_disk / "library" / "documents").iterdir()] == [own]


def test_room_can_be_made_on_a_disk_that_is_full_to_the_last_byte(small_disk: Path) -> None:
    spec = [TensorSpec("keys", "I8", (1 << 18,))]
    with Store(small_disk / "library") as store:
        ids = [add_document(store, f"Book {number}", "x" * number) for number in range(2)]
        for number, document_id in enumerate(ids):
            with reading(store, number, document_id) as writer:
                writer.seal(spec, [bytes(1 << 18)], {}, slots=1, seconds=0)
        for size_bytes in (4096, 1):
            with contextlib.suppress(OSError), open(small_disk / f"filler{size_bytes}", "wb", buffering=0) as file:
                while file.write(bytes(size_bytes)):
                    pass
        assert shutil.disk_usage(small_disk).free == 0
        store.remove_memory(key(0))
        store.remove_document(ids[1])
        assert [document.id for document in store.documents()] == ids[:1]
    with Store(small_disk / "library") as store:
        assert verify(store).faults == ()


# The shell


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict]]:
    """Runs a `library` command with --json and gives back its exit status and what it printed."""
    from reader.shell.main import main

    def run(*arguments: object) -> tuple[int, dict]:
        command = ["library", *map(str, arguments), "--json", "--library", str(tmp_path / "library")]
        status = main(command)
        printed = capsys.readouterr().out
        return status, json.loads(printed) if printed else {}

    return run


def test_every_command_does_what_it_says(shell, store: Store, tmp_path: Path) -> None:
    document_id = add_document(store)
    size_bytes = read_memory(store, 1, document_id).bytes
    found = shell("list")[1]["documents"][0]
    assert (found["state"], found["pinned"], found["memory_bytes"]) == ("ready", False, size_bytes)
    assert [hit["page"] for hit in shell("search", "ishmael")[1]["hits"]] == [1]
    assert shell("verify") == (0, {"files": 3, "bytes": shell("verify")[1]["bytes"], "faults": []})
    assert shell("export", "Moby Dick", tmp_path / "a.beacon")[0] == 0
    assert shell("import", tmp_path / "a.beacon")[1]["already_here"] == 1
    assert shell("backup", tmp_path / "copy")[1]["memories"] == 1
    assert shell("backup", tmp_path / "copy")[0] == 2
    assert shell("pin", "Moby Dick")[1]["pinned"] is True
    assert shell("budget", 10)[0] == 2
    assert shell("budget")[1] == {"max_bytes": None, "memory_bytes": size_bytes, "evicted": []}
    assert shell("unpin", document_id[:8])[1]["pinned"] is False
    assert shell("budget", "1.2kB")[1] == {"max_bytes": 1200, "memory_bytes": 0, "evicted": [key(1)]}
    found = shell("list")[1]["documents"][0]
    assert (found["state"], found["must_be_read_again"]) == ("unread", True)
    assert shell("budget", "none")[1]["max_bytes"] is None
    assert shell("gc")[0] == 0
    assert shell("rebuild")[0] == 1  # it is open here
    store.close()
    assert shell("rebuild")[0] == 1  # it is whole
    made = shell("rebuild", "--force")[1]
    assert (made["documents"], made["memories"], made["put_aside"], made["lost"]) == (1, 0, [], {})
    (tmp_path / "library" / "documents" / f"{document_id}.txt").write_text("changed")
    status, told = shell("verify")
    assert (status, len(told["faults"])) == (1, 1)
    (tmp_path / "a.beacon").write_text("no zip")
    assert shell("import", tmp_path / "a.beacon") == (2, {})


def test_people_are_told_what_must_be_read_again(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    from reader.shell.main import main

    read_memory(store, 1, add_document(store))
    add_document(store, "Never", "never")
    store.make_room(0, 0)
    for command in (["list"], ["show", "Moby Dick"]):
        assert main(["library", *command, "--library", str(store.folder)]) == 0
        assert "must be read again" in " ".join(capsys.readouterr().out.split())
    assert main(["library", "show", "Never", "--library", str(store.folder)]) == 0
    assert "not read" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "-1", "1e9", "ten", "nan", "1PB", "٣", "1_000", "5 GBB"])
def test_what_is_no_number_of_bytes_is_refused(text: str) -> None:
    from reader.shell.flags import byte_count

    with pytest.raises(argparse.ArgumentTypeError):
        byte_count(text)
    assert [byte_count(good) for good in ("0", "500", "1.5kB", "2 GB", "3tb")] == [0, 500, 1500, 2 * 10**9, 3 * 10**12]


# A real memory


def test_a_memory_read_here_is_asked_there(tmp_path: Path, tiny_model) -> None:
    from reader.answering import ask, attach, choose_memory
    from reader.reading import read, stored_document

    document = make_document(120)
    answers = []
    with Store(tmp_path / "big") as big:
        result = read(document, tiny_model, big)
        answers.append([part.text for part in ask(attach(result.memory, tiny_model, big), "Who?", tiny_model)])
        export_document(big, document.id, tmp_path / "a.beacon")
    with Store(tmp_path / "small") as small:
        import_document(small, tmp_path / "a.beacon")
        assert stored_document(small, document.id).text == document.text
        record = choose_memory(small, document.id, tiny_model)
        assert record is not None
        answers.append([part.text for part in ask(attach(record, tiny_model, small), "Who?", tiny_model)])
        assert read(document, tiny_model, small).tokens_read == 0
        # Evicted, it is read again into the very same memory.
        assert [memory.key for memory in small.make_room(record.bytes, record.bytes)] == [record.key]
        assert small.document(document.id).state == "unread"
        again = read(document, tiny_model, small)
        assert again.tokens_read == again.document_tokens
        assert (again.memory.key, again.memory.imported) == (record.key, False)
    assert answers[0] == answers[1]


@pytest.fixture
def two_models(tiny_folder: Callable[..., Path], tmp_path: Path) -> list:
    from reader.models.model import load_model

    return [load_model(str(tiny_folder("llama", seed=n)), window=32, cache_folder=tmp_path / "cache") for n in (0, 1)]


def test_a_memory_that_is_not_what_its_row_says_is_never_attached(tmp_path: Path, two_models: list) -> None:
    from reader.answering import attach
    from reader.reading.loop import read

    first, second = two_models
    document = make_document(60)
    with Store(tmp_path / "library") as store:
        mine, other = read(document, first, store).memory, read(document, second, store).memory
        assert mine.bytes == other.bytes  # nothing but the content tells them apart
        path, other_path = (tmp_path / "library" / "memories" / r.key / "memory.safetensors" for r in (mine, other))
        whole, foreign = path.read_bytes(), other_path.read_bytes()
        changes = {"another model's": foreign, "cut": whole[:-1], "empty": b"", "longer": whole + b"\0"}
        for position in range(0, len(whole), len(whole) // 64):
            changes[f"flipped at {position}"] = whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :]
        for name, changed in changes.items():
            path.write_bytes(changed)
            with pytest.raises(CorruptMemory, match="Read the document again"):
                attach(mine, first, store)
            assert [fault.file for fault in verify(store).faults] == [f"memories/{mine.key}/memory.safetensors"], name
        other_path.write_bytes(whole)
        path.write_bytes(foreign)  # the two swapped
        for record, model in ((mine, first), (other, second)):
            with pytest.raises(CorruptMemory):
                attach(record, model, store)
        # Reading again is the way out that the message names.
        assert read(document, first, store).memory.hash == mine.hash
        attach(mine, first, store)
