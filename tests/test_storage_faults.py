"""What kills, full disks, flipped bytes and forbidden folders do to the library: nothing but a clear refusal.

Run as a script, this file is the process that gets killed or limited.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from storage import (
    CorruptMemory,
    NotFound,
    NotWritable,
    StorageFull,
    Store,
    StoreError,
    TensorSpec,
    backup,
    collect_garbage,
)
from storage.schema import LATEST

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "tests.test_storage_faults"]
DOCUMENT, DOOMED = "d" * 64, "e" * 64
SPECS = [TensorSpec("keys", "F16", (8,)), TensorSpec("values", "I8", (3,))]
SEALED_SEED = 100

posix_only = pytest.mark.skipif(os.name != "posix", reason="kills and limits are POSIX's")


def key(name: int) -> str:
    return f"{name:064x}"


def buffers(seed: int) -> list[bytes]:
    return [bytes([seed] * 16), b"abc"]


def add_segment(writer, number: int) -> None:
    writer.add_segment(key(number), tokens=4, slots=1, seconds=0, specs=SPECS, buffers=buffers(number), metadata={})


def reading(store: Store, memory_key: str, document_id: str = DOCUMENT):
    return store.writing(memory_key, document_id, settings={}, windows=3, tokens=12)


def steps(folder: Path) -> Iterator[Store]:
    """Do everything that writes to a library, and stop after each step."""
    store = Store(folder)
    yield store
    for document_id in (DOCUMENT, DOOMED):
        store.add_document(document_id, title=document_id, file_name="f", format="text", pages=[("1", "one two")] * 3)
        yield store
    with reading(store, key(1)) as writer:
        for number in range(2):
            add_segment(writer, number)
            yield store
        writer.seal(SPECS, buffers(SEALED_SEED), {}, slots=2, seconds=0)
        yield store
    with reading(store, key(2), DOOMED) as writer:
        add_segment(writer, 0)
        yield store
    store.remove_document(DOOMED)
    yield store
    with reading(store, key(3)) as writer:
        add_segment(writer, 0)
        yield store
    store.remove_memory(key(1))
    yield store
    store.close()


def state(store: Store) -> str:
    """Describe everything that the library holds, after checking that each part is whole and none is left over."""
    held = []
    files = set()
    for document in store.documents():
        assert store.text(document.id) == "one two" * 3
        held.append(document.id[0])
    for memory in sorted(store.memories(), key=lambda memory: memory.key):
        folder = store.folder / "memories" / memory.key
        segments = store.segments(memory.key)
        assert [segment.number for segment in segments] == list(range(len(segments)))
        if memory.state == "ready":
            files |= {folder / "memory.safetensors", folder / "memory.json"}
            with store.open_memory(memory.key) as tensors:
                assert tensors["keys"][2].tobytes() == buffers(SEALED_SEED)[0]
        else:
            assert segments
            assert memory.slots == len(segments)
            for segment in segments:
                files.add(folder / str(segment.file))
                with store.open_segment(memory.key, segment.number) as tensors:
                    assert tensors["keys"][2].tobytes() == buffers(segment.number)[0]
        held.append(f"{memory.key[-1]}:{memory.state}:{len(segments)}")
    there = {path for path in (store.folder / "memories").rglob("*") if path.is_file()}
    assert there == files
    assert {path.parent for path in files} == set((store.folder / "memories").iterdir())
    assert {path.name for path in (store.folder / "documents").iterdir()} == {f"{d.id}.txt" for d in store.documents()}
    return " ".join(held)


# Kills


def kill_at_every_line(folder: Path, stride: int) -> None:
    """In a fork each, do all steps in a new library, die at the n-th line that storage/ runs, reopen, and compare."""
    package = str(ROOT / "storage")

    def run(number: int, at_line: int) -> bool:
        """Return whether the child got to its end."""
        child = os.fork()
        if child == 0:
            left = at_line

            def trace(frame: FrameType, event: str, _: object):
                nonlocal left
                if not frame.f_code.co_filename.startswith(package):
                    return None
                if event == "line":
                    left -= 1
                    if left == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                return trace

            sys.settrace(trace)
            for _ in steps(folder / str(number)):
                pass
            os._exit(0)
        return os.waitpid(child, 0)[1] == 0

    def check(number: int, allowed: set[str]) -> bool:
        child = os.fork()
        if child == 0:
            try:
                with Store(folder / str(number)) as store:
                    found = state(store)
                if found not in allowed:
                    print(f"round {number}: {found!r} is neither before nor after", flush=True)
                    os._exit(1)
                os._exit(0)
            except Exception as error:
                print(f"round {number}: {error!r}", flush=True)
                os._exit(1)
        return os.waitpid(child, 0)[1] == 0

    # The parent must not hash anything before its forks (the hash's threads do not survive one): a child tells.
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        seen = {""}
        for store in steps(folder / "whole"):
            with reading_done(store):
                seen.add(state(store))
        os.write(write_end, "\n".join(sorted(seen)).encode())
        os._exit(0)
    os.close(write_end)
    os.wait()
    allowed = set(os.read(read_end, 65536).decode().split("\n"))
    assert len(allowed) > 8, allowed
    number, finished, failed = 0, False, 0
    while not finished:
        finished = run(number, 1 + number * stride)
        failed += not check(number, allowed)
        shutil.rmtree(folder / str(number), ignore_errors=True)
        number += 1
    print(f"{number} kills", flush=True)
    sys.exit(bool(failed))


class reading_done:
    """Hide the lock of the memory that is being written while the library is described."""

    def __init__(self, store: Store) -> None:
        self.locks = list((store.folder / "memories").glob("*.lock"))

    def __enter__(self) -> None:
        for lock in self.locks:
            lock.rename(lock.parent.parent / lock.name)

    def __exit__(self, *_: object) -> None:
        for lock in self.locks:
            (lock.parent.parent / lock.name).rename(lock)


def write_forever(folder: Path) -> None:
    """Read, seal and remove memories until killed, and tell every step."""
    with Store(folder) as store:
        store.add_document(DOCUMENT, title="t", file_name="f", format="text", pages=[("1", "one two")] * 3)
        print("open", flush=True)
        while True:
            for name in range(1, 4):
                with reading(store, key(name)) as writer:
                    if writer.record.state == "reading":
                        for number in range(len(writer.segments), 3):
                            add_segment(writer, number)
                        writer.seal(SPECS, buffers(SEALED_SEED), {}, slots=3, seconds=0)
            for name in range(1, 4):
                store.remove_memory(key(name))


@posix_only
@pytest.mark.parametrize("stride", [47, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_line_leaves_the_library_as_before_or_after(tmp_path: Path, stride: int) -> None:
    command = [*COMMAND, "kill_at_every_line", str(tmp_path), str(stride)]
    done = subprocess.run(
        command, cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split()[-2]) > 25


@posix_only
def test_kills_at_random_moments_lose_nothing_and_leave_nothing_over(tmp_path: Path) -> None:
    chance = random.Random(7)
    folder = tmp_path / "library"
    for _ in range(10):
        child = subprocess.Popen([*COMMAND, "write_forever", str(folder)], cwd=ROOT, stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        time.sleep(chance.uniform(0, 0.05))
        child.kill()
        child.communicate()
        with Store(folder) as store:
            assert state(store).startswith("d")


def test_what_a_killed_process_left_is_swept_at_the_next_opening(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    with Store(folder) as store:
        for _ in steps_until(store, 2):
            pass
    memories = folder / "memories"
    (memories / key(9)).mkdir()
    (memories / key(9) / ".memory.safetensors.0123.tmp").write_bytes(b"x")
    (memories / key(8)).mkdir()
    (memories / f"{key(7)}.lock").touch()
    (memories / key(1) / ".segment-000002.safetensors.4567.tmp").write_bytes(b"x")
    (memories / key(1) / "segment-000002.safetensors").write_bytes(b"no row")
    (memories / key(1) / "memory.safetensors").write_bytes(b"sealed but not ready")
    foreign = memories / "README"
    foreign.write_text("not ours")
    with Store(folder) as store:
        assert foreign.read_text() == "not ours"
        foreign.unlink()
        assert state(store) == "d 1:reading:2"


def test_rows_without_files_go_at_the_next_opening(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    with Store(folder) as store:
        for _ in steps_until(store, 3):
            pass
        sealed_library(store, 4)
    (folder / "memories" / key(1) / "segment-000001.safetensors").unlink()
    (folder / "memories" / key(4) / "memory.safetensors").unlink()
    with Store(folder) as store:
        assert state(store) == "d 1:reading:1"
        assert store.find_prefix([key(0), key(1)]) == (key(1), 1)


def steps_until(store: Store, segments: int) -> Iterator[None]:
    store.add_document(DOCUMENT, title="t", file_name="f", format="text", pages=[("1", "one two")] * 3)
    with reading(store, key(1)) as writer:
        for number in range(segments):
            add_segment(writer, number)
            yield


def sealed_library(store: Store, *names: int) -> None:
    store.add_document(DOCUMENT, title="t", file_name="f", format="text", pages=[("1", "one two")] * 3)
    for name in names:
        with reading(store, key(name)) as writer:
            add_segment(writer, 0)
            writer.seal(SPECS, buffers(SEALED_SEED), {}, slots=1, seconds=0)


# Changed files


def refused(store: Store, name: int) -> None:
    with pytest.raises(CorruptMemory, match="Read the document again"):
        store.open_memory(key(name))


def test_a_flipped_byte_anywhere_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        sealed_library(store, 1)
        path = tmp_path / "memories" / key(1) / "memory.safetensors"
        whole = path.read_bytes()
        for position in range(0, len(whole), max(1, len(whole) // 64)):
            changed = bytearray(whole)
            changed[position] ^= 1 << (position % 8)
            path.write_bytes(changed)
            refused(store, 1)
        path.write_bytes(whole)
        store.open_memory(key(1)).close()


def test_a_truncated_longer_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        sealed_library(store, 1)
        path = tmp_path / "memories" / key(1) / "memory.safetensors"
        whole = path.read_bytes()
        for content in (whole[:-1], whole[:8], whole[:3], b"", whole + b"\0"):
            path.write_bytes(content)
            refused(store, 1)
        path.unlink()
        refused(store, 1)


def test_two_swapped_files_are_refused(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        sealed_library(store, 1, 2)
        first, second = (tmp_path / "memories" / key(name) / "memory.safetensors" for name in (1, 2))
        assert first.stat().st_size == second.stat().st_size
        kept = first.read_bytes()
        os.replace(second, first)
        second.write_bytes(kept)
        refused(store, 1)
        refused(store, 2)


def test_a_memory_renamed_with_its_row_to_another_key_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        sealed_library(store, 1)
        os.rename(tmp_path / "memories" / key(1), tmp_path / "memories" / key(2))
        with store.database.transaction() as db:
            db.execute("PRAGMA defer_foreign_keys = ON")
            db.execute("UPDATE segments SET memory_key = ?", (key(2),))
            db.execute("UPDATE memories SET key = ?", (key(2),))
        refused(store, 2)


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"I8","shape":[4],"data_offsets":[0,5]}}',
        b'{"a":{"dtype":"I8","shape":[3],"data_offsets":[1,4]}}',
        b'{"a":{"dtype":"I8","shape":[3],"data_offsets":[0,3]}}',
        b'{"a":{"dtype":"I8","shape":[-4],"data_offsets":[4,0]}}',
        b'{"a":{"dtype":"I8","shape":[true,4],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"I8","shape":[99999999999999999999,0],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"I9","shape":[4],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4],"more":1}}',
        b'{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[3],"data_offsets":[1,4]}}',
        b'{"__metadata__":{"a":1},"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_a_header_that_lies_is_refused_although_the_hash_is_right(tmp_path: Path, header: bytes) -> None:
    from blake3 import blake3

    from storage import MappedTensors

    path = tmp_path / "a.safetensors"
    for size in (len(header), 1 << 40, (1 << 64) - 1):
        content = size.to_bytes(8, "little") + header + b"data"
        path.write_bytes(content)
        with pytest.raises(CorruptMemory):
            MappedTensors(path, expected_hash=blake3(content).hexdigest(), expected_bytes=len(content))


def test_a_corrupt_memory_is_read_anew_when_it_is_written_again(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        sealed_library(store, 1)
        path = tmp_path / "memories" / key(1) / "memory.safetensors"
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        refused(store, 1)
        with reading(store, key(1)) as writer:
            assert writer.record.state == "reading"
            assert writer.segments == []
            add_segment(writer, 0)
            writer.seal(SPECS, buffers(SEALED_SEED), {}, slots=1, seconds=0)
        assert state(store) == "d 1:ready:1"


def test_a_corrupt_segment_and_all_after_it_are_dropped_on_resume(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for _ in steps_until(store, 3):
            pass
        path = tmp_path / "memories" / key(1) / "segment-000001.safetensors"
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(CorruptMemory):
            store.open_segment(key(1), 1)
        with reading(store, key(1)) as writer:
            assert [segment.number for segment in writer.segments] == [0]
            assert [path.name for path in path.parent.iterdir()] == ["segment-000000.safetensors"]
            add_segment(writer, 1)
        assert state(store) == "d 1:reading:2"


# Full disks and forbidden folders


@pytest.fixture
def small_disk(tmp_path: Path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("mounting a small tmpfs takes root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_and_keeps_what_was_finished(small_disk: Path) -> None:
    big = [TensorSpec("keys", "F16", (60_000,))]
    with Store(small_disk / "library") as store:
        store.add_document(DOCUMENT, title="t", file_name="f", format="text", pages=[("1", "one two")] * 3)

        def fill() -> None:
            content = [[b"x" * 60_000] * 2]
            with reading(store, key(1)) as writer:
                for number in range(20):
                    writer.add_segment(
                        key(number), tokens=1, slots=1, seconds=0, specs=big, buffers=content, metadata={}
                    )

        with pytest.raises(StorageFull, match="120,"):
            fill()
        segments = store.segments(key(1))
        folder = store.folder / "memories" / key(1)
        assert 1 < len(segments) < 20
        assert {path.name for path in folder.iterdir()} == {segment.file for segment in segments}
        with pytest.raises(StorageFull), reading(store, key(1)) as writer:
            writer.seal([TensorSpec("keys", "F16", (400_000,))], [b"x" * 800_000], {}, slots=1, seconds=0)
        assert {path.name for path in folder.iterdir()} == {segment.file for segment in segments}
        with pytest.raises(StorageFull):
            store.add_document("c" * 64, title="t", file_name="f", format="text", pages=[("1", "word " * 200_000)])
        assert [document.id for document in store.documents()] == [DOCUMENT]
    with Store(small_disk / "library") as store:
        assert store.segments(key(1)) == segments
        for segment in segments:
            store.open_segment(key(1), segment.number).close()
        store.remove_memory(key(1))
        sealed_library(store, 2)


def limit_file_size(folder: Path) -> None:
    """Write a memory larger than the process may write a file."""
    import resource  # POSIX only

    with Store(folder) as store:
        sealed_library(store, 1)
        before = state(store)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
        try:
            with reading(store, key(2)) as writer:
                spec = TensorSpec("keys", "I8", (1 << 21,))
                writer.add_segment(
                    key(1), tokens=1, slots=1, seconds=0, specs=[spec], buffers=[bytes(1 << 21)], metadata={}
                )
        except StorageFull as error:
            print(error)
            assert state(store) == before
            sys.exit(0)
    sys.exit("the limit was not felt")


@posix_only
def test_a_file_size_limit_is_told_as_a_full_disk(tmp_path: Path) -> None:
    command = [*COMMAND, "limit_file_size", str(tmp_path / "library")]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "no room for 2,09" in done.stdout
    assert str(tmp_path) in done.stdout


def ask_read_only(folder: Path) -> None:
    """Ask a library that this process may not write, and try to write it all the same."""
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    with Store(folder) as store:
        assert [document.id for document in store.documents()] == [DOCUMENT]
        with store.open_memory(key(1)) as tensors:
            assert tensors["keys"][2].tobytes() == buffers(SEALED_SEED)[0]
        assert len(store.search("two")) == 3
        assert store.budget() is None
        for write in (
            lambda: store.set_budget(1),
            lambda: store.pin(DOCUMENT),
            lambda: backup(store, folder / "copy"),
            lambda: collect_garbage(store),
            lambda: store.remove_document(DOCUMENT),
            lambda: store.add_document("c" * 64, title="t", file_name="f", format="text", pages=[]),
            lambda: reading(store, key(2)).__enter__(),
        ):
            with pytest.raises(NotWritable, match=str(folder)) as caught:
                write()
            assert caught.value.exit_status == 2
    with pytest.raises(NotWritable, match="no library"):
        Store(folder / "memories")


@posix_only
@pytest.mark.parametrize("other_is_open", [False, True])
def test_a_read_only_library_can_be_asked_and_refuses_the_rest(other_is_open: bool) -> None:
    base = Path(tempfile.mkdtemp())  # not below tmp_path, which another user may not enter
    folder = base / "library"
    try:
        base.chmod(0o755)
        store = Store(folder)
        sealed_library(store, 1)
        if not other_is_open:
            store.close()
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        command = [*COMMAND, "ask_read_only", str(folder)]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        store.close()
    finally:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)
        shutil.rmtree(base)


def test_a_file_is_no_library_folder(tmp_path: Path) -> None:
    path = tmp_path / "plain"
    path.write_text("x")
    for folder in (path, path / "below"):
        with pytest.raises(NotWritable, match="Choose a folder"):
            Store(folder)


def test_a_library_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    with Store(tmp_path) as store, store.database.transaction() as db:
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('storage', 'm999_x', '')")
    before = (tmp_path / "library.db").read_bytes()
    with pytest.raises(StoreError, match=f"m999_x.*{LATEST}"):
        Store(tmp_path)
    assert (tmp_path / "library.db").read_bytes() == before


def test_a_damaged_database_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "library.db").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(StoreError, match="damaged"):
        Store(tmp_path)
    assert (tmp_path / "library.db").read_bytes().startswith(b"not a database")


def test_an_unknown_segment_is_not_found(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        sealed_library(store, 1)
        with pytest.raises(NotFound):
            store.open_segment(key(1), 0)
        with pytest.raises(NotFound):
            store.open_segment(key(2), 0)


if __name__ == "__main__":
    task, *arguments = sys.argv[1:]
    globals()[task](Path(arguments[0]), *map(int, arguments[1:]))
