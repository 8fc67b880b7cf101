"""Batches against asking one by one: `python -m bench.batch [BOOK]`.

Asks `--questions` questions about one document through `ask` in a loop, then repeats them to fill a batch of `--batch` and answers
the batch together, with the bundled default decoder. Both run in alternation in the same process, from the same attached memory,
with evidence and without looking again. Prints questions per minute and the ratio, and compares the answers.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

from reader.answering import Answer, AttachedMemory, ask, attach
from reader.batching import BATCH_SIZE, answer_together
from reader.documents import load
from reader.models import Model, load_model
from reader.reading import read
from reader.settings import cache_folder
from storage import Store

ROOT = Path(__file__).resolve().parent.parent
ASKED = (
    "Who is this about?",
    "Where does it take place, and when?",
    "What is the first thing that happens?",
    "Which people are named?",
    "What is said about the sea?",
    "What does the main character want?",
    "How does it end?",
    "What is the weather like?",
)


def one_by_one(attached: AttachedMemory, questions: list[str], model: Model) -> tuple[float, list[str]]:
    """Seconds per question, and the answers."""
    started = time.perf_counter()
    answers = [list(ask(attached, question, model))[-1].answer for question in questions]
    return (time.perf_counter() - started) / len(questions), [answer.text if answer else "" for answer in answers]


def together(attached: AttachedMemory, questions: list[str], model: Model, size: int) -> tuple[float, list[str]]:
    """Seconds per question, and the answers."""
    started = time.perf_counter()
    answers = dict(answer_together(attached, questions, model, batch_size=size))
    seconds = (time.perf_counter() - started) / len(questions)
    texts = [answer.text if isinstance(answer, Answer) else "" for _, answer in sorted(answers.items())]
    return seconds, texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "book", nargs="?", type=Path, default=ROOT / "static" / "sample.md", help="the document to ask about"
    )
    parser.add_argument("--questions", type=int, default=4, help="asked one by one in each round; default: 4")
    parser.add_argument("--batch", type=int, default=32, help="asked together in each round; default: 32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", help="a decoder in place of the bundled one")
    options = parser.parse_args()
    named = {"name": options.model} if options.model else {}
    model = load_model(**named, cache_folder=cache_folder())
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        attached = attach(read(load(options.book), model, store).memory, model, store)
    questions = list(itertools.islice(itertools.cycle(ASKED), max(options.questions, options.batch)))
    few, many = questions[: options.questions], questions[: options.batch]
    together(attached, few[:1], model, 1)  # warms up both
    ratios = []
    for _ in range(options.rounds):
        alone_seconds, alone = one_by_one(attached, few, model)
        batch_seconds, batched = together(attached, many, model, BATCH_SIZE)
        same = sum(one == other for one, other in zip(alone, batched, strict=False))
        ratios.append(alone_seconds / batch_seconds)
        print(
            f"one by one {60 / alone_seconds:7.1f}, together {60 / batch_seconds:7.1f} questions a minute, "
            f"{ratios[-1]:.2f} times; {same} of {min(len(alone), len(batched))} answers the same"
        )
    print(f"a memory of {attached.memory.slots:,} slots, {BATCH_SIZE} questions at a time")
    print(f"ratio: {statistics.median(ratios):.2f} (goal 3)")


if __name__ == "__main__":
    main()
