"""Jobs live in the library: taken once, taken over from the dead, paused, cancelled, and told why they failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers import ROOT
from helpers.documents import make_document
from helpers.waiting import wait_for

from reader.errors import Cancelled
from reader.models.model import Model, load_model
from reader.reading.jobs import JobSettings, Worker, enqueue, run
from reader.reading.loop import ReadingProgress
from storage import JobRecord, NotFound, Store, StoreBusy, jobs as storage_jobs, new_owner


def settings(model: Model, **changes: object) -> JobSettings:
    return JobSettings(model=model.name, window=32, **changes)  # type: ignore[arg-type]


def test_job_is_read_to_its_end(tiny_model: Model, store: Store) -> None:
    job = enqueue(make_document(100), settings(tiny_model), store)
    assert job.state == "queued"
    owner = new_owner()
    claimed = store.jobs.claim(owner)
    assert claimed is not None
    assert (claimed.id, claimed.state) == (job.id, "running")
    result = run(claimed, tiny_model, store, owner)
    done = store.jobs.get(job.id)
    assert (done.state, done.memory_key) == ("ready", result.memory.key)
    assert (done.pages_done, done.tokens_done) == (done.pages, done.tokens) == (2, result.document_tokens)
    assert store.jobs.claim(owner) is None


def test_same_document_under_the_same_settings_is_queued_once(tiny_model: Model, store: Store) -> None:
    document = make_document(50)
    first = enqueue(document, settings(tiny_model), store)
    assert enqueue(document, settings(tiny_model), store).id == first.id
    assert enqueue(document, settings(tiny_model, ratio=8), store).id != first.id


def test_of_many_that_claim_one_gets_the_job(tiny_model: Model, store: Store) -> None:
    enqueue(make_document(50), settings(tiny_model), store)
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: store.jobs.claim(new_owner()), range(16)))
    assert sum(job is not None for job in claimed) == 1


def test_who_queues_a_document_to_read_it_has_the_job_unless_another_has_it(tiny_model: Model, store: Store) -> None:
    document, owner = make_document(50), new_owner()
    job = enqueue(document, settings(tiny_model), store, owner)
    assert (job.state, job.owner) == ("running", owner)
    assert store.jobs.claim(new_owner()) is None
    assert enqueue(document, settings(tiny_model), store, new_owner()) == job
    assert run(job, tiny_model, store, owner).tokens_read
    waiting = enqueue(make_document(60), settings(tiny_model), store)
    assert enqueue(make_document(60), settings(tiny_model), store, owner) == waiting


def test_a_short_document_is_read_before_the_longer_ones_that_wait(tiny_model: Model, store: Store) -> None:
    jobs = [enqueue(make_document(words), settings(tiny_model), store) for words in (400, 800, 50, 410)]
    assert [claimed.id for _ in jobs if (claimed := store.jobs.claim(new_owner()))] == [
        jobs[number].id
        for number in (2, 0, 3, 1)  # 1, 8, 9 and 16 pages
    ]


def test_only_jobs_of_ones_own_model_are_taken(tiny_model: Model, store: Store) -> None:
    enqueue(make_document(50), settings(tiny_model), store)
    for other in ({"model": "another"}, {"window": 64}, {"plugin": "folder"}, {"horizon": 8}):
        changed = JobSettings(**{**vars(settings(tiny_model)), **other})  # type: ignore[arg-type]
        assert store.jobs.claim(new_owner(), settings=changed.of_model) is None
    assert store.jobs.claim(new_owner(), settings=settings(tiny_model, ratio=8).of_model) is not None


@pytest.mark.parametrize(("wanted", "state"), [("pause", "paused"), ("cancel", "cancelled")])
def test_running_job_stops_where_it_is_and_goes_on(tiny_model: Model, store: Store, wanted: str, state: str) -> None:
    job = enqueue(make_document(800), settings(tiny_model), store)
    owner = new_owner()
    claimed = store.jobs.claim(owner)
    assert claimed is not None

    def ask_to_stop(progress: ReadingProgress) -> None:
        if progress.windows_done == 5:
            store.jobs.stop(job.id, wanted)  # type: ignore[arg-type]

    with pytest.raises(Cancelled):
        run(claimed, tiny_model, store, owner, progress=ask_to_stop)
    stopped = store.jobs.get(job.id)
    assert stopped.state == state
    assert 5 * 32 <= stopped.tokens_done < stopped.tokens
    assert store.jobs.claim(owner) is None
    assert store.jobs.go_on(job.id).state == "queued"
    again = store.jobs.claim(owner)
    assert again is not None
    assert run(again, tiny_model, store, owner).tokens_read <= stopped.tokens - 5 * 32


def test_waiting_job_stops_at_once(tiny_model: Model, store: Store) -> None:
    job = enqueue(make_document(50), settings(tiny_model), store)
    assert store.jobs.stop(job.id, "pause").state == "paused"
    assert store.jobs.claim(new_owner()) is None
    assert enqueue(make_document(50), settings(tiny_model), store).state == "queued"
    assert store.jobs.stop(job.id[:6], "cancel").state == "cancelled"


def test_failed_job_says_why(tiny_model: Model, store: Store) -> None:
    job = enqueue(make_document(1500), settings(tiny_model, ratio=2), store)
    owner = new_owner()
    claimed = store.jobs.claim(owner)
    assert claimed is not None
    with pytest.raises(Exception, match="read it at ratio"):
        run(claimed, tiny_model, store, owner)
    failed = store.jobs.get(job.id)
    assert failed.state == "failed"
    assert failed.reason is not None
    assert "read it at ratio" in failed.reason


def test_silent_owner_loses_its_job(tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    job = enqueue(make_document(50), settings(tiny_model), store)
    silent = new_owner()
    assert store.jobs.claim(silent) is not None
    assert store.jobs.claim(new_owner()) is None
    monkeypatch.setattr(storage_jobs, "SILENT_SECONDS", 0.0)
    heir = new_owner()
    taken = store.jobs.claim(heir)
    assert taken is not None
    assert (taken.id, taken.owner) == (job.id, heir)
    with pytest.raises(StoreBusy, match="taken over"):
        store.jobs.beat(job.id, silent, pages_done=1)
    store.jobs.end(job.id, silent, "failed")
    assert store.jobs.get(job.id).state == "running"


def test_worker_reads_what_is_queued_and_outlives_failures(tiny_model: Model, store: Store) -> None:
    bad = enqueue(make_document(1500), settings(tiny_model, ratio=2), store)
    good = [enqueue(make_document(50 + n, f"Document {n}"), settings(tiny_model), store) for n in range(3)]
    worker = Worker(store, tiny_model, settings(tiny_model))
    worker.start()
    try:
        wait_for(lambda: all(store.jobs.get(job.id).state == "ready" for job in good))
        wait_for(lambda: store.jobs.get(bad.id).state == "failed")  # the longest document is read last
        late = enqueue(make_document(70), settings(tiny_model), store)
        worker.wake()
        wait_for(lambda: store.jobs.get(late.id).state == "ready")
    finally:
        worker.stop()
        worker.join(60)
    assert not worker.is_alive()


def test_jobs_go_with_their_document(tiny_model: Model, store: Store) -> None:
    job = enqueue(make_document(50), settings(tiny_model), store)
    store.remove_document(job.document_id)
    with pytest.raises(NotFound):
        store.jobs.get(job.id)


def test_killed_owner_is_succeeded_at_its_last_checkpoint(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = str(tiny_folder("llama"))
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from reader.models.model import load_model
        from reader.reading.jobs import run
        from storage import Store, new_owner
        model = load_model(sys.argv[1], window=32, cache_folder=Path(sys.argv[2]) / "cache")
        with Store(Path(sys.argv[2]) / "library") as store:
            owner = new_owner()
            job = store.jobs.claim(owner)
            run(job, model, store, owner, progress=lambda p: print(p.windows_done, flush=True))
        """
    )
    model = load_model(folder, window=32, cache_folder=tmp_path / "cache")
    with Store(tmp_path / "library") as store:
        job = enqueue(make_document(1500), settings(model), store)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", program, folder, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as victim:
            assert victim.stdout is not None
            for line in victim.stdout:
                if line.strip() == "9":
                    victim.send_signal(signal.SIGKILL)
                    break
        left = store.jobs.get(job.id)
        assert left.state == "running"
        worker = Worker(store, model, settings(model))
        worker.start()
        try:
            wait_for(lambda: store.jobs.get(job.id).state == "ready")
        finally:
            worker.stop()
            worker.join(60)
        assert left.tokens_done >= 9 * 32
        assert store.memory(store.jobs.get(job.id).memory_key or "") is not None


def test_everyone_sees_the_same_progress(tiny_model: Model, store: Store, tmp_path: Path) -> None:
    job = enqueue(make_document(600), settings(tiny_model), store)
    owner = new_owner()
    claimed = store.jobs.claim(owner)
    assert claimed is not None
    seen: list[JobRecord] = []
    with Store(tmp_path / "library") as elsewhere:

        def look(progress: ReadingProgress) -> None:
            looker = threading.Thread(target=lambda: seen.append(elsewhere.jobs.get(job.id)))
            looker.start()
            looker.join()
            assert seen[-1].tokens_done == progress.tokens_done

        run(claimed, tiny_model, store, owner, progress=look)
    assert len(seen) > 10
    assert all(record.state == "running" for record in seen)
