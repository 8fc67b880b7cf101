"""A document with its memories goes from one library to another, and nothing hostile comes in."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.library import (
    PAGES,
    SPECS,
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
    BadImport,
    CorruptMemory,
    NotFound,
    NotWritable,
    OverBudget,
    Store,
    TensorSpec,
    export_document,
    import_document,
    rebuild,
    verify,
    write_tensors,
)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    with Store(tmp_path / "there") as there:
        document_id = add_read_document(there, 1, 2)
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


def with_pages(document: bytes, pages: int) -> bytes:
    """The file of a document, with empty pages behind its own until there are so many."""
    line, _, text = document.partition(b"\n")
    head = json.loads(line)
    head["pages"] += [["", 0]] * (pages - len(head["pages"]))
    return json.dumps(head).encode() + b"\n" + text


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
    "more windows than tokens": with_memory(windows=9, tokens=4),
    "more tokens than letters": with_memory(tokens=1 << 40),
    "more slots than bytes": with_memory(slots=1 << 40),
    "settings of a megabyte": with_memory(settings={"model": "x" * (1 << 20)}),
    "a setting past all numbers": with_memory(settings={"window": 10**30}),
    "an infinite setting": lambda m: m.update({"manifest.json": m["manifest.json"].replace(b'"ratio": 8', b'"ratio": 1e999')}),
    "more pages than a document has": lambda m: m.update({"document.txt": with_pages(m["document.txt"], 20_001)}),
    "a number that is none": lambda m: forged_memory(SPECS, [b"\x00\x7e" * 512, b"abc"], key(1))(m),
    "an infinite number": lambda m: forged_memory(SPECS, [bytes(1022) + b"\x00\xfc", b"abc"], key(1))(m),
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
    assert repr(exported.name) in str(caught.value)
    assert str(exported.parent) not in str(caught.value)  # it may be a folder of the server, shown on a page
    assert len(str(caught.value)) < 1000
    assert rows(store) == before
    assert everything(tmp_path) - {exported} == files - {exported}
    exported.write_bytes(whole)
    assert import_document(store, exported).placed == 2


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.name.startswith("library.db")}


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_what_was_damaged_on_its_way_is_said_to_be_damaged(store: Store, exported: Path, share: float) -> None:
    whole = exported.read_bytes()
    at = int(len(whole) * share)
    exported.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    with pytest.raises(BadImport, match=r"cannot be imported: (it|a memory in it) is damaged"):
        import_document(store, exported)
    exported.write_bytes(whole[:at])
    with pytest.raises(BadImport, match="no export of a library, or only the beginning of one"):
        import_document(store, exported)


def test_the_names_of_an_import_are_cut_as_those_of_a_file_are(store: Store, exported: Path) -> None:
    def rename(members: dict[str, bytes]) -> None:
        line, _, text = members["document.txt"].partition(b"\n")
        head = json.loads(line)
        head.update(title="T" * 1_000_000, file_name="f" * 1_000_000)
        head["pages"][0][0] = "l" * 1_000_000
        members["document.txt"] = json.dumps(head).encode() + b"\n" + text

    rewrite(exported, rename)
    found = import_document(store, exported).document
    assert (found.title, found.file_name) == ("T" * 200, "f" * 200)
    assert [page.label for page in store.pages(found.id)][:2] == ["l" * 200, PAGES[1][0]]
    assert store.user_documents.get("", found.id).document.title == "T" * 200
    assert verify(store).faults == ()


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
