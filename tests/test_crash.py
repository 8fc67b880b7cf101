"""Kills at random moments, and eight processes at once, on one library with real readings of a tiny decoder.

What is killed reads, imports, evicts, removes, collects, rebuilds, migrates an old library or answers a batch. Two users and the
local one have documents of their own, with their name in every title, file and question.

Run as a script, this file is the process that forks those that get killed. It only imports before it forks: hashing and
the decoder have threads, which do not survive a fork.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from helpers import ROOT
from helpers.decoders import tiny_decoder_folder
from helpers.documents import WORDS
from helpers.library import FIXTURE

from reader.answering import attach
from reader.batching import LocalEngine, batch
from reader.documents import Document, Page
from reader.models.model import Model, load_model
from reader.reading.loop import read
from storage import (
    BadImport,
    NotFound,
    OverBudget,
    Store,
    StoreBusy,
    StoredDocument,
    collect_garbage,
    cover_file,
    export_document,
    import_document,
    keep_original,
    original_file,
    rebuild,
    verify,
)

KEPT, FOREIGN, DOOMED = "kept", "foreign", "doomed"
FREE_NAMES = {"library.db", "library.db-wal", "library.db-shm", "library.lock"}
USERS = ("ann", "bob")
OWNED = {"ann": (0, 1), "bob": (1, 2)}
"""The numbers of the kept documents that a user has, for good; one is both users', with an original each."""
QUESTIONS = 12
QUESTION = "Who walked to the harbour?"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks and kills are POSIX's")


def make(name: str, words: int) -> Document:
    """A document that begins unlike all others, so that no other's reading shortens its own."""
    stream = (f"This is the {name}. " + WORDS * (words // 20 + 1)).split(" ")[:words]
    parts = [" ".join(stream[start : start + 50]) + "\n" for start in range(0, words, 50)]
    ends = [sum(map(len, parts[:number])) for number in range(len(parts) + 1)]
    pages = tuple(Page(n + 1, str(n + 1), ends[n], ends[n + 1]) for n in range(len(parts)))
    return Document("".join(parts), pages, name, f"{name}.txt", "text", 0)


def documents() -> dict[str, Document]:
    found = {f"{KEPT} {number}": make(f"{KEPT} {number}", 100 + 60 * number) for number in range(4)}
    grown = make(f"{KEPT} 0", 220)  # begins as "kept 0" does, so that the one's windows serve the other
    found[f"{KEPT} grown"] = Document(grown.text, grown.pages, f"{KEPT} grown", "grown.txt", "text", 0)
    found |= {f"{FOREIGN} {number}": make(f"{FOREIGN} {number}", 90) for number in range(2)}
    return found | {f"{DOOMED} {number}": make(f"{DOOMED} {number}", 130) for number in range(2)}


def load(folder: Path) -> Model:
    torch.set_num_threads(1)
    return load_model(str(folder / "decoder"), window=32, cache_folder=folder / "cache", device="cpu")


def logits(store: Store, key: str, model: Model) -> torch.Tensor:
    """What the decoder says right behind a memory and a question."""
    record = store.memory(key)
    assert record is not None
    memory = attach(record, model, store).memory
    with torch.inference_mode():
        found = model.plugin.run(memory, model.closing(QUESTION))
    assert found is not None
    return found[-1].clone()


# What the processes do


def prepare(folder: Path) -> None:
    """Read every document once, undisturbed; keep what the decoder then says, and exports of the foreign ones."""
    model = load(folder)
    expected = {}
    with Store(folder / "first") as store:
        for name, document in documents().items():
            result = read(document, model, store)
            expected[result.memory.key] = logits(store, result.memory.key, model)
            if name.startswith(FOREIGN):
                export_document(store, document.id, folder / f"{name}.beacon")
    torch.save(expected, folder / "expected.pt")
    with Store(folder / "library") as store:
        for name, document in documents().items():
            if name.startswith(KEPT):
                add(store, document)
        for user, numbers in OWNED.items():
            for number in numbers:
                document = documents()[f"{KEPT} {number}"]
                hold(folder, store, document, user)
                talk = store.conversations.add([document.id], user)
                store.conversations.add_turn(talk, f"{user} asks", f"{user} is told")
    asked = [
        {"custom_id": f"q{n}", "document": f"{KEPT} {n % 3}", "question": f"Who wrote line {n}?"}
        for n in range(QUESTIONS)
    ]
    (folder / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))


def add(store: Store, document: Document) -> None:
    pages = [(page.label, document.text[page.start : page.end]) for page in document.pages]
    store.add_document(document.id, title=document.title, file_name="f", format="text", pages=pages)


def hold(folder: Path, store: Store, document: Document, user: str) -> None:
    """Give a document to a user, from a file of their own."""
    source = folder / f"{os.getpid()}.pdf"
    source.write_text(f"{user}'s file of {document.title}")
    pages = [(page.label, document.text[page.start : page.end]) for page in document.pages]
    stored = StoredDocument.new(document.id, f"{user}'s {document.title}", f"{user}.pdf", "pdf", pages)
    with store.adding_document(stored) as db:
        original = keep_original(store.folder, document.id, source, f"{user}'s cover".encode())
        store.user_documents.hold(db, user, stored, original)


def rebuild_often(folder: Path, seed: int, ready: Callable[[], None]) -> None:
    """Rebuild the library again and again, whenever nobody else has it open, until killed."""
    chance = random.Random(seed)
    ready()
    while True:
        with suppress(StoreBusy):
            rebuild(folder / "library", force=True)
        time.sleep(chance.uniform(0, 0.2))  # for others to open it between


def migrate_often(folder: Path, seed: int, ready: Callable[[], None]) -> None:
    """Open copies of a library that version 0.1 wrote, one after another, until killed."""
    with tarfile.open(FIXTURE / "library.tar.xz") as archive:
        archive.extractall(folder / "released", filter="data")
    ready()
    for number in range(1_000):
        shutil.copytree(folder / "released" / "library", folder / "old" / "making")
        (folder / "old" / "making").rename(folder / "old" / str(number))
        Store(folder / "old" / str(number)).close()


def answer_often(folder: Path, seed: int, ready: Callable[[], None]) -> None:
    """Answer a batch of questions to its end, and begin anew, until killed."""
    engine = LocalEngine(load(folder))
    with Store(folder / "library") as store:
        ready()
        while True:
            summary = batch(folder / "asked.jsonl", folder / "answers.jsonl", store, engine)
            assert summary.errors == 0
            check_answers(folder)
            (folder / "answers.jsonl").unlink()


def disturb(folder: Path, seed: int, ready: Callable[[], None]) -> None:
    """Read, evict, import, delete and collect on one library until killed."""
    chance = random.Random(seed)
    if chance.random() < 0.1:
        ready()  # to be killed while it starts, too
    model = load(folder)
    every = documents()
    with Store(folder / "library") as store:
        ready()
        while True:
            name = chance.choice(list(every))
            document = every[name]
            action = chance.choices(
                ["read", "evict", "import", "remove", "collect", "pin", "hold"], weights=[8, 3, 4, 3, 1, 1, 2]
            )[0]
            try:
                if action == "read" and not name.startswith(FOREIGN):
                    read(document, model, store, max_bytes=chance.choice([None, 2_000_000]))
                elif action == "evict":
                    store.make_room(0, chance.choice([0, 200_000, 400_000]))
                elif action == "import" and name.startswith(FOREIGN):
                    import_document(store, folder / f"{name}.beacon")
                elif action == "remove" and not name.startswith(KEPT):
                    user = chance.choice(["", *USERS])
                    if not store.user_documents.let_go(user, document.id):
                        store.remove_document(document.id)
                elif action == "hold" and name.startswith(DOOMED):
                    hold(folder, store, document, chance.choice(USERS))
                elif action == "collect":
                    collect_garbage(store)
                elif action == "pin":
                    store.pin(document.id, chance.random() < 0.3)
            except (StoreBusy, NotFound, OverBudget, BadImport) as error:
                if isinstance(error, StoreBusy) and "in use by another process" in str(error):
                    raise  # SQLite's "database is locked"
                if isinstance(error, BadImport) and "another memory" not in str(error):
                    raise


def check_users(store: Store) -> int:
    """Compare what each user is shown with what is theirs; return the documents shown."""
    every = {document.id: name for name, document in documents().items()}
    shown = 0
    for user in USERS:
        held = store.user_documents.page(user, limit=99)
        named = {every[one.document.id] for one in held}
        assert named >= {f"{KEPT} {number}" for number in OWNED[user]}, f"{user} has lost something: {named}"
        assert not {name for name in named if name.startswith(KEPT)} - {f"{KEPT} {number}" for number in OWNED[user]}
        for one in held:
            title = documents()[every[one.document.id]].title
            assert (one.document.title, one.document.file_name) == (f"{user}'s {title}", f"{user}.pdf")
            assert one.original is not None
            assert original_file(store.folder, one.original).read_text() == f"{user}'s file of {title}"
            assert cover_file(store.folder, one.original).read_text() == f"{user}'s cover"
        turns = [(turn.question, turn.answer) for talk in store.conversations.all(user) for turn in talk.turns]
        assert turns == [(f"{user} asks", f"{user} is told")] * len(OWNED[user])
        shown += len(held)
    for one in store.user_documents.page("", limit=99):
        assert "'s " not in one.document.title
        assert one.original is None
    return shown


def check_migrated(folder: Path) -> int:
    """Open every old library and compare it with what its own version showed to each user; return how many there were."""
    expected = json.loads((FIXTURE / "expected.json").read_text())
    libraries = [path for path in (folder / "old").glob("*") if path.name.isdigit()]
    for path in libraries:
        with Store(path) as store:
            assert verify(store).faults == ()
            assert {memory.document_id: memory.key for memory in store.memories()} == expected["memories"]
            for user, held in expected["held"].items():
                shown = store.user_documents.page(user, limit=9)
                assert sorted(one.document.id for one in shown) == held
                assert sorted(one.document.title for one in shown) == expected["titles"][user]
                assert {one.document.id for one in shown if one.original and user != "ann"} == set()
            turns = store.conversations.get(expected["conversation"], "ann").turns
            assert [[turn.question, turn.answer, list(turn.evidence)] for turn in turns] == expected["turns"]
    shutil.rmtree(folder / "old", ignore_errors=True)
    (folder / "old").mkdir()
    return len(libraries)


def check_answers(folder: Path) -> int:
    """Compare the answers of a batch, as far as it came, with those of all batches before; return how many there are."""
    path, ledger = folder / "answers.jsonl", folder / "answers.json"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []  # behind the last line end a line was cut off
    seen = json.loads(ledger.read_text()) if ledger.exists() else {}
    found = {answer["custom_id"]: answer for answer in map(json.loads, lines)}
    assert len(found) == len(lines), "a question has two answers"
    for name, answer in found.items():
        said = [answer["answer"], answer["document"]]
        assert seen.setdefault(name, said) == said
    ledger.write_text(json.dumps(seen))
    return len(found)


def check(folder: Path) -> dict[str, int]:
    """Reopen the library and compare everything in it with what was there at first; count what was compared."""
    expected = torch.load(folder / "expected.pt")
    ledger = folder / "ledger.json"
    seen: dict[str, str] = json.loads(ledger.read_text()) if ledger.exists() else {}
    model = load(folder)
    every = {document.id: document for document in documents().values()}
    with Store(folder / "library") as store:
        assert_no_orphans(store)  # the opening has repaired
        faults = verify(store).faults
        assert faults == (), faults
        shown = check_users(store)
        held = {document.id for document in store.documents()}
        lost = [name for name, document in documents().items() if name.startswith(KEPT) and document.id not in held]
        assert not lost, f"lost: {lost}"
        for document_id in held:
            assert store.text(document_id) == every[document_id].text
        ready = [memory for memory in store.memories() if memory.state == "ready"]
        for memory in ready:
            found = logits(store, memory.key, model)
            torch.testing.assert_close(found, expected[memory.key], rtol=0, atol=1e-4)
            digest = hashlib.sha256(found.numpy().tobytes()).hexdigest()
            assert seen.setdefault(str(memory.hash), digest) == digest  # the same file: the same to the bit
        collect_garbage(store)
        assert_no_orphans(store)
        assert not list(store.folder.glob(".*")), "what a rebuild had begun is collected"
        shutil.rmtree(store.folder / "damaged", ignore_errors=True)
        half_read = sum(memory.state == "reading" for memory in store.memories())
        imported = sum(memory.imported for memory in store.memories())
    ledger.write_text(json.dumps(seen))
    return {
        "ready": len(ready),
        "half_read": half_read,
        "imported": imported,
        "documents": len(held),
        "shown": shown,
        "migrated": check_migrated(folder),
        "answered": check_answers(folder),
    }


def assert_no_orphans(store: Store) -> None:
    needed = {f"documents/{document.id}.txt" for document in store.documents()}
    for memory in store.memories():
        names = {"memory.safetensors", "memory.json"} if memory.state == "ready" else set()
        names |= {segment.file for segment in store.segments(memory.key) if segment.file}
        needed |= {f"memories/{memory.key}/{name}" for name in names}
    for row in store.database.read("SELECT original FROM holdings WHERE original IS NOT NULL"):
        needed |= {f"originals/{row['original']}.{kind}" for kind in ("pdf", "jpg")}
    paths = [path.relative_to(store.folder) for path in store.folder.rglob("*") if path.is_file()]
    found = {str(path) for path in paths if path.parts[0] != "damaged" and not path.parts[0].startswith(".rebuild.")}
    assert found - FREE_NAMES == needed, found ^ needed


def share(folder: Path, seed: int, seconds: float) -> dict[str, int]:
    """Read and ask the documents of one library in turn with others; return the tokens read of each."""
    chance = random.Random(seed)
    model = load(folder)
    expected = torch.load(folder / "expected.pt")
    chosen = {name: document for name, document in documents().items() if "grown" not in name}
    tokens = dict.fromkeys(chosen, 0)
    until = time.monotonic() + seconds
    asked = 0
    while time.monotonic() < until:
        with Store(folder / "shared") as store:
            for name in chance.sample(list(chosen), 3):
                result = read(chosen[name], model, store)
                tokens[name] += result.tokens_read
                found = logits(store, result.memory.key, model)
                torch.testing.assert_close(found, expected[result.memory.key], rtol=0, atol=1e-4)
                asked += 1
                store.search(WORDS)
    return {**tokens, "asked": asked}


# Who starts and kills them


def forked(work: Callable[[], object], report: Path) -> int:
    """Run `work` in a child; what it returns, or how it failed, is in `report` afterwards."""
    child = os.fork()
    if child:
        return child
    try:
        report.write_text(json.dumps({"done": work()}))
        os._exit(0)
    except BaseException:
        report.write_text(json.dumps({"failed": traceback.format_exc()}))
        os._exit(1)


def outcome(child: int, report: Path) -> object:
    os.waitpid(child, 0)
    told = json.loads(report.read_text())
    if "failed" in told:
        sys.exit(told["failed"])
    return told["done"]


TASKS = (
    (disturb, disturb),
    (disturb, disturb, disturb),
    (rebuild_often,),
    (rebuild_often, disturb, disturb),
    (migrate_often, disturb),
    (answer_often, disturb),
    (answer_often,),
)
"""What is at work at the same time in a round."""


def rounds(folder: Path, count: int) -> None:
    """Kill two or three processes at work on one library, reopen it and check, again and again."""
    chance = random.Random(count)
    outcome(forked(lambda: prepare(folder), folder / "report"), folder / "report")
    totals: dict[str, int] = {}
    for number in range(count):
        children = []
        tasks = chance.choice(TASKS)
        for worker, task in enumerate(tasks):
            read_end, write_end = os.pipe()
            seed = chance.getrandbits(32)
            report = folder / f"worker {worker}"
            report.unlink(missing_ok=True)
            child = forked(
                lambda task=task, seed=seed, write_end=write_end: task(
                    folder, seed, lambda: os.write(write_end, b"r") and None
                ),
                report,
            )
            os.close(write_end)
            children.append((child, read_end, report))
        for _, read_end, _ in children:
            os.read(read_end, 1)
            os.close(read_end)
        time.sleep(chance.uniform(0, 4 if answer_often in tasks else 0.8))  # a batch first reads its documents
        for child, _, report in children:
            os.kill(child, signal.SIGKILL)
            time.sleep(chance.choice([0, 0, 0.02]))
            os.waitpid(child, 0)
            if report.exists():
                sys.exit(f"round {number}: {report.read_text()}")
        found = outcome(forked(lambda: check(folder), folder / "report"), folder / "report")
        assert isinstance(found, dict)
        totals = {name: totals.get(name, 0) + value for name, value in found.items()}
        print(number, found, file=sys.stderr, flush=True)
    print(json.dumps({"rounds": count, **totals}))


def eight(folder: Path, seconds: int) -> None:
    """Let eight processes read and ask one library, and tell what each of them read."""
    outcome(forked(lambda: prepare(folder), folder / "report"), folder / "report")
    reports = [folder / f"sharer {number}" for number in range(8)]
    children = [
        forked(lambda seed=seed: share(folder, seed, float(seconds)), report) for seed, report in enumerate(reports)
    ]
    print(json.dumps([outcome(child, report) for child, report in zip(children, reports, strict=True)]))


# Tests


def run(task: str, folder: Path, amount: int, timeout_seconds: float) -> str:
    tiny_decoder_folder(folder / "decoder")
    done = subprocess.run(
        [sys.executable, __file__, task, str(folder), str(amount)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return done.stdout


@pytest.mark.parametrize("count", [4, pytest.param(200, marks=pytest.mark.slow)])
def test_kills_lose_no_document_leave_no_file_and_change_no_answer(tmp_path: Path, count: int) -> None:
    told = json.loads(run("rounds", tmp_path, count, 3600))
    print(told)
    assert told["rounds"] == count
    assert told["ready"] > 0
    if count > 100:  # by then every kind has been there
        assert told["half_read"] > count / 10
        assert told["imported"] > count / 10
        assert told["migrated"] > count / 10
        assert told["answered"] > count / 10


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [5, 120])
def test_eight_processes_share_a_library_and_read_each_document_once(tmp_path: Path, seconds: int) -> None:
    told = json.loads(run("eight", tmp_path, seconds, 600))
    print(f"asked {sum(process['asked'] for process in told)} times")
    with Store(tmp_path / "shared") as store:
        by_title = {document.title: store.memories(document.id) for document in store.documents()}
        assert verify(store).faults == ()
    assert len(by_title) > 3
    for title, memories in by_title.items():
        (memory,) = memories
        assert memory.state == "ready"
        assert sum(process[title] for process in told) == memory.tokens, title


if __name__ == "__main__":
    name, place, amount = sys.argv[1:]
    {"rounds": rounds, "eight": eight}[name](Path(place), int(amount))
