"""Answering the questions of a batch with Ray (https://docs.ray.io): on several processes here, or on a cluster's machines.

Workers hold a decoder each and take one document at a time; results come to this process as they are found, which alone writes
them. What a lost worker had not answered yet goes to another one. The library's folder must be the same for all of them.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import reader
from reader.batching.local import LocalEngine
from reader.batching.questions import Group
from reader.batching.results import Result
from reader.errors import ConfigError, ReaderError
from reader.models import load_model
from storage import Store, StoreError

MAX_LOSSES = 3
"""How many workers one document may cost before its questions are given up: it may be what kills them."""

CONNECT_SECONDS = 10.0


@dataclass
class _Task:
    """A document that a worker is at."""

    worker: Any
    group: Group
    done: set[str] = field(default_factory=set)


class RayEngine:
    """Answers with several decoders, each document with one of them."""

    def __init__(
        self,
        model: Mapping[str, Any],
        options: Mapping[str, Any] | None = None,
        *,
        workers: int | None = None,
        address: str | None = None,
    ) -> None:
        """Say how each worker loads its decoder (arguments of `load_model`) and answers with it (those of `LocalEngine`).

        Args:
            workers: how many; None: one for each GPU, or for each machine where there are none.
            address: of a cluster that runs already; None: this machine.

        Raises:
            ConfigError: Ray is not installed.
        """
        if address is None:  # or it listens on all of the machine's addresses; Ray reads this while it is imported
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        try:
            import ray
        except ImportError as error:
            raise ConfigError(
                "The Ray engine needs Ray, which is not installed: python3 -m pip install -r requirements-ray.txt"
            ) from error
        self._ray = ray
        self._model, self._options = dict(model), dict(options or {})
        self._workers, self._address = workers, address

    def answer(
        self, groups: Sequence[Group], store: Store, doing: Callable[[str], None] = lambda _: None
    ) -> Iterator[Result]:
        """Yield a result for every question, as they come from the workers.

        Raises:
            ConfigError: there is no cluster at the address.
            ReaderError, StoreError: the workers cannot load the decoder or open the library.
        """
        ray = self._ray
        doing("Starting workers")
        is_ours = not ray.is_initialized()
        if is_ours:
            self._connect()
        try:
            yield from self._answer(groups, store.folder.resolve(), doing)
        finally:
            if is_ours:
                ray.shutdown()

    def _connect(self) -> None:
        package = Path(reader.__file__).parent
        where: dict[str, Any] = {
            "include_dashboard": False,
            "runtime_env": {"env_vars": {"PYTHONPATH": str(package.parent)}},
        }
        if self._address is not None:
            _knock(self._address)
            # Machines of a cluster need not have this program: it is sent to them.
            modules = [str(package), str(package.parent / "storage")]
            where = {"address": self._address, "runtime_env": {"py_modules": modules}}
        try:
            self._ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
        except (ConnectionError, RuntimeError, ValueError) as error:
            if self._address is None:
                raise ConfigError(f"Ray cannot be started here: {error}.") from error
            raise ConfigError(
                f"Ray cannot be started at {self._address!r}: {_first_line(error)}. Check the address, and set "
                "RAY_AUTH_MODE=token if the cluster asks for a token."
            ) from error

    def _answer(self, groups: Sequence[Group], library: Path, doing: Callable[[str], None]) -> Iterator[Result]:
        ray = self._ray
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus, cpus = (sum(int(node.get(kind, 0)) for node in nodes) for kind in ("GPU", "CPU"))
        workers = min(self._workers or gpus or len(nodes), len(groups))
        threads = max(1, min(cpus // workers, *(int(node.get("CPU", 1)) for node in nodes)))
        worker_type = ray.remote(_Worker).options(
            num_cpus=threads, num_gpus=min(1, gpus / workers) if gpus else 0, max_restarts=0
        )
        waiting = deque(groups)
        running: dict[Any, _Task] = {}
        losses: Counter[str] = Counter()

        def start(worker: Any) -> None:
            group = waiting.popleft()
            doing(group.title)
            running[worker.answer.remote(group)] = _Task(worker, group)

        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    start(worker_type.remote(library, self._model, self._options))
                (ready,), _ = ray.wait(list(running), num_returns=1)
                task = running[ready]
                try:
                    result: Result = ray.get(next(ready))
                except StopIteration:
                    del running[ready]
                    if waiting:
                        start(task.worker)
                    else:
                        ray.kill(task.worker)
                except (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError) as error:
                    del running[ready]
                    ray.kill(task.worker)  # it may only be out of reach
                    missing = tuple(one for one in task.group.questions if one.custom_id not in task.done)
                    losses[task.group.document_id] += 1
                    if losses[task.group.document_id] < MAX_LOSSES:
                        waiting.appendleft(replace(task.group, questions=missing))
                        continue
                    reason = f"{MAX_LOSSES} workers were lost at this document ({_first_line(error)}). Try it alone."
                    yield from (Result(one, task.group.document_id, None, reason) for one in missing)
                except ray.exceptions.RayTaskError as error:
                    cause = getattr(error, "cause", None)
                    raise cause if isinstance(cause, ReaderError | StoreError) else error from None
                else:
                    task.done.add(result.question.custom_id)
                    yield result
        finally:
            for task in running.values():
                ray.kill(task.worker)


class _Worker:
    """Holds a decoder; runs in a process of its own."""

    def __init__(self, library: Path, model: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self._library, self._settings, self._options = library, model, options
        self._engine: LocalEngine | None = None

    def answer(self, group: Group) -> Iterator[Result]:
        """Results for one document's questions, sent as they come."""
        if self._engine is None:
            self._engine = LocalEngine(load_model(**self._settings), **self._options)
        with Store(self._library) as store:
            yield from self._engine.answer([group], store)


def _knock(address: str) -> None:
    """Find out in seconds that nobody is at an address; Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise ConfigError(f"There is no Ray cluster at the address {address!r} ({error}); give another one.") from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
