"""Sentence vectors of documents that were read before the sentence encoder was there, made while nothing is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from storage import Store

if TYPE_CHECKING:
    from reader.models import SentenceEncoder


class LateVectors:
    """Makes the vectors that a library lacks, one document at a time."""

    def __init__(self, store: Store, before_step: Callable[[], None], added: Callable[[str], None]) -> None:
        """Take the library.

        Args:
            before_step: called before each step of about a second; the step begins when it returns.
            added: called with the id of each document that has vectors now.
        """
        self._store, self._before_step, self._added = store, before_step, added
        self._tried: set[str] = set()
        """With those whose vectors cannot be kept: on a full disk, or because there is no sentence in them."""

    def add(self, encoder: SentenceEncoder | None, stopped: Callable[[], bool]) -> bool:
        """Make the vectors of one document, unless `stopped` returns true, and tell whether there was one to try."""
        from reader.reading import make_vectors

        missing = [] if encoder is None else self._store.vectors.missing(encoder.fingerprint)
        document_id = next((one for one in missing if one not in self._tried), None)
        if document_id is None:
            return False
        self._tried.add(document_id)  # an error is not met again and again
        if make_vectors(document_id, encoder, self._store, progress=lambda *_: self._before_step(), stopped=stopped):
            self._added(document_id)
        elif stopped():
            self._tried.discard(document_id)
        return True
