"""Sentence vectors: where a document's sentences are, and what a sentence encoder makes of each.

They are made while a document is read, window by window, and kept in the library for all its memories. A document that was read
before the encoder was there gets them afterwards: no decoder runs for them. A question is compared with them to find sentences that
mean something similar in other words. It ranks nothing itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from reader.documents import Document
from reader.models import SentenceEncoder
from reader.reading.intake import stored_document
from reader.reading.sentences import sentences, shortened
from storage import Store, StoreError

MAX_SENTENCE_CHARS = 300
"""Longer sentences are compared in pieces: a vector of a long text means a little of everything."""

_STEP_CHARS = 8_000
"""How much text is encoded between two reports: about a second on two cores."""


@dataclass(frozen=True)
class SentenceVectors:
    """The sentences of a document and their vectors."""

    spans: Tensor
    """(sentences, 2) int32: characters of the document, in order."""
    vectors: Tensor
    """(sentences, dimensions) int8: each vector times a factor of its own."""

    def similarities(self, question: Tensor, spans: Sequence[tuple[int, int]]) -> list[float]:
        """For each stretch of the document the similarity of its most similar sentence, 0 to 1; 0 where no sentence is.

        Args:
            question: (dimensions,), the unit vector of the question.
            spans: from the first character to the one behind the last.
        """
        similar = (self._unit_vectors @ question).clamp(min=0)
        starts, ends = (column.contiguous() for column in self.spans.T)
        first = torch.searchsorted(ends, torch.tensor([start for start, _ in spans], dtype=torch.int32), right=True)
        last = torch.searchsorted(starts, torch.tensor([end for _, end in spans], dtype=torch.int32))
        return [
            float(similar[begin:stop].max()) if begin < stop else 0.0
            for begin, stop in zip(first.tolist(), last.tolist(), strict=True)
        ]

    @functools.cached_property
    def _unit_vectors(self) -> Tensor:
        return torch.nn.functional.normalize(self.vectors.float(), dim=1)


class VectorMaker:
    """Makes the sentence vectors of a document, further and further, and keeps them in the library."""

    def __init__(self, document: Document, encoder: SentenceEncoder) -> None:
        self._document, self._encoder = document, encoder
        self._spans = [
            (page.start + start, page.start + end)
            for page in document.pages
            for text in (document.text[page.start : page.end],)
            for sentence in sentences(text)
            for start, end in shortened(text, sentence, MAX_SENTENCE_CHARS)
        ]
        self._parts: list[Tensor] = []
        self._done = 0

    def go_on(self, end_char: int) -> None:
        """Make the vectors of the sentences that end before a character and have none yet."""
        first = self._done
        while self._done < len(self._spans) and self._spans[self._done][1] <= end_char:
            self._done += 1
        if first < self._done:
            texts = [self._document.text[start:end] for start, end in self._spans[first : self._done]]
            vectors = self._encoder.encode(texts)
            largest = vectors.abs().amax(dim=1, keepdim=True).clamp(min=1e-12)
            self._parts.append((vectors / largest * 127).round().to(torch.int8))

    def keep(self, store: Store) -> None:
        """Keep the vectors of the whole document."""
        self.go_on(len(self._document.text))
        if self._parts:
            spans = torch.tensor(self._spans, dtype=torch.int32)
            content = save({"spans": spans, "vectors": torch.cat(self._parts)})
            with suppress(StoreError):  # on a full disk the memory matters more: questions are answered without them
                store.vectors.put(self._document.id, self._encoder.fingerprint, content)


def vector_maker(document: Document, encoder: SentenceEncoder | None, store: Store) -> VectorMaker | None:
    """What makes the vectors of a document; None where there is no encoder, or the library has them."""
    if encoder is None or sentence_vectors(document.id, encoder, store) is not None:
        return None
    return VectorMaker(document, encoder)


def make_vectors(
    document_id: str,
    encoder: SentenceEncoder | None,
    store: Store,
    *,
    progress: Callable[[int, int], None] = lambda *_: None,
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Make the vectors of a document of the library that has none, and tell whether it has them now for the first time.

    Args:
        encoder: None makes none.
        progress: called with the characters that are done, and with all, before each step.
        stopped: asked before each step; what was made until then is dropped.

    Raises:
        StoreError: the document is not there.
    """
    if encoder is None or store.database.read_only or sentence_vectors(document_id, encoder, store) is not None:
        return False
    document = stored_document(store, document_id)
    maker, chars = VectorMaker(document, encoder), len(document.text)
    for done in range(0, chars, _STEP_CHARS):
        progress(done, chars)
        if stopped():
            return False
        maker.go_on(done + _STEP_CHARS)
    maker.keep(store)
    return sentence_vectors(document_id, encoder, store) is not None


def sentence_vectors(document_id: str, encoder: SentenceEncoder | None, store: Store) -> SentenceVectors | None:
    """A document's vectors by this encoder; None where the library has none, or damaged ones."""
    content = None if encoder is None else store.vectors.get(document_id, encoder.fingerprint)
    if content is None:
        return None
    try:
        tensors = load(content)
        return SentenceVectors(tensors["spans"], tensors["vectors"])
    except (SafetensorError, KeyError):
        return None
