"""`library verify` finds every byte that is not as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.library import (
    add_document,
    add_read_document,
    add_segment,
    expected,
    library,
    memory_file,
    reading,
)

from storage import (
    Store,
    StoredDocument,
    backup,
    keep_original,
    text_id,
    verify,
)

__all__ = ["expected", "library"]  # fixtures


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


@pytest.fixture
def original(store: Store, tmp_path: Path) -> str:
    """A document with its original and cover, as two users have it."""
    pages = [("1", "One."), ("2", "Two.")]
    document = StoredDocument.new(text_id(b"One.Two."), "Book", "a.pdf", "pdf", pages)
    (tmp_path / "a.pdf").write_bytes(b"%PDF " * 1000)
    for user in ("ann", "bob"):
        name = keep_original(store.folder, document.id, tmp_path / "a.pdf", b"\xff\xd8" + b"cover" * 100)
        with store.adding_document(document) as db:
            store.user_documents.hold(db, user, document, name)
    assert (verify(store).files, verify(store).faults) == (3, ())
    return name


@pytest.mark.parametrize("kind", ["pdf", "jpg"])
def test_a_byte_changed_anywhere_in_an_original_or_a_cover_is_found(
    store: Store, tmp_path: Path, original: str, kind: str
) -> None:
    path = store.folder / "originals" / f"{original}.{kind}"
    whole = path.read_bytes()
    for position in range(0, len(whole), len(whole) // 8):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        assert [fault.file for fault in verify(store).faults] == [f"originals/{path.name}"]
    path.unlink()
    (fault,) = verify(store).faults
    assert (fault.file, fault.reason) == (f"originals/{path.name}", "It is missing. Add the file to the library again.")
    # The way out that the sentence names.
    path.write_bytes(b"broken")
    keep_original(store.folder, original[:64], tmp_path / "a.pdf", b"\xff\xd8" + b"cover" * 100)
    assert verify(store).faults == ()


def test_a_cover_that_is_drawn_anew_is_no_fault_for_those_who_had_the_file_before(
    store: Store, tmp_path: Path, original: str
) -> None:
    record = store.user_documents.get("ann", original[:64]).document
    document = StoredDocument.of(record, store.user_documents.pages("ann", original[:64]))
    with store.adding_document(document) as db:
        assert keep_original(store.folder, document.id, tmp_path / "a.pdf", b"\xff\xd8another") == original
        store.user_documents.hold(db, "cem", document, original)
    assert verify(store).faults == ()


@pytest.mark.parametrize("kind", ["pdf", "jpg"])
def test_a_backup_leaves_out_a_broken_original_or_cover_and_says_so(
    store: Store, tmp_path: Path, original: str, kind: str
) -> None:
    path = store.folder / "originals" / f"{original}.{kind}"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    made = backup(store, tmp_path / "copy")
    assert [fault.file for fault in made.left_out] == [f"originals/{path.name}"]
    with Store(tmp_path / "copy") as copy:
        assert verify(copy).faults == ()
        names = {file.name for file in (tmp_path / "copy" / "originals").iterdir()}
        assert names == ({f"{original}.pdf"} if kind == "jpg" else set())
        assert copy.user_documents.get("ann", original[:64]).original == (original if kind == "jpg" else None)


def test_originals_that_an_older_version_kept_are_compared_from_now_on(library: Path, expected: dict[str, Any]) -> None:
    with Store(library) as store:
        assert verify(store).faults == ()
    (kept,) = (library / "originals").glob("*.pdf")
    for path in (kept, kept.with_suffix(".jpg")):
        whole = path.read_bytes()
        path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
        with Store(library) as store:
            assert [fault.file for fault in verify(store).faults] == [f"originals/{path.name}"]
        path.write_bytes(whole)


@pytest.mark.parametrize("user", ["", "ann"])
def test_a_document_under_another_title_is_no_fault_and_its_file_keeps_the_first(store: Store, user: str) -> None:
    document_id = add_document(store)
    content = store.document_file(document_id).read_bytes()
    document = StoredDocument.new(document_id, "The Whale", "whale.pdf", "pdf", [("1", store.text(document_id))])
    with store.adding_document(document) as db:
        store.user_documents.hold(db, user, document, None)
    store.user_documents.rename(user, document_id, "My whale")
    assert store.document(document_id).title == ("Moby Dick" if user else "My whale")
    assert verify(store).faults == ()
    store.document_file(document_id).unlink()
    with Store(store.folder) as again:
        assert again.document_file(document_id).read_bytes() == content
        assert verify(again).faults == ()


def test_a_text_changed_in_the_database_is_found(store: Store) -> None:
    add_document(store)
    with store.database.transaction() as db:
        db.execute("UPDATE pages SET text = 'Call me Ishmaek. ' || char(10) WHERE number = 1")
    faults = verify(store).faults
    assert any("its id was made from" in fault.reason for fault in faults)
