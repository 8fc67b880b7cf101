"""Words of a user as a query of SQLite's full text index, and a throw-away index in memory over any texts.

The library's own index is over whole pages, and a page must hold all words of a query. For the index in memory any word
counts, by BM25 over word stems. Nothing is written to disk.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import sqlite_utils

from storage.manifests import clean

_MAX_QUERY_WORDS = 32


def all_words(query: str) -> str:
    """Return the query for the texts that hold all words of what a user has typed; empty where it has no word."""
    return " ".join(islice(_quoted(clean(query).split()), _MAX_QUERY_WORDS))


def any_word(words: Iterable[str]) -> str:
    """Return the query for the texts that hold one of the words at least; empty where none is a word."""
    return " OR ".join(_quoted(words))


def _quoted(words: Iterable[str]) -> Iterator[str]:
    # Quoted, a word is text to the index, whatever signs it holds; without a letter or digit it is empty.
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
        """Return the numbers of the texts that hold any of the words, the best first."""
        query = any_word(words)
        if not query:
            return []
        with self._lock:
            rows = self._db.execute(
                "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank, rowid LIMIT ?", (query, limit)
            ).fetchall()
        return [number for (number,) in rows]
