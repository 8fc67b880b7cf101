"""What a file can do that has taken its parser over: nothing beyond its limits, and on Linux nothing outside of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from helpers import ROOT

from reader.documents import isolation
from reader.documents.document import PARSER_VERSIONS, Document
from reader.documents.isolation import Limits, parse_isolated
from reader.errors import DocumentError

LIMITS = Limits(memory_bytes=256 << 20, cpu_seconds=5, wall_seconds=30.0)
HOSTILE = '''
def parse(path, password):
    """Do what the file says, as a parser would that the file has taken over."""
    found = {}
    exec(path.read_text(), found)
    yield_ = str(found.get("result", "done"))
    return "hostile", iter([("1", yield_)])
'''
linux = pytest.mark.skipif(sys.platform != "linux", reason="the wall is of the Linux kernel's")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program with one more format, whose parser does what the file says."""
    folder = tmp_path_factory.mktemp("program")
    shutil.copytree(ROOT / "reader", folder / "reader", ignore=shutil.ignore_patterns("plugins", "__pycache__"))
    (folder / "reader" / "documents" / "hostile.py").write_text(HOSTILE)
    return folder


@pytest.fixture(autouse=True)
def _hostile(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_PROJECT_FOLDER", program)
    for name in ("hostile", "bare"):
        monkeypatch.setitem(PARSER_VERSIONS, name, 1)


def take_over(tmp_path: Path, code: str, limits: Limits = LIMITS) -> str:
    """What comes of a file that runs this code in its parser."""
    (tmp_path / "a.hostile").write_text(code)
    document: Document = parse_isolated(tmp_path / "a.hostile", "hostile", limits=limits)
    return document.text.strip()


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = children()
    yield
    until = time.monotonic() + 60
    while children() - before and time.monotonic() < until:
        time.sleep(0.02)
    assert children() <= before


@pytest.mark.parametrize(
    ("code", "limits", "reason"),
    [
        ("x = bytearray(10 << 30)", LIMITS, "256 MiB of memory"),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))", LIMITS, "256 MiB of memory"),
        ("while True: pass", Limits(cpu_seconds=1), "1 seconds of processor time"),
        ("import time; time.sleep(1000)", Limits(wall_seconds=1.5), "1.5 seconds"),
        ("import os; os.close(1); os.close(2)\nimport time; time.sleep(1000)", Limits(wall_seconds=1.5), "1.5 seconds"),
        ("import signal; signal.pause()", Limits(wall_seconds=1.5), "1.5 seconds"),
    ],
    ids=["one piece of memory", "memory piece by piece", "time", "sleep", "sleep unheard", "a signal that never comes"],
)
def test_a_parser_that_takes_too_much_is_ended_at_its_limit(
    tmp_path: Path, code: str, limits: Limits, reason: str
) -> None:
    begun = time.monotonic()
    with pytest.raises(DocumentError, match=reason):
        take_over(tmp_path, code, limits)
    assert time.monotonic() < begun + 120


def test_a_parser_cannot_fill_the_memory_of_who_asks_it(tmp_path: Path) -> None:
    code = "import os\nchunk = b'x' * (1 << 20)\n"
    code += "for n in range(3, 20):  # one of them is the pipe that the answer goes through\n"
    code += "    try:\n        while True: os.write(n, chunk)\n    except OSError: pass\n"
    before = psutil.Process().memory_info().rss
    with pytest.raises(DocumentError, match="crashed the hostile parser"):
        take_over(tmp_path, code, Limits(memory_bytes=256 << 20, cpu_seconds=20, wall_seconds=20.0, chars=1000))
    assert psutil.Process().memory_info().rss < before + (200 << 20)


TRIES = {
    "a process": "import os; os.fork()",
    "a program": "import subprocess; subprocess.run(['/bin/true'])",
    "a program in its place": "import os; os.execv('/bin/true', ['true'])",
    "a socket": "import socket; socket.create_connection(('127.0.0.1', {port}))",
    "a datagram": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "a socket of the machine": "import socket; socket.socket(socket.AF_UNIX)",
    "the library": "open('{library}/library.db', 'rb').read()",
    "the list of the library": "import os; os.listdir('{library}')",
    "another's process": "open('/proc/{parent}/environ', 'rb').read()",
    "the passwords": "open('/etc/shadow', 'rb').read()",
    "a file in the library": "open('{library}/new', 'w')",
    "a change to the library": "open('{library}/library.db', 'r+b')",
    "a shorter library": "import os; os.truncate('{library}/library.db', 0)",
    "removing the library": "import os; os.unlink('{library}/library.db')",
    "moving the library": "import os; os.rename('{library}/library.db', '{library}/other')",
    "a link to the library": "import os; os.symlink('{library}/library.db', '{library}/link')",
    "opening the library to all": "import os; os.chmod('{library}/library.db', 0o777)",
    "another time of the library": "import os; os.utime('{library}/library.db', (0, 0))",
    "a temporary file of all": "open('/tmp/{parent}.hostile', 'w')",
    "the end of the server": "import os; os.kill({parent}, 15)",
    "the limits of the server": "import resource; resource.prlimit({parent}, resource.RLIMIT_CPU, (1, 1))",
    "a namespace": "import ctypes; l = ctypes.CDLL(None, use_errno=True)\nif l.unshare(0x10000000): raise PermissionError",
}


@linux
@pytest.mark.parametrize("what", TRIES)
def test_a_parser_reaches_nothing_but_its_file(tmp_path: Path, what: str) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "library.db").write_text("conversations")
    os.utime(library / "library.db", (1_000_000, 1_000_000))
    before = (library / "library.db").stat()
    # It would be permitted to this account itself.
    tried = TRIES[what].format(library=library, parent=os.getpid(), port=9)
    code = f"try:\n    {tried.replace(chr(10), chr(10) + '    ')}\nexcept OSError as error:\n    result = type(error).__name__"
    result = take_over(tmp_path, code)
    assert result in ("PermissionError", "FileNotFoundError"), f"{what}: {result}"
    after = (library / "library.db").stat()
    assert (after.st_mode, after.st_mtime, after.st_size) == (before.st_mode, before.st_mtime, before.st_size)
    assert [path.name for path in library.iterdir()] == ["library.db"]


@linux
def test_a_parser_may_have_threads_and_read_what_it_is_made_of(tmp_path: Path) -> None:
    code = "import threading, colorsys, ctypes, os\nthread = threading.Thread(target=list)\nthread.start(); thread.join()\n"
    assert take_over(tmp_path, code + "result = len(os.urandom(8)) + bool(colorsys.rgb_to_hsv(1, 1, 1))") == "9"


@linux
def test_a_parser_has_a_temporary_folder_that_goes_with_it(tmp_path: Path) -> None:
    code = "import tempfile, os\npath = os.path.join(tempfile.mkdtemp(), 'a')\nopen(path, 'w').write('x')\n"
    code += "with open(path, 'a') as file: file.truncate(0)\nresult = path"
    left = Path(take_over(tmp_path, code))
    assert left.parent.parent.name.startswith("parse-")
    assert not left.parent.parent.exists()
    with pytest.raises(DocumentError, match="File too large"):
        take_over(tmp_path, code + "\nopen(path, 'w').write('x' * 2_000_000)", Limits(file_bytes=1 << 20))


@linux
def test_what_a_parser_started_before_it_was_shut_in_ends_with_it(tmp_path: Path, program: Path) -> None:
    module = program / "reader" / "documents" / "early.py"
    module.write_text("import os, time\nif os.fork() == 0:\n    time.sleep(1000)\n" + HOSTILE)
    (tmp_path / "a.early").write_text("")
    begun = time.monotonic()
    with pytest.raises(DocumentError, match="5 seconds"):  # the answer has no end while somebody may still write it
        parse_isolated(tmp_path / "a.early", "early", limits=Limits(wall_seconds=5.0))
    assert time.monotonic() < begun + 120


@linux
def test_a_system_without_a_wall_says_so_once(tmp_path: Path, program: Path, caplog: pytest.LogCaptureFixture) -> None:
    module = program / "reader" / "documents" / "bare.py"
    bare = "from reader.documents import wall\nwall._SECCOMP.clear()\nwall._CREATE_RULESET = 100_000\n"
    module.write_text(bare + HOSTILE)
    (tmp_path / "a.bare").write_text("result = 'read'")
    isolation._log_missing.cache_clear()
    for _ in range(2):
        assert parse_isolated(tmp_path / "a.bare", "bare", limits=LIMITS).text.strip() == "read"
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "This system does not keep parsers from files of others",
        "This system does not keep parsers from the network, processes and signals",
    ]


def test_no_more_files_are_parsed_at_once_than_there_are_cores(tmp_path: Path) -> None:
    most, done = [0], threading.Event()
    own = children()

    def watch() -> None:
        while not done.wait(0.01):
            most[0] = max(most[0], len(children() - own))

    watching = threading.Thread(target=watch)
    watching.start()
    folders = [tmp_path / str(number) for number in range(3 * (os.cpu_count() or 1))]
    for folder in folders:
        folder.mkdir()
    adding = [threading.Thread(target=take_over, args=(folder, "import time; time.sleep(0.3)")) for folder in folders]
    for thread in adding:
        thread.start()
    for thread in adding:
        thread.join()
    done.set()
    watching.join()
    assert 0 < most[0] <= (os.cpu_count() or 1)


@linux
def test_a_parser_ends_with_a_server_that_is_killed(tmp_path: Path, program: Path) -> None:
    (tmp_path / "a.hostile").write_text("import time; time.sleep(1000)")
    code = (
        f"import sys; sys.path.insert(0, {str(program)!r})\nfrom pathlib import Path\n"
        "from reader.documents.isolation import parse_isolated\n"
        f"parse_isolated(Path({str(tmp_path / 'a.hostile')!r}), 'hostile')"
    )
    server = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 30
    while not (found := psutil.Process(server.pid).children()) and time.monotonic() < until:
        time.sleep(0.02)
    while "reader.documents" not in " ".join(found[0].cmdline()):
        time.sleep(0.02)
    time.sleep(1)  # it asks the kernel to end it with its parent first of all
    server.send_signal(signal.SIGKILL)
    server.wait()
    gone, alive = psutil.wait_procs(found, timeout=60)
    assert (len(gone), alive) == (1, [])
