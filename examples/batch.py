"""Answer a file of questions: `python examples/batch.py questions.jsonl answers.jsonl`; run again after a stop, it continues.

A line of the file: {"custom_id": "1", "document": "novel.epub", "question": "Who wrote the letter?"}
"""

import sys
from pathlib import Path

import reader
import storage


def main(questions: Path, answers: Path) -> None:
    model = reader.load_model()
    with storage.Store(Path("library")) as store:
        summary = reader.batch(questions, answers, store, reader.LocalEngine(model))
    print(summary)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
