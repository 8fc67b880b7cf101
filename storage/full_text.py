"""Turns a user's words into a query of SQLite's full text index, and makes temporary indexes in memory.

The library's index is over whole pages, and a page must contain all words of a query. The index in memory finds texts with any of
the words and ranks them by BM25 over word stems. This module writes nothing to disk.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import sqlite_utils

from storage.manifests import clean

MAX_RANKED_PAGES = 10_000
"""Of all pages with the words of a query, so many are compared, those added last."""
_MAX_QUERY_WORDS = 32


def all_words(query: str) -> str:
    """Return the query for texts that contain all words of a user's query; empty if it has no word."""
    return " ".join(islice(_quoted(clean(query).split()), _MAX_QUERY_WORDS))


def any_word(words: Iterable[str]) -> str:
    """Return the query for texts that contain at least one of the words; empty if none is a word."""
    return " OR ".join(_quoted(words))


def _quoted(words: Iterable[str]) -> Iterator[str]:
    # Quotes make the index read a word as text, with any signs. A word without a letter or digit would be empty.
    return ('"' + word.replace('"', '""') + '"' for word in words if any(map(str.isalnum, word)))


class TextIndex:
    """An index over texts, numbered from 0; any thread may search it."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._db = sqlite_utils.Database(sqlite3.connect(":memory:", check_same_thread=False))
        self._db.execute(
            "CREATE VIRTUAL TABLE texts USING fts5(text, content='', tokenize='porter unicode61 remove_diacritics 2')"
        )
        with self._db.atomic():
            self._db.conn.executemany("INSERT INTO texts (rowid, text) VALUES (?, ?)", enumerate(texts))

    def search(self, words: Sequence[str], limit: int) -> list[int]:
        """Return the numbers of the texts that contain any of the words, the best first."""
        return list(islice(self.scores(words), limit))

    def scores(self, words: Sequence[str]) -> dict[int, float]:
        """Return the texts that contain any of the words, by number, with their scores above 0, the best first."""
        query = any_word(words)
        if not query:
            return {}
        with self._lock:
            rows = self._db.execute("SELECT rowid, -rank FROM texts WHERE texts MATCH ? ORDER BY rank, rowid", (query,))
            return dict(rows.fetchall())
