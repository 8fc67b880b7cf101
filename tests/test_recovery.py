"""A database that is lost or damaged is made again from the files."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlite_utils
from helpers.library import (
    add_document,
    add_read_document,
    add_segment,
    buffers,
    content,
    key,
    memory_file,
    reading,
    rows,
)

from storage import (
    NotWritable,
    Store,
    StoreBusy,
    StoreError,
    collect_garbage,
    rebuild,
    verify,
)
from storage.schema import migrations


def test_a_lost_database_is_told_and_made_again_from_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    with Store(folder) as store:
        for number in range(3):
            document_id = add_read_document(store, number, title=f"Book {number}", extra="x" * number)
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
        add_read_document(store, 1)
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
        ids = [add_read_document(store, number, title=f"Book {number}", extra="x" * number) for number in range(6)]
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
        add_read_document(store, 1)
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
