"""The cost of saving a memory as int8: `python -m bench.memory_types [DOCUMENT …]`.

For each document, the bundled default decoder reads 4,096 tokens at ratio 4 into a library, once in its own type and once in
int8. Both memories are attached, and the next 512 tokens are scored after each. Prints bytes, attach seconds and next-token loss,
and for comparison the loss of the same 512 tokens without a memory.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from reader.answering import attach
from reader.documents import Document, Page, load
from reader.models import Model, load_model
from reader.reading import read
from reader.settings import cache_folder
from storage import Store

ROOT = Path(__file__).resolve().parent.parent
READ, SCORED, RATIO = 4096, 512, 4


def beginning(document: Document, chars: int) -> Document:
    """The document up to a character, on one page."""
    text = document.text[:chars]
    return Document(text, (Page(1, "1", 0, len(text)),), document.title, document.file_name, document.format, 0)


def loss(model: Model, scored: torch.Tensor, memory_key: str | None, store: Store) -> tuple[float, float]:
    """Next-token loss of the scored tokens after a memory (None: after the opening alone), and the seconds for attaching."""
    seconds = 0.0
    if memory_key is None:
        memory = model.plugin.new_memory(2 * SCORED)
        model.plugin.open(memory, model.opening)
    else:
        record = store.memory(memory_key)
        assert record is not None
        attached = attach(record, model, store)
        memory, seconds = attached.memory, attached.attach_seconds
    logits = model.plugin.run(memory, scored, logits="all")
    assert logits is not None
    return cross_entropy(logits[:-1], scored[1:]).item(), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="*", type=Path, default=[ROOT / "static" / "sample.md"])
    options = parser.parse_args()
    model = load_model(cache_folder=cache_folder())
    rows: dict[str, list[tuple[float, float, int]]] = {"model": [], "int8": [], "none": []}
    for file in options.documents:
        document = load(file)
        ids, spans = model.encode(document.text)
        if len(ids) < READ + SCORED:
            print(f"{file.name} is too short: {len(ids):,} tokens")
            continue
        start = beginning(document, int(spans[READ - 1, 1]))
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store, torch.inference_mode():
            scored = ids[READ : READ + SCORED]
            for kind in ("model", "int8"):
                record = read(start, model, store, ratio=RATIO, memory_dtype=kind).memory
                found, seconds = loss(model, scored, record.key, store)
                rows[kind].append((found, seconds, record.bytes))
            rows["none"].append((loss(model, scored, None, store)[0], 0.0, 0))
    print(f"{len(rows['model'])} documents, {READ:,} tokens at ratio {RATIO}, plug-in trained: {model.plugin.trained}")
    print("| kept as | MB | attach ms | loss of the next 512 tokens |\n| --- | --- | --- | --- |")
    for kind, measured in rows.items():
        losses, seconds, sizes = (statistics.mean(column) for column in zip(*measured, strict=True))
        print(f"| {kind} | {sizes / 1e6:.1f} | {1000 * seconds:.0f} | {losses:.4f} |")


if __name__ == "__main__":
    main()
