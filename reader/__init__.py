"""A long-document reader that reads a document once and remembers it (Activation Beacon, arXiv 2401.03462).

from pathlib import Path
import reader, storage

model = reader.load_model()
with storage.Store(Path("library")) as store:
    result = reader.read(reader.load(Path("book.pdf")), model, store)
    attached = reader.attach(result.memory, model, store)
    for part in reader.ask(attached, "Who wrote the letter?", model):
        print(part.text, end="", flush=True)
    print()
"""

import os

from lazy_loader import attach_stub

# Read by GNU's OpenMP when torch is imported. By default its idle threads spin for so long that an answer takes twice as long on
# two busy cores, or in a container with a share of them. Without any spinning it takes up to 1.45 times as long on idle cores.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
