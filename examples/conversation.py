"""Talk with a book; the conversation is kept in the library: `python examples/conversation.py novel.epub`."""

import sys
from pathlib import Path

import reader
import storage


def main(book: Path) -> None:
    model = reader.load_model()
    with storage.Store(Path("library")) as store:
        result = reader.read(reader.load(book), model, store)
        attached = reader.attach(result.memory, model, store)
        record = store.conversations.add([result.memory.document_id])
        talk = reader.Conversation(record, attached, model, store)
        for question in iter(lambda: input("You: ").strip(), ""):
            print("Book: ", end="")
            for part in talk.ask(question, look_again="auto"):
                print(part.text, end="", flush=True)
            print()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
