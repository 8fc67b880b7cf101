"""A rebuild or a migration that is killed at any line leaves every row and file of every user as before or after it.

Run as a script, this file forks those that get killed; it opens no library itself, as the threads of hashing do not survive a fork.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from helpers import ROOT
from helpers.library import FIXTURE

from storage import Store, StoreError, rebuild, verify

TABLES = ("documents", "pages", "holdings", "conversations", "conversation_documents", "turns", "questions", "settings")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks and kills are POSIX's")


def migrate(folder: Path) -> None:
    """Bring a library of version 0.1 to the schema of now."""
    Store(folder).close()


def mend(folder: Path) -> None:
    """Rebuild a library whose full text index is broken."""
    rebuild(folder)


def contents(folder: Path) -> str:
    """Everything that users have, as text; a library that is still broken is rebuilt first."""
    try:
        rebuild(folder)  # refused where it is whole
    except StoreError as error:
        if "is whole" not in str(error):
            raise
    with Store(folder) as store:
        assert verify(store).faults == ()
        found = {
            table: [list(row.values()) for row in store.database.read(f"SELECT * FROM {table}")] for table in TABLES
        }
    rows = {table: sorted(rows, key=repr) for table, rows in found.items()}
    files = sorted(str(path.relative_to(folder)) for path in folder.glob("*/**/*") if path.is_file())
    return json.dumps([rows, [name for name in files if not name.startswith(("damaged/", ".rebuild"))]])


def killed(work: Callable[[Path], None], folder: Path, at_line: int) -> int:
    """Do something in a fork that dies at the n-th line that storage/ runs; return how many lines were left, 0 if it died."""
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        left = at_line
        package = str(ROOT / "storage")

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
        work(folder)
        sys.settrace(None)
        os.write(write_end, str(left).encode())
        os._exit(0)
    os.close(write_end)
    os.wait()
    return int(os.read(read_end, 64) or 0)


def in_child(work: Callable[[], str]) -> str:
    """Return what a fork says; an error of it ends this process, too."""
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        code = 1
        try:
            with os.fdopen(write_end, "w") as told:
                told.write(work())
            code = 0
        finally:
            os._exit(code)
    os.close(write_end)
    with os.fdopen(read_end) as told:
        said = told.read()
    if os.wait()[1]:
        sys.exit("the library is not whole")
    return said


def break_index(folder: Path) -> str:
    with Store(folder) as store, store.database.transaction() as db:
        db.execute("UPDATE pages_fts_data SET block = zeroblob(9) WHERE id > 10")
    return ""


def kill(folder: Path, name: str, kills: int) -> None:
    work: Callable[[Path], None] = globals()[name]
    with tarfile.open(FIXTURE / "library.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    whole = folder / "library"
    shutil.copytree(whole, folder / "expected")
    expected = in_child(lambda: contents(folder / "expected"))
    if work is mend:
        in_child(lambda: break_index(whole))
    most = 1 << 30
    shutil.copytree(whole, folder / "counted")
    lines = most - killed(work, folder / "counted", most)
    assert in_child(lambda: contents(folder / "counted")) == expected
    for number in range(kills):
        place = folder / str(number)
        shutil.copytree(whole, place)
        assert killed(work, place, 1 + lines * number // kills) == 0
        assert in_child(lambda place=place: contents(place)) == expected, f"killed at line {lines * number // kills}"
    print(lines)


@pytest.mark.parametrize("kills", [5, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["migrate", "mend"])
def test_a_kill_at_any_line_loses_nothing_of_anybody(tmp_path: Path, name: str, kills: int) -> None:
    done = subprocess.run(
        [sys.executable, __file__, name, str(tmp_path), str(kills)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) > kills


if __name__ == "__main__":
    kill(Path(sys.argv[2]), sys.argv[1], int(sys.argv[3]))
