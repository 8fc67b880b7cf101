"""Documents made for tests."""

from __future__ import annotations

from reader.documents import Document, Page

WORDS = "The keeper walked to the harbour at 19:45 and wrote in the book what the baker had said about the lamp. "


def make_document(words: int, title: str = "A document") -> Document:
    """A document of that many words on pages of 50, each page beginning with its number."""
    stream = (WORDS * (words // len(WORDS.split()) + 1)).split()[:words]
    pages, text = [], ""
    for number, start in enumerate(range(0, words, 50), start=1):
        part = f"[{number}] " + " ".join(stream[start : start + 50]) + "\n"
        pages.append(Page(number, str(number), len(text), len(text) + len(part)))
        text += part
    return Document(text, tuple(pages), title, "a.txt", "text", 0)
