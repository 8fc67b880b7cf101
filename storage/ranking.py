"""A throw-away full text index in memory, over any texts: which of them hold words of a question, by BM25 over word stems.

The library's own index is over whole pages and wants every word of a query; here any word counts. Nothing is written to disk.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence

import sqlite_utils


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
        # Quoted, a word is text to the index, whatever signs it holds; without a letter or digit it is empty.
        quoted = ['"' + word.replace('"', '""') + '"' for word in words if any(map(str.isalnum, word))]
        if not quoted:
            return []
        with self._lock:
            rows = self._db.execute(
                "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank, rowid LIMIT ?", (" OR ".join(quoted), limit)
            ).fetchall()
        return [number for (number,) in rows]
