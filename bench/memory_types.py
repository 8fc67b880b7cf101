"""The cost of rounding a memory: `python -m bench.memory_types [--model NAME] [DOCUMENT …]`.

For each document, a decoder reads the first tokens at ratio 4 into a library, in its own type, in int8 and in int4. All are
attached, the next 512 tokens are scored after each, and each answers a few questions. Prints bytes, attach seconds and next-token
loss, for comparison the loss of the same 512 tokens without a memory, and how many of the rounded memories' answers and quotes are
those of the decoder's type.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from reader.answering import ask, attach
from reader.documents import Document, Page, load
from reader.models import DEFAULT_MODEL, Model, load_model
from reader.reading import read
from reader.reading.plan import MEMORY_DTYPES
from reader.settings import cache_folder
from storage import Store

ROOT = Path(__file__).resolve().parent.parent
SCORED, RATIO = 512, 4
QUESTIONS = ("Who is named?", "Which place is named?", "What is said about money?")


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


def said(model: Model, memory_key: str, store: Store) -> list[tuple[str, list[str]]]:
    """The answer to each question from the memory alone, and its quotes, the best first."""
    record = store.memory(memory_key)
    assert record is not None
    found = []
    for question in QUESTIONS:
        answer = list(ask(attach(record, model, store), question, model))[-1].answer
        assert answer is not None
        found.append((answer.text, [evidence.quote for evidence in answer.evidence]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="*", type=Path, default=[ROOT / "static" / "sample.md"])
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--tokens", type=int, default=4096, help="how many are read")
    options = parser.parse_args()
    model = load_model(options.model, cache_folder=cache_folder())
    answers = quotes = asked = 0
    rows: dict[str, list[tuple[float, float, int]]] = {kind: [] for kind in (*MEMORY_DTYPES, "none")}
    for file in options.documents:
        document = load(file)
        ids, spans = model.encode(document.text)
        if len(ids) < options.tokens + SCORED:
            print(f"{file.name} is too short: {len(ids):,} tokens")
            continue
        start = beginning(document, int(spans[options.tokens - 1, 1]))
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store, torch.inference_mode():
            replies: dict[str, list[tuple[str, list[str]]]] = {}
            scored = ids[options.tokens : options.tokens + SCORED]
            for kind in MEMORY_DTYPES:
                record = read(start, model, store, ratio=RATIO, memory_dtype=kind).memory
                found, seconds = loss(model, scored, record.key, store)
                rows[kind].append((found, seconds, record.bytes))
                replies[kind] = said(model, record.key, store)
            rounded = [*replies["int8"], *replies["int4"]]
            for one, other in zip(replies["model"] * 2, rounded, strict=True):
                asked, answers, quotes = asked + 1, answers + (one[0] == other[0]), quotes + (one[1] == other[1])
            rows["none"].append((loss(model, scored, None, store)[0], 0.0, 0))
    print(
        f"{len(rows['model'])} documents, {options.tokens:,} tokens at ratio {RATIO}, plug-in trained: {model.plugin.trained}"
    )
    print("| kept as | MB | attach ms | loss of the next 512 tokens |\n| --- | --- | --- | --- |")
    for kind, measured in rows.items():
        losses, seconds, sizes = (statistics.mean(column) for column in zip(*measured, strict=True))
        print(f"| {kind} | {sizes / 1e6:.1f} | {1000 * seconds:.0f} | {losses:.4f} |")
    print(f"The same answers to {answers} of {asked}, and the same quotes for {quotes}.")


if __name__ == "__main__":
    main()
