"""Attaching, listing and searching: `python -m bench.library`.

Measures two things:
- attach: the time to copy a memory of at least 200 MB, in the layout that reading writes, from the page cache into a decoder's
  buffers (with rows, hash check and copy), compared with memcpy and with `torch.load` of a pickle of the same tensors;
- library: the time to open, list and search a library of 10,000 documents.
"""

from __future__ import annotations

import ctypes
import pickle
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from pathlib import Path

import torch
from blake3 import blake3

from reader.answering import attach
from reader.beacon import Memory
from reader.models import Model, load_model
from reader.reading import metadata, to_bytes
from storage import Store, rebuild, text_id
from storage.manifests import StoredDocument

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 9
LAYERS, HEADS, HEAD_DIM, SLOTS = 8, 8, 64, 8192
DOCUMENTS, PAGES, PAGE_WORDS = 10_000, 10, 200


def seconds_of(**acts: Callable[[], object]) -> dict[str, list[float]]:
    """Seconds of each act in each round. The acts alternate, so that a busy machine slows them alike.

    The memory that an act frees returns to the system before the next act, which could otherwise reuse it.
    """
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)
    found: dict[str, list[float]] = {name: [] for name in acts}
    for number in range(ROUNDS + 1):
        for name, act in acts.items():
            give_back(0)
            started = time.perf_counter()
            kept = act()
            if number:  # the first round warms up
                found[name].append(time.perf_counter() - started)
            del kept
    return found


def filled_memory(model: Model) -> Memory:
    """A memory of SLOTS beacons with random activations."""
    memory = model.plugin.new_memory(SLOTS)
    for layer in memory.layers:
        layer.keys.normal_()
        layer.values.normal_()
        layer.length = SLOTS
    memory.positions = torch.arange(SLOTS)
    memory.spans = torch.stack([memory.positions, memory.positions + 1], dim=1)
    memory.beacons, memory.windows = SLOTS, SLOTS // 64
    return memory


def attaching(folder: Path) -> None:
    """Print the times of attaching, memcpy and torch.load."""
    sys.path.insert(0, str(ROOT / "tests"))
    from helpers.decoders import tiny_decoder_folder  # type: ignore[import-not-found]

    sizes = {"layers": LAYERS, "hidden": HEADS * HEAD_DIM, "heads": HEADS, "kv_heads": HEADS}
    tiny_decoder_folder(folder / "decoder", max_positions=2 * SLOTS, **sizes)
    model = load_model(str(folder / "decoder"), window=64, cache_folder=folder / "cache", device="cpu")
    memory = filled_memory(model)
    key = "a" * 64
    with Store(folder / "library") as store:
        store.add_document(text_id(b"x"), title="t", file_name="t.txt", format="text", pages=[("1", "x")])
        with store.writing(key, text_id(b"x"), settings={}, windows=memory.windows, tokens=1) as writer:
            specs, buffers = to_bytes(memory.tensors())
            record = writer.seal(specs, buffers, metadata(memory), slots=SLOTS, seconds=0.0)
        path = folder / "memory.pickle"
        with open(path, "wb") as file:
            torch.save({name: tensor.contiguous() for name, tensor in memory.tensors().items()}, file)
        plain = folder / "plain.pickle"
        plain.write_bytes(pickle.dumps({name: tensor.numpy() for name, tensor in memory.tensors().items()}, protocol=5))
        del memory

        with store.map_memory(key) as tensors:
            found = seconds_of(
                used=partial(memoryview(bytearray(record.bytes)).__setitem__, slice(None), tensors.content),
                fresh=lambda: bytes(tensors.content),
                hash=lambda: blake3(tensors.content, max_threads=blake3.AUTO).digest(),
                attach=lambda: attach(record, model, store),
                torch=lambda: torch.load(path),
                pickle=lambda: pickle.loads(plain.read_bytes()),
            )

    print(f"attaching {record.bytes / 1e6:,.0f} MB, from the page cache ({torch.get_num_threads()} threads)")
    names = {
        "used": "memcpy into memory in use",
        "fresh": "memcpy into fresh memory",
        "hash": "the hash alone",
        "attach": "attach: rows, map, hash, copy",
        "torch": "torch.load of a pickle",
        "pickle": "pickle.loads of a file of arrays",
    }
    for name, told in names.items():
        seconds = statistics.median(found[name])
        print(f"  {told:40} {1000 * seconds:8.1f} ms {record.bytes / seconds / 1e9:8.2f} GB/s")

    def ratio(over: str, under: str) -> float:
        return statistics.median(a / b for a, b in zip(found[over], found[under], strict=True))

    # The goal compares with the first memcpy. The second also allocates pages from the system, as a new memory must.
    print(f"  attach's rate over memcpy, memory in use {ratio('used', 'attach'):8.2f}     (goal 0.5)")
    print(f"  attach's rate over memcpy, fresh memory  {ratio('fresh', 'attach'):8.2f}     (goal 0.5)")
    print(f"  the hash's share of attach               {ratio('hash', 'attach'):8.2f}")
    print(f"  torch.load's time over attach's          {ratio('torch', 'attach'):8.2f}")
    print(f"  pickle.loads' time over attach's         {ratio('pickle', 'attach'):8.2f}")


def listing(folder: Path) -> None:
    """Print the time to open, list and search a large library."""
    chance = random.Random(0)
    words = [f"{chance.choice('bdfgklmnprst')}{chance.choice('aeiou')}{number:x}" for number in range(20_000)]
    weights = list(
        accumulate(1 / (rank + 1) for rank in range(len(words)))
    )  # as in language, a few words are very frequent
    library = folder / "large"
    (library / "documents").mkdir(parents=True)
    for number in range(DOCUMENTS):
        texts = [" ".join(chance.choices(words, cum_weights=weights, k=PAGE_WORDS)) + "\n" for _ in range(PAGES)]
        pages = [(str(page), text) for page, text in enumerate(texts, start=1)]
        name = text_id("".join(texts).encode())
        document = StoredDocument.new(name, f"Document {number}", f"{number}.txt", "text", pages)
        (library / "documents" / f"{name}.txt").write_bytes(document.encode())
    started = time.perf_counter()
    rebuild(library)
    rebuilt = time.perf_counter() - started
    with Store(library) as store:
        acts: dict[str, Callable[[], object]] = {
            "open": lambda: Store(library).close(),
            "list": store.documents,
            "find by title": lambda: store.document("Document 77"),
            "search: a rare word": lambda: store.search(words[15_000]),
            "search: two words": lambda: store.search(f"{words[300]} {words[2000]}"),
            "search: a word on a tenth of the pages": lambda: store.search(words[200]),
            "search: the commonest word": lambda: store.search(words[0]),
            "search: the three commonest words": lambda: store.search(" ".join(words[:3])),
            "search: nothing found": lambda: store.search("nowhere"),
        }
        print(f"a library of {DOCUMENTS:,} documents, {DOCUMENTS * PAGES:,} pages, {store.size_bytes() / 1e6:,.0f} MB")
        for name, seconds in seconds_of(**acts).items():
            print(f"  {name:40} {1000 * statistics.median(seconds):8.1f} ms")
        print(f"  made again from its files                {rebuilt:8.1f} s")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        attaching(Path(folder))
        listing(Path(folder))


if __name__ == "__main__":
    main()
