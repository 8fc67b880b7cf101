"""Two programs on one library: what one of them reads, the other neither collects nor rebuilds away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ROOT
from helpers.library import add_document, add_read_document, buffers, content, key

from storage import Store, StoreBusy, backup, collect_garbage, rebuild, verify

OTHER = """
import sys
from pathlib import Path
from helpers.library import SPECS, add_segment, buffers, reading
from storage import Store

with Store(Path(sys.argv[1])) as store, reading(store, 7, sys.argv[2]) as writer:
    add_segment(writer, 0)
    print("half", flush=True)
    sys.stdin.readline()
    add_segment(writer, 1)
    writer.seal(SPECS, buffers(107), {}, slots=2, seconds=0)
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def library_folder(tmp_path: Path) -> Path:
    with Store(tmp_path / "library") as store:
        add_read_document(store, 1)
    return tmp_path / "library"


@pytest.fixture
def other(library_folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another program, which is in the middle of reading the document."""
    with Store(library_folder) as store:
        document_id = store.documents()[0].id
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(library_folder), document_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "half\n"
        yield program
        program.kill()


def go_on(program: subprocess.Popen[str]) -> str:
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write("\n")
    program.stdin.flush()
    return program.stdout.readline()


def test_what_another_program_reads_is_not_collected(
    library_folder: Path, other: subprocess.Popen[str], tmp_path: Path
) -> None:
    with Store(library_folder) as store:
        for _ in range(2):
            collect_garbage(store)
            assert verify(store).faults == ()
        assert backup(store, tmp_path / "copy").left_out == ()
        with pytest.raises(StoreBusy, match="being read by another process"):
            store.remove_document(store.documents()[0].id)
        assert store.make_room(0, 0 + sum(memory.bytes for memory in store.memories())) == []
        add_document(store, "Mine", "mine")
        assert go_on(other) == "ready\n"
        assert content(store, 7) == buffers(107)[0]
        assert content(store, 1) == buffers(101)[0]
        assert [len(store.segments(key(name))) for name in (1, 7)] == [2, 2]
        assert verify(store).faults == ()


@pytest.mark.parametrize("force", [False, True])
def test_a_rebuild_is_refused_while_another_program_has_the_library_open(
    library_folder: Path, other: subprocess.Popen[str], force: bool
) -> None:
    before = sorted(path.name for path in library_folder.iterdir())
    for _ in range(2):
        with pytest.raises(StoreBusy, match="Stop it, then rebuild"):
            rebuild(library_folder, force=force)
    assert sorted(path.name for path in library_folder.iterdir()) == before
    assert go_on(other) == "ready\n"
    other.kill()
    other.wait()
    made = rebuild(library_folder, force=True)
    assert (made.documents, made.memories, made.put_aside) == (1, 2, ())
    with Store(library_folder) as store:
        assert content(store, 7) == buffers(107)[0]
        assert verify(store).faults == ()
