"""Memories of a real decoder, moved between libraries and refused where they are not what their rows say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.documents import make_document

from reader.errors import MemoryMismatch
from storage import (
    CorruptMemory,
    Store,
    TensorSpec,
    export_document,
    import_document,
    verify,
    write_tensors,
)


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


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_an_attached_memory_stays_in_int8_and_asking_leaves_it_as_it_was(tmp_path: Path, tiny_model, kind: str) -> None:
    from reader.answering import ask, attach
    from reader.reading import read

    with Store(tmp_path / "library") as store:
        attached = attach(read(make_document(120), tiny_model, store, memory_dtype=kind).memory, tiny_model, store)
        layers, before = attached.memory.layers, attached.memory.tensors()
        assert all(layer.rounded is not None and layer.first == layer.length for layer in layers)
        assert [*ask(attached, "Who?", tiny_model)]
        assert all(layer.rounded is not None for layer in layers)
        after = attached.memory.tensors()
        assert [name for name in before if not before[name].equal(after[name])] == []


def test_wider_numbers_are_kept_first_so_that_all_are_aligned() -> None:
    from reader.reading.memory_files import to_bytes

    kinds = {"a": torch.int8, "b": torch.float32, "c": torch.float16, "d": torch.int32}
    specs, parts = to_bytes({name: torch.arange(3).to(kind) for name, kind in kinds.items()})
    assert [spec.name for spec in specs] == ["b", "d", "c", "a"]
    assert [sum(part.nbytes for part in own) for own in parts] == [12, 12, 6, 3]


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


@pytest.mark.parametrize(
    ("count", "value"),
    [("beacons", 10**12), ("beacons", -50_000), ("raw", 2**63), ("sink", 10**30), ("windows", -2), ("ratio", -2)],
)
def test_counts_that_do_not_fit_are_refused_before_room_is_made_by_them(
    tmp_path: Path, tiny_model, count: str, value: int
) -> None:
    from reader.answering import attach

    record = forge(tmp_path / "library", tiny_model, {count: str(value)}, {})
    with Store(tmp_path / "library") as store, pytest.raises(MemoryMismatch, match="Read the document again"):
        attach(record, tiny_model, store)


@pytest.mark.parametrize(
    ("name", "value"), [("positions", 2**63 - 1), ("positions", -1), ("spans", -(2**63)), ("spans", 2**62)]
)
def test_places_that_no_memory_has_are_refused(tmp_path: Path, tiny_model, name: str, value: int) -> None:
    from reader.answering import attach

    record = forge(tmp_path / "library", tiny_model, {}, {name: value})
    with Store(tmp_path / "library") as store, pytest.raises(MemoryMismatch, match=f"{name} are not all from"):
        attach(record, tiny_model, store)


def forge(folder: Path, model, counts: dict[str, str], places: dict[str, int]):
    """A library with a memory whose hash is right, and whose counts or first numbers are a forger's."""
    from reader.reading import read

    with Store(folder) as store:
        record = read(make_document(60), model, store).memory
        path = folder / "memories" / record.key / "memory.safetensors"
        with store.open_memory(record.key) as tensors:
            metadata = {**tensors.metadata, **counts}
            specs = [TensorSpec(name, dtype, shape) for name, (dtype, shape, _) in tensors.items()]
            contents = {name: bytearray(content) for name, (_, _, content) in tensors.items()}
        for name, value in places.items():
            contents[name][:8] = value.to_bytes(8, "little", signed=True)
        size_bytes, digest = write_tensors(path, specs, list(contents.values()), metadata)
        with store.database.transaction() as db:
            db.execute("UPDATE memories SET hash = ?, bytes = ? WHERE key = ?", (digest, size_bytes, record.key))
        found = store.memory(record.key)
        assert found is not None
        return found
