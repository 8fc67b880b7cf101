"""This machine: its memory, a clock of processor time, and stored measurements."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""Devices of the drivers of GPUs that torch can use: Nvidia's, Windows's for Linux, and AMD's."""


def ram_bytes() -> int:
    """The memory that this process may use: the machine's, or the container's limit if that is less."""
    import psutil

    total = int(psutil.virtual_memory().total)
    with contextlib.suppress(OSError, ValueError):  # outside a container the file says "max" or does not exist
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total


@functools.cache
def has_gpu() -> bool:
    """Whether torch finds a GPU. Without a GPU's driver it is not asked, as importing torch takes more than a second."""
    if sys.platform != "win32" and not any(map(os.path.exists, _DRIVERS)):
        return False
    import torch

    return torch.cuda.is_available()


def processor_seconds() -> float:
    """A clock that other programs hardly affect: on a CPU, the processor time of all threads as seconds of an undisturbed run."""
    return time.perf_counter() if has_gpu() else time.process_time() / _threads()


def best_seconds(run: Callable[[], object], tries: int = 4) -> float:
    """The least `processor_seconds` that a call takes in so many tries."""
    best = float("inf")
    for _ in range(tries):
        started = processor_seconds()
        run()
        best = min(best, processor_seconds() - started)
    return best


def _threads() -> int:
    """The number of threads that torch computes with."""
    if "torch" in sys.modules:
        return int(sys.modules["torch"].get_num_threads())
    named = os.environ.get("OMP_NUM_THREADS", "")
    if named.isdigit() and int(named):
        return int(named)
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, psutil.cpu_count(logical=False) or usable)


class Notes:
    """Measurements of this machine, stored in the cache folder. If the folder cannot be written, they are measured again."""

    def __init__(self, cache: Path) -> None:
        self._file = cache / "speeds.json"
        # With another processor, another number of cores or of threads, old measurements in the cache folder do not apply.
        self._machine = f"{_processor()}, {os.cpu_count()} cores, {_threads()} threads"

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

    def measured(self, name: str, measure: Callable[[], float]) -> float:
        """A stored measurement; if there is none, measure and store it."""
        known = self.get(name)
        if known is None:
            known = measure()
            self.set(name, known)
        return known

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
