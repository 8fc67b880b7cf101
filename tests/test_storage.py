"""Laws of the library on disk at its public surface; what faults do to it is in test_storage_faults.py."""

from __future__ import annotations

import array
import ast
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import storage
from storage import MappedTensors, NotFound, Store, StoreBusy, StoreError, TensorSpec, text_id, verify, write_tensors

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = "d" * 64
OTHER_DOCUMENT = "deadbeef" + "e" * 56
SPECS = [TensorSpec("keys", "F32", (2, 3)), TensorSpec("offsets", "I64", (1,)), TensorSpec("scales", "I8", (5,))]


def key(name: int) -> str:
    return f"{name:064x}"


def buffers(seed: int) -> list[object]:
    floats = array.array("f", [seed + place / 8 for place in range(6)])
    return [floats, (seed).to_bytes(8, "little"), [b"ab", bytearray(b"cde")]]


def add_document(store: Store, document_id: str = DOCUMENT, title: str = "Moby Dick") -> None:
    pages = [("i", "Call me Ishmael. "), ("ii", "Sömé years ago…\n"), ("1", "")]
    store.add_document(document_id, title=title, file_name=f"{title}.txt", format="text", pages=pages)


def add_segments(writer: storage.MemoryWriter, chain: list[str]) -> None:
    for number, chain_key in enumerate(chain, start=len(writer.segments)):
        writer.add_segment(
            chain_key, tokens=8, slots=2, seconds=1.5, specs=SPECS, buffers=buffers(number), metadata={"note": "x"}
        )


def reading(store: Store, memory_key: str, document_id: str = DOCUMENT):
    return store.writing(memory_key, document_id, settings={"ratio": 8, "model": "tiny"}, windows=4, tokens=32)


def read_memory(store: Store, memory_key: str, chain: list[str]) -> None:
    with reading(store, memory_key) as writer:
        add_segments(writer, chain)
        writer.seal(SPECS, buffers(7), {"note": "whole"}, slots=2 * len(chain), seconds=0.5)


# Files


def test_a_written_file_opens_with_the_safetensors_library(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "a.safetensors"
    size_bytes, _ = write_tensors(path, SPECS, buffers(3), {"title": "Skarvøy"})
    loaded = safetensors.load(path.read_bytes())
    assert size_bytes == path.stat().st_size
    assert loaded["keys"].tolist() == [[3, 3.125, 3.25], [3.375, 3.5, 3.625]]
    assert loaded["offsets"].tolist() == [3]
    assert loaded["scales"].tobytes() == b"abcde"
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_file_of_the_safetensors_library_can_be_mapped(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    blake3 = pytest.importorskip("blake3")
    from safetensors.numpy import save_file

    path = tmp_path / "b.safetensors"
    save_file({"z": numpy.arange(4, dtype="int16"), "a": numpy.ones((2, 0), "float32")}, path, metadata={"k": "v"})
    content = path.read_bytes()
    with MappedTensors(path, expected_hash=blake3.blake3(content).hexdigest(), expected_bytes=len(content)) as tensors:
        assert {name: (dtype, shape) for name, (dtype, shape, _) in tensors.items()} == {
            "z": ("I16", (4,)),
            "a": ("F32", (2, 0)),
        }
        assert tensors["z"][2].tobytes() == numpy.arange(4, dtype="int16").tobytes()
        assert tensors.metadata == {"k": "v"}


def test_a_map_is_read_only_aligned_and_outlives_its_closing(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    size_bytes, digest = write_tensors(path, SPECS, buffers(1), {})
    tensors = MappedTensors(path, expected_hash=digest, expected_bytes=size_bytes)
    view = tensors["scales"][2]
    header_bytes = int.from_bytes(path.read_bytes()[:8], "little")
    assert view.readonly
    assert (8 + header_bytes) % 64 == 0
    tensors.close()
    path.unlink()
    assert view.tobytes() == b"abcde"


@pytest.mark.parametrize(
    ("specs", "given"),
    [
        ([TensorSpec("a", "F32", (2,))], [b"1234567"]),
        ([TensorSpec("a", "F32", (2,))], [b"123456789"]),
        ([TensorSpec("a", "F32", (2,))], [[b"1234", b"56789"]]),
        ([TensorSpec("a", "F32", (2,))], []),
        ([TensorSpec("a", "F32", (1,))], [b"1234", b"1234"]),
        ([TensorSpec("a", "I8", (1,)), TensorSpec("a", "I8", (1,))], [b"1", b"2"]),
        ([TensorSpec("__metadata__", "I8", (1,))], [b"1"]),
        ([TensorSpec("a", "F33", (1,))], [b"1234"]),
        ([TensorSpec("a", "I8", (-1,))], [b""]),
        ([TensorSpec("a", "I8", (1,)), TensorSpec("b", "F32", (1,))], [b"1", b"1234"]),
    ],
)
def test_what_does_not_fit_its_spec_is_refused_and_leaves_no_file(tmp_path: Path, specs, given) -> None:
    with pytest.raises(ValueError, match=r"tensor|argument"):
        write_tensors(tmp_path / "a.safetensors", specs, given, {})
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_buffers_are_made_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_tensors(path, SPECS, buffers(1), {})
    before = path.read_bytes()

    def breaking():
        yield buffers(2)[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tensors(path, SPECS, breaking(), {})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# Documents


def test_pages_tile_the_text(store: Store) -> None:
    add_document(store)
    pages = store.pages(DOCUMENT)
    text = store.text(DOCUMENT)
    assert [page.number for page in pages] == [1, 2, 3]
    assert [page.label for page in pages] == ["i", "ii", "1"]
    assert [page.start_char for page in pages] == [0, *(page.end_char for page in pages[:-1])]
    assert all(text[page.start_char : page.end_char] == page.text for page in pages)
    assert store.document(DOCUMENT).chars == len(text) == pages[-1].end_char


def test_adding_a_document_again_keeps_the_first(store: Store) -> None:
    add_document(store)
    first = store.document(DOCUMENT)
    assert store.add_document(DOCUMENT, title="Other", file_name="o", format="pdf", pages=[("1", "x")]) == first
    assert store.documents() == [first]
    assert len(store.pages(DOCUMENT)) == 3


def test_a_document_goes_by_id_prefix_title_and_file_name(store: Store) -> None:
    add_document(store)
    add_document(store, OTHER_DOCUMENT, "Emma")
    for reference in (OTHER_DOCUMENT, OTHER_DOCUMENT.upper(), "dead", "DEADBEEF", "Emma", "Emma.txt"):
        assert store.document(reference).id == OTHER_DOCUMENT
    for reference in ("dea", "", "Emm", "%", "dead%", "' OR 1=1 --", "feedfeed"):
        with pytest.raises(NotFound, match="Emma") as caught:
            store.document(reference)
        assert caught.value.exit_status == 2


def test_an_ambiguous_name_lists_the_candidates(store: Store) -> None:
    add_document(store, OTHER_DOCUMENT, "Emma")
    add_document(store, "c" * 64, "Emma")
    add_document(store, "b" * 64, "dead")
    with pytest.raises(NotFound, match=r"cccccccccccc .*deadbeefeeee"):
        store.document("Emma")
    with pytest.raises(NotFound, match=r"bbbbbbbbbbbb .*deadbeefeeee"):
        store.document("dead")


def test_documents_are_newest_first_with_what_their_memories_take(store: Store) -> None:
    add_document(store)
    add_document(store, OTHER_DOCUMENT, "Emma")
    read_memory(store, key(1), [key(11)])
    with reading(store, key(2)) as writer:
        add_segments(writer, [key(11)])
    assert [document.id for document in store.documents()] == [OTHER_DOCUMENT, DOCUMENT]
    ready = store.memory(key(1))
    assert ready is not None
    part = store.memory(key(2))
    assert part is not None
    assert part.bytes > 0
    assert [(d.memories, d.memory_bytes) for d in store.documents()] == [(0, 0), (1, ready.bytes + part.bytes)]


def test_a_name_that_is_no_text_is_kept_readable_and_found_again(store: Store) -> None:
    store.add_document(DOCUMENT, title="a\udcffb", file_name="\udcff.txt", format="text", pages=[("\udcff", "x")])
    assert store.document("a\udcffb").title == "a?b"
    with pytest.raises(UnicodeEncodeError):
        store.add_document(key(1), title="t", file_name="f", format="text", pages=[("1", "\udcff")])
    assert len(store.documents()) == 1


def test_the_full_text_index_follows_the_pages(store: Store) -> None:
    def hits(word: str) -> list[int]:
        sql = "SELECT number FROM pages_fts JOIN pages ON pages.id = pages_fts.rowid WHERE pages_fts MATCH ?"
        return [row["number"] for row in store.database.read(sql, (word,))]

    add_document(store)
    assert (hits("ishmael"), hits("some")) == ([1], [2])
    store.remove_document(DOCUMENT)
    assert hits("ishmael") == []
    with store.database.transaction() as db:
        db.execute("INSERT INTO pages_fts (pages_fts, rank) VALUES ('integrity-check', 1)")


def test_removing_a_document_removes_its_memories_and_their_files(store: Store) -> None:
    add_document(store)
    add_document(store, OTHER_DOCUMENT, "Emma")
    read_memory(store, key(1), [key(11), key(12)])
    with reading(store, key(2)) as writer:
        add_segments(writer, [key(11)])
    with reading(store, key(3), OTHER_DOCUMENT) as writer:
        add_segments(writer, [key(13)])
    memories = store.folder / "memories"
    held = [path for name in (1, 2) for path in (memories / key(name)).iterdir()]
    held_bytes = sum(path.stat().st_size for path in (*held, store.folder / "documents" / f"{DOCUMENT}.txt"))
    before_bytes = store.size_bytes()
    assert store.remove_document(DOCUMENT) == held_bytes > 0
    assert [path.name for path in memories.iterdir()] == [key(3)]
    assert [path.stem for path in (store.folder / "documents").iterdir()] == [OTHER_DOCUMENT]
    assert [memory.key for memory in store.memories()] == [key(3)]
    assert store.find_prefix([key(11)]) is None
    assert store.size_bytes() < before_bytes + 100_000
    for call in (store.remove_document, store.pages, store.text):
        with pytest.raises(NotFound):
            call(DOCUMENT)


def test_of_what_was_removed_no_file_keeps_the_words_while_the_library_is_open(store: Store) -> None:
    add_document(store)
    conversation = store.conversations.add([DOCUMENT])
    store.conversations.add_turn(conversation, "Who was calm?", "The keeper of the lamp.", evidence=[], counts={})
    kept = [file for file in store.folder.rglob("*") if file.is_file()]
    assert any(b"The keeper of the lamp." in file.read_bytes() for file in kept)
    store.conversations.remove(conversation.id)
    store.remove_document(DOCUMENT)
    for file in filter(Path.is_file, store.folder.rglob("*")):
        for words in (b"Call me Ishmael.", b"Moby Dick", b"Who was calm?", b"The keeper of the lamp."):
            assert words not in file.read_bytes(), file


@pytest.mark.parametrize("bad", ["", "../../etc", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n"])
def test_only_keys_become_paths(store: Store, bad: str) -> None:
    add_document(store)
    with pytest.raises(ValueError, match="key"):
        store.add_document(bad, title="t", file_name="f", format="text", pages=[])
    with pytest.raises(ValueError, match="key"), reading(store, bad):
        pass
    with pytest.raises(NotFound):
        store.open_memory(bad)
    assert store.memory(bad) is None
    assert list((store.folder / "memories").iterdir()) == []


# Memories


def test_a_sealed_memory_is_one_file_and_its_manifest_and_opens_verified(store: Store) -> None:
    add_document(store)
    read_memory(store, key(1), [key(11), key(12)])
    record = store.memory(key(1))
    assert record is not None
    assert record.state == "ready"
    assert record.settings == {"ratio": 8, "model": "tiny"}
    assert (record.slots, record.tokens, record.windows, record.seconds) == (4, 32, 4, 3.5)
    assert record.ready_at is not None
    assert record.ready_at >= record.created_at
    folder = store.folder / "memories" / key(1)
    assert {path.name for path in folder.iterdir()} == {"memory.json", "memory.safetensors"}
    assert (folder / "memory.safetensors").stat().st_size == record.bytes
    with store.open_memory(key(1)) as tensors:
        assert tensors["offsets"][2].tobytes() == (7).to_bytes(8, "little")
        assert tensors.metadata["note"] == "whole"
        assert tensors.metadata["memory_key"] == key(1)
    after = store.memory(key(1))
    assert after is not None
    assert after.last_used_at > record.last_used_at
    assert [(s.number, s.first_slot, s.key, s.file) for s in store.segments(key(1))] == [
        (0, 0, key(11), None),
        (1, 2, key(12), None),
    ]


def test_an_interrupted_reading_goes_on_where_it_stopped(store: Store) -> None:
    add_document(store)

    def interrupted() -> None:
        with reading(store, key(1)) as writer:
            add_segments(writer, [key(11), key(12)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with Store(store.folder) as again, reading(again, key(1)) as writer:
        assert writer.record.state == "reading"
        assert writer.record.slots == 4
        assert writer.record.seconds == 3
        assert [segment.key for segment in writer.segments] == [key(11), key(12)]
        with writer.open_segment(1) as tensors:
            assert tensors["offsets"][2].tobytes() == (1).to_bytes(8, "little")
        add_segments(writer, [key(13)])
        assert writer.segments[2].first_slot == 4
    with pytest.raises(NotFound):
        store.open_memory(key(1))


def test_a_memory_without_a_finished_segment_leaves_nothing(store: Store) -> None:
    add_document(store)
    with reading(store, key(1)) as writer:
        assert writer.record.state == "reading"
    assert store.memories() == []
    assert list((store.folder / "memories").iterdir()) == []


def test_a_ready_memory_is_not_written_again(store: Store) -> None:
    add_document(store)
    read_memory(store, key(1), [key(11)])
    with reading(store, key(1)) as writer:
        assert writer.record.state == "ready"
        with pytest.raises(ValueError, match="ready"):
            add_segments(writer, [key(12)])
        with pytest.raises(ValueError, match="ready"):
            writer.seal(SPECS, buffers(1), {}, slots=1, seconds=0)
    store.open_memory(key(1)).close()


def test_a_writer_is_of_no_use_after_its_block(store: Store) -> None:
    add_document(store)
    with reading(store, key(1)) as writer:
        add_segments(writer, [key(11)])
    with pytest.raises(ValueError, match="over"):
        add_segments(writer, [key(12)])


def test_a_memory_needs_its_document(store: Store) -> None:
    with pytest.raises(NotFound), reading(store, key(1)):
        pass
    assert list((store.folder / "memories").iterdir()) == []


def test_the_longest_prefix_wins(store: Store) -> None:
    add_document(store)
    chain = [key(number) for number in range(100, 106)]
    assert store.find_prefix(chain) is None
    read_memory(store, key(1), chain[:2])
    with reading(store, key(2)) as writer:
        add_segments(writer, [*chain[:4], key(999)])
    assert store.find_prefix(chain) == (key(2), 4)
    assert store.find_prefix(chain[:2]) == (key(1), 2)  # as long in both: the ready one
    assert store.find_prefix([*chain[:3], key(998)]) == (key(2), 3)
    assert store.find_prefix([key(998), *chain[1:]]) is None
    assert store.find_prefix(chain[1:]) is None
    assert store.find_prefix([]) is None
    assert store.remove_memory(key(2)) > 0
    assert store.find_prefix(chain) == (key(1), 2)


# Several at once


def test_one_thread_waits_for_the_other_to_finish_the_same_memory(store: Store) -> None:
    add_document(store)
    waited: list[int] = []
    states: list[str] = []

    def second() -> None:
        with store.writing(
            key(1), DOCUMENT, settings={}, windows=1, tokens=8, on_wait=lambda: waited.append(1)
        ) as writer:
            states.append(writer.record.state)

    with reading(store, key(1)) as writer:
        thread = threading.Thread(target=second)
        thread.start()
        while not waited:
            thread.join(0.05)
        with pytest.raises(StoreBusy):
            store.remove_document(DOCUMENT)
        with pytest.raises(StoreBusy):
            store.remove_memory(key(1))
        Store(store.folder).close()  # its sweep must leave the memory alone
        add_segments(writer, [key(11)])
        writer.seal(SPECS, buffers(1), {}, slots=1, seconds=0)
    thread.join(60)
    assert states == ["ready"]
    assert [path.name for path in (store.folder / "memories").iterdir()] == [key(1)]


def test_waiting_can_be_given_up(store: Store) -> None:
    class GivenUp(Exception):
        pass

    def give_up() -> None:
        raise GivenUp

    add_document(store)
    again = store.writing(key(1), DOCUMENT, settings={}, windows=1, tokens=1, on_wait=give_up)
    with reading(store, key(1)), pytest.raises(GivenUp), again:
        pass
    assert list((store.folder / "memories").iterdir()) == []


def test_who_reads_and_then_writes_in_one_transaction_is_not_overtaken(store: Store) -> None:
    other = threading.Thread(target=add_document, args=(store,))
    with store.database.transaction() as db:
        assert db.execute("SELECT COUNT(*) FROM documents").fetchone() == (0,)
        other.start()
        other.join(0.3)
        columns = "id, title, file_name, format, pages, chars, added_at"
        db.execute(f"INSERT INTO documents ({columns}) VALUES (?, 't', 'f', 'text', 0, 0, 0)", (OTHER_DOCUMENT,))
    other.join(60)
    assert [document.id for document in store.documents()] == [DOCUMENT, OTHER_DOCUMENT]


SHARING = """
import sys, threading
from pathlib import Path
from storage import Store
folder, process = Path(sys.argv[1]), int(sys.argv[2])
pages = [("1", "x y " * 50)] * 5
failures = []
def work(store, thread):
    try:
        for turn in range(5):
            number = process * 1000 + thread * 10 + turn
            store.add_document(f"{number:064x}", title=str(number), file_name="f", format="text", pages=pages)
            store.documents()
            Store(folder).close()
    except Exception as error:
        failures.append(repr(error))
with Store(folder) as store:
    threads = [threading.Thread(target=work, args=(store, n)) for n in range(8)]
    [t.start() for t in threads]; [t.join() for t in threads]
print("\\n".join(failures)); sys.exit(bool(failures))
"""


def test_eight_threads_in_each_of_four_processes_add_documents_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    command = [sys.executable, "-c", SHARING, str(folder)]
    children = [
        subprocess.Popen([*command, str(n)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for n in range(4)
    ]
    outputs = [child.communicate(timeout=120)[0] for child in children]
    assert [child.returncode for child in children] == [0] * 4, outputs
    with Store(folder) as store:
        assert len(store.documents()) == 160
        assert all(d.pages == 5 for d in store.documents())


COUNTING = """
import sys
from pathlib import Path
from storage import Store
folder, counter = Path(sys.argv[1]), Path(sys.argv[2])
with Store(folder) as store:
    for _ in range(30):
        with store.writing("a" * 64, "d" * 64, settings={}, windows=1, tokens=1):
            value = int(counter.read_text())
            counter.write_text(str(value + 1))
"""


def test_the_lock_excludes_although_its_file_is_removed_each_time(store: Store, tmp_path: Path) -> None:
    add_document(store)
    counter = tmp_path / "counter"
    counter.write_text("0")
    command = [sys.executable, "-c", COUNTING, str(store.folder), str(counter)]
    children = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    errors = [child.communicate(timeout=120)[1] for child in children]
    assert [child.returncode for child in children] == [0] * 4, errors
    assert counter.read_text() == "120"
    assert list((store.folder / "memories").iterdir()) == []


# The surface


def test_storage_imports_no_tensor_library_and_nothing_of_the_reader() -> None:
    imported = set()
    for path in (ROOT / "storage").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    assert not imported & {"torch", "numpy", "transformers", "reader", "app", "tests"}


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.documents()


def test_settings_come_back_as_they_were_given(store: Store) -> None:
    add_document(store)
    settings = {"ratio": [2, 4], "model": "ø", "window": 512, "sink": None}
    with store.writing(key(1), DOCUMENT, settings=settings, windows=1, tokens=1) as writer:
        assert json.loads(json.dumps(writer.record.settings)) == settings


def test_foreign_keys_hold(store: Store) -> None:
    with pytest.raises(StoreError), store.database.transaction() as db:
        db.execute("INSERT INTO pages VALUES (1, 'nobody', 1, '1', 0, 1, 'x')")
    assert store.database.read("SELECT COUNT(*) AS n FROM pages") == [{"n": 0}]
    assert store.database.read("PRAGMA journal_mode") == [{"journal_mode": "wal"}]


def test_a_document_notes_the_newest_parser_that_gave_its_text(store: Store) -> None:
    def add(parser_version: int | None) -> int | None:
        fields = {"title": "T", "file_name": "t.txt", "format": "text", "pages": [("1", "The same text.")]}
        return store.add_document(text_id(b"The same text."), **fields, parser_version=parser_version).parser_version

    assert [add(version) for version in (None, 2, 3, 2, None)] == [None, 2, 3, 3, 3]
    assert verify(store).faults == ()


def test_the_parser_of_documents_in_an_older_library_is_unknown(tmp_path: Path) -> None:
    with Store(tmp_path / "library") as store:
        add_document(store)
        with store.database.transaction() as db:  # the library as the migration before left it
            db.execute("ALTER TABLE documents DROP COLUMN parser_version")
            db.execute("DELETE FROM _sqlite_migrations WHERE name = 'm009_parser_versions'")
    with Store(tmp_path / "library") as store:
        assert store.document(DOCUMENT).parser_version is None
