"""Questions asked of a document that was just read."""

from __future__ import annotations

from typing import ClassVar

import torch

from helpers.documents import QUESTION_ABOUT_FACT
from reader.answering import (
    Answer,
    AttachedMemory,
    Decoding,
    ask,
    attach,
    make_prompt,
)
from reader.answering.attention import attend
from reader.answering.evidence import Evidence, name_evidence, reading_map
from reader.documents import Document
from reader.models.model import Model
from reader.reading.loop import read
from storage import Store


def attached_to(document: Document, model: Model, store: Store, **settings: object) -> AttachedMemory:
    return attach(read(document, model, store, **settings).memory, model, store)  # type: ignore[arg-type]


def answered(attached: AttachedMemory, model: Model, question: str = QUESTION_ABOUT_FACT, **options: object) -> Answer:
    answer = list(ask(attached, question, model, **options))[-1].answer  # type: ignore[arg-type]
    assert answer is not None
    return answer


def find_evidence(
    attached: AttachedMemory, question: str, answer: str, model: Model
) -> tuple[tuple[Evidence, ...], tuple[float, ...]]:
    """Evidence and reading map of an answer that the decoder did not give itself."""
    attention = attend(attached.memory, make_prompt(question, model), model, model.encode(answer)[0])
    heat = attached.heat(attention)
    found = name_evidence(attached.sources, attached.passages, question, answer, heat)
    return found, reading_map(attached.sources, heat)


class Scripted(Decoding):
    """An answer whose tokens are given, one list a place; everything else is the real thing."""

    said: ClassVar[list[str]] = []
    margin: ClassVar[float] = 31.0
    """By how much a token is likelier than each other one."""

    def take(self, logits: torch.Tensor) -> str:
        places = list(dict.fromkeys(prompt.passages for prompt in self.looked_again))
        said = self.said[places.index(self.looked_again[-1].passages)]
        ids = [*self._model.encode(said)[0].tolist(), min(self._model.end_ids)]
        scripted = torch.full_like(logits, -self.margin)
        scripted[-1, ids[len(self.tokens)]] = 0.0
        return super().take(scripted)
