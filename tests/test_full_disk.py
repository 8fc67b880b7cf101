"""A full disk stops a write in a sentence, leaves nothing behind, and can be emptied again."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import disks
from helpers.library import (
    add_document,
    key,
    reading,
    rows,
)

from storage import (
    StorageFull,
    Store,
    TensorSpec,
    backup,
    export_document,
    import_document,
    verify,
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disks.small_disk(tmp_path / "disk", "2m") as disk:
        yield disk


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


def fill(disk: Path) -> None:
    """Fill a disk to its last byte."""
    for size_bytes in (4096, 1):
        with contextlib.suppress(OSError), open(disk / f"filler{size_bytes}", "wb", buffering=0) as file:
            while file.write(bytes(size_bytes)):
                pass
    assert shutil.disk_usage(disk).free == 0


@pytest.mark.parametrize("is_read", [True, False])
@pytest.mark.parametrize("was_killed", [True, False])
def test_a_library_on_a_full_disk_is_opened_listed_and_emptied(
    tmp_path: Path, small_disk: Path, is_read: bool, was_killed: bool
) -> None:
    spec = [TensorSpec("keys", "I8", (1 << 18,))]
    folder = small_disk / "library"
    with Store(folder) as store:
        ids = [add_document(store, f"Book {number}", "x" * number) for number in range(3)]
        if is_read:
            for number, document_id in enumerate(ids):
                with reading(store, number, document_id) as writer:
                    writer.seal(spec, [bytes([number]) * (1 << 18)], {}, slots=1, seconds=0)
        if was_killed:  # the last transactions are still in the log
            shutil.copytree(folder, tmp_path / "killed", ignore=shutil.ignore_patterns("*-shm"))
    if was_killed:
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "killed", folder)
        assert (folder / "library.db-wal").stat().st_size
    fill(small_disk)
    with Store(folder) as store:
        assert {document.id for document in store.documents()} == set(ids)
        assert len(store.search("ishmael")) == 3
        if is_read:
            with store.open_memory(key(2)) as tensors:
                assert bytes(tensors["keys"][2][:1]) == b"\2"
        for write in (lambda: add_document(store, "New", "n" * 100_000), lambda: store.pin(ids[0])):
            with pytest.raises(StorageFull, match="no room"):
                write()
        if was_killed and not is_read:  # what only the log has needs room in the database, and no memory can make any
            with pytest.raises(StorageFull, match="no room"):
                store.remove_document(ids[0])
            (small_disk / "filler4096").unlink()
        store.remove_document(ids[0])
        assert {document.id for document in store.documents()} == set(ids[1:])
    with Store(folder) as store:
        assert {document.id for document in store.documents()} == set(ids[1:])
        assert verify(store).faults == ()


def test_room_can_be_made_on_a_disk_that_is_full_to_the_last_byte(small_disk: Path) -> None:
    spec = [TensorSpec("keys", "I8", (1 << 18,))]
    with Store(small_disk / "library") as store:
        ids = [add_document(store, f"Book {number}", "x" * number) for number in range(2)]
        for number, document_id in enumerate(ids):
            with reading(store, number, document_id) as writer:
                writer.seal(spec, [bytes(1 << 18)], {}, slots=1, seconds=0)
        fill(small_disk)
        store.remove_memory(key(0))
        store.remove_document(ids[1])
        assert [document.id for document in store.documents()] == ids[:1]
    with Store(small_disk / "library") as store:
        assert verify(store).faults == ()
