"""Read a book once and ask it: `python examples/ask_a_book.py novel.epub "Who wrote the letter?"`."""

import sys
from pathlib import Path

import reader
import storage


def main(book: Path, question: str) -> None:
    model = reader.load_model()
    with storage.Store(Path("library")) as store:
        result = reader.read(reader.load(book), model, store)  # a book that was read before is found, not read again
        attached = reader.attach(result.memory, model, store)
        for part in reader.ask(attached, question, model, look_again="auto"):
            print(part.text, end="", flush=True)
            if part.answer is not None:
                print()
                for place in part.answer.evidence:
                    print(f"  page {place.label}: {place.quote}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
