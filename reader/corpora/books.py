"""Reads plain text books from a folder or an archive, and gives their token ids at any length.

A book that is too short for a context is joined with the books after it. This module downloads and cleans nothing.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from reader.errors import ConfigError, cause
from reader.models import Model

_PIECE_CHARS = 50_000


@dataclass(frozen=True)
class Book:
    """One plain text."""

    name: str
    text: str


def load_books(path: Path) -> list[Book]:
    """Load all `.txt` files of a folder (and its subfolders) or of a tar archive, sorted by name.

    Raises:
        ConfigError: the folder or archive does not exist or has no texts, or a text is not UTF-8.
    """
    try:
        if path.is_dir():
            found = [(file.name, file.read_bytes()) for file in path.rglob("*.txt") if file.is_file()]
        else:
            with tarfile.open(path) as archive:
                found = list(_members(archive))
        books = [Book(name, content.decode("utf-8")) for name, content in sorted(found)]
    except (OSError, EOFError, tarfile.TarError) as error:
        raise ConfigError(
            f"Books cannot be read from {str(path)!r} ({cause(error)}); give a folder or a tar archive of .txt files."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"A book in {str(path)!r} is not UTF-8 text ({error}); convert it.") from error
    if not books:
        raise ConfigError(f"{str(path)!r} holds no .txt files; give a folder or a tar archive of plain text books.")
    return books


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in archive:
        if member.isfile() and member.name.endswith(".txt"):
            content = archive.extractfile(member)
            assert content is not None  # only files are read
            yield PurePosixPath(member.name).name, content.read()


class BookTokens:
    """Token ids of books. Each book is tokenised only as far as needed."""

    def __init__(self, books: Sequence[Book], model: Model) -> None:
        self.books, self._model = books, model
        self._rest = [book.text for book in books]
        self._ids: list[list[Tensor]] = [[] for _ in books]

    def of(self, number: int, tokens: int) -> Tensor:
        """The first `tokens` token ids of a book, or all if it has fewer."""
        ids = self._ids[number]
        while self._rest[number] and sum(map(len, ids)) < tokens:
            text = self._rest[number]
            # Cut at the end of a line, so that the pieces do not depend on `tokens`.
            cut = text.find("\n", _PIECE_CHARS) + 1 or len(text)
            ids.append(self._model.encode(text[:cut])[0])
            self._rest[number] = text[cut:]
        return torch.cat([torch.empty(0, dtype=torch.int64), *ids])[:tokens]

    def joined(self, first: int, tokens: int) -> tuple[Tensor, int]:
        """Up to `tokens` token ids, starting with the book `first`, and the number of books that they come from."""
        parts: list[Tensor] = []
        missing = tokens
        number = first
        while missing and number < len(self.books):
            parts.append(self.of(number, missing))
            missing -= len(parts[-1])
            number += 1
        return torch.cat([torch.empty(0, dtype=torch.int64), *parts]), number - first

    def groups(self, tokens: int) -> list[int]:
        """Divide the books into disjoint runs of at least `tokens` tokens; return the number of each run's first book."""
        starts, number = [], 0
        while number < len(self.books):
            ids, count = self.joined(number, tokens)
            if len(ids) == tokens:
                starts.append(number)
            number += count
        return starts
