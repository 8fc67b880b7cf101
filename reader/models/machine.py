"""This machine: its memory, a clock of processor time, and stored measurements."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from pathlib import Path
from typing import Any


def ram_bytes() -> int:
    """The memory that this process may use: the machine's, or the container's limit if that is less."""
    import psutil

    total = int(psutil.virtual_memory().total)
    with contextlib.suppress(OSError, ValueError):  # outside a container the file says "max" or does not exist
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total


def processor_seconds() -> float:
    """A clock that other programs hardly affect: on a CPU, the processor time of all threads as seconds of an undisturbed run."""
    import torch

    return time.perf_counter() if torch.cuda.is_available() else time.process_time() / torch.get_num_threads()


class Notes:
    """Measurements of this machine, stored in the cache folder. If the folder cannot be written, they are measured again."""

    def __init__(self, cache: Path) -> None:
        self._file = cache / "speeds.json"
        # With another processor or another number of cores, old measurements in the same cache folder do not apply.
        self._machine = f"{_processor()}, {os.cpu_count()} cores"

    def get(self, name: str) -> float | None:
        """A stored measurement."""
        value = self._all().get(self._machine, {}).get(name)
        return float(value) if isinstance(value, int | float) and value > 0 else None

    def set(self, name: str, value: float) -> None:
        """Store a measurement."""
        notes = self._all()
        notes.setdefault(self._machine, {})[name] = value
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial = self._file.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(notes, indent=1))
            partial.replace(self._file)

    def _all(self) -> dict[str, dict[str, Any]]:
        try:
            notes = json.loads(self._file.read_text())
            return {machine: dict(values) for machine, values in notes.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
