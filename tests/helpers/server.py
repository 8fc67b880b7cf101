"""The app as a program of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from helpers import ROOT
from storage import Store, is_active


def free_port() -> int:
    """A port that no program uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Server:
    """`python app.py` on a free port."""

    library: Path
    model: str | None
    cache: Path
    flags: tuple[str, ...] = ()
    program: Path = ROOT / "app.py"
    process: subprocess.Popen[str] | None = None
    address: str = ""

    def start(self) -> None:
        port = free_port()
        command = [sys.executable, str(self.program), "--library", str(self.library), "--port", str(port)]
        command += self.flags
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "READER_CACHE": str(self.cache),
            "GRADIO_TEMP_DIR": str(self.library.parent / "temp"),
        }
        if self.model is not None:
            command += ["--model", self.model]
            environment["OMP_NUM_THREADS"] = "1"
        self.process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        found = None
        for line in self.process.stdout:  # ends with the process, too, so that this cannot hang
            if found := re.match(r"Open (\S+) in a browser", line):
                break
        assert found, "the server did not start"
        self.address = found[1]

    def shell(self, *arguments: object) -> subprocess.Popen[str]:
        """`python -m reader …` on the same library, meanwhile."""
        command = [sys.executable, "-m", "reader", *map(str, arguments), "--library", str(self.library), "--json"]
        environment = os.environ | {"READER_CACHE": str(self.cache), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def clear(self) -> None:
        """Remove all documents with what was read and asked of them, as another program may."""
        with Store(self.library) as store:
            for job in store.jobs.all():
                store.jobs.stop(job.id, "cancel")
            until = time.monotonic() + 180
            while any(is_active(job) for job in store.jobs.all()):
                assert time.monotonic() < until, "a reading did not stop"
                time.sleep(0.05)
            for document in store.documents():
                store.remove_document(document.id)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
